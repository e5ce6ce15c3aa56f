//! The settings that all boosters share.

use std::time::Duration;

use perennial_core::{Capabilities, Error, Param, Result};
use serde::{Deserialize, Serialize};

use super::constraints::Constraints;
use super::costs;
use super::monotone::MonotoneMethod;
use crate::binned::Binner;
use crate::tree::Splits;

const N_TREES: Param = Param::integer("n_trees", "the most rounds; each adds one tree for each score")
    .at_least(1.0)
    .at_most(1e6)
    .search_log(50.0, 2000.0);
const LEARNING_RATE: Param =
    Param::real("learning_rate", "how much of its step each tree takes").above(0.0).search_log(0.01, 0.3);
const MAX_LEAVES: Param = Param::integer("max_leaves", "the most leaves of a tree")
    .at_least(2.0)
    .at_most(131_072.0)
    .search_log(7.0, 255.0);
const MAX_DEPTH: Param = Param::integer("max_depth", "the most questions on the way to a leaf").at_least(1.0);
const MIN_SAMPLES_LEAF: Param =
    Param::integer("min_samples_leaf", "the fewest rows of a leaf").at_least(1.0).search_log(1.0, 200.0);
const MIN_CHILD_WEIGHT: Param =
    Param::real("min_child_weight", "the least sum of second derivatives of a leaf").at_least(0.0);
const L1: Param = Param::real("l1", "the penalty on the magnitude of leaves").at_least(0.0);
const L2: Param =
    Param::real("l2", "the penalty on the square of leaves").at_least(0.0).search_log(1e-3, 100.0);
pub(super) const MIN_GAIN: Param = Param::real("min_gain", "the least gain of a split").at_least(0.0);
const PATH_SMOOTHING: Param =
    Param::real("path_smoothing", "the rows by which a leaf is pulled to its parent").at_least(0.0);
const MAX_DELTA_STEP: Param =
    Param::real("max_delta_step", "the largest magnitude of a leaf before the learning rate; 0 for any")
        .at_least(0.0);
const COLUMNS_BY_TREE: Param =
    Param::real("columns_by_tree", "the share of columns that a tree looks at").above(0.0).at_most(1.0);
const COLUMNS_BY_LEVEL: Param =
    Param::real("columns_by_level", "the share of those that a level looks at").above(0.0).at_most(1.0);
const COLUMNS_BY_NODE: Param =
    Param::real("columns_by_node", "the share of those that a node looks at").above(0.0).at_most(1.0);
const CATEGORY_SMOOTHING: Param =
    Param::real("category_smoothing", "the second derivatives added to each category when they are ordered")
        .at_least(0.0);
const CATEGORY_L2: Param =
    Param::real("category_l2", "the penalty on the square of leaves added where categories are split")
        .at_least(0.0);
const MAX_CATEGORIES: Param =
    Param::integer("max_categories", "the most categories on one side of a split").at_least(1.0);
const MAX_CAT_TO_ONEHOT: Param = Param::integer(
    "max_cat_to_onehot",
    "the most categories of a node of which each stands against the rest",
)
.at_least(1.0);
const BAGGING_FREQ: Param =
    Param::integer("bagging_freq", "the rounds after which rows are drawn anew").at_least(1.0);
const PATIENCE: Param =
    Param::integer("patience", "the rounds without improvement after which boosting stops").at_least(1.0);
const MIN_IMPROVEMENT: Param =
    Param::real("min_improvement", "a metric improves when it beats its best value by more than this")
        .at_least(0.0);

/// Which leaf is split next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// The one that gains most, wherever it is.
    #[default]
    LeafWise,
    /// The one that gains most among the least deep.
    DepthWise,
    /// All leaves of a level by the same question, that whose gains are largest together: symmetric, or oblivious, trees, as CatBoost
    /// grows them (Prokhorenkova and others, 2018). They fit more slowly and so learn less by heart.
    ///
    /// `max_depth` is the number of levels: 6 where none is set, at most 16. `max_leaves` does not decide: its default is not looked at, and
    /// one that is less than 2^`max_depth` is refused. `columns_by_node` is refused, as the leaves of a level share their question;
    /// `columns_by_level` draws for it. Missing values go to the side that is better for the level, and categories are ordered and chosen
    /// by all its leaves together. With `extra_trees` a level cuts each column at one place.
    ///
    /// A leaf of which the question would make a side with fewer rows than `min_samples_leaf`, less weight than
    /// `min_child_weight`, or answers against `monotone`, gains nothing by it and is not split by it; it waits for the question of the
    /// next level. So a tree has up to 2^`max_depth` leaves, and each way down asks questions of the levels in their order. What a
    /// level must gain, `min_gain`, is the sum over its leaves.
    Symmetric,
}

/// Which rows each tree learns from.
// Saved settings hold the numbers of variants: new ones go to the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RowSampling {
    /// All of them.
    #[default]
    All,
    /// A share of them, drawn anew every [`bagging_freq`](crate::GradientBoostingRegressor::bagging_freq) rounds, as are
    /// strata and groups. Shares are rounded to whole rows.
    Fraction(f64),
    /// Those with the largest first derivatives, and some of the rest, which count more for it (GOSS; Ke and others,
    /// 2017).
    Gradient {
        /// The share of rows with the largest derivatives, all of which are taken.
        top: f64,
        /// The share of rows that is drawn from the rest.
        rest: f64,
    },
    /// The same share of the rows of each target, which must be whole numbers from 0 to 65535, such as the codes of classes: no
    /// class is left out by chance, and each keeps at least one row.
    Stratified(f64),
    /// One share of the rows whose target is above 0, the second of two classes, and another of the rest; each
    /// of the two keeps at least one row.
    PositiveNegative {
        /// The share of the rows whose target is above 0.
        positive: f64,
        /// The share of the others.
        negative: f64,
    },
    /// A share of the groups of [`Train`](perennial_core::Train), such as queries or customers, with all rows of each;
    /// at least one group. There must be two groups or more.
    Groups(f64),
}

/// How trees are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Mode {
    /// Each tree corrects the sum of those before it.
    #[default]
    Gradient,
    /// Each tree corrects the sum of those before it but for a few, drawn at random (Rashmi and Gilad-Bachrach, 2015).
    /// Rounds never stop early, since later rounds change earlier trees.
    Dart {
        /// The probability with which each tree is left out.
        drop_rate: f64,
        /// The probability with which no tree is left out in a round.
        skip: f64,
        /// The most trees that are left out.
        max_dropped: usize,
    },
    /// Trees do not know of each other and their mean is taken, so that the learning rate has no effect. Without a share of the
    /// rows or of the columns for each tree all would be alike, which is refused.
    Forest,
}

/// The way in which answers may follow a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monotone {
    /// A larger value never lowers the score.
    Increasing,
    /// A larger value never raises the score.
    Decreasing,
}

/// What all boosters are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) n_trees: usize,
    pub(crate) learning_rate: f64,
    pub(crate) max_leaves: usize,
    pub(crate) max_depth: Option<usize>,
    pub(crate) growth: Growth,
    pub(crate) min_samples_leaf: usize,
    pub(crate) min_child_weight: f64,
    pub(crate) l1: f64,
    pub(crate) l2: f64,
    pub(crate) min_gain: f64,
    pub(crate) path_smoothing: f64,
    pub(crate) max_delta_step: f64,
    pub(crate) splits: Splits,
    pub(crate) extra_trees: bool,
    pub(crate) columns_by_tree: f64,
    pub(crate) columns_by_level: f64,
    pub(crate) columns_by_node: f64,
    pub(crate) row_sampling: RowSampling,
    pub(crate) bagging_freq: usize,
    pub(crate) mode: Mode,
    pub(crate) max_bins: usize,
    pub(crate) category_smoothing: f64,
    pub(crate) category_l2: f64,
    pub(crate) max_categories: usize,
    pub(crate) max_cat_to_onehot: usize,
    pub(crate) monotone: Vec<(String, Monotone)>,
    pub(crate) monotone_method: MonotoneMethod,
    pub(crate) interactions: Vec<Vec<String>>,
    pub(crate) offset: Vec<String>,
    pub(crate) patience: Option<usize>,
    pub(crate) min_improvement: f64,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) seed: Option<u64>,
    pub(crate) base_score: Option<f64>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) enable_bundle: bool,
    pub(crate) feature_cost: Vec<(String, f64)>,
    pub(crate) split_cost: f64,
    pub(crate) latest: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            n_trees: 100,
            learning_rate: 0.1,
            max_leaves: 31,
            max_depth: None,
            growth: Growth::default(),
            min_samples_leaf: 20,
            min_child_weight: 1e-3,
            l1: 0.0,
            l2: 1.0,
            min_gain: 0.0,
            path_smoothing: 0.0,
            max_delta_step: 0.0,
            splits: Splits::Histogram,
            extra_trees: false,
            columns_by_tree: 1.0,
            columns_by_level: 1.0,
            columns_by_node: 1.0,
            row_sampling: RowSampling::default(),
            bagging_freq: 1,
            mode: Mode::default(),
            max_bins: 255,
            category_smoothing: 10.0,
            category_l2: 10.0,
            max_categories: 32,
            max_cat_to_onehot: 4,
            monotone: Vec::new(),
            monotone_method: MonotoneMethod::default(),
            interactions: Vec::new(),
            offset: Vec::new(),
            patience: Some(50),
            min_improvement: 0.0,
            memory_limit: None,
            seed: None,
            base_score: None,
            time_limit: None,
            enable_bundle: true,
            feature_cost: Vec::new(),
            split_cost: 0.0,
            latest: None,
        }
    }
}

impl Settings {
    pub(crate) const PARAMS: &'static [Param] = &[
        N_TREES,
        LEARNING_RATE,
        MAX_LEAVES,
        MAX_DEPTH,
        MIN_SAMPLES_LEAF,
        MIN_CHILD_WEIGHT,
        L1,
        L2,
        MIN_GAIN,
        PATH_SMOOTHING,
        MAX_DELTA_STEP,
        COLUMNS_BY_TREE,
        COLUMNS_BY_LEVEL,
        COLUMNS_BY_NODE,
        BAGGING_FREQ,
        crate::binned::N_BINS,
        CATEGORY_SMOOTHING,
        CATEGORY_L2,
        MAX_CATEGORIES,
        MAX_CAT_TO_ONEHOT,
        PATIENCE,
        MIN_IMPROVEMENT,
        costs::SPLIT_COST,
    ];

    pub(crate) fn check(&self) -> Result<()> {
        N_TREES.check_count(self.n_trees)?;
        LEARNING_RATE.check(self.learning_rate)?;
        MAX_LEAVES.check_count(self.max_leaves)?;
        self.max_depth.map_or(Ok(()), |depth| MAX_DEPTH.check_count(depth))?;
        MIN_SAMPLES_LEAF.check_count(self.min_samples_leaf)?;
        MIN_CHILD_WEIGHT.check(self.min_child_weight)?;
        L1.check(self.l1)?;
        L2.check(self.l2)?;
        MIN_GAIN.check(self.min_gain)?;
        PATH_SMOOTHING.check(self.path_smoothing)?;
        MAX_DELTA_STEP.check(self.max_delta_step)?;
        COLUMNS_BY_TREE.check(self.columns_by_tree)?;
        COLUMNS_BY_LEVEL.check(self.columns_by_level)?;
        COLUMNS_BY_NODE.check(self.columns_by_node)?;
        CATEGORY_SMOOTHING.check(self.category_smoothing)?;
        CATEGORY_L2.check(self.category_l2)?;
        MAX_CATEGORIES.check_count(self.max_categories)?;
        MAX_CAT_TO_ONEHOT.check_count(self.max_cat_to_onehot)?;
        BAGGING_FREQ.check_count(self.bagging_freq)?;
        self.patience.map_or(Ok(()), |patience| PATIENCE.check_count(patience))?;
        MIN_IMPROVEMENT.check(self.min_improvement)?;
        self.check_symmetric()?;
        self.check_costs()?;
        let share = |name: &'static str, value: f64| {
            Param::real(name, "a share of the rows").above(0.0).at_most(1.0).check(value)
        };
        match self.row_sampling {
            RowSampling::All => {}
            RowSampling::Fraction(fraction) => share("fraction", fraction)?,
            RowSampling::Stratified(fraction) => share("stratified", fraction)?,
            RowSampling::Groups(fraction) => share("groups", fraction)?,
            RowSampling::PositiveNegative { positive, negative } => {
                share("positive", positive)?;
                share("negative", negative)?;
            }
            RowSampling::Gradient { top, rest } => {
                share("top", top)?;
                share("rest", rest)?;
                if top + rest > 1.0 {
                    return Err(Error::unsupported(format!(
                        "`row_sampling` takes {top} and {rest} of the rows, together more than all of them"
                    )));
                }
            }
        }
        self.check_splits()?;
        if self.bagging_freq > 1 {
            let other = match (self.row_sampling, self.mode) {
                (RowSampling::Gradient { .. }, _) => {
                    "`RowSampling::Gradient`, which looks at the derivatives of each round;"
                }
                (RowSampling::All, _) => {
                    "`RowSampling::All`, which draws no rows; set `row_sampling` to a share of them, or"
                }
                (_, Mode::Forest) => "`Mode::Forest`, whose trees would be alike;",
                _ => "",
            };
            if !other.is_empty() {
                return Err(Error::unsupported(format!(
                    "`bagging_freq` = {} does not go with {other} leave it at 1",
                    self.bagging_freq
                )));
            }
        }
        if let Mode::Dart { drop_rate, skip, max_dropped } = self.mode {
            let probability =
                |name: &'static str| Param::real(name, "a probability").at_least(0.0).at_most(1.0);
            probability("drop_rate").check(drop_rate)?;
            probability("skip").check(skip)?;
            Param::integer("max_dropped", "the most trees left out")
                .at_least(1.0)
                .check_count(max_dropped)?;
        }
        if let Some(base) = self.base_score
            && !base.is_finite()
        {
            return Err(Error::invalid_param("base_score", base, "a finite number"));
        }
        Ok(())
    }

    /// Refuses a forest of equal trees, which may ask `n_cols` columns. `fewer_rows`: whether each draws fewer than all rows.
    pub(crate) fn check_forest(&self, n_cols: usize, fewer_rows: bool) -> Result<()> {
        if self.mode == Mode::Forest && self.n_trees > 1 && !fewer_rows && !self.samples_columns(n_cols) {
            return Err(Error::unsupported(format!(
                "the trees of `Mode::Forest` would all be alike: set `row_sampling` so that fewer than all rows are drawn, \
                 `extra_trees`, or one of `columns_by_tree`, `columns_by_level` and `columns_by_node` so that fewer than all \
                 {n_cols} columns are drawn"
            )));
        }
        Ok(())
    }

    /// Whether trees, which may ask `n_cols` columns, see other columns or cuts each. A share that is rounded to all of them
    /// leaves none out.
    pub(crate) fn samples_columns(&self, n_cols: usize) -> bool {
        let fewer = |share: f64| ((n_cols as f64 * share).round().max(1.0) as usize) < n_cols;
        self.extra_trees
            || [self.columns_by_tree, self.columns_by_level, self.columns_by_node].into_iter().any(fewer)
    }

    /// What all boosters but rankers take beside rows and targets.
    pub(crate) fn capabilities(&self) -> Capabilities {
        let all = Capabilities::new().weights().missing().categorical().validation();
        let all = if self.is_exact() { all } else { all.sparse() };
        if self.draws_groups() { all.groups() } else { all }
    }

    /// Whether cuts are made between values, not bins.
    pub(crate) fn is_exact(&self) -> bool {
        self.splits == Splits::Exact
    }

    /// Whether leaves look for their best split again when others were split.
    pub(crate) fn looks_again(&self, constraints: &Constraints) -> bool {
        self.monotone_method == MonotoneMethod::Intermediate && constraints.bound()
    }

    /// Whether a node of so many rows, at this depth, may have children.
    pub(crate) fn may_split(&self, n_rows: usize, depth: usize) -> bool {
        n_rows / 2 >= self.min_samples_leaf && self.max_depth.is_none_or(|max| depth < max)
    }

    /// Whether leaves are more than steps of Newton with an L2 penalty.
    pub(crate) fn is_full(&self, constraints: &Constraints) -> bool {
        self.l1 > 0.0 || self.path_smoothing > 0.0 || self.max_delta_step > 0.0 || constraints.bound()
    }

    /// The groups of rows, where rows are drawn by them.
    pub(crate) fn used<'a>(&self, groups: Option<&'a [u32]>) -> Option<&'a [u32]> {
        groups.filter(|_| self.draws_groups())
    }

    /// Whether rows are drawn by the groups that they belong to.
    pub(crate) fn draws_groups(&self) -> bool {
        matches!(self.row_sampling, RowSampling::Groups(_))
    }

    /// The largest magnitude of a leaf before the learning rate.
    pub(crate) fn most_step(&self) -> f64 {
        self.most_step_in(1.0)
    }

    /// As [`most_step`](Settings::most_step), in units of so much each: none where the unit leaves the range of numbers.
    pub(crate) fn most_step_in(&self, unit: f64) -> f64 {
        let most = self.max_delta_step / unit;
        if self.max_delta_step > 0.0 && !most.is_nan() { most } else { f64::INFINITY }
    }

    /// Refuses to go on where `parts`, in bytes, are more than is allowed together.
    pub(crate) fn check_memory(&self, parts: &[u64], what: impl Fn() -> String, remedy: &str) -> Result<()> {
        let needed = parts.iter().fold(0, |sum: u64, &part| sum.saturating_add(part));
        match self.memory_limit {
            Some(limit) if needed > limit => Err(Error::too_large(format!(
                "{} may take {needed} bytes, more than `memory_limit` = {limit}; {remedy}",
                what()
            ))),
            _ => Ok(()),
        }
    }

    pub(crate) fn binner(&self) -> Binner {
        let binner = Binner::new().max_bins(self.max_bins);
        self.seed.map_or(binner.clone(), |seed| binner.seed(seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_without_unit_are_free() {
        assert_eq!(Settings::default().most_step_in(f64::INFINITY), f64::INFINITY);
        let bound = Settings { max_delta_step: 2.0, ..Settings::default() };
        assert_eq!((bound.most_step_in(4.0), bound.most_step_in(f64::NAN)), (0.5, f64::INFINITY));
    }
}
