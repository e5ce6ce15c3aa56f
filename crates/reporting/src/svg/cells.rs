//! Cells in colours: fields of numbers, and heat maps.

use std::fmt::Write;

use maud::{Markup, html};

use super::{
    BOTTOM, HEIGHT, LEFT, MOST_CELLS, MOST_POINTS, RIGHT, TOP, axes, cut, frame, nothing, number_ticks,
    round, text,
};
use crate::chart::{Chart, Series};
use crate::scale::{Scale, format_number};

/// Colours of a field: more could not be told apart.
const SHADES: usize = 24;
/// More cells than this along a side are smaller than they need be.
const MOST_SIDE: usize = 200;

pub(super) fn field(chart: &Chart, edges: [&[f64]; 2], values: &[Vec<f64>], series: &[Series]) -> Markup {
    let sound = |edges: &[f64]| {
        edges.len() >= 2 && edges.len() <= MOST_SIDE + 1 && edges.iter().all(|e| e.is_finite())
    };
    let finite = || values.iter().flatten().copied().filter(|value| value.is_finite());
    if !edges.iter().all(|edges| sound(edges)) || finite().next().is_none() {
        return nothing(chart);
    }
    let [x_edges, y_edges] = edges;
    let x = Scale::over(x_edges.iter().copied(), LEFT, RIGHT);
    let y = Scale::over(y_edges.iter().copied(), BOTTOM, TOP);
    let (low, high) =
        finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let shade_of = |value: f64| {
        let share = (value - low) / (high - low).max(f64::MIN_POSITIVE);
        value.is_finite().then(|| ((share * SHADES as f64) as usize).min(SHADES - 1))
    };
    // Cells of one colour that touch are one rectangle, and all of them one path.
    let mut paths = vec![String::new(); SHADES];
    for (row, cells) in values.iter().enumerate().take(y_edges.len() - 1) {
        let (top, bottom) = (y.at(y_edges[row + 1]), y.at(y_edges[row]));
        let shades: Vec<Option<usize>> =
            cells.iter().take(x_edges.len() - 1).map(|value| shade_of(*value)).collect();
        let mut first = 0;
        for run in shades.chunk_by(|a, b| a == b) {
            if let Some(shade) = run[0] {
                let (from, to) = (x.at(x_edges[first]), x.at(x_edges[first + run.len()]));
                let _ = write!(
                    paths[shade],
                    "M{} {}H{}V{}H{}z",
                    round(from),
                    round(top),
                    round(to),
                    round(bottom),
                    round(from)
                );
            }
            first += run.len();
        }
    }
    html! {
        @for (shade, d) in paths.iter().enumerate().filter(|(_, d)| !d.is_empty()) {
            path d=(d) fill=(diverged((shade as f64 + 0.5) / SHADES as f64)) shape-rendering="crispEdges" {}
        }
        (axes(chart, &number_ticks(chart, &x), &y))
        @for (index, one) in series.iter().enumerate() {
            @let every = one.points.len().div_ceil(MOST_POINTS).max(1);
            g fill=(FIELD_COLOURS[index % FIELD_COLOURS.len()]) stroke="#ffffff" stroke-width="0.8" {
                @for point in one.points.iter().step_by(every).filter(|point| (x.low..=x.high).contains(&point.x) && (y.low..=y.high).contains(&point.y)) {
                    circle cx=(round(x.at(point.x))) cy=(round(y.at(point.y))) r="3" {}
                }
            }
        }
        @let names = series.iter().enumerate().take(4).filter(|(_, one)| !one.name.is_empty());
        @for (place, (index, one)) in names.enumerate() {
            circle cx=(round(LEFT + 5.0 + 150.0 * place as f64)) cy="8" r="4" fill=(FIELD_COLOURS[index % FIELD_COLOURS.len()]) {}
            (text(LEFT + 16.0 + 150.0 * place as f64, 12.0, "start", &cut(&one.name, 20)))
        }
        (text(RIGHT, 12.0, "end", &format!("colours: {} (orange) to {} (blue)", format_number(low), format_number(high))))
    }
}

/// Dark enough for both ends of the colours of a field.
const FIELD_COLOURS: [&str; 4] = ["#9a3b00", "#123a86", "#0d6b53", "#5b2a6e"];

/// From orange through white to blue.
fn diverged(share: f64) -> String {
    // Lighter than the ends of a heat map, so that points are seen.
    shade((2.0 * share - 1.0) * 0.6, true)
}

pub(super) fn heatmap(
    chart: &Chart,
    rows: &[String],
    columns: &[String],
    values: &[Vec<f64>],
    diverging: bool,
    alone: bool,
) -> Markup {
    let (n_rows, n_columns) = (rows.len().min(MOST_CELLS), columns.len().min(MOST_CELLS));
    if n_rows == 0 || n_columns == 0 {
        return frame(chart, HEIGHT, alone, nothing(chart));
    }
    let longest = rows.iter().take(n_rows).map(|row| row.chars().count()).max().unwrap_or(0).min(20);
    let left = 16.0 + 7.0 * longest as f64;
    let cell = (RIGHT - left) / n_columns as f64;
    let height = cell.clamp(14.0, 30.0);
    let top = 16.0
        + 5.0 * columns.iter().take(n_columns).map(|c| c.chars().count()).max().unwrap_or(0).min(16) as f64;
    let bottom = top + height * n_rows as f64;
    let finite = || values.iter().flatten().copied().filter(|value| value.is_finite());
    let (low, high) =
        finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let reach = low.abs().max(high.abs()).max(f64::MIN_POSITIVE);
    let share = |value: f64| {
        if diverging { value / reach } else { (value - low) / (high - low).max(f64::MIN_POSITIVE) }
    };
    let numbers = cell >= 34.0 && height >= 14.0;
    let body = html! {
        @for (j, label) in columns.iter().enumerate().take(n_columns) {
            g transform=(format!("translate({} {}) rotate(-35)", round(left + (j as f64 + 0.5) * cell), round(top - 6.0))) {
                text text-anchor="start" { (cut(label, 16)) }
            }
        }
        @for (i, label) in rows.iter().enumerate().take(n_rows) {
            (text(left - 6.0, top + (i as f64 + 0.5) * height + 4.0, "end", &cut(label, 20)))
            @for (j, &value) in values.get(i).into_iter().flatten().enumerate().take(n_columns).filter(|(_, v)| v.is_finite()) {
                @let (x, y) = (left + j as f64 * cell, top + i as f64 * height);
                rect x=(round(x)) y=(round(y)) width=(round(cell - 1.0)) height=(round(height - 1.0)) fill=(shade(share(value), diverging)) {}
                @if numbers {
                    text x=(round(x + cell / 2.0)) y=(round(y + height / 2.0 + 4.0)) text-anchor="middle" font-size="11"
                        fill=(if share(value).abs() > 0.55 { "#ffffff" } else { "#1c2330" }) { (short(value)) }
                }
            }
        }
        @if !chart.y_label.is_empty() {
            (text((left - 6.0).max(7.0 * chart.y_label.chars().count() as f64), top - 6.0, "end", &chart.y_label))
        }
        (text((left + RIGHT) / 2.0, bottom + 18.0, "middle", &chart.x_label))
        @if rows.len() > n_rows || columns.len() > n_columns {
            (text(RIGHT, bottom + 18.0, "end", &format!("{n_rows} of {} rows, {n_columns} of {} columns", rows.len(), columns.len())))
        }
    };
    frame(chart, bottom + 28.0, alone, body)
}

/// A number that fits into a cell.
fn short(value: f64) -> String {
    if value.abs() < 10.0 { round(value) } else { format_number(value) }
}

/// White to blue; and orange through white to blue where 0 is the middle.
fn shade(share: f64, diverging: bool) -> String {
    let end = if diverging && share < 0.0 { [194.0, 88.0, 0.0] } else { [29.0, 78.0, 168.0] };
    let share = share.abs().clamp(0.0, 1.0);
    let mix = |end: f64| (243.0 + (end - 243.0) * share).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(end[0]), mix(end[1]), mix(end[2]))
}
