//! Trees to read: as text, and as a drawing by Graphviz.

use std::fmt::Write;

use perennial_core::Features;

use super::structure::Tree;

/// The position of the largest value; the first of equals.
pub(crate) fn largest(value: &[f64]) -> usize {
    (0..value.len()).fold(0, |best, index| if value[index] > value[best] { index } else { best })
}

/// A number with the digits that matter to a reader.
pub(super) fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e6).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What a leaf of a regression says.
pub(super) fn number(value: &[f64]) -> String {
    short(value.first().copied().unwrap_or(0.0))
}

/// What a leaf of a classification says.
pub(super) fn class(value: &[f64], names: &[String]) -> String {
    let shares: Vec<String> = value.iter().map(|share| short(*share)).collect();
    format!("{} ({})", names.get(largest(value)).map_or("?", String::as_str), shares.join(", "))
}

/// What a node asks, and its opposite.
pub(super) fn answers(tree: &Tree, node: usize, name: &str) -> (String, String) {
    match tree.categories(node) {
        Some(categories) => {
            let list: Vec<String> = categories.iter().map(u32::to_string).collect();
            let list = list.join(", ");
            (format!("{name} in {{{list}}}"), format!("{name} not in {{{list}}}"))
        }
        None => {
            let threshold = short(tree.threshold(node));
            (format!("{name} <= {threshold}"), format!("{name} > {threshold}"))
        }
    }
}

/// The tree in lines: a question, what follows from it one step further in, and its opposite.
pub(super) fn to_text(tree: &Tree, features: &Features, says: impl Fn(&[f64]) -> String) -> String {
    let mut text = String::new();
    let mut line = |depth: usize, what: &str| {
        text.push_str(&"|   ".repeat(depth));
        text.push_str(what);
        text.push('\n');
    };
    let mut waiting = vec![(0, 0, None::<String>)];
    while let Some((node, depth, question)) = waiting.pop() {
        if let Some(question) = question {
            line(depth - 1, &question);
        }
        match (tree.feature(node), tree.children(node)) {
            (Some(feature), Some((left, right))) => {
                let (yes, no) = answers(tree, node, features.name(feature));
                waiting.push((right, depth + 1, Some(no)));
                waiting.push((left, depth + 1, Some(yes)));
            }
            _ => line(depth, &format!("{}, {} rows", says(tree.value(node)), tree.n_rows(node))),
        }
    }
    text
}

/// The tree as a directed graph.
pub(super) fn to_dot(tree: &Tree, features: &Features, says: impl Fn(&[f64]) -> String) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
    let mut dot = String::from("digraph tree {\n  node [shape=box];\n");
    for node in 0..tree.n_nodes() {
        let said = format!("{}, {} rows", says(tree.value(node)), tree.n_rows(node));
        let label = match tree.feature(node) {
            Some(feature) => {
                let (question, _) = answers(tree, node, features.name(feature));
                format!("{}\\n{}", quoted(&question), quoted(&said))
            }
            None => quoted(&said),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(dot, "  {node} [label=\"{label}\"];");
        if let Some((left, right)) = tree.children(node) {
            let _ = writeln!(dot, "  {node} -> {left} [label=yes];\n  {node} -> {right} [label=no];");
        }
    }
    dot.push_str("}\n");
    dot
}
