//! The losses of boosting against LightGBM, XGBoost and their definitions row by row.

use perennial_models::boosting::{ClassificationLoss, Cox, Labels, Objective, RankingLoss, RegressionLoss};
use perennial_numeric::random::Random;

use crate::objectives::{close, derivatives};

/// Rows, the sum of their gradients and that of their hessians.
pub(crate) type Leaf = (usize, usize, f64, f64);

/// From LightGBM 4.7.0 and XGBoost 3.2.0: one round on the number of the row as the only feature, no regularisation,
/// no limits on leaves, the scores as `init_score` (`base_margin`); gradient = -leaf_value * leaf_weight and hessian =
/// leaf_weight (`Gain`, `Cover`) of the dumped tree.
///
/// ```python
/// d = lgb.Dataset(np.arange(n)[:, None], y, weight=w, init_score=s, group=g)
/// lgb.train(dict(objective=..., num_leaves=2 * n, min_data_in_leaf=0, min_data_in_bin=1, learning_rate=1,
///                min_sum_hessian_in_leaf=0, boost_from_average=False), d, 1).dump_model()
/// d = xgb.DMatrix(np.arange(n)[:, None], y, base_margin=s)
/// xgb.train(dict(objective="survival:cox", eta=1, reg_lambda=0, min_child_weight=0, max_depth=10,
///                tree_method="exact"), d, 1).trees_to_dataframe()
/// ```
mod reference {
    use super::Leaf;

    pub(super) const POISSON: &[Leaf] = &[
        (0, 2, 0.665935695, 5.3685351),
        (2, 3, 0.0020830119, 3.02482367),
        (3, 4, -4.98624706, 4.0552001),
        (4, 5, -3.9890399, 4.04957628),
        (5, 6, 7.38905621, 14.8797321),
    ];
    pub(super) const GAMMA: &[Leaf] = &[
        (0, 1, -1.24084449, 2.24084449),
        (1, 3, 0.363231861, 2.13676816),
        (3, 4, -2.47609711, 3.47609711),
        (4, 6, -4.96448177, 8.96448129),
    ];
    pub(super) const TWEEDIE: &[Leaf] = &[
        (0, 2, 0.76695627, 2.4203984),
        (2, 3, 0.00149752677, 1.07943392),
        (3, 4, -4.04177332, 2.84484816),
        (4, 5, -4.49763012, 3.61664009),
        (5, 6, 4.0552001, 2.83863997),
    ];
    pub(super) const CROSS_ENTROPY: &[Leaf] = &[
        (0, 2, -0.717906505, 0.644179597),
        (2, 3, 0.225130051, 0.0936849415),
        (3, 4, -0.0318122171, 0.221712872),
        (4, 6, 0.584734133, 0.825775802),
    ];
    pub(super) const BINARY: &[Leaf] = &[
        (0, 1, 0.182425529, 0.149146453),
        (1, 3, -1.02520198, 0.588718086),
        (3, 4, 0.668187797, 0.221712872),
        (4, 6, -0.915265858, 0.825775802),
    ];
    pub(super) const SOFTMAX_0: &[Leaf] = &[
        (0, 1, -0.723778546, 0.299884766),
        (1, 2, 0.548137248, 0.596865058),
        (2, 3, 0.352692246, 0.155862898),
        (3, 4, 0.333333343, 0.333333343),
        (4, 5, -2.87396979, 0.181103498),
        (5, 6, 0.367165387, 0.348532468),
    ];
    pub(super) const SOFTMAX_1: &[Leaf] = &[
        (0, 1, 0.167536795, 0.209202319),
        (1, 2, 0.548137248, 0.596865058),
        (2, 3, -0.370251775, 0.144118533),
        (3, 4, 0.333333343, 0.333333343),
        (4, 5, 2.53138423, 0.593123317),
        (5, 6, -0.667775035, 0.332777321),
    ];
    pub(super) const SOFTMAX_2: &[Leaf] = &[
        (0, 1, 0.556241751, 0.370255291),
        (1, 3, -1.07871498, 0.76846269),
        (3, 4, -0.666666687, 0.333333343),
        (4, 5, 0.342585593, 0.455195963),
        (5, 6, 0.300609618, 0.315365195),
    ];
    pub(super) const LAMBDA_30: &[Leaf] = &[
        (0, 1, -0.249030903, 0.113840476),
        (1, 2, 0.393149644, 0.106289402),
        (2, 3, 0.117932245, 0.0931653529),
        (3, 4, -0.452192068, 0.132084757),
        (4, 5, 0.190141067, 0.0841031),
        (5, 6, 0.0637161583, 0.0692543015),
        (6, 7, 0.0419315286, 0.0248661749),
        (7, 8, -0.0875105187, 0.0459811166),
        (8, 9, 0.37032491, 0.0989348888),
        (9, 10, 0.0818910971, 0.035248708),
        (10, 12, -0.688905642, 0.255214168),
        (12, 13, 0.21855247, 0.0771311149),
    ];
    pub(super) const LAMBDA_30_FLAT: &[Leaf] = &[
        (0, 1, -0.0910392255, 0.169712856),
        (1, 2, 0.143968835, 0.0719844177),
        (2, 3, 0.063908115, 0.0452649035),
        (3, 4, -0.2400527, 0.12002635),
        (4, 5, 0.123214945, 0.0616074726),
        (5, 6, 0.207337886, 0.160925761),
        (6, 7, 0.140846193, 0.0704230964),
        (7, 8, -0.0200082809, 0.0612160191),
        (8, 10, 0.104931552, 0.052465776),
        (10, 11, 0.00479444908, 0.0131665664),
        (11, 13, -0.437901866, 0.25856101),
    ];
    pub(super) const LAMBDA_2: &[Leaf] = &[
        (0, 1, -0.213735506, 0.0746032),
        (1, 2, 0.450555533, 0.121809289),
        (2, 3, 0.135152161, 0.106768928),
        (3, 4, -0.399276346, 0.105873883),
        (4, 5, 0.0273041893, 0.0150126731),
        (5, 7, -0.0438962393, 0.0172077287),
        (7, 8, -0.0937717259, 0.0234758295),
        (8, 10, 0.443723083, 0.118543729),
        (10, 12, -0.567924546, 0.170278635),
        (12, 13, 0.261869431, 0.0924184546),
    ];
    pub(super) const LAMBDA_2_FLAT: &[Leaf] = &[
        (0, 1, -0.0973602235, 0.181496307),
        (1, 2, 0.153964832, 0.0769824162),
        (2, 3, 0.0506858639, 0.0329790078),
        (3, 4, -0.214570269, 0.107285134),
        (4, 5, 0.1072798, 0.0536398999),
        (5, 6, 0.236524403, 0.183578938),
        (6, 7, 0.160672799, 0.0803363994),
        (7, 8, -0.0406839736, 0.0203419868),
        (8, 10, 0.0345404781, 0.0172702391),
        (10, 13, -0.391053693, 0.215522413),
    ];
    pub(super) const COX: &[Leaf] = &[
        (0, 1, -0.231851516, 0.60420239),
        (1, 2, -0.82813221, 0.156112194),
        (2, 3, 2.34904494, 1.04071164),
        (3, 4, -0.684359972, 0.216011405),
        (4, 5, 0.0950689417, 0.0860308409),
        (5, 6, -0.420732648, 0.49970752),
        (6, 8, -0.279037512, 0.536702037),
    ];
}

/// They keep gradients in single precision.
const SINGLE: f64 = 5e-7;

pub(crate) fn assert_leaves(
    objective: &impl Objective,
    labels: &Labels<'_>,
    scores: &[f64],
    leaves: &[&[Leaf]],
    compare_hessians: bool,
    tolerance: f64,
) {
    objective.check(labels).unwrap();
    let (gradients, hessians) = derivatives(objective, labels, scores);
    for (output, leaves) in leaves.iter().enumerate() {
        for &(start, end, gradient, curve) in *leaves {
            let rows = output * labels.n_rows() + start..output * labels.n_rows() + end;
            let what = format!("{objective:?} score {output} rows {start}..{end}");
            close(gradients[rows.clone()].iter().sum(), gradient, tolerance, &format!("{what} gradient"));
            if compare_hessians && !curve.is_nan() {
                close(hessians[rows].iter().sum(), curve, tolerance, &format!("{what} hessian"));
            }
        }
    }
}

#[test]
fn pointwise_losses_are_those_of_lightgbm() {
    let scores = [-1.5, 0.2, 1.1, 0.7, -0.4, 2.0];
    let weights = [1.0, 2.0, 0.5, 1.0, 3.0, 1.0];
    let check = |loss: RegressionLoss, y: [f64; 6], leaves, hessian| {
        assert_leaves(&loss, &Labels::new(&y, Some(&weights), None), &scores, &[leaves], hessian, SINGLE);
    };
    let counts = [0.0, 1.0, 3.0, 7.0, 2.0, 0.0];
    check(RegressionLoss::Poisson, counts, reference::POISSON, false);
    check(RegressionLoss::Gamma, [0.5, 1.0, 3.0, 7.0, 2.0, 0.1], reference::GAMMA, false);
    check(RegressionLoss::Tweedie { power: 1.3 }, counts, reference::TWEEDIE, false);
    check(RegressionLoss::CrossEntropy, [0.0, 1.0, 0.3, 0.7, 0.2, 0.9], reference::CROSS_ENTROPY, true);
    let y = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0];
    let labels = Labels::new(&y, Some(&weights), None);
    assert_leaves(&ClassificationLoss::Logistic, &labels, &scores, &[reference::BINARY], true, SINGLE);

    let y = [0.0, 2.0, 1.0, 2.0, 0.0, 1.0];
    let labels = Labels::new(&y, Some(&weights), None);
    let scores =
        [[0.3, 0.0, 2.0, 0.1, -1.0, 0.5], [-0.2, 0.0, 1.0, 0.1, 2.0, 0.4], [1.0, 0.5, -1.0, 0.1, 0.0, 0.3]];
    // LightGBM takes K / (K - 1) times the diagonal of the Hessian.
    let scaled = [reference::SOFTMAX_0, reference::SOFTMAX_1, reference::SOFTMAX_2].map(|leaves| {
        leaves
            .iter()
            .map(|&(from, to, gradient, hessian)| (from, to, gradient, hessian * 2.0 / 3.0))
            .collect()
    });
    let leaves: [Vec<Leaf>; 3] = scaled;
    assert_leaves(
        &ClassificationLoss::Softmax { n_classes: 3 },
        &labels,
        scores.as_flattened(),
        &[&leaves[0], &leaves[1], &leaves[2]],
        true,
        SINGLE,
    );
}

#[test]
fn lambda_rank_is_that_of_lightgbm() {
    let y = [2.0, 0.0, 1.0, 3.0, 0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 1.0, 4.0, 0.0];
    let scores = [0.1, 0.9, 0.4, -0.3, 0.2, 0.7, -0.1, 0.05, 1.3, 0.6, -0.8, 0.33, 0.9];
    let groups: Vec<u32> = (0..13).map(|row| u32::from(row < 5)).collect();
    let labels = Labels::new(&y, None, Some(&groups));
    for (truncation, leaves, flat) in [
        (30, reference::LAMBDA_30, reference::LAMBDA_30_FLAT),
        (2, reference::LAMBDA_2, reference::LAMBDA_2_FLAT),
    ] {
        let loss = RankingLoss::Lambda { truncation };
        // It looks the logistic function up in a table with steps of 100 / 2^20.
        assert_leaves(&loss, &labels, &scores, &[leaves], true, 1e-5);
        assert_leaves(&loss, &labels, &[0.0; 13], &[flat], true, SINGLE);
    }
}

#[test]
fn rows_of_a_group_may_stand_anywhere() {
    let mut random = Random::new(21);
    let n = 60;
    let y: Vec<f64> = (0..n).map(|_| random.below(4) as f64).collect();
    let groups: Vec<u32> = (0..n as u32).map(|row| row / 12).collect();
    let scores: Vec<f64> = (0..n).map(|_| random.normal()).collect();
    let weights: Vec<f64> = (0..n).map(|_| random.uniform()).collect();
    let order = random.permutation(n);
    fn moved<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
        order.iter().map(|&row| values[row]).collect()
    }
    for loss in [RankingLoss::default(), RankingLoss::Pairwise, RankingLoss::XeNdcg] {
        let (gradients, hessians) =
            derivatives(&loss, &Labels::new(&y, Some(&weights), Some(&groups)), &scores);
        let (y, weights, groups) = (moved(&y, &order), moved(&weights, &order), moved(&groups, &order));
        let (found, curves) =
            derivatives(&loss, &Labels::new(&y, Some(&weights), Some(&groups)), &moved(&scores, &order));
        for (place, &row) in order.iter().enumerate() {
            close(found[place], gradients[row], 1e-12, "gradient");
            close(curves[place], hessians[row], 1e-12, "hessian");
        }
    }
}

#[test]
fn pairwise_gradients_are_the_slopes_of_the_loss() {
    let mut random = Random::new(22);
    let y: Vec<f64> = (0..30).map(|_| random.below(3) as f64).collect();
    let groups: Vec<u32> = (0..30).map(|_| random.below(4) as u32).collect();
    let scores: Vec<f64> = (0..30).map(|_| random.normal()).collect();
    let labels = Labels::new(&y, None, Some(&groups));
    let (gradients, hessians) = derivatives(&RankingLoss::Pairwise, &labels, &scores);
    for row in 0..30 {
        let at = |step: f64| {
            let mut scores = scores.clone();
            scores[row] += step;
            (
                RankingLoss::Pairwise.loss(&labels, &scores),
                derivatives(&RankingLoss::Pairwise, &labels, &scores).0[row],
            )
        };
        let (above, below) = (at(1e-5), at(-1e-5));
        close(gradients[row], 30.0 * (above.0 - below.0) / 2e-5, 1e-6, "gradient");
        close(hessians[row], (above.1 - below.1) / 2e-5, 1e-6, "hessian");
    }
}

/// LambdaRank by its definition: the pull of a pair is the logistic slope times the change of the NDCG when the two
/// rows change places, divided by the distance of their scores.
#[test]
fn lambdas_are_changes_of_ndcg() {
    let mut random = Random::new(23);
    for (n, spread) in [(2, 0.0), (5, 0.0), (20, 0.0), (2, 1.0), (5, 1.0), (20, 1.0), (20, 30.0)] {
        let y: Vec<f64> = (0..n).map(|row| if row == 0 { 3.0 } else { random.below(4) as f64 }).collect();
        let scores: Vec<f64> = (0..n).map(|_| spread * random.normal()).collect();
        let groups = vec![7; n];
        let loss = RankingLoss::Lambda { truncation: 100 };
        let labels = Labels::new(&y, None, Some(&groups));
        let (gradients, hessians) = derivatives(&loss, &labels, &scores);
        // The falling places of the rows: equal scores count in the order of the table.
        let above = |row: usize, other: usize| {
            scores[other] > scores[row] || scores[other] == scores[row] && other < row
        };
        let places: Vec<f64> =
            (0..n).map(|row| -((0..n).filter(|&other| above(row, other)).count() as f64)).collect();
        let ndcg = |places: &[f64]| 1.0 - loss.loss(&labels, places);
        let (mut pulls, mut curves, mut total) = (vec![0.0; n], vec![0.0; n], 0.0);
        for better in 0..n {
            for worse in 0..n {
                if y[better] > y[worse] {
                    let mut exchanged = places.clone();
                    exchanged.swap(better, worse);
                    let mut change = (ndcg(&places) - ndcg(&exchanged)).abs();
                    let apart = scores[better] - scores[worse];
                    if spread > 0.0 {
                        change /= 0.01 + apart.abs();
                    }
                    let wrong = 1.0 / (1.0 + apart.exp());
                    pulls[better] -= wrong * change;
                    pulls[worse] += wrong * change;
                    curves[better] += wrong * (1.0 - wrong) * change;
                    curves[worse] += wrong * (1.0 - wrong) * change;
                    total += 2.0 * wrong * change;
                }
            }
        }
        let scale = if total > 0.0 { (1.0 + total).log2() / total } else { 1.0 };
        for row in 0..n {
            close(gradients[row], scale * pulls[row], 1e-12, "pull");
            close(hessians[row], scale * curves[row], 1e-12, "curve");
        }
    }
}

#[test]
fn cox_is_that_of_xgboost() {
    // Without ties: of rows that share a time, XGBoost leaves the later events out of the gradients of the earlier.
    let y = [5.0, 3.0, -8.0, 2.0, -2.5, 7.0, 3.5, -1.0];
    let scores = [0.1, -0.4, 0.8, 1.2, 0.0, -0.6, 0.5, 0.3];
    assert_leaves(&Cox, &Labels::new(&y, None, None), &scores, &[reference::COX], true, SINGLE);
}

/// The partial likelihood row by row, as Breslow wrote it.
#[test]
fn cox_is_the_partial_likelihood() {
    let mut random = Random::new(24);
    let y: Vec<f64> = (0..50)
        .map(|_| (random.below(15) + 1) as f64 * if random.below(2) == 0 { -1.0 } else { 1.0 })
        .collect();
    let weights: Vec<f64> =
        (0..50).map(|row| if row % 7 == 0 { 0.0 } else { random.uniform_in(0.1, 2.0) }).collect();
    let scores: Vec<f64> = (0..50).map(|_| random.normal() * 2.0).collect();
    let mut loss = 0.0;
    for row in 0..50 {
        if y[row] > 0.0 {
            let at_risk: f64 = (0..50)
                .filter(|&other| y[other].abs() >= y[row])
                .map(|other| weights[other] * scores[other].exp())
                .sum();
            loss += weights[row] * (at_risk.ln() - scores[row]);
        }
    }
    let labels = Labels::new(&y, Some(&weights), None);
    close(Cox.loss(&labels, &scores), loss / weights.iter().sum::<f64>(), 1e-13, "loss");
    // Hazards are known up to a factor, however large.
    let (truth, _) = derivatives(&Cox, &labels, &scores);
    let far: Vec<f64> = scores.iter().map(|score| score + 4096.0).collect();
    let (found, _) = derivatives(&Cox, &labels, &far);
    for row in 0..50 {
        close(found[row], truth[row], 1e-11, "gradient");
    }
}

/// The lines of LightGBM's `RankXENDCG::GetGradientsForOneQuery`, with every sum over the other rows written out.
fn xe_ndcg_by_hand(y: &[f64], scores: &[f64], noise: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let total: f64 = scores.iter().map(|score| score.exp()).sum();
    let rho: Vec<f64> = scores.iter().map(|score| score.exp() / total).collect();
    let phi: Vec<f64> = y.iter().zip(noise).map(|(y, noise)| 2_f64.powf(*y) - noise).collect();
    let total: f64 = phi.iter().sum();
    let others = |terms: &[f64], row: usize| -> f64 {
        (0..terms.len()).filter(|&other| other != row).map(|other| terms[other] / (1.0 - rho[other])).sum()
    };
    let n = y.len();
    let first: Vec<f64> = (0..n).map(|row| rho[row] - phi[row] / total).collect();
    let second: Vec<f64> = (0..n).map(|row| rho[row] * others(&first, row)).collect();
    let third: Vec<f64> = (0..n).map(|row| rho[row] * others(&second, row)).collect();
    (
        (0..n).map(|row| first[row] + second[row] + third[row]).collect(),
        rho.iter().map(|rho| rho * (1.0 - rho)).collect(),
    )
}

#[test]
fn xe_ndcg_is_that_of_lightgbm() {
    let y = [2.0, 0.0, 1.0, 3.0, 0.0, 1.0, 0.0, 2.0];
    let scores = [0.1, 0.9, 0.4, -0.3, 0.2, 0.7, -0.1, 0.05];
    // Groups of five, two and one row, which do not stand together.
    let groups = [4, 2, 4, 4, 2, 4, 9, 4];
    let weights = [1.0, 2.0, 0.5, 1.0, 1.0, 3.0, 1.0, 1.0];
    let labels = Labels::new(&y, Some(&weights), Some(&groups));
    let random = Random::new(350);
    let (mut gradients, mut hessians) = (vec![0.0; 8], vec![0.0; 8]);
    assert!(RankingLoss::XeNdcg.drawn_derivatives(&labels, &scores, &mut gradients, &mut hessians, &random));
    let plain = derivatives(&RankingLoss::XeNdcg, &labels, &scores);
    for (index, rows) in [vec![1, 4], vec![0, 2, 3, 5, 7]].into_iter().enumerate() {
        let mut random = random.fork(index as u64);
        let noise: Vec<f64> = rows.iter().map(|_| random.uniform()).collect();
        let of = |values: &[f64]| rows.iter().map(|&row| values[row]).collect::<Vec<f64>>();
        let drawn = xe_ndcg_by_hand(&of(&y), &of(&scores), &noise);
        let even = xe_ndcg_by_hand(&of(&y), &of(&scores), &vec![0.5; rows.len()]);
        for (place, &row) in rows.iter().enumerate() {
            close(gradients[row], weights[row] * drawn.0[place], 1e-12, "gradient");
            close(hessians[row], weights[row] * drawn.1[place], 1e-12, "hessian");
            close(plain.0[row], weights[row] * even.0[place], 1e-12, "gradient without draws");
        }
    }
    assert_eq!((gradients[6], hessians[6]), (0.0, 0.0));
    // The cross-entropy of two rows, by hand; scores far apart stay finite.
    let two = Labels::new(&y[1..3], None, None);
    let truth = 0.5 / (0.5 + 1.5);
    let log_sum = (0.9_f64.exp() + 0.4_f64.exp()).ln();
    let loss = truth * (log_sum - 0.9) + (1.0 - truth) * (log_sum - 0.4);
    close(RankingLoss::XeNdcg.loss(&two, &scores[1..3]), loss, 1e-14, "loss");
    let (gradients, _) = derivatives(&RankingLoss::XeNdcg, &two, &[900.0, -900.0]);
    assert!(gradients.iter().all(|gradient| gradient.is_finite()), "{gradients:?}");
}
