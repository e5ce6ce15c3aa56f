//! Steps that are not fitted twice.

use std::sync::atomic::{AtomicUsize, Ordering};

use perennial_core::{
    Context, Estimator, FitTransform, Matrix, NoTarget, Predictor, Result, Rows, Train, Transformer, Values,
};
use perennial_data::{Column, Table};
use perennial_models::DummyRegressor;
use perennial_preprocessing::{Cached, KnnImputer, RandomSampleImputer, StandardScaler, TargetEncoder};
use perennial_testing::{Tags, check};
use serde::{Deserialize, Serialize};

static FITS: AtomicUsize = AtomicUsize::new(0);

/// A scaler that counts how often it is fitted.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Counting(StandardScaler);

impl Estimator for Counting {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = <StandardScaler as Estimator>::Model;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<Self::Model> {
        FITS.fetch_add(1, Ordering::SeqCst);
        self.0.fit_on(train)
    }
}

impl FitTransform for Counting {}

fn rows(n: usize) -> (Matrix, Values) {
    let x = ndarray::Array2::from_shape_fn((n, 3), |(row, column)| ((row * 7 + column * 3) % 11) as f64);
    (x.into(), (0..n).map(|row| row as f64).collect())
}

#[test]
fn candidates_of_a_search_share_a_step() -> Result<()> {
    let (x, y) = rows(40);
    let step = Cached::new(Counting(StandardScaler::new()));
    // What a search does: for each candidate, for each fold, fit on the other rows.
    for depth in 0..5 {
        for fold in 0..2 {
            let part: Vec<usize> = (0..40).filter(|row| row % 2 == fold).collect();
            let (x, y) = (x.take(&part)?, y.take(&part)?);
            let ctx = Context::new().with_seed(depth).child(&format!("fold{fold}"));
            let pipeline = step.clone().then(DummyRegressor::new());
            let model = Train::new(&x, &y).context(ctx).fit(&pipeline)?;
            let plain = Counting(StandardScaler::new()).then(DummyRegressor::new());
            assert_eq!(model.predict(&x)?, plain.fit(&x, &y)?.predict(&x)?);
        }
    }
    // Ten of the fits were those of the plain pipeline.
    assert_eq!((FITS.load(Ordering::SeqCst), step.n_kept()), (2 + 10, 2));
    step.clear();
    assert_eq!(step.clone().n_kept(), 0);
    Ok(())
}

#[test]
fn whatever_a_fit_looks_at_tells_fits_apart() -> Result<()> {
    let (x, _) = rows(20);
    let step = Cached::new(StandardScaler::new()).capacity(100);
    let weights = vec![2.0; 20];
    Train::new(&x, &NoTarget).fit(&step)?;
    Train::new(&x, &NoTarget).weights(&weights).fit(&step)?;
    step.fit(&x.clone().with_names(["a", "b", "c"])?, &NoTarget)?;
    step.fit(&x.take(&(0..19).collect::<Vec<_>>())?, &NoTarget)?;
    let mut other = x.dense()?.to_owned();
    other[[3, 1]] = f64::NAN;
    step.fit(&other.into(), &NoTarget)?;
    assert_eq!(step.n_kept(), 5);
    Train::new(&x, &NoTarget).context(Context::new().with_seed(9)).fit(&step)?;
    assert_eq!(step.n_kept(), 5, "a scaler draws nothing, so the seed does not matter");

    let few = Cached::new(StandardScaler::new()).capacity(2);
    for n in 5..9 {
        few.fit(&rows(n).0, &NoTarget)?;
    }
    assert_eq!(few.n_kept(), 2);
    let none = Cached::new(StandardScaler::new()).capacity(0);
    assert_eq!(none.fit(&x, &NoTarget)?, StandardScaler::new().fit(&x, &NoTarget)?);
    assert_eq!(none.n_kept(), 0);

    let table = |word: &str| Table::new([("city", Column::text(["a", "b", word, "a"]))]).unwrap();
    let encoder = Cached::new(TargetEncoder::of_values().cross_fit(2));
    let y: Values = vec![1.0, 2.0, 3.0, 4.0].into();
    let fit = |word: &str, y: &Values| encoder.fit_transform_on(&Train::new(&table(word), y));
    let (first, again) = (fit("b", &y)?, fit("b", &y)?);
    assert_eq!(first.1.dense()?, again.1.dense()?);
    fit("c", &y)?;
    fit("b", &vec![1.0, 2.0, 3.0, 5.0].into())?;
    assert_eq!(encoder.n_kept(), 3);
    Ok(())
}

#[test]
fn what_is_drawn_does_not_depend_on_what_was_kept() -> Result<()> {
    let (x, _) = rows(30);
    let mut x = x.dense()?.to_owned();
    (0..30).step_by(3).for_each(|row| x[[row, 0]] = f64::NAN);
    let x = Matrix::from(x);
    let filled = |step: &Cached<RandomSampleImputer>, seed: u64| -> Result<Matrix> {
        let ctx = Context::new().with_seed(seed);
        Train::new(&x, &NoTarget).context(ctx).fit(step)?.transform(&x)
    };
    let kept = Cached::new(RandomSampleImputer::new());
    let first = filled(&kept, 1)?;
    assert_eq!(filled(&kept, 2)?, first);
    assert_eq!(filled(&Cached::new(RandomSampleImputer::new()), 3)?, first);
    Ok(())
}

check!(kept_scaler, transformer, Cached::new(StandardScaler::new()), Tags::new().exact_solver());
check!(kept_neighbours, transformer, Cached::new(KnnImputer::new()), Tags::new().exact_solver());
