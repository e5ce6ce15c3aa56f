#![doc = include_str!("../README.md")]

mod cancelling;
mod data;
mod determinism;
mod edges;
mod grouping;
mod hidden;
mod learning;
mod prediction;
mod random_tables;
mod report;
mod rows;
mod saving;
mod settings;
mod subject;
mod tags;
mod task;
mod transforming;
mod weights;

pub use data::{Example, adversaries, blobs, regression};
pub use report::{Check, Outcome, Report};
pub use rows::{Field, Fields, RowStep, Text, check_records, check_texts};
pub use tags::Tags;
pub use task::{Classify, Cluster, Decide, FindOutliers, Group, Regress, Step, Task, Testable, Transform};

use subject::{Checks, Subject};

/// Checks a classifier of matrices: [`Classes`](perennial_core::Classes) in, a
/// [`Classifier`](perennial_core::Classifier) out.
pub fn check_classifier<E>(estimator: &E, tags: Tags) -> Report
where
    E: Testable,
    Classify: Task<E>,
{
    run::<E, Classify>(estimator, tags, learning::classifier())
}

/// Checks a classifier of matrices that gives no probabilities: [`Classes`](perennial_core::Classes) in and out.
pub fn check_decider<E>(estimator: &E, tags: Tags) -> Report
where
    E: Testable,
    Decide: Task<E>,
{
    run::<E, Decide>(estimator, tags, learning::decider())
}

/// Checks a clustering whose model places new rows: a predictor of [`Clusters`](perennial_core::Clusters).
pub fn check_cluster<E>(estimator: &E, tags: Tags) -> Report
where
    E: Testable,
    Cluster: Task<E>,
{
    run::<E, Cluster>(estimator, tags, grouping::clusters())
}

/// Checks a clustering of its training rows alone: [`Clustered`](perennial_core::Clustered).
pub fn check_group<E>(estimator: &E, tags: Tags) -> Report
where
    E: Testable,
    Group: Task<E>,
{
    run::<E, Group>(estimator, tags, grouping::clusters())
}

/// Checks a search for outliers: a predictor of the classes `inlier` and `outlier`.
pub fn check_outlier<E>(estimator: &E, tags: Tags) -> Report
where
    E: Testable,
    FindOutliers: Task<E>,
{
    run::<E, FindOutliers>(estimator, tags, grouping::outliers())
}

/// Checks a regressor of matrices: [`Values`](perennial_core::Values) in, a predictor of values out.
pub fn check_regressor<E>(estimator: &E, tags: Tags) -> Report
where
    E: Testable,
    Regress: Task<E>,
{
    run::<E, Regress>(estimator, tags, learning::regressor())
}

/// Checks a transformer of matrices, whether or not it looks at a target.
pub fn check_transformer<E, Y>(estimator: &E, tags: Tags) -> Report
where
    E: Step<Y>,
    Transform<Y>: Task<E>,
{
    run::<E, Transform<Y>>(estimator, tags, transforming::checks())
}

fn run<E: Testable, T: Task<E>>(estimator: &E, tags: Tags, special: Checks) -> Report {
    check(&Subject::new::<E, T>(estimator, tags), special)
}

fn check(subject: &Subject<'_>, special: Checks) -> Report {
    let all = edges::checks()
        .into_iter()
        .chain(settings::checks())
        .chain(determinism::checks())
        .chain(prediction::checks())
        .chain(saving::checks())
        .chain(weights::checks())
        .chain(cancelling::checks())
        .chain(random_tables::checks())
        .chain(special)
        .collect();
    subject.run(all)
}

/// Makes a test that runs the whole kit: `check!(name, classifier, Estimator::new());`, with tags as a
/// fourth argument where they are needed. Steps of `texts` and of `records` name what makes their input of such rows before the tags:
/// `check!(name, texts, Step::new(), table);`.
#[macro_export]
macro_rules! check {
    ($name:ident, $kind:ident, $estimator:expr) => {
        $crate::check!($name, $kind, $estimator, $crate::Tags::new());
    };
    ($name:ident, texts, $estimator:expr, $make:expr, $tags:expr) => {
        #[test]
        fn $name() {
            $crate::check_texts(&$estimator, $make, $tags).assert_passed();
        }
    };
    ($name:ident, records, $estimator:expr, $make:expr, $tags:expr) => {
        #[test]
        fn $name() {
            $crate::check_records(&$estimator, $make, $tags).assert_passed();
        }
    };
    ($name:ident, texts, $estimator:expr, $make:expr) => {
        $crate::check!($name, texts, $estimator, $make, $crate::Tags::new());
    };
    ($name:ident, records, $estimator:expr, $make:expr) => {
        $crate::check!($name, records, $estimator, $make, $crate::Tags::new());
    };
    ($name:ident, classifier, $estimator:expr, $tags:expr) => {
        #[test]
        fn $name() {
            $crate::check_classifier(&$estimator, $tags).assert_passed();
        }
    };
    ($name:ident, decider, $estimator:expr, $tags:expr) => {
        #[test]
        fn $name() {
            $crate::check_decider(&$estimator, $tags).assert_passed();
        }
    };
    ($name:ident, cluster, $estimator:expr, $tags:expr) => {
        #[test]
        fn $name() {
            $crate::check_cluster(&$estimator, $tags).assert_passed();
        }
    };
    ($name:ident, group, $estimator:expr, $tags:expr) => {
        #[test]
        fn $name() {
            $crate::check_group(&$estimator, $tags).assert_passed();
        }
    };
    ($name:ident, outlier, $estimator:expr, $tags:expr) => {
        #[test]
        fn $name() {
            $crate::check_outlier(&$estimator, $tags).assert_passed();
        }
    };
    ($name:ident, regressor, $estimator:expr, $tags:expr) => {
        #[test]
        fn $name() {
            $crate::check_regressor(&$estimator, $tags).assert_passed();
        }
    };
    ($name:ident, transformer, $estimator:expr, $tags:expr) => {
        #[test]
        fn $name() {
            $crate::check_transformer(&$estimator, $tags).assert_passed();
        }
    };
}
