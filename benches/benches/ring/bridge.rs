//! What the bridge to descriptors costs: a ring awaited on tokio beside one that blocks.

use posix_ipc::ring::{AsyncReceiver, AsyncSender, spsc};
use tokio::runtime::{Builder, Runtime};

use crate::channel::{Channel, Side, Spsc};

/// Our spsc rings without spinning, so that every wait sleeps.
pub(crate) fn never_spins(base: &str, side: Side, _: usize) -> Spsc {
    Spsc::with(base, side, 1 << 20, false)
}

/// Our spsc rings on a runtime of one thread.
pub(crate) struct Bridged {
    sender: AsyncSender<spsc::Sender>,
    receiver: AsyncReceiver<spsc::Receiver>,
    runtime: Runtime,
}

impl Bridged {
    pub(crate) fn open(base: &str, side: Side, _: usize) -> Self {
        let runtime = Builder::new_current_thread().enable_io().build();
        let runtime = runtime.expect("a runtime can be had");
        let (sender, receiver) = Spsc::with(base, side, 1 << 20, true).into_ends();
        let context = runtime.enter();
        let sender = AsyncSender::new(sender).expect("a bridge can be had");
        let receiver = AsyncReceiver::new(receiver).expect("a bridge can be had");
        drop(context);
        Self { sender, receiver, runtime }
    }
}

impl Channel for Bridged {
    fn send(&mut self, message: &[u8]) {
        self.runtime.block_on(self.sender.send(message)).expect("the peer is there");
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        let message = self.runtime.block_on(self.receiver.receive_vec());
        buffer.copy_from_slice(&message.expect("the peer is there"));
    }
}
