//! Elastic nets at one strength and along a path of strengths.

use perennial_core::{Context, Result};

use super::centred::Centred;
use super::coordinate::{Limits, Penalty, Quadratic, State, duality_gap, slack};

/// So many columns at most are served by all products of columns at once.
pub(super) const MOST_PRODUCTS: usize = 2048;
/// So many columns are few.
const FEW_COLUMNS: usize = 128;
/// Columns that a search for few of them begins with. Each search takes two passes over all rows, which cost more than the
/// products of some columns that turn out not to count.
const FIRST_COLUMNS: usize = 192;
/// From this share of the penalty on, a column that pulls goes along with those that pull more than the penalty holds: once
/// they count, it may be next.
const NEAR: f64 = 0.8;

/// The two penalties of a strength and a share.
pub(super) fn penalty(alpha: f64, l1_ratio: f64) -> Penalty {
    Penalty { l1: alpha * l1_ratio, l2: alpha * (1.0 - l1_ratio), positive: false }
}

/// Strengths from the least one that leaves no coefficient down to `eps` times it, evenly on a logarithmic scale.
pub(super) fn strengths(
    cross: &[f64],
    (l1_ratio, positive): (f64, bool),
    n_alphas: usize,
    eps: f64,
) -> Vec<f64> {
    let pulled = |pull: f64| if positive { pull } else { pull.abs() };
    let steepest = cross.iter().fold(0.0, |most: f64, pull| most.max(pulled(*pull)));
    let top = (steepest / l1_ratio.max(1e-3)).max(f64::MIN_POSITIVE / eps);
    let step = if n_alphas > 1 { eps.ln() / (n_alphas - 1) as f64 } else { 0.0 };
    (0..n_alphas).map(|i| top * (step * i as f64).exp()).collect()
}

/// The states along strengths that fall, each begun where the last one ended.
pub(super) fn along(
    quadratic: &Quadratic,
    alphas: &[f64],
    (l1_ratio, positive): (f64, bool),
    limits: Limits,
    ctx: &Context,
    mut visit: impl FnMut(usize, &State),
) -> Result<()> {
    let mut state = quadratic.at(vec![0.0; quadratic.n()]);
    for (i, &alpha) in alphas.iter().enumerate() {
        let penalty = Penalty { positive, ..penalty(alpha, l1_ratio) };
        quadratic.solve(&mut state, penalty, limits, ctx)?;
        visit(i, &state);
    }
    Ok(())
}

/// The answer at one strength, exact where the columns that count do not depend on each other.
pub(super) fn at_one(
    problem: &Centred<'_>,
    penalty: Penalty,
    limits: Limits,
    start: Option<&[f64]>,
    ctx: &Context,
) -> Result<State> {
    let n = problem.n_features;
    if n <= FEW_COLUMNS || penalty.l1 == 0.0 && n <= MOST_PRODUCTS {
        let products = problem.products(0..problem.n_rows, None, ctx)?;
        let quadratic = Quadratic::new(&products, problem.total_weight)?;
        let mut state = quadratic.at(start.map_or_else(|| vec![0.0; n], <[f64]>::to_vec));
        quadratic.solve(&mut state, penalty, limits, ctx)?;
        quadratic.finish(&mut state, penalty);
        return Ok(state);
    }
    few_columns(problem, penalty, limits, start, ctx)
}

/// Searches among few columns at a time, those with the strongest pull, until no other pulls more than the penalty holds
/// (working sets; Massias, Gramfort and Salmon, 2018).
fn few_columns(
    problem: &Centred<'_>,
    penalty: Penalty,
    limits: Limits,
    start: Option<&[f64]>,
    ctx: &Context,
) -> Result<State> {
    let n = problem.n_features;
    let mut weights = start.map_or_else(|| vec![0.0; n], <[f64]>::to_vec);
    let mut columns: Vec<usize> = (0..n).filter(|&j| weights[j] != 0.0).collect();
    let own = |columns: &[usize], weights: &[f64]| columns.iter().map(|&j| weights[j]).collect::<Vec<f64>>();
    let mean = |mut sums: Vec<f64>| {
        sums.iter_mut().for_each(|sum| *sum /= problem.total_weight);
        sums
    };
    let (sums, target) = problem.pull(&[], &[]);
    let cross = mean(sums);
    let slack = slack(&cross);
    let (mut pull, mut squares) = match columns.is_empty() {
        true => (cross.clone(), target),
        false => {
            let (sums, squares) = problem.pull(&columns, &own(&columns, &weights));
            (mean(sums), squares)
        }
    };
    let target = target / problem.total_weight;
    let mut n_sweeps = 0;
    loop {
        ctx.check()?;
        let pulling = |most: f64| {
            let others = (0..n).filter(|j| columns.binary_search(j).is_err());
            others.filter(|&j| penalty.pulled(pull[j]) > most).collect::<Vec<usize>>()
        };
        let beyond = pulling(penalty.l1 * (1.0 + 1e-10) + slack);
        let with_target = |target: f64| {
            target - own(&columns, &weights).iter().zip(&columns).map(|(b, &j)| b * cross[j]).sum::<f64>()
        };
        if beyond.is_empty() || n_sweeps >= limits.max_iter {
            let squares = squares / problem.total_weight;
            let gap = duality_gap(&pull, &weights, squares, with_target(target), penalty, slack);
            let converged = gap <= limits.tolerance * target;
            return Ok(State { weights, pull, gap, n_sweeps, converged });
        }
        // No column is near before one counts, and those that pull more than the penalty holds come first.
        let mut joining = if columns.is_empty() { beyond } else { pulling(NEAR * penalty.l1) };
        joining.sort_by(|&a, &b| pull[b].abs().total_cmp(&pull[a].abs()).then(a.cmp(&b)));
        joining.truncate(columns.len().max(FIRST_COLUMNS));
        columns.extend(joining);
        columns.sort_unstable();
        let products = problem.products(0..problem.n_rows, Some(&columns), ctx)?;
        let quadratic = Quadratic::new(&products, problem.total_weight)?;
        let mut state = quadratic.at(own(&columns, &weights));
        let left = Limits { max_iter: limits.max_iter.saturating_sub(n_sweeps).max(1), ..limits };
        quadratic.solve(&mut state, penalty, left, ctx)?;
        n_sweeps += state.n_sweeps;
        quadratic.finish(&mut state, penalty);
        columns.iter().zip(&state.weights).for_each(|(&j, weight)| weights[j] = *weight);
        columns.retain(|&j| weights[j] != 0.0);
        (pull, squares) = problem.pull(&columns, &own(&columns, &weights));
        pull = mean(pull);
    }
}
