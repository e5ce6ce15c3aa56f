//! Groups of rows that are like each other.

mod agglomerative;
mod birch;
mod bisecting;
mod chains;
mod dbscan;
mod feature_agglomeration;
mod feature_tree;
mod hdbscan;
mod kmeans;
mod linked;
pub(crate) mod lloyd;
mod mean_shift;
mod merges;
mod minibatch;
mod optics;
mod sparse;
mod sparse_starts;
mod spectral;
pub(crate) mod spots;
mod steep;
mod tree;
mod ward;

pub use agglomerative::{AgglomerativeClustering, AgglomerativeModel, Linkage};
pub use birch::{Birch, BirchModel};
pub use bisecting::{BisectingKMeans, BisectingStrategy};
pub use dbscan::{Dbscan, DbscanModel};
pub use feature_agglomeration::{FeatureAgglomeration, FeatureAgglomerationModel};
pub use hdbscan::{ClusterSelection, Hdbscan, HdbscanModel};
pub use kmeans::{Init, KMeans, KMeansModel};
pub use linked::Connectivity;
pub use mean_shift::{MeanShift, MeanShiftModel};
pub use merges::Merge;
pub use minibatch::{MiniBatchKMeans, MiniBatchKMeansModel};
pub use optics::{Optics, OpticsMethod, OpticsModel};
pub use perennial_numeric::laplacian::Affinity;
pub use spectral::{SpectralClustering, SpectralClusteringModel};
