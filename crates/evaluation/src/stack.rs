//! Putting the answers of folds below one another.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array2, Axis, concatenate};
use perennial_core::{ClassOutputs, Classes, Error, Outputs, Probabilities, Result, Rows, Values};

/// Rows that can be put below one another: the answers of folds become the answers for all rows.
///
/// Implement it for the answers of a metric of your own.
#[diagnostic::on_unimplemented(
    message = "answers of type `{Self}` cannot be put together from folds",
    note = "implement `Stack` for `{Self}`"
)]
pub trait Stack: Rows<Owned = Self> + Sized {
    /// All rows of the first part, then all of the second, and so on.
    ///
    /// # Errors
    /// When there are no parts, or they do not belong together.
    fn stack(parts: &[Self]) -> Result<Self>;
}

fn no_parts() -> Error {
    Error::empty("there are no parts to put together")
}

impl Stack for Values {
    fn stack(parts: &[Self]) -> Result<Self> {
        Ok(parts.iter().flat_map(Values::as_slice).copied().collect())
    }
}

impl<T: Clone + Send + Sync> Stack for Vec<T> {
    fn stack(parts: &[Self]) -> Result<Self> {
        Ok(parts.concat())
    }
}

impl Stack for Outputs {
    fn stack(parts: &[Self]) -> Result<Self> {
        let views: Vec<_> = parts.iter().map(|part| part.values().view()).collect();
        concatenate(Axis(0), &views).map(Outputs::from).map_err(|_| {
            Error::malformed("the parts have different numbers of outputs and cannot be put together")
        })
    }
}

impl Stack for Classes {
    fn stack(parts: &[Self]) -> Result<Self> {
        let names = all_names(parts.iter().map(Classes::names)).ok_or_else(no_parts)?;
        let mut codes = Vec::with_capacity(parts.iter().map(Rows::n_rows).sum());
        for part in parts {
            let places = places(part.names(), &names);
            codes.extend(part.codes().iter().map(|&code| places[code as usize] as u32));
        }
        Classes::new(codes, names)
    }
}

impl Stack for ClassOutputs {
    fn stack(parts: &[Self]) -> Result<Self> {
        let names = parts.first().ok_or_else(no_parts)?.names();
        if parts.iter().any(|part| part.names() != names) {
            return Err(Error::malformed("the parts have different outputs and cannot be put together"));
        }
        let stacked = names.iter().enumerate().map(|(place, name)| {
            let columns: Vec<Classes> = parts.iter().map(|part| part.outputs()[place].clone()).collect();
            Ok((name.clone(), Classes::stack(&columns)?))
        });
        ClassOutputs::new(stacked.collect::<Result<Vec<_>>>()?)
    }
}

impl Stack for Probabilities {
    fn stack(parts: &[Self]) -> Result<Self> {
        let names = all_names(parts.iter().map(Probabilities::names)).ok_or_else(no_parts)?;
        // A fold whose model has not seen a class gives it the probability 0.
        let mut values = Array2::zeros((parts.iter().map(Rows::n_rows).sum(), names.len()));
        let mut first = 0;
        for part in parts {
            let rows = first..first + part.n_rows();
            for (column, place) in places(part.names(), &names).into_iter().enumerate() {
                values.slice_mut(ndarray::s![rows.clone(), place]).assign(&part.values().column(column));
            }
            first = rows.end;
        }
        Probabilities::new(values, names)
    }
}

/// The names of all lists: those of the first, then what others add.
pub(crate) fn all_names<'a>(lists: impl IntoIterator<Item = &'a [String]>) -> Option<Arc<[String]>> {
    let mut lists = lists.into_iter();
    let mut names = lists.next()?.to_vec();
    for name in lists.flatten() {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    Some(names.into())
}

/// Where each name of `list` stands in `names`, which has them all.
pub(crate) fn places(list: &[String], names: &[String]) -> Vec<usize> {
    let place_of: BTreeMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
    list.iter().map(|name| place_of[name.as_str()]).collect()
}
