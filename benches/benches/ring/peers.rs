//! The peers that are crates: ipc-channel and iceoryx2.

use std::path::PathBuf;

use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcSender};

use crate::channel::{Channel, Side};

type Ends = (IpcBytesSender, IpcBytesReceiver);

/// ipc-channel: byte channels, whose ends go over a one-shot server.
pub(crate) struct IpcChannel {
    server: Option<IpcOneShotServer<Ends>>,
    ends: Option<Ends>,
    path: PathBuf,
}

impl IpcChannel {
    pub(crate) fn open(base: &str, side: Side, _: usize) -> Self {
        let path = std::env::temp_dir().join(format!("{}-server", base.trim_start_matches('/')));
        if side == Side::Parent {
            let (server, name) = IpcOneShotServer::new().expect("it can be made");
            std::fs::write(&path, name).expect("it can be written");
            return Self { server: Some(server), ends: None, path };
        }
        let name = std::fs::read_to_string(&path).expect("the parent wrote it");
        let (to_child, from_parent) = ipc::bytes_channel().expect("it can be made");
        let (to_parent, from_child) = ipc::bytes_channel().expect("it can be made");
        let parent = IpcSender::connect(name).expect("the parent listens");
        parent.send((to_child, from_child)).expect("the parent listens");
        Self { server: None, ends: Some((to_parent, from_parent)), path }
    }

    fn ends(&mut self) -> &Ends {
        if let Some(server) = self.server.take() {
            self.ends = Some(server.accept().expect("the child connects").1);
            let _ = std::fs::remove_file(&self.path);
        }
        self.ends.as_ref().expect("it is connected")
    }
}

impl Channel for IpcChannel {
    fn send(&mut self, message: &[u8]) {
        self.ends().0.send(message).expect("the peer is there");
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.ends().1.recv().expect("the peer is there"));
    }
}

#[cfg(feature = "iceoryx2")]
pub(crate) mod iceoryx {
    use iceoryx2::port::publisher::Publisher;
    use iceoryx2::port::subscriber::Subscriber;
    use iceoryx2::prelude::*;

    use super::super::channel::{Channel, Side};

    /// iceoryx2's publish and subscribe, polled without a pause, with nothing dropped.
    pub(crate) struct Iceoryx {
        publisher: Publisher<ipc::Service, [u8], ()>,
        subscriber: Subscriber<ipc::Service, [u8], ()>,
        in_place: bool,
        len: usize,
        _node: Node<ipc::Service>,
    }

    impl Iceoryx {
        fn with(base: &str, side: Side, len: usize, in_place: bool) -> Self {
            set_log_level(LogLevel::Fatal);
            let depth = ((8 << 20) / len).clamp(8, 1024);
            let node = NodeBuilder::new().create::<ipc::Service>().expect("a node");
            let service = |name: &str| {
                let name = ServiceName::new(name).expect("a service name");
                node.service_builder(&name)
                    .publish_subscribe::<[u8]>()
                    .enable_safe_overflow(false)
                    .history_size(0)
                    .subscriber_max_buffer_size(depth)
                    .open_or_create()
                    .expect("a service")
            };
            let (there, back) = (format!("{base}/there"), format!("{base}/back"));
            let (ours, theirs) = if side == Side::Parent { (there, back) } else { (back, there) };
            let publisher = service(&ours)
                .publisher_builder()
                .initial_max_slice_len(len)
                .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
                .create()
                .expect("a publisher");
            let subscriber = service(&theirs).subscriber_builder().create().expect("a subscriber");
            Self { publisher, subscriber, in_place, len, _node: node }
        }

        pub(crate) fn open(base: &str, side: Side, len: usize) -> Self {
            Self::with(base, side, len, false)
        }

        pub(crate) fn open_in_place(base: &str, side: Side, len: usize) -> Self {
            Self::with(base, side, len, true)
        }
    }

    impl Channel for Iceoryx {
        fn send(&mut self, message: &[u8]) {
            let mut sample = self.publisher.loan_slice_uninit(self.len).expect("a sample");
            if self.in_place {
                for (to, from) in sample.payload_mut().iter_mut().zip(&message[..8]) {
                    to.write(*from);
                }
                // SAFETY: what is not written is memory that the benchmark does not read.
                unsafe { sample.assume_init() }.send().expect("the peer is there");
            } else {
                sample.write_from_slice(message).send().expect("the peer is there");
            }
        }

        fn receive(&mut self, buffer: &mut [u8]) {
            let sample = loop {
                if let Some(sample) = self.subscriber.receive().expect("the peer is there") {
                    break sample;
                }
                std::hint::spin_loop();
            };
            if self.in_place {
                buffer[..8].copy_from_slice(&sample.payload()[..8]);
            } else {
                buffer.copy_from_slice(sample.payload());
            }
        }
    }
}
