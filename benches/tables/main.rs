//! Reads public data sets, says what was inferred, and scores a linear model through a fitted pipeline beside the score that is
//! recorded for scikit-learn's.
//!
//! ```text
//! tables [DATA]    a table in Markdown; DATA is the folder of the data sets, `../shared/data` by default
//! ```
//!
//! It fails where a score is worse than the recorded one by more than its standard deviation.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use perennial::core::{
    Classes, Classifier, Error, Estimator, FitTransform, Matrix, NoTarget, Predictor, Result, ResultExt,
    Rows, Transformer, Values,
};
use perennial::data::{CsvReader, Table, read_csv};
use perennial::evaluation::metric::ranking::roc_auc;
use perennial::models::linear::{LogisticRegression, Ridge};
use perennial::preprocessing::{
    Columns, OneHotEncoder, SimpleImputer, StandardScaler, Unknown, boolean, categorical, names, numeric,
};
use serde_json::Value;

/// A data set with a target, or one whose types alone are of interest.
struct Set {
    /// Its name among the recorded scores and folds.
    name: &'static str,
    file: &'static str,
    target: &'static str,
    /// Columns that are not to be learned from.
    drop: &'static [&'static str],
    /// The recorded model and what it was measured by.
    recorded: Option<(&'static str, &'static str)>,
}

const fn of(
    name: &'static str,
    file: &'static str,
    target: &'static str,
    drop: &'static [&'static str],
    measure: &'static str,
) -> Set {
    let model = if matches!(measure.as_bytes(), b"rmse") { "Ridge(1)" } else { "LogisticRegression" };
    Set { name, file, target, drop, recorded: Some((model, measure)) }
}

const fn types(file: &'static str) -> Set {
    Set { name: file, file, target: "", drop: &[], recorded: None }
}

const SETS: &[Set] = &[
    of("adult_train", "adult_train.csv", "income", &[], "roc_auc"),
    of("california_housing", "california_housing.csv", "median_house_value", &[], "rmse"),
    of("titanic", "titanic.csv", "Survived", &["PassengerId", "Name", "Ticket", "Cabin"], "roc_auc"),
    of("bank_marketing_train", "bank_marketing_train.csv", "y", &["duration"], "roc_auc"),
    of("german_credit", "german_credit.csv", "default", &[], "roc_auc"),
    of("bike_hour", "bike_hour.csv", "cnt", &["instant", "dteday", "casual", "registered"], "rmse"),
    of("elec2", "elec2.csv", "class", &[], "roc_auc"),
    of("higgs_sample_train", "higgs_sample_train.csv", "target", &[], "roc_auc"),
    of("mushrooms", "mushrooms.csv", "type", &[], "roc_auc"),
    of("penguins", "penguins.csv", "species", &[], "accuracy"),
    types("compas_two_years.csv"),
    types("nyc_taxis.csv"),
    types("sms_spam.csv"),
    types("mnist_5k.csv.gz"),
    types("timeseries/airline-passengers.csv"),
    types("timeseries/daily-min-temperatures.csv"),
    types("timeseries/mauna-loa-co2-weekly.csv"),
    types("timeseries/monthly-sunspots.csv"),
];

fn main() -> ExitCode {
    let folder = std::env::args().nth(1);
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = Path::new(folder.as_deref().unwrap_or(default));
    if !folder.join("reference_scores.json").is_file() {
        println!("the data sets are not there; name the folder that has `reference_scores.json`");
        return ExitCode::SUCCESS;
    }
    match run(folder) {
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

/// Prints each row as soon as it is known; gives how many scores are worse than they may be.
fn run(folder: &Path) -> Result<usize> {
    let path = folder.join("reference_scores.json");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Error::io(format!("cannot read `{}`", path.display()), error))?;
    let recorded: Value = serde_json::from_str(&text).map_err(Error::other)?;
    println!("| file | rows | columns by inferred type | missing cells | measure | recorded | ours |");
    println!("|---|---|---|---|---|---|---|");
    let mut worse = 0;
    for set in SETS {
        let table = set.read(folder).context(set.name)?;
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        table
            .columns()
            .for_each(|(_, column)| *kinds.entry(column.column_type().to_string()).or_default() += 1);
        let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let missing: usize = table.columns().map(|(_, column)| column.null_count()).sum();
        print!("| {} | {} | {} | {missing} |", set.file, table.n_rows(), kinds.join(", "));
        let Some((model, measure)) = set.recorded else {
            println!(" | | |");
            continue;
        };
        let score = &recorded[set.name]["models"][model][measure];
        let (Some(mean), Some(sd)) = (score["mean"].as_f64(), score["std"].as_f64()) else {
            return Err(Error::malformed(format!("no score is recorded for {} of {model}", set.name)));
        };
        let ours = set.score(folder, &table, measure).context(set.name)?;
        let better = if measure == "rmse" { mean - ours } else { ours - mean };
        worse += usize::from(better < -sd);
        let digits = if mean > 1000.0 { 0 } else { 4 };
        println!(" {measure} | {mean:.digits$} ± {sd:.digits$} | {ours:.digits$} |");
    }
    Ok(worse)
}

impl Set {
    /// An empty field is missing, and nothing else: the question mark of some files stays a category, as in the recorded scores.
    fn read(&self, folder: &Path) -> Result<Table> {
        let reader = CsvReader::new().null_tokens([""]).name_empty_columns(true);
        reader.header(!self.file.starts_with("mnist")).read_path(folder.join(self.file))
    }

    /// The mean over the recorded folds.
    fn score(&self, folder: &Path, table: &Table, measure: &str) -> Result<f64> {
        let x = table.drop(&[&[self.target], self.drop].concat())?;
        let folds = read_csv(folder.join("folds").join(format!("{}.csv", self.name)))?.values("fold")?;
        let fold_of = |row: usize| folds.as_slice()[row] as usize;
        let n_folds = 1 + (0..x.n_rows()).map(fold_of).max().unwrap_or(0);
        let mut sum = 0.0;
        for fold in 0..n_folds {
            let rows_where = |wanted: bool| -> Vec<usize> {
                (0..x.n_rows()).filter(|&row| (fold_of(row) == fold) == wanted).collect()
            };
            let (rows, tested) = (rows_where(false), rows_where(true));
            let (train, test) = (x.take(&rows)?, x.take(&tested)?);
            let (train, test) = prepared(&train, &test)?;
            sum += if measure == "rmse" {
                let y = table.values(self.target)?;
                rmse(&train, &y.take(&rows)?, &test, &y.take(&tested)?)?
            } else {
                let y = table.classes(self.target)?;
                of_classes(&train, &y.take(&rows)?, &test, &y.take(&tested)?)?
            };
        }
        Ok(sum / n_folds as f64)
    }
}

/// Numbers filled with medians and standardised, categories one-hot, by the rows to learn from alone.
fn prepared(train: &Table, test: &Table) -> Result<(Matrix, Matrix)> {
    let numbers = SimpleImputer::median().then(StandardScaler::new());
    let hot = OneHotEncoder::new().unknown(Unknown::Ignore);
    let categories = [categorical().pick(train)?, boolean().pick(train)?].concat();
    // A selector that picks nothing is an error.
    match (numeric().pick(train)?.is_empty(), categories.is_empty()) {
        (_, true) => both(&Columns::new().on(numeric(), numbers), train, test),
        (true, _) => both(&Columns::new().on(names(categories), hot), train, test),
        _ => both(&Columns::new().on(numeric(), numbers).on(names(categories), hot), train, test),
    }
}

fn both<E>(columns: &E, train: &Table, test: &Table) -> Result<(Matrix, Matrix)>
where
    E: FitTransform<Input = Table, Target = NoTarget, Model: Transformer<Input = Table, Output = Matrix>>,
{
    let model = columns.fit(train, &NoTarget)?;
    Ok((model.transform(train)?, model.transform(test)?))
}

fn rmse(x: &Matrix, y: &Values, test: &Matrix, truth: &Values) -> Result<f64> {
    let answers = Ridge::new().alpha(1.0).fit(x, y)?.predict(test)?;
    let squares =
        answers.as_slice().iter().zip(truth.as_slice()).map(|(answer, truth)| (answer - truth).powi(2));
    Ok((squares.sum::<f64>() / truth.n_rows() as f64).sqrt())
}

/// The area under the curve of two classes, the accuracy of more.
fn of_classes(x: &Matrix, y: &Classes, test: &Matrix, truth: &Classes) -> Result<f64> {
    let model = LogisticRegression::new().c(1.0).max_iter(1000).fit(x, y)?;
    if y.n_classes() == 2 {
        let shares = model.predict_proba(test)?.of(&y.names()[1])?;
        let positive: Vec<bool> = truth.codes().iter().map(|&code| code == 1).collect();
        return roc_auc(shares.as_slice(), &positive, None);
    }
    let answers = model.predict(test)?;
    let right = answers.labels().zip(truth.labels()).filter(|(answer, truth)| answer == truth).count();
    Ok(right as f64 / truth.n_rows() as f64)
}
