//! Several metrics, validation sets, nested choice, curves and permutations: each against cross-validation by hand.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Array2;
use perennial_core::{
    CancelToken, Capabilities, Classes, Context, ErrorKind, Estimator, Matrix, Rows, Train, Values,
    estimator_fn,
};
use perennial_evaluation::metric::{Accuracy, LogLoss, MeanAbsoluteError, MeanSquaredError, R2, RocAuc};
use perennial_evaluation::split::*;
use perennial_evaluation::*;
use perennial_numeric::random::Random;

use crate::models::{Sigmoid, Slope, SlopeModel, coin, line};

fn seeded(seed: u64) -> CrossValidation<'static> {
    CrossValidation::new().context(Context::new().with_seed(seed))
}

#[test]
fn one_fit_serves_all_metrics() {
    let (x, y) = coin(200, 3);
    let weights: Vec<f64> = (0..200).map(|row| 1.0 + f64::from(row % 3)).collect();
    let fits = AtomicUsize::new(0);
    let counted = estimator_fn(|train: &Train<'_, Matrix, Classes>| {
        fits.fetch_add(1, Ordering::Relaxed);
        Sigmoid.fit_on(train)
    })
    .takes(Capabilities::new().weights());
    let options = seeded(4).weights(&weights);
    let folds = StratifiedKFold::new(5);
    let all =
        cross_validate_all(&counted, &x, &y, &folds, &(Accuracy, LogLoss, RocAuc::new()), &options).unwrap();
    assert_eq!((fits.load(Ordering::Relaxed), all.len()), (5, 3));
    let scores = |place: usize| (all[place].metric.clone(), all[place].scores());
    let same = |place: usize, other: (String, Vec<f64>)| assert_eq!(scores(place), other);
    let accuracy = cross_validate(&counted, &x, &y, &folds, &Accuracy, &options).unwrap();
    same(0, (accuracy.metric.clone(), accuracy.scores()));
    let loss = cross_validate(&counted, &x, &y, &folds, &LogLoss, &options).unwrap();
    same(1, (loss.metric.clone(), loss.scores()));
    let auc = cross_validate(&counted, &x, &y, &folds, &RocAuc::new(), &options).unwrap();
    same(2, (auc.metric.clone(), auc.scores()));
    assert_eq!(all[1].interval(0.95).unwrap(), loss.interval(0.95).unwrap());
    assert!(!all[1].higher_is_better && all[0].bounds == (0.0, 1.0));
    let json = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Vec<CrossValidated<(), ()>>>(&json).unwrap(), all);
}

/// What a fit saw: the rows to learn from and the rows to watch, which carry their numbers.
type Seen = Mutex<Vec<(Vec<usize>, Option<Vec<usize>>)>>;

fn watching(
    seen: &Seen,
    watches: bool,
) -> impl Estimator<Input = Matrix, Target = Values, Model = SlopeModel> + '_ {
    let capabilities = if watches { Capabilities::new().validation().groups() } else { Capabilities::new() };
    estimator_fn(move |train: &Train<'_, Matrix, Values>| {
        let rows =
            |x: &Matrix| -> Vec<usize> { x.dense().unwrap().column(0).iter().map(|x| *x as usize).collect() };
        let watched = train.validation.map(|(x, y)| {
            assert!(y.as_slice().iter().zip(rows(x)).all(|(y, row)| *y == row as f64));
            rows(x)
        });
        assert_eq!(train.validation_groups.is_some(), train.groups.is_some() && watched.is_some());
        if let (Some(groups), Some(rows)) = (train.validation_groups, &watched) {
            assert!(groups.iter().zip(rows).all(|(&group, &row)| group as usize == row / 4));
        }
        seen.lock().unwrap().push((rows(train.x), watched));
        Ok(SlopeModel(1.0))
    })
    .takes(capabilities)
}

#[test]
fn what_is_watched_is_a_part_of_what_would_be_learned_from() {
    let n = 48;
    let x = Matrix::from(Array2::from_shape_fn((n, 1), |(row, _)| row as f64));
    let y: Values = (0..n).map(|row| row as f64).collect();
    let groups: Vec<u32> = (0..n as u32).map(|row| row / 4).collect();
    let times: Vec<i64> = (0..n as i64).rev().collect();
    let run = |splitter: &dyn Splitter, options: CrossValidation<'_>, watches: bool| {
        let seen = Seen::default();
        let scored =
            cross_validate(&watching(&seen, watches), &x, &y, splitter, &MeanAbsoluteError, &options)
                .unwrap();
        let splits: Vec<(usize, Vec<usize>)> =
            scored.folds.into_iter().map(|fold| (fold.n_train, fold.test)).collect();
        (seen.into_inner().unwrap(), splits)
    };
    // A quarter of the 36 rows of each training part.
    let (seen, folds) = run(&KFold::new(4), seeded(1).validation_share(0.25), true);
    for (learned, watched) in &seen {
        let watched = watched.as_ref().unwrap();
        assert_eq!((learned.len(), watched.len()), (27, 9));
        let both: BTreeSet<usize> = learned.iter().chain(watched).copied().collect();
        assert!(both.len() == 36 && folds.iter().any(|(_, test)| test.iter().all(|row| !both.contains(row))));
    }
    assert!(folds.iter().all(|(n_train, _)| *n_train == 36));
    let again = run(&KFold::new(4), seeded(1).validation_share(0.25), true);
    let sorted = |mut seen: Vec<_>| {
        seen.sort();
        seen
    };
    assert_eq!(sorted(again.0), sorted(seen));
    // One that does not look at it learns from all.
    let (seen, _) = run(&KFold::new(4), seeded(1).validation_share(0.25), false);
    assert!(seen.iter().all(|(learned, watched)| learned.len() == 36 && watched.is_none()));
    // Whole groups.
    let (seen, _) = run(&GroupKFold::new(4), seeded(1).groups(&groups).validation_share(0.25), true);
    for (learned, watched) in &seen {
        let watched = watched.as_ref().unwrap();
        assert!(watched.len() == 12 && watched.iter().all(|a| learned.iter().all(|b| a / 4 != b / 4)));
    }
    // The latest rows, which have the lowest numbers here.
    let (seen, _) = run(&TimeSeriesSplit::new(3), seeded(1).times(&times).validation_share(0.25), true);
    for (learned, watched) in &seen {
        assert!(watched.as_ref().unwrap().iter().max() < learned.iter().min());
    }
    // By a splitter.
    let inner = TimeSeriesSplit::new(2).test_size(3).gap(1);
    let (seen, _) = run(&TimeSeriesSplit::new(3), seeded(1).times(&times).validation_splitter(&inner), true);
    for (learned, watched) in &seen {
        let watched = watched.as_ref().unwrap();
        assert_eq!(watched.len(), 3);
        assert_eq!(watched.iter().max().unwrap() + 2, *learned.iter().min().unwrap());
    }
    // Rows without weight cannot be watched.
    let seen = Seen::default();
    let weights: Vec<f64> = (0..n).map(|row| f64::from(u8::from(row % 24 >= 6))).collect();
    let first = FixedSplits::new([Split { train: (6..24).collect(), test: (0..6).collect() }]);
    let none = seeded(1).weights(&weights).validation_splitter(&first);
    let halves = KFold::new(2).shuffle(false);
    let error =
        cross_validate(&watching(&seen, true), &x, &y, &halves, &MeanAbsoluteError, &none).unwrap_err();
    assert!(error.to_string().contains("validation set: the 6 rows that are set aside"), "{error}");
    let bad = seeded(1).validation_share(1.5);
    let error =
        cross_validate(&watching(&seen, true), &x, &y, &KFold::new(4), &MeanAbsoluteError, &bad).unwrap_err();
    assert!(
        error.to_string().starts_with("fold 0: validation set: parameter `test_share` is 1.5"),
        "{error}"
    );
}

#[test]
fn rows_that_are_watched_are_not_among_those_of_train_scores() {
    let x = Matrix::from(Array2::from_shape_fn((48, 1), |(row, _)| row as f64));
    let y: Values = (0..48).map(|row| row as f64).collect();
    // Answers 0, so that its error is the mean of the target.
    let seen = Mutex::new(Vec::new());
    let watching = estimator_fn(|train: &Train<'_, Matrix, Values>| {
        let y = train.y.as_slice();
        assert_eq!((y.len(), train.validation.map(|(_, y)| y.n_rows())), (27, Some(9)));
        seen.lock().unwrap().push(y.iter().sum::<f64>() / y.len() as f64);
        Ok(SlopeModel(0.0))
    })
    .takes(Capabilities::new().validation());
    let sorted = |mut scores: Vec<f64>| {
        scores.sort_by(f64::total_cmp);
        scores
    };
    let taken = || sorted(std::mem::take(&mut *seen.lock().unwrap()));
    let (folds, options) = (KFold::new(4), seeded(1).validation_share(0.25).with_train_scores(true));
    let one = cross_validate(&watching, &x, &y, &folds, &MeanAbsoluteError, &options).unwrap();
    assert_eq!(sorted(one.train_scores().unwrap()), taken());
    let all = cross_validate_all(&watching, &x, &y, &folds, &(MeanAbsoluteError,), &options).unwrap();
    assert_eq!(sorted(all[0].train_scores().unwrap()), taken());
}

#[test]
fn nested_choice_is_what_it_is_by_hand() {
    let (x, y) = line(90, 2);
    let groups: Vec<u32> = (0..90).map(|row| row / 5).collect();
    let candidates: Vec<Slope> = [300.0, 1.0, 0.0].map(|alpha| Slope { alpha }).into();
    let options = seeded(3).groups(&groups).keep_models(true);
    let (outer, inner) = (GroupKFold::new(3), GroupKFold::new(4));
    let nested =
        nested_cross_validate(&candidates, &x, &y, &outer, &inner, &MeanAbsoluteError, &options).unwrap();
    let splits = outer.split(&options.split_inputs(90, &y)).unwrap();
    for (number, split) in splits.iter().enumerate() {
        let (x_train, y_train) = (x.take(&split.train).unwrap(), y.take(&split.train).unwrap());
        let inside = groups.take(&split.train).unwrap();
        let means: Vec<f64> = candidates
            .iter()
            .map(|candidate| {
                let options = CrossValidation::new().groups(&inside);
                cross_validate(candidate, &x_train, &y_train, &inner, &MeanAbsoluteError, &options)
                    .unwrap()
                    .mean()
            })
            .collect();
        assert_eq!(nested.inner[number], means);
        let best = (0..3).min_by(|&a, &b| means[a].total_cmp(&means[b])).unwrap();
        assert!(nested.chosen[number] == best && best > 0);
        let model = candidates[best].fit(&x_train, &y_train).unwrap();
        assert_eq!(nested.outer.folds[number].model.as_ref(), Some(&model));
        let truth = y.take(&split.test).unwrap();
        let answer = perennial_core::Predictor::predict(&model, &x.take(&split.test).unwrap()).unwrap();
        assert_eq!(nested.outer.folds[number].score, MeanAbsoluteError.score(&truth, &answer).unwrap());
    }
    assert!(nested.outer.predictions.is_some());
    let text = nested.to_string();
    assert!(text.contains("; chosen: candidate 0 0 times, candidate 1 "), "{text}");

    let none: [Slope; 0] = [];
    let error =
        nested_cross_validate(&none, &x, &y, &outer, &inner, &MeanAbsoluteError, &options).unwrap_err();
    assert!(error.to_string().contains("list of candidates is empty"));
    let odd = [Slope { alpha: f64::NAN }];
    assert!(nested_cross_validate(&odd, &x, &y, &outer, &inner, &MeanAbsoluteError, &options).is_err());
    let too_many = GroupKFold::new(17);
    let error = nested_cross_validate(&candidates, &x, &y, &outer, &too_many, &MeanAbsoluteError, &options)
        .unwrap_err();
    // The splits are made once for all candidates.
    assert!(error.to_string().starts_with("fold 0: 17 folds need at least 17 groups"), "{error}");
}

#[test]
fn curves_are_cross_validations() {
    let (x, y) = line(120, 6);
    let options = seeded(8);
    let (folds, slope) = (KFold::new(4), Slope { alpha: 2.0 });
    let plain = |slope: &Slope| cross_validate(slope, &x, &y, &folds, &R2, &options).unwrap();
    let curve = learning_curve(&slope, &x, &y, &folds, &R2, &[0.03, 0.1, 0.5, 1.0], &options).unwrap();
    assert_eq!(curve.points[3].test.scores(), plain(&slope).scores());
    let sizes: Vec<usize> = curve.points.iter().map(|point| point.test.folds[0].n_train).collect();
    assert_eq!(sizes, [2, 9, 45, 90]);
    assert!(curve.points[3].test.mean() > curve.points[1].test.mean());
    assert_eq!(curve.best().unwrap().at, 1.0);
    assert!(curve.to_string().starts_with("share of the rows 0.03: r2: "), "{curve}");

    let alphas = [0.0, 2.0, 500.0];
    let curve =
        validation_curve("alpha", &alphas, |alpha| Slope { alpha }, &x, &y, &folds, &R2, &options).unwrap();
    for (point, &alpha) in curve.points.iter().zip(&alphas) {
        assert_eq!(point.test.scores(), plain(&Slope { alpha }).scores());
    }
    // The score on what was learned from, by hand.
    let split = &folds.split(&options.split_inputs(120, &y)).unwrap()[2];
    let (x_train, y_train) = (x.take(&split.train).unwrap(), y.take(&split.train).unwrap());
    let model = Slope { alpha: 500.0 }.fit(&x_train, &y_train).unwrap();
    let answer = perennial_core::Predictor::predict(&model, &x_train).unwrap();
    assert_eq!(curve.points[2].train[2], R2.score(&y_train, &answer).unwrap());
    assert_eq!(curve.best().unwrap().at, 0.0);
    let json = serde_json::to_string(&curve).unwrap();
    // Times are numbers that JSON keeps.
    assert_eq!(serde_json::from_str::<Curve>(&json).unwrap(), curve);

    let learn = |shares: &[f64]| learning_curve(&slope, &x, &y, &folds, &R2, shares, &options).map(drop);
    assert!(
        learn(&[]).is_err()
            && learn(&[0.0]).is_err()
            && learn(&[1.1]).is_err()
            && learn(&[f64::NAN]).is_err()
    );
    assert!(validation_curve("alpha", &[], |alpha| Slope { alpha }, &x, &y, &folds, &R2, &options).is_err());
}

#[test]
fn small_parts_have_all_classes_and_are_parts_of_larger_ones() {
    let n = 200;
    let x = Matrix::from(Array2::from_shape_fn((n, 1), |(row, _)| row as f64));
    let y = Classes::from_labels((0..n).map(|row| if row % 10 == 0 { "rare" } else { "usual" }));
    let seen = Mutex::new(Vec::new());
    let spy = estimator_fn(|train: &Train<'_, Matrix, Classes>| {
        let rows: BTreeSet<usize> = train.x.dense()?.column(0).iter().map(|x| *x as usize).collect();
        seen.lock().unwrap().push((train.ctx.path().to_owned(), rows, train.y.counts()));
        Sigmoid.fit_on(train)
    });
    let folds = StratifiedKFold::new(2);
    learning_curve(&spy, &x, &y, &folds, &Accuracy, &[0.2, 0.5, 1.0], &seeded(1)).unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.sort_by_key(|(path, rows, _)| (path.clone(), rows.len()));
    assert_eq!(seen.len(), 6);
    for parts in seen.chunks(3) {
        assert_eq!(parts.iter().map(|part| part.2[0]).collect::<Vec<_>>(), [2, 5, 10]);
        assert_eq!(parts.iter().map(|part| part.1.len()).collect::<Vec<_>>(), [20, 50, 100]);
        assert!(parts[0].1.is_subset(&parts[1].1) && parts[1].1.is_subset(&parts[2].1));
    }
}

#[test]
fn permuted_targets_say_what_chance_is() {
    let (x, y) = line(60, 9);
    let slope = Slope { alpha: 0.1 };
    let run = |y: &Values, n: usize, options: &CrossValidation<'_>| {
        permutation_test_score(&slope, &x, y, &KFold::new(3), &MeanSquaredError, n, options).unwrap()
    };
    let test = run(&y, 49, &seeded(1));
    assert_eq!((test.p_value, test.permuted.len()), (1.0 / 50.0, 49));
    assert_eq!(
        test.score,
        cross_validate(&slope, &x, &y, &KFold::new(3), &MeanSquaredError, &seeded(1)).unwrap().mean()
    );
    assert!(test.to_string().contains("p = 0.0200 of 49 permutations"), "{test}");
    // A target that no permutation changes.
    assert_eq!(run(&Values::from(vec![1.0; 60]), 19, &seeded(1)).p_value, 1.0);
    // Targets that have nothing to do with the rows: p-values of all sizes.
    let low = (0..60).filter(|&seed| {
        let mut random = Random::new(1000 + seed);
        let noise: Values = (0..60).map(|_| random.normal()).collect();
        run(&noise, 19, &seeded(seed)).p_value <= 0.25
    });
    // 15 expected, with a standard deviation of 3.4.
    let low = low.count();
    assert!((5..=26).contains(&low), "{low} of 60");

    // Within groups: each group keeps its targets.
    let groups: Vec<u32> = (0..60).map(|row| row / 20).collect();
    let sums = Mutex::new(Vec::new());
    let spy = estimator_fn(|train: &Train<'_, Matrix, Values>| {
        let sum: f64 = train.y.as_slice().iter().sum();
        sums.lock().unwrap().push(sum);
        Ok(SlopeModel(0.0))
    });
    let y: Values = (0..60).map(|row| f64::from(row % 20) + 100.0 * f64::from(row / 20)).collect();
    let grouped = seeded(2).groups(&groups);
    permutation_test_score(&spy, &x, &y, &LeaveOneGroupOut, &MeanSquaredError, 5, &grouped).unwrap();
    let distinct: BTreeSet<u64> = sums.into_inner().unwrap().into_iter().map(f64::to_bits).collect();
    assert_eq!(distinct.len(), 3);
    let alone: Vec<u32> = (0..60).collect();
    let error = permutation_test_score(&slope, &x, &y, &KFold::new(3), &R2, 5, &seeded(2).groups(&alone));
    assert!(error.unwrap_err().to_string().contains("every group is a single row"));
    let error = permutation_test_score(&slope, &x, &y, &KFold::new(3), &R2, 0, &seeded(2));
    assert!(error.unwrap_err().to_string().contains("`n_permutations` is 0"));
}

#[test]
fn threads_do_not_matter_and_work_can_be_stopped() {
    let (x, y) = line(80, 3);
    let slopes = [1.0, 0.1].map(|alpha| Slope { alpha });
    let folds = RepeatedKFold::new(KFold::new(4), 3);
    let run = |threads: usize, options: &CrossValidation<'_>| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| -> perennial_core::Result<Vec<u64>> {
            let metrics = (R2, MeanAbsoluteError);
            let all = cross_validate_all(&slopes[0], &x, &y, &folds, &metrics, options)?;
            let nested = nested_cross_validate(&slopes, &x, &y, &folds, &KFold::new(3), &R2, options)?;
            let curve = learning_curve(&slopes[0], &x, &y, &folds, &R2, &[0.2, 0.7], options)?;
            let test = permutation_test_score(&slopes[0], &x, &y, &KFold::new(3), &R2, 8, options)?;
            let scores = [all[0].scores(), all[1].scores(), nested.outer.scores(), nested.inner.concat()];
            let curve = curve.points.iter().flat_map(|point| [point.train.clone(), point.test.scores()]);
            let numbers = scores.into_iter().chain(curve).chain([test.permuted]).flatten();
            Ok(numbers.map(f64::to_bits).collect::<Vec<_>>())
        })
    };
    let one = run(1, &seeded(5)).unwrap();
    assert!((2..=4).all(|threads| run(threads, &seeded(5)).unwrap() == one));
    assert_ne!(run(1, &seeded(6)).unwrap(), one);

    let token = CancelToken::new();
    token.cancel();
    let stopped = CrossValidation::new().context(Context::new().with_cancel(token));
    let cancelled =
        |error: perennial_core::Error| assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }));
    cancelled(cross_validate_all(&slopes[0], &x, &y, &folds, &(R2,), &stopped).unwrap_err());
    cancelled(nested_cross_validate(&slopes, &x, &y, &folds, &folds, &R2, &stopped).unwrap_err());
    cancelled(learning_curve(&slopes[0], &x, &y, &folds, &R2, &[0.5], &stopped).unwrap_err());
    cancelled(permutation_test_score(&slopes[0], &x, &y, &folds, &R2, 5, &stopped).unwrap_err());
    let no_splits = PredefinedSplit::new([0]);
    assert!(cross_validate(&slopes[0], &x, &y, &no_splits, &R2, &seeded(1)).is_err());
}
