//! Losses of orders within groups of rows.

use perennial_core::{Error, Param, Result};
use perennial_numeric::random::Random;
use perennial_numeric::{reduce, simd};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{check_targets, log_loss, sigmoid, xe_ndcg};
use crate::boosting::groups::Groups;
use crate::boosting::objective::{Labels, Objective};

/// What boosting of ranks makes smaller: the wrong order of the rows of a group, such as the answers to a query.
///
/// Targets are grades of relevance, whole numbers from 0 to 31; a row of grade `g` is worth `2^g - 1`. The rows of a
/// group need not stand together. Answers are scores, which compare only within a group.
///
/// | loss | what it makes smaller |
/// |---|---|
/// | `Lambda { truncation }` | 1 - NDCG, by LambdaMART (Burges, 2010): each pair of rows of different grades pulls them apart as strongly as exchanging them would change the NDCG |
/// | `XeNdcg` | the cross-entropy of the order, a bound of 1 - NDCG (Bruch, 2021): the shares of a group by its scores against those by `2^grade` less a number in [0, 1) that is drawn anew for each row and round |
/// | `Pairwise` | the logistic loss of each pair, divided by the rows of its group (Burges and others, 2005); the time grows with the square of the rows of a group |
///
/// The pulls of `Lambda` are those of LightGBM: only pairs with a row among the first `truncation` count, each pull is
/// divided by 0.01 plus the difference of the scores, and those of a group are brought to the size of the logarithm of
/// their sum. They are the slope of no loss; the loss it reports is 1 - NDCG of the first `truncation` rows.
///
/// The derivatives of `XeNdcg` are those of LightGBM's `rank_xendcg`. The loss it reports, and the derivatives where leaves are moved to
/// new rows, have 1/2 in the place of what is drawn.
///
/// A group may have up to 2^28 pairs, all of which each round looks at: 23170 rows by `Pairwise`, and nine million by
/// `Lambda` with a `truncation` of 30; `XeNdcg` looks at rows alone. A larger one is refused, in a validation set by `Pairwise` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RankingLoss {
    /// LambdaMART.
    Lambda {
        /// The number of rows at the top of a group that matter, 1 or more.
        truncation: usize,
    },
    /// RankNet.
    Pairwise,
    /// XE-NDCG.
    XeNdcg,
}

impl Default for RankingLoss {
    fn default() -> Self {
        RankingLoss::Lambda { truncation: 30 }
    }
}

const TRUNCATION: Param = Param::integer("truncation", "rows at the top that matter").at_least(1.0);
const HIGHEST_GRADE: f64 = 31.0;
/// The most pairs of a group: about a second of work, in which nothing can be cancelled.
const MOST_PAIRS: u64 = 1 << 28;

/// Refuses targets that are no grades.
pub(in crate::boosting) fn check_grades(labels: &Labels<'_>) -> Result<()> {
    if labels.groups.is_none() {
        return Err(Error::unsupported(
            "ranking needs to know which rows belong together; give the query of each row as its group",
        ));
    }
    let wrong = |y: f64| !(0.0..=HIGHEST_GRADE).contains(&y) || y.fract() != 0.0;
    check_targets(labels, wrong, "ranking", "grades of relevance, whole numbers from 0 to 31")
}

/// The pairs of `n` rows of which one is among the first `top`.
fn n_pairs(n: usize, top: usize) -> u64 {
    let (n, top) = (n as u64, top.min(n) as u64);
    top * n - top * (top + 1) / 2
}

fn gain(grade: f64) -> f64 {
    grade.exp2() - 1.0
}

/// What a row at this place, counted from 0, passes on of its gain (Järvelin and Kekäläinen, 2002).
fn discount(place: usize) -> f64 {
    1.0 / ((place + 2) as f64).log2()
}

/// The best discounted gain that the first `at` rows can have.
fn best_gain(grades: impl Iterator<Item = f64>, at: usize) -> f64 {
    let mut gains: Vec<f64> = grades.map(gain).collect();
    gains.sort_unstable_by(|a, b| b.total_cmp(a));
    gains.iter().take(at).enumerate().map(|(place, gain)| gain * discount(place)).sum()
}

/// Rows by falling score, equal ones in the order of the table.
fn by_score(rows: &[u32], scores: &[f64]) -> Vec<u32> {
    let mut order = rows.to_vec();
    // Adding 0 turns -0 into 0, which it equals.
    let score = |row: u32| scores[row as usize] + 0.0;
    order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
    order
}

/// The normalised discounted cumulative gain of the first `at` rows of each group, averaged over the groups with the
/// mean weights of their rows. Rows of equal scores share the mean of their gains (McSherry and Najork, 2008). A group
/// without relevant rows counts as 1.
pub(in crate::boosting) fn mean_ndcg(labels: &Labels<'_>, scores: &[f64], at: usize) -> f64 {
    let groups: Vec<&[u32]> = labels.by_group().iter().collect();
    let of_groups = reduce::map_each(groups.len(), |group| {
        let rows = groups[group];
        let weight = rows.iter().map(|&row| labels.weight(row as usize)).sum::<f64>() / rows.len() as f64;
        let best = best_gain(rows.iter().map(|&row| labels.y[row as usize]), at);
        if best == 0.0 {
            return (weight, 1.0);
        }
        let order = by_score(rows, scores);
        let (mut found, mut place) = (0.0, 0);
        for equal in order.chunk_by(|&a, &b| scores[a as usize] == scores[b as usize]) {
            if place >= at {
                break;
            }
            let gains: f64 = equal.iter().map(|&row| gain(labels.y[row as usize])).sum();
            let discounts: f64 = (place..(place + equal.len()).min(at)).map(discount).sum();
            found += gains / equal.len() as f64 * discounts;
            place += equal.len();
        }
        (weight, found / best)
    });
    let weight = reduce::sum_by(of_groups.len(), |group| of_groups[group].0);
    reduce::sum_by(of_groups.len(), |group| of_groups[group].0 * of_groups[group].1) / weight
}

/// The rows of a group by falling score, and what their pairs have added up to.
struct Ranked {
    order: Vec<u32>,
    scores: Vec<f64>,
    gains: Vec<f64>,
    discounts: Vec<f64>,
    gradients: Vec<f64>,
    hessians: Vec<f64>,
}

impl Ranked {
    fn new(labels: &Labels<'_>, scores: &[f64], rows: &[u32]) -> Self {
        let order = by_score(rows, scores);
        let n = order.len();
        Ranked {
            scores: order.iter().map(|&row| scores[row as usize]).collect(),
            gains: order.iter().map(|&row| gain(labels.y[row as usize])).collect(),
            discounts: (0..n).map(discount).collect(),
            gradients: vec![0.0; n],
            hessians: vec![0.0; n],
            order,
        }
    }

    /// Adds the logistic pulls of all pairs of which one row is among the first `top`. `strength` gets the
    /// differences of their discounts, gains and scores. Returns the sum of the pulls.
    fn add_pairs(&mut self, top: usize, strength: impl Fn(f64, f64, f64) -> f64) -> f64 {
        let n = self.order.len();
        let mut total = 0.0;
        let (mut slopes, mut curves) = (vec![0.0; n], vec![0.0; n]);
        for first in 0..top.min(n) {
            let (score, gain) = (self.scores[first], self.gains[first]);
            let others = first + 1..n;
            let (slopes, curves) = (&mut slopes[others.clone()], &mut curves[others.clone()]);
            let (scores, gains) = (&self.scores[others.clone()], &self.gains[others.clone()]);
            let (discount, discounts) = (self.discounts[first], &self.discounts[others.clone()]);
            let strength = |other, gains, apart| strength(discount - other, gains, apart);
            simd::widest(Pairs { score, gain, scores, gains, discounts, slopes, curves, strength });
            let ours = self.gradients[others.clone()].iter_mut().zip(&mut self.hessians[others]);
            for ((gradient, hessian), (slope, curve)) in ours.zip(slopes.iter().zip(&*curves)) {
                *gradient += slope;
                *hessian += curve;
            }
            self.gradients[first] -= reduce::sum(slopes);
            self.hessians[first] += reduce::sum(curves);
            total += reduce::sum_by(slopes.len(), |other| slopes[other].abs());
        }
        total
    }

    fn scale(&mut self, factor: f64) {
        self.gradients.iter_mut().chain(&mut self.hessians).for_each(|value| *value *= factor);
    }

    /// LambdaMART as LightGBM has it.
    fn lambda(&mut self, truncation: usize, best_gain: f64) {
        let n = self.order.len();
        if best_gain == 0.0 || n < 2 {
            return;
        }
        // While all scores are equal, their distances say nothing.
        let any_apart = self.scores[0] != self.scores[n - 1];
        let total = self.add_pairs(truncation, |discounts, gains, apart| {
            let change = gains * discounts / best_gain;
            if any_apart { change / (0.01 + apart) } else { change }
        });
        // Once for each row of a pair.
        let total = 2.0 * total;
        if total > 0.0 {
            self.scale((1.0 + total).log2() / total);
        }
    }

    fn pairwise(&mut self) {
        let n = self.order.len();
        self.add_pairs(n, |_, _, _| 1.0);
        self.scale(1.0 / n as f64);
    }
}

/// The pairs of one row with those below it.
struct Pairs<'a, S> {
    score: f64,
    gain: f64,
    scores: &'a [f64],
    gains: &'a [f64],
    discounts: &'a [f64],
    slopes: &'a mut [f64],
    curves: &'a mut [f64],
    strength: S,
}

impl<S: Fn(f64, f64, f64) -> f64> simd::Kernel for Pairs<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let others = self.scores.iter().zip(self.gains).zip(self.discounts);
        let pulls = self.slopes.iter_mut().zip(self.curves);
        for ((slope, curve), ((&score, &gain), &discount)) in pulls.zip(others) {
            let (apart, difference) = (self.score - score, self.gain - gain);
            // Rows of one grade do not pull at each other.
            let direction = if difference > 0.0 { 1.0 } else { -1.0 };
            let strength = (self.strength)(discount, difference.abs(), apart);
            let strength = if difference == 0.0 { 0.0 } else { strength };
            let wrong = sigmoid(-direction * apart);
            *slope = direction * wrong * strength;
            *curve = wrong * (1.0 - wrong) * strength;
        }
    }
}

/// The sum over the pairs of a group of the logistic loss of their difference, divided by its rows.
fn pairwise_loss(labels: &Labels<'_>, scores: &[f64], rows: &[u32]) -> f64 {
    let pairs = rows
        .iter()
        .enumerate()
        .flat_map(|(place, &a)| rows[..place].iter().map(move |&b| (a as usize, b as usize)));
    let loss = |(a, b): (usize, usize)| {
        let (better, worse) = if labels.y[a] > labels.y[b] { (a, b) } else { (b, a) };
        if labels.y[a] == labels.y[b] { 0.0 } else { log_loss(1.0, scores[better] - scores[worse]) }
    };
    pairs.map(loss).sum::<f64>() / rows.len() as f64
}

impl RankingLoss {
    /// Refuses groups of rows to learn from of which a round would look at too many pairs.
    fn check_pairs(&self, groups: Option<&[u32]>) -> Result<()> {
        // Without groups nothing is ranked, which is refused elsewhere.
        let Some(groups) = groups else { return Ok(()) };
        let (top, advice) = match *self {
            Self::Lambda { truncation } => (truncation, "take a smaller `truncation`"),
            Self::Pairwise => (usize::MAX, "take `RankingLoss::Lambda`"),
            Self::XeNdcg => return Ok(()),
        };
        match Groups::new(groups).iter().find(|rows| n_pairs(rows.len(), top) > MOST_PAIRS) {
            None => Ok(()),
            Some(rows) => Err(Error::too_large(format!(
                "group {} has {} rows, and {self:?} would look at {} pairs of them in each round, more than 2^28: {advice}, \
                 or divide the group",
                groups[rows[0] as usize],
                rows.len(),
                n_pairs(rows.len(), top)
            ))),
        }
    }

    fn check_grades(&self, labels: &Labels<'_>) -> Result<()> {
        if let Self::Lambda { truncation } = *self {
            TRUNCATION.check_count(truncation)?;
        }
        check_grades(labels)
    }
}

impl Objective for RankingLoss {
    fn check(&self, labels: &Labels<'_>) -> Result<()> {
        self.check_grades(labels)?;
        self.check_pairs(labels.groups)
    }

    fn check_watched(&self, labels: &Labels<'_>) -> Result<()> {
        self.check_grades(labels)?;
        match self {
            Self::Lambda { .. } | Self::XeNdcg => Ok(()),
            // Its loss looks at pairs, and is found whatever is watched.
            Self::Pairwise => self.check_pairs(labels.groups),
        }
    }

    fn base_scores(&self, _labels: &Labels<'_>) -> Result<Vec<f64>> {
        // A constant does not change any order.
        Ok(vec![0.0])
    }

    fn drawn_derivatives(
        &self,
        labels: &Labels<'_>,
        scores: &[f64],
        gradients: &mut [f64],
        hessians: &mut [f64],
        random: &Random,
    ) -> bool {
        let is_drawn = matches!(self, Self::XeNdcg);
        if is_drawn {
            xe_ndcg::derivatives(labels, scores, gradients, hessians, Some(random));
        }
        is_drawn
    }

    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        if matches!(self, Self::XeNdcg) {
            return xe_ndcg::derivatives(labels, scores, gradients, hessians, None);
        }
        let groups: Vec<&[u32]> = labels.by_group().iter().collect();
        let ranked: Vec<Ranked> = groups
            .into_par_iter()
            .map(|rows| {
                let mut ranked = Ranked::new(labels, scores, rows);
                match *self {
                    Self::Lambda { truncation } => {
                        let grades = rows.iter().map(|&row| labels.y[row as usize]);
                        ranked.lambda(truncation, best_gain(grades, truncation));
                    }
                    Self::Pairwise | Self::XeNdcg => ranked.pairwise(),
                }
                ranked
            })
            .collect();
        for ranked in ranked {
            for ((&row, gradient), hessian) in ranked.order.iter().zip(ranked.gradients).zip(ranked.hessians)
            {
                let (row, weight) = (row as usize, labels.weight(row as usize));
                (gradients[row], hessians[row]) = (weight * gradient, weight * hessian);
            }
        }
    }

    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
        match *self {
            Self::Lambda { truncation } => 1.0 - mean_ndcg(labels, scores, truncation),
            Self::XeNdcg => xe_ndcg::loss(labels, scores),
            Self::Pairwise => {
                let groups: Vec<&[u32]> = labels.by_group().iter().collect();
                let of_groups =
                    reduce::map_each(groups.len(), |group| pairwise_loss(labels, scores, groups[group]));
                reduce::sum(&of_groups) / labels.n_rows() as f64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_too_many_pairs_are_named() {
        let groups: Vec<u32> = (0..30_000).map(|row| if row < 5 { 3 } else { 7 }).collect();
        let lambda = RankingLoss::Lambda { truncation: 20_000 };
        let advised =
            [(RankingLoss::Pairwise, "take `RankingLoss::Lambda`"), (lambda, "take a smaller `truncation`")];
        for (loss, advice) in advised {
            let error = loss.check_pairs(Some(&groups)).unwrap_err().to_string();
            assert!(error.contains("group 7 has 29995 rows") && error.contains(advice), "{error}");
        }
        assert!(RankingLoss::default().check_pairs(Some(&groups)).is_ok());
        // Of rows that are watched, NDCG looks at no pairs.
        let grades = vec![0.0; groups.len()];
        assert!(lambda.check_watched(&Labels::new(&grades, None, Some(&groups))).is_ok());
        assert!(RankingLoss::Pairwise.check_watched(&Labels::new(&grades, None, Some(&groups))).is_err());
        assert_eq!((n_pairs(5, 2), n_pairs(5, 9), n_pairs(1, 1)), (7, 10, 0));
    }
}
