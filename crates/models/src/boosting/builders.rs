//! The builders of all boosters.

/// The builders of all boosters.
macro_rules! shared_settings {
    () => {
        /// Sets the most rounds; each adds one tree for each score.
        #[must_use]
        pub fn n_trees(mut self, n_trees: usize) -> Self {
            self.settings.n_trees = n_trees;
            self
        }

        /// Sets how much of its step each tree takes.
        #[must_use]
        pub fn learning_rate(mut self, learning_rate: f64) -> Self {
            self.settings.learning_rate = learning_rate;
            self
        }

        /// Sets the most leaves of a tree.
        #[must_use]
        pub fn max_leaves(mut self, max_leaves: usize) -> Self {
            self.settings.max_leaves = max_leaves;
            self
        }

        /// Sets the most questions on the way to a leaf.
        #[must_use]
        pub fn max_depth(mut self, max_depth: usize) -> Self {
            self.settings.max_depth = Some(max_depth);
            self
        }

        /// Sets which leaf is split next.
        #[must_use]
        pub fn growth(mut self, growth: $crate::boosting::Growth) -> Self {
            self.settings.growth = growth;
            self
        }

        /// Sets the fewest rows of a leaf.
        #[must_use]
        pub fn min_samples_leaf(mut self, min_samples_leaf: usize) -> Self {
            self.settings.min_samples_leaf = min_samples_leaf;
            self
        }

        /// Sets the least sum of second derivatives of a leaf.
        #[must_use]
        pub fn min_child_weight(mut self, min_child_weight: f64) -> Self {
            self.settings.min_child_weight = min_child_weight;
            self
        }

        /// Sets the penalty on the magnitude of leaves.
        #[must_use]
        pub fn l1(mut self, l1: f64) -> Self {
            self.settings.l1 = l1;
            self
        }

        /// Sets the penalty on the square of leaves.
        #[must_use]
        pub fn l2(mut self, l2: f64) -> Self {
            self.settings.l2 = l2;
            self
        }

        /// Sets the least gain of a split.
        #[must_use]
        pub fn min_gain(mut self, min_gain: f64) -> Self {
            self.settings.min_gain = min_gain;
            self
        }

        /// Sets by how many rows a leaf is pulled to the output of its parent.
        #[must_use]
        pub fn path_smoothing(mut self, path_smoothing: f64) -> Self {
            self.settings.path_smoothing = path_smoothing;
            self
        }

        /// Sets the largest magnitude of a leaf before the learning rate, for each score; 0 for any. What splits gain is measured by
        /// leaves that keep to it. It holds back the first rounds where classes are rare or counts large.
        #[must_use]
        pub fn max_delta_step(mut self, max_delta_step: f64) -> Self {
            self.settings.max_delta_step = max_delta_step;
            self
        }

        /// Sets where columns are cut: between bins, or with [`Splits::Exact`]($crate::tree::Splits::Exact) between any two values
        /// that differ in the rows of a node, as the `exact` method of XGBoost does. Exact cuts take several times the time and are
        /// seldom better on many rows; they need a dense matrix, neither bins nor sparse rows. Categories are all told apart, however
        /// many there are. `max_bins` and `enable_bundle` then have no effect, and `extra_trees` is refused, as is
        /// [`Splits::Random`]($crate::tree::Splits::Random), which in boosting is `extra_trees`.
        #[must_use]
        pub fn splits(mut self, splits: $crate::tree::Splits) -> Self {
            self.settings.splits = splits;
            self
        }

        /// Sets whether each node cuts each column at one place alone, drawn between the lowest and the highest bin there, and takes
        /// the best of these cuts (Geurts, Ernst and Wehenkel, 2006): faster, and trees that differ more. Of categories one is drawn
        /// where each stands against the rest, else the number on the left.
        #[must_use]
        pub fn extra_trees(mut self, extra_trees: bool) -> Self {
            self.settings.extra_trees = extra_trees;
            self
        }

        /// Sets the share of columns, drawn at random, that a tree looks at.
        #[must_use]
        pub fn columns_by_tree(mut self, share: f64) -> Self {
            self.settings.columns_by_tree = share;
            self
        }

        /// Sets the share of the columns of the tree that each level looks at.
        #[must_use]
        pub fn columns_by_level(mut self, share: f64) -> Self {
            self.settings.columns_by_level = share;
            self
        }

        /// Sets the share of the columns of the level that each node looks at.
        #[must_use]
        pub fn columns_by_node(mut self, share: f64) -> Self {
            self.settings.columns_by_node = share;
            self
        }

        /// Sets which rows each tree learns from.
        #[must_use]
        pub fn row_sampling(mut self, row_sampling: $crate::boosting::RowSampling) -> Self {
            self.settings.row_sampling = row_sampling;
            self
        }

        /// Sets after how many rounds rows are drawn anew; the trees of all scores in a round share their rows. Not with
        /// [`RowSampling::Gradient`]($crate::boosting::RowSampling::Gradient) or forests.
        #[must_use]
        pub fn bagging_freq(mut self, rounds: usize) -> Self {
            self.settings.bagging_freq = rounds;
            self
        }

        /// Sets how trees are added up.
        #[must_use]
        pub fn mode(mut self, mode: $crate::boosting::Mode) -> Self {
            self.settings.mode = mode;
            self
        }

        /// Sets the most bins of a column, beside that of missing values.
        #[must_use]
        pub fn max_bins(mut self, max_bins: usize) -> Self {
            self.settings.max_bins = max_bins;
            self
        }

        /// Sets whether columns of which no row has more than one, such as categories one by one, are learned from together: faster,
        /// with the same trees to the bit.
        #[must_use]
        pub fn enable_bundle(mut self, enable_bundle: bool) -> Self {
            self.settings.enable_bundle = enable_bundle;
            self
        }

        /// Sets what is added to the second derivatives of each category when categories are ordered.
        #[must_use]
        pub fn category_smoothing(mut self, smoothing: f64) -> Self {
            self.settings.category_smoothing = smoothing;
            self
        }

        /// Sets what is added to `l2` where categories are split.
        #[must_use]
        pub fn category_l2(mut self, l2: f64) -> Self {
            self.settings.category_l2 = l2;
            self
        }

        /// Sets the most categories on one side of a split.
        #[must_use]
        pub fn max_categories(mut self, max_categories: usize) -> Self {
            self.settings.max_categories = max_categories;
            self
        }

        /// Sets up to how many categories in a node each stands against the rest, without `category_l2`; more are put in order.
        #[must_use]
        pub fn max_cat_to_onehot(mut self, max_cat_to_onehot: usize) -> Self {
            self.settings.max_cat_to_onehot = max_cat_to_onehot;
            self
        }

        /// Makes the score follow a column in one direction only; not with more than two classes, whose probabilities would not
        /// follow it.
        #[must_use]
        pub fn monotone(mut self, column: &str, monotone: $crate::boosting::Monotone) -> Self {
            self.settings.monotone.retain(|(name, _)| name != column);
            self.settings.monotone.push((column.to_owned(), monotone));
            self
        }

        /// Sets how leaves are held to [`monotone`](Self::monotone).
        #[must_use]
        pub fn monotone_method(mut self, method: $crate::boosting::MonotoneMethod) -> Self {
            self.settings.monotone_method = method;
            self
        }

        /// Lets these columns interact with each other. Once called, columns that are in no common set do not meet on a way
        /// from the root to a leaf.
        #[must_use]
        pub fn interaction<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
            self.settings.interactions.push(columns.into_iter().map(Into::into).collect());
            self
        }

        /// Sets what a column costs, such as a measurement that must be paid for: it is taken from the gain of splits by this column
        /// until a tree of the model uses it (cost-effective gradient boosting; Peter, Diego, Hamprecht and Nadler, 2017).
        /// Gains are sums over rows: with squared error, a split by a column of cost 50 is taken where it lowers the sum of
        /// squares by 50 more than the best other split. Which columns are used is seen after each round, so that each split of a tree
        /// is asked to pay; with `Growth::Symmetric` each level pays once, whatever its leaves. The gains of the fitted trees are what is
        /// left. A column of [`offset`](Self::offset) or `latest` is never asked, and a cost of it is refused.
        #[must_use]
        pub fn feature_cost(mut self, column: &str, cost: f64) -> Self {
            self.settings.feature_cost.retain(|(name, _)| name != column);
            self.settings.feature_cost.push((column.to_owned(), cost));
            self
        }

        /// Sets what is taken from the gain of each split for each row that it asks: trees whose questions are worth their time.
        #[must_use]
        pub fn split_cost(mut self, cost: f64) -> Self {
            self.settings.split_cost = cost;
            self
        }

        /// Names a column whose value is added to the score of each row, such as the logarithm of an exposure. It is asked
        /// nothing, and must be there in predictions too. Not with more than two classes, as what is the same for all of them
        /// changes no probability: these take [`offsets`](Self::offsets).
        #[must_use]
        pub fn offset(self, column: &str) -> Self {
            self.offsets([column])
        }

        /// Names the columns that are added to the scores of each row, where it has several: one for each class that has rows, in
        /// their order, or for each quantile. As for [`offset`](Self::offset), they are asked nothing.
        #[must_use]
        pub fn offsets<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
            self.settings.offset = columns.into_iter().map(Into::into).collect();
            self
        }

        /// Stops after so many rounds in which no watched metric improves on the validation set; `None` for never.
        #[must_use]
        pub fn patience(mut self, patience: impl Into<Option<usize>>) -> Self {
            self.settings.patience = patience.into();
            self
        }

        /// Sets by how much a watched metric must beat its best value to count as improved.
        #[must_use]
        pub fn min_improvement(mut self, min_improvement: f64) -> Self {
            self.settings.min_improvement = min_improvement;
            self
        }

        /// Refuses to start where learning would take more than so many bytes beside its input.
        ///
        /// Sets of categories, which take a bit for each code up to their highest, are counted while trees grow; where no limit is set,
        /// those of all trees may take 1 GiB.
        #[must_use]
        pub fn memory_limit(mut self, bytes: u64) -> Self {
            self.settings.memory_limit = Some(bytes);
            self
        }

        /// Sets the score that all rows start from, on the scale of scores: a logarithm or log-odds where answers are not scores. The
        /// best constant where nothing is set. With several scores for a row it is that of each.
        #[must_use]
        pub fn base_score(mut self, base_score: f64) -> Self {
            self.settings.base_score = Some(base_score);
            self
        }

        /// Ends learning after the round in which so much time has passed, and keeps what was learned: at least one round.
        /// [`Booster::stop_reason`]($crate::boosting::Booster::stop_reason) tells. Of all settings this one alone makes the model
        /// depend on how fast the machine is.
        #[must_use]
        pub fn time_limit(mut self, limit: std::time::Duration) -> Self {
            self.settings.time_limit = Some(limit);
            self
        }

        /// Sets the seed of all draws: of rows, columns and trees, and of the rounding of derivatives, so that another seed
        /// gives a slightly other model even where nothing is sampled.
        #[must_use]
        pub fn seed(mut self, seed: u64) -> Self {
            self.settings.seed = Some(seed);
            self
        }
    };
}
pub(crate) use shared_settings;
