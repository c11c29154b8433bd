// Boost.Interprocess's message queue, as the benchmarks call it. No exception leaves it.

#include <boost/interprocess/ipc/message_queue.hpp>
#include <cstddef>

using boost::interprocess::message_queue;

extern "C" message_queue *boost_queue_create(const char *name, size_t capacity, size_t message_size) {
    try {
        return new message_queue(boost::interprocess::create_only, name, capacity, message_size);
    } catch (...) {
        return nullptr;
    }
}

extern "C" message_queue *boost_queue_open(const char *name) {
    try {
        return new message_queue(boost::interprocess::open_only, name);
    } catch (...) {
        return nullptr;
    }
}

extern "C" bool boost_queue_send(message_queue *queue, const void *message, size_t length) {
    try {
        queue->send(message, length, 0);
        return true;
    } catch (...) {
        return false;
    }
}

// The length of what was received; -1 if it failed.
extern "C" ptrdiff_t boost_queue_receive(message_queue *queue, void *buffer, size_t size) {
    try {
        message_queue::size_type length = 0;
        unsigned int priority = 0;
        queue->receive(buffer, size, length, priority);
        return static_cast<ptrdiff_t>(length);
    } catch (...) {
        return -1;
    }
}

extern "C" void boost_queue_close(message_queue *queue) { delete queue; }

extern "C" bool boost_queue_remove(const char *name) { return message_queue::remove(name); }
