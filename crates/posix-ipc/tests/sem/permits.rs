//! Units that go back by themselves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use posix_ipc::Semaphore;
use posix_ipc::sem::VALUE_MAX;
use testutil::names::unique;

#[test]
fn a_permit_gives_its_units_back_when_it_goes_also_by_a_panic() {
    let name = unique("permit");
    let sem = Semaphore::create(&*name, 5).unwrap();
    {
        let one = sem.acquire().unwrap();
        let three = sem.try_acquire_many(3).unwrap();
        assert_eq!((one.units(), three.units(), sem.value()), (1, 3, Ok(1)));
        assert!(sem.try_acquire_many(2).is_none());
        assert_eq!(sem.value(), Ok(1), "none are taken when there are too few");
    }
    assert_eq!(sem.value(), Ok(5));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _permit = sem.acquire_many(4).unwrap();
        panic!("with four units in hand");
    }));
    assert!(panicked.is_err());
    assert_eq!(sem.value(), Ok(5));
}

#[test]
fn a_forgotten_permit_gives_nothing_back() {
    let name = unique("forget");
    let sem = Arc::new(Semaphore::create(&*name, 6).unwrap());
    sem.acquire().unwrap().forget();
    let same = sem.acquire_many(2).unwrap().into_inner();
    assert_eq!(same.name(), sem.name());
    sem.clone().acquire_owned().unwrap().forget();
    let inner = sem.clone().try_acquire_owned().unwrap().into_inner().unwrap();
    assert!(Arc::ptr_eq(&inner, &sem));
    assert_eq!(sem.value(), Ok(1));
}

#[test]
fn permits_that_are_not_to_be_had_change_nothing() {
    let name = unique("none");
    let sem = Arc::new(Semaphore::create(&*name, 0).unwrap());
    assert!(sem.try_acquire().is_none());
    assert!(sem.clone().try_acquire_owned().is_none());
    assert!(sem.acquire_timeout(Duration::from_millis(2)).unwrap().is_none());
    assert!(sem.acquire_deadline(Instant::now()).unwrap().is_none());
    assert!(sem.acquire_many_timeout(2, Duration::from_millis(2)).unwrap().is_none());
    assert_eq!(sem.value(), Ok(0));
}

#[test]
fn a_release_tells_that_others_have_filled_the_semaphore() {
    let name = unique("release");
    let sem = Semaphore::create(&*name, VALUE_MAX).unwrap();
    let permit = sem.acquire().unwrap();
    sem.post().unwrap();
    assert!(permit.release().is_err());
    sem.acquire().unwrap().release().unwrap();
    assert_eq!(sem.value(), Ok(VALUE_MAX));
}
