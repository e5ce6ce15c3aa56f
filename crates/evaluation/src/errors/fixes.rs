use std::borrow::Cow;
use std::fmt;

use ndarray::ArrayRef2;
use perennial_core::{Error, Matrix, Result, check_rows};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::nearest::Near;
use crate::Tabular;
use crate::tabular::AsNumbers;

/// What might help a group of rows, and what speaks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fix {
    /// The model has learned from few rows like these, or from none: collect some.
    CollectRows {
        /// The share of the group's rows that are unlike all training rows.
        unlike_training: f64,
    },
    /// A feature is missing far more often than elsewhere: collect it, or tell the model that it is missing
    /// (`MissingIndicator`, `SimpleImputer::indicator`).
    FillFeature {
        /// The feature.
        feature: String,
        /// The share of the group's rows without it.
        missing: f64,
        /// The share of all other rows without it.
        elsewhere: f64,
    },
    /// A few rows make up most of what is bad: look at them, and at their labels ([`LabelIssues`](super::LabelIssues),
    /// [`nearest_rows`](super::nearest_rows)).
    CheckRows {
        /// The rows, the worst first.
        rows: Vec<usize>,
        /// Their share of what is bad in the group.
        share: f64,
    },
    /// All rows are a little bad alike, so the model cannot tell what happens here: a feature of what the group has in common,
    /// an interaction, or a model that can bend there.
    ModelGroup {
        /// The features that the group is made of; empty where that is not known.
        features: Vec<String>,
    },
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fix::CollectRows { unlike_training } => write!(
                f,
                "collect rows like these: {:.0} % are unlike all that was learned from",
                100.0 * unlike_training
            ),
            Fix::FillFeature { feature, missing, elsewhere } => write!(
                f,
                "collect `{feature}` or add an indicator: it is missing in {:.0} % of these rows, elsewhere in {:.0} %",
                100.0 * missing,
                100.0 * elsewhere
            ),
            Fix::CheckRows { rows, share } => {
                let first = rows.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join(", ");
                write!(
                    f,
                    "look at {} rows and their labels (first of all {first}): they are {:.0} % of what is bad",
                    rows.len(),
                    100.0 * share
                )
            }
            Fix::ModelGroup { features } if features.is_empty() => {
                write!(
                    f,
                    "all rows are bad alike: add a feature that tells them apart, or a model that can bend here"
                )
            }
            Fix::ModelGroup { features } => write!(
                f,
                "all rows are bad alike: add a feature or an interaction of {}, or a model that can bend there",
                features.join(", ")
            ),
        }
    }
}

/// A feature is missing far more often from this difference of shares on.
const MISSING_MORE: f64 = 0.1;
/// Rows are few that make up most: a tenth of the rows, half of the badness.
const FEW: f64 = 0.1;
const MOST: f64 = 0.5;
/// A group is unlike the training rows from this share of rows on; 0.05 is what chance gives.
const UNLIKE: f64 = 0.25;
/// About so many rows of a group are compared with the training rows.
const LOOKED: usize = 200;

/// What might help a group of rows: `badness` is a number for each row that is larger for worse ones and at least 0, such as
/// its loss, and `features` are those that the group is made of. With training rows it is also asked whether the model has
/// seen anything like the group. Rows are those of a matrix, or with the feature `table` of a table.
///
/// # Errors
/// When lengths differ, a row does not exist, the group is empty, columns differ from those of the training rows, or a matrix
/// is sparse.
pub fn candidate_fixes<X: Tabular>(
    badness: &[f64],
    x: &X,
    rows: &[usize],
    features: &[String],
    train: Option<&X>,
) -> Result<Vec<Fix>> {
    if badness.len() != x.n_rows() {
        return Err(Error::length_mismatch("the badness of the rows", x.n_rows(), badness.len()));
    }
    check_rows(rows, x.n_rows())?;
    let AsNumbers { x, beside } = AsNumbers::of(x, train)?;
    let known = beside.as_ref().map(|train| Known::new(train, &x)).transpose()?;
    fixes_of(badness, &x, rows, features, known.as_ref())
}

/// Training rows, for many groups.
pub(super) struct Known<'a> {
    near: Near<'a>,
    usual: f64,
    /// The rows that are asked about, in the columns of the training rows.
    asked: Cow<'a, Matrix>,
}

impl<'a> Known<'a> {
    pub(super) fn new(train: &'a Matrix, x: &'a Matrix) -> Result<Self> {
        let (near, asked) = (Near::new(train)?, train.features().align(x)?);
        Ok(Known { usual: near.usual_distance(), near, asked })
    }

    /// The share of rows that are unlike all training rows; some tell as much as all.
    fn unlike(&self, rows: &[usize]) -> Result<f64> {
        let (asked, step) = (self.asked.dense()?, rows.len().div_ceil(LOOKED).max(1));
        let looked: Vec<usize> = rows.iter().copied().step_by(step).collect();
        let far = reduce::map_each(looked.len(), |place| {
            self.near.nearest_distance(asked.row(looked[place]), None) > self.usual
        });
        Ok(far.iter().filter(|far| **far).count() as f64 / looked.len() as f64)
    }
}

/// As [`candidate_fixes`], of rows that were checked.
pub(super) fn fixes_of(
    badness: &[f64],
    x: &Matrix,
    rows: &[usize],
    features: &[String],
    known: Option<&Known<'_>>,
) -> Result<Vec<Fix>> {
    if rows.is_empty() {
        return Err(Error::empty("the group has no rows"));
    }
    let values = x.dense()?;
    let mut fixes = Vec::new();
    if let Some(known) = known {
        let unlike_training = known.unlike(rows)?;
        if unlike_training >= UNLIKE {
            fixes.push(Fix::CollectRows { unlike_training });
        }
    }
    fixes.extend(missing(values, x, rows));
    let mut worst: Vec<usize> = rows.to_vec();
    worst.sort_by(|&a, &b| badness[b].total_cmp(&badness[a]).then(a.cmp(&b)));
    let total: f64 = rows.iter().map(|&row| badness[row]).sum();
    worst.truncate(((FEW * rows.len() as f64).ceil() as usize).max(1));
    let share = worst.iter().map(|&row| badness[row]).sum::<f64>() / total;
    if share >= MOST && rows.len() > 2 {
        fixes.push(Fix::CheckRows { rows: worst, share: share.min(1.0) });
    } else {
        fixes.push(Fix::ModelGroup { features: features.to_vec() });
    }
    Ok(fixes)
}

/// The features that are missing more often in the group than elsewhere.
fn missing(values: &ArrayRef2<f64>, x: &Matrix, rows: &[usize]) -> Vec<Fix> {
    let mut inside = vec![false; values.nrows()];
    rows.iter().for_each(|&row| inside[row] = true);
    let n_inside = inside.iter().filter(|inside| **inside).count();
    if n_inside == values.nrows() {
        return Vec::new();
    }
    let of_column = |column: usize| {
        let mut counts = [0_usize; 2];
        for (value, inside) in values.column(column).iter().zip(&inside) {
            counts[usize::from(*inside)] += usize::from(value.is_nan());
        }
        let share = |count: usize, of: usize| if of > 0 { count as f64 / of as f64 } else { 0.0 };
        let (elsewhere, missing) = (share(counts[0], values.nrows() - n_inside), share(counts[1], n_inside));
        let feature = x.features().name(column).to_owned();
        (missing - elsewhere >= MISSING_MORE).then_some(Fix::FillFeature { feature, missing, elsewhere })
    };
    (0..values.ncols()).filter_map(of_column).collect()
}
