//! What the workspace's tests share: [unique names](names) unlinked on drop, this test binary
//! run again [in a role](child), the [turns](churn) of a process that churns, kills at [chosen
//! instructions](stepped), a [watchdog], [counted allocations](mod@allocations),
//! [loud skips](mod@skip), [leak checks](leaks), and the [C compiler](c) and [Python](python) that
//! interop tests talk to.
#![warn(missing_docs)]

pub mod allocations;
pub mod c;
pub mod child;
pub mod churn;
pub mod leaks;
pub mod names;
pub mod python;
pub mod skip;
#[cfg(target_os = "linux")]
pub mod stepped;
pub mod watchdog;
