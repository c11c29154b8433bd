//! Columns of text. Written for listings of many thousand rows, which must cost less than finding
//! out what to list: rows are made apart from the table, by whichever thread looked at the object,
//! and each is one piece of text; one pass over them finds the widths, one writes them.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt::Write;

use anstyle::{Effects, Style};
use unicode_width::UnicodeWidthStr;

const HEADING: Style = Style::new().effects(Effects::BOLD);
const GAP: &str = "  ";

thread_local! {
    /// Where rows are written; each then takes as much memory as it needs.
    static SCRATCH: Cell<(String, Vec<u32>)> = const { Cell::new((String::new(), Vec::new())) };
}

/// Which side of its column a cell stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A row of cells.
#[derive(Debug)]
pub(crate) struct Row {
    /// The text of all cells, one after the other.
    text: Box<str>,
    /// Where each cell ends.
    ends: Box<[u32]>,
    style: Option<&'static Style>,
}

impl Row {
    /// A row of `cells` cells, of which `write` writes the text of one.
    pub(crate) fn new<C>(
        cells: impl IntoIterator<Item = C>,
        mut write: impl FnMut(&mut String, C),
    ) -> Self {
        let (mut text, mut ends) = SCRATCH.take();
        text.clear();
        ends.clear();
        for cell in cells {
            write(&mut text, cell);
            ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        let row = Self { text: text.as_str().into(), ends: ends.as_slice().into(), style: None };
        SCRATCH.set((text, ends));
        row
    }

    /// The row in a style, where there are colours.
    pub(crate) fn styled(self, style: &'static Style) -> Self {
        Self { style: Some(style), ..self }
    }

    /// The cells with their widths.
    fn cells(&self) -> impl Iterator<Item = (&str, usize)> {
        // Nearly all are ASCII, whose width is their length.
        let ascii = self.text.is_ascii();
        let ends = self.ends.iter().map(|&end| end as usize);
        let starts = std::iter::once(0).chain(ends.clone());
        starts.zip(ends).map(move |(start, end)| {
            let cell = self.text.get(start..end).unwrap_or_default();
            (cell, if ascii { cell.len() } else { cell.width() })
        })
    }
}

/// A table of text under headings.
#[derive(Debug)]
pub(crate) struct Table {
    headings: Row,
    aligned: Vec<Align>,
    show_headings: bool,
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn new<'a>(headings: impl IntoIterator<Item = (&'a str, Align)>) -> Self {
        let (texts, aligned): (Vec<&str>, Vec<Align>) = headings.into_iter().unzip();
        let headings = Row::new(texts, String::push_str).styled(&HEADING);
        Self { headings, aligned, show_headings: true, rows: Vec::new() }
    }

    pub(crate) fn without_headings(mut self) -> Self {
        self.show_headings = false;
        self
    }

    /// With these rows.
    pub(crate) fn with_rows(self, rows: Vec<Row>) -> Self {
        Self { rows, ..self }
    }

    /// Adds a row; it must have a cell for each heading.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(Row::new(cells, |text, cell| text.push_str(&cell)));
    }

    /// Hands each line of the table over, with its end.
    pub(crate) fn render<E>(
        &self,
        colours: bool,
        mut each: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let headings = Some(&self.headings).filter(|_| self.show_headings);
        let mut widths = vec![0; self.aligned.len()];
        for row in headings.into_iter().chain(&self.rows) {
            for (width, (_, cell)) in widths.iter_mut().zip(row.cells()) {
                *width = (*width).max(cell);
            }
        }
        let line = widths.iter().sum::<usize>() + widths.len() * GAP.len();
        let mut text = String::with_capacity(line);
        for row in headings.into_iter().chain(&self.rows) {
            text.clear();
            self.write_row(&mut text, &widths, row, colours);
            each(&text)?;
        }
        Ok(())
    }

    /// The table as one text.
    pub(crate) fn text(&self, colours: bool) -> String {
        let mut text = String::new();
        let Ok(()) = self.render(colours, |line| {
            text.push_str(line);
            Ok::<_, Infallible>(())
        });
        text
    }

    fn write_row(&self, text: &mut String, widths: &[usize], row: &Row, colours: bool) {
        let style = row.style.filter(|_| colours);
        if let Some(style) = style {
            let _ = write!(text, "{style}");
        }
        let start = text.len();
        let cells = row.cells().zip(widths).zip(&self.aligned);
        for (index, (((cell, own), width), align)) in cells.enumerate() {
            if index > 0 {
                text.push_str(GAP);
            }
            let padding = width.saturating_sub(own);
            match align {
                Align::Left => {
                    text.push_str(cell);
                    blanks(text, padding);
                }
                Align::Right => {
                    blanks(text, padding);
                    text.push_str(cell);
                }
            }
        }
        let end = text.trim_end_matches(' ').len().max(start);
        text.truncate(end);
        if let Some(style) = style {
            let _ = write!(text, "{style:#}");
        }
        text.push('\n');
    }
}

fn blanks(text: &mut String, count: usize) {
    const BLANKS: &str = "                                ";
    let mut left = count;
    while left > 0 {
        let some = BLANKS.get(..left).unwrap_or(BLANKS);
        text.push_str(some);
        left -= some.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([("NAME", Align::Left), ("N", Align::Right)]);
        table.row(["/a".into(), "10".into()]);
        table.row(["/漢字".into(), "2".into()]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(table().text(false), "NAME    N\n/a     10\n/漢字   2\n");
    }

    #[test]
    fn headings_can_be_left_out() {
        assert_eq!(table().without_headings().text(false), "/a     10\n/漢字   2\n");
    }

    #[test]
    fn lines_have_no_blanks_at_the_end_and_no_colours_unless_wanted() {
        let mut table = Table::new([("A", Align::Left), ("LONG", Align::Left)]);
        table.row(["x".into(), "y".into()]);
        assert_eq!(table.text(false), "A  LONG\nx  y\n");
        assert!(table.text(true).starts_with("\u{1b}[1mA  LONG\u{1b}[0m\n"));
    }

    #[test]
    fn a_table_without_rows_is_its_headings() {
        assert_eq!(Table::new([("NAME", Align::Left)]).text(false), "NAME\n");
    }
}
