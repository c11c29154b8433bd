//! Reads of `/proc` what tells who uses an object.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::usage::Access;
use crate::Identity;

/// What the kernel appends to the path of a file that has no name any more.
const DELETED: &[u8] = b" (deleted)";

/// A process that uses an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Process {
    /// Its id, in the namespace of this process.
    pub pid: u32,
    /// The user it runs as.
    pub uid: u32,
    /// The short name of its program, which it may have changed.
    pub command: String,
}

/// The numbers of all processes that `/proc` shows.
pub(super) fn pids() -> std::io::Result<impl Iterator<Item = u32>> {
    let entries = fs::read_dir("/proc")?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// Who the process is; `None` if it has ended.
pub(super) fn process(pid: u32) -> Option<Process> {
    let uid = fs::metadata(root(pid)).ok()?.uid();
    let command = fs::read(root(pid).join("comm")).ok()?;
    let command = String::from_utf8_lossy(command.trim_ascii_end()).into_owned();
    Some(Process { pid, uid, command })
}

/// One use that a process makes of a file.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) identity: Identity,
    /// The path as the kernel shows it, without the mark of a deleted file.
    pub(super) path: Vec<u8>,
    pub(super) deleted: bool,
    pub(super) access: Access,
    /// The file's size, where it can be asked for.
    pub(super) size: Option<u64>,
    /// Of a mapping, how many bytes of address space it covers.
    pub(super) mapped: Option<u64>,
}

/// The descriptors of a process that may be of an object.
///
/// Only those are looked at closely whose path may be one, since asking for the state of a file
/// on a dead network would hang.
pub(super) fn descriptors(pid: u32) -> std::io::Result<Vec<Use>> {
    let entries = fs::read_dir(root(pid).join("fd"))?;
    Ok(entries.flatten().filter_map(|entry| descriptor(pid, &entry)).collect())
}

fn descriptor(pid: u32, entry: &DirEntry) -> Option<Use> {
    let target = fs::read_link(entry.path()).ok()?;
    let (path, deleted) = without_mark(target.as_os_str().as_bytes());
    if !may_be_object(path) {
        return None;
    }
    let stat = fs::metadata(entry.path()).ok()?;
    let info = fs::read_to_string(root(pid).join("fdinfo").join(entry.file_name())).ok();
    Some(Use {
        identity: Identity::new(stat.dev(), stat.ino()),
        path: path.to_vec(),
        deleted: deleted || stat.nlink() == 0,
        access: info.as_deref().and_then(access_of).unwrap_or(Access::ReadWrite),
        size: Some(stat.size()),
        mapped: None,
    })
}

/// In `/dev/shm`, or, as queues are shown, directly below the root of their file system.
fn may_be_object(path: &[u8]) -> bool {
    path.starts_with(b"/dev/shm/")
        || path.starts_with(b"/dev/mqueue/")
        || path.strip_prefix(b"/").is_some_and(|name| !name.is_empty() && !name.contains(&b'/'))
}

fn access_of(info: &str) -> Option<Access> {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
    match u32::from_str_radix(flags.trim(), 8).ok()? & 0o3 {
        0 => Some(Access::Read),
        1 => Some(Access::Write),
        _ => Some(Access::ReadWrite),
    }
}

/// The mappings of a process that are of files on `device`.
pub(super) fn mappings(pid: u32, device: u64) -> std::io::Result<Vec<Use>> {
    let maps = fs::read(root(pid).join("maps"))?;
    let lines = maps.split(|&byte| byte == b'\n');
    let mut uses: Vec<Use> = Vec::new();
    for (mut one, range) in lines.filter_map(|line| mapping(line, device)) {
        match uses.iter_mut().find(|other| other.identity == one.identity) {
            Some(other) => {
                other.mapped = Some(other.mapped.unwrap_or(0) + one.mapped.unwrap_or(0));
                other.access = other.access.and(one.access);
            }
            None => {
                // Only the privileged may follow these links.
                let file = root(pid).join("map_files").join(OsStr::from_bytes(range));
                one.size = fs::metadata(file).ok().map(|stat| stat.size());
                uses.push(one);
            }
        }
    }
    Ok(uses)
}

/// Reads `7f00-7f10 rw-s 00000000 00:19 42    /dev/shm/name (deleted)`.
fn mapping(line: &[u8], device: u64) -> Option<(Use, &[u8])> {
    let mut rest = line;
    let mut field = || {
        rest = rest.trim_ascii_start();
        let end = rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len());
        let (field, after) = rest.split_at(end);
        rest = after;
        field
    };
    let (range, permissions, _offset, numbers, inode) =
        (field(), field(), field(), field(), field());
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let (major, minor) = text(numbers)?.split_once(':')?;
    let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
    let number = |text| u32::from_str_radix(text, 16).ok();
    let found = rustix::fs::makedev(number(major)?, number(minor)?);
    let inode = text(inode)?.parse().ok()?;
    if found != device || inode == 0 {
        return None;
    }
    let (start, end) = text(range)?.split_once('-')?;
    let length = hexadecimal(end)?.checked_sub(hexadecimal(start)?)?;
    let (path, deleted) = without_mark(rest.trim_ascii_start());
    let access = match (permissions.first(), permissions.get(1)) {
        (Some(b'r'), Some(b'w')) => Access::ReadWrite,
        (_, Some(b'w')) => Access::Write,
        (Some(b'r'), _) => Access::Read,
        _ => Access::None,
    };
    let identity = Identity::new(device, inode);
    let path = unescaped(path);
    Some((Use { identity, path, deleted, access, size: None, mapped: Some(length) }, range))
}

fn without_mark(path: &[u8]) -> (&[u8], bool) {
    path.strip_suffix(DELETED).map_or((path, false), |path| (path, true))
}

/// The kernel writes a line break in a path as `\012`.
fn unescaped(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"\\012") {
            out.push(b'\n');
            rest = after;
        } else {
            out.push(byte);
            rest = after;
        }
    }
    out
}

fn root(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"7f0000001000-7f0000003000 rw-s 00000000 00:19 42     /dev/shm/a b";

    #[test]
    fn a_mapping_on_the_device_is_read_with_its_path_and_length() {
        let (found, range) = mapping(LINE, rustix::fs::makedev(0, 0x19)).unwrap();
        assert_eq!(found.path, b"/dev/shm/a b");
        assert_eq!((found.identity.inode(), found.mapped), (42, Some(0x2000)));
        assert_eq!((found.deleted, found.access), (false, Access::ReadWrite));
        assert_eq!(range, b"7f0000001000-7f0000003000");
    }

    #[test]
    fn a_mapping_elsewhere_and_an_anonymous_one_are_passed_over() {
        assert!(mapping(LINE, rustix::fs::makedev(0, 0x1a)).is_none());
        let heap = b"55d0-55e0 rw-p 00000000 00:00 0       [heap]";
        assert!(mapping(heap, 0).is_none());
        assert!(mapping(b"", 0).is_none());
    }

    #[test]
    fn a_deleted_file_is_told_from_its_mark() {
        let line = [LINE, DELETED].concat();
        let (found, _) = mapping(&line, rustix::fs::makedev(0, 0x19)).unwrap();
        assert!(found.deleted);
        assert_eq!(found.path, b"/dev/shm/a b");
    }

    #[test]
    fn access_is_read_from_the_octal_flags() {
        assert_eq!(access_of("pos:\t0\nflags:\t02100000\n"), Some(Access::Read));
        assert_eq!(access_of("pos:\t0\nflags:\t0100002\n"), Some(Access::ReadWrite));
        assert_eq!(access_of("pos:\t0\n"), None);
    }

    #[test]
    fn only_paths_that_may_be_objects_are_looked_at() {
        assert!(may_be_object(b"/dev/shm/x"));
        assert!(may_be_object(b"/queue"));
        assert!(!may_be_object(b"/home/x"));
        assert!(!may_be_object(b"socket:[1]"));
        assert!(!may_be_object(b"/"));
    }
}
