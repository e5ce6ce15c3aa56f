//! Which class was taken for which.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use ndarray::{Array2, ArrayRef2, arr2};
use perennial_core::{Classes, Error, Result};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::check_pairs;
use crate::stack::{all_names, places};

/// The weight of the rows of each true class (rows) that were given each class (columns).
///
/// It is what a stream of rows leaves behind: matrices of parts of the rows are [merged](ConfusionMatrix::merge), and
/// every metric that is [`OfConfusion`](super::OfConfusion) reads its score from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct ConfusionMatrix {
    pub(super) names: Arc<[String]>,
    pub(super) counts: Array2<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    names: Arc<[String]>,
    counts: Array2<f64>,
}

impl TryFrom<Parts> for ConfusionMatrix {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let k = parts.names.len();
        if parts.counts.dim() != (k, k) {
            return Err(Error::malformed(format!(
                "a confusion matrix of {k} classes has {k} rows and columns, not {:?}",
                parts.counts.dim()
            )));
        }
        if let Some(count) = parts.counts.iter().find(|count| !(count.is_finite() && **count >= 0.0)) {
            return Err(Error::malformed(format!(
                "a confusion matrix holds {count}; counts are finite and not negative"
            )));
        }
        Ok(ConfusionMatrix { names: parts.names, counts: parts.counts })
    }
}

/// Counts which class was taken for which; the classes are those of both lists of names.
///
/// ```
/// use perennial_core::Classes;
/// use perennial_evaluation::metric::confusion_matrix;
///
/// let truth = Classes::from_labels(["cat", "cat", "dog", "dog"]);
/// let answer = Classes::from_labels(["cat", "dog", "dog", "dog"]);
/// let confusion = confusion_matrix(&truth, &answer, None)?;
/// assert_eq!(confusion.counts()[[0, 1]], 1.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no rows, the lengths differ, or a weight is not acceptable.
pub fn confusion_matrix(
    truth: &Classes,
    prediction: &Classes,
    weights: Option<&[f64]>,
) -> Result<ConfusionMatrix> {
    let pair = Aligned::new(truth, prediction, weights)?;
    let k = pair.names.len();
    let count = |rows: std::ops::Range<usize>| {
        let mut counts = vec![0.0; k * k];
        let (truth, prediction) = (&pair.truth[rows.clone()], &pair.prediction[rows.clone()]);
        match weights {
            None => {
                truth.iter().zip(prediction).for_each(|(&t, &p)| counts[t as usize * k + p as usize] += 1.0)
            }
            Some(weights) => {
                truth.iter().zip(prediction).zip(&weights[rows]).for_each(|((&t, &p), weight)| {
                    counts[t as usize * k + p as usize] += weight;
                })
            }
        }
        counts
    };
    let add = |mut left: Vec<f64>, right: Vec<f64>| {
        left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
        left
    };
    // With many classes, chunks are large enough that adding up their tables costs little.
    let chunk = (1 << 18_usize).max(8 * k * k);
    let counts = reduce::map_reduce(pair.truth.len(), chunk, count, add).unwrap_or_default();
    let counts = Array2::from_shape_fn((k, k), |(t, p)| counts[t * k + p]);
    Ok(ConfusionMatrix { names: pair.names, counts })
}

impl ConfusionMatrix {
    /// Adds what was counted on other rows; classes that are new here get rows and columns at the end.
    ///
    /// # Errors
    /// When a sum leaves the range of f64.
    pub fn merge(&mut self, other: &ConfusionMatrix) -> Result<()> {
        let names = all_names([self.names(), other.names()]).unwrap_or_default();
        let mut counts: Array2<f64> = Array2::zeros((names.len(), names.len()));
        for matrix in [&*self, other] {
            let places = places(matrix.names(), &names);
            for ((truth, given), count) in matrix.counts.indexed_iter() {
                counts[[places[truth], places[given]]] += count;
            }
        }
        if counts.iter().any(|count| !count.is_finite()) {
            return Err(Error::overflow("the merged weights are beyond the range of f64; scale them"));
        }
        *self = ConfusionMatrix { names, counts };
        Ok(())
    }

    /// The places of the classes that rows with weight have or are given.
    pub(super) fn present(&self) -> impl Iterator<Item = usize> {
        let (truth, given) = (self.true_weights(), self.predicted_weights());
        (0..truth.len()).filter(move |&class| truth[class] > 0.0 || given[class] > 0.0)
    }

    /// The weight of all rows.
    ///
    /// # Errors
    /// When it is 0.
    pub fn total(&self) -> Result<f64> {
        let total = self.counts.sum();
        if total > 0.0 { Ok(total) } else { Err(Error::empty("the confusion matrix counts no rows")) }
    }

    /// The weights, `n_classes` x `n_classes`: true classes down, given classes across.
    pub fn counts(&self) -> &ArrayRef2<f64> {
        &self.counts
    }

    /// The class names, in the order of rows and columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The class that most weight of a class was given, the first of equals.
    pub(crate) fn most_given(&self, class: usize) -> usize {
        let row = self.counts.row(class);
        (0..row.len()).fold(0, |best, given| if row[given] > row[best] { given } else { best })
    }

    /// Gives so much weight of a class, or all that there is, another class than it was; tells how much it was.
    pub(crate) fn give(&mut self, class: usize, (from, to): (usize, usize), weight: f64) -> f64 {
        let weight = weight.min(self.counts[[class, from]]);
        self.counts[[class, from]] -= weight;
        self.counts[[class, to]] += weight;
        weight
    }

    /// With a second class that nobody has, where there is but one.
    pub(crate) fn with_another_class(&self) -> Self {
        let [name] = &*self.names else { return self.clone() };
        let names = Arc::from([name.clone(), format!("not {name}")]);
        ConfusionMatrix { names, counts: arr2(&[[self.counts[[0, 0]], 0.0], [0.0, 0.0]]) }
    }

    /// The weight of the rows of each class.
    pub fn true_weights(&self) -> Vec<f64> {
        self.counts.rows().into_iter().map(|row| row.sum()).collect()
    }

    /// The weight of the rows that were given each class.
    pub fn predicted_weights(&self) -> Vec<f64> {
        self.counts.columns().into_iter().map(|column| column.sum()).collect()
    }
}

impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(8);
        write!(f, "{:>width$}", "truth")?;
        self.names.iter().try_for_each(|name| write!(f, " {name:>width$}"))?;
        for (name, row) in self.names.iter().zip(self.counts.rows()) {
            write!(f, "\n{name:>width$}")?;
            row.iter().try_for_each(|count| write!(f, " {count:>width$}"))?;
        }
        Ok(())
    }
}

/// True and given classes as codes into one list of names.
pub(super) struct Aligned<'a> {
    pub(super) names: Arc<[String]>,
    pub(super) truth: &'a [u32],
    pub(super) prediction: Cow<'a, [u32]>,
}

impl<'a> Aligned<'a> {
    pub(super) fn new(truth: &'a Classes, prediction: &'a Classes, weights: Option<&[f64]>) -> Result<Self> {
        check_pairs(truth.codes().len(), prediction.codes().len(), weights)?;
        if truth.names() == prediction.names() {
            let prediction = Cow::Borrowed(prediction.codes());
            return Ok(Aligned { names: truth.shared_names(), truth: truth.codes(), prediction });
        }
        let names = all_names([truth.names(), prediction.names()]).unwrap_or_default();
        let places = places(prediction.names(), &names);
        let codes = prediction.codes().iter().map(|&code| places[code as usize] as u32).collect();
        Ok(Aligned { names, truth: truth.codes(), prediction: Cow::Owned(codes) })
    }

    /// The matrix of rows that come so often.
    pub(super) fn confusion_of(&self, counts: &[u32], weights: Option<&[f64]>) -> ConfusionMatrix {
        let k = self.names.len();
        let mut cells = Array2::zeros((k, k));
        for (row, &count) in counts.iter().enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            cells[[self.truth[row] as usize, self.prediction[row] as usize]] += f64::from(count) * weight;
        }
        ConfusionMatrix { names: self.names.clone(), counts: cells }
    }
}
