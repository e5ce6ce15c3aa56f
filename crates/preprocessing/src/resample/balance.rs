//! How many rows each class is to have.

use perennial_core::{Classes, Param, Result};
use serde::{Deserialize, Serialize};

/// How many rows the classes are to have beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Balance {
    ratio: f64,
}

impl Default for Balance {
    fn default() -> Self {
        Balance { ratio: 1.0 }
    }
}

pub(super) const RATIO: Param = Param::real("ratio", "rows of a smaller class beside those of a larger one")
    .above(0.0)
    .at_most(1.0)
    .search(0.1, 1.0);

impl Balance {
    pub(super) fn ratio(ratio: f64) -> Self {
        Balance { ratio }
    }

    /// How many rows are to be added to each class, so that it has at least `ratio` times those of the largest.
    pub(super) fn added(self, y: &Classes) -> Result<Vec<usize>> {
        RATIO.check(self.ratio)?;
        let counts = counts(y)?;
        let wanted = (self.ratio * counts.iter().copied().max().unwrap_or(0) as f64).round() as usize;
        Ok(counts.iter().map(|&count| if count > 0 { wanted.saturating_sub(count) } else { 0 }).collect())
    }

    /// How many rows each class keeps, so that the smallest has at least `ratio` times those of any other.
    pub(super) fn kept(self, y: &Classes) -> Result<Vec<usize>> {
        RATIO.check(self.ratio)?;
        let counts = counts(y)?;
        let least = counts.iter().copied().filter(|&count| count > 0).min().unwrap_or(0);
        let most = (least as f64 / self.ratio).round() as usize;
        Ok(counts.iter().map(|&count| count.min(most)).collect())
    }
}

/// The rows of each class, of which two or more must have some.
pub(super) fn counts(y: &Classes) -> Result<Vec<usize>> {
    y.check_two_classes()?;
    Ok(y.counts())
}

/// The rows of each class.
pub(super) fn members(y: &Classes) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); y.n_classes()];
    y.codes().iter().enumerate().for_each(|(row, &code)| members[code as usize].push(row));
    members
}
