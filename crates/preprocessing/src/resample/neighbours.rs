//! Rows left out by what lies around them.

use perennial_core::{Capabilities, Classes, Matrix, Param, Result, Train};
use perennial_numeric::neighbors::{Index, Metric, Search};
use serde::{Deserialize, Serialize};

use super::balance::{Balance, RATIO, counts, members};
use super::{Resampled, Resampler};

/// Leaves out rows of the larger classes that their neighbours contradict (Wilson, 1972). The smallest class keeps
/// all its rows.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_neighbors` | 3 | >= 1 | neighbours that are asked |
/// | `unanimous` | true | | whether one neighbour of another class is enough to leave a row out, or it takes most of them |
///
/// ```
/// use perennial_core::{Classes, Matrix, Rows, Train};
/// use perennial_preprocessing::{EditedNearestNeighbours, Resampler};
///
/// let x = Matrix::from(ndarray::array![[0.0], [1.0], [2.0], [3.0], [9.0], [10.0], [11.0], [10.5]]);
/// let y = Classes::from_labels(["a", "a", "a", "a", "b", "b", "b", "a"]);
/// let kept = EditedNearestNeighbours::new().resample(&Train::new(&x, &y))?;
/// assert_eq!(kept.x.n_rows(), 7);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EditedNearestNeighbours {
    n_neighbors: usize,
    unanimous: bool,
}

impl Default for EditedNearestNeighbours {
    fn default() -> Self {
        EditedNearestNeighbours { n_neighbors: 3, unanimous: true }
    }
}

const N_NEIGHBORS: Param =
    Param::integer("n_neighbors", "neighbours that are asked").at_least(1.0).search(1.0, 15.0);

impl EditedNearestNeighbours {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_NEIGHBORS];

    /// Three neighbours, of which one is enough.
    pub fn new() -> Self {
        EditedNearestNeighbours::default()
    }

    /// Neighbours that are asked.
    #[must_use]
    pub fn n_neighbors(mut self, n_neighbors: usize) -> Self {
        self.n_neighbors = n_neighbors;
        self
    }

    /// Whether one neighbour of another class is enough to leave a row out.
    #[must_use]
    pub fn unanimous(mut self, unanimous: bool) -> Self {
        self.unanimous = unanimous;
        self
    }
}

impl Resampler for EditedNearestNeighbours {
    type Input = Matrix;
    type Target = Classes;

    fn resample(&self, train: &Train<'_, Matrix, Classes>) -> Result<Resampled<Matrix, Classes>> {
        N_NEIGHBORS.check_count(self.n_neighbors)?;
        let smallest = smallest(&counts(train.y)?);
        let x = train.x.dense()?;
        let codes = train.y.codes();
        let k = self.n_neighbors.min(x.nrows() - 1);
        let near = Index::new(x, Metric::Euclidean, Search::Auto)?.nearest_others(&train.ctx, x, k)?;
        let stays = |&row: &usize| {
            let near = near.get(row).0.iter().map(|&near| codes[near as usize]);
            if codes[row] as usize == smallest {
                return true;
            }
            let agree = near.filter(|&code| code == codes[row]).count();
            if self.unanimous { agree == k } else { 2 * agree >= k }
        };
        Resampled::of_rows(train, &(0..x.nrows()).filter(stays).collect::<Vec<_>>())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().groups()
    }
}

fn smallest(counts: &[usize]) -> usize {
    let with_rows = (0..counts.len()).filter(|&class| counts[class] > 0);
    with_rows.min_by_key(|&class| counts[class]).unwrap_or(0)
}

/// Leaves out rows that are the nearest of a row of another class, which in turn is nearest to them (Tomek, 1976).
/// The smallest class keeps all its rows.
///
/// ```
/// use perennial_core::{Classes, Matrix, Rows, Train};
/// use perennial_preprocessing::{Resampler, TomekLinks};
///
/// let x = Matrix::from(ndarray::array![[0.0], [1.0], [2.5], [3.0], [9.0]]);
/// let y = Classes::from_labels(["a", "a", "a", "b", "b"]);
/// let kept = TomekLinks::new().resample(&Train::new(&x, &y))?;
/// assert_eq!(kept.x.dense()?, ndarray::array![[0.0], [1.0], [3.0], [9.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TomekLinks {}

impl TomekLinks {
    /// Leaves out the partners of the smallest class.
    pub fn new() -> Self {
        TomekLinks::default()
    }
}

impl Resampler for TomekLinks {
    type Input = Matrix;
    type Target = Classes;

    fn resample(&self, train: &Train<'_, Matrix, Classes>) -> Result<Resampled<Matrix, Classes>> {
        let smallest = smallest(&counts(train.y)?);
        let x = train.x.dense()?;
        let codes = train.y.codes();
        let near = Index::new(x, Metric::Euclidean, Search::Auto)?.nearest_others(&train.ctx, x, 1)?;
        let nearest = near.rows();
        let stays = |&row: &usize| {
            let other = nearest[row] as usize;
            let linked = nearest[other] as usize == row && codes[row] != codes[other];
            codes[row] as usize == smallest || !linked
        };
        Resampled::of_rows(train, &(0..x.nrows()).filter(stays).collect::<Vec<_>>())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().groups()
    }
}

/// Of the larger classes keeps the rows that are nearest to the smallest one: those with the least mean distance to
/// their nearest rows of it (NearMiss 1; Mani and Zhang, 2003).
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_neighbors` | 3 | >= 1 | rows of the smallest class that count; fewer where it has fewer |
/// | `ratio` | 1 | 0 to 1 | rows of the smallest class beside those of any other in the end, at least |
///
/// ```
/// use perennial_core::{Classes, Matrix, Train};
/// use perennial_preprocessing::{NearMiss, Resampler};
///
/// let x = Matrix::from(ndarray::array![[0.0], [1.0], [5.0], [6.0], [9.0], [10.0]]);
/// let y = Classes::from_labels(["a", "a", "a", "a", "b", "b"]);
/// let kept = NearMiss::new().resample(&Train::new(&x, &y))?;
/// assert_eq!(kept.x.dense()?, ndarray::array![[5.0], [6.0], [9.0], [10.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NearMiss {
    n_neighbors: usize,
    balance: Balance,
}

impl Default for NearMiss {
    fn default() -> Self {
        NearMiss { n_neighbors: 3, balance: Balance::default() }
    }
}

impl NearMiss {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_NEIGHBORS, RATIO];

    /// Until all classes have equally many rows.
    pub fn new() -> Self {
        NearMiss::default()
    }

    /// Rows of the smallest class that count.
    #[must_use]
    pub fn n_neighbors(mut self, n_neighbors: usize) -> Self {
        self.n_neighbors = n_neighbors;
        self
    }

    /// Rows of the smallest class beside those of any other in the end, at least.
    #[must_use]
    pub fn ratio(mut self, ratio: f64) -> Self {
        self.balance = Balance::ratio(ratio);
        self
    }
}

impl Resampler for NearMiss {
    type Input = Matrix;
    type Target = Classes;

    fn resample(&self, train: &Train<'_, Matrix, Classes>) -> Result<Resampled<Matrix, Classes>> {
        N_NEIGHBORS.check_count(self.n_neighbors)?;
        let kept = self.balance.kept(train.y)?;
        let x = train.x.dense()?;
        let members = members(train.y);
        let smallest = smallest(&train.y.counts());
        let k = self.n_neighbors.min(members[smallest].len());
        let pick = |rows: &[usize]| x.select(ndarray::Axis(0), rows);
        let index = Index::new(&pick(&members[smallest]), Metric::Euclidean, Search::Auto)?;
        let mut rows = members[smallest].clone();
        for (class, members) in members.iter().enumerate() {
            if class == smallest || members.is_empty() {
                continue;
            }
            let near = index.nearest_in(&train.ctx, &pick(members), k)?;
            let far =
                |place: &usize| near.get(*place).1.iter().map(|distance| distance / k as f64).sum::<f64>();
            let mut order: Vec<usize> = (0..members.len()).collect();
            // A stable sort: of rows equally far the earlier ones stay.
            order.sort_by(|a, b| far(a).total_cmp(&far(b)));
            rows.extend(order[..kept[class]].iter().map(|&place| members[place]));
        }
        rows.sort_unstable();
        Resampled::of_rows(train, &rows)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().groups()
    }
}
