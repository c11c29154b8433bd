//! Message queues: `mq_open` and friends.
