//! Reports: what they hold, and what they say of odd rows.

use ndarray::{Array2, array};
use perennial_core::{Classes, Contributions, Matrix, Probabilities, Values};
use perennial_evaluation::errors::LabelIssues;
use perennial_evaluation::fairness::{FairnessOptions, MetricFrame, SensitiveFeatures};
use perennial_evaluation::metric::{AveragePrecision, LogLoss, MeanAbsoluteError, Precision, RocAuc};
use perennial_evaluation::{
    AuditReport, ComparisonOptions, Details, Diagnosis, Explained, FeatureImportance, IntervalOptions,
    Metric, Report, ReportedScore, SliceOptions, Slices, compare, score_slices,
};
use perennial_numeric::random::Random;
use perennial_reporting::Mark;
use perennial_statistics::interval::Interval;

fn said(n: usize, n_classes: usize, strength: f64, seed: u64) -> (Classes, Probabilities) {
    let mut random = Random::new(seed);
    let names: Vec<String> = (0..n_classes).map(|class| format!("class {class}")).collect();
    let (mut codes, mut shares) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let truth = random.below(n_classes);
        let mut own: Vec<f64> = (0..n_classes)
            .map(|class| (random.normal() + if class == truth { strength } else { 0.0 }).exp())
            .collect();
        let sum: f64 = own.iter().sum();
        own.iter_mut().for_each(|share| *share /= sum);
        codes.push(truth as u32);
        shares.extend(own);
    }
    let truth = Classes::new(codes, names.clone()).unwrap();
    (truth, Probabilities::new(Array2::from_shape_vec((n, n_classes), shares).unwrap(), names).unwrap())
}

#[test]
fn a_report_of_classes_holds_what_the_metrics_say() {
    let (truth, answer) = said(400, 2, 1.5, 1);
    let options = IntervalOptions::new().replicates(200);
    let (_, weak) = said(400, 2, 0.0, 2);
    let gain = compare(&LogLoss, &truth, &weak, &answer, &ComparisonOptions::new()).unwrap();
    let slices = Slices::new().rows("first <b>half</b>", (0..200).collect());
    let slices =
        score_slices(&LogLoss, &truth, &answer, &slices, &SliceOptions::new().replicates(200)).unwrap();
    let report = Report::of_classes("T <script>", &truth, &answer, &options)
        .unwrap()
        .comparison("a guess", gain)
        .findings(Diagnosis::new().classes(&truth).find())
        .slices(slices)
        .note("a note");
    let auc = report.score("roc_auc").unwrap();
    assert_eq!(auc.interval, Some(RocAuc::new().interval(&truth, &answer, &options).unwrap()));
    assert_eq!(auc.constant, Some(0.5));
    let entropy = report.score("log_loss").unwrap();
    let share = truth.counts()[1] as f64 / 400.0;
    let expected = -(share * share.ln() + (1.0 - share) * (1.0 - share).ln());
    assert!(
        (entropy.constant.unwrap() - expected).abs() < 1e-12 && entropy.interval.unwrap().high < expected
    );
    let Details::Classes(details) = &report.details else { panic!("classes") };
    assert_eq!(details.curves.len(), 1);
    assert_eq!((details.curves[0].roc[0], *details.curves[0].roc.last().unwrap()), ((0.0, 0.0), (1.0, 1.0)));
    assert!(details.curves[0].roc.len() <= 401);
    let rows: f64 = details.curves[0].histogram.iter().map(|(own, other)| own + other).sum();
    assert_eq!(rows, 400.0);
    assert_eq!(report.worst.len(), 20);

    let page = report.to_html();
    assert!(
        !page.contains("<script")
            && !page.contains("<b>half")
            && page.contains("against a guess") | page.contains("Against a guess")
    );
    assert!(report.to_string().contains("against a guess: log_loss: the second is better"));
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

#[test]
fn a_model_no_better_than_a_constant_is_called_so() {
    let (truth, answer) = said(60, 2, 0.0, 3);
    let report =
        Report::of_classes("Guesses", &truth, &answer, &IntervalOptions::new().replicates(100)).unwrap();
    assert!(report.to_html().contains("it is not shown that the model is better"));
}

#[test]
fn many_classes_and_odd_rows_are_reported() {
    for (n, n_classes) in [(300, 3), (300, 12), (40, 30)] {
        let (truth, answer) = said(n, n_classes, 1.0, 4);
        let report =
            Report::of_classes("Many", &truth, &answer, &IntervalOptions::new().replicates(50)).unwrap();
        assert!(report.to_html().contains("Classes"));
    }
    // A single row, and a single class: what is not defined is left out, not an error.
    let names = ["no", "yes"].map(String::from).to_vec();
    for codes in [vec![1], vec![0, 0, 0]] {
        let answer = Probabilities::new(Array2::from_elem((codes.len(), 2), 0.5), names.clone()).unwrap();
        let truth = Classes::new(codes, names.clone()).unwrap();
        let report = Report::of_classes("Few", &truth, &answer, &IntervalOptions::new()).unwrap();
        assert!(report.score("roc_auc").is_none() && report.score("log_loss").is_some());
        assert!(report.to_html().contains("log_loss"));
    }
    let none = Classes::new(vec![], names.clone()).unwrap();
    let answer = Probabilities::new(Array2::zeros((0, 2)), names).unwrap();
    assert!(Report::of_classes("None", &none, &answer, &IntervalOptions::new()).is_err());
}

#[test]
fn a_report_of_values_holds_what_the_metrics_say() {
    let mut random = Random::new(5);
    let truth: Values = (0..500).map(|_| 10.0 * random.uniform()).collect();
    let answer: Values = truth.as_slice().iter().map(|t| t + random.normal()).collect();
    let options = IntervalOptions::new().replicates(200);
    let report = Report::of_values("Numbers", &truth, &answer, &options).unwrap();
    let error = report.score("mean_absolute_error").unwrap();
    assert_eq!(error.interval, Some(MeanAbsoluteError.interval(&truth, &answer, &options).unwrap()));
    assert!(report.score("r2").unwrap().interval.unwrap().low > 0.8);
    assert_eq!(report.score("max_error").unwrap().interval, None);
    let Details::Values(details) = &report.details else { panic!("values") };
    assert_eq!(details.residual_counts.iter().sum::<f64>(), 500.0);
    assert!(report.to_html().contains("Residuals against answer"));
    for values in [vec![1e300, -1e300, 0.0], vec![2.0, 2.0]] {
        let truth = Values::from(values);
        let report = Report::of_values("Wild", &truth, &truth, &options).unwrap();
        assert!(report.to_html().contains("<svg"));
    }
    assert!(Report::of_values("One", &Values::from(vec![1.0]), &Values::from(vec![1.0]), &options).is_err());
    assert!(
        Report::of_values("NaN", &Values::from(vec![1.0, f64::NAN]), &Values::from(vec![1.0, 2.0]), &options)
            .is_err()
    );
}

type Scored = dyn Fn(&Classes, &Probabilities, Option<&[f64]>) -> f64 + Sync;

/// The bootstrap over sorted rows gives what scoring each resample gives: it is checked on the metrics themselves.
#[test]
fn ranked_rows_are_bootstrapped_as_any_metric() {
    let (truth, answer) = said(120, 2, 1.0, 6);
    // Ties, as of a model with few leaves.
    let tied = answer.values().mapv(|share| (share * 8.0).round() / 8.0);
    let answer = Probabilities::new(tied, truth.shared_names()).unwrap();
    let mut random = Random::new(7);
    let weights: Vec<f64> = (0..120).map(|_| random.below(3) as f64).collect();
    let groups: Vec<u32> = (0..120).map(|row| row / 4).collect();
    for options in [
        IntervalOptions::new().bootstrap(),
        IntervalOptions::new().weights(&weights),
        IntervalOptions::new().groups(&groups),
        IntervalOptions::new().blocks(5),
    ] {
        let options = options.replicates(100).seed(9);
        let weights = options.row_weights();
        let by_hand = |metric: &Scored| {
            options
                .of_counts(120, |counts| {
                    use perennial_core::Rows;
                    let rows: Vec<usize> =
                        (0..120).flat_map(|row| std::iter::repeat_n(row, counts[row] as usize)).collect();
                    let rows = rows.as_slice();
                    let weights: Option<Vec<f64>> =
                        weights.map(|weights| rows.iter().map(|&row| weights[row]).collect());
                    metric(&truth.take(rows).unwrap(), &answer.take(rows).unwrap(), weights.as_deref())
                })
                .unwrap()
        };
        let auc = by_hand(&|t, p, w| RocAuc::new().score_weighted(t, p, w).unwrap());
        let precision = by_hand(&|t, p, w| AveragePrecision::new().score_weighted(t, p, w).unwrap());
        let of_class =
            by_hand(&|t, p, w| Precision::of("class 1").score_weighted(t, &p.most_likely(), w).unwrap());
        let near = |a: perennial_statistics::interval::Interval,
                    b: perennial_statistics::interval::Interval| {
            assert!(
                (a.low - b.low).abs() < 1e-12
                    && (a.high - b.high).abs() < 1e-12
                    && (a.estimate - b.estimate).abs() < 1e-12
            );
        };
        near(auc, RocAuc::new().interval(&truth, &answer, &options).unwrap());
        let drawn = options.clone().bootstrap();
        near(precision, AveragePrecision::new().interval(&truth, &answer, &drawn).unwrap());
        near(of_class, Precision::of("class 1").interval(&truth, &answer.most_likely(), &options).unwrap());
    }
    let alone = Classes::new(vec![1, 1], truth.shared_names()).unwrap();
    let answer = Probabilities::new(array![[0.5, 0.5], [0.4, 0.6]], truth.shared_names()).unwrap();
    assert!(RocAuc::new().interval(&alone, &answer, &IntervalOptions::new().bootstrap()).is_err());
}

#[test]
fn what_features_add_is_drawn() {
    let x = Matrix::from(array![[0.0, 4.0], [1.0, f64::NAN], [2.0, 6.0]]).with_names(["a", "b <c>"]).unwrap();
    let added = Contributions::new(vec![array![[-2.0, 1.0], [0.0, 0.0], [2.0, -1.0]]], vec![-2.0]).unwrap();
    let explained = Explained::new(&added, 0, &x).unwrap();
    assert_eq!(explained.importances(), [("a".to_owned(), 4.0 / 3.0), ("b <c>".to_owned(), 2.0 / 3.0)]);
    let Mark::Rows { labels, series, .. } = explained.waterfall(2).unwrap().mark else { panic!("rows") };
    // From the base of -2 by 2 up and 1 down to the answer of -1.
    assert_eq!(labels, ["base", "a = 2", "b <c> = 6", "answer"]);
    assert_eq!(series[0].points[0].bounds, Some((-2.0, 0.0)));
    assert_eq!(series[1].points[0].bounds, Some((0.0, -1.0)));
    assert_eq!(series[2].points.iter().map(|point| point.x).collect::<Vec<_>>(), [-2.0, -1.0]);
    let Mark::Rows { series, .. } = explained.beeswarm().mark else { panic!("rows") };
    assert_eq!(series.iter().map(|one| one.points.len()).sum::<usize>(), 6);
    assert!(explained.waterfall(1).unwrap().to_svg().contains("missing"));
    // Up by 2 and down by 1, from the same base; a line for each row; rows by their answers.
    let Mark::Rows { series, .. } = explained.force(2).unwrap().mark else { panic!("rows") };
    assert_eq!(
        series.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        ["a = 2", "b <c> = 6", "base and answer"]
    );
    assert_eq!(series[0].points[0].bounds, Some((-2.0, 0.0)));
    assert_eq!(series[1].points[0].bounds, Some((-2.0, -3.0)));
    assert_eq!(series[2].points[1].x, -1.0);
    assert!(explained.force(3).is_err());
    let Mark::Rows { labels, series, joined: true } = explained.decision().mark else { panic!("rows") };
    assert_eq!(labels, ["answer", "a", "b <c>", "base"]);
    let line: Vec<(f64, f64)> = series[0].points[..4].iter().map(|point| (point.x, point.y)).collect();
    assert_eq!(line, [(-2.0, 3.0), (-2.0, 2.0), (-1.0, 1.0), (-3.0, 0.0)]);
    assert!(series[0].points[4].x.is_nan() && series[0].points.len() == 15);
    let Mark::Heatmap { rows, columns, values, diverging: true } = explained.heatmap().mark else { panic!() };
    assert_eq!((rows.len(), columns), (3, ["0", "1", "2"].map(str::to_owned).to_vec()));
    assert_eq!(values, [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [1.0, 0.0, -1.0]]);
    assert!(explained.dependence("a").is_ok() && explained.dependence("z").is_err());
    assert!(explained.waterfall(3).is_err());
    let json = serde_json::to_string(&explained).unwrap();
    let back: Explained = serde_json::from_str(&json).unwrap();
    assert_eq!(back.waterfall(2).unwrap(), explained.waterfall(2).unwrap());

    let truth = Values::from(vec![1.0, 2.0, 3.0]);
    let options = IntervalOptions::new().replicates(50);
    let page = Report::of_values("T", &truth, &truth, &options).unwrap().explained(explained).to_html();
    assert!(
        page.contains("What features add to answers")
            && page.contains("How the answer for row 0 comes about")
    );
    assert!(!page.contains("b <c>"));

    // Many rows are thinned, many features joined; what does not fit together is an error.
    let many = Array2::from_shape_fn((3000, 20), |(row, column)| (row * (column + 1) % 11) as f64 - 5.0);
    let added = Contributions::new(vec![many.clone()], vec![0.5]).unwrap();
    let explained = Explained::new(&added, 0, &Matrix::from(many.clone())).unwrap();
    let Mark::Rows { labels, series, .. } = explained.waterfall(0).unwrap().mark else { panic!("rows") };
    assert_eq!((labels.len(), labels[16].as_str()), (18, "5 others"));
    assert!((series[2].points[1].x - (0.5 + many.row(0).sum())).abs() < 1e-12);
    let Mark::Rows { series, .. } = explained.force(0).unwrap().mark else { panic!("rows") };
    let ends = &series.last().unwrap().points;
    assert!((ends[1].x - (0.5 + many.row(0).sum())).abs() < 1e-12 && series.len() <= 9);
    let Mark::Rows { labels, series, .. } = explained.decision().mark else { panic!("rows") };
    assert_eq!((labels.len(), series[0].points.len()), (18, 200 * 19));
    assert!((series[0].points[17].x - (0.5 + many.row(0).sum())).abs() < 1e-12);
    assert!(explained.heatmap().to_svg().len() < 200_000);
    assert!(Explained::new(&added, 1, &Matrix::from(many.clone())).is_err());
    assert!(Explained::new(&added, 0, &Matrix::from(Array2::zeros((3000, 19)))).is_err());
    let nothing = Contributions::new(vec![Array2::zeros((0, 2))], vec![0.0]).unwrap();
    assert!(Explained::new(&nothing, 0, &Matrix::from(Array2::zeros((0, 2)))).is_err());
}

#[test]
fn what_rows_do_not_tell_is_not_shown_as_certain() {
    // Two rows of forty are of a third class: one resample of eight has none of it, and no area under its curve.
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let class = |row: usize| if row < 2 { 2 } else { row % 2 };
    let truth = Classes::new((0..40).map(|row| class(row) as u32).collect(), names.clone()).unwrap();
    let share = |row: usize, column: usize| 1.0 + (row * (7 + column) % 40) as f64;
    let sum = |row: usize| (0..3).map(|column| share(row, column)).sum::<f64>();
    let said = Array2::from_shape_fn((40, 3), |(row, column)| share(row, column) / sum(row));
    let said = Probabilities::new(said, names).unwrap();
    let report = Report::of_classes("Rare", &truth, &said, &IntervalOptions::new()).unwrap();
    let auc = report.score("roc_auc").unwrap();
    assert_eq!(auc.score, RocAuc::new().score(&truth, &said).unwrap());
    assert!(auc.interval.is_none() && auc.no_interval.is_some(), "{auc:?}");
    assert!(report.score("log_loss").unwrap().interval.is_some());
    let reason = "it must be finite on any resample";
    assert!(report.to_string().contains(reason) && report.to_html().contains(reason));
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.contains(reason));
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);

    // A score that was written before there were scores without intervals is that of its interval.
    let known = report.score("log_loss").unwrap();
    let mut old = serde_json::to_value(known).unwrap();
    old.as_object_mut().unwrap().remove("score");
    let read: ReportedScore = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(read.score, known.interval.unwrap().estimate);
    old["interval"] = serde_json::Value::Null;
    assert!(serde_json::from_value::<ReportedScore>(old).unwrap_err().to_string().contains("neither"));

    // What is asked wrongly is an error, and no score without an interval.
    let groups = vec![0; 39];
    for options in [IntervalOptions::new().groups(&groups), IntervalOptions::new().level(2.0)] {
        assert!(Report::of_classes("Wrong", &truth, &said, &options).is_err());
        let values = Values::from((0..40).map(f64::from).collect::<Vec<f64>>());
        assert!(Report::of_values("Wrong", &values, &values, &options).is_err());
    }
}

#[test]
fn a_terminal_shows_the_first_of_everything() {
    let (truth, answer) = said(300, 2, 1.0, 8);
    let options = IntervalOptions::new().replicates(50);
    let few = SliceOptions::new().replicates(50);
    let slices = (0..9).fold(Slices::new(), |slices, part| {
        slices.rows(format!("part {part}"), (part * 33..part * 33 + 33).collect())
    });
    let importance = |name: usize| FeatureImportance {
        feature: format!("feature {name}"),
        interval: Interval { estimate: name as f64, low: 0.0, high: 9.0, level: 0.95 },
        losses: vec![name as f64; 2],
    };
    let groups: Vec<String> = (0..300).map(|row| ["f", "m"][row % 2].to_owned()).collect();
    let sensitive = SensitiveFeatures::new().by("sex", &groups);
    let fair = FairnessOptions::new().replicates(50);
    let frame = MetricFrame::measure(&LogLoss, &truth, &answer, &sensitive, &fair).unwrap();
    let scan = AuditReport::default();
    let report = Report::of_classes("T", &truth, &answer, &options)
        .unwrap()
        .slices(score_slices(&LogLoss, &truth, &answer, &slices, &few).unwrap())
        .labels(LabelIssues::find(&truth, &answer, None).unwrap())
        .importances((0..8).map(importance).collect())
        .groups(frame)
        .leakage(scan)
        .picture(perennial_reporting::Chart::line("A picture of mine"));
    let shown = report.to_string();
    for text in [
        "and 4 others",
        "labels: ",
        "of 8:\n  feature 7  7 [0, 9]",
        "rows answered worst: ",
        "groups differ: ",
        "leakage: nothing was found",
    ] {
        assert!(shown.contains(text), "{text} is not in\n{shown}");
    }
    assert!(!shown.contains("feature 2"));
    let page = report.to_html();
    assert!(page.contains("log_loss by group") && page.contains("A picture of mine"));
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

/// A row of weight 2 is as two rows, and one of weight 0 as none.
#[test]
fn weights_count_in_all_that_is_told_of_numbers() {
    let truth = [3.0, 1.0, 9.0, -4.0, 2.0, 500.0];
    let answer = [2.5, 1.5, 7.0, -4.5, 2.0, -500.0];
    let weights = [1.0, 3.0, 1.0, 0.0, 2.0, 0.0];
    let repeated = |from: &[f64]| -> Values {
        from.iter()
            .zip(weights)
            .flat_map(|(value, weight)| std::iter::repeat_n(*value, weight as usize))
            .collect()
    };
    let options = IntervalOptions::new().replicates(100);
    let all = (Values::from(truth.to_vec()), Values::from(answer.to_vec()));
    let weighted = Report::of_values("w", &all.0, &all.1, &options.clone().weights(&weights)).unwrap();
    let plain = Report::of_values("p", &repeated(&truth), &repeated(&answer), &options).unwrap();
    for name in ["mean_absolute_error", "root_mean_squared_error", "r2"] {
        let (ours, theirs) = (weighted.score(name).unwrap(), plain.score(name).unwrap());
        assert!((ours.constant.unwrap() - theirs.constant.unwrap()).abs() < 1e-12, "{name}");
        assert!((ours.score - theirs.score).abs() < 1e-12, "{name}");
    }
    // The median of 1, 1, 1, 2, 2, 3, 9.
    assert!((weighted.score("mean_absolute_error").unwrap().constant.unwrap() - 11.0 / 7.0).abs() < 1e-12);
    let (Details::Values(ours), Details::Values(theirs)) = (&weighted.details, &plain.details) else {
        panic!("values")
    };
    assert_eq!(
        (&ours.residual_edges, &ours.residual_counts),
        (&theirs.residual_edges, &theirs.residual_counts)
    );
    assert_eq!(ours.sample, [(3.0, 2.5), (1.0, 1.5), (9.0, 7.0), (2.0, 2.0)]);
    let worst: Vec<usize> = weighted.worst.iter().map(|row| row.row).collect();
    assert_eq!(worst, [2, 0, 1, 4]);
    // And of classes.
    let (truth, said) = said(40, 3, 1.0, 5);
    let weights: Vec<f64> = (0..40).map(|row| f64::from(row % 2)).collect();
    let report = Report::of_classes("c", &truth, &said, &options.weights(&weights)).unwrap();
    assert!(report.worst.len() == 20 && report.worst.iter().all(|row| row.row % 2 == 1));
}

#[test]
fn spreads_differences_and_changes_of_what_features_add() {
    // What `a` adds goes up by 3 at row 120; `b` adds 1 more to every third row; `c` adds nothing.
    let mut random = Random::new(8);
    let n = 200;
    let added = Array2::from_shape_fn((n, 3), |(row, column)| match column {
        0 => 0.5 * random.normal() + if row < 120 { 0.0 } else { 3.0 },
        1 => 0.2 * random.normal() + if row % 3 == 0 { 1.0 } else { 0.0 },
        _ => 0.0,
    });
    let x = Matrix::from(added.clone()).with_names(["a", "b", "c"]).unwrap();
    let explained =
        Explained::new(&Contributions::new(vec![added.clone()], vec![0.0]).unwrap(), 0, &x).unwrap();
    let group: Vec<bool> = (0..n).map(|row| row % 3 == 0).collect();
    let chart = explained.group_difference(&group).unwrap();
    let Mark::Rows { labels, series, .. } = &chart.mark else { panic!("another kind of chart") };
    assert_eq!(labels[0], "b");
    let mean = |own: bool| {
        let rows: Vec<usize> = (0..n).filter(|&row| group[row] == own).collect();
        rows.iter().map(|&row| added[[row, 1]]).sum::<f64>() / rows.len() as f64
    };
    let (low, high) = series[0].points[0].bounds.unwrap();
    assert!((series[1].points[0].x - (mean(true) - mean(false))).abs() < 1e-12);
    assert!(low > 0.9 && high < 1.1 && low < high);
    assert!(explained.group_difference(&group[1..]).is_err());
    assert!(explained.group_difference(&vec![true; n]).unwrap_err().to_string().contains("2 of each"));

    let chart = explained.monitoring("a").unwrap();
    assert!(chart.note.as_ref().unwrap().contains("row 120"), "{:?}", chart.note);
    let steady = explained.monitoring("c").unwrap();
    assert!(steady.note.as_ref().unwrap().starts_with("No change"));
    assert!(explained.monitoring("d").is_err());

    let violin = explained.violin();
    let Mark::Rows { series, joined: true, .. } = &violin.mark else { panic!("another kind of chart") };
    // Each outline is as wide as it may be where additions are most frequent, and no wider.
    let widest = |row: f64| {
        let of_row =
            series[0].points.iter().filter(|point| (point.y - row).abs() < 0.5 && point.x.is_finite());
        of_row.fold((0.0_f64, 0.0), |(widest, at), point| {
            if (point.y - row).abs() > widest { ((point.y - row).abs(), point.x) } else { (widest, at) }
        })
    };
    for (row, name) in explained.importances().iter().enumerate() {
        let (wide, at) = widest(row as f64);
        assert!((wide - 0.42).abs() < 1e-9, "{name:?} {wide}");
        if name.0 == "b" {
            assert!(at.abs() < 0.2, "{at}");
        }
    }
    for chart in [violin, chart, steady, explained.group_difference(&group).unwrap()] {
        let svg = chart.to_svg();
        assert!(svg.contains("<svg") && !svg.contains("NaN") && svg.len() < 60_000, "{}", svg.len());
    }
}

#[test]
fn changes_beyond_all_doubt_are_at_their_row() {
    let mut random = Random::new(12);
    let added = Array2::from_shape_fn((1000, 2), |(row, column)| match (column, row < 200) {
        (0, true) => random.normal(),
        (0, false) => random.normal() + 20.0,
        (_, before) => f64::from(u8::from(!before)),
    });
    let explained = |scale: f64| {
        let added = added.mapv(|added| scale * added);
        let x = Matrix::from(added.clone()).with_names(["noisy", "exact"]).unwrap();
        Explained::new(&Contributions::new(vec![added], vec![0.0]).unwrap(), 0, &x).unwrap()
    };
    // The p-values of most moments are below the least number there is.
    for feature in ["noisy", "exact"] {
        let chart = explained(1.0).monitoring(feature).unwrap();
        assert!(chart.note.as_ref().unwrap().contains("row 200,"), "{feature}: {:?}", chart.note);
    }
    // Squares of variances leave the range of f64.
    let group: Vec<bool> = (0..1000).map(|row| row < 200).collect();
    let bounds = |scale: f64| {
        let chart = explained(scale).group_difference(&group).unwrap();
        let Mark::Rows { series, .. } = &chart.mark else { panic!("another kind of chart") };
        let (low, high) = series[0].points[0].bounds.unwrap();
        [low / scale, high / scale]
    };
    for scale in [1e-100, 1e100] {
        for (scaled, plain) in bounds(scale).into_iter().zip(bounds(1.0)) {
            assert!((scaled - plain).abs() < 1e-9, "{scale}: {scaled}, not {plain}");
        }
    }
}
