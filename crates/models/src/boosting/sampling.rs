//! Rows and trees drawn at random.

use perennial_numeric::random::Random;
use perennial_numeric::reduce;

use super::settings::{Mode, RowSampling, Settings};

/// The rows that a round learns from; `None` for all that count. Where rows with small derivatives stand for others like
/// them, their derivatives are raised.
pub(crate) fn rows(
    settings: &Settings,
    round: usize,
    counted: &[u32],
    n_rows: usize,
    gradients: &mut [f64],
    hessians: &mut [f64],
    random: &Random,
) -> Option<Vec<u32>> {
    let mut random = random.stream("rows");
    match settings.row_sampling {
        RowSampling::All => None,
        RowSampling::Fraction(share) => {
            let n = ((counted.len() as f64 * share).round() as usize).clamp(1, counted.len());
            Some(draw(counted, n, &mut random))
        }
        RowSampling::Gradient { top, rest } => {
            // The first rounds know too little of which rows are hard; those of a forest all know as much.
            if settings.mode != Mode::Forest && (round as f64) < 1.0 / settings.learning_rate {
                return None;
            }
            let n_scores = gradients.len() / n_rows.max(1);
            let size = |row: u32| {
                (0..n_scores).map(|score| gradients[score * n_rows + row as usize].abs()).sum::<f64>()
            };
            let mut sized: Vec<(f64, u32)> = reduce::map_chunks(counted.len(), 8192, |part| {
                counted[part].iter().map(|&row| (size(row), row)).collect::<Vec<_>>()
            })
            .concat();
            let n_top = ((counted.len() as f64 * top).round() as usize).clamp(1, counted.len());
            let larger = |a: &(f64, u32), b: &(f64, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
            if n_top < sized.len() {
                sized.select_nth_unstable_by(n_top, larger);
            }
            let mut chosen: Vec<u32> = sized[..n_top].iter().map(|&(_, row)| row).collect();
            let mut others: Vec<u32> = sized[n_top..].iter().map(|&(_, row)| row).collect();
            others.sort_unstable();
            let n_rest = ((counted.len() as f64 * rest).round() as usize).min(others.len());
            let drawn = draw(&others, n_rest, &mut random);
            let factor = if drawn.is_empty() { 1.0 } else { others.len() as f64 / drawn.len() as f64 };
            for &row in &drawn {
                for score in 0..n_scores {
                    gradients[score * n_rows + row as usize] *= factor;
                    hessians[score * n_rows + row as usize] *= factor;
                }
            }
            chosen.extend(drawn);
            chosen.sort_unstable();
            Some(chosen)
        }
    }
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
