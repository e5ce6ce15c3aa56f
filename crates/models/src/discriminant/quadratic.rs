//! Quadratic discriminant analysis.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Features, Matrix, Param, Predictor, Probabilities,
    Result, Rows, Train,
};
use perennial_numeric::linalg::matmul;
use serde::{Deserialize, Serialize};

use super::spread::{Groups, Whitening, check_shape, covariance, decisions};
use crate::classes::{check_names, given_priors, normalise_scores, probabilities, two_or_more};
use crate::rows::tame;

const REG_PARAM: Param =
    Param::real("reg_param", "how far each covariance is moved to a multiple of the identity")
        .at_least(0.0)
        .at_most(1.0)
        .search(0.0, 1.0);

/// A normal distribution for each class with a covariance of its own.
///
/// Each class needs rows that spread in as many directions as the others; with few rows, raise `reg_param`.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `reg_param` | 0 | 0 to 1 | how far each covariance is moved to a multiple of the identity |
/// | `priors` | shares of the rows | sum to 1 | how probable the classes are beforehand |
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuadraticDiscriminantAnalysis {
    reg_param: f64,
    priors: Option<Vec<f64>>,
}

impl QuadraticDiscriminantAnalysis {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[REG_PARAM];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how far each covariance is moved to a multiple of the identity.
    #[must_use]
    pub fn reg_param(mut self, reg_param: f64) -> Self {
        self.reg_param = reg_param;
        self
    }

    /// Sets how probable the classes are beforehand, in the order of their names.
    #[must_use]
    pub fn priors(mut self, priors: impl Into<Vec<f64>>) -> Self {
        self.priors = Some(priors.into());
        self
    }
}

/// A fitted [`QuadraticDiscriminantAnalysis`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct QuadraticDiscriminantModel {
    features: Features,
    classes: Arc<[String]>,
    priors: Vec<f64>,
    means: Array2<f64>,
    spreads: Vec<Option<Spread>>,
}

/// What takes the covariance of a class to the identity, and the logarithm of its determinant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Spread {
    whiten: Array2<f64>,
    log_det: f64,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    classes: Arc<[String]>,
    priors: Vec<f64>,
    means: Array2<f64>,
    spreads: Vec<Option<Spread>>,
}

impl TryFrom<Parts> for QuadraticDiscriminantModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, classes, priors, means, spreads } = parts;
        check_names(&classes)?;
        check_shape(&features, &classes, &means, &priors)?;
        let sound = |spread: &Spread| {
            spread.whiten.nrows() == features.len()
                && spread.log_det.is_finite()
                && spread.whiten.iter().all(|entry| entry.is_finite())
        };
        if spreads.len() != classes.len()
            || !spreads.iter().flatten().all(sound)
            || spreads.iter().all(Option::is_none)
        {
            return Err(Error::corrupt("the spreads of the quadratic discriminant do not hold together"));
        }
        Ok(QuadraticDiscriminantModel { features, classes, priors, means, spreads })
    }
}

impl Estimator for QuadraticDiscriminantAnalysis {
    type Input = Matrix;
    type Target = Classes;
    type Model = QuadraticDiscriminantModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<QuadraticDiscriminantModel> {
        REG_PARAM.check(self.reg_param)?;
        let (x, y, weights) = (train.x.dense()?, train.y, tame(train.weights));
        let weights = weights.as_deref();
        let priors = given_priors(&self.priors, y.n_classes())?;
        let present = two_or_more(y, weights)?;
        let groups = Groups::new(x, y, weights);
        let priors = groups.priors(priors, y.names())?;
        let mut spreads = vec![None; y.n_classes()];
        for (done, &class) in present.iter().enumerate() {
            train.ctx.step(done, present.len())?;
            let rows: Vec<usize> = (0..x.nrows()).filter(|&row| y.codes()[row] == class).collect();
            let own = groups.centred.select(ndarray::Axis(0), &rows);
            let own_weights: Option<Vec<f64>> =
                weights.map(|weights| rows.iter().map(|&row| weights[row]).collect());
            let name = &y.names()[class as usize];
            let spread =
                covariance(&own, own_weights.as_deref(), groups.totals[class as usize], self.reg_param);
            let Whitening { mut whiten, log_det } =
                Whitening::new(&spread, &format!("the rows of class `{name}`"))?;
            if whiten.ncols() < x.ncols() {
                return Err(Error::singular(format!(
                    "the rows of class `{name}` spread in {} of {} directions, so its distribution cannot be compared with the others; raise `reg_param`, drop columns that are constant or that others determine, or use `LinearDiscriminantAnalysis`",
                    whiten.ncols(),
                    x.ncols()
                )));
            }
            whiten.mapv_inplace(|entry| entry / groups.unit);
            let log_det = log_det + 2.0 * x.ncols() as f64 * groups.unit.ln();
            spreads[class as usize] = Some(Spread { whiten, log_det });
        }
        QuadraticDiscriminantModel::try_from(Parts {
            features: train.x.features().clone(),
            classes: y.shared_names(),
            priors,
            means: groups.means * groups.unit,
            spreads,
        })
        .map_err(|_| Error::overflow("the spreads leave the range of f64; scale the columns first"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl QuadraticDiscriminantModel {
    /// The class names; their order is that of the means.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// How probable each class is beforehand; 0 for classes without rows.
    pub fn priors(&self) -> &[f64] {
        &self.priors
    }

    /// The means, classes x features; 0 for classes without rows.
    pub fn means(&self) -> ArrayView2<'_, f64> {
        self.means.view()
    }

    /// With two classes the log odds of the second, `n_rows` x 1, infinite where one has no prior; with more the logarithms of the
    /// densities of all classes times their priors, but for a constant, `n_rows` x classes, minus infinity for classes without rows or prior.
    ///
    /// # Errors
    /// When the columns are not those it learned from, a value is not finite, or a score leaves the range of `f64`.
    pub fn decision_function(&self, x: &Matrix) -> Result<Array2<f64>> {
        let possible = |(prior, spread): (&f64, &Option<Spread>)| *prior > 0.0 && spread.is_some();
        let possible: Vec<bool> = self.priors.iter().zip(&self.spreads).map(possible).collect();
        decisions(self.scores(x)?, &possible)
    }

    /// The logarithms of the probabilities up to a constant of the row, rows x classes.
    fn scores(&self, x: &Matrix) -> Result<Vec<f64>> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let (n_rows, n_classes) = (x.n_rows(), self.classes.len());
        let mut scores = vec![f64::NEG_INFINITY; n_rows * n_classes];
        for (class, spread) in self.spreads.iter().enumerate() {
            let (Some(spread), true) = (spread, n_rows > 0) else { continue };
            let rows = matmul(&(&x.dense()?.view() - &self.means.row(class)), &spread.whiten);
            let constant = self.priors[class].ln() - 0.5 * spread.log_det;
            for (row, whitened) in rows.rows().into_iter().enumerate() {
                let distance: f64 = whitened.iter().map(|value| value * value).sum();
                scores[row * n_classes + class] = constant - 0.5 * distance;
            }
        }
        Ok(scores)
    }
}

impl Predictor for QuadraticDiscriminantModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for QuadraticDiscriminantModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let mut scores = self.scores(x)?;
        normalise_scores(&mut scores, self.classes.len());
        probabilities(scores, &self.classes)
    }
}
