//! Linear discriminant analysis.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2, Axis};
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param,
    Predictor, Probabilities, Result, Rows, Train, Transformer,
};
use perennial_numeric::linalg::{matmul, svd};
use serde::{Deserialize, Serialize};

use super::spread::{Groups, RELATIVE, Whitening, check_shape, covariance, decisions};
use crate::classes::{check_names, given_priors, normalise_scores, probabilities, two_or_more};
use crate::covariance::LedoitWolf;
use crate::rows::tame;

const SHRINKAGE: Param =
    Param::real("shrinkage", "how far the covariance is moved to a multiple of the identity")
        .at_least(0.0)
        .at_most(1.0)
        .search(0.0, 1.0);
const N_COMPONENTS: Param =
    Param::integer("n_components", "how many directions a transform gives").at_least(1.0);

/// A normal distribution for each class, all of one covariance (Fisher, 1936), so that classes are parted by planes.
///
/// Directions in which no class spreads are left out. The model is a [`Transformer`] too: it gives the directions in which the
/// classes are farthest apart, so that the discriminant may be a step before other models.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `shrinkage` | 0 | 0 to 1 | how far the covariance is moved to a multiple of the identity; for few rows and many columns |
/// | `auto_shrinkage` | false | | whether the shrinkage is found for each class (Ledoit and Wolf, 2004), in units of the deviations of its columns |
/// | `priors` | shares of the rows | sum to 1 | how probable the classes are beforehand |
/// | `n_components` | all | >= 1 | how many directions a transform gives, of at most one less than there are classes |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor, Transformer};
/// use perennial_models::LinearDiscriminantAnalysis;
///
/// let x = Matrix::from(array![[1.0, 2.0], [2.0, 1.0], [1.5, 1.0], [7.0, 8.0], [8.0, 7.0], [7.0, 7.0]]);
/// let y = Classes::from_labels(["a", "a", "a", "b", "b", "b"]);
/// let model = LinearDiscriminantAnalysis::new().fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// assert_eq!(model.transform(&x)?.n_cols(), 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearDiscriminantAnalysis {
    shrinkage: f64,
    auto_shrinkage: bool,
    priors: Option<Vec<f64>>,
    n_components: Option<usize>,
}

impl LinearDiscriminantAnalysis {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[SHRINKAGE, N_COMPONENTS];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how far the covariance is moved to a multiple of the identity.
    #[must_use]
    pub fn shrinkage(mut self, shrinkage: f64) -> Self {
        self.shrinkage = shrinkage;
        self
    }

    /// Sets whether the shrinkage is found from the rows, for each class.
    #[must_use]
    pub fn auto_shrinkage(mut self, auto_shrinkage: bool) -> Self {
        self.auto_shrinkage = auto_shrinkage;
        self
    }

    /// Sets how probable the classes are beforehand, in the order of their names.
    #[must_use]
    pub fn priors(mut self, priors: impl Into<Vec<f64>>) -> Self {
        self.priors = Some(priors.into());
        self
    }

    /// Sets how many directions a transform gives.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = Some(n_components);
        self
    }
}

/// A fitted [`LinearDiscriminantAnalysis`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct LinearDiscriminantModel {
    features: Features,
    classes: Arc<[String]>,
    priors: Vec<f64>,
    means: Array2<f64>,
    /// The mean of the classes.
    centre: Vec<f64>,
    /// Features x rank: takes the covariance to the identity.
    whiten: Array2<f64>,
    /// Features x directions: those in which the classes are farthest apart.
    directions: Array2<f64>,
    ratios: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    classes: Arc<[String]>,
    priors: Vec<f64>,
    means: Array2<f64>,
    centre: Vec<f64>,
    whiten: Array2<f64>,
    directions: Array2<f64>,
    ratios: Vec<f64>,
}

impl TryFrom<Parts> for LinearDiscriminantModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, classes, priors, means, centre, whiten, directions, ratios } = parts;
        check_names(&classes)?;
        check_shape(&features, &classes, &means, &priors)?;
        let n = features.len();
        let numbers = centre.iter().chain(&whiten).chain(&directions).chain(&ratios);
        let sound = centre.len() == n
            && whiten.nrows() == n
            && directions.nrows() == n
            && directions.ncols() == ratios.len()
            && numbers.clone().all(|number| number.is_finite());
        if !sound {
            return Err(Error::corrupt("the directions of the linear discriminant do not hold together"));
        }
        Ok(LinearDiscriminantModel { features, classes, priors, means, centre, whiten, directions, ratios })
    }
}

/// Deviations of less than this share of the mean are what rounding left.
const CONSTANT: f64 = 1e-13;

/// The mean of the covariances of the classes, each shrunk by as much as its rows ask for.
fn found_covariance(
    groups: &Groups,
    y: &Classes,
    weights: Option<&[f64]>,
    train: &Train<'_, Matrix, Classes>,
) -> Result<Array2<f64>> {
    let width = groups.centred.ncols();
    let total: f64 = groups.totals.iter().sum();
    let own_unit = (1.0 / groups.unit).min(1e100);
    let mut sum = Array2::zeros((width, width));
    for (class, own) in groups.totals.iter().enumerate().filter(|(_, own)| **own > 0.0) {
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let rows: Vec<usize> = (0..y.codes().len())
            .filter(|&row| y.codes()[row] as usize == class && weight(row) > 0.0)
            .collect();
        let kept: Vec<f64> = rows.iter().map(|&row| weight(row)).collect();
        let mut cells = groups.centred.select(Axis(0), &rows);
        let mut deviations = Array1::zeros(width);
        let means = groups.means.row(class);
        for ((mut column, deviation), mean) in cells.columns_mut().into_iter().zip(&mut deviations).zip(means)
        {
            let square: f64 =
                column.iter().zip(&kept).map(|(value, weight)| weight / own * value * value).sum();
            // A column that is constant here is in its own unit: 1.0 of the common one would drown narrow columns.
            let constant = square.sqrt() <= CONSTANT * mean.abs();
            *deviation = if constant { own_unit } else { square.sqrt() };
            if constant {
                column.fill(0.0);
            }
            column.mapv_inplace(|value| value / *deviation);
        }
        let cells = Matrix::from(cells);
        let part = Train::new(&cells, &NoTarget).weights(&kept).context(train.ctx.clone());
        let shrunk = LedoitWolf::new().fit_on(&part)?;
        let share = own / total;
        for ((i, j), value) in shrunk.covariance().indexed_iter() {
            sum[[i, j]] += share * (value * deviations[i] * deviations[j]);
        }
    }
    Ok(sum)
}

impl Estimator for LinearDiscriminantAnalysis {
    type Input = Matrix;
    type Target = Classes;
    type Model = LinearDiscriminantModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<LinearDiscriminantModel> {
        SHRINKAGE.check(self.shrinkage)?;
        self.n_components.map_or(Ok(()), |n| N_COMPONENTS.check_count(n))?;
        if self.auto_shrinkage && self.shrinkage > 0.0 {
            return Err(Error::invalid_param("shrinkage", self.shrinkage, "0, as `auto_shrinkage` finds it"));
        }
        let (x, y, weights) = (train.x.dense()?, train.y, tame(train.weights));
        let weights = weights.as_deref();
        let priors = given_priors(&self.priors, y.n_classes())?;
        two_or_more(y, weights)?;
        let groups = Groups::new(x, y, weights);
        let priors = groups.priors(priors, y.names())?;
        train.ctx.check()?;
        let total: f64 = groups.totals.iter().sum();
        let within = match self.auto_shrinkage {
            true => found_covariance(&groups, y, weights, train)?,
            false => covariance(&groups.centred, weights, total, self.shrinkage),
        };
        let whitening = Whitening::new(&within, "the rows around the means of their classes")?;
        train.ctx.check()?;
        // The spread of the means, in directions of unit spread within the classes.
        let present: Vec<usize> = (0..priors.len()).filter(|&class| groups.totals[class] > 0.0).collect();
        let share = |class: usize| groups.totals[class] / total;
        let mut centre = Array1::<f64>::zeros(x.ncols());
        present.iter().for_each(|&class| centre.scaled_add(share(class), &groups.means.row(class)));
        let mut between = Array2::zeros((present.len(), x.ncols()));
        for (mut row, &class) in between.rows_mut().into_iter().zip(&present) {
            row.assign(&(&groups.means.row(class) - &centre));
            row *= share(class).sqrt();
        }
        let apart = svd(&matmul(&between, &whitening.whiten))?;
        let spread: f64 = apart.s.iter().map(|s| s * s).sum();
        let largest = apart.s.iter().copied().fold(0.0, f64::max);
        let n_directions = apart.s.iter().filter(|s| **s > RELATIVE * largest && **s > 0.0).count();
        let n_directions = n_directions.min(present.len() - 1).min(self.n_components.unwrap_or(usize::MAX));
        let kept = apart.vt.slice(ndarray::s![..n_directions, ..]);
        let mut directions = matmul(&whitening.whiten, &kept.t());
        let ratios = apart.s.iter().take(n_directions).map(|s| s * s / spread).collect();
        let unit = groups.unit;
        directions.mapv_inplace(|entry| entry / unit);
        centre.mapv_inplace(|mean| mean * unit);
        LinearDiscriminantModel::try_from(Parts {
            features: train.x.features().clone(),
            classes: y.shared_names(),
            priors,
            means: groups.means * unit,
            centre: centre.to_vec(),
            whiten: whitening.whiten / unit,
            directions,
            ratios,
        })
        .map_err(|_| Error::overflow("the directions leave the range of f64; scale the columns first"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl LinearDiscriminantModel {
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
    /// probabilities of all classes up to a constant of the row, `n_rows` x classes, minus infinity for classes without rows or prior.
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Classes, Estimator, Matrix};
    /// use perennial_models::LinearDiscriminantAnalysis;
    ///
    /// let x = Matrix::from(array![[0.0], [2.0], [4.0], [6.0]]);
    /// let y = Classes::from_labels(["low", "low", "tall", "tall"]);
    /// let model = LinearDiscriminantAnalysis::new().fit(&x, &y)?;
    /// // The border lies in the middle of the means 1 and 5; rows spread by 1 around them.
    /// let odds = model.decision_function(&Matrix::from(array![[3.0], [4.0]]))?;
    /// assert!(odds[[0, 0]].abs() < 1e-12 && (odds[[1, 0]] - 4.0).abs() < 1e-12);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the columns are not those it learned from, a value is not finite, or a score leaves the range of `f64`.
    pub fn decision_function(&self, x: &Matrix) -> Result<Array2<f64>> {
        let possible: Vec<bool> = self.priors.iter().map(|prior| *prior > 0.0).collect();
        decisions(self.scores(x)?, &possible)
    }

    /// The logarithms of the probabilities up to a constant of the row, rows x classes.
    fn scores(&self, x: &Matrix) -> Result<Vec<f64>> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let n_classes = self.classes.len();
        if x.n_rows() == 0 {
            return Ok(Vec::new());
        }
        let centre = Array1::from(self.centre.clone());
        let means = matmul(&(&self.means - &centre), &self.whiten);
        // What all classes share, the length of the row, is left out.
        let weights = matmul(&self.whiten, &means.t());
        let products = matmul(&(&x.dense()?.view() - &centre), &weights);
        let constant = |class: usize| self.priors[class].ln() - 0.5 * means.row(class).dot(&means.row(class));
        let constants: Array1<f64> = (0..n_classes).map(constant).collect();
        Ok((products + constants).into_raw_vec_and_offset().0)
    }

    /// The share of the spread of the means that lies in each direction.
    pub fn explained_variance_ratio(&self) -> &[f64] {
        &self.ratios
    }
}

impl FitTransform for LinearDiscriminantAnalysis {}

impl Transformer for LinearDiscriminantModel {
    type Input = Matrix;
    type Output = Matrix;

    /// The rows in the directions in which the classes are farthest apart, `n_rows` x at most classes - 1.
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let centred = &x.dense()?.view() - &Array1::from(self.centre.clone());
        let out = match x.n_rows() {
            0 => Array2::zeros((0, self.ratios.len())),
            _ => matmul(&centred, &self.directions),
        };
        if !out.iter().all(|value| value.is_finite()) {
            return Err(Error::overflow(
                "a projection leaves the range of f64; check the units of the input",
            ));
        }
        Matrix::from(out).with_names((0..self.ratios.len()).map(|i| format!("ld{i}")))
    }
}

impl Predictor for LinearDiscriminantModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for LinearDiscriminantModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let mut scores = self.scores(x)?;
        normalise_scores(&mut scores, self.classes.len());
        probabilities(scores, &self.classes)
    }
}
