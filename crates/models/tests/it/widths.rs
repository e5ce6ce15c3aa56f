//! Models have the same bits whatever vectors the processor has.

use std::collections::BTreeMap;
use std::process::Command;

use ndarray::Array2;
use perennial_core::{Classes, Matrix, Values};
use perennial_models::registry::models;

use super::registry::{Data, Given, answers};

/// Estimators whose products of matrices are made by another library, which takes the widest vectors there are and adds up
/// in the order that suits them: their last digits are those of a kind of processor.
const BY_MACHINE: [&str; 0] = [];

/// Enough rows and columns for blocks, panels and the ends behind them.
fn data(counts: bool, n_cols: usize) -> Data {
    let n_rows = 333;
    let cell = |row: usize, column: usize| match counts {
        true => ((row * (column + 3)) % (5 + column % 3)) as f64,
        false => ((row * 37 + column * 11) as f64).sin() + 0.01 * (row % 13) as f64,
    };
    let x = Array2::from_shape_fn((n_rows, n_cols), |(row, column)| cell(row, column));
    let values: Vec<f64> =
        x.rows().into_iter().map(|row| (0.3 * row[0] - 0.2 * row[n_cols - 1]).exp()).collect();
    let classes = values.iter().map(|value| match value {
        value if *value < 0.8 => "low",
        value if *value < 1.2 => "middle",
        _ => "high",
    });
    Data {
        outputs: Array2::from_shape_fn((n_rows, 2), |(row, output)| values[row] * (output + 1) as f64).into(),
        classes: Classes::from_labels(classes),
        values: Values::from(values.clone()),
        x: Matrix::from(x),
    }
}

fn digests() -> BTreeMap<String, u64> {
    let mut digests = BTreeMap::new();
    for entry in models() {
        let found = [data(false, 21), data(true, 21), data(true, 1)].iter().find_map(|data| {
            answers(entry, &serde_json::Value::Null, &data.x, data, &Given::default())?.ok()
        });
        if let Some(found) = found {
            let digest = found.iter().fold(0xcbf2_9ce4_8422_2325, |digest: u64, value| {
                (digest ^ value.to_bits()).wrapping_mul(0x0100_0000_01b3).rotate_left(17)
            });
            digests.insert(entry.name().to_owned(), digest);
        }
    }
    digests
}

#[test]
fn bits_do_not_depend_on_the_width_of_vectors() {
    let own = digests();
    if std::env::var_os("PERENNIAL_SIMD").is_some() {
        assert!(!perennial_numeric::simd::broad(), "the environment must narrow the choice");
        own.iter().for_each(|(name, digest)| println!("digest {name} {digest}"));
        return;
    }
    assert!(own.len() > 60, "too few models can be tried: {:?}", own.keys());
    for width in ["avx2", "baseline"] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "widths::bits_do_not_depend_on_the_width_of_vectors", "--nocapture"])
            .env("PERENNIAL_SIMD", width)
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        let text = String::from_utf8(child.stdout).unwrap();
        let others: BTreeMap<String, u64> = text
            .lines()
            .filter_map(|line| {
                let mut words = line.split_once("digest ")?.1.split(' ');
                Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
            })
            .collect();
        assert_eq!(own.len(), others.len(), "{text}");
        let differ = own.iter().filter(|(name, digest)| others[*name] != **digest);
        let differ: Vec<&str> = differ.map(|(name, _)| name.as_str()).collect();
        let differ: Vec<&&str> = differ.iter().filter(|name| !BY_MACHINE.contains(name)).collect();
        assert!(differ.is_empty(), "other bits with {width}: {differ:?}");
    }
}
