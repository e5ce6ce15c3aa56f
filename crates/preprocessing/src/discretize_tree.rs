//! Numbers as the bins between which a target differs most.

use std::marker::PhantomData;

use perennial_core::{
    Capabilities, Classes, Context, Error, Estimator, Feature, FeatureKind, FitTransform, Matrix,
    OutputSchema, Param, Result, Train, Values,
};
use serde::{Deserialize, Serialize};

use crate::KBinsModel;
use crate::cells::by_column;
use crate::encode::EncodingTarget;

/// How mixed the classes of some rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impurity {
    /// How often two rows would be of different classes.
    #[default]
    Gini,
    /// How many bits the class of a row tells.
    Entropy,
}

/// Replaces each number by the number of its bin, where the bins of each column are the leaves of a decision tree on that column alone
/// (Breiman, Friedman, Olshen and Stone, 1984): few bins within which the target is as alike as can be.
///
/// The leaf whose split tells most is split first, halfway between two neighbouring values, until there are `max_leaf_nodes` or no split
/// tells anything: by the squared error of a target of numbers, by the [`Impurity`] of one of classes. A weight counts as copies of its row. The
/// bins know the target of the rows they were learned from, the more so the fewer rows a bin has; `min_samples_leaf` bounds that.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `max_leaf_nodes` | 5 | 2 to 65,536 | most bins of a column |
/// | `min_samples_leaf` | 10 | >= 1 | fewest training rows of a bin |
/// | `impurity` | Gini | | of classes, how mixed they are |
/// | `missing_bin` | true | | whether missing cells are one more bin, after all others, rather than stay missing |
/// | `ordered` | false | | whether the output is a number rather than a category |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Transformer, Values};
/// use perennial_preprocessing::TreeDiscretizer;
///
/// let x = Matrix::from(array![[1.0], [2.0], [6.0], [7.0], [f64::NAN]]);
/// let prices = Values::from(vec![10.0, 11.0, 50.0, 52.0, 9.0]);
/// let model = TreeDiscretizer::of_values().max_leaf_nodes(2).min_samples_leaf(1).fit(&x, &prices)?;
/// assert_eq!(model.edges("x0")?, [4.0]);
/// assert_eq!(model.transform(&x)?.dense()?, array![[0.0], [0.0], [1.0], [1.0], [2.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound = "")]
pub struct TreeDiscretizer<Y = Values> {
    max_leaf_nodes: usize,
    min_samples_leaf: usize,
    impurity: Impurity,
    missing_bin: bool,
    ordered: bool,
    #[serde(skip)]
    target: PhantomData<fn() -> Y>,
}

impl<Y> Default for TreeDiscretizer<Y> {
    fn default() -> Self {
        TreeDiscretizer {
            max_leaf_nodes: 5,
            min_samples_leaf: 10,
            impurity: Impurity::Gini,
            missing_bin: true,
            ordered: false,
            target: PhantomData,
        }
    }
}

const MAX_LEAF_NODES: Param = Param::integer("max_leaf_nodes", "most bins of a column")
    .at_least(2.0)
    .at_most(65_536.0)
    .search(2.0, 20.0);
const MIN_SAMPLES_LEAF: Param =
    Param::integer("min_samples_leaf", "fewest training rows of a bin").at_least(1.0).search_log(1.0, 1000.0);

/// The share of what there is to tell below which rounding may have told it.
const ROUNDING: f64 = 1e-12;
/// The same of squares of numbers of about 1, of which each is rounded.
const SQUARES: f64 = 64.0 * f64::EPSILON * f64::EPSILON;

impl TreeDiscretizer<Values> {
    /// By a target of numbers.
    pub fn of_values() -> Self {
        TreeDiscretizer::default()
    }
}

impl TreeDiscretizer<Classes> {
    /// By a target of classes.
    pub fn of_classes() -> Self {
        TreeDiscretizer::default()
    }

    /// How mixed the classes of some rows are.
    #[must_use]
    pub fn impurity(mut self, impurity: Impurity) -> Self {
        self.impurity = impurity;
        self
    }
}

impl<Y> TreeDiscretizer<Y> {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[MAX_LEAF_NODES, MIN_SAMPLES_LEAF];

    /// Most bins of a column.
    #[must_use]
    pub fn max_leaf_nodes(mut self, max_leaf_nodes: usize) -> Self {
        self.max_leaf_nodes = max_leaf_nodes;
        self
    }

    /// Fewest training rows of a bin.
    #[must_use]
    pub fn min_samples_leaf(mut self, min_samples_leaf: usize) -> Self {
        self.min_samples_leaf = min_samples_leaf;
        self
    }

    /// Whether missing cells are one more bin, rather than stay missing.
    #[must_use]
    pub fn missing_bin(mut self, missing_bin: bool) -> Self {
        self.missing_bin = missing_bin;
        self
    }

    /// Whether the output is a number rather than a category.
    #[must_use]
    pub fn ordered(mut self, ordered: bool) -> Self {
        self.ordered = ordered;
        self
    }

    fn check(&self) -> Result<()> {
        MAX_LEAF_NODES.check_count(self.max_leaf_nodes)?;
        MIN_SAMPLES_LEAF.check_count(self.min_samples_leaf)
    }
}

/// The rows of a column that have a value and count, in the order of their values.
struct Sorted<'a> {
    values: Vec<f64>,
    rows: Vec<usize>,
    weights: &'a [f64],
    outputs: &'a [Vec<f64>],
    impurity: Option<Impurity>,
    /// The least weight of a bin.
    least: f64,
}

/// Rows from one place to another, and where to split them best: what that tells, and the place.
struct Leaf {
    start: usize,
    end: usize,
    split: Option<(f64, usize)>,
}

impl Sorted<'_> {
    /// The weight of some rows, and the weighted sum of each output.
    fn add(&self, at: usize, weight: &mut f64, sums: &mut [f64]) {
        let row = self.rows[at];
        *weight += self.weights[row];
        sums.iter_mut().zip(self.outputs).for_each(|(sum, output)| *sum += self.weights[row] * output[row]);
    }

    /// How alike rows are, on a scale on which a split tells the sum of its sides less the whole.
    fn purity(&self, weight: f64, sums: &[f64]) -> f64 {
        if weight <= 0.0 {
            return 0.0;
        }
        match self.impurity {
            Some(Impurity::Entropy) => {
                let part = |share: f64| if share > 0.0 { share * libm::log(share / weight) } else { 0.0 };
                // Of two classes the second alone is an output.
                let first = if sums.len() == 1 { part(weight - sums[0]) } else { 0.0 };
                sums.iter().fold(first, |purity, sum| purity + part(*sum))
            }
            _ => sums.iter().fold(0.0, |purity, sum| purity + sum * (sum / weight)),
        }
    }

    fn leaf(&self, start: usize, end: usize, least: f64) -> Leaf {
        let (mut all, mut sums) = (0.0, vec![0.0; self.outputs.len()]);
        (start..end).for_each(|at| self.add(at, &mut all, &mut sums));
        let whole = self.purity(all, &sums);
        // What is left of a sum has the rounding of all of it.
        let rounding = all * self.values.len() as f64 * f64::EPSILON;
        let (mut weight, mut left, mut right) = (0.0, vec![0.0; sums.len()], sums.clone());
        let mut split: Option<(f64, usize)> = None;
        for at in start + 1..end {
            self.add(at - 1, &mut weight, &mut left);
            let few = weight.min(all - weight) < self.least - rounding;
            if few || self.values[at - 1] == self.values[at] {
                continue;
            }
            right.iter_mut().zip(&sums).zip(&left).for_each(|((right, all), left)| *right = all - left);
            let told = self.purity(weight, &left) + self.purity(all - weight, &right) - whole;
            if told > split.map_or(least, |(most, _)| most) {
                split = Some((told, at));
            }
        }
        Leaf { start, end, split }
    }

    /// The inner edges of the leaves.
    fn edges(&self, max_leaf_nodes: usize, ctx: &Context) -> Result<Vec<f64>> {
        let n = self.values.len();
        let total: f64 = self.rows.iter().map(|&row| self.weights[row]).sum();
        // Centred numbers of one size have errors of the squares of their rounding, shares those of their own.
        let noise = if self.impurity.is_none() { SQUARES } else { ROUNDING };
        let mut leaves = vec![self.leaf(0, n, noise * total)];
        let least = leaves[0].split.map_or(0.0, |(told, _)| (ROUNDING * told).max(noise * total));
        while leaves.len() < max_leaf_nodes {
            ctx.check()?;
            let mut best: Option<(f64, usize, usize)> = None;
            for (place, leaf) in leaves.iter().enumerate() {
                if let Some((told, at)) = leaf.split
                    && best.is_none_or(|(most, ..)| told > most)
                {
                    best = Some((told, place, at));
                }
            }
            let Some((_, place, at)) = best else { break };
            let Leaf { start, end, .. } = leaves[place];
            leaves[place] = self.leaf(start, at, least);
            leaves.insert(place + 1, self.leaf(at, end, least));
        }
        Ok(leaves[1..]
            .iter()
            .map(|leaf| edge(self.values[leaf.start - 1], self.values[leaf.start]))
            .collect())
    }
}

/// What lies halfway; bins hold their lower edge, so it must be above the lower of the two.
fn edge(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if middle > low { middle } else { high }
}

/// Around the mean and as shares of the largest, lest squares leave the range or lose the digits of numbers far from 0.
fn centred(values: &mut [f64], weights: &[f64]) {
    let largest = values.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
    let largest = largest.fold(0.0, |largest: f64, (value, _)| largest.max(value.abs()));
    if largest == 0.0 {
        return;
    }
    let (mut sum, mut total) = (0.0, 0.0);
    for (value, weight) in values.iter_mut().zip(weights) {
        *value /= largest;
        if *weight > 0.0 {
            (sum, total) = (sum + weight * *value, total + weight);
        }
    }
    values.iter_mut().for_each(|value| *value -= sum / total);
}

impl<Y: EncodingTarget> Estimator for TreeDiscretizer<Y> {
    type Input = Matrix;
    type Target = Y;
    type Model = KBinsModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Y>) -> Result<KBinsModel> {
        self.check()?;
        let n_rows = train.x.dense()?.nrows();
        let heaviest = (0..n_rows).map(|row| train.weight(row)).fold(0.0, f64::max);
        let weights: Vec<f64> = (0..n_rows).map(|row| train.weight(row) / heaviest).collect();
        let mut outputs: Vec<Vec<f64>> = train.y.outputs().into_iter().map(|(_, output)| output).collect();
        if Y::ONE_OUTPUT {
            outputs.iter_mut().for_each(|output| centred(output, &weights));
        }
        let found = by_column(train.x.dense()?, |_, values| {
            let mut rows: Vec<usize> =
                (0..n_rows).filter(|&row| !values[row].is_nan() && weights[row] > 0.0).collect();
            // Equal ones keep their order, so that sums have the same bits.
            rows.sort_by(|&one, &other| (values[one] + 0.0).total_cmp(&(values[other] + 0.0)));
            let sorted = Sorted {
                values: rows.iter().map(|&row| values[row] + 0.0).collect(),
                rows,
                weights: &weights,
                outputs: &outputs,
                impurity: (!Y::ONE_OUTPUT).then_some(self.impurity),
                // Sums of weights are rounded.
                least: self.min_samples_leaf as f64 / heaviest * (1.0 - ROUNDING),
            };
            sorted.edges(self.max_leaf_nodes, &train.ctx)
        });
        let edges = found.into_iter().collect::<Result<Vec<_>>>()?;
        if edges.is_empty() {
            return Err(Error::empty("there is no column to make bins of"));
        }
        KBinsModel::new(train.x.features().clone(), edges, self.ordered, self.missing_bin)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl<Y: EncodingTarget> FitTransform for TreeDiscretizer<Y> {
    /// How many bins there are is known after the fit.
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        let kind = match self.ordered {
            true => FeatureKind::Numeric,
            false => FeatureKind::Categorical { n_categories: 0 },
        };
        let output = x.features().iter().map(|feature| Feature { kind, ..feature.clone() });
        let output = x.clone().with_features(output.collect::<Vec<_>>().try_into()?)?;
        let sources = crate::outputs::column_by_column(vec![1; x.n_cols()]);
        Ok(OutputSchema::Known { output, sources })
    }
}
