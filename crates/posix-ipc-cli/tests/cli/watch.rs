//! `watch`, on a real terminal that tmux provides.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use posix_ipc::MessageQueue;
use serde_json::{Value, json};
use testutil::{names, require};

use crate::support::{PIPC, command, pipc};

const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal of 80 columns and 16 lines; gone when dropped.
pub(crate) struct Terminal {
    socket: String,
}

impl Terminal {
    pub(crate) fn works() -> bool {
        Command::new("tmux").arg("-V").output().is_ok_and(|output| output.status.success())
    }

    pub(crate) fn start(label: &str, script: &str) -> Self {
        // A server that was told to end still listens for a while: never the same twice.
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let counter = COUNTER.fetch_add(1, Ordering::Relaxed);
        let terminal = Self { socket: format!("pit-{}-{counter}-{label}", std::process::id()) };
        let arguments = ["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "16", script];
        terminal.tmux(&arguments);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-u", "-L", &self.socket])
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "screen-256color")
            .env("PIPC", PIPC)
            .output()
            .expect("tmux runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn key(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub(crate) fn expect(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]);
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < deadline, "{text:?} does not come:\n{screen}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn the_screen_shows_depth_and_q_quits() {
    require!(Terminal::works(), "tmux is not installed");
    let name = names::unique("watch");
    let queue = MessageQueue::options().mode(posix_ipc::OpenMode::CreateNew).capacity(4);
    let queue = queue.message_size(8).open(&*name).unwrap();
    let script = format!("$PIPC watch '{}' --interval 50ms; echo ended $?; read x", &*name);
    let terminal = Terminal::start("depth", &script);
    terminal.expect("0/4");
    queue.send(b"x", 0).unwrap();
    queue.send(b"x", 0).unwrap();
    let screen = terminal.expect("████░░░░ 2/4");
    assert!(screen.contains("HISTORY") && screen.contains("q quit"), "{screen}");
    assert!(screen.contains('▁') && screen.contains('█'), "a sparkline:\n{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    terminal.key("s");
    terminal.expect("s order: level");
    terminal.key("p");
    terminal.expect("paused");
    terminal.key("j");
    terminal.key("q");
    let screen = terminal.expect("ended 0");
    assert!(!screen.contains("HISTORY"), "the screen is as it was:\n{screen}");
}

#[test]
fn ctrl_c_and_a_signal_restore_the_terminal() {
    require!(Terminal::works(), "tmux is not installed");
    let script = "$PIPC watch --interval 50ms; echo ended $?; stty -a | tr ' ' '\\n' | \
                  grep -cx echo; read x";
    let terminal = Terminal::start("ctrl-c", script);
    terminal.expect("CHANGE/s");
    terminal.key("C-c");
    terminal.expect("ended 0\n1\n");

    let terminal = Terminal::start("term", script);
    terminal.expect("CHANGE/s");
    let pane = terminal.tmux(&["list-panes", "-F", "#{pane_pid}"]);
    let children = format!("/proc/{0}/task/{0}/children", pane.trim());
    let watcher = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
    let watcher = rustix::process::Pid::from_raw(watcher).unwrap();
    rustix::process::kill_process(watcher, rustix::process::Signal::TERM).unwrap();
    terminal.expect("ended 0\n1\n");
}

#[test]
fn a_terminal_gets_colours_unless_it_is_told_not_to() {
    require!(Terminal::works(), "tmux is not installed");
    for (setting, styled) in [("", true), ("NO_COLOR=1 ", false)] {
        let script = format!("{setting}$PIPC ls /no-such-*; echo done; read x");
        let terminal = Terminal::start("colours", &script);
        terminal.expect("done");
        let screen = terminal.tmux(&["capture-pane", "-p", "-e"]);
        assert_eq!(screen.contains("\u{1b}[1m"), styled, "{setting:?}: {screen:?}");
    }
}

#[test]
fn without_a_terminal_the_usage_is_wrong() {
    let run = pipc(&["watch"]).status(2);
    assert!(run.stderr.contains("--json"), "{}", run.stderr);
}

#[test]
fn json_streams_a_line_for_each_look() {
    let name = names::unique("watch-json");
    let queue = MessageQueue::options().mode(posix_ipc::OpenMode::CreateNew).capacity(4);
    let queue = queue.message_size(8).open(&*name).unwrap();
    let arguments = ["watch", &*name, "--interval", "20ms", "--json"];
    let mut watcher = testutil::child::start(command(&arguments));
    let look = |watcher: &mut testutil::child::Child| -> Value {
        serde_json::from_str(&watcher.read_line()).unwrap()
    };
    let first = look(&mut watcher);
    assert_eq!((&first["schema"], &first["objects"][0]["messages"]), (&json!(1), &json!(0)));
    queue.send(b"x", 0).unwrap();
    while look(&mut watcher)["objects"][0]["messages"] != json!(1) {}
    drop(watcher);

    let run = pipc(&["watch", &name, "--interval", "1ms", "--count", "3", "--json"]).status(0);
    assert_eq!(run.text().lines().count(), 3);
}
