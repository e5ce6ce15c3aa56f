//! Answers to bodies of responses.

use hyper::StatusCode;
use perennial_data::Schema;
use serde::{Serialize, Serializer};
use serde_json::json;

use super::Served;
use super::held::Aside;
use super::refusal::Refusal;
use super::request::datatype_of;
use crate::{Answers, Task};

/// The tensors of rows that were set aside: their numbers, and why.
const QUARANTINE_ROW: &str = "quarantine_row";
const QUARANTINE_REASON: &str = "quarantine_reason";

/// Answers in the places of their rows, and null in those of the rows that were set aside.
struct Placed<'a, T> {
    answers: &'a [T],
    aside: &'a [usize],
}

impl<T: Serialize> Serialize for Placed<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mut answers, mut aside) = (self.answers.iter(), self.aside.iter().copied().peekable());
        let n_rows = self.answers.len() + self.aside.len();
        serializer.collect_seq((0..n_rows).map(|row| match aside.next_if_eq(&row) {
            Some(_) => None,
            None => answers.next(),
        }))
    }
}

#[derive(Serialize)]
struct Quarantined<'a> {
    row: usize,
    reason: &'a str,
}

/// The answer to `{"instances": ..}` and `{"records": ..}`.
pub(crate) fn rows(answers: &Answers, aside: &Aside) -> Result<Vec<u8>, Refusal> {
    #[derive(Serialize)]
    struct Numbers<'a> {
        predictions: Placed<'a, f64>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        quarantined: Vec<Quarantined<'a>>,
    }
    #[derive(Serialize)]
    struct Classified<'a> {
        predictions: Placed<'a, &'a str>,
        probabilities: Placed<'a, &'a [f64]>,
        classes: &'a [String],
        #[serde(skip_serializing_if = "Vec::is_empty")]
        quarantined: Vec<Quarantined<'a>>,
    }
    let reasons = aside.rows.iter().zip(&aside.reasons);
    let quarantined = reasons.map(|(&row, reason)| Quarantined { row, reason }).collect();
    let aside = aside.rows.as_slice();
    match answers {
        Answers::Values(values) => write(&Numbers {
            predictions: Placed { answers: finite(values.as_slice())?, aside },
            quarantined,
        }),
        Answers::Classes { classes, probabilities } => {
            let shares: Vec<f64> = probabilities.values().iter().copied().collect();
            let width = probabilities.names().len().max(1);
            let labels: Vec<&str> = classes.labels().collect();
            let shares: Vec<&[f64]> = finite(&shares)?.chunks(width).collect();
            write(&Classified {
                predictions: Placed { answers: &labels, aside },
                probabilities: Placed { answers: &shares, aside },
                classes: probabilities.names(),
                quarantined,
            })
        }
    }
}

/// Refuses outputs that the model does not have.
pub(crate) fn check_outputs(served: &Served, wanted: &[String]) -> Result<(), Refusal> {
    let is_known = |name: &str| match name {
        "prediction" => true,
        "probabilities" => matches!(served.task, Task::Classification { .. }),
        QUARANTINE_ROW | QUARANTINE_REASON => served.held.is_some(),
        _ => false,
    };
    match wanted.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => {
            let name: String = name.chars().take(64).collect();
            Err(Refusal::unfit(format!("the model has no output `{name}`")))
        }
    }
}

/// The answer of the Open Inference Protocol: tensors named `prediction` and `probabilities`. A tensor has no place for what is
/// missing, so rows that were set aside are left out, and two tensors more, wanted or not, say which these are; where none was, they
/// are there if one of them is wanted, and empty.
pub(crate) fn tensors(
    served: &Served,
    answers: &Answers,
    aside: &Aside,
    id: Option<&str>,
    wanted: Option<&[String]>,
) -> Result<Vec<u8>, Refusal> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Data<'a> {
        Numbers(&'a [f64]),
        Rows(&'a [usize]),
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
    let asks = |name: &str| wanted.is_some_and(|wanted| wanted.iter().any(|wanted| wanted == name));
    outputs.retain(|output| wanted.is_none() || asks(output.name));
    if !aside.rows.is_empty() || asks(QUARANTINE_ROW) || asks(QUARANTINE_REASON) {
        let reasons = aside.reasons.iter().map(String::as_str).collect();
        let shape = || vec![aside.rows.len()];
        let tensor = |name, datatype, data| Tensor { name, datatype, shape: shape(), data };
        outputs.push(tensor(QUARANTINE_ROW, "INT64", Data::Rows(&aside.rows)));
        outputs.push(tensor(QUARANTINE_REASON, "BYTES", Data::Names(reasons)));
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
    if served.held.is_some() {
        outputs.push(json!({"name": QUARANTINE_ROW, "datatype": "INT64", "shape": [-1]}));
        outputs.push(json!({"name": QUARANTINE_REASON, "datatype": "BYTES", "shape": [-1]}));
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
