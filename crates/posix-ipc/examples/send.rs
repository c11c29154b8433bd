//! Sends a message with a priority to the example `receive`, which runs in another terminal:
//!
//! ```sh
//! cargo run --example send -- /demo "hello" 5
//! cargo run --example send -- /demo stop
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
}
