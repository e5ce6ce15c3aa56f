//! One row at a time, without allocating.

use perennial_core::{Error, Result};

use super::booster::Booster;
use super::classifier::GradientBoostingClassifierModel;
use super::objective::Objective;
use super::quantile_regressor::GradientBoostingQuantileRegressorModel;
use super::ranker::GradientBoostingRankerModel;
use super::regressor::GradientBoostingRegressorModel;
use crate::tree::check_row;

impl Booster {
    /// The scores of one row, whose numbers stand in the order of the columns, NaN where one is missing: the bits that
    /// [`scores`](Booster::scores) gives it among others, an offset included, which is read from its column. Allocates nothing.
    ///
    /// # Errors
    /// When the row has not one number for each column or `scores` not one place for each score; when a value is infinite or the
    /// offset is not finite.
    pub fn score_row(&self, row: &[f64], scores: &mut [f64]) -> Result<()> {
        check_row(&self.features, row, self.ensemble.n_outputs(), scores.len())?;
        let offsets = self.offset.iter().map(|&column| row[column as usize]);
        if let Some(offset) = offsets.clone().find(|offset| !offset.is_finite()) {
            return Err(Error::malformed(format!(
                "the offset of the row is {offset}; every row needs a finite offset"
            )));
        }
        self.ensemble.score_row(row, scores);
        scores.iter_mut().zip(offsets.cycle()).for_each(|(score, offset)| *score += offset);
        Ok(())
    }
}

impl<O: Objective> GradientBoostingRegressorModel<O> {
    /// The answer for one row, whose numbers stand in the order of the columns, NaN where one is missing: the bits of
    /// [`predict`](perennial_core::Predictor::predict), without allocating.
    ///
    /// ```
    /// use perennial_core::{Estimator, Matrix, Predictor, Values};
    /// use perennial_models::GradientBoostingRegressor;
    ///
    /// let x = Matrix::from(ndarray::Array2::from_shape_fn((100, 2), |(row, column)| (row * (column + 1) % 17) as f64));
    /// let y: Values = (0..100).map(|row| f64::from(row % 17)).collect();
    /// let model = GradientBoostingRegressor::new().n_trees(10).fit(&x, &y)?;
    /// assert_eq!(model.predict_row(&[0.0, 0.0])?, model.predict(&x)?.as_slice()[0]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Booster::score_row`].
    pub fn predict_row(&self, row: &[f64]) -> Result<f64> {
        let mut scores = [0.0];
        self.booster().score_row(row, &mut scores)?;
        self.loss().answer(&mut scores);
        Ok(scores[0])
    }
}

impl<L: Objective> GradientBoostingClassifierModel<L> {
    /// The probability of each class for one row, whose numbers stand in the order of the columns, NaN where one is missing:
    /// the bits of [`predict_proba`](perennial_core::Classifier::predict_proba), without allocating.
    ///
    /// # Errors
    /// As for [`Booster::score_row`], with one place for each class.
    pub fn predict_proba_row(&self, row: &[f64], shares: &mut [f64]) -> Result<()> {
        let (features, n_classes) = (self.booster().features(), self.class_names().len());
        check_row(features, row, n_classes, shares.len())?;
        // There are at most as many scores as classes, so they fit where the shares will stand.
        let (scores, others) = shares.split_at_mut(self.booster().ensemble().n_outputs());
        self.booster().score_row(row, scores)?;
        self.loss().answer(scores);
        others.fill(0.0);
        if let (&[negative, positive], &[share]) = (self.present(), &*scores) {
            shares.fill(0.0);
            shares[negative as usize] = 1.0 - share;
            shares[positive as usize] = share;
            return Ok(());
        }
        // From the last on: no class stands before its score.
        for (at, &class) in self.present().iter().enumerate().rev() {
            let share = std::mem::take(&mut shares[at]);
            shares[class as usize] = share;
        }
        Ok(())
    }
}

impl<O: Objective> GradientBoostingRankerModel<O> {
    /// The score of one row, whose numbers stand in the order of the columns, NaN where one is missing: the bits of
    /// [`predict`](perennial_core::Predictor::predict), without allocating.
    ///
    /// # Errors
    /// As for [`Booster::score_row`].
    pub fn predict_row(&self, row: &[f64]) -> Result<f64> {
        let mut scores = [0.0];
        self.booster().score_row(row, &mut scores)?;
        Ok(scores[0])
    }
}

impl GradientBoostingQuantileRegressorModel {
    /// The answer at each level for one row, whose numbers stand in the order of the columns, NaN where one is missing: the bits
    /// of [`predict`](perennial_core::Predictor::predict), without allocating.
    ///
    /// # Errors
    /// As for [`Booster::score_row`], with one place for each level.
    pub fn predict_row(&self, row: &[f64], answers: &mut [f64]) -> Result<()> {
        self.booster().score_row(row, answers)?;
        self.in_order(answers);
        Ok(())
    }
}
