//! Where a piece of work stands: its seed, its observer, and whether it should stop.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::{Checkpoints, Error, ErrorKind, Result};

/// The surroundings of one piece of work.
///
/// A context has a path, such as `cv/fold3/tree17`. Its seed is a hash of the root seed and the
/// path, so the same piece of work draws the same numbers wherever and whenever it runs.
///
/// ```
/// use perennial_core::Context;
///
/// let root = Context::new().with_seed(7);
/// let tree = root.child("fold3").child("tree17");
/// assert_eq!(tree.path(), "fold3/tree17");
/// assert_eq!(tree.seed(None), root.child("fold3").child("tree17").seed(None));
/// assert_ne!(tree.seed(None), root.child("fold3").child("tree18").seed(None));
/// assert_eq!(tree.seed(Some(1)), 1);
/// ```
#[derive(Clone)]
pub struct Context {
    path: Arc<str>,
    seed: u64,
    observer: Option<Arc<dyn Observer>>,
    cancel: CancelToken,
    pub(crate) checkpoints: Option<Arc<Checkpoints>>,
}

impl Context {
    /// A context with seed 0, no observer, and nobody to cancel it.
    pub fn new() -> Self {
        Context {
            path: Arc::from(""),
            seed: 0,
            observer: None,
            cancel: CancelToken::new(),
            checkpoints: None,
        }
    }

    /// Sets the root seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sends progress to `observer`.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Stops the work when `token` is cancelled.
    #[must_use]
    pub fn with_cancel(mut self, token: CancelToken) -> Self {
        self.cancel = token;
        self
    }

    /// The context of a part of this work. Its seed depends on the path alone.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let path =
            if self.path.is_empty() { Arc::from(name) } else { format!("{}/{name}", self.path).into() };
        Context { path, seed: mix_name(self.seed, name), ..self.clone() }
    }

    /// Where this work stands, such as `cv/fold3`; empty at the root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `chosen`, or else the seed that belongs to this path.
    pub fn seed(&self, chosen: Option<u64>) -> u64 {
        chosen.unwrap_or(self.seed)
    }

    /// Reports that `done` of `total` steps are done, and stops if asked to.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] when the token was cancelled or its deadline has passed.
    pub fn step(&self, done: usize, total: usize) -> Result<()> {
        if let Some(observer) = &self.observer {
            observer.step(&Progress { path: &self.path, done, total });
        }
        self.check()
    }

    /// Stops if asked to, without a report.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] when the token was cancelled or its deadline has passed.
    pub fn check(&self) -> Result<()> {
        if !self.cancel.is_cancelled() {
            return Ok(());
        }
        let at = if self.path.is_empty() { "the first step" } else { &*self.path };
        Err(Error::new(ErrorKind::Cancelled { at: at.to_owned() }))
    }
}

impl Default for Context {
    fn default() -> Self {
        Context::new()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("path", &self.path)
            .field("seed", &self.seed)
            .field("observed", &self.observer.is_some())
            .field("cancelled", &self.cancel.is_cancelled())
            .field("checkpoints", &self.checkpoints)
            .finish()
    }
}

/// How far a piece of work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The path of the work.
    pub path: &'a str,
    /// How many steps are done.
    pub done: usize,
    /// How many steps there are; 0 when unknown.
    pub total: usize,
}

/// Receives progress: a progress bar, a log, a test.
pub trait Observer: Send + Sync {
    /// A step is done. Called from worker threads, in no particular order.
    fn step(&self, progress: &Progress<'_>);
}

/// Asks running work to stop, from any thread.
///
/// ```
/// use perennial_core::{CancelToken, Context};
///
/// let token = CancelToken::new();
/// let ctx = Context::new().with_cancel(token.clone());
/// assert!(ctx.step(0, 10).is_ok());
/// token.cancel();
/// assert!(ctx.step(1, 10).is_err());
/// ```
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    cancelled: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        CancelToken::default()
    }

    /// A token that cancels itself after `limit`.
    pub fn after(limit: Duration) -> Self {
        CancelToken { cancelled: Arc::default(), deadline: Instant::now().checked_add(limit) }
    }

    /// Asks all work under this token to stop.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the work should stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// Folds a name into a seed. The values are part of the promise of reproducibility: never change them.
fn mix_name(seed: u64, name: &str) -> u64 {
    let mut state = mix(seed ^ 0x9e37_79b9_7f4a_7c15);
    for chunk in name.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = mix(state ^ u64::from_le_bytes(word));
    }
    mix(state ^ name.len() as u64)
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
