//! Values computed by scikit-learn.

use std::path::Path;

use ndarray::Array2;
use perennial_core::{Estimator, Matrix, NoTarget, Transformer, Values};
use perennial_data::{Column, Table};
use perennial_preprocessing::{
    Bins, Extrapolation, KBinsDiscretizer, KnnImputer, MaxAbsScaler, MinMaxScaler, Normalizer, OneHotEncoder,
    OrdinalEncoder, OutputDistribution, PowerTransformer, QuantileTransformer, RobustScaler, SimpleImputer,
    Smoothing, SplineTransformer, StandardScaler, TargetEncoder, Unknown,
};
use serde_json::Value;

pub(crate) fn cases() -> Option<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/preprocessing.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: the shared fixtures are not there");
        return None;
    };
    let value: Value = serde_json::from_str(&text).unwrap();
    Some(value["cases"].as_array().unwrap().clone())
}

pub(crate) fn case<'a>(cases: &'a [Value], id: &str) -> &'a Value {
    cases.iter().find(|case| case["id"] == id).unwrap_or_else(|| panic!("no case {id}"))
}

pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

pub(crate) fn array(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_array().unwrap().iter().map(number).collect())
        .collect();
    let (n_rows, n_cols) = (rows.len(), rows[0].len());
    Array2::from_shape_vec((n_rows, n_cols), rows.concat()).unwrap()
}

fn close(got: &Matrix, expected: &Value, what: &str) {
    close_to(got, expected, what, 1e-12);
}

fn close_to(got: &Matrix, expected: &Value, what: &str, tolerance: f64) {
    let (got, expected) = (got.to_dense().unwrap(), array(expected));
    let got = got.dense().unwrap();
    assert_eq!(got.dim(), expected.dim(), "{what}");
    for (got, expected) in got.iter().zip(&expected) {
        let same = (got.is_nan() && expected.is_nan())
            || (got - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(same, "{what}: {got} is not {expected}");
    }
}

fn check<E>(cases: &[Value], id: &str, estimator: &E)
where
    E: Estimator<Input = Matrix, Target = NoTarget>,
    E::Model: Transformer<Input = Matrix, Output = Matrix>,
{
    check_to(cases, id, estimator, 1e-12);
}

fn check_to<E>(cases: &[Value], id: &str, estimator: &E, tolerance: f64) -> E::Model
where
    E: Estimator<Input = Matrix, Target = NoTarget>,
    E::Model: Transformer<Input = Matrix, Output = Matrix>,
{
    let case = case(cases, id);
    let model = estimator.fit(&array(&case["X"]).into(), &NoTarget).unwrap();
    let expected = &case["expected"];
    let (train, test) = (expected.get("train"), expected.get("test"));
    assert!(train.is_some() || test.is_some(), "{id} has nothing to compare with: {expected}");
    if let Some(train) = train {
        close_to(&model.transform(&array(&case["X"]).into()).unwrap(), train, id, tolerance);
    }
    if let Some(test) = test {
        close_to(&model.transform(&array(&case["Xtest"]).into()).unwrap(), test, id, tolerance);
    }
    model
}

#[test]
fn scalers_and_imputers() {
    let Some(cases) = cases() else { return };
    check(&cases, "standard", &StandardScaler::new());
    check(&cases, "standard_nan", &StandardScaler::new());
    check(&cases, "minmax", &MinMaxScaler::new());
    check(&cases, "maxabs", &MaxAbsScaler::new());
    check(&cases, "robust", &RobustScaler::new());
    check(&cases, "normalizer_l2", &Normalizer::new());
    check(&cases, "impute_median", &SimpleImputer::median().indicator(true));
    check(&cases, "impute_knn3", &KnnImputer::new().n_neighbors(3));
    check(&cases, "impute_most_frequent", &SimpleImputer::mode());
}

pub(crate) fn table(value: &Value) -> Table {
    let rows = value.as_array().unwrap();
    let width = rows[0].as_array().unwrap().len();
    let column =
        |c: usize| Column::text(rows.iter().map(|row| Some(row[c].as_str().unwrap())).collect::<Vec<_>>());
    Table::new((0..width).map(|c| (format!("c{c}"), column(c)))).unwrap()
}

#[test]
fn encoders() {
    let Some(cases) = cases() else { return };
    let encode = |id: &str, encoder: OneHotEncoder| {
        let case = case(&cases, id);
        let model = encoder.clone().fit(&table(&case["X"]), &NoTarget).unwrap();
        close(&model.transform(&table(&case["Xtest"])).unwrap(), &case["expected"]["test"], id);
        let sparse = encoder.sparse(true).fit(&table(&case["X"]), &NoTarget).unwrap();
        let sparse = sparse.transform(&table(&case["Xtest"])).unwrap();
        assert!(sparse.sparse().is_some());
        close(&sparse, &case["expected"]["test"], id);
    };
    encode("onehot_ignore", OneHotEncoder::new().unknown(Unknown::Ignore));
    encode("onehot_dropfirst", OneHotEncoder::new().unknown(Unknown::Ignore).drop_first(true));
    encode("onehot_infrequent", OneHotEncoder::new().unknown(Unknown::Ignore).min_frequency(2.0));

    // scikit-learn is told to write -1 for an unknown category where ours is missing.
    let case = case(&cases, "ordinal_unknown");
    let model = OrdinalEncoder::new().unknown(Unknown::Ignore).fit(&table(&case["X"]), &NoTarget).unwrap();
    let got = model.transform(&table(&case["Xtest"])).unwrap();
    let got = got.dense().unwrap().mapv(|code| if code.is_nan() { -1.0 } else { code });
    let test = case["expected"].get("test").unwrap_or(&case["expected"]);
    close(&Matrix::from(got), test, "ordinal_unknown");
}

#[test]
fn equal_weights_of_any_size_leave_the_median_where_it_is() {
    for n in [2, 6, 10, 30, 1000] {
        let x = Matrix::from(Array2::from_shape_fn((n, 1), |(row, _)| if row < n / 2 { 0.0 } else { 10.0 }));
        for weight in [0.1, 0.3, 1.0, 1e-7, 3e9] {
            let weights = vec![weight; n];
            let model = perennial_core::Train::new(&x, &NoTarget)
                .weights(&weights)
                .fit(&SimpleImputer::median())
                .unwrap();
            assert_eq!(model.fills(), [5.0], "{n} rows of weight {weight}");
        }
    }
}

#[test]
fn quantiles_splines_and_bins() {
    let Some(cases) = cases() else { return };
    check(&cases, "quantile_uniform", &QuantileTransformer::new().n_quantiles(11));
    check(&cases, "quantile_nan", &QuantileTransformer::new().n_quantiles(7));
    let normal = QuantileTransformer::new().n_quantiles(11).output_distribution(OutputDistribution::Normal);
    check_to(&cases, "quantile_normal", &normal, 1e-9);
    check(&cases, "spline", &SplineTransformer::new().n_knots(4).extrapolation(Extrapolation::Linear));
    check(&cases, "kbins_uniform", &KBinsDiscretizer::new().n_bins(4).bins(Bins::Uniform));
    check(&cases, "kbins_quantile", &KBinsDiscretizer::new().n_bins(4));
}

#[test]
fn powers() {
    let Some(cases) = cases() else { return };
    for (id, estimator) in [
        ("yeo_johnson", PowerTransformer::new()),
        ("box_cox", PowerTransformer::box_cox().standardize(false)),
    ] {
        // The transformed values follow the powers, which scikit-learn finds to 1e-6.
        let model = check_to(&cases, id, &estimator, 1e-4);
        let expected = case(&cases, id)["expected"]["lambdas_"].as_array().unwrap();
        for (got, expected) in model.lambdas().iter().zip(expected) {
            let expected = number(expected);
            assert!(
                (got - expected).abs() <= 1e-6 * expected.abs().max(1.0),
                "{id}: {got} is not {expected}"
            );
        }
        let x = Matrix::from(array(&case(&cases, id)["X"]));
        let back = model.inverse_transform(&model.transform(&x).unwrap()).unwrap();
        for (got, expected) in back.dense().unwrap().iter().zip(x.dense().unwrap()) {
            assert!(
                (got - expected).abs() <= 1e-9 * expected.abs().max(1.0),
                "{id}: {got} is not {expected}"
            );
        }
    }
}

#[test]
fn target_means() {
    let Some(cases) = cases() else { return };
    let case = case(&cases, "target_encode_fit");
    let codes = case["X"].as_array().unwrap().iter().map(|code| code.as_i64().unwrap());
    let table = Table::new([("c", Column::integer(codes.collect::<Vec<_>>()))]).unwrap();
    let y = Values::from(case["y"].as_array().unwrap().iter().map(number).collect::<Vec<_>>());
    let model = TargetEncoder::of_values().smoothing(Smoothing::Rows(5.0)).fit(&table, &y).unwrap();
    for (code, expected) in case["expected"]["encodings"].as_array().unwrap().iter().enumerate() {
        let got = model.code("c", &code.to_string()).unwrap().unwrap()[0];
        assert!((got - number(expected)).abs() < 1e-12, "{got} is not {expected}");
    }
    let unseen = Table::new([("c", Column::integer([99]))]).unwrap();
    let got = model.transform(&unseen).unwrap().dense().unwrap()[[0, 0]];
    assert!((got - number(&case["expected"]["target_mean"])).abs() < 1e-12);
}
