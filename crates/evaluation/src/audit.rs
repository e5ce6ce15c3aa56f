//! What the two sides of a split share, found when the split is made.

mod duplicates;
mod finding;

pub(crate) use finding::Waivers;
pub use finding::{AuditReport, Check, Finding, Severity};

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use perennial_core::{Error, Matrix, Param, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::Split;
use crate::split::{FixedSplits, SplitInputs, Splitter};

/// Makes splits and looks at once for what their two sides share.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `near` | see below | > 0 | how near two rows may be, as the root of the mean squared difference of their columns in standard deviations; where there are few columns, rows are near each other by chance; of a table, its numeric columns as [`SplitInputs::rows`] |
/// | `tolerated` | 0 | in [0, 1] | share of the tested rows that may have a copy, near or exact, among those learned from |
/// | `min_support` | 1 | >= 0 | rows that each class must have on each side |
/// | `waive` | nothing | | why a finding is right as it is; the reason stays in the report |
///
/// What is looked for follows from what is known of the rows: copies need [`SplitInputs::rows`] or
/// [`SplitInputs::row_numbers`], near copies the rows as a matrix, entities [`SplitInputs::groups`], and so on. Whoever has no times or groups to give is
/// told of nothing there.
///
/// Where `near` is not told, rows of a dense matrix of at least three columns that are within a thousandth are a warning, unless there are more
/// than twice as many pairs of rows within four thousandths: then they are near by chance. A column with few large values is measured by
/// its quartiles then, not by its deviation. That is looked for where it takes little time and memory: up to 200,000 rows of all splits
/// together (40,000 in five folds), 100 million cells of the rows that are in a split, and 5 million pairs that are compared in all splits
/// together, fewer the more columns there are above 100 (half as many of 200). Compared are pairs that are near in one direction, at random.
/// Where there are more, [`AuditReport::skipped`] says so.
///
/// ```
/// use ndarray::array;
/// use perennial_core::Matrix;
/// use perennial_evaluation::split::{KFold, SplitInputs};
/// use perennial_evaluation::{Check, SplitAudit};
///
/// let x = Matrix::from(array![[1.0], [2.0], [1.0], [3.0]]);
/// let inputs = SplitInputs::new(4).rows(&x);
/// let folds = KFold::new(2).shuffle(false);
/// let error = SplitAudit::new().split(&folds, &inputs).unwrap_err();
/// assert!(error.to_string().contains("exact copy"));
///
/// // Or they stay, for a reason that stays with them.
/// let audit = SplitAudit::new().waive(Check::DuplicateRows, "two patients may be of one age");
/// let splits = audit.split(&folds, &inputs)?;
/// assert_eq!(splits.report().findings.len(), 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitAudit {
    near: Option<f64>,
    tolerated: f64,
    min_support: usize,
    waivers: Waivers,
    /// Whether what may be right as it is only warns.
    #[serde(skip)]
    gentle: bool,
}

const NEAR: Param = Param::real("near", "how near two rows may be").above(0.0);
/// What is near where nothing is told.
const NEAR_UNTOLD: f64 = 1e-3;
/// Rows of fewer columns are so near to each other by chance.
const LEAST_COLUMNS: usize = 3;
/// More rows of all splits together are not looked at unless it is told how near they may be, nor are more cells of the rows in any split, nor
/// more pairs of rows.
const MOST_ROWS: usize = 200_000;
const MOST_CELLS: usize = 100_000_000;
const MOST_PAIRS: usize = 5_000_000;
/// Of more columns fewer pairs are compared.
const USUAL_COLUMNS: usize = 100;
const TOLERATED: Param = Param::real("tolerated", "share of copies").at_least(0.0).at_most(1.0);

impl Default for SplitAudit {
    fn default() -> Self {
        SplitAudit { near: None, tolerated: 0.0, min_support: 1, waivers: Waivers::default(), gentle: false }
    }
}

impl SplitAudit {
    /// The settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// What cross-validation looks for unless it is told: copies, later rows and rare classes, which may be right as
    /// they are, only warn.
    pub(crate) fn gentle() -> Self {
        SplitAudit { gentle: true, ..SplitAudit::default() }
    }

    /// How near two rows may be, in standard deviations of the columns.
    #[must_use]
    pub fn near(mut self, distance: f64) -> Self {
        self.near = Some(distance);
        self
    }

    /// The share of the tested rows that may have a copy among those learned from.
    #[must_use]
    pub fn tolerated(mut self, share: f64) -> Self {
        self.tolerated = share;
        self
    }

    /// The rows that each class must have on each side.
    #[must_use]
    pub fn min_support(mut self, rows: usize) -> Self {
        self.min_support = rows;
        self
    }

    /// Says why what a check finds is right as it is.
    #[must_use]
    pub fn waive(mut self, check: Check, reason: &str) -> Self {
        self.waivers.add(check, reason);
        self
    }

    /// The splits that `splitter` makes, with the report on them.
    ///
    /// # Errors
    /// As [`Splitter::split`]; when a setting is out of range; and [`ErrorKind::Leakage`](perennial_core::ErrorKind)
    /// when something is found that is not waived.
    pub fn split<S>(&self, splitter: &S, inputs: &SplitInputs<'_>) -> Result<AuditedSplits>
    where
        S: Splitter + ?Sized,
    {
        let splits = splitter.split(inputs)?;
        let report = match splitter.audited() {
            Some(report) => report.clone(),
            None => self.report(&splits, inputs)?,
        };
        report.enforce()?;
        Ok(AuditedSplits { splits: FixedSplits::new(splits), report })
    }

    /// All that the two sides of each split share, waived or not.
    ///
    /// # Errors
    /// When a setting is out of range, or the splits or inputs do not belong together.
    pub fn report(&self, splits: &[Split], inputs: &SplitInputs<'_>) -> Result<AuditReport> {
        self.near.map_or(Ok(()), |near| NEAR.check(near))?;
        TOLERATED.check(self.tolerated)?;
        self.waivers.check()?;
        let n = inputs.n_rows;
        // Rows that do not exist, and rows on both sides, are no matter of opinion.
        FixedSplits::new(splits.iter().cloned()).split(inputs)?;
        let (mut findings, mut skipped) = (Vec::new(), Vec::new());
        inputs.rows.map_or(Ok(()), |x| length("the rows", n, x.n_rows()))?;
        inputs.row_numbers.map_or(Ok(()), |numbers| check_numbered(numbers, n))?;
        let same = match (inputs.row_numbers, inputs.rows) {
            (Some(numbers), _) => Some(Cow::Borrowed(numbers)),
            (None, Some(x)) => Some(Cow::Owned(duplicates::identical(x))),
            (None, None) => None,
        };
        if let Some(same) = &same {
            findings.extend(self.copies(splits, same)?);
        }
        match (self.near, &same, inputs.rows) {
            (Some(near), Some(same), Some(x)) => {
                let scaled = duplicates::Scaled::new(x, near)?;
                findings.extend(self.near_copies(splits, &scaled, near, same, inputs)?);
            }
            (None, Some(same), Some(x)) if x.n_cols() >= LEAST_COLUMNS && x.dense().is_ok() => {
                match self.untold(splits, x, same, inputs)? {
                    Ok(found) => findings.extend(found),
                    Err(why) => skipped.push(why),
                }
            }
            (Some(near), _, None) => {
                return Err(Error::unsupported(format!(
                    "`near` is {near}, and these rows are no matrix, so no distances are known; audit the splits before, \
                     by `SplitAudit::split` with the numeric columns as `SplitInputs::rows` beside `SplitInputs::row_numbers`"
                )));
            }
            _ => {}
        }
        if let Some(groups) = inputs.groups {
            length("the groups", n, groups.len())?;
            findings.extend(entities(splits, groups));
        }
        if let Some(times) = inputs.times {
            length("the times", n, times.len())?;
            let ends = inputs.ends.unwrap_or(times);
            length("the ends of labels", n, ends.len())?;
            findings.extend(moments(splits, times, ends));
        }
        if let Some(classes) = inputs.classes {
            length("the classes", n, classes.codes().len())?;
            findings.extend(self.support(splits, classes));
        }
        let may_be_right = [Check::DuplicateRows, Check::FutureRows, Check::ClassSupport];
        for finding in findings.iter_mut().filter(|found| self.gentle && may_be_right.contains(&found.check))
        {
            finding.severity = Severity::Warning;
        }
        Ok(AuditReport { findings: self.waivers.apply(findings), skipped })
    }

    fn copies(&self, splits: &[Split], same: &[u32]) -> Result<Option<Finding>> {
        let exact = Found::of(splits, |split| {
            let mut learned = vec![false; same.len()];
            split.train.iter().for_each(|&row| learned[same[row] as usize] = true);
            Ok(split.test.iter().copied().filter(|&row| learned[same[row] as usize]).collect())
        })?;
        Ok((exact.share() > self.tolerated).then(|| {
            let what = "tested rows have an exact copy among the rows learned from";
            let advice = "leave one of each two out, or keep them on one side by `groups`";
            exact.finding(Check::DuplicateRows, Severity::Error, what, advice)
        }))
    }

    /// Near copies, where nothing is told of them, or why they were not looked for.
    fn untold(
        &self,
        splits: &[Split],
        x: &Matrix,
        same: &[u32],
        inputs: &SplitInputs<'_>,
    ) -> Result<std::result::Result<Option<Finding>, String>> {
        let many = |what: String| {
            format!(
                "near copies were not looked for, as there are {what}; ask for them by `SplitAudit::near`"
            )
        };
        let n_rows: usize = splits.iter().map(|split| split.train.len() + split.test.len()).sum();
        if n_rows > MOST_ROWS {
            return Ok(Err(many(format!("{n_rows} rows in all splits"))));
        }
        let mut rows: Vec<usize> =
            splits.iter().flat_map(|split| split.train.iter().chain(&split.test)).copied().collect();
        rows.sort_unstable();
        rows.dedup();
        let n_cells = rows.len().saturating_mul(x.n_cols());
        if n_cells > MOST_CELLS {
            return Ok(Err(many(format!("{n_cells} cells in the rows of the splits"))));
        }
        let scaled = duplicates::Scaled::robust(x, &rows, NEAR_UNTOLD)?;
        let most = most_pairs(x.n_cols());
        let (mut left, mut near, mut around) = (most, 0, 0);
        for split in splits {
            inputs.ctx.check()?;
            let Some([within, wide, compared]) = scaled.pairs(split, same, left) else {
                return Ok(Err(many(format!("more than {most} pairs of rows to compare"))));
            };
            (near, around, left) = (near + within, around + wide, left - compared);
        }
        // Of rows that are near by chance there are at least four times as many within four times as far.
        if near == 0 || around > 2 * near {
            return Ok(Ok(None));
        }
        let mut found = self.near_copies(splits, &scaled, NEAR_UNTOLD, same, inputs)?;
        found.iter_mut().for_each(|found| found.severity = Severity::Warning);
        Ok(Ok(found))
    }

    fn near_copies(
        &self,
        splits: &[Split],
        scaled: &duplicates::Scaled,
        near: f64,
        same: &[u32],
        inputs: &SplitInputs<'_>,
    ) -> Result<Option<Finding>> {
        let close = Found::of(splits, |split| {
            inputs.ctx.check()?;
            Ok(scaled.near(split, same))
        })?;
        Ok((close.share() > self.tolerated).then(|| {
            let what = format!(
                "tested rows have a row within {near} standard deviations, but no copy, among those learned from"
            );
            let advice = "keep such rows on one side by `groups`, or ask for nearer ones";
            close.finding(Check::NearDuplicateRows, Severity::Error, &what, advice)
        }))
    }

    fn support(&self, splits: &[Split], classes: &perennial_core::Classes) -> Option<Finding> {
        let (codes, all) = (classes.codes(), classes.counts());
        let mut lacking = Vec::new();
        let mut first = None;
        for (number, split) in splits.iter().enumerate() {
            for (side, rows) in [("learned from", &split.train), ("tested", &split.test)] {
                let mut counts = vec![0; all.len()];
                rows.iter().for_each(|&row| counts[codes[row] as usize] += 1);
                for class in (0..all.len()).filter(|&class| all[class] > 0) {
                    if counts[class] < self.min_support {
                        lacking.push(number);
                        first.get_or_insert_with(|| {
                            let name = &classes.names()[class];
                            format!("class `{name}` has {} rows {side} in split {number}", counts[class])
                        });
                    }
                }
            }
        }
        let first = first?;
        let count = lacking.len();
        lacking.dedup();
        let message = format!(
            "{first}; at least {} are asked for ({count} such cases); stratify, or merge rare classes",
            self.min_support
        );
        Some(Finding::new(Check::ClassSupport, Severity::Error, message).at(lacking, count, Vec::new()))
    }
}

/// How many pairs of rows of so many columns are compared at most.
fn most_pairs(n_cols: usize) -> usize {
    MOST_PAIRS / (n_cols / USUAL_COLUMNS).max(1)
}

/// Refuses numbers that are not those of so many rows.
fn check_numbered(numbers: &[u32], n_rows: usize) -> Result<()> {
    length("the numbers of the rows", n_rows, numbers.len())?;
    match numbers.iter().copied().max().unwrap_or(0) as usize {
        most if most >= n_rows && n_rows > 0 => Err(Error::malformed(format!(
            "the number of a row is {most} of {n_rows} rows; rows are numbered from 0, without gaps"
        ))),
        _ => Ok(()),
    }
}

fn length(what: &str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::length_mismatch(what, expected, got)) }
}

/// Tested rows for which something holds, of all splits.
struct Found {
    splits: Vec<usize>,
    rows: Vec<usize>,
    n_tested: usize,
}

impl Found {
    fn of(splits: &[Split], mut find: impl FnMut(&Split) -> Result<Vec<usize>>) -> Result<Self> {
        let mut found = Found { splits: Vec::new(), rows: Vec::new(), n_tested: 0 };
        for (number, split) in splits.iter().enumerate() {
            let rows = find(split)?;
            if !rows.is_empty() {
                found.splits.push(number);
            }
            found.rows.extend(rows);
            found.n_tested += split.test.len();
        }
        Ok(found)
    }

    fn share(&self) -> f64 {
        if self.rows.is_empty() { 0.0 } else { self.rows.len() as f64 / self.n_tested as f64 }
    }

    fn finding(&self, check: Check, severity: Severity, what: &str, advice: &str) -> Finding {
        let message = format!(
            "{} of {} {what} (row {} in split {}); {advice}",
            self.rows.len(),
            self.n_tested,
            self.rows[0],
            self.splits[0]
        );
        Finding::new(check, severity, message).at(self.splits.clone(), self.rows.len(), self.rows.clone())
    }
}

fn entities(splits: &[Split], groups: &[u32]) -> Option<Finding> {
    let found = Found::of(splits, |split| {
        let learned: BTreeSet<u32> = split.train.iter().map(|&row| groups[row]).collect();
        Ok(split.test.iter().copied().filter(|&row| learned.contains(&groups[row])).collect())
    });
    let found = found.ok().filter(|found| !found.rows.is_empty())?;
    let what = "tested rows are of a group that is learned from as well";
    let advice = "keep groups whole, as `GroupKFold` and `GroupShuffleSplit` do";
    Some(found.finding(Check::SharedGroups, Severity::Error, what, advice))
}

/// Moments on both sides, and moments learned from that come after tested ones.
fn moments(splits: &[Split], times: &[i64], ends: &[i64]) -> Vec<Finding> {
    let shared = Found::of(splits, |split| {
        // Spans learned from, by their start, each with the latest end so far: does one of them meet the tested span?
        let mut latest: BTreeMap<i64, i64> = BTreeMap::new();
        for &row in &split.train {
            let end = latest.entry(times[row]).or_insert(ends[row]);
            *end = ends[row].max(*end);
        }
        let mut so_far = i64::MIN;
        for end in latest.values_mut() {
            so_far = so_far.max(*end);
            *end = so_far;
        }
        let meets = |row: usize| {
            latest.range(..=ends[row]).next_back().is_some_and(|(_, &latest)| latest >= times[row])
        };
        Ok(split.test.iter().copied().filter(|&row| meets(row)).collect())
    });
    let future = Found::of(splits, |split| {
        let last = split.train.iter().map(|&row| times[row]).max();
        Ok(split.test.iter().copied().filter(|&row| last.is_some_and(|last| last > times[row])).collect())
    });
    let mut findings = Vec::new();
    if let Ok(found) = shared
        && !found.rows.is_empty()
    {
        let what = "tested rows are of a time that is learned from as well, or their labels look at one";
        let advice = "leave such rows out, as `TimeSeriesSplit` and `PurgedKFold` do";
        findings.push(found.finding(Check::SharedTimes, Severity::Error, what, advice));
    }
    if let Ok(found) = future
        && !found.rows.is_empty()
    {
        let what = "tested rows are earlier than rows learned from";
        let advice = "learn from the past alone, as `TimeSeriesSplit` and `CalendarSplit` do";
        findings.push(found.finding(Check::FutureRows, Severity::Error, what, advice));
    }
    findings
}

/// Splits that passed an audit, with its report; they go wherever a [`Splitter`] goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditedSplits {
    splits: FixedSplits,
    report: AuditReport,
}

impl AuditedSplits {
    /// What the audit found; all of it is waived or a warning.
    pub fn report(&self) -> &AuditReport {
        &self.report
    }

    /// The splits.
    pub fn splits(&self) -> &[Split] {
        self.splits.as_slice()
    }

    /// With what was found elsewhere.
    pub(crate) fn and(self, found: AuditReport) -> Self {
        AuditedSplits { report: self.report.and(found), ..self }
    }
}

impl Splitter for AuditedSplits {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        self.splits.split(inputs)
    }

    fn audited(&self) -> Option<&AuditReport> {
        Some(&self.report)
    }
}

/// A splitter whose splits somebody has looked at.
pub(crate) struct LookedAt<'a, S: ?Sized> {
    splitter: &'a S,
    report: AuditReport,
}

impl<'a, S: ?Sized> LookedAt<'a, S> {
    pub(crate) fn new(splitter: &'a S) -> Self {
        LookedAt { splitter, report: AuditReport::default() }
    }
}

impl<S: Splitter + ?Sized> Splitter for LookedAt<'_, S> {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        self.splitter.split(inputs)
    }

    fn audited(&self) -> Option<&AuditReport> {
        Some(&self.report)
    }
}

impl fmt::Display for AuditedSplits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} splits; {}", self.splits().len(), self.report)
    }
}
