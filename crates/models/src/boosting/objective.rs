//! What boosting makes smaller.

use std::sync::OnceLock;

use perennial_core::Result;
use perennial_numeric::random::Random;
use perennial_numeric::{reduce, simd};
use rayon::prelude::*;

use super::groups::Groups;

/// The rows that a loss is measured on.
///
/// Orders of the rows that some losses need in every round, such as the rows of each group, are found when they are
/// first asked for and kept.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    /// The target of each row; of a classification the code of its class.
    pub y: &'a [f64],
    /// How much each row counts.
    pub weights: Option<&'a [f64]>,
    /// Which rows belong together, such as the answers to a query.
    pub groups: Option<&'a [u32]>,
    by_group: OnceLock<Groups>,
    by_time: OnceLock<Vec<u32>>,
    latest: Option<&'a [f64]>,
    counts: bool,
}

impl<'a> Labels<'a> {
    /// Labels of rows with these targets, weights and groups, all of one length.
    pub fn new(y: &'a [f64], weights: Option<&'a [f64]>, groups: Option<&'a [u32]>) -> Self {
        let (by_group, by_time) = (OnceLock::new(), OnceLock::new());
        Labels { y, weights, groups, by_group, by_time, latest: None, counts: false }
    }

    /// The same labels, where the event of each row happened at these times at the latest; NaN where nothing is known.
    #[must_use]
    pub fn with_latest(self, latest: &'a [f64]) -> Self {
        Labels { latest: Some(latest), ..self }
    }

    /// The latest times of the events, where they are given.
    pub fn latest(&self) -> Option<&'a [f64]> {
        self.latest
    }

    /// The same labels of a loss whose second derivatives are all 1, which then are not written: memory that nobody
    /// touches takes no room.
    pub(super) fn counting(&self) -> Self {
        Labels { counts: self.weights.is_none(), ..self.clone() }
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.y.len()
    }

    /// The weight of a row; 1 where there are no weights.
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    /// The rows of each group; one group of all rows where there are no groups.
    pub fn by_group(&self) -> &Groups {
        self.by_group.get_or_init(|| match self.groups {
            Some(groups) => Groups::new(groups),
            None => Groups::new(&vec![0; self.n_rows()]),
        })
    }

    /// The rows in rising order of the absolute value of their targets: of survival times, whose sign tells whether
    /// the row was observed to the end.
    pub fn by_time(&self) -> &[u32] {
        self.by_time.get_or_init(|| {
            let mut rows: Vec<u32> = (0..self.n_rows() as u32).collect();
            rows.par_sort_by(|&a, &b| self.y[a as usize].abs().total_cmp(&self.y[b as usize].abs()));
            rows
        })
    }

    /// Fills the derivatives of a loss that looks at one row and one score at a time, in parallel. `derivatives` gets a
    /// target and a score and gives the first and the second derivative by the score; they are weighted here.
    ///
    /// It is compiled for vectors where `derivatives` has no branches and calls nothing but what is inlined, such as
    /// [`perennial_numeric::special::exp`].
    pub fn each_row(
        &self,
        scores: &[f64],
        gradients: &mut [f64],
        hessians: &mut [f64],
        derivatives: impl Fn(f64, f64) -> (f64, f64) + Sync,
    ) {
        const BLOCK: usize = 2048;
        let blocks = gradients.par_chunks_mut(BLOCK).zip(hessians.par_chunks_mut(BLOCK)).enumerate();
        blocks.for_each(|(block, (gradients, hessians))| {
            let rows = block * BLOCK..block * BLOCK + gradients.len();
            let (y, scores) = (&self.y[rows.clone()], &scores[rows.clone()]);
            let weights = self.weights.map(|weights| &weights[rows]);
            let each = EachRow { y, scores, weights, gradients, hessians, derivatives: &derivatives };
            if self.counts {
                simd::widest(FirstOnly(each));
            } else {
                simd::widest(each);
            }
        });
    }

    /// As [`each_row`](Labels::each_row), of a loss that looks at more than the target: `derivatives` gets the number of a row.
    pub(super) fn each_place(
        &self,
        gradients: &mut [f64],
        hessians: &mut [f64],
        derivatives: impl Fn(usize) -> (f64, f64) + Sync,
    ) {
        gradients.par_iter_mut().zip(hessians).enumerate().for_each(|(row, (gradient, hessian))| {
            let (first, second) = derivatives(row);
            let weight = self.weight(row);
            (*gradient, *hessian) = (first * weight, second * weight);
        });
    }

    /// The weighted mean over the rows of what `term` gives for a row, in a fixed order of addition.
    pub fn mean_by(&self, term: impl Fn(usize) -> f64 + Sync) -> f64 {
        let sum = reduce::sum_by(self.n_rows(), |row| self.weight(row) * term(row));
        sum / self.total_weight()
    }

    /// The sum of the weights.
    pub fn total_weight(&self) -> f64 {
        self.weights.map_or(self.n_rows() as f64, reduce::sum)
    }
}

/// The rows of one block, for [`Labels::each_row`].
struct EachRow<'a, D> {
    y: &'a [f64],
    scores: &'a [f64],
    weights: Option<&'a [f64]>,
    gradients: &'a mut [f64],
    hessians: &'a mut [f64],
    derivatives: &'a D,
}

impl<D: Fn(f64, f64) -> (f64, f64)> simd::Kernel for EachRow<'_, D> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let EachRow { y, scores, weights, gradients, hessians, derivatives } = self;
        for (((gradient, hessian), &y), &score) in gradients.iter_mut().zip(&mut *hessians).zip(y).zip(scores)
        {
            (*gradient, *hessian) = derivatives(y, score);
        }
        for ((gradient, hessian), weight) in
            gradients.iter_mut().zip(hessians).zip(weights.into_iter().flatten())
        {
            *gradient *= weight;
            *hessian *= weight;
        }
    }
}

/// As [`EachRow`], where second derivatives are not wanted and there are no weights.
struct FirstOnly<'a, D>(EachRow<'a, D>);

impl<D: Fn(f64, f64) -> (f64, f64)> simd::Kernel for FirstOnly<'_, D> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let EachRow { y, scores, gradients, derivatives, .. } = self.0;
        for ((gradient, &y), &score) in gradients.iter_mut().zip(y).zip(scores) {
            (*gradient, _) = derivatives(y, score);
        }
    }
}

/// A loss that boosting can make smaller: implement it to bring your own.
///
/// A row has [`n_scores`](Objective::n_scores) scores, which trees add up, one tree per score and round. Scores,
/// gradients and hessians of all rows lie score by score: those of score `k` are at `k * n_rows..(k + 1) * n_rows`.
///
/// ```
/// use perennial_core::Result;
/// use perennial_models::boosting::{Labels, Objective};
///
/// /// log(cosh(score - y)): squared error near the target, absolute error far from it.
/// #[derive(Clone, Debug)]
/// struct LogCosh;
///
/// impl Objective for LogCosh {
///     fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
///         Ok(vec![labels.mean_by(|row| labels.y[row])])
///     }
///
///     fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
///         labels.each_row(scores, gradients, hessians, |y, score| {
///             let slope = (score - y).tanh();
///             (slope, 1.0 - slope * slope)
///         });
///     }
///
///     fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
///         labels.mean_by(|row| (scores[row] - labels.y[row]).cosh().ln())
///     }
/// }
/// ```
pub trait Objective: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The number of scores of a row.
    fn n_scores(&self) -> usize {
        1
    }

    /// Refuses targets that the loss is not defined for, settings out of range, and rows that lack what it needs.
    ///
    /// # Errors
    /// Names the first target, or the setting, that is wrong.
    fn check(&self, labels: &Labels<'_>) -> Result<()> {
        let _ = labels;
        Ok(())
    }

    /// As [`check`](Objective::check), of rows of which only the loss is found.
    ///
    /// # Errors
    /// Names the first target that is wrong.
    fn check_watched(&self, labels: &Labels<'_>) -> Result<()> {
        self.check(labels)
    }

    /// The scores that boosting starts from, the same for all rows: as a rule those of the best constant.
    ///
    /// # Errors
    /// When the targets have none.
    fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>>;

    /// Fills the first and second derivatives of the loss of each row by each score, times the weight of the row. The
    /// second may be an upper bound, and must not be negative.
    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]);

    /// Fills the derivatives of a loss that is drawn anew in each round, from `random` alone, and gives whether it is such a
    /// loss. By itself it is none: then [`derivatives`](Objective::derivatives) are taken, as they are wherever there are no
    /// rounds.
    fn drawn_derivatives(
        &self,
        labels: &Labels<'_>,
        scores: &[f64],
        gradients: &mut [f64],
        hessians: &mut [f64],
        random: &Random,
    ) -> bool {
        let _ = (labels, scores, gradients, hessians, random);
        false
    }

    /// Whether all second derivatives are the weights of their rows; then they need not be added up.
    fn unit_hessian(&self) -> bool {
        false
    }

    /// Whether the loss looks at [latest times](Labels::latest); where not, settings that name a column of them are refused.
    fn takes_latest(&self) -> bool {
        false
    }

    /// What a leaf adds to score number `output` of its `rows`, where that is better than the step of Newton: a median,
    /// for instance. `None` for the step of Newton.
    fn leaf_score(&self, labels: &Labels<'_>, scores: &[f64], rows: &[u32], output: usize) -> Option<f64> {
        let _ = (labels, scores, rows, output);
        None
    }

    /// Turns the scores of one row into its answer: a mean, a probability.
    fn answer(&self, scores: &mut [f64]) {
        let _ = scores;
    }

    /// Whether scores that were learned by `model` mean the same by this loss, so that a model of it may be continued. By
    /// itself it compares what [`Debug`](std::fmt::Debug) shows as `{:#?}`, in which derived ones hold all numbers to the last digit,
    /// and those of long arrays leave none out; write your own where yours hides a setting.
    fn same_as(&self, model: &Self) -> bool {
        format!("{self:#?}") == format!("{model:#?}")
    }

    /// Whether the scores of models by the two losses may be averaged; by itself where one may be continued by the other.
    fn may_average(&self, other: &Self) -> bool {
        self.same_as(other)
    }

    /// The weighted mean loss of rows with these scores.
    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64;
}
