//! Groups of rows that are like each other.

mod bisecting;
mod dbscan;
mod hdbscan;
mod kmeans;
mod lloyd;
mod minibatch;
mod tree;

pub use bisecting::BisectingKMeans;
pub use dbscan::{Dbscan, DbscanModel};
pub use hdbscan::{ClusterSelection, Hdbscan, HdbscanModel};
pub use kmeans::{Init, KMeans, KMeansModel};
pub use minibatch::{MiniBatchKMeans, MiniBatchKMeansModel};
