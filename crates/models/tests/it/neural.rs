//! Networks.

use ndarray::{Array2, array};
use perennial_core::{
    Classes, Classifier, ErrorKind, Estimator, Feature, Features, Matrix, PartialFit, Predictor, Rows, Train,
    Values,
};
use perennial_models::neural::{
    Activation, Layer, MlpClassifierModel, MlpRegressorModel, Optimizer, Schedule,
};
use perennial_models::{MlpClassifier, MlpRegressor};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, blobs, check};

const DRAWS: &str = "copies of a row are learned in several steps, a weight of it in one";

fn few() -> Tags {
    Tags::new().most_rows(1500).expect_fail("W01", DRAWS)
}

fn small() -> [Layer; 2] {
    [Layer::dense(12), Layer::dense(8).activation(Activation::Tanh)]
}

check!(
    network,
    classifier,
    MlpClassifier::new().layers(small()).max_iter(15).batch_size(32).learning_rate(0.01),
    few()
);
check!(
    network_with_everything,
    classifier,
    MlpClassifier::new()
        .layers([
            Layer::dense(10),
            Layer::BatchNorm,
            Layer::dropout(0.1),
            Layer::residual([Layer::LayerNorm, Layer::dense(10).activation(Activation::Elu)]),
        ])
        .optimizer(Optimizer::adam_w(0.01))
        .schedule(Schedule::Cosine { warmup: 0.1 })
        .early_stopping(true)
        .learning_rate(0.02)
        .batch_size(48)
        .max_iter(12),
    // The last batch is smaller for other numbers of rows.
    few()
);
check!(
    network_of_steps,
    classifier,
    MlpClassifier::new()
        .layers(small())
        .optimizer(Optimizer::sgd(0.9))
        .learning_rate(0.05)
        .max_iter(12)
        .batch_size(150),
    few()
);
check!(
    network_regressor,
    regressor,
    MlpRegressor::new().layers(small()).max_iter(20).batch_size(32).learning_rate(0.01),
    few()
);
check!(
    network_regressor_held,
    regressor,
    MlpRegressor::new()
        .layers([Layer::dense(16).activation(Activation::LeakyRelu)])
        .early_stopping(true)
        .schedule(Schedule::InverseScaling { power: 0.2 })
        .max_iter(25)
        .batch_size(20)
        .learning_rate(0.02),
    few()
);

#[test]
fn what_no_line_tells_is_learned() {
    let mut random = Random::new(1);
    let x = Array2::from_shape_simple_fn((600, 2), || random.normal());
    let y = Classes::from_labels(x.rows().into_iter().map(|row| row[0] * row[1] > 0.0));
    let x = Matrix::from(x);
    let (known, held): (Vec<usize>, Vec<usize>) = (0..600).partition(|row| row % 3 > 0);
    let settings =
        MlpClassifier::new().layers([Layer::dense(32), Layer::dense(16)]).learning_rate(0.01).batch_size(32);
    let model = settings.fit(&x.take(&known).unwrap(), &y.take(&known).unwrap()).unwrap();
    let said = model.predict(&x.take(&held).unwrap()).unwrap();
    let truth = y.take(&held).unwrap();
    let right = said.codes().iter().zip(truth.codes()).filter(|(a, b)| a == b).count();
    assert!(right > 180, "{right} of 200 are right");
    assert_eq!(model.n_parameters(), 2 * 32 + 32 + 32 * 16 + 16 + 16 * 2 + 2);
    assert!(model.history()[0].loss > 2.0 * model.history().last().unwrap().loss);
}

#[test]
fn categories_are_embedded_and_unknown_ones_have_a_place() {
    let features =
        Features::try_from(vec![Feature::categorical("town", 30), Feature::numeric("noise")]).unwrap();
    let mut random = Random::new(2);
    let value = |code: usize| ((code * 7) % 30) as f64;
    let codes: Vec<usize> = (0..900).map(|_| random.below(30)).collect();
    let x = Array2::from_shape_fn(
        (900, 2),
        |(i, j)| if j == 0 { codes[i] as f64 } else { ((i * 31) % 17) as f64 },
    );
    let x = Matrix::from(x).with_features(features).unwrap();
    let y: Values = codes.iter().map(|&code| value(code)).collect();
    let settings =
        MlpRegressor::new().layers([Layer::dense(32)]).learning_rate(0.02).batch_size(32).embedding_size(6);
    let model = settings.fit(&x, &y).unwrap();
    let said = model.predict(&x).unwrap();
    let error = said.as_slice().iter().zip(y.as_slice()).map(|(a, b)| (a - b).abs()).sum::<f64>() / 900.0;
    assert!(error < 0.5, "the mean error is {error}");
    let unknown = array![[77.0, 1.0]];
    let unknown = Matrix::from(unknown).with_features(x.features().clone()).unwrap();
    assert!(model.predict(&unknown).unwrap().as_slice()[0].is_finite());
}

#[test]
fn the_best_pass_is_kept() {
    let example = blobs(2, 5);
    let mut random = Random::new(3);
    // Classes at random: what is learned of them is no use for others.
    let y = Classes::from_labels((0..300).map(|_| random.below(2)));
    let rows = |range: std::ops::Range<usize>| range.collect::<Vec<_>>();
    let take = |rows: &[usize]| (example.x.take(rows).unwrap(), y.take(rows).unwrap());
    let ((x, y), (held_x, held_y)) = (take(&rows(0..200)), take(&rows(200..300)));
    let settings = MlpClassifier::new()
        .layers([Layer::dense(64)])
        .learning_rate(0.02)
        .batch_size(20)
        .n_iter_no_change(5);
    let model = Train::new(&x, &y).validation(&held_x, &held_y).fit(&settings).unwrap();
    let losses: Vec<f64> = model.history().iter().map(|epoch| epoch.validation_loss.unwrap()).collect();
    assert!(model.converged() && losses.len() < 200);
    assert!(model.gap() <= 1e-4, "{}", model.gap());
    // What ended too early says by how much the loss was still falling; of two passes the first counts with its whole loss.
    let short = settings.clone().max_iter(2).fit(&x, &y).unwrap();
    assert!(!short.converged());
    assert_eq!(short.gap(), short.history()[0].loss);
    let shares = model.predict_proba(&held_x).unwrap();
    let own: f64 =
        (0..100).map(|row| -shares.values()[[row, held_y.codes()[row] as usize]].ln()).sum::<f64>() / 100.0;
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert!((own - best).abs() < 1e-4, "{own} instead of {best}");
}

#[test]
fn what_does_not_fit_is_an_error_that_says_so() {
    let example = blobs(2, 5);
    let bad = MlpClassifier::new().layers([Layer::residual([Layer::dense(7)])]);
    let error = bad.fit(&example.x, &example.classes).unwrap_err();
    assert!(error.to_string().contains("`units` is 7; expected 2"), "{error}");
    let wild = MlpRegressor::new().optimizer(Optimizer::sgd(0.9)).learning_rate(1000.0);
    let error = wild.fit(&example.x, &example.values).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Overflow { .. }) && error.to_string().contains("learning_rate"),
        "{error}"
    );
}

#[test]
fn large_batches_have_the_same_bits_at_any_number_of_threads() {
    let mut random = Random::new(8);
    let x = Array2::from_shape_simple_fn((6000, 3), || random.normal());
    let y: Values = x.rows().into_iter().map(|row| row[0] - row[1] * row[2]).collect();
    let x = Matrix::from(x);
    // More parts of a batch than gradients that are held at a time.
    let settings =
        MlpRegressor::new().layers([Layer::dense(16)]).batch_size(6000).max_iter(30).learning_rate(0.03);
    let fit = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| settings.fit(&x, &y).unwrap())
    };
    let one = fit(1);
    assert_eq!(one, fit(3));
    let losses = one.history();
    assert!(losses[29].loss < 0.7 * losses[0].loss, "{losses:?}");
    let wide = MlpRegressor::new().layers([Layer::dense(1 << 16), Layer::BatchNorm]).batch_size(6000);
    let error = wide.fit(&x, &y).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::TooLarge { .. }) && error.to_string().contains("batch_size"),
        "{error}"
    );
}

#[test]
fn rows_that_are_watched_have_weights() {
    let example = blobs(2, 5);
    let rows = |range: std::ops::Range<usize>| range.collect::<Vec<_>>();
    let take = |rows: &[usize]| (example.x.take(rows).unwrap(), example.values.take(rows).unwrap());
    let n = example.x.n_rows();
    let ((x, y), (held_x, held_y)) = (take(&rows(0..n / 2)), take(&rows(n / 2..n)));
    let some: Vec<usize> = (n / 2..n).filter(|row| row % 3 > 0).collect();
    let (few_x, few_y) = take(&some);
    let weights: Vec<f64> = (n / 2..n).map(|row| if row % 3 > 0 { 4.0 } else { 0.0 }).collect();
    let settings = MlpRegressor::new().layers([Layer::dense(8)]).max_iter(10);
    let train = Train::new(&x, &y).validation(&held_x, &held_y).validation_weights(&weights);
    let weighed = train.fit(&settings).unwrap();
    let few = Train::new(&x, &y).validation(&few_x, &few_y).fit(&settings).unwrap();
    for (ours, theirs) in weighed.history().iter().zip(few.history()) {
        let (ours, theirs) = (ours.validation_loss.unwrap(), theirs.validation_loss.unwrap());
        assert!((ours - theirs).abs() < 1e-9 * (1.0 + theirs), "{ours} {theirs}");
    }
}

#[test]
fn networks_go_on_with_further_rows() {
    let example = blobs(3, 11);
    let n = example.x.n_rows();
    let rows = |range: std::ops::Range<usize>| range.collect::<Vec<_>>();
    let part = |rows: &[usize]| (example.x.take(rows).unwrap(), example.classes.take(rows).unwrap());
    let ((x, y), (more, labels)) = (part(&rows(0..n / 2)), part(&rows(n / 2..n)));
    let settings = MlpClassifier::new().layers([Layer::dense(16), Layer::BatchNorm]).max_iter(1).seed(1);
    let settings = settings.batch_size(15).learning_rate(0.01);
    let mut model = settings.fit(&x, &y).unwrap();
    let at_first = model.history()[0].loss;
    for pass in 0..20 {
        let (x, y) = if pass % 2 == 0 { (&more, &labels) } else { (&x, &y) };
        model = settings.partial_fit(model, x, y).unwrap();
    }
    assert_eq!(model.history().len(), 21);
    assert!(model.history()[20].loss < 0.5 * at_first, "{:?}", model.history());
    // The memory of the optimiser is saved with the model, and changes what comes next.
    let saved: MlpClassifierModel = serde_json::from_str(&serde_json::to_string(&model).unwrap()).unwrap();
    let next = settings.partial_fit(model.clone(), &more, &labels).unwrap();
    assert_eq!(settings.partial_fit(saved, &more, &labels).unwrap(), next);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(pool.install(|| settings.partial_fit(model.clone(), &more, &labels).unwrap()), next);
    let other = MlpClassifier::new().layers([Layer::dense(8)]);
    let error = other.partial_fit(model, &more, &labels).unwrap_err();
    assert!(error.to_string().contains("other layers"), "{error}");

    let values = |rows: &[usize]| example.values.take(rows).unwrap();
    let settings = MlpRegressor::new().layers([Layer::dense(16)]).max_iter(1).seed(1).learning_rate(0.01);
    let settings = settings.batch_size(15);
    let mut model = settings.fit(&x, &values(&rows(0..n / 2))).unwrap();
    let at_first = model.history()[0].loss;
    for _ in 0..20 {
        model = settings.partial_fit(model, &more, &values(&rows(n / 2..n))).unwrap();
    }
    assert!(model.history()[20].loss < 0.8 * at_first, "{:?}", model.history());
}

#[test]
fn further_rows_count_by_their_weight_one_at_a_time() {
    let example = blobs(2, 3);
    let settings = MlpRegressor::new().layers([Layer::dense(6), Layer::BatchNorm]).max_iter(3).seed(1);
    let settings = settings.optimizer(Optimizer::sgd(0.0)).learning_rate(1e-3);
    let model = settings.fit(&example.x, &example.values).unwrap();
    let (x, y) = (example.x.take(&[0]).unwrap(), example.values.take(&[0]).unwrap());
    let moved = |weight: f64| {
        let further = Train::new(&x, &y).weights(&[weight]).partial_fit(&settings, model.clone()).unwrap();
        further.predict(&x).unwrap().as_slice()[0] - model.predict(&x).unwrap().as_slice()[0]
    };
    // Batches of one row reach the layers below their norm, and weights do not cancel.
    let (light, heavy) = (moved(1.0), moved(4.0));
    assert!(light != 0.0 && heavy.abs() > 2.0 * light.abs(), "{light} {heavy}");
    // What overflows in the memory of the optimiser is forgotten, so that the model can be read again.
    let settings = MlpRegressor::new().layers([Layer::dense(6)]).max_iter(3).seed(1);
    let model = settings.fit(&example.x, &example.values).unwrap();
    let model = Train::new(&x, &y).weights(&[1e30]).partial_fit(&settings, model).unwrap();
    let read: MlpRegressorModel = serde_json::from_str(&serde_json::to_string(&model).unwrap()).unwrap();
    assert_eq!(read, model);
}
