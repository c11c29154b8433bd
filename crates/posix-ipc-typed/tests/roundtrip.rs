//! Values survive a round trip, and any bytes that can be read are written as the same bytes.

#[allow(dead_code)]
mod shapes;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::{NonZeroI64, NonZeroU32, Wrapping};
use std::ops::Bound;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use posix_ipc_typed::{Decode, DecodeError, EncodeError, MAX_DEPTH, Message};
use proptest::collection::{btree_map, btree_set, hash_map, hash_set, vec};
use proptest::option;
use proptest::prelude::*;
use shapes::*;

#[track_caller]
fn round_trip<T: for<'a> Decode<'a> + PartialEq + std::fmt::Debug>(value: &T) -> Vec<u8> {
    let bytes = value.encoded().unwrap();
    assert_eq!(bytes.len(), value.encoded_len());
    assert!(T::MIN_LEN <= bytes.len() && T::MAX_LEN.is_none_or(|max| bytes.len() <= max));
    assert_eq!(&T::from_bytes(&bytes).unwrap(), value);
    assert_eq!(&T::from_shared(&Bytes::from(bytes.clone())).unwrap(), value);
    let mut appended = vec![1, 2, 3];
    value.encode_to_vec(&mut appended).unwrap();
    assert_eq!(appended[3..], bytes);
    let mut buffer = BytesMut::new();
    value.encode_to(&mut buffer).unwrap();
    assert_eq!(buffer, bytes);
    bytes
}

fn numbers() -> impl Strategy<Value = Numbers> {
    let first = (any::<u16>(), any::<i64>(), -1e300..1e300f64, any::<bool>(), any::<char>());
    let second = (1u32.., any::<u8>(), any::<[u16; 3]>(), any::<(u8, i8)>(), any::<usize>());
    (first, second).prop_map(|((a, b, c, d, e), (f, g, h, i, j))| {
        let f = NonZeroU32::new(f).unwrap();
        Numbers { a, b, c, d, e, f, g: Wrapping(g), h, i, j }
    })
}

fn collections() -> impl Strategy<Value = Collections> {
    let tuple = (any::<u8>(), any::<i128>(), -1e30..1e30f32).prop_map(|(a, b, c)| Tuple(a, b, c));
    let first = (
        vec(any::<u32>(), 0..9),
        vec(any::<String>(), 0..4),
        vec(tuple, 0..4),
        btree_map(any::<String>(), any::<u16>(), 0..5),
        btree_set(any::<i16>(), 0..5),
    );
    let second = (
        hash_map(any::<u32>(), vec(any::<u8>(), 0..9), 0..5),
        hash_set(any::<String>(), 0..5),
        any::<[Option<u8>; 2]>(),
        vec(Just(()), 0..5),
        vec(option::of(any::<[u8; 32]>()), 0..5),
    );
    (first, second).prop_map(|((a, b, c, d, e), (f, g, h, i, j))| {
        let c = c.into();
        Collections { a, b, c, d, e, f, g, h, i, j }
    })
}

fn tree() -> impl Strategy<Value = Tree> {
    any::<u8>().prop_map(Tree::Leaf).prop_recursive(6, 40, 4, |inner| {
        let pair = (inner.clone(), option::of(inner.clone())).prop_map(|(left, right)| {
            let (left, right) = (Box::new(left), right.map(Box::new));
            Tree::Pair { left, right }
        });
        prop_oneof![vec(inner, 0..4).prop_map(Tree::Node), pair]
    })
}

proptest! {
    #[test]
    fn numbers_survive(value in numbers()) {
        prop_assert_eq!(round_trip(&value).len(), Numbers::MIN_LEN);
    }

    #[test]
    fn collections_survive(value in collections()) {
        round_trip(&value);
    }

    #[test]
    fn trees_survive(value in tree()) {
        round_trip(&value);
    }

    #[test]
    fn variable_length_integers_survive(
        a: u16, b: u64, c: i32, d: i128, e: Option<u32>, f in vec(any::<i64>(), 0..5)
    ) {
        round_trip(&Variable { a, b, c, d, e, f });
    }

    #[test]
    fn generic_types_survive(first: Option<u8>, second: [u64; 3]) {
        let pair = Pair { first, second, marker: std::marker::PhantomData };
        round_trip::<Pair<Option<u8>, u64, 3>>(&pair);
    }

    #[test]
    fn texts_survive_borrowed_and_shared(
        a: String, b: String, c: Vec<u8>, d: Vec<u8>, g: [u8; 4]
    ) {
        let (e, f, h) = (b.clone().into(), a.as_str().into(), a.as_str().into());
        let value = Texts { a: a.clone(), b: &b, c: &c, d: d.into(), e, f, g: &g, h };
        let bytes = Bytes::from(value.encoded().unwrap());
        let read = Texts::from_shared(&bytes).unwrap();
        prop_assert_eq!(&read, &value);
        let all = bytes.as_ptr_range();
        let within = |part: &[u8]| all.start <= part.as_ptr() && part.as_ptr_range().end <= all.end;
        prop_assert!(within(read.b.as_bytes()) && within(read.c) && within(read.g));
        prop_assert!(read.d.is_empty() || within(&read.d), "Bytes share the buffer");
        prop_assert!(matches!(read.e, std::borrow::Cow::Borrowed(_)));
    }

    #[test]
    fn any_bytes_that_can_be_read_are_written_again(
        number: u8, data in vec(any::<u8>(), 0..200)
    ) {
        check_shape(number, &data);
    }

    /// Small values make far more inputs readable than random ones.
    #[test]
    fn any_plausible_bytes_that_can_be_read_are_written_again(
        number: u8, data in vec(prop_oneof![4 => 0u8..4, 1 => any::<u8>()], 0..120)
    ) {
        check_shape(number, &data);
    }

    #[test]
    fn a_changed_byte_is_refused_or_another_value(value in collections(), at: usize, bit in 0..8) {
        let mut bytes = value.encoded().unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1u8 << bit;
        check::<Collections>(&bytes);
        bytes[at] ^= 1u8 << bit;
        for length in 0..bytes.len() {
            prop_assert!(Collections::from_bytes(&bytes[..length]).is_err());
        }
    }
}

#[test]
fn library_types_survive() {
    let times = [
        UNIX_EPOCH,
        SystemTime::now(),
        UNIX_EPOCH - Duration::from_nanos(1),
        UNIX_EPOCH - Duration::new(5, 0),
        UNIX_EPOCH + Duration::new(i64::MAX as u64, 999_999_999),
        UNIX_EPOCH - Duration::new(i64::MAX as u64, 999_999_999),
    ];
    for time in times {
        round_trip(&Library {
            a: Duration::MAX,
            b: time,
            c: IpAddr::V4([1, 2, 3, 4].into()),
            d: SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 1, 2, 3)),
            e: 5..5,
            f: -1..=1,
            g: Bound::Excluded(7),
            h: Err("no".into()),
            i: NonZeroI64::new(-1),
            j: SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, u16::MAX, u32::MAX, u32::MAX),
            k: std::cmp::Ordering::Less,
        });
    }
}

#[test]
fn tags_of_an_enum_are_those_of_its_author() {
    let moved = Event::Moved(1, -1).encoded().unwrap();
    assert_eq!(moved, [46, 1, 1, 0, 0, 0, 255, 255, 255, 255], "302, the second after 300");
    assert_eq!(Side::Sell.encoded().unwrap(), [2]);
    let error = DecodeError::Variant { type_name: "Side", tag: 0 };
    assert_eq!(Side::from_bytes(&[0]), Err(error));
    assert_eq!(error.to_string(), "Side has no variant with tag 0");
}

#[test]
fn a_hash_map_is_written_in_the_order_of_its_keys() {
    let pairs = [(3u8, 'c'), (1, 'a'), (2, 'b')];
    let hashed: HashMap<u8, char> = pairs.into_iter().collect();
    let sorted: BTreeMap<u8, char> = pairs.into_iter().collect();
    let bytes = hashed.encoded().unwrap();
    assert_eq!(bytes, sorted.encoded().unwrap());
    let schemas = (HashMap::<u8, char>::SCHEMA, BTreeMap::<u8, char>::SCHEMA);
    assert_eq!(schemas.0, schemas.1, "both are the same on the wire");
    let swapped = [&bytes[..4], &bytes[9..14], &bytes[4..9], &bytes[14..]].concat();
    let doubled = [&bytes[..9], &bytes[4..9], &bytes[14..]].concat();
    for damaged in [swapped, doubled] {
        let error = HashMap::<u8, char>::from_bytes(&damaged).unwrap_err();
        assert!(matches!(error, DecodeError::NotCanonical(_)), "{error}");
    }
}

#[test]
fn bits_of_a_float_survive_whatever_they_mean() {
    for bits in [0u64, 1 << 63, 0x7ff0_0000_0000_0001, 0xffff_ffff_ffff_ffff] {
        let bytes = f64::from_bits(bits).encoded().unwrap();
        assert_eq!(f64::from_bytes(&bytes).unwrap().to_bits(), bits);
    }
}

#[test]
fn a_limit_holds_for_writer_and_reader() {
    let b = vec![1, 2, 3];
    let mut value = Limits { a: "12345678".into(), b, c: BTreeMap::new(), d: 5, e: 5 };
    assert_eq!(Limits::MAX_LEN, Some(4 + 8 + 4 + 6 + 4 + 4));
    let bytes = value.encoded().unwrap();
    let read = Limits::from_bytes(&bytes).unwrap();
    assert_eq!((read.d, read.e), (0, 7), "skipped fields get their defaults");
    value.a.push('9');
    assert_eq!(value.encoded(), Err(EncodeError::TooLong { length: 9, limit: 8 }));
    let mut longer = bytes.clone();
    longer[0] = 9;
    assert_eq!(Limits::from_bytes(&longer), Err(DecodeError::TooLong { length: 9, limit: 8 }));
}

#[test]
fn recursion_is_bounded_for_writer_and_reader() {
    fn nest(depth: usize) -> Tree {
        (0..depth).fold(Tree::Leaf(0), |tree, _| Tree::Node(vec![tree]))
    }
    round_trip(&nest(MAX_DEPTH));
    let error = nest(MAX_DEPTH + 1).encoded().unwrap_err();
    assert_eq!(error, EncodeError::TooDeep { limit: MAX_DEPTH });
    // A million levels in five million bytes.
    let hostile: Vec<u8> = [1, 1, 0, 0, 0].repeat(1_000_000);
    let error = Tree::from_bytes(&hostile).unwrap_err();
    assert_eq!(error, DecodeError::TooDeep { limit: MAX_DEPTH });
}

#[test]
fn elements_without_bytes_are_bounded() {
    let error = Vec::<()>::from_bytes(&[255; 4]).unwrap_err();
    assert!(matches!(error, DecodeError::TooLong { limit: 65_536, .. }), "{error}");
    let error = vec![(); 65_537].encoded().unwrap_err();
    assert!(matches!(error, EncodeError::TooLong { limit: 65_536, .. }), "{error}");
    round_trip(&vec![(); 65_536]);
    // In all sequences of a message together, also where each is within a value of its own.
    round_trip(&vec![vec![(); 32_768]; 2]);
    let two = vec![vec![(); 32_769]; 2];
    let error = two.encoded().unwrap_err();
    assert_eq!(error, EncodeError::TooLong { length: 65_537, limit: 65_536 });
    let half: Vec<u8> = 32_769u32.to_le_bytes().into();
    let bytes = [&[2, 0, 0, 0][..], &half, &half].concat();
    let error = Vec::<Vec<()>>::from_bytes(&bytes).unwrap_err();
    assert_eq!(error, DecodeError::TooLong { length: 65_537, limit: 65_536 });

    #[derive(Debug, Clone, PartialEq, Message)]
    #[message(extensible)]
    struct Within {
        nothing: Vec<()>,
    }
    round_trip(&vec![Within { nothing: vec![(); 32_768] }; 2]);
    let two = vec![Within { nothing: vec![(); 32_768] }; 2].encoded().unwrap();
    let mut more = two.clone();
    more[4 + 8..4 + 12].copy_from_slice(&half);
    let error = Vec::<Within>::from_bytes(&more).unwrap_err();
    assert_eq!(error, DecodeError::TooLong { length: 65_537, limit: 65_536 });
}

#[test]
fn a_sequence_whose_elements_could_be_empty_but_are_not_is_as_long_as_any() {
    #[derive(Debug, Clone, PartialEq, Message)]
    struct Link {
        next: Option<Box<Link>>,
    }
    assert_eq!(Link::MIN_LEN, 0);
    round_trip(&vec![Link { next: None }; 100_000]);
}

#[test]
fn a_range_that_was_iterated_over_is_not_sent_as_one_that_was_not() {
    round_trip(&(1u8..=3));
    #[expect(clippy::reversed_empty_ranges, reason = "it is a value as others")]
    round_trip(&(3u8..=1));
    let mut range = 1u8..=3;
    range.next();
    round_trip(&range);
    while range.next().is_some() {}
    let error = EncodeError::Invalid("a range that was iterated over to its end");
    assert_eq!(range.encoded(), Err(error));
}

#[test]
fn expressions_of_attributes_mean_what_they_mean_where_they_are_written() {
    fn version() -> u16 {
        7
    }
    fn tag() -> u8 {
        8
    }
    const fn input() -> usize {
        2
    }
    #[derive(Debug, PartialEq, Message)]
    #[message(version = 2)]
    enum Event {
        Start {
            #[message(skip, default = tag())]
            cache: u8,
            #[message(max_len = input())]
            text: String,
            #[message(since = 2, default = version())]
            number: u16,
        },
    }
    let start = |text: &str| Event::Start { cache: 8, text: text.into(), number: 1 };
    round_trip(&start("ab"));
    assert_eq!(start("abc").encoded(), Err(EncodeError::TooLong { length: 3, limit: 2 }));
    let old = [0, 1, 0, 0, 0, b'x'];
    let value = Event::decode_version(&mut posix_ipc_typed::Reader::new(&old), 1);
    assert_eq!(value, Ok(Event::Start { cache: 8, text: "x".into(), number: 7 }));
}

#[test]
fn long_sequences_of_numbers_survive_whole() {
    for count in [495, 496, 497, 992, 5_000] {
        round_trip(&(0..count).collect::<Vec<u32>>());
        round_trip(&(0..count).map(|number| number as u8).collect::<Vec<u8>>());
        round_trip(&(0..count).map(u128::from).collect::<Vec<u128>>());
        round_trip(&(0..count).map(f64::from).collect::<std::collections::VecDeque<f64>>());
    }
}

#[test]
fn integers_longer_than_needed_or_than_possible_are_refused() {
    #[derive(Debug, PartialEq, Message)]
    struct Short {
        #[message(varint)]
        value: u16,
    }
    assert_eq!(Short { value: 300 }.encoded().unwrap(), [0xac, 2]);
    let not_canonical = Short::from_bytes(&[0x80, 0]).unwrap_err();
    assert!(matches!(not_canonical, DecodeError::NotCanonical(_)), "{not_canonical}");
    assert_eq!(Short::from_bytes(&[0xff, 0xff, 3]), Ok(Short { value: u16::MAX }));
    for too_large in [&[0xff, 0xff, 4][..], &[0xff, 0xff, 0x83, 0]] {
        let error = Short::from_bytes(too_large).unwrap_err();
        assert!(matches!(error, DecodeError::Invalid { .. }), "{error}");
    }
}

#[test]
fn lengths_are_known_at_compile_time() {
    const _: () = assert!(Numbers::FIXED && Numbers::MIN_LEN == 44);
    const _: () = assert!(Unit::MIN_LEN == 0 && Tuple::MIN_LEN == 21);
    const _: () = assert!(Event::MIN_LEN == 2 && Event::MAX_LEN.is_none());
    const _: () = assert!(matches!(Side::MAX_LEN, Some(1)));
    const _: () = assert!(Tree::MIN_LEN == 1 && Tree::MAX_LEN.is_none());
    assert_eq!(Variable::MIN_LEN, 1 + 1 + 1 + 1 + 1 + 4);
    assert_eq!(<Pair<u8, u16, 4> as Message>::MAX_LEN, Some(9));
}

#[test]
fn borrowed_and_owned_fields_are_the_same_type_on_the_wire() {
    mod borrowed {
        #[derive(posix_ipc_typed::Message)]
        pub(crate) struct Line<'a> {
            pub(crate) text: &'a str,
            pub(crate) data: &'a [u8],
        }
    }
    mod owned {
        #[derive(Debug, PartialEq, posix_ipc_typed::Message)]
        pub(crate) struct Line {
            pub(crate) text: String,
            pub(crate) data: Vec<u8>,
        }
    }
    assert_eq!(borrowed::Line::SCHEMA, owned::Line::SCHEMA);
    let bytes = borrowed::Line { text: "x", data: &[1] }.encoded().unwrap();
    let line = owned::Line::from_bytes(&bytes).unwrap();
    assert_eq!(line, owned::Line { text: "x".into(), data: vec![1] });
}
