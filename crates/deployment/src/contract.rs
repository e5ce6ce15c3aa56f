//! Contracts that rows to be answered are held to.

use perennial_core::{Error, Result};
use perennial_data::{Contract, Schema};

/// What a contract says of single rows, if rows of this schema can keep it.
pub(crate) fn of_requests(contract: &Contract, schema: &Schema) -> Result<Contract> {
    let contract = contract.of_single_rows();
    let report = contract.check(&schema.empty_table()?);
    if !report.is_met() {
        return Err(Error::contract_violation(format!(
            "rows that the model takes cannot keep the contract: {report}; leave out what the model does not take, such as the \
             target, by `Contract::drop`"
        )));
    }
    Ok(contract)
}

/// The text of a contract, which gives it back as it is.
pub(crate) fn written(contract: &Contract) -> Result<String> {
    let text = serde_json::to_string(contract).map_err(Error::other)?;
    match read(text.as_bytes()) {
        Ok(again) if again == *contract => Ok(text),
        _ => Err(Error::unsupported(
            "the contract has a bound that is infinite or no number, which an artifact cannot keep; leave the bound out or write a \
             finite one",
        )),
    }
}

/// The contract of such a text.
pub(crate) fn read(text: &[u8]) -> Result<Contract> {
    serde_json::from_slice(text).map_err(|error| {
        Error::corrupt(format!("the section `contract` of the artifact is no contract: {error}"))
            .with_source(error)
    })
}
