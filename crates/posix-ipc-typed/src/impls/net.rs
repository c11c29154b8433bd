//! Addresses: a byte 4 or 6 where both are possible, then the octets in network order.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::error::DecodeError;
use crate::message::{Decode, Message};
use crate::reader::Reader;
use crate::schema::{Schema, SchemaHasher};
use crate::writer::Writer;

/// Implements both traits for an address that is a tuple of parts.
macro_rules! address {
    ($($type:ty, $name:literal, $size:literal, |$address:ident| $parts:expr, $from:expr;)*) => {$(
        impl Message for $type {
            const SCHEMA: Schema = Schema::value($name, SchemaHasher::new($name).finish());
            const MIN_LEN: usize = $size;
            const MAX_LEN: Option<usize> = Some($size);

            #[inline]
            fn encoded_len(&self) -> usize {
                $size
            }

            #[inline]
            fn encode(&self, output: &mut Writer<'_>) {
                let $address = self;
                $parts.encode(output);
            }
        }

        impl<'a> Decode<'a> for $type {
            #[inline]
            fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
                Decode::decode(input).map($from)
            }
        }
    )*};
}

address! {
    Ipv4Addr, "ipv4", 4, |address| address.octets(), <[u8; 4]>::into;
    Ipv6Addr, "ipv6", 16, |address| address.octets(), <[u8; 16]>::into;
    SocketAddrV4, "socket v4", 6, |address| (*address.ip(), address.port()),
        |(ip, port)| Self::new(ip, port);
    SocketAddrV6, "socket v6", 26,
        |address| (*address.ip(), address.port(), address.flowinfo(), address.scope_id()),
        |(ip, port, flow, scope)| Self::new(ip, port, flow, scope);
}

/// Implements both traits for an address of either version.
macro_rules! either {
    ($($type:ident, $name:literal, $v4:ty, $v6:ty;)*) => {$(
        impl Message for $type {
            const SCHEMA: Schema = Schema::value($name, SchemaHasher::new($name).finish());
            const MIN_LEN: usize = 1 + <$v4>::MIN_LEN;
            const MAX_LEN: Option<usize> = Some(1 + <$v6>::MIN_LEN);

            #[inline]
            fn encoded_len(&self) -> usize {
                match self {
                    Self::V4(_) => 1 + <$v4>::MIN_LEN,
                    Self::V6(_) => 1 + <$v6>::MIN_LEN,
                }
            }

            #[inline]
            fn encode(&self, output: &mut Writer<'_>) {
                match self {
                    Self::V4(address) => {
                        output.put(&[4]);
                        address.encode(output);
                    }
                    Self::V6(address) => {
                        output.put(&[6]);
                        address.encode(output);
                    }
                }
            }
        }

        impl<'a> Decode<'a> for $type {
            #[inline]
            fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
                match input.array()? {
                    [4] => Decode::decode(input).map(Self::V4),
                    [6] => Decode::decode(input).map(Self::V6),
                    [value] => Err(DecodeError::Invalid { what: $name, value: value.into() }),
                }
            }
        }
    )*};
}

either! {
    IpAddr, "ip address", Ipv4Addr, Ipv6Addr;
    SocketAddr, "socket address", SocketAddrV4, SocketAddrV6;
}
