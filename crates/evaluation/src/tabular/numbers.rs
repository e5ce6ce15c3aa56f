//! Rows of any kind as numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{Feature, FeatureKind, Features, Matrix, Result};

use super::{Cells, Tabular};

/// Rows as a matrix of the numbers of [`Tabular::cells`], in which truth values are categories.
pub(crate) struct AsNumbers {
    pub(crate) x: Matrix,
    /// Other rows, by the same codes: labels that they alone have come after those of the rows.
    pub(crate) beside: Option<Matrix>,
}

impl AsNumbers {
    /// # Errors
    /// When the columns of the other rows differ, or a column cannot be read.
    pub(crate) fn of<X: Tabular>(x: &X, beside: Option<&X>) -> Result<Self> {
        let beside = beside.map(|beside| x.aligned(beside)).transpose()?;
        if let Some(matrix) = x.as_matrix() {
            let beside = beside.and_then(|beside| beside.as_matrix().cloned());
            return Ok(AsNumbers { x: matrix.clone(), beside });
        }
        let p = x.names().len();
        let tables: Vec<&X> = std::iter::once(x).chain(&beside).collect();
        let mut values: Vec<Array2<f64>> =
            tables.iter().map(|rows| Array2::zeros((rows.n_rows(), p))).collect();
        let mut features = Vec::new();
        for (column, name) in x.names().enumerate() {
            let cells = tables.iter().map(|rows| rows.cells(column)).collect::<Result<Vec<Cells>>>()?;
            let named = tables.iter().zip(&cells).map(|(rows, cells)| known(*rows, column, cells));
            let named = named.collect::<Result<Option<Vec<Vec<(f64, String)>>>>>();
            let codes = named?.map(|named| codes_of(&named));
            for (place, (values, cells)) in values.iter_mut().zip(&cells).enumerate() {
                let code = |value: f64| match &codes {
                    Some(codes) if !value.is_nan() => {
                        let at = codes[place].partition_point(|(other, _)| *other < value);
                        codes[place].get(at).map_or(value, |(_, code)| *code)
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
            let kind = codes.as_ref().map_or(FeatureKind::Numeric, |codes| {
                let n_categories =
                    codes.iter().flatten().fold(0.0, |most: f64, (_, code)| most.max(code + 1.0));
                FeatureKind::Categorical { n_categories: n_categories as u32 }
            });
            features.push(Feature { name, kind });
        }
        let features = Features::try_from(features)?;
        let mut matrices =
            values.into_iter().map(|values| Matrix::from(values).with_features(features.clone()));
        let own = matrices.next().transpose()?;
        let own = own.ok_or_else(|| perennial_core::Error::empty("there are no rows"))?;
        Ok(AsNumbers { x: own, beside: matrices.next().transpose()? })
    }
}

/// For each table the different numbers of a column, rising, with what stands for them: in the first they themselves, in others the
/// number that the label has in the first, or one after all of it.
fn codes_of(named: &[Vec<(f64, String)>]) -> Vec<Vec<(f64, f64)>> {
    let Some((own, others)) = named.split_first() else { return Vec::new() };
    let mut known: BTreeMap<&str, f64> = BTreeMap::new();
    for (value, label) in own {
        known.entry(label.as_str()).or_insert(*value);
    }
    let mut next = own.last().map_or(0.0, |(value, _)| value.floor() + 1.0);
    let mut codes: Vec<Vec<(f64, f64)>> = vec![own.iter().map(|(value, _)| (*value, *value)).collect()];
    for other in others {
        let mut of_other = Vec::new();
        for (value, label) in other {
            let code = *known.entry(label.as_str()).or_insert(next);
            next = next.max(code + 1.0);
            of_other.push((*value, code));
        }
        codes.push(of_other);
    }
    codes
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
