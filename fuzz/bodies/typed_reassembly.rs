//! Any fragments in any order: no panic, and never more kept than the budget allows.

use std::time::{Duration, Instant};

use posix_ipc_typed::{Fragment, Frame, FrameOptions, Message, Reassembly, ReassemblyLimits};

const PER_SENDER: usize = 48;
const TOTAL: usize = 100;

/// Reads the input as a row of fragments: sender, number, total, offset, length, pause.
pub fn run(data: &[u8]) {
    let limits = ReassemblyLimits::new()
        .per_sender(PER_SENDER)
        .total(TOTAL)
        .messages(5)
        .timeout(Duration::from_secs(20));
    let mut reassembly = Reassembly::new(limits);
    let mut now = Instant::now();
    let mut reported = 0;
    for step in data.chunks_exact(6) {
        let [sender, sequence, total, offset, length, pause] = *step else { continue };
        let fragment = Fragment {
            sender: u64::from(sender % 4),
            total: u32::from(total % 64),
            offset: u32::from(offset % 64),
        };
        let payload: Vec<u8> = (0..length % 32).map(|byte| offset.wrapping_add(byte)).collect();
        let mut frame = Vec::new();
        let options = FrameOptions::new().sequence((sequence % 3).into()).fragment(fragment);
        options.write_payload(&u32::SCHEMA, &payload, &mut frame).expect("it is short");
        now += Duration::from_secs((pause % 8).into());
        match Frame::parse(&frame) {
            Ok(frame) => {
                if let Some(whole) = reassembly.push(&frame, now) {
                    assert_eq!(whole.len(), fragment.total as usize);
                }
            }
            Err(_) => {
                let end = fragment.offset as usize + payload.len();
                assert!(payload.is_empty() || end > fragment.total as usize);
            }
        }
        assert!(reassembly.held() <= TOTAL && reassembly.incomplete() <= 5);
        reported += reassembly.take_reports().len() as u64;
        assert_eq!(reassembly.drops().total(), reported, "each drop is counted and reported once");
    }
    reassembly.expire(now + Duration::from_secs(60));
    assert_eq!((reassembly.held(), reassembly.incomplete()), (0, 0));
}
