//! What models answer, whatever their task.

use perennial_core::{Classes, Classifier, Error, Predictor, Probabilities, Result, Rows, Values};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use crate::Task;

/// What a model answers for the rows of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answers {
    /// One number per row, of a regression.
    Values(Values),
    /// The class of each row, of a classification.
    Classes {
        /// The predicted class of each row.
        classes: Classes,
        /// The probability of each class for each row.
        probabilities: Probabilities,
    },
}

impl Answers {
    /// The number of rows that were answered.
    pub fn n_rows(&self) -> usize {
        match self {
            Answers::Values(values) => values.n_rows(),
            Answers::Classes { classes, .. } => classes.n_rows(),
        }
    }

    /// The task these answers belong to.
    pub fn task(&self) -> Task {
        match self {
            Answers::Values(_) => Task::Regression,
            Answers::Classes { probabilities, .. } => {
                Task::Classification { classes: probabilities.names().to_vec() }
            }
        }
    }

    /// Whether both have the same bits, so that -0 is not 0 and NaN is NaN.
    pub fn same_bits(&self, other: &Answers) -> bool {
        fn same<'a>(a: impl Iterator<Item = &'a f64>, b: impl Iterator<Item = &'a f64>) -> bool {
            a.map(|value| value.to_bits()).eq(b.map(|value| value.to_bits()))
        }
        match (self, other) {
            (Answers::Values(a), Answers::Values(b)) => same(a.as_slice().iter(), b.as_slice().iter()),
            (
                Answers::Classes { classes: a, probabilities: p },
                Answers::Classes { classes: b, probabilities: q },
            ) => {
                a == b
                    && p.names() == q.names()
                    && p.values().shape() == q.values().shape()
                    && same(p.values().iter(), q.values().iter())
            }
            _ => false,
        }
    }

    fn check(self, n_rows: usize) -> Result<Self> {
        let answered = match &self {
            Answers::Values(values) => values.n_rows(),
            Answers::Classes { classes, probabilities } => {
                if classes.names() != probabilities.names() {
                    return Err(Error::malformed(
                        "the classifier names other classes in `predict` than in `predict_proba`",
                    ));
                }
                classes.n_rows().min(probabilities.n_rows())
            }
        };
        if answered != n_rows {
            return Err(Error::length_mismatch("the answer of the model", n_rows, answered));
        }
        Ok(self)
    }
}

/// A model of tables that can be put into an artifact and served: it predicts [`Values`], or it is a
/// [`Classifier`]. Every such model has this for nothing.
///
/// ```
/// use perennial_core::{Predictor, Result, Rows, Values};
/// use perennial_data::Table;
/// use perennial_deployment::{Answer, Answers};
///
/// struct Always(f64);
/// impl Predictor for Always {
///     type Input = Table;
///     type Output = Values;
///     fn predict(&self, x: &Table) -> Result<Values> {
///         Ok(vec![self.0; x.n_rows()].into())
///     }
/// }
///
/// let table = Table::builder().real("area", [50.0, 70.0]).build()?;
/// assert_eq!(Always(3.5).answer(&table)?, Answers::Values(vec![3.5, 3.5].into()));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be deployed",
    label = "expected a model that takes a `Table` and is a regressor or a `Classifier`",
    note = "a model must be a `Predictor<Input = Table, Output = Values>` or a `Classifier<Input = Table>`"
)]
pub trait Answer: Predictor<Input = Table> {
    /// The answer for each row: predictions, and probabilities where the model gives them.
    ///
    /// # Errors
    /// As for [`predict`](Predictor::predict).
    fn answer(&self, x: &Table) -> Result<Answers>;
}

impl<M> Answer for M
where
    M: Predictor<Input = Table>,
    M::Output: AnswerKind<M>,
{
    fn answer(&self, x: &Table) -> Result<Answers> {
        M::Output::answer_of(self, x)?.check(x.n_rows())
    }
}

/// How answers of this type are had from a model `M`; it makes [`Answer`] work for both tasks.
#[diagnostic::on_unimplemented(
    message = "answers of type `{Self}` cannot be served",
    note = "a model must predict `Values`, or be a `Classifier`"
)]
pub trait AnswerKind<M>: Sized {
    /// The answers of the model.
    ///
    /// # Errors
    /// As for [`predict`](Predictor::predict).
    fn answer_of(model: &M, x: &Table) -> Result<Answers>;
}

impl<M: Predictor<Input = Table, Output = Values>> AnswerKind<M> for Values {
    fn answer_of(model: &M, x: &Table) -> Result<Answers> {
        model.predict(x).map(Answers::Values)
    }
}

impl<M: Classifier<Input = Table>> AnswerKind<M> for Classes {
    fn answer_of(model: &M, x: &Table) -> Result<Answers> {
        Ok(Answers::Classes { classes: model.predict(x)?, probabilities: model.predict_proba(x)? })
    }
}
