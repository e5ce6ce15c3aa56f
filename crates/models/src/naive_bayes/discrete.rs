//! Naive Bayes of counts and of features that are there or not: settings.

use perennial_core::{Capabilities, Classes, Estimator, Matrix, Param, PartialFit, Result, Train};
use serde::{Deserialize, Serialize};

use super::counts::{DiscreteNaiveBayesModel, Prior, Rule};

const ALPHA: Param = Param::real("alpha", "what is added to each sum, so that none is 0")
    .at_least(1e-10)
    .search_log(1e-3, 10.0);
const THRESHOLD: Param = Param::real("threshold", "values above it count as there");

/// Naive Bayes of counts, such as words in texts (Manning, Raghavan and Schütze, 2008).
///
/// Takes numbers >= 0, dense or sparse. Goes on learning from later rows.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 1 | >= 1e-10 | what is added to the sum of each feature (Laplace's rule) |
/// | `fit_prior` | true | | whether frequent classes are more probable beforehand |
/// | `priors` | as `fit_prior` says | >= 0, with sum 1 | how probable each class is beforehand, in the order of the classes |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::naive_bayes::MultinomialNaiveBayes;
///
/// let words = Matrix::from(array![[3.0, 0.0], [2.0, 1.0], [0.0, 4.0]]);
/// let y = Classes::from_labels(["sport", "sport", "news"]);
/// let model = MultinomialNaiveBayes::new().fit(&words, &y)?;
/// assert_eq!(model.predict(&words)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultinomialNaiveBayes {
    alpha: f64,
    fit_prior: bool,
    priors: Option<Vec<f64>>,
}

/// Naive Bayes that judges a class by the counts of all others (Rennie, Shih, Teevan and Karger, 2003).
///
/// Better than [`MultinomialNaiveBayes`] where some classes have far more rows than others. Takes numbers >= 0, dense or
/// sparse. Its probabilities order the classes, and are no more than that.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 1 | >= 1e-10 | what is added to the sum of each feature |
/// | `norm` | false | | whether the weights of a class are divided by their sum |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ComplementNaiveBayes {
    alpha: f64,
    norm: bool,
}

/// Naive Bayes of features that are there or not (McCallum and Nigam, 1998). What is absent counts too.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 1 | >= 1e-10 | what is added to the counts of there and not there |
/// | `threshold` | 0 | | values above it count as there |
/// | `fit_prior` | true | | whether frequent classes are more probable beforehand |
/// | `priors` | as `fit_prior` says | >= 0, with sum 1 | how probable each class is beforehand, in the order of the classes |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BernoulliNaiveBayes {
    alpha: f64,
    threshold: f64,
    fit_prior: bool,
    priors: Option<Vec<f64>>,
}

impl Default for MultinomialNaiveBayes {
    fn default() -> Self {
        MultinomialNaiveBayes { alpha: 1.0, fit_prior: true, priors: None }
    }
}

impl Default for ComplementNaiveBayes {
    fn default() -> Self {
        ComplementNaiveBayes { alpha: 1.0, norm: false }
    }
}

impl Default for BernoulliNaiveBayes {
    fn default() -> Self {
        BernoulliNaiveBayes { alpha: 1.0, threshold: 0.0, fit_prior: true, priors: None }
    }
}

impl MultinomialNaiveBayes {
    /// Sets whether frequent classes are more probable beforehand.
    #[must_use]
    pub fn fit_prior(mut self, fit_prior: bool) -> Self {
        self.fit_prior = fit_prior;
        self
    }

    /// Sets how probable each class is beforehand, in the order of the classes.
    #[must_use]
    pub fn priors(mut self, priors: impl Into<Vec<f64>>) -> Self {
        self.priors = Some(priors.into());
        self
    }

    fn rule(&self) -> Result<(Rule, Prior)> {
        Ok((Rule::Multinomial, (self.fit_prior, self.priors.clone())))
    }
}

impl ComplementNaiveBayes {
    /// Sets whether the weights of a class are divided by their sum.
    #[must_use]
    pub fn norm(mut self, norm: bool) -> Self {
        self.norm = norm;
        self
    }

    fn rule(&self) -> Result<(Rule, Prior)> {
        Ok((Rule::Complement { norm: self.norm }, (true, None)))
    }
}

impl BernoulliNaiveBayes {
    /// Sets above which value a feature counts as there.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// Sets whether frequent classes are more probable beforehand.
    #[must_use]
    pub fn fit_prior(mut self, fit_prior: bool) -> Self {
        self.fit_prior = fit_prior;
        self
    }

    /// Sets how probable each class is beforehand, in the order of the classes.
    #[must_use]
    pub fn priors(mut self, priors: impl Into<Vec<f64>>) -> Self {
        self.priors = Some(priors.into());
        self
    }

    fn rule(&self) -> Result<(Rule, Prior)> {
        THRESHOLD.check(self.threshold)?;
        Ok((Rule::Bernoulli { threshold: self.threshold }, (self.fit_prior, self.priors.clone())))
    }
}

/// The three differ by their rule alone.
macro_rules! counting {
    ($($name:ident [$($param:ident),*];)*) => {$(
        impl $name {
            /// The numeric settings with their ranges.
            pub const PARAMS: &'static [Param] = &[$($param),*];

            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets what is added to each sum.
            #[must_use]
            pub fn alpha(mut self, alpha: f64) -> Self {
                self.alpha = alpha;
                self
            }

            fn learn(
                &self,
                train: &Train<'_, Matrix, Classes>,
                before: Option<DiscreteNaiveBayesModel>,
            ) -> Result<DiscreteNaiveBayesModel> {
                ALPHA.check(self.alpha)?;
                let (rule, prior) = self.rule()?;
                DiscreteNaiveBayesModel::learn(rule, self.alpha, prior, train, before)
            }
        }

        impl Estimator for $name {
            type Input = Matrix;
            type Target = Classes;
            type Model = DiscreteNaiveBayesModel;

            fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<DiscreteNaiveBayesModel> {
                self.learn(train, None)
            }

            fn capabilities(&self) -> Capabilities {
                Capabilities::new().weights().sparse()
            }
        }

        impl PartialFit for $name {
            fn partial_fit_on(
                &self,
                model: DiscreteNaiveBayesModel,
                train: &Train<'_, Matrix, Classes>,
            ) -> Result<DiscreteNaiveBayesModel> {
                let x = model.features().align(train.x)?;
                self.learn(&train.with_input(&x, None), Some(model.clone()))
            }
        }
    )*};
}

counting! {
    MultinomialNaiveBayes [ALPHA];
    ComplementNaiveBayes [ALPHA];
    BernoulliNaiveBayes [ALPHA, THRESHOLD];
}
