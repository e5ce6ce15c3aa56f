//! What is put into an artifact.

use std::collections::BTreeSet;
use std::fmt;

use perennial_core::{Error, Persist, Result, ResultExt, Rows, to_bytes};
use perennial_data::{Contract, Table, content_hash};

use crate::artifact::{CONTRACT, GOLDEN, Golden, MODEL, kind_of};
use crate::header::Header;
use crate::name::check_name;
use crate::{Answer, Artifact, DataRecord, Metric, contract, layout};

/// How many golden rows an artifact has at most, beside those that show missing cells.
const GOLDEN_ROWS: usize = 16;

/// An artifact in the making, begun by [`Artifact::regressor`] or [`Artifact::classifier`].
#[derive(Clone)]
#[must_use]
pub struct ArtifactBuilder {
    header: Header,
    sections: Vec<(String, Vec<u8>)>,
    contract: Option<Contract>,
}

impl fmt::Debug for ArtifactBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sections: Vec<&str> = self.sections.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ArtifactBuilder").field("header", &self.header).field("sections", &sections).finish()
    }
}

impl ArtifactBuilder {
    pub(crate) fn new<E>(name: &str, estimator: &E, model: &E::Model, table: &Table) -> Result<Self>
    where
        E: Persist<Input = Table, Model: Answer>,
    {
        check_name(name)?;
        if table.n_rows() == 0 {
            return Err(Error::empty("the table for the golden rows has no rows"));
        }
        let rows = table.take(&golden_rows(table))?;
        let answers = model.answer(&rows).context("the golden rows")?;
        let header = Header {
            name: name.to_owned(),
            version: "1".to_owned(),
            library: env!("CARGO_PKG_VERSION").to_owned(),
            kind: kind_of(estimator),
            task: answers.task(),
            target: None,
            input: table.schema(),
            seed: None,
            data: Vec::new(),
            parameters: Vec::new(),
            facts: Vec::new(),
            card: Vec::new(),
            metrics: Vec::new(),
            sections: Vec::new(),
        };
        let sections = vec![
            (MODEL.to_owned(), estimator.encode(model)?),
            (GOLDEN.to_owned(), to_bytes(&Golden { rows, answers })?),
        ];
        Ok(ArtifactBuilder { header, sections, contract: None })
    }

    /// Sets the version of the model; without it, it is `1`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.header.version = version.into();
        self
    }

    /// Sets the name of the target.
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.header.target = Some(target.into());
        self
    }

    /// Sets the seed of the training.
    pub fn seed(mut self, seed: u64) -> Self {
        self.header.seed = Some(seed);
        self
    }

    /// Records data that was used, such as `training`, by its size and its content hash.
    pub fn data(mut self, name: impl Into<String>, table: &Table) -> Self {
        self.header.data.push(DataRecord {
            name: name.into(),
            n_rows: table.n_rows() as u64,
            n_cols: table.n_cols() as u64,
            hash: content_hash(table),
        });
        self
    }

    /// Records a setting of the training.
    pub fn parameter(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.header.parameters.push((name.into(), value.to_string()));
        self
    }

    /// Records what is known about the problem, such as its success criterion.
    pub fn fact(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.header.facts.push((name.into(), text.into()));
        self
    }

    /// Writes a field of the model card, one of [`CARD_FIELDS`](crate::CARD_FIELDS). A card needs `intended_use`,
    /// `limitations`, `ethical_considerations`, `owner` and `licence`.
    pub fn card(mut self, field: impl Into<String>, text: impl Into<String>) -> Self {
        self.header.card.push((field.into(), text.into()));
        self
    }

    /// Records a measured quality.
    pub fn metric(mut self, metric: Metric) -> Self {
        self.header.metrics.push(metric);
        self
    }

    /// Sends a contract with the model: a `Server` holds requests to what it says of single rows
    /// ([`Contract::of_single_rows`]), and [`Artifact::contract`] gives it back to whoever answers a table, who sifts it before. A
    /// contract of a table with its target is that of the rows without it by [`Contract::drop`]. Clients see the bounds in errors;
    /// of personal data write rounder ones than [`Contract::infer`] finds.
    pub fn contract(mut self, contract: Contract) -> Self {
        self.contract = Some(contract);
        self
    }

    /// Adds a section of any bytes, such as the reference profile of monitoring. The names `model`, `golden` and `contract` are taken
    /// by what the library writes itself.
    pub fn section(mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.sections.push((name.into(), bytes.into()));
        self
    }

    /// The artifact.
    ///
    /// # Errors
    /// When a name, metric, card field or section is wrong or given twice, or the target is among the columns
    /// that the model takes, or no row of these columns could keep the contract.
    pub fn build(mut self) -> Result<Artifact> {
        if self.sections.iter().any(|(name, _)| name == CONTRACT) {
            return Err(Error::invalid_name(format!(
                "the section `{CONTRACT}` is that of `ArtifactBuilder::contract`; give the contract there, or name the section \
                 differently"
            )));
        }
        if let Some(kept) = self.contract.take() {
            contract::of_requests(&kept, &self.header.input)?;
            self.sections.push((CONTRACT.to_owned(), contract::written(&kept)?.into_bytes()));
        }
        for (name, _) in &self.sections {
            check_name(name)?;
        }
        let mut names = BTreeSet::new();
        if let Some((name, _)) = self.sections.iter().find(|(name, _)| !names.insert(name)) {
            return Err(Error::invalid_name(format!(
                "there are two sections `{name}`; name one differently"
            )));
        }
        Artifact::from_bytes(layout::compose(self.header, &self.sections)?)
    }
}

/// Rows spread evenly over the table, and for each column that has missing cells the first row with one.
fn golden_rows(table: &Table) -> Vec<usize> {
    let n_rows = table.n_rows();
    let n = n_rows.min(GOLDEN_ROWS);
    let mut rows: BTreeSet<usize> = (0..n).map(|position| position * n_rows / n).collect();
    for (_, column) in table.columns().filter(|(_, column)| column.null_count() > 0).take(GOLDEN_ROWS) {
        rows.extend((0..n_rows).find(|&row| column.is_null(row)));
    }
    rows.into_iter().collect()
}
