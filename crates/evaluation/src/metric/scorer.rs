//! Metrics that are chosen by name, in a configuration file for example.

use std::fmt;
use std::sync::Arc;

use perennial_core::{ClassOutputs, Classes, Error, Probabilities, Result, Rows, Values};
use perennial_statistics::interval::Interval;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::*;
use crate::{IntervalOptions, Stack};

/// A metric by its name, among them all 58 names of scikit-learn's `get_scorer_names()`: more is better always, and a loss
/// is negated, as the `neg_` of its name says.
///
/// It is a [`Metric`] as every other, and in a file it is its name. What it compares follows from the type of the answers:
/// `Scorer<Values>`, `Scorer<Probabilities>`, which takes metrics of classes too and gives them the most probable class,
/// `Scorer<Classes>` for classes without probabilities and for groupings, and `Scorer<ClassOutputs>` for sets of labels.
///
/// ```
/// use perennial_core::{Probabilities, Values};
/// use perennial_evaluation::{Metric, metric::Scorer};
///
/// let scorer: Scorer<Values> = Scorer::named("neg_mean_absolute_error")?;
/// let (truth, answer) = (Values::from(vec![1.0, 2.0]), Values::from(vec![1.5, 3.5]));
/// assert_eq!(scorer.score(&truth, &answer)?, -1.0);
///
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     scoring: Scorer<Probabilities>,
/// }
/// let settings: Settings = serde_json::from_str(r#"{ "scoring": "roc_auc_ovr" }"#).unwrap();
/// assert_eq!(settings.scoring.name(), "roc_auc_ovr");
/// let wrong = Scorer::<Probabilities>::named("log_loss").unwrap_err();
/// assert!(wrong.to_string().contains("neg_log_loss"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub struct Scorer<P: Scored> {
    name: &'static str,
    higher_is_better: bool,
    metric: Arc<dyn AnyMetric<P::Truth, P>>,
}

/// Answers for which there are metrics by name.
pub trait Scored: Stack + Send + Sync + sealed::Named {
    /// What they are compared with.
    type Truth: ?Sized + Rows + Sync + 'static;
}

mod sealed {
    pub trait Named: Sized {
        const WHAT: &'static str;

        fn all() -> Vec<super::Scorer<Self>>
        where
            Self: super::Scored;
    }
}

/// A metric whose type is not known.
trait AnyMetric<T: ?Sized, P>: Send + Sync {
    fn any_bounds(&self) -> (f64, f64);
    fn any_score(&self, truth: &T, prediction: &P, weights: Option<&[f64]>) -> Result<f64>;
    fn any_rows(&self, truth: &T, prediction: &P) -> Result<Option<Vec<f64>>>;
    fn any_check_bootstrap(&self) -> Result<()>;
    fn any_interval(&self, truth: &T, prediction: &P, options: &IntervalOptions<'_>) -> Result<Interval>;
}

impl<M: Metric> AnyMetric<M::Truth, M::Prediction> for M {
    fn any_bounds(&self) -> (f64, f64) {
        self.bounds()
    }

    fn any_score(
        &self,
        truth: &M::Truth,
        prediction: &M::Prediction,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        self.score_weighted(truth, prediction, weights)
    }

    fn any_rows(&self, truth: &M::Truth, prediction: &M::Prediction) -> Result<Option<Vec<f64>>> {
        self.row_scores(truth, prediction)
    }

    fn any_check_bootstrap(&self) -> Result<()> {
        self.check_bootstrap()
    }

    fn any_interval(
        &self,
        truth: &M::Truth,
        prediction: &M::Prediction,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        self.interval(truth, prediction, options)
    }
}

impl<P: Scored> Scorer<P> {
    /// The metric of this name.
    ///
    /// # Errors
    /// When no metric of such answers has the name; the message lists those that there are.
    pub fn named(name: &str) -> Result<Self> {
        let all = P::all();
        if let Some(found) = all.iter().find(|scorer| scorer.name == name) {
            return Ok(found.clone());
        }
        let negated = format!("neg_{name}");
        let hint = match all.iter().any(|scorer| scorer.name == negated) {
            true => format!("; as a score, of which more is better, this loss is named `{negated}`"),
            false => String::new(),
        };
        Err(Error::unknown(format!(
            "no metric of {} is named `{name}`{hint}; there are: {}",
            P::WHAT,
            all.iter().map(|scorer| scorer.name).collect::<Vec<_>>().join(", ")
        )))
    }

    /// All names for such answers.
    pub fn names() -> Vec<&'static str> {
        P::all().into_iter().map(|scorer| scorer.name).collect()
    }

    fn new<M: Metric<Truth = P::Truth, Prediction = P> + 'static>(name: &'static str, metric: M) -> Self {
        Scorer { name, higher_is_better: M::HIGHER_IS_BETTER, metric: Arc::new(metric) }
    }

    fn turned(&self, score: f64) -> f64 {
        if self.higher_is_better { score } else { -score }
    }
}

impl<P: Scored> Metric for Scorer<P> {
    type Truth = P::Truth;
    type Prediction = P;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn bounds(&self) -> (f64, f64) {
        let (least, most) = self.metric.any_bounds();
        if self.higher_is_better { (least, most) } else { (-most, -least) }
    }

    fn score_weighted(&self, truth: &P::Truth, prediction: &P, weights: Option<&[f64]>) -> Result<f64> {
        Ok(self.turned(self.metric.any_score(truth, prediction, weights)?))
    }

    fn row_scores(&self, truth: &P::Truth, prediction: &P) -> Result<Option<Vec<f64>>> {
        let rows = self.metric.any_rows(truth, prediction)?;
        Ok(rows.map(|rows| rows.into_iter().map(|score| self.turned(score)).collect()))
    }

    fn check_bootstrap(&self) -> Result<()> {
        self.metric.any_check_bootstrap()
    }

    fn interval(&self, truth: &P::Truth, prediction: &P, options: &IntervalOptions<'_>) -> Result<Interval> {
        let found = self.metric.any_interval(truth, prediction, options)?;
        if self.higher_is_better {
            return Ok(found);
        }
        let Interval { estimate, low, high, level } = found;
        Ok(Interval { estimate: -estimate, low: -high, high: -low, level })
    }
}

impl<P: Scored> Clone for Scorer<P> {
    fn clone(&self) -> Self {
        Scorer { metric: Arc::clone(&self.metric), ..*self }
    }
}

impl<P: Scored> PartialEq for Scorer<P> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<P: Scored> Eq for Scorer<P> {}

impl<P: Scored> fmt::Debug for Scorer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scorer").field(&self.name).finish()
    }
}

impl<P: Scored> Serialize for Scorer<P> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name)
    }
}

impl<'de, P: Scored> Deserialize<'de> for Scorer<P> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Scorer::named(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A metric of the second of two classes.
struct OfSecond<M>(fn(&str) -> M);

impl<M: Metric<Truth = Classes, Prediction = Classes>> OfSecond<M> {
    fn metric(&self, truth: &Classes) -> Result<M> {
        match truth.names() {
            [_, second] => Ok(self.0(second)),
            names => Err(Error::unsupported(format!(
                "this score is of two classes, and there are {}: {}; use one that is averaged, such as `f1_macro`",
                names.len(),
                names.join(", ")
            ))),
        }
    }
}

impl<M: Metric<Truth = Classes, Prediction = Classes>> Metric for OfSecond<M> {
    type Truth = Classes;
    type Prediction = Classes;
    const HIGHER_IS_BETTER: bool = M::HIGHER_IS_BETTER;

    fn name(&self) -> String {
        self.0("").name()
    }

    fn bounds(&self) -> (f64, f64) {
        self.0("").bounds()
    }

    fn score_weighted(&self, truth: &Classes, given: &Classes, weights: Option<&[f64]>) -> Result<f64> {
        self.metric(truth)?.score_weighted(truth, given, weights)
    }

    fn row_scores(&self, truth: &Classes, given: &Classes) -> Result<Option<Vec<f64>>> {
        self.metric(truth)?.row_scores(truth, given)
    }

    fn interval(&self, truth: &Classes, given: &Classes, options: &IntervalOptions<'_>) -> Result<Interval> {
        self.metric(truth)?.interval(truth, given, options)
    }
}

/// A metric of classes, of the most probable ones.
struct OfMostLikely<M>(M);

impl<M: Metric<Truth = Classes, Prediction = Classes>> Metric for OfMostLikely<M> {
    type Truth = Classes;
    type Prediction = Probabilities;
    const HIGHER_IS_BETTER: bool = M::HIGHER_IS_BETTER;

    fn name(&self) -> String {
        self.0.name()
    }

    fn bounds(&self) -> (f64, f64) {
        self.0.bounds()
    }

    fn score_weighted(&self, truth: &Classes, said: &Probabilities, weights: Option<&[f64]>) -> Result<f64> {
        self.0.score_weighted(truth, &said.most_likely(), weights)
    }

    fn row_scores(&self, truth: &Classes, said: &Probabilities) -> Result<Option<Vec<f64>>> {
        self.0.row_scores(truth, &said.most_likely())
    }

    fn interval(
        &self,
        truth: &Classes,
        said: &Probabilities,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        self.0.interval(truth, &said.most_likely(), options)
    }
}

/// The metrics of classes; `$with` makes a scorer of each.
macro_rules! of_classes {
    ($with:ident) => {
        vec![
            $with("accuracy", Accuracy),
            $with("balanced_accuracy", BalancedAccuracy),
            $with("cohen_kappa", CohenKappa::new()),
            $with("f1", OfSecond(|class| F1::of(class))),
            $with("f1_macro", F1::new(Average::Macro)),
            $with("f1_micro", F1::new(Average::Micro)),
            $with("f1_weighted", F1::new(Average::Weighted)),
            $with("geometric_mean", GeometricMean),
            $with("jaccard", OfSecond(|class| Jaccard::of(class))),
            $with("jaccard_macro", Jaccard::new(Average::Macro)),
            $with("jaccard_micro", Jaccard::new(Average::Micro)),
            $with("jaccard_weighted", Jaccard::new(Average::Weighted)),
            $with("matthews_corrcoef", MatthewsCorrelation),
            $with("neg_negative_likelihood_ratio", OfSecond(|class| NegativeLikelihoodRatio::of(class))),
            $with("neg_zero_one_loss", ZeroOneLoss),
            $with("positive_likelihood_ratio", OfSecond(|class| PositiveLikelihoodRatio::of(class))),
            $with("precision", OfSecond(|class| Precision::of(class))),
            $with("precision_macro", Precision::new(Average::Macro)),
            $with("precision_micro", Precision::new(Average::Micro)),
            $with("precision_weighted", Precision::new(Average::Weighted)),
            $with("recall", OfSecond(|class| Recall::of(class))),
            $with("recall_macro", Recall::new(Average::Macro)),
            $with("recall_micro", Recall::new(Average::Micro)),
            $with("recall_weighted", Recall::new(Average::Weighted)),
            $with("specificity", OfSecond(|class| Specificity::of(class))),
            $with("specificity_macro", Specificity::new()),
        ]
    };
}

fn scorer<M>(name: &'static str, metric: M) -> Scorer<M::Prediction>
where
    M: Metric + 'static,
    M::Prediction: Scored<Truth = M::Truth>,
{
    Scorer::new(name, metric)
}

fn most_likely<M>(name: &'static str, metric: M) -> Scorer<Probabilities>
where
    M: Metric<Truth = Classes, Prediction = Classes> + 'static,
{
    Scorer::new(name, OfMostLikely(metric))
}

impl Scored for Classes {
    type Truth = Classes;
}

impl sealed::Named for Classes {
    const WHAT: &'static str = "classes or groupings";

    fn all() -> Vec<Scorer<Classes>> {
        let mut all: Vec<Scorer<Classes>> = of_classes!(scorer);
        all.extend([
            scorer("adjusted_mutual_info_score", AdjustedMutualInformation),
            scorer("adjusted_rand_score", AdjustedRand),
            scorer("completeness_score", Completeness),
            scorer("fowlkes_mallows_score", FowlkesMallows),
            scorer("homogeneity_score", Homogeneity),
            scorer("mutual_info_score", MutualInformation),
            scorer("normalized_mutual_info_score", NormalizedMutualInformation),
            scorer("rand_score", Rand),
            scorer("v_measure_score", VMeasure::new()),
        ]);
        all
    }
}

impl Scored for Probabilities {
    type Truth = Classes;
}

impl sealed::Named for Probabilities {
    const WHAT: &'static str = "probabilities";

    fn all() -> Vec<Scorer<Probabilities>> {
        let mut all: Vec<Scorer<Probabilities>> = of_classes!(most_likely);
        all.extend([
            scorer("average_precision", AveragePrecision::new()),
            scorer("d2_brier_score", D2Brier),
            scorer("d2_log_loss_score", D2LogLoss),
            scorer("gini", Gini::new()),
            scorer("kolmogorov_smirnov", ThresholdScore::kolmogorov_smirnov()),
            scorer("neg_adaptive_calibration_error", CalibrationError::adaptive()),
            scorer("neg_brier_score", Brier),
            scorer("neg_expected_calibration_error", CalibrationError::new()),
            scorer("neg_log_loss", LogLoss),
            scorer("neg_maximum_calibration_error", CalibrationError::worst()),
            scorer("roc_auc", RocAuc::new()),
            scorer("roc_auc_ovo", OneVsOneAuc::new()),
            scorer("roc_auc_ovo_weighted", OneVsOneAuc::new().by_prevalence()),
            scorer("roc_auc_ovr", RocAuc::new()),
            scorer("roc_auc_ovr_weighted", RocAuc::new().by_prevalence()),
            scorer("top_k_accuracy", TopKAccuracy::default()),
        ]);
        all
    }
}

impl Scored for Values {
    type Truth = Values;
}

impl sealed::Named for Values {
    const WHAT: &'static str = "numbers";

    fn all() -> Vec<Scorer<Values>> {
        vec![
            scorer("d2_absolute_error_score", D2Pinball::new(0.5)),
            scorer("explained_variance", ExplainedVariance),
            scorer("neg_max_error", MaxError),
            scorer("neg_mean_absolute_error", MeanAbsoluteError),
            scorer("neg_mean_absolute_percentage_error", MeanAbsolutePercentageError),
            scorer("neg_mean_gamma_deviance", MeanTweedieDeviance::gamma()),
            scorer("neg_mean_poisson_deviance", MeanTweedieDeviance::poisson()),
            scorer("neg_mean_squared_error", MeanSquaredError),
            scorer("neg_mean_squared_log_error", MeanSquaredLogError::new()),
            scorer("neg_median_absolute_error", MedianAbsoluteError),
            scorer("neg_root_mean_squared_error", RootMeanSquaredError),
            scorer("neg_root_mean_squared_log_error", MeanSquaredLogError::root()),
            scorer("neg_symmetric_mean_absolute_percentage_error", SymmetricMeanAbsolutePercentageError),
            scorer("r2", R2),
        ]
    }
}

impl Scored for ClassOutputs {
    type Truth = ClassOutputs;
}

impl sealed::Named for ClassOutputs {
    const WHAT: &'static str = "sets of labels or several classes";

    fn all() -> Vec<Scorer<ClassOutputs>> {
        vec![
            scorer("accuracy", ExactMatch),
            scorer("f1_samples", LabelSets::F1),
            scorer("jaccard_samples", LabelSets::Jaccard),
            scorer("neg_hamming_loss", HammingLoss),
            scorer("precision_samples", LabelSets::Precision),
            scorer("recall_samples", LabelSets::Recall),
        ]
    }
}
