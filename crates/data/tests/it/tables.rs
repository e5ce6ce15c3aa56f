//! Tables, schemas and hashes.

use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float32Array, Int32Array, LargeStringArray, RecordBatch, StringArray,
    UInt64Array,
};
use perennial_core::{ErrorKind, Rows};
use perennial_data::{Column, ColumnType, Schema, Table, content_hash};

fn flats() -> Table {
    Table::builder()
        .category("city", [Some("Bern"), Some("Basel"), None, Some("Bern")])
        .text("note", ["d", "c", "b", "a"])
        .real("rent", [Some(3.0), None, Some(f64::NAN), Some(-1.0)])
        .integer("rooms", [3, 2, 3, 1])
        .boolean("lift", [true, false, true, true])
        .date("since", [0, 1, 2, 3])
        .date_time("seen", [Some(0), None, Some(1), Some(2)])
        .build()
        .unwrap()
}

#[test]
fn columns_and_rows_are_picked() {
    let table = flats();
    assert_eq!((table.n_rows(), table.n_cols()), (4, 7));
    assert_eq!(table.select(&["rent", "city"]).unwrap().names().collect::<Vec<_>>(), ["rent", "city"]);
    assert!(table.select(&["rent", "rent"]).is_err());
    assert_eq!(table.drop(&["city", "note"]).unwrap().n_cols(), 5);
    assert!(table.drop(&["citi"]).unwrap_err().to_string().contains("there are: city, note"));
    let picked = table.take(&[3, 0, 3]).unwrap();
    assert_eq!(picked.column("note").unwrap(), &Column::text(["a", "d", "a"]));
    assert!(table.take(&[4]).is_err());
    assert_eq!(table.filter(&[true, false, false, true]).unwrap(), table.take(&[0, 3]).unwrap());
    assert!(table.filter(&[true]).is_err());
    assert_eq!(table.slice(1..3).unwrap(), table.take(&[1, 2]).unwrap());
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let backwards = table.slice(3..1);
    assert!(table.slice(0..5).is_err() && backwards.is_err());
    assert_eq!(table.head(99), table);
    assert_eq!(table.head(0).n_rows(), 0);
    assert_eq!(table.select::<&str>(&[]).unwrap().n_rows(), 4);
}

#[test]
fn columns_are_added_renamed_and_refused() {
    let table = flats();
    let more =
        table.with_column("rooms", Column::integer([0, 0, 0, 0])).unwrap().rename("rooms", "zero").unwrap();
    assert_eq!(more.names().nth(3), Some("zero"));
    assert!(table.rename("rooms", "city").is_err() && table.rename("rooms", "").is_err());
    let short = table.with_column("x", Column::real([1.0])).unwrap_err();
    assert!(matches!(short.kind(), ErrorKind::LengthMismatch { expected: 4, got: 1, .. }));
    assert!(Table::new([("a", Column::integer([1])), ("a", Column::integer([1]))]).is_err());
    assert!(
        Column::category_codes([2], &["a", "b"]).is_err()
            && Column::category_codes([0], &["a", "a"]).is_err()
    );
}

#[test]
fn rows_are_sorted_with_missing_cells_last() {
    let table = flats();
    let order = |name: &str| -> Vec<String> {
        let sorted = table.sort_by(name).unwrap();
        sorted.column("note").unwrap().as_text().unwrap().map(|note| note.unwrap().to_owned()).collect()
    };
    assert_eq!(order("city"), ["c", "d", "a", "b"]);
    assert_eq!(order("note"), ["a", "b", "c", "d"]);
    assert_eq!(order("rent"), ["a", "d", "c", "b"]);
    assert_eq!(order("rooms"), ["a", "c", "d", "b"]);
    assert_eq!(order("lift"), ["c", "d", "b", "a"]);
    assert_eq!(order("seen"), ["d", "b", "a", "c"]);
}

#[test]
fn typed_access_says_what_it_needs() {
    let table = flats();
    assert!(table.column("rent").unwrap().as_real().unwrap()[1].is_nan());
    assert_eq!(table.column("rent").unwrap().null_count(), 2);
    assert_eq!(*table.column("lift").unwrap().as_real().unwrap(), [1.0, 0.0, 1.0, 1.0]);
    assert_eq!(table.column("since").unwrap().as_date_time().unwrap().nth(1), Some(Some(86_400_000_000)));
    assert_eq!(table.column("seen").unwrap().cell(2).unwrap(), "1970-01-01 00:00:00.000001");
    let error = table.column("city").unwrap().as_real().unwrap_err().to_string();
    assert!(error.contains("category") && error.contains("real, integer or boolean"), "{error}");
    assert!(
        table.column("rent").unwrap().as_text().is_err()
            && table.column("rent").unwrap().as_category().is_err()
    );
    assert_eq!(table.column("city").unwrap().cell(99), None);
}

#[test]
fn targets_and_matrices() {
    let table = flats();
    let error = table.values("rent").unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::NonFinite { row: 1, column: Some(column), .. } if column == "rent")
    );
    assert_eq!(table.values("rooms").unwrap().as_slice(), [3.0, 2.0, 3.0, 1.0]);
    assert_eq!(table.classes("rooms").unwrap().names(), ["1", "2", "3"]);
    assert_eq!(table.classes("lift").unwrap().names(), ["false", "true"]);
    assert_eq!(table.classes("note").unwrap().codes(), [3, 2, 1, 0]);
    assert!(matches!(table.classes("city").unwrap_err().kind(), ErrorKind::NonFinite { row: 2, .. }));
    assert!(table.classes("since").is_err());
    let matrix = table.matrix(&["rooms", "rent", "lift"]).unwrap();
    assert_eq!(matrix.features().names().collect::<Vec<_>>(), ["rooms", "rent", "lift"]);
    let dense = matrix.dense().unwrap();
    assert_eq!((dense[[3, 0]], dense[[3, 1]], dense[[1, 2]]), (1.0, -1.0, 0.0));
    assert!(dense[[2, 1]].is_nan());
    assert!(table.matrix(&["city"]).unwrap_err().to_string().contains("`city`"));
    assert!(table.matrix::<&str>(&[]).is_err());
    let many = Table::new([("a", Column::integer(0..5000)), ("b", Column::integer(5000..10_000))]).unwrap();
    let dense = many.matrix(&["b", "a"]).unwrap();
    assert!((0..5000).all(|row| dense.dense().unwrap()[[row, 1]] == row as f64));
    assert_eq!(many.slice(0..0).unwrap().matrix(&["a"]).unwrap().n_rows(), 0);
}

#[test]
fn tables_are_put_below_each_other() {
    let one = Table::builder().category("c", ["b", "a"]).integer("i", [1, 2]).build().unwrap();
    let two = Table::builder().integer("i", [3]).category("c", ["z"]).build().unwrap();
    let all = Table::concat(&[one.clone(), two, one.slice(0..0).unwrap()]).unwrap();
    assert_eq!(all.column("c").unwrap(), &Column::category(["b", "a", "z"]));
    assert_eq!(all.column("i").unwrap(), &Column::integer([1, 2, 3]));
    let odd = Table::builder().category("c", ["z"]).text("i", ["3"]).build().unwrap();
    assert!(matches!(Table::concat(&[one, odd]).unwrap_err().kind(), ErrorKind::FeatureMismatch { .. }));
    assert!(Table::concat(&[]).is_err());
}

#[test]
fn schemas_name_the_column_that_differs() {
    let table = flats();
    let schema = table.schema();
    assert_eq!(serde_json::from_str::<Schema>(&serde_json::to_string(&schema).unwrap()).unwrap(), schema);
    assert_eq!(schema.field("city").unwrap().levels, ["Basel", "Bern"]);
    assert!(schema.field("city").unwrap().nullable && !schema.field("note").unwrap().nullable);
    schema
        .check(&table.select(&["seen", "since", "lift", "rooms", "rent", "note", "city"]).unwrap())
        .unwrap();
    for (wrong, words) in [
        (table.drop(&["rent"]).unwrap(), "`rent` is missing"),
        (table.with_column("extra", Column::integer([1, 2, 3, 4])).unwrap(), "`extra` is not expected"),
        (
            table.with_column("rooms", Column::real([1.0; 4])).unwrap(),
            "`rooms` is of type real, expected integer",
        ),
    ] {
        let error = schema.check(&wrong).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::FeatureMismatch { .. }) && error.to_string().contains(words),
            "{error}"
        );
        assert!(schema.align(&wrong).is_err());
    }
    let later = table.with_column("city", Column::text(["Zug", "Bern", "Bern", "Basel"])).unwrap();
    let aligned = schema.align(&later).unwrap();
    let city = aligned.column("city").unwrap().as_category().unwrap();
    assert_eq!(city.levels().collect::<Vec<_>>(), ["Basel", "Bern", "Zug"]);
    assert_eq!(city.codes().map(Option::unwrap).collect::<Vec<_>>(), [2, 1, 1, 0]);
}

#[test]
fn arrow_types_are_taken_over() {
    let dictionary: DictionaryArray<Int8Type> = [Some("b"), None, Some("a")].into_iter().collect();
    let doubled = DictionaryArray::<Int8Type>::new(
        vec![0, 1, 2].into(),
        Arc::new(StringArray::from(vec![Some("x"), Some("x"), None])),
    );
    let batch = RecordBatch::try_from_iter([
        ("dictionary", Arc::new(dictionary) as ArrayRef),
        ("doubled", Arc::new(doubled)),
        ("int", Arc::new(Int32Array::from(vec![Some(1), None, Some(-3)]))),
        ("float", Arc::new(Float32Array::from(vec![Some(0.5), Some(f32::NAN), None]))),
        ("large", Arc::new(LargeStringArray::from(vec!["a", "b", "c"]))),
    ])
    .unwrap();
    let table = Table::from_record_batch(&batch).unwrap();
    assert_eq!(
        table.column("dictionary").unwrap().cast(ColumnType::Text).unwrap(),
        Column::text([Some("b"), None, Some("a")])
    );
    assert_eq!(table.column("doubled").unwrap(), &Column::category([Some("x"), Some("x"), None]));
    assert_eq!(table.column("int").unwrap(), &Column::integer([Some(1), None, Some(-3)]));
    assert_eq!(table.column("float").unwrap(), &Column::real([Some(0.5), None, None]));
    assert_eq!(table.column("large").unwrap(), &Column::text(["a", "b", "c"]));
    let huge =
        RecordBatch::try_from_iter([("u", Arc::new(UInt64Array::from(vec![u64::MAX])) as ArrayRef)]).unwrap();
    assert!(Table::from_record_batch(&huge).unwrap_err().to_string().contains("`u`"));
}

#[test]
fn hashes_know_contents_and_nothing_else() {
    let table = flats();
    let hash = content_hash(&table);
    assert_eq!(hash.len(), 64);
    assert_eq!(hash, content_hash(&table.take(&[0, 1, 2, 3]).unwrap()));
    let halves = [table.slice(0..2).unwrap(), table.slice(2..4).unwrap()];
    assert_eq!(hash, content_hash(&Table::concat(&halves).unwrap()));
    let mut seen = std::collections::BTreeSet::from([hash]);
    for other in [
        table.take(&[1, 0, 2, 3]).unwrap(),
        table.rename("rent", "rents").unwrap(),
        table.select(&["note", "city", "rent", "rooms", "lift", "since", "seen"]).unwrap(),
        table.with_column("city", table.column("city").unwrap().cast(ColumnType::Text).unwrap()).unwrap(),
        table.with_column("rent", Column::real([Some(3.0), None, None, Some(-1.0 - f64::EPSILON)])).unwrap(),
        table.with_column("note", Column::text(["dc", "", "b", "a"])).unwrap(),
        table.with_column("note", Column::text(["d", "cb", "", "a"])).unwrap(),
        table.head(3),
    ] {
        assert!(seen.insert(content_hash(&other)), "{other}");
    }
}

#[test]
fn the_preview_is_aligned() {
    let table = Table::builder().text("name", [Some("a\tb"), None]).real("x", [1.5, -20.0]).build().unwrap();
    assert_eq!(table.to_string(), "name      x\ntext   real\na\\tb    1.5\n-     -20.0\n2 rows, 2 columns");
    assert_eq!(Table::builder().build().unwrap().to_string().lines().last(), Some("0 rows, 0 columns"));
}

#[test]
fn rows_that_are_the_same_have_the_same_number() {
    let real = |cells: [f64; 6]| Column::real(cells);
    let table = Table::new([
        ("city", Column::text([Some("a"), Some("a"), None, None, Some("a"), Some("b")])),
        ("size", real([0.0, -0.0, f64::NAN, f64::NAN, 1e-300, 0.0])),
        ("count", Column::integer([1, 1, i64::MAX, i64::MAX, 1, 1])),
    ])
    .unwrap();
    let numbers = table.row_numbers().unwrap().unwrap();
    let same = |a: usize, b: usize| numbers[a] == numbers[b];
    assert!(same(0, 1) && same(2, 3) && !same(0, 4) && !same(0, 5) && !same(1, 2));
    // Neighbours that no real number can hold are told apart.
    let large = Table::new([("id", Column::integer([i64::MAX, i64::MAX - 1]))]).unwrap();
    assert_eq!(large.row_numbers().unwrap().unwrap(), [1, 0]);
    assert_eq!(Table::new([("x", real([1.0; 6]))]).unwrap().head(0).row_numbers().unwrap(), Some(vec![]));
}

#[test]
fn cells_are_coerced_where_each_of_them_can_be() {
    use ColumnType::{Boolean, Category, Date, DateTime, Integer, Real, Text};
    let day = 86_400_000_000;
    for (column, to, expected) in [
        (Column::text([Some("007"), None, Some("-3")]), Integer, Column::integer([Some(7), None, Some(-3)])),
        (Column::category(["1.5", "1e3", "1.5"]), Real, Column::real([1.5, 1000.0, 1.5])),
        (Column::text(["true", "False"]), Boolean, Column::boolean([true, false])),
        (Column::text(["1970-01-02"]), Date, Column::date([1])),
        (
            Column::text(["1970-01-02", "1970-01-02 00:00:01"]),
            DateTime,
            Column::date_time([day, day + 1_000_000]),
        ),
        (Column::real([Some(3.0), None, Some(-0.0)]), Integer, Column::integer([Some(3), None, Some(0)])),
        (Column::integer([0, 1]), Boolean, Column::boolean([false, true])),
        (Column::real([1.0, 0.0]), Boolean, Column::boolean([true, false])),
        (Column::boolean([Some(true), None]), Integer, Column::integer([Some(1), None])),
        (Column::boolean([false]), Real, Column::real([0.0])),
        (Column::date_time([-day, day]), Date, Column::date([-1, 1])),
        (Column::real([Some(0.5), None]), Text, Column::text([Some("0.5"), None])),
        (Column::date([1, 1]), Category, Column::category(["1970-01-02", "1970-01-02"])),
        (Column::real([None, None]), Date, Column::date([None::<i32>, None])),
    ] {
        assert_eq!(column.coerce(to).unwrap(), expected, "{to}");
    }
    for (column, to, words) in [
        (Column::text(["1", "x"]), Integer, "row 1: `x` is not of type integer"),
        (Column::text(["1.5"]), Integer, "`1.5`"),
        (Column::text(["nan"]), Real, "`nan`"),
        (Column::text(["yes"]), Boolean, "`yes`"),
        (Column::text(["2024-02-30"]), Date, "`2024-02-30`"),
        (Column::real([0.5]), Integer, "`0.5`"),
        (Column::real([1e300]), Integer, "`1e300`"),
        (Column::real([f64::INFINITY]), Integer, "`inf`"),
        (Column::integer([2]), Boolean, "`2`"),
        (Column::date_time([1]), Date, "not of type date"),
        (Column::date([1]), Integer, "does not turn into integer"),
    ] {
        let error = column.coerce(to).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
    let schema = Table::builder().real("x", [1.0, 2.0]).category("c", ["a", "b"]).build().unwrap();
    let typed = Table::builder().text("c", ["b"]).text("x", ["2"]).build().unwrap();
    let coerced = schema.schema().coerce(&typed).unwrap();
    assert_eq!(
        (
            coerced.values("x").unwrap().as_slice()[0],
            coerced.column("c").unwrap().as_category().unwrap().code(0)
        ),
        (2.0, Some(1))
    );
    let wrong = Table::builder().text("c", ["b"]).text("x", ["two"]).build().unwrap();
    assert!(schema.schema().coerce(&wrong).unwrap_err().to_string().contains("column `x`: row 0: `two`"));
}
