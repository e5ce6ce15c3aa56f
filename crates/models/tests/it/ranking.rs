//! Boosting that ranks.

use ndarray::Array2;
use perennial_core::{Capabilities, Estimator, Matrix, Predictor, Result, Train, Values};
use perennial_models::GradientBoostingRanker;
use perennial_models::boosting::{GradientBoostingRankerModel, Growth, RankingLoss, RowSampling, Watch};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check};
use serde::{Deserialize, Serialize};

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

/// A ranker of one query whose rows are graded by their target from 0 to 4, so that the kit can ask it what it asks
/// regressors; what is no number stays so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Graded(GradientBoostingRanker);

fn grades(y: &Values) -> Values {
    let grade = |&y: &f64| if y.is_finite() { (y / 2.0 - 3.0).clamp(0.0, 4.0).round() } else { y };
    y.as_slice().iter().map(grade).collect()
}

impl Estimator for Graded {
    type Input = Matrix;
    type Target = Values;
    type Model = GradientBoostingRankerModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<GradientBoostingRankerModel> {
        let (grades, query) = (grades(train.y), vec![0; train.y.as_slice().len()]);
        let mut graded = Train::new(train.x, &grades).groups(&query).context(train.ctx.clone());
        graded.weights = train.weights;
        self.0.fit_on(&graded)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

fn tags() -> Tags {
    const LISTED: &str = "rows compete with all rows of their query, whatever those weigh, as in LightGBM";
    Tags::new()
        .poor_score()
        .most_rows(1500)
        .expect_fail("W01", LISTED)
        .expect_fail("W02", LISTED)
        .expect_fail("R02", "scores are in no unit of the target")
}

check!(ranker, regressor, Graded(GradientBoostingRanker::new().n_trees(20).min_samples_leaf(3)), tags());
check!(
    ranker_of_some_rows,
    regressor,
    Graded(
        GradientBoostingRanker::new()
            .n_trees(20)
            .min_samples_leaf(3)
            .row_sampling(RowSampling::Fraction(0.7))
            .growth(Growth::DepthWise)
    ),
    tags()
);

check!(
    ranker_by_cross_entropy,
    regressor,
    Graded(GradientBoostingRanker::new().n_trees(20).min_samples_leaf(3).loss(RankingLoss::XeNdcg)),
    tags()
);

check!(
    ranker_by_pairs,
    regressor,
    Graded(GradientBoostingRanker::new().n_trees(10).min_samples_leaf(3).loss(RankingLoss::Pairwise)),
    tags().most_rows(300)
);

#[test]
fn cross_entropy_ranks_and_goes_on_with_its_draws() -> Result<()> {
    let (x, y, groups) = queries(1000, 5);
    let (watched_x, watched_y, watched_groups) = queries(500, 6);
    let settings = |n| GradientBoostingRanker::new().n_trees(n).patience(None).loss(RankingLoss::XeNdcg);
    let train = || {
        let train = Train::new(&x, &y).groups(&groups).validation(&watched_x, &watched_y);
        train.validation_groups(&watched_groups)
    };
    let model = train().fit(&settings(30).watch([Watch::Ndcg { at: 5 }]))?;
    let best = model.booster().history()[0].values.iter().copied().fold(0.0, f64::max);
    assert!(best > 0.75, "{best}");
    let whole = train().fit(&settings(30))?;
    let both = settings(20).fit_from(&train().fit(&settings(10))?, &train())?;
    assert_eq!(both.booster().trees(), whole.booster().trees());
    // Each round draws anew: another seed, another model.
    assert_ne!(train().fit(&settings(3).seed(1))?, train().fit(&settings(3).seed(2))?);
    Ok(())
}
