//! The models that compete, from the simplest up. Training and serving share these functions.

use perennial::core::BoxEstimator;

use perennial::features::CyclicalFeatures;
use perennial::models::{
    DecisionTreeRegressor, DummyRegressor, GradientBoostingRegressor, LinearRegression, Ridge,
};
use perennial::prelude::*;
use perennial::preprocessing::{
    Columns, OneHotEncoder, OrdinalEncoder, PassThrough, SimpleImputer, StandardScaler, Unknown,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Any model that predicts rentals from a table.
pub(crate) type Rentals = BoxEstimator<Table, Values, Values>;

const CALENDAR: [&str; 6] = ["season", "month", "weekday", "holiday", "working_day", "weather"];
const WEATHER: [&str; 4] = ["temperature", "felt_temperature", "humidity", "wind_speed"];
const KNOWN: [&str; 3] = ["last_hour", "yesterday", "last_week"];

/// Always the mean.
pub(crate) fn mean() -> Rentals {
    Columns::new().on(["hour"], PassThrough::new()).drop_rest().then(DummyRegressor::new()).boxed()
}

/// What a planner does without a model: yesterday's rentals at this hour, scaled.
pub(crate) fn yesterday() -> Rentals {
    let yesterday = Columns::new().on(["yesterday"], SimpleImputer::mean()).drop_rest();
    yesterday.then(LinearRegression::new()).boxed()
}

/// A line over everything, with one level per hour of the day.
pub(crate) fn ridge(alpha: f64) -> Rentals {
    let encode = || OneHotEncoder::new().unknown(Unknown::Ignore);
    let columns = Columns::new()
        .on(CALENDAR, encode())
        .on(["hour"], encode())
        .on(WEATHER, SimpleImputer::median().then(StandardScaler::new()))
        .on(KNOWN, SimpleImputer::median().indicator(true).then(StandardScaler::new()))
        .drop_rest();
    columns.named("columns").then(Ridge::new().alpha(alpha)).boxed()
}

/// One tree, which finds by itself that rush hours differ on working days.
pub(crate) fn tree() -> Rentals {
    trees_on(DecisionTreeRegressor::new().max_depth(12).min_samples_leaf(5))
}

/// Many small trees, each correcting those before it. They take categories and missing values as they are.
pub(crate) fn boosting(max_leaves: usize, min_samples_leaf: usize, learning_rate: f64) -> Rentals {
    let boosting = GradientBoostingRegressor::new()
        .n_trees(150)
        .max_leaves(max_leaves)
        .min_samples_leaf(min_samples_leaf)
        .learning_rate(learning_rate);
    trees_on(boosting)
}

/// The columns for trees: categories stay categories, missing stays missing.
fn trees_on<E>(trees: E) -> Rentals
where
    E: Estimator<Input = Matrix, Target = Values> + Serialize + DeserializeOwned + 'static,
    E::Model: Predictor<Input = Matrix, Output = Values> + Serialize + DeserializeOwned + 'static,
{
    let columns = Columns::new()
        .on(CALENDAR, OrdinalEncoder::new().unknown(Unknown::Ignore))
        .on(["hour"], CyclicalFeatures::new(24.0))
        .on(names_of_numbers(), PassThrough::new())
        .drop_rest();
    columns.named("columns").then(trees).boxed()
}

fn names_of_numbers() -> Vec<String> {
    [&WEATHER[..], &KNOWN[..], &["hour"]].concat().into_iter().map(str::to_owned).collect()
}
