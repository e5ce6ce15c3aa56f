//! Requests that are not answered, and why.

use hyper::StatusCode;
use perennial_core::{Error, ErrorKind};

/// A status and a sentence for the client.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// The method that is allowed instead, for status 405.
    pub(crate) allow: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Refusal { status, message: message.into(), allow: None }
    }

    /// The JSON is sound, but it is not what the model takes.
    pub(crate) fn unfit(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// Whether the connection cannot go on, because the rest of the request was not read.
    pub(crate) fn closes(&self) -> bool {
        matches!(self.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT)
    }
}

impl From<Error> for Refusal {
    /// What a model says about the data goes to the client; what it says about itself stays here.
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::FeatureMismatch { .. }
            | ErrorKind::NonFinite { .. }
            | ErrorKind::LengthMismatch { .. }
            | ErrorKind::Empty { .. }
            | ErrorKind::Malformed { .. }
            | ErrorKind::ContractViolation { .. }
            | ErrorKind::Unknown { .. }
            | ErrorKind::InsufficientData { .. } => Refusal::unfit(error.to_string()),
            _ => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the model failed on this request"),
        }
    }
}
