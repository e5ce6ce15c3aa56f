//! What is inferred of the data sets, and a linear model through a fitted pipeline beside scikit-learn's.

use std::collections::BTreeMap;
use std::path::Path;

use perennial::core::{Error, Estimator, Matrix, Result, ResultExt, Rows};
use perennial::data::{CsvReader, Table};
use perennial::models::{LogisticRegression, Ridge};
use perennial::preprocessing::{
    Columns, OneHotEncoder, SimpleImputer, StandardScaler, Unknown, boolean, categorical, names, numeric,
};

use crate::compare::{Measure, References};
use crate::learners::{Parts, of_classes, of_numbers};
use crate::sets::{folds, prepared};

/// A data set with a target, or one whose types alone are of interest.
struct Set {
    /// Its name among the recorded scores and folds.
    name: &'static str,
    file: &'static str,
    target: &'static str,
    /// Columns that are not to be learned from.
    drop: &'static [&'static str],
    /// What the recorded model was measured by.
    measure: Option<Measure>,
}

const fn of(
    name: &'static str,
    file: &'static str,
    target: &'static str,
    drop: &'static [&'static str],
    measure: Measure,
) -> Set {
    Set { name, file, target, drop, measure: Some(measure) }
}

const fn types(file: &'static str) -> Set {
    Set { name: file, file, target: "", drop: &[], measure: None }
}

const SETS: &[Set] = &[
    of("adult_train", "adult_train.csv", "income", &[], Measure::RocAuc),
    of("california_housing", "california_housing.csv", "median_house_value", &[], Measure::Rmse),
    of("titanic", "titanic.csv", "Survived", &["PassengerId", "Name", "Ticket", "Cabin"], Measure::RocAuc),
    of("bank_marketing_train", "bank_marketing_train.csv", "y", &["duration"], Measure::RocAuc),
    of("german_credit", "german_credit.csv", "default", &[], Measure::RocAuc),
    of("bike_hour", "bike_hour.csv", "cnt", &["instant", "dteday", "casual", "registered"], Measure::Rmse),
    of("elec2", "elec2.csv", "class", &[], Measure::RocAuc),
    of("higgs_sample_train", "higgs_sample_train.csv", "target", &[], Measure::RocAuc),
    of("mushrooms", "mushrooms.csv", "type", &[], Measure::RocAuc),
    of("penguins", "penguins.csv", "species", &[], Measure::Accuracy),
    types("compas_two_years.csv"),
    types("nyc_taxis.csv"),
    types("sms_spam.csv"),
    types("mnist_5k.csv.gz"),
    types("timeseries/airline-passengers.csv"),
    types("timeseries/daily-min-temperatures.csv"),
    types("timeseries/mauna-loa-co2-weekly.csv"),
    types("timeseries/monthly-sunspots.csv"),
];

/// Prints each row as soon as it is known; gives how many scores are worse than the recorded ones by more than their standard
/// deviation.
pub(crate) fn print(folder: &Path, references: &References) -> Result<usize> {
    println!("| file | rows | columns by inferred type | missing cells | measure | recorded | ours |");
    println!("|---|---|---|---|---|---|---|");
    let mut worse = 0;
    for set in SETS {
        let table = set.read(folder).context(set.name)?;
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for (_, column) in table.columns() {
            *kinds.entry(column.column_type().to_string()).or_default() += 1;
        }
        let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let missing: usize = table.columns().map(|(_, column)| column.null_count()).sum();
        print!("| {} | {} | {} | {missing} |", set.file, table.n_rows(), kinds.join(", "));
        let Some(measure) = set.measure else {
            println!(" | | |");
            continue;
        };
        let model = if measure == Measure::Rmse { "Ridge(1)" } else { "LogisticRegression" };
        let recorded = references
            .of_folds(set.name, model, measure)
            .ok_or_else(|| Error::malformed(format!("no score is recorded for {} of {model}", set.name)))?;
        let ours = set.score(folder, &table, measure).context(set.name)?;
        let better = if measure.higher_is_better() { ours - recorded.mean } else { recorded.mean - ours };
        worse += usize::from(better < -recorded.sd);
        let digits = if recorded.mean > 1000.0 { 0 } else { 4 };
        let (measure, mean, sd) = (measure.name(), recorded.mean, recorded.sd);
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
    fn score(&self, folder: &Path, table: &Table, measure: Measure) -> Result<f64> {
        let x = table.drop(&[&[self.target], self.drop].concat())?;
        let folds = folds(folder, self.name)?;
        let mut sum = 0.0;
        for (rows, tested) in &folds {
            let (x, test_x) = numbers_of(&x.take(rows)?, &x.take(tested)?)?;
            let scores = if measure == Measure::Rmse {
                let y = table.values(self.target)?;
                let parts = Parts { x, y: y.take(rows)?, test_x, test_y: y.take(tested)? };
                of_numbers(&Ridge::new().alpha(1.0), &parts, &[measure])?
            } else {
                let y = table.classes(self.target)?;
                let parts = Parts { x, y: y.take(rows)?, test_x, test_y: y.take(tested)? };
                of_classes(&LogisticRegression::new().c(1.0).max_iter(1000), &parts, &[measure])?
            };
            sum += scores[0];
        }
        Ok(sum / folds.len() as f64)
    }
}

/// Numbers filled with medians and standardised, categories one-hot, by the rows to learn from alone.
fn numbers_of(train: &Table, test: &Table) -> Result<(Matrix, Matrix)> {
    let numbers = SimpleImputer::median().then(StandardScaler::new());
    let hot = OneHotEncoder::new().unknown(Unknown::Ignore);
    let categories = [categorical().pick(train)?, boolean().pick(train)?].concat();
    // A selector that picks nothing is an error.
    match (numeric().pick(train)?.is_empty(), categories.is_empty()) {
        (_, true) => prepared(&Columns::new().on(numeric(), numbers), train, test),
        (true, _) => prepared(&Columns::new().on(names(categories), hot), train, test),
        _ => prepared(&Columns::new().on(numeric(), numbers).on(names(categories), hot), train, test),
    }
}
