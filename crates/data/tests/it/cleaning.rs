//! Proposals to repair a table, and what becomes of them.

use std::fs;

use perennial_data::clean::{Fix, Review, auto_clean, near_duplicate_texts};
use perennial_data::{Column, ColumnType, Table, content_hash};

fn ids(review: &Review) -> Vec<&str> {
    review.proposals().iter().map(|proposal| proposal.id.as_str()).collect()
}

fn accepted(mut review: Review) -> Review {
    let ids: Vec<String> = ids(&review).into_iter().map(str::to_owned).collect();
    ids.iter().for_each(|id| review.accept(id, "a test").unwrap());
    review
}

/// Ninety rows with one of each fault.
fn messy() -> Table {
    let city = |row: usize| match row {
        3 => " Bern",
        4 => "BERN",
        5 => "Lugarno",
        6 => "n/a",
        _ => ["Bern", "Lugano", "Chur"][row % 3],
    };
    let rent = |row: usize| match row {
        9 => "ask".to_owned(),
        _ if row.is_multiple_of(2) => format!("$ {row}"),
        _ => format!("${row}"),
    };
    let age = |row: usize| if row % 20 == 7 { -999 } else { 20 + (row * 7 % 50) as i64 };
    let code = |row: usize| format!("A{row:04}");
    let rents: Vec<String> = (0..90).map(rent).collect();
    let codes: Vec<String> = (0..90).map(code).collect();
    Table::new([
        ("city", Column::category((0..90).map(city))),
        ("rent", Column::text(rents.iter().map(String::as_str))),
        ("age", Column::integer((0..90).map(age))),
        ("age again", Column::integer((0..90).map(age))),
        ("code", Column::text(codes.iter().map(String::as_str))),
        ("country", Column::category((0..90).map(|_| "CH"))),
        ("empty", Column::real((0..90).map(|_| None::<f64>))),
    ])
    .unwrap()
}

#[test]
fn each_fault_is_found_and_repaired() {
    let table = messy();
    let review = auto_clean(&table);
    assert_eq!(
        ids(&review),
        [
            "trim:city",
            "missing:city",
            "merge:city",
            "typo:city",
            "number:rent",
            "missing:age",
            "missing:age again",
            "drop:age again",
            "drop:country",
            "drop:empty",
            "identifier:code"
        ]
    );
    let rows: Vec<usize> = review.proposals().iter().map(|proposal| proposal.rows).collect();
    assert_eq!(rows, [1, 1, 1, 1, 90, 5, 5, 90, 90, 90, 90]);
    let (clean, log) = accepted(review).apply(&table, "Ada").unwrap();
    assert_eq!(clean.names().collect::<Vec<_>>(), ["city", "rent", "age"]);
    let mut levels: Vec<&str> = clean.column("city").unwrap().as_category().unwrap().levels().collect();
    levels.sort_unstable();
    assert_eq!(levels, ["Bern", "Chur", "Lugano"]);
    let rent = clean.column("rent").unwrap();
    assert_eq!((rent.column_type(), rent.null_count()), (ColumnType::Real, 1));
    assert_eq!(rent.as_real().unwrap()[12], 12.0);
    assert_eq!(clean.column("age").unwrap().null_count(), 5);
    // The log leads from one table to the other.
    assert_eq!(log.entries().first().unwrap().before.as_ref(), Some(&content_hash(&table)));
    assert_eq!(log.entries().last().unwrap().after.as_ref(), Some(&content_hash(&clean)));
    assert!(log.entries().windows(2).all(|pair| pair[0].after == pair[1].before));
    assert!(log.entries().iter().all(|entry| entry.who == "Ada" && entry.why == "a test"));
    // What is clean stays as it is.
    assert!(auto_clean(&clean).proposals().is_empty(), "{}", auto_clean(&clean));
}

#[test]
fn what_is_sound_is_left_alone() {
    let names = ["Anna", "Hanna", "Marie", "Maria"];
    let table = Table::new([
        // Both are frequent: no slip.
        ("name", Column::category((0..80).map(|row| names[row % 4]))),
        ("code", Column::category((0..80).map(|row| if row == 7 { "AB-1001" } else { "AB-1002" }))),
        ("low", Column::integer((0..80).map(|row| if row < 3 { -1 } else { row as i64 }))),
        ("year", Column::integer((0..80).map(|row| 1990 + row as i64 % 10))),
        ("share", Column::real((0..80).map(|row| if row == 5 { f64::NAN } else { row as f64 / 80.0 }))),
        ("flag", Column::boolean((0..80).map(|row| row % 2 == 0))),
        ("day", Column::date(0..80)),
    ])
    .unwrap();
    assert_eq!(auto_clean(&table).to_string(), "nothing to repair was found");
    for odd in [Table::new::<&str>([]).unwrap(), table.head(0), table.head(1)] {
        assert!(auto_clean(&odd).proposals().iter().all(|proposal| !proposal.id.starts_with("repeated")));
    }
}

#[test]
fn rows_that_come_again_are_found() {
    let table = Table::new([
        ("name", Column::text([Some("St. Gallen"), Some("st gallen"), None, None, Some("Bern")])),
        ("x", Column::real([1.0, 1.0, 0.0, -0.0, 1.0])),
    ])
    .unwrap();
    let review = auto_clean(&table);
    assert_eq!(ids(&review), ["merge:name", "repeated"]);
    let (rows, changed) = Fix::DropRepeatedRows { loosely: true }.apply(&table).unwrap();
    assert_eq!((rows.n_rows(), changed), (3, 2));
    let (rows, changed) = Fix::DropRepeatedRows { loosely: false }.apply(&table).unwrap();
    assert_eq!((rows.n_rows(), changed), (4, 1));
}

/// The sign and the mark before decimals make another number.
#[test]
fn rows_of_other_numbers_are_not_alike() {
    let rows = |cells: &[&str]| Table::new([("x", Column::text(cells.iter().copied()))]).unwrap();
    for cells in [["-1,500", "1,500", "2,250"], ["1.5", "1,5", "(15)"], ["$ 12", "12 %", "1-2"]] {
        let review = auto_clean(&rows(&cells));
        assert!(!ids(&review).contains(&"alike"), "{review}");
        let (kept, _) = Fix::DropRepeatedRows { loosely: true }.apply(&rows(&cells)).unwrap();
        assert_eq!(kept.n_rows(), 3, "{cells:?}");
    }
    let (kept, _) =
        Fix::DropRepeatedRows { loosely: true }.apply(&rows(&["1,5", " 1,5", "1-2", "12"])).unwrap();
    assert_eq!(kept.n_rows(), 3);
}

#[test]
fn decisions_live_in_a_file_and_are_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("review.toml");
    let table = messy();
    auto_clean(&table).write(&path).unwrap();
    assert_eq!(Review::read(&path).unwrap(), auto_clean(&table));
    // As people edit it.
    let text = fs::read_to_string(&path).unwrap();
    let edited =
        text.replacen("decision = \"open\"\nreason = \"\"", "decision = \"accept\"\nreason = \"typed\"", 1);
    assert_ne!(text, edited);
    fs::write(&path, &edited).unwrap();
    let review = Review::read(&path).unwrap();
    assert_eq!(review.open().count(), 10);
    let (clean, log) = review.apply(&table, "Ada").unwrap();
    assert_eq!(clean.column("city").unwrap().cell(3).unwrap(), "Bern");
    assert_eq!(log.entries().len(), 1);
    // On other rows as well, and never with another result.
    let (again, _) = review.apply(&table.slice(3..8).unwrap(), "Bob").unwrap();
    assert_eq!(again.column("city").unwrap().cell(0).unwrap(), "Bern");
    let log_path = directory.path().join("log.jsonl");
    log.append(&log_path).unwrap();
    log.append(&log_path).unwrap();
    assert_eq!(fs::read_to_string(&log_path).unwrap().lines().count(), 2);

    let error = |text: &str| {
        fs::write(&path, text).unwrap();
        Review::read(&path).unwrap_err().to_string()
    };
    assert!(
        error(&text.replacen("decision = \"open\"", "decision = \"accept\"", 1)).contains("without a reason")
    );
    assert!(error(&text.replace("trim:city", "typo:city")).contains("two proposals `typo:city`"));
    assert!(error("proposals = 3").contains("this is no review"));
    let error = review.apply(&table.drop(&["city"]).unwrap(), "Ada").unwrap_err().to_string();
    assert!(error.contains("trim:city") && error.contains("city"), "{error}");
    let mut review = review;
    assert!(
        review.accept("trim:village", "why not").unwrap_err().to_string().contains("there are: trim:city")
    );
    assert!(review.accept("trim:city", " ").unwrap_err().to_string().contains("why, in words"));
}

#[test]
fn repairs_of_other_types_are_refused() {
    let table = Table::new([
        ("x", Column::real([1.0, -999.0, f64::NAN])),
        ("b", Column::boolean([true, false, true])),
    ])
    .unwrap();
    for fix in [
        Fix::Trim { column: "x".into() },
        Fix::ToNumber { column: "b".into(), decimal: '.' },
        Fix::Missing { column: "b".into(), values: vec!["true".into()] },
    ] {
        assert!(fix.apply(&table).unwrap_err().to_string().contains("texts or categories are needed"));
    }
    let (new, changed) =
        Fix::Missing { column: "x".into(), values: vec!["-999".into()] }.apply(&table).unwrap();
    assert_eq!(changed, 1);
    assert!(new.column("x").unwrap().is_null(1));
}

#[test]
fn near_texts_are_those_that_brute_force_finds() {
    let words = [
        "river", "mountain", "bridge", "valley", "castle", "forest", "harbour", "village", "meadow", "tower",
    ];
    let mut state = 7_u64;
    let mut next = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let mut texts: Vec<String> = Vec::new();
    for _ in 0..150 {
        texts.push((0..12).map(|_| words[next(10)]).collect::<Vec<_>>().join(" "));
        let mut other: Vec<&str> = texts.last().unwrap().split(' ').collect();
        other[next(12)] = words[next(10)];
        let other = other.join(" ");
        texts.push(other);
    }
    texts[10] = texts[4].to_uppercase();
    let found = near_duplicate_texts(texts.iter().map(|text| Some(text.as_str())), 0.7).unwrap();
    let pieces = |text: &str| -> std::collections::BTreeSet<String> {
        let letters: Vec<char> = text.to_lowercase().chars().collect();
        letters.windows(5).map(|piece| piece.iter().collect()).collect()
    };
    let sets: Vec<_> = texts.iter().map(|text| pieces(text)).collect();
    let mut right = Vec::new();
    for first in 0..texts.len() {
        for second in first + 1..texts.len() {
            let shared = sets[first].intersection(&sets[second]).count() as f64;
            let share = shared / (sets[first].len() + sets[second].len()) as f64;
            let share = share / (1.0 - share);
            // The second of two that are the same is compared with the first alone.
            if share >= 0.7 && first != 10 && (second != 10 || first == 4) {
                right.push((first, second));
            }
        }
    }
    let pairs: Vec<(usize, usize)> = found.iter().map(|pair| (pair.first, pair.second)).collect();
    assert!(pairs.iter().all(|pair| right.contains(pair)));
    assert!(pairs.len() as f64 >= 0.95 * right.len() as f64, "{} of {}", pairs.len(), right.len());
    assert!(pairs.contains(&(4, 10)) && right.len() > 50);
    assert!(near_duplicate_texts([None, Some(""), Some("!"), Some("a")], 0.5).unwrap().is_empty());
    assert!(near_duplicate_texts([Some("a")], 1.5).is_err());
}

fn prices(cells: &[&str]) -> Table {
    Table::new([
        ("price", Column::text(cells.iter().copied())),
        ("row", Column::integer(0..cells.len() as i64)),
    ])
    .unwrap()
}

#[test]
fn one_mark_stands_before_the_decimals_of_a_column() {
    for (cells, decimal, numbers) in [
        (["1,5", "2,25", "1,500", "1.500,25"], ',', [1.5, 2.25, 1.5, 1500.25]),
        (["1.5", "2.25", "1,500", "1,500.25"], '.', [1.5, 2.25, 1500.0, 1500.25]),
        (["1.500", "2.250", "0.125", "12"], '.', [1.5, 2.25, 0.125, 12.0]),
        (["1.500", "2.250", "1.234.567", "12"], ',', [1500.0, 2250.0, 1_234_567.0, 12.0]),
        (["1", "2", "1'500", "12"], '.', [1.0, 2.0, 1500.0, 12.0]),
    ] {
        let table = prices(&cells);
        let review = auto_clean(&table);
        assert_eq!(ids(&review), ["number:price"], "{cells:?}");
        assert_eq!(review.proposals()[0].fix, Fix::ToNumber { column: "price".into(), decimal });
        // The file has the mark, so that rows which say less are read the same.
        let text = toml::to_string(&accepted(review)).unwrap();
        let review: Review = toml::from_str(&text).unwrap();
        let (clean, _) = review.apply(&table, "Ada").unwrap();
        assert_eq!(clean.values("price").unwrap().as_slice(), numbers, "{cells:?}");
        let (one, _) = review.apply(&table.slice(2..3).unwrap(), "Ada").unwrap();
        assert_eq!(one.values("price").unwrap().as_slice(), [numbers[2]]);
    }
}

#[test]
fn where_the_cells_do_not_say_the_mark_somebody_must() {
    let table = prices(&["1,500", "2,250", "3,125"]);
    let review = auto_clean(&table);
    assert_eq!(ids(&review), ["number-point:price", "number-comma:price"]);
    let because = &review.proposals()[0].because;
    assert!(
        because.contains("`1,500` is 1500 with a decimal point and 1.5 with a decimal comma"),
        "{because}"
    );
    for (id, first) in [("number-point:price", 1500.0), ("number-comma:price", 1.5)] {
        let mut review = review.clone();
        review.accept(id, "asked the shop").unwrap();
        let (clean, _) = review.apply(&table, "Ada").unwrap();
        assert_eq!(clean.values("price").unwrap().as_slice()[0], first);
    }
    assert!(accepted(review).apply(&table, "Ada").unwrap_err().to_string().contains("number-comma:price"));

    // Cells that disagree: no reading takes in nine of ten, so nothing is proposed; of one slip both sides are told.
    assert!(auto_clean(&prices(&["1,5", "1.5", "2,5", "2.5"])).proposals().is_empty());
    let mut cells = vec!["1.5"; 29];
    cells.push("1,5");
    let review = auto_clean(&prices(&cells));
    assert_eq!(ids(&review), ["number-point:price", "identifier:row"]);
    let because = &review.proposals()[0].because;
    assert!(
        because.contains("contradict each other") && because.contains("`1,5` would be missing"),
        "{because}"
    );

    let fix = Fix::ToNumber { column: "price".into(), decimal: '\'' };
    assert!(fix.apply(&table).unwrap_err().to_string().contains("`.` or `,`"));
}

#[test]
fn proposals_name_the_rows_that_they_change() {
    let review = auto_clean(&messy());
    let rows = |id: &str| {
        let proposal = review.proposals().iter().find(|proposal| proposal.id == id).unwrap();
        (proposal.rows, proposal.first_rows.clone())
    };
    assert_eq!(rows("trim:city"), (1, vec![3]));
    assert_eq!(rows("missing:city"), (1, vec![6]));
    assert_eq!(rows("merge:city"), (1, vec![4]));
    assert_eq!(rows("typo:city"), (1, vec![5]));
    assert_eq!(rows("missing:age"), (5, vec![7, 27, 47, 67, 87]));
    // Many rows are counted, and the first are named.
    assert_eq!(rows("number:rent"), (90, (0..20).collect()));
    let text = review.to_string();
    assert!(
        text.contains("would change 1 row (3)") && text.contains("would change 90 rows (0, 1, 2, 3, 4, ...)"),
        "{text}"
    );
    // Rows are those of the table, whatever was left out before.
    let names = ["Bern", "Bern", "Chur", "bern", "Chur", "CHUR"];
    let table =
        Table::new([("name", Column::text(names)), ("x", Column::integer([1, 1, 2, 1, 2, 2]))]).unwrap();
    let repeated = Fix::DropRepeatedRows { loosely: false };
    assert_eq!(repeated.apply(&table).unwrap().1, 2);
    let review = auto_clean(&table);
    let of = |id: &str| {
        review
            .proposals()
            .iter()
            .find(|proposal| proposal.id == id)
            .map(|proposal| proposal.first_rows.clone())
    };
    assert_eq!(of("merge:name"), Some(vec![3, 5]));
    assert_eq!(of("repeated"), Some(vec![1, 3, 4, 5]));
    let kept =
        Table::new([("a", Column::text(["x!", "x!", "y", "x"])), ("b", Column::integer([1, 1, 2, 1]))])
            .unwrap();
    let toml = toml::to_string(&auto_clean(&kept)).unwrap();
    assert_eq!(toml::from_str::<Review>(&toml).unwrap(), auto_clean(&kept));
}
