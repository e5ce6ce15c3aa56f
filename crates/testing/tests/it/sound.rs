//! Three sound estimators, each of which can be given one fault.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::{Array1, Array2, ArrayRef2};
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param,
    Predictor, Probabilities, Result, Rows, Train, Transformer, Values,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What is wrong with an estimator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Fault {
    #[default]
    None,
    AcceptsExtraColumns,
    AcceptsNanSetting,
    BatchMean,
    BlamesAnotherSetting,
    CachesFirstInput,
    ChangesSettings,
    ChangesWidth,
    DependsOnNames,
    DependsOnRowOrder,
    DropsLastOfOddBatch,
    FitTransformDiffers,
    GlobalState,
    IgnoresNames,
    IgnoresWeights,
    InfinityPasses,
    LastOfTies,
    Leaks,
    LosesStateInSave,
    MissesConstant,
    NanToZero,
    PanicsOnDamagedBytes,
    PanicsOnNoRows,
    PanicsOnOneRow,
    RandomHashOrder,
    RayonSum,
    SinglePrecision,
    SleepsWithoutCancel,
    SharesSumTo0999,
    StridedAsContiguous,
    UnsortedClasses,
    ZeroWeightCounts,
}

/// A counter that lives in the settings, which it should not.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Calls(AtomicU64);

impl Clone for Calls {
    fn clone(&self) -> Self {
        Calls(AtomicU64::new(self.0.load(Ordering::SeqCst)))
    }
}

const ALPHA: Param = Param::real("alpha", "strength of the penalty").at_least(0.0);

/// Ridge regression on standardised columns by coordinate-free normal equations.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) alpha: f64,
    pub(crate) fault: Fault,
    calls: Calls,
}

impl Line {
    pub(crate) fn with(fault: Fault) -> Self {
        Line { alpha: 1e-6, fault, calls: Calls::default() }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LineModel {
    features: Features,
    mean: f64,
    centres: Vec<f64>,
    slopes: Vec<f64>,
    /// Which column each slope belongs to.
    columns: Vec<u32>,
    fault: Fault,
    #[serde(skip)]
    cache: OnceLock<Values>,
    #[serde(skip)]
    kept: Vec<f64>,
}

static GLOBAL: AtomicU64 = AtomicU64::new(0);

impl Estimator for Line {
    type Input = Matrix;
    type Target = Values;
    type Model = LineModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<LineModel> {
        let fault = self.fault;
        match fault {
            Fault::BlamesAnotherSetting => {
                ALPHA.check(self.alpha).map_err(|_| Error::invalid_param("beta", 0, "1"))?
            }
            Fault::AcceptsNanSetting => {}
            _ => ALPHA.check(self.alpha)?,
        }
        if fault == Fault::SleepsWithoutCancel {
            std::thread::sleep(std::time::Duration::from_millis(if train.x.n_rows() > 10_000 {
                3000
            } else {
                0
            }));
        }
        if fault == Fault::ChangesSettings {
            self.calls.0.fetch_add(1, Ordering::SeqCst);
        }
        let x = train.x.dense()?;
        let (n_rows, n_cols) = x.dim();
        assert!(!(fault == Fault::PanicsOnOneRow && n_rows == 1), "one row");
        let flat: Option<&[f64]> = x.as_slice_memory_order();
        let cell = |row: usize, column: usize| match (fault, flat) {
            (Fault::StridedAsContiguous, Some(flat)) => flat[row * n_cols + column],
            _ => x[[row, column]],
        };
        let weight = |row: usize| match (fault, train.weight(row)) {
            (Fault::IgnoresWeights, _) => 1.0,
            (Fault::ZeroWeightCounts, 0.0) => 1.0,
            (Fault::DependsOnRowOrder, weight) => weight * (1.0 + row as f64),
            (_, weight) => weight,
        };
        let total: f64 = (0..n_rows).map(weight).sum();
        let y = train.y.as_slice();
        let weighted_mean = |value: &(dyn Fn(usize) -> f64 + Sync)| match fault {
            Fault::SinglePrecision => {
                f64::from((0..n_rows).map(|row| weight(row) as f32 * value(row) as f32).sum::<f32>()) / total
            }
            #[expect(clippy::disallowed_methods, reason = "this is the fault")]
            Fault::RayonSum => {
                (0..n_rows).into_par_iter().map(|row| value(row) * 1.1).sum::<f64>() / 1.1 / total
            }
            Fault::RandomHashOrder => {
                let keys = RandomState::new();
                let mut rows: Vec<usize> = (0..n_rows).collect();
                rows.sort_by_key(|&row| {
                    let mut hasher = keys.build_hasher();
                    hasher.write_usize(row);
                    hasher.finish()
                });
                rows.iter().map(|&row| weight(row) * value(row)).sum::<f64>() / total
            }
            _ => (0..n_rows).map(|row| weight(row) * value(row)).sum::<f64>() / total,
        };
        let centres: Vec<f64> = (0..n_cols).map(|column| weighted_mean(&|row| cell(row, column))).collect();
        let mut mean = weighted_mean(&|row| y[row]);
        let mut gram = Array2::<f64>::eye(n_cols) * self.alpha * total;
        let mut moments = Array1::<f64>::zeros(n_cols);
        for row in 0..n_rows {
            for a in 0..n_cols {
                let left = weight(row) * (cell(row, a) - centres[a]);
                moments[a] += left * (y[row] - mean);
                for b in 0..n_cols {
                    gram[[a, b]] += left * (cell(row, b) - centres[b]);
                }
            }
        }
        let mut slopes = solve(gram, moments).map_or_else(|| vec![0.0; n_cols], |slopes| slopes.to_vec());
        if fault == Fault::GlobalState {
            mean += 1e-9 * GLOBAL.fetch_add(1, Ordering::SeqCst) as f64;
        }
        if fault == Fault::MissesConstant {
            mean *= 0.999;
        }
        if fault == Fault::AcceptsNanSetting && self.alpha.is_nan() {
            slopes = vec![f64::NAN; n_cols];
        }
        if fault != Fault::AcceptsNanSetting
            && slopes.iter().chain([&mean]).chain(&centres).any(|v| !v.is_finite())
        {
            return Err(Error::overflow("the sums leave the range of f64; scale the columns"));
        }
        let kept = if fault == Fault::LosesStateInSave { vec![1.0] } else { Vec::new() };
        Ok(LineModel {
            features: train.x.features().clone(),
            mean,
            centres,
            slopes,
            columns: (0..n_cols as u32).collect(),
            fault,
            cache: OnceLock::new(),
            kept,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// Gaussian elimination with pivots; none when the matrix is singular.
fn solve(mut a: Array2<f64>, mut b: Array1<f64>) -> Option<Array1<f64>> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[[i, k]].abs().total_cmp(&a[[j, k]].abs()))?;
        if !(a[[pivot, k]].abs() > 0.0 && a[[pivot, k]].is_finite()) {
            return None;
        }
        for column in 0..n {
            a.swap([k, column], [pivot, column]);
        }
        b.swap(k, pivot);
        for i in k + 1..n {
            let factor = a[[i, k]] / a[[k, k]];
            for j in k..n {
                a[[i, j]] -= factor * a[[k, j]];
            }
            b[i] -= factor * b[k];
        }
    }
    for i in (0..n).rev() {
        for j in i + 1..n {
            b[i] -= a[[i, j]] * b[j];
        }
        b[i] /= a[[i, i]];
    }
    b.iter().all(|value| value.is_finite()).then_some(b)
}

impl Predictor for LineModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let fault = self.fault;
        let wide = fault == Fault::AcceptsExtraColumns && x.n_cols() > self.slopes.len();
        let aligned = match fault {
            _ if wide => std::borrow::Cow::Owned(x.select(&(0..self.slopes.len()).collect::<Vec<_>>())?),
            Fault::IgnoresNames if x.n_cols() == self.slopes.len() => std::borrow::Cow::Borrowed(x),
            _ => self.features.align(x)?,
        };
        if !matches!(fault, Fault::NanToZero | Fault::InfinityPasses) {
            aligned.check_finite(false)?;
        }
        if fault == Fault::InfinityPasses && aligned.dense()?.iter().any(|value| value.is_nan()) {
            aligned.check_finite(false)?;
        }
        let x = aligned.dense()?;
        assert!(!(fault == Fault::PanicsOnNoRows && x.nrows() == 0), "no rows");
        let (slopes, columns) = (&self.slopes, &self.columns);
        let in_range = columns.iter().all(|&column| (column as usize) < x.ncols());
        if fault != Fault::PanicsOnDamagedBytes && !in_range {
            return Err(Error::corrupt("a slope belongs to a column that does not exist"));
        }
        let clean = |value: f64| if fault == Fault::NanToZero && !value.is_finite() { 0.0 } else { value };
        let answer = |row: usize| {
            let cells = columns.iter().map(|&column| clean(x[[row, column as usize]]));
            let parts =
                cells.zip(&self.centres).zip(slopes).map(|((cell, centre), slope)| (cell - centre) * slope);
            parts.sum::<f64>() + self.mean + self.kept.iter().sum::<f64>()
        };
        let mut answers: Vec<f64> = (0..x.nrows()).map(answer).collect();
        if fault == Fault::BatchMean && !answers.is_empty() {
            let mean = answers.iter().sum::<f64>() / answers.len() as f64;
            answers.iter_mut().for_each(|value| *value += 1e-6 * mean);
        }
        if fault == Fault::DropsLastOfOddBatch && answers.len() % 2 == 1 {
            answers.pop();
            answers.push(0.0);
        }
        if answers.iter().any(|value| !value.is_finite())
            && !matches!(fault, Fault::AcceptsNanSetting | Fault::InfinityPasses)
        {
            return Err(Error::overflow("an answer leaves the range of f64"));
        }
        let values = Values::from(answers);
        if fault == Fault::CachesFirstInput {
            let cached = self.cache.get_or_init(|| values.clone());
            if cached.n_rows() == values.n_rows() {
                return Ok(cached.clone());
            }
        }
        Ok(values)
    }
}

/// Nearest centroid; probabilities fall off with the distance.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Centroid {
    pub(crate) fault: Fault,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CentroidModel {
    features: Features,
    centres: Vec<Option<Vec<f64>>>,
    names: Vec<String>,
    fault: Fault,
}

impl Estimator for Centroid {
    type Input = Matrix;
    type Target = Classes;
    type Model = CentroidModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<CentroidModel> {
        train.y.check_two_classes()?;
        let x = train.x.dense()?;
        let mut names = train.y.names().to_vec();
        let mut codes = train.y.codes().to_vec();
        if self.fault == Fault::UnsortedClasses {
            names.reverse();
            codes.iter_mut().for_each(|code| *code = names.len() as u32 - 1 - *code);
        }
        let centres =
            (0..names.len()).map(|class| centre(x, &codes, class as u32, |row| train.weight(row))).collect();
        Ok(CentroidModel { features: train.x.features().clone(), centres, names, fault: self.fault })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

fn centre(x: &ArrayRef2<f64>, codes: &[u32], class: u32, weight: impl Fn(usize) -> f64) -> Option<Vec<f64>> {
    let rows: Vec<usize> = (0..x.nrows()).filter(|&row| codes[row] == class).collect();
    let total: f64 = rows.iter().map(|&row| weight(row)).sum();
    let mean = |column| rows.iter().map(|&row| x[[row, column]] * (weight(row) / total)).sum();
    (total > 0.0).then(|| (0..x.ncols()).map(mean).collect())
}

impl Predictor for CentroidModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        let shares = self.predict_proba(x)?;
        if self.fault != Fault::LastOfTies {
            return Ok(shares.most_likely());
        }
        let last = |row: ndarray::ArrayView1<'_, f64>| {
            (0..row.len()).fold(0, |best, class| if row[class] >= row[best] { class } else { best }) as u32
        };
        Classes::new(shares.values().rows().into_iter().map(last).collect(), shares.shared_names())
    }
}

impl Classifier for CentroidModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let x = x.dense()?;
        let mut shares = Array2::zeros((x.nrows(), self.names.len()));
        for (row, mut out) in shares.rows_mut().into_iter().enumerate() {
            let score = |class: usize| {
                let centre = self.centres.get(class).and_then(Option::as_ref)?;
                let square: f64 = centre.iter().zip(x.row(row)).map(|(c, v)| ((v - c) / 1e160).powi(2)).sum();
                let named =
                    if self.fault == Fault::DependsOnNames { self.names[class].len() as f64 } else { 0.0 };
                Some(-square.sqrt() * 1e160 - named)
            };
            let scores: Vec<Option<f64>> = (0..self.names.len()).map(score).collect();
            let best = scores.iter().flatten().fold(f64::NEG_INFINITY, |best, score| best.max(*score));
            for (share, score) in out.iter_mut().zip(&scores) {
                *share = score.map_or(0.0, |score| (score - best).exp());
            }
            let total = out.sum() * if self.fault == Fault::SharesSumTo0999 { 1.001 } else { 1.0 };
            out.mapv_inplace(|share| share / total);
        }
        Probabilities::new(shares, self.names.clone())
    }
}

/// Centres columns.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Centre {
    pub(crate) fault: Fault,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CentreModel {
    features: Features,
    centres: Vec<f64>,
    fault: Fault,
}

impl Estimator for Centre {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = CentreModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<CentreModel> {
        let x = train.x.dense()?;
        let codes = vec![0; x.nrows()];
        let centres = centre(x, &codes, 0, |row| train.weight(row)).unwrap_or_default();
        if centres.iter().any(|centre| !centre.is_finite()) {
            return Err(Error::overflow("the mean of a column leaves the range of f64"));
        }
        Ok(CentreModel { features: train.x.features().clone(), centres, fault: self.fault })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl FitTransform for Centre {
    fn fit_transform_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<(CentreModel, Matrix)> {
        let model = self.fit_on(train)?;
        let output = model.transform(train.x)?;
        match self.fault {
            Fault::FitTransformDiffers => Ok((model, Matrix::from(output.dense()? * 1.5))),
            _ => Ok((model, output)),
        }
    }
}

impl Transformer for CentreModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let mut out = x.dense()?.to_owned();
        for (mut column, centre) in out.columns_mut().into_iter().zip(&self.centres) {
            column.mapv_inplace(|value| value - centre);
        }
        if out.iter().any(|value| !value.is_finite()) {
            return Err(Error::overflow("a centred value leaves the range of f64"));
        }
        if self.fault == Fault::ChangesWidth && out.nrows() == 1 {
            return Ok(Matrix::from(out.select(ndarray::Axis(1), &[0])));
        }
        Matrix::from(out).with_features(self.features.clone())
    }
}

/// Puts the mean target of the other rows beside each row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct MeanOfOthers {
    pub(crate) fault: Fault,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MeanModel {
    features: Features,
    mean: f64,
}

impl Estimator for MeanOfOthers {
    type Input = Matrix;
    type Target = Values;
    type Model = MeanModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<MeanModel> {
        let y = train.y.as_slice();
        let mean = y.iter().map(|value| value / y.len() as f64).sum();
        Ok(MeanModel { features: train.x.features().clone(), mean })
    }
}

impl FitTransform for MeanOfOthers {
    fn fit_transform_on(&self, train: &Train<'_, Matrix, Values>) -> Result<(MeanModel, Matrix)> {
        let model = self.fit_on(train)?;
        if self.fault == Fault::Leaks {
            let output = model.transform(train.x)?;
            return Ok((model, output));
        }
        let y = train.y.as_slice();
        let others = |row: usize| {
            let sum: f64 = (0..y.len()).filter(|&other| other != row).map(|other| y[other]).sum();
            sum / (y.len() as f64 - 1.0)
        };
        Ok((model, Matrix::from(Array2::from_shape_fn((y.len(), 1), |(row, _)| others(row)))))
    }
}

impl Transformer for MeanModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        Ok(Matrix::from(Array2::from_elem((x.n_rows(), 1), self.mean)))
    }
}
