//! The prediction server.

mod cells;
mod connection;
mod held;
mod json;
mod metrics;
mod refusal;
mod request;
mod response;
mod routes;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use perennial_core::{Classifier, Error, Persist, Predictor, Result, Values};
use perennial_data::{Contract, Schema, Table};
use tokio::sync::{Semaphore, watch};

use crate::{Answer, Answers, Artifact, Task};
use held::Held;
use routes::State;

type AnswerFn = Box<dyn Fn(&Table) -> Result<Answers> + Send + Sync>;
type Observer = Arc<dyn Fn(&Table, &Answers) + Send + Sync>;
type Watcher = Arc<dyn Fn(&Table) + Send + Sync>;

/// A model and what its requests are held against.
pub(crate) struct Served {
    name: String,
    version: String,
    kind: String,
    content_hash: String,
    task: Task,
    schema: Schema,
    answer: AnswerFn,
    observer: Option<Observer>,
    watcher: Option<Watcher>,
    held: Option<Held>,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Limits {
    max_body_bytes: usize,
    max_batch_rows: usize,
    max_concurrent: usize,
    max_queued: usize,
    max_connections: u32,
    deadline: Duration,
    header_timeout: Duration,
    body_timeout: Duration,
    write_timeout: Duration,
    drain: Duration,
}

/// A prediction server over HTTP/1.1 for one or more models.
///
/// It speaks the Open Inference Protocol, version 2, and answers rows at `/v1/models/{name}:predict`. A model
/// that does not give its golden answers bit for bit cannot be served.
///
/// Rows of requests are held to the contract in the artifact ([`ArtifactBuilder::contract`](crate::ArtifactBuilder::contract)), as far
/// as it says something of single rows ([`Contract::of_single_rows`]): how many rows there are, what must be unique or in order,
/// statistics, shares, and how old rows and labels may be ([`Contract::fresh`], [`Contract::mature`]) are left out. A row that breaks what
/// fails gives status 422 with row, column and rule; what warns is counted and answered; rows that are to be set aside are not shown
/// to the model, and the others are answered. `/metrics` counts all three by rule, with its position in the contract.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `bind` | `127.0.0.1:8080` | the address to listen on; port 0 takes a free one |
/// | `max_body_bytes` | 8 MiB | larger bodies get status 413 |
/// | `max_batch_rows` | 10,000 | more rows get status 413 |
/// | `max_concurrent` | number of processors | predictions made at the same time |
/// | `max_queued` | 64 | requests that wait for their turn; more get status 503 |
/// | `max_connections` | 1,024 | connections that are open; more wait to be accepted |
/// | `deadline` | 10 s | later answers become status 504 |
/// | `header_timeout` | 10 s | slower headers, and idle connections, are closed |
/// | `body_timeout` | 10 s | slower bodies get status 408 |
/// | `write_timeout` | 10 s | clients that take nothing for so long are left |
/// | `drain` | 10 s | how long `shutdown` waits for open requests |
#[must_use]
pub struct Server {
    models: BTreeMap<String, Served>,
    bind: String,
    limits: Limits,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("models", &self.models.keys())
            .field("bind", &self.bind)
            .field("limits", &self.limits)
            .finish()
    }
}

impl Server {
    /// A server of a regressor; `estimator` is the pipeline that made the model.
    ///
    /// # Errors
    /// As for [`Artifact::model`].
    pub fn regressor<E>(artifact: &Artifact, estimator: &E) -> Result<Self>
    where
        E: Persist<Input = Table>,
        E::Model: Predictor<Input = Table, Output = Values> + 'static,
    {
        Server::new(artifact, estimator)
    }

    /// A server of a classifier; `estimator` is the pipeline that made the model.
    ///
    /// # Errors
    /// As for [`Artifact::model`].
    pub fn classifier<E>(artifact: &Artifact, estimator: &E) -> Result<Self>
    where
        E: Persist<Input = Table>,
        E::Model: Classifier<Input = Table> + 'static,
    {
        Server::new(artifact, estimator)
    }

    fn new<E>(artifact: &Artifact, estimator: &E) -> Result<Self>
    where
        E: Persist<Input = Table, Model: Answer + 'static>,
    {
        let model = artifact.model(estimator)?;
        let served = Served {
            name: artifact.name().to_owned(),
            version: artifact.version().to_owned(),
            kind: artifact.kind().to_owned(),
            content_hash: artifact.content_hash(),
            task: artifact.task().clone(),
            schema: artifact.input().clone(),
            answer: Box::new(move |rows| model.answer(rows)),
            observer: None,
            watcher: None,
            held: artifact.contract()?.map(|contract| Held::new(&contract, artifact.input())).transpose()?,
        };
        let second = Duration::from_secs(1);
        Ok(Server {
            models: BTreeMap::from([(served.name.clone(), served)]),
            bind: "127.0.0.1:8080".to_owned(),
            limits: Limits {
                max_body_bytes: 8 << 20,
                max_batch_rows: 10_000,
                max_concurrent: std::thread::available_parallelism().map_or(1, usize::from),
                max_queued: 64,
                max_connections: 1024,
                deadline: 10 * second,
                header_timeout: 10 * second,
                body_timeout: 10 * second,
                write_timeout: 10 * second,
                drain: 10 * second,
            },
        })
    }

    /// Serves the models of `other` too; the settings of this server stay.
    ///
    /// # Errors
    /// When both have a model of the same name.
    pub fn and(mut self, other: Server) -> Result<Self> {
        for (name, served) in other.models {
            if self.models.contains_key(&name) {
                return Err(Error::invalid_name(format!("two models are named `{name}`; rename one")));
            }
            self.models.insert(name, served);
        }
        Ok(self)
    }

    /// Calls `observer` with the rows and the answers of each request to the models that are here now, without the rows that a
    /// contract set aside, before the answer is sent. It runs on the thread that made the prediction, so it must be quick.
    pub fn on_prediction(mut self, observer: impl Fn(&Table, &Answers) + Send + Sync + 'static) -> Self {
        let observer: Observer = Arc::new(observer);
        self.models.values_mut().for_each(|served| served.observer = Some(observer.clone()));
        self
    }

    /// Holds the requests to the models that are here now to this contract instead of the one in their artifact.
    ///
    /// ```no_run
    /// # use perennial_core::{Persist, Predictor, Result, Values};
    /// # use perennial_data::Table;
    /// use perennial_data::{Contract, Rule};
    /// use perennial_deployment::{Artifact, Server};
    ///
    /// # fn serve<E>(artifact: &Artifact, pipeline: &E) -> Result<()>
    /// # where E: Persist<Input = Table>, E::Model: Predictor<Input = Table, Output = Values> + 'static {
    /// let ages = Contract::new().extra_columns(true).rule(Rule::between("age", 0..=120).quarantine());
    /// Server::regressor(artifact, pipeline)?.contract(&ages)?.start()?.wait()
    /// # }
    /// ```
    ///
    /// # Errors
    /// When no row of the columns that a model takes could keep the contract: it needs others, or of another type.
    pub fn contract(mut self, contract: &Contract) -> Result<Self> {
        for served in self.models.values_mut() {
            served.held = Some(Held::new(contract, &served.schema)?);
        }
        Ok(self)
    }

    /// Calls `watcher` with the rows that a contract sets aside, of the models that are here now, also where the contract comes later: as
    /// they were, with the columns `quarantine row` and `quarantine reason`. It runs on the thread that makes the predictions, so it must be quick.
    pub fn on_quarantine(mut self, watcher: impl Fn(&Table) + Send + Sync + 'static) -> Self {
        let watcher: Watcher = Arc::new(watcher);
        self.models.values_mut().for_each(|served| served.watcher = Some(watcher.clone()));
        self
    }

    /// Sets the address to listen on, such as `127.0.0.1:0`.
    pub fn bind(mut self, address: impl Into<String>) -> Self {
        self.bind = address.into();
        self
    }

    fn check(&self) -> Result<()> {
        let limits = &self.limits;
        let counts = [
            ("max_body_bytes", limits.max_body_bytes),
            ("max_batch_rows", limits.max_batch_rows),
            ("max_concurrent", limits.max_concurrent),
            ("max_connections", limits.max_connections as usize),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(Error::invalid_param(name, 0, "at least 1"));
        }
        let most = Semaphore::MAX_PERMITS / 2;
        for (name, count) in [("max_concurrent", limits.max_concurrent), ("max_queued", limits.max_queued)] {
            if count > most {
                return Err(Error::invalid_param(name, count, format!("at most {most}")));
            }
        }
        let times = [
            ("deadline", limits.deadline),
            ("header_timeout", limits.header_timeout),
            ("body_timeout", limits.body_timeout),
            ("write_timeout", limits.write_timeout),
            ("drain", limits.drain),
        ];
        let longest = Duration::from_secs(86_400);
        match times.iter().find(|(_, time)| time.is_zero() || *time > longest) {
            None => Ok(()),
            Some((name, time)) => Err(Error::invalid_param(name, time, "more than 0 and at most a day")),
        }
    }

    /// Starts serving on threads of its own and returns at once.
    ///
    /// # Errors
    /// When a setting is wrong or the address cannot be had.
    pub fn start(self) -> Result<RunningServer> {
        self.check()?;
        let failed = |error| Error::io(format!("cannot serve on `{}`", self.bind), error);
        let listener = TcpListener::bind(&self.bind).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            // One thread for each prediction, and a few for names and the like.
            .max_blocking_threads(self.limits.max_concurrent + 4)
            .thread_name("perennial-server")
            .enable_all()
            .build()
            .map_err(failed)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        let state = Arc::new(State {
            models: self.models.into_iter().map(|(name, served)| (name, Arc::new(served))).collect(),
            metrics: metrics::Metrics::default(),
            waiting: AtomicUsize::new(0),
            workers: Arc::new(Semaphore::new(self.limits.max_concurrent)),
            stopping: AtomicBool::new(false),
            limits: self.limits,
        });
        let (stop, stopped) = watch::channel(false);
        let shared = state.clone();
        let serve = move || {
            runtime.block_on(connection::serve(listener, shared, stopped));
            // A prediction that never ends must not keep the program.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new()
            .name("perennial-server".to_owned())
            .spawn(serve)
            .map_err(|error| Error::io("cannot start the thread of the server", error))?;
        Ok(RunningServer { address, state, stop, thread: Some(thread) })
    }
}

/// Numbers and times of the server.
macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        impl Server {
            $($(#[$doc])*
            pub fn $name(mut self, $name: $type) -> Self {
                self.limits.$name = $name;
                self
            })*
        }
    };
}

settings! {
    /// Sets how many bytes a body may have.
    max_body_bytes: usize;
    /// Sets how many rows a request may have.
    max_batch_rows: usize;
    /// Sets how many predictions are made at the same time.
    max_concurrent: usize;
    /// Sets how many requests may wait for their turn.
    max_queued: usize;
    /// Sets how many connections may be open.
    max_connections: u32;
    /// Sets how long a prediction may take, waiting included.
    deadline: Duration;
    /// Sets how long the headers of a request may take.
    header_timeout: Duration;
    /// Sets how long the body of a request may take.
    body_timeout: Duration;
    /// Sets how long a client may take nothing of its answer.
    write_timeout: Duration;
    /// Sets how long a shutdown waits for open requests.
    drain: Duration;
}

/// A server that answers until it is shut down or dropped.
#[derive(Debug)]
#[must_use = "the server stops when this is dropped"]
pub struct RunningServer {
    address: SocketAddr,
    state: Arc<State>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl RunningServer {
    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, answers the requests that are open, and stops.
    pub fn shutdown(mut self) {
        self.stop_and_join();
    }

    /// Serves until the process is told to stop, by Ctrl-C or by SIGTERM, then shuts down.
    ///
    /// # Errors
    /// When signals cannot be had from the operating system.
    pub fn wait(self) -> Result<()> {
        let failed = |error| Error::io("cannot wait for signals", error);
        // On a thread of its own, because the caller's may belong to a runtime already.
        let waiting = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(told_to_stop())
        });
        match waiting.join() {
            Ok(told) => told.map_err(failed)?,
            Err(_) => return Err(failed(std::io::Error::other("the thread that waits failed"))),
        }
        self.shutdown();
        Ok(())
    }

    fn stop_and_join(&mut self) {
        self.state.stopping.store(true, Ordering::Relaxed);
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was printed already; there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.stop_and_join();
    }
}

#[cfg(unix)]
async fn told_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn told_to_stop() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
