//! Kills while an end arrives: whoever comes next finds a ring that works.

use posix_ipc::OpenMode;
use posix_ipc::ring::spsc;

use super::{
    MESSAGES, kill_an_mpmc_receiver, kill_an_mpmc_sender, kill_an_spsc_receiver,
    kill_an_spsc_sender, kill_everywhere,
};

#[test]
fn an_spsc_sender_killed_at_any_instruction_of_its_arrival_leaves_its_seat_to_the_next() {
    kill_an_spsc_sender("spsc open to send", &MESSAGES);
}

#[test]
fn an_spsc_receiver_killed_at_any_instruction_of_its_arrival_leaves_its_seat_to_the_next() {
    kill_an_spsc_receiver("spsc open to receive");
}

#[test]
fn an_mpmc_sender_killed_at_any_instruction_of_its_arrival_is_in_nobodys_way() {
    kill_an_mpmc_sender("mpmc open to send");
}

#[test]
fn an_mpmc_receiver_killed_at_any_instruction_of_its_arrival_is_in_nobodys_way() {
    let (_, halves) = kill_an_mpmc_receiver("mpmc open to receive", MESSAGES);
    assert_eq!(halves, 0, "a short message is taken by one instruction, after it was read");
}

#[test]
fn a_creator_killed_at_any_instruction_leaves_a_whole_ring_or_none() {
    kill_everywhere("spsc create", |ring, kill| {
        if !kill(ring) {
            return None;
        }
        let exists = std::fs::exists(format!("/dev/shm{ring}")).unwrap();
        let options = spsc::Sender::options().mode(OpenMode::OpenOrCreate);
        let mut sender = options.capacity(4096).open(ring).unwrap();
        let mut receiver = spsc::Receiver::open(ring).unwrap();
        sender.send(MESSAGES[0]).unwrap();
        assert_eq!(receiver.receive_vec().unwrap(), MESSAGES[0]);
        let own = ring.trim_start_matches('/');
        let others = std::fs::read_dir("/dev/shm").unwrap().filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            let name = name.to_string_lossy();
            name.contains(own) && name != own
        });
        assert_eq!(others.count(), 0, "nothing half-made has a name");
        Some(exists)
    });
}
