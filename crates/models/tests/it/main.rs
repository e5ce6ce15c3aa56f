//! Integration tests.

#![cfg_attr(not(feature = "default"), allow(dead_code))]

#[cfg(feature = "cluster")]
mod agglomerative;
#[cfg(all(feature = "compose", feature = "linear", feature = "trees"))]
mod bagging;
mod baseline;
mod bayes;
#[cfg(feature = "trees")]
mod binning;
#[cfg(feature = "trees")]
mod binning_batches;
#[cfg(feature = "trees")]
mod boosting;
#[cfg(feature = "trees")]
mod boosting_bagging;
#[cfg(feature = "trees")]
mod boosting_bundles;
#[cfg(feature = "trees")]
mod boosting_combine;
#[cfg(feature = "trees")]
mod boosting_conformance;
#[cfg(feature = "trees")]
mod boosting_constraints;
#[cfg(feature = "trees")]
mod boosting_costs;
#[cfg(feature = "trees")]
mod boosting_edges;
#[cfg(feature = "trees")]
mod boosting_exact;
#[cfg(feature = "trees")]
mod boosting_exact_edges;
#[cfg(feature = "trees")]
mod boosting_going_on;
#[cfg(feature = "trees")]
mod boosting_metrics;
#[cfg(feature = "trees")]
mod boosting_monotone;
#[cfg(feature = "trees")]
mod boosting_offsets;
#[cfg(feature = "trees")]
mod boosting_own_losses;
mod boosting_rounds;
#[cfg(feature = "trees")]
mod boosting_settings;
#[cfg(feature = "trees")]
mod boosting_symmetric;
#[cfg(all(feature = "outlier", feature = "trees"))]
mod cancelling;
#[cfg(feature = "trees")]
mod checkpoints;
#[cfg(feature = "cluster")]
mod cluster;
#[cfg(feature = "cluster")]
mod cluster_conformance;
#[cfg(feature = "cluster")]
mod cluster_shapes;
#[cfg(all(feature = "compose", feature = "linear", feature = "trees"))]
mod compose;
#[cfg(all(feature = "compose", feature = "neighbors"))]
mod compose_classes;
#[cfg(all(feature = "compose", feature = "linear"))]
mod compose_stacks;
mod conformance;
mod discriminants;
#[cfg(all(feature = "cluster", feature = "compose", feature = "linear"))]
mod endings;
#[cfg(feature = "trees")]
mod ensemble;
#[cfg(feature = "trees")]
mod extra_trees;
#[cfg(feature = "trees")]
mod failure_times;
mod failure_times_between;
mod fixtures;
#[cfg(all(feature = "compose", feature = "linear"))]
mod folds;
mod forests;
#[cfg(feature = "trees")]
mod forests_going_on;
#[cfg(feature = "kernels")]
mod gaussian_process;
#[cfg(all(feature = "compose", feature = "trees"))]
mod imbalance;
#[cfg(feature = "trees")]
mod interchange;
#[cfg(feature = "trees")]
mod interchange_catboost;
#[cfg(feature = "trees")]
mod interchange_code;
#[cfg(feature = "trees")]
mod interchange_forests;
#[cfg(feature = "trees")]
mod interchange_onnx;
#[cfg(feature = "trees")]
mod interchange_onnx_reader;
#[cfg(feature = "outlier")]
mod isolation_forest;
#[cfg(feature = "neighbors")]
mod kernel_density;
mod kinds_conformance;
#[cfg(feature = "linear")]
mod linear;
#[cfg(feature = "linear")]
mod linear_bayesian;
#[cfg(feature = "linear")]
mod linear_canonical;
#[cfg(feature = "linear")]
mod linear_conformance;
#[cfg(feature = "linear")]
mod linear_consensus;
#[cfg(feature = "linear")]
mod linear_descent;
#[cfg(feature = "linear")]
mod linear_elastic_net;
#[cfg(feature = "linear")]
mod linear_follow;
#[cfg(feature = "linear")]
mod linear_glm;
#[cfg(feature = "linear")]
mod linear_inference;
#[cfg(feature = "linear")]
mod linear_logistic_l1;
#[cfg(feature = "linear")]
mod linear_machines;
#[cfg(feature = "linear")]
mod linear_nist;
#[cfg(feature = "linear")]
mod linear_outputs;
#[cfg(feature = "linear")]
mod linear_paths;
#[cfg(feature = "linear")]
mod linear_robust;
#[cfg(feature = "linear")]
mod logistic;
#[cfg(feature = "trees")]
mod losses_learned;
#[cfg(feature = "cluster")]
mod mixture;
#[cfg(feature = "cluster")]
mod mixture_bayesian;
mod naive_bayes;
#[cfg(feature = "neighbors")]
mod neighbors;
#[cfg(feature = "neighbors")]
mod neighbors_conformance;
#[cfg(feature = "neighbors")]
mod neighbors_graph;
#[cfg(feature = "neural")]
mod neural;
#[cfg(feature = "trees")]
mod objective_values;
#[cfg(feature = "trees")]
mod objectives;
#[cfg(feature = "trees")]
mod one_row;
#[cfg(feature = "outlier")]
mod outlier_factor;
#[cfg(feature = "trees")]
mod ranking;
#[cfg(feature = "default")]
mod registry;
#[cfg(feature = "outlier")]
mod robust_covariance;
#[cfg(feature = "trees")]
mod shap;
#[cfg(all(feature = "cluster", feature = "linear", feature = "neighbors"))]
mod sparse_rows;
#[cfg(feature = "trees")]
mod sparse_trees;
#[cfg(feature = "trees")]
mod steered;
#[cfg(feature = "kernels")]
mod svm_conformance;
#[cfg(feature = "kernels")]
mod svm_values;
#[cfg(feature = "trees")]
mod texts;
#[cfg(feature = "trees")]
mod trees;
#[cfg(feature = "trees")]
mod trees_absolute;
#[cfg(feature = "trees")]
mod trees_conformance;
#[cfg(feature = "trees")]
mod trees_edges;
#[cfg(feature = "trees")]
mod trees_monotone;
#[cfg(feature = "default")]
mod widths;
