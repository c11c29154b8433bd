//! Semaphores: opening, waiting, permits, other processes, other languages, and the defects of
//! peers.

#[cfg(target_os = "linux")]
mod errno;
#[cfg(target_os = "linux")]
mod interop;
mod open;
mod peers;
mod permits;
mod processes;
// The C library's waits have no cure for a poster that is killed before its wake.
#[cfg(all(target_os = "linux", target_env = "gnu", not(posix_ipc_use_libc)))]
mod stepped;
mod stress;
mod syscalls;
mod wait;

use peers::{churns, forks_and_exits, keeps_the_lock, killed_holder, uses_the_lock};
use processes::{posts_when_told, waits_and_says, waits_through_signals, waits_until_interrupted};
#[cfg(all(target_os = "linux", target_env = "gnu", not(posix_ipc_use_libc)))]
use stepped::{sleeper, stepped};
use stress::{posts_and_waits, waits_or_times_out};
use syscalls::uncontended;

testutil::roles!(
    churns,
    forks_and_exits,
    keeps_the_lock,
    killed_holder,
    posts_and_waits,
    posts_when_told,
    #[cfg(all(target_os = "linux", target_env = "gnu", not(posix_ipc_use_libc)))]
    sleeper,
    #[cfg(all(target_os = "linux", target_env = "gnu", not(posix_ipc_use_libc)))]
    stepped,
    uncontended,
    uses_the_lock,
    waits_and_says,
    waits_or_times_out,
    waits_through_signals,
    waits_until_interrupted,
);
