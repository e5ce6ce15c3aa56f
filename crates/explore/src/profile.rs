//! The profile of a table.

use std::collections::BTreeMap;

use perennial_core::Result;
use perennial_data::{Table, content_hash};
use perennial_numeric::reduce;
use perennial_reporting::Document;
use serde::{Deserialize, Serialize};

use crate::alert::{Alert, AlertKind, of_associations, of_column};
use crate::association::{Association, associations};
use crate::column::ColumnProfile;

/// How much a profile looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileOptions {
    most_associated: usize,
}

impl Default for ProfileOptions {
    fn default() -> Self {
        ProfileOptions { most_associated: 60 }
    }
}

impl ProfileOptions {
    /// Pairs of the first 60 columns that have a measure.
    pub fn new() -> Self {
        ProfileOptions::default()
    }

    /// Measures the pairs of so many columns; the work grows with the square.
    #[must_use]
    pub fn most_associated(mut self, n_cols: usize) -> Self {
        self.most_associated = n_cols;
        self
    }

    /// The profile of a table under these options.
    ///
    /// # Errors
    /// When a column cannot be read.
    pub fn profile(&self, table: &Table) -> Result<Profile> {
        let names: Vec<(&str, _)> = table.columns().collect();
        let columns = reduce::try_map_each(names.len(), |i| ColumnProfile::of(names[i].0, names[i].1))?;
        let associations = associations(table, self.most_associated)?;
        let duplicate_rows = duplicate_rows(table);
        let mut alerts: Vec<Alert> = columns.iter().flat_map(of_column).collect();
        alerts.extend(of_associations(&associations));
        let mut say = |kind, message: String| alerts.push(Alert { kind, column: None, message });
        if table.n_rows() == 0 {
            say(AlertKind::Empty, "the table has no rows".into());
        }
        if duplicate_rows > 0 {
            say(
                AlertKind::DuplicateRows,
                format!(
                    "{duplicate_rows} rows repeat an earlier row; on both sides of a split they give the answer away"
                ),
            );
        }
        alerts.sort_by_key(|alert| alert.kind);
        Ok(Profile {
            n_rows: table.n_rows(),
            n_cols: table.n_cols(),
            content_hash: content_hash(table),
            duplicate_rows,
            missing_patterns: missing_patterns(table),
            columns,
            associations,
            alerts,
        })
    }
}

/// What a table holds: statistics of each column, what is missing together, what goes together, and what a
/// reader should look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The number of rows.
    pub n_rows: usize,
    /// The number of columns.
    pub n_cols: usize,
    /// The content hash of the table.
    pub content_hash: String,
    /// The number of rows that are equal to an earlier row in every column.
    pub duplicate_rows: usize,
    /// The columns in order.
    pub columns: Vec<ColumnProfile>,
    /// Which columns are missing together and in how many rows, most frequent first; at most ten patterns.
    pub missing_patterns: Vec<(Vec<String>, usize)>,
    /// How columns go together, strongest first.
    pub associations: Vec<Association>,
    /// What is worth a look, most important first.
    pub alerts: Vec<Alert>,
}

/// The profile of a table with the usual options.
///
/// ```
/// use perennial_data::{Column, Table};
/// use perennial_explore::{AlertKind, profile};
///
/// let table = Table::new([
///     ("height", Column::real([Some(1.7), None, Some(1.8)])),
///     ("planet", Column::text(["Earth", "Earth", "Earth"])),
/// ])?;
/// let profile = profile(&table)?;
/// assert_eq!(profile.columns[0].missing, 1);
/// assert!(profile.alerts.iter().any(|alert| alert.kind == AlertKind::Constant));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When a column cannot be read.
pub fn profile(table: &Table) -> Result<Profile> {
    ProfileOptions::new().profile(table)
}

impl Profile {
    /// The profile of one column.
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The profile as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The profile as a report, which renders to HTML and Markdown.
    pub fn to_document(&self, title: &str) -> Document {
        crate::page::document(self, title)
    }

    /// The profile as one HTML page of at most 2 MB that needs no network.
    pub fn to_html(&self, title: &str) -> String {
        self.to_document(title).to_html()
    }
}

/// Rows that repeat an earlier one. Two hashes of 64 bits stand for a row: among a billion rows, the chance of
/// mistaking one for another is below one in 10^20.
fn duplicate_rows(table: &Table) -> usize {
    let columns: Vec<_> = table.columns().map(|(_, column)| column).collect();
    if columns.is_empty() {
        return 0;
    }
    let mut keys = reduce::map_each(table.n_rows(), |row| {
        let mut key = [0xcbf2_9ce4_8422_2325_u64, 0x9e37_79b9_7f4a_7c15];
        for column in &columns {
            let cell = column.cell(row);
            let bytes = cell.as_deref().map_or(&b"\xff"[..], str::as_bytes);
            for byte in bytes.iter().chain(b"\xfe") {
                key[0] = (key[0] ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
                key[1] = (key[1] ^ u64::from(*byte)).rotate_left(23).wrapping_mul(0x9fb2_1c65_1e98_df25);
            }
        }
        key
    });
    keys.sort_unstable();
    keys.len() - keys.chunk_by(|a, b| a == b).count()
}

fn missing_patterns(table: &Table) -> Vec<(Vec<String>, usize)> {
    let columns: Vec<_> = table.columns().filter(|(_, column)| column.null_count() > 0).collect();
    let mut patterns: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
    for row in 0..table.n_rows() {
        let missing: Vec<usize> = (0..columns.len()).filter(|&i| columns[i].1.is_null(row)).collect();
        if !missing.is_empty() {
            *patterns.entry(missing).or_default() += 1;
        }
    }
    let mut patterns: Vec<(Vec<usize>, usize)> = patterns.into_iter().collect();
    patterns.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let names = |pattern: Vec<usize>| pattern.into_iter().map(|i| columns[i].0.to_owned()).collect();
    patterns.into_iter().take(10).map(|(pattern, count)| (names(pattern), count)).collect()
}
