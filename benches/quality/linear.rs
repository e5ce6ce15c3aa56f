//! What is inferred of the data sets, and a linear model through a fitted pipeline beside scikit-learn's.

use std::collections::BTreeMap;
use std::path::Path;

use perennial::core::{Error, Estimator, Matrix, Result, ResultExt, Rows};
use perennial::data::{ColumnType, CsvReader, Table};
use perennial::features::{DateTimeFeatures, Part};
use perennial::models::{LogisticRegression, Ridge};
use perennial::preprocessing::{
    Columns, OneHotEncoder, SimpleImputer, StandardScaler, Unknown, boolean, categorical, names, numeric,
    of_type,
};

use crate::compare::{Measure, References};
use crate::learners::{Parts, of_classes, of_numbers};
use crate::sets::{folds, prepared};
use crate::words;

/// A data set with a target, or one whose types alone are of interest.
struct Set {
    /// Its name among the recorded scores and folds.
    name: &'static str,
    file: &'static str,
    target: &'static str,
    /// The columns to learn from; where none are named, all others.
    keep: &'static [&'static str],
    /// Columns that are not to be learned from.
    drop: &'static [&'static str],
    /// The rows that are scored.
    rows: fn(&Table) -> Result<Table>,
    /// What the recorded model was measured by.
    measure: Option<Measure>,
    model: Model,
}

/// What learns, and from what.
#[derive(Clone, Copy, PartialEq)]
enum Model {
    /// A ridge or a logistic regression of standardised numbers and one-hot categories.
    Lines,
    /// A logistic regression of pixels, from 0 to 255.
    Pixels,
    /// A logistic regression of the words of a column of texts.
    Words(&'static str),
}

impl Model {
    fn recorded(self, measure: Measure) -> &'static str {
        match self {
            Model::Lines if measure == Measure::Rmse => "Ridge(1)",
            Model::Lines => "LogisticRegression",
            Model::Pixels => "LogisticRegression(C=0.1)",
            Model::Words(_) => "TfidfVectorizer+LogisticRegression(C=10)",
        }
    }
}

const PLAIN: Set = Set {
    name: "",
    file: "",
    target: "",
    keep: &[],
    drop: &[],
    rows: |table| Ok(table.clone()),
    measure: None,
    model: Model::Lines,
};

const fn of(
    name: &'static str,
    file: &'static str,
    target: &'static str,
    drop: &'static [&'static str],
    measure: Measure,
) -> Set {
    Set { name, file, target, drop, measure: Some(measure), ..PLAIN }
}

const fn types(file: &'static str) -> Set {
    Set { name: file, file, ..PLAIN }
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
    Set {
        keep: &[
            "sex",
            "age",
            "race",
            "juv_fel_count",
            "juv_misd_count",
            "juv_other_count",
            "priors_count",
            "c_charge_degree",
        ],
        rows: screened,
        ..of("compas_two_years_filtered", "compas_two_years.csv", "two_year_recid", &[], Measure::RocAuc)
    },
    // What the whole ride costs, and its end, are not known when it starts.
    of("nyc_taxis_fare", "nyc_taxis.csv", "fare", &["dropoff", "tip", "tolls", "total"], Measure::Rmse),
    Set { model: Model::Words("text"), ..of("sms_spam", "sms_spam.csv", "type", &[], Measure::RocAuc) },
    Set { model: Model::Pixels, ..of("mnist_5k", "mnist_5k.csv.gz", "x784", &[], Measure::Accuracy) },
    types("timeseries/airline-passengers.csv"),
    types("timeseries/daily-min-temperatures.csv"),
    types("timeseries/mauna-loa-co2-weekly.csv"),
    types("timeseries/monthly-sunspots.csv"),
];

/// The rows of ProPublica's analysis: screened within thirty days of the arrest, with a known outcome, charged with more than an
/// ordinary traffic offence.
fn screened(table: &Table) -> Result<Table> {
    let (days, outcome) = (table.column("days_b_screening_arrest")?, table.column("is_recid")?);
    let (days, outcome) = (days.as_real()?, outcome.as_real()?);
    let degree = table.column("c_charge_degree")?;
    let keep = |row: usize| {
        days[row].abs() <= 30.0 && outcome[row] != -1.0 && degree.cell(row).as_deref() != Some("O")
    };
    table.filter(&(0..table.n_rows()).map(keep).collect::<Vec<_>>())
}

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
        let model = set.model.recorded(measure);
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
        let table = (self.rows)(table)?;
        let x = match self.keep {
            [] => table.drop(&[&[self.target], self.drop].concat())?,
            keep => table.select(keep)?,
        };
        let folds = folds(folder, self.name)?;
        let mut sum = 0.0;
        for (rows, tested) in &folds {
            let (x, test_x) = self.model.prepared(&x.take(rows)?, &x.take(tested)?)?;
            let scores = if measure == Measure::Rmse {
                let y = table.values(self.target)?;
                let parts = Parts { x, y: y.take(rows)?, test_x, test_y: y.take(tested)? };
                of_numbers(&Ridge::new().alpha(1.0), &parts, &[measure])?
            } else {
                let y = table.classes(self.target)?;
                let parts = Parts { x, y: y.take(rows)?, test_x, test_y: y.take(tested)? };
                let c = match self.model {
                    Model::Lines => 1.0,
                    Model::Pixels => 0.1,
                    Model::Words(_) => 10.0,
                };
                of_classes(&LogisticRegression::new().c(c).max_iter(1000), &parts, &[measure])?
            };
            sum += scores[0];
        }
        Ok(sum / folds.len() as f64)
    }
}

impl Model {
    /// Matrices of the rows to learn from and of those to be scored on, by what the former say.
    fn prepared(self, train: &Table, test: &Table) -> Result<(Matrix, Matrix)> {
        match self {
            Model::Lines => numbers_of(train, test),
            Model::Pixels => {
                let names: Vec<&str> = train.names().collect();
                let shares = |table: &Table| -> Result<Matrix> {
                    let x = table.matrix(&names)?;
                    Matrix::from(x.dense()?.mapv(|pixel| pixel / 255.0)).with_features(x.features().clone())
                };
                Ok((shares(train)?, shares(test)?))
            }
            Model::Words(column) => words::tf_idf(train.column(column)?, test.column(column)?),
        }
    }
}

/// Numbers filled with medians and standardised, hours and days of the week of moments beside them, categories one-hot, by the rows to learn from
/// alone.
fn numbers_of(train: &Table, test: &Table) -> Result<(Matrix, Matrix)> {
    let numbers = SimpleImputer::median().then(StandardScaler::new());
    let times = DateTimeFeatures::new().parts([Part::Hour, Part::Weekday]).then(StandardScaler::new());
    let hot = OneHotEncoder::new().unknown(Unknown::Ignore);
    let categories = [categorical().pick(train)?, boolean().pick(train)?].concat();
    let moments = of_type(ColumnType::DateTime).pick(train)?;
    // A selector that picks nothing is an error.
    match (numeric().pick(train)?.is_empty(), categories.is_empty(), moments.is_empty()) {
        (_, true, _) => prepared(&Columns::new().on(numeric(), numbers), train, test),
        (true, ..) => prepared(&Columns::new().on(names(categories), hot), train, test),
        (_, _, true) => {
            prepared(&Columns::new().on(numeric(), numbers).on(names(categories), hot), train, test)
        }
        _ => {
            let columns = Columns::new().on(numeric(), numbers).on(names(moments), times);
            prepared(&columns.on(names(categories), hot), train, test)
        }
    }
}
