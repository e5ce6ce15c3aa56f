//! What data there are, whose they are, and whether that is still true.

mod croissant;
mod croissant_in;
mod places;
mod purpose;
mod source;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use perennial_core::{Error, Result, ResultExt, write_atomic};
use serde::{Deserialize, Serialize};

use crate::{Format, Table};

pub use self::places::Places;
pub use self::source::{Sensitivity, Source};

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
        Catalog::from_toml(&text).context(place())
    }

    /// Reads a catalog from the text of such a file, wherever that is kept.
    ///
    /// ```
    /// use perennial_data::Catalog;
    ///
    /// let catalog = Catalog::from_toml("[[sources]]\nname = \"orders\"\nlocation = \"orders.csv\"\n")?;
    /// assert_eq!(catalog.sources()[0].name(), "orders");
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the text is no catalog; the message says where.
    pub fn from_toml(text: &str) -> Result<Self> {
        toml::from_str(text)
            .map_err(|error| Error::malformed(format!("it is no catalog: {error}")).with_source(error))
    }

    /// Writes the catalog to a TOML file, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomic(path, toml::to_string(self).map_err(Error::other)?.as_bytes())
    }

    /// The sources in whose name, owner, description or tags a text stands, whatever the case, in order.
    pub fn search(&self, text: &str) -> Vec<&Source> {
        let text = text.to_lowercase();
        self.sources.iter().filter(|source| source.mentions(&text)).collect()
    }

    /// Reads the data of a source, a file below a directory or anything else that [`Places`] says how to reach. The file must have the checksum that the catalog says, and the rows keep the contract; rows that
    /// could be set aside are an error too, see [`open_with_quarantine`](Catalog::open_with_quarantine). Columns are read as the types of
    /// the contract.
    ///
    /// # Errors
    /// When no source has that name, its file cannot be read or has another checksum, or the rows break the contract; and when it
    /// says what it may be used for, see [`open_for`](Catalog::open_for).
    pub fn open(&self, places: impl Into<Places>, name: &str) -> Result<Table> {
        self.find(name)?.is_for_all()?.open(&places.into(), &[]).context(format!("source `{name}`"))
    }

    /// As [`open`](Catalog::open), with what reading would refuse and the rows that the contract sets aside in a second table: `line`,
    /// `record` and `reason` for CSV and JSON lines, the rows with numbers and reasons for Parquet and Arrow.
    ///
    /// # Errors
    /// When no source has that name, its file cannot be read or has another checksum, or the contract fails, see
    /// [`Contract::sift`](crate::Contract::sift); and when it says what it may be used for, as what is set aside holds all of a row.
    pub fn open_with_quarantine(&self, places: impl Into<Places>, name: &str) -> Result<(Table, Table)> {
        self.find(name)?
            .is_for_all()?
            .open_with_quarantine(&places.into())
            .context(format!("source `{name}`"))
    }

    fn find(&self, name: &str) -> Result<&Source> {
        self.sources.iter().find(|source| source.name() == name).ok_or_else(|| {
            let known: Vec<&str> = self.sources.iter().take(10).map(Source::name).collect();
            Error::unknown(format!("no source is named `{name}`; there are: {}", known.join(", ")))
        })
    }

    /// Compares the catalog with the files in its directory, at a moment in microseconds since 1970-01-01 UTC: names stand once;
    /// owner, licence and access are said; files are there, can be read and have their checksum; rows keep their contract and
    /// are fresh; columns with purposes are there; what is below personal holds no personal data that [`find_pii`](crate::find_pii) sees; what is personal is not open to all
    /// users of the machine; and no data file lies in the directory that the catalog does not name.
    ///
    /// Objects and databases are asked as files are read; of a server of files a checksum is required.
    pub fn verify(&self, places: impl Into<Places>, now: i64) -> CatalogReport {
        let places = places.into();
        let directory = places.directory.as_path();
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
                .extend(source.problems(&places, now).into_iter().map(|what| (source.name.clone(), what)));
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
