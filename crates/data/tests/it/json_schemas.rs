//! Contracts as JSON Schema and as Open Data Contract Standard, and back.

use perennial_core::Result;
use perennial_data::{Column, ColumnContract, ColumnType, Contract, Rule, Severity, Table};

#[test]
fn columns_come_back_and_rules_are_kept_where_there_are_words() -> Result<()> {
    let table = Table::builder()
        .integer("id", [Some(1), None])
        .real("x", [0.5, 2.5])
        .category("city", [Some("a"), Some("b")])
        .text("note", ["u", "v"])
        .boolean("on", [true, false])
        .date("day", [1, 2])
        .date_time("at", [1, 2])
        .build()?;
    let mut contract = Contract::infer(&table).min_rows(0);
    // That texts are unique is about several rows.
    contract = contract
        .with(ColumnContract::new("note", ColumnType::Text))
        .with(ColumnContract::new("id", ColumnType::Integer).nullable(true).min(1.0).max(1.0));
    let schema = contract.to_json_schema()?;
    assert_eq!(Contract::from_json_schema(&schema)?, contract, "{schema}");
    let ruled = contract
        .clone()
        .rule(Rule::between("x", 0.0..9.0))
        .rule(Rule::length("note", 1..=9))
        .rule(Rule::matches("note", ["^[uv]$"]))
        .rule(Rule::among("id", [1, 2]))
        .rule(Rule::unique(["id"]))
        .rule(Rule::present("id").mostly(0.5));
    let schema = ruled.to_json_schema()?;
    let again = Contract::from_json_schema(&schema)?;
    again.enforce(&table)?;
    for (name, column) in [
        ("x", perennial_data::Column::real([9.0, 1.0])),
        ("note", perennial_data::Column::text(["w", "u"])),
        ("id", perennial_data::Column::integer([3, 1])),
    ] {
        let bad = table.with_column(name, column)?;
        assert!(!ruled.check(&bad).is_met() && !again.check(&bad).is_met(), "{name} {schema}");
    }
    let infinite = Contract::new().with(ColumnContract::new("x", ColumnType::Real).min(f64::INFINITY));
    assert!(infinite.to_json_schema().unwrap_err().to_string().contains("JSON cannot hold"));
    Ok(())
}

#[test]
fn schemas_of_others_are_understood_or_refused() -> Result<()> {
    let contract = Contract::from_json_schema(
        r#"{"type": "object", "title": "order", "required": ["id"], "properties": {
            "id": {"type": "integer", "minimum": 1, "exclusiveMaximum": 100},
            "size": {"enum": ["s", "m", null], "type": ["string", "null"]},
            "code": {"type": "string", "minLength": 2, "maxLength": 2, "pattern": "^[A-Z]+$"},
            "n": {"type": "integer", "enum": [1, 2]}
        }}"#,
    )?;
    let good = Table::builder()
        .integer("id", [1, 99])
        .category("size", [Some("s"), None])
        .text("code", [Some("CH"), None])
        .integer("n", [Some(2), None])
        .real("more", [1.0, 2.0])
        .build()?;
    contract.enforce(&good)?;
    for (name, column) in [
        ("id", perennial_data::Column::integer([Some(1), None])),
        ("id", perennial_data::Column::integer([1, 100])),
        ("size", perennial_data::Column::category(["s", "l"])),
        ("code", perennial_data::Column::text(["CH", "C"])),
        ("n", perennial_data::Column::integer([1, 3])),
    ] {
        assert!(!contract.check(&good.with_column(name, column)?).is_met(), "{name}");
    }
    for (schema, words) in [
        ("[", "is no JSON"),
        ("[]", "is no object"),
        (r#"{"type": "array"}"#, "not of type object"),
        (r#"{"type": "object"}"#, "has no properties"),
        (r#"{"properties": {}, "anyOf": []}"#, "has the word `anyOf`"),
        (r#"{"properties": {"a": {}}}"#, "property `a` of the schema has no type"),
        (r#"{"properties": {"a": {"type": "object"}}}"#, "is of type object"),
        (r#"{"properties": {"a": {"type": "string", "not": {}}}}"#, "has the word `not`"),
        (r#"{"properties": {"a": {"type": "string", "minLength": -1}}}"#, "has a `minLength` that is not"),
        (r#"{"properties": {}, "additionalProperties": {}}"#, "neither true nor false"),
        (r#"{"properties": {}, "required": 1}"#, "no list of names"),
    ] {
        let error = Contract::from_json_schema(schema).unwrap_err().to_string();
        assert!(error.contains(words), "{schema}: {error}");
    }
    Ok(())
}

#[test]
fn severities_and_other_columns_come_back() -> Result<()> {
    let table = Table::builder().integer("id", [1, 2, 3]).real("x", [0.5, 2.5, 9.0]).build()?;
    let contract = Contract::new()
        .max_quarantined(0.5)
        .with(ColumnContract::new("id", ColumnType::Integer).severity(Severity::Warn).max(2.0))
        .with(ColumnContract::new("x", ColumnType::Real).severity(Severity::Quarantine).max(3.0));
    let (again, left_out) = Contract::from_odcs(&contract.to_odcs("t", "1.0.0")?, "t")?;
    assert!(left_out.is_empty(), "{left_out:?}");
    for contract in [&contract, &again] {
        // A warning lets the row in, a quarantine does not.
        let sifted = contract.sift(&table)?;
        assert_eq!((sifted.kept.n_rows(), sifted.quarantine.n_rows()), (2, 1));
        assert!(contract.sift(&table.with_column("x", Column::real([9.0, 9.0, 1.0]))?).is_err());
        let more = table.with_column("y", Column::real([1.0, 2.0, 3.0]))?;
        assert!(!contract.check(&more).is_met());
    }
    let open = Contract::new().extra_columns(true).with(ColumnContract::new("id", ColumnType::Integer));
    assert!(Contract::from_odcs(&open.to_odcs("t", "1")?, "t")?.0.check(&table).is_met());
    Ok(())
}

#[test]
fn a_contract_of_the_standard_comes_back() -> Result<()> {
    let table = Table::builder()
        .integer("id", [1, 2])
        .category("city", [Some("Bern"), None])
        .real("x", [0.5, 2.5])
        .date("day", [1, 2])
        .build()?;
    let contract = Contract::infer(&table)
        .rule(Rule::unique(["id", "day"]))
        .rule(Rule::row_count(1..=10).warn())
        .rule(Rule::between("x", 0.0..9.0).quarantine())
        .rule(Rule::matches("city", ["^B"]).mostly(0.5));
    let text = contract.to_odcs("orders", "1.2.0")?;
    let (again, left_out) = Contract::from_odcs(&text, "orders")?;
    assert!(left_out.is_empty(), "{left_out:?}");
    again.enforce(&table)?;
    // What the standard has no words for stands there as it is.
    assert!(contract.rules()[2..].iter().all(|rule| again.rules().contains(rule)), "{text}");
    for (name, column) in [
        ("id", perennial_data::Column::integer([1, 1])),
        ("id", perennial_data::Column::integer([1, 3])),
        ("x", perennial_data::Column::real([Some(1.0), None])),
        ("city", perennial_data::Column::category(["Bern", "Bonn"])),
        ("day", perennial_data::Column::date_time([1, 2])),
    ] {
        let bad = table.with_column(name, column)?;
        assert!(!contract.check(&bad).is_met() && !again.check(&bad).is_met(), "{name} {text}");
    }
    assert!(!again.check(&table.head(0)).is_met());
    Ok(())
}

#[test]
fn contracts_of_others_are_read_and_what_is_left_out_is_told() -> Result<()> {
    let text = r#"
apiVersion: v3.1.0
kind: DataContract
id: 53581432-6c55-4ba2-a65f-72344a91553a
version: 1.0.0
status: active
schema:
  - name: customers
  - name: orders
    physicalType: table
    quality:
      - metric: rowCount
        mustBeBetween: [1, 120]
      - description: The combination must be unique
        metric: duplicateValues
        mustBe: 0
        arguments:
          properties:
            - tenant
            - id
      - type: sql
        query: |
          SELECT COUNT(*) FROM {object}
        mustBeLessThan: 3600
    properties:
      - name: tenant
        logicalType: integer
        primaryKey: true
      - name: id
        logicalType: integer
        required: true
        primaryKey: true
        logicalTypeOptions:
          minimum: 1
          multipleOf: 1
      - name: unit
        logicalType: string
        quality:
          - metric: invalidValues
            arguments: { validValues: ['pounds', 'kg'] }
            mustBeLessOrEqualTo: 50
            unit: percent
          - metric: nullValues
            mustBeLessThan: 1
            unit: rows
            severity: warning
          - type: text
            description: Units are those of the scale.
      - name: when
        logicalType: date
        logicalTypeOptions: { maximum: "2024-12-31" }
      - name: lines
        logicalType: array
"#;
    let (contract, left_out) = Contract::from_odcs(text, "orders")?;
    assert_eq!(
        left_out,
        [
            "property `id` has the word `multipleOf`, which is not understood; leave it out and write a rule instead",
            "property `lines` is of the logical type `array`, which no column has",
            "the quality of the object is of type `sql`, which is not understood"
        ]
    );
    let day = perennial_data::calendar::days_from_civil(2024, 12, 31) as i32;
    let good = Table::builder()
        .integer("tenant", [1, 1])
        .integer("id", [1, 2])
        .text("unit", ["kg", "stone"])
        .date("when", [day, day])
        .text("lines", ["", ""])
        .boolean("more", [true, false])
        .build()?;
    contract.enforce(&good)?;
    assert!(contract.check(&good).violations().is_empty());
    for (name, column, warns) in [
        ("id", perennial_data::Column::integer([1, 1]), false),
        ("id", perennial_data::Column::integer([0, 1]), false),
        ("id", perennial_data::Column::integer([Some(1), None]), false),
        ("unit", perennial_data::Column::text(["pint", "stone"]), false),
        ("unit", perennial_data::Column::text([Some("kg"), None]), true),
        ("when", perennial_data::Column::date([day, day + 1]), false),
        ("when", perennial_data::Column::text(["a", "b"]), false),
    ] {
        let report = contract.check(&good.with_column(name, column)?);
        assert!(!report.violations().is_empty() && report.is_met() == warns, "{name} {report}");
    }
    for (text, words) in [
        ("a: [", "is not understood: line 2: "),
        ("kind: Other", "has no `kind: DataContract`"),
        ("kind: DataContract\napiVersion: v2.2.2", "has the `apiVersion` `v2.2.2`"),
        (
            "kind: DataContract\napiVersion: v3.0.2\nschema:\n- name: a",
            "has no object `orders`; there are: a",
        ),
        (
            "kind: DataContract\napiVersion: v3.0.2\nschema:\n- name: orders\n  properties:\n  - logicalType: string",
            "without a name",
        ),
    ] {
        let error = Contract::from_odcs(text, "orders").unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    Ok(())
}
