//! Scores boosting and forests on public data sets, beside the scores that are recorded for scikit-learn.
//!
//! ```text
//! quality [DATA]    a table in Markdown; DATA is the folder of the data sets, `../shared/data` by default
//! ```

mod compare;
mod learners;
mod queries;
mod sets;

use std::path::Path;
use std::process::ExitCode;

use perennial::core::{Result, ResultExt};

use crate::compare::{References, Row};

fn main() -> ExitCode {
    let folder = std::env::args().nth(1);
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = Path::new(folder.as_deref().unwrap_or(default));
    if !folder.join("reference_scores.json").is_file() {
        println!("the data sets are not there; name the folder that has `reference_scores.json`");
        return ExitCode::SUCCESS;
    }
    match run(folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints each row as soon as it is known.
fn run(folder: &Path) -> Result<()> {
    let references = References::read(&folder.join("reference_scores.json"))?;
    print!("{}", Row::HEAD);
    for set in sets::SETS {
        let rows = set.rows(folder, &references).context(set.name)?;
        rows.iter().for_each(|row| print!("{row}"));
    }
    queries::rows(folder).context("ranking")?.iter().for_each(|row| print!("{row}"));
    Ok(())
}
