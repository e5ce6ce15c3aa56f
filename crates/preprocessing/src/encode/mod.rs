//! Categories as numbers.

/// Consuming builders that encoders of the target share: `setters!(Settings { folds, unknown, seed })`.
macro_rules! setters {
    ($name:ident $(<$y:ident>)? { $($setter:ident),+ }) => {
        impl $(<$y>)? $name $(<$y>)? {
            $(setters!(@ $setter);)+
        }
    };
    (@ folds) => {
        /// How many folds rows are dealt to.
        #[must_use]
        pub fn folds(mut self, folds: usize) -> Self {
            self.folds = folds;
            self
        }
    };
    (@ unknown) => {
        /// What becomes of a category that was not there at fit.
        #[must_use]
        pub fn unknown(mut self, unknown: Unknown) -> Self {
            self.unknown = unknown;
            self
        }
    };
    (@ seed) => {
        /// The seed of what is drawn; without one, that of the context.
        #[must_use]
        pub fn seed(mut self, seed: u64) -> Self {
            self.seed = Some(seed);
            self
        }
    };
}

mod contrast;
mod count;
mod count_target;
mod gamma_poisson;
mod gap;
mod grams;
mod hashing;
mod min_hash;
mod multi_hot;
mod one_hot;
mod ordinal;
mod quantile;
mod rank_hot;
mod rare;
mod similarity;
mod statistics;
mod table;
mod target;
mod target_batches;
mod unlearned;
mod woe;

pub use contrast::{Contrast, ContrastEncoder, ContrastModel};
pub use count::{CountEncoder, CountModel};
pub use count_target::CountTargetEncoder;
pub use gap::{GapEncoder, GapModel};
pub use hashing::{HashingEncoder, HashingModel};
pub use min_hash::{MinHashEncoder, MinHashModel};
pub use multi_hot::{MultiHotEncoder, MultiHotModel};
pub use one_hot::{OneHotEncoder, OneHotModel};
pub use ordinal::{OrdinalEncoder, OrdinalModel};
pub use quantile::QuantileEncoder;
pub use rank_hot::{RankHotEncoder, RankHotModel};
pub use rare::{RareLabelEncoder, RareLabelModel};
pub use similarity::{SimilarityEncoder, SimilarityModel};
pub use statistics::EncodingTarget;
pub use target::{Scheme, Smoothing, TargetEncoder, TargetModel};
pub use woe::WoeEncoder;
