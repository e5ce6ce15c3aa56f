//! What becomes of personal data before a table goes on.

use std::collections::BTreeMap;
use std::fmt;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::find::{PiiFinding, PiiKind, find_pii, spans};
use crate::{Column, ColumnType, Table};

/// What becomes of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PiiAction {
    /// The table is refused.
    Deny,
    /// The kind stands in their place, such as `[email]`.
    Mask,
    /// A keyed hash stands in their place: equal data have equal hashes, and without the key nobody can try out what they were.
    Hash,
    /// A token such as `email-1` stands in their place, and what it stands for in a table of its own.
    Tokenise,
    /// They stay.
    Keep,
}

/// What becomes of which personal data.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `action` | deny | for what is not named |
/// | `kinds` | none | for kinds of data |
/// | `columns` | none | for columns, before kinds |
/// | `key` | none | the secret of [`PiiAction::Hash`], at least 16 bytes; it is not saved with the policy |
///
/// ```
/// use perennial_data::{PiiAction, PiiKind, PiiPolicy, Table};
///
/// let table = Table::builder().text("note", ["from 10.0.0.1", "ada@example.org asks", "ada@example.org again"]).build()?;
/// assert!(PiiPolicy::new().apply(&table).is_err());
///
/// let policy = PiiPolicy::new().action(PiiAction::Tokenise).kind(PiiKind::Ip, PiiAction::Mask);
/// let redacted = policy.apply(&table)?;
/// let notes: Vec<_> = redacted.table.column("note")?.as_text()?.flatten().collect();
/// assert_eq!(notes, ["from [ip]", "email-1 asks", "email-1 again"]);
/// assert_eq!(redacted.vault.column("original")?.cell(0).as_deref(), Some("ada@example.org"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PiiPolicy {
    action: PiiAction,
    kinds: BTreeMap<PiiKind, PiiAction>,
    columns: BTreeMap<String, PiiAction>,
    #[serde(skip)]
    key: Option<Vec<u8>>,
}

/// The key does not go into logs.
impl fmt::Debug for PiiPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PiiPolicy")
            .field("action", &self.action)
            .field("kinds", &self.kinds)
            .field("columns", &self.columns)
            .field("has_key", &self.key.is_some())
            .finish()
    }
}

impl Default for PiiPolicy {
    fn default() -> Self {
        PiiPolicy { action: PiiAction::Deny, kinds: BTreeMap::new(), columns: BTreeMap::new(), key: None }
    }
}

/// A table without the personal data that its policy takes out.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Redacted {
    /// The table. Columns that were changed hold texts; columns with findings are marked, see [`Table::pii`].
    pub table: Table,
    /// The tokens and what they stand for: `token`, `kind` and `original`. It is as personal as the table was.
    pub vault: Table,
    /// What was found.
    pub findings: Vec<PiiFinding>,
}

/// Tokens by kind and what they stand for, and all of them in order.
#[derive(Default)]
struct Vault {
    known: BTreeMap<(PiiKind, String), String>,
    rows: Vec<(String, PiiKind, String)>,
    counts: BTreeMap<PiiKind, usize>,
}

impl Vault {
    fn token(&mut self, kind: PiiKind, original: &str) -> String {
        let (counts, rows) = (&mut self.counts, &mut self.rows);
        let new = || {
            let count = counts.entry(kind).or_default();
            *count += 1;
            let token = format!("{kind}-{count}");
            rows.push((token.clone(), kind, original.to_owned()));
            token
        };
        self.known.entry((kind, original.to_owned())).or_insert_with(new).clone()
    }
}

impl PiiPolicy {
    /// All personal data are refused.
    pub fn new() -> Self {
        PiiPolicy::default()
    }

    /// What becomes of what is not named.
    #[must_use]
    pub fn action(mut self, action: PiiAction) -> Self {
        self.action = action;
        self
    }

    /// What becomes of data of one kind.
    #[must_use]
    pub fn kind(mut self, kind: PiiKind, action: PiiAction) -> Self {
        self.kinds.insert(kind, action);
        self
    }

    /// What becomes of all personal data of one column.
    #[must_use]
    pub fn column(mut self, name: impl Into<String>, action: PiiAction) -> Self {
        self.columns.insert(name.into(), action);
        self
    }

    /// The secret of hashes, at least 16 bytes.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    fn of(&self, column: &str, kind: PiiKind) -> PiiAction {
        let named = self.columns.get(column).or_else(|| self.kinds.get(&kind));
        named.copied().unwrap_or(self.action)
    }

    /// The table with its personal data denied, masked, hashed, replaced by tokens or kept, as [`find_pii`] finds them. Where
    /// the name of a column says that it is personal, its cells are, whole; where such data are kept, what is found inside of
    /// the cells has its own action.
    ///
    /// # Errors
    /// When data are denied, naming columns and kinds; when a hash has no key or a short one; when the policy names a column
    /// that does not exist.
    pub fn apply(&self, table: &Table) -> Result<Redacted> {
        for name in self.columns.keys() {
            table.column(name)?;
        }
        let findings = find_pii(table);
        let of_finding = |finding: &PiiFinding| self.of(&finding.column, finding.kind);
        let denied: Vec<String> = findings
            .iter()
            .filter(|finding| of_finding(finding) == PiiAction::Deny)
            .map(|finding| format!("`{}` ({}, {} cells)", finding.column, finding.kind, finding.n_cells))
            .collect();
        if !denied.is_empty() {
            return Err(Error::contract_violation(format!(
                "personal data are denied and stand in {}; drop the columns, or mask, hash, tokenise or keep them",
                denied.join(", ")
            )));
        }
        let hashed = findings.iter().any(|finding| of_finding(finding) == PiiAction::Hash);
        let length = self.key.as_ref().map_or(0, Vec::len);
        if hashed && length < 16 {
            return Err(Error::invalid_param(
                "key",
                format!("of {length} bytes"),
                "a secret of at least 16 bytes",
            ));
        }
        let mut vault = Vault::default();
        let mut redacted = table.clone();
        let mut names: Vec<&str> = findings.iter().map(|finding| finding.column.as_str()).collect();
        names.dedup();
        let mut whole_columns: BTreeMap<&str, PiiAction> = BTreeMap::new();
        for name in names {
            let mine = || findings.iter().filter(|finding| finding.column == name);
            if mine().all(|finding| of_finding(finding) == PiiAction::Keep) {
                continue;
            }
            let column = table.column(name)?;
            // Numbers are personal as a whole, and so is what the name of the column says; where that is kept, parts may not be.
            let is_number = column.column_type() == ColumnType::Integer;
            let whole = mine()
                .find(|finding| (finding.by_name || is_number) && of_finding(finding) != PiiAction::Keep);
            if let Some(finding) = whole {
                whole_columns.insert(name, of_finding(finding));
            }
            let cells: Vec<Option<String>> = (0..column.n_rows())
                .map(|row| {
                    let cell = column.cell(row)?;
                    Some(match whole {
                        Some(finding) => self.replaced(name, finding.kind, &cell, &mut vault),
                        None => self.parts_replaced(name, &cell, &mut vault),
                    })
                })
                .collect();
            redacted = redacted.with_column(name, Column::text(cells.iter().map(Option::as_deref)))?;
        }
        for finding in &findings {
            // With the whole cell went all that stood in it.
            let whole = whole_columns.get(finding.column.as_str()).copied();
            let action = whole.unwrap_or_else(|| of_finding(finding));
            redacted = redacted.mark_pii(&finding.column, finding.kind, action)?;
        }
        let kinds: Vec<String> = vault.rows.iter().map(|(_, kind, _)| kind.to_string()).collect();
        let vault = Table::new([
            ("token", Column::text(vault.rows.iter().map(|(token, _, _)| Some(token.as_str())))),
            ("kind", Column::text(kinds.iter().map(|kind| Some(kind.as_str())))),
            ("original", Column::text(vault.rows.iter().map(|(_, _, original)| Some(original.as_str())))),
        ])?;
        Ok(Redacted { table: redacted, vault, findings })
    }

    fn parts_replaced(&self, column: &str, cell: &str, vault: &mut Vault) -> String {
        let (mut text, mut end) = (String::new(), 0);
        for (range, kind) in spans(cell) {
            text.push_str(&cell[end..range.start]);
            text.push_str(&self.replaced(column, kind, &cell[range.clone()], vault));
            end = range.end;
        }
        text.push_str(&cell[end..]);
        text
    }

    fn replaced(&self, column: &str, kind: PiiKind, original: &str, vault: &mut Vault) -> String {
        match self.of(column, kind) {
            PiiAction::Mask => format!("[{kind}]"),
            PiiAction::Hash => keyed_hash(self.key.as_deref().unwrap_or_default(), original.as_bytes()),
            PiiAction::Tokenise => vault.token(kind, original),
            // What is denied does not come here.
            PiiAction::Keep | PiiAction::Deny => original.to_owned(),
        }
    }
}

/// The first 128 bits of HMAC-SHA-256 (RFC 2104) in hexadecimal digits.
fn keyed_hash(key: &[u8], message: &[u8]) -> String {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    outer[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test cases 2 and 6 of RFC 4231.
    #[test]
    fn hashes_are_those_of_the_rfc() {
        assert_eq!(keyed_hash(b"Jefe", b"what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c7");
        let long = keyed_hash(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(long, "60e431591ee0b67f0d8a26aacbf5b77f");
    }
}
