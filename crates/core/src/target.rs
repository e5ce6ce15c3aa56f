//! What is learned: values, classes, several outputs, or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayRef2, ArrayView1, Axis};
use serde::{Deserialize, Serialize};

use crate::rows::check_rows;
use crate::{Capabilities, Error, ErrorKind, Result, Rows};

/// One number per row: the target, or the answer, of a regression.
///
/// ```
/// use perennial_core::{Rows, Values};
///
/// let y = Values::from(vec![1.0, 2.0, 3.0]);
/// assert_eq!(y.n_rows(), 3);
/// assert_eq!(y.as_slice()[1], 2.0);
/// assert_eq!(y.iter().sum::<f64>(), 6.0);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Values(Vec<f64>);

impl Values {
    /// The numbers in row order.
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// The numbers one by one, in row order.
    pub fn iter(&self) -> std::slice::Iter<'_, f64> {
        self.0.iter()
    }

    /// The numbers as an array view.
    pub fn view(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(&self.0)
    }

    /// The numbers in row order, moved out.
    pub fn into_vec(self) -> Vec<f64> {
        self.0
    }
}

impl<'a> IntoIterator for &'a Values {
    type Item = &'a f64;
    type IntoIter = std::slice::Iter<'a, f64>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Vec<f64>> for Values {
    fn from(values: Vec<f64>) -> Self {
        Values(values)
    }
}

impl From<Array1<f64>> for Values {
    fn from(values: Array1<f64>) -> Self {
        Values(values.to_vec())
    }
}

impl FromIterator<f64> for Values {
    fn from_iter<I: IntoIterator<Item = f64>>(iter: I) -> Self {
        Values(iter.into_iter().collect())
    }
}

impl Rows for Values {
    type Owned = Values;

    fn n_rows(&self) -> usize {
        self.0.len()
    }

    fn take(&self, rows: &[usize]) -> Result<Values> {
        self.0.take(rows).map(Values)
    }

    fn admit(&self, _: &Capabilities) -> Result<()> {
        check_numbers("the target", &self.0)
    }
}

/// Refuses NaN and infinities in `what`: "the target", "the weights".
///
/// # Errors
/// [`ErrorKind::NonFinite`] with the row of the first such number.
pub fn check_numbers(what: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::new(ErrorKind::NonFinite {
            what: what.to_owned(),
            value: values[row].to_string(),
            row,
            column: None,
            advice: "leave such rows out or repair them".to_owned(),
        })),
    }
}

/// The class of each row, as a code into a list of class names that survives splitting into folds.
///
/// ```
/// use perennial_core::{Classes, Rows};
///
/// let y = Classes::from_labels(["spam", "ham", "spam"]);
/// assert_eq!(y.names(), ["ham", "spam"]);
/// assert_eq!(y.codes(), [1, 0, 1]);
/// assert_eq!(y.take(&[0])?.names(), ["ham", "spam"]);
/// assert_eq!(Classes::from_labels([3, -7]).names(), ["-7", "3"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ClassesParts")]
pub struct Classes {
    codes: Vec<u32>,
    names: Arc<[String]>,
}

#[derive(Deserialize)]
struct ClassesParts {
    codes: Vec<u32>,
    names: Arc<[String]>,
}

impl TryFrom<ClassesParts> for Classes {
    type Error = Error;

    fn try_from(parts: ClassesParts) -> Result<Self> {
        Classes::new(parts.codes, parts.names)
    }
}

impl Classes {
    /// Codes into a list of names.
    ///
    /// # Errors
    /// When a code has no name or a name occurs twice.
    pub fn new(codes: Vec<u32>, names: impl Into<Arc<[String]>>) -> Result<Self> {
        let names = names.into();
        check_names(&names)?;
        match codes.iter().position(|&code| code as usize >= names.len()) {
            None => Ok(Classes { codes, names }),
            Some(row) => Err(Error::malformed(format!(
                "row {row} has class code {}, but there are {} classes, counted from 0",
                codes[row],
                names.len()
            ))),
        }
    }

    /// Classes from any labels; the classes are sorted by the order of the labels.
    pub fn from_labels<T: Ord + Display>(labels: impl IntoIterator<Item = T>) -> Self {
        let labels: Vec<T> = labels.into_iter().collect();
        let distinct: BTreeSet<&T> = labels.iter().collect();
        let order: BTreeMap<&T, u32> = distinct.into_iter().zip(0..).collect();
        let codes = labels.iter().map(|label| order[label]).collect();
        let names = order.keys().map(ToString::to_string).collect();
        Classes { codes, names }
    }

    /// The code of each row.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The class names; a code is a position in this list.
    #[doc(alias = "classes")]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The class names, shared.
    pub fn shared_names(&self) -> Arc<[String]> {
        self.names.clone()
    }

    /// The number of classes, whether or not each of them has rows.
    pub fn n_classes(&self) -> usize {
        self.names.len()
    }

    /// The class name of each row.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.codes.iter().map(|&code| self.names[code as usize].as_str())
    }

    /// The code of a class.
    ///
    /// # Errors
    /// When there is no such class.
    pub fn code(&self, name: &str) -> Result<u32> {
        class_position(&self.names, name).map(|position| position as u32)
    }

    /// The number of rows of each class.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.names.len()];
        for &code in &self.codes {
            counts[code as usize] += 1;
        }
        counts
    }

    /// Refuses a target in which fewer than two classes have rows.
    ///
    /// # Errors
    /// [`ErrorKind::SingleClass`] with the name of the only class.
    pub fn check_two_classes(&self) -> Result<()> {
        let counts = self.counts();
        let mut present = counts.iter().zip(self.names.iter()).filter(|(count, _)| **count > 0);
        match (present.next(), present.next()) {
            (Some(_), Some(_)) => Ok(()),
            (Some((_, class)), None) => Err(Error::new(ErrorKind::SingleClass { class: class.clone() })),
            (None, _) => Err(Error::empty("the target has no rows")),
        }
    }
}

fn class_position(names: &[String], name: &str) -> Result<usize> {
    names.iter().position(|known| known == name).ok_or_else(|| {
        let known: Vec<_> = names.iter().take(10).map(String::as_str).collect();
        Error::unknown(format!("no class is named `{name}`; there are: {}", known.join(", ")))
    })
}

fn check_names(names: &[String]) -> Result<()> {
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Error::malformed(format!(
            "the class name `{name}` occurs twice; give each class its own name"
        ))),
    }
}

impl Rows for Classes {
    type Owned = Classes;

    fn n_rows(&self) -> usize {
        self.codes.len()
    }

    fn take(&self, rows: &[usize]) -> Result<Classes> {
        Ok(Classes { codes: self.codes.take(rows)?, names: self.names.clone() })
    }
}

/// The probability of each class for each row: `n_rows` x `n_classes`, each row summing to 1.
///
/// ```
/// use ndarray::array;
/// use perennial_core::Probabilities;
///
/// let shares = Probabilities::new(array![[0.25, 0.75], [0.5, 0.5]], ["ham".to_owned(), "spam".to_owned()])?;
/// assert_eq!(shares.names(), ["ham", "spam"]);
/// assert_eq!(shares.of("spam")?.as_slice(), [0.75, 0.5]);
/// assert_eq!(shares.most_likely().labels().collect::<Vec<_>>(), ["spam", "ham"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ProbabilitiesParts")]
pub struct Probabilities {
    values: Array2<f64>,
    names: Arc<[String]>,
}

#[derive(Deserialize)]
struct ProbabilitiesParts {
    values: Array2<f64>,
    names: Arc<[String]>,
}

impl TryFrom<ProbabilitiesParts> for Probabilities {
    type Error = Error;

    fn try_from(parts: ProbabilitiesParts) -> Result<Self> {
        Probabilities::new(parts.values, parts.names)
    }
}

impl Probabilities {
    /// Probabilities with the names of their columns.
    ///
    /// # Errors
    /// When the numbers of columns and names differ, a value is outside [0, 1], or a row does not sum to 1
    /// within 1e-9.
    pub fn new(values: Array2<f64>, names: impl Into<Arc<[String]>>) -> Result<Self> {
        let names = names.into();
        check_names(&names)?;
        if values.ncols() != names.len() {
            return Err(Error::malformed(format!(
                "{} columns of probabilities for {} classes",
                values.ncols(),
                names.len()
            )));
        }
        for (row, shares) in values.rows().into_iter().enumerate() {
            let sum: f64 = shares.iter().sum();
            if shares.iter().any(|share| !(0.0..=1.0).contains(share)) || !((sum - 1.0).abs() <= 1e-9) {
                return Err(Error::malformed(format!(
                    "the probabilities of row {row} are {shares}: each must lie in [0, 1] and their sum, here {sum}, must be 1"
                )));
            }
        }
        Ok(Probabilities { values, names })
    }

    /// The values, `n_rows` x `n_classes`.
    pub fn values(&self) -> &ArrayRef2<f64> {
        &self.values
    }

    /// The class names; their order is that of the columns.
    #[doc(alias = "classes")]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The class names, shared.
    pub fn shared_names(&self) -> Arc<[String]> {
        self.names.clone()
    }

    /// The probability of one class for each row.
    ///
    /// # Errors
    /// When there is no such class.
    pub fn of(&self, class: &str) -> Result<Values> {
        let column = class_position(&self.names, class)?;
        Ok(self.values.column(column).iter().copied().collect())
    }

    /// The most probable class of each row; the first of equals.
    pub fn most_likely(&self) -> Classes {
        let best = |row: ArrayView1<'_, f64>| {
            let mut best = 0;
            for (class, share) in row.iter().enumerate() {
                if *share > row[best] {
                    best = class;
                }
            }
            best as u32
        };
        Classes { codes: self.values.rows().into_iter().map(best).collect(), names: self.names.clone() }
    }
}

impl Rows for Probabilities {
    type Owned = Probabilities;

    fn n_rows(&self) -> usize {
        self.values.nrows()
    }

    fn take(&self, rows: &[usize]) -> Result<Probabilities> {
        check_rows(rows, self.n_rows())?;
        Ok(Probabilities { values: self.values.select(Axis(0), rows), names: self.names.clone() })
    }
}

/// Several numbers per row, `n_rows` x `n_outputs`: the target, or the answer, of a multi-output regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs(Array2<f64>);

impl From<Array2<f64>> for Outputs {
    fn from(values: Array2<f64>) -> Self {
        Outputs(values)
    }
}

impl Outputs {
    /// The numbers, `n_rows` x `n_outputs`.
    pub fn values(&self) -> &ArrayRef2<f64> {
        &self.0
    }
}

impl Rows for Outputs {
    type Owned = Outputs;

    fn n_rows(&self) -> usize {
        self.0.nrows()
    }

    fn take(&self, rows: &[usize]) -> Result<Outputs> {
        check_rows(rows, self.n_rows())?;
        Ok(Outputs(self.0.select(Axis(0), rows)))
    }

    fn admit(&self, _: &Capabilities) -> Result<()> {
        self.0.columns().into_iter().try_for_each(|column| check_numbers("the target", &column.to_vec()))
    }
}

/// The target of steps that learn without one. It stands beside any number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NoTarget;

impl Rows for NoTarget {
    type Owned = NoTarget;

    fn n_rows(&self) -> usize {
        0
    }

    fn take(&self, _: &[usize]) -> Result<NoTarget> {
        Ok(NoTarget)
    }

    fn matches(&self, _: usize) -> bool {
        true
    }
}

/// A target that a step can read as the target it learns from.
///
/// Every target serves steps that need none. [`target!`](crate::target) implements this and
/// [`JoinTarget`] for a type of your own.
#[diagnostic::on_unimplemented(
    message = "a target of type `{Self}` cannot serve a step that learns from `{Y}`",
    label = "this step learns from another target",
    note = "use an estimator for `{Self}`, or implement `AsTarget<{Y}>` for it"
)]
pub trait AsTarget<Y: ?Sized> {
    /// The target as the step reads it.
    fn as_target(&self) -> &Y;
}

impl<T: ?Sized> AsTarget<NoTarget> for T {
    fn as_target(&self) -> &NoTarget {
        &NoTarget
    }
}

/// The target of a pipeline whose first part learns from `Self` and whose next part learns from `Next`.
#[diagnostic::on_unimplemented(
    message = "a step that learns from `{Self}` cannot be followed by one that learns from `{Next}`",
    label = "the two parts of this pipeline need different targets",
    note = "all parts of a pipeline that need a target must need the same one"
)]
pub trait JoinTarget<Next: ?Sized> {
    /// What the pipeline learns from.
    type Target: ?Sized + Rows + Sync + AsTarget<Self> + AsTarget<Next>;
}

impl<Next: ?Sized + Rows + Sync + AsTarget<Next>> JoinTarget<Next> for NoTarget {
    type Target = Next;
}

/// Makes a type usable as a target: `perennial_core::target!(MyTarget);`.
///
/// The type must implement [`Rows`](crate::Rows).
#[macro_export]
macro_rules! target {
    ($($name:ty),+ $(,)?) => {$(
        impl $crate::AsTarget<$name> for $name {
            fn as_target(&self) -> &$name {
                self
            }
        }
        impl $crate::JoinTarget<$name> for $name {
            type Target = $name;
        }
        impl $crate::JoinTarget<$crate::NoTarget> for $name {
            type Target = $name;
        }
    )+};
}

target!(Values, Classes, Outputs);
