//! Columns in the order of their values.

use ndarray::ArrayRef2;
use perennial_core::{Context, Error, FeatureKind, Matrix, Result};
use perennial_numeric::reduce;

use crate::binned::check_category;
use crate::boosting::constraints::Constraints;
use crate::boosting::engine::sets::Sets;
use crate::boosting::settings::Settings;
use crate::tree::grow::sorted;
use crate::tree::split::Entry;

/// What all trees of exact splits share: each column in order, found once.
pub(crate) struct Sorted<'a> {
    pub(super) x: &'a ArrayRef2<f64>,
    /// Which columns hold categories.
    pub(super) categorical: Vec<bool>,
    /// All rows in the order of each column; nothing of one that holds one value alone.
    columns: Vec<Vec<Entry>>,
    pub(super) settings: &'a Settings,
    pub(super) constraints: &'a Constraints,
    pub(crate) sets: Sets,
}

impl<'a> Sorted<'a> {
    /// # Errors
    /// When the matrix is sparse, or a category is no whole number in range.
    pub(crate) fn new(
        x: &'a Matrix,
        settings: &'a Settings,
        constraints: &'a Constraints,
        ctx: &Context,
    ) -> Result<Self> {
        let features = x.features();
        let x = x.dense()?;
        let kinds = features.iter().map(|feature| matches!(feature.kind, FeatureKind::Categorical { .. }));
        let categorical: Vec<bool> = kinds.collect();
        let rows: Vec<u32> = (0..x.nrows() as u32).collect();
        let columns = reduce::try_map_each(x.ncols(), |column| {
            ctx.check()?;
            if categorical[column] {
                let present = x.column(column).into_iter().enumerate().filter(|(_, code)| !code.is_nan());
                for (row, &code) in present {
                    check_category(code, row, features.name(column))?;
                }
            }
            let entries = sorted(x, &rows, column);
            let varies = entries.first().map(|entry| entry.rank) != entries.last().map(|entry| entry.rank);
            Ok::<_, Error>(if varies { entries } else { Vec::new() })
        })?;
        Ok(Sorted { x, categorical, columns, settings, constraints, sets: Sets::new(settings) })
    }

    /// The rows of a tree, ascending, in the order of each column that it may ask and that holds more than one value.
    pub(super) fn of_rows(&self, rows: &[u32], asked: &[bool], ctx: &Context) -> Result<Vec<Column>> {
        let n_rows = self.x.nrows();
        let mut is_one = Vec::new();
        if rows.len() < n_rows {
            is_one.resize(n_rows, false);
            rows.iter().for_each(|&row| is_one[row as usize] = true);
        }
        let numbers = (0..self.columns.len()).filter(|&column| asked[column]);
        let numbers: Vec<usize> = numbers.filter(|&column| !self.columns[column].is_empty()).collect();
        reduce::try_map_each(numbers.len(), |index| {
            ctx.check()?;
            let all = &self.columns[numbers[index]];
            let entries = match is_one.is_empty() {
                true => all.clone(),
                false => all.iter().copied().filter(|entry| is_one[entry.row as usize]).collect(),
            };
            Ok(Column { number: numbers[index], entries })
        })
    }
}

/// The rows of a tree in the order of a column; those of a node lie side by side.
pub(super) struct Column {
    pub(super) number: usize,
    pub(super) entries: Vec<Entry>,
}
