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

/// Values by hand; where the definition is a fraction of whole numbers the answer is the nearest number.
#[test]
fn units_have_symbols() -> Result<()> {
    let cases = [
        (3.0, "ft", "in", 36.0),
        (7.0, "in", "mm", 177.8),
        (1.0, "mi", "km", 1.609344),
        (5280.0, "ft", "mi", 1.0),
        (1.0, "nmi", "m", 1852.0),
        (2.5, "µm", "nm", 2500.0),
        (1.0, "lb", "g", 453.59237),
        (150.0, "lb", "kg", 68.0388555),
        (1.0, "st", "lb", 14.0),
        (16.0, "oz", "lb", 1.0),
        (1.0, "gal", "l", 3.785411784),
        (1.0, "acre", "m²", 4046.8564224),
        (1.0, "ha", "m2", 10_000.0),
        (90.0, "km/h", "m/s", 25.0),
        (60.0, "mph", "km/h", 96.56064),
        (90.0, "min", "h", 1.5),
        (2.0, "wk", "d", 14.0),
        (68.0, "°F", "°C", 20.0),
        (-40.0, "degF", "degC", -40.0),
        (100.0, "°C", "°F", 212.0),
        (0.0, "K", "°C", -273.15),
        (491.67, "°R", "°C", 0.0),
        (1e305, "ft", "mi", 1e305 / 5280.0),
        (-0.0, "m", "km", -0.0),
        (f64::INFINITY, "m", "km", f64::INFINITY),
    ];
    for (number, from, to, expected) in cases {
        let table = Table::new([("x", Column::real([Some(number), None]))])?;
        let table = SourceMap::new().symbol("x", from, to).apply(&table)?;
        let x = table.column("x")?.as_real()?.to_vec();
        assert_eq!(
            (x[0].to_bits(), x[1].is_nan()),
            (expected.to_bits(), true),
            "{number} {from} in {to}: {}",
            x[0]
        );
    }
    let table = Table::new([("x", Column::real([1e308])), ("n", Column::text(["1"]))])?;
    let error = |column: &str, from: &str, to: &str| {
        let map = SourceMap::new().symbol(column, from, to);
        map.apply(&table).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(error("x", "kg", "m").contains("`kg` is a mass and `m` is a length"));
    assert!(error("x", "USD", "EUR").contains("`USD` is a currency"));
    assert!(error("x", "d", "year").contains("`year` is not always as long"));
    assert!(error("x", "furlong", "m").contains("no unit is written `furlong`; there are: m, nm"));
    assert!(error("x", "m", "nm").contains("row 0 leaves the range"));
    assert!(error("n", "m", "nm").contains("only numbers have units"));
    Ok(())
}

/// Against `zoneinfo` of Python 3.11 with its two folds.
#[cfg(feature = "time-zones")]
#[test]
fn clocks_have_zones() -> Result<()> {
    use perennial_data::UnclearTime;
    let cases: [(&str, i64, i64, i64); 13] = [
        ("Europe/Berlin", 1729996200, 1729989000, 1729992600),
        ("Europe/Berlin", 1711852200, 1711845000, 1711848600),
        ("America/New_York", -615470400, -615456000, -615456000),
        ("Australia/Lord_Howe", 1712454300, 1712414700, 1712416500),
        ("Asia/Kathmandu", 504878400, 504858600, 504858600),
        ("Asia/Kathmandu", 505051200, 505030500, 505030500),
        ("Pacific/Apia", 1325246400, 1325196000, 1325282400),
        ("Europe/Berlin", -2208988800, -2208992400, -2208992400),
        ("Europe/Berlin", 5695963200, 5695956000, 5695956000),
        ("America/Sao_Paulo", 1541291400, 1541298600, 1541302200),
        ("UTC", 1704067200, 1704067200, 1704067200),
        ("europe/zurich", 1719828000, 1719820800, 1719820800),
        // The last second of the year 9999.
        ("Europe/Berlin", 253402300799, 253402297199, 253402297199),
    ];
    for (zone, shown, earliest, latest) in cases {
        let table = Table::new([("at", Column::date_time([None, Some(shown * 1_000_000 + 7)]))])?;
        let read = |unclear| -> Result<Option<i64>> {
            let table = SourceMap::new().zone("at", zone, unclear).apply(&table)?;
            let at: Vec<Option<i64>> = table.column("at")?.as_date_time()?.collect();
            assert_eq!((at.len(), at[0]), (2, None));
            Ok(at[1])
        };
        let micros = |seconds: i64| Some(seconds * 1_000_000 + 7);
        assert_eq!(read(UnclearTime::Earliest)?, micros(earliest), "{zone} {shown}");
        assert_eq!(read(UnclearTime::Latest)?, micros(latest), "{zone} {shown}");
        if earliest == latest {
            assert_eq!(read(UnclearTime::Error)?, micros(earliest));
            assert_eq!(read(UnclearTime::Missing)?, micros(earliest));
        } else {
            assert_eq!(read(UnclearTime::Missing)?, None);
            let error = read(UnclearTime::Error).unwrap_err().to_string();
            assert!(
                error.contains("column `at`") && error.contains("at row 1") && error.contains(zone),
                "{error}"
            );
        }
    }
    let at = Table::new([("at", Column::date_time([i64::MAX])), ("n", Column::integer([1]))])?;
    let error = |column: &str, zone: &str| {
        let map = SourceMap::new().zone(column, zone, UnclearTime::Error);
        map.apply(&at).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(error("at", "Europe/Berlin").contains("outside of the years"));
    assert!(error("at", "Mars/Olympus").contains("no zone is called `Mars/Olympus`"));
    assert!(error("n", "UTC").contains("only moments have a clock"));
    let map = SourceMap::new().zone("at", "UTC", UnclearTime::Missing).symbol("x", "m", "km");
    let text = serde_json::to_string(&map).map_err(Error::other)?;
    assert_eq!(serde_json::from_str::<SourceMap>(&text).map_err(Error::other)?, map);
    Ok(())
}
