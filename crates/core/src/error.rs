//! One opaque error for every stage, with a kind to match on and a sentence that helps.

use std::error::Error as StdError;
use std::fmt;

/// The result of every fallible call in the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, what it was about, and where.
///
/// An `Error` is one pointer wide. [`kind`](Error::kind) tells programs what happened,
/// `Display` tells people, and [`source`](StdError::source) leads to the cause.
///
/// ```
/// use perennial_core::{Error, ErrorKind};
///
/// let error = Error::invalid_param("alpha", -1.0, "a finite number >= 0").context("fold 3");
/// assert_eq!(error.to_string(), "fold 3: parameter `alpha` is -1.0; expected a finite number >= 0");
/// assert!(matches!(error.kind(), ErrorKind::InvalidParam { name, .. } if name == "alpha"));
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    context: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`], by what the caller can do about them.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is nothing to work on: no rows or no columns.
    #[error("{what}; give at least one")]
    Empty {
        /// What is empty, as a clause: "the matrix has no rows".
        what: String,
    },
    /// A setting has a value it cannot have.
    #[error("parameter `{name}` is {value}; expected {expected}")]
    InvalidParam {
        /// The name of the setting.
        name: String,
        /// The value it was given.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// Two things that belong together have different lengths.
    #[error("{what} has {got} rows; expected {expected}, one for each row of the input")]
    LengthMismatch {
        /// What has the wrong length.
        what: String,
        /// How many rows were expected.
        expected: usize,
        /// How many it has.
        got: usize,
    },
    /// The columns are not those the model learned from.
    #[error("{detail} (the model learned from {expected} columns, the input has {got})")]
    FeatureMismatch {
        /// How many columns the model learned from.
        expected: usize,
        /// How many columns were given.
        got: usize,
        /// What differs, naming the column.
        detail: String,
    },
    /// A number is missing or infinite where that is not allowed.
    #[error("{what} is {value} at row {row}{}; {advice}", column.as_deref().map(|c| format!(", column `{c}`")).unwrap_or_default())]
    NonFinite {
        /// What holds the number: "the input", "the target", "the weights".
        what: String,
        /// `NaN`, `inf` or `-inf`.
        value: String,
        /// The row, counted from 0.
        row: usize,
        /// The column, where there is one.
        column: Option<String>,
        /// What to do about it.
        advice: String,
    },
    /// The estimator does not do what was asked of it.
    #[error("{what}")]
    Unsupported {
        /// What was asked, and what to do instead.
        what: String,
    },
    /// The target has only one class.
    #[error(
        "the target has a single class, `{class}`; a classifier needs rows of at least two classes, so check how the rows were split"
    )]
    SingleClass {
        /// The only class.
        class: String,
    },
    /// There are too few rows for what was asked.
    #[error("{what}")]
    InsufficientData {
        /// What is needed and what there is.
        what: String,
    },
    /// A system of equations has no unique answer.
    #[error("{what}")]
    Singular {
        /// What is singular and what to do.
        what: String,
    },
    /// Arithmetic left the range of `f64`.
    #[error("{what}")]
    Overflow {
        /// What overflowed and what to do.
        what: String,
    },
    /// An iteration did not reach its tolerance.
    #[error("{what}")]
    NotConverged {
        /// How far it came and what to do.
        what: String,
    },
    /// The work was told to stop.
    #[error("cancelled at {at}")]
    Cancelled {
        /// The path of the step that stopped.
        at: String,
    },
    /// A column, class or name is not known.
    #[error("{what}")]
    Unknown {
        /// What is not known, and what is.
        what: String,
    },
    /// A name is not allowed.
    #[error("{what}")]
    InvalidName {
        /// The name and the rule.
        what: String,
    },
    /// Data does not have the form it must have.
    #[error("{what}")]
    Malformed {
        /// What is wrong and where.
        what: String,
    },
    /// Data breaks its contract.
    #[error("{what}")]
    ContractViolation {
        /// Which check failed, where.
        what: String,
    },
    /// Something is larger than its limit.
    #[error("{what}")]
    TooLarge {
        /// What, its size, the limit, and how to raise it.
        what: String,
    },
    /// Features give the answer away.
    #[error("{what}")]
    Leakage {
        /// Which columns, and why.
        what: String,
    },
    /// Saved bytes are damaged.
    #[error("{what}")]
    Corrupt {
        /// What does not check out.
        what: String,
    },
    /// Saved bytes come from a version that this one cannot read.
    #[error(
        "the file has format version {found}; this library reads versions up to {supported}: use a newer library"
    )]
    UnsupportedVersion {
        /// The version in the file.
        found: u32,
        /// The newest version that can be read.
        supported: u32,
    },
    /// The operating system refused.
    #[error("{what}")]
    Io {
        /// What was tried; the cause is the source.
        what: String,
    },
    /// Anything else; the cause is the source.
    #[error("{what}")]
    Other {
        /// The cause in words.
        what: String,
    },
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind) -> Self {
        Error(Box::new(Inner { kind, context: Vec::new(), source: None }))
    }

    /// Wraps a caller's own error, keeping it as the [`source`](StdError::source).
    pub fn other(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = source.into();
        Error::new(ErrorKind::Other { what: source.to_string() }).with_source(source)
    }

    /// An operating-system error while `what` was tried: "cannot read `a.csv`".
    pub fn io(what: impl fmt::Display, source: std::io::Error) -> Self {
        Error::new(ErrorKind::Io { what: format!("{what}: {source}") }).with_source(source)
    }

    /// A setting has a value it cannot have.
    pub fn invalid_param(name: &str, value: impl fmt::Debug, expected: impl Into<String>) -> Self {
        let (name, value, expected) = (name.to_owned(), shorten(format!("{value:?}")), expected.into());
        Error::new(ErrorKind::InvalidParam { name, value, expected })
    }

    /// There is nothing to work on; `what` is a clause such as "the matrix has no rows".
    pub fn empty(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Empty { what: what.into() })
    }

    /// `what` has `got` rows where `expected` are needed.
    pub fn length_mismatch(what: impl Into<String>, expected: usize, got: usize) -> Self {
        Error::new(ErrorKind::LengthMismatch { what: what.into(), expected, got })
    }

    /// Keeps `source` as the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says where it happened; the latest context comes first in the message.
    #[must_use]
    pub fn context(mut self, place: impl Into<String>) -> Self {
        self.0.context.push(place.into());
        self
    }

    /// What went wrong, for programs.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The first cause of type `T` along the chain of sources.
    ///
    /// ```
    /// # use perennial_core::Error;
    /// let error = Error::other(std::fmt::Error);
    /// assert!(error.find::<std::fmt::Error>().is_some());
    /// ```
    pub fn find<T: StdError + 'static>(&self) -> Option<&T> {
        let mut next: Option<&(dyn StdError + 'static)> = self.source();
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<T>() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

/// Constructors for the kinds that carry one sentence.
macro_rules! sentence {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {
        impl Error {
            $($(#[$doc])*
            pub fn $name(what: impl Into<String>) -> Self {
                Error::new(ErrorKind::$kind { what: what.into() })
            })*
        }
    };
}

sentence! {
    /// The estimator does not do what was asked of it.
    unsupported => Unsupported;
    /// There are too few rows for what was asked.
    insufficient_data => InsufficientData;
    /// A system of equations has no unique answer.
    singular => Singular;
    /// Arithmetic left the range of `f64`.
    overflow => Overflow;
    /// An iteration did not reach its tolerance.
    not_converged => NotConverged;
    /// A column, class or name is not known.
    unknown => Unknown;
    /// A name is not allowed.
    invalid_name => InvalidName;
    /// Data does not have the form it must have.
    malformed => Malformed;
    /// Data breaks its contract.
    contract_violation => ContractViolation;
    /// Something is larger than its limit.
    too_large => TooLarge;
    /// Features give the answer away.
    leakage => Leakage;
    /// Saved bytes are damaged.
    corrupt => Corrupt;
}

/// Cuts what a user sent to 64 characters, so that a message stays a sentence.
pub(crate) fn shorten(text: String) -> String {
    const LIMIT: usize = 64;
    if text.chars().count() <= LIMIT {
        return text;
    }
    let mut short: String = text.chars().take(LIMIT).collect();
    short.push('…');
    short
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in self.0.context.iter().rev() {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}", self.0.kind)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        if let Some(source) = &self.0.source {
            write!(f, " (caused by: {source:?})")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Adds a place to the error of a result.
pub trait ResultExt<T> {
    /// Says where it happened: `model.fit(&x, &y).context("fold 3")?`.
    ///
    /// # Errors
    /// The same error, with the place in front of its message.
    fn context(self, place: impl Into<String>) -> Result<T>;
}

impl<T> ResultExt<T> for Result<T> {
    fn context(self, place: impl Into<String>) -> Result<T> {
        self.map_err(|error| error.context(place))
    }
}
