//! All that is known of how good a model is, as one object and one page.

mod classes;
mod explained;
mod learned;
mod page;
mod pictures;
mod spread;
mod terminal;
mod together;
mod values;
mod whole;

pub use explained::Explained;
pub use whole::ReportOptions;

use perennial_core::{Classes, Probabilities, Result, Values};
use perennial_reporting::{Chart, Document};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use crate::calibration::{BrierDecomposition, ReliabilityCurve};
use crate::errors::{DiscoveredSlices, LabelIssues, ResidualPatterns, StressCurve, WorstRow};
use crate::fairness::MetricFrame;
use crate::metric::{ClassReport, ConfusionMatrix};
use crate::{
    AuditReport, Comparison, Curve, FeatureImportance, Findings, IntervalOptions, ModelTable, SealLog,
    SliceReport,
};

/// A score with its interval, beside that of the best answer that is the same for all rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WrittenScore")]
pub struct ReportedScore {
    /// The name of the metric.
    pub metric: String,
    /// Whether a larger score is better.
    pub higher_is_better: bool,
    /// The score.
    pub score: f64,
    /// The score with how sure it is; nothing where these rows do not tell.
    pub interval: Option<Interval>,
    /// Why there is no interval, where there is none.
    #[serde(default)]
    pub no_interval: Option<String>,
    /// The score of the best constant answer for these rows; nothing where it has none.
    pub constant: Option<f64>,
}

/// A score as it is written. One that was written before scores without intervals were kept has its score in the interval alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScore {
    metric: String,
    higher_is_better: bool,
    #[serde(default)]
    score: Option<f64>,
    interval: Option<Interval>,
    #[serde(default)]
    no_interval: Option<String>,
    constant: Option<f64>,
}

impl TryFrom<WrittenScore> for ReportedScore {
    type Error = String;

    fn try_from(written: WrittenScore) -> std::result::Result<Self, String> {
        let WrittenScore { metric, higher_is_better, score, interval, no_interval, constant } = written;
        let estimate = || interval.map(|interval| interval.estimate);
        let none = || format!("`{metric}` has neither a score nor an interval");
        let score = score.or_else(estimate).ok_or_else(none)?;
        Ok(ReportedScore { metric, higher_is_better, score, interval, no_interval, constant })
    }
}

/// The trade-offs of one class against the rest, thinned to at most 400 points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassCurves {
    /// The class.
    pub class: String,
    /// The share of the rows that have it.
    pub share: f64,
    /// The ROC curve: false and true positive rates.
    pub roc: Vec<(f64, f64)>,
    /// The curve of recall and precision.
    pub precision_recall: Vec<(f64, f64)>,
    /// In twenty bins of the probability from 0 to 1, the rows that have the class and the rows that do not.
    pub histogram: Vec<(f64, f64)>,
}

/// What is told of probabilities of classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassDetails {
    /// Which class was taken for which, by the most probable one.
    pub confusion: ConfusionMatrix,
    /// Precision, recall and F1 of each class.
    pub classes: ClassReport,
    /// Whether probabilities mean what they say: of the second of two classes, else of the most probable one.
    pub reliability: ReliabilityCurve,
    /// The parts of the Brier score, of two classes.
    pub brier: Option<BrierDecomposition>,
    /// The trade-offs of the second of two classes, or of each of at most eight.
    pub curves: Vec<ClassCurves>,
}

/// What is told of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueDetails {
    /// Truth and prediction of at most 1,000 rows with weight, evenly taken.
    pub sample: Vec<(f64, f64)>,
    /// The edges of the bins of the residuals, truth less prediction.
    pub residual_edges: Vec<f64>,
    /// The weight of the rows in each bin: their number, where rows have no weights.
    pub residual_counts: Vec<f64>,
}

/// What is told of the answers, by their kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Details {
    /// Of probabilities of classes.
    Classes(Box<ClassDetails>),
    /// Of numbers.
    Values(ValueDetails),
}

/// How good a model is: scores with intervals beside a constant answer, where it errs, and whatever else is added.
///
/// It is saved as JSON, shown in a terminal by `Display`, and rendered to a page that needs no network.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Probabilities};
/// use perennial_evaluation::{IntervalOptions, Report};
///
/// let truth = Classes::from_labels(["no", "no", "no", "yes", "yes", "yes"]);
/// let said = array![[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.3, 0.7], [0.6, 0.4], [0.1, 0.9]];
/// let said = Probabilities::new(said, truth.shared_names())?;
/// let report = Report::of_classes("Churn", &truth, &said, &IntervalOptions::new())?;
/// assert!(report.score("roc_auc").is_some_and(|score| score.score > 0.8));
/// assert!(report.to_html().contains("<svg"));
/// println!("{report}");
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The title.
    pub title: String,
    /// The number of rows that were scored.
    pub n_rows: usize,
    /// The scores.
    pub scores: Vec<ReportedScore>,
    /// What is told of the answers.
    pub details: Details,
    /// The rows with weight that were answered worst.
    pub worst: Vec<WorstRow>,
    /// What was found by a [`Diagnosis`](crate::Diagnosis).
    pub findings: Option<Findings>,
    /// Comparisons with other models, by name: the model of this report is the second of each.
    pub comparisons: Vec<(String, Comparison)>,
    /// Models on the same folds, a baseline among them.
    pub models: Option<ModelTable>,
    /// How often the tested rows were looked at, and why.
    pub looks: Option<SealLog>,
    /// How scores change with the number of rows, or with settings.
    pub curves: Vec<Curve>,
    /// Slices that were declared.
    pub slices: Option<SliceReport>,
    /// Slices that were found.
    pub discovered: Option<DiscoveredSlices>,
    /// How much the model needs each feature.
    pub importances: Vec<FeatureImportance>,
    /// What each feature adds to the answers.
    #[serde(default)]
    pub explained: Option<Explained>,
    /// What the residuals still depend on.
    pub residuals: Option<ResidualPatterns>,
    /// Labels that are likely wrong.
    pub labels: Option<LabelIssues>,
    /// How the score falls as features get worse.
    pub stress: Vec<StressCurve>,
    /// What a scan found that knows the answer.
    #[serde(default)]
    pub leakage: Option<AuditReport>,
    /// A metric by groups of people.
    #[serde(default)]
    pub groups: Vec<MetricFrame>,
    /// Other pictures.
    #[serde(default)]
    pub pictures: Vec<Chart>,
    /// What else is to be said.
    pub notes: Vec<String>,
}

impl Report {
    fn new(
        title: &str,
        n_rows: usize,
        scores: Vec<ReportedScore>,
        details: Details,
        worst: Vec<WorstRow>,
    ) -> Self {
        Report {
            title: title.to_owned(),
            n_rows,
            scores,
            details,
            worst,
            findings: None,
            comparisons: Vec::new(),
            models: None,
            looks: None,
            curves: Vec::new(),
            slices: None,
            discovered: None,
            importances: Vec::new(),
            explained: None,
            residuals: None,
            labels: None,
            stress: Vec::new(),
            leakage: None,
            groups: Vec::new(),
            pictures: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Of probabilities of classes, for rows that the model has not learned from.
    ///
    /// Bootstraps draw fewer replicates where there are many rows, so that a million rows take seconds.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a row has a class for which there is no probability, or the options do
    /// not fit the rows.
    pub fn of_classes(
        title: &str,
        truth: &Classes,
        prediction: &Probabilities,
        options: &IntervalOptions<'_>,
    ) -> Result<Self> {
        classes::report(title, truth, prediction, options)
    }

    /// Of numbers, for rows that the model has not learned from.
    ///
    /// # Errors
    /// When there are fewer than two rows, the lengths differ, a number is not finite, or the options do not fit the rows.
    pub fn of_values(
        title: &str,
        truth: &Values,
        prediction: &Values,
        options: &IntervalOptions<'_>,
    ) -> Result<Self> {
        values::report(title, truth, prediction, options)
    }

    /// The score of this metric.
    pub fn score(&self, metric: &str) -> Option<&ReportedScore> {
        self.scores.iter().find(|score| score.metric == metric)
    }

    /// Adds what a diagnosis found.
    #[must_use]
    pub fn findings(mut self, findings: Findings) -> Self {
        self.findings = Some(findings);
        self
    }

    /// Adds a comparison with another model of this name; it is the first of the two, and the model of this report the
    /// second.
    #[must_use]
    pub fn comparison(mut self, against: impl Into<String>, comparison: Comparison) -> Self {
        self.comparisons.push((against.into(), comparison));
        self
    }

    /// Adds models on the same folds.
    #[must_use]
    pub fn models(mut self, models: ModelTable) -> Self {
        self.models = Some(models);
        self
    }

    /// Adds how often the tested rows were looked at.
    #[must_use]
    pub fn looks(mut self, looks: SealLog) -> Self {
        self.looks = Some(looks);
        self
    }

    /// Adds how scores change with the number of rows, or with a setting.
    #[must_use]
    pub fn curve(mut self, curve: Curve) -> Self {
        self.curves.push(curve);
        self
    }

    /// Adds slices that were declared.
    #[must_use]
    pub fn slices(mut self, slices: SliceReport) -> Self {
        self.slices = Some(slices);
        self
    }

    /// Adds slices that were found.
    #[must_use]
    pub fn discovered(mut self, discovered: DiscoveredSlices) -> Self {
        self.discovered = Some(discovered);
        self
    }

    /// Adds how much the model needs each feature.
    #[must_use]
    pub fn importances(mut self, importances: Vec<FeatureImportance>) -> Self {
        self.importances = importances;
        self
    }

    /// Adds what each feature adds to the answers.
    #[must_use]
    pub fn explained(mut self, explained: Explained) -> Self {
        self.explained = Some(explained);
        self
    }

    /// Adds what the residuals still depend on.
    #[must_use]
    pub fn residuals(mut self, residuals: ResidualPatterns) -> Self {
        self.residuals = Some(residuals);
        self
    }

    /// Adds labels that are likely wrong.
    #[must_use]
    pub fn labels(mut self, labels: LabelIssues) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Adds how the score falls as features get worse.
    #[must_use]
    pub fn stress(mut self, stress: Vec<StressCurve>) -> Self {
        self.stress = stress;
        self
    }

    /// Adds what a [`LeakageScan`](crate::LeakageScan) or the audit of a cross-validation found.
    #[must_use]
    pub fn leakage(mut self, found: AuditReport) -> Self {
        self.leakage = Some(found);
        self
    }

    /// Adds a metric by groups of people.
    #[must_use]
    pub fn groups(mut self, frame: MetricFrame) -> Self {
        self.groups.push(frame);
        self
    }

    /// Adds a picture, such as one of [`charts`](crate::charts): how answers move with a feature, or what they are worth.
    #[must_use]
    pub fn picture(mut self, chart: Chart) -> Self {
        self.pictures.push(chart);
        self
    }

    /// Adds a sentence.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The report as headings, tables and pictures.
    pub fn to_document(&self) -> Document {
        page::document(self)
    }

    /// The report as one HTML page that needs no network and runs no script.
    pub fn to_html(&self) -> String {
        self.to_document().to_html()
    }
}
