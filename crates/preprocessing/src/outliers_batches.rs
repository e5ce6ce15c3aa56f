//! Bounds that are learned from batches: the deviations first, then what lies beyond them.

use perennial_core::{Error, Features, Matrix, NoTarget, Result, Train};

use crate::batch_parts::MatrixParts;
use crate::batches::{BoxLearning, FitBatches, Learning};
use crate::outliers::{Beyond, Bounds, Winsorizer, WinsorizerModel, of_moments};

/// Deviations, in two passes, and fixed bounds; quartiles, quantiles and medians need all rows at once.
impl FitBatches for Winsorizer {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.bounds.check()?;
        match self.bounds {
            Bounds::Deviations(_) | Bounds::Fixed(..) => Ok(Box::new(Winsorizing {
                settings: self,
                parts: MatrixParts::default(),
                features: None,
                bounds: None,
                beyond: Beyond::default(),
            })),
            Bounds::Quartiles(_) | Bounds::Mad(_) | Bounds::Quantiles(..) => Err(Error::unsupported(
                "quantiles need all rows at once; set bounds by `Bounds::Deviations` or `Bounds::Fixed`, or fit on a table in memory",
            )),
        }
    }
}

/// What is known between the batches.
struct Winsorizing<'a> {
    settings: &'a Winsorizer,
    parts: MatrixParts,
    features: Option<Features>,
    /// Once they are known.
    bounds: Option<Vec<(f64, f64)>>,
    beyond: Beyond,
}

impl Learning<Matrix, NoTarget, WinsorizerModel> for Winsorizing<'_> {
    fn add(&mut self, batch: &Train<'_, Matrix, NoTarget>) -> Result<()> {
        let features = self.features.get_or_insert_with(|| batch.x.features().clone());
        let x = features.align(batch.x)?;
        if let Bounds::Fixed(low, high) = self.settings.bounds {
            self.bounds.get_or_insert_with(|| vec![(low, high); x.n_cols()]);
        }
        match &self.bounds {
            Some(bounds) => self.beyond.add(&x, batch.weights, bounds),
            None => self.parts.add(&x, batch.weights).map(drop),
        }
    }

    fn end_pass(&mut self) -> Result<Option<WinsorizerModel>> {
        let features = self.features.clone().unwrap_or_default();
        match (self.bounds.take(), self.settings.bounds) {
            (Some(bounds), _) => {
                self.settings.model(features, bounds, std::mem::take(&mut self.beyond)).map(Some)
            }
            (None, Bounds::Deviations(fold)) => {
                let (features, moments) = std::mem::take(&mut self.parts).finish()?;
                self.bounds = Some(of_moments(fold, &moments, &features)?);
                Ok(None)
            }
            (None, _) => Err(Error::empty("the batches have no rows")),
        }
    }
}
