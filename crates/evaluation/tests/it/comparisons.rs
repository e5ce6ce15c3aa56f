//! Tests of two and of many models, against scipy 1.x and brute force.

use perennial_evaluation::*;
use perennial_numeric::random::Random;

const FIRST: [f64; 10] = [0.80, 0.82, 0.79, 0.81, 0.85, 0.78, 0.80, 0.83, 0.81, 0.79];
const SECOND: [f64; 10] = [0.84, 0.83, 0.82, 0.82, 0.86, 0.84, 0.79, 0.86, 0.85, 0.80];

/// Scores on folds of `n_test` rows each, of which `n_train` others were learned from.
fn scored(scores: &[f64], n_train: usize, n_test: usize) -> CrossValidated<(), ()> {
    let fold = |(number, &score): (usize, &f64)| Fold {
        n_train,
        test: (number * n_test..(number + 1) * n_test).collect(),
        score,
        fit_seconds: 0.0,
        train_score: None,
        score_seconds: 0.0,
        model: None,
    };
    CrossValidated {
        metric: "accuracy".to_owned(),
        higher_is_better: true,
        bounds: (0.0, 1.0),
        folds: scores.iter().enumerate().map(fold).collect(),
        predictions: None,
        fold_predictions: None,
        audit: perennial_evaluation::AuditReport::default(),
    }
}

#[track_caller]
fn close(computed: f64, expected: f64) {
    assert!((computed - expected).abs() <= 1e-11 * expected.abs().max(1e-3), "{computed} is not {expected}");
}

#[test]
fn the_corrected_t_test_is_that_of_the_paper() {
    // scipy: t of the mean difference over sqrt(var (1/10 + 1/9)), 9 degrees of freedom.
    let (first, second) = (scored(&FIRST, 90, 10), scored(&SECOND, 90, 10));
    let comparison = compare_folds(&first, &second, &ComparisonOptions::new()).unwrap();
    close(comparison.p_value.unwrap(), 0.037_799_958_759_874_554);
    assert_eq!(comparison.verdict, Verdict::Better);
    let back = compare_folds(&second, &first, &ComparisonOptions::new()).unwrap();
    assert_eq!((back.verdict, back.p_value), (Verdict::Worse, comparison.p_value));
    let json = serde_json::to_string(&comparison).unwrap();
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), comparison);

    // Differences that do not vary: ten folds leave it possible that 31 % of others do.
    let same = compare_folds(&first, &first, &ComparisonOptions::new()).unwrap();
    assert_eq!((same.p_value, same.verdict), (Some(1.0), Verdict::Unclear));
    let wide = compare_folds(&first, &first, &ComparisonOptions::new().equivalence(0.5)).unwrap();
    assert_eq!(wide.verdict, Verdict::Equivalent);
    let (flat, higher) = (scored(&[0.5; 4], 30, 10), scored(&[0.75; 4], 30, 10));
    let sure = compare_folds(&flat, &higher, &ComparisonOptions::new()).unwrap();
    // The sign test of four.
    assert_eq!((sure.p_value, sure.verdict), (Some(0.125), Verdict::Unclear));
    // Gains that differ in their last bits alone are the same.
    let (low, high) = (scored(&[0.5, 0.6, 0.7, 0.8], 30, 10), scored(&[0.6, 0.7, 0.8, 0.9], 30, 10));
    let rounded = compare_folds(&low, &high, &ComparisonOptions::new()).unwrap();
    assert_eq!((rounded.p_value, rounded.verdict), (Some(0.125), Verdict::Unclear));
    let single = scored(&[0.5], 30, 10);
    assert!(compare_folds(&single, &single, &ComparisonOptions::new()).is_err());
}

#[test]
fn the_posterior_is_a_students_t() {
    // scipy.stats.t(9, mean difference, the corrected error).
    let (first, second) = (scored(&FIRST, 90, 10), scored(&SECOND, 90, 10));
    let expected = [
        (0.0, 0.018_899_979_379_937_277, 0.0, 0.981_100_020_620_062_7),
        (0.01, 0.003_411_114_559_045_822_5, 0.097_762_826_061_590_45, 0.898_826_059_379_363_8),
        (0.02, 0.000_694_421_719_455_717_2, 0.378_417_688_521_415_3, 0.620_887_889_759_129),
    ];
    for (rope, worse, equivalent, better) in expected {
        let options = ComparisonOptions::new().equivalence(rope);
        let found = compare_bayes(&first, &second, &options).unwrap();
        close(found.worse, worse);
        assert!((found.equivalent - equivalent).abs() < 1e-12);
        close(found.better, better);
        assert_eq!(found.verdict, if rope == 0.0 { Verdict::Better } else { Verdict::Unclear });
        let back = compare_bayes(&second, &first, &options).unwrap();
        close(back.worse, better);
    }
    let wide = ComparisonOptions::new().equivalence(0.2);
    assert_eq!(compare_bayes(&first, &second, &wide).unwrap().verdict, Verdict::Equivalent);
    let same = compare_bayes(&first, &first, &ComparisonOptions::new()).unwrap();
    assert_eq!((same.equivalent, same.verdict), (1.0, Verdict::Equivalent));
    assert!(same.to_string().contains("equivalent within 0 with 1.000"), "{same}");
    // Gains that differ in their last bits alone are the same, and one of a last bit is none.
    let (low, high) = (scored(&[0.5, 0.6, 0.7, 0.8], 30, 10), scored(&[0.6, 0.7, 0.8, 0.9], 30, 10));
    let near = scored(&[0.5 + 1e-16, 0.6 + 1e-16, 0.7, 0.8 + 2e-16], 30, 10);
    for (second, rope, expected) in
        [(&high, 0.0, (1.0, 0.0)), (&high, 0.1, (0.0, 1.0)), (&near, 0.0, (0.0, 1.0))]
    {
        let found = compare_bayes(&low, second, &ComparisonOptions::new().equivalence(rope)).unwrap();
        assert_eq!((found.better, found.equivalent), expected, "{rope}: {found}");
    }
    let level = ComparisonOptions::new().interval(IntervalOptions::new().level(1.0));
    assert!(compare_bayes(&first, &second, &level).is_err());
}

#[test]
fn five_times_two_folds_give_both_tests() {
    // The formulas of Dietterich (1998) and Alpaydin (1999), tails by scipy.
    let halves = |scores: &[f64; 10]| {
        let mut all = scored(scores, 10, 10);
        for (number, fold) in all.folds.iter_mut().enumerate() {
            fold.test = (0..10).map(|row| 2 * row + number % 2).collect();
        }
        all
    };
    let (first, second) = (halves(&FIRST), halves(&SECOND));
    let test = five_by_two(&first, &second).unwrap();
    close(test.t.statistic, 1.593_638_145_779_190_2);
    close(test.t.p_value, 0.171_898_196_877_745_7);
    close(test.f.statistic, 1.444_444_444_444_443_8);
    close(test.f.p_value, 0.359_091_154_803_571_07);
    assert_eq!((&test.t.df[..], &test.f.df[..]), (&[5.0][..], &[10.0, 5.0][..]));
    assert!(test.to_string().contains("5x2cv combined F"), "{test}");
    assert!(five_by_two(&first, &first).unwrap_err().to_string().contains("nothing to judge"));
    let lifted = halves(&FIRST.map(|score| score + 0.1));
    assert!(five_by_two(&first, &lifted).unwrap_err().to_string().contains("nothing to judge"));
    let tenfold = (scored(&FIRST, 90, 10), scored(&SECOND, 90, 10));
    assert!(five_by_two(&tenfold.0, &tenfold.1).unwrap_err().to_string().contains("five repeats of two"));
}

#[test]
fn delong_is_that_of_all_pairs() {
    // numpy: the kernel of all pairs of a positive and a negative row, covariances by np.cov.
    let positive: Vec<bool> = (0..30).map(|i| i % 3 == 0).collect();
    let score = |a: i32, b: i32, modulus: i32, lift: f64| -> Vec<f64> {
        let lift = |i: i32| if i % 3 == 0 { lift } else { 0.0 };
        (0..30).map(|i| f64::from((i * i * a + b * i) % modulus) / 4.0 + lift(i)).collect()
    };
    let (first, second) = (score(7, 3, 23, 2.0), score(5, 11, 19, 3.0));
    let options = ComparisonOptions::new();
    let found = compare_roc_auc(&positive, &first, &second, &options).unwrap();
    close(found.first, 0.8925);
    close(found.second, 0.9075);
    close(found.gain.low, -0.087_488_627_470_257_4);
    close(found.p_value.unwrap(), 0.774_222_716_232_786_8);
    assert_eq!(found.verdict, Verdict::Unclear);
    let same = compare_roc_auc(&positive, &first, &first, &options).unwrap();
    // Ten rows of the rarer class.
    assert_eq!((same.p_value, same.verdict), (Some(1.0), Verdict::Unclear));
    close(same.gain.high, 1.0 - 0.025_f64.powf(0.1));
    let wide = compare_roc_auc(&positive, &first, &first, &options.clone().equivalence(0.35)).unwrap();
    assert_eq!(wide.verdict, Verdict::Equivalent);
    // Two rows of each class, all told wrongly and all told rightly: no certainty either.
    let four = compare_roc_auc(
        &[true, true, false, false],
        &[0.1, 0.2, 0.8, 0.9],
        &[0.9, 0.8, 0.2, 0.1],
        &ComparisonOptions::new(),
    )
    .unwrap();
    assert_eq!((four.gain.estimate, four.p_value, four.verdict), (1.0, Some(0.5), Verdict::Unclear));

    let error = |result: perennial_core::Result<Comparison>| result.unwrap_err().to_string();
    assert!(
        error(compare_roc_auc(&[true; 30], &first, &second, &options)).contains("30 positive and 0 negative")
    );
    assert!(
        error(compare_roc_auc(&positive, &first[1..], &second, &options)).contains("the first score has 29")
    );
    assert!(error(compare_roc_auc(&positive, &first, &[f64::NAN; 30], &options)).contains("NaN"));
    let weights = [1.0; 30];
    let weighted = options.clone().interval(IntervalOptions::new().weights(&weights));
    assert!(error(compare_roc_auc(&positive, &first, &second, &weighted)).contains("independent rows"));
}

#[test]
fn p_values_of_delong_are_uniform_where_nothing_differs() {
    let low = (0..400).filter(|&seed| {
        let mut random = Random::new(seed);
        let positive: Vec<bool> = (0..60).map(|row| row % 2 == 0).collect();
        let truth: Vec<f64> = positive.iter().map(|&p| f64::from(u8::from(p)) + random.normal()).collect();
        let mut noisy = || -> Vec<f64> { truth.iter().map(|score| score + random.normal()).collect() };
        let (first, second) = (noisy(), noisy());
        let found = compare_roc_auc(&positive, &first, &second, &ComparisonOptions::new()).unwrap();
        found.p_value.unwrap() <= 0.1
    });
    // 40 expected, with a standard deviation of 6.
    let low = low.count();
    assert!((20..=62).contains(&low), "{low} of 400");
}

#[test]
fn tables_have_their_baseline_and_count_their_pairs() {
    let mut random = Random::new(3);
    let mut around = |mean: f64| -> CrossValidated<(), ()> {
        let scores: Vec<f64> =
            FIRST.iter().map(|score| score - 0.807 + mean + 0.01 * random.normal()).collect();
        scored(&scores, 90, 10)
    };
    let (baseline, good, better) = (around(0.60), around(0.80), around(0.805));
    let table = ModelTable::new("most frequent", &baseline)
        .model("forest", &good)
        .model("boosting", &better)
        .compare(&ComparisonOptions::new())
        .unwrap();
    let names: Vec<&str> = table.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!((names[2], table.pairs.len()), ("most frequent", 3));
    assert!(table.models[2].is_baseline && !table.models[0].is_baseline);
    assert_eq!(table.models[0].against_baseline, Verdict::Better);
    assert_eq!(table.models[1].against_baseline, Verdict::Better);
    assert_eq!(table.pairs[0].verdict, Verdict::Unclear);
    assert_eq!(table.leaders().len(), 2);
    // Holm by hand: the smallest of three times three, and so on, never falling.
    let mut p: Vec<(f64, f64)> =
        table.pairs.iter().map(|pair| (pair.comparison.p_value.unwrap(), pair.adjusted_p_value)).collect();
    p.sort_by(|a, b| a.0.total_cmp(&b.0));
    close(p[0].1, (3.0 * p[0].0).min(1.0));
    close(p[1].1, (2.0 * p[1].0).max(p[0].1).min(1.0));
    close(p[2].1, p[2].0.max(p[1].1));
    let text = table.to_string();
    assert!(
        text.contains("most frequent (baseline): 0.6") && text.contains("better than the baseline"),
        "{text}"
    );
    let json = serde_json::to_string(&table).unwrap();
    assert_eq!(serde_json::from_str::<ModelTable>(&json).unwrap(), table);

    // One comparison is sure; the same among many is not.
    let (first, second) = (scored(&FIRST, 90, 10), scored(&SECOND, 90, 10));
    let two =
        ModelTable::new("first", &first).model("second", &second).compare(&ComparisonOptions::new()).unwrap();
    assert_eq!(two.models[0].against_baseline, Verdict::Better);
    let three = ModelTable::new("first", &first).model("second", &second).model("twin", &second);
    let three = three.compare(&ComparisonOptions::new()).unwrap();
    assert_eq!(three.models[0].against_baseline, Verdict::Unclear);
    // Twins are alike in ten folds, which shows no equivalence but within 0.31.
    let of_twins = |table: &ModelTable| {
        table.pairs.iter().find(|pair| pair.comparison.gain.estimate == 0.0).map(|pair| pair.verdict)
    };
    assert_eq!(of_twins(&three), Some(Verdict::Unclear));
    let wide = ModelTable::new("second", &second).model("twin", &second);
    let wide = wide.compare(&ComparisonOptions::new().equivalence(0.31)).unwrap();
    assert_eq!(of_twins(&wide), Some(Verdict::Equivalent));

    let alone = ModelTable::new("first", &first).compare(&ComparisonOptions::new()).unwrap();
    assert!(alone.pairs.is_empty() && alone.leaders() == ["first"]);
    let twice = ModelTable::new("a", &first).model("a", &second).compare(&ComparisonOptions::new());
    assert!(twice.unwrap_err().to_string().contains("two models are named `a`"));
    let other =
        ModelTable::new("a", &first).model("b", &scored(&SECOND, 80, 20)).compare(&ComparisonOptions::new());
    assert!(other.unwrap_err().to_string().starts_with("`a` against `b`: the two models were not tested"));
}

#[test]
fn ladders_stop_where_the_gain_does() {
    let step = |by: f64| {
        let scores: Vec<f64> = FIRST.iter().zip(SECOND).map(|(a, b)| a + by + by * (b - a)).collect();
        scored(&scores, 90, 10)
    };
    let mut asked = Vec::new();
    let mut ladder = Ladder::new(ComparisonOptions::new().equivalence(0.02));
    for (name, by) in [("mean", -0.3), ("line", -0.1), ("spline", -0.095), ("network", 0.1)] {
        ladder = ladder
            .step(name, || {
                asked.push(name);
                Ok(step(by))
            })
            .unwrap();
    }
    let climb = ladder.climb().unwrap();
    assert_eq!((climb.chosen.as_str(), climb.stopped_by.as_deref()), ("line", Some("spline")));
    assert_eq!((asked, &climb.not_tried[..]), (vec!["mean", "line", "spline"], &["network".to_owned()][..]));
    assert_eq!(climb.steps[1].against_previous.as_ref().unwrap().verdict, Verdict::Better);
    let text = climb.to_string();
    assert!(text.contains("stopped at `spline`") && text.contains("`line`"), "{text}");
    let json = serde_json::to_string(&climb).unwrap();
    assert_eq!(serde_json::from_str::<Climb>(&json).unwrap(), climb);

    let top = Ladder::new(ComparisonOptions::new()).step("only", || Ok(step(0.0))).unwrap().climb().unwrap();
    assert_eq!((top.chosen.as_str(), top.stopped_by), ("only", None));
    assert!(Ladder::new(ComparisonOptions::new()).climb().unwrap_err().to_string().contains("no steps"));
    let failing = Ladder::new(ComparisonOptions::new())
        .step::<(), ()>("broken", || Err(perennial_core::Error::singular("no answer")));
    assert_eq!(failing.unwrap_err().to_string(), "step `broken`: no answer");

    // The simplest within one standard error of the best; lower may be better.
    let models = [0.70, 0.79, 0.805, 0.80]
        .map(|mean| scored(&[mean - 0.02, mean + 0.02, mean - 0.01, mean + 0.01], 30, 10));
    // The error of the best is sqrt(0.001 / 3 / 4), that is 0.0091.
    assert_eq!(one_standard_error(&models).unwrap(), 2);
    let closer =
        [0.797, 0.805].map(|mean| scored(&[mean - 0.02, mean + 0.02, mean - 0.01, mean + 0.01], 30, 10));
    assert_eq!(one_standard_error(&closer).unwrap(), 0);
    let losses = models.map(|mut model| {
        model.higher_is_better = false;
        model
    });
    assert_eq!(one_standard_error(&losses).unwrap(), 0);
    assert!(one_standard_error::<(), ()>(&[]).is_err());
}

#[test]
fn no_model_is_promoted_that_is_not_better_than_all_baselines() {
    let mut random = Random::new(5);
    let mut around = |mean: f64| -> CrossValidated<(), ()> {
        let scores: Vec<f64> =
            FIRST.iter().map(|score| score - 0.807 + mean + 0.005 * random.normal()).collect();
        scored(&scores, 90, 10)
    };
    let baselines = vec![
        ("the shares".to_owned(), around(0.5)),
        ("one feature".to_owned(), around(0.7)),
        ("logistic".to_owned(), around(0.8)),
    ];
    let (middling, good) = (around(0.75), around(0.9));
    let options = ComparisonOptions::new();
    let start = || ModelTable::new(&baselines[0].0, &baselines[0].1).baselines(&baselines[1..]);
    let table = start().model("forest", &middling).model("boosting", &good).compare(&options).unwrap();
    let row = |name: &str| table.models.iter().find(|model| model.name == name).unwrap();
    assert_eq!(table.models.iter().filter(|model| model.is_baseline).count(), 3);
    // Better than two of them is not enough.
    assert_eq!(row("forest").against_baseline, Verdict::Worse);
    assert!(!row("forest").may_be_promoted() && row("boosting").may_be_promoted());
    // A baseline that is better than the others is not promoted by that.
    assert!(!row("logistic").may_be_promoted());
    assert_eq!(table.choose().unwrap().name, "boosting");
    let text = table.to_string();
    assert!(text.contains("better than all baselines") && text.contains("worse than a baseline"), "{text}");
    let table = start().model("forest", &middling).compare(&options).unwrap();
    let blocked = table.choose().unwrap_err().to_string();
    assert!(blocked.contains("`logistic`"), "{blocked}");

    let climb = |score: &CrossValidated<(), ()>| {
        let ladder = Ladder::new(options.clone()).baselines(&baselines).unwrap();
        ladder.step("model", || Ok(score.clone())).unwrap().climb().unwrap()
    };
    let reached = climb(&good);
    assert!(reached.may_be_promoted() && reached.chosen == "model" && reached.steps.len() == 4);
    let stopped = climb(&middling);
    assert!(!stopped.may_be_promoted() && stopped.chosen == "logistic");
    assert!(stopped.to_string().contains("`logistic` (baseline)"), "{stopped}");
    let none: [(String, CrossValidated<(), ()>); 0] = [];
    assert!(Ladder::new(options.clone()).baselines(&none).is_err());
    let late = Ladder::new(options).step("model", || Ok(good.clone())).unwrap().baselines(&baselines);
    assert!(late.unwrap_err().to_string().contains("first"));
}

#[test]
fn rankings_that_flip_from_seed_to_seed() {
    // Losses of three models by three seeds; the first two share the first seed.
    let scores = [[1.0, 1.0, 3.0], [2.0, 1.5, 2.5], [1.0, 2.0, 4.0]];
    let ranking = SeedRanking::new(&["a", "b", "c"], &scores, false).unwrap();
    let best: Vec<(&str, f64)> = ranking.models.iter().map(|one| (one.name.as_str(), one.best)).collect();
    assert_eq!((best[0].0, best[1].0, best[2]), ("a", "b", ("c", 0.0)));
    assert!((best[0].1 - 0.5).abs() < 1e-15 && (best[1].1 - 0.5).abs() < 1e-15);
    assert!((ranking.models[0].mean - 4.0 / 3.0).abs() < 1e-15);
    assert!((ranking.models[0].deviation - (1.0_f64 / 3.0).sqrt()).abs() < 1e-15);
    // Of nine pairs one is tied and one reversed.
    assert!(ranking.flips() && (ranking.reversed - 1.5 / 9.0).abs() < 1e-15);
    let steady = SeedRanking::new(&["a", "c"], &[[1.0, 3.0], [2.0, 2.5]], false).unwrap();
    assert!(!steady.flips() && steady.reversed == 0.0 && steady.to_string().contains("by every seed"));
    // A tie makes no other model the best, whichever way is up.
    for (scores, higher_is_better, says) in [
        ([[0.8, 0.8], [0.8, 0.8]], true, "tied"),
        ([[0.8, 0.7], [0.8, 0.8]], true, "tied"),
        ([[0.8, 0.8], [0.8, 0.9]], false, "tied"),
        ([[0.8, 0.7], [0.8, 0.85]], true, "depends on the seed"),
        ([[0.8, 0.9], [0.8, 0.75]], false, "depends on the seed"),
    ] {
        let ranking = SeedRanking::new(&["a", "b"], &scores, higher_is_better).unwrap();
        assert_eq!(ranking.models[0].name, "a");
        assert!(ranking.models[0].best < 1.0 && ranking.to_string().contains(says), "{ranking}");
        assert_eq!(ranking.flips(), says != "tied");
    }
    assert!(SeedRanking::new(&["a"], &[[1.0], [2.0]], true).is_err());
    assert!(SeedRanking::new(&["a", "b"], &[[1.0, 2.0]], true).is_err());
    assert!(SeedRanking::new(&["a", "b"], &[vec![1.0, 2.0], vec![1.0]], true).is_err());
    assert!(SeedRanking::new(&["a", "b"], &[[1.0, f64::NAN], [1.0, 2.0]], true).is_err());
}
