//! The settings that both trees share.

use perennial_core::{Param, Result};

pub(crate) const MAX_DEPTH: Param =
    Param::integer("max_depth", "the most questions on the way to a leaf").at_least(1.0).search(2.0, 20.0);
pub(crate) const MIN_SAMPLES_SPLIT: Param =
    Param::integer("min_samples_split", "the fewest rows of a node that is split").at_least(2.0);
pub(crate) const MIN_SAMPLES_LEAF: Param =
    Param::integer("min_samples_leaf", "the fewest rows of a leaf").at_least(1.0).search_log(1.0, 100.0);
pub(crate) const MAX_LEAF_NODES: Param = Param::integer("max_leaf_nodes", "the most leaves").at_least(2.0);
pub(crate) const MIN_IMPURITY_DECREASE: Param =
    Param::real("min_impurity_decrease", "the least gain of a split").at_least(0.0);
pub(crate) const MAX_FEATURES: Param =
    Param::integer("max_features", "how many features, drawn at random, a node looks at").at_least(1.0);
pub(crate) const CCP_ALPHA: Param =
    Param::real("ccp_alpha", "the impurity that each leaf must be worth").at_least(0.0);

/// When a node becomes a leaf.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) max_depth: Option<usize>,
    pub(crate) min_samples_split: usize,
    pub(crate) min_samples_leaf: usize,
    pub(crate) max_leaf_nodes: Option<usize>,
    pub(crate) min_impurity_decrease: f64,
    pub(crate) max_features: Option<usize>,
    pub(crate) ccp_alpha: f64,
}

impl Limits {
    pub(crate) fn check(&self) -> Result<()> {
        let optional = |param: &Param, value: Option<usize>| value.map_or(Ok(()), |n| param.check_count(n));
        optional(&MAX_DEPTH, self.max_depth)?;
        MIN_SAMPLES_SPLIT.check_count(self.min_samples_split)?;
        MIN_SAMPLES_LEAF.check_count(self.min_samples_leaf)?;
        optional(&MAX_LEAF_NODES, self.max_leaf_nodes)?;
        MIN_IMPURITY_DECREASE.check(self.min_impurity_decrease)?;
        optional(&MAX_FEATURES, self.max_features)?;
        CCP_ALPHA.check(self.ccp_alpha)
    }

    /// The most leaves of a tree on so many rows.
    pub(crate) fn most_leaves(&self, n_rows: f64) -> f64 {
        let most = |limit: Option<usize>| limit.map_or(f64::INFINITY, |limit| limit as f64);
        (n_rows / self.min_samples_leaf.max(1) as f64)
            .max(1.0)
            .min(most(self.max_leaf_nodes))
            .min(most(self.max_depth).min(64.0).exp2())
    }

    /// Whether a node of so many rows may be split.
    pub(crate) fn may_split(&self, n_rows: usize) -> bool {
        n_rows >= self.min_samples_split && n_rows / 2 >= self.min_samples_leaf
    }
}

/// The settings of a tree: the shared ones and some of its own.
macro_rules! tree_settings {
    ($(#[$doc:meta])* $name:ident, [$($(#[$own_doc:meta])* $own:ident: $type:ty),*]) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($own: $type,)*
            max_depth: Option<usize>,
            min_samples_split: usize,
            min_samples_leaf: usize,
            max_leaf_nodes: Option<usize>,
            min_impurity_decrease: f64,
            max_features: Option<usize>,
            ccp_alpha: f64,
            splits: crate::tree::Splits,
            max_bins: usize,
            monotone: std::collections::BTreeMap<String, crate::tree::Monotone>,
            memory_limit: Option<u64>,
            seed: Option<u64>,
        }

        impl Default for $name {
            fn default() -> Self {
                $name {
                    $($own: Default::default(),)*
                    max_depth: None,
                    min_samples_split: 2,
                    min_samples_leaf: 1,
                    max_leaf_nodes: None,
                    min_impurity_decrease: 0.0,
                    max_features: None,
                    ccp_alpha: 0.0,
                    splits: Default::default(),
                    max_bins: crate::binned::MAX_BINS,
                    monotone: Default::default(),
                    memory_limit: None,
                    seed: None,
                }
            }
        }

        impl $name {
            /// The numeric settings with their ranges.
            pub const PARAMS: &'static [perennial_core::Param] = &[
                limits::MAX_DEPTH,
                limits::MIN_SAMPLES_SPLIT,
                limits::MIN_SAMPLES_LEAF,
                limits::MAX_LEAF_NODES,
                limits::MIN_IMPURITY_DECREASE,
                limits::MAX_FEATURES,
                limits::CCP_ALPHA,
                crate::binned::N_BINS,
            ];

            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }

            $($(#[$own_doc])*
            #[must_use]
            pub fn $own(mut self, $own: $type) -> Self {
                self.$own = $own;
                self
            })*

            /// Sets the most questions on the way to a leaf.
            #[must_use]
            pub fn max_depth(mut self, max_depth: usize) -> Self {
                self.max_depth = Some(max_depth);
                self
            }

            /// Sets the fewest rows of a node that is split.
            #[must_use]
            pub fn min_samples_split(mut self, min_samples_split: usize) -> Self {
                self.min_samples_split = min_samples_split;
                self
            }

            /// Sets the fewest rows of a leaf.
            #[must_use]
            pub fn min_samples_leaf(mut self, min_samples_leaf: usize) -> Self {
                self.min_samples_leaf = min_samples_leaf;
                self
            }

            /// Sets the most leaves; the splits that gain most are kept.
            #[must_use]
            pub fn max_leaf_nodes(mut self, max_leaf_nodes: usize) -> Self {
                self.max_leaf_nodes = Some(max_leaf_nodes);
                self
            }

            /// Sets the least decrease of impurity by a split, times the node's share of the weight.
            #[must_use]
            pub fn min_impurity_decrease(mut self, min_impurity_decrease: f64) -> Self {
                self.min_impurity_decrease = min_impurity_decrease;
                self
            }

            /// Sets how many features, drawn at random from those that vary, each node looks at.
            #[must_use]
            pub fn max_features(mut self, max_features: usize) -> Self {
                self.max_features = Some(max_features);
                self
            }

            /// Sets the strength of minimal cost-complexity pruning.
            #[must_use]
            pub fn ccp_alpha(mut self, ccp_alpha: f64) -> Self {
                self.ccp_alpha = ccp_alpha;
                self
            }

            /// Sets where columns are cut.
            #[must_use]
            pub fn splits(mut self, splits: crate::tree::Splits) -> Self {
                self.splits = splits;
                self
            }

            /// Sets the most bins of a column, where splits are not exact.
            #[must_use]
            pub fn max_bins(mut self, max_bins: usize) -> Self {
                self.max_bins = max_bins;
                self
            }

            /// Makes the answers rise, or fall, along the column of this name.
            #[must_use]
            pub fn monotone(mut self, column: &str, monotone: crate::tree::Monotone) -> Self {
                self.monotone.insert(column.to_owned(), monotone);
                self
            }

            /// Refuses to start where learning could take more than so many bytes beside its input, the tree at its largest
            /// included. Columns that are sorted at the same time count by the number of threads: where there are more, more is
            /// needed.
            #[must_use]
            pub fn memory_limit(mut self, bytes: u64) -> Self {
                self.memory_limit = Some(bytes);
                self
            }

            /// Sets the seed of the draws of features and of random splits.
            #[must_use]
            pub fn seed(mut self, seed: u64) -> Self {
                self.seed = Some(seed);
                self
            }

            /// How the tree is grown from columns in bins; `None` where splits are exact.
            fn histogram(&self) -> perennial_core::Result<Option<crate::tree::histogram::Histogram<'_>>> {
                let histogram = crate::tree::histogram::Histogram {
                    limits: self.limits(),
                    random_cuts: self.splits == crate::tree::Splits::Random,
                    max_bins: self.max_bins,
                    monotone: &self.monotone,
                };
                crate::binned::N_BINS.check_count(self.max_bins)?;
                Ok((self.splits != crate::tree::Splits::Exact).then_some(histogram))
            }

            /// Refuses what would take more memory than is allowed, before it is taken.
            fn check_memory(&self, x: &Matrix, n_values: usize) -> perennial_core::Result<()> {
                let (n_rows, n_cols) = (perennial_core::Rows::n_rows(x), x.n_cols());
                let limits = &self.limits();
                let need = crate::tree::memory::Need { limits, splits: self.splits, n_rows, n_cols, n_values };
                need.check(self.memory_limit)
            }

            fn limits(&self) -> limits::Limits {
                limits::Limits {
                    max_depth: self.max_depth,
                    min_samples_split: self.min_samples_split,
                    min_samples_leaf: self.min_samples_leaf,
                    max_leaf_nodes: self.max_leaf_nodes,
                    min_impurity_decrease: self.min_impurity_decrease,
                    max_features: self.max_features,
                    ccp_alpha: self.ccp_alpha,
                }
            }
        }
    };
}
pub(crate) use tree_settings;
