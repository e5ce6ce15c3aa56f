//! Rows as maps of names, against scikit-learn 1.9.1.

use ndarray::{Array2, array};
use perennial_core::{Estimator, Matrix, NoTarget, Train, Transformer, from_bytes, to_bytes};
use perennial_features::{
    DictVectorizer, DictVectorizerModel, FeatureHasher, FeatureHasherModel, FieldValue, Record,
};
use perennial_testing::{Field, Fields, Tags, check};

/// The rows of the kit as records.
fn records(rows: &[Fields]) -> Vec<Record> {
    let value = |field: &Field| match field {
        Field::Number(number) => FieldValue::Number(*number),
        Field::Text(text) => FieldValue::Text(text.clone()),
    };
    rows.iter().map(|row| row.iter().map(|(name, field)| (name.clone(), value(field))).collect()).collect()
}

check!(names_as_columns, records, DictVectorizer::new(), records, Tags::new().exact_solver());
check!(names_with_a_separator, records, DictVectorizer::new().separator(": "), records);
check!(hashed_names, records, FeatureHasher::new().n_features(32), records, Tags::new().exact_solver());
check!(hashed_names_that_add, records, FeatureHasher::new().n_features(8).alternate_sign(false), records);

fn record(fields: &[(&str, FieldValue)]) -> Record {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn number(value: f64) -> FieldValue {
    FieldValue::Number(value)
}

fn text(value: &str) -> FieldValue {
    FieldValue::Text(value.to_owned())
}

fn rows() -> Vec<Record> {
    vec![
        record(&[
            ("dog", number(1.0)),
            ("cat", number(2.0)),
            ("elephant", number(4.0)),
            ("city", text("Rome")),
        ]),
        record(&[("dog", number(2.0)), ("run", number(5.5)), ("city", text("Oslo"))]),
        record(&[]),
        record(&[("dog", number(0.0)), ("ü", number(-1.5)), ("city", text("Rome"))]),
    ]
}

fn dense(x: &Matrix) -> Array2<f64> {
    x.to_dense().unwrap().into_dense().unwrap()
}

#[test]
fn columns_of_names_are_those_of_scikit_learn() {
    let rows = rows();
    let model = DictVectorizer::new().fit(&rows, &NoTarget).unwrap();
    let x = model.transform(&rows).unwrap();
    let names: Vec<&str> = x.features().names().collect();
    assert_eq!(names, ["cat", "city=Oslo", "city=Rome", "dog", "elephant", "run", "ü"]);
    let truth = array![
        [2.0, 0.0, 1.0, 1.0, 4.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 2.0, 0.0, 5.5, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.5],
    ];
    assert_eq!(dense(&x), truth);
    // Names and texts that were not there are passed over, and so is a text where there were numbers.
    let fresh =
        [record(&[("city", text("Bern")), ("dog", number(3.0)), ("new", number(1.0)), ("run", text("x"))])];
    assert_eq!(dense(&model.transform(&fresh).unwrap()), array![[0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0]]);
    // Back again, but for the field that is 0; from dense rows as well.
    let mut without_zero = rows.clone();
    without_zero[3].remove("dog");
    assert_eq!(model.inverse_transform(&x).unwrap(), without_zero);
    assert_eq!(model.inverse_transform(&x.to_dense().unwrap()).unwrap(), without_zero);
    let back: DictVectorizerModel = from_bytes(&to_bytes(&model).unwrap()).unwrap();
    assert_eq!(back, model);
    assert_eq!(back.transform(&rows).unwrap(), x);
}

#[test]
fn records_that_do_not_fit_are_errors() {
    let nan = [record(&[("a", number(f64::NAN))])];
    let error = DictVectorizer::new().fit(&nan, &NoTarget).unwrap_err().to_string();
    assert!(error.contains("field `a` of row 0 is NaN"), "{error}");
    let model = DictVectorizer::new().fit(&[record(&[("a", number(1.0))])], &NoTarget).unwrap();
    assert!(model.transform(&nan).is_err());
    assert!(DictVectorizer::new().fit(&[record(&[])], &NoTarget).is_err());
    assert!(DictVectorizer::new().fit(&[], &NoTarget).is_err());
    // `a=b` is the name of a field, and of a field and its text.
    let twice = [record(&[("a", text("b")), ("a=b", number(1.0))])];
    let error = DictVectorizer::new().fit(&twice, &NoTarget).unwrap_err().to_string();
    assert!(error.contains("separator"), "{error}");
    let model = DictVectorizer::new().separator(": ").fit(&twice, &NoTarget).unwrap();
    assert_eq!(dense(&model.transform(&twice).unwrap()), array![[1.0, 1.0]]);
    // A row without weight has no say.
    let rows = rows();
    let train = Train::new(&rows[..], &NoTarget).weights(&[0.0, 1.0, 1.0, 1.0]);
    let names = train.fit(&DictVectorizer::new()).unwrap().transform(&rows).unwrap();
    assert_eq!(names.features().names().collect::<Vec<_>>(), ["city=Oslo", "city=Rome", "dog", "run", "ü"]);
}

#[test]
fn hashed_names_are_those_of_scikit_learn() {
    let rows = rows();
    let hasher = FeatureHasher::new().n_features(8);
    let model = hasher.fit(&rows, &NoTarget).unwrap();
    let truth = array![
        [0.0, 0.0, 0.0, 0.0, 0.0, -1.0, -4.0, 3.0],
        [-5.5, 1.0, 0.0, 0.0, 0.0, -2.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, -1.5, 0.0, 0.0, 0.0, 0.0, 1.0],
    ];
    assert_eq!(dense(&model.transform(&rows).unwrap()), truth);
    let plain = hasher.clone().alternate_sign(false).fit(&rows, &NoTarget).unwrap();
    let mut truth = truth.mapv(f64::abs);
    truth[[3, 2]] = -1.5;
    assert_eq!(dense(&plain.transform(&rows).unwrap()), truth);
    let back: FeatureHasherModel = from_bytes(&to_bytes(&model).unwrap()).unwrap();
    assert_eq!(back, model);
    assert!(hasher.clone().n_features(0).fit(&rows, &NoTarget).is_err());
    // Two numbers of one column whose sum leaves the range.
    let huge = [record(&[("a", number(1e308)), ("b", number(1e308))])];
    let one = hasher.clone().n_features(1).alternate_sign(false).fit(&rows, &NoTarget).unwrap();
    let error = one.transform(&[vec![rows[0].clone()], huge.to_vec()].concat()).unwrap_err().to_string();
    let column = format!("row 1 in column `{}`", one.transform(&rows).unwrap().features().name(0));
    assert!(error.contains("add up") && error.contains(&column), "{error}");
    assert!(model.transform(&[record(&[("a", number(f64::INFINITY))])]).is_err());
}

#[test]
fn records_are_read_back_from_json_and_bytes() {
    let rows = rows();
    assert_eq!(from_bytes::<Vec<Record>>(&to_bytes(&rows).unwrap()).unwrap(), rows);
    let json = serde_json::to_string(&rows).unwrap();
    assert!(json.starts_with(r#"[{"cat":2.0,"city":"Rome","#), "{json}");
    assert_eq!(serde_json::from_str::<Vec<Record>>(&json).unwrap(), rows);
    let written: Record = serde_json::from_str(r#"{"n": 3, "t": "3"}"#).unwrap();
    assert_eq!(written, record(&[("n", number(3.0)), ("t", text("3"))]));
}
