//! Text from data never becomes markup.

use std::path::Path;

use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use perennial_reporting::{Chart, Document, Level, Series};

/// A report with the text in every slot there is.
fn report(text: &str) -> Document {
    let mut document = Document::new(text);
    document.section(text);
    document.subsection(text);
    document.text(text);
    document.list([text]);
    document.facts([(text, text)]);
    document.alert(Level::Problem, text);
    document.table([text], [[text]]);
    document.code(text);
    document.link(text, text);
    let series = || Series::values(text, &[1.0, 2.0]);
    for chart in [
        Chart::line(text).x(text).y(text).note(text).series(series()).series(series()),
        Chart::bar(text, [text, text]).series(series()),
        Chart::heatmap(text, [text], [text], vec![vec![1.0]]),
        Chart::histogram(text, &[0.0, 1.0, 2.0]).series(series()),
    ] {
        document.chart(chart);
    }
    document
}

/// Element names and attribute names in order, and all text.
fn shape(node: &Handle, tags: &mut Vec<String>, text: &mut String) {
    match &node.data {
        NodeData::Element { name, attrs, .. } => {
            let names: Vec<String> = attrs.borrow().iter().map(|attr| attr.name.local.to_string()).collect();
            tags.push(format!("{} {}", name.local, names.join(" ")));
            for attr in attrs.borrow().iter() {
                let value = attr.value.trim().to_ascii_lowercase();
                let link = matches!(&*attr.name.local, "href" | "src");
                assert!(!(link && value.starts_with("javascript:")), "a link runs code: {value}");
            }
        }
        NodeData::Text { contents } => text.push_str(&contents.borrow()),
        NodeData::Comment { .. } => tags.push("comment".into()),
        _ => {}
    }
    for child in node.children.borrow().iter() {
        shape(child, tags, text);
    }
}

fn parse(html: &str) -> (Vec<String>, String) {
    let dom = parse_document(RcDom::default(), ParseOpts::default()).one(html);
    let (mut tags, mut text) = (Vec::new(), String::new());
    shape(&dom.document, &mut tags, &mut text);
    (tags, text)
}

#[test]
fn no_text_adds_an_element_or_an_attribute() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/bad_inputs.json");
    let Ok(file) = std::fs::read_to_string(&file) else {
        println!("skipped: the shared fixtures are not there");
        return;
    };
    let cases: serde_json::Value = serde_json::from_str(&file).unwrap();
    let harmless = parse(&report("a b").to_html()).0;
    let mut tried = 0;
    for case in cases["cases"].as_array().unwrap() {
        let (Some(text), Some("html_report")) = (case["text"].as_str(), case["target"].as_str()) else {
            continue;
        };
        let html = report(text).to_html();
        let (tags, seen) = parse(&html);
        let links =
            |tags: &[String]| tags.iter().filter(|tag| !tag.starts_with("a ")).cloned().collect::<Vec<_>>();
        assert_eq!(links(&tags), links(&harmless), "{}", case["id"]);
        assert!(seen.contains(&text.replace('\0', "\u{fffd}")), "{} is not shown as it is", case["id"]);
        assert!(!html.contains("<script"));
        tried += 1;
    }
    assert!(tried >= 12, "only {tried} cases were found");
}

#[test]
fn text_that_turns_its_direction_is_written_out() {
    let html = report("a\u{202e}b").to_html();
    assert!(html.contains("\\u{202e}"));
}

#[test]
fn markdown_links_lead_where_html_links_do() {
    for target in ["javascript:alert`1`", "data:text/html,x", "vbscript:x", "http://a/)![x](http://b"] {
        let mut document = Document::new("links");
        document.link("click", target);
        let markdown = document.to_markdown();
        let leads = target.starts_with("http");
        assert_eq!(markdown.matches("](").count(), usize::from(leads), "{markdown}");
    }
    let mut document = Document::new("links");
    document.link("page", "https://example.org/a_(b)?c=d");
    assert!(document.to_markdown().contains("[page](https://example.org/a_%28b%29?c=d)"));
}

#[test]
fn markdown_text_starts_no_block_and_keeps_its_characters() {
    for (text, escaped) in [
        ("- item", "\\- item"),
        ("1986. A year", "1986\\. A year"),
        ("---", "\\---"),
        ("a&lt;b", "a\\&lt;b"),
        ("~~x~~", "\\~\\~x\\~\\~"),
        ("-3", "-3"),
    ] {
        let mut document = Document::new("t");
        document.text(text);
        assert_eq!(document.to_markdown(), format!("# t\n\n{escaped}\n"));
    }
}

#[test]
fn a_picture_holds_no_character_that_xml_forbids() {
    let text = "a\u{1}b\u{0}c\u{ffff}";
    let svg = Chart::bar(text, [text]).x(text).y(text).series(Series::values(text, &[1.0])).to_svg();
    let forbidden = |c: char| (c < ' ' && !"\t\n\r".contains(c)) || matches!(c, '\u{fffe}' | '\u{ffff}');
    assert!(!svg.contains(forbidden));
    let hidden = Chart::bar("t", ["\u{202e}abc"]).series(Series::values("s", &[1.0]));
    let mut document = Document::new("t");
    document.chart(hidden);
    assert!(!document.to_html().contains('\u{202e}'));
}
