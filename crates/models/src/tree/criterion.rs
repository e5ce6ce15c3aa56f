//! What makes a node impure.

use super::monotone::Bounds;
use super::split::Tally;
use super::structure::{Summary, Value};

/// How impurity is measured, and what a node says about its rows.
pub(super) trait Impurity: Sync {
    /// What is needed of a node to cut it.
    type Totals: Send + Sync;
    /// Sums on both sides of a cut.
    type Sides<'a>: Tally
    where
        Self: 'a;

    /// The totals of some rows.
    fn totals(&self, rows: &mut (dyn ExactSizeIterator<Item = u32> + Send)) -> Self::Totals;
    /// Whether there is nothing to gain from a cut.
    fn is_pure(&self, totals: &Self::Totals) -> bool;
    /// What is kept of a node; `bounds` hold for its value.
    fn summary(&self, totals: &Self::Totals, bounds: Bounds) -> Summary;
    /// All rows on the right.
    fn sides<'a>(&'a self, totals: &'a Self::Totals) -> Self::Sides<'a>;
    /// The weight of a row, and a number by whose means the categories of a column are put in order.
    fn place(&self, totals: &Self::Totals, row: u32) -> (f64, f64);
    /// An impurity in the units of the target.
    fn in_units(&self, impurity: f64) -> f64 {
        impurity
    }
}

/// The weight of a row.
pub(super) fn weight(weights: Option<&[f64]>, row: u32) -> f64 {
    weights.map_or(1.0, |weights| weights[row as usize])
}

/// The gain in squared error: the squares between the two means, times their weights.
///
/// In this form of the difference the sums need not be centred, one division is enough, and counts stay exact.
pub(super) struct Moments<'a> {
    y: &'a [f64],
    weights: Option<&'a [f64]>,
    centre: f64,
    factor: f64,
    sum: f64,
    weight: f64,
    left_sum: f64,
    left_weight: f64,
}

impl Tally for Moments<'_> {
    #[inline]
    fn move_left(&mut self, row: u32) {
        let value = self.y[row as usize] - self.centre;
        match self.weights {
            None => {
                self.left_weight += 1.0;
                self.left_sum += value;
            }
            Some(weights) => {
                let weight = weights[row as usize];
                self.left_weight += weight;
                self.left_sum += weight * value;
            }
        }
    }

    #[inline]
    fn gain(&self) -> f64 {
        let difference = self.left_sum * self.weight - self.sum * self.left_weight;
        difference * difference * self.factor / (self.left_weight * (self.weight - self.left_weight))
    }

    fn means(&self) -> [f64; 2] {
        let (weight, sum) = (self.weight - self.left_weight, self.sum - self.left_sum);
        [self.centre + self.left_sum / self.left_weight, self.centre + sum / weight]
    }
}

/// Squared error around the mean.
pub(super) struct SquaredError<'a> {
    /// The target in units of `unit`.
    pub(super) y: &'a [f64],
    pub(super) weights: Option<&'a [f64]>,
    pub(super) unit: f64,
}

pub(super) struct Spread {
    n_rows: usize,
    weight: f64,
    mean: f64,
    variance: f64,
    pure: bool,
}

impl Impurity for SquaredError<'_> {
    type Totals = Spread;
    type Sides<'a>
        = Moments<'a>
    where
        Self: 'a;

    fn totals(&self, rows: &mut (dyn ExactSizeIterator<Item = u32> + Send)) -> Spread {
        let n_rows = rows.len();
        // Deviations from the first value: exact for equal values, and two sums are enough.
        let (mut first, mut pure) = (None, true);
        let (mut total, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for row in rows {
            let value = self.y[row as usize];
            let deviation = value - *first.get_or_insert(value);
            let weight = weight(self.weights, row);
            pure &= deviation == 0.0;
            total += weight;
            sum += weight * deviation;
            squares += weight * deviation * deviation;
        }
        let shift = if total > 0.0 { sum / total } else { 0.0 };
        let variance = if total > 0.0 { (squares / total - shift * shift).max(0.0) } else { 0.0 };
        Spread { n_rows, weight: total, mean: first.unwrap_or(0.0) + shift, variance, pure }
    }

    fn is_pure(&self, totals: &Spread) -> bool {
        totals.pure
    }

    fn summary(&self, totals: &Spread, bounds: Bounds) -> Summary {
        Summary {
            n_rows: totals.n_rows as u64,
            weight: totals.weight,
            measure: self.in_units(totals.variance),
            value: Value::One([bounds.clip(totals.mean) * self.unit]),
        }
    }

    fn sides<'a>(&'a self, totals: &'a Spread) -> Moments<'a> {
        Moments {
            y: self.y,
            weights: self.weights,
            centre: totals.mean,
            factor: 1.0 / totals.weight,
            sum: 0.0,
            weight: totals.weight,
            left_sum: 0.0,
            left_weight: 0.0,
        }
    }

    fn place(&self, totals: &Spread, row: u32) -> (f64, f64) {
        (weight(self.weights, row), self.y[row as usize] - totals.mean)
    }

    fn in_units(&self, impurity: f64) -> f64 {
        (impurity * self.unit * self.unit).min(f64::MAX)
    }
}

/// Half the Poisson deviance around the mean, of the target of a squared error.
pub(super) struct Poisson<'a>(pub(super) SquaredError<'a>);

/// `x ln(x)`; 0 where `x` is.
fn x_ln_x(x: f64) -> f64 {
    if x > 0.0 { x * x.ln() } else { 0.0 }
}

impl Impurity for Poisson<'_> {
    type Totals = Spread;
    type Sides<'a>
        = PoissonSides<'a>
    where
        Self: 'a;

    fn totals(&self, rows: &mut (dyn ExactSizeIterator<Item = u32> + Send)) -> Spread {
        let n_rows = rows.len();
        let (mut total, mut sum, mut terms, mut first, mut pure) = (0.0, 0.0, 0.0, None, true);
        for row in rows {
            let (weight, value) = (weight(self.0.weights, row), self.0.y[row as usize]);
            pure &= *first.get_or_insert(value) == value;
            total += weight;
            sum += weight * value;
            terms += weight * x_ln_x(value);
        }
        let mean = if pure { first.unwrap_or(0.0) } else { sum / total };
        let deviance = if total > 0.0 { (terms / total - x_ln_x(mean)).max(0.0) } else { 0.0 };
        Spread { n_rows, weight: total, mean, variance: deviance, pure }
    }

    fn is_pure(&self, totals: &Spread) -> bool {
        totals.pure
    }

    fn summary(&self, totals: &Spread, bounds: Bounds) -> Summary {
        let measure = self.in_units(totals.variance);
        Summary { measure, ..self.0.summary(totals, bounds) }
    }

    fn sides<'a>(&'a self, totals: &'a Spread) -> PoissonSides<'a> {
        PoissonSides { target: &self.0, totals, left_sum: 0.0, left_weight: 0.0 }
    }

    fn place(&self, totals: &Spread, row: u32) -> (f64, f64) {
        self.0.place(totals, row)
    }

    fn in_units(&self, impurity: f64) -> f64 {
        (impurity * self.0.unit).min(f64::MAX)
    }
}

pub(super) struct PoissonSides<'a> {
    target: &'a SquaredError<'a>,
    totals: &'a Spread,
    left_sum: f64,
    left_weight: f64,
}

impl Tally for PoissonSides<'_> {
    fn move_left(&mut self, row: u32) {
        let weight = weight(self.target.weights, row);
        self.left_weight += weight;
        self.left_sum += weight * self.target.y[row as usize];
    }

    /// Not a number where one side would answer 0.
    fn gain(&self) -> f64 {
        let (weight, sum) = (self.totals.weight, self.totals.weight * self.totals.mean);
        let (right_weight, right_sum) = (weight - self.left_weight, sum - self.left_sum);
        let least = sum * f64::EPSILON;
        if self.left_sum <= least || right_sum <= least {
            return f64::NAN;
        }
        let side = |weight: f64, sum: f64| sum * (sum / weight).ln();
        side(self.left_weight, self.left_sum) + side(right_weight, right_sum) - side(weight, sum)
    }

    fn means(&self) -> [f64; 2] {
        let (weight, sum) = (self.totals.weight, self.totals.weight * self.totals.mean);
        [self.left_sum / self.left_weight, (sum - self.left_sum) / (weight - self.left_weight)]
    }
}

/// The classes of the rows, and what they weigh.
pub(super) struct Labels<'a> {
    pub(super) codes: &'a [u32],
    pub(super) weights: Option<&'a [f64]>,
    pub(super) n_classes: usize,
}

pub(super) struct Shares {
    n_rows: usize,
    weight: f64,
    of: Vec<f64>,
}

impl Labels<'_> {
    fn totals(&self, rows: &mut (dyn ExactSizeIterator<Item = u32> + Send)) -> Shares {
        let n_rows = rows.len();
        let mut of = vec![0.0; self.n_classes];
        for row in rows {
            of[self.codes[row as usize] as usize] += weight(self.weights, row);
        }
        Shares { n_rows, weight: of.iter().sum(), of }
    }

    /// Bounds are those of the second of two classes.
    fn summary(&self, totals: &Shares, impurity: f64, bounds: Bounds) -> Summary {
        let share = |&weight: &f64| weight / totals.weight;
        let value = match &totals.of[..] {
            [_, second] if bounds != Bounds::NONE => {
                let second = bounds.clip(share(second)).clamp(0.0, 1.0);
                Value::Two([1.0 - second, second])
            }
            of => Value::Many(of.iter().map(share).collect()),
        };
        Summary { n_rows: totals.n_rows as u64, weight: totals.weight, measure: impurity, value }
    }
}

fn one_class(totals: &Shares) -> bool {
    totals.of.iter().filter(|weight| **weight > 0.0).count() < 2
}

fn gini(totals: &Shares) -> f64 {
    1.0 - totals.of.iter().map(|weight| (weight / totals.weight).powi(2)).sum::<f64>()
}

/// The three ways to measure classes differ in their sides and in the name of the impurity.
macro_rules! class_impurity {
    ($name:ident, $sides:ident, $impurity:expr, |$self:ident, $totals:ident| $new:expr) => {
        impl Impurity for $name<'_> {
            type Totals = Shares;
            type Sides<'a>
                = $sides<'a>
            where
                Self: 'a;

            fn totals(&self, rows: &mut (dyn ExactSizeIterator<Item = u32> + Send)) -> Shares {
                self.labels.totals(rows)
            }

            fn is_pure(&self, totals: &Shares) -> bool {
                one_class(totals)
            }

            fn summary(&self, totals: &Shares, bounds: Bounds) -> Summary {
                self.labels.summary(totals, f64::max($impurity(totals), 0.0), bounds)
            }

            /// One class against the rest: the second of two, otherwise the largest of the node.
            fn place(&self, totals: &Shares, row: u32) -> (f64, f64) {
                let class = if totals.of.len() == 2 { 1 } else { super::text::largest(&totals.of) };
                let is_class = self.labels.codes[row as usize] as usize == class;
                (weight(self.labels.weights, row), f64::from(u8::from(is_class)))
            }

            fn sides<'a>(&'a $self, $totals: &'a Shares) -> $sides<'a> {
                $new
            }
        }
    };
}

/// Gini impurity of two classes: twice the squared error of the second class's indicator.
pub(super) struct BinaryGini<'a> {
    labels: Labels<'a>,
    indicator: Vec<f64>,
}

impl<'a> BinaryGini<'a> {
    pub(super) fn new(labels: Labels<'a>) -> Self {
        let indicator = labels.codes.iter().map(|&code| f64::from(code)).collect();
        BinaryGini { labels, indicator }
    }
}

class_impurity!(BinaryGini, Moments, gini, |self, totals| Moments {
    y: &self.indicator,
    weights: self.labels.weights,
    centre: 0.0,
    factor: 2.0 / totals.weight,
    sum: totals.of[1],
    weight: totals.weight,
    left_sum: 0.0,
    left_weight: 0.0,
});

/// Gini impurity of any number of classes.
pub(super) struct Gini<'a> {
    pub(super) labels: Labels<'a>,
}

/// Weights of the classes on both sides, with the sums of their squares.
pub(super) struct GiniSides<'a> {
    labels: &'a Labels<'a>,
    left: Vec<f64>,
    right: Vec<f64>,
    left_weight: f64,
    right_weight: f64,
    left_squares: f64,
    right_squares: f64,
    whole: f64,
}

class_impurity!(Gini, GiniSides, gini, |self, totals| {
    let squares: f64 = totals.of.iter().map(|weight| weight * weight).sum();
    GiniSides {
        labels: &self.labels,
        left: vec![0.0; totals.of.len()],
        right: totals.of.clone(),
        left_weight: 0.0,
        right_weight: totals.weight,
        left_squares: 0.0,
        right_squares: squares,
        whole: squares / totals.weight,
    }
});

impl Tally for GiniSides<'_> {
    fn move_left(&mut self, row: u32) {
        let class = self.labels.codes[row as usize] as usize;
        let weight = weight(self.labels.weights, row);
        let (left, right) = (&mut self.left[class], &mut self.right[class]);
        self.left_squares += weight * (2.0 * *left + weight);
        self.right_squares -= weight * (2.0 * *right - weight);
        *left += weight;
        *right -= weight;
        self.left_weight += weight;
        self.right_weight -= weight;
    }

    fn gain(&self) -> f64 {
        self.left_squares / self.left_weight + self.right_squares / self.right_weight - self.whole
    }

    fn means(&self) -> [f64; 2] {
        // Two classes are [`BinaryGini`]'s; of more there is no one number.
        [0.0; 2]
    }
}

/// Entropy in bits.
pub(super) struct Entropy<'a> {
    pub(super) labels: Labels<'a>,
}

/// Weights `w` of the classes on both sides, with the sums of `w log w`.
pub(super) struct EntropySides<'a> {
    labels: &'a Labels<'a>,
    left: Vec<[f64; 2]>,
    right: Vec<[f64; 2]>,
    left_weight: f64,
    right_weight: f64,
    left_sum: f64,
    right_sum: f64,
    whole: f64,
}

fn w_log_w(w: f64) -> f64 {
    if w > 0.0 { w * w.log2() } else { 0.0 }
}

fn entropy(totals: &Shares) -> f64 {
    -totals.of.iter().map(|weight| w_log_w(weight / totals.weight)).sum::<f64>()
}

class_impurity!(Entropy, EntropySides, entropy, |self, totals| {
    let right: Vec<[f64; 2]> = totals.of.iter().map(|&weight| [weight, w_log_w(weight)]).collect();
    let right_sum: f64 = right.iter().map(|part| part[1]).sum();
    EntropySides {
        labels: &self.labels,
        left: vec![[0.0; 2]; right.len()],
        right,
        left_weight: 0.0,
        right_weight: totals.weight,
        left_sum: 0.0,
        right_sum,
        whole: right_sum - w_log_w(totals.weight),
    }
});

impl Tally for EntropySides<'_> {
    fn move_left(&mut self, row: u32) {
        let class = self.labels.codes[row as usize] as usize;
        let weight = weight(self.labels.weights, row);
        for (part, sum, change) in [
            (&mut self.left[class], &mut self.left_sum, weight),
            (&mut self.right[class], &mut self.right_sum, -weight),
        ] {
            let moved = part[0] + change;
            let term = w_log_w(moved);
            *sum += term - part[1];
            *part = [moved, term];
        }
        self.left_weight += weight;
        self.right_weight -= weight;
    }

    fn gain(&self) -> f64 {
        let inside = |sum: f64, weight: f64| sum - w_log_w(weight);
        inside(self.left_sum, self.left_weight) + inside(self.right_sum, self.right_weight) - self.whole
    }

    fn means(&self) -> [f64; 2] {
        [&self.left, &self.right].map(|side| match side[..] {
            [[first, _], [second, _]] => second / (first + second),
            _ => 0.0,
        })
    }
}
