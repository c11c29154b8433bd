//! Message queues beside posixmq, nix and the C library, with a pipe and a datagram socket as
//! yardsticks.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use criterion::Criterion;
use nix::mqueue as nixmq;
use posix_ipc::mq::AsyncMessageQueue;
use posix_ipc::{MessageQueue, Name};
use posix_ipc_benches::contest::Contest;
use posix_ipc_benches::figures::{Figure, Figures};
use posix_ipc_benches::pair::{self, Peer};
use posix_ipc_sys::mq as sys;
use rustix::event::epoll;

const SIZES: [(&str, usize); 3] = [("64 B", 64), ("1 KiB", 1024), ("8 KiB", 8192)];
/// What every queue here takes.
const MESSAGE_SIZE: usize = 8192;
const PRIORITY: u32 = 5;

fn main() {
    pair::dispatch(&[
        ("echo_ours", echo_ours),
        ("echo_posixmq", echo_posixmq),
        ("echo_nix", echo_nix),
        ("echo_pipe", echo_pipe),
        ("echo_datagram", echo_datagram),
        ("echo_tokio", echo_tokio),
        ("echo_epoll", echo_epoll),
    ]);
    for (label, size) in SIZES {
        one_thread(label, size);
    }
    pieces();
    ping_pong("mq/ping-pong 64 B", 1);
    ping_pong("mq/one processor ping-pong 64 B", 0);
    let mut criterion = Criterion::default().configure_from_args();
    timed(&mut criterion);
    criterion.final_summary();
}

/// A queue for two messages under a name that goes with it.
fn queue(label: &str) -> MessageQueue {
    MessageQueue::create(Name::unique(label), 2, MESSAGE_SIZE).expect("there is room for a queue")
}

/// The name as the peers take it, with its slash.
fn path(queue: &MessageQueue) -> String {
    queue.name().to_string()
}

fn posixmq(name: &str) -> posixmq::PosixMq {
    posixmq::OpenOptions::readwrite().open(name).expect("posixmq opens it")
}

fn nix(name: &str) -> nixmq::MqdT {
    let mode = nix::sys::stat::Mode::empty();
    nixmq::mq_open(name, nixmq::MQ_OFlag::O_RDWR, mode, None).expect("nix opens it")
}

/// Sends and receives a message with a priority.
fn one_thread(label: &str, size: usize) {
    let queues = [(); 5].map(|()| queue("bench-mq"));
    let message = vec![7; size];
    let [ours, plain, theirs, others, raw] = &queues;
    let (theirs, others) = (posixmq(&path(theirs)), nix(&path(others)));
    let mut buffer = BytesMut::with_capacity(MESSAGE_SIZE);
    let mut buffers = [(); 6].map(|()| vec![0u8; MESSAGE_SIZE]);
    let [sys_buffer, posixmq_buffer, nix_buffer, libc_buffer, pipe_buffer, datagram_buffer] =
        &mut buffers;
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    let (near, far) = UnixDatagram::pair().expect("a socket pair");

    Contest::new(&format!("mq/send and receive {label}"), 20_000)
        .contender("posix-ipc", |n| {
            Figures::of_loop(n, || {
                ours.send(&message, PRIORITY).expect("room");
                buffer.clear();
                let (length, priority) = ours.receive(&mut buffer).expect("a message");
                assert!(length == size && priority == PRIORITY);
            })
        })
        .contender("posix-ipc-sys", |n| {
            Figures::of_loop(n, || {
                sys::send(plain, &message, PRIORITY).expect("room");
                let got = sys::receive(plain, &mut sys_buffer[..]).expect("a message");
                assert!(got == (size, PRIORITY));
            })
        })
        .contender("posixmq", |n| {
            Figures::of_loop(n, || {
                theirs.send(PRIORITY, &message).expect("room");
                let got = theirs.recv(posixmq_buffer).expect("a message");
                assert!(got == (PRIORITY, size));
            })
        })
        .contender("nix", |n| {
            Figures::of_loop(n, || {
                nixmq::mq_send(&others, &message, PRIORITY).expect("room");
                let mut priority = 0;
                let got = nixmq::mq_receive(&others, nix_buffer, &mut priority);
                assert!(got == Ok(size) && priority == PRIORITY);
            })
        })
        .contender("libc", |n| Figures::of_loop(n, || libc_once(raw, &message, libc_buffer)))
        .contender("pipe", |n| {
            Figures::of_loop(n, || {
                writer.write_all(&message).expect("room");
                reader.read_exact(&mut pipe_buffer[..size]).expect("a message");
            })
        })
        .contender("unix datagram", |n| {
            Figures::of_loop(n, || {
                near.send(&message).expect("room");
                assert!(far.recv(datagram_buffer).expect("a message") == size);
            })
        })
        .target("posix-ipc", "posixmq", Figure::P50, 1.0)
        .target("posix-ipc", "libc", Figure::P50, 0.9)
        .run();
}

/// What C would do.
fn libc_once(queue: &MessageQueue, message: &[u8], buffer: &mut [u8]) {
    use std::os::fd::AsRawFd;
    let (fd, mut priority) = (queue.as_raw_fd(), 0);
    // SAFETY: the message is borrowed for the call.
    let sent = unsafe { libc::mq_send(fd, message.as_ptr().cast(), message.len(), PRIORITY) };
    // SAFETY: as many bytes as it says are writable.
    let got =
        unsafe { libc::mq_receive(fd, buffer.as_mut_ptr().cast(), buffer.len(), &mut priority) };
    assert!(sent == 0 && got == message.len() as isize && priority == PRIORITY);
}

/// A message of two pieces beside the same in one.
fn pieces() {
    let (split, whole) = (queue("bench-mq"), queue("bench-mq"));
    let message = [7; 1024];
    let (head, tail) = message.split_at(16);
    let pieces = [std::io::IoSlice::new(head), std::io::IoSlice::new(tail)];
    let (mut split_buffer, mut whole_buffer) = (Vec::new(), Vec::new());
    Contest::new("mq/two pieces of 1 KiB", 20_000)
        .contender("send_vectored", |n| {
            Figures::of_loop(n, || {
                split.send_vectored(&pieces, PRIORITY).expect("room");
                split_buffer.clear();
                split.receive(&mut split_buffer).expect("a message");
            })
        })
        .contender("send", |n| {
            Figures::of_loop(n, || {
                whole.send(&message, PRIORITY).expect("room");
                whole_buffer.clear();
                whole.receive(&mut whole_buffer).expect("a message");
            })
        })
        .run();
}

/// The two ways between this process and an echo.
struct Ways {
    there: MessageQueue,
    back: MessageQueue,
    _peer: Peer,
}

impl Ways {
    fn to(role: &str, cpu: usize) -> Self {
        let (there, back) = (queue("bench-mq-there"), queue("bench-mq-back"));
        let peer = pair::run(role, cpu, &[&path(&there), &path(&back)]);
        Self { there, back, _peer: peer }
    }
}

/// There and back between two processes, this one on processor 0 and the other on `cpu`, 64 bytes
/// each way.
fn ping_pong(contest: &str, cpu: usize) {
    let message = [7u8; 64];
    let directory = tempfile::tempdir().expect("a directory");
    let ours = Ways::to("echo_ours", cpu);
    let posixmq_ways = Ways::to("echo_posixmq", cpu);
    let (posixmq_there, posixmq_back) =
        (posixmq(&path(&posixmq_ways.there)), posixmq(&path(&posixmq_ways.back)));
    let nix_ways = Ways::to("echo_nix", cpu);
    let (nix_there, nix_back) = (nix(&path(&nix_ways.there)), nix(&path(&nix_ways.back)));
    let (mut pipe_there, mut pipe_back, _pipe) = pipe_ways(directory.path(), cpu);
    let (socket, _socket) = datagram_ways(directory.path(), cpu);
    let epoll_ways = Ways::to("echo_epoll", cpu);
    let epoll_back = Epoll::of(&epoll_ways.back);
    let mut epoll_buffer = Vec::with_capacity(MESSAGE_SIZE);
    let tokio_ways = Ways::to("echo_tokio", cpu);
    let runtime = runtime();
    let (tokio_there, tokio_back) = {
        let _entered = runtime.enter();
        (asynchronous(&path(&tokio_ways.there)), asynchronous(&path(&tokio_ways.back)))
    };
    // Not before: the peers would inherit it, and be on the same processor.
    pair::pin(0);
    let mut buffer = Vec::with_capacity(MESSAGE_SIZE);
    let mut tokio_buffer = Vec::with_capacity(MESSAGE_SIZE);
    let mut bytes = [vec![0; MESSAGE_SIZE], vec![0; MESSAGE_SIZE], vec![0; 64], vec![0; 64]];
    let [posixmq_buffer, nix_buffer, pipe_buffer, socket_buffer] = &mut bytes;

    Contest::new(contest, 5_000)
        .contender("posix-ipc", |n| {
            Figures::of_each(n, || {
                ours.there.send(&message, PRIORITY).expect("room");
                buffer.clear();
                let (length, _) = ours.back.receive(&mut buffer).expect("an answer");
                assert!(length == 64);
            })
        })
        .contender("posixmq", |n| {
            Figures::of_each(n, || {
                posixmq_there.send(PRIORITY, &message).expect("room");
                assert!(posixmq_back.recv(posixmq_buffer).expect("an answer").1 == 64);
            })
        })
        .contender("nix", |n| {
            Figures::of_each(n, || {
                nixmq::mq_send(&nix_there, &message, PRIORITY).expect("room");
                assert!(nixmq::mq_receive(&nix_back, nix_buffer, &mut 0) == Ok(64));
            })
        })
        .contender("posix-ipc, tokio", |n| {
            runtime.block_on(async {
                let mut samples = Vec::with_capacity(n as usize);
                for _ in 0..n {
                    let start = Instant::now();
                    tokio_there.send(&message, PRIORITY).await.expect("room");
                    tokio_buffer.clear();
                    let (length, _) =
                        tokio_back.receive(&mut tokio_buffer).await.expect("an answer");
                    assert!(length == 64);
                    samples.push(start.elapsed().as_nanos() as u64);
                }
                Figures::of_samples(&mut samples)
            })
        })
        .contender("epoll by hand", |n| {
            Figures::of_each(n, || {
                epoll_ways.there.send(&message, PRIORITY).expect("room");
                epoll_buffer.clear();
                epoll_back.receive(&epoll_ways.back, &mut epoll_buffer);
                assert!(epoll_buffer.len() == 64);
            })
        })
        .contender("pipe", |n| {
            Figures::of_each(n, || {
                pipe_there.write_all(&message).expect("room");
                pipe_back.read_exact(pipe_buffer).expect("an answer");
            })
        })
        .contender("unix datagram", |n| {
            Figures::of_each(n, || {
                socket.send(&message).expect("room");
                assert!(socket.recv(socket_buffer).expect("an answer") == 64);
            })
        })
        .target("posix-ipc", "posixmq", Figure::P50, 1.0)
        .target("posix-ipc, tokio", "posix-ipc", Figure::P50, 1.3)
        .target("posix-ipc, tokio", "epoll by hand", Figure::P50, 1.3)
        .run();
    pair::unpin();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime")
}

fn asynchronous(name: &str) -> AsyncMessageQueue {
    let queue = MessageQueue::open(name).expect("the queue is there");
    AsyncMessageQueue::new(queue).expect("epoll takes it")
}

fn open(arguments: &[String]) -> (MessageQueue, MessageQueue) {
    let open = |name: &String| MessageQueue::open(name).expect("the queue is there");
    (open(&arguments[0]), open(&arguments[1]))
}

fn echo_ours(arguments: &[String]) {
    let (there, back) = open(arguments);
    let mut buffer = Vec::with_capacity(MESSAGE_SIZE);
    pair::ready();
    loop {
        buffer.clear();
        there.receive(&mut buffer).expect("a message");
        back.send(&buffer, PRIORITY).expect("room");
    }
}

fn echo_posixmq(arguments: &[String]) {
    let (there, back) = (posixmq(&arguments[0]), posixmq(&arguments[1]));
    let mut buffer = vec![0; MESSAGE_SIZE];
    pair::ready();
    loop {
        let (_, length) = there.recv(&mut buffer).expect("a message");
        back.send(PRIORITY, &buffer[..length]).expect("room");
    }
}

fn echo_nix(arguments: &[String]) {
    let (there, back) = (nix(&arguments[0]), nix(&arguments[1]));
    let mut buffer = vec![0; MESSAGE_SIZE];
    pair::ready();
    loop {
        let length = nixmq::mq_receive(&there, &mut buffer, &mut 0).expect("a message");
        nixmq::mq_send(&back, &buffer[..length], PRIORITY).expect("room");
    }
}

fn echo_tokio(arguments: &[String]) {
    runtime().block_on(async {
        let (there, back) = (asynchronous(&arguments[0]), asynchronous(&arguments[1]));
        let mut buffer = Vec::with_capacity(MESSAGE_SIZE);
        pair::ready();
        loop {
            buffer.clear();
            there.receive(&mut buffer).await.expect("a message");
            back.send(&buffer, PRIORITY).await.expect("room");
        }
    });
}

/// The least that an event loop does: wait for the queue, then receive.
struct Epoll(OwnedFd);

impl Epoll {
    fn of(queue: &MessageQueue) -> Self {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("a descriptor");
        let data = epoll::EventData::new_u64(0);
        epoll::add(&poll, queue, data, epoll::EventFlags::IN).expect("epoll takes it");
        Self(poll)
    }

    fn receive(&self, queue: &MessageQueue, buffer: &mut Vec<u8>) {
        let mut events = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }];
        loop {
            let _ = epoll::wait(&self.0, &mut events, None);
            if queue.try_receive(&mut *buffer).expect("a queue").is_some() {
                return;
            }
        }
    }
}

fn echo_epoll(arguments: &[String]) {
    let (there, back) = open(arguments);
    let poll = Epoll::of(&there);
    let mut buffer = Vec::with_capacity(MESSAGE_SIZE);
    pair::ready();
    loop {
        buffer.clear();
        poll.receive(&there, &mut buffer);
        back.send(&buffer, PRIORITY).expect("room");
    }
}

/// Opens a named pipe for both, so that opening does not wait for the other side.
fn fifo(path: &Path) -> File {
    File::options().read(true).write(true).open(path).expect("a named pipe")
}

fn pipe_ways(directory: &Path, cpu: usize) -> (File, File, Peer) {
    let paths = [directory.join("there"), directory.join("back")];
    for path in &paths {
        let name = std::ffi::CString::new(path.as_os_str().as_bytes()).expect("no NUL");
        // SAFETY: the name is a C string that outlives the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    }
    let texts = paths.each_ref().map(|path| path.display().to_string());
    let peer = pair::run("echo_pipe", cpu, &[&texts[0], &texts[1]]);
    (fifo(&paths[0]), fifo(&paths[1]), peer)
}

fn echo_pipe(arguments: &[String]) {
    let (mut there, mut back) = (fifo(arguments[0].as_ref()), fifo(arguments[1].as_ref()));
    let mut buffer = [0; 64];
    pair::ready();
    loop {
        there.read_exact(&mut buffer).expect("a message");
        back.write_all(&buffer).expect("room");
    }
}

fn datagram_ways(directory: &Path, cpu: usize) -> (UnixDatagram, Peer) {
    let paths: [PathBuf; 2] = ["near", "far"].map(|end| directory.join(end));
    let socket = UnixDatagram::bind(&paths[0]).expect("a socket");
    let texts = paths.each_ref().map(|path| path.display().to_string());
    let peer = pair::run("echo_datagram", cpu, &[&texts[1], &texts[0]]);
    socket.connect(&paths[1]).expect("the peer is bound");
    (socket, peer)
}

fn echo_datagram(arguments: &[String]) {
    let socket = UnixDatagram::bind(&arguments[0]).expect("a socket");
    socket.connect(&arguments[1]).expect("the peer is bound");
    let mut buffer = [0; 64];
    pair::ready();
    loop {
        let length = socket.recv(&mut buffer).expect("a message");
        socket.send(&buffer[..length]).expect("room");
    }
}

/// Criterion's view of what takes one thread.
fn timed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mq");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for (label, size) in SIZES {
        let queue = queue("bench-mq");
        let message = vec![7; size];
        let mut buffer = Vec::with_capacity(MESSAGE_SIZE);
        group.bench_function(format!("send and receive {label}"), |bencher| {
            bencher.iter(|| {
                queue.send(black_box(&message), PRIORITY).expect("room");
                buffer.clear();
                queue.receive(&mut buffer).expect("a message")
            });
        });
    }
    let queue = queue("bench-mq");
    group.bench_function("try_receive from an empty queue", |bencher| {
        bencher
            .iter(|| assert!(queue.try_receive(&mut [0; MESSAGE_SIZE]).expect("empty").is_none()));
    });
    group.finish();
}
