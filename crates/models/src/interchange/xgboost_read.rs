//! XGBoost's models.

use std::collections::VecDeque;

use perennial_core::{Error, Features, Result, ResultExt};

use super::model::{Link, TreeModel};
use super::text::short;
use super::ubjson;
use super::value::{Value, count, numbers_in};
use crate::ensemble::Ensemble;
use crate::ensemble::build::{Draft, tree_of};
use crate::tree::Tree;
use crate::tree::structure::{Question, Rule};

/// Features that a file of any length may have.
const FEATURES_FREE: usize = 1 << 16;
/// Bytes of sets of categories that a file of any length may ask for, and those for each byte of a file.
pub(super) const SETS_FREE: usize = 1 << 20;
pub(super) const SETS_PER_BYTE: usize = 64;

impl TreeModel {
    /// Reads a model that XGBoost wrote with `save_model("model.json")`.
    ///
    /// XGBoost rounds values and thresholds to `f32`; the thresholds here send every `f64` the same way. Scores equal
    /// those of XGBoost (`output_margin`) but for the rounding of its sums. `gbtree` and `dart` are read; trees with
    /// several values in a leaf, linear boosters and objectives whose answers are none of [`Link`] are refused. A model
    /// that was stopped early answers from its rounds up to the best, as `XGBClassifier` and `XGBRegressor` do; later ones
    /// are left out, where `Booster.predict` would take them. An entry that sparse rows do not store is 0 here, where XGBoost
    /// takes it as missing: store NaN for it.
    ///
    /// # Errors
    /// When the text is not such a model, or holds what is refused.
    pub fn from_xgboost_json(text: &str) -> Result<Self> {
        Value::from_json(text).and_then(|value| read(&value, text.len())).context("an XGBoost model")
    }

    /// Reads a model that XGBoost wrote with `save_model("model.ubj")`. See
    /// [`from_xgboost_json`](TreeModel::from_xgboost_json).
    ///
    /// # Errors
    /// When the bytes are not such a model, or hold what is refused.
    pub fn from_xgboost_ubjson(bytes: &[u8]) -> Result<Self> {
        ubjson::read(bytes).and_then(|value| read(&value, bytes.len())).context("an XGBoost model")
    }
}

fn read(file: &Value, length: usize) -> Result<TreeModel> {
    let learner = file.need("learner")?;
    let params = learner.need("learner_model_param")?;
    let features = features(learner, params.need_count("num_feature")?, length)?;
    let (link, to_score) = link(learner.need("objective")?.need_text("name")?)?;

    let booster = learner.need("gradient_booster")?;
    let (model, weights) = match booster.need_text("name")? {
        "gbtree" => (booster.need("model")?, None),
        "dart" => (booster.need("gbtree")?.need("model")?, Some(booster.need_numbers("weight_drop")?)),
        name => return Err(Error::unsupported(format!("the booster `{}` is not supported", short(name)))),
    };
    let list = model.need_list("trees")?;
    let mut trees = Vec::with_capacity(list.len());
    let mut budget = SETS_FREE.saturating_add(length.saturating_mul(SETS_PER_BYTE));
    for (index, file) in list.iter().enumerate() {
        let weight = weights.map_or(Some(1.0), |weights| weights.get(index).copied());
        let weight = weight.ok_or_else(|| Error::malformed("`weight_drop` is shorter than the trees"))?;
        trees.push(tree(file, features.len(), weight, &mut budget).context(format!("tree {index}"))?);
    }
    let outputs = |name: &str| params.get(name).map_or(Ok(1), |_| params.need_count(name));
    let n_outputs = outputs("num_class")?.max(outputs("num_target")?).max(1);
    if n_outputs > trees.len().max(1) {
        return Err(Error::malformed(format!("{} trees are no round of {n_outputs}", trees.len())));
    }
    let trees = in_rounds(trees, model.need_numbers("tree_info")?, n_outputs)?;
    let starts = numbers_in(params.need_text("base_score")?).context("`base_score`")?;
    let base = match starts[..] {
        [start] => vec![to_score(start); n_outputs],
        _ if starts.len() == n_outputs => starts.into_iter().map(to_score).collect(),
        _ => return Err(Error::malformed(format!("{} base scores for {n_outputs} outputs", starts.len()))),
    };
    let mut ensemble = Ensemble::new(features.len(), n_outputs, base, trees)?;
    if let Some(rounds) = best_rounds(learner, model)? {
        ensemble.truncate(rounds);
    }
    TreeModel::new(features, ensemble, link)
}

/// The rounds up to the best one, where the model was stopped early.
fn best_rounds(learner: &Value, model: &Value) -> Result<Option<usize>> {
    let Some(attributes) = learner.get("attributes") else { return Ok(None) };
    if attributes.get("best_iteration").is_none() {
        return Ok(None);
    }
    let best = attributes.need_count("best_iteration").context("the attribute of early stopping")?;
    let side_by_side = match model.get("gbtree_model_param") {
        Some(params) if params.get("num_parallel_tree").is_some() => {
            params.need_count("num_parallel_tree")?
        }
        _ => 1,
    };
    Ok(Some(best.saturating_add(1).saturating_mul(side_by_side.max(1))))
}

fn features(learner: &Value, n_features: usize, length: usize) -> Result<Features> {
    let names = learner.get("feature_names").map_or(Ok(&[][..]), |_| learner.need_list("feature_names"))?;
    if names.is_empty() {
        if n_features > FEATURES_FREE.saturating_add(length) {
            return Err(Error::too_large(format!(
                "{n_features} features are more than a file of this size can need"
            )));
        }
        return Ok(Features::unnamed(n_features));
    }
    if names.len() != n_features {
        return Err(Error::malformed(format!("{} names for {n_features} features", names.len())));
    }
    let name = |name: &Value| match name {
        Value::Text(name) => Ok(name.clone()),
        _ => Err(Error::malformed("a name of a feature is no text")),
    };
    Features::named(names.iter().map(name).collect::<Result<Vec<_>>>()?)
}

/// The score of an answer.
type Scored = fn(f64) -> f64;

/// How scores become answers, and answers scores: the base score is written as an answer.
fn link(objective: &str) -> Result<(Link, Scored)> {
    let same: Scored = |score| score;
    let logit: Scored = |share| -(1.0 / share - 1.0).ln();
    Ok(match objective {
        "binary:logistic" | "reg:logistic" => (Link::Logistic { slope: 1.0 }, logit),
        "binary:logitraw" => (Link::Identity, logit),
        "multi:softprob" | "multi:softmax" => (Link::Softmax, same),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
            (Link::Exp, f64::ln)
        }
        "reg:squarederror"
        | "reg:linear"
        | "reg:squaredlogerror"
        | "reg:absoluteerror"
        | "reg:pseudohubererror"
        | "reg:quantileerror"
        | "rank:pairwise"
        | "rank:ndcg"
        | "rank:map" => (Link::Identity, same),
        _ => {
            return Err(Error::unsupported(format!("the objective `{}` is not supported", short(objective))));
        }
    })
}

/// The trees of each output in turn.
fn in_rounds(trees: Vec<Tree>, outputs: &[f64], n_outputs: usize) -> Result<Vec<Tree>> {
    if outputs.len() != trees.len() {
        return Err(Error::malformed(format!(
            "`tree_info` is for {} trees, not for {}",
            outputs.len(),
            trees.len()
        )));
    }
    let n_trees = trees.len();
    let mut queues: Vec<VecDeque<Tree>> = (0..n_outputs).map(|_| VecDeque::new()).collect();
    for (tree, &output) in trees.into_iter().zip(outputs) {
        match count(output).and_then(|output| queues.get_mut(output)) {
            Some(queue) => queue.push_back(tree),
            None => return Err(Error::malformed(format!("a tree is for output {output} of {n_outputs}"))),
        }
    }
    if queues.iter().any(|queue| queue.len() * n_outputs != n_trees) {
        return Err(Error::malformed("the outputs have different numbers of trees"));
    }
    let mut ordered = Vec::with_capacity(n_trees);
    for _ in 0..n_trees / n_outputs {
        ordered.extend(queues.iter_mut().filter_map(VecDeque::pop_front));
    }
    Ok(ordered)
}

fn tree(file: &Value, n_features: usize, weight: f64, budget: &mut usize) -> Result<Tree> {
    let params = file.need("tree_param")?;
    if params.get("size_leaf_vector").is_some() && params.need_count("size_leaf_vector")? > 1 {
        return Err(Error::unsupported("its leaves hold several values, which is not supported"));
    }
    let left = file.need_numbers("left_children")?;
    let list = |name: &str| {
        let list = file.need_numbers(name)?;
        if list.len() == left.len() {
            return Ok(list);
        }
        Err(Error::malformed(format!("`{name}` has {} entries; expected {}", list.len(), left.len())))
    };
    let right = list("right_children")?;
    let (conditions, features) = (list("split_conditions")?, list("split_indices")?);
    let default_left = list("default_left")?;
    let (weights, gains, means) = (list("sum_hessian")?, list("loss_changes")?, list("base_weights")?);
    // The decimals of JSON stand for an `f32`.
    let real = |list: &[f64], node: usize| f64::from(list[node] as f32);
    let kinds = if file.get("split_type").is_some() { list("split_type")? } else { &[] };
    let mut sets = Sets::read(file, left.len(), budget)?;
    let mut drafts = Vec::with_capacity(left.len());
    for node in 0..left.len() {
        let bad = |what: &str| Err(Error::malformed(format!("node {node} {what}")));
        if left[node] == -1.0 {
            let value = real(conditions, node) * weight;
            drafts.push(Draft { n_rows: 0, weight: real(weights, node), gain: 0.0, value, split: None });
            continue;
        }
        let (Some(left), Some(right)) = (count(left[node]), count(right[node])) else {
            return bad("has children that cannot be");
        };
        let Some(feature) = count(features[node]).filter(|&feature| feature < n_features) else {
            return bad("asks for a feature that is not there");
        };
        let feature = feature as u32;
        let missing_left = default_left[node] != 0.0;
        let split = if kinds.get(node).is_some_and(|&kind| kind != 0.0) {
            // Here a category of the set goes left, there it goes right: the children change places.
            let Some(set) = sets.take(node) else { return bad("asks for categories that are not there") };
            let question = Question::OneOf(set);
            (Rule { feature, question, missing_left: !missing_left }, right, left)
        } else {
            let Some(threshold) = at_most(conditions[node] as f32) else {
                return bad("asks for a threshold that cannot be");
            };
            (Rule { feature, question: Question::AtMost(threshold), missing_left }, left, right)
        };
        drafts.push(Draft {
            n_rows: 0,
            weight: real(weights, node),
            gain: real(gains, node),
            value: real(means, node) * weight,
            split: Some(split),
        });
    }
    Ok(tree_of(&drafts, 0, n_features)?.0)
}

/// The largest `f64` that is below `threshold` when it is rounded to `f32`.
pub(super) fn at_most(threshold: f32) -> Option<f64> {
    // What is halfway to 2^128, or beyond, is rounded to infinity.
    let wide =
        |value: f32| if value.is_infinite() { 2f64.powi(128).copysign(value.into()) } else { value.into() };
    if threshold.is_nan() || threshold == f32::NEG_INFINITY {
        return None;
    }
    let middle = 0.5 * (wide(threshold.next_down()) + wide(threshold));
    Some(if (middle as f32) < threshold { middle } else { middle.next_down() })
}

/// The categories of the nodes that ask for some; each set is taken once.
struct Sets(Vec<Option<Vec<u32>>>);

impl Sets {
    fn read(file: &Value, n_nodes: usize, budget: &mut usize) -> Result<Self> {
        let mut sets = vec![None; n_nodes];
        if file.get("categories_nodes").is_none() {
            return Ok(Sets(sets));
        }
        let (nodes, categories) = (file.need_numbers("categories_nodes")?, file.need_numbers("categories")?);
        let (starts, sizes) =
            (file.need_numbers("categories_segments")?, file.need_numbers("categories_sizes")?);
        let bad = || Err(Error::malformed("the lists of categories do not fit each other"));
        if starts.len() != nodes.len() || sizes.len() != nodes.len() {
            return bad();
        }
        for ((&node, &start), &size) in nodes.iter().zip(starts).zip(sizes) {
            let (Some(node), Some(start), Some(size)) = (count(node), count(start), count(size)) else {
                return bad();
            };
            let (Some(list), Some(set)) =
                (start.checked_add(size).and_then(|end| categories.get(start..end)), sets.get_mut(node))
            else {
                return bad();
            };
            // XGBoost has no categories from 2^24 on.
            let code =
                |&category: &f64| count(category).filter(|&code| code < 1 << 24).map(|code| code as u32);
            let Some(codes) = list.iter().map(code).collect::<Option<Vec<u32>>>() else { return bad() };
            let bytes = 4 * codes.len() + codes.iter().max().map_or(0, |&largest| largest as usize / 8);
            let Some(left) = budget.checked_sub(bytes) else {
                return Err(Error::too_large(
                    "its sets of categories need far more memory than the file has bytes",
                ));
            };
            *budget = left;
            *set = Some(codes);
        }
        Ok(Sets(sets))
    }

    fn take(&mut self, node: usize) -> Option<Vec<u32>> {
        self.0.get_mut(node).and_then(Option::take)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::at_most;

    proptest! {
        #[test]
        fn every_number_goes_the_same_way(bits in any::<u32>(), value in any::<f64>(), steps in -3_i32..3) {
            let threshold = f32::from_bits(bits);
            if let Some(at_most) = at_most(threshold) {
                let mut near = at_most;
                for _ in 0..steps.abs() {
                    near = if steps < 0 { near.next_down() } else { near.next_up() };
                }
                for value in [value, near, at_most, at_most.next_up(), f64::from(threshold), 0.0, -0.0] {
                    prop_assert_eq!((value as f32) < threshold, value <= at_most, "{} {}", value, threshold);
                }
            }
        }
    }
}
