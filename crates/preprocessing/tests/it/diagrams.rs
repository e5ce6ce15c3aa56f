//! Pipelines as pictures.

use perennial_core::Estimator;
use perennial_preprocessing::{
    Columns, Diagram, MinMaxScaler, OneHotEncoder, PassThrough, SimpleImputer, StandardScaler, TargetEncoder,
    numeric,
};

#[test]
fn nested_columns_are_branches_of_branches() {
    let inner = Columns::new()
        .on(["a"], SimpleImputer::median().then(StandardScaler::new()))
        .on(["b"], TargetEncoder::of_values().named("means of (all)"));
    let outer =
        Columns::new().on(["a", "b"], inner.then(MinMaxScaler::new())).on(["c"], OneHotEncoder::new());
    let pipeline = outer.then(PassThrough::new().named("as it is <\"&\">"));
    let diagram = Diagram::of(&pipeline);
    let mermaid = diagram.to_mermaid();
    assert_eq!(mermaid.matches("side by side").count(), 2);
    for line in [
        "n0 -->|\"a, b\"| n1",
        "n1 -->|\"a\"| n2",
        "n2[\"SimpleImputer\"]",
        "n3[\"StandardScaler\"]",
        "n2 --> n3",
        "n1 -->|\"b\"| n4",
        "n5 --> n6",
        "n0 -->|\"c\"| n7",
        "n8 --> n9",
        "n9[\"as it is #lt;#quot;&#quot;#gt;\"]",
    ] {
        assert!(mermaid.contains(line), "{line}:\n{mermaid}");
    }
    let svg = diagram.to_svg();
    assert!(svg.contains("as it is &lt;&quot;&amp;&quot;&gt;"));
    assert_eq!(svg.matches("<text").count(), 6 + 4, "{svg}");
    if let Some(path) = std::env::var_os("DIAGRAM") {
        std::fs::write(path, svg).unwrap();
    }
}

#[test]
fn names_that_look_like_branches_are_steps() {
    for name in ["Columns(a; b)", "Columns(a; b))", "Columns((a)", "Columns", "", "a -> b"] {
        let svg = Diagram::of(&PassThrough::new().named(name)).to_svg();
        assert_eq!(svg.matches("<text").count(), 1, "{name}");
    }
    let long = Diagram::of(&PassThrough::new().named(&"x".repeat(500)));
    assert!(long.to_svg().contains('…'));
    assert!(
        Diagram::of(&Columns::new().on(numeric(), PassThrough::new())).to_mermaid().contains("PassThrough")
    );
}
