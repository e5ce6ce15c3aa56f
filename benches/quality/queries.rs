//! The ranking set: files of `grade column:value ...`, with the sizes of the queries beside them.

use std::path::Path;

use ndarray::Array2;
use perennial::core::{Error, Estimator, Matrix, Predictor, Result, Rows, Train, Values};
use perennial::models::boosting::{BoostingMetric, Labels, RankingLoss, Watch, Watched};
use perennial::models::{ExtraTreesRegressor, GradientBoostingRanker, RandomForestRegressor};

use crate::compare::Row;
use crate::learners::N_LEARNERS;

/// The number of columns; they are counted from 1 in the files.
const N_COLUMNS: usize = 300;
const SEED: u64 = 7;

struct Queries {
    x: Matrix,
    grades: Values,
    groups: Vec<u32>,
}

fn read(folder: &Path, name: &str) -> Result<Queries> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| Error::io(format!("cannot read `{}`", path.display()), error))
    };
    let text = read(&folder.join(name))?;
    let number = |text: &str| text.parse::<f64>().map_err(Error::other);
    let mut cells = Array2::zeros((text.lines().count(), N_COLUMNS));
    let mut grades = Vec::new();
    for (row, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        grades.push(number(words.next().unwrap_or_default())?);
        for (column, value) in words.filter_map(|word| word.split_once(':')) {
            cells[[row, number(column)? as usize - 1]] = number(value)?;
        }
    }
    let sizes = read(&folder.join(format!("{name}.query")))?;
    let mut groups = Vec::new();
    for (query, size) in sizes.split_whitespace().enumerate() {
        groups.extend(std::iter::repeat_n(query as u32, number(size)? as usize));
    }
    Ok(Queries { x: Matrix::from(cells), grades: grades.into(), groups })
}

/// The NDCG on the test file at some depths. No scores are recorded for this set.
pub(crate) fn rows(folder: &Path) -> Result<Vec<Row>> {
    let folder = folder.join("ranking");
    let (train, test) = (read(&folder, "rank.train")?, read(&folder, "rank.test")?);
    let ranker = GradientBoostingRanker::new().seed(SEED);
    let learn = |ranker: &GradientBoostingRanker| {
        Train::new(&train.x, &train.grades).groups(&train.groups).fit(ranker)?.predict(&test.x)
    };
    let answers = [
        learn(&ranker)?,
        learn(&ranker.clone().l2(0.0))?,
        RandomForestRegressor::new().seed(SEED).fit(&train.x, &train.grades)?.predict(&test.x)?,
        ExtraTreesRegressor::new().seed(SEED).fit(&train.x, &train.grades)?.predict(&test.x)?,
    ];
    let labels = Labels::new(test.grades.as_slice(), None, Some(&test.groups));
    let row = |at: usize| {
        let ndcg = |scores: &Values| {
            let now = Watched::new(&RankingLoss::default(), &labels, scores.as_slice());
            Watch::Ndcg { at }.value(&now)
        };
        let mut ours = [0.0; N_LEARNERS];
        for (ours, scores) in ours.iter_mut().zip(&answers) {
            *ours = ndcg(scores)?;
        }
        let (set, measure) =
            (format!("ranking, test file of {} rows", test.grades.n_rows()), format!("ndcg@{at}"));
        Ok(Row { set, measure, recorded: None, higher_is_better: true, ours })
    };
    [3, 5, 10].into_iter().map(row).collect()
}
