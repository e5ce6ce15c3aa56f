//! What a step will make of columns, told before it learns.

use crate::{Estimator, Result, Transformer};

/// What columns a step will make, as far as its settings and the columns of its input tell; see
/// [`FitTransform::transform_schema`](crate::FitTransform::transform_schema).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputSchema<O> {
    /// The columns are known.
    Known {
        /// The output, with its columns and without rows. A categorical column without categories
        /// ([`FeatureKind`](crate::FeatureKind)) is one whose number of categories is learned.
        output: O,
        /// As [`Transformer::sources`] of the model will say.
        sources: Option<Vec<Vec<usize>>>,
    },
    /// They depend on the rows.
    AfterFit {
        /// The step that must learn first.
        step: String,
        /// What of the rows decides.
        why: String,
    },
}

impl<O> OutputSchema<O> {
    /// Only learning tells what `step` makes.
    pub fn after_fit(step: &(impl Estimator + ?Sized), why: impl Into<String>) -> Self {
        OutputSchema::AfterFit { step: step.steps().join(" -> "), why: why.into() }
    }

    /// What a model makes of `x`, which has no rows: for steps whose model is known before they learn, as far as columns go.
    ///
    /// # Errors
    /// When it does not take these columns.
    pub fn of<M>(model: &M, x: &M::Input) -> Result<Self>
    where
        M: Transformer<Output = O> + ?Sized,
    {
        Ok(OutputSchema::Known { output: model.transform(x)?, sources: model.sources() })
    }

    /// What the step after this one makes.
    ///
    /// # Errors
    /// As `next`.
    pub(crate) fn then<P>(self, next: impl FnOnce(&O) -> Result<OutputSchema<P>>) -> Result<OutputSchema<P>> {
        let (output, first) = match self {
            OutputSchema::Known { output, sources } => (output, sources),
            OutputSchema::AfterFit { step, why } => return Ok(OutputSchema::AfterFit { step, why }),
        };
        Ok(match next(&output)? {
            OutputSchema::Known { output, sources } => {
                OutputSchema::Known { output, sources: through(first, sources) }
            }
            after => after,
        })
    }
}

/// The sources of two steps in a row.
pub(crate) fn through(
    first: Option<Vec<Vec<usize>>>,
    next: Option<Vec<Vec<usize>>>,
) -> Option<Vec<Vec<usize>>> {
    let first = first?;
    let of = |columns: Vec<usize>| {
        columns.into_iter().map(|column| first.get(column).cloned()).collect::<Option<Vec<_>>>()
    };
    let next = next?.into_iter().map(of).collect::<Option<Vec<_>>>()?;
    Some(next.into_iter().map(|columns| columns.concat()).collect())
}
