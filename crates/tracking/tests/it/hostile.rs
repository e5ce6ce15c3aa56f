//! Text from outside stays text.

use std::path::Path;

use perennial_core::ErrorKind;
use perennial_tracking::Store;

#[test]
fn sql_in_any_slot_stays_text() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/bad_inputs.json");
    let Ok(file) = std::fs::read_to_string(&file) else {
        println!("skipped: the shared fixtures are not there");
        return;
    };
    let cases: serde_json::Value = serde_json::from_str(&file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = Store::open(&path).unwrap();
    let tables = || -> Vec<String> {
        let connection = rusqlite::Connection::open(&path).unwrap();
        let mut query = connection.prepare("SELECT sql FROM sqlite_master ORDER BY name").unwrap();
        query
            .query_map([], |row| Ok(row.get::<_, Option<String>>(0)?.unwrap_or_default()))
            .unwrap()
            .flatten()
            .collect()
    };
    let before = tables();
    let mut tried = 0;
    for case in cases["cases"].as_array().unwrap().iter().filter(|case| case["target"] == "tracking") {
        let text = case["text"].as_str().unwrap();
        tried += 1;
        match store.start(text, text) {
            Err(error) => assert!(matches!(error.kind(), ErrorKind::InvalidName { .. }), "{error}"),
            Ok(run) => {
                assert_eq!(store.runs(text).unwrap().len(), 1, "{}", case["id"]);
                run.metric(text, 1.5).unwrap();
                assert_eq!(store.history(run.id(), text).unwrap()[0].value, 1.5);
            }
        }
        // Values are free text; names are not.
        let run = store.start("values", "r").unwrap();
        run.param("p", text).unwrap();
        run.tag("t", text).unwrap();
        let record = store.run(run.id()).unwrap();
        assert_eq!((record.params["p"].as_str(), record.tags["t"].as_str()), (text, text));
        if let Err(error) = store.search(text) {
            assert!(matches!(error.kind(), ErrorKind::Malformed { .. }), "{error}");
            assert!(error.to_string().len() < 1024);
        }
    }
    assert!(tried >= 8, "only {tried} cases were found");
    assert_eq!(before, tables());
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for version in [0, 1] {
        let path = folder.path().join(format!("other{version}.db"));
        let other = rusqlite::Connection::open(&path).unwrap();
        other
            .execute_batch(&format!("CREATE TABLE notes (text TEXT); PRAGMA user_version = {version}"))
            .unwrap();
        drop(other);
        let error = Store::open(&path).unwrap_err();
        assert!(error.to_string().contains("not a run store"), "{error}");
        let other = rusqlite::Connection::open(&path).unwrap();
        let tables: i64 =
            other.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 1);
    }
}
