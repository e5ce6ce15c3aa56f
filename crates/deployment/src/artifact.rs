//! One file that holds a model and everything that serving and monitoring need.

use std::fmt::{self, Write};
use std::ops::Range;
use std::path::Path;

use perennial_core::{
    Classifier, Error, Persist, Predictor, Result, ResultExt, Values, from_bytes, write_atomic,
};
use perennial_data::{Contract, Schema, Table};
use serde::{Deserialize, Serialize};

use crate::header::Header;
use crate::{Answer, Answers, ArtifactBuilder, DataRecord, Metric, Task, contract, layout};

/// The section of the model.
pub(crate) const MODEL: &str = "model";
/// The section of the golden rows and their answers.
pub(crate) const GOLDEN: &str = "golden";

/// The section of the contract.
pub(crate) const CONTRACT: &str = "contract";

/// Artifacts on disk are at most this large.
const FILE_LIMIT: u64 = 1 << 30;

/// A model in one file, with what it takes, what it is, what it was measured to do, and rows that prove it.
///
/// ```
/// # use perennial_core::{Estimator, Predictor, Result, Rows, Train, Values};
/// # use perennial_data::Table;
/// # use perennial_deployment::{Artifact, Load};
/// # struct Mean;
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct MeanModel(f64);
/// # impl Estimator for Mean {
/// #     type Input = Table;
/// #     type Target = Values;
/// #     type Model = MeanModel;
/// #     fn fit_on(&self, train: &Train<'_, Table, Values>) -> Result<MeanModel> {
/// #         Ok(MeanModel(train.y.as_slice().iter().sum::<f64>() / train.y.n_rows() as f64))
/// #     }
/// # }
/// # impl Predictor for MeanModel {
/// #     type Input = Table;
/// #     type Output = Values;
/// #     fn predict(&self, x: &Table) -> Result<Values> {
/// #         Ok(vec![self.0; x.n_rows()].into())
/// #     }
/// # }
/// # fn pipeline() -> Mean { Mean }
/// # let x = Table::builder().real("area", [50.0, 70.0]).build()?;
/// # let path = std::env::temp_dir().join(format!("artifact_doc_{}.model", std::process::id()));
/// let model = pipeline().fit(&x, &Values::from(vec![1500.0, 1900.0]))?;
/// Artifact::regressor("rent", &pipeline(), &model, &x)?.target("rent").build()?.save(&path)?;
///
/// let later = pipeline().load(&path)?;
/// assert_eq!(later.predict(&x)?, model.predict(&x)?);
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Artifact {
    bytes: Vec<u8>,
    header: Header,
    sections: Vec<Range<usize>>,
}

impl fmt::Debug for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.bytes.len();
        f.debug_struct("Artifact").field("header", &self.header).field("size", &size).finish()
    }
}

/// Rows and the answers the model gave for them when the artifact was made.
#[derive(Serialize, Deserialize)]
pub(crate) struct Golden {
    pub(crate) rows: Table,
    pub(crate) answers: Answers,
}

impl Artifact {
    /// Begins an artifact of a regressor.
    ///
    /// `table` is what the model takes, without the target, such as the training rows: its schema becomes the
    /// one that requests are held against, and up to 16 of its rows become the golden rows.
    ///
    /// # Errors
    /// When the name is not allowed, the table has no rows, or the model cannot be saved or fails on it.
    pub fn regressor<E>(name: &str, estimator: &E, model: &E::Model, table: &Table) -> Result<ArtifactBuilder>
    where
        E: Persist<Input = Table>,
        E::Model: Predictor<Input = Table, Output = Values>,
    {
        ArtifactBuilder::new(name, estimator, model, table)
    }

    /// Begins an artifact of a classifier; see [`regressor`](Artifact::regressor).
    ///
    /// # Errors
    /// When the name is not allowed, the table has no rows, or the model cannot be saved or fails on it.
    pub fn classifier<E>(
        name: &str,
        estimator: &E,
        model: &E::Model,
        table: &Table,
    ) -> Result<ArtifactBuilder>
    where
        E: Persist<Input = Table>,
        E::Model: Classifier<Input = Table>,
    {
        ArtifactBuilder::new(name, estimator, model, table)
    }

    /// An artifact from the bytes of its file.
    ///
    /// # Errors
    /// When they are not a whole and undamaged artifact, or one of a newer format.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        let (header, sections) = layout::parse(&bytes)?;
        let artifact = Artifact { bytes, header, sections };
        let golden = artifact.golden()?;
        if golden.answers.task() != artifact.header.task {
            return Err(Error::corrupt("the golden answers are of another task than the artifact"));
        }
        artifact.section_bytes(MODEL)?;
        Ok(artifact)
    }

    /// An artifact from a regular file of at most 1 GiB. Links are followed, as everywhere in the operating
    /// system; a program that takes names from others checks them with [`check_name`](crate::check_name).
    ///
    /// # Errors
    /// When the file cannot be read, is not a regular file or too large, or is no undamaged artifact.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Artifact::from_bytes(layout::read_regular(path, FILE_LIMIT)?).context(path.display().to_string())
    }

    /// Writes the file: a reader of `path` sees the old one or the new one, never a part.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomic(path, &self.bytes)
    }

    /// The bytes of the file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The model, after it gave the golden answers bit for bit.
    ///
    /// # Errors
    /// When `estimator` has other steps than the one that made the model, the model cannot be read, or it
    /// answers the golden rows differently.
    pub fn model<E>(&self, estimator: &E) -> Result<E::Model>
    where
        E: Persist<Input = Table, Model: Answer>,
    {
        let kind = kind_of(estimator);
        if kind != self.header.kind {
            return Err(Error::unsupported(format!(
                "the artifact holds `{}`, not `{kind}`; load it with the pipeline that made it",
                self.header.kind
            )));
        }
        let model = estimator.decode(self.section_bytes(MODEL)?)?;
        let golden = self.golden()?;
        let answers = model.answer(&golden.rows).context("the self-test on the golden rows")?;
        if !answers.same_bits(&golden.answers) {
            return Err(Error::corrupt(format!(
                "this machine or build computes other answers than the one that made `{}`: the golden rows do \
                 not give the golden answers bit for bit",
                self.header.name
            )));
        }
        Ok(model)
    }

    /// The golden rows, which prove that a loaded model is the one that was saved.
    ///
    /// # Errors
    /// When the section cannot be read.
    pub fn golden_rows(&self) -> Result<Table> {
        self.golden().map(|golden| golden.rows)
    }

    /// The answers that the model gave for the golden rows.
    ///
    /// # Errors
    /// When the section cannot be read.
    pub fn golden_answers(&self) -> Result<Answers> {
        self.golden().map(|golden| golden.answers)
    }

    /// The contract of the rows that the model takes, where it was given by [`ArtifactBuilder::contract`].
    ///
    /// # Errors
    /// When the section cannot be read.
    pub fn contract(&self) -> Result<Option<Contract>> {
        match self.sections().any(|name| name == CONTRACT) {
            true => contract::read(self.section_bytes(CONTRACT)?).map(Some),
            false => Ok(None),
        }
    }

    fn golden(&self) -> Result<Golden> {
        let golden: Golden = from_bytes(self.section_bytes(GOLDEN)?).context("the golden rows")?;
        self.header.input.check(&golden.rows).context("the golden rows")?;
        if golden.answers.n_rows() != golden.rows.n_rows() {
            return Err(Error::corrupt("there is not one golden answer for each golden row"));
        }
        Ok(golden)
    }

    fn section_bytes(&self, name: &str) -> Result<&[u8]> {
        let position = self.header.sections.iter().position(|section| section.name == name);
        let range = position.and_then(|position| self.sections.get(position));
        range.and_then(|range| self.bytes.get(range.clone())).ok_or_else(|| {
            let known: Vec<&str> = self.header.sections.iter().map(|section| section.name.as_str()).collect();
            Error::unknown(format!("the artifact has no section `{name}`; there are: {}", known.join(", ")))
        })
    }

    /// The bytes of a section that was added with [`ArtifactBuilder::section`], such as a reference profile.
    ///
    /// # Errors
    /// When there is no such section.
    pub fn section(&self, name: &str) -> Result<&[u8]> {
        self.section_bytes(name)
    }

    /// The names of all sections.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.header.sections.iter().map(|section| section.name.as_str())
    }

    /// The SHA-256 of everything in the artifact, in hexadecimal digits.
    pub fn content_hash(&self) -> String {
        layout::digest(&self.bytes)
    }

    /// The name of the model.
    pub fn name(&self) -> &str {
        &self.header.name
    }

    /// The version of the model, as its maker wrote it.
    pub fn version(&self) -> &str {
        &self.header.version
    }

    /// The version of the library that made the artifact.
    pub fn library_version(&self) -> &str {
        &self.header.library
    }

    /// The steps of the pipeline: `Columns -> StandardScaler -> Ridge`.
    pub fn kind(&self) -> &str {
        &self.header.kind
    }

    /// What the model is for.
    pub fn task(&self) -> &Task {
        &self.header.task
    }

    /// The name of the target, where it was given.
    pub fn target(&self) -> Option<&str> {
        self.header.target.as_deref()
    }

    /// The table that the model takes.
    pub fn input(&self) -> &Schema {
        &self.header.input
    }

    /// The seed of the training, where it was given.
    pub fn seed(&self) -> Option<u64> {
        self.header.seed
    }

    /// The data that was used.
    pub fn data(&self) -> &[DataRecord] {
        &self.header.data
    }

    /// The settings of the training: names and values.
    pub fn parameters(&self) -> &[(String, String)] {
        &self.header.parameters
    }

    /// What is known about the problem: names and texts.
    pub fn facts(&self) -> &[(String, String)] {
        &self.header.facts
    }

    /// A field of the model card, one of [`CARD_FIELDS`](crate::CARD_FIELDS), where it was given.
    pub fn card(&self, field: &str) -> Option<&str> {
        self.header.card.iter().find(|(name, _)| name == field).map(|(_, text)| text.as_str())
    }

    /// What was measured.
    pub fn metrics(&self) -> &[Metric] {
        &self.header.metrics
    }

    /// A summary in plain text, for people.
    pub fn inspect(&self) -> String {
        let header = &self.header;
        let mut out = String::new();
        let mut line = |name: &str, text: &str| {
            // Writing to a `String` cannot fail; one line stays one line.
            let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let _ = writeln!(out, "{name:<12} {text}");
        };
        line("name", &header.name);
        line("version", &header.version);
        line("model", &header.kind);
        match &header.task {
            Task::Regression => line("task", "regression"),
            Task::Classification { classes } => {
                line("task", &format!("classification into {}", classes.join(", ")));
            }
        }
        line("target", header.target.as_deref().unwrap_or("not given"));
        line("library", &header.library);
        line("hash", &self.content_hash());
        line("size", &format!("{} bytes", self.bytes.len()));
        for field in header.input.columns() {
            let missing = if field.nullable { ", may be missing" } else { "" };
            line("input", &format!("{}: {}{missing}", field.name, field.column_type));
        }
        for data in &header.data {
            line(
                "data",
                &format!("{}: {} rows, {} columns, {}", data.name, data.n_rows, data.n_cols, data.hash),
            );
        }
        for (name, text) in header.parameters.iter().chain(&header.facts) {
            line("fact", &format!("{name}: {text}"));
        }
        for metric in &header.metrics {
            let slice = metric.slice.as_ref().map(|slice| format!(" in {slice}")).unwrap_or_default();
            let interval = metric.interval.map(|(low, high, level)| format!(" [{low}, {high}] at {level}"));
            line(
                "metric",
                &format!("{}{slice}: {}{}", metric.name, metric.estimate, interval.unwrap_or_default()),
            );
        }
        for (name, text) in &header.card {
            line("card", &format!("{name}: {text}"));
        }
        out
    }
}

/// What a model of this estimator is, in words.
pub(crate) fn kind_of<E: perennial_core::Estimator + ?Sized>(estimator: &E) -> String {
    estimator.steps().join(" -> ")
}

/// Loads models through the settings that made them: `pipeline().load(path)?`.
///
/// Every estimator of tables whose models can be saved and deployed has this.
pub trait Load: Persist<Input = Table, Model: Answer> {
    /// The model in the artifact at `path`, after it gave the golden answers bit for bit.
    ///
    /// # Errors
    /// As for [`Artifact::load`] and [`Artifact::model`].
    fn load(&self, path: impl AsRef<Path>) -> Result<Self::Model>
    where
        Self: Sized,
    {
        Artifact::load(path)?.model(self)
    }
}

impl<E: Persist<Input = Table, Model: Answer>> Load for E {}
