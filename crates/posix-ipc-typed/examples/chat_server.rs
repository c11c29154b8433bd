//! A chat room: passes on what each client says to all others.
//!
//! ```sh
//! cargo run --example chat_server -- lounge
//! cargo run --example chat_client -- lounge ada     # in other terminals
//! cargo run --example chat_client -- lounge grace
//! ```
//!
//! It ends when the last client has left.

#[allow(dead_code)]
#[path = "chat/protocol.rs"]
mod protocol;

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use posix_ipc_typed::{Receiver, Sender};
use protocol::{Line, ToServer};

fn main() -> Result<(), Box<dyn Error>> {
    let room = std::env::args().nth(1).unwrap_or_else(|| "lounge".into());
    let mut inbox = Receiver::<ToServer>::create(protocol::server(&room), 8)?;
    let mut clients: BTreeMap<String, Sender<Line>> = BTreeMap::new();
    println!("{room} is open");
    loop {
        let line = match inbox.receive() {
            Ok(ToServer::Join { name }) => {
                match Sender::open(protocol::client(&room, &name)) {
                    Ok(sender) => drop(clients.insert(name.clone(), sender)),
                    Err(error) => eprintln!("{name} cannot be reached: {error}"),
                }
                Line { from: name, text: "is here".into() }
            }
            Ok(ToServer::Say { name, text }) => Line { from: name, text },
            Ok(ToServer::Leave { name }) => {
                clients.remove(&name);
                Line { from: name, text: "has left".into() }
            }
            Err(error) => {
                // Somebody sent something else: say what, and go on.
                eprintln!("{error}: {:?}", error.source().map(ToString::to_string));
                continue;
            }
        };
        println!("{}: {}", line.from, line.text);
        // A client that does not read is not waited for.
        clients.retain(|name, client| {
            let sent = client.send_timeout(&line, Duration::from_millis(100));
            if let Err(error) = &sent {
                eprintln!("{name} is dropped: {error}");
            }
            sent.is_ok()
        });
        if clients.is_empty() {
            return Ok(());
        }
    }
}
