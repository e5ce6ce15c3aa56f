//! Text that LightGBM reads.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use perennial_core::{Error, FeatureKind, Result};

use super::model::{Link, TreeModel};
use crate::tree::Tree;

impl TreeModel {
    /// The model as LightGBM's text, for `Booster(model_file=...)`.
    ///
    /// The base scores go into the trees of the first round, as LightGBM knows none. Names of features have their
    /// white space replaced by `_`.
    ///
    /// # Errors
    /// When a node sends missing categories left, which LightGBM cannot; when a name is empty then, or another's.
    pub fn to_lightgbm(&self) -> Result<String> {
        let (ensemble, n_outputs) = (self.ensemble(), self.ensemble().n_outputs());
        let mut trees = Vec::new();
        for (index, tree) in self.rounds_to_write().iter().enumerate() {
            let shift = if index < n_outputs { ensemble.base()[index] } else { 0.0 };
            trees.push(format!("Tree={index}\n{}\n\n", tree_text(tree, shift)?));
        }
        let objective = match self.link() {
            Link::Identity => "regression".to_owned(),
            Link::Exp => "poisson".to_owned(),
            Link::Logistic { slope } if n_outputs == 1 => format!("binary sigmoid:{slope}"),
            Link::Logistic { slope } => format!("multiclassova num_class:{n_outputs} sigmoid:{slope}"),
            Link::Softmax => format!("multiclass num_class:{n_outputs}"),
        };
        let names = self.names_without_space()?;
        let info = |kind: FeatureKind| match kind {
            FeatureKind::Categorical { n_categories } => format!("0:{}", n_categories.saturating_sub(1)),
            _ => "[-1e308:1e308]".to_owned(),
        };
        let features = self.features();
        let mut text = format!(
            "tree\nversion=v4\nnum_class={n_outputs}\nnum_tree_per_iteration={n_outputs}\nlabel_index=0\n\
             max_feature_idx={}\nobjective={objective}\nfeature_names={}\nfeature_infos={}\ntree_sizes={}\n\n",
            features.len().saturating_sub(1),
            joined(names.into_iter(), " "),
            joined(features.iter().map(|feature| info(feature.kind)), " "),
            joined(trees.iter().map(String::len), " "),
        );
        trees.iter().for_each(|tree| text.push_str(tree));
        text.push_str("end of trees\n\nparameters:\nend of parameters\n\npandas_categorical:null\n");
        Ok(text)
    }

    /// The names of the features as LightGBM can read them, which parts them by white space.
    fn names_without_space(&self) -> Result<Vec<String>> {
        let mut known = BTreeMap::new();
        let mut names = Vec::with_capacity(self.features().len());
        for given in self.features().names() {
            let name = given.split_whitespace().collect::<Vec<_>>().join("_");
            if name.is_empty() {
                return Err(Error::unsupported(format!(
                    "the column named {given:?} has nothing but white space for a name, which LightGBM cannot read; rename it"
                )));
            }
            if let Some(other) = known.insert(name.clone(), given) {
                return Err(Error::unsupported(format!(
                    "the columns {other:?} and {given:?} would both be `{name}` for LightGBM, which knows no white space in \
                     names; rename one of them"
                )));
            }
            names.push(name);
        }
        Ok(names)
    }
}

fn joined<T: Display>(items: impl Iterator<Item = T>, between: &str) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(between)
}

/// The lines of a tree, whose values are moved by `shift`.
fn tree_text(tree: &Tree, shift: f64) -> Result<String> {
    // LightGBM counts nodes and leaves apart, and writes leaf k as -(k + 1).
    let mut splits = Vec::new();
    let mut leaves = Vec::new();
    let mut numbers = vec![0_i64; tree.n_nodes()];
    for node in 0..tree.n_nodes() {
        if tree.children(node).is_some() {
            numbers[node] = splits.len() as i64;
            splits.push(node);
        } else {
            leaves.push(node);
            numbers[node] = -(leaves.len() as i64);
        }
    }
    let mut bounds = vec![0];
    let mut words: Vec<u32> = Vec::new();
    let (mut thresholds, mut types) = (Vec::new(), Vec::new());
    for &node in &splits {
        let missing_left = tree.missing_left(node);
        match tree.words(&tree.nodes()[node]) {
            None => {
                thresholds.push(tree.threshold(node));
                types.push(8 | u8::from(missing_left) << 1);
            }
            Some(_) if missing_left => {
                return Err(Error::unsupported(
                    "a node sends missing categories left, and LightGBM always sends them right",
                ));
            }
            Some(set) => {
                thresholds.push((bounds.len() - 1) as f64);
                types.push(9);
                words.extend(set.iter().flat_map(|&word| [word as u32, (word >> 32) as u32]));
                bounds.push(words.len());
            }
        }
    }
    let n_sets = bounds.len() - 1;
    let mut text = format!("num_leaves={}\nnum_cat={n_sets}\n", leaves.len());
    let mut line = |name: &str, list: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}={list}");
    };
    let count = |&node: &usize| match tree.n_rows(node) {
        // Explanations divide by counts, so those that are not known are made up from the weights.
        0 => tree.weight(node).round().max(1.0) as u64,
        n_rows => n_rows,
    };
    let child = |right: bool| {
        joined(
            splits
                .iter()
                .filter_map(|&node| tree.children(node))
                .map(|pair| numbers[if right { pair.1 } else { pair.0 }]),
            " ",
        )
    };
    if !splits.is_empty() {
        line("split_feature", joined(splits.iter().filter_map(|&node| tree.feature(node)), " "));
        line("split_gain", joined(splits.iter().map(|&node| tree.gain(node)), " "));
        line("threshold", joined(thresholds.iter(), " "));
        line("decision_type", joined(types.iter(), " "));
        line("left_child", child(false));
        line("right_child", child(true));
    }
    line("leaf_value", joined(leaves.iter().map(|&node| tree.value(node)[0] + shift), " "));
    if !splits.is_empty() {
        line("leaf_weight", joined(leaves.iter().map(|&node| tree.weight(node)), " "));
        line("leaf_count", joined(leaves.iter().map(count), " "));
        line("internal_value", joined(splits.iter().map(|&node| tree.value(node)[0] + shift), " "));
        line("internal_weight", joined(splits.iter().map(|&node| tree.weight(node)), " "));
        line("internal_count", joined(splits.iter().map(count), " "));
    }
    if n_sets > 0 {
        line("cat_boundaries", joined(bounds.iter(), " "));
        line("cat_threshold", joined(words.iter(), " "));
    }
    line("is_linear", "0".to_owned());
    line("shrinkage", "1".to_owned());
    Ok(text)
}
