#![doc = include_str!("../README.md")]

pub use perennial_core as core;
pub use perennial_numeric as numeric;

/// Declares one module per stage, each behind the feature of its name.
macro_rules! stages {
    ($($feature:literal $name:ident = $krate:ident;)*) => {$(
        #[cfg(feature = $feature)]
        #[doc(inline)]
        pub use $krate as $name;
    )*};
}

stages! {
    "data" data = perennial_data;
    "deployment" deployment = perennial_deployment;
    "documentation" documentation = perennial_documentation;
    "evaluation" evaluation = perennial_evaluation;
    "explore" explore = perennial_explore;
    "features" features = perennial_features;
    "models" models = perennial_models;
    "monitoring" monitoring = perennial_monitoring;
    "preprocessing" preprocessing = perennial_preprocessing;
    "problem" problem = perennial_problem;
    "reporting" reporting = perennial_reporting;
    "statistics" statistics = perennial_statistics;
    "testing" testing = perennial_testing;
    "tracking" tracking = perennial_tracking;
    "tuning" tuning = perennial_tuning;
}

/// The traits and the data types that nearly every program needs.
pub mod prelude {
    pub use perennial_core::{
        Classes, Classifier, Context, Error, Estimator, FitTransform, Matrix, NoTarget, Predictor,
        Probabilities, Result, Rows, Train, Transformer, Values,
    };
    #[cfg(feature = "data")]
    pub use perennial_data::Table;
}

/// The pages of the guide, so that the code in them is tested.
#[cfg(all(doctest, feature = "full"))]
mod guide;
