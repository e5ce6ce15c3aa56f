//! Contracts: what they find, and how they are kept.

use perennial_core::{ErrorKind, Result};
use perennial_data::{Check, Column, ColumnContract, ColumnType, Contract, Relation, Rule, Table};
use proptest::prelude::*;

fn good() -> Table {
    Table::builder()
        .integer("id", [1, 2, 3])
        .real("price", [Some(1.5), None, Some(2.5)])
        .category("city", ["Bern", "Basel", "Bern"])
        .build()
        .unwrap()
}

#[test]
fn each_check_finds_what_it_is_for() {
    let table = good();
    let contract = Contract::infer(&table);
    assert!(contract.check(&table).is_met());
    contract.enforce(&table).unwrap();
    let cases = [
        (table.with_column("id", Column::integer([1, 2, 1])).unwrap(), Check::Unique, vec![2]),
        (table.with_column("id", Column::integer([Some(1), None, Some(3)])).unwrap(), Check::Nulls, vec![1]),
        (table.with_column("id", Column::integer([0, 2, 3])).unwrap(), Check::Minimum, vec![0]),
        (
            table.with_column("price", Column::real([1.5, f64::INFINITY, 9.0])).unwrap(),
            Check::Maximum,
            vec![1, 2],
        ),
        (
            table.with_column("city", Column::category(["Bern", "Bonn", "Bern"])).unwrap(),
            Check::Allowed,
            vec![1],
        ),
        (table.with_column("city", Column::text(["Bern", "Basel", "Bern"])).unwrap(), Check::Type, vec![]),
        (table.with_column("more", Column::text(["", "", ""])).unwrap(), Check::ExtraColumn, vec![]),
        (table.drop(&["price"]).unwrap(), Check::MissingColumn, vec![]),
        (table.head(0), Check::RowCount, vec![]),
    ];
    for (bad, check, rows) in cases {
        let report = contract.check(&bad);
        assert_eq!(report.violations().len(), 1, "{report}");
        assert_eq!((report.violations()[0].check, &report.violations()[0].rows), (check, &rows), "{report}");
        let error = contract.enforce(&bad).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ContractViolation { .. }), "{error}");
    }
    let error = contract.enforce(&table.with_column("id", Column::integer([-7, 2, 3])).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "column `id` is `-7` at row 0, below the minimum 1 (1 rows)");
}

#[test]
fn a_contract_is_kept_as_toml_and_json() {
    let contract = Contract::infer(&good())
        .min_rows(2)
        .extra_columns(true)
        .with(ColumnContract::new("note", ColumnType::Text).nullable(true).unique(true));
    let text = toml::to_string(&contract).unwrap();
    assert_eq!(toml::from_str::<Contract>(&text).unwrap(), contract, "{text}");
    let json = serde_json::to_string(&contract).unwrap();
    assert_eq!(serde_json::from_str::<Contract>(&json).unwrap(), contract);
    let written = "min_rows = 1\n[[columns]]\nname = \"x\"\ncolumn_type = \"real\"\nmin = 0.0\n";
    let table = Table::new([("x", Column::real([1.0]))]).unwrap();
    toml::from_str::<Contract>(written).unwrap().enforce(&table).unwrap();
    assert!(toml::from_str::<Contract>("min_row = 1").is_err());
}

proptest! {
    #[test]
    fn what_is_inferred_is_met(table in crate::round_trip::table()) {
        let report = Contract::infer(&table).min_rows(0).check(&table);
        prop_assert!(report.is_met(), "{report}");
    }
}

#[test]
fn a_contract_goes_with_a_pipeline() -> Result<()> {
    use perennial_core::{Estimator, Matrix, NoTarget, Persist, Transformer};
    use perennial_data::{ContractCheck, Statistic};
    let contract = Contract::new()
        .with(ColumnContract::new("age", ColumnType::Integer).unique(true).max(120.0))
        .with(ColumnContract::new("paid", ColumnType::Boolean))
        .rule(Rule::statistic("age", Statistic::Mean, 20.0..60.0))
        .rule(Rule::between("age", 1..).quarantine())
        .rule(Rule::compare("age", Relation::Less, "paid"))
        .rule(Rule::column_count(2..=2))
        .min_rows(2);
    let step = ContractCheck::new(contract.drop(&["paid"]));
    let ages = |ages: &[i64]| Table::builder().integer("age", ages.iter().copied()).build();
    let model = step.fit(&ages(&[31, 54])?, &NoTarget)?;
    for wrong in [&[31][..], &[31, 31], &[100, 110], &[31, 0]] {
        let error = step.fit(&ages(wrong)?, &NoTarget).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ContractViolation { .. }), "{error}");
    }
    // What is said of all rows does not hold for answers.
    for right in [&[31][..], &[31, 31], &[100, 110], &[]] {
        assert_eq!(model.transform(&ages(right)?)?, ages(right)?);
    }
    assert!(model.transform(&ages(&[31, 0])?).unwrap_err().to_string().contains("row 1"));
    let more = ages(&[31])?.with_column("x", Column::integer([1]))?;
    assert!(model.transform(&more).unwrap_err().to_string().contains("`x` is not part of the contract"));
    let again = step.decode(&step.encode(&model)?)?;
    assert_eq!(again, model);
    assert!(again.transform(&ages(&[500])?).is_err());
    // Between steps of matrices.
    let contract = Contract::new().with(ColumnContract::new("x0", ColumnType::Real).max(1.0).nullable(true));
    let x = Matrix::from(ndarray::array![[0.5], [f64::NAN]]);
    let model = ContractCheck::new(contract).fit(&x, &NoTarget)?;
    assert!(model.transform(&Matrix::from(ndarray::array![[2.0]])).is_err());
    Ok(())
}

/// JSON has no infinite numbers: the model would hold rows to another contract once it is loaded.
#[test]
fn a_contract_that_cannot_be_saved_is_refused_when_learning() -> Result<()> {
    use perennial_core::{Estimator, NoTarget};
    use perennial_data::{ContractCheck, Rule};
    let table = Table::builder().real("x", [1.0]).build()?;
    let x = ColumnContract::new("x", ColumnType::Real);
    let refused =
        |contract: Contract| ContractCheck::new(contract).fit(&table, &NoTarget).unwrap_err().to_string();
    let open = Rule::between("x", f64::MIN..f64::INFINITY);
    let error = refused(Contract::new().with(x.clone()).rule(open));
    assert!(error.contains("rule 0 of the contract"), "{error}");
    let error = refused(Contract::new().with(x.max(f64::INFINITY)));
    assert!(error.contains("column `x` of the contract"), "{error}");
    Ok(())
}

#[test]
fn spellings_labels_and_special_characters() {
    let table = Table::new([
        ("t", Column::text([Some("??"), Some("a!"), Some("é"), Some("7"), Some(""), None, Some(" - ")])),
        ("c", Column::category(["Bern", "BERN", "Chur", " bern.", "Zug", "Bern", "zug"])),
        ("x", Column::real([Some(0.0), Some(-0.0), Some(1.0), Some(1.0), None, None, Some(3.0)])),
        ("y", Column::integer([Some(1), Some(2), Some(3), Some(3), Some(4), Some(5), None])),
    ])
    .unwrap();
    let rows = |rule: Rule| {
        let report = Contract::new().extra_columns(true).rule(rule.quarantine()).check(&table);
        report.violations().first().map_or(Vec::new(), |violation| violation.rows.clone())
    };
    assert_eq!(rows(Rule::not_only_special("t")), [0, 6]);
    assert_eq!(rows(Rule::spelled_as("c", ["Bern", "Chur", "Bern"])), [1, 3]);
    assert_eq!(rows(Rule::spelled_as("c", Vec::<String>::new())), [0_usize; 0]);
    // Both sides of a conflict; zero is minus zero, and missing cells are the same.
    assert_eq!(rows(Rule::one_label("y", ["x"])), [0, 1, 4, 5]);
    // The other columns all differ.
    assert_eq!(rows(Rule::one_label("y", Vec::<String>::new())), [0_usize; 0]);
    let same = table.select(&["x", "y"]).unwrap();
    let contract = Contract::new().extra_columns(true).rule(Rule::one_label("y", Vec::<String>::new()));
    assert_eq!(contract.check(&same).violations()[0].count, 4);
    let error = contract.enforce(&table.drop(&["y"]).unwrap()).unwrap_err().to_string();
    assert!(error.contains("`y` is missing"), "{error}");
    let texts =
        Table::new([("t", Column::text([Some("ab"), None, Some("äöü")])), ("n", Column::integer([1, 2, 3]))])
            .unwrap();
    let learnt = Contract::new().extra_columns(true).infer_lengths(&texts);
    assert_eq!(learnt.rules(), [Rule::length("t", 2..=3)]);
    for contract in [contract, learnt, Contract::new().rule(Rule::spelled_as("c", ["a"]))] {
        let json = serde_json::to_string(&contract).unwrap();
        assert_eq!(serde_json::from_str::<Contract>(&json).unwrap(), contract, "{json}");
    }
}

#[test]
fn a_row_alone_is_held_to_what_it_can_break_alone() -> Result<()> {
    use perennial_core::{Estimator, NoTarget, Transformer};
    use perennial_data::ContractCheck;
    let cities = |cities: [&'static str; 2]| Table::builder().text("city", cities).build();
    let contract = Contract::new()
        .extra_columns(true)
        .min_rows(2)
        .fresh("day", 1.0)
        .rule(Rule::unique(["city"]))
        .rule(Rule::distinct_among("city", ["Bern", "Basel"]))
        .rule(Rule::present("city").mostly(0.5))
        .rule(Rule::length("city", ..=4).warn());
    let rows = contract.of_single_rows();
    assert_eq!(contract.single_row_rules().collect::<Vec<_>>(), [1, 3]);
    assert_eq!(rows.rules(), [contract.rules()[1].clone(), contract.rules()[3].clone()]);
    // Nothing is left of how old rows may be.
    assert!(rows.check_at(&cities(["Bern", "Bern"])?, 0).is_met());
    let model = ContractCheck::new(contract).fit(&cities(["Bern", "Basel"])?, &NoTarget)?;
    let error = model.transform(&cities(["Bern", "Chur"])?).unwrap_err().to_string();
    assert!(error.contains("column `city` has the cell `Chur`"), "{error}");
    // The rule has the number that it has in the contract as it was written.
    let warnings = model.warnings_of(&cities(["Bern", "Basel"])?)?;
    assert_eq!(warnings.iter().map(|warning| warning.rule).collect::<Vec<_>>(), [Some(3)]);
    // What is no share is refused and does not vanish.
    for share in [95.0, -0.5, f64::NAN] {
        let wrong = Contract::new().extra_columns(true).rule(Rule::present("city").mostly(share));
        let report = wrong.of_single_rows().check(&cities(["Bern", "Bern"])?);
        assert!(report.to_string().contains("give a number from 0 to 1"), "{share}: {report}");
    }
    Ok(())
}

#[test]
fn what_looks_at_all_columns_goes_with_one_of_them() {
    let all = Vec::<String>::new;
    let contract = Contract::new().rule(Rule::column_count(2..=2)).rule(Rule::one_label("paid", all()));
    assert_eq!(contract.drop::<&str>(&[]), contract);
    // Without `id` the rows are the same, though their labels differ.
    let rows = Table::builder().integer("age", [31, 31]).boolean("paid", [true, false]).build().unwrap();
    let open = Contract::new().extra_columns(true).rule(Rule::one_label("paid", all()));
    assert!(!open.check(&rows).is_met());
    assert!(open.drop(&["id"]).check(&rows).is_met());
}

#[test]
fn values_of_json_are_equal_by_what_they_say() {
    let is_met = |schema: &str, text: &str| {
        let table = Table::new([("json", Column::text([Some(text)]))]).unwrap();
        Contract::new().extra_columns(true).rule(Rule::json_schema("json", schema)).check(&table).is_met()
    };
    let unique = r#"{"uniqueItems": true}"#;
    for text in [
        "[]",
        r#"["1", 1, null, "null", false, "false"]"#,
        r#"[[1, 2], ["1,2"], [[1, 2]], [12], []]"#,
        r#"[{}, [], {"a": 1}, {"a": "1"}, {"b": 1}]"#,
        r#"["a\",\"b", "a", "b", "[]", "{}"]"#,
    ] {
        assert!(is_met(unique, text), "{text}");
    }
    for text in [
        "[1, 2, 1.0]",
        "[0, -0.0]",
        r#"["é", "\u00e9"]"#,
        r#"[{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}]"#,
        "[[], []]",
    ] {
        assert!(!is_met(unique, text), "{text}");
    }
    let among = r#"{"enum": [1, {"a": [2]}]}"#;
    assert!(is_met(among, "1.0") && is_met(among, r#"{"a": [2.0]}"#));
    assert!(!is_met(among, r#""1""#) && !is_met(among, r#"{"a": 2}"#));
    // Not each is compared with each: that would take many minutes.
    let many: Vec<String> = (0..400_000).map(|number: u32| number.to_string()).collect();
    let started = std::time::Instant::now();
    assert!(is_met(unique, &format!("[{}]", many.join(","))));
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}
