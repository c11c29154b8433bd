//! The latencies as an SVG file: for each kind, which share of the round trips took at most how
//! long.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use plotters::prelude::*;

use super::Report;
use crate::exit::{Failure, Outcome, Status};
use crate::output::fine;

const SIZE: (u32, u32) = (900, 520);
const STEPS: u32 = 400;

/// Whether the file can be written, which should be known before anything is measured.
pub(super) fn check(path: &Path) -> Outcome {
    OpenOptions::new().append(true).create(true).open(path).map_err(failed(path))?;
    Ok(())
}

pub(super) fn draw(reports: &[Report], path: &Path) -> Outcome {
    let mut picture = String::new();
    try_draw(reports, &mut picture).map_err(|error| {
        Failure::said(Status::Failed, format!("cannot draw {}: {error}", path.display()))
    })?;
    fs::write(path, picture).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    Failure::io(format!("write {}", path.display()))
}

fn try_draw(reports: &[Report], picture: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(picture, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let least = reports.iter().map(|report| report.latency.min()).min().unwrap_or(1).max(10);
    let most = reports.iter().map(|report| report.latency.value_at_quantile(0.999)).max();
    let range = (least as f64 * 0.8)..(most.unwrap_or(1000).max(least * 2) as f64 * 1.2);
    let mut chart = ChartBuilder::on(&root)
        .caption("Round trips between two processes", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(56)
        .build_cartesian_2d(range.log_scale(), 0.0..100.0)?;
    chart
        .configure_mesh()
        .x_desc("time of a round trip (logarithmic)")
        .y_desc("at most so long, in % of all")
        .x_label_formatter(&|nanoseconds| fine(*nanoseconds))
        .draw()?;
    for (index, report) in reports.iter().enumerate() {
        let colour = Palette99::pick(index).mix(1.0);
        let points = (0..=STEPS).map(|step| {
            let quantile = f64::from(step) / f64::from(STEPS);
            (report.latency.value_at_quantile(quantile) as f64, quantile * 100.0)
        });
        let series = LineSeries::new(points, colour.stroke_width(2));
        chart
            .draw_series(series)?
            .label(report.name())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}
