//! What the network sees of a matrix: numbers in standard units, and the places of categories in their tables.

use perennial_core::{Error, FeatureKind, Features, Matrix, Result, Rows};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

/// Beyond so many deviations a number says no more.
const FARTHEST: f64 = 1e6;

/// How columns become inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Inputs {
    numeric: Vec<Standard>,
    categorical: Vec<Table>,
}

/// A column of numbers in standard units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Standard {
    column: usize,
    mean: f64,
    deviation: f64,
}

/// A column of categories, each of which has a few numbers that are learned. The last row is for those never seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Table {
    column: usize,
    n_categories: u32,
    width: usize,
}

/// Rows as the network sees them.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) n_rows: usize,
    numbers: Vec<f32>,
    places: Vec<u32>,
}

impl Inputs {
    /// Learns means and deviations of the given rows.
    pub(super) fn learn(
        x: &Matrix,
        rows: &[usize],
        weights: Option<&[f64]>,
        standardize: bool,
        embedding_size: Option<usize>,
    ) -> Result<Self> {
        let dense = x.dense()?;
        let (mut numeric, mut categorical) = (Vec::new(), Vec::new());
        for (column, feature) in x.features().iter().enumerate() {
            if let FeatureKind::Categorical { n_categories } = feature.kind {
                // About as many numbers as fastai's rule gives.
                let usual = (1.6 * f64::from(n_categories).powf(0.56)).round().clamp(1.0, 64.0) as usize;
                categorical.push(Table { column, n_categories, width: embedding_size.unwrap_or(usual) });
                continue;
            }
            let (mut mean, mut deviation) = (0.0, 1.0);
            if standardize {
                let cells = dense.column(column);
                // A unit keeps squares in range.
                let unit = crate::rows::power_of_two(
                    rows.iter().fold(0.0, |most, &row| f64::max(most, cells[row].abs())),
                );
                let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
                let total: f64 = rows.iter().map(|&row| weight(row)).sum();
                let mean_of = |f: &dyn Fn(f64) -> f64| {
                    rows.iter().map(|&row| weight(row) / total * f(cells[row] / unit)).sum::<f64>()
                };
                let middle = mean_of(&|value| value);
                let variance = mean_of(&|value| (value - middle).powi(2));
                mean = middle * unit;
                // What rounding leaves of a constant is no spread.
                let spread = variance.sqrt();
                deviation = if spread > 1e-14 * middle.abs() { spread * unit } else { 1.0 };
                if !(deviation > 0.0 && deviation.is_finite()) {
                    deviation = 1.0;
                }
            }
            numeric.push(Standard { column, mean, deviation });
        }
        Ok(Inputs { numeric, categorical })
    }

    /// Refuses what a file says of columns that the features do not have.
    pub(super) fn check(&self, features: &Features) -> Result<()> {
        let numbers = self.numeric.iter().all(|standard| {
            standard.column < features.len()
                && standard.mean.is_finite()
                && standard.deviation > 0.0
                && standard.deviation.is_finite()
        });
        let tables =
            self.categorical.iter().all(|table| table.column < features.len() && table.width <= 4096);
        if numbers && tables {
            Ok(())
        } else {
            Err(Error::corrupt("the inputs of the network do not fit its features"))
        }
    }

    /// How many numbers go into the network.
    pub(super) fn width(&self) -> usize {
        self.numeric.len() + self.categorical.iter().map(|table| table.width).sum::<usize>()
    }

    pub(super) fn has_tables(&self) -> bool {
        !self.categorical.is_empty()
    }

    /// How many numbers the tables of categories hold.
    pub(super) fn n_parameters(&self) -> Result<usize> {
        let sizes =
            self.categorical.iter().map(|table| (table.n_categories as usize + 1).checked_mul(table.width));
        let sum = sizes.into_iter().try_fold(0_usize, |sum, size| sum.checked_add(size?));
        sum.filter(|sum| *sum <= 1 << 28)
            .ok_or_else(|| Error::too_large("the tables of categories would hold more than 2^28 numbers; lower `embedding_size`, or group rare categories"))
    }

    /// Small numbers at random.
    pub(super) fn start(&self, random: &mut Random, parameters: &mut [f32]) {
        parameters.iter_mut().for_each(|parameter| *parameter = 0.05 * random.normal() as f32);
    }

    /// The given rows.
    pub(super) fn see(&self, x: &Matrix, rows: impl ExactSizeIterator<Item = usize>) -> Result<Seen> {
        let dense = x.dense()?;
        let n_rows = rows.len();
        let mut numbers = Vec::with_capacity(n_rows * self.numeric.len());
        let mut places = Vec::with_capacity(n_rows * self.categorical.len());
        for row in rows {
            numbers.extend(self.numeric.iter().map(|standard| {
                let number = (dense[[row, standard.column]] - standard.mean) / standard.deviation;
                number.clamp(-FARTHEST, FARTHEST) as f32
            }));
            places.extend(self.categorical.iter().map(|table| {
                let code = dense[[row, table.column]];
                let known = code >= 0.0 && code < f64::from(table.n_categories);
                if known { code as u32 } else { table.n_categories }
            }));
        }
        Ok(Seen { n_rows, numbers, places })
    }

    pub(super) fn see_all(&self, x: &Matrix) -> Result<Seen> {
        self.see(x, 0..x.n_rows())
    }

    /// Puts the inputs of some rows in a row.
    pub(super) fn gather(&self, seen: &Seen, rows: &[usize], tables: &[f32], out: &mut Vec<f32>) {
        out.clear();
        let (n_numbers, n_places) = (self.numeric.len(), self.categorical.len());
        for &row in rows {
            out.extend_from_slice(&seen.numbers[row * n_numbers..(row + 1) * n_numbers]);
            let mut start = 0;
            for (table, place) in
                self.categorical.iter().zip(&seen.places[row * n_places..(row + 1) * n_places])
            {
                let at = start + *place as usize * table.width;
                out.extend_from_slice(&tables[at..at + table.width]);
                start += (table.n_categories as usize + 1) * table.width;
            }
        }
    }

    /// Adds what the inputs change by to what the tables change by.
    pub(super) fn scatter(&self, seen: &Seen, rows: &[usize], change: &[f32], gradient: &mut [f32]) {
        let n_places = self.categorical.len();
        for (&row, change) in rows.iter().zip(change.chunks_exact(self.width().max(1))) {
            let (mut start, mut from) = (0, self.numeric.len());
            for (table, place) in
                self.categorical.iter().zip(&seen.places[row * n_places..(row + 1) * n_places])
            {
                let at = start + *place as usize * table.width;
                let into = &mut gradient[at..at + table.width];
                into.iter_mut()
                    .zip(&change[from..from + table.width])
                    .for_each(|(sum, change)| *sum += change);
                from += table.width;
                start += (table.n_categories as usize + 1) * table.width;
            }
        }
    }
}
