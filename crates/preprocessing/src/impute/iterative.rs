//! Missing numbers predicted from the other columns.

use ndarray::{Array2, ArrayRef2, Axis};
use perennial_core::{
    Capabilities, Decided, Error, Estimator, FeatureKind, Features, FitTransform, Matrix, NoTarget,
    OutputSchema, Param, Predictor, Result, ResultExt, Train, Transformer, Values,
};
use perennial_data::{Change, ChangeKind};
use serde::{Deserialize, Serialize};

use crate::cells::changes;
use crate::decided;
use crate::moments::Moments;
use crate::schema;

/// Predicts the missing numbers of each column from all other columns, in rounds (van Buuren and
/// Groothuis-Oudshoorn, 2011): at first every missing cell is the mean of its column; then column after column, the
/// one with the fewest missing cells first, an estimator learns from the rows that have a value and predicts the rest.
///
/// Any estimator of numbers does: a Bayesian ridge regression gives the default of scikit-learn's `IterativeImputer`,
/// a random forest gives missForest (Stekhoven and Buehlmann, 2012). The model keeps one fitted estimator for each
/// column and round, and fills other rows by the same steps. A column in which every value is missing is an error.
///
/// A column without a gap in the training rows has no estimator: a gap that another row has in it gets the mean of the column (as with `skip_complete` in
/// scikit-learn). A gap in codes of categories ([`FeatureKind::Categorical`]), of which there is no mean, is an error: fill those first, with
/// [`CategoryImputer`](super::CategoryImputer) or [`SimpleImputer::mode`](super::SimpleImputer::mode).
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `estimator` | | | what predicts a column from the others |
/// | `max_iter` | 10 | 1 to 1000 | most rounds |
/// | `tolerance` | 0.001 | >= 0 | the change of a round, as a share of the largest number, at which to stop |
/// | `clip` | false | | whether predictions are cut to the range of the values of their column |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// # use perennial_core::{Predictor, Result, Train, Values, Rows};
/// # #[derive(Clone, serde::Serialize, serde::Deserialize)] struct Ridge;
/// # #[derive(Clone, serde::Serialize, serde::Deserialize)] struct Line(f64);
/// # impl Estimator for Ridge { type Input = Matrix; type Target = Values; type Model = Line;
/// #   fn fit_on(&self, t: &Train<'_, Matrix, Values>) -> Result<Line> {
/// #     let x = t.x.dense()?; let (mut a, mut b) = (0.0, 0.0);
/// #     for (x, y) in x.column(0).iter().zip(t.y.as_slice()) { a += x * y; b += x * x; } Ok(Line(a / b)) } }
/// # impl Predictor for Line { type Input = Matrix; type Output = Values;
/// #   fn predict(&self, x: &Matrix) -> Result<Values> { Ok(x.dense()?.column(0).iter().map(|x| self.0 * x).collect()) } }
/// use perennial_preprocessing::IterativeImputer;
///
/// let x = Matrix::from(array![[1.0, 2.0], [2.0, 4.0], [3.0, f64::NAN], [4.0, 8.0]]);
/// let filled = IterativeImputer::new(Ridge).fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(filled.dense()?[[2, 1]], 6.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IterativeImputer<E> {
    estimator: E,
    max_iter: usize,
    tolerance: f64,
    clip: bool,
}

const MAX_ITER: Param = Param::integer("max_iter", "most rounds").at_least(1.0).at_most(1000.0);
const TOLERANCE: Param =
    Param::real("tolerance", "the change of a round at which to stop, as a share of the largest number")
        .at_least(0.0);

impl<E> IterativeImputer<E> {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[MAX_ITER, TOLERANCE];

    /// Columns are predicted by this estimator, in at most ten rounds.
    pub fn new(estimator: E) -> Self {
        IterativeImputer { estimator, max_iter: 10, tolerance: 1e-3, clip: false }
    }

    /// Most rounds.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// The change of a round at which to stop, as a share of the largest number.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Whether predictions are cut to the range of the values of their column.
    #[must_use]
    pub fn clip(mut self, clip: bool) -> Self {
        self.clip = clip;
        self
    }

    fn check(&self) -> Result<()> {
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)
    }
}

impl<E> Estimator for IterativeImputer<E>
where
    E: Estimator<Input = Matrix, Target = Values, Model: Predictor<Input = Matrix, Output = Values>>,
{
    type Input = Matrix;
    type Target = NoTarget;
    type Model = IterativeImputerModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<Self::Model> {
        Ok(self.fit_transform_on(train)?.0)
    }

    fn capabilities(&self) -> Capabilities {
        let missing = Capabilities::new().missing();
        if self.estimator.capabilities().weights { missing.weights() } else { missing }
    }
}

impl<E> FitTransform for IterativeImputer<E>
where
    E: Estimator<Input = Matrix, Target = Values, Model: Predictor<Input = Matrix, Output = Values>>,
{
    fn fit_transform_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<(Self::Model, Matrix)> {
        self.check()?;
        let x = train.x.dense()?;
        let features = train.x.features();
        let moments = Moments::of(x, train.weights);
        let empty = (0..x.ncols()).find(|&column| moments.weight[column] <= 0.0);
        if let Some(column) = empty {
            return Err(Error::insufficient_data(format!(
                "every value of column `{}` is missing, so nothing can be learned of it; leave it out, or fill it with a constant",
                features.name(column)
            )));
        }
        let holes = Holes::of(x);
        holes.check_codes(features)?;
        let mut model = IterativeImputerModel {
            features: features.clone(),
            missing: holes.missing.iter().map(Vec::len).collect(),
            means: moments.mean.clone(),
            ranges: self.clip.then(|| moments.min.iter().copied().zip(moments.max.iter().copied()).collect()),
            rounds: Vec::new(),
        };
        let mut filled = model.start(x);
        // Nothing to learn from where there is no other column.
        let order = if x.ncols() > 1 { holes.order() } else { Vec::new() };
        let scale =
            moments.min.iter().chain(&moments.max).fold(0.0_f64, |scale, value| scale.max(value.abs()));
        let rounds = if order.is_empty() { 0 } else { self.max_iter };
        for round in 0..rounds {
            train.ctx.step(round, rounds)?;
            let mut change = 0.0_f64;
            let mut models = Vec::with_capacity(order.len());
            for &column in &order {
                let ctx = train.ctx.child(&format!("round{round}/{}", features.name(column)));
                let known = holes.known(column);
                let (others, y) = (others(features, &filled, column, &known)?, pick(x, column, &known));
                let weights = train.weights.map(|all| known.iter().map(|&row| all[row]).collect::<Vec<_>>());
                let y = Values::from(y);
                let mut inner = Train::new(&others, &y).context(ctx);
                inner.weights = weights.as_deref();
                let fitted = inner.fit(&self.estimator).context(place(features, column))?;
                change = change.max(model.predict(&fitted, &mut filled, column, &holes.missing[column])?);
                models.push((column, fitted));
            }
            model.rounds.push(models);
            if change <= self.tolerance * scale {
                break;
            }
        }
        let filled = Matrix::from(filled).with_features(features.clone())?;
        Ok((model, filled))
    }

    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        schema::mixed_columns(x)
    }
}

fn place(features: &Features, column: usize) -> String {
    format!("column `{}`", features.name(column))
}

/// Which cells of each column are missing.
pub(super) struct Holes {
    n_rows: usize,
    missing: Vec<Vec<usize>>,
}

impl Holes {
    pub(super) fn of(x: &ArrayRef2<f64>) -> Self {
        let mut missing = vec![Vec::new(); x.ncols()];
        for (row, cells) in x.rows().into_iter().enumerate() {
            for (missing, _) in missing.iter_mut().zip(cells).filter(|(_, cell)| cell.is_nan()) {
                missing.push(row);
            }
        }
        Holes { n_rows: x.nrows(), missing }
    }

    /// Refuses gaps in codes of categories.
    fn check_codes(&self, features: &Features) -> Result<()> {
        let is_code = |column: usize| matches!(features.kind(column), FeatureKind::Categorical { .. });
        let gap = (0..self.missing.len()).find(|&column| !self.missing[column].is_empty() && is_code(column));
        gap.map_or(Ok(()), |column| {
            Err(Error::unsupported(format!(
                "column `{}` has codes of categories, and what is predicted is no code; fill its gaps first, with `CategoryImputer` before \
                 they are codes or with `SimpleImputer::mode()`",
                features.name(column)
            )))
        })
    }

    /// The columns with missing cells, those with the fewest first.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> =
            (0..self.missing.len()).filter(|&column| !self.missing[column].is_empty()).collect();
        order.sort_by_key(|&column| self.missing[column].len());
        order
    }

    /// The rows that have none.
    pub(super) fn missing(&self, column: usize) -> &[usize] {
        &self.missing[column]
    }

    /// The rows that have a value.
    pub(super) fn known(&self, column: usize) -> Vec<usize> {
        let mut missing = self.missing[column].iter().peekable();
        (0..self.n_rows).filter(|row| missing.next_if(|next| *next == row).is_none()).collect()
    }
}

fn pick(x: &ArrayRef2<f64>, column: usize, rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|&row| x[[row, column]]).collect()
}

/// Some rows of all columns but one.
fn others(features: &Features, filled: &Array2<f64>, column: usize, rows: &[usize]) -> Result<Matrix> {
    let n_cols = filled.ncols();
    let mut cells = Vec::with_capacity(rows.len() * (n_cols - 1));
    for &row in rows {
        let row = filled.index_axis(Axis(0), row);
        cells.extend(row.iter().take(column).chain(row.iter().skip(column + 1)));
    }
    let cells = Array2::from_shape_vec((rows.len(), n_cols - 1), cells).map_err(Error::other)?;
    let kept =
        features.iter().enumerate().filter(|(other, _)| *other != column).map(|(_, kept)| kept.clone());
    Matrix::from(cells).with_features(kept.collect::<Vec<_>>().try_into()?)
}

/// A fitted [`IterativeImputer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IterativeImputerModel<M> {
    features: Features,
    missing: Vec<usize>,
    means: Vec<f64>,
    ranges: Option<Vec<(f64, f64)>>,
    /// For each round the columns in their order, and what predicts them.
    rounds: Vec<Vec<(usize, M)>>,
}

impl<M> IterativeImputerModel<M> {
    /// How many cells of each column were filled in the training rows.
    pub fn changes(&self) -> Vec<Change> {
        changes(&self.features, ChangeKind::Filled, &self.missing)
    }

    /// How many rounds there were.
    pub fn n_iterations(&self) -> usize {
        self.rounds.len()
    }

    /// Every missing cell filled by the mean of its column.
    fn start(&self, x: &ArrayRef2<f64>) -> Array2<f64> {
        let mut filled = x.to_owned();
        for mut row in filled.rows_mut() {
            row.iter_mut()
                .zip(&self.means)
                .filter(|(cell, _)| cell.is_nan())
                .for_each(|(cell, mean)| *cell = *mean);
        }
        filled
    }
}

impl<M: Predictor<Input = Matrix, Output = Values>> IterativeImputerModel<M> {
    /// Predicts some cells of a column, and says how much the one that moved most did.
    fn predict(&self, fitted: &M, filled: &mut Array2<f64>, column: usize, rows: &[usize]) -> Result<f64> {
        if rows.is_empty() {
            return Ok(0.0);
        }
        let answers = fitted.predict(&others(&self.features, filled, column, rows)?);
        let answers = answers.context(place(&self.features, column))?;
        let mut change = 0.0_f64;
        for (&row, &answer) in rows.iter().zip(answers.as_slice()) {
            let answer = match &self.ranges {
                Some(ranges) => answer.clamp(ranges[column].0, ranges[column].1),
                None => answer,
            };
            change = change.max((filled[[row, column]] - answer).abs());
            filled[[row, column]] = answer;
        }
        Ok(change)
    }
}

impl<M: Predictor<Input = Matrix, Output = Values>> Transformer for IterativeImputerModel<M> {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let x = x.dense()?;
        let holes = Holes::of(x);
        holes.check_codes(&self.features)?;
        let mut filled = self.start(x);
        for (column, fitted) in self.rounds.iter().flatten() {
            self.predict(fitted, &mut filled, *column, &holes.missing[*column])?;
        }
        Matrix::from(filled).with_features(self.features.clone())
    }

    fn decided(&self) -> Vec<Decided> {
        let what =
            format!("missing cells are predicted from the other columns in {} rounds", self.rounds.len());
        decided::of_changes(
            self,
            &self.changes(),
            &what,
            "a model of each column that has missing training cells",
        )
    }
}
