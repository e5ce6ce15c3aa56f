//! Failure times against XGBoost, digits and closed forms.

use std::f64::consts::{FRAC_2_PI, LN_2};

use ndarray::Array2;
use perennial_core::{Estimator, Matrix, Predictor, Train, Values};
use perennial_models::GradientBoostingRegressor;
use perennial_models::boosting::{AcceleratedFailureTime, Labels, Objective, TimeDistribution};
use perennial_numeric::random::Random;

use crate::losses_learned::{both, close as all_close, groups, regressor};
use crate::objective_values::{Leaf, assert_leaves};
use crate::objectives::{close, derivatives};

/// From XGBoost 3.2.0, as the leaves of the other losses, with the loss, which is its `aft-nloglik`.
mod reference {
    use super::Leaf;

    /// Times around their scores, by `survival:aft` with scale 1 and then 0.7.
    pub(super) const NORMAL: [(f64, &[Leaf]); 2] = [
        (
            1.6657687539451629,
            &[
                (0, 1, -0.616290748, 1.0),
                (1, 2, 1.25667489, 1.0),
                (2, 3, -1.4439831746, 0.788541734),
                (3, 4, 0.013705615, 1.0),
                (4, 5, -0.5960932587, 0.556589544),
                (5, 6, -1.6885371691, 0.822891533),
            ],
        ),
        (
            1.909869758212153,
            &[
                (0, 1, -1.2577362102, 2.04081631),
                (1, 2, 2.5646428364, 2.04081631),
                (2, 3, -2.5084913216, 1.69587016),
                (3, 4, 0.0279706445, 2.04081631),
                (4, 5, -0.7403977021, 1.05836177),
                (5, 6, -3.0345999885, 1.76970816),
            ],
        ),
    ];
    pub(super) const LOGISTIC: [(f64, &[Leaf]); 2] = [
        (
            1.6353290084529242,
            &[
                (0, 1, -0.2987489126, 0.455374539),
                (1, 2, 0.5569063309, 0.344927639),
                (2, 3, -0.7105168337, 0.20568268),
                (3, 4, 0.0068527003, 0.499976516),
                (4, 5, -0.4163838832, 0.243008345),
                (5, 6, -0.7687377714, 0.177780047),
            ],
        ),
        (
            1.6380849955789991,
            &[
                (0, 1, -0.5911664723, 0.84566927),
                (1, 2, 1.0216278368, 0.498546511),
                (2, 3, -1.1184434107, 0.346860737),
                (3, 4, 0.0139848747, 1.0203104),
                (4, 5, -0.5452863667, 0.481643319),
                (5, 6, -1.2108748675, 0.2636033),
            ],
        ),
    ];
    /// Without the second derivatives of events earlier than expected, which are bounded here.
    pub(super) const EXTREME: [(f64, &[Leaf]); 2] = [
        (
            2.035835595774094,
            &[
                (0, 1, -0.8520455593, 1.85204554),
                (1, 2, 0.7154012195, f64::NAN),
                (2, 3, -2.45443177, 2.45443177),
                (3, 4, 0.0136121208, f64::NAN),
                (4, 6, -4.0375495, 4.0375495),
            ],
        ),
        (
            2.5258069156832463,
            &[
                (0, 1, -2.0170018483, 4.92224741),
                (1, 2, 1.1913058646, f64::NAN),
                (2, 3, -5.1519868771, 7.35998201),
                (3, 4, 0.0276985979, f64::NAN),
                (4, 6, -8.8279328787, 12.6113329),
            ],
        ),
    ];
}

#[test]
fn failure_times_are_those_of_xgboost() {
    let y = [2.5, 0.7, -11.0, 4.0, -1.3, -30.0];
    let scores = [0.3_f32, 0.9, 1.5, 1.4, 0.6, 2.2].map(f64::from);
    let labels = Labels::new(&y, None, None);
    for (distribution, reference) in [
        (TimeDistribution::LogNormal, reference::NORMAL),
        (TimeDistribution::LogLogistic, reference::LOGISTIC),
        (TimeDistribution::Weibull, reference::EXTREME),
    ] {
        for (scale, (loss, leaves)) in [1.0, 0.7].into_iter().zip(reference) {
            let times = AcceleratedFailureTime { distribution, scale };
            // It standardises in single precision.
            assert_leaves(&times, &labels, &scores, &[leaves], true, 2e-6);
            close(times.loss(&labels, &scores), loss, 2e-6, &format!("{times:?}"));
        }
    }
}

/// From 200 digits: `-ln`, hazard and its slope of the share of a normal distribution above `z`.
const FAR: [(f64, f64, f64, f64); 11] = [
    (-6.0, 9.865876455243758e-10, 6.075882855817676e-09, 3.645529717182241e-08),
    (-1.0, 0.17275377902344988, 0.2875999709391784, 0.3703137142233946),
    (0.0, LN_2, 0.7978845608028654, FRAC_2_PI),
    (2.0, 3.783184333682032, 2.373215532822841, 0.8857208995859187),
    (4.5, 12.59241973571308, 4.704319844827732, 0.9611859007152245),
    (5.5, 17.77937635262526, 5.671410313897305, 0.9721382221455538),
    (12.0, 75.4106730015688, 12.082214175254284, 0.9933292736641541),
    (60.0, 1805.013560680567, 60.016657420241124, 0.9997226841165853),
    (199.0, 19806.712268608222, 199.00502487187237, 0.9999747519375635),
    (201.0, 20206.722268191596, 201.0049748781214, 0.9999752518125925),
    (5000.0, 12500009.436131764, 5000.000199999984, 9.9999996e-1),
];

#[test]
fn normal_tails_of_times_keep_their_digits() {
    for (z, loss, slope, curve) in FAR {
        let labels = Labels::new(&[-1.0], None, None);
        let times = AcceleratedFailureTime::default();
        let (gradients, hessians) = derivatives(&times, &labels, &[-z]);
        close(times.loss(&labels, &[-z]) / loss, 1.0, 1e-12, "loss");
        close(-gradients[0] / slope, 1.0, 1e-12, "slope");
        close(hessians[0] / curve, 1.0, 1e-9, "curve");
    }
}

/// The likelihood of Weibull's times is largest where the sum of `(time / scale) ^ shape` over all rows is the number of events, and
/// that of log-normal times without gaps at their geometric mean.
#[test]
fn times_have_the_logarithm_of_their_scale_as_score() {
    let (x, y) = groups(&[1.0, 2.0, 4.0, -8.0], &[10.0, 30.0, -20.0, -5.0]);
    let weibull = AcceleratedFailureTime { distribution: TimeDistribution::Weibull, scale: 0.5 };
    let model = regressor(weibull).fit(&x, &y).unwrap();
    let truth = [(85.0_f64 / 3.0).sqrt(), (1425.0_f64 / 2.0).sqrt()];
    all_close(model.predict(&both()).unwrap().as_slice(), truth, 1e-5);
    let (x, y) = groups(&[1.0, 2.0, 4.0], &[10.0, 40.0, 20.0]);
    let normal = AcceleratedFailureTime { scale: 0.3, ..AcceleratedFailureTime::default() };
    all_close(regressor(normal).fit(&x, &y).unwrap().predict(&both()).unwrap().as_slice(), [2.0, 20.0], 1e-5);
}

/// Where there is no formula, the best score of each group is found by trying many.
#[test]
fn times_that_are_not_over_count_as_longer() {
    let targets = [&[1.0, 2.0, -2.5, 4.0][..], &[10.0, -30.0, 25.0, -12.0]];
    let (x, y) = groups(targets[0], targets[1]);
    for distribution in [TimeDistribution::LogNormal, TimeDistribution::LogLogistic] {
        let loss = AcceleratedFailureTime { distribution, scale: 0.8 };
        let best = targets.map(|targets| {
            let labels = Labels::new(targets, None, None);
            let losses = (0..6000).map(|step| f64::from(step) * 1e-3);
            let of = |score: f64| loss.loss(&labels, &vec![score; targets.len()]);
            losses.min_by(|&a, &b| of(a).total_cmp(&of(b))).unwrap()
        });
        let scores = regressor(loss).fit(&x, &y).unwrap().booster().scores(&both()).unwrap();
        all_close(&scores, best, 1e-3);
        // The mean of the logarithms would take the end of watching for an event.
        let mean =
            |targets: &[f64]| targets.iter().map(|y: &f64| y.abs().ln()).sum::<f64>() / targets.len() as f64;
        assert!(scores[0] > mean(targets[0]) + 0.05 && scores[1] > mean(targets[1]) + 0.2, "{scores:?}");
    }
}

/// The parabola through a far `z` lies above the loss: a step by its curvature ends where the slope is no longer one.
#[test]
fn curvatures_of_log_logistic_times_do_not_vanish() {
    let times = AcceleratedFailureTime { distribution: TimeDistribution::LogLogistic, ..Default::default() };
    let of = |y: f64, z: f64| {
        let (gradients, hessians) = derivatives(&times, &Labels::new(&[y], None, None), &[-z]);
        (-gradients[0], hessians[0])
    };
    for z in [-700.0, -40.0, -3.5, 3.5, 40.0, 700.0_f64] {
        let (slope, curve) = of(1.0, z);
        close(slope, (0.5 * z).tanh(), 1e-14, "slope of an event");
        close(curve, (0.5 * z).tanh() / z, 1e-14, "curve of an event");
    }
    for z in [3.5, 40.0, 700.0_f64] {
        let (slope, curve) = of(-1.0, z);
        close(slope, 1.0 / (1.0 + (-z).exp()), 1e-14, "slope");
        close(curve, (0.5 * z).tanh() / (2.0 * z), 1e-14, "curve");
    }
    // Within three scales, and where nothing pulls, it is exact.
    let share = |z: f64| 1.0 / (1.0 + (-z).exp()) / (1.0 + z.exp());
    for z in [-2.9, 0.0, 2.9] {
        close(of(1.0, z).1, 2.0 * share(z), 1e-13, "curve of an event");
        close(of(-1.0, z).1, share(z), 1e-13, "curve");
    }
    close(of(-1.0, -9.0).1 / share(-9.0), 1.0, 1e-12, "curve");
}

/// Two groups, each of one time: the answers are these times, however many scales lie between them.
#[test]
fn times_far_apart_are_learned() {
    let loss = |scale| AcceleratedFailureTime { distribution: TimeDistribution::LogLogistic, scale };
    for (scale, n_rows, [early, late]) in [(1.0, 2000, [1.0, 1e6]), (0.1, 200, [1.0, 1000.0])] {
        let x = Matrix::from(Array2::from_shape_fn((n_rows, 1), |(row, _)| (row % 2) as f64));
        let y: Values = (0..n_rows).map(|row| if row % 2 == 0 { early } else { late }).collect();
        let model = GradientBoostingRegressor::new().loss(loss(scale)).fit(&x, &y).unwrap();
        let times = model.predict(&both()).unwrap();
        assert!((times.as_slice()[0] / early - 1.0).abs() < 1e-3, "{times:?}");
        assert!((times.as_slice()[1] / late - 1.0).abs() < 1e-3, "{times:?}");
    }
}

/// Weibull's best score is the logarithm of the mean of `time ^ (1 / scale)`, times the scale, so that of the late half alone where it is
/// far away. Of log-logistic times, one of which is far below, the others are where twice their slope, `tanh(z / 2)`, is 1: at `ln(3)`.
#[test]
fn base_scores_are_found_however_narrow_the_noise() {
    let base = |distribution, scale, y: &[f64]| {
        let times = AcceleratedFailureTime { distribution, scale };
        times.base_scores(&Labels::new(y, None, None)).unwrap()[0]
    };
    let late = 1e6_f64.ln();
    for scale in [1e-6, 1e-3, 0.02, 0.1] {
        close(base(TimeDistribution::Weibull, scale, &[1.0, 1e6]), late - scale * LN_2, 1e-12, "Weibull");
        let found = base(TimeDistribution::LogLogistic, scale, &[1.0, 1e6, 1e6]);
        close(found, late - scale * 3_f64.ln(), 1e-12, "log-logistic");
    }
    // The whole range of numbers: two times and a row that lasted longer than the first.
    let far = base(TimeDistribution::Weibull, 1.0, &[1e-300, 1e300, -1e200]);
    close(far, 1e300_f64.ln() - LN_2, 1e-12, "far");
}

/// From XGBoost 3.2.0 as those above: times between `INTERVALS` around their scores. Second derivatives of Weibull's times that are
/// earlier than expected are bounded here.
mod between {
    use super::Leaf;

    pub(super) const NORMAL: [(f64, &[f64], &[f64]); 2] = [
        (
            2.401354977766272,
            &[
                0.85120976,
                0.0359010957,
                -1.49619865,
                1.07097459,
                1.21759224,
                -0.0803163797,
                0.609437883,
                1.39800525,
            ],
            &[0.981869936, 0.99987179, 0.714977384, 0.556589544, 0.999910414, 0.363195896, 1.0, 0.997241914],
        ),
        (
            2.475127248391828,
            &[
                0.850607753,
                0.0359010957,
                -1.12576437,
                0.699569583,
                1.21759212,
                -0.0794082657,
                0.609437943,
                1.39794338,
            ],
            &[
                1.96767807,
                2.04028249,
                1.51669753,
                1.05836177,
                2.04044342,
                0.230055898,
                2.04081631,
                2.02945852,
            ],
        ),
    ];
    pub(super) const LOGISTIC: [(f64, &[f64], &[f64]); 2] = [
        (
            2.5698911242165803,
            &[
                0.953685701,
                0.0359088033,
                -2.49389625,
                1.71345508,
                1.54148889,
                -0.080436103,
                0.647870421,
                1.89716125,
            ],
            &[
                0.416340262,
                0.499790907,
                0.240194842,
                0.243008345,
                0.352421194,
                0.26569736,
                0.456302881,
                0.317811877,
            ],
        ),
        (
            2.453945038001971,
            &[
                1.05979776,
                0.0359168239,
                -1.94201624,
                1.1321373,
                1.93118072,
                -0.0802807137,
                0.689400196,
                2.51897359,
            ],
            &[
                0.71723783,
                1.01953781,
                0.470460892,
                0.481643319,
                0.518688798,
                0.313769668,
                0.849085271,
                0.430810452,
            ],
        ),
    ];
    pub(super) const EXTREME: [(f64, &[f64], &[f64]); 2] = [
        (
            2.6081245670126156,
            &[
                0.591327548,
                0.0353262872,
                -2.68991041,
                1.0,
                0.704221487,
                0.399613887,
                0.456343621,
                0.759544253,
            ],
            &[
                2.20996714,
                1.03647721,
                0.261112481,
                0.713455081,
                3.3774507,
                0.328995168,
                1.83939719,
                3.97460842,
            ],
        ),
        (
            3.0439379148686614,
            &[
                0.537288606,
                0.0350834616,
                -2.27175999,
                0.699999988,
                0.577569664,
                0.653027475,
                0.406917334,
                0.624606371,
            ],
            &[
                5.7352643,
                2.14787459,
                0.468190491,
                1.25987566,
                11.5995035,
                0.176555738,
                4.87429523,
                14.0421076,
            ],
        ),
    ];

    /// Of leaves and covers the derivatives of each row.
    pub(super) fn leaves(values: &[f64], covers: &[f64], bounded: bool) -> Vec<Leaf> {
        let leaf = |(row, (value, cover)): (usize, (&f64, &f64))| {
            let hidden = bounded && *value < 0.0;
            (row, row + 1, -value * cover, if hidden { f64::NAN } else { *cover })
        };
        values.iter().zip(covers).enumerate().map(leaf).collect()
    }
}

/// Between two and a half and four, and so on; the fourth is still waiting, the seventh has its event at 5.
const INTERVALS: ([f64; 8], [f64; 8]) =
    ([-2.5, -2.5, 0.0, -1.3, -30.0, -0.7, 5.0, -0.5], [4.0, 2.6, 3.0, f64::NAN, 31.0, 20.0, f64::NAN, 0.6]);

#[test]
fn events_between_two_times_are_those_of_xgboost() {
    let (y, latest) = INTERVALS;
    let scores = [0.3_f32, 0.9, 1.5, 0.6, 2.2, 1.4, 1.0, -2.0].map(f64::from);
    let labels = Labels::new(&y, None, None).with_latest(&latest);
    for (distribution, reference) in [
        (TimeDistribution::LogNormal, between::NORMAL),
        (TimeDistribution::LogLogistic, between::LOGISTIC),
        (TimeDistribution::Weibull, between::EXTREME),
    ] {
        for (scale, (loss, values, covers)) in [1.0, 0.7].into_iter().zip(reference) {
            let times = AcceleratedFailureTime { distribution, scale };
            let leaves = between::leaves(values, covers, distribution == TimeDistribution::Weibull);
            assert_leaves(&times, &labels, &scores, &[&leaves], true, 1e-5);
            close(times.loss(&labels, &scores), loss, 1e-5, &format!("{times:?}"));
        }
    }
    // An end that is the beginning is the time of the event; weights count.
    let times = AcceleratedFailureTime::default();
    let weights = [2.0, 0.5];
    let exact = Labels::new(&[3.0, -2.0], Some(&weights), None);
    let ends = [3.0, f64::NAN];
    let same = [derivatives(&times, &exact, &[0.4, 0.1]), {
        derivatives(&times, &Labels::new(&[-3.0, -2.0], Some(&weights), None).with_latest(&ends), &[0.4, 0.1])
    }];
    assert_eq!(same[0], same[1]);
}

/// Times seen at looks once in a while, and the column of the latest time.
fn looked_at(n_rows: usize, apart: f64) -> (Matrix, Values, Vec<f64>) {
    let mut random = Random::new(31);
    let mut cells = Array2::zeros((n_rows, 3));
    let (mut y, mut times) = (Vec::new(), Vec::new());
    for row in 0..n_rows {
        (cells[[row, 0]], cells[[row, 1]]) = (random.normal(), random.normal());
        let time = (1.0 + 0.8 * cells[[row, 0]] + 0.3 * random.normal()).exp();
        let look = (time / apart).floor() * apart;
        // Nobody looks after 12.
        let (earliest, latest) = if look >= 12.0 { (12.0, f64::NAN) } else { (look, look + apart) };
        cells[[row, 2]] = latest;
        y.push(-earliest);
        times.push(time);
    }
    (cells.into(), y.into(), times)
}

#[test]
fn times_between_looks_are_learned() {
    let (x, y, times) = looked_at(2000, 2.0);
    for distribution in
        [TimeDistribution::LogNormal, TimeDistribution::LogLogistic, TimeDistribution::Weibull]
    {
        let loss = AcceleratedFailureTime { distribution, scale: 0.3 };
        let settings = GradientBoostingRegressor::new().loss(loss).n_trees(60);
        let model = settings.clone().latest("x2").fit(&x, &y).unwrap();
        let asks = |tree: &perennial_models::tree::Tree, column| {
            (0..tree.n_nodes()).any(|node| tree.feature(node) == Some(column))
        };
        let trees = model.booster().trees();
        assert!(trees.iter().all(|tree| !asks(tree, 2)) && trees.iter().any(|tree| asks(tree, 0)));
        let answers = model.predict(&x).unwrap();
        let ratio = |row: usize| (answers.as_slice()[row] / times[row]).ln();
        let n_near = (0..2000).filter(|&row| times[row] < 12.0 && ratio(row).abs() < 0.8).count();
        let n_early = (0..2000).filter(|&row| times[row] < 12.0).count();
        // The times are log-normal.
        let share = if distribution == TimeDistribution::LogNormal { 0.93 } else { 0.75 };
        assert!(n_near as f64 > share * n_early as f64, "{distribution:?}: {n_near} of {n_early}");
        // What the column holds does not matter in predictions; going on and moving leaves read it.
        let other = Matrix::from(Array2::from_shape_fn((2000, 3), |(row, column)| {
            if column == 2 { f64::NAN } else { x.dense().unwrap()[[row, column]] }
        }));
        assert_eq!(model.predict(&other).unwrap(), answers);
        let settings = settings.latest("x2").n_trees(30);
        let train = Train::new(&x, &y).validation(&x, &y);
        let half = settings.fit(&x, &y).unwrap();
        let both = settings.fit_from(&half, &Train::new(&x, &y)).unwrap();
        assert_eq!(both.booster().trees(), trees);
        let moved = settings.refit(&half, &Train::new(&x, &y), 0.5).unwrap();
        assert_ne!(moved.booster().trees(), half.booster().trees());
        let watched = train.fit(&settings).unwrap();
        assert!(watched.booster().history()[0].values.windows(2).all(|pair| pair[1] < pair[0] + 1e-9));
    }
}

#[test]
fn wrong_latest_times_are_named() {
    let x = |latest: f64| {
        Matrix::from(Array2::from_shape_fn(
            (40, 2),
            |(row, column)| if column == 0 { row as f64 } else { latest },
        ))
    };
    let aft = || GradientBoostingRegressor::new().loss(AcceleratedFailureTime::default()).latest("x1");
    let refused = |y: f64, latest: f64, name: &str| {
        let error = aft().fit(&x(latest), &vec![y; 40].into()).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    };
    refused(-3.0, 2.0, "latest time is 2");
    refused(3.0, 4.0, "latest time is 4");
    refused(0.0, f64::NAN, "target is 0");
    refused(0.0, 0.0, "latest time is 0");
    refused(-3.0, f64::NAN, "no row has an event");
    refused(0.0, 7.0, "all targets are 0");
    assert!(aft().fit(&x(4.0), &vec![-3.0; 40].into()).is_ok());
    let y: Values = vec![3.0; 40].into();
    let squared = GradientBoostingRegressor::new().latest("x1").fit(&x(4.0), &y).unwrap_err().to_string();
    assert!(squared.contains("`latest`") && squared.contains("AcceleratedFailureTime"), "{squared}");
    assert!(aft().offset("x1").fit(&x(3.0), &y).unwrap_err().to_string().contains("`offset`"));
    let unknown = GradientBoostingRegressor::new().loss(AcceleratedFailureTime::default()).latest("end");
    assert!(unknown.fit(&x(3.0), &y).unwrap_err().to_string().contains("end"));
}
