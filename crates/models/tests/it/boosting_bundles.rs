//! Bundles of columns that exclude each other change nothing but the time.

use ndarray::Array2;
use perennial_core::{Classes, Csr, Estimator, Matrix, Result, Train, Values};
use perennial_models::boosting::{Booster, Growth, Mode, RegressionLoss, RowSampling};
use perennial_models::{GradientBoostingClassifier, GradientBoostingRegressor};
use perennial_numeric::random::Random;

use crate::boosting::{signs, with_categories};

/// Columns of categories one by one, in random order among others; some say the same as others, so that their splits gain
/// the same and only the order of columns decides.
fn mixed(n_rows: usize, random: &mut Random) -> (Array2<f64>, Values) {
    let mut columns: Vec<Vec<f64>> = Vec::new();
    let mut y = vec![0.0; n_rows];
    for n in [3, 7, 12] {
        let category: Vec<usize> = (0..n_rows).map(|_| random.below(n).min(random.below(n))).collect();
        for one in 0..n {
            let is_one = |row: usize| f64::from(u8::from(category[row] == one));
            columns.push((0..n_rows).map(is_one).collect());
            // A word that is missing where it would be, one with counts, and a full column with the same cut.
            match one {
                0 => columns.push((0..n_rows).map(|row| 1.0 - is_one(row)).collect()),
                1 => columns
                    .push((0..n_rows).map(|row| if is_one(row) == 1.0 { f64::NAN } else { 2.0 }).collect()),
                2 => columns.push((0..n_rows).map(|row| is_one(row) * (row % 5) as f64).collect()),
                3 => columns.push(
                    (0..n_rows).map(|row| 100.0 * is_one(row) + (row * 37 % 101) as f64 / 10.0).collect(),
                ),
                _ => {}
            }
            let effect = random.normal();
            (0..n_rows).for_each(|row| y[row] += effect * is_one(row));
        }
    }
    for _ in 0..3 {
        columns.push((0..n_rows).map(|_| random.normal()).collect());
    }
    let order = random.sample(columns.len(), columns.len());
    let x = Array2::from_shape_fn((n_rows, columns.len()), |(row, column)| columns[order[column]][row]);
    let y = (0..n_rows)
        .map(|row| y[row] + 0.1 * random.normal() + f64::from(u8::from(x[[row, 0]] > 0.5)))
        .collect();
    (x, y)
}

fn regressor() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().n_trees(12).max_leaves(15).min_samples_leaf(5)
}

/// The trees with and without bundles, to the bit.
fn check(settings: &GradientBoostingRegressor, train: &Train<'_, Matrix, Values>, what: &str) -> Result<()> {
    let with = train.fit(settings)?;
    let without = train.fit(&settings.clone().enable_bundle(false))?;
    assert_eq!(bits(with.booster()), bits(without.booster()), "{what}");
    assert!(with.booster().trees().iter().any(|tree| tree.n_leaves() > 4), "{what}");
    Ok(())
}

fn bits(booster: &Booster) -> String {
    serde_json::to_string(booster).unwrap()
}

#[test]
fn trees_with_bundles_are_those_without() -> Result<()> {
    let mut random = Random::new(91);
    let (cells, y) = mixed(1500, &mut random);
    let x = Matrix::from(cells);
    let weights: Vec<f64> = (0..1500).map(|row| [0.0, 1.0, 0.3, 2.5][row % 4]).collect();
    let plain = Train::new(&x, &y);
    let weighted = Train::new(&x, &y).weights(&weights);
    check(&regressor(), &plain, "plain")?;
    check(&regressor(), &weighted, "weights")?;
    check(&regressor().loss(RegressionLoss::AbsoluteError), &weighted, "absolute")?;
    check(&regressor().columns_by_tree(0.4), &plain, "columns by tree")?;
    check(&regressor().columns_by_level(0.5).columns_by_node(0.5), &plain, "columns by node")?;
    let goss = RowSampling::Gradient { top: 0.2, rest: 0.2 };
    check(&regressor().row_sampling(goss), &weighted, "largest gradients")?;
    check(&regressor().row_sampling(RowSampling::Fraction(0.5)), &plain, "some rows")?;
    check(&regressor().extra_trees(true), &plain, "random cuts")?;
    check(&regressor().l1(0.1).path_smoothing(2.0).max_delta_step(0.5), &plain, "penalties")?;
    check(&regressor().growth(Growth::DepthWise).max_depth(4), &plain, "depth-wise")?;
    check(&regressor().max_leaves(31).growth(Growth::Symmetric).max_depth(4), &plain, "symmetric")?;
    check(&regressor().mode(Mode::Forest).columns_by_node(0.5), &plain, "forest")?;
    check(&regressor().interaction((0..24).map(|column| format!("x{column}"))), &plain, "sets of columns")?;
    check(&regressor().offset("x0"), &Train::new(&filled(&x), &y), "offset")?;
    check(&regressor().monotone("x3", perennial_models::boosting::Monotone::Increasing), &plain, "monotone")
}

/// Without missing values.
fn filled(x: &Matrix) -> Matrix {
    Matrix::from(x.dense().unwrap().mapv(|value| if value.is_nan() { 9.0 } else { value }))
}

#[test]
fn trees_of_classes_and_categories_with_bundles_are_those_without() -> Result<()> {
    let mut random = Random::new(92);
    let (mut cells, y) = mixed(1200, &mut random);
    let mut y = y.into_vec();
    // Categories of which one is usual, and of rows that have none of the others.
    for (row, mut cells) in cells.rows_mut().into_iter().enumerate() {
        let category = if row % 10 < 6 { 0 } else { 1 + random.below(8) };
        y[row] += (category % 3) as f64;
        cells[4] = if row % 97 == 0 { f64::NAN } else { category as f64 };
        cells[11] = if row % 10 < 6 { (row % 6) as f64 } else { 7.0 };
    }
    let (x, y) = (with_categories(cells, &[4, 11], 9), Values::from(y));
    let settings = || GradientBoostingClassifier::new().n_trees(8).max_leaves(20);
    let three = Classes::from_labels(
        y.as_slice().iter().map(|&y| if y < 0.0 { 0_u8 } else { 1 + u8::from(y > 1.0) }),
    );
    // Many rows of a leaf: its rows are counted, as second derivatives do not count them.
    for (classes, least) in [(signs(&y), 1), (signs(&y), 40), (three, 25)] {
        let fit = |on: bool| settings().min_samples_leaf(least).enable_bundle(on).fit(&x, &classes);
        let (with, without) = (fit(true)?, fit(false)?);
        assert_eq!(bits(with.booster()), bits(without.booster()), "{least} rows of a leaf");
        let asks = |column: usize| {
            with.booster()
                .trees()
                .iter()
                .any(|tree| (0..tree.n_nodes()).any(|n| tree.feature(n) == Some(column)))
        };
        assert!(asks(4) || asks(11));
    }
    for (one_hot, name) in [(1, "in order"), (9, "one against the rest")] {
        let settings = regressor().max_cat_to_onehot(one_hot).category_smoothing(1.0);
        check(&settings, &Train::new(&x, &y), name)?;
    }
    Ok(())
}

#[test]
fn sparse_rows_and_threads_do_not_matter() -> Result<()> {
    // 5 places of a text, each with one of 12 words; enough rows that they are shared among threads.
    let (n_rows, n_places, n_words) = (40_000, 5, 12);
    let mut random = Random::new(93);
    let (mut columns, mut values, mut y) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..n_rows {
        let mut sum = random.normal();
        for place in 0..n_places {
            let word = random.below(n_words).min(random.below(n_words));
            columns.push((place * n_words + word) as u32);
            values.push(1.0);
            sum += ((word * (place + 3)) % 7) as f64;
        }
        y.push(sum);
    }
    let starts = (0..=n_rows).map(|row| row * n_places).collect();
    let x = Matrix::from(Csr::new(n_places * n_words, starts, columns, values)?);
    let (y, settings) = (Values::from(y), regressor().n_trees(4));
    check(&settings, &Train::new(&x, &y), "sparse")?;
    let fit = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| settings.fit(&x, &y))
    };
    let one = bits(fit(1)?.booster());
    for n_threads in [2, 3, 4] {
        assert_eq!(bits(fit(n_threads)?.booster()), one, "{n_threads} threads");
    }
    Ok(())
}
