//! Three messages, each as every contender wants to have it: a market tick of 64 bytes, a log record
//! of about 300, a sensor batch of 64 KiB.

use std::collections::BTreeMap;

use posix_ipc_typed::Message;

/// A tick as everybody but prost writes it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Message,
    serde::Serialize,
    serde::Deserialize,
    borsh::BorshSerialize,
    borsh::BorshDeserialize,
    speedy::Readable,
    speedy::Writable,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    zerocopy::FromBytes,
    zerocopy::IntoBytes,
    zerocopy::Immutable,
)]
#[repr(C)]
pub(crate) struct Tick {
    pub(crate) symbol: [u8; 8],
    pub(crate) sequence: u64,
    pub(crate) time: u64,
    pub(crate) bid: f64,
    pub(crate) ask: f64,
    pub(crate) last: f64,
    pub(crate) bid_size: u32,
    pub(crate) ask_size: u32,
    pub(crate) venue: u32,
    pub(crate) flags: u32,
}

/// The same for prost, which has no arrays: the symbol is a number.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ProstTick {
    #[prost(fixed64, tag = "1")]
    pub(crate) symbol: u64,
    #[prost(fixed64, tag = "2")]
    pub(crate) sequence: u64,
    #[prost(fixed64, tag = "3")]
    pub(crate) time: u64,
    #[prost(double, tag = "4")]
    pub(crate) bid: f64,
    #[prost(double, tag = "5")]
    pub(crate) ask: f64,
    #[prost(double, tag = "6")]
    pub(crate) last: f64,
    #[prost(fixed32, tag = "7")]
    pub(crate) bid_size: u32,
    #[prost(fixed32, tag = "8")]
    pub(crate) ask_size: u32,
    #[prost(fixed32, tag = "9")]
    pub(crate) venue: u32,
    #[prost(fixed32, tag = "10")]
    pub(crate) flags: u32,
}

/// A log record.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Message,
    serde::Serialize,
    serde::Deserialize,
    borsh::BorshSerialize,
    borsh::BorshDeserialize,
    speedy::Readable,
    speedy::Writable,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub(crate) struct Log {
    pub(crate) time: u64,
    pub(crate) level: u32,
    pub(crate) host: String,
    pub(crate) target: String,
    pub(crate) text: String,
    pub(crate) fields: BTreeMap<String, String>,
}

/// The same, read without copying its strings.
#[derive(Debug, Message)]
#[message(name = "Log")]
pub(crate) struct BorrowedLog<'a> {
    pub(crate) time: u64,
    pub(crate) level: u32,
    pub(crate) host: &'a str,
    pub(crate) target: &'a str,
    pub(crate) text: &'a str,
    pub(crate) fields: BTreeMap<&'a str, &'a str>,
}

/// The same for prost.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ProstLog {
    #[prost(fixed64, tag = "1")]
    pub(crate) time: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) level: u32,
    #[prost(string, tag = "3")]
    pub(crate) host: String,
    #[prost(string, tag = "4")]
    pub(crate) target: String,
    #[prost(string, tag = "5")]
    pub(crate) text: String,
    #[prost(btree_map = "string, string", tag = "6")]
    pub(crate) fields: BTreeMap<String, String>,
}

/// A batch of samples.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Message,
    serde::Serialize,
    serde::Deserialize,
    borsh::BorshSerialize,
    borsh::BorshDeserialize,
    speedy::Readable,
    speedy::Writable,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub(crate) struct Batch {
    pub(crate) sensor: u32,
    pub(crate) interval: u32,
    pub(crate) start: u64,
    pub(crate) samples: Vec<f32>,
}

/// The same for prost.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ProstBatch {
    #[prost(fixed32, tag = "1")]
    pub(crate) sensor: u32,
    #[prost(fixed32, tag = "2")]
    pub(crate) interval: u32,
    #[prost(fixed64, tag = "3")]
    pub(crate) start: u64,
    #[prost(float, repeated, tag = "4")]
    pub(crate) samples: Vec<f32>,
}

pub(crate) fn tick() -> Tick {
    Tick {
        symbol: *b"AAPL    ",
        sequence: 18_446_744_000_000,
        time: 1_764_000_000_123_456_789,
        bid: 271.49,
        ask: 271.50,
        last: 271.495,
        bid_size: 1200,
        ask_size: 800,
        venue: 7,
        flags: 3,
    }
}

pub(crate) fn prost_tick() -> ProstTick {
    let Tick { symbol, sequence, time, bid, ask, last, bid_size, ask_size, venue, flags } = tick();
    let symbol = u64::from_le_bytes(symbol);
    ProstTick { symbol, sequence, time, bid, ask, last, bid_size, ask_size, venue, flags }
}

pub(crate) fn log() -> Log {
    let fields = [
        ("connection", "10.20.30.40:51234"),
        ("method", "POST"),
        ("path", "/v1/orders/8472913"),
        ("status", "503"),
        ("retry", "2"),
    ];
    Log {
        time: 1_764_000_000_123_456_789,
        level: 3,
        host: "edge-eu-west-17".into(),
        target: "gateway::upstream::pool".into(),
        text: "upstream connection was reset before the headers were complete, trying another"
            .into(),
        fields: fields.map(|(key, value)| (key.to_string(), value.to_string())).into(),
    }
}

pub(crate) fn prost_log() -> ProstLog {
    let Log { time, level, host, target, text, fields } = log();
    ProstLog { time, level, host, target, text, fields }
}

pub(crate) fn batch() -> Batch {
    let samples = (0..16_380).map(|index| (index as f32 * 0.01).sin()).collect();
    Batch { sensor: 42, interval: 1000, start: 1_764_000_000_123_456_789, samples }
}

pub(crate) fn prost_batch() -> ProstBatch {
    let Batch { sensor, interval, start, samples } = batch();
    ProstBatch { sensor, interval, start, samples }
}
