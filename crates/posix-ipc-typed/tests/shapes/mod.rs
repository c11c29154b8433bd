//! A message type of every shape that there is, and what must hold for each on any input.

#![allow(unreachable_pub, reason = "shared by test binaries that each use a part")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::num::{NonZeroI64, NonZeroU32, Wrapping};
use std::ops::{Bound, Range, RangeInclusive};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use posix_ipc_typed::{Decode, Message};

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Unit;

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Tuple(pub u8, pub i128, pub f32);

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Numbers {
    pub a: u16,
    pub b: i64,
    pub c: f64,
    pub d: bool,
    pub e: char,
    pub f: NonZeroU32,
    pub g: Wrapping<u8>,
    pub h: [u16; 3],
    pub i: (u8, i8),
    pub j: usize,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Texts<'a> {
    pub a: String,
    pub b: &'a str,
    pub c: &'a [u8],
    pub d: Bytes,
    pub e: Cow<'a, str>,
    pub f: Box<str>,
    pub g: &'a [u8; 4],
    pub h: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Collections {
    pub a: Vec<u32>,
    pub b: Vec<String>,
    pub c: VecDeque<Tuple>,
    pub d: BTreeMap<String, u16>,
    pub e: BTreeSet<i16>,
    pub f: HashMap<u32, Vec<u8>>,
    pub g: HashSet<String>,
    pub h: [Option<u8>; 2],
    pub i: Vec<()>,
    pub j: Vec<Option<[u8; 32]>>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Library {
    pub a: Duration,
    pub b: SystemTime,
    pub c: IpAddr,
    pub d: SocketAddr,
    pub e: Range<u32>,
    pub f: RangeInclusive<i8>,
    pub g: Bound<u16>,
    pub h: Result<u8, String>,
    pub i: Option<NonZeroI64>,
    pub j: SocketAddrV6,
    pub k: std::cmp::Ordering,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Message)]
pub enum Side {
    Buy = 1,
    Sell = 2,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub enum Event<'a> {
    #[message(tag = 300)]
    Opened {
        by: &'a str,
        side: Side,
    },
    Closed,
    Moved(i32, i32),
    Nested(Option<Box<Numbers>>),
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Pair<A, B: PartialEq, const N: usize> {
    pub first: A,
    pub second: [B; N],
    pub marker: PhantomData<String>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub enum Tree {
    Leaf(u8),
    Node(Vec<Tree>),
    Pair { left: Box<Tree>, right: Option<Box<Tree>> },
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Variable {
    #[message(varint)]
    pub a: u16,
    #[message(varint)]
    pub b: u64,
    #[message(varint)]
    pub c: i32,
    #[message(varint)]
    pub d: i128,
    #[message(varint)]
    pub e: Option<u32>,
    #[message(varint)]
    pub f: Vec<i64>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Limits {
    #[message(max_len = 8)]
    pub a: String,
    #[message(max_len = 3)]
    pub b: Vec<u16>,
    #[message(max_len = 2)]
    pub c: BTreeMap<u8, u8>,
    #[message(skip)]
    pub d: u32,
    #[message(skip, default = 7)]
    pub e: u32,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[message(extensible, version = 2)]
pub struct Extensible {
    pub a: u8,
    #[message(since = 2, default)]
    pub b: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[message(name = "evolved", version = 3)]
pub struct Evolved {
    #[message(tag = 1)]
    pub a: u32,
    #[message(since = 2, default = 9)]
    pub b: u32,
    #[message(since = 3, default)]
    pub c: Option<Extensible>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[message(extensible)]
pub struct Chain {
    pub a: Vec<()>,
    pub b: Tuple,
    #[message(varint)]
    pub c: Vec<i64>,
    pub d: BTreeMap<u8, Vec<Chain>>,
    pub e: Vec<f64>,
    pub f: Option<Box<Chain>>,
}

/// Whatever the bytes are: no panic, and what can be read is written as the same bytes again.
pub fn check<'a, T: Decode<'a>>(data: &'a [u8]) {
    let Ok(value) = T::from_bytes(data) else {
        return;
    };
    assert_eq!(value.encoded_len(), data.len());
    assert!(T::MIN_LEN <= data.len());
    assert!(T::MAX_LEN.is_none_or(|max| data.len() <= max));
    let bytes = value.encoded().expect("what was read can be written");
    assert_eq!(bytes, data, "one value has one encoding");
    let mut exact = vec![0xaa; data.len()];
    assert_eq!(value.encode_to_slice(&mut exact), Ok(data.len()));
    assert_eq!(exact, data);
    if let Some(short) = data.len().checked_sub(1) {
        assert!(value.encode_to_slice(&mut vec![0; short]).is_err(), "one byte is missing");
    }
}

/// [`check`] for the shape that `number` chooses.
pub fn check_shape(number: u8, data: &[u8]) {
    match number % 18 {
        0 => check::<Unit>(data),
        1 => check::<Tuple>(data),
        2 => check::<Numbers>(data),
        3 => check::<Texts<'_>>(data),
        4 => check::<Collections>(data),
        5 => check::<Library>(data),
        6 => check::<Event<'_>>(data),
        7 => check::<Pair<Option<u8>, Side, 2>>(data),
        8 => check::<Tree>(data),
        9 => check::<Variable>(data),
        10 => check::<Limits>(data),
        11 => check::<Extensible>(data),
        12 => check::<Evolved>(data),
        13 => check::<Vec<Numbers>>(data),
        14 => check::<Vec<Vec<Vec<u8>>>>(data),
        15 => check::<BTreeMap<Vec<u8>, BTreeMap<char, bool>>>(data),
        16 => check::<Vec<f64>>(data),
        _ => check::<Chain>(data),
    }
}
