//! What data there are, whose they are, and whether that is still true.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use perennial_core::{Error, Result, ResultExt, write_atomic};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Contract, CsvReader, Format, Table, find_pii};

/// The data sources of a project, kept as a TOML file beside them.
///
/// ```toml
/// [[sources]]
/// name = "orders"
/// location = "orders.csv"                 # beside the catalog
/// owner = "sales@example.org"
/// access = ["analysts"]
/// licence = "internal use"
/// sensitivity = "internal"
/// time = "day"                            # how old the newest row may be
/// max_age_days = 2.0
/// sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
///
/// [sources.contract]
/// extra_columns = true
/// [[sources.contract.columns]]
/// name = "day"
/// column_type = "date"
/// ```
///
/// ```
/// use perennial_data::{Catalog, Sensitivity, Source};
///
/// let directory = tempfile::tempdir().unwrap();
/// let file = directory.path().join("orders.csv");
/// std::fs::write(&file, "sum\n3\n").unwrap();
/// let source = Source::new("orders", "orders.csv").owner("sales@example.org").licence("internal use").access(["sales"]);
/// Catalog::new().source(source.sensitivity(Sensitivity::Internal)).write(directory.path().join("catalog.toml"))?;
///
/// let catalog = Catalog::read(directory.path().join("catalog.toml"))?;
/// assert!(catalog.verify(directory.path(), 0).is_met());
/// assert_eq!(catalog.open(directory.path(), "orders")?.n_rows(), 1);
///
/// std::fs::write(&file, "mail\nada@example.org\n").unwrap();
/// let report = catalog.verify(directory.path(), 0);
/// assert!(report.to_string().contains("column `mail` holds personal data (email)"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Catalog {
    sources: Vec<Source>,
}

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

/// One data source of a [`Catalog`].
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `name` | – | what the source is called |
/// | `location` | – | the path of the file from the directory of the catalog |
/// | `format` | by the ending | how the file is written |
/// | `description` | empty | what the rows are |
/// | `owner` | empty | who answers for it; must be there |
/// | `access` | none | who may read it; must be there, but for public data |
/// | `licence` | empty | on which terms; must be there |
/// | `sensitivity` | internal | how much harm it does in wrong hands |
/// | `time`, `max_age_days` | none | a column of days or moments, and how old its newest may be |
/// | `sha256` | none | the checksum of the file, in hexadecimal digits |
/// | `contract` | none | what the rows must be like |
/// | `csv` | the usual ones | settings to read CSV |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    name: String,
    location: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<Format>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    access: Vec<String>,
    #[serde(default)]
    licence: String,
    #[serde(default)]
    sensitivity: Sensitivity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age_days: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contract: Option<Contract>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    csv: Option<CsvReader>,
}

/// Where a catalog and reality differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogReport {
    problems: Vec<(String, String)>,
    n_sources: usize,
}

impl CatalogReport {
    /// Whether everything is as the catalog says.
    pub fn is_met(&self) -> bool {
        self.problems.is_empty()
    }

    /// The name of the source, or of a file that is none, and what is wrong with it, in the order of the catalog.
    pub fn problems(&self) -> &[(String, String)] {
        &self.problems
    }
}

impl fmt::Display for CatalogReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_met() {
            return write!(f, "{} sources are as the catalog says", self.n_sources);
        }
        let texts: Vec<String> =
            self.problems.iter().map(|(name, what)| format!("`{name}`: {what}")).collect();
        f.write_str(&texts.join("; "))
    }
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
    /// A source in a file, by its path from the directory of the catalog.
    pub fn new(name: impl Into<String>, location: impl Into<String>) -> Self {
        Source {
            name: name.into(),
            location: location.into(),
            format: None,
            description: String::new(),
            owner: String::new(),
            access: Vec::new(),
            licence: String::new(),
            sensitivity: Sensitivity::default(),
            time: None,
            max_age_days: None,
            sha256: None,
            contract: None,
            csv: None,
        }
    }

    /// How the file is written; otherwise its ending says it: `.csv`, `.csv.gz`, `.jsonl`, `.ndjson`, `.parquet`, `.arrow`, `.feather`.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// Who may read it.
    #[must_use]
    pub fn access<S: Into<String>>(mut self, access: impl IntoIterator<Item = S>) -> Self {
        self.access = access.into_iter().map(Into::into).collect();
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
    fn path(&self, directory: &Path) -> Result<PathBuf> {
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

    fn read(&self, directory: &Path) -> Result<Table> {
        let path = self.path(directory)?;
        match self.format.or_else(|| Format::of(&path)) {
            Some(Format::Csv) => self.csv.clone().unwrap_or_default().read_path(path),
            Some(format) => format.read(&path),
            None => Err(Error::unsupported(format!(
                "the ending of `{}` says no format; write `format = \"csv\"` or another one",
                self.location
            ))),
        }
    }

    /// What is wrong, in words.
    fn problems(&self, directory: &Path, now: i64) -> Vec<String> {
        let mut problems = Vec::new();
        let mut missing = |what: &str, is_missing: bool| {
            if is_missing {
                problems.push(format!("has no {what}; say it"));
            }
        };
        missing("owner", self.owner.trim().is_empty());
        missing("licence", self.licence.trim().is_empty());
        missing("access", self.access.is_empty() && self.sensitivity != Sensitivity::Public);
        let path = match self.path(directory) {
            Ok(path) => path,
            Err(error) => {
                problems.push(error.to_string());
                return problems;
            }
        };
        if let Some(expected) = &self.sha256 {
            match checksum(&path) {
                Ok(found) if found.eq_ignore_ascii_case(expected) => {}
                Ok(found) => problems.push(format!("has the checksum {found}, expected {expected}")),
                Err(error) => problems.push(error.to_string()),
            }
        }
        if self.sensitivity >= Sensitivity::Personal && is_open(&path) {
            problems.push("may be read by every user of this machine; take the permission away".to_owned());
        }
        let table = match self.read(directory) {
            Ok(table) => table,
            Err(error) => {
                problems.push(error.to_string());
                return problems;
            }
        };
        if let Some(contract) = &self.contract {
            let report = contract.check(&table);
            if !report.is_met() {
                problems.push(format!("breaks its contract: {report}"));
            }
        }
        if let Some(problem) = self.stale(&table, now) {
            problems.push(problem);
        }
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

    fn stale(&self, table: &Table, now: i64) -> Option<String> {
        let (time, most) = match (&self.time, self.max_age_days) {
            (None, None) => return None,
            (Some(time), Some(most)) => (time, most),
            _ => return Some("has only one of `time` and `max_age_days`; say both".to_owned()),
        };
        match table.freshness(time, now) {
            Ok(freshness) if freshness.newest_days <= most => None,
            Ok(freshness) => {
                Some(format!("its newest row is {} days old, more than {most}", freshness.newest_days))
            }
            Err(error) => Some(error.to_string()),
        }
    }
}

fn checksum(path: &Path) -> Result<String> {
    let place = |error| Error::io(format!("cannot read `{}`", path.display()), error);
    if !std::fs::metadata(path).map_err(place)?.is_file() {
        return Err(Error::unsupported(format!("`{}` is not a regular file", path.display())));
    }
    let (mut file, mut hash, mut buffer) =
        (File::open(path).map_err(place)?, Sha256::new(), vec![0; 1 << 18]);
    loop {
        match file.read(&mut buffer).map_err(place)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
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

impl Catalog {
    /// No sources.
    pub fn new() -> Self {
        Catalog::default()
    }

    /// Adds a source.
    #[must_use]
    pub fn source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// The sources in order.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Reads a catalog from a TOML file.
    ///
    /// # Errors
    /// When the file cannot be read or is no catalog; the message says where.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let place = || format!("reading the catalog `{}`", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(place(), error))?;
        toml::from_str(&text)
            .map_err(|error| Error::malformed(format!("it is no catalog: {error}")).with_source(error))
            .context(place())
    }

    /// Writes the catalog to a TOML file, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomic(path, toml::to_string(self).map_err(Error::other)?.as_bytes())
    }

    /// Reads the data of a source.
    ///
    /// # Errors
    /// When no source has that name, or its file cannot be read.
    pub fn open(&self, directory: impl AsRef<Path>, name: &str) -> Result<Table> {
        match self.sources.iter().find(|source| source.name == name) {
            Some(source) => source.read(directory.as_ref()).context(format!("source `{name}`")),
            None => {
                let known: Vec<&str> = self.sources.iter().take(10).map(Source::name).collect();
                Err(Error::unknown(format!("no source is named `{name}`; there are: {}", known.join(", "))))
            }
        }
    }

    /// Compares the catalog with the files in its directory, at a moment in microseconds since 1970-01-01 UTC: names stand once;
    /// owner, licence and access are said; files are there, can be read and have their checksum; rows keep their contract and
    /// are fresh; what is below personal holds no personal data that [`find_pii`] sees; what is personal is not open to all
    /// users of the machine; and no data file lies in the directory that the catalog does not name.
    pub fn verify(&self, directory: impl AsRef<Path>, now: i64) -> CatalogReport {
        let directory = directory.as_ref();
        let mut problems: Vec<(String, String)> = Vec::new();
        let mut names = BTreeSet::new();
        for source in &self.sources {
            if !names.insert(&source.name) {
                problems.push((
                    source.name.clone(),
                    "stands twice in the catalog; give each source its own name".into(),
                ));
            }
            problems
                .extend(source.problems(directory, now).into_iter().map(|what| (source.name.clone(), what)));
        }
        let listed: BTreeSet<PathBuf> =
            self.sources.iter().filter_map(|source| source.path(directory).ok()).collect();
        match std::fs::read_dir(directory) {
            Ok(entries) => {
                let mut others: Vec<PathBuf> = entries
                    .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                    .filter(|path| path.is_file() && Format::of(path).is_some() && !listed.contains(path))
                    .collect();
                others.sort();
                problems.extend(others.into_iter().map(|path| {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    (name, "lies beside the catalog, which does not name it; list it or take it away".into())
                }));
            }
            Err(error) => {
                problems.push((directory.display().to_string(), format!("cannot be listed: {error}")))
            }
        }
        CatalogReport { problems, n_sources: self.sources.len() }
    }
}
