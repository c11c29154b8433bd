//! A peer that scribbles over the segment: errors, never a panic, a hang or a stray access.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use posix_ipc::ring::{ReceiveError, mpmc, spsc};
use posix_ipc::shm::Mapping;
use posix_ipc::{OpenMode, SharedMemory};
use testutil::names::unique;
use testutil::watchdog::watchdog;

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Overwrites a word that matters, or any, by something nasty or a small change.
fn scribble(mapping: &Mapping, random: &mut Random, words: &[usize]) {
    let any = random.below(mapping.len() as u64 / 8) as usize * 8;
    let at = match random.below(4) {
        0 => any,
        _ => words[random.below(words.len() as u64) as usize],
    };
    scribble_at(mapping, random, at);
}

fn scribble_at(mapping: &Mapping, random: &mut Random, at: usize) {
    let word = mapping.atomic_u64(at).unwrap();
    let old = word.load(std::sync::atomic::Ordering::Relaxed);
    let nasty = [0, 1, 7, 8, u64::MAX, 1 << 63, 1 << 32, old.wrapping_add(8), old.wrapping_sub(8)];
    let new = match random.below(3) {
        0 => random.next(),
        1 => old ^ 1 << random.below(64),
        _ => nasty[random.below(nasty.len() as u64) as usize],
    };
    word.store(new, std::sync::atomic::Ordering::Relaxed);
}

#[test]
fn spsc_survives_any_scribbling() {
    let _watchdog = watchdog(300);
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut corrupt = 0;
    for _ in 0..300 {
        let name = unique("hostile");
        let mut sender = spsc::Sender::create(&*name, 4096).unwrap();
        let mut receiver = spsc::Receiver::open(&*name).unwrap();
        let mapping = SharedMemory::open(&*name).unwrap().map().unwrap();
        let words = [
            128, 136, 144, 248, 312, 376, 384, 512, 640, 768, 896, 904, 1024, 1032, 1152, 4096,
            4104,
        ];
        for _ in 0..60 {
            if random.below(3) == 0 {
                scribble(&mapping, &mut random, &words);
            }
            let len = random.below(700) as usize;
            corrupt += u32::from(sender.try_send(&vec![1; len]).is_err());
            let wait = Duration::from_micros(1);
            corrupt += u32::from(sender.send_timeout(&vec![1; len], wait).is_err());
            corrupt += u32::from(receiver.try_receive_vec().is_err());
            corrupt += u32::from(receiver.drain(|record| drop(record.to_vec())).is_err());
            corrupt += u32::from(receiver.peek_timeout(wait).is_err());
            let _ = (sender.peer(), receiver.peer(), sender.backlog(), receiver.backlog());
        }
        drop((sender, receiver));
        // A newcomer judges the ring by itself.
        let _ = spsc::Sender::open(&*name);
        let _ = spsc::Receiver::open(&*name);
    }
    assert!(corrupt > 100, "the scribbling was noticed: {corrupt}");
}

#[test]
fn who_follows_a_message_in_parts_survives_any_scribbling() {
    let _watchdog = watchdog(300);
    let mut random = Random(0x1234_5678_9abc_def3);
    let (mut sound, mut unsound) = (0, 0);
    let mut buffer = vec![0; 70_000];
    for _ in 0..100 {
        let name = unique("hostile-parts");
        let mut sender = spsc::Sender::create(&*name, 256 << 10).unwrap();
        let mut receiver = spsc::Receiver::open(&*name).unwrap();
        let mapping = SharedMemory::open(&*name).unwrap().map().unwrap();
        let wait = Duration::from_micros(1);
        for round in 0..20 {
            let message = vec![1; 65_536 + random.below(4_000) as usize];
            let sent = sender.send_timeout(&message, wait).is_ok();
            // The word that tells of parts alone at first: it decides nothing.
            let words = [1152, 1152, 1152, 128, 144, 4096 + random.below(32_768) as usize * 8];
            let among = if round < 10 { 3 } else { words.len() };
            for _ in 0..random.below(4) {
                let at = words[random.below(among as u64) as usize];
                scribble_at(&mapping, &mut random, at);
            }
            // The second one has nothing to receive but what was scribbled.
            for there in [sent, false] {
                match receiver.receive_timeout(&mut buffer, wait) {
                    Ok(Some(len)) if there => sound += u32::from(buffer[..len] == message),
                    Ok(None) if !there => {}
                    _ => unsound += 1,
                }
            }
            assert!(round >= 10 || unsound == 0, "a word that decides nothing decided something");
        }
        unsound = 0;
    }
    assert!(sound >= 1000, "{sound}");
}

#[test]
fn mpmc_survives_any_scribbling() {
    let _watchdog = watchdog(300);
    let mut random = Random(0x0fed_cba9_8765_4321);
    let mut corrupt = 0;
    for _ in 0..300 {
        let name = unique("hostile");
        let options = mpmc::Sender::options().mode(OpenMode::CreateNew).capacity(8).lanes(2);
        let sender = options.message_size(40).open(&*name).unwrap();
        let receiver = mpmc::Receiver::open(&*name).unwrap();
        let mapping = SharedMemory::open(&*name).unwrap().map().unwrap();
        let mut words =
            vec![128, 256, 384, 512, 640, 656, 4096, 4224, 4232, 4352, 4480, 12288, 12296];
        words.extend((0..16).flat_map(|slot| [16384 + slot * 64, 16384 + slot * 64 + 8]));
        for _ in 0..60 {
            if random.below(3) == 0 {
                scribble(&mapping, &mut random, &words);
            }
            let lane = random.below(2) as u32;
            let wait = Duration::from_micros(1);
            corrupt += u32::from(sender.try_send(&[1; 40], lane).is_err());
            corrupt += u32::from(sender.send_timeout(&[1; 8], lane, wait).is_err());
            corrupt += u32::from(receiver.try_receive(&mut [0; 40]).is_err());
            corrupt += u32::from(receiver.receive_timeout(&mut [0; 4], wait).is_err());
            corrupt += u32::from(receiver.peek_timeout(wait).is_err());
            receiver.repair();
            let _ = (receiver.participants(), receiver.incidents());
        }
        drop((sender, receiver));
        let _ = mpmc::Receiver::open(&*name).map(|receiver| receiver.try_receive_vec());
    }
    assert!(corrupt > 100, "the scribbling was noticed: {corrupt}");
}

/// What one reads twice within a call is another thing each time.
#[test]
fn mpmc_survives_scribbling_while_it_looks() {
    let _watchdog = watchdog(300);
    let name = unique("hostile");
    let options = mpmc::Sender::options().mode(OpenMode::CreateNew).capacity(64);
    let sender = options.message_size(40).open(&*name).unwrap();
    let receiver = mpmc::Receiver::open(&*name).unwrap();
    let done = AtomicBool::new(false);
    let mut corrupt = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mapping = SharedMemory::open(&*name).unwrap().map().unwrap();
            let mut random = Random(0x0123_4567_89ab_cdef);
            let words = [4096, 4224, 4224, 4232, 4232, 16384, 16384 + 64, 16384 + 63 * 64];
            while !done.load(Relaxed) {
                scribble(&mapping, &mut random, &words);
            }
        });
        // Until damage was met in the midst of it often enough; the watchdog ends what does not end.
        while corrupt < 5000 {
            let _ = sender.try_send(&[1; 40], 0);
            let received = receiver.try_receive(&mut [0; 40]);
            corrupt += u32::from(matches!(received, Err(ReceiveError::Corrupt(_))));
            let _ = receiver.try_receive(&mut [0; 4]);
            let _ = receiver.try_peek().map(|_record| ());
            receiver.repair();
        }
        done.store(true, Relaxed);
    });
}

#[test]
fn what_is_no_ring_is_refused() {
    let sizes = [1, 63, 64, 4096, 8192, 20_000];
    for size in sizes {
        let name = unique("foreign");
        let memory = SharedMemory::create(&*name, size).unwrap();
        assert!(spsc::Sender::open(&*name).is_err(), "{size} zeros");
        assert!(mpmc::Sender::open(&*name).is_err(), "{size} zeros");
        memory.map().unwrap().fill(0, size as usize, 0xff).unwrap();
        assert!(spsc::Receiver::open(&*name).is_err(), "{size} ones");
        assert!(mpmc::Receiver::open(&*name).is_err(), "{size} ones");
    }
}

#[test]
fn any_damage_to_the_preamble_is_refused_or_harmless() {
    let name = unique("preamble");
    let sender = spsc::Sender::create(&*name, 4096).unwrap();
    sender.keep();
    let mapping = SharedMemory::open(&*name).unwrap().map().unwrap();
    let mut original = [0; 64];
    mapping.read_at(0, &mut original).unwrap();
    for bit in 0..56 * 8 {
        let mut damaged = original;
        damaged[bit / 8] ^= 1 << (bit % 8);
        mapping.write_at(0, &damaged).unwrap();
        let opened = spsc::Receiver::open(&*name);
        let is_flag = bit == 52 * 8;
        assert_eq!(opened.is_ok(), is_flag, "bit {bit}: {opened:?}");
    }
}
