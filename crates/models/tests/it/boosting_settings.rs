//! What single settings of boosting do, by closed forms and counts.

use std::collections::BTreeSet;

use ndarray::Array2;
use perennial_core::{
    Classes, Classifier, ErrorKind, Estimator, Matrix, NoTarget, Predictor, Result, Train, Transformer,
    Values,
};
use perennial_models::binned::LearnsFromBins;
use perennial_models::boosting::{
    Growth, Labels, Mode, Monotone, MonotoneMethod, Objective, RegressionLoss, RowSampling, Splits,
};
use perennial_models::tree::Tree;
use perennial_models::{Binner, GradientBoostingClassifier, GradientBoostingRegressor};
use perennial_numeric::random::Random;
use proptest::prelude::*;

use crate::boosting::{data, free};

fn splits(tree: &Tree) -> Vec<(usize, usize)> {
    (0..tree.n_nodes()).filter_map(|node| tree.feature(node).map(|column| (node, column))).collect()
}

#[test]
fn leaves_are_shrunk_and_pulled_to_their_parents() {
    let (x, y) = data(400, 3, 50);
    let mean = y.as_slice().iter().sum::<f64>() / 400.0;
    let settings = free().n_trees(1).learning_rate(1.0).max_leaves(9).min_samples_leaf(10);
    for (l1, l2, smoothing) in
        [(4.0, 0.0, 0.0), (0.0, 8.0, 0.0), (2.0, 3.0, 0.0), (0.0, 0.0, 12.0), (1.0, 2.0, 7.0)]
    {
        let model = settings.clone().l1(l1).l2(l2).path_smoothing(smoothing).fit(&x, &y).unwrap();
        let tree = &model.booster().trees()[0];
        assert!(tree.n_leaves() > 3);
        let reached = tree.leaves(x.dense().unwrap()).unwrap();
        // Sums of the rows below each node, then outputs from the root down.
        let mut outputs = vec![0.0; tree.n_nodes()];
        let mut sums = vec![(0.0, 0.0); tree.n_nodes()];
        for (row, &leaf) in reached.iter().enumerate() {
            sums[leaf as usize].0 += mean - y.as_slice()[row];
            sums[leaf as usize].1 += 1.0;
        }
        for node in (0..tree.n_nodes()).rev() {
            if let Some((left, right)) = tree.children(node) {
                sums[node] = (sums[left].0 + sums[right].0, sums[left].1 + sums[right].1);
            }
        }
        let step = |(gradient, n): (f64, f64)| -gradient.signum() * (gradient.abs() - l1).max(0.0) / (n + l2);
        outputs[0] = step(sums[0]);
        for node in 0..tree.n_nodes() {
            let Some((left, right)) = tree.children(node) else {
                let found = tree.value(node)[0];
                assert!((found - outputs[node]).abs() < 1e-6, "{found} instead of {}", outputs[node]);
                continue;
            };
            for child in [left, right] {
                let share = sums[child].1 / (sums[child].1 + smoothing);
                outputs[child] = step(sums[child]) * share + outputs[node] * (1.0 - share);
            }
        }
    }
}

/// The root says 1005, far from 0: half of the way from there to what its rows want is worth a split.
#[test]
fn splits_are_judged_by_the_pull_to_their_own_node() {
    let x = Matrix::from(Array2::from_shape_fn((200, 1), |(row, _)| f64::from(u8::from(row >= 100))));
    let y: Values = (0..200).map(|row| if row < 100 { 1000.0 } else { 1010.0 }).collect();
    let settings = GradientBoostingRegressor::new().base_score(0.0).path_smoothing(100.0).l2(0.0);
    let settings = settings.n_trees(1).learning_rate(1.0);
    let all = [
        settings.clone(),
        settings.clone().splits(Splits::Exact),
        settings.clone().growth(Growth::Symmetric),
        settings.monotone("x0", Monotone::Increasing),
    ];
    for settings in all {
        let model = settings.fit(&x, &y).unwrap();
        assert!(model.booster().trees().first().is_some_and(|tree| tree.n_leaves() == 2));
        let answers = model.predict(&x).unwrap().into_vec();
        for (found, truth) in [(answers[0], 1002.5), (answers[199], 1007.5)] {
            assert!((found - truth).abs() < 0.1, "{found} {truth}");
        }
    }
}

#[test]
fn columns_are_sampled_by_tree_level_and_node() {
    let (x, y) = data(1000, 10, 51);
    let settings = || GradientBoostingRegressor::new().n_trees(20).min_samples_leaf(5);
    let columns = |tree: &Tree| splits(tree).into_iter().map(|(_, column)| column).collect::<BTreeSet<_>>();
    let by_tree = settings().columns_by_tree(0.3).fit(&x, &y).unwrap();
    assert!(by_tree.booster().trees().iter().all(|tree| columns(tree).len() <= 3));
    let all: BTreeSet<usize> = by_tree.booster().trees().iter().flat_map(columns).collect();
    assert_eq!(all.len(), 10);
    let by_level = settings().columns_by_level(0.2).growth(Growth::DepthWise).fit(&x, &y).unwrap();
    for tree in by_level.booster().trees() {
        let mut depths = vec![0; tree.n_nodes()];
        for node in 0..tree.n_nodes() {
            if let Some((left, right)) = tree.children(node) {
                (depths[left], depths[right]) = (depths[node] + 1, depths[node] + 1);
            }
        }
        for depth in 0..=tree.depth() {
            let of_level = splits(tree).into_iter().filter(|&(node, _)| depths[node] == depth);
            assert!(of_level.map(|(_, column)| column).collect::<BTreeSet<_>>().len() <= 2);
        }
    }
    // With one column a node, even columns that say nothing are asked.
    let by_node = settings().columns_by_node(0.1).fit(&x, &y).unwrap();
    let asked: BTreeSet<usize> = by_node.booster().trees().iter().flat_map(columns).collect();
    assert_eq!(asked.len(), 10);
}

#[test]
fn rows_are_sampled_as_told_and_by_the_seed() {
    let (x, y) = data(1000, 3, 52);
    let sampled =
        |sampling| GradientBoostingRegressor::new().learning_rate(0.5).n_trees(6).row_sampling(sampling);
    let n_rows = |settings: GradientBoostingRegressor| -> Vec<u64> {
        settings.fit(&x, &y).unwrap().booster().trees().iter().map(|tree| tree.n_rows(0)).collect()
    };
    assert_eq!(n_rows(sampled(RowSampling::Fraction(0.37))), [370; 6]);
    // The first 1 / 0.5 rounds see all rows.
    let goss = RowSampling::Gradient { top: 0.2, rest: 0.1 };
    assert_eq!(n_rows(sampled(goss)), [1000, 1000, 300, 300, 300, 300]);
    let weights: Vec<f64> = (0..1000).map(|row| f64::from(u8::from(row % 2 == 0))).collect();
    let half = Train::new(&x, &y).weights(&weights).fit(&sampled(RowSampling::Fraction(0.5))).unwrap();
    assert!(half.booster().trees().iter().all(|tree| tree.n_rows(0) == 250));
    let answers = |seed| {
        let settings = sampled(RowSampling::Fraction(0.5)).seed(seed);
        settings.fit(&x, &y).unwrap().predict(&x).unwrap()
    };
    assert_eq!(answers(1), answers(1));
    assert_ne!(answers(1), answers(2));
}

#[test]
fn rows_drawn_by_gradient_stand_for_all() {
    let (x, y) = data(4000, 3, 53);
    let settings = GradientBoostingRegressor::new().n_trees(60);
    let error =
        |settings: GradientBoostingRegressor| crate::boosting::rmse(&settings.fit(&x, &y).unwrap(), &x, &y);
    let goss = error(settings.clone().row_sampling(RowSampling::Gradient { top: 0.2, rest: 0.2 }));
    assert!(goss < 1.15 * error(settings), "{goss}");
}

#[test]
fn training_goes_on_from_several_scores_and_beside_offsets() {
    let (x, y) = data(600, 3, 54);
    let three = Classes::from_labels(y.as_slice().iter().map(|y| (y.round() as i32).clamp(-1, 1)));
    let settings = |n| GradientBoostingClassifier::new().n_trees(n).max_leaves(5);
    let half = settings(10).fit(&x, &three).unwrap();
    let both = settings(10).fit_from(&half, &Train::new(&x, &three)).unwrap().predict_proba(&x).unwrap();
    let whole = settings(20).fit(&x, &three).unwrap().predict_proba(&x).unwrap();
    assert!((both.values() - whole.values()).iter().all(|apart| apart.abs() < 1e-6));
    let counts: Values = y.as_slice().iter().map(|y| y.exp().round()).collect();
    let settings = |n| {
        let settings = GradientBoostingRegressor::new().loss(RegressionLoss::Poisson).offset("x2");
        settings.n_trees(n).max_leaves(5).patience(None)
    };
    let half = settings(10).fit(&x, &counts).unwrap();
    let train = Train::new(&x, &counts).validation(&x, &counts);
    let both = settings(10).fit_from(&half, &train).unwrap();
    let whole = train.fit(&settings(20)).unwrap();
    for (a, b) in both.predict(&x).unwrap().as_slice().iter().zip(whole.predict(&x).unwrap().as_slice()) {
        assert!((a / b - 1.0).abs() < 1e-6, "{a} {b}");
    }
    // What is watched goes on where it was.
    let (ours, theirs) = (&both.booster().history()[0].values, &whole.booster().history()[0].values[10..]);
    assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-9));
    assert_eq!(both.booster().best_round(), Some(20));
}

#[test]
fn many_leaves_and_one_row_each() {
    let mut random = Random::new(55);
    let x: Vec<f64> = (0..20_000).map(|_| random.uniform()).collect();
    let y: Values = x.iter().map(|x| (20.0 * x).sin()).collect();
    let x = Matrix::from(Array2::from_shape_vec((20_000, 1), x).unwrap());
    let model = free().n_trees(2).learning_rate(1.0).max_leaves(131_072).fit(&x, &y).unwrap();
    // One leaf for each of 255 bins, and no more.
    assert_eq!(model.booster().trees()[0].n_leaves(), 255);
}

/// The best cut of one column, by all of them: what is gained where both sides keep to a largest step.
fn best_by_hand(x: &[f64], y: &[f64], most: f64) -> (usize, [f64; 2]) {
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    let mut order: Vec<usize> = (0..y.len()).collect();
    order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
    let side = |rows: &[usize]| {
        let gradient: f64 = rows.iter().map(|&row| mean - y[row]).sum();
        let output = (-gradient / rows.len() as f64).clamp(-most, most);
        (-(2.0 * gradient * output + rows.len() as f64 * output * output), output)
    };
    let cuts = (1..y.len()).map(|n| (n, side(&order[..n]), side(&order[n..])));
    let best = cuts.max_by(|a, b| (a.1.0 + a.2.0).total_cmp(&(b.1.0 + b.2.0))).unwrap();
    (best.0, [best.1.1, best.2.1])
}

#[test]
fn steps_are_bounded_and_splits_know_of_it() {
    let mut moved = 0;
    for seed in 0..6 {
        let mut random = Random::new(320 + seed);
        let x: Vec<f64> = (0..60).map(|_| random.normal()).collect();
        // A few targets far off, which an unbounded step splits off; a bounded one cuts in the middle.
        let rank = |row: usize| x.iter().filter(|other| **other < x[row]).count();
        let level = |rank: usize| {
            if rank < 5 {
                -9.0
            } else if rank < 30 {
                -1.0
            } else {
                2.0
            }
        };
        let y: Vec<f64> = (0..60).map(|row| level(rank(row)) + 0.2 * random.normal()).collect();
        let (matrix, target) =
            (Matrix::from(Array2::from_shape_vec((60, 1), x.clone()).unwrap()), Values::from(y.clone()));
        for most in [0.3, 2.0] {
            let settings = free().n_trees(1).learning_rate(1.0).max_leaves(2).max_delta_step(most);
            let model = settings.fit(&matrix, &target).unwrap();
            let tree = &model.booster().trees()[0];
            let (left, right) = tree.children(0).unwrap();
            let (n_left, outputs) = best_by_hand(&x, &y, most);
            assert_eq!(tree.n_rows(left), n_left as u64);
            for (node, output) in [(left, outputs[0]), (right, outputs[1])] {
                assert!((tree.value(node)[0] - output).abs() < 1e-9);
            }
            moved += usize::from(n_left != best_by_hand(&x, &y, f64::INFINITY).0);
        }
        // What a loss says of its leaves keeps to it too.
        let settings =
            free().n_trees(3).learning_rate(0.5).max_delta_step(0.1).loss(RegressionLoss::AbsoluteError);
        let model = settings.fit(&matrix, &target).unwrap();
        let values = model.booster().nodes().into_iter().filter(|node| node.children.is_none());
        assert!(values.map(|node| node.value.abs()).fold(0.0, f64::max) <= 0.05);
    }
    assert_eq!(moved, 12);
}

#[test]
fn cuts_are_drawn_for_each_node() {
    let (x, y) = data(2000, 1, 330);
    let settings = |seed| free().n_trees(1).max_leaves(2).extra_trees(true).seed(seed);
    let cuts: BTreeSet<u64> = (0..30)
        .map(|seed| settings(seed).fit(&x, &y).unwrap().booster().trees()[0].threshold(0).to_bits())
        .collect();
    assert!(cuts.len() > 20, "{}", cuts.len());
    // Where a column can be cut at one place only, nothing is left to chance.
    let mut random = Random::new(331);
    let bits = Matrix::from(Array2::from_shape_fn((500, 6), |_| random.below(2) as f64));
    let y: Values = bits
        .dense()
        .unwrap()
        .rows()
        .into_iter()
        .map(|row| row[0] + row[2] * row[3] + 0.1 * random.normal())
        .collect();
    let settings = GradientBoostingRegressor::new().n_trees(10).min_samples_leaf(4);
    let plain = settings.clone().fit(&bits, &y).unwrap().predict(&bits).unwrap();
    assert_eq!(settings.extra_trees(true).fit(&bits, &y).unwrap().predict(&bits).unwrap(), plain);
    // Trees that are cut at random differ, so that they make a forest.
    let forest = GradientBoostingRegressor::new().mode(Mode::Forest).n_trees(3).extra_trees(true);
    let (x, y) = data(300, 2, 332);
    let forest = forest.fit(&x, &y).unwrap();
    assert_ne!(forest.booster().trees()[0], forest.booster().trees()[1]);
}

#[test]
fn few_categories_stand_against_the_rest() {
    let mut random = Random::new(340);
    let codes: Vec<f64> = (0..900).map(|_| random.below(6) as f64).collect();
    let y: Values = codes
        .iter()
        .map(|code| [0.0, 1.0, 2.0, 3.0, 4.0, 9.0][*code as usize] + 0.1 * random.normal())
        .collect();
    let x =
        crate::boosting::with_categories(Array2::from_shape_vec((900, 1), codes.clone()).unwrap(), &[0], 6);
    let left = |settings: GradientBoostingRegressor| {
        let model = settings.n_trees(1).max_leaves(2).fit(&x, &y).unwrap();
        model.booster().trees()[0].categories(0).unwrap()
    };
    // One alone: category 5 is the farthest from the mean of the rest.
    assert_eq!(left(free().max_cat_to_onehot(6)), [5]);
    // In order: all sets of neighbours, by hand.
    let best = (1..6).map(|n| {
        let of = |low: bool| {
            let rows: Vec<usize> = (0..900).filter(|&row| (codes[row] < f64::from(n)) == low).collect();
            let sum: f64 = rows.iter().map(|&row| y.as_slice()[row]).sum();
            sum * sum / rows.len() as f64
        };
        (n, of(true) + of(false))
    });
    let n = best.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0 as usize;
    let found = left(free().category_l2(0.0).category_smoothing(0.0));
    assert!(found.len() == n || found.len() == 6 - n, "{found:?} for {n}");
    assert_eq!(found, left(free().category_l2(0.0).category_smoothing(0.0).max_cat_to_onehot(5)));
    assert!(free().max_cat_to_onehot(0).fit(&x, &y).unwrap_err().to_string().contains("`max_cat_to_onehot`"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Rows go the same ways by their bins and by their values, however extreme.
    #[test]
    fn extreme_values_go_the_way_of_their_bins(
        values in prop::collection::vec(prop_oneof![
            prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
            (-3..3_i32).prop_map(f64::from), Just(f64::MAX), Just(f64::MIN), Just(f64::NAN), Just(-0.0),
        ], 20..200),
        max_bins in 2..40_usize,
    ) {
        let n = values.len();
        let mut random = Random::new(n as u64);
        let y: Values = (0..n).map(|_| random.normal()).collect();
        let x = Matrix::from(Array2::from_shape_vec((n, 1), values).unwrap());
        let binned = Binner::new().max_bins(max_bins).fit(&x, &NoTarget).unwrap().transform(&x).unwrap();
        let model = free().n_trees(5).on_bins().fit(&binned, &y).unwrap();
        let by_bins = model.predict(&binned).unwrap();
        let model = model.into_inner();
        prop_assert_eq!(&by_bins, &model.predict(&x).unwrap());
        let staged = model.staged_predict(&x).unwrap();
        prop_assert_eq!(&by_bins, staged.last().unwrap_or(&by_bins));
    }
}

/// Derivatives whose quotient leaves the range of numbers.
#[derive(Clone, Debug)]
struct Steep;

impl Objective for Steep {
    fn base_scores(&self, _: &Labels<'_>) -> Result<Vec<f64>> {
        Ok(vec![0.0])
    }

    fn derivatives(&self, labels: &Labels<'_>, _: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        gradients.iter_mut().zip(labels.y).for_each(|(gradient, y)| *gradient = 1e200 * y);
        hessians.fill(1e-200);
    }

    fn loss(&self, _: &Labels<'_>, _: &[f64]) -> f64 {
        0.0
    }
}

#[test]
fn steps_without_end_are_no_panic() {
    let (x, y) = data(200, 2, 36);
    for settings in [free().l1(1.0), free().max_delta_step(1.0), free().path_smoothing(1.0)] {
        let settings = settings.min_child_weight(0.0).l2(0.0).n_trees(2).loss(Steep);
        // It may be an error.
        let _ = settings.fit(&x, &y);
    }
}

#[test]
fn ways_to_split_and_to_grow_that_exclude_each_other_are_refused() {
    let (x, y) = data(60, 2, 92);
    let new = GradientBoostingRegressor::new;
    let symmetric = new().growth(Growth::Symmetric);
    let exact = new().splits(Splits::Exact);
    let refused = [
        (symmetric.clone().monotone_method(MonotoneMethod::Intermediate), "MonotoneMethod::Basic"),
        (symmetric.splits(Splits::Exact), "Growth::Symmetric"),
        (exact.clone().split_cost(0.5), "split_cost"),
        (exact.feature_cost("x0", 1.0), "feature_cost"),
    ];
    for (settings, word) in refused {
        let error = settings.fit(&x, &y).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }));
        assert!(error.to_string().contains(word), "{error}");
    }
}
