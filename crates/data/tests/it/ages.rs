//! How old rows may be and which labels are final, as parts of a contract.

use perennial_core::{Estimator, NoTarget, Result, Transformer};
use perennial_data::{
    Check, Column, Contract, ContractCheck, ContractCheckModel, Rule, Table, calendar::days_from_civil,
};

const DAY: i64 = 86_400_000_000;

fn today() -> i64 {
    days_from_civil(2024, 3, 31)
}

/// Ordered so many days ago, and what became of it.
fn orders<const N: usize>(ages: [i64; N], returned: [Option<bool>; N]) -> Table {
    Table::new([
        ("ordered", Column::date(ages.map(|age| (today() - age) as i32))),
        ("returned", Column::boolean(returned)),
    ])
    .unwrap()
}

fn contract() -> Contract {
    Contract::new().extra_columns(true).fresh("ordered", 7.0).mature("ordered", "returned", 30.0)
}

#[test]
fn training_and_scoring_are_held_to_the_age_of_rows() -> Result<()> {
    let now = today() * DAY;
    // The newest row is 3 days old; that of 40 days has a final label, that of 3 days none yet.
    let good = orders([40, 3, 60], [Some(true), None, None]);
    assert!(contract().check_at(&good, now).is_met());
    // Without a moment nothing is said of ages.
    let early = orders([40, 29, 3, 30], [None, Some(true), Some(false), Some(true)]);
    assert!(contract().check(&early).is_met());
    let report = contract().check_at(&early, now);
    assert_eq!(report.violations().len(), 1);
    let broken = &report.violations()[0];
    assert_eq!((broken.check, broken.rows.as_slice(), broken.count), (Check::Mature, &[1, 2][..], 2));
    assert!(broken.to_string().contains("less than 30 days before the moment"), "{broken}");
    // Rows that are to be scored have no label, and are held to be fresh all the same.
    let scored = early.drop(&["returned"])?;
    assert!(contract().enforce_at(&scored, now).is_ok());
    let error = contract().enforce_at(&scored, now + 5 * DAY).unwrap_err().to_string();
    assert!(
        error.contains("column `ordered` has its newest row 8 days before the moment, expected at most 7"),
        "{error}"
    );
    for (table, words) in [
        (orders([-1, 3], [None, None]), "has 1 rows after the moment"),
        (orders([-1], [None]), "has no row before the moment"),
        (good.drop(&["ordered"])?, "does not say how old the rows are"),
        (good.head(0), "does not say how old the rows are"),
    ] {
        let error = contract().enforce_at(&table, now).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    // A bound that is no number bounds nothing, so it is broken.
    assert!(Contract::new().extra_columns(true).fresh("ordered", f64::NAN).enforce_at(&good, now).is_err());
    assert!(
        Contract::new()
            .extra_columns(true)
            .mature("ordered", "returned", -1.0)
            .enforce_at(&good, now)
            .is_err()
    );
    // What a model answers from has no label.
    let without = contract().drop(&["returned"]);
    assert!(without.check_at(&early, now).is_met());
    assert!(contract().drop(&["ordered"]).check_at(&early, now + 99 * DAY).is_met());
    Ok(())
}

#[test]
fn ages_are_kept_by_all_forms_of_a_contract() -> Result<()> {
    let contract = contract();
    assert_eq!(toml::from_str::<Contract>(&toml::to_string(&contract).unwrap()).unwrap(), contract);
    let text = contract.to_odcs("orders", "1.0.0")?;
    assert!(text.contains("slaProperties") && text.contains("orders.ordered"), "{text}");
    let (again, left_out) = Contract::from_odcs(&text, "orders")?;
    assert_eq!((again, left_out), (contract, Vec::new()));
    // The example of the standard, and other units.
    let sla = |levels: &str, more: &str| {
        let text = format!(
            "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: tab1\n{more}slaProperties:\n{levels}"
        );
        Contract::from_odcs(&text, "tab1").unwrap()
    };
    let fresh = |time: &str, days: f64| Contract::new().extra_columns(true).fresh(time, days);
    let level = |value: &str, unit: &str, element: &str| {
        format!("  - property: latency\n    value: {value}\n    unit: {unit}\n    element: {element}\n")
    };
    assert_eq!(sla(&level("4", "d", "tab1.txn_ref_dt"), ""), (fresh("txn_ref_dt", 4.0), vec![]));
    assert_eq!(sla(&level("36", "hours", "txn_ref_dt"), ""), (fresh("txn_ref_dt", 1.5), vec![]));
    assert_eq!(sla(&level("2", "y", "tab1.t"), ""), (fresh("t", 730.0), vec![]));
    // Of another object.
    let none = Contract::new().extra_columns(true);
    assert_eq!(sla(&level("4", "d", "tab2.t"), "  - name: tab2\n"), (none.clone(), vec![]));
    // Of the first of two; of an element without an object, which has to be told among several; and names with commas.
    let two = level("4", "d", "tab1.t") + &level("9", "d", "tab1.t");
    let (contract, left_out) = sla(&two, "");
    assert_eq!(contract, fresh("t", 4.0));
    assert!(left_out.len() == 1 && left_out[0].contains("a second one"), "{left_out:?}");
    let (contract, left_out) = sla(&level("4", "d", "t"), "  - name: tab2\n");
    assert_eq!(contract, none);
    assert!(left_out.len() == 1 && left_out[0].contains("names no object"), "{left_out:?}");
    for name in [" day, hour ", "a,b", "a.b"] {
        let contract = fresh(name, 4.0);
        assert_eq!(Contract::from_odcs(&contract.to_odcs("tab1", "1")?, "tab1")?, (contract, vec![]));
    }
    assert!(fresh("a, tab1.b", 4.0).to_odcs("tab1", "1").is_err());
    for (time, label) in [("a,b", "c"), ("a", "b,c"), ("a ", "c"), ("a", "c ")] {
        assert!(none.clone().mature(time, label, 4.0).to_odcs("tab1", "1").is_err(), "{time} {label}");
    }
    for (levels, words) in [
        (level("4", "parsec", "tab1.t"), "the unit `parsec`"),
        (level("soon", "d", "tab1.t"), "has no number"),
        (level("4", "d", "tab1"), "names no column"),
        (level("4", "d", "\"tab1.a, tab1.b\""), "more or fewer columns"),
        ("  - property: latency\n    value: 4\n".to_owned(), "names no element"),
        (
            "  - property: retention\n    value: 3\n".to_owned(),
            "the service level `retention` is not understood",
        ),
    ] {
        let (contract, left_out) = sla(&levels, "");
        assert_eq!(contract, none);
        assert!(left_out.len() == 1 && left_out[0].contains(words), "{left_out:?}");
    }
    Ok(())
}

#[test]
fn a_step_holds_to_the_moment_of_learning_and_tells_what_warned() -> Result<()> {
    let contract = contract().rule(Rule::present("returned").warn());
    let now = today() * DAY;
    let good = orders([40, 3, 60], [Some(true), None, None]);
    let step = ContractCheck::new(contract);
    let model: ContractCheckModel = step.clone().at(now).fit(&good, &NoTarget)?;
    assert_eq!(model.warnings().len(), 1);
    assert!(
        model.warnings()[0].starts_with("warning: column `returned` is missing at row 1"),
        "{:?}",
        model.warnings()
    );
    let decided = model.decided();
    assert!(decided.len() == 1 && decided[0].what.contains("(2 rows)"), "{decided:?}");
    let error = step.clone().at(now + 9 * DAY).fit(&good, &NoTarget).map(drop).unwrap_err();
    assert!(error.to_string().contains("newest row 12 days"), "{error}");
    assert!(step.fit(&good, &NoTarget)?.warnings().len() == 1);
    // Answers are no matter of age, and say what warns when they are asked.
    let old = orders([900], [None]);
    assert_eq!(model.transform(&old)?, old);
    assert_eq!(model.warnings_of(&old)?[0].count, 1);
    let loaded: ContractCheckModel = perennial_core::from_bytes(&perennial_core::to_bytes(&model)?)?;
    assert_eq!(loaded, model);
    Ok(())
}
