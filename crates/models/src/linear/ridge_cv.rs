//! Ridge regression with a strength chosen by cross-validation.

use std::ops::Range;

use ndarray::{Array2, ArrayRef2, ArrayView1, Axis};
use perennial_core::{
    Capabilities, Context, Error, Estimator, Features, Matrix, Param, Predictor, Result, Rows, Train, Values,
};
use perennial_numeric::linalg::{Qr, eigh, matmul};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::LinearModel;
use super::centred::{Centred, add};
use crate::folds::{CV, Folds};

const ALPHAS: Param = Param::real("alphas", "the strengths that are tried").above(0.0);
/// The largest square of products: 512 MiB.
const MOST: usize = 8192;
/// Above this ratio of the eigenvalues the coefficients are found by QR.
const CONDITION: f64 = 1e7;

/// How well answers for held-out rows fit their targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegressionScoring {
    /// The mean of the squared errors.
    #[default]
    MeanSquaredError,
    /// The mean of the absolute errors: a few that are large decide less.
    MeanAbsoluteError,
    /// The share of the variance of the held-out targets that the answers explain.
    R2,
}

/// Ridge regression whose strength is chosen by cross-validation: each row is left out once, unless `cv` or `folds` say
/// otherwise.
///
/// All errors of leaving one row out come from one decomposition of the products of the columns (or of the rows, where
/// there are fewer of them), without a fit for each (Golub, Heath and Wahba, 1979). With folds, all strengths come from one
/// triangular factor of the rows outside of each. The strength with the best mean score wins, of equal ones that which is named
/// first. Row weights are not taken, as leaving out one copy of a row is not leaving out the row.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alphas` | 0.1, 1, 10 | each > 0 | the strengths that are tried |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `cv` | `None` | >= 2 | how many folds; none leaves out one row at a time |
/// | `folds` | `Runs` | `Runs`, `Shuffled`, `Given` | which rows are held out together, where there are folds |
/// | `scoring` | `MeanSquaredError` | `MeanSquaredError`, `MeanAbsoluteError`, `R2` | how well held-out rows are told |
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
    cv: Option<usize>,
    folds: Folds,
    scoring: RegressionScoring,
}

impl Default for RidgeCv {
    fn default() -> Self {
        RidgeCv {
            alphas: vec![0.1, 1.0, 10.0],
            fit_intercept: true,
            cv: None,
            folds: Folds::Runs,
            scoring: RegressionScoring::MeanSquaredError,
        }
    }
}

impl RidgeCv {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[CV];

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

    /// Sets how many folds there are, in the place of leaving out one row at a time.
    #[must_use]
    pub fn cv(mut self, cv: usize) -> Self {
        self.cv = Some(cv);
        self
    }

    /// Sets which rows are held out together. [`Folds::Given`] says how many folds there are; the others need `cv`.
    #[must_use]
    pub fn folds(mut self, folds: Folds) -> Self {
        self.folds = folds;
        self
    }

    /// Sets how well held-out rows are told.
    #[must_use]
    pub fn scoring(mut self, scoring: RegressionScoring) -> Self {
        self.scoring = scoring;
        self
    }
}

/// The ridge regression of the chosen strength, and the errors that it was chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RidgeCvModel {
    model: LinearModel,
    alpha: f64,
    mean_squared_errors: Vec<f64>,
    scores: Array2<f64>,
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

    /// The mean squared error of predicting each row from the others, or averaged over the folds, for each strength in the
    /// order of the settings.
    pub fn mean_squared_errors(&self) -> &[f64] {
        &self.mean_squared_errors
    }

    /// The scores that the strength was chosen by, strengths x folds, or x 1 where one row is left out at a time; larger is
    /// better, so errors are negative.
    pub fn scores(&self) -> &ArrayRef2<f64> {
        &self.scores
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
        let given = matches!(self.folds, Folds::Given(_));
        let directions = match self.cv {
            None if !given => Some(Directions::new(&problem, train)?),
            _ => None,
        };
        // Of each strength on each fold.
        let judged: Vec<Vec<Judged>> = match &directions {
            Some(directions) => vec![self.errors(&problem, directions, unit, train)?],
            None => self.on_folds(unit, train)?,
        };
        let size = (self.alphas.len(), judged.len());
        let scores = Array2::from_shape_fn(size, |(i, fold)| judged[fold][i].score(self.scoring, unit));
        // In the unit, where scores neither overflow nor vanish.
        let mean = |i: usize| judged.iter().map(|fold| fold[i].score(self.scoring, 1.0)).sum::<f64>();
        let best = (1..self.alphas.len()).fold(0, |best, i| if mean(i) > mean(best) { i } else { best });
        let alpha = self.alphas[best];
        let model = match &directions {
            Some(directions) => self.model(&problem, directions, alpha, train)?,
            None => LinearModel::new(
                train.x.features(),
                &self.factor(train.x, train.y, &train.ctx)?.ridge(alpha)?,
                None,
            ),
        };
        let square = |i: usize| judged.iter().map(|fold| fold[i].squares).sum::<f64>() / judged.len() as f64;
        let mean_squared_errors = (0..self.alphas.len()).map(|i| (square(i) * unit * unit).min(f64::MAX));
        Ok(RidgeCvModel { model, alpha, mean_squared_errors: mean_squared_errors.collect(), scores })
    }

    fn capabilities(&self) -> Capabilities {
        match (self.cv, &self.folds) {
            (Some(_), Folds::Shuffled) => Capabilities::new().groups(),
            _ => Capabilities::new(),
        }
    }
}

/// How far answers for held-out rows are off, in a unit of the target.
struct Judged {
    /// The mean of the squared errors.
    squares: f64,
    /// The mean of the absolute errors.
    sizes: f64,
    /// The variance of the targets.
    variance: f64,
}

impl Judged {
    fn score(&self, scoring: RegressionScoring, unit: f64) -> f64 {
        let score = match scoring {
            RegressionScoring::MeanSquaredError => -self.squares * unit * unit,
            RegressionScoring::MeanAbsoluteError => -self.sizes * unit,
            RegressionScoring::R2 if self.variance > 0.0 => 1.0 - self.squares / self.variance,
            RegressionScoring::R2 => f64::from(u8::from(self.squares == 0.0)),
        };
        score.max(-f64::MAX)
    }
}

impl RidgeCv {
    fn factor(&self, x: &Matrix, y: &Values, ctx: &Context) -> Result<Qr> {
        let y = ArrayView1::from(y.as_slice()).insert_axis(Axis(1));
        Qr::new_in(ctx, x.dense()?, &y, None, self.fit_intercept)
    }

    /// The errors on each fold.
    fn on_folds(&self, unit: f64, train: &Train<'_, Matrix, Values>) -> Result<Vec<Vec<Judged>>> {
        let (cv, seed) = (self.cv.unwrap_or_default(), train.ctx.seed(None));
        let assigned = self.folds.assign(train.x.n_rows(), cv, None, train.groups, seed)?;
        reduce::try_map_each(assigned.n_folds, |fold| {
            train.ctx.step(fold, assigned.n_folds)?;
            let (outside, inside) = assigned.parts(fold);
            let qr = self.factor(&train.x.take(&outside)?, &train.y.take(&outside)?, &train.ctx)?;
            let (x, y) = (train.x.take(&inside)?, train.y.take(&inside)?);
            let n = inside.len() as f64;
            let mean = y.as_slice().iter().map(|y| y / n).sum::<f64>();
            let variance = y.as_slice().iter().map(|y| ((y - mean) / unit).powi(2)).sum::<f64>() / n;
            let judge = |alpha: &f64| {
                let answers = LinearModel::new(train.x.features(), &qr.ridge(*alpha)?, None).predict(&x)?;
                let (mut squares, mut sizes) = (0.0, 0.0);
                for (answer, y) in answers.as_slice().iter().zip(y.as_slice()) {
                    let error = (y - answer).abs() / unit;
                    squares += error * error;
                    sizes += error;
                }
                Ok(Judged { squares: squares / n, sizes: sizes / n, variance })
            };
            self.alphas.iter().map(judge).collect()
        })
    }

    /// The errors of predicting each row from the others, with the target in the given unit.
    fn errors(
        &self,
        problem: &Centred<'_>,
        directions: &Directions,
        unit: f64,
        train: &Train<'_, Matrix, Values>,
    ) -> Result<Vec<Judged>> {
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
            let mut sums = vec![0.0; 2 * k];
            for (place, row) in rows.enumerate() {
                for i in 0..k {
                    let rest = (1.0 - mean - leverage[[place, i]]).max(f64::EPSILON);
                    let error = (aim(row) - fitted[[place, i]]) / rest;
                    sums[i] += error * error;
                    sums[k + i] += error.abs();
                }
            }
            Ok(sums)
        };
        let sums = reduce::try_map_reduce(n, block_rows, part, |a, b| Ok(add(a, b)))?.unwrap_or_default();
        // The targets are around their mean only where there is an intercept.
        let (n, middle) = (n as f64, reduce::sum_by(n, aim) / n as f64);
        let variance = reduce::sum_by(problem.n_rows, |row| (aim(row) - middle).powi(2)) / n;
        let judged = |i: usize| Judged { squares: sums[i] / n, sizes: sums[k + i] / n, variance };
        Ok((0..k).map(judged).collect())
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
        let qr = self.factor(train.x, train.y, &train.ctx)?;
        Ok(LinearModel::new(train.x.features(), &qr.ridge(alpha)?, None))
    }
}
