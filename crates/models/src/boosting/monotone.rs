//! How trees are held to directions.

use serde::{Deserialize, Serialize};

/// How leaves are held to [`Monotone`](super::Monotone). The model keeps to it either way.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::GradientBoostingRegressor;
/// use perennial_models::boosting::{Monotone, MonotoneMethod};
///
/// let x = Matrix::from(Array2::from_shape_fn((200, 1), |(row, _)| row as f64));
/// let y: Values = (0..200).map(|row| f64::from(row / 50 + row % 3)).collect();
/// let settings = GradientBoostingRegressor::new().monotone("x0", Monotone::Increasing);
/// let model = settings.monotone_method(MonotoneMethod::Intermediate).fit(&x, &y)?;
/// assert!(model.predict(&x)?.as_slice().is_sorted());
/// # Ok::<(), perennial_core::Error>(())
/// ```
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
