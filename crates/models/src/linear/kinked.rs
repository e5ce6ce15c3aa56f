//! Regressions and classifiers whose losses have kinks, in the form that the interior point method takes.

use ndarray::Array2;
use perennial_core::{Error, Matrix, Result, Rows};
use perennial_numeric::linalg::gram;

/// Columns beyond this make systems too large to solve step by step.
const MOST_COLUMNS: usize = 5_000;
/// A column of which less than this share of the square is its own depends on the others.
const OWN: f64 = 1e-12;

/// The rows that count, each column around its mean and at unit spread.
pub(super) struct Standard {
    /// Rows x columns, a column of ones last where there is an intercept.
    pub(super) rows: Array2<f64>,
    /// The row of the input that each is.
    pub(super) places: Vec<usize>,
    /// The column of the input that each is.
    pub(super) columns: Vec<usize>,
    centres: Vec<f64>,
    scales: Vec<f64>,
    n_features: usize,
    pub(super) intercept: bool,
}

impl Standard {
    /// Without columns that do not vary, and without those that depend on others if `independent`.
    pub(super) fn new(
        x: &Matrix,
        weights: Option<&[f64]>,
        intercept: bool,
        independent: bool,
    ) -> Result<Self> {
        let (n_rows, n_features) = (x.n_rows(), x.n_cols());
        if n_features > MOST_COLUMNS {
            return Err(Error::too_large(format!(
                "{n_features} columns; this method takes at most {MOST_COLUMNS}, so select some"
            )));
        }
        let x = x.dense()?;
        let places: Vec<usize> =
            (0..n_rows).filter(|&row| weights.is_none_or(|weights| weights[row] > 0.0)).collect();
        let (mut columns, mut centres, mut scales) = (Vec::new(), Vec::new(), Vec::new());
        for (j, column) in x.columns().into_iter().enumerate() {
            let largest = places.iter().fold(0.0, |largest: f64, &row| largest.max(column[row].abs()));
            let unit = crate::rows::power_of_two(largest);
            let mean = |centre: f64| {
                places.iter().map(|&row| column[row] / unit - centre).sum::<f64>() / places.len() as f64
            };
            let mut centre = 0.0;
            if intercept {
                centre = mean(0.0);
                centre += mean(centre);
            }
            let squares: f64 = places.iter().map(|&row| (column[row] / unit - centre).powi(2)).sum();
            let spread = (squares / places.len() as f64).sqrt();
            if spread > 4.0 * f64::EPSILON * centre.abs() && largest > 0.0 {
                columns.push(j);
                centres.push(centre * unit);
                scales.push(spread * unit);
            }
        }
        let width = columns.len() + usize::from(intercept);
        let mut rows = Array2::zeros((places.len(), width));
        for (mut out, &row) in rows.rows_mut().into_iter().zip(&places) {
            for (k, &j) in columns.iter().enumerate() {
                out[k] = (x[[row, j]] - centres[k]) / scales[k];
            }
            if intercept {
                out[width - 1] = 1.0;
            }
        }
        let mut standard = Standard { rows, places, columns, centres, scales, n_features, intercept };
        if independent {
            standard.keep_independent();
        }
        Ok(standard)
    }

    /// Leaves out columns that those before them determine.
    fn keep_independent(&mut self) {
        let products = gram(&self.rows, None);
        let width = self.rows.ncols();
        // The intercept first, then the columns in their order: Cholesky's method, row by row.
        let order = self.intercept.then_some(width - 1).into_iter().chain(0..self.columns.len());
        let mut kept: Vec<usize> = Vec::new();
        let mut factor: Vec<Vec<f64>> = Vec::new();
        for j in order {
            let mut row: Vec<f64> = Vec::with_capacity(kept.len() + 1);
            for (place, &other) in kept.iter().enumerate() {
                let known: f64 = row.iter().zip(&factor[place]).map(|(a, b)| a * b).sum();
                row.push((products[[j, other]] - known) / factor[place][place]);
            }
            let rest = products[[j, j]] - row.iter().map(|value| value * value).sum::<f64>();
            if rest > OWN * products[[j, j]] && kept.len() < self.rows.nrows() {
                row.push(rest.sqrt());
                kept.push(j);
                factor.push(row);
            }
        }
        if kept.len() == width {
            return;
        }
        kept.sort_unstable();
        self.rows = self.rows.select(ndarray::Axis(1), &kept);
        let own = |values: &[f64]| kept.iter().filter_map(|&j| values.get(j).copied()).collect();
        self.centres = own(&self.centres);
        self.scales = own(&self.scales);
        self.columns = kept.iter().filter_map(|&j| self.columns.get(j).copied()).collect();
    }

    /// The scale of each column of the input that is there.
    pub(super) fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// The coefficients and the intercept in the units of the input, for a target in units of `scale` around `centre`.
    pub(super) fn in_units(&self, unknowns: &[f64], scale: f64, centre: f64) -> (Vec<f64>, f64) {
        let mut coefficients = vec![0.0; self.n_features];
        let mut intercept = if self.intercept { unknowns[self.columns.len()] * scale + centre } else { 0.0 };
        for (k, &j) in self.columns.iter().enumerate() {
            coefficients[j] = unknowns[k] * (scale / self.scales[k]);
            intercept -= coefficients[j] * self.centres[k];
        }
        (coefficients, intercept)
    }
}
