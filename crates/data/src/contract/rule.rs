//! The rules of a contract: what they say. How they are checked stands in `cells` and `whole`.

use std::fmt;
use std::ops::RangeBounds;

use serde::{Deserialize, Serialize};

use super::distribution::{Distance, Distribution};
use super::expect::{Expect, Matching, Sets};
use super::report::Severity;
use super::scalar::{Counts, Range, Scalar};
use crate::ColumnType;

/// One thing that a table must be like, how strictly, and what follows when it is not.
///
/// Rules about cells name the rows that break them, can set them aside ([`quarantine`](Rule::quarantine)) and can be content
/// with a share of the rows ([`mostly`](Rule::mostly)). Missing cells are passed over, but by [`present`](Rule::present) and
/// [`absent`](Rule::absent). Rules about the whole table or column fail or warn.
///
/// | about | rules |
/// |---|---|
/// | cells of a column | `present`, `absent`, `among`, `not_among`, `between`, `length`, `z_score`, `matches`, `matches_all`, `matches_none`, `like`, `like_all`, `like_none`, `time_format`, `date`, `dates`, `json`, `json_schema`, `not_only_special`, `spelled_as`, `increasing`, `strictly_increasing`, `decreasing`, `strictly_decreasing` |
/// | rows | `unique`, `unique_within_row`, `equal`, `compare`, `combinations`, `row_sum`, `one_label` |
/// | a column | `exists`, `types`, `statistic`, `distinct_among`, `distinct_equal`, `distinct_contain`, `most_common_among`, `distance`, `cramers_v`, `mean`, `means`, `group_means`, `fits` |
/// | the table | `row_count`, `same_rows_as`, `column_count`, `columns_ordered`, `columns_set`, `columns_contain` |
///
/// ```
/// use perennial_data::{Contract, Rule, Statistic, Table};
///
/// let contract = Contract::new()
///     .extra_columns(true)
///     .rule(Rule::between("age", 0..=120).quarantine())
///     .rule(Rule::matches("mail", ["^[^@]+@[^@]+$"]).mostly(0.5))
///     .rule(Rule::statistic("age", Statistic::Mean, 20.0..60.0).warn());
/// let table = Table::builder().integer("age", [31, 540]).text("mail", ["ada@example.org", "none"]).build()?;
/// let sifted = contract.sift(&table)?;
/// assert_eq!((sifted.kept.n_rows(), sifted.quarantine.n_rows()), (1, 1));
///
/// let text = r#"
/// extra_columns = true
/// [[rules]]
/// expect = { between = { column = "age", range = { min = 0, max = 120 } } }
/// severity = "quarantine"
/// "#;
/// let written: Contract = toml::from_str(text).unwrap();
/// assert_eq!(written.rules(), &contract.rules()[..1]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(default)]
    pub(super) severity: Severity,
    /// The share of cells that must be right.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub(super) mostly: f64,
    pub(super) expect: Expect,
}

fn all() -> f64 {
    1.0
}

fn is_all(share: &f64) -> bool {
    *share == 1.0
}

/// How one cell stands to another of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Relation {
    Less,
    AtMost,
    Equal,
    NotEqual,
    AtLeast,
    Greater,
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Relation::Less => "less than",
            Relation::AtMost => "at most",
            Relation::Equal => "equal to",
            Relation::NotEqual => "other than",
            Relation::AtLeast => "at least",
            Relation::Greater => "greater than",
        })
    }
}

/// A number that describes a column. Missing cells are passed over.
///
/// Booleans count as 0 and 1; of days and moments there are the minimum, maximum, mean, median and quantiles, compared with
/// texts such as `2024-02-29`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Statistic {
    /// The smallest number.
    Min,
    /// The largest number.
    Max,
    /// The sum divided by the count.
    Mean,
    /// The quantile of 0.5.
    Median,
    /// The standard deviation, over n - 1.
    Deviation,
    /// The sum.
    Sum,
    /// A quantile of an order from 0 to 1, on the straight line between the two nearest numbers.
    Quantile(f64),
    /// How many different cells there are, of a column of any type.
    Distinct,
    /// How many different cells there are for each cell, of a column of any type.
    DistinctShare,
    /// How many cells are missing, in a column of any type.
    Missing,
    /// The share of missing cells, in a column of any type.
    MissingShare,
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Statistic::Min => f.write_str("minimum"),
            Statistic::Max => f.write_str("maximum"),
            Statistic::Mean => f.write_str("mean"),
            Statistic::Median => f.write_str("median"),
            Statistic::Deviation => f.write_str("standard deviation"),
            Statistic::Sum => f.write_str("sum"),
            Statistic::Quantile(order) => write!(f, "quantile of {order}"),
            Statistic::Distinct => f.write_str("number of distinct cells"),
            Statistic::DistinctShare => f.write_str("share of distinct cells"),
            Statistic::Missing => f.write_str("number of missing cells"),
            Statistic::MissingShare => f.write_str("share of missing cells"),
        }
    }
}

fn strings<S: Into<String>>(items: impl IntoIterator<Item = S>) -> Vec<String> {
    items.into_iter().map(Into::into).collect()
}

fn scalars<S: Into<Scalar>>(items: impl IntoIterator<Item = S>) -> Vec<Scalar> {
    items.into_iter().map(Into::into).collect()
}

impl From<Expect> for Rule {
    fn from(expect: Expect) -> Self {
        Rule { expect, severity: Severity::Fail, mostly: 1.0 }
    }
}

/// What follows, and how strictly.
impl Rule {
    /// It is enough that this share of the cells is right, from 0 to 1. Only for rules about cells and rows.
    #[must_use]
    pub fn mostly(mut self, share: f64) -> Self {
        self.mostly = share;
        self
    }

    /// A breach is told, and the table goes on.
    #[must_use]
    pub fn warn(mut self) -> Self {
        self.severity = Severity::Warn;
        self
    }

    /// Rows that break the rule are set aside by [`Contract::sift`](crate::Contract::sift). A rule that is not about cells or
    /// rows has none to set aside, and fails.
    #[must_use]
    pub fn quarantine(mut self) -> Self {
        self.severity = Severity::Quarantine;
        self
    }

    /// Whether enough rows are right where some of those that were looked at are not. In shares of the right ones: 1 - 0.9 is not 0.1.
    pub(super) fn is_enough(&self, n_broken: usize, of: usize) -> bool {
        of == 0 || (of - n_broken) as f64 / of as f64 >= self.mostly
    }

    /// What follows when the rule is broken.
    pub fn severity(&self) -> Severity {
        self.severity
    }
}

/// Cells of one column.
impl Rule {
    /// No cell is missing.
    pub fn present(column: impl Into<String>) -> Self {
        Expect::Present { column: column.into() }.into()
    }

    /// Every cell is missing.
    pub fn absent(column: impl Into<String>) -> Self {
        Expect::Absent { column: column.into() }.into()
    }

    /// Every cell is one of these values.
    pub fn among<S: Into<Scalar>>(column: impl Into<String>, values: impl IntoIterator<Item = S>) -> Self {
        Expect::Among { column: column.into(), values: scalars(values), not: false }.into()
    }

    /// No cell is one of these values.
    pub fn not_among<S: Into<Scalar>>(
        column: impl Into<String>,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        Expect::Among { column: column.into(), values: scalars(values), not: true }.into()
    }

    /// Cells lie in a range, such as `0..=120`, `0.0..`, or `"2024-01-01".."2025-01-01"` for days; texts by their bytes.
    pub fn between<S: Into<Scalar> + Clone>(column: impl Into<String>, range: impl RangeBounds<S>) -> Self {
        Expect::Between { column: column.into(), range: Range::of(&range) }.into()
    }

    /// Texts have this many characters.
    pub fn length(column: impl Into<String>, range: impl RangeBounds<usize>) -> Self {
        Expect::Length { column: column.into(), range: Counts::of(&range) }.into()
    }

    /// Numbers are at most `limit` standard deviations (over n - 1) from the mean of their column.
    pub fn z_score(column: impl Into<String>, limit: f64) -> Self {
        Expect::ZScore { column: column.into(), limit }.into()
    }

    /// Texts match one of these regular expressions somewhere; `^` and `$` stand for start and end.
    pub fn matches<S: Into<String>>(
        column: impl Into<String>,
        patterns: impl IntoIterator<Item = S>,
    ) -> Self {
        Expect::Matches { column: column.into(), patterns: strings(patterns), how: Matching::Any }.into()
    }

    /// Texts match all of these regular expressions.
    pub fn matches_all<S: Into<String>>(
        column: impl Into<String>,
        patterns: impl IntoIterator<Item = S>,
    ) -> Self {
        Expect::Matches { column: column.into(), patterns: strings(patterns), how: Matching::All }.into()
    }

    /// Texts match none of these regular expressions.
    pub fn matches_none<S: Into<String>>(
        column: impl Into<String>,
        patterns: impl IntoIterator<Item = S>,
    ) -> Self {
        Expect::Matches { column: column.into(), patterns: strings(patterns), how: Matching::None }.into()
    }

    /// Whole texts are like one of these patterns of SQL: `%` for any characters, `_` for one.
    pub fn like<S: Into<String>>(column: impl Into<String>, patterns: impl IntoIterator<Item = S>) -> Self {
        Expect::Like { column: column.into(), patterns: strings(patterns), how: Matching::Any }.into()
    }

    /// Whole texts are like all of these patterns of SQL.
    pub fn like_all<S: Into<String>>(
        column: impl Into<String>,
        patterns: impl IntoIterator<Item = S>,
    ) -> Self {
        Expect::Like { column: column.into(), patterns: strings(patterns), how: Matching::All }.into()
    }

    /// Whole texts are like none of these patterns of SQL.
    pub fn like_none<S: Into<String>>(
        column: impl Into<String>,
        patterns: impl IntoIterator<Item = S>,
    ) -> Self {
        Expect::Like { column: column.into(), patterns: strings(patterns), how: Matching::None }.into()
    }

    /// No text is of special characters alone: each that is not empty has a letter or a digit, of any script.
    pub fn not_only_special(column: impl Into<String>) -> Self {
        Rule::matches(column, [r"^$|[\p{L}\p{N}]"])
    }

    /// No text is another spelling of one of these, such as those of a reference table: the same but for case, punctuation and white
    /// space. Texts that are like none of them pass; [`among`](Rule::among) refuses those.
    ///
    /// ```
    /// use perennial_data::{Contract, Rule, Table};
    ///
    /// let reference = Table::builder().text("city", ["Bern", "St. Gallen"]).build()?;
    /// let rule = Rule::spelled_as("city", reference.column("city")?.as_text()?.flatten());
    /// let contract = Contract::new().extra_columns(true).rule(rule);
    /// let later = Table::builder().text("city", ["Bern", "st gallen", "Chur"]).build()?;
    /// assert_eq!(contract.check(&later).violations()[0].rows, [1]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    pub fn spelled_as<S: Into<String>>(
        column: impl Into<String>,
        reference: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut like = strings(reference);
        like.sort_unstable();
        like.dedup();
        Expect::Spelled { column: column.into(), like }.into()
    }

    /// Texts are moments in a format of `strftime`, such as `%d.%m.%Y`. Known are `%Y %y %m %d %e %j %H %I %M %S %f %p %b %B
    /// %a %A %z %F %T %D %R %%`, with English names.
    pub fn time_format(column: impl Into<String>, format: impl Into<String>) -> Self {
        Expect::TimeFormat { column: column.into(), format: format.into() }.into()
    }

    /// Texts are days or moments of ISO 8601, as the readers know them.
    pub fn date(column: impl Into<String>) -> Self {
        Expect::Date { column: column.into() }.into()
    }

    /// Texts are JSON.
    pub fn json(column: impl Into<String>) -> Self {
        Expect::Json { column: column.into() }.into()
    }

    /// Texts are JSON that a JSON Schema accepts. Of the words of the schema that constrain, these are known: `type`, `enum`,
    /// `const`, `required`, `properties`, `additionalProperties`, `items`, `minItems`, `maxItems`, `uniqueItems`, `minimum`,
    /// `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, `minLength`, `maxLength`, `pattern`, `allOf`, `anyOf`,
    /// `oneOf` and `not`. A schema with another one is an error of the rule.
    pub fn json_schema(column: impl Into<String>, schema: impl Into<String>) -> Self {
        Expect::JsonSchema { column: column.into(), schema: schema.into() }.into()
    }

    /// No cell is less than the one before it.
    pub fn increasing(column: impl Into<String>) -> Self {
        Expect::Ordered { column: column.into(), falling: false, strictly: false }.into()
    }

    /// Every cell is greater than the one before it.
    pub fn strictly_increasing(column: impl Into<String>) -> Self {
        Expect::Ordered { column: column.into(), falling: false, strictly: true }.into()
    }

    /// No cell is greater than the one before it.
    pub fn decreasing(column: impl Into<String>) -> Self {
        Expect::Ordered { column: column.into(), falling: true, strictly: false }.into()
    }

    /// Every cell is less than the one before it.
    pub fn strictly_decreasing(column: impl Into<String>) -> Self {
        Expect::Ordered { column: column.into(), falling: true, strictly: true }.into()
    }
}

/// Cells of a row beside each other. Rows with a missing cell among them are passed over.
impl Rule {
    /// No two rows have the same cells in these columns. The first of equal rows is right.
    pub fn unique<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Expect::Unique { columns: strings(columns) }.into()
    }

    /// Rows with the same cells in these columns have the same label; without columns, in all others. All rows whose labels conflict
    /// break it; rows without a label are passed over.
    pub fn one_label<S: Into<String>>(
        label: impl Into<String>,
        columns: impl IntoIterator<Item = S>,
    ) -> Self {
        Expect::OneLabel { label: label.into(), columns: strings(columns) }.into()
    }

    /// No two of these columns have the same cell in a row.
    pub fn unique_within_row<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Expect::UniqueWithinRow { columns: strings(columns) }.into()
    }

    /// All of these columns have the same cell in a row.
    pub fn equal<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Expect::Equal { columns: strings(columns) }.into()
    }

    /// The cell of one column stands so to that of another, both numbers, both texts, or both days and moments.
    pub fn compare(left: impl Into<String>, relation: Relation, right: impl Into<String>) -> Self {
        Expect::Compare { left: left.into(), relation, right: right.into() }.into()
    }

    /// The cells of these columns are one of these lists of values: pairs, or more.
    pub fn combinations<S: Into<String>, V: Into<Scalar>, R: IntoIterator<Item = V>>(
        columns: impl IntoIterator<Item = S>,
        allowed: impl IntoIterator<Item = R>,
    ) -> Self {
        let allowed = allowed.into_iter().map(scalars).collect();
        Expect::Combinations { columns: strings(columns), allowed }.into()
    }

    /// The numbers of a row add up to this total, within a tolerance.
    pub fn row_sum<S: Into<String>>(
        columns: impl IntoIterator<Item = S>,
        total: f64,
        tolerance: f64,
    ) -> Self {
        Expect::RowSum { columns: strings(columns), total, tolerance }.into()
    }
}

/// A column as a whole.
impl Rule {
    /// The column is there.
    pub fn exists(column: impl Into<String>) -> Self {
        Expect::Exists { column: column.into() }.into()
    }

    /// The column is of one of these types.
    pub fn types(column: impl Into<String>, types: impl IntoIterator<Item = ColumnType>) -> Self {
        Expect::Types { column: column.into(), types: types.into_iter().collect() }.into()
    }

    /// A statistic of the column lies in a range. A column without a cell has no mean, which breaks the rule.
    pub fn statistic<S: Into<Scalar> + Clone>(
        column: impl Into<String>,
        of: Statistic,
        range: impl RangeBounds<S>,
    ) -> Self {
        Expect::Statistic { column: column.into(), of, range: Range::of(&range) }.into()
    }

    /// The distinct cells are all among these values.
    pub fn distinct_among<S: Into<Scalar>>(
        column: impl Into<String>,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        Expect::Distinct { column: column.into(), are: Sets::Among, values: scalars(values) }.into()
    }

    /// The distinct cells are these values.
    pub fn distinct_equal<S: Into<Scalar>>(
        column: impl Into<String>,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        Expect::Distinct { column: column.into(), are: Sets::Equal, values: scalars(values) }.into()
    }

    /// Each of these values stands in some cell.
    pub fn distinct_contain<S: Into<Scalar>>(
        column: impl Into<String>,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        Expect::Distinct { column: column.into(), are: Sets::Contain, values: scalars(values) }.into()
    }

    /// The cell that stands most often, or each of them where several do, is among these values.
    pub fn most_common_among<S: Into<Scalar>>(
        column: impl Into<String>,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        Expect::MostCommonAmong { column: column.into(), values: scalars(values) }.into()
    }

    /// The cells are at most so far from a distribution. The bound is one of the distance itself; [`fits`](Rule::fits) bounds the p-value of a test.
    pub fn distance(column: impl Into<String>, by: Distance, from: Distribution, max: f64) -> Self {
        Expect::Distance { column: column.into(), by, from, max }.into()
    }

    /// Two columns of texts, categories, whole numbers or booleans are at most so much associated, by Cramér's V (also called
    /// Cramér's phi; H. Cramér, Mathematical Methods of Statistics, 1946), from 0 to 1, without a correction for bias.
    pub fn cramers_v(left: impl Into<String>, right: impl Into<String>, max: f64) -> Self {
        Expect::CramersV { left: left.into(), right: right.into(), max }.into()
    }
}

/// The table as a whole.
impl Rule {
    /// There are so many rows: `1..`, `100..=200`.
    pub fn row_count(range: impl RangeBounds<usize>) -> Self {
        Expect::RowCount { range: Counts::of(&range) }.into()
    }

    /// There are as many rows as in another table, given by name to [`Contract::check_beside`](crate::Contract::check_beside).
    pub fn same_rows_as(table: impl Into<String>) -> Self {
        Expect::SameRowsAs { table: table.into() }.into()
    }

    /// There are so many columns.
    pub fn column_count(range: impl RangeBounds<usize>) -> Self {
        Expect::ColumnCount { range: Counts::of(&range) }.into()
    }

    /// These are all the columns, in this order.
    pub fn columns_ordered<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Expect::ColumnsOrdered { columns: strings(columns) }.into()
    }

    /// These are all the columns, in any order.
    pub fn columns_set<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Expect::ColumnsSet { columns: strings(columns), more: false }.into()
    }

    /// These are among the columns.
    pub fn columns_contain<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Expect::ColumnsSet { columns: strings(columns), more: true }.into()
    }
}
