//! Reports as HTML. All text goes through maud, which escapes it.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::document::{Block, Document, Level, TableBlock};

/// Nothing is loaded and nothing runs, whatever the data says.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// More rows than this are cut: the whole data belongs into a file.
const MOST_ROWS: usize = 500;

pub(crate) fn page(document: &Document) -> String {
    let sections: Vec<(usize, &String)> = document
        .blocks
        .iter()
        .enumerate()
        .filter_map(|(i, block)| if let Block::Section(heading) = block { Some((i, heading)) } else { None })
        .collect();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (visible(&document.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (visible(&document.title)) }
                    @if sections.len() > 2 {
                        nav { @for (i, heading) in &sections { a href=(format!("#s{i}")) { (visible(heading)) } } }
                    }
                    @for (i, block) in document.blocks.iter().enumerate() { (render(i, block)) }
                }
            }
        }
    };
    markup.into_string()
}

fn render(index: usize, block: &Block) -> Markup {
    html! {
        @match block {
            Block::Section(heading) => h2 id=(format!("s{index}")) { (visible(heading)) },
            Block::Subsection(heading) => h3 { (visible(heading)) },
            Block::Text(text) => p { (visible(text)) },
            Block::List(items) => ul { @for item in items { li { (visible(item)) } } },
            Block::Facts(facts) => dl { @for (name, value) in facts { div { dt { (visible(name)) } dd { (visible(value)) } } } },
            Block::Alert(level, text) => p class=(class(*level)) { (visible(text)) },
            Block::Table(table) => (render_table(table)),
            Block::Chart(chart) => figure {
                figcaption { (visible(&chart.title)) }
                (PreEscaped(visible(&crate::svg::draw(chart, false).into_string())))
                @if let Some(note) = &chart.note { p class="note" { (visible(note)) } }
            },
            Block::Code(code) => pre { code { (visible(code)) } },
            Block::Link(text, target) => p {
                @if leads_somewhere(target) { a href=(target) { (visible(text)) } } @else { (visible(text)) }
            },
        }
    }
}

fn render_table(table: &TableBlock) -> Markup {
    let numeric: Vec<bool> = (0..table.header.len())
        .map(|column| {
            let mut cells = table
                .rows
                .iter()
                .filter_map(|row| row.get(column))
                .filter(|cell| !cell.is_empty())
                .peekable();
            cells.peek().is_some()
                && cells.all(|cell| cell.starts_with(|c: char| c.is_ascii_digit() || "+-∞".contains(c)))
        })
        .collect();
    let number = |column: usize| numeric.get(column).copied().unwrap_or(false).then_some("number");
    html! {
        div class="scroll" {
            table {
                thead { tr { @for (i, name) in table.header.iter().enumerate() { th class=[number(i)] { (visible(name)) } } } }
                tbody {
                    @for row in table.rows.iter().take(MOST_ROWS) {
                        tr { @for (i, cell) in row.iter().enumerate() { td class=[number(i)] { (visible(cell)) } } }
                    }
                }
            }
        }
        @if table.rows.len() > MOST_ROWS {
            p class="note" { "The first " (MOST_ROWS) " of " (table.rows.len()) " rows." }
        }
    }
}

fn class(level: Level) -> &'static str {
    match level {
        Level::Good => "alert good",
        Level::Info => "alert info",
        Level::Warning => "alert warning",
        Level::Problem => "alert problem",
    }
}

/// Only plain relative paths and web addresses become links; a scheme such as `javascript:` does not.
pub(crate) fn leads_somewhere(target: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./#%".contains(c);
    target.starts_with("https://")
        || target.starts_with("http://")
        || (!target.is_empty() && target.chars().all(plain))
}

/// HTML has no way to write NUL, and characters that turn the direction of text hide what it says.
fn visible(text: &str) -> String {
    let hidden = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(|c: char| c == '\0' || hidden(c)) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| {
            if c == '\0' {
                "\u{fffd}".into()
            } else if hidden(c) {
                c.escape_unicode().to_string()
            } else {
                c.into()
            }
        })
        .collect()
}

const STYLE: &str = "
:root{--ink:#1c2330;--paper:#ffffff;--soft:#f4f6f9;--line:#dde2ea;--quiet:#5d6675;--accent:#2563c9}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ef;--paper:#14181f;--soft:#1d232d;--line:#333c4a;--quiet:#9aa4b4;--accent:#7fb0ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
main{max-width:860px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:28px;line-height:1.2;margin:0 0 16px;overflow-wrap:anywhere}
h2{font-size:20px;margin:40px 0 8px;padding-top:12px;border-top:1px solid var(--line)}
h3{font-size:16px;margin:24px 0 4px}
p,li{overflow-wrap:anywhere}
a{color:var(--accent)}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin:0 0 16px;font-size:14px}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(180px,1fr));gap:10px;margin:12px 0}
dl div{background:var(--soft);border-radius:6px;padding:8px 12px;overflow-wrap:anywhere}
dt{color:var(--quiet);font-size:12px}
dd{margin:0;font-weight:500}
.scroll{overflow-x:auto;margin:12px 0}
table{border-collapse:collapse;font-size:14px;min-width:50%}
th,td{text-align:left;padding:5px 14px 5px 0;border-bottom:1px solid var(--line);vertical-align:top;max-width:420px;overflow-wrap:anywhere}
th{color:var(--quiet);font-weight:600}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
figure{margin:16px 0 24px}
figcaption{font-weight:600;margin-bottom:4px}
svg{width:100%;height:auto;display:block}
pre{background:var(--soft);border-radius:6px;padding:12px;overflow-x:auto;font-size:13px}
.note{color:var(--quiet);font-size:13px;margin:4px 0}
.alert{background:var(--soft);border-left:4px solid var(--quiet);border-radius:4px;padding:8px 12px;margin:8px 0}
.good{border-color:#0d9373}.info{border-color:#2563c9}.warning{border-color:#e0a100}.problem{border-color:#d1373f}
";
