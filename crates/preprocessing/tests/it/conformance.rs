//! Every step of matrices passes the conformance kit.

use perennial_core::Estimator;
use perennial_models::DummyRegressor;
use perennial_preprocessing::{
    Bins, Bounds, Extrapolation, FlaggedColumns, Function, IterativeImputer, KBinsDiscretizer, KnnImputer,
    Knots, MaxAbsScaler, MinMaxScaler, MissingIndicator, Norm, Normalizer, OutputDistribution, PassThrough,
    Pointwise, PowerTransformer, QuantileTransformer, RandomSampleImputer, RobustScaler, SimpleImputer,
    SplineTransformer, StandardScaler, Winsorizer,
};
use perennial_testing::{Tags, check};

fn exact() -> Tags {
    Tags::new().exact_solver()
}

check!(standard_scaler, transformer, StandardScaler::new(), exact());
check!(only_centred, transformer, StandardScaler::new().with_std(false), exact());
check!(only_divided, transformer, StandardScaler::new().with_mean(false), exact());
check!(min_max_scaler, transformer, MinMaxScaler::new(), exact());
check!(min_max_scaler_clipped, transformer, MinMaxScaler::new().range(-3.0, 5.0).clip(true), exact());
check!(mean_imputer, transformer, SimpleImputer::mean(), exact());
check!(median_imputer, transformer, SimpleImputer::median().indicator(true), exact());
check!(mode_imputer, transformer, SimpleImputer::mode(), exact());
check!(constant_imputer, transformer, SimpleImputer::constant(-1.0), exact());
check!(end_of_tail_imputer, transformer, SimpleImputer::end_of_tail(-3.0).indicator(true), exact());
check!(flags_of_gaps, transformer, MissingIndicator::new().error_on_new(false), exact());
check!(flags_of_all, transformer, MissingIndicator::new().features(FlaggedColumns::All), exact());
check!(drawn_values, transformer, RandomSampleImputer::new(), exact());
check!(few_drawn_values, transformer, RandomSampleImputer::new().n_values(3), exact());
check!(pipeline, transformer, SimpleImputer::median().then(StandardScaler::new()), exact());
check!(pass_through, transformer, PassThrough::new(), exact());
check!(robust_scaler, transformer, RobustScaler::new(), exact());
check!(
    robust_scaler_tails,
    transformer,
    RobustScaler::new().quantile_range(0.05, 0.9).with_centering(false),
    exact()
);
check!(max_abs_scaler, transformer, MaxAbsScaler::new(), exact());
check!(normalizer, transformer, Normalizer::new(), exact());
check!(normalizer_sums, transformer, Normalizer::new().norm(Norm::L1), exact());
check!(normalizer_largest, transformer, Normalizer::new().norm(Norm::Max), exact());
check!(power, transformer, PowerTransformer::new(), Tags::new());
check!(power_alone, transformer, PowerTransformer::new().standardize(false), Tags::new());
check!(quantiles, transformer, QuantileTransformer::new(), exact());
check!(
    quantiles_normal,
    transformer,
    QuantileTransformer::new().n_quantiles(20).output_distribution(OutputDistribution::Normal),
    exact()
);
check!(
    quantiles_of_some_rows,
    transformer,
    QuantileTransformer::new().n_quantiles(10).subsample(20),
    exact()
        .expect_fail("D05", "which rows are drawn depends on their order")
        .expect_fail("W01", "with weights all rows count, without them some are drawn")
        .expect_fail("W02", "with weights all rows count, without them some are drawn")
);
check!(splines, transformer, SplineTransformer::new(), exact());
check!(
    splines_of_quantiles,
    transformer,
    SplineTransformer::new().n_knots(4).degree(2).knots(Knots::Quantile).extrapolation(Extrapolation::Linear),
    exact()
);
check!(
    splines_around,
    transformer,
    SplineTransformer::new().extrapolation(Extrapolation::Periodic).include_bias(false),
    exact()
);
check!(bins, transformer, KBinsDiscretizer::new().ordered(true), exact());
check!(
    bins_uniform,
    transformer,
    KBinsDiscretizer::new().bins(Bins::Uniform).n_bins(8).ordered(true),
    exact()
);
check!(bins_k_means, transformer, KBinsDiscretizer::new().bins(Bins::KMeans).ordered(true), exact());
check!(bins_threshold, transformer, KBinsDiscretizer::threshold(0.5), exact());
check!(pointwise, transformer, Pointwise::new(Function::Arcsinh), exact());
check!(similar_rows, transformer, KnnImputer::new(), exact());
check!(similar_rows_by_distance, transformer, KnnImputer::new().n_neighbors(3).by_distance(true), exact());
check!(winsorizer, transformer, Winsorizer::new(), exact());
check!(winsorizer_mad, transformer, Winsorizer::new().bounds(Bounds::Mad(3.0)), exact());
check!(winsorizer_deviations, transformer, Winsorizer::new().bounds(Bounds::Deviations(2.0)), exact());
check!(winsorizer_flags, transformer, Winsorizer::new().indicator(true), exact());
check!(pointwise_shifted, transformer, Pointwise::new(Function::Arcsinh).shift(2.0), exact());
check!(winsorizer_quantiles, transformer, Winsorizer::new().bounds(Bounds::Quantiles(0.05, 0.95)), exact());
check!(predicted_by_means, transformer, IterativeImputer::new(DummyRegressor::new()), exact());
check!(
    predicted_and_clipped,
    transformer,
    IterativeImputer::new(DummyRegressor::new()).clip(true).max_iter(2),
    exact()
);
