//! The profile as a report.

use std::collections::BTreeSet;

use perennial_reporting::{Chart, Document, Level, Series, format_number};

use crate::alert::AlertKind;
use crate::column::{ColumnProfile, ColumnStatistics, Histogram};
use crate::profile::Profile;

/// More columns than this have no picture of their own, so that the page stays small.
const MOST_PICTURES: usize = 80;
/// More columns than this do not fit into a heat map.
const MOST_CELLS: usize = 24;

pub(crate) fn document(profile: &Profile, title: &str) -> Document {
    let mut page = Document::new(title);
    let cells = profile.n_rows * profile.n_cols;
    let missing: usize = profile.columns.iter().map(|column| column.missing).sum();
    page.section("Overview");
    page.facts([
        ("rows", format_number(profile.n_rows as f64)),
        ("columns", format_number(profile.n_cols as f64)),
        ("missing cells", format!("{} ({})", format_number(missing as f64), share(missing, cells))),
        ("repeated rows", format_number(profile.duplicate_rows as f64)),
        ("content hash", profile.content_hash.chars().take(16).collect()),
    ]);
    alerts(&mut page, profile);
    columns(&mut page, profile);
    missing_together(&mut page, profile);
    associations(&mut page, profile);
    page
}

fn share(part: usize, whole: usize) -> String {
    if part == 0 { "0 %".into() } else { format!("{:.2} %", 100.0 * part as f64 / whole.max(1) as f64) }
}

fn alerts(page: &mut Document, profile: &Profile) {
    page.section("Worth a look");
    if profile.alerts.is_empty() {
        page.alert(Level::Good, "Nothing stands out.");
    }
    for alert in profile.alerts.iter().take(60) {
        let level = match alert.kind {
            AlertKind::Empty | AlertKind::AllMissing | AlertKind::DuplicateRows | AlertKind::Infinite => {
                Level::Problem
            }
            AlertKind::Zeros | AlertKind::Skewed | AlertKind::Outliers | AlertKind::Associated => Level::Info,
            _ => Level::Warning,
        };
        match &alert.column {
            Some(column) => page.alert(level, format!("{column} {}", alert.message)),
            None => page.alert(level, alert.message.clone()),
        }
    }
    if profile.alerts.len() > 60 {
        page.text(format!("And {} more.", profile.alerts.len() - 60));
    }
}

fn columns(page: &mut Document, profile: &Profile) {
    page.section("Columns");
    page.table(
        ["column", "type", "missing", "distinct", "mean", "smallest", "median", "largest"],
        profile.columns.iter().map(|column| {
            let mut row = vec![
                column.name.clone(),
                format!("{:?}", column.column_type).to_lowercase(),
                share(column.missing, column.n_rows),
                format_number(column.distinct as f64),
            ];
            row.extend(match &column.statistics {
                ColumnStatistics::Number { mean, quantiles: Some(quantiles), .. } => [
                    mean.map_or_else(String::new, format_number),
                    format_number(quantiles[0]),
                    format_number(quantiles[3]),
                    format_number(quantiles[6]),
                ],
                _ => [const { String::new() }; 4],
            });
            row
        }),
    );
    for column in profile.columns.iter().take(MOST_PICTURES) {
        if let Some(chart) = picture(column) {
            page.chart(chart);
        }
    }
    if profile.columns.len() > MOST_PICTURES {
        page.text(format!(
            "Pictures are shown of the first {MOST_PICTURES} of {} columns.",
            profile.columns.len()
        ));
    }
}

fn picture(column: &ColumnProfile) -> Option<Chart> {
    let spread = |histogram: &Histogram| {
        let counts: Vec<f64> = histogram.counts.iter().map(|count| *count as f64).collect();
        Chart::histogram(column.name.clone(), &histogram.edges)
            .y("rows")
            .series(Series::values("rows", &counts))
    };
    match &column.statistics {
        ColumnStatistics::Number { histogram, mean, standard_deviation, skewness, .. } => {
            let mut words = Vec::new();
            let named = [("mean", mean), ("standard deviation", standard_deviation), ("skewness", skewness)];
            words.extend(
                named.iter().filter_map(|(name, value)| {
                    value.map(|value| format!("{name} {}", format_number(value)))
                }),
            );
            histogram.as_ref().map(|histogram| spread(histogram).note(words.join(", ")))
        }
        ColumnStatistics::Time { histogram, .. } => {
            histogram.as_ref().map(|histogram| spread(histogram).time())
        }
        ColumnStatistics::Text { top, .. } if !top.is_empty() => {
            let counts: Vec<f64> = top.iter().map(|level| level.count as f64).collect();
            let chart =
                Chart::bar(column.name.clone(), top.iter().map(|level| level.value.clone())).y("rows");
            let chart = chart.series(Series::values("rows", &counts));
            let rest = column.distinct.saturating_sub(top.len());
            Some(if rest > 0 { chart.note(format!("and {rest} more values")) } else { chart })
        }
        ColumnStatistics::Boolean { true_count } => {
            let counts = [(column.present() - true_count) as f64, *true_count as f64];
            Some(
                Chart::bar(column.name.clone(), ["false", "true"])
                    .y("rows")
                    .series(Series::values("rows", &counts)),
            )
        }
        ColumnStatistics::Text { .. } => None,
    }
}

fn missing_together(page: &mut Document, profile: &Profile) {
    if profile.missing_patterns.is_empty() {
        return;
    }
    page.section("Missing together");
    page.table(
        ["columns", "rows", "share"],
        profile.missing_patterns.iter().map(|(columns, count)| {
            let more =
                if columns.len() > 8 { format!(" and {} more", columns.len() - 8) } else { String::new() };
            [
                columns.iter().take(8).cloned().collect::<Vec<_>>().join(", ") + &more,
                count.to_string(),
                share(*count, profile.n_rows),
            ]
        }),
    );
}

fn associations(page: &mut Document, profile: &Profile) {
    if profile.associations.is_empty() {
        return;
    }
    page.section("What goes together");
    page.text("Spearman's correlation of two numbers, Cramér's V of two categories, the correlation ratio of a number and a category. It does not show what causes what.");
    let named: BTreeSet<&str> =
        profile.associations.iter().flat_map(|pair| [pair.a.as_str(), pair.b.as_str()]).collect();
    let names: Vec<&str> = profile
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .filter(|name| named.contains(name))
        .take(MOST_CELLS)
        .collect();
    let mut values = vec![vec![f64::NAN; names.len()]; names.len()];
    for pair in &profile.associations {
        let place = |name: &str| names.iter().position(|known| *known == name);
        if let (Some(a), Some(b)) = (place(&pair.a), place(&pair.b)) {
            values[a][b] = pair.value;
            values[b][a] = pair.value;
        }
    }
    page.chart(Chart::heatmap("Association of columns", names.clone(), names, values).diverging());
    page.table(
        ["column", "column", "measure", "value", "rows"],
        profile.associations.iter().take(15).map(|pair| {
            [
                pair.a.clone(),
                pair.b.clone(),
                pair.measure.replace('_', " "),
                format!("{:.3}", pair.value),
                pair.n_rows.to_string(),
            ]
        }),
    );
}
