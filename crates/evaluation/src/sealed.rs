//! A test part that counts who looks at it.

use std::fmt;

use perennial_core::{Error, Param, Result, Rows};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use crate::{AuditReport, CrossValidation, Split, Splitter, Strata};

/// Something to look at seldom, such as the rows of a final test: each look is counted and must be given a reason.
///
/// A score on rows that were looked at k times is the best of k tries, and [`SealLog::level`] says how sure its
/// interval must be to hold all the same.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `limit` | none | >= 1 | how many looks there may be |
/// | `budget` | none | >= 1 | how many scores thresholdout may tell of what is sealed |
/// | `thresholdout` | off | > 0 | scores come from the training rows while they agree with those of what is sealed, and with noise otherwise (Dwork and others, 2015) |
/// | `ladder` | off | > 0 | scores are told only where they are better than the best so far by this step, and rounded to it (Blum and Hardt, 2015) |
///
/// ```
/// use perennial_evaluation::Sealed;
///
/// let mut test = Sealed::new(vec![1.0, 2.0, 3.0]).limit(2);
/// let mean = test.score("final model", |rows| Ok(rows.iter().sum::<f64>() / 3.0))?;
/// assert_eq!(mean, 2.0);
/// test.open("where does it err?")?;
/// assert!(test.open("once more").unwrap_err().to_string().contains("2 looks"));
/// assert_eq!(test.log().to_string(), "2 looks: 1. final model: 2.0000; 2. where does it err?");
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub struct Sealed<T> {
    value: T,
    log: SealLog,
    limit: Option<usize>,
    ladder: Option<Ladder>,
    thresholdout: Option<Thresholdout>,
    budget: Option<usize>,
}

/// Scores are told in steps, and only where they are better.
#[derive(Debug, Clone, Copy)]
struct Ladder {
    step: f64,
    higher_is_better: bool,
    best: Option<f64>,
}

const LIMIT: Param = Param::integer("limit", "how many looks there may be").at_least(1.0);
const BUDGET: Param = Param::integer("budget", "how many scores may be told of what is sealed").at_least(1.0);
const STEP: Param = Param::real("step", "least gain that is told").above(0.0);

/// Scores of training rows are told while those of what is sealed agree with them.
#[derive(Debug, Clone, Copy)]
struct Thresholdout {
    threshold: f64,
    noise: f64,
    seed: u64,
    /// The noise of the threshold, which is kept until the scores differ by more.
    offset: Option<f64>,
}

const THRESHOLD: Param = Param::real("threshold", "difference of scores that is no matter").above(0.0);
const NOISE: Param = Param::real("noise", "size of the noise of what is told").above(0.0);

/// One look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// Why.
    pub reason: String,
    /// The score that was told, where one was asked for.
    pub score: Option<f64>,
    /// Whether thresholdout told the score of the training rows, so that nothing was learned of what is sealed.
    #[serde(default)]
    pub of_training: bool,
}

impl Look {
    fn new(reason: &str) -> Self {
        Look { reason: reason.trim().to_owned(), score: None, of_training: false }
    }
}

/// All looks, in order, for a report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealLog {
    /// The looks.
    pub looks: Vec<Look>,
    /// What the tested rows share with those that were learned from, where the split was [audited](hold_out_audited): warnings, what was waived
    /// with its reason, and what was not looked for.
    #[serde(default, skip_serializing_if = "AuditReport::is_silent")]
    pub audit: AuditReport,
}

impl SealLog {
    /// The confidence level that each interval needs so that those of all looks hold together with `level`
    /// (Bonferroni).
    ///
    /// ```
    /// let mut test = perennial_evaluation::Sealed::new(1);
    /// test.open("first")?;
    /// test.open("second")?;
    /// assert_eq!(test.log().level(0.95), 0.975);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    pub fn level(&self, level: f64) -> f64 {
        1.0 - (1.0 - level) / self.looks.len().max(1) as f64
    }

    fn write_audit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.audit.findings.iter().try_for_each(|finding| write!(f, "; {finding}"))?;
        self.audit.skipped.iter().try_for_each(|skipped| write!(f, "; {skipped}"))
    }

    /// How many looks told something of what is sealed: all but those at which thresholdout told the score of the training rows.
    pub fn told(&self) -> usize {
        self.looks.iter().filter(|look| !look.of_training).count()
    }
}

/// How many looks, and why.
impl fmt::Display for SealLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.looks.len() {
            0 => {
                f.write_str("no looks")?;
                return self.write_audit(f);
            }
            1 => f.write_str("1 look:")?,
            n => write!(f, "{n} looks:")?,
        }
        for (place, look) in self.looks.iter().enumerate() {
            let end = if place + 1 < self.looks.len() { ";" } else { "" };
            match look.score {
                Some(score) => write!(f, " {}. {}: {score:.4}{end}", place + 1, look.reason)?,
                None => write!(f, " {}. {}{end}", place + 1, look.reason)?,
            }
        }
        self.write_audit(f)
    }
}

impl<T> Sealed<T> {
    /// Nobody has looked at this.
    pub fn new(value: T) -> Self {
        let log = SealLog::default();
        Sealed { value, log, limit: None, ladder: None, thresholdout: None, budget: None }
    }

    /// Goes on with the log of an earlier run on the same rows.
    #[must_use]
    pub fn resume(mut self, log: SealLog) -> Self {
        let audit = std::mem::replace(&mut self.log, log).audit;
        if self.log.audit.is_silent() {
            self.log.audit = audit;
        }
        self
    }

    /// How many looks there may be.
    #[must_use]
    pub fn limit(mut self, looks: usize) -> Self {
        self.limit = Some(looks);
        self
    }

    /// Tells a score only where it is better than the best so far by more than `step`, and rounded to it; otherwise
    /// the best so far. So even many looks cannot fit the rows (Blum and Hardt, 2015).
    #[must_use]
    pub fn ladder(mut self, step: f64, higher_is_better: bool) -> Self {
        self.ladder = Some(Ladder { step, higher_is_better, best: None });
        self
    }

    /// Tells of two scores, that of training rows and that of what is sealed, the first while they differ by no more than
    /// `threshold`, and else the second with noise of size `noise`: so rows can be asked many times without being fitted
    /// (Dwork, Feldman, Hardt, Pitassi, Reingold and Roth, 2015). Asked by [`score_beside`](Sealed::score_beside).
    #[must_use]
    pub fn thresholdout(mut self, threshold: f64, noise: f64, seed: u64) -> Self {
        self.thresholdout = Some(Thresholdout { threshold, noise, seed, offset: None });
        self
    }

    /// How many scores thresholdout may tell of what is sealed: each of them tells something of its rows, those of the training
    /// rows nothing. With its promise of the noise goes a budget (Dwork and others, 2015); when it is used up every further
    /// question is refused, whatever its answer would be. Without `thresholdout` every look is an error.
    ///
    /// ```
    /// use perennial_evaluation::Sealed;
    ///
    /// let mut test = Sealed::new(0.5).thresholdout(0.05, 0.001, 1).budget(1);
    /// test.score_beside("agrees", 0.51, |score| Ok(*score))?;
    /// test.score_beside("learned by heart", 0.99, |score| Ok(*score))?;
    /// assert_eq!(test.log().told(), 1);
    /// let refused = test.score_beside("agrees too", 0.51, |score| Ok(*score)).unwrap_err();
    /// assert!(refused.to_string().contains("budget"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn budget(mut self, scores: usize) -> Self {
        self.budget = Some(scores);
        self
    }

    /// Looks at a score of it beside the score of the training rows, in the way of
    /// [`thresholdout`](Sealed::thresholdout): what is told is logged. Of the looks at which the two agreed nothing was learned
    /// of what is sealed; they count all the same.
    ///
    /// ```
    /// use perennial_evaluation::Sealed;
    ///
    /// let mut test = Sealed::new(0.71).thresholdout(0.05, 0.001, 1);
    /// assert_eq!(test.score_beside("plain", 0.73, |score| Ok(*score))?, 0.73);
    /// // Of a model that has learned by heart the score on sealed rows is told, but not exactly.
    /// let told = test.score_beside("forest", 0.99, |score| Ok(*score))?;
    /// assert!((told - 0.71).abs() < 0.1 && told != 0.71);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When it was not sealed with `thresholdout`, its settings are not above 0, the reason is empty, there were as many looks as
    /// there may be, the budget is used up, the scoring fails, or a score is not finite.
    pub fn score_beside(
        &mut self,
        reason: &str,
        train: f64,
        score: impl FnOnce(&T) -> Result<f64>,
    ) -> Result<f64> {
        let Some(Thresholdout { threshold, noise, seed, offset }) = self.thresholdout else {
            return Err(Error::unsupported(
                "it was sealed without `thresholdout`; ask by `score`, or seal it with one",
            ));
        };
        if self.ladder.is_some() {
            return Err(Error::unsupported("it was sealed with a ladder and with thresholdout; choose one"));
        }
        THRESHOLD.check(threshold)?;
        NOISE.check(noise)?;
        if !train.is_finite() {
            return Err(Error::invalid_param("train", train, "the finite score of the training rows"));
        }
        self.admit(reason)?;
        if let Some(budget) = self.budget {
            BUDGET.check_count(budget)?;
            if self.log.told() >= budget {
                return Err(Error::unsupported(format!(
                    "the budget of {budget} scores of what is sealed is used up; collect new rows to test on"
                )));
            }
        }
        let mut random = Random::new(seed).stream("thresholdout").fork(self.log.looks.len() as u64);
        self.log.looks.push(Look::new(reason));
        let sealed = score(&self.value)?;
        if !sealed.is_finite() {
            return Err(Error::overflow(format!("the score is {sealed}; check the answers of the model")));
        }
        // Laplace's noise: on the threshold twice as much as on what is told, on the comparison four times.
        let mut laplace = |size: f64| {
            let even = random.uniform() - 0.5;
            -size * even.signum() * (-2.0 * even.abs()).max(f64::EPSILON - 1.0).ln_1p()
        };
        let offset = offset.unwrap_or_else(|| laplace(2.0 * noise));
        let agree = (train - sealed).abs() <= threshold + offset + laplace(4.0 * noise);
        let told = if agree { train } else { sealed + laplace(noise) };
        if let Some(own) = &mut self.thresholdout {
            own.offset = agree.then_some(offset);
        }
        if let Some(look) = self.log.looks.last_mut() {
            look.score = Some(told);
            look.of_training = agree;
        }
        Ok(told)
    }

    /// Looks at all of it.
    ///
    /// # Errors
    /// When the reason is empty, there were as many looks as there may be, only scores are told, or it has a budget without
    /// `thresholdout`.
    pub fn open(&mut self, reason: &str) -> Result<&T> {
        if self.ladder.is_some() || self.thresholdout.is_some() {
            return Err(Error::unsupported(
                "only scores are told of what is sealed with a ladder or with thresholdout; ask for a score, or seal it without",
            ));
        }
        self.admit(reason)?;
        self.log.looks.push(Look::new(reason));
        Ok(&self.value)
    }

    /// Looks at a score of it, which is logged. A score that fails counts as a look all the same.
    ///
    /// # Errors
    /// As [`open`](Sealed::open), when the scoring fails, or the score is not a number.
    pub fn score(&mut self, reason: &str, score: impl FnOnce(&T) -> Result<f64>) -> Result<f64> {
        if self.thresholdout.is_some() {
            return Err(Error::unsupported(
                "it was sealed with `thresholdout`, which needs the score of the training rows too; ask by `score_beside`",
            ));
        }
        self.admit(reason)?;
        self.log.looks.push(Look::new(reason));
        let score = score(&self.value)?;
        if score.is_nan() {
            return Err(Error::overflow("the score is NaN; check the answers of the model"));
        }
        let told = match &mut self.ladder {
            None => score,
            Some(ladder) => ladder.tell(score, &self.log)?,
        };
        if let Some(look) = self.log.looks.last_mut() {
            look.score = Some(told);
        }
        Ok(told)
    }

    /// All looks so far.
    pub fn log(&self) -> &SealLog {
        &self.log
    }

    fn admit(&self, reason: &str) -> Result<()> {
        if reason.trim().is_empty() {
            return Err(Error::invalid_param("reason", reason, "words that say why this is looked at"));
        }
        if self.budget.is_some() && self.thresholdout.is_none() {
            return Err(Error::unsupported(
                "a budget is one of scores that `thresholdout` tells; seal it with both, or set a `limit` of looks",
            ));
        }
        let Some(limit) = self.limit else { return Ok(()) };
        LIMIT.check_count(limit)?;
        if self.log.looks.len() >= limit {
            return Err(Error::unsupported(format!(
                "there were {} looks at what is sealed, and {limit} were allowed; collect new rows to test on",
                self.log.looks.len()
            )));
        }
        Ok(())
    }
}

impl Ladder {
    fn tell(&mut self, score: f64, log: &SealLog) -> Result<f64> {
        STEP.check(self.step)?;
        let sign = if self.higher_is_better { 1.0 } else { -1.0 };
        // What an earlier run was told counts too.
        let earlier = log.looks.iter().filter_map(|look| look.score);
        let best = earlier.chain(self.best).max_by(|a, b| (sign * a).total_cmp(&(sign * b)));
        let told = match best {
            Some(best) if sign * (score - best) <= self.step => best,
            _ => (score / self.step).round() * self.step,
        };
        self.best = Some(told);
        Ok(told)
    }
}

/// Rows and their target.
type Part<X, Y> = (<X as Rows>::Owned, <Y as Rows>::Owned);

/// What to learn from, and what is tested in the end.
type HeldOut<X, Y> = (Part<X, Y>, Sealed<Part<X, Y>>);

/// The rows to learn from, and the rows to test on, sealed.
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::{hold_out, split::train_test};
///
/// let (x, y) = (vec![1, 2, 3, 4], Values::from(vec![1.0, 2.0, 3.0, 4.0]));
/// let ((x_train, y_train), mut test) = hold_out(&x, &y, &train_test(4, 0.25, 1)?)?;
/// assert_eq!((x_train.len(), y_train.as_slice().len()), (3, 3));
/// let (x_test, y_test) = test.open("final test")?;
/// assert_eq!(f64::from(x_test[0]), y_test.as_slice()[0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the target is of another length, or the split names rows that do not exist.
pub fn hold_out<X, Y>(x: &X, y: &Y, split: &Split) -> Result<HeldOut<X, Y>>
where
    X: Rows + ?Sized,
    Y: Rows + ?Sized,
{
    if !y.matches(x.n_rows()) {
        return Err(Error::length_mismatch("the target", x.n_rows(), y.n_rows()));
    }
    let part = |rows: &[usize]| -> Result<Part<X, Y>> { Ok((x.take(rows)?, y.take(rows)?)) };
    Ok((part(&split.train)?, Sealed::new(part(&split.test)?)))
}

/// The rows to learn from, and the rows to test on, sealed, by the only split of a splitter, which is [audited](crate::SplitAudit) when it is made:
/// what is found and not waived is an error, and everything else stays with the log of what is sealed, and so in the
/// [report](crate::Report::looks).
///
/// Groups, times, weights and the audit are those of the options, as in a cross-validation.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Matrix, Values};
/// use perennial_evaluation::{Check, CrossValidation, Holdout, SplitAudit, hold_out_audited};
///
/// let x = Matrix::from(array![[1.0], [1.0], [1.0], [1.0]]);
/// let y = Values::from(vec![1.0, 2.0, 3.0, 4.0]);
/// let strict = CrossValidation::new().audit(SplitAudit::new());
/// assert!(hold_out_audited(&x, &y, &Holdout::new(0.5).seed(1), &strict).is_err());
/// let waived = SplitAudit::new().waive(Check::DuplicateRows, "one machine, four readings");
/// let options = CrossValidation::new().audit(waived);
/// let (_, test) = hold_out_audited(&x, &y, &Holdout::new(0.5).seed(1), &options)?;
/// assert!(test.log().to_string().contains("waived: one machine, four readings"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As [`CrossValidation::splits`], or when the splitter gives more than one split.
pub fn hold_out_audited<X, Y, S>(
    x: &X,
    y: &Y,
    splitter: &S,
    options: &CrossValidation<'_>,
) -> Result<HeldOut<X, Y>>
where
    X: Rows + ?Sized,
    Y: Rows + Strata + ?Sized,
    S: Splitter + ?Sized,
{
    let audited = options.splits(x, y, splitter)?;
    let [split] = audited.splits() else {
        return Err(Error::unsupported(format!(
            "the splitter gives {} splits, and what is held out is one part; use `Holdout`, or one split of `ShuffleSplit`",
            audited.splits().len()
        )));
    };
    let (train, mut test) = hold_out(x, y, split)?;
    test.log.audit = audited.report().clone();
    Ok((train, test))
}

/// Shows the looks, not what is sealed.
impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("log", &self.log).field("limit", &self.limit).finish_non_exhaustive()
    }
}
