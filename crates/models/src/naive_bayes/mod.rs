//! Naive Bayes: features are taken to be independent within a class.

mod categorical;
mod counts;
mod discrete;
mod gaussian;

pub use categorical::{CategoricalNaiveBayes, CategoricalNaiveBayesModel};
pub use counts::DiscreteNaiveBayesModel;
pub use discrete::{BernoulliNaiveBayes, ComplementNaiveBayes, MultinomialNaiveBayes};
pub use gaussian::{GaussianNaiveBayes, GaussianNaiveBayesModel};
