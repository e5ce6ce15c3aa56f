//! Single rows, answered without a matrix around them.

use ndarray::Array2;
use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor, Result, Rows, Train, Values};
use perennial_models::boosting::{Mode, RegressionLoss};
use perennial_models::{
    ExtraTreesRegressor, GradientBoostingClassifier, GradientBoostingQuantileRegressor,
    GradientBoostingRanker, GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor,
};

use crate::boosting::{data, signs, with_categories};

/// Four columns, of which the third holds categories; every seventh number is missing.
fn rows(missing: bool) -> (Matrix, Values) {
    let (x, y) = data(400, 4, 81);
    let mut x: Array2<f64> = x.dense().unwrap().to_owned();
    x.column_mut(2).mapv_inplace(|value| (value.abs() * 5.0).floor());
    if missing {
        x.iter_mut().enumerate().filter(|(at, _)| at % 7 == 0).for_each(|(_, value)| *value = f64::NAN);
    }
    (with_categories(x, &[2], 30), y)
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Asks for each row alone, into room that holds what was there before.
fn alone(x: &Matrix, width: usize, ask: impl Fn(&[f64], &mut [f64]) -> Result<()>) -> Vec<u64> {
    let mut answers = Vec::new();
    for row in x.dense().unwrap().rows() {
        let mut room = vec![f64::NAN; width];
        ask(&row.to_vec(), &mut room).unwrap();
        answers.extend(bits(&room));
    }
    answers
}

/// The one answer of a row.
fn put(room: &mut [f64], answer: Result<f64>) -> Result<()> {
    room[0] = answer?;
    Ok(())
}

fn of_array(values: &ndarray::ArrayRef2<f64>) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn boosters_answer_a_row_as_among_others() {
    for missing in [false, true] {
        let (x, y) = rows(missing);
        for (n_trees, mode) in [(3, Mode::Gradient), (60, Mode::Gradient), (20, Mode::Forest)] {
            let mut settings = GradientBoostingRegressor::new().n_trees(n_trees).mode(mode);
            if mode == Mode::Forest {
                settings = settings.columns_by_node(0.5);
            }
            let model = settings.fit(&x, &y).unwrap();
            let answers = bits(model.predict(&x).unwrap().as_slice());
            assert_eq!(alone(&x, 1, |row, room| put(room, model.predict_row(row))), answers);
        }
        let settings = GradientBoostingQuantileRegressor::new([0.2, 0.5, 0.9]).n_trees(20);
        let model = settings.fit(&x, &y).unwrap();
        let answers = of_array(model.predict(&x).unwrap().values());
        assert_eq!(alone(&x, 3, |row, room| model.predict_row(row, room)), answers);

        let grades: Values = y.as_slice().iter().map(|y| y.clamp(0.0, 3.0).round()).collect();
        let groups: Vec<u32> = (0..400).map(|row| row / 8).collect();
        let train = Train::new(&x, &grades).groups(&groups);
        let model = train.fit(&GradientBoostingRanker::new().n_trees(20)).unwrap();
        let answers = bits(model.predict(&x).unwrap().as_slice());
        assert_eq!(alone(&x, 1, |row, room| put(room, model.predict_row(row))), answers);
    }
}

#[test]
fn links_and_offsets_are_those_of_all_rows() {
    let (x, y) = rows(false);
    let counts: Values = y.as_slice().iter().map(|y| y.abs().round()).collect();
    let settings = GradientBoostingRegressor::new().loss(RegressionLoss::Poisson).offset("x3").n_trees(30);
    let model = settings.fit(&x, &counts).unwrap();
    let answers = bits(model.predict(&x).unwrap().as_slice());
    assert_eq!(alone(&x, 1, |row, room| put(room, model.predict_row(row))), answers);
    let scores = bits(&model.booster().scores(&x).unwrap());
    assert_eq!(alone(&x, 1, |row, room| model.booster().score_row(row, room)), scores);
    let error = model.predict_row(&[0.0, 0.0, 1.0, f64::NAN]).unwrap_err().to_string();
    assert!(error.contains("offset"), "{error}");
}

#[test]
fn classes_of_a_row_are_those_of_all_rows() {
    let (x, y) = rows(true);
    let names = |n: usize| (0..n).map(|class| format!("c{class}")).collect::<Vec<_>>();
    let of = |step: usize, n: usize| {
        let third = |y: &f64| u32::from(*y > -0.5) + u32::from(*y > 0.5);
        Classes::new(y.as_slice().iter().map(|y| third(y) * step as u32).collect(), names(n)).unwrap()
    };
    // Two classes; three; three of five, of which the first, the last, or both have no rows.
    let shifted = {
        let codes = of(1, 5).codes().iter().map(|code| code + 1).collect();
        Classes::new(codes, names(5)).unwrap()
    };
    let pair = {
        let codes = signs(&y).codes().iter().map(|code| 1 + 2 * code).collect();
        Classes::new(codes, names(4)).unwrap()
    };
    for classes in [signs(&y), of(1, 3), of(2, 5), of(2, 6), shifted, pair] {
        let width = classes.n_classes();
        for one_vs_all in [false, true] {
            let settings = GradientBoostingClassifier::new().n_trees(12).one_vs_all(one_vs_all);
            let model = settings.fit(&x, &classes).unwrap();
            let answers = of_array(model.predict_proba(&x).unwrap().values());
            assert_eq!(alone(&x, width, |row, room| model.predict_proba_row(row, room)), answers);
        }
        let model = RandomForestClassifier::new().n_trees(12).fit(&x, &classes).unwrap();
        let answers = of_array(model.predict_proba(&x).unwrap().values());
        assert_eq!(alone(&x, width, |row, room| model.predict_proba_row(row, room)), answers);
    }
}

#[test]
fn forests_answer_a_row_as_among_others() {
    for missing in [false, true] {
        let (x, y) = rows(missing);
        for n_trees in [1, 40] {
            let random = RandomForestRegressor::new().n_trees(n_trees).fit(&x, &y).unwrap();
            let extra = ExtraTreesRegressor::new().n_trees(n_trees).fit(&x, &y).unwrap();
            for model in [random, extra] {
                let answers = bits(model.predict(&x).unwrap().as_slice());
                assert_eq!(alone(&x, 1, |row, room| put(room, model.predict_row(row))), answers);
            }
        }
    }
}

#[test]
fn rows_that_cannot_be_are_refused() {
    let (x, y) = rows(false);
    assert_eq!(x.n_rows(), 400);
    let boosted = GradientBoostingRegressor::new().n_trees(3).fit(&x, &y).unwrap();
    let classes = GradientBoostingClassifier::new().n_trees(3).fit(&x, &signs(&y)).unwrap();
    let forest = RandomForestRegressor::new().n_trees(3).fit(&x, &y).unwrap();
    let says = |answer: Result<f64>, word: &str| {
        let error = answer.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    says(boosted.predict_row(&[1.0; 3]), "3 numbers");
    says(boosted.predict_row(&[1.0, f64::INFINITY, 1.0, 1.0]), "`x1`");
    says(forest.predict_row(&[1.0; 5]), "5 numbers");
    says(forest.predict_row(&[1.0, 1.0, 1.0, f64::NEG_INFINITY]), "`x3`");
    says(classes.predict_proba_row(&[1.0; 4], &mut [0.0; 3]).map(|()| 0.0), "room for 3");
    says(classes.predict_proba_row(&[1.0; 2], &mut [0.0; 2]).map(|()| 0.0), "2 numbers");
    says(boosted.booster().score_row(&[1.0; 4], &mut []).map(|()| 0.0), "room for 0");
    assert_eq!(boosted.predict_row(&[f64::NAN; 4]).unwrap().to_bits(), {
        let nothing = with_categories(Array2::from_elem((1, 4), f64::NAN), &[2], 30);
        boosted.predict(&nothing).unwrap().as_slice()[0].to_bits()
    });
}
