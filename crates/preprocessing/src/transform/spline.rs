//! Columns as smooth bumps, so that a linear model can bend.

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema,
    Param, Result, Train, Transformer,
};
use serde::{Deserialize, Serialize};

use crate::batch_parts::from_moments;
use crate::batches::{BoxLearning, FitBatches};
use crate::cells::{by_column, map_rows};
use crate::decided;
use crate::moments::Moments;
use crate::stats::quantiles;

/// Where the knots of a spline lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Knots {
    /// Evenly between the smallest and the largest value.
    #[default]
    Uniform,
    /// At quantiles: as many rows between any two neighbours.
    Quantile,
}

/// What becomes of values beyond the outer knots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Extrapolation {
    /// They count as at the outer knot.
    #[default]
    Constant,
    /// The tangent at the outer knot.
    Linear,
    /// The outer polynomial goes on.
    Continue,
    /// An error that names the value.
    Error,
    /// The outer knots are the same place, as midnight is: values wrap around.
    Periodic,
}

/// Replaces each column by B-splines: bumps of polynomials that overlap and add up to one (de Boor, 1978).
///
/// A column becomes `n_knots + degree - 1` columns named `column spline 0` and so on, `n_knots - 1` if periodic.
/// Missing cells are left out and stay missing in all of them. A weight counts as copies of its row.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_knots` | 5 | 2 to 10,000 | knots, the outer ones included |
/// | `degree` | 3 | 0 to 10 | degree of the polynomials |
/// | `knots` | uniform | | where the knots lie |
/// | `extrapolation` | constant | | what becomes of values beyond the outer knots |
/// | `include_bias` | true | | whether the last spline is kept; without it the columns no longer add up to one |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::SplineTransformer;
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0]]);
/// let tents = SplineTransformer::new().n_knots(3).degree(1).fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(tents.dense()?, array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplineTransformer {
    n_knots: usize,
    degree: usize,
    knots: Knots,
    extrapolation: Extrapolation,
    include_bias: bool,
}

impl Default for SplineTransformer {
    fn default() -> Self {
        let (knots, extrapolation) = (Knots::Uniform, Extrapolation::Constant);
        SplineTransformer { n_knots: 5, degree: 3, knots, extrapolation, include_bias: true }
    }
}

const N_KNOTS: Param =
    Param::integer("n_knots", "knots, the outer ones included").at_least(2.0).at_most(1e4).search(3.0, 20.0);
const DEGREE: Param =
    Param::integer("degree", "degree of the polynomials").at_least(0.0).at_most(MOST as f64);

/// The highest degree.
const MOST: usize = 10;

impl SplineTransformer {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_KNOTS, DEGREE];

    /// Cubic splines with five even knots.
    pub fn new() -> Self {
        SplineTransformer::default()
    }

    /// Knots, the outer ones included.
    #[must_use]
    pub fn n_knots(mut self, n_knots: usize) -> Self {
        self.n_knots = n_knots;
        self
    }

    /// Degree of the polynomials.
    #[must_use]
    pub fn degree(mut self, degree: usize) -> Self {
        self.degree = degree;
        self
    }

    /// Where the knots lie.
    #[must_use]
    pub fn knots(mut self, knots: Knots) -> Self {
        self.knots = knots;
        self
    }

    /// What becomes of values beyond the outer knots.
    #[must_use]
    pub fn extrapolation(mut self, extrapolation: Extrapolation) -> Self {
        self.extrapolation = extrapolation;
        self
    }

    /// Whether the last spline is kept.
    #[must_use]
    pub fn include_bias(mut self, include_bias: bool) -> Self {
        self.include_bias = include_bias;
        self
    }

    fn check(&self) -> Result<()> {
        N_KNOTS.check_count(self.n_knots)?;
        DEGREE.check_count(self.degree)?;
        if self.extrapolation == Extrapolation::Periodic && self.n_knots <= self.degree {
            return Err(Error::unsupported(format!(
                "periodic splines of degree {} need more than {} knots and have {}; raise `n_knots` or lower `degree`",
                self.degree, self.degree, self.n_knots
            )));
        }
        Ok(())
    }

    /// The number of the last knot.
    fn last(&self) -> f64 {
        (self.n_knots - 1) as f64
    }

    /// With knots at these places of each column, or evenly between the first and the last.
    fn model(&self, features: &Features, found: Vec<Option<Vec<f64>>>) -> Result<SplineModel> {
        let mut all = Vec::with_capacity(found.len());
        for (found, name) in found.into_iter().zip(features.names()) {
            let found = found.ok_or_else(|| {
                Error::insufficient_data(format!(
                    "every value of column `{name}` is missing, so it has no knots; leave it out, or impute it first"
                ))
            })?;
            let (low, high) = (found[0], found[found.len() - 1]);
            // A constant column has no width of its own; it gets one.
            let half = if high > low { 0.0 } else { 0.5 * low.abs().max(1.0) };
            let at = |knot: usize| {
                let share = knot as f64 / self.last();
                (low - half) * (1.0 - share) + (high + half) * share
            };
            let even = half > 0.0 || self.knots == Knots::Uniform;
            all.push(if even { (0..self.n_knots).map(at).collect() } else { found });
        }
        SplineModel::new(Parts {
            features: features.clone(),
            degree: self.degree,
            knots: all,
            extrapolation: self.extrapolation,
            include_bias: self.include_bias,
        })
    }
}

/// The smallest and the largest value of each column that has one; zero has one sign here.
fn ends(moments: &Moments) -> Vec<Option<Vec<f64>>> {
    let ends = |column: usize| {
        (moments.weight[column] > 0.0).then(|| vec![moments.min[column] + 0.0, moments.max[column] + 0.0])
    };
    (0..moments.weight.len()).map(ends).collect()
}

impl Estimator for SplineTransformer {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = SplineModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<SplineModel> {
        self.check()?;
        let x = train.x.dense()?;
        let found = match self.knots {
            Knots::Uniform => ends(&Moments::of(x, train.weights)),
            Knots::Quantile => {
                let shares: Vec<f64> = (0..self.n_knots).map(|knot| knot as f64 / self.last()).collect();
                by_column(x, |_, values| quantiles(values, train.weights, &shares))
            }
        };
        self.model(train.x.features(), found)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

/// Even knots; quantiles need all rows at once.
impl FitBatches for SplineTransformer {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.check()?;
        if self.knots == Knots::Quantile {
            return Err(Error::unsupported(
                "knots at quantiles need all rows at once; choose even ones by `Knots::Uniform`, or fit on a table in memory",
            ));
        }
        Ok(from_moments(|features, moments| self.model(features, ends(&moments))))
    }
}

impl FitTransform for SplineTransformer {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        // Where the knots lie moves no column.
        let knots: Vec<f64> = (0..self.n_knots).map(|knot| knot as f64).collect();
        let model = SplineModel::new(Parts {
            features: x.features().clone(),
            degree: self.degree,
            knots: vec![knots; x.n_cols()],
            extrapolation: self.extrapolation,
            include_bias: self.include_bias,
        })?;
        OutputSchema::of(&model, x)
    }
}

/// A fitted [`SplineTransformer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct SplineModel {
    parts: Parts,
    curves: Vec<Curve>,
    output: Features,
}

impl From<SplineModel> for Parts {
    fn from(model: SplineModel) -> Self {
        model.parts
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Parts {
    features: Features,
    degree: usize,
    knots: Vec<Vec<f64>>,
    extrapolation: Extrapolation,
    include_bias: bool,
}

impl TryFrom<Parts> for SplineModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        SplineModel::new(parts)
    }
}

impl SplineModel {
    fn new(parts: Parts) -> Result<Self> {
        let periodic = parts.extrapolation == Extrapolation::Periodic;
        let n_knots = parts.knots.first().map_or(2, Vec::len);
        let sound = |knots: &Vec<f64>| {
            let width = knots.last().zip(knots.first()).map(|(last, first)| last - first);
            knots.len() == n_knots
                && knots.windows(2).all(|pair| pair[0] <= pair[1])
                && width.is_some_and(|width| width > 0.0 && width.is_finite())
        };
        let counts = n_knots >= 2 && parts.degree <= MOST && (!periodic || n_knots > parts.degree);
        if !counts || parts.knots.len() != parts.features.len() {
            return Err(Error::corrupt("a spline transform needs two or more knots for each column"));
        }
        if let Some(column) = parts.knots.iter().position(|knots| !sound(knots)) {
            return Err(Error::overflow(format!(
                "the values of column `{}` are so far apart that the width of their range leaves that of f64; scale or clip it first",
                parts.features.name(column)
            )));
        }
        let curves: Vec<Curve> =
            parts.knots.iter().map(|knots| Curve::new(knots, parts.degree, periodic)).collect();
        let n_splines = (if periodic { n_knots - 1 } else { n_knots + parts.degree - 1 })
            .saturating_sub(usize::from(!parts.include_bias));
        let name = |name: &str| {
            (0..n_splines)
                .map(|spline| Feature::numeric(format!("{name} spline {spline}")))
                .collect::<Vec<_>>()
        };
        let output = parts.features.names().flat_map(name).collect::<Vec<_>>().try_into()?;
        Ok(SplineModel { parts, curves, output })
    }

    /// The knots of each column, the outer ones included, in rising order.
    pub fn knots(&self) -> &[Vec<f64>] {
        &self.parts.knots
    }

    fn check_inside(&self, x: &Matrix) -> Result<()> {
        let bad = x.dense()?.indexed_iter().find(|((_, column), value)| {
            let curve = &self.curves[*column];
            **value < curve.low || **value > curve.high
        });
        bad.map_or(Ok(()), |((row, column), value)| {
            Err(Error::unsupported(format!(
                "column `{}` has the value {value} at row {row}, beyond the knots from {} to {}; clip it first, or choose another `extrapolation`",
                self.parts.features.name(column),
                self.curves[column].low,
                self.curves[column].high
            )))
        })
    }
}

impl Transformer for SplineModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.parts.features.align(x)?;
        let extrapolation = self.parts.extrapolation;
        if extrapolation == Extrapolation::Error {
            self.check_inside(&x)?;
        }
        let (n_cols, width) = (self.curves.len(), self.output.len());
        let n_splines = width / n_cols.max(1);
        map_rows(&x, &self.output, |_, rows, out| {
            for (row, out) in rows.chunks_exact(n_cols).zip(out.chunks_exact_mut(width)) {
                for ((&cell, curve), out) in row.iter().zip(&self.curves).zip(out.chunks_exact_mut(n_splines))
                {
                    curve.write(cell, extrapolation, out);
                }
            }
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        let n_splines = self.output.len() / self.curves.len().max(1);
        crate::outputs::column_by_column(vec![n_splines; self.curves.len()])
    }

    fn decided(&self) -> Vec<Decided> {
        let n_splines = self.output.len() / self.curves.len().max(1);
        decided::of_columns(self, &self.parts.features, "from the training rows, or set", |column| {
            let knots = decided::list(self.knots()[column].iter().map(f64::to_string));
            format!("{n_splines} splines on the knots {knots}")
        })
    }
}

/// The splines over one column.
#[derive(Debug, Clone, PartialEq)]
struct Curve {
    degree: usize,
    low: f64,
    high: f64,
    /// The knots with `degree` more on each side.
    knots: Vec<f64>,
    n_splines: usize,
}

impl Curve {
    fn new(inner: &[f64], degree: usize, periodic: bool) -> Self {
        let (n, low, high) = (inner.len(), inner[0], inner[inner.len() - 1]);
        let period = high - low;
        let (first, last) = (inner[1] - low, high - inner[n - 2]);
        let before = |k: usize| if periodic { inner[n - 1 - k] - period } else { low - k as f64 * first };
        let after = |k: usize| if periodic { inner[k] + period } else { high + k as f64 * last };
        let knots =
            (1..=degree).rev().map(before).chain(inner.iter().copied()).chain((1..=degree).map(after));
        let n_splines = if periodic { n - 1 } else { n + degree - 1 };
        Curve { degree, low, high, knots: knots.collect(), n_splines }
    }

    fn write(&self, x: f64, extrapolation: Extrapolation, out: &mut [f64]) {
        if x.is_nan() {
            return out.fill(f64::NAN);
        }
        let inside = match extrapolation {
            Extrapolation::Continue => x,
            Extrapolation::Periodic => self.low + (x - self.low).rem_euclid(self.high - self.low),
            _ => x.clamp(self.low, self.high),
        };
        let span = self.span(inside);
        let mut values = [0.0; MOST + 1];
        basis(&self.knots, self.degree, span, inside, &mut values);
        if extrapolation == Extrapolation::Linear && x != inside {
            self.add_tangent(span, inside, x - inside, &mut values);
        }
        for (offset, value) in values[..=self.degree].iter().enumerate() {
            let spline = (span - self.degree + offset) % self.n_splines;
            // The last one is left out where there is no bias.
            if let Some(out) = out.get_mut(spline) {
                *out += value;
            }
        }
    }

    /// The number of the last knot at or before `x` that has a later one inside.
    fn span(&self, x: f64) -> usize {
        let inner = &self.knots[self.degree..self.knots.len() - self.degree];
        let before = inner[1..inner.len() - 1].partition_point(|knot| *knot <= x);
        // Of knots in one place the last one before a gap.
        let mut span = before;
        while span > 0 && inner[span] == inner[span + 1] {
            span -= 1;
        }
        self.degree + span
    }

    /// Adds `distance` times the derivatives at `x`.
    fn add_tangent(&self, span: usize, x: f64, distance: f64, values: &mut [f64; MOST + 1]) {
        let Some(lower) = self.degree.checked_sub(1) else { return };
        let mut smaller = [0.0; MOST + 1];
        basis(&self.knots, lower, span, x, &mut smaller);
        let ratio = |spline: usize, value: f64| {
            let width = self.knots[spline + self.degree] - self.knots[spline];
            if width > 0.0 { self.degree as f64 * value / width } else { 0.0 }
        };
        for offset in 0..=self.degree {
            let spline = span - self.degree + offset;
            let rises = if offset > 0 { ratio(spline, smaller[offset - 1]) } else { 0.0 };
            let falls = if offset < self.degree { ratio(spline + 1, smaller[offset]) } else { 0.0 };
            values[offset] += distance * (rises - falls);
        }
    }
}

/// The `degree + 1` splines that are not zero between knot `span` and the next (Piegl and Tiller, 1997, A2.2).
fn basis(knots: &[f64], degree: usize, span: usize, x: f64, out: &mut [f64; MOST + 1]) {
    out[0] = 1.0;
    for j in 1..=degree {
        let mut saved = 0.0;
        for r in 0..j {
            let (right, left) = (knots[span + r + 1] - x, x - knots[span + 1 + r - j]);
            let width = right + left;
            let share = if width == 0.0 { 0.0 } else { out[r] / width };
            out[r] = saved + right * share;
            saved = left * share;
        }
        out[j] = saved;
    }
}
