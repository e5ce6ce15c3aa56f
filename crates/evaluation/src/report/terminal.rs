//! The report in a terminal.

use std::fmt;

use super::{Details, Report, ReportedScore};
use crate::FeatureImportance;
use crate::errors::{DiscoveredSlices, LabelIssues};

/// Of long lists so many lines are shown; the page has all of them.
const MOST_LINES: usize = 5;

/// The scores as a table for the terminal, and what was found.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} rows", self.title, self.n_rows)?;
        let width = self.scores.iter().map(|score| score.metric.len()).max().unwrap_or(0);
        for score in &self.scores {
            let ReportedScore { metric, interval, constant, no_interval, score, .. } = score;
            match interval {
                Some(interval) => write!(f, "  {metric:width$}  {interval}")?,
                None => write!(f, "  {metric:width$}  {score:.4} without an interval")?,
            }
            if let Some(constant) = constant {
                write!(f, "  (constant answer {constant:.4})")?;
            }
            match no_interval {
                Some(reason) => writeln!(f, ": {reason}")?,
                None => writeln!(f)?,
            }
        }
        if let Details::Classes(details) = &self.details {
            writeln!(f, "{}", details.classes)?;
        }
        if let Some(findings) = &self.findings {
            writeln!(f, "{findings}")?;
        }
        self.comparisons
            .iter()
            .try_for_each(|(against, comparison)| writeln!(f, "against {against}: {comparison}"))?;
        if let Some(models) = &self.models {
            writeln!(f, "{models}")?;
        }
        if let Some(looks) = &self.looks {
            writeln!(f, "the tested rows: {looks}")?;
        }
        self.curves.iter().try_for_each(|curve| writeln!(f, "{curve}"))?;
        if let Some(found) = &self.leakage {
            writeln!(f, "leakage: {found}")?;
        }
        if let Some(slices) = &self.slices {
            short(f, "slices", &slices.to_string(), slices.slices.len() + slices.skipped.len())?;
        }
        if let Some(DiscoveredSlices { report, .. }) = &self.discovered {
            short(
                f,
                "slices that were found",
                &report.to_string(),
                report.slices.len() + report.skipped.len(),
            )?;
        }
        self.groups.iter().try_for_each(|frame| writeln!(f, "{frame}"))?;
        if let Some(residuals) = &self.residuals {
            writeln!(f, "{residuals}")?;
        }
        if let Some(labels) = &self.labels {
            label_issues(f, labels)?;
        }
        importances(f, &self.importances)?;
        self.stress.iter().try_for_each(|curve| writeln!(f, "{curve}"))?;
        let worst: Vec<String> = self
            .worst
            .iter()
            .take(MOST_LINES)
            .map(|worst| format!("{} ({:.4})", worst.row, worst.score))
            .collect();
        if !worst.is_empty() {
            writeln!(f, "rows answered worst: {}", worst.join(", "))?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

/// The first lines of a text about so many things.
fn short(f: &mut fmt::Formatter<'_>, what: &str, text: &str, n: usize) -> fmt::Result {
    write!(f, "{what}: ")?;
    for line in text.lines().take(1 + MOST_LINES) {
        writeln!(f, "{line}")?;
    }
    if n > MOST_LINES { writeln!(f, "and {} others", n - MOST_LINES) } else { Ok(()) }
}

fn label_issues(f: &mut fmt::Formatter<'_>, labels: &LabelIssues) -> fmt::Result {
    writeln!(f, "labels: {} rows are suspected", labels.issues.len())?;
    for issue in labels.issues.iter().take(MOST_LINES) {
        let (given, suggested) = (&issue.given, &issue.suggested);
        writeln!(f, "  row {}: `{given}`, rather `{suggested}` ({:.4})", issue.row, issue.self_confidence)?;
    }
    Ok(())
}

/// Those that matter most.
fn importances(f: &mut fmt::Formatter<'_>, features: &[FeatureImportance]) -> fmt::Result {
    if features.is_empty() {
        return Ok(());
    }
    let mut shown: Vec<&FeatureImportance> = features.iter().collect();
    shown.sort_by(|a, b| b.interval.estimate.total_cmp(&a.interval.estimate));
    writeln!(f, "loss of score when a feature is shuffled, of {}:", features.len())?;
    let width = shown.iter().take(MOST_LINES).map(|one| one.feature.chars().count()).max().unwrap_or(0);
    for one in shown.into_iter().take(MOST_LINES) {
        writeln!(f, "  {:width$}  {}", one.feature, one.interval)?;
    }
    Ok(())
}
