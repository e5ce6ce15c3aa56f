//! Extra trees of two classes, whose rows are counted where none has a weight. There are more bins than are copied
//! together for a small node, so that nodes above and below that size are met. And the memory of forests of all kinds.

use ndarray::Array2;
use perennial_core::{Classes, Estimator, Matrix, Rows, Train};
use perennial_models::ExtraTreesClassifier;
use perennial_models::tree::Criterion;
use perennial_numeric::random::Random;

/// 7000 rows of 40 columns with at most 200 values each, two of which say something of the class.
fn many() -> (Matrix, Classes) {
    let mut random = Random::new(8);
    let x = Array2::from_shape_simple_fn((7000, 40), || random.below(200) as f64);
    let noise: Vec<f64> = (0..x.nrows()).map(|_| 60.0 * random.normal()).collect();
    let labels = x.rows().into_iter().zip(noise).map(|(row, noise)| i64::from(row[0] - row[7] + noise > 0.0));
    let y = Classes::from_labels(labels.collect::<Vec<_>>());
    (x.into(), y)
}

fn settings() -> [ExtraTreesClassifier; 4] {
    let few = ExtraTreesClassifier::new().n_trees(3).seed(5);
    [
        few.clone(),
        few.clone().criterion(Criterion::Entropy).min_samples_leaf(3),
        few.clone().max_leaf_nodes(60),
        few.max_samples(0.6).max_depth(9),
    ]
}

/// Sums of ones and zeros are exact, so the trees are the same to the bit.
#[test]
fn counted_rows_are_rows_of_weight_one() {
    let (x, y) = many();
    let ones = vec![1.0; x.n_rows()];
    for settings in settings() {
        let counted = settings.fit(&x, &y).unwrap();
        let weighed = Train::new(&x, &y).weights(&ones).fit(&settings).unwrap();
        assert_eq!(counted.trees(), weighed.trees(), "{settings:?}");
    }
}

/// What a leaf says is what the rows say that its questions lead to.
#[test]
fn leaves_say_what_their_rows_say() {
    let (x, y) = many();
    for settings in settings().into_iter().take(3) {
        let forest = settings.fit(&x, &y).unwrap();
        for tree in forest.trees() {
            let mut counts = vec![[0_u32; 2]; tree.n_nodes()];
            for (row, &leaf) in tree.leaves(x.dense().unwrap()).unwrap().iter().enumerate() {
                counts[leaf as usize][y.codes()[row] as usize] += 1;
            }
            for leaf in (0..tree.n_nodes()).filter(|&node| tree.children(node).is_none()) {
                let [first, second] = counts[leaf].map(f64::from);
                assert_eq!(tree.n_rows(leaf) as f64, first + second, "leaf {leaf}");
                assert!((tree.value(leaf)[1] - second / (first + second)).abs() < 1e-12, "leaf {leaf}");
            }
        }
    }
}

#[test]
fn forests_keep_to_a_memory_limit() {
    use perennial_core::{ErrorKind, NoTarget, Transformer};
    use perennial_models::binned::LearnsFromBins;
    use perennial_models::{Binner, ExtraTreesClassifier, QuantileForestRegressor, RandomForestRegressor};
    let (x, y) = crate::boosting::data(2000, 4, 370);
    let classes = crate::boosting::signs(&y);
    let error = RandomForestRegressor::new().memory_limit(1_000_000).fit(&x, &y).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error:?}");
    assert!(error.to_string().contains("`memory_limit` = 1000000"), "{error}");
    // Settings that cannot be come first.
    let error = RandomForestRegressor::new().min_samples_leaf(0).memory_limit(1).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("`min_samples_leaf`"), "{error}");
    let small = RandomForestRegressor::new().n_trees(20).max_depth(4).memory_limit(1_000_000);
    assert_eq!(
        small.fit(&x, &y).unwrap(),
        RandomForestRegressor::new().n_trees(20).max_depth(4).fit(&x, &y).unwrap()
    );
    assert!(ExtraTreesClassifier::new().memory_limit(10_000).fit(&x, &classes).is_err());
    // The rows of each leaf are kept as well.
    let quantiles =
        |limit| QuantileForestRegressor::new().n_trees(50).max_depth(2).memory_limit(limit).fit(&x, &y);
    assert!(quantiles(600_000).is_err() && quantiles(1_500_000).is_ok());
    let binned = Binner::new().fit(&x, &NoTarget).unwrap().transform(&x).unwrap();
    assert!(RandomForestRegressor::new().memory_limit(1_000_000).on_bins().fit(&binned, &y).is_err());
}

#[test]
fn single_trees_keep_to_a_memory_limit() {
    use perennial_core::ErrorKind;
    use perennial_models::tree::Splits;
    use perennial_models::{DecisionTreeClassifier, DecisionTreeRegressor};
    let (x, y) = crate::boosting::data(3000, 6, 371);
    let classes = crate::boosting::signs(&y);
    for splits in [Splits::Exact, Splits::Histogram, Splits::Random] {
        let settings = DecisionTreeRegressor::new().splits(splits).seed(1);
        let error = settings.clone().memory_limit(100_000).fit(&x, &y).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error:?}");
        assert!(error.to_string().contains("`memory_limit` = 100000"), "{error}");
        // Settings that cannot be come first.
        let error = settings.clone().min_samples_leaf(0).memory_limit(1).fit(&x, &y).unwrap_err();
        assert!(error.to_string().contains("`min_samples_leaf`"), "{error}");
        let enough = settings.clone().memory_limit(1 << 30).fit(&x, &y).unwrap();
        assert_eq!(enough, settings.fit(&x, &y).unwrap());
        // A small tree needs less.
        let limit = 2_000_000;
        assert!(settings.clone().memory_limit(limit).fit(&x, &y).is_err());
        assert!(settings.max_depth(3).memory_limit(limit).fit(&x, &y).is_ok());
        assert!(DecisionTreeClassifier::new().splits(splits).memory_limit(10_000).fit(&x, &classes).is_err());
    }
}

#[test]
fn importances_by_splits_count_questions() {
    use perennial_core::Values;
    use perennial_models::tree::Tree;
    use perennial_models::{
        DecisionTreeClassifier, DecisionTreeRegressor, QuantileForestRegressor, RandomForestClassifier,
        RandomForestRegressor,
    };
    let (x, y) = crate::boosting::data(300, 4, 372);
    let classes = crate::boosting::signs(&y);
    let counted = |trees: &[Tree], found: Vec<f64>| {
        let mut counts = [0.0; 4];
        for tree in trees {
            let asked = (0..tree.n_nodes()).filter_map(|node| tree.feature(node));
            asked.for_each(|column| counts[column] += 1.0);
        }
        let total: f64 = counts.iter().sum();
        assert!(total > 10.0 && found.len() == 4);
        assert!(found.iter().zip(counts).all(|(share, count)| (share - count / total).abs() < 1e-12));
    };
    let tree = DecisionTreeRegressor::new().max_depth(5).fit(&x, &y).unwrap();
    counted(std::slice::from_ref(tree.tree()), tree.split_importances());
    let tree = DecisionTreeClassifier::new().fit(&x, &classes).unwrap();
    counted(std::slice::from_ref(tree.tree()), tree.split_importances());
    let forest = RandomForestRegressor::new().n_trees(5).fit(&x, &y).unwrap();
    counted(forest.trees(), forest.split_importances());
    let forest = RandomForestClassifier::new().n_trees(5).fit(&x, &classes).unwrap();
    counted(forest.trees(), forest.split_importances());
    let forest = ExtraTreesClassifier::new().n_trees(5).fit(&x, &classes).unwrap();
    counted(forest.trees(), forest.split_importances());
    let forest = QuantileForestRegressor::new().n_trees(5).fit(&x, &y).unwrap();
    counted(forest.trees(), forest.split_importances());
    // One question, and none.
    let x = Matrix::from(ndarray::array![[0.0, 1.0], [0.0, 2.0]]);
    let fit = |y: [f64; 2]| DecisionTreeRegressor::new().fit(&x, &Values::from(y.to_vec())).unwrap();
    assert_eq!(fit([1.0, 2.0]).split_importances(), [0.0, 1.0]);
    assert_eq!(fit([1.0, 1.0]).split_importances(), [0.0, 0.0]);
}
