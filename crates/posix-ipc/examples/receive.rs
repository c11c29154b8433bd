//! Receives messages until one says `stop`. In a first terminal:
//!
//! ```sh
//! cargo run --example receive -- /demo
//! ```
//!
//! and in a second one the example `send`, or from Python
//! `posix_ipc.MessageQueue("/demo").send("hello")`.

use posix_ipc::{Cleanup, Error, MessageQueue, OpenMode};

fn main() -> Result<(), Error> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "/demo".to_string());
    let queue = MessageQueue::options()
        .mode(OpenMode::OpenOrCreate)
        .cleanup(Cleanup::LastUser)
        .capacity(8)
        .message_size(1024)
        .open(&*name)?;
    println!("{} {:?}: waiting for messages", queue.name(), queue.disposition());
    for message in queue.messages() {
        let (text, priority) = message?;
        println!("[{priority}] {}", String::from_utf8_lossy(&text));
        if text == b"stop" {
            break;
        }
    }
    Ok(())
}
