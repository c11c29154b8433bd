//! Kills at chosen instructions: no unit is lost or invented, and nobody sleeps for ever beside a free one.

use std::time::Duration;

use posix_ipc::sem::{Spin, wait_any_timeout};
use posix_ipc::{Errno, Semaphore};
use testutil::child::{Child, run, say};
use testutil::leaks;
use testutil::stepped::{kill_everywhere_at_once, run_between_marks};

fn open(name: &str) -> Semaphore {
    let mut semaphore = Semaphore::open(name).unwrap();
    // A spin is not what is stepped through.
    semaphore.set_spin(Spin::Never);
    semaphore
}

/// Takes so many units at once, asleep until they are there.
pub(crate) fn sleeper(arguments: &[String]) {
    let semaphore = open(&arguments[0]);
    say("ready");
    semaphore.wait_many(arguments[1].parse().unwrap()).unwrap();
    say("taken");
}

/// Posts to a thread that sleeps, so that what is looked up at the first time has been.
fn wake_a_thread(semaphore: &Semaphore) {
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| semaphore.wait().unwrap());
        while semaphore.waiters() == Some(0) {
            std::thread::yield_now();
        }
        semaphore.post().unwrap();
        sleeper.join().unwrap();
    });
}

/// Does what it is told to, between two marks.
pub(crate) fn stepped(arguments: &[String]) {
    let [what, name] = arguments else { panic!("two arguments") };
    let (semaphore, other) = (open(name), open(&format!("{name}-other")));
    let mut act: Box<dyn FnMut()> = match &**what {
        "post" => Box::new(|| semaphore.post().unwrap()),
        "post 3" => Box::new(|| semaphore.post_many(3).unwrap()),
        "time out and post" => Box::new(|| {
            assert!(!semaphore.wait_many_timeout(2, Duration::from_micros(1)).unwrap());
            semaphore.post().unwrap();
        }),
        "take 3" => Box::new(|| semaphore.wait_many(3).unwrap()),
        "wait for any and post" => Box::new(|| {
            let timeout = Duration::from_micros(1);
            assert_eq!(wait_any_timeout(&[&semaphore, &other], timeout).unwrap(), None);
            semaphore.post().unwrap();
        }),
        _ => Box::new(|| Semaphore::create(format!("{name}-new"), 7).unwrap().keep()),
    };
    run_between_marks(&mut |time| match time {
        0 => wake_a_thread(&other),
        _ => act(),
    });
}

/// Processes that sleep for so many units each.
fn sleepers(name: &str, units: &[u32]) -> Vec<Child> {
    let start = |units: &u32| {
        let mut child = run("sleeper", &[name, &units.to_string()]);
        child.expect_line("ready");
        child.wait_until_asleep();
        child
    };
    units.iter().map(start).collect()
}

/// Kills who posts as many units as others sleep for.
fn kill_a_poster(what: &str, sleep_for: &[u32]) {
    kill_everywhere_at_once(what, |name, kill| {
        let semaphore = Semaphore::create(name, 0).unwrap();
        let _other = Semaphore::create(format!("{name}-other"), 0).unwrap();
        let mut sleepers = sleepers(name, sleep_for);
        if !kill(name) {
            return None;
        }
        // Who was killed while it waited stays counted.
        let asleep = sleepers.len() as u32;
        let happened = semaphore.value() != Ok(0) || semaphore.waiters() < Some(asleep);
        if !happened {
            semaphore.post_many(sleep_for.iter().sum()).unwrap();
        }
        sleepers.iter_mut().for_each(|sleeper| sleeper.expect_line("taken"));
        assert_eq!(semaphore.value(), Ok(0), "no unit was invented");
        let counted = semaphore.waiters();
        assert!(counted <= Some(u32::from(what.contains("and post") && !happened)), "{counted:?}");
        Some(happened)
    });
}

#[test]
fn whoever_sleeps_alone_has_the_unit_of_a_poster_killed_at_any_instruction() {
    kill_a_poster("post", &[1]);
}

#[test]
fn a_poster_of_several_units_killed_at_any_instruction_has_posted_all_or_none() {
    kill_a_poster("post 3", &[1, 1, 1]);
    kill_a_poster("post 3", &[1, 2]);
    kill_a_poster("post 3", &[3]);
}

#[test]
fn who_is_killed_at_any_instruction_of_a_wait_that_times_out_keeps_no_unit_from_others() {
    kill_a_poster("time out and post", &[1]);
    kill_a_poster("wait for any and post", &[1]);
}

#[test]
fn who_is_killed_at_any_instruction_of_taking_several_units_has_taken_all_or_none() {
    kill_everywhere_at_once("take 3", |name, kill| {
        let semaphore = Semaphore::create(name, 5).unwrap();
        let _other = Semaphore::create(format!("{name}-other"), 0).unwrap();
        let mut sleepers = sleepers(name, &[6]);
        if !kill(name) {
            return None;
        }
        let left = semaphore.value().unwrap();
        assert!([2, 5].contains(&left), "{left} left of 5");
        semaphore.post_many(6 - left).unwrap();
        sleepers.iter_mut().for_each(|sleeper| sleeper.expect_line("taken"));
        assert_eq!((semaphore.value(), semaphore.waiters()), (Ok(0), Some(0)));
        Some(left == 2)
    });
}

/// A name that goes with it.
struct Unlinked(String);

impl Drop for Unlinked {
    fn drop(&mut self) {
        let _ = Semaphore::unlink(self.0.as_str());
    }
}

#[test]
fn a_creator_killed_at_any_instruction_leaves_a_whole_semaphore_or_none() {
    kill_everywhere_at_once("create", |name, kill| {
        let objects = [name.to_string(), format!("{name}-other")];
        let objects = objects.map(|name| Semaphore::create(name, 0).unwrap());
        let new = Unlinked(format!("{name}-new"));
        if !kill(name) {
            return None;
        }
        let is_there = leaks::objects(&format!("{}-new", &name[1..])).len() == 1;
        match Semaphore::open(new.0.as_str()) {
            Ok(created) => assert_eq!((created.value(), created.waiters()), (Ok(7), Some(0))),
            Err(error) => assert_eq!(error.errno(), Some(Errno::NOENT), "{error}"),
        }
        drop(new);
        drop(objects);
        assert!(leaks::objects(&name[1..]).is_empty(), "nothing half-made has a name");
        Some(is_there)
    });
}
