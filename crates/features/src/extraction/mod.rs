//! New columns from all columns together: decomposition.

mod pca;

pub use pca::{Pca, PcaModel};
