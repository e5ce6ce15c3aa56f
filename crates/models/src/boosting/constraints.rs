//! What trees must keep to.

use std::collections::BTreeSet;

use perennial_core::{Error, FeatureKind, Features, Result};

use super::settings::{Monotone, Settings};

/// What trees must keep to.
#[derive(Clone, Debug)]
pub(crate) struct Constraints {
    /// For each column 1 where answers must not fall, -1 where they must not rise, else 0.
    pub(crate) directions: Vec<i8>,
    /// The columns, ascending, that may stand on one way from the root to a leaf; no sets where all may.
    pub(crate) sets: Vec<Vec<usize>>,
    /// The columns that are added to the scores and asked nothing: one for all scores, one for each, or none.
    pub(crate) offset: Vec<usize>,
    /// The column of latest times, which is asked nothing either.
    pub(crate) latest: Option<usize>,
    /// What the first use of each column costs; nothing where there are no costs.
    pub(crate) costs: Vec<f64>,
}

impl Constraints {
    /// How many of the columns trees may ask.
    pub(crate) fn n_asked(&self, n_cols: usize) -> usize {
        n_cols - self.unasked().collect::<BTreeSet<_>>().len()
    }

    /// The columns that trees do not ask.
    pub(crate) fn unasked(&self) -> impl Iterator<Item = usize> {
        self.offset.iter().copied().chain(self.latest)
    }

    /// Whether the scores follow a column in one direction only.
    pub(crate) fn bound(&self) -> bool {
        self.directions.iter().any(|&direction| direction != 0)
    }
}

impl Settings {
    /// The constraints by column number.
    pub(crate) fn constraints(&self, features: &Features) -> Result<Constraints> {
        let mut directions = vec![0; features.len()];
        for (name, monotone) in &self.monotone {
            let column = features.position(name)?;
            if let FeatureKind::Categorical { .. } = features.kind(column) {
                return Err(Error::unsupported(format!(
                    "column `{name}` holds categories, which have no order; it cannot be in `monotone`"
                )));
            }
            directions[column] = if *monotone == Monotone::Increasing { 1 } else { -1 };
        }
        let sets = self.interactions.iter().map(|names| {
            let mut columns = names.iter().map(|name| features.position(name)).collect::<Result<Vec<_>>>()?;
            columns.sort_unstable();
            columns.dedup();
            Ok(columns)
        });
        let mut sets = sets.collect::<Result<Vec<Vec<usize>>>>()?;
        if !sets.is_empty() {
            // A column in no set interacts with none.
            let mut alone = vec![true; features.len()];
            sets.iter().flatten().for_each(|&column| alone[column] = false);
            sets.extend((0..features.len()).filter(|&column| alone[column]).map(|column| vec![column]));
        }
        let offset = self.offset.iter().map(|name| features.position(name)).collect::<Result<Vec<_>>>()?;
        let latest = self.latest.as_ref().map(|name| features.position(name)).transpose()?;
        Ok(Constraints { directions, sets, offset, latest, costs: self.costs(features)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_alone_take_no_more_than_themselves() {
        let settings = Settings {
            interactions: vec![vec!["x1".into(), "x0".into(), "x1".into()]],
            ..Settings::default()
        };
        let sets = settings.constraints(&Features::unnamed(4)).unwrap().sets;
        assert_eq!(sets, [vec![0, 1], vec![2], vec![3]]);
    }
}
