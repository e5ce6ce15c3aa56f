//! Which rows each tree of boosting learns from, told by the numbers of rows in its nodes.

use ndarray::Array2;
use perennial_core::{Classes, Estimator, Matrix, Predictor, Result, Train, Values};
use perennial_models::boosting::{Booster, BoostingMetric, Mode, RowSampling, Watched};
use perennial_models::{GradientBoostingClassifier, GradientBoostingRanker, GradientBoostingRegressor};
use perennial_numeric::random::Random;

use crate::boosting::{data, free};

/// The rows in the leaves of each tree, from the left to the right.
fn leaves(booster: &Booster) -> Vec<Vec<u64>> {
    let of_tree = |tree: &perennial_models::tree::Tree| {
        let leaves = (0..tree.n_nodes()).filter(|&node| tree.children(node).is_none());
        leaves.map(|node| tree.n_rows(node)).collect()
    };
    booster.trees().iter().map(of_tree).collect()
}

/// A column of 0 and 1, and a target of 0 and 1 by it; one row of ten is 1.
fn bits(n_rows: usize) -> (Matrix, Values, Classes) {
    let bit = |row: usize| f64::from(u8::from(row % 10 == 3));
    let y: Values = (0..n_rows).map(bit).collect();
    let classes = Classes::from_labels((0..n_rows).map(|row| if bit(row) > 0.0 { "yes" } else { "no" }));
    (Matrix::from(Array2::from_shape_fn((n_rows, 1), |(row, _)| bit(row))), y, classes)
}

#[test]
fn rows_stay_for_as_many_rounds_as_told() -> Result<()> {
    let mut random = Random::new(301);
    let x = Array2::from_shape_fn((2000, 1), |_| random.below(2) as f64);
    let y: Values = x.iter().map(|x| x + 0.1 * random.normal()).collect();
    let x = Matrix::from(x);
    let settings = free().learning_rate(0.1).row_sampling(RowSampling::Fraction(0.5)).bagging_freq(3);
    let whole = settings.clone().n_trees(9).fit(&x, &y)?;
    let counts = leaves(whole.booster());
    assert!(counts.chunks(3).all(|same| same[0] == same[1] && same[0] == same[2]), "{counts:?}");
    assert!(counts[0] != counts[3] && counts[3] != counts[6], "{counts:?}");
    assert!(counts.iter().all(|counts| counts.iter().sum::<u64>() == 1000));
    // Going on in the middle of three rounds takes the rows that were drawn for them.
    let part = settings.clone().n_trees(4).fit(&x, &y)?;
    let both = settings.clone().n_trees(5).fit_from(&part, &Train::new(&x, &y))?;
    assert_eq!(both.booster().trees(), whole.booster().trees());
    for other in [
        settings.clone().row_sampling(RowSampling::Gradient { top: 0.2, rest: 0.2 }),
        settings.clone().mode(Mode::Forest),
        settings.clone().row_sampling(RowSampling::All),
        settings.bagging_freq(0),
    ] {
        let error = other.fit(&x, &y).unwrap_err().to_string();
        assert!(error.contains("`bagging_freq`"), "{error}");
    }
    Ok(())
}

#[test]
fn classes_keep_their_shares() -> Result<()> {
    let (x, y, classes) = bits(1000);
    let settings = |sampling| GradientBoostingClassifier::new().n_trees(4).row_sampling(sampling);
    let stratified = settings(RowSampling::Stratified(0.3)).fit(&x, &classes)?;
    assert_eq!(leaves(stratified.booster()), [[270, 30]; 4]);
    let apart = RowSampling::PositiveNegative { positive: 1.0, negative: 0.1 };
    // The second class, "yes", is the positive one.
    assert_eq!(leaves(settings(apart).fit(&x, &classes)?.booster()), [[90, 100]; 4]);
    let numbers = free().n_trees(2).row_sampling(RowSampling::Stratified(0.5)).fit(&x, &y)?;
    assert_eq!(leaves(numbers.booster()), [[450, 50]; 2]);

    let (x, y) = data(100, 2, 302);
    for sampling in [RowSampling::Stratified(0.5), apart] {
        let error = free().row_sampling(sampling).fit(&x, &y).unwrap_err().to_string();
        assert!(error.contains("target"), "{error}");
    }
    let error = settings(RowSampling::PositiveNegative { positive: 0.0, negative: 1.0 })
        .fit(&x, &crate::boosting::signs(&y));
    assert!(error.unwrap_err().to_string().contains("`positive`"));
    Ok(())
}

/// The number of groups that are watched.
#[derive(Clone, Debug)]
struct SeesGroups;

impl BoostingMetric for SeesGroups {
    fn name(&self) -> String {
        "groups".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn value(&self, now: &Watched<'_>) -> Result<f64> {
        Ok(now.labels.by_group().len() as f64)
    }
}

#[test]
fn a_share_of_all_rows_makes_no_forest() -> Result<()> {
    let (x, y) = data(20, 2, 304);
    let forest = |sampling| free().n_trees(2).mode(Mode::Forest).row_sampling(sampling).fit(&x, &y);
    for all in [RowSampling::Fraction(0.99), RowSampling::Gradient { top: 0.5, rest: 0.49 }] {
        let error = forest(all).unwrap_err().to_string();
        assert!(error.contains("alike"), "{error}");
    }
    forest(RowSampling::Fraction(0.9))?;
    Ok(())
}

#[test]
fn groups_are_drawn_as_a_whole() -> Result<()> {
    // Twenty groups of ten rows, which do not stand together; the column is the group.
    let groups: Vec<u32> = (0..200).map(|row| row % 20).collect();
    let x = Matrix::from(Array2::from_shape_fn((200, 1), |(row, _)| f64::from(groups[row])));
    let mut random = Random::new(303);
    let of_group: Vec<f64> = (0..20).map(|_| random.normal()).collect();
    let y: Values = groups.iter().map(|&group| of_group[group as usize]).collect();
    let settings = free().n_trees(3).learning_rate(0.1).row_sampling(RowSampling::Groups(0.5));
    let model = Train::new(&x, &y).groups(&groups).fit(&settings)?;
    assert_eq!(leaves(model.booster()), vec![vec![10_u64; 10]; 3]);
    let error = settings.fit(&x, &y).unwrap_err().to_string();
    assert!(error.contains("`Train::groups`"), "{error}");
    let one = Train::new(&x, &y).groups(&[7; 200]).fit(&settings).unwrap_err().to_string();
    assert!(one.contains("`RowSampling::Groups`"), "{one}");
    // The rows to watch have groups too, which a metric may look at.
    let watching = settings.clone().watch([SeesGroups]);
    let train = Train::new(&x, &y).groups(&groups).validation(&x, &y).validation_groups(&groups);
    let model = train.fit(&watching)?;
    assert_eq!(model.booster().history()[0].values, [20.0; 3]);
    // Others have no use for groups.
    assert!(Train::new(&x, &y).groups(&groups).fit(&GradientBoostingRegressor::new()).is_err());

    let grades: Values = (0..200).map(|row| f64::from(row / 20 % 3)).collect();
    let ranker = GradientBoostingRanker::new().n_trees(3).row_sampling(RowSampling::Groups(0.25));
    let model = Train::new(&x, &grades).groups(&groups).fit(&ranker)?;
    assert!(model.booster().trees().iter().all(|tree| tree.n_rows(0) == 50));
    assert_eq!(model.predict(&x)?.as_slice().len(), 200);
    Ok(())
}
