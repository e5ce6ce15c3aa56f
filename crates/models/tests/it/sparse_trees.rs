//! Fitted trees take sparse rows wherever they take dense ones, and say the same bits.

use perennial_core::{
    Classes, Classifier, Csr, ErrorKind, Estimator, Explainer, Matrix, Predictor, Result, Rows, Train, Values,
};
use perennial_models::boosting::Mode;
use perennial_models::shap::{Cover, TreeShap};
use perennial_models::{
    DecisionTreeClassifier, DecisionTreeRegressor, GradientBoostingClassifier, GradientBoostingRegressor,
    QuantileForestRegressor, RandomForestClassifier, RandomForestRegressor,
};
use perennial_numeric::random::Random;

/// Rows of which a few cells are stored, some of them as 0 and some as missing; column 2 is never missing.
pub(crate) fn sparse(n_rows: usize, n_cols: usize, share: f64, random: &mut Random) -> Matrix {
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for _ in 0..n_rows {
        for column in 0..n_cols as u32 {
            if random.uniform() < share {
                columns.push(column);
                let odd = if column == 2 { 0.5 } else { f64::NAN };
                values.push([odd, 0.0, -1.0, 2.0, random.normal()][random.below(5)]);
            }
        }
        starts.push(columns.len());
    }
    Matrix::from(Csr::new(n_cols, starts, columns, values).unwrap())
}

/// Two matrices of the same numbers, a sparse and a dense one.
fn twice(x: Matrix) -> (Matrix, Matrix) {
    let dense = x.to_dense().unwrap();
    (x, dense)
}

fn targets(dense: &Matrix) -> Values {
    let rows = dense.dense().unwrap().rows().into_iter();
    rows.map(|row| row.iter().take(5).filter(|value| value.is_nan() || **value > 0.4).count() as f64)
        .collect()
}

fn classes(y: &Values) -> Classes {
    Classes::from_labels(y.as_slice().iter().map(|&value| (value as u32).min(2)))
}

/// Rows to learn from, their targets, rows to ask, in another order of columns, and a background.
struct Example {
    x: (Matrix, Matrix),
    y: Values,
    asked: (Matrix, Matrix),
    background: (Matrix, Matrix),
}

fn example(share: f64) -> Example {
    let mut random = Random::new(77);
    let x = twice(sparse(600, 12, share, &mut random));
    let y = targets(&x.1);
    let turned: Vec<usize> = (0..12).rev().collect();
    let asked = twice(sparse(300, 12, share, &mut random).select(&turned).unwrap());
    let background = twice(sparse(20, 12, share, &mut random));
    assert!(asked.0.sparse().is_some() && asked.0.features().name(0) == "x11");
    Example { x, y, asked, background }
}

macro_rules! same_explanations {
    ($model:expr, $example:expr) => {{
        let (model, Example { asked: (sparse, dense), background, .. }) = (&$model, &$example);
        let explained = model.contributions(dense)?;
        assert!(explained.values()[0].iter().any(|value| *value != 0.0));
        assert_eq!(model.contributions(sparse)?, explained);
        assert_eq!(model.explain(sparse)?, explained);
        assert_eq!(model.interactions(sparse)?, model.interactions(dense)?);
        let against = model.interventional(dense, &background.1)?;
        assert_eq!(model.interventional(sparse, &background.0)?, against);
        assert_eq!(model.interventional(dense, &background.0)?, against);
        assert_ne!(against, explained);
    }};
}

#[test]
fn boosters_say_the_same_of_sparse_rows() -> Result<()> {
    let example = example(0.3);
    let Example { x, y, asked: (sparse, dense), .. } = &example;
    for mode in [Mode::Gradient, Mode::Forest] {
        let settings = GradientBoostingRegressor::new()
            .n_trees(6)
            .max_leaves(9)
            .offset("x2")
            .mode(mode)
            .columns_by_tree(0.8);
        let model = settings.fit(&x.1, y)?;
        assert_eq!(model, settings.fit(&x.0, y)?);
        same_explanations!(model, example);
        assert_eq!(model.predict(sparse)?, model.predict(dense)?);
        assert_eq!(model.staged_predict(sparse)?, model.staged_predict(dense)?);
        assert_eq!(model.booster().leaves(sparse)?, model.booster().leaves(dense)?);
        if mode == Mode::Gradient {
            let new: Values = (0..300).map(|row| f64::from(row % 7)).collect();
            let weights: Vec<f64> = (0..300).map(|row| f64::from(row % 3)).collect();
            let moved = |x: &Matrix| settings.refit(&model, &Train::new(x, &new).weights(&weights), 0.25);
            assert_eq!(moved(sparse)?, moved(dense)?);
            assert_ne!(moved(sparse)?, model);
        }
    }
    let settings = GradientBoostingClassifier::new().n_trees(4).max_leaves(7);
    let y = classes(y);
    let model = settings.fit(&x.0, &y)?;
    assert_eq!(model.booster().ensemble().n_outputs(), 3);
    same_explanations!(model, example);
    assert_eq!(model.staged_predict_proba(sparse)?, model.staged_predict_proba(dense)?);
    let other = model.to_tree_model()?;
    same_explanations!(other, example);
    assert_eq!(other.predict(sparse)?, other.predict(dense)?);
    assert_eq!(other.leaves(sparse)?, other.leaves(dense)?);
    Ok(())
}

#[test]
fn trees_and_forests_say_the_same_of_sparse_rows() -> Result<()> {
    let example = example(0.3);
    let Example { x: (_, x), y, asked: (sparse, dense), .. } = &example;
    let classes = classes(y);
    let tree = DecisionTreeRegressor::new().max_depth(5).fit(x, y)?;
    same_explanations!(tree, example);
    assert_eq!(tree.predict(sparse)?, tree.predict(dense)?);
    let forest = RandomForestRegressor::new().n_trees(4).max_depth(4).fit(x, y)?;
    same_explanations!(forest, example);
    assert_eq!(forest.predict(sparse)?, forest.predict(dense)?);
    let tree = DecisionTreeClassifier::new().max_depth(5).fit(x, &classes)?;
    same_explanations!(tree, example);
    assert_eq!(tree.predict(sparse)?, tree.predict(dense)?);
    assert_eq!(tree.predict_proba(sparse)?, tree.predict_proba(dense)?);
    let forest = RandomForestClassifier::new().n_trees(4).max_depth(4).fit(x, &classes)?;
    same_explanations!(forest, example);
    assert_eq!(forest.predict_proba(sparse)?, forest.predict_proba(dense)?);
    let forest = QuantileForestRegressor::new().n_trees(4).fit(x, y)?;
    let of = |x: &Matrix| forest.predict_quantiles(x, &[0.1, 0.5]);
    assert_eq!(of(sparse)?, of(dense)?);
    Ok(())
}

/// As many rows as several tasks take, and together far more cells than may be written out.
#[test]
fn wide_sparse_rows_are_walked_a_few_at_a_time() -> Result<()> {
    let (n_rows, n_cols) = (40_000, 1 << 16);
    let mut random = Random::new(78);
    let columns: Vec<u32> = (0..n_rows).map(|_| random.below(4) as u32 * 16_000).collect();
    let y: Values = columns.iter().map(|&column| f64::from(column / 16_000)).collect();
    let x = Matrix::from(Csr::new(n_cols, (0..=n_rows).collect(), columns.clone(), vec![1.0; n_rows])?);
    assert!(x.to_dense().is_err());
    let some: Vec<usize> = (0..200).collect();
    let settings = GradientBoostingRegressor::new().n_trees(5).max_leaves(4).learning_rate(1.0);
    let model = settings.fit(&x.take(&some)?, &y.take(&some)?)?;
    let staged = model.staged_predict(&x)?;
    assert_eq!(staged.len(), model.booster().n_rounds());
    assert_eq!(staged.last(), Some(&model.predict(&x)?));
    let few = x.take(&[7, 8, 9, 10, 11])?;
    let (explained, dense) = (model.contributions(&few)?, few.to_dense()?);
    assert_eq!(explained, model.contributions(&dense)?);
    assert_eq!(model.interventional(&few, &few)?, model.interventional(&dense, &dense)?);
    // Rows of the same column reach the same leaf, and others another: a cell of one row is not left for the next.
    let leaves = model.booster().leaves(&x)?;
    let first = |column: u32| columns.iter().position(|&other| other == column).unwrap();
    for (row, &column) in columns.iter().enumerate() {
        assert_eq!(leaves.row(row), leaves.row(first(column)), "row {row}");
    }
    let distinct: std::collections::BTreeSet<u32> = leaves.column(0).iter().copied().collect();
    assert_eq!(distinct.len(), 4);
    assert_eq!(settings.refit(&model, &Train::new(&x, &y), 1.0)?.booster().trees(), model.booster().trees());
    // What would not fit into memory is refused before there is any of it.
    for error in [
        model.contributions(&x).unwrap_err(),
        model.interactions(&x).unwrap_err(),
        model.interventional(&x, &x).unwrap_err(),
    ] {
        assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error:?}");
        assert!(error.to_string().contains("explain fewer rows"), "{error}");
    }
    Ok(())
}

#[test]
fn trees_without_a_model_explain_sparse_rows() -> Result<()> {
    let example = example(0.2);
    let Example { x: (sparse, dense), y, .. } = &example;
    let model = GradientBoostingRegressor::new().n_trees(3).fit(dense, y)?;
    let shap = TreeShap::of_ensemble(model.booster().ensemble(), Cover::Weight)?;
    assert_eq!(shap.explain(sparse)?, shap.contributions(dense.dense()?)?);
    Ok(())
}
