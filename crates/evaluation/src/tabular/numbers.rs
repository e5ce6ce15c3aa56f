//! Rows of any kind as numbers.

use std::collections::BTreeSet;
use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{Feature, FeatureKind, Features, Matrix, Result};

use super::{Cells, Tabular};

/// Rows as a matrix, in which labels are codes and truth values categories.
pub(crate) struct AsNumbers {
    pub(crate) x: Matrix,
    /// Other rows, by the same codes.
    pub(crate) beside: Option<Matrix>,
    /// What the codes of each column read, where they are not the numbers themselves.
    levels: Vec<Option<Vec<String>>>,
}

impl AsNumbers {
    /// # Errors
    /// When the columns of the other rows differ, or a column cannot be read.
    pub(crate) fn of<X: Tabular>(x: &X, beside: Option<&X>) -> Result<Self> {
        let beside = beside.map(|beside| x.aligned(beside)).transpose()?;
        if let Some(matrix) = x.as_matrix() {
            let beside = beside.and_then(|beside| beside.as_matrix().cloned());
            return Ok(AsNumbers { x: matrix.clone(), beside, levels: vec![None; matrix.n_cols()] });
        }
        let p = x.names().len();
        let tables: Vec<&X> = std::iter::once(x).chain(&beside).collect();
        let mut values: Vec<Array2<f64>> =
            tables.iter().map(|rows| Array2::zeros((rows.n_rows(), p))).collect();
        let (mut features, mut levels) = (Vec::new(), Vec::new());
        for (column, name) in x.names().enumerate() {
            let cells = tables.iter().map(|rows| rows.cells(column)).collect::<Result<Vec<Cells>>>()?;
            let named = tables.iter().zip(&cells).map(|(rows, cells)| known(*rows, column, cells));
            let named = named.collect::<Result<Option<Vec<Vec<(f64, String)>>>>>();
            let own = named?.map(|named| {
                let all: BTreeSet<String> = named.iter().flatten().map(|(_, label)| label.clone()).collect();
                (named, all.into_iter().collect::<Vec<String>>())
            });
            for (place, (values, cells)) in values.iter_mut().zip(&cells).enumerate() {
                let code = |value: f64| match &own {
                    Some((named, all)) if !value.is_nan() => {
                        let at = named[place].partition_point(|(other, _)| *other < value);
                        let label = named[place].get(at).map_or("", |(_, label)| label.as_str());
                        all.partition_point(|other| other.as_str() < label) as f64
                    }
                    _ => value,
                };
                values
                    .column_mut(column)
                    .iter_mut()
                    .zip(cells.values())
                    .for_each(|(to, from)| *to = code(*from));
            }
            let name: Arc<str> = name.into();
            let kind = own.as_ref().map_or(FeatureKind::Numeric, |(_, all)| FeatureKind::Categorical {
                n_categories: u32::try_from(all.len()).unwrap_or(u32::MAX),
            });
            features.push(Feature { name, kind });
            levels.push(own.map(|(_, all)| all));
        }
        let features = Features::try_from(features)?;
        let mut matrices =
            values.into_iter().map(|values| Matrix::from(values).with_features(features.clone()));
        let own = matrices.next().transpose()?;
        let own = own.ok_or_else(|| perennial_core::Error::empty("there are no rows"))?;
        Ok(AsNumbers { x: own, beside: matrices.next().transpose()?, levels })
    }

    /// How a number of a column of the rows reads, where it is not the number itself.
    ///
    /// # Errors
    /// When the column cannot be read.
    pub(crate) fn label<X: Tabular>(&self, x: &X, column: usize, value: f64) -> Result<Option<String>> {
        match &self.levels[column] {
            Some(levels) => Ok(levels.get(value as usize).cloned()),
            None => Ok(x.labels(column, &[value])?.and_then(|labels| labels.into_iter().next())),
        }
    }
}

/// The different labels of a column with their numbers, rising; nothing where it holds quantities or moments.
fn known<X: Tabular>(x: &X, column: usize, cells: &Cells) -> Result<Option<Vec<(f64, String)>>> {
    if matches!(cells, Cells::Times(_)) {
        return Ok(None);
    }
    let mut different: Vec<f64> = cells.values().iter().copied().filter(|value| !value.is_nan()).collect();
    different.sort_by(f64::total_cmp);
    different.dedup();
    let labels = x.labels(column, &different)?;
    Ok(labels.map(|labels| different.into_iter().zip(labels).collect()))
}
