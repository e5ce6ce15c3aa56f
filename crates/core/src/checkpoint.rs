//! States of unfinished work, kept on the disk.

use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::context::mix;
use crate::{Context, Error, Result, to_bytes, write_atomic};

/// The first bytes of a file; its last digit is the version of the layout.
const MAGIC: &[u8; 8] = b"prnlckp1";
const HEADER: usize = MAGIC.len() + 16 + 16;
/// The most characters of a path in the name of a file.
const MOST_SHOWN: usize = 80;

/// Where and how often long work keeps its state, so that a process that is killed loses little: the same program goes on from
/// there and comes to the same bits. [`Context::with_checkpoints`] turns it on; boosters and forests keep their trees.
///
/// A directory belongs to one run at a time. Each fit has a file in it, named after the path of its context and a hash of what it
/// learns from: settings, rows and version of the library. A fit of other settings or rows has another name, so it neither reads nor
/// overwrites what is there. A loss or metric of your own is told by what its `Debug` shows: let that hold all of its settings. A fit
/// that ends removes its file; what is left belongs to fits that did not end, and may be deleted. A fit whose state cannot be kept
/// fails, at its beginning where the directory takes no files.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `every` | 30 seconds | how long to wait from one state to the next; zero keeps every one |
///
/// ```
/// use std::time::Duration;
/// use perennial_core::{Checkpoints, Context};
///
/// let directory = std::env::temp_dir().join(format!("checkpoints_{}", std::process::id()));
/// let ctx = Context::new().with_checkpoints(Checkpoints::new(&directory).every(Duration::ZERO));
/// let sum_to = |last: u64, stop: u64| -> perennial_core::Result<Option<u64>> {
///     let mut kept = ctx.checkpoint(|of| of.value(&("sum", last)))?;
///     let state = kept.as_ref().map_or(Ok(None), |kept| kept.load())?;
///     let (mut next, mut sum) = match state {
///         Some(bytes) => perennial_core::from_bytes(&bytes)?,
///         None => (1, 0),
///     };
///     while next <= last {
///         if next == stop {
///             return Ok(None);
///         }
///         (next, sum) = (next + 1, sum + next);
///         if let Some(kept) = kept.as_mut().filter(|kept| kept.is_due()) {
///             kept.save(&perennial_core::to_bytes(&(next, sum))?)?;
///         }
///     }
///     kept.into_iter().for_each(|kept| kept.done());
///     Ok(Some(sum))
/// };
/// assert_eq!(sum_to(10, 7)?, None);
/// // Goes on with 7.
/// assert_eq!(sum_to(10, 3)?, Some(55));
/// # let _ = std::fs::remove_dir_all(&directory);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    directory: PathBuf,
    every: Duration,
}

impl Checkpoints {
    /// States kept in this directory, which is made where there is none.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Checkpoints { directory: directory.into(), every: Duration::from_secs(30) }
    }

    /// Sets how long to wait from one state to the next. Each is written whole, with all trees so far: what takes a second to write
    /// should not be written every second.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }
}

/// A hash of what a piece of work depends on, as 128 bits. It tells apart what differs by accident, and is no protection against
/// those who mean to deceive it.
///
/// ```
/// use perennial_core::Fingerprint;
///
/// let of = |numbers: &[f64]| {
///     let mut of = Fingerprint::new();
///     of.numbers(numbers);
///     of.finish()
/// };
/// assert_eq!(of(&[1.0, 2.0]), of(&[1.0, 2.0]));
/// assert_ne!(of(&[0.0]), of(&[-0.0]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    lanes: [u64; 2],
}

impl Default for Fingerprint {
    fn default() -> Self {
        Fingerprint { lanes: [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344] }
    }
}

impl Fingerprint {
    /// The fingerprint of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn word(&mut self, word: u64) {
        let [first, second] = self.lanes;
        self.lanes = [mix(first ^ word), mix(second.rotate_left(23) ^ word ^ 0xa409_3822_299f_31d0)];
    }

    /// Takes in bytes, and how many there are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// Takes in numbers bit by bit, and how many there are.
    pub fn numbers<'a>(&mut self, numbers: impl IntoIterator<Item = &'a f64>) {
        let mut n_numbers = 0;
        for number in numbers {
            self.word(number.to_bits());
            n_numbers += 1;
        }
        self.word(n_numbers);
    }

    /// Takes in anything that can be saved.
    ///
    /// # Errors
    /// When a part of it cannot be.
    pub fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.bytes(&to_bytes(value)?);
        Ok(())
    }

    /// The hash.
    pub fn finish(&self) -> u128 {
        let [first, second] = self.lanes;
        u128::from(mix(first ^ second.rotate_left(32))) << 64 | u128::from(mix(second.wrapping_add(first)))
    }
}

/// The state of one piece of work on the disk, from [`Context::checkpoint`].
#[derive(Debug)]
pub struct Checkpoint {
    file: PathBuf,
    fingerprint: u128,
    every: Duration,
    last: Instant,
}

impl Context {
    /// Keeps the state of long work in a directory, so that it goes on after the process was killed.
    #[must_use]
    pub fn with_checkpoints(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoints = Some(checkpoints.into());
        self
    }

    /// The state of the work of this context, if states are kept: for those who write estimators. `describe` takes in all that its
    /// result depends on, the seed included, so that no other work takes it for its own; it is called only where states are kept.
    ///
    /// # Errors
    /// Those of `describe`, and [`ErrorKind::Io`](crate::ErrorKind::Io) when the directory cannot be made or takes no files: better
    /// now than after hours.
    pub fn checkpoint(
        &self,
        describe: impl FnOnce(&mut Fingerprint) -> Result<()>,
    ) -> Result<Option<Checkpoint>> {
        let Some(kept) = &self.checkpoints else { return Ok(None) };
        let mut of = Fingerprint::new();
        of.bytes(env!("CARGO_PKG_VERSION").as_bytes());
        of.bytes(self.path().as_bytes());
        of.bytes(&self.seed(None).to_le_bytes());
        describe(&mut of)?;
        let fingerprint = of.finish();
        let shown = |char: char| if char.is_ascii_alphanumeric() { char } else { '-' };
        let path: String = self.path().chars().take(MOST_SHOWN).map(shown).collect();
        let name = if path.is_empty() { "fit" } else { &path };
        let file = kept.directory.join(format!("{name}-{fingerprint:032x}.checkpoint"));
        make(&kept.directory)?;
        let trial = kept.directory.join(format!("{}trial.tmp", temporaries_of(&file)));
        fs::write(&trial, MAGIC).map_err(|error| {
            Error::io(format!("cannot keep states in the directory `{}`", kept.directory.display()), error)
        })?;
        let _ = fs::remove_file(&trial);
        Ok(Some(Checkpoint { file, fingerprint, every: kept.every, last: Instant::now() }))
    }

    /// Whether states of long work are kept, which takes memory.
    pub fn keeps_checkpoints(&self) -> bool {
        self.checkpoints.is_some()
    }
}

fn make(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)
        .map_err(|error| Error::io(format!("cannot make the directory `{}`", directory.display()), error))
}

/// What the names of all temporary files beside this one begin with.
fn temporaries_of(file: &Path) -> String {
    format!(".{}.", file.file_name().unwrap_or_default().to_string_lossy())
}

impl Checkpoint {
    /// The file that the state is kept in, for messages.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// What [`save`](Checkpoint::save) kept last, in this process or in one before; `None` where there is nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when the file is there and cannot be read, and
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) when it is damaged. Files are written whole or not at all, so damage is that of
    /// a disk or of another program: hours of work are not thrown away without a word.
    pub fn load(&self) -> Result<Option<Vec<u8>>> {
        let mut bytes = match fs::read(&self.file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(format!("cannot read `{}`", self.file.display()), error)),
        };
        let sound = bytes.len() >= HEADER && bytes[..HEADER] == self.header(&bytes[HEADER..])[..];
        if !sound {
            return Err(Error::corrupt(format!(
                "the checkpoint `{}` is damaged; delete it to begin this fit anew",
                self.file.display()
            )));
        }
        bytes.drain(..HEADER);
        Ok(Some(bytes))
    }

    /// Whether it is time to save again.
    pub fn is_due(&self) -> bool {
        self.last.elapsed() >= self.every
    }

    /// Keeps a state in place of the one before: whoever reads finds one of the two, whole.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when the operating system refuses.
    pub fn save(&mut self, state: &[u8]) -> Result<()> {
        self.file.parent().map_or(Ok(()), make)?;
        let mut bytes = self.header(state);
        bytes.reserve_exact(state.len());
        bytes.extend_from_slice(state);
        write_atomic(&self.file, &bytes)?;
        self.last = Instant::now();
        Ok(())
    }

    /// Removes the state, and what processes that were killed while they saved it left behind: the work has come to its end. A file
    /// that cannot be removed stays, and would only be read by the same work.
    pub fn done(self) {
        let _ = fs::remove_file(&self.file);
        let Some(Ok(entries)) = self.file.parent().map(fs::read_dir) else { return };
        let beginning = temporaries_of(&self.file);
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&beginning) && name.ends_with(".tmp") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// What stands before a state: what work it is of, and its own hash.
    fn header(&self, state: &[u8]) -> Vec<u8> {
        let mut of = Fingerprint::new();
        of.bytes(state);
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&self.fingerprint.to_le_bytes());
        header.extend_from_slice(&of.finish().to_le_bytes());
        header
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ErrorKind;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            Directory(std::env::temp_dir().join(format!("perennial_{name}_{}", std::process::id())))
        }

        fn context(&self) -> Context {
            Context::new().with_checkpoints(Checkpoints::new(&self.0).every(Duration::ZERO))
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn of(ctx: &Context, what: &str) -> Checkpoint {
        ctx.checkpoint(|of| of.value(what)).unwrap().unwrap()
    }

    #[test]
    fn each_work_finds_its_own_state() {
        let directory = Directory::new("states");
        let ctx = directory.context().child("cv").child("fold 3");
        assert!(of(&ctx, "ridge").load().unwrap().is_none());
        for state in [&b"first"[..], b"", b"a longer state"] {
            of(&ctx, "ridge").save(state).unwrap();
            assert_eq!(of(&ctx, "ridge").load().unwrap().as_deref(), Some(state));
        }
        // Other settings, and another place.
        assert!(of(&ctx, "lasso").load().unwrap().is_none());
        assert!(of(&directory.context(), "ridge").load().unwrap().is_none());
        of(&ctx, "lasso").save(b"other").unwrap();
        of(&ctx, "ridge").done();
        assert!(of(&ctx, "ridge").load().unwrap().is_none());
        assert_eq!(of(&ctx, "lasso").load().unwrap().as_deref(), Some(&b"other"[..]));
        let left: Vec<String> = fs::read_dir(&directory.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(left.len() == 1 && left[0].starts_with("cv-fold-3-"), "{left:?}");
        // What is not there any more is no error.
        of(&ctx, "ridge").done();
    }

    #[test]
    fn damage_is_an_error_that_names_the_file() {
        let directory = Directory::new("damage");
        let ctx = directory.context();
        of(&ctx, "ridge").save(b"a state of twenty-two").unwrap();
        let file = of(&ctx, "ridge").file;
        let whole = fs::read(&file).unwrap();
        let refused = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            let error = of(&ctx, "ridge").load().unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error:?}");
            assert!(error.to_string().contains("fit-"), "{error}");
        };
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x10;
            refused(&bytes);
            refused(&whole[..place]);
        }
        refused(&[&whole[..], b"\0"].concat());
    }

    #[test]
    fn nothing_is_kept_unless_asked() {
        assert!(Context::new().checkpoint(|_| panic!("this is not called")).unwrap().is_none());
        let directory = Directory::new("waits");
        let waits = Context::new().with_checkpoints(Checkpoints::new(&directory.0));
        assert!(waits.keeps_checkpoints() && !directory.0.exists());
        assert!(!of(&waits, "ridge").is_due());
    }

    #[test]
    fn a_directory_that_takes_no_files_is_refused_at_once() {
        let directory = Directory::new("refused");
        assert!(of(&directory.context(), "ridge").path().starts_with(&directory.0));
        // The trial leaves nothing.
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0);
        let taken = directory.0.join("taken");
        fs::write(&taken, b"a file").unwrap();
        let ctx = Context::new().with_checkpoints(Checkpoints::new(&taken));
        let error = ctx.checkpoint(|of| of.value("ridge")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Io { .. }), "{error:?}");
        assert!(error.to_string().contains("taken"), "{error}");
    }

    #[test]
    fn what_was_left_half_written_goes_with_the_state() {
        let directory = Directory::new("left");
        let ctx = directory.context();
        of(&ctx, "ridge").save(b"a state").unwrap();
        of(&ctx, "lasso").save(b"another").unwrap();
        let left = |what: &str| {
            let path = directory.0.join(format!("{}1.7.tmp", temporaries_of(of(&ctx, what).path())));
            fs::write(&path, b"a part").unwrap();
            path
        };
        let (own, other) = (left("ridge"), left("lasso"));
        of(&ctx, "ridge").done();
        assert!(!own.exists() && other.exists());
        assert!(of(&ctx, "lasso").path().exists() && !of(&ctx, "ridge").path().exists());
    }

    #[test]
    fn fingerprints_tell_apart() {
        let mut seen = BTreeSet::new();
        let mut is_new = |take: &dyn Fn(&mut Fingerprint)| {
            let mut of = Fingerprint::new();
            take(&mut of);
            assert!(seen.insert(of.finish()));
        };
        is_new(&|_| ());
        for n in 0..40 {
            is_new(&|of| of.bytes(&vec![0; n]));
        }
        for bit in 0..64 {
            is_new(&|of| of.numbers(&[f64::from_bits(1 << bit), 0.0]));
            is_new(&|of| of.numbers(&[0.0, f64::from_bits(1 << bit)]));
        }
        is_new(&|of| (of.bytes(b"a"), of.bytes(b"bc")).1);
        is_new(&|of| (of.numbers(&[1.0]), of.numbers(&[2.0, 3.0])).1);
        is_new(&|of| (of.numbers(&[1.0, 2.0]), of.numbers(&[3.0])).1);
        is_new(&|of| (of.bytes(b"ab"), of.bytes(b"c")).1);
    }
}
