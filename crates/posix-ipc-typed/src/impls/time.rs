//! `Duration` and `SystemTime`: seconds in eight bytes, nanoseconds in four.

use core::time::Duration;

use crate::error::DecodeError;
use crate::message::{Decode, Message};
use crate::reader::Reader;
use crate::schema::{Schema, SchemaHasher};
use crate::writer::Writer;

const SECOND: u32 = 1_000_000_000;

fn nanoseconds(input: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let value = u32::decode(input)?;
    if value >= SECOND {
        return Err(DecodeError::Invalid { what: "part of a second", value: value.into() });
    }
    Ok(value)
}

impl Message for Duration {
    const SCHEMA: Schema = Schema::value("duration", SchemaHasher::new("duration").finish());
    const MIN_LEN: usize = 12;
    const MAX_LEN: Option<usize> = Some(12);

    #[inline]
    fn encoded_len(&self) -> usize {
        12
    }

    #[inline]
    fn encode(&self, output: &mut Writer<'_>) {
        (self.as_secs(), self.subsec_nanos()).encode(output);
    }
}

impl<'a> Decode<'a> for Duration {
    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self::new(u64::decode(input)?, nanoseconds(input)?))
    }
}

#[cfg(feature = "std")]
mod system {
    //! Points in time, as seconds since 1970, rounded down, and nanoseconds.

    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::{Decode, DecodeError, Message, Reader, SECOND, Schema, SchemaHasher, Writer};
    use crate::error::EncodeError;

    impl Message for SystemTime {
        const SCHEMA: Schema = Schema::value("time", SchemaHasher::new("time").finish());
        const MIN_LEN: usize = 12;
        const MAX_LEN: Option<usize> = Some(12);

        fn encoded_len(&self) -> usize {
            12
        }

        fn encode(&self, output: &mut Writer<'_>) {
            let parts = match self.duration_since(UNIX_EPOCH) {
                Ok(after) => i64::try_from(after.as_secs()).ok().zip(Some(after.subsec_nanos())),
                Err(error) => {
                    let before = error.duration();
                    let part = before.subsec_nanos();
                    let whole = 0i64.checked_sub_unsigned(before.as_secs());
                    match part {
                        0 => whole.zip(Some(0)),
                        _ => whole.and_then(|s| s.checked_sub(1)).zip(Some(SECOND - part)),
                    }
                }
            };
            match parts {
                Some(parts) => parts.encode(output),
                None => output.fail(EncodeError::Invalid("a time beyond 64 bits of seconds")),
            }
        }
    }

    impl<'a> Decode<'a> for SystemTime {
        fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
            let seconds = i64::decode(input)?;
            let part = super::nanoseconds(input)?;
            let whole = Duration::from_secs(seconds.unsigned_abs());
            let start = match seconds < 0 {
                true => UNIX_EPOCH.checked_sub(whole),
                false => UNIX_EPOCH.checked_add(whole),
            };
            start
                .and_then(|start| start.checked_add(Duration::from_nanos(part.into())))
                .ok_or(DecodeError::Invalid { what: "time of this system", value: seconds as u64 })
        }
    }
}
