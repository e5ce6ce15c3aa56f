//! Ways in which the answer gets into what is learned from.

mod computed;
mod explained;
mod rows;

use std::collections::BTreeMap;

use perennial_core::{Classes, Context, Error, Param, Result, Rows};
use perennial_numeric::reduce;

use crate::audit::{AuditReport, Check, Finding, Severity, SplitAudit, Waivers};
use crate::compare::{ComparisonOptions, Verdict, compare_folds, gains_alike};
use crate::split::SplitInputs;
use crate::{Cells, CrossValidated, Split, Strata, Tabular};
use explained::{Bins, Truth};
use rows::AnyRows;

/// Looks for ways in which the answer gets into what is learned from.
///
/// | what is looked for | needs | severity |
/// |---|---|---|
/// | a single column that explains the target too well; of days or moments only by being there or not | rows and target | error |
/// | columns of which the target is a sum of multiples, exactly; a waiver of the finding needs one for each of them | rows and target of numbers | error |
/// | a column that numbers the rows and explains the target; of texts one that differs in each row, by its order | rows and target | error |
/// | a column of days or moments that explains the target: it moves with time | a table and target | warning |
/// | the order of the rows, where it explains the target | target | warning |
/// | values that were known only after the moment of the prediction | `event_times`, `known_at` | error |
/// | copies of rows on both sides of a split | `splits` | error |
/// | a preparation that has seen the rows it is tested on | `prepared` | error |
///
/// What a column explains is the share of the variance, of the numbers or of the indicators of the classes, on rows that
/// were not used to learn it: by the mean of a bin, by the two nearest values, or of categories and texts by the mean of each.
///
/// Rows are those of a `Matrix`, or with the feature `table` those of a `Table`. Scan the table before a pipeline turns its
/// texts and dates into numbers: a text that names the answer may be hashed, and be gone from sight, but not from the model.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `most_explained` | 0.95 | in (0, 1] | share of the target that one column may explain |
/// | `order_explained` | 0.1 | in (0, 1] | share of the target that numbers of rows may explain; at least 15 / n, which n rows explain by chance |
/// | `waive`, `waive_column` | nothing | | why what is found is right as it is; the reason stays in the report |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Context, Matrix, Values};
/// use perennial_evaluation::{Check, LeakageScan};
///
/// let y: Values = (0..100).map(|row| f64::from(row * 37 % 101)).collect();
/// let cell = |(row, column)| if column == 0 { (row * 53 % 89) as f64 } else { 2.0 * y.as_slice()[row] };
/// let x = Matrix::from(Array2::from_shape_fn((100, 2), cell)).with_names(["honest", "refund"])?;
/// let report = LeakageScan::new().scan(&x, &y, &Context::new())?;
/// assert_eq!((report.findings[0].check, &report.findings[0].columns[0][..]), (Check::TargetProxy, "refund"));
/// assert!(report.enforce().is_err());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LeakageScan<'a> {
    most_explained: f64,
    order_explained: f64,
    waivers: Waivers,
    of_columns: BTreeMap<String, String>,
    event_times: Option<&'a [i64]>,
    known_at: Vec<(String, &'a [i64])>,
    splits: Option<&'a [Split]>,
    prepared: Option<[CrossValidated<(), ()>; 2]>,
    rows: Option<AnyRows<'a>>,
}

const MOST_EXPLAINED: Param =
    Param::real("most_explained", "share one column may explain").above(0.0).at_most(1.0);
const ORDER_EXPLAINED: Param =
    Param::real("order_explained", "share numbers of rows may explain").above(0.0).at_most(1.0);

/// With fewer rows a share that was explained says little.
const LEAST_ROWS: usize = 20;

impl Default for LeakageScan<'_> {
    fn default() -> Self {
        LeakageScan {
            most_explained: 0.95,
            order_explained: 0.1,
            waivers: Waivers::default(),
            of_columns: BTreeMap::new(),
            event_times: None,
            known_at: Vec::new(),
            splits: None,
            prepared: None,
            rows: None,
        }
    }
}

impl<'a> LeakageScan<'a> {
    /// The settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// The share of the target that one column may explain.
    #[must_use]
    pub fn most_explained(mut self, share: f64) -> Self {
        self.most_explained = share;
        self
    }

    /// The share of the target that the order of the rows, or a column that numbers them, may explain.
    #[must_use]
    pub fn order_explained(mut self, share: f64) -> Self {
        self.order_explained = share;
        self
    }

    /// Says why what a check finds is right as it is.
    #[must_use]
    pub fn waive(mut self, check: Check, reason: &str) -> Self {
        self.waivers.add(check, reason);
        self
    }

    /// Says why what is found of one column is right as it is.
    #[must_use]
    pub fn waive_column(mut self, column: &str, reason: &str) -> Self {
        self.of_columns.insert(column.to_owned(), reason.trim().to_owned());
        self
    }

    /// The moment of each row at which the prediction is asked for.
    #[must_use]
    pub fn event_times(mut self, times: &'a [i64]) -> Self {
        self.event_times = Some(times);
        self
    }

    /// The moment at which the value of a column was known, in each row.
    #[must_use]
    pub fn known_at(mut self, column: &str, times: &'a [i64]) -> Self {
        self.known_at.push((column.to_owned(), times));
        self
    }

    /// Splits, on both sides of which there should be no copies of a row.
    #[must_use]
    pub fn splits(mut self, splits: &'a [Split]) -> Self {
        self.splits = Some(splits);
        self
    }

    /// The scores of a model whose preparation is learned inside each fold, and of the same model on data that was
    /// prepared beforehand, on the same folds: if the second are surely better, or better by as much in each of three folds or
    /// more, the preparation has seen the tests.
    #[must_use]
    pub fn prepared<P, M, Q, N>(
        mut self,
        inside: &CrossValidated<P, M>,
        beforehand: &CrossValidated<Q, N>,
    ) -> Self {
        self.prepared = Some([inside.scores_only(), beforehand.scores_only()]);
        self
    }

    /// Looks at the rows and their target.
    ///
    /// # Errors
    /// When a setting is out of range, a reason is empty, there are fewer than 20 rows, lengths differ, the target is
    /// neither numbers nor classes, or the work was cancelled.
    pub fn scan<X, Y>(&self, x: &X, y: &Y, ctx: &Context) -> Result<AuditReport>
    where
        X: Tabular,
        Y: Strata + Rows + ?Sized,
    {
        if !y.matches(x.n_rows()) {
            return Err(Error::length_mismatch("the target", x.n_rows(), y.n_rows()));
        }
        self.scan_told(x, (y.classes(), y.numbers()), ctx)
    }

    /// As [`scan`](LeakageScan::scan), of the classes or the numbers of a target.
    fn scan_told<X: Tabular>(
        &self,
        x: &X,
        (classes, numbers): (Option<&Classes>, Option<&[f64]>),
        ctx: &Context,
    ) -> Result<AuditReport> {
        MOST_EXPLAINED.check(self.most_explained)?;
        ORDER_EXPLAINED.check(self.order_explained)?;
        self.waivers.check()?;
        if let Some((column, _)) = self.of_columns.iter().find(|(_, reason)| reason.is_empty()) {
            let expected = "a reason, in words, why this is right as it is";
            return Err(Error::invalid_param("waive_column", column, expected));
        }
        let n = x.n_rows();
        if n < LEAST_ROWS {
            return Err(Error::insufficient_data(format!(
                "there are {n} rows; a leakage scan needs at least {LEAST_ROWS}"
            )));
        }
        let truth = Truth::new(classes, numbers)?;
        let mut findings = self.columns(x, &truth, ctx)?;
        let mut skipped = Vec::new();
        if let (None, Some(numbers)) = (classes, numbers) {
            findings.extend(computed::sums(x, numbers, ctx)?);
        }
        findings.extend(self.order(n, &truth));
        findings.extend(self.late(n)?);
        if let Some(splits) = self.splits {
            let numbers = if x.as_matrix().is_some() { None } else { x.row_numbers()? };
            let mut inputs = SplitInputs::new(n).context(ctx.clone());
            inputs.rows = x.as_matrix();
            inputs.row_numbers = numbers.as_deref();
            let found = SplitAudit::new().report(splits, &inputs)?;
            findings.extend(found.findings);
            skipped = found.skipped;
        }
        findings.extend(self.preparation()?);
        let mut findings = self.waivers.apply(findings);
        for finding in &mut findings {
            if finding.waiver.is_none() {
                let reasons: Option<Vec<&str>> = finding
                    .columns
                    .iter()
                    .map(|column| self.of_columns.get(column).map(String::as_str))
                    .collect();
                finding.waiver =
                    reasons.filter(|reasons| !reasons.is_empty()).map(|reasons| reasons.join("; "));
            }
        }
        Ok(AuditReport { findings, skipped })
    }

    /// What numbers of rows may explain: of few rows they explain more by chance, about 15 / n in one of ten thousand
    /// simulated targets of noise.
    fn by_chance(&self, n_rows: usize) -> f64 {
        self.order_explained.max(15.0 / n_rows as f64)
    }

    /// Columns that explain too much, each alone.
    fn columns<X: Tabular>(&self, x: &X, truth: &Truth<'_>, ctx: &Context) -> Result<Vec<Finding>> {
        let names: Vec<&str> = x.names().collect();
        let found = reduce::try_map_each(names.len(), |column| {
            ctx.check()?;
            Ok(self.column(names[column], &x.cells(column)?, truth))
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    fn column(&self, name: &str, cells: &Cells, truth: &Truth<'_>) -> Option<Finding> {
        let values = cells.values();
        let by_bins = truth.explained_by(&Bins::of_values(values));
        let mut best = truth.explained_by_neighbours(values).map_or(by_bins, |share| share.max(by_bins));
        if let Cells::Labels(labels) = cells {
            best = best.max(truth.explained_by(&Bins::of_labels(labels)));
        }
        let is_time = matches!(cells, Cells::Times(_));
        // A target that moves with time follows a date as closely as it likes, without a leak; one that tells it by being
        // there or not is a leak as any other.
        let alone = if is_time { truth.explained_by(&Bins::of_missing(values)) } else { best };
        let percent = 100.0 * alone;
        if alone >= self.most_explained {
            let message = format!(
                "`{name}` alone explains {percent:.1} % of the target on rows it was not learned from; leave it \
                 out, or say why it is known in time"
            );
            return Some(Finding::new(Check::TargetProxy, Severity::Error, message).column(name));
        }
        let moves = if is_time && best >= self.most_explained { best } else { by_bins };
        if moves < self.by_chance(values.len()) {
            return None;
        }
        let percent = 100.0 * moves;
        match cells {
            Cells::Times(_) => {
                let message = format!(
                    "`{name}` explains {percent:.1} % of the target, which moves with time; split by time, so that \
                     no model learns from the future"
                );
                Some(Finding::new(Check::RowOrder, Severity::Warning, message).column(name))
            }
            _ if !numbers_rows(values) => None,
            Cells::Labels(_) => {
                let message = format!(
                    "`{name}` is another text in each row, and their order explains {percent:.1} % of the target; a \
                     name says nothing of a new row, so leave it out"
                );
                Some(Finding::new(Check::Identifier, Severity::Error, message).column(name))
            }
            Cells::Numbers(_) => {
                let message = format!(
                    "`{name}` numbers the rows and explains {percent:.1} % of the target; a number says nothing of \
                     a new row, so leave it out"
                );
                Some(Finding::new(Check::Identifier, Severity::Error, message).column(name))
            }
        }
    }

    fn order(&self, n_rows: usize, truth: &Truth<'_>) -> Option<Finding> {
        let explained = truth.explained_by(&Bins::of_order(n_rows));
        (explained >= self.by_chance(n_rows)).then(|| {
            let message = format!(
                "the order of the rows explains {:.1} % of the target; shuffle the folds where the order means \
                 nothing, and split by time or groups where it does",
                100.0 * explained
            );
            Finding::new(Check::RowOrder, Severity::Warning, message)
        })
    }

    /// Values that were known too late.
    fn late(&self, n_rows: usize) -> Result<Vec<Finding>> {
        if self.known_at.is_empty() {
            return Ok(Vec::new());
        }
        let events = self.event_times.ok_or_else(|| {
            Error::unsupported(
                "when values were known is given, but not when predictions are asked for; give `event_times`",
            )
        })?;
        let length = |what: &str, got: usize| {
            if got == n_rows { Ok(()) } else { Err(Error::length_mismatch(what, n_rows, got)) }
        };
        length("the event times", events.len())?;
        let mut findings = Vec::new();
        for (name, known) in &self.known_at {
            length(&format!("the times of `{name}`"), known.len())?;
            let late: Vec<usize> = (0..n_rows).filter(|&row| known[row] > events[row]).collect();
            if let Some(&first) = late.first() {
                let message = format!(
                    "`{name}` was known only after the event in {} of {n_rows} rows (row {first}: {} after {}); use \
                     the value as it was then",
                    late.len(),
                    known[first],
                    events[first]
                );
                let finding = Finding::new(Check::LateValues, Severity::Error, message);
                findings.push(finding.at(Vec::new(), late.len(), late).column(name));
            }
        }
        Ok(findings)
    }

    fn preparation(&self) -> Result<Option<Finding>> {
        let Some([inside, beforehand]) = &self.prepared else { return Ok(None) };
        let found = compare_folds(inside, beforehand, &ComparisonOptions::new())?;
        // The same gain in each fold has no variance to be judged by; in two folds it may come about by chance.
        let everywhere = inside.folds.len() > 2 && gains_alike(inside, beforehand)?;
        let gain = match everywhere {
            true => format!("{:.4} in each of {} folds", found.gain.estimate, inside.folds.len()),
            false => found.gain.to_string(),
        };
        Ok((everywhere || found.verdict == Verdict::Better).then(|| {
            let message = format!(
                "on data prepared beforehand the {} is {:.4}, and {:.4} where the preparation is learned inside each \
                 fold, a gain of {gain}; put the preparation into the pipeline by `then`",
                found.metric, found.second, found.first
            );
            Finding::new(Check::PreparedOutside, Severity::Error, message)
        }))
    }
}

/// Whether values look like numbers of rows: whole, all different, and either rising or falling with the rows, or out
/// of a range that is not much wider than there are rows.
fn numbers_rows(cells: &[f64]) -> bool {
    if cells.iter().any(|value| !value.is_finite() || value.fract() != 0.0) {
        return false;
    }
    let mut sorted = cells.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return false;
    }
    let rising = cells.windows(2).all(|pair| pair[0] < pair[1]);
    let falling = cells.windows(2).all(|pair| pair[0] > pair[1]);
    rising || falling || sorted[sorted.len() - 1] - sorted[0] < 2.0 * sorted.len() as f64
}
