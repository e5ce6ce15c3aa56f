//! Models that XGBoost reads.

use perennial_core::Result;

use super::model::{Link, TreeModel};
use super::ubjson;
use super::value::{Typed, Value};
use crate::tree::Tree;

impl TreeModel {
    /// The model as XGBoost's JSON, for `Booster(model_file=...)`.
    ///
    /// XGBoost computes in `f32`: values of leaves are rounded, and so are the thresholds, in such a way that rows of
    /// `f32` numbers go the same way. The base scores go into the trees of the first round.
    ///
    /// # Errors
    /// None so far; those of formats that cannot say all that a model holds are of this kind.
    pub fn to_xgboost_json(&self) -> Result<String> {
        Ok(self.to_xgboost().to_json())
    }

    /// The model as XGBoost's UBJSON. See [`to_xgboost_json`](TreeModel::to_xgboost_json).
    ///
    /// # Errors
    /// As [`to_xgboost_json`](TreeModel::to_xgboost_json).
    pub fn to_xgboost_ubjson(&self) -> Result<Vec<u8>> {
        Ok(ubjson::write(&self.to_xgboost()))
    }

    fn to_xgboost(&self) -> Value {
        let (ensemble, n_outputs) = (self.ensemble(), self.ensemble().n_outputs());
        let (n_features, n_trees) = (ensemble.n_features(), ensemble.trees().len());
        let slope = if let Link::Logistic { slope } = self.link() { slope } else { 1.0 };
        let mut trees = Vec::new();
        for (index, tree) in ensemble.trees().iter().enumerate() {
            let shift = if index < n_outputs { ensemble.base()[index] } else { 0.0 };
            trees.push(tree_value(tree, index, |value| ((value + shift) * slope) as f32));
        }
        let (name, start, num_class, params) = match self.link() {
            Link::Identity => {
                ("reg:squarederror", "0E0", 0, ("reg_loss_param", "scale_pos_weight", "1".to_owned()))
            }
            Link::Logistic { .. } => {
                ("binary:logistic", "5E-1", 0, ("reg_loss_param", "scale_pos_weight", "1".to_owned()))
            }
            Link::Exp => {
                ("count:poisson", "1E0", 0, ("poisson_regression_param", "max_delta_step", "0.7".to_owned()))
            }
            Link::Softmax => (
                "multi:softprob",
                "0E0",
                n_outputs,
                ("softmax_multiclass_param", "num_class", n_outputs.to_string()),
            ),
        };
        let num_target = if num_class > 0 { 1 } else { n_outputs };
        let rounds = (0..=ensemble.n_rounds()).map(|round| (round * n_outputs) as i32);
        let model = Value::map([
            (
                "gbtree_model_param",
                Value::map([("num_parallel_tree", Value::text(1)), ("num_trees", Value::text(n_trees))]),
            ),
            ("iteration_indptr", Value::Typed(Typed::I32(rounds.collect()))),
            (
                "tree_info",
                Value::Typed(Typed::I32((0..n_trees).map(|tree| (tree % n_outputs) as i32).collect())),
            ),
            ("trees", Value::List(trees)),
        ]);
        let names = self.features().names().map(Value::text).collect();
        let learner = Value::map([
            ("attributes", Value::map([])),
            ("feature_names", Value::List(names)),
            ("feature_types", Value::List(Vec::new())),
            ("gradient_booster", Value::map([("model", model), ("name", Value::text("gbtree"))])),
            (
                "learner_model_param",
                Value::map([
                    ("base_score", Value::text(start)),
                    ("boost_from_average", Value::text(1)),
                    ("num_class", Value::text(num_class)),
                    ("num_feature", Value::text(n_features)),
                    ("num_target", Value::text(num_target)),
                ]),
            ),
            (
                "objective",
                Value::map([
                    ("name", Value::text(name)),
                    (params.0, Value::map([(params.1, Value::Text(params.2))])),
                ]),
            ),
        ]);
        let version = Value::List([2.0, 1.0, 0.0].map(Value::Number).to_vec());
        Value::map([("learner", learner), ("version", version)])
    }
}

/// The smallest `f32` above a threshold: XGBoost sends what is below left.
fn below(threshold: f64) -> f32 {
    let near = threshold as f32;
    let above = if f64::from(near) > threshold { near } else { near.next_up() };
    // JSON has no infinity.
    above.clamp(f32::MIN, f32::MAX)
}

fn tree_value(tree: &Tree, index: usize, say: impl Fn(f64) -> f32) -> Value {
    let n_nodes = tree.n_nodes();
    let (mut left, mut right) = (vec![-1; n_nodes], vec![-1; n_nodes]);
    let mut parents = vec![i32::MAX; n_nodes];
    let (mut conditions, mut features) = (vec![0.0_f32; n_nodes], vec![0; n_nodes]);
    let (mut default_left, mut kinds) = (vec![0; n_nodes], vec![0; n_nodes]);
    let mut means = vec![0.0_f32; n_nodes];
    let (mut categories, mut nodes, mut starts, mut sizes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for node in 0..n_nodes {
        means[node] = say(tree.value(node)[0]);
        let (Some(feature), Some((to_left, to_right))) = (tree.feature(node), tree.children(node)) else {
            conditions[node] = means[node];
            continue;
        };
        features[node] = feature as i32;
        (left[node], right[node]) = (to_left as i32, to_right as i32);
        (parents[to_left], parents[to_right]) = (node as i32, node as i32);
        default_left[node] = u8::from(tree.missing_left(node));
        match tree.categories(node) {
            None => conditions[node] = below(tree.threshold(node)),
            Some(set) => {
                // There a category of the set goes right.
                (left[node], right[node]) = (right[node], left[node]);
                default_left[node] ^= 1;
                kinds[node] = 1;
                nodes.push(node as i32);
                starts.push(categories.len() as i64);
                sizes.push(set.len() as i64);
                categories.extend(set.into_iter().map(|category| category as i32));
            }
        }
    }
    let reals = |of: &dyn Fn(usize) -> f64| {
        Value::Typed(Typed::F32((0..n_nodes).map(|node| of(node) as f32).collect()))
    };
    Value::map([
        ("base_weights", Value::Typed(Typed::F32(means))),
        ("categories", Value::Typed(Typed::I32(categories))),
        ("categories_nodes", Value::Typed(Typed::I32(nodes))),
        ("categories_segments", Value::Typed(Typed::I64(starts))),
        ("categories_sizes", Value::Typed(Typed::I64(sizes))),
        ("default_left", Value::Typed(Typed::U8(default_left))),
        ("id", Value::Number(index as f64)),
        ("left_children", Value::Typed(Typed::I32(left))),
        ("loss_changes", reals(&|node| tree.gain(node))),
        ("parents", Value::Typed(Typed::I32(parents))),
        ("right_children", Value::Typed(Typed::I32(right))),
        ("split_conditions", Value::Typed(Typed::F32(conditions))),
        ("split_indices", Value::Typed(Typed::I32(features))),
        ("split_type", Value::Typed(Typed::U8(kinds))),
        ("sum_hessian", reals(&|node| tree.weight(node))),
        (
            "tree_param",
            Value::map([
                ("num_deleted", Value::text(0)),
                ("num_feature", Value::text(tree.n_features())),
                ("num_nodes", Value::text(n_nodes)),
                ("size_leaf_vector", Value::text(1)),
            ]),
        ),
    ])
}
