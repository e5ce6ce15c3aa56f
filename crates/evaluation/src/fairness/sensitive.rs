//! The groups that rows belong to.

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::slices::{enough, support_of};

/// One or several features by which people may be treated differently; several together give their intersections.
///
/// ```
/// use perennial_evaluation::fairness::SensitiveFeatures;
///
/// let sex = ["f", "m", "f"].map(String::from);
/// let age = ["old", "old", "young"].map(String::from);
/// let groups = SensitiveFeatures::new().by("sex", &sex).by("age", &age).groups()?;
/// assert_eq!(groups, ["sex=f, age=old", "sex=m, age=old", "sex=f, age=young"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensitiveFeatures {
    features: Vec<(String, Vec<String>)>,
}

impl SensitiveFeatures {
    /// No features yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a feature with its value for each row.
    #[must_use]
    pub fn by(mut self, name: &str, values: &[String]) -> Self {
        self.features.push((name.to_owned(), values.to_vec()));
        self
    }

    /// The group of each row: the values of all features.
    ///
    /// # Errors
    /// When there are no features, or they have different lengths.
    pub fn groups(&self) -> Result<Vec<String>> {
        let Some((_, first)) = self.features.first() else {
            return Err(Error::empty("there are no sensitive features; add one with `by`"));
        };
        if let Some((name, values)) = self.features.iter().find(|(_, values)| values.len() != first.len()) {
            return Err(Error::length_mismatch(
                format!("the sensitive feature `{name}`"),
                first.len(),
                values.len(),
            ));
        }
        let part =
            |row: usize| move |(name, values): &(String, Vec<String>)| format!("{name}={}", values[row]);
        let group = |row| self.features.iter().map(part(row)).collect::<Vec<_>>().join(", ");
        Ok((0..first.len()).map(group).collect())
    }
}

/// Groups as numbers, in the order of their names.
pub(crate) struct Grouped {
    pub(crate) names: Vec<String>,
    pub(crate) of_row: Vec<usize>,
}

impl Grouped {
    pub(crate) fn new(groups: &[String], n_rows: usize) -> Result<Self> {
        if groups.len() != n_rows {
            return Err(Error::length_mismatch("the groups", n_rows, groups.len()));
        }
        let mut names = groups.to_vec();
        names.sort_unstable();
        names.dedup();
        let place = |group: &String| names.partition_point(|name| name < group);
        Ok(Grouped { of_row: groups.iter().map(place).collect(), names })
    }

    /// How many rows with weight each group has, and whether they are worth enough.
    pub(super) fn supports(&self, weights: Option<&[f64]>, least: usize) -> (Vec<usize>, Vec<bool>) {
        let mut members = vec![Vec::new(); self.names.len()];
        self.of_row.iter().enumerate().for_each(|(row, &group)| members[group].push(row));
        let of_group = |rows: Vec<usize>| {
            let (support, worth) = support_of(rows.into_iter(), weights);
            (support, enough(worth, least))
        };
        members.into_iter().map(of_group).unzip()
    }
}
