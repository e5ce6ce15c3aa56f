//! A whole report by one call, of a model or of answers and the rows that they are for.

use perennial_core::{Classes, Classifier, Context, Error, Predictor, Result, Rows, Values};

use super::Report;
use super::learned::{self, Compared, Work};
use crate::errors::{Disturbance, LabelIssues, SliceFinder, Stress, residual_patterns};
use crate::metric::{LogLoss, MeanAbsoluteError, where_defined};
use crate::{
    CrossValidation, Curve, Diagnosis, Diagnostic, IntervalOptions, Judges, Metric, PermutationImportance,
    SliceOptions, Slices, Strata, Tabular, score_slices,
};

/// What a whole report looks into.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `interval` | [`IntervalOptions::new`] | level and weights of all of it; seed, replicates, groups or blocks of the scores |
/// | `n_repeats` | 5 | how often each feature is shuffled for its importance; 0 for no importances |
/// | `severities` | 0, 0.25, 0.5, 1 | how much worse features get; none for no stress |
/// | `max_slices` | 6 | how many slices are looked for; 0 for none |
/// | `slices` | none | slices that are declared |
/// | `diagnosis` | nothing told | what is known besides, such as a cross-validation against a baseline |
/// | `learned_from` | not known | the rows that the model has learned from: do features tell the same of the target there? |
/// | `learning_curve` | none | how the estimator does when it learns from fewer rows |
/// | `baselines` | none | what the estimator is compared with, on the same folds |
/// | `cross_validation` | [`CrossValidation::new`] | weights, groups, times and audit of the rows of these two |
/// | `context` | a new one | seed and cancelling |
#[derive(Clone, Debug)]
pub struct ReportOptions<'a> {
    n_repeats: usize,
    severities: Vec<f64>,
    max_slices: usize,
    slices: Slices,
    diagnosis: Diagnosis,
    pub(super) interval: IntervalOptions<'a>,
    pub(super) learned: Option<learned::Rows>,
    pub(super) curve: Option<Work<'a, Curve>>,
    pub(super) models: Option<Work<'a, Compared>>,
    pub(super) cross_validation: CrossValidation<'a>,
    pub(super) ctx: Context,
}

impl Default for ReportOptions<'_> {
    fn default() -> Self {
        ReportOptions {
            interval: IntervalOptions::new(),
            n_repeats: 5,
            severities: vec![0.0, 0.25, 0.5, 1.0],
            max_slices: 6,
            slices: Slices::new(),
            diagnosis: Diagnosis::new(),
            learned: None,
            curve: None,
            models: None,
            cross_validation: CrossValidation::new(),
            ctx: Context::new(),
        }
    }
}

impl<'a> ReportOptions<'a> {
    /// The settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets level and weights of all of it, and seed, replicates, groups or blocks of the intervals of the scores.
    #[must_use]
    pub fn interval(mut self, interval: IntervalOptions<'a>) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how often each feature is shuffled; 0 for no importances.
    #[must_use]
    pub fn n_repeats(mut self, n_repeats: usize) -> Self {
        self.n_repeats = n_repeats;
        self
    }

    /// Sets how much worse features get; none for no stress.
    #[must_use]
    pub fn severities(mut self, severities: impl IntoIterator<Item = f64>) -> Self {
        self.severities = severities.into_iter().collect();
        self
    }

    /// Sets how many slices are looked for; 0 for none.
    #[must_use]
    pub fn max_slices(mut self, max_slices: usize) -> Self {
        self.max_slices = max_slices;
        self
    }

    /// Sets the slices that are declared.
    #[must_use]
    pub fn slices(mut self, slices: Slices) -> Self {
        self.slices = slices;
        self
    }

    /// Sets what is known besides: the report tells it importances, and its classes and features where it knows none.
    #[must_use]
    pub fn diagnosis(mut self, diagnosis: Diagnosis) -> Self {
        self.diagnosis = diagnosis;
        self
    }

    /// Sets seed and cancelling.
    #[must_use]
    pub fn context(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }

    fn of_slices(&self) -> SliceOptions {
        let options = SliceOptions::new().level(self.interval.confidence());
        match self.interval.row_weights() {
            Some(weights) => options.weights(weights),
            None => options,
        }
    }
}

impl Report {
    /// Of a classifier, for rows that it has not learned from: scores with intervals, curves, calibration and confusion, the slices that are
    /// declared and those that are found, labels that are likely wrong, what each feature is worth, how the score falls as features get
    /// worse, and the usual mistakes. What the rows do not tell is said in a note.
    ///
    /// The options also take the rows that the model has learned from, and ask for a learning curve and for baselines. What was made before is
    /// added by [`curve`](Report::curve), [`models`](Report::models), [`comparison`](Report::comparison) and
    /// [`picture`](Report::picture).
    ///
    /// ```
    /// use ndarray::Array2;
    /// use perennial_core::{Classes, Classifier, Matrix, Predictor, Probabilities, Result};
    /// use perennial_evaluation::{Report, ReportOptions};
    ///
    /// /// Takes its first column for the probability of `yes`.
    /// struct First;
    ///
    /// impl Predictor for First {
    ///     type Input = Matrix;
    ///     type Output = Classes;
    ///
    ///     fn predict(&self, x: &Matrix) -> Result<Classes> {
    ///         Ok(self.predict_proba(x)?.most_likely())
    ///     }
    /// }
    ///
    /// impl Classifier for First {
    ///     fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
    ///         let x = x.dense()?;
    ///         let share = |row: usize| x[[row, 0]].clamp(0.0, 1.0);
    ///         let values = Array2::from_shape_fn((x.nrows(), 2), |(row, class)| {
    ///             if class == 1 { share(row) } else { 1.0 - share(row) }
    ///         });
    ///         Probabilities::new(values, ["no", "yes"].map(String::from).to_vec())
    ///     }
    /// }
    ///
    /// let x = Matrix::from(Array2::from_shape_fn((200, 2), |(row, column)| ((row + 1) * [37, 11][column] % 101) as f64 / 101.0));
    /// let y = Classes::from_labels((0..200).map(|row| if (row + 1) * 37 % 101 > 40 + row % 30 { "yes" } else { "no" }));
    /// let report = Report::of_classifier("Two columns", &First, &x, &y, &ReportOptions::new())?;
    /// assert!(report.importances[0].interval.low > 0.0 && report.importances[1].interval.estimate == 0.0);
    /// assert!(report.findings.is_some() && !report.stress.is_empty());
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`of_classes`](Report::of_classes) and [`PermutationImportance::measure`], when a setting is out of range, `x` is sparse, or the work was
    /// cancelled.
    pub fn of_classifier<P>(
        title: &str,
        model: &P,
        x: &P::Input,
        y: &Classes,
        options: &ReportOptions<'_>,
    ) -> Result<Self>
    where
        P: Classifier<Input: Tabular>,
    {
        let said = model.predict_proba(x)?;
        let mut report = Report::of_classes(title, y, &said, &options.interval)?.labels(LabelIssues::find(
            y,
            &said,
            options.interval.row_weights(),
        )?);
        report = report.look_into(&LogLoss, x, y, &said, options)?;
        let told = options.diagnosis.clone();
        let diagnosis = if told.looked_for(Diagnostic::ClassImbalance) { told } else { told.classes(y) };
        report.ask(model, &LogLoss, x, y, diagnosis, options)
    }

    /// Of a regressor, for rows that it has not learned from: scores with intervals, residuals and what they still depend on, and everything
    /// else of [`of_classifier`](Report::of_classifier).
    ///
    /// # Errors
    /// As [`of_values`](Report::of_values) and [`of_classifier`](Report::of_classifier).
    pub fn of_regressor<P>(
        title: &str,
        model: &P,
        x: &P::Input,
        y: &Values,
        options: &ReportOptions<'_>,
    ) -> Result<Self>
    where
        P: Predictor<Input: Tabular, Output = Values>,
    {
        let answers = model.predict(x)?;
        let mut report = Report::of_values(title, y, &answers, &options.interval)?;
        // The tests of residuals know no weights.
        if let (Some(matrix), None) = (x.as_matrix(), options.interval.row_weights()) {
            let level = (1.0 - options.interval.confidence()).min(0.5);
            let found = residual_patterns(y, &answers, matrix, level);
            report = report.noting("what residuals depend on", found, Report::residuals)?;
        }
        report = report.look_into(&MeanAbsoluteError, x, y, &answers, options)?;
        report.ask(model, &MeanAbsoluteError, x, y, options.diagnosis.clone(), options)
    }

    /// Adds the slices of the options, and those for which the answers are worse, by a metric that is a mean over rows: of answers for which there
    /// is no model to ask, such as those of the folds of a [`cross_validate`](crate::cross_validate).
    ///
    /// # Errors
    /// As [`score_slices`] and [`SliceFinder::find`]; of too few rows a note says so.
    pub fn look_into<M: Metric, X: Tabular>(
        mut self,
        metric: &M,
        x: &X,
        truth: &M::Truth,
        prediction: &M::Prediction,
        options: &ReportOptions<'_>,
    ) -> Result<Self> {
        options.ctx.check()?;
        if options.slices.iter().len() > 0 {
            self =
                self.slices(score_slices(metric, truth, prediction, &options.slices, &options.of_slices())?);
        }
        if options.max_slices == 0 {
            return Ok(self);
        }
        let finder = SliceFinder::new().max_slices(options.max_slices).options(options.of_slices());
        self.noting("slices", finder.find(metric, truth, prediction, x), Report::discovered)
    }

    /// Adds what asking the model again tells, and the usual mistakes.
    fn ask<P, M>(
        mut self,
        model: &P,
        metric: &M,
        x: &P::Input,
        y: &M::Truth,
        mut diagnosis: Diagnosis,
        options: &ReportOptions<'_>,
    ) -> Result<Self>
    where
        P: Predictor<Input: Tabular>,
        M: Metric<Truth: Strata> + Judges<P>,
    {
        (self, diagnosis) = self.learned(x, y, diagnosis, options)?;
        let weights = options.interval.row_weights();
        if options.n_repeats > 0 {
            let importance = PermutationImportance::new()
                .n_repeats(options.n_repeats)
                .level(options.interval.confidence())
                .context(options.ctx.child("importance"));
            let importance = weights.map_or(importance.clone(), |weights| importance.weights(weights));
            let importances = importance.measure(model, x, y, metric)?;
            diagnosis = diagnosis.importances(&importances);
            self = self.importances(importances);
        }
        if !options.severities.is_empty() {
            let ways = [Disturbance::Noise, Disturbance::Shift, Disturbance::Exchange];
            let stress =
                Stress::new(ways, options.severities.iter().copied()).context(options.ctx.child("stress"));
            let stress = weights.map_or(stress.clone(), |weights| stress.weights(weights));
            self = self.stress(stress.measure(model, x, y, metric)?);
        }
        if let (Some(matrix), false) = (x.as_matrix(), diagnosis.looked_for(Diagnostic::CorrelatedFeatures)) {
            diagnosis = diagnosis.features(matrix)?;
        }
        Ok(self.findings(diagnosis.find()))
    }

    /// Adds a part, or a note that the rows do not tell it.
    fn noting<T>(self, what: &str, part: Result<T>, add: impl Fn(Self, T) -> Self) -> Result<Self> {
        let why = part.as_ref().err().map(Error::to_string);
        Ok(match where_defined(part)? {
            Some(part) => add(self, part),
            None => self.note(format!("No {what}: {}", why.unwrap_or_default())),
        })
    }
}
