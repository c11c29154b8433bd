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
//! Prints the messages of a queue until one says "stop". Start this in one terminal and
//! `send` in another:
//!
//! ```sh
//! cargo run --example receive -- /example-queue
//! ```
//!
//! The same queue is `posix_ipc.MessageQueue("/example-queue")` in Python, `mq_open` in C and
//! `pipc mq send /example-queue` in the shell.

use posix_ipc::{Disposition, MessageQueue, OpenMode};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "/example-queue".to_string());
    // Whoever comes first creates it; the one who created it removes the name in the end.
    let queue = MessageQueue::options()
        .mode(OpenMode::OpenOrCreate)
        .capacity(10)
        .message_size(256)
        .open(&name)?;
    match queue.disposition() {
        Disposition::Created => println!("created {}, waiting", queue.name()),
        Disposition::Opened => println!("opened {}, waiting", queue.name()),
    }
    let mut message = Vec::with_capacity(queue.message_size());
    loop {
        message.clear();
        let (length, priority) = queue.receive(&mut message)?;
        let text = String::from_utf8_lossy(&message);
        println!("received {length} bytes with priority {}: {text}", priority.get());
        if text == "stop" {
            return Ok(());
        }
    }
}
