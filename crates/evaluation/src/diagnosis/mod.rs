//! The usual mistakes, looked for in what is known of a model.

mod findings;
mod over_rows;

pub use findings::{Diagnosed, Diagnostic, Findings};

use perennial_core::{Classes, Error, Matrix, Result};
use perennial_numeric::reduce;
use perennial_statistics::describe;
use serde::{Deserialize, Serialize};

use crate::{CrossValidated, FeatureImportance};

/// Looks for usual mistakes (the sixteen of skore, and two more) in what it is told; what it is not told it does not look for.
///
/// | told | looks for |
/// |---|---|
/// | [`cross_validated`](Diagnosis::cross_validated), [`scores`](Diagnosis::scores) | overfitting, inconsistent folds |
/// | [`against`](Diagnosis::against), [`baseline`](Diagnosis::baseline) | underfitting, no better or far slower than the baseline |
/// | [`classes`](Diagnosis::classes) | imbalance, rare classes |
/// | [`coefficients`](Diagnosis::coefficients) | features on different scales |
/// | [`impurity_importances`](Diagnosis::impurity_importances) | bias towards many values |
/// | [`features`](Diagnosis::features) | correlated features |
/// | [`importances`](Diagnosis::importances) | a golden feature, useless features |
/// | [`times`](Diagnosis::times) | overlap in time |
/// | [`search`](Diagnosis::search) | settings at the edge, settings not searched |
/// | [`relations`](Diagnosis::relations) | features that tell something else of the target on tested rows |
/// | [`rounds`](Diagnosis::rounds) | rounds of boosting after the best |
///
/// ```
/// use perennial_evaluation::{Diagnostic, Diagnosis};
///
/// let findings = Diagnosis::new().scores(&[0.99, 0.98, 0.99], &[0.71, 0.74, 0.70], true)?.find();
/// assert_eq!(findings.found[0].diagnostic, Diagnostic::Overfit);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    found: Vec<Diagnosed>,
    looked: Vec<Diagnostic>,
    scores: Option<Scores>,
}

#[derive(Clone, Debug)]
struct Scores {
    train: f64,
    test: f64,
    error: f64,
    sign: f64,
}

/// A setting that was searched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchedSetting {
    /// Its name.
    pub name: String,
    /// The best value.
    pub best: f64,
    /// The least value that was allowed.
    pub low: f64,
    /// The largest value that was allowed.
    pub high: f64,
}

/// Differences of scores by this share of the score are large.
const LARGE: f64 = 0.1;
/// One class with more than this share, or others with less than this part of an equal share, are out of balance.
const MOST: f64 = 0.8;
const RARE_SHARE: f64 = 0.2;
const RARE_ROWS: usize = 30;
/// Deviations that differ by more than this factor are on different scales.
const SCALES: f64 = 10.0;
/// Numbers of values that differ by more than this factor bias importances by impurity.
const VALUES: f64 = 10.0;
const SAME: f64 = 0.9;
const SLOWER: f64 = 10.0;
const GOLDEN: f64 = 0.9;
/// A best setting within this part of the range from its end is at the edge.
const EDGE: f64 = 0.02;

/// How long all fits took.
fn fit_seconds<P, M>(scored: &CrossValidated<P, M>) -> f64 {
    scored.folds.iter().map(|fold| fold.fit_seconds).sum()
}

impl Diagnosis {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether this was looked for.
    #[cfg(feature = "report")]
    pub(crate) fn looked_for(&self, diagnostic: Diagnostic) -> bool {
        self.looked.contains(&diagnostic)
    }

    fn look(&mut self, diagnostic: Diagnostic, found: Option<(String, &str)>) {
        self.looked.push(diagnostic);
        self.found.extend(found.map(|(seen, advice)| Diagnosed {
            diagnostic,
            seen,
            advice: advice.to_owned(),
        }));
    }

    /// The scores of each fold on the rows that it learned from, and on those that it was tested on.
    ///
    /// # Errors
    /// When there are no folds, not as many of both, or a score is not finite.
    pub fn scores(mut self, train: &[f64], test: &[f64], higher_is_better: bool) -> Result<Self> {
        if train.len() != test.len() {
            return Err(Error::length_mismatch("the test scores", train.len(), test.len()));
        }
        if train.is_empty() {
            return Err(Error::empty("there are no folds"));
        }
        perennial_core::check_numbers("the train scores", train)?;
        perennial_core::check_numbers("the test scores", test)?;
        let sign = if higher_is_better { 1.0 } else { -1.0 };
        let (train_mean, (mean, variance)) = (reduce::mean(train), reduce::mean_variance(test, 1));
        let error = if test.len() > 1 { (variance / test.len() as f64).sqrt() } else { 0.0 };
        let gap = sign * (train_mean - mean);
        let overfit = gap > LARGE * mean.abs().max(f64::MIN_POSITIVE) && gap > 2.0 * error;
        self.look(
            Diagnostic::Overfit,
            overfit.then(|| {
                (
                    format!(
                        "the score is {train_mean:.4} on rows that were learned from and {mean:.4} on others"
                    ),
                    "regularise more, take fewer features or more rows",
                )
            }),
        );
        let worst = test.iter().fold(0.0_f64, |worst, score| worst.max((score - mean).abs()));
        let far = test.len() > 2 && worst > 2.0 * LARGE * mean.abs().max(f64::MIN_POSITIVE);
        self.look(
            Diagnostic::InconsistentFolds,
            far.then(|| {
                let fold = test.iter().position(|score| (score - mean).abs() == worst).unwrap_or(0);
                (
                    format!("fold {fold} scores {:.4}, and the mean of all is {mean:.4}", test[fold]),
                    "look at the rows of that fold; stratify, group or shuffle the folds, or take more of them",
                )
            }),
        );
        self.scores = Some(Scores { train: train_mean, test: mean, error, sign });
        Ok(self)
    }

    /// The scores of a cross-validation with [train scores](crate::CrossValidation::with_train_scores), as by
    /// [`scores`](Diagnosis::scores).
    ///
    /// # Errors
    /// As [`scores`](Diagnosis::scores), or when there are no train scores.
    pub fn cross_validated<P, M>(self, model: &CrossValidated<P, M>) -> Result<Self> {
        let train = model.train_scores().ok_or_else(|| {
            Error::unsupported(
                "there are no scores of the rows that were learned from; cross-validate by `CrossValidation::new().with_train_scores(true)`",
            )
        })?;
        self.scores(&train, &model.scores(), model.higher_is_better)
    }

    /// A model and a baseline that were cross-validated on the same folds, the model with
    /// [train scores](crate::CrossValidation::with_train_scores): their scores and how long their fits took, as by
    /// [`scores`](Diagnosis::scores) and [`baseline`](Diagnosis::baseline).
    ///
    /// # Errors
    /// As [`cross_validated`](Diagnosis::cross_validated) and [`baseline`](Diagnosis::baseline), or when the metrics or the tested rows differ.
    pub fn against<P, M, Q, N>(
        self,
        model: &CrossValidated<P, M>,
        baseline: &CrossValidated<Q, N>,
    ) -> Result<Self> {
        if model.metric != baseline.metric {
            return Err(Error::unsupported(format!(
                "the model is scored by `{}` and the baseline by `{}`; score both by the same metric",
                model.metric, baseline.metric
            )));
        }
        let tested = model.folds.iter().map(|fold| &fold.test);
        if !tested.eq(baseline.folds.iter().map(|fold| &fold.test)) {
            return Err(Error::unsupported(
                "the model and the baseline were tested on different rows; cross-validate both by the same splitter and seed",
            ));
        }
        self.cross_validated(model)?.baseline(&baseline.scores(), fit_seconds(model), fit_seconds(baseline))
    }

    /// The scores of a baseline on the same folds, and how long the fits of the model and of the baseline took, in seconds;
    /// after [`scores`](Diagnosis::scores).
    ///
    /// # Errors
    /// When the scores of the model were not given first, there are none of the baseline, or one is not finite.
    pub fn baseline(mut self, test: &[f64], model_seconds: f64, baseline_seconds: f64) -> Result<Self> {
        perennial_core::check_numbers("the scores of the baseline", test)?;
        let scores = self.scores.clone().ok_or_else(|| {
            Error::unsupported(
                "the baseline is compared with the scores of the model; give them first, by `scores`",
            )
        })?;
        if test.is_empty() {
            return Err(Error::empty("there are no scores of the baseline"));
        }
        let baseline = reduce::mean(test);
        let gain = |score: f64| scores.sign * (score - baseline);
        let better = gain(scores.test) > 2.0 * scores.error && gain(scores.test) > 0.0;
        let learns = gain(scores.train) > 2.0 * scores.error && gain(scores.train) > 0.0;
        self.look(
            Diagnostic::Underfit,
            (!learns).then(|| {
                (
                    format!("even on rows that were learned from the score is {:.4}, and that of the baseline {baseline:.4}", scores.train),
                    "take a more flexible model, other features, or less regularisation",
                )
            }),
        );
        self.look(
            Diagnostic::NoBetterThanBaseline,
            (!better).then(|| {
                (
                    format!("the score is {:.4} and that of the baseline {baseline:.4}, within two standard errors", scores.test),
                    "use the baseline, or find features that tell more",
                )
            }),
        );
        let slow = !better && model_seconds > SLOWER * baseline_seconds;
        self.look(
            Diagnostic::SlowerThanBaseline,
            slow.then(|| {
                (
                    format!("a fit takes {model_seconds:.3} s, that of the baseline {baseline_seconds:.3} s, and it is no better"),
                    "use the baseline",
                )
            }),
        );
        Ok(self)
    }

    /// The classes of the rows that are learned from.
    #[must_use]
    pub fn classes(mut self, classes: &Classes) -> Self {
        let counts = classes.counts();
        let total: usize = counts.iter().sum();
        let name = |class: usize| &classes.names()[class];
        let share = |class: usize| counts[class] as f64 / total.max(1) as f64;
        let most = (0..counts.len()).max_by_key(|&class| counts[class]);
        self.look(
            Diagnostic::ClassImbalance,
            most.filter(|&class| counts.len() > 1 && share(class) > MOST).map(|class| {
                (
                    format!("{:.0} % of the rows are of class `{}`", 100.0 * share(class), name(class)),
                    "do not judge by accuracy; use average precision or a value model, and class weights or a threshold of your choice",
                )
            }),
        );
        let rare = (0..counts.len())
            .filter(|&class| counts[class] < RARE_ROWS || share(class) < RARE_SHARE / counts.len() as f64)
            .min_by_key(|&class| counts[class]);
        self.look(
            Diagnostic::RareClass,
            rare.map(|class| {
                (
                    format!("class `{}` has {} of {total} rows", name(class), counts[class]),
                    "get more rows of it, join it with another class, or leave it out and say so",
                )
            }),
        );
        self
    }

    /// Coefficients that are to be compared, and the features that they belong to.
    ///
    /// # Errors
    /// When the matrix is sparse, or the coefficients are not one for each column.
    pub fn coefficients(mut self, coefficients: &[f64], x: &Matrix) -> Result<Self> {
        if coefficients.len() != x.n_cols() {
            return Err(Error::length_mismatch("the coefficients", x.n_cols(), coefficients.len()));
        }
        let deviation = |column: ndarray::ArrayView1<'_, f64>| {
            let known: Vec<f64> = column.iter().copied().filter(|value| value.is_finite()).collect();
            reduce::mean_variance(&known, 0).1.sqrt()
        };
        let deviations: Vec<f64> = x.dense()?.columns().into_iter().map(deviation).collect();
        let spread = |column: &usize| deviations[*column] > 0.0;
        let order = |a: &usize, b: &usize| deviations[*a].total_cmp(&deviations[*b]);
        let least = (0..x.n_cols()).filter(spread).min_by(order);
        let most = (0..x.n_cols()).filter(spread).max_by(order);
        let found = least.zip(most).filter(|(least, most)| deviations[*most] > SCALES * deviations[*least]);
        self.look(
            Diagnostic::UnscaledCoefficients,
            found.map(|(least, most)| {
                (
                    format!(
                        "`{}` has a standard deviation of {:.3e} and `{}` one of {:.3e}, so their coefficients do not compare",
                        x.features().name(most),
                        deviations[most],
                        x.features().name(least),
                        deviations[least]
                    ),
                    "scale the features before the fit, or multiply each coefficient by the deviation of its feature",
                )
            }),
        );
        Ok(self)
    }

    /// Importances by impurity, one for each feature, and the features.
    ///
    /// # Errors
    /// When the matrix is sparse, or the importances are not one for each column.
    pub fn impurity_importances(mut self, importances: &[f64], x: &Matrix) -> Result<Self> {
        if importances.len() != x.n_cols() {
            return Err(Error::length_mismatch("the importances", x.n_cols(), importances.len()));
        }
        let values = x.dense()?;
        let n_values = |column: usize| {
            let mut bits: Vec<u64> = values.column(column).iter().map(|value| value.to_bits()).collect();
            bits.sort_unstable();
            bits.dedup();
            bits.len()
        };
        let numbers: Vec<usize> = reduce::map_each(x.n_cols(), n_values);
        let used = |column: &usize| importances[*column] > 0.0 && numbers[*column] > 1;
        let few = (0..x.n_cols()).filter(used).min_by_key(|&column| numbers[column]);
        let many = (0..x.n_cols()).filter(used).max_by_key(|&column| numbers[column]);
        let found = few.zip(many).filter(|(few, many)| numbers[*many] as f64 > VALUES * numbers[*few] as f64);
        self.look(
            Diagnostic::BiasedImportances,
            found.map(|(few, many)| {
                (
                    format!(
                        "`{}` has {} values and `{}` has {}; importances by impurity favour many",
                        x.features().name(many),
                        numbers[many],
                        x.features().name(few),
                        numbers[few]
                    ),
                    "use `PermutationImportance` on rows that were not learned from",
                )
            }),
        );
        Ok(self)
    }

    /// The features of the rows.
    ///
    /// # Errors
    /// When the matrix is sparse.
    pub fn features(mut self, x: &Matrix) -> Result<Self> {
        let values = x.dense()?;
        let ranks: Vec<Option<Vec<f64>>> =
            reduce::map_each(x.n_cols(), |column| describe::ranks(&values.column(column).to_vec()).ok());
        let pairs: Vec<(usize, usize)> = (0..x.n_cols()).flat_map(|a| (0..a).map(move |b| (b, a))).collect();
        let correlations = reduce::map_each(pairs.len(), |pair| {
            let (a, b) = (ranks[pairs[pair].0].as_ref()?, ranks[pairs[pair].1].as_ref()?);
            describe::pearson(a, b).ok().filter(|correlation| correlation.abs() > SAME)
        });
        let mut found: Vec<(f64, (usize, usize))> = correlations
            .into_iter()
            .zip(pairs)
            .filter_map(|(correlation, pair)| Some((correlation?, pair)))
            .collect();
        found.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        let number = found.len();
        self.look(
            Diagnostic::CorrelatedFeatures,
            found.first().map(|(correlation, (a, b))| {
                let more =
                    if number > 1 { format!(", and {} other pairs", number - 1) } else { String::new() };
                (
                    format!(
                        "`{}` and `{}` have a rank correlation of {correlation:.3}{more}",
                        x.features().name(*a),
                        x.features().name(*b)
                    ),
                    "read their importances and coefficients together, or keep one of them",
                )
            }),
        );
        Ok(self)
    }

    /// What the score loses without each feature, from [`PermutationImportance`](crate::PermutationImportance).
    #[must_use]
    pub fn importances(mut self, importances: &[FeatureImportance]) -> Self {
        let total: f64 = importances.iter().map(|feature| feature.interval.estimate.max(0.0)).sum();
        let golden = importances.iter().find(|feature| {
            importances.len() > 1 && total > 0.0 && feature.interval.estimate > GOLDEN * total
        });
        self.look(
            Diagnostic::GoldenFeature,
            golden.map(|feature| {
                (
                    format!(
                        "`{}` has {:.0} % of the importance",
                        feature.feature,
                        100.0 * feature.interval.estimate / total
                    ),
                    "make sure that it is known, in this form, when the answer is needed",
                )
            }),
        );
        let useless: Vec<String> = importances
            .iter()
            .filter(|feature| feature.interval.low <= 0.0)
            .map(|feature| format!("`{}`", feature.feature))
            .collect();
        self.look(
            Diagnostic::UselessFeatures,
            match useless.as_slice() {
                [] => None,
                [one] => Some((
                    format!("without {one} the score would be the same"),
                    "leave it out, and score again",
                )),
                some => Some((
                    format!("without any one of {} the score would be the same", some.join(", ")),
                    "leave them out one after another, and score again each time",
                )),
            },
        );
        self
    }

    /// The times of the rows that were learned from and of those that were tested on.
    #[must_use]
    pub fn times(mut self, train: &[i64], test: &[i64]) -> Self {
        let overlap = train.iter().max().zip(test.iter().min()).filter(|(last, first)| last >= first);
        self.look(
            Diagnostic::TimeOverlap,
            overlap.map(|(last, first)| {
                let late = train.iter().filter(|time| *time >= first).count();
                (
                    format!("{late} rows that were learned from are not before the first tested row ({last} against {first})"),
                    "split by time, such as with `time_train_test` or `TimeSeriesSplit`",
                )
            }),
        );
        self
    }

    /// The settings that were searched, and the names of those that matter and were not; both empty where there was no
    /// search.
    #[must_use]
    pub fn search(mut self, searched: &[SearchedSetting], not_searched: &[&str]) -> Self {
        let at_edge = searched.iter().find(|setting| {
            let range = setting.high - setting.low;
            range > 0.0 && (setting.best - setting.low).min(setting.high - setting.best) <= EDGE * range
        });
        self.look(
            Diagnostic::OptimumAtEdge,
            at_edge.map(|SearchedSetting { name, best, low, high }| {
                (
                    format!("the best `{name}` is {best}, at the end of {low} to {high}"),
                    "search a wider range",
                )
            }),
        );
        let named: Vec<String> = not_searched.iter().map(|name| format!("`{name}`")).collect();
        self.look(
            Diagnostic::WorthTuning,
            (!searched.is_empty() && !named.is_empty())
                .then(|| (format!("{} were not searched", named.join(", ")), "search them too")),
        );
        self.look(
            Diagnostic::NotTuned,
            searched.is_empty().then(|| {
                (
                    "no setting was searched".to_owned(),
                    "search the few that matter most, by cross-validation within the training rows",
                )
            }),
        );
        self
    }

    /// What was found.
    pub fn find(mut self) -> Findings {
        self.found.sort_by_key(|finding| finding.diagnostic);
        let found = |check: &Diagnostic| self.found.iter().any(|finding| finding.diagnostic == *check);
        let passed = Diagnostic::ALL
            .into_iter()
            .filter(|check| self.looked.contains(check) && !found(check))
            .collect();
        let unknown = Diagnostic::ALL.into_iter().filter(|check| !self.looked.contains(check)).collect();
        Findings { passed, unknown, found: self.found }
    }
}
