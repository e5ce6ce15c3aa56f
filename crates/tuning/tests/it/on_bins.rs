//! Trials and folds that share their bins.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Array2;
use perennial_core::{
    Capabilities, Estimator, FitTransform, Matrix, NoTarget, Result, Train, Transformer, Values,
};
use perennial_evaluation::metric::MeanAbsoluteError;
use perennial_evaluation::split::KFold;
use perennial_models::binned::{Binning, LearnsFromBins};
use perennial_models::{Binner, GradientBoostingRegressor};
use perennial_tuning::{RandomSearch, Search, Space, Study, Trial, Tuning};

/// Bins, and how often they were learned.
struct Counted {
    binner: Binner,
    n_fits: Arc<AtomicUsize>,
}

impl Estimator for Counted {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = Binning;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<Binning> {
        self.n_fits.fetch_add(1, Ordering::SeqCst);
        self.binner.fit_on(train)
    }

    fn capabilities(&self) -> Capabilities {
        self.binner.capabilities()
    }
}

impl FitTransform for Counted {}

fn settings(trial: &Trial) -> Result<GradientBoostingRegressor> {
    let settings = GradientBoostingRegressor::new().n_trees(8).min_samples_leaf(5).seed(1);
    Ok(settings.max_leaves(trial.count("max_leaves")?).learning_rate(trial.real("learning_rate")?))
}

fn scores(study: &Study) -> Vec<Vec<f64>> {
    study.trials().iter().map(|record| record.fold_scores.clone()).collect()
}

#[test]
fn a_search_on_bins_learns_them_once_and_finds_the_same() {
    // Few values, which every fold has: its own bins are those of all rows.
    let x =
        Matrix::from(Array2::from_shape_fn((240, 3), |(row, column)| (row * (2 * column + 5) % 11) as f64));
    let cells = x.dense().unwrap();
    let y: Values = cells.rows().into_iter().map(|row| (row[0] - 4.0) * row[1] + row[2].powi(2)).collect();
    let space = Space::new().integer("max_leaves", 2..=9).log_real("learning_rate", 0.05..=0.5);
    let search = RandomSearch::new(space).n_trials(6).seed(3);
    let (folds, options) = (KFold::new(4), Tuning::new());
    let n_fits = Arc::new(AtomicUsize::new(0));
    let counted = || Counted { binner: Binner::new(), n_fits: n_fits.clone() };
    let n_learned = || n_fits.swap(0, Ordering::SeqCst);

    let alone = search.run(&x, &y, settings, &folds, &MeanAbsoluteError, &options).unwrap();
    let each = |trial: &Trial| Ok(counted().then(settings(trial)?.on_bins()));
    let each = search.run(&x, &y, each, &folds, &MeanAbsoluteError, &options).unwrap();
    assert_eq!(n_learned(), 6 * 4);

    let binned = counted().fit(&x, &NoTarget).unwrap().transform(&x).unwrap();
    let on_bins = |trial: &Trial| Ok(settings(trial)?.on_bins());
    let shared = search.run(&binned, &y, on_bins, &folds, &MeanAbsoluteError, &options).unwrap();
    assert_eq!(n_learned(), 1);

    assert_eq!(scores(&shared), scores(&alone));
    assert_eq!(scores(&each), scores(&alone));
    assert_eq!(shared.best().trial, alone.best().trial);
    // Trials do differ.
    assert!(scores(&shared).iter().any(|scores| *scores != shared.best().fold_scores));

    // The bins are those that were given, not those that the settings would make.
    let coarse = Binner::new().max_bins(2).fit(&x, &NoTarget).unwrap().transform(&x).unwrap();
    let coarse = search.run(&coarse, &y, on_bins, &folds, &MeanAbsoluteError, &options).unwrap();
    assert!(coarse.best().score.unwrap() > shared.best().score.unwrap());
}
