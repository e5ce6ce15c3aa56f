//! Boosting that ranks.

use ndarray::Array2;
use perennial_core::{Matrix, Predictor, Result, Train, Values};
use perennial_models::GradientBoostingRanker;
use perennial_models::boosting::Watch;
use perennial_numeric::random::Random;

/// Relevance 0 to 3 by two of five columns, with noise; rows of a query do not lie together.
fn queries(n_rows: usize, seed: u64) -> (Matrix, Values, Vec<u32>) {
    let mut random = Random::new(seed);
    let x = Array2::from_shape_fn((n_rows, 5), |_| random.normal());
    let grade = |row: usize| {
        let merit = x[[row, 0]] + 0.5 * x[[row, 1]] + 0.5 * random.normal();
        (merit + 1.5).clamp(0.0, 3.0).floor()
    };
    let y: Values = (0..n_rows).map(grade).collect();
    let groups = (0..n_rows as u32).map(|row| row % (n_rows as u32 / 20)).collect();
    (Matrix::from(x), y, groups)
}

#[test]
fn it_stops_where_the_ranking_of_watched_queries_is_best() -> Result<()> {
    let (x, y, groups) = queries(2000, 1);
    let (watched_x, watched_y, watched_groups) = queries(1000, 2);
    let settings = GradientBoostingRanker::new().n_trees(300).patience(10).watch([Watch::Ndcg { at: 5 }]);
    let train = || Train::new(&x, &y).groups(&groups).validation(&watched_x, &watched_y);
    let model = train().validation_groups(&watched_groups).fit(&settings)?;
    let booster = model.booster();
    let ndcg = &booster.history()[0];
    assert_eq!(ndcg.metric, "ndcg_at_5");
    let best = ndcg.values.iter().copied().fold(0.0, f64::max);
    assert!(booster.n_rounds() < 300, "{}", booster.n_rounds());
    assert_eq!(ndcg.values[booster.best_round().unwrap() - 1], best);
    // Ten random orders of twenty grades have about 0.55.
    assert!(best > 0.75, "{best}");
    assert_eq!(model.predict(&watched_x)?.as_slice().len(), 1000);

    let error = train().fit(&settings).unwrap_err();
    assert!(error.to_string().contains("validation_groups"), "{error}");
    Ok(())
}
