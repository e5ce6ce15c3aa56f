//! Where a model errs, and why.
//!
//! | question | answer |
//! |---|---|
//! | for whom is it worse? | [`score_slices`](crate::score_slices) for parts that are declared, [`SliceFinder`] for parts that are found |
//! | which groups are bad alike, and what might help each? | [`ErrorTree`], [`candidate_fixes`] |
//! | which rows are the worst? | [`worst_rows`] |
//! | what did the model learn from that is like them? | [`nearest_rows`] |
//! | what is each row worth that it learns from? | [`data_valuation`] |
//! | which classes are taken for which? | [`confusions`] |
//! | which labels are likely wrong? | [`LabelIssues`] |
//! | what do the residuals still depend on? | [`residual_patterns`] |
//! | what if the data were worse? | [`Stress`] |

mod discover;
mod fixes;
mod halves;
mod labels;
mod nearest;
mod residuals;
mod stress;
mod tree;
mod valuation;
mod worst;

pub use discover::{Condition, DiscoveredSlices, SliceFinder};
pub use fixes::{Fix, candidate_fixes};
pub use labels::{LabelIssue, LabelIssues};
pub use nearest::{NearRow, NearestRows, nearest_rows};
pub use residuals::{ResidualPattern, ResidualPatterns, residual_patterns};
pub use stress::{Disturbance, Stress, StressCurve, StressPoint};
pub use tree::{ErrorGroup, ErrorGroups, ErrorTree};
pub use valuation::data_valuation;
pub use worst::{Confusion, WorstRow, confusions, worst_rows};
