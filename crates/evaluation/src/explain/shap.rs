use ndarray::{Array1, Array2};
use perennial_core::{Context, Contributions, Error, Explainer, Features, Matrix, Param, Result};
use perennial_numeric::linalg::Cholesky;
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::Score;
use super::coalitions::Game;
use super::partition::{OwenPlan, Partition};
use super::parts::sampled;
use crate::tabular::{Tabular, position};

/// How Shapley values are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShapMethod {
    /// Exactly, from all coalitions, of up to 10 players; by weighted least squares beyond.
    #[default]
    Auto,
    /// Exactly, from all coalitions of up to 20 players.
    Exact,
    /// Weighted least squares over coalitions, the smallest and largest ones first (Lundberg and Lee, 2017): close with few
    /// coalitions where players do not interact much.
    Kernel,
    /// The mean over random orders, each walked forth and back (Castro, Gómez and Tejada, 2009): never biased.
    Permutation,
    /// Random orders and rows of the background, drawn for each feature on its own (Strumbelj and Kononenko, 2010): for many
    /// features, or a background that is large.
    Sampling,
}

/// What each feature adds to a score of any model: Shapley values against a background (Lundberg and Lee, 2017).
///
/// What is not known of a row is taken from each row of the background in turn. Whatever the method, the values of a row
/// and the base add up to its score. Time grows with the rows of the background; 50 to 200 are often enough. For tree
/// models `TreeShap` is exact and far faster.
///
/// Rows are those of a `Matrix`, or with the feature `table` those of a `Table`: of a pipeline over a table the columns of the
/// table are explained, texts, categories and dates as they are, whatever the pipeline makes of them.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `method` | auto | | how the values are computed |
/// | `budget` | `2 p + 2048` for p players | >= 1 | coalitions that are asked for each row, where not all are |
/// | `groups` | each feature alone | | features that come and go together |
/// | `partition` | none | | a tree of features: Owen values (Owen, 1977) in place of Shapley values |
/// | `context` | a new one | | seed, progress and cancelling |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Explainer, Matrix};
/// use perennial_evaluation::explain::{Score, Shap};
///
/// let score = Score::new("score", |x: &Matrix| {
///     Ok(x.dense()?.rows().into_iter().map(|row| 2.0 * row[0] - row[1] + row[0] * row[2]).collect())
/// });
/// let background = Matrix::from(array![[0.0, 0.0, 0.0]]);
/// let explained = Shap::new(&score, &background)?.explain(&Matrix::from(array![[1.0, 3.0, 4.0]]))?;
/// // The product is shared between its two factors.
/// let error = &explained.values()[0] - &array![[4.0, -3.0, 2.0]];
/// assert!(error.iter().all(|error| error.abs() < 1e-12));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Shap<'a, X = Matrix> {
    score: &'a Score<'a, X>,
    background: &'a X,
    method: ShapMethod,
    budget: Option<usize>,
    players: Vec<Vec<usize>>,
    partition: Option<OwenPlan>,
    ctx: Context,
}

const BUDGET: Param = Param::integer("budget", "coalitions asked for each row").at_least(1.0);
/// Players of whom all coalitions are asked without being told to.
const FEW: usize = 10;
const MOST: usize = 20;

impl<'a, X: Tabular> Shap<'a, X> {
    /// Explains this score against these rows.
    ///
    /// # Errors
    /// When the background has no rows or columns, or is sparse.
    pub fn new(score: &'a Score<'a, X>, background: &'a X) -> Result<Self> {
        if let Some(matrix) = background.as_matrix() {
            matrix.dense()?;
        }
        let n_columns = background.names().len();
        if background.n_rows() == 0 || n_columns == 0 {
            return Err(Error::empty(
                "the background has no rows or no columns; give rows that stand for what is usual",
            ));
        }
        let players = (0..n_columns).map(|column| vec![column]).collect();
        let (method, ctx) = (ShapMethod::Auto, Context::new());
        Ok(Shap { score, background, method, budget: None, players, partition: None, ctx })
    }

    /// How the values are computed.
    #[must_use]
    pub fn method(mut self, method: ShapMethod) -> Self {
        self.method = method;
        self
    }

    /// The coalitions that are asked for each row, where not all are.
    #[must_use]
    pub fn budget(mut self, budget: usize) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Features that come and go together, such as the columns of one category: the value of a group stands in its first
    /// column, and 0 in the others.
    ///
    /// # Errors
    /// When a feature is not in the background, or is in two groups.
    pub fn groups<S: AsRef<str>>(mut self, groups: &[Vec<S>]) -> Result<Self> {
        let mut taken = vec![false; self.background.names().len()];
        let mut players = Vec::new();
        for group in groups {
            let place = |name: &S| position(self.background, name.as_ref());
            let columns = group.iter().map(place).collect::<Result<Vec<_>>>()?;
            for (&column, name) in columns.iter().zip(group) {
                if std::mem::replace(&mut taken[column], true) {
                    return Err(Error::malformed(format!(
                        "`{}` is named twice; a feature is in one group only",
                        name.as_ref()
                    )));
                }
            }
            if !columns.is_empty() {
                players.push(columns);
            }
        }
        players.extend((0..taken.len()).filter(|&column| !taken[column]).map(|column| vec![column]));
        // With a partition each column is asked for by itself.
        if self.partition.is_none() {
            self.players = players;
        }
        Ok(self)
    }

    /// Features that belong together, as a tree: what a group adds is shared among its parts, with the other groups known whole or
    /// not at all (Owen, 1977; Winter, 1989). The values are exact and each feature has its own; `method`, `budget` and `groups`
    /// are not used.
    ///
    /// # Errors
    /// When a feature is not in the background, is in the tree twice or not at all, or the tree asks for too many coalitions.
    pub fn partition(mut self, partition: &Partition) -> Result<Self> {
        let features = Features::named(self.background.names())?;
        self.partition = Some(OwenPlan::new(&partition.resolve(&features)?, features.len())?);
        self.players = (0..features.len()).map(|column| vec![column]).collect();
        Ok(self)
    }

    /// Sets seed, progress and cancelling.
    #[must_use]
    pub fn context(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }

    /// The draws for each player that the budget allows; each asks for two rows.
    fn draws(&self) -> Result<usize> {
        let p = self.players.len();
        let budget = self.budget.unwrap_or(2 * p + 2048);
        BUDGET.check_count(budget)?;
        // Each draw is two rows of the background.
        let most = ((1 << 21) / self.background.names().len().max(1)).clamp(2, 1 << 16);
        Ok((budget.saturating_mul(self.background.n_rows()) / (2 * p)).clamp(2, most))
    }

    fn solver(&self) -> Result<Solver> {
        let p = self.players.len();
        let budget = self.budget.unwrap_or(2 * p + 2048);
        BUDGET.check_count(budget)?;
        let exact = match self.method {
            ShapMethod::Auto => p <= FEW,
            ShapMethod::Exact if p > MOST => {
                return Err(Error::too_large(format!(
                    "all coalitions of {p} players are 2^{p}; at most {MOST} players are possible, so use `ShapMethod::Kernel` or group features"
                )));
            }
            ShapMethod::Exact => true,
            ShapMethod::Kernel | ShapMethod::Permutation | ShapMethod::Sampling => false,
        };
        let random = Random::new(self.ctx.seed(None));
        match (exact, self.method) {
            (true, _) => Ok(Solver::exact(p)),
            (false, ShapMethod::Permutation) => Ok(Solver::permutation(p, budget, random)),
            (false, _) => Solver::kernel(p, budget, random),
        }
    }
}

impl<X: Tabular> Explainer<X> for Shap<'_, X> {
    fn explain(&self, x: &X) -> Result<Contributions> {
        let n_columns = self.background.names().len();
        let x = self.background.aligned(x)?;
        if let Some(matrix) = x.as_matrix() {
            matrix.dense()?;
        }
        let solver = match (&self.partition, self.method) {
            (None, ShapMethod::Sampling) | (Some(_), _) => None,
            (None, _) => Some(self.solver()?),
        };
        let game =
            Game { score: self.score, background: self.background, players: &self.players, ctx: &self.ctx };
        let background = self.score.of(self.background)?;
        let base = background.iter().sum::<f64>() / background.len() as f64;
        let scores = if x.n_rows() == 0 { Vec::new() } else { self.score.of(&x)? };
        let explained = crate::tasks::try_each(x.n_rows(), |row| {
            self.ctx.step(row, x.n_rows())?;
            match (&self.partition, &solver) {
                (Some(plan), _) => {
                    let asked = game.values(&x, row, &plan.coalitions)?;
                    Ok(plan.solve(&asked, n_columns))
                }
                (None, Some(solver)) => {
                    let asked = game.values(&x, row, &solver.coalitions)?;
                    Ok(solver.solve(&asked, base, scores[row]))
                }
                (None, None) => {
                    let draws = Random::new(self.ctx.seed(None)).stream("sampling").fork(row as u64);
                    sampled(&game, (&x, row), self.draws()?, base, scores[row], &draws)
                }
            }
        })?;
        let mut values = Array2::zeros((x.n_rows(), n_columns));
        for (row, explained) in explained.into_iter().enumerate() {
            explained
                .into_iter()
                .zip(&self.players)
                .for_each(|(value, player)| values[[row, player[0]]] = value);
        }
        Contributions::new(vec![values], vec![base])
    }
}

/// The coalitions that are asked, and how the values follow from what they get.
struct Solver {
    n_players: usize,
    /// As many flags for each coalition as there are players.
    coalitions: Vec<bool>,
    rule: Rule,
}

enum Rule {
    /// All coalitions, by their bits, but the empty and the full one.
    All,
    /// Weights of the coalitions and the factor of their normal equations, the last player left out.
    LeastSquares(Vec<f64>, Cholesky),
    /// Orders; for each, the coalitions that grow along it.
    Orders(Vec<Vec<usize>>),
    /// A single player gets all.
    Single,
}

impl Solver {
    fn exact(p: usize) -> Self {
        if p == 1 {
            return Solver { n_players: 1, coalitions: Vec::new(), rule: Rule::Single };
        }
        let inner = 1..(1_u32 << p) - 1;
        let coalitions = inner.flat_map(|bits| (0..p).map(move |player| bits >> player & 1 == 1)).collect();
        Solver { n_players: p, coalitions, rule: Rule::All }
    }

    fn permutation(p: usize, budget: usize, random: Random) -> Self {
        if p == 1 {
            return Solver::exact(1);
        }
        // Forth and back a walk asks for 2 (p - 1) coalitions.
        let n_walks = (budget / (2 * (p - 1))).max(1);
        let mut orders = Vec::with_capacity(2 * n_walks);
        let mut coalitions = Vec::new();
        for walk in 0..n_walks {
            let forth = random.fork(walk as u64).permutation(p);
            let back = forth.iter().rev().copied().collect();
            for order in [forth, back] {
                let mut known = vec![false; p];
                for &player in &order[..p - 1] {
                    known[player] = true;
                    coalitions.extend(&known);
                }
                orders.push(order);
            }
        }
        Solver { n_players: p, coalitions, rule: Rule::Orders(orders) }
    }

    fn kernel(p: usize, budget: usize, random: Random) -> Result<Self> {
        if p == 1 {
            return Ok(Solver::exact(1));
        }
        let (coalitions, weights) = kernel_coalitions(p, budget, random);
        // The last player gets what the others leave, so that the values add up.
        let mut normal = Array2::zeros((p - 1, p - 1));
        for (known, weight) in coalitions.chunks_exact(p).zip(&weights) {
            let sign = |player: usize| f64::from(u8::from(known[player])) - f64::from(u8::from(known[p - 1]));
            for a in (0..p - 1).filter(|&a| sign(a) != 0.0) {
                for b in 0..=a {
                    normal[[a, b]] += weight * sign(a) * sign(b);
                }
            }
        }
        let factor = Cholesky::new(&normal).map_err(|_| {
            Error::insufficient_data(format!(
                "{} coalitions do not tell {p} players apart; raise `budget` above {}",
                weights.len(),
                2 * p
            ))
        })?;
        Ok(Solver { n_players: p, coalitions, rule: Rule::LeastSquares(weights, factor) })
    }

    fn solve(&self, asked: &[f64], base: f64, score: f64) -> Vec<f64> {
        let p = self.n_players;
        match &self.rule {
            Rule::Single => vec![score - base],
            Rule::All => {
                let value = |bits: usize| match bits {
                    0 => base,
                    bits if bits + 1 == 1 << p => score,
                    bits => asked[bits - 1],
                };
                let mut weights = vec![1.0 / p as f64; p];
                // |S|! (p - |S| - 1)! / p!, from one size to the next.
                (1..p).for_each(|size| weights[size] = weights[size - 1] * size as f64 / (p - size) as f64);
                let of_player = |player: usize| {
                    let without = (0..1_usize << p).filter(|bits| bits >> player & 1 == 0);
                    let gain = |bits: usize| {
                        weights[bits.count_ones() as usize] * (value(bits | 1 << player) - value(bits))
                    };
                    without.map(gain).sum()
                };
                (0..p).map(of_player).collect()
            }
            Rule::LeastSquares(weights, factor) => {
                let mut right = Array1::zeros(p - 1);
                for ((known, weight), value) in self.coalitions.chunks_exact(p).zip(weights).zip(asked) {
                    let last = f64::from(u8::from(known[p - 1]));
                    let rest = weight * (value - base - last * (score - base));
                    for player in 0..p - 1 {
                        right[player] += (f64::from(u8::from(known[player])) - last) * rest;
                    }
                }
                let mut values = factor.solve(&right).to_vec();
                values.push(score - base - values.iter().sum::<f64>());
                values
            }
            Rule::Orders(orders) => {
                let mut values = vec![0.0; p];
                for (order, asked) in orders.iter().zip(asked.chunks_exact(p - 1)) {
                    let mut before = base;
                    for (&player, &after) in order.iter().zip(asked.iter().chain([&score])) {
                        values[player] += (after - before) / orders.len() as f64;
                        before = after;
                    }
                }
                values
            }
        }
    }
}

/// Coalitions of all sizes but none and all, with weights that add up to 1: the outermost sizes whole while the budget
/// holds, then random ones of the sizes that are left, each with its complement.
fn kernel_coalitions(p: usize, budget: usize, mut random: Random) -> (Vec<bool>, Vec<f64>) {
    let n_sizes = p / 2;
    // The weight of all coalitions of a size and of its complement.
    let mut shares: Vec<f64> = (1..=n_sizes)
        .map(|size| (p as f64 - 1.0) / (size * (p - size)) as f64 * if 2 * size == p { 1.0 } else { 2.0 })
        .collect();
    let total: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= total);
    let (mut coalitions, mut weights) = (Vec::new(), Vec::new());
    let mut left = budget;
    let mut size = 1;
    while size <= n_sizes {
        let paired = 2 * size != p;
        let number = binomial(p, size) * if paired { 2.0 } else { 1.0 };
        if number > left as f64 {
            break;
        }
        for_each_subset(p, size, |chosen| {
            let weight = shares[size - 1] / number;
            for inside in if paired { &[true, false][..] } else { &[true][..] } {
                let first = coalitions.len();
                coalitions.resize(first + p, !inside);
                chosen.iter().for_each(|&player| coalitions[first + player] = *inside);
                weights.push(weight);
            }
        });
        left -= number as usize;
        size += 1;
    }
    if size <= n_sizes && left > 0 {
        let rest: f64 = shares[size - 1..].iter().sum();
        let n_pairs = (left / 2).max(1);
        for _ in 0..n_pairs {
            let mut point = random.uniform() * rest;
            let mut drawn = n_sizes;
            for candidate in size..=n_sizes {
                point -= shares[candidate - 1];
                if point < 0.0 {
                    drawn = candidate;
                    break;
                }
            }
            let chosen = random.sample(p, drawn);
            for inside in [true, false] {
                let first = coalitions.len();
                coalitions.resize(first + p, !inside);
                chosen.iter().for_each(|&player| coalitions[first + player] = inside);
                weights.push(rest / (2 * n_pairs) as f64);
            }
        }
    }
    (coalitions, weights)
}

fn binomial(n: usize, k: usize) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product::<f64>().round()
}

/// Every choice of `size` numbers below `n`, in lexical order.
fn for_each_subset(n: usize, size: usize, mut visit: impl FnMut(&[usize])) {
    let mut chosen: Vec<usize> = (0..size).collect();
    loop {
        visit(&chosen);
        let Some(place) = (0..size).rev().find(|&place| chosen[place] < n - size + place) else { return };
        chosen[place] += 1;
        (place + 1..size).for_each(|next| chosen[next] = chosen[next - 1] + 1);
    }
}
