//! The model card.

use perennial_core::{Error, Result};
use perennial_deployment::Artifact;
use perennial_reporting::Document;

use crate::{front_matter, sections};

/// The fields without which there is no card, see `ArtifactBuilder::card`.
pub const REQUIRED_FIELDS: &[&str] =
    &["intended_use", "limitations", "ethical_considerations", "owner", "licence"];

/// A model card: what a model is, what it is for, how well it does and for whom, and what to beware of.
///
/// The sections are those of Mitchell et al., "Model Cards for Model Reporting" (2019); the front matter is that
/// of the Hugging Face Hub. All of it comes from the artifact, so the same artifact gives the same card.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCard {
    front_matter: String,
    document: Document,
}

impl ModelCard {
    /// The card of an artifact.
    ///
    /// # Errors
    /// When the artifact lacks any of [`REQUIRED_FIELDS`]; the message names all that are missing.
    pub fn from_artifact(artifact: &Artifact) -> Result<Self> {
        let missing: Vec<&str> = REQUIRED_FIELDS
            .iter()
            .copied()
            .filter(|field| artifact.card(field).is_none_or(|text| text.trim().is_empty()))
            .collect();
        if !missing.is_empty() {
            return Err(Error::malformed(format!(
                "the model card of `{}` lacks {}; write each with `ArtifactBuilder::card`",
                artifact.name(),
                missing.join(", ")
            )));
        }
        Ok(ModelCard { front_matter: front_matter::of(artifact), document: sections::of(artifact) })
    }

    /// The card as Markdown, with YAML front matter as the Hugging Face Hub reads it.
    pub fn to_markdown(&self) -> String {
        format!("{}\n{}", self.front_matter, self.document.to_markdown())
    }

    /// The card as one HTML page that needs no network and runs no script.
    pub fn to_html(&self) -> String {
        self.document.to_html()
    }

    /// The card as a report, to be put into a larger one.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Refuses a written card that is not the one this artifact gives, so that a build fails when they differ.
    ///
    /// Line endings and blank lines at the end do not matter.
    ///
    /// # Errors
    /// Names the first line that differs, with what it says and what it should say.
    pub fn check(&self, markdown: &str) -> Result<()> {
        let current = self.to_markdown();
        let (mut written, mut right) = (markdown.trim_end().lines(), current.trim_end().lines());
        for number in 1_usize.. {
            let (written, right) = (written.next(), right.next());
            if written == right {
                if written.is_none() {
                    break;
                }
                continue;
            }
            let show = |line: Option<&str>| match line {
                None => "nothing".to_owned(),
                Some(line) => format!("{:?}", line.chars().take(120).collect::<String>()),
            };
            return Err(Error::malformed(format!(
                "the model card is stale: line {number} says {}, the artifact gives {}; write the card again",
                show(written),
                show(right)
            )));
        }
        Ok(())
    }
}
