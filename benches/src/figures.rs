//! What a contender took: p50, mean and p99, in nanoseconds an operation.

use std::time::{Duration, Instant};

/// Nanoseconds an operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Half of the operations took at most this.
    pub p50: f64,
    /// The arithmetic mean.
    pub mean: f64,
    /// All but one in a hundred took at most this.
    pub p99: f64,
}

/// One of the [`Figures`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// [`Figures::p50`].
    P50,
    /// [`Figures::mean`].
    Mean,
    /// [`Figures::p99`].
    P99,
}

impl Figures {
    /// The figures of single operations; sorts the samples.
    ///
    /// # Panics
    ///
    /// If there is no sample.
    pub fn of_samples(samples: &mut [u64]) -> Self {
        assert!(!samples.is_empty(), "nothing was measured");
        samples.sort_unstable();
        let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize] as f64;
        let sum: u64 = samples.iter().sum();
        Self { p50: at(0.50), mean: sum as f64 / samples.len() as f64, p99: at(0.99) }
    }

    /// The figures of operations that are too short to be timed one by one.
    pub fn of_total(total: Duration, operations: u64) -> Self {
        let each = total.as_nanos() as f64 / operations.max(1) as f64;
        Self { p50: each, mean: each, p99: each }
    }

    /// Times `operations` calls of `operation` together.
    pub fn of_loop(operations: u64, mut operation: impl FnMut()) -> Self {
        let start = Instant::now();
        for _ in 0..operations {
            operation();
        }
        Self::of_total(start.elapsed(), operations)
    }

    /// Times each of `operations` calls of `operation`.
    pub fn of_each(operations: u64, mut operation: impl FnMut()) -> Self {
        let mut samples = Vec::with_capacity(operations as usize);
        for _ in 0..operations.max(1) {
            let start = Instant::now();
            operation();
            samples.push(start.elapsed().as_nanos() as u64);
        }
        Self::of_samples(&mut samples)
    }

    /// One of them.
    pub fn get(&self, figure: Figure) -> f64 {
        match figure {
            Figure::P50 => self.p50,
            Figure::Mean => self.mean,
            Figure::P99 => self.p99,
        }
    }
}

/// The median; the samples are sorted.
///
/// # Panics
///
/// If there is no sample.
pub fn median(samples: &mut [f64]) -> f64 {
    assert!(!samples.is_empty(), "nothing was measured");
    samples.sort_unstable_by(f64::total_cmp);
    samples[samples.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_samples() {
        let mut samples: Vec<u64> = (1..=100).rev().collect();
        let figures = Figures::of_samples(&mut samples);
        assert_eq!((figures.p50, figures.mean, figures.p99), (50.0, 50.5, 99.0));
    }

    #[test]
    fn a_total_is_shared_by_its_operations() {
        assert_eq!(Figures::of_total(Duration::from_micros(5), 1_000).mean, 5.0);
    }
}
