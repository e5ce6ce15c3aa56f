//! Paths to answers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant as Moment, timeout, timeout_at};

use super::held::Aside;
use super::metrics::Metrics;
use super::refusal::Refusal;
use super::request::{Protocol, Request};
use super::{Limits, Served, response};

/// What all connections share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) models: BTreeMap<String, Arc<Served>>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    /// Requests that wait for a prediction or have one made.
    pub(crate) waiting: AtomicUsize,
    pub(crate) workers: Arc<Semaphore>,
    pub(crate) stopping: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
enum Route<'p> {
    Server,
    Live,
    Ready,
    Metrics,
    Model(&'p str),
    ModelReady(&'p str),
    Predict(&'p str, Protocol),
}

impl<'p> Route<'p> {
    /// Names in paths are compared as they are: nothing that is safe in a name is ever encoded.
    fn of(path: &'p str) -> Option<Self> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        Some(match parts.as_slice() {
            ["v2"] => Route::Server,
            ["v2", "health", "live"] => Route::Live,
            ["v2", "health", "ready"] => Route::Ready,
            ["metrics"] => Route::Metrics,
            ["v2", "models", name] => Route::Model(name),
            ["v2", "models", name, "ready"] => Route::ModelReady(name),
            ["v2", "models", name, "infer"] => Route::Predict(name, Protocol::Tensors),
            ["v1", "models", action] => Route::Predict(action.strip_suffix(":predict")?, Protocol::Rows),
            _ => return None,
        })
    }

    fn method(self) -> Method {
        if matches!(self, Route::Predict(..)) { Method::POST } else { Method::GET }
    }

    fn model(self) -> Option<&'p str> {
        match self {
            Route::Model(name) | Route::ModelReady(name) | Route::Predict(name, _) => Some(name),
            _ => None,
        }
    }
}

const JSON: &str = "application/json";

/// Answers one request, whatever it is.
pub(crate) async fn handle(
    state: Arc<State>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let started = Instant::now();
    let path = request.uri().path().to_owned();
    let route = Route::of(&path);
    let served = route.and_then(Route::model).and_then(|name| state.models.get(name)).cloned();
    let answer = match route {
        None => Err(Refusal::new(StatusCode::NOT_FOUND, "there is nothing at this path")),
        Some(route) => respond(&state, route, served.as_ref(), request).await,
    };
    let (status, kind, body, refusal) = match answer {
        Ok((kind, body)) => (StatusCode::OK, kind, body, None),
        Err(refusal) => {
            let body = serde_json::json!({"error": refusal.message}).to_string().into_bytes();
            (refusal.status, JSON, body, Some(refusal))
        }
    };
    let model = served.as_ref().map_or("", |served| &served.name);
    state.metrics.request(model, status.as_u16(), started.elapsed());
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(refusal) = refusal {
        if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(allow) = refusal.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if refusal.closes() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
    Ok(response)
}

async fn respond(
    state: &Arc<State>,
    route: Route<'_>,
    served: Option<&Arc<Served>>,
    request: hyper::Request<Incoming>,
) -> Result<(&'static str, Vec<u8>), Refusal> {
    if request.method() != route.method() {
        let allow = if route.method() == Method::POST { "POST" } else { "GET" };
        let mut refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("use {allow} here"));
        refusal.allow = Some(allow);
        return Err(refusal);
    }
    let model = || {
        served.ok_or_else(|| {
            let name: String = route.model().unwrap_or_default().chars().take(64).collect();
            Refusal::new(StatusCode::NOT_FOUND, format!("there is no model {name:?}"))
        })
    };
    let json = |value: serde_json::Value| Ok((JSON, value.to_string().into_bytes()));
    let ready = || match state.stopping.load(Ordering::Relaxed) {
        true => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping")),
        false => Ok(()),
    };
    match route {
        Route::Server => json(response::server_metadata()),
        Route::Live => json(serde_json::json!({"live": true})),
        Route::Ready => {
            ready()?;
            json(serde_json::json!({"ready": true}))
        }
        Route::Metrics => Ok(("text/plain; version=0.0.4", state.metrics.render().into_bytes())),
        Route::Model(_) => json(response::model_metadata(model()?)),
        Route::ModelReady(_) => {
            let served = model()?;
            ready()?;
            json(serde_json::json!({"name": served.name, "ready": true}))
        }
        Route::Predict(_, protocol) => {
            let served = model()?.clone();
            check_headers(request.headers(), state.limits.max_body_bytes)?;
            let body = read(request.into_body(), &state.limits).await?;
            predict(state, served, body, protocol).await.map(|body| (JSON, body))
        }
    }
}

fn check_headers(headers: &HeaderMap, max_body_bytes: usize) -> Result<(), Refusal> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let declared = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > max_body_bytes as u64) {
        return Err(body_too_large(max_body_bytes));
    }
    let unsupported = |what: &str| Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    if headers.contains_key(header::CONTENT_ENCODING) {
        return unsupported("send the body without Content-Encoding");
    }
    // A page of another origin cannot send this type without asking first, which is never allowed.
    let media_type = text(header::CONTENT_TYPE).and_then(|kind| kind.split(';').next()).map(str::trim);
    if !media_type.is_some_and(|kind| kind.eq_ignore_ascii_case(JSON)) {
        return unsupported("send the body as application/json");
    }
    Ok(())
}

fn body_too_large(limit: usize) -> Refusal {
    Refusal::too_large(format!("the body is larger than {limit} bytes; send fewer rows at once"))
}

async fn read(body: Incoming, limits: &Limits) -> Result<Vec<u8>, Refusal> {
    timeout(limits.body_timeout, collect(body, limits.max_body_bytes))
        .await
        .unwrap_or_else(|_| Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")))
}

/// The chunks of a body as one buffer: kept one by one, chunks of a few bytes would take many times their size.
async fn collect(mut body: Incoming, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the body cannot be read"))?;
        let Ok(chunk) = frame.into_data() else { continue };
        if whole.len() + chunk.len() > limit {
            return Err(body_too_large(limit));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

/// Counts a request among those that wait, as long as it lives.
struct Waiting<'s>(&'s AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn predict(
    state: &Arc<State>,
    served: Arc<Served>,
    body: Vec<u8>,
    protocol: Protocol,
) -> Result<Vec<u8>, Refusal> {
    let limits = &state.limits;
    let before = state.waiting.fetch_add(1, Ordering::Relaxed);
    let _waiting = Waiting(&state.waiting);
    if before >= limits.max_concurrent + limits.max_queued {
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests wait; try again"));
    }
    let late = |_| Refusal::new(StatusCode::GATEWAY_TIMEOUT, "the answer was not ready before the deadline");
    let failed = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the model failed on this request");
    let deadline = Moment::now() + limits.deadline;
    let worker = timeout_at(deadline, state.workers.clone().acquire_owned()).await.map_err(late)?;
    let worker = worker.map_err(|_| failed())?;
    let shared = state.clone();
    let work = tokio::task::spawn_blocking(move || {
        // The worker stays taken until the work is done, also when nobody waits for it any more.
        let _worker = worker;
        let work = || answer(&shared, &served, &body, protocol);
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            shared.metrics.panic(&served.name);
            Err(failed())
        })
    });
    timeout_at(deadline, work).await.map_err(late)?.map_err(|_| failed())?
}

fn answer(state: &State, served: &Served, body: &[u8], protocol: Protocol) -> Result<Vec<u8>, Refusal> {
    let Request { rows, id, outputs } = Request::parse(body, protocol, served, state.limits.max_batch_rows)?;
    if let Some(wanted) = &outputs {
        response::check_outputs(served, wanted)?;
    }
    let (rows, aside) = match &served.held {
        Some(held) => held.part(rows, served, &state.metrics)?,
        None => (rows, Aside::default()),
    };
    let answers = (served.answer)(&rows)?;
    let written = match protocol {
        Protocol::Rows => response::rows(&answers, &aside)?,
        Protocol::Tensors => response::tensors(served, &answers, &aside, id.as_deref(), outputs.as_deref())?,
    };
    state.metrics.rows(&served.name, rows.n_rows());
    if let Some(observer) = &served.observer {
        unharmed(&served.name, &state.metrics, || observer(&rows, &answers));
    }
    Ok(written)
}

/// Calls what watches a model, which must not keep its answer back.
pub(crate) fn unharmed(model: &str, metrics: &Metrics, watch: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(watch)).is_err() {
        metrics.panic(model);
    }
}
