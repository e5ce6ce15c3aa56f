//! Every step of matrices passes the conformance kit.

use perennial_core::Estimator;
use perennial_features::extraction::{
    BetaLoss, Contrast, FastIca, GaussianRandomProjection, IncrementalPca, KernelPca, Nmf, NmfSolver,
    Nystroem, Pca, PcaSolver, RandomFourierFeatures, SparseRandomProjection, TruncatedSvd, Umap,
};
use perennial_features::{
    Chi2, CyclicalFeatures, FeatureUnion, MutualInformation, PolynomialFeatures, SelectFdr, SelectFpr,
    SelectFwe, SelectKBest, SelectPercentile, VarianceThreshold,
};
use perennial_numeric::kernel::Kernel;
use perennial_numeric::neighbors::Metric;
use perennial_testing::{Tags, check};

check!(cyclical, transformer, CyclicalFeatures::new(24.0), Tags::new().exact_solver());
check!(polynomial, transformer, PolynomialFeatures::new(), Tags::new().exact_solver());
check!(
    interactions,
    transformer,
    PolynomialFeatures::new().degree(3).interaction_only(true).include_bias(true)
);
check!(select_regression, transformer, SelectKBest::regression(3), Tags::new().selects_by_target());
check!(select_classification, transformer, SelectKBest::classification(2), Tags::new().selects_by_target());
check!(
    select_chi_squared,
    transformer,
    SelectKBest::new(Chi2, 2),
    Tags::new().selects_by_target().positive_only()
);
check!(
    select_information,
    transformer,
    SelectKBest::new(MutualInformation::regression(), 2),
    Tags::new().selects_by_target()
);
check!(
    select_information_of_classes,
    transformer,
    SelectKBest::new(MutualInformation::classification(), 2),
    Tags::new().selects_by_target()
);
check!(false_positives, transformer, SelectFpr::regression(0.9), Tags::new().selects_by_target());
check!(false_discoveries, transformer, SelectFdr::classification(0.9), Tags::new().selects_by_target());
check!(family_wise, transformer, SelectFwe::regression(0.9), Tags::new().selects_by_target());
check!(percentile, transformer, SelectPercentile::regression(40.0), Tags::new().selects_by_target());
check!(
    union,
    transformer,
    FeatureUnion::new().with("pca", Pca::new().n_components(2)).with("all", VarianceThreshold::new())
);
check!(variance, transformer, VarianceThreshold::new().threshold(1e-9));
check!(pca, transformer, Pca::new());
check!(pca_whitened, transformer, Pca::new().n_components(3).whiten(true));
check!(pipeline, transformer, PolynomialFeatures::new().then(Pca::new().n_components(4)));
check!(pca_covariance, transformer, Pca::new().n_components(2).solver(PcaSolver::Covariance));
check!(pca_randomized, transformer, Pca::new().n_components(2).solver(PcaSolver::Randomized));
check!(pca_share, transformer, Pca::new().variance_share(0.8));
check!(incremental_pca, transformer, IncrementalPca::new().n_components(3).batch_size(40).whiten(true));
check!(truncated_svd, transformer, TruncatedSvd::new().n_components(3));
check!(
    nmf,
    transformer,
    Nmf::new().n_components(3).max_iter(50),
    Tags::new().positive_only().most_rows(2000)
);
check!(
    nmf_multiplicative,
    transformer,
    Nmf::new().solver(NmfSolver::MultiplicativeUpdate),
    Tags::new().positive_only().most_rows(2000)
);
check!(
    nmf_of_counts,
    transformer,
    Nmf::new()
        .n_components(3)
        .solver(NmfSolver::MultiplicativeUpdate)
        .beta_loss(BetaLoss::KullbackLeibler)
        .max_iter(40),
    Tags::new().positive_only().most_rows(1000)
);
check!(fast_ica, transformer, FastIca::new().n_components(3).max_iter(50));
check!(fast_ica_cube, transformer, FastIca::new().contrast(Contrast::Cube).max_iter(20));
check!(nystroem, transformer, Nystroem::new().n_components(20));
check!(
    kernel_pca,
    transformer,
    KernelPca::new().n_components(3).kernel(Kernel::rbf(0.05)),
    Tags::new().most_rows(300)
);
check!(
    kernel_pca_and_back,
    transformer,
    KernelPca::new().n_components(2).fit_inverse_transform(true).alpha(0.5),
    Tags::new().most_rows(300)
);
check!(random_fourier, transformer, RandomFourierFeatures::new().n_components(20));
check!(gaussian_projection, transformer, GaussianRandomProjection::new().n_components(3));
check!(sparse_projection, transformer, SparseRandomProjection::new().n_components(3));
check!(umap, transformer, Umap::new().n_epochs(30), Tags::new().most_rows(800));
check!(
    umap_by_sums,
    transformer,
    Umap::new().n_epochs(20).metric(Metric::Manhattan),
    Tags::new().most_rows(400)
);
