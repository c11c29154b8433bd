"""Reads and writes spsc rings; written from docs/ring-format.md, for the tests.

ring.py read|write|create NAME COUNT [LENGTH]

With a length, messages have about so many bytes.
"""

import ctypes
import fcntl
import mmap
import os
import struct
import sys
import time

MAGIC = b"PIPCRING"
DATA = 0x52454331
TAIL, LATEST, RESTART, HEAD, TAKEN = 128, 136, 144, 384, 512
RECEIVER_SLEEPS, SENDER_SLEEPS = 640, 768
SENDER_SEAT, RECEIVER_SEAT = 896, 1024
REACHED, PART = 1152, 10_000
LOCKS = 2048
SYS_FUTEX, FUTEX_WAKE = {"x86_64": 202, "aarch64": 98}[os.uname().machine], 1
F_OFD_SETLK = 37

libc = ctypes.CDLL(None, use_errno=True)


class Ring:
    def __init__(self, name, seat):
        path = "/dev/shm/" + name.lstrip("/")
        self.locks = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # never mapped
        # struct flock: type, whence, start, len, pid
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, LOCKS + seat, 1, 0)
        fcntl.fcntl(self.locks, F_OFD_SETLK, lock)  # EAGAIN: the end is taken
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.map = mmap.mmap(fd, 0)
        os.close(fd)
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        magic, version, shape, size, offset, capacity = struct.unpack_from("8sIIQQQ", self.map, 0)
        assert (magic, version, shape) == (MAGIC, 6, 1), "no spsc ring of version 6"
        assert size == len(self.map) == offset + capacity
        self.offset, self.capacity = offset, capacity
        self.seat = (SENDER_SEAT, RECEIVER_SEAT)[seat]
        self.peer_sleeps = (RECEIVER_SLEEPS, SENDER_SLEEPS)[seat]
        self.store32(self.seat + 8, os.getpid())
        self.store32(self.seat + 4, 1)
        self.store32(self.seat, self.load32(self.seat) + 1)
        if seat == 0:
            self.store(REACHED, 0)
            self.store(LATEST, 0)  # no copies of messages are kept beside the tail
            if 0 < self.load(RESTART) - self.load(TAIL) <= self.capacity:
                self.store(RESTART, self.load(TAKEN))
        self.wake_peer()

    def close(self):
        self.store32(self.seat + 4, 0)
        self.wake_peer()
        os.close(self.locks)

    # Aligned words are loaded and stored in one piece by ctypes; x86-64 keeps their order.
    def load(self, at):
        return ctypes.c_uint64.from_address(self.base + at).value

    def store(self, at, value):
        ctypes.c_uint64.from_address(self.base + at).value = value

    def load32(self, at):
        return ctypes.c_uint32.from_address(self.base + at).value

    def store32(self, at, value):
        ctypes.c_uint32.from_address(self.base + at).value = value

    def wake_peer(self):
        """Without a fence at hand: takes the announcement back and wakes unconditionally."""
        self.store32(self.peer_sleeps, 0)
        word = ctypes.c_void_p(self.base + self.peer_sleeps)
        libc.syscall(SYS_FUTEX, word, FUTEX_WAKE, 0x7FFFFFFF, None, None, 0)

    def copy(self, position, data=None, length=0):
        """Bytes at a position of the data region, which wraps around."""
        at = position % self.capacity
        length = length if data is None else len(data)
        first = min(length, self.capacity - at)
        start = self.offset + at
        if data is None:
            return self.map[start : start + first] + self.map[self.offset : self.offset + length - first]
        self.map[start : start + first] = data[:first]
        self.map[self.offset : self.offset + length - first] = data[first:]

    def next(self, position):
        """Where to go on: the sender may have begun anew."""
        restart = self.load(RESTART)
        return restart if 0 < restart - position <= self.capacity else position

    def send(self, message):
        size = (8 + len(message) + 7) & ~7
        tail = self.load(TAIL)
        while tail + size - self.load(TAKEN) > self.capacity:
            time.sleep(0.0001)
        if tail == self.load(TAKEN) and tail % self.capacity and len(message) > 400:
            tail += self.capacity - tail % self.capacity
            self.store(RESTART, tail)
        self.copy(tail, struct.pack("II", len(message), DATA))
        for at in range(0, len(message), PART):
            self.copy(tail + 8 + at, message[at : at + PART])
            self.store(REACHED, min(tail + 8 + at + PART, tail + size))
        self.store(TAIL, tail + size)
        self.wake_peer()

    def receive(self):
        head = self.load(TAKEN)
        while self.load(TAIL) == head:
            time.sleep(0.0001)
        head = self.next(head)
        length, kind = struct.unpack("II", self.copy(head, length=8))
        assert kind == DATA, hex(kind)
        message = self.copy(head + 8, length=length)
        head += (8 + length + 7) & ~7
        self.store(TAKEN, head)
        self.store(HEAD, head)
        self.wake_peer()
        return message


def create(name, capacity):
    """Complete under a name of its own, then given its name."""
    path = "/dev/shm/" + name.lstrip("/")
    header = struct.pack("8sIIQQQIIII", MAGIC, 6, 1, 4096 + capacity, 4096, capacity, capacity - 8, 1, 0, 0)
    with open(path + ".new", "xb") as file:
        file.write(header.ljust(4096 + capacity, b"\0"))
    os.link(path + ".new", path)
    os.unlink(path + ".new")


def message(i, length):
    return bytes((i + j) % 256 for j in range(length + i * 7 % 900))


def main(mode, name, count, length=0):
    if mode == "create":
        create(name, 4096)
        print("created")
    ring = Ring(name, 1 if mode == "read" else 0)
    for i in range(int(count)):
        if mode == "read":
            assert ring.receive() == message(i, int(length)), i
        else:
            ring.send(message(i, int(length)))
    ring.close()
    print("ok")


main(*sys.argv[1:])
