//! What the server answers, over real sockets on the loopback interface.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use perennial_core::{Estimator, Predictor, Values};
use perennial_data::Table;
use perennial_deployment::{Answer, Answers, Artifact, RunningServer, Server};
use serde_json::{Value, json};

use crate::support::client::{Reply, get, post, raw};
use crate::support::*;

fn serve() -> RunningServer {
    let server = Server::regressor(&regressor().version("v7").build().unwrap(), &Linear).unwrap();
    let other = Server::classifier(&classifier().build().unwrap(), &Squeezed).unwrap();
    server.and(other).unwrap().bind("127.0.0.1:0").start().unwrap()
}

const PREDICT: &str = "/v1/models/m:predict";
const INFER: &str = "/v2/models/m/infer";

fn cells(table: &Table) -> Vec<Vec<f64>> {
    let columns: Vec<_> = table.columns().map(|(_, column)| column.as_real().unwrap()).collect();
    (0..table.n_rows()).map(|row| columns.iter().map(|column| column[row]).collect()).collect()
}

fn numbers(json: &Value) -> Vec<u64> {
    json.as_array().unwrap().iter().map(|value| value.as_f64().unwrap().to_bits()).collect()
}

fn bits<'a>(values: impl IntoIterator<Item = &'a f64>) -> Vec<u64> {
    values.into_iter().map(|value| value.to_bits()).collect()
}

fn inputs(table: &Table) -> Value {
    let tensor = |(name, column): (&str, &perennial_data::Column)| json!({"name": name, "shape": [table.n_rows()], "datatype": "FP64", "data": column.as_real().unwrap().to_vec()});
    table.columns().map(tensor).collect::<Vec<_>>().into()
}

#[test]
fn answers_are_those_of_the_model_bit_for_bit() {
    let server = serve();
    let (at, x) = (server.address(), table());
    let truth = bits(fitted().predict(&x).unwrap().as_slice());

    let reply = post(at, PREDICT, &json!({"instances": cells(&x)}).to_string());
    assert_eq!((reply.status, numbers(&reply.json()["predictions"])), (200, truth.clone()));
    let records: Vec<Value> =
        cells(&x).iter().map(|row| json!({"c": row[2], "a": row[0], "b": row[1]})).collect();
    let reply = post(at, PREDICT, &json!({"records": records}).to_string());
    assert_eq!(numbers(&reply.json()["predictions"]), truth);

    let mut tensors = inputs(&x);
    tensors.as_array_mut().unwrap().reverse();
    let reply = post(at, INFER, &json!({"id": "q-1", "inputs": tensors}).to_string());
    let answer = reply.json();
    assert_eq!(
        (&answer["model_name"], &answer["model_version"], &answer["id"]),
        (&json!("m"), &json!("v7"), &json!("q-1"))
    );
    let output = &answer["outputs"][0];
    assert_eq!(
        (&output["name"], &output["datatype"], &output["shape"]),
        (&json!("prediction"), &json!("FP64"), &json!([40]))
    );
    assert_eq!(numbers(&output["data"]), truth);

    let Answers::Classes { classes, probabilities } = fitted_classifier().answer(&x).unwrap() else {
        panic!()
    };
    let body = json!({"inputs": inputs(&x)}).to_string();
    let answer = post(at, "/v2/models/k/infer", &body).json();
    assert_eq!(answer["outputs"][0]["data"], json!(classes.labels().collect::<Vec<_>>()));
    assert_eq!(answer["outputs"][1]["shape"], json!([40, 2]));
    assert_eq!(numbers(&answer["outputs"][1]["data"]), bits(probabilities.values()));
    let answer = post(at, "/v1/models/k:predict", &json!({"instances": cells(&x)}).to_string()).json();
    assert_eq!(answer["classes"], json!(["no", "yes"]));
    let first = probabilities.values().row(0).to_vec();
    assert_eq!(numbers(&answer["probabilities"][0]), bits(&first));
    let body = json!({"inputs": inputs(&x), "outputs": [{"name": "probabilities"}]}).to_string();
    let answer = post(at, "/v2/models/k/infer", &body).json();
    assert_eq!(answer["outputs"].as_array().unwrap().len(), 1);
    server.shutdown();
}

#[test]
fn the_server_describes_itself() {
    let server = serve();
    let at = server.address();
    assert!(at.ip().is_loopback());
    assert_eq!(get(at, "/v2").json()["name"], "perennial");
    assert_eq!(get(at, "/v2/health/live").status, 200);
    assert_eq!(get(at, "/v2/health/ready").json()["ready"], true);
    assert_eq!(get(at, "/v2/models/k/ready").status, 200);
    let model = get(at, "/v2/models/k").json();
    assert_eq!(model["inputs"][0]["datatype"], "FP64");
    assert_eq!(model["outputs"][1]["parameters"]["classes"], json!(["no", "yes"]));
    assert_eq!(get(at, "/v2/models/m").json()["versions"], json!(["v7"]));
    for path in ["/", "/v2/", "/v3", "/v2/models", "/v2/models/m/other", "/v1/models/m", "//v2", "/v2/health"]
    {
        assert_eq!(get(at, path).status, 404, "{path}");
    }
    let reply = get(at, INFER);
    assert_eq!((reply.status, reply.head.contains("allow: post")), (405, true));
    assert_eq!(post(at, "/v2", "{}").status, 405);
    assert_eq!(raw(at, b"DELETE /v2/models/m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status, 405);

    post(at, PREDICT, r#"{"instances":[[1,2,3]]}"#);
    post(at, PREDICT, "{");
    let metrics = get(at, "/metrics");
    assert!(metrics.head.contains("text/plain; version=0.0.4"));
    for line in [
        r#"perennial_requests_total{model="m",status="200"} 2"#,
        r#"perennial_requests_total{model="m",status="400"} 1"#,
        r#"perennial_rows_total{model="m"} 1"#,
        r#"perennial_request_duration_seconds_bucket{model="m",le="+Inf"} 5"#,
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "{line} in {}", metrics.body);
    }
    // Names from requests are no labels.
    get(at, "/v2/models/intruder");
    assert!(!get(at, "/metrics").body.contains("intruder"));
}

/// The `http` cases of `bad_inputs.json`; where the list is at hand, each case runs with its own required status.
#[test]
fn hostile_requests() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/bad_inputs.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("no {path}");
        return;
    };
    let list: Value = serde_json::from_str(&text).unwrap();
    let server = serve();
    let mut tried = 0;
    for case in list["cases"].as_array().unwrap().iter().filter(|case| case["target"] == "http") {
        let (id, request) = (case["id"].as_str().unwrap(), &case["request"]);
        let body = match request["body"].as_str() {
            Some(body) => body.to_owned(),
            None if id == "json_array_depth" => "[".repeat(100_000),
            None => panic!("{id} has no body"),
        };
        let reply = post(server.address(), request["path"].as_str().unwrap(), &body);
        // Where the list leaves a choice, this is ours.
        let required = match (&case["require"], id) {
            (Value::Number(status), _) => status.as_u64().unwrap(),
            (_, "int_big" | "named_reordered") => 200,
            (_, "overflow_number") => 400,
            (
                _,
                "null_cell" | "empty_batch" | "unknown_key" | "named_missing" | "named_wrong_case"
                | "html_in_value",
            ) => 422,
            (other, id) => panic!("{id}: {other}"),
        };
        assert_eq!(u64::from(reply.status), required, "{id}: {}", reply.body);
        assert!(reply.head.contains("content-type: application/json"), "{id}");
        if required != 200 {
            assert!(!reply.error().is_empty(), "{id}");
        }
        tried += 1;
    }
    assert!(tried >= 19, "{tried}");
    assert_eq!(get(server.address(), "/v2/health/ready").status, 200);
}

#[test]
fn what_does_not_fit_names_its_column() {
    let server = serve();
    let predict = |body: &str| post(server.address(), PREDICT, body);
    let unfit = |body: &str, part: &str| {
        let reply = predict(body);
        assert_eq!(reply.status, 422, "{body}: {}", reply.body);
        assert!(reply.error().contains(part), "{part} in {}", reply.body);
    };
    unfit(r#"{"instances":[[1,2]]}"#, "`c`");
    unfit(r#"{"instances":[[1,2,3,4]]}"#, "4 cells for 3 columns");
    unfit(r#"{"instances":[[1,2,3],[1,2]]}"#, "row 1 has no cell for column `c`");
    unfit(r#"{"instances":[[1,true,3]]}"#, "column `b`, row 0: true; expected a number");
    unfit(r#"{"instances":[[1,2,null]]}"#, "column `c`, row 0: null");
    unfit(r#"{"instances":[[1,2,[3]]]}"#, "column `c`, row 0: a list");
    unfit(r#"{"instances":[1]}"#, "row 0");
    unfit(r#"{"instances":{}}"#, "expected a list");
    unfit(r#"{"records":[{"a":1,"b":2,"C":3}]}"#, "column `c` is missing");
    unfit(r#"{"records":[{"a":1,"b":2,"c":3,"d":4}]}"#, "`d`");
    unfit(r#"{"records":[],"instances":[]}"#, "`instances` or as `records`");
    unfit("[]", "expected an object");
    unfit("{}", "`instances`");
    let long = format!(r#"{{"records":[{{"a":"<b>{}","b":2,"c":3}}]}}"#, "x".repeat(5000));
    let reply = predict(&long);
    assert!(
        reply.status == 422 && reply.body.len() < 300 && reply.head.contains("nosniff"),
        "{}",
        reply.body
    );

    let infer = |body: Value| post(server.address(), INFER, &body.to_string());
    let tensor = |name: &str, datatype: &str, shape: Value, data: Value| json!({"name": name, "datatype": datatype, "shape": shape, "data": data});
    let good = |name: &str| tensor(name, "FP64", json!([2]), json!([1, 2]));
    let refuse = |input: Value, part: &str| {
        let reply = infer(json!({"inputs": [good("a"), good("b"), input]}));
        assert_eq!(reply.status, 422, "{}", reply.body);
        assert!(reply.error().contains(part), "{part} in {}", reply.body);
    };
    refuse(good("b"), "`b` is given twice");
    refuse(good("z"), "`z`");
    refuse(tensor("c", "FP64", json!([3]), json!([1, 2])), "`shape` says 3");
    refuse(tensor("c", "FP64", json!([1]), json!([1])), "`c` has 1 rows, others have 2");
    refuse(tensor("c", "FP64", json!([2, 2]), json!([1, 2, 3, 4])), "[rows, 1]");
    refuse(tensor("c", "FP64", json!([u64::MAX]), json!([1, 2])), "`shape`");
    refuse(tensor("c", "BYTES", json!([2]), json!(["x", "y"])), "use FP64");
    refuse(tensor("c", "UINT4", json!([2]), json!([1, 2])), "use FP64");
    refuse(tensor("c", "FP32", json!([2]), json!([1, 1e39])), "is no FP32");
    refuse(tensor("c", "INT32", json!([2]), json!([1, 3_000_000_000_i64])), "is no INT32");
    refuse(tensor("c", "INT64", json!([2]), json!([1, 1.5])), "is no INT64");
    assert_eq!(infer(json!({"inputs": [good("a"), good("b")]})).error(), "input `c` is missing");
    assert_eq!(infer(json!({"inputs": []})).status, 422);
    assert_eq!(
        infer(json!({"inputs": [good("a"), good("b"), good("c")], "outputs": [{"name": "x"}]})).status,
        422
    );
    let nested = tensor("c", "INT32", json!([2, 1]), json!([[1], [2]]));
    assert_eq!(infer(json!({"inputs": [good("a"), good("b"), nested], "parameters": {}})).status, 200);
    let single = tensor("c", "FP32", json!([2]), json!([0.1, 2]));
    let wide = tensor("c", "FP64", json!([2]), json!([f64::from(0.1_f32), 2]));
    let answer = |input: Value| infer(json!({"inputs": [good("a"), good("b"), input]})).json();
    assert_eq!(answer(single), answer(wide));
}

#[test]
fn columns_of_every_type() {
    let x = shops();
    let model = Shops.fit(&x, &Values::from(vec![0.0; 3])).unwrap();
    let artifact = Artifact::regressor("shops", &Shops, &model, &x).unwrap().build().unwrap();
    let server = Server::regressor(&artifact, &Shops).unwrap().bind("127.0.0.1:0").start().unwrap();
    let at: SocketAddr = server.address();
    let predict =
        |records: Value| post(at, "/v1/models/shops:predict", &json!({"records": records}).to_string());
    let truth = bits(model.predict(&x).unwrap().as_slice());
    let rows = json!([
        {"shop": "north", "visits": 1, "open": true, "day": "1970-01-01", "at": "1970-01-01T00:00:00Z", "note": ""},
        {"shop": "east", "visits": 2.0, "open": false, "day": "1970-01-02", "at": "1970-01-01 00:00:01.5", "note": "ab"},
        {"shop": null, "visits": 3, "open": true, "day": "2022-01-08", "at": "1970-01-01 00:00:00.000009", "note": "ü"},
    ]);
    let reply = predict(rows.clone());
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(numbers(&reply.json()["predictions"]), truth);
    let column =
        |name: &str| rows.as_array().unwrap().iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    let tensor = |name: &str, datatype: &str| json!({"name": name, "datatype": datatype, "shape": [3], "data": column(name)});
    let body = json!({"inputs": [
        tensor("at", "BYTES"), tensor("shop", "BYTES"), tensor("visits", "FP64"), tensor("open", "BOOL"),
        tensor("day", "BYTES"), tensor("note", "BYTES"),
    ]});
    let reply = post(at, "/v2/models/shops/infer", &body.to_string());
    assert_eq!(numbers(&reply.json()["outputs"][0]["data"]), truth, "{}", reply.body);

    let with = |name: &str, value: Value| {
        let mut row = rows[0].clone();
        row[name] = value;
        predict(json!([row]))
    };
    // A level that was never seen gets a code after those that were; what to make of it is up to the model.
    assert_eq!(with("shop", "west".into()).status, 200);
    let wrong: [(&str, Value); 9] = [
        ("shop", 3.into()),
        ("visits", json!(1.5)),
        ("visits", json!(1e300)),
        ("open", "true".into()),
        ("day", "2023-02-29".into()),
        ("day", "yesterday".into()),
        ("at", "1970-01-01\n1970-01-01".into()),
        ("at", "".into()),
        ("note", Value::Null),
    ];
    for (name, value) in wrong {
        let reply: Reply = with(name, value.clone());
        assert_eq!(reply.status, 422, "{name} {value}: {}", reply.body);
        assert!(reply.error().contains(&format!("`{name}`")), "{}", reply.body);
    }
}

#[test]
fn the_observer_sees_rows_and_answers() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let server = Server::regressor(&regressor().build().unwrap(), &Linear)
        .unwrap()
        .on_prediction(move |rows, answers| {
            log.lock().unwrap().push((rows.clone(), answers.clone()));
            assert!(rows.n_rows() < 2, "an observer that panics");
        })
        .bind("127.0.0.1:0")
        .start()
        .unwrap();
    assert_eq!(post(server.address(), PREDICT, r#"{"instances":[[1,2,3]]}"#).status, 200);
    assert_eq!(post(server.address(), PREDICT, r#"{"instances":[[1,2]]}"#).status, 422);
    let seen = || seen.lock().unwrap_or_else(|poison| poison.into_inner());
    let (rows, answers) = seen()[0].clone();
    assert_eq!(rows, Table::builder().real("a", [1.0]).real("b", [2.0]).real("c", [3.0]).build().unwrap());
    assert_eq!(answers, fitted().answer(&rows).unwrap());
    assert_eq!(seen().len(), 1);
    assert_eq!(post(server.address(), PREDICT, r#"{"instances":[[1,2,3],[1,2,3]]}"#).status, 200);
}

#[test]
fn settings_are_checked() {
    let server = || Server::regressor(&regressor().build().unwrap(), &Linear).unwrap().bind("127.0.0.1:0");
    assert!(server().max_batch_rows(0).start().unwrap_err().to_string().contains("`max_batch_rows` is 0"));
    assert!(
        server().deadline(std::time::Duration::ZERO).start().unwrap_err().to_string().contains("`deadline`")
    );
    assert!(server().max_concurrent(usize::MAX).start().is_err());
    assert!(server().bind("nowhere").start().unwrap_err().to_string().contains("cannot serve on `nowhere`"));
    assert!(server().and(server()).unwrap_err().to_string().contains("two models are named `m`"));
    let running = server().start().unwrap();
    assert!(server().bind(running.address().to_string()).start().is_err());
    // The artifact of another pipeline is never served.
    assert!(Server::classifier(&regressor().build().unwrap(), &Squeezed).is_err());
}
