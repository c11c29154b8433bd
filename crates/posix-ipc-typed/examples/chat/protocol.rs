//! What the two programs of the chat say to each other.
#![allow(unreachable_pub, reason = "shared by the two programs")]

use posix_ipc_typed::Message;

/// From a client to the server.
#[derive(Debug, Message)]
#[message(name = "chat.to-server")]
pub enum ToServer {
    /// Somebody comes, who has a queue for what is said.
    Join {
        #[message(max_len = 32)]
        name: String,
    },
    /// Somebody says something.
    Say {
        #[message(max_len = 32)]
        name: String,
        #[message(max_len = 400)]
        text: String,
    },
    /// Somebody goes.
    Leave {
        #[message(max_len = 32)]
        name: String,
    },
}

/// From the server to a client.
#[derive(Debug, Clone, Message)]
#[message(name = "chat.line")]
pub struct Line {
    #[message(max_len = 32)]
    pub from: String,
    #[message(max_len = 400)]
    pub text: String,
}

/// The queue of the server.
pub fn server(room: &str) -> String {
    format!("/posix-ipc-chat-{room}")
}

/// The queue of a client.
pub fn client(room: &str, name: &str) -> String {
    format!("/posix-ipc-chat-{room}-{name}")
}
