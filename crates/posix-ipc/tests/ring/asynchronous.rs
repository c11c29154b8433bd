//! Sending and receiving on tokio: slow receivers, cancellation, deaths.

use std::time::Duration;

use posix_ipc::ring::{AsyncReceiver, AsyncSender, SendError, mpmc, spsc};
use posix_ipc::{Cleanup, OpenMode, Priority};
use testutil::child::{self, hear, say};
use testutil::names::unique;
use testutil::watchdog::watchdog;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn sender(name: &str) -> spsc::Sender {
    let options = spsc::Sender::options().mode(OpenMode::CreateNew).cleanup(Cleanup::Keep);
    options.capacity(4096).liveness_interval(Duration::from_millis(10)).open(name).unwrap()
}

/// Receives what it is told to, one after the other.
pub(crate) fn slow_receiver(arguments: &[String]) {
    let mut spsc = spsc::Receiver::open(&arguments[0]).unwrap();
    let mpmc = mpmc::Receiver::open(&arguments[1]).unwrap();
    say("ready");
    while let Some(line) = hear() {
        let number = match &*line {
            "spsc" => spsc.receive_vec().unwrap()[0],
            _ => mpmc.receive_vec().unwrap().0[0],
        };
        say(&number.to_string());
    }
}

#[test]
fn a_sender_awaits_a_slow_receiver_and_the_executor_goes_on_meanwhile() {
    let _watchdog = watchdog(120);
    let (one, many) = (unique("async-spsc"), unique("async-mpmc"));
    runtime().block_on(async {
        let mut one_sender = AsyncSender::new(sender(&one)).unwrap();
        let many_sender = mpmc::Sender::create(&*many, 2, 8).unwrap();
        let mut many_sender = AsyncSender::new(many_sender).unwrap();
        let mut child = child::run("slow_receiver", &[&one, &many]);
        child.expect_line("ready");
        one_sender.send(&[0; 4000]).await.unwrap();
        (0..2u8).for_each(|number| many_sender.get_mut().try_send(&[number], 0).unwrap());
        for number in 1..100u8 {
            let message = [number; 4000];
            let mut sending = Box::pin(one_sender.send(&message));
            // Nothing is received before this task, on the same thread, has said so.
            tokio::select! {
                biased;
                result = &mut sending => panic!("there is no room: {result:?}"),
                () = tokio::task::yield_now() => child.send_line("spsc"),
            }
            sending.await.unwrap();
            child.expect_line(&(number - 1).to_string());
            let message = [number + 1];
            let mut sending = Box::pin(many_sender.send(&message, Priority::LOWEST));
            tokio::select! {
                biased;
                result = &mut sending => panic!("there is no room: {result:?}"),
                () = tokio::task::yield_now() => child.send_line("mpmc"),
            }
            sending.await.unwrap();
            child.expect_line(&(number - 1).to_string());
        }
        child.kill();
    });
}

#[test]
fn a_send_that_was_cancelled_has_sent_nothing() {
    let _watchdog = watchdog(120);
    runtime().block_on(async {
        let (sender, mut receiver) = spsc::pair(4096).unwrap();
        let mut sender = AsyncSender::new(sender).unwrap();
        for round in 0..50u8 {
            sender.send(&[round; 4000]).await.unwrap();
            for len in [4000, 2000, 100] {
                tokio::select! {
                    biased;
                    result = sender.send(&[255; 4000][..len]) => panic!("{result:?}"),
                    () = tokio::task::yield_now() => {}
                }
            }
            // A smaller message than the bridge was told of last is waited for as well.
            let thread = std::thread::spawn(move || {
                assert_eq!(receiver.receive_vec().unwrap(), [round; 4000]);
                receiver
            });
            sender.send(b"a short one").await.unwrap();
            receiver = thread.join().unwrap();
            assert_eq!(receiver.receive_vec().unwrap(), b"a short one");
            assert_eq!(receiver.try_receive_vec(), Ok(None));
        }
    });
}

#[test]
fn the_death_of_the_receiver_ends_a_send() {
    let _watchdog = watchdog(120);
    let (one, many) = (unique("async-death"), unique("async-death-many"));
    runtime().block_on(async {
        let mut sender = AsyncSender::new(sender(&one)).unwrap();
        let _many = mpmc::Sender::create(&*many, 2, 8).unwrap();
        let mut child = child::run("slow_receiver", &[&one, &many]);
        child.expect_line("ready");
        sender.send(&[0; 4000]).await.unwrap();
        let mut sending = Box::pin(sender.send(&[1; 4000]));
        tokio::select! {
            biased;
            result = &mut sending => panic!("the receiver lives: {result:?}"),
            () = tokio::task::yield_now() => child.kill(),
        }
        assert_eq!(sending.await, Err(SendError::PeerGone));
        // What is there can still be received, and then there is room.
        let mut next = spsc::Receiver::open(&*one).unwrap();
        assert_eq!(next.receive_vec().unwrap(), [0; 4000]);
        sender.send(&[1; 4000]).await.unwrap();
        assert_eq!(sender.into_inner().backlog().unwrap(), 4008);
    });
}

#[test]
fn both_ends_in_one_process_hand_over_whatever_the_runtime() {
    let _watchdog = watchdog(120);
    let several = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for runtime in [runtime(), several] {
        runtime.block_on(async {
            let (sender, receiver) = spsc::pair(4096).unwrap();
            let (jobs, workers) = mpmc::pair(2, 8).unwrap();
            let sending = tokio::spawn(async move {
                let mut sender = AsyncSender::new(sender).unwrap();
                for number in 0..500u32 {
                    sender.send(&number.to_ne_bytes().repeat(300)).await.unwrap();
                }
            });
            let receiving = tokio::spawn(async move {
                let mut receiver = AsyncReceiver::new(receiver).unwrap();
                for number in 0..500u32 {
                    let message = receiver.receive_vec().await.unwrap();
                    assert_eq!(message, number.to_ne_bytes().repeat(300));
                }
            });
            let senders: Vec<_> = (0..2).map(|_| jobs.clone()).collect();
            let senders: Vec<_> = senders
                .into_iter()
                .map(|sender| {
                    tokio::spawn(async move {
                        let mut sender = AsyncSender::new(sender).unwrap();
                        for number in 0..500u64 {
                            sender.send(&number.to_ne_bytes(), 0).await.unwrap();
                        }
                    })
                })
                .collect();
            let mut workers = AsyncReceiver::new(workers).unwrap();
            let mut sum = 0;
            for _ in 0..1_000 {
                let (message, _) = workers.receive_vec().await.unwrap();
                sum += u64::from_ne_bytes(message.try_into().unwrap());
            }
            assert_eq!(sum, 499 * 500);
            sending.await.unwrap();
            receiving.await.unwrap();
            for sender in senders {
                sender.await.unwrap();
            }
        });
    }
}
