//! Each row of the table in docs/wire-format.md, with both versions of a type.

use std::collections::{BTreeMap, HashMap};

use posix_ipc_typed::{
    Decode, DecodeError, EncodeError, Frame, FrameOptions, Message, MismatchReason, PayloadError,
};

/// Two or more versions of types, each in a module with what is needed around it.
macro_rules! versions {
    ($($version:ident { $($item:item)* })*) => {$(
        mod $version {
            #![allow(unused_imports, unreachable_pub)]
            use posix_ipc_typed::Message;
            $(#[derive(Debug, Clone, PartialEq, Message)] $item)*
        }
    )*};
}

fn send<T: Message>(value: &T) -> Vec<u8> {
    let mut buffer = Vec::new();
    FrameOptions::new().write(value, &mut buffer).unwrap();
    buffer
}

fn read<T: for<'a> Decode<'a>>(frame: &[u8]) -> Result<T, PayloadError> {
    Frame::parse(frame).unwrap().decode()
}

#[track_caller]
fn refused<T: for<'a> Decode<'a> + std::fmt::Debug>(frame: &[u8], reason: MismatchReason) {
    match read::<T>(frame) {
        Err(PayloadError::Type(mismatch)) => {
            assert_eq!(mismatch.reason, reason, "{mismatch}");
            let text = mismatch.to_string();
            assert!(text.contains(T::SCHEMA.name), "{text}");
            assert!(text.contains(&format!("version {}", T::SCHEMA.version)), "{text}");
            assert!(text.contains(mismatch.received.name().unwrap()), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_field_appended_later_has_its_default_in_older_messages_and_is_ignored_by_older_readers() {
    versions! {
        v1 { pub struct Job { pub id: u32 } }
        v2 {
            #[message(version = 2)]
            pub struct Job { pub id: u32, #[message(since = 2, default = 5)] pub priority: u8 }
        }
        v3 {
            #[message(version = 3)]
            pub struct Job {
                pub id: u32,
                #[message(since = 2, default = 5)] pub priority: u8,
                #[message(since = 3, default)] pub title: String,
            }
        }
    }
    let (one, two) = (v1::Job { id: 7 }, v2::Job { id: 7, priority: 9 });
    let three = v3::Job { id: 7, priority: 9, title: "sort".into() };
    assert_eq!(read(&send(&one)), Ok(v2::Job { id: 7, priority: 5 }));
    assert_eq!(read(&send(&one)), Ok(v3::Job { id: 7, priority: 5, title: String::new() }));
    assert_eq!(read(&send(&two)), Ok(v3::Job { id: 7, priority: 9, title: String::new() }));
    assert_eq!(read(&send(&two)), Ok(one.clone()));
    assert_eq!(read(&send(&three)), Ok(one));
    assert_eq!(read(&send(&three)), Ok(two));
}

#[test]
fn an_older_message_is_read_to_its_end_and_no_further() {
    versions! {
        v1 { pub struct Job { pub id: u32 } }
        v2 {
            #[message(version = 2)]
            pub struct Job { pub id: u32, #[message(since = 2, default)] pub priority: u8 }
        }
    }
    let mut frame = Vec::new();
    let options = FrameOptions::new();
    options.write_payload(&v1::Job::SCHEMA, &[7, 0, 0, 0, 1], &mut frame).unwrap();
    let error = DecodeError::Trailing { left: 1 };
    let expected = PayloadError::Decode { type_name: "Job", version: 1, error };
    assert_eq!(read::<v2::Job>(&frame), Err(expected));
}

#[test]
fn a_variant_added_later_is_an_error_to_older_readers_or_their_other() {
    versions! {
        v1 { pub enum Event { Start, Stop(u8) } }
        other { pub enum Event { Start, Stop(u8), #[message(since = 1, other, tag = 255)] Unknown } }
        v2 {
            #[message(version = 2)]
            pub enum Event { Start, Stop(u8), #[message(since = 2)] Pause { seconds: u32 } }
        }
        old_other { #[message(version = 1)] pub enum Switch { On, #[message(other)] Unknown } }
        new_other {
            #[message(version = 2)]
            pub enum Switch { On, #[message(other)] Unknown, #[message(since = 2)] Dimmed(u8) }
        }
    }
    assert_eq!(read(&send(&v1::Event::Stop(3))), Ok(v2::Event::Stop(3)));
    assert_eq!(read(&send(&v2::Event::Stop(3))), Ok(v1::Event::Stop(3)));
    let frame = send(&v2::Event::Pause { seconds: 1 });
    let error = DecodeError::Variant { type_name: "Event", tag: 2 };
    let expected = PayloadError::Decode { type_name: "Event", version: 2, error };
    assert_eq!(read::<v1::Event>(&frame), Err(expected));
    refused::<other::Event>(&frame, MismatchReason::Changed);

    let frame = send(&new_other::Switch::Dimmed(3));
    assert_eq!(read(&frame), Ok(old_other::Switch::Unknown));
    // Of its own version it is an error all the same: only newer ones have more variants.
    let mut strange = Vec::new();
    let schema = old_other::Switch::SCHEMA;
    FrameOptions::new().write_payload(&schema, &[9], &mut strange).unwrap();
    assert!(read::<old_other::Switch>(&strange).is_err());
    // Nor may an older message have a variant that came later.
    let mut early = Vec::new();
    FrameOptions::new().write_payload(&v1::Event::SCHEMA, &[2, 1, 0, 0, 0], &mut early).unwrap();
    assert!(read::<v2::Event>(&early).is_err());
}

#[test]
fn a_field_appended_to_a_variant_is_as_one_appended_to_a_struct() {
    versions! {
        v1 { pub enum Event { Stop { code: u8 }, Go } }
        v2 {
            #[message(version = 2)]
            pub enum Event { Stop { code: u8, #[message(since = 2, default)] by: String }, Go }
        }
    }
    let new = v2::Event::Stop { code: 3, by: "me".into() };
    assert_eq!(read(&send(&new)), Ok(v1::Event::Stop { code: 3 }));
    let old = v2::Event::Stop { code: 3, by: String::new() };
    assert_eq!(read(&send(&v1::Event::Stop { code: 3 })), Ok(old));
    assert_eq!(read(&send(&v2::Event::Go)), Ok(v1::Event::Go));
}

#[test]
fn a_field_with_a_tag_or_its_old_name_can_be_renamed() {
    versions! {
        old { pub struct Job { #[message(tag = 1)] pub id: u32, pub size: u16 } }
        new { pub struct Job { #[message(tag = 1)] pub number: u32, #[message(name = "size")] pub bytes: u16 } }
        bare { pub struct Job { #[message(tag = 1)] pub id: u32, pub bytes: u16 } }
    }
    let (before, after) = (old::Job { id: 7, size: 1 }, new::Job { number: 7, bytes: 1 });
    assert_eq!(read(&send(&before)), Ok(after.clone()));
    assert_eq!(read(&send(&after)), Ok(before));
    refused::<old::Job>(&send(&bare::Job { id: 7, bytes: 1 }), MismatchReason::Changed);
}

#[test]
fn a_type_or_variant_with_its_old_name_can_be_renamed() {
    versions! {
        old { pub enum Level { Low, High } }
        new {
            #[message(name = "Level")]
            pub enum Height { Low, #[message(name = "High")] Tall }
        }
        tagged { pub enum Step { #[message(tag = 1)] Up } }
        retagged { pub enum Step { #[message(tag = 1)] Higher } }
        bare { pub enum Height { Low, High } }
    }
    assert_eq!(read(&send(&old::Level::High)), Ok(new::Height::Tall));
    assert_eq!(read(&send(&new::Height::Tall)), Ok(old::Level::High));
    assert_eq!(read(&send(&tagged::Step::Up)), Ok(retagged::Step::Higher));
    refused::<old::Level>(&send(&bare::Height::Low), MismatchReason::OtherType);
}

#[test]
fn a_field_that_changes_its_type_or_place_or_goes_away_is_refused() {
    versions! {
        old { pub struct Job { pub id: u32, pub size: u32 } }
        retyped { pub struct Job { pub id: u32, pub size: i32 } }
        moved { pub struct Job { pub size: u32, pub id: u32 } }
        removed { pub struct Job { pub id: u32 } }
        inserted { pub struct Job { pub id: u32, pub size: u32, pub more: u32 } }
        encoded { pub struct Job { pub id: u32, #[message(varint)] pub size: u32 } }
    }
    let frame = send(&old::Job { id: 1, size: 2 });
    refused::<retyped::Job>(&frame, MismatchReason::Changed);
    refused::<moved::Job>(&frame, MismatchReason::Changed);
    refused::<removed::Job>(&frame, MismatchReason::Changed);
    refused::<inserted::Job>(&frame, MismatchReason::Changed);
    refused::<encoded::Job>(&frame, MismatchReason::Changed);
    refused::<old::Job>(&send(&moved::Job { id: 1, size: 2 }), MismatchReason::Changed);
}

#[test]
fn a_variant_that_changes_its_tag_or_goes_away_is_refused() {
    versions! {
        old { pub enum Event { Start, Stop } }
        removed { pub enum Event { Start } }
        moved { pub enum Event { Stop, Start } }
        tagged { pub enum Event { Start, #[message(tag = 7)] Stop } }
    }
    let frame = send(&old::Event::Start);
    refused::<removed::Event>(&frame, MismatchReason::Changed);
    refused::<moved::Event>(&frame, MismatchReason::Changed);
    refused::<tagged::Event>(&frame, MismatchReason::Changed);
}

#[test]
fn a_variant_whose_tag_needs_two_bytes_is_no_addition_to_tags_of_one() {
    versions! {
        narrow { pub enum Event { Start, Stop } }
        wide {
            #[message(version = 2)]
            pub enum Event { Start, Stop, #[message(since = 2, tag = 256)] Pause }
        }
        early { pub enum Signal { #[message(tag = 256)] Start } }
        later {
            #[message(version = 2)]
            pub enum Signal { #[message(tag = 256)] Start, #[message(since = 2, tag = 1)] Stop }
        }
    }
    refused::<wide::Event>(&send(&narrow::Event::Start), MismatchReason::Changed);
    refused::<narrow::Event>(&send(&wide::Event::Start), MismatchReason::Changed);
    assert_eq!(read(&send(&early::Signal::Start)), Ok(later::Signal::Start));
    assert_eq!(read(&send(&later::Signal::Start)), Ok(early::Signal::Start));
}

#[test]
fn what_a_recursive_type_holds_beside_itself_is_part_of_it() {
    versions! {
        numbers {
            pub struct Name(pub u32);
            pub enum Call { End, Of(Vec<(Name, Call)>) }
        }
        texts {
            pub struct Name(pub String);
            pub enum Call { End, Of(Vec<(Name, Call)>) }
        }
        plain {
            pub struct Tree {
                pub value: u8,
                #[message(recursive)] pub next: Option<Box<Tree>>,
            }
        }
        encoded {
            pub struct Tree {
                pub value: u8,
                #[message(recursive, with = super::Never)] pub next: Option<Box<Tree>>,
            }
        }
    }
    #[derive(Debug, Clone, PartialEq, Message)]
    struct List<T> {
        next: Option<Box<(T, List<T>)>>,
    }
    assert_ne!(numbers::Call::SCHEMA.fingerprint, texts::Call::SCHEMA.fingerprint);
    refused::<texts::Call>(&send(&numbers::Call::End), MismatchReason::Changed);
    assert_ne!(<List<u8>>::SCHEMA.fingerprint, <List<i8>>::SCHEMA.fingerprint);
    assert_ne!(plain::Tree::SCHEMA.fingerprint, encoded::Tree::SCHEMA.fingerprint);
}

/// An encoding of what is never there.
#[derive(Debug)]
pub struct Never;

impl<T> posix_ipc_typed::With<Option<T>> for Never {
    const HASH: u64 = 1;
    const MIN_LEN: usize = 0;
    const MAX_LEN: Option<usize> = Some(0);
    fn encoded_len(_value: &Option<T>) -> usize {
        0
    }
    fn encode(_value: &Option<T>, _output: &mut posix_ipc_typed::Writer<'_>) {}
    fn decode(_input: &mut posix_ipc_typed::Reader<'_>) -> Result<Option<T>, DecodeError> {
        Ok(None)
    }
}

#[test]
fn another_type_is_refused_and_named() {
    versions! {
        a { #[message(version = 4)] pub struct Tick { pub price: u32 } }
        b { pub struct Order { pub price: u32 } }
    }
    let frame = send(&a::Tick { price: 1 });
    refused::<b::Order>(&frame, MismatchReason::OtherType);
    let error = read::<b::Order>(&frame).unwrap_err().to_string();
    assert_eq!(error, "expected Order version 1, received Tick version 4: another type");
    let mut unnamed = Vec::new();
    FrameOptions::new().named(false).write(&a::Tick { price: 1 }, &mut unnamed).unwrap();
    let error = read::<b::Order>(&unnamed).unwrap_err().to_string();
    assert!(error.contains("received a type with fingerprint 0x"), "{error}");
}

#[test]
fn one_version_with_two_meanings_is_refused() {
    versions! {
        mine {
            #[message(version = 2)]
            pub struct Job { pub id: u32, #[message(since = 2, default)] pub priority: u8 }
        }
        theirs {
            #[message(version = 2)]
            pub struct Job { pub id: u32, #[message(since = 2, default)] pub deadline: u8 }
        }
        ahead {
            #[message(version = 3)]
            pub struct Job {
                pub id: u32,
                #[message(since = 2, default)] pub deadline: u8,
                #[message(since = 3, default)] pub other: u8,
            }
        }
    }
    let frame = send(&theirs::Job { id: 1, deadline: 2 });
    refused::<mine::Job>(&frame, MismatchReason::Disagreement);
    refused::<ahead::Job>(&send(&mine::Job { id: 1, priority: 2 }), MismatchReason::Disagreement);
    assert!(read::<ahead::Job>(&frame).is_ok());
}

#[test]
fn a_version_raised_without_a_change_is_read_in_both_directions() {
    versions! {
        v1 { pub struct Job { pub id: u32 } }
        v2 { #[message(version = 2)] pub struct Job { pub id: u32 } }
    }
    assert_eq!(read(&send(&v1::Job { id: 7 })), Ok(v2::Job { id: 7 }));
    assert_eq!(read(&send(&v2::Job { id: 7 })), Ok(v1::Job { id: 7 }));
}

#[test]
fn an_extensible_type_within_another_grows_by_itself() {
    mod v1 {
        #[derive(Debug, Clone, PartialEq, posix_ipc_typed::Message)]
        #[message(extensible)]
        pub(crate) struct Point {
            pub(crate) x: i32,
        }
        #[derive(Debug, Clone, PartialEq, posix_ipc_typed::Message)]
        pub(crate) struct Line {
            pub(crate) points: Vec<Point>,
            pub(crate) color: u8,
        }
    }
    mod v2 {
        #[derive(Debug, Clone, PartialEq, posix_ipc_typed::Message)]
        #[message(extensible, version = 2)]
        pub(crate) struct Point {
            pub(crate) x: i32,
            #[message(since = 2, default = -1)]
            pub(crate) y: i32,
        }
        #[derive(Debug, Clone, PartialEq, posix_ipc_typed::Message)]
        pub(crate) struct Line {
            pub(crate) points: Vec<Point>,
            pub(crate) color: u8,
        }
    }
    assert_eq!(v1::Line::SCHEMA.fingerprint, v2::Line::SCHEMA.fingerprint);
    let old = v1::Line { points: vec![v1::Point { x: 1 }, v1::Point { x: 2 }], color: 3 };
    let points = vec![v2::Point { x: 1, y: -1 }, v2::Point { x: 2, y: -1 }];
    let new = v2::Line { points, color: 3 };
    assert_eq!(read(&send(&old)), Ok(new.clone()));
    assert_eq!(read(&send(&new)), Ok(old.clone()));
    // Alone, without a frame to say that versions may differ, there is one encoding only.
    let error = v2::Line::from_bytes(&old.encoded().unwrap()).unwrap_err();
    assert_eq!(error, DecodeError::Version { type_name: "Point", expected: 2, found: 1 });
}

#[test]
fn a_plain_type_within_another_cannot_grow_by_itself() {
    mod v1 {
        #[derive(Debug, Clone, PartialEq, posix_ipc_typed::Message)]
        pub(crate) struct Point {
            pub(crate) x: i32,
        }
        #[derive(Debug, Clone, PartialEq, posix_ipc_typed::Message)]
        pub(crate) struct Line {
            pub(crate) points: Vec<Point>,
        }
    }
    mod v2 {
        #[derive(Debug, Clone, PartialEq, posix_ipc_typed::Message)]
        #[message(version = 2)]
        pub(crate) struct Point {
            pub(crate) x: i32,
            #[message(since = 2, default)]
            pub(crate) y: i32,
        }
        #[derive(Debug, Clone, PartialEq, posix_ipc_typed::Message)]
        pub(crate) struct Line {
            pub(crate) points: Vec<Point>,
        }
    }
    let old = v1::Line { points: vec![v1::Point { x: 1 }] };
    let new = v2::Line { points: vec![v2::Point { x: 1, y: 2 }] };
    refused::<v2::Line>(&send(&old), MismatchReason::Changed);
    refused::<v1::Line>(&send(&new), MismatchReason::Changed);
}

#[test]
fn a_limit_that_is_raised_is_no_change_but_old_readers_keep_theirs() {
    versions! {
        low { pub struct Text { #[message(max_len = 2)] pub text: String } }
        high { pub struct Text { #[message(max_len = 4)] pub text: String } }
    }
    assert_eq!(read(&send(&low::Text { text: "ab".into() })), Ok(high::Text { text: "ab".into() }));
    assert_eq!(read(&send(&high::Text { text: "ab".into() })), Ok(low::Text { text: "ab".into() }));
    let error = DecodeError::TooLong { length: 3, limit: 2 };
    let expected = PayloadError::Decode { type_name: "Text", version: 1, error };
    assert_eq!(read::<low::Text>(&send(&high::Text { text: "abc".into() })), Err(expected));
    let error = low::Text { text: "abc".into() }.encoded();
    assert_eq!(error, Err(EncodeError::TooLong { length: 3, limit: 2 }));
}

#[test]
fn types_that_are_written_alike_can_be_exchanged() {
    versions! {
        a {
            pub struct Mix {
                pub text: String,
                pub data: Vec<u8>,
                pub map: std::collections::HashMap<u8, u8>,
                pub boxed: Box<u32>,
            }
        }
        b {
            pub struct Mix {
                pub text: Box<str>,
                pub data: bytes::Bytes,
                pub map: std::collections::BTreeMap<u8, u8>,
                pub boxed: u32,
            }
        }
    }
    let map = HashMap::from([(1, 2), (0, 1)]);
    let one = a::Mix { text: "x".into(), data: vec![1], map, boxed: Box::new(5) };
    let map = BTreeMap::from([(1, 2), (0, 1)]);
    let two = b::Mix { text: "x".into(), data: vec![1].into(), map, boxed: 5 };
    assert_eq!(read(&send(&one)), Ok(two.clone()));
    assert_eq!(read(&send(&two)), Ok(one));
}

#[test]
fn a_skipped_field_is_no_part_of_the_type() {
    versions! {
        with { pub struct Job { pub id: u32, #[message(skip)] pub cache: Option<u8> } }
        without { pub struct Job { pub id: u32 } }
    }
    let read_back = read(&send(&without::Job { id: 7 }));
    assert_eq!(read_back, Ok(with::Job { id: 7, cache: None }));
    assert_eq!(read(&send(&with::Job { id: 7, cache: Some(1) })), Ok(without::Job { id: 7 }));
}
