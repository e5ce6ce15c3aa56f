//! Catalogs beside what they describe.

use perennial_core::{ErrorKind, Result};
use perennial_data::{
    Catalog, ColumnContract, ColumnType, Contract, CsvReader, Format, Sensitivity, Source, Table,
    write_json_lines,
};

fn source() -> Source {
    Source::new("orders", "orders.csv").owner("sales").licence("own").access(["analysts"])
}

fn problems(source: Source, directory: &std::path::Path, now: i64) -> Vec<String> {
    Catalog::new()
        .source(source)
        .verify(directory, now)
        .problems()
        .iter()
        .map(|problem| problem.1.clone())
        .collect()
}

#[test]
fn what_a_catalog_says_is_compared_with_the_files() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let day = 86_400_000_000;
    std::fs::write(at.join("orders.csv"), "day,sum\n1970-01-05,3\n1970-01-09,4\n").unwrap();
    assert!(problems(source(), at, 0).is_empty());
    let wrong = problems(Source::new("orders", "orders.csv"), at, 0);
    assert_eq!(wrong, ["has no owner; say it", "has no licence; say it", "has no access; say it"]);
    // sha256sum of the file.
    let sum = "077b5c8c763aca9a5befc16d8c93065a8205e872a390a41593e7404e4b3f1a05";
    assert!(problems(source().sha256(sum.to_uppercase()), at, 0).is_empty());
    assert_eq!(problems(source().sha256("00"), at, 0), [format!("has the checksum {sum}, expected 00")]);
    assert!(problems(source().fresh("day", 1.0), at, 9 * day).is_empty());
    assert_eq!(
        problems(source().fresh("day", 1.0), at, 11 * day),
        ["its newest row is 3 days old, more than 1"]
    );
    // One row in the future does not make the others new.
    assert_eq!(
        problems(source().fresh("day", 1.0), at, 7 * day),
        ["has 1 rows whose `day` lies in the future", "its newest row is 3 days old, more than 1"]
    );
    assert_eq!(
        problems(source().fresh("day", 1.0), at, 0),
        ["has 2 rows whose `day` lies in the future", "has no row that does not lie in the future"]
    );
    assert!(problems(source().fresh("sum", 1.0), at, 0)[0].contains("does not give moments"));
    assert!(problems(source().fresh("day", f64::NAN), at, 9 * day)[0].contains("more than NaN"));
    let contract =
        Contract::new().extra_columns(true).with(ColumnContract::new("sum", ColumnType::Integer).max(3.0));
    assert!(
        problems(source().contract(contract), at, 0)[0]
            .starts_with("breaks its contract: column `sum` is `4`")
    );
    let fresh = Contract::new().extra_columns(true).fresh("day", 1.0);
    assert!(problems(source().contract(fresh.clone()), at, 9 * day).is_empty());
    let old = problems(source().contract(fresh), at, 11 * day);
    assert!(old[0].starts_with("breaks its contract: column `day` has its newest row 3 days"), "{old:?}");
    for location in ["", "../orders.csv", "/etc/passwd", "a/../../b.csv"] {
        let found = problems(Source::new("x", location).owner("a").licence("b").access(["c"]), at, 0);
        assert!(found[0].contains("is no path inside"), "{found:?}");
    }
    assert!(
        problems(Source::new("x", "no.csv").owner("a").licence("b").access(["c"]), at, 0)[0]
            .contains("cannot read")
    );
    // Permissions and personal data.
    let personal = source().sensitivity(Sensitivity::Personal);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |mode| {
            std::fs::set_permissions(at.join("orders.csv"), std::fs::Permissions::from_mode(mode)).unwrap()
        };
        mode(0o644);
        assert!(problems(personal.clone(), at, 0)[0].contains("may be read by every user"));
        mode(0o600);
    }
    assert!(problems(personal, at, 0).is_empty());
    std::fs::write(at.join("orders.csv"), "ip\n10.0.0.1\n").unwrap();
    assert!(problems(source(), at, 0)[0].contains("column `ip` holds personal data (ip)"));
    // Files that nobody listed, and names that stand twice.
    let report = Catalog::new().verify(at, 0);
    assert_eq!(report.problems()[0].0, "orders.csv");
    std::fs::write(at.join("orders.csv"), "x\n1\n").unwrap();
    let twice = Catalog::new().source(source()).source(source()).verify(at, 0);
    assert_eq!(twice.to_string(), "`orders`: stands twice in the catalog; give each source its own name");
    assert_eq!(
        Catalog::new().source(source()).verify(at, 0).to_string(),
        "1 sources are as the catalog says"
    );
    assert!(!Catalog::new().verify(at.join("none"), 0).is_met());
    Ok(())
}

#[test]
fn a_catalog_is_a_file_that_opens_others() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let table = Table::builder().integer("n", [1, 2]).build()?;
    std::fs::write(at.join("semi.txt"), "a;b\n1;2\n").unwrap();
    write_json_lines(&table, at.join("lines.jsonl"))?;
    let catalog = Catalog::new()
        .source(Source::new("semi", "semi.txt").format(Format::Csv).csv(CsvReader::new().delimiter(b';')))
        .source(Source::new("lines", "lines.jsonl").description("two rows").contract(Contract::infer(&table)))
        .source(source().sensitivity(Sensitivity::Secret).fresh("day", 2.0).sha256("ab"));
    catalog.write(at.join("catalog.toml"))?;
    let again = Catalog::read(at.join("catalog.toml"))?;
    assert_eq!(again, catalog);
    assert_eq!(again.open(at, "semi")?.n_cols(), 2);
    // Tabs by the ending, whatever other settings there are, also where the format of a name is said.
    for (name, source) in [
        ("tabs.tsv", Source::new("tabs", "tabs.tsv")),
        ("tabs.tab", Source::new("tabs", "tabs.tab").csv(CsvReader::new().decimal(b','))),
        ("tabs.txt", Source::new("tabs", "tabs.txt").format(Format::Tsv)),
    ] {
        std::fs::write(at.join(name), "a\tb,c\n1\t2\n").unwrap();
        let catalog = Catalog::new().source(source);
        assert_eq!(catalog.open(at, "tabs")?.names().collect::<Vec<_>>(), ["a", "b,c"], "{name}");
        catalog.write(at.join("tabs.toml"))?;
        assert_eq!(Catalog::read(at.join("tabs.toml"))?, catalog);
        std::fs::remove_file(at.join(name)).unwrap();
    }
    assert_eq!(again.open(at, "lines")?, table);
    assert!(again.open(at, "no").unwrap_err().to_string().contains("there are: semi, lines, orders"));
    assert!(
        Catalog::new()
            .source(Source::new("semi", "semi.txt"))
            .open(at, "semi")
            .unwrap_err()
            .to_string()
            .contains("says no format")
    );
    std::fs::write(at.join("catalog.toml"), "[[sources]]\nname = \"x\"\nlocation = \"y\"\ncolour = 1\n")
        .unwrap();
    let error = Catalog::read(at.join("catalog.toml")).unwrap_err().to_string();
    assert!(error.contains("it is no catalog") && error.contains("colour"), "{error}");
    assert!(Catalog::read(at).is_err());
    Ok(())
}

#[test]
fn what_is_opened_keeps_its_contract_and_its_checksum() -> Result<()> {
    use perennial_data::Severity;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    std::fs::write(at.join("orders.csv"), "zip,sum\n08001,3\n8002,900\n").unwrap();
    let contract = Contract::new()
        .with(ColumnContract::new("zip", ColumnType::Text))
        .with(ColumnContract::new("sum", ColumnType::Integer).max(10.0).severity(Severity::Quarantine));
    let catalog = Catalog::new().source(source().contract(contract.clone()));
    let error = catalog.open(at, "orders").unwrap_err().to_string();
    assert!(error.contains("source `orders`") && error.contains("above the maximum 10"), "{error}");
    let (table, quarantine) = catalog.open_with_quarantine(at, "orders")?;
    assert_eq!((table.n_rows(), quarantine.column("line")?.cell(0).as_deref()), (1, Some("3")));
    assert_eq!(table.column("zip")?.cell(0).as_deref(), Some("08001"));
    // A file that is another one.
    let pinned = Catalog::new().source(source().sha256("00"));
    assert!(pinned.open(at, "orders").unwrap_err().to_string().contains("expected 00"));
    assert!(pinned.open_with_quarantine(at, "orders").is_err());
    // The same for Parquet.
    let rows = Table::builder().text("zip", ["1", "2"]).integer("sum", [1, 99]).build()?;
    perennial_data::write_parquet(&rows, at.join("orders.parquet"))?;
    let stored = Source::new("stored", "orders.parquet").contract(contract.clone());
    let catalog = Catalog::new().source(stored);
    assert!(catalog.open(at, "stored").is_err());
    assert_eq!(catalog.open_with_quarantine(at, "stored")?.1.n_rows(), 1);
    let reader = perennial_data::ParquetReader::new().contract(&contract);
    assert!(reader.read(at.join("orders.parquet")).is_err());
    assert!(reader.scan(at.join("orders.parquet"), 1)?.nth(1).unwrap().is_err());
    let (kept, aside) = reader.read_with_quarantine(at.join("orders.parquet"))?;
    assert_eq!((kept.n_rows(), aside.n_rows()), (1, 1));
    Ok(())
}

#[test]
fn sources_are_found_and_described() -> Result<()> {
    let catalog = Catalog::new()
        .source(source().description("What was sold").tags(["shop"]))
        .source(Source::new("people", "people.parquet").owner("HR"));
    let found = |text| catalog.search(text).into_iter().map(Source::name).collect::<Vec<_>>();
    assert_eq!(found("SOLD"), ["orders"]);
    assert_eq!(found("hr"), ["people"]);
    assert_eq!(found("shop"), ["orders"]);
    assert_eq!(found("").len(), 2);
    assert!(found("none").is_empty());
    let again = Catalog::from_toml(&toml::to_string(&catalog).unwrap())?;
    assert_eq!(again, catalog);
    let error = Catalog::from_toml("[[sources]]\nname = \"orders\"\nplace = \"here\"\n").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Malformed { .. }), "{error}");
    assert!(error.to_string().contains("place") && error.to_string().contains("line 3"), "{error}");
    let table = Table::builder().date("day", [1]).real("sum", [1.0]).build()?;
    let text = catalog.sources()[0].clone().sha256("AB").to_croissant(&table)?;
    for part in [
        r#""@type": "sc:Dataset""#,
        r#""keywords": "shop""#,
        r#""sha256": "ab""#,
        r#""dataType": "sc:Date""#,
        r#""encodingFormat": "text/csv""#,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(Source::new("x", "x.zip").to_croissant(&table).is_err());
    Ok(())
}

#[test]
fn the_contract_of_the_settings_to_read_csv_is_held_too() -> Result<()> {
    use perennial_data::Severity;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    std::fs::write(at.join("orders.csv"), "sum\n3\n900\n").unwrap();
    let sum = ColumnContract::new("sum", ColumnType::Integer).max(10.0);
    let own = |severity| CsvReader::new().contract(&Contract::new().with(sum.clone().severity(severity)));
    let catalog = Catalog::new().source(source().csv(own(Severity::Quarantine)));
    assert!(catalog.open(at, "orders").is_err());
    let (kept, aside) = catalog.open_with_quarantine(at, "orders")?;
    assert_eq!((kept.n_rows(), aside.n_rows()), (1, 1));
    // Beside a contract of the source it is held as well.
    let any = Contract::new().extra_columns(true);
    let both = Catalog::new().source(source().csv(own(Severity::Fail)).contract(any));
    assert!(both.open(at, "orders").is_err() && both.open_with_quarantine(at, "orders").is_err());
    // It does not end what is verified.
    let found = problems(source().csv(own(Severity::Fail)).fresh("sum", 1.0), at, 0);
    assert!(found[0].starts_with("breaks its contract"), "{found:?}");
    assert!(found[1].contains("does not give moments"), "{found:?}");
    Ok(())
}

#[test]
fn one_cell_of_another_type_does_not_hide_what_else_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    std::fs::write(at.join("orders.csv"), "mail,sum\nada@example.org,3\nada@example.org,many\n").unwrap();
    let sum = ColumnContract::new("sum", ColumnType::Integer);
    let found = problems(source().contract(Contract::new().extra_columns(true).with(sum)), at, 0);
    assert!(found[0].contains("many"), "{found:?}");
    assert!(found[1].contains("column `mail` holds personal data (email)"), "{found:?}");
}

#[test]
fn the_last_contract_of_a_reader_says_the_types() -> Result<()> {
    let of = |column_type| Contract::new().with(ColumnContract::new("n", column_type));
    let reader = CsvReader::new().contract(&of(ColumnType::Integer)).contract(&of(ColumnType::Text));
    assert_eq!(reader.read_bytes(b"n\n7\n")?.column("n")?.column_type(), ColumnType::Text);
    Ok(())
}

#[test]
fn sources_are_elsewhere_too() -> Result<()> {
    use perennial_data::{FolderStore, Places, Stores, write_sqlite};
    use std::sync::Arc;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let table = Table::builder().integer("n", [1, 2]).text("mail", ["ada@example.org", "-"]).build()?;
    let day = Source::new("", "").owner("sales").licence("own").access(["analysts"]);
    let named = |name: &str, location: &str| {
        let mut text = toml::to_string(&day).unwrap();
        text = text.replacen("name = \"\"", &format!("name = \"{name}\""), 1);
        text = text.replacen("location = \"\"", &format!("location = \"{location}\""), 1);
        toml::from_str::<Source>(&text).unwrap()
    };
    // A database in a file.
    write_sqlite(&table, at.join("shop.sqlite"), "orders")?;
    let shop = named("shop", "shop.sqlite").query("SELECT n FROM orders ORDER BY n DESC");
    let catalog = Catalog::new().source(shop.clone());
    assert!(catalog.verify(at, 0).is_met(), "{}", catalog.verify(at, 0));
    assert_eq!(catalog.open(at, "shop")?.column("n")?.cell(0).as_deref(), Some("2"));
    let contract = |most: f64| Contract::new().with(ColumnContract::new("n", ColumnType::Integer).max(most));
    assert!(problems(shop.clone().contract(contract(1.0)), at, 0)[0].starts_with("breaks its contract"));
    assert!(problems(shop.clone().sha256("00"), at, 0)[0].contains("has the checksum"));
    assert!(
        problems(shop.clone().query("SELECT mail FROM orders"), at, 0)[0].contains("personal data (email)")
    );
    assert!(problems(shop.clone().query("DELETE FROM orders"), at, 0).len() == 1);
    assert!(problems(named("no", "no.sqlite").query("SELECT 1"), at, 0)[0].contains("cannot open it"));
    // Objects of a store.
    for ending in ["csv", "jsonl", "parquet", "arrow"] {
        let lake = || {
            let store = Arc::new(FolderStore::new(at.join("lake")));
            Stores::new().with("s3://lake", store).map(|stores| Places::new(at.join("none")).stores(stores))
        };
        std::fs::create_dir_all(at.join("none")).unwrap();
        let url = format!("s3://lake/orders.{ending}");
        let store = Arc::new(FolderStore::new(at.join("lake")));
        Stores::new().with("s3://lake", store)?.write(&table, &url)?;
        let source = named("orders", &url);
        let of = |source: Source| Catalog::new().source(source).verify(lake().unwrap(), 0).to_string();
        assert!(of(source.clone()).contains("personal data (email)"), "{ending}");
        let source = source.sensitivity(Sensitivity::Secret);
        assert_eq!(of(source.clone()), "1 sources are as the catalog says", "{ending}");
        assert!(of(source.clone().sha256("00")).contains("has the checksum"));
        assert!(
            of(source.clone().contract(contract(1.0).extra_columns(true))).contains("breaks its contract")
        );
        assert!(of(source.clone().query("SELECT 1")).contains("takes no query"));
        assert_eq!(Catalog::new().source(source.clone()).open(lake()?, "orders")?, table);
        let sifting = Contract::new().extra_columns(true).with(
            ColumnContract::new("n", ColumnType::Integer)
                .max(1.0)
                .severity(perennial_data::Severity::Quarantine),
        );
        let (kept, aside) =
            Catalog::new().source(source.contract(sifting)).open_with_quarantine(lake()?, "orders")?;
        assert_eq!((kept.n_rows(), aside.n_rows()), (1, 1));
    }
    // What is not known is said, and a server of files must be pinned.
    assert!(problems(named("x", "s4://lake/a.csv"), at, 0)[0].contains("no store is known"));
    for server in ["https://example.org/a.csv", "HTTPS://example.org/a.csv", "Http://example.org/a.csv"] {
        assert!(problems(named("x", server), at, 0)[0].contains("pin it by its checksum"), "{server}");
    }
    assert!(problems(named("x", "file:///etc/passwd"), at, 0)[0].contains("paths from its directory"));
    let server = named("x", "postgres:shop");
    assert!(problems(server.clone().query("SELECT 1"), at, 0)[0].contains("no server is known as `shop`"));
    let places = Places::new(at).postgres("shop", "host=127.0.0.1 port=1 password=secret connect_timeout=1");
    assert!(!format!("{places:?}").contains("secret"));
    let report = Catalog::new().source(server).verify(places.clone(), 0);
    assert!(report.to_string().contains("a server needs a query"), "{report}");
    let report = Catalog::new().source(named("x", "postgres:shop").query("SELECT 1")).verify(places, 0);
    assert!(!report.is_met() && !report.to_string().contains("secret"), "{report}");
    Ok(())
}

/// A store that gives one object under any key, too many bytes of it if it is told to, and writes down what it was asked.
#[derive(Debug, Default)]
struct Loose {
    bytes: Vec<u8>,
    too_many: usize,
    asked: std::sync::Mutex<Vec<String>>,
}

impl perennial_data::ObjectStore for Loose {
    fn head(&self, key: &str) -> Result<perennial_data::ObjectMeta> {
        self.asked.lock().unwrap().push(key.to_owned());
        Ok(perennial_data::ObjectMeta::new(key, self.bytes.len() as u64))
    }

    fn get_range(&self, _: &str, _: std::ops::Range<u64>) -> Result<Vec<u8>> {
        Ok([self.bytes.clone(), vec![b'\n'; self.too_many]].concat())
    }

    fn put(&self, _: &str, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn list(&self, _: &str) -> Result<Vec<perennial_data::ObjectMeta>> {
        Ok(Vec::new())
    }
}

#[test]
fn objects_are_asked_for_by_sound_keys_and_read_as_files_are() -> Result<()> {
    use perennial_data::{Places, Severity, Stores};
    use std::io::Write;
    use std::sync::Arc;
    let loose =
        |bytes: &[u8], too_many| Arc::new(Loose { bytes: bytes.to_vec(), too_many, ..Loose::default() });
    let places = |store: &Arc<Loose>| {
        Stores::new().with("s3://lake", store.clone()).map(|stores| Places::new(".").stores(stores))
    };
    let open = |store: &Arc<Loose>, key: &str| {
        Catalog::new().source(Source::new("a", format!("s3://lake/{key}"))).open(places(store)?, "a")
    };
    let store = loose(b"n\n1\n", 0);
    assert_eq!(open(&store, "a.csv")?.n_rows(), 1);
    for (key, says) in
        [("../../etc/x.csv", "is no key"), ("a//b.csv", "is no key"), ("a.txt", "says no format")]
    {
        let error = open(&store, key).unwrap_err().to_string();
        assert!(error.contains(says), "{key}: {error}");
    }
    // What cannot be read was not asked for.
    assert_eq!(*store.asked.lock().unwrap(), ["a.csv"]);
    assert!(
        open(&loose(b"n\n1\n", 3), "a.csv")
            .unwrap_err()
            .to_string()
            .contains("the store gave 7 bytes of the 4")
    );
    // Passwords of addresses do not stand in errors.
    for location in ["s3://ada:secret@lake/a.txt?key=secret", "postgres://ada:secret@db/shop"] {
        let found = problems(Source::new("a", location).query("SELECT 1"), std::path::Path::new("."), 0);
        let opened =
            Catalog::new().source(Source::new("a", location)).open(".", "a").unwrap_err().to_string();
        assert!(!found.join(" ").contains("secret") && !opened.contains("secret"), "{found:?} {opened}");
    }
    // Rows with a cell of a wrong type are set aside as those of files are, compressed or not.
    let contract = Contract::new()
        .with(ColumnContract::new("n", ColumnType::Integer).max(9.0).severity(Severity::Quarantine));
    let packed = |bytes: &[u8]| {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    };
    let (csv, lines) = (b"n\n1\nmany\n90\n", b"{\"n\": 1}\n{\"n\": \"many\"}\n{\"n\": 90}\n");
    let objects: [(&str, Vec<u8>, [i64; 2]); 6] = [
        ("a.csv", csv.to_vec(), [3, 4]),
        ("a.csv.gz", packed(csv), [3, 4]),
        ("a.tsv", csv.to_vec(), [3, 4]),
        ("a.tab.gz", packed(csv), [3, 4]),
        ("a.jsonl", lines.to_vec(), [2, 3]),
        ("a.jsonl.gz", packed(lines), [2, 3]),
    ];
    for (key, bytes, expected) in objects {
        let source = Source::new("a", format!("s3://lake/{key}")).contract(contract.clone());
        let (kept, aside) =
            Catalog::new().source(source).open_with_quarantine(places(&loose(&bytes, 0))?, "a")?;
        assert_eq!(kept.n_rows(), 1, "{key}");
        assert_eq!(aside.column("line")?.as_integer()?.flatten().collect::<Vec<_>>(), expected, "{key}");
        assert!(aside.column("reason")?.cell(0).unwrap().contains("column `n`"), "{key}");
    }
    assert_eq!(open(&loose(&packed(b"{\"n\": 1}"), 0), "a.jsonl.gz")?.n_rows(), 1);
    Ok(())
}

#[test]
fn answers_of_databases_become_the_types_of_the_contract() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let table = Table::builder()
        .boolean("paid", [Some(true), Some(false)])
        .text("city", ["Rome", "Oslo"])
        .date("day", [None::<i32>, None])
        .build()?;
    perennial_data::write_sqlite(&table, at.join("shop.sqlite"), "orders")?;
    let of = |kind| {
        let columns = [("paid", kind), ("city", ColumnType::Category), ("day", ColumnType::Date)];
        let with = |all: Contract, (name, kind)| all.with(ColumnContract::new(name, kind).nullable(true));
        let shop = Source::new("shop", "shop.sqlite").owner("sales").licence("own").access(["analysts"]);
        shop.query("SELECT * FROM orders").contract(columns.into_iter().fold(Contract::new(), with))
    };
    let shop = of(ColumnType::Boolean);
    let catalog = Catalog::new().source(shop.clone());
    let opened = catalog.open(at, "shop")?;
    assert_eq!(opened.column("paid")?, table.column("paid")?);
    assert_eq!(opened.column("city")?.column_type(), ColumnType::Category);
    assert_eq!(opened.column("day")?, table.column("day")?);
    assert_eq!(catalog.open_with_quarantine(at, "shop")?.0, opened);
    assert_eq!(problems(shop.clone(), at, 0), Vec::<String>::new());
    let mistyped = Catalog::new().source(shop.clone().query("SELECT 2 AS paid, 'a' AS city, NULL AS day"));
    let error = mistyped.open(at, "shop").unwrap_err().to_string();
    assert!(error.contains("column `paid`: row 0: `2` is not of type boolean"), "{error}");
    // Settings of files say nothing of a database.
    assert!(problems(shop.clone().format(Format::Csv), at, 0)[0].contains("leave `format` out"));
    assert!(problems(shop.clone().csv(CsvReader::new()), at, 0)[0].contains("leave `csv` out"));
    // A checksum is of the file alone, and rows can stand in a log beside it.
    let sum =
        problems(shop.clone().sha256("00"), at, 0)[0].split(' ').nth(3).unwrap().trim_matches(',').to_owned();
    let pinned = Catalog::new().source(shop.sha256(sum));
    assert_eq!(pinned.open(at, "shop")?, opened);
    for ending in ["-wal", "-journal"] {
        let log = at.join(format!("shop.sqlite{ending}"));
        std::fs::write(&log, "rows").unwrap();
        assert!(pinned.open(at, "shop").unwrap_err().to_string().contains("stands beside the database"));
        // One without a byte holds none.
        std::fs::write(&log, "").unwrap();
        assert_eq!(pinned.open(at, "shop")?, opened);
        std::fs::remove_file(&log).unwrap();
    }
    Ok(())
}
