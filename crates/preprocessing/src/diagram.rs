//! Pipelines as pictures.

use std::fmt::Write;

use perennial_core::{Estimator, Outline};

/// What a pipeline is made of, as a picture: steps in a row, and the branches of [`Columns`](crate::Columns) side by side, however
/// they nest, each with what picks its columns.
///
/// It is drawn from the [`outline`](Estimator::outline), so every estimator has one.
///
/// ```
/// use perennial_core::Estimator;
/// use perennial_preprocessing::{Columns, Diagram, OneHotEncoder, SimpleImputer, StandardScaler, numeric};
///
/// let pipeline = Columns::new()
///     .on(numeric(), SimpleImputer::median().then(StandardScaler::new()))
///     .on(["city"], OneHotEncoder::new());
/// assert_eq!(
///     Diagram::of(&pipeline).to_mermaid(),
///     r#"flowchart LR
///     n0(["rows"])
///     n1["SimpleImputer"]
///     n0 -->|"numeric"| n1
///     n2["StandardScaler"]
///     n1 --> n2
///     n3["OneHotEncoder"]
///     n0 -->|"city"| n3
///     n4(["side by side"])
///     n2 --> n4
///     n3 --> n4
/// "#
/// );
/// assert!(Diagram::of(&pipeline).to_svg().starts_with("<svg"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagram(Vec<Outline>);

impl Diagram {
    /// Of an estimator, a pipeline or a part of one.
    pub fn of<E: Estimator>(pipeline: &E) -> Self {
        Diagram(pipeline.outline())
    }

    /// A flow chart in the language of Mermaid, which Markdown viewers draw.
    pub fn to_mermaid(&self) -> String {
        let mut chart = Mermaid { text: "flowchart LR\n".to_owned(), next: 0 };
        let start = chart.place("rows", ["([", "])"], &[], "");
        chart.row(&self.0, start, "");
        chart.text
    }

    /// A picture that needs nothing beside it: no script, no font, no style sheet.
    pub fn to_svg(&self) -> String {
        let (width, height) = size(&self.0);
        let (width, height) = (width + 2.0 * MARGIN, height + 2.0 * MARGIN);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
             role=\"img\" font-family=\"sans-serif\" font-size=\"13\"><title>{}</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
            escaped(&self.words())
        );
        draw(&mut svg, &self.0, MARGIN, height / 2.0);
        svg + "</svg>\n"
    }

    /// The pipeline in one line, for those who do not see the picture.
    fn words(&self) -> String {
        fn row(nodes: &[Outline]) -> String {
            let word = |node: &Outline| match node {
                Outline::Step(name) => name.clone(),
                Outline::Branches(rows) => {
                    format!(
                        "({})",
                        rows.iter()
                            .map(|(takes, nodes)| format!("{takes}: {}", row(nodes)))
                            .collect::<Vec<_>>()
                            .join(" beside ")
                    )
                }
            };
            nodes.iter().map(word).collect::<Vec<_>>().join(", then ")
        }
        row(&self.0)
    }
}

struct Mermaid {
    text: String,
    next: usize,
}

impl Mermaid {
    /// A new place with arrows from others, one of which may say what goes along it; gives its number.
    fn place(&mut self, name: &str, [open, close]: [&str; 2], from: &[usize], takes: &str) -> usize {
        let number = self.next;
        self.next += 1;
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.text, "    n{number}{open}\"{}\"{close}", quotable(name));
        let label = if takes.is_empty() { String::new() } else { format!("|\"{}\"|", quotable(takes)) };
        for from in from {
            let _ = writeln!(self.text, "    n{from} -->{label} n{number}");
        }
        number
    }

    /// Places for nodes in a row, the first of which takes a part of what there is; gives the last one.
    fn row(&mut self, nodes: &[Outline], start: usize, takes: &str) -> usize {
        let mut takes = takes;
        let mut from = start;
        for node in nodes {
            from = match node {
                Outline::Step(name) => self.place(name, ["[", "]"], &[from], takes),
                Outline::Branches(rows) => {
                    if !takes.is_empty() {
                        from = self.place("rows", ["([", "])"], &[from], takes);
                    }
                    let ends: Vec<usize> =
                        rows.iter().map(|(takes, nodes)| self.row(nodes, from, takes)).collect();
                    self.place("side by side", ["([", "])"], &ends, "")
                }
            };
            takes = "";
        }
        from
    }
}

/// What could end the quotes or start an entity is written as one.
fn quotable(name: &str) -> String {
    name.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
}

const MARGIN: f64 = 12.0;
/// The height of a box, what lies between boxes in a row, and between rows.
const BOX: f64 = 30.0;
const BESIDE: f64 = 34.0;
const BELOW: f64 = 14.0;
/// The width of a letter at most, near enough, in a box and beside an arrow.
const LETTER: f64 = 7.6;
const SMALL_LETTER: f64 = 6.2;
/// Longer names are cut, and what branches take.
const LETTERS: usize = 48;
const FEW_LETTERS: usize = 24;

fn shown(name: &str, most: usize) -> String {
    let mut short: String = name.chars().take(most).collect();
    if name.chars().count() > most {
        short.push('…');
    }
    short
}

/// The way from the dot to the rows of branches, with room for what they take.
fn lead(rows: &[(String, Vec<Outline>)]) -> f64 {
    let letters = rows.iter().map(|(takes, _)| shown(takes, FEW_LETTERS).chars().count()).max().unwrap_or(0);
    BESIDE + letters as f64 * SMALL_LETTER
}

/// The width and the height of nodes in a row.
fn size(nodes: &[Outline]) -> (f64, f64) {
    let sizes = nodes.iter().map(|node| match node {
        Outline::Step(name) => (shown(name, LETTERS).chars().count() as f64 * LETTER + 20.0, BOX),
        Outline::Branches(rows) => {
            let sizes = rows.iter().map(|(_, row)| size(row));
            let (width, height) =
                sizes.fold((0.0_f64, -BELOW), |(width, height), (w, h)| (width.max(w), height + h + BELOW));
            (width + lead(rows) + BESIDE, height.max(BOX))
        }
    });
    let (width, height) =
        sizes.fold((-BESIDE, BOX), |(width, height), (w, h)| (width + w + BESIDE, h.max(height)));
    (width.max(0.0), height)
}

/// Nodes in a row around a height, from a place to the right.
fn draw(svg: &mut String, nodes: &[Outline], mut x: f64, middle: f64) {
    for (position, node) in nodes.iter().enumerate() {
        if position > 0 {
            arrow(svg, (x, middle), (x + BESIDE, middle), node);
            x += BESIDE;
        }
        let (width, height) = size(std::slice::from_ref(node));
        match node {
            Outline::Step(name) => {
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{BOX}\" rx=\"5\" fill=\"#eef3fa\" stroke=\"#37618e\"/>\
                     <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#1b1b1f\">{}</text>",
                    middle - BOX / 2.0,
                    x + width / 2.0,
                    middle + 4.5,
                    escaped(&shown(name, LETTERS))
                );
            }
            Outline::Branches(rows) => {
                let mut top = middle - height / 2.0;
                let lead = lead(rows);
                for (takes, row) in rows {
                    let (row_width, row_height) = size(row);
                    let row_middle = top + row_height / 2.0;
                    let Some(first) = row.first() else { continue };
                    arrow(svg, (x, middle), (x + lead, row_middle), first);
                    let _ = writeln!(
                        svg,
                        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"11\" fill=\"#5d6472\">{}</text>",
                        x + lead - 10.0,
                        row_middle - 5.0,
                        escaped(&shown(takes, FEW_LETTERS))
                    );
                    draw(svg, row, x + lead, row_middle);
                    line(svg, (x + lead + row_width, row_middle), (x + width - BESIDE, row_middle));
                    line(svg, (x + width - BESIDE, row_middle), (x + width, middle));
                    top += row_height + BELOW;
                }
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{x:.1}\" cy=\"{middle:.1}\" r=\"4\" fill=\"#37618e\"/>\
                     <circle cx=\"{:.1}\" cy=\"{middle:.1}\" r=\"4\" fill=\"#37618e\"/>",
                    x + width
                );
            }
        }
        x += width;
    }
}

/// A line that leaves and arrives level.
fn line(svg: &mut String, (x, y): (f64, f64), (to_x, to_y): (f64, f64)) {
    let half = f64::midpoint(x, to_x);
    let _ = writeln!(
        svg,
        "<path d=\"M{x:.1} {y:.1} C{half:.1} {y:.1} {half:.1} {to_y:.1} {to_x:.1} {to_y:.1}\" fill=\"none\" stroke=\"#5d6472\" stroke-width=\"1.5\"/>"
    );
}

/// A line to a node, with a head where the node is a box and not a dot.
fn arrow(svg: &mut String, from: (f64, f64), (x, y): (f64, f64), to: &Outline) {
    if matches!(to, Outline::Branches(_)) {
        return line(svg, from, (x, y));
    }
    line(svg, from, (x - 5.0, y));
    let _ = writeln!(svg, "<path d=\"M{x:.1} {y:.1} l-8 -4 v8 z\" fill=\"#5d6472\"/>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
