//! Missing numbers predicted from the other columns.

use ndarray::{Array2, ArrayRef2, Axis};
use perennial_core::{
    Capabilities, Classes, Decided, Error, ErrorKind, Estimator, Features, FitTransform, Matrix, NoTarget,
    OutputSchema, Param, Predictor, Result, ResultExt, Train, Transformer, Values,
};
use perennial_data::{Change, ChangeKind};
use serde::{Deserialize, Serialize};

use super::code_classes::{NoClassifier, NoClassifierModel, class_code, classes_of, is_code};
use super::moved::Moved;
use crate::cells::changes;
use crate::decided;
use crate::moments::Moments;
use crate::schema;
use crate::stats::{mode, sorted};

/// Predicts the missing numbers of each column from all other columns, in rounds (van Buuren and
/// Groothuis-Oudshoorn, 2011): at first every missing cell is the mean of its column; then column after column, the
/// one with the fewest missing cells first, an estimator learns from the rows that have a value and predicts the rest.
///
/// Any estimator of numbers does: a Bayesian ridge regression gives the default of scikit-learn's `IterativeImputer`. The model keeps one fitted
/// estimator for each column and round, and fills other rows by the same steps. A column in which every value is missing is an error.
///
/// Gaps in codes of categories ([`FeatureKind::Categorical`](perennial_core::FeatureKind)) start as the most frequent code and are filled by a
/// [`classifier`](IterativeImputer::classifier): by the vote of its trees, where that is a forest. Without one they are an error, unless the
/// column has one code alone.
/// [`miss_forest`](IterativeImputer::miss_forest) with two random forests is missForest (Stekhoven and Buehlmann, 2012).
///
/// A column without a gap in the training rows has no estimator: a gap that another row has in it gets the mean of the column, or the most
/// frequent code (as with `skip_complete` in scikit-learn).
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `estimator` | | | what predicts a column of numbers from the others |
/// | `classifier` | none | | what predicts a column of codes from the others |
/// | `max_iter` | 10 | 1 to 1000 | most rounds |
/// | `tolerance` | 0.001 | >= 0 | the change of a round, as a share of the largest number, at which to stop; no code may change then |
/// | `until_increase` | false | | whether to stop when a round changes no less than the one before, and to take what was filled before it, instead of at `tolerance` |
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
pub struct IterativeImputer<E, C = NoClassifier> {
    estimator: E,
    classifier: C,
    max_iter: usize,
    tolerance: f64,
    until_increase: bool,
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
        IterativeImputer {
            estimator,
            classifier: NoClassifier,
            max_iter: 10,
            tolerance: 1e-3,
            until_increase: false,
            clip: false,
        }
    }
}

impl<E, C> IterativeImputer<E, C> {
    /// The algorithm of missForest, given its two random forests: numbers by the one, codes of categories by the other, until a round
    /// changes neither of them less than the one before, ten rounds at most.
    ///
    /// The change of numbers is the sum of the squares of the differences over that of the numbers, the change of codes the share of
    /// the filled ones that are others than before. After the last round that is allowed what it filled is taken, whatever it changed.
    ///
    /// ```
    /// use perennial_core::{Estimator, Feature, FeatureKind, Features, Matrix, NoTarget, Transformer};
    /// use perennial_models::{RandomForestClassifier, RandomForestRegressor};
    /// use perennial_preprocessing::IterativeImputer;
    ///
    /// let mut cells = ndarray::Array2::from_shape_fn((60, 2), |(row, column)| match column {
    ///     0 => row as f64,
    ///     _ => (row / 20) as f64,
    /// });
    /// cells[[30, 1]] = f64::NAN;
    /// let kinds = [("x", FeatureKind::Numeric), ("code", FeatureKind::Categorical { n_categories: 3 })];
    /// let features: Vec<Feature> = kinds.into_iter().map(|(name, kind)| Feature { name: name.into(), kind }).collect();
    /// let x = Matrix::from(cells).with_features(Features::try_from(features)?)?;
    /// let forests = (RandomForestRegressor::new().n_trees(5).seed(1), RandomForestClassifier::new().n_trees(5).seed(1));
    /// let filled = IterativeImputer::miss_forest(forests.0, forests.1).fit(&x, &NoTarget)?.transform(&x)?;
    /// assert_eq!(filled.dense()?[[30, 1]], 1.0);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    pub fn miss_forest(estimator: E, classifier: C) -> Self {
        IterativeImputer::new(estimator).classifier(classifier).until_increase(true)
    }

    /// Columns of codes are predicted by this classifier.
    #[must_use]
    pub fn classifier<D>(self, classifier: D) -> IterativeImputer<E, D> {
        let IterativeImputer { estimator, max_iter, tolerance, until_increase, clip, .. } = self;
        IterativeImputer { estimator, classifier, max_iter, tolerance, until_increase, clip }
    }

    /// Most rounds.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// The change of a round, as a share of the largest number, at which to stop.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Whether to stop when a round changes no less than the one before, and to take what was filled before it.
    #[must_use]
    pub fn until_increase(mut self, until_increase: bool) -> Self {
        self.until_increase = until_increase;
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

impl<E, C> Estimator for IterativeImputer<E, C>
where
    E: Estimator<Input = Matrix, Target = Values, Model: Predictor<Input = Matrix, Output = Values>>,
    C: Estimator<Input = Matrix, Target = Classes, Model: Predictor<Input = Matrix, Output = Classes>>,
{
    type Input = Matrix;
    type Target = NoTarget;
    type Model = IterativeImputerModel<E::Model, C::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<Self::Model> {
        Ok(self.fit_transform_on(train)?.0)
    }

    fn capabilities(&self) -> Capabilities {
        let missing = Capabilities::new().missing();
        let weighted = self.estimator.capabilities().weights && self.classifier.capabilities().weights;
        if weighted { missing.weights() } else { missing }
    }
}

impl<E, C> FitTransform for IterativeImputer<E, C>
where
    E: Estimator<Input = Matrix, Target = Values, Model: Predictor<Input = Matrix, Output = Values>>,
    C: Estimator<Input = Matrix, Target = Classes, Model: Predictor<Input = Matrix, Output = Classes>>,
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
        let is_code: Vec<bool> = (0..x.ncols()).map(|column| is_code(features, column)).collect();
        let start = |column: usize| match is_code[column] {
            true => mode(&sorted(&x.column(column).to_vec(), train.weights)).unwrap_or(0.0),
            false => moments.mean[column],
        };
        let mut model = IterativeImputerModel {
            features: features.clone(),
            missing: holes.missing.iter().map(Vec::len).collect(),
            starts: (0..x.ncols()).map(start).collect(),
            ranges: self.clip.then(|| moments.min.iter().copied().zip(moments.max.iter().copied()).collect()),
            rounds: Vec::new(),
        };
        let mut filled = model.start(x);
        // Nothing to learn from where there is no other column, and nothing to learn where there is one code.
        let one_code = |column: usize| is_code[column] && moments.min[column] == moments.max[column];
        let mut order = if x.ncols() > 1 { holes.order() } else { Vec::new() };
        order.retain(|&column| !one_code(column));
        // A column alone becomes its most frequent code, which is no way around a classifier.
        if x.ncols() == 1 && is_code[0] && !one_code(0) && !holes.missing[0].is_empty() {
            let known = holes.known(0);
            let y = classes_of(&pick(x, 0, &known))?;
            let constant = Matrix::from(Array2::<f64>::zeros((known.len(), 1)));
            if let Err(error) = Train::new(&constant, &y).fit(&self.classifier)
                && matches!(error.kind(), ErrorKind::Unsupported { .. })
            {
                return Err(error.context(place(features, 0)));
            }
        }
        // Codes are no numbers, however large they are.
        let ends = (0..x.ncols()).filter(|&column| !is_code[column]);
        let ends = ends.flat_map(|column| [moments.min[column], moments.max[column]]);
        let scale = ends.fold(0.0_f64, |scale, value| scale.max(value.abs()));
        let rounds = if order.is_empty() { 0 } else { self.max_iter };
        let mut last: Option<Moved> = None;
        for round in 0..rounds {
            train.ctx.step(round, rounds)?;
            let before = self.until_increase.then(|| filled.clone());
            let mut moved = Moved::of(&order, &is_code, scale);
            let mut models = Vec::with_capacity(order.len());
            for &column in &order {
                let ctx = train.ctx.child(&format!("round{round}/{}", features.name(column)));
                let known = holes.known(column);
                let (others, y) = (others(features, &filled, column, &known)?, pick(x, column, &known));
                let weights = train.weights.map(|all| known.iter().map(|&row| all[row]).collect::<Vec<_>>());
                let weights = weights.as_deref();
                let fitted = if is_code[column] {
                    let y = classes_of(&y)?;
                    let mut inner = Train::new(&others, &y).context(ctx);
                    inner.weights = weights;
                    inner.fit(&self.classifier).map(Fill::Code)
                } else {
                    let y = Values::from(y);
                    let mut inner = Train::new(&others, &y).context(ctx);
                    inner.weights = weights;
                    inner.fit(&self.estimator).map(Fill::Number)
                };
                let fitted = fitted.context(place(features, column))?;
                model.predict(&fitted, &mut filled, column, &holes.missing[column], &mut moved)?;
                models.push((column, fitted));
            }
            model.rounds.push(models);
            match before {
                Some(before) => {
                    moved.end(&filled);
                    let less = last.as_ref().is_none_or(|last| moved.is_less_than(last));
                    if !less && round + 1 < rounds {
                        model.rounds.pop();
                        filled = before;
                        break;
                    }
                    last = Some(moved);
                }
                None if moved.is_little(self.tolerance) => break,
                None => {}
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

/// What predicts a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fill<M, C> {
    Number(M),
    Code(C),
}

/// A fitted [`IterativeImputer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IterativeImputerModel<M, C = NoClassifierModel> {
    features: Features,
    missing: Vec<usize>,
    /// Means, and of codes the most frequent one.
    starts: Vec<f64>,
    ranges: Option<Vec<(f64, f64)>>,
    /// For each round the columns in their order, and what predicts them.
    rounds: Vec<Vec<(usize, Fill<M, C>)>>,
}

impl<M, C> IterativeImputerModel<M, C> {
    /// How many cells of each column were filled in the training rows.
    pub fn changes(&self) -> Vec<Change> {
        changes(&self.features, ChangeKind::Filled, &self.missing)
    }

    /// How many rounds there are.
    pub fn n_iterations(&self) -> usize {
        self.rounds.len()
    }

    /// Every missing cell filled by the mean of its column, or by the most frequent code.
    fn start(&self, x: &ArrayRef2<f64>) -> Array2<f64> {
        let mut filled = x.to_owned();
        for mut row in filled.rows_mut() {
            row.iter_mut()
                .zip(&self.starts)
                .filter(|(cell, _)| cell.is_nan())
                .for_each(|(cell, start)| *cell = *start);
        }
        filled
    }
}

impl<M, C> IterativeImputerModel<M, C>
where
    M: Predictor<Input = Matrix, Output = Values>,
    C: Predictor<Input = Matrix, Output = Classes>,
{
    /// Predicts some cells of a column, and adds up how far they moved.
    fn predict(
        &self,
        fitted: &Fill<M, C>,
        filled: &mut Array2<f64>,
        column: usize,
        rows: &[usize],
        moved: &mut Moved,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let others = others(&self.features, filled, column, rows)?;
        let answers = match fitted {
            Fill::Number(fitted) => fitted.predict(&others).map(Values::into_vec),
            Fill::Code(fitted) => fitted
                .predict(&others)
                .and_then(|classes| classes.labels().map(class_code).collect::<Result<Vec<f64>>>()),
        };
        for (&row, answer) in rows.iter().zip(answers.context(place(&self.features, column))?) {
            let is_code = matches!(fitted, Fill::Code(_));
            let answer = match &self.ranges {
                Some(ranges) if !is_code => answer.clamp(ranges[column].0, ranges[column].1),
                _ => answer,
            };
            moved.add(is_code, filled[[row, column]], answer);
            filled[[row, column]] = answer;
        }
        Ok(())
    }
}

impl<M, C> Transformer for IterativeImputerModel<M, C>
where
    M: Predictor<Input = Matrix, Output = Values>,
    C: Predictor<Input = Matrix, Output = Classes>,
{
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let x = x.dense()?;
        let holes = Holes::of(x);
        let mut filled = self.start(x);
        let mut moved = Moved::default();
        for (column, fitted) in self.rounds.iter().flatten() {
            self.predict(fitted, &mut filled, *column, &holes.missing[*column], &mut moved)?;
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
