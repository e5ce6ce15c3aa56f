//! Pipelines as pictures.

use std::fmt::Write;

use perennial_core::Estimator;

/// What a pipeline is made of, as a picture: steps in a row, and the branches of [`Columns`](crate::Columns) side by side, however
/// they nest.
///
/// It is drawn from the names of the [`steps`](Estimator::steps), so every estimator has one.
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
///     n0 --> n1
///     n2["StandardScaler"]
///     n1 --> n2
///     n3["OneHotEncoder"]
///     n0 --> n3
///     n4(["side by side"])
///     n2 --> n4
///     n3 --> n4
/// "#
/// );
/// assert!(Diagram::of(&pipeline).to_svg().starts_with("<svg"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagram(Vec<Node>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Step(String),
    /// Rows of nodes that start from the same columns.
    Branches(Vec<Vec<Node>>),
}

impl Diagram {
    /// Of an estimator, a pipeline or a part of one.
    pub fn of<E: Estimator>(pipeline: &E) -> Self {
        Diagram(pipeline.steps().iter().map(|step| node(step)).collect())
    }

    /// A flow chart in the language of Mermaid, which Markdown viewers draw.
    pub fn to_mermaid(&self) -> String {
        let mut chart = Mermaid { text: "flowchart LR\n".to_owned(), next: 0 };
        let start = chart.place("rows", ["([", "])"], &[]);
        chart.row(&self.0, start);
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
        fn row(nodes: &[Node]) -> String {
            let word = |node: &Node| match node {
                Node::Step(name) => name.clone(),
                Node::Branches(rows) => {
                    format!("({})", rows.iter().map(|nodes| row(nodes)).collect::<Vec<_>>().join(" beside "))
                }
            };
            nodes.iter().map(word).collect::<Vec<_>>().join(", then ")
        }
        row(&self.0)
    }
}

/// A step, or the branches of a step that is called `Columns(first -> next; other)`.
fn node(step: &str) -> Node {
    let inner = step.strip_prefix("Columns(").and_then(|rest| rest.strip_suffix(')'));
    let rows = inner.and_then(|inner| split(inner, "; ")).map(|rows| {
        let row = |row: &str| split(row, " -> ").map(|steps| steps.into_iter().map(node).collect());
        rows.into_iter().map(row).collect::<Option<Vec<_>>>()
    });
    match rows.flatten() {
        Some(rows) => Node::Branches(rows),
        // A name that somebody gave may hold anything.
        None => Node::Step(step.to_owned()),
    }
}

/// The parts between separators that stand outside of parentheses; nothing where those do not match.
fn split<'a>(text: &'a str, separator: &str) -> Option<Vec<&'a str>> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, char) in text.char_indices() {
        match char {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ if depth == 0 && at >= start && text[at..].starts_with(separator) => {
                parts.push(&text[start..at]);
                start = at + separator.len();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (depth == 0).then_some(parts)
}

struct Mermaid {
    text: String,
    next: usize,
}

impl Mermaid {
    /// A new place with arrows from others; gives its number.
    fn place(&mut self, name: &str, [open, close]: [&str; 2], from: &[usize]) -> usize {
        let number = self.next;
        self.next += 1;
        // What could end the quotes or start an entity is written as one.
        let name = name.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;");
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.text, "    n{number}{open}\"{name}\"{close}");
        for from in from {
            let _ = writeln!(self.text, "    n{from} --> n{number}");
        }
        number
    }

    /// Places for nodes in a row; gives the last one.
    fn row(&mut self, nodes: &[Node], start: usize) -> usize {
        nodes.iter().fold(start, |from, node| match node {
            Node::Step(name) => self.place(name, ["[", "]"], &[from]),
            Node::Branches(rows) => {
                let ends: Vec<usize> = rows.iter().map(|nodes| self.row(nodes, from)).collect();
                self.place("side by side", ["([", "])"], &ends)
            }
        })
    }
}

const MARGIN: f64 = 12.0;
/// The height of a box, what lies between boxes in a row, and between rows.
const BOX: f64 = 30.0;
const BESIDE: f64 = 34.0;
const BELOW: f64 = 14.0;
/// The width of a letter at most, near enough.
const LETTER: f64 = 7.6;
/// Longer names are cut.
const LETTERS: usize = 48;

fn shown(name: &str) -> String {
    let mut short: String = name.chars().take(LETTERS).collect();
    if name.chars().count() > LETTERS {
        short.push('…');
    }
    short
}

/// The width and the height of nodes in a row.
fn size(nodes: &[Node]) -> (f64, f64) {
    let sizes = nodes.iter().map(|node| match node {
        Node::Step(name) => (shown(name).chars().count() as f64 * LETTER + 20.0, BOX),
        Node::Branches(rows) => {
            let sizes = rows.iter().map(|row| size(row));
            let (width, height) =
                sizes.fold((0.0_f64, -BELOW), |(width, height), (w, h)| (width.max(w), height + h + BELOW));
            (width + 2.0 * BESIDE, height.max(BOX))
        }
    });
    let (width, height) =
        sizes.fold((-BESIDE, BOX), |(width, height), (w, h)| (width + w + BESIDE, h.max(height)));
    (width.max(0.0), height)
}

/// Nodes in a row around a height, from a place to the right.
fn draw(svg: &mut String, nodes: &[Node], mut x: f64, middle: f64) {
    for (position, node) in nodes.iter().enumerate() {
        if position > 0 {
            arrow(svg, (x, middle), (x + BESIDE, middle), node);
            x += BESIDE;
        }
        let (width, height) = size(std::slice::from_ref(node));
        match node {
            Node::Step(name) => {
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{BOX}\" rx=\"5\" fill=\"#eef3fa\" stroke=\"#37618e\"/>\
                     <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#1b1b1f\">{}</text>",
                    middle - BOX / 2.0,
                    x + width / 2.0,
                    middle + 4.5,
                    escaped(&shown(name))
                );
            }
            Node::Branches(rows) => {
                let mut top = middle - height / 2.0;
                for row in rows {
                    let (row_width, row_height) = size(row);
                    let row_middle = top + row_height / 2.0;
                    let Some(first) = row.first() else { continue };
                    arrow(svg, (x, middle), (x + BESIDE, row_middle), first);
                    draw(svg, row, x + BESIDE, row_middle);
                    line(svg, (x + BESIDE + row_width, row_middle), (x + width - BESIDE, row_middle));
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
fn arrow(svg: &mut String, from: (f64, f64), (x, y): (f64, f64), to: &Node) {
    if matches!(to, Node::Branches(_)) {
        return line(svg, from, (x, y));
    }
    line(svg, from, (x - 5.0, y));
    let _ = writeln!(svg, "<path d=\"M{x:.1} {y:.1} l-8 -4 v8 z\" fill=\"#5d6472\"/>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
