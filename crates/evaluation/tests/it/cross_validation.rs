//! Cross-validation: what fits see, what comes back, and what errors say.

use std::sync::Mutex;

use ndarray::Array2;
use perennial_core::{
    CancelToken, Capabilities, Classes, Context, Error, ErrorKind, Estimator, Matrix, Predictor, Rows, Train,
    Values, estimator_fn,
};
use perennial_evaluation::metric::{Accuracy, LogLoss, MeanAbsoluteError, R2, RocAuc};
use perennial_evaluation::split::*;
use perennial_evaluation::{
    Check, CrossValidation, Metric, SplitAudit, cross_predict, cross_validate, learning_curve,
};

use crate::models::{Sigmoid, Slope, SlopeModel, coin, line};

/// The rows carry their own number, and the spy writes down which of them each fit has seen.
#[test]
fn no_fit_sees_the_rows_it_is_tested_on() {
    let n = 53;
    let x = Matrix::from(Array2::from_shape_fn((n, 1), |(row, _)| row as f64));
    let y: Values = (0..n).map(|row| row as f64).collect();
    let groups: Vec<u32> = (0..n as u32).map(|row| row % 9).collect();
    let weights: Vec<f64> = (0..n).map(|row| row as f64 + 1.0).collect();
    let seen = Mutex::new(Vec::new());
    let spy = estimator_fn(|train: &Train<'_, Matrix, Values>| {
        let rows: Vec<usize> = train.x.dense()?.column(0).iter().map(|x| *x as usize).collect();
        assert_eq!(train.y.as_slice(), rows.iter().map(|row| *row as f64).collect::<Vec<_>>());
        assert_eq!(train.groups.unwrap(), rows.iter().map(|row| *row as u32 % 9).collect::<Vec<_>>());
        let fold: usize = train.ctx.path().strip_prefix("cv/fold").unwrap().parse().unwrap();
        seen.lock().unwrap().push((fold, rows));
        Ok(SlopeModel(1.0))
    })
    .takes(Capabilities::new().groups());
    let mixed = SplitAudit::new().waive(Check::SharedGroups, "what fits see is at stake here, not the score");
    let options = CrossValidation::new().groups(&groups).context(Context::new().child("cv")).audit(mixed);
    let splitters: [Box<dyn Splitter>; 4] = [
        Box::new(KFold::new(5)),
        Box::new(GroupKFold::new(4)),
        Box::new(TimeSeriesSplit::new(3).gap(2)),
        Box::new(ShuffleSplit::new(6, 0.3)),
    ];
    for splitter in &splitters {
        seen.lock().unwrap().clear();
        let result = cross_validate(&spy, &x, &y, splitter, &MeanAbsoluteError, &options).unwrap();
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), result.folds.len());
        for (fold, rows) in seen.iter() {
            let fold = &result.folds[*fold];
            assert_eq!(rows.len(), fold.n_train);
            assert!(fold.test.iter().all(|row| !rows.contains(row)));
        }
        assert_eq!(result.scores(), vec![0.0; result.folds.len()]);
    }
    let slope = Slope { alpha: 0.0 };
    let weighted = options.clone().weights(&weights);
    assert!(cross_validate(&slope, &x, &y, &KFold::new(5), &MeanAbsoluteError, &weighted).is_ok());
}

#[test]
fn folds_are_what_they_are_by_hand() {
    let (x, y) = line(40, 1);
    let slope = Slope { alpha: 0.5 };
    let splits = KFold::new(4).seed(9).split(&SplitInputs::new(40)).unwrap();
    let options = CrossValidation::new().keep_models(true);
    let result = cross_validate(&slope, &x, &y, &KFold::new(4).seed(9), &R2, &options).unwrap();
    let mut answers = vec![f64::NAN; 40];
    for (fold, split) in result.folds.iter().zip(&splits) {
        let model = slope.fit(&x.take(&split.train).unwrap(), &y.take(&split.train).unwrap()).unwrap();
        assert_eq!(fold.model.as_ref(), Some(&model));
        let answer = model.predict(&x.take(&split.test).unwrap()).unwrap();
        split.test.iter().zip(answer.as_slice()).for_each(|(&row, &answer)| answers[row] = answer);
        assert_eq!(fold.score, R2.score(&y.take(&split.test).unwrap(), &answer).unwrap());
        assert!(fold.fit_seconds >= 0.0 && fold.score_seconds >= 0.0);
    }
    assert_eq!(result.predictions.as_ref().unwrap().as_slice(), answers);
    let predicted: Values = cross_predict(&slope, &x, &y, &KFold::new(4).seed(9), &options).unwrap();
    assert_eq!(predicted.as_slice(), answers);

    // Nadeau and Bengio (2003): the variance of k scores times 1/k + n_test/n_train.
    let scores = result.scores();
    let mean = scores.iter().sum::<f64>() / 4.0;
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / 3.0;
    let error = (variance * (0.25 + 10.0 / 30.0)).sqrt();
    assert!((result.mean() - mean).abs() < 1e-15 && (result.standard_error() - error).abs() < 1e-15);
    let interval = result.interval(0.95).unwrap();
    // The 0.975 quantile of Student's t with 3 degrees of freedom.
    // The upper end is cut at 1, the best score there can be.
    assert!((interval.estimate - interval.low - 3.182_446_305_284_263 * error).abs() < 1e-12);
    assert!(result.to_string().starts_with("r2: 0."), "{result}");
    assert_eq!(result.folds.iter().map(|fold| fold.test.len()).sum::<usize>(), 40);
    assert!(serde_json::to_string(&result.scores()).is_ok());
}

#[test]
fn classifiers_answer_classes_and_probabilities() {
    let (x, y) = coin(300, 2);
    let options = CrossValidation::new();
    let folds = StratifiedKFold::new(5);
    let auc = cross_validate(&Sigmoid, &x, &y, &folds, &RocAuc::new(), &options).unwrap();
    let accuracy = cross_validate(&Sigmoid, &x, &y, &folds, &Accuracy, &options).unwrap();
    assert!(auc.mean() > 0.75 && accuracy.mean() > 0.65);
    let shares = auc.predictions.unwrap();
    let loss = LogLoss.score(&y, &shares).unwrap();
    assert!(loss < 0.69, "{loss}");
    assert_eq!(shares.most_likely(), accuracy.predictions.unwrap());
}

#[test]
fn threads_do_not_matter() {
    let (x, y) = line(200, 3);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = CrossValidation::new().context(Context::new().with_seed(11));
        let splits = ShuffleSplit::new(12, 0.3);
        pool.install(|| {
            let result =
                cross_validate(&Slope { alpha: 1.0 }, &x, &y, &splits, &MeanAbsoluteError, &options).unwrap();
            assert!(result.predictions.is_none());
            result.scores().iter().map(|score| score.to_bits()).collect::<Vec<_>>()
        })
    };
    assert!((2..=4).all(|threads| run(threads) == run(1)));
}

#[test]
fn errors_name_the_fold() {
    let (x, y) = line(12, 4);
    let failing = estimator_fn(|train: &Train<'_, Matrix, Values>| {
        if train.ctx.path() == "fold2" {
            Err(Error::singular("no unique answer"))
        } else {
            Ok(SlopeModel(0.0))
        }
    });
    let options = CrossValidation::new();
    let message = |result: perennial_core::Result<_>| {
        let _: &perennial_evaluation::CrossValidated<Values, SlopeModel> = match &result {
            Ok(ok) => ok,
            Err(error) => return error.to_string(),
        };
        String::new()
    };
    let folds = KFold::new(4);
    assert_eq!(
        message(cross_validate(&failing, &x, &y, &folds, &MeanAbsoluteError, &options)),
        "fold 2: no unique answer"
    );
    let slope = Slope { alpha: 1.0 };
    let run = |y: &Values, splitter: &dyn Splitter, options: &CrossValidation<'_>| {
        message(cross_validate(&slope, &x, y, splitter, &MeanAbsoluteError, options))
    };
    assert!(
        run(&Values::from(vec![1.0; 11]), &folds, &options).contains("the target has 11 rows; expected 12")
    );
    assert!(run(&y, &folds, &options.clone().weights(&[1.0])).contains("the weights has 1 rows"));
    assert!(run(&y, &folds, &options.clone().groups(&[1])).contains("the groups has 1 rows"));
    assert!(run(&y, &StratifiedKFold::new(2), &options).contains("needs the class of each row"));
    let once: perennial_core::Result<Values> =
        cross_predict(&slope, &x, &y, &ShuffleSplit::new(1, 0.5), &options);
    assert!(once.unwrap_err().to_string().contains("is never tested"));

    let token = CancelToken::new();
    token.cancel();
    let cancelled = options.clone().context(Context::new().with_cancel(token));
    let error = cross_validate(&slope, &x, &y, &folds, &MeanAbsoluteError, &cancelled).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }));

    // A single class in the training part.
    let (x, _) = coin(10, 1);
    let y = Classes::from_labels([0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    let splits = KFold::new(5).shuffle(false);
    let error = cross_validate(&Sigmoid, &x, &y, &splits, &Accuracy, &CrossValidation::new()).unwrap_err();
    assert!(error.to_string().starts_with("fold 0: the target has a single class"), "{error}");
}

// Estimators chosen at run time go through the same functions.
const _: fn() = || {
    use perennial_core::{BoxClassifierEstimator, BoxEstimator};
    let _ = |boxed: &BoxEstimator<Matrix, Values, Values>, x: &Matrix, y: &Values| {
        cross_validate(boxed, x, y, &KFold::new(2), &R2, &CrossValidation::new()).map(drop)
    };
    let _ = |boxed: &BoxClassifierEstimator<Matrix, Classes>, x: &Matrix, y: &Classes| {
        cross_validate(boxed, x, y, &KFold::new(2), &RocAuc::new(), &CrossValidation::new()).map(drop)
    };
};

#[test]
fn an_interval_stays_within_the_scores_there_can_be() -> perennial_core::Result<()> {
    use perennial_core::{Classes, Estimator, Predictor, Rows};

    #[derive(Debug)]
    struct First;
    struct FirstModel(Classes);

    impl Estimator for First {
        type Input = Vec<f64>;
        type Target = Classes;
        type Model = FirstModel;

        fn fit_on(
            &self,
            train: &perennial_core::Train<'_, Vec<f64>, Classes>,
        ) -> perennial_core::Result<FirstModel> {
            Ok(FirstModel(train.y.take(&[0])?))
        }
    }

    impl Predictor for FirstModel {
        type Input = Vec<f64>;
        type Output = Classes;

        fn predict(&self, x: &Vec<f64>) -> perennial_core::Result<Classes> {
            self.0.take(&vec![0; x.len()])
        }
    }

    // Nearly all rows are of one class, and the folds differ a little: Student's interval would pass 1.
    let y = Classes::from_labels((0..40).map(|row| if row == 7 { "rare" } else { "usual" }));
    let x: Vec<f64> = vec![0.0; 40];
    let folds = perennial_evaluation::split::KFold::new(4).shuffle(false);
    let scored = perennial_evaluation::cross_validate(
        &First,
        &x,
        &y,
        &folds,
        &perennial_evaluation::metric::Accuracy,
        &perennial_evaluation::CrossValidation::new(),
    )?;
    let interval = scored.interval(0.95)?;
    assert!(scored.mean() + 2.0 * scored.standard_error() > 1.0 && interval.high == 1.0, "{interval:?}");
    Ok(())
}

#[test]
fn splits_are_audited_when_they_are_made() {
    let x = Matrix::from(Array2::from_shape_fn((40, 1), |(row, _)| (row / 2) as f64));
    let y: Values = (0..40).map(|row| f64::from(row / 2)).collect();
    let folds = KFold::new(4).seed(3);
    let run = |options: &CrossValidation<'_>| {
        cross_validate(&Slope { alpha: 0.0 }, &x, &y, &folds, &MeanAbsoluteError, options)
    };

    // Copies are a warning that stays with the result, and an error where an audit is asked for.
    let scored = run(&CrossValidation::new()).unwrap();
    assert_eq!(scored.audit.findings.len(), 1);
    // Rows are the same in pairs: those whose twin is in another fold.
    let splits = folds.split(&SplitInputs::new(40)).unwrap();
    let parted = splits
        .iter()
        .flat_map(|split| split.test.iter().filter(|row| !split.test.contains(&(*row ^ 1))))
        .count();
    assert!(parted > 20);
    assert!(
        scored.to_string().ends_with(&format!("(the audit found {parted} x duplicate rows)")),
        "{scored}"
    );
    // The points of a curve have the same splits, and say so once.
    let curve = learning_curve(
        &Slope { alpha: 0.0 },
        &x,
        &y,
        &folds,
        &MeanAbsoluteError,
        &[0.5, 1.0],
        &CrossValidation::new(),
    );
    assert_eq!(curve.unwrap().to_string().matches("the audit found").count(), 1);
    let error = run(&CrossValidation::new().audit(SplitAudit::new())).unwrap_err().to_string();
    assert!(error.contains("exact copy"), "{error}");

    // Groups on both sides are an error, unless there is a reason, which stays.
    let pairs: Vec<u32> = (0..40).map(|row| row / 2).collect();
    let options = CrossValidation::new().groups(&pairs);
    let error = run(&options).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Leakage { .. }), "{error}");
    let audit = SplitAudit::new()
        .waive(Check::SharedGroups, "only the weights are of groups")
        .waive(Check::DuplicateRows, "pairs");
    let scored = run(&options.clone().audit(audit.clone())).unwrap();
    assert_eq!(scored.audit.findings.len(), 2);
    assert!(scored.audit.findings.iter().all(|finding| finding.waiver.is_some()));

    // Splits that were audited are not audited again.
    let inputs = options.split_inputs(40, &y).rows(&x);
    let audited = audit.split(&folds, &inputs).unwrap();
    let again =
        cross_validate(&Slope { alpha: 0.0 }, &x, &y, &audited, &MeanAbsoluteError, &options).unwrap();
    assert_eq!(again.audit, scored.audit);
    let groups = GroupKFold::new(4);
    let scored =
        cross_validate(&Slope { alpha: 0.0 }, &x, &y, &groups, &MeanAbsoluteError, &options).unwrap();
    assert!(scored.audit.findings.is_empty());
}

/// Rows that are tested several times, or never, have the answers of a loop that is written out.
#[test]
fn answers_are_kept_however_often_rows_are_tested() {
    let (x, y) = line(30, 3);
    let slope = Slope { alpha: 0.5 };
    let splitters: [Box<dyn Splitter>; 4] = [
        Box::new(Repeated::new(KFold::new(3), 2).seed(4)),
        Box::new(ShuffleSplit::new(4, 0.3).seed(4)),
        Box::new(TimeSeriesSplit::new(3)),
        Box::new(KFold::new(3).seed(4)),
    ];
    for splitter in &splitters {
        let splits = splitter.split(&SplitInputs::new(30)).unwrap();
        let (mut rows, mut folds, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        let mut by_row = vec![Vec::new(); 30];
        for (fold, split) in splits.iter().enumerate() {
            let model = slope.fit(&x.take(&split.train).unwrap(), &y.take(&split.train).unwrap()).unwrap();
            let answer = model.predict(&x.take(&split.test).unwrap()).unwrap();
            for (&row, &answer) in split.test.iter().zip(answer.as_slice()) {
                rows.push(row);
                folds.push(fold);
                answers.push(answer);
                by_row[row].push(answer);
            }
        }
        let options = CrossValidation::new();
        let result = cross_validate(&slope, &x, &y, splitter, &MeanAbsoluteError, &options).unwrap();
        let found = result.out_of_fold().unwrap();
        assert_eq!((&found.rows, &found.folds), (&rows, &folds));
        assert_eq!(found.answers.as_slice(), answers);
        let (tested, means) = found.mean().unwrap();
        let expected: Vec<usize> = (0..30).filter(|&row| !by_row[row].is_empty()).collect();
        assert_eq!(tested, expected);
        for (row, mean) in tested.iter().zip(means.as_slice()) {
            let sum: f64 = by_row[*row].iter().sum();
            assert!((sum / by_row[*row].len() as f64 - mean).abs() < 1e-12);
        }
        assert_eq!(result.predictions.is_some(), result.fold_predictions.is_none());
        // Nothing is kept unless it is wanted.
        let none = options.keep_predictions(false);
        let result = cross_validate(&slope, &x, &y, splitter, &MeanAbsoluteError, &none).unwrap();
        assert!(result.predictions.is_none() && result.fold_predictions.is_none());
        assert!(result.out_of_fold().unwrap_err().to_string().contains("keep_predictions"));
    }
    // Probabilities stay such.
    let (x, y) = coin(60, 2);
    let repeated = Repeated::new(StratifiedKFold::new(3), 3).seed(1);
    let result = cross_validate(&Sigmoid, &x, &y, &repeated, &LogLoss, &CrossValidation::new()).unwrap();
    let (rows, means) = result.out_of_fold().unwrap().mean().unwrap();
    assert_eq!((rows.len(), means.n_rows()), (60, 60));
    assert!(LogLoss.score(&y, &means).is_ok());
}
