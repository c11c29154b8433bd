//! [`Frame`]: a message with what tells its type, its place in a sequence and its end.

use bytes::Bytes;

use crate::compat::{Received, TypeMismatch};
use crate::error::DecodeError;
use crate::message::Decode;
use crate::reader::Reader;
#[cfg(feature = "transport")]
use crate::schema::Schema;

/// The length of the part that every frame has.
pub const HEADER_LEN: usize = 32;
/// The longest name of a type that a frame carries.
pub const LONGEST_NAME: usize = 64;

pub(crate) const MAGIC: [u8; 2] = *b"\xb5M";
pub(crate) const FORMAT: u8 = 1;

pub(crate) const CHECKSUM: u8 = 1;
pub(crate) const NAMED: u8 = 2;
pub(crate) const FRAGMENT: u8 = 4;
pub(crate) const REFERENCE: u8 = 8;
pub(crate) const CORRELATED: u8 = 16;
const ALL: u8 = CHECKSUM | NAMED | FRAGMENT | REFERENCE | CORRELATED;

/// A frame as it stands in a buffer.
///
/// ```text
///  0       2        3       4        8             16        20        22         24         28
///  | magic | format | flags | length | fingerprint | lineage | version | zero     | sequence | checksum |
///  | name, if flagged | fragment, if flagged | correlation, if flagged | payload               |
/// ```
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{Frame, FrameOptions, Message};
///
/// #[derive(Debug, PartialEq, Message)]
/// struct Tick {
///     price: u32,
/// }
///
/// let mut buffer = Vec::new();
/// FrameOptions::new().sequence(5).write(&Tick { price: 700 }, &mut buffer)?;
/// let frame = Frame::parse(&buffer)?;
/// assert_eq!((frame.name, frame.version, frame.sequence), (Some("Tick"), 1, 5));
/// assert_eq!(frame.decode::<Tick>()?, Tick { price: 700 });
///
/// #[derive(Debug, Message)]
/// struct Order {
///     price: u32,
/// }
/// let error = frame.decode::<Order>().unwrap_err();
/// assert!(error.to_string().starts_with("expected Order version 1, received Tick version 1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame<'a> {
    /// The fingerprint of the type at its version.
    pub fingerprint: u64,
    /// What all versions of the type have in common.
    pub lineage: u32,
    /// The version of the type.
    pub version: u16,
    /// The name of the type, if the sender gave it.
    pub name: Option<&'a str>,
    /// Which message of its sender it is, from 0 and around after 2^32.
    pub sequence: u32,
    /// Whether it was covered by a checksum.
    pub checksum: bool,
    /// Which part of a message it is, if not a whole one.
    pub fragment: Option<Fragment>,
    /// Whether the payload only tells where the message is.
    pub reference: bool,
    /// Which request or reply it is, if one.
    pub correlation: Option<Correlation>,
    /// The message.
    pub payload: &'a [u8],
}

/// Which part of a message a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// The sender, by a number that it drew at random.
    pub sender: u64,
    /// The length of the whole message.
    pub total: u32,
    /// Where in the message the part begins.
    pub offset: u32,
}

/// Which request a frame is, or replies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Correlation {
    /// The client, by a number that it drew at random.
    pub client: u64,
    /// The number of the request, counted by the client.
    pub request: u64,
}

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The bytes end before the frame does.
    #[error("the frame ends early: it has {needed} bytes at least, {length} are here")]
    Short {
        /// How many bytes the frame has, as far as that can be seen.
        needed: usize,
        /// How many bytes there are.
        length: usize,
    },
    /// The bytes do not start as a frame does: another program's message.
    #[error("not a frame: it starts with {found:02x?}")]
    Magic {
        /// The first two bytes.
        found: [u8; 2],
    },
    /// The frame is of a format that is not known here.
    #[error("a frame of format {found}, where {FORMAT} is known")]
    Format {
        /// The number of the format.
        found: u8,
    },
    /// The frame says something that this format has no word for.
    #[error("a frame with {0}")]
    Strange(&'static str),
    /// The frame was damaged on its way.
    #[error("a damaged frame: checksum {found:08x}, computed {computed:08x}")]
    Checksum {
        /// The checksum in the frame.
        found: u32,
        /// The checksum of the frame.
        computed: u32,
    },
    /// Bytes follow the frame, where it should be alone.
    #[error("{left} bytes follow the frame")]
    Trailing {
        /// How many.
        left: usize,
    },
}

/// Why a frame's message could not be had as the type asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The message is of another type, or of a version that cannot be read.
    #[error(transparent)]
    Type(#[from] TypeMismatch),
    /// The message is of the type, but damaged or made by a faulty program.
    #[error("{type_name} version {version} cannot be decoded")]
    Decode {
        /// The type.
        type_name: &'static str,
        /// The version of the message.
        version: u16,
        /// What is wrong.
        #[source]
        error: DecodeError,
    },
    /// The frame holds no whole message: a fragment, or a reference.
    #[error("the frame holds no whole message")]
    Partial,
}

impl<'a> Frame<'a> {
    /// Reads a frame that fills `bytes`.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if it is none, is damaged, or ends before or after `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let (frame, rest) = Self::parse_prefix(bytes)?;
        match rest.len() {
            0 => Ok(frame),
            left => Err(FrameError::Trailing { left }),
        }
    }

    /// Reads the frame at the front of `bytes`; returns it and what follows.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse); [`FrameError::Short`] if more bytes are needed.
    pub fn parse_prefix(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), FrameError> {
        let length = bytes.len();
        let whole = Self::len_of(bytes)?;
        let short = FrameError::Short { needed: whole, length };
        let (bytes, rest) = bytes.split_at_checked(whole).ok_or(short)?;
        let frame = Self::parse_whole(bytes).map_err(|error| match error {
            Bad::End => FrameError::Strange("parts that are longer than itself"),
            Bad::Frame(error) => error,
        })?;
        Ok((frame, rest))
    }

    /// The length of the frame that starts with `bytes`, as its header says.
    ///
    /// # Errors
    ///
    /// [`FrameError::Short`] if there are fewer than [`HEADER_LEN`] bytes, and other variants if
    /// no frame starts so.
    pub fn len_of(bytes: &[u8]) -> Result<usize, FrameError> {
        let length = bytes.len();
        let short = FrameError::Short { needed: HEADER_LEN, length };
        let Some((head, _)) = bytes.split_first_chunk::<8>() else {
            return Err(short);
        };
        let [m0, m1, format, flags, l0, l1, l2, l3] = *head;
        if [m0, m1] != MAGIC {
            return Err(FrameError::Magic { found: [m0, m1] });
        }
        if format != FORMAT {
            return Err(FrameError::Format { found: format });
        }
        if flags & !ALL != 0 {
            return Err(FrameError::Strange("flags that are not known"));
        }
        if length < HEADER_LEN {
            return Err(short);
        }
        let body = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        body.checked_add(HEADER_LEN).ok_or(FrameError::Strange("a length beyond this machine's"))
    }

    /// The payload of the frame that fills `bytes`, if that is the usual one: a whole message of
    /// just this version of the type, with the type's name or without any, and nothing else.
    ///
    /// All that a receiver has to compare is known at compile time, and is compared in words of
    /// eight bytes. Whatever else a frame can be, and whatever is none, is `None` here and is
    /// left to [`parse`](Self::parse), which agrees on all that is not.
    #[inline(always)]
    #[cfg(feature = "transport")]
    pub(crate) fn usual(bytes: &'a [u8], schema: &Schema) -> Option<&'a [u8]> {
        Self::after_name(bytes, schema, 0)
    }

    /// The same of a request or a reply, and which one it is.
    #[inline(always)]
    #[cfg(feature = "transport")]
    pub(crate) fn usual_correlated(
        bytes: &'a [u8],
        schema: &Schema,
    ) -> Option<(Correlation, &'a [u8])> {
        let rest = Self::after_name(bytes, schema, CORRELATED)?;
        let (client, rest) = rest.split_first_chunk()?;
        let (request, payload) = rest.split_first_chunk()?;
        let (client, request) = (u64::from_le_bytes(*client), u64::from_le_bytes(*request));
        Some((Correlation { client, request }, payload))
    }

    /// What follows the name, or the header, in a frame of the type that has these flags, and at
    /// most a name beside them.
    #[inline(always)]
    #[cfg(feature = "transport")]
    fn after_name(bytes: &'a [u8], schema: &Schema, others: u8) -> Option<&'a [u8]> {
        let (start, rest) = bytes.split_first_chunk::<8>()?;
        let (fingerprint, rest) = rest.split_first_chunk::<8>()?;
        let (kind, rest) = rest.split_first_chunk::<8>()?;
        let (end, rest) = rest.split_first_chunk::<8>()?;
        let flags = u64::from(start[3]);
        let length = rest.len() as u64;
        let expected = u64::from(u16::from_le_bytes(MAGIC))
            | u64::from(FORMAT) << 16
            | (flags & u64::from(NAMED) | u64::from(others)) << 24
            | length << 32;
        let kind_expected = u64::from(schema.lineage) | u64::from(schema.version) << 32;
        let same = schema.version != 0
            && length <= u64::from(u32::MAX)
            && u64::from_le_bytes(*start) == expected
            && u64::from_le_bytes(*fingerprint) == schema.fingerprint
            && u64::from_le_bytes(*kind) == kind_expected
            // No checksum after the sequence.
            && u64::from_le_bytes(*end) >> 32 == 0;
        if !same {
            return None;
        }
        if flags & u64::from(NAMED) == 0 {
            return Some(rest);
        }
        let (count, rest) = rest.split_first()?;
        let name = schema.name.as_bytes();
        let possible = !name.is_empty() && name.len() <= LONGEST_NAME;
        let payload = rest.strip_prefix(name)?;
        (possible && usize::from(*count) == name.len()).then_some(payload)
    }

    fn parse_whole(bytes: &'a [u8]) -> Result<Self, Bad> {
        let mut input = Reader::new(bytes);
        let [_, _, _, flags] = input.array()?;
        let _length: [u8; 4] = input.array()?;
        let fingerprint = u64::decode(&mut input)?;
        let lineage = u32::decode(&mut input)?;
        let version = u16::decode(&mut input)?;
        let zero = u16::decode(&mut input)?;
        let sequence = u32::decode(&mut input)?;
        let found = u32::decode(&mut input)?;
        if zero != 0 || version == 0 {
            return Err(Bad::Frame(FrameError::Strange("a header that no sender writes")));
        }
        let has = |flag| flags & flag != 0;
        if has(CHECKSUM) {
            let computed = checksum(bytes).ok_or(NO_CHECKSUM)?;
            if computed != found {
                return Err(Bad::Frame(FrameError::Checksum { found, computed }));
            }
        } else if found != 0 {
            return Err(Bad::Frame(FrameError::Strange("a checksum that it does not announce")));
        }
        let name = if has(NAMED) { Some(parse_name(&mut input)?) } else { None };
        let fragment = if has(FRAGMENT) {
            let (sender, total, offset) = Decode::decode(&mut input)?;
            Some(Fragment { sender, total, offset })
        } else {
            None
        };
        let correlation = if has(CORRELATED) {
            let (client, request) = Decode::decode(&mut input)?;
            Some(Correlation { client, request })
        } else {
            None
        };
        let payload = input.rest();
        if fragment.is_some_and(|part| !part.holds(payload.len())) {
            return Err(Bad::Frame(FrameError::Strange(
                "a fragment that reaches beyond its message",
            )));
        }
        let (checksum, reference) = (has(CHECKSUM), has(REFERENCE));
        Ok(Self {
            fingerprint,
            lineage,
            version,
            name,
            sequence,
            checksum,
            fragment,
            reference,
            correlation,
            payload,
        })
    }

    /// The frame that a message would have had, had it come in one.
    #[cfg(feature = "transport")]
    pub(crate) fn assembled(
        message: &'a Received,
        sequence: u32,
        correlation: Option<Correlation>,
        payload: &'a [u8],
    ) -> Self {
        Self {
            fingerprint: message.fingerprint(),
            lineage: message.lineage(),
            version: message.version(),
            name: message.name(),
            sequence,
            checksum: false,
            fragment: None,
            reference: false,
            correlation,
            payload,
        }
    }

    /// The type that the frame says it carries.
    pub fn received(&self) -> Received {
        Received::new(self.name, self.version, self.fingerprint, self.lineage)
    }

    /// The message, if it is a `T`.
    ///
    /// # Errors
    ///
    /// [`PayloadError`] if it is of another type or damaged, or if the frame holds a part only.
    pub fn decode<T: Decode<'a>>(&self) -> Result<T, PayloadError> {
        self.decode_in(None)
    }

    /// As [`decode`](Self::decode); `Bytes` fields share `origin`, the buffer the frame is in.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_shared<T: Decode<'a>>(&self, origin: &'a Bytes) -> Result<T, PayloadError> {
        let (all, part) = (origin.as_ptr_range(), self.payload.as_ptr_range());
        let within = all.start <= part.start && part.end <= all.end;
        self.decode_in(within.then_some(origin))
    }

    fn decode_in<T: Decode<'a>>(&self, origin: Option<&'a Bytes>) -> Result<T, PayloadError> {
        if self.fragment.is_some() || self.reference {
            return Err(PayloadError::Partial);
        }
        // The usual case, without making words for the other one.
        let (mine, version) = (&T::SCHEMA, self.version);
        let same = self.fingerprint == mine.fingerprint && version == mine.version;
        let version = if same { version } else { mine.accept(&self.received())? };
        decode_payload(self.payload, origin, version)
    }
}

/// Reads a message of an accepted version from all of `payload`.
#[inline]
pub(crate) fn decode_payload<'a, T: Decode<'a>>(
    payload: &'a [u8],
    origin: Option<&'a Bytes>,
    version: u16,
) -> Result<T, PayloadError> {
    let mut input = Reader::lenient(payload, origin);
    let result = T::decode_version(&mut input, version).and_then(|value| {
        // What newer versions have appended is not for us.
        if version <= T::SCHEMA.version {
            input.finish()?;
        }
        Ok(value)
    });
    let type_name = T::SCHEMA.name;
    result.map_err(|error| PayloadError::Decode { type_name, version, error })
}

impl Correlation {
    /// As it stands in a frame.
    pub(crate) const fn to_bytes(self) -> [u8; 16] {
        (self.client as u128 | (self.request as u128) << 64).to_le_bytes()
    }

    /// That of the client's next request.
    #[cfg(feature = "transport")]
    pub(crate) const fn next(self) -> Self {
        Self { client: self.client, request: self.request.wrapping_add(1) }
    }
}

impl Fragment {
    /// Whether a part of `length` bytes lies within the message.
    fn holds(&self, length: usize) -> bool {
        let end = u64::from(self.offset).saturating_add(length as u64);
        length > 0 && end <= u64::from(self.total)
    }
}

fn parse_name<'a>(input: &mut Reader<'a>) -> Result<&'a str, Bad> {
    let [length] = input.array()?;
    let name = input.take(length.into())?;
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(Bad::Frame(FrameError::Strange("a name of a length that no sender writes")));
    }
    core::str::from_utf8(name)
        .map_err(|_| Bad::Frame(FrameError::Strange("a name that is no text")))
}

/// What stopped the reading of a frame.
enum Bad {
    End,
    Frame(FrameError),
}

impl From<DecodeError> for Bad {
    fn from(_: DecodeError) -> Self {
        Self::End
    }
}

const NO_CHECKSUM: Bad = Bad::Frame(FrameError::Strange("a checksum, which needs the feature std"));

/// CRC32C of a frame, its last header field taken as zero.
pub(crate) fn checksum(frame: &[u8]) -> Option<u32> {
    #[cfg(feature = "std")]
    {
        let (head, rest) = frame.split_at_checked(HEADER_LEN - 4)?;
        let (_, body) = rest.split_at_checked(4)?;
        let start = crc32c::crc32c_append(crc32c::crc32c(head), &[0; 4]);
        Some(crc32c::crc32c_append(start, body))
    }
    #[cfg(not(feature = "std"))]
    {
        let _ = frame;
        None
    }
}

#[cfg(all(test, feature = "transport"))]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use crate::{FrameOptions, Message, Schema};

    /// What is read of `bytes` in the usual way has to be what is read of them otherwise.
    #[track_caller]
    fn usual(bytes: &[u8], schema: &Schema) -> bool {
        let usual = Frame::usual(bytes, schema);
        if let Some(payload) = usual {
            let frame = Frame::parse(bytes).unwrap();
            assert_eq!(frame.payload, payload);
            assert_eq!(frame.fingerprint, schema.fingerprint);
            assert_eq!(frame.version, schema.version);
            assert!(frame.fragment.is_none() && !frame.reference && !frame.checksum);
            assert!(frame.correlation.is_none());
            assert!(frame.name.is_none_or(|name| name == schema.name));
        }
        let correlated = Frame::usual_correlated(bytes, schema);
        if let Some((correlation, payload)) = correlated {
            assert_eq!(usual, None);
            let frame = Frame::parse(bytes).unwrap();
            assert_eq!((frame.payload, frame.correlation), (payload, Some(correlation)));
            assert_eq!((frame.fingerprint, frame.version), (schema.fingerprint, schema.version));
            assert!(frame.fragment.is_none() && !frame.reference && !frame.checksum);
            assert!(frame.name.is_none_or(|name| name == schema.name));
        }
        usual.is_some() || correlated.is_some()
    }

    #[test]
    fn the_usual_frame_is_read_as_every_other_and_no_other_is_usual() {
        let schema = &<(u32, String)>::SCHEMA;
        let value = (7u32, "seven".to_string());
        let options = FrameOptions::new().sequence(5);
        let correlation = Correlation { client: 1, request: 2 };
        for (options, expected) in [
            (options, true),
            (options.named(false), true),
            (options.checksum(true), false),
            (options.correlation(correlation), true),
            (options.correlation(correlation).named(false), true),
            (options.correlation(correlation).checksum(true), false),
            (options.correlation(correlation).reference(true), false),
            (options.reference(true), false),
        ] {
            let mut bytes = Vec::new();
            options.write(&value, &mut bytes).unwrap();
            assert_eq!(usual(&bytes, schema), expected, "{options:?}");
            assert!(!usual(&bytes, &u32::SCHEMA));
            for length in 0..bytes.len() {
                assert!(!usual(&bytes[..length], schema));
            }
            // Whatever is changed, both ways agree.
            for position in 0..bytes.len() {
                for bit in 0..8 {
                    let mut changed = bytes.clone();
                    changed[position] ^= 1 << bit;
                    usual(&changed, schema);
                }
            }
        }
    }
}
