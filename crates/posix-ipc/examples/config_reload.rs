//! A configuration that running programs see change, without files or signals.
//!
//! ```sh
//! cargo run --example config_reload                    # shows both sides by itself
//! cargo run --example config_reload -- serve           # a server; start several
//! cargo run --example config_reload -- set workers 8   # in another terminal
//! cargo run --example config_reload -- set level 2
//! ```
//!
//! Whoever comes first makes the configuration, with the defaults; whoever leaves last removes it.
//! A program whose configuration has other fields gets an error and not garbage.

use std::error::Error;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use posix_ipc::shm::{SharedBox, TypeTag};
use posix_ipc::{Cleanup, OpenMode, SharedMemory};

const NAME: &str = "/example-config";
/// To be changed with the fields.
const TAG: TypeTag = TypeTag::new("example.config", 1);

posix_ipc::shareable! {
    /// What can be changed while programs run.
    #[derive(Debug)]
    struct Config {
        /// Counts the changes.
        generation: AtomicU64,
        workers: AtomicU32,
        /// How much is logged.
        level: AtomicU32,
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { generation: 0.into(), workers: 4.into(), level: 1.into() }
    }
}

impl Config {
    fn set(&self, field: &str, value: u32) -> Result<(), String> {
        let field = match field {
            "workers" => &self.workers,
            "level" => &self.level,
            other => return Err(format!("there is no {other}; there are workers and level")),
        };
        field.store(value, Ordering::Relaxed);
        // Whoever sees the new generation sees the new value.
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

fn open() -> Result<SharedBox<Config>, posix_ipc::Error> {
    let options = SharedMemory::options().mode(OpenMode::OpenOrCreate).cleanup(Cleanup::LastUser);
    SharedBox::open_with(&options, NAME, TAG, Config::default)
}

/// Shows the configuration whenever it has changed, `changes` times.
fn serve(changes: usize) -> Result<(), Box<dyn Error>> {
    let config = open()?;
    let mut seen = None;
    for _ in 0..changes {
        let mut generation = config.generation.load(Ordering::Acquire);
        while seen == Some(generation) {
            thread::sleep(Duration::from_millis(20)); // a server has other things to do
            generation = config.generation.load(Ordering::Acquire);
        }
        seen = Some(generation);
        let (workers, level) = (&config.workers, &config.level);
        println!(
            "server {}: {} workers, level {}",
            std::process::id(),
            workers.load(Ordering::Relaxed),
            level.load(Ordering::Relaxed)
        );
    }
    Ok(())
}

fn set(field: &str, value: &str) -> Result<(), Box<dyn Error>> {
    open()?.set(field, value.parse()?)?;
    Ok(())
}

/// A server as a process of its own, and changes from here.
fn demonstrate() -> Result<(), Box<dyn Error>> {
    let config = open()?;
    let mut server = Command::new(std::env::current_exe()?)
        .args(["serve", "3"])
        .stdout(Stdio::inherit())
        .spawn()?;
    for (field, value) in [("workers", 8), ("level", 2)] {
        thread::sleep(Duration::from_millis(300));
        println!("set {field} to {value}");
        config.set(field, value)?;
    }
    if server.wait()?.success() { Ok(()) } else { Err("the server failed".into()) }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        [] => demonstrate(),
        ["serve"] => serve(usize::MAX),
        ["serve", changes] => changes.parse().map_err(Into::into).and_then(serve),
        ["set", field, value] => set(field, value),
        _ => Err("config_reload [serve | set FIELD VALUE]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
