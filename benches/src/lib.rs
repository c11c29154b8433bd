//! What the benchmarks share: [child processes](pair) pinned to processors, [figures](figures)
//! with percentiles, and [contests](contest) that run contenders by turns and compare them by ratio.
#![warn(missing_docs)]

pub mod contest;
pub mod figures;
pub mod pair;
