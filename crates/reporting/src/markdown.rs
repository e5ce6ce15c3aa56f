//! Reports as Markdown.

use std::fmt::Write;

use crate::document::{Block, Document, Level};
use crate::html::leads_somewhere;

pub(crate) fn page(document: &Document) -> String {
    let mut out = format!("# {}\n", plain(&document.title));
    for block in &document.blocks {
        out.push('\n');
        let _ = match block {
            Block::Section(heading) => writeln!(out, "## {}", plain(heading)),
            Block::Subsection(heading) => writeln!(out, "### {}", plain(heading)),
            Block::Text(text) => writeln!(out, "{}", plain(text)),
            Block::List(items) => items.iter().try_for_each(|item| writeln!(out, "- {}", plain(item))),
            Block::Facts(facts) => facts
                .iter()
                .try_for_each(|(name, value)| writeln!(out, "- **{}**: {}", plain(name), plain(value))),
            Block::Alert(level, text) => writeln!(out, "> **{}** {}", word(*level), plain(text)),
            Block::Table(table) => {
                let row =
                    |cells: &[String]| cells.iter().map(|cell| plain(cell)).collect::<Vec<_>>().join(" | ");
                let _ = writeln!(out, "| {} |", row(&table.header));
                let _ = writeln!(out, "|{}", "---|".repeat(table.header.len()));
                table.rows.iter().try_for_each(|cells| writeln!(out, "| {} |", row(cells)))
            }
            Block::Chart(chart) => writeln!(out, "*Figure: {}*", plain(&chart.title)),
            Block::Code(code) => {
                // A fence longer than any run of backticks inside.
                let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
                let fence = "`".repeat(longest.max(2) + 1);
                writeln!(out, "{fence}\n{code}\n{fence}")
            }
            Block::Link(text, target) => {
                if leads_somewhere(target) {
                    writeln!(out, "[{}]({})", plain(text), escape_target(target))
                } else {
                    writeln!(out, "{}", plain(text))
                }
            }
        };
    }
    out
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Good => "Good.",
        Level::Info => "Note.",
        Level::Warning => "Warning.",
        Level::Problem => "Problem.",
    }
}

/// One line in which nothing is markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // At the start of a line some characters make lists, rules and headings.
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = &text[digits..];
    let starts_list = digits == 0
        && rest.starts_with(['-', '+'])
        && !rest[1..].starts_with(|c: char| c != '-' && !c.is_whitespace());
    let numbers_list =
        digits > 0 && rest.starts_with(['.', ')']) && !rest[1..].starts_with(|c: char| !c.is_whitespace());
    for (place, c) in text.char_indices() {
        if place == digits && (starts_list || numbers_list) {
            out.push('\\');
        }
        match c {
            '\n' | '\r' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' => {
                out.push('\\');
                out.push(c);
            }
            '\0' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

/// The target with what would end or break a link written as bytes of the address.
fn escape_target(target: &str) -> String {
    target.chars().fold(String::with_capacity(target.len()), |mut out, c| {
        if c.is_ascii_control() || "()<> \"\\`|".contains(c) {
            let _ = write!(out, "%{:02X}", c as u32);
        } else {
            out.push(c);
        }
        out
    })
}
