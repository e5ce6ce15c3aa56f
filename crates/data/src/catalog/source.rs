//! One source of a catalog: where it is, how it is read, and what is wrong with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::places::{Found, Places, hex, table_of, typed};
use crate::csv::{CsvError, DEFAULT_LIMITS, Limits, decompressed};
use crate::objects::shown;
use crate::{Contract, CsvReader, Format, JsonLinesReader, Table, find_pii};

/// How much harm comes from data in wrong hands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// Anybody may have them.
    Public,
    /// They stay in the house.
    #[default]
    Internal,
    /// They are about persons.
    Personal,
    /// They are about persons or the house, and do harm.
    Secret,
}

/// One data source of a [`Catalog`](crate::Catalog).
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `name` | – | what the source is called |
/// | `location` | – | the path of the file from the directory of the catalog, the address of an object such as `s3://lake/orders.parquet` or `https://..`, which needs a checksum, or `postgres:` and the name of a server, see [`Places`] |
/// | `query` | none | what is asked of a database: of a server, or of an SQLite file; columns become the types of the contract |
/// | `format` | by the ending | how the file is written; not beside a database |
/// | `description` | empty | what the rows are |
/// | `owner` | empty | who answers for it; must be there |
/// | `access` | none | who may read it; must be there, but for public data |
/// | `licence` | empty | on which terms; must be there |
/// | `tags` | none | words to find it by |
/// | `purposes` | none | what it may be used for, such as `"fraud detection"`; [`Catalog::require`](crate::Catalog::require) refuses others, and it is opened by [`Catalog::open_for`](crate::Catalog::open_for) alone |
/// | `column_purposes` | none | of columns that may be used for fewer of these, what they may be used for |
/// | `sensitivity` | internal | how much harm it does in wrong hands |
/// | `time`, `max_age_days` | none | a column of days or moments, and how old its newest may be |
/// | `sha256` | none | the checksum of the file, in hexadecimal digits; of SQLite without a log beside it |
/// | `contract` | none | what the rows must be like |
/// | `csv` | the usual ones | settings to read CSV; not beside a database |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub(super) name: String,
    pub(super) location: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) query: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<Format>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    #[serde(default)]
    pub(super) owner: String,
    #[serde(default)]
    access: Vec<String>,
    #[serde(default)]
    pub(super) licence: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) purposes: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) column_purposes: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    sensitivity: Sensitivity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age_days: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) contract: Option<Contract>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    csv: Option<CsvReader>,
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        impl Source {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $name: impl Into<String>) -> Self {
                self.$name = $name.into();
                self
            })*
        }
    };
}

settings! {
    /// What the rows are.
    description;
    /// Who answers for it.
    owner;
    /// On which terms it may be used.
    licence;
}

impl Source {
    /// A source in a file, by its path from the directory of the catalog, or elsewhere, see [`Places`].
    pub fn new(name: impl Into<String>, location: impl Into<String>) -> Self {
        Source {
            name: name.into(),
            location: location.into(),
            query: None,
            format: None,
            description: String::new(),
            owner: String::new(),
            access: Vec::new(),
            licence: String::new(),
            tags: Vec::new(),
            purposes: Vec::new(),
            column_purposes: BTreeMap::new(),
            sensitivity: Sensitivity::default(),
            time: None,
            max_age_days: None,
            sha256: None,
            contract: None,
            csv: None,
        }
    }

    /// How the file is written; otherwise its ending says it: `.csv`, `.tsv`, `.tab`, `.jsonl`, `.ndjson`, each also with `.gz`
    /// or `.zst` behind it, `.parquet`, `.arrow`, `.feather`.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// What is asked of a database. It is opened for reading alone.
    #[must_use]
    pub fn query(mut self, query: impl Into<String>) -> Self {
        self.query = Some(query.into());
        self
    }

    /// Who may read it.
    #[must_use]
    pub fn access<S: Into<String>>(mut self, access: impl IntoIterator<Item = S>) -> Self {
        self.access = access.into_iter().map(Into::into).collect();
        self
    }

    /// Words to find it by.
    #[must_use]
    pub fn tags<S: Into<String>>(mut self, tags: impl IntoIterator<Item = S>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// What it may be used for.
    #[must_use]
    pub fn purposes<S: Into<String>>(mut self, purposes: impl IntoIterator<Item = S>) -> Self {
        self.purposes = purposes.into_iter().map(Into::into).collect();
        self
    }

    /// What a column may be used for, where that is less than what the source may be used for.
    #[must_use]
    pub fn column_purposes<S: Into<String>>(
        mut self,
        column: impl Into<String>,
        purposes: impl IntoIterator<Item = S>,
    ) -> Self {
        self.column_purposes.insert(column.into(), purposes.into_iter().map(Into::into).collect());
        self
    }

    /// How much harm it does in wrong hands.
    #[must_use]
    pub fn sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = sensitivity;
        self
    }

    /// A column of days or moments, and how many days old its newest may be.
    #[must_use]
    pub fn fresh(mut self, time: impl Into<String>, max_age_days: f64) -> Self {
        self.time = Some(time.into());
        self.max_age_days = Some(max_age_days);
        self
    }

    /// The checksum of the file, in hexadecimal digits.
    #[must_use]
    pub fn sha256(mut self, sha256: impl Into<String>) -> Self {
        self.sha256 = Some(sha256.into());
        self
    }

    /// What the rows must be like.
    #[must_use]
    pub fn contract(mut self, contract: Contract) -> Self {
        self.contract = Some(contract);
        self
    }

    /// Settings to read CSV.
    #[must_use]
    pub fn csv(mut self, csv: CsvReader) -> Self {
        self.csv = Some(csv);
        self
    }

    /// What the source is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path of the file; a location may not lead out of the directory.
    pub(super) fn path(&self, directory: &Path) -> Result<PathBuf> {
        let location = Path::new(&self.location);
        let inside = location.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if self.location.is_empty() || !inside {
            return Err(Error::malformed(format!(
                "the location `{}` is no path inside of the directory of the catalog; write one like `orders/2024.csv`",
                self.location
            )));
        }
        Ok(directory.join(location))
    }

    pub(super) fn written_as(&self) -> Result<Format> {
        self.format.or_else(|| Format::of(Path::new(&self.location))).ok_or_else(|| {
            Error::unsupported(format!(
                "the ending of `{}` says no format; write `format = \"csv\"` or another one",
                shown(&self.location)
            ))
        })
    }

    /// What is written by nobody has no format.
    pub(super) fn is_of_a_database(&self) -> Result<()> {
        let what = match (self.format, &self.csv) {
            (None, None) => return Ok(()),
            (Some(_), _) => "format",
            (None, Some(_)) => "csv",
        };
        Err(Error::unsupported(format!("the answer of a database is read as it is; leave `{what}` out")))
    }

    /// The contract of the settings to read CSV, where these are used.
    fn of_csv(&self) -> Option<&Contract> {
        let is_csv = self.written_as().is_ok_and(|format| format.delimiter().is_some());
        self.csv.as_ref().filter(|_| is_csv).and_then(CsvReader::held_to)
    }

    /// The settings to read CSV; an ending that says tabs has them, whatever they are.
    fn csv_reader(&self) -> CsvReader {
        let csv = self.csv.clone().unwrap_or_default();
        if matches!(self.written_as(), Ok(Format::Tsv)) { csv.delimiter(b'\t') } else { csv }
    }

    /// All that the rows are held to.
    fn contracts(&self) -> impl Iterator<Item = &Contract> {
        self.of_csv().into_iter().chain(&self.contract)
    }

    /// The table, with these contracts for the types of its columns, and nothing more is looked at. What hidden columns have is not
    /// as it was.
    fn read<'a>(
        &self,
        found: &Found,
        contracts: impl Iterator<Item = &'a Contract>,
        hidden: &[&str],
    ) -> Result<Table> {
        if let Found::Answer(answer) = found {
            return typed(answer, contracts, hidden);
        }
        let csv = |contracts| {
            let csv = self.csv_reader().without_contract();
            Iterator::fold(contracts, csv, CsvReader::types_of).with_texts(hidden)
        };
        let json_lines = |contracts| {
            let reader = JsonLinesReader::new().without_cells_of(hidden);
            Iterator::fold(contracts, reader, JsonLinesReader::types_of)
        };
        match (self.written_as()?, found) {
            (Format::Csv | Format::Tsv, Found::Bytes(bytes)) => csv(contracts).read_bytes(bytes),
            (Format::JsonLines, Found::Bytes(bytes)) => {
                json_lines(contracts).read_bytes(&decompressed(bytes, DEFAULT_LIMITS)?)
            }
            (format, Found::Bytes(bytes)) => table_of(bytes, format),
            (Format::Csv | Format::Tsv, Found::File(path)) => csv(contracts).read_path(path),
            (Format::JsonLines, Found::File(path)) => json_lines(contracts).read_path(path),
            (format, Found::File(path)) => format.read(path),
            // Databases have answered before.
            (format, Found::Sqlite(..) | Found::Postgres(..) | Found::Answer(_)) => {
                Err(Error::unsupported(format!("a database is not written as {format:?}")))
            }
        }
    }

    /// The table without hidden columns, if the file has its checksum and the rows keep what the contract says of the others. No
    /// error shows a cell that is hidden.
    pub(super) fn open(&self, places: &Places, hidden: &[&str]) -> Result<Table> {
        let found = Found::new(self, places)?;
        self.check_sum(&found)?;
        let found = found.answered()?;
        let table = self.read(&found, self.contracts(), hidden).map_err(|error| match error.find() {
            Some(CsvError::MissingColumn { column }) if hidden.contains(&column.as_str()) => {
                self.has_no_column(column)
            }
            _ => error,
        })?;
        self.knows_columns_of(&table)?;
        let table = table.drop(hidden)?;
        self.contracts().try_for_each(|contract| contract.drop(hidden).enforce(&table))?;
        Ok(table)
    }

    /// As `open`, with what can be set aside set aside. Of two contracts that of the source does so, and the rows that go on are
    /// held to the other one.
    pub(super) fn open_with_quarantine(&self, places: &Places) -> Result<(Table, Table)> {
        let found = Found::new(self, places)?;
        self.check_sum(&found)?;
        let found = found.answered()?;
        let all = Contract::new().extra_columns(true);
        let contract = self.contract.as_ref().unwrap_or(&all);
        let format = match found {
            Found::Answer(_) => None,
            _ => Some(self.written_as()?),
        };
        match format {
            Some(Format::Csv | Format::Tsv) => {
                let read = |csv: CsvReader| match &found {
                    Found::File(path) => csv.read_path_with_quarantine(path),
                    Found::Bytes(bytes) => csv.read_bytes_with_quarantine(bytes),
                    _ => Err(Error::unsupported("the answer of a database is no CSV")),
                };
                let csv = self.csv_reader();
                if self.contract.is_none() {
                    return read(csv);
                }
                let typed = self.of_csv().into_iter().fold(csv.without_contract(), CsvReader::types_of);
                let (kept, aside) = read(typed.contract(contract))?;
                self.of_csv().map_or(Ok(()), |own| own.enforce(&kept))?;
                Ok((kept, aside))
            }
            Some(Format::JsonLines) => {
                let reader = JsonLinesReader::new().contract(contract);
                match &found {
                    Found::File(path) => reader.read_path_with_quarantine(path),
                    Found::Bytes(bytes) => {
                        // A line may be as long as the object: it is what is set aside.
                        let limits = Limits { line: usize::MAX, ..DEFAULT_LIMITS };
                        reader.read_bytes_with_quarantine(&decompressed(bytes, limits)?)
                    }
                    _ => Err(Error::unsupported("the answer of a database is no JSON lines")),
                }
            }
            _ => {
                let sifted = contract.sift(&self.read(&found, self.contracts(), &[])?)?;
                Ok((sifted.kept, sifted.quarantine))
            }
        }
    }

    fn check_sum(&self, found: &Found) -> Result<()> {
        let Some(expected) = &self.sha256 else { return Ok(()) };
        let found = found.checksum()?;
        match found.eq_ignore_ascii_case(expected) {
            true => Ok(()),
            false => Err(Error::corrupt(format!("has the checksum {found}, expected {expected}"))),
        }
    }

    /// Whether a text stands in the name, the owner, the description or a tag, whatever the case.
    pub(super) fn mentions(&self, text: &str) -> bool {
        let texts = [&self.name, &self.owner, &self.description].into_iter().chain(&self.tags);
        texts.into_iter().any(|place| place.to_lowercase().contains(text))
    }

    /// What is wrong, in words.
    pub(super) fn problems(&self, places: &Places, now: i64) -> Vec<String> {
        let mut problems = Vec::new();
        let mut missing = |what: &str, is_missing: bool| {
            if is_missing {
                problems.push(format!("has no {what}; say it"));
            }
        };
        missing("owner", self.owner.trim().is_empty());
        missing("licence", self.licence.trim().is_empty());
        missing("access", self.access.is_empty() && self.sensitivity != Sensitivity::Public);
        let found = match Found::new(self, places) {
            Ok(found) => found,
            Err(error) => {
                problems.push(error.to_string());
                return problems;
            }
        };
        if let Err(error) = self.check_sum(&found) {
            problems.push(error.to_string());
        }
        if self.sensitivity >= Sensitivity::Personal && found.file().is_some_and(is_open) {
            problems.push("may be read by every user of this machine; take the permission away".to_owned());
        }
        let found = match found.answered() {
            Ok(found) => found,
            Err(error) => {
                problems.push(error.to_string());
                return problems;
            }
        };
        let table = match self.read(&found, self.contracts(), &[]) {
            Ok(table) => {
                let reports = self.contracts().map(|contract| contract.check_at(&table, now));
                let broken = reports.filter(|report| !report.is_met());
                problems.extend(broken.map(|report| format!("breaks its contract: {report}")));
                table
            }
            Err(error) => {
                problems.push(error.to_string());
                // One cell that is not of its type must not hide what else is wrong.
                match self.read(&found, std::iter::empty(), &[]) {
                    Ok(table) if self.contracts().next().is_some() => table,
                    _ => return problems,
                }
            }
        };
        problems.extend(self.stale(&table, now));
        problems.extend(self.wrong_purposes(&table));
        if self.sensitivity < Sensitivity::Personal {
            problems.extend(find_pii(&table).into_iter().map(|found| {
                format!(
                    "column `{}` holds personal data ({}), but the sensitivity is below personal",
                    found.column, found.kind
                )
            }));
        }
        problems
    }

    /// What is wrong with the age of the rows. A row that lies in the future would make old ones seem fresh for ever.
    fn stale(&self, table: &Table, now: i64) -> Vec<String> {
        let (time, most) = match (&self.time, self.max_age_days) {
            (None, None) => return Vec::new(),
            (Some(time), Some(most)) => (time, most),
            _ => return vec!["has only one of `time` and `max_age_days`; say both".to_owned()],
        };
        let freshness = match table.freshness(time, now) {
            Ok(freshness) => freshness,
            Err(error) => return vec![error.to_string()],
        };
        let mut problems = Vec::new();
        if freshness.n_future > 0 {
            problems.push(format!("has {} rows whose `{time}` lies in the future", freshness.n_future));
        }
        match freshness.newest_past_days {
            Some(age) if age <= most => {}
            Some(age) => problems.push(format!("its newest row is {age} days old, more than {most}")),
            None => problems.push("has no row that does not lie in the future".to_owned()),
        }
        problems
    }
}

pub(super) fn checksum(path: &Path) -> Result<String> {
    let place = |error| Error::io(format!("cannot read `{}`", path.display()), error);
    if !std::fs::metadata(path).map_err(place)?.is_file() {
        return Err(Error::unsupported(format!("`{}` is not a regular file", path.display())));
    }
    let (mut file, mut hash, mut buffer) =
        (File::open(path).map_err(place)?, Sha256::new(), vec![0; 1 << 18]);
    loop {
        match file.read(&mut buffer).map_err(place)? {
            0 => return Ok(hex(&hash.finalize())),
            length => hash.update(&buffer[..length]),
        }
    }
}

/// Whether every user of the machine may read a file, where that is known.
fn is_open(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}
