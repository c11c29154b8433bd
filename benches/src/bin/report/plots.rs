//! Draws the contests of a group: a bar to the p50 of each contender, a line on to its p99.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::contests::{Contender, Contest};
use crate::page::nanoseconds;

const WIDTH: u32 = 820;
const BAR: u32 = 24;
/// Title, axis and margins of a panel.
const FRAME: u32 = 86;
const OURS: RGBColor = RGBColor(0x1f, 0x6f, 0xb4);
const PEER: RGBColor = RGBColor(0xa9, 0xb4, 0xbf);
const INK: RGBColor = RGBColor(0x33, 0x3b, 0x44);

type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws all contests of a group below one another.
pub(crate) fn draw(path: &Path, contests: &[&Contest]) -> Result<(), Box<dyn Error>> {
    let height: u32 = contests.iter().map(|contest| panel_height(contest)).sum();
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut rest = root;
    for contest in contests {
        let (panel, below) = rest.split_vertically(panel_height(contest));
        draw_contest(&panel, contest)?;
        rest = below;
    }
    rest.present()?;
    Ok(())
}

fn panel_height(contest: &Contest) -> u32 {
    FRAME + BAR * u32::try_from(contest.contenders.len()).unwrap_or(1)
}

fn draw_contest(panel: &Panel<'_>, contest: &Contest) -> Result<(), Box<dyn Error>> {
    let count = contest.contenders.len();
    let (low, high) = bounds(&contest.contenders);
    // Rows are counted from below.
    let row = |index: usize| count - 1 - index;
    let mut chart = ChartBuilder::on(panel)
        .caption(&contest.name, ("sans-serif", 17).into_font().color(&INK))
        .margin(10)
        .margin_right(24)
        .x_label_area_size(34)
        .y_label_area_size(210)
        .build_cartesian_2d(
            (low..high).log_scale(),
            (0..count.saturating_sub(1)).into_segmented(),
        )?;
    let name = |value: &SegmentValue<usize>| match value {
        SegmentValue::CenterOf(value) | SegmentValue::Exact(value) if *value < count => {
            contest.contenders[row(*value)].name.clone()
        }
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(INK.mix(0.15))
        .axis_style(INK.mix(0.5))
        .label_style(("sans-serif", 13).into_font().color(&INK))
        .y_labels(count)
        .x_labels(4)
        .y_label_formatter(&name)
        .x_label_formatter(&|value| time(*value))
        .x_desc("bar to p50, line to p99, logarithmic")
        .draw()?;
    let ours = contest.ours().map(|ours| ours.name.as_str());
    for (index, contender) in contest.contenders.iter().enumerate() {
        let is_ours =
            contender.name.starts_with("posix-ipc") || Some(contender.name.as_str()) == ours;
        let color = if is_ours { OURS } else { PEER };
        let (below, above) = (SegmentValue::Exact(row(index)), SegmentValue::Exact(row(index) + 1));
        let mut bar = Rectangle::new([(low, below), (contender.p50, above)], color.filled());
        bar.set_margin(4, 4, 0, 0);
        let middle = SegmentValue::CenterOf(row(index));
        let line =
            [(contender.p50, middle.clone()), (contender.p99.max(contender.p50), middle.clone())];
        let style = ("sans-serif", 12).into_font().color(&INK);
        let figure = EmptyElement::at((contender.p99.max(contender.p50), middle))
            + Text::new(time(contender.p50), (6, -6), style);
        chart.draw_series(std::iter::once(bar))?;
        chart.draw_series(std::iter::once(PathElement::new(line, INK.mix(0.6).stroke_width(1))))?;
        chart.draw_series(std::iter::once(figure))?;
    }
    Ok(())
}

/// A little below the least and well above the greatest figure, to leave room for its label.
fn bounds(contenders: &[Contender]) -> (f64, f64) {
    let least = contenders.iter().map(|contender| contender.p50).fold(f64::INFINITY, f64::min);
    let most =
        contenders.iter().map(|contender| contender.p99.max(contender.p50)).fold(0.0, f64::max);
    if !least.is_finite() || least <= 0.0 {
        return (0.1, most.max(1.0) * 3.0);
    }
    let decades = (most / least).log10().max(1.0);
    (least / 2.0, most * 10f64.powf(0.2 * decades))
}

fn time(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{} ms", nanoseconds(value / 1e6)),
        value if value >= 1e4 => format!("{} µs", nanoseconds(value / 1e3)),
        value => format!("{} ns", nanoseconds(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(name: &str, p50: f64) -> Contender {
        Contender { name: name.into(), p50, mean: p50, p99: p50 * 2.0, rounds: vec![p50] }
    }

    #[test]
    fn every_contender_has_its_bar_and_its_figure() {
        let contest = |name: &str| Contest {
            name: name.into(),
            rounds: 1,
            operations: 1,
            commit: None,
            seconds: None,
            command: None,
            contenders: vec![
                contender("ring", 80.0),
                contender("pipe", 10_800.0),
                contender("odd", 0.0),
            ],
            targets: Vec::new(),
        };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ring.svg");
        let (stream, trip) = (contest("ring/stream"), contest("ring/round-trip"));
        draw(&path, &[&stream, &trip]).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for wanted in ["ring/stream", "ring/round-trip", "pipe", "80.0 ns", "10.8 µs"] {
            assert!(svg.contains(wanted), "{wanted} is missing");
        }
    }
}
