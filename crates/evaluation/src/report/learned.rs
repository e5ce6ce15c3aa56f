//! What a report is told of how the model came about.

use std::fmt;
use std::sync::Arc;

use perennial_core::{Error, Estimator, Matrix, Predictor, Result, ResultExt};

use super::{Report, ReportOptions};
use crate::metric::where_defined;
use crate::{
    ComparisonOptions, CrossValidated, CrossValidation, Diagnosis, Diagnostic, IntervalOptions, Judges,
    Metric, ModelTable, Splitter, Strata, Tabular, cross_validate, learning_curve,
};

/// The shares of the rows that a learning curve learns from.
const SHARES: [f64; 5] = [0.1, 0.325, 0.55, 0.775, 1.0];
/// What the model of the report is called among others.
const MODEL: &str = "model";

/// Work that is done when the report is made.
pub(super) struct Work<'a, T>(Arc<Worker<'a, T>>);

type Worker<'a, T> = dyn Fn(&ReportOptions<'a>) -> Result<T> + Send + Sync + 'a;

impl<T> Clone for Work<'_, T> {
    fn clone(&self) -> Self {
        Work(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Work<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Work(..)")
    }
}

/// Models on the same folds, and the scores of the model and of the best baseline.
#[derive(Debug)]
pub(super) struct Compared {
    table: ModelTable,
    model: CrossValidated<(), ()>,
    baseline: CrossValidated<(), ()>,
}

/// Rows with a number for each, which is that of two classes where they have names.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    x: Matrix,
    y: Vec<f64>,
    classes: Vec<String>,
}

impl Rows {
    /// Nothing where the rows are no matrix, or the target is neither numbers nor two classes.
    fn new<X: Tabular, Y: Strata + ?Sized>(x: &X, y: &Y) -> Option<Self> {
        let x = x.as_matrix()?.clone();
        if let Some(numbers) = y.numbers() {
            return Some(Rows { x, y: numbers.to_vec(), classes: Vec::new() });
        }
        let own = y.classes()?;
        let mut classes = own.names().to_vec();
        classes.sort();
        let [_, second] = &classes[..] else { return None };
        let is_second = |&code: &u32| f64::from(u8::from(own.names()[code as usize] == *second));
        Some(Rows { x, y: own.codes().iter().map(is_second).collect(), classes })
    }
}

impl<'a> ReportOptions<'a> {
    /// Tells the rows that the model has learned from, so that the report looks for features that tell something else of the target here
    /// ([`Diagnosis::relations`]); of numbers and of two classes, where rows are a matrix.
    #[must_use]
    pub fn learned_from<X: Tabular, Y: Strata + ?Sized>(mut self, x: &X, y: &Y) -> Self {
        self.learned = Rows::new(x, y);
        self
    }

    /// Sets weights, groups, times and audit of the rows of [`learning_curve`](ReportOptions::learning_curve) and
    /// [`baselines`](ReportOptions::baselines).
    #[must_use]
    pub fn cross_validation(mut self, options: CrossValidation<'a>) -> Self {
        self.cross_validation = options;
        self
    }

    /// Asks for the [`learning_curve`] of the estimator: how it does when it learns from a tenth to all of the rows of each training part.
    /// The rows are those that the model has learned from, not those of the report.
    ///
    /// ```no_run
    /// # use perennial_core::{Classifier, Classes, Estimator, Matrix, Result};
    /// use perennial_evaluation::metric::LogLoss;
    /// use perennial_evaluation::split::StratifiedKFold;
    /// use perennial_evaluation::{Report, ReportOptions};
    ///
    /// # fn report<E>(boosting: &E, prior: E, train: (Matrix, Classes), test: (Matrix, Classes)) -> Result<Report>
    /// # where E: Estimator<Input = Matrix, Target = Classes, Model: Classifier<Input = Matrix>> {
    /// let (x, y) = &train;
    /// let model = boosting.fit(x, y)?;
    /// let options = ReportOptions::new()
    ///     .learned_from(x, y)
    ///     .learning_curve(boosting, x, y, StratifiedKFold::new(5), LogLoss)
    ///     .baselines(boosting, [("prior", prior)], x, y, StratifiedKFold::new(5), LogLoss);
    /// Report::of_classifier("Boosting", &model, &test.0, &test.1, &options)
    /// # }
    /// ```
    #[must_use]
    pub fn learning_curve<E, S, M>(
        mut self,
        estimator: &'a E,
        x: &'a E::Input,
        y: &'a E::Target,
        splitter: S,
        metric: M,
    ) -> Self
    where
        E: Estimator<Target: Strata> + ?Sized,
        E::Model: Predictor<Input = E::Input>,
        S: Splitter + 'a,
        M: Metric<Truth = E::Target> + Judges<E::Model> + 'a,
    {
        self.curve = Some(Work(Arc::new(move |options: &ReportOptions<'a>| {
            let told = options.cross_validation.clone().context(options.ctx.child("learning_curve"));
            learning_curve(estimator, x, y, &splitter, &metric, &SHARES, &told).context("the learning curve")
        })));
        self
    }

    /// Asks for a [`ModelTable`] of the estimator beside baselines, cross-validated on the same folds, and tells the diagnosis whether the
    /// estimator learns by heart, too little, or nothing that the best baseline does not know. Each baseline has a name; the estimator is called
    /// `model`. The rows are those that the model has learned from. A diagnosis that was told scores before keeps them, and is told nothing of
    /// these; a note says so where it knows no baseline.
    #[must_use]
    pub fn baselines<N, E, B, S, M>(
        mut self,
        estimator: &'a E,
        baselines: impl IntoIterator<Item = (N, B)>,
        x: &'a E::Input,
        y: &'a E::Target,
        splitter: S,
        metric: M,
    ) -> Self
    where
        N: Into<String>,
        E: Estimator<Target: Strata> + ?Sized,
        E::Model: Predictor<Input = E::Input>,
        B: Estimator<Input = E::Input, Target = E::Target> + 'a,
        B::Model: Predictor<Input = E::Input>,
        S: Splitter + 'a,
        M: Metric<Truth = E::Target> + Judges<E::Model> + Judges<B::Model> + 'a,
    {
        let baselines: Vec<(String, B)> =
            baselines.into_iter().map(|(name, baseline)| (name.into(), baseline)).collect();
        self.models = Some(Work(Arc::new(move |options: &ReportOptions<'a>| {
            // The same seeds for all, so that folds are the same.
            let told = options
                .cross_validation
                .clone()
                .context(options.ctx.child("baselines"))
                .keep_predictions(false)
                .keep_models(false)
                .with_train_scores(true);
            let model = cross_validate(estimator, x, y, &splitter, &metric, &told)
                .context("the model beside baselines")?;
            let score = |(name, baseline): &(String, B)| {
                let scored = cross_validate(baseline, x, y, &splitter, &metric, &told)
                    .context(format!("baseline `{name}`"))?;
                Ok((name.clone(), scored.scores_only()))
            };
            let scored = baselines.iter().map(score).collect::<Result<Vec<_>>>()?;
            compared(model.scores_only(), &scored, options.interval.confidence())
        })));
        self
    }
}

fn compared(
    model: CrossValidated<(), ()>,
    baselines: &[(String, CrossValidated<(), ()>)],
    level: f64,
) -> Result<Compared> {
    let sign = if model.higher_is_better { 1.0 } else { -1.0 };
    let best = baselines.iter().max_by(|a, b| (sign * a.1.mean()).total_cmp(&(sign * b.1.mean())));
    let ([(name, first), others @ ..], Some((_, best))) = (baselines, best) else {
        return Err(Error::empty("there are no baselines"));
    };
    let options = ComparisonOptions::new().interval(IntervalOptions::new().level(level));
    let table = ModelTable::new(name, first).baselines(others).model(MODEL, &model).compare(&options)?;
    Ok(Compared { table, baseline: best.clone(), model })
}

impl Report {
    /// Adds what is told of how the model came about, and tells it to the diagnosis.
    pub(super) fn learned<X: Tabular, Y: Strata + ?Sized>(
        mut self,
        x: &X,
        y: &Y,
        mut diagnosis: Diagnosis,
        options: &ReportOptions<'_>,
    ) -> Result<(Self, Diagnosis)> {
        options.ctx.check()?;
        if let Some(Work(curve)) = &options.curve {
            self = self.curve(curve(options)?);
        }
        if let Some(Work(models)) = &options.models {
            let Compared { table, model, baseline } = models(options)?;
            if !diagnosis.looked_for(Diagnostic::Overfit) {
                diagnosis = diagnosis.against(&model, &baseline)?;
            } else if !diagnosis.looked_for(Diagnostic::NoBetterThanBaseline) {
                self = self.note(
                    "The diagnosis was told other scores of the model, so it does not compare it with the baselines; the table of models does.",
                );
            }
            self = self.models(table);
        }
        let known = options.learned.as_ref().zip(Rows::new(x, y));
        if let Some((own, tested)) = known
            && own.classes == tested.classes
            && !diagnosis.looked_for(Diagnostic::RelationChange)
        {
            let told = diagnosis.clone().relations(&own.x, &own.y, &tested.x, &tested.y);
            let why = told.as_ref().err().map(ToString::to_string);
            match where_defined(told)? {
                Some(told) => diagnosis = told,
                None => self = self.note(format!("No relations: {}", why.unwrap_or_default())),
            }
        }
        Ok((self, diagnosis))
    }
}
