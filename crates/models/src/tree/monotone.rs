//! Answers that may only rise, or only fall, along a column.

use std::collections::BTreeMap;

use perennial_core::{Error, FeatureKind, Features, Result};

use crate::boosting::Monotone;
/// For each column 1, -1, or 0 where nothing is asked; no entries where nothing is asked at all.
///
/// # Errors
/// When there is no column of a name, or it holds categories.
pub(crate) fn directions(asked: &BTreeMap<String, Monotone>, features: &Features) -> Result<Vec<i8>> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let mut directions = vec![0; features.len()];
    for (name, monotone) in asked {
        let column = features.position(name)?;
        let kind = features.iter().nth(column).map(|feature| feature.kind);
        if matches!(kind, Some(FeatureKind::Categorical { .. })) {
            return Err(Error::unsupported(format!(
                "`monotone` names column `{name}`, which holds categories and so has no order; leave it out"
            )));
        }
        directions[column] = match monotone {
            Monotone::Increasing => 1,
            Monotone::Decreasing => -1,
        };
    }
    Ok(directions)
}
