//! Runs are stored and found.

use perennial_core::ErrorKind;
use perennial_tracking::{Goal, Status, Store};

#[test]
fn a_run_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    {
        let store = Store::open(&path).unwrap();
        let run = store.start("e", "r").unwrap();
        run.params(&serde_json::json!({"model": "ridge", "alpha": 0.1, "nested": {"deep": true}})).unwrap();
        run.tag("who", "me").unwrap();
        run.tag("who", "you").unwrap();
        run.data("train", "abc").unwrap();
        for (step, value) in [(0, 3.0), (2, f64::NAN), (1, f64::INFINITY), (3, -0.0)] {
            run.metric_at("loss", step, value).unwrap();
        }
        run.artifact("a", b"same").unwrap();
        run.artifact("b", b"same").unwrap();
        run.finish().unwrap();
    }
    let store = Store::open(&path).unwrap();
    let run = store.run(1).unwrap();
    assert_eq!(run.status, Status::Finished);
    assert_eq!(run.params["nested.deep"], "true");
    assert_eq!((run.tags["who"].as_str(), run.data["train"].as_str()), ("you", "abc"));
    assert_eq!(run.metrics["loss"], 0.0);
    let history: Vec<f64> = store.history(1, "loss").unwrap().iter().map(|point| point.value).collect();
    assert!(history[0] == 3.0 && history[1].is_infinite() && history[2].is_nan() && history[3] == 0.0);
    assert_eq!(store.artifact(1, "b").unwrap(), b"same");
    assert_eq!(std::fs::read_dir(path.with_extension("artifacts")).unwrap().count(), 1);
    assert!(matches!(store.run(2).unwrap_err().kind(), ErrorKind::Unknown { .. }));
}

#[test]
fn a_parameter_has_one_value_and_a_dropped_run_failed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("runs.db")).unwrap();
    let run = store.start("e", "r").unwrap();
    run.param("alpha", 1).unwrap();
    run.param("alpha", 1).unwrap();
    assert!(run.param("alpha", 2).unwrap_err().to_string().contains("is `1` already"));
    drop(run);
    assert_eq!(store.run(1).unwrap().status, Status::Failed);
}

#[test]
fn the_best_run_and_filters() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("runs.db")).unwrap();
    for (name, mae, alpha) in [("a", 3.0, "0.1"), ("b", f64::NAN, "1"), ("it's", 1.0, "10"), ("d", 2.0, "9")]
    {
        let run = store.start("e", name).unwrap();
        run.metric("mae", 99.0).unwrap();
        run.metric_at("mae", 1, mae).unwrap();
        run.param("alpha", alpha).unwrap();
        run.metric("odd name!", 1.0).unwrap();
        run.finish().unwrap();
    }
    let unfinished = store.start("e", "z").unwrap();
    unfinished.metric("mae", 0.0).unwrap();
    let best = |goal| store.best("e", "mae", goal).unwrap().unwrap().name;
    assert_eq!((best(Goal::Lower), best(Goal::Higher)), ("it's".to_owned(), "a".to_owned()));
    assert!(store.best("e", "none", Goal::Lower).unwrap().is_none());
    let found =
        |filter: &str| store.search(filter).unwrap().into_iter().map(|run| run.name).collect::<Vec<_>>();
    assert_eq!(found("metrics.mae <= 2 and status = 'finished'"), ["it's", "d"]);
    assert_eq!(found("params.alpha > 8.5"), ["it's", "d"]);
    assert_eq!(found("params.alpha = '9'"), ["d"]);
    assert_eq!(found("name = 'it''s'"), ["it's"]);
    assert_eq!(found("metrics.`odd name!` >= 1 and metrics.mae > -1e3 and name != 'a'"), ["it's", "d"]);
}

#[test]
fn many_threads_write_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = Store::open(&path).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let store = Store::open(path).unwrap();
                let run = store.start("e", &format!("t{thread}")).unwrap();
                for step in 0..50 {
                    run.metric_at("m", step, step as f64).unwrap();
                }
                run.finish().unwrap();
            });
        }
    });
    let runs = store.runs("e").unwrap();
    assert_eq!(runs.len(), 4);
    assert!(runs.iter().all(|run| store.history(run.id, "m").unwrap().len() == 50));
}

#[test]
fn a_damaged_artifact_or_store_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = Store::open(&path).unwrap();
    let run = store.start("e", "r").unwrap();
    run.artifact("a", b"content").unwrap();
    run.finish().unwrap();
    let hash = store.run(1).unwrap().artifacts[0].sha256.clone();
    std::fs::write(path.with_extension("artifacts").join(hash), b"other").unwrap();
    assert!(matches!(store.artifact(1, "a").unwrap_err().kind(), ErrorKind::Corrupt { .. }));
    let junk = folder.path().join("junk.db");
    std::fs::write(&junk, vec![7_u8; 5000]).unwrap();
    assert!(Store::open(&junk).is_err());
    let future = folder.path().join("future.db");
    drop(Store::open(&future).unwrap());
    rusqlite::Connection::open(&future).unwrap().pragma_update(None, "user_version", 9).unwrap();
    let error = Store::open(&future).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnsupportedVersion { found: 9, supported: 1 }), "{error}");
}

#[test]
fn a_word_is_not_compared_as_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("runs.db")).unwrap();
    for depth in ["auto", "2011-01-02", "3", "0.5", "1e2", "-7"] {
        let run = store.start("e", depth).unwrap();
        run.param("depth", depth).unwrap();
        run.finish().unwrap();
    }
    let names = |filter: &str| -> Vec<String> {
        store.search(filter).unwrap().into_iter().map(|run| run.name).collect()
    };
    assert_eq!(names("params.depth < 4"), ["3", "0.5", "-7"]);
    assert_eq!(names("params.depth >= 100"), ["1e2"]);
    assert!(names("params.depth = 0").is_empty());
}

#[test]
fn settings_that_are_one_word_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("runs.db")).unwrap();
    let run = store.start("e", "n").unwrap();
    run.params(&"median").unwrap();
    assert_eq!(store.run(run.id()).unwrap().params["value"], "median");
}
