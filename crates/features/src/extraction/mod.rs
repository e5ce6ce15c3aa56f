//! New columns from all columns together: decompositions, maps of kernels, and embeddings.

mod incremental_pca;
mod pca;
mod spectrum;

pub use incremental_pca::{IncrementalPca, IncrementalPcaModel};
pub use pca::{Pca, PcaModel};
pub use spectrum::PcaSolver;
