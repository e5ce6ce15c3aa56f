//! Learning that is told to stop, and what it says of how far it is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use perennial_core::{
    CancelToken, Classes, Context, ErrorKind, Matrix, NoTarget, Observer, Progress, Result, Rows, Train,
    Values,
};
use perennial_models::boosting::{Labels, Mode, Objective, RegressionLoss};
use perennial_models::{
    Binner, DecisionTreeRegressor, ExtraTreesClassifier, GradientBoostingRegressor, IsolationForest,
    QuantileForestRegressor, RandomForestRegressor,
};

use crate::boosting::{data, signs};

/// Cancels when so many steps were reported, and counts all of them.
struct Stops {
    token: CancelToken,
    at: usize,
    steps: AtomicUsize,
}

impl Observer for Stops {
    fn step(&self, _: &Progress<'_>) {
        if self.steps.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            self.token.cancel();
        }
    }
}

/// How many steps are reported by one thread when it is told to stop at the third.
fn steps(fit: impl Fn(Context) -> Result<()> + Send + Sync) -> usize {
    let token = CancelToken::new();
    let stops = Arc::new(Stops { token: token.clone(), at: 3, steps: AtomicUsize::new(0) });
    let ctx = Context::new().with_cancel(token).with_observer(stops.clone());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let error = pool.install(|| fit(ctx)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
    stops.steps.load(Ordering::SeqCst)
}

/// A fit that is told where to report and when to stop.
type Fit<'a> = &'a (dyn Fn(Context) -> Result<()> + Send + Sync);

fn example() -> (Matrix, Values, Classes) {
    let (x, y) = data(600, 4, 101);
    let classes = signs(&y);
    (x, y, classes)
}

#[test]
fn nothing_is_begun_after_the_step_that_is_told_to_stop() {
    let (x, y, classes) = example();
    let of = |ctx| Train::new(&x, &y).context(ctx);
    let fits: [(&str, Fit<'_>); 6] = [
        ("forest", &|ctx| of(ctx).fit(&RandomForestRegressor::new()).map(|_| ())),
        ("extra trees", &|ctx| {
            Train::new(&x, &classes).context(ctx).fit(&ExtraTreesClassifier::new()).map(|_| ())
        }),
        ("quantile forest", &|ctx| of(ctx).fit(&QuantileForestRegressor::new()).map(|_| ())),
        ("exact tree", &|ctx| of(ctx).fit(&DecisionTreeRegressor::new()).map(|_| ())),
        ("boosting", &|ctx| of(ctx).fit(&GradientBoostingRegressor::new()).map(|_| ())),
        ("isolation", &|ctx| {
            Train::new(&x, &NoTarget).context(ctx).fit(&IsolationForest::new().contamination(0.1)).map(|_| ())
        }),
    ];
    for (what, fit) in fits {
        assert_eq!(steps(fit), 3, "{what}");
    }
}

#[test]
fn what_is_cancelled_before_it_begins_does_not_begin() {
    let (x, y, _) = example();
    let token = CancelToken::new();
    token.cancel();
    let ctx = || Context::new().with_cancel(token.clone());
    let stopped = |error: perennial_core::Error| {
        assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
    };
    stopped(Train::new(&x, &NoTarget).context(ctx()).fit(&Binner::new()).unwrap_err());
    stopped(Train::new(&x, &NoTarget).context(ctx()).fit(&IsolationForest::new()).unwrap_err());
    stopped(Train::new(&x, &y).context(ctx()).fit(&DecisionTreeRegressor::new()).unwrap_err());
    stopped(Train::new(&x, &y).context(ctx()).fit(&RandomForestRegressor::new()).unwrap_err());
}

/// A squared error that is told to stop when its derivatives are asked for the third time, and counts how often they are.
#[derive(Clone, Debug)]
struct Told {
    token: CancelToken,
    asked: Arc<AtomicUsize>,
}

impl Told {
    fn new() -> Self {
        Told { token: CancelToken::new(), asked: Arc::default() }
    }
}

impl Objective for Told {
    fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
        Ok(vec![labels.mean_by(|row| labels.y[row]) + 0.01])
    }

    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        if self.asked.fetch_add(1, Ordering::SeqCst) + 1 == 3 {
            self.token.cancel();
        }
        // So slowly that it would go on for long.
        labels.each_row(scores, gradients, hessians, |y, score| (1e-3 * (score - y), 1.0));
    }

    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
        RegressionLoss::SquaredError.loss(labels, scores)
    }
}

#[test]
fn boosting_stops_while_it_looks_for_a_constant_and_while_it_leaves_trees_out() {
    let (x, y, _) = example();
    let dart = Mode::Dart { drop_rate: 1.0, skip: 0.0, max_dropped: 50 };
    for settings in [
        GradientBoostingRegressor::new().offset("x3"),
        GradientBoostingRegressor::new().mode(dart),
        GradientBoostingRegressor::new(),
    ] {
        let told = Told::new();
        let ctx = Context::new().with_cancel(told.token.clone());
        let error = Train::new(&x, &y).context(ctx).fit(&settings.loss(told.clone())).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
        assert_eq!(told.asked.load(Ordering::SeqCst), 3);
    }
}

/// What was reported under the path of the fit itself.
#[derive(Default)]
struct Seen(Mutex<Vec<(usize, usize)>>);

impl Observer for Seen {
    fn step(&self, progress: &Progress<'_>) {
        if progress.path.is_empty() {
            self.0.lock().unwrap().push((progress.done, progress.total));
        }
    }
}

#[test]
fn each_tree_is_a_step() {
    let (x, y, classes) = example();
    assert_eq!(x.n_rows(), 600);
    let fits: [&(dyn Fn(Context) + Send + Sync); 4] = [
        &|ctx| {
            Train::new(&x, &y).context(ctx).fit(&RandomForestRegressor::new().n_trees(23)).unwrap();
        },
        &|ctx| {
            Train::new(&x, &classes).context(ctx).fit(&ExtraTreesClassifier::new().n_trees(23)).unwrap();
        },
        &|ctx| {
            Train::new(&x, &y).context(ctx).fit(&QuantileForestRegressor::new().n_trees(23)).unwrap();
        },
        &|ctx| {
            Train::new(&x, &NoTarget).context(ctx).fit(&IsolationForest::new().n_trees(23)).unwrap();
        },
    ];
    for (which, fit) in fits.iter().enumerate() {
        for n_threads in [1, 3] {
            let seen = Arc::new(Seen::default());
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| fit(Context::new().with_observer(seen.clone())));
            let mut steps = seen.0.lock().unwrap().clone();
            // By one thread in order; by several each number once.
            if n_threads > 1 {
                steps.sort_unstable();
            }
            assert_eq!(steps, (1..=23).map(|done| (done, 23)).collect::<Vec<_>>(), "fit {which}");
        }
    }
}
