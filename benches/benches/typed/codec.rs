//! Encoding into a buffer that is there, and decoding into values that own what they have.

use std::cell::RefCell;
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

/// A contender that encodes into `size` bytes that are there.
fn encoder<'a>(
    desk: &'a Desk,
    size: usize,
    mut encode: impl FnMut(&mut [u8]) -> usize + 'a,
) -> impl FnMut(u64) -> Figures + 'a {
    let mut round = 0;
    move |operations| {
        desk.with(&mut round, size, |buffer| {
            assert!(encode(buffer) > 0);
            Figures::of_loop(operations, || {
                black_box(encode(black_box(&mut *buffer)));
                black_box(&*buffer);
            })
        })
    }
}

/// Where all contenders read from, or write to, so that none has better pages than another, or fewer
/// lines of the cache to touch.
///
/// Each round of a contender is at another place of a page: a copy is slower, for whoever meets it,
/// if what it reads and what it writes agree in the low twelve bits of their addresses.
#[derive(Debug, Default)]
pub(crate) struct Desk(RefCell<Vec<u8>>);

impl Desk {
    /// Calls `run` with `length` bytes of the desk, at the place for this round.
    fn with<T>(&self, round: &mut usize, length: usize, run: impl FnOnce(&mut [u8]) -> T) -> T {
        // Never moved, since it is never longer.
        let mut desk = self.0.borrow_mut();
        desk.resize(256 * 1024, 0);
        let start = desk.as_ptr().align_offset(4096) + *round % 7 * 576;
        *round += 1;
        run(&mut desk[start..][..length])
    }

    /// Calls `run` with `bytes` on the desk, at the place for this round.
    pub(crate) fn with_bytes<T>(
        &self,
        round: &mut usize,
        bytes: &[u8],
        run: impl FnOnce(&[u8]) -> T,
    ) -> T {
        self.with(round, bytes.len(), |place| {
            place.copy_from_slice(bytes);
            run(place)
        })
    }
}

/// Where a decoded value is put: a value that straddled two lines of the cache by chance would take
/// longer than another's that did not.
#[repr(align(64))]
pub(crate) struct Lines<T>(pub(crate) T);

/// A contender that decodes `bytes`; the first value has to be `expected`.
fn decoder<'a, T: PartialEq + 'a>(
    desk: &'a Desk,
    bytes: Vec<u8>,
    expected: T,
    decode: impl Fn(&[u8]) -> T + 'a,
) -> impl FnMut(u64) -> Figures + 'a {
    let mut round = 0;
    move |operations| {
        desk.with_bytes(&mut round, &bytes, |bytes| {
            assert!(decode(bytes) == expected);
            Figures::of_loop(operations, || {
                black_box(Lines(decode(black_box(bytes))));
            })
        })
    }
}

fn encoding<'a, T: Everyone, P: prost::Message>(
    name: &str,
    operations: u64,
    desk: &'a Desk,
    value: &'a T,
    prost: &'a P,
) -> Contest<'a> {
    let size = value.encoded_len() * 2;
    let contest = Contest::new(&format!("typed/encode {name}"), operations)
        .contender(
            OURS,
            encoder(desk, size, move |buffer| black_box(value).encode_to_slice(buffer).unwrap()),
        )
        .contender(
            "postcard",
            encoder(desk, size, move |buffer| {
                postcard::to_slice(black_box(value), buffer).unwrap().len()
            }),
        )
        .contender(
            "borsh",
            encoder(desk, size, move |buffer| {
                let mut rest = &mut *buffer;
                borsh::to_writer(&mut rest, black_box(value)).unwrap();
                size - rest.len()
            }),
        )
        .contender(
            "prost",
            encoder(desk, size, move |buffer| {
                let mut rest = &mut *buffer;
                black_box(prost).encode(&mut rest).unwrap();
                size - rest.len()
            }),
        )
        .contender(
            "speedy",
            encoder(desk, size, move |buffer| {
                black_box(value).write_to_buffer(buffer).unwrap();
                size
            }),
        );
    targets(contest)
}

fn decoding<'a, T: Everyone + Clone + 'a, P: prost::Message + Default + Clone + PartialEq + 'a>(
    name: &str,
    operations: u64,
    desk: &'a Desk,
    value: &T,
    prost: &P,
) -> Contest<'a> {
    let contest = Contest::new(&format!("typed/decode {name}"), operations)
        .contender(
            OURS,
            decoder(desk, value.encoded().unwrap(), value.clone(), |bytes| {
                T::from_bytes(bytes).unwrap()
            }),
        )
        .contender(
            "postcard",
            decoder(desk, postcard::to_stdvec(value).unwrap(), value.clone(), |bytes| {
                postcard::from_bytes(bytes).unwrap()
            }),
        )
        .contender(
            "borsh",
            decoder(desk, borsh::to_vec(value).unwrap(), value.clone(), |bytes| {
                borsh::from_slice(bytes).unwrap()
            }),
        )
        .contender(
            "prost",
            decoder(desk, prost.encode_to_vec(), prost.clone(), |bytes| P::decode(bytes).unwrap()),
        )
        .contender(
            "speedy",
            decoder(desk, value.write_to_vec().unwrap(), value.clone(), |bytes| {
                T::read_from_buffer(bytes).unwrap()
            }),
        );
    targets(contest)
}

pub(crate) fn ticks() {
    let (tick, prost) = (messages::tick(), messages::prost_tick());
    let desk = Desk::default();
    encoding("tick", 2_000_000, &desk, &tick, &prost)
        .contender(
            "zerocopy",
            encoder(&desk, 128, |buffer| {
                buffer[..64].copy_from_slice(black_box(&tick).as_bytes());
                64
            }),
        )
        .contender("rkyv", rkyv_encoder!(tick))
        .target(OURS, "zerocopy", Figure::P50, 1.2)
        .run();
    decoding("tick", 2_000_000, &desk, &tick, &prost)
        .contender(
            "zerocopy",
            decoder(&desk, tick.as_bytes().to_vec(), tick, |bytes| {
                Tick::read_from_bytes(bytes).unwrap()
            }),
        )
        .contender("rkyv", rkyv_decoder!(&desk, messages::Tick, messages::ArchivedTick, tick))
        .target(OURS, "zerocopy", Figure::P50, 1.2)
        .run();
}

pub(crate) fn logs() {
    let (log, prost) = (messages::log(), messages::prost_log());
    let desk = Desk::default();
    encoding("log", 200_000, &desk, &log, &prost).contender("rkyv", rkyv_encoder!(log)).run();
    let (bytes, mut round) = (log.encoded().unwrap(), 0);
    decoding("log", 100_000, &desk, &log, &prost)
        .contender("posix-ipc-typed, borrowed", |operations| {
            desk.with_bytes(&mut round, &bytes, |bytes| {
                let log = BorrowedLog::from_bytes(bytes).unwrap();
                let ends = (log.time, log.level, log.host.len(), log.target.len(), log.text.len());
                assert_eq!((ends.1, log.fields.len()), (3, 5));
                Figures::of_loop(operations, || {
                    black_box(Lines(BorrowedLog::from_bytes(black_box(bytes)).unwrap()));
                })
            })
        })
        .contender("rkyv", rkyv_decoder!(&desk, messages::Log, messages::ArchivedLog, log))
        .run();
}

pub(crate) fn batches() {
    let (batch, prost) = (messages::batch(), messages::prost_batch());
    let desk = Desk::default();
    let bytes = batch.encoded().unwrap();
    let source = bytes.clone();
    encoding("batch", 3_000, &desk, &batch, &prost)
        .contender(
            "memcpy",
            encoder(&desk, 2 * bytes.len(), move |buffer| {
                let source = black_box(&source);
                buffer[..source.len()].copy_from_slice(source);
                source.len()
            }),
        )
        .contender("rkyv", rkyv_encoder!(batch))
        .target(OURS, "memcpy", Figure::P50, 1.1)
        .run();
    decoding("batch", 3_000, &desk, &batch, &prost)
        .contender("memcpy", decoder(&desk, bytes.clone(), bytes, <[u8]>::to_vec))
        .contender("rkyv", rkyv_decoder!(&desk, messages::Batch, messages::ArchivedBatch, batch))
        .target(OURS, "memcpy", Figure::P50, 1.1)
        .run();
}
