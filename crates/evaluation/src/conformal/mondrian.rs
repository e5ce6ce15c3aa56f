//! Conformal intervals that hold within each group.

use std::collections::BTreeMap;

use perennial_core::{Error, Predictor, Result, ResultExt, Rows, Values};
use serde::{Deserialize, Serialize};

use super::intervals::PredictionIntervals;
use super::rank::{LEVEL, Scores};
use super::split::RegressionScore;

/// A model whose intervals hold the truth as often within each group (Mondrian: Vovk and others, 2003).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MondrianModel<M> {
    model: M,
    score: RegressionScore,
    level: f64,
    scores: BTreeMap<String, Scores>,
}

/// Gives a fitted model intervals that hold within each group, by its errors on rows that it has not learned from.
///
/// # Errors
/// When the level is out of range, the model refuses the rows, there is not a group for each row, or a group has too
/// few rows for the level: the message names it and says how many are needed.
pub fn conformalize_by<M: Predictor<Output = Values>>(
    model: M,
    score: RegressionScore,
    level: f64,
    x: &M::Input,
    y: &Values,
    groups: &[String],
) -> Result<MondrianModel<M>> {
    LEVEL.check(level)?;
    let all = score.scores(y, &model.predict(x)?)?;
    check_groups(groups, all.len())?;
    let mut of_group: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (group, score) in groups.iter().zip(all) {
        of_group.entry(group.clone()).or_default().push(score);
    }
    let checked = |(group, scores): (String, Vec<f64>)| {
        let check = || Scores::new(scores).and_then(|scores| scores.quantile(level).map(|_| scores));
        let scores = check().context(format!("group `{group}`"))?;
        Ok((group, scores))
    };
    let scores = of_group.into_iter().map(checked).collect::<Result<_>>()?;
    Ok(MondrianModel { model, score, level, scores })
}

fn check_groups(groups: &[String], n_rows: usize) -> Result<()> {
    if groups.len() == n_rows {
        Ok(())
    } else {
        Err(Error::length_mismatch("the groups", n_rows, groups.len()))
    }
}

impl<M> MondrianModel<M> {
    /// The model inside.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The groups that have intervals.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &str> {
        self.scores.keys().map(String::as_str)
    }
}

impl<M: Predictor<Output = Values>> MondrianModel<M> {
    /// An interval for each row, by its group.
    ///
    /// # Errors
    /// When the model refuses the rows, or a group was not among the calibration rows.
    pub fn predict_interval(&self, x: &M::Input, groups: &[String]) -> Result<PredictionIntervals> {
        check_groups(groups, x.n_rows())?;
        let points = self.model.predict(x)?;
        let mut reach = BTreeMap::new();
        for (group, scores) in &self.scores {
            reach.insert(group.as_str(), scores.quantile(self.level)?);
        }
        let mut intervals = self.score.intervals(self.level, &points, 1.0)?;
        for (row, (group, point)) in groups.iter().zip(points.as_slice()).enumerate() {
            let reach = reach.get(group.as_str()).ok_or_else(|| {
                Error::unknown(format!("row {row} is of group `{group}`, of which no calibration row was"))
            })?;
            let unit = match self.score {
                RegressionScore::Absolute => 1.0,
                RegressionScore::Gamma => *point,
            };
            (intervals.low[row], intervals.high[row]) = (point - reach * unit, point + reach * unit);
        }
        Ok(intervals)
    }
}

impl<M: Predictor<Output = Values>> Predictor for MondrianModel<M> {
    type Input = M::Input;
    type Output = Values;

    fn predict(&self, x: &M::Input) -> Result<Values> {
        self.model.predict(x)
    }
}
