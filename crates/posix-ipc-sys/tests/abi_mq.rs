//! Constants of `mq` against the C headers of this system.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;

use posix_ipc_sys::mq::{self, OFlags};
use testutil::{c, require};

const PROBE: &str = r#"
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/syscall.h>
#define SAY(name) printf("%s %ld\n", #name, (long)(name))
int main(void) {
    SAY(O_RDONLY); SAY(O_WRONLY); SAY(O_RDWR); SAY(O_CREAT); SAY(O_EXCL); SAY(O_NONBLOCK);
    printf("priorities %ld\n", sysconf(_SC_MQ_PRIO_MAX));
    SAY(sizeof(struct mq_attr)); SAY(offsetof(struct mq_attr, mq_flags));
    SAY(offsetof(struct mq_attr, mq_maxmsg)); SAY(offsetof(struct mq_attr, mq_msgsize));
    SAY(offsetof(struct mq_attr, mq_curmsgs));
    SAY(sizeof(struct sigevent)); SAY(offsetof(struct sigevent, sigev_signo));
    SAY(offsetof(struct sigevent, sigev_notify)); SAY(offsetof(struct sigevent, sigev_value));
    SAY(SIGEV_SIGNAL); SAY(SIGEV_NONE); SAY(SIGEV_THREAD);
    printf("rtmin %d\nrtmax %d\n", SIGRTMIN, SIGRTMAX);
    return 0;
}
"#;

#[test]
fn constants_and_layouts_are_those_of_the_c_headers() {
    require!(c::works(&[]), "there is no gcc");
    let directory = std::env::temp_dir();
    let source = directory.join(format!("pit-{}-abi-mq.c", std::process::id()));
    std::fs::write(&source, PROBE).unwrap();
    let program = c::compile(&source, &[]).unwrap();
    let output = program.command().output().unwrap();
    std::fs::remove_file(&source).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| line.rsplit_once(' ').unwrap());
    let there: BTreeMap<_, i64> =
        lines.map(|(name, value)| (name, value.parse().unwrap())).collect();

    let long = size_of::<libc::c_long>() as i64;
    let pointer = size_of::<usize>() as i64;
    let flag = |flag: OFlags| i64::from(flag.bits());
    let rt = |n| mq::real_time_signal(n).map(|signal| i64::from(signal.as_raw()));
    let here = [
        ("O_RDONLY", flag(OFlags::RDONLY)),
        ("O_WRONLY", flag(OFlags::WRONLY)),
        ("O_RDWR", flag(OFlags::RDWR)),
        ("O_CREAT", flag(OFlags::CREATE)),
        ("O_EXCL", flag(OFlags::EXCL)),
        ("O_NONBLOCK", flag(OFlags::NONBLOCK)),
        ("priorities", i64::from(mq::PRIORITY_MAX) + 1),
        // What the linux back end says for itself, and the libc crate for the other.
        ("sizeof(struct mq_attr)", 8 * long),
        ("offsetof(struct mq_attr, mq_flags)", 0),
        ("offsetof(struct mq_attr, mq_maxmsg)", long),
        ("offsetof(struct mq_attr, mq_msgsize)", 2 * long),
        ("offsetof(struct mq_attr, mq_curmsgs)", 3 * long),
        ("sizeof(struct sigevent)", 64),
        ("offsetof(struct sigevent, sigev_value)", 0),
        ("offsetof(struct sigevent, sigev_signo)", pointer),
        ("offsetof(struct sigevent, sigev_notify)", pointer + 4),
        ("SIGEV_SIGNAL", i64::from(libc::SIGEV_SIGNAL)),
        ("SIGEV_NONE", i64::from(libc::SIGEV_NONE)),
        ("SIGEV_THREAD", 2),
        ("rtmin", rt(0).unwrap()),
    ];
    for (name, value) in here {
        assert_eq!(there.get(name), Some(&value), "{name}");
    }
    let last = u32::try_from(there["rtmax"] - there["rtmin"]).unwrap();
    assert_eq!((rt(last), rt(last + 1)), (Some(there["rtmax"]), None));
}
