//! A camera and a viewer: frames through a ring, written and read in place.
//!
//! ```sh
//! cargo run --release --example frame_pipe              # both, as two processes
//! cargo run --release --example frame_pipe -- viewer    # in one terminal
//! cargo run --release --example frame_pipe -- camera    # in another, in any order
//! ```
//!
//! The camera never waits for a slow viewer: when the ring is full it drops the frame and counts it. Either may
//! be killed and started again; the other one goes on.

use std::error::Error;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use posix_ipc::ring::spsc::{self, Options};
use posix_ipc::ring::{ReceiveError, SendError};
use posix_ipc::{Cleanup, OpenMode};

const NAME: &str = "/example-frames";
const WIDTH: usize = 640;
const HEIGHT: usize = 480;
const PIXELS: usize = WIDTH * HEIGHT;
/// The number of the frame, before its pixels.
const HEAD: usize = 8;
const FRAMES: u64 = 300;

/// Both ends say the same, since either may come first; whoever leaves last removes the ring.
fn options<E>(options: Options<E>) -> Options<E> {
    let room_for = 8 * (HEAD + PIXELS);
    options.mode(OpenMode::OpenOrCreate).cleanup(Cleanup::LastUser).capacity(room_for)
}

fn camera(frames: u64) -> Result<(), Box<dyn Error>> {
    let mut sender = options(spsc::Sender::options()).open(NAME)?;
    if !sender.wait_for_peer(Duration::from_secs(60)) {
        return Err("no viewer came".into());
    }
    let (mut dropped, start) = (0, Instant::now());
    let mut line = [0; WIDTH];
    for number in 0..frames {
        let mut frame = match sender.try_reserve(HEAD + PIXELS) {
            Ok(frame) => frame,
            Err(SendError::Full) => {
                dropped += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        frame.write_at(0, &number.to_le_bytes())?;
        line.fill(number as u8); // what the sensor sees
        for row in 0..HEIGHT {
            frame.write_at(HEAD + row * WIDTH, &line)?;
        }
        frame.commit();
        thread::sleep(Duration::from_millis(1)); // until the sensor has the next one
    }
    // An empty message says that this was all.
    sender.send(&[])?;
    println!("camera: {} sent, {dropped} dropped, {:?}", frames - dropped, start.elapsed());
    Ok(())
}

fn viewer() -> Result<(), Box<dyn Error>> {
    let mut receiver = options(spsc::Receiver::options()).open(NAME)?;
    receiver.wait_for_peer(Duration::from_secs(60));
    let (mut seen, mut latest) = (0, None);
    loop {
        let frame = match receiver.peek() {
            Ok(frame) if frame.is_empty() => break,
            Ok(frame) => frame,
            Err(ReceiveError::PeerGone) => return Err("the camera has gone".into()),
            Err(error) => return Err(error.into()),
        };
        let (mut number, mut pixel) = ([0; HEAD], [0]);
        frame.read_at(0, &mut number)?;
        let number = u64::from_le_bytes(number);
        frame.read_at(frame.len() - 1, &mut pixel)?;
        if pixel[0] != number as u8 || latest >= Some(number) {
            return Err(format!("frame {number} after {latest:?} is not what was sent").into());
        }
        frame.release();
        (seen, latest) = (seen + 1, Some(number));
    }
    println!("viewer: {seen} frames seen, the last is number {}", latest.unwrap_or_default());
    Ok(())
}

fn both() -> Result<(), Box<dyn Error>> {
    let mut viewer = Command::new(std::env::current_exe()?).arg("viewer").spawn()?;
    camera(FRAMES)?;
    if viewer.wait()?.success() { Ok(()) } else { Err("the viewer failed".into()) }
}

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        None => both(),
        Some("camera") => camera(FRAMES),
        Some("viewer") => viewer(),
        Some(other) => Err(format!("{other}? frame_pipe [camera | viewer]").into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
