use std::fmt;

use perennial_core::{Error, Matrix, Result};
use serde::{Deserialize, Serialize};

use super::Score;
use crate::tabular::{Cells, ColumnChange, Tabular, position};

/// One feature that would have to be different.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The feature.
    pub feature: String,
    /// What it is; NaN where it is missing.
    pub from: f64,
    /// What it would have to be.
    pub to: f64,
    /// Both as they read where numbers do not say it: of categories, texts, moments and truth values of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<[String; 2]>,
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
        for (place, Change { feature, from, to, texts }) in changes.iter().enumerate() {
            let joint = if place == 0 { "" } else { " and " };
            match texts {
                Some([from, to]) => write!(f, "{joint}`{feature}` is {to} instead of {from}")?,
                None => write!(f, "{joint}`{feature}` is {to} instead of {from}")?,
            }
        }
        Ok(())
    }
}

/// Finds what would have to be different for another answer.
///
/// It starts from the nearest known row that has the wanted score, so what it asks for occurs; takes back every change that
/// is not needed, the smallest first; and moves each one that is left as near to the row as the score allows (in the manner
/// of Brughmans, Leyman and Martens, 2023). Distances count each feature by its spread among the known rows, and a category or
/// text as 1 where it is another one.
///
/// Rows are those of a `Matrix`, or with the feature `table` those of a `Table`: of a pipeline over a table the columns of the
/// table change, and categories, texts and moments become those of a known row.
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
pub struct Counterfactuals<'a, X = Matrix> {
    score: &'a Score<'a, X>,
    known: &'a X,
    fixed: Vec<String>,
}

/// Halvings of the way between a row and a change.
const HALVINGS: usize = 40;

impl<'a, X: Tabular> Counterfactuals<'a, X> {
    /// Of this score, from what occurs in these rows.
    pub fn new(score: &'a Score<'a, X>, known: &'a X) -> Self {
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
    /// When the columns differ, a value of a matrix is missing, the model refuses a row, or no known row has such a score with the
    /// fixed features as they are.
    pub fn at_least(&self, bound: f64, x: &X) -> Result<Vec<Counterfactual>> {
        self.find(x, &|score| score >= bound, &format!("at least {bound}"))
    }

    /// For each row what would bring its score to `bound` or below.
    ///
    /// # Errors
    /// As [`at_least`](Counterfactuals::at_least).
    pub fn at_most(&self, bound: f64, x: &X) -> Result<Vec<Counterfactual>> {
        self.find(x, &|score| score <= bound, &format!("at most {bound}"))
    }

    fn find(&self, x: &X, wanted: &dyn Fn(f64) -> bool, what: &str) -> Result<Vec<Counterfactual>> {
        let x = self.known.aligned(x)?;
        for matrix in [x.as_matrix(), self.known.as_matrix()].into_iter().flatten() {
            matrix.check_finite(false)?;
        }
        let names: Vec<&str> = self.known.names().collect();
        let fixed = self.fixed.iter().map(|name| position(self.known, name)).collect::<Result<Vec<_>>>()?;
        let free: Vec<usize> = (0..names.len()).filter(|column| !fixed.contains(column)).collect();
        let spreads = (0..names.len())
            .map(|column| Ok(half_spread(&self.known.cells(column)?)))
            .collect::<Result<Vec<_>>>()?;
        let scores = if x.n_rows() == 0 { Vec::new() } else { self.score.of(&x)? };
        let search = Search { score: self.score, n_columns: names.len(), free: &free, spreads, wanted };
        let of_row = |(row, &score): (usize, &f64)| {
            if wanted(score) {
                return Ok(Counterfactual { changes: Vec::new(), from: score, to: score });
            }
            let start = search.nearest(self.known, &fixed, &x, row)?.ok_or_else(|| {
                Error::insufficient_data(format!(
                    "no known row has a {} of {what}, with the fixed features as they are in row {row}; give more rows, fix fewer features, or ask for less",
                    self.score.name()
                ))
            })?;
            let found = search.shorten(start, &x, row)?;
            let to = self.score.of(&found)?[0];
            let beside = search.beside(&found, &x, row)?;
            let mut changes = Vec::new();
            for &column in &free {
                let cells = beside.cells(column)?;
                let (to, from) = (cells.values()[0], cells.values()[1]);
                if !same(from, to) {
                    let texts = beside.labels(column, &[from, to])?.and_then(|texts| texts.try_into().ok());
                    changes.push(Change { feature: names[column].to_owned(), from, to, texts });
                }
            }
            Ok(Counterfactual { changes, from: score, to })
        };
        scores.iter().enumerate().map(of_row).collect()
    }
}

/// Half of the way from the least to the largest number of a column: the whole way may be more than any number.
fn half_spread(cells: &Cells) -> f64 {
    let known = cells.values().iter().copied().filter(|value| value.is_finite());
    let (low, high) =
        known.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if high > low { 0.5 * high - 0.5 * low } else { 0.5 }
}

/// Missing values are the same.
fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

struct Search<'a, X> {
    score: &'a Score<'a, X>,
    n_columns: usize,
    free: &'a [usize],
    /// Half of the spread of each column.
    spreads: Vec<f64>,
    wanted: &'a dyn Fn(f64) -> bool,
}

impl<X: Tabular> Search<'_, X> {
    fn has(&self, row: &X) -> Result<bool> {
        Ok((self.wanted)(self.score.of(row)?[0]))
    }

    /// Rows, and below them a row of `x` with all it holds, so that their texts are counted alike.
    fn beside(&self, rows: &X, x: &X, row: usize) -> Result<X> {
        rows.mixed(x, row, &[(0..rows.n_rows(), Vec::new()), (0..1, (0..self.n_columns).collect())])
    }

    /// How far two cells of a column are from each other, in spreads of it.
    fn distance(&self, column: usize, cells: &Cells, a: usize, b: usize) -> f64 {
        let (a, b) = (cells.values()[a], cells.values()[b]);
        match cells {
            _ if same(a, b) => 0.0,
            Cells::Labels(_) => 1.0,
            _ if a.is_nan() || b.is_nan() => 1.0,
            _ => (0.5 * a - 0.5 * b).abs() / self.spreads[column],
        }
    }

    /// The nearest of the known rows that has the wanted score with the fixed features of a row.
    fn nearest(&self, known: &X, fixed: &[usize], x: &X, row: usize) -> Result<Option<X>> {
        let n_known = known.n_rows();
        if n_known == 0 || self.n_columns == 0 {
            return Ok(None);
        }
        let candidates = known.mixed(x, row, &[(0..n_known, fixed.to_vec())])?;
        let beside = self.beside(&candidates, x, row)?;
        let mut distances = vec![0.0; n_known];
        for &column in self.free {
            let cells = beside.cells(column)?;
            for (place, distance) in distances.iter_mut().enumerate() {
                *distance += self.distance(column, &cells, place, n_known);
            }
        }
        let scores = self.score.of(&candidates)?;
        let wanted = (0..n_known).filter(|&place| (self.wanted)(scores[place]));
        let nearest = wanted.min_by(|&a, &b| distances[a].total_cmp(&distances[b]));
        nearest.map(|place| candidates.take(&[place])).transpose()
    }

    /// Takes back what is not needed, and the rest as far as it goes.
    fn shorten(&self, mut found: X, x: &X, row: usize) -> Result<X> {
        let beside = self.beside(&found, x, row)?;
        let mut changed: Vec<(f64, usize, Cells)> = Vec::new();
        for &column in self.free {
            let cells = beside.cells(column)?;
            if !same(cells.values()[0], cells.values()[1]) {
                changed.push((self.distance(column, &cells, 0, 1), column, cells));
            }
        }
        changed.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut needed = Vec::new();
        for (_, column, cells) in changed {
            let without = found.mixed(x, row, &[(0..1, vec![column])])?;
            if self.has(&without)? { found = without } else { needed.push((column, cells)) }
        }
        // The largest change first: it has the most to give back. Categories, texts and moments stay what they are.
        for (column, cells) in needed.into_iter().rev() {
            let Cells::Numbers(values) = cells else { continue };
            let (mut with, mut without) = (values[0], values[1]);
            if with.is_nan() || without.is_nan() {
                continue;
            }
            for _ in 0..HALVINGS {
                let middle = 0.5 * without + 0.5 * with;
                let moved = found.changed(&[(column, ColumnChange::Set(vec![middle]))])?;
                // Whole numbers are rounded, and truth values are one or the other.
                let middle = moved.cells(column)?.values()[0];
                if middle == without || middle == with {
                    break;
                }
                if self.has(&moved)? {
                    (found, with) = (moved, middle);
                } else {
                    without = middle;
                }
            }
        }
        Ok(found)
    }
}
