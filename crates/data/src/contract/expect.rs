//! What rules expect: as data, and in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::distribution::{Distance, Distribution};
use super::hypothesis::FitTest;
use super::rule::{Relation, Statistic};
use super::scalar::{Counts, Range, Scalar};
use crate::ColumnType;

/// What is expected, as a contract file writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Expect {
    Present {
        column: String,
    },
    Absent {
        column: String,
    },
    Among {
        column: String,
        values: Vec<Scalar>,
        #[serde(default)]
        not: bool,
    },
    Between {
        column: String,
        range: Range,
    },
    Length {
        column: String,
        range: Counts,
    },
    ZScore {
        column: String,
        limit: f64,
    },
    Matches {
        column: String,
        patterns: Vec<String>,
        #[serde(default)]
        how: Matching,
    },
    Like {
        column: String,
        patterns: Vec<String>,
        #[serde(default)]
        how: Matching,
    },
    TimeFormat {
        column: String,
        format: String,
    },
    Date {
        column: String,
    },
    Dates {
        column: String,
        formats: Vec<String>,
    },
    Json {
        column: String,
    },
    JsonSchema {
        column: String,
        schema: String,
    },
    Spelled {
        column: String,
        like: Vec<String>,
    },
    OneLabel {
        label: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        columns: Vec<String>,
    },
    Ordered {
        column: String,
        #[serde(default)]
        falling: bool,
        #[serde(default)]
        strictly: bool,
    },
    Unique {
        columns: Vec<String>,
    },
    UniqueWithinRow {
        columns: Vec<String>,
    },
    Equal {
        columns: Vec<String>,
    },
    Compare {
        left: String,
        relation: Relation,
        right: String,
    },
    Combinations {
        columns: Vec<String>,
        allowed: Vec<Vec<Scalar>>,
    },
    RowSum {
        columns: Vec<String>,
        total: f64,
        #[serde(default)]
        tolerance: f64,
    },
    Exists {
        column: String,
    },
    Types {
        column: String,
        types: Vec<ColumnType>,
    },
    Statistic {
        column: String,
        of: Statistic,
        range: Range,
    },
    Distinct {
        column: String,
        are: Sets,
        values: Vec<Scalar>,
    },
    MostCommonAmong {
        column: String,
        values: Vec<Scalar>,
    },
    Distance {
        column: String,
        by: Distance,
        from: Distribution,
        max: f64,
    },
    CramersV {
        left: String,
        right: String,
        max: f64,
    },
    Mean {
        column: String,
        relation: Relation,
        number: f64,
        alpha: f64,
    },
    Means {
        left: String,
        relation: Relation,
        right: String,
        alpha: f64,
    },
    GroupMeans {
        column: String,
        by: String,
        first: Scalar,
        relation: Relation,
        second: Scalar,
        alpha: f64,
    },
    Fits {
        column: String,
        by: FitTest,
        to: Distribution,
        min_p: f64,
    },
    RowCount {
        range: Counts,
    },
    SameRowsAs {
        table: String,
    },
    ColumnCount {
        range: Counts,
    },
    ColumnsOrdered {
        columns: Vec<String>,
    },
    ColumnsSet {
        columns: Vec<String>,
        #[serde(default)]
        more: bool,
    },
}

impl Expect {
    /// Whether a row keeps it alone as it does among others.
    pub(super) fn is_of_single_rows(&self) -> bool {
        use Expect as E;
        match self {
            E::Unique { .. } | E::Ordered { .. } | E::ZScore { .. } | E::OneLabel { .. } => false,
            E::Exists { .. } | E::Types { .. } => true,
            E::ColumnCount { .. } | E::ColumnsOrdered { .. } | E::ColumnsSet { .. } => true,
            // The cells of a table are among some values where that of each row is.
            E::Distinct { are: Sets::Among, .. } => true,
            other => super::cells::about(other).is_some(),
        }
    }

    /// The same for a table without some columns; nothing where it was about one of them, or about how many there are.
    pub(super) fn without(&self, is_left_out: &dyn Fn(&str) -> bool) -> Option<Expect> {
        use Expect as E;
        let others = |columns: &[String]| columns.iter().filter(|name| !is_left_out(name)).cloned().collect();
        match self {
            E::ColumnsOrdered { columns } => return Some(E::ColumnsOrdered { columns: others(columns) }),
            E::ColumnsSet { columns, more } => {
                return Some(E::ColumnsSet { columns: others(columns), more: *more });
            }
            E::ColumnCount { .. } => return None,
            // It looks at all columns.
            E::OneLabel { columns, .. } if columns.is_empty() => return None,
            _ => {}
        }
        (!self.columns().into_iter().any(is_left_out)).then(|| self.clone())
    }

    /// The columns that it looks at.
    pub(super) fn columns(&self) -> Vec<&str> {
        use Expect as E;
        super::cells::about(self).unwrap_or_else(|| match self {
            E::Exists { column }
            | E::Types { column, .. }
            | E::Statistic { column, .. }
            | E::Distinct { column, .. }
            | E::MostCommonAmong { column, .. }
            | E::Distance { column, .. }
            | E::Mean { column, .. }
            | E::Fits { column, .. } => vec![column],
            E::CramersV { left, right, .. } | E::Means { left, right, .. } => vec![left, right],
            E::GroupMeans { column, by, .. } => vec![column, by],
            _ => Vec::new(),
        })
    }
}

/// Which of several patterns a text must match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Matching {
    #[default]
    Any,
    All,
    None,
}

/// How the set of distinct cells stands to a set of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sets {
    Among,
    Equal,
    Contain,
}

fn listed<T: fmt::Display>(items: &[T]) -> String {
    const SHOWN: usize = 8;
    let mut text = items.iter().take(SHOWN).map(T::to_string).collect::<Vec<_>>().join(", ");
    if items.len() > SHOWN {
        text.push_str(&format!(", ... ({} in all)", items.len()));
    }
    text
}

/// The columns, if it looks at some, and what is expected of them.
impl fmt::Display for super::Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expect.columns().as_slice() {
            [] => self.expect.fmt(f),
            columns => write!(f, "`{}`: {}", columns.join("`, `"), self.expect),
        }
    }
}

/// What is expected, to follow "expected".
impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = |how: &Matching| match how {
            Matching::Any => "one of",
            Matching::All => "all of",
            Matching::None => "none of",
        };
        match self {
            Expect::Present { .. } => f.write_str("a cell that is not missing"),
            Expect::Absent { .. } => f.write_str("a missing cell"),
            Expect::Among { values, not: false, .. } => write!(f, "one of {}", listed(values)),
            Expect::Among { values, not: true, .. } => write!(f, "none of {}", listed(values)),
            Expect::Between { range, .. } => range.fmt(f),
            Expect::Length { range, .. } => write!(f, "{range} characters"),
            Expect::ZScore { limit, .. } => write!(f, "at most {limit} standard deviations from the mean"),
            Expect::Matches { patterns, how: of, .. } => {
                write!(f, "a text that matches {} `{}`", how(of), patterns.join("`, `"))
            }
            Expect::Like { patterns, how: of, .. } => {
                write!(f, "a text that is like {} `{}`", how(of), patterns.join("`, `"))
            }
            Expect::TimeFormat { format, .. } => write!(f, "a moment written as `{format}`"),
            Expect::Date { .. } => {
                f.write_str("a day or moment such as `2024-02-29` or `2024-02-29 12:00:00`")
            }
            Expect::Dates { formats, .. } => {
                let formats: Vec<String> = formats.iter().map(|format| format!("`{format}`")).collect();
                write!(f, "a day or moment such as `2024-02-29`, or written as one of {}", listed(&formats))
            }
            Expect::Json { .. } => f.write_str("JSON"),
            Expect::JsonSchema { .. } => f.write_str("JSON that the schema accepts"),
            Expect::Spelled { like, .. } => write!(f, "no other spelling of one of {}", listed(like)),
            Expect::OneLabel { columns, .. } if columns.is_empty() => {
                f.write_str("one label for rows that are the same otherwise")
            }
            Expect::OneLabel { columns, .. } => {
                write!(f, "one label for rows with the same {}", listed(columns))
            }
            Expect::Ordered { falling, strictly, .. } => {
                let side = if *falling { "less" } else { "greater" };
                let or = if *strictly { "" } else { " or the same" };
                write!(f, "a cell {side} than the one before{or}")
            }
            Expect::Unique { .. } => f.write_str("what no earlier row has"),
            Expect::UniqueWithinRow { .. } => f.write_str("cells that all differ"),
            Expect::Equal { .. } => f.write_str("cells that are all the same"),
            Expect::Compare { left, relation, right } => write!(f, "`{left}` {relation} `{right}`"),
            Expect::Combinations { allowed, .. } => {
                write!(f, "one of the {} allowed combinations", allowed.len())
            }
            Expect::RowSum { total, .. } => write!(f, "a sum of {total}"),
            Expect::Exists { .. } => f.write_str("the column"),
            Expect::Types { types, .. } => write!(f, "a column of type {}", listed(types)),
            Expect::Statistic { of, range, .. } => write!(f, "a {of} of {range}"),
            Expect::Distinct { are: Sets::Among, values, .. } => write!(f, "only {}", listed(values)),
            Expect::Distinct { are: Sets::Equal, values, .. } => write!(f, "exactly {}", listed(values)),
            Expect::Distinct { are: Sets::Contain, values, .. } => write!(f, "all of {}", listed(values)),
            Expect::MostCommonAmong { values, .. } => write!(f, "one of {} most often", listed(values)),
            Expect::Distance { by, max, .. } => write!(f, "a {by} of at most {max}"),
            Expect::CramersV { max, .. } => write!(f, "a Cramér's V of at most {max}"),
            Expect::Mean { relation, number, alpha, .. } => {
                write!(f, "a mean {relation} {number} at the level {alpha}")
            }
            Expect::Means { left, relation, right, alpha } => {
                write!(f, "a mean of `{left}` {relation} that of `{right}` at the level {alpha}")
            }
            Expect::GroupMeans { by, first, relation, second, alpha, .. } => write!(
                f,
                "a mean where `{by}` is {first} {relation} that where it is {second} at the level {alpha}"
            ),
            Expect::Fits { by, min_p, .. } => write!(f, "a p-value of the {by} of at least {min_p}"),
            Expect::RowCount { range } => write!(f, "{range} rows"),
            Expect::SameRowsAs { table } => write!(f, "as many rows as `{table}` has"),
            Expect::ColumnCount { range } => write!(f, "{range} columns"),
            Expect::ColumnsOrdered { columns } => write!(f, "the columns {} in this order", listed(columns)),
            Expect::ColumnsSet { columns, more: false } => write!(f, "the columns {}", listed(columns)),
            Expect::ColumnsSet { columns, more: true } => {
                write!(f, "the columns {} among others", listed(columns))
            }
        }
    }
}
