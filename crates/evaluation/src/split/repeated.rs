//! The same splitter several times, each time with other random numbers.

use perennial_core::{Error, Param, Result, ResultExt};
use serde::{Deserialize, Serialize};

use super::{KFold, Split, SplitInputs, Splitter, StratifiedKFold, check_size};

/// [`KFold`] several times, each time with other folds.
pub type RepeatedKFold = Repeated<KFold>;

/// [`StratifiedKFold`] several times, each time with other folds.
pub type RepeatedStratifiedKFold = Repeated<StratifiedKFold>;

/// A splitter that draws, several times: the splits of the first repeat, then those of the second, and so on.
///
/// The splitter must not have a seed of its own, since each repeat gives it another one.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `splitter` | that of its type | | what is repeated |
/// | `n_repeats` | 10 | >= 1 | how often |
/// | `seed` | from the context | | start of the random stream |
///
/// ```
/// use perennial_evaluation::split::{KFold, Repeated, SplitInputs, Splitter};
///
/// let splits = Repeated::new(KFold::new(2), 3).seed(1).split(&SplitInputs::new(10))?;
/// assert_eq!(splits.len(), 6);
/// assert_ne!(splits[0], splits[2]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Repeated<S> {
    splitter: S,
    n_repeats: usize,
    seed: Option<u64>,
}

const N_REPEATS: Param = Param::integer("n_repeats", "how often").at_least(1.0);

impl<S: Default> Default for Repeated<S> {
    fn default() -> Self {
        Repeated { splitter: S::default(), n_repeats: 10, seed: None }
    }
}

impl<S> Repeated<S> {
    /// This splitter, this many times.
    pub fn new(splitter: S, n_repeats: usize) -> Self {
        Repeated { splitter, n_repeats, seed: None }
    }

    /// The start of the random stream.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl<S: Splitter> Splitter for Repeated<S> {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        N_REPEATS.check_count(self.n_repeats)?;
        let root = inputs.ctx.clone().with_seed(inputs.ctx.seed(self.seed));
        let repeat = |number: usize| {
            let ctx = root.child(&format!("repeat{number}"));
            let inputs = SplitInputs { ctx, ..inputs.clone() };
            self.splitter.split(&inputs).context(format!("repeat {number}"))
        };
        let first = repeat(0)?;
        check_size(first.len().saturating_mul(self.n_repeats), inputs.n_rows, "repeated splits")?;
        let mut splits = first.clone();
        for number in 1..self.n_repeats {
            let next = repeat(number)?;
            if number == 1 && next == first {
                return Err(Error::unsupported(
                    "the splitter gives the same splits at each repeat; let it shuffle, give it no seed of its own, \
                     and have more rows than it takes to shuffle them differently",
                ));
            }
            splits.extend(next);
        }
        Ok(splits)
    }
}
