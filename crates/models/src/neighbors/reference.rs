//! The training rows of a model, and how much each of those near a row counts.

use ndarray::{Array2, ArrayRef2, Axis, s};
use perennial_core::{Context, Error, Features, Matrix, Param, Result};
use perennial_numeric::neighbors::{Index, Metric, Search};
use serde::{Deserialize, Serialize};

pub(super) const N_NEIGHBORS: Param =
    Param::integer("n_neighbors", "how many rows answer").at_least(1.0).at_most(1e9).search_log(1.0, 100.0);
/// Queries whose rows within a radius are held at a time.
const QUERIES: usize = 512;
pub(super) const RADIUS: Param = Param::real("radius", "how near the rows are that answer").at_least(0.0);

/// How much a neighbour counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// All count the same.
    #[default]
    Uniform,
    /// Each counts by the inverse of its distance; where some are at distance 0, those alone count.
    Distance,
}

/// Which rows answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Reach {
    /// So many of the nearest.
    Nearest(usize),
    /// Those within a radius; the nearest where there are none.
    Radius(f64),
}

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

    /// Hands each row of `x` the training rows that answer, and how much each counts.
    pub(super) fn answer(
        &self,
        x: &Matrix,
        reach: Reach,
        weighting: Weighting,
        mut answer: impl FnMut(&[u32], &[f64]),
    ) -> Result<()> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let x = x.dense()?;
        let mut shares = Vec::new();
        let mut weigh = |rows: &[u32], distances: &[f64]| {
            shares.clear();
            let touching = distances.contains(&0.0);
            // Relative to the nearest, so that no inverse overflows.
            let nearest = distances.iter().copied().fold(f64::INFINITY, f64::min);
            shares.extend(distances.iter().map(|&distance| match weighting {
                Weighting::Uniform => 1.0,
                Weighting::Distance if touching => f64::from(u8::from(distance == 0.0)),
                Weighting::Distance => nearest / distance,
            }));
            answer(rows, &shares);
        };
        match reach {
            Reach::Nearest(k) => {
                let found = self.index.nearest(x, k)?;
                found
                    .rows()
                    .chunks_exact(k)
                    .zip(found.distances().chunks_exact(k))
                    .for_each(|(rows, distances)| weigh(rows, distances));
            }
            Reach::Radius(radius) => {
                // Many rows may be within the radius, so only those of some queries are held.
                for start in (0..x.nrows()).step_by(QUERIES) {
                    let x = x.slice(s![start..(start + QUERIES).min(x.nrows()), ..]);
                    let found = self.index.within(&Context::new(), &x, radius)?;
                    let alone: Vec<usize> =
                        (0..x.nrows()).filter(|&query| found.get(query).0.is_empty()).collect();
                    let nearest = self.index.nearest(&x.select(Axis(0), &alone), 1)?;
                    let mut next = nearest.rows().chunks_exact(1).zip(nearest.distances().chunks_exact(1));
                    for query in 0..x.nrows() {
                        let (rows, distances) = found.get(query);
                        if rows.is_empty() {
                            next.next().into_iter().for_each(|(rows, distances)| weigh(rows, distances));
                        } else {
                            weigh(rows, distances);
                        }
                    }
                }
            }
        }
        Ok(())
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
