//! A picture of a tree.

use std::fmt::Write;

use perennial_core::Features;

use super::structure::Tree;
use super::text::{answers, largest, short};

/// The most nodes that stand side by side; below, the tree is only counted.
const WIDEST: usize = 32;
const BOX: [f64; 2] = [150.0, 58.0];
const GAP: [f64; 2] = [14.0, 46.0];
/// Colours that can be told apart, also by the colour-blind (Okabe and Ito, 2008).
const COLOURS: [[f64; 3]; 7] = [
    [230.0, 159.0, 0.0],
    [86.0, 180.0, 233.0],
    [0.0, 158.0, 115.0],
    [204.0, 121.0, 167.0],
    [0.0, 114.0, 178.0],
    [213.0, 94.0, 0.0],
    [240.0, 228.0, 66.0],
];

/// Where the nodes that are drawn stand: the middle of the top of each box.
struct Layout {
    at: Vec<Option<[f64; 2]>>,
    width: f64,
    height: f64,
}

/// The levels that are drawn: as many as keep the picture readable.
fn n_levels(tree: &Tree) -> usize {
    let mut level = vec![0];
    let mut n_levels = 1;
    let mut n_ended = 0;
    loop {
        let below: Vec<usize> = level
            .iter()
            .filter_map(|&node| tree.children(node))
            .flat_map(|(left, right)| [left, right])
            .collect();
        n_ended += level.len() - below.len() / 2;
        if below.is_empty() || (n_ended + below.len() > WIDEST && n_levels > 1) {
            return n_levels;
        }
        n_levels += 1;
        level = below;
    }
}

fn lay_out(tree: &Tree) -> Layout {
    let n_levels = n_levels(tree);
    let mut depths = vec![0; tree.n_nodes()];
    let mut at = vec![None; tree.n_nodes()];
    let (mut next, mut deepest) = (GAP[0], 0.0);
    // Parents come before their children, so boxes at the bottom are placed from the left, and parents from the end.
    for node in 0..tree.n_nodes() {
        let below = tree.children(node).filter(|_| depths[node] + 1 < n_levels);
        let y = GAP[0] + depths[node] as f64 * (BOX[1] + GAP[1]);
        if let Some((left, right)) = below {
            depths[left] = depths[node] + 1;
            depths[right] = depths[node] + 1;
        } else if depths[node] != usize::MAX {
            at[node] = Some([next + BOX[0] / 2.0, y]);
            next += BOX[0] + GAP[0];
            deepest = f64::max(deepest, y);
        }
        if let (None, Some((left, right))) = (below, tree.children(node)) {
            depths[left] = usize::MAX;
            depths[right] = usize::MAX;
        }
    }
    for node in (0..tree.n_nodes()).rev().filter(|&node| depths[node] != usize::MAX) {
        if let Some((left, right)) = tree.children(node)
            && let (None, Some(a), Some(b)) = (at[node], at[left], at[right])
        {
            at[node] = Some([a[0].midpoint(b[0]), a[1] - BOX[1] - GAP[1]]);
        }
    }
    Layout { at, width: next, height: deepest + BOX[1] + GAP[0] }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What fits into a box.
fn fitting(text: &str) -> String {
    const LONGEST: usize = 23;
    if text.chars().count() <= LONGEST {
        return escaped(text);
    }
    let head: String = text.chars().take(LONGEST - 1).collect();
    format!("{}…", escaped(&head))
}

/// A colour mixed with white: `strength` 0 is white.
fn mixed(colour: [f64; 3], strength: f64) -> String {
    let part = |channel: f64| (255.0 + (channel - 255.0) * strength.clamp(0.0, 1.0)).round();
    format!("rgb({},{},{})", part(colour[0]), part(colour[1]), part(colour[2]))
}

/// The lines of a node, and its colour.
fn says(tree: &Tree, node: usize, classes: Option<&[String]>, range: [f64; 2]) -> (String, String) {
    let value = tree.value(node);
    match classes {
        Some(names) => {
            let best = largest(value);
            let even = 1.0 / value.len() as f64;
            let strength = if value.len() < 2 { 1.0 } else { (value[best] - even) / (1.0 - even) };
            let share = format!(
                "{} {}%",
                names.get(best).map_or("?", String::as_str),
                short((1000.0 * value[best]).round() / 10.0)
            );
            (share, mixed(COLOURS[best % COLOURS.len()], 0.1 + 0.7 * strength))
        }
        None => {
            let [low, high] = range;
            let place =
                if high > low { (value[0] / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) } else { 0.5 };
            (short(value[0]), mixed(COLOURS[1], 0.1 + 0.7 * place))
        }
    }
}

/// The tree as an image: each box says what is asked, what its rows say, and how many they are; "yes" is on the left.
pub(super) fn to_svg(tree: &Tree, features: &Features, classes: Option<&[String]>) -> String {
    let layout = lay_out(tree);
    let values = (0..tree.n_nodes()).map(|node| tree.value(node)[0]);
    let range = values
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)]);
    let (width, height) = (layout.width, layout.height);
    let mut lines = String::new();
    let mut boxes = String::new();
    for (node, place) in layout.at.iter().enumerate() {
        let &Some([x, y]) = place else { continue };
        let drawn = tree.children(node).and_then(|(left, right)| Some((layout.at[left]?, layout.at[right]?)));
        if let Some((left, right)) = drawn {
            for (child, word) in [(left, "yes"), (right, "no")] {
                let (from, to) = (y + BOX[1], child[1]);
                let middle = from.midpoint(to);
                // Writing to a string cannot fail.
                let _ = writeln!(
                    lines,
                    r##"<path d="M{x:.1} {from:.1}C{x:.1} {middle:.1} {0:.1} {middle:.1} {0:.1} {to:.1}" fill="none" stroke="#888"/><text x="{1:.1}" y="{2:.1}" fill="#555">{word}</text>"##,
                    child[0],
                    x.midpoint(child[0]) + if word == "yes" { -14.0 } else { 14.0 },
                    middle - 4.0
                );
            }
        }
        let (said, colour) = says(tree, node, classes, range);
        let question = tree.feature(node).map(|feature| answers(tree, node, features.name(feature)).0);
        let below = match (&question, drawn) {
            (Some(_), None) => ", more below",
            _ => "",
        };
        let rows = format!("{} rows{below}", tree.n_rows(node));
        let texts = [question.as_deref().unwrap_or(""), &said, &rows];
        let _ = writeln!(
            boxes,
            r##"<rect x="{:.1}" y="{y:.1}" width="{}" height="{}" rx="6" fill="{colour}" stroke="#555"/>"##,
            x - BOX[0] / 2.0,
            BOX[0],
            BOX[1]
        );
        let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        let first = y + BOX[1] / 2.0 + 4.5 - 8.0 * (texts.len() - 1) as f64;
        for (line, text) in texts.into_iter().enumerate() {
            let weight = if line == 0 { " font-weight=\"bold\"" } else { "" };
            let _ = writeln!(
                boxes,
                r##"<text x="{x:.1}" y="{:.1}"{weight}><title>{}</title>{}</text>"##,
                first + 16.0 * line as f64,
                escaped(text),
                fitting(text)
            );
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"12\" text-anchor=\"middle\">\n\
         <title>A tree of {} nodes</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{lines}<g fill=\"#111\">\n{boxes}</g></svg>\n",
        tree.n_nodes()
    )
}
