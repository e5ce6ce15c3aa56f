//! Mutual information by nearest neighbours.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use ndarray::Array2;
use perennial_core::{Capabilities, Classes, Context, FeatureKind, Matrix, Param, Result, Train, Values};
use perennial_numeric::neighbors::{Index, Metric, Search};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_statistics::special::digamma;
use serde::{Deserialize, Serialize};

use super::{ColumnScores, ScoreColumns};

/// The mutual information of each column and the target in nats: 0 where they are independent, and large for any dependence, not
/// only a straight one. There are no p-values.
///
/// Between numbers by the distances to nearest neighbours (Kraskov, Stögbauer and Grassberger, 2004), between numbers and classes as
/// Ross (2014), between a categorical column ([`FeatureKind::Categorical`]) and classes by their counts: scikit-learn's
/// `mutual_info_classif` and `mutual_info_regression`. Numbers are standardised and moved by 1e-10 of that, so that no two
/// distances are equal.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_neighbors` | 3 | >= 1 | how many neighbours; more vary less and blur more |
/// | `seed` | of the context | | of the moves |
///
/// ```
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_features::{MutualInformation, SelectKBest};
///
/// // A parabola, which no correlation sees.
/// let x: Vec<f64> = (0..60).map(|row| f64::from(row) / 30.0 - 1.0).collect();
/// let y = Values::from(x.iter().map(|x| x * x).collect::<Vec<_>>());
/// let cell = |(row, column): (usize, usize)| if column == 0 { (row * 37 % 60) as f64 } else { x[row] };
/// let x = Matrix::from(ndarray::Array2::from_shape_fn((60, 2), cell)).with_names(["noise", "x"])?;
/// let model = SelectKBest::new(MutualInformation::regression().seed(0), 1).fit(&x, &y)?;
/// assert_eq!(model.kept().collect::<Vec<_>>(), ["x"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound = "")]
pub struct MutualInformation<Y> {
    n_neighbors: usize,
    seed: Option<u64>,
    #[serde(skip)]
    target: PhantomData<fn(&Y)>,
}

const N_NEIGHBORS: Param = Param::integer("n_neighbors", "how many neighbours").at_least(1.0);

impl<Y> Default for MutualInformation<Y> {
    fn default() -> Self {
        MutualInformation { n_neighbors: 3, seed: None, target: PhantomData }
    }
}

impl<Y> MutualInformation<Y> {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_NEIGHBORS];

    /// How many neighbours.
    #[must_use]
    pub fn n_neighbors(mut self, n_neighbors: usize) -> Self {
        self.n_neighbors = n_neighbors;
        self
    }

    /// The seed of the moves.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The score of each column from its cells, whether they are categories, and draws of its own.
    fn each(
        &self,
        x: &Matrix,
        ctx: &Context,
        score: impl Fn(&[f64], bool, &mut Random) -> Result<f64> + Sync,
    ) -> Result<ColumnScores> {
        let (dense, random) = (x.dense()?, Random::new(ctx.seed(self.seed)).stream("columns"));
        let scores = reduce::try_map_each(x.n_cols(), |column| {
            ctx.check()?;
            let cells = dense.column(column).to_vec();
            let categories = matches!(x.features().kind(column), FeatureKind::Categorical { .. });
            Ok(score(&cells, categories, &mut random.fork(column as u64))?.max(0.0))
        })?;
        Ok(ColumnScores::new(scores))
    }
}

impl MutualInformation<Values> {
    /// Of a numeric target.
    pub fn regression() -> Self {
        MutualInformation::default()
    }
}

impl MutualInformation<Classes> {
    /// Of classes.
    pub fn classification() -> Self {
        MutualInformation::default()
    }
}

impl ScoreColumns for MutualInformation<Values> {
    type Target = Values;

    fn scores(&self, train: &Train<'_, Matrix, Values>) -> Result<ColumnScores> {
        N_NEIGHBORS.check_count(self.n_neighbors)?;
        let mut random = Random::new(train.ctx.seed(self.seed)).stream("target");
        let Some(y) = moved(train.y.as_slice(), &mut random) else {
            return Ok(ColumnScores::new(vec![0.0; train.x.n_cols()]));
        };
        self.each(train.x, &train.ctx, |cells, categories, random| {
            if categories {
                return Ok(of_numbers_and_classes(&y, &codes(cells), self.n_neighbors));
            }
            moved(cells, random).map_or(Ok(0.0), |x| of_numbers(&x, &y, self.n_neighbors, &train.ctx))
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().categorical()
    }
}

impl ScoreColumns for MutualInformation<Classes> {
    type Target = Classes;

    fn scores(&self, train: &Train<'_, Matrix, Classes>) -> Result<ColumnScores> {
        N_NEIGHBORS.check_count(self.n_neighbors)?;
        train.y.check_two_classes()?;
        let classes = train.y.codes();
        self.each(train.x, &train.ctx, |cells, categories, random| {
            if categories {
                return Ok(of_classes(&codes(cells), classes));
            }
            let x = moved(cells, random);
            Ok(x.map_or(0.0, |x| of_numbers_and_classes(&x, classes, self.n_neighbors)))
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().categorical()
    }
}

/// Standardised, and moved so little that only equal numbers change places; nothing of equal numbers.
fn moved(values: &[f64], random: &mut Random) -> Option<Vec<f64>> {
    if values.iter().all(|value| *value == values[0]) {
        return None;
    }
    let largest = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let units: Vec<f64> = values.iter().map(|value| value / largest).collect();
    let (mean, variance) = reduce::mean_variance(&units, 0);
    let deviation = variance.sqrt();
    let standard = units.iter().map(|unit| (unit - mean) / deviation);
    (deviation > 0.0).then(|| standard.map(|value| value + 1e-10 * random.normal()).collect())
}

/// Categories as codes from 0.
fn codes(cells: &[f64]) -> Vec<u32> {
    let mut known = cells.to_vec();
    known.sort_by(f64::total_cmp);
    known.dedup();
    cells.iter().map(|cell| known.partition_point(|other| other < cell) as u32).collect()
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// How far each of some numbers, which rise, is from its `k`-th nearest other.
fn kth_distances(sorted: &[f64], k: usize) -> Vec<f64> {
    // The number and its k nearest stand in a row, which moves on with the number.
    let mut low = 0;
    let distance = |place: usize| {
        let own = sorted[place];
        while low + k + 1 < sorted.len() && sorted[low + k + 1] - own < own - sorted[low] {
            low += 1;
        }
        (own - sorted[low]).max(sorted[low + k] - own)
    };
    (0..sorted.len()).map(distance).collect()
}

/// How many of some numbers, which rise, are nearer to `centre` than `radius`, itself included.
fn nearer(sorted: &[f64], centre: f64, radius: f64) -> f64 {
    let low = sorted.partition_point(|value| centre - value >= radius);
    let high = sorted.partition_point(|value| value - centre < radius);
    high.saturating_sub(low).max(1) as f64
}

/// Of two lists of numbers.
fn of_numbers(x: &[f64], y: &[f64], k: usize, ctx: &Context) -> Result<f64> {
    let n = x.len();
    let k = k.min(n - 1);
    let both = Array2::from_shape_fn((n, 2), |(row, column)| if column == 0 { x[row] } else { y[row] });
    let found = Index::new_in(ctx, &both, Metric::Chebyshev, Search::Auto)?.nearest_others(ctx, &both, k)?;
    let (all_x, all_y) = (sorted(x.to_vec()), sorted(y.to_vec()));
    let term = |row: usize| {
        let last = found.rows()[row * k + k - 1] as usize;
        let radius = (x[row] - x[last]).abs().max((y[row] - y[last]).abs());
        digamma(nearer(&all_x, x[row], radius)) + digamma(nearer(&all_y, y[row], radius))
    };
    Ok(digamma(n as f64) + digamma(k as f64) - reduce::sum_by(n, term) / n as f64)
}

/// Of numbers and classes; classes of one row do not count.
fn of_numbers_and_classes(x: &[f64], classes: &[u32], k: usize) -> f64 {
    let mut members: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    x.iter().zip(classes).for_each(|(&x, &class)| members.entry(class).or_default().push(x));
    let members: Vec<Vec<f64>> = members.into_values().filter(|own| own.len() > 1).map(sorted).collect();
    let all = sorted(members.concat());
    let of_class = |own: &Vec<f64>| {
        let k = k.min(own.len() - 1);
        let distances = kth_distances(own, k);
        let around = |place: usize| digamma(nearer(&all, own[place], distances[place]));
        let known = digamma(k as f64) - digamma(own.len() as f64);
        own.len() as f64 * known - reduce::sum_by(own.len(), around)
    };
    let n = all.len() as f64;
    if all.is_empty() { 0.0 } else { digamma(n) + members.iter().map(of_class).sum::<f64>() / n }
}

/// Of two lists of classes.
fn of_classes(a: &[u32], b: &[u32]) -> f64 {
    let mut pairs: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    let (mut of_a, mut of_b): (BTreeMap<u32, f64>, BTreeMap<u32, f64>) = (BTreeMap::new(), BTreeMap::new());
    for pair in a.iter().copied().zip(b.iter().copied()) {
        *pairs.entry(pair).or_insert(0.0) += 1.0;
        *of_a.entry(pair.0).or_insert(0.0) += 1.0;
        *of_b.entry(pair.1).or_insert(0.0) += 1.0;
    }
    let n = a.len() as f64;
    let term = |(pair, count): (&(u32, u32), &f64)| {
        let (first, second) = (of_a[&pair.0], of_b[&pair.1]);
        count / n * (n * count / (first * second)).ln()
    };
    pairs.iter().map(term).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kth_nearest_by_trying_all() {
        let mut random = Random::new(3);
        for n in [2, 3, 7, 40] {
            let values = sorted((0..n).map(|_| random.normal()).collect());
            for k in (1..n).take(6) {
                let found = kth_distances(&values, k);
                for (place, own) in values.iter().enumerate() {
                    let others = (0..n).filter(|other| *other != place);
                    let others = sorted(others.map(|other| (values[other] - own).abs()).collect());
                    assert_eq!(found[place], others[k - 1], "{n} {k} {place}");
                    let count = values.iter().filter(|value| (*value - own).abs() < found[place]).count();
                    assert_eq!(nearer(&values, *own, found[place]), count as f64);
                }
            }
        }
    }

    #[test]
    fn the_information_of_classes_by_hand() {
        // Four pairs, each as often as the others: nothing is told. The same twice: all is told, ln 2.
        assert_eq!(of_classes(&[0, 0, 1, 1], &[0, 1, 0, 1]), 0.0);
        assert!((of_classes(&[0, 0, 1, 1], &[1, 1, 0, 0]) - std::f64::consts::LN_2).abs() < 1e-15);
    }
}
