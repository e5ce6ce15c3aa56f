//! Answers to bodies of responses.

use hyper::StatusCode;
use perennial_data::Schema;
use serde::Serialize;
use serde_json::json;

use super::Served;
use super::refusal::Refusal;
use super::request::datatype_of;
use crate::{Answers, Task};

/// The answer to `{"instances": ..}` and `{"records": ..}`.
pub(crate) fn rows(answers: &Answers) -> Result<Vec<u8>, Refusal> {
    #[derive(Serialize)]
    struct Numbers<'a> {
        predictions: &'a [f64],
    }
    #[derive(Serialize)]
    struct Classified<'a> {
        predictions: Vec<&'a str>,
        probabilities: Vec<&'a [f64]>,
        classes: &'a [String],
    }
    match answers {
        Answers::Values(values) => write(&Numbers { predictions: finite(values.as_slice())? }),
        Answers::Classes { classes, probabilities } => {
            let shares: Vec<f64> = probabilities.values().iter().copied().collect();
            let width = probabilities.names().len().max(1);
            write(&Classified {
                predictions: classes.labels().collect(),
                probabilities: finite(&shares)?.chunks(width).collect(),
                classes: probabilities.names(),
            })
        }
    }
}

/// The answer of the Open Inference Protocol: tensors named `prediction` and `probabilities`.
pub(crate) fn tensors(
    served: &Served,
    answers: &Answers,
    id: Option<&str>,
    wanted: Option<&[String]>,
) -> Result<Vec<u8>, Refusal> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Data<'a> {
        Numbers(&'a [f64]),
        Names(Vec<&'a str>),
    }
    #[derive(Serialize)]
    struct Tensor<'a> {
        name: &'static str,
        datatype: &'static str,
        shape: Vec<usize>,
        data: Data<'a>,
    }
    #[derive(Serialize)]
    struct Body<'a> {
        model_name: &'a str,
        model_version: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        outputs: Vec<Tensor<'a>>,
    }
    let n = answers.n_rows();
    let shares: Vec<f64>;
    let mut outputs = match answers {
        Answers::Values(values) => {
            let data = Data::Numbers(finite(values.as_slice())?);
            vec![Tensor { name: "prediction", datatype: "FP64", shape: vec![n], data }]
        }
        Answers::Classes { classes, probabilities } => {
            shares = probabilities.values().iter().copied().collect();
            let data = Data::Names(classes.labels().collect());
            let shape = vec![n, probabilities.names().len()];
            vec![
                Tensor { name: "prediction", datatype: "BYTES", shape: vec![n], data },
                Tensor {
                    name: "probabilities",
                    datatype: "FP64",
                    shape,
                    data: Data::Numbers(finite(&shares)?),
                },
            ]
        }
    };
    if let Some(wanted) = wanted {
        if let Some(name) = wanted.iter().find(|name| outputs.iter().all(|output| output.name != *name)) {
            let name: String = name.chars().take(64).collect();
            return Err(Refusal::unfit(format!("the model has no output `{name}`")));
        }
        outputs.retain(|output| wanted.iter().any(|name| name == output.name));
    }
    write(&Body { model_name: &served.name, model_version: &served.version, id, outputs })
}

/// What the server says about itself.
pub(crate) fn server_metadata() -> serde_json::Value {
    json!({"name": "perennial", "version": env!("CARGO_PKG_VERSION"), "extensions": []})
}

/// What the server says about a model.
pub(crate) fn model_metadata(served: &Served) -> serde_json::Value {
    let mut outputs = Vec::new();
    match &served.task {
        Task::Regression => {
            outputs.push(json!({"name": "prediction", "datatype": "FP64", "shape": [-1]}));
        }
        Task::Classification { classes } => {
            outputs.push(json!({"name": "prediction", "datatype": "BYTES", "shape": [-1]}));
            outputs.push(json!({
                "name": "probabilities",
                "datatype": "FP64",
                "shape": [-1, classes.len()],
                "parameters": {"classes": classes},
            }));
        }
    }
    json!({
        "name": served.name,
        "versions": [served.version],
        "platform": "perennial",
        "inputs": inputs(&served.schema),
        "outputs": outputs,
        "parameters": {"model": served.kind, "content_hash": served.content_hash},
    })
}

fn inputs(schema: &Schema) -> Vec<serde_json::Value> {
    let describe = |field: &perennial_data::Field| {
        json!({
            "name": field.name,
            "datatype": datatype_of(field.column_type),
            "shape": [-1],
            "parameters": {"column_type": field.column_type, "nullable": field.nullable},
        })
    };
    schema.columns().iter().map(describe).collect()
}

/// JSON has no NaN and no infinity, and null would be another answer.
fn finite(values: &[f64]) -> Result<&[f64], Refusal> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(values),
        Some(at) => Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the model answered {}, which JSON cannot hold", values[at]),
        )),
    }
}

fn write(body: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(body)
        .map_err(|_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be written"))
}
