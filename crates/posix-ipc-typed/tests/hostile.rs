//! Hostile bytes: what they cost in memory, and what they get as an answer.
//!
//! The allocator of this test binary notes the largest request of the thread.

#[allow(dead_code)]
mod shapes;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use posix_ipc_typed::{Decode, DecodeError, Frame, FrameError, FrameOptions, Message};
use proptest::collection::vec;
use proptest::prelude::*;

struct Watching;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

fn note(size: usize) {
    // A thread that ends has no cell any more.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as the caller promised us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised us.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: as the caller promised us.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// The largest allocation while `body` runs.
fn largest(body: impl FnOnce()) -> usize {
    LARGEST.set(0);
    body();
    LARGEST.get()
}

/// Reads `data` as a `T`, and says what the largest allocation was.
fn cost<'a, T: Decode<'a>>(data: &'a [u8]) -> usize {
    largest(|| drop(T::from_bytes(data)))
}

#[test]
fn a_count_that_cannot_be_true_makes_no_room() {
    let huge = [0xff; 64];
    assert_eq!(cost::<Vec<u64>>(&huge), 0);
    assert_eq!(cost::<Vec<Vec<u8>>>(&huge), 0);
    assert_eq!(cost::<String>(&huge), 0);
    assert_eq!(cost::<std::collections::BTreeMap<u8, u8>>(&huge), 0);
    let error = Vec::<u64>::from_bytes(&huge).unwrap_err();
    assert!(matches!(error, DecodeError::End { left: 60, .. }), "{error}");
}

#[test]
fn elements_that_are_larger_in_memory_than_on_the_wire_are_not_made_room_for_in_advance() {
    // A million `None`, each of a byte, of 4 KiB in memory; then something that is no option.
    type Wide = Vec<Option<[u64; 512]>>;
    let mut data = 1_000_000u32.to_le_bytes().to_vec();
    data.resize(4 + 1_000_000, 0);
    data[4] = 9;
    assert!(Wide::from_bytes(&data).is_err());
    let size = cost::<Wide>(&data);
    assert!(size <= 2 * data.len(), "{size} bytes at once for an input of {}", data.len());
}

#[test]
fn elements_without_bytes_make_no_more_room_in_many_sequences_than_in_one() {
    #[derive(Debug, Default, PartialEq, Message)]
    struct Skipped {
        #[message(skip)]
        cache: [u64; 4],
    }
    let one = 65_536u32.to_le_bytes();
    // Each of a thousand sequences would have two mebibytes.
    let data = [&1_000u32.to_le_bytes()[..], &one.repeat(1_000)].concat();
    let mut room = 0;
    let error = Vec::<Vec<Skipped>>::from_bytes(&data).unwrap_err();
    room += cost::<Vec<Vec<Skipped>>>(&data);
    assert!(matches!(error, DecodeError::TooLong { length: 65_537, .. }), "{error}");
    assert!(room <= 2 * 65_536 * 32, "{room}");
}

#[test]
fn fixed_elements_with_fields_that_are_not_sent_are_not_made_room_for_in_advance() {
    #[derive(Debug, PartialEq, Message)]
    struct Wide {
        flag: bool,
        #[message(skip, default = [0; 512])]
        cache: [u64; 512],
    }
    let mut data = 1_000_000u32.to_le_bytes().to_vec();
    data.resize(4 + 1_000_000, 0);
    data[4] = 9;
    assert!(Vec::<Wide>::from_bytes(&data).is_err());
    let size = cost::<Vec<Wide>>(&data);
    assert!(size <= 2 * data.len(), "{size} bytes at once for an input of {}", data.len());
}

#[test]
fn a_frame_of_any_length_field_costs_nothing() {
    let mut frame = Vec::new();
    FrameOptions::new().write(&7u32, &mut frame).unwrap();
    for length in [0u32, 1, 27, 1000, u32::MAX] {
        frame[4..8].copy_from_slice(&length.to_le_bytes());
        let parsed = largest(|| drop(Frame::parse(&frame)));
        assert_eq!(parsed, 0);
    }
    assert!(matches!(Frame::parse(&frame), Err(FrameError::Short { .. })));
}

#[test]
fn a_damaged_frame_with_a_checksum_is_never_read() {
    let mut frame = Vec::new();
    let value = ("a text".to_string(), 5u64);
    FrameOptions::new().checksum(true).write(&value, &mut frame).unwrap();
    assert!(Frame::parse(&frame).is_ok());
    for position in 0..frame.len() {
        for bit in 0..8 {
            let mut damaged = frame.clone();
            damaged[position] ^= 1 << bit;
            // Only the bit that announces the checksum can take its protection away, and then the
            // checksum itself stands where nothing may.
            assert!(Frame::parse(&damaged).is_err(), "bit {bit} of byte {position}");
        }
    }
}

#[test]
fn each_part_of_a_frame_that_is_not_as_written_is_refused() {
    let mut frame = Vec::new();
    FrameOptions::new().write(&7u32, &mut frame).unwrap();
    let refused = |change: &dyn Fn(&mut Vec<u8>), expected: &str| {
        let mut changed = frame.clone();
        change(&mut changed);
        let error = Frame::parse(&changed).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(&|frame| frame[0] = 0, "not a frame: it starts with [00, 4d]");
    refused(&|frame| frame[2] = 2, "a frame of format 2, where 1 is known");
    refused(&|frame| frame[3] |= 0x80, "flags that are not known");
    refused(&|frame| frame[20] = 0, "a header that no sender writes");
    refused(&|frame| frame[22] = 1, "a header that no sender writes");
    refused(&|frame| frame[28] = 1, "a checksum that it does not announce");
    refused(&|frame| frame[32] = 0, "a name of a length that no sender writes");
    refused(&|frame| frame[32] = 200, "parts that are longer than itself");
    refused(&|frame| frame[33] = 0xff, "a name that is no text");
    refused(&|frame| frame.push(0), "1 bytes follow the frame");
    refused(&|frame| frame.truncate(31), "the frame ends early");
    refused(&|frame| frame.truncate(frame.len() - 1), "the frame ends early");
}

#[test]
fn a_name_that_would_disturb_a_terminal_is_shown_harmless() {
    let mut frame = Vec::new();
    FrameOptions::new().write(&7u32, &mut frame).unwrap();
    frame[33..36].copy_from_slice(b"\x1b[2");
    let text = Frame::parse(&frame).unwrap().received().to_string();
    assert_eq!(text, "\\u{1b}[2 version 1");
}

proptest! {
    #[test]
    fn no_input_costs_more_than_a_few_times_its_length(
        shape: u8, data in vec(prop_oneof![4 => 0u8..4, 1 => any::<u8>()], 0..300)
    ) {
        let decoded = largest(|| shapes::check_shape(shape, &data));
        // Strings and small vectors have a least size; a B-tree's node holds eleven entries.
        prop_assert!(decoded <= 4096 + 16 * data.len(), "{decoded} for {}", data.len());
    }

    #[test]
    fn any_bytes_are_a_frame_or_an_error(data in vec(any::<u8>(), 0..100), head: bool) {
        let mut bytes = if head { b"\xb5M\x01\x1e".to_vec() } else { Vec::new() };
        bytes.extend(data);
        if let Ok((frame, rest)) = Frame::parse_prefix(&bytes) {
            prop_assert!(frame.payload.len() + rest.len() < bytes.len());
            let _ = frame.decode::<shapes::Collections>();
        }
    }
}

#[test]
fn a_type_name_is_carried_whole_or_refused() {
    use posix_ipc_typed::{EncodeError, Reader, Schema, Writer};
    #[derive(Debug)]
    struct Long;
    impl Message for Long {
        const SCHEMA: Schema = Schema::value(
            "a name that is far too long for a frame, which carries sixty-four bytes",
            1,
        );
        const MIN_LEN: usize = 0;
        const MAX_LEN: Option<usize> = Some(0);
        fn encoded_len(&self) -> usize {
            0
        }
        fn encode(&self, _output: &mut Writer<'_>) {}
    }
    impl<'a> Decode<'a> for Long {
        fn decode(_input: &mut Reader<'a>) -> Result<Self, DecodeError> {
            Ok(Self)
        }
    }
    let mut frame = vec![1];
    let error = FrameOptions::new().write(&Long, &mut frame).unwrap_err();
    assert!(matches!(error, EncodeError::Invalid(_)), "{error}");
    assert_eq!(frame, [1], "nothing was appended");
    // A sender refuses it as well, in place of a frame that no receiver takes.
    let (sender, receiver) = posix_ipc_typed::transport::memory(1, 1024);
    let error = posix_ipc_typed::Sender::<Long, _>::new(sender).send(&Long).unwrap_err();
    assert!(matches!(error, posix_ipc_typed::SendError::Encode { .. }), "{error}");
    let mut receiver = posix_ipc_typed::Receiver::<Long, _>::new(receiver);
    assert!(receiver.receive().unwrap_err().is_closed(), "nothing was sent");
}
