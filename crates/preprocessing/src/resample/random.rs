//! Rows repeated or left out at random.

use std::marker::PhantomData;

use perennial_core::{Capabilities, Classes, Matrix, Param, Result, Rows, Train};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::balance::{Balance, RATIO, members};
use super::{Resampled, Resampler};

macro_rules! sampler {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// It works on rows of any kind. Groups go with their rows.
        ///
        /// | name | default | range | meaning |
        /// |---|---|---|---|
        #[doc = concat!("| `ratio` | 1 | 0 to 1 | ", $what, " |")]
        /// | `seed` | that of the context | any | of the rows drawn |
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields, bound = "")]
        pub struct $name<X: ?Sized = Matrix> {
            balance: Balance,
            seed: Option<u64>,
            #[serde(skip)]
            input: PhantomData<fn(&X)>,
        }

        impl<X: ?Sized> Default for $name<X> {
            fn default() -> Self {
                $name { balance: Balance::default(), seed: None, input: PhantomData }
            }
        }

        impl<X: ?Sized> $name<X> {
            /// The numeric settings.
            pub const PARAMS: &'static [Param] = &[RATIO];

            /// Until all classes have equally many rows.
            pub fn new() -> Self {
                $name::default()
            }

            #[doc = concat!($what, ".")]
            #[must_use]
            pub fn ratio(mut self, ratio: f64) -> Self {
                self.balance = Balance::ratio(ratio);
                self
            }

            /// The seed of the rows drawn.
            #[must_use]
            pub fn seed(mut self, seed: u64) -> Self {
                self.seed = Some(seed);
                self
            }
        }

        impl<X: ?Sized + Rows + Sync> Resampler for $name<X> {
            type Input = X;
            type Target = Classes;

            fn resample(&self, train: &Train<'_, X, Classes>) -> Result<Resampled<X, Classes>> {
                Resampled::of_rows(train, &self.rows(train.y, Random::new(train.ctx.seed(self.seed)))?)
            }

            fn capabilities(&self) -> Capabilities {
                Capabilities::new().missing().sparse().categorical().groups()
            }
        }
    };
}

sampler!(
    /// Repeats rows of the smaller classes, drawn at random, after all rows.
    RandomOverSampler, "rows of each class in the end beside those of the largest, at least"
);
sampler!(
    /// Leaves out rows of the larger classes, drawn at random. The others keep their order.
    RandomUnderSampler, "rows of the smallest class beside those of any other in the end, at least"
);

impl<X: ?Sized> RandomOverSampler<X> {
    fn rows(&self, y: &Classes, mut random: Random) -> Result<Vec<usize>> {
        let added = self.balance.added(y)?;
        let mut rows: Vec<usize> = (0..y.codes().len()).collect();
        for (members, added) in members(y).iter().zip(added) {
            rows.extend((0..added).map(|_| members[random.below(members.len())]));
        }
        Ok(rows)
    }
}

impl<X: ?Sized> RandomUnderSampler<X> {
    fn rows(&self, y: &Classes, mut random: Random) -> Result<Vec<usize>> {
        let kept = self.balance.kept(y)?;
        let mut rows = Vec::new();
        for (members, kept) in members(y).iter().zip(kept) {
            rows.extend(random.sample(members.len(), kept).into_iter().map(|place| members[place]));
        }
        rows.sort_unstable();
        Ok(rows)
    }
}
