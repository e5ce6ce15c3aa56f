//! Everything a fit may look at.

use crate::target::check_numbers;
use crate::{AsTarget, Capabilities, Context, Error, ErrorKind, Estimator, PartialFit, Result, Rows};

/// The data and the surroundings of one fit.
///
/// ```no_run
/// # use perennial_core::{Context, Estimator, Matrix, Result, Train, Values};
/// # fn demo<E: Estimator<Input = Matrix, Target = Values>>(ridge: E, x: Matrix, y: Values, w: Vec<f64>) -> Result<()> {
/// let model = Train::new(&x, &y).weights(&w).context(Context::new().with_seed(7)).fit(&ridge)?;
/// # Ok(()) }
/// ```
#[non_exhaustive]
pub struct Train<'a, X: ?Sized, Y: ?Sized> {
    /// The input, one row per example.
    pub x: &'a X,
    /// The target, one row per example.
    pub y: &'a Y,
    /// How much each row counts; a weight of 2 means what two copies of the row would.
    pub weights: Option<&'a [f64]>,
    /// Which rows belong together.
    pub groups: Option<&'a [u32]>,
    /// Rows to watch while learning, for early stopping.
    pub validation: Option<(&'a X, &'a Y)>,
    /// Which rows of the validation set belong together.
    pub validation_groups: Option<&'a [u32]>,
    /// How much each row of the validation set counts in what is watched.
    pub validation_weights: Option<&'a [f64]>,
    /// Seed, progress and cancelling.
    pub ctx: Context,
}

impl<'a, X: ?Sized, Y: ?Sized> Train<'a, X, Y> {
    /// Plain rows: no weights, groups or validation set, and a new context.
    pub fn new(x: &'a X, y: &'a Y) -> Self {
        Train {
            x,
            y,
            weights: None,
            groups: None,
            validation: None,
            validation_groups: None,
            validation_weights: None,
            ctx: Context::new(),
        }
    }

    /// Weighs the rows.
    #[must_use]
    pub fn weights(mut self, weights: &'a [f64]) -> Self {
        self.weights = Some(weights);
        self
    }

    /// Says which rows belong together.
    #[must_use]
    pub fn groups(mut self, groups: &'a [u32]) -> Self {
        self.groups = Some(groups);
        self
    }

    /// Sets rows aside to watch while learning.
    #[must_use]
    pub fn validation(mut self, x: &'a X, y: &'a Y) -> Self {
        self.validation = Some((x, y));
        self
    }

    /// Says which rows of the validation set belong together.
    #[must_use]
    pub fn validation_groups(mut self, groups: &'a [u32]) -> Self {
        self.validation_groups = Some(groups);
        self
    }

    /// Weighs the rows of the validation set: without this each of them counts as much, whatever the weights of the rows to
    /// learn from.
    #[must_use]
    pub fn validation_weights(mut self, weights: &'a [f64]) -> Self {
        self.validation_weights = Some(weights);
        self
    }

    /// Sets seed, progress and cancelling.
    #[must_use]
    pub fn context(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }

    /// The weight of a row; 1 where there are no weights.
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    /// The same rows with no more beside them than an estimator declares to use: of groups and a validation set
    /// that are meant for one step of a pipeline, the others are not told.
    #[must_use]
    pub fn limited_to(mut self, accepts: &Capabilities) -> Self {
        if !accepts.groups {
            self.groups = None;
            self.validation_groups = None;
        }
        if !accepts.validation {
            self.validation = None;
            self.validation_groups = None;
            self.validation_weights = None;
        }
        self
    }

    /// The same rows with the target as another step reads it.
    pub fn with_target<Z: ?Sized>(&self) -> Train<'a, X, Z>
    where
        Y: AsTarget<Z>,
    {
        Train {
            x: self.x,
            y: self.y.as_target(),
            weights: self.weights,
            groups: self.groups,
            validation: self.validation.map(|(x, y)| (x, y.as_target())),
            validation_groups: self.validation_groups,
            validation_weights: self.validation_weights,
            ctx: self.ctx.clone(),
        }
    }

    /// The same rows with another target, such as one class against the rest.
    pub fn with_targets<'b, Z: ?Sized>(&self, y: &'b Z, validation: Option<&'b Z>) -> Train<'b, X, Z>
    where
        'a: 'b,
    {
        Train {
            x: self.x,
            y,
            weights: self.weights,
            groups: self.groups,
            validation: validation.and_then(|y| self.validation.map(|(x, _)| (x, y))),
            validation_groups: validation.and(self.validation_groups),
            validation_weights: validation.and(self.validation_weights),
            ctx: self.ctx.clone(),
        }
    }

    /// The same rows and target with another input, such as the output of a step.
    pub fn with_input<'b, Z: ?Sized>(&self, x: &'b Z, validation: Option<&'b Z>) -> Train<'b, Z, Y>
    where
        'a: 'b,
    {
        Train {
            x,
            y: self.y,
            weights: self.weights,
            groups: self.groups,
            validation: validation.and_then(|x| self.validation.map(|(_, y)| (x, y))),
            validation_groups: validation.and(self.validation_groups),
            validation_weights: validation.and(self.validation_weights),
            ctx: self.ctx.clone(),
        }
    }
}

impl<X: ?Sized + Rows + Sync, Y: ?Sized + Rows + Sync> Train<'_, X, Y> {
    /// Checks the data against what the estimator takes, then fits it.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, weights are negative, not finite or all zero, a value is
    /// not acceptable, a setting is wrong, or the data does not allow a fit.
    pub fn fit<E>(&self, estimator: &E) -> Result<E::Model>
    where
        E: Estimator<Input = X, Target = Y> + ?Sized,
    {
        self.check(&Capabilities { looks_itself: estimator.checks_finite(), ..estimator.capabilities() })?;
        estimator.fit_on(self)
    }

    /// Checks the data as [`fit`](Train::fit) does, then lets a model go on learning from it: the way for further rows that
    /// have weights.
    ///
    /// # Errors
    /// As for [`fit`](Train::fit), and when the columns or the classes are not those of the model.
    pub fn partial_fit<E>(&self, estimator: &E, model: E::Model) -> Result<E::Model>
    where
        E: PartialFit<Input = X, Target = Y> + ?Sized,
    {
        self.check(&estimator.capabilities())?;
        estimator.partial_fit_on(model, self)
    }

    /// Checks the data against what an estimator takes.
    ///
    /// # Errors
    /// As for [`fit`](Train::fit), but for settings.
    pub fn check(&self, accepts: &Capabilities) -> Result<()> {
        let n_rows = self.x.n_rows();
        if n_rows == 0 {
            return Err(Error::empty("the input has no rows"));
        }
        if !self.y.matches(n_rows) {
            return Err(Error::length_mismatch("the target", n_rows, self.y.n_rows()));
        }
        if let Some(weights) = self.weights {
            check_weights(weights, n_rows)?;
            if !accepts.weights {
                return Err(Error::unsupported(
                    "this estimator does not use row weights; fit without them, or choose one that does",
                ));
            }
        }
        if let Some(groups) = self.groups {
            if groups.len() != n_rows {
                return Err(Error::length_mismatch("the groups", n_rows, groups.len()));
            }
            if !accepts.groups {
                return Err(Error::unsupported("this estimator does not use row groups; fit without them"));
            }
        }
        self.x.admit(accepts)?;
        self.y.admit(accepts)?;
        if let Some((x, y)) = self.validation {
            if !accepts.validation {
                return Err(Error::unsupported(
                    "this estimator does not look at a validation set; fit without one, and score the model on it",
                ));
            }
            if x.n_rows() == 0 {
                return Err(Error::empty("the validation set has no rows"));
            }
            if !y.matches(x.n_rows()) {
                return Err(Error::length_mismatch("the validation target", x.n_rows(), y.n_rows()));
            }
            if let Some(groups) = self.validation_groups {
                if groups.len() != x.n_rows() {
                    return Err(Error::length_mismatch("the validation groups", x.n_rows(), groups.len()));
                }
                if !accepts.groups {
                    return Err(Error::unsupported(
                        "this estimator does not use row groups; fit without `validation_groups`",
                    ));
                }
            }
            if let Some(weights) = self.validation_weights {
                check_weights(weights, x.n_rows()).map_err(|error| error.context("validation set"))?;
                if !accepts.weights {
                    return Err(Error::unsupported(
                        "this estimator does not use row weights; fit without `validation_weights`",
                    ));
                }
            }
            x.admit(accepts).map_err(|error| error.context("validation set"))?;
            y.admit(accepts).map_err(|error| error.context("validation set"))?;
        }
        if self.validation.is_none() && self.validation_groups.is_some() {
            return Err(Error::unsupported("there are `validation_groups`, but no validation set"));
        }
        if self.validation.is_none() && self.validation_weights.is_some() {
            return Err(Error::unsupported("there are `validation_weights`, but no validation set"));
        }
        self.ctx.check()
    }
}

/// Refuses weights that are negative, not finite, all zero, or of the wrong number.
///
/// # Errors
/// Names the first weight that is wrong.
pub fn check_weights(weights: &[f64], n_rows: usize) -> Result<()> {
    if weights.len() != n_rows {
        return Err(Error::length_mismatch("the weights", n_rows, weights.len()));
    }
    check_numbers("the weights", weights)?;
    if let Some(row) = weights.iter().position(|&weight| weight < 0.0) {
        return Err(Error::new(ErrorKind::InvalidParam {
            name: "weights".into(),
            value: format!("{} at row {row}", weights[row]),
            expected: "numbers >= 0".into(),
        }));
    }
    if weights.iter().all(|&weight| weight == 0.0) {
        return Err(Error::insufficient_data(
            "all weights are zero, so no row counts; give at least one a positive weight",
        ));
    }
    Ok(())
}

impl<X: ?Sized, Y: ?Sized> Clone for Train<'_, X, Y> {
    fn clone(&self) -> Self {
        Train {
            x: self.x,
            y: self.y,
            weights: self.weights,
            groups: self.groups,
            validation: self.validation,
            validation_groups: self.validation_groups,
            validation_weights: self.validation_weights,
            ctx: self.ctx.clone(),
        }
    }
}

impl<X: ?Sized + Rows, Y: ?Sized> std::fmt::Debug for Train<'_, X, Y> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Train")
            .field("n_rows", &self.x.n_rows())
            .field("weighted", &self.weights.is_some())
            .field("grouped", &self.groups.is_some())
            .field("validated", &self.validation.is_some())
            .field("ctx", &self.ctx)
            .finish()
    }
}
