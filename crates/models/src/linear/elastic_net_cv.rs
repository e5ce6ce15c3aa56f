//! The lasso and the elastic net with a strength chosen by cross-validation.

use ndarray::{Array2, ArrayRef2, ArrayView1};
use perennial_core::{
    Capabilities, Error, Estimator, Features, Matrix, Param, Predictor, Result, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::elastic_net::{EPS, MAX_ITER, N_ALPHAS, TOLERANCE};
use super::elastic_net_choice::{Choice, choose};
use super::iterative::IterativeLinearModel;
use crate::folds::{CV, Folds};

pub(super) const L1_RATIOS: Param =
    Param::real("l1_ratios", "the shares of the L1 penalty that are tried").at_least(0.0).at_most(1.0);

/// Settings of a search for a strength, and what only one of them has.
macro_rules! searches {
    ($($(#[$docs:meta])* $name:ident { $($own:ident: $kind:ty = $default:expr)? })*) => {$(
        $(#[$docs])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($own: $kind,)?
            alphas: Option<Vec<f64>>,
            n_alphas: usize,
            eps: f64,
            cv: usize,
            folds: Folds,
            fit_intercept: bool,
            positive: bool,
            max_iter: usize,
            tolerance: f64,
        }

        impl Default for $name {
            fn default() -> Self {
                $name {
                    $($own: $default,)?
                    alphas: None,
                    n_alphas: 100,
                    eps: 1e-3,
                    cv: 5,
                    folds: Folds::Runs,
                    fit_intercept: true,
                    positive: false,
                    max_iter: 10_000,
                    tolerance: 1e-4,
                }
            }
        }

        impl $name {
            /// The numeric settings with their ranges.
            pub const PARAMS: &'static [Param] = &[N_ALPHAS, EPS, CV, MAX_ITER, TOLERANCE];

            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets the strengths that are tried, in the place of a path.
            #[must_use]
            pub fn alphas(mut self, alphas: impl Into<Vec<f64>>) -> Self {
                self.alphas = Some(alphas.into());
                self
            }

            /// Sets whether coefficients must be at least 0.
            #[must_use]
            pub fn positive(mut self, positive: bool) -> Self {
                self.positive = positive;
                self
            }

            /// Sets how many strengths are tried.
            #[must_use]
            pub fn n_alphas(mut self, n_alphas: usize) -> Self {
                self.n_alphas = n_alphas;
                self
            }

            /// Sets the least strength over the largest.
            #[must_use]
            pub fn eps(mut self, eps: f64) -> Self {
                self.eps = eps;
                self
            }

            /// Sets how many folds there are.
            #[must_use]
            pub fn cv(mut self, cv: usize) -> Self {
                self.cv = cv;
                self
            }

            /// Sets which rows are held out together.
            #[must_use]
            pub fn folds(mut self, folds: Folds) -> Self {
                self.folds = folds;
                self
            }

            /// Sets whether the line may miss the origin.
            #[must_use]
            pub fn fit_intercept(mut self, fit_intercept: bool) -> Self {
                self.fit_intercept = fit_intercept;
                self
            }

            /// Sets the most sweeps over the coefficients for each strength.
            #[must_use]
            pub fn max_iter(mut self, max_iter: usize) -> Self {
                self.max_iter = max_iter;
                self
            }

            /// Sets the duality gap at which to stop, as a share of the target's mean square.
            #[must_use]
            pub fn tolerance(mut self, tolerance: f64) -> Self {
                self.tolerance = tolerance;
                self
            }

            fn choice(&self) -> Choice<'_> {
                Choice {
                    alphas: self.alphas.as_deref(),
                    n_alphas: self.n_alphas,
                    eps: self.eps,
                    positive: self.positive,
                    cv: self.cv,
                    folds: &self.folds,
                    fit_intercept: self.fit_intercept,
                    limits: (self.tolerance, self.max_iter),
                }
            }
        }
    )*};
}

searches! {
    /// An elastic net whose strength is chosen by cross-validation.
    ///
    /// For each share `l1_ratio` the path of strengths is followed on each training set, with warm starts and in parallel over
    /// the folds. The strength with the least mean squared error, averaged over the folds,
    /// is fitted to all rows. Products of columns are formed once: those of a training set are the sum of those of its folds.
    /// Row weights are not taken, as a fold would cut through the copies of a row. Sparse rows stay sparse.
    ///
    /// | setting | default | range | meaning |
    /// |---|---|---|---|
    /// | `l1_ratios` | 0.5 | each 0 to 1 | the shares of the L1 penalty that are tried |
    /// | `alphas` | a path | each > 0 | the strengths that are tried, in the place of a path from the least that leaves no coefficient |
    /// | `n_alphas` | 100 | >= 1 | how many strengths are tried |
    /// | `eps` | 1e-3 | 1e-12 to 1 | the least strength over the largest |
    /// | `cv` | 5 | >= 2 | how many folds |
    /// | `folds` | `Runs` | `Runs`, `Shuffled`, `Given` | which rows are held out together |
    /// | `fit_intercept` | true | | whether the line may miss the origin |
    /// | `positive` | false | | whether coefficients must be at least 0 |
    /// | `max_iter` | 10000 | >= 1 | the most sweeps over the coefficients for each strength |
    /// | `tolerance` | 1e-4 | >= 0 | the duality gap at which to stop, as a share of the target's mean square |
    ///
    /// ```
    /// use ndarray::Array2;
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_models::ElasticNetCv;
    ///
    /// let x = Array2::from_shape_fn((40, 3), |(i, j)| ((7 * i + 3 * j * i + j) % 11) as f64);
    /// let y: Values = x.rows().into_iter().map(|row| 2.0 * row[0] - row[1]).collect();
    /// let model = ElasticNetCv::new().fit(&Matrix::from(x), &y)?;
    /// assert!(model.alpha() < 0.1 && (model.model().coefficients()[0] - 2.0).abs() < 0.1);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ElasticNetCv { l1_ratios: Vec<f64> = vec![0.5] }

    /// A lasso whose strength is chosen by cross-validation; see [`ElasticNetCv`] for how.
    ///
    /// | setting | default | range | meaning |
    /// |---|---|---|---|
    /// | `alphas` | a path | each > 0 | the strengths that are tried, in the place of a path from the least that leaves no coefficient |
    /// | `n_alphas` | 100 | >= 1 | how many strengths are tried |
    /// | `eps` | 1e-3 | 1e-12 to 1 | the least strength over the largest |
    /// | `cv` | 5 | >= 2 | how many folds |
    /// | `folds` | `Runs` | `Runs`, `Shuffled`, `Given` | which rows are held out together |
    /// | `fit_intercept` | true | | whether the line may miss the origin |
    /// | `positive` | false | | whether coefficients must be at least 0 |
    /// | `max_iter` | 10000 | >= 1 | the most sweeps over the coefficients for each strength |
    /// | `tolerance` | 1e-4 | >= 0 | the duality gap at which to stop, as a share of the target's mean square |
    ///
    /// ```
    /// use ndarray::Array2;
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_models::LassoCv;
    ///
    /// let x = Array2::from_shape_fn((40, 3), |(i, j)| ((7 * i + 3 * j * i + j) % 11) as f64);
    /// let y: Values = x.rows().into_iter().map(|row| 2.0 * row[0] - row[1]).collect();
    /// let model = LassoCv::new().fit(&Matrix::from(x), &y)?;
    /// assert!((model.model().coefficients()[0] - 2.0).abs() < 0.1);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    LassoCv {}
}

impl ElasticNetCv {
    /// Sets the shares of the L1 penalty that are tried.
    #[must_use]
    pub fn l1_ratios(mut self, l1_ratios: impl Into<Vec<f64>>) -> Self {
        self.l1_ratios = l1_ratios.into();
        self
    }
}

impl Estimator for ElasticNetCv {
    type Input = Matrix;
    type Target = Values;
    type Model = ElasticNetCvModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<ElasticNetCvModel> {
        if self.l1_ratios.is_empty() {
            return Err(Error::invalid_param("l1_ratios", "an empty list", "at least one share"));
        }
        for &ratio in &self.l1_ratios {
            L1_RATIOS.check(ratio)?;
        }
        choose(&self.choice(), &self.l1_ratios, train)
    }

    fn capabilities(&self) -> Capabilities {
        accepted(&self.folds)
    }
}

impl Estimator for LassoCv {
    type Input = Matrix;
    type Target = Values;
    type Model = ElasticNetCvModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<ElasticNetCvModel> {
        choose(&self.choice(), &[1.0], train)
    }

    fn capabilities(&self) -> Capabilities {
        accepted(&self.folds)
    }
}

/// Groups are kept together where rows are dealt out.
fn accepted(folds: &Folds) -> Capabilities {
    match folds {
        Folds::Shuffled => Capabilities::new().sparse().groups(),
        _ => Capabilities::new().sparse(),
    }
}

/// The elastic net of the chosen strength, and the errors that it was chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElasticNetCvModel {
    pub(super) model: IterativeLinearModel,
    pub(super) alpha: f64,
    pub(super) l1_ratio: f64,
    pub(super) alphas: Vec<f64>,
    pub(super) mean_squared_errors: Array2<f64>,
}

impl ElasticNetCvModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.model.features()
    }

    /// The model that was fitted to all rows.
    pub fn model(&self) -> &IterativeLinearModel {
        &self.model
    }

    /// The coefficients.
    pub fn coefficients(&self) -> ArrayView1<'_, f64> {
        self.model.coefficients()
    }

    /// The chosen strength.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The chosen share of the L1 penalty.
    pub fn l1_ratio(&self) -> f64 {
        self.l1_ratio
    }

    /// The strengths that were tried with the chosen share, the largest first.
    pub fn alphas(&self) -> &[f64] {
        &self.alphas
    }

    /// The mean squared error on the held-out rows, strengths x folds, with the chosen share.
    pub fn mean_squared_errors(&self) -> &ArrayRef2<f64> {
        &self.mean_squared_errors
    }
}

impl Predictor for ElasticNetCvModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        self.model.predict(x)
    }
}
