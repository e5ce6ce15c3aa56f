//! Answers for rows by models that have not seen them.

use std::borrow::Borrow;

use perennial_core::{Error, Result, ResultExt, Rows, Train};

use crate::folds::Assigned;

/// Hands `work` the rows outside of each fold, and the places and rows inside of it.
pub(super) fn each_fold<X, Y>(
    train: &Train<'_, X, Y>,
    folds: &Assigned,
    mut work: impl FnMut(&Train<'_, X, Y>, &[usize], &X) -> Result<()>,
) -> Result<()>
where
    X: ?Sized + Rows + Sync,
    Y: ?Sized + Rows + Sync,
{
    for fold in 0..folds.n_folds {
        train.ctx.step(fold, folds.n_folds + 1)?;
        let (known, held) = folds.parts(fold);
        let (x, y) = (train.x.take(&known)?, train.y.take(&known)?);
        let weights = train.weights.map(|weights| weights.take(&known)).transpose()?;
        let groups = train.groups.map(|groups| groups.take(&known)).transpose()?;
        let mut own = Train::new(x.borrow(), y.borrow()).context(train.ctx.child(&format!("fold {fold}")));
        own.weights = weights.as_deref();
        own.groups = groups.as_deref();
        if own.weights.is_some_and(|weights| weights.iter().all(|weight| *weight == 0.0)) {
            return Err(Error::insufficient_data(
                "all rows that have weight are in one fold; take fewer folds or give more rows weight",
            ));
        }
        work(&own, &held, train.x.take(&held)?.borrow()).context(format!("fold {fold}"))?;
    }
    Ok(())
}
