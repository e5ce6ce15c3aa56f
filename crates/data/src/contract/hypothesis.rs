//! Rules that are statistical tests: of means, and of how well a distribution fits.

use std::fmt;

use serde::{Deserialize, Serialize};

#[cfg(not(feature = "hypothesis"))]
use super::cells::Fault;
use super::distribution::Distribution;
use super::expect::Expect;
use super::rule::{Relation, Rule};
use super::scalar::Scalar;
#[cfg(not(feature = "hypothesis"))]
use crate::Table;

/// How it is found out whether cells follow a [`Distribution`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FitTest {
    /// Pearson's chi-square test of counts (1900), with one degree of freedom less than there are categories or bins.
    ChiSquare,
    /// The test of Kolmogorov (1933) and Smirnov (1948), of numbers in bins, within which the distribution function is a straight line.
    KolmogorovSmirnov,
    /// So many samples of so many of the numbers, drawn with replacement, of which those count that the test of Kolmogorov and Smirnov lets pass at
    /// the level 0.05; the p-value is their share with one more sample that passes, `(1 + passing) / (1 + replicates)`, and is never 0, so that a small
    /// `min_p` needs many samples. The plain test finds any difference in a long column, however small; samples of one size find those that
    /// matter.
    Bootstrapped {
        /// How many samples: more than `1 / min_p - 1`.
        replicates: usize,
        /// How many numbers each sample has: at most 1,000,000, and 100,000,000 in all samples.
        size: usize,
        /// The seed of the samples.
        #[serde(default)]
        seed: u64,
    },
}

impl fmt::Display for FitTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FitTest::ChiSquare => "chi-square test",
            FitTest::KolmogorovSmirnov => "Kolmogorov-Smirnov test",
            FitTest::Bootstrapped { .. } => "bootstrapped Kolmogorov-Smirnov test",
        })
    }
}

/// A column as a whole, by a statistical test. Missing cells are passed over.
///
/// Of means `Equal`, `AtMost` and `AtLeast` hold unless the test shows that they do not: the p-value of the opposite is at least `alpha`. `Less`, `Greater`
/// and `NotEqual` hold where the test shows it: their p-value is below `alpha`. A column that is too short to be tested breaks the rule. The tests are
/// those of `perennial-statistics` and need the feature `hypothesis`, which is not default.
impl Rule {
    /// The mean stands so to a number, by Student's t-test (1908) at the level `alpha`, such as 0.01.
    ///
    /// ```
    /// use perennial_data::{Column, Contract, Relation, Rule, Table};
    ///
    /// let table = Table::new([("weight", Column::real([10.1, 9.8, 10.4, 9.9, 10.2]))])?;
    /// let contract = |mean| Contract::new().extra_columns(true).rule(Rule::mean("weight", Relation::Equal, mean, 0.01));
    /// assert!(contract(10.0).check(&table).is_met());
    /// assert!(!contract(11.0).check(&table).is_met());
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    pub fn mean(column: impl Into<String>, relation: Relation, number: f64, alpha: f64) -> Self {
        Expect::Mean { column: column.into(), relation, number, alpha }.into()
    }

    /// The mean of a column stands so to that of another, by Welch's t-test (1947) of two samples.
    pub fn means(left: impl Into<String>, relation: Relation, right: impl Into<String>, alpha: f64) -> Self {
        Expect::Means { left: left.into(), relation, right: right.into(), alpha }.into()
    }

    /// The mean of a column in the rows where the column `by` is `first` stands so to that where it is `second`, by Welch's t-test of two samples.
    pub fn group_means<S: Into<Scalar>>(
        column: impl Into<String>,
        by: impl Into<String>,
        first: S,
        relation: Relation,
        second: S,
        alpha: f64,
    ) -> Self {
        let (first, second) = (first.into(), second.into());
        Expect::GroupMeans { column: column.into(), by: by.into(), first, relation, second, alpha }.into()
    }

    /// The cells follow a distribution: the p-value of the test is at least `min_p`, such as 0.05.
    pub fn fits(column: impl Into<String>, by: FitTest, to: Distribution, min_p: f64) -> Self {
        Expect::Fits { column: column.into(), by, to, min_p }.into()
    }
}

#[cfg(not(feature = "hypothesis"))]
pub(super) fn broken(_: &Expect, _: &Table) -> Result<(), Fault> {
    Err(Fault::of_table(
        "a rule is a statistical test, and this build has none; turn the feature `hypothesis` of `perennial-data` on",
    ))
}

#[cfg(feature = "hypothesis")]
pub(super) use self::tested::broken;

#[cfg(feature = "hypothesis")]
mod tested {
    use std::cmp::Ordering;

    use perennial_statistics::test::{
        Alternative, TestResult, goodness_of_fit, ks_bootstrapped, ks_one_sample, one_sample_t, welch_t,
    };

    use super::super::cells::{Fault, column, numbers};
    use super::super::distribution::{Distribution, observed, share_below};
    use super::super::expect::Expect;
    use super::super::rule::Relation;
    use super::super::scalar::{Operand, Scalar};
    use super::FitTest;
    use crate::{Column, Table};

    /// From which p-value on a sample of the bootstrap passes.
    const LEVEL: f64 = 0.05;
    /// How many numbers a sample of the bootstrap may have, and how many all of them.
    const MOST_NUMBERS: usize = 1_000_000;
    const MOST_DRAWS: usize = 100_000_000;

    /// What is wrong with a column or two by a test; nothing where the rule is kept.
    pub(in super::super) fn broken(expect: &Expect, table: &Table) -> Result<(), Fault> {
        match expect {
            Expect::Mean { column: name, relation, number, alpha } => {
                let x = sample(name, column(table, name)?)?;
                let test = |alternative| one_sample_t(&x, *number, alternative);
                holds(*relation, *alpha, test, expect).map_err(|why| Fault::new(name, why))
            }
            Expect::Means { left, relation, right, alpha } => {
                let (a, b) = (sample(left, column(table, left)?)?, sample(right, column(table, right)?)?);
                let test = |alternative| welch_t(&a, &b, alternative);
                holds(*relation, *alpha, test, expect)
                    .map_err(|why| Fault::of_table(format!("columns `{left}` and `{right}`: {why}")))
            }
            Expect::GroupMeans { column: name, by, first, relation, second, alpha } => {
                let (x, groups) = (column(table, name)?, column(table, by)?);
                let cells = numbers(x).ok_or_else(|| without_mean(name, x))?;
                let of = |value: &Scalar| -> Result<Vec<f64>, Fault> {
                    let value = Operand::of(value, groups).map_err(|why| Fault::new(by, why))?;
                    let is = |row: &usize| value.order(groups, *row) == Some(Ordering::Equal);
                    Ok((0..cells.len()).filter(is).filter_map(|row| cells[row]).collect())
                };
                let (a, b) = (of(first)?, of(second)?);
                let test = |alternative| welch_t(&a, &b, alternative);
                holds(*relation, *alpha, test, expect).map_err(|why| Fault::new(name, why))
            }
            Expect::Fits { column: name, by, to, min_p } => {
                testable(*by, *min_p).map_err(|why| Fault::new(name, format!("cannot be tested: {why}")))?;
                let p = p_value(column(table, name)?, *by, to).map_err(|why| Fault::new(name, why))?;
                // A bound that is no number bounds nothing, so it is broken.
                match p >= *min_p {
                    true => Ok(()),
                    false => Err(Fault::new(name, format!("has a p-value of {p}, expected {expect}"))),
                }
            }
            _ => Err(Fault::of_table("a rule that is no test is not tested")),
        }
    }

    fn without_mean(name: &str, column: &Column) -> Fault {
        Fault::new(name, format!("is of type {} and has no mean that could be tested", column.column_type()))
    }

    fn sample(name: &str, column: &Column) -> Result<Vec<f64>, Fault> {
        Ok(numbers(column).ok_or_else(|| without_mean(name, column))?.into_iter().flatten().collect())
    }

    /// Whether a relation of means is shown, or not shown to be wrong; why not in words.
    fn holds(
        relation: Relation,
        alpha: f64,
        test: impl Fn(Alternative) -> perennial_core::Result<TestResult>,
        expect: &Expect,
    ) -> Result<(), String> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(format!("is tested at the level {alpha}; give a number between 0 and 1"));
        }
        let (alternative, is_shown) = match relation {
            Relation::Equal => (Alternative::TwoSided, false),
            Relation::NotEqual => (Alternative::TwoSided, true),
            Relation::Less => (Alternative::Less, true),
            Relation::AtLeast => (Alternative::Less, false),
            Relation::Greater => (Alternative::Greater, true),
            Relation::AtMost => (Alternative::Greater, false),
        };
        let result =
            test(alternative).map_err(|error| format!("cannot be tested: {error}; expected {expect}"))?;
        match (result.p_value < alpha) == is_shown {
            true => Ok(()),
            false => Err(format!("{result}, expected {expect}")),
        }
    }

    /// Whether a rule could be broken at all, and in how much work.
    fn testable(by: FitTest, min_p: f64) -> Result<(), String> {
        let FitTest::Bootstrapped { replicates, size, .. } = by else { return Ok(()) };
        if size > MOST_NUMBERS || replicates.saturating_mul(size) > MOST_DRAWS {
            return Err(format!(
                "{replicates} samples of {size} numbers are too many; a sample may have 1,000,000, and all together 100,000,000"
            ));
        }
        let least = 1.0 / (1.0 + replicates as f64);
        if min_p <= 0.0 {
            return Err(format!("no p-value is below {min_p}; give a `min_p` above 0"));
        }
        if min_p <= least {
            return Err(format!(
                "with {replicates} samples no p-value is below {least}, and `min_p` is {min_p}; it needs at least {} samples",
                (1.0 / min_p).floor().max(1.0)
            ));
        }
        Ok(())
    }

    fn p_value(column: &Column, by: FitTest, to: &Distribution) -> Result<f64, String> {
        let (counts, weights) = observed(column, to)?;
        if by == FitTest::ChiSquare {
            let total: f64 = weights.iter().sum();
            // What is not expected to occur fits where it does not.
            if counts.iter().zip(&weights).any(|(count, weight)| *count > 0.0 && *weight == 0.0) {
                return Ok(0.0);
            }
            let kept = counts.iter().zip(&weights).filter(|(_, weight)| **weight > 0.0);
            let (counts, shares): (Vec<f64>, Vec<f64>) =
                kept.map(|(count, weight)| (*count, weight / total)).unzip();
            if counts.len() < 2 {
                return Ok(1.0);
            }
            return goodness_of_fit(&counts, Some(&shares)).map(|result| result.p_value).map_err(untested);
        }
        let (Distribution::Bins { edges, weights }, Some(cells)) = (to, numbers(column)) else {
            return Err(format!("has a {by} of bins alone; give a distribution of bins"));
        };
        let x: Vec<f64> = cells.into_iter().flatten().collect();
        // Rounding may leave the last share a trace above one.
        let share = share_below(edges, weights);
        let below = |number: f64| share(number).min(1.0);
        match by {
            FitTest::Bootstrapped { replicates, size, seed } => {
                ks_bootstrapped(&x, below, LEVEL, replicates, size, seed)
            }
            _ => ks_one_sample(&x, below, Alternative::TwoSided).map(|result| result.p_value),
        }
        .map_err(untested)
    }

    fn untested(error: perennial_core::Error) -> String {
        format!("cannot be tested: {error}")
    }
}
