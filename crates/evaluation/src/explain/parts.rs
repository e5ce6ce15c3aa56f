use ndarray::{Array1, Array2};
use perennial_core::{Context, Contributions, Error, Result, Rows};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::coalitions::Game;
use super::dependence::Grid;
use super::{Dependence, Score, partial_dependence};
use crate::tabular::position;
use crate::{Tabular, tasks};

/// Shapley values of a score that is a sum of functions of single features, exactly and with one question for each value: each
/// feature adds its function at the row less its mean over the background.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Context, Matrix};
/// use perennial_evaluation::explain::{Score, additive_contributions};
///
/// let score = Score::new("score", |x: &Matrix| Ok(x.dense()?.rows().into_iter().map(|row| row[0].powi(2) - row[1]).collect()));
/// let background = Matrix::from(array![[0.0, 0.0], [2.0, 2.0]]);
/// let explained = additive_contributions(&score, &Matrix::from(array![[3.0, 5.0]]), &background, &Context::new())?;
/// assert_eq!((&explained.values()[0], explained.base()), (&array![[7.0, -4.0]], &[1.0][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the background has no rows or other columns, a matrix is sparse, the model refuses a row, the score is not a sum of
/// functions of single features, or the work was cancelled.
pub fn additive_contributions<X: Tabular>(
    score: &Score<'_, X>,
    x: &X,
    background: &X,
    ctx: &Context,
) -> Result<Contributions> {
    let x = background.aligned(x)?;
    let p = check_background(background)?;
    // What each feature changes of the first row of the background.
    let of_column = |rows: &X, column: usize| {
        let others = (0..p).filter(|other| *other != column).collect();
        score.of(&rows.mixed(background, 0, &[(0..rows.n_rows(), others)])?)
    };
    let start = score.of(&background.take(&[0])?)?[0];
    let n_rows = x.n_rows();
    let mut values = Array2::zeros((n_rows, p));
    for column in 0..p {
        ctx.step(column, p)?;
        let usual = of_column(background, column)?;
        let mean = usual.iter().sum::<f64>() / usual.len() as f64;
        if n_rows > 0 {
            let own = Array1::from(of_column(&x, column)?);
            values.column_mut(column).assign(&own.mapv(|own| own - mean));
        }
    }
    let all = score.of(background)?;
    let base = all.iter().sum::<f64>() / all.len() as f64;
    let scores = if n_rows > 0 { score.of(&x)? } else { Vec::new() };
    let size = scores.iter().chain(&all).fold(start.abs(), |size, score| size.max(score.abs()));
    for (row, score) in scores.iter().enumerate() {
        let sum = base + values.row(row).sum();
        if (sum - score).abs() > 1e-6 * size.max(f64::MIN_POSITIVE) {
            return Err(Error::unsupported(format!(
                "what the features add to row {row} alone comes to {sum}, and its score is {score}: features interact, so use `Shap`"
            )));
        }
    }
    Contributions::new(vec![values], vec![base])
}

/// What one feature adds where it becomes known after others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakDownStep {
    /// The feature.
    pub feature: String,
    /// Its value, as [`Tabular::cells`] gives it of the row alone: a text of a table is the only one there, so its number is 0.0
    /// whatever it is, and `shown` says it.
    pub value: f64,
    /// How the value reads where a number does not say it: of categories, texts and moments of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// What it adds to the mean score, the features before it being known already.
    pub added: f64,
}

/// How the mean score of a background becomes the score of a row as one feature after the other becomes known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakDown {
    /// The mean score of the background.
    pub base: f64,
    /// The features, in the order in which they become known; with the base they add up to the score.
    pub steps: Vec<BreakDownStep>,
}

/// Takes the answer for one row apart, feature by feature (break down: Staniak and Biecek, 2018): in the order that is given,
/// or those first that move the mean score most on their own. Unlike Shapley values the parts depend on the order, and are
/// as many questions as there are features.
///
/// # Errors
/// When `row` is not one row, the order does not hold every feature once, the background has no rows or other columns, a
/// matrix is sparse, the model refuses a row, or the work was cancelled.
pub fn break_down<X: Tabular>(
    score: &Score<'_, X>,
    row: &X,
    background: &X,
    order: Option<&[&str]>,
    ctx: &Context,
) -> Result<BreakDown> {
    let row = one_row(background.aligned(row)?)?;
    let p = check_background(background)?;
    let names: Vec<&str> = background.names().collect();
    let players: Vec<Vec<usize>> = (0..p).map(|column| vec![column]).collect();
    let game = Game { score, background, players: &players, ctx };
    let order: Vec<usize> = match order {
        Some(names) => names.iter().map(|name| position(background, name)).collect::<Result<_>>()?,
        None => {
            let alone: Vec<bool> = (0..p * p).map(|flag| flag / p == flag % p).collect();
            let asked = game.values(&row, 0, &alone)?;
            let base = game.values(&row, 0, &vec![false; p])?[0];
            let mut order: Vec<usize> = (0..p).collect();
            order.sort_by(|&a, &b| (asked[b] - base).abs().total_cmp(&(asked[a] - base).abs()));
            order
        }
    };
    let mut known = vec![false; p];
    let mut coalitions = known.clone();
    for &column in &order {
        if std::mem::replace(&mut known[column], true) {
            return Err(Error::malformed(format!("`{}` is in the order twice", names[column])));
        }
        coalitions.extend_from_slice(&known);
    }
    if order.len() != p {
        return Err(Error::length_mismatch("the order of the features", p, order.len()));
    }
    let asked = game.values(&row, 0, &coalitions)?;
    let step = |(place, &column): (usize, &usize)| {
        let cells = row.cells(column)?;
        let shown = row.labels(column, cells.values())?.and_then(|labels| labels.into_iter().next());
        Ok(BreakDownStep {
            feature: names[column].to_owned(),
            value: cells.values()[0],
            shown,
            added: asked[place + 1] - asked[place],
        })
    };
    Ok(BreakDown { base: asked[0], steps: order.iter().enumerate().map(step).collect::<Result<_>>()? })
}

/// How the answer for one row moves with each of some features, the others as they are (ceteris paribus); the values come from
/// a background. Of a table they are columns of numbers or truth values.
///
/// # Errors
/// When `row` is not one row, or as [`partial_dependence`].
pub fn ceteris_paribus<X: Tabular>(
    score: &Score<'_, X>,
    row: &X,
    background: &X,
    features: &[&str],
    grid: &Grid,
    ctx: &Context,
) -> Result<Vec<Dependence>> {
    let row = one_row(background.aligned(row)?)?;
    let of_feature = |name: &&str| {
        let values = grid.of(background.cells(position(background, name)?)?.values(), name)?;
        partial_dependence(score, &row, name, &Grid::Values(values), ctx)
    };
    features.iter().map(of_feature).collect()
}

/// How many columns a background has; one without rows or columns is refused.
pub(super) fn check_background<X: Tabular>(background: &X) -> Result<usize> {
    match background.names().len() {
        p if p > 0 && background.n_rows() > 0 => Ok(p),
        _ => Err(Error::empty(
            "the background has no rows or no columns; give rows that stand for what is usual",
        )),
    }
}

pub(super) fn one_row<X: Rows>(row: X) -> Result<X> {
    match row.n_rows() {
        1 => Ok(row),
        n => Err(Error::length_mismatch("the row that is explained", 1, n)),
    }
}

/// Shapley values by drawing, feature by feature, an order and a row of the background (Strumbelj and Kononenko, 2010); what
/// the draws leave over goes to the features by the variance of theirs.
pub(super) fn sampled<X: Tabular>(
    game: &Game<'_, X>,
    (x, row): (&X, usize),
    n_draws: usize,
    base: f64,
    score: f64,
    random: &Random,
) -> Result<Vec<f64>> {
    let (p, n_background) = (game.players.len(), game.background.n_rows());
    let parts = tasks::try_each(p, |player| {
        game.ctx.check()?;
        let mut random = random.fork(player as u64);
        let mut parts = Vec::with_capacity(2 * n_draws);
        for _ in 0..n_draws {
            let order = random.permutation(p);
            let other = random.below(n_background);
            for own in [Some(&player), None] {
                let before = order.iter().take_while(|&&place| place != player);
                let known = before.chain(own).flat_map(|&place| game.players[place].iter().copied());
                parts.push((other..other + 1, known.collect::<Vec<usize>>()));
            }
        }
        let asked = game.score.of(&game.background.mixed(x, row, &parts)?)?;
        let gains: Vec<f64> = asked.chunks_exact(2).map(|pair| pair[0] - pair[1]).collect();
        let (mean, variance) = perennial_numeric::reduce::mean_variance(&gains, 0);
        Ok((mean, variance / n_draws as f64))
    })?;
    let left = score - base - parts.iter().map(|part| part.0).sum::<f64>();
    let spread: f64 = parts.iter().map(|part| part.1).sum();
    let share = |variance: f64| if spread > 0.0 { variance / spread } else { 1.0 / p as f64 };
    Ok(parts.into_iter().map(|(mean, variance)| mean + left * share(variance)).collect())
}
