//! Shared memory: creation and opening, mapping, values in it, peers that misbehave.

mod anonymous;
mod bounds;
mod defects;
mod errno;
mod faults;
mod interop;
mod lifecycle;
mod mapping;
mod options;
mod processes;
mod shared_box;
#[cfg(target_os = "linux")]
mod stepped;
mod streams;
mod values;

use defects::{leaker, stranger};
use errno::refused_as_another_user;
use faults::{creator, in_small_shm};
use processes::{churner, echo, forker, holder, truncator, victim, visitor};
use shared_box::box_user;
#[cfg(target_os = "linux")]
use stepped::stepped;
use values::versioned_writer;

testutil::roles!(
    box_user,
    churner,
    creator,
    echo,
    forker,
    holder,
    in_small_shm,
    leaker,
    refused_as_another_user,
    #[cfg(target_os = "linux")]
    stepped,
    stranger,
    truncator,
    versioned_writer,
    victim,
    visitor,
);
