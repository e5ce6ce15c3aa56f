//! Ensembles: the fast layouts say what the trees say.

use ndarray::{Array2, s};
use perennial_core::{from_bytes, to_bytes};
use perennial_models::Ensemble;

use crate::texts::{SMALL, Shape, model, rows};

/// The definition: the values of the leaves, added in the order of the trees.
fn by_definition(ensemble: &Ensemble, x: &Array2<f64>) -> Vec<f64> {
    let mut scores = Vec::new();
    for row in x.rows() {
        let row = row.to_vec();
        let mut of_row = ensemble.base().to_vec();
        for (index, tree) in ensemble.trees().iter().enumerate() {
            of_row[index % ensemble.n_outputs()] += tree.value(tree.leaf(&row))[0];
        }
        scores.extend(of_row);
    }
    scores
}

fn bits(scores: &[f64]) -> Vec<u64> {
    scores.iter().map(|score| score.to_bits()).collect()
}

/// Each shape takes another way through the layouts.
fn shapes() -> Vec<Shape> {
    vec![
        SMALL,
        Shape { n_trees: 40, n_leaves: 31, fineness: 20.0, n_categories: 50, ..SMALL },
        // More thresholds than codes: several segments.
        Shape { n_trees: 60, n_leaves: 31, fineness: 1e6, ..SMALL },
        // Trees of more than 32 leaves, whose questions of one row still fit a vector; and questions about categories that do.
        Shape { n_trees: 33, n_leaves: 64, fineness: 20.0, n_categories: 0, ..SMALL },
        Shape { n_trees: 18, n_leaves: 6, n_categories: 40, ..SMALL },
        // More leaves than codes.
        Shape { n_trees: 9, n_leaves: 300, fineness: 20.0, ..SMALL },
        // As many as there can be.
        Shape { n_trees: 24, n_leaves: 256, fineness: 20.0, ..SMALL },
        // More categories than codes.
        Shape { n_trees: 9, n_leaves: 12, n_categories: 700, ..SMALL },
        // Few trees over many features.
        Shape { n_features: 90, n_trees: 12, ..SMALL },
        Shape { n_outputs: 3, n_trees: 21, n_categories: 9, ..SMALL },
        Shape { n_features: 1, n_trees: 30, n_leaves: 2, ..SMALL },
    ]
}

#[test]
fn scores_are_those_of_the_trees_to_the_last_bit() {
    for (seed, shape) in (0..).zip(shapes()) {
        let model = model(shape, seed);
        let ensemble = model.ensemble();
        for n_rows in [0, 1, 7, 15, 16, 255, 257, 4100] {
            let x = rows(shape, n_rows, seed + 100);
            let truth = by_definition(ensemble, &x);
            assert_eq!(bits(&ensemble.scores(&x).unwrap()), bits(&truth), "{shape:?}, {n_rows} rows");
            let mut alone = vec![0.0; ensemble.n_outputs()];
            for (row, truth) in x.rows().into_iter().zip(truth.chunks(ensemble.n_outputs())) {
                ensemble.score_row(row.as_slice().unwrap(), &mut alone);
                assert_eq!(bits(&alone), bits(truth), "{shape:?}");
            }
        }
    }
}

#[test]
fn any_layout_of_rows_and_any_number_of_threads_will_do() {
    let shape = Shape { n_trees: 30, n_leaves: 31, n_categories: 40, ..SMALL };
    let model = model(shape, 3);
    let x = rows(shape, 5000, 4);
    let truth = bits(&model.ensemble().scores(&x).unwrap());
    for n_threads in 1..=4 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        assert_eq!(bits(&pool.install(|| model.ensemble().scores(&x)).unwrap()), truth);
    }
    let columns = x.t().as_standard_layout().to_owned();
    assert_eq!(bits(&model.ensemble().scores(&columns.t()).unwrap()), truth);
}

#[test]
fn rounds_can_be_left_out() {
    let shape = Shape { n_outputs: 3, n_trees: 24, n_leaves: 20, ..SMALL };
    let model = model(shape, 5);
    let ensemble = model.ensemble();
    assert_eq!((ensemble.n_rounds(), ensemble.n_outputs(), ensemble.n_features()), (8, 3, 5));
    let x = rows(shape, 300, 6);
    let stages: Vec<Vec<f64>> = ensemble.staged_scores(&x).unwrap().collect();
    assert_eq!(stages.len(), 8);
    for n_rounds in (0..=8).rev() {
        let upto = ensemble.scores_upto(&x, n_rounds).unwrap();
        let mut cut = ensemble.clone();
        cut.truncate(n_rounds);
        assert_eq!((cut.trees().len(), cut.n_rounds()), (3 * n_rounds, n_rounds));
        assert_eq!(bits(&cut.scores(&x).unwrap()), bits(&upto));
        if n_rounds > 0 {
            assert_eq!(bits(&stages[n_rounds - 1]), bits(&upto));
        }
    }
    assert_eq!(ensemble.scores_upto(&x, usize::MAX).unwrap(), ensemble.scores(&x).unwrap());
    let mut same = ensemble.clone();
    same.truncate(99);
    assert_eq!(&same, ensemble);
}

#[test]
fn leaves_and_importances_are_those_of_the_trees() {
    let model = model(SMALL, 8);
    let ensemble = model.ensemble();
    let x = rows(SMALL, 40, 9);
    let leaves = ensemble.leaves(&x).unwrap();
    for (row, leaves) in x.rows().into_iter().zip(leaves.chunks(7)) {
        for (tree, &leaf) in ensemble.trees().iter().zip(leaves) {
            assert_eq!(tree.leaf(row.as_slice().unwrap()), leaf as usize);
        }
    }
    let mut splits = [0.0; 5];
    for tree in ensemble.trees() {
        (0..tree.n_nodes()).filter_map(|node| tree.feature(node)).for_each(|feature| splits[feature] += 1.0);
    }
    let shares = ensemble.importances_by_splits();
    assert!(shares.iter().zip(splits).all(|(share, n)| (share - n / 56.0).abs() < 1e-15));
    assert!((ensemble.importances_by_gain().iter().sum::<f64>() - 1.0).abs() < 1e-15);
}

#[test]
fn saved_ensembles_are_checked() {
    let shape = Shape { n_categories: 20, ..SMALL };
    let model = model(shape, 10);
    let ensemble = model.ensemble();
    let loaded: Ensemble = from_bytes(&to_bytes(ensemble).unwrap()).unwrap();
    let x = rows(shape, 100, 11);
    assert_eq!(&loaded, ensemble);
    assert_eq!(bits(&loaded.scores(&x).unwrap()), bits(&ensemble.scores(&x).unwrap()));
    let json = serde_json::to_value(ensemble).unwrap();
    for (field, value) in [
        ("n_outputs", serde_json::json!(0)),
        ("n_outputs", serde_json::json!(2)),
        ("n_features", serde_json::json!(4)),
        ("n_features", serde_json::json!(1_u64 << 40)),
        ("base", serde_json::json!([])),
    ] {
        let mut damaged = json.clone();
        damaged[field] = value;
        assert!(serde_json::from_value::<Ensemble>(damaged).is_err(), "{field}");
    }
    assert!(Ensemble::new(5, 1, vec![f64::NAN], ensemble.trees().to_vec()).is_err());
}

#[test]
fn columns_must_agree() {
    let model = model(SMALL, 12);
    let x = rows(SMALL, 20, 13);
    let narrow = x.slice(s![.., ..4]).to_owned();
    assert!(model.ensemble().scores(&narrow).unwrap_err().to_string().contains("5 numbers"));
    assert!(model.ensemble().leaves(&narrow).is_err());
    assert!(model.ensemble().staged_scores(&narrow).is_err());
}

#[test]
fn without_trees_the_base_is_left() {
    let empty = Ensemble::new(2, 2, vec![1.0, -1.0], Vec::new()).unwrap();
    assert_eq!(empty.scores(&Array2::zeros((3, 2))).unwrap(), [1.0, -1.0, 1.0, -1.0, 1.0, -1.0]);
    assert_eq!(empty.importances_by_gain(), [0.0, 0.0]);
    assert!(empty.leaves(&Array2::zeros((3, 2))).unwrap().is_empty());
    let nothing = Ensemble::new(0, 1, vec![0.5], Vec::new()).unwrap();
    assert_eq!(nothing.scores(&Array2::zeros((20, 0))).unwrap(), [0.5; 20]);
}
