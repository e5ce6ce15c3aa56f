//! New columns from all columns together: decompositions, maps of kernels, and embeddings.

mod incremental_pca;
mod nearest;
mod nmf;
mod pca;
mod space_tree;
mod spectrum;
mod truncated_svd;
mod tsne;
mod umap;
mod umap_layout;

pub use incremental_pca::{IncrementalPca, IncrementalPcaModel};
pub use nmf::{Nmf, NmfModel, NmfSolver};
pub use pca::{Pca, PcaModel};
pub use spectrum::PcaSolver;
pub use truncated_svd::{TruncatedSvd, TruncatedSvdModel};
pub use tsne::{Tsne, TsneModel};
pub use umap::{Umap, UmapModel};
