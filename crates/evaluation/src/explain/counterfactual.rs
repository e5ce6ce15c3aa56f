use std::fmt;

use ndarray::{Array2, ArrayView1};
use perennial_core::{Error, Features, Matrix, Result, Rows};
use serde::{Deserialize, Serialize};

use super::Score;

/// One feature that would have to be different.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The feature.
    pub feature: String,
    /// What it is.
    pub from: f64,
    /// What it would have to be.
    pub to: f64,
}

/// A row like another, for which the score is on the other side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counterfactual {
    /// What would have to be different.
    pub changes: Vec<Change>,
    /// The score of the row as it is.
    pub from: f64,
    /// The score with the changes.
    pub to: f64,
}

/// A sentence, such as "the score rises from 0.3 to 0.6 if `income` is 52000 instead of 38000".
impl fmt::Display for Counterfactual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counterfactual { changes, from, to } = self;
        if changes.is_empty() {
            return write!(f, "the score is {from:.4} already");
        }
        let way = if to >= from { "rises" } else { "falls" };
        write!(f, "the score {way} from {from:.4} to {to:.4} if ")?;
        for (place, Change { feature, from, to }) in changes.iter().enumerate() {
            let joint = if place == 0 { "" } else { " and " };
            write!(f, "{joint}`{feature}` is {to} instead of {from}")?;
        }
        Ok(())
    }
}

/// Finds what would have to be different for another answer.
///
/// It starts from the nearest known row that has the wanted score, so what it asks for occurs; takes back every change that
/// is not needed, the smallest first; and moves each one that is left as near to the row as the score allows (in the manner
/// of Brughmans, Leyman and Martens, 2023). Distances count each feature by its spread among the known rows.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `fixed` | none | features that cannot be changed, such as the age |
///
/// ```
/// use ndarray::array;
/// use perennial_core::Matrix;
/// use perennial_evaluation::explain::{Counterfactuals, Score};
///
/// let score = Score::new("score", |x: &Matrix| Ok(x.dense()?.rows().into_iter().map(|row| row[0] + row[1]).collect()));
/// let known = Matrix::from(array![[0.0, 0.0], [1.0, 9.0], [6.0, 6.0]]).with_names(["a", "b"])?;
/// let row = Matrix::from(array![[1.0, 2.0]]).with_names(["a", "b"])?;
/// let found = Counterfactuals::new(&score, &known).fixed(["a"]).at_least(8.0, &row)?;
/// assert_eq!(found[0].changes.len(), 1);
/// assert!((found[0].changes[0].to - 7.0).abs() < 1e-6);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Counterfactuals<'a> {
    score: &'a Score<'a>,
    known: &'a Matrix,
    fixed: Vec<String>,
}

/// Halvings of the way between a row and a change.
const HALVINGS: usize = 40;

impl<'a> Counterfactuals<'a> {
    /// Of this score, from what occurs in these rows.
    pub fn new(score: &'a Score<'a>, known: &'a Matrix) -> Self {
        Counterfactuals { score, known, fixed: Vec::new() }
    }

    /// Features that cannot be changed.
    #[must_use]
    pub fn fixed<S: Into<String>>(mut self, features: impl IntoIterator<Item = S>) -> Self {
        self.fixed = features.into_iter().map(Into::into).collect();
        self
    }

    /// For each row what would bring its score to `bound` or above.
    ///
    /// # Errors
    /// When the columns differ, a value is missing, the model refuses a row, or no known row has such a score with the fixed
    /// features as they are.
    pub fn at_least(&self, bound: f64, x: &Matrix) -> Result<Vec<Counterfactual>> {
        self.find(x, &|score| score >= bound, &format!("at least {bound}"))
    }

    /// For each row what would bring its score to `bound` or below.
    ///
    /// # Errors
    /// As [`at_least`](Counterfactuals::at_least).
    pub fn at_most(&self, bound: f64, x: &Matrix) -> Result<Vec<Counterfactual>> {
        self.find(x, &|score| score <= bound, &format!("at most {bound}"))
    }

    fn find(&self, x: &Matrix, wanted: &dyn Fn(f64) -> bool, what: &str) -> Result<Vec<Counterfactual>> {
        let features = self.known.features();
        let x = features.align(x)?;
        x.check_finite(false)?;
        self.known.check_finite(false)?;
        let (rows, known) = (x.dense()?, self.known.dense()?);
        let fixed = self.fixed.iter().map(|name| features.position(name)).collect::<Result<Vec<_>>>()?;
        let free: Vec<usize> = (0..features.len()).filter(|column| !fixed.contains(column)).collect();
        let spreads: Vec<f64> = known
            .columns()
            .into_iter()
            .map(|column| {
                let (low, high) = column
                    .iter()
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
                if high > low { high - low } else { 1.0 }
            })
            .collect();
        let scores = if x.n_rows() == 0 { Vec::new() } else { self.score.of(&x)? };
        let search = Search { score: self.score, features, spreads: &spreads, wanted };
        let of_row = |(row, &score): (usize, &f64)| {
            let own = rows.row(row);
            if wanted(score) {
                return Ok(Counterfactual { changes: Vec::new(), from: score, to: score });
            }
            // Known rows with the fixed features of this one.
            let mut candidates = known.to_owned();
            for &column in &fixed {
                candidates.column_mut(column).fill(own[column]);
            }
            let start = search.nearest(own, &candidates, &free)?.ok_or_else(|| {
                Error::insufficient_data(format!(
                    "no known row has a {} of {what}, with the fixed features as they are in row {row}; give more rows, fix fewer features, or ask for less",
                    self.score.name()
                ))
            })?;
            let found = search.shorten(own, start)?;
            let to = search.ask(&[&found])?[0];
            let changed = free.iter().filter(|&&column| found[column] != own[column]);
            let changes = changed.map(|&column| Change {
                feature: features.name(column).to_owned(),
                from: own[column],
                to: found[column],
            });
            Ok(Counterfactual { changes: changes.collect(), from: score, to })
        };
        scores.iter().enumerate().map(of_row).collect()
    }
}

struct Search<'a> {
    score: &'a Score<'a>,
    features: &'a Features,
    spreads: &'a [f64],
    wanted: &'a dyn Fn(f64) -> bool,
}

impl Search<'_> {
    fn ask(&self, rows: &[&[f64]]) -> Result<Vec<f64>> {
        let values =
            Array2::from_shape_fn((rows.len(), self.features.len()), |(row, column)| rows[row][column]);
        self.score.of(&Matrix::from(values).with_features(self.features.clone())?)
    }

    fn has(&self, row: &[f64]) -> Result<bool> {
        Ok((self.wanted)(self.ask(&[row])?[0]))
    }

    /// The nearest of the candidates that has the wanted score.
    fn nearest(
        &self,
        own: ArrayView1<'_, f64>,
        candidates: &Array2<f64>,
        free: &[usize],
    ) -> Result<Option<Vec<f64>>> {
        if candidates.is_empty() {
            return Ok(None);
        }
        let scores = self.score.of(&Matrix::from(candidates.clone()).with_features(self.features.clone())?)?;
        let distance = |row: usize| -> f64 {
            free.iter()
                .map(|&column| (candidates[[row, column]] - own[column]).abs() / self.spreads[column])
                .sum()
        };
        let wanted = (0..scores.len()).filter(|&row| (self.wanted)(scores[row]));
        let nearest = wanted.min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        Ok(nearest.map(|row| candidates.row(row).to_vec()))
    }

    /// Takes back what is not needed, and the rest as far as it goes.
    fn shorten(&self, own: ArrayView1<'_, f64>, mut found: Vec<f64>) -> Result<Vec<f64>> {
        let size = |found: &[f64], column: usize| (found[column] - own[column]).abs() / self.spreads[column];
        let mut changed: Vec<usize> =
            (0..found.len()).filter(|&column| found[column] != own[column]).collect();
        changed.sort_by(|&a, &b| size(&found, a).total_cmp(&size(&found, b)));
        let mut needed = Vec::new();
        for column in changed {
            let kept = std::mem::replace(&mut found[column], own[column]);
            if !self.has(&found)? {
                found[column] = kept;
                needed.push(column);
            }
        }
        // The largest change first: it has the most to give back. Whole numbers that stand for categories stay whole.
        for &column in needed.iter().rev() {
            if self.features.kind(column) != perennial_core::FeatureKind::Numeric {
                continue;
            }
            let (mut without, mut with) = (own[column], found[column]);
            for _ in 0..HALVINGS {
                let middle = 0.5 * without + 0.5 * with;
                if middle == without || middle == with {
                    break;
                }
                found[column] = middle;
                if self.has(&found)? { with = middle } else { without = middle }
            }
            found[column] = with;
        }
        Ok(found)
    }
}
