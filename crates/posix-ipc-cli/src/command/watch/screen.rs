//! The screen of `pipc watch`: a table that fits into 80 columns, and the keys.

use std::time::Duration;

use posix_ipc::inspect::{Details, RingShape};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table, TableState};

use super::history::{History, bar, level};
use crate::args::WatchArgs;
use crate::args::value::short;
use crate::command::entry::{Entry, Found};
use crate::exit::{Failure, Outcome};
use crate::output::{UNKNOWN, counted, human};

const BAR: usize = 8;
const SPARKLINE: usize = 16;
/// All columns but the name, with a gap after each.
const FIXED: u16 = 4 + 1 + BAR as u16 + 1 + 14 + 1 + SPARKLINE as u16 + 1 + 9 + 1;
const SHORTEST_NAME: u16 = 8;

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Kind,
    Level,
    Rate,
}

pub(super) struct Screen {
    title: String,
    order: Order,
    paused: bool,
    table: TableState,
    rows: usize,
    colours: bool,
}

impl Screen {
    pub(super) fn new(args: &WatchArgs, interval: Duration) -> Self {
        let pattern = args.pattern.as_ref().map(|pattern| format!(" {pattern}"));
        let kind = args.kind.map(|kind| format!(" {}", short(kind.kind())));
        Self {
            title: format!(
                "pipc watch{}{}  every {interval:?}",
                kind.unwrap_or_default(),
                pattern.unwrap_or_default()
            ),
            order: Order::Kind,
            paused: false,
            table: TableState::default(),
            rows: 0,
            colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    fn style(&self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, found: &Found, history: &History) {
        let areas =
            Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)]);
        let [top, middle, bottom] = areas.areas(frame.area());
        let count = counted(found.entries.len() as u64, "object", "objects");
        let paused = if self.paused { "  paused" } else { "" };
        let title = format!("{}  {count}{paused}", self.title);
        frame.render_widget(Line::styled(title, Modifier::BOLD), top);

        let mut entries: Vec<&Entry> = found.entries.iter().collect();
        match self.order {
            Order::Kind => {}
            Order::Level => entries.sort_by_key(|entry| std::cmp::Reverse(level(entry))),
            Order::Rate => entries.sort_by(|a, b| {
                let rate = |entry| history.rate(entry).unwrap_or(0.0).abs();
                rate(b).total_cmp(&rate(a))
            }),
        }
        self.rows = entries.len();
        let name = middle.width.saturating_sub(FIXED).max(SHORTEST_NAME);
        let rows = entries.iter().map(|entry| self.row(entry, history, name));
        let widths = [4, name, BAR as u16, 14, SPARKLINE as u16, 9].map(Constraint::Length);
        let headings = Row::new(["KIND", "NAME", "", "LEVEL", "HISTORY", "CHANGE/s"])
            .style(Modifier::UNDERLINED);
        let table = Table::new(rows, widths)
            .header(headings)
            .column_spacing(1)
            .row_highlight_style(Modifier::REVERSED);
        frame.render_stateful_widget(table, middle, &mut self.table);

        let order = match self.order {
            Order::Kind => "kind",
            Order::Level => "level",
            Order::Rate => "change",
        };
        let help = match found.problems.first() {
            Some(problem) => Line::styled(problem.to_string(), self.style(Color::Yellow)),
            None => {
                let help = format!("q quit  j/k scroll  s order: {order}  p pause");
                Line::styled(help, Modifier::DIM)
            }
        };
        frame.render_widget(help, bottom);
    }

    fn row(&self, entry: &Entry, history: &History, width: u16) -> Row<'static> {
        let (filled, text, full) = describe(entry);
        let colour = if full { Color::Red } else { Color::Green };
        let rate = history.rate(entry).map_or(String::new(), |rate| rate_text(entry, rate));
        Row::new([
            Cell::from(short(entry.kind())),
            Cell::from(shortened(&entry.name().to_string(), width.into())),
            Cell::from(Span::styled(filled, self.style(colour))),
            Cell::from(text),
            Cell::from(Span::styled(history.sparkline(entry, SPARKLINE), self.style(Color::Cyan))),
            Cell::from(Line::from(rate).right_aligned()),
        ])
    }

    /// Waits for keys at most so long; whether it is time to quit.
    pub(super) fn handle_keys(&mut self, wait: Duration) -> Outcome<bool> {
        if !event::poll(wait).map_err(Failure::io("wait for a key"))? {
            return Ok(false);
        }
        let Event::Key(key) = event::read().map_err(Failure::io("read a key"))? else {
            return Ok(false);
        };
        if key.kind == KeyEventKind::Release {
            return Ok(false);
        }
        let last = self.rows.saturating_sub(1);
        let selected = self.table.selected();
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Ok(true),
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Ok(true);
            }
            KeyCode::Char('j') | KeyCode::Down => {
                self.table.select(Some(selected.map_or(0, |row| (row + 1).min(last))));
            }
            KeyCode::Char('k') | KeyCode::Up => {
                self.table.select(Some(selected.map_or(0, |row| row.saturating_sub(1))));
            }
            KeyCode::PageDown => {
                self.table.select(Some(selected.map_or(0, |row| (row + 10).min(last))));
            }
            KeyCode::PageUp => {
                self.table.select(Some(selected.map_or(0, |row| row.saturating_sub(10))));
            }
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('s') => {
                self.order = match self.order {
                    Order::Kind => Order::Level,
                    Order::Level => Order::Rate,
                    Order::Rate => Order::Kind,
                };
            }
            _ => {}
        }
        Ok(false)
    }
}

/// A bar where there is a whole, the level in words, and whether nothing more fits.
fn describe(entry: &Entry) -> (String, String, bool) {
    let Some(object) = entry.object() else { return Default::default() };
    match &object.details {
        Details::Semaphore(None) => (String::new(), UNKNOWN.to_string(), false),
        Details::Semaphore(Some(state)) => {
            let waiting = match state.waiters {
                0 => String::new(),
                waiters => format!(", {waiters} wait"),
            };
            (String::new(), format!("{} free{waiting}", state.value), state.waiters > 0)
        }
        Details::MessageQueue(state) => match (state.messages, state.max_messages) {
            (Some(messages), Some(max)) => {
                (bar(messages, max, BAR), format!("{messages}/{max}"), messages >= max)
            }
            _ => (String::new(), UNKNOWN.to_string(), false),
        },
        Details::Ring(state) => {
            let of = state.capacity.saturating_mul(state.lanes.into());
            let Some(used) = state.used else {
                return (String::new(), UNKNOWN.to_string(), false);
            };
            let text = match state.shape {
                RingShape::Spsc => format!("{}/{}", human(used), human(of)),
                _ => format!("{used}/{of}"),
            };
            (bar(used, of, BAR), text, used >= of)
        }
        _ => {
            let size = object.size.max(1);
            let text = format!("{} of {}", human(object.allocated), human(object.size));
            (bar(object.allocated.min(size), size, BAR), text, false)
        }
    }
}

fn rate_text(entry: &Entry, rate: f64) -> String {
    if rate == 0.0 {
        return "-".to_string();
    }
    let sign = if rate < 0.0 { "-" } else { "+" };
    let rate = rate.abs();
    match entry.object().map(|object| &object.details) {
        Some(Details::Semaphore(_) | Details::MessageQueue(_)) if rate < 1e6 => {
            format!("{sign}{rate:.1}")
        }
        _ => format!("{sign}{}", human(rate as u64)),
    }
}

/// The name, or its start and end.
fn shortened(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_string();
    }
    let tail = width.saturating_sub(1) / 2;
    let head = width.saturating_sub(1) - tail;
    let start: String = name.chars().take(head).collect();
    let end: String = name.chars().skip(length - tail).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_in_the_middle() {
        assert_eq!(shortened("/short", 8), "/short");
        assert_eq!(shortened("/a-very-long-name", 8), "/a-v…ame");
        assert_eq!(shortened("/a-very-long-name", 0), "…");
    }
}
