//! Columns are routed, and nothing is left out silently.

use perennial_core::{ErrorKind, Estimator, NoTarget, Persist, Result, Rows, Train, Transformer};
use perennial_data::{Column, Table};
use perennial_preprocessing::{
    CategoryImputer, Columns, MinMaxScaler, OneHotEncoder, OrdinalEncoder, SimpleImputer, StandardScaler,
    Unknown, boolean, categorical, numeric,
};

fn table() -> Table {
    Table::new([
        ("age", Column::real([Some(20.0), None, Some(40.0), Some(33.0)])),
        ("rides", Column::integer([1, 2, 3, 4])),
        ("city", Column::text([Some("Rome"), Some("Oslo"), None, Some("Rome")])),
        ("member", Column::boolean([true, false, true, true])),
    ])
    .unwrap()
}

#[test]
fn all_kinds_of_columns_go_where_they_belong() -> Result<()> {
    let columns = Columns::new()
        .on(numeric().without(["rides"]), SimpleImputer::median().then(StandardScaler::new()))
        .on(["rides"], MinMaxScaler::new())
        .on(categorical(), CategoryImputer::mode().then(OneHotEncoder::new()))
        .on(boolean(), SimpleImputer::mode());
    let table = table();
    let model = columns.fit(&table, &NoTarget)?;
    let x = model.transform(&table)?;
    let names: Vec<&str> = x.features().names().collect();
    assert_eq!(names, ["age", "rides", "city=Oslo", "city=Rome", "member"]);
    assert_eq!(x.dense()?.row(2).to_vec()[1..], [2.0 / 3.0, 0.0, 1.0, 1.0]);
    for row in 0..4 {
        assert_eq!(model.transform(&table.take(&[row])?)?, x.take(&[row])?, "one row is as the batch");
    }
    let turned = table.select(&["member", "city", "rides", "age"])?;
    assert_eq!(model.transform(&turned)?, x, "columns are found by name");
    assert_eq!(columns.decode(&columns.encode(&model)?)?.transform(&table)?, x);
    Ok(())
}

#[test]
fn columns_that_no_step_takes_must_be_dropped() {
    let one = || Columns::new().on(numeric(), SimpleImputer::median());
    let error = one().fit(&table(), &NoTarget).unwrap_err();
    assert!(error.to_string().contains("city, member"), "{error}");
    assert!(one().drop(["city", "member"]).fit(&table(), &NoTarget).is_ok());
    assert!(one().drop_rest().fit(&table(), &NoTarget).is_ok());
}

#[test]
fn errors_name_the_columns() {
    let missing = Columns::new().on(["nope"], StandardScaler::new()).drop_rest();
    assert!(missing.fit(&table(), &NoTarget).unwrap_err().to_string().contains("nope"));
    let text = Columns::new().on(["city"], StandardScaler::new()).drop_rest();
    assert!(text.fit(&table(), &NoTarget).unwrap_err().to_string().contains("city"));
    let twice =
        Columns::new().on(["rides"], StandardScaler::new()).on(["rides"], MinMaxScaler::new()).drop_rest();
    assert!(twice.fit(&table(), &NoTarget).unwrap_err().to_string().contains("`rides`"));
    let none = Columns::new().drop_rest();
    assert!(none.fit(&table(), &NoTarget).is_err());
    let model =
        Columns::new().on(["age"], SimpleImputer::mean()).drop_rest().fit(&table(), &NoTarget).unwrap();
    let without = table().drop(&["age"]).unwrap();
    let error = model.transform(&without).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unknown { .. } | ErrorKind::FeatureMismatch { .. }), "{error}");
}

#[test]
fn weights_reach_every_step() -> Result<()> {
    let columns = Columns::new()
        .on(["rides"], StandardScaler::new())
        .on(["city"], OrdinalEncoder::new().unknown(Unknown::Ignore))
        .drop_rest();
    let table = table();
    let weighted = Train::new(&table, &NoTarget).weights(&[1.0, 0.0, 0.0, 1.0]).fit(&columns)?;
    let kept = columns.fit(&table.take(&[0, 3])?, &NoTarget)?;
    let rows = table.take(&[0, 3])?;
    assert_eq!(weighted.transform(&rows)?, kept.transform(&rows)?);
    Ok(())
}
