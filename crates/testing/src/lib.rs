#![doc = include_str!("../README.md")]

mod cancelling;
mod data;
mod determinism;
mod edges;
mod learning;
mod prediction;
mod random_tables;
mod report;
mod saving;
mod settings;
mod subject;
mod tags;
mod transforming;
mod weights;

pub use data::{Example, adversaries, blobs, regression};
pub use report::{Check, Outcome, Report};
pub use subject::{Classify, Regress, Task, Testable, Transform};
pub use tags::Tags;
pub use transforming::Step;

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

fn run<E: Testable, T: Task<E>>(estimator: &E, tags: Tags, special: Checks<E, T>) -> Report {
    let subject = Subject::<E, T>::new(estimator, tags);
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
/// fourth argument where they are needed.
#[macro_export]
macro_rules! check {
    ($name:ident, $kind:ident, $estimator:expr) => {
        $crate::check!($name, $kind, $estimator, $crate::Tags::new());
    };
    ($name:ident, classifier, $estimator:expr, $tags:expr) => {
        #[test]
        fn $name() {
            $crate::check_classifier(&$estimator, $tags).assert_passed();
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
