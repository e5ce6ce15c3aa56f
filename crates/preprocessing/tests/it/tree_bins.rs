//! Bins of trees on one column. Thresholds by the trees of scikit-learn 1.9.1.

use ndarray::{Array2, array};
use perennial_core::{Classes, Estimator, Matrix, Result, Train, Transformer, Values, from_bytes, to_bytes};
use perennial_preprocessing::{Impurity, KBinsModel, TreeDiscretizer};
use perennial_testing::{Tags, check};

fn bins() -> TreeDiscretizer<Values> {
    TreeDiscretizer::of_values()
}

check!(tree_bins, transformer, bins(), Tags::new().exact_solver().selects_by_target());
check!(
    tree_bins_ordered,
    transformer,
    bins().max_leaf_nodes(12).min_samples_leaf(1).missing_bin(false).ordered(true),
    Tags::new().exact_solver().selects_by_target()
);
check!(
    tree_bins_of_classes,
    transformer,
    TreeDiscretizer::of_classes(),
    Tags::new().exact_solver().selects_by_target()
);
check!(
    tree_bins_by_entropy,
    transformer,
    TreeDiscretizer::of_classes().impurity(Impurity::Entropy).max_leaf_nodes(3),
    Tags::new().exact_solver().selects_by_target()
);

/// Numbers that 32 bits hold, as scikit-learn rounds them.
fn x() -> Vec<f64> {
    (0..300_u32).map(|i| f64::from((i * 7919) % 1009) / 8.0).collect()
}

fn y() -> Values {
    let of = |(i, x): (u32, f64)| {
        let step = if x < 20.0 {
            1.0
        } else if x < 55.0 {
            4.0
        } else {
            2.5
        };
        step + 0.01 * x + f64::from((i * 104_729) % 997) / 997.0 * 0.8
    };
    (0..300).zip(x()).map(of).collect()
}

fn classes(n: u32) -> Classes {
    let of =
        |(i, x): (u32, f64)| (u32::from(x > 33.0) + u32::from(x > 90.0) + u32::from((i * 31) % 7 == 0)) % 3;
    let codes = (0..300).zip(x()).map(of).map(|code| code.min(n - 1)).collect();
    Classes::new(codes, (0..n).map(|class| format!("c{class}")).collect::<Vec<_>>()).unwrap()
}

fn column(values: Vec<f64>) -> Matrix {
    Matrix::from(Array2::from_shape_vec((values.len(), 1), values).unwrap())
}

fn edges<Y>(settings: &TreeDiscretizer<Y>, y: &Y, weights: Option<&[f64]>) -> Result<Vec<f64>>
where
    TreeDiscretizer<Y>: Estimator<Input = Matrix, Target = Y, Model = KBinsModel>,
    Y: perennial_core::Rows + Sync,
{
    let x = column(x());
    let mut train = Train::new(&x, y);
    train.weights = weights;
    Ok(train.fit(settings)?.edges("x0")?.to_vec())
}

#[test]
fn edges_are_the_thresholds_of_trees() -> Result<()> {
    let weights: Vec<f64> = (0..300).map(|i| 1.0 + f64::from(i % 4)).collect();
    let few = bins().max_leaf_nodes(4).min_samples_leaf(1);
    assert_eq!(edges(&few, &y(), None)?, [20.0, 55.125, 97.5]);
    assert_eq!(edges(&few, &y(), Some(&weights))?, [20.0, 55.125, 91.0625]);
    // Weighted, fewest rows are a share of the weight, as by `min_weight_fraction_leaf`.
    let many = bins().max_leaf_nodes(8).min_samples_leaf(20);
    assert_eq!(edges(&many, &y(), None)?, [20.0, 39.125, 55.125, 64.6875, 78.375, 97.5, 107.0625]);
    assert_eq!(
        edges(&many, &y(), Some(&weights))?,
        [14.8125, 20.0, 40.125, 55.125, 79.375, 91.0625, 102.6875]
    );
    let two = [12.25, 21.0, 32.875, 91.5625, 102.6875, 115.125];
    let three = [12.25, 32.875, 48.375, 60.8125, 90.25, 102.6875, 115.125];
    let gini = [32.875, 48.375, 60.8125, 71.625, 89.25, 92.375, 110.4375];
    let entropy = [17.375, 27.75, 32.875, 48.375, 60.8125, 71.625, 90.25];
    for (impurity, weighted) in [(Impurity::Gini, gini), (Impurity::Entropy, entropy)] {
        let of = || TreeDiscretizer::of_classes().impurity(impurity);
        let few = of().max_leaf_nodes(4).min_samples_leaf(1);
        assert_eq!(edges(&few, &classes(3), None)?, [0.0625, 32.875, 90.25], "{impurity:?}");
        assert_eq!(edges(&few, &classes(2), None)?, [0.0625, 32.875, 91.5625], "{impurity:?}");
        let many = of().max_leaf_nodes(8).min_samples_leaf(20);
        assert_eq!(edges(&many, &classes(3), None)?, three, "{impurity:?}");
        assert_eq!(edges(&many, &classes(2), None)?, two, "{impurity:?}");
        assert_eq!(edges(&many, &classes(3), Some(&weights))?, weighted, "{impurity:?}");
    }
    Ok(())
}

/// The best first split, by trying all of them.
#[test]
fn the_first_split_is_the_best_of_all() -> Result<()> {
    let (x, y) = (x(), y());
    let mut rows: Vec<(f64, f64)> = x.iter().copied().zip(y.as_slice().iter().copied()).collect();
    rows.sort_by(|one, other| one.0.total_cmp(&other.0));
    let error = |part: &[(f64, f64)]| {
        let mean = part.iter().map(|row| row.1).sum::<f64>() / part.len() as f64;
        part.iter().map(|row| (row.1 - mean).powi(2)).sum::<f64>()
    };
    let mut best = (f64::INFINITY, 0.0);
    for at in 30..=rows.len() - 30 {
        let both = error(&rows[..at]) + error(&rows[at..]);
        if rows[at - 1].0 < rows[at].0 && both < best.0 {
            best = (both, (rows[at - 1].0 + rows[at].0) / 2.0);
        }
    }
    assert_eq!(edges(&bins().max_leaf_nodes(2).min_samples_leaf(30), &y, None)?, [best.1]);
    Ok(())
}

#[test]
fn edges_of_the_data_are_no_trouble() -> Result<()> {
    let fit = |x: Vec<f64>, y: Vec<f64>| {
        let model = bins().min_samples_leaf(1).fit(&column(x), &Values::from(y))?;
        Ok::<_, perennial_core::Error>(model.edges("x0")?.to_vec())
    };
    let none: Vec<f64> = Vec::new();
    assert_eq!(fit(vec![1.0], vec![2.0])?, none, "one row");
    assert_eq!(fit(vec![1.0; 6], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?, none, "constant column");
    assert_eq!(fit(vec![1.0, 2.0, 3.0, 4.0], vec![0.1; 4])?, none, "constant target");
    assert_eq!(fit(vec![f64::NAN; 3], vec![1.0, 2.0, 3.0])?, none, "nothing but missing cells");
    assert_eq!(fit(vec![-0.0, 0.0, -0.0, 0.0], vec![1.0, 2.0, 3.0, 4.0])?, none, "zero has one value");
    assert_eq!(fit(vec![-1e300, -1e300, 1e308, 1e308], vec![-1e300, -1e300, 1e300, 1e300])?, [5e307 - 5e299]);
    assert_eq!(fit(vec![1.0, 2.0, 3.0, 4.0], vec![1e9, 1e9, 1e9 + 1e-3, 1e9 + 1e-3])?, [2.5]);
    let next = f64::from_bits(1.0_f64.to_bits() + 1);
    assert_eq!(
        fit(vec![1.0, 1.0, next, next], vec![0.0, 0.0, 1.0, 1.0])?,
        [next],
        "bins hold their lower edge"
    );
    // Rows that count for nothing are not there.
    let (x, y) = (column(vec![1.0, 2.0, 3.0, 9.0]), Values::from(vec![0.0, 0.0, 1.0, 100.0]));
    let mut train = Train::new(&x, &y);
    let weights = [1.0, 1.0, 1.0, 0.0];
    train.weights = Some(&weights);
    assert_eq!(train.fit(&bins().min_samples_leaf(1))?.edges("x0")?, [2.5]);
    assert_eq!(train.fit(&bins().min_samples_leaf(2))?.edges("x0")?, none);
    // Beside a heavy row, two light ones are two, whatever sums round to.
    let (x, y) = (column(vec![1.0, 2.0, 3.0, 4.0, 5.0]), Values::from(vec![0.0, 0.0, 0.0, 1.0, 1.0]));
    let mut train = Train::new(&x, &y);
    let weights = [1e6, 1.0, 1.0, 1.0, 1.0];
    train.weights = Some(&weights);
    assert_eq!(train.fit(&bins().max_leaf_nodes(2).min_samples_leaf(2))?.edges("x0")?, [3.5]);
    Ok(())
}

#[test]
fn missing_cells_are_a_bin_or_stay_missing() -> Result<()> {
    let x = Matrix::from(array![[1.0, 5.0], [f64::NAN, 5.0], [3.0, 5.0], [4.0, 5.0]]);
    let y = Values::from(vec![0.0, 7.0, 1.0, 1.0]);
    let own = bins().min_samples_leaf(1).fit(&x, &y)?;
    assert_eq!(own.transform(&x)?.dense()?, array![[0.0, 0.0], [2.0, 0.0], [1.0, 0.0], [1.0, 0.0]]);
    let kinds: Vec<_> = own.transform(&x)?.features().iter().map(|feature| feature.kind).collect();
    let categories = |n_categories| perennial_core::FeatureKind::Categorical { n_categories };
    assert_eq!(kinds, [categories(3), categories(2)]);
    assert_eq!(own.decided()[0].what, "2 bins with edges 2, and one of missing cells");
    let stay = bins().min_samples_leaf(1).missing_bin(false).ordered(true).fit(&x, &y)?;
    assert!(stay.transform(&x)?.dense()?[[1, 0]].is_nan());
    assert_eq!(from_bytes::<KBinsModel>(&to_bytes(&own)?)?, own);
    let error = |settings: TreeDiscretizer| settings.fit(&x, &y).unwrap_err().to_string();
    assert!(error(bins().max_leaf_nodes(1)).contains("`max_leaf_nodes`"));
    assert!(error(bins().min_samples_leaf(0)).contains("`min_samples_leaf`"));
    Ok(())
}
