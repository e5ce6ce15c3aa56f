//! Requests that are held to a contract, over real sockets on the loopback interface.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use perennial_core::{ErrorKind, Estimator, Predictor, Values};
use perennial_data::{ColumnContract, ColumnType, Contract, Rule, Severity, Table};
use perennial_deployment::{Artifact, RunningServer, Server};
use serde_json::{Value, json};

use crate::forged::edit_of;
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
        r#"perennial_contract_rows_total{model="m",severity="warn",column="c",check="rule",rule="1 `c`: at least -5 and at most 5"} 2"#,
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
    let error = regressor().section("contract", "{").build().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidName { .. }), "{error}");
    assert!(error.to_string().contains("is that of `ArtifactBuilder::contract`"), "{error}");
    // A section of that name which is no contract.
    let other = regressor().section("other", "{").build().unwrap();
    let forged = edit_of(other.as_bytes(), |header| header["sections"][2]["name"] = "contract".into());
    let forged = Artifact::from_bytes(forged).unwrap();
    assert!(forged.contract().unwrap_err().to_string().contains("is no contract"));
    assert!(Server::regressor(&forged, &Linear).is_err());
}

#[test]
fn what_was_set_aside_can_be_asked_for() {
    let server = serve();
    let at = server.address();
    let infer = |b: [f64; 2], outputs: &[&str]| {
        let tensor = |name: &str, data: [f64; 2]| json!({"name": name, "shape": [2], "datatype": "FP64", "data": data});
        let outputs: Vec<Value> = outputs.iter().map(|name| json!({"name": name})).collect();
        let inputs = [tensor("a", [1.0, 1.0]), tensor("b", b), tensor("c", [3.0, 3.0])];
        post(at, "/v2/models/m/infer", &json!({"inputs": inputs, "outputs": outputs}).to_string())
    };
    let names = |reply: &Reply| -> Vec<(String, Value)> {
        let outputs = reply.json()["outputs"].as_array().unwrap().clone();
        let name = |output: &Value| output["name"].as_str().unwrap().to_owned();
        outputs.iter().map(|output| (name(output), output["data"].clone())).collect()
    };
    let first = truth([1.0, 2.0, 3.0]);
    let (row, reason) = ("quarantine_row".to_owned(), "quarantine_reason".to_owned());
    let why = "`b`: above the maximum 5";
    let reply = infer([2.0, 6.0], &["prediction", "quarantine_row"]);
    assert_eq!(
        names(&reply),
        [
            ("prediction".to_owned(), json!([first])),
            (row.clone(), json!([1])),
            (reason.clone(), json!([why]))
        ]
    );
    // Nothing was set aside: an empty tensor is what was asked for.
    let reply = infer([2.0, 2.0], &["quarantine_reason"]);
    assert_eq!(names(&reply), [(row, json!([])), (reason, json!([]))]);
    assert_eq!(reply.json()["outputs"][1]["shape"], json!([0]));
    // A name that is wrong is refused before rows are looked at.
    let before = get(at, "/metrics").body;
    let of_model = "perennial_quarantined_rows_total{model=\"m\"}";
    let aside = |body: &str| body.lines().find(|line| line.starts_with(of_model)).map(str::to_owned);
    let reply = infer([2.0, 6.0], &["quarantine_rows"]);
    assert_eq!((reply.status, reply.error().as_str()), (422, "the model has no output `quarantine_rows`"));
    assert_eq!(aside(&get(at, "/metrics").body), aside(&before));
    // Without a contract there is no such output.
    let server = Server::regressor(&regressor().build().unwrap(), &Linear).unwrap();
    let server = server.bind("127.0.0.1:0").start().unwrap();
    let input = |name: &str| json!({"name": name, "shape": [1], "datatype": "FP64", "data": [1.0]});
    let body =
        json!({"inputs": [input("a"), input("b"), input("c")], "outputs": [{"name": "quarantine_row"}]});
    assert_eq!(post(server.address(), "/v2/models/m/infer", &body.to_string()).status, 422);
}

#[test]
fn who_watches_stays_when_the_contract_is_another() {
    let seen = Arc::new(Mutex::new(0));
    let count = seen.clone();
    let server = Server::regressor(&regressor().build().unwrap(), &Linear).unwrap();
    let server = server.on_quarantine(move |rows| *count.lock().unwrap() += rows.n_rows());
    let server = server.contract(&contract()).unwrap().contract(&contract()).unwrap();
    let server = server.bind("127.0.0.1:0").max_batch_rows(usize::MAX).start().unwrap();
    assert_eq!(predict(server.address(), json!([[1, 6, 3], [1, 2, 3]])).status, 200);
    assert_eq!(*seen.lock().unwrap(), 1);
}

#[test]
fn rules_of_the_same_words_are_counted_apart() {
    let all: Vec<String> = (0..9).map(|level| level.to_string()).collect();
    let x = Table::builder().text("t", ["0", "1"]).real("a", [1.0, 2.0]).build().unwrap();
    // Nine values are not all shown.
    let mut last = all.clone();
    last[8] = "9".to_owned();
    let contract = Contract::new()
        .extra_columns(true)
        .rule(Rule::unique(["t"]))
        .rule(Rule::among("t", all).warn())
        .rule(Rule::among("t", last).warn());
    assert_eq!(contract.rules()[1].to_string(), contract.rules()[2].to_string());
    let y = Values::from(vec![1.0, 2.0]);
    let model = Linear.fit(&x.select(&["a"]).unwrap(), &y).unwrap();
    let artifact = Artifact::regressor("m", &Linear, &model, &x).unwrap().contract(contract).build().unwrap();
    let server = Server::regressor(&artifact, &Linear).unwrap().bind("127.0.0.1:0").start().unwrap();
    assert_eq!(predict(server.address(), json!([["9", 1], ["9", 1], ["8", 1]])).status, 200);
    let metrics = get(server.address(), "/metrics").body;
    for (at, count) in [(1, 2), (2, 1)] {
        let is_of_rule = |line: &&str| {
            line.contains(&format!("rule=\"{at} `t`: one of ")) && line.ends_with(&format!("}} {count}"))
        };
        assert_eq!(metrics.lines().filter(is_of_rule).count(), 1, "{at} in {metrics}");
    }
}

#[test]
fn a_share_that_is_none_is_refused() {
    let wrong = contract().rule(Rule::present("c").mostly(95.0));
    let error = regressor().contract(wrong).build().unwrap_err().to_string();
    assert!(error.contains("a share of 95 of the rows; give a number from 0 to 1"), "{error}");
    // What cells may be is a matter of each row.
    let wrong = contract().rule(Rule::distinct_among("c", [3.0]));
    let artifact = regressor().contract(wrong).build().unwrap();
    let server = Server::regressor(&artifact, &Linear).unwrap().bind("127.0.0.1:0").start().unwrap();
    assert_eq!(predict(server.address(), json!([[1, 2, 3]])).status, 200);
    assert_eq!(predict(server.address(), json!([[1, 2, 4]])).status, 422);
}
