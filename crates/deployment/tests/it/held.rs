//! Requests that are held to a contract, over real sockets on the loopback interface.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use perennial_core::{Estimator, Predictor, Values};
use perennial_data::{ColumnContract, ColumnType, Contract, Rule, Severity, Table};
use perennial_deployment::{Artifact, RunningServer, Server};
use serde_json::{Value, json};

use crate::support::client::{Reply, get, post};
use crate::support::*;

/// `a` fails, `b` sets aside, `c` warns; what is said of several rows is not said of requests.
fn contract() -> Contract {
    Contract::new()
        .min_rows(5)
        .with(ColumnContract::new("a", ColumnType::Real).min(-10.0).max(10.0))
        .with(ColumnContract::new("b", ColumnType::Real).max(5.0).severity(Severity::Quarantine))
        .with(ColumnContract::new("c", ColumnType::Real))
        .rule(Rule::unique(["a"]))
        .rule(Rule::between("c", -5.0..=5.0).warn())
}

fn serve() -> RunningServer {
    let artifact =
        Artifact::from_bytes(regressor().contract(contract()).build().unwrap().as_bytes().to_vec());
    Server::regressor(&artifact.unwrap(), &Linear).unwrap().bind("127.0.0.1:0").start().unwrap()
}

fn predict(at: SocketAddr, rows: Value) -> Reply {
    post(at, "/v1/models/m:predict", &json!({"instances": rows}).to_string())
}

/// What the model answers for a row, asked without a server.
fn truth(row: [f64; 3]) -> f64 {
    let [a, b, c] = row;
    let row = Table::builder().real("a", [a]).real("b", [b]).real("c", [c]).build().unwrap();
    fitted().predict(&row).unwrap().as_slice()[0]
}

#[test]
fn what_fails_names_row_column_and_rule() {
    let server = serve();
    let at = server.address();
    assert_eq!(predict(at, json!([[1, 2, 3]])).status, 200);
    let reply = predict(at, json!([[1, 2, 3], [11, 2, 3], [12, 2, 3]]));
    assert_eq!(reply.status, 422);
    assert_eq!(reply.error(), "column `a` is `11.0` at row 1, above the maximum 10 (2 rows)");
    // Rows are counted in the request, also behind one that would be set aside.
    let reply = predict(at, json!([[1, 6, 3], [11, 2, 3]]));
    assert_eq!(
        (reply.status, reply.error().contains("`a` is `11.0` at row 1")),
        (422, true),
        "{}",
        reply.body
    );
    // What the schema refuses is refused as before.
    let reply = predict(at, json!([[null, 2, 3]]));
    assert_eq!((reply.status, reply.error().contains("column `a`, row 0: null")), (422, true));
    let metrics = get(at, "/metrics").body;
    for line in [
        r#"perennial_contract_rows_total{model="m",severity="fail",column="a",check="maximum",rule=""} 3"#,
        r#"perennial_quarantined_rows_total{model="m"} 0"#,
        r#"perennial_rows_total{model="m"} 1"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
}

#[test]
fn rows_are_set_aside_and_the_others_answered() {
    let server = serve();
    let at = server.address();
    let reply = predict(at, json!([[1, 2, 3], [1, 6, 3], [1, null, 3], [11, 7, 3], [1, 2, 9]]));
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = reply.json();
    let (first, last) = (truth([1.0, 2.0, 3.0]), truth([1.0, 2.0, 9.0]));
    assert_eq!(answer["predictions"], json!([first, null, null, null, last]));
    assert_eq!(
        answer["quarantined"],
        json!([
            {"row": 1, "reason": "`b`: above the maximum 5"},
            {"row": 2, "reason": "`b`: but must be there"},
            {"row": 3, "reason": "`b`: above the maximum 5"},
        ])
    );
    // Where no row is left there is no answer.
    let reply = predict(at, json!([[1, 6, 3]]));
    assert_eq!(reply.status, 422);
    assert_eq!(
        reply.error(),
        "all 1 rows were set aside, so none is answered; the first because `b`: above the maximum 5"
    );
    // No word of it where nothing is set aside.
    assert_eq!(predict(at, json!([[1, 2, 3]])).json(), json!({"predictions": [first]}));

    let tensor =
        |name: &str, data: [f64; 3]| json!({"name": name, "shape": [3], "datatype": "FP64", "data": data});
    let body = json!({
        "inputs": [tensor("a", [1.0, 1.0, 1.0]), tensor("b", [6.0, 2.0, 2.0]), tensor("c", [3.0, 3.0, 9.0])],
        "outputs": [{"name": "prediction"}],
    });
    let outputs = post(at, "/v2/models/m/infer", &body.to_string()).json()["outputs"].clone();
    assert_eq!(
        outputs,
        json!([
            {"name": "prediction", "datatype": "FP64", "shape": [2], "data": [first, last]},
            {"name": "quarantine_row", "datatype": "INT64", "shape": [1], "data": [0]},
            {"name": "quarantine_reason", "datatype": "BYTES", "shape": [1], "data": ["`b`: above the maximum 5"]},
        ])
    );
    assert_eq!(get(at, "/v2/models/m").json()["outputs"][1]["name"], "quarantine_row");

    let metrics = get(at, "/metrics").body;
    for line in [
        r#"perennial_contract_rows_total{model="m",severity="quarantine",column="b",check="maximum",rule=""} 4"#,
        r#"perennial_contract_rows_total{model="m",severity="quarantine",column="b",check="nulls",rule=""} 1"#,
        r#"perennial_contract_rows_total{model="m",severity="warn",column="c",check="rule",rule="`c`: at least -5 and at most 5"} 2"#,
        r#"perennial_quarantined_rows_total{model="m"} 5"#,
        r#"perennial_rows_total{model="m"} 5"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    // The row that was set aside did not fail too.
    assert!(!metrics.contains(r#"severity="fail""#), "{metrics}");
}

#[test]
fn classes_and_probabilities_stay_in_their_places() {
    let artifact = classifier().contract(contract()).build().unwrap();
    let server = Server::classifier(&artifact, &Squeezed).unwrap().bind("127.0.0.1:0").start().unwrap();
    let ask = |rows: Value| {
        let body = json!({"instances": rows}).to_string();
        post(server.address(), "/v1/models/k:predict", &body).json()
    };
    let (alone, among) = (ask(json!([[1, 2, 3]])), ask(json!([[1, 6, 3], [1, 2, 3]])));
    for part in ["predictions", "probabilities"] {
        assert_eq!(among[part], json!([null, alone[part][0]]), "{part}");
    }
    assert_eq!(among["quarantined"][0]["row"], 0);
}

#[test]
fn a_share_may_be_the_most_that_is_set_aside() {
    let server = Server::regressor(&regressor().build().unwrap(), &Linear).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let server = server.contract(&contract().max_quarantined(0.5)).unwrap().on_quarantine(move |rows| {
        log.lock().unwrap().push(rows.clone());
        panic!("a watcher that panics");
    });
    let server = server.bind("127.0.0.1:0").start().unwrap();
    let at = server.address();
    assert_eq!(predict(at, json!([[1, 6, 3], [1, 2, 3]])).status, 200);
    let reply = predict(at, json!([[1, 6, 3], [1, 7, 3], [1, 2, 3]]));
    assert_eq!(reply.status, 422);
    assert!(
        reply.error().starts_with("2 of 3 rows would be set aside, more than a share of 0.5"),
        "{}",
        reply.error()
    );
    let seen = seen.lock().unwrap_or_else(|poison| poison.into_inner());
    assert_eq!((seen.len(), seen[0].n_rows()), (1, 1));
    assert_eq!(seen[0].column("b").unwrap().as_real().unwrap().to_vec(), [6.0]);
    let metrics = get(at, "/metrics").body;
    assert!(metrics.contains(r#"perennial_panics_total{model="m"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"perennial_quarantined_rows_total{model="m"} 1"#), "{metrics}");
}

#[test]
fn a_column_of_any_name_is_a_label() {
    let name = "a \"b\\\n";
    let x = Table::builder().real(name, [1.0, 2.0]).build().unwrap();
    let model = Linear.fit(&x, &Values::from(vec![1.0, 2.0])).unwrap();
    let contract = Contract::new().with(ColumnContract::new(name, ColumnType::Real).max(2.0));
    let artifact = Artifact::regressor("m", &Linear, &model, &x).unwrap().contract(contract).build().unwrap();
    let server = Server::regressor(&artifact, &Linear).unwrap().bind("127.0.0.1:0").start().unwrap();
    assert_eq!(predict(server.address(), json!([[3]])).status, 422);
    let metrics = get(server.address(), "/metrics").body;
    assert!(metrics.contains(r#"column="a \"b\\\n",check="maximum""#), "{metrics}");
}

#[test]
fn a_contract_that_no_request_could_keep_is_refused() {
    let build = |contract: Contract| regressor().contract(contract).build();
    assert_eq!(regressor().build().unwrap().contract().unwrap(), None);
    assert_eq!(build(contract()).unwrap().contract().unwrap(), Some(contract()));
    let with_target = contract().with(ColumnContract::new("y", ColumnType::Real));
    let error = build(with_target.clone()).unwrap_err().to_string();
    assert!(error.contains("column `y` is missing") && error.contains("`Contract::drop`"), "{error}");
    assert!(build(with_target.drop(&["y"])).is_ok());
    let server = || Server::regressor(&regressor().build().unwrap(), &Linear).unwrap();
    assert!(server().contract(&with_target).is_err());
    let other_type = contract().with(ColumnContract::new("c", ColumnType::Text));
    assert!(build(other_type).unwrap_err().to_string().contains("column `c` is of type real, expected text"));
    let infinite = contract().with(ColumnContract::new("c", ColumnType::Real).max(f64::INFINITY));
    assert!(build(infinite).unwrap_err().to_string().contains("infinite"));
    // A section of that name which is no contract.
    let forged = regressor().section("contract", "{").build().unwrap();
    assert!(forged.contract().unwrap_err().to_string().contains("is no contract"));
    assert!(Server::regressor(&forged, &Linear).is_err());
}
