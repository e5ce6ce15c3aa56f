#![doc = include_str!("../README.md")]

mod answer;
mod artifact;
mod builder;
mod contract;
mod header;
mod layout;
mod name;
mod request_log;
#[cfg(feature = "server")]
mod server;

pub use answer::{Answer, AnswerKind, Answers};
pub use artifact::{Artifact, Load};
pub use builder::ArtifactBuilder;
pub use header::{CARD_FIELDS, DataRecord, Metric, Task};
pub use name::check_name;
pub use request_log::{Logged, RequestLog};
#[cfg(feature = "server")]
pub use server::{RunningServer, Server};
