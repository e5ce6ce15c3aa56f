//! A fingerprint of the contents of a table.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::column::Data;
use crate::{Category, Column, Table};

/// The SHA-256, in hexadecimal digits, of names, types and cells.
///
/// Equal tables have equal hashes wherever their rows came from: the order of the levels of a category
/// column, levels without rows, slices and the number of threads do not matter. The order of rows and of
/// columns does.
///
/// ```
/// use perennial_data::{Column, Table, content_hash};
///
/// let one = Table::new([("city", Column::category(["b", "a"]))])?;
/// let other = Table::new([("city", Column::category_codes([0, 1], &["b", "a", "never"])?)])?;
/// assert_eq!(content_hash(&one), content_hash(&other));
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn content_hash(table: &Table) -> String {
    let columns: Vec<(&str, &Column)> = table.columns().collect();
    let digests: Vec<_> = columns.par_iter().map(|(name, column)| column_digest(name, column)).collect();
    let mut hash = Sha256::new();
    hash.update(b"perennial table 1");
    hash.update((table.n_rows() as u64).to_le_bytes());
    hash.update((columns.len() as u64).to_le_bytes());
    for digest in digests {
        hash.update(digest);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that are hashed at once instead of cell by cell.
struct Buffered {
    hash: Sha256,
    buffer: Vec<u8>,
}

impl Buffered {
    fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= 1 << 16 {
            self.hash.update(&self.buffer);
            self.buffer.clear();
        }
    }

    /// A text with its length, so that neighbours cannot trade bytes.
    fn text(&mut self, text: &str) {
        self.push(&(text.len() as u64).to_le_bytes());
        self.push(text.as_bytes());
    }

    /// One byte for missing or present, then the cell.
    fn cell<const N: usize>(&mut self, cell: Option<[u8; N]>) {
        match cell {
            None => self.push(&[0]),
            Some(bytes) => {
                self.push(&[1]);
                self.push(&bytes);
            }
        }
    }
}

fn column_digest(name: &str, column: &Column) -> impl AsRef<[u8]> + Send + use<> {
    let mut out = Buffered { hash: Sha256::new(), buffer: Vec::new() };
    out.text(name);
    out.text(&column.column_type().to_string());
    match &column.0 {
        Data::Text(array) => {
            for cell in array {
                out.cell(cell.map(|text| (text.len() as u64).to_le_bytes()));
                out.push(cell.unwrap_or_default().as_bytes());
            }
        }
        Data::Category(category) => category_cells(&mut out, category),
        Data::Integer(array) => array.iter().for_each(|cell| out.cell(cell.map(i64::to_le_bytes))),
        Data::Real(array) => array.iter().for_each(|cell| out.cell(cell.map(f64::to_le_bytes))),
        Data::Boolean(array) => array.iter().for_each(|cell| out.cell(cell.map(|cell| [u8::from(cell)]))),
        Data::Date(array) => array.iter().for_each(|cell| out.cell(cell.map(i32::to_le_bytes))),
        Data::DateTime(array) => array.iter().for_each(|cell| out.cell(cell.map(i64::to_le_bytes))),
    }
    out.hash.update(&out.buffer);
    out.hash.finalize()
}

/// Levels that have rows, sorted, then codes into that list.
fn category_cells(out: &mut Buffered, category: &Category) {
    let mut used = vec![false; category.n_levels()];
    category.codes().flatten().for_each(|code| used[code as usize] = true);
    let mut levels: Vec<(&str, usize)> = category.levels().zip(0..).filter(|&(_, code)| used[code]).collect();
    levels.sort_unstable();
    let mut moved = vec![0_u32; category.n_levels()];
    out.push(&(levels.len() as u64).to_le_bytes());
    for (position, (level, code)) in levels.into_iter().enumerate() {
        out.text(level);
        moved[code] = position as u32;
    }
    category.codes().for_each(|code| out.cell(code.map(|code| moved[code as usize].to_le_bytes())));
}
