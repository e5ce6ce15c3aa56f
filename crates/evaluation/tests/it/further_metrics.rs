//! Metrics whose reference values come from scikit-learn 1.9.1 on small rows; the calls stand beside them.

use ndarray::{Array2, array};
use perennial_core::{Classes, Outputs, Probabilities, Values};
use perennial_evaluation::metric::clusters::{calinski_harabasz, davies_bouldin, silhouette};
use perennial_evaluation::metric::ranking::*;
use perennial_evaluation::metric::*;
use perennial_evaluation::{IntervalOptions, Metric};
use proptest::prelude::*;

#[track_caller]
fn close(computed: f64, expected: f64) {
    assert!((computed - expected).abs() < 1e-13 * expected.abs().max(1.0), "{computed} is not {expected}");
}

#[track_caller]
fn all_close(computed: &[f64], expected: &[f64]) {
    assert_eq!(computed.len(), expected.len(), "{computed:?}");
    computed.iter().zip(expected).for_each(|(computed, expected)| close(*computed, *expected));
}

fn groupings() -> (Classes, Classes) {
    // y and g of adjusted_rand_score(y, g) and the others.
    (
        Classes::from_labels([0, 0, 1, 1, 2, 2, 2, 0, 1, 2]),
        Classes::from_labels(["b", "b", "a", "a", "c", "c", "a", "b", "a", "c"]),
    )
}

#[test]
fn groupings_agree_as_in_scikit_learn() {
    let (truth, found) = groupings();
    close(Rand.score(&truth, &found).unwrap(), 0.8666666666666667);
    close(AdjustedRand.score(&truth, &found).unwrap(), 0.6590909090909091);
    close(FowlkesMallows.score(&truth, &found).unwrap(), 0.7499999999999999);
    close(Homogeneity.score(&truth, &found).unwrap(), 0.7934300092382586);
    close(Completeness.score(&truth, &found).unwrap(), 0.7934300092382586);
    close(NormalizedMutualInformation.score(&truth, &found).unwrap(), 0.7934300092382586);
    close(AdjustedMutualInformation.score(&truth, &found).unwrap(), 0.7172912023015784);
}

#[test]
fn a_single_group_or_each_row_alone_is_no_panic() {
    let (one, each) = (Classes::from_labels([0; 4]), Classes::from_labels([0, 1, 2, 3]));
    for (truth, given) in [(&one, &one), (&each, &each)] {
        assert_eq!(Rand.score(truth, given).unwrap(), 1.0);
        assert_eq!(AdjustedRand.score(truth, given).unwrap(), 1.0);
        assert_eq!(AdjustedMutualInformation.score(truth, given).unwrap(), 1.0);
        assert_eq!(NormalizedMutualInformation.score(truth, given).unwrap(), 1.0);
    }
    // adjusted_rand_score([0] * 4, range(4)) and adjusted_mutual_info_score of the same.
    assert_eq!(AdjustedRand.score(&one, &each).unwrap(), 0.0);
    assert_eq!(AdjustedMutualInformation.score(&one, &each).unwrap(), 0.0);
    assert_eq!(Homogeneity.score(&one, &each).unwrap(), 1.0);
    assert_eq!(Completeness.score(&one, &each).unwrap(), 0.0);
    assert_eq!(FowlkesMallows.score(&each, &one).unwrap(), 0.0);
    let single = Classes::from_labels([7]);
    assert_eq!(Rand.score(&single, &single).unwrap(), 1.0);
    assert_eq!(AdjustedRand.score(&single, &single).unwrap(), 1.0);
}

#[test]
fn groups_stand_apart_as_in_scikit_learn() {
    let x = array![
        [0.0, 0.0],
        [1.0, 0.0],
        [0.0, 2.0],
        [5.0, 5.0],
        [6.0, 5.0],
        [5.0, 7.0],
        [9.0, 0.0],
        [8.0, 1.0]
    ];
    let labels = [0, 0, 0, 4, 4, 4, 2, 2];
    all_close(
        &silhouette(&x, &labels).unwrap(),
        &[
            0.8083772587165003,
            0.7746099281975748,
            0.6759801375469876,
            0.7369142054813409,
            0.6859128035534987,
            0.7132067995540846,
            0.7909651707503969,
            0.7377903853307074,
        ],
    );
    close(calinski_harabasz(&x, &labels).unwrap(), 43.641304347826086);
    close(davies_bouldin(&x, &labels).unwrap(), 0.2875408992542968);
    let error = silhouette(&x, &[1; 8]).unwrap_err().to_string();
    assert!(error.contains("in 1 groups"), "{error}");
    assert!(silhouette(&Array2::zeros((0, 2)), &[]).is_err());
    assert!(davies_bouldin(&array![[1.0], [f64::NAN], [2.0]], &[0, 0, 1]).is_err());
}

#[test]
fn labels_are_ranked_as_in_scikit_learn() {
    let has = array![
        [true, false, true, false],
        [false, false, true, false],
        [true, true, false, true],
        [false, true, false, false]
    ];
    let scores =
        array![[0.9, 0.8, 0.3, 0.1], [0.2, 0.7, 0.7, 0.1], [0.5, 0.2, 0.6, 0.4], [0.1, 0.9, 0.3, 0.4]];
    let weights = Some(&[1.0, 2.0, 1.0, 0.5][..]);
    close(LabelMetric::Coverage.score(&has, &scores, None).unwrap(), 2.5);
    close(LabelMetric::Coverage.score(&has, &scores, weights).unwrap(), 2.5555555555555554);
    close(LabelMetric::AveragePrecision.score(&has, &scores, None).unwrap(), 0.7430555555555556);
    close(LabelMetric::AveragePrecision.score(&has, &scores, weights).unwrap(), 0.6604938271604939);
    close(LabelMetric::Loss.score(&has, &scores, None).unwrap(), 0.3958333333333333);
    close(LabelMetric::Loss.score(&has, &scores, weights).unwrap(), 0.4259259259259259);
}

#[test]
fn queries_are_ranked_as_in_scikit_learn() {
    let (relevance, scores) = ([3.0, 2.0, 0.0, 1.0, 2.0], [0.9, 0.2, 0.8, 0.8, 0.1]);
    let score = |metric, k| score_queries(metric, k, &relevance, &scores, &[4; 5]).unwrap().mean();
    close(score(QueryMetric::Dcg, None), 5.200523607401598);
    close(score(QueryMetric::Dcg, Some(3)), 3.565464876785729);
    close(score(QueryMetric::Ndcg, None), 0.9135688466128297);
    close(score(QueryMetric::Ndcg, Some(3)), 0.6776054875554262);
    // By hand: in order of score the relevance is 3, 0, 1, 2, 2.
    close(score(QueryMetric::ReciprocalRank, None), 1.0);
    close(score(QueryMetric::Precision, Some(2)), 0.5);
    close(score(QueryMetric::Recall, Some(3)), 0.5);
    close(score(QueryMetric::AveragePrecision, None), (1.0 + 2.0 / 3.0 + 3.0 / 4.0 + 4.0 / 5.0) / 4.0);
    close(score(QueryMetric::AveragePrecision, Some(2)), 0.5);
    let none =
        score_queries(QueryMetric::Ndcg, None, &[0.0, 0.0, 1.0], &[1.0, 2.0, 3.0], &[1, 1, 2]).unwrap();
    assert_eq!((none.queries, none.scores), (vec![1, 2], vec![0.0, 1.0]));
    assert!(score_queries(QueryMetric::Ndcg, Some(0), &relevance, &scores, &[4; 5]).is_err());
    assert!(score_queries(QueryMetric::Ndcg, None, &[-1.0], &[0.0], &[0]).is_err());
    assert!(score_queries(QueryMetric::Ndcg, None, &[], &[], &[]).is_err());
}

fn binary() -> (Vec<f64>, Vec<bool>, Vec<f64>) {
    let scores = vec![0.1, 0.4, 0.35, 0.8, 0.4, 0.6, 0.7, 0.4, 0.9, 0.2];
    let positive = [0, 0, 1, 1, 0, 1, 0, 1, 1, 0].map(|class| class == 1).to_vec();
    (scores, positive, vec![1.0, 2.0, 1.0, 0.5, 1.0, 1.0, 3.0, 1.0, 1.0, 1.0])
}

fn binary_classes() -> (Classes, Probabilities, Vec<f64>) {
    let (scores, positive, weights) = binary();
    let truth = Classes::from_labels(positive.iter().map(|&positive| u8::from(positive)));
    let values = Array2::from_shape_fn(
        (10, 2),
        |(row, class)| if class == 1 { scores[row] } else { 1.0 - scores[row] },
    );
    let answer = Probabilities::new(values, truth.shared_names()).unwrap();
    (truth, answer, weights)
}

#[test]
fn curves_are_those_of_scikit_learn() {
    let (scores, positive, _) = binary();
    let curve = precision_recall_curve(&scores, &positive, None).unwrap();
    all_close(&curve.precision, &[0.5, 5.0 / 9.0, 0.625, 4.0 / 7.0, 0.75, 2.0 / 3.0, 1.0, 1.0, 1.0]);
    all_close(&curve.recall, &[1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.4, 0.2, 0.0]);
    all_close(&curve.thresholds, &[0.1, 0.2, 0.35, 0.4, 0.6, 0.7, 0.8, 0.9]);
    // det_curve leaves out the ends where one of the errors no longer changes.
    let det = det_curve(&scores, &positive, None).unwrap();
    let place = |threshold: f64| det.thresholds.iter().position(|&other| other == threshold).unwrap();
    for (threshold, false_positive, false_negative) in
        [(0.35, 0.6, 0.0), (0.4, 0.6, 0.2), (0.6, 0.2, 0.4), (0.7, 0.2, 0.6), (0.8, 0.0, 0.6)]
    {
        close(det.false_positive_rate[place(threshold)], false_positive);
        close(det.false_negative_rate[place(threshold)], false_negative);
    }
    assert!(precision_recall_curve(&[0.5], &[true], None).is_err());
}

#[test]
fn probabilities_beside_shares_are_scored_as_in_scikit_learn() {
    let (truth, answer, weights) = binary_classes();
    let weights = Some(&*weights);
    close(D2LogLoss.score(&truth, &answer).unwrap(), 0.22677739789532303);
    close(D2LogLoss.score_weighted(&truth, &answer, weights).unwrap(), 0.00011720668047854321);
    close(D2Brier.score(&truth, &answer).unwrap(), 0.259);
    close(D2Brier.score_weighted(&truth, &answer, weights).unwrap(), -0.032118055555555136);
    let truth = Classes::from_labels([0, 1, 2, 1, 0, 2, 1]);
    let values = array![
        [0.6, 0.3, 0.1],
        [0.2, 0.5, 0.3],
        [0.1, 0.2, 0.7],
        [0.5, 0.3, 0.2],
        [0.3, 0.4, 0.3],
        [0.2, 0.3, 0.5],
        [0.3, 0.3, 0.4]
    ];
    let answer = Probabilities::new(values, truth.shared_names()).unwrap();
    close(D2LogLoss.score(&truth, &answer).unwrap(), 0.2233873027895047);
    close(D2Brier.score(&truth, &answer).unwrap(), 0.25187499999999985);
    // roc_auc_score(truth, answer, multi_class="ovo")
    close(OneVsOneAuc::new().score(&truth, &answer).unwrap(), 0.8472222222222222);
}

#[test]
fn thresholds_reach_what_the_curve_says() {
    let (truth, answer, _) = binary_classes();
    let score = |metric: ThresholdScore| metric.score(&truth, &answer).unwrap();
    close(score(ThresholdScore::kolmogorov_smirnov()), 0.4);
    close(score(ThresholdScore::recall_at_precision(0.7)), 0.6);
    close(score(ThresholdScore::precision_at_recall(0.6)), 0.75);
    close(score(ThresholdScore::specificity_at_recall(0.8)), 0.4);
    close(score(ThresholdScore::recall_at_specificity(0.8)), 0.6);
    close(score(ThresholdScore::recall_at_precision(1.0).positive("1")), 0.4);
    assert!(ThresholdScore::recall_at_precision(1.5).score(&truth, &answer).is_err());
}

#[test]
fn one_class_alone_is_an_error_that_says_so() {
    let truth = Classes::new(vec![1, 1], ["no", "yes"].map(String::from).to_vec()).unwrap();
    let answer = Probabilities::new(array![[0.2, 0.8], [0.4, 0.6]], truth.shared_names()).unwrap();
    for error in [
        D2LogLoss.score(&truth, &answer).unwrap_err(),
        D2Brier.score(&truth, &answer).unwrap_err(),
        ThresholdScore::kolmogorov_smirnov().score(&truth, &answer).unwrap_err(),
    ] {
        assert!(error.to_string().contains("check how the rows were split"), "{error}");
    }
}

#[test]
fn the_report_of_classes_is_that_of_scikit_learn() {
    let (truth, answer, _) = binary_classes();
    let confusion = confusion_matrix(&truth, &answer.most_likely(), None).unwrap();
    let report = ClassReport::of(&confusion).unwrap();
    let line = |scores: &ClassScores| [scores.precision, scores.recall, scores.f1, scores.support];
    all_close(&line(&report.classes[0]), &[4.0 / 6.0, 0.8, 8.0 / 11.0, 5.0]);
    all_close(&line(&report.classes[1]), &[0.75, 0.6, 2.0 / 3.0, 5.0]);
    all_close(
        &line(&report.macro_average),
        &[(4.0 / 6.0 + 0.75) / 2.0, 0.7, (8.0 / 11.0 + 2.0 / 3.0) / 2.0, 10.0],
    );
    close(report.accuracy, 0.7);
    assert!(report.to_string().ends_with("accuracy             0.7000"), "{report}");
    // class_likelihood_ratios: (3.0, 0.5)
    close(PositiveLikelihoodRatio::of("1").of_confusion(&confusion).unwrap(), 3.0);
    close(NegativeLikelihoodRatio::of("1").of_confusion(&confusion).unwrap(), 0.5);
    close(IndexBalancedAccuracy::of("1").of_confusion(&confusion).unwrap(), (1.0 - 0.1 * 0.2) * 0.48);
    // imbalanced-learn 0.14.2, classification_report_imbalanced
    let truth = Classes::from_labels([0, 0, 0, 1, 1, 2, 2, 2, 2, 1]);
    let given = Classes::from_labels([0, 1, 0, 1, 1, 2, 0, 2, 2, 2]);
    for (class, tenth, three_tenths) in [
        ("0", 0.5605442176870746, 0.5387755102040815),
        ("1", 0.5605442176870746, 0.5387755102040815),
        ("2", 0.6197916666666667, 0.6093750000000001),
    ] {
        let metric = IndexBalancedAccuracy::of(class);
        close(metric.score(&truth, &given).unwrap(), tenth);
        close(metric.alpha(0.3).score(&truth, &given).unwrap(), three_tenths);
    }
    let sure = confusion_matrix(&truth, &truth, None).unwrap();
    let error = PositiveLikelihoodRatio::of("1").of_confusion(&sure).unwrap_err().to_string();
    assert!(error.contains("not finite"), "{error}");
}

#[test]
fn an_empty_or_forged_confusion_matrix_is_an_error() {
    let empty: ConfusionMatrix =
        serde_json::from_str(r#"{"names":["a"],"counts":{"v":1,"dim":[1,1],"data":[0.0]}}"#).unwrap();
    assert!(Accuracy.of_confusion(&empty).is_err() && F1::default().of_confusion(&empty).is_err());
    for counts in [r#"{"v":1,"dim":[1,2],"data":[1.0,0.0]}"#, r#"{"v":1,"dim":[1,1],"data":[-1.0]}"#] {
        assert!(
            serde_json::from_str::<ConfusionMatrix>(&format!(r#"{{"names":["a"],"counts":{counts}}}"#))
                .is_err()
        );
    }
}

#[test]
fn scaled_errors_compare_with_the_history() {
    // The naive forecast with season 2 errs by |3-1|, |5-2|, |4-3| on the history: mean 2, mean square 14/3.
    let history = [1.0, 2.0, 3.0, 5.0, 4.0];
    let (truth, answer) = (Values::from(vec![6.0, 7.0]), Values::from(vec![5.0, 4.0]));
    close(MeanAbsoluteScaledError::new(&history, 2).unwrap().score(&truth, &answer).unwrap(), 1.0);
    let rmsse = RootMeanSquaredScaledError::new(&history, 2).unwrap();
    close(rmsse.score(&truth, &answer).unwrap(), (5.0_f64 / (14.0 / 3.0)).sqrt());
    assert!(MeanAbsoluteScaledError::new(&history, 5).is_err());
    assert!(MeanAbsoluteScaledError::new(&[2.0; 9], 1).unwrap_err().to_string().contains("never changes"));
    assert!(MeanAbsoluteScaledError::new(&history, 0).is_err());
}

#[test]
fn draws_are_scored_by_their_distances() {
    let (truth, one) = (Values::from(vec![2.0, -1.0]), Outputs::from(array![[3.0], [1.0]]));
    close(Crps::new().score(&truth, &one).unwrap(), 1.5);
    assert!(Crps::fair().score(&truth, &one).is_err());
    let draws = array![[1.0, 4.0, 2.5], [0.0, 0.0, -3.0]];
    let by_hand = |row: usize, fair: bool| {
        let (x, m): (Vec<f64>, f64) = (draws.row(row).to_vec(), 3.0);
        let error: f64 = x.iter().map(|x| (x - truth.as_slice()[row]).abs()).sum::<f64>() / m;
        let pairs: f64 = x.iter().flat_map(|a| x.iter().map(move |b| (a - b).abs())).sum();
        error - pairs / (2.0 * m * if fair { m - 1.0 } else { m })
    };
    let answer = Outputs::from(draws.clone());
    close(Crps::new().score(&truth, &answer).unwrap(), 0.5 * (by_hand(0, false) + by_hand(1, false)));
    close(Crps::fair().score(&truth, &answer).unwrap(), 0.5 * (by_hand(0, true) + by_hand(1, true)));
    assert!(QuantileLoss::new([0.5]).score(&truth, &answer).is_err());
    // Many quantiles: half of the score of the distribution. For a uniform one on [0, 1] and truth t it is
    // t^2 - t + 1/3.
    let levels: Vec<f64> = (0..1000).map(|i| (f64::from(i) + 0.5) / 1000.0).collect();
    let uniform = Outputs::from(Array2::from_shape_fn((1, 1000), |(_, level)| levels[level]));
    let loss = QuantileLoss::new(levels).score(&Values::from(vec![0.3]), &uniform).unwrap();
    assert!((2.0 * loss - (0.09 - 0.3 + 1.0 / 3.0)).abs() < 1e-5, "{loss}");
}

fn scored() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Vec<f64>, usize)> {
    (2_usize..40).prop_flat_map(|n| {
        let numbers = || prop::collection::vec(-50.0..50.0_f64, n);
        (numbers(), numbers(), prop::collection::vec(0_u8..3, n), 0..n).prop_map(|(a, b, w, cut)| {
            let mut weights: Vec<f64> = w.into_iter().map(f64::from).collect();
            weights[0] = 1.0;
            weights[1] = 2.0;
            (a, b, weights, cut)
        })
    })
}

proptest! {
    #[test]
    fn sums_of_parts_give_the_scores_of_the_whole((truth, answer, weights, cut) in scored()) {
        let (truth, answer) = (Values::from(truth), Values::from(answer));
        let part = |rows: std::ops::Range<usize>| {
            let mut sums = ErrorSums::new();
            if !rows.is_empty() && weights[rows.clone()].iter().any(|w| *w > 0.0) {
                let of = |values: &Values| Values::from(values.as_slice()[rows.clone()].to_vec());
                sums.add(&of(&truth), &of(&answer), Some(&weights[rows.clone()])).unwrap();
            }
            sums
        };
        let mut sums = part(0..cut);
        sums.merge(&part(cut..truth.as_slice().len()));
        let w = Some(&*weights);
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-10 * b.abs().max(1.0);
        prop_assert!(near(sums.mean_absolute_error().unwrap(), MeanAbsoluteError.score_weighted(&truth, &answer, w).unwrap()));
        prop_assert!(near(sums.root_mean_squared_error().unwrap(), RootMeanSquaredError.score_weighted(&truth, &answer, w).unwrap()));
        prop_assert!(near(sums.max_error().unwrap(), MaxError.score_weighted(&truth, &answer, w).unwrap()));
        prop_assert!(near(sums.r2().unwrap(), R2.score_weighted(&truth, &answer, w).unwrap()));
        prop_assert!(near(
            sums.explained_variance().unwrap(),
            ExplainedVariance.score_weighted(&truth, &answer, w).unwrap()
        ));
        prop_assert!(near(
            sums.mean_absolute_percentage_error().unwrap(),
            MeanAbsolutePercentageError.score_weighted(&truth, &answer, w).unwrap()
        ));
    }

    #[test]
    fn matrices_of_parts_are_those_of_the_whole(codes in prop::collection::vec((0_u32..3, 0_u32..3), 2..40), cut in 1_usize..39) {
        let cut = cut.min(codes.len() - 1);
        let of = |codes: &[(u32, u32)]| {
            let (truth, given): (Vec<u32>, Vec<u32>) = codes.iter().copied().unzip();
            // Each part has its own list of names, in its own order.
            confusion_matrix(&Classes::from_labels(truth), &Classes::from_labels(given), None).unwrap()
        };
        let mut merged = of(&codes[..cut]);
        merged.merge(&of(&codes[cut..])).unwrap();
        let whole = of(&codes);
        for metric in [&Accuracy as &dyn OfConfusionDyn, &BalancedAccuracy, &MatthewsCorrelation] {
            prop_assert!((metric.of(&merged) - metric.of(&whole)).abs() < 1e-12);
        }
    }

    #[test]
    fn agreement_does_not_depend_on_names_or_sides(codes in prop::collection::vec((0_u32..4, 0_u32..4), 2..30)) {
        let (a, b): (Vec<u32>, Vec<u32>) = codes.iter().copied().unzip();
        let renamed = Classes::from_labels(b.iter().map(|code| (7 - code) * 3 % 11));
        let (a, b) = (Classes::from_labels(a), Classes::from_labels(b));
        for (straight, turned, other) in [
            (AdjustedRand.score(&a, &b), AdjustedRand.score(&b, &a), AdjustedRand.score(&a, &renamed)),
            (
                AdjustedMutualInformation.score(&a, &b),
                AdjustedMutualInformation.score(&b, &a),
                AdjustedMutualInformation.score(&a, &renamed),
            ),
        ] {
            let straight = straight.unwrap();
            prop_assert!(straight <= 1.0 + 1e-12);
            prop_assert!((straight - turned.unwrap()).abs() < 1e-9 && (straight - other.unwrap()).abs() < 1e-9);
        }
    }
}

/// `OfConfusion` has an associated constant and is no object; the tests want a list.
trait OfConfusionDyn {
    fn of(&self, confusion: &ConfusionMatrix) -> f64;
}

impl<M: OfConfusion> OfConfusionDyn for M {
    fn of(&self, confusion: &ConfusionMatrix) -> f64 {
        self.of_confusion(confusion).unwrap()
    }
}

#[test]
fn queries_are_drawn_whole() {
    let (queries, relevance): (Vec<u32>, Vec<f64>) =
        (0..200).map(|row| (row / 4, f64::from(u8::from(row % 4 == row / 4 % 3)))).unzip();
    let scores: Vec<f64> = (0..200).map(|row| f64::from(row % 4)).collect();
    let ranked = score_queries(QueryMetric::ReciprocalRank, None, &relevance, &scores, &queries).unwrap();
    let interval = ranked.interval(&IntervalOptions::new()).unwrap();
    assert!(interval.low < ranked.mean() && ranked.mean() < interval.high);
}

#[test]
fn margins_are_those_of_scikit_learn() {
    // sklearn.metrics.hinge_loss 1.9.1
    let truth = Classes::from_labels([0, 1, 1, 0, 1, 0]);
    let decisions = Outputs::from(array![[-1.5], [0.3], [2.0], [0.4], [-0.2], [-0.9]]);
    close(HingeLoss.score(&truth, &decisions).unwrap(), 0.5666666666666667);
    let weights = [1.0, 2.0, 0.5, 1.0, 3.0, 0.0];
    close(HingeLoss.score_weighted(&truth, &decisions, Some(&weights)).unwrap(), 0.8533333333333333);
    let truth = Classes::from_labels([0, 1, 2, 2, 1]);
    let three = Outputs::from(array![
        [1.2, 0.1, -0.5],
        [0.2, 0.3, 0.1],
        [0.0, 0.5, 1.75],
        [0.9, -0.2, 0.4],
        [-1.0, 2.0, 0.5]
    ]);
    close(HingeLoss.score(&truth, &three).unwrap(), 0.48);
    close(HingeLoss.score_weighted(&truth, &three, Some(&[1.0, 2.0, 3.0, 4.0, 5.0])).unwrap(), 0.52);
    let interval = HingeLoss.interval(&truth, &three, &IntervalOptions::new()).unwrap();
    assert!(interval.contains(0.48));
    let wrong = Outputs::from(Array2::zeros((5, 2)));
    let message = HingeLoss.score(&truth, &wrong).unwrap_err().to_string();
    assert!(message.contains("2 columns of decisions for 3 classes"), "{message}");
}

#[test]
fn likelihood_ratios_have_the_interval_of_their_logarithm() {
    // Simel, Samsa and Matchar, 1991, by hand: 90 of 100 and 5 of 200, and none of 100 missed.
    let answer = |hits: usize, alarms: usize| {
        let truth = Classes::from_labels((0..300).map(|row| if row < 100 { "yes" } else { "no" }));
        let given = (0..300).map(|row| match row {
            0..100 if row < hits => "yes",
            100.. if row < 100 + alarms => "yes",
            _ => "no",
        });
        (truth, Classes::from_labels(given))
    };
    let (truth, given) = answer(90, 5);
    let options = IntervalOptions::new();
    let found = PositiveLikelihoodRatio::of("yes").interval(&truth, &given, &options).unwrap();
    let error = (1.0 / 90.0 - 1.0 / 100.0 + 1.0 / 5.0 - 1.0 / 200.0_f64).sqrt();
    close(found.estimate, 36.0);
    close(found.low, 36.0 * (-1.959963984540054 * error).exp());
    close(found.high, 36.0 * (1.959963984540054 * error).exp());
    let (truth, given) = answer(100, 5);
    let none = NegativeLikelihoodRatio::of("yes").interval(&truth, &given, &options).unwrap();
    assert_eq!((none.estimate, none.low), (0.0, 0.0));
    assert!(none.high > 0.01 && none.high < 0.1, "{none}");
    // All are given the class, so both shares are 1: sure of nothing.
    let (truth, given) = answer(100, 200);
    let all = PositiveLikelihoodRatio::of("yes").interval(&truth, &given, &options).unwrap();
    close(all.estimate, 1.0);
    assert!(all.low < 0.999 && all.high > 1.001 && all.low > 0.97 && all.high < 1.03, "{all}");
    let bad = PositiveLikelihoodRatio::of("yes").interval(&truth, &given, &IntervalOptions::new().level(1.5));
    assert!(bad.is_err());
}

#[test]
fn a_class_without_rows_is_not_averaged() {
    // scikit-learn 1.9.1, f1_score(["a", "b"], ["a", "b"], average="macro") is 1, whatever classes there are elsewhere.
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let classes = |codes: Vec<u32>| Classes::new(codes, names.clone()).unwrap();
    let (truth, wrong) = (classes(vec![0, 1]), classes(vec![0, 2]));
    close(F1::default().score(&truth, &truth).unwrap(), 1.0);
    // With labels=["a", "b", "c"] it is 2/3.
    close(F1::new(Average::Named).score(&truth, &truth).unwrap(), 2.0 / 3.0);
    // One that is given without being there counts: a of 1, b of 0 and c of 0.
    close(F1::default().score(&truth, &wrong).unwrap(), 1.0 / 3.0);
    let report = ClassReport::of(&confusion_matrix(&truth, &truth, None).unwrap()).unwrap();
    assert_eq!((report.macro_average.f1, report.classes.len()), (1.0, 3));
    // Parts that are merged are the whole.
    let (all, given) = (classes(vec![0, 1, 2, 2]), classes(vec![0, 1, 1, 2]));
    let mut merged = confusion_matrix(&classes(vec![0, 1]), &classes(vec![0, 1]), None).unwrap();
    merged.merge(&confusion_matrix(&classes(vec![2, 2]), &classes(vec![1, 2]), None).unwrap()).unwrap();
    close(F1::default().of_confusion(&merged).unwrap(), F1::default().score(&all, &given).unwrap());
}
