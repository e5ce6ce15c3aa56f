//! What fitted steps decided.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::estimator::short_type_name;

/// One thing that a step decided when it learned, in words: what a log of decisions shows; see
/// [`Transformer::decided`](crate::Transformer::decided).
///
/// ```
/// use perennial_core::Decided;
///
/// struct FillModel(f64);
/// let model = FillModel(30.0);
/// let decided = Decided::by(&model, format!("missing cells become {}", model.0), "the mean of the training rows");
/// let decided = decided.column("age").cells(3);
/// assert_eq!(decided.to_string(), "Fill, `age`: missing cells become 30 (the mean of the training rows; 3 training cells)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decided {
    /// The step.
    pub step: String,
    /// The column; nothing where it is about all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What is done from now on, with the number or the categories that were learned.
    pub what: String,
    /// What it was learned from.
    pub why: String,
    /// How many cells of the training rows it changes; nothing where that was not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<usize>,
}

impl Decided {
    /// What a model decided. The step is named as its type, without `Model` at the end.
    pub fn by<M: ?Sized>(_: &M, what: impl Into<String>, why: impl Into<String>) -> Self {
        let name = short_type_name(std::any::type_name::<M>());
        let step = name.strip_suffix("Model").unwrap_or(&name).to_owned();
        Decided { step, column: None, what: what.into(), why: why.into(), cells: None }
    }

    /// Of this column.
    #[must_use]
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// It changes so many cells of the training rows.
    #[must_use]
    pub fn cells(mut self, cells: usize) -> Self {
        self.cells = Some(cells);
        self
    }
}

impl fmt::Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.step)?;
        if let Some(column) = &self.column {
            write!(f, ", `{column}`")?;
        }
        write!(f, ": {} ({}", self.what, self.why)?;
        if let Some(cells) = self.cells {
            write!(f, "; {cells} training cells")?;
        }
        f.write_str(")")
    }
}
