//! New columns from all columns together: decompositions, maps of kernels, and embeddings.

mod factor_analysis;
mod fast_ica;
mod incremental_pca;
mod isomap;
mod kernel_maps;
mod kernel_pca;
mod latent_dirichlet;
mod mds;
mod nearest;
mod nmf;
mod nmf_rows;
mod non_negative;
mod pca;
mod random_projection;
mod space_tree;
mod spectral_embedding;
mod spectrum;
mod topics;
mod truncated_svd;
mod tsne;
mod umap;
mod umap_layout;

pub use factor_analysis::{FactorAnalysis, FactorAnalysisModel, Rotation};
pub use fast_ica::{Contrast, FastIca, FastIcaModel};
pub use incremental_pca::{IncrementalPca, IncrementalPcaModel};
pub use isomap::{Isomap, IsomapModel};
pub use kernel_maps::{Nystroem, NystroemModel, RandomFourierFeatures, RandomFourierModel};
pub use kernel_pca::{KernelPca, KernelPcaModel};
pub use latent_dirichlet::{LatentDirichletAllocation, LatentDirichletModel, TopicLearning};
pub use mds::{Dissimilarity, Mds, MdsInit, MdsModel};
pub use nmf::{BetaLoss, Nmf, NmfModel, NmfSolver};
pub use pca::{Pca, PcaModel};
pub use perennial_numeric::laplacian::Affinity;
pub use random_projection::{
    GaussianRandomProjection, RandomProjectionModel, SparseRandomProjection, johnson_lindenstrauss,
};
pub use spectral_embedding::{SpectralEmbedding, SpectralEmbeddingModel};
pub use spectrum::PcaSolver;
pub use truncated_svd::{TruncatedSvd, TruncatedSvdModel};
pub use tsne::{Tsne, TsneModel};
pub use umap::{Umap, UmapModel};
