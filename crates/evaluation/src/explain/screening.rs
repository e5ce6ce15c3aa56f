use perennial_core::{Context, Error, Param, Result};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_statistics::describe::quantile_sorted;
use serde::{Deserialize, Serialize};

use super::Score;
use super::parts::check_background;
use crate::tabular::position;
use crate::{Cells, ColumnChange, Tabular};

/// How much a score moves with one feature, wherever the others are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElementaryEffect {
    /// The feature.
    pub feature: String,
    /// The mean effect of crossing its whole range; near 0 for one that goes up and down.
    pub mean: f64,
    /// The mean size of the effect (Campolongo, Cariboni and Saltelli, 2007): how much the feature matters.
    pub mean_size: f64,
    /// The standard deviation of the effects: large where the feature bends the score, or acts together with others.
    pub deviation: f64,
}

const N_PATHS: Param = Param::integer("n_paths", "paths through the features").at_least(2.0);
/// Places at which a feature can stand; a step goes over two of the three parts between them.
const LEVELS: usize = 4;
/// The ends of a feature's range, as shares of the rows.
const RANGE: [f64; 2] = [0.05, 0.95];

/// Which of many features matter at all, from few questions (Morris, 1991): `n_paths` paths go from a random place through all features,
/// each of which takes one step of two thirds of its range. The range is that of 90 of 100 rows of the background; the other columns are those of
/// one of its rows. Whole numbers and truth values step to the nearest that they can be, and the effect is that of the step they took.
///
/// It asks `n_paths` times as many rows as there are features, and one. The features are columns of numbers; the largest mean size comes first.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Context, Matrix};
/// use perennial_evaluation::explain::{Score, elementary_effects};
///
/// let score = Score::new("score", |x: &Matrix| Ok(x.dense()?.rows().into_iter().map(|row| 3.0 * row[0] + row[1] * row[1]).collect()));
/// let x = Matrix::from(Array2::from_shape_fn((101, 3), |(row, _)| f64::from(row as u32) / 50.0 - 1.0)).with_names(["a", "b", "c"])?;
/// let found = elementary_effects(&score, &x, &["a", "b", "c"], 40, &Context::new())?;
/// // From -0.9 to 0.9 the line moves by 5.4, and everywhere alike.
/// assert!((found[0].mean - 5.4).abs() < 1e-9 && found[0].deviation < 1e-9);
/// assert!(found[1].feature == "b" && found[1].deviation > 0.5 && found[2].mean_size == 0.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the background has no rows, a feature is not there, twice, no column of numbers, or the same in nearly all rows, `n_paths` is below 2, a
/// matrix is sparse, the model refuses a row, or the work was cancelled.
pub fn elementary_effects<X: Tabular>(
    score: &Score<'_, X>,
    background: &X,
    features: &[&str],
    n_paths: usize,
    ctx: &Context,
) -> Result<Vec<ElementaryEffect>> {
    N_PATHS.check_count(n_paths)?;
    check_background(background)?;
    let ranges = features.iter().map(|name| Range::of(background, name)).collect::<Result<Vec<Range>>>()?;
    for (place, range) in ranges.iter().enumerate() {
        if ranges[..place].iter().any(|other| other.column == range.column) {
            return Err(Error::malformed(format!("`{}` is named twice", features[place])));
        }
    }
    let random = Random::new(ctx.seed(None)).stream("elementary effects");
    let k = ranges.len();
    let paths = crate::tasks::try_each(n_paths, |path| {
        ctx.step(path, n_paths)?;
        let mut random = random.fork(path as u64);
        // From each of the lower two places a step goes up to one of the upper two, and from those down.
        let mut at: Vec<usize> = (0..k).map(|_| random.below(LEVELS)).collect();
        let order = random.permutation(k);
        let from = random.below(background.n_rows());
        let mut places = vec![at.clone()];
        for &feature in &order {
            let up = at[feature] < LEVELS / 2;
            at[feature] = if up { at[feature] + LEVELS / 2 } else { at[feature] - LEVELS / 2 };
            places.push(at.clone());
        }
        let rows = background.take(&vec![from; k + 1])?;
        let changes: Vec<(usize, ColumnChange)> = ranges
            .iter()
            .enumerate()
            .map(|(feature, range)| {
                let set = places.iter().map(|place| range.at(place[feature])).collect();
                (range.column, ColumnChange::Set(set))
            })
            .collect();
        let rows = rows.changed(&changes)?;
        // Whole numbers and truth values are not where they were set, but at the nearest they can be.
        let stood = ranges.iter().map(|range| rows.cells(range.column)).collect::<Result<Vec<Cells>>>()?;
        let said = score.of(&rows)?;
        let mut effects = vec![0.0; k];
        for (place, &feature) in order.iter().enumerate() {
            let (range, cells) = (&ranges[feature], stood[feature].values());
            // In terms of the whole range.
            let moved = (cells[place + 1] - cells[place]) / (range.high - range.low);
            effects[feature] = if moved == 0.0 { 0.0 } else { (said[place + 1] - said[place]) / moved };
        }
        Ok(effects)
    })?;
    let mut found: Vec<ElementaryEffect> = features
        .iter()
        .enumerate()
        .map(|(feature, name)| {
            let effects: Vec<f64> = paths.iter().map(|effects| effects[feature]).collect();
            let sizes: Vec<f64> = effects.iter().map(|effect| effect.abs()).collect();
            let (mean, variance) = reduce::mean_variance(&effects, 1);
            ElementaryEffect {
                feature: (*name).to_owned(),
                mean,
                mean_size: reduce::mean(&sizes),
                deviation: variance.sqrt(),
            }
        })
        .collect();
    found.sort_by(|a, b| b.mean_size.total_cmp(&a.mean_size));
    Ok(found)
}

/// Where a feature can stand.
struct Range {
    column: usize,
    low: f64,
    high: f64,
}

impl Range {
    fn of<X: Tabular>(background: &X, name: &str) -> Result<Self> {
        let column = position(background, name)?;
        let Cells::Numbers(cells) = background.cells(column)? else {
            return Err(Error::unsupported(format!(
                "`{name}` is no column of numbers, so it has no range to cross"
            )));
        };
        let mut known: Vec<f64> = cells.into_iter().filter(|cell| cell.is_finite()).collect();
        known.sort_by(f64::total_cmp);
        if known.is_empty() {
            return Err(Error::insufficient_data(format!("`{name}` has no finite value")));
        }
        let [low, high] = RANGE.map(|share| quantile_sorted(&known, share));
        if !(low < high) {
            return Err(Error::insufficient_data(format!(
                "`{name}` is {low} in nearly all rows, so it has no range to cross; leave it out"
            )));
        }
        Ok(Range { column, low, high })
    }

    fn at(&self, level: usize) -> f64 {
        let share = level as f64 / (LEVELS - 1) as f64;
        (1.0 - share) * self.low + share * self.high
    }
}
