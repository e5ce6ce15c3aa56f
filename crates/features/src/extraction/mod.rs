//! New columns from all columns together: decompositions, maps of kernels, and embeddings.

mod fast_ica;
mod incremental_pca;
mod kernel_maps;
mod kernel_pca;
mod nearest;
mod nmf;
mod pca;
mod random_projection;
mod space_tree;
mod spectrum;
mod truncated_svd;
mod tsne;
mod umap;
mod umap_layout;

pub use fast_ica::{Contrast, FastIca, FastIcaModel};
pub use incremental_pca::{IncrementalPca, IncrementalPcaModel};
pub use kernel_maps::{Nystroem, NystroemModel, RandomFourierFeatures, RandomFourierModel};
pub use kernel_pca::{KernelPca, KernelPcaModel};
pub use nmf::{Nmf, NmfModel, NmfSolver};
pub use pca::{Pca, PcaModel};
pub use random_projection::{
    GaussianRandomProjection, RandomProjectionModel, SparseRandomProjection, johnson_lindenstrauss,
};
pub use spectrum::PcaSolver;
pub use truncated_svd::{TruncatedSvd, TruncatedSvdModel};
pub use tsne::{Tsne, TsneModel};
pub use umap::{Umap, UmapModel};
