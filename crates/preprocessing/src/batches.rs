//! Learning from rows that come in batches, such as those of a file that is larger than memory.

use std::collections::BTreeMap;

use perennial_core::{Error, Estimator, Features, Matrix, NoTarget, Result, Rows, Train};

use crate::moments::{Moments, PartMoments};

/// A step that can learn from rows in batches, and learns what it would from all of them at once, bit for bit.
///
/// Batches have no weights. What is held in memory at a time is one batch and the statistics: a few numbers a column for
/// scalers and means, the different categories or numbers for encoders and modes.
///
/// ```
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_preprocessing::{FitBatches, StandardScaler};
///
/// // In use: `CsvReader::new().scan(path, 1 << 24)?.map(|table| Ok((table?.matrix(&["x"])?, NoTarget)))`.
/// let rows = |range: std::ops::Range<usize>| {
///     Matrix::from(ndarray::Array2::from_shape_fn((range.len(), 1), |(row, _)| (range.start + row) as f64))
/// };
/// let batches = || Ok([0..10, 10..17, 17..30].map(|range| Ok((rows(range), NoTarget))));
/// let model = StandardScaler::new().fit_batches(batches)?;
/// assert_eq!(model, StandardScaler::new().fit(&rows(0..30), &NoTarget)?);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub trait FitBatches: Estimator<Input: Sized, Target: Sized> {
    /// Learns from the batches that `open` gives. It is called once, and once more by encoders of the target, which need its
    /// mean first; both times it must give the same rows.
    ///
    /// # Errors
    /// Those of the batches and of [`fit`](Estimator::fit); when batches have other columns than the first one, or when the
    /// settings need all rows at once.
    fn fit_batches<I>(&self, open: impl FnMut() -> Result<I>) -> Result<Self::Model>
    where
        I: IntoIterator<Item = Result<(Self::Input, Self::Target)>>;
}

/// `take` of each batch that has rows, checked as `fit` checks them.
pub(crate) fn each<E: FitBatches<Target: Rows>, I>(
    step: &E,
    mut open: impl FnMut() -> Result<I>,
    mut take: impl FnMut(&E::Input, &E::Target) -> Result<()>,
) -> Result<()>
where
    I: IntoIterator<Item = Result<(E::Input, E::Target)>>,
{
    let mut n_rows = 0;
    for batch in open()? {
        let (x, y) = batch?;
        if x.n_rows() == 0 {
            continue;
        }
        n_rows += x.n_rows();
        Train::new(&x, &y).check(&step.capabilities())?;
        take(&x, &y)?;
    }
    if n_rows == 0 {
        return Err(Error::empty("the batches have no rows"));
    }
    Ok(())
}

/// Batches of matrices, and their moments.
#[derive(Default)]
pub(crate) struct MatrixParts {
    features: Option<Features>,
    moments: PartMoments,
}

impl MatrixParts {
    /// Takes in a batch, and gives it with its columns in the order of the first one.
    pub(crate) fn add(&mut self, x: &Matrix) -> Result<Matrix> {
        let features = self.features.get_or_insert_with(|| x.features().clone());
        let x = features.align(x)?.into_owned();
        self.moments.add(x.to_dense()?.dense()?)?;
        Ok(x)
    }

    pub(crate) fn finish(self) -> Result<(Features, Moments)> {
        let features = self.features.unwrap_or_default();
        let moments = self.moments.finish(features.len())?;
        Ok((features, moments))
    }
}

/// The moments of all batches.
pub(crate) fn part_moments<E, I>(step: &E, open: impl FnMut() -> Result<I>) -> Result<(Features, Moments)>
where
    E: FitBatches<Input = Matrix, Target = NoTarget>,
    I: IntoIterator<Item = Result<(Matrix, NoTarget)>>,
{
    let mut parts = MatrixParts::default();
    each(step, open, |x, _| parts.add(x).map(drop))?;
    parts.finish()
}

/// More different numbers or categories in a column are an error: it is an identifier, and they would fill the memory.
pub(crate) const MOST_DISTINCT: usize = 1 << 24;

pub(crate) fn too_many_distinct() -> Error {
    Error::too_large(format!(
        "a column has more than {MOST_DISTINCT} different cells, which is too many to count; leave it out"
    ))
}

/// How often each number occurs.
#[derive(Default)]
pub(crate) struct Modes(BTreeMap<u64, u64>);

impl Modes {
    pub(crate) fn add(&mut self, cells: impl Iterator<Item = f64>) -> Result<()> {
        for cell in cells.filter(|cell| !cell.is_nan()) {
            // Zero has one sign here; then bits in the order of their numbers.
            let bits = (cell + 0.0).to_bits();
            let negative = bits >> 63 == 1;
            *self.0.entry(if negative { !bits } else { bits | 1 << 63 }).or_default() += 1;
        }
        if self.0.len() > MOST_DISTINCT { Err(too_many_distinct()) } else { Ok(()) }
    }

    /// The most frequent number; the smallest of equally frequent ones.
    pub(crate) fn mode(&self) -> Option<f64> {
        let mut best: Option<(u64, u64)> = None;
        for (&key, &count) in &self.0 {
            if best.is_none_or(|(_, most)| count > most) {
                best = Some((key, count));
            }
        }
        best.map(|(key, _)| f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key }))
    }
}
