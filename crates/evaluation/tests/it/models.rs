//! Small estimators to validate.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Estimator, Matrix, Predictor, Probabilities, Result, Train, Values,
};

/// Least squares through the origin on the first column, with a penalty.
#[derive(Debug, Clone)]
pub(crate) struct Slope {
    pub(crate) alpha: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SlopeModel(pub(crate) f64);

impl Estimator for Slope {
    type Input = Matrix;
    type Target = Values;
    type Model = SlopeModel;

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new();
        capabilities.weights = true;
        capabilities
    }

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SlopeModel> {
        let x = train.x.dense()?;
        let (mut xy, mut xx) = (0.0, self.alpha);
        for (row, y) in train.y.as_slice().iter().enumerate() {
            xy += train.weight(row) * x[[row, 0]] * y;
            xx += train.weight(row) * x[[row, 0]] * x[[row, 0]];
        }
        Ok(SlopeModel(xy / xx))
    }
}

impl Predictor for SlopeModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(x.dense()?.column(0).iter().map(|x| self.0 * x).collect())
    }
}

/// The target of the row whose first column is nearest.
#[derive(Debug, Clone)]
pub(crate) struct Nearest;

/// Cells and targets, by the cell.
#[derive(Debug, Clone)]
pub(crate) struct NearestModel(Vec<(f64, f64)>);

impl Estimator for Nearest {
    type Input = Matrix;
    type Target = Values;
    type Model = NearestModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<NearestModel> {
        let cells = train.x.dense()?;
        let mut known: Vec<(f64, f64)> =
            cells.column(0).iter().copied().zip(train.y.as_slice().iter().copied()).collect();
        known.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(NearestModel(known))
    }
}

impl Predictor for NearestModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let nearest = |&cell: &f64| {
            let above = self.0.partition_point(|known| known.0 < cell);
            let beside = &self.0[above.saturating_sub(1)..(above + 1).min(self.0.len())];
            beside.iter().min_by(|a, b| (a.0 - cell).abs().total_cmp(&(b.0 - cell).abs())).unwrap().1
        };
        Ok(x.dense()?.column(0).iter().map(nearest).collect())
    }
}

/// The logistic function of the first column; learns only the names of the classes.
#[derive(Debug, Clone)]
pub(crate) struct Sigmoid;

#[derive(Debug, Clone)]
pub(crate) struct SigmoidModel(Vec<String>);

impl Estimator for Sigmoid {
    type Input = Matrix;
    type Target = Classes;
    type Model = SigmoidModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<SigmoidModel> {
        train.y.check_two_classes()?;
        Ok(SigmoidModel(train.y.names().to_vec()))
    }
}

impl Predictor for SigmoidModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for SigmoidModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = x.dense()?;
        let values = Array2::from_shape_fn((x.nrows(), 2), |(row, class)| {
            let p = 1.0 / (1.0 + (-x[[row, 0]]).exp());
            if class == 1 { p } else { 1.0 - p }
        });
        Probabilities::new(values, self.0.clone())
    }
}

/// A line with noise: x in [-1, 1), y = 2x + noise.
pub(crate) fn line(n: usize, seed: u64) -> (Matrix, Values) {
    let mut random = perennial_numeric::random::Random::new(seed);
    let x = Array2::from_shape_fn((n, 1), |_| random.uniform_in(-1.0, 1.0));
    let y = x.column(0).iter().map(|x| 2.0 * x + 0.3 * random.normal()).collect();
    (Matrix::from(x), y)
}

/// Two classes, of which the logistic function of x is the true probability.
pub(crate) fn coin(n: usize, seed: u64) -> (Matrix, Classes) {
    let mut random = perennial_numeric::random::Random::new(seed);
    let x = Array2::from_shape_fn((n, 1), |_| 2.0 * random.normal());
    let codes = x.column(0).iter().map(|x| u32::from(random.uniform() < 1.0 / (1.0 + (-x).exp()))).collect();
    (Matrix::from(x), Classes::new(codes, vec!["no".to_owned(), "yes".to_owned()]).unwrap())
}
