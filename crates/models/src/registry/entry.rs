//! One model of the list.

use std::fmt;

use perennial_core::{
    BoxClassifierEstimator, BoxEstimator, Capabilities, Classes, Clusters, Error, Matrix, NoTarget, Outputs,
    Param, Result, Values,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::make::Make;
use super::offers::Quantile;
use super::settings::{Defaults, Setting};

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Task {
    /// A number for each row.
    Regression,
    /// One of several classes for each row.
    Classification,
    /// The order of the rows of each group.
    Ranking,
    /// Several numbers for each row.
    MultiOutputRegression,
    /// Several classes, or a set of labels, for each row.
    MultiOutputClassification,
    /// Groups of rows, without a target.
    Clustering,
    /// Rows that are unlike the others.
    OutlierDetection,
    /// How likely rows are.
    Density,
    /// How columns vary together.
    Covariance,
    /// The rows that are near to a row.
    NeighborSearch,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Task::Regression => "regression",
            Task::Classification => "classification",
            Task::Ranking => "ranking",
            Task::MultiOutputRegression => "regression of several outputs",
            Task::MultiOutputClassification => "classification of several outputs",
            Task::Clustering => "clustering",
            Task::OutlierDetection => "outlier detection",
            Task::Density => "density estimation",
            Task::Covariance => "covariance estimation",
            Task::NeighborSearch => "the search for neighbours",
        })
    }
}

/// What a model takes or offers beyond a fit of finite dense numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ability {
    /// Takes weights of rows.
    Weights,
    /// Takes missing values.
    Missing,
    /// Takes sparse matrices.
    Sparse,
    /// Treats columns of categories as such.
    Categorical,
    /// Uses groups of rows.
    Groups,
    /// Looks at a validation set.
    Validation,
    /// Says how probable each class is.
    Probabilities,
    /// Answers with quantiles of the target at levels of one's choice.
    Quantiles,
    /// Can be kept rising, or falling, along a column.
    Monotone,
    /// Weighs classes: the setting `class_weight`.
    ClassWeights,
    /// Goes on learning from rows that come later: [`PartialFit`](perennial_core::PartialFit).
    Online,
    /// Its models can be written for LightGBM, XGBoost and runtimes of ONNX, and as source code, by a
    /// [`TreeModel`](crate::interchange::TreeModel), as which what LightGBM, XGBoost and CatBoost write is read.
    Interchange,
}

impl Ability {
    /// All of them.
    pub const ALL: [Ability; 12] = [
        Ability::Weights,
        Ability::Missing,
        Ability::Sparse,
        Ability::Categorical,
        Ability::Groups,
        Ability::Validation,
        Ability::Probabilities,
        Ability::Quantiles,
        Ability::Monotone,
        Ability::ClassWeights,
        Ability::Online,
        Ability::Interchange,
    ];
}

/// A model of this crate: what it is, and how to make one from settings in a file.
#[derive(Clone)]
pub struct Entry {
    pub(super) name: &'static str,
    pub(super) family: &'static str,
    pub(super) task: Task,
    pub(super) summary: &'static str,
    pub(super) members: Option<&'static str>,
    pub(super) takes: Capabilities,
    pub(super) defaults: Defaults,
    pub(super) online: bool,
    pub(super) interchange: bool,
    pub(super) quantile: Option<Quantile>,
    pub(super) make: Make,
    pub(super) try_read: fn(Value) -> Result<()>,
}

impl Entry {
    /// The name of the settings type, such as "LogisticRegression".
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The module it stands in, such as "linear".
    pub fn family(&self) -> &'static str {
        self.family
    }

    /// What it is for.
    pub fn task(&self) -> Task {
        self.task
    }

    /// What it is, in a sentence.
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// The members that a model made of models has here. What it takes depends on them.
    pub fn members(&self) -> Option<&'static str> {
        self.members
    }

    /// What a fit takes, as the estimator declares it.
    pub fn takes(&self) -> Capabilities {
        self.takes
    }

    /// Whether it takes or offers something.
    pub fn supports(&self, ability: Ability) -> bool {
        match ability {
            Ability::Weights => self.takes.weights,
            Ability::Missing => self.takes.missing,
            Ability::Sparse => self.takes.sparse,
            Ability::Categorical => self.takes.categorical,
            Ability::Groups => self.takes.groups,
            Ability::Validation => self.takes.validation,
            Ability::Probabilities => matches!(self.make, Make::Classifier(..)),
            Ability::Quantiles => self.quantile.is_some(),
            // A quantile forest keeps the means of its leaves in order, but answers with medians.
            Ability::Monotone => self.defaults.has("monotone") && self.name != "QuantileForestRegressor",
            Ability::ClassWeights => self.defaults.has("class_weight"),
            Ability::Online => self.online,
            Ability::Interchange => self.interchange,
        }
    }

    /// All that it takes and offers.
    pub fn abilities(&self) -> Vec<Ability> {
        Ability::ALL.into_iter().filter(|ability| self.supports(*ability)).collect()
    }

    /// The ranges of its numbers, what they mean, and where to search them.
    pub fn params(&self) -> &'static [Param] {
        self.defaults.params()
    }

    /// Its settings, with their defaults.
    pub fn settings(&self) -> Vec<Setting> {
        self.defaults.list()
    }

    /// Says whether settings could be used: whether all are known, of the right type, and numbers in their ranges.
    ///
    /// `settings` is whatever serde writes as names with values: a map, a struct, a part of a configuration. `null` stands for
    /// what is not set, and so does a number that is not finite, for which JSON has no other name.
    ///
    /// # Errors
    /// Names the setting that is wrong, and says what there is.
    pub fn check(&self, settings: &impl Serialize) -> Result<()> {
        (self.try_read)(self.laid_over(settings)?).map_err(|error| error.context(self.name))
    }

    /// A regressor with these settings, the others at their defaults; an empty map, or `&()`, sets nothing.
    ///
    /// # Errors
    /// When it is no regressor, or as for [`check`](Entry::check).
    pub fn regressor(&self, settings: &impl Serialize) -> Result<BoxEstimator<Matrix, Values, Values>> {
        match self.make {
            Make::Regressor(make) => self.made(make, settings),
            _ => Err(self.other("predicts one number for each row")),
        }
    }

    /// A classifier with probabilities, with these settings.
    ///
    /// # Errors
    /// When it is no classifier or gives no probabilities, or as for [`check`](Entry::check).
    pub fn classifier(&self, settings: &impl Serialize) -> Result<BoxClassifierEstimator<Matrix, Classes>> {
        match self.make {
            Make::Classifier(make, _) => self.made(make, settings),
            _ => Err(self.other("gives probabilities of classes")),
        }
    }

    /// A classifier with or without probabilities, with these settings: its models answer with classes alone.
    ///
    /// # Errors
    /// When it is no classifier, or as for [`check`](Entry::check).
    pub fn decider(&self, settings: &impl Serialize) -> Result<BoxEstimator<Matrix, Classes, Classes>> {
        match self.make {
            Make::Classifier(_, make) | Make::Decider(make) => self.made(make, settings),
            _ => Err(self.other("predicts classes")),
        }
    }

    /// A clustering that places new rows, with these settings.
    ///
    /// # Errors
    /// When it is none, or as for [`check`](Entry::check).
    pub fn clustering(&self, settings: &impl Serialize) -> Result<BoxEstimator<Matrix, NoTarget, Clusters>> {
        match self.make {
            Make::Clustering(make) => self.made(make, settings),
            _ => Err(self.other("places new rows in clusters")),
        }
    }

    /// A search for outliers, with these settings.
    ///
    /// # Errors
    /// When it is none, or as for [`check`](Entry::check).
    pub fn outlier_detector(
        &self,
        settings: &impl Serialize,
    ) -> Result<BoxEstimator<Matrix, NoTarget, Classes>> {
        match self.make {
            Make::Detector(make) => self.made(make, settings),
            _ => Err(self.other("finds outliers")),
        }
    }

    /// A regressor of several outputs, with these settings.
    ///
    /// # Errors
    /// When it is none, or as for [`check`](Entry::check).
    pub fn multi_output(&self, settings: &impl Serialize) -> Result<BoxEstimator<Matrix, Outputs, Outputs>> {
        match self.make {
            Make::Outputs(make) => self.made(make, settings),
            _ => Err(self.other("predicts several numbers for each row")),
        }
    }

    fn laid_over(&self, settings: &impl Serialize) -> Result<Value> {
        let given = serde_json::to_value(settings).map_err(|error| {
            Error::malformed(format!("the settings of `{}` cannot be written: {error}", self.name))
        })?;
        self.defaults.with(self.name, given)
    }

    fn made<T>(&self, make: fn(Value) -> Result<T>, settings: &impl Serialize) -> Result<T> {
        make(self.laid_over(settings)?).map_err(|error| error.context(self.name))
    }

    fn other(&self, wanted: &str) -> Error {
        Error::unsupported(format!(
            "`{}` is for {}; it is none of those whose model {wanted}, which `models()` finds by their task",
            self.name, self.task
        ))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("name", &self.name)
            .field("family", &self.family)
            .field("task", &self.task)
            .field("members", &self.members)
            .field("abilities", &self.abilities())
            .finish_non_exhaustive()
    }
}

/// The sentence of the entry, after its name.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.summary)
    }
}
