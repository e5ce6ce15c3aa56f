//! YAML in front of the card, as the Hugging Face Hub reads it.

use std::fmt::Write;

use perennial_deployment::{Artifact, Task};

/// The front matter with its fences.
pub(crate) fn of(artifact: &Artifact) -> String {
    let task = match artifact.task() {
        Task::Regression => "tabular-regression",
        Task::Classification { .. } => "tabular-classification",
    };
    let mut out = String::from("---\n");
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("license: {}", quoted(artifact.card("licence").unwrap_or_default())));
    line("library_name: perennial".to_owned());
    line(format!("pipeline_tag: {task}"));
    line("tags:".to_owned());
    line("- perennial".to_owned());
    line(format!("- {task}"));
    if !artifact.metrics().is_empty() {
        line("model-index:".to_owned());
        line(format!("- name: {}", quoted(artifact.name())));
        line("  results:".to_owned());
        line(format!("  - task:\n      type: {task}"));
        let data = artifact.data().iter().find(|data| !data.name.starts_with("train"));
        let (name, revision) = data.map_or(("not recorded", None), |data| (&data.name, Some(&data.hash)));
        line(format!("    dataset:\n      name: {}\n      type: tabular", quoted(name)));
        if let Some(revision) = revision {
            line(format!("      revision: {}", quoted(revision)));
        }
        line("    metrics:".to_owned());
        for metric in artifact.metrics() {
            let slice = metric.slice.as_ref().map(|slice| format!(" ({slice})")).unwrap_or_default();
            line(format!("    - type: {}", quoted(&metric.name)));
            line(format!("      name: {}", quoted(&format!("{}{slice}", metric.name))));
            line(format!("      value: {}", number(metric.estimate)));
        }
    }
    out.push_str("---\n");
    out
}

/// A text in double quotes. JSON is YAML, but for characters that YAML takes for the end of a line or refuses.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\u{2028}' | '\u{2029}' | '\u{feff}' => push_code(&mut out, character),
            character if character.is_control() => push_code(&mut out, character),
            character => out.push(character),
        }
    }
    out.push('"');
    out
}

fn push_code(out: &mut String, character: char) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "\\u{:04x}", u32::from(character));
}

/// A number that reads as one in every version of YAML: `1e-300` would be a text in 1.1.
fn number(value: f64) -> String {
    let text = format!("{value:?}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}
