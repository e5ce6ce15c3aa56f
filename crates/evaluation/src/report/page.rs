//! The report as a page.

use perennial_reporting::{Document, Level, format_number};
use perennial_statistics::interval::Interval;

use super::{ClassDetails, Details, Report, ReportedScore, ValueDetails, pictures};
use crate::errors::confusions;
use crate::{SliceReport, Verdict, charts};

const MOST_LINES: usize = 20;
/// Longer names do not fit below bars; the table has them.
const LONGEST_LABEL: usize = 22;

pub(super) fn document(report: &Report) -> Document {
    let mut page = Document::new(&report.title);
    page.section("Scores");
    page.facts([("rows", format_number(report.n_rows as f64))]);
    scores(&mut page, report);
    page.list(report.notes.iter().cloned());
    if let Some(looks) = &report.looks {
        page.text(format!("The tested rows: {looks}."));
    }
    if let Some(models) = &report.models {
        page.section("Models");
        page.code(models.to_string());
    }
    match &report.details {
        Details::Classes(details) => {
            let ClassDetails { confusion, classes, reliability, brier, curves } = &**details;
            page.section("Trade-offs");
            if !curves.is_empty() {
                page.chart(pictures::roc(curves));
                page.chart(pictures::precision_recall(curves));
            }
            if let [only] = curves.as_slice() {
                page.chart(pictures::probabilities(only));
            }
            page.section("Calibration");
            page.chart(pictures::reliability(reliability));
            page.text(reliability.to_string().lines().next().unwrap_or_default());
            if let Some(brier) = brier {
                page.facts([
                    ("Brier score", format_number(brier.brier)),
                    ("reliability, 0 is best", format_number(brier.reliability)),
                    ("resolution, more is better", format_number(brier.resolution)),
                    ("uncertainty of the class itself", format_number(brier.uncertainty)),
                ]);
            }
            page.section("Classes");
            page.table(
                ["class", "precision", "recall", "F1", "rows"],
                classes.classes.iter().chain([&classes.macro_average, &classes.weighted_average]).map(
                    |class| {
                        [
                            class.name.clone(),
                            format!("{:.4}", class.precision),
                            format!("{:.4}", class.recall),
                            format!("{:.4}", class.f1),
                            format_number(class.support),
                        ]
                    },
                ),
            );
            if let Some(chart) = pictures::confusion(confusion) {
                page.chart(chart);
            }
            page.list(confusions(confusion).iter().take(MOST_LINES).map(ToString::to_string));
        }
        Details::Values(ValueDetails { sample, residual_edges, residual_counts }) => {
            page.section("Residuals");
            for chart in pictures::residuals(sample, residual_edges, residual_counts) {
                page.chart(chart);
            }
        }
    }
    found(&mut page, report);
    for curve in &report.curves {
        page.section(format!("Scores by {}", curve.name));
        page.chart(pictures::curve(curve));
    }
    for frame in &report.groups {
        page.section(format!("{} by group", frame.by_group.metric));
        page.chart(charts::groups(frame));
        page.text(format!("Groups differ: {}.", frame.gap));
        slice_rows(&mut page, &frame.by_group);
    }
    if let Some(slices) = &report.slices {
        page.section("Slices");
        slice_table(&mut page, slices);
    }
    if let Some(discovered) = &report.discovered {
        page.section("Slices that were found");
        page.text("One half of the rows was searched; these are the scores on the other half.");
        slice_table(&mut page, &discovered.report);
    }
    if !report.importances.is_empty() {
        page.section("Features");
        page.chart(pictures::importances(&report.importances));
    }
    if let Some(explained) = &report.explained {
        page.section("What features add to answers");
        explained.charts().into_iter().for_each(|chart| page.chart(chart));
    }
    if !report.pictures.is_empty() {
        page.section("Pictures");
        report.pictures.iter().for_each(|chart| page.chart(chart.clone()));
    }
    if !report.stress.is_empty() {
        page.section("Stress");
        page.chart(pictures::stress(&report.stress));
    }
    page.section("Rows answered worst");
    page.table(
        ["row", "loss"],
        report.worst.iter().map(|row| [row.row.to_string(), format!("{:.4}", row.score)]),
    );
    page
}

fn interval(interval: &Interval) -> [String; 2] {
    let bounds = if interval.width() == 0.0 {
        String::new()
    } else {
        format!("{:.4} to {:.4}", interval.low, interval.high)
    };
    [format!("{:.4}", interval.estimate), bounds]
}

fn scores(page: &mut Document, report: &Report) {
    let level = report.scores.iter().find_map(|score| score.interval).map_or(95.0, |of| 100.0 * of.level);
    page.table(
        [
            "metric".to_owned(),
            "score".to_owned(),
            format!("{level:.0} % interval"),
            "best constant answer".to_owned(),
        ],
        report.scores.iter().map(
            |ReportedScore { metric, score, interval: of, no_interval, constant, .. }| {
                let [score, bounds] = match of {
                    Some(of) => interval(of),
                    None => {
                        [format!("{score:.4}"), format!("none: {}", no_interval.clone().unwrap_or_default())]
                    }
                };
                let constant = constant.map_or_else(String::new, |constant| format!("{constant:.4}"));
                [metric.clone(), score, bounds, constant]
            },
        ),
    );
    // No better than an answer that looks at nothing, as far as these rows tell.
    for score in &report.scores {
        let Some(constant) = score.constant else { continue };
        let better = score.interval.is_some_and(|interval| {
            if score.higher_is_better { interval.low > constant } else { interval.high < constant }
        });
        if !better {
            page.alert(
                Level::Warning,
                format!("By {} it is not shown that the model is better than one and the same answer for all rows.", score.metric),
            );
        }
    }
}

fn found(page: &mut Document, report: &Report) {
    let nothing = report.findings.is_none()
        && report.comparisons.is_empty()
        && report.residuals.is_none()
        && report.leakage.is_none()
        && report.labels.is_none();
    if nothing {
        return;
    }
    page.section("Worth a look");
    if let Some(findings) = &report.findings {
        for finding in &findings.found {
            page.alert(Level::Warning, finding.to_string());
        }
        if findings.found.is_empty() {
            page.alert(
                Level::Good,
                format!("None of the {} usual mistakes that were looked for.", findings.passed.len()),
            );
        }
    }
    if let Some(found) = &report.leakage {
        for finding in &found.findings {
            let level = if finding.is_open() { Level::Problem } else { Level::Warning };
            page.alert(level, finding.to_string());
        }
        if found.findings.is_empty() {
            page.alert(Level::Good, "Nothing was found that knows the answer.".to_owned());
        }
        if !found.skipped.is_empty() {
            page.list(found.skipped.iter().cloned());
        }
    }
    for (against, comparison) in &report.comparisons {
        let level = match comparison.verdict {
            Verdict::Better => Level::Good,
            Verdict::Worse => Level::Problem,
            Verdict::Equivalent | Verdict::Unclear => Level::Info,
        };
        page.alert(level, format!("Against {against}: {comparison}"));
    }
    if let Some(residuals) = &report.residuals {
        for (pattern, p) in &residuals.patterns {
            page.alert(Level::Warning, format!("In the residuals, {pattern} (p = {p:.1e})."));
        }
        if residuals.patterns.is_empty() {
            page.alert(Level::Good, residuals.to_string());
        }
    }
    if let Some(labels) = &report.labels {
        page.subsection("Labels that are likely wrong");
        page.text(format!("{} rows are suspected.", labels.issues.len()));
        page.table(
            ["row", "label", "likely", "probability of the label"],
            labels.issues.iter().take(MOST_LINES).map(|issue| {
                [
                    issue.row.to_string(),
                    issue.given.clone(),
                    issue.suggested.clone(),
                    format!("{:.4}", issue.self_confidence),
                ]
            }),
        );
    }
}

fn slice_table(page: &mut Document, report: &SliceReport) {
    if report.slices.is_empty() {
        page.text("There is no slice to show.");
    } else if report.slices.iter().all(|slice| slice.name.chars().count() <= LONGEST_LABEL) {
        page.chart(pictures::slices(report));
    }
    slice_rows(page, report);
}

fn slice_rows(page: &mut Document, report: &SliceReport) {
    page.table(
        ["slice", "rows", "score", "interval", "drawn to the whole", "all other rows", "p, adjusted"],
        report.slices.iter().map(|slice| {
            let [score, bounds] = interval(&slice.interval);
            [
                slice.name.clone(),
                slice.support.to_string(),
                score,
                bounds,
                format!("{:.4}", slice.shrunken),
                format!("{:.4}", slice.rest),
                format!("{:.2e}", slice.adjusted_p_value),
            ]
        }),
    );
    page.list(report.skipped.iter().map(|slice| format!("{}: skipped, {}", slice.name, slice.reason)));
}
