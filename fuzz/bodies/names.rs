//! Any bytes are a name that survives a round trip, or are refused with a true reason.

use posix_ipc::{Name, NameErrorReason};

pub fn run(data: &[u8]) {
    let start = data.iter().position(|&byte| byte != b'/').unwrap_or(data.len());
    let rest = &data[start..];
    match Name::try_from(data) {
        Ok(name) => {
            assert_eq!(name.as_bytes(), rest);
            assert!((1..=255).contains(&rest.len()));
            assert!(!rest.contains(&0) && !rest.contains(&b'/') && rest != b"." && rest != b"..");
            assert!(name.to_string().starts_with('/'));
            assert_eq!(Name::try_from(name.as_bytes()).as_ref(), Ok(&name));
            assert!(!name.is_portable() || name.as_bytes().len() <= 13);
        }
        Err(error) => match error.reason() {
            NameErrorReason::Empty => assert!(rest.is_empty()),
            NameErrorReason::Nul { position } => assert_eq!(data[position], 0),
            NameErrorReason::Slash { position } => assert_eq!(data[position], b'/'),
            NameErrorReason::Directory => assert!(rest == b"." || rest == b".."),
            NameErrorReason::TooLong { length, .. } => assert_eq!(length, rest.len()),
            other => panic!("unknown reason: {other}"),
        },
    }
}
