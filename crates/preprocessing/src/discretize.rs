//! Numbers as bins.

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Feature, FeatureKind, Features, FitTransform, Matrix, NoTarget,
    OutputSchema, Param, Result, Train, Transformer,
};
use serde::{Deserialize, Serialize};

use crate::batch_parts::from_moments;
use crate::batches::{BoxLearning, FitBatches};
use crate::cells::{by_column, map_rows};
use crate::decided;
use crate::stats::sorted;

/// Where the edges of bins lie.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Bins {
    /// Bins of equal width.
    Uniform,
    /// Bins of equally many rows; edges in one place become one.
    #[default]
    Quantile,
    /// Each bin is what is nearest to one of `n_bins` means (k-means from bins of equal width).
    KMeans,
    /// Each bin is as many times wider than the one before; for values above 0.
    Geometric,
    /// These inner edges for every column, in rising order; `n_bins` does not count.
    Edges(Vec<f64>),
}

/// Replaces each number by the number of its bin, counted from 0.
///
/// Bins hold their lower edge; the outer bins take what lies beyond. Missing cells stay missing. The columns are
/// marked as categorical, so that models which know categories treat them as such; set `ordered` where the order
/// of the bins should count instead. A weight counts as copies of its row.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_bins` | 5 | 2 to 65,536 | most bins of a column |
/// | `bins` | quantile | | where the edges lie |
/// | `ordered` | false | | whether the output is a number rather than a category |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::{Bins, KBinsDiscretizer};
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0], [9.0]]);
/// let bins = KBinsDiscretizer::new().n_bins(3).bins(Bins::Uniform).fit(&x, &NoTarget)?;
/// assert_eq!(bins.edges("x0")?, [3.0, 6.0]);
/// assert_eq!(bins.transform(&x)?.dense()?, array![[0.0], [0.0], [0.0], [2.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KBinsDiscretizer {
    n_bins: usize,
    bins: Bins,
    ordered: bool,
}

impl Default for KBinsDiscretizer {
    fn default() -> Self {
        KBinsDiscretizer { n_bins: 5, bins: Bins::Quantile, ordered: false }
    }
}

const N_BINS: Param =
    Param::integer("n_bins", "most bins of a column").at_least(2.0).at_most(65_536.0).search(2.0, 50.0);

impl KBinsDiscretizer {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_BINS];

    /// Five bins of equally many rows.
    pub fn new() -> Self {
        KBinsDiscretizer::default()
    }

    /// Two bins, below the threshold and from it up.
    pub fn threshold(threshold: f64) -> Self {
        KBinsDiscretizer { n_bins: 2, bins: Bins::Edges(vec![threshold]), ordered: true }
    }

    /// Most bins of a column.
    #[must_use]
    pub fn n_bins(mut self, n_bins: usize) -> Self {
        self.n_bins = n_bins;
        self
    }

    /// Where the edges lie.
    #[must_use]
    pub fn bins(mut self, bins: Bins) -> Self {
        self.bins = bins;
        self
    }

    /// Whether the output is a number rather than a category.
    #[must_use]
    pub fn ordered(mut self, ordered: bool) -> Self {
        self.ordered = ordered;
        self
    }

    fn check(&self) -> Result<()> {
        N_BINS.check_count(self.n_bins)?;
        if let Bins::Edges(edges) = &self.bins
            && (edges.is_empty()
                || !edges.windows(2).all(|pair| pair[0] < pair[1])
                || edges.iter().any(|edge| !edge.is_finite()))
        {
            return Err(Error::unsupported(format!(
                "the edges {edges:?} are not one or more finite numbers in rising order"
            )));
        }
        Ok(())
    }

    fn edges(&self, name: &str, values: &[(f64, f64)]) -> Result<Vec<f64>> {
        let (Some(&(low, _)), Some(&(high, _))) = (values.first(), values.last()) else {
            return match &self.bins {
                Bins::Edges(edges) => Ok(edges.clone()),
                _ => Err(Error::insufficient_data(format!(
                    "every value of column `{name}` is missing, so it has no bins; leave it out, or impute it first"
                ))),
            };
        };
        let n = self.n_bins as f64;
        let even = |bin: usize| {
            let share = bin as f64 / n;
            low * (1.0 - share) + high * share
        };
        let inner = 1..self.n_bins;
        let mut edges: Vec<f64> = match &self.bins {
            Bins::Edges(edges) => return Ok(edges.clone()),
            Bins::Uniform => inner.map(even).collect(),
            Bins::Quantile => steps(values, inner.map(|bin| bin as f64 / n)),
            Bins::KMeans => {
                let centres = inner.clone().chain([self.n_bins]).map(|bin| (even(bin - 1) + even(bin)) / 2.0);
                nearest_means(values, centres.collect())
            }
            Bins::Geometric => {
                if low <= 0.0 {
                    return Err(Error::unsupported(format!(
                        "column `{name}` has the value {low}, and geometric bins need values above 0; shift the column, or use bins of another kind"
                    )));
                }
                let (low, high) = (libm::log(low), libm::log(high));
                inner.map(|bin| libm::exp(low + (high - low) * bin as f64 / n)).collect()
            }
        };
        // Bins without width are none, and a width that rounding alone may leave is none. It is compared with the edges themselves, not
        // with the range: one huge number must not join all other bins.
        let apart = |low: f64, high: f64| match is_exact(low) && is_exact(high) {
            true => high > low,
            false => high - low > ROUNDING * low.abs().max(high.abs()),
        };
        edges.dedup_by(|later, earlier| !apart(*earlier, *later));
        edges.retain(|edge| apart(low, *edge) && *edge <= high);
        Ok(edges)
    }
}

/// The share of two numbers by which rounding may set them apart.
const ROUNDING: f64 = 8.0 * f64::EPSILON;

/// Whether it is a whole number below 2^53, of which two that differ are two numbers.
fn is_exact(edge: f64) -> bool {
    edge.fract() == 0.0 && edge.abs() < (1_u64 << 53) as f64
}

/// Inverted distribution function, averaged at its steps (type 2 of Hyndman and Fan, 1996), at rising shares.
fn steps(values: &[(f64, f64)], shares: impl Iterator<Item = f64>) -> Vec<f64> {
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    let rounding = total * values.len() as f64 * f64::EPSILON;
    let (mut position, mut seen) = (0, values[0].1);
    shares
        .map(|share| {
            while seen < share * total - rounding && position + 1 < values.len() {
                position += 1;
                seen += values[position].1;
            }
            let value = values[position].0;
            let next = if seen <= share * total + rounding { values.get(position + 1) } else { None };
            next.map_or(value, |next| value / 2.0 + next.0 / 2.0)
        })
        .collect()
}

/// The midpoints between the means of Lloyd's algorithm in one dimension, on sorted values.
fn nearest_means(values: &[(f64, f64)], mut centres: Vec<f64>) -> Vec<f64> {
    // Relative to the first value, so that sums keep the digits of a column far from zero.
    let origin = values[0].0;
    let mut sums = vec![(0.0, 0.0)];
    for (value, weight) in values {
        let (weights, products): (f64, f64) = sums[sums.len() - 1];
        sums.push((weights + weight, products + weight * (value - origin)));
    }
    let midpoints =
        |centres: &[f64]| centres.windows(2).map(|pair| pair[0] / 2.0 + pair[1] / 2.0).collect::<Vec<f64>>();
    for _ in 0..300 {
        let edges = midpoints(&centres);
        let mut start = 0;
        let mut moved = false;
        for (bin, centre) in centres.iter_mut().enumerate() {
            let end =
                edges.get(bin).map_or(values.len(), |edge| values.partition_point(|value| value.0 < *edge));
            let weight = sums[end].0 - sums[start].0;
            if end > start && weight > 0.0 {
                let mean = origin + (sums[end].1 - sums[start].1) / weight;
                moved |= mean != *centre;
                *centre = mean;
            }
            start = end.max(start);
        }
        if !moved {
            break;
        }
    }
    centres.sort_by(f64::total_cmp);
    midpoints(&centres)
}

impl Estimator for KBinsDiscretizer {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = KBinsModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<KBinsModel> {
        self.check()?;
        let features = train.x.features();
        let found = by_column(train.x.dense()?, |column, values| {
            self.edges(features.name(column), &sorted(values, train.weights))
        });
        KBinsModel::new(features.clone(), found.into_iter().collect::<Result<_>>()?, self.ordered, false)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

/// Uniform, geometric and given edges; quantiles and means need all rows at once.
impl FitBatches for KBinsDiscretizer {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.check()?;
        if matches!(self.bins, Bins::Quantile | Bins::KMeans) {
            return Err(Error::unsupported(
                "bins by quantiles or means need all rows at once; use uniform or geometric ones or give their edges, or fit on a table in memory",
            ));
        }
        Ok(from_moments(|features, moments| {
            // The ends are all that such bins depend on.
            let ends = |column: usize| match moments.weight[column] > 0.0 {
                true => vec![(moments.min[column] + 0.0, 1.0), (moments.max[column] + 0.0, 1.0)],
                false => Vec::new(),
            };
            let edges = features.names().enumerate().map(|(column, name)| self.edges(name, &ends(column)));
            KBinsModel::new(features.clone(), edges.collect::<Result<_>>()?, self.ordered, false)
        }))
    }
}

impl FitTransform for KBinsDiscretizer {
    /// Bins without width are left out, so how many there are is known of edges alone.
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        let n_categories = if let Bins::Edges(edges) = &self.bins { edges.len() as u32 + 1 } else { 0 };
        let kind =
            if self.ordered { FeatureKind::Numeric } else { FeatureKind::Categorical { n_categories } };
        let output = x.features().iter().map(|feature| Feature { kind, ..feature.clone() });
        let output = x.clone().with_features(output.collect::<Vec<_>>().try_into()?)?;
        let sources = crate::outputs::column_by_column(vec![1; x.n_cols()]);
        Ok(OutputSchema::Known { output, sources })
    }
}

/// A fitted [`KBinsDiscretizer`] or [`TreeDiscretizer`](crate::TreeDiscretizer).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct KBinsModel {
    features: Features,
    edges: Vec<Vec<f64>>,
    ordered: bool,
    /// Whether missing cells are one more bin, after all others.
    missing_bin: bool,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    edges: Vec<Vec<f64>>,
    ordered: bool,
    #[serde(default)]
    missing_bin: bool,
}

impl TryFrom<Parts> for KBinsModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        KBinsModel::new(parts.features, parts.edges, parts.ordered, parts.missing_bin)
    }
}

impl KBinsModel {
    pub(crate) fn new(
        features: Features,
        edges: Vec<Vec<f64>>,
        ordered: bool,
        missing_bin: bool,
    ) -> Result<Self> {
        let rises = |edges: &Vec<f64>| {
            edges.windows(2).all(|pair| pair[0] < pair[1]) && edges.iter().all(|edge| edge.is_finite())
        };
        if edges.len() != features.len() || !edges.iter().all(rises) {
            return Err(Error::corrupt("a discretiser needs rising finite edges for each column"));
        }
        let feature = |(feature, edges): (&Feature, &Vec<f64>)| {
            let n_categories = edges.len() as u32 + 1 + u32::from(missing_bin);
            let kind = if ordered { FeatureKind::Numeric } else { FeatureKind::Categorical { n_categories } };
            Feature { kind, ..feature.clone() }
        };
        let output = features.iter().zip(&edges).map(feature).collect::<Vec<_>>().try_into()?;
        Ok(KBinsModel { features, edges, ordered, missing_bin, output })
    }

    /// The inner edges of a column, in rising order: one less than it has bins.
    ///
    /// # Errors
    /// When it did not learn from such a column.
    pub fn edges(&self, column: &str) -> Result<&[f64]> {
        Ok(&self.edges[self.features.position(column)?])
    }
}

impl Transformer for KBinsModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        let n_cols = self.features.len();
        map_rows(&x, &self.output, |_, rows, out| {
            for (column, edges) in self.edges.iter().enumerate() {
                let cells = rows.iter().skip(column).step_by(n_cols);
                let out = out.iter_mut().skip(column).step_by(n_cols);
                let missing = if self.missing_bin { (edges.len() + 1) as f64 } else { f64::NAN };
                out.zip(cells).for_each(|(out, &cell)| {
                    let bin = edges.partition_point(|edge| *edge <= cell);
                    *out = if cell.is_nan() { missing } else { bin as f64 };
                });
            }
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![1; self.features.len()])
    }

    fn decided(&self) -> Vec<Decided> {
        decided::of_columns(self, &self.features, "from the training rows, or set", |column| {
            let edges = &self.edges[column];
            let missing = if self.missing_bin { ", and one of missing cells" } else { "" };
            let list = decided::list(edges.iter().map(f64::to_string));
            format!("{} bins with edges {list}{missing}", edges.len() + 1)
        })
    }
}
