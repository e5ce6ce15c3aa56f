//! Reports as data: headings, text, tables, charts.

use serde::{Deserialize, Serialize};

use crate::Chart;

/// A report as data, which renders to one HTML page without any network, to Markdown, and to JSON.
///
/// ```
/// use perennial_reporting::{Chart, Document, Level, Series};
///
/// let mut report = Document::new("Ride demand");
/// report.text("The next hour's rides, from weather and time.");
/// report.facts([("rows", "8,645"), ("columns", "15")]);
/// report.alert(Level::Warning, "hum is constant in the last week");
/// report.table(["model", "MAE"], [["ridge", "74.1"], ["tree", "61.3"]]);
/// report.chart(Chart::line("MAE by week").series(Series::values("tree", &[60.0, 61.0, 63.0])));
/// assert!(report.to_html().contains("<svg"));
/// assert!(report.to_markdown().contains("| tree | 61.3 |"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The title of the page.
    pub title: String,
    /// What stands below it, in order.
    pub blocks: Vec<Block>,
}

/// One part of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "content")]
#[non_exhaustive]
pub enum Block {
    /// A heading of a section.
    Section(String),
    /// A heading below a section.
    Subsection(String),
    /// A paragraph.
    Text(String),
    /// A list of short lines.
    List(Vec<String>),
    /// Names and values.
    Facts(Vec<(String, String)>),
    /// Something the reader should not miss.
    Alert(Level, String),
    /// Rows and columns.
    Table(TableBlock),
    /// A picture.
    Chart(Chart),
    /// Text as it is, in a fixed width.
    Code(String),
    /// A link: what it says, where it leads. Only relative paths, `http:` and `https:` lead anywhere.
    Link(String, String),
}

/// How bad an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good news.
    Good,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Needs action.
    Problem,
}

/// Rows and columns of text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableBlock {
    /// The names of the columns.
    pub header: Vec<String>,
    /// The rows; each as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Document {
    /// A report with only a title.
    pub fn new(title: impl Into<String>) -> Self {
        Document { title: title.into(), blocks: Vec::new() }
    }

    /// Starts a section.
    pub fn section(&mut self, heading: impl Into<String>) {
        self.blocks.push(Block::Section(heading.into()));
    }

    /// Starts a part of a section.
    pub fn subsection(&mut self, heading: impl Into<String>) {
        self.blocks.push(Block::Subsection(heading.into()));
    }

    /// Adds a paragraph.
    pub fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    /// Adds a list.
    pub fn list<S: Into<String>>(&mut self, items: impl IntoIterator<Item = S>) {
        self.blocks.push(Block::List(items.into_iter().map(Into::into).collect()));
    }

    /// Adds names and values.
    pub fn facts<K: Into<String>, V: Into<String>>(&mut self, facts: impl IntoIterator<Item = (K, V)>) {
        self.blocks
            .push(Block::Facts(facts.into_iter().map(|(name, value)| (name.into(), value.into())).collect()));
    }

    /// Adds something the reader should not miss.
    pub fn alert(&mut self, level: Level, text: impl Into<String>) {
        self.blocks.push(Block::Alert(level, text.into()));
    }

    /// Adds a table.
    pub fn table<H, R, C>(&mut self, header: impl IntoIterator<Item = H>, rows: impl IntoIterator<Item = R>)
    where
        H: Into<String>,
        R: IntoIterator<Item = C>,
        C: Into<String>,
    {
        let header: Vec<String> = header.into_iter().map(Into::into).collect();
        let rows = rows.into_iter().map(|row| row.into_iter().map(Into::into).collect()).collect();
        self.blocks.push(Block::Table(TableBlock { header, rows }));
    }

    /// Adds a picture.
    pub fn chart(&mut self, chart: Chart) {
        self.blocks.push(Block::Chart(chart));
    }

    /// Adds text as it is.
    pub fn code(&mut self, code: impl Into<String>) {
        self.blocks.push(Block::Code(code.into()));
    }

    /// Adds a link.
    pub fn link(&mut self, text: impl Into<String>, target: impl Into<String>) {
        self.blocks.push(Block::Link(text.into(), target.into()));
    }

    /// Adds all blocks of another report.
    pub fn append(&mut self, other: Document) {
        self.blocks.extend(other.blocks);
    }

    /// The report as one HTML page that needs no network and runs no script.
    pub fn to_html(&self) -> String {
        crate::html::page(self)
    }

    /// The report as Markdown; charts become their titles.
    pub fn to_markdown(&self) -> String {
        crate::markdown::page(self)
    }

    /// The report as JSON, with all numbers of its charts.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
