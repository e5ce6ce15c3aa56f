//! Spaces: what is drawn, what is refused.

use perennial_core::{Context, Param};
use perennial_tuning::{Dimension, GridSearch, RandomSearch, Search, Setting, Space, Trial};

fn space() -> Space {
    Space::new()
        .log_real("alpha", 1e-4..=1e2)
        .real("share", 0.25..=0.75)
        .integer("max_depth", 2..=5)
        .log_integer("n_trees", 1..=1000)
        .choice("criterion", ["gini", "entropy"])
}

#[test]
fn draws_cover_the_space_evenly() {
    let trials = RandomSearch::new(space()).n_trials(4000).seed(3).candidates(&Context::new()).unwrap();
    let (mut low_alpha, mut depths, mut small, mut gini) = (0, [0; 4], 0, 0);
    for (number, trial) in trials.iter().enumerate() {
        assert_eq!(trial.number(), number);
        let (alpha, share) = (trial.real("alpha").unwrap(), trial.real("share").unwrap());
        assert!((1e-4..=1e2).contains(&alpha) && (0.25..=0.75).contains(&share));
        low_alpha += usize::from(alpha < 0.1);
        depths[trial.count("max_depth").unwrap() - 2] += 1;
        let n_trees = trial.integer("n_trees").unwrap();
        assert!((1..=1000).contains(&n_trees));
        small += usize::from(n_trees <= 31);
        gini += usize::from(trial.choice("criterion").unwrap() == "gini");
    }
    // Half of a logarithmic scale lies below its geometric mean. Five standard errors of 4000 coins are 158.
    assert!(usize::abs_diff(low_alpha, 2000) < 158, "{low_alpha}");
    assert!(usize::abs_diff(gini, 2000) < 158, "{gini}");
    assert!(depths.iter().all(|&count| usize::abs_diff(count, 1000) < 158), "{depths:?}");
    // ln(31.5 / 0.5) / ln(1000.5 / 0.5) of 4000.
    assert!(usize::abs_diff(small, 2180) < 158, "{small}");
}

#[test]
fn candidates_depend_on_seed_and_number_alone() {
    let draw = |seed: u64, n: usize| {
        RandomSearch::new(space()).n_trials(n).candidates(&Context::new().with_seed(seed)).unwrap()
    };
    assert_eq!(draw(1, 5)[..], draw(1, 9)[..5]);
    assert_ne!(draw(1, 5), draw(2, 5));
    let seeded =
        |root| RandomSearch::new(space()).seed(5).candidates(&Context::new().with_seed(root)).unwrap();
    assert_eq!(seeded(1), seeded(2));
}

#[test]
fn grids_have_all_combinations() {
    let space =
        Space::new().log_real("alpha", 0.01..=100.0).integer("depth", 2..=3).choice("kind", ["a", "b"]);
    let trials = GridSearch::new(space.clone()).points(3).candidates(&Context::new()).unwrap();
    assert_eq!(trials.len(), 3 * 2 * 2);
    let alphas: Vec<f64> = trials.iter().step_by(4).map(|trial| trial.real("alpha").unwrap()).collect();
    assert!(alphas[0] == 0.01 && (alphas[1] - 1.0).abs() < 1e-12 && alphas[2] == 100.0);
    assert_eq!(trials[1].choice("kind").unwrap(), "b");
    assert_eq!(trials[2].count("depth").unwrap(), 3);
    let huge = (0..12).fold(Space::new(), |space, i| space.real(&format!("x{i}"), 0.0..=1.0));
    let error = GridSearch::new(huge).points(10).candidates(&Context::new()).unwrap_err().to_string();
    assert!(error.contains("more than 1000000 candidates"), "{error}");
}

#[test]
fn parameters_say_where_to_search() {
    const ALPHA: Param = Param::real("alpha", "penalty").at_least(0.0).search_log(1e-3, 10.0);
    const DEPTH: Param = Param::integer("max_depth", "depth").at_least(1.0).search(2.0, 12.0);
    const SEED: Param = Param::integer("seed", "seed");
    let space = Space::new().param(&ALPHA).param(&DEPTH);
    assert_eq!(space.dimension("alpha"), Some(&Dimension::Real { low: 1e-3, high: 10.0, log: true }));
    assert_eq!(space.dimension("max_depth"), Some(&Dimension::Integer { low: 2, high: 12, log: false }));
    let error = space.param(&SEED).check().unwrap_err().to_string();
    assert_eq!(error, "parameter `seed` does not say where to search; give a range by `real` or `integer`");
}

#[test]
fn wrong_spaces_are_refused() {
    let message = |space: Space| space.check().unwrap_err().to_string();
    assert!(message(Space::new()).contains("no settings"));
    assert!(message(Space::new().real("a", 0.0..=1.0).integer("a", 1..=2)).contains("declared twice"));
    assert!(message(Space::new().real("a", 1.0..=0.0)).contains("parameter `a`"));
    assert!(message(Space::new().real("a", f64::NAN..=0.0)).contains("parameter `a`"));
    assert!(message(Space::new().real("a", 0.0..=f64::INFINITY)).contains("parameter `a`"));
    assert!(message(Space::new().log_real("a", 0.0..=1.0)).contains("positive"));
    assert!(message(Space::new().log_integer("a", 0..=9)).contains("positive"));
    assert!(message(Space::new().choice::<String>("a", [])).contains("no choices"));

    let ctx = Context::new();
    let search = RandomSearch::new(Space::new().real("a", 0.0..=1.0).choice("b", ["x"]));
    let refused = |values: Vec<(&'static str, Setting)>| {
        search.clone().try_first(values).candidates(&ctx).unwrap_err().to_string()
    };
    assert!(refused(vec![("a", 0.5.into())]).contains("no setting `b`; it has: a"));
    assert!(refused(vec![("a", 0.5.into()), ("b", "y".into())]).contains("parameter `b` is \"y\""));
    assert!(refused(vec![("a", "x".into()), ("b", "x".into())]).contains("not a real number"));
    assert!(
        refused(vec![("a", 0.5.into()), ("b", "x".into()), ("c", 1.0.into())]).contains("no setting `c`")
    );
    assert!(search.clone().n_trials(0).candidates(&ctx).is_err());
    assert!(GridSearch::new(Space::new().real("a", 0.0..=1.0)).points(0).candidates(&ctx).is_err());

    // The whole range of i64 does not overflow.
    let all = Space::new().integer("a", i64::MIN..=i64::MAX);
    assert_eq!(RandomSearch::new(all.clone()).candidates(&ctx).unwrap().len(), 30);
    assert_eq!(GridSearch::new(all).candidates(&ctx).unwrap().len(), 5);
}

#[test]
fn trials_are_typed_and_saved() {
    let trial =
        Trial::new(3, [("a", 2.0.into()), ("b", 2_i64.into()), ("c", "x".into()), ("d", (-1_i64).into())]);
    assert_eq!((trial.real("a").unwrap(), trial.real("b").unwrap()), (2.0, 2.0));
    assert!(trial.integer("a").unwrap_err().to_string().contains("not a whole number"));
    assert!(trial.choice("b").is_err() && trial.count("d").is_err());
    assert_eq!(trial.to_string(), "trial 3: a = 2, b = 2, c = x, d = -1");
    let text = serde_json::to_string(&trial).unwrap();
    assert_eq!(serde_json::from_str::<Trial>(&text).unwrap(), trial);
    let search = RandomSearch::new(space()).try_first([("alpha", 1.0.into())]);
    let text = serde_json::to_string(&search).unwrap();
    assert_eq!(serde_json::from_str::<RandomSearch>(&text).unwrap(), search);
}
