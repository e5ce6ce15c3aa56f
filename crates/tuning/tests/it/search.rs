//! Searches: what is found, recorded, warned of, and refused.

use std::sync::Mutex;

use ndarray::Array2;
use perennial_core::{
    CancelToken, Context, Error, ErrorKind, Estimator, Matrix, Predictor, Result, Train, Values, estimator_fn,
};
use perennial_evaluation::metric::{MeanAbsoluteError, R2};
use perennial_evaluation::split::KFold;
use perennial_evaluation::{CrossValidation, cross_validate};
use perennial_tuning::{GridSearch, RandomSearch, Search, Space, Study, Trial, TrialState, Tuning};

/// Answers with its setting, whatever the row.
struct Constant(f64);

impl Predictor for Constant {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(vec![self.0; x.dense()?.nrows()].into())
    }
}

/// The mean absolute error of a constant is least at the median, which is 0.3 here.
fn build(trial: &Trial) -> Result<impl Estimator<Input = Matrix, Target = Values, Model = Constant> + use<>> {
    let value = trial.real("value")?;
    Ok(estimator_fn(
        move |_: &Train<'_, Matrix, Values>| {
            if value > 0.9 { Err(Error::unsupported("more than 0.9")) } else { Ok(Constant(value)) }
        },
    ))
}

fn data() -> (Matrix, Values) {
    let x = Matrix::from(Array2::zeros((61, 1)));
    (x, (0..61).map(|row| 0.3 + (row as f64 - 30.0) / 100.0).collect())
}

fn search(low: f64, high: f64) -> RandomSearch {
    RandomSearch::new(Space::new().real("value", low..=high)).n_trials(40).seed(1)
}

fn run(search: &impl Search, options: &Tuning<'_>) -> Result<Study> {
    let (x, y) = data();
    search.run(&x, &y, build, &KFold::new(5), &MeanAbsoluteError, options)
}

#[test]
fn the_best_is_found_and_failures_are_recorded() {
    let study = run(&search(0.0, 1.0), &Tuning::new()).unwrap();
    let best = study.best();
    assert!((best.trial.real("value").unwrap() - 0.3).abs() < 0.05, "{study}");
    assert!(study.trials().iter().all(|trial| trial.score.is_none_or(|score| score >= best.score.unwrap())));
    let failed: Vec<_> = study.trials().iter().filter(|trial| trial.score.is_none()).collect();
    assert!(!failed.is_empty());
    for record in &failed {
        assert!(record.trial.real("value").unwrap() > 0.9);
        assert_eq!(record.state, TrialState::Failed("fold 0: more than 0.9".to_owned()));
    }
    let warnings = study.warnings();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with(&format!("{} of 40 trials failed; trial ", failed.len())),
        "{warnings:?}"
    );

    let (x, y) = data();
    let estimator = build(&best.trial).unwrap();
    let folds =
        cross_validate(&estimator, &x, &y, &KFold::new(5), &MeanAbsoluteError, &CrossValidation::new());
    assert_eq!(folds.unwrap().scores(), best.fold_scores);
}

#[test]
fn studies_are_saved() {
    let study = run(&search(0.0, 1.0), &Tuning::new()).unwrap();
    let text = study.to_json().unwrap();
    assert_eq!(serde_json::from_str::<Study>(&text).unwrap(), study);
    let wrong = text.replace(&format!("\"best\": {}", study.best().trial.number()), "\"best\": 1000");
    assert!(
        serde_json::from_str::<Study>(&wrong).unwrap_err().to_string().contains("trial 1000 is the best")
    );
}

#[test]
fn threads_do_not_matter() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let study = pool.install(|| run(&search(0.0, 1.0), &Tuning::new()).unwrap());
        study
            .trials()
            .iter()
            .map(|trial| (trial.trial.clone(), trial.fold_scores.clone()))
            .collect::<Vec<_>>()
    };
    assert!((2..=4).all(|threads| run(threads) == run(1)));
}

#[test]
fn the_edge_of_the_space_is_pointed_out() {
    let grid = GridSearch::new(Space::new().real("value", 0.4..=0.8));
    let warnings = run(&grid, &Tuning::new()).unwrap().warnings();
    assert_eq!(
        warnings,
        ["the best `value`, 0.4, lies at the low end of its range; better values may lie beyond it"]
    );
    let grid = GridSearch::new(Space::new().real("value", -0.5..=0.2));
    assert!(run(&grid, &Tuning::new()).unwrap().warnings()[0].contains("high end"));
    assert!(
        run(&GridSearch::new(Space::new().real("value", 0.1..=0.5)), &Tuning::new())
            .unwrap()
            .warnings()
            .is_empty()
    );
}

#[test]
fn the_defaults_come_first() {
    let study =
        run(&search(0.5, 0.8).n_trials(3).try_first([("value", 0.3.into())]), &Tuning::new()).unwrap();
    assert_eq!(study.best().trial.number(), 0);
    assert_eq!(study.trials().len(), 3);
}

#[test]
fn the_simplest_within_one_standard_error() {
    let grid = GridSearch::new(Space::new().real("value", 0.2..=0.4)).points(41);
    let study = run(&grid, &Tuning::new()).unwrap();
    let best = study.best();
    let scores = &best.fold_scores;
    let mean = best.score.unwrap();
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / 4.0;
    let limit = mean + (variance / 5.0).sqrt();
    let simplest = study.simplest_within_one_se(|trial| trial.real("value")).unwrap();
    let expected = study.trials().iter().find(|trial| trial.score.unwrap() <= limit).unwrap();
    assert_eq!(simplest, expected);
    assert!(simplest.trial.real("value").unwrap() < best.trial.real("value").unwrap());
    assert!(study.simplest_within_one_se(|trial| trial.real("other")).is_err());
}

#[test]
fn every_trial_is_reported_as_it_ends() {
    let seen = Mutex::new(Vec::new());
    let on_trial = |record: &perennial_tuning::TrialRecord| seen.lock().unwrap().push(record.trial.number());
    run(&search(0.0, 1.0), &Tuning::new().on_trial(&on_trial)).unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    assert_eq!(seen, (0..40).collect::<Vec<_>>());
}

#[test]
fn what_ends_a_search() {
    let message = run(&search(0.95, 1.0), &Tuning::new()).unwrap_err().to_string();
    assert!(message.starts_with("all 40 trials failed; trial 0: value = 0.9"), "{message}");
    let token = CancelToken::new();
    token.cancel();
    let options = Tuning::new().context(Context::new().with_cancel(token));
    assert!(matches!(run(&search(0.0, 1.0), &options).unwrap_err().kind(), ErrorKind::Cancelled { .. }));

    let (x, y) = data();
    let run = |build: &(dyn Fn(&Trial) -> Result<()> + Sync), n_splits: usize| {
        let build = |trial: &Trial| {
            build(trial)?;
            self::build(trial)
        };
        search(0.0, 0.5).run(&x, &y, build, &KFold::new(n_splits), &R2, &Tuning::new())
    };
    assert!(
        run(&|trial| trial.real("other").map(drop), 5)
            .unwrap_err()
            .to_string()
            .contains("no setting `other`")
    );
    assert!(run(&|_| Ok(()), 100).unwrap_err().to_string().contains("100 folds need"));
}
