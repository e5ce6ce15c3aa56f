//! Bins of rows that come in batches, because all of them do not fit into memory.

use std::borrow::Cow;
use std::ops::Range;

use perennial_core::{Context, Error, FeatureKind, Features, Matrix, Result, Rows, check_weights, memory};
use perennial_numeric::random::Random;
use rayon::prelude::*;

use super::cells::{Cells, MOST};
use super::cuts::{self, FewValues, Totals};
use super::{Binned, Binner, Binning, Bins, N_BINS};

/// Up to so many bytes of values are held while bins are learned, where the bins will take less.
const HELD: usize = 16 << 20;
/// The bytes of a value.
const WIDTH: usize = 8;

/// How many columns are learned at once, where so many values of each are held. Bins take a byte for each cell, so that the values of
/// every eighth column take about as much.
fn at_once(n_rows: usize, n_cols: usize, held: usize) -> usize {
    let column = WIDTH * held.max(1);
    (HELD / column).max((n_rows * n_cols).div_ceil(column)).max(1)
}

impl Binner {
    /// Learns the bins of rows that come in batches and puts all of them there: the bits of
    /// [`fit_transform_on`](perennial_core::FitTransform::fit_transform_on) on all rows at once, of which only a byte for each cell
    /// is held.
    ///
    /// `open` gives the same batches from the start each time it is called: once to count the rows, up to eight times to learn, an
    /// eighth of the columns each time and at least one, so that hardly more values are held than the bins will take, 16 MiB, or those
    /// of one column, and once to fill the bins. Few columns, or more than 16 million rows, of which quantiles come from 2 million, are
    /// learned in one go. To order the values of a column takes some 40 bytes for each of them, beside the rest.
    ///
    /// Above 4 million rows those that quantiles come from are drawn, by the seed of this binner. Estimators that learn from a matrix
    /// draw by their own seed where they have one, or else by that of the part `bins` of their context: for their bins set the same seed
    /// on both, or call [`bin_batches_in`](Binner::bin_batches_in) with `&ctx.child("bins")`.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use perennial_core::{Estimator, Matrix, Rows, Values};
    /// use perennial_models::binned::LearnsFromBins;
    /// use perennial_models::{Binner, GradientBoostingRegressor};
    ///
    /// let batch = |first: usize| {
    ///     Ok(Matrix::from(Array2::from_shape_fn((100, 2), |(row, column)| ((first + row) * (column + 3) % 17) as f64)))
    /// };
    /// let binned = Binner::new().bin_batches(|| Ok((0..5).map(|number| batch(number * 100))))?;
    /// assert_eq!(binned.n_rows(), 500);
    /// let y: Values = (0..500).map(|row| f64::from(row * 3 % 17)).collect();
    /// let model = GradientBoostingRegressor::new().n_trees(10).on_bins().fit(&binned, &y)?.into_inner();
    /// assert_eq!(model.booster().n_rounds(), 10);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the batches and of a fit; when batches have other columns than the first one, when they are not the same each time, or
    /// when there would be more than 16 GiB of bins.
    pub fn bin_batches<I>(&self, open: impl FnMut() -> Result<I>) -> Result<Binned>
    where
        I: IntoIterator<Item = Result<Matrix>>,
    {
        self.bin_batches_in(&Context::new(), None, open)
    }

    /// As [`bin_batches`](Binner::bin_batches), in a context that can stop it between batches, of rows that do not all count as much:
    /// `weights` has one number >= 0 for each row of all batches.
    ///
    /// # Errors
    /// As for [`bin_batches`](Binner::bin_batches), when weights are wrong or not as many as there are rows, and when the work was
    /// cancelled.
    pub fn bin_batches_in<I>(
        &self,
        ctx: &Context,
        weights: Option<&[f64]>,
        mut open: impl FnMut() -> Result<I>,
    ) -> Result<Binned>
    where
        I: IntoIterator<Item = Result<Matrix>>,
    {
        N_BINS.check_count(self.max_bins)?;
        let shape = Shape::of(ctx, &mut open)?;
        weights.map_or(Ok(()), |weights| check_weights(weights, shape.n_rows))?;
        let rows = cuts::drawn(shape.n_rows, weights, &Random::new(ctx.seed(self.seed)));
        let held = rows.as_ref().map_or(shape.n_rows, Vec::len);
        let n_cols = shape.features.len();
        let at_once = at_once(shape.n_rows, n_cols, held);
        let drawn = Drawn { rows: rows.as_deref(), weights, max_bins: self.max_bins };
        let mut columns = Vec::with_capacity(n_cols);
        while columns.len() < n_cols {
            let group = columns.len()..(columns.len() + at_once).min(n_cols);
            columns.extend(drawn.bins(&shape, group, ctx, &mut open)?);
        }
        shape.fill(&Binning::new(shape.features.clone(), columns), ctx, &mut open)
    }
}

impl Binning {
    /// Puts rows that come in batches into these bins, such as those of a validation set. `open` gives the same batches each time it
    /// is called: once to count the rows, and once to fill the bins.
    ///
    /// # Errors
    /// Those of the batches; when they have other columns than those that the bins are learned from, columns of other kinds or infinite
    /// values, or are not the same both times.
    pub fn transform_batches<I>(&self, mut open: impl FnMut() -> Result<I>) -> Result<Binned>
    where
        I: IntoIterator<Item = Result<Matrix>>,
    {
        let ctx = Context::new();
        Shape::of(&ctx, &mut open)?.fill(self, &ctx, &mut open)
    }
}

/// How many rows of what columns the batches have.
struct Shape {
    features: Features,
    n_rows: usize,
}

impl Shape {
    fn of<I>(ctx: &Context, open: &mut impl FnMut() -> Result<I>) -> Result<Self>
    where
        I: IntoIterator<Item = Result<Matrix>>,
    {
        let (mut features, mut n_rows) = (None, 0_usize);
        for batch in open()? {
            ctx.check()?;
            let batch = batch?;
            features.get_or_insert_with(|| batch.features().clone());
            n_rows += batch.n_rows();
        }
        let Some(features) = features.filter(|_| n_rows > 0) else {
            return Err(Error::empty("there are no rows in the batches"));
        };
        if features.is_empty() {
            return Err(Error::empty("there are no columns"));
        }
        if n_rows.checked_mul(features.len()).is_none_or(|n_bins| n_bins > MOST) {
            return Err(Error::too_large(format!(
                "{n_rows} rows of {} columns would be more than {MOST} bins; take fewer columns or rows",
                features.len()
            )));
        }
        Ok(Shape { features, n_rows })
    }

    /// Gives each batch, of the columns `features`, and the number of its first row.
    fn each<I>(
        &self,
        features: &Features,
        ctx: &Context,
        open: &mut impl FnMut() -> Result<I>,
        mut take: impl FnMut(usize, &Matrix) -> Result<()>,
    ) -> Result<()>
    where
        I: IntoIterator<Item = Result<Matrix>>,
    {
        let mut first = 0;
        for batch in open()? {
            ctx.check()?;
            let batch = batch?;
            let batch = features.align(&batch).map_err(|error| error.context(format!("row {first} on")))?;
            if batch.features() != features {
                return Err(Error::unsupported(format!(
                    "from row {first} on columns hold other kinds than those that the bins are learned from, so that the same code \
                     may mean another category; make all batches by one fitted step"
                )));
            }
            batch.check_finite(true).map_err(|error| error.context(format!("row {first} on")))?;
            let n_rows = batch.n_rows();
            if n_rows > self.n_rows - first {
                return Err(self.differs(first + n_rows));
            }
            take(first, &batch)?;
            first += n_rows;
        }
        if first == self.n_rows { Ok(()) } else { Err(self.differs(first)) }
    }

    fn differs(&self, n_rows: usize) -> Error {
        Error::malformed(format!(
            "the batches had {} rows the first time, and the next {}; they must be the same each time",
            self.n_rows,
            if n_rows > self.n_rows { "more".to_owned() } else { n_rows.to_string() }
        ))
    }

    fn fill<I>(
        &self,
        binning: &Binning,
        ctx: &Context,
        open: &mut impl FnMut() -> Result<I>,
    ) -> Result<Binned>
    where
        I: IntoIterator<Item = Result<Matrix>>,
    {
        let mut codes = memory::zeros(self.n_rows * binning.features().len());
        self.each(binning.features(), ctx, open, |first, batch| {
            let n_rows = batch.n_rows();
            if n_rows > 0 {
                let own = binning.codes(&Cells::of(batch)?);
                for (codes, own) in codes.chunks_exact_mut(self.n_rows).zip(own.chunks_exact(n_rows)) {
                    codes[first..first + n_rows].copy_from_slice(own);
                }
            }
            Ok(())
        })?;
        Ok(Binned::new(binning.clone(), self.n_rows, codes))
    }
}

/// What bins are learned from.
struct Drawn<'a> {
    /// The rows that quantiles are taken from, ascending; all where there are none.
    rows: Option<&'a [usize]>,
    weights: Option<&'a [f64]>,
    max_bins: usize,
}

/// What is known of a column up to a batch.
enum Known {
    Numeric { few: Option<FewValues>, values: Vec<f64> },
    Categorical(Totals),
}

impl Drawn<'_> {
    /// The bins of some columns.
    fn bins<I>(
        &self,
        shape: &Shape,
        columns: Range<usize>,
        ctx: &Context,
        open: &mut impl FnMut() -> Result<I>,
    ) -> Result<Vec<Bins>>
    where
        I: IntoIterator<Item = Result<Matrix>>,
    {
        let held = self.rows.map_or(shape.n_rows, <[usize]>::len);
        let empty = |column: usize| match shape.features.kind(column) {
            FeatureKind::Categorical { .. } => Known::Categorical(Totals::default()),
            _ => {
                let mut values = Vec::new();
                memory::make_room(&mut values, held);
                Known::Numeric { few: self.rows.map(|_| FewValues::new(self.max_bins)), values }
            }
        };
        let mut known: Vec<Known> = columns.clone().map(empty).collect();
        shape.each(&shape.features, ctx, open, |first, batch| {
            let cells = Cells::of(batch)?;
            let own = known.par_iter_mut().zip(columns.clone());
            let taken: Vec<Result<()>> = own
                .map(|(known, column)| self.take(known, column, &cells, first, shape.features.name(column)))
                .collect();
            taken.into_iter().collect()
        })?;
        let weights: Option<Cow<'_, [f64]>> = self.weights.map(|weights| match self.rows {
            None => weights.into(),
            Some(rows) => rows.iter().map(|&row| weights[row]).collect::<Vec<f64>>().into(),
        });
        // One after the other: to order the values of a column takes several times the memory of the values.
        let bins = known.into_iter().map(|known| match known {
            Known::Categorical(totals) => totals.bins(self.max_bins),
            Known::Numeric { few, values } => {
                cuts::numeric_of(few, &values, weights.as_deref(), self.max_bins)
            }
        });
        Ok(bins.collect())
    }

    /// Takes in a column of a batch whose first row has this number.
    fn take(
        &self,
        known: &mut Known,
        column: usize,
        cells: &Cells<'_>,
        first: usize,
        name: &str,
    ) -> Result<()> {
        let own = cells.column(column);
        let weight = |row: usize| self.weights.map_or(1.0, |weights| weights[row]);
        match known {
            Known::Categorical(totals) => {
                (first..).zip(&own).try_for_each(|(row, &code)| totals.add(code, row, weight(row), name))
            }
            Known::Numeric { few, values } => {
                if let Some(few) = few {
                    let counted = (first..).zip(&own).filter(|(row, _)| weight(*row) > 0.0);
                    counted.map(|(_, &value)| value).all(|value| few.add(value));
                }
                match self.rows {
                    None => values.extend(&own),
                    Some(rows) => {
                        let here = rows.partition_point(|&row| row < first)
                            ..rows.partition_point(|&row| row < first + own.len());
                        values.extend(rows[here].iter().map(|&row| own[row - first]));
                    }
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_times_are_enough_and_little_is_held() {
        for n_cols in [1, 2, 7, 8, 9, 15, 16, 17, 100, 1000] {
            for n_rows in [1, 1000, 1_100_000, 3_900_000, 4_000_000, 9_000_000, 40_000_000] {
                let held = if n_rows > 4_000_000 { 2_000_000 } else { n_rows };
                let at_once = at_once(n_rows, n_cols, held);
                assert!(n_cols.div_ceil(at_once) <= 8, "{n_rows} {n_cols}: {at_once}");
                // One column more than fits.
                let bytes = WIDTH * held * at_once;
                assert!(bytes <= HELD.max(n_rows * n_cols) + WIDTH * held, "{n_rows} {n_cols}: {at_once}");
            }
        }
        assert_eq!(at_once(1_100_000, 15, 1_100_000), 2);
        assert_eq!(at_once(16_000_000, 40, 2_000_000), 40);
    }
}
