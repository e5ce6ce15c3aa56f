//! Quantiles, medians and modes of columns.

/// The values of a column that count, with their weights, in rising order.
pub(crate) fn sorted(cells: &[f64], weights: Option<&[f64]>) -> Vec<(f64, f64)> {
    let weight_of = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let mut values: Vec<(f64, f64)> = cells
        .iter()
        .enumerate()
        .map(|(row, &cell)| (cell, weight_of(row)))
        .filter(|(cell, weight)| !cell.is_nan() && *weight > 0.0)
        // Zero has two signs, and which row comes first must not decide which is learned.
        .map(|(cell, weight)| (cell + 0.0, weight))
        .collect();
    // Equal ones keep the order of their rows: their weights add up to the same bits wherever they are added.
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    values
}

/// Quantiles of a column, found by linear interpolation between the two nearest values (type 7 of Hyndman and Fan,
/// 1996); nothing where no value counts. `shares` are in rising order; the values may be reordered.
///
/// Weights count as copies of a row. Where they are below one on average, they are scaled to one.
pub(crate) fn quantiles(values: &mut Vec<f64>, weights: Option<&[f64]>, shares: &[f64]) -> Option<Vec<f64>> {
    let Some(weights) = weights else {
        values.retain(|value| !value.is_nan());
        return (!values.is_empty()).then(|| unweighted(values, shares));
    };
    let pairs = values.iter().zip(weights).filter(|(value, weight)| !value.is_nan() && **weight > 0.0);
    let mut pairs: Vec<(f64, f64)> = pairs.map(|(&value, &weight)| (value + 0.0, weight)).collect();
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = pairs.iter().map(|(_, weight)| weight).sum();
    let scale = (pairs.len() as f64 / total).max(1.0);
    let mut ends = pairs.iter().scan(0.0, |end, (_, weight)| {
        *end += weight * scale;
        Some(*end)
    });
    let ends: Vec<f64> = ends.by_ref().collect();
    let last = *ends.last()? - 1.0;
    let at = |place: f64| {
        // Sums of weights are rounded: an end that is reached but for rounding is reached.
        let slack = place.abs() * 1e-12;
        pairs[ends.partition_point(|end| *end <= place + slack).min(pairs.len() - 1)].0
    };
    let quantile = |share: &f64| {
        let place = (last * share).max(0.0);
        between(at(place.floor()), at(place.floor() + 1.0), place.fract())
    };
    Some(shares.iter().map(quantile).collect())
}

fn unweighted(values: &mut [f64], shares: &[f64]) -> Vec<f64> {
    let last = values.len() - 1;
    // Each share takes a pass over what is left, and sorting a few for each doubling of the number.
    if shares.len() > 2 * values.len().ilog2() as usize {
        values.sort_unstable_by(f64::total_cmp);
        let at = |place: f64| values[(place as usize).min(last)];
        let quantile = |share: &f64| {
            let place = last as f64 * share;
            between(at(place.floor()), at(place.floor() + 1.0), place.fract()) + 0.0
        };
        return shares.iter().map(quantile).collect();
    }
    let mut found = Vec::with_capacity(shares.len());
    let mut start = 0;
    for share in shares {
        let place = last as f64 * share;
        let (low, part) = (place.floor() as usize, place.fract());
        // What lies before the last place that was found is smaller already.
        let (_, value, rest) = values[start..].select_nth_unstable_by(low - start, f64::total_cmp);
        let value = *value;
        let next = if part > 0.0 { rest.iter().copied().min_by(f64::total_cmp) } else { None };
        found.push(between(value, next.unwrap_or(value), part) + 0.0);
        start = low;
    }
    found
}

/// What lies a share of the way from one number to the next.
fn between(low: f64, high: f64, part: f64) -> f64 {
    // Each for itself where the gap between huge values leaves the range.
    let gap = high - low;
    if gap.is_finite() { low + gap * part } else { low * (1.0 - part) + high * part }
}

/// The median of sorted values, as if each were repeated as often as its weight says.
pub(crate) fn median(sorted: &[(f64, f64)]) -> Option<f64> {
    let half = sorted.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    // Sums of weights such as 0.1 are rounded; a half that differs by rounding alone is the half.
    let rounding = half * sorted.len() as f64 * f64::EPSILON;
    let mut seen = 0.0;
    for (position, &(value, weight)) in sorted.iter().enumerate() {
        seen += weight;
        if seen > half + rounding {
            return Some(value);
        }
        if seen >= half - rounding {
            let next = sorted.get(position + 1).map_or(value, |next| next.0);
            // Half of each first, so that two huge values have a middle.
            return Some(value / 2.0 + next / 2.0);
        }
    }
    sorted.last().map(|last| last.0)
}

/// The most frequent of sorted values; the smallest of equally frequent ones.
pub(crate) fn mode(sorted: &[(f64, f64)]) -> Option<f64> {
    let mut best: Option<(f64, f64)> = None;
    for run in sorted.chunk_by(|a, b| a.0 == b.0) {
        let weight: f64 = run.iter().map(|(_, weight)| weight).sum();
        if best.is_none_or(|(_, most)| weight > most) {
            best = Some((run[0].0, weight));
        }
    }
    best.map(|(value, _)| value)
}
