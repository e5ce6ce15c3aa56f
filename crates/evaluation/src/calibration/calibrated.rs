//! A classifier whose probabilities are corrected.

use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Predictor, Probabilities, Result, ResultExt, Rows,
    Train,
};
use serde::{Deserialize, Serialize};

use super::{CalibrationMethod, Calibrator};
use crate::align::{check_two_classes, columns_in};
use crate::cross_fit::{accepted, fit_whole, rounds, with_weight};
use crate::{CrossFit, Splitter, Stack};

/// A classifier whose probabilities are corrected on rows that it has not learned from.
///
/// The rows are divided by a [`Splitter`]: with folds each row serves to learn and to correct, with
/// [`Holdout`](crate::Holdout) one part serves for each. Groups stay whole, weights count in both.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `method` | sigmoid | | how probabilities are corrected |
/// | `ensemble` | true | | whether the models of all splits answer together, each with its own correction; else one model learns from all rows, and one correction from what the others said of rows they had not seen |
/// | `splitter` | [`CrossFit::new(5)`](CrossFit) | | how the rows are divided |
///
/// ```
/// # use ndarray::Array2;
/// # use perennial_core::*;
/// # /// Sure of everything: the sign of the first column, with 0.99.
/// # #[derive(Clone, Debug)] struct Sure;
/// # struct SureModel(Vec<String>);
/// # impl Estimator for Sure {
/// #     type Input = Matrix; type Target = Classes; type Model = SureModel;
/// #     fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<SureModel> { Ok(SureModel(train.y.names().to_vec())) }
/// # }
/// # impl Predictor for SureModel {
/// #     type Input = Matrix; type Output = Classes;
/// #     fn predict(&self, x: &Matrix) -> Result<Classes> { Ok(self.predict_proba(x)?.most_likely()) }
/// # }
/// # impl Classifier for SureModel {
/// #     fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
/// #         let x = x.dense()?;
/// #         let yes = |row: usize| if x[[row, 0]] > 0.0 { 0.99 } else { 0.01 };
/// #         Probabilities::new(Array2::from_shape_fn((x.nrows(), 2), |(row, class)| if class == 1 { yes(row) } else { 1.0 - yes(row) }), self.0.clone())
/// #     }
/// # }
/// use perennial_evaluation::calibration::{Calibrated, CalibrationMethod};
///
/// // `Sure` says 0.99 and is right in four rows out of five, more or less in each fold.
/// let x = Matrix::from(Array2::from_shape_fn((500, 1), |(row, _)| if row % 2 == 0 { 1.0 } else { -1.0 }));
/// let y = Classes::from_labels((0..500).map(|row| (row % 2 == 0) != (row % 10 < 2)));
/// let model = Calibrated::new(Sure).method(CalibrationMethod::Isotonic).fit(&x, &y)?;
/// let said = model.predict_proba(&x)?;
/// assert!((said.of("true")?.as_slice()[0] - 0.8).abs() < 0.02);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibrated<E, S = CrossFit> {
    estimator: E,
    #[serde(default)]
    method: CalibrationMethod,
    #[serde(default = "yes")]
    ensemble: bool,
    #[serde(default)]
    splitter: S,
}

fn yes() -> bool {
    true
}

impl<E> Calibrated<E> {
    /// Around a classifier, with five folds and Platt's sigmoid.
    pub fn new(estimator: E) -> Self {
        let (method, splitter) = (CalibrationMethod::default(), CrossFit::default());
        Calibrated { estimator, method, ensemble: true, splitter }
    }
}

impl<E, S> Calibrated<E, S> {
    /// Sets how probabilities are corrected.
    #[must_use]
    pub fn method(mut self, method: CalibrationMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets whether the models of all splits answer together.
    #[must_use]
    pub fn ensemble(mut self, ensemble: bool) -> Self {
        self.ensemble = ensemble;
        self
    }

    /// Sets how the rows are divided.
    #[must_use]
    pub fn splitter<T: Splitter>(self, splitter: T) -> Calibrated<E, T> {
        let Calibrated { estimator, method, ensemble, .. } = self;
        Calibrated { estimator, method, ensemble, splitter }
    }
}

impl<E, S> Estimator for Calibrated<E, S>
where
    E: Estimator<Target = Classes>,
    E::Model: Classifier<Input = E::Input>,
    S: Splitter,
{
    type Input = E::Input;
    type Target = Classes;
    type Model = CalibratedModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Classes>) -> Result<Self::Model> {
        check_two_classes(train.y, train.weights)?;
        with_weight(train, |train| {
            let names = train.y.shared_names();
            let fit = |said: &Probabilities, rows: &[usize]| {
                let weights = train.weights.map(|weights| weights.take(rows)).transpose()?;
                let truth = train.y.take(rows)?;
                Calibrator::fit_in(
                    self.method,
                    said,
                    &truth,
                    weights.as_deref(),
                    &train.ctx.child("calibrate"),
                )
                .context("the rows held out for the calibration")
            };
            let said_of = |model: &E::Model, x: &E::Input| -> Result<Probabilities> {
                Ok(columns_in(&model.predict_proba(x)?, &names)?.into_owned())
            };
            let members = if self.ensemble {
                rounds(&self.estimator, train, &self.splitter, Some(train.y), |split, model, x| {
                    let calibrator = fit(&said_of(&model, x)?, &split.test)?;
                    Ok(Member { model, calibrator })
                })?
            } else {
                let parts =
                    rounds(&self.estimator, train, &self.splitter, Some(train.y), |split, model, x| {
                        Ok((split.test.clone(), said_of(&model, x)?))
                    })?;
                let (rows, said): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
                let calibrator = fit(&Probabilities::stack(&said)?, &rows.concat())?;
                vec![Member { model: fit_whole(&self.estimator, train)?, calibrator }]
            };
            Ok(CalibratedModel { names: names.clone(), members })
        })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.estimator.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("Calibrated({})", self.estimator.steps().join(" -> "))]
    }
}

/// Corrects the probabilities of a model that is fitted already, on rows that it has not learned from.
///
/// # Errors
/// When the model refuses the rows, or as [`Calibrator::fit`].
pub fn calibrate<M: Classifier>(
    model: M,
    method: CalibrationMethod,
    x: &M::Input,
    y: &Classes,
    weights: Option<&[f64]>,
) -> Result<CalibratedModel<M>> {
    let said = model.predict_proba(x)?;
    let calibrator = Calibrator::fit(method, &said, y, weights)?;
    Ok(CalibratedModel { names: said.shared_names(), members: vec![Member { model, calibrator }] })
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Member<M> {
    model: M,
    calibrator: Calibrator,
}

/// Models with the corrections of their probabilities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibratedModel<M> {
    names: Arc<[String]>,
    members: Vec<Member<M>>,
}

impl<M> CalibratedModel<M> {
    /// The models, each with its correction.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (&M, &Calibrator)> {
        self.members.iter().map(|member| (&member.model, &member.calibrator))
    }
}

impl<M: Classifier> CalibratedModel<M> {
    /// The two probabilities of the second class that Venn-Abers gives each row, the lower one first; of several
    /// models, their means.
    ///
    /// # Errors
    /// When the model refuses the rows, or as [`Calibrator::interval`].
    pub fn probability_interval(&self, x: &M::Input) -> Result<Vec<(f64, f64)>> {
        let mut sums = vec![(0.0, 0.0); x.n_rows()];
        for Member { model, calibrator } in &self.members {
            for (sum, (low, high)) in sums.iter_mut().zip(calibrator.interval(&model.predict_proba(x)?)?) {
                *sum = (sum.0 + low, sum.1 + high);
            }
        }
        let n = self.members.len() as f64;
        Ok(sums.into_iter().map(|(low, high)| (low / n, high / n)).collect())
    }
}

impl<M: Classifier> Predictor for CalibratedModel<M> {
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl<M: Classifier> Classifier for CalibratedModel<M> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        let mut sum: Option<Array2<f64>> = None;
        for Member { model, calibrator } in &self.members {
            let right = calibrator.apply(&model.predict_proba(x)?)?;
            let right = columns_in(&right, &self.names)?;
            match &mut sum {
                None => sum = Some(right.values().to_owned()),
                Some(sum) => sum.zip_mut_with(right.values(), |sum, share| *sum += share),
            }
        }
        let mut mean = sum.ok_or_else(|| Error::corrupt("the calibrated model has no members"))?;
        let n = self.members.len() as f64;
        mean.mapv_inplace(|share| (share / n).min(1.0));
        Probabilities::new(mean, self.names.clone())
    }
}
