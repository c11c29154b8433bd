//! What other crates and modules do wrong with shared memory, and what holds here.
//!
//! | defect | test |
//! |---|---|
//! | the one-line `with ... mmap()` makes memory that nobody finds | `lifecycle::the_one_liner_keeps_its_name_while_the_mapping_lives` |
//! | creating a name that exists truncates it, or deletes it | `lifecycle::creation_of_an_existing_name_fails_and_leaves_it_alone` |
//! | opening with another size resizes | `lifecycle::opening_with_another_size_never_resizes` |
//! | a read-only open with a size deletes the object | `lifecycle::a_read_only_open_with_a_wrong_size_leaves_the_object_alone` |
//! | a failed open deletes the object | `lifecycle::a_failed_open_never_unlinks` |
//! | a stale handle deletes a newer object | `lifecycle::a_stale_handle_never_removes_a_newer_object_of_its_name` |
//! | a forked child deletes its parent's object | `processes::a_forked_child_never_removes_the_name` |
//! | whoever only attaches deletes the object at its end | `processes::a_process_that_only_attaches_leaves_the_object_when_it_ends` |
//! | open-or-create loses races | `processes::open_or_create_under_churn_surfaces_neither_not_found_nor_exists` |
//! | replacing ends with an old object | `processes::replace_under_churn_never_ends_with_an_object_of_others`, and below |
//! | an opener sees size 0 | `processes::forty_thousand_attaches_under_churn_see_no_half_made_object` |
//! | an object larger than `/dev/shm` is a `SIGBUS` later | `faults::a_full_dev_shm_is_an_error_at_once_and_no_sigbus` |
//! | what a killed process leaves cannot be used | `processes::what_a_killed_holder_leaves_the_next_user_opens_and_removes` |
//! | a size out of range wraps around | `lifecycle::sizes_that_no_object_can_have_are_refused_and_change_nothing` |
//! | a name with NUL crashes, or is cut | `lifecycle::names_that_are_none_are_refused_with_their_reason` |
//! | errors have no errno, no name, or the wrong class | `errno::every_line_of_the_table_is_provoked_and_says_the_truth`, and below |
//! | handles are never closed | below |

use std::io::ErrorKind;

use posix_ipc::{Cleanup, Error, OpenMode, SharedMemory};
use testutil::{child, names, require, skip};

/// Meets the objects of another user.
pub(crate) fn stranger(arguments: &[String]) {
    let name = &*arguments[0];
    let uid = 1_700_000_000 + std::process::id();
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::setresuid(uid, uid, uid) }, 0);
    let options = |mode, cleanup| SharedMemory::options().mode(mode).cleanup(cleanup).size(4096);
    for cleanup in [Cleanup::Creator, Cleanup::LastUser, Cleanup::Keep] {
        let kind = |mode| options(mode, cleanup).open(name).unwrap_err().kind();
        assert_eq!(kind(OpenMode::CreateNew), ErrorKind::AlreadyExists, "whose it is is no matter");
        assert_eq!(kind(OpenMode::OpenExisting), ErrorKind::PermissionDenied);
        assert_eq!(kind(OpenMode::OpenOrCreate), ErrorKind::PermissionDenied);
        assert_eq!(kind(OpenMode::Replace), ErrorKind::PermissionDenied, "it cannot be removed");
    }
    let error = SharedMemory::open(name).unwrap_err();
    assert!(error.to_string().contains(name), "{error}");
    assert!(error.errno().is_some() && error.hint().is_some());
    child::say("done");
}

#[test]
fn an_object_of_another_user_is_a_true_error_and_stays_as_it_is() {
    require!(skip::is_root(), "becoming another user needs root");
    let name = names::unique("stranger");
    let memory = SharedMemory::create(name.as_str(), 4096).unwrap();
    memory.map().unwrap().write_at(0, b"ours").unwrap();
    let mut stranger = child::run("stranger", &[&name]);
    stranger.expect_line("done");
    stranger.expect_success();
    let again = SharedMemory::open(name.as_str()).unwrap();
    assert_eq!(again.identity().unwrap(), memory.identity().unwrap());
    assert_eq!(again.map().unwrap().to_vec(0, 4).unwrap(), b"ours");
}

/// Opens, maps and fails many times, and counts descriptors and mappings.
pub(crate) fn leaker(arguments: &[String]) {
    let name = &*arguments[0];
    let once = || {
        let memory = SharedMemory::create(name, 10_000).unwrap();
        let mappings = (memory.map().unwrap(), memory.map_range(5_000, 10).unwrap());
        let mirror = memory.map_options().length(4_096).mirrored(true).guard_pages(true).map();
        assert!(matches!(SharedMemory::create(name, 1), Err(Error::Os { .. })));
        assert!(matches!(SharedMemory::options().size(1).open(name), Err(Error::Mismatch { .. })));
        let options = SharedMemory::options().cleanup(Cleanup::LastUser);
        drop((options.open(name).unwrap(), mirror.unwrap(), mappings));
        assert!(memory.map_options().address(usize::MAX & !4_095).map().is_err());
        drop(SharedMemory::anonymous(10).unwrap().map().unwrap());
        drop(SharedMemory::from_fd(memory.into_fd().unwrap()).unwrap());
    };
    let count = || (testutil::leaks::descriptors(), testutil::leaks::mappings(""));
    once();
    let before = count();
    (0..50).for_each(|_| once());
    let after = count();
    assert!(after.0 <= before.0, "descriptors: {before:?} before, {after:?} after");
    // The allocator may have taken a mapping or two meanwhile.
    assert!(after.1 <= before.1 + 10, "mappings: {before:?} before, {after:?} after");
    child::say("done");
}

#[test]
fn handles_and_mappings_are_all_given_back() {
    let name = names::unique("leaker");
    let mut leaker = child::run("leaker", &[&name]);
    leaker.expect_line("done");
    leaker.expect_success();
}
