//! Texts without what does not matter in them.

use std::borrow::Cow;
use std::sync::Arc;

use perennial_core::{
    Capabilities, Error, Estimator, FitTransform, NoTarget, OutputSchema, Result, Train, Transformer,
};
use perennial_data::{Column, ColumnType, Table};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::html;
use crate::batches::{BoxLearning, FitBatches, of_columns};
use crate::schema;

/// In which of several ways of writing the same letters they are written (Unicode Standard Annex 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnicodeForm {
    /// A letter and its accent become one character: `e` and U+0301 become `é`.
    Nfc,
    /// As `Nfc`, and what only looks different becomes the same: `ﬁ` becomes `fi`, `①` becomes `1`, wide letters narrow ones.
    Nfkc,
}

/// Cleans columns of texts and categories, cell by cell: tags, ways to write a letter, accents, case and white space, in this order.
///
/// Nothing is learned but the names of the columns; texts stay texts and categories stay categories, of which those that become the same are one.
/// Missing cells stay missing. A text of which nothing is left is empty.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `html` | false | whether tags, comments, scripts and styles go, and names such as `&auml;` become characters; a tag that is none inside of words becomes a space |
/// | `unicode` | NFC | in which form letters are written, or as they are |
/// | `strip_accents` | false | whether accents go, and what only looks different becomes the same (as `strip_accents="unicode"` of scikit-learn) |
/// | `lowercase` | true | whether all letters become small ones |
/// | `white_space` | true | whether white space at the ends goes, and becomes one space inside |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::CleanText;
///
/// let table = Table::new([("note", Column::text(["  Caf&eacute; <b>Z\u{fc}rich</b>\n", "CAFE ZURICH"]))])?;
/// let clean = CleanText::new().html(true).strip_accents(true).fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(clean.column("note")?.as_text()?.collect::<Vec<_>>(), [Some("cafe zurich"); 2]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CleanText {
    html: bool,
    unicode: Option<UnicodeForm>,
    strip_accents: bool,
    lowercase: bool,
    white_space: bool,
}

impl Default for CleanText {
    fn default() -> Self {
        CleanText {
            html: false,
            unicode: Some(UnicodeForm::Nfc),
            strip_accents: false,
            lowercase: true,
            white_space: true,
        }
    }
}

impl CleanText {
    /// Small letters in one form, and single spaces.
    pub fn new() -> Self {
        CleanText::default()
    }

    /// Whether tags go, and names such as `&auml;` become characters.
    #[must_use]
    pub fn html(mut self, html: bool) -> Self {
        self.html = html;
        self
    }

    /// In which form letters are written; `None` leaves them as they are.
    #[must_use]
    pub fn unicode(mut self, unicode: impl Into<Option<UnicodeForm>>) -> Self {
        self.unicode = unicode.into();
        self
    }

    /// Whether accents go.
    #[must_use]
    pub fn strip_accents(mut self, strip_accents: bool) -> Self {
        self.strip_accents = strip_accents;
        self
    }

    /// Whether all letters become small ones.
    #[must_use]
    pub fn lowercase(mut self, lowercase: bool) -> Self {
        self.lowercase = lowercase;
        self
    }

    /// Whether white space at the ends goes, and becomes one space inside.
    #[must_use]
    pub fn white_space(mut self, white_space: bool) -> Self {
        self.white_space = white_space;
        self
    }

    /// A text, cleaned.
    fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        let mut change = |changed: &dyn Fn(&str) -> Option<String>| {
            if let Some(changed) = changed(&text) {
                text = Cow::Owned(changed);
            }
        };
        if self.html {
            change(&|text| match html::text_of(text) {
                Cow::Borrowed(_) => None,
                Cow::Owned(text) => Some(text),
            });
        }
        let is_other = |text: &&str| !text.is_ascii();
        match self.unicode {
            Some(UnicodeForm::Nfc) => {
                change(&|text| Some(text).filter(is_other).map(|text| text.nfc().collect()))
            }
            Some(UnicodeForm::Nfkc) => {
                change(&|text| Some(text).filter(is_other).map(|text| text.nfkc().collect()));
            }
            None => {}
        }
        if self.strip_accents {
            // What was taken apart without an accent, such as a syllable of Hangul, is put together again.
            let bare = |text: &str| {
                text.nfkd().filter(|letter| canonical_combining_class(*letter) == 0).nfc().collect::<String>()
            };
            change(&|text| Some(text).filter(is_other).map(bare));
        }
        if self.lowercase {
            // Small letters may have forms of their own: of J and a caron there is no one character, of j and a caron there is.
            let small = |text: &str| match text.to_lowercase() {
                small if self.unicode.is_some() && !small.is_ascii() => {
                    small.as_str().nfc().collect::<String>()
                }
                small => small,
            };
            change(&|text| text.chars().any(|letter| !letter.is_lowercase()).then(|| small(text)));
        }
        if self.white_space {
            change(&|text| {
                let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
                (words != text).then_some(words)
            });
        }
        text
    }
}

impl Estimator for CleanText {
    type Input = Table;
    type Target = NoTarget;
    type Model = CleanTextModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<CleanTextModel> {
        train.x.columns().try_for_each(|(name, column)| check(name, column))?;
        Ok(CleanTextModel { settings: self.clone(), columns: train.x.names().map(Arc::from).collect() })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitBatches for CleanText {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(of_columns(self))
    }
}

impl FitTransform for CleanText {
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Table>> {
        schema::of_no_rows(self, x)
    }
}

fn check(name: &str, column: &Column) -> Result<()> {
    match column.column_type() {
        ColumnType::Text | ColumnType::Category => Ok(()),
        other => Err(Error::unsupported(format!(
            "column `{name}` is of type {other} and has no texts to clean; send texts and categories alone to `CleanText`"
        ))),
    }
}

/// A fitted [`CleanText`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanTextModel {
    settings: CleanText,
    columns: Vec<Arc<str>>,
}

impl Transformer for CleanTextModel {
    type Input = Table;
    type Output = Table;

    fn transform(&self, x: &Table) -> Result<Table> {
        let cleaned = self.columns.iter().map(|name| {
            let column = x.column(name)?;
            check(name, column)?;
            // Of a category each text is cleaned once.
            let category = column.to_category()?;
            let levels: Vec<Cow<'_, str>> =
                category.levels().map(|level| self.settings.clean(level)).collect();
            let cells = category.codes().map(|code| code.map(|code| &*levels[code as usize]));
            let cells = match column.column_type() {
                ColumnType::Category => Column::category(cells),
                _ => Column::text(cells),
            };
            Ok((Arc::clone(name), cells))
        });
        Ok(Table::new(cleaned.collect::<Result<Vec<_>>>()?)?.inheriting([x]))
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![1; self.columns.len()])
    }
}
