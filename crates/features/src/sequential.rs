//! Choosing columns one at a time by a score.

use std::fmt;
use std::marker::PhantomData;

use perennial_core::{Error, Estimator, FitTransform, Matrix, Param, Result, ResultExt, Rows, Train};

use crate::select::SelectModel;

/// Adds the column that raises a score most, and again until there are so many; or begins with all and leaves out the one that is
/// missed least (Whitney, 1971).
///
/// The score is a function of the chosen columns and the target, larger being better: mostly a cross-validation. Of columns with equal
/// scores the first is taken. [`SelectModel::scores`] tells the score when a column was added or left out, and 0 of the others.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_features_to_select` | | >= 1 | how many columns are kept; all, where there are fewer |
/// | `backward` | false | | whether it begins with all columns |
/// | `tol` | none | >= 0 | how much a column must at least raise the score to be added, or, backward, may at most lower it to be left out: then it may stop earlier |
///
/// Backward, `tol` is that of scikit-learn with the other sign.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_features::SequentialFeatureSelector;
///
/// let x = Matrix::from(array![[1.0, 0.0, 4.0], [0.0, 1.0, 4.0]]).with_names(["a", "b", "c"])?;
/// // In use: `|x, y| Ok(cross_validate(&LinearRegression::new(), x, y, &KFold::new(5), &R2)?.mean())`.
/// let select = SequentialFeatureSelector::new(2, |x: &Matrix, _: &Values| Ok(x.dense()?.row(0).sum()));
/// let model = select.fit(&x, &Values::from(vec![0.0, 1.0]))?;
/// assert_eq!(model.kept().collect::<Vec<_>>(), ["a", "c"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub struct SequentialFeatureSelector<Y: ?Sized, S> {
    n_features_to_select: usize,
    score: S,
    backward: bool,
    tol: Option<f64>,
    target: PhantomData<fn(&Y)>,
}

impl<Y: ?Sized, S: Clone> Clone for SequentialFeatureSelector<Y, S> {
    fn clone(&self) -> Self {
        SequentialFeatureSelector { score: self.score.clone(), target: PhantomData, ..*self }
    }
}

impl<Y: ?Sized, S> fmt::Debug for SequentialFeatureSelector<Y, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SequentialFeatureSelector")
            .field("n_features_to_select", &self.n_features_to_select)
            .field("backward", &self.backward)
            .field("tol", &self.tol)
            .finish_non_exhaustive()
    }
}

const N_FEATURES: Param = Param::integer("n_features_to_select", "how many columns are kept").at_least(1.0);
const TOL: Param = Param::real("tol", "how much a column must raise the score, or may lower it")
    .at_least(0.0)
    .at_most(1e100);

impl<Y: ?Sized, S> SequentialFeatureSelector<Y, S> {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_FEATURES, TOL];
}

impl<Y, S> SequentialFeatureSelector<Y, S>
where
    Y: ?Sized + Rows + Sync,
    S: Fn(&Matrix, &Y) -> Result<f64> + Send + Sync,
{
    /// So many columns by this score, beginning with none.
    pub fn new(n_features_to_select: usize, score: S) -> Self {
        SequentialFeatureSelector {
            n_features_to_select,
            score,
            backward: false,
            tol: None,
            target: PhantomData,
        }
    }

    /// Whether it begins with all columns.
    #[must_use]
    pub fn backward(mut self, backward: bool) -> Self {
        self.backward = backward;
        self
    }

    /// How much a column must at least raise the score to be added, or, backward, may at most lower it to be left out.
    #[must_use]
    pub fn tol(mut self, tol: f64) -> Self {
        self.tol = Some(tol);
        self
    }

    fn score_of(&self, train: &Train<'_, Matrix, Y>, columns: &[usize]) -> Result<f64> {
        train.ctx.check()?;
        let x = train.x.select(columns)?;
        let names = || x.features().names().take(8).collect::<Vec<_>>().join(", ");
        let score = (self.score)(&x, train.y).context(format!("scoring the columns {}", names()))?;
        if score.is_nan() {
            return Err(Error::unsupported(format!("the score of the columns {} is NaN", names())));
        }
        Ok(score)
    }
}

impl<Y, S> Estimator for SequentialFeatureSelector<Y, S>
where
    Y: ?Sized + Rows + Sync,
    S: Fn(&Matrix, &Y) -> Result<f64> + Send + Sync,
{
    type Input = Matrix;
    type Target = Y;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Y>) -> Result<SelectModel> {
        N_FEATURES.check_count(self.n_features_to_select)?;
        self.tol.map_or(Ok(()), |tol| TOL.check(tol))?;
        let n_cols = train.x.n_cols();
        let wanted = self.n_features_to_select.min(n_cols);
        let mut kept: Vec<usize> = if self.backward { (0..n_cols).collect() } else { Vec::new() };
        let mut scores = vec![0.0; n_cols];
        let mut current = if self.backward && self.tol.is_some() {
            self.score_of(train, &kept)?
        } else {
            f64::NEG_INFINITY
        };
        while kept.len() != wanted {
            let mut best: Option<(usize, f64)> = None;
            for column in (0..n_cols).filter(|column| kept.contains(column) == self.backward) {
                let mut tried: Vec<usize> = kept.iter().copied().filter(|kept| *kept != column).collect();
                if !self.backward {
                    tried.push(column);
                    tried.sort_unstable();
                }
                let score = self.score_of(train, &tried)?;
                if best.is_none_or(|(_, most)| score > most) {
                    best = Some((column, score));
                }
            }
            let Some((column, score)) = best else { break };
            let least = |tol: f64| if self.backward { -tol } else { tol };
            if self.tol.is_some_and(|tol| score - current < least(tol)) {
                break;
            }
            (current, scores[column]) = (score, score.clamp(-f64::MAX, f64::MAX));
            match self.backward {
                true => kept.retain(|kept| *kept != column),
                false => kept.push(column),
            }
            kept.sort_unstable();
        }
        let none = "no column raises the score by `tol`; set a lower one".to_owned();
        SelectModel::kept_by(train.x.features(), kept, scores, none)
    }
}

impl<Y, S> FitTransform for SequentialFeatureSelector<Y, S>
where
    Y: ?Sized + Rows + Sync,
    S: Fn(&Matrix, &Y) -> Result<f64> + Send + Sync,
{
}
