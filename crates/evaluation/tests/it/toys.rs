//! Estimators to wrap: small, but whole: saved, weighted, and tested by the kit.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Capabilities, Classes, Classifier, Error, ErrorKind, Estimator, Features, Matrix, Predictor,
    Probabilities, Result, Rows, Train, Values,
};
use serde::{Deserialize, Serialize};

/// Normal classes with common variances: naive Bayes with straight borders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Centroids {
    /// The log-odds are multiplied by this: above 1 the model is too sure.
    pub(crate) boldness: f64,
}

impl Centroids {
    pub(crate) fn new() -> Self {
        Centroids { boldness: 1.0 }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CentroidsModel {
    features: Features,
    names: Vec<String>,
    means: Vec<Vec<f64>>,
    variances: Vec<f64>,
    logs: Vec<f64>,
    boldness: f64,
}

fn finite(values: &[f64]) -> Result<()> {
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(Error::overflow("a mean or a variance leaves the range of f64; scale the features")),
    }
}

/// Weighted means and variances of the columns.
fn moments(x: &ArrayRef2<f64>, weight: impl Fn(usize) -> f64) -> (Vec<f64>, Vec<f64>) {
    let total: f64 = (0..x.nrows()).map(&weight).sum();
    let mean = |column: usize| (0..x.nrows()).map(|row| weight(row) * x[[row, column]]).sum::<f64>() / total;
    let means: Vec<f64> = (0..x.ncols()).map(mean).collect();
    let variance = |column: usize| {
        (0..x.nrows()).map(|row| weight(row) * (x[[row, column]] - means[column]).powi(2)).sum::<f64>()
            / total
    };
    let variances = (0..x.ncols()).map(variance).collect();
    (means, variances)
}

impl Estimator for Centroids {
    type Input = Matrix;
    type Target = Classes;
    type Model = CentroidsModel;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<CentroidsModel> {
        if !(self.boldness > 0.0 && self.boldness <= 1e3) {
            return Err(Error::invalid_param("boldness", self.boldness, "a number > 0 and <= 1000"));
        }
        let x = train.x.dense()?;
        if x.ncols() == 0 {
            return Err(Error::empty("the input has no columns"));
        }
        let y = train.y.codes();
        let totals: Vec<f64> = (0..train.y.n_classes())
            .map(|class| {
                (0..y.len()).filter(|&row| y[row] as usize == class).map(|row| train.weight(row)).sum()
            })
            .collect();
        if totals.iter().filter(|total| **total > 0.0).count() < 2 {
            let class = totals.iter().position(|total| *total > 0.0).unwrap_or(0);
            return Err(Error::new(ErrorKind::SingleClass { class: train.y.names()[class].clone() }));
        }
        let of_class =
            |class: usize| moments(x, |row| if y[row] as usize == class { train.weight(row) } else { 0.0 }).0;
        let means: Vec<Vec<f64>> = (0..totals.len())
            .map(|class| if totals[class] > 0.0 { of_class(class) } else { vec![0.0; x.ncols()] })
            .collect();
        let rest =
            Array2::from_shape_fn(x.dim(), |(row, column)| x[[row, column]] - means[y[row] as usize][column]);
        let squares = rest.mapv(|value| value * value);
        let (variances, _) = moments(&squares, |row| train.weight(row));
        let variances: Vec<f64> = variances.into_iter().map(|variance| variance.max(1e-12)).collect();
        means.iter().try_for_each(|means| finite(means))?;
        finite(&variances)?;
        let all: f64 = totals.iter().sum();
        let logs = totals.iter().map(|total| (total / all).max(1e-300).ln()).collect();
        let names = train.y.names().to_vec();
        Ok(CentroidsModel {
            features: train.x.features().clone(),
            names,
            means,
            variances,
            logs,
            boldness: self.boldness,
        })
    }
}

impl Predictor for CentroidsModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for CentroidsModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let x = x.dense()?;
        let k = self.names.len();
        let mut values = Array2::zeros((x.nrows(), k));
        for row in 0..x.nrows() {
            let score = |class: usize| {
                let linear = |column: usize| {
                    let (mean, variance) = (self.means[class][column], self.variances[column]);
                    mean / variance * (x[[row, column]] - 0.5 * mean)
                };
                self.boldness * (self.logs[class] + (0..x.ncols()).map(linear).sum::<f64>())
            };
            let scores: Vec<f64> = (0..k).map(score).collect();
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let shares: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
            let sum: f64 = shares.iter().sum();
            if !sum.is_finite() {
                return Err(Error::overflow("a score leaves the range of f64; scale the features"));
            }
            (0..k).for_each(|class| values[[row, class]] = shares[class] / sum);
        }
        Probabilities::new(values, self.names.clone())
    }
}

/// Least squares with a small penalty on standardised columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LineModel {
    features: Features,
    intercept: f64,
    slopes: Vec<f64>,
}

impl Estimator for Line {
    type Input = Matrix;
    type Target = Values;
    type Model = LineModel;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<LineModel> {
        let x = train.x.dense()?;
        let (n, p) = x.dim();
        if p == 0 {
            return Err(Error::empty("the input has no columns"));
        }
        let y = train.y.as_slice();
        let total: f64 = (0..n).map(|row| train.weight(row)).sum();
        let y_mean = y[0] + (0..n).map(|row| train.weight(row) * (y[row] - y[0])).sum::<f64>() / total;
        let (means, variances) = moments(x, |row| train.weight(row));
        finite(&means)?;
        finite(&variances)?;
        let scales: Vec<f64> = variances.iter().map(|variance| variance.sqrt().max(1e-9)).collect();
        let z = |row: usize, column: usize| (x[[row, column]] - means[column]) / scales[column];
        let mut gram = Array2::from_shape_fn((p, p), |(i, j)| {
            (0..n).map(|row| train.weight(row) * z(row, i) * z(row, j)).sum::<f64>() / total
        });
        gram.diag_mut().iter_mut().for_each(|value| *value += 1e-6);
        let sides: Vec<f64> = (0..p)
            .map(|column| {
                (0..n).map(|row| train.weight(row) * z(row, column) * (y[row] - y_mean)).sum::<f64>() / total
            })
            .collect();
        finite(&sides)?;
        let solved = perennial_numeric::linalg::Cholesky::new(&gram)?.solve(&ndarray::Array1::from(sides));
        let slopes: Vec<f64> = solved.iter().zip(&scales).map(|(slope, scale)| slope / scale).collect();
        let intercept = y_mean - slopes.iter().zip(&means).map(|(slope, mean)| slope * mean).sum::<f64>();
        finite(&slopes)?;
        finite(&[intercept])?;
        Ok(LineModel { features: train.x.features().clone(), intercept, slopes })
    }
}

impl Predictor for LineModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let dense = x.dense()?;
        let answer = |row: usize| {
            self.intercept
                + self.slopes.iter().enumerate().map(|(c, slope)| slope * dense[[row, c]]).sum::<f64>()
        };
        let answers: Vec<f64> = (0..dense.nrows()).map(answer).collect();
        match answers.iter().all(|answer| answer.is_finite()) {
            true => Ok(answers.into()),
            false => Err(Error::overflow("an answer leaves the range of f64; scale the features")),
        }
    }
}

/// The kit fits each wrapper many times.
pub(crate) fn few() -> perennial_testing::Tags {
    perennial_testing::Tags::new().most_rows(600)
}

pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Probabilities of two classes, `no` and `yes`, from those of `yes`.
pub(crate) fn two(shares: &[f64]) -> Probabilities {
    let values =
        Array2::from_shape_fn(
            (shares.len(), 2),
            |(row, class)| if class == 1 { shares[row] } else { 1.0 - shares[row] },
        );
    Probabilities::new(values, names(&["no", "yes"])).unwrap()
}

pub(crate) fn yes_no(truth: impl IntoIterator<Item = bool>) -> Classes {
    Classes::new(truth.into_iter().map(u32::from).collect(), names(&["no", "yes"])).unwrap()
}

perennial_testing::check!(centroids, classifier, Centroids::new(), few());
perennial_testing::check!(line, regressor, Line, few());

#[test]
fn toys_take_no_rows_and_keep_their_shape() {
    assert_eq!(two(&[0.25, 0.5]).n_rows(), 2);
}
