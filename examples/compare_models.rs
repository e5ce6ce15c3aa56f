//! Which model earns its complexity? A ladder that begins with baselines, a table with them in it, and what each one costs.

use perennial::core::BoxEstimator;
use perennial::data::samples;
use perennial::evaluation::metric::MeanAbsoluteError;
use perennial::evaluation::split::{KFold, Repeated};
use perennial::evaluation::{
    Candidate, ComparisonOptions, CrossValidated, CrossValidation, Ladder, Limits, ModelTable, compare_bayes,
    cross_validate, measure_cost, score_baselines,
};
use perennial::models::baseline::OneFeatureRegressor;
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
    let ridge = || StandardScaler::new().then(Ridge::new()).boxed();
    let forest = RandomForestRegressor::new().n_trees(100).seed(1).boxed();
    let boosting = GradientBoostingRegressor::new().n_trees(100).learning_rate(0.05).seed(1).boxed();

    // What every model must beat: the mean, a question to the one feature that tells most, and a line.
    let baselines = [
        ("the mean", DummyRegressor::new().boxed()),
        ("one feature", OneFeatureRegressor::new().boxed()),
        ("ridge", ridge()),
    ];
    let baselines = score_baselines(baselines, &x, &y, &folds, &MeanAbsoluteError, &CrossValidation::new())?;

    // Two points of progression make no difference to anybody.
    let options = ComparisonOptions::new().equivalence(2.0);
    let climb = Ladder::new(options.clone())
        .baselines(&baselines)?
        .step("forest", || score(&forest))?
        .step("boosting", || score(&boosting))?
        .climb()?;
    println!("{climb}\n");

    let (of_ridge, of_forest, of_boosting) = (&baselines[2].1, score(&forest)?, score(&boosting)?);
    let models = ModelTable::new(&baselines[0].0, &baselines[0].1)
        .baselines(&baselines[1..])
        .model("forest", &of_forest)
        .model("boosting", &of_boosting)
        .compare(&options)?;
    println!("{models}");
    match models.choose() {
        Ok(best) => println!("to go on with: {}\n", best.name),
        Err(blocked) => println!("{blocked}\n"),
    }
    println!("ridge and forest: {}\n", compare_bayes(of_ridge, &of_forest, &options)?);

    // What an answer costs here, and who may cost that: a thousandth of a second for a single row.
    let mut candidates = Vec::new();
    for (name, model, scores) in [
        ("ridge", &ridge(), of_ridge),
        ("forest", &forest, &of_forest),
        ("boosting", &boosting, &of_boosting),
    ] {
        let cost = measure_cost(&model.fit(&x, &y)?, &x, 200, &Context::new())?;
        candidates.push(Candidate::new(name, scores.mean(), cost));
    }
    println!("{}", Limits::new().latency_p99(1e-3).select(&candidates, false, |cost| cost.latency_p50)?);
    Ok(())
}
