//! Support vector classification: settings and fitting.

use std::borrow::Cow;

use ndarray::{Array2, Axis};
use perennial_core::{Capabilities, Classes, Context, Estimator, Matrix, Param, Result, Train};
use perennial_numeric::kernel::{Function, Kernel};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::expansion::Expansion;
use super::machine::{self, C, CACHE_SIZE, Effort, MAX_ITER, TOLERANCE, Terms, bounds};
use super::probability::ProbabilisticSvc;
use super::solver::Solution;
use super::svc_model::SvcModel;
use crate::classes::{ClassWeight, two_or_more};

/// Support vector classification with kernels (Boser, Guyon and Vapnik, 1992; Cortes and Vapnik, 1995).
///
/// Each pair of classes has a machine of its own, and the class that wins most pairs is the answer, the first of
/// equals. A machine is found by sequential minimal optimisation on working sets, pairs chosen by second-order
/// information (Fan, Chen and Lin, 2005). Rows of the kernel matrix are kept within `cache_size`; of a radial kernel
/// they are kept as f32 where the tolerance allows it. Standardise features first: the kernel depends on their units.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `c` | 1 | 1e-100 to 1e12 | the most that one row may pull: large fits the rows, small keeps the margin wide |
/// | `kernel` | radial, `Gamma::Scale` | | how alike two rows are |
/// | `class_weight` | `None` | `None`, `Balanced`, `Given` | how much the rows of each class count |
/// | `tolerance` | 1e-3 | above 0 | by how much a pair of rows may violate optimality |
/// | `max_iter` | 10 million | 1 to 1e15 | the most steps of pairs, for each machine |
/// | `cache_size` | 200 | above 0, to 1e9 | megabytes for rows of the kernel matrix; a quarter of it for each of four or more pairs of classes |
///
/// Running out of steps is no error: [`SvcModel::converged`] tells. [`probability`](Svc::probability) gives settings whose
/// model knows probabilities.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::Svc;
/// use perennial_numeric::kernel::Kernel;
///
/// // No line parts these classes.
/// let x = Matrix::from(array![[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]);
/// let y = Classes::from_labels(["same", "same", "other", "other"]);
/// let model = Svc::new().kernel(Kernel::rbf(1.0)).c(10.0).fit(&x, &y)?;
/// assert!(model.converged());
/// assert_eq!(model.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Svc {
    c: f64,
    kernel: Kernel,
    class_weight: ClassWeight,
    tolerance: f64,
    max_iter: usize,
    cache_size: f64,
}

impl Default for Svc {
    fn default() -> Self {
        Svc {
            c: 1.0,
            kernel: Kernel::default(),
            class_weight: ClassWeight::None,
            tolerance: 1e-3,
            max_iter: 10_000_000,
            cache_size: 200.0,
        }
    }
}

impl Svc {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[C, TOLERANCE, MAX_ITER, CACHE_SIZE];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the most that one row may pull.
    #[must_use]
    pub fn c(mut self, c: f64) -> Self {
        self.c = c;
        self
    }

    /// Sets how alike two rows are.
    #[must_use]
    pub fn kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// Sets how much the rows of each class count.
    #[must_use]
    pub fn class_weight(mut self, class_weight: ClassWeight) -> Self {
        self.class_weight = class_weight;
        self
    }

    /// Sets by how much a pair of rows may violate optimality.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the most steps of pairs.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets the megabytes for rows of the kernel matrix.
    #[must_use]
    pub fn cache_size(mut self, megabytes: f64) -> Self {
        self.cache_size = megabytes;
        self
    }

    /// Settings of the same machines whose model also knows probabilities, at the cost of five more fits.
    pub fn probability(self) -> ProbabilisticSvc {
        ProbabilisticSvc::of(self)
    }

    fn effort(&self) -> Effort {
        Effort { tolerance: self.tolerance, max_iter: self.max_iter, cache_size: self.cache_size }
    }
}

/// The machine of a pair of classes: its rows, positive ones those of the second class.
struct Machine {
    rows: Vec<usize>,
    solution: Solution,
}

impl Estimator for Svc {
    type Input = Matrix;
    type Target = Classes;
    type Model = SvcModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<SvcModel> {
        C.check(self.c)?;
        self.effort().check()?;
        let x = train.x.dense()?;
        let own = train.weights.map(Cow::Borrowed);
        let weights = self.class_weight.apply(train.y, own)?;
        let weights = weights.as_deref();
        let present = two_or_more(train.y, weights)?;
        let function = self.kernel.resolve(x, train.weights)?;
        let high = bounds(self.c, x.nrows(), weights)?;
        let rows_of = |class: u32| -> Vec<usize> {
            let counts = |row: &usize| train.y.codes()[*row] == class && high[*row] > 0.0;
            (0..x.nrows()).filter(counts).collect()
        };
        let members: Vec<Vec<usize>> = present.iter().map(|&class| rows_of(class)).collect();
        let k = present.len();
        let pairs: Vec<(usize, usize)> = (0..k).flat_map(|a| (a + 1..k).map(move |b| (a, b))).collect();
        let solve = |pair: usize| {
            let (a, b) = pairs[pair];
            let machine =
                self.pair(function, train.x, &members[a], &members[b], &high, pairs.len(), &train.ctx)?;
            train.ctx.step(pair + 1, pairs.len())?;
            Ok(machine)
        };
        let machines = reduce::try_map_each(pairs.len(), solve)?;
        let expansion = expand(function, train.x, &machines)?;
        let gap = machines.iter().fold(0.0, |most, machine| f64::max(most, machine.solution.gap));
        let n_iterations = machines.iter().map(|machine| machine.solution.n_iterations).sum();
        Ok(SvcModel::new(
            train.x.features().clone(),
            train.y.shared_names(),
            present,
            expansion,
            gap <= self.tolerance,
            gap,
            n_iterations,
        ))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl Svc {
    #[allow(clippy::too_many_arguments)]
    fn pair(
        &self,
        function: Function,
        x: &Matrix,
        first: &[usize],
        second: &[usize],
        high: &[f64],
        n_pairs: usize,
        ctx: &Context,
    ) -> Result<Machine> {
        let mut rows = [first, second].concat();
        rows.sort_unstable();
        let of_second: Vec<bool> = rows.iter().map(|row| second.binary_search(row).is_ok()).collect();
        let part = x.dense()?.select(Axis(0), &rows);
        let sign = |positive: &bool| if *positive { 1.0 } else { -1.0 };
        let bound = |wanted: bool, sign: f64| -> Vec<f64> {
            let one =
                |(row, positive): (&usize, &bool)| if *positive == wanted { sign * high[*row] } else { 0.0 };
            rows.iter().zip(&of_second).map(one).collect()
        };
        let terms = Terms {
            linear: of_second.iter().map(|positive| -sign(positive)).collect(),
            low: bound(false, -1.0),
            high: bound(true, 1.0),
            kink: 0.0,
            start: vec![0.0; rows.len()],
        };
        let solution = machine::solve(function, &part, terms, self.effort().limits(n_pairs), ctx)?;
        Ok(Machine { rows, solution })
    }
}

/// All machines over the union of their support vectors.
fn expand(function: Function, x: &Matrix, machines: &[Machine]) -> Result<Expansion> {
    let x = x.dense()?;
    let mut place = vec![usize::MAX; x.nrows()];
    for machine in machines {
        for (&row, &beta) in machine.rows.iter().zip(&machine.solution.beta) {
            if beta != 0.0 {
                place[row] = 0;
            }
        }
    }
    let support: Vec<usize> = (0..x.nrows()).filter(|&row| place[row] == 0).collect();
    support.iter().enumerate().for_each(|(at, &row)| place[row] = at);
    let mut coefficients = Array2::zeros((support.len(), machines.len()));
    for (k, machine) in machines.iter().enumerate() {
        for (&row, &beta) in machine.rows.iter().zip(&machine.solution.beta) {
            if beta != 0.0 {
                coefficients[[place[row], k]] = beta;
            }
        }
    }
    let biases = machines.iter().map(|machine| machine.solution.bias).collect();
    Expansion::new(function, x.select(Axis(0), &support), coefficients, biases)
}
