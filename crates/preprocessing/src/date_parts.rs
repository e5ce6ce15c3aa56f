//! Days and moments as the numbers in them.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema, Result,
    Train, Transformer,
};
use perennial_data::calendar::civil_from_days;
use perennial_data::{ColumnType, Table};
use serde::{Deserialize, Serialize};

/// Year, month, day, weekday, of moments also the hour, and the days since 1970, in UTC; missing stays missing, and where cells were
/// missing when learning a column of 0 and 1 says which are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DateParts {}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// A name and what it is of the microseconds since 1970.
type Part = (&'static str, fn(i64) -> f64);

const PARTS: [Part; 6] = [
    ("year", |moment| civil_from_days(moment.div_euclid(DAY)).0 as f64),
    ("month", |moment| civil_from_days(moment.div_euclid(DAY)).1 as f64),
    ("day", |moment| civil_from_days(moment.div_euclid(DAY)).2 as f64),
    // The first day of 1970 was a Thursday; Monday is 0.
    ("weekday", |moment| (moment.div_euclid(DAY) + 3).rem_euclid(7) as f64),
    ("days", |moment| moment as f64 / DAY as f64),
    ("hour", |moment| moment.rem_euclid(DAY).div_euclid(DAY / 24) as f64),
];

impl Estimator for DateParts {
    type Input = Table;
    type Target = NoTarget;
    type Model = DatePartsModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<DatePartsModel> {
        let columns = train.x.columns().map(|(name, column)| {
            let n_parts = if column.column_type() == ColumnType::Date { 5 } else { 6 };
            let flagged = (0..column.n_rows()).any(|row| column.is_null(row) && train.weight(row) > 0.0);
            (name.to_owned(), n_parts, flagged)
        });
        DatePartsModel::try_from(Parts { columns: columns.collect() })
    }

    /// It learns from no row, so no weight is ignored.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitTransform for DateParts {
    fn transform_schema(&self, _: &Table) -> Result<OutputSchema<Matrix>> {
        Ok(OutputSchema::after_fit(self, "columns in which a cell is missing get one more"))
    }
}

/// The columns, how many parts each has, and whether what is missing is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub(crate) struct DatePartsModel {
    columns: Vec<(String, usize, bool)>,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    columns: Vec<(String, usize, bool)>,
}

impl TryFrom<Parts> for DatePartsModel {
    type Error = Error;

    fn try_from(Parts { columns }: Parts) -> Result<Self> {
        if columns.iter().any(|(_, n_parts, _)| *n_parts > PARTS.len()) {
            return Err(Error::corrupt(format!("a moment has {} parts at most", PARTS.len())));
        }
        let parts = columns.iter().flat_map(|(name, n_parts, flagged)| {
            let flag = flagged.then_some("is missing");
            let parts = PARTS[..*n_parts].iter().map(|(part, _)| *part).chain(flag);
            parts.map(move |part| Feature::numeric(format!("{name} {part}")))
        });
        let output = parts.collect::<Vec<_>>().try_into()?;
        Ok(DatePartsModel { columns, output })
    }
}

impl Transformer for DatePartsModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        let mut cells = Array2::from_elem((x.n_rows(), self.output.len()), f64::NAN);
        let mut first = 0;
        for (name, n_parts, flagged) in &self.columns {
            for (row, moment) in x.column(name)?.as_date_time()?.enumerate() {
                if *flagged {
                    cells[[row, first + n_parts]] = f64::from(u8::from(moment.is_none()));
                }
                let Some(moment) = moment else { continue };
                for (at, (_, part)) in PARTS[..*n_parts].iter().enumerate() {
                    cells[[row, first + at]] = part(moment);
                }
            }
            first += n_parts + usize::from(*flagged);
        }
        Matrix::from_dense(cells, self.output.clone())
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(
            self.columns.iter().map(|(_, n_parts, flagged)| n_parts + usize::from(*flagged)),
        )
    }
}
