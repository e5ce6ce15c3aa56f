//! Classification by a network.

use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Features, Matrix, Param, PartialFit, Predictor,
    Probabilities, Result, Train,
};
use serde::{Deserialize, Serialize};

use super::data::Truth;
use super::history::Epoch;
use super::layer::Layer;
use super::optimizer::{Optimizer, Schedule};
use super::settings::{Settings, builders};
use super::training::{Fitted, Task};
use crate::classes::{ClassWeight, check_further, check_names, normalise_scores, two_or_more};
use crate::rows::tame_by;

/// A network of layers that ends in the probabilities of classes.
///
/// Learned in batches by the gradient of the cross-entropy. Columns of categories are embedded; missing and unknown
/// categories have a place of their own. With a validation set, or with `early_stopping`, the parameters of the best pass are kept.
///
/// It goes on with [`PartialFit`]: each call makes one pass over the further rows, in batches, with the units and the classes of
/// the first fit. The optimiser begins anew with the first of them and then remembers; a cosine schedule stays at its top.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `layers` | one dense layer of 100 units | | the layers before the last |
/// | `optimizer` | Adam | | how parameters follow gradients |
/// | `learning_rate` | 0.001 | > 0 | the size of steps |
/// | `schedule` | constant | | how the learning rate changes |
/// | `alpha` | 0.0001 | >= 0 | strength of the L2 penalty of the weights |
/// | `batch_size` | up to 200 | >= 1 | the rows of one step |
/// | `max_iter` | 200 | >= 1 | the most passes over the rows |
/// | `tolerance` | 0.0001 | >= 0 | by how much the loss must fall |
/// | `n_iter_no_change` | 10 | >= 1 | passes without such a fall after which learning ends |
/// | `early_stopping` | false | | whether rows are set aside to see when to stop |
/// | `validation_fraction` | 0.1 | 0 to 0.9 | their share |
/// | `class_weight` | none | | how much the rows of each class count |
/// | `standardize` | true | | whether columns of numbers are brought to mean 0 and deviation 1 inside |
/// | `embedding_size` | about 1.6 n^0.56 | >= 1 | how many numbers a category has |
/// | `seed` | from the context | | first weights, order of rows, what is dropped |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::neural::{Layer, MlpClassifier};
///
/// // Whether two numbers have the same sign: no line tells.
/// let x = Array2::from_shape_fn((200, 2), |(i, j)| ((i * (7 + 6 * j)) % 41) as f64 - 20.5);
/// let y = Classes::from_labels(x.rows().into_iter().map(|row| row[0] * row[1] > 0.0));
/// let x = Matrix::from(x);
/// let model = MlpClassifier::new().layers([Layer::dense(32), Layer::dense(16)]).batch_size(20).fit(&x, &y)?;
/// let wrong = model.predict(&x)?.codes().iter().zip(y.codes()).filter(|(a, b)| a != b).count();
/// assert!(wrong < 10);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MlpClassifier {
    settings: Settings,
    class_weight: ClassWeight,
}

builders!(MlpClassifier);

impl MlpClassifier {
    /// Sets how much the rows of each class count.
    #[must_use]
    pub fn class_weight(mut self, class_weight: ClassWeight) -> Self {
        self.class_weight = class_weight;
        self
    }
}

/// A fitted [`MlpClassifier`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct MlpClassifierModel {
    classes: Arc<[String]>,
    /// The classes that had rows; the network has an output for each.
    present: Vec<u32>,
    fitted: Fitted,
}

#[derive(Deserialize)]
struct Parts {
    classes: Arc<[String]>,
    present: Vec<u32>,
    fitted: Fitted,
}

impl TryFrom<Parts> for MlpClassifierModel {
    type Error = Error;

    fn try_from(Parts { classes, present, fitted }: Parts) -> Result<Self> {
        check_names(&classes)?;
        let rising = present.windows(2).all(|pair| pair[0] < pair[1]);
        let inside = present.last().is_some_and(|last| (*last as usize) < classes.len());
        if present.len() != fitted.n_out() || !rising || !inside {
            return Err(Error::corrupt("the network does not have one output for each class"));
        }
        Ok(MlpClassifierModel { classes, present, fitted })
    }
}

impl Estimator for MlpClassifier {
    type Input = Matrix;
    type Target = Classes;
    type Model = MlpClassifierModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<MlpClassifierModel> {
        self.settings.check()?;
        let (weights, by) = tame_by(train.weights);
        let weights = self.class_weight.apply(train.y, weights)?;
        let present = two_or_more(train.y, weights.as_deref())?;
        let place = |code: u32| present.iter().position(|known| *known == code).map(|place| place as u32);
        // Rows of other classes have no weight.
        let truth = Truth::Classes(train.y.codes().iter().map(|&code| place(code).unwrap_or(0)).collect());
        let watched = match train.validation {
            Some((_, y)) => {
                let codes: Option<Vec<u32>> = y.codes().iter().map(|&code| place(code)).collect();
                Some(Truth::Classes(codes.ok_or_else(|| {
                    Error::unknown("the validation set has a class that the training rows lack; divide the rows by class")
                })?))
            }
            None => None,
        };
        let task = Task {
            settings: &self.settings,
            x: train.x,
            truth: &truth,
            weights: weights.as_deref(),
            divided_by: by,
            validation: train.validation.map(|(x, _)| x).zip(watched.as_ref()),
            validation_weights: train.validation_weights,
            n_out: present.len(),
            flat: false,
            ctx: &train.ctx,
        };
        let fitted = task.learn()?;
        Ok(MlpClassifierModel { classes: train.y.shared_names(), present, fitted })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().categorical().validation()
    }
}

impl PartialFit for MlpClassifier {
    fn partial_fit_on(
        &self,
        model: MlpClassifierModel,
        train: &Train<'_, Matrix, Classes>,
    ) -> Result<MlpClassifierModel> {
        let MlpClassifierModel { classes, present, fitted } = model;
        check_further(train.y, &classes, &present)?;
        let (weights, by) = tame_by(train.weights);
        let weights = self.class_weight.apply(train.y, weights)?;
        let place = |code: &u32| present.binary_search(code).unwrap_or_default() as u32;
        let x = fitted.features.align(train.x)?.into_owned();
        let task = Task {
            settings: &self.settings,
            x: &x,
            truth: &Truth::Classes(train.y.codes().iter().map(place).collect()),
            weights: weights.as_deref(),
            divided_by: by,
            validation: None,
            validation_weights: None,
            n_out: present.len(),
            flat: false,
            ctx: &train.ctx,
        };
        let fitted = task.go_on(fitted)?;
        Ok(MlpClassifierModel { classes, present, fitted })
    }
}

impl MlpClassifierModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.fitted.features
    }

    /// The class names.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// The layers before the last.
    pub fn layers(&self) -> &[Layer] {
        self.fitted.layers()
    }

    /// How many numbers were learned.
    pub fn n_parameters(&self) -> usize {
        self.fitted.n_parameters()
    }

    /// What each pass over the rows came to.
    pub fn history(&self) -> &[Epoch] {
        &self.fitted.history
    }

    /// Whether learning ended because the loss no longer fell, and not at `max_iter`. If not, take more passes, a larger learning
    /// rate or a larger tolerance.
    pub fn converged(&self) -> bool {
        self.fitted.converged
    }

    /// How far learning was from its end, in the measure of its tolerance: by how much one of the last `n_iter_no_change` passes lowered
    /// the loss that decides (that of the rows that are watched, where there are any), at most. At most `tolerance` where it converged;
    /// of the first fit, whatever came later.
    pub fn gap(&self) -> f64 {
        self.fitted.gap
    }
}

impl Predictor for MlpClassifierModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for MlpClassifierModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = self.fitted.features.align(x)?;
        x.check_finite(false)?;
        let answers = self.fitted.answer(&x)?;
        let n = self.present.len();
        let mut scores: Vec<f64> = answers.into_iter().map(f64::from).collect();
        normalise_scores(&mut scores, n);
        if let Some(place) = scores.iter().position(|share| share.is_nan()) {
            return Err(Error::overflow(format!(
                "the answer for row {} left the range of numbers; its values are far from all rows of training",
                place / n
            )));
        }
        let mut shares = Array2::zeros((scores.len() / n, self.classes.len()));
        for (mut row, scores) in shares.rows_mut().into_iter().zip(scores.chunks_exact(n)) {
            self.present.iter().zip(scores).for_each(|(&class, share)| row[class as usize] = *share);
        }
        Probabilities::new(shares, self.classes.clone())
    }
}
