//! Thresholds for each group that make their rates the same.

use std::collections::BTreeMap;

use perennial_core::{Error, Result};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::sensitive::Grouped;
use crate::align::check_rows_of;
use crate::decision::{Cut, Sweep, upper_hull};

/// Which rates are to be the same for all groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParityConstraint {
    /// Selection rates.
    #[default]
    DemographicParity,
    /// True positive rates.
    EqualOpportunity,
    /// False positive rates.
    FalsePositiveRateParity,
    /// True and false positive rates.
    EqualizedOdds,
}

/// What is to be largest where rates are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParityObjective {
    /// The share of right answers.
    #[default]
    Accuracy,
    /// The mean of the shares of right answers among positive and among negative rows.
    BalancedAccuracy,
}

/// How the rows of one group are called: with probability `ignore` by a coin that says positive with probability `constant`,
/// else by one of two thresholds, the first with probability `first_share`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRule {
    /// The first threshold, the higher one.
    pub first: f64,
    /// How often the first threshold is used.
    pub first_share: f64,
    /// The second threshold.
    pub second: f64,
    /// How often the score is ignored.
    pub ignore: f64,
    /// How often a row is then called positive.
    pub constant: f64,
}

/// Thresholds for each group on the scores of any model, chosen so that groups have the same rates and as many answers as
/// can be are right (Hardt, Price and Srebro, 2016).
///
/// Between two thresholds a coin decides; that is what makes rates the same exactly, on the rows that they are chosen on.
/// The choice is exact: on convex hulls, at all of their corners and crossings.
///
/// ```
/// use perennial_evaluation::fairness::{GroupThresholds, ParityConstraint, ParityObjective};
///
/// let scores = [0.9, 0.7, 0.4, 0.2, 0.6, 0.5, 0.3, 0.1];
/// let positive = [true, true, false, false, true, true, false, false];
/// let groups = ["a", "a", "a", "a", "b", "b", "b", "b"].map(String::from);
/// let (constraint, objective) = (ParityConstraint::DemographicParity, ParityObjective::Accuracy);
/// let fair = GroupThresholds::fit(constraint, objective, &scores, &positive, &groups, None)?;
/// assert_eq!(fair.decide(&scores, &groups, 0)?, positive);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupThresholds {
    constraint: ParityConstraint,
    rules: BTreeMap<String, GroupRule>,
    objective: f64,
}

/// The cuts of one group, and the corners of the hull of what can be reached.
struct Group {
    sweep: Sweep,
    corners: Vec<(f64, f64, Cut)>,
}

impl Group {
    fn new(sweep: Sweep, x: impl Fn(&Sweep, &Cut) -> f64, y: impl Fn(&Sweep, &Cut) -> f64) -> Self {
        let points: Vec<(f64, f64)> = sweep.cuts.iter().map(|cut| (x(&sweep, cut), y(&sweep, cut))).collect();
        let hull = upper_hull(points.iter().copied());
        let corners = hull.into_iter().map(|place| (points[place].0, points[place].1, sweep.cuts[place]));
        Group { corners: corners.collect(), sweep }
    }

    /// The corners on both sides of `x`, and the share of the first.
    fn around(&self, x: f64) -> (usize, usize, f64) {
        // Of corners above one another the last is the best.
        let after = self.corners.partition_point(|corner| corner.0 <= x);
        let before = after.saturating_sub(1);
        if after == self.corners.len() {
            return (before, before, 1.0);
        }
        let (low, high) = (self.corners[before].0, self.corners[after].0);
        (before, after, ((high - x) / (high - low)).clamp(0.0, 1.0))
    }

    /// The most that can be reached at `x`.
    fn at(&self, x: f64) -> f64 {
        let (before, after, share) = self.around(x);
        share * self.corners[before].1 + (1.0 - share) * self.corners[after].1
    }

    fn rule(&self, x: f64) -> GroupRule {
        let (before, after, share) = self.around(x);
        GroupRule {
            first: self.corners[before].2.threshold,
            first_share: share,
            second: self.corners[after].2.threshold,
            ignore: 0.0,
            constant: 0.0,
        }
    }
}

impl GroupThresholds {
    /// Chooses the thresholds; on rows that the model of the scores has not learned from.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a number is not acceptable, or a group has no positive or no negative rows
    /// with weight.
    pub fn fit(
        constraint: ParityConstraint,
        objective: ParityObjective,
        scores: &[f64],
        positive: &[bool],
        groups: &[String],
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        check_rows_of(positive.len(), scores.len(), weights)?;
        let grouped = Grouped::new(groups, positive.len())?;
        let sweeps = (0..grouped.names.len())
            .map(|group| {
                let rows: Vec<usize> = (0..scores.len()).filter(|&row| grouped.of_row[row] == group).collect();
                let weights = weights.map(|weights| rows.iter().map(|&row| weights[row]).collect::<Vec<_>>());
                let scores: Vec<f64> = rows.iter().map(|&row| scores[row]).collect();
                let positive: Vec<bool> = rows.iter().map(|&row| positive[row]).collect();
                let sweep = Sweep::new(&scores, &positive, weights.as_deref(), None)
                    .map_err(|error| error.context(format!("group `{}`", grouped.names[group])))?;
                if !(sweep.positives > 0.0 && sweep.negatives > 0.0) {
                    return Err(Error::insufficient_data(format!(
                        "group `{}` has no positive or no negative rows with weight, so its rates are not defined; join groups",
                        grouped.names[group]
                    )));
                }
                Ok(sweep)
            })
            .collect::<Result<Vec<_>>>()?;
        let (all_positive, all_negative) = sweeps
            .iter()
            .fold((0.0, 0.0), |(hits, rest), sweep| (hits + sweep.positives, rest + sweep.negatives));
        // What a true positive and a true negative are worth.
        let (hit, rejection) = match objective {
            ParityObjective::Accuracy => {
                (1.0 / (all_positive + all_negative), 1.0 / (all_positive + all_negative))
            }
            ParityObjective::BalancedAccuracy => (0.5 / all_positive, 0.5 / all_negative),
        };
        let (rules, value) = if constraint == ParityConstraint::EqualizedOdds {
            odds(sweeps, hit * all_positive, rejection * all_negative)
        } else {
            let x = |sweep: &Sweep, cut: &Cut| match constraint {
                ParityConstraint::EqualOpportunity => sweep.recall(cut),
                ParityConstraint::FalsePositiveRateParity => sweep.false_positive_rate(cut),
                _ => (cut.true_positive + cut.false_positive) / sweep.total(),
            };
            let worth = |sweep: &Sweep, cut: &Cut| {
                hit * cut.true_positive + rejection * (sweep.negatives - cut.false_positive)
            };
            let groups: Vec<Group> = sweeps.into_iter().map(|sweep| Group::new(sweep, x, worth)).collect();
            one_rate(&groups)
        };
        Ok(GroupThresholds {
            constraint,
            rules: grouped.names.into_iter().zip(rules).collect(),
            objective: value,
        })
    }

    /// Which rates are the same.
    pub fn constraint(&self) -> ParityConstraint {
        self.constraint
    }

    /// The rule of each group.
    pub fn rules(&self) -> &BTreeMap<String, GroupRule> {
        &self.rules
    }

    /// How large the objective is expected to be on the rows that the thresholds were chosen on.
    pub fn objective(&self) -> f64 {
        self.objective
    }

    /// How likely each row is called positive.
    ///
    /// # Errors
    /// When the lengths differ, or a group was not seen.
    pub fn selection_probabilities(&self, scores: &[f64], groups: &[String]) -> Result<Vec<f64>> {
        if groups.len() != scores.len() {
            return Err(Error::length_mismatch("the groups", scores.len(), groups.len()));
        }
        let of = |(row, (score, group)): (usize, (&f64, &String))| {
            let rule = self.rules.get(group).ok_or_else(|| {
                Error::unknown(format!("row {row} is of group `{group}`, for which there are no thresholds"))
            })?;
            let called = |threshold: f64| f64::from(u8::from(*score >= threshold));
            let by_score =
                rule.first_share * called(rule.first) + (1.0 - rule.first_share) * called(rule.second);
            Ok((rule.ignore * rule.constant + (1.0 - rule.ignore) * by_score).clamp(0.0, 1.0))
        };
        scores.iter().zip(groups).enumerate().map(of).collect()
    }

    /// Calls each row, with a coin of its own where one is needed.
    ///
    /// # Errors
    /// As [`selection_probabilities`](GroupThresholds::selection_probabilities).
    pub fn decide(&self, scores: &[f64], groups: &[String], seed: u64) -> Result<Vec<bool>> {
        let mut random = Random::new(seed);
        let chances = self.selection_probabilities(scores, groups)?;
        Ok(chances.into_iter().map(|chance| random.uniform() < chance).collect())
    }
}

/// The best common rate: what all groups reach together is concave in it, so it is at a corner.
fn one_rate(groups: &[Group]) -> (Vec<GroupRule>, f64) {
    let mut best = (0.0, f64::NEG_INFINITY);
    for x in groups.iter().flat_map(|group| &group.corners).map(|corner| corner.0) {
        let value: f64 = groups.iter().map(|group| group.at(x)).sum();
        if value > best.1 {
            best = (x, value);
        }
    }
    (groups.iter().map(|group| group.rule(best.0)).collect(), best.1)
}

/// The best point that all groups reach: below each hull, at a corner of one or where two cross. `hits` and `rejections` are
/// what all true positives and all true negatives are worth.
fn odds(sweeps: Vec<Sweep>, hits: f64, rejections: f64) -> (Vec<GroupRule>, f64) {
    let roc =
        |sweep| Group::new(sweep, |sweep: &Sweep, cut: &Cut| sweep.false_positive_rate(cut), Sweep::recall);
    let groups: Vec<Group> = sweeps.into_iter().map(roc).collect();
    let mut places: Vec<f64> =
        groups.iter().flat_map(|group| &group.corners).map(|corner| corner.0).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    for pair in places.clone().windows(2) {
        // Between two places all hulls are straight lines.
        let ends: Vec<(f64, f64)> =
            groups.iter().map(|group| (group.at(pair[0]), group.at(pair[1]))).collect();
        for (number, a) in ends.iter().enumerate() {
            for b in &ends[..number] {
                let (before, after) = (a.0 - b.0, a.1 - b.1);
                if before * after < 0.0 {
                    places.push(pair[0] + (pair[1] - pair[0]) * (before / (before - after)));
                }
            }
        }
    }
    let reached = |x: f64| groups.iter().map(|group| group.at(x)).fold(f64::INFINITY, f64::min);
    let value = |x: f64| hits * reached(x) + rejections * (1.0 - x);
    let mut best = (0.0, f64::NEG_INFINITY);
    for &x in &places {
        if value(x) > best.1 {
            best = (x, value(x));
        }
    }
    let (x, y) = (best.0, reached(best.0));
    let rule = |group: &Group| {
        let own = group.at(x);
        // Mixed with a coin that says positive as often as negative rows are called so, a higher hull comes down to `y`.
        let ignore = if own > x { ((own - y) / (own - x)).clamp(0.0, 1.0) } else { 0.0 };
        GroupRule { ignore, constant: x, ..group.rule(x) }
    };
    debug_assert!(groups.iter().all(|group| !group.sweep.cuts.is_empty()));
    (groups.iter().map(rule).collect(), best.1)
}
