//! Queues under mio and tokio.

#[cfg(feature = "mio")]
mod mio {
    use std::time::Duration;

    use mio::{Events, Interest, Poll, Token};
    use posix_ipc::mq::SendError;
    use testutil::names::unique;
    use testutil::watchdog::watchdog;

    use crate::support::{contents, small};

    const QUEUE: Token = Token(7);

    #[test]
    fn queue_is_an_event_source() {
        let _watchdog = watchdog(60);
        let name = unique("mio");
        let mut queue = small(&name);
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let interests = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut queue, QUEUE, interests).unwrap();

        poll.poll(&mut events, Some(Duration::from_secs(30))).unwrap();
        let event = events.iter().next().unwrap();
        assert_eq!((event.token(), event.is_readable(), event.is_writable()), (QUEUE, false, true));

        queue.send(b"news", 0).unwrap();
        poll.poll(&mut events, Some(Duration::from_secs(30))).unwrap();
        assert!(events.iter().any(|event| event.token() == QUEUE && event.is_readable()));
        assert_eq!(contents(&queue), [(b"news".to_vec(), 0)]);

        while queue.try_send(b"filler", 0) != Err(SendError::Full) {}
        poll.registry().reregister(&mut queue, QUEUE, Interest::WRITABLE).unwrap();
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty());
        queue.receive_vec().unwrap();
        poll.poll(&mut events, Some(Duration::from_secs(30))).unwrap();
        assert!(events.iter().any(|event| event.is_writable()));
        poll.registry().deregister(&mut queue).unwrap();
    }
}

#[cfg(feature = "tokio")]
mod tokio {
    use std::time::Duration;

    use bytes::{Buf, Bytes, BytesMut};
    use futures_util::{FutureExt, SinkExt, StreamExt};
    use posix_ipc::mq::{AsyncMessageQueue, Priority, SendError};
    use posix_ipc::{Errno, MessageQueue};
    use testutil::names::{UniqueName, unique};
    use testutil::watchdog::watchdog;

    use crate::support::{contents, small};

    fn asynchronous(name: &UniqueName) -> AsyncMessageQueue {
        AsyncMessageQueue::new(small(name)).unwrap()
    }

    #[tokio::test]
    async fn receive_waits_for_a_message_and_send_for_room() {
        let _watchdog = watchdog(60);
        let name = unique("tokio");
        let queue = asynchronous(&name);
        let peer = AsyncMessageQueue::new(MessageQueue::open(&*name).unwrap()).unwrap();
        let send = async {
            for number in 0..1_000u32 {
                peer.send(&number.to_ne_bytes(), 0).await.unwrap();
            }
        };
        let receive = async {
            let mut buffer = BytesMut::with_capacity(64);
            for number in 0..1_000u32 {
                buffer.clear();
                queue.receive(&mut buffer).await.unwrap();
                assert_eq!(&buffer[..], number.to_ne_bytes());
            }
        };
        tokio::join!(send, receive);
    }

    #[tokio::test]
    async fn handle_that_others_make_blocking_does_not_block_the_runtime() {
        let _watchdog = watchdog(60);
        let name = unique("runtime");
        let queue = asynchronous(&name);
        queue.get_ref().set_nonblocking(false).unwrap();
        let soon = tokio::time::timeout(Duration::from_millis(10), queue.receive_vec()).await;
        assert!(soon.is_err(), "it waits, and the timer goes on");
        for _ in 0..4 {
            queue.send(b"", 0).await.unwrap();
        }
        let soon = tokio::time::timeout(Duration::from_millis(10), queue.send(b"", 0)).await;
        assert!(soon.is_err());
        assert_eq!(queue.into_inner().len().unwrap(), 4, "the one that was cancelled was not sent");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn cancelled_receives_lose_nothing() {
        let _watchdog = watchdog(60);
        let name = unique("cancel");
        let queue = asynchronous(&name);
        let peer = MessageQueue::open(&*name).unwrap();
        const MESSAGES: u32 = 2_000;
        let sender = std::thread::spawn(move || {
            for number in 0..MESSAGES {
                peer.send(&number.to_ne_bytes(), 0).unwrap();
            }
        });
        let mut next = 0u32;
        let mut cancelled = 0;
        while next < MESSAGES {
            // Polled once or a few times, and dropped if it is not ready by then.
            let mut message = Vec::new();
            let received = tokio::select! {
                biased;
                received = queue.receive(&mut message) => Some(received.unwrap()),
                () = tokio::task::yield_now() => None,
            };
            match received {
                Some(_) => {
                    assert_eq!(message, next.to_ne_bytes());
                    next += 1;
                }
                None => {
                    assert!(message.is_empty());
                    cancelled += 1;
                }
            }
        }
        assert!(cancelled > 0, "nothing was cancelled, and nothing seen");
        sender.join().unwrap();
        assert!(queue.get_ref().is_empty().unwrap());
    }

    #[tokio::test]
    async fn cancelled_send_of_a_buf_leaves_it_whole() {
        let _watchdog = watchdog(60);
        let name = unique("cancel-buf");
        let queue = asynchronous(&name);
        for _ in 0..4 {
            queue.send(b"filler", 0).await.unwrap();
        }
        let mut message = Bytes::from_static(b"head ").chain(Bytes::from_static(b"tail"));
        assert!(queue.send_buf(&mut message, 0).now_or_never().is_none());
        assert_eq!(message.remaining(), 9);
        contents(queue.get_ref());
        queue.send_buf(&mut message, 0).await.unwrap();
        assert_eq!(message.remaining(), 0);
        assert_eq!(queue.receive_vec().await.unwrap().0, b"head tail");
    }

    #[tokio::test]
    async fn many_tasks_share_one_queue() {
        let _watchdog = watchdog(60);
        let name = unique("share");
        let queue = std::sync::Arc::new(asynchronous(&name));
        let receivers: Vec<_> = (0..4)
            .map(|_| {
                let queue = std::sync::Arc::clone(&queue);
                tokio::spawn(async move {
                    let mut sum = 0;
                    for _ in 0..50 {
                        sum += u32::from(queue.receive_vec().await.unwrap().0[0]);
                    }
                    sum
                })
            })
            .collect();
        for number in 0..200u8 {
            queue.send(&[number], 0).await.unwrap();
        }
        let mut sum = 0;
        for receiver in receivers {
            sum += receiver.await.unwrap();
        }
        assert_eq!(sum, (0..200).sum());
    }

    #[test]
    fn outside_of_a_runtime_it_is_an_error_and_no_panic() {
        let name = unique("outside");
        let error = AsyncMessageQueue::new(small(&name)).unwrap_err();
        assert!(error.to_string().contains("runtime"), "{error}");
    }

    #[test]
    fn two_threads_with_runtimes_answer_each_other() {
        let _watchdog = watchdog(60);
        const ROUNDS: u32 = 2_000;
        let (there, back) = (unique("there"), unique("back"));
        let (to, from) = (small(&there), small(&back));
        let open = |name: &str| MessageQueue::open(name).unwrap();
        let (to_peer, from_peer) = (open(&there), open(&back));
        let run = |task: std::pin::Pin<Box<dyn Future<Output = ()>>>| {
            tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()
                .unwrap()
                .block_on(task);
        };
        let echo = std::thread::spawn(move || {
            run(Box::pin(async {
                let to = AsyncMessageQueue::new(to_peer).unwrap();
                let from = AsyncMessageQueue::new(from_peer).unwrap();
                for _ in 0..ROUNDS {
                    let (message, priority) = to.receive_vec().await.unwrap();
                    from.send(&message, priority).await.unwrap();
                }
            }));
        });
        run(Box::pin(async {
            let (to, from) =
                (AsyncMessageQueue::new(to).unwrap(), AsyncMessageQueue::new(from).unwrap());
            for round in 0..ROUNDS {
                to.send(&round.to_ne_bytes(), 1).await.unwrap();
                assert_eq!(from.receive_vec().await.unwrap().0, round.to_ne_bytes());
            }
        }));
        echo.join().unwrap();
    }

    #[tokio::test]
    async fn errors_are_as_those_of_the_queue() {
        let name = unique("errors");
        let queue = asynchronous(&name);
        let long = queue.send(&[0; 65], 0).await;
        assert_eq!(long, Err(SendError::TooLong { length: 65, max: 64 }));
        assert!(matches!(queue.send(b"", -1).await, Err(SendError::Priority(_))));
        queue.send(b"x", 0).await.unwrap();
        let error = queue.receive(&mut [0; 63]).await.unwrap_err();
        assert_eq!(error.errno(), Some(Errno::MSGSIZE));
        assert_eq!(queue.receive_vec().await.unwrap().0, b"x");
    }

    #[tokio::test]
    async fn stream_and_sink_pass_messages_on() {
        let _watchdog = watchdog(60);
        let name = unique("stream");
        let (mut stream, mut sink) = asynchronous(&name).into_stream_and_sink::<Vec<u8>>();
        let send = async {
            for number in 0..100u32 {
                sink.send((number.to_ne_bytes().to_vec(), Priority::LOWEST)).await.unwrap();
            }
            sink.close().await.unwrap();
        };
        let receive = async {
            for number in 0..100u32 {
                let (message, _) = stream.next().await.unwrap().unwrap();
                assert_eq!(message, number.to_ne_bytes());
            }
        };
        tokio::join!(send, receive);
    }

    #[tokio::test]
    async fn sink_holds_one_message_back_while_the_queue_is_full() {
        let name = unique("sink");
        let mut sink = asynchronous(&name).into_sink::<&[u8]>();
        for _ in 0..4 {
            sink.send((b"x", Priority::LOWEST)).await.unwrap();
        }
        assert!(sink.send((b"held", Priority::LOWEST)).now_or_never().is_none());
        assert_eq!(sink.waiting(), Some(&&b"held"[..]));
        let peer = MessageQueue::open(&*name).unwrap();
        peer.receive_vec().unwrap();
        sink.flush().await.unwrap();
        assert_eq!(contents(&peer).last().unwrap().0, b"held");
    }
}
