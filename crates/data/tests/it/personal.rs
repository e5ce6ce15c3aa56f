//! Personal data found and taken out.

use perennial_core::Result;
use perennial_data::{Column, ColumnType, PiiAction, PiiKind, PiiPolicy, Table, find_pii};

fn table() -> Table {
    Table::builder()
        .text(
            "note",
            [
                Some("mail ada@example.org or call +41 44 668 18 00"),
                None,
                Some("nothing"),
                Some("ADA@example.org"),
            ],
        )
        .category("host", ["10.0.0.1", "10.0.0.1", "x", "10.0.0.2"])
        .integer("card", [4_111_111_111_111_111, 5_555_555_555_554_444, 1, 2])
        .integer("id", [1, 2, 3, 4])
        .text("first_name", [Some("Ada"), Some("Grace"), None, Some("Ada")])
        .date("birth_date", [1, 2, 3, 4])
        .real("x", [1.0, 2.0, 3.0, 4.0])
        .build()
        .unwrap()
}

fn texts(table: &Table, name: &str) -> Vec<Option<String>> {
    let column = table.column(name).unwrap();
    (0..column.n_rows()).map(|row| column.cell(row).map(|cell| cell.into_owned())).collect()
}

#[test]
fn columns_and_kinds_are_named() {
    use PiiKind as K;
    let found: Vec<_> = find_pii(&table())
        .into_iter()
        .map(|found| (found.column, found.kind, found.n_cells, found.first_row, found.by_name))
        .collect();
    let expected = [
        ("note", K::Email, 2, Some(0), false),
        ("note", K::Phone, 1, Some(0), false),
        ("host", K::Ip, 3, Some(0), false),
        ("card", K::Card, 2, Some(0), false),
        ("first_name", K::Name, 0, None, true),
        ("birth_date", K::Birth, 0, None, true),
    ];
    assert_eq!(found, expected.map(|(column, kind, n, row, named)| (column.to_owned(), kind, n, row, named)));
    assert!(find_pii(&Table::new::<String>([]).unwrap()).is_empty());
    assert!(find_pii(&Table::new([("n", Column::integer(vec![None; 3]))]).unwrap()).is_empty());
}

#[test]
fn each_action_does_what_it_says() -> Result<()> {
    let table = table();
    let error = PiiPolicy::new()
        .action(PiiAction::Mask)
        .kind(PiiKind::Ip, PiiAction::Deny)
        .apply(&table)
        .unwrap_err();
    assert!(error.to_string().contains("stand in `host` (ip, 3 cells); drop"), "{error}");
    let policy = PiiPolicy::new()
        .action(PiiAction::Mask)
        .kind(PiiKind::Ip, PiiAction::Keep)
        .kind(PiiKind::Email, PiiAction::Tokenise)
        .column("first_name", PiiAction::Hash)
        .column("card", PiiAction::Tokenise);
    assert!(policy.apply(&table).unwrap_err().to_string().contains("`key` is \"of 0 bytes\""));
    let policy = policy.key("sixteen bytes ok");
    let redacted = policy.apply(&table)?;
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        texts(&redacted.table, "note"),
        [some("mail email-1 or call [phone]"), None, some("nothing"), some("email-2")]
    );
    assert_eq!(redacted.table.column("host")?, table.column("host")?);
    assert_eq!(texts(&redacted.table, "card"), ["card-1", "card-2", "card-3", "card-4"].map(some));
    let names = texts(&redacted.table, "first_name");
    assert!(names[0] == names[3] && names[0] != names[1] && names[2].is_none());
    assert_eq!(names[0].as_ref().unwrap().len(), 32);
    assert_eq!(texts(&redacted.table, "birth_date"), vec![some("[birth]"); 4]);
    assert_eq!(redacted.table.column("x")?.column_type(), ColumnType::Real);
    assert_eq!(texts(&redacted.vault, "original").len(), 6);
    assert_eq!(redacted.findings, find_pii(&table));
    // Another key, other hashes; the key is told to nobody.
    let other = policy.clone().key("another sixteen bytes").apply(&table)?;
    assert_ne!(texts(&other.table, "first_name")[0], names[0]);
    assert!(!format!("{policy:?}").contains("sixteen"));
    let saved = toml::to_string(&policy).unwrap();
    assert!(!saved.contains("sixteen"));
    assert!(toml::from_str::<PiiPolicy>(&saved).unwrap().apply(&table).is_err());
    assert!(PiiPolicy::new().column("no", PiiAction::Keep).apply(&table).is_err());
    let empty = PiiPolicy::new().action(PiiAction::Mask).apply(&table.head(0))?;
    assert_eq!((empty.table.n_rows(), empty.vault.n_rows()), (0, 0));
    Ok(())
}

/// Letters beyond ASCII are no way past a policy.
#[test]
fn mail_in_any_script_is_denied_and_masked_whole() -> Result<()> {
    let table = Table::builder().text("note", ["an müller@example.de", "ada@müller.de da"]).build()?;
    assert!(PiiPolicy::new().apply(&table).is_err());
    let masked = PiiPolicy::new().action(PiiAction::Mask).apply(&table)?.table;
    assert_eq!(texts(&masked, "note"), [Some("an [email]".to_owned()), Some("[email] da".to_owned())]);
    Ok(())
}

#[test]
fn marks_go_with_their_columns() -> Result<()> {
    use perennial_core::Rows;
    use perennial_data::{Cardinality, Join};
    let marks = |table: &Table, name: &str| table.pii(name).unwrap().clone().into_iter().collect::<Vec<_>>();
    let policy = PiiPolicy::new().action(PiiAction::Keep).kind(PiiKind::Email, PiiAction::Mask);
    let table = policy.apply(&table())?.table;
    assert_eq!(marks(&table, "note"), [(PiiKind::Email, PiiAction::Mask), (PiiKind::Phone, PiiAction::Keep)]);
    let note = marks(&table, "note");
    let card = [(PiiKind::Card, PiiAction::Keep)];
    assert_eq!(marks(&table, "card"), card);
    assert!(table.pii("id")?.is_empty() && table.pii("none").is_err());
    // Rows and columns.
    let part = table.filter(&[true, false, true, true])?.take(&[2, 0])?.sort_by("id")?.drop(&["host"])?;
    let part = part.select(&["id", "note", "card"])?.rename("note", "text")?.head(1);
    assert_eq!(marks(&part, "text"), note);
    let derived = part.derive("half", &["card", "id"], |cells| cells[0] / 2.0)?;
    assert_eq!(marks(&derived, "half"), card);
    let replaced = derived.with_column("half", Column::real([1.0]))?;
    assert_eq!(marks(&replaced, "half"), card);
    // Several tables: of two actions the one that shows more.
    let other = part.mark_pii("text", PiiKind::Email, PiiAction::Hash)?;
    let both = Table::concat(&[part.clone(), other.clone()])?;
    assert_eq!(marks(&both, "text")[0], (PiiKind::Email, PiiAction::Hash));
    assert_eq!(marks(&Table::concat_reconciled(&[other, part.clone()])?, "card"), card);
    let names = table.select(&["id", "first_name"])?;
    let joined = part.join(&names, &["id"], Join::Left, Cardinality::ManyToOne)?;
    assert_eq!(marks(&joined, "first_name"), [(PiiKind::Name, PiiAction::Keep)]);
    assert_eq!(marks(&part.schema().align(&part)?, "text"), note);
    // Files.
    assert_eq!(marks(&Table::from_record_batch(&table.to_record_batch()?)?, "note"), note);
    assert_eq!(marks(&perennial_data::parse_arrow(perennial_data::to_arrow(&table)?)?, "note"), note);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rows.parquet");
    perennial_data::write_parquet(&table, &path)?;
    let reader = perennial_data::ParquetReader::new();
    assert_eq!(marks(&reader.read(&path)?, "note"), note);
    let some = reader.columns(["card", "note"]).filter("id", 1..=2);
    assert_eq!(marks(&some.read(&path)?, "note"), note);
    assert_eq!(marks(&some.scan(&path, 1)?.next().unwrap()?, "card"), card);
    Ok(())
}

/// A column whose name is harmless to the policy may hold cells that are not.
#[test]
fn what_stands_in_a_column_that_is_kept_by_its_name_has_its_own_action() -> Result<()> {
    let table = Table::builder().text("customer_name", ["ada@example.org", "Grace"]).build()?;
    let policy = PiiPolicy::new().action(PiiAction::Mask).kind(PiiKind::Name, PiiAction::Keep);
    let kept = policy.apply(&table)?.table;
    assert_eq!(texts(&kept, "customer_name"), [Some("[email]".to_owned()), Some("Grace".to_owned())]);
    assert_eq!(kept.pii("customer_name")?.get(&PiiKind::Name), Some(&PiiAction::Keep));
    // The other way round, the mail goes with its cell.
    let policy = PiiPolicy::new().action(PiiAction::Mask).kind(PiiKind::Email, PiiAction::Keep);
    let masked = policy.apply(&table)?.table;
    assert_eq!(texts(&masked, "customer_name"), vec![Some("[name]".to_owned()); 2]);
    assert_eq!(masked.pii("customer_name")?.get(&PiiKind::Email), Some(&PiiAction::Mask));
    Ok(())
}

#[test]
fn roles_go_with_their_columns() -> Result<()> {
    use perennial_data::{Order, Role, Schema};
    let table = table().with_role("id", Role::Identifier)?.with_role("note", Role::Target)?;
    assert!(table.role("none").is_err() && table.with_role("none", Role::Group).is_err());
    assert_eq!(table.role("card")?, Role::Feature);
    let part = table.rename("id", "key")?.select(&["note", "key"])?.filter(&vec![true; table.n_rows()])?;
    let part = part.sort(&[("key", Order::Descending)])?.head(3);
    assert_eq!((part.role("key")?, part.role("note")?), (Role::Identifier, Role::Target));
    let with = |table: &Table| table.role("id").unwrap();
    assert_eq!(with(&Table::concat(&[table.clone(), table.clone()])?), Role::Identifier);
    // One that says nothing about it takes what is said first.
    let silent = Table::new(table.columns().map(|(name, column)| (name.to_owned(), column.clone())))?;
    assert_eq!(with(&Table::concat_reconciled(&[silent.clone(), table.clone()])?), Role::Identifier);
    assert_eq!(with(&table.with_role("id", Role::Feature)?), Role::Feature);
    // The schema knows them, writes them, and gives them to tables that do not.
    let schema = table.schema();
    let again: Schema = serde_json::from_str(&serde_json::to_string(&schema).unwrap()).unwrap();
    assert_eq!(again, schema);
    assert!(!serde_json::to_string(&silent.schema()).unwrap().contains("role"));
    assert_eq!(with(&schema.align(&silent)?), Role::Identifier);
    assert_eq!(silent, table, "roles are no cells");
    // So do files.
    assert_eq!(with(&perennial_data::parse_arrow(perennial_data::to_arrow(&table)?)?), Role::Identifier);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.parquet");
    perennial_data::write_parquet(&table.mark_pii("id", PiiKind::Name, PiiAction::Keep)?, &path)?;
    let read = perennial_data::read_parquet(&path)?;
    assert_eq!((with(&read), read.pii("id")?.len()), (Role::Identifier, 1));
    Ok(())
}
