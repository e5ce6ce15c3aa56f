//! Metrics by name, against scikit-learn 1.9.1, and the table of its names in the guide.

use std::path::Path;

use ndarray::{Array2, array};
use perennial_core::{ClassOutputs, Classes, Outputs, Probabilities, Rows, Values};
use perennial_evaluation::metric::ranking::LabelMetric;
use perennial_evaluation::metric::{
    AdjustedRand, Average, F1, LabelSets, MutualInformation, OneVsOneAuc, QuantileLoss, Rand, RocAuc, Scored,
    Scorer, VMeasure, WeightedIntervalScore,
};
use perennial_evaluation::{IntervalOptions, Metric};
use proptest::prelude::*;

use crate::conformal::close;

const N: usize = 40;

fn three() -> (Classes, Classes, Probabilities) {
    let truth: Vec<usize> = (0..N).map(|i| i * 7 % 3).collect();
    let given = Classes::from_labels((0..N).map(|i| (i * 11 + i / 5) % 4 % 3));
    let raw = Array2::from_shape_fn((N, 3), |(i, class)| match class {
        0 => (i * 13 % 17 + 1) as f64,
        1 => (i * 29 % 23 + 1 + 6 * usize::from(truth[i] == 1)) as f64,
        _ => (i * 5 % 19 + 1 + 4 * usize::from(truth[i] == 2)) as f64,
    });
    let truth = Classes::from_labels(truth);
    let shares = Array2::from_shape_fn((N, 3), |(i, class)| raw[[i, class]] / raw.row(i).sum());
    let said = Probabilities::new(shares, truth.shared_names()).unwrap();
    (truth, given, said)
}

fn two() -> (Classes, Classes, Probabilities) {
    let yes: Vec<bool> = (0..N).map(|i| i * 3 % 7 < 3).collect();
    let scores: Vec<f64> =
        (0..N).map(|i| (i * 29 % 97) as f64 / 97.0 * 0.8 + if yes[i] { 0.15 } else { 0.0 }).collect();
    let truth = Classes::from_labels(yes.iter().map(|yes| u8::from(*yes)));
    let given = Classes::from_labels(scores.iter().map(|score| u8::from(*score > 0.5)));
    let said =
        Array2::from_shape_fn((N, 2), |(i, class)| if class == 1 { scores[i] } else { 1.0 - scores[i] });
    let said = Probabilities::new(said, truth.shared_names()).unwrap();
    (truth, given, said)
}

fn values() -> (Values, Values) {
    let of = |i: usize| (i * 31 % 17) as f64;
    let answer = |i: usize| 1.0 + of(i) * 0.9 + (i * 13 % 11) as f64 / 5.0;
    ((0..N).map(|i| 1.0 + of(i)).collect(), (0..N).map(answer).collect())
}

fn sets() -> (ClassOutputs, ClassOutputs) {
    let labels =
        |has: [bool; 3]| ["a", "b", "c"].into_iter().zip(has).filter(|(_, has)| *has).map(|(l, _)| l);
    let truth = (0..N).map(|i| labels([i % 2 == 0, i % 3 == 0, i * 7 % 5 < 2]));
    let said =
        (0..N).map(|i| labels([(i % 2 == 0) ^ (i % 5 == 0), (i % 3 == 0) ^ (i % 7 == 0), i * 7 % 5 < 3]));
    (ClassOutputs::from_sets(truth).unwrap(), ClassOutputs::from_sets(said).unwrap())
}

/// `get_scorer(name)`, its sign times its function of these rows; with the weights `i % 4 / 2` where the function takes some.
const REFERENCE: &[(&str, f64, Option<f64>)] = &[
    ("accuracy", 0.35, Some(0.26666666666666666)),
    ("adjusted_mutual_info_score", -0.049138545966309434, Some(-0.049138545966309434)),
    ("adjusted_rand_score", -0.03326704031820647, Some(-0.03326704031820647)),
    ("average_precision", 0.5639678377877032, Some(0.6538142397742842)),
    ("balanced_accuracy", 0.34249084249084255, Some(0.25802005012531326)),
    ("completeness_score", 0.009555079443950208, Some(0.009555079443950208)),
    ("d2_absolute_error_score", 0.8376470588235294, Some(0.8398437500000001)),
    ("d2_brier_score", 0.1269801142447321, Some(0.08935276148405225)),
    ("d2_log_loss_score", 0.10627944103197717, Some(0.0836364470968729)),
    ("explained_variance", 0.9707765386204048, Some(0.9712541013488881)),
    ("f1", 0.45714285714285713, Some(0.5454545454545454)),
    ("f1_macro", 0.316624895572264, Some(0.22435625353706845)),
    ("f1_micro", 0.35, Some(0.26666666666666666)),
    ("f1_samples", 0.6666666666666666, Some(0.6238888888888889)),
    ("f1_weighted", 0.32055137844611525, Some(0.2302985285795133)),
    ("fowlkes_mallows_score", 0.34571456444622123, Some(0.34571456444622123)),
    ("homogeneity_score", 0.008269557484788732, Some(0.008269557484788732)),
    ("jaccard", 0.2962962962962963, Some(0.375)),
    ("jaccard_macro", 0.19409155071587014, Some(0.13448275862068965)),
    ("jaccard_micro", 0.21212121212121213, Some(0.15384615384615385)),
    ("jaccard_samples", 0.6125, Some(0.5777777777777777)),
    ("jaccard_weighted", 0.19699788263762855, Some(0.13837164750957853)),
    ("matthews_corrcoef", 0.016371458648164514, Some(-0.12006987917319561)),
    ("mutual_info_score", 0.009079910495618959, Some(0.009079910495618959)),
    ("neg_brier_score", -0.5816494988844473, Some(-0.6065922438781229)),
    ("neg_log_loss", -0.9812982978171426, Some(-1.0059643053124612)),
    ("neg_max_error", -1.7999999999999998, None),
    ("neg_mean_absolute_error", -0.6899999999999997, Some(-0.683333333333333)),
    ("neg_mean_absolute_percentage_error", -0.11351525435348964, Some(-0.1066511308680426)),
    ("neg_mean_gamma_deviance", -0.019978395549827055, Some(-0.017742384605779645)),
    ("neg_mean_poisson_deviance", -0.10621405157131539, Some(-0.09588907577235663)),
    ("neg_mean_squared_error", -0.7474999999999997, Some(-0.7186666666666662)),
    ("neg_mean_squared_log_error", -0.013917102123993715, Some(-0.012054981455674445)),
    ("neg_median_absolute_error", -0.5999999999999996, Some(-0.5999999999999996)),
    ("neg_negative_likelihood_ratio", -0.9366515837104072, None),
    ("neg_root_mean_squared_error", -0.864580823289529, Some(-0.8477420991472974)),
    ("neg_root_mean_squared_log_error", -0.117970768091056, Some(-0.10979517956483538)),
    ("normalized_mutual_info_score", 0.00886596221279214, Some(0.00886596221279214)),
    ("positive_likelihood_ratio", 1.0823529411764705, None),
    ("precision", 0.4444444444444444, Some(0.5357142857142857)),
    ("precision_macro", 0.3333333333333333, Some(0.2222222222222222)),
    ("precision_micro", 0.35, Some(0.26666666666666666)),
    ("precision_samples", 0.6625, Some(0.6055555555555555)),
    ("precision_weighted", 0.334375, Some(0.2263888888888889)),
    ("r2", 0.9691243287897563, Some(0.9705249726576741)),
    ("rand_score", 0.5115384615384615, Some(0.5115384615384615)),
    ("recall", 0.47058823529411764, Some(0.5555555555555556)),
    ("recall_macro", 0.34249084249084255, Some(0.25802005012531326)),
    ("recall_micro", 0.35, Some(0.26666666666666666)),
    ("recall_samples", 0.725, Some(0.6888888888888888)),
    ("recall_weighted", 0.35, Some(0.26666666666666666)),
    ("roc_auc", 0.5447570332480818, Some(0.6161616161616161)),
    ("roc_auc_ovo", 0.7759932375316992, None),
    ("roc_auc_ovo_weighted", 0.7749313186813187, None),
    ("roc_auc_ovr", 0.7753357753357752, Some(0.7180441827938618)),
    ("roc_auc_ovr_weighted", 0.7724358974358975, Some(0.7148175943297894)),
    ("top_k_accuracy", 0.725, Some(0.7666666666666667)),
    ("v_measure_score", 0.00886596221279214, Some(0.00886596221279214)),
];

/// The score by whichever type of answer has the name.
fn score(name: &str, weights: Option<&[f64]>) -> f64 {
    let of_two = ["roc_auc", "average_precision"].contains(&name);
    if let Ok(scorer) = Scorer::<Values>::named(name) {
        let (truth, answer) = values();
        return scorer.score_weighted(&truth, &answer, weights).unwrap();
    }
    if name.ends_with("_samples") {
        let (truth, answer) = sets();
        let scorer = Scorer::<ClassOutputs>::named(name).unwrap();
        return scorer.score_weighted(&truth, &answer, weights).unwrap();
    }
    if let Ok(scorer) = Scorer::<Classes>::named(name) {
        let two_classes =
            ["f1", "jaccard", "precision", "recall"].contains(&name) || name.contains("likelihood");
        let (truth, given, _) = if two_classes { two() } else { three() };
        return scorer.score_weighted(&truth, &given, weights).unwrap();
    }
    let (truth, _, said) = if of_two { two() } else { three() };
    Scorer::<Probabilities>::named(name).unwrap().score_weighted(&truth, &said, weights).unwrap()
}

#[test]
fn all_names_of_scikit_learn_give_its_scores() {
    assert_eq!(REFERENCE.len(), 58);
    let weights: Vec<f64> = (0..N).map(|i| (i % 4) as f64 / 2.0).collect();
    // Scores of groupings take no weights there.
    let unweighted = |name: &str| {
        name.ends_with("info_score")
            || [
                "rand_score",
                "adjusted_rand_score",
                "completeness_score",
                "homogeneity_score",
                "v_measure_score",
            ]
            .contains(&name)
            || name.starts_with("fowlkes")
    };
    for &(name, plain, weighted) in REFERENCE {
        let close = |ours: f64, theirs: f64| {
            assert!((ours - theirs).abs() < 1e-10, "{name}: {ours} is not {theirs}");
        };
        close(score(name, None), plain);
        if let Some(weighted) = weighted
            && !unweighted(name)
        {
            close(score(name, Some(&weights)), weighted);
        }
    }
}

/// Names say which way is up, each is there once, and a file holds the name alone.
fn names_are_sound<P: Scored>(n_least: usize) {
    let names = Scorer::<P>::names();
    assert!(names.len() >= n_least);
    for (place, name) in names.iter().enumerate() {
        assert!(!names[..place].contains(name), "{name} twice");
        let scorer = Scorer::<P>::named(name).unwrap();
        assert_eq!(scorer.name(), *name);
        let (least, most) = scorer.bounds();
        assert!(least < most, "{name}");
        if name.starts_with("neg_") {
            assert!(most <= 0.0, "{name}: a loss is at most {most}");
        }
        let file = serde_json::to_string(&scorer).unwrap();
        assert_eq!(file, format!("\"{name}\""));
        assert_eq!(serde_json::from_str::<Scorer<P>>(&file).unwrap(), scorer);
    }
    let wrong = Scorer::<P>::named("acuracy").unwrap_err().to_string();
    assert!(wrong.contains("`acuracy`") && wrong.contains(names[0]), "{wrong}");
    assert!(serde_json::from_str::<Scorer<P>>("\"acuracy\"").is_err());
}

#[test]
fn names_say_which_way_is_up() {
    names_are_sound::<Classes>(30);
    names_are_sound::<Probabilities>(35);
    names_are_sound::<Values>(13);
    names_are_sound::<ClassOutputs>(6);
}

#[test]
fn scorers_are_metrics_with_intervals() {
    let (truth, answer) = values();
    let scorer = Scorer::<Values>::named("neg_mean_absolute_error").unwrap();
    let interval = scorer.interval(&truth, &answer, &IntervalOptions::new()).unwrap();
    assert!(interval.low < interval.estimate && interval.estimate < interval.high && interval.high <= 0.0);
    let rows = scorer.row_scores(&truth, &answer).unwrap().unwrap();
    close(rows.iter().sum::<f64>() / N as f64, interval.estimate, 1e-12);
    let (truth, _, said) = three();
    for name in ["accuracy", "neg_log_loss", "roc_auc_ovr_weighted"] {
        let scorer = Scorer::<Probabilities>::named(name).unwrap();
        let interval = scorer.interval(&truth, &said, &IntervalOptions::new().replicates(200)).unwrap();
        close(interval.estimate, scorer.score(&truth, &said).unwrap(), 1e-12);
        assert!(interval.low < interval.high, "{name}");
    }
    // What is of two classes says so where there are more.
    let wrong = Scorer::<Probabilities>::named("f1").unwrap().score(&truth, &said).unwrap_err().to_string();
    assert!(wrong.contains("3: 0, 1, 2") && wrong.contains("f1_macro"), "{wrong}");
}

#[test]
fn v_measures_are_those_of_scikit_learn() {
    // v_measure_score(y, g, beta=b).
    let truth = Classes::from_labels([0, 0, 1, 1, 2, 2, 2, 0, 1, 2]);
    let given = Classes::from_labels([0, 0, 1, 1, 2, 3, 2, 0, 1, 4]);
    for (beta, expected) in
        [(0.0, 1.0), (0.5, 0.8870663017778121), (1.0, 0.8396537028347123), (2.0, 0.7970522441681629)]
    {
        close(VMeasure::new().beta(beta).score(&truth, &given).unwrap(), expected, 1e-12);
    }
    assert!(VMeasure::new().beta(-1.0).score(&truth, &given).unwrap_err().to_string().contains("beta"));
    assert!(VMeasure::new().beta(f64::NAN).score(&truth, &given).is_err());
}

#[test]
fn interval_scores_are_weighted_as_in_the_paper() {
    // By the formula (1) of Bracher, Ray, Gneiting and Reich.
    let (truth, answer) = (Values::from(vec![7.0]), Outputs::from(array![[0.0, 2.0, 3.0, 5.0, 6.0]]));
    let metric = WeightedIntervalScore::new([0.5, 0.9]);
    close(metric.score(&truth, &answer).unwrap(), 2.42, 1e-12);
    let (truth, answer) = (Values::from(vec![1.0]), Outputs::from(array![[0.0, 2.0, 5.0, 6.0]]));
    let metric = WeightedIntervalScore::new([0.9, 0.5]).without_median();
    close(metric.score(&truth, &answer).unwrap(), 1.025, 1e-12);
    let loss = QuantileLoss::new([0.05, 0.25, 0.75, 0.95]).score(&truth, &answer).unwrap();
    close(metric.score(&truth, &answer).unwrap(), 2.0 * loss, 1e-12);
    for (levels, named) in
        [(vec![1.0], "level"), (vec![f64::NAN], "level"), (vec![0.5; 2], "same level"), (vec![], "no levels")]
    {
        let found = WeightedIntervalScore::new(levels).without_median().score(&truth, &answer);
        assert!(found.unwrap_err().to_string().contains(named), "{named}");
    }
    assert!(metric.interval(&truth, &answer, &IntervalOptions::new()).is_err());
}

#[test]
fn jackknives_refuse_what_they_cannot_tell() {
    let one = Classes::from_labels([1]);
    assert!(
        Rand.interval(&one, &one, &IntervalOptions::new()).unwrap_err().to_string().contains("2 at least")
    );
    let (truth, given, _) = three();
    let groups = vec![3_u32; N];
    assert!(AdjustedRand.interval(&truth, &given, &IntervalOptions::new().groups(&groups)).is_err());
    assert!(AdjustedRand.interval(&truth, &given, &IntervalOptions::new().groups(&groups[1..])).is_err());
    assert!(AdjustedRand.interval(&truth, &given, &IntervalOptions::new().level(1.0)).is_err());
    assert!(AdjustedRand.interval(&truth, &given, &IntervalOptions::new().blocks(0)).is_err());
    let blocks = AdjustedRand.interval(&truth, &given, &IntervalOptions::new().blocks(7)).unwrap();
    assert!(blocks.low <= blocks.high && blocks.estimate == AdjustedRand.score(&truth, &given).unwrap());
    // Groupings that agree wholly stay so without any row.
    let same = AdjustedRand.interval(&truth, &truth, &IntervalOptions::new()).unwrap();
    assert_eq!((same.low, same.high), (1.0, 1.0));
    // More rows than are left out one at a time: about the same interval, the same bits for the same seed.
    let rows: Vec<usize> = (0..3000).map(|row| row * 7 % N).collect();
    let (truth, given) = (truth.take(&rows).unwrap(), given.take(&rows).unwrap());
    let many = MutualInformation.interval(&truth, &given, &IntervalOptions::new()).unwrap();
    assert_eq!(many, MutualInformation.interval(&truth, &given, &IntervalOptions::new()).unwrap());
    let other = MutualInformation.interval(&truth, &given, &IntervalOptions::new().seed(5)).unwrap();
    assert!((many.width() / other.width() - 1.0).abs() < 0.1 && many != other);
}

#[test]
fn labels_have_intervals() {
    let has = Array2::from_shape_fn((30, 4), |(row, label)| (row * 3 + label * 5) % 7 < 3);
    let scores = Array2::from_shape_fn((30, 4), |(row, label)| ((row * 5 + label * 3) % 11) as f64);
    for metric in [LabelMetric::Coverage, LabelMetric::AveragePrecision, LabelMetric::Loss] {
        let interval = metric.interval(&has, &scores, &IntervalOptions::new()).unwrap();
        close(interval.estimate, metric.score(&has, &scores, None).unwrap(), 1e-12);
        assert!(interval.low < interval.estimate && interval.estimate < interval.high, "{metric:?}");
    }
}

fn repeated(weights: &[usize]) -> Vec<usize> {
    weights.iter().enumerate().flat_map(|(row, &times)| std::iter::repeat_n(row, times)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn weights_are_repetitions_and_order_is_no_matter(
        weights in prop::collection::vec(0_usize..4, N),
        shift in 0_usize..N,
    ) {
        let rows = repeated(&weights);
        prop_assume!(rows.len() > 20);
        let weights: Vec<f64> = weights.iter().map(|&times| times as f64).collect();
        let turned: Vec<usize> = (0..N).map(|row| (row * 3 + shift) % N).collect();
        fn check<M: Metric>(
            metric: &M,
            truth: &M::Truth,
            answer: &M::Prediction,
            (rows, weights, turned): (&[usize], &[f64], &[usize]),
        ) -> std::result::Result<(), TestCaseError> {
            let of = |rows: &[usize]| {
                let (truth, answer) = (truth.take(rows).unwrap(), answer.take(rows).unwrap());
                metric.score(std::borrow::Borrow::borrow(&truth), &answer)
            };
            // Where a class has no rows both say so.
            match (metric.score_weighted(truth, answer, Some(weights)), of(rows)) {
                (Ok(weighted), Ok(repeated)) => prop_assert!((weighted - repeated).abs() < 1e-9, "{}", metric.name()),
                (weighted, repeated) => prop_assert!(weighted.is_err() && repeated.is_err(), "{}", metric.name()),
            }
            let all = metric.score(truth, answer).unwrap();
            prop_assert!((of(turned).unwrap() - all).abs() < 1e-9, "{}", metric.name());
            Ok(())
        }
        let parts = (&rows[..], &weights[..], &turned[..]);
        let (truth, given, said) = three();
        check(&VMeasure::new().beta(0.7), &truth, &given, parts)?;
        check(&RocAuc::new().by_prevalence(), &truth, &said, parts)?;
        check(&OneVsOneAuc::new().by_prevalence(), &truth, &said, parts)?;
        let (truth_sets, said_sets) = sets();
        for metric in [LabelSets::Precision, LabelSets::Recall, LabelSets::F1, LabelSets::Jaccard] {
            check(&metric, &truth_sets, &said_sets, parts)?;
        }
        let (numbers, answer) = values();
        let ends = Array2::from_shape_fn((N, 3), |(row, end)| answer.as_slice()[row] + 2.0 * end as f64 - 2.0);
        check(&WeightedIntervalScore::new([0.6]), &numbers, &Outputs::from(ends), parts)?;
        check(&F1::new(Average::Macro), &truth, &given, parts)?;
    }

    #[test]
    fn groupings_are_symmetric_and_areas_of_pairs_lie_between(labels in prop::collection::vec((0_u32..3, 0_u32..4), 12..60)) {
        let (first, second): (Vec<u32>, Vec<u32>) = labels.into_iter().unzip();
        let (first, second) = (Classes::from_labels(first), Classes::from_labels(second));
        let options = IntervalOptions::new();
        // With a beta of 1 homogeneity and completeness change places.
        let (one, other) = (VMeasure::new().score(&first, &second)?, VMeasure::new().score(&second, &first)?);
        prop_assert!((one - other).abs() < 1e-12 && (0.0..=1.0).contains(&one));
        if let (Ok(one), Ok(other)) = (Rand.interval(&first, &second, &options), Rand.interval(&second, &first, &options)) {
            prop_assert!((one.low - other.low).abs() < 1e-9 && (one.high - other.high).abs() < 1e-9);
        }
        let (truth, _, said) = three();
        let areas = [OneVsOneAuc::new(), OneVsOneAuc::new().by_prevalence()].map(|metric| metric.score(&truth, &said).unwrap());
        prop_assert!(areas.iter().all(|area| (0.5..1.0).contains(area)));
    }
}

/// `sklearn.metrics.__all__`.
const NAMES: &str = "\
    ConfusionMatrixDisplay DetCurveDisplay DistanceMetric PrecisionRecallDisplay \
    PredictionErrorDisplay RocCurveDisplay accuracy_score adjusted_mutual_info_score \
    adjusted_rand_score auc average_precision_score balanced_accuracy_score brier_score_loss \
    calinski_harabasz_score check_scoring class_likelihood_ratios classification_report cluster \
    cohen_kappa_score completeness_score confusion_matrix confusion_matrix_at_thresholds \
    consensus_score coverage_error d2_absolute_error_score d2_brier_score d2_log_loss_score \
    d2_pinball_score d2_tweedie_score davies_bouldin_score dcg_score det_curve euclidean_distances \
    explained_variance_score f1_score fbeta_score fowlkes_mallows_score get_scorer get_scorer_names \
    hamming_loss hinge_loss homogeneity_completeness_v_measure homogeneity_score jaccard_score \
    label_ranking_average_precision_score label_ranking_loss log_loss make_scorer matthews_corrcoef \
    max_error mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance \
    mean_pinball_loss mean_poisson_deviance mean_squared_error mean_squared_log_error \
    mean_tweedie_deviance median_absolute_error metric_at_thresholds multilabel_confusion_matrix \
    mutual_info_score nan_euclidean_distances ndcg_score normalized_mutual_info_score \
    pair_confusion_matrix pairwise_distances pairwise_distances_argmin \
    pairwise_distances_argmin_min pairwise_distances_chunked pairwise_kernels \
    precision_recall_curve precision_recall_fscore_support precision_score r2_score rand_score \
    recall_score roc_auc_score roc_curve root_mean_squared_error root_mean_squared_log_error \
    silhouette_samples silhouette_score top_k_accuracy_score v_measure_score zero_one_loss";

/// Each of its names has a row in the guide's table, and what stands beside it is there in the sources.
#[test]
fn the_guide_names_all_metrics_of_scikit_learn() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/guide/metrics.md")).unwrap();
    let mut sources = String::new();
    let mut folders = vec![root.join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !["target", "tests"].contains(&name.as_str()) {
                folders.push(path);
            } else if name.ends_with(".rs") {
                sources.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    for name in NAMES.split(' ') {
        let row = rows.iter().find(|row| row[0] == format!("`{name}`"));
        let row = row.unwrap_or_else(|| panic!("`{name}` has no row"));
        assert!(row.len() == 2 && !row[1].is_empty(), "{row:?}");
        let missing = row[1].contains("not here");
        // Names between ticks: the last part of a path, before arguments.
        for ours in row[1].split('`').skip(1).step_by(2) {
            let path = ours.split(['(', '<', ' ']).next().unwrap();
            let last = path.rsplit("::").next().unwrap();
            let known = ["fn ", "struct ", "enum ", "mod ", "trait ", "const ", "(", "    "]
                .iter()
                .any(|before| sources.contains(&format!("{before}{last}")));
            assert!(known, "`{name}`: there is no `{last}` in the sources");
        }
        assert!(missing || row[1].contains('`'), "{row:?}");
    }
    let theirs = NAMES.split(' ').count();
    assert_eq!((theirs, rows.len()), (86, 86));
    // All names of scorers are there.
    for (name, ..) in REFERENCE {
        assert!(page.contains(name), "the scorer `{name}` is not in the guide");
    }
}
