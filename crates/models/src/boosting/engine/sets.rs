//! What sets of categories take.

use std::sync::atomic::{AtomicU64, Ordering};

use perennial_core::{Error, Result};

use crate::boosting::settings::Settings;
use crate::tree::Tree;
use crate::tree::structure::{Question, Rule};

/// The most that the sets of all trees of a fit may take where no limit is set, in words of 8 bytes.
const MOST_WORDS: u64 = 1 << 27;

/// The words of the sets of categories of all trees of a fit; the highest code of a set says how many it has.
///
/// The trees of a round count at the same time. Whether all of them are too much does not depend on who comes first.
pub(crate) struct Sets {
    n_words: AtomicU64,
    most: u64,
}

impl Sets {
    pub(crate) fn new(settings: &Settings) -> Self {
        let most = settings.memory_limit.map_or(MOST_WORDS, |limit| limit / 8);
        Sets { n_words: AtomicU64::new(0), most }
    }

    /// Counts the sets of trees that are there.
    pub(crate) fn count(&self, trees: &[Tree]) {
        let n_words: u64 = trees.iter().map(|tree| tree.n_set_words() as u64).sum();
        self.n_words.fetch_add(n_words, Ordering::Relaxed);
    }

    /// Counts the set of a question before a tree keeps it.
    pub(crate) fn add(&self, rule: &Rule) -> Result<()> {
        let Question::OneOf(categories) = &rule.question else { return Ok(()) };
        let own = categories.iter().max().map_or(1, |&highest| u64::from(highest) / 64 + 2);
        let n_words = self.n_words.fetch_add(own, Ordering::Relaxed).saturating_add(own);
        if n_words <= self.most {
            return Ok(());
        }
        Err(Error::too_large(format!(
            "the sets of categories of all trees would take more than {} bytes, as some codes are too high; number the categories \
             from 0, frequent ones first, or set `memory_limit` to what there is",
            self.most.saturating_mul(8)
        )))
    }
}
