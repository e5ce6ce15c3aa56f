//! What boosters say about their answers, and how they leave the library.

use perennial_core::{Error, Result};

use super::booster::Booster;
use super::classifier::GradientBoostingClassifierModel;
use super::losses::{AcceleratedFailureTime, ClassificationLoss, Cox, RegressionLoss};
use super::objective::Objective;
use super::quantile_regressor::GradientBoostingQuantileRegressorModel;
use super::ranker::GradientBoostingRankerModel;
use super::regressor::GradientBoostingRegressorModel;
use crate::interchange::{Link, TreeModel};
use crate::shap::{Cover, Explained, TreeShap, explained};

impl Booster {
    /// An offset is not explained.
    fn explained(&self) -> Result<Explained<'_>> {
        let shap = TreeShap::of_ensemble(self.ensemble(), Cover::Rows)?;
        Ok(Explained { features: self.features(), shap })
    }

    /// The trees as a model that other libraries read. An offset cannot be written.
    fn to_tree_model(&self, link: Link) -> Result<TreeModel> {
        if self.has_offset() {
            return Err(Error::unsupported(
                "a model with an offset cannot be written for other libraries: they take offsets from elsewhere",
            ));
        }
        TreeModel::new(self.features().clone(), self.ensemble().clone(), link)
    }
}

explained!([] Booster, "the scores, without an offset,", |this| this.explained());
explained!([<O: Objective>] GradientBoostingRegressorModel<O>, "the score, without an offset,", |this| this.booster().explained());
explained!([<L: Objective>] GradientBoostingClassifierModel<L>, "the scores, which are log-odds or their like, without an offset,", |this| this.booster().explained());
explained!([<O: Objective>] GradientBoostingRankerModel<O>, "the score, without an offset,", |this| this.booster().explained());
explained!([] GradientBoostingQuantileRegressorModel, "the score at each level, before they are put in order, without an offset,", |this| this.booster().explained());

impl GradientBoostingRegressorModel {
    /// The model in the form that can be written as ONNX, as source code, and for LightGBM and XGBoost.
    ///
    /// # Errors
    /// When the model has an offset.
    pub fn to_tree_model(&self) -> Result<TreeModel> {
        let link = match self.loss() {
            RegressionLoss::Poisson | RegressionLoss::Gamma | RegressionLoss::Tweedie { .. } => Link::Exp,
            RegressionLoss::CrossEntropy => Link::Logistic { slope: 1.0 },
            _ => Link::Identity,
        };
        self.booster().to_tree_model(link)
    }
}

impl GradientBoostingClassifierModel {
    /// The model in the form that can be written as ONNX, as source code, and for LightGBM and XGBoost, which number the
    /// classes that had training rows. They do not bring probabilities by [`OneVsAll`](ClassificationLoss::OneVsAll) to a sum of 1; the
    /// most probable class is the same.
    ///
    /// # Errors
    /// When the model has an offset.
    pub fn to_tree_model(&self) -> Result<TreeModel> {
        let link = match self.loss() {
            ClassificationLoss::Softmax { .. } => Link::Softmax,
            _ => Link::Logistic { slope: 1.0 },
        };
        self.booster().to_tree_model(link)
    }
}

impl GradientBoostingRegressorModel<Cox> {
    /// The model in the form that can be written as ONNX, as source code, and for LightGBM and XGBoost: the answers are
    /// hazards, as here.
    ///
    /// # Errors
    /// When the model has an offset.
    pub fn to_tree_model(&self) -> Result<TreeModel> {
        self.booster().to_tree_model(Link::Exp)
    }
}

impl GradientBoostingRegressorModel<AcceleratedFailureTime> {
    /// The model in the form that can be written as ONNX, as source code, and for LightGBM and XGBoost: the answers are
    /// times, as here.
    ///
    /// # Errors
    /// When the model has an offset.
    pub fn to_tree_model(&self) -> Result<TreeModel> {
        self.booster().to_tree_model(Link::Exp)
    }
}

impl<O: Objective> GradientBoostingRankerModel<O> {
    /// The model in the form that can be written as ONNX, as source code, and for LightGBM and XGBoost.
    ///
    /// # Errors
    /// When the model has an offset.
    pub fn to_tree_model(&self) -> Result<TreeModel> {
        self.booster().to_tree_model(Link::Identity)
    }
}

impl GradientBoostingQuantileRegressorModel {
    /// The model in the form that can be written as ONNX, as source code, and for LightGBM and XGBoost: an answer for each
    /// level. Other libraries do not put them in order, so they may cross.
    ///
    /// # Errors
    /// When the model has an offset.
    pub fn to_tree_model(&self) -> Result<TreeModel> {
        self.booster().to_tree_model(Link::Identity)
    }
}
