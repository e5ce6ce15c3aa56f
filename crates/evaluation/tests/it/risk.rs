//! Risks that are kept, and weights of sets of classes.

use ndarray::{Array2, array};
use perennial_core::{Classes, Result, Rows};
use perennial_evaluation::conformal::{
    ClassificationScore, ControlledRisk, FwerProcedure, LearnThenTest, RiskControl, SetPredictor,
    conformalize_classifier, conformalize_classifier_weighted,
};
use perennial_numeric::random::Random;

use crate::conformal::{close, repeated};
use crate::conformal_sets::Said;
use crate::toys::names;

/// 40 rows with some of three labels, and their scores.
fn labelled() -> (Array2<bool>, Array2<f64>) {
    let has = Array2::from_shape_fn((40, 3), |(i, j)| (i * 5 + j * 3) % 4 < 2);
    (has, Array2::from_shape_fn((40, 3), |(i, j)| ((i * 13 + j * 29) % 97) as f64 / 97.0))
}

/// The share of a row's labels that a threshold misses.
fn missed(has: &Array2<bool>, scores: &Array2<f64>, row: usize, threshold: f64) -> f64 {
    let own: Vec<f64> = (0..has.ncols()).filter(|&j| has[[row, j]]).map(|j| scores[[row, j]]).collect();
    own.iter().filter(|score| **score < threshold).count() as f64 / (own.len() as f64).max(1.0)
}

#[test]
fn parameters_are_those_of_mapie() {
    // mapie 1.6: get_r_hat_plus(losses, lambdas, "crc") and find_best_predict_param at thresholds 0, 0.01, ...
    let (has, scores) = labelled();
    let thresholds: Vec<f64> = (0..100).map(|i| f64::from(i) * 0.01).collect();
    let losses = Array2::from_shape_fn((40, 100), |(row, i)| missed(&has, &scores, row, thresholds[i]));
    for (risk, parameter, mean, bounded) in [
        (0.1, 0.07, 0.075, 0.0975609756097561),
        (0.2, 0.14, 0.175, 0.19512195121951217),
        (0.49, 0.43, 0.475, 0.4878048780487805),
    ] {
        let chosen = RiskControl::new(risk).choose(&thresholds, &losses, None).unwrap();
        close(chosen.parameter, parameter, 1e-12);
        close(chosen.mean_loss, mean, 1e-12);
        close(chosen.bounded, bounded, 1e-12);
        // Without a grid the threshold is a score, no lower than that of the grid, and the next score would be too much.
        let exact = RiskControl::new(risk).threshold(&has, &scores, None).unwrap();
        let risk_at = |t: f64| ((0..40).map(|row| missed(&has, &scores, row, t)).sum::<f64>() + 1.0) / 41.0;
        assert!(exact.parameter >= parameter && scores.iter().any(|score| *score == exact.parameter));
        close(exact.bounded, risk_at(exact.parameter), 1e-12);
        let all = has.iter().zip(&scores).filter(|(has, _)| **has).map(|(_, score)| *score);
        let next = all.filter(|score| *score > exact.parameter).fold(f64::INFINITY, f64::min);
        assert!(risk_at(exact.parameter) <= risk && risk_at(next) > risk);
    }
}

#[test]
fn p_values_are_those_of_mapie() {
    // mapie 1.6: compute_hoeffding_bentkus_p_value(k / n, n, risk).
    for (n, k, risk, p) in [
        (200, 5, 0.1, 0.00010522994255782662),
        (200, 15, 0.1, 0.38891935245614484),
        (50, 0, 0.05, 0.07694497527671351),
        (50, 1, 0.1, 0.07705046391752662),
        (1000, 80, 0.1, 0.047873223411874846),
        (400, 30, 0.1, 0.14241417354487723),
    ] {
        let losses = Array2::from_shape_fn((n, 1), |(row, _)| f64::from(u8::from(row < k)));
        close(LearnThenTest::new(risk).p_values(&losses).unwrap()[0] / p, 1.0, 1e-9);
        // Twice the losses against twice the risk are the same.
        let twice = LearnThenTest::new(2.0 * risk).bound(2.0);
        close(twice.p_values(&(2.0 * &losses)).unwrap()[0] / p, 1.0, 1e-9);
    }
    let losses = Array2::from_elem((37, 1), 0.0437);
    close(LearnThenTest::new(0.1).p_values(&losses).unwrap()[0], 0.4455563392419669, 1e-9);
}

#[test]
fn risks_are_kept_in_the_mean() {
    // The loss at parameter t is whether a uniform number lies below t: it is t in the mean.
    let parameters: Vec<f64> = (1..200).map(|i| f64::from(i) / 200.0).collect();
    for weighted in [false, true] {
        let (mean, error) = repeated(800, |mut random| {
            let draws: Vec<f64> = (0..39).map(|_| random.uniform()).collect();
            let losses =
                Array2::from_shape_fn((39, 199), |(row, i)| f64::from(u8::from(draws[row] < parameters[i])));
            let weights = weighted.then(|| vec![3.0; 39]);
            let chosen = RiskControl::new(0.2).choose(&parameters, &losses, weights.as_deref()).unwrap();
            chosen.parameter
        });
        let n = if weighted { 117.0 } else { 39.0 };
        // Angelopoulos and others: no more than twice the bound over n + 1 below, and the step of the grid. Three copies of each
        // row are no sample of 117, so there it may be above by as much as the one row counts less.
        let above = if weighted { 1.0 / 40.0 } else { 0.0 };
        let below = 2.0 / (n + 1.0) + 0.005;
        assert!(mean < 0.2 + above + 3.5 * error && mean > 0.2 - below - 3.5 * error, "{mean} +- {error}");
    }
    // Learn then test: of three parameters of exactly the risk some pass in at most a tenth of all samples.
    for procedure in
        [FwerProcedure::Bonferroni, FwerProcedure::Holm, FwerProcedure::FixedSequence { n_starts: 1 }]
    {
        let (mean, error) = repeated(1500, |mut random| {
            let losses = Array2::from_shape_fn((100, 3), |_| f64::from(u8::from(random.uniform() < 0.2)));
            let chosen = LearnThenTest::new(0.2).procedure(procedure).choose(&losses).unwrap();
            f64::from(u8::from(!chosen.is_empty()))
        });
        assert!(mean < 0.1 + 3.5 * error, "{mean} +- {error}");
    }
    // With few losses all pass.
    let mut random = Random::new(5);
    let losses = Array2::from_shape_fn((200, 4), |_| f64::from(u8::from(random.uniform() < 0.02)));
    assert_eq!(LearnThenTest::new(0.2).choose(&losses).unwrap(), [0, 1, 2, 3]);
    // In order, what follows the first that fails is not looked at.
    let losses = Array2::from_shape_fn((200, 3), |(row, i)| f64::from(u8::from(i == 1 && row < 100)));
    assert_eq!(
        LearnThenTest::new(0.2)
            .procedure(FwerProcedure::FixedSequence { n_starts: 1 })
            .choose(&losses)
            .unwrap(),
        [0]
    );
    assert_eq!(LearnThenTest::new(0.2).choose(&losses).unwrap(), [0, 2]);
}

fn message(found: Result<ControlledRisk>) -> String {
    found.unwrap_err().to_string()
}

#[test]
fn weights_are_copies_and_mistakes_are_errors() {
    let (has, scores) = labelled();
    let weights: Vec<f64> = (0..40).map(|row| f64::from(row % 3)).collect();
    let copies: Vec<usize> = (0..40).flat_map(|row| vec![row; row % 3]).collect();
    let control = RiskControl::new(0.2);
    let weighted = control.threshold(&has, &scores, Some(&weights)).unwrap();
    let axis = ndarray::Axis(0);
    let repeated =
        control.threshold(&has.select(axis, &copies), &scores.select(axis, &copies), None).unwrap();
    assert_eq!(weighted.parameter, repeated.parameter);
    close(weighted.bounded, repeated.bounded, 1e-12);

    let choose = |risk: f64, parameters: &[f64], losses: Array2<f64>| {
        message(RiskControl::new(risk).choose(parameters, &losses, None))
    };
    let losses = array![[0.0, 1.0], [0.0, 0.0], [0.5, 0.5]];
    assert!(choose(0.1, &[0.0, 1.0], losses.clone()).contains("9 are needed at least"));
    assert!(choose(0.3, &[0.0, 1.0], losses.clone()).contains("no parameter keeps the risk of 0.3"));
    assert!(choose(0.5, &[1.0, 0.0], losses.clone()).contains("must rise"));
    assert!(choose(0.5, &[0.0], losses.clone()).contains("the parameters"));
    assert!(choose(0.5, &[0.0, 1.0], array![[0.0, 2.0]]).contains("losses lie from 0 to 1"));
    assert!(choose(0.5, &[0.0, 1.0], array![[0.0, f64::NAN]]).contains("NaN"));
    assert!(choose(0.5, &[0.0, 1.0], array![[1.0, 0.0]]).contains("turn the parameter's sign"));
    assert!(choose(0.5, &[], Array2::zeros((0, 0))).contains("there are no losses"));
    assert!(choose(0.0, &[0.0, 1.0], losses.clone()).contains("`risk`"));
    assert!(choose(f64::NAN, &[0.0, 1.0], losses.clone()).contains("`risk`"));
    let weighed = |weights: &[f64]| RiskControl::new(0.5).choose(&[0.0, 1.0], &losses, Some(weights));
    assert!(
        weighed(&[0.0; 3]).is_err() && weighed(&[1.0; 2]).is_err() && weighed(&[-1.0, 1.0, 1.0]).is_err()
    );

    let threshold = |has: &Array2<bool>, scores: &Array2<f64>| message(control.threshold(has, scores, None));
    let none = Array2::from_elem((40, 3), false);
    assert!(threshold(&none, &scores).contains("no calibration row has a label"));
    assert!(threshold(&has, &Array2::from_elem((40, 3), f64::NAN)).contains("is NaN"));
    assert!(threshold(&has, &Array2::zeros((40, 2))).contains("the scores of a row"));
    assert!(message(RiskControl::new(0.01).threshold(&has, &scores, None)).contains("99 are needed"));
    // Scores that are all the same: every label is said.
    assert_eq!(control.threshold(&has, &Array2::from_elem((40, 3), 0.5), None).unwrap().parameter, 0.5);
    assert!(LearnThenTest::new(0.1).delta(1.0).choose(&losses).is_err());
    assert!(LearnThenTest::new(0.1).choose(&array![[f64::INFINITY]]).is_err());
    // A risk of the bound is kept by all, and one that nobody can keep by none.
    assert_eq!(LearnThenTest::new(1.0).choose(&losses).unwrap(), [0, 1]);
    assert!(LearnThenTest::new(1e-9).choose(&losses).unwrap().is_empty());
}

#[test]
fn sets_of_classes_take_weights() {
    let mut random = Random::new(12);
    let rows = Array2::from_shape_fn((60, 3), |_| random.uniform() + 0.01);
    let rows = &rows / &rows.sum_axis(ndarray::Axis(1)).insert_axis(ndarray::Axis(1));
    let codes: Vec<u32> = (0..60).map(|_| random.below(3) as u32).collect();
    let classes = names(&["a", "b", "c"]);
    let (x, y) = (perennial_core::Matrix::from(rows), Classes::new(codes, classes.clone()).unwrap());
    let weights: Vec<f64> = (0..60).map(|row| f64::from(row % 4)).collect();
    let copies: Vec<usize> = (0..60).flat_map(|row| vec![row; row % 4]).collect();
    let (own_x, own_y) = (x.take(&copies).unwrap(), y.take(&copies).unwrap());
    for score in [ClassificationScore::Lac, ClassificationScore::Aps { randomized: false }] {
        for by_class in [false, true] {
            let model = Said(classes.clone());
            let weighted =
                conformalize_classifier_weighted(model.clone(), score, 0.8, by_class, &x, &y, Some(&weights));
            let repeated = conformalize_classifier(model, score, 0.8, by_class, &own_x, &own_y).unwrap();
            let weighted = weighted.unwrap();
            assert_eq!(weighted.thresholds().unwrap(), repeated.thresholds().unwrap());
            assert_eq!(weighted.predict_set(&x).unwrap(), repeated.predict_set(&x).unwrap());
        }
    }
    let of = |weights: &[f64]| {
        let score = ClassificationScore::Lac;
        conformalize_classifier_weighted(Said(classes.clone()), score, 0.8, false, &x, &y, Some(weights))
    };
    assert!(of(&[0.0; 60]).is_err() && of(&[1.0; 59]).is_err() && of(&[f64::NAN; 60]).is_err());
}

#[test]
fn several_risks_are_kept_at_once() {
    // Five parameters; the first risk falls and the second rises with them, and only the middle one keeps both of 0.15.
    let (missed, alarms) = ([0.3, 0.22, 0.08, 0.05, 0.02], [0.02, 0.05, 0.08, 0.22, 0.3]);
    let (mut found, mut broken) = (0, 0);
    for repetition in 0..500 {
        let mut random = Random::new(21).fork(repetition);
        let mut draw = |means: [f64; 5]| {
            Array2::from_shape_fn((300, 5), |(_, which)| f64::from(u8::from(random.uniform() < means[which])))
        };
        let (missed, alarms) = (draw(missed), draw(alarms));
        let test = LearnThenTest::new(0.15).delta(0.1);
        let passed = LearnThenTest::choose_all(&[(test, &missed), (test, &alarms)]).unwrap();
        found += usize::from(passed.contains(&2));
        broken += usize::from(passed.iter().any(|place| *place != 2));
        // What passes together passes alone.
        let alone = test.choose(&missed).unwrap();
        assert!(passed.iter().all(|place| alone.contains(place)));
        assert_eq!(LearnThenTest::choose_all(&[(test, &missed)]).unwrap(), alone);
    }
    // At the level 0.1 / 5 a risk passes with at most 30 losses of 300, which 0.08 has with a chance of 0.913; both do in 416.9 of
    // 500 repetitions, four standard deviations of which are 33.
    assert!((384..=450).contains(&found) && broken <= 50, "{found} {broken}");

    let test = LearnThenTest::new(0.15);
    let (three, two) = (Array2::<f64>::zeros((9, 3)), Array2::<f64>::zeros((9, 2)));
    assert!(LearnThenTest::choose_all(&[]).unwrap_err().to_string().contains("no risks"));
    assert!(LearnThenTest::choose_all(&[(test, &three), (test, &two)]).is_err());
    let other = LearnThenTest::choose_all(&[(test, &three), (test.delta(0.2), &three)]).unwrap_err();
    assert!(other.to_string().contains("delta"), "{other}");
    let not_a_number = test.delta(f64::NAN).choose(&three).unwrap_err().to_string();
    assert!(not_a_number.contains("NaN"), "{not_a_number}");
}
