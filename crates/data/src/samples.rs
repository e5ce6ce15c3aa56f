//! Small data sets inside the binary, for examples and tests.
//!
//! Sources and licences stand in `samples/README.md` of this crate.

use perennial_core::{Result, ResultExt};

use crate::ColumnType::{self, Category, Integer, Real};
use crate::{CsvReader, Table};

fn read(name: &str, bytes: &[u8], others: ColumnType, types: &[(&str, ColumnType)]) -> Result<Table> {
    let table = CsvReader::new().types(types.iter().copied()).read_bytes(bytes).context(name)?;
    // What is not named has one type, even where all cells happen to be whole numbers.
    table.columns().try_fold(table.clone(), |done, (name, column)| {
        let named = types.iter().any(|(known, _)| *known == name);
        if named { Ok(done) } else { done.with_column(name, column.cast(others)?) }
    })
}

/// Rented bicycles by the hour, Washington D.C., 2011: 8645 hours x 15 columns.
///
/// The target is `bikers`, the sum of `casual` and `registered`, which give the answer away. Temperatures,
/// `humidity` and `wind_speed` are scaled to about [0, 1]. Rows are in order of time; `day` is the day of the year.
///
/// ```
/// let table = perennial_data::samples::bikeshare()?;
/// assert_eq!((table.n_rows(), table.n_cols()), (8645, 15));
/// assert_eq!(table.values("bikers")?.as_slice()[0], 16.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// None that a user can cause.
pub fn bikeshare() -> Result<Table> {
    let categories =
        ["season", "month", "holiday", "weekday", "working_day", "weather"].map(|name| (name, Category));
    let integers = ["day", "hour", "casual", "registered", "bikers"].map(|name| (name, Integer));
    let types = [categories.as_slice(), &integers].concat();
    read("bikeshare", include_bytes!("../samples/bikeshare.csv.gz"), Real, &types)
}

/// Iris flowers: 150 rows x 5 columns. Lengths and widths in cm; the class is `species`, 50 rows each of three.
///
/// ```
/// let table = perennial_data::samples::iris()?;
/// assert_eq!(table.classes("species")?.names(), ["setosa", "versicolor", "virginica"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// None that a user can cause.
pub fn iris() -> Result<Table> {
    read("iris", include_bytes!("../samples/iris.csv.gz"), Real, &[("species", Category)])
}

/// Chemical analyses of Italian wines: 178 rows x 14 columns. The class, one of three growers, is `class`.
///
/// # Errors
/// None that a user can cause.
pub fn wine() -> Result<Table> {
    read("wine", include_bytes!("../samples/wine.csv.gz"), Real, &[("class", Category)])
}

/// Breast tumours, cell nuclei in images: 569 rows x 31 columns. The class is `diagnosis`, `benign` (357 rows) or
/// `malignant` (212 rows).
///
/// # Errors
/// None that a user can cause.
pub fn breast_cancer() -> Result<Table> {
    read("breast_cancer", include_bytes!("../samples/breast_cancer.csv.gz"), Real, &[("diagnosis", Category)])
}

/// Diabetes patients: 442 rows x 11 columns, not scaled. The target, a year later, is `progression`; `sex` is the
/// code 1 or 2 of the source.
///
/// # Errors
/// None that a user can cause.
pub fn diabetes() -> Result<Table> {
    read("diabetes", include_bytes!("../samples/diabetes.csv.gz"), Real, &[("sex", Integer)])
}

/// Written digits as 8 x 8 pixels of 0 to 16: 1797 rows x 65 columns, `pixel_0_0` to `pixel_7_7` by row and column,
/// and the class `digit`.
///
/// # Errors
/// None that a user can cause.
pub fn digits() -> Result<Table> {
    read("digits", include_bytes!("../samples/digits.csv.gz"), Real, &[("digit", Category)])
}
