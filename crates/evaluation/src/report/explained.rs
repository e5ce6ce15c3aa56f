//! Pictures of what features add to answers.

use perennial_core::{Contributions, Error, Result};
use perennial_reporting::{Chart, Series, format_number};
use serde::{Deserialize, Serialize};

use crate::Tabular;

/// More rows than this are not kept; those that are, are taken evenly.
const MOST_ROWS: usize = 1000;
/// More features than this do not fit; what the others add is one more.
const MOST_FEATURES: usize = 15;
/// More labels than this do not fit below a chart.
const MOST_TICKS: usize = 8;

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
    pub(super) base: f64,
    /// The features, those that matter most first.
    pub(super) features: Vec<ExplainedFeature>,
    /// The numbers of the rows that are kept.
    pub(super) rows: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplainedFeature {
    pub(super) name: String,
    /// The mean magnitude of what it adds, over all rows.
    importance: f64,
    /// Its value in each row that is kept; NaN is missing.
    #[serde(with = "missing")]
    values: Vec<f64>,
    /// How these read, where they are categories, texts or moments of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    texts: Option<Vec<String>>,
    /// What it adds to the answer of each row that is kept.
    pub(super) added: Vec<f64>,
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
    /// Of one output of contributions to the answers for `x`, a matrix or, with the feature `table`, a table.
    ///
    /// Contributions have no names: column by column they are those of `x`, which must be in the order that the explainer gave them in.
    /// That of [`Shap`](crate::explain::Shap) is the order of its background; where `x` may be in another one, give
    /// `background.aligned(&x)?` ([`Tabular::aligned`]).
    ///
    /// # Errors
    /// When there are no rows, there is no such output, a contribution is not finite, or the contributions are not those of
    /// such rows.
    pub fn new<X: Tabular>(contributions: &Contributions, output: usize, x: &X) -> Result<Self> {
        let (Some(added), Some(&base)) =
            (contributions.values().get(output), contributions.base().get(output))
        else {
            return Err(Error::unknown(format!(
                "there is no output {output}; the contributions have {}, counted from 0",
                contributions.values().len()
            )));
        };
        let (n_rows, n_cols) = added.dim();
        let names: Vec<&str> = x.names().collect();
        if (x.n_rows(), names.len()) != (n_rows, n_cols) {
            return Err(Error::malformed(format!(
                "the contributions are of {n_rows} rows and {n_cols} features, and there are {} rows with {}; give the rows that were explained",
                x.n_rows(),
                names.len()
            )));
        }
        if n_rows == 0 {
            return Err(Error::empty("there are no rows to show"));
        }
        if let Some(((row, column), value)) = added.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::overflow(format!(
                "what `{}` adds to row {row} is {value}; scale the target",
                names[column]
            )));
        }
        let kept = n_rows.min(MOST_ROWS);
        let rows: Vec<usize> = (0..kept).map(|place| place * n_rows / kept).collect();
        let importances = contributions.importances(output);
        let feature = |column: usize| {
            let cells = x.cells(column)?;
            let values: Vec<f64> = rows.iter().map(|&row| cells.values()[row]).collect();
            Ok(ExplainedFeature {
                name: names[column].to_owned(),
                importance: importances[column],
                texts: x.labels(column, &values)?,
                values,
                added: rows.iter().map(|&row| added[[row, column]]).collect(),
            })
        };
        let mut features = (0..n_cols).map(feature).collect::<Result<Vec<ExplainedFeature>>>()?;
        features.sort_by(|a, b| b.importance.total_cmp(&a.importance));
        Ok(Explained { base, features, rows })
    }

    /// The features with the mean magnitude of what they add, those that matter most first.
    pub fn importances(&self) -> Vec<(String, f64)> {
        self.features.iter().map(|feature| (feature.name.clone(), feature.importance)).collect()
    }

    pub(super) fn shown(&self) -> &[ExplainedFeature] {
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
                // A missing value is neither low nor high, and no more is a category.
                let third = if feature.texts.is_some() {
                    1
                } else if *value < edge(1) {
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
        let chart = Chart::scatter(format!("What {feature} adds"));
        let chart = match &found.texts {
            None => chart,
            Some(texts) => {
                let mut ticks: Vec<(f64, &String)> = found.values.iter().copied().zip(texts).collect();
                ticks.retain(|(value, _)| value.is_finite());
                ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
                ticks.dedup_by(|a, b| a.0 == b.0);
                let every = ticks.len().div_ceil(MOST_TICKS).max(1);
                chart.x_ticks(ticks.into_iter().step_by(every))
            }
        };
        Ok(chart.x(feature).y("what it adds to the answer").series(Series::xy(
            "rows",
            &found.values,
            &found.added,
        )))
    }

    /// What each feature is in a row, in words, and what it adds to the answer.
    pub(super) fn parts(&self, row: usize) -> Result<Vec<(String, f64)>> {
        let place = self.rows.iter().position(|kept| *kept == row).ok_or_else(|| {
            Error::unknown(format!("row {row} is not among the {} rows that were kept", self.rows.len()))
        })?;
        let part = |feature: &ExplainedFeature| {
            let value =
                match (feature.texts.as_ref().and_then(|texts| texts.get(place)), feature.values[place]) {
                    (Some(text), _) => text.clone(),
                    (None, value) if value.is_nan() => "missing".to_owned(),
                    (None, value) => format_number(value),
                };
            (format!("{} = {value}", feature.name), feature.added[place])
        };
        Ok(self.features.iter().map(part).collect())
    }

    /// How one answer comes about (a waterfall): from the base, feature by feature, to the answer.
    ///
    /// # Errors
    /// When the row was not kept: of more than 1,000 rows only some are.
    pub fn waterfall(&self, row: usize) -> Result<Chart> {
        let mut parts = self.parts(row)?;
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
