//! One declaration of a setting serves its check, its search space and its documentation.

use serde::Serialize;

use crate::{Error, Result};

/// A numeric setting: its name, its range, where to search it, and what it means.
///
/// ```
/// use perennial_core::Param;
///
/// const ALPHA: Param = Param::real("alpha", "strength of the L2 penalty").at_least(0.0).search_log(1e-4, 1e4);
/// assert!(ALPHA.check(1.0).is_ok());
/// assert_eq!(ALPHA.check(f64::NAN).unwrap_err().to_string(), "parameter `alpha` is NaN; expected a finite number >= 0");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Param {
    /// The name of the setting, as in the builder.
    pub name: &'static str,
    /// What it means, in a clause.
    pub meaning: &'static str,
    /// Whether only whole numbers are allowed.
    pub integer: bool,
    /// The lowest value.
    pub low: f64,
    /// Whether the lowest value itself is excluded.
    pub open: bool,
    /// The highest value.
    pub high: f64,
    /// Where a search should look, and whether on a logarithmic scale.
    pub search: Option<(f64, f64, bool)>,
}

impl Param {
    /// A real setting.
    pub const fn real(name: &'static str, meaning: &'static str) -> Self {
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        Param { name, meaning, integer: false, low, open: false, high, search: None }
    }

    /// A whole-number setting.
    pub const fn integer(name: &'static str, meaning: &'static str) -> Self {
        Param { integer: true, ..Param::real(name, meaning) }
    }

    /// Only values `>= low`.
    #[must_use]
    pub const fn at_least(mut self, low: f64) -> Self {
        self.low = low;
        self
    }

    /// Only values `> low`.
    #[must_use]
    pub const fn above(mut self, low: f64) -> Self {
        self.low = low;
        self.open = true;
        self
    }

    /// Only values `<= high`.
    #[must_use]
    pub const fn at_most(mut self, high: f64) -> Self {
        self.high = high;
        self
    }

    /// Where a search should look.
    #[must_use]
    pub const fn search(mut self, low: f64, high: f64) -> Self {
        self.search = Some((low, high, false));
        self
    }

    /// Where a search should look, on a logarithmic scale.
    #[must_use]
    pub const fn search_log(mut self, low: f64, high: f64) -> Self {
        self.search = Some((low, high, true));
        self
    }

    /// Refuses a value outside the range, and NaN and infinities always.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParam`](crate::ErrorKind::InvalidParam) with the name, the value and the range.
    pub fn check(&self, value: f64) -> Result<()> {
        let above = if self.open { value > self.low } else { value >= self.low };
        let whole = value.fract() == 0.0;
        if value.is_finite() && above && value <= self.high && (whole || !self.integer) {
            return Ok(());
        }
        if self.integer && whole {
            return Err(Error::invalid_param(self.name, value as i128, self.expected()));
        }
        Err(Error::invalid_param(self.name, value, self.expected()))
    }

    /// As [`check`](Param::check), for counts.
    ///
    /// # Errors
    /// As for [`check`](Param::check).
    pub fn check_count(&self, value: usize) -> Result<()> {
        self.check(value as f64).map_err(|_| Error::invalid_param(self.name, value, self.expected()))
    }

    /// The range in words: "a finite number >= 0".
    pub fn expected(&self) -> String {
        let noun = if self.integer { "a whole number" } else { "a finite number" };
        let sign = if self.open { ">" } else { ">=" };
        let (low, high) = (plain(self.low), plain(self.high));
        match (self.low.is_finite(), self.high.is_finite()) {
            (false, false) => noun.to_owned(),
            (true, false) => format!("{noun} {sign} {low}"),
            (false, true) => format!("{noun} <= {high}"),
            (true, true) => format!("{noun} {sign} {low} and <= {high}"),
        }
    }
}

/// A bound as people write it: 0.5, 10000, 1e-100.
fn plain(value: f64) -> String {
    if value == 0.0 || (1e-4..1e15).contains(&value.abs()) { value.to_string() } else { format!("{value:e}") }
}
