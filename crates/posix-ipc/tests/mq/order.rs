//! The order of messages against a model: by priority, and first in first out within one.

use std::cmp::Reverse;

use posix_ipc::mq::SendError;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use testutil::names::unique;

use crate::support::small;

#[derive(Debug, Clone)]
enum Step {
    Send { message: Vec<u8>, priority: u32 },
    Receive,
}

fn step() -> impl Strategy<Value = Step> {
    let priority = prop_oneof![0..4u32, Just(32_766), Just(32_767)];
    prop_oneof![
        3 => (vec(any::<u8>(), 0..=64), priority)
            .prop_map(|(message, priority)| Step::Send { message, priority }),
        2 => Just(Step::Receive),
    ]
}

#[test]
fn queue_behaves_as_a_stable_sorted_list() {
    let name = unique("model");
    let queue = small(&name);
    let mut runner = TestRunner::new(Config { cases: 256, ..Config::default() });
    runner
        .run(&vec(step(), 0..60), |steps| {
            let mut model: Vec<(Vec<u8>, u32)> = Vec::new();
            let take = |model: &mut Vec<(Vec<u8>, u32)>| {
                // Stable: of equal ones the first comes first.
                let first = model.iter().enumerate().min_by_key(|(_, (_, p))| Reverse(*p))?.0;
                Some(model.remove(first))
            };
            let receive = || {
                let mut message = Vec::new();
                let received = queue.try_receive(&mut message).unwrap();
                received.map(|(_, priority)| (message, priority.get()))
            };
            for step in steps {
                match step {
                    Step::Send { message, priority } => {
                        let sent = queue.try_send(&message, priority);
                        if model.len() < queue.capacity() {
                            prop_assert_eq!(sent, Ok(()));
                            model.push((message, priority));
                        } else {
                            prop_assert_eq!(sent, Err(SendError::Full));
                        }
                    }
                    Step::Receive => prop_assert_eq!(receive(), take(&mut model)),
                }
                prop_assert_eq!(queue.len().unwrap(), model.len());
            }
            while let Some(message) = receive() {
                prop_assert_eq!(Some(message), take(&mut model));
            }
            prop_assert!(model.is_empty());
            Ok(())
        })
        .unwrap();
}
