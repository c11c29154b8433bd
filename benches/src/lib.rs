//! What the benchmarks share: [child processes](pair) pinned to processors, [figures](figures)
//! with percentiles, [contests](contest) that run contenders by turns and compare them by ratio, and
//! what they ran [on](machine).
#![warn(missing_docs)]

pub mod contest;
pub mod figures;
pub mod machine;
pub mod pair;
