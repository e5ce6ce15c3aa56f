//! Why a model says what it says.
//!
//! All but [`linear_contributions`] ask the model alone: it is a [`Score`], a number for each row, such as the probability
//! of a class.
//!
//! | question | answer |
//! |---|---|
//! | how much does the model need a feature? | [`PermutationImportance`](crate::PermutationImportance) |
//! | which of many features matter at all? | [`elementary_effects`] |
//! | what did each feature add to this answer? | [`Shap`] (with a [`Partition`] for features that go together), [`linear_contributions`], [`additive_contributions`], [`break_down`] |
//! | how does the answer move with a feature? | [`partial_dependence`], [`accumulated_effects`]; for one row [`ceteris_paribus`] |
//! | what would have to be different for another answer? | [`Counterfactuals`] |
//! | what does the model do, in simple terms? | [`surrogate`]; near one row [`local_line`] |

mod coalitions;
mod counterfactual;
mod dependence;
mod effects;
mod lime;
mod linear;
mod partition;
mod parts;
mod score;
mod screening;
mod shap;
mod surrogate;

pub use counterfactual::{Change, Counterfactual, Counterfactuals};
pub use dependence::{Dependence, Grid, partial_dependence};
pub use effects::{AccumulatedEffects, accumulated_effects};
pub use lime::{LocalLine, local_line};
pub use linear::linear_contributions;
pub use partition::Partition;
pub use parts::{BreakDown, BreakDownStep, additive_contributions, break_down, ceteris_paribus};
pub use score::Score;
pub use screening::{ElementaryEffect, elementary_effects};
pub use shap::{Shap, ShapMethod};
pub use surrogate::{Surrogate, surrogate};
