//! The data sets, and how each is split.

use std::path::Path;

use perennial::core::{Error, Estimator, Matrix, NoTarget, Result, ResultExt, Rows, Transformer};
use perennial::data::{CsvReader, Table, read_csv};
use perennial::preprocessing::{
    Columns, OrdinalEncoder, PassThrough, Unknown, boolean, categorical, names, numeric,
};

use crate::compare::{Measure, References, Row};
use crate::learners::{N_LEARNERS, Parts, Scored};

const BOOSTING: &str = "HistGradientBoosting";

/// A data set of one table, with its recorded folds.
pub(crate) struct Set {
    /// Its name among the recorded scores and folds.
    pub(crate) name: &'static str,
    file: &'static str,
    target: &'static str,
    /// Columns that are not to be learned from.
    drop: &'static [&'static str],
    measures: &'static [Measure],
    /// Another file that the models learned from all rows are scored on.
    test_file: Option<&'static str>,
    /// Whether models learned from the first 70 % of the rows are scored on the rest as well.
    by_time: bool,
    /// The models whose recorded scores ours are compared with.
    models: &'static [&'static str],
}

const PLAIN: Set = Set {
    name: "",
    file: "",
    target: "",
    drop: &[],
    measures: Measure::OF_TWO_CLASSES,
    test_file: None,
    by_time: false,
    models: &[BOOSTING],
};

pub(crate) const SETS: &[Set] = &[
    Set {
        name: "adult_train",
        file: "adult_train.csv",
        target: "income",
        test_file: Some("adult_test.csv"),
        ..PLAIN
    },
    Set {
        name: "california_housing",
        file: "california_housing.csv",
        target: "median_house_value",
        measures: Measure::OF_NUMBERS,
        ..PLAIN
    },
    Set {
        name: "higgs_sample_train",
        file: "higgs_sample_train.csv",
        target: "target",
        test_file: Some("higgs_sample_test.csv"),
        ..PLAIN
    },
    Set {
        name: "bike_hour",
        file: "bike_hour.csv",
        target: "cnt",
        drop: &["instant", "dteday", "casual", "registered"],
        measures: Measure::OF_NUMBERS,
        by_time: true,
        ..PLAIN
    },
    Set {
        name: "bank_marketing_train",
        file: "bank_marketing_train.csv",
        target: "y",
        drop: &["duration"],
        ..PLAIN
    },
    Set {
        name: "titanic",
        file: "titanic.csv",
        target: "Survived",
        drop: &["PassengerId", "Name", "Ticket", "Cabin"],
        ..PLAIN
    },
    Set { name: "mushrooms", file: "mushrooms.csv", target: "type", ..PLAIN },
    Set {
        name: "mnist_5k",
        file: "mnist_5k.csv.gz",
        target: "x784",
        measures: Measure::OF_CLASSES,
        models: &["KNN(3)", "SVC(rbf,C=10,gamma=scale)", "LogisticRegression(C=0.1)"],
        ..PLAIN
    },
];

impl Set {
    pub(crate) fn rows(&self, folder: &Path, references: &References) -> Result<Vec<Row>> {
        let all = match self.measures {
            Measure::OF_NUMBERS => self.scores(folder, |table| table.values(self.target))?,
            _ => self.scores(folder, |table| table.classes(self.target))?,
        };
        let mut rows = Vec::new();
        for Scores { test, of_measures } in all {
            for model in self.models {
                for (&measure, &ours) in self.measures.iter().zip(&of_measures) {
                    let recorded = match test {
                        None => references.of_folds(self.name, model, measure),
                        Some(test) => references.of_test(self.name, model, test, measure),
                    };
                    let part = match test {
                        None => "",
                        Some("official_test") => ", test file",
                        Some(_) => ", last 30 %",
                    };
                    let of = if *model == BOOSTING { String::new() } else { format!(", recorded: {model}") };
                    let set = format!("{}{part}{of}", self.name.trim_end_matches("_train"));
                    rows.extend(recorded.map(|recorded| Row::new(set, measure, recorded, ours)));
                }
            }
        }
        Ok(rows)
    }

    /// The scores over the folds, and on the single test set where there is one.
    fn scores<Y: Scored + Rows<Owned = Y>>(
        &self,
        folder: &Path,
        target: impl Fn(&Table) -> Result<Y>,
    ) -> Result<Vec<Scores>> {
        // The question mark stays a category of its own, as in the recorded scores.
        let reader = CsvReader::new().null_tokens([""]).header(self.name != "mnist_5k");
        let read = |file: &str| {
            let table = reader.read_path(folder.join(file))?;
            Ok::<_, Error>((table.drop(&[&[self.target], self.drop].concat())?, target(&table)?))
        };
        let (x, y) = &read(self.file)?;
        let folds = folds(folder, self.name)?;
        let mut of_folds = vec![[0.0; N_LEARNERS]; self.measures.len()];
        for (fold, (rows, tested)) in folds.iter().enumerate() {
            let test = (x.take(tested)?, y.take(tested)?);
            let scores = self.score(&x.take(rows)?, y.take(rows)?, test).context(format!("fold {fold}"))?;
            for (sums, scores) in of_folds.iter_mut().zip(scores) {
                sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score / folds.len() as f64);
            }
        }
        let mut all = vec![Scores { test: None, of_measures: of_folds }];
        if let Some(file) = self.test_file {
            let all_rows: Vec<usize> = (0..x.n_rows()).collect();
            let of_measures = self.score(x, y.take(&all_rows)?, read(file)?)?;
            all.push(Scores { test: Some("official_test"), of_measures });
        }
        if self.by_time {
            let n_first = x.n_rows() * 7 / 10;
            let (rows, tested): (Vec<usize>, Vec<usize>) = (0..x.n_rows()).partition(|&row| row < n_first);
            let test = (x.take(&tested)?, y.take(&tested)?);
            let of_measures = self.score(&x.take(&rows)?, y.take(&rows)?, test)?;
            all.push(Scores { test: Some("temporal_70_30"), of_measures });
        }
        Ok(all)
    }

    /// The score of each learner, measure by measure.
    fn score<Y: Scored>(&self, x: &Table, y: Y, test: (Table, Y)) -> Result<Vec<[f64; N_LEARNERS]>> {
        let categories = [categorical().pick(x)?, boolean().pick(x)?].concat();
        let codes = OrdinalEncoder::new().unknown(Unknown::Ignore);
        let (test_x, test_y) = test;
        // A selector that picks nothing is an error.
        let (x, test_x) = match (numeric().pick(x)?.is_empty(), categories.is_empty()) {
            (_, true) => prepared(&Columns::new().on(numeric(), PassThrough::new()), x, &test_x)?,
            (true, _) => prepared(&Columns::new().on(names(categories), codes), x, &test_x)?,
            _ => {
                let columns = Columns::new().on(numeric(), PassThrough::new()).on(names(categories), codes);
                prepared(&columns, x, &test_x)?
            }
        };
        let scores = Y::scores(&Parts { x, y, test_x, test_y }, self.measures)?;
        Ok((0..self.measures.len()).map(|measure| scores.each_ref().map(|of_one| of_one[measure])).collect())
    }
}

/// The rows to learn from and those to be scored on in each recorded fold of a set.
pub(crate) fn folds(folder: &Path, name: &str) -> Result<Vec<(Vec<usize>, Vec<usize>)>> {
    let folds = read_csv(folder.join("folds").join(format!("{name}.csv")))?.values("fold")?;
    let fold_of = |row: usize| folds.as_slice()[row] as usize;
    let n_folds = 1 + (0..folds.n_rows()).map(fold_of).max().unwrap_or(0);
    Ok((0..n_folds).map(|fold| (0..folds.n_rows()).partition(|&row| fold_of(row) != fold)).collect())
}

/// Matrices of the rows to learn from and of those to be scored on, by what `columns` learns from the former.
pub(crate) fn prepared<E>(columns: &E, x: &Table, test_x: &Table) -> Result<(Matrix, Matrix)>
where
    E: Estimator<Input = Table, Target = NoTarget, Model: Transformer<Input = Table, Output = Matrix>>,
{
    let columns = columns.fit(x, &NoTarget)?;
    Ok((columns.transform(x)?, columns.transform(test_x)?))
}

/// The scores of the learners, measure by measure.
struct Scores {
    /// The name of the single test set among the recorded scores; nothing for the mean over the folds.
    test: Option<&'static str>,
    of_measures: Vec<[f64; N_LEARNERS]>,
}
