//! The settings that all forests share.

use perennial_core::Param;

pub(super) const N_TREES: Param = Param::integer("n_trees", "the number of trees")
    .at_least(1.0)
    .at_most(100_000.0)
    .search_log(50.0, 1000.0);
pub(super) const MAX_SAMPLES: Param =
    Param::real("max_samples", "how many rows a tree draws, as a share of all").above(0.0).at_most(1.0);

/// The settings of a forest: the shared ones and some of its own.
macro_rules! forest_settings {
    (
        $(#[$doc:meta])* $name:ident, $random_cuts:expr, $bootstrap:expr, $max_features:expr,
        $keeps_rows:expr, [$($(#[$own_doc:meta])* $own:ident: $type:ty),*]
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            n_trees: usize,
            $($own: $type,)*
            max_depth: Option<usize>,
            min_samples_split: usize,
            min_samples_leaf: usize,
            max_leaf_nodes: Option<usize>,
            min_impurity_decrease: f64,
            max_features: MaxFeatures,
            ccp_alpha: f64,
            monotone: std::collections::BTreeMap<String, crate::tree::Monotone>,
            bootstrap: bool,
            max_samples: Option<f64>,
            out_of_bag: bool,
            max_bins: usize,
            memory_limit: Option<u64>,
            time_limit: Option<std::time::Duration>,
            seed: Option<u64>,
        }

        impl Default for $name {
            fn default() -> Self {
                $name {
                    n_trees: 100,
                    $($own: Default::default(),)*
                    max_depth: None,
                    min_samples_split: 2,
                    min_samples_leaf: 1,
                    max_leaf_nodes: None,
                    min_impurity_decrease: 0.0,
                    max_features: $max_features,
                    ccp_alpha: 0.0,
                    monotone: Default::default(),
                    bootstrap: $bootstrap,
                    max_samples: None,
                    out_of_bag: false,
                    max_bins: crate::binned::MAX_BINS,
                    memory_limit: None,
                    time_limit: None,
                    seed: None,
                }
            }
        }

        impl $name {
            /// The numeric settings with their ranges.
            pub const PARAMS: &'static [perennial_core::Param] = &[
                settings::N_TREES,
                limits::MAX_DEPTH,
                limits::MIN_SAMPLES_SPLIT,
                limits::MIN_SAMPLES_LEAF,
                limits::MAX_LEAF_NODES,
                limits::MIN_IMPURITY_DECREASE,
                MaxFeatures::PARAMS[0],
                MaxFeatures::PARAMS[1],
                limits::CCP_ALPHA,
                settings::MAX_SAMPLES,
                crate::binned::N_BINS,
            ];

            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets the number of trees.
            #[must_use]
            pub fn n_trees(mut self, n_trees: usize) -> Self {
                self.n_trees = n_trees;
                self
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

            /// Sets the fewest rows of a node that is split; a row that was drawn twice is one.
            #[must_use]
            pub fn min_samples_split(mut self, min_samples_split: usize) -> Self {
                self.min_samples_split = min_samples_split;
                self
            }

            /// Sets the fewest rows of a leaf; a row that was drawn twice is one.
            #[must_use]
            pub fn min_samples_leaf(mut self, min_samples_leaf: usize) -> Self {
                self.min_samples_leaf = min_samples_leaf;
                self
            }

            /// Sets the most leaves of a tree; the splits that gain most come first.
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

            /// Sets how many columns, drawn at random from those that vary, each node looks at.
            #[must_use]
            pub fn max_features(mut self, max_features: MaxFeatures) -> Self {
                self.max_features = max_features;
                self
            }

            /// Sets the strength of minimal cost-complexity pruning.
            #[must_use]
            pub fn ccp_alpha(mut self, ccp_alpha: f64) -> Self {
                self.ccp_alpha = ccp_alpha;
                self
            }

            /// Makes the answers rise, or fall, along the column of this name.
            #[must_use]
            pub fn monotone(mut self, column: &str, monotone: crate::tree::Monotone) -> Self {
                self.monotone.insert(column.to_owned(), monotone);
                self
            }

            /// Sets whether each tree draws its rows with replacement, or takes each row once.
            #[must_use]
            pub fn bootstrap(mut self, bootstrap: bool) -> Self {
                self.bootstrap = bootstrap;
                self
            }

            /// Sets how many rows each tree draws, as a share of all rows that count.
            #[must_use]
            pub fn max_samples(mut self, max_samples: f64) -> Self {
                self.max_samples = Some(max_samples);
                self
            }

            /// Sets whether rows are predicted by the trees that did not draw them, as an honest estimate.
            #[must_use]
            pub fn out_of_bag(mut self, out_of_bag: bool) -> Self {
                self.out_of_bag = out_of_bag;
                self
            }

            /// Sets the most bins of a column, beside that of missing values.
            #[must_use]
            pub fn max_bins(mut self, max_bins: usize) -> Self {
                self.max_bins = max_bins;
                self
            }

            /// Refuses to start where learning could take more than so many bytes beside its input, the trees at their largest
            /// included, and what it takes to write them where states are kept on the disk. Trees that grow at the same time count by
            /// the number of threads: where there are more, more is needed.
            #[must_use]
            pub fn memory_limit(mut self, bytes: u64) -> Self {
                self.memory_limit = Some(bytes);
                self
            }

            /// Begins no more trees once so much time has passed, and keeps those that were grown: at least as many as there are
            /// threads, and the first ones of those that would have been grown. Of all settings this one alone makes the model depend
            /// on how fast the machine is.
            #[must_use]
            pub fn time_limit(mut self, limit: std::time::Duration) -> Self {
                self.time_limit = Some(limit);
                self
            }

            /// Sets the seed of all draws.
            #[must_use]
            pub fn seed(mut self, seed: u64) -> Self {
                self.seed = Some(seed);
                self
            }

            fn limits(&self, n_cols: usize) -> limits::Limits {
                limits::Limits {
                    max_depth: self.max_depth,
                    min_samples_split: self.min_samples_split,
                    min_samples_leaf: self.min_samples_leaf,
                    max_leaf_nodes: self.max_leaf_nodes,
                    min_impurity_decrease: self.min_impurity_decrease,
                    max_features: Some(self.max_features.of(n_cols)),
                    ccp_alpha: self.ccp_alpha,
                }
            }

            /// Refuses what would take more memory than is allowed, before it is taken.
            fn check_memory(
                &self,
                [n_rows, n_cols]: [usize; 2],
                n_values: usize,
                n_before: usize,
                from_matrix: bool,
                ctx: &perennial_core::Context,
            ) -> Result<()> {
                let need = crate::forest::memory::Need {
                    limits: &self.limits(n_cols),
                    n_rows,
                    n_cols,
                    n_trees: self.n_trees.saturating_add(n_before),
                    n_values,
                    share: self.max_samples.unwrap_or(1.0),
                    from_matrix,
                    random_cuts: $random_cuts,
                    out_of_bag: self.out_of_bag,
                    keeps_rows: $keeps_rows,
                    keeps_checkpoints: ctx.keeps_checkpoints(),
                };
                need.check(self.memory_limit)
            }

            /// Growing begins now, from nothing.
            fn start<'m>(&self) -> Start<'m> {
                let now = std::time::Instant::now();
                let deadline = self.time_limit.and_then(|limit| now.checked_add(limit));
                Start { before: &[], out_of_bag: None, deadline }
            }

            /// The columns in bins.
            fn bins<Y>(
                &self,
                train: &Train<'_, Matrix, Y>,
                n_values: usize,
                start: &Start<'_>,
            ) -> Result<Binned> {
                crate::binned::N_BINS.check_count(self.max_bins)?;
                self.check_settings(train.x.n_cols())?;
                let shape = [perennial_core::Rows::n_rows(train.x), train.x.n_cols()];
                self.check_memory(shape, n_values, start.before.len(), true, &train.ctx)?;
                let mut binner = Binner::new().max_bins(self.max_bins);
                if let Some(seed) = self.seed {
                    binner = binner.seed(seed);
                }
                let mut columns = Train::new(train.x, &NoTarget).context(train.ctx.child("bins"));
                columns.weights = train.weights;
                Ok(binner.fit_transform_on(&columns)?.1)
            }

            /// The bins cut again, where small nodes make use of that.
            fn parts<'a, Y>(
                &self,
                train: &Train<'a, Matrix, Y>,
                binned: &Binned,
            ) -> Result<Option<Fine<'a>>> {
                let fine = || Fine::new(train.x.dense()?, binned, train.weights, &train.ctx);
                if $random_cuts { Ok(None) } else { fine().map(Some) }
            }

            /// Refuses settings that cannot be, before anything is reckoned from them.
            fn check_settings(&self, n_cols: usize) -> Result<()> {
                settings::N_TREES.check_count(self.n_trees)?;
                self.max_features.check()?;
                self.max_samples.map_or(Ok(()), |share| settings::MAX_SAMPLES.check(share))?;
                self.limits(n_cols).check()?;
                if self.out_of_bag && !self.bootstrap && self.max_samples.is_none() {
                    return Err(Error::unsupported(
                        "`out_of_bag` needs rows that a tree did not draw; set `bootstrap`, or `max_samples` below 1",
                    ));
                }
                Ok(())
            }

            /// Checks the settings, and says how trees are grown.
            fn plan<'a>(
                &self,
                binned: &'a Binned,
                fine: Option<Fine<'a>>,
                n_values: usize,
                start: Start<'a>,
                ctx: &perennial_core::Context,
            ) -> Result<Forest<'a>> {
                self.check_settings(binned.n_cols())?;
                let limits = self.limits(binned.n_cols());
                let shape = [perennial_core::Rows::n_rows(binned), binned.n_cols()];
                self.check_memory(shape, n_values, start.before.len(), false, ctx)?;
                let monotone = directions(&self.monotone, binned.features())?;
                let random_cuts = $random_cuts.then(|| crate::tree::in_bins::ByRows::new(binned));
                let plan = Plan { binned, fine, limits, random_cuts, monotone };
                let settings = perennial_core::to_bytes(&(stringify!($name), self))?;
                Forest::new(plan, self.n_trees, n_values, self.out_of_bag, start, settings)
            }
        }
    };
}
pub(super) use forest_settings;
