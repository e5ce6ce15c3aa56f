//! The list of all models.

use std::sync::LazyLock;

use perennial_core::{Error, Result};

use super::entry::{Ability, Entry, Task};
use super::families;
use super::names::{meant, shown};

/// Some of the models of this crate, family by family.
#[derive(Clone, Debug)]
pub struct Models(Vec<&'static Entry>);

/// All models of this crate, but for those of families that are not compiled.
///
/// ```
/// use perennial_models::registry::{Ability, Task, models};
///
/// let names = models().task(Task::Classification).supports(Ability::Online).supports(Ability::Sparse).names();
/// assert!(names.contains(&"SgdClassifier") && !names.contains(&"LogisticRegression"));
/// ```
pub fn models() -> Models {
    static ALL: LazyLock<Vec<Entry>> = LazyLock::new(families::all);
    Models(ALL.iter().collect())
}

impl Models {
    /// Those for a task.
    #[must_use]
    pub fn task(self, task: Task) -> Self {
        self.filter(|entry| entry.task() == task)
    }

    /// Those that can do something.
    #[must_use]
    pub fn supports(self, ability: Ability) -> Self {
        self.filter(|entry| entry.supports(ability))
    }

    /// Those of a family: the name of its module, such as "linear".
    #[must_use]
    pub fn family(self, family: &str) -> Self {
        self.filter(|entry| entry.family() == family)
    }

    /// Those for which something holds.
    #[must_use]
    pub fn filter(mut self, keep: impl Fn(&Entry) -> bool) -> Self {
        self.0.retain(|entry| keep(entry));
        self
    }

    /// The one of this name.
    ///
    /// # Errors
    /// When there is none; the message names one that is near.
    pub fn get(&self, name: &str) -> Result<&'static Entry> {
        self.0.iter().copied().find(|entry| entry.name() == name).ok_or_else(|| {
            let near = meant(name, self.names());
            Error::unknown(format!("no model here is named `{}`{near}", shown(name)))
        })
    }

    /// Their names.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|entry| entry.name()).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'static Entry> {
        self.0.iter().copied()
    }
}

impl IntoIterator for Models {
    type Item = &'static Entry;
    type IntoIter = std::vec::IntoIter<&'static Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
