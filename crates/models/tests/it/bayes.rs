//! Naive Bayes of counts, discriminants and isotonic regression against scikit-learn, and through the kit.

use ndarray::{Array2, array};
use perennial_core::{
    Classes, Classifier, Csr, ErrorKind, Estimator, Matrix, PartialFit, Predictor, Rows, Train, Values,
};
use perennial_models::isotonic::{Direction, IsotonicRegression, OutOfBounds};
use perennial_models::naive_bayes::{
    BernoulliNaiveBayes, CategoricalNaiveBayes, ComplementNaiveBayes, MultinomialNaiveBayes,
};
use perennial_models::{GaussianNaiveBayes, LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check};
use serde_json::Value;

use crate::fixtures::{array as fixture, assert_close, cases, classes, matrix, number, numbers};

fn counting() -> Tags {
    Tags::new().positive_only().poor_score()
}

check!(multinomial, classifier, MultinomialNaiveBayes::new(), counting());
check!(complement, classifier, ComplementNaiveBayes::new(), counting());
check!(complement_normed, classifier, ComplementNaiveBayes::new().norm(true).alpha(0.1), counting());
check!(bernoulli, classifier, BernoulliNaiveBayes::new());
check!(
    bernoulli_flat,
    classifier,
    BernoulliNaiveBayes::new().threshold(0.5).fit_prior(false),
    Tags::new().poor_score()
);
check!(linear_discriminant, classifier, LinearDiscriminantAnalysis::new());
check!(
    linear_discriminant_directions,
    transformer,
    LinearDiscriminantAnalysis::new().n_components(1),
    Tags::new().selects_by_target()
);
check!(linear_discriminant_found, classifier, LinearDiscriminantAnalysis::new().auto_shrinkage(true));
check!(linear_discriminant_shrunk, classifier, LinearDiscriminantAnalysis::new().shrinkage(0.4));
check!(quadratic_discriminant, classifier, QuadraticDiscriminantAnalysis::new());
check!(quadratic_discriminant_shrunk, classifier, QuadraticDiscriminantAnalysis::new().reg_param(0.3));

// X = [[(i*i*3 + j*5) % 7 + (i*(j + 2)) % 5 / 4 for j in 0, 1] for i in 0..15], y = (i*i + i//3) % 3;
// scikit-learn 1.9.1, predict_proba of the first three rows.
fn small() -> (Matrix, Classes) {
    let cell = |(i, j): (usize, usize)| ((i * i * 3 + j * 5) % 7) as f64 + 0.25 * ((i * (j + 2)) % 5) as f64;
    let x = Array2::from_shape_fn((15, 2), cell);
    (x.into(), Classes::from_labels((0..15).map(|i| (i * i + i / 3) % 3)))
}

fn first_three<M: Classifier<Input = Matrix>>(model: &M, x: &Matrix) -> Vec<f64> {
    let first = x.take(&[0, 1, 2]).unwrap();
    model.predict_proba(&first).unwrap().values().iter().copied().collect()
}

/// scikit-learn 1.9.1: `decision_function` of the first three rows, and of the class 1 against both others.
fn scores_are_the_reference(x: &Matrix, y: &Classes) {
    let first = x.take(&[0, 1, 2]).unwrap();
    let two = Classes::from_labels(y.codes().iter().map(|&code| u8::from(code == 1)));
    let linear = LinearDiscriminantAnalysis::new();
    let found = linear.fit(x, y).unwrap().decision_function(&first).unwrap();
    let truth = [
        0.6837190433381469,
        -3.238721411491139,
        -0.8146039046311646,
        -1.5808766485601784,
        -1.847434380390304,
        -0.6724717884335063,
        -2.852905473973239,
        -0.4482356765813553,
        -1.3338871726737969,
    ];
    assert_close(found.as_slice().unwrap(), &truth, 1e-12, "linear scores");
    let found = linear.fit(x, &two).unwrap().decision_function(&first).unwrap();
    let truth = [-3.5610103695498494, -1.567648526184814, 0.6817790836943898];
    assert_close(found.as_slice().unwrap(), &truth, 1e-12, "linear odds");

    let quadratic = QuadraticDiscriminantAnalysis::new();
    let found = quadratic.fit(x, y).unwrap().decision_function(&first).unwrap();
    let truth = [
        -2.75104141342254,
        -91.73318979108909,
        -4.360324392046035,
        -3.868549958808032,
        -2.7682297329917938,
        -2.820378260707263,
        -3.5717022565672414,
        -1.1574817300869298,
        -2.731204311436815,
    ];
    assert_close(found.as_slice().unwrap(), &truth, 1e-10, "quadratic scores");
    let found = quadratic.fit(x, &two).unwrap().decision_function(&first).unwrap();
    let truth = [-89.00787719502486, -0.23899359972023015, 1.217929255600199];
    assert_close(found.as_slice().unwrap(), &truth, 1e-10, "quadratic odds");
    assert_eq!(quadratic.fit(x, y).unwrap().decision_function(&x.take(&[]).unwrap()).unwrap().dim(), (0, 3));
    assert_eq!(linear.fit(x, &two).unwrap().decision_function(&x.take(&[]).unwrap()).unwrap().dim(), (0, 1));
}

#[test]
fn models_of_small_data_are_the_reference() {
    let (x, y) = small();
    let model = LinearDiscriminantAnalysis::new().fit(&x, &y).unwrap();
    let truth = [
        0.8043127846866484,
        0.015919547782243727,
        0.1797676675311079,
        0.23549500155454134,
        0.18039194513060777,
        0.5841130533148509,
        0.06008708441719232,
        0.6654508057018038,
        0.274462109881004,
    ];
    assert_close(&first_three(&model, &x), &truth, 1e-12, "linear discriminant");
    let ratios = [0.9502943586865928, 0.0497056413134071];
    assert_close(model.explained_variance_ratio(), &ratios, 1e-12, "directions");

    let model = QuadraticDiscriminantAnalysis::new().fit(&x, &y).unwrap();
    let truth = [
        0.8333118136371939,
        1.88952007515809e-39,
        0.16668818636280608,
        0.14582447442752206,
        0.4382212388226953,
        0.41595428674978274,
        0.0689723083310835,
        0.7711829402362438,
        0.1598447514326728,
    ];
    let found = first_three(&model, &x);
    assert_close(&found, &truth, 1e-12, "quadratic discriminant");
    assert!((found[1] / truth[1] - 1.0).abs() < 1e-9, "a tiny probability keeps its digits: {}", found[1]);

    scores_are_the_reference(&x, &y);

    let model = BernoulliNaiveBayes::new().alpha(0.7).threshold(2.6).fit(&x, &y).unwrap();
    let truth = [
        0.5321055779585085,
        0.16975421173514954,
        0.29814021030634197,
        0.18374263635296936,
        0.364196964020294,
        0.4520603996267365,
        0.1784890874094099,
        0.545018417567957,
        0.2764924950226331,
    ];
    assert_close(&first_three(&model, &x), &truth, 1e-12, "Bernoulli");

    let model = ComplementNaiveBayes::new().alpha(0.7).fit(&x, &y).unwrap();
    let truth = [
        0.5083538900943706,
        0.1678953377136659,
        0.3237507721919634,
        0.2891981963225859,
        0.39394814993276495,
        0.31685365374464924,
        0.266622963537061,
        0.42852174486341454,
        0.30485529159952446,
    ];
    assert_close(&first_three(&model, &x), &truth, 1e-12, "complement");
    let model = ComplementNaiveBayes::new().alpha(0.7).norm(true).fit(&x, &y).unwrap();
    let truth = [
        0.4489534419844632,
        0.21248054483055404,
        0.3385660131849827,
        0.2938488304096685,
        0.38179717746464736,
        0.3243539921256841,
        0.27196903802175487,
        0.4103974361338539,
        0.31763352584439125,
    ];
    assert_close(&first_three(&model, &x), &truth, 1e-12, "complement, normed");

    let floors = Matrix::from(x.dense().unwrap().mapv(f64::floor));
    let model = CategoricalNaiveBayes::new().alpha(0.5).fit(&floors, &y).unwrap();
    let truth = [
        0.5671330589849108,
        0.10447187928669403,
        0.3283950617283949,
        0.11643442115105167,
        0.3217266900226424,
        0.561838888826306,
        0.048120450104984176,
        0.8125602320359167,
        0.13931931785909937,
    ];
    assert_close(&first_three(&model, &floors), &truth, 1e-12, "categorical");
}

fn case(id: &str) -> Option<Value> {
    cases("preprocessing.json").into_iter().find(|case| case["id"] == id)
}

#[test]
fn multinomial_is_the_reference_dense_and_sparse_and_in_batches() {
    let Some(case) = case("multinomial_nb") else { return };
    let (x, y) = (matrix(&case["X"]), classes(&case["y"]));
    let settings = MultinomialNaiveBayes::new().alpha(number(&case["alpha"]));
    let model = settings.fit(&x, &y).unwrap();
    let truth: Vec<f64> = fixture(&case["expected"]["logproba"]).iter().copied().collect();
    let n = truth.len() / y.n_classes();
    let logs = |model: &perennial_models::naive_bayes::DiscreteNaiveBayesModel, x: &Matrix| -> Vec<f64> {
        let first = x.take(&(0..n).collect::<Vec<_>>()).unwrap();
        model.predict_proba(&first).unwrap().values().iter().map(|share| share.ln()).collect()
    };
    assert_close(&logs(&model, &x), &truth, 1e-12, "dense");

    let dense = x.dense().unwrap();
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense.rows() {
        for (column, value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            indices.push(column as u32);
            values.push(*value);
        }
        indptr.push(values.len());
    }
    let sparse = Matrix::from(Csr::new(dense.ncols(), indptr, indices, values).unwrap());
    let of_sparse = settings.fit(&sparse, &y).unwrap();
    assert_close(&logs(&of_sparse, &sparse), &truth, 1e-12, "sparse");

    let rows = |range: std::ops::Range<usize>| range.collect::<Vec<_>>();
    let (first, last) = (rows(0..5), rows(5..12));
    let part = settings.fit(&x.take(&first).unwrap(), &y.take(&first).unwrap()).unwrap();
    let whole = settings.partial_fit(part, &x.take(&last).unwrap(), &y.take(&last).unwrap()).unwrap();
    assert_close(&logs(&whole, &x), &truth, 1e-12, "in two batches");
    let error = settings.partial_fit(whole, &x, &Classes::from_labels(vec!["a"; 12])).unwrap_err();
    assert!(error.to_string().contains("same list of names"), "{error}");
}

#[test]
fn counting_models_refuse_what_is_no_count() {
    let y = Classes::from_labels(["a", "b"]);
    let error = MultinomialNaiveBayes::new().fit(&array![[1.0, 2.0], [0.0, -3.0]].into(), &y).unwrap_err();
    assert!(error.to_string().starts_with("row 1 has -3 in `x1`"), "{error}");
    let error = CategoricalNaiveBayes::new().fit(&array![[1.0], [0.5]].into(), &y).unwrap_err();
    assert!(error.to_string().starts_with("row 1 has 0.5 in `x0`"), "{error}");
    // A category that training lacks is one without rows.
    let model = CategoricalNaiveBayes::new().fit(&array![[1.0], [0.0]].into(), &y).unwrap();
    let unseen = model.predict_proba(&array![[77.0]].into()).unwrap();
    assert_eq!(unseen.values()[[0, 0]], 0.5);
}

#[test]
fn discriminants_say_what_is_singular() {
    let x = Matrix::from(array![[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [5.0, 1.0], [6.0, 3.0], [7.0, 9.0]]);
    let y = Classes::from_labels(["a", "a", "a", "b", "b", "b"]);
    let error = QuadraticDiscriminantAnalysis::new().fit(&x, &y).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Singular { .. }) && error.to_string().contains("`a`"),
        "{error}"
    );
    assert!(QuadraticDiscriminantAnalysis::new().reg_param(0.1).fit(&x, &y).is_ok());
    let error = LinearDiscriminantAnalysis::new().priors([0.5, 0.6]).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("sum to 1"), "{error}");
}

#[test]
fn isotonic_regression_is_the_reference() {
    let Some(case) = case("isotonic_weighted_ties") else { return };
    let column = |key: &str| numbers(&case[key]);
    let x = Matrix::from(Array2::from_shape_vec((20, 1), column("x")).unwrap());
    let (y, w) = (Values::from(column("y")), column("w"));
    let model = Train::new(&x, &y).weights(&w).fit(&IsotonicRegression::new()).unwrap();
    let fitted = model.predict(&x).unwrap();
    assert_close(fitted.as_slice(), &numbers(&case["expected"]["fitted"]), 1e-12, "fitted");
}

#[test]
fn isotonic_regression_is_the_best_monotone_function() {
    // Brute force: the value at i is the largest, over starts up to i, of the smallest mean, over ends from i (minimax).
    let mut random = Random::new(4);
    for n in [1, 2, 5, 17] {
        let y: Vec<f64> = (0..n).map(|i| random.normal() + 0.1 * f64::from(i)).collect();
        let mean = |a: usize, b: usize| y[a..=b].iter().sum::<f64>() / (b - a + 1) as f64;
        let n = y.len();
        let best = |i: usize| {
            let least = |a| (i..n).map(|b| mean(a, b)).fold(f64::INFINITY, f64::min);
            (0..=i).map(least).fold(f64::NEG_INFINITY, f64::max)
        };
        let truth: Vec<f64> = (0..n).map(best).collect();
        let x = Matrix::from(Array2::from_shape_fn((n, 1), |(i, _)| i as f64));
        let up = IsotonicRegression::new().fit(&x, &y.clone().into()).unwrap();
        assert_close(up.predict(&x).unwrap().as_slice(), &truth, 1e-12, "increasing");
        let mirrored: Values = y.iter().map(|value| -value).collect();
        let down = IsotonicRegression::new().direction(Direction::Auto).fit(&x, &mirrored).unwrap();
        let found: Vec<f64> = down.predict(&x).unwrap().as_slice().iter().map(|value| -value).collect();
        if n > 5 {
            assert!(!down.increasing());
            assert_close(&found, &truth, 1e-12, "decreasing");
        }
    }
}

#[test]
fn isotonic_regression_keeps_its_bounds() {
    let x = Matrix::from(array![[0.0], [1.0], [2.0]]);
    let y = Values::from(vec![-1.0, 0.5, 7.0]);
    let model = IsotonicRegression::new().y_min(0.0).y_max(1.0).fit(&x, &y).unwrap();
    let beyond = Matrix::from(array![[-5.0], [0.5], [9.0]]);
    assert_eq!(model.predict(&beyond).unwrap().as_slice(), [0.0, 0.25, 1.0]);
    let strict = IsotonicRegression::new().out_of_bounds(OutOfBounds::Refuse).fit(&x, &y).unwrap();
    assert!(strict.predict(&beyond).unwrap_err().to_string().starts_with("row 0 has -5"));
    assert!(IsotonicRegression::new().y_min(2.0).y_max(1.0).fit(&x, &y).is_err());
    let two = Matrix::from(array![[0.0, 1.0]]);
    assert!(IsotonicRegression::new().fit(&two, &Values::from(vec![1.0])).is_err());
    let huge = Matrix::from(array![[-1.7e308], [1.7e308]]);
    let model = IsotonicRegression::new().fit(&huge, &Values::from(vec![0.0, 1.0])).unwrap();
    assert_eq!(model.predict(&array![[0.0]].into()).unwrap().as_slice(), [0.5]);
}

#[test]
fn batches_are_all_rows_for_gaussian_and_categorical_naive_bayes() {
    let cell = |(i, j): (usize, usize)| 1e3 + ((i * i * 3 + j * 5) % 7) as f64 * (j + 1) as f64;
    let x = Matrix::from(Array2::from_shape_fn((40, 2), cell));
    let names = ["a", "b", "c", "never"].map(str::to_owned).to_vec();
    // The first batch lacks the class `c`.
    let code = |i: u32| if i < 15 { i % 2 } else { (i * i + i / 3) % 3 };
    let y = Classes::new((0..40).map(code).collect(), names).unwrap();
    let weights: Vec<f64> = (0..40).map(|i| f64::from(i % 4) * 0.5).collect();
    let rows = |range: std::ops::Range<usize>| range.collect::<Vec<_>>();
    let parts = [rows(0..15), rows(15..16), rows(16..40)];
    let settings = GaussianNaiveBayes::new();
    let whole = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap();
    let mut model = None;
    for rows in &parts {
        let (x, y) = (x.take(rows).unwrap(), y.take(rows).unwrap());
        let weights: Vec<f64> = rows.iter().map(|&row| weights[row]).collect();
        let train = Train::new(&x, &y).weights(&weights);
        model = Some(match model {
            None => train.fit(&settings).unwrap(),
            Some(model) => train.partial_fit(&settings, model).unwrap(),
        });
    }
    let model = model.unwrap();
    let flat = |view: ndarray::ArrayView2<'_, f64>| view.iter().copied().collect::<Vec<f64>>();
    assert_close(&flat(model.means()), &flat(whole.means()), 1e-11, "means");
    assert_close(&flat(model.variances()), &flat(whole.variances()), 1e-10, "variances");
    assert_close(model.priors(), whole.priors(), 1e-14, "priors");
    assert_eq!(model.priors()[3], 0.0);
    let error = settings.partial_fit(model, &x, &Classes::from_labels(vec!["a"; 40])).unwrap_err();
    assert!(error.to_string().contains("same list of names"), "{error}");

    let settings = CategoricalNaiveBayes::new().alpha(0.5);
    let x = Matrix::from(x.dense().unwrap().mapv(|value| value - 1e3));
    let whole = settings.fit(&x, &y).unwrap();
    let [first, second, third] = parts.map(|rows| (x.take(&rows).unwrap(), y.take(&rows).unwrap()));
    let model = settings.fit(&first.0, &first.1).unwrap();
    let model = settings.partial_fit(model, &second.0, &second.1).unwrap();
    assert_eq!(settings.partial_fit(model, &third.0, &third.1).unwrap(), whole);
}

/// scikit-learn: `GaussianNB(priors=[.2, .5, .3]).fit(X, y).predict_proba(X[:12:4] + .21)` with `i = arange(60)`,
/// `y = where(i % 10 == 0, 0, where(i % 3 == 0, 1, 2))` and
/// `X = c_[sin(1.7 i) * 3 + .6 y, cos(.9 i) * 2 - .4 y, (37 i % 11) * .3]`.
#[test]
fn given_priors_are_those_of_scikit_learn() {
    let (x, y) = crate::neighbors::unlike_classes();
    let model = GaussianNaiveBayes::new().priors([0.2, 0.5, 0.3]).fit(&x, &y).unwrap();
    let queries = Matrix::from(x.take(&[0, 4, 8]).unwrap().dense().unwrap() + 0.21);
    let found: Vec<f64> = model.predict_proba(&queries).unwrap().values().iter().copied().collect();
    let truth = [
        0.4270294436685536,
        0.4417633458590871,
        0.13120721047235928,
        0.02609133960809698,
        0.4188342798650889,
        0.5550743805268139,
        0.10005107198186758,
        0.21932042287236042,
        0.6806285051457722,
    ];
    assert_close(&found, &truth, 1e-12, "given priors");
    let error = GaussianNaiveBayes::new().priors([0.5, 0.6, 0.1]).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("sum to 1"), "{error}");
}

/// scikit-learn: `LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")`, and `class_prior=[.5, .2, .3]` of
/// `MultinomialNB(alpha=.7)`, `BernoulliNB(alpha=.7, binarize=2.6)` and `CategoricalNB(alpha=.5)` of the floors.
#[test]
fn shrinkage_that_is_found_and_priors_that_are_given_are_those_of_scikit_learn() {
    let (x, y) = small();
    let model = LinearDiscriminantAnalysis::new().auto_shrinkage(true).fit(&x, &y).unwrap();
    let truth = [
        0.8050835371376533,
        0.015861468544975207,
        0.1790549943173714,
        0.23439341083301446,
        0.18174865831612114,
        0.5838579308508645,
        0.05995859126226043,
        0.6654393041389127,
        0.27460210459882695,
    ];
    assert_close(&first_three(&model, &x), &truth, 1e-10, "found shrinkage");
    let error =
        LinearDiscriminantAnalysis::new().auto_shrinkage(true).shrinkage(0.1).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("`shrinkage` is 0.1"), "{error}");

    let priors = [0.5, 0.2, 0.3];
    let model = MultinomialNaiveBayes::new().alpha(0.7).priors(priors).fit(&x, &y).unwrap();
    let truth = [
        0.8272368230940459,
        0.03835678828710541,
        0.1344063886188487,
        0.33954725836083466,
        0.28842459468352233,
        0.37202814695564296,
        0.25746179274304476,
        0.3362601321810267,
        0.4062780750759282,
    ];
    assert_close(&first_three(&model, &x), &truth, 1e-12, "multinomial");
    let model = BernoulliNaiveBayes::new().alpha(0.7).threshold(2.6).priors(priors).fit(&x, &y).unwrap();
    let truth = [
        0.738542477367835,
        0.0628299852619485,
        0.19862753737021663,
        0.3690716766868858,
        0.1950768920749676,
        0.4358514312381467,
        0.3909572638851439,
        0.3183446299408828,
        0.2906981061739732,
    ];
    assert_close(&first_three(&model, &x), &truth, 1e-12, "Bernoulli");
    let floors = Matrix::from(x.dense().unwrap().mapv(f64::floor));
    let model = CategoricalNaiveBayes::new().alpha(0.5).priors(priors).fit(&floors, &y).unwrap();
    let truth = [
        0.7535431693139178,
        0.03701615568559595,
        0.20944067500048605,
        0.24672968585887525,
        0.18180082115917115,
        0.5714694929819535,
        0.14508250413300486,
        0.6532954864468635,
        0.20162200942013173,
    ];
    assert_close(&first_three(&model, &floors), &truth, 1e-12, "categorical");
    assert!(MultinomialNaiveBayes::new().priors([0.5, 0.4]).fit(&x, &y).is_err());
}

/// scikit-learn: `LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")` with `i = arange(60)`, `y = i % 2`,
/// `X = c_[(y == 1) & (i % 3 == 0), 50000 + 100 * (7 i % 13) + 40 y]`.
#[test]
fn a_column_that_one_class_lacks_keeps_its_power_where_shrinkage_is_found() {
    let x = Array2::from_shape_fn((60, 2), |(i, j)| match j {
        0 => f64::from(u8::from(i % 6 == 3)),
        _ => 50_000.0 + 100.0 * ((i * 7) % 13) as f64 + 40.0 * (i % 2) as f64,
    });
    let y = Classes::from_labels((0..60).map(|i| if i % 2 == 0 { "a" } else { "b" }));
    let model = LinearDiscriminantAnalysis::new().auto_shrinkage(true).fit(&Matrix::from(x), &y).unwrap();
    let asked = Matrix::from(array![[1.0, 50_600.0], [0.0, 50_600.0], [0.0, 50_000.0], [1.0, 51_000.0]]);
    let found = model.predict_proba(&asked).unwrap().values().column(1).to_vec();
    let truth = [0.9037236517206989, 0.3880120227906729, 0.26078631910693234, 0.9327742696363505];
    assert_close(&found, &truth, 1e-9, "a flag beside a large column");
}

#[test]
fn priors_that_leave_no_class_with_rows_are_refused() {
    let x = Matrix::from(array![[0.0], [1.0], [2.0]]);
    let y = Classes::new(vec![0, 0, 0], vec!["a".to_owned(), "b".to_owned()]).unwrap();
    let errors = [
        GaussianNaiveBayes::new().priors([0.0, 1.0]).fit(&x, &y).err(),
        MultinomialNaiveBayes::new().priors([0.0, 1.0]).fit(&x, &y).err(),
        BernoulliNaiveBayes::new().priors([0.0, 1.0]).fit(&x, &y).err(),
        CategoricalNaiveBayes::new().priors([0.0, 1.0]).fit(&x, &y).err(),
    ];
    for error in errors {
        let error = error.unwrap().to_string();
        assert!(error.contains("at least one class that has rows: a"), "{error}");
    }
}
