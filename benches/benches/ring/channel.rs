//! A channel between two processes, both ways: our rings, and what the kernel has.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Acquire, Release};

use posix_ipc::ring::{mpmc, spsc};
use posix_ipc::shm::Mapping;
use posix_ipc::{Cleanup, MessageQueue, Name, OpenMode, SharedMemory};

/// Both directions of a channel, seen from one process.
pub(crate) trait Channel {
    fn send(&mut self, message: &[u8]);
    /// Receives a message of the buffer's length.
    fn receive(&mut self, buffer: &mut [u8]);
    /// Sends what was held back.
    fn flush(&mut self) {}
}

/// Who opens: the benchmark's process makes everything, its child comes after.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Parent,
    Child,
}

impl Side {
    /// The names of what this side sends and receives by.
    fn names(self, base: &str) -> (String, String) {
        let (there, back) = (format!("{base}-there"), format!("{base}-back"));
        if self == Self::Parent { (there, back) } else { (back, there) }
    }

    fn mode(self) -> OpenMode {
        if self == Self::Parent { OpenMode::CreateNew } else { OpenMode::OpenExisting }
    }
}

/// How to open a channel of one kind for messages of `len` bytes.
pub(crate) type Open<C> = fn(base: &str, side: Side, len: usize) -> C;

/// One cache line each way and a busy poll: what the hardware allows. A payload follows its
/// number.
pub(crate) struct Limit {
    mapping: Mapping,
    ours: usize,
    theirs: usize,
    sent: u64,
    received: u64,
}

impl Limit {
    pub(crate) fn open(base: &str, side: Side, len: usize) -> Self {
        let size = 2 * (4096 + len as u64).next_multiple_of(4096);
        let name = Name::new(base).expect("it is a name");
        let options = SharedMemory::options().mode(side.mode()).size(size);
        let memory = options.open(name).expect("there is memory");
        let mapping = memory.map_options().populate(true).map().expect("it can be mapped");
        let half = size as usize / 2;
        let (ours, theirs) = if side == Side::Parent { (0, half) } else { (half, 0) };
        Self { mapping, ours, theirs, sent: 0, received: 0 }
    }
}

impl Channel for Limit {
    fn send(&mut self, message: &[u8]) {
        self.sent += 1;
        if message.len() > 8 {
            self.mapping.write_at(self.ours + 8, message).expect("it fits");
        }
        self.mapping.atomic_u64(self.ours).expect("it is there").store(self.sent, Release);
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        self.received += 1;
        let flag = self.mapping.atomic_u64(self.theirs).expect("it is there");
        while flag.load(Acquire) != self.received {
            std::hint::spin_loop();
        }
        if buffer.len() > 8 {
            self.mapping.read_at(self.theirs + 8, buffer).expect("it fits");
        } else {
            let number = (self.received - 1).to_ne_bytes();
            buffer.copy_from_slice(&number[..buffer.len()]);
        }
    }
}

/// Two buffers by turns, each with a number that its sender writes and one that its receiver does, and busy
/// polls: what the hardware allows for a stream of long messages.
pub(crate) struct TwoBuffers {
    mapping: Mapping,
    ours: usize,
    theirs: usize,
    len: usize,
    sent: u64,
    received: u64,
}

impl TwoBuffers {
    const BUFFERS: u64 = 2;
    const RECEIVED: usize = 128;
    const FIRST: usize = 4096;

    pub(crate) fn open(base: &str, side: Side, len: usize) -> Self {
        let len = len.next_multiple_of(4096);
        let half = Self::FIRST + Self::BUFFERS as usize * len;
        let name = Name::new(base).expect("it is a name");
        let options = SharedMemory::options().mode(side.mode()).size(2 * half as u64);
        let memory = options.open(name).expect("there is memory");
        let mapping = memory.map_options().populate(true).map().expect("it can be mapped");
        let (ours, theirs) = if side == Side::Parent { (0, half) } else { (half, 0) };
        Self { mapping, ours, theirs, len, sent: 0, received: 0 }
    }

    fn await_at(&self, at: usize, is_there: impl Fn(u64) -> bool) {
        let number = self.mapping.atomic_u64(at).expect("it is there");
        while !is_there(number.load(Acquire)) {
            std::hint::spin_loop();
        }
    }

    fn tell(&self, at: usize, number: u64) {
        self.mapping.atomic_u64(at).expect("it is there").store(number, Release);
    }

    fn buffer(&self, half: usize, number: u64) -> usize {
        half + Self::FIRST + (number % Self::BUFFERS) as usize * self.len
    }
}

impl Channel for TwoBuffers {
    fn send(&mut self, message: &[u8]) {
        let oldest = (self.sent + 1).saturating_sub(Self::BUFFERS);
        self.await_at(self.ours + Self::RECEIVED, |received| received >= oldest);
        self.mapping.write_at(self.buffer(self.ours, self.sent), message).expect("it fits");
        self.sent += 1;
        self.tell(self.ours, self.sent);
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        self.await_at(self.theirs, |sent| sent > self.received);
        self.mapping.read_at(self.buffer(self.theirs, self.received), buffer).expect("it fits");
        self.received += 1;
        self.tell(self.theirs + Self::RECEIVED, self.received);
    }
}

/// Our spsc rings with default settings, messages copied in and out.
pub(crate) struct Spsc {
    sender: spsc::Sender,
    receiver: spsc::Receiver,
}

impl Spsc {
    pub(crate) fn with(base: &str, side: Side, capacity: usize, spin: bool) -> Self {
        let (there, back) = side.names(base);
        let sender = spsc::Sender::options().mode(side.mode()).capacity(capacity).spin(spin);
        let receiver = spsc::Receiver::options().mode(side.mode()).capacity(capacity).spin(spin);
        Self {
            sender: sender.open(&there).expect("the ring can be had"),
            receiver: receiver.open(&back).expect("the ring can be had"),
        }
    }

    pub(crate) fn open(base: &str, side: Side, _: usize) -> Self {
        Self::with(base, side, 4 << 20, true)
    }

    pub(crate) fn into_ends(self) -> (spsc::Sender, spsc::Receiver) {
        (self.sender, self.receiver)
    }

    pub(crate) fn open_default(base: &str, side: Side, _: usize) -> Self {
        Self::with(base, side, 1 << 20, true)
    }
}

impl Channel for Spsc {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) {
        self.sender.send(message).expect("the peer is there");
    }

    #[inline(always)]
    fn receive(&mut self, buffer: &mut [u8]) {
        let len = self.receiver.receive(buffer).expect("the peer is there");
        assert_eq!(len, buffer.len());
    }
}

/// As `Spsc`, with a receiver that comes late, so that much is there by then.
pub(crate) struct Late {
    ring: Spsc,
    is_late: bool,
}

impl Late {
    fn with(base: &str, side: Side, capacity: usize) -> Self {
        Self { ring: Spsc::with(base, side, capacity, true), is_late: side == Side::Child }
    }

    pub(crate) fn open(base: &str, side: Side, _: usize) -> Self {
        Self::with(base, side, 4 << 20)
    }

    pub(crate) fn open_large(base: &str, side: Side, _: usize) -> Self {
        Self::with(base, side, 64 << 20)
    }
}

impl Channel for Late {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) {
        self.ring.send(message);
    }

    #[inline(always)]
    fn receive(&mut self, buffer: &mut [u8]) {
        if std::mem::take(&mut self.is_late) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        self.ring.receive(buffer);
    }
}

/// The same, with one publication for 8 KiB of messages.
pub(crate) struct Batched(Spsc);

impl Batched {
    pub(crate) fn open(base: &str, side: Side, len: usize) -> Self {
        Self(Spsc::open(base, side, len))
    }

    /// Sends `count` messages, which `fill` makes.
    pub(crate) fn stream(&mut self, count: u64, message: &mut [u8], fill: fn(&mut [u8], u64)) {
        let mut batch = self.0.sender.batch();
        for number in 0..count {
            fill(message, number);
            batch.send(message).expect("the peer is there");
        }
    }
}

impl Channel for Batched {
    fn send(&mut self, message: &[u8]) {
        self.0.send(message);
    }

    #[inline(always)]
    fn receive(&mut self, buffer: &mut [u8]) {
        self.0.receive(buffer);
    }
}

/// Messages written and read in place, of which only the first 8 bytes are touched.
pub(crate) struct InPlace {
    rings: Spsc,
    len: usize,
}

impl InPlace {
    pub(crate) fn open(base: &str, side: Side, len: usize) -> Self {
        Self { rings: Spsc::open(base, side, len), len }
    }
}

impl Channel for InPlace {
    fn send(&mut self, message: &[u8]) {
        let mut grant = self.rings.sender.reserve(self.len).expect("the peer is there");
        grant.write_at(0, &message[..8]).expect("it fits");
        grant.commit();
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        let record = self.rings.receiver.peek().expect("the peer is there");
        assert_eq!(record.len(), self.len);
        record.read_at(0, &mut buffer[..8]).expect("it is there");
        record.release();
    }
}

/// Our mpmc rings.
pub(crate) struct Mpmc {
    sender: mpmc::Sender,
    receiver: mpmc::Receiver,
}

impl Mpmc {
    pub(crate) fn open(base: &str, side: Side, len: usize) -> Self {
        Self::with(base, side, len, ((4 << 20) / (len + 64)).clamp(16, 1024))
    }

    /// As small as a dialogue needs it, so that its slots stay in the nearest caches.
    pub(crate) fn open_small(base: &str, side: Side, len: usize) -> Self {
        Self::with(base, side, len, 32)
    }

    fn with(base: &str, side: Side, len: usize, capacity: usize) -> Self {
        let (there, back) = side.names(base);
        let sender = mpmc::Sender::options().mode(side.mode());
        let receiver = mpmc::Receiver::options().mode(side.mode());
        let sender = sender.capacity(capacity).message_size(len).open(&there);
        let receiver = receiver.capacity(capacity).message_size(len).open(&back);
        Self {
            sender: sender.expect("the ring can be had"),
            receiver: receiver.expect("the ring can be had"),
        }
    }
}

impl Channel for Mpmc {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) {
        self.sender.send(message, 0).expect("the ring is whole");
    }

    #[inline(always)]
    fn receive(&mut self, buffer: &mut [u8]) {
        let (length, _) = self.receiver.receive(buffer).expect("the ring is whole");
        assert_eq!(length, buffer.len());
    }
}

/// The kernel's queue, through our crate.
pub(crate) struct Mq {
    sender: MessageQueue,
    receiver: MessageQueue,
    buffer: Vec<u8>,
}

impl Mq {
    pub(crate) fn open(base: &str, side: Side, len: usize) -> Self {
        let (there, back) = side.names(base);
        let open = |name: &str| {
            let options = MessageQueue::options().mode(side.mode()).cleanup(Cleanup::Creator);
            options.capacity(10).message_size(len).open(name).expect("the queue can be had")
        };
        Self { sender: open(&there), receiver: open(&back), buffer: vec![0; len] }
    }
}

impl Channel for Mq {
    fn send(&mut self, message: &[u8]) {
        self.sender.send(message, 0u32).expect("the queue is there");
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        let (len, _) = self.receiver.receive(&mut self.buffer[..]).expect("the queue is there");
        buffer.copy_from_slice(&self.buffer[..len]);
    }
}

/// Two pipes.
pub(crate) struct Pipe {
    sender: File,
    receiver: File,
    paths: Vec<PathBuf>,
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(name.trim_start_matches('/'))
}

impl Pipe {
    pub(crate) fn open(base: &str, side: Side, _: usize) -> Self {
        let (there, back) = side.names(base);
        let (there, back) = (path(&there), path(&back));
        let mut paths = Vec::new();
        if side == Side::Parent {
            for path in [&there, &back] {
                let mode = rustix::fs::Mode::from(0o600);
                rustix::fs::mkfifoat(rustix::fs::CWD, path, mode).expect("it can be made");
                paths.push(path.clone());
            }
        }
        // For both, so that nobody waits for the other to open.
        let open = |path: &Path| {
            File::options().read(true).write(true).open(path).expect("it can be opened")
        };
        Self { sender: open(&there), receiver: open(&back), paths }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        for path in &self.paths {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Channel for Pipe {
    fn send(&mut self, message: &[u8]) {
        self.sender.write_all(message).expect("the peer is there");
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        self.receiver.read_exact(buffer).expect("the peer is there");
    }
}

/// A Unix stream socket; the parent's listener is taken up at the first use.
pub(crate) struct Socket {
    listener: Option<UnixListener>,
    stream: Option<UnixStream>,
    path: PathBuf,
}

impl Socket {
    pub(crate) fn open(base: &str, side: Side, _: usize) -> Self {
        let path = path(base);
        if side == Side::Parent {
            let listener = UnixListener::bind(&path).expect("it can be bound");
            return Self { listener: Some(listener), stream: None, path };
        }
        let stream = UnixStream::connect(&path).expect("the parent listens");
        Self { listener: None, stream: Some(stream), path }
    }

    fn stream(&mut self) -> &mut UnixStream {
        if let Some(listener) = self.listener.take() {
            self.stream = Some(listener.accept().expect("the child connects").0);
            let _ = std::fs::remove_file(&self.path);
        }
        self.stream.as_mut().expect("it is connected")
    }
}

impl Channel for Socket {
    fn send(&mut self, message: &[u8]) {
        self.stream().write_all(message).expect("the peer is there");
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        self.stream().read_exact(buffer).expect("the peer is there");
    }
}
