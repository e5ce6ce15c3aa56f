//! FTRL against its formulas in another form, and logistic regression with its penalty chosen.

use ndarray::Array2;
use perennial_core::{
    Classes, Classifier, Csr, ErrorKind, Estimator, Matrix, PartialFit, Predictor, Rows, Train,
};
use perennial_models::linear::Scoring;
use perennial_models::{FtrlClassifier, LogisticRegression, LogisticRegressionCv};
use perennial_testing::{Tags, blobs, check, regression};

use crate::fixtures::assert_close;

check!(ftrl, classifier, FtrlClassifier::new());
check!(
    ftrl_sparse_weights,
    classifier,
    FtrlClassifier::new().l1(2.0).l2(0.1).alpha(0.5).fit_intercept(false)
);
check!(logistic_cv, classifier, LogisticRegressionCv::new().cs([0.1, 10.0]).cv(3));
check!(
    logistic_cv_accuracy,
    classifier,
    LogisticRegressionCv::new().cs([1.0]).l1_ratios([0.0, 0.8]).cv(2).scoring(Scoring::Accuracy),
    Tags::new()
        .expect_fail("W01", "copies of a row may be in different folds, and so another strength may win")
);

/// The same numbers, those that are not 0 alone.
pub(crate) fn sparse(rows: &Array2<f64>) -> Matrix {
    let (mut ends, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in rows.rows() {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            columns.push(column as u32);
            values.push(value);
        }
        ends.push(values.len());
    }
    Csr::new(rows.ncols(), ends, columns, values).unwrap().into()
}

/// The first form of the paper: the coefficients make `g . w + sum of (rate_t - rate_t-1) (w - w_t)^2 / 2 + l1 |w| + l2 w^2 / 2`
/// least, where `g` is the sum of the gradients and the rates are `(beta + sqrt(sum of g^2)) / alpha`.
#[test]
fn coefficients_have_the_least_regret() {
    let example = regression(40, 3, 17);
    let x = example.x.dense().unwrap();
    let (alpha, beta, l1, l2) = (0.3, 0.7, 0.8, 0.2);
    let mut played: Vec<[f64; 3]> = Vec::new();
    let mut gradients: Vec<[f64; 3]> = Vec::new();
    let leader = |played: &[[f64; 3]], gradients: &[[f64; 3]]| {
        std::array::from_fn::<f64, 3, _>(|j| {
            let (mut linear, mut square, mut squares) = (0.0, l2, 0.0_f64);
            let mut before = 0.0;
            for (w, g) in played.iter().zip(gradients) {
                squares += g[j] * g[j];
                let rate = (beta + squares.sqrt()) / alpha;
                linear += g[j] - (rate - before) * w[j];
                square += rate - before;
                before = rate;
            }
            // The first play has no history; `beta / alpha` is part of the first rate.
            if played.is_empty() || linear.abs() <= l1 {
                0.0
            } else {
                -(linear - l1.copysign(linear)) / square
            }
        })
    };
    for row in 0..40 {
        let w = leader(&played, &gradients);
        let score: f64 = w.iter().zip(x.row(row)).map(|(w, x)| w * x).sum();
        let miss = 1.0 / (1.0 + (-score).exp()) - f64::from(example.classes.codes()[row]);
        gradients.push(std::array::from_fn(|j| miss * x[[row, j]]));
        played.push(w);
    }
    let truth = leader(&played, &gradients);
    let settings =
        FtrlClassifier::new().alpha(alpha).beta(beta).l1(l1).l2(l2).fit_intercept(false).max_iter(1);
    let model = settings.fit(&example.x, &example.classes).unwrap();
    assert_close(&model.model().coefficients().row(0).to_vec(), &truth, 1e-12, "coefficients");
    assert!(truth.iter().any(|weight| *weight != 0.0));
}

/// In order, rows learned at once are rows learned one batch after the other, dense or sparse.
#[test]
fn batches_and_sparse_rows_say_the_same() {
    let example = blobs(3, 4);
    let thinned = example.x.dense().unwrap().mapv(|value| if value.abs() < 2.0 { 0.0 } else { value });
    let x = Matrix::from(thinned.clone());
    let settings = FtrlClassifier::new().shuffle(false).max_iter(1).l1(0.5);
    let whole = settings.fit(&x, &example.classes).unwrap();
    let (first, second): (Vec<usize>, Vec<usize>) = ((0..120).collect(), (120..300).collect());
    let part = |rows: &[usize]| (x.take(rows).unwrap(), example.classes.take(rows).unwrap());
    let ((x1, y1), (x2, y2)) = (part(&first), part(&second));
    let model = settings.partial_fit(settings.fit(&x1, &y1).unwrap(), &x2, &y2).unwrap();
    assert_eq!(model.model().coefficients(), whole.model().coefficients());
    let of_entries = settings.fit(&sparse(&thinned), &example.classes).unwrap();
    let dense: Vec<f64> = whole.model().coefficients().iter().copied().collect();
    let of_entries: Vec<f64> = of_entries.model().coefficients().iter().copied().collect();
    assert_close(&of_entries, &dense, 1e-12, "sparse");
    let other = Classes::from_labels(vec!["x"; 5]);
    let error = settings.partial_fit(model, &x.take(&[0, 1, 2, 3, 4]).unwrap(), &other).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Malformed { .. }));
}

#[test]
fn many_passes_come_near_the_optimum() {
    let example = regression(500, 4, 6);
    let labels = example.values.as_slice().iter().enumerate().map(|(i, y)| y + 3.0 * (i as f64).sin() > 10.0);
    let y = Classes::from_labels(labels);
    let best = LogisticRegression::new().no_penalty().fit(&example.x, &y).unwrap();
    let model = FtrlClassifier::new().alpha(0.5).max_iter(200).fit(&example.x, &y).unwrap();
    for (found, best) in model.model().coefficients().iter().zip(best.coefficients()) {
        assert!((found - best).abs() < 0.15 * (1.0 + best.abs()), "{found} and {best}");
    }
    // A stronger L1 penalty leaves out more, and in the end all.
    let kept = |l1: f64| FtrlClassifier::new().alpha(0.5).l1(l1).fit(&example.x, &y).unwrap().n_nonzero();
    let counts = [0.0, 30.0, 100.0, 300.0, 1e5].map(kept);
    assert!(
        counts[0] == 4 && counts[4] == 0 && counts.windows(2).all(|pair| pair[0] >= pair[1]),
        "{counts:?}"
    );
}

/// Each score is that of a fit to the other folds.
#[test]
fn chosen_penalty_has_the_best_score() {
    let example = regression(90, 4, 15);
    let labels = example.values.as_slice().iter().enumerate().map(|(i, y)| y + 4.0 * (i as f64).sin() > 10.0);
    let y = Classes::from_labels(labels);
    let settings = LogisticRegressionCv::new().cs([10.0, 1e-3, 0.1]).cv(3);
    let model = settings.fit(&example.x, &y).unwrap();
    assert_eq!(model.candidates(), [(1e-3, 0.0), (0.1, 0.0), (10.0, 0.0)]);
    // Rows 0, 1, .. of each class go to the folds in runs.
    let counts = y.counts();
    let mut seen = [0; 2];
    let mut folds = vec![Vec::new(); 3];
    for (row, &code) in y.codes().iter().enumerate() {
        folds[seen[code as usize] * 3 / counts[code as usize]].push(row);
        seen[code as usize] += 1;
    }
    for (i, &(c, _)) in model.candidates().iter().enumerate() {
        for (k, fold) in folds.iter().enumerate() {
            let others: Vec<usize> = (0..90).filter(|row| !fold.contains(row)).collect();
            let single = LogisticRegression::new().c(c);
            let single = single.fit(&example.x.take(&others).unwrap(), &y.take(&others).unwrap()).unwrap();
            let shares = single.predict_proba(&example.x.take(fold).unwrap()).unwrap();
            let score: f64 = fold
                .iter()
                .enumerate()
                .map(|(place, &row)| shares.values()[[place, y.codes()[row] as usize]].ln())
                .sum::<f64>()
                / fold.len() as f64;
            assert!((score - model.scores()[[i, k]]).abs() < 1e-9);
        }
    }
    let means: Vec<f64> = model.scores().rows().into_iter().map(|row| row.sum()).collect();
    assert!(
        means
            .iter()
            .all(|mean| *mean <= means[model.candidates().iter().position(|c| c.0 == model.c()).unwrap()])
    );
    let whole = LogisticRegression::new().c(model.c()).fit(&example.x, &y).unwrap();
    assert_eq!(model.model().coefficients(), whole.coefficients());
    assert_eq!(model.predict(&example.x).unwrap(), whole.predict(&example.x).unwrap());
    let error = LogisticRegressionCv::new().cs([]).fit(&example.x, &y).unwrap_err();
    assert!(error.to_string().contains("cs"));
    let error =
        LogisticRegressionCv::new().cv(200).fit(&Array2::eye(4).into(), &Classes::from_labels([0, 0, 1, 1]));
    assert!(matches!(error.unwrap_err().kind(), ErrorKind::InsufficientData { .. }));
}

#[test]
fn weights_count_in_fits_and_in_scores() {
    let example = regression(60, 3, 16);
    let y = Classes::from_labels(example.values.as_slice().iter().map(|y| *y > 10.0));
    let weights: Vec<f64> = (0..60).map(|row| 0.5 + (row % 5) as f64).collect();
    let settings = LogisticRegressionCv::new().cs([0.5]).cv(2);
    let found = Train::new(&example.x, &y).weights(&weights).fit(&settings).unwrap();
    let counts = y.counts();
    let mut seen = [0; 2];
    let mut folds = [Vec::new(), Vec::new()];
    for (row, &code) in y.codes().iter().enumerate() {
        folds[seen[code as usize] * 2 / counts[code as usize]].push(row);
        seen[code as usize] += 1;
    }
    let of = |rows: &[usize]| rows.iter().map(|&row| weights[row]).collect::<Vec<f64>>();
    for k in 0..2 {
        let (inside, outside) = (&folds[k], &folds[1 - k]);
        let (x, classes) = (example.x.take(outside).unwrap(), y.take(outside).unwrap());
        let settings = LogisticRegression::new().c(0.5);
        let model = Train::new(&x, &classes).weights(&of(outside)).fit(&settings).unwrap();
        let shares = model.predict_proba(&example.x.take(inside).unwrap()).unwrap();
        let log = |i: usize| shares.values()[[i, y.codes()[inside[i]] as usize]].ln();
        let sum: f64 = of(inside).iter().enumerate().map(|(i, weight)| weight * log(i)).sum();
        let truth = sum / of(inside).iter().sum::<f64>();
        assert!((found.scores()[[0, k]] - truth).abs() < 1e-9, "{} and {truth}", found.scores());
    }
}
