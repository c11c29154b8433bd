//! Mappings as files and as buffers of the `bytes` crate.

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

use bytes::{Buf, BufMut};
use posix_ipc::shm::{Cursor, Mapping};
use posix_ipc::{Name, SharedMemory};
use proptest::prelude::*;

fn mapping(size: u64) -> Mapping {
    SharedMemory::create(Name::unique("pit-streams"), size).unwrap().map().unwrap()
}

#[test]
fn a_cursor_reads_writes_and_seeks_like_a_file_of_fixed_size() {
    let mapping = mapping(10);
    let mut cursor = Cursor::new(&mapping);
    cursor.write_all(b"01234567").unwrap();
    assert_eq!(cursor.write(b"89ab").unwrap(), 2, "there is room for two");
    assert_eq!(cursor.write(b"ab").unwrap(), 0);
    assert_eq!(cursor.write_all(b"a").unwrap_err().kind(), ErrorKind::WriteZero);
    assert_eq!(cursor.seek(SeekFrom::End(-3)).unwrap(), 7);
    let mut rest = String::new();
    cursor.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "789");
    assert_eq!(cursor.seek(SeekFrom::Start(u64::MAX)).unwrap(), u64::MAX);
    assert_eq!(cursor.read(&mut [0; 5]).unwrap(), 0);
    assert_eq!(cursor.write(b"x").unwrap(), 0);
    assert_eq!(cursor.seek(SeekFrom::Current(1)).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(cursor.seek(SeekFrom::End(-11)).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(cursor.position(), u64::MAX, "a failed seek moves nothing");
}

#[test]
fn a_cursor_may_own_its_mapping_and_read_through_a_read_only_one() {
    let mapping = mapping(100);
    let reader = mapping.memory().map_read().unwrap();
    Cursor::new(mapping).write_all(b"owned").unwrap();
    let mut bytes = [0; 5];
    Cursor::new(&reader).read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"owned");
}

#[test]
fn buffers_end_where_they_were_told() {
    let mapping = mapping(1_000);
    assert!(mapping.buf(990, 11).is_err() && mapping.buf_mut(1_001, 0).is_err());
    let mut out = mapping.buf_mut(10, 600).unwrap();
    out.put_bytes(7, 600);
    assert_eq!(out.remaining_mut(), 0);
    assert!(out.chunk_mut().len() == 0 && !out.has_remaining_mut());
    assert_eq!(mapping.to_vec(609, 2).unwrap(), [7, 0]);
    let mut buf = mapping.buf(10, 600).unwrap();
    assert!(buf.try_copy_to_slice(&mut [0; 601]).is_err());
    buf.advance(600);
    assert!(buf.chunk().is_empty() && !buf.has_remaining());
}

#[test]
#[should_panic(expected = "put past the end")]
fn putting_too_much_panics_as_the_trait_demands() {
    mapping(100).buf_mut(0, 10).unwrap().put_slice(&[0; 11]);
}

#[test]
#[should_panic(expected = "advance past the end")]
fn advancing_too_far_panics_as_the_trait_demands() {
    mapping(100).buf(0, 10).unwrap().advance(11);
}

proptest! {
    #[test]
    fn whatever_the_steps_the_bytes_are_those_of_a_vector(
        steps in prop::collection::vec((0usize..1_300, any::<bool>()), 1..12),
        offset in 0usize..50,
    ) {
        let mapping = mapping(20_000);
        let total: usize = steps.iter().map(|step| step.0).sum();
        let bytes: Vec<u8> = (0..total).map(|i| (i % 253) as u8).collect();

        let mut out = mapping.buf_mut(offset, total).unwrap();
        let mut rest = &bytes[..];
        for &(len, bulk) in &steps {
            let (now, later) = rest.split_at(len);
            if bulk { out.put_slice(now) } else { out.put(now) }
            rest = later;
        }
        prop_assert_eq!(out.remaining_mut(), 0);
        prop_assert_eq!(mapping.to_vec(offset, total).unwrap(), bytes.clone());

        let mut buf = mapping.buf(offset, total).unwrap();
        let mut read = Vec::new();
        for &(len, bulk) in &steps {
            if bulk {
                let mut part = vec![0; len];
                buf.copy_to_slice(&mut part);
                read.extend(part);
            } else {
                read.put((&mut buf).take(len));
            }
        }
        prop_assert_eq!(buf.remaining(), 0);
        prop_assert_eq!(read, bytes);
    }
}
