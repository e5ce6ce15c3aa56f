//! Round after round.

use std::time::Instant;

use perennial_core::{Context, Error, Result, memory};
use perennial_numeric::random::Random;
use rayon::prelude::*;

use super::cells::Cells;
use super::costs::Costs;
use super::derivatives;
use super::groups::Groups;
use super::grow::exact::{Exact, Sorted};
use super::grow::{Grower, Grown, Shared, Spare};
use super::leaves::{self, Slopes};
use super::sets::Sets;
use crate::boosting::constraints::Constraints;
use crate::boosting::follow::{Follow, State};
use crate::boosting::metric::BoostingMetric;
use crate::boosting::objective::{Labels, Objective};
use crate::boosting::sampling::{self, Bag};
use crate::boosting::settings::{Mode, RowSampling, Settings};
use crate::boosting::stopping::StopReason;
use crate::tree::Tree;

/// What boosting learns from.
pub(crate) struct Input<'a> {
    pub(crate) cells: &'a Cells<'a>,
    pub(crate) labels: &'a Labels<'a>,
    /// The columns that can be split, where they are in bins.
    pub(crate) columns: Vec<usize>,
    /// What is added to the score of each row: the same for each of its scores, or score by score.
    pub(crate) offset: Option<Vec<f64>>,
    /// The scores of the model that is continued, with the offset.
    pub(crate) start: Option<Vec<f64>>,
    pub(crate) validation: Option<Validation<'a>>,
    /// Its trees.
    pub(crate) before: &'a [Tree],
    /// The rounds of that model: those that are added are numbered, and so draw, from there.
    pub(crate) n_before: usize,
    /// After the round that passes this no other is begun.
    pub(crate) deadline: Option<Instant>,
}

/// The rows that are watched.
pub(crate) struct Validation<'a> {
    pub(crate) cells: &'a Cells<'a>,
    pub(crate) labels: &'a Labels<'a>,
    pub(crate) offset: Option<Vec<f64>>,
    pub(crate) start: Option<Vec<f64>>,
}

/// What boosting learned; the trees of a forest are not divided by their number yet.
pub(crate) struct Boosted {
    pub(crate) base: Vec<f64>,
    pub(crate) trees: Vec<Tree>,
    pub(crate) stop: StopReason,
}

/// Whether boosting goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    GoOn,
    Stop,
}

/// The scores that rows start from, score by score.
fn start(base: &[f64], n_rows: usize, offset: Option<&[f64]>, given: Option<&[f64]>) -> Vec<f64> {
    let mut scores = match given {
        Some(given) => given.to_vec(),
        None => {
            let mut scores = Vec::new();
            memory::make_room(&mut scores, n_rows * base.len());
            base.iter().for_each(|&base| scores.extend(std::iter::repeat_n(base, n_rows)));
            scores
        }
    };
    if let (Some(offset), None) = (offset, given) {
        let offsets = offset.chunks_exact(n_rows.max(1)).cycle();
        for (scores, offset) in scores.chunks_exact_mut(n_rows.max(1)).zip(offsets) {
            scores.iter_mut().zip(offset).for_each(|(score, offset)| *score += offset);
        }
    }
    scores
}

/// Adds trees until there are enough of them, nothing more can be learned, or `follow`, which gets the scores of the
/// validation rows after each round, has seen enough.
pub(crate) fn boost<O: Objective, W: BoostingMetric>(
    objective: &O,
    settings: &Settings,
    constraints: &Constraints,
    input: &Input<'_>,
    base: Vec<f64>,
    follow: &mut Follow<'_, O, W>,
    ctx: &Context,
) -> Result<Boosted> {
    let Input { cells, labels, .. } = *input;
    let n_rows = cells.n_rows();
    let n_scores = base.len();
    let random = Random::new(ctx.seed(settings.seed));
    let groups;
    let mut grows = match cells {
        Cells::Bins(binned) => {
            groups = Groups::new(binned, &input.columns, settings.enable_bundle);
            let costs = Costs::new(&constraints.costs, input.before);
            let spare = Spare::default();
            let sets = Sets::new(settings);
            Grows::InBins(Shared { binned, groups: &groups, settings, constraints, costs, sets, spare })
        }
        Cells::Values(x) => Grows::Exactly(Sorted::new(x, settings, constraints, ctx)?),
    };
    let counts = |row: &u32| labels.weight(*row as usize) > 0.0;
    // Rows without weight have scores too: they may compete with others.
    let all_count = (0..n_rows as u32).all(|row| counts(&row));
    // The rows that count are listed where they are not all, and where some of them are drawn.
    let is_listed = !all_count || settings.row_sampling != RowSampling::All;
    let counted: Option<Vec<u32>> = is_listed.then(|| (0..n_rows as u32).filter(counts).collect());
    let mut scores = start(&base, n_rows, input.offset.as_deref(), input.start.as_deref());
    let mut watched = input.validation.as_ref().map(|validation| {
        let n_rows = validation.cells.n_rows();
        start(&base, n_rows, validation.offset.as_deref(), validation.start.as_deref())
    });
    let is_forest = settings.mode == Mode::Forest;
    let watched_start = watched.clone().filter(|_| is_forest);
    let (mut gradients, mut hessians) = (memory::zeros(n_rows * n_scores), memory::zeros(n_rows * n_scores));
    let mut buffers: Vec<Vec<u32>> = vec![Vec::new(); n_scores];
    let mut trees: Vec<Tree> = Vec::new();
    // The trees of a forest share their derivatives, unless sampling changes them.
    let sampling_changes = matches!(settings.row_sampling, RowSampling::Gradient { .. });
    let is_count = objective.unit_hessian() && labels.weights.is_none() && !sampling_changes;
    let counting;
    let labels = if is_count {
        counting = labels.counting();
        &counting
    } else {
        labels
    };
    let mut bag = Bag::new(settings, labels, counted.as_deref().unwrap_or_default());
    let samples = bag.leaves_out() || settings.samples_columns(constraints.n_asked(cells.n_cols()));
    // Whether derivatives are drawn anew in each round.
    let mut noisy = false;
    let mut stop = StopReason::Rounds;
    let before = State { trees: &[], scores: &scores, watched: watched.as_deref() };
    if let Some(resumed) = follow.resume(cells.n_cols(), before)? {
        (trees, scores, watched) = (resumed.trees, resumed.scores, resumed.watched);
        grows.pay(&trees);
        grows.sets().count(&trees);
    }
    let first = trees.len() / n_scores;
    for round in first..settings.n_trees {
        ctx.step(round, settings.n_trees)?;
        let number = input.n_before + round;
        let of_round = |number: usize| random.stream("rounds").fork(number as u64);
        let random = of_round(number);
        let dropped = sampling::dropped(settings.mode, trees.len() / n_scores, &random);
        for &index in &dropped {
            add_round(&trees, index, n_scores, cells, -1.0, &mut scores, ctx)?;
        }
        if round == first || !is_forest || sampling_changes || noisy {
            let noise = random.stream("noise");
            noisy = objective.drawn_derivatives(labels, &scores, &mut gradients, &mut hessians, &noise);
            if !noisy {
                objective.derivatives(labels, &scores, &mut gradients, &mut hessians);
            }
        }
        let slopes = sampling::Slopes { gradients: &mut gradients, hessians: &mut hessians };
        let drawn = bag.rows(number, slopes, of_round);
        let all = drawn.is_none() && all_count;
        let rows = drawn.or(counted.as_deref());
        let work = Round {
            objective,
            grows: &grows,
            settings,
            constraints,
            labels,
            scores: &scores,
            gradients: &gradients,
            hessians: &hessians,
            is_count,
            rows,
            number,
            rate: rate(settings, dropped.len()),
            random: random.stream("trees"),
            ctx,
        };
        let grown: Vec<Result<Grown<'_>>> =
            buffers.par_iter_mut().enumerate().map(|(output, buffer)| work.tree(output, buffer)).collect();
        let grown = grown.into_iter().collect::<Result<Vec<Grown<'_>>>>()?;
        if all && !is_forest {
            for (scores, grown) in scores.chunks_exact_mut(n_rows).zip(&grown) {
                leaves::add(scores, &grown.parts, |node| grown.tree.value(node as usize)[0]);
            }
        }
        let grown: Vec<Tree> = grown.into_iter().map(|grown| grown.tree).collect();
        let learned = grown.iter().any(|tree| tree.n_nodes() > 1);
        if !learned && !samples && !noisy && !matches!(settings.mode, Mode::Dart { .. }) {
            stop = StopReason::NothingLeft;
            break;
        }
        grows.pay(&grown);
        trees.extend(grown);
        let newest = trees.len() / n_scores - 1;
        if !all && !is_forest {
            add_round(&trees, newest, n_scores, cells, 1.0, &mut scores, ctx)?;
        }
        if let (Some(validation), Some(watched)) = (&input.validation, &mut watched) {
            add_round(&trees, newest, n_scores, validation.cells, 1.0, watched, ctx)?;
            let share = -1.0 / (dropped.len() as f64 + 1.0);
            for &index in &dropped {
                add_round(&trees, index, n_scores, validation.cells, share, watched, ctx)?;
            }
        }
        let kept = dropped.len() as f64 / (dropped.len() as f64 + 1.0);
        for &index in &dropped {
            trees[index * n_scores..(index + 1) * n_scores].iter_mut().for_each(|tree| tree.scale(kept));
            add_round(&trees, index, n_scores, cells, 1.0, &mut scores, ctx)?;
        }
        if let (Some(validation), Some(watched)) = (&input.validation, &watched) {
            let verdict = match &watched_start {
                Some(start) => {
                    let n_rounds = (newest + 1) as f64;
                    let mean = start.iter().zip(watched).map(|(start, sum)| start + (sum - start) / n_rounds);
                    follow.watch(validation.labels, &mean.collect::<Vec<f64>>())?
                }
                None => follow.watch(validation.labels, watched)?,
            };
            if verdict == Verdict::Stop {
                stop = StopReason::NoImprovement;
                break;
            }
        }
        let late = || input.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if round + 1 < settings.n_trees && late() {
            stop = StopReason::TimeLimit;
            break;
        }
        if round + 1 < settings.n_trees {
            follow.keep(State { trees: &trees, scores: &scores, watched: watched.as_deref() })?;
        }
    }
    Ok(Boosted { base, trees, stop })
}

/// The best constant scores beside an offset, by the steps that leaves take: what is best without it is not. Several scores that
/// step at once, each as if the others stayed, may go too far together: then all take the same share of their steps.
pub(crate) fn base_beside<O: Objective>(
    objective: &O,
    labels: &Labels<'_>,
    offset: &[f64],
    ctx: &Context,
) -> Result<Vec<f64>> {
    const STEPS: usize = 200;
    let n_rows = labels.n_rows();
    let rows: Vec<u32> = (0..n_rows as u32).filter(|&row| labels.weight(row as usize) > 0.0).collect();
    let own = |output: usize| &offset[output * n_rows % offset.len()..];
    let weighted_mean = |output: usize| labels.mean_by(|row| own(output)[row]);
    // Near the answer where offsets differ little.
    let mut base: Vec<f64> = (0..)
        .zip(objective.base_scores(labels)?)
        .map(|(output, base)| base - weighted_mean(output))
        .collect();
    let (mut gradients, mut hessians) = (vec![0.0; n_rows * base.len()], vec![0.0; n_rows * base.len()]);
    let mut share = 1.0;
    for _ in 0..STEPS {
        ctx.check()?;
        let scores = start(&base, n_rows, Some(offset), None);
        objective.derivatives(labels, &scores, &mut gradients, &mut hessians);
        let step = |output: usize| {
            let place = output * n_rows..(output + 1) * n_rows;
            let slopes =
                Slopes { gradients: &gradients[place.clone()], hessians: &hessians[place], is_count: false };
            let (gradient, hessian) = slopes.sums(&rows);
            let newton = if hessian > 0.0 { -gradient / hessian } else { 0.0 };
            objective.leaf_score(labels, &scores, &rows, output).unwrap_or(newton)
        };
        let steps: Vec<f64> = (0..base.len()).map(step).collect();
        if base.iter().zip(&steps).any(|(base, step)| !(base + step).is_finite()) {
            return Err(Error::overflow(
                "no constant fits beside the offset: scale the target or the offset down",
            ));
        }
        if base.len() > 1 {
            let loss_at = |share: f64| {
                let moved: Vec<f64> =
                    base.iter().zip(&steps).map(|(base, step)| base + share * step).collect();
                objective.loss(labels, &start(&moved, n_rows, Some(offset), None))
            };
            match best_share(share, objective.loss(labels, &scores), loss_at) {
                Some(found) => share = found,
                None => break,
            }
        }
        let mut moved = false;
        for (base, step) in base.iter_mut().zip(&steps) {
            let step = share * step;
            *base += step;
            moved |= step.abs() > 1e-12 * (1.0 + base.abs());
        }
        if !moved {
            break;
        }
    }
    Ok(base)
}

/// The share of a step after which the loss is least, of the one before, its halves and, up to 1, its doubles; `None` where the loss,
/// which is `now` before the step, rises by all of them.
fn best_share(mut share: f64, now: f64, loss_at: impl Fn(f64) -> f64) -> Option<f64> {
    const LEAST: f64 = 1e-9;
    // Losses that differ by no more are the same but for rounding.
    let noise = 1e-13 * now.abs();
    let mut reached = loss_at(share);
    while share > LEAST {
        let half = loss_at(0.5 * share);
        if reached <= now + noise && !(half < reached - noise) {
            break;
        }
        (share, reached) = (0.5 * share, half);
    }
    while share < 1.0 {
        let double = loss_at(2.0 * share);
        if !(double < reached - noise) {
            break;
        }
        (share, reached) = (2.0 * share, double);
    }
    (reached <= now + noise).then_some(share)
}

/// How trees are grown, with what all of them share.
enum Grows<'a> {
    InBins(Shared<'a>),
    Exactly(Sorted<'a>),
}

impl Grows<'_> {
    /// Columns that these trees ask cost nothing any more.
    fn pay(&mut self, trees: &[Tree]) {
        if let Grows::InBins(shared) = self {
            shared.costs.pay(trees);
        }
    }

    fn sets(&self) -> &Sets {
        match self {
            Grows::InBins(shared) => &shared.sets,
            Grows::Exactly(sorted) => &sorted.sets,
        }
    }
}

/// What the trees of one round share.
struct Round<'a, O> {
    objective: &'a O,
    grows: &'a Grows<'a>,
    settings: &'a Settings,
    constraints: &'a Constraints,
    labels: &'a Labels<'a>,
    scores: &'a [f64],
    gradients: &'a [f64],
    hessians: &'a [f64],
    is_count: bool,
    /// `None` for all.
    rows: Option<&'a [u32]>,
    number: usize,
    rate: f64,
    random: Random,
    ctx: &'a Context,
}

impl<O: Objective> Round<'_, O> {
    /// The tree for one score.
    fn tree<'r>(&self, output: usize, buffer: &'r mut Vec<u32>) -> Result<Grown<'r>> {
        let n_rows = self.labels.n_rows();
        let place = output * n_rows..(output + 1) * n_rows;
        let (gradients, hessians) = (&self.gradients[place.clone()], &self.hessians[place]);
        let slopes = Slopes { gradients, hessians, is_count: self.is_count };
        let random = self.random.fork(output as u64);
        buffer.clear();
        memory::make_room(buffer, self.rows.map_or(n_rows, <[u32]>::len));
        match self.rows {
            Some(rows) => buffer.extend_from_slice(rows),
            None => buffer.extend(0..n_rows as u32),
        }
        let mut grown = match self.grows {
            Grows::InBins(shared) => {
                let seed = random.stream("rounding").uniform().to_bits();
                let spare = &shared.spare.derivatives;
                let rounded = derivatives::round(gradients, hessians, self.is_count, seed, spare)?;
                let grown = Grower::new(shared, &rounded, random, self.ctx).grow(buffer)?;
                spare.give(rounded.of_rows);
                grown
            }
            Grows::Exactly(sorted) => Exact::new(sorted, slopes, random, self.ctx)?.grow(buffer)?,
        };
        if grown.tree.n_nodes() == 1 {
            // What a constant can do is in the base score.
            grown.tree.set_value(0, &[0.0]);
            return Ok(grown);
        }
        grown.tree.scale(self.rate);
        let found = grown.leaves();
        let mut outputs =
            leaves::outputs(&found, self.settings, slopes, self.objective, self.labels, self.scores, output);
        if !grown.bounds.is_empty() {
            leaves::put_in_order(&grown.tree, &self.constraints.directions, &found, &mut outputs);
        }
        for (leaf, output) in found.iter().zip(outputs) {
            let value = self.rate * output;
            if !value.is_finite() {
                return Err(Error::overflow(format!(
                    "a leaf of round {} would be {value}: the derivatives of the loss are too large; scale the target \
                     down",
                    self.number
                )));
            }
            grown.tree.set_value(leaf.node, &[value]);
        }
        Ok(grown)
    }
}

/// How much of its step a tree takes.
fn rate(settings: &Settings, n_dropped: usize) -> f64 {
    match settings.mode {
        Mode::Gradient => settings.learning_rate,
        Mode::Dart { .. } => settings.learning_rate / (n_dropped as f64 + 1.0),
        Mode::Forest => 1.0,
    }
}

/// Adds the trees of a round to the scores of all rows.
fn add_round(
    trees: &[Tree],
    round: usize,
    n_scores: usize,
    cells: &Cells<'_>,
    factor: f64,
    scores: &mut [f64],
    ctx: &Context,
) -> Result<()> {
    let n_rows = cells.n_rows();
    for (tree, scores) in trees[round * n_scores..].iter().zip(scores.chunks_exact_mut(n_rows)) {
        ctx.check()?;
        cells.add(tree, factor, scores)?;
    }
    Ok(())
}

/// Rows that the engine can number.
pub(crate) fn check_size(n_rows: usize) -> Result<()> {
    const MOST: usize = 1 << 30;
    if n_rows > MOST {
        return Err(Error::too_large(format!("{n_rows} rows; boosting takes at most {MOST}")));
    }
    Ok(())
}
