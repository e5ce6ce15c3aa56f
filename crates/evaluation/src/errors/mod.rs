//! Where a model errs, and why.
//!
//! | question | answer |
//! |---|---|
//! | for whom is it worse? | [`score_slices`](crate::score_slices) for parts that are declared, [`SliceFinder`] for parts that are found |
//! | which rows are the worst? | [`worst_rows`] |
//! | which classes are taken for which? | [`confusions`] |
//! | which labels are likely wrong? | [`LabelIssues`] |
//! | what do the residuals still depend on? | [`residual_patterns`] |
//! | what if the data were worse? | [`stress`] |

mod discover;
mod labels;
mod residuals;
mod stress;
mod worst;

pub use discover::{Condition, DiscoveredSlices, SliceFinder};
pub use labels::{LabelIssue, LabelIssues};
pub use residuals::{ResidualPattern, ResidualPatterns, residual_patterns};
pub use stress::{Disturbance, StressCurve, StressPoint, stress};
pub use worst::{Confusion, WorstRow, confusions, worst_rows};
