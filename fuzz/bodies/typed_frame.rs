//! Any bytes as a frame: no panic, and a frame that can be read is written as the same bytes. A frame with
//! a damage in it: ends, which have a shorter way for the usual frames, make of it what is read of it otherwise.

use posix_ipc_typed::transport::{self, SendFrames, TransportError, Wait};
use posix_ipc_typed::{
    Correlation, Frame, FrameOptions, HEADER_LEN, Message, Receiver, Schema, Server,
};

#[derive(Debug, Message)]
struct Note<'a> {
    id: u32,
    text: &'a str,
}

#[derive(Debug, PartialEq, Message)]
struct Memo {
    id: u32,
    text: String,
}

pub fn run(data: &[u8]) {
    damaged(data);
    any(data);
}

/// Reads the input as options, two damages, and a text.
fn damaged(data: &[u8]) {
    let Some((&[flags, at, bits, other_at, other_bits], text)) = data.split_first_chunk() else {
        return;
    };
    let memo = Memo { id: u32::from(at), text: String::from_utf8_lossy(text).into_owned() };
    let mut options = FrameOptions::new().named(flags & 1 != 0).checksum(flags & 2 != 0);
    if flags & 4 != 0 {
        options = options.correlation(Correlation { client: 1, request: u64::from(bits) });
    }
    let mut bytes = Vec::new();
    options.write(&memo, &mut bytes).expect("a memo can be written");
    for (at, bits) in [(at, bits), (other_at, other_bits)] {
        if let Some(byte) = bytes.get_mut(usize::from(at)) {
            *byte ^= bits;
        }
    }
    arrives(&bytes);
}

fn arrives(bytes: &[u8]) {
    let frame = Frame::parse(bytes);
    // The one opens whatever object it names, the other waits for more.
    if frame.as_ref().is_ok_and(|frame| frame.reference || frame.fragment.is_some()) {
        return;
    }
    let expected = frame.as_ref().ok().and_then(|frame| frame.decode::<Memo>().ok());
    let (mut sender, receiver) = transport::memory(1, bytes.len());
    sender.send_frame(bytes, 0, Wait::Never).expect("there is room");
    let received = Receiver::<Memo, _>::new(receiver).try_receive().ok().flatten();
    assert_eq!(received, expected);

    let (mut sender, receiver) = transport::memory(1, bytes.len());
    sender.send_frame(bytes, 0, Wait::Never).expect("there is room");
    let nobody = |_| Err::<transport::MemorySender, _>(TransportError::Closed);
    let mut server = Server::<Memo, Memo, _, _>::new(receiver, nobody);
    let request = server.receive(Wait::Never).ok().flatten();
    let request = request.map(|(memo, to)| (memo, to.client()));
    let client =
        frame.ok().and_then(|frame| frame.correlation).map(|correlation| correlation.client);
    assert_eq!(request, expected.zip(client));
}

fn any(data: &[u8]) {
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
