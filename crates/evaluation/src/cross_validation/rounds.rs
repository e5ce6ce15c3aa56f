//! The fits of one estimator on parts of the rows.

use std::borrow::Borrow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use perennial_core::{Context, Error, Estimator, Result, ResultExt, Rows, Train, check_rows};

use super::{CrossValidation, Validation};
use crate::split::time_train_test;
use crate::tasks;
use crate::{AuditReport, AuditedSplits, Holdout, Split, Splitter, Strata};

/// What becomes of the model of a split.
type Next<'a, M, T> = dyn Fn(&Split, M, Fit) -> Result<T> + Sync + 'a;

/// How a model of a split came about.
pub(super) struct Fit {
    /// How long it took.
    pub(super) seconds: f64,
    /// The rows that it learned from, where others of the training part were set aside to be watched.
    learned: Option<Vec<usize>>,
}

impl Fit {
    /// The rows that the model learned from.
    pub(super) fn learned<'a>(&'a self, split: &'a Split) -> &'a [usize] {
        self.learned.as_deref().unwrap_or(&split.train)
    }
}

/// The fits of one estimator on the parts of the rows.
pub(super) struct Rounds<'a, E: Estimator + ?Sized> {
    pub(super) estimator: &'a E,
    pub(super) x: &'a E::Input,
    pub(super) y: &'a E::Target,
    pub(super) options: &'a CrossValidation<'a>,
    /// The rows that finished fits have learned from, whose memory those to come may use.
    spare: Mutex<Vec<<E::Input as Rows>::Owned>>,
}

impl<'a, E: Estimator<Target: Strata> + ?Sized> Rounds<'a, E> {
    pub(super) fn new(
        estimator: &'a E,
        x: &'a E::Input,
        y: &'a E::Target,
        options: &'a CrossValidation<'a>,
    ) -> Self {
        Rounds { estimator, x, y, options, spare: Mutex::new(Vec::new()) }
    }

    /// The splits of a splitter, with what their sides share.
    pub(super) fn splits(&self, splitter: &dyn Splitter) -> Result<AuditedSplits> {
        if let Some(weights) = self.options.weights
            && weights.len() != self.x.n_rows()
        {
            return Err(Error::length_mismatch("the weights", self.x.n_rows(), weights.len()));
        }
        self.options.splits(self.x, self.y, splitter)
    }

    /// Fits on each split in parallel and passes on the model with how it came about.
    pub(super) fn run<T: Send>(
        &self,
        splitter: &dyn Splitter,
        then: &Next<'_, E::Model, T>,
    ) -> Result<(Vec<T>, AuditReport)> {
        let audited = self.splits(splitter)?;
        let splits = audited.splits();
        let done = AtomicUsize::new(0);
        let done = tasks::try_each(splits.len(), |number| {
            let ctx = &self.options.ctx;
            let round = || {
                let result = self.round(&splits[number], ctx.child(&format!("fold{number}")), then)?;
                ctx.step(done.fetch_add(1, Ordering::Relaxed) + 1, splits.len())?;
                Ok(result)
            };
            round().context(format!("fold {number}"))
        })?;
        Ok((done, audited.report().clone()))
    }

    /// Fits on one split and passes on the model with how it came about.
    pub(super) fn round<T>(
        &self,
        split: &Split,
        ctx: Context,
        then: impl Fn(&Split, E::Model, Fit) -> Result<T>,
    ) -> Result<T> {
        check_rows(&split.test, self.x.n_rows())?;
        ctx.check()?;
        let start = Instant::now();
        let (model, learned) = self.fit(split, ctx)?;
        then(split, model, Fit { seconds: start.elapsed().as_secs_f64(), learned })
    }

    /// The weights of some rows.
    pub(super) fn weights(&self, rows: &[usize]) -> Result<Option<Vec<f64>>> {
        self.options.weights.map(|weights| weights.take(rows)).transpose()
    }

    /// The model, and the rows that it learned from where others were set aside.
    fn fit(&self, split: &Split, ctx: Context) -> Result<(E::Model, Option<Vec<usize>>)> {
        let capabilities = self.estimator.capabilities();
        let watched = match self.options.validation {
            Some(validation) if capabilities.validation => {
                Some(self.set_aside(validation, split, &ctx).context("validation set")?)
            }
            _ => None,
        };
        let learned = watched.as_ref().map_or(&split.train, |watched| &watched.train);
        let spare = self.spare.lock().map_or(None, |mut spare| spare.pop());
        let (x, y) = (self.x.take_into(learned, spare)?, self.y.take(learned)?);
        let weights = self.weights(learned)?;
        let groups = self.options.groups.map(|groups| groups.take(learned)).transpose()?;
        let mut train = Train::new(x.borrow(), y.borrow()).context(ctx);
        train.weights = weights.as_deref();
        train.groups = groups.as_deref();
        let validation = watched
            .as_ref()
            .map(|watched| {
                let groups = self.options.groups.map(|groups| groups.take(&watched.test)).transpose()?;
                let weights = self.weights(&watched.test)?;
                Ok::<_, Error>((self.x.take(&watched.test)?, self.y.take(&watched.test)?, groups, weights))
            })
            .transpose()?;
        if let Some((x, y, groups, weights)) = &validation {
            train.validation = Some((x.borrow(), y.borrow()));
            train.validation_groups = groups.as_deref();
            train.validation_weights = weights.as_deref();
        }
        // Groups may be meant for the splitter alone.
        let model = train.limited_to(&capabilities).fit(self.estimator)?;
        if let Ok(mut spare) = self.spare.lock() {
            spare.push(x);
        }
        Ok((model, watched.map(|watched| watched.train)))
    }

    /// The rows of a training part to learn from and to watch.
    fn set_aside(&self, validation: Validation<'_>, split: &Split, ctx: &Context) -> Result<Split> {
        let rows = &split.train;
        let y = self.y.take(rows)?;
        let y: &E::Target = y.borrow();
        let part = Part::new(self.options, rows)?;
        let ctx = ctx.child("validation");
        let seed = ctx.seed(None);
        let options = part.options(ctx);
        let first = |splitter: &dyn Splitter| {
            let splits = splitter.split(&options.split_inputs(rows.len(), y))?;
            splits.into_iter().next().ok_or_else(|| Error::empty("the splitter gave no splits"))
        };
        let inner = match (validation, &part.groups, &part.times) {
            (Validation::Share(share), None, Some(times)) => time_train_test(times, share)?,
            (Validation::Share(share), ..) => first(&Holdout::new(share).seed(seed))?,
            (Validation::Splitter(splitter), ..) => first(splitter)?,
        };
        let watched = rows.take(&inner.test)?;
        if let Some(weights) = self.weights(&watched)?
            && weights.iter().all(|&weight| weight == 0.0)
        {
            return Err(Error::insufficient_data(format!(
                "the {} rows that are set aside to be watched have no weight, so nothing can be seen on them; set aside a larger \
                 share, or rows with weight by a splitter",
                watched.len()
            )));
        }
        Ok(Split { train: rows.take(&inner.train)?, test: watched })
    }
}

/// What is known of some of the rows.
pub(super) struct Part {
    weights: Option<Vec<f64>>,
    groups: Option<Vec<u32>>,
    times: Option<Vec<i64>>,
    ends: Option<Vec<i64>>,
    coordinates: Option<Vec<[f64; 2]>>,
}

impl Part {
    pub(super) fn new(options: &CrossValidation<'_>, rows: &[usize]) -> Result<Self> {
        Ok(Part {
            weights: options.weights.map(|weights| weights.take(rows)).transpose()?,
            groups: options.groups.map(|groups| groups.take(rows)).transpose()?,
            times: options.times.map(|times| times.take(rows)).transpose()?,
            ends: options.ends.map(|ends| ends.take(rows)).transpose()?,
            coordinates: options.coordinates.map(|places| places.take(rows)).transpose()?,
        })
    }

    /// Options for work on these rows alone.
    pub(super) fn options(&self, ctx: Context) -> CrossValidation<'_> {
        CrossValidation {
            weights: self.weights.as_deref(),
            groups: self.groups.as_deref(),
            times: self.times.as_deref(),
            ends: self.ends.as_deref(),
            coordinates: self.coordinates.as_deref(),
            ctx,
            ..CrossValidation::new()
        }
    }
}
