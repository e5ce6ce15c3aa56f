//! Trains a classifier, packs it into one file, and serves it until the process is stopped.
//!
//! With `--once` it asks itself one question and ends.

use perennial::data::samples;
use perennial::deployment::{Artifact, Server};
use perennial::models::LogisticRegression;
use perennial::prelude::*;
use perennial::preprocessing::{Columns, StandardScaler, numeric};

/// The pipeline: one function for training and serving, so the two cannot differ.
fn pipeline()
-> impl perennial::core::Persist<Input = Table, Target = Classes, Model: Classifier<Input = Table> + 'static>
{
    Columns::new().on(numeric(), StandardScaler::new()).then(LogisticRegression::new())
}

fn main() -> Result<()> {
    let table = samples::iris()?;
    let (x, y) = (table.drop(&["species"])?, table.classes("species")?);
    let model = pipeline().fit(&x, &y)?;
    let path = "target/iris.perennial";
    Artifact::classifier("iris", &pipeline(), &model, &x)?
        .target("species")
        .data("training", &x)
        .build()?
        .save(path)?;

    // From here on the file is all that is needed.
    let artifact = Artifact::load(path)?;
    println!("{}", artifact.inspect());
    let once = std::env::args().any(|argument| argument == "--once");
    let server = Server::classifier(&artifact, &pipeline())?
        .bind(if once { "127.0.0.1:0" } else { "127.0.0.1:8080" })
        .start()?;
    let names: Vec<&str> = x.names().collect();
    let body = r#"{"instances": [[5.1, 3.5, 1.4, 0.2]]}"#;
    println!("columns: {}", names.join(", "));
    println!(
        "curl -d '{body}' -H 'content-type: application/json' http://{}/v1/models/iris:predict",
        server.address()
    );
    if once {
        let request = ureq::post(format!("http://{}/v1/models/iris:predict", server.address()));
        let mut response =
            request.header("content-type", "application/json").send(body).map_err(Error::other)?;
        println!("{}", response.body_mut().read_to_string().map_err(Error::other)?);
        server.shutdown();
        return Ok(());
    }
    server.wait()
}
