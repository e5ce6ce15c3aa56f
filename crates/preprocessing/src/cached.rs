//! Steps that are not fitted twice on the same rows.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use perennial_core::{
    Capabilities, Classes, Estimator, FitTransform, Matrix, NoTarget, Outline, OutputSchema, Outputs, Result,
    Rows, Train, TransformOutput, Values, to_bytes,
};
use perennial_data::{Table, content_hash};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A step that keeps what it learned: asked to learn from the same rows with the same settings again, it answers what it
/// answered before. It is for dear steps before a model that is tuned, such as imputers by neighbours or by prediction: the
/// candidates of a search differ in the model, and learn from the same folds.
///
/// Make it once and clone it into every candidate: clones share what they keep. The same means the same settings, rows,
/// columns, target, weights, groups and validation rows, by a SHA-256 hash of all of them, which must be cheap beside the step. What the
/// step draws comes from that hash where no seed is set, not from the place in the search: so what it gives is the same with
/// and without what was kept, and at any number of threads. Nothing is written to disk or to artifacts.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `step` | | | the step |
/// | `capacity` | 16 | any | how many fits are kept; the oldest goes first. Each holds the model and the transformed rows |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::{Cached, KnnImputer};
///
/// let x = Matrix::from(array![[1.0, 2.0], [f64::NAN, 2.0], [3.0, 4.0]]);
/// let imputer = Cached::new(KnnImputer::new().n_neighbors(1));
/// let first = imputer.fit(&x, &NoTarget)?.transform(&x)?;
/// let again = imputer.clone().fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!((imputer.n_kept(), first), (1, again));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound(serialize = "E: Serialize", deserialize = "E: Deserialize<'de>"))]
pub struct Cached<E: FitTransform> {
    step: E,
    capacity: usize,
    #[serde(skip)]
    kept: Kept<E>,
}

/// What fits gave, the oldest first, by the hash of all that they looked at.
type Fits<E> = Vec<([u8; 32], Arc<(<E as Estimator>::Model, TransformOutput<E>)>)>;

struct Kept<E: FitTransform>(Arc<Mutex<Fits<E>>>);

impl<E: FitTransform> Clone for Kept<E> {
    fn clone(&self) -> Self {
        Kept(Arc::clone(&self.0))
    }
}

impl<E: FitTransform> Default for Kept<E> {
    fn default() -> Self {
        Kept(Arc::default())
    }
}

impl<E: FitTransform + fmt::Debug> fmt::Debug for Cached<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Cached");
        debug.field("step", &self.step).field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl<E: FitTransform> Cached<E> {
    /// Keeps up to 16 fits of a step.
    pub fn new(step: E) -> Self {
        Cached { step, capacity: 16, kept: Kept::default() }
    }

    /// How many fits are kept.
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// How many fits this and its clones hold now.
    pub fn n_kept(&self) -> usize {
        self.fits(|fits| fits.len())
    }

    /// Forgets all fits, in clones too.
    pub fn clear(&self) {
        self.fits(Vec::clear);
    }

    fn fits<T>(&self, work: impl FnOnce(&mut Fits<E>) -> T) -> T {
        // Nothing panics while it is locked, and a list of whole entries is sound at any time.
        work(&mut self.kept.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<E> Cached<E>
where
    E: FitTransform<Input: Fingerprint, Target: Fingerprint> + Serialize,
    TransformOutput<E>: Sized,
{
    /// The kept fit, or a new one.
    fn fit_once(
        &self,
        train: &Train<'_, E::Input, E::Target>,
    ) -> Result<Arc<(E::Model, TransformOutput<E>)>> {
        let mut hash = FitHash(Sha256::new());
        hash.bytes(&to_bytes(&self.step)?);
        train.x.add_to(&mut hash)?;
        train.y.add_to(&mut hash)?;
        for weights in [train.weights, train.validation_weights] {
            hash.option(weights, |hash, weights| {
                hash.numbers(weights);
                Ok(())
            })?;
        }
        for groups in [train.groups, train.validation_groups] {
            hash.option(groups, |hash, groups| {
                groups.iter().for_each(|group| hash.bytes(&group.to_le_bytes()));
                Ok(())
            })?;
        }
        hash.option(train.validation, |hash, (x, y)| {
            x.add_to(hash)?;
            y.add_to(hash)
        })?;
        let key: [u8; 32] = hash.0.finalize().into();
        let known =
            |fits: &mut Fits<E>| fits.iter().find(|(known, _)| *known == key).map(|(_, fit)| Arc::clone(fit));
        if let Some(fit) = self.fits(known) {
            return Ok(fit);
        }
        let [a, b, c, d, e, f, g, h, ..] = key;
        let ctx = train.ctx.clone().with_seed(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        let own = train.with_input(train.x, train.validation.map(|(x, _)| x)).context(ctx);
        let fit = Arc::new(self.step.fit_transform_on(&own)?);
        self.fits(|fits| {
            if fits.iter().all(|(known, _)| *known != key) {
                fits.push((key, Arc::clone(&fit)));
            }
            let surplus = fits.len().saturating_sub(self.capacity);
            fits.drain(..surplus);
        });
        Ok(fit)
    }
}

impl<E> Estimator for Cached<E>
where
    E: FitTransform<Input: Fingerprint, Target: Fingerprint, Model: Clone> + Serialize,
    TransformOutput<E>: Clone,
{
    type Input = E::Input;
    type Target = E::Target;
    type Model = E::Model;

    fn fit_on(&self, train: &Train<'_, E::Input, E::Target>) -> Result<E::Model> {
        Ok(self.fit_once(train)?.0.clone())
    }

    fn capabilities(&self) -> Capabilities {
        self.step.capabilities()
    }

    fn steps(&self) -> Vec<String> {
        self.step.steps()
    }

    fn outline(&self) -> Vec<Outline> {
        self.step.outline()
    }
}

impl<E> FitTransform for Cached<E>
where
    E: FitTransform<Input: Fingerprint, Target: Fingerprint, Model: Clone> + Serialize,
    TransformOutput<E>: Clone,
{
    fn fit_transform_on(
        &self,
        train: &Train<'_, E::Input, E::Target>,
    ) -> Result<(E::Model, TransformOutput<E>)> {
        Ok((*self.fit_once(train)?).clone())
    }

    fn transform_schema(&self, x: &E::Input) -> Result<OutputSchema<TransformOutput<E>>> {
        self.step.transform_schema(x)
    }
}

/// Data that a [`Cached`] step knows again.
pub trait Fingerprint {
    /// Adds everything that a fit may look at: two that differ for a fit must add different bytes.
    ///
    /// # Errors
    /// When the data cannot be written as bytes.
    fn add_to(&self, hash: &mut FitHash) -> Result<()>;
}

/// What data is added to, see [`Fingerprint`].
#[derive(Debug)]
pub struct FitHash(Sha256);

impl FitHash {
    /// Adds bytes and their number.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Adds numbers, by their bits, and how many there are.
    pub fn numbers(&mut self, numbers: &[f64]) {
        self.0.update((numbers.len() as u64).to_le_bytes());
        let mut buffer = [0; 4096];
        for chunk in numbers.chunks(buffer.len() / 8) {
            for (bytes, number) in buffer.chunks_exact_mut(8).zip(chunk) {
                bytes.copy_from_slice(&number.to_le_bytes());
            }
            self.0.update(&buffer[..8 * chunk.len()]);
        }
    }

    fn option<T>(&mut self, value: Option<T>, add: impl FnOnce(&mut FitHash, T) -> Result<()>) -> Result<()> {
        self.bytes(&[u8::from(value.is_some())]);
        value.map_or(Ok(()), |value| add(self, value))
    }
}

impl Fingerprint for Matrix {
    fn add_to(&self, hash: &mut FitHash) -> Result<()> {
        hash.bytes(&to_bytes(self.features())?);
        hash.bytes(&(self.n_rows() as u64).to_le_bytes());
        if let Some(csr) = self.sparse() {
            hash.bytes(b"sparse");
            csr.indptr().iter().for_each(|&place| hash.bytes(&(place as u64).to_le_bytes()));
            csr.indices().iter().for_each(|column| hash.bytes(&column.to_le_bytes()));
            hash.numbers(csr.values());
            return Ok(());
        }
        let array = self.dense()?;
        match array.as_slice() {
            Some(cells) => hash.numbers(cells),
            None => hash.numbers(&array.iter().copied().collect::<Vec<_>>()),
        }
        Ok(())
    }
}

impl Fingerprint for Table {
    fn add_to(&self, hash: &mut FitHash) -> Result<()> {
        hash.bytes(content_hash(self).as_bytes());
        // Types and levels without rows are no content, and a step may look at them.
        for (_, column) in self.columns() {
            hash.bytes(column.column_type().to_string().as_bytes());
            if let Ok(category) = column.as_category() {
                category.levels().for_each(|level| hash.bytes(level.as_bytes()));
            }
        }
        Ok(())
    }
}

impl Fingerprint for NoTarget {
    fn add_to(&self, _: &mut FitHash) -> Result<()> {
        Ok(())
    }
}

impl Fingerprint for Values {
    fn add_to(&self, hash: &mut FitHash) -> Result<()> {
        hash.numbers(self.as_slice());
        Ok(())
    }
}

impl Fingerprint for Outputs {
    fn add_to(&self, hash: &mut FitHash) -> Result<()> {
        hash.bytes(&(self.values().ncols() as u64).to_le_bytes());
        hash.numbers(&self.values().iter().copied().collect::<Vec<_>>());
        Ok(())
    }
}

impl Fingerprint for Classes {
    fn add_to(&self, hash: &mut FitHash) -> Result<()> {
        self.names().iter().for_each(|name| hash.bytes(name.as_bytes()));
        hash.bytes(&self.codes().iter().flat_map(|code| code.to_le_bytes()).collect::<Vec<_>>());
        Ok(())
    }
}
