//! `pipc watch`: objects as they change, on the screen or as a stream of JSON.

mod history;
mod screen;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use signal_hook::consts::{SIGHUP, SIGTERM};

use super::describe;
use super::entry::{Found, Selection};
use crate::args::WatchArgs;
use crate::exit::{Failure, Outcome};
use crate::output::{Out, rfc3339};
use history::History;

/// Looking more often than this would mostly see itself.
const SHORTEST: Duration = Duration::from_millis(20);

pub(crate) fn run(args: &WatchArgs, out: &mut Out) -> Outcome {
    let interval = args.interval.max(SHORTEST);
    if out.is_json() {
        return stream(args, interval, out);
    }
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let text = "watch needs a terminal; say --json for a stream of lines";
        return Err(Failure::usage(text));
    }
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ended))
            .map_err(Failure::io("catch signals"))?;
    }
    let mut terminal = ratatui::try_init().map_err(Failure::io("prepare the terminal"))?;
    let result = show(args, interval, &mut terminal, &ended);
    ratatui::try_restore().map_err(Failure::io("restore the terminal"))?;
    result
}

fn look(args: &WatchArgs) -> Found {
    let patterns = args.pattern.as_slice();
    Selection { kind: args.kind, patterns, ..Selection::default() }.find()
}

fn stream(args: &WatchArgs, interval: Duration, out: &mut Out) -> Outcome {
    let mut history = History::default();
    let mut next = Instant::now();
    for _ in 0..args.count.unwrap_or(u64::MAX) {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        next += interval;
        let found = look(args);
        history.add(&found, Instant::now());
        let objects: Vec<Value> = found
            .entries
            .iter()
            .map(|entry| {
                let mut object = describe::entry(entry);
                object.insert("rate".into(), history.rate(entry).into());
                object.into()
            })
            .collect();
        let problems = describe::problems(&found.problems);
        out.streamed(json!({
            "time": rfc3339(SystemTime::now()), "objects": objects, "problems": problems,
        }))?;
    }
    Ok(())
}

fn show(
    args: &WatchArgs,
    interval: Duration,
    terminal: &mut ratatui::DefaultTerminal,
    ended: &AtomicBool,
) -> Outcome {
    let mut history = History::default();
    let mut screen = screen::Screen::new(args, interval);
    let mut looks = 0;
    let mut next = Instant::now();
    let mut found = None;
    while !ended.load(Ordering::Relaxed) {
        if Instant::now() >= next {
            next = Instant::now() + interval;
            if !screen.is_paused() || found.is_none() {
                let seen = look(args);
                history.add(&seen, Instant::now());
                found = Some(seen);
            }
            looks += 1;
            if args.count.is_some_and(|count| looks > count) {
                break;
            }
        }
        if let Some(found) = &found {
            let drawn = terminal.draw(|frame| screen.draw(frame, found, &history));
            drawn.map_err(Failure::io("draw"))?;
        }
        let left = next.saturating_duration_since(Instant::now());
        if screen.handle_keys(left.min(Duration::from_millis(200)))? {
            break;
        }
    }
    Ok(())
}
