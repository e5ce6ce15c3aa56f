//! The choice of the strength of an elastic net by cross-validation.

use std::ops::Range;

use ndarray::Array2;
use perennial_core::{Context, Error, Matrix, Param, Result, Rows, Train, Values};
use perennial_numeric::reduce;

use super::centred::Centred;
use super::coordinate::{Limits, Penalty, Quadratic, State};
use super::elastic_net::{EPS, MAX_ITER, N_ALPHAS, TOLERANCE, fit_one};
use super::elastic_net_cv::ElasticNetCvModel;
use super::elastic_net_fit::{MOST_PRODUCTS, along, at_one, penalty, strengths};
use super::model::scores;
use crate::folds::Folds;

const ALPHAS: Param = Param::real("alphas", "the strengths that are tried").above(0.0);

/// The settings that both share.
pub(super) struct Choice<'a> {
    pub(super) alphas: Option<&'a [f64]>,
    pub(super) n_alphas: usize,
    pub(super) eps: f64,
    pub(super) positive: bool,
    pub(super) cv: usize,
    pub(super) folds: &'a Folds,
    pub(super) fit_intercept: bool,
    pub(super) limits: (f64, usize),
}

/// What was chosen so far.
struct Best {
    mean: f64,
    alpha: f64,
    l1_ratio: f64,
    alphas: Vec<f64>,
    errors: Array2<f64>,
}

pub(super) fn choose(
    choice: &Choice<'_>,
    l1_ratios: &[f64],
    train: &Train<'_, Matrix, Values>,
) -> Result<ElasticNetCvModel> {
    N_ALPHAS.check_count(choice.n_alphas)?;
    EPS.check(choice.eps)?;
    TOLERANCE.check(choice.limits.0)?;
    MAX_ITER.check_count(choice.limits.1)?;
    if let Some(alphas) = choice.alphas {
        if alphas.is_empty() {
            return Err(Error::invalid_param("alphas", "an empty list", "at least one strength"));
        }
        alphas.iter().try_for_each(|&alpha| ALPHAS.check(alpha))?;
    }
    let (n_rows, y) = (train.x.n_rows(), train.y.as_slice());
    let limits = Limits { tolerance: choice.limits.0, max_iter: choice.limits.1 };
    let problem = Centred::new(train.x, y, None, choice.fit_intercept)?;
    let assigned = choice.folds.assign(n_rows, choice.cv, None, train.groups, train.ctx.seed(None))?;
    let (order, folds) = assigned.sorted();
    // Folds are runs of rows, if need be of rows put in their order.
    let taken = match order.is_sorted() {
        true => None,
        false => Some((train.x.take(&order)?, train.y.take(&order)?)),
    };
    let (x, y) = taken.as_ref().map_or((train.x, train.y), |(x, y)| (x, y));
    let sorted = Train::new(x, y).context(train.ctx.clone());
    let own;
    let in_order = match taken {
        None => &problem,
        Some(_) => {
            own = Centred::new(x, y.as_slice(), None, choice.fit_intercept)?;
            &own
        }
    };
    let small = problem.n_features <= MOST_PRODUCTS;
    let parts: Vec<Array2<f64>> = match small {
        true => folds
            .iter()
            .map(|rows| in_order.products(rows.clone(), None, &train.ctx))
            .collect::<Result<_>>()?,
        false => Vec::new(),
    };
    let cross: Vec<f64> = problem.pull(&[], &[]).0.iter().map(|sum| sum / n_rows as f64).collect();
    let mut best: Option<Best> = None;
    for (step, &l1_ratio) in l1_ratios.iter().enumerate() {
        train.ctx.step(step, l1_ratios.len())?;
        let alphas = match choice.alphas {
            Some(given) => {
                // Each is begun where the last one ended, which pays from strong to weak.
                let mut alphas = given.to_vec();
                alphas.sort_by(|a, b| b.total_cmp(a));
                alphas
            }
            None => strengths(&cross, (l1_ratio, choice.positive), choice.n_alphas, choice.eps),
        };
        let one = |fold: usize| match small {
            true => by_products(&parts, fold, choice, &alphas, l1_ratio, limits, &train.ctx),
            false => by_rows(&sorted, &folds[fold], choice, &alphas, l1_ratio, limits),
        };
        let errors = reduce::try_map_each(folds.len(), one)?;
        let errors = Array2::from_shape_fn((alphas.len(), folds.len()), |(i, fold)| errors[fold][i]);
        for (i, &alpha) in alphas.iter().enumerate() {
            let mean = errors.row(i).iter().sum::<f64>() / folds.len() as f64;
            if !mean.is_finite() {
                return Err(Error::overflow(
                    "an error on held-out rows left the range of f64; standardise the features and scale the target",
                ));
            }
            if best.as_ref().is_none_or(|best| mean < best.mean) {
                best = Some(Best { mean, alpha, l1_ratio, alphas: alphas.clone(), errors: errors.clone() });
            }
        }
    }
    let Some(Best { alpha, l1_ratio, alphas, errors: mean_squared_errors, .. }) = best else {
        return Err(Error::invalid_param("n_alphas", choice.n_alphas, "at least 1"));
    };
    let penalty = Penalty { positive: choice.positive, ..penalty(alpha, l1_ratio) };
    let model = fit_one(&problem, train.x.features(), penalty, limits, &train.ctx)?;
    Ok(ElasticNetCvModel { model, alpha, l1_ratio, alphas, mean_squared_errors })
}

/// The mean squared errors of one fold along the strengths, from products of columns alone.
fn by_products(
    parts: &[Array2<f64>],
    fold: usize,
    choice: &Choice<'_>,
    alphas: &[f64],
    l1_ratio: f64,
    limits: Limits,
    ctx: &Context,
) -> Result<Vec<f64>> {
    let held = &parts[fold];
    let size = held.nrows();
    let (n, target, ones) = (size - 2, size - 2, size - 1);
    let mut train = Array2::zeros((size, size));
    for part in parts.iter().enumerate().filter(|(k, _)| *k != fold).map(|(_, part)| part) {
        train += part;
    }
    let count = train[[ones, ones]];
    let mut means = vec![0.0; size];
    if choice.fit_intercept {
        means = train.row(ones).iter().map(|sum| sum / count).collect();
        let sums: Vec<f64> = train.row(ones).to_vec();
        for (mut row, sum) in train.rows_mut().into_iter().zip(&sums) {
            row.iter_mut().zip(&means).for_each(|(value, mean)| *value -= sum * mean);
        }
    }
    let quadratic = Quadratic::new(&train, count)?;
    let n_held = held[[ones, ones]];
    let mut errors = Vec::with_capacity(alphas.len());
    let error = |state: &State| {
        let active: Vec<usize> = (0..n).filter(|&j| state.weights[j] != 0.0).collect();
        let weight = |j: &usize| state.weights[*j];
        let along = |row: usize| active.iter().map(|j| held[[row, *j]] * weight(j)).sum::<f64>();
        let shift = means[target] - active.iter().map(|j| means[*j] * weight(j)).sum::<f64>();
        let fitted: f64 = active.iter().map(|j| weight(j) * along(*j)).sum();
        let squares = held[[target, target]] - 2.0 * along(target) + fitted;
        let sum = held[[ones, target]] - along(ones);
        ((squares - 2.0 * shift * sum + n_held * shift * shift) / n_held).max(0.0)
    };
    along(&quadratic, alphas, (l1_ratio, choice.positive), limits, ctx, |_, state| {
        errors.push(error(state))
    })?;
    Ok(errors)
}

/// The same from the rows, for more columns than their products could be kept of.
fn by_rows(
    train: &Train<'_, Matrix, Values>,
    held: &Range<usize>,
    choice: &Choice<'_>,
    alphas: &[f64],
    l1_ratio: f64,
    limits: Limits,
) -> Result<Vec<f64>> {
    let rows: Vec<usize> = (0..train.x.n_rows()).filter(|row| !held.contains(row)).collect();
    let (x, y) = (train.x.take(&rows)?, train.y.take(&rows)?);
    let problem = Centred::new(&x, y.as_slice(), None, choice.fit_intercept)?;
    let outside: Vec<usize> = held.clone().collect();
    let (x_held, y_held) = (train.x.take(&outside)?, train.y.take(&outside)?);
    let mut weights = vec![0.0; problem.n_features];
    let mut errors = Vec::with_capacity(alphas.len());
    for &alpha in alphas {
        let penalty = Penalty { positive: choice.positive, ..penalty(alpha, l1_ratio) };
        let state = at_one(&problem, penalty, limits, Some(&weights), &train.ctx)?;
        weights = state.weights;
        let intercept = problem.intercept(&weights);
        let fitted = scores(&x_held, &weights, intercept)?;
        let squares = fitted.iter().zip(y_held.as_slice()).map(|(fitted, y)| (y - fitted).powi(2));
        errors.push(squares.sum::<f64>() / held.len() as f64);
    }
    Ok(errors)
}
