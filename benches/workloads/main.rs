//! Times Perennial on the workloads that other libraries are timed on.
//!
//! ```text
//! workloads list                                        lines `workload/perennial`
//! workloads DATA workload/perennial THREADS [RUNS]      one line `JSON:{...}`
//! ```
//!
//! What is timed starts from the data in memory as a user of the library has it, a `Matrix` or a `Table`.

mod boosting;
mod cluster;
mod decomposition;
mod evaluation;
mod evaluation_peers;
mod explain;
mod forests;
mod linear;
mod measure;
mod neighbors;
mod neural;
mod npy;
mod preparation;
mod processes;
mod quality;
mod svm;
mod tables;
mod texts;
mod trees;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use perennial::core::{Error, Result, ResultExt};

use crate::measure::{Bench, Record};

/// A workload: loads its data, times its work, and says how good the result is.
type Workload = fn(&Bench) -> Result<Record>;

const WORKLOADS: &[(&str, Workload)] = &[
    ("ols", linear::ols),
    ("ridge", linear::ridge),
    ("logreg_l2", linear::logreg_l2),
    ("logreg_mc", linear::logreg_mc),
    ("logreg_l1", linear::logreg_l1),
    ("sgd_clf", linear::sgd_clf),
    ("linearsvc", linear::linearsvc),
    ("text_logreg", texts::text_logreg),
    ("lasso", linear::lasso),
    ("lasso_path", linear::lasso_path),
    ("lasso_cv", linear::lasso_cv),
    ("enet_cv", linear::enet_cv),
    ("ridgecv_wide", linear::ridgecv_wide),
    ("poisson_glm", linear::poisson_glm),
    ("tree_clf", trees::tree_clf),
    ("tree_clf_d10", trees::tree_clf_d10),
    ("tree_reg_d10", trees::tree_reg_d10),
    ("gbdt_bin", boosting::gbdt_bin),
    ("gbdt_reg", boosting::gbdt_reg),
    ("gbdt_mc", boosting::gbdt_mc),
    ("gbdt_binning", boosting::gbdt_binning),
    ("gbdt_cv5", boosting::gbdt_cv5),
    ("gbdt_mixed", boosting::gbdt_mixed),
    ("rf_clf", forests::rf_clf),
    ("rf_clf_160k_d12", forests::rf_clf_160k_d12),
    ("rf_reg", forests::rf_reg),
    ("et_clf", forests::et_clf),
    ("latency_row_gbdt200", explain::latency_row_gbdt200),
    ("shap_gbdt200", explain::shap_gbdt200),
    ("iforest", forests::iforest),
    ("lda", processes::lda),
    ("gp_reg", processes::gp_reg),
    ("gp_reg_opt", processes::gp_reg_opt),
    ("mlp_clf", neural::mlp_clf),
    ("mlp_reg", neural::mlp_reg),
    ("knn_blobs", neighbors::knn_blobs),
    ("knn_3d", neighbors::knn_3d),
    ("knn_clf", neighbors::knn_clf),
    ("knn_embed", neighbors::knn_embed),
    ("knn_embed_hnsw", neighbors::knn_embed_hnsw),
    ("kmeans_k20", cluster::kmeans_k20),
    ("kmeans_embed", cluster::kmeans_embed),
    ("kmeans_default", cluster::kmeans_default),
    ("kmeans_minibatch", cluster::kmeans_minibatch),
    ("gmm_full", cluster::gmm_full),
    ("gmm_diag", cluster::gmm_diag),
    ("dbscan", cluster::dbscan),
    ("hdbscan", cluster::hdbscan),
    ("hdbscan_50k", cluster::hdbscan_50k),
    ("agglo_ward", cluster::agglo_ward),
    ("scale_standard", preparation::scale_standard),
    ("scale_minmax", preparation::scale_minmax),
    ("scale_robust", preparation::scale_robust),
    ("scale_quantile", preparation::scale_quantile),
    ("power_yeojohnson", preparation::power_yeojohnson),
    ("kbins_quantile", preparation::kbins_quantile),
    ("poly2", preparation::poly2),
    ("impute_simple_median", preparation::impute_simple_median),
    ("impute_knn", preparation::impute_knn),
    ("impute_iterative", preparation::impute_iterative),
    ("smote", preparation::smote),
    ("undersample_enn", preparation::undersample_enn),
    ("pipeline_mixed", preparation::pipeline_mixed),
    ("pipeline_matrix", preparation::pipeline_matrix),
    ("target_enc", preparation::target_enc),
    ("onehot_highcard", preparation::onehot_highcard),
    ("onehot", preparation::onehot),
    ("ordinal", preparation::ordinal),
    ("onehot_distinct", preparation::onehot_distinct),
    ("ordinal_distinct", preparation::ordinal_distinct),
    ("count_distinct", preparation::count_distinct),
    ("hashing_distinct", preparation::hashing_distinct),
    ("target_distinct", preparation::target_distinct),
    ("csv_numeric", tables::csv_numeric),
    ("csv_mixed", tables::csv_mixed),
    ("csv_scan", tables::csv_scan),
    ("parquet_mixed", tables::parquet_mixed),
    ("roc_auc_10M", evaluation::roc_auc_10m),
    ("average_precision_10M", evaluation::average_precision_10m),
    ("log_loss_10M", evaluation::log_loss_10m),
    ("brier_10M", evaluation::brier_10m),
    ("confusion_10cls_10M", evaluation::confusion_10cls_10m),
    ("accuracy_10M", evaluation::accuracy_10m),
    ("macro_f1_10M", evaluation::macro_f1_10m),
    ("mse_10M", evaluation::mse_10m),
    ("bootstrap_auc_100k", evaluation::bootstrap_auc_100k),
    ("perm_importance", evaluation::perm_importance),
    ("kernel_shap", evaluation::kernel_shap),
    ("conformal_split", evaluation_peers::conformal_split),
    ("conformal_cv_plus", evaluation_peers::conformal_cv_plus),
    ("metric_frame", evaluation_peers::metric_frame),
    ("threshold_optimizer", evaluation_peers::threshold_optimizer),
    ("cv5_logreg", evaluation::cv5_logreg),
    ("svc_rbf", svm::svc_rbf),
    ("svc_rbf_mc", svm::svc_rbf_mc),
    ("svr_rbf", svm::svr_rbf),
    ("pca_20", decomposition::pca_20),
    ("pca_incremental", decomposition::pca_incremental),
    ("tsvd_20", decomposition::tsvd_20),
    ("nmf_20", decomposition::nmf_20),
    ("fastica", decomposition::fastica),
    ("tsne_10k", decomposition::tsne_10k),
    ("umap_10k", decomposition::umap_10k),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match arguments[..] {
        ["list"] => {
            WORKLOADS.iter().for_each(|(name, _)| println!("{name}/perennial"));
            Ok(())
        }
        [data, case, threads] => run(data, case, threads, "3"),
        [data, case, threads, runs] => run(data, case, threads, runs),
        _ => Err(Error::unsupported(
            "usage: workloads list | workloads DATA workload/perennial THREADS [RUNS]",
        )),
    };
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(data: &str, case: &str, threads: &str, runs: &str) -> Result<()> {
    let known =
        case.strip_suffix("/perennial").and_then(|name| WORKLOADS.iter().find(|known| known.0 == name));
    let &(name, workload) =
        known.ok_or_else(|| Error::unknown(format!("there is no case `{case}`; `list` shows them")))?;
    let bench = Bench { data: PathBuf::from(data), threads: count(threads)?, runs: count(runs)? };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(bench.threads).build().map_err(Error::other)?;
    let record = pool.install(|| workload(&bench)).context(name)?;
    println!("JSON:{}", record.json(name, bench.threads));
    Ok(())
}

fn count(text: &str) -> Result<usize> {
    text.parse().ok().filter(|&count| count > 0).ok_or_else(|| {
        Error::unsupported(format!("`{text}` is not a number of threads or runs; give a whole number from 1"))
    })
}

impl Bench {
    /// A file of the data folder.
    fn path(&self, file: &str) -> PathBuf {
        Path::new(&self.data).join(file)
    }
}
