//! A model of your own: the mean of the nearest training rows.

use perennial::core::{Capabilities, ErrorKind, Features, Param};
use perennial::data::samples;
use perennial::evaluation::metric::MeanAbsoluteError;
use perennial::evaluation::split::KFold;
use perennial::evaluation::{CrossValidation, cross_validate};
use perennial::models::DummyRegressor;
use perennial::numeric::distance;
use perennial::prelude::*;
use perennial::preprocessing::StandardScaler;
use serde::{Deserialize, Serialize};

const K: Param = Param::integer("k", "how many neighbours").at_least(1.0).search(1.0, 50.0);

/// The settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Nearest {
    k: usize,
}

impl Default for Nearest {
    fn default() -> Self {
        Nearest { k: 5 }
    }
}

/// The model: the training rows themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
struct NearestModel {
    features: Features,
    x: ndarray::Array2<f64>,
    y: Vec<f64>,
    k: usize,
}

/// The model as it was written; it becomes a model only if its parts fit together.
#[derive(Deserialize)]
struct Parts {
    features: Features,
    x: ndarray::Array2<f64>,
    y: Vec<f64>,
    k: usize,
}

impl TryFrom<Parts> for NearestModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, x, y, k } = parts;
        let fits = x.dim() == (y.len(), features.len()) && !y.is_empty() && k > 0;
        if !fits || x.iter().chain(&y).any(|value| !value.is_finite()) {
            return Err(Error::corrupt("the rows, columns and targets of the model do not fit together"));
        }
        Ok(NearestModel { features, x, y, k })
    }
}

impl Estimator for Nearest {
    type Input = Matrix;
    type Target = Values;
    type Model = NearestModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<NearestModel> {
        K.check_count(self.k)?;
        // Squared distances of larger numbers would leave the range of f64.
        if train.x.dense()?.iter().any(|value| value.abs() > 1e150) {
            return Err(Error::new(ErrorKind::Overflow {
                what: "numbers above 1e150; scale the columns first".into(),
            }));
        }
        let (features, x, y) =
            (train.x.features().clone(), train.x.dense()?.to_owned(), train.y.as_slice().to_vec());
        Ok(NearestModel { features, x, y, k: self.k })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }
}

impl Predictor for NearestModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let distances = distance::squared_euclidean(x.dense()?, &self.x);
        let k = self.k.min(self.y.len());
        let mean_of_nearest = |distances: ndarray::ArrayView1<'_, f64>| {
            let mut order: Vec<usize> = (0..self.y.len()).collect();
            // Of equally near rows the earlier one counts, so the answer never depends on chance.
            order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]).then(a.cmp(&b)));
            order[..k].iter().map(|&row| self.y[row] / k as f64).sum()
        };
        Ok(distances.rows().into_iter().map(mean_of_nearest).collect())
    }
}

fn main() -> Result<()> {
    let table = samples::diabetes()?;
    let names: Vec<&str> = table.names().filter(|name| *name != "progression").collect();
    let (x, y) = (table.matrix(&names)?, table.values("progression")?);
    let (folds, metric) = (KFold::new(5).shuffle(true).seed(1), MeanAbsoluteError);
    let baseline = cross_validate(&DummyRegressor::new(), &x, &y, &folds, &metric, &CrossValidation::new())?;
    println!("always the mean: {}", baseline.interval(0.95)?);
    for k in [1, 5, 20] {
        let pipeline = StandardScaler::new().then(Nearest { k });
        let scored = cross_validate(&pipeline, &x, &y, &folds, &metric, &CrossValidation::new())?;
        println!("{k:>2} nearest rows: {}", scored.interval(0.95)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use perennial::testing::Tags;

    perennial::testing::check!(nearest, regressor, Nearest::default());
    perennial::testing::check!(one_nearest, regressor, Nearest { k: 1 });
    perennial::testing::check!(all_rows, regressor, Nearest { k: 10_000 }, Tags::new().poor_score());
}
