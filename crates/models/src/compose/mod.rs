//! Models made of models: one against the rest, several outputs, votes, stacks, bags and boosts.
//!
//! Members are given as a tuple, `(LogisticRegression::new(), GaussianNaiveBayes::new())`, or, where all are of one type,
//! as a list. They keep their types, so what they make together can be saved like any model.
//!
//! # A rare class
//!
//! | what others call | here |
//! |---|---|
//! | balanced bagging (Hido, Kashima and Takahashi, 2009) | `BaggingClassifier::new(tree).balanced(true)` |
//! | EasyEnsemble (Liu, Wu and Zhou, 2009) | `BaggingClassifier::new(AdaBoostClassifier::new(stump)).balanced(true).bootstrap(false)` |
//! | RUSBoost (Seiffert and others, 2010) | `AdaBoostClassifier::new(stump).balanced(true)` |
//! | balanced random forest (Chen, Liaw and Breiman, 2004) | `RandomForestClassifier::new().balanced(true)` |
//!
//! Each draws as many rows of every class as the rarest has, anew for each member, so that all common rows are seen by some
//! member. What the members say is meant for a world of even classes: [`BaggingClassifier::corrected`] brings the probabilities
//! back to the classes as they are.

mod ada_boost;
mod ada_boost_regressor;
mod bag;
mod bagging;
mod balance;
mod chain;
mod cross_fit;
mod members;
mod multi_output;
mod multi_output_classifier;
mod one_vs_one;
mod one_vs_rest;
mod out_of_bag;
mod prefit;
mod self_training;
mod stacking;
mod target_step;
mod transformed_target;
mod voting;

pub use ada_boost::{AdaBoostClassifier, AdaBoostClassifierModel};
pub use ada_boost_regressor::{AdaBoostLoss, AdaBoostRegressor, AdaBoostRegressorModel};
pub use bagging::{BaggingClassifier, BaggingClassifierModel, BaggingRegressor, BaggingRegressorModel};
pub use chain::{RegressorChain, RegressorChainModel};
pub use members::{ClassifierModels, Members, RegressorModels};
pub use multi_output::{MultiOutputModel, MultiOutputRegressor};
pub use multi_output_classifier::{
    ClassifierChain, ClassifierChainModel, MultiOutputClassifier, MultiOutputClassifierModel,
};
pub use one_vs_one::{OneVsOneClassifier, OneVsOneModel};
pub use one_vs_rest::{OneVsRestClassifier, OneVsRestModel};
pub use out_of_bag::BaggingOutOfBag;
pub use prefit::Prefit;
pub use self_training::{SelfTrainingClassifier, SelfTrainingModel};
pub use stacking::{StackingClassifier, StackingClassifierModel, StackingRegressor, StackingRegressorModel};
pub use target_step::{TargetFunctions, TargetMap, TargetStep, TargetTransform};
pub use transformed_target::{TransformedTargetModel, TransformedTargetRegressor};
pub use voting::{VotingClassifier, VotingClassifierModel, VotingRegressor, VotingRegressorModel};

use perennial_core::Estimator;

/// What a step around `inner` is called.
fn around<E: Estimator>(name: &str, inner: &E) -> Vec<String> {
    vec![format!("{name}({})", inner.steps().join(" -> "))]
}
