//! Cards say what artifacts say.

use perennial_core::{Classes, Classifier, Error, Estimator, Predictor, Probabilities, Result, Train};
use perennial_data::{Table, content_hash};
use perennial_deployment::{Artifact, ArtifactBuilder, Metric};
use perennial_documentation::{ModelCard, REQUIRED_FIELDS};
use serde::{Deserialize, Serialize};

struct Coin;

#[derive(Serialize, Deserialize)]
struct CoinModel;

impl Estimator for Coin {
    type Input = Table;
    type Target = Classes;
    type Model = CoinModel;

    fn fit_on(&self, _: &Train<'_, Table, Classes>) -> Result<CoinModel> {
        Ok(CoinModel)
    }
}

impl Predictor for CoinModel {
    type Input = Table;
    type Output = Classes;

    fn predict(&self, x: &Table) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for CoinModel {
    fn predict_proba(&self, x: &Table) -> Result<Probabilities> {
        let halves = Classes::from_labels(["heads", "tails"]);
        let shares = ndarray_of_halves(x.n_rows())?;
        Probabilities::new(shares, halves.shared_names())
    }
}

fn ndarray_of_halves(n: usize) -> Result<ndarray::Array2<f64>> {
    ndarray::Array2::from_shape_vec((n, 2), vec![0.5; 2 * n]).map_err(Error::other)
}

fn table() -> Table {
    Table::builder().real("weight", [Some(1.0), None]).category("side", ["a", "b"]).build().unwrap()
}

fn bare() -> ArtifactBuilder {
    Artifact::classifier("coin", &Coin, &CoinModel, &table()).unwrap()
}

fn written() -> ArtifactBuilder {
    REQUIRED_FIELDS.iter().fold(bare(), |builder, field| builder.card(*field, format!("About {field}.")))
}

fn card(builder: ArtifactBuilder) -> ModelCard {
    ModelCard::from_artifact(&builder.build().unwrap()).unwrap()
}

#[test]
fn a_card_says_what_the_artifact_says() {
    let builder = written()
        .version("3.1")
        .seed(11)
        .target("toss")
        .parameter("alpha", 0.5)
        .fact("success", "log_loss < 0.7")
        .data("training", &table())
        .data("test", &table())
        .card("out_of_scope_use", "Bets.")
        .metric(Metric::new("log_loss", 0.1 + 0.2).interval(0.25, 0.35, 0.9))
        .metric(Metric::new("log_loss", 0.7).slice("side = a"))
        .metric(Metric::new("brier", 1e-300));
    let artifact = builder.clone().build().unwrap();
    let markdown = card(builder.clone()).to_markdown();
    for part in [
        "license: \"About licence.\"\nlibrary_name: perennial\npipeline_tag: tabular-classification\n",
        "value: 0.30000000000000004\n",
        "value: 1.0e-300\n",
        "name: \"log_loss (side = a)\"\n",
        "dataset:\n      name: \"test\"\n      type: tabular\n",
        "About intended\\_use.",
        "About limitations.",
        "About ethical\\_considerations.",
        "About owner.",
        "Bets.",
        "heads, tails",
        "log\\_loss \\< 0.7",
        "3.1",
        &artifact.content_hash(),
        &content_hash(&table()),
        "0.25 to 0.35 (90%)",
        "| weight | real | yes |",
        "| side | category | no |",
        "Figure: log\\_loss by slice",
    ] {
        assert!(markdown.contains(part), "{part}\n{markdown}");
    }
    let html = card(builder).to_html();
    assert!(html.contains("<svg") && html.contains("Caveats and limitations") && !html.contains("<script"));
    assert!(!card(written()).to_html().contains("<svg"));
}

#[test]
fn all_missing_fields_are_named() {
    let error = ModelCard::from_artifact(&bare().build().unwrap()).unwrap_err().to_string();
    assert!(REQUIRED_FIELDS.iter().all(|field| error.contains(field)), "{error}");
    let blank = REQUIRED_FIELDS
        .iter()
        .fold(bare(), |builder, field| builder.card(*field, if *field == "owner" { " \n" } else { "text" }));
    let error = ModelCard::from_artifact(&blank.build().unwrap()).unwrap_err().to_string();
    assert!(error.contains("lacks owner;"), "{error}");
}

#[test]
fn stale_cards_are_found() {
    let old = card(written().metric(Metric::new("brier", 0.25))).to_markdown();
    let new = card(written().metric(Metric::new("brier", 0.26)));
    new.check(&new.to_markdown()).unwrap();
    new.check(&format!("{}\r\n\r\n", new.to_markdown().replace('\n', "\r\n"))).unwrap();
    let error = new.check(&old).unwrap_err().to_string();
    assert!(error.contains("0.25") && error.contains("0.26"), "{error}");
    assert!(new.check("").is_err());
    assert!(new.check(&format!("{}\nOne more line.", new.to_markdown())).is_err());
    let short: String = new.to_markdown().lines().take(20).collect::<Vec<_>>().join("\n");
    assert!(new.check(&short).unwrap_err().to_string().contains("says nothing"));
}

#[test]
fn hostile_texts_stay_texts() {
    let builder = REQUIRED_FIELDS.iter().fold(bare(), |builder, field| {
        builder.card(*field, "x\"\n---\nlicense: other # <script>alert(1)</script> \u{2028}a\u{85}b\\")
    });
    let card = card(builder.metric(Metric::new("a\": b\n- c", 1.0).slice("<img src=x>")));
    let (markdown, html) = (card.to_markdown(), card.to_html());
    let front: Vec<&str> = markdown.lines().take_while(|line| !line.starts_with("# ")).collect();
    assert_eq!(front.iter().filter(|line| **line == "---").count(), 2, "{front:?}");
    assert_eq!(front.iter().filter(|line| line.starts_with("license:")).count(), 1);
    assert!(front[1].ends_with("\\u2028a\\u0085b\\\\\""), "{}", front[1]);
    assert!(front.contains(&"    - type: \"a\\\": b\\n- c\""), "{front:?}");
    assert!(!html.contains("<script") && !html.contains("<img"));
}
