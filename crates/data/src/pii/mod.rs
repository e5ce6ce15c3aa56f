//! Personal data: where they stand, and what becomes of them.

mod find;
pub(crate) mod marks;
mod policy;

pub use find::{PiiFinding, PiiKind, find_pii};
pub use policy::{PiiAction, PiiPolicy, Redacted};
