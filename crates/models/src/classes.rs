//! Weights of classes, and checks that models of classes share.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{Classes, Error, ErrorKind, Probabilities, Result};
use perennial_numeric::reduce;
use perennial_numeric::special::exp_in_place;
use serde::{Deserialize, Serialize};

/// How much the rows of each class count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// As much as their own weights say.
    #[default]
    None,
    /// So much that all classes count the same: a row of a class that holds a share `s` of the weight of
    /// `k` classes counts `1 / (k s)` times its weight.
    Balanced,
    /// The rows of each class that is named so many times their own weights; those of the others once.
    Given(BTreeMap<String, f64>),
}

/// The sum of the weights of each class.
pub(crate) fn class_totals(y: &Classes, weights: Option<&[f64]>) -> Vec<f64> {
    let mut totals = vec![0.0; y.n_classes()];
    for (row, &code) in y.codes().iter().enumerate() {
        totals[code as usize] += weights.map_or(1.0, |weights| weights[row]);
    }
    totals
}

impl ClassWeight {
    /// The weights of the rows, with those of their classes.
    ///
    /// # Errors
    /// When a class is named that there is not, or its weight is no number >= 0.
    pub(crate) fn apply<'w>(
        &self,
        y: &Classes,
        weights: Option<Cow<'w, [f64]>>,
    ) -> Result<Option<Cow<'w, [f64]>>> {
        self.check(y.names())?;
        if *self == ClassWeight::None {
            return Ok(weights);
        }
        let factors = self.factors(y.names(), &class_totals(y, weights.as_deref()));
        let weight = |row: usize, code: u32| {
            let own = weights.as_ref().map_or(1.0, |weights| weights[row]);
            if own == 0.0 { 0.0 } else { own * factors[code as usize] }
        };
        Ok(Some(y.codes().iter().enumerate().map(|(row, &code)| weight(row, code)).collect()))
    }

    /// What the weights of each class are multiplied by, given what they add up to.
    pub(crate) fn factors(&self, names: &[String], totals: &[f64]) -> Vec<f64> {
        match self {
            ClassWeight::None => vec![1.0; names.len()],
            ClassWeight::Balanced => {
                let n_present = totals.iter().filter(|total| **total > 0.0).count() as f64;
                let sum: f64 = totals.iter().sum();
                totals
                    .iter()
                    .map(|total| if *total > 0.0 { sum / (n_present * total) } else { 1.0 })
                    .collect()
            }
            ClassWeight::Given(given) => {
                names.iter().map(|name| given.get(name).copied().unwrap_or(1.0)).collect()
            }
        }
    }

    pub(crate) fn check(&self, names: &[String]) -> Result<()> {
        let ClassWeight::Given(given) = self else { return Ok(()) };
        for (name, weight) in given {
            if !names.contains(name) {
                return Err(Error::unknown(format!(
                    "`class_weight` names the class `{name}`, which the target lacks"
                )));
            }
            if !weight.is_finite() || *weight < 0.0 {
                return Err(Error::invalid_param(
                    "class_weight",
                    weight,
                    "a finite number >= 0 for each class",
                ));
            }
        }
        Ok(())
    }
}

/// The codes of the classes that have weight.
///
/// # Errors
/// [`ErrorKind::SingleClass`] when there is only one.
pub(crate) fn two_or_more(y: &Classes, weights: Option<&[f64]>) -> Result<Vec<u32>> {
    let totals = class_totals(y, weights);
    let present: Vec<u32> =
        (0..).zip(&totals).filter(|(_, total)| **total > 0.0).map(|(code, _)| code).collect();
    match present[..] {
        [] => Err(Error::empty("the target has no rows that count")),
        [only] => Err(Error::new(ErrorKind::SingleClass { class: y.names()[only as usize].clone() })),
        _ => Ok(present),
    }
}

/// Given priors of the classes; refuses those that are no shares.
pub(crate) fn given_priors(priors: &Option<Vec<f64>>, n_classes: usize) -> Result<Option<Vec<f64>>> {
    let Some(priors) = priors else { return Ok(None) };
    let sum: f64 = priors.iter().sum();
    if priors.len() != n_classes || !priors.iter().all(|prior| *prior >= 0.0) || !((sum - 1.0).abs() < 1e-9) {
        return Err(Error::invalid_param(
            "priors",
            priors,
            format!("{n_classes} numbers >= 0 that sum to 1, one for each class"),
        ));
    }
    Ok(Some(priors.clone()))
}

/// Refuses given priors that leave no class that has rows: there would be nothing to answer with.
pub(crate) fn some_prior(priors: &[f64], totals: &[f64], names: &[String]) -> Result<()> {
    let present = || (0..totals.len()).filter(|&class| totals[class] > 0.0);
    if present().any(|class| priors[class] > 0.0) {
        return Ok(());
    }
    let present: Vec<&str> = present().map(|class| names[class].as_str()).collect();
    let least = format!("a number above 0 for at least one class that has rows: {}", present.join(", "));
    Err(Error::invalid_param("priors", format!("{priors:?}"), least))
}

/// Refuses rows whose list of classes is another than that of the model.
pub(crate) fn same_classes(y: &Classes, names: &[String]) -> Result<()> {
    if y.names() == names {
        return Ok(());
    }
    Err(Error::unknown(format!(
        "the rows have the classes {}, the model {}; give every batch the same list of names",
        y.names().join(", "),
        names.join(", ")
    )))
}

/// Refuses a list of classes, read from a file, that no fit could have left.
pub(crate) fn check_names(names: &[String]) -> Result<()> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    if names.is_empty() || sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::corrupt("the model has no classes, or one of them twice"));
    }
    Ok(())
}

/// Turns the logarithms of what the classes of each row weigh into their shares; NaN where none of a row is finite.
///
/// `scores` is rows x `n_classes`. The shares of a row depend on its scores alone.
pub(crate) fn normalise_scores(scores: &mut [f64], n_classes: usize) {
    const ROWS: usize = 1024;
    reduce::fill_rows(scores, n_classes, ROWS, |_, scores| {
        for row in scores.chunks_exact_mut(n_classes) {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter_mut().for_each(|score| *score -= top);
        }
        exp_in_place(scores);
        for row in scores.chunks_exact_mut(n_classes) {
            let total: f64 = row.iter().sum();
            row.iter_mut().for_each(|share| *share /= total);
        }
    });
}

/// Shares that [`normalise_scores`] made, row by row.
///
/// # Errors
/// When the scores of a row were beyond the range of `f64`.
pub(crate) fn probabilities(shares: Vec<f64>, names: &Arc<[String]>) -> Result<Probabilities> {
    let n_classes = names.len().max(1);
    if let Some(place) = shares.iter().position(|share| share.is_nan()) {
        return Err(Error::overflow(format!(
            "row {} is so far from all classes that none is more probable than another; check its units",
            place / n_classes
        )));
    }
    let shape = (shares.len() / n_classes, names.len());
    Probabilities::new(Array2::from_shape_vec(shape, shares).map_err(Error::other)?, names.clone())
}

/// Refuses the classes of further rows where they are others than those that a model has learned.
#[cfg(any(feature = "linear", feature = "neural"))]
pub(crate) fn check_further(y: &Classes, names: &[String], present: &[u32]) -> Result<()> {
    if y.names() != names {
        return Err(Error::malformed(
            "the classes of these rows are not those of the model; give each batch the whole list of names (`Classes::new`)",
        ));
    }
    match y.codes().iter().find(|code| !present.contains(code)) {
        None => Ok(()),
        Some(&code) => Err(Error::malformed(format!(
            "the class `{}` had no rows when the model was fitted first, so it has no score; fit again with rows of it",
            y.names()[code as usize]
        ))),
    }
}
