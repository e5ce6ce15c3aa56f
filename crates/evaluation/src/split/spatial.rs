//! Folds of places: neighbours are tested together.

use std::collections::BTreeMap;

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

use super::fold::{balance, check_folds};
use super::{Split, SplitInputs, Splitter, needed};

/// Folds that keep the squares of a grid whole, so that a row is not tested by what its neighbours taught (Roberts et
/// al., 2017).
///
/// The squares with most rows are placed first, each into the fold that has the fewest rows so far. With a buffer,
/// rows nearer than that to a tested row are not learned from.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 5 | >= 2, at most the number of squares with rows | number of folds |
/// | `block_size` | 1 | > 0 | side of a square, in the unit of the coordinates; as far as neighbours are alike |
/// | `buffer` | 0 | >= 0 | distance from tested rows within which nothing is learned from |
///
/// ```
/// use perennial_evaluation::split::{SpatialBlockKFold, SplitInputs, Splitter};
///
/// let places = [[0.1, 0.2], [0.3, 0.1], [5.2, 0.4], [5.9, 0.3]];
/// let splits = SpatialBlockKFold::new(2, 1.0).split(&SplitInputs::new(4).coordinates(&places))?;
/// assert_eq!((&splits[1].train[..], &splits[1].test[..]), (&[2, 3][..], &[0, 1][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpatialBlockKFold {
    n_splits: usize,
    block_size: f64,
    buffer: f64,
}

const BLOCK_SIZE: Param = Param::real("block_size", "side of a square").above(0.0);
const BUFFER: Param = Param::real("buffer", "distance from tested rows").at_least(0.0);

impl Default for SpatialBlockKFold {
    fn default() -> Self {
        SpatialBlockKFold { n_splits: 5, block_size: 1.0, buffer: 0.0 }
    }
}

impl SpatialBlockKFold {
    /// This many folds of squares with sides of this length.
    pub fn new(n_splits: usize, block_size: f64) -> Self {
        SpatialBlockKFold { n_splits, block_size, buffer: 0.0 }
    }

    /// The distance from tested rows within which nothing is learned from.
    #[must_use]
    pub fn buffer(mut self, distance: f64) -> Self {
        self.buffer = distance;
        self
    }
}

/// The square of a place; those beyond the range of whole numbers share the outermost.
fn square(place: [f64; 2], side: f64) -> [i64; 2] {
    place.map(|along| (along / side).floor() as i64)
}

impl Splitter for SpatialBlockKFold {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        BLOCK_SIZE.check(self.block_size)?;
        BUFFER.check(self.buffer)?;
        let how = "give it by `CrossValidation::coordinates` or `SplitInputs::coordinates`";
        let places = needed("the place of each row", how, inputs.n_rows, inputs.coordinates)?;
        if let Some(row) = places.iter().position(|place| !place.iter().all(|along| along.is_finite())) {
            return Err(Error::malformed(format!(
                "the place of row {row} is {:?}; expected two finite numbers",
                places[row]
            )));
        }
        let squares: Vec<[i64; 2]> = places.iter().map(|&place| square(place, self.block_size)).collect();
        let mut names = squares.clone();
        names.sort_unstable();
        names.dedup();
        check_folds(self.n_splits, names.len(), "squares of the grid with rows")?;
        let blocks: Vec<u32> =
            squares.iter().map(|square| names.partition_point(|name| name < square) as u32).collect();
        let fold_of_row = balance(&blocks, self.n_splits, "squares of the grid with rows")?;
        let split = |fold: usize| {
            let mut split = Split::of(inputs.n_rows, |row| fold_of_row[row] == fold);
            if self.buffer > 0.0 {
                let near = Near::new(places, &split.test, self.buffer);
                split.train.retain(|&row| !near.has(places[row]));
            }
            if split.train.is_empty() {
                return Err(Error::insufficient_data(format!(
                    "a buffer of {} leaves nothing to learn from where fold {fold} is tested; use a smaller one",
                    self.buffer
                )));
            }
            Ok(split)
        };
        (0..self.n_splits).map(split).collect()
    }
}

/// Tested places by squares with the buffer as their side: those nearer than it are in the nine squares around.
struct Near<'a> {
    places: &'a [[f64; 2]],
    squares: BTreeMap<[i64; 2], Vec<usize>>,
    distance: f64,
}

impl<'a> Near<'a> {
    fn new(places: &'a [[f64; 2]], rows: &[usize], distance: f64) -> Self {
        let mut squares: BTreeMap<[i64; 2], Vec<usize>> = BTreeMap::new();
        for &row in rows {
            squares.entry(square(places[row], distance)).or_default().push(row);
        }
        Near { places, squares, distance }
    }

    fn has(&self, place: [f64; 2]) -> bool {
        let [x, y] = square(place, self.distance);
        let around = [-1, 0, 1];
        around.iter().any(|&dx| {
            around.iter().any(|&dy| {
                let rows = self.squares.get(&[x.saturating_add(dx), y.saturating_add(dy)]);
                rows.is_some_and(|rows| {
                    rows.iter().any(|&row| {
                        let [a, b] = self.places[row];
                        (a - place[0]).hypot(b - place[1]) < self.distance
                    })
                })
            })
        })
    }
}
