//! Charts as SVG. All text goes through maud, which escapes it.

mod cells;
mod note;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use maud::{Markup, html};

use crate::chart::{Chart, Mark, Point, Series};
use crate::scale::{Scale, format_number};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 340.0;
const TOP: f64 = 20.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 16.0;
const BOTTOM: f64 = HEIGHT - 46.0;

/// More points than this are thinned: the picture has fewer pixels.
const MOST_POINTS: usize = 2000;
/// More bins than this are put together.
const MOST_BINS: usize = 300;
/// More bars than this cannot be read.
const MOST_BARS: usize = 60;
/// More cells in a row or column than this cannot be read.
const MOST_CELLS: usize = 60;

/// Colours that people with colour blindness tell apart (after Okabe and Ito, 2008).
const COLOURS: [&str; 7] = ["#2563c9", "#e07b00", "#0d9373", "#c0408b", "#6b5fd3", "#8a6d00", "#5b6470"];

fn colour(series: usize) -> &'static str {
    COLOURS[series % COLOURS.len()]
}

/// Draws a chart; `alone` adds what a page would give: the title and plain colours for text.
pub(crate) fn draw(chart: &Chart, alone: bool) -> Markup {
    let body = match &chart.mark {
        Mark::Line(series) => lines(chart, series),
        Mark::Scatter(series) => points(chart, series),
        Mark::Bar { labels, series } => bars(chart, labels, series),
        Mark::Histogram { edges, series } => histogram(chart, edges, series),
        Mark::Heatmap { rows, columns, values, diverging } => {
            return cells::heatmap(chart, rows, columns, values, *diverging, alone);
        }
        Mark::Rows { labels, series, joined } => return rows(chart, labels, series, *joined, alone),
        Mark::Field { x_edges, y_edges, values, series } => {
            cells::field(chart, [x_edges, y_edges], values, series)
        }
        Mark::Calibration(series) => calibration(chart, series),
    };
    frame(chart, HEIGHT, alone, body)
}

fn frame(chart: &Chart, height: f64, alone: bool, body: Markup) -> Markup {
    let shift = if alone { 28.0 } else { 0.0 };
    // A page writes the note itself.
    let note = note::lines(chart.note.as_deref().filter(|_| alone));
    let (below, height) = (height + shift, height + shift + note::height(&note));
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {height}")) role="img"
            aria-label=(chart.title) font-family="system-ui, sans-serif" font-size="12" {
            @if alone {
                rect width="100%" height="100%" fill="#ffffff" {}
                text x="16" y="22" font-size="15" font-weight="600" fill="#1c2330" { (chart.title) }
            }
            g transform=(format!("translate(0 {shift})")) fill=(if alone { "#1c2330" } else { "currentColor" }) {
                (body)
            }
            (note::draw(&note, below))
        }
    }
}

fn text(x: f64, y: f64, anchor: &str, content: &str) -> Markup {
    html! { text x=(round(x)) y=(round(y)) text-anchor=(anchor) { (content) } }
}

fn rule(x1: f64, y1: f64, x2: f64, y2: f64, opacity: &str) -> Markup {
    html! {
        line x1=(round(x1)) y1=(round(y1)) x2=(round(x2)) y2=(round(y2)) stroke="currentColor" stroke-opacity=(opacity) {}
    }
}

/// Two decimals of a pixel are enough, and keep the bytes few and the same everywhere.
fn round(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn cut(label: &str, most: usize) -> String {
    if label.chars().count() <= most {
        label.to_owned()
    } else {
        label.chars().take(most - 1).chain(['…']).collect()
    }
}

/// Grid lines, tick labels and axis names of a chart with a numeric vertical axis.
fn axes(chart: &Chart, x_ticks: &[(f64, String)], y: &Scale) -> Markup {
    html! {
        @for (place, label) in y_ticks(chart, y) {
            (rule(LEFT, place, RIGHT, place, "0.12"))
            (text(LEFT - 8.0, place + 4.0, "end", &label))
        }
        @for (place, label) in x_ticks {
            (rule(*place, BOTTOM, *place, BOTTOM + 4.0, "0.5"))
            (text(*place, BOTTOM + 18.0, "middle", label))
        }
        (rule(LEFT, BOTTOM, RIGHT, BOTTOM, "0.5"))
        (text((LEFT + RIGHT) / 2.0, HEIGHT - 10.0, "middle", &chart.x_label))
        g transform=(format!("translate(14 {}) rotate(-90)", round((TOP + BOTTOM) / 2.0))) {
            text text-anchor="middle" { (chart.y_label) }
        }
    }
}

/// The labels of a caller that lie within an axis, at their places.
fn own_ticks(ticks: &[(f64, String)], scale: &Scale, most: usize) -> Vec<(f64, String)> {
    let within = |(place, _): &&(f64, String)| (scale.low..=scale.high).contains(place);
    ticks.iter().filter(within).map(|(place, label)| (scale.at(*place), cut(label, most))).collect()
}

fn y_ticks(chart: &Chart, y: &Scale) -> Vec<(f64, String)> {
    if !chart.y_ticks.is_empty() {
        return own_ticks(&chart.y_ticks, y, 8);
    }
    y.ticks(5).into_iter().map(|tick| (y.at(tick), format_number(tick))).collect()
}

fn number_ticks(chart: &Chart, x: &Scale) -> Vec<(f64, String)> {
    if !chart.x_ticks.is_empty() {
        return own_ticks(&chart.x_ticks, x, 12);
    }
    let ticks = if chart.time {
        x.time_ticks()
    } else {
        x.ticks(8).into_iter().map(|tick| (tick, format_number(tick))).collect()
    };
    ticks.into_iter().map(|(tick, label)| (x.at(tick), label)).collect()
}

/// The names of the series, when there is more than one to tell apart.
fn legend(series: &[Series]) -> Markup {
    legend_of(series.iter().enumerate().filter(|_| series.len() > 1))
}

/// The names of series with the numbers of their colours.
fn legend_of<'a>(series: impl Iterator<Item = (usize, &'a Series)>) -> Markup {
    let mut x = LEFT + 4.0;
    let mut entries = Vec::new();
    for (index, one) in series.filter(|(_, one)| !one.name.is_empty()).take(8) {
        let name = cut(&one.name, 28);
        entries.push((x, index, name.clone()));
        x += 26.0 + 7.0 * name.chars().count() as f64;
    }
    html! {
        @for (x, index, name) in entries {
            rect x=(round(x)) y="2" width="11" height="11" rx="2" fill=(colour(index)) {}
            (text(x + 16.0, 12.0, "start", &name))
        }
    }
}

fn nothing(chart: &Chart) -> Markup {
    html! { (axes(chart, &[], &Scale::over([].into_iter(), BOTTOM, TOP))) (text(WIDTH / 2.0, HEIGHT / 2.0, "middle", "no data")) }
}

fn all_points(series: &[Series]) -> impl Iterator<Item = &Point> {
    series.iter().flat_map(|one| &one.points).filter(|point| point.x.is_finite())
}

fn with_bounds(point: &Point) -> [f64; 3] {
    let (low, high) = point.bounds.unwrap_or((point.y, point.y));
    [point.y, low, high]
}

/// The extremes of each run of points, so that a thinned line keeps its peaks.
fn thin(points: &[Point]) -> Vec<Point> {
    let finite: Vec<Point> =
        points.iter().copied().filter(|point| point.x.is_finite() && point.y.is_finite()).collect();
    if finite.len() <= MOST_POINTS {
        return finite;
    }
    let run = finite.len().div_ceil(MOST_POINTS / 2);
    let mut kept = Vec::with_capacity(MOST_POINTS + 2);
    for chunk in finite.chunks(run) {
        let extreme = |better: fn(&f64, &f64) -> bool| {
            (0..chunk.len()).fold(0, |best, i| if better(&chunk[i].y, &chunk[best].y) { i } else { best })
        };
        let (low, high) = (extreme(f64::lt), extreme(f64::gt));
        kept.push(chunk[low.min(high)]);
        if low != high {
            kept.push(chunk[low.max(high)]);
        }
    }
    kept
}

fn lines(chart: &Chart, series: &[Series]) -> Markup {
    if all_points(series).next().is_none() {
        return nothing(chart);
    }
    let named = series.iter().any(|one| !one.name.is_empty());
    let is_behind = |one: &Series| named && one.name.is_empty();
    // Lines behind take no colour away.
    let drawn: Vec<&Series> = series.iter().filter(|one| !is_behind(one)).collect();
    let x = Scale::over(all_points(series).map(|point| point.x), LEFT, RIGHT);
    let y = Scale::over(all_points(series).flat_map(with_bounds), BOTTOM, TOP);
    let y = if chart.y_ticks.is_empty() { y.rounded() } else { y };
    html! {
        (axes(chart, &number_ticks(chart, &x), &y))
        @for one in series.iter().filter(|one| is_behind(one)) {
            path d=(path(&thin(&one.points), &x, &y)) fill="none" stroke="currentColor" stroke-width="0.8" stroke-opacity="0.25" {}
        }
        @for (index, one) in drawn.iter().enumerate() {
            @let points = thin(&one.points);
            @if points.iter().any(|point| point.bounds.is_some()) {
                path d=(band(&points, &x, &y)) fill=(colour(index)) fill-opacity="0.15" {}
            }
            path d=(path(&points, &x, &y)) fill="none" stroke=(colour(index)) stroke-width="1.6" stroke-linejoin="round" {}
            @if points.len() <= 40 {
                @for point in &points { (dot(x.at(point.x), y.at(point.y), 2.6, index, "1")) }
            }
        }
        (legend_of(drawn.iter().copied().enumerate().filter(|_| series.len() > 1)))
    }
}

fn path(points: &[Point], x: &Scale, y: &Scale) -> String {
    let mut d = String::with_capacity(points.len() * 14);
    for (i, point) in points.iter().enumerate() {
        let _ =
            write!(d, "{}{} {}", if i == 0 { "M" } else { "L" }, round(x.at(point.x)), round(y.at(point.y)));
    }
    d
}

fn band(points: &[Point], x: &Scale, y: &Scale) -> String {
    let bounded: Vec<(f64, f64, f64)> = points
        .iter()
        .filter_map(|point| point.bounds.map(|(low, high)| (point.x, low, high)))
        .filter(|(_, low, high)| low.is_finite() && high.is_finite())
        .collect();
    let edge = |(x, y): (f64, f64)| Point { x, y, bounds: None };
    let upper = bounded.iter().map(|&(x, _, high)| edge((x, high)));
    let lower = bounded.iter().rev().map(|&(x, low, _)| edge((x, low)));
    path(&upper.chain(lower).collect::<Vec<_>>(), x, y) + "Z"
}

fn dot(x: f64, y: f64, radius: f64, index: usize, opacity: &str) -> Markup {
    html! { circle cx=(round(x)) cy=(round(y)) r=(radius) fill=(colour(index)) fill-opacity=(opacity) {} }
}

fn points(chart: &Chart, series: &[Series]) -> Markup {
    if all_points(series).next().is_none() {
        return nothing(chart);
    }
    let x = Scale::over(all_points(series).map(|point| point.x), LEFT, RIGHT).rounded();
    let y = Scale::over(all_points(series).map(|point| point.y), BOTTOM, TOP).rounded();
    html! {
        (axes(chart, &number_ticks(chart, &x), &y))
        @for (index, one) in series.iter().enumerate() {
            // Every n-th point: the same ones whenever it is drawn.
            @let every = one.points.len().div_ceil(MOST_POINTS).max(1);
            @for point in one.points.iter().step_by(every).filter(|point| point.x.is_finite() && point.y.is_finite()) {
                (dot(x.at(point.x), y.at(point.y), 2.4, index, "0.45"))
            }
        }
        (legend(series))
    }
}

fn whisker(place: f64, bounds: Option<(f64, f64)>, y: &Scale) -> Markup {
    html! {
        @if let Some((low, high)) = bounds.filter(|(low, high)| low.is_finite() && high.is_finite()) {
            (rule(place, y.at(low), place, y.at(high), "0.8"))
            (rule(place - 3.0, y.at(low), place + 3.0, y.at(low), "0.8"))
            (rule(place - 3.0, y.at(high), place + 3.0, y.at(high), "0.8"))
        }
    }
}

fn bars(chart: &Chart, labels: &[String], series: &[Series]) -> Markup {
    if labels.is_empty() || all_points(series).next().is_none() {
        return nothing(chart);
    }
    let shown = &labels[..labels.len().min(MOST_BARS)];
    let y = Scale::over(all_points(series).flat_map(with_bounds).chain([0.0]), BOTTOM, TOP).rounded();
    let slot = (RIGHT - LEFT) / shown.len() as f64;
    let width = (slot * 0.8 / series.len() as f64).min(60.0);
    let room = ((slot / 7.0) as usize).max(3);
    let every = (shown.len() as f64 * 22.0 / (RIGHT - LEFT)).ceil().max(1.0) as usize;
    let ticks: Vec<(f64, String)> = shown
        .iter()
        .enumerate()
        .step_by(every)
        .map(|(i, label)| (LEFT + (i as f64 + 0.5) * slot, cut(label, room * every)))
        .collect();
    html! {
        (axes(chart, &ticks, &y))
        @for (index, one) in series.iter().enumerate() {
            @for (i, point) in one.points.iter().enumerate().take(shown.len()).filter(|(_, point)| point.y.is_finite()) {
                @let left = LEFT + (i as f64 + 0.5) * slot + (index as f64 - series.len() as f64 / 2.0) * width;
                (bar(left, width * 0.94, point.y, &y, index, "0.9"))
                (whisker(left + width * 0.47, point.bounds, &y))
            }
        }
        (rule(LEFT, y.at(0.0), RIGHT, y.at(0.0), "0.5"))
        (legend(series))
        @if labels.len() > MOST_BARS {
            (text(RIGHT, 12.0, "end", &format!("the first {MOST_BARS} of {}", labels.len())))
        }
    }
}

fn bar(left: f64, width: f64, value: f64, y: &Scale, index: usize, opacity: &str) -> Markup {
    let (top, bottom) = (y.at(value.max(0.0)), y.at(value.min(0.0)));
    html! {
        rect x=(round(left)) y=(round(top)) width=(round(width.max(0.5))) height=(round(bottom - top))
            fill=(colour(index)) fill-opacity=(opacity) {}
    }
}

fn histogram(chart: &Chart, edges: &[f64], series: &[Series]) -> Markup {
    let bins: Vec<(f64, f64)> = edges.windows(2).map(|pair| (pair[0], pair[1])).collect();
    if bins.is_empty() || edges.iter().any(|edge| !edge.is_finite()) || all_points(series).next().is_none() {
        return nothing(chart);
    }
    // Bins narrower than a pixel or two are put together.
    let together = bins.len().div_ceil(MOST_BINS);
    let bins: Vec<(f64, f64)> = bins.chunks(together).map(|run| (run[0].0, run[run.len() - 1].1)).collect();
    let height = |run: &[Point]| run.iter().map(|point| point.y).filter(|y| y.is_finite()).sum::<f64>();
    let heights: Vec<Vec<f64>> =
        series.iter().map(|one| one.points.chunks(together).map(height).take(bins.len()).collect()).collect();
    let x = Scale::over(edges.iter().copied(), LEFT, RIGHT);
    let y = Scale::over(heights.iter().flatten().copied().chain([0.0]), BOTTOM, TOP).rounded();
    let opacity = if series.len() > 1 { "0.5" } else { "0.85" };
    html! {
        (axes(chart, &number_ticks(chart, &x), &y))
        @for (index, heights) in heights.iter().enumerate() {
            @for (bin, &height) in bins.iter().zip(heights) {
                (bar(x.at(bin.0), (x.at(bin.1) - x.at(bin.0)) * 0.97, height, &y, index, opacity))
            }
        }
        (legend(series))
    }
}

fn calibration(chart: &Chart, series: &[Series]) -> Markup {
    let (x, y) =
        (Scale::over([0.0, 1.0].into_iter(), LEFT, RIGHT), Scale::over([0.0, 1.0].into_iter(), BOTTOM, TOP));
    html! {
        (axes(chart, &number_ticks(chart, &x), &y))
        line x1=(LEFT) y1=(BOTTOM) x2=(RIGHT) y2=(TOP) stroke="currentColor" stroke-opacity="0.4" stroke-dasharray="4 4" {}
        @for (index, one) in series.iter().enumerate() {
            @let points = thin(&one.points);
            path d=(path(&points, &x, &y)) fill="none" stroke=(colour(index)) stroke-width="1.6" {}
            @for point in points.iter().step_by(points.len().div_ceil(100).max(1)) {
                (whisker(x.at(point.x), point.bounds, &y))
                (dot(x.at(point.x), y.at(point.y), 3.4, index, "1"))
            }
        }
        (legend(series))
    }
}

/// The height of a row.
const ROW: f64 = 26.0;

fn rows(chart: &Chart, labels: &[String], series: &[Series], joined: bool, alone: bool) -> Markup {
    let shown = labels.len().min(MOST_BARS);
    let reach = if joined { 0.5 } else { 0.0 };
    let drawn = |point: &&Point| point.x.is_finite() && point.y >= -reach && point.y < shown as f64 - reach;
    if !series.iter().flat_map(|one| &one.points).any(|point| drawn(&point)) {
        return frame(chart, HEIGHT, alone, nothing(chart));
    }
    let longest = labels.iter().take(shown).map(|label| label.chars().count()).max().unwrap_or(0).min(28);
    let left = 16.0 + 7.0 * longest as f64;
    let bottom = TOP + ROW * shown as f64;
    let ends = series.iter().flat_map(|one| &one.points).filter(drawn).flat_map(|point| {
        let (low, high) = point.bounds.unwrap_or((point.x, point.x));
        [point.x, low, high]
    });
    let x = if joined {
        // A line does not begin at 0, as a bar does.
        Scale::over(ends, left + 4.0, RIGHT - 4.0)
    } else {
        Scale::over(ends.chain([0.0]), left + 4.0, RIGHT - 4.0)
    };
    let points = || series.iter().flat_map(|one| &one.points).filter(drawn);
    let dotted: BTreeSet<usize> =
        points().filter(|point| point.bounds.is_none()).map(|point| point.y as usize).collect();
    // Dots are seen over bars that are pale.
    let of_bar = |row: f64| if dotted.contains(&(row as usize)) { "0.35" } else { "0.9" };
    let of_dot = if points().any(|point| point.bounds.is_some()) { "1" } else { "0.65" };
    let mut swarm = Swarm::default();
    let body = html! {
        @for tick in x.ticks(8) {
            (rule(x.at(tick), TOP, x.at(tick), bottom, "0.12"))
            (text(x.at(tick), bottom + 18.0, "middle", &format_number(tick)))
        }
        @if x.low <= 0.0 && x.high >= 0.0 {
            (rule(x.at(0.0), TOP, x.at(0.0), bottom, "0.5"))
        }
        @for (i, label) in labels.iter().enumerate().take(shown) {
            (text(left - 6.0, TOP + (i as f64 + 0.5) * ROW + 4.0, "end", &cut(label, 28)))
        }
        @for (index, one) in series.iter().enumerate() {
            @if joined {
                path d=(joined_rows(&one.points, &x, shown)) fill="none" stroke=(colour(index)) stroke-width="1.2"
                    stroke-opacity="0.55" stroke-linejoin="round" {}
            } @else {
                @let every = one.points.len().div_ceil(MOST_POINTS).max(1);
                @for point in one.points.iter().step_by(every).filter(drawn) {
                    @if let Some((from, to)) = point.bounds.filter(|(from, to)| from.is_finite() && to.is_finite()) {
                        @let middle = middle(point.y);
                        @let (from, to) = (x.at(from.min(to)), x.at(from.max(to)));
                        rect x=(round(from)) y=(round(middle - 0.36 * ROW)) width=(round((to - from).max(0.5)))
                            height=(round(0.72 * ROW)) fill=(colour(index)) fill-opacity=(of_bar(point.y)) {}
                    }
                }
                @let single = one.points.iter().step_by(every).filter(drawn).filter(|point| point.bounds.is_none());
                @let mut placed = BTreeSet::new();
                @let dots = single.map(|point| swarm.place(x.at(point.x), point.y)).filter(|dot| placed.insert(dot.clone())).collect::<String>();
                @if !dots.is_empty() {
                    path d=(dots) stroke=(colour(index)) stroke-width="4.4" stroke-linecap="round" stroke-opacity=(of_dot) {}
                }
            }
        }
        (legend(series))
        (text((left + RIGHT) / 2.0, bottom + 38.0, "middle", &chart.x_label))
    };
    frame(chart, bottom + 46.0, alone, body)
}

fn middle(row: f64) -> f64 {
    TOP + (row.floor() + 0.5) * ROW
}

/// Points of rows beside each other.
#[derive(Default)]
struct Swarm {
    /// How many points stand already in each step of a row: the next one is put beside them, above and below in turn.
    taken: BTreeMap<(usize, i64), u32>,
}

impl Swarm {
    /// A dot as a line without length, whose round ends make it: an eighth of the bytes of a circle.
    fn place(&mut self, at: f64, row: f64) -> String {
        let count = self.taken.entry((row as usize, (at / 4.0) as i64)).or_insert(0);
        let before = *count;
        *count += 1;
        let aside =
            f64::from(before.div_ceil(2)).min(6.0) * if before.is_multiple_of(2) { 1.8 } else { -1.8 };
        // Half a pixel is less than the width of a dot.
        format!("M{} {}h0", round((2.0 * at).round() / 2.0), round(middle(row) + aside))
    }
}

/// Lines from row to row; what is not finite ends one.
fn joined_rows(points: &[Point], x: &Scale, shown: usize) -> String {
    let (mut d, mut begun) = (String::new(), false);
    for point in points.iter().take(20 * MOST_POINTS) {
        if !(point.x.is_finite() && point.y >= -0.5 && point.y < shown as f64 - 0.5) {
            begun = false;
            continue;
        }
        let at = (2.0 * x.at(point.x)).round() / 2.0;
        // A line may pass between rows, as the outline of a violin does.
        let height = TOP + (point.y + 0.5) * ROW;
        let _ = write!(d, "{}{} {}", if begun { "L" } else { "M" }, round(at), round(height));
        begun = true;
    }
    d
}
