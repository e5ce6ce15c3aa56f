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

/// Between what a node's value must lie, so that answers rise or fall with some features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Bounds {
    pub(crate) const NONE: Bounds = Bounds { low: f64::NEG_INFINITY, high: f64::INFINITY };

    pub(crate) fn clip(self, value: f64) -> f64 {
        value.max(self.low).min(self.high)
    }

    fn hold(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Whether a node may be cut by a feature of this direction into sides that say so.
    pub(super) fn admit(self, direction: i8, [left, right]: [f64; 2]) -> bool {
        let rises = || (right - left) * f64::from(direction) >= 0.0;
        direction == 0 || (rises() && self.hold(left) && self.hold(right))
    }

    /// The bounds of both children of a node that is cut by a feature of this direction.
    pub(super) fn divide(self, direction: i8, means: [f64; 2]) -> [Bounds; 2] {
        let middle = self.clip(means[0].midpoint(means[1]));
        let (below, above) = (Bounds { high: middle, ..self }, Bounds { low: middle, ..self });
        match direction {
            1 => [below, above],
            -1 => [above, below],
            _ => [self, self],
        }
    }
}
