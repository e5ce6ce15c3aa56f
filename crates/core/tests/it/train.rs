//! What a fit refuses before the estimator sees it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ndarray::array;
use perennial_core::{
    CancelToken, Capabilities, Classes, Context, ErrorKind, Estimator, Matrix, NoTarget, Observer,
    Probabilities, Progress, Result, Train, Values,
};

struct Plain;

impl Estimator for Plain {
    type Input = Matrix;
    type Target = Values;
    type Model = ();

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<()> {
        (0..10).try_for_each(|step| train.ctx.step(step, 10))
    }
}

struct Weighted;

impl Estimator for Weighted {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = ();

    fn fit_on(&self, _: &Train<'_, Matrix, NoTarget>) -> Result<()> {
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().validation()
    }
}

fn data() -> (Matrix, Values) {
    (Matrix::from(array![[0.0], [1.0], [2.0]]), vec![1.0, 2.0, 3.0].into())
}

#[test]
fn lengths_weights_and_numbers_are_checked() {
    let (x, y) = data();
    let message = |result: Result<()>| result.unwrap_err().to_string();
    let short = Values::from(vec![1.0]);
    assert_eq!(
        message(Plain.fit(&x, &short)),
        "the target has 1 rows; expected 3, one for each row of the input"
    );
    assert!(message(Plain.fit(&x, &vec![1.0, f64::NAN, 2.0].into())).contains("the target is NaN at row 1"));
    assert!(message(Train::new(&x, &y).weights(&[1.0; 3]).fit(&Plain)).contains("does not use row weights"));
    for (weights, word) in [
        (vec![1.0; 2], "the weights has 2 rows"),
        (vec![1.0, -1.0, 1.0], "-1 at row 1"),
        (vec![0.0; 3], "all weights are zero"),
        (vec![1.0, f64::NAN, 1.0], "the weights is NaN at row 1"),
    ] {
        let error = message(Train::new(&x, &NoTarget).weights(&weights).fit(&Weighted));
        assert!(error.contains(word), "{error}");
    }
    assert!(Train::new(&x, &NoTarget).weights(&[0.0, 0.0, 2.0]).fit(&Weighted).is_ok());
    assert!(message(Train::new(&x, &y).groups(&[0]).fit(&Plain)).contains("the groups has 1 rows"));
    assert!(message(Train::new(&x, &y).groups(&[0, 0, 1]).fit(&Plain)).contains("does not use row groups"));
    assert!(
        message(Train::new(&x, &y).validation(&x, &y).fit(&Plain))
            .contains("does not look at a validation set")
    );
    let empty = Matrix::from(ndarray::Array2::zeros((0, 1)));
    assert!(matches!(Plain.fit(&empty, &Values::default()).unwrap_err().kind(), ErrorKind::Empty { .. }));
}

#[test]
fn validation_rows_are_checked_too() {
    let (x, _) = data();
    let bad = Matrix::from(array![[f64::NAN]]);
    let error = Train::new(&x, &NoTarget).validation(&bad, &NoTarget).fit(&Weighted).unwrap_err();
    assert!(error.to_string().starts_with("validation set: "), "{error}");
    let none = Matrix::from(ndarray::Array2::zeros((0, 1)));
    let error = Train::new(&x, &NoTarget).validation(&none, &NoTarget).fit(&Weighted).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Empty { .. }));
}

#[derive(Default)]
struct Log(Mutex<Vec<(String, usize, usize)>>);

impl Observer for Log {
    fn step(&self, progress: &Progress<'_>) {
        if let Ok(mut log) = self.0.lock() {
            log.push((progress.path.to_owned(), progress.done, progress.total));
        }
    }
}

#[test]
fn progress_is_reported_and_work_stops_when_asked() {
    let (x, y) = data();
    let log = Arc::new(Log::default());
    let ctx = Context::new().with_observer(log.clone()).child("model");
    Train::new(&x, &y).context(ctx.clone()).fit(&Plain).unwrap();
    let seen = log.0.lock().unwrap().clone();
    assert_eq!((seen.len(), seen[9].clone()), (10, ("model".to_owned(), 9, 10)));

    let token = CancelToken::new();
    token.cancel();
    for token in [token, CancelToken::after(Duration::ZERO)] {
        let error = Train::new(&x, &y).context(ctx.clone().with_cancel(token)).fit(&Plain).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Cancelled { at } if at == "model"));
    }
}

#[test]
fn seeds_of_paths_are_pinned() {
    // These values are a promise: results under a seed must not change between versions.
    let root = Context::new().with_seed(42);
    let seeds = [
        root.child("fold0").seed(None),
        root.child("fold0").child("tree1").seed(None),
        Context::new().child("").seed(None),
    ];
    assert_eq!(seeds, PINNED);
}

const PINNED: [u64; 3] = [6999680820223549762, 3777366665930423846, 5095610196844313600];

#[test]
fn classes_and_probabilities_refuse_what_does_not_fit() {
    assert!(Classes::new(vec![0, 2], vec!["a".to_owned(), "b".to_owned()]).is_err());
    assert!(Classes::new(vec![0], vec!["a".to_owned(), "a".to_owned()]).is_err());
    let names = vec!["a".to_owned(), "b".to_owned()];
    for bad in [array![[0.5, 0.4]], array![[1.5, -0.5]], array![[f64::NAN, 1.0]]] {
        assert!(Probabilities::new(bad, names.clone()).is_err());
    }
    let tie = Probabilities::new(array![[0.5, 0.5], [0.1, 0.9]], names).unwrap();
    assert_eq!(tie.most_likely().codes(), [0, 1]);
    assert_eq!(tie.of("b").unwrap().as_slice(), [0.5, 0.9]);
    assert!(tie.of("c").is_err());
    let one = Classes::from_labels(["a", "a"]);
    assert!(
        matches!(one.check_two_classes().unwrap_err().kind(), ErrorKind::SingleClass { class } if class == "a")
    );
}

#[test]
fn a_whole_number_setting_takes_whole_numbers_only() {
    let param = perennial_core::Param::integer("k", "a count").at_least(1.0);
    assert!(param.check(2.0).is_ok());
    assert_eq!(
        param.check(2.5).unwrap_err().to_string(),
        "parameter `k` is 2.5; expected a whole number >= 1"
    );
    assert_eq!(param.check(0.0).unwrap_err().to_string(), "parameter `k` is 0; expected a whole number >= 1");
}

#[test]
fn groups_of_a_validation_set_are_checked() {
    struct Grouped;

    impl Estimator for Grouped {
        type Input = Matrix;
        type Target = Values;
        type Model = usize;

        fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<usize> {
            Ok(train.validation_groups.map_or(0, <[u32]>::len))
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities::new().groups().validation()
        }
    }

    let (x, y) = data();
    let train = || Train::new(&x, &y).groups(&[0, 0, 1]);
    assert_eq!(train().validation(&x, &y).validation_groups(&[7, 7, 8]).fit(&Grouped).unwrap(), 3);
    let error = train().validation(&x, &y).validation_groups(&[7]).fit(&Grouped).unwrap_err();
    assert!(error.to_string().contains("the validation groups has 1 rows; expected 3"), "{error}");
    let error = train().validation_groups(&[7, 7, 8]).fit(&Grouped).unwrap_err();
    assert!(error.to_string().contains("no validation set"), "{error}");
    // A step that does not know groups is not told of them.
    let told = train()
        .validation(&x, &y)
        .validation_groups(&[7, 7, 8])
        .limited_to(&Capabilities::new().validation());
    assert!(told.validation.is_some() && told.validation_groups.is_none());
}

#[test]
fn weights_of_a_validation_set_are_checked() {
    struct Weighed(bool);

    impl Estimator for Weighed {
        type Input = Matrix;
        type Target = Values;
        type Model = f64;

        fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<f64> {
            Ok(train.validation_weights.map_or(0.0, |weights| weights.iter().sum()))
        }

        fn capabilities(&self) -> Capabilities {
            let capabilities = Capabilities::new().validation();
            if self.0 { capabilities.weights() } else { capabilities }
        }
    }

    let (x, y) = data();
    let train = || Train::new(&x, &y).validation(&x, &y);
    assert_eq!(train().validation_weights(&[1.0, 0.0, 3.0]).fit(&Weighed(true)).unwrap(), 4.0);
    let refused = |train: Train<'_, Matrix, Values>, takes: bool, what: &str| {
        let error = train.fit(&Weighed(takes)).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    refused(train().validation_weights(&[1.0, 1.0]), true, "validation set");
    refused(train().validation_weights(&[1.0, -1.0, 1.0]), true, "-1 at row 1");
    refused(train().validation_weights(&[1.0; 3]), false, "`validation_weights`");
    refused(Train::new(&x, &y).validation_weights(&[1.0; 3]), true, "no validation set");
    // They go with the validation set, wherever that goes.
    let train = train().validation_weights(&[1.0; 3]);
    assert!(train.with_input(&x, Some(&x)).validation_weights.is_some());
    assert!(train.with_input(&x, None).validation_weights.is_none());
    assert!(train.with_targets(&y, Some(&y)).validation_weights.is_some());
    assert!(train.limited_to(&Capabilities::new()).validation_weights.is_none());
}
