//! Classes and probabilities in one order of names, and positive classes by name.

use std::borrow::Cow;

use ndarray::Array2;
use perennial_core::{Classes, Error, ErrorKind, Probabilities, Result, Rows, check_weights};

/// The place of the class of each row in `names`.
///
/// # Errors
/// When a row has a class that is not there.
pub(crate) fn codes_in(truth: &Classes, names: &[String]) -> Result<Vec<usize>> {
    if truth.names() == names {
        return Ok(truth.codes().iter().map(|&code| code as usize).collect());
    }
    let places: Vec<Option<usize>> =
        truth.names().iter().map(|name| names.iter().position(|other| other == name)).collect();
    let place = |(row, &code): (usize, &u32)| {
        places[code as usize].ok_or_else(|| {
            Error::unknown(format!(
                "row {row} has class `{}`, for which there is no probability; there are: {}",
                truth.names()[code as usize],
                names.join(", ")
            ))
        })
    };
    truth.codes().iter().enumerate().map(place).collect()
}

/// The probabilities with their columns in the order of `names`; a class that they do not know has 0.
///
/// # Errors
/// When they have a class that is not in `names`.
pub(crate) fn columns_in<'p>(answer: &'p Probabilities, names: &[String]) -> Result<Cow<'p, Probabilities>> {
    if answer.names() == names {
        return Ok(Cow::Borrowed(answer));
    }
    let mut values = Array2::zeros((answer.n_rows(), names.len()));
    for (column, name) in answer.names().iter().enumerate() {
        let place = names.iter().position(|other| other == name).ok_or_else(|| {
            Error::unknown(format!("the model gives a probability of `{name}`, which is not a class here"))
        })?;
        values.column_mut(place).assign(&answer.values().column(column));
    }
    Probabilities::new(values, names.to_vec()).map(Cow::Owned)
}

/// The column of the positive class: the one named, or else the second of two.
///
/// # Errors
/// When no class has this name, or there are not two classes and none is named.
pub(crate) fn positive_class(names: &[String], positive: Option<&str>) -> Result<usize> {
    match (positive, names.len()) {
        (Some(class), _) => names.iter().position(|name| name == class).ok_or_else(|| {
            Error::unknown(format!("no class is named `{class}`; there are: {}", names.join(", ")))
        }),
        (None, 2) => Ok(1),
        (None, n) => Err(Error::unsupported(format!(
            "there are {n} classes, so which of them is positive must be said: name it by `positive`"
        ))),
    }
}

/// Refuses no rows, lengths that differ and weights that are not acceptable.
pub(crate) fn check_rows_of(n_truth: usize, n_answers: usize, weights: Option<&[f64]>) -> Result<()> {
    if n_truth == 0 {
        return Err(Error::empty("there are no rows"));
    }
    if n_answers != n_truth {
        return Err(Error::length_mismatch("the answers", n_truth, n_answers));
    }
    let Some(weights) = weights else { return Ok(()) };
    check_weights(weights, n_truth)?;
    match weights.iter().sum::<f64>().is_finite() {
        true => Ok(()),
        false => Err(Error::overflow("the sum of the weights is beyond the range of f64; scale the weights")),
    }
}

/// Refuses a target in which fewer than two classes have rows with weight.
pub(crate) fn check_two_classes(y: &Classes, weights: Option<&[f64]>) -> Result<()> {
    let mut present = vec![false; y.n_classes()];
    for (row, &code) in y.codes().iter().enumerate() {
        present[code as usize] |= weights.is_none_or(|weights| weights[row] > 0.0);
    }
    let mut there = present.iter().zip(y.names()).filter(|(present, _)| **present);
    match (there.next(), there.next()) {
        (Some((_, class)), None) => Err(Error::new(ErrorKind::SingleClass { class: class.clone() })),
        (None, _) => Err(Error::empty("the target has no rows with weight")),
        _ => Ok(()),
    }
}

/// Weights of which sums and squares stay in range: the same, but for a power of two where they are extreme.
pub(crate) fn tame(weights: Option<&[f64]>) -> Option<Cow<'_, [f64]>> {
    let weights = weights?;
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 || (1e-60..=1e60).contains(&largest) {
        return Some(Cow::Borrowed(weights));
    }
    let unit = 2f64.powi((largest.log2().floor() as i32).clamp(-1000, 1000));
    Some(Cow::Owned(weights.iter().map(|weight| weight / unit).collect()))
}
