//! The monitor as a report.

use perennial_reporting::{Chart, Document, Level, Point, Series, format_number};

use crate::alert::Severity;
use crate::monitor::Monitor;

pub(crate) fn document(monitor: &Monitor, title: &str) -> Document {
    let mut page = Document::new(title);
    page.section("Alerts");
    if monitor.alerts().is_empty() {
        page.alert(Level::Good, "Nothing to report.");
    }
    for alert in monitor.alerts() {
        let level = match (alert.is_open(), alert.severity) {
            (false, _) => Level::Info,
            (true, Severity::Warning) => Level::Warning,
            (true, Severity::Problem) => Level::Problem,
        };
        let end =
            alert.closed.as_ref().map_or_else(String::new, |closed| format!(" Well again in {closed}."));
        page.alert(level, format!("{}: {}: {}.{end}", alert.raised, alert.subject, alert.reason));
    }
    errors(&mut page, monitor);
    drift(&mut page, monitor);
    page
}

fn errors(page: &mut Document, monitor: &Monitor) {
    let Some(baseline) = &monitor.baseline else { return };
    let known: Vec<(usize, &str, _)> = monitor
        .windows
        .iter()
        .enumerate()
        .filter_map(|(i, window)| Some((i, window.name.as_str(), window.error.as_ref()?.error?)))
        .collect();
    if known.is_empty() {
        return;
    }
    page.section("Realised error");
    let points = known.iter().map(|(i, _, error)| Point {
        x: *i as f64,
        y: error.estimate,
        bounds: Some((error.low, error.high)),
    });
    let realised = Series { name: baseline.name.clone(), points: points.collect() };
    let ends = [known[0].0 as f64, known[known.len() - 1].0 as f64];
    let chart = Chart::line("Realised error by window").x("window").y(baseline.name.clone()).series(realised);
    let chart = chart.series(Series::xy("tolerated", &ends, &[baseline.limit(); 2]));
    page.chart(chart.series(Series::xy("at evaluation", &ends, &[baseline.before.estimate; 2])));
    page.table(
        ["window", "number", "rows", "error", "low", "high"],
        monitor.windows.iter().enumerate().filter_map(|(i, window)| {
            let error = window.error.as_ref()?;
            let value = error.error?;
            let numbers = [value.estimate, value.low, value.high].map(format_number);
            Some(
                [vec![window.name.clone(), i.to_string(), error.n_rows.to_string()], numbers.to_vec()]
                    .concat(),
            )
        }),
    );
}

fn drift(page: &mut Document, monitor: &Monitor) {
    let Some(last) = monitor.windows.last() else { return };
    page.section("Drift");
    page.text("The population stability index of each column in each window: how far its distribution is from the reference. Below 0.1 is little, above 0.25 is much.");
    // The columns that moved most come first.
    let worst = |name: &str| {
        let all =
            monitor.windows.iter().filter_map(|window| window.drift.column(name)).map(|column| column.psi);
        all.fold(0.0, f64::max)
    };
    let mut names: Vec<&str> = last.drift.columns.iter().map(|column| column.column.as_str()).collect();
    names.sort_by(|a, b| worst(b).total_cmp(&worst(a)));
    names.truncate(30);
    let psi = |name: &str| {
        monitor
            .windows
            .iter()
            .map(|window| window.drift.column(name).map_or(f64::NAN, |column| column.psi.min(2.0)))
            .collect()
    };
    let values: Vec<Vec<f64>> = names.iter().map(|name| psi(name)).collect();
    let windows = monitor.windows.iter().map(|window| window.name.clone());
    page.chart(
        Chart::heatmap("Drift by column and window", names, windows, values)
            .note("Values above 2 are shown as 2."),
    );
    page.subsection(format!("The last window, {}", last.name));
    page.table(
        ["column", "PSI", "test", "adjusted p", "verdict"],
        last.drift.columns.iter().take(40).map(|column| {
            [
                column.column.clone(),
                format!("{:.3}", column.psi),
                column.test.as_deref().unwrap_or("none").replace('_', " "),
                column.adjusted_p_value.map_or_else(String::new, format_number),
                column.reason.clone(),
            ]
        }),
    );
}
