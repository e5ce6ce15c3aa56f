//! Tables of many sources, each with its own names, units and clocks.

use perennial_core::{Error, Result};
use perennial_data::{Column, ColumnType, Role, SourceMap, Table};

fn source() -> Result<Table> {
    Table::new([
        ("temp_f", Column::integer([Some(212), None, Some(-40)])),
        ("at", Column::date_time([Some(0), Some(7), None])),
        ("n", Column::text(["1", "2", "3"])),
        ("note", Column::text(["a", "b", "c"])),
        ("day", Column::date([1, 2, 3])),
    ])
}

#[test]
fn a_source_becomes_as_the_others() -> Result<()> {
    let map = SourceMap::new()
        .unit("temp_f", 5.0 / 9.0, -160.0 / 9.0)
        .clock("at", 120)
        .drop("note")
        .rename("temp_f", "celsius");
    let table = map.apply(&source()?.with_role("temp_f", Role::Target)?)?;
    assert_eq!(table.names().collect::<Vec<_>>(), ["celsius", "at", "n", "day"]);
    let celsius = table.column("celsius")?.as_real()?.to_vec();
    assert!((celsius[0] - 100.0).abs() < 1e-12 && celsius[1].is_nan() && (celsius[2] + 40.0).abs() < 1e-12);
    assert_eq!(table.column("celsius")?.null_count(), 1);
    assert_eq!(table.role("celsius")?, Role::Target);
    let at: Vec<Option<i64>> = table.column("at")?.as_date_time()?.collect();
    assert_eq!(at, [Some(-7_200_000_000), Some(-7_199_999_993), None]);
    // A map is data.
    let text = serde_json::to_string(&map).map_err(Error::other)?;
    assert_eq!(serde_json::from_str::<SourceMap>(&text).map_err(Error::other)?, map);
    assert!(serde_json::from_str::<SourceMap>(r#"{"unit": 3}"#).is_err());
    // In the order in which it was said.
    let twice = SourceMap::new().unit("temp_f", 1000.0, 0.0).unit("temp_f", 1.0, 1.0);
    assert_eq!(twice.apply(&source()?)?.column("temp_f")?.as_real()?[0], 212_001.0);
    let midnight = SourceMap::new().cast("day", ColumnType::DateTime).clock("day", 60).apply(&source()?)?;
    assert_eq!(midnight.column("day")?.as_date_time()?.next().flatten(), Some(82_800_000_000));
    assert_eq!(SourceMap::new().apply(&source()?)?, source()?);
    Ok(())
}

#[test]
fn what_a_column_does_not_allow_is_said() -> Result<()> {
    let error = |map: SourceMap| -> Result<String> {
        Ok(map.apply(&source()?).err().map(|error| error.to_string()).unwrap_or_default())
    };
    assert!(error(SourceMap::new().unit("nowhere", 1.0, 0.0))?.contains("nowhere"));
    assert!(error(SourceMap::new().unit("n", 2.0, 0.0))?.contains("only numbers have units"));
    assert!(error(SourceMap::new().unit("temp_f", f64::NAN, 0.0))?.contains("factor"));
    assert!(error(SourceMap::new().clock("day", 60))?.contains("only moments have a clock"));
    assert!(error(SourceMap::new().clock("at", 841))?.contains("-840 to 840"));
    assert!(error(SourceMap::new().rename("n", "day"))?.contains("day"));
    assert!(error(SourceMap::new().rename("nowhere", "m"))?.contains("nowhere"));
    let far = Table::new([("x", Column::real([1e300])), ("at", Column::date_time([i64::MIN + 5]))])?;
    assert!(
        SourceMap::new().unit("x", 1e20, 0.0).apply(&far).unwrap_err().to_string().contains("larger unit")
    );
    assert!(SourceMap::new().clock("at", 1).apply(&far).unwrap_err().to_string().contains("row 0"));
    Ok(())
}

#[test]
fn names_change_at_once() -> Result<()> {
    let table = Table::builder().integer("a", [1]).integer("b", [2]).integer("c", [3]).build()?;
    let table = table.with_role("a", Role::Target)?;
    let swapped = SourceMap::new().rename("a", "b").rename("b", "a").apply(&table)?;
    assert_eq!(swapped.names().collect::<Vec<_>>(), ["b", "a", "c"]);
    assert_eq!(swapped.column("b")?, table.column("a")?);
    assert_eq!((swapped.role("b")?, swapped.role("a")?), (Role::Target, Role::Feature));
    let moved = SourceMap::new().rename("a", "b").rename("b", "c").drop("c").apply(&table)?;
    assert_eq!(moved.names().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(moved.column("c")?, table.column("b")?);
    assert_eq!((moved.role("b")?, moved.role("c")?), (Role::Target, Role::Feature));
    let error = SourceMap::new().rename("a", "x").rename("a", "y").apply(&table).unwrap_err();
    assert!(error.to_string().contains("`a` is renamed twice"), "{error}");
    assert!(SourceMap::new().rename("a", "b").apply(&table).unwrap_err().to_string().contains('b'));
    Ok(())
}

#[test]
fn a_unit_loses_no_cell() -> Result<()> {
    let table = Table::new([("x", Column::real([Some(1.0), None, Some(f64::INFINITY)]))])?;
    let scaled = |factor: f64, offset: f64| SourceMap::new().unit("x", factor, offset).apply(&table);
    for factor in [0.0, -0.0, f64::NAN, f64::INFINITY] {
        let error = scaled(factor, 1.0).unwrap_err().to_string();
        assert!(error.contains("`factor`"), "{error}");
    }
    let cells = scaled(-2.0, 1.0)?.column("x")?.as_real()?.to_vec();
    assert!(cells[0] == -1.0 && cells[1].is_nan() && cells[2] == f64::NEG_INFINITY);
    let names: Vec<&str> = SourceMap::PARAMS.iter().map(|param| param.name).collect();
    assert_eq!(names, ["factor", "offset"]);
    Ok(())
}
