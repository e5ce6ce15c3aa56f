//! Which model earns its complexity? A ladder, a table with the baseline in it, and what each one costs.

use perennial::core::BoxEstimator;
use perennial::data::samples;
use perennial::evaluation::metric::MeanAbsoluteError;
use perennial::evaluation::split::{KFold, Repeated};
use perennial::evaluation::{
    Candidate, ComparisonOptions, CrossValidated, CrossValidation, Ladder, Limits, ModelTable, compare_bayes,
    cross_validate, measure_cost,
};
use perennial::models::{DummyRegressor, GradientBoostingRegressor, RandomForestRegressor, Ridge};
use perennial::prelude::*;
use perennial::preprocessing::StandardScaler;

type Boxed = BoxEstimator<Matrix, Values, Values>;
type Scores = CrossValidated<Values, perennial::core::BoxPredictor<Matrix, Values>>;

fn main() -> Result<()> {
    let table = samples::diabetes()?;
    let names: Vec<String> = table.names().map(str::to_owned).filter(|name| name != "progression").collect();
    let (x, y) = (table.matrix(&names)?, table.values("progression")?);

    // All are scored on the same folds, so that what makes a row hard does not blur the difference.
    let folds = Repeated::new(KFold::new(5), 4).seed(1);
    let score = |model: &Boxed| -> Result<Scores> {
        cross_validate(model, &x, &y, &folds, &MeanAbsoluteError, &CrossValidation::new())
    };
    let baseline = DummyRegressor::new().boxed();
    let ridge = StandardScaler::new().then(Ridge::new()).boxed();
    let forest = RandomForestRegressor::new().n_trees(100).seed(1).boxed();
    let boosting = GradientBoostingRegressor::new().n_trees(100).learning_rate(0.05).seed(1).boxed();

    // Two points of progression make no difference to anybody.
    let options = ComparisonOptions::new().equivalence(2.0);
    let climb = Ladder::new(options.clone())
        .step("the mean", || score(&baseline))?
        .step("ridge", || score(&ridge))?
        .step("forest", || score(&forest))?
        .step("boosting", || score(&boosting))?
        .climb()?;
    println!("{climb}\n");

    let scores = [score(&baseline)?, score(&ridge)?, score(&forest)?, score(&boosting)?];
    let models = ModelTable::new("the mean", &scores[0])
        .model("ridge", &scores[1])
        .model("forest", &scores[2])
        .model("boosting", &scores[3])
        .compare(&options)?;
    println!("{models}\n");
    println!("ridge and forest: {}\n", compare_bayes(&scores[1], &scores[2], &options)?);

    // What an answer costs here, and who may cost that: a thousandth of a second for a single row.
    let mut candidates = Vec::new();
    for (name, model, scores) in
        [("ridge", &ridge, &scores[1]), ("forest", &forest, &scores[2]), ("boosting", &boosting, &scores[3])]
    {
        let cost = measure_cost(&model.fit(&x, &y)?, &x, 200, &Context::new())?;
        candidates.push(Candidate::new(name, scores.mean(), cost));
    }
    println!("{}", Limits::new().latency_p99(1e-3).select(&candidates, false, |cost| cost.latency_p50)?);
    Ok(())
}
