//! Pictures of what features add to answers.

use perennial_core::{Contributions, Error, Matrix, Result, Rows};
use perennial_reporting::{Chart, Series, format_number};
use serde::{Deserialize, Serialize};

/// More rows than this are not kept; those that are, are taken evenly.
const MOST_ROWS: usize = 1000;
/// More features than this do not fit; what the others add is one more.
const MOST_FEATURES: usize = 15;

/// What each feature adds to the answers, for pictures: which features matter, for whom, and what made one answer.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Contributions, Matrix};
/// use perennial_evaluation::Explained;
///
/// // y = 1 + 2 a - b, beside the means of a and b.
/// let x = Matrix::from(array![[0.0, 4.0], [1.0, 5.0], [2.0, 6.0]]).with_names(["a", "b"])?;
/// let added = Contributions::new(vec![array![[-2.0, 1.0], [0.0, 0.0], [2.0, -1.0]]], vec![-2.0])?;
/// let explained = Explained::new(&added, 0, &x)?;
/// assert_eq!(explained.importances()[0], ("a".to_owned(), 4.0 / 3.0));
/// assert!(explained.waterfall(2)?.to_svg().contains("a = 2"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explained {
    base: f64,
    /// The features, those that matter most first.
    features: Vec<ExplainedFeature>,
    /// The numbers of the rows that are kept.
    rows: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainedFeature {
    name: String,
    /// The mean magnitude of what it adds, over all rows.
    importance: f64,
    /// Its value in each row that is kept; NaN is missing.
    #[serde(with = "missing")]
    values: Vec<f64>,
    /// What it adds to the answer of each row that is kept.
    added: Vec<f64>,
}

/// Missing values, which JSON cannot hold as numbers.
mod missing {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        values.iter().map(|value| value.is_finite().then_some(*value)).collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        let values: Vec<Option<f64>> = Vec::deserialize(from)?;
        Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }
}

impl Explained {
    /// Of one output of contributions to the answers for `x`.
    ///
    /// # Errors
    /// When there are no rows, there is no such output, a contribution is not finite, or the contributions are not those of
    /// such rows.
    pub fn new(contributions: &Contributions, output: usize, x: &Matrix) -> Result<Self> {
        let (Some(added), Some(&base)) =
            (contributions.values().get(output), contributions.base().get(output))
        else {
            return Err(Error::unknown(format!(
                "there is no output {output}; the contributions have {}, counted from 0",
                contributions.values().len()
            )));
        };
        let (n_rows, n_cols) = added.dim();
        if (x.n_rows(), x.n_cols()) != (n_rows, n_cols) {
            return Err(Error::malformed(format!(
                "the contributions are of {n_rows} rows and {n_cols} features, and there are {} rows with {}; give the rows that were explained",
                x.n_rows(),
                x.n_cols()
            )));
        }
        if n_rows == 0 {
            return Err(Error::empty("there are no rows to show"));
        }
        if let Some(((row, column), value)) = added.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::overflow(format!(
                "what `{}` adds to row {row} is {value}; scale the target",
                x.features().name(column)
            )));
        }
        let kept = n_rows.min(MOST_ROWS);
        let rows: Vec<usize> = (0..kept).map(|place| place * n_rows / kept).collect();
        let importances = contributions.importances(output);
        let dense = x.to_dense()?;
        let cells = dense.dense()?;
        let feature = |column: usize| ExplainedFeature {
            name: x.features().name(column).to_owned(),
            importance: importances[column],
            values: rows.iter().map(|&row| cells[[row, column]]).collect(),
            added: rows.iter().map(|&row| added[[row, column]]).collect(),
        };
        let mut features: Vec<ExplainedFeature> = (0..n_cols).map(feature).collect();
        features.sort_by(|a, b| b.importance.total_cmp(&a.importance));
        Ok(Explained { base, features, rows })
    }

    /// The features with the mean magnitude of what they add, those that matter most first.
    pub fn importances(&self) -> Vec<(String, f64)> {
        self.features.iter().map(|feature| (feature.name.clone(), feature.importance)).collect()
    }

    fn shown(&self) -> &[ExplainedFeature] {
        &self.features[..self.features.len().min(MOST_FEATURES)]
    }

    /// How much each feature moves answers on average.
    pub fn summary(&self) -> Chart {
        let shown = self.shown();
        let sizes: Vec<f64> = shown.iter().map(|feature| feature.importance).collect();
        let rows: Vec<f64> = (0..shown.len()).map(|row| row as f64).collect();
        Chart::rows("How much features move answers", shown.iter().map(|feature| feature.name.clone()))
            .x("mean size of what it adds")
            .series(Series::xy("", &sizes, &rows).bounds(&vec![0.0; sizes.len()], &sizes))
    }

    /// What each feature adds to each answer (a beeswarm): one point for each row, by whether its value is among the lower, the
    /// middle or the upper third.
    pub fn beeswarm(&self) -> Chart {
        let shown = self.shown();
        let names = shown.iter().map(|feature| feature.name.clone());
        let chart = Chart::rows("What features add to answers", names).x("what it adds to the answer");
        let mut thirds = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
        for (number, feature) in shown.iter().enumerate() {
            let mut known: Vec<f64> =
                feature.values.iter().copied().filter(|value| value.is_finite()).collect();
            known.sort_by(f64::total_cmp);
            let edge = |share: usize| known.get(share * known.len() / 3).copied().unwrap_or(f64::NAN);
            for (value, added) in feature.values.iter().zip(&feature.added) {
                // A missing value is neither low nor high.
                let third = if *value < edge(1) {
                    0
                } else if *value >= edge(2) && edge(2) > edge(0) {
                    2
                } else {
                    1
                };
                thirds[third].0.push(*added);
                thirds[third].1.push(number as f64);
            }
        }
        let names = ["low value", "middle, or missing", "high value"];
        thirds
            .iter()
            .zip(names)
            .fold(chart, |chart, ((added, rows), name)| chart.series(Series::xy(name, added, rows)))
    }

    /// What a feature adds, against its value.
    ///
    /// # Errors
    /// When no feature has this name.
    pub fn dependence(&self, feature: &str) -> Result<Chart> {
        let found = self.features.iter().find(|other| other.name == feature).ok_or_else(|| {
            Error::unknown(format!("no feature is named `{feature}` among those that were explained"))
        })?;
        Ok(Chart::scatter(format!("What {feature} adds"))
            .x(feature)
            .y("what it adds to the answer")
            .series(Series::xy("rows", &found.values, &found.added)))
    }

    /// How one answer comes about (a waterfall): from the base, feature by feature, to the answer.
    ///
    /// # Errors
    /// When the row was not kept: of more than 1,000 rows only some are.
    pub fn waterfall(&self, row: usize) -> Result<Chart> {
        let place = self.rows.iter().position(|kept| *kept == row).ok_or_else(|| {
            Error::unknown(format!("row {row} is not among the {} rows that were kept", self.rows.len()))
        })?;
        let mut parts: Vec<(String, f64)> = self
            .features
            .iter()
            .map(|feature| {
                let value = feature.values[place];
                let value = if value.is_nan() { "missing".to_owned() } else { format_number(value) };
                (format!("{} = {value}", feature.name), feature.added[place])
            })
            .collect();
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        if parts.len() > MOST_FEATURES {
            let rest = parts.split_off(MOST_FEATURES);
            parts.push((format!("{} others", rest.len()), rest.iter().map(|part| part.1).sum()));
        }
        let mut labels = vec!["base".to_owned()];
        let mut sides = [(Vec::new(), Vec::new(), Vec::new()), (Vec::new(), Vec::new(), Vec::new())];
        let mut so_far = self.base;
        for (number, (label, added)) in parts.into_iter().enumerate() {
            labels.push(label);
            let (at, rows, from) = &mut sides[usize::from(added < 0.0)];
            from.push(so_far);
            so_far += added;
            at.push(so_far);
            rows.push(number as f64 + 1.0);
        }
        labels.push("answer".to_owned());
        let last = labels.len() as f64 - 1.0;
        let chart = Chart::rows(format!("How the answer for row {row} comes about"), labels).x("answer");
        let [up, down] = sides;
        let chart = [("adds", up), ("takes away", down)]
            .into_iter()
            .fold(chart, |chart, (name, (at, rows, from))| {
                chart.series(Series::xy(name, &at, &rows).bounds(&from, &at))
            });
        Ok(chart.series(Series::xy("base and answer", &[self.base, so_far], &[0.0, last])))
    }

    /// All pictures of a page: of features, of the one that matters most, and of the first row.
    pub(super) fn charts(&self) -> Vec<Chart> {
        let first = self.features.first().and_then(|feature| self.dependence(&feature.name).ok());
        let row = self.rows.first().and_then(|&row| self.waterfall(row).ok());
        [Some(self.summary()), Some(self.beeswarm()), first, row].into_iter().flatten().collect()
    }
}
