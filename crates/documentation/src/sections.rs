//! The sections of a card.

use std::collections::BTreeSet;

use perennial_deployment::{Artifact, DataRecord, Metric, Task};
use perennial_reporting::{Chart, Document, Point, Series, format_number};

/// The card as a report.
pub(crate) fn of(artifact: &Artifact) -> Document {
    let mut card = Document::new(format!("Model card: {}", artifact.name()));
    if let Some(description) = artifact.card("description") {
        card.text(description);
    }
    details(&mut card, artifact);
    intended_use(&mut card, artifact);
    factors(&mut card, artifact);
    metrics(&mut card, artifact);
    data(&mut card, artifact, "Evaluation data", "evaluation_data", false);
    data(&mut card, artifact, "Training data", "training_data", true);
    card.section("Ethical considerations");
    text(&mut card, artifact, "ethical_considerations");
    card.section("Caveats and limitations");
    text(&mut card, artifact, "limitations");
    text(&mut card, artifact, "caveats");
    card
}

fn text(card: &mut Document, artifact: &Artifact, field: &str) {
    if let Some(text) = artifact.card(field) {
        card.text(text);
    }
}

fn details(card: &mut Document, artifact: &Artifact) {
    card.section("Model details");
    let mut facts = vec![
        ("model", artifact.kind().to_owned()),
        ("version", artifact.version().to_owned()),
        ("content hash", artifact.content_hash()),
        ("library", format!("perennial {}", artifact.library_version())),
    ];
    match artifact.task() {
        Task::Regression => facts.push(("task", "regression".to_owned())),
        Task::Classification { classes } => {
            facts.push(("task", "classification".to_owned()));
            facts.push(("classes", classes.join(", ")));
        }
    }
    facts.extend(artifact.target().map(|target| ("target", target.to_owned())));
    facts.extend(artifact.seed().map(|seed| ("seed", seed.to_string())));
    let fields =
        [("owner", "owner"), ("licence", "licence"), ("contact", "contact"), ("citation", "citation")];
    facts.extend(fields.iter().filter_map(|(name, field)| Some((*name, artifact.card(field)?.to_owned()))));
    card.facts(facts);
    if !artifact.parameters().is_empty() {
        card.subsection("Parameters");
        card.facts(artifact.parameters().iter().cloned());
    }
    card.subsection("Inputs");
    let rows = artifact.input().columns().iter().map(|field| {
        let missing = if field.nullable { "yes" } else { "no" };
        [field.name.clone(), field.column_type.to_string(), missing.to_owned()]
    });
    card.table(["column", "type", "may be missing"], rows);
}

fn intended_use(card: &mut Document, artifact: &Artifact) {
    card.section("Intended use");
    text(card, artifact, "intended_use");
    if !artifact.facts().is_empty() {
        card.subsection("The problem");
        card.facts(artifact.facts().iter().cloned());
    }
    card.subsection("Out of scope");
    match artifact.card("out_of_scope_use") {
        Some(text) => card.text(text),
        None => card.text("Nothing was written about uses that are out of scope."),
    }
}

fn factors(card: &mut Document, artifact: &Artifact) {
    card.section("Factors");
    text(card, artifact, "factors");
    let slices: BTreeSet<&str> =
        artifact.metrics().iter().filter_map(|metric| metric.slice.as_deref()).collect();
    if slices.is_empty() {
        card.text("The model was not measured on slices of the data.");
    } else {
        card.text("The model was measured on these slices of the data:");
        card.list(slices);
    }
}

fn metrics(card: &mut Document, artifact: &Artifact) {
    card.section("Metrics");
    let metrics = artifact.metrics();
    if metrics.is_empty() {
        card.text("Nothing was measured.");
        return;
    }
    let rows = metrics.iter().map(|metric| {
        let interval = metric.interval.map_or_else(
            || "none".to_owned(),
            |(low, high, level)| {
                let percent = format_number(level * 100.0);
                format!("{} to {} ({percent}%)", format_number(low), format_number(high))
            },
        );
        let slice = metric.slice.clone().unwrap_or_else(|| "all".to_owned());
        [metric.name.clone(), slice, format_number(metric.estimate), interval]
    });
    card.table(["metric", "slice", "estimate", "interval"], rows);
    let sliced: BTreeSet<&str> =
        metrics.iter().filter(|metric| metric.slice.is_some()).map(|metric| metric.name.as_str()).collect();
    for name in sliced {
        card.chart(by_slice(name, metrics));
    }
}

fn by_slice(name: &str, metrics: &[Metric]) -> Chart {
    let measured: Vec<&Metric> = metrics.iter().filter(|metric| metric.name == name).collect();
    let labels = measured.iter().map(|metric| metric.slice.as_deref().unwrap_or("all"));
    let points = measured.iter().enumerate().map(|(position, metric)| Point {
        x: position as f64,
        y: metric.estimate,
        bounds: metric.interval.map(|(low, high, _)| (low, high)),
    });
    let series = Series { name: name.to_owned(), points: points.collect() };
    Chart::bar(format!("{name} by slice"), labels).y(name).series(series)
}

fn data(card: &mut Document, artifact: &Artifact, heading: &str, field: &str, training: bool) {
    card.section(heading);
    text(card, artifact, field);
    let records: Vec<&DataRecord> =
        artifact.data().iter().filter(|data| data.name.starts_with("train") == training).collect();
    if records.is_empty() {
        card.text("No such data was recorded.");
        return;
    }
    let rows = records
        .iter()
        .map(|data| [data.name.clone(), data.n_rows.to_string(), data.n_cols.to_string(), data.hash.clone()]);
    card.table(["data", "rows", "columns", "SHA-256 of the content"], rows);
}
