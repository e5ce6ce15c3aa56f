//! LightGBM's text, versions 3 and 4.

use perennial_core::{Error, Feature, Features, Result, ResultExt};

use super::model::{Link, TreeModel};
use super::text::{Fields, short};
use crate::ensemble::Ensemble;
use crate::ensemble::build::{Draft, tree_of};
use crate::shap::Cover;
use crate::tree::Tree;
use crate::tree::structure::{Question, Rule};

/// Bits of `decision_type`.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;

impl TreeModel {
    /// Reads a model that LightGBM wrote with `save_model`.
    ///
    /// Scores equal LightGBM's raw scores, and contributions its `pred_contrib`. `zero_as_missing`, linear trees and
    /// objectives whose answers are none of [`Link`] are refused.
    ///
    /// # Errors
    /// When the text is not such a model, or holds what is refused; the message names the tree and the line.
    pub fn from_lightgbm(text: &str) -> Result<Self> {
        read(text).context("a LightGBM model")
    }
}

fn read(text: &str) -> Result<TreeModel> {
    let mut lines = text.lines().map(str::trim_end).peekable();
    if lines.next() != Some("tree") {
        return Err(Error::malformed("the first line is not `tree`"));
    }
    let mut head = Vec::new();
    while let Some(line) = lines.next_if(|line| !line.starts_with("Tree=") && *line != "end of trees") {
        head.push(line);
    }
    let head = Fields::read(head.into_iter().filter(|line| !line.is_empty()))?;
    let version = head.need("version")?;
    if !matches!(version, "v3" | "v4") {
        return Err(Error::unsupported(format!("version `{}` is not v3 or v4", short(version))));
    }
    let features = features(&head)?;
    let n_outputs: usize = head.number("num_tree_per_iteration")?;
    let link = link(head.get("objective").unwrap_or(""), n_outputs)?;

    let mut trees = Vec::new();
    while let Some(title) = lines.next_if(|line| line.starts_with("Tree=")) {
        let mut body = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("Tree=") && *line != "end of trees") {
            body.push(line);
        }
        let fields = Fields::read(body.into_iter().filter(|line| !line.is_empty()));
        trees.push(fields.and_then(|fields| tree(&fields, features.len())).context(short(title))?);
    }
    if lines.next() != Some("end of trees") {
        return Err(Error::malformed("the line `end of trees` is missing: the file was cut short"));
    }
    if n_outputs == 0 || n_outputs > trees.len() {
        return Err(Error::malformed(format!("{} trees are no round of {n_outputs}", trees.len())));
    }
    if head.get("average_output").is_some() {
        let n_rounds = (trees.len() / n_outputs) as f64;
        for tree in &mut trees {
            for node in 0..tree.n_nodes() {
                tree.set_value(node, &[tree.value(node)[0] / n_rounds]);
            }
        }
    }
    let ensemble = Ensemble::new(features.len(), n_outputs, vec![0.0; n_outputs], trees)?;
    // LightGBM explains by counts of rows.
    Ok(TreeModel::new(features, ensemble, link)?.with_cover(Cover::Rows))
}

fn features(head: &Fields<'_>) -> Result<Features> {
    let names: Vec<&str> = head.need("feature_names")?.split_ascii_whitespace().collect();
    let last: usize = head.number("max_feature_idx")?;
    if last.checked_add(1) != Some(names.len()) {
        return Err(Error::malformed(format!(
            "`feature_names` has {} names, but `max_feature_idx` is {last}",
            names.len()
        )));
    }
    let infos: Vec<&str> = head.get("feature_infos").unwrap_or("").split_ascii_whitespace().collect();
    let feature = |(index, name): (usize, &&str)| {
        // `[min:max]` for numbers, `none` for constants, `3:1:2` for categories.
        let codes = infos.get(index).map_or("", |info| *info).split(':').map(str::parse::<i32>);
        match codes.collect::<Result<Vec<_>, _>>() {
            Err(_) => Feature::numeric(*name),
            Ok(codes) => {
                let largest = codes.into_iter().max().unwrap_or(0).max(0);
                Feature::categorical(*name, largest as u32 + 1)
            }
        }
    };
    names.iter().enumerate().map(feature).collect::<Vec<_>>().try_into()
}

fn link(objective: &str, n_outputs: usize) -> Result<Link> {
    let mut words = objective.split_ascii_whitespace();
    let name = words.next().unwrap_or("");
    let words: Vec<&str> = words.collect();
    let slope = words.iter().find_map(|word| word.strip_prefix("sigmoid:"));
    let slope = match slope.map(str::parse) {
        None => 1.0,
        Some(Ok(slope)) => slope,
        Some(Err(_)) => return Err(Error::malformed(format!("`{}` has no slope", short(objective)))),
    };
    match name {
        "regression" if words.contains(&"sqrt") => {
            Err(Error::unsupported("the objective `regression sqrt` is not supported"))
        }
        "" | "none" | "custom" | "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape"
        | "lambdarank" | "rank_xendcg" => Ok(Link::Identity),
        "poisson" | "gamma" | "tweedie" => Ok(Link::Exp),
        "binary" | "multiclassova" => Ok(Link::Logistic { slope }),
        "cross_entropy" | "xentropy" => Ok(Link::Logistic { slope: 1.0 }),
        "multiclass" if n_outputs > 1 => Ok(Link::Softmax),
        _ => Err(Error::unsupported(format!("the objective `{}` is not supported", short(objective)))),
    }
}

fn tree(fields: &Fields<'_>, n_features: usize) -> Result<Tree> {
    if fields.get("is_linear").is_some_and(|linear| linear.trim() != "0") {
        return Err(Error::unsupported("it has linear models in its leaves, which are not supported"));
    }
    let n_leaves: usize = fields.number("num_leaves")?;
    let Some(n_splits) = n_leaves.checked_sub(1) else {
        return Err(Error::malformed("it has no leaves"));
    };
    let values = fields.finite("leaf_value", n_leaves)?;
    if n_splits == 0 {
        let counts = fields.list("leaf_count", 1).unwrap_or_else(|_| vec![0]);
        let leaf = Draft { n_rows: counts[0], weight: 0.0, gain: 0.0, value: values[0], split: None };
        return Ok(tree_of(&[leaf], 0, n_features)?.0);
    }
    let mut split = Splits {
        features: fields.list("split_feature", n_splits)?,
        thresholds: fields.finite("threshold", n_splits)?,
        types: fields.list("decision_type", n_splits)?,
        sets: sets(fields)?,
    };
    let (left, right): (Vec<i64>, Vec<i64>) =
        (fields.list("left_child", n_splits)?, fields.list("right_child", n_splits)?);
    // LightGBM leaves these out on demand.
    let or_zeros = |name: &str, n: usize| match fields.get(name) {
        Some(text) if !text.is_empty() => fields.finite(name, n),
        _ => Ok(vec![0.0; n]),
    };
    let gains = or_zeros("split_gain", n_splits)?;
    let inner = [
        or_zeros("internal_value", n_splits)?,
        or_zeros("internal_weight", n_splits)?,
        or_zeros("internal_count", n_splits)?,
    ];
    let outer = [or_zeros("leaf_weight", n_leaves)?, or_zeros("leaf_count", n_leaves)?];
    // Leaf k is written as -(k + 1); here leaves come after the other nodes.
    let place = |child: i64| usize::try_from(if child < 0 { n_splits as i64 - (child + 1) } else { child });
    let mut drafts = Vec::with_capacity(n_splits + n_leaves);
    for node in 0..n_splits {
        let children = (place(left[node]), place(right[node]));
        let (Ok(left), Ok(right)) = children else {
            return Err(Error::malformed(format!("node {node} has children that cannot be")));
        };
        drafts.push(Draft {
            n_rows: inner[2][node] as u64,
            weight: inner[1][node],
            gain: gains[node],
            value: inner[0][node],
            split: Some((split.rule(node)?, left, right)),
        });
    }
    for leaf in 0..n_leaves {
        let (weight, n_rows) = (outer[0][leaf], outer[1][leaf] as u64);
        drafts.push(Draft { n_rows, weight, gain: 0.0, value: values[leaf], split: None });
    }
    Ok(tree_of(&drafts, 0, n_features)?.0)
}

/// What the nodes ask.
struct Splits {
    features: Vec<u32>,
    thresholds: Vec<f64>,
    types: Vec<u8>,
    /// Each is taken by the one node that asks for it.
    sets: Vec<Option<Vec<u32>>>,
}

impl Splits {
    fn rule(&mut self, node: usize) -> Result<Rule> {
        let (feature, threshold, kind) = (self.features[node], self.thresholds[node], self.types[node]);
        let missing = kind >> 2 & 3;
        if kind & CATEGORICAL != 0 {
            let n_sets = self.sets.len();
            let sets = self
                .sets
                .get_mut(threshold as usize)
                .filter(|_| threshold >= 0.0 && threshold.fract() == 0.0);
            let Some(set) = sets.and_then(Option::take) else {
                return Err(Error::malformed(format!(
                    "node {node} asks for set {threshold} of {n_sets}, or as the second"
                )));
            };
            return Ok(Rule { feature, question: Question::OneOf(set), missing_left: false });
        }
        let missing_left = match missing {
            // Without missing values in training, LightGBM takes a missing value as 0.
            0 => 0.0 <= threshold,
            2 => kind & DEFAULT_LEFT != 0,
            _ => {
                return Err(Error::unsupported(
                    "it takes zeros as missing (`zero_as_missing`), which is not supported; train without it",
                ));
            }
        };
        Ok(Rule { feature, question: Question::AtMost(threshold), missing_left })
    }
}

/// The sets of categories of a tree.
fn sets(fields: &Fields<'_>) -> Result<Vec<Option<Vec<u32>>>> {
    let n_sets: usize = fields.number("num_cat")?;
    if n_sets == 0 {
        return Ok(Vec::new());
    }
    let Some(n_bounds) = n_sets.checked_add(1) else {
        return Err(Error::malformed("`num_cat` is out of range"));
    };
    let bounds: Vec<usize> = fields.list("cat_boundaries", n_bounds)?;
    let n_words = fields.need("cat_threshold")?.split_ascii_whitespace().count();
    let words: Vec<u32> = fields.list("cat_threshold", n_words)?;
    let set = |bounds: &[usize]| {
        let Some(words) = words.get(bounds[0]..bounds[1]) else {
            return Err(Error::malformed("`cat_boundaries` are out of order or of range"));
        };
        let bits = 0..words.len() as u32 * 32;
        Ok(Some(bits.filter(|&bit| words[bit as usize / 32] >> (bit % 32) & 1 == 1).collect()))
    };
    if !bounds.is_sorted() {
        return Err(Error::malformed("`cat_boundaries` are out of order"));
    }
    bounds.windows(2).map(set).collect()
}
