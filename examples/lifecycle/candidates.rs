//! The models that compete, from the simplest up. Training and serving share these functions.

use perennial::core::BoxEstimator;
use perennial::features::CyclicalFeatures;
use perennial::models::{DecisionTreeRegressor, DummyRegressor, LinearRegression, Ridge};
use perennial::prelude::*;
use perennial::preprocessing::{
    Columns, OneHotEncoder, OrdinalEncoder, PassThrough, SimpleImputer, StandardScaler, Unknown,
};

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

/// A tree, which finds by itself that rush hours differ on working days.
pub(crate) fn tree(max_depth: usize, min_samples_leaf: usize) -> Rentals {
    let columns = Columns::new()
        .on(CALENDAR, OrdinalEncoder::new().unknown(Unknown::Ignore))
        .on(["hour"], CyclicalFeatures::new(24.0))
        .on(names_of_numbers(), PassThrough::new())
        .drop_rest();
    let tree = DecisionTreeRegressor::new().max_depth(max_depth).min_samples_leaf(min_samples_leaf);
    columns.named("columns").then(tree).boxed()
}

fn names_of_numbers() -> Vec<String> {
    [&WEATHER[..], &KNOWN[..], &["hour"]].concat().into_iter().map(str::to_owned).collect()
}
