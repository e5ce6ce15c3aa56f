//! Conformal intervals from parts of the rows: after a bootstrap, and of quantiles with folds.

use ndarray::array;
use perennial_core::{Capabilities, Estimator, Matrix, Predictor, Result, Rows, Train, Values};
use perennial_evaluation::conformal::{
    ConformalizedQuantileRegressor, Coverage, CrossConformalRegressor, CrossMethod, IntervalPredictor,
};
use perennial_evaluation::split::{Bootstrap, FixedSplits};
use perennial_evaluation::{CrossFit, Metric, Split};
use perennial_testing::check;

use crate::conformal::{close, repeated};
use crate::models::{Slope, SlopeModel, line};
use crate::toys::{Line, few};

check!(
    jackknife_after_bootstrap,
    regressor,
    CrossConformalRegressor::new(Line).level(0.6).splitter(Bootstrap::new(8)),
    few()
);
check!(
    conformalized_quantiles_with_folds,
    regressor,
    ConformalizedQuantileRegressor::new(Line, Line).level(0.8).splitter(CrossFit::new(3)),
    few().expect_fail("W01", "copies of a row may be learned from and held out")
);

/// A slope through the origin, moved.
#[derive(Debug, Clone)]
struct Moved(f64);

#[derive(Debug, Clone)]
struct MovedModel(SlopeModel, f64);

impl Estimator for Moved {
    type Input = Matrix;
    type Target = Values;
    type Model = MovedModel;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<MovedModel> {
        Ok(MovedModel(Slope { alpha: 0.1 }.fit_on(train)?, self.0))
    }
}

impl Predictor for MovedModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(self.0.predict(x)?.as_slice().iter().map(|value| value + self.1).collect())
    }
}

/// The samples of which MAPIE was given the same.
fn samples(n: usize) -> FixedSplits {
    let sample = |b: usize| {
        let mut train: Vec<usize> = (0..n).map(|i| (7 * i * i + 3 * i + 5 * b * i + b * b + b) % n).collect();
        train.sort_unstable();
        let test = (0..n).filter(|row| train.binary_search(row).is_err()).collect();
        Split { train, test }
    };
    FixedSplits::new((0..13).map(sample))
}

#[test]
fn after_a_bootstrap_intervals_are_those_of_mapie() {
    // mapie 1.6, JackknifeAfterBootstrapRegressor(Ridge(alpha=0.5, fit_intercept=False), confidence_level=0.8,
    // method=..., resampling=<the samples above>), aggregated by the mean.
    let of_mapie = [
        (
            CrossMethod::Plus,
            [
                [-2.27411776227942, -1.2736059723363],
                [-0.503917348123318, 0.503917348123318],
                [0.187856220817713, 1.18152519464404],
                [2.22424059729892, 3.25571908158047],
            ],
        ),
        (
            CrossMethod::Minmax,
            [
                [-2.34649563709235, -1.15054363409287],
                [-0.503917348123318, 0.503917348123318],
                [0.139484144960756, 1.22047557161127],
                [2.06968862421298, 3.37015024207514],
            ],
        ),
    ];
    let n = 24;
    let x: Vec<f64> = (0..n).map(|i| (i * 7 % 24) as f64 / 12.0 - 1.0).collect();
    let y: Values = x.iter().enumerate().map(|(i, x)| 2.0 * x + (i * 5 % 11) as f64 / 10.0 - 0.5).collect();
    let x = Matrix::from(ndarray::Array2::from_shape_vec((n, 1), x).unwrap());
    let asked = Matrix::from(array![[-0.9], [0.0], [0.35], [1.4]]);
    for (method, expected) in of_mapie {
        let settings = CrossConformalRegressor::new(Slope { alpha: 0.5 }).level(0.8).method(method);
        let model = settings.splitter(samples(n)).fit(&x, &y).unwrap();
        let intervals = model.predict_interval(&asked).unwrap();
        for (row, [low, high]) in expected.into_iter().enumerate() {
            close(intervals.low[row], low, 1e-12);
            close(intervals.high[row], high, 1e-12);
        }
        assert_eq!(model.models().len(), 13);
        assert_eq!(model.errors().map(|(_, errors)| errors.len()).sum::<usize>(), n);
    }
}

#[test]
fn rows_that_all_have_learned_from_do_not_count() {
    // Row 0 is in every sample. Of the others each is missed by one sample.
    let splits =
        (1..10).map(|out| Split { train: (0..10).filter(|row| *row != out).collect(), test: vec![out] });
    let (x, y) = line(10, 3);
    let settings = CrossConformalRegressor::new(Slope { alpha: 0.1 }).splitter(FixedSplits::new(splits));
    let model = settings.clone().level(0.9).fit(&x, &y).unwrap();
    assert_eq!(model.errors().map(|(_, errors)| errors.len()).sum::<usize>(), 9);
    let error = settings.level(0.91).fit(&x, &y).unwrap_err().to_string();
    assert!(error.contains("9 calibration rows"), "{error}");
}

#[test]
fn intervals_after_a_bootstrap_hold_as_often_as_they_say() {
    for method in [CrossMethod::Plus, CrossMethod::Minmax] {
        let (mean, error) = repeated(250, |mut random| {
            let (x, y) = line(40, random.below(1 << 30) as u64);
            let settings = CrossConformalRegressor::new(Slope { alpha: 0.1 }).method(method);
            let model = settings.splitter(Bootstrap::new(20)).fit(&x, &y).unwrap();
            let (x, y) = line(50, random.below(1 << 30) as u64);
            Coverage.score(&y, &model.predict_interval(&x).unwrap()).unwrap()
        });
        assert!(mean > 0.9 - 3.5 * error && mean < 0.94 + 3.5 * error, "{method:?}: {mean} +- {error}");
    }
}

#[test]
fn quantiles_with_folds_are_their_definition() {
    let (x, y) = line(30, 8);
    let asked = Matrix::from(array![[-0.7], [0.0], [0.9]]);
    let folds: Vec<Split> = (0..5)
        .map(|fold| {
            let (test, train) = (0..30).partition(|row| row % 5 == fold);
            Split { train, test }
        })
        .collect();
    for symmetric in [true, false] {
        let settings = ConformalizedQuantileRegressor::new(Moved(-0.3), Moved(0.2)).level(0.8);
        let settings = settings.symmetric(symmetric).splitter(FixedSplits::new(folds.clone()));
        let model = settings.fit(&x, &y).unwrap();
        let intervals = model.predict_interval(&asked).unwrap();
        let (mut low, mut high) = (vec![Vec::new(); 3], vec![Vec::new(); 3]);
        let mut middle = [0.0; 3];
        for split in &folds {
            let (own_x, own_y) = (x.take(&split.train).unwrap(), y.take(&split.train).unwrap());
            let slope = Slope { alpha: 0.1 }.fit(&own_x, &own_y).unwrap();
            let said = slope.predict(&asked).unwrap();
            for row in 0..3 {
                middle[row] += (said.as_slice()[row] - 0.05) / 5.0;
                for &out in &split.test {
                    let own = slope.predict(&x.take(&[out]).unwrap()).unwrap().as_slice()[0];
                    let (below, above) = (own - 0.3 - y.as_slice()[out], y.as_slice()[out] - own - 0.2);
                    let (below, above) =
                        if symmetric { (below.max(above), below.max(above)) } else { (below, above) };
                    low[row].push(said.as_slice()[row] - 0.3 - below);
                    high[row].push(said.as_slice()[row] + 0.2 + above);
                }
            }
        }
        // ceil(0.8 * 31) = 25 of 30 at both ends alike; each by itself ceil(0.9 * 31) = 28.
        let rank = if symmetric { 25 } else { 28 };
        for row in 0..3 {
            low[row].sort_by(f64::total_cmp);
            high[row].sort_by(f64::total_cmp);
            close(intervals.low[row], low[row][30 - rank], 1e-12);
            close(intervals.high[row], high[row][rank - 1], 1e-12);
            close(model.predict(&asked).unwrap().as_slice()[row], middle[row], 1e-12);
        }
        assert_eq!(model.models().len(), 5);
    }
}

#[test]
fn quantiles_with_folds_hold_as_often_as_they_say() {
    for symmetric in [true, false] {
        let (mean, error) = repeated(250, |mut random| {
            let (x, y) = line(59, random.below(1 << 30) as u64);
            // The quantiles are too near to each other, and not in the middle.
            let settings = ConformalizedQuantileRegressor::new(Moved(-0.1), Moved(0.4)).symmetric(symmetric);
            let model = settings.splitter(CrossFit::new(6)).fit(&x, &y).unwrap();
            let (x, y) = line(50, random.below(1 << 30) as u64);
            Coverage.score(&y, &model.predict_interval(&x).unwrap()).unwrap()
        });
        assert!(mean > 0.9 - 3.5 * error && mean < 0.94 + 3.5 * error, "{symmetric}: {mean} +- {error}");
    }
}
