//! Linear support vector machines with losses that have a kink, by an interior point method.

use ndarray::{Array2, Axis, concatenate};
use perennial_core::{Context, Error, Matrix, Result};
use perennial_numeric::optimize::{Kinked, KinkedMinimum};

use super::centred::Scaled;
use super::iterative::Search;
use super::kinked::Standard;

/// More steps than this bring nothing any more.
const MOST_STEPS: usize = 200;

/// Coefficients are off by about the root of the gap, which rounding keeps above the square of this.
const LEAST: f64 = 1e-7;

/// Rows at unit scale with their costs, for the machines of all classes.
pub(super) struct Machine {
    standard: Standard,
    costs: Vec<f64>,
    quadratic: Vec<f64>,
}

impl Machine {
    /// With the cost `c` times its weight of a unit of each row, in units of the target's scale.
    pub(super) fn new(
        x: &Matrix,
        weights: Option<&[f64]>,
        intercept: bool,
        c: f64,
        scale: f64,
    ) -> Result<Self> {
        if x.sparse().is_some() {
            return Err(Error::unsupported(
                "a loss with a kink needs dense input; choose the squared loss or call `to_dense()` on the matrix",
            ));
        }
        let standard = Standard::new(x, weights, intercept, false)?;
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let total: f64 = standard.places.iter().map(|&row| weight(row)).sum();
        // All over `c` times the mean weight, so that costs are about 1.
        let mean = total / standard.places.len() as f64;
        let costs = standard.places.iter().map(|&row| weight(row) / mean).collect();
        let mut quadratic: Vec<f64> =
            standard.scales().iter().map(|own| (scale / own) / own / (c * mean)).collect();
        if !quadratic.iter().all(|q| *q > 0.0 && *q < 1e200) {
            return Err(Error::overflow(
                "the penalty is too far from the scale of the features; standardise the features",
            ));
        }
        if intercept {
            quadratic.push(0.0);
        }
        Ok(Machine { standard, costs, quadratic })
    }

    fn solve(
        &self,
        design: Array2<f64>,
        target: Vec<f64>,
        limits: (f64, usize),
        ctx: &Context,
    ) -> Result<(Vec<f64>, Search)> {
        if self.quadratic.is_empty() || self.standard.columns.is_empty() && !self.standard.intercept {
            return Ok((Vec::new(), Search { n_iterations: 0, gap: 0.0, converged: true }));
        }
        let up: Vec<f64> = self.costs.iter().cycle().take(target.len()).copied().collect();
        let down = vec![0.0; target.len()];
        let problem = Kinked { design, target, up, down, quadratic: self.quadratic.clone() };
        let KinkedMinimum { x, value, gap, n_iterations, converged, .. } =
            problem.minimise(limits.0.max(LEAST).powi(2), limits.1.min(MOST_STEPS), ctx)?;
        Ok((x, Search { n_iterations, gap: (gap / value.max(f64::MIN_POSITIVE)).sqrt(), converged }))
    }

    /// The machine that tells the rows where `positive` from the others, by the hinge loss.
    pub(super) fn separate(
        &self,
        positive: impl Fn(usize) -> bool,
        limits: (f64, usize),
        ctx: &Context,
    ) -> Result<((Vec<f64>, f64), Search)> {
        let mut design = self.standard.rows.clone();
        for (mut row, &place) in design.rows_mut().into_iter().zip(&self.standard.places) {
            if !positive(place) {
                row.mapv_inplace(|value| -value);
            }
        }
        let ones = vec![1.0; self.standard.places.len()];
        let (unknowns, search) = self.solve(design, ones, limits, ctx)?;
        Ok((self.standard.in_units(&unknowns, 1.0, 0.0), search))
    }

    /// The line that no miss up to `epsilon`, in the units of the scaled target, costs.
    pub(super) fn regress(
        &self,
        target: &Scaled<'_>,
        epsilon: f64,
        limits: (f64, usize),
        ctx: &Context,
    ) -> Result<((Vec<f64>, f64), Search)> {
        let rows = &self.standard.rows;
        let design = concatenate![Axis(0), rows.view(), (-rows).view()];
        let own = |sign: f64| self.standard.places.iter().map(move |&row| sign * target.at(row) - epsilon);
        let values: Vec<f64> = own(1.0).chain(own(-1.0)).collect();
        // A target that is the same everywhere is met by no slope.
        if self.standard.intercept && self.standard.places.iter().all(|&row| target.at(row) == 0.0) {
            let flat = vec![0.0; self.quadratic.len()];
            let search = Search { n_iterations: 0, gap: 0.0, converged: true };
            return Ok((self.standard.in_units(&flat, target.scale, target.centre), search));
        }
        let (unknowns, search) = self.solve(design, values, limits, ctx)?;
        Ok((self.standard.in_units(&unknowns, target.scale, target.centre), search))
    }
}
