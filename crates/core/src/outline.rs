//! What a pipeline is made of.

/// A step of a pipeline, as pictures and cards show it; see [`Estimator::outline`](crate::Estimator::outline).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outline {
    /// A step by its name.
    Step(String),
    /// Rows of steps that start from the same input, each with what it takes of it.
    Branches(Vec<(String, Vec<Outline>)>),
}
