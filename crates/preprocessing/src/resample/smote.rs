//! New rows between rows of the smaller classes.

use ndarray::Array2;
use perennial_core::{Capabilities, Classes, Error, Matrix, Param, Result, Train};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::balance::{Balance, RATIO, members};
use super::space::Space;
use super::{Resampled, Resampler};

/// Which rows of a smaller class new ones are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum From {
    /// All, equally often.
    #[default]
    All,
    /// Those of whose neighbours at least half, but not all, are of other classes.
    Borderline,
    /// All, in proportion to the share of other classes among their neighbours.
    Adaptive,
}

/// Adds new rows to the smaller classes: each lies at a random place between a row and one of its nearest neighbours
/// of the same class (SMOTE; Chawla and others, 2002).
///
/// Where columns are categories, a new row has the most frequent category among the neighbours, and rows of different
/// categories are as far apart as the median deviation of the other columns (SMOTE-NC, of the same paper); every pair of
/// rows is then compared, and memory is that of the cells. Where all columns are categories, two are as far apart as the shares of the
/// classes among their rows (SMOTE-N, of the same paper, with the value difference metric of Stanfill and Waltz, 1986). All rows come first, as they were; the new ones follow, class
/// by class. Scale the columns before: distances decide.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `k_neighbors` | 5 | >= 1 | neighbours of a row; fewer where its class has fewer rows |
/// | `m_neighbors` | 10 | >= 1 | neighbours among all rows that tell where the border lies, for [`borderline`](Smote::borderline) and [`adaptive`](Smote::adaptive) |
/// | `ratio` | 1 | 0 to 1 | rows of each class in the end beside those of the largest, at least |
/// | `seed` | that of the context | any | of the rows made |
///
/// ```
/// use perennial_core::{Classes, Matrix, Rows, Train};
/// use perennial_preprocessing::{Resampler, Smote};
///
/// let x = Matrix::from(ndarray::array![[0.0], [1.0], [2.0], [3.0], [10.0], [12.0]]);
/// let y = Classes::from_labels(["a", "a", "a", "a", "b", "b"]);
/// let more = Smote::new().resample(&Train::new(&x, &y))?;
/// assert_eq!(more.y.counts(), [4, 4]);
/// assert!((10.0..=12.0).contains(&more.x.dense()?[[7, 0]]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Smote {
    k_neighbors: usize,
    m_neighbors: usize,
    balance: Balance,
    from: From,
    seed: Option<u64>,
}

impl Default for Smote {
    fn default() -> Self {
        Smote { k_neighbors: 5, m_neighbors: 10, balance: Balance::default(), from: From::All, seed: None }
    }
}

const K_NEIGHBORS: Param =
    Param::integer("k_neighbors", "neighbours of a row").at_least(1.0).search(2.0, 15.0);
const M_NEIGHBORS: Param = Param::integer("m_neighbors", "neighbours that tell where the border lies")
    .at_least(1.0)
    .search(3.0, 20.0);

impl Smote {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[K_NEIGHBORS, M_NEIGHBORS, RATIO];

    /// New rows from all rows of the smaller classes.
    pub fn new() -> Self {
        Smote::default()
    }

    /// New rows from those near the border alone (Borderline-SMOTE 1; Han, Wang and Mao, 2005).
    pub fn borderline() -> Self {
        Smote { from: From::Borderline, ..Smote::default() }
    }

    /// More new rows where other classes are near (ADASYN; He and others, 2008).
    pub fn adaptive() -> Self {
        Smote { from: From::Adaptive, m_neighbors: 5, ..Smote::default() }
    }

    /// Neighbours of a row.
    #[must_use]
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
        self
    }

    /// Neighbours among all rows that tell where the border lies.
    #[must_use]
    pub fn m_neighbors(mut self, m_neighbors: usize) -> Self {
        self.m_neighbors = m_neighbors;
        self
    }

    /// Rows of each class in the end beside those of the largest, at least.
    #[must_use]
    pub fn ratio(mut self, ratio: f64) -> Self {
        self.balance = Balance::ratio(ratio);
        self
    }

    /// The seed of the rows made.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The rows that new ones start from, one for each.
    fn starts(
        &self,
        train: &Train<'_, Matrix, Classes>,
        space: &Space<'_>,
        class: usize,
        members: &[usize],
        n: usize,
        random: &mut Random,
    ) -> Result<Vec<usize>> {
        if self.from == From::All {
            return Ok((0..n).map(|_| random.below(members.len())).collect());
        }
        let m = self.m_neighbors.min(train.y.codes().len() - 1);
        let found = space.among_all(&train.ctx, members, m + 1)?;
        let others: Vec<usize> = members
            .iter()
            .enumerate()
            .map(|(place, &row)| {
                // The row itself is among its neighbours, unless copies of it crowd it out.
                let near = found.get(place).iter().map(|&near| near as usize).filter(|&near| near != row);
                near.take(m).filter(|&near| train.y.codes()[near] as usize != class).count()
            })
            .collect();
        let name = &train.y.names()[class];
        let none = |what: &str| {
            Error::insufficient_data(format!(
                "no row of class `{name}` {what}, so none is near the border; use `Smote::new()`, or raise `m_neighbors`"
            ))
        };
        if self.from == From::Borderline {
            let danger: Vec<usize> =
                (0..members.len()).filter(|&place| 2 * others[place] >= m && others[place] < m).collect();
            if danger.is_empty() {
                return Err(none("has other classes for half, but not all, of its neighbours"));
            }
            return Ok((0..n).map(|_| danger[random.below(danger.len())]).collect());
        }
        let total: usize = others.iter().sum();
        if total == 0 {
            return Err(none("has another class among its neighbours"));
        }
        // Shares of `n`, rounded so that they add up to it.
        let mut starts = Vec::with_capacity(n);
        let mut seen = 0;
        for (place, &others) in others.iter().enumerate() {
            seen += others;
            let end = (n as f64 * (seen as f64 / total as f64)).round() as usize;
            starts.resize(end.max(starts.len()), place);
        }
        Ok(starts)
    }
}

impl Resampler for Smote {
    type Input = Matrix;
    type Target = Classes;

    fn resample(&self, train: &Train<'_, Matrix, Classes>) -> Result<Resampled<Matrix, Classes>> {
        K_NEIGHBORS.check_count(self.k_neighbors)?;
        M_NEIGHBORS.check_count(self.m_neighbors)?;
        let added = self.balance.added(train.y)?;
        let x = train.x.dense()?;
        let (n_rows, n_cols) = x.dim();
        let n_new: usize = added.iter().sum();
        let random = Random::new(train.ctx.seed(self.seed));
        let mut codes = train.y.codes().to_vec();
        let mut cells = Vec::new();
        cells.try_reserve_exact((n_rows + n_new) * n_cols).map_err(Error::other)?;
        x.rows().into_iter().for_each(|row| cells.extend(row));
        for (class, members) in members(train.y).iter().enumerate().filter(|(class, _)| added[*class] > 0) {
            let k = self.k_neighbors.min(members.len() - 1);
            if k == 0 {
                return Err(Error::insufficient_data(format!(
                    "class `{}` has one row, and new rows lie between two; collect more, or use `RandomOverSampler`",
                    train.y.names()[class]
                )));
            }
            let space = Space::new(x, train.y, train.x.features(), members);
            let mut random = random.fork(class as u64);
            let starts = self.starts(train, &space, class, members, added[class], &mut random)?;
            let near = space.among_members(&train.ctx, members, k)?;
            let draws: Vec<(usize, usize, f64)> =
                starts.into_iter().map(|start| (start, random.below(k), random.uniform())).collect();
            let first = cells.len();
            cells.resize(first + added[class] * n_cols, 0.0);
            reduce::fill_rows(&mut cells[first..], n_cols, 256, |first, rows| {
                for (row, out) in rows.chunks_exact_mut(n_cols).enumerate() {
                    let (start, pick, share) = draws[first + row];
                    space.between(members, (start, near.get(start)), pick, share, out);
                }
            });
            codes.resize(codes.len() + added[class], class as u32);
        }
        let x = Array2::from_shape_vec((n_rows + n_new, n_cols), cells).map_err(Error::other)?;
        Ok(Resampled {
            x: Matrix::from(x).with_features(train.x.features().clone())?,
            y: Classes::new(codes, train.y.shared_names())?,
            weights: None,
            groups: None,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().categorical()
    }
}
