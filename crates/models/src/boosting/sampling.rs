//! Rows and trees drawn at random.

use std::borrow::Cow;
use std::collections::BTreeMap;

use perennial_core::{Error, Result};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;

use super::objective::Labels;
use super::settings::{Mode, RowSampling, Settings};

/// Draws the rows of each round.
pub(crate) struct Bag<'a> {
    settings: &'a Settings,
    /// The rows that count.
    counted: &'a [u32],
    n_rows: usize,
    /// Rows of which a share each is drawn: all that count, or those of each class.
    strata: Vec<(Cow<'a, [u32]>, f64)>,
    /// The rows of each group, where groups are drawn.
    groups: Vec<Vec<u32>>,
    /// The round for which rows were drawn, and those.
    drawn: Option<(usize, Vec<u32>)>,
}

/// The derivatives of a round, score by score.
pub(crate) struct Slopes<'a> {
    pub(crate) gradients: &'a mut [f64],
    pub(crate) hessians: &'a mut [f64],
}

impl<'a> Bag<'a> {
    pub(crate) fn new(settings: &'a Settings, labels: &Labels<'_>, counted: &'a [u32]) -> Self {
        let (mut strata, mut groups) = (Vec::new(), Vec::new());
        let y = |row: &u32| labels.y[*row as usize];
        match settings.row_sampling {
            RowSampling::All | RowSampling::Gradient { .. } => {}
            RowSampling::Fraction(share) => strata.push((Cow::Borrowed(counted), share)),
            RowSampling::PositiveNegative { positive, negative } => {
                let (above, rest): (Vec<u32>, Vec<u32>) = counted.iter().partition(|row| y(row) > 0.0);
                strata = vec![(Cow::Owned(above), positive), (Cow::Owned(rest), negative)];
            }
            RowSampling::Stratified(share) => {
                let mut by_target: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
                counted.iter().for_each(|row| by_target.entry(y(row) as u32).or_default().push(*row));
                strata.extend(by_target.into_values().map(|rows| (Cow::Owned(rows), share)));
            }
            RowSampling::Groups(_) => {
                let counts = |row: &u32| labels.weight(*row as usize) > 0.0;
                let of_group = |rows: &[u32]| rows.iter().copied().filter(counts).collect::<Vec<u32>>();
                groups = labels.by_group().iter().map(of_group).filter(|rows| !rows.is_empty()).collect();
            }
        }
        Bag { settings, counted, n_rows: labels.n_rows(), strata, groups, drawn: None }
    }

    /// Whether fewer than all rows that count are drawn: a share that is rounded to all of them leaves none out.
    pub(crate) fn leaves_out(&self) -> bool {
        match self.settings.row_sampling {
            RowSampling::Groups(share) => n_of(self.groups.len(), share) < self.groups.len(),
            RowSampling::Gradient { top, rest } => {
                let n_top = n_of(self.counted.len(), top);
                n_top + n_of_rest(self.counted.len(), rest) < self.counted.len()
            }
            _ => self.strata.iter().any(|(rows, share)| n_of(rows.len(), *share) < rows.len()),
        }
    }

    /// The rows that a round learns from, ascending; `None` for all that count. Where rows with small derivatives stand for
    /// others like them, their derivatives are raised. `random` gives the numbers of a round.
    pub(crate) fn rows(
        &mut self,
        round: usize,
        slopes: Slopes<'_>,
        random: impl Fn(usize) -> Random,
    ) -> Option<&[u32]> {
        // Rows are drawn in rounds whose numbers do not depend on where a model is continued.
        let since = round - round % self.settings.bagging_freq;
        if self.drawn.as_ref().is_none_or(|(drawn, _)| *drawn != since) {
            let mut random = random(since).stream("rows");
            let rows = match self.settings.row_sampling {
                RowSampling::All => return None,
                RowSampling::Gradient { top, rest } => {
                    self.by_gradient(round, top, rest, slopes, &mut random)?
                }
                RowSampling::Groups(share) => {
                    let numbers: Vec<u32> = (0..self.groups.len() as u32).collect();
                    let drawn = draw(&numbers, n_of(numbers.len(), share), &mut random);
                    let rows = drawn.into_iter().flat_map(|group| &self.groups[group as usize]);
                    sorted(rows.copied().collect())
                }
                _ => {
                    let drawn = self
                        .strata
                        .iter()
                        .map(|(rows, share)| draw(rows, n_of(rows.len(), *share), &mut random));
                    let mut drawn: Vec<Vec<u32>> = drawn.collect();
                    if drawn.len() == 1 { drawn.swap_remove(0) } else { sorted(drawn.concat()) }
                }
            };
            self.drawn = Some((since, rows));
        }
        self.drawn.as_ref().map(|(_, rows)| &rows[..])
    }

    fn by_gradient(
        &self,
        round: usize,
        top: f64,
        rest: f64,
        slopes: Slopes<'_>,
        random: &mut Random,
    ) -> Option<Vec<u32>> {
        let (settings, counted, n_rows) = (self.settings, self.counted, self.n_rows);
        let Slopes { gradients, hessians } = slopes;
        // The first rounds know too little of which rows are hard; those of a forest all know as much.
        if settings.mode != Mode::Forest && (round as f64) < 1.0 / settings.learning_rate {
            return None;
        }
        let n_scores = gradients.len() / n_rows.max(1);
        let size =
            |row: u32| (0..n_scores).map(|score| gradients[score * n_rows + row as usize].abs()).sum::<f64>();
        let mut sized: Vec<(f64, u32)> = reduce::map_chunks(counted.len(), 8192, |part| {
            counted[part].iter().map(|&row| (size(row), row)).collect::<Vec<_>>()
        })
        .concat();
        let n_top = n_of(counted.len(), top);
        let larger = |a: &(f64, u32), b: &(f64, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if n_top < sized.len() {
            sized.select_nth_unstable_by(n_top, larger);
        }
        let mut chosen: Vec<u32> = sized[..n_top].iter().map(|&(_, row)| row).collect();
        let others = sorted(sized[n_top..].iter().map(|&(_, row)| row).collect());
        let n_rest = n_of_rest(counted.len(), rest).min(others.len());
        let drawn = draw(&others, n_rest, random);
        let factor = if drawn.is_empty() { 1.0 } else { others.len() as f64 / drawn.len() as f64 };
        for &row in &drawn {
            for score in 0..n_scores {
                gradients[score * n_rows + row as usize] *= factor;
                hessians[score * n_rows + row as usize] *= factor;
            }
        }
        chosen.extend(drawn);
        Some(sorted(chosen))
    }
}

/// Whether trees would learn from fewer than all rows that count; the targets and groups must be [`check`]ed.
pub(crate) fn leaves_out(settings: &Settings, labels: &Labels<'_>) -> bool {
    let counts = |row: &u32| labels.weight(*row as usize) > 0.0;
    let counted: Vec<u32> = (0..labels.n_rows() as u32).filter(counts).collect();
    Bag::new(settings, labels, &counted).leaves_out()
}

/// Refuses targets and groups from which rows cannot be drawn as the settings say.
pub(crate) fn check(settings: &Settings, labels: &Labels<'_>) -> Result<()> {
    match settings.row_sampling {
        RowSampling::Groups(_) if labels.groups.is_none() => Err(Error::unsupported(
            "`RowSampling::Groups` draws groups of rows, and there are none; give the group of each row to `Train::groups`",
        )),
        RowSampling::Groups(_) => {
            let counts = |rows: &[u32]| rows.iter().any(|&row| labels.weight(row as usize) > 0.0);
            match labels.by_group().iter().filter(|rows| counts(rows)).take(2).count() {
                0 | 1 => Err(Error::unsupported(
                    "`RowSampling::Groups` draws some of the groups, and all rows that count are of one; take \
                     `RowSampling::Fraction`",
                )),
                _ => Ok(()),
            }
        }
        RowSampling::Stratified(_) => {
            let odd = |y: f64| !(0.0..=f64::from(u16::MAX)).contains(&y) || y.fract() != 0.0;
            match labels.y.iter().position(|&y| odd(y)) {
                None => Ok(()),
                Some(row) => Err(Error::unsupported(format!(
                    "`RowSampling::Stratified` needs targets that are whole numbers from 0 to 65535, such as codes of classes, and \
                     that of row {row} is {:?}; take `RowSampling::Fraction`",
                    labels.y[row]
                ))),
            }
        }
        RowSampling::PositiveNegative { .. } => match labels.y.iter().position(|&y| y > 1.0) {
            None => Ok(()),
            Some(row) => Err(Error::unsupported(format!(
                "`RowSampling::PositiveNegative` is for two classes, and the target of row {row} is {:?}; take \
                 `RowSampling::Stratified`",
                labels.y[row]
            ))),
        },
        _ => Ok(()),
    }
}

/// A share of `n` rows: at least one, where there are any.
fn n_of(n: usize, share: f64) -> usize {
    ((n as f64 * share).round() as usize).clamp(n.min(1), n)
}

/// The share of `n` rows that stands for those with small derivatives.
fn n_of_rest(n: usize, share: f64) -> usize {
    (n as f64 * share).round() as usize
}

fn sorted(mut rows: Vec<u32>) -> Vec<u32> {
    rows.sort_unstable();
    rows
}

/// `n` of the rows, in their order (Fan, Muller and Rezucha, 1962).
fn draw(rows: &[u32], n: usize, random: &mut Random) -> Vec<u32> {
    let mut drawn = Vec::with_capacity(n);
    for (index, &row) in rows.iter().enumerate() {
        let left = (rows.len() - index) as f64;
        if random.uniform() * left < (n - drawn.len()) as f64 {
            drawn.push(row);
        }
    }
    drawn
}

/// The rounds that are left out of this one.
pub(crate) fn dropped(mode: Mode, n_rounds: usize, random: &Random) -> Vec<usize> {
    let Mode::Dart { drop_rate, skip, max_dropped } = mode else { return Vec::new() };
    let mut random = random.stream("dropped");
    if n_rounds == 0 || random.uniform() < skip {
        return Vec::new();
    }
    let mut dropped: Vec<usize> = (0..n_rounds).filter(|_| random.uniform() < drop_rate).collect();
    if dropped.is_empty() {
        dropped.push(random.below(n_rounds));
    }
    if dropped.len() > max_dropped {
        let mut kept = random.sample(dropped.len(), max_dropped);
        kept.sort_unstable();
        dropped = kept.into_iter().map(|index| dropped[index]).collect();
    }
    dropped
}
