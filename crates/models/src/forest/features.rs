//! How many columns a node looks at.

use perennial_core::{Param, Result};
use serde::{Deserialize, Serialize};

const FRACTION: Param =
    Param::real("fraction", "the share of the columns that a node looks at").above(0.0).at_most(1.0);
const COUNT: Param = Param::integer("count", "how many columns a node looks at").at_least(1.0);

/// How many columns, drawn at random from those with more than one value, each node looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxFeatures {
    /// All of them.
    #[default]
    All,
    /// The square root of their number, rounded down.
    Sqrt,
    /// The logarithm of their number to base 2, rounded down.
    Log2,
    /// This share of them, rounded down, above 0 and at most 1.
    Fraction(f64),
    /// So many, at least 1; all of them where there are fewer.
    Count(usize),
}

impl MaxFeatures {
    pub(super) const PARAMS: [Param; 2] = [FRACTION, COUNT];

    pub(super) fn check(self) -> Result<()> {
        match self {
            MaxFeatures::Fraction(fraction) => FRACTION.check(fraction),
            MaxFeatures::Count(count) => COUNT.check_count(count),
            _ => Ok(()),
        }
    }

    /// The number out of `n`, at least one.
    pub(super) fn of(self, n: usize) -> usize {
        let count = match self {
            MaxFeatures::All => n,
            MaxFeatures::Sqrt => n.isqrt(),
            MaxFeatures::Log2 => n.checked_ilog2().unwrap_or(0) as usize,
            MaxFeatures::Fraction(fraction) => (n as f64 * fraction) as usize,
            MaxFeatures::Count(count) => count,
        };
        count.clamp(1, n.max(1))
    }
}
