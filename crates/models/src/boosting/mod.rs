//! Gradient boosting of trees (Friedman, 2001) on binned data (Ke and others, 2017), or on sorted columns.
//!
//! # Which loss
//!
//! | the target | what is wanted | loss |
//! |---|---|---|
//! | a number | its mean | [`RegressionLoss::SquaredError`] |
//! | a number with outliers that are errors | its typical value | [`RegressionLoss::AbsoluteError`] for the median; [`RegressionLoss::Huber`] for nearly the mean, `delta` at the size from which differences look wrong |
//! | a number with outliers | nearly its mean, without a sharp bound | [`RegressionLoss::Fair`] |
//! | a number whose errors count as shares of it | its typical value | [`RegressionLoss::AbsolutePercentageError`]; it leans to low answers |
//! | a number | a bound that a given share stays below | [`RegressionLoss::Quantile`] |
//! | a number | an interval or the whole distribution | [`Quantiles`] |
//! | a count, or a rate with the exposure as weight | its mean | [`RegressionLoss::Poisson`] |
//! | a positive amount whose spread grows with it: a cost, a duration | its mean | [`RegressionLoss::Gamma`] |
//! | an amount that is mostly 0: claims, rain, sales | its mean | [`RegressionLoss::Tweedie`], `power` near 1.5 |
//! | a share or a probability | its mean | [`RegressionLoss::CrossEntropy`] |
//! | one of two classes | its probability | [`ClassificationLoss::Logistic`] |
//! | one of several classes | their probabilities | [`ClassificationLoss::Softmax`] |
//! | one of several classes that do not compete | each against the rest | [`ClassificationLoss::OneVsAll`] |
//! | a rare class among rows that are mostly easy | the order of the rows | [`ClassificationLoss::Focal`]; its probabilities need calibration, and weights of the classes often do as well |
//! | a rare class whose border its few rows do not show | the order of the rows | [`ClassificationLoss::Ldam`], made for networks: on a made table of trees it gained next to nothing over class weights; its probabilities need calibration |
//! | grades of relevance within groups | the top of each group | [`RankingLoss::Lambda`] |
//! | grades of relevance within groups | the whole order | [`RankingLoss::Pairwise`]; [`RankingLoss::XeNdcg`], whose time grows with the rows alone |
//! | a time to an event, that some rows have not had yet | the relative hazard | [`Cox`] |
//! | a time to an event, that some rows have not had yet, or that is known to lie between two times | the time itself | [`AcceleratedFailureTime`] |
//! | anything else | | your own [`Objective`] |
//!
//! Columns of up to 255 values (`max_bins`) keep each in a bin of its own: cuts of those are exact. With `Splits::Exact` all
//! columns are cut between values. Sparse matrices are put into bins without being written out.
//!
//! # Settings
//!
//! All boosters have these; what is their own stands with them.
//!
//! | setting | default | range | meaning |
//! |---|---|---|---|
//! | `n_trees` | 100 | 1 to 1e6 | the most rounds; each adds one tree for each score |
//! | `learning_rate` | 0.1 | > 0 | how much of its step each tree takes |
//! | `max_leaves` | 31 | 2 to 131072 | the most leaves of a tree; see [`Growth::Symmetric`] |
//! | `max_depth` | none | >= 1 | the most questions on the way to a leaf; 6, and at most 16, with [`Growth::Symmetric`] |
//! | `growth` | `LeafWise` | see [`Growth`] | which leaf is split next |
//! | `min_samples_leaf` | 20 | >= 1 | the fewest rows of a leaf |
//! | `min_child_weight` | 0.001 | >= 0 | the least sum of second derivatives of a leaf |
//! | `l1`, `l2` | 0, 1 | >= 0 | the penalties on the magnitude and on the square of leaves |
//! | `min_gain` | 0 | >= 0 | the least gain of a split |
//! | `path_smoothing` | 0 | >= 0 | the rows by which a leaf is pulled to its parent |
//! | `max_delta_step` | 0 | >= 0 | the largest magnitude of a leaf before the learning rate; 0 for any |
//! | `splits` | `Histogram` | see [`Splits`] | whether columns are cut between bins or between any two values |
//! | `extra_trees` | false | | whether each node cuts each column at one random place alone |
//! | `columns_by_tree`, `columns_by_level`, `columns_by_node` | 1 | above 0, to 1 | the share of the columns that each looks at |
//! | `row_sampling` | `All` | see [`RowSampling`] | which rows each tree learns from |
//! | `bagging_freq` | 1 | >= 1 | the rounds after which rows are drawn anew |
//! | `mode` | `Gradient` | see [`Mode`] | how trees are added up |
//! | `base_score` | the best constant | any | the score that all rows start from |
//! | `max_bins` | 255 | 2 to 255 | the most bins of a column |
//! | `enable_bundle` | true | | whether columns of which no row has more than one, such as categories one by one, are learned from together: the same trees, sooner |
//! | `category_smoothing`, `category_l2` | 10, 10 | >= 0 | what is added to the second derivatives of a category, and to the penalty where categories are split |
//! | `max_categories` | 32 | >= 1 | the most categories on one side of a split |
//! | `max_cat_to_onehot` | 4 | >= 1 | up to so many categories in a node, each stands against the rest |
//! | `monotone` | none | names | along which columns the score rises, or falls; not with more than two classes |
//! | `monotone_method` | `Basic` | see [`MonotoneMethod`] | how leaves are held to `monotone` |
//! | `interactions` | all | lists of names | which columns may stand on one path |
//! | `feature_cost` | none | names, >= 0 | what is taken from the gains of splits by a column that the model does not use yet |
//! | `split_cost` | 0 | >= 0 | what is taken from the gain of a split for each row of the leaf |
//! | `offset`, `offsets` | none | names | the column that is added to the scores, not with more than two classes; or one for each score |
//! | `patience` | 50 | >= 1, none | the rounds without improvement on the validation set after which boosting stops |
//! | `min_improvement` | 0 | >= 0 | by how much a metric must beat its best value to improve |
//! | `watch` | the loss | metrics | what is watched on the validation set |
//! | `time_limit` | none | any | ends learning after the round in which it passes, and keeps the model |
//! | `memory_limit` | none | bytes | refuses to start where learning would take more, the bins of sparse columns included |
//! | `seed` | that of the context | any | of all draws, and of the rounding of derivatives |
//! | `loss` of regressors and rankers | squared error; `Lambda` | see above | what is made smaller |
//! | `latest` of regressors | none | a name | the column of the latest times of [`AcceleratedFailureTime`] |
//! | `levels` of quantiles | 0.1, 0.5, 0.9 | (0, 1), rising | the share of targets below each answer |
//! | `focal` of classifiers | none | `gamma` >= 0, `alpha` in (0, 1) | the focal loss instead of the logarithmic one |
//! | `one_vs_all` of classifiers | false | | one logistic loss for each of several classes instead of `Softmax` |
//! | `max_margin` of classifiers, set by `ldam` | none | 0 to 30 | label-distribution-aware margins instead of the logarithmic loss |
//! | `class_weight` of classifiers | `None` | see [`ClassWeight`](crate::ClassWeight) | how much the rows of each class count |

mod booster;
mod builders;
mod class_objective;
mod classifier;
mod combine;
mod concordance;
mod constraints;
mod costs;
mod engine;
mod explain;
mod follow;
mod groups;
mod inputs;
mod latest;
mod losses;
mod metric;
mod monotone;
mod objective;
mod one_row;
mod plan;
mod quantile_regressor;
mod ranker;
mod refit;
mod regressor;
mod sampling;
mod settings;
mod stopping;
mod symmetric;
mod together;

pub use crate::tree::Splits;
pub use booster::{Booster, History};
pub use class_objective::{ClassObjective, StandardLoss};
pub use classifier::{GradientBoostingClassifier, GradientBoostingClassifierModel};
pub use groups::Groups;
pub use losses::{
    AcceleratedFailureTime, ClassificationLoss, Cox, Quantiles, RankingLoss, RegressionLoss, TimeDistribution,
};
pub use metric::{BoostingMetric, Watch, Watched};
pub use monotone::MonotoneMethod;
pub use objective::{Labels, Objective};
pub use quantile_regressor::{GradientBoostingQuantileRegressor, GradientBoostingQuantileRegressorModel};
pub use ranker::{GradientBoostingRanker, GradientBoostingRankerModel};
pub use regressor::{GradientBoostingRegressor, GradientBoostingRegressorModel};
pub use settings::{Growth, Mode, Monotone, RowSampling};
pub use stopping::{StopReason, Stopper};
