//! Encoding into a buffer that is there, and decoding into values that own what they have.

use std::hint::black_box;

use posix_ipc_benches::contest::Contest;
use posix_ipc_benches::figures::{Figure, Figures};
use posix_ipc_typed::{Decode, DecodeOwned, Message};
use zerocopy::{FromBytes, IntoBytes};

use crate::messages::{self, BorrowedLog, Tick};

/// The peers that serialize, and have to be beaten.
const SERIALIZERS: [&str; 4] = ["postcard", "borsh", "prost", "speedy"];
const OURS: &str = "posix-ipc-typed";

/// Everything a message of each peer has to be able to do.
pub(crate) trait Everyone:
    Message
    + DecodeOwned
    + PartialEq
    + serde::Serialize
    + serde::de::DeserializeOwned
    + borsh::BorshSerialize
    + borsh::BorshDeserialize
    + speedy::Writable<speedy::LittleEndian>
    + for<'a> speedy::Readable<'a, speedy::LittleEndian>
{
}

impl<T> Everyone for T where
    T: Message
        + DecodeOwned
        + PartialEq
        + serde::Serialize
        + serde::de::DeserializeOwned
        + borsh::BorshSerialize
        + borsh::BorshDeserialize
        + speedy::Writable<speedy::LittleEndian>
        + for<'a> speedy::Readable<'a, speedy::LittleEndian>
{
}

fn targets<'a>(mut contest: Contest<'a>) -> Contest<'a> {
    for peer in SERIALIZERS {
        contest = contest.target(OURS, peer, Figure::P50, 1.0);
    }
    contest
}

/// A contender that encodes into a buffer of its own.
fn encoder<'a>(
    size: usize,
    mut encode: impl FnMut(&mut [u8]) -> usize + 'a,
) -> impl FnMut(u64) -> Figures + 'a {
    let mut buffer = vec![0; size];
    move |operations| {
        assert!(encode(&mut buffer) > 0);
        Figures::of_loop(operations, || {
            black_box(encode(black_box(&mut buffer)));
            black_box(&buffer);
        })
    }
}

/// A contender that decodes `bytes`; the first value has to be `expected`.
fn decoder<'a, T: PartialEq + 'a>(
    bytes: Vec<u8>,
    expected: T,
    decode: impl Fn(&[u8]) -> T + 'a,
) -> impl FnMut(u64) -> Figures + 'a {
    move |operations| {
        assert!(decode(&bytes) == expected);
        Figures::of_loop(operations, || {
            black_box(decode(black_box(&bytes)));
        })
    }
}

fn encoding<'a, T: Everyone, P: prost::Message>(
    name: &str,
    operations: u64,
    value: &'a T,
    prost: &'a P,
) -> Contest<'a> {
    let size = value.encoded_len() * 2;
    let contest = Contest::new(&format!("typed/encode {name}"), operations)
        .contender(
            OURS,
            encoder(size, move |buffer| black_box(value).encode_to_slice(buffer).unwrap()),
        )
        .contender(
            "postcard",
            encoder(size, move |buffer| {
                postcard::to_slice(black_box(value), buffer).unwrap().len()
            }),
        )
        .contender(
            "borsh",
            encoder(size, move |buffer| {
                let mut rest = &mut *buffer;
                borsh::to_writer(&mut rest, black_box(value)).unwrap();
                size - rest.len()
            }),
        )
        .contender(
            "prost",
            encoder(size, move |buffer| {
                let mut rest = &mut *buffer;
                black_box(prost).encode(&mut rest).unwrap();
                size - rest.len()
            }),
        )
        .contender(
            "speedy",
            encoder(size, move |buffer| {
                black_box(value).write_to_buffer(buffer).unwrap();
                size
            }),
        );
    targets(contest)
}

fn decoding<'a, T: Everyone + Clone + 'a, P: prost::Message + Default + Clone + PartialEq + 'a>(
    name: &str,
    operations: u64,
    value: &T,
    prost: &P,
) -> Contest<'a> {
    let contest = Contest::new(&format!("typed/decode {name}"), operations)
        .contender(
            OURS,
            decoder(value.encoded().unwrap(), value.clone(), |bytes| T::from_bytes(bytes).unwrap()),
        )
        .contender(
            "postcard",
            decoder(postcard::to_stdvec(value).unwrap(), value.clone(), |bytes| {
                postcard::from_bytes(bytes).unwrap()
            }),
        )
        .contender(
            "borsh",
            decoder(borsh::to_vec(value).unwrap(), value.clone(), |bytes| {
                borsh::from_slice(bytes).unwrap()
            }),
        )
        .contender(
            "prost",
            decoder(prost.encode_to_vec(), prost.clone(), |bytes| P::decode(bytes).unwrap()),
        )
        .contender(
            "speedy",
            decoder(value.write_to_vec().unwrap(), value.clone(), |bytes| {
                T::read_from_buffer(bytes).unwrap()
            }),
        );
    targets(contest)
}

pub(crate) fn ticks() {
    let (tick, prost) = (messages::tick(), messages::prost_tick());
    encoding("tick", 2_000_000, &tick, &prost)
        .contender(
            "zerocopy",
            encoder(128, |buffer| {
                buffer[..64].copy_from_slice(black_box(&tick).as_bytes());
                64
            }),
        )
        .contender("rkyv", rkyv_encoder!(tick))
        .target(OURS, "zerocopy", Figure::P50, 1.2)
        .run();
    decoding("tick", 2_000_000, &tick, &prost)
        .contender(
            "zerocopy",
            decoder(tick.as_bytes().to_vec(), tick, |bytes| Tick::read_from_bytes(bytes).unwrap()),
        )
        .contender("rkyv", rkyv_decoder!(messages::Tick, messages::ArchivedTick, tick))
        .target(OURS, "zerocopy", Figure::P50, 1.2)
        .run();
}

pub(crate) fn logs() {
    let (log, prost) = (messages::log(), messages::prost_log());
    encoding("log", 200_000, &log, &prost).contender("rkyv", rkyv_encoder!(log)).run();
    let bytes = log.encoded().unwrap();
    decoding("log", 100_000, &log, &prost)
        .contender("posix-ipc-typed, borrowed", move |operations| {
            let log = BorrowedLog::from_bytes(&bytes).unwrap();
            let ends = (log.time, log.level, log.host.len(), log.target.len(), log.text.len());
            assert_eq!((ends.1, log.fields.len()), (3, 5));
            Figures::of_loop(operations, || {
                black_box(BorrowedLog::from_bytes(black_box(&bytes)).unwrap());
            })
        })
        .contender("rkyv", rkyv_decoder!(messages::Log, messages::ArchivedLog, log))
        .run();
}

pub(crate) fn batches() {
    let (batch, prost) = (messages::batch(), messages::prost_batch());
    let bytes = batch.encoded().unwrap();
    let source = bytes.clone();
    encoding("batch", 3_000, &batch, &prost)
        .contender(
            "memcpy",
            encoder(2 * bytes.len(), move |buffer| {
                let source = black_box(&source);
                buffer[..source.len()].copy_from_slice(source);
                source.len()
            }),
        )
        .contender("rkyv", rkyv_encoder!(batch))
        .target(OURS, "memcpy", Figure::P50, 1.1)
        .run();
    decoding("batch", 3_000, &batch, &prost)
        .contender("memcpy", decoder(bytes.clone(), bytes, <[u8]>::to_vec))
        .contender("rkyv", rkyv_decoder!(messages::Batch, messages::ArchivedBatch, batch))
        .target(OURS, "memcpy", Figure::P50, 1.1)
        .run();
}
