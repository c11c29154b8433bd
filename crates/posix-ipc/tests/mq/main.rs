//! Message queues: a file per topic.

mod open;
mod receive;
mod send;
mod support;

use open::creates_and_waits;

testutil::roles!(creates_and_waits);
