//! Sends a message with a priority to the example `receive`, which runs in another terminal:
//!
//! ```sh
//! cargo run --example send -- /demo "hello" 5
//! cargo run --example send -- /demo stop
//! Sends a text to a queue that `receive` has created:
//!
//! ```sh
//! cargo run --example send -- /example-queue 'hello' 5
//! cargo run --example send -- /example-queue stop
//! ```

use std::time::Duration;

use posix_ipc::mq::SendError;
use posix_ipc::{Error, MessageQueue, Priority};

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "/demo".to_string());
    let text = arguments.next().unwrap_or_else(|| "hello".to_string());
    let priority: u32 = arguments.next().and_then(|number| number.parse().ok()).unwrap_or(0);

    let queue = MessageQueue::open_sender(&*name)?;
    match queue.send_timeout(text.as_bytes(), Priority::try_from(priority)?, Duration::from_secs(5))
    {
        Err(SendError::TimedOut) => {
            println!("{name} stayed full for five seconds: is anybody receiving?");
            Ok(())
        }
        other => Ok(other?),
    }
use posix_ipc::{MessageQueue, Priority};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "/example-queue".to_string());
    let text = arguments.next().unwrap_or_else(|| "hello".to_string());
    let priority = match arguments.next() {
        Some(number) => Priority::new(number.parse()?).ok_or("a priority is 0 to 32767")?,
        None => Priority::LOWEST,
    };
    let queue = MessageQueue::open(&name)?;
    match queue.send_timeout(text.as_bytes(), priority, Duration::from_secs(5)) {
        Ok(()) => println!("sent {text:?} with priority {}", priority.get()),
        Err(SendError::TimedOut) => println!("the queue was full for five seconds"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
