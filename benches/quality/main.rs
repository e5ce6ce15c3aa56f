//! Scores models on public data sets, beside the scores that are recorded for scikit-learn.
//!
//! ```text
//! quality [DATA]           boosting and forests, a table in Markdown
//! quality linear [DATA]    what is inferred of each file, and linear models; fails where one is worse than recorded
//! ```
//!
//! DATA is the folder of the data sets, `../shared/data` by default.

mod compare;
mod learners;
mod linear;
mod queries;
mod sets;
mod words;

use std::path::Path;
use std::process::ExitCode;

use perennial::core::{Result, ResultExt};

use crate::compare::{References, Row};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let linear = words.next_if(|word| word == "linear").is_some();
    let folder = words.next();
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = Path::new(folder.as_deref().unwrap_or(default));
    if !folder.join("reference_scores.json").is_file() {
        println!("the data sets are not there; name the folder that has `reference_scores.json`");
        return ExitCode::SUCCESS;
    }
    match run(folder, linear) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(worse) => {
            eprintln!("{worse} scores are more than a standard deviation worse than the recorded ones");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints each row as soon as it is known; gives how many linear models are worse than they may be.
fn run(folder: &Path, linear: bool) -> Result<usize> {
    let references = References::read(&folder.join("reference_scores.json"))?;
    if linear {
        return linear::print(folder, &references);
    }
    print!("{}", Row::HEAD);
    for set in sets::SETS {
        let rows = set.rows(folder, &references).context(set.name)?;
        rows.iter().for_each(|row| print!("{row}"));
    }
    queries::rows(folder).context("ranking")?.iter().for_each(|row| print!("{row}"));
    Ok(0)
}
