//! Conformal prediction and fairness, beside MAPIE and fairlearn.

use perennial::core::{Classes, Estimator, Result, Rows, Values};
use perennial::evaluation::Metric;
use perennial::evaluation::conformal::{
    Coverage, CrossConformalRegressor, IntervalPredictor, SplitConformalRegressor,
};
use perennial::evaluation::fairness::{
    FairnessOptions, GroupThresholds, MetricFrame, ParityConstraint, ParityObjective, SensitiveFeatures,
};
use perennial::evaluation::metric::Accuracy;
use perennial::models::LinearRegression;

use crate::measure::{Bench, Record};
use crate::npy::{Split, numbers};

/// The first rows of the data of a regression, to learn from and to ask for.
fn regression(bench: &Bench, learned: usize, asked: usize) -> Result<Split<Values>> {
    let data: Split<Values> = Split::load(bench, "reg_1m")?;
    let (learned, asked): (Vec<usize>, Vec<usize>) = ((0..learned).collect(), (0..asked).collect());
    Ok(Split {
        x: data.x.take(&learned)?,
        y: data.y.take(&learned)?,
        test_x: data.test_x.take(&asked)?,
        test_y: data.test_y.take(&asked)?,
        about: data.about,
    })
}

/// Fits and asks for intervals.
fn intervals<E>(bench: &Bench, estimator: &E, params: &str, learned: usize, asked: usize) -> Result<Record>
where
    E: Estimator<Input = perennial::core::Matrix, Target = Values>,
    E::Model: IntervalPredictor<Input = perennial::core::Matrix>,
{
    let data = regression(bench, learned, asked)?;
    let work = || estimator.fit(&data.x, &data.y)?.predict_interval(&data.test_x);
    let fitted = bench.fit(params, format!("reg_1m first {learned}, asked for {asked}"), work)?;
    let held = Coverage.score(&data.test_y, &fitted.model)?;
    Ok(fitted.record.quality("coverage", held))
}

pub(crate) fn conformal_split(bench: &Bench) -> Result<Record> {
    let estimator = SplitConformalRegressor::new(LinearRegression::new()).level(0.9);
    intervals(bench, &estimator, "linear, a quarter held out, 90 %", 200_000, 100_000)
}

pub(crate) fn conformal_cv_plus(bench: &Bench) -> Result<Record> {
    let estimator = CrossConformalRegressor::new(LinearRegression::new()).level(0.9);
    intervals(bench, &estimator, "linear, CV+ of 5 folds, 90 %", 10_000, 2_000)
}

/// Scores of 200,000 rows with their classes, in eight groups.
fn grouped(bench: &Bench) -> Result<(Vec<f64>, Vec<bool>, Vec<String>)> {
    let scores: Vec<f64> = numbers(bench, "scores_10m_s")?.1.into_iter().take(200_000).collect();
    let positive =
        numbers(bench, "scores_10m_y")?.1.into_iter().take(200_000).map(|label| label == 1.0).collect();
    let groups = (0..200_000_u64).map(|row| format!("g{}", row * 7919 % 200_003 % 8)).collect();
    Ok((scores, positive, groups))
}

pub(crate) fn metric_frame(bench: &Bench) -> Result<Record> {
    let (scores, positive, groups) = grouped(bench)?;
    let names = ["0", "1"].map(String::from).to_vec();
    let truth = Classes::new(positive.iter().map(|&own| u32::from(own)).collect(), names.clone())?;
    let given = Classes::new(scores.iter().map(|&score| u32::from(score > 0.0)).collect(), names)?;
    let sensitive = SensitiveFeatures::new().by("group", &groups);
    let options = FairnessOptions::new().replicates(20);
    let work = || MetricFrame::measure(&Accuracy, &truth, &given, &sensitive, &options);
    let fitted = bench.fit("accuracy of 8 groups, 20 replicates", "scores_10m first 200000", work)?;
    let gap = fitted.model.gap.difference.estimate;
    Ok(fitted.record.quality("difference", gap))
}

pub(crate) fn threshold_optimizer(bench: &Bench) -> Result<Record> {
    let (scores, positive, groups) = grouped(bench)?;
    let (constraint, objective) = (ParityConstraint::EqualizedOdds, ParityObjective::BalancedAccuracy);
    let work = || GroupThresholds::fit(constraint, objective, &scores, &positive, &groups, None);
    let fitted = bench.fit("equalized odds, balanced accuracy", "scores_10m first 200000", work)?;
    let objective = fitted.model.objective();
    Ok(fitted.record.quality("objective", objective))
}
