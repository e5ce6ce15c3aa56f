//! Fits that end before their time and go on later, in this process or in another.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use perennial_core::{
    CancelToken, Checkpoints, Classes, Context, ErrorKind, Estimator, Fingerprint, Matrix, Observer, Persist,
    Progress, Rows, Train, Values,
};
use perennial_models::boosting::{Mode, RankingLoss, RegressionLoss, RowSampling, StopReason, Watch};
use perennial_models::{
    ExtraTreesClassifier, GradientBoostingClassifier, GradientBoostingQuantileRegressor,
    GradientBoostingRanker, GradientBoostingRegressor, QuantileForestRegressor, RandomForestClassifier,
    RandomForestRegressor,
};

use crate::boosting::{data, signs};

/// A directory of its own, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Directory(std::env::temp_dir().join(format!("perennial_models_{}_{number}", std::process::id())))
    }

    fn files(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.0) else { return Vec::new() };
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "checkpoint"));
        files
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Cancels at a step, and remembers the least one.
struct Stops {
    token: CancelToken,
    at: usize,
    first: Mutex<Option<usize>>,
}

impl Observer for Stops {
    fn step(&self, progress: &Progress<'_>) {
        let mut first = self.first.lock().unwrap();
        *first = Some(first.map_or(progress.done, |first| first.min(progress.done)));
        if progress.done == self.at {
            self.token.cancel();
        }
    }
}

/// A context that keeps each state in a directory and stops at a step.
fn stopping(directory: &Path, at: usize) -> (Context, Arc<Stops>) {
    let stops = Arc::new(Stops { token: CancelToken::new(), at, first: Mutex::new(None) });
    let ctx = Context::new().with_checkpoints(Checkpoints::new(directory).every(Duration::ZERO));
    (ctx.with_cancel(stops.token.clone()).with_observer(stops.clone()), stops)
}

/// Stops a fit at these steps, one after the other, and compares what it comes to at last with one fit. `from` gives the first step
/// that is reported after a stop.
fn goes_on<E>(
    settings: &E,
    train: &Train<'_, Matrix, E::Target>,
    stops: &[usize],
    from: impl Fn(usize) -> usize,
) -> E::Model
where
    E: Estimator<Input = Matrix> + Persist,
{
    let directory = Directory::new();
    let whole = settings.encode(&train.clone().fit(settings).unwrap()).unwrap();
    let mut last = 0;
    for &stop in stops {
        let (ctx, seen) = stopping(&directory.0, stop);
        let error = train.clone().context(ctx).fit(settings).err().expect("it is told to stop");
        assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
        assert_eq!(*seen.first.lock().unwrap(), Some(from(last)));
        assert_eq!(directory.files().len(), 1);
        last = stop;
    }
    let (ctx, seen) = stopping(&directory.0, usize::MAX);
    let model = train.clone().context(ctx).fit(settings).unwrap();
    assert_eq!(*seen.first.lock().unwrap(), Some(from(last)));
    assert!(settings.encode(&model).unwrap() == whole, "another model after {stops:?}");
    assert!(directory.files().is_empty());
    model
}

fn regressor() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().n_trees(40).max_leaves(6).min_samples_leaf(5)
}

#[test]
fn boosters_go_on_to_the_same_bits() {
    let (x, y) = data(500, 4, 11);
    let weights: Vec<f64> = (0..500).map(|row| f64::from(row % 4) * 0.7).collect();
    let drawn = RowSampling::Fraction(0.6);
    let goss = RowSampling::Gradient { top: 0.2, rest: 0.3 };
    let dart = Mode::Dart { drop_rate: 0.3, skip: 0.2, max_dropped: 5 };
    let all = [
        regressor(),
        regressor().row_sampling(drawn).bagging_freq(3).columns_by_tree(0.7).columns_by_node(0.6),
        regressor().learning_rate(0.3).row_sampling(goss).extra_trees(true),
        regressor().mode(dart),
        regressor().mode(Mode::Forest).row_sampling(drawn),
        regressor().loss(RegressionLoss::AbsoluteError),
        regressor().offset("x2").columns_by_level(0.5),
    ];
    for settings in all {
        goes_on(&settings, &Train::new(&x, &y).weights(&weights), &[1, 2, 17, 39], |last| last);
    }
}

#[test]
fn what_was_watched_is_known_after_a_stop() {
    let (x, y) = data(600, 3, 12);
    let (watched, learned): (Vec<usize>, Vec<usize>) = (0..600).partition(|row| row % 3 == 0);
    let part = |rows: &[usize]| (x.take(rows).unwrap(), y.take(rows).unwrap());
    let ((x, y), (watched_x, watched_y)) = (part(&learned), part(&watched));
    let train = Train::new(&x, &y).validation(&watched_x, &watched_y);
    let metrics = [Watch::MeanAbsoluteError, Watch::Loss];
    let settings = regressor().n_trees(2000).learning_rate(0.3).patience(7).watch(metrics);
    let model = goes_on(&settings, &train, &[3, 10], |last| last);
    assert_eq!(model.booster().stop_reason(), StopReason::NoImprovement);
    // Within the rounds of patience: what was best before counts on.
    let n_seen = model.booster().history()[0].values.len();
    goes_on(&settings, &train, &[n_seen - 3, n_seen - 1], |last| last);
    let dart = Mode::Dart { drop_rate: 0.5, skip: 0.0, max_dropped: 3 };
    goes_on(&settings.clone().n_trees(30).mode(dart), &train, &[5, 20], |last| last);
    let forest = settings.n_trees(30).mode(Mode::Forest).row_sampling(RowSampling::Fraction(0.5));
    goes_on(&forest, &train, &[4, 9], |last| last);
}

#[test]
fn boosters_of_classes_ranks_and_quantiles_go_on() {
    let (x, y) = data(500, 3, 13);
    let three = Classes::from_labels(y.as_slice().iter().map(|y| (y.round() as i32).clamp(-1, 1)));
    for y in [&three, &signs(&y)] {
        let settings = GradientBoostingClassifier::new().max_leaves(5).n_trees(12);
        goes_on(&settings, &Train::new(&x, y).validation(&x, y), &[1, 7], |last| last);
    }
    let settings = GradientBoostingQuantileRegressor::new([0.1, 0.8]).max_leaves(5).n_trees(12);
    goes_on(&settings, &Train::new(&x, &y), &[5, 6], |last| last);
    let grades: Values = y.as_slice().iter().map(|y| y.round().clamp(0.0, 3.0)).collect();
    let groups: Vec<u32> = (0..500).map(|row| row / 20).collect();
    // Its derivatives are drawn anew in each round.
    let settings = GradientBoostingRanker::new().loss(RankingLoss::XeNdcg).max_leaves(5).n_trees(12);
    goes_on(&settings, &Train::new(&x, &grades).groups(&groups), &[5, 6], |last| last);
}

#[test]
fn forests_go_on_to_the_same_bits() {
    let (x, y) = data(300, 4, 14);
    let classes = signs(&y);
    let three = Classes::from_labels(y.as_slice().iter().map(|y| (y.round() as i32).clamp(-1, 1)));
    let weights: Vec<f64> = (0..300).map(|row| f64::from(row % 3) * 0.7).collect();
    // By two threads, states are kept of 8 trees, 16 and so on; steps come one for each tree.
    let from = |last: usize| last / 8 * 8 + 1;
    rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap().install(|| {
        let settings = RandomForestRegressor::new().n_trees(30).out_of_bag(true);
        goes_on(&settings, &Train::new(&x, &y).weights(&weights), &[9, 20, 29], from);
        let settings = QuantileForestRegressor::new().n_trees(20);
        goes_on(&settings, &Train::new(&x, &y), &[12], from);
        for y in [&classes, &three] {
            let settings = RandomForestClassifier::new().n_trees(20).balanced(true).out_of_bag(true);
            goes_on(&settings, &Train::new(&x, y), &[9], from);
            goes_on(&ExtraTreesClassifier::new().n_trees(20), &Train::new(&x, y), &[17], from);
        }
    });
}

#[test]
fn other_settings_rows_or_seeds_begin_anew() {
    let (x, y) = data(300, 3, 15);
    let (other_x, other_y) = data(300, 3, 16);
    let directory = Directory::new();
    let fit = |settings: &GradientBoostingRegressor, x: &Matrix, y: &Values, seed: u64, at: usize| {
        let (ctx, seen) = stopping(&directory.0, at);
        let model = Train::new(x, y).context(ctx.with_seed(seed)).fit(settings);
        let first = seen.first.lock().unwrap().unwrap();
        (model.map(|model| model.booster().trees().to_vec()).ok(), first)
    };
    let settings = regressor().n_trees(10);
    assert_eq!(fit(&settings, &x, &y, 1, 6), (None, 0));
    let other = regressor().n_trees(10).l2(3.0);
    for (settings, x, y, seed) in [
        (&other, &x, &y, 1),
        (&settings, &other_x, &y, 1),
        (&settings, &x, &other_y, 1),
        (&settings, &x, &y, 2),
    ] {
        let alone = Train::new(x, y).context(Context::new().with_seed(seed)).fit(settings).unwrap();
        assert_eq!(fit(settings, x, y, seed, usize::MAX), (Some(alone.booster().trees().to_vec()), 0));
    }
    let alone = Train::new(&x, &y).context(Context::new().with_seed(1)).fit(&settings).unwrap();
    assert_eq!(fit(&settings, &x, &y, 1, usize::MAX), (Some(alone.booster().trees().to_vec()), 6));
}

#[test]
fn a_damaged_state_is_refused() {
    let (x, y) = data(200, 3, 17);
    let directory = Directory::new();
    let fit = |at: usize| Train::new(&x, &y).context(stopping(&directory.0, at).0).fit(&regressor());
    assert!(fit(9).is_err());
    let [file] = &directory.files()[..] else { panic!("there is one state") };
    let mut bytes = std::fs::read(file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(file, bytes).unwrap();
    let error = fit(usize::MAX).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Corrupt { .. }) && error.to_string().contains("delete it"),
        "{error}"
    );
    std::fs::remove_file(file).unwrap();
    assert_eq!(fit(usize::MAX).unwrap(), regressor().fit(&x, &y).unwrap());
}

#[test]
fn states_count_as_memory() {
    let (x, y) = data(2000, 2, 18);
    let directory = Directory::new();
    let kept = || Context::new().with_checkpoints(Checkpoints::new(&directory.0));
    let passes = |limit: u64, ctx: Context| {
        let settings = regressor().n_trees(1).memory_limit(limit);
        Train::new(&x, &y).context(ctx).fit(&settings).is_ok()
    };
    let least = (0..1000).map(|step| step * 1000).find(|&limit| passes(limit, Context::new())).unwrap();
    assert!(!passes(least + 2000 * 8, kept()) && passes(least + 2000 * 24, kept()));
}

#[test]
fn states_of_forests_count_as_memory() {
    let (x, y) = data(500, 2, 21);
    let directory = Directory::new();
    let passes = |limit: u64, ctx: Context| {
        let settings = RandomForestRegressor::new().n_trees(5).memory_limit(limit);
        Train::new(&x, &y).context(ctx).fit(&settings).is_ok()
    };
    let kept = || Context::new().with_checkpoints(Checkpoints::new(&directory.0));
    let least = (0..1000).map(|step| step * 20_000).find(|&limit| passes(limit, Context::new())).unwrap();
    // The trees may have 999 nodes each, of some 100 bytes.
    assert!(!passes(least + 5 * 999 * 100, kept()) && passes(least + 2 * 5 * 999 * 100, kept()));
}

/// What stands before a state is right, and the state is that of other work.
#[test]
fn states_that_do_not_fit_are_refused_by_the_name_of_their_file() {
    let (x, y) = data(300, 3, 22);
    let forest = RandomForestRegressor::new().n_trees(30);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for is_forest in [false, true] {
        let directory = Directory::new();
        let fit = |at: usize| {
            let train = Train::new(&x, &y).context(stopping(&directory.0, at).0);
            match is_forest {
                true => pool.install(|| train.fit(&forest).err()),
                false => train.fit(&regressor()).err(),
            }
        };
        assert!(fit(20).is_some());
        let [file] = &directory.files()[..] else { panic!("there is one state") };
        let whole = std::fs::read(file).unwrap();
        // Lists without trees, and one that is cut off.
        for state in [&[0, 1, 0][..], &[0, 0, 0, 0], &[7]] {
            let mut of = Fingerprint::new();
            of.bytes(state);
            let bytes = [&whole[..24], &of.finish().to_le_bytes(), state].concat();
            std::fs::write(file, bytes).unwrap();
            let error = fit(usize::MAX).unwrap();
            assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error}");
            let name = file.file_name().unwrap().to_string_lossy();
            assert!(error.to_string().contains(&*name), "{error}");
        }
    }
}

const CHILD: &str = "PERENNIAL_MODELS_TEST_CHECKPOINTS";

/// Takes its time, so that it can be killed on the way.
struct Slow(Mutex<Option<usize>>);

impl Observer for Slow {
    fn step(&self, progress: &Progress<'_>) {
        self.0.lock().unwrap().get_or_insert(progress.done);
        std::thread::sleep(Duration::from_millis(4));
    }
}

fn fit_slowly(what: &str, ctx: Context) -> Vec<u8> {
    let (x, y) = data(200, 3, 19);
    let (watched_x, watched_y) = data(100, 3, 20);
    let train = Train::new(&x, &y).context(ctx);
    match what {
        "booster" => {
            let settings = regressor().n_trees(150).row_sampling(RowSampling::Fraction(0.5));
            let model = train.validation(&watched_x, &watched_y).fit(&settings);
            settings.encode(&model.unwrap()).unwrap()
        }
        _ => {
            let settings = RandomForestRegressor::new().n_trees(300).out_of_bag(true);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
            settings.encode(&pool.install(|| train.fit(&settings)).unwrap()).unwrap()
        }
    }
}

/// The child: learns, and is killed.
#[test]
fn child_process() {
    let Ok(what) = std::env::var(CHILD) else { return };
    let (what, directory) = what.split_once(' ').unwrap();
    let ctx = Context::new().with_checkpoints(Checkpoints::new(directory).every(Duration::ZERO));
    fit_slowly(what, ctx.with_observer(Arc::new(Slow(Mutex::new(None)))));
}

#[test]
fn killed_processes_go_on_to_the_same_bits() {
    for what in ["booster", "forest"] {
        let directory = Directory::new();
        for kill in 0..3_u64 {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "checkpoints::child_process"])
                .env(CHILD, format!("{what} {}", directory.0.display()))
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let begun = Instant::now();
            while directory.files().is_empty() && begun.elapsed() < Duration::from_secs(60) {
                std::thread::sleep(Duration::from_millis(2));
            }
            std::thread::sleep(Duration::from_millis(20 + 23 * kill));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(directory.files().len(), 1, "{what}");
        let slow = Arc::new(Slow(Mutex::new(None)));
        let ctx = Context::new().with_checkpoints(Checkpoints::new(&directory.0));
        let resumed = fit_slowly(what, ctx.with_observer(slow.clone()));
        assert!(slow.0.lock().unwrap().is_some_and(|first| first > 1), "{what} began anew");
        assert!(resumed == fit_slowly(what, Context::new()), "{what}");
        assert!(directory.files().is_empty());
    }
}
