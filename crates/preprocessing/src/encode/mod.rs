//! Categories as numbers.

mod contrast;
mod count;
mod hashing;
mod one_hot;
mod ordinal;
mod quantile;
mod rare;
mod statistics;
mod table;
mod target;
mod woe;

pub use contrast::{Contrast, ContrastEncoder, ContrastModel};
pub use count::{CountEncoder, CountModel};
pub use hashing::{HashingEncoder, HashingModel};
pub use one_hot::{OneHotEncoder, OneHotModel};
pub use ordinal::{OrdinalEncoder, OrdinalModel};
pub use quantile::QuantileEncoder;
pub use rare::{RareLabelEncoder, RareLabelModel};
pub use statistics::EncodingTarget;
pub use target::{Scheme, Smoothing, TargetEncoder, TargetModel};
pub use woe::WoeEncoder;
