//! Rows that nobody would choose: one class, one row, groups of one row, NaN, 1e300, weights of 0. What is asked of them is answered
//! without NaN, or refused with a sentence; nothing panics.

use std::cell::RefCell;
use std::fmt::Debug;

use ndarray::{Array2, array};
use perennial_core::{Classes, Matrix, Predictor, Probabilities, Result, Values};
use perennial_evaluation::conformal::*;
use perennial_evaluation::decision::*;
use perennial_evaluation::errors::{SliceFinder, worst_rows};
use perennial_evaluation::fairness::*;
use perennial_evaluation::metric::*;
use perennial_evaluation::*;

thread_local! {
    static WRONG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// An answer without NaN, or a sentence.
fn sound<T: Debug>(what: &str, case: &str, found: Result<T>) {
    let text = match found {
        Ok(found) => format!("{found:?}"),
        Err(error) if error.to_string().len() > 15 => return,
        Err(error) => format!("NaN in the error `{error}`"),
    };
    if text.contains("NaN") {
        WRONG.with_borrow_mut(|wrong| wrong.push(format!("{what}, {case}: {text}")));
    }
}

/// All that was not sound, at once.
#[track_caller]
fn settle() {
    let wrong = WRONG.take();
    assert!(wrong.is_empty(), "{} are not sound:\n{}", wrong.len(), wrong.join("\n"));
}

struct Case {
    name: &'static str,
    scores: Vec<f64>,
    positive: Vec<bool>,
    weights: Option<Vec<f64>>,
}

fn cases() -> Vec<Case> {
    let case = |name, scores: &[f64], positive: &[bool], weights: Option<&[f64]>| Case {
        name,
        scores: scores.to_vec(),
        positive: positive.to_vec(),
        weights: weights.map(<[f64]>::to_vec),
    };
    let (four, two_each) = ([0.1, 0.4, 0.35, 0.8], [false, false, true, true]);
    vec![
        case("plain", &four, &two_each, None),
        case("no rows", &[], &[], None),
        case("one row", &[0.5], &[true], None),
        case("one of each", &[0.2, 0.7], &[false, true], None),
        case("all positive", &four, &[true; 4], None),
        case("none positive", &four, &[false; 4], None),
        case("one positive", &four, &[false, true, false, false], None),
        case("ties", &[0.5; 4], &two_each, None),
        case("NaN", &[0.1, f64::NAN, 0.3, 0.4], &two_each, None),
        case("infinity", &[0.1, f64::INFINITY, f64::NEG_INFINITY, 0.4], &two_each, None),
        case("huge", &[-1e300, 1e300, -f64::MAX, f64::MAX], &two_each, None),
        case("tiny", &[5e-324, -5e-324, 0.0, -0.0], &two_each, None),
        case("no weight", &four, &two_each, Some(&[0.0; 4])),
        case("no positive weight", &four, &two_each, Some(&[1.0, 2.0, 0.0, 0.0])),
        case("one row with weight", &four, &two_each, Some(&[0.0, 0.0, 0.0, 1.0])),
        case("huge weights", &four, &two_each, Some(&[1e300; 4])),
        case("weights beyond the range", &four, &two_each, Some(&[f64::MAX; 4])),
        case("tiny weights", &four, &two_each, Some(&[1e-300; 4])),
        case("weights far apart", &four, &two_each, Some(&[1e300, 1e-300, 1.0, 1e150])),
        case("NaN weight", &four, &two_each, Some(&[1.0, f64::NAN, 1.0, 1.0])),
        case("too few weights", &four, &two_each, Some(&[1.0])),
        case("too few truths", &four, &[true], None),
    ]
}

impl Case {
    /// The options of these rows, plain and with what may stand beside.
    fn each_option(&self, mut ask: impl FnMut(&str, &IntervalOptions<'_>)) {
        let n = self.scores.len();
        let (own, one, pairs): (Vec<u32>, Vec<u32>, Vec<u32>) =
            ((0..n as u32).collect(), vec![7; n], (0..n as u32).map(|row| row / 2).collect());
        let plain = IntervalOptions::new().replicates(20);
        let plain = match &self.weights {
            Some(weights) => plain.weights(weights),
            None => plain,
        };
        ask(&format!("{}, plain", self.name), &plain);
        ask(&format!("{}, drawn", self.name), &plain.clone().bootstrap());
        for (name, groups) in [("groups of one row", &own), ("one group", &one), ("pairs", &pairs)] {
            ask(&format!("{}, {name}", self.name), &plain.clone().groups(groups));
        }
        for length in [0, 1, 2, 100] {
            ask(&format!("{}, blocks of {length}", self.name), &plain.clone().blocks(length));
        }
        ask(&format!("{}, no draws", self.name), &plain.clone().replicates(0));
        ask(&format!("{}, one draw", self.name), &plain.clone().replicates(1));
        ask(&format!("{}, level 1", self.name), &plain.clone().level(1.0));
        ask(&format!("{}, level NaN", self.name), &plain.clone().level(f64::NAN));
        ask(&format!("{}, level nearly 1", self.name), &plain.clone().level(1.0 - 1e-15));
    }

    /// The classes and the scores as probabilities, where they can be.
    fn said(&self) -> Option<(Classes, Probabilities)> {
        let names = ["no", "yes"].map(String::from).to_vec();
        let codes = self.positive.iter().map(|positive| u32::from(*positive)).collect();
        let values = Array2::from_shape_fn((self.scores.len(), 2), |(row, class)| {
            if class == 1 { self.scores[row] } else { 1.0 - self.scores[row] }
        });
        Some((Classes::new(codes, names.clone()).ok()?, Probabilities::new(values, names).ok()?))
    }

    fn numbers(&self) -> (Values, Values) {
        let truth = self.positive.iter().map(|positive| if *positive { 3.0 } else { -1.0 }).collect();
        (truth, self.scores.clone().into())
    }
}

#[test]
fn decisions() {
    let values = ValueModel::from(OutcomeValues::gains(5.0, -1.0, -2.0, 0.0));
    let huge = ValueModel::from(OutcomeValues::gains(1e150, -1e150, 1e200, 0.0));
    let objectives = || {
        [
            Objective::BalancedAccuracy,
            Objective::Accuracy,
            Objective::F1,
            Objective::Precision,
            Objective::Recall,
            Objective::Value(values.clone()),
            Objective::Value(huge.clone()),
        ]
    };
    for case in cases() {
        let Case { name, scores, positive, weights } = &case;
        let weights = weights.as_deref();
        for objective in objectives() {
            for rule in [
                ThresholdRule::new(objective.clone()),
                ThresholdRule::new(objective.clone()).min_precision(0.9).max_flagged(1),
                ThresholdRule::new(objective.clone()).min_recall(1.0).max_flagged_share(0.0),
                ThresholdRule::new(objective.clone()).min_recall(f64::NAN),
            ] {
                sound("threshold", name, rule.threshold(scores, positive, weights));
            }
            let rule = ThresholdRule::new(objective);
            case.each_option(|case, options| {
                sound("choose", case, rule.choose(scores, positive, options));
                for threshold in [0.4, f64::NAN, f64::INFINITY, -1e300] {
                    sound("judge", case, rule.judge(threshold, scores, positive, options));
                }
            });
        }
        for thresholds in [&[0.3][..], &[0.0], &[1.0], &[f64::NAN], &[], &[1.0 - f64::EPSILON]] {
            sound("decision curve", name, decision_curve(scores, positive, weights, thresholds));
            case.each_option(|case, options| {
                sound("decision intervals", case, decision_intervals(scores, positive, thresholds, options));
            });
        }
        sound("cost curve", name, cost_curve(scores, positive, weights));
        if let Ok(curve) = cost_curve(scores, positive, weights) {
            for mix in [0.0, 0.5, 1.0, f64::NAN] {
                sound("cost at a mix", name, curve.at(mix));
            }
        }
        for n_bins in [0, 1, 3, 1000] {
            sound("lift table", name, lift_table(scores, positive, weights, n_bins));
        }
        for values in [&values, &huge] {
            for ks in [&[0][..], &[1, 2], &[usize::MAX], &[]] {
                sound("profit", name, profit_at_k(scores, positive, weights, values, ks));
            }
        }
        case.each_option(|case, options| {
            for share in [0.0, 1e-300, 0.5, 1.0, f64::NAN] {
                sound("lift intervals", case, lift_intervals(scores, positive, &[share], options));
                sound("cost intervals", case, cost_intervals(scores, positive, &[share], options));
            }
            sound("profit intervals", case, profit_intervals(scores, positive, &values, &[1, 3], options));
        });
    }
    for costs in [
        array![[0.0, 1.0], [1.0, 0.0]],
        array![[f64::NAN, 1.0], [1.0, 0.0]],
        array![[1e300, -1e300], [f64::MAX, 0.0]],
    ] {
        let names = ["no", "yes"].map(String::from).to_vec();
        let said = Probabilities::new(array![[0.5, 0.5], [0.0, 1.0]], names.clone()).unwrap();
        if let Ok(costs) = CostMatrix::new(costs, names) {
            sound("expected costs", "far apart", costs.expected(&said));
            sound("least costs", "far apart", costs.decide(&said));
        }
    }
    settle();
}

#[test]
fn comparisons() {
    for case in cases() {
        let Case { name, scores, positive, .. } = &case;
        let turned: Vec<f64> = scores.iter().map(|score| 1.0 - score).collect();
        let (truth, first) = case.numbers();
        let second = Values::from(turned.clone());
        case.each_option(|case, options| {
            for equivalence in [0.0, 0.1, f64::NAN, -1.0, f64::INFINITY] {
                let options = ComparisonOptions::new().equivalence(equivalence).interval(options.clone());
                sound("areas", case, compare_roc_auc(positive, scores, &turned, &options));
                sound(
                    "absolute errors",
                    case,
                    compare(&MeanAbsoluteError, &truth, &first, &second, &options),
                );
                sound("R2", case, compare(&R2, &truth, &first, &second, &options));
                sound("D2", case, compare(&D2Tweedie::new(1.0), &truth, &first, &second, &options));
                sound("alike", case, compare(&RootMeanSquaredError, &truth, &first, &first, &options));
            }
        });
        if let Some((truth, said)) = case.said() {
            let other = Probabilities::new(
                said.values().slice(ndarray::s![.., ..;-1]).to_owned(),
                said.shared_names(),
            );
            let other = other.unwrap();
            let (a, b) = (said.most_likely(), other.most_likely());
            sound("mcnemar", name, mcnemar(&truth, &a, &b));
            sound("mcnemar of itself", name, mcnemar(&truth, &a, &a));
            case.each_option(|case, options| {
                let options = ComparisonOptions::new().interval(options.clone());
                sound("accuracies", case, compare(&Accuracy, &truth, &a, &b, &options));
                sound("Matthews", case, compare(&MatthewsCorrelation, &truth, &a, &b, &options));
                sound("log losses", case, compare(&LogLoss, &truth, &said, &other, &options));
                sound("precisions", case, compare(&AveragePrecision::new(), &truth, &said, &other, &options));
            });
        }
    }
    let of_models = |names: &[&str], scores: &[Vec<f64>]| {
        for higher in [true, false] {
            sound("seeds", "far apart", SeedRanking::new(names, scores, higher));
            for level in [0.95, 0.0, f64::NAN, 1.0 - 1e-15] {
                sound("ranks", "far apart", CriticalDifferences::new(names, scores, higher, level));
            }
        }
    };
    let three = ["a", "b", "c"];
    of_models(&three, &[]);
    of_models(&[], &[vec![], vec![]]);
    of_models(&three, &[vec![1.0, 2.0, 3.0]]);
    of_models(&three, &[vec![1.0; 3], vec![1.0; 3]]);
    of_models(&three, &[vec![1.0, 2.0], vec![1.0, 2.0]]);
    of_models(&three, &[vec![1.0, f64::NAN, 3.0], vec![1.0; 3]]);
    of_models(
        &three,
        &[vec![1e300, -1e300, f64::MAX], vec![f64::MAX, f64::MAX, f64::MIN], vec![f64::MAX; 3]],
    );
    settle();
}

#[test]
fn slices_and_worst_rows() {
    for case in cases() {
        let (truth, said) = case.numbers();
        let n = case.scores.len();
        let slices = Slices::new()
            .rows("none", Vec::new())
            .rows("first", vec![0])
            .rows("twice", vec![0, 0])
            .rows("beyond", vec![n])
            .mask("all", &vec![true; n])
            .mask("short", &[true]);
        let each: Vec<Slices> =
            slices.iter().map(|(name, rows)| Slices::new().rows(name, rows.to_vec())).collect();
        for options in [
            SliceOptions::new().replicates(20).min_support(1),
            SliceOptions::new().replicates(0).min_support(0),
            SliceOptions::new().level(f64::NAN),
            SliceOptions::new().level(1.0 - 1e-15).replicates(1),
        ] {
            let options = match &case.weights {
                Some(weights) => options.weights(weights),
                None => options,
            };
            for slices in each.iter().chain([&slices, &Slices::new()]) {
                sound("slices", case.name, score_slices(&MeanAbsoluteError, &truth, &said, slices, &options));
                sound("slices of R2", case.name, score_slices(&R2, &truth, &said, slices, &options));
            }
            let x = Matrix::from(Array2::from_shape_fn((n, 2), |(row, column)| {
                if column == 0 { 1e300 * row as f64 } else { f64::NAN }
            }));
            let finder = SliceFinder::new().max_slices(2).options(options);
            sound("found slices", case.name, finder.find(&MeanAbsoluteError, &truth, &said, &x));
        }
        for most in [0, 1, 100] {
            let worst = worst_rows(&MeanAbsoluteError, &truth, &said, case.weights.as_deref(), most);
            sound("worst rows", case.name, worst);
        }
    }
    settle();
}

/// Answers its first column.
#[derive(Debug)]
struct Same;

impl Predictor for Same {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(x.dense()?.column(0).iter().copied().collect())
    }
}

#[test]
fn conformal_promises() {
    for case in cases() {
        let Case { name, scores, weights, .. } = &case;
        let (truth, said) = case.numbers();
        let weights = weights.as_deref();
        let x = Matrix::from(Array2::from_shape_fn((scores.len(), 1), |(row, _)| scores[row]));
        let groups: Vec<String> = (0..scores.len()).map(|row| row.to_string()).collect();
        for level in [0.5, 0.75, 0.99, 0.0, 1.0, f64::NAN] {
            for score in [RegressionScore::Absolute, RegressionScore::Gamma] {
                let model = conformalize_weighted(Same, score, level, &x, &truth, weights);
                if let Ok(model) = &model {
                    sound("interval", name, model.predict_interval(&x));
                }
                sound("conformalize", name, model);
                let model = conformalize_by(Same, score, level, &x, &truth, &groups);
                if let Ok(model) = &model {
                    sound("interval by group", name, model.predict_interval(&x, &groups));
                    sound(
                        "interval of no group",
                        name,
                        model.predict_interval(&x, &vec![String::new(); scores.len()]),
                    );
                }
                sound("conformalize by group", name, model);
            }
            sound("rows needed", name, rows_needed(level));
        }
        for groups in [None, Some(&groups[..])] {
            for units in [None, Some(&scores[..])] {
                let system = PredictiveSystem::with(&truth, &said, units, groups);
                if let Ok(system) = &system {
                    for share in [0.1, 0.5, 1.0, f64::NAN] {
                        sound(
                            "predictive interval",
                            name,
                            system.intervals_with(&said, share, units, groups),
                        );
                        sound("quantiles", name, system.quantiles_with(&said, &[share], units, groups));
                        let below =
                            system.probability_below_with(&said, &vec![share; scores.len()], units, groups);
                        sound("probability below", name, below);
                    }
                }
                sound("predictive system", name, system);
            }
        }
        let losses =
            Array2::from_shape_fn((scores.len(), 2), |(row, column)| scores[row].abs() * column as f64);
        for risk in [0.1, 0.9, 0.0, f64::NAN, 1e300] {
            for bound in [1.0, 1e300, 0.0, f64::NAN] {
                let control = RiskControl::new(risk).bound(bound);
                sound("risk", name, control.choose(&[0.0, 1.0], &losses, weights));
                for parameters in [&[1.0, 0.0][..], &[f64::NAN, 0.0], &[]] {
                    sound("risk of odd parameters", name, control.choose(parameters, &losses, weights));
                }
                sound("learn then test", name, LearnThenTest::new(risk).bound(bound).choose(&losses));
                sound("p-values", name, LearnThenTest::new(risk).delta(bound).p_values(&losses));
                let mut watched = RiskMonitoring::new().bound(bound).limit(risk);
                if let Ok(watched) = &mut watched {
                    sound("update", name, watched.update(scores));
                }
                let known =
                    watched.map(|watched| (watched.lower_bound(), watched.mean_loss(), watched.alarm()));
                sound("watched", name, known);
                sound("against", name, RiskMonitoring::new().bound(bound).relative(true).against(scores));
            }
        }
        let has = Array2::from_shape_fn((scores.len(), 2), |(row, label)| {
            case.positive.get(row) == Some(&(label == 0))
        });
        let of_labels = Array2::from_shape_fn((scores.len(), 2), |(row, _)| scores[row]);
        sound("threshold of labels", name, RiskControl::new(0.4).threshold(&has, &of_labels, weights));
        for permutations in [0, 1, 20] {
            sound("exchangeability", name, test_exchangeability(scores, permutations, 1));
        }
        for betting in [Betting::Jumper, Betting::PlugIn { n_bins: 3 }, Betting::PlugIn { n_bins: 0 }] {
            for jump in [0.01, 1.0, 0.0, f64::NAN] {
                let mut martingale = ExchangeabilityMartingale::new().betting(betting).jump(jump);
                for score in scores {
                    sound("martingale", name, martingale.update(*score));
                }
                assert!(!martingale.log_wealth().is_nan() && !martingale.p_value().is_nan());
            }
        }
        for (level, gamma) in [(0.9, 0.05), (0.9, 1e300), (f64::NAN, 0.1), (0.5, f64::NAN)] {
            let adaptive = AdaptiveConformal::new().level(level).gamma(gamma).window(2).start(scores);
            if let Ok(mut adaptive) = adaptive {
                for (prediction, truth) in scores.iter().zip(truth.as_slice()) {
                    sound("adaptive update", name, adaptive.update(*prediction, *truth));
                    sound("adaptive interval", name, adaptive.interval(*prediction));
                }
                assert!(!adaptive.current_level().is_nan());
            }
        }
    }
    settle();
}

#[test]
fn fairness_of_few_rows() {
    for case in cases() {
        let Case { name, scores, positive, weights } = &case;
        let n = scores.len();
        let groups: [Vec<String>; 3] = [
            (0..n).map(|row| (row % 2).to_string()).collect(),
            (0..n).map(|row| row.to_string()).collect(),
            vec!["all".to_owned(); n],
        ];
        for groups in &groups {
            for constraint in [
                ParityConstraint::DemographicParity,
                ParityConstraint::EqualOpportunity,
                ParityConstraint::FalsePositiveRateParity,
                ParityConstraint::EqualizedOdds,
            ] {
                for objective in [ParityObjective::Accuracy, ParityObjective::BalancedAccuracy] {
                    let fitted = GroupThresholds::fit(
                        constraint,
                        objective,
                        scores,
                        positive,
                        groups,
                        weights.as_deref(),
                    );
                    if let Ok(fitted) = &fitted {
                        sound("probabilities", name, fitted.selection_probabilities(scores, groups));
                        sound("decisions", name, fitted.decide(scores, groups, 1));
                    }
                    sound("thresholds by group", name, fitted);
                }
            }
            let classes = Classes::from_labels(positive.iter());
            sound("reweighing", name, reweighing(&classes, groups, weights.as_deref()));
            let sensitive = SensitiveFeatures::new().by("group", groups);
            for (min_support, level, replicates) in
                [(1, 0.95, 20), (0, 0.95, 0), (1, f64::NAN, 20), (30, 0.95, 20)]
            {
                let options =
                    FairnessOptions::new().min_support(min_support).level(level).replicates(replicates);
                let options = match weights {
                    Some(weights) => options.weights(weights),
                    None => options,
                };
                let (truth, said) = case.numbers();
                sound(
                    "frame",
                    name,
                    MetricFrame::measure(&MeanAbsoluteError, &truth, &said, &sensitive, &options),
                );
                sound("frame of R2", name, MetricFrame::measure(&R2, &truth, &said, &sensitive, &options));
                if let Some((truth, said)) = case.said() {
                    let given = said.most_likely();
                    for class in [None, Some("yes"), Some("other")] {
                        let report = FairnessReport::measure(&truth, &given, class, &sensitive, &options);
                        sound("report", name, report);
                    }
                    sound(
                        "accuracies",
                        name,
                        MetricFrame::measure(&Accuracy, &truth, &given, &sensitive, &options),
                    );
                    sound(
                        "areas",
                        name,
                        MetricFrame::measure(&RocAuc::new(), &truth, &said, &sensitive, &options),
                    );
                }
            }
        }
        sound("no features", name, SensitiveFeatures::new().groups());
    }
    settle();
}
