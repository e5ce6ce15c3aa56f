//! Train scores, what they tell a diagnosis, and a report by one call.

use ndarray::Array2;
use perennial_core::{Classes, Context, Estimator, Matrix, Predictor, Result, Rows, Train, Values};
use perennial_evaluation::metric::{MeanAbsoluteError, MeanSquaredError};
use perennial_evaluation::split::KFold;
use perennial_evaluation::{
    CrossValidation, Diagnosis, Diagnostic, IntervalOptions, Metric, Report, ReportOptions, Slices,
    cross_validate, cross_validate_all, learning_curve,
};
use perennial_numeric::random::Random;

use crate::models::{Nearest, Sigmoid, Slope, coin, line};

#[test]
fn train_scores_are_those_of_the_rows_that_were_learned_from() {
    let (x, y) = line(60, 3);
    let weights: Vec<f64> = (0..60).map(|row| f64::from(row % 3)).collect();
    let folds = KFold::new(4).seed(1);
    let options = CrossValidation::new().weights(&weights).keep_models(true).with_train_scores(true);
    let scored = cross_validate(&Slope { alpha: 1.0 }, &x, &y, &folds, &MeanSquaredError, &options).unwrap();
    for fold in &scored.folds {
        let train: Vec<usize> = (0..60).filter(|row| !fold.test.contains(row)).collect();
        let said = fold.model.as_ref().unwrap().predict(&x.take(&train).unwrap()).unwrap();
        let (truth, weights) = (y.take(&train).unwrap(), weights.take(&train).unwrap());
        let score = MeanSquaredError.score_weighted(&truth, &said, Some(&weights)).unwrap();
        assert_eq!(fold.train_score, Some(score));
    }
    let metrics = (MeanSquaredError, MeanAbsoluteError);
    let all = cross_validate_all(&Slope { alpha: 1.0 }, &x, &y, &folds, &metrics, &options).unwrap();
    assert_eq!(all[0].train_scores(), scored.train_scores());
    assert_eq!(all[0].scores(), scored.scores());
    assert!(all[1].train_scores().unwrap().iter().all(|score| *score > 0.0));
    assert_eq!(scored.scores_only().train_scores(), scored.train_scores());
    // Without being asked for there are none, and a diagnosis says what to do.
    let plain = CrossValidation::new();
    let plain = cross_validate(&Slope { alpha: 1.0 }, &x, &y, &folds, &MeanSquaredError, &plain).unwrap();
    assert_eq!(plain.train_scores(), None);
    assert!(!serde_json::to_string(&plain.scores_only()).unwrap().contains("train_score"));
    let error = Diagnosis::new().cross_validated(&plain).unwrap_err();
    assert!(error.to_string().contains("with_train_scores(true)"), "{error}");
}

#[test]
fn a_cross_validation_tells_a_diagnosis_of_overfitting() {
    // A target that is noise: a nearest neighbour learns it by heart.
    let mut random = Random::new(5);
    let x = Matrix::from(Array2::from_shape_fn((120, 1), |_| random.normal()));
    let y: Values = (0..120).map(|_| random.normal()).collect();
    let (folds, options) = (KFold::new(5).seed(2), CrossValidation::new().with_train_scores(true));
    let score =
        |metric: &MeanSquaredError| cross_validate(&Nearest, &x, &y, &folds, metric, &options).unwrap();
    let (nearest, none) = (
        score(&MeanSquaredError),
        cross_validate(&Slope { alpha: 1e9 }, &x, &y, &folds, &MeanSquaredError, &options).unwrap(),
    );
    let findings = Diagnosis::new().against(&nearest, &none).unwrap().find();
    let found: Vec<Diagnostic> = findings.found.iter().map(|finding| finding.diagnostic).collect();
    assert!(found.contains(&Diagnostic::Overfit) && found.contains(&Diagnostic::NoBetterThanBaseline));
    assert!(findings.passed.contains(&Diagnostic::Underfit));
    let other = cross_validate(&Nearest, &x, &y, &folds, &MeanAbsoluteError, &options).unwrap();
    assert!(Diagnosis::new().against(&nearest, &other).unwrap_err().to_string().contains("same metric"));
    let folds = KFold::new(5).seed(3);
    let elsewhere = cross_validate(&Nearest, &x, &y, &folds, &MeanSquaredError, &options).unwrap();
    assert!(
        Diagnosis::new().against(&nearest, &elsewhere).unwrap_err().to_string().contains("different rows")
    );
}

#[test]
fn a_classifier_has_a_whole_report_by_one_call() {
    let (x, y) = coin(300, 7);
    let fit = |x: &Matrix| Sigmoid.fit_on(&Train::new(x, &y)).unwrap();
    let model = fit(&x);
    let low: Vec<bool> = x.dense().unwrap().column(0).iter().map(|x| *x < 0.0).collect();
    let options = ReportOptions::new()
        .interval(IntervalOptions::new().replicates(100))
        .slices(Slices::new().mask("low", &low))
        .n_repeats(3)
        .severities([0.0, 1.0]);
    let report = Report::of_classifier("Coins", &model, &x, &y, &options).unwrap();
    assert_eq!(report.importances.len(), 1);
    assert!(report.importances[0].interval.estimate > 0.1);
    assert_eq!(report.stress.len(), 3);
    assert_eq!(report.slices.as_ref().unwrap().slices[0].name, "low");
    assert!(report.labels.is_some() && report.discovered.is_some());
    let findings = report.findings.as_ref().unwrap();
    assert!(findings.passed.contains(&Diagnostic::ClassImbalance));
    assert!(findings.unknown.contains(&Diagnostic::Overfit));
    let page = report.to_html();
    for part in ["ROC curve", "Do probabilities", "What if", "How much the model"] {
        assert!(page.contains(part), "{part}");
    }
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    // Nothing is looked into that is not wanted, and of few rows a note says what is missing.
    let (x, y) = coin(12, 7);
    let few =
        ReportOptions::new().interval(IntervalOptions::new().replicates(100)).n_repeats(0).severities([]);
    let report = Report::of_classifier("Few", &model, &x, &y, &few).unwrap();
    assert!(report.importances.is_empty() && report.stress.is_empty() && report.slices.is_none());
    assert!(report.discovered.is_some() != report.notes.iter().any(|note| note.starts_with("No slices")));
    assert!(Report::of_classifier("Short", &model, &x.take(&[0, 1]).unwrap(), &y, &few).is_err());
}

#[test]
fn a_regressor_has_one_too() {
    let (x, y) = line(200, 9);
    let model = crate::models::SlopeModel(1.0);
    let weights = vec![2.0; 200];
    let interval = IntervalOptions::new().replicates(100);
    for options in [interval.clone(), interval.weights(&weights)] {
        let weighted = options.row_weights().is_some();
        let options = ReportOptions::new().interval(options).n_repeats(2);
        let report = Report::of_regressor("A line", &model, &x, &y, &options).unwrap();
        assert_eq!(report.residuals.is_some(), !weighted);
        assert!(report.importances[0].interval.estimate > 0.0 && report.stress.len() == 3);
        assert_eq!(report.score("mean_absolute_error").unwrap().score, {
            let said = model.predict(&x).unwrap();
            MeanAbsoluteError.score(&y, &said).unwrap()
        });
        assert!(report.score("max_error").unwrap().no_interval.is_some());
        assert!(report.to_html().contains(">no error<"));
    }
}

#[test]
fn relations_that_change_and_rounds_too_many() {
    let mut random = Random::new(11);
    let rows = |turned: f64, random: &mut Random| {
        let x = Array2::from_shape_fn((200, 3), |_| random.normal());
        let y: Vec<f64> =
            x.rows().into_iter().map(|row| turned * row[0] + row[1] + random.normal()).collect();
        (Matrix::from(x).with_names(["a", "b", "c"]).unwrap(), y)
    };
    let (x, y) = rows(1.0, &mut random);
    let (same, of_same) = rows(1.0, &mut random);
    let (other, of_other) = rows(-1.0, &mut random);
    let find =
        |x_test: &Matrix, y_test: &[f64]| Diagnosis::new().relations(&x, &y, x_test, y_test).unwrap().find();
    assert!(find(&same, &of_same).passed.contains(&Diagnostic::RelationChange));
    let findings = find(&other, &of_other);
    assert_eq!(findings.found[0].diagnostic, Diagnostic::RelationChange);
    assert!(findings.found[0].seen.contains("`a`") && !findings.found[0].seen.contains("other features"));
    // A constant column has no correlation, and missing cells are left out.
    let odd = Matrix::from(Array2::from_shape_fn((200, 3), |(row, column)| match column {
        0 => 1.0,
        _ if row < 100 => f64::NAN,
        _ => row as f64,
    }));
    assert!(Diagnosis::new().relations(&x, &y, &odd, &of_same).is_ok());
    assert!(Diagnosis::new().relations(&x, &y[1..], &odd, &of_same).is_err());
    assert!(Diagnosis::new().relations(&x, &y, &Matrix::from(Array2::zeros((200, 2))), &of_same).is_err());
    // Of columns that do not vary nothing is known.
    let still = Matrix::from(Array2::zeros((200, 3)));
    assert!(find(&still, &of_same).unknown.contains(&Diagnostic::RelationChange));
    let few = Matrix::from(Array2::zeros((3, 3)));
    assert!(Diagnosis::new().relations(&x, &y, &few, &[0.0; 3]).unwrap_err().to_string().contains("3 rows"));

    let rounds = |test: &[f64], higher| {
        let train: Vec<f64> = (0..test.len()).map(|round| 1.0 / (round + 1) as f64).collect();
        Diagnosis::new().rounds(&train, test, higher).unwrap().find().found
    };
    assert!(rounds(&[0.9, 0.7, 0.6, 0.61], false).is_empty());
    assert!(rounds(&[0.9, 0.7, 0.6, 0.64], false)[0].seen.contains("after 3 of 4 rounds"));
    assert!(rounds(&[0.5, 0.7, 0.8, 0.6], true)[0].seen.contains("after 3 of 4 rounds"));
    assert!(rounds(&[0.5], true).is_empty() && rounds(&[0.5, 0.5], false).is_empty());
    assert_eq!(rounds(&[0.5, 0.4], true)[0].diagnostic, Diagnostic::TooManyRounds);
    assert!(Diagnosis::new().rounds(&[], &[], true).is_err());
    assert!(Diagnosis::new().rounds(&[1.0], &[1.0, 2.0], true).is_err());
    assert!(Diagnosis::new().rounds(&[1.0], &[f64::NAN], true).is_err());
}

/// Always the same number.
#[derive(Debug, Clone)]
struct Always(f64);

#[derive(Debug, Clone)]
struct AlwaysModel(f64);

impl Estimator for Always {
    type Input = Matrix;
    type Target = Values;
    type Model = AlwaysModel;

    fn fit_on(&self, _: &Train<'_, Matrix, Values>) -> Result<AlwaysModel> {
        Ok(AlwaysModel(self.0))
    }
}

impl Predictor for AlwaysModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(std::iter::repeat_n(self.0, x.n_rows()).collect())
    }
}

#[test]
fn what_a_report_is_told_of_how_the_model_came_about() {
    let (x, y) = line(200, 3);
    let (tested, of_tested) = line(120, 4);
    let estimator = Slope { alpha: 0.1 };
    let model = estimator.fit(&x, &y).unwrap();
    let folds = || KFold::new(4).seed(3);
    let plain = ReportOptions::new()
        .interval(IntervalOptions::new().replicates(50))
        .n_repeats(0)
        .severities([])
        .max_slices(0);
    let baselines = [("zero", Always(0.0)), ("one", Always(1.0))];
    let options = plain
        .clone()
        .learned_from(&x, &y)
        .learning_curve(&estimator, &x, &y, folds(), MeanAbsoluteError)
        .baselines(&estimator, baselines.clone(), &x, &y, folds(), MeanAbsoluteError);
    let report = Report::of_regressor("A line", &model, &tested, &of_tested, &options).unwrap();
    let curve = &report.curves[0];
    assert_eq!(
        curve.points.iter().map(|point| point.at).collect::<Vec<f64>>(),
        [0.1, 0.325, 0.55, 0.775, 1.0]
    );
    let table = report.models.as_ref().unwrap();
    assert_eq!(table.models[0].name, "model");
    assert_eq!(table.models.iter().filter(|model| model.is_baseline).count(), 2);
    let findings = report.findings.as_ref().unwrap();
    for known in [
        Diagnostic::RelationChange,
        Diagnostic::Overfit,
        Diagnostic::Underfit,
        Diagnostic::NoBetterThanBaseline,
    ] {
        assert!(findings.passed.contains(&known), "{known:?} in {findings:?}");
    }
    // The same as by hand, and the same each time.
    let told = CrossValidation::new().context(Context::new().child("learning_curve"));
    let by_hand =
        learning_curve(&estimator, &x, &y, &folds(), &MeanAbsoluteError, &[0.1, 1.0], &told).unwrap();
    let means = |curve: &perennial_evaluation::Curve| -> Vec<f64> {
        [&curve.points[0], &curve.points[curve.points.len() - 1]].map(|point| point.test.mean()).to_vec()
    };
    assert_eq!(means(curve), means(&by_hand));
    let again = Report::of_regressor("A line", &model, &tested, &of_tested, &options.clone()).unwrap();
    assert_eq!(again.findings, report.findings);
    assert_eq!(means(&again.curves[0]), means(curve));
    // What was told before stays, and what cannot be done is an error with its place.
    let diagnosis = Diagnosis::new().scores(&[0.1, 0.1], &[5.0, 5.0], false).unwrap();
    let told =
        Report::of_regressor("A line", &model, &tested, &of_tested, &options.diagnosis(diagnosis)).unwrap();
    let findings = told.findings.as_ref().unwrap();
    assert!(findings.found.iter().any(|found| found.diagnostic == Diagnostic::Overfit));
    // Then a note says that the baselines are told by the table alone.
    let says = |report: &Report| report.notes.iter().any(|note| note.contains("told other scores"));
    assert!(!findings.passed.contains(&Diagnostic::NoBetterThanBaseline) && says(&told) && !says(&report));
    assert!(told.models.is_some());
    let none: [(&str, Always); 0] = [];
    for (options, says) in [
        (plain.clone().baselines(&estimator, none, &x, &y, folds(), MeanAbsoluteError), "no baselines"),
        (
            plain.clone().learning_curve(&estimator, &x, &y, KFold::new(500), MeanAbsoluteError),
            "learning curve",
        ),
    ] {
        let error = Report::of_regressor("A line", &model, &tested, &of_tested, &options).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    // A target that the features turn against, and too few rows to tell.
    let turned: Values = of_tested.as_slice().iter().map(|y| -y).collect();
    let options = plain.clone().learned_from(&x, &y);
    let report = Report::of_regressor("A line", &model, &tested, &turned, &options).unwrap();
    assert_eq!(report.findings.unwrap().found[0].diagnostic, Diagnostic::RelationChange);
    let few = (tested.take(&[0, 1, 2]).unwrap(), of_tested.take(&[0, 1, 2]).unwrap());
    let report = Report::of_regressor("A line", &model, &few.0, &few.1, &options).unwrap();
    assert!(report.notes.iter().any(|note| note.starts_with("No relations: 3 rows")), "{:?}", report.notes);
}

#[test]
fn relations_of_two_classes_are_looked_at_by_their_names() {
    let (x, y) = coin(200, 5);
    let (tested, of_tested) = coin(150, 6);
    let model = Sigmoid.fit(&x, &y).unwrap();
    let plain = ReportOptions::new()
        .interval(IntervalOptions::new().replicates(50))
        .n_repeats(0)
        .severities([])
        .max_slices(0)
        .learned_from(&x, &y);
    let looked = |truth: &Classes, options: &ReportOptions<'_>| {
        Report::of_classifier("Coins", &model, &tested, truth, options).unwrap().findings.unwrap()
    };
    assert!(looked(&of_tested, &plain).passed.contains(&Diagnostic::RelationChange));
    // The same classes in another order.
    let codes = of_tested.codes().iter().map(|code| 1 - code).collect();
    let other = Classes::new(codes, vec!["yes".to_owned(), "no".to_owned()]).unwrap();
    assert!(looked(&other, &plain).passed.contains(&Diagnostic::RelationChange));
    // Numbers were learned from: nothing is compared.
    let (_, numbers) = line(200, 5);
    let unlike = plain.clone().learned_from(&x, &numbers);
    assert!(looked(&of_tested, &unlike).unknown.contains(&Diagnostic::RelationChange));
}
