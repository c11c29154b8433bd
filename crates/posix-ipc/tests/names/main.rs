//! Names: what is one, what is not, and why.

use std::ffi::CStr;

use posix_ipc::{Errno, Kind, Name, NameErrorReason};
use proptest::prelude::*;

fn reason(name: &[u8]) -> NameErrorReason {
    Name::try_from(name).unwrap_err().reason()
}

#[test]
fn the_slash_is_optional_on_input_and_always_shown() {
    for name in ["jobs", "/jobs", "//jobs"] {
        let name = Name::new(name).unwrap();
        assert_eq!(name.to_string(), "/jobs");
        assert_eq!(name, Name::from_static("/jobs"));
    }
}

#[test]
fn each_bad_name_is_refused_with_its_own_reason() {
    for empty in [&b""[..], b"/", b"///"] {
        assert_eq!(reason(empty), NameErrorReason::Empty);
    }
    assert_eq!(reason(b"/a\0b"), NameErrorReason::Nul { position: 2 });
    assert_eq!(reason(b"/a/b"), NameErrorReason::Slash { position: 2 });
    assert_eq!(reason(b"a/"), NameErrorReason::Slash { position: 1 });
    assert_eq!(reason(b"/."), NameErrorReason::Directory);
    assert_eq!(reason(b".."), NameErrorReason::Directory);
    let long = vec![b'x'; 256];
    assert_eq!(reason(&long), NameErrorReason::TooLong { length: 256, max: 255 });
}

#[test]
fn the_error_shows_the_name_and_carries_the_errno_of_c() {
    let error = Name::new("/a\u{7}/b").unwrap_err();
    assert_eq!(
        error.to_string(),
        r#""/a\x07/b" is not a name: byte 3 is a slash, which may stand at the start alone"#
    );
    assert_eq!(error.errno(), Errno::INVAL);
    assert_eq!(Name::new("x".repeat(300)).unwrap_err().errno(), Errno::NAMETOOLONG);
}

#[test]
fn names_that_nob_ipc_refuses_are_legal() {
    for name in ["/com.acme.feed", "/...", "/ a b", "/psm.x"] {
        assert_eq!(Name::new(name).unwrap().to_string(), name);
    }
}

#[test]
fn bytes_that_are_no_text_are_a_name_and_are_shown() {
    let name = Name::try_from(&b"/\xff"[..]).unwrap();
    assert_eq!(name.as_bytes(), b"\xff");
    assert_eq!(name.to_string(), "/\u{fffd}");
    let cstr: &CStr = c"/\xff";
    assert_eq!(Name::try_from(cstr).unwrap(), name);
}

#[test]
fn portable_names_are_those_that_every_system_takes() {
    assert!(Name::from_static("/thirteen_byte").is_portable());
    assert!(!Name::from_static("/fourteen_bytes").is_portable());
    assert!(Name::from_static("/fourteen_bytes").is_portable_for(Kind::MessageQueue));
    assert!(!Name::from_static("/a.b").is_portable());
    let longest = Name::new("x".repeat(29)).unwrap();
    assert!(longest.is_portable_for(Kind::SharedMemory));
    assert!(!Name::new("x".repeat(30)).unwrap().is_portable_for(Kind::SharedMemory));
}

#[test]
fn unique_names_differ_and_any_prefix_makes_one() {
    assert_ne!(Name::unique("a"), Name::unique("a"));
    for prefix in ["", "/a/b\0c", "..", &"x".repeat(1000)] {
        let name = Name::unique(prefix);
        assert_eq!(Name::new(name.file_name()).unwrap(), name);
        assert!(name.as_bytes().len() <= Kind::Semaphore.longest_name());
    }
}

proptest! {
    #[test]
    fn whatever_bytes_are_accepted_survive_a_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(name) = Name::try_from(&bytes[..]) {
            prop_assert!(!name.as_bytes().is_empty() && name.as_bytes().len() <= 255);
            prop_assert!(!name.as_bytes().contains(&0) && !name.as_bytes().contains(&b'/'));
            prop_assert_eq!(Name::try_from(name.as_bytes()).unwrap(), name);
        }
    }

    #[test]
    fn every_name_is_shown_with_one_slash(text in "/{0,3}[^/\0]{1,60}") {
        if let Ok(name) = Name::new(&text) {
            prop_assert!(name.to_string().starts_with('/'));
            prop_assert!(!name.to_string().starts_with("//"));
        }
    }
}
