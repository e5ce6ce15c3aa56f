//! What data may be used for.

use perennial_core::{ErrorKind, Result};
use perennial_data::{Catalog, ColumnContract, ColumnType, Contract, CsvReader, Relation, Rule, Source};

fn source() -> Source {
    Source::new("orders", "orders.csv").owner("sales").licence("own").access(["analysts"])
}

#[test]
fn a_source_is_used_for_its_purposes_alone() -> Result<()> {
    let orders = || source().purposes(["Churn model", "forecasts"]);
    let catalog = Catalog::new().source(orders()).source(Source::new("open", "open.csv"));
    assert_eq!(catalog.require("orders", " churn MODEL ")?, &orders());
    for (name, purpose, words) in [
        ("orders", "advertising", "its purposes are: Churn model, forecasts; ask its owner, sales"),
        ("orders", "", "may not be used for ``"),
        ("open", "forecasts", "it says no purposes; ask its owner, who is not said"),
    ] {
        let error = catalog.require(name, purpose).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ContractViolation { .. }));
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(matches!(catalog.require("none", "forecasts").unwrap_err().kind(), ErrorKind::Unknown { .. }));
    let directory = tempfile::tempdir().unwrap();
    catalog.write(directory.path().join("catalog.toml"))?;
    assert_eq!(Catalog::read(directory.path().join("catalog.toml"))?, catalog);
    Ok(())
}

#[test]
fn columns_are_opened_for_their_purposes_alone() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    std::fs::write(at.join("orders.csv"), "day,sum,mail\n1970-01-05,3,x\n1970-01-09,4,y\n").unwrap();
    let orders = source()
        .purposes(["forecasts", "Advertising"])
        .column_purposes("mail", ["advertising"])
        .column_purposes("sum", Vec::<String>::new());
    let catalog = Catalog::new().source(orders.clone());
    catalog.write(at.join("catalog.toml"))?;
    let catalog = Catalog::read(at.join("catalog.toml"))?;
    let opened = |purpose: &str, columns: &[&str]| catalog.open_for(at, "orders", purpose, columns);
    // In the order that was asked for.
    assert_eq!(opened("ADVERTISING ", &["mail", "day"])?.names().collect::<Vec<_>>(), ["mail", "day"]);
    assert_eq!(opened("forecasts", &["day"])?.n_rows(), 2);
    for (purpose, columns, words) in [
        (
            "forecasts",
            vec!["day", "mail"],
            "the column `mail` of the source `orders` may not be used for `forecasts`; its purposes are: advertising; ask its owner, sales",
        ),
        (
            "advertising",
            vec!["sum"],
            "the column `sum` of the source `orders` may not be used for `advertising`; it says no purposes",
        ),
        ("credit scores", vec!["day"], "the source `orders` may not be used for `credit scores`"),
    ] {
        let error = opened(purpose, &columns).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ContractViolation { .. }));
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(opened("forecasts", &["week"]).unwrap_err().to_string().contains("`week`"));
    // Who says no purpose gets nothing, neither the rows nor those that are set aside.
    for error in [
        catalog.open(at, "orders").unwrap_err(),
        catalog.open_with_quarantine(at, "orders").unwrap_err(),
        Catalog::new()
            .source(source().column_purposes("mail", ["advertising"]))
            .open(at, "orders")
            .unwrap_err(),
    ] {
        assert!(error.to_string().contains("open it by `open_for` with the purpose"), "{error}");
    }
    // The purpose is refused before the file is looked for.
    std::fs::remove_file(at.join("orders.csv")).unwrap();
    assert!(opened("forecasts", &["mail"]).unwrap_err().to_string().contains("may not be used"));
    assert!(opened("forecasts", &["day"]).unwrap_err().to_string().contains("cannot read"));
    std::fs::write(at.join("orders.csv"), "day,sum\n1970-01-05,3\n").unwrap();
    let report = Catalog::new().source(orders.column_purposes("day", ["gossip"])).verify(at, 0);
    let problems: Vec<&str> = report.problems().iter().map(|problem| problem.1.as_str()).collect();
    assert_eq!(
        problems,
        [
            "column `day` has the purpose `gossip`, which is none of the source; say it there too",
            "says purposes of the column `mail`, which is not there",
        ]
    );
    Ok(())
}

#[test]
fn no_error_shows_a_cell_that_is_hidden() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let contract = Contract::new()
        .with(ColumnContract::new("age", ColumnType::Integer).max(120.0))
        .with(ColumnContract::new("salary", ColumnType::Integer).nullable(true).max(10_000.0))
        .rule(Rule::compare("age", Relation::Less, "salary"))
        .rule(Rule::column_count(2..=2));
    let people = |location: &str| {
        let people = Source::new("people", location).purposes(["payroll", "planning"]);
        people.column_purposes("salary", ["payroll"]).contract(contract.clone())
    };
    let opened = |source: Source, purpose: &str| {
        Catalog::new().source(source).open_for(at, "people", purpose, &["age"])
    };
    let written = |ages: [i64; 2], salaries: [&str; 2]| {
        let [(a, b), (c, d)] = [(ages[0], salaries[0]), (ages[1], salaries[1])];
        std::fs::write(at.join("people.csv"), format!("age,salary\n{a},{b}\n{c},{d}\n")).unwrap();
        let line = |age: i64, salary: &str| format!("{{\"age\": {age}, \"salary\": \"{salary}\"}}\n");
        std::fs::write(at.join("people.jsonl"), line(a, b) + &line(c, d)).unwrap();
    };
    let sources = || {
        [
            people("people.csv"),
            people("people.csv").csv(CsvReader::new().contract(&contract)),
            people("people.csv").csv(CsvReader::new().types([("salary", ColumnType::Real)])),
            people("people.jsonl"),
        ]
    };
    // Above the maximum, not above the age, of no such type, and beyond the range of numbers.
    for salaries in [["5200", "99999"], ["7", "5200"], ["5200", "much"], ["5200", "1e999"]] {
        for source in sources() {
            written([31, 23], salaries);
            assert!(opened(source.clone(), "payroll").is_err(), "{salaries:?} {source:?}");
            assert_eq!(opened(source.clone(), "planning")?.n_rows(), 2, "{salaries:?}");
            written([31, 230], salaries);
            let error = opened(source, "planning").unwrap_err();
            let error = format!("{error} {error:?}");
            assert!(error.contains("above the maximum 120"), "{error}");
            assert!(salaries.iter().all(|salary| salary.len() < 4 || !error.contains(salary)), "{error}");
        }
    }
    // Cells of two kinds.
    std::fs::write(
        at.join("people.jsonl"),
        "{\"age\": 31, \"salary\": \"much\"}\n{\"age\": 23, \"salary\": 99999}\n",
    )
    .unwrap();
    assert!(opened(people("people.jsonl"), "payroll").unwrap_err().to_string().contains("99999"));
    assert_eq!(opened(people("people.jsonl"), "planning")?.n_rows(), 2);
    // A column that no line names is there as the contract says.
    std::fs::write(at.join("people.jsonl"), "{\"age\": 31}\n").unwrap();
    assert_eq!(opened(people("people.jsonl"), "planning")?.n_rows(), 1);
    Ok(())
}

#[test]
fn a_misspelt_column_opens_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    std::fs::write(at.join("people.csv"), "age,salary\n31,5200\n").unwrap();
    std::fs::write(at.join("people.jsonl"), "{\"age\": 31, \"salary\": 5200}\n").unwrap();
    for location in ["people.csv", "people.jsonl"] {
        for purpose in ["payroll", "planning"] {
            let people = Source::new("people", location).purposes(["payroll", "planning"]);
            let catalog = Catalog::new().source(people.column_purposes("slary", ["payroll"]));
            let error = catalog.open_for(at, "people", purpose, &["salary"]).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::ContractViolation { .. }), "{error}");
            let words = "source `people`: the purposes of columns name `slary`, which is not there";
            assert!(error.to_string().contains(words), "{location} {purpose}: {error}");
        }
    }
}
