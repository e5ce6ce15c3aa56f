//! Source code, compiled by the compilers that are there, and run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fmt::Write as _, fs, io::Write as _};

use ndarray::{Array2, array};
use perennial_core::{Matrix, Predictor};
use perennial_models::Ensemble;
use perennial_models::interchange::{Language, Link, TreeModel};

use crate::texts::{SMALL, Shape, model, one_set, rows};

/// A directory that is removed when it is left.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("perennial_code_{name}_{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The models of the tests: links, sets, missing values, infinities, one and several outputs, no trees, exponentials out of range, and a
/// set of no categories.
fn models() -> Vec<(TreeModel, Array2<f64>)> {
    let sets = Shape { n_leaves: 30, n_categories: 70, ..SMALL };
    let three = Shape { n_outputs: 3, n_trees: 9, n_categories: 9, ..SMALL };
    let cases = [
        (SMALL, 7, Link::Identity, -0.3),
        (sets, 7, Link::Logistic { slope: 1.7 }, -0.3),
        (SMALL, 7, Link::Exp, -0.3),
        (three, 9, Link::Identity, -0.3),
        (three, 9, Link::Softmax, -0.3),
        (three, 9, Link::Logistic { slope: 1.0 }, -0.3),
        (SMALL, 0, Link::Identity, -0.3),
        (SMALL, 7, Link::Exp, 1e3),
        (SMALL, 7, Link::Logistic { slope: 1.0 }, -1e3),
    ];
    let with = |(seed, (shape, n_trees, link, start)): (usize, (Shape, usize, Link, f64))| {
        let source = model(shape, seed as u64);
        let trees = source.ensemble().trees()[..n_trees].to_vec();
        let base = (0..shape.n_outputs).map(|output| 0.1 * output as f64 + start).collect();
        let ensemble = Ensemble::new(5, shape.n_outputs, base, trees).unwrap();
        // No name ends a comment, or is a place of the text.
        let names = ["a\n*/ \u{202e}", "@link@", "\"b\" \\", "größe", "// c \\"];
        let features =
            Matrix::from(Array2::<f64>::zeros((1, 5))).with_names(names).unwrap().features().clone();
        let mut x = rows(shape, 200, 12);
        // What is no whole number is the category below.
        x[[0, 0]] = 3.9;
        x[[1, 0]] = -0.5;
        x[[2, 3]] = -1.0;
        x[[3, 3]] = 1e19;
        (TreeModel::new(features, ensemble, link).unwrap(), x)
    };
    let mut models: Vec<_> = cases.into_iter().enumerate().map(with).collect();
    // There are no words where -0.5 would be looked for.
    models.push((one_set(&[0]), array![[-0.5], [0.0], [-1.0], [63.0], [f64::NAN]]));
    models
}

fn run(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child =
        Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        println!("{program} is not there: what it would compile is not tested");
    }
    there
}

/// Bits of numbers as text, a row in a line.
fn bits(x: &Array2<f64>) -> String {
    let mut text = String::new();
    for row in x.rows() {
        row.iter().for_each(|value| write!(text, "{} ", value.to_bits()).unwrap());
        text.push('\n');
    }
    text
}

fn numbers(text: &str) -> Vec<f64> {
    text.split_ascii_whitespace().map(|word| f64::from_bits(word.parse().unwrap())).collect()
}

/// What a program prints, scores and answers of each row in turn, is what the model says: scores to the bit, answers to the rounding of
/// the exponential.
fn is_said(model: &TreeModel, x: &Array2<f64>, printed: &str) {
    let scores =
        model.scores(&Matrix::from(x.clone()).with_features(model.features().clone()).unwrap()).unwrap();
    let answers =
        model.predict(&Matrix::from(x.clone()).with_features(model.features().clone()).unwrap()).unwrap();
    let printed = numbers(printed);
    let n_outputs = scores.values().ncols();
    assert_eq!(printed.len(), 2 * scores.values().len());
    for (row, said) in printed.chunks(2 * n_outputs).enumerate() {
        for output in 0..n_outputs {
            let (score, answer) = (scores.values()[[row, output]], answers.values()[[row, output]]);
            assert_eq!(said[output].to_bits(), score.to_bits(), "{:?}: {}", model.link(), x.row(row));
            let far = (said[n_outputs + output] - answer).abs();
            // Of two infinities there is no distance.
            let same = said[n_outputs + output] == answer || far <= 1e-15 * answer.abs();
            assert!(same, "{:?}: {} {answer}", model.link(), said[n_outputs + output]);
        }
    }
}

const RUST_MAIN: &str = r#"
mod model {
    include!("model.rs");
}
fn main() {
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let row: Vec<f64> = line.split_whitespace().map(|word| f64::from_bits(word.parse().unwrap())).collect();
        let row: &[f64; model::N_FEATURES] = row.as_slice().try_into().unwrap();
        SHOW
    }
}
"#;

#[test]
fn rust_says_the_same() {
    if !is_there("rustc") {
        return;
    }
    let directory = Directory::new("rust");
    let at = |name: &str| directory.0.join(name).display().to_string();
    for (model, x) in models() {
        let show = if model.ensemble().n_outputs() == 1 {
            "println!(\"{} {}\", model::scores(row).to_bits(), model::predict(row).to_bits());"
        } else {
            "model::scores(row).iter().chain(&model::predict(row)).for_each(|v| print!(\"{} \", v.to_bits()));"
        };
        fs::write(directory.0.join("model.rs"), model.to_code(Language::Rust).unwrap()).unwrap();
        fs::write(directory.0.join("main.rs"), RUST_MAIN.replace("SHOW", show)).unwrap();
        let (main, program) = (at("main.rs"), at("program"));
        run(
            "rustc",
            &["--edition", "2021", "-D", "warnings", "-C", "debuginfo=0", "-o", &program, &main],
            "",
        );
        is_said(&model, &x, &run(&program, &[], &bits(&x)));
    }
}

const C_MAIN: &str = r#"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "model.c"
int main(void) {
    double row[N_FEATURES], said[2 * N_OUTPUTS];
    for (;;) {
        for (int column = 0; column < N_FEATURES; column++) {
            uint64_t bits;
            if (scanf("%" SCNu64, &bits) != 1) return 0;
            memcpy(row + column, &bits, 8);
        }
        SHOW
        for (int output = 0; output < 2 * N_OUTPUTS; output++) {
            uint64_t bits;
            memcpy(&bits, said + output, 8);
            printf("%" PRIu64 " ", bits);
        }
    }
}
"#;

#[test]
fn c_says_the_same() {
    if !is_there("cc") {
        return;
    }
    let directory = Directory::new("c");
    let at = |name: &str| directory.0.join(name).display().to_string();
    for (model, x) in models() {
        let show = if model.ensemble().n_outputs() == 1 {
            "said[0] = scores(row); said[1] = predict(row);"
        } else {
            "scores(row, said); predict(row, said + N_OUTPUTS);"
        };
        fs::write(directory.0.join("model.c"), model.to_code(Language::C).unwrap()).unwrap();
        fs::write(directory.0.join("main.c"), C_MAIN.replace("SHOW", show)).unwrap();
        let (main, program) = (at("main.c"), at("program"));
        let warnings = ["-std=c99", "-O1", "-Wall", "-Werror"];
        run("cc", &[&warnings[..], &["-o", &program, &main, "-lm"]].concat(), "");
        is_said(&model, &x, &run(&program, &[], &bits(&x)));
    }
}

const PYTHON_MAIN: &str = r#"
import struct, sys
sys.path.insert(0, sys.argv[1])
import model

class Number:
    # Numbers of other packages may compare in another precision; what they are as a float counts.
    def __init__(self, value):
        self.value = value

    def __float__(self):
        return self.value

for line in sys.stdin:
    row = [Number(struct.unpack("<d", struct.pack("<Q", int(word)))[0]) for word in line.split()]
    for said in (model.scores(row), model.predict(row)):
        for value in said if isinstance(said, list) else [said]:
            print(struct.unpack("<Q", struct.pack("<d", value))[0])
"#;

#[test]
fn python_says_the_same() {
    if !is_there("python3") {
        return;
    }
    for (number, (model, x)) in models().into_iter().enumerate() {
        let directory = Directory::new(&format!("python_{number}"));
        fs::write(directory.0.join("model.py"), model.to_code(Language::Python).unwrap()).unwrap();
        let path = directory.0.display().to_string();
        is_said(&model, &x, &run("python3", &["-B", "-c", PYTHON_MAIN, &path], &bits(&x)));
    }
}

/// Tables have a line for each hundred columns, not one for each number, and long forests stay readable to compilers.
#[test]
fn long_models_are_tables() {
    let large = model(Shape { n_trees: 200, n_leaves: 60, ..SMALL }, 4);
    let text = large.to_code(Language::Rust).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 130));
    assert!(text.lines().count() < text.len() / 60);
    let Some(directory) = is_there("rustc").then(|| Directory::new("long")) else { return };
    let check = |path: &Path| path.display().to_string();
    let (source, library) = (directory.0.join("model.rs"), directory.0.join("model.rmeta"));
    fs::write(&source, text).unwrap();
    let (source, library) = (check(&source), check(&library));
    run("rustc", &["--crate-type", "lib", "--emit", "metadata", "-o", &library, &source], "");
}
