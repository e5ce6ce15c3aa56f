//! Rows of any kind that a cross-validation can scan.

use std::fmt;

use perennial_core::{Classes, Context, Error, Result, Rows};

use super::LeakageScan;
use crate::{AuditReport, Strata, Tabular};

/// What a target is known by: its classes or its numbers.
type Told<'t> = (Option<&'t Classes>, Option<&'t [f64]>);

/// Rows whose kind is forgotten.
trait Scanned: Sync {
    fn n_rows(&self) -> usize;
    fn scan(&self, scan: &LeakageScan<'_>, told: Told<'_>, ctx: &Context) -> Result<AuditReport>;
}

impl<X: Tabular> Scanned for X {
    fn n_rows(&self) -> usize {
        Rows::n_rows(self)
    }

    fn scan(&self, scan: &LeakageScan<'_>, told: Told<'_>, ctx: &Context) -> Result<AuditReport> {
        scan.scan_told(self, told, ctx)
    }
}

#[derive(Clone, Copy)]
pub(super) struct AnyRows<'a>(&'a dyn Scanned);

impl fmt::Debug for AnyRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.0.n_rows())
    }
}

impl<'a> LeakageScan<'a> {
    /// The rows that a cross-validation is given, where they are no matrix: with
    /// [`CrossValidation::scan_leakage`](crate::CrossValidation::scan_leakage) it scans these.
    #[must_use]
    pub fn rows<X: Tabular>(mut self, x: &'a X) -> Self {
        self.rows = Some(AnyRows(x));
        self
    }

    /// Scans the rows that were given.
    pub(crate) fn scan_given<Y>(&self, n_rows: usize, y: &Y, ctx: &Context) -> Result<AuditReport>
    where
        Y: Strata + ?Sized,
    {
        let Some(AnyRows(x)) = self.rows else {
            return Err(Error::unsupported(
                "the rows are no matrix, so cross-validation does not know their columns; give them to the scan as well, by `LeakageScan::rows`",
            ));
        };
        if x.n_rows() != n_rows {
            return Err(Error::length_mismatch("the rows of the leakage scan", n_rows, x.n_rows()));
        }
        x.scan(self, (y.classes(), y.numbers()), ctx)
    }
}
