//! The definition of a problem.

use std::path::Path;

use perennial_core::{Error, Result, ResultExt};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use crate::{Criterion, Judgement, Measurement, Predicate, Verdict};

/// What is to be predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Task {
    /// One number per row.
    Regression,
    /// One class per row.
    Classification,
}

/// The definition of a problem: what is decided, what is predicted, and what would be success.
///
/// It is read from TOML or made in code, and checked when it is: a field that is missing, unknown or
/// contradicts another is an error. Later stages read from it, so it cannot drift away from what is built.
///
/// ```
/// use perennial_problem::{Criterion, ProblemSpec, Task};
///
/// let spec = ProblemSpec::from_toml(r#"
///     name = "Next hour's rides"
///     decision = "how many bikes to bring to the stations"
///     unit = "one hour in the city"
///     task = "regression"
///     target = "bikers"
///     horizon = "1 hour"
///     scope = ["hr >= 6"]
///     costs = { over = 1.0, under = 3.0 }
///
///     [[success]]
///     metric = "mae"
///     at_most = 60.0
/// "#)?;
/// assert_eq!(spec.task(), Task::Regression);
/// assert_eq!(spec.success()[0], Criterion::at_most("mae", 60.0));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProblemSpec {
    name: String,
    decision: String,
    unit: String,
    task: Task,
    target: String,
    horizon: String,
    #[serde(default)]
    consumers: Vec<String>,
    #[serde(default)]
    scope: Vec<Predicate>,
    #[serde(default)]
    costs: Option<Costs>,
    #[serde(default)]
    assumptions: Vec<Assumption>,
    #[serde(default)]
    success: Vec<Criterion>,
}

/// What errors cost, in units of your own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Costs {
    /// Of a number: per unit predicted too much, and too little.
    Regression {
        /// Per unit predicted too much.
        over: f64,
        /// Per unit predicted too little.
        under: f64,
    },
    /// Of two classes: what each outcome costs; gains are negative.
    Classification {
        /// A positive row called positive.
        true_positive: f64,
        /// A negative row called positive.
        false_positive: f64,
        /// A positive row called negative.
        false_negative: f64,
        /// A negative row called negative.
        true_negative: f64,
    },
}

/// Something that is taken for granted, with the condition that would show it, where there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumption {
    /// The assumption in words.
    pub statement: String,
    /// What must hold in every row if the assumption is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Predicate>,
}

/// How an assumption stands on some data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssumptionState {
    /// Its condition holds in every row.
    Holds,
    /// Its condition does not hold in so many rows.
    Broken {
        /// How many rows break it.
        rows: usize,
    },
    /// It has no condition that data could show.
    Unverified,
}

/// Which rows of a table are in scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeReport {
    /// For each row, whether every condition of the scope holds.
    pub inside: Vec<bool>,
    /// For each condition, how many rows it leaves out.
    pub excluded: Vec<(String, usize)>,
}

impl ProblemSpec {
    /// A problem in code. The text says what is decided from a prediction.
    pub fn new(name: &str, task: Task, target: &str) -> Self {
        ProblemSpec {
            name: name.into(),
            decision: String::new(),
            unit: String::new(),
            task,
            target: target.into(),
            horizon: String::new(),
            consumers: Vec::new(),
            scope: Vec::new(),
            costs: None,
            assumptions: Vec::new(),
            success: Vec::new(),
        }
    }

    /// What is decided from a prediction.
    #[must_use]
    pub fn decision(mut self, decision: &str) -> Self {
        self.decision = decision.into();
        self
    }

    /// What one row stands for.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> Self {
        self.unit = unit.into();
        self
    }

    /// How far ahead a prediction must be made.
    #[must_use]
    pub fn horizon(mut self, horizon: &str) -> Self {
        self.horizon = horizon.into();
        self
    }

    /// Who uses the predictions.
    #[must_use]
    pub fn consumer(mut self, consumer: &str) -> Self {
        self.consumers.push(consumer.into());
        self
    }

    /// What errors cost.
    #[must_use]
    pub fn costs(mut self, costs: Costs) -> Self {
        self.costs = Some(costs);
        self
    }

    /// Only rows where this holds are in scope.
    #[must_use]
    pub fn scope(mut self, condition: Predicate) -> Self {
        self.scope.push(condition);
        self
    }

    /// Takes something for granted.
    #[must_use]
    pub fn assume(mut self, statement: &str, check: Option<Predicate>) -> Self {
        self.assumptions.push(Assumption { statement: statement.into(), check });
        self
    }

    /// Adds what must be reached.
    #[must_use]
    pub fn succeed(mut self, criterion: Criterion) -> Self {
        self.success.push(criterion);
        self
    }

    /// Reads a problem from TOML.
    ///
    /// # Errors
    /// When it is not TOML of this form, with the line; or when it contradicts itself.
    pub fn from_toml(text: &str) -> Result<Self> {
        let spec: ProblemSpec = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            Error::malformed(format!("{place}{}", error.message())).with_source(error)
        })?;
        spec.check()?;
        Ok(spec)
    }

    /// Reads a problem from a TOML file.
    ///
    /// # Errors
    /// As for [`from_toml`](ProblemSpec::from_toml), and when the file cannot be read.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::io(format!("cannot read the problem `{}`", path.display()), error))?;
        ProblemSpec::from_toml(&text).context(path.display().to_string())
    }

    /// The problem as TOML.
    ///
    /// # Errors
    /// When the problem contradicts itself.
    pub fn to_toml(&self) -> Result<String> {
        self.check()?;
        toml::to_string(self).map_err(Error::other)
    }

    /// Refuses a problem that leaves something open or contradicts itself.
    ///
    /// # Errors
    /// Names the field.
    pub fn check(&self) -> Result<()> {
        for (field, value) in [
            ("name", &self.name),
            ("decision", &self.decision),
            ("unit", &self.unit),
            ("target", &self.target),
            ("horizon", &self.horizon),
        ] {
            if value.trim().is_empty() {
                return Err(Error::malformed(format!(
                    "the problem leaves `{field}` open; say it in a few words"
                )));
            }
        }
        let (numbers, fits) = match self.costs {
            None => (Vec::new(), true),
            Some(Costs::Regression { over, under }) => (vec![over, under], self.task == Task::Regression),
            Some(Costs::Classification { true_positive, false_positive, false_negative, true_negative }) => {
                let numbers = vec![true_positive, false_positive, false_negative, true_negative];
                (numbers, self.task == Task::Classification)
            }
        };
        if !fits {
            return Err(Error::malformed(format!("the costs are not those of a {:?} task", self.task)));
        }
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(Error::malformed("the costs must be finite numbers"));
        }
        self.success.iter().try_for_each(Criterion::check)
    }

    /// The name of the problem.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is to be predicted.
    pub fn task(&self) -> Task {
        self.task
    }

    /// The column that is to be predicted.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What must be reached.
    pub fn success(&self) -> &[Criterion] {
        &self.success
    }

    /// The problem in words: names and values, for reports.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let list = |items: &[Predicate]| items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let mut facts = vec![
            ("decision", self.decision.clone()),
            ("unit of prediction", self.unit.clone()),
            ("target", self.target.clone()),
            ("horizon", self.horizon.clone()),
            ("consumers", self.consumers.join(", ")),
            ("scope", list(&self.scope)),
            (
                "assumptions",
                self.assumptions.iter().map(|one| one.statement.clone()).collect::<Vec<_>>().join("; "),
            ),
            ("success", self.success.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        ];
        facts.retain(|(_, value)| !value.is_empty());
        facts
    }

    /// Which rows of a table are in scope, and how many each condition leaves out.
    ///
    /// # Errors
    /// When a condition names a column that does not exist or cannot be compared.
    pub fn in_scope(&self, table: &Table) -> Result<ScopeReport> {
        let mut report = ScopeReport { inside: vec![true; table.n_rows()], excluded: Vec::new() };
        for condition in &self.scope {
            let holds = condition.holds(table)?;
            report.excluded.push((condition.to_string(), holds.iter().filter(|holds| !**holds).count()));
            report.inside.iter_mut().zip(holds).for_each(|(inside, holds)| *inside &= holds);
        }
        Ok(report)
    }

    /// How each assumption stands on a table.
    ///
    /// # Errors
    /// When a condition names a column that does not exist or cannot be compared.
    pub fn check_assumptions(&self, table: &Table) -> Result<Vec<(String, AssumptionState)>> {
        let state = |assumption: &Assumption| -> Result<AssumptionState> {
            let Some(check) = &assumption.check else { return Ok(AssumptionState::Unverified) };
            Ok(match check.holds(table)?.iter().filter(|holds| !**holds).count() {
                0 => AssumptionState::Holds,
                rows => AssumptionState::Broken { rows },
            })
        };
        self.assumptions
            .iter()
            .map(|assumption| Ok((assumption.statement.clone(), state(assumption)?)))
            .collect()
    }

    /// What the errors of predictions cost on average, per row.
    ///
    /// # Errors
    /// When the problem has no costs of numbers, or the lengths differ.
    pub fn mean_cost(&self, truth: &[f64], prediction: &[f64]) -> Result<f64> {
        let Some(Costs::Regression { over, under }) = self.costs else {
            return Err(Error::unsupported(
                "the problem does not say what a number predicted too high or too low costs",
            ));
        };
        if truth.is_empty() {
            return Err(Error::empty("there are no predictions to judge"));
        }
        if truth.len() != prediction.len() {
            return Err(Error::length_mismatch("the predictions", truth.len(), prediction.len()));
        }
        let cost = |(truth, prediction): (&f64, &f64)| {
            let gap = prediction - truth;
            if gap > 0.0 { over * gap } else { -under * gap }
        };
        Ok(truth.iter().zip(prediction).map(cost).sum::<f64>() / truth.len() as f64)
    }

    /// How each criterion stands, given what was measured.
    pub fn judge(&self, measurements: &[Measurement]) -> Vec<Judgement> {
        self.success.iter().map(|criterion| criterion.judge_all(measurements)).collect()
    }

    /// One verdict of many: fail if one fails, pass if all pass.
    pub fn overall(judgements: &[Judgement]) -> Verdict {
        let any = |verdict| judgements.iter().any(|judgement| judgement.verdict == verdict);
        if any(Verdict::Fail) {
            Verdict::Fail
        } else if any(Verdict::Inconclusive) || judgements.is_empty() {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        }
    }
}
