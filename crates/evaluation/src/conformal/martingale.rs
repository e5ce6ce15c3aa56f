//! Whether rows still come in any order as likely.

use perennial_core::{Error, Param, Result};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

/// A bet against the promise of conformal prediction, that rows come in any order as likely: one score after the other, and
/// wealth that grows without bound where scores drift or change (the simple jumper: Vovk, Petej, Nouretdinov, Ahlberg, Carlsson
/// and Gammerman, 2021).
///
/// As long as the promise holds, wealth that begins with 1 ever reaches 20 with a probability of at most 1 / 20: one may look
/// after each row, and stop when one likes. A score is any number of a row that a model answers, such as the absolute error;
/// the model must not learn meanwhile.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `betting` | `Jumper` | `Jumper`, `PlugIn { n_bins: 2 to 1,000 }` | what is bet on |
/// | `jump` | 0.01 | in (0, 1] | the share of the wealth that is spread over the three bets (scores rise, stay, fall) after each row |
/// | `seed` | 0 | | how ties are broken |
///
/// ```
/// use perennial_evaluation::conformal::ExchangeabilityMartingale;
///
/// let mut martingale = ExchangeabilityMartingale::new();
/// for row in 0..200 {
///     // After a hundred rows errors are larger.
///     martingale.update(f64::from(row * 37 % 101) + if row < 100 { 0.0 } else { 80.0 })?;
/// }
/// assert!(martingale.p_value() < 0.001);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExchangeabilityMartingale {
    betting: Betting,
    jump: f64,
    seed: u64,
    /// How many p-values so far were in each bin, of a bet that learns.
    bins: Vec<f64>,
    /// The scores so far, the smallest first.
    scores: Vec<f64>,
    /// The shares of the wealth that are on scores that fall, stay and rise.
    bets: [f64; 3],
    log_wealth: f64,
    most: f64,
}

/// What an [`ExchangeabilityMartingale`] bets on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Betting {
    /// Scores that rise or fall, now and then changing sides: quick to see a drift in one direction.
    #[default]
    Jumper,
    /// Whatever the p-values so far were like (the plug-in martingale: Fedorova, Gammerman, Nouretdinov and Vovk, 2012), by a
    /// histogram in which each bin begins with one: slower at first, but it sees any change, such as scores of either sign
    /// that are spread wider.
    PlugIn {
        /// How many bins.
        n_bins: usize,
    },
}

const N_BINS: Param = Param::integer("n_bins", "bins of p-values").at_least(2.0).at_most(1000.0);
const JUMP: Param = Param::real("jump", "the share that is spread anew").above(0.0).at_most(1.0);

impl Default for ExchangeabilityMartingale {
    fn default() -> Self {
        let third = 1.0 / 3.0;
        ExchangeabilityMartingale {
            betting: Betting::Jumper,
            jump: 0.01,
            seed: 0,
            bins: Vec::new(),
            scores: Vec::new(),
            bets: [third; 3],
            log_wealth: 0.0,
            most: 0.0,
        }
    }
}

impl ExchangeabilityMartingale {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[JUMP, N_BINS];

    /// Before the first row.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what is bet on; before the first row.
    #[must_use]
    pub fn betting(mut self, betting: Betting) -> Self {
        self.betting = betting;
        self
    }

    /// Sets the share of the wealth that is spread over the bets after each row.
    #[must_use]
    pub fn jump(mut self, jump: f64) -> Self {
        self.jump = jump;
        self
    }

    /// Sets how ties are broken.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Takes the score of one more row in, and gives its conformal p-value: the share of the rows so far whose scores are
    /// larger, and a random part of those with the same score, itself among them. P-values are even numbers from 0 to 1 as
    /// long as the promise holds.
    ///
    /// # Errors
    /// When the setting is out of range, or the score is not finite; nothing has changed then.
    pub fn update(&mut self, score: f64) -> Result<f64> {
        JUMP.check(self.jump)?;
        if let Betting::PlugIn { n_bins } = self.betting {
            N_BINS.check_count(n_bins)?;
        }
        if !score.is_finite() {
            return Err(Error::malformed(format!("the score of row {} is {score}", self.scores.len())));
        }
        let first = self.scores.partition_point(|other| *other < score);
        let after = self.scores.partition_point(|other| *other <= score);
        let larger = (self.scores.len() - after) as f64;
        let part = Random::new(self.seed).fork(self.scores.len() as u64).uniform();
        self.scores.insert(after, score);
        let same = (after - first) as f64 + 1.0;
        let p_value = (larger + part * same) / self.scores.len() as f64;

        // Kept as a logarithm: wealth itself leaves the range of f64 within some thousand rows.
        self.log_wealth += match self.betting {
            Betting::Jumper => self.jump_on(p_value),
            Betting::PlugIn { n_bins } => self.plug_in(p_value, n_bins),
        }
        .ln();
        self.most = self.most.max(self.log_wealth);
        Ok(p_value)
    }

    /// By what the wealth grows, whose shares go on.
    fn jump_on(&mut self, p_value: f64) -> f64 {
        let spread = self.bets.map(|bet| (1.0 - self.jump) * bet + self.jump / 3.0);
        let won = [1.0, 0.0, -1.0].map(|side| 1.0 + side * (p_value - 0.5));
        let bets = [spread[0] * won[0], spread[1] * won[1], spread[2] * won[2]];
        let grown = bets.iter().sum::<f64>();
        self.bets = bets.map(|bet| bet / grown);
        grown
    }

    /// By what the wealth grows: how common p-values of this bin were, against even ones.
    fn plug_in(&mut self, p_value: f64, n_bins: usize) -> f64 {
        self.bins.resize(n_bins, 0.0);
        let bin = ((p_value * n_bins as f64) as usize).min(n_bins - 1);
        let before: f64 = self.bins.iter().sum();
        let grown = (self.bins[bin] + 1.0) / (before + n_bins as f64) * n_bins as f64;
        self.bins[bin] += 1.0;
        grown
    }

    /// How many rows there were.
    pub fn n_rows(&self) -> usize {
        self.scores.len()
    }

    /// The logarithm of the wealth now; it begins with 0.
    pub fn log_wealth(&self) -> f64 {
        self.log_wealth
    }

    /// One by the largest wealth so far: a p-value of the promise that holds at every time at once (Ville, 1939).
    pub fn p_value(&self) -> f64 {
        (-self.most).exp()
    }
}
