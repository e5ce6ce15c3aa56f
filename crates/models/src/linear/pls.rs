//! Partial least squares.

use ndarray::{Array1, Array2, ArrayRef2, ArrayView1, Axis, concatenate, s};
use perennial_core::{
    Capabilities, Error, Estimator, Features, FitTransform, Matrix, Outputs, Param, Predictor, Result, Rows,
    Train, Transformer,
};
use perennial_numeric::linalg::{Qr, eigh, matmul};
use serde::{Deserialize, Serialize};

use super::iterative::Search;
use super::model::total_weight;
use super::multi_model::MultiLinearModel;
use crate::setters::setters;

pub(super) const N_COMPONENTS: Param =
    Param::integer("n_components", "the most components").at_least(1.0).search(1.0, 20.0);
/// Covariances below this share of the first ones are rounding: there is nothing left to find.
pub(super) const NOTHING: f64 = 1e-12;

/// Partial least squares regression (Wold, 1966; PLS2 with deflation as in NIPALS): a few sums of the features that vary with the
/// outputs, and the outputs as linear functions of those.
///
/// Each component is the direction of the features whose covariance with the outputs is largest; what it explains is taken
/// away before the next one. The direction is the first singular vector of the covariances, which the steps of NIPALS converge to. All work is done on the triangular
/// factor of the rows, so it takes one pass over them. For one output give a matrix of one column.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 2 | 1 to the columns | the most components; fewer where nothing is left to explain |
/// | `scale` | true | | whether columns and outputs are divided by their deviations |
///
/// ```
/// use ndarray::{Array2, array};
/// use perennial_core::{Estimator, Matrix, Outputs, Predictor, Transformer};
/// use perennial_models::PlsRegression;
///
/// let x = Matrix::from(array![[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [2.0, 2.0, 2.0], [2.0, 5.0, 4.0]]);
/// let y = Outputs::from(array![[0.1, -0.2], [0.9, 1.1], [6.2, 5.9], [11.9, 12.3]]);
/// let model = PlsRegression::new().fit(&x, &y)?;
/// assert!((model.predict(&x)?.values()[[3, 0]] - 11.9).abs() < 0.2);
/// assert_eq!(model.transform(&x)?.n_cols(), 2);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlsRegression {
    n_components: usize,
    scale: bool,
}

impl Default for PlsRegression {
    fn default() -> Self {
        PlsRegression { n_components: 2, scale: true }
    }
}

setters!(PlsRegression {
    /// Sets the most components.
    n_components: usize,
    /// Sets whether columns and outputs are divided by their deviations.
    scale: bool,
});

impl PlsRegression {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS];
}

impl Estimator for PlsRegression {
    type Input = Matrix;
    type Target = Outputs;
    type Model = PlsModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Outputs>) -> Result<PlsModel> {
        N_COMPONENTS.check_count(self.n_components)?;
        let (n, k) = (train.x.n_cols(), train.y.values().ncols());
        if n == 0 || k == 0 {
            return Err(Error::empty("there must be at least one column and one output"));
        }
        if self.n_components > n {
            return Err(Error::invalid_param(
                "n_components",
                self.n_components,
                format!("at most {n}, the number of columns"),
            ));
        }
        let Scaled { mut x, mut y, means, scales, y_means, y_scales } =
            Scaled::new(train, self.scale, false)?;
        let parts = components(&mut x, &mut y, self.n_components, train)?;
        // Scores of rows as they are: rotations are weights before what earlier components explain is taken away.
        let mut rotations: Array2<f64> = parts.rotations;
        let scaled = matmul(&rotations, &parts.y_loadings.t().to_owned());
        let coefficients = Array2::from_shape_fn((n, k), |(i, j)| scaled[[i, j]] / scales[i] * y_scales[j]);
        rotations.rows_mut().into_iter().zip(&scales).for_each(|(mut row, scale)| row /= *scale);
        let shift = |j: usize| {
            means.iter().zip(coefficients.column(j)).map(|(mean, weight)| mean * weight).sum::<f64>()
        };
        let intercepts = (0..k).map(|j| y_means[j] - shift(j)).collect();
        let search = Search { n_iterations: rotations.ncols(), gap: 0.0, converged: true };
        let linear = MultiLinearModel::new(train.x.features(), coefficients, intercepts, search)?;
        PlsModel { linear, means, rotations, x_loadings: parts.x_loadings, y_loadings: parts.y_loadings }
            .checked()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// The columns and the outputs around their means and in their deviations, with fewer rows that have the same products.
pub(super) struct Scaled {
    pub(super) x: Array2<f64>,
    pub(super) y: Array2<f64>,
    pub(super) means: Vec<f64>,
    pub(super) scales: Vec<f64>,
    pub(super) y_means: Vec<f64>,
    pub(super) y_scales: Vec<f64>,
}

impl Scaled {
    /// Products of outputs with each other are kept where they are `joint`, else those of columns and of columns with
    /// outputs alone.
    pub(super) fn new(train: &Train<'_, Matrix, Outputs>, scale: bool, joint: bool) -> Result<Scaled> {
        let (n, outputs) = (train.x.n_cols(), train.y.values());
        let x = train.x.dense()?;
        let (mut x, mut y, means) = if joint {
            let both = concatenate![Axis(1), x.view(), outputs.view()];
            let qr = Qr::new_in(&train.ctx, &both, &Array2::zeros((x.nrows(), 0)), train.weights, true)?;
            let r = qr.r();
            (r.slice(s![1.., 1..=n]).to_owned(), r.slice(s![1.., n + 1..]).to_owned(), qr.means())
        } else {
            let qr = Qr::new_in(&train.ctx, x, outputs, train.weights, true)?;
            (qr.r().slice(s![1.., 1..]).to_owned(), qr.qty().slice(s![1.., ..]).to_owned(), qr.means())
        };
        let means = means.map_or_else(|| vec![0.0; n], |means| means.iter().take(n).copied().collect());
        let total = total_weight(train.weights, train.x.n_rows());
        let free = if total > 1.0 { total - 1.0 } else { total };
        let (y_means, y_scales): (Vec<f64>, Vec<f64>) = outputs
            .columns()
            .into_iter()
            .map(|column| moments(column, train.weights, total, free))
            .map(|(mean, deviation)| (mean, if scale && deviation > 0.0 { deviation } else { 1.0 }))
            .unzip();
        let deviation = |column: ArrayView1<'_, f64>| norm(&column.to_vec()) / free.sqrt();
        let scales: Vec<f64> = x
            .columns()
            .into_iter()
            .zip(&means)
            .map(|(column, mean): (_, &f64)| {
                let deviation = deviation(column);
                // Below the rounding of the mean there is no spread.
                if scale && deviation > 1e-14 * mean.abs() { deviation } else { 1.0 }
            })
            .collect();
        if joint {
            // What rounding leaves of columns that are constant would correlate as well as anything.
            let constant = |column: ArrayView1<'_, f64>, mean: f64| deviation(column) <= 1e-14 * mean.abs();
            for (mut column, mean) in x.columns_mut().into_iter().zip(&means) {
                if constant(column.view(), *mean) {
                    column.fill(0.0);
                }
            }
            for (mut column, mean) in y.columns_mut().into_iter().zip(&y_means) {
                if constant(column.view(), *mean) {
                    column.fill(0.0);
                }
            }
        }
        x.columns_mut().into_iter().zip(&scales).for_each(|(mut column, scale)| column /= *scale);
        y.columns_mut().into_iter().zip(&y_scales).for_each(|(mut column, scale)| column /= *scale);
        Ok(Scaled { x, y, means, scales, y_means, y_scales })
    }
}

/// The mean and the deviation of a column.
fn moments(column: ArrayView1<'_, f64>, weights: Option<&[f64]>, total: f64, free: f64) -> (f64, f64) {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let average = |centre: f64| {
        column.iter().enumerate().map(|(row, value)| weight(row) / total * (value - centre)).sum::<f64>()
    };
    let mut mean = average(0.0);
    mean += average(mean);
    let largest = column.iter().fold(0.0, |largest: f64, value| largest.max((value - mean).abs()));
    if largest <= 16.0 * f64::EPSILON * mean.abs() {
        return (mean, 0.0);
    }
    let squares: f64 = column
        .iter()
        .enumerate()
        .map(|(row, value)| weight(row) / free * ((value - mean) / largest).powi(2))
        .sum();
    (mean, largest * squares.sqrt())
}

struct Components {
    /// Columns x components, as are the loadings of the columns; those of the outputs are outputs x components.
    rotations: Array2<f64>,
    x_loadings: Array2<f64>,
    y_loadings: Array2<f64>,
}

fn components(
    x: &mut Array2<f64>,
    y: &mut Array2<f64>,
    most: usize,
    train: &Train<'_, Matrix, Outputs>,
) -> Result<Components> {
    let (n, k) = (x.ncols(), y.ncols());
    let mut rotations: Vec<Array1<f64>> = Vec::new();
    let mut x_loadings: Vec<Array1<f64>> = Vec::new();
    let mut y_loadings: Vec<Array1<f64>> = Vec::new();
    let mut first = 0.0;
    for step in 0..most {
        train.ctx.step(step, most)?;
        let covariance = x.t().dot(y);
        let size = covariance.iter().fold(0.0, |size: f64, value| size.max(value.abs()));
        if step == 0 {
            first = size;
        }
        if !(size > NOTHING * first) {
            break;
        }
        let unit = covariance.mapv(|value| value / size);
        let weights = leading(&unit)?;
        let scores = x.dot(&weights);
        let square = scores.dot(&scores);
        if !(square > 0.0) {
            break;
        }
        let x_loading = x.t().dot(&scores) / square;
        let y_loading = y.t().dot(&scores) / square;
        for (mut row, score) in x.rows_mut().into_iter().zip(&scores) {
            row.scaled_add(-score, &x_loading);
        }
        for (mut row, score) in y.rows_mut().into_iter().zip(&scores) {
            row.scaled_add(-score, &y_loading);
        }
        // The direction in the columns as they were before earlier components were taken away.
        let mut rotation = weights.clone();
        for (earlier, loading) in rotations.iter().zip(&x_loadings) {
            rotation.scaled_add(-loading.dot(&weights), earlier);
        }
        rotations.push(rotation);
        x_loadings.push(x_loading);
        y_loadings.push(y_loading);
    }
    let stack = |columns: &[Array1<f64>], rows: usize| {
        Array2::from_shape_fn((rows, columns.len()), |(i, c)| columns[c][i])
    };
    Ok(Components {
        rotations: stack(&rotations, n),
        x_loadings: stack(&x_loadings, n),
        y_loadings: stack(&y_loadings, k),
    })
}

/// The first left singular vector; its largest entry is positive.
fn leading(covariance: &Array2<f64>) -> Result<Array1<f64>> {
    let mut vector = match covariance.ncols() {
        1 => covariance.column(0).to_owned(),
        k if k <= covariance.nrows() => {
            let vectors = eigh(&covariance.t().dot(covariance))?.vectors;
            covariance.dot(&vectors.column(k - 1))
        }
        _ => eigh(&covariance.dot(&covariance.t()))?.vectors.column(covariance.nrows() - 1).to_owned(),
    };
    let length = norm(&vector.to_vec());
    let largest = vector
        .iter()
        .fold(0.0, |largest: f64, value| if value.abs() > largest.abs() { *value } else { largest });
    vector /= length.copysign(largest);
    Ok(vector)
}

pub(super) fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Outputs by components of the features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct PlsModel {
    pub(super) linear: MultiLinearModel,
    pub(super) means: Vec<f64>,
    pub(super) rotations: Array2<f64>,
    pub(super) x_loadings: Array2<f64>,
    pub(super) y_loadings: Array2<f64>,
}

#[derive(Deserialize)]
struct Parts {
    linear: MultiLinearModel,
    means: Vec<f64>,
    rotations: Array2<f64>,
    x_loadings: Array2<f64>,
    y_loadings: Array2<f64>,
}

impl TryFrom<Parts> for PlsModel {
    type Error = Error;

    fn try_from(Parts { linear, means, rotations, x_loadings, y_loadings }: Parts) -> Result<Self> {
        let n = linear.features().len();
        let fits = means.len() == n
            && rotations.nrows() == n
            && x_loadings.dim() == rotations.dim()
            && y_loadings.dim() == (linear.intercepts().len(), rotations.ncols());
        if !fits {
            return Err(Error::corrupt(
                "the partial least squares model is damaged: its parts do not fit together",
            ));
        }
        PlsModel { linear, means, rotations, x_loadings, y_loadings }.checked()
    }
}

impl PlsModel {
    pub(super) fn checked(self) -> Result<Self> {
        let numbers =
            self.means.iter().chain(&self.rotations).chain(&self.x_loadings).chain(&self.y_loadings);
        if { numbers }.all(|number| number.is_finite()) {
            return Ok(self);
        }
        Err(Error::overflow("a component left the range of f64; scale the columns and the outputs"))
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.linear.features()
    }

    /// The outputs as a linear function of the features.
    pub fn model(&self) -> &MultiLinearModel {
        &self.linear
    }

    /// The change of each output for one unit more of each feature, features x outputs.
    pub fn coefficients(&self) -> &ArrayRef2<f64> {
        self.linear.coefficients()
    }

    /// How many components were found.
    pub fn n_components(&self) -> usize {
        self.rotations.ncols()
    }

    /// The directions of the components in the features around their means, features x components.
    pub fn rotations(&self) -> &ArrayRef2<f64> {
        &self.rotations
    }

    /// What each component says of the features, in their deviations; features x components.
    pub fn x_loadings(&self) -> &ArrayRef2<f64> {
        &self.x_loadings
    }

    /// What each component says of the outputs, in their deviations; outputs x components.
    pub fn y_loadings(&self) -> &ArrayRef2<f64> {
        &self.y_loadings
    }
}

impl FitTransform for PlsRegression {}

impl Transformer for PlsModel {
    type Input = Matrix;
    type Output = Matrix;

    /// The components of rows, rows x components.
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features().align(x)?;
        x.check_finite(false)?;
        let out = scores(x.dense()?, &self.means, &self.rotations)?;
        let names = (0..out.ncols()).map(|i| format!("pls{i}"));
        Matrix::from(out).with_names(names)
    }
}

/// The components of rows around their means.
pub(super) fn scores(x: &ArrayRef2<f64>, means: &[f64], rotations: &ArrayRef2<f64>) -> Result<Array2<f64>> {
    let centred = x.to_owned() - ArrayView1::from(means).insert_axis(Axis(0));
    let scores = matmul(&centred, rotations);
    if scores.iter().all(|score| score.is_finite()) {
        return Ok(scores);
    }
    Err(Error::overflow("a component of a row is beyond the range of f64; check the units of the input"))
}

impl Predictor for PlsModel {
    type Input = Matrix;
    type Output = Outputs;

    fn predict(&self, x: &Matrix) -> Result<Outputs> {
        self.linear.predict(x)
    }
}
