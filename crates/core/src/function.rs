//! Steps made from functions.

use std::fmt;
use std::marker::PhantomData;

use crate::{Capabilities, Estimator, FitTransform, Result, Rows, Train, Transformer};

/// An estimator made from a function that fits.
///
/// ```
/// use perennial_core::{Estimator, Matrix, NoTarget, Rows, Train, Transformer, estimator_fn, transformer_fn};
///
/// // Learns the mean of the first column and subtracts it.
/// let centre = estimator_fn(|train: &Train<'_, Matrix, NoTarget>| {
///     let mean = train.x.dense()?.column(0).mean().unwrap_or(0.0);
///     Ok(transformer_fn(move |x: &Matrix| Ok(Matrix::from(x.dense()?.mapv(|value| value - mean)))))
/// });
/// let x = Matrix::from(ndarray::array![[1.0], [3.0]]);
/// assert_eq!(centre.fit(&x, &NoTarget)?.transform(&x)?.dense()?[[0, 0]], -1.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn estimator_fn<X, Y, M, F>(fit: F) -> EstimatorFn<X, Y, F>
where
    X: ?Sized + Rows + Sync,
    Y: ?Sized + Rows + Sync,
    M: Send + Sync,
    F: Fn(&Train<'_, X, Y>) -> Result<M> + Send + Sync,
{
    EstimatorFn { fit, takes: Capabilities::new(), of: PhantomData }
}

/// A transformer made from a function; [`frozen`](Transformer::frozen) makes it a step of a pipeline.
///
/// ```
/// use perennial_core::{Matrix, Transformer, transformer_fn};
///
/// let double = transformer_fn(|x: &Matrix| Ok(Matrix::from(x.dense()?.mapv(|value| 2.0 * value))));
/// let x = Matrix::from(ndarray::array![[1.5]]);
/// assert_eq!(double.transform(&x)?.dense()?[[0, 0]], 3.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn transformer_fn<X, O, F>(transform: F) -> TransformerFn<X, F>
where
    X: ?Sized + Rows + Sync,
    O: Rows + Send + Sync,
    F: Fn(&X) -> Result<O> + Send + Sync,
{
    TransformerFn { transform, of: PhantomData }
}

/// See [`estimator_fn`].
pub struct EstimatorFn<X: ?Sized, Y: ?Sized, F> {
    fit: F,
    takes: Capabilities,
    #[expect(clippy::type_complexity, reason = "a marker that is Send and Sync whatever X and Y are")]
    of: PhantomData<(fn(&X), fn(&Y))>,
}

impl<X: ?Sized, Y: ?Sized, F> EstimatorFn<X, Y, F> {
    /// Declares what the function takes beyond finite dense numbers; without it, nothing.
    #[must_use]
    pub fn takes(mut self, capabilities: Capabilities) -> Self {
        self.takes = capabilities;
        self
    }
}

impl<X, Y, M, F> Estimator for EstimatorFn<X, Y, F>
where
    X: ?Sized + Rows + Sync,
    Y: ?Sized + Rows + Sync,
    M: Send + Sync,
    F: Fn(&Train<'_, X, Y>) -> Result<M> + Send + Sync,
{
    type Input = X;
    type Target = Y;
    type Model = M;

    fn fit_on(&self, train: &Train<'_, X, Y>) -> Result<M> {
        (self.fit)(train)
    }

    fn capabilities(&self) -> Capabilities {
        self.takes
    }
}

impl<X, Y, M, F> FitTransform for EstimatorFn<X, Y, F>
where
    X: ?Sized + Rows + Sync,
    Y: ?Sized + Rows + Sync,
    M: Transformer<Input = X>,
    F: Fn(&Train<'_, X, Y>) -> Result<M> + Send + Sync,
{
}

/// See [`transformer_fn`].
pub struct TransformerFn<X: ?Sized, F> {
    transform: F,
    of: PhantomData<fn(&X)>,
}

impl<X, O, F> Transformer for TransformerFn<X, F>
where
    X: ?Sized + Rows + Sync,
    O: Rows + Send + Sync,
    F: Fn(&X) -> Result<O> + Send + Sync,
{
    type Input = X;
    type Output = O;

    fn transform(&self, x: &X) -> Result<O> {
        (self.transform)(x)
    }
}

impl<X: ?Sized, Y: ?Sized, F: Clone> Clone for EstimatorFn<X, Y, F> {
    fn clone(&self) -> Self {
        EstimatorFn { fit: self.fit.clone(), takes: self.takes, of: PhantomData }
    }
}

impl<X: ?Sized, F: Clone> Clone for TransformerFn<X, F> {
    fn clone(&self) -> Self {
        TransformerFn { transform: self.transform.clone(), of: PhantomData }
    }
}

impl<X: ?Sized, Y: ?Sized, F> fmt::Debug for EstimatorFn<X, Y, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EstimatorFn")
    }
}

impl<X: ?Sized, F> fmt::Debug for TransformerFn<X, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransformerFn")
    }
}
