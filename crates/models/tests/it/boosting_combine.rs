//! Parts of boosters, several as one, tables of nodes, and sparse rows.

use perennial_core::{
    Csr, Estimator, FitTransform, Matrix, NoTarget, Predictor, Result, Rows, Train, Values,
};
use perennial_models::boosting::{Booster, Mode, RegressionLoss, RowSampling};
use perennial_models::interchange::TreeModel;
use perennial_models::{Binner, GradientBoostingClassifier, GradientBoostingRegressor};
use perennial_numeric::random::Random;

use crate::boosting::{data, differences, signs, with_categories};

fn regressor() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().n_trees(8).max_leaves(6)
}

/// The scores of some rounds, added up row by row.
fn by_hand(booster: &Booster, x: &Matrix, rounds: std::ops::Range<usize>, factor: f64) -> Values {
    let rows = x.dense().unwrap().rows();
    let score = |row: ndarray::ArrayView1<'_, f64>| {
        let trees = booster.trees()[rounds.clone()].iter();
        let sum: f64 = trees.map(|tree| tree.value(tree.leaf(row.as_slice().unwrap()))[0]).sum();
        booster.ensemble().base()[0] + factor * sum
    };
    rows.into_iter().map(score).collect()
}

#[test]
fn rounds_can_be_taken_out() -> Result<()> {
    let (x, y) = data(300, 3, 310);
    let model = Train::new(&x, &y).validation(&x, &y).fit(&regressor())?;
    let part = model.clone().slice(2..5)?;
    assert!(differences(&part.predict(&x)?, &by_hand(model.booster(), &x, 2..5, 1.0)) < 1e-12);
    assert!(part.booster().history().is_empty() && part.booster().n_rounds() == 3);
    assert_eq!(model.clone().slice(0..3)?, model.clone().truncated(3));
    assert_eq!(model.clone().slice(8..8)?.predict(&x)?.as_slice()[0], model.booster().ensemble().base()[0]);
    for rounds in [3..9, std::ops::Range { start: 5, end: 4 }] {
        assert!(model.clone().slice(rounds).unwrap_err().to_string().contains("8 of the model"));
    }
    let forest = regressor().mode(Mode::Forest).row_sampling(RowSampling::Fraction(0.5)).fit(&x, &y)?;
    let part = forest.clone().slice(3..5)?;
    assert!(differences(&part.predict(&x)?, &by_hand(forest.booster(), &x, 3..5, 4.0)) < 1e-12);
    Ok(())
}

#[test]
fn models_are_averaged_by_weight() -> Result<()> {
    let (x, y) = data(300, 3, 311);
    let parts = [
        regressor().seed(1),
        regressor().n_trees(3).learning_rate(0.5),
        regressor().mode(Mode::Forest).columns_by_node(0.5),
    ];
    let models = parts.iter().map(|settings| settings.fit(&x, &y)).collect::<Result<Vec<_>>>()?;
    let weights = [1.0, 2.0, 5.0];
    let weighted: Vec<_> = models.iter().zip(weights).collect();
    let mean = perennial_models::boosting::GradientBoostingRegressorModel::averaged(&weighted)?;
    let answers = models.iter().map(|model| model.predict(&x)).collect::<Result<Vec<Values>>>()?;
    let expected: Values = (0..300)
        .map(|row| {
            answers
                .iter()
                .zip(weights)
                .map(|(answers, weight)| weight / 8.0 * answers.as_slice()[row])
                .sum::<f64>()
        })
        .collect();
    assert!(differences(&mean.predict(&x)?, &expected) < 1e-12);
    assert_eq!(mean.booster().n_rounds(), 19);
    let written = TreeModel::from_lightgbm(&mean.to_tree_model()?.to_lightgbm()?)?.predict(&x)?;
    assert!(differences(&written.values().iter().copied().collect(), &expected) < 1e-9);
    // Each round of an average counts for itself, and its leaves stay.
    assert!(differences(&mean.clone().truncated(19).predict(&x)?, &expected) < 1e-12);
    assert!(regressor().refit(&mean, &Train::new(&x, &y), 0.5).is_err());
    assert_eq!(regressor().fit_from(&mean, &Train::new(&x, &y))?.booster().n_rounds(), 27);

    // What splits gained counts by weight, and what has none is left out.
    let gains = |of: &dyn Fn(usize) -> f64| {
        let mut total = vec![0.0; 3];
        for (model, fitted) in models.iter().enumerate() {
            for tree in fitted.booster().trees() {
                let asked = (0..tree.n_nodes()).filter_map(|node| Some((tree.feature(node)?, node)));
                asked.for_each(|(column, node)| total[column] += of(model) * tree.gain(node));
            }
        }
        let sum: f64 = total.iter().sum();
        total.into_iter().map(|gain| gain / sum).collect::<Values>()
    };
    let of_mean: Values = mean.booster().feature_importances().into_iter().collect();
    assert!(differences(&of_mean, &gains(&|model| weights[model])) < 1e-12);
    assert!(differences(&of_mean, &gains(&|_| 1.0)) > 1e-3);
    let parts = [(&models[0], 0.0), (&models[1], 3.0)];
    let alone = perennial_models::boosting::GradientBoostingRegressorModel::averaged(&parts)?;
    assert_eq!(alone.booster().trees(), models[1].booster().trees());

    let refused = |parts: &[(&_, f64)], word: &str| {
        let error = perennial_models::boosting::GradientBoostingRegressorModel::averaged(parts)
            .unwrap_err()
            .to_string();
        assert!(error.contains(word), "{error}");
    };
    refused(&[], "no models");
    refused(&[(&models[0], 0.0), (&models[1], 0.0)], "`weights`");
    refused(&[(&models[0], -1.0), (&models[1], 2.0)], "`weights`");
    refused(&[(&models[0], 1.0), (&regressor().fit(&x.select(&[0, 1])?, &y)?, 1.0)], "other columns");
    refused(
        &[(&models[0], 1.0), (&regressor().loss(RegressionLoss::AbsoluteError).fit(&x, &y)?, 1.0)],
        "losses",
    );
    Ok(())
}

#[test]
fn models_with_other_margins_are_averaged() -> Result<()> {
    let (x, y) = data(300, 3, 314);
    let classes = signs(&y);
    let settings = GradientBoostingClassifier::new().n_trees(3).ldam(1.0);
    let rows: Vec<usize> = (0..250).collect();
    let models = [settings.fit(&x, &classes)?, settings.fit(&x.take(&rows)?, &classes.take(&rows)?)?];
    assert_ne!(models[0].loss(), models[1].loss());
    let parts = [(&models[0], 1.0), (&models[1], 1.0)];
    let mean = perennial_models::boosting::GradientBoostingClassifierModel::averaged(&parts)?;
    assert_eq!((mean.loss(), mean.booster().n_rounds()), (models[0].loss(), 6));
    let other = GradientBoostingClassifier::new().n_trees(3).fit(&x, &classes)?;
    let parts = [(&models[0], 1.0), (&other, 1.0)];
    assert!(perennial_models::boosting::GradientBoostingClassifierModel::averaged(&parts).is_err());
    Ok(())
}

#[test]
fn nodes_are_a_table() -> Result<()> {
    let (x, y) = data(400, 3, 312);
    let mut x = x.dense()?.to_owned();
    x.column_mut(1).mapv_inplace(|value| (value * 2.0).round().rem_euclid(7.0));
    let x = with_categories(x, &[1], 7);
    let odd = |row: usize| f64::from(u8::from([1.0, 2.0, 6.0].contains(&x.dense().unwrap()[[row, 1]])));
    let y: Values = (0..400).map(|row| y.as_slice()[row] + 3.0 * odd(row) - 1.0).collect();
    let model = GradientBoostingClassifier::new().n_trees(4).max_leaves(7).fit(&x, &signs(&y))?;
    let booster = model.booster();
    let nodes = booster.nodes();
    assert_eq!(nodes.len(), booster.trees().iter().map(|tree| tree.n_nodes()).sum::<usize>());
    assert!(nodes.iter().any(|node| node.categories.is_some()));
    let reached = booster.leaves(&x)?;
    assert_eq!(reached.dim(), (400, 4));
    let columns = ["x0", "x1", "x2"];
    for (row, values) in x.dense()?.rows().into_iter().enumerate() {
        for tree in 0..4 {
            // A walk by the table alone ends where the tree says.
            let mut at = nodes.iter().find(|node| node.tree == tree).unwrap();
            assert!(at.parent.is_none() && at.n_rows == 400);
            while let Some((left, right)) = at.children {
                let value =
                    values[columns.iter().position(|name| at.feature.as_deref() == Some(name)).unwrap()];
                let goes_left = match (&at.threshold, &at.categories) {
                    (Some(threshold), None) => value <= *threshold,
                    (None, Some(set)) => set.contains(&(value as u32)),
                    _ => panic!("{at:?}"),
                };
                let next = if goes_left { left } else { right };
                let below = nodes.iter().find(|node| node.tree == tree && node.node == next).unwrap();
                assert_eq!((below.parent, below.depth), (Some(at.node), at.depth + 1));
                assert!(at.gain > 0.0);
                at = below;
            }
            assert_eq!(at.node, reached[[row, tree]] as usize);
            assert_eq!((at.feature.as_ref(), at.missing_left, at.gain), (None, None, 0.0));
        }
    }
    let written = model.to_tree_model()?;
    assert_eq!(written.nodes(), nodes);
    Ok(())
}

#[test]
fn sparse_rows_give_the_bits_of_dense_ones() -> Result<()> {
    let mut random = Random::new(313);
    let (n_rows, n_cols) = (3000, 400);
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for _ in 0..n_rows {
        for column in 0..n_cols as u32 {
            if random.uniform() < 0.02 {
                columns.push(column);
                // Zeros may be stored, values may be missing.
                values.push([f64::NAN, 0.0, -1.0, 2.0, random.normal()][random.below(5)]);
            }
        }
        starts.push(columns.len());
    }
    let sparse = Matrix::from(Csr::new(n_cols, starts, columns, values)?);
    let dense = sparse.to_dense()?;
    let y: Values = dense
        .dense()?
        .rows()
        .into_iter()
        .map(|row| row.iter().filter(|value| **value > 0.5).count() as f64)
        .collect();
    let weights: Vec<f64> = (0..n_rows).map(|row| (row % 3) as f64).collect();
    let binned = |x: &Matrix| Binner::new().max_bins(6).fit_transform_on(&Train::new(x, &NoTarget));
    assert_eq!(binned(&sparse)?.1, binned(&dense)?.1);
    let settings = regressor().n_trees(3).offset("x7");
    let filled = |x: &Matrix| -> Result<Matrix> {
        // An offset may not be missing.
        let keep: Vec<usize> =
            (0..n_rows).filter(|&row| !dense.dense().unwrap()[[row, 7]].is_nan()).collect();
        x.take(&keep)
    };
    let (sparse, dense) = (filled(&sparse)?, filled(&dense)?);
    let n_rows = dense.n_rows();
    let y: Values = y.as_slice()[..n_rows].iter().copied().collect();
    let fit = |x: &Matrix| Train::new(x, &y).weights(&weights[..n_rows]).validation(x, &y).fit(&settings);
    let (one, other) = (fit(&sparse)?, fit(&dense)?);
    assert_eq!(one, other);
    assert_eq!(one.predict(&sparse)?, one.predict(&dense)?);
    let go_on = |x: &Matrix| settings.clone().patience(None).fit_from(&one, &Train::new(x, &y));
    assert_eq!(go_on(&sparse)?, go_on(&dense)?);
    Ok(())
}

#[test]
fn wide_sparse_rows_are_learned_and_predicted() -> Result<()> {
    // Most columns are empty; two sets of columns would be a set for each of the rest.
    let (n_rows, n_cols) = (100, 1 << 14);
    let mut random = Random::new(315);
    let columns: Vec<u32> = (0..n_rows).map(|_| [5, 77, 16_000][random.below(3)]).collect();
    let y: Values = columns.iter().map(|&column| if column == 77 { 1.0 } else { 0.0 }).collect();
    let csr = Csr::new(n_cols, (0..=n_rows).collect(), columns, vec![2.0; n_rows])?;
    let sparse = Matrix::from(csr);
    let dense = sparse.to_dense()?;
    let settings = GradientBoostingRegressor::new().n_trees(3).interaction(["x5", "x77"]);
    let model = settings.fit(&sparse, &y)?;
    assert_eq!(model, settings.fit(&dense, &y)?);
    assert!(model.booster().trees().iter().all(|tree| tree.feature(0) == Some(77)));
    assert_eq!(model.predict(&sparse)?, model.predict(&dense)?);
    let constant = model.clone().truncated(0);
    assert_eq!(constant.predict(&sparse)?, constant.predict(&dense)?);
    Ok(())
}

#[test]
fn a_sparse_matrix_of_too_many_bins_is_refused() {
    let wide = Matrix::from(Csr::new((1 << 24) + 1, vec![0, 0], Vec::new(), Vec::new()).unwrap());
    let error = regressor().fit(&wide, &[1.0].into_iter().collect()).unwrap_err();
    assert!(matches!(error.kind(), perennial_core::ErrorKind::TooLarge { .. }), "{error:?}");
    // A few columns, but rows without end.
    let n_rows = (1 << 20) + 1;
    let csr = Csr::new(1 << 14, vec![0; n_rows + 1], Vec::new(), Vec::new()).unwrap();
    let error = Binner::new().fit(&Matrix::from(csr), &NoTarget).unwrap_err().to_string();
    assert!(error.contains("bins"), "{error}");
}

/// What a node says of a row once splits of little gain are gone, by the definition: the mean, by weight, of what was said below.
fn said(tree: &perennial_models::tree::Tree, node: usize, row: &[f64], min_gain: f64) -> (f64, bool) {
    let Some((left, right)) = tree.children(node) else { return (tree.value(node)[0], false) };
    let keeps = |node| {
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            let Some((left, right)) = tree.children(node) else { continue };
            if tree.gain(node) >= min_gain {
                return true;
            }
            waiting.extend([left, right]);
        }
        false
    };
    if keeps(node) {
        let goes_left = tree.goes_left(node, row[tree.feature(node).unwrap()]);
        return (said(tree, if goes_left { left } else { right }, row, min_gain).0, true);
    }
    let (a, b) = (said(tree, left, row, min_gain).0, said(tree, right, row, min_gain).0);
    let (of_a, of_b) = (tree.weight(left), tree.weight(right));
    ((a * of_a + b * of_b) / (of_a + of_b), false)
}

#[test]
fn splits_that_gained_little_are_cut_off() -> Result<()> {
    let (x, y) = data(600, 3, 121);
    let mut cells = x.dense()?.to_owned();
    cells.column_mut(2).mapv_inplace(|value| (value.abs() * 4.0).floor());
    let x = crate::boosting::with_categories(cells, &[2], 20);
    let model = regressor().n_trees(12).fit(&x, &y)?;
    let mut gains: Vec<f64> =
        model.booster().nodes().iter().map(|node| node.gain).filter(|&gain| gain > 0.0).collect();
    gains.sort_by(f64::total_cmp);
    for min_gain in [gains[gains.len() / 2], gains[gains.len() * 9 / 10], gains[gains.len() - 1]] {
        let pruned = model.clone().pruned(min_gain)?;
        let base = model.booster().ensemble().base()[0];
        let expected: Values = x
            .dense()?
            .rows()
            .into_iter()
            .map(|row| {
                let row = row.to_vec();
                base + model.booster().trees().iter().map(|tree| said(tree, 0, &row, min_gain).0).sum::<f64>()
            })
            .collect();
        assert!(differences(&pruned.predict(&x)?, &expected) < 1e-12);
        // No leaf hangs from a split that gained less.
        for tree in pruned.booster().trees() {
            let ends = |node: &usize| {
                tree.children(*node)
                    .is_some_and(|(a, b)| tree.children(a).is_none() && tree.children(b).is_none())
            };
            assert!((0..tree.n_nodes()).filter(ends).all(|node| tree.gain(node) >= min_gain));
        }
        let saved = serde_json::to_string(pruned.booster()).unwrap();
        assert_eq!(
            serde_json::from_str::<perennial_models::boosting::Booster>(&saved).unwrap(),
            *pruned.booster()
        );
    }
    assert_eq!(model.clone().pruned(0.0)?.booster().trees(), model.booster().trees());
    let stumps = model.clone().pruned(f64::MAX)?;
    assert!(stumps.booster().trees().iter().all(|tree| tree.n_nodes() == 1));
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(model.clone().pruned(wrong).unwrap_err().to_string().contains("`min_gain`"));
    }
    Ok(())
}
