"""Reads and writes mpmc rings; written from docs/ring-format.md, for the tests.

mpmc_ring.py read NAME | write NAME FIRST COUNT | create NAME FIRST COUNT | echo FROM TO COUNT

Any number of it may claim at once, among others: the atomics are libatomic's, which for words of
4 and 8 bytes are the processor's own instructions, as everybody else's are.
"""

import ctypes
import fcntl
import mmap
import os
import struct
import sys
import time

FREE, WRITING, FULL, READING = range(4)
RECEIVERS, SENDERS, SKIPPED, REDELIVERED, SEATS_USED = 128, 384, 640, 648, 656
TAIL, HEAD, RETURNS, SEATS, SLOTS, LOCKS = 4096, 4224, 4232, 12288, 16384, 2048
SYS_FUTEX = {"x86_64": 202, "aarch64": 98}[os.uname().machine]
FUTEX_WAIT, FUTEX_WAKE, F_OFD_SETLK = 0, 1, 37
PREAMBLE = struct.Struct("8sIIQQQIIIIQ")
RELAXED, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST = 0, 2, 3, 4, 5
POSITION = (1 << 40) - 1

libc = ctypes.CDLL(None, use_errno=True)
atomics = ctypes.CDLL("libatomic.so.1")
getattr(atomics, "__atomic_load_8").restype = ctypes.c_uint64
getattr(atomics, "__atomic_compare_exchange_8").restype = ctypes.c_bool
libc.prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: it never outlives its test


def atomic(what, address, *arguments):
    return getattr(atomics, what)(ctypes.c_void_p(address), *arguments)


def fence():
    atomics.atomic_thread_fence(SEQ_CST)


def preamble(capacity, longest, lanes, flags):
    slot = (16 + longest + 15) & ~15
    size = (SLOTS + lanes * capacity * slot + 4095) & ~4095
    return PREAMBLE.pack(b"PIPCRING", 6, 2, size, SLOTS, capacity, longest, lanes, slot, flags, 0), size, slot


class Ring:
    def __init__(self, name):
        fd = os.open("/dev/shm/" + name.lstrip("/"), os.O_RDWR | os.O_CLOEXEC)
        self.map = mmap.mmap(fd, 0)
        magic, version, shape, _, _, capacity, longest, lanes, _, flags, _ = PREAMBLE.unpack_from(self.map)
        if (magic, version, shape) != (b"PIPCRING", 6, 2):
            raise SystemExit(f"no mpmc ring of version 6: {magic} version {version} shape {shape}")
        expected, size, self.slot_size = preamble(capacity, longest, lanes, flags)
        powers = [1 << i for i in range(1, 25)]
        if flags > 1 or capacity not in powers or not 1 <= lanes <= 32 or longest > 1 << 30:
            raise SystemExit("numbers out of range")
        if self.map[:64] != expected or len(self.map) != size:
            raise SystemExit("sizes that do not fit each other")
        self.capacity, self.longest, self.lanes = capacity, longest, lanes
        self.shift = capacity.bit_length() - 1
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        self.locks = os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)  # never mapped
        os.close(fd)
        self.seat = next(seat for seat in range(1024) if self.lock(seat))
        if self.load32(SEATS + 4 * self.seat):
            self.repair(self.seat)
        while (used := self.load32(SEATS_USED)) <= self.seat:
            expected = ctypes.c_uint32(used)
            word = self.base + SEATS_USED
            atomic("__atomic_compare_exchange_4", word, ctypes.byref(expected), self.seat + 1, ACQ_REL, ACQUIRE)
        self.store32(SEATS + 4 * self.seat, os.getpid())
        self.looked = time.monotonic()

    def close(self):
        self.store32(SEATS + 4 * self.seat, 0)
        os.close(self.locks)

    def lock(self, seat, kind=fcntl.F_WRLCK):
        # struct flock: type, whence, start, len, pid
        try:
            fcntl.fcntl(self.locks, F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, LOCKS + seat, 1, 0))
            return True
        except BlockingIOError:
            return False

    def load(self, at):
        return atomic("__atomic_load_8", self.base + at, ACQUIRE)

    def store(self, at, value):
        atomic("__atomic_store_8", self.base + at, ctypes.c_uint64(value), RELEASE)

    def load32(self, at):
        return ctypes.c_uint32(atomic("__atomic_load_4", self.base + at, ACQUIRE)).value

    def store32(self, at, value):
        atomic("__atomic_store_4", self.base + at, value, RELEASE)

    def swap(self, at, old, new):
        """Compares and swaps; whether it did."""
        old = ctypes.c_uint64(old)
        word, new = self.base + at, ctypes.c_uint64(new)
        return atomic("__atomic_compare_exchange_8", word, ctypes.byref(old), new, ACQ_REL, ACQUIRE)

    def slot(self, lane, position):
        return SLOTS + (lane * self.capacity + position % self.capacity) * self.slot_size

    def start(self, lane):
        """How much has come back, and a position before which no message is."""
        count, word = self.load(RETURNS + 256 * lane), self.load(HEAD + 256 * lane)
        if word >> 40 == count & 0xFFFFFF:
            near = self.stands_at(lane, word & POSITION)
            behind = (near - word) & POSITION
            return count, near - (behind if behind < 1 << 39 else behind - (1 << 40))
        return count, min(self.stands_at(lane, index) for index in range(self.capacity))

    def stands_at(self, lane, index):
        """The position of a slot, by its lap."""
        return self.load(self.slot(lane, index)) >> 12 << self.shift | index % self.capacity

    def claim(self, lane, read, wanted):
        """From free to being written, or from full to being read; from what it went, and the position if there is one."""
        start = read()
        position = start[1]
        for _ in range(4 * self.capacity + 1000):
            slot, lap = self.slot(lane, position), position >> self.shift
            state = self.load(slot)
            found, phase = state >> 12, state & 3
            if found == lap and phase == wanted:
                if self.swap(slot, state, lap << 12 | self.seat << 2 | wanted + 1):
                    return start, position
            elif found == lap and phase > wanted:
                position += 1
            elif found == lap or found + 1 == lap and phase != FREE:
                if found < lap and phase == wanted == FULL:  # the head is past it
                    self.count_return(lane)
                return start, None
            elif found > lap:
                newer = read()
                onwards = position + 1 + (max(found - lap - 2, 0) << self.shift)
                start, position = (newer, newer[1]) if newer != start else (start, onwards)
            else:
                break
        raise SystemExit(f"damage in lane {lane} at {position}")

    def try_send(self, message, lane):
        _, position = self.claim(lane, lambda: (0, self.load(TAIL + 256 * lane)), FREE)
        if position is None:
            return None
        slot, lap = self.slot(lane, position), position >> self.shift
        self.store(TAIL + 256 * lane, position + 1)
        self.store(slot + 8, len(message))
        self.map[slot + 16 : slot + 16 + len(message)] = message
        self.store(slot, lap << 12 | FULL)
        self.notify(RECEIVERS)
        return True

    def try_receive(self):
        for lane in reversed(range(self.lanes)):
            (count, _), position = self.claim(lane, lambda: self.start(lane), FULL)
            if position is None:
                continue
            self.move_head(lane, count, position + 1)
            slot = self.slot(lane, position)
            length = self.load(slot + 8)
            assert length <= self.longest, length
            message = self.map[slot + 16 : slot + 16 + length]
            self.store(slot, (position >> self.shift) + 1 << 12)
            self.notify(SENDERS)
            return message, lane
        return None

    def move_head(self, lane, count, position):
        word, now = (count & 0xFFFFFF) << 40 | position & POSITION, self.load(HEAD + 256 * lane)
        if now >> 40 == count & 0xFFFFFF and 0 < (word - now) & POSITION < 1 << 39:
            self.swap(HEAD + 256 * lane, now, word)

    def count_return(self, lane):
        atomic("__atomic_fetch_add_8", self.base + RETURNS + 256 * lane, ctypes.c_uint64(1), ACQ_REL)

    def send(self, message, lane):
        self.wait(SENDERS, lambda: self.try_send(message, lane))

    def receive(self):
        return self.wait(RECEIVERS, self.try_receive)

    def notify(self, event):
        fence()
        if atomic("__atomic_exchange_4", self.base + event, 0, SEQ_CST):
            self.wake(event)

    def wake(self, event):
        epoch = self.base + event + 128
        atomic("__atomic_fetch_add_4", epoch, 1, SEQ_CST)
        libc.syscall(SYS_FUTEX, ctypes.c_void_p(epoch), FUTEX_WAKE, 0x7FFFFFFF, None, None, 0)

    def wait(self, event, look):
        """Sleeps for a millisecond at most, which needs no membarrier."""
        timeout = struct.pack("qq", 0, 1_000_000)
        while (found := look()) is None:
            if time.monotonic() > self.looked + 0.1:
                self.look_for_the_dead()
            epoch = self.load32(event + 128)
            self.store32(event, 1)
            fence()
            if (found := look()) is not None:
                break
            word = ctypes.c_void_p(self.base + event + 128)
            libc.syscall(SYS_FUTEX, word, FUTEX_WAIT, ctypes.c_uint32(epoch), timeout, None, 0)
        return found

    def look_for_the_dead(self):
        self.looked = time.monotonic()
        for seat in range(min(self.load32(SEATS_USED), 1024)):
            if seat != self.seat and self.load32(SEATS + 4 * seat) and self.lock(seat):
                self.repair(seat)
                self.store32(SEATS + 4 * seat, 0)
                self.lock(seat, fcntl.F_UNLCK)

    def repair(self, seat):
        for lane in range(self.lanes):
            for index in range(self.capacity):
                state = self.load(slot := self.slot(lane, index))
                lap, owner, phase = state >> 12, state >> 2 & 1023, state & 3
                if owner == seat and phase == WRITING:
                    self.store(slot, lap + 1 << 12)
                    atomic("__atomic_fetch_add_8", self.base + SKIPPED, ctypes.c_uint64(1), RELAXED)
                elif owner == seat and phase == READING:
                    self.store(slot, lap << 12 | FULL)
                    atomic("__atomic_fetch_add_8", self.base + REDELIVERED, ctypes.c_uint64(1), RELAXED)
            self.count_return(lane)
        self.wake(RECEIVERS)
        self.wake(SENDERS)


def create(name, capacity, longest, lanes):
    """Complete under a name of its own, then given its name."""
    path = "/dev/shm/" + name.lstrip("/")
    header, size, _ = preamble(capacity, longest, lanes, 0)
    with open(path + ".new", "xb") as file:
        file.write(header.ljust(size, b"\0"))
    os.link(path + ".new", path)
    os.unlink(path + ".new")


def message(i):
    return struct.pack("I", i) + bytes((i + j) % 256 for j in range(i * 7 % 290))


def main(mode, name, *arguments):
    if mode == "create":
        create(name, 8, 300, 3)
        print("created")
    ring = Ring(name)
    print("ready")
    if mode == "read":  # until an empty one
        while (received := ring.receive())[0]:
            number = struct.unpack_from("I", received[0])[0]
            assert received[0] == message(number), number
            print(number, received[1])
    elif mode == "echo":
        back = Ring(arguments[0])
        for _ in range(int(arguments[1])):
            back.send(*ring.receive())
        back.close()
    else:
        first, count = map(int, arguments)
        for i in range(first, first + count):
            ring.send(message(i), 1 + i % (ring.lanes - 1))
    ring.close()
    print("ok")


main(*sys.argv[1:])
