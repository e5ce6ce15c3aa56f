//! Which loss a booster of classes makes smaller.

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::losses::{ClassificationLoss, MAX_MARGIN};
use super::objective::Objective;

/// What makes the loss of a booster of classes once it is known how many classes there are and how many rows each has.
///
/// Every [`Objective`] is one: it is taken as it is. Its targets are the numbers of the classes, from 0 on, its scores one for two
/// classes and as many as there are of more, and its answers probabilities: that of class 1, or one for each. Implement this
/// yourself where the loss follows from the classes.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Classes, Classifier, Estimator, Matrix, Result};
/// use perennial_models::GradientBoostingClassifier;
/// use perennial_models::boosting::{ClassObjective, Labels, Objective};
/// use serde::{Deserialize, Serialize};
///
/// /// The exponential loss of AdaBoost, for two classes.
/// #[derive(Clone, Debug, Serialize, Deserialize)]
/// struct Exponential;
///
/// impl Objective for Exponential {
///     fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
///         let share = labels.mean_by(|row| labels.y[row]);
///         Ok(vec![0.5 * (share / (1.0 - share)).ln()])
///     }
///
///     fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
///         labels.each_row(scores, gradients, hessians, |y, score| {
///             let side = 2.0 * y - 1.0;
///             let loss = (-side * score).exp();
///             (-side * loss, loss)
///         });
///     }
///
///     fn answer(&self, scores: &mut [f64]) {
///         scores[0] = 1.0 / (1.0 + (-2.0 * scores[0]).exp());
///     }
///
///     fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
///         labels.mean_by(|row| (-(2.0 * labels.y[row] - 1.0) * scores[row]).exp())
///     }
/// }
///
/// let x = Matrix::from(Array2::from_shape_fn((200, 1), |(row, _)| row as f64));
/// let y = Classes::from_labels((0..200).map(|row| if row < 100 { "low" } else { "high" }));
/// let model = GradientBoostingClassifier::new().loss(Exponential).fit(&x, &y)?;
/// assert!(model.predict_proba(&x)?.of("low")?.as_slice()[0] > 0.9);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub trait ClassObjective: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The loss.
    type Loss: Objective;

    /// The loss of classes that have so many rows, or so much weight, each; `known` is that of a model that is continued.
    ///
    /// # Errors
    /// When it is not defined for so many classes, or a setting is out of range.
    fn for_classes(&self, rows: &[f64], known: Option<&Self::Loss>) -> Result<Self::Loss>;
}

impl<O: Objective> ClassObjective for O {
    type Loss = O;

    fn for_classes(&self, _: &[f64], _: Option<&O>) -> Result<O> {
        Ok(self.clone())
    }
}

/// The losses of classes that are chosen by settings: the logarithmic one of two classes or of more where nothing is set. The
/// settings are those of [`GradientBoostingClassifier`](super::GradientBoostingClassifier).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StandardLoss {
    pub(super) focal: Option<(f64, f64)>,
    pub(super) max_margin: Option<f64>,
    pub(super) one_vs_all: bool,
}

impl ClassObjective for StandardLoss {
    type Loss = ClassificationLoss;

    fn for_classes(&self, rows: &[f64], known: Option<&ClassificationLoss>) -> Result<ClassificationLoss> {
        match (rows, self.focal, self.max_margin) {
            (_, Some(_), Some(_)) => {
                Err(Error::unsupported("`focal` and `ldam` are two losses; set one of them"))
            }
            ([_, _], None, None) => Ok(ClassificationLoss::Logistic),
            ([_, _], Some((gamma, alpha)), None) => Ok(ClassificationLoss::Focal { gamma, alpha }),
            (&[first, second], None, Some(max_margin)) => {
                MAX_MARGIN.check(max_margin)?;
                match known {
                    // Margins follow from the rows that each class had at first.
                    Some(&known @ ClassificationLoss::Ldam { margins })
                        if margins[0].max(margins[1]) == max_margin =>
                    {
                        Ok(known)
                    }
                    _ => Ok(ClassificationLoss::ldam(max_margin, [first, second])),
                }
            }
            (rows, None, None) if self.one_vs_all => {
                Ok(ClassificationLoss::OneVsAll { n_classes: rows.len() })
            }
            (rows, None, None) => Ok(ClassificationLoss::Softmax { n_classes: rows.len() }),
            (rows, ..) => {
                let loss = if self.focal.is_some() { "focal" } else { "ldam" };
                Err(Error::unsupported(format!(
                    "the loss `{loss}` is for two classes, and there are {}; `OneVsRestClassifier` makes pairs of them",
                    rows.len()
                )))
            }
        }
    }
}
