//! Whether models keep their order from seed to seed.

use std::fmt;

use perennial_core::{Error, Result, check_numbers};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

/// One model over several seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedScores {
    /// The name of the model.
    pub name: String,
    /// Its score by each seed.
    pub scores: Vec<f64>,
    /// The mean of the scores.
    pub mean: f64,
    /// Their standard deviation: what the seed alone changes.
    pub deviation: f64,
    /// The share of the seeds by which it is the best; models that are equally good share a seed.
    pub best: f64,
}

/// Models by their scores over several seeds, the best mean first: a winner that another seed would not have made is none.
///
/// A seed decides what is drawn: folds, samples, features and starts. Score each model once for each seed, all of them by the same, and
/// with a splitter and an estimator that take it.
///
/// ```
/// use perennial_evaluation::SeedRanking;
///
/// // Two models by four seeds: the first is better by three of them.
/// let scores = [[0.81, 0.80], [0.84, 0.82], [0.80, 0.82], [0.83, 0.81]];
/// let ranking = SeedRanking::new(&["forest", "boosting"], &scores, true)?;
/// assert_eq!((ranking.models[0].name.as_str(), ranking.models[0].best), ("forest", 0.75));
/// assert!(ranking.flips() && ranking.to_string().contains("the order depends on the seed"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedRanking {
    /// The models, the best mean first.
    pub models: Vec<SeedScores>,
    /// Whether a larger score is better.
    pub higher_is_better: bool,
    /// The share of pairs of a seed and two models that stand in another order than their means do; ties count half.
    pub reversed: f64,
}

impl SeedRanking {
    /// By the scores of models (columns) for seeds (rows), such as means of cross-validations.
    ///
    /// # Errors
    /// When there are fewer than two models or two seeds, a row has not a score for each model, or a score is not finite.
    pub fn new<G: AsRef<[f64]>>(names: &[&str], scores: &[G], higher_is_better: bool) -> Result<Self> {
        let n_seeds = scores.len();
        if names.len() < 2 || n_seeds < 2 {
            return Err(Error::insufficient_data(format!(
                "there are {} models and {n_seeds} seeds; whether an order holds from seed to seed takes two of each at least",
                names.len()
            )));
        }
        for row in scores.iter().map(AsRef::as_ref) {
            if row.len() != names.len() {
                return Err(Error::length_mismatch("the scores of a seed", names.len(), row.len()));
            }
            check_numbers("the scores", row)?;
        }
        let sign = if higher_is_better { 1.0 } else { -1.0 };
        let most_by_seed: Vec<(f64, f64)> = scores
            .iter()
            .map(|row| {
                let of_seed = || row.as_ref().iter().map(|score| sign * score);
                let most = of_seed().fold(f64::NEG_INFINITY, f64::max);
                (most, of_seed().filter(|score| *score == most).count() as f64)
            })
            .collect();
        let scored = names.iter().enumerate().map(|(model, name)| {
            let scores: Vec<f64> = scores.iter().map(|row| row.as_ref()[model]).collect();
            let (mean, variance) = reduce::mean_variance(&scores, 1);
            let won = scores.iter().zip(&most_by_seed).filter(|(score, (most, _))| sign * **score == *most);
            let best = won.map(|(_, (_, shared))| 1.0 / shared).sum::<f64>() / n_seeds as f64;
            SeedScores { name: (*name).to_owned(), mean, deviation: variance.sqrt(), best, scores }
        });
        let mut models: Vec<SeedScores> = scored.collect();
        if let Some(far) =
            models.iter().find(|model| !(model.mean.is_finite() && model.deviation.is_finite()))
        {
            return Err(Error::overflow(format!(
                "the scores of `{}` are too large to be averaged in f64; scale them",
                far.name
            )));
        }
        models.sort_by(|a, b| (sign * b.mean).total_cmp(&(sign * a.mean)));
        let (mut reversed, mut pairs) = (0.0, 0.0);
        for (place, better) in models.iter().enumerate() {
            for worse in &models[place + 1..] {
                for (better, worse) in better.scores.iter().zip(&worse.scores) {
                    pairs += 1.0;
                    reversed += match sign * better - sign * worse {
                        gain if gain > 0.0 => 0.0,
                        gain if gain < 0.0 => 1.0,
                        _ => 0.5,
                    };
                }
            }
        }
        Ok(SeedRanking { models, higher_is_better, reversed: reversed / pairs })
    }

    /// Whether another seed would have made another model the best: one whose score is better by it than that of the first model, and
    /// not only as good.
    pub fn flips(&self) -> bool {
        let Some((first, others)) = self.models.split_first() else { return false };
        let better = |score: f64, than: f64| if self.higher_is_better { score > than } else { score < than };
        others
            .iter()
            .any(|other| other.scores.iter().zip(&first.scores).any(|(score, than)| better(*score, *than)))
    }
}

impl fmt::Display for SeedRanking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for SeedScores { name, mean, deviation, best, scores } in &self.models {
            writeln!(
                f,
                "{name}: {mean:.4} with a deviation of {deviation:.4} over {} seeds, best by {:.0} % of them",
                scores.len(),
                100.0 * best
            )?;
        }
        let is_tied = self.models.first().is_some_and(|first| first.best < 1.0);
        match self.flips() {
            true => write!(
                f,
                "the order depends on the seed: {:.0} % of pairs are reversed; average over seeds, or do not choose by this difference",
                100.0 * self.reversed
            ),
            false if is_tied => f.write_str(
                "the best are tied: by no seed another model is better than the first, by some one is as good",
            ),
            false => f.write_str("the same model is the best by every seed"),
        }
    }
}
