//! Models to bytes and back.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Estimator, Result};

/// An estimator whose models can be saved and loaded.
///
/// Every estimator with a model that serde can write and read has this for nothing, and so have boxed
/// estimators: the settings know what type their model is, so loading needs no type spelled out.
///
/// The bytes are the body of an artifact; `perennial-deployment` adds the header, the checksum and the
/// schema. Loading runs no code from the bytes and allocates no more than they fill.
#[diagnostic::on_unimplemented(
    message = "models of `{Self}` cannot be saved",
    note = "derive `serde::Serialize` and `serde::Deserialize` for the model"
)]
pub trait Persist: Estimator {
    /// The model as bytes.
    ///
    /// # Errors
    /// When a part of the model cannot be written.
    fn encode(&self, model: &Self::Model) -> Result<Vec<u8>>;

    /// The model from bytes that [`encode`](Persist::encode) gave.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) when the bytes are not such a model.
    fn decode(&self, bytes: &[u8]) -> Result<Self::Model>;
}

impl<E> Persist for E
where
    E: Estimator,
    E::Model: Serialize + DeserializeOwned,
{
    fn encode(&self, model: &E::Model) -> Result<Vec<u8>> {
        to_bytes(model)
    }

    fn decode(&self, bytes: &[u8]) -> Result<E::Model> {
        from_bytes(bytes)
    }
}

/// Any value as compact bytes.
///
/// # Errors
/// When a part of the value cannot be written.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    postcard::to_stdvec(value)
        .map_err(|error| Error::unsupported(format!("this cannot be saved: {error}")).with_source(error))
}

/// A value from bytes that [`to_bytes`] gave.
///
/// # Errors
/// When the bytes are not such a value, or more than one.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|error| {
        Error::corrupt(format!("the saved model cannot be read: {error}")).with_source(error)
    })?;
    if !rest.is_empty() {
        return Err(Error::corrupt(format!(
            "the saved model is followed by {} bytes that do not belong to it",
            rest.len()
        )));
    }
    Ok(value)
}
