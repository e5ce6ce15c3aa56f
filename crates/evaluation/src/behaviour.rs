//! What a model must do whatever the data say.

use std::fmt;

use perennial_core::{Error, Param, Result, Rows};
use perennial_statistics::interval::{Interval, clopper_pearson};
use serde::{Deserialize, Serialize};

use crate::explain::Score;

/// What is expected of answers (Ribeiro, Wu, Guestrin and Singh, 2020).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// Invariance: the change moves the answer by no more than this.
    Unmoved(f64),
    /// Direction: the change does not make the answer smaller, but for this much.
    NotFalling(f64),
    /// Direction: the change does not make the answer larger, but for this much.
    NotRising(f64),
    /// Least that can be asked: the answer for the changed row is at least this.
    AtLeast(f64),
    /// Least that can be asked: the answer for the changed row is at most this.
    AtMost(f64),
}

/// How often an expectation is broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// What is tested.
    pub name: String,
    /// What is expected.
    pub expectation: Expectation,
    /// How many rows were tried.
    pub n_rows: usize,
    /// The rows that break it, those first that break it most.
    pub broken: Vec<usize>,
    /// The share of rows that break it, with its exact interval of 95 %: an upper end above 0 where none did says how often it
    /// can still happen.
    pub share: Interval,
}

impl Behaviour {
    /// Whether no row breaks the expectation.
    pub fn passes(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Behaviour { name, n_rows, broken, share, .. } = self;
        let word = if self.passes() { "holds" } else { "is broken" };
        write!(f, "{name} {word}: {} of {n_rows} rows, {share}", broken.len())
    }
}

const TOLERANCE: Param = Param::real("tolerance", "difference of answers that is no matter").at_least(0.0);

/// Changes rows and asks whether the answers do as expected; a test of a model that needs no truth, and that can stand beside
/// the tests of a program.
///
/// ```
/// use ndarray::array;
/// use perennial_core::Matrix;
/// use perennial_evaluation::{Expectation, explain::Score, test_behaviour};
///
/// let score = Score::new("rent", |x: &Matrix| Ok(x.dense()?.rows().into_iter().map(|row| 10.0 * row[0] - row[1]).collect()));
/// let flats = Matrix::from(array![[50.0, 1.0], [70.0, 2.0]]);
/// let larger = |x: &Matrix| Ok(Matrix::from(x.dense()?.to_owned() + array![[5.0, 0.0]]));
/// let found = test_behaviour("rent rises with the area", &score, &flats, larger, Expectation::NotFalling(0.0))?;
/// assert!(found.passes());
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no rows, a tolerance is below 0, the change fails or gives another number of rows, or the model refuses a row.
pub fn test_behaviour<X: Rows<Owned = X>>(
    name: impl Into<String>,
    score: &Score<'_, X>,
    x: &X,
    change: impl FnOnce(&X) -> Result<X>,
    expectation: Expectation,
) -> Result<Behaviour> {
    match expectation {
        Expectation::Unmoved(tolerance)
        | Expectation::NotFalling(tolerance)
        | Expectation::NotRising(tolerance) => TOLERANCE.check(tolerance)?,
        Expectation::AtLeast(bound) | Expectation::AtMost(bound) if bound.is_nan() => {
            return Err(Error::invalid_param("bound", bound, "a number"));
        }
        Expectation::AtLeast(_) | Expectation::AtMost(_) => {}
    }
    let n_rows = x.n_rows();
    if n_rows == 0 {
        return Err(Error::empty("there are no rows to change"));
    }
    let changed = change(x)?;
    if changed.n_rows() != n_rows {
        return Err(Error::length_mismatch("the changed rows", n_rows, changed.n_rows()));
    }
    let (before, after) = (score.of(x)?, score.of(&changed)?);
    // How far beyond what is expected.
    let beyond = |row: usize| {
        let moved = after[row] - before[row];
        match expectation {
            Expectation::Unmoved(tolerance) => moved.abs() - tolerance,
            Expectation::NotFalling(tolerance) => -moved - tolerance,
            Expectation::NotRising(tolerance) => moved - tolerance,
            Expectation::AtLeast(bound) => bound - after[row],
            Expectation::AtMost(bound) => after[row] - bound,
        }
    };
    let mut broken: Vec<usize> = (0..n_rows).filter(|&row| beyond(row) > 0.0).collect();
    broken.sort_by(|&a, &b| beyond(b).total_cmp(&beyond(a)));
    let share = clopper_pearson(broken.len() as u64, n_rows as u64, 0.95)?;
    Ok(Behaviour { name: name.into(), expectation, n_rows, broken, share })
}
