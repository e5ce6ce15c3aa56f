//! The preview of a table.

use std::fmt;

use crate::{Column, ColumnType, Table};

const ROWS: usize = 10;
const COLUMNS: usize = 12;
const WIDTH: usize = 24;

/// The first rows under names and types, in aligned columns. Control characters are shown as escapes.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<(&str, &Column)> = self.columns().take(COLUMNS).collect();
        let n_rows = self.n_rows().min(ROWS);
        let texts: Vec<Vec<String>> = shown
            .iter()
            .map(|(name, column)| {
                let cells =
                    (0..n_rows).map(|row| column.cell(row).map_or("-".into(), |cell| printable(&cell)));
                [printable(name), column.column_type().to_string()].into_iter().chain(cells).collect()
            })
            .collect();
        for line in 0..n_rows + 2 {
            let mut text = String::new();
            for ((_, column), cells) in shown.iter().zip(&texts) {
                let width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
                let right = matches!(column.column_type(), ColumnType::Integer | ColumnType::Real);
                let cell = &cells[line];
                text += &if right { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        write!(f, "{} rows, {} columns", self.n_rows(), self.n_cols())
    }
}

fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (count, symbol) in text.chars().enumerate() {
        if count == WIDTH {
            shown.push('…');
            break;
        }
        // Controls that reorder text could make a cell look like another one.
        let reorders =
            matches!(symbol, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match symbol.is_control() || reorders {
            true => shown.extend(symbol.escape_default()),
            false => shown.push(symbol),
        }
    }
    shown
}
