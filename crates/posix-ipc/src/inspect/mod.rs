//! What is there: every named object of the running system, and who uses it.
//!
//! [`list`] yields semaphores, shared memory, message queues and rings with owner, mode, size,
//! value, waiters and depth; [`Usage::scan`] tells which processes have them open or mapped, and
//! finds [ghosts](Ghost), which are unlinked but still held. Nothing is opened that this process
//! may not open, nothing is mapped, and nothing is changed: what can't be known is `None`.
//!
//! # Platforms
//!
//! Linux. The answers come from `/dev/shm`, `/dev/mqueue` and `/proc`, so they are those of the
//! mount, IPC and process namespaces that these belong to.
//!
//! # Examples
//!
//! ```
//! use posix_ipc::inspect;
//!
//! let listing = inspect::list();
//! for object in &listing.objects {
//!     println!("{} {} {:o}", object.kind, object.name, object.mode);
//! }
//! for problem in &listing.problems {
//!     eprintln!("incomplete: {problem}");
//! }
//! ```

mod directory;
mod gather;
mod list;
mod object;
mod proc;
mod queue;
mod remove;
mod ring;
mod semaphore;
mod usage;

pub use list::{Listing, Problem, find, list, list_where, list_with, stat};
pub use object::{Details, Notification, Object, QueueState, SemaphoreState};
pub use proc::Process;
pub use ring::{RingShape, RingState};
pub use semaphore::SemaphoreAbi;
pub use usage::{Access, Ghost, Usage, User, Via};
