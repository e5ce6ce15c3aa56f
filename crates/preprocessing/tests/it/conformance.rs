//! Every step of matrices passes the conformance kit.

use perennial_core::Estimator;
use perennial_preprocessing::{MinMaxScaler, PassThrough, SimpleImputer, StandardScaler};
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
check!(pipeline, transformer, SimpleImputer::median().then(StandardScaler::new()), exact());
check!(pass_through, transformer, PassThrough::new(), exact());
