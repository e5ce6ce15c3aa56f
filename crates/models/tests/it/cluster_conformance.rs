//! Clusterings go through the conformance kit.

use perennial_models::cluster::{ClusterSelection, Init};
use perennial_models::{BisectingKMeans, Dbscan, Hdbscan, KMeans, MiniBatchKMeans};
use perennial_testing::{Tags, check};

check!(cluster_kmeans, cluster, KMeans::new().n_clusters(3), Tags::new());
check!(cluster_kmeans_eight, cluster, KMeans::new().n_init(3), Tags::new());
check!(cluster_kmeans_random, cluster, KMeans::new().n_clusters(3).n_init(4).init(Init::Random), Tags::new());
check!(cluster_kmeans_bisecting, cluster, BisectingKMeans::new().n_clusters(4), Tags::new());
check!(cluster_kmeans_minibatch, cluster, MiniBatchKMeans::new().n_clusters(3), Tags::new());
check!(cluster_dbscan, group, Dbscan::new().eps(1.5), Tags::new());
check!(cluster_hdbscan, group, Hdbscan::new(), Tags::new());
check!(
    cluster_hdbscan_leaf,
    group,
    Hdbscan::new().selection(ClusterSelection::Leaf).min_samples(3),
    Tags::new()
);
