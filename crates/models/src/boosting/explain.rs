//! What boosters say about their answers, and how they leave the library.

use perennial_core::{Error, Explainer, Matrix, Result};

use super::booster::Booster;
use super::classifier::GradientBoostingClassifierModel;
use super::losses::{ClassificationLoss, RegressionLoss};
use super::regressor::GradientBoostingRegressorModel;
use crate::interchange::{Link, TreeModel};
use crate::shap::{Contributions, Cover, TreeShap};

impl Booster {
    /// What each feature adds to the scores of each row (Lundberg and others, 2020): with the base they add up to
    /// [`scores`](Booster::scores), but for an offset, which is not explained.
    ///
    /// # Errors
    /// When the columns are not those it learned from, or a value is infinite.
    pub fn contributions(&self, x: &Matrix) -> Result<Contributions> {
        let x = self.features().align(x)?;
        x.check_finite(true)?;
        TreeShap::of_ensemble(self.ensemble(), Cover::Rows)?.contributions(x.dense()?)
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

impl Explainer for Booster {
    fn explain(&self, x: &Matrix) -> Result<Contributions> {
        self.contributions(x)
    }
}

impl GradientBoostingRegressorModel {
    /// The model in the form that can be written for LightGBM and XGBoost.
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
    /// The model in the form that can be written for LightGBM and XGBoost, which number the classes that had training
    /// rows.
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
