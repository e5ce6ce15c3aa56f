//! What is said of each class, in one table.

use std::fmt;

use perennial_core::Result;
use serde::{Deserialize, Serialize};

use super::classes::ratio;
use super::{Accuracy, ConfusionMatrix, OfConfusion};

/// Precision, recall and F1 of one class, or their average.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassScores {
    /// The class, or the kind of average.
    pub name: String,
    /// The share of the rows given the class that have it; 0 where none was given it.
    pub precision: f64,
    /// The share of the rows of the class that were given it; 0 where none has it.
    pub recall: f64,
    /// The harmonic mean of both; 0 where neither is defined.
    pub f1: f64,
    /// The weight of the rows that have the class.
    pub support: f64,
}

/// Precision, recall and F1 of all classes, their averages, and the accuracy.
///
/// ```
/// use perennial_core::Classes;
/// use perennial_evaluation::metric::{ClassReport, confusion_matrix};
///
/// let truth = Classes::from_labels(["cat", "cat", "dog", "dog"]);
/// let answer = Classes::from_labels(["cat", "dog", "dog", "dog"]);
/// let report = ClassReport::of(&confusion_matrix(&truth, &answer, None)?)?;
/// assert_eq!((report.classes[0].precision, report.classes[0].recall), (1.0, 0.5));
/// println!("{report}");
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassReport {
    /// The share of the weight that was given its class.
    pub accuracy: f64,
    /// One entry for each class, in the order of the names.
    pub classes: Vec<ClassScores>,
    /// The mean over the classes that rows have or are given.
    pub macro_average: ClassScores,
    /// The mean over the classes, each as much as its rows.
    pub weighted_average: ClassScores,
}

impl ClassReport {
    /// Reads the scores off what was counted.
    ///
    /// # Errors
    /// When nothing was counted.
    pub fn of(confusion: &ConfusionMatrix) -> Result<Self> {
        let total = confusion.total()?;
        let (truth, given) = (confusion.true_weights(), confusion.predicted_weights());
        let of_class = |(class, name): (usize, &String)| {
            let right = confusion.counts()[[class, class]];
            ClassScores {
                name: name.clone(),
                precision: ratio(right, given[class]),
                recall: ratio(right, truth[class]),
                f1: ratio(2.0 * right, truth[class] + given[class]),
                support: truth[class],
            }
        };
        let classes: Vec<ClassScores> = confusion.names().iter().enumerate().map(of_class).collect();
        // As `Average::Macro`: a class that no row has and none is given is not averaged.
        let n_present = confusion.present().count() as f64;
        let mut equal = vec![0.0; classes.len()];
        confusion.present().for_each(|class| equal[class] = 1.0 / n_present);
        let by_rows: Vec<f64> = truth.iter().map(|weight| weight / total).collect();
        let average = |name: &str, weights: &[f64]| {
            let mean = |score: fn(&ClassScores) -> f64| {
                classes.iter().zip(weights).map(|(class, weight)| weight * score(class)).sum::<f64>()
            };
            ClassScores {
                name: name.to_owned(),
                precision: mean(|class| class.precision),
                recall: mean(|class| class.recall),
                f1: mean(|class| class.f1),
                support: total,
            }
        };
        Ok(ClassReport {
            accuracy: Accuracy.of_confusion(confusion)?,
            macro_average: average("macro average", &equal),
            weighted_average: average("weighted average", &by_rows),
            classes,
        })
    }
}

impl fmt::Display for ClassReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = || self.classes.iter().chain([&self.macro_average, &self.weighted_average]);
        let width = lines().map(|line| line.name.chars().count()).max().unwrap_or(0);
        writeln!(f, "{:width$}  precision  recall      f1  support", "")?;
        for line in lines() {
            let ClassScores { name, precision, recall, f1, support } = line;
            writeln!(f, "{name:width$}  {precision:9.4}  {recall:6.4}  {f1:6.4}  {support:7}")?;
        }
        write!(f, "{:width$}  {:9.4}", "accuracy", self.accuracy)
    }
}
