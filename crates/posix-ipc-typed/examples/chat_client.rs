//! Somebody in the chat room of the example `chat_server`: says what is typed, prints what is said.

#[allow(dead_code)]
#[path = "chat/protocol.rs"]
mod protocol;

use std::error::Error;
use std::io;
use std::thread;

use posix_ipc_typed::{Receiver, Sender};
use protocol::{Line, ToServer};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let room = arguments.next().unwrap_or_else(|| "lounge".into());
    let name = arguments.next().unwrap_or_else(|| format!("guest{}", std::process::id()));

    // What is said to us comes through a queue of our own, which goes with us.
    let mut lines = Receiver::<Line>::create(protocol::client(&room, &name), 8)?;
    let mut server = Sender::<ToServer>::open(protocol::server(&room))?;
    server.send(&ToServer::Join { name: name.clone() })?;

    let own = name.clone();
    let printing = thread::spawn(move || {
        while let Ok(line) = lines.receive() {
            println!("{}: {}", line.from, line.text);
            if line.text == "bye" && line.from == own {
                break;
            }
        }
    });
    for line in io::stdin().lines() {
        server.send(&ToServer::Say { name: name.clone(), text: line? })?;
    }
    // Our own last word tells the other thread that everything before it has been printed.
    server.send(&ToServer::Say { name: name.clone(), text: "bye".into() })?;
    let _ = printing.join();
    server.send(&ToServer::Leave { name })?;
    Ok(())
}
