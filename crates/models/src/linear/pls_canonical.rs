//! Canonical partial least squares and canonical correlation.

use ndarray::{Array1, Array2, ArrayRef2, ArrayView1};
use perennial_core::{
    Capabilities, Error, Estimator, Features, FitTransform, Matrix, Outputs, Param, Predictor, Result, Train,
    Transformer,
};
use perennial_numeric::linalg::{Svd, matmul, svd};
use serde::{Deserialize, Serialize};

use super::iterative::Search;
use super::multi_model::MultiLinearModel;
use super::pls::{N_COMPONENTS, NOTHING, PlsModel, Scaled, norm, scores};
use crate::setters::setters;

/// Singular values below this share of the largest are rounding, as for scikit-learn.
const RANK: f64 = 1e6 * f64::EPSILON;

/// Canonical partial least squares (Wold, 1975; PLS C2A of Wegelin, 2000): pairs of a direction of the features and one of
/// the outputs whose scores vary together most.
///
/// Each pair is the first pair of singular vectors of the covariances; what its scores explain is taken away from the
/// features and from the outputs, each by its own. Features and outputs are treated alike: to predict, [`PlsRegression`](super::PlsRegression)
/// is made. All work is done on the triangular factor of the rows, so it takes one pass over them.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 2 | 1 to the columns, and to the outputs | the most pairs; fewer where nothing is left to explain |
/// | `scale` | true | | whether columns and outputs are divided by their deviations |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Outputs, Transformer};
/// use perennial_models::PlsCanonical;
///
/// let x = Matrix::from(array![[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [2.0, 2.0, 2.0], [2.0, 5.0, 4.0]]);
/// let y = Outputs::from(array![[0.1, -0.2], [0.9, 1.1], [6.2, 5.9], [11.9, 12.3]]);
/// let model = PlsCanonical::new().fit(&x, &y)?;
/// assert_eq!(model.transform(&x)?.n_cols(), 2);
/// assert_eq!(model.transform_outputs(&y)?.values().dim(), (4, 2));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlsCanonical {
    n_components: usize,
    scale: bool,
}

/// Canonical correlation analysis (Hotelling, 1936; PLS mode B of Wegelin, 2000): pairs of a direction of the features and
/// one of the outputs whose scores correlate most.
///
/// What the scores of a pair explain is taken away before the next one is looked for. Where columns depend on each other
/// the shortest directions are taken. Of fewer rows than columns everything correlates with everything; then take
/// [`PlsCanonical`]. All work is done on the triangular factor of the rows, so it takes one pass over them.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 2 | 1 to the columns, and to the outputs | the most pairs; fewer where nothing is left to explain |
/// | `scale` | true | | whether columns and outputs are divided by their deviations |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Outputs, Transformer};
/// use perennial_models::Cca;
///
/// let x = Matrix::from(array![[0.0, 0.0], [1.0, 0.0], [2.0, 2.0], [3.0, 5.0], [4.0, 4.0]]);
/// let y = Outputs::from(array![[0.1, -0.2], [0.9, 1.1], [6.2, 5.9], [11.9, 12.3], [12.0, 11.7]]);
/// let model = Cca::new().n_components(1).fit(&x, &y)?;
/// let (a, b) = (model.transform(&x)?, model.transform_outputs(&y)?);
/// assert!(a.dense()?[[4, 0]] > 0.0 && b.values()[[4, 0]] > 0.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cca {
    n_components: usize,
    scale: bool,
}

impl Default for PlsCanonical {
    fn default() -> Self {
        PlsCanonical { n_components: 2, scale: true }
    }
}

impl Default for Cca {
    fn default() -> Self {
        Cca { n_components: 2, scale: true }
    }
}

setters!(PlsCanonical {
    /// Sets the most pairs.
    n_components: usize,
    /// Sets whether columns and outputs are divided by their deviations.
    scale: bool,
});

setters!(Cca {
    /// Sets the most pairs.
    n_components: usize,
    /// Sets whether columns and outputs are divided by their deviations.
    scale: bool,
});

impl PlsCanonical {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS];
}

impl Cca {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS];
}

impl Estimator for PlsCanonical {
    type Input = Matrix;
    type Target = Outputs;
    type Model = PlsCanonicalModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Outputs>) -> Result<PlsCanonicalModel> {
        fit(train, self.n_components, self.scale, covarying)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl Estimator for Cca {
    type Input = Matrix;
    type Target = Outputs;
    type Model = PlsCanonicalModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Outputs>) -> Result<PlsCanonicalModel> {
        fit(train, self.n_components, self.scale, correlating)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// A direction of the columns and one of the outputs, of any length and sign.
type Directions = Option<(Array1<f64>, Array1<f64>)>;

/// The directions whose scores vary together most.
fn covarying(x: &Array2<f64>, y: &Array2<f64>) -> Result<Directions> {
    let Svd { u, vt, .. } = svd(&matmul(&x.t().to_owned(), y))?;
    Ok(Some((u.column(0).to_owned(), vt.row(0).to_owned())))
}

/// The directions whose scores correlate most.
fn correlating(x: &Array2<f64>, y: &Array2<f64>) -> Result<Directions> {
    let (x, y) = (svd(x)?, svd(y)?);
    let rank = |s: &Array1<f64>| s.iter().filter(|value| **value > RANK * s[0]).count();
    let (n, k) = (rank(&x.s), rank(&y.s));
    if n == 0 || k == 0 {
        return Ok(None);
    }
    let part = |a: &Array2<f64>, size: usize| a.slice(ndarray::s![.., ..size]).to_owned();
    let both = svd(&matmul(&part(&x.u, n).t().to_owned(), &part(&y.u, k)))?;
    let direction = |own: &Svd, scores: ArrayView1<'_, f64>| {
        let mut direction = Array1::zeros(own.vt.ncols());
        for ((score, value), axis) in scores.iter().zip(&own.s).zip(own.vt.rows()) {
            direction.scaled_add(score / value, &axis);
        }
        direction
    };
    Ok(Some((direction(&x, both.u.column(0)), direction(&y, both.vt.row(0)))))
}

fn fit(
    train: &Train<'_, Matrix, Outputs>,
    n_components: usize,
    scale: bool,
    directions: impl Fn(&Array2<f64>, &Array2<f64>) -> Result<Directions>,
) -> Result<PlsCanonicalModel> {
    N_COMPONENTS.check_count(n_components)?;
    let (n, k) = (train.x.n_cols(), train.y.values().ncols());
    if n == 0 || k == 0 {
        return Err(Error::empty("there must be at least one column and one output"));
    }
    if n_components > n.min(k) {
        return Err(Error::invalid_param(
            "n_components",
            n_components,
            format!("at most {}, the lesser of the number of columns and of outputs", n.min(k)),
        ));
    }
    let Scaled { mut x, mut y, means, scales, y_means, y_scales } = Scaled::new(train, scale, true)?;
    let (mut columns, mut outputs) = (Side::new(), Side::new());
    let mut first = 0.0;
    for step in 0..n_components {
        train.ctx.step(step, n_components)?;
        let covariance = matmul(&x.t().to_owned(), &y);
        let size = covariance.iter().fold(0.0, |size: f64, value| size.max(value.abs()));
        first = if step == 0 { size } else { first };
        if !(size > NOTHING * first) {
            break;
        }
        let Some((mut a, mut b)) = directions(&x, &y)? else { break };
        let (to_a, to_b) = (norm(&a.to_vec()), norm(&b.to_vec()));
        let largest =
            a.iter().fold(0.0, |most: f64, value| if value.abs() > most.abs() { *value } else { most });
        if !(to_a > 0.0 && to_b > 0.0) {
            break;
        }
        a /= to_a.copysign(largest);
        b /= to_b.copysign(largest);
        if !(columns.take(&mut x, a) && outputs.take(&mut y, b)) {
            break;
        }
    }
    let found = columns.loadings.len().min(outputs.loadings.len());
    let (mut rotations, x_loadings) = columns.into_parts(n, found);
    let (mut y_rotations, y_loadings) = outputs.into_parts(k, found);
    let scaled = matmul(&rotations, &y_loadings.t().to_owned());
    let coefficients = Array2::from_shape_fn((n, k), |(i, j)| scaled[[i, j]] / scales[i] * y_scales[j]);
    rotations.rows_mut().into_iter().zip(&scales).for_each(|(mut row, scale)| row /= *scale);
    y_rotations.rows_mut().into_iter().zip(&y_scales).for_each(|(mut row, scale)| row /= *scale);
    let shift =
        |j: usize| means.iter().zip(coefficients.column(j)).map(|(m, weight)| m * weight).sum::<f64>();
    let intercepts = (0..k).map(|j| y_means[j] - shift(j)).collect();
    let search = Search { n_iterations: found, gap: 0.0, converged: true };
    let linear = MultiLinearModel::new(train.x.features(), coefficients, intercepts, search)?;
    let model = PlsModel { linear, means, rotations, x_loadings, y_loadings }.checked()?;
    PlsCanonicalModel { model, y_means, y_rotations }.checked()
}

/// The components of the columns, or of the outputs.
struct Side {
    /// Directions in the columns as they were before earlier components were taken away.
    rotations: Vec<Array1<f64>>,
    loadings: Vec<Array1<f64>>,
}

impl Side {
    fn new() -> Self {
        Side { rotations: Vec::new(), loadings: Vec::new() }
    }

    /// Takes away what the scores along a direction explain; false where there are none.
    fn take(&mut self, cells: &mut Array2<f64>, direction: Array1<f64>) -> bool {
        let scores = cells.dot(&direction);
        let square = scores.dot(&scores);
        if !(square > 0.0) {
            return false;
        }
        let loading = cells.t().dot(&scores) / square;
        for (mut row, score) in cells.rows_mut().into_iter().zip(&scores) {
            row.scaled_add(-score, &loading);
        }
        let mut rotation = direction.clone();
        for (earlier, loading) in self.rotations.iter().zip(&self.loadings) {
            rotation.scaled_add(-loading.dot(&direction), earlier);
        }
        self.rotations.push(rotation);
        self.loadings.push(loading);
        true
    }

    /// Rotations and loadings, columns x components.
    fn into_parts(self, n: usize, found: usize) -> (Array2<f64>, Array2<f64>) {
        let stack = |of: &[Array1<f64>]| Array2::from_shape_fn((n, found), |(i, c)| of[c][i]);
        (stack(&self.rotations), stack(&self.loadings))
    }
}

/// Pairs of components of the features and of the outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct PlsCanonicalModel {
    model: PlsModel,
    y_means: Vec<f64>,
    y_rotations: Array2<f64>,
}

#[derive(Deserialize)]
struct Parts {
    model: PlsModel,
    y_means: Vec<f64>,
    y_rotations: Array2<f64>,
}

impl TryFrom<Parts> for PlsCanonicalModel {
    type Error = Error;

    fn try_from(Parts { model, y_means, y_rotations }: Parts) -> Result<Self> {
        if y_means.len() != y_rotations.nrows() || y_rotations.dim() != model.y_loadings.dim() {
            return Err(Error::corrupt("the canonical model is damaged: its parts do not fit together"));
        }
        PlsCanonicalModel { model, y_means, y_rotations }.checked()
    }
}

impl PlsCanonicalModel {
    fn checked(self) -> Result<Self> {
        if self.y_means.iter().chain(&self.y_rotations).all(|number| number.is_finite()) {
            return Ok(self);
        }
        Err(Error::overflow("a component left the range of f64; scale the columns and the outputs"))
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.model.features()
    }

    /// The outputs as a linear function of the features: what the scores of the features say when they stand for those of
    /// the outputs.
    pub fn model(&self) -> &MultiLinearModel {
        &self.model.linear
    }

    /// How many pairs were found.
    pub fn n_components(&self) -> usize {
        self.model.n_components()
    }

    /// The directions in the features around their means, features x components.
    pub fn x_rotations(&self) -> &ArrayRef2<f64> {
        &self.model.rotations
    }

    /// The directions in the outputs around their means, outputs x components.
    pub fn y_rotations(&self) -> &ArrayRef2<f64> {
        &self.y_rotations
    }

    /// What each component says of the features, in their deviations; features x components.
    pub fn x_loadings(&self) -> &ArrayRef2<f64> {
        &self.model.x_loadings
    }

    /// What each component says of the outputs, in their deviations; outputs x components.
    pub fn y_loadings(&self) -> &ArrayRef2<f64> {
        &self.model.y_loadings
    }

    /// The components of outputs, rows x components.
    ///
    /// # Errors
    /// When there are not as many outputs as it learned from, or a component is not finite.
    pub fn transform_outputs(&self, y: &Outputs) -> Result<Outputs> {
        let n_outputs = y.values().ncols();
        if n_outputs != self.y_means.len() {
            return Err(Error::malformed(format!(
                "{n_outputs} outputs; the model learned from {}",
                self.y_means.len()
            )));
        }
        scores(y.values(), &self.y_means, &self.y_rotations).map(Outputs::from)
    }
}

impl FitTransform for PlsCanonical {}

impl FitTransform for Cca {}

impl Transformer for PlsCanonicalModel {
    type Input = Matrix;
    type Output = Matrix;

    /// The components of rows, rows x components.
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        self.model.transform(x)
    }
}

impl Predictor for PlsCanonicalModel {
    type Input = Matrix;
    type Output = Outputs;

    fn predict(&self, x: &Matrix) -> Result<Outputs> {
        self.model.predict(x)
    }
}
