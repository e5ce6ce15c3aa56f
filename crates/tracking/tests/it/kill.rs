//! A process killed at any moment loses nothing it was told is written.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use perennial_tracking::Store;

const CHILD: &str = "PERENNIAL_TRACKING_TEST_STORE";

/// The child: writes metrics for ever and says each step once it is acknowledged.
#[test]
fn child_process() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let store = Store::open(&path).unwrap();
    let run = store.start("e", "r").unwrap();
    for step in 0..i64::MAX {
        run.metric_at("m", step, step as f64).unwrap();
        run.artifact("latest", format!("{step}").repeat(1000).as_bytes()).unwrap();
        println!("step {} {step}", run.id());
    }
}

#[test]
fn killed_writers_lose_nothing_they_were_told_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    for kill in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child_process", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = std::thread::spawn(move || {
            let steps = lines.map_while(Result::ok).filter_map(|line| {
                let rest = line.split("step ").nth(1)?.to_owned();
                let (id, step) = rest.split_once(' ')?;
                Some((id.parse::<i64>().ok()?, step.parse::<i64>().ok()?))
            });
            steps.last()
        });
        std::thread::sleep(Duration::from_millis(40 + 37 * kill % 100));
        child.kill().unwrap();
        child.wait().unwrap();
        let Some((id, acknowledged)) = reader.join().unwrap() else { continue };
        let store = Store::open(&path).unwrap();
        let history = store.history(id, "m").unwrap();
        assert!(history.len() as i64 > acknowledged, "{} stored, {acknowledged} acknowledged", history.len());
        assert!(
            history.iter().enumerate().all(|(i, point)| point.step == i as i64 && point.value == i as f64)
        );
        // Whatever artifact is named is whole: reading checks its hash.
        store.artifact(id, "latest").unwrap();
    }
}
