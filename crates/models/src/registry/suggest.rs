//! A short list of models for the data at hand, with reasons.

use std::fmt;

use perennial_core::{Error, Result};

use super::candidates::{Candidate, candidates, grouped, percent};
use super::entry::{Ability, Entry, Task};
use super::facts::{DataFacts, Wishes};
use super::list::models;

/// Simple operations that one core does in a second, at the least: what work is turned into time by.
const PER_SECOND: f64 = 1e9;

/// The most bytes that a sparse matrix may take when it is written out.
const DENSE_BYTES: f64 = 1e9;

/// A model that is worth a try, and why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Suggestion {
    /// The model.
    pub entry: &'static Entry,
    /// What speaks for it, given the data; sentences without a full stop.
    pub reasons: Vec<String>,
    /// What must be done before it can learn: an imputer, an encoder.
    pub first: Vec<String>,
}

/// A model that was looked at and is not suggested, and why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeftOut {
    /// The model.
    pub entry: &'static Entry,
    /// Why not; a sentence without a full stop.
    pub reason: String,
}

/// What [`suggest`] gives; as text it is a list that can be read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Suggestions {
    /// The model that all others must beat, where the task has one.
    pub baseline: Option<&'static Entry>,
    /// The models that are worth a try, best first.
    pub suggested: Vec<Suggestion>,
    /// Those that were looked at and are not.
    pub left_out: Vec<LeftOut>,
}

/// A few models for such data, best first, each with reasons, and why the others were left out.
///
/// The order is a judgement, made of rules that are written in the reasons; a comparison on the data itself decides.
/// Times of answers are estimates: the operations that an answer takes, at a billion a second.
///
/// ```
/// use perennial_models::registry::{Ability, DataFacts, Task, Wishes, suggest};
///
/// let facts = DataFacts::new(Task::Classification, 18_000, 12).missing(0.03).categorical(3, 1200).rarest_class(0.02);
/// let found = suggest(&facts, &Wishes::new().needs(Ability::Probabilities))?;
/// assert_eq!(found.suggested[0].entry.name(), "GradientBoostingClassifier");
/// let text = found.to_string();
/// assert!(text.contains("3.0 % of the cells are missing") && text.contains("1,200 categories"), "{text}");
///
/// // Whoever must explain every answer gets other models.
/// let found = suggest(&facts, &Wishes::new().explainable().at_most(2))?;
/// assert_eq!(found.suggested[0].entry.name(), "LogisticRegression");
/// assert!(found.left_out.iter().any(|left| left.reason.contains("cannot follow")));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the facts have no rows or columns, or a share is not between 0 and 1.
pub fn suggest(facts: &DataFacts, wishes: &Wishes) -> Result<Suggestions> {
    check(facts)?;
    let all = models().task(facts.task);
    let mut ranked: Vec<(f64, Suggestion)> = Vec::new();
    let mut left_out = Vec::new();
    for candidate in candidates(facts.task) {
        // Families that are not compiled are not there.
        let Ok(entry) = all.get(candidate.name) else { continue };
        match refuse(&candidate, entry, facts, wishes) {
            Some(reason) => left_out.push(LeftOut { entry, reason }),
            None => ranked.push(judge(&candidate, entry, facts, wishes)),
        }
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let ranked: Vec<Suggestion> = ranked.into_iter().map(|(_, suggestion)| suggestion).collect();
    let n_taken = wishes.at_most.min(ranked.len());
    let (taken, rest) = ranked.split_at(n_taken);
    let after = taken.last().map(|last| last.entry.name());
    left_out.extend(rest.iter().map(|rest| {
        let why =
            rest.reasons.first().cloned().unwrap_or_else(|| "nothing speaks for it in particular".into());
        let place = after.map_or_else(String::new, |last| format!("; it comes after `{last}` for such data"));
        LeftOut { entry: rest.entry, reason: format!("{why}{place}") }
    }));
    let baseline = match facts.task {
        Task::Regression => all.get("DummyRegressor").ok(),
        Task::Classification => all.get("DummyClassifier").ok(),
        _ => None,
    };
    Ok(Suggestions { baseline, suggested: taken.to_vec(), left_out })
}

fn check(facts: &DataFacts) -> Result<()> {
    if facts.n_rows == 0 || facts.n_cols == 0 {
        return Err(Error::empty(format!(
            "{} rows and {} columns give nothing to learn from",
            facts.n_rows, facts.n_cols
        )));
    }
    let shares =
        [("missing", Some(facts.missing)), ("sparse", facts.stored), ("rarest_class", facts.rarest_class)];
    for (name, share) in shares {
        if let Some(share) = share
            && !(0.0..=1.0).contains(&share)
        {
            return Err(Error::invalid_param(name, share, "a share from 0 to 1"));
        }
    }
    Ok(())
}

/// Why a model is out of the question, if it is.
fn refuse(candidate: &Candidate, entry: &Entry, facts: &DataFacts, wishes: &Wishes) -> Option<String> {
    let kind = candidate.kind;
    if wishes.explainable && !kind.explainable() {
        return Some("people cannot follow how an answer comes about".into());
    }
    if let Some(need) = wishes.needs.iter().find(|need| !entry.supports(**need)) {
        return Some(lacks(*need).into());
    }
    if facts.weighted && !entry.supports(Ability::Weights) {
        return Some("it does not use the weights of the rows".into());
    }
    let dense = facts.n_rows as f64 * facts.n_cols as f64 * 8.0;
    if facts.stored.is_some() && !entry.supports(Ability::Sparse) && dense > DENSE_BYTES {
        return Some(format!("it takes no sparse matrix, and a dense one would have {:.1} GB", dense / 1e9));
    }
    if let Some((most, growth)) = kind.most_rows()
        && facts.n_rows > most
    {
        return Some(format!("{} rows are too many: {growth}", grouped(facts.n_rows)));
    }
    let limit = wishes.answer_within?.as_secs_f64();
    let takes = kind.operations(facts) / PER_SECOND;
    (takes > limit).then(|| {
        format!("an answer takes about {} for such data, and the limit is {}", time(takes), time(limit))
    })
}

fn lacks(need: Ability) -> &'static str {
    match need {
        Ability::Weights => "it does not use the weights of rows",
        Ability::Missing => "it takes no missing values",
        Ability::Sparse => "it takes no sparse matrix",
        Ability::Categorical => "it does not treat categories as such",
        Ability::Groups => "it does not use groups of rows",
        Ability::Validation => "it does not look at a validation set",
        Ability::Probabilities => "it gives no probabilities",
        Ability::Quantiles => "it gives no quantiles",
        Ability::Monotone => "it cannot be kept rising or falling along a column",
        Ability::ClassWeights => "it does not weigh classes",
        Ability::Online => "it does not go on learning when more rows come",
        Ability::Interchange => "its models cannot be written for LightGBM or XGBoost",
    }
}

/// How good a model is for such data, and why.
fn judge(
    candidate: &Candidate,
    entry: &'static Entry,
    facts: &DataFacts,
    wishes: &Wishes,
) -> (f64, Suggestion) {
    let (mut points, mut reasons) = candidate.kind.points(facts);
    let mut first = Vec::new();
    if facts.missing > 0.0 {
        let share = percent(facts.missing);
        if entry.supports(Ability::Missing) {
            points += 5.0;
            reasons.push(format!("{share} of the cells are missing, which it takes as they are"));
        } else {
            points -= 5.0;
            first.push(format!("an imputer: {share} of the cells are missing"));
        }
    }
    if facts.n_categorical > 0 {
        let (columns, levels) = (grouped(facts.n_categorical), grouped(facts.most_levels));
        let what = match facts.n_categorical {
            1 => format!("a column has {levels} categories"),
            _ => format!("{columns} columns are of categories, up to {levels} categories in one"),
        };
        if entry.supports(Ability::Categorical) {
            points += 5.0;
            reasons.push(format!("{what}, which it treats as such"));
        } else {
            points -= 5.0;
            first.push(format!("an encoder: {what}"));
        }
    }
    if facts.stored.is_some() && !entry.supports(Ability::Sparse) {
        points -= 20.0;
        first.push("a dense copy of the matrix".into());
    }
    if let Some(share) = facts.rarest_class.filter(|share| *share < 0.1) {
        let rare = format!("the rarest class has {} of the rows", percent(share));
        if entry.supports(Ability::ClassWeights) {
            points += 5.0;
            reasons.push(format!("{rare}; `class_weight` can make it count as much as the others"));
        } else {
            points -= 5.0;
        }
    }
    if let Some(limit) = wishes.answer_within {
        let takes = candidate.kind.operations(facts) / PER_SECOND;
        reasons.push(format!(
            "an answer takes about {}, and the limit is {}",
            time(takes),
            time(limit.as_secs_f64())
        ));
    }
    (points, Suggestion { entry, reasons, first })
}

/// A time as people write it: 50 us.
fn time(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "us")];
    match units.into_iter().find(|(unit, _)| seconds >= *unit) {
        Some((unit, name)) => format!("{:.0} {name}", seconds / unit),
        None => "less than 1 us".into(),
    }
}

impl fmt::Display for Suggestions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(baseline) = self.baseline {
            writeln!(f, "What all must beat: {}", baseline.name())?;
        }
        for (place, Suggestion { entry, reasons, first }) in self.suggested.iter().enumerate() {
            writeln!(f, "{}. {}", place + 1, entry.name())?;
            reasons.iter().try_for_each(|reason| writeln!(f, "   + {reason}"))?;
            first.iter().try_for_each(|step| writeln!(f, "   first {step}"))?;
        }
        if !self.left_out.is_empty() {
            writeln!(f, "Left out:")?;
        }
        self.left_out
            .iter()
            .try_for_each(|LeftOut { entry, reason }| writeln!(f, "   {}: {reason}", entry.name()))
    }
}
