//! Columns of text. Written for listings of many thousand rows, which must cost less than finding
//! out what to list: one pass for the widths, one for the text.

use std::convert::Infallible;
use std::fmt::Write;

use anstyle::{Effects, Style};
use unicode_width::UnicodeWidthStr;

const HEADING: Style = Style::new().effects(Effects::BOLD);
const GAP: &str = "  ";

/// Which side of its column a cell stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table of text under headings.
#[derive(Debug)]
pub(crate) struct Table {
    headings: Vec<(String, Align)>,
    show_headings: bool,
    /// The text of all cells, one after the other.
    text: String,
    /// Where each cell ends.
    ends: Vec<usize>,
    styles: Vec<Option<Style>>,
}

impl Table {
    pub(crate) fn new<'a>(headings: impl IntoIterator<Item = (&'a str, Align)>) -> Self {
        let headings = headings.into_iter().map(|(text, align)| (text.to_string(), align));
        Self {
            headings: headings.collect(),
            show_headings: true,
            text: String::new(),
            ends: Vec::new(),
            styles: Vec::new(),
        }
    }

    pub(crate) fn without_headings(mut self) -> Self {
        self.show_headings = false;
        self
    }

    /// Adds a row; it must have a cell for each heading.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        for cell in cells {
            self.cell(|text| text.push_str(&cell));
        }
        self.end_row(None);
    }

    /// Adds a cell to the row that is being made, by writing its text.
    pub(crate) fn cell(&mut self, write: impl FnOnce(&mut String)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
    }

    /// Ends the row that is being made.
    pub(crate) fn end_row(&mut self, style: Option<Style>) {
        self.styles.push(style);
        let wanted = self.styles.len() * self.headings.len();
        self.ends.resize(wanted, self.text.len());
    }

    /// The cells, row after row.
    fn cells(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| self.text.get(start..end).unwrap_or_default())
    }

    /// Hands each line of the table over, with its end.
    pub(crate) fn render<E>(
        &self,
        colours: bool,
        mut each: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let columns = self.headings.len().max(1);
        let mut widths: Vec<usize> = match self.show_headings {
            true => self.headings.iter().map(|(text, _)| text.width()).collect(),
            false => vec![0; columns],
        };
        for (index, cell) in self.cells().enumerate() {
            if let Some(width) = widths.get_mut(index % columns) {
                *width = (*width).max(width_of(cell));
            }
        }
        let line = widths.iter().sum::<usize>() + widths.len() * GAP.len();
        let mut text = String::with_capacity(line);
        if self.show_headings {
            let headings = self.headings.iter().map(|(text, _)| text.as_str());
            self.write_row(&mut text, &widths, Some(HEADING).filter(|_| colours), headings);
            each(&text)?;
        }
        let mut cells = self.cells();
        for style in &self.styles {
            let style = style.filter(|_| colours);
            text.clear();
            self.write_row(&mut text, &widths, style, cells.by_ref().take(columns));
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

    fn write_row<'a>(
        &self,
        text: &mut String,
        widths: &[usize],
        style: Option<Style>,
        cells: impl Iterator<Item = &'a str>,
    ) {
        if let Some(style) = style {
            let _ = write!(text, "{style}");
        }
        let start = text.len();
        for (index, ((cell, width), (_, align))) in
            cells.zip(widths).zip(&self.headings).enumerate()
        {
            if index > 0 {
                text.push_str(GAP);
            }
            let padding = width.saturating_sub(width_of(cell));
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

/// Nearly all cells are ASCII, whose width is their length.
fn width_of(cell: &str) -> usize {
    if cell.is_ascii() { cell.len() } else { cell.width() }
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
