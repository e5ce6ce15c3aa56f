//! Answers of a Gaussian process together: their covariances, and draws of functions.

use ndarray::{Array1, Array2};
use perennial_core::{Context, Error, Matrix, Result, Rows, Values};
use perennial_numeric::linalg::{Cholesky, matmul};
use perennial_numeric::random::Random;

use super::covariance::{Covariance, Points};
use super::regressor::{GaussianProcessRegressor, GaussianProcessRegressorModel, check_rows};
use crate::rows::row_major;

/// What is added to the variances where the covariances of values that are very much alike have no factor, as shares of the
/// largest variance before any data: as little as goes.
const JITTER: [f64; 5] = [0.0, 1e-14, 1e-12, 1e-10, 1e-8];

impl GaussianProcessRegressor {
    /// Draws functions before any data: values at the rows of `x` with mean 0 and the covariance of the settings, `n_rows` x
    /// `n_samples`. Draw `i` is the same however many there are.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use perennial_models::gaussian_process::{Covariance, GaussianProcessRegressor};
    ///
    /// let x = Array2::from_shape_fn((50, 1), |(i, _)| i as f64 * 0.1).into();
    /// let settings = GaussianProcessRegressor::new().covariance(Covariance::rbf([1.0]));
    /// let draws = settings.sample_prior(&x, 3, 7)?;
    /// assert_eq!(draws.dim(), (50, 3));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the covariance does not fit the columns, a value is not finite, or there are more than 16384 rows.
    #[doc(alias = "sample_y")]
    pub fn sample_prior(&self, x: &Matrix, n_samples: usize, seed: u64) -> Result<Array2<f64>> {
        x.check_finite(false)?;
        check_rows(x.n_rows())?;
        self.prior().check(x.n_cols(), 0)?;
        let covariances = at(self.prior(), x)?;
        draw(&Array1::zeros(x.n_rows()), covariances, largest(self.prior(), x)?, 1.0, n_samples, seed)
    }
}

impl GaussianProcessRegressorModel {
    /// The answer for each row, and the covariance of each pair of answers, `n_rows` x `n_rows`, in squared units of the
    /// target; what [`Covariance::White`] says of a value counts on the diagonal.
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_models::gaussian_process::GaussianProcessRegressor;
    ///
    /// let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0]]);
    /// let model = GaussianProcessRegressor::new().fit(&x, &Values::from(vec![0.0, 0.8, 0.9, 0.1]))?;
    /// let (_, covariance) = model.predict_with_covariance(&array![[0.5], [0.6], [9.0]].into())?;
    /// assert!(covariance[[0, 1]] > covariance[[0, 2]].abs());
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`predict`](perennial_core::Predictor::predict), and when there are more than 16384 rows.
    pub fn predict_with_covariance(&self, x: &Matrix) -> Result<(Values, Array2<f64>)> {
        let (means, covariances) = self.together(x)?;
        let square = self.deviation() * self.deviation();
        let covariances = covariances * square;
        if !covariances.iter().all(|covariance| covariance.is_finite()) {
            return Err(Error::overflow(
                "the covariances of the answers left the range of f64; scale the target, or ask for deviations alone",
            ));
        }
        Ok((means, covariances))
    }

    /// Draws functions that go with the training data: values at the rows of `x`, `n_rows` x `n_samples`. Draw `i` is the same
    /// however many there are.
    ///
    /// Values that are very much alike have covariances without a factor; at most 10^-8 of the largest variance is added then.
    ///
    /// # Errors
    /// As for [`predict_with_covariance`](Self::predict_with_covariance).
    pub fn sample_y(&self, x: &Matrix, n_samples: usize, seed: u64) -> Result<Array2<f64>> {
        let (means, covariances) = self.together(x)?;
        let largest = largest(self.covariance(), x)?;
        draw(&means.view().to_owned(), covariances, largest, self.deviation(), n_samples, seed)
    }

    /// The means, and the covariances in standard units of the target.
    fn together(&self, x: &Matrix) -> Result<(Values, Array2<f64>)> {
        check_rows(x.n_rows())?;
        let means = perennial_core::Predictor::predict(self, x)?;
        let x = self.features().align(x)?;
        let mut covariances = at(self.covariance(), &x)?;
        let halves = self.halves(&x)?;
        covariances -= &matmul(&halves, &halves.t());
        for i in 0..covariances.nrows() {
            covariances[[i, i]] = covariances[[i, i]].max(0.0);
            for j in 0..i {
                covariances[[j, i]] = covariances[[i, j]];
            }
        }
        Ok((means, covariances))
    }
}

/// The covariances of the rows with each other, before any data.
fn at(covariance: &Covariance, x: &Matrix) -> Result<Array2<f64>> {
    let cells = row_major(x.dense()?);
    covariance.matrix(&Points::new(&cells, x.n_cols()), &Context::new())
}

fn largest(covariance: &Covariance, x: &Matrix) -> Result<f64> {
    let variances = x.dense()?.rows().into_iter().map(|row| covariance.at(&row.to_vec()));
    Ok(variances.fold(0.0, f64::max))
}

fn draw(
    means: &Array1<f64>,
    covariances: Array2<f64>,
    largest: f64,
    deviation: f64,
    n_samples: usize,
    seed: u64,
) -> Result<Array2<f64>> {
    if !covariances.iter().all(|value| value.is_finite()) {
        return Err(Error::overflow("the covariances leave the range of f64; scale the columns first"));
    }
    let n = means.len();
    if n == 0 || n_samples == 0 {
        return Ok(Array2::zeros((n, n_samples)));
    }
    let factor = JITTER.iter().find_map(|share| {
        let mut matrix = covariances.clone();
        matrix.diag_mut().mapv_inplace(|variance| variance + share * largest);
        Cholesky::new(&matrix).ok()
    });
    let Some(factor) = factor else {
        return Err(Error::singular(
            "the covariance of the rows is not positive definite: add `Covariance::white`, or draw at fewer rows",
        ));
    };
    let random = Random::new(seed);
    let mut normals = Array2::zeros((n, n_samples));
    for (place, mut column) in normals.columns_mut().into_iter().enumerate() {
        let mut own = random.fork(place as u64);
        column.mapv_inplace(|_| own.normal());
    }
    let mut draws = matmul(&factor.lower(), &normals);
    for (mut row, mean) in draws.rows_mut().into_iter().zip(means) {
        row.mapv_inplace(|value| mean + deviation * value);
    }
    Ok(draws)
}
