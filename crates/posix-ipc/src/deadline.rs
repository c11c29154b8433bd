//! Until when a call waits, on the clock that it is given on: fixed when the call starts, or when it first
//! looks at the clock.

use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// The end of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// There is none.
    Never,
    /// On the clock that nobody can set, `CLOCK_MONOTONIC`.
    Monotonic(Timespec),
    /// On the calendar's clock, `CLOCK_REALTIME`.
    Realtime(Timespec),
}

/// The end of a wait as a caller gives it: fixed when it is first asked for. A call that need not wait never
/// asks, and reads no clock.
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    Never,
    After(Duration),
    At(Instant),
    Fixed(Deadline),
}

#[cfg(target_os = "linux")]
impl Limit {
    /// The deadline, from now on always the same.
    #[cold]
    pub(crate) fn deadline(&mut self) -> Deadline {
        let deadline = match *self {
            Self::Never => Deadline::Never,
            Self::After(timeout) => Deadline::after(timeout),
            Self::At(instant) => Deadline::at(instant),
            Self::Fixed(deadline) => deadline,
        };
        *self = Self::Fixed(deadline);
        deadline
    }
}

const NANOS_PER_SEC: i64 = 1_000_000_000;

impl Deadline {
    /// `timeout` from now; what the clock cannot express is never.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self::from_now(ClockId::Monotonic, timeout).map_or(Self::Never, Self::Monotonic)
    }

    /// At `instant`; at once if it has passed.
    pub(crate) fn at(instant: Instant) -> Self {
        Self::after(instant.saturating_duration_since(Instant::now()))
    }

    /// At `time` of the calendar, also if the clock is set meanwhile.
    pub(crate) fn at_realtime(time: SystemTime) -> Self {
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => timespec(since).map_or(Self::Never, Self::Realtime),
            // Before 1970 has passed as well as any other time before now.
            Err(_) => Self::Realtime(Timespec { tv_sec: 0, tv_nsec: 0 }),
        }
    }

    /// How long it is until then, zero if it has passed; `None` if there is no end.
    pub(crate) fn remaining(&self) -> Option<Timespec> {
        let (clock, end) = match self {
            Self::Never => return None,
            Self::Monotonic(end) => (ClockId::Monotonic, end),
            Self::Realtime(end) => (ClockId::Realtime, end),
        };
        let now = clock_gettime(clock);
        let (mut seconds, mut nanos) =
            (end.tv_sec.saturating_sub(now.tv_sec), end.tv_nsec - now.tv_nsec);
        if nanos < 0 {
            seconds = seconds.saturating_sub(1);
            nanos += NANOS_PER_SEC;
        }
        if seconds < 0 {
            (seconds, nanos) = (0, 0);
        }
        Some(Timespec { tv_sec: seconds, tv_nsec: nanos })
    }

    /// `duration`, or how long it is until then if that is less.
    pub(crate) fn at_most(&self, duration: Duration) -> Duration {
        let Some(Timespec { tv_sec, tv_nsec }) = self.remaining() else { return duration };
        // Neither is negative, and there are less nanoseconds than a second has.
        duration.min(Duration::new(tv_sec as u64, tv_nsec as u32))
    }

    /// Whether it has passed.
    pub(crate) fn has_passed(&self) -> bool {
        matches!(self.remaining(), Some(Timespec { tv_sec: 0, tv_nsec: 0 }))
    }

    fn from_now(clock: ClockId, timeout: Duration) -> Option<Timespec> {
        let now = clock_gettime(clock);
        let timeout = timespec(timeout)?;
        let mut seconds = now.tv_sec.checked_add(timeout.tv_sec)?;
        let mut nanos = now.tv_nsec + timeout.tv_nsec;
        if nanos >= NANOS_PER_SEC {
            seconds = seconds.checked_add(1)?;
            nanos -= NANOS_PER_SEC;
        }
        Some(Timespec { tv_sec: seconds, tv_nsec: nanos })
    }
}

/// `None` if there are more seconds than the system counts.
fn timespec(duration: Duration) -> Option<Timespec> {
    let seconds = i64::try_from(duration.as_secs()).ok()?;
    Some(Timespec { tv_sec: seconds, tv_nsec: i64::from(duration.subsec_nanos()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSED: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

    #[test]
    fn no_time_has_passed_at_once_and_the_longest_time_is_never() {
        assert!(Deadline::after(Duration::ZERO).has_passed());
        assert_eq!(Deadline::after(Duration::MAX), Deadline::Never);
        assert_eq!(Deadline::Never.remaining(), None);
    }

    #[test]
    fn a_timeout_lasts_at_most_as_long_as_it_says() {
        let left = Deadline::after(Duration::from_millis(3_999)).remaining().unwrap();
        assert!((left.tv_sec, left.tv_nsec) <= (3, 999_000_000));
        assert!(!Deadline::after(Duration::from_secs(3_600)).has_passed());
    }

    #[test]
    fn nobody_goes_on_for_longer_than_is_left() {
        const HOUR: Duration = Duration::from_secs(3_600);
        assert_eq!(Deadline::Never.at_most(HOUR), HOUR);
        assert_eq!(Deadline::after(2 * HOUR).at_most(HOUR), HOUR);
        assert_eq!(Deadline::after(Duration::ZERO).at_most(HOUR), Duration::ZERO);
        let left = Deadline::after(HOUR / 2).at_most(HOUR);
        assert!(left <= HOUR / 2 && left > HOUR / 3, "{left:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_limit_is_fixed_when_it_is_first_asked_for() {
        let (now, hour) = (Instant::now(), Duration::from_secs(3_600));
        for mut limit in [Limit::Never, Limit::After(hour), Limit::At(now + hour)] {
            let deadline = limit.deadline();
            assert_eq!(limit.deadline(), deadline);
            assert_eq!(limit.deadline() == Deadline::Never, deadline.remaining().is_none());
        }
        assert!(Limit::At(now).deadline().has_passed());
        assert!(Limit::After(Duration::ZERO).deadline().has_passed());
    }

    #[test]
    fn instants_and_calendar_times_of_the_past_have_passed() {
        let now = Instant::now();
        assert!(Deadline::at(now).has_passed());
        assert!(Deadline::at_realtime(SystemTime::UNIX_EPOCH).has_passed());
        let ancient = SystemTime::UNIX_EPOCH - Duration::from_secs(60);
        assert_eq!(Deadline::at_realtime(ancient).remaining(), Some(PASSED));
    }

    #[test]
    fn a_calendar_time_keeps_its_nanoseconds() {
        let time = SystemTime::UNIX_EPOCH + Duration::new(5_000_000_000, 123_456_789);
        let expected = Timespec { tv_sec: 5_000_000_000, tv_nsec: 123_456_789 };
        assert_eq!(Deadline::at_realtime(time), Deadline::Realtime(expected));
    }

    #[test]
    fn borrowing_of_nanoseconds_never_yields_a_negative_remainder() {
        for _ in 0..1_000 {
            let left = Deadline::after(Duration::from_nanos(1)).remaining().unwrap();
            assert!(left.tv_sec == 0 && (0..=1).contains(&left.tv_nsec), "{left:?}");
        }
    }
}
