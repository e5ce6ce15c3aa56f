//! Learning what all boosters learn.

use std::fmt::Debug;
use std::time::Instant;

use perennial_core::{Context, Error, Features, Result, Rows};

use super::booster::{Booster, Made};
use super::constraints::Constraints;
use super::engine::groups::Groups;
use super::engine::rounds::{self, Validation, boost};
use super::follow::Follow;
use super::inputs::{Given, Inputs};
use super::latest;
use super::metric::{BoostingMetric, Watched};
use super::objective::{Labels, Objective};
use super::sampling;
use super::settings::{Growth, Mode, RowSampling, Settings};
use crate::binned::check_sparse;
use crate::ensemble::Ensemble;

/// What an estimator brings to learning.
pub(crate) struct Plan<'a, O, W> {
    pub(crate) settings: &'a Settings,
    pub(crate) objective: &'a O,
    /// What is watched on the validation set; the loss where this is empty.
    pub(crate) metrics: &'a [W],
    pub(crate) ctx: &'a Context,
    /// The model that is continued.
    pub(crate) from: Option<&'a Booster>,
}

impl<O: Objective, W: BoostingMetric> Plan<'_, O, W> {
    /// Learns from rows in bins or puts them there.
    pub(crate) fn learn<X: Inputs + ?Sized>(
        &self,
        train: &Given<'_, X>,
        validation: Option<&Given<'_, X>>,
    ) -> Result<Booster> {
        // On a thread of the pool all along: to enter it anew for each small task costs more than the task.
        rayon::scope(|_| self.learn_here(train, validation))
    }

    fn learn_here<X: Inputs + ?Sized>(
        &self,
        train: &Given<'_, X>,
        validation: Option<&Given<'_, X>>,
    ) -> Result<Booster> {
        let (settings, objective) = (self.settings, self.objective);
        let deadline = settings.time_limit.and_then(|limit| Instant::now().checked_add(limit));
        settings.check()?;
        let features = train.x.features();
        rounds::check_size(train.x.n_rows())?;
        // Before anything is as long as the columns are many.
        train.x.csr().map_or(Ok(()), check_sparse)?;
        self.check_memory(train.x, validation.map(|given| given.x))?;
        self.check_offsets()?;
        let constraints = settings.constraints(features)?;
        let latest = self.latest(train.x)?;
        let labels = latest::labels(train, latest.as_deref());
        objective.check(&labels)?;
        sampling::check(settings, &labels)?;
        if settings.mode == Mode::Forest {
            let fewer_rows = sampling::leaves_out(settings, &labels);
            settings.check_forest(constraints.n_asked(features.len()), fewer_rows)?;
        }
        let offset = self.offset(train.x)?;
        let base = match (self.from, settings.base_score, &offset) {
            (Some(from), ..) => self.check_from(from, features, &constraints)?,
            (None, Some(base), _) => vec![base; objective.n_scores()],
            (None, None, None) => objective.base_scores(&labels)?,
            (None, None, Some(offset)) => rounds::base_beside(objective, &labels, offset, self.ctx)?,
        };
        let cells = train.x.cells(settings, train.weights, self.ctx)?;
        let columns = cells.binned().map_or_else(Vec::new, Groups::splittable);
        if train.x.csr().is_some() {
            self.check_histograms(cells.n_rows(), columns.len())?;
        }
        let watched_latest = validation.map_or(Ok(None), |given| self.latest(given.x))?;
        let watched = validation.map(|given| {
            let labels = latest::labels(given, watched_latest.as_deref());
            objective.check_watched(&labels).map_err(|error| error.context("validation set"))?;
            let offset = self.offset(given.x)?;
            let start = self.start(given.x, offset.as_deref())?;
            Ok((given.x.cells_like(&cells, features)?, labels, offset, start))
        });
        let watched = watched.transpose()?;
        let n_before = self.from.map_or(0, Booster::n_rounds);
        let input = rounds::Input {
            cells: &cells,
            labels: &labels,
            columns,
            start: self.start(train.x, offset.as_deref())?,
            offset,
            validation: watched.as_ref().map(|(cells, labels, offset, start)| Validation {
                cells,
                labels,
                offset: offset.clone(),
                start: start.clone(),
            }),
            before: self.from.map_or(&[], Booster::trees),
            n_before,
            deadline,
        };
        let mut follow = Follow::new(self, self.checkpoint(&input, &base)?);
        if let Some((_, labels, _, Some(start))) = &watched {
            // The model that is continued may be better than all that comes.
            follow.stopper.round(&self.values(labels, start)?);
        }
        let learned = boost(objective, settings, &constraints, &input, base, &mut follow, self.ctx)?;
        // A model that is continued was judged, also where no round could be added to it.
        let judged = follow.history.first().is_some_and(|first| !first.values.is_empty())
            || (validation.is_some() && self.from.is_some());
        // The rounds up to the best; the first that was judged is that of the model that is continued, where there is one.
        let best = judged.then(|| follow.stopper.best_round() + usize::from(self.from.is_none()));
        let mut new_trees = learned.trees;
        if let (Some(best), true) = (best, follow.may_stop) {
            new_trees.truncate(best * learned.base.len());
        }
        if settings.mode == Mode::Forest {
            let share = 1.0 / (new_trees.len() / learned.base.len()).max(1) as f64;
            new_trees.iter_mut().for_each(|tree| tree.scale(share));
        }
        let mut trees = self.from.map_or_else(Vec::new, |from| from.trees().to_vec());
        trees.extend(new_trees);
        let booster = Booster {
            features: features.clone(),
            ensemble: Ensemble::new(features.len(), learned.base.len(), learned.base, trees)?,
            offset: constraints.offset.iter().map(|&column| column as u32).collect(),
            history: if judged { std::mem::take(&mut follow.history) } else { Vec::new() },
            best_round: best.map(|best| best + n_before),
            made: Made {
                mode: self.from.map_or(settings.mode, |from| from.made.mode),
                directions: if constraints.bound() { constraints.directions.clone() } else { Vec::new() },
                n_before,
                stop: learned.stop,
            },
        };
        check_monotone(&booster, &constraints)?;
        check_interactions(&booster, &constraints, n_before)?;
        follow.done();
        Ok(booster)
    }

    /// The watched metrics after a round.
    pub(super) fn values(&self, labels: &Labels<'_>, scores: &[f64]) -> Result<Vec<f64>> {
        if self.metrics.is_empty() {
            return Ok(vec![self.objective.loss(labels, scores)]);
        }
        let now = Watched::new(self.objective, labels, scores);
        self.metrics.iter().map(|metric| metric.value(&now)).collect()
    }

    /// What is added to the scores of each row, column by column; rows that are watched may have their columns in another order.
    fn offset<X: Inputs + ?Sized>(&self, x: &X) -> Result<Option<Vec<f64>>> {
        let columns = self.settings.offset.iter().map(|name| x.column(x.features().position(name)?));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok((!columns.is_empty()).then(|| columns.concat()))
    }

    /// Refuses offsets of some scores and not of others.
    fn check_offsets(&self) -> Result<()> {
        let (n_offsets, n_scores) = (self.settings.offset.len(), self.objective.n_scores());
        if n_offsets <= 1 || n_offsets == n_scores {
            return Ok(());
        }
        Err(Error::unsupported(format!(
            "`offsets` names {n_offsets} columns, and each row has {n_scores} scores; name one for each score, or one for all"
        )))
    }

    /// The scores, score by score, of the model that is continued: the bits that learning it left.
    fn start<X: Inputs + ?Sized>(&self, x: &X, offset: Option<&[f64]>) -> Result<Option<Vec<f64>>> {
        let scores = |from: &Booster| Ok(by_score(&x.scores(from, offset)?, from.ensemble().n_outputs()));
        self.from.map(scores).transpose()
    }

    fn check_from(&self, from: &Booster, features: &Features, constraints: &Constraints) -> Result<Vec<f64>> {
        let offset = constraints.offset.iter().map(|&column| column as u32);
        if *from.features() != *features || !offset.eq(from.offset.iter().copied()) {
            return Err(Error::unsupported(
                "the model to continue learned from other columns, or has another offset",
            ));
        }
        if from.ensemble().n_outputs() != self.objective.n_scores() {
            return Err(Error::unsupported(format!(
                "the model to continue has {} scores for a row; the loss needs {}",
                from.ensemble().n_outputs(),
                self.objective.n_scores()
            )));
        }
        if self.settings.mode != Mode::Gradient || from.made.mode == Mode::Forest {
            return Err(Error::unsupported(
                "a model can be continued by `Mode::Gradient` only, and none that is a forest; learn a new one instead",
            ));
        }
        if let Some(base) = self.settings.base_score
            && from.ensemble().base().iter().any(|&known| known != base)
        {
            return Err(Error::unsupported(format!(
                "the model to continue starts from the scores {:?}, and `base_score` is {base}; leave it out",
                from.ensemble().base()
            )));
        }
        let lost = |&column: &usize| {
            from.made.directions[column] != 0
                && from.made.directions[column] != constraints.directions[column]
        };
        if let Some(column) = (0..from.made.directions.len()).find(lost) {
            return Err(Error::unsupported(format!(
                "the model to continue keeps to `monotone` along column `{}`, and these settings do not; set it too",
                features.name(column)
            )));
        }
        check_monotone(from, constraints).map_err(|_| {
            Error::unsupported("the model to continue does not keep to `monotone`; learn a new one instead")
        })?;
        latest::check_unasked(from, self.settings)?;
        Ok(from.ensemble().base().to_vec())
    }

    /// The most bytes of histograms of the trees that grow at the same time, of so many columns.
    fn histogram_bytes(&self, rows: u64, columns: u64) -> u64 {
        let settings = self.settings;
        let at_once = (self.objective.n_scores() as u64).min(rayon::current_num_threads() as u64);
        let of_rows = (rows / settings.min_samples_leaf as u64).max(1);
        let of_depth = settings.max_depth.map_or(u64::MAX, |depth| 1 << depth.min(63));
        let leaves = match settings.growth {
            Growth::Symmetric => settings.open_leaves(of_rows),
            _ => (settings.max_leaves as u64).min(of_rows).min(of_depth),
        };
        (leaves + 4).saturating_mul(columns).saturating_mul(2048).saturating_mul(at_once)
    }

    /// Refuses more histograms and bins of sparse rows than a machine can be expected to hold, where no limit is set: how many
    /// there are does not follow from the memory that the rows take.
    fn check_histograms(&self, n_rows: usize, n_columns: usize) -> Result<()> {
        const MOST: u64 = 16 << 30;
        let (rows, columns) = (n_rows as u64, n_columns as u64);
        let needed = self.histogram_bytes(rows, columns).saturating_add(rows.saturating_mul(columns));
        if self.settings.memory_limit.is_some() || needed <= MOST {
            return Ok(());
        }
        Err(Error::too_large(format!(
            "learning from {n_rows} sparse rows of which {n_columns} columns hold more than one value may take {needed} bytes, more \
             than {MOST}; take fewer columns or leaves, or set `memory_limit` to what there is"
        )))
    }

    /// Refuses what would need more memory than is allowed.
    fn check_memory<X: Inputs + ?Sized>(&self, x: &X, watched: Option<&X>) -> Result<()> {
        let (n_rows, n_cols, n_watched) = (x.n_rows(), x.features().len(), watched.map_or(0, Rows::n_rows));
        let (rows, watched_rows, columns) = (n_rows as u64, n_watched as u64, n_cols as u64);
        let scores = self.objective.n_scores() as u64;
        let n_threads = rayon::current_num_threads() as u64;
        let at_once = scores.min(n_threads);
        let starts = if self.from.is_some() { 2 } else { 0 };
        // What is stored of sparse rows once more, column by column, and the column that each thread writes out.
        let sparse = [Some(x), watched].into_iter().flatten().filter_map(|x| {
            let csr = x.csr()?;
            let copy = (csr.n_stored() as u64).saturating_mul(12).saturating_add(columns.saturating_mul(16));
            Some((csr.n_rows() as u64).saturating_mul(8).saturating_mul(n_threads).saturating_add(copy))
        });
        let drawn = if self.settings.row_sampling == RowSampling::All { 0 } else { 8 };
        let offsets = 8 * (self.settings.offset.len() + usize::from(self.settings.latest.is_some())) as u64;
        // The scores once more, and the file that they are written to, which grows by doubling.
        let kept = if self.ctx.keeps_checkpoints() { 3 } else { 0 };
        let what =
            || format!("learning from {n_rows} rows and {n_cols} columns, with {n_watched} rows to watch,");
        // Of exact splits the order of each column, for all trees and for each that grows, and what is sorted by; its rows, their
        // derivatives and their sides. Rows that are watched are copied where their columns are in another order.
        if self.settings.is_exact() {
            let cells = rows.saturating_mul(columns);
            let sorting = rows.saturating_mul(n_threads).saturating_mul(16 + 8);
            let growing = rows.saturating_mul(at_once).saturating_mul(16 + 4 + 4 + 1 + 1);
            return self.settings.check_memory(
                &[
                    cells.saturating_mul(8).saturating_mul(1 + at_once),
                    sorting.saturating_add(growing),
                    rows.saturating_mul(scores).saturating_mul(8 * (3 + starts + kept) + 4),
                    rows.saturating_mul(4 + drawn + offsets),
                    watched_rows.saturating_mul(columns.saturating_mul(8).saturating_add(2 * offsets)),
                    watched_rows.saturating_mul(scores).saturating_mul(8 * (3 + starts + kept)),
                ],
                what,
                "take fewer columns, set `Splits::Histogram`, or raise the limit",
            );
        }
        // Bins twice; scores and derivatives; of each tree that grows its derivatives, its rows twice, and histograms; the rows that
        // count, those that are drawn and those of each stratum. Of the rows that are watched their bins, their scores and
        // answers.
        self.settings.check_memory(
            &[
                rows.saturating_mul(columns).saturating_mul(2),
                rows.saturating_mul(scores).saturating_mul(8 * (3 + starts + kept)),
                rows.saturating_mul(scores).saturating_mul(4),
                rows.saturating_mul(at_once).saturating_mul(8 + 4 + 4),
                rows.saturating_mul(4 + drawn + offsets),
                self.histogram_bytes(rows, columns),
                watched_rows.saturating_mul(columns.saturating_add(2 * offsets)),
                watched_rows.saturating_mul(scores).saturating_mul(8 * (3 + starts + kept)),
                sparse.max().unwrap_or(0),
            ],
            what,
            "take fewer columns or leaves, or raise the limit",
        )
    }
}

/// Refuses to go on with a model by another loss: its scores mean something else.
pub(super) fn check_loss<O: Objective>(model: &O, ours: &O) -> Result<()> {
    if ours.same_as(model) {
        return Ok(());
    }
    let (model, ours) = (shown(model), shown(ours));
    Err(Error::unsupported(format!(
        "the model learned with the loss {model}, and these settings have {ours}, whose scores mean something else; set the \
         loss of the model, or learn a new model"
    )))
}

/// What a loss shows of itself, cut off where it is long.
pub(super) fn shown(loss: &impl Debug) -> String {
    const MOST: usize = 200;
    let text = format!("{loss:?}");
    let end = text.char_indices().nth(MOST).map(|(end, _)| end);
    match end {
        Some(end) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Numbers that lie row by row, score by score.
fn by_score(scores: &[f64], n_scores: usize) -> Vec<f64> {
    let n_rows = scores.len() / n_scores.max(1);
    match n_scores {
        1 => scores.to_vec(),
        _ => (0..scores.len()).map(|at| scores[at % n_rows * n_scores + at / n_rows]).collect(),
    }
}

/// Makes sure that no tree breaks a monotone constraint: on the two sides of a cut of a constrained column no leaf of
/// one side may be beyond a leaf of the other.
fn check_monotone(booster: &Booster, constraints: &Constraints) -> Result<()> {
    if !constraints.bound() {
        return Ok(());
    }
    for tree in booster.trees() {
        // The least and the largest leaf below each node; children come after their parents.
        let mut ranges: Vec<(f64, f64)> =
            (0..tree.n_nodes()).map(|node| (tree.value(node)[0], tree.value(node)[0])).collect();
        for node in (0..tree.n_nodes()).rev() {
            let (Some((left, right)), Some(column)) = (tree.children(node), tree.feature(node)) else {
                continue;
            };
            let (a, b) = (ranges[left], ranges[right]);
            let broken = match constraints.directions[column] {
                1 => a.1 > b.0,
                -1 => a.0 < b.1,
                _ => false,
            };
            if broken {
                return Err(Error::unsupported(format!(
                    "the fitted trees do not keep to the monotone constraint on column `{}`; please report this",
                    booster.features().name(column)
                )));
            }
            ranges[node] = (a.0.min(b.0), a.1.max(b.1));
        }
    }
    Ok(())
}

/// Makes sure that the columns on each way from the root to a leaf of the trees after the first `n_before` rounds lie in
/// one of the sets that may interact.
fn check_interactions(booster: &Booster, constraints: &Constraints, n_before: usize) -> Result<()> {
    if constraints.sets.is_empty() {
        return Ok(());
    }
    for tree in &booster.trees()[n_before * booster.ensemble().n_outputs()..] {
        // The columns that are asked above each node; parents come before their children.
        let mut above: Vec<Vec<usize>> = vec![Vec::new(); tree.n_nodes()];
        for node in 0..tree.n_nodes() {
            let (Some((left, right)), Some(column)) = (tree.children(node), tree.feature(node)) else {
                continue;
            };
            let mut asked = std::mem::take(&mut above[node]);
            if let Err(place) = asked.binary_search(&column) {
                asked.insert(place, column);
                let within = |set: &Vec<usize>| asked.iter().all(|column| set.binary_search(column).is_ok());
                if !constraints.sets.iter().any(within) {
                    let names: Vec<&str> =
                        asked.iter().map(|&column| booster.features().name(column)).collect();
                    return Err(Error::unsupported(format!(
                        "the fitted trees let the columns {names:?} interact, which `interactions` does not allow; please \
                         report this"
                    )));
                }
            }
            above[left].clone_from(&asked);
            above[right] = asked;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boosting::losses::Quantiles;

    #[test]
    fn trees_that_let_columns_interact_are_found() {
        use crate::boosting::GradientBoostingRegressor;
        use ndarray::Array2;
        use perennial_core::{Estimator, Matrix, Values};
        let mut random = perennial_numeric::random::Random::new(2);
        let x = Array2::from_shape_fn((400, 3), |_| random.normal());
        let y: Values = x.rows().into_iter().map(|row| row[0] * row[1] + row[2]).collect();
        let x = Matrix::from(x);
        let fit = |sets: &[&[&str]]| {
            let free = GradientBoostingRegressor::new().n_trees(5);
            let bound = sets.iter().fold(free, |bound, set| bound.interaction(set.iter().copied()));
            bound.fit(&x, &y).unwrap().booster().clone()
        };
        let constraints = |sets: &[&[usize]]| Constraints {
            directions: vec![0; 3],
            sets: sets.iter().map(|set| set.to_vec()).collect(),
            offset: Vec::new(),
            latest: None,
            costs: Vec::new(),
        };
        let free = fit(&[]);
        assert!(check_interactions(&free, &constraints(&[]), 0).is_ok());
        assert!(check_interactions(&free, &constraints(&[&[0, 1, 2]]), 0).is_ok());
        let error = check_interactions(&free, &constraints(&[&[0, 1], &[2]]), 0).unwrap_err().to_string();
        assert!(error.contains("x2") && error.contains("interact"), "{error}");
        // Those of a model that is continued were its own affair.
        assert!(check_interactions(&free, &constraints(&[&[0, 1], &[2]]), 5).is_ok());
        let bound = fit(&[&["x0", "x1"], &["x1", "x2"]]);
        assert!(check_interactions(&bound, &constraints(&[&[0, 1], &[1, 2]]), 0).is_ok());
        assert!(check_interactions(&bound, &constraints(&[&[0], &[1], &[2]]), 0).is_err());
    }

    #[test]
    fn memory_of_sparse_rows_is_counted() {
        use crate::boosting::{RegressionLoss, Watch};
        use perennial_core::{Csr, Matrix};
        let (ctx, objective) = (Context::new(), RegressionLoss::SquaredError);
        let plan = |settings: &Settings, check: &dyn Fn(&Plan<'_, RegressionLoss, Watch>) -> Result<()>| {
            check(&Plan { settings, objective: &objective, metrics: &[], ctx: &ctx, from: None })
        };
        let none = Settings::default();
        assert!(plan(&none, &|plan| plan.check_histograms(10_000, 10_000)).is_ok());
        let error = plan(&none, &|plan| plan.check_histograms(10_000, 1 << 20)).unwrap_err();
        assert!(matches!(error.kind(), perennial_core::ErrorKind::TooLarge { .. }), "{error:?}");
        let limited = |limit| Settings { memory_limit: Some(limit), ..Settings::default() };
        assert!(plan(&limited(1 << 40), &|plan| plan.check_histograms(10_000, 1 << 20)).is_ok());
        // Few leaves are possible of few rows.
        assert!(plan(&none, &|plan| plan.check_histograms(40, 1 << 20)).is_ok());

        let csr = Csr::new(2, (0..=1000).collect(), vec![1; 1000], vec![1.0; 1000]).unwrap();
        let sparse = Matrix::from(csr);
        let dense = sparse.to_dense().unwrap();
        let passes = |x: &Matrix, limit| plan(&limited(limit), &|plan| plan.check_memory(x, None)).is_ok();
        let least = (0..10_000).map(|step| 1000 * step).find(|&limit| passes(&dense, limit)).unwrap();
        assert!(!passes(&sparse, least + 12_000) && passes(&sparse, 2 * least + 12_000 * 100));
    }

    #[test]
    fn long_losses_are_cut_off() {
        let levels = |last: f64| {
            let mut levels: Vec<f64> = (1..500).map(|level| f64::from(level) / 1000.0).collect();
            levels.push(last);
            Quantiles::new(levels)
        };
        assert!(check_loss(&levels(0.9), &levels(0.9)).is_ok());
        let error = check_loss(&levels(0.9), &levels(0.8)).unwrap_err().to_string();
        assert!(error.contains("Quantiles") && error.len() < 800, "{error}");
    }
}
