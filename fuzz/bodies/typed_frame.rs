//! Any bytes as a frame: no panic, and a frame that can be read is written as the same bytes.

use posix_ipc_typed::{Frame, FrameOptions, HEADER_LEN, Message, Schema};

#[derive(Debug, Message)]
struct Note<'a> {
    id: u32,
    text: &'a str,
}

pub fn run(data: &[u8]) {
    let Ok((frame, rest)) = Frame::parse_prefix(data) else {
        return;
    };
    let length = data.len() - rest.len();
    assert!(length >= HEADER_LEN && frame.payload.len() <= length - HEADER_LEN);
    assert_eq!(Frame::len_of(data), Ok(length));
    let _ = frame.decode::<Note<'_>>().map_err(|error| error.to_string());
    let _ = frame.received().to_string();

    let mut options = FrameOptions::new()
        .sequence(frame.sequence)
        .checksum(frame.checksum)
        .named(frame.name.is_some())
        .reference(frame.reference);
    if let Some(fragment) = frame.fragment {
        options = options.fragment(fragment);
    }
    if let Some(correlation) = frame.correlation {
        options = options.correlation(correlation);
    }
    // A schema's name lives for ever, so only names that are known can be written again.
    let known = ["", "Tick", "Log", "Event", "job", "Line", "Library", "Short", "Tree"];
    let Some(name) = known.into_iter().find(|name| *name == frame.name.unwrap_or("")) else {
        return;
    };
    let schema = Schema {
        name,
        version: frame.version,
        fingerprint: frame.fingerprint,
        lineage: frame.lineage,
        ..Schema::value("", 0)
    };
    let mut again = Vec::new();
    options.write_payload(&schema, frame.payload, &mut again).expect("a frame can be written");
    assert_eq!(again, &data[..length]);
}
