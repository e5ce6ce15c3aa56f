//! Public data sets beside the project: all of them are read, with types that make sense.

use std::path::PathBuf;

use perennial_data::{ColumnType, CsvReader, Table, read_csv};

fn check(table: &Table, name: &str, expected: ColumnType) {
    assert_eq!(table.column(name).unwrap().column_type(), expected, "{name}");
}

#[test]
fn every_file_is_read() {
    let Some(root) = crate::shared("data") else { return };
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in ["", "folds", "timeseries"] {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "csv")));
    }
    assert!(files.len() > 20);
    for path in files {
        // One file has row labels without a name for them.
        let table = CsvReader::new().name_empty_columns(true).read_path(&path);
        let table = table.unwrap_or_else(|error| panic!("{error}"));
        assert!(table.n_rows() > 0, "{}", path.display());
    }
}

#[test]
fn types_make_sense() {
    use ColumnType::{Category, Date, DateTime, Integer, Real, Text};
    let Some(root) = crate::shared("data") else { return };
    let read = |name: &str| read_csv(root.join(name)).unwrap();
    let table = read("adult_train.csv");
    assert_eq!((table.n_rows(), table.n_cols()), (32_561, 15));
    check(&table, "age", Integer);
    check(&table, "workclass", Category);
    assert_eq!(
        table.column("income").unwrap().as_category().unwrap().levels().collect::<Vec<_>>(),
        ["<=50K", ">50K"]
    );
    let table = read("california_housing.csv");
    check(&table, "median_income", Real);
    check(&table, "ocean_proximity", Category);
    assert_eq!(table.column("total_bedrooms").unwrap().null_count(), 207);
    let table = read("titanic.csv");
    assert_eq!(table.n_rows(), 891);
    check(&table, "Name", Text);
    check(&table, "Sex", Category);
    check(&table, "Age", Real);
    let table = read("nyc_taxis.csv");
    check(&table, "pickup", DateTime);
    check(&table, "pickup_zone", Category);
    check(&table, "fare", Real);
    let table = read("sms_spam.csv");
    check(&table, "text", Text);
    check(&table, "type", Category);
    check(&read("timeseries/daily-min-temperatures.csv"), "Date", Date);
    let table = CsvReader::new().header(false).read_path(root.join("mnist_5k.csv.gz")).unwrap();
    assert_eq!((table.n_rows(), table.n_cols()), (5000, 785));
    assert_eq!(table.classes("x784").unwrap().counts(), [500; 10]);
}
