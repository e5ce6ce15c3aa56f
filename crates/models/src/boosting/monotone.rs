//! How trees are held to directions.

use serde::{Deserialize, Serialize};

/// How leaves are held to [`Monotone`](super::Monotone). The model keeps to it either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonotoneMethod {
    /// Both sides of a cut are bounded by the middle of what they say.
    #[default]
    Basic,
    /// A leaf is bounded by what the leaves on the other side of the cuts above it say, and looks for its best split again when they
    /// are split: slower, and less is given up (the method of this name in LightGBM, which bounds a leaf by those that it touches;
    /// here all leaves of the other side count).
    Intermediate,
}
