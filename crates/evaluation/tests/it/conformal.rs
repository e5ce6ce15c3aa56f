//! Conformal intervals and sets.

use ndarray::{Array2, array};
use perennial_core::{
    Capabilities, Error, Estimator, Matrix, Outputs, Predictor, Result, Rows, Train, Values,
};
use perennial_evaluation::conformal::{
    ConformalizedQuantileRegressor, ConformalizedQuantiles, Coverage, CrossConformalRegressor, CrossMethod,
    EnbPiRegressor, IntervalPredictor, IntervalScore, MeanWidth, NormalizedConformalRegressor,
    PredictionIntervals, RegressionScore, SplitConformalRegressor, conformalize, conformalize_by,
    conformalize_weighted, rows_needed,
};
use perennial_evaluation::split::FixedSplits;
use perennial_evaluation::{
    CrossFit, CrossValidation, Holdout, Metric, SliceOptions, Slices, Split, Stack, cross_validate,
    score_slices,
};
use perennial_numeric::random::Random;
use perennial_testing::check;
use serde::{Deserialize, Serialize};

use crate::toys::{Line, few};

const FOLDS: &str = "copies of a row may be learned from and held out";

check!(
    split_conformal,
    regressor,
    SplitConformalRegressor::new(Line).level(0.8),
    few().expect_fail("W01", FOLDS)
);
check!(
    normalized_conformal,
    regressor,
    NormalizedConformalRegressor::new(Line, Line).level(0.8),
    few().expect_fail("W01", FOLDS)
);
check!(cross_conformal, regressor, CrossConformalRegressor::new(Line).level(0.8), few());
check!(
    conformalized_quantiles,
    regressor,
    ConformalizedQuantileRegressor::new(Line, Line).level(0.8),
    few().expect_fail("W01", FOLDS)
);
check!(
    conformalized_quantiles_by_side,
    regressor,
    ConformalizedQuantileRegressor::new(Line, Line).level(0.8).symmetric(false),
    few().expect_fail("W01", FOLDS)
);
check!(enbpi, regressor, EnbPiRegressor::new(Line).n_models(8).block(3).level(0.6), few());
/// Answers with a number, whatever the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Always(f64);

impl Estimator for Always {
    type Input = Matrix;
    type Target = Values;
    type Model = Always;

    fn fit_on(&self, _: &Train<'_, Matrix, Values>) -> Result<Always> {
        Ok(self.clone())
    }
}

impl Predictor for Always {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(vec![self.0; x.n_rows()].into())
    }
}

/// Answers with the same quantiles for all rows.
#[derive(Debug, Clone)]
struct Quantiles(Vec<f64>);

impl Estimator for Quantiles {
    type Input = Matrix;
    type Target = Values;
    type Model = Quantiles;

    fn fit_on(&self, _: &Train<'_, Matrix, Values>) -> Result<Quantiles> {
        Ok(self.clone())
    }
}

impl Predictor for Quantiles {
    type Input = Matrix;
    type Output = Outputs;

    fn predict(&self, x: &Matrix) -> Result<Outputs> {
        Ok(Array2::from_shape_fn((x.n_rows(), self.0.len()), |(_, column)| self.0[column]).into())
    }
}

fn empty(n_rows: usize) -> Matrix {
    Matrix::from(Array2::zeros((n_rows, 1)))
}

pub(crate) fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b} within {tolerance}");
}

#[test]
fn ranks_are_those_of_the_definition() {
    // n, alpha, and the place from 1 of the score that bounds: ceil((n + 1) (1 - alpha)).
    for (n, level, rank) in [(19, 0.9, Some(18)), (100, 0.95, Some(96)), (9, 0.9, Some(9)), (8, 0.9, None)] {
        let y: Values = (1..=n).map(f64::from).collect();
        let model = conformalize(Always(0.0), RegressionScore::Absolute, level, &empty(n as usize), &y);
        match rank {
            Some(rank) => {
                let interval = model.unwrap().predict_interval(&empty(1)).unwrap();
                assert_eq!((interval.low[0], interval.high[0]), (-f64::from(rank), f64::from(rank)));
            }
            None => {
                let error = model.unwrap_err().to_string();
                assert!(error.contains("at least 9 are needed"), "{error}");
            }
        }
    }
    for (level, needed) in [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99), (0.999, 999)] {
        assert_eq!(rows_needed(level).unwrap(), needed);
    }
    assert!(rows_needed(1.0).is_err() && rows_needed(f64::NAN).is_err());
    assert!(rows_needed(1.0 - f64::EPSILON).unwrap() > 1 << 49);
    assert_eq!(rows_needed(1e-300).unwrap(), 1);
}

/// The mean over repetitions of the share of truths held, and its standard error.
#[track_caller]
pub(crate) fn repeated(n_repeats: u64, coverage: impl Fn(Random) -> f64) -> (f64, f64) {
    let found: Vec<f64> = (0..n_repeats).map(|number| coverage(Random::new(900 + number))).collect();
    let mean = found.iter().sum::<f64>() / found.len() as f64;
    let variance = found.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (found.len() - 1) as f64;
    let error = (variance / found.len() as f64).sqrt();
    // What the documents say can be checked.
    println!(
        "{}: {:.2} +- {:.2} % of {n_repeats}",
        std::panic::Location::caller().line(),
        100.0 * mean,
        100.0 * error
    );
    (mean, error)
}

fn normals(random: &mut Random, n: usize) -> Values {
    (0..n).map(|_| random.normal()).collect()
}

#[test]
fn split_intervals_hold_as_often_as_they_say() {
    for (n, level) in [(19, 0.9), (25, 0.8), (57, 0.95)] {
        let (mean, error) = repeated(1500, |mut random| {
            let y = normals(&mut random, n);
            let model = conformalize(Always(0.0), RegressionScore::Absolute, level, &empty(n), &y).unwrap();
            let truth = normals(&mut random, 40);
            Coverage.score(&truth, &model.predict_interval(&empty(40)).unwrap()).unwrap()
        });
        let most = level + 1.0 / (n as f64 + 1.0);
        assert!(
            mean > level - 3.5 * error && mean < most + 3.5 * error,
            "{n} rows at {level}: {mean} +- {error}"
        );
    }
}

fn line(random: &mut Random, n: usize, noise: impl Fn(f64) -> f64) -> (Matrix, Values) {
    let x = Array2::from_shape_fn((n, 1), |_| random.uniform_in(-1.0, 1.0));
    let y = x.column(0).iter().map(|x| 3.0 * x + noise(*x) * random.normal()).collect();
    (x.into(), y)
}

fn covered(
    model: &impl IntervalPredictor<Input = Matrix>,
    random: &mut Random,
    noise: impl Fn(f64) -> f64,
) -> f64 {
    let (x, y) = line(random, 50, noise);
    Coverage.score(&y, &model.predict_interval(&x).unwrap()).unwrap()
}

#[test]
fn intervals_of_fitted_models_hold_as_often_as_they_say() {
    let flat = |_: f64| 0.5;
    let (mean, error) = repeated(300, |mut random| {
        let (x, y) = line(&mut random, 76, flat);
        covered(&SplitConformalRegressor::new(Line).fit(&x, &y).unwrap(), &mut random, flat)
    });
    assert!(mean > 0.9 - 3.5 * error && mean < 0.95 + 3.5 * error, "split: {mean} +- {error}");
    for method in [CrossMethod::Base, CrossMethod::Plus, CrossMethod::Minmax] {
        let (mean, error) = repeated(200, |mut random| {
            let (x, y) = line(&mut random, 40, flat);
            let settings = CrossConformalRegressor::new(Line).method(method).splitter(CrossFit::new(40));
            covered(&settings.fit(&x, &y).unwrap(), &mut random, flat)
        });
        assert!(mean > 0.9 - 3.5 * error && mean < 0.94 + 3.5 * error, "{method:?}: {mean} +- {error}");
    }
    let steep = |x: f64| 0.1 + x.abs();
    let (mean, error) = repeated(200, |mut random| {
        let (x, y) = line(&mut random, 120, steep);
        covered(&NormalizedConformalRegressor::new(Line, Line).fit(&x, &y).unwrap(), &mut random, steep)
    });
    assert!(
        mean > 0.9 - 3.5 * error && mean < 0.9 + 1.0 / 31.0 + 3.5 * error,
        "normalised: {mean} +- {error}"
    );
    // The quantiles are far too low: the intervals hold all the same.
    let (mean, error) = repeated(300, |mut random| {
        let (x, y) = line(&mut random, 76, flat);
        let settings = ConformalizedQuantileRegressor::new(Always(-2.0), Always(-1.5));
        covered(&settings.fit(&x, &y).unwrap(), &mut random, flat)
    });
    assert!(mean > 0.9 - 3.5 * error && mean < 0.95 + 3.5 * error, "quantiles: {mean} +- {error}");
}

#[test]
fn jackknife_plus_is_its_definition() {
    let mut random = Random::new(5);
    let (x, y) = line(&mut random, 23, |_| 0.4);
    let model =
        CrossConformalRegressor::new(Line).level(0.8).splitter(CrossFit::new(23)).fit(&x, &y).unwrap();
    let asked = Matrix::from(array![[-0.7], [0.0], [0.9]]);
    let intervals = model.predict_interval(&asked).unwrap();
    let (mut low, mut high) = (vec![Vec::new(); 3], vec![Vec::new(); 3]);
    for out in 0..23 {
        let rest: Vec<usize> = (0..23).filter(|row| *row != out).collect();
        let without = Line.fit(&x.take(&rest).unwrap(), &y.take(&rest).unwrap()).unwrap();
        let own = without.predict(&x.take(&[out]).unwrap()).unwrap().as_slice()[0];
        let error = (y.as_slice()[out] - own).abs();
        for (row, answer) in without.predict(&asked).unwrap().as_slice().iter().enumerate() {
            low[row].push(answer - error);
            high[row].push(answer + error);
        }
    }
    for row in 0..3 {
        low[row].sort_by(f64::total_cmp);
        high[row].sort_by(f64::total_cmp);
        // floor(0.2 * 24) = 4 and ceil(0.8 * 24) = 20, counted from 1.
        close(intervals.low[row], low[row][3], 1e-12);
        close(intervals.high[row], high[row][19], 1e-12);
    }
    assert_eq!(model.predict(&asked).unwrap(), Line.fit(&x, &y).unwrap().predict(&asked).unwrap());
}

#[test]
fn scores_widths_and_quantiles_by_hand() {
    // Gamma: errors as shares of the prediction 2 are 0.5, 1, 1.5 and 2; the fourth of four bounds level 0.8.
    let y = Values::from(vec![1.0, 4.0, 5.0, -2.0]);
    let model = conformalize(Always(2.0), RegressionScore::Gamma, 0.8, &empty(4), &y).unwrap();
    assert_eq!(model.scores(), [0.5, 1.0, 1.5, 2.0]);
    let interval = model.predict_interval(&empty(1)).unwrap();
    assert_eq!((interval.low[0], interval.high[0]), (-2.0, 6.0));
    let lower = model.at_level(0.4).unwrap();
    assert_eq!(lower.predict_interval(&empty(1)).unwrap().high[0], 4.0);
    assert!(lower.at_level(0.81).is_err());
    let error = conformalize(Always(-2.0), RegressionScore::Gamma, 0.8, &empty(4), &y).unwrap_err();
    assert!(error.to_string().contains("above 0"), "{error}");

    // Quantiles 0 and 10: scores are how far outside (above 0) or inside the truths lie.
    let y: Values = [5.0, -1.0, 12.0, 9.0].into_iter().collect();
    let all = all_held(4);
    let model =
        ConformalizedQuantileRegressor::new(Always(0.0), Always(10.0)).level(0.6).splitter(all.clone());
    let interval = model.fit(&empty(8), &doubled(&y)).unwrap().predict_interval(&empty(1)).unwrap();
    // Scores -5, -1, 1, 2: the third of four.
    assert_eq!((interval.low[0], interval.high[0]), (-1.0, 11.0));
    let several = ConformalizedQuantiles::new(Quantiles(vec![0.0, 4.0, 6.0, 10.0])).level(0.6).splitter(all);
    let model = several.fit(&empty(8), &doubled(&y)).unwrap();
    assert_eq!(model.predict_interval(&empty(1)).unwrap(), interval);
    assert_eq!(model.predict(&empty(1)).unwrap().as_slice(), [5.0]);
    let one = ConformalizedQuantiles::new(Quantiles(vec![0.0]));
    assert!(one.fit(&empty(40), &vec![0.0; 40].into()).is_err());
}

/// Learns from the first `n` rows and holds out the next `n`.
fn all_held(n: usize) -> perennial_evaluation::split::FixedSplits {
    let split = perennial_evaluation::Split { train: (0..n).collect(), test: (n..2 * n).collect() };
    perennial_evaluation::split::FixedSplits::new(vec![split])
}

fn doubled(y: &Values) -> Values {
    y.as_slice().iter().chain(y.as_slice()).copied().collect()
}

#[test]
fn metrics_of_intervals_by_hand() {
    let truth = Values::from(vec![0.0, 5.0, -1.0]);
    let given = PredictionIntervals { level: 0.8, low: vec![-1.0, 0.0, 0.0], high: vec![1.0, 4.0, 2.0] };
    close(Coverage.score(&truth, &given).unwrap(), 1.0 / 3.0, 1e-15);
    close(MeanWidth.score(&truth, &given).unwrap(), 8.0 / 3.0, 1e-15);
    // Twice 10 for the misses by 1.
    close(IntervalScore.score(&truth, &given).unwrap(), (2.0 + 4.0 + 10.0 + 2.0 + 10.0) / 3.0, 1e-12);
    close(Coverage.score_weighted(&truth, &given, Some(&[3.0, 1.0, 0.0])).unwrap(), 0.75, 1e-15);
    let endless = PredictionIntervals { level: 0.8, low: vec![f64::NEG_INFINITY], high: vec![f64::INFINITY] };
    assert_eq!(Coverage.score(&vec![7.0].into(), &endless).unwrap(), 1.0);
    assert_eq!(MeanWidth.score(&vec![7.0].into(), &endless).unwrap(), f64::INFINITY);
    let odd = PredictionIntervals { level: 0.8, low: vec![f64::NAN], high: vec![1.0] };
    assert!(Coverage.score(&vec![7.0].into(), &odd).is_err());
    assert!(PredictionIntervals::stack(&[given, endless]).is_ok());
}

#[test]
fn coverage_is_judged_by_folds_and_slices() {
    let mut random = Random::new(3);
    let (x, y) = line(&mut random, 600, |x| if x < 0.0 { 0.1 } else { 1.0 });
    let settings = SplitConformalRegressor::new(Line).level(0.9);
    let options = CrossValidation::new();
    let judged = cross_validate(&settings, &x, &y, &CrossFit::new(5), &Coverage, &options).unwrap();
    close(judged.mean(), 0.9, 0.04);
    let intervals = judged.predictions.unwrap();
    let side: Vec<String> = x
        .dense()
        .unwrap()
        .column(0)
        .iter()
        .map(|x| if *x < 0.0 { "calm" } else { "noisy" }.to_owned())
        .collect();
    let slices = Slices::new().by("side", &side);
    let report = score_slices(&Coverage, &y, &intervals, &slices, &SliceOptions::new()).unwrap();
    assert_eq!(report.slices[0].name, "side=noisy");
    assert!(report.slices[0].interval.high < 0.9 && report.slices[0].adjusted_p_value < 0.01, "{report}");

    // Mondrian intervals hold on both sides.
    let (x_new, y_new) = line(&mut random, 600, |x| if x < 0.0 { 0.1 } else { 1.0 });
    let new: Vec<String> = x_new
        .dense()
        .unwrap()
        .column(0)
        .iter()
        .map(|x| if *x < 0.0 { "calm" } else { "noisy" }.to_owned())
        .collect();
    let fitted = Line.fit(&x, &y).unwrap();
    let model = conformalize_by(fitted, RegressionScore::Absolute, 0.9, &x_new, &y_new, &new).unwrap();
    let intervals = model.predict_interval(&x, &side).unwrap();
    let report = score_slices(&Coverage, &y, &intervals, &slices, &SliceOptions::new()).unwrap();
    report.slices.iter().for_each(|slice| close(slice.interval.estimate, 0.9, 0.045));
    let other = vec!["elsewhere".to_owned(); 600];
    assert!(model.predict_interval(&x, &other).unwrap_err().to_string().contains("`elsewhere`"));
    let mut rare = new;
    rare[0] = "rare".to_owned();
    let error =
        conformalize_by(Always(0.0), RegressionScore::Absolute, 0.9, &x_new, &y_new, &rare).unwrap_err();
    assert!(error.to_string().contains("`rare`") && error.to_string().contains("at least 9"), "{error}");
}

#[test]
fn normalised_intervals_are_wide_where_errors_are() {
    let mut random = Random::new(31);
    let noise = |x: f64| 0.05 + (x + 1.0);
    let (x, y) = line(&mut random, 1500, noise);
    let (x_new, y_new) = line(&mut random, 1500, noise);
    let plain = SplitConformalRegressor::new(Line).fit(&x, &y).unwrap().predict_interval(&x_new).unwrap();
    let model = NormalizedConformalRegressor::new(Line, Line).fit(&x, &y).unwrap();
    let scaled = model.predict_interval(&x_new).unwrap();
    let score = |given| IntervalScore.score(&y_new, given).unwrap();
    assert!(score(&scaled) < 0.9 * score(&plain), "{} against {}", score(&scaled), score(&plain));
}

#[test]
fn too_few_rows_and_wrong_splitters_are_errors() {
    let (x, y) = line(&mut Random::new(1), 20, |_| 1.0);
    let error: Error = SplitConformalRegressor::new(Line).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("5 calibration rows give no finite interval of level 0.9"), "{error}");
    let error = SplitConformalRegressor::new(Line).splitter(CrossFit::new(2)).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("2 splits"), "{error}");
    assert!(SplitConformalRegressor::new(Line).level(1.0).fit(&x, &y).is_err());
    assert!(CrossConformalRegressor::new(Line).level(0.96).fit(&x, &y).is_err());
    assert!(CrossConformalRegressor::new(Line).level(0.95).fit(&x, &y).is_ok());
}

#[test]
fn weights_of_calibration_rows_are_copies() {
    let (truth, weights) = ([3.0, 1.0, 4.0, 1.5, 9.0, 2.5, 6.0], [2.0, 1.0, 3.0, 0.0, 1.0, 4.0, 2.0]);
    let copies: Values =
        truth.iter().zip(weights).flat_map(|(y, weight)| vec![*y; weight as usize]).collect();
    let n = copies.n_rows();
    let y = Values::from(truth.to_vec());
    for level in [0.3, 0.5, 0.7, 0.8, 0.9] {
        let (score, x) = (RegressionScore::Absolute, empty(7));
        let weighted = conformalize_weighted(Always(0.5), score, level, &x, &y, Some(&weights)).unwrap();
        let repeated = conformalize(Always(0.5), score, level, &empty(n), &copies).unwrap();
        let interval = |model: &dyn IntervalPredictor<Input = Matrix, Output = Values>| {
            let interval = model.predict_interval(&empty(1)).unwrap();
            (interval.low[0], interval.high[0])
        };
        assert_eq!(interval(&weighted), interval(&repeated), "{level}");
        // Weights that are a share of a row are as many rows as there are; thirteenths of 13 / 6 rows are 6 rows.
        let shares: Vec<f64> = weights.iter().map(|weight| weight / 1000.0).collect();
        let six: Vec<f64> = weights.iter().map(|weight| weight * 6.0 / 13.0).collect();
        let of = |weights: &[f64]| conformalize_weighted(Always(0.5), score, level, &x, &y, Some(weights));
        match (of(&shares), of(&six)) {
            (Ok(shares), Ok(six)) => assert_eq!(interval(&shares), interval(&six)),
            (shares, six) => assert!(shares.is_err() && six.is_err() && level > 0.85, "{level}"),
        }
    }
    let of = |weights: &[f64]| {
        conformalize_weighted(Always(0.5), RegressionScore::Absolute, 0.5, &empty(7), &y, Some(weights))
    };
    assert!(of(&[0.0; 7]).is_err() && of(&[1.0; 6]).is_err() && of(&[f64::NAN; 7]).is_err());
}

#[test]
fn folds_count_rows_by_their_weights() {
    // `Always` learns nothing, so the intervals are those of the errors alone: of copies as of weights.
    let mut random = Random::new(31);
    let y = normals(&mut random, 60);
    let weights: Vec<f64> = (0..60).map(|row| f64::from(row % 4)).collect();
    let copies: Values = (0..60).flat_map(|row| vec![y.as_slice()[row]; row % 4]).collect();
    for method in [CrossMethod::Base, CrossMethod::Plus, CrossMethod::Minmax] {
        let settings = CrossConformalRegressor::new(Weighed(0.2)).level(0.83).method(method);
        let weighted = Train::new(&empty(60), &y).weights(&weights).fit(&settings).unwrap();
        let repeated = settings.fit(&empty(copies.n_rows()), &copies).unwrap();
        assert_eq!(
            weighted.predict_interval(&empty(2)).unwrap(),
            repeated.predict_interval(&empty(2)).unwrap()
        );
    }
}

/// As `Always`, and takes weights.
#[derive(Debug, Clone)]
struct Weighed(f64);

impl Estimator for Weighed {
    type Input = Matrix;
    type Target = Values;
    type Model = Always;

    fn fit_on(&self, _: &Train<'_, Matrix, Values>) -> Result<Always> {
        Ok(Always(self.0))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

#[test]
fn each_end_keeps_its_side() {
    // By hand: 99 rows held out with the truths 1 to 99, and quantiles of 30 and 80. Below 30 by at most 30 - 5 = 25 in
    // 95 of 99, which with one more is 95 %; above 80 by at most 95 - 80 = 15.
    let y: Values = (0..396).map(|row| f64::from(row % 99 + 1)).collect();
    let all: Vec<usize> = (99..396).collect();
    let split = FixedSplits::new([Split { train: all, test: (0..99).collect() }]);
    let settings = ConformalizedQuantileRegressor::new(Always(30.0), Always(80.0)).level(0.9).splitter(split);
    let both = settings.clone().fit(&empty(396), &y).unwrap().predict_interval(&empty(1)).unwrap();
    let each = settings.symmetric(false).fit(&empty(396), &y).unwrap().predict_interval(&empty(1)).unwrap();
    assert_eq!((each.low[0], each.high[0]), (5.0, 95.0));
    // Moved alike, 90 of the 99 truths are to be held: 30 - r to 80 + r.
    assert_eq!((both.low[0], both.high[0]), (10.0, 100.0));
    // On skewed noise each side misses as often as it may; moved alike one side misses too often.
    let sides = |symmetric: bool| {
        let mut random = Random::new(77);
        let mut missed = [0.0, 0.0];
        for _ in 0..400 {
            let skewed: Values = (0..160).map(|_| -random.uniform().ln()).collect();
            let settings = ConformalizedQuantileRegressor::new(Always(0.3), Always(1.0)).symmetric(symmetric);
            let model = settings.level(0.9).splitter(Holdout::new(0.5)).fit(&empty(160), &skewed).unwrap();
            let ends = model.predict_interval(&empty(1)).unwrap();
            // The shares of an exponential number beyond the ends.
            missed[0] += (1.0 - (-ends.low[0].max(0.0)).exp()) / 400.0;
            missed[1] += (-ends.high[0]).exp() / 400.0;
        }
        missed
    };
    let (each, both) = (sides(false), sides(true));
    assert!((each[0] - 0.05).abs() < 0.015 && (each[1] - 0.05).abs() < 0.015, "{each:?}");
    assert!(both[0] < 0.02 && both[1] > 0.08, "{both:?}");
}
