//! Forests that get more trees, and those that time is short for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use perennial_core::{Classes, Context, Estimator, Matrix, Observer, Progress, Rows, Train, Values};
use perennial_models::tree::{Criterion, Monotone};
use perennial_models::{
    ClassWeight, ExtraTreesClassifier, ExtraTreesRegressor, QuantileForestRegressor, RandomForestClassifier,
    RandomForestRegressor,
};

use crate::boosting::{data, signs};

/// The forest of twelve trees, and that of five to which seven are added.
macro_rules! both {
    ($settings:expr, $x:expr, $y:expr, $weights:expr) => {{
        let train = || {
            let train = Train::new($x, $y);
            if let Some(weights) = $weights { train.weights(weights) } else { train }
        };
        let whole = train().fit(&$settings.n_trees(12)).unwrap();
        let begun = train().fit(&$settings.n_trees(5)).unwrap();
        (whole, $settings.n_trees(7).fit_from(&begun, &train()).unwrap())
    }};
}

/// Counts steps.
#[derive(Default)]
struct Steps(AtomicUsize);

impl Observer for Steps {
    fn step(&self, _: &Progress<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn example() -> (Matrix, Values, Vec<f64>) {
    let (x, y) = data(500, 4, 91);
    let weights = (0..500).map(|row| f64::from(row % 4)).collect();
    (x, y, weights)
}

#[test]
fn more_trees_are_those_that_would_have_followed() {
    let (x, y, weights) = example();
    for weights in [None, Some(&weights[..])] {
        let random = RandomForestRegressor::new().out_of_bag(true).seed(3);
        let (whole, both) = both!(random.clone(), &x, &y, weights);
        assert_eq!(whole, both);
        assert_eq!(both.out_of_bag().unwrap().values().nrows(), 500);
        let (whole, both) = both!(random.clone().monotone("x0", Monotone::Increasing), &x, &y, weights);
        assert_eq!(whole, both);
        let (whole, both) = both!(ExtraTreesRegressor::new().max_samples(0.7), &x, &y, weights);
        assert_eq!(whole, both);
        let classes = signs(&y);
        let (whole, both) = both!(
            RandomForestClassifier::new()
                .out_of_bag(true)
                .balanced(true)
                .class_weight(ClassWeight::Balanced)
                .weight_each_tree(true),
            &x,
            &classes,
            weights
        );
        assert_eq!(whole, both);
        let (whole, both) =
            both!(ExtraTreesClassifier::new().criterion(Criterion::Entropy), &x, &classes, weights);
        assert_eq!(whole, both);
        let (whole, both) = both!(QuantileForestRegressor::new().max_depth(5), &x, &y, weights);
        assert_eq!(whole, both);
    }
}

#[test]
fn what_does_not_go_on_is_refused() {
    let (x, y, _) = example();
    let settings = RandomForestRegressor::new().n_trees(4).seed(1);
    let model = settings.fit(&x, &y).unwrap();
    let train = Train::new(&x, &y);
    let refused = |error: perennial_core::Error, word: &str| {
        assert!(error.to_string().contains(word), "{error}");
    };
    // Its trees have seen rows that are not known.
    refused(settings.clone().out_of_bag(true).fit_from(&model, &train).unwrap_err(), "`out_of_bag`");
    let known = settings.clone().out_of_bag(true).fit(&x, &y).unwrap();
    let other_seed = settings.clone().out_of_bag(true).seed(2);
    refused(other_seed.fit_from(&known, &train).unwrap_err(), "other rows");
    let fewer: Vec<usize> = (0..400).collect();
    let (few_x, few_y) = (x.take(&fewer).unwrap(), y.take(&fewer).unwrap());
    let few = Train::new(&few_x, &few_y);
    refused(settings.clone().out_of_bag(true).fit_from(&known, &few).unwrap_err(), "other rows");
    // Without the estimate other rows are welcome.
    assert_eq!(settings.fit_from(&known, &few).unwrap().trees().len(), 8);
    let narrow = x.select(&[0, 1]).unwrap();
    refused(settings.fit_from(&model, &Train::new(&narrow, &y)).unwrap_err(), "other columns");
    // The memory of all trees counts.
    let limited = settings.clone().n_trees(4).max_depth(3).memory_limit(400_000);
    assert!(limited.fit(&x, &y).is_ok());
    let many = settings.clone().n_trees(400).max_depth(3).fit(&x, &y).unwrap();
    refused(limited.fit_from(&many, &train).unwrap_err(), "`memory_limit`");

    // Its leaves keep rows: no others can stand beside them.
    let quantiles = QuantileForestRegressor::new().n_trees(3).max_depth(4);
    let kept = quantiles.fit(&x, &y).unwrap();
    refused(quantiles.fit_from(&kept, &few).unwrap_err(), "keeps other rows");
    let turned: Vec<usize> = (0..500).rev().collect();
    let other_x = x.take(&turned).unwrap();
    let steps = Arc::new(Steps::default());
    let ctx = Context::new().with_observer(steps.clone());
    let other = Train::new(&other_x, &y).context(ctx);
    refused(quantiles.fit_from(&kept, &other).unwrap_err(), "keeps other rows");
    // Before a tree is grown.
    assert_eq!(steps.0.load(Ordering::Relaxed), 0);
    refused(
        quantiles.fit_from(&kept, &Train::new(&x, &y).weights(&[2.0; 500])).unwrap_err(),
        "keeps other rows",
    );
    refused(quantiles.fit_from(&kept, &Train::new(&narrow, &y)).unwrap_err(), "other columns");

    let classes = signs(&y);
    let settings = RandomForestClassifier::new().n_trees(4);
    let model = settings.fit(&x, &classes).unwrap();
    let renamed = Classes::new(classes.codes().to_vec(), vec!["a".to_owned(), "b".to_owned()]).unwrap();
    refused(settings.fit_from(&model, &Train::new(&x, &renamed)).unwrap_err(), "classes");
}

#[test]
fn no_trees_are_begun_once_time_has_passed() {
    let (x, y, _) = example();
    let settings = RandomForestRegressor::new().n_trees(100_000).max_depth(4).seed(5);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let short = pool.install(|| settings.clone().time_limit(Duration::ZERO).fit(&x, &y)).unwrap();
    assert_eq!(short.trees().len(), 2);
    let some = settings.clone().time_limit(Duration::from_millis(30)).fit(&x, &y).unwrap();
    let n_trees = some.trees().len();
    assert!(n_trees < 100_000);
    // They are the first ones, and the others can follow.
    let whole = settings.clone().n_trees(n_trees.max(4)).fit(&x, &y).unwrap();
    assert_eq!(some.trees(), &whole.trees()[..n_trees]);
    let settings = settings.n_trees(20);
    let enough = Duration::from_secs(100_000);
    assert_eq!(settings.clone().time_limit(enough).fit(&x, &y).unwrap(), settings.fit(&x, &y).unwrap());
    let quantiles = QuantileForestRegressor::new().time_limit(Duration::ZERO).n_trees(1000);
    assert!(quantiles.fit(&x, &y).unwrap().trees().len() <= rayon::current_num_threads());
    let saved = serde_json::to_string(&quantiles).unwrap();
    assert_eq!(serde_json::from_str::<QuantileForestRegressor>(&saved).unwrap(), quantiles);
}
