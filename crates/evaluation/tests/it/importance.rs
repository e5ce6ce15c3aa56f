//! Permutation importance.

use ndarray::Array2;
use perennial_core::{CancelToken, Context, ErrorKind, Matrix, Predictor, Result, Values};
use perennial_evaluation::PermutationImportance;
use perennial_evaluation::metric::{MeanSquaredError, R2};
use perennial_numeric::random::Random;

/// `3 a + b`, whatever `c` is.
struct Weighted;

impl Predictor for Weighted {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(x.dense()?.rows().into_iter().map(|row| 3.0 * row[0] + row[1]).collect())
    }
}

fn data() -> Result<(Matrix, Values)> {
    // Independent columns with mean 0 and variance 1.
    let x =
        Matrix::from(Array2::from_shape_fn(
            (512, 3),
            |(row, column)| {
                if row >> (column * 3) & 1 == 0 { -1.0 } else { 1.0 }
            },
        ))
        .with_names(["a", "b", "c"])?;
    let y = Weighted.predict(&x)?;
    Ok((x, y))
}

#[test]
fn the_loss_is_twice_the_variance_that_a_feature_gives() -> Result<()> {
    let (x, y) = data()?;
    let measured = PermutationImportance::new().n_repeats(40).level(0.999).measure(
        &Weighted,
        &x,
        &y,
        &MeanSquaredError,
    )?;
    assert_eq!(measured.iter().map(|one| one.feature.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    // E (w x - w x')^2 = 2 w^2 var(x), x' being an independent draw.
    for (one, expected) in measured.iter().zip([18.0, 2.0, 0.0]) {
        let (low, high) = (one.interval.low, one.interval.high);
        assert!(low <= expected && expected <= high, "{}: {expected} is not in [{low}, {high}]", one.feature);
        assert_eq!(one.losses.len(), 40);
    }
    assert_eq!(measured[2].interval.estimate, 0.0);
    Ok(())
}

#[test]
fn a_metric_that_should_be_high_loses_too_and_any_number_of_threads_agrees() -> Result<()> {
    let (x, y) = data()?;
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| PermutationImportance::new().measure(&Weighted, &x, &y, &R2))
    };
    let one = run(1)?;
    assert!(one[0].interval.low > 1.0 && one[1].interval.estimate > 0.1);
    assert_eq!(one, run(3)?);
    let seeded = PermutationImportance::new().context(Context::new().with_seed(1));
    assert_ne!(one, seeded.measure(&Weighted, &x, &y, &R2)?);
    Ok(())
}

#[test]
fn settings_are_checked_and_work_can_be_stopped() -> Result<()> {
    let (x, y) = data()?;
    let error = PermutationImportance::new().n_repeats(1).measure(&Weighted, &x, &y, &R2).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParam { name, .. } if name == "n_repeats"), "{error}");
    let token = CancelToken::new();
    token.cancel();
    let stopped = PermutationImportance::new().context(Context::new().with_cancel(token));
    let error = stopped.measure(&Weighted, &x, &y, &R2).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
    Ok(())
}

#[test]
fn features_that_stand_in_for_each_other_are_shuffled_together() {
    // The answer is the mean of two columns that are the same, and a third that says nothing.
    struct Mean;
    impl Predictor for Mean {
        type Input = Matrix;
        type Output = Values;
        fn predict(&self, x: &Matrix) -> Result<Values> {
            Ok(x.dense()?.rows().into_iter().map(|row| 0.5 * (row[0] + row[2])).collect())
        }
    }
    let mut random = Random::new(4);
    let values: Vec<f64> = (0..200).map(|_| random.normal()).collect();
    let cell = |(row, column): (usize, usize)| if column == 1 { (row % 7) as f64 } else { values[row] };
    let x = Matrix::from(Array2::from_shape_fn((200, 3), cell)).with_names(["a", "noise", "copy"]).unwrap();
    let y = Values::from(values.clone());
    let measure = |importance: PermutationImportance| importance.measure(&Mean, &x, &y, &MeanSquaredError);
    let alone = measure(PermutationImportance::new()).unwrap();
    let together = measure(PermutationImportance::new().group("size", ["copy", "a"])).unwrap();
    let names: Vec<&str> = together.iter().map(|feature| feature.feature.as_str()).collect();
    assert_eq!(names, ["size", "noise"]);
    assert_eq!(together[1].interval.estimate, 0.0);
    // Shuffled together they lose twice the variance; half of the difference, squared, alone: a quarter of that.
    let ratio = alone[0].interval.estimate / together[0].interval.estimate;
    assert!((ratio - 0.25).abs() < 0.03, "{ratio}");
    // Which columns the group has does not change what the losses are of.
    let first = measure(PermutationImportance::new().group("one", ["a"])).unwrap();
    assert_eq!(first[0].losses, alone[0].losses);
    for (group, message) in
        [(vec!["none"], "`none`"), (vec!["a", "a"], "twice"), (vec![], "at least one feature")]
    {
        let error = measure(PermutationImportance::new().group("g", group)).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn rows_without_weight_need_no_feature() -> Result<()> {
    // Only rows in which `a` is 1 count: shuffling it costs as much as in them alone.
    let (x, y) = data()?;
    let weights: Vec<f64> = x.dense()?.column(0).iter().map(|a| f64::from(u8::from(*a > 0.0))).collect();
    let settings = PermutationImportance::new().n_repeats(40);
    let weighted = settings.clone().weights(&weights).measure(&Weighted, &x, &y, &MeanSquaredError)?;
    // Half of the rows get a -1 instead: (3 - -3)^2 / 2.
    assert!((weighted[0].interval.estimate - 18.0).abs() < 1.0, "{:?}", weighted[0].interval);
    assert!(settings.weights(&weights[1..]).measure(&Weighted, &x, &y, &MeanSquaredError).is_err());
    Ok(())
}
