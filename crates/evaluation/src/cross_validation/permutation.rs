//! Is a score better than chance?

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use perennial_core::{Error, Estimator, Observer, Param, Predictor, Progress, Result, ResultExt, Rows};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::{CrossValidation, cross_validate};
use crate::audit::LookedAt;
use crate::interval::check_groups;
use crate::tasks;
use crate::{Judges, Metric, Splitter, Strata};

/// A score beside the scores on permuted targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermutationTest {
    /// The name of the metric.
    pub metric: String,
    /// The mean score on the target as it is.
    pub score: f64,
    /// The mean score on each permuted target.
    pub permuted: Vec<f64>,
    /// How probable a score at least as good would be, did the rows tell nothing of the target.
    pub p_value: f64,
}

impl fmt::Display for PermutationTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chance = reduce::mean(&self.permuted);
        write!(
            f,
            "{}: {:.4}, {chance:.4} by chance, p = {:.4} of {} permutations",
            self.metric,
            self.score,
            self.p_value,
            self.permuted.len()
        )
    }
}

struct Nobody;

impl Observer for Nobody {
    fn step(&self, _: &Progress<'_>) {}
}

const N_PERMUTATIONS: Param = Param::integer("n_permutations", "number of permuted targets").at_least(1.0);

/// Whether the rows tell anything of the target (Ojala and Garriga, 2010, test 1): the cross-validated score is set
/// beside those that the same estimator reaches on permuted targets.
///
/// Where there are groups, targets are permuted within each group. Weights stay with their rows.
///
/// # Errors
/// As [`cross_validate`], or when there are no permutations or every group is a single row.
pub fn permutation_test_score<E, S, M>(
    estimator: &E,
    x: &E::Input,
    y: &E::Target,
    splitter: &S,
    metric: &M,
    n_permutations: usize,
    options: &CrossValidation<'_>,
) -> Result<PermutationTest>
where
    E: Estimator<Target: Strata> + ?Sized,
    E::Model: Predictor<Input = E::Input>,
    S: Splitter + ?Sized,
    M: Metric<Truth = E::Target> + Judges<E::Model>,
{
    N_PERMUTATIONS.check_count(n_permutations)?;
    let score = cross_validate(estimator, x, y, splitter, metric, options)?.mean();
    if let Some(groups) = options.groups {
        check_groups(groups, y.n_rows())?;
    }
    let members = members(y.n_rows(), options.groups);
    if members.iter().all(|rows| rows.len() < 2) {
        return Err(Error::insufficient_data(
            "every group is a single row, so no target can be permuted within its group; leave the groups away",
        ));
    }
    let random = Random::new(options.ctx.child("permutations").seed(None));
    // What the sides share was looked for with the target as it is; a permuted one says nothing of them.
    let splitter = &LookedAt::new(splitter);
    let done = AtomicUsize::new(0);
    let permuted = tasks::try_each(n_permutations, |number| {
        options.ctx.check()?;
        let rows = permuted_rows(y.n_rows(), &members, random.fork(number as u64));
        let y = y.take(&rows)?;
        // The same splits and seeds as for the target as it is; steps are reported by permutations.
        let ctx = options.ctx.clone().with_observer(Arc::new(Nobody));
        let inside = CrossValidation { ctx, keep_models: false, ..options.clone() };
        let mean = cross_validate(estimator, x, y.borrow(), splitter, metric, &inside)
            .context(format!("permutation {number}"))?
            .mean();
        options.ctx.step(done.fetch_add(1, Ordering::Relaxed) + 1, n_permutations)?;
        Ok(mean)
    })?;
    let sign = if M::HIGHER_IS_BETTER { 1.0 } else { -1.0 };
    let as_good = permuted.iter().filter(|&&other| sign * other >= sign * score).count();
    let p_value = (as_good as f64 + 1.0) / (n_permutations as f64 + 1.0);
    Ok(PermutationTest { metric: metric.name(), score, permuted, p_value })
}

/// The rows of each group; one group where there are none.
fn members(n_rows: usize, groups: Option<&[u32]>) -> Vec<Vec<usize>> {
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for row in 0..n_rows {
        members.entry(groups.map_or(0, |groups| groups[row])).or_default().push(row);
    }
    members.into_values().collect()
}

/// For each row, the row whose target it gets.
fn permuted_rows(n_rows: usize, members: &[Vec<usize>], mut random: Random) -> Vec<usize> {
    let mut from = vec![0; n_rows];
    for rows in members {
        let mut shuffled = rows.clone();
        random.shuffle(&mut shuffled);
        rows.iter().zip(shuffled).for_each(|(&row, other)| from[row] = other);
    }
    from
}
