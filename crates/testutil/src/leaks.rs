//! Counts what a process holds, so that a test can see that it holds no more afterwards.

use std::fs;

/// How many descriptors this process has open.
pub fn descriptors() -> usize {
    // The listing itself holds one.
    fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count().saturating_sub(1))
}

/// How many mappings of this process are of a file whose path contains `part`.
pub fn mappings(part: &str) -> usize {
    fs::read_to_string("/proc/self/maps")
        .map_or(0, |maps| maps.lines().filter(|line| line.contains(part)).count())
}

/// The names in `/dev/shm` and `/dev/mqueue` that contain `part`.
pub fn objects(part: &str) -> Vec<String> {
    ["/dev/shm", "/dev/mqueue"]
        .iter()
        .filter_map(|directory| fs::read_dir(directory).ok())
        .flat_map(|entries| entries.flatten())
        .map(|entry| entry.path().display().to_string())
        .filter(|path| path.contains(part))
        .collect()
}
