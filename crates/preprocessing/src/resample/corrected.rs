//! Probabilities for the world as it is after learning from rows that were made even.

use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Outline, Predictor, Probabilities, Result, Train,
};
use serde::{Deserialize, Serialize};

use super::{Resampler, Resampling};

/// Learns from resampled rows, and then corrects the probabilities of its model by the shares that the classes had
/// before and after (Elkan, 2001). Made by [`Resampling::corrected`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorCorrected<R, E>(Resampling<R, E>);

impl<R, E> Resampling<R, E>
where
    R: Resampler<Target = Classes>,
    E: Estimator<Input = R::Input, Target = Classes>,
    E::Model: Classifier<Input = R::Input>,
{
    /// The same, with probabilities that fit the shares of the classes before resampling. Without it a model that
    /// learned from even classes takes a rare one for common.
    pub fn corrected(self) -> PriorCorrected<R, E> {
        PriorCorrected(self)
    }
}

impl<R, E> Estimator for PriorCorrected<R, E>
where
    R: Resampler<Target = Classes>,
    E: Estimator<Input = R::Input, Target = Classes>,
    E::Model: Classifier<Input = R::Input>,
{
    type Input = R::Input;
    type Target = Classes;
    type Model = CorrectedModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, R::Input, Classes>) -> Result<Self::Model> {
        let (sample, model) = self.0.fit_parts(train)?;
        let before = shares(train.y, train.weights);
        let after = shares(&sample.y, sample.weights.as_deref());
        let factor = |(before, after): (f64, f64)| if after > 0.0 { before / after } else { 1.0 };
        let factors = before.into_iter().zip(after).map(factor).collect();
        Ok(CorrectedModel { model, names: train.y.shared_names(), factors })
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn steps(&self) -> Vec<String> {
        self.0.steps()
    }

    fn outline(&self) -> Vec<Outline> {
        self.0.outline()
    }
}

fn shares(y: &Classes, weights: Option<&[f64]>) -> Vec<f64> {
    let mut shares = vec![0.0; y.n_classes()];
    for (row, &code) in y.codes().iter().enumerate() {
        shares[code as usize] += weights.map_or(1.0, |weights| weights[row]);
    }
    let total: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / total).collect()
}

/// A classifier whose probabilities are corrected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorrectedModel<M> {
    model: M,
    names: Arc<[String]>,
    factors: Vec<f64>,
}

impl<M> CorrectedModel<M> {
    /// The model that learned from the resampled rows.
    pub fn inner(&self) -> &M {
        &self.model
    }

    /// What the odds of each class are multiplied by.
    pub fn factors(&self) -> &[f64] {
        &self.factors
    }
}

impl<M: Classifier> Predictor for CorrectedModel<M> {
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl<M: Classifier> Classifier for CorrectedModel<M> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        let found = self.model.predict_proba(x)?;
        if found.names() != &*self.names || self.factors.len() != self.names.len() {
            return Err(Error::corrupt("the classes of the model are not those whose shares were learned"));
        }
        let mut corrected: Array2<f64> = found.values().to_owned();
        for (mut row, before) in corrected.rows_mut().into_iter().zip(found.values().rows()) {
            row.iter_mut().zip(&self.factors).for_each(|(share, factor)| *share *= factor);
            let total = row.sum();
            if total > 0.0 {
                row.iter_mut().for_each(|share| *share /= total);
            } else {
                // The model is sure of a class that no row had; what it says stands.
                row.assign(&before);
            }
        }
        Probabilities::new(corrected, self.names.clone())
    }
}
