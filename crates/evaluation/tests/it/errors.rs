//! Error analysis on data with planted faults, and on data without any.

use ndarray::{Array2, array};
use perennial_core::{Classes, Feature, Features, Matrix, Predictor, Probabilities, Result, Values};
use perennial_evaluation::errors::*;
use perennial_evaluation::metric::{
    Accuracy, MeanAbsoluteError, MeanSquaredError, R2, RocAuc, confusion_matrix,
};
use perennial_evaluation::{
    Diagnosis, Diagnostic, FeatureImportance, SearchedSetting, SliceOptions, Slices, score_slices,
};
use perennial_numeric::random::Random;
use perennial_statistics::interval::Interval;

/// Rows with features `a` (uniform), `b` (0 to 3), `c` (missing in a tenth) and normal errors, five times as large where `planted`.
fn errors(n: usize, seed: u64, planted: impl Fn(&[f64]) -> bool) -> (Matrix, Values, Values) {
    let mut random = Random::new(seed);
    let (mut x, mut truth, mut answer) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..n {
        let missing = random.uniform() < 0.1;
        let row =
            [random.uniform(), random.below(4) as f64, if missing { f64::NAN } else { random.normal() }];
        let scale = if planted(&row) { 5.0 } else { 1.0 };
        truth.push(10.0 * row[0]);
        answer.push(10.0 * row[0] + scale * random.normal());
        x.extend(row);
    }
    let x = Matrix::from(Array2::from_shape_vec((n, 3), x).unwrap());
    let features =
        Features::try_from(vec![Feature::numeric("a"), Feature::categorical("b", 4), Feature::numeric("c")]);
    (x.with_features(features.unwrap()).unwrap(), truth.into(), answer.into())
}

#[test]
fn a_planted_slice_is_found_and_confirmed() {
    let (x, truth, answer) = errors(4000, 1, |row| row[0] > 0.75 && row[1] == 2.0);
    let found = SliceFinder::new().find(&MeanAbsoluteError, &truth, &answer, &x).unwrap();
    let worst = &found.report.slices[0];
    let conditions = &found.conditions.iter().find(|(name, _)| *name == worst.name).unwrap().1;
    let features: Vec<&str> = conditions.iter().map(Condition::feature).collect();
    assert_eq!(features, ["a", "b"], "{found}");
    assert!(worst.adjusted_p_value < 0.01 && worst.interval.low > 2.0 * found.report.overall);
    assert!(worst.shrunken > found.report.overall && worst.shrunken <= worst.interval.estimate);
    // What is written can be read again, open ends and all.
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<DiscoveredSlices>(&text).unwrap(), found);
}

#[test]
fn missing_values_are_a_slice_too() {
    let (x, truth, answer) = errors(4000, 2, |row| row[2].is_nan());
    let found = SliceFinder::new().max_conditions(1).find(&MeanAbsoluteError, &truth, &answer, &x).unwrap();
    assert_eq!(found.report.slices[0].name, "c is missing");
}

/// Where no part is worse, few of the slices that the search comes up with are confirmed.
#[test]
fn what_chance_finds_is_not_confirmed() {
    let mut confirmed = 0;
    for seed in 0..40 {
        let (x, truth, answer) = errors(600, 100 + seed, |_| false);
        let finder =
            SliceFinder::new().options(SliceOptions::new().min_support(20).replicates(400).seed(seed));
        let found = finder.find(&MeanAbsoluteError, &truth, &answer, &x).unwrap();
        confirmed += usize::from(found.report.slices.iter().any(|slice| slice.adjusted_p_value < 0.05));
    }
    // 2 expected of 40; 7 or more come with a chance of 0.3 %.
    assert!(confirmed < 7, "{confirmed} of 40");
}

#[test]
fn the_finder_says_why_it_cannot() {
    let (x, truth, answer) = errors(200, 3, |_| false);
    let error = SliceFinder::new().find(&R2, &truth, &answer, &x).unwrap_err().to_string();
    assert!(error.contains("no mean over rows"), "{error}");
    let (few, truth_few, answer_few) = errors(50, 3, |_| false);
    let error =
        SliceFinder::new().find(&MeanAbsoluteError, &truth_few, &answer_few, &few).unwrap_err().to_string();
    assert!(error.contains("50 rows are too few"), "{error}");
    for finder in
        [SliceFinder::new().n_bins(1), SliceFinder::new().max_conditions(9), SliceFinder::new().beam_width(0)]
    {
        assert!(finder.find(&MeanAbsoluteError, &truth, &answer, &x).is_err());
    }
    assert!(SliceFinder::new().find(&MeanAbsoluteError, &truth, &answer, &few).is_err());
    // All answers right: nothing is worse.
    let found = SliceFinder::new().find(&MeanAbsoluteError, &truth, &truth, &x).unwrap();
    assert!(found.conditions.is_empty());
}

#[test]
fn slices_are_found_the_same_at_any_number_of_threads() {
    let (x, truth, answer) = errors(1000, 4, |row| row[1] == 1.0);
    let find = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| SliceFinder::new().find(&MeanSquaredError, &truth, &answer, &x)).unwrap()
    };
    let one = find(1);
    for threads in [2, 3, 4] {
        assert_eq!(one, find(threads));
    }
}

/// The mean of two of ten rows is drawn further to that of all than the mean of many rows.
#[test]
fn small_slices_are_drawn_to_the_whole() {
    let mut random = Random::new(5);
    let truth: Values = (0..2000).map(|_| random.normal()).collect();
    let answer: Values = truth
        .as_slice()
        .iter()
        .enumerate()
        .map(|(row, t)| t + if row % 4 == 0 { 2.0 } else { 1.0 } + 0.3 * random.normal())
        .collect();
    let slices = Slices::new()
        .rows("many", (0..2000).step_by(4).collect())
        .rows("few", (0..160).step_by(4).collect())
        .rows("rest", (0..2000).filter(|row| row % 4 == 1).collect());
    let report = score_slices(&MeanAbsoluteError, &truth, &answer, &slices, &SliceOptions::new()).unwrap();
    let pull = |name: &str| {
        let slice = report.slices.iter().find(|slice| slice.name == name).unwrap();
        (slice.interval.estimate - slice.shrunken) / (slice.interval.estimate - report.overall)
    };
    assert!(pull("few") > 2.0 * pull("many") && pull("many") > 0.0 && pull("few") < 0.2);
}

#[test]
fn the_worst_rows_and_confusions_come_first() {
    let truth = Classes::from_labels(["cat", "cat", "dog", "dog", "cow", "cat"]);
    let answer = Classes::from_labels(["dog", "cat", "dog", "cow", "cow", "dog"]);
    let rows: Vec<usize> =
        worst_rows(&Accuracy, &truth, &answer, None, 3).unwrap().iter().map(|row| row.row).collect();
    assert_eq!(rows, [0, 3, 5]);
    let found = confusions(&confusion_matrix(&truth, &answer, None).unwrap());
    assert_eq!((found[0].truth.as_str(), found[0].given.as_str(), found[0].count), ("cat", "dog", 2.0));
    assert_eq!(
        found[0].to_string(),
        "2 rows of `cat` were taken for `dog`: 67 % of `cat`, 67 % of all errors"
    );
    assert_eq!(found.len(), 2);
    assert!(confusions(&confusion_matrix(&truth, &truth, None).unwrap()).is_empty());
}

#[test]
fn residuals_without_a_pattern_show_none() {
    let mut seen = 0;
    for seed in 0..100 {
        // Answers that are the mean of what is true: the other way round high answers would be too high.
        let (x, mean, scattered) = errors(300, 1000 + seed, |_| false);
        seen += usize::from(!residual_patterns(&scattered, &mean, &x, 0.05).unwrap().patterns.is_empty());
    }
    // At most 5 expected; 13 or more come with a chance of 0.1 %.
    assert!(seen < 13, "{seen} of 100");
}

#[test]
fn residuals_show_what_was_planted() {
    let (x, truth, _) = errors(800, 7, |_| false);
    let mut random = Random::new(8);
    let mut with = |error: &dyn Fn(usize, f64) -> f64| -> ResidualPatterns {
        let answer: Values =
            truth.as_slice().iter().enumerate().map(|(row, t)| t - error(row, random.normal())).collect();
        residual_patterns(&truth, &answer, &x, 0.01).unwrap()
    };
    let has = |found: &ResidualPatterns, wanted: &dyn Fn(&ResidualPattern) -> bool| {
        assert!(found.patterns.iter().any(|(pattern, _)| wanted(pattern)), "{found}");
    };
    let bias = with(&|_, noise| 0.5 + noise);
    has(&bias, &|pattern| matches!(pattern, ResidualPattern::Bias { mean } if *mean > 0.3));
    assert!(bias.to_string().contains("the answers are too low by 0."), "{bias}");
    let a = x.dense().unwrap().column(0).to_vec();
    has(
        &with(&|row, noise| noise * (0.2 + a[row])),
        &|pattern| matches!(pattern, ResidualPattern::Spread { correlation } if *correlation > 0.2),
    );
    let mut last = 0.0;
    let lasting: Vec<f64> = (0..800)
        .map(|row| {
            last = 0.8 * last + f64::from((row * 7919 % 101) as u32) / 50.0 - 1.0;
            last
        })
        .collect();
    has(&with(&|row, _| lasting[row]), &|pattern| matches!(pattern, ResidualPattern::Succession { .. }));
    let b = x.dense().unwrap().column(1).to_vec();
    has(
        &with(&|row, noise| noise + if b[row] == 3.0 { 2.0 } else { 0.0 }),
        &|pattern| matches!(pattern, ResidualPattern::Feature { name, mean, .. } if name == "b" && *mean > 1.5),
    );
}

#[test]
fn residuals_that_never_vary_are_no_panic() {
    let x = Matrix::from(Array2::zeros((30, 2)));
    let truth: Values = (0..30).map(f64::from).collect();
    assert!(residual_patterns(&truth, &truth, &x, 0.05).unwrap().patterns.is_empty());
    let shifted: Values = (0..30).map(|row| f64::from(row) - 2.0).collect();
    let found = residual_patterns(&truth, &shifted, &x, 0.05).unwrap();
    assert!(matches!(found.patterns[0].0, ResidualPattern::Bias { mean } if mean == 2.0));
    assert!(
        residual_patterns(
            &Values::from(vec![1.0]),
            &Values::from(vec![1.0]),
            &Matrix::from(array![[1.0]]),
            0.05
        )
        .is_err()
    );
    assert!(residual_patterns(&truth, &truth, &x, 2.0).is_err());
}

/// Answers with the first feature; a missing one is refused where it is strict.
struct First {
    strict: bool,
}

impl Predictor for First {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        x.check_finite(!self.strict)?;
        Ok(x.dense()?.column(0).iter().map(|value| if value.is_nan() { 0.5 } else { *value }).collect())
    }
}

#[test]
fn scores_fall_as_features_get_worse() {
    let (x, _, _) = errors(2000, 9, |_| false);
    let y: Values = x.dense().unwrap().column(0).to_vec().into();
    let ways = [Disturbance::Noise, Disturbance::Missing, Disturbance::Shift, Disturbance::Exchange];
    let model = First { strict: false };
    let curves = Stress::new(ways, [0.0, 0.3, 0.9]).measure(&model, &x, &y, &MeanAbsoluteError).unwrap();
    for curve in &curves {
        assert_eq!(curve.points[0].loss, 0.0, "{curve}");
        assert!(curve.points[1].loss > 0.0 && curve.points[2].loss > 2.0 * curve.points[1].loss, "{curve}");
    }
    // The mean size of normal noise, and of a shift, is known; a is uniform, with a deviation of 1 / sqrt(12).
    let deviation = (1.0_f64 / 12.0).sqrt();
    assert!((curves[0].points[2].loss - 0.9 * deviation * (2.0 / std::f64::consts::PI).sqrt()).abs() < 0.01);
    assert!((curves[2].points[2].loss - 0.9 * deviation).abs() < 0.005);
    assert!((curves[1].points[2].loss - 0.9 * 0.25).abs() < 0.01);
    assert!((curves[3].points[2].loss - 0.9 / 3.0).abs() < 0.02);
    let score = |model: &First, ways: &[Disturbance], severities: &[f64]| {
        let stress = Stress::new(ways.iter().copied(), severities.iter().copied());
        stress.measure(model, &x, &y, &MeanAbsoluteError)
    };
    assert!(score(&First { strict: true }, &[Disturbance::Noise], &[0.5]).is_err(), "x has missing values");
    assert!(score(&model, &[Disturbance::Missing], &[1.5]).is_err());
    assert!(score(&model, &[Disturbance::Noise], &[f64::NAN]).is_err());
    assert!(score(&model, &[Disturbance::Noise], &[]).is_err());
}

fn importance(name: &str, estimate: f64, low: f64) -> FeatureImportance {
    let interval = Interval { estimate, low, high: estimate + (estimate - low), level: 0.95 };
    FeatureImportance { feature: name.to_owned(), interval, losses: vec![estimate; 3] }
}

#[test]
fn every_mistake_is_found_where_it_is_and_nowhere_else() {
    let y = Classes::from_labels((0..1000).map(|row| if row < 990 { "no" } else { "yes" }));
    let even = Classes::from_labels((0..1000).map(|row| row % 2));
    let bad_x = Matrix::from(Array2::from_shape_fn((60, 3), |(row, column)| match column {
        0 => row as f64 * 100.0,
        1 => (row as f64 * 100.0).powi(3),
        _ => (row * 7 % 2) as f64,
    }));
    let good_x =
        Matrix::from(Array2::from_shape_fn((60, 2), |(row, column)| (row * [7, 13][column] % 20) as f64));
    let straight = good_x.dense().unwrap().column(0).to_vec();
    let turned: Vec<f64> = straight.iter().map(|value| -value).collect();
    let setting = |best: f64| SearchedSetting { name: "depth".to_owned(), best, low: 1.0, high: 10.0 };
    let bad = [
        Diagnosis::new()
            .scores(&[0.99, 0.99, 0.98], &[0.7, 0.72, 0.69], true)
            .unwrap()
            .baseline(&[0.7, 0.71, 0.7], 20.0, 0.1)
            .unwrap()
            .classes(&y)
            .coefficients(&[1.0, 2.0, 3.0], &bad_x)
            .unwrap()
            .impurity_importances(&[0.5, 0.3, 0.2], &bad_x)
            .unwrap()
            .features(&bad_x)
            .unwrap()
            .importances(&[importance("a", 0.4, 0.3), importance("b", 0.001, -0.001)])
            .times(&[1, 2, 9], &[5, 6])
            .search(&[setting(10.0)], &["learning_rate"])
            .find(),
        Diagnosis::new()
            .scores(&[0.5, 0.51, 0.5, 0.5], &[0.5, 0.52, 0.5, 0.2], true)
            .unwrap()
            .baseline(&[0.5, 0.5, 0.5, 0.5], 1.0, 1.0)
            .unwrap()
            .search(&[], &[])
            .relations(&good_x, &straight, &good_x, &turned)
            .unwrap()
            .rounds(&[0.5, 0.4, 0.3], &[0.5, 0.45, 0.6], false)
            .unwrap()
            .find(),
    ];
    let mut found: Vec<Diagnostic> =
        bad.iter().flat_map(|findings| &findings.found).map(|finding| finding.diagnostic).collect();
    found.sort();
    found.dedup();
    assert_eq!(found, Diagnostic::ALL);
    let good = Diagnosis::new()
        .scores(&[0.3, 0.31, 0.3], &[0.32, 0.31, 0.33], false)
        .unwrap()
        .baseline(&[0.6, 0.6, 0.61], 20.0, 0.1)
        .unwrap()
        .classes(&even)
        .coefficients(&[1.0, 2.0], &good_x)
        .unwrap()
        .impurity_importances(&[0.5, 0.5], &good_x)
        .unwrap()
        .features(&good_x)
        .unwrap()
        .importances(&[importance("a", 0.4, 0.3), importance("b", 0.2, 0.1)])
        .times(&[1, 2, 3], &[5, 6])
        .search(&[setting(4.0)], &[])
        .relations(&good_x, &straight, &good_x, &straight)
        .unwrap()
        .rounds(&[0.5, 0.4, 0.3], &[0.5, 0.45, 0.44], false)
        .unwrap()
        .find();
    // A search was made, so `NotTuned` passes; all were looked for.
    assert_eq!((good.found.len(), good.unknown.len(), good.passed.len()), (0, 0, 18), "{good}");
    let nothing = Diagnosis::new().find();
    assert_eq!(nothing.unknown.len(), 18);
    assert_eq!(bad[0].unknown, [Diagnostic::RelationChange, Diagnostic::TooManyRounds]);
    assert!(bad[0].to_string().ends_with("13 found, 3 not found, 2 not looked for"), "{}", bad[0]);
    assert!(Diagnosis::new().baseline(&[0.5], 1.0, 1.0).is_err());
    assert!(Diagnosis::new().scores(&[], &[], true).is_err());
    assert!(Diagnosis::new().scores(&[f64::NAN], &[0.5], true).is_err());
}

#[test]
fn searching_by_a_ranking_metric_says_what_to_use() {
    let truth = Classes::from_labels((0..200).map(|row| row % 2));
    let answer = Probabilities::new(Array2::from_elem((200, 2), 0.5), truth.shared_names()).unwrap();
    let x = Matrix::from(Array2::zeros((200, 1)));
    let error = SliceFinder::new().find(&RocAuc::new(), &truth, &answer, &x).unwrap_err().to_string();
    assert!(error.contains("`LogLoss`"), "{error}");
}

#[test]
fn nearest_rows_are_those_of_all_distances() {
    use perennial_evaluation::errors::nearest_rows;
    let mut random = Random::new(6);
    let cells = |random: &mut Random, n: usize| {
        Array2::from_shape_fn((n, 3), |(_, column)| match column {
            2 => random.below(3) as f64,
            _ if random.uniform() < 0.1 => f64::NAN,
            _ => random.normal() * 10.0,
        })
    };
    let kinds: Features =
        Features::try_from(vec![Feature::numeric("a"), Feature::numeric("b"), Feature::categorical("c", 3)])
            .unwrap();
    let train = Matrix::from(cells(&mut random, 80)).with_features(kinds.clone()).unwrap();
    let asked = Matrix::from(cells(&mut random, 10)).with_features(kinds).unwrap();
    let found = nearest_rows(&train, &asked, &[7, 2], 4).unwrap();
    let (t, a) = (train.dense().unwrap(), asked.dense().unwrap());
    let deviation = |column: usize| {
        let known: Vec<f64> = t.column(column).iter().copied().filter(|v| !v.is_nan()).collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        (known.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / known.len() as f64).sqrt()
    };
    let distance = |row: usize, other: usize| {
        let parts: Vec<f64> = (0..3)
            .filter(|&column| !a[[row, column]].is_nan() && !t[[other, column]].is_nan())
            .map(|column| match column {
                2 => f64::from(u8::from(a[[row, 2]] != t[[other, 2]])),
                _ => ((a[[row, column]] - t[[other, column]]) / deviation(column)).powi(2),
            })
            .collect();
        (parts.iter().sum::<f64>() / parts.len() as f64).sqrt()
    };
    for (near, row) in found.iter().zip([7, 2]) {
        let mut all: Vec<(f64, usize)> = (0..80).map(|other| (distance(row, other), other)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(near.row, row);
        for (near, (distance, other)) in near.nearest.iter().zip(&all) {
            assert_eq!(near.row, *other);
            assert!((near.distance - distance).abs() < 1e-12);
        }
        assert_eq!(near.nearest.len(), 4);
    }
    assert!(
        nearest_rows(&train, &asked, &[10], 4).is_err() && nearest_rows(&train, &asked, &[0], 0).is_err()
    );
    assert_eq!(nearest_rows(&train, &asked, &[0], 500).unwrap()[0].nearest.len(), 80);
}

#[test]
fn error_trees_find_groups_and_say_what_might_help() {
    use perennial_evaluation::errors::{ErrorTree, Fix, candidate_fixes};
    let n = 1200;
    let mut random = Random::new(11);
    let mut x = Array2::from_shape_fn((n, 3), |_| random.uniform());
    // Where `a` is large and `b` is missing answers are off; elsewhere there is noise.
    (0..n).filter(|row| row % 3 == 0).for_each(|row| x[[row, 1]] = f64::NAN);
    let bad = |row: usize| row.is_multiple_of(3) && x[[row, 0]] > 0.5;
    let truth: Values = (0..n).map(|_| 0.0).collect();
    let noise: Vec<f64> = (0..n).map(|_| random.normal()).collect();
    let answer: Values = (0..n).map(|row| 0.3 * noise[row] + if bad(row) { 3.0 } else { 0.0 }).collect();
    let badness: Vec<f64> = answer.as_slice().iter().map(|value| value.abs()).collect();
    let x = Matrix::from(x.clone()).with_names(["a", "b", "c"]).unwrap();
    let found = ErrorTree::new().find(&MeanAbsoluteError, &truth, &answer, &x, None).unwrap();
    let worst = &found.groups[0];
    let mut features: Vec<&str> = worst.conditions.iter().map(Condition::feature).collect();
    features.sort_unstable();
    assert_eq!(features, ["a", "b"], "{found}");
    let score = worst.score.as_ref().unwrap();
    assert!(score.interval.low > 2.5 && score.adjusted_p_value < 0.01 && score.support > 60);
    let fixes: Vec<String> = worst.fixes.iter().map(ToString::to_string).collect();
    assert!(
        fixes.iter().any(|fix| fix.starts_with("collect `b`"))
            && fixes.iter().any(|fix| fix.contains("a, b")),
        "{fixes:?}"
    );
    // Every row is in one group.
    let mut rows: Vec<usize> = found.groups.iter().flat_map(|group| group.rows.iter().copied()).collect();
    rows.sort_unstable();
    assert_eq!(rows, (0..n).collect::<Vec<_>>());
    // Of noise nothing is made.
    let noisy: Values = noise.iter().copied().collect();
    let none = ErrorTree::new().find(&MeanAbsoluteError, &truth, &noisy, &x, None).unwrap();
    assert_eq!((none.groups.len(), none.groups[0].conditions.len()), (1, 0));
    // Few rows that make up most are to be looked at; a group unlike all that was learned from asks for rows.
    let mut few = vec![0.01; n];
    few[5] = 50.0;
    let fixes = candidate_fixes(&few, &x, &(0..100).collect::<Vec<_>>(), &[], None).unwrap();
    assert!(
        fixes.iter().any(|fix| matches!(fix, Fix::CheckRows { rows, share } if rows[0] == 5 && *share > 0.9))
    );
    let far =
        Matrix::from(x.dense().unwrap().mapv(|value| value - 50.0)).with_names(["a", "b", "c"]).unwrap();
    let fixes = candidate_fixes(&badness, &x, &[1, 2, 4], &[], Some(&far)).unwrap();
    assert!(matches!(fixes[0], Fix::CollectRows { unlike_training } if unlike_training == 1.0));
    // Rows that are all a little bad, and like those that were learned from.
    let usual: Vec<usize> = (0..90).filter(|row: &usize| !row.is_multiple_of(3)).collect();
    let fixes = candidate_fixes(&badness, &x, &usual, &[], Some(&x)).unwrap();
    assert!(matches!(fixes[0], Fix::ModelGroup { .. }));
    // Right answers need no mending, and a model without features is one group.
    let right = ErrorTree::new().find(&MeanAbsoluteError, &truth, &truth, &x, None).unwrap();
    assert!(right.groups.len() == 1 && right.groups[0].fixes.is_empty());
    assert!(ErrorTree::new().max_depth(9).find(&MeanAbsoluteError, &truth, &truth, &x, None).is_err());
}

#[test]
fn weights_count_under_stress() {
    let (x, _, _) = errors(400, 9, |_| false);
    let y: Values = x.dense().unwrap().column(0).to_vec().into();
    let half =
        |first: bool| -> Vec<f64> { (0..400).map(|row| f64::from(u8::from((row < 200) == first))).collect() };
    let model = First { strict: false };
    let stress = Stress::new([Disturbance::Noise], [1.0]);
    let loss = |stress: Stress| stress.measure(&model, &x, &y, &MeanAbsoluteError).unwrap()[0].points[0].loss;
    let (all, first, second) = (
        loss(stress.clone()),
        loss(stress.clone().weights(&half(true))),
        loss(stress.clone().weights(&half(false))),
    );
    // The noise is the same, and that of each half is its own.
    assert!((first - second).abs() > 1e-6 && (0.5 * (first + second) - all).abs() < 1e-12);
    assert!(stress.weights(&half(true)[1..]).measure(&model, &x, &y, &MeanAbsoluteError).is_err());
}

#[test]
fn weights_that_do_not_fit_are_refused_by_searches() {
    let (x, truth, answer) = errors(400, 3, |_| false);
    let mut bad = vec![1.0; 400];
    bad[7] = -1.0;
    for weights in [&[1.0; 401][..], &bad[..]] {
        let options = SliceOptions::new().weights(weights);
        let slices = SliceFinder::new().options(options.clone());
        assert!(slices.find(&MeanAbsoluteError, &truth, &answer, &x).is_err());
        let tree = ErrorTree::new().options(options);
        assert!(tree.find(&MeanAbsoluteError, &truth, &answer, &x, None).is_err());
    }
}
