//! What is known of the data, and what is wanted of a model.

use std::time::Duration;

use perennial_core::{Classes, FeatureKind, Matrix, Result, Rows, Values};
use serde::{Deserialize, Serialize};

use super::entry::{Ability, Task};

/// What [`suggest`](super::suggest) looks at of data: counted from a [`Matrix`] and its target, or told.
///
/// ```
/// use perennial_models::registry::{DataFacts, Task};
///
/// // From what a profile of a table says, for instance.
/// let facts = DataFacts::new(Task::Classification, 18_000, 12).missing(0.03).categorical(3, 1200).rarest_class(0.02);
/// assert_eq!(facts.most_levels, 1200);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DataFacts {
    /// What is to be done.
    pub task: Task,
    /// The number of rows to learn from.
    pub n_rows: usize,
    /// The number of columns.
    pub n_cols: usize,
    /// The share of cells that are missing.
    pub missing: f64,
    /// The share of cells that are stored, where the matrix is sparse.
    pub stored: Option<f64>,
    /// How many columns are of categories.
    pub n_categorical: usize,
    /// The most categories that one of them has.
    pub most_levels: usize,
    /// The number of classes, where there are classes.
    pub n_classes: Option<usize>,
    /// The share of the rows that are of the rarest class, where there are classes.
    pub rarest_class: Option<f64>,
    /// Whether the rows have weights.
    pub weighted: bool,
}

impl DataFacts {
    /// Dense numbers without gaps.
    pub fn new(task: Task, n_rows: usize, n_cols: usize) -> Self {
        DataFacts {
            task,
            n_rows,
            n_cols,
            missing: 0.0,
            stored: None,
            n_categorical: 0,
            most_levels: 0,
            n_classes: None,
            rarest_class: None,
            weighted: false,
        }
    }

    /// Counted from the input of a task whose target does not matter, or of one without.
    ///
    /// # Errors
    /// When the matrix cannot be read.
    pub fn of(task: Task, x: &Matrix) -> Result<Self> {
        let (n_rows, n_cols) = (x.n_rows(), x.n_cols());
        let mut facts = DataFacts::new(task, n_rows, n_cols);
        let n_cells = n_rows as f64 * n_cols as f64;
        let share = |count: usize| if n_cells > 0.0 { count as f64 / n_cells } else { 0.0 };
        match x.sparse() {
            Some(csr) => facts.stored = Some(share(csr.n_stored())),
            None => facts.missing = share(x.dense()?.iter().filter(|cell| cell.is_nan()).count()),
        }
        for feature in x.features().iter() {
            if let FeatureKind::Categorical { n_categories } = feature.kind {
                facts.n_categorical += 1;
                facts.most_levels = facts.most_levels.max(n_categories as usize);
            }
        }
        Ok(facts)
    }

    /// Counted from the rows of a regression.
    ///
    /// # Errors
    /// When input and target have different numbers of rows.
    pub fn of_values(x: &Matrix, y: &Values) -> Result<Self> {
        same_rows(x.n_rows(), y.n_rows())?;
        DataFacts::of(Task::Regression, x)
    }

    /// Counted from the rows of a classification.
    ///
    /// # Errors
    /// When input and target have different numbers of rows.
    pub fn of_classes(x: &Matrix, y: &Classes) -> Result<Self> {
        same_rows(x.n_rows(), y.n_rows())?;
        let mut facts = DataFacts::of(Task::Classification, x)?;
        let counts: Vec<usize> = y.counts().into_iter().filter(|count| *count > 0).collect();
        facts.n_classes = Some(counts.len());
        facts.rarest_class = counts.iter().min().map(|count| *count as f64 / y.n_rows() as f64);
        Ok(facts)
    }

    /// Tells the share of cells that are missing.
    #[must_use]
    pub fn missing(mut self, share: f64) -> Self {
        self.missing = share;
        self
    }

    /// Tells that the matrix is sparse, and the share of cells that are stored.
    #[must_use]
    pub fn sparse(mut self, stored: f64) -> Self {
        self.stored = Some(stored);
        self
    }

    /// Tells how many columns are of categories, and the most categories that one of them has.
    #[must_use]
    pub fn categorical(mut self, n_columns: usize, most_levels: usize) -> Self {
        (self.n_categorical, self.most_levels) = (n_columns, most_levels);
        self
    }

    /// Tells the number of classes.
    #[must_use]
    pub fn classes(mut self, n_classes: usize) -> Self {
        self.n_classes = Some(n_classes);
        self
    }

    /// Tells the share of the rows that are of the rarest class.
    #[must_use]
    pub fn rarest_class(mut self, share: f64) -> Self {
        self.rarest_class = Some(share);
        self
    }

    /// Tells that the rows have weights.
    #[must_use]
    pub fn weighted(mut self) -> Self {
        self.weighted = true;
        self
    }
}

fn same_rows(x: usize, y: usize) -> Result<()> {
    if x == y { Ok(()) } else { Err(perennial_core::Error::length_mismatch("the target", x, y)) }
}

/// What is wanted of a model. Each wish is a condition: what does not fulfil it is left out.
///
/// ```
/// use std::time::Duration;
/// use perennial_models::registry::{Ability, Wishes};
///
/// let wishes = Wishes::new().explainable().needs(Ability::Probabilities).answer_within(Duration::from_micros(50)).at_most(3);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wishes {
    pub(super) explainable: bool,
    pub(super) needs: Vec<Ability>,
    pub(super) answer_within: Option<Duration>,
    pub(super) at_most: usize,
}

impl Default for Wishes {
    fn default() -> Self {
        Wishes { explainable: false, needs: Vec::new(), answer_within: None, at_most: 5 }
    }
}

impl Wishes {
    /// No conditions, and up to five suggestions.
    pub fn new() -> Self {
        Self::default()
    }

    /// People must be able to follow how an answer comes about: coefficients, counts, a few questions.
    #[must_use]
    pub fn explainable(mut self) -> Self {
        self.explainable = true;
        self
    }

    /// The model must take or offer something.
    #[must_use]
    pub fn needs(mut self, ability: Ability) -> Self {
        self.needs.push(ability);
        self
    }

    /// The answer for one row must not take longer.
    #[must_use]
    pub fn answer_within(mut self, limit: Duration) -> Self {
        self.answer_within = Some(limit);
        self
    }

    /// Sets how many suggestions there are at most.
    #[must_use]
    pub fn at_most(mut self, n: usize) -> Self {
        self.at_most = n;
        self
    }
}
