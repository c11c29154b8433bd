//! Waiting, sending and receiving allocate nothing.

use std::time::Duration;

use posix_ipc::ring::{mpmc, spsc};
use posix_ipc::{Semaphore, Waitable, wait_any_timeout};
use testutil::allocations::{Counting, allocations};
use testutil::names::unique;
use testutil::watchdog::watchdog;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn waiting_for_any_number_of_things_allocates_nothing_when_it_sleeps() {
    let _watchdog = watchdog(60);
    let semaphores = [(); 60].map(|()| Semaphore::create(&*unique("any-sleeps"), 0).unwrap());
    let (mut sender, mut receiver) = spsc::pair(4096).unwrap();
    let (jobs, workers) = mpmc::pair(4, 8).unwrap();
    let nap = Duration::from_micros(100);
    let count = allocations(|| {
        // Arrays, since it is the test's allocations that would count too.
        let mut all = semaphores.each_ref().map(Waitable::Semaphore);
        assert_eq!(wait_any_timeout(&mut all, nap), Ok(None));
        let mut rings = [Waitable::SpscReceiver(&mut receiver), Waitable::MpmcReceiver(&workers)];
        assert_eq!(wait_any_timeout(&mut rings, nap), Ok(None));
    });
    assert_eq!(count, 0);
    sender.send(b"at last").unwrap();
    jobs.send(b"job", 0).unwrap();
}

#[test]
fn messages_allocate_nothing() {
    let (jobs, workers) = mpmc::pair(4, 400).unwrap();
    for len in [8, 400] {
        let message = vec![1; len];
        let mut buffer = [0; 400];
        let count = allocations(|| {
            jobs.send(&message, 0).unwrap();
            assert_eq!(workers.receive(&mut buffer).unwrap().0, len);
            assert_eq!(workers.receive_timeout(&mut buffer, Duration::from_micros(1)), Ok(None));
            jobs.reserve(len, 0).unwrap().commit();
            workers.peek().unwrap().release();
        });
        assert_eq!(count, 0, "{len} bytes");
    }
}
