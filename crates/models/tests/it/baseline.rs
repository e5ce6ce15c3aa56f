//! Baselines: which feature is chosen, and forecasts by hand.

use ndarray::Array2;
use perennial_core::{
    Classes, Classifier, Context, Estimator, Matrix, Predictor, Rows, Train, Values, from_bytes, to_bytes,
};
use perennial_models::baseline::{
    ClassificationBaseline, DummyClassifierModel, NaiveForecast, NaiveForecaster, NaiveForecasterModel,
    OneFeatureClassifier, OneFeatureRegressor, OneFeatureRegressorModel, classifiers, forecasters,
    regressors,
};
use perennial_models::{DecisionTreeRegressor, DummyClassifier};

fn x(n: usize) -> Matrix {
    Matrix::from(Array2::from_shape_fn((n, 4), |(row, column)| ((row * (2 * column + 3)) % 17) as f64))
        .with_names(["a", "b", "c", "d"])
        .unwrap()
}

#[test]
fn the_feature_that_tells_most_is_chosen() {
    let x = x(120);
    let y: Values = x.dense().unwrap().rows().into_iter().map(|row| 3.0 * row[2] + 0.5 * row[0]).collect();
    let model = OneFeatureRegressor::new().seed(1).fit(&x, &y).unwrap();
    assert_eq!(model.feature(), "c");
    let least = model.errors().iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(model.errors()[2], least);
    // The answers are those of a tree on that column.
    let column = x.select(&[2]).unwrap();
    let tree = DecisionTreeRegressor::new().max_depth(1).fit(&column, &y).unwrap();
    assert_eq!(model.predict(&x).unwrap(), tree.predict(&column).unwrap());
    let deep = OneFeatureRegressor::new().max_depth(3).seed(1).fit(&x, &y).unwrap();
    assert!(deep.errors()[2] < model.errors()[2]);

    let classes = Classes::from_labels(x.dense().unwrap().column(3).iter().map(|d| *d > 7.0));
    let model = OneFeatureClassifier::new().fit(&x, &classes).unwrap();
    assert_eq!(model.feature(), "d");
    assert_eq!(model.predict(&x).unwrap(), classes);
    assert_eq!(model.predict_proba(&x).unwrap().names(), classes.names());
}

#[test]
fn noise_that_fits_by_chance_is_not_chosen_by_its_fit() {
    // A column of row numbers lets a deep tree learn by heart; the other one tells the truth with some noise.
    let n = 200;
    let x = Array2::from_shape_fn((n, 2), |(row, column)| match column {
        0 => (row * 7919 % 1009) as f64,
        _ => (row % 10) as f64,
    });
    let y: Values = (0..n).map(|row| (row % 10) as f64 + (row * 31 % 7) as f64 / 7.0).collect();
    let x = Matrix::from(x).with_names(["number", "told"]).unwrap();
    let model = OneFeatureRegressor::new().max_depth(12).fit(&x, &y).unwrap();
    assert_eq!(model.feature(), "told");
}

#[test]
fn few_rows_and_groups_are_no_panic() {
    let x = x(6);
    let y = Values::from(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    for n in 1..6 {
        let rows: Vec<usize> = (0..n).collect();
        let model = OneFeatureRegressor::new().fit(&x.take(&rows).unwrap(), &y.take(&rows).unwrap()).unwrap();
        assert!(model.predict(&x).is_ok());
    }
    // Of a single group there is nothing to choose by: the first feature.
    let train = Train::new(&x, &y).groups(&[7; 6]).context(Context::new());
    let model = train.fit(&OneFeatureRegressor::new()).unwrap();
    assert_eq!((model.feature(), model.errors()), ("a", &[0.0; 4][..]));
    let rare = Classes::from_labels(["a", "a", "a", "a", "a", "b"]);
    assert!(OneFeatureClassifier::new().fit(&x, &rare).is_ok());
    for wrong in [OneFeatureRegressor::new().max_depth(0), OneFeatureRegressor::new().n_folds(1)] {
        assert!(wrong.fit(&x, &y).is_err());
    }
    let model = OneFeatureRegressor::new().fit(&x, &y).unwrap();
    let json = serde_json::to_string(&model).unwrap().replace("\"column\":", "\"column\":9");
    assert!(serde_json::from_str::<OneFeatureRegressorModel>(&json).is_err());
}

fn times(times: &[f64]) -> Matrix {
    Matrix::from(Array2::from_shape_fn((times.len(), 1), |(row, _)| times[row])).with_names(["day"]).unwrap()
}

#[test]
fn forecasts_by_hand() {
    // Out of order, and two rows on day 3.
    let x = times(&[4.0, 1.0, 2.0, 3.0, 3.0]);
    let y = Values::from(vec![10.0, 1.0, 2.0, 5.0, 7.0]);
    let ask = |strategy, at: &[f64]| {
        let model = NaiveForecaster::new().time("day").strategy(strategy).fit(&x, &y).unwrap();
        model.predict(&times(at)).unwrap().as_slice().to_vec()
    };
    assert_eq!(ask(NaiveForecast::Last, &[5.0, 99.0, 4.0, 3.5, 1.0, 0.0]), [10.0, 10.0, 6.0, 6.0, 1.0, 1.0]);
    assert_eq!(ask(NaiveForecast::Drift, &[5.0, 7.0]), [13.0, 19.0]);
    // Two days before; of day 7 that is day 3, of day 8 day 4.
    assert_eq!(ask(NaiveForecast::Seasonal(2.0), &[5.0, 6.0, 7.0, 8.0, 3.0]), [6.0, 10.0, 6.0, 10.0, 1.0]);
    // Nothing is known 0.5 after a whole day: the last value before.
    assert_eq!(ask(NaiveForecast::Seasonal(2.0), &[5.5]), [10.0]);
    // A period of a tenth looks back a thousand times at most, and tells by a thousandth of a period what is the same time.
    assert_eq!(ask(NaiveForecast::Seasonal(0.1), &[5.0, 1e9]), [10.0, 10.0]);
}

#[test]
fn forecasters_refuse_what_they_cannot_use() {
    let (x, y) = (times(&[1.0, 2.0]), Values::from(vec![1.0, 2.0]));
    for period in [0.0, -1.0, f64::NAN] {
        let seasonal = NaiveForecaster::new().strategy(NaiveForecast::Seasonal(period));
        assert!(seasonal.fit(&x, &y).unwrap_err().to_string().contains("seasonal"));
    }
    let unknown = NaiveForecaster::new().time("week").fit(&x, &y).unwrap_err();
    assert!(unknown.to_string().contains("week"));
    let steep = Values::from(vec![-1e300, 1e300]);
    let drift = NaiveForecaster::new().strategy(NaiveForecast::Drift).fit(&x, &steep).unwrap();
    assert!(drift.predict(&times(&[1e300])).unwrap_err().to_string().contains("range"));
    let model = NaiveForecaster::new().fit(&x, &y).unwrap();
    let json = serde_json::to_string(&model).unwrap();
    assert_eq!(serde_json::from_str::<NaiveForecasterModel>(&json).unwrap(), model);
    let wrong = json.replace("[1.0,2.0],\"values\"", "[2.0,1.0],\"values\"");
    assert_ne!(wrong, json);
    assert!(serde_json::from_str::<NaiveForecasterModel>(&wrong).is_err());
}

#[test]
fn the_lists_of_baselines_can_learn() {
    let x = x(60);
    let y: Values = (0..60).map(|row| f64::from(row % 5)).collect();
    let classes = Classes::from_labels((0..60).map(|row| row % 3));
    for (name, estimator) in regressors() {
        assert_eq!(estimator.fit(&x, &y).unwrap().predict(&x).unwrap().n_rows(), 60, "{name}");
    }
    for (name, estimator) in classifiers() {
        assert_eq!(estimator.fit(&x, &classes).unwrap().predict_proba(&x).unwrap().n_rows(), 60, "{name}");
    }
    let forecasts = forecasters("a", &[7.0, 364.0]);
    assert_eq!(
        forecasts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()[2..],
        ["7 before", "364 before"]
    );
    for (name, estimator) in forecasts {
        assert_eq!(estimator.fit(&x, &y).unwrap().predict(&x).unwrap().n_rows(), 60, "{name}");
    }
}

/// Times in steps that binary numbers do not hold exactly: 1.4 - 0.7 is more than a season of 0.7 by the last bit.
#[test]
fn seasons_are_counted_up_to_rounding() {
    for (step, season) in [(0.1, 7), (0.1, 3), (1.0 / 365.25, 7)] {
        let time = |row: usize| row as f64 * step;
        let x = Matrix::from(Array2::from_shape_fn((4 * season, 1), |(row, _)| time(row)));
        let y: Values = (0..4 * season).map(|row| row as f64).collect();
        let model = NaiveForecaster::new()
            .strategy(NaiveForecast::Seasonal(season as f64 * step))
            .fit(&x, &y)
            .unwrap();
        let ahead = Matrix::from(Array2::from_shape_fn((season, 1), |(row, _)| time(4 * season + row)));
        let said = model.predict(&ahead).unwrap();
        let expected: Vec<f64> = (3 * season..4 * season).map(|row| row as f64).collect();
        assert_eq!(said.as_slice(), expected, "season {season} of step {step}");
    }
}

/// What is far beyond the size of usual numbers still tells which column counts.
#[test]
fn features_are_chosen_whatever_the_units() {
    let x =
        Matrix::from(Array2::from_shape_fn((40, 3), |(row, column)| ((row * (2 * column + 3)) % 17) as f64));
    let of = |unit: f64| -> Values {
        x.dense().unwrap().column(1).iter().map(|x| if *x > 8.0 { 5.0 * unit } else { unit }).collect()
    };
    for unit in [1e160, 1.0, 1e-160] {
        assert_eq!(OneFeatureRegressor::new().fit(&x, &of(unit)).unwrap().feature(), "x1", "unit {unit}");
    }
    let weights = vec![1e308; 40];
    let heavy = Train::new(&x, &of(1.0)).weights(&weights).fit(&OneFeatureRegressor::new()).unwrap();
    assert_eq!(heavy.feature(), "x1");
}

#[test]
fn classes_are_drawn_by_their_shares() {
    let x = x(4000);
    let y = Classes::from_labels((0..4000).map(|row| if row % 4 == 0 { "rare" } else { "often" }));
    let drawn = DummyClassifier::new().strategy(ClassificationBaseline::Stratified);
    let model = drawn.clone().seed(7).fit(&x, &y).unwrap();
    assert_eq!(model.probabilities(), [0.75, 0.25]);
    let answers = model.predict(&x).unwrap();
    let rare = answers.labels().filter(|label| *label == "rare").count();
    // 1000 are expected; the standard deviation is 27.
    assert!((900..1100).contains(&rare), "{rare}");
    let sure = model.predict_proba(&x).unwrap();
    assert_eq!(sure.most_likely(), answers);
    assert!(sure.values().iter().all(|share| *share == 0.0 || *share == 1.0));
    // The same seed draws the same, another one others; and a saved model as the one that was saved.
    assert_eq!(drawn.clone().seed(7).fit(&x, &y).unwrap().predict(&x).unwrap(), answers);
    assert_ne!(drawn.seed(8).fit(&x, &y).unwrap().predict(&x).unwrap(), answers);
    let back: DummyClassifierModel = from_bytes(&to_bytes(&model).unwrap()).unwrap();
    assert_eq!(back.predict(&x).unwrap(), answers);
}

#[test]
fn a_class_of_ones_own_is_answered_with_certainty() {
    let (x, y) = (x(3), Classes::from_labels(["no", "no", "yes"]));
    let always = |class: &str| {
        DummyClassifier::new().strategy(ClassificationBaseline::Constant(class.to_owned())).fit(&x, &y)
    };
    let model = always("yes").unwrap();
    assert_eq!(model.predict_proba(&x).unwrap().of("yes").unwrap().as_slice(), [1.0; 3]);
    assert_eq!(model.predict(&x).unwrap().labels().collect::<Vec<_>>(), ["yes"; 3]);
    let error = always("maybe").unwrap_err().to_string();
    assert!(error.contains("no class is named `maybe`"), "{error}");
}
