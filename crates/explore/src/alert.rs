//! What a reader of a profile should look at.

use perennial_data::ColumnType;
use serde::{Deserialize, Serialize};

use crate::association::Association;
use crate::column::{ColumnProfile, ColumnStatistics};

/// What is worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlertKind {
    /// No row at all.
    Empty,
    /// A column without any value.
    AllMissing,
    /// A column with one value only.
    Constant,
    /// Rows that are equal in every column.
    DuplicateRows,
    /// Infinite numbers.
    Infinite,
    /// More than 5 % missing.
    Missing,
    /// A different text in nearly every row.
    Identifier,
    /// Whole numbers that count the rows.
    RowNumber,
    /// Many categories.
    ManyCategories,
    /// Nearly all rows have the same value.
    Imbalanced,
    /// Empty cells that are not missing.
    Blank,
    /// More than half zeros.
    Zeros,
    /// Far from symmetric.
    Skewed,
    /// More than 5 % outliers.
    Outliers,
    /// Two columns that nearly say the same.
    Associated,
}

/// Something worth a look, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is.
    pub kind: AlertKind,
    /// The column it is about; nothing for the whole table.
    pub column: Option<String>,
    /// What was seen and what may be done.
    pub message: String,
}

fn percent(part: usize, whole: usize) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

pub(crate) fn of_column(column: &ColumnProfile) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut say =
        |kind, message: String| alerts.push(Alert { kind, column: Some(column.name.clone()), message });
    let present = column.present();
    if column.n_rows == 0 {
        return alerts;
    }
    if present == 0 {
        say(AlertKind::AllMissing, "has no value at all; leave it out".into());
        return alerts;
    }
    if column.missing as f64 > 0.05 * column.n_rows as f64 {
        say(
            AlertKind::Missing,
            format!("is missing in {} of the rows", percent(column.missing, column.n_rows)),
        );
    }
    if column.distinct == 1 {
        say(AlertKind::Constant, "has the same value everywhere; it tells models nothing".into());
        return alerts;
    }
    match &column.statistics {
        ColumnStatistics::Number { skewness, zeros, infinite, outliers, rising, .. } => {
            if *infinite > 0 {
                say(AlertKind::Infinite, format!("has {infinite} infinite cells; models refuse them"));
            }
            if *rising
                && column.column_type == ColumnType::Integer
                && column.distinct == column.n_rows
                && present > 20
            {
                say(AlertKind::RowNumber, "rises from row to row without repeating; it may be a row number, which gives away the order".into());
            }
            if *zeros * 2 > present {
                say(AlertKind::Zeros, format!("is 0 in {} of its cells", percent(*zeros, present)));
            }
            if let Some(skewness) = skewness.filter(|skewness| skewness.abs() > 3.0) {
                say(
                    AlertKind::Skewed,
                    format!("is skewed ({skewness:.1}); a logarithm may help linear models"),
                );
            }
            if *outliers * 20 > present {
                say(
                    AlertKind::Outliers,
                    format!("has {} cells far outside its quartiles", percent(*outliers, present)),
                );
            }
        }
        ColumnStatistics::Text { top, blank, .. } => {
            if *blank > 0 {
                say(AlertKind::Blank, format!("has {blank} cells that are empty but not missing"));
            }
            if column.distinct * 20 > present * 19 && present > 20 {
                say(
                    AlertKind::Identifier,
                    "is different in nearly every row; it may identify rows rather than describe them".into(),
                );
            } else if column.distinct > 100 {
                say(
                    AlertKind::ManyCategories,
                    format!(
                        "has {} categories; one-hot encoding would make as many columns",
                        column.distinct
                    ),
                );
            }
            if let Some(first) = top.first().filter(|first| first.count * 20 > present * 19) {
                say(
                    AlertKind::Imbalanced,
                    format!("is `{}` in {} of its cells", first.value, percent(first.count, present)),
                );
            }
        }
        ColumnStatistics::Boolean { true_count } => {
            let rarer = (*true_count).min(present - true_count);
            if rarer * 20 < present {
                say(
                    AlertKind::Imbalanced,
                    format!("is true in {} of its cells", percent(*true_count, present)),
                );
            }
        }
        ColumnStatistics::Time { .. } => {}
    }
    alerts
}

pub(crate) fn of_associations(associations: &[Association]) -> Vec<Alert> {
    let strong = associations.iter().take_while(|pair| pair.value.abs() >= 0.95).take(20);
    strong
        .map(|pair| Alert {
            kind: AlertKind::Associated,
            column: Some(pair.a.clone()),
            message: format!(
                "goes with `{}` ({} {:.3}); one of the two may be left out",
                pair.b,
                pair.measure.replace('_', " "),
                pair.value
            ),
        })
        .collect()
}
