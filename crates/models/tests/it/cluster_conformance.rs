//! Clusterings go through the conformance kit.

use perennial_models::cluster::{BisectingStrategy, ClusterSelection, Init};
use perennial_models::{Birch, BisectingKMeans, Dbscan, Hdbscan, KMeans, MiniBatchKMeans};
use perennial_testing::{Tags, check};

fn draws() -> Tags {
    Tags::new().expect_fail("W01", "batches are drawn among the rows, as often as they weigh")
}

check!(cluster_kmeans, cluster, KMeans::new().n_clusters(3), Tags::new());
check!(cluster_kmeans_eight, cluster, KMeans::new().n_init(3), Tags::new());
check!(
    cluster_kmeans_random,
    cluster,
    KMeans::new().n_clusters(3).n_init(4).init(Init::Random),
    Tags::new().expect_fail("W01", "the starts are drawn among the rows, whatever their weights")
);
check!(cluster_kmeans_bisecting, cluster, BisectingKMeans::new().n_clusters(4), Tags::new());
check!(
    cluster_kmeans_bisecting_the_fullest,
    cluster,
    BisectingKMeans::new().n_clusters(4).strategy(BisectingStrategy::LargestCluster),
    Tags::new()
);
check!(cluster_kmeans_minibatch, cluster, MiniBatchKMeans::new().n_clusters(3), draws());
check!(cluster_kmeans_distances, transformer, KMeans::new().n_clusters(3), Tags::new());
check!(cluster_birch_distances, transformer, Birch::new().n_clusters(3), Tags::new().most_rows(400));
check!(cluster_dbscan, group, Dbscan::new().eps(1.5), Tags::new());
check!(cluster_hdbscan, group, Hdbscan::new(), Tags::new());
check!(
    cluster_hdbscan_far,
    group,
    Hdbscan::new().cluster_selection_epsilon(0.5).max_cluster_size(100).allow_single_cluster(true),
    Tags::new().poor_score()
);
check!(
    cluster_hdbscan_leaf,
    group,
    Hdbscan::new().selection(ClusterSelection::Leaf).min_samples(3),
    // The leaves part a cloud as far as they can.
    Tags::new().poor_score()
);
