//! CatBoost's JSON: trees that ask the same at all nodes of a level.

use std::collections::BTreeMap;

use perennial_core::{Error, Feature, Features, Result, ResultExt};

use super::model::{Link, TreeModel};
use super::text::short;
use super::value::Value;
use super::xgboost_read::{SETS_FREE, SETS_PER_BYTE, at_most};
use crate::ensemble::Ensemble;
use crate::ensemble::build::{Draft, tree_of};
use crate::tree::Tree;
use crate::tree::structure::{Question, Rule};

impl TreeModel {
    /// Reads a model that CatBoost wrote with `save_model(name, format="json")`.
    ///
    /// Scores equal CatBoost's `RawFormulaVal` to the last bits of `f64`; CatBoost takes numbers as `f32`, and so do the thresholds
    /// here. Categories that CatBoost asks for one by one (`one_hot_max_size`) are read where they are whole numbers, `5` and no `05`,
    /// and the file was written with `pool`, which lists them; categories are missing where they are NaN, and equal none then. What
    /// CatBoost computes from the target for categories, texts and embeddings cannot be read, nor can trees that are not symmetric.
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Matrix, Predictor};
    /// use perennial_models::interchange::TreeModel;
    ///
    /// let json = r#"{
    ///     "features_info": {"float_features": [{"feature_id": "age", "flat_feature_index": 0, "nan_value_treatment": "AsIs"}]},
    ///     "model_info": {"params": {"loss_function": {"type": "RMSE"}}},
    ///     "oblivious_trees": [{"leaf_values": [-1, 1], "leaf_weights": [20, 20],
    ///         "splits": [{"border": 30.5, "float_feature_index": 0, "split_type": "FloatFeature"}]}],
    ///     "scale_and_bias": [1, [10]]
    /// }"#;
    /// let model = TreeModel::from_catboost_json(json)?;
    /// let x = Matrix::from(array![[25.0], [60.0]]).with_names(["age"])?;
    /// assert_eq!(model.predict(&x)?.values(), &array![[9.0], [11.0]]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the text is not such a model, or holds what is refused; the message names the tree.
    pub fn from_catboost_json(text: &str) -> Result<Self> {
        read(&Value::from_json(text)?, text.len()).context("a CatBoost model")
    }
}

fn read(file: &Value, length: usize) -> Result<TreeModel> {
    if file.get("trees").is_some() {
        return Err(Error::unsupported(
            "its trees are not symmetric, which is not supported; train with `grow_policy=\"SymmetricTree\"`",
        ));
    }
    let columns = Columns::read(file.need("features_info")?)?;
    let (scale, bias) = scale_and_bias(file)?;
    let n_outputs = bias.len();
    let mut trees = Vec::new();
    let mut budget = SETS_FREE.saturating_add(length.saturating_mul(SETS_PER_BYTE));
    for (index, tree) in file.need_list("oblivious_trees")?.iter().enumerate() {
        let read = Oblivious::read(tree, &columns, n_outputs);
        let add = |tree: Oblivious<'_>| {
            budget = budget.checked_sub(tree.bytes_of_sets(n_outputs)).ok_or_else(|| {
                Error::too_large("its sets of categories need far more memory than the file has bytes")
            })?;
            tree.add_to(&mut trees, columns.features.len(), n_outputs, scale)
        };
        read.and_then(add).context(format!("tree {index}"))?;
    }
    let link = link(file, n_outputs)?;
    let ensemble = Ensemble::new(columns.features.len(), n_outputs, bias, trees)?;
    TreeModel::new(columns.features, ensemble, link)
}

/// The factor of all leaves, and what the sums start from: `[1, [0.5]]`, or of old files `[1, 0.5]`.
fn scale_and_bias(file: &Value) -> Result<(f64, Vec<f64>)> {
    let (scale, bias) = match file.need("scale_and_bias")? {
        Value::Numbers(list) if list.len() == 2 => (list[0], vec![list[1]]),
        Value::List(list) => match list.as_slice() {
            [Value::Number(scale), Value::Numbers(bias)] if !bias.is_empty() => (*scale, bias.clone()),
            _ => return Err(Error::malformed("`scale_and_bias` is no number and a list of numbers")),
        },
        _ => return Err(Error::malformed("`scale_and_bias` is no number and a list of numbers")),
    };
    Ok((scale, bias))
}

fn link(file: &Value, n_outputs: usize) -> Result<Link> {
    let loss = file.need("model_info")?.need("params")?.need("loss_function")?.need_text("type")?;
    match loss {
        "RMSE" | "MAE" | "Quantile" | "MultiQuantile" | "MAPE" | "Huber" | "Lq" | "Expectile" | "LogCosh"
        | "MultiRMSE" | "QueryRMSE" | "QuerySoftMax" | "YetiRank" | "YetiRankPairwise" | "PairLogit"
        | "PairLogitPairwise" | "LambdaMart" | "StochasticRank" => Ok(Link::Identity),
        "Poisson" | "Tweedie" => Ok(Link::Exp),
        "Logloss" | "CrossEntropy" | "MultiClassOneVsAll" | "MultiLogloss" | "MultiCrossEntropy"
        | "Focal" => Ok(Link::Logistic { slope: 1.0 }),
        "MultiClass" if n_outputs > 1 => Ok(Link::Softmax),
        _ => Err(Error::unsupported(format!("the loss `{}` is not supported", short(loss)))),
    }
}

/// What the columns are called, and where what splits name is among them.
struct Columns {
    features: Features,
    /// Of each numeric feature the column, and whether what is missing is above all numbers.
    numeric: Vec<(u32, bool)>,
    /// Of each feature of categories the column.
    categorical: Vec<u32>,
    /// The category behind each hash.
    categories: BTreeMap<u32, String>,
}

impl Columns {
    fn read(info: &Value) -> Result<Self> {
        for (list, what) in [("text_features", "texts"), ("embedding_features", "embeddings")] {
            if info.get(list).is_some_and(|_| info.need_list(list).is_ok_and(|list| !list.is_empty())) {
                return Err(Error::unsupported(format!("it takes {what}, which are not supported")));
            }
        }
        // A file of numbers alone has `null` for the categories.
        let list = |name: &str| match info.get(name) {
            None | Some(Value::Null) => Ok(&[][..]),
            Some(_) => info.need_list(name),
        };
        let mut categories = BTreeMap::new();
        for entry in list("cat_features_hash")? {
            categories.insert(entry.need_count("hash")? as u32, entry.need_text("value")?.to_owned());
        }
        let codes = categories.values().filter_map(|value| code(value));
        let n_categories = codes.max().map_or(1, |largest| largest.saturating_add(1));
        let mut columns: BTreeMap<usize, Feature> = BTreeMap::new();
        let mut place = |entry: &Value, make: &dyn Fn(&str) -> Feature| {
            let column = entry.need_count("flat_feature_index")?;
            let name = if entry.get("feature_id").is_some() { entry.need_text("feature_id")? } else { "" };
            match u32::try_from(column) {
                Ok(number) if columns.insert(column, make(name)).is_none() => Ok(number),
                _ => Err(Error::malformed(format!("column {column} is out of range, or stands there twice"))),
            }
        };
        let (mut numeric, mut categorical) = (Vec::new(), Vec::new());
        for entry in list("float_features")? {
            let above = match entry.need_text("nan_value_treatment")? {
                "AsIs" | "AsFalse" => false,
                "AsTrue" => true,
                other => {
                    return Err(Error::malformed(format!("`nan_value_treatment` is `{}`", short(other))));
                }
            };
            numeric.push((place(entry, &|name| Feature::numeric(name))?, above));
        }
        for entry in list("categorical_features")? {
            categorical.push(place(entry, &|name| Feature::categorical(name, n_categories))?);
        }
        let mut features: Vec<Feature> = columns.values().cloned().collect();
        if columns.last_key_value().is_some_and(|(&last, _)| last + 1 != features.len()) {
            return Err(Error::malformed("the columns are not numbered from 0 on without a gap"));
        }
        // Columns that nobody named have no names there, or their numbers.
        let unnamed = |(column, feature): (usize, &Feature)| {
            feature.name.is_empty() || *feature.name == column.to_string()
        };
        if features.iter().enumerate().all(unnamed) {
            let names = Features::unnamed(features.len());
            features
                .iter_mut()
                .zip(&names)
                .for_each(|(feature, unnamed)| feature.name = unnamed.name.clone());
        }
        Ok(Columns { features: features.try_into()?, numeric, categorical, categories })
    }

    /// What a split asks, and whether those of whom it is true go left.
    fn rule(&self, split: &Value) -> Result<(Rule, bool)> {
        match split.need_text("split_type")? {
            "FloatFeature" => {
                let Some(&(feature, above)) = self.numeric.get(split.need_count("float_feature_index")?)
                else {
                    return Err(Error::malformed("a split asks for a number that is not there"));
                };
                let Value::Number(border) = split.need("border")? else {
                    return Err(Error::malformed("`border` is no number"));
                };
                // What is above the border, as `f32`, is true and goes right.
                let border = *border as f32;
                match at_most(border.next_up()).filter(|_| border.is_finite()) {
                    Some(threshold) => Ok((
                        Rule { feature, question: Question::AtMost(threshold), missing_left: !above },
                        false,
                    )),
                    None => Err(Error::malformed(format!("a border is {border}"))),
                }
            }
            "OneHotFeature" => {
                let Some(&feature) = self.categorical.get(split.need_count("cat_feature_index")?) else {
                    return Err(Error::malformed("a split asks for categories that are not there"));
                };
                let Value::Number(hash) = split.need("value")? else {
                    return Err(Error::malformed("`value` is no number"));
                };
                let category = self.categories.get(&(*hash as i64 as u32)).ok_or_else(|| {
                    Error::unsupported(
                        "the file does not say which category has the hash of a split; save the model with `pool=` as well",
                    )
                })?;
                let Some(code) = code(category) else {
                    return Err(Error::unsupported(format!(
                        "the category `{}` is no whole number without sign and leading zeros, which categories are here; number them \
                         before training",
                        short(category)
                    )));
                };
                Ok((Rule { feature, question: Question::OneOf(vec![code]), missing_left: false }, true))
            }
            "OnlineCtr" => Err(Error::unsupported(
                "it computes statistics of the target for categories (CTR), which are not supported; train with a larger \
                 `one_hot_max_size`, or encode the categories before",
            )),
            other => {
                Err(Error::unsupported(format!("splits of the kind `{}` are not supported", short(other))))
            }
        }
    }
}

/// The number that a category is. CatBoost tells `5`, `05` and `+5` apart, so only one of them may be 5 here.
fn code(category: &str) -> Option<u32> {
    category.parse::<u32>().ok().filter(|code| code.to_string() == category)
}

/// A tree whose levels ask one question each: bit `i` of the number of a leaf is the answer to question `i`.
struct Oblivious<'f> {
    rules: Vec<(Rule, bool)>,
    /// The outputs of each leaf, leaf by leaf.
    values: &'f [f64],
    weights: &'f [f64],
}

impl<'f> Oblivious<'f> {
    fn read(tree: &'f Value, columns: &Columns, n_outputs: usize) -> Result<Self> {
        let splits = match tree.get("splits") {
            None | Some(Value::Null) => &[][..],
            Some(_) => tree.need_list("splits")?,
        };
        let rules = splits.iter().map(|split| columns.rule(split)).collect::<Result<Vec<_>>>()?;
        let values = tree.need_numbers("leaf_values")?;
        let weights =
            if tree.get("leaf_weights").is_some() { tree.need_numbers("leaf_weights")? } else { &[] };
        let n_leaves = 1_usize.checked_shl(rules.len() as u32).unwrap_or(0);
        if n_leaves.checked_mul(n_outputs) != Some(values.len()) || n_leaves == 0 {
            return Err(Error::malformed(format!(
                "{} splits and {n_outputs} outputs do not have {} values of leaves",
                rules.len(),
                values.len()
            )));
        }
        if !weights.is_empty() && weights.len() != n_leaves {
            return Err(Error::malformed(format!("{n_leaves} leaves do not have {} weights", weights.len())));
        }
        Ok(Oblivious { rules, values, weights })
    }

    /// The memory that its sets take: a question is asked by all nodes of a level.
    fn bytes_of_sets(&self, n_outputs: usize) -> usize {
        let n_leaves = self.values.len() / n_outputs;
        let bytes = self.rules.iter().enumerate().map(|(level, (rule, _))| match &rule.question {
            Question::OneOf(set) => {
                let largest = set.iter().max().map_or(0, |&largest| largest as usize);
                (n_leaves >> (level + 1)).saturating_mul(n_outputs).saturating_mul(largest / 8 + 16)
            }
            Question::AtMost(_) => 0,
        });
        bytes.fold(0, usize::saturating_add)
    }

    /// Adds a tree for each output.
    fn add_to(&self, trees: &mut Vec<Tree>, n_features: usize, n_outputs: usize, scale: f64) -> Result<()> {
        for output in 0..n_outputs {
            let mut drafts = Vec::with_capacity(2 * self.values.len() / n_outputs);
            let mut level: Vec<usize> = Vec::new();
            for (leaf, values) in self.values.chunks_exact(n_outputs).enumerate() {
                let weight = self.weights.get(leaf).copied().unwrap_or(0.0);
                level.push(drafts.len());
                drafts.push(Draft {
                    n_rows: weight as u64,
                    weight,
                    gain: 0.0,
                    value: values[output] * scale,
                    split: None,
                });
            }
            // The first question is the lowest bit: of two neighbours the second is where it is true.
            for (rule, true_left) in &self.rules {
                let pairs = level.chunks_exact(2);
                let parents = pairs.map(|pair| {
                    let (left, right) = if *true_left { (pair[1], pair[0]) } else { (pair[0], pair[1]) };
                    drafts.push(joined(&drafts[pair[0]], &drafts[pair[1]], (rule.clone(), left, right)));
                    drafts.len() - 1
                });
                level = parents.collect();
            }
            trees.push(tree_of(&drafts, drafts.len() - 1, n_features)?.0);
        }
        Ok(())
    }
}

/// The node above two, whose value is their mean.
fn joined(one: &Draft, other: &Draft, split: (Rule, usize, usize)) -> Draft {
    let weight = one.weight + other.weight;
    let share = if weight > 0.0 { one.weight / weight } else { 0.5 };
    Draft {
        n_rows: one.n_rows.saturating_add(other.n_rows),
        weight,
        gain: 0.0,
        value: one.value * share + other.value * (1.0 - share),
        split: Some(split),
    }
}
