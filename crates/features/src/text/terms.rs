//! Which terms are kept.

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

use super::vocabulary::Corpus;

/// A number of texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Documents {
    /// So many; with row weights, so much weight, but for 1, which is any weight.
    Count(usize),
    /// This share of the texts, from 0 to 1.
    Share(f64),
}

impl From<usize> for Documents {
    fn from(count: usize) -> Self {
        Documents::Count(count)
    }
}

impl From<f64> for Documents {
    fn from(share: f64) -> Self {
        Documents::Share(share)
    }
}

impl Documents {
    fn of(self, all: f64) -> f64 {
        match self {
            Documents::Count(count) => count as f64,
            Documents::Share(share) => share * all,
        }
    }
}

const MIN_DF: Param =
    Param::real("min_df", "in which share of the texts a term must be").at_least(0.0).at_most(1.0);
const MAX_DF: Param =
    Param::real("max_df", "in which share of the texts a term may be").at_least(0.0).at_most(1.0);
pub(super) const MAX_FEATURES: Param =
    Param::integer("max_features", "the most terms of a column").at_least(1.0);

/// Which terms of a column are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) min_df: Documents,
    pub(super) max_df: Documents,
    pub(super) max_features: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { min_df: Documents::Count(1), max_df: Documents::Share(1.0), max_features: None }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<()> {
        for (param, limit) in [(MIN_DF, self.min_df), (MAX_DF, self.max_df)] {
            if let Documents::Share(share) = limit {
                param.check(share)?;
            }
        }
        self.max_features.map_or(Ok(()), |most| MAX_FEATURES.check_count(most))
    }

    /// The places of the terms that are kept, in order.
    pub(super) fn kept(
        &self,
        name: &str,
        corpus: &Corpus,
        weights: Option<&[f64]>,
        binary: bool,
    ) -> Result<Vec<u32>> {
        let n_terms = corpus.terms.len();
        let (mut in_texts, mut times) = (vec![0.0; n_terms], vec![0.0; n_terms]);
        let mut all = 0.0;
        for (row, terms) in corpus.rows.iter().enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            all += weight;
            for &(term, count) in terms {
                in_texts[term as usize] += weight;
                times[term as usize] += weight * if binary { 1.0 } else { f64::from(count) };
            }
        }
        // One text is any text that counts, however little it weighs.
        let least = if self.min_df == Documents::Count(1) { 0.0 } else { self.min_df.of(all) };
        if least > all {
            return Err(Error::invalid_param(
                "min_df",
                self.min_df,
                format!("at most as many texts as there are, which are {all}"),
            ));
        }
        let most = self.max_df.of(all);
        if most < least {
            return Err(Error::invalid_param(
                "max_df",
                self.max_df,
                format!("at least as many texts as `min_df`, which are {least} of {all}"),
            ));
        }
        let counts = |term: &u32| {
            let df = in_texts[*term as usize];
            df > 0.0 && (least..=most).contains(&df)
        };
        let mut kept: Vec<u32> = (0..n_terms as u32).filter(counts).collect();
        if let Some(most) = self.max_features {
            // Of terms that are there as often the first ones.
            kept.sort_by(|&a, &b| times[b as usize].total_cmp(&times[a as usize]).then(a.cmp(&b)));
            kept.truncate(most);
            kept.sort_unstable();
        }
        if kept.is_empty() {
            return Err(Error::insufficient_data(format!(
                "column `{name}` has no terms that are kept, of {n_terms}: its texts are empty, or `min_df`, `max_df` or `stop_words` leave none"
            )));
        }
        Ok(kept)
    }
}
