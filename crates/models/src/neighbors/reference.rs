//! Dense training rows that can be searched, and settings that estimators share.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Context, Error, Features, Matrix, Param, Result};
use perennial_numeric::neighbors::{Index, Metric, Search};
use serde::{Deserialize, Serialize};

pub(super) const N_NEIGHBORS: Param =
    Param::integer("n_neighbors", "how many rows answer").at_least(1.0).at_most(1e9).search_log(1.0, 100.0);
pub(super) const RADIUS: Param = Param::real("radius", "how near the rows are that answer").at_least(0.0);

/// Training rows that can be searched. Only the rows are saved; the index is made anew.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub(crate) struct Reference {
    features: Features,
    rows: Array2<f64>,
    metric: Metric,
    search: Search,
    #[serde(skip)]
    index: Index,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    rows: Array2<f64>,
    metric: Metric,
    search: Search,
}

impl TryFrom<Parts> for Reference {
    type Error = Error;

    fn try_from(Parts { features, rows, metric, search }: Parts) -> Result<Self> {
        if features.len() != rows.ncols() {
            return Err(Error::corrupt("the rows of the model do not have its columns"));
        }
        let index = Index::new(&rows, metric, search)
            .map_err(|error| Error::corrupt("the rows of the model are damaged").with_source(error))?;
        Ok(Reference { features, rows, metric, search, index })
    }
}

impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        (&self.features, &self.rows, self.metric, self.search)
            == (&other.features, &other.rows, other.metric, other.search)
    }
}

impl Reference {
    pub(crate) fn new(ctx: &Context, x: &Matrix, metric: Metric, search: Search) -> Result<Self> {
        let rows = x.dense()?;
        let index = Index::new_in(ctx, rows, metric, search)?;
        Ok(Reference { features: x.features().clone(), rows: rows.to_owned(), metric, search, index })
    }

    pub(crate) fn features(&self) -> &Features {
        &self.features
    }

    pub(crate) fn metric(&self) -> Metric {
        self.metric
    }

    pub(crate) fn rows(&self) -> &ArrayRef2<f64> {
        &self.rows
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }
}

/// Refuses a number of neighbours that there are not.
pub(crate) fn enough_rows(n_neighbors: usize, n_rows: usize) -> Result<()> {
    if n_neighbors <= n_rows {
        return Ok(());
    }
    Err(Error::insufficient_data(format!(
        "`n_neighbors` is {n_neighbors}, but there are only {n_rows} rows; ask for fewer neighbours"
    )))
}

/// The builders that estimators of this module share.
macro_rules! neighbor_builders {
    () => {
        /// The defaults.
        pub fn new() -> Self {
            Self::default()
        }

        /// Sets how much each neighbour counts.
        #[must_use]
        pub fn weighting(mut self, weighting: crate::neighbors::Weighting) -> Self {
            self.weighting = weighting;
            self
        }

        /// Sets how distances are measured.
        #[must_use]
        pub fn metric(mut self, metric: crate::neighbors::Metric) -> Self {
            self.metric = metric;
            self
        }

        /// Sets how the rows are searched; the answers are the same but for [`Search::Hnsw`](crate::neighbors::Search::Hnsw).
        #[must_use]
        pub fn search(mut self, search: crate::neighbors::Search) -> Self {
            self.search = search;
            self
        }
    };
}
pub(super) use neighbor_builders;
