//! What samples must be, said once.

use perennial_core::{Error, ErrorKind, Result};

/// No NaN and nothing infinite.
pub(crate) fn finite(what: &str, x: &[f64]) -> Result<()> {
    refuse(what, x, |v| !v.is_finite())
}

/// No NaN.
pub(crate) fn no_nan(what: &str, x: &[f64]) -> Result<()> {
    refuse(what, x, f64::is_nan)
}

fn refuse(what: &str, x: &[f64], bad: impl Fn(f64) -> bool) -> Result<()> {
    match x.iter().position(|&v| bad(v)) {
        None => Ok(()),
        Some(row) => Err(Error::new(ErrorKind::NonFinite {
            what: what.to_owned(),
            value: x[row].to_string(),
            row,
            column: None,
            advice: "drop or impute such rows first".to_owned(),
        })),
    }
}

/// At least `least` values.
pub(crate) fn at_least(what: &str, x: &[f64], least: usize) -> Result<()> {
    if x.len() >= least {
        return Ok(());
    }
    Err(Error::insufficient_data(format!("{what} has {} values; at least {least} are needed", x.len())))
}

/// The same number of values.
pub(crate) fn same_length(x: &[f64], y: &[f64]) -> Result<()> {
    if x.len() == y.len() {
        Ok(())
    } else {
        Err(Error::length_mismatch("the second sample", x.len(), y.len()))
    }
}
