//! A column of a million different words, which no encoder must choke on.

use std::time::Instant;

use perennial_core::{ErrorKind, Estimator, NoTarget, Transformer, Values};
use perennial_data::{Column, Table};
use perennial_preprocessing::{CountEncoder, HashingEncoder, OneHotEncoder, OrdinalEncoder, TargetEncoder};

/// Bytes of the largest memory that this process has had.
fn peak() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib << 10)
}

#[test]
fn a_million_categories_are_encoded_in_time_and_memory() {
    const N: u64 = 1_000_000;
    let word = |row: u64| format!("{:012x}", row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16);
    let words: Vec<String> = (0..N).map(word).collect();
    let table = Table::new([("key", Column::text(words.iter().map(String::as_str)))]).unwrap();
    drop(words);
    // Before a column is made of each.
    let start = Instant::now();
    let error = OneHotEncoder::new().fit(&table, &NoTarget).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    let y = Values::from((0..N).map(|row| (row % 10) as f64).collect::<Vec<_>>());
    let mut seconds = vec![("one-hot", start.elapsed().as_secs_f64())];
    let mut timed = |name: &'static str, work: &dyn Fn()| {
        let start = Instant::now();
        work();
        seconds.push((name, start.elapsed().as_secs_f64()));
    };
    timed("target", &|| {
        let model = TargetEncoder::of_values().fit(&table, &y).unwrap();
        assert_eq!(model.transform(&table).unwrap().n_cols(), 1);
    });
    timed("hashing", &|| {
        let model = HashingEncoder::new().fit(&table, &NoTarget).unwrap();
        assert!(model.transform(&table).unwrap().n_cols() > 1);
    });
    timed("ordinal", &|| {
        let model = OrdinalEncoder::new().fit(&table, &NoTarget).unwrap();
        assert_eq!(model.transform(&table).unwrap().n_cols(), 1);
    });
    timed("count", &|| {
        let counts = CountEncoder::new().fit(&table, &NoTarget).unwrap().transform(&table).unwrap();
        assert!(counts.dense().unwrap().iter().all(|count| *count == 1.0));
    });
    // No word is frequent: all of them share one column.
    timed("one-hot of frequent words", &|| {
        let model = OneHotEncoder::new().min_frequency(2.0).fit(&table, &NoTarget).unwrap();
        let x = model.transform(&table).unwrap();
        assert_eq!(x.features().names().collect::<Vec<_>>(), ["key=other"]);
        assert!(x.dense().unwrap().iter().all(|cell| *cell == 1.0));
    });
    println!("{seconds:?}, peak {:?} MiB", peak().map(|bytes| bytes >> 20));
    // A build for tests beside other work says nothing of time.
    if !cfg!(debug_assertions) {
        for (name, seconds) in seconds {
            assert!(seconds < 5.0, "{name}: {seconds} s");
        }
    }
    assert!(peak().is_none_or(|bytes| bytes < 1 << 30), "{:?}", peak());
}
