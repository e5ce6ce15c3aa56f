//! Ridge regression with a strength chosen by leaving each row out once.

use std::ops::Range;

use ndarray::{Array2, ArrayView1, Axis};
use perennial_core::{Error, Estimator, Features, Matrix, Param, Predictor, Result, Rows, Train, Values};
use perennial_numeric::linalg::{Qr, eigh, matmul};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::LinearModel;
use super::centred::{Centred, add};

const ALPHAS: Param = Param::real("alphas", "the strengths that are tried").above(0.0);
/// The largest square of products: 512 MiB.
const MOST: usize = 8192;
/// Above this ratio of the eigenvalues the coefficients are found by QR.
const CONDITION: f64 = 1e7;

/// Ridge regression whose strength is chosen by leave-one-out cross-validation.
///
/// All errors of leaving one row out come from one decomposition of the products of the columns (or of the rows, where
/// there are fewer of them), without a fit for each (Golub, Heath and Wahba, 1979). The strength with the least mean squared
/// error wins. Row weights are not taken, as leaving out one copy of a row is not leaving out the row.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alphas` | 0.1, 1, 10 | each > 0 | the strengths that are tried |
/// | `fit_intercept` | true | | whether the line may miss the origin |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::RidgeCv;
///
/// let x = Matrix::from(array![[-2.0], [-1.0], [0.0], [1.0], [2.0]]);
/// let y = Values::from(vec![-4.1, -1.9, 0.1, 2.0, 3.9]);
/// let model = RidgeCv::new().alphas([0.01, 1.0, 100.0]).fit(&x, &y)?;
/// assert_eq!(model.alpha(), 0.01);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RidgeCv {
    alphas: Vec<f64>,
    fit_intercept: bool,
}

impl Default for RidgeCv {
    fn default() -> Self {
        RidgeCv { alphas: vec![0.1, 1.0, 10.0], fit_intercept: true }
    }
}

impl RidgeCv {
    /// It has no numeric settings of one value.
    pub const PARAMS: &'static [Param] = &[];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the strengths that are tried.
    #[must_use]
    pub fn alphas(mut self, alphas: impl Into<Vec<f64>>) -> Self {
        self.alphas = alphas.into();
        self
    }

    /// Sets whether the line may miss the origin.
    #[must_use]
    pub fn fit_intercept(mut self, fit_intercept: bool) -> Self {
        self.fit_intercept = fit_intercept;
        self
    }
}

/// The ridge regression of the chosen strength, and the errors that it was chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RidgeCvModel {
    model: LinearModel,
    alpha: f64,
    mean_squared_errors: Vec<f64>,
}

impl RidgeCvModel {
    /// The model that was fitted to all rows.
    pub fn model(&self) -> &LinearModel {
        &self.model
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.model.features()
    }

    /// The coefficients.
    pub fn coefficients(&self) -> ArrayView1<'_, f64> {
        self.model.coefficients()
    }

    /// The chosen strength.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The mean squared error of predicting each row from the others, for each strength in the order of the settings.
    pub fn mean_squared_errors(&self) -> &[f64] {
        &self.mean_squared_errors
    }
}

impl Predictor for RidgeCvModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        self.model.predict(x)
    }
}

/// The directions of the rows: `Z = X V` has orthogonal columns, whose squared lengths are `values`.
struct Directions {
    values: Vec<f64>,
    /// V where products of columns were decomposed.
    columns: Option<Array2<f64>>,
    /// Z where products of rows were.
    rows: Option<Array2<f64>>,
}

impl Directions {
    fn new(problem: &Centred<'_>, train: &Train<'_, Matrix, Values>) -> Result<Self> {
        let (n, p) = (problem.n_rows, problem.n_features);
        if n.min(p) > MOST {
            return Err(Error::too_large(format!(
                "{n} rows of {p} columns need the products of more than {MOST}; choose the strength by folds, or select columns"
            )));
        }
        let positive =
            |values: &ndarray::Array1<f64>| values.iter().map(|value| value.max(0.0)).collect::<Vec<f64>>();
        if p <= n {
            let products = problem.products(0..n, None, &train.ctx)?;
            let square = products.slice(ndarray::s![..p, ..p]).to_owned();
            finite(&square)?;
            let eigen = eigh(&square)?;
            return Ok(Directions {
                values: positive(&eigen.values),
                columns: Some(eigen.vectors),
                rows: None,
            });
        }
        let rows = problem.centred_rows();
        let square = matmul(&rows, &rows.t());
        finite(&square)?;
        train.ctx.check()?;
        let eigen = eigh(&square)?;
        let values = positive(&eigen.values);
        let mut z = eigen.vectors;
        for (mut column, value) in z.axis_iter_mut(Axis(1)).zip(&values) {
            column.mapv_inplace(|entry| entry * value.sqrt());
        }
        Ok(Directions { values, columns: None, rows: Some(z) })
    }

    fn block(&self, problem: &Centred<'_>, rows: Range<usize>) -> Array2<f64> {
        match (&self.columns, &self.rows) {
            (Some(vectors), _) => matmul(&problem.centred_block(rows), vectors),
            (None, Some(z)) => z.slice(ndarray::s![rows, ..]).to_owned(),
            (None, None) => Array2::zeros((rows.len(), 0)),
        }
    }
}

fn finite(products: &Array2<f64>) -> Result<()> {
    if products.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(Error::overflow("the square of a column left the range of f64; standardise the features"))
}

impl Estimator for RidgeCv {
    type Input = Matrix;
    type Target = Values;
    type Model = RidgeCvModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<RidgeCvModel> {
        if self.alphas.is_empty() {
            return Err(Error::invalid_param("alphas", "an empty list", "at least one strength"));
        }
        self.alphas.iter().try_for_each(|&alpha| ALPHAS.check(alpha))?;
        let n = train.x.n_rows();
        if n < 2 {
            return Err(Error::insufficient_data(
                "one row cannot be predicted from the others; fit more rows",
            ));
        }
        let problem = Centred::new(train.x, train.y.as_slice(), None, self.fit_intercept)?;
        let unit = (0..n).fold(0.0, |size: f64, row| size.max(problem.target(row).abs()));
        let unit = if unit > 0.0 { unit } else { 1.0 };
        let directions = Directions::new(&problem, train)?;
        let mean_squared_errors = self.errors(&problem, &directions, unit, train)?;
        let better = |best: usize, i: usize| {
            if mean_squared_errors[i] < mean_squared_errors[best] { i } else { best }
        };
        let best = (1..self.alphas.len()).fold(0, better);
        let alpha = self.alphas[best];
        let model = self.model(&problem, &directions, alpha, train)?;
        let mean_squared_errors: Vec<f64> =
            mean_squared_errors.iter().map(|error| (error * unit * unit).min(f64::MAX)).collect();
        Ok(RidgeCvModel { model, alpha, mean_squared_errors })
    }
}

impl RidgeCv {
    /// The mean squared errors of predicting each row from the others, with the target in the given unit.
    fn errors(
        &self,
        problem: &Centred<'_>,
        directions: &Directions,
        unit: f64,
        train: &Train<'_, Matrix, Values>,
    ) -> Result<Vec<f64>> {
        let (n, k) = (problem.n_rows, self.alphas.len());
        let size = directions.values.len();
        let mean = if self.fit_intercept { 1.0 / n as f64 } else { 0.0 };
        let block_rows = 1024;
        let aim = |row: usize| problem.target(row) / unit;
        // The targets along each direction.
        let part = |rows: Range<usize>| {
            let z = directions.block(problem, rows.clone());
            let mut sums = vec![0.0; size];
            for (row, z) in rows.zip(z.rows()) {
                sums.iter_mut().zip(z).for_each(|(sum, z)| *sum += z * aim(row));
            }
            sums
        };
        let along = reduce::map_reduce(n, block_rows, part, add).unwrap_or_default();
        let share = |j: usize, i: usize| 1.0 / (directions.values[j] + self.alphas[i]);
        let fit = Array2::from_shape_fn((size, k), |(j, i)| along[j] * share(j, i));
        let hat = Array2::from_shape_fn((size, k), |(j, i)| share(j, i));
        let part = |rows: Range<usize>| {
            train.ctx.check()?;
            let z = directions.block(problem, rows.clone());
            let fitted = matmul(&z, &fit);
            let leverage = matmul(&z.mapv(|z| z * z), &hat);
            let mut sums = vec![0.0; k];
            for (place, row) in rows.enumerate() {
                for (i, sum) in sums.iter_mut().enumerate() {
                    let rest = (1.0 - mean - leverage[[place, i]]).max(f64::EPSILON);
                    let error = (aim(row) - fitted[[place, i]]) / rest;
                    *sum += error * error;
                }
            }
            Ok(sums)
        };
        let sums = reduce::try_map_reduce(n, block_rows, part, |a, b| Ok(add(a, b)))?.unwrap_or_default();
        Ok(sums.iter().map(|sum| sum / n as f64).collect())
    }

    fn model(
        &self,
        problem: &Centred<'_>,
        directions: &Directions,
        alpha: f64,
        train: &Train<'_, Matrix, Values>,
    ) -> Result<LinearModel> {
        let largest = directions.values.iter().copied().fold(0.0, f64::max);
        let least = directions.values.iter().copied().fold(f64::INFINITY, f64::min);
        if let Some(vectors) = directions.columns.as_ref().filter(|_| largest <= CONDITION * (least + alpha))
        {
            let pull = ndarray::Array1::from(problem.pull(&[], &[]).0);
            let mut along = vectors.t().dot(&pull);
            along.iter_mut().zip(&directions.values).for_each(|(part, value)| *part /= value + alpha);
            let coefficients = vectors.dot(&along).to_vec();
            let intercept = if self.fit_intercept { problem.intercept(&coefficients) } else { 0.0 };
            if coefficients.iter().chain([&intercept]).all(|number| number.is_finite()) {
                return Ok(LinearModel::plain(train.x.features(), coefficients, intercept));
            }
        }
        let y = ArrayView1::from(train.y.as_slice()).insert_axis(Axis(1));
        let qr = Qr::new_in(&train.ctx, train.x.dense()?, &y, None, self.fit_intercept)?;
        Ok(LinearModel::new(train.x.features(), &qr.ridge(alpha)?, None))
    }
}
