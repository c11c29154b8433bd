//! Recursive values of any depth: sent if a receiver takes them, refused otherwise, never followed
//! until the stack ends.

use posix_ipc_typed::{
    Client, Decode, EncodeError, FrameOptions, MAX_DEPTH, Message, SendError, Sender, Writer,
    transport,
};
use testutil::child;
use testutil::watchdog::watchdog;

testutil::roles!(send_what_is_too_deep);

/// More than any stack holds.
const NODES: usize = 1_000_000;
const TOO_DEEP: EncodeError = EncodeError::TooDeep { limit: MAX_DEPTH };

#[derive(Debug, Default, PartialEq, Message)]
struct List {
    value: u16,
    next: Option<Box<List>>,
}

#[derive(Debug, Default, PartialEq, Message)]
#[message(extensible)]
struct Growing {
    next: Option<Box<Growing>>,
    value: u16,
}

/// One type in another and back.
#[derive(Debug, Default, PartialEq, Message)]
struct Folder {
    #[message(recursive)]
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq, Message)]
enum Entry {
    File(String),
    Folder(Box<Folder>),
}

/// Recursive by hand.
#[derive(Debug)]
struct Hand(Option<Box<Hand>>);

impl Message for Hand {
    const SCHEMA: posix_ipc_typed::Schema = posix_ipc_typed::Schema::value("hand", 1);
    const MIN_LEN: usize = 1;
    const MAX_LEN: Option<usize> = None;

    fn encoded_len(&self) -> usize {
        Writer::length_of(|writer| self.encode(writer))
    }

    fn encode(&self, output: &mut Writer<'_>) {
        output.nested(|output| self.0.encode(output));
    }
}

fn list(nodes: usize) -> List {
    (1..nodes).fold(List::default(), |list, _| List { value: 7, next: Some(Box::new(list)) })
}

fn growing(nodes: usize) -> Growing {
    (1..nodes).fold(Growing::default(), |next, _| Growing { next: Some(Box::new(next)), value: 7 })
}

fn folder(nodes: usize) -> Folder {
    (1..nodes).fold(Folder::default(), |folder, _| Folder {
        entries: vec![Entry::File("before".into()), Entry::Folder(Box::new(folder))],
    })
}

fn hand(nodes: usize) -> Hand {
    (1..nodes).fold(Hand(None), |hand, _| Hand(Some(Box::new(hand))))
}

/// Every way to encode a value refuses it, and leaves alone what it was to be appended to.
fn refuse<T: Message>(value: &T) {
    assert_eq!(value.encoded(), Err(TOO_DEEP));
    assert_eq!(value.encode_to_slice(&mut vec![0; 1 << 20]), Err(TOO_DEEP));
    let mut buffer = vec![1];
    assert_eq!(value.encode_to_vec(&mut buffer), Err(TOO_DEEP));
    assert_eq!(value.encode_to(&mut buffer), Err(TOO_DEEP));
    assert_eq!(FrameOptions::new().write(value, &mut buffer), Err(TOO_DEEP));
    assert_eq!(buffer, [1]);
}

/// A role: what is written here must not end in a signal.
fn send_what_is_too_deep(_arguments: &[String]) {
    // Not to be dropped: that would go as deep.
    let list = std::mem::ManuallyDrop::new(list(NODES));
    refuse(&*list);
    refuse(&*std::mem::ManuallyDrop::new(growing(NODES)));
    refuse(&*std::mem::ManuallyDrop::new(folder(NODES)));
    refuse(&*std::mem::ManuallyDrop::new(hand(NODES)));
    // In what is not recursive itself.
    refuse(&std::mem::ManuallyDrop::new((1u8, Some(&*list))).1);
    refuse(&[&*list, &*list]);

    let (sender, receiver) = transport::memory(4, 256);
    let mut sender = Sender::<List, _>::new(sender);
    for _ in 0..2 {
        let error = sender.send(&list).unwrap_err();
        assert!(matches!(error, SendError::Encode { type_name: "List", error: TOO_DEEP }));
    }
    // In parts, since a frame is short; and the first that arrives is the first that was right.
    let deepest = self::list(MAX_DEPTH);
    sender.send(&List { value: 3, next: None }).unwrap();
    let mut receiver = posix_ipc_typed::Receiver::<List, _>::new(receiver);
    assert_eq!(receiver.receive().unwrap().value, 3);
    sender.send(&deepest).unwrap();
    assert_eq!(receiver.receive().unwrap(), deepest);

    let (requests, _server) = transport::memory(4, 256);
    let (_replies, receiver) = transport::memory(4, 256);
    let error = Client::<List, u8, _, _>::new(requests, receiver).call(&list).unwrap_err();
    assert_eq!(error.to_string(), "cannot encode List");
    child::say("refused");
}

#[test]
fn a_list_of_a_million_is_refused_by_all_that_encodes_and_none_of_it_is_sent() {
    let _watchdog = watchdog(60);
    let mut child = child::run("send_what_is_too_deep", &[]);
    child.expect_line("refused");
    child.expect_success();
}

/// The deepest that can be read can be written, of the length it says; and nothing deeper.
fn to_the_limit<T: Message + for<'a> Decode<'a> + PartialEq>(make: fn(usize) -> T) {
    for nodes in [1, 2, MAX_DEPTH - 1, MAX_DEPTH] {
        let value = make(nodes);
        let bytes = value.encoded().unwrap();
        assert_eq!(value.encoded_len(), bytes.len());
        assert!(T::from_bytes(&bytes).unwrap() == value);
    }
    refuse(&make(MAX_DEPTH + 1));
}

#[test]
fn what_is_as_deep_as_a_receiver_takes_is_sent_and_one_more_is_not() {
    to_the_limit(list);
    to_the_limit(growing);
    to_the_limit(folder);
}

#[test]
fn what_is_shared_by_many_and_too_deep_is_refused_without_following_every_way() {
    let _watchdog = watchdog(60);
    #[derive(Debug, Message)]
    struct Both {
        left: Option<std::rc::Rc<Both>>,
        right: Option<std::rc::Rc<Both>>,
    }
    // There are two to the power of two hundred ways, of which one is followed.
    let mut both = std::rc::Rc::new(Both { left: None, right: None });
    for _ in 0..200 {
        both = std::rc::Rc::new(Both { left: Some(both.clone()), right: Some(both) });
    }
    refuse(&*both);
}
