//! Several models, each against each, with a baseline among them.

use std::fmt;

use perennial_core::{Error, Result};
use perennial_statistics::interval::Interval;
use perennial_statistics::multiple::{Adjustment, adjust};
use serde::{Deserialize, Serialize};

use super::{Comparison, ComparisonOptions, Verdict, compare_folds};
use crate::CrossValidated;

/// Models on the same folds, the best first, and every pair of them compared.
///
/// A model counts as better than another only where the interval of the gain lies above the region of equivalence, and
/// the p-value, adjusted for the number of pairs by Holm (1979), is at most one minus the level.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Predictor, Result, Rows, Train, Values};
/// use perennial_evaluation::metric::MeanAbsoluteError;
/// use perennial_evaluation::{ComparisonOptions, CrossValidation, ModelTable, cross_validate, split::KFold};
///
/// /// Answers this number times the first column.
/// struct Times(f64);
/// struct TimesModel(f64);
///
/// impl Estimator for Times {
///     type Input = Matrix;
///     type Target = Values;
///     type Model = TimesModel;
///
///     fn fit_on(&self, _: &Train<'_, Matrix, Values>) -> Result<TimesModel> {
///         Ok(TimesModel(self.0))
///     }
/// }
///
/// impl Predictor for TimesModel {
///     type Input = Matrix;
///     type Output = Values;
///
///     fn predict(&self, x: &Matrix) -> Result<Values> {
///         Ok(x.dense()?.column(0).iter().map(|x| self.0 * x).collect())
///     }
/// }
///
/// let x = Matrix::from(Array2::from_shape_fn((100, 1), |(row, _)| (row % 17) as f64));
/// let y: Values = (0..100).map(|row| 2.0 * f64::from(row % 17) + f64::from(row % 3)).collect();
/// let score = |times: f64| {
///     let folds = KFold::new(5).seed(1);
///     cross_validate(&Times(times), &x, &y, &folds, &MeanAbsoluteError, &CrossValidation::new())
/// };
/// let table = ModelTable::new("nothing", &score(0.0)?)
///     .model("half", &score(1.0)?)
///     .model("double", &score(2.0)?)
///     .compare(&ComparisonOptions::new())?;
/// assert_eq!(table.models[0].name, "double");
/// assert!(table.to_string().contains("nothing (baseline)"));
/// assert_eq!(table.choose()?.name, "double");
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelTable {
    /// The name of the metric.
    pub metric: String,
    /// The models, the best first.
    pub models: Vec<ModelRow>,
    /// All pairs, in the order of the models; the second of each pair is the one that stands lower.
    pub pairs: Vec<ModelPair>,
}

/// One model of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRow {
    /// The name.
    pub name: String,
    /// Whether it is a baseline.
    pub is_baseline: bool,
    /// The mean score with its interval.
    pub score: Interval,
    /// What can be said of it against the baselines, adjusted for the number of pairs: against that of them over which least can
    /// be said for it.
    pub against_baseline: Verdict,
}

/// Two models of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPair {
    /// The name of the model that stands higher.
    pub first: String,
    /// The name of the model that stands lower.
    pub second: String,
    /// The second against the first, as if there were no other pairs.
    pub comparison: Comparison,
    /// The p-value, adjusted for the number of pairs (Holm, 1979).
    pub adjusted_p_value: f64,
    /// What can be said of the second against the first, given the number of pairs.
    pub verdict: Verdict,
}

/// The models that a table is made of.
#[derive(Debug, Clone)]
pub struct ModelTableBuilder {
    models: Vec<(String, CrossValidated<(), ()>)>,
    baselines: Vec<String>,
}

impl ModelTable {
    /// A table begins with the baseline that all others must beat.
    #[expect(clippy::new_ret_no_self, reason = "a table is made by comparing what its builder has")]
    pub fn new<P, M>(name: &str, baseline: &CrossValidated<P, M>) -> ModelTableBuilder {
        ModelTableBuilder { models: Vec::new(), baselines: Vec::new() }.baseline(name, baseline)
    }

    /// The best model that is better than every baseline: the one to go on with.
    ///
    /// # Errors
    /// When none is surely better than all baselines: then no model earns what it costs.
    pub fn choose(&self) -> Result<&ModelRow> {
        let chosen = self.models.iter().find(|model| model.may_be_promoted());
        chosen.ok_or_else(|| {
            let best = self.models.iter().find(|model| model.is_baseline).map_or("", |model| model.name.as_str());
            Error::insufficient_data(format!(
                "no model is surely better than all baselines, of which `{best}` is the best; use it, or find features that \
                 tell more, or more rows"
            ))
        })
    }

    /// The models of which none is known to be worse than the best.
    pub fn leaders(&self) -> Vec<&str> {
        let best = self.models.first().map(|model| model.name.as_str());
        let beaten = |name: &str| {
            let of_best = |pair: &&ModelPair| Some(pair.first.as_str()) == best && pair.second == name;
            self.pairs.iter().find(of_best).is_some_and(|pair| pair.verdict == Verdict::Worse)
        };
        self.models.iter().map(|model| model.name.as_str()).filter(|name| !beaten(name)).collect()
    }
}

impl ModelRow {
    /// Whether it may take the place of a baseline: only what is surely better than all of them.
    pub fn may_be_promoted(&self) -> bool {
        !self.is_baseline && self.against_baseline == Verdict::Better
    }
}

impl ModelTableBuilder {
    /// Adds a baseline, scored on the same folds: models must be better than each of them.
    #[must_use]
    pub fn baseline<P, M>(mut self, name: &str, scored: &CrossValidated<P, M>) -> Self {
        self.baselines.push(name.to_owned());
        self.model(name, scored)
    }

    /// Adds several baselines, as [`score_baselines`](crate::score_baselines) gives them.
    #[must_use]
    pub fn baselines<P, M>(self, scored: &[(String, CrossValidated<P, M>)]) -> Self {
        scored.iter().fold(self, |table, (name, scored)| table.baseline(name, scored))
    }

    /// Adds a model, scored on the same folds.
    #[must_use]
    pub fn model<P, M>(mut self, name: &str, scored: &CrossValidated<P, M>) -> Self {
        self.models.push((name.to_owned(), scored.scores_only()));
        self
    }

    /// Compares each with each.
    ///
    /// # Errors
    /// As [`compare_folds`], or when two models have one name or a score is NaN.
    pub fn compare(mut self, options: &ComparisonOptions<'_>) -> Result<ModelTable> {
        let level = options.interval.confidence();
        let baselines = std::mem::take(&mut self.baselines);
        for (place, (name, scored)) in self.models.iter().enumerate() {
            if self.models[..place].iter().any(|(other, _)| other == name) {
                return Err(Error::invalid_name(format!(
                    "two models are named `{name}`; give each its own name"
                )));
            }
            if scored.mean().is_nan() {
                return Err(Error::overflow(format!("the score of `{name}` is NaN; check its answers")));
            }
        }
        let sign = if self.models[0].1.higher_is_better { -1.0 } else { 1.0 };
        self.models.sort_by(|a, b| (sign * a.1.mean()).total_cmp(&(sign * b.1.mean())));
        let mut pairs = Vec::new();
        for (place, (first, better)) in self.models.iter().enumerate() {
            for (second, worse) in &self.models[place + 1..] {
                let comparison = compare_folds(better, worse, options)
                    .map_err(|error| error.context(format!("`{second}` against `{first}`")))?;
                pairs.push((first.clone(), second.clone(), comparison));
            }
        }
        let p_values: Vec<f64> =
            pairs.iter().map(|(.., comparison)| comparison.p_value.unwrap_or(1.0)).collect();
        let adjusted = adjust(&p_values, Adjustment::Holm)?;
        let pair = |((first, second, comparison), adjusted_p_value): ((String, String, Comparison), f64)| {
            let differs = matches!(comparison.verdict, Verdict::Better | Verdict::Worse);
            let sure = adjusted_p_value <= 1.0 - level;
            let verdict = if differs && !sure { Verdict::Unclear } else { comparison.verdict };
            ModelPair { first, second, comparison, adjusted_p_value, verdict }
        };
        let pairs: Vec<ModelPair> = pairs.into_iter().zip(adjusted).map(pair).collect();
        // From the least to the most that can be said for the model.
        let rank = |verdict: &Verdict| match verdict {
            Verdict::Worse => 0,
            Verdict::Unclear => 1,
            Verdict::Equivalent => 2,
            Verdict::Better => 3,
        };
        let against = |name: &str, baseline: &str| {
            let of = |first: &str, second: &str| {
                pairs
                    .iter()
                    .find(|pair| pair.first == first && pair.second == second)
                    .map(|pair| pair.verdict)
            };
            let turned = |verdict| match verdict {
                Verdict::Better => Verdict::Worse,
                Verdict::Worse => Verdict::Better,
                other => other,
            };
            of(baseline, name).or_else(|| of(name, baseline).map(turned))
        };
        let against_baseline = |name: &str| {
            let verdicts = baselines.iter().filter_map(|baseline| against(name, baseline));
            // A model is equivalent to itself.
            verdicts.min_by_key(rank).unwrap_or(Verdict::Equivalent)
        };
        let row = |(name, scored): &(String, CrossValidated<(), ()>)| {
            Ok(ModelRow {
                name: name.clone(),
                is_baseline: baselines.contains(name),
                score: scored.interval(level)?,
                against_baseline: against_baseline(name),
            })
        };
        let models = self.models.iter().map(row).collect::<Result<Vec<_>>>()?;
        Ok(ModelTable { metric: self.models[0].1.metric.clone(), models, pairs })
    }
}

/// A line for each model: its score, and what can be said of it against the baseline.
impl fmt::Display for ModelTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} models on the same folds", self.metric, self.models.len())?;
        let one = self.models.iter().filter(|model| model.is_baseline).count() < 2;
        for (place, model) in self.models.iter().enumerate() {
            write!(f, "\n{}. {}", place + 1, model.name)?;
            match model.is_baseline {
                true => write!(f, " (baseline): {}", model.score)?,
                false => {
                    let said = match model.against_baseline {
                        Verdict::Better => "better than",
                        Verdict::Worse => "worse than",
                        Verdict::Equivalent => "equivalent to",
                        Verdict::Unclear => "not surely different from",
                    };
                    let what = match (one, model.against_baseline) {
                        (true, _) => "the baseline",
                        (false, Verdict::Better) => "all baselines",
                        (false, _) => "a baseline",
                    };
                    write!(f, ": {}, {said} {what}", model.score)?;
                }
            }
        }
        Ok(())
    }
}
