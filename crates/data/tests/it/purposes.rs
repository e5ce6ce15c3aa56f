//! What data may be used for.

use perennial_core::{ErrorKind, Result};
use perennial_data::{Catalog, Source};

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
