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
        let written = self.rounds_to_write();
        let (n_features, n_trees) = (ensemble.n_features(), written.len());
        let slope = if let Link::Logistic { slope } = self.link() { slope } else { 1.0 };
        let mut trees = Vec::new();
        for (index, tree) in written.iter().enumerate() {
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
        let rounds = (0..=n_trees / n_outputs).map(|round| round * n_outputs);
        let model = Value::map([
            (
                "gbtree_model_param",
                Value::map([("num_parallel_tree", Value::text(1)), ("num_trees", Value::text(n_trees))]),
            ),
            ("iteration_indptr", whole_numbers(rounds)),
            ("tree_info", whole_numbers((0..n_trees).map(|tree| tree % n_outputs))),
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

/// A list whose items have types of their own, as XGBoost wants some.
fn whole_numbers(list: impl Iterator<Item = usize>) -> Value {
    Value::List(list.map(|number| Value::Number(number as f64)).collect())
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
    let (mut categories, mut nodes, mut starts, mut sizes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // XGBoost takes it for granted that the right child comes right after the left one.
    let mut order = vec![0];
    for place in 0..n_nodes {
        let node = order[place];
        let (Some(feature), Some((to_left, to_right))) = (tree.feature(node), tree.children(node)) else {
            conditions[place] = say(tree.value(node)[0]);
            continue;
        };
        features[place] = feature as i32;
        (left[place], right[place]) = (order.len() as i32, order.len() as i32 + 1);
        parents[order.len()] = place as i32;
        parents[order.len() + 1] = place as i32;
        default_left[place] = u8::from(tree.missing_left(node));
        match tree.categories(node) {
            None => {
                conditions[place] = below(tree.threshold(node));
                order.extend([to_left, to_right]);
            }
            Some(set) => {
                // There a category of the set goes right.
                order.extend([to_right, to_left]);
                default_left[place] ^= 1;
                kinds[place] = 1;
                nodes.push(place as i32);
                starts.push(categories.len() as i64);
                sizes.push(set.len() as i64);
                categories.extend(set.into_iter().map(|category| category as i32));
            }
        }
    }
    let reals =
        |of: &dyn Fn(usize) -> f32| Value::Typed(Typed::F32(order.iter().map(|&node| of(node)).collect()));
    Value::map([
        ("base_weights", reals(&|node| say(tree.value(node)[0]))),
        ("categories", Value::Typed(Typed::I32(categories))),
        ("categories_nodes", Value::Typed(Typed::I32(nodes))),
        ("categories_segments", Value::Typed(Typed::I64(starts))),
        ("categories_sizes", Value::Typed(Typed::I64(sizes))),
        ("default_left", Value::Typed(Typed::U8(default_left))),
        ("id", Value::Number(index as f64)),
        ("left_children", Value::Typed(Typed::I32(left))),
        ("loss_changes", reals(&|node| tree.gain(node) as f32)),
        ("parents", Value::Typed(Typed::I32(parents))),
        ("right_children", Value::Typed(Typed::I32(right))),
        ("split_conditions", Value::Typed(Typed::F32(conditions))),
        ("split_indices", Value::Typed(Typed::I32(features))),
        ("split_type", Value::Typed(Typed::U8(kinds))),
        ("sum_hessian", reals(&|node| tree.weight(node) as f32)),
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
