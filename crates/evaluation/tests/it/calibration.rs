//! Reliability curves and calibrated classifiers.

use ndarray::{Array2, array};
use perennial_core::{
    Classes, Classifier, Context, ErrorKind, Estimator, Matrix, Predictor, Probabilities, Rows, Train,
};
use perennial_evaluation::calibration::{
    BinStrategy, Calibrated, CalibrationMethod, Calibrator, Reliability, calibrate,
};
use perennial_evaluation::metric::{Brier, CalibrationError, LogLoss};
use perennial_evaluation::{CrossFit, Holdout, Metric, SplitInputs, Splitter};
use perennial_numeric::isotonic::{pooled, tied};
use perennial_numeric::random::Random;
use perennial_statistics::interval::clopper_pearson;
use perennial_testing::check;

use crate::toys::{Centroids, few, names, two, yes_no};

const FOLDS: &str = "copies of a row may be in different folds";

check!(calibrated_sigmoid, classifier, Calibrated::new(Centroids::new()), few().expect_fail("W01", FOLDS));
check!(
    calibrated_isotonic,
    classifier,
    Calibrated::new(Centroids::new()).method(CalibrationMethod::Isotonic).ensemble(false),
    few().expect_fail("W01", FOLDS)
);
check!(
    calibrated_temperature,
    classifier,
    Calibrated::new(Centroids::new()).method(CalibrationMethod::Temperature).splitter(Holdout::new(0.5)),
    few().expect_fail("W01", FOLDS)
);
check!(
    calibrated_beta,
    classifier,
    Calibrated::new(Centroids::new()).method(CalibrationMethod::Beta),
    few().expect_fail("W01", FOLDS)
);
check!(
    calibrated_venn_abers,
    classifier,
    Calibrated::new(Centroids::new()).method(CalibrationMethod::VennAbers),
    few().expect_fail("W01", FOLDS)
);
check!(
    calibrated_spline,
    classifier,
    Calibrated::new(Centroids::new()).method(CalibrationMethod::Spline).splitter(Holdout::new(0.5)),
    few().expect_fail("W01", FOLDS)
);
check!(
    calibrated_dirichlet,
    classifier,
    Calibrated::new(Centroids::new()).method(CalibrationMethod::Dirichlet).splitter(Holdout::new(0.5)),
    few().expect_fail("W01", FOLDS)
);
check!(
    calibrated_top_label,
    classifier,
    Calibrated::new(Centroids::new()).method(CalibrationMethod::TopLabel).splitter(Holdout::new(0.5)),
    few().expect_fail("W01", FOLDS)
);

/// Scores and classes that a few lines of Python give too.
fn scores() -> (Vec<f64>, Vec<bool>, Vec<f64>) {
    let f: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 61) / 10.0 - 3.0).collect();
    let y = (0..60).map(|i| f64::from((i * i * 7 + i * 3) % 11) / 10.0 < logistic(0.6 * f[i as usize] + 0.3));
    let (y, w) = (y.collect(), (0..60).map(|i| 1.0 + f64::from(i % 3)).collect());
    (f, y, w)
}

fn logistic(f: f64) -> f64 {
    1.0 / (1.0 + (-f).exp())
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

#[test]
fn methods_agree_with_scikit_learn() {
    let (f, y, w) = scores();
    let said = two(&f.iter().map(|f| logistic(*f)).collect::<Vec<_>>());
    let truth = yes_no(y);
    // scikit-learn 1.9.1: `_SigmoidCalibration().fit(f, y, w)` gives -slope and -intercept.
    for (weights, slope, intercept) in [
        (None, 0.2944001022275804, 0.5015587789935295),
        (Some(&w[..]), 0.16966452600834975, 0.3048284792291288),
    ] {
        let fitted =
            Calibrator::fit(CalibrationMethod::Sigmoid, &said, &truth, weights).unwrap().sigmoids()[0];
        close(fitted.0, slope, 1e-6);
        close(fitted.1, intercept, 1e-6);
    }
    // `IsotonicRegression(out_of_bounds="clip").fit(p, y, w).predict(..)`.
    let isotonic = Calibrator::fit(CalibrationMethod::Isotonic, &said, &truth, Some(&w)).unwrap();
    let right = isotonic.apply(&two(&[0.05, 0.3, 0.5, 0.7, 0.95])).unwrap();
    let expected =
        [0.14285714285714285, 0.5757575757575758, 0.5757575757575758, 0.6419704503114007, 0.8444346347087712];
    right.of("yes").unwrap().as_slice().iter().zip(expected).for_each(|(a, b)| close(*a, b, 1e-12));
}

#[test]
fn temperature_agrees_with_scikit_learn() {
    let z = Array2::from_shape_fn((60, 3), |(i, class)| {
        let i = i as f64;
        3.0 * [(1.3 * i).sin(), (0.7 * i).cos(), (0.4 * i + 1.0).sin()][class]
    });
    let noise = |i: f64| [(2.1 * i).cos(), (3.3 * i).sin(), (1.7 * i).cos()];
    let mut p = z.mapv(f64::exp);
    p.rows_mut().into_iter().for_each(|mut row| {
        let sum = row.sum();
        row.mapv_inplace(|share| share / sum);
    });
    let class = |i: usize| {
        let noisy: Vec<f64> = (0..3).map(|class| z[[i, class]] + 3.0 * noise(i as f64)[class]).collect();
        (0..3).max_by(|&a, &b| noisy[a].total_cmp(&noisy[b])).unwrap() as u32
    };
    let truth = Classes::new((0..60).map(class).collect(), names(&["a", "b", "c"])).unwrap();
    let said = Probabilities::new(p, names(&["a", "b", "c"])).unwrap();
    let weights: Vec<f64> = (0..60).map(|i| 1.0 + f64::from(i % 3)).collect();
    // `_TemperatureScaling().fit(P, y, w).beta_`, which stops its search a little early.
    for (weights, beta) in [(None, 0.5446907155606778), (Some(&weights[..]), 0.5637736720621382)] {
        let fitted = Calibrator::fit(CalibrationMethod::Temperature, &said, &truth, weights).unwrap();
        close(1.0 / fitted.temperature().unwrap(), beta, 1e-4);
    }
}

#[test]
fn beta_is_the_best_function_that_rises() {
    let (f, y, w) = scores();
    let said = two(&f.iter().map(|f| logistic(*f)).collect::<Vec<_>>());
    // scipy 1.17.1 `minimize` of the log loss: free where both factors are above 0, within bounds where not.
    let steep = |i: usize| if f[i] < 0.0 { 2.5 * f[i] } else { 0.8 * f[i] };
    let truth =
        yes_no((0..60).map(|i| f64::from((i * i * 7 + i * 3) % 11) / 10.0 < logistic(steep(i as usize))));
    let free = Calibrator::fit(CalibrationMethod::Beta, &said, &truth, None).unwrap().betas()[0];
    [0.45224647878503826, 0.5580639594530334, -0.1096224101051308]
        .iter()
        .zip(free)
        .for_each(|(a, b)| close(*a, b, 1e-5));
    let bound = Calibrator::fit(CalibrationMethod::Beta, &said, &yes_no(y), Some(&w)).unwrap().betas()[0];
    [0.4393285273412769, 0.0, 0.7557436331869762].iter().zip(bound).for_each(|(a, b)| close(*a, b, 1e-5));
}

/// The share of positives that isotonic regression gives a score when one more row with a label is there.
fn with_row(scores: &[f64], positive: &[bool], score: f64, label: f64) -> f64 {
    let n = scores.len();
    let row = |row: usize| match row == n {
        true => (score, label, 1.0),
        false => (scores[row], f64::from(u8::from(positive[row])), 1.0),
    };
    let points = tied(n + 1, row);
    let place = points.iter().position(|point| point.x == score).unwrap();
    pooled(&points, true)[place]
}

#[test]
fn venn_abers_is_isotonic_regression_with_one_row_more() {
    let mut random = Random::new(3);
    for n in [1, 2, 5, 40, 150] {
        let levels = 1 + n / 2;
        let scores: Vec<f64> =
            (0..n.max(2)).map(|_| random.below(levels + 2) as f64 / (levels + 3) as f64).collect();
        let mut positive: Vec<bool> = scores.iter().map(|score| random.uniform() < *score).collect();
        positive[0] = true;
        positive[1] = false;
        let fitted =
            Calibrator::fit(CalibrationMethod::VennAbers, &two(&scores), &yes_no(positive.clone()), None)
                .unwrap();
        let asked: Vec<f64> = scores.iter().copied().chain((0..30).map(|i| f64::from(i) / 30.0)).collect();
        for (score, (low, high)) in asked.iter().zip(fitted.interval(&two(&asked)).unwrap()) {
            close(low, with_row(&scores, &positive, *score, 0.0), 1e-12);
            close(high, with_row(&scores, &positive, *score, 1.0), 1e-12);
        }
    }
}

#[test]
fn a_bold_model_is_made_honest_by_every_method() {
    let mut random = Random::new(8);
    let n = 6000;
    let codes: Vec<u32> = (0..n).map(|_| random.below(3) as u32).collect();
    let x = Array2::from_shape_fn((n, 2), |(row, column)| {
        random.normal() + f64::from(u8::from(codes[row] as usize == column)) * 1.2
    });
    let (x, y) = (Matrix::from(x), Classes::new(codes, names(&["a", "b", "c"])).unwrap());
    let rows: Vec<usize> = (0..n).collect();
    let (learn, test) = rows.split_at(n / 2);
    let (x, y, x_test, y_test) =
        (x.take(learn).unwrap(), y.take(learn).unwrap(), x.take(test).unwrap(), y.take(test).unwrap());
    let bold = Centroids { boldness: 4.0 };
    let before = bold.fit(&x, &y).unwrap().predict_proba(&x_test).unwrap();
    let before = LogLoss.score(&y_test, &before).unwrap();
    let honest = Centroids::new().fit(&x, &y).unwrap().predict_proba(&x_test).unwrap();
    let honest = LogLoss.score(&y_test, &honest).unwrap();
    for method in [
        CalibrationMethod::Sigmoid,
        CalibrationMethod::Isotonic,
        CalibrationMethod::Temperature,
        CalibrationMethod::Beta,
        CalibrationMethod::VennAbers,
    ] {
        for ensemble in [true, false] {
            let model = Calibrated::new(bold.clone()).method(method).ensemble(ensemble).fit(&x, &y).unwrap();
            assert_eq!(model.members().len(), if ensemble { 5 } else { 1 });
            let said = model.predict_proba(&x_test).unwrap();
            let after = LogLoss.score(&y_test, &said).unwrap();
            assert!(
                after < before - 0.3 && after < honest + 0.03,
                "{method:?}: {before} to {after}, {honest}"
            );
            let error = CalibrationError::new().score(&y_test, &said).unwrap();
            assert!(error < 0.04, "{method:?}: {error}");
        }
    }
    // A model that is fitted already, on other rows.
    let fitted = bold.fit(&x, &y).unwrap();
    let model = calibrate(fitted, CalibrationMethod::Temperature, &x, &y, None).unwrap();
    let temperature = model.members().next().unwrap().1.temperature().unwrap();
    assert!((temperature - 4.0).abs() < 0.4, "{temperature}");
}

#[test]
fn weights_and_groups_reach_the_calibration() {
    let (x, y) = crate::models::coin(200, 5);
    let weights: Vec<f64> = (0..200).map(|row| f64::from(row % 2)).collect();
    let odd: Vec<usize> = (0..200).filter(|row| row % 2 == 1).collect();
    let settings = Calibrated::new(Centroids::new());
    let weighted = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap();
    let kept = settings.fit(&x.take(&odd).unwrap(), &y.take(&odd).unwrap()).unwrap();
    assert_eq!(weighted, kept);
    // Two groups cannot be five folds, however many rows they have.
    let groups: Vec<u32> = (0..200).map(|row| row % 2).collect();
    let error = Train::new(&x, &y).groups(&groups).fit(&settings).unwrap_err();
    assert!(error.to_string().contains("2 groups cannot be divided into 5 folds"), "{error}");
    assert!(Train::new(&x, &y).groups(&groups).fit(&settings.splitter(CrossFit::new(2))).is_ok());
}

#[test]
fn a_part_without_a_class_is_an_error_that_says_so() {
    let (x, _) = crate::models::coin(40, 5);
    let y = yes_no((0..40).map(|row| row == 3));
    let error = Calibrated::new(Centroids::new()).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("fold"), "{error}");
    let one = yes_no(vec![true; 3]);
    let error = Calibrator::fit(CalibrationMethod::Beta, &two(&[0.1, 0.2, 0.3]), &one, None).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SingleClass { .. }), "{error}");
}

#[test]
fn constant_scores_become_the_share_of_the_class() {
    let said = two(&[0.7; 8]);
    let truth = yes_no((0..8).map(|row| row < 2));
    for method in [CalibrationMethod::Isotonic, CalibrationMethod::Beta] {
        let right = Calibrator::fit(method, &said, &truth, None).unwrap().apply(&said).unwrap();
        close(right.of("yes").unwrap().as_slice()[0], 0.25, 1e-9);
    }
    // Platt's targets are 3/4 and 1/8 for 2 and 6 rows.
    let right =
        Calibrator::fit(CalibrationMethod::Sigmoid, &said, &truth, None).unwrap().apply(&said).unwrap();
    close(right.of("yes").unwrap().as_slice()[0], (2.0 * 0.75 + 6.0 * 0.125) / 8.0, 1e-9);
    // Venn-Abers: 2/9 and 3/9.
    let pair =
        Calibrator::fit(CalibrationMethod::VennAbers, &said, &truth, None).unwrap().interval(&said).unwrap()
            [0];
    close(pair.0, 2.0 / 9.0, 1e-12);
    close(pair.1, 3.0 / 9.0, 1e-12);
}

#[test]
fn curves_agree_with_scikit_learn_and_their_intervals_are_exact() {
    let (f, y, _) = scores();
    let said = two(&f.iter().map(|f| logistic(*f)).collect::<Vec<_>>());
    let truth = yes_no(y);
    let curve = Reliability::new().n_bins(5).measure(&truth, &said, None).unwrap();
    // `calibration_curve(y, p, n_bins=5, strategy="uniform")`.
    let observed = [0.47058823529411764, 0.5, 0.5555555555555556, 0.7777777777777778, 0.7647058823529411];
    let predicted = [0.10834514781667674, 0.28409380776383303, 0.5, 0.7081006493461257, 0.8916548521833232];
    for ((bin, observed), predicted) in curve.bins.iter().zip(observed).zip(predicted) {
        close(bin.observed.estimate, observed, 1e-12);
        close(bin.predicted, predicted, 1e-12);
        let hits = (observed * bin.support as f64).round() as u64;
        let exact = clopper_pearson(hits, bin.support as u64, 0.95).unwrap();
        close(bin.observed.low, exact.low, 1e-12);
        close(bin.observed.high, exact.high, 1e-12);
    }
    // `calibration_curve(y, p, n_bins=5, strategy="quantile")`, whose edges agree where no probability is repeated.
    let curve =
        Reliability::new().n_bins(5).strategy(BinStrategy::Quantile).measure(&truth, &said, None).unwrap();
    let observed =
        [0.3333333333333333, 0.5833333333333334, 0.6666666666666666, 0.8333333333333334, 0.6666666666666666];
    curve.bins.iter().zip(observed).for_each(|(bin, observed)| close(bin.observed.estimate, observed, 1e-12));
    assert!(curve.bins.iter().all(|bin| bin.support == 12));
    assert!(curve.to_string().starts_with("`yes`: what was said is off by"), "{curve}");
}

#[test]
fn curves_agree_with_the_metric_and_weights_are_copies_for_shares() {
    let (f, y, w) = scores();
    let said = two(&f.iter().map(|f| logistic(*f)).collect::<Vec<_>>());
    let truth = yes_no(y);
    for weights in [None, Some(&w[..])] {
        let curve = Reliability::new().measure(&truth, &said, weights).unwrap();
        let error = CalibrationError::new().score_weighted(&truth, &said, weights).unwrap();
        close(curve.expected_calibration_error(), error, 1e-12);
    }
    // Of three classes it is the most probable one, as in the metric.
    let three = Probabilities::new(
        array![[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]],
        names(&["a", "b", "c"]),
    );
    let (three, truth) = (three.unwrap(), Classes::from_labels(["a", "a", "c"]));
    let curve = Reliability::new().measure(&truth, &three, None).unwrap();
    assert_eq!(curve.class, None);
    close(curve.expected_calibration_error(), CalibrationError::new().score(&truth, &three).unwrap(), 1e-12);
    let of_b = Reliability::new().positive("b").measure(&truth, &three, None).unwrap();
    assert_eq!(of_b.class.as_deref(), Some("b"));
    assert!(of_b.bins.iter().all(|bin| bin.observed.estimate == 0.0));
}

#[test]
fn the_parts_of_the_brier_score_add_up() {
    // Two different probabilities, each in a bin of its own: nothing is lost within bins.
    let said = two(&[0.2, 0.2, 0.2, 0.2, 0.8, 0.8]);
    let truth = yes_no([true, false, false, false, true, false]);
    let parts = Reliability::new().decompose(&truth, &said, None).unwrap();
    close(parts.uncertainty, 2.0 / 9.0, 1e-15);
    close(parts.reliability, (4.0 * 0.05_f64.powi(2) + 2.0 * 0.3_f64.powi(2)) / 6.0, 1e-15);
    let base = 1.0 / 3.0;
    close(parts.resolution, (4.0 * (0.25_f64 - base).powi(2) + 2.0 * (0.5_f64 - base).powi(2)) / 6.0, 1e-15);
    close(parts.within_bins, 0.0, 1e-15);
    close(parts.brier, Brier.score(&truth, &said).unwrap(), 1e-15);
    let (f, y, w) = scores();
    let said = two(&f.iter().map(|f| logistic(*f)).collect::<Vec<_>>());
    let truth = yes_no(y);
    let parts = Reliability::new().decompose(&truth, &said, Some(&w)).unwrap();
    close(parts.brier, Brier.score_weighted(&truth, &said, Some(&w)).unwrap(), 1e-15);
    // Stephenson's two terms: the variance of what was said in a bin, less twice its covariance with what was.
    let curve = Reliability::new().measure(&truth, &said, Some(&w)).unwrap();
    let (p, hit) = (said.of("yes").unwrap(), |row: usize| f64::from(truth.codes()[row]));
    let mut within = 0.0;
    for bin in &curve.bins {
        for row in (0..60).filter(|&row| p.as_slice()[row] > bin.low && p.as_slice()[row] <= bin.high) {
            let (d, e) = (p.as_slice()[row] - bin.predicted, hit(row) - bin.observed.estimate);
            within += w[row] * (d * d - 2.0 * d * e);
        }
    }
    close(parts.within_bins, within / w.iter().sum::<f64>(), 1e-12);
}

#[test]
fn wrong_inputs_are_errors() {
    let said = two(&[0.5, 0.6]);
    let settings = Reliability::new();
    assert!(settings.measure(&yes_no([true]), &said, None).is_err());
    assert!(settings.measure(&yes_no([]), &two(&[]), None).is_err());
    assert!(settings.measure(&yes_no([true, false]), &said, Some(&[0.0, 0.0])).is_err());
    assert!(settings.clone().n_bins(0).measure(&yes_no([true, false]), &said, None).is_err());
    assert!(settings.clone().level(1.0).measure(&yes_no([true, false]), &said, None).is_err());
    assert!(settings.positive("maybe").measure(&yes_no([true, false]), &said, None).is_err());
    let other = Classes::from_labels(["left", "right"]);
    let error = Calibrator::fit(CalibrationMethod::Sigmoid, &said, &other, None).unwrap_err();
    assert!(error.to_string().contains("`left`"), "{error}");
    let fitted = Calibrator::fit(CalibrationMethod::Sigmoid, &said, &yes_no([true, false]), None).unwrap();
    assert!(fitted.interval(&said).is_err());
}

#[test]
fn splitters_inside_keep_groups_and_classes() {
    let truth = yes_no((0..40).map(|row| row % 8 == 0));
    let splits = CrossFit::new(5).split(&SplitInputs::new(40).classes(&truth)).unwrap();
    let positives = |rows: &[usize]| rows.iter().filter(|&&row| row % 8 == 0).count();
    assert!(splits.iter().all(|split| split.test.len() == 8 && positives(&split.test) == 1));
    let ctx = Context::new().with_seed(4);
    let groups: Vec<u32> = (0..40).map(|row| row / 4).collect();
    for split in CrossFit::new(3).split(&SplitInputs::new(40).groups(&groups).context(ctx)).unwrap() {
        assert!(split.test.iter().all(|&row| !split.train.iter().any(|&other| groups[other] == groups[row])));
    }
    let held = Holdout::new(0.2).split(&SplitInputs::new(40).groups(&groups)).unwrap();
    assert_eq!((held.len(), held[0].test.len()), (1, 8));
    assert!(CrossFit::new(1).split(&SplitInputs::new(40)).is_err());
    assert!(Holdout::new(1.0).split(&SplitInputs::new(40)).is_err());
}

#[test]
fn settings_and_models_are_saved() {
    let settings = Calibrated::new(Centroids::new()).method(CalibrationMethod::VennAbers);
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(settings, serde_json::from_str(&text).unwrap());
    let short: Calibrated<Centroids> = serde_json::from_str(r#"{"estimator": {"boldness": 1.0}}"#).unwrap();
    assert_eq!(short, Calibrated::new(Centroids::new()));
    assert_eq!(settings.steps(), ["Calibrated(Centroids)"]);
    let (x, y) = crate::models::coin(100, 1);
    let model = settings.fit(&x, &y).unwrap();
    for ((low, high), p) in model
        .probability_interval(&x)
        .unwrap()
        .into_iter()
        .zip(model.predict_proba(&x).unwrap().values().rows())
    {
        assert!(low <= p[1] && p[1] <= high);
    }
    assert_eq!(model.predict(&x).unwrap(), model.predict_proba(&x).unwrap().most_likely());
}
