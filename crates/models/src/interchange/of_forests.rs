//! Forests and single trees in the form that other libraries read: sums of trees, each divided by their number.

use perennial_core::{Features, Result};

use super::model::{Link, TreeModel};
use crate::ensemble::Ensemble;
use crate::forest::{ForestClassifierModel, ForestRegressorModel};
use crate::tree::{DecisionTreeClassifierModel, DecisionTreeRegressorModel, Tree};

/// The mean of trees whose leaves hold numbers, or the shares of classes; of two classes that of the second.
fn mean(features: &Features, trees: &[Tree]) -> Result<TreeModel> {
    let share = 1.0 / trees.len() as f64;
    let outputs = match trees.first().map_or(1, Tree::n_values) {
        2 => 1..2,
        width => 0..width,
    };
    let n_outputs = outputs.len();
    let mut shares = Vec::with_capacity(trees.len() * n_outputs);
    for tree in trees {
        shares.extend(outputs.clone().map(|output| tree.one_value(output, share)));
    }
    let ensemble = Ensemble::new(features.len(), n_outputs, vec![0.0; n_outputs], shares)?;
    TreeModel::new(features.clone(), ensemble, Link::Identity)
}

macro_rules! written {
    ($model:ty, $answers:literal, $trees:expr) => {
        impl $model {
            /// The model in the form that can be written as ONNX, as source code, and for LightGBM and XGBoost.
            ///
            #[doc = concat!("The answers are ", $answers, ", up to rounding.")]
            /// What splits gained is the share of the impurity of the root of their tree. A set of categories may send what
            /// is missing left; that cannot be written for LightGBM, which says so then.
            ///
            /// # Errors
            /// When the trees have more than 2^32 nodes together.
            pub fn to_tree_model(&self) -> Result<TreeModel> {
                let trees: fn(&Self) -> &[Tree] = $trees;
                mean(self.features(), trees(self))
            }
        }
    };
}

written!(ForestRegressorModel, "the means of the trees", |forest| forest.trees());
written!(ForestClassifierModel, "the probabilities of the classes, or of the second of two", |forest| forest
    .trees());
written!(DecisionTreeRegressorModel, "those of the tree", |model| std::slice::from_ref(model.tree()));
written!(DecisionTreeClassifierModel, "the probabilities of the classes, or of the second of two", |model| {
    std::slice::from_ref(model.tree())
});
