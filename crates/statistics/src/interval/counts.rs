use perennial_numeric::random::Random;

/// What most draws need: the low 12 bits of a random number say how often a row is drawn, or that more bits must.
const CELLS: usize = 1 << 12;
const UNDECIDED: u8 = u8::MAX;

/// Draws of rows with replacement, as counts.
///
/// Independent Poisson numbers with mean 1 are such counts for as many draws as they add up to. So they are drawn
/// row by row, and then draws are added, or taken back, until there are as many as rows.
pub(super) struct Draws {
    of_cell: [u8; CELLS],
    /// The probabilities of at most 0, 1, 2 and so on.
    up_to: [f64; 19],
}

impl Draws {
    pub(super) fn new() -> Self {
        let mut up_to = [0.0; 19];
        let (mut term, mut sum) = ((-1.0_f64).exp(), 0.0);
        for (count, share) in up_to.iter_mut().enumerate() {
            sum += term;
            *share = sum;
            term /= count as f64 + 1.0;
        }
        let mut poisson = Draws { of_cell: [UNDECIDED; CELLS], up_to };
        for cell in 0..CELLS {
            let [low, high] = [cell, cell + 1].map(|edge| poisson.quantile(edge as f64 / CELLS as f64));
            if low == high {
                poisson.of_cell[cell] = low as u8;
            }
        }
        poisson
    }

    /// How often each of `n` rows is drawn when `n` are drawn.
    pub(super) fn counts(&self, random: &mut Random, n: usize) -> Vec<u32> {
        let mut counts = vec![0; n];
        let (fives, rest) = counts.as_chunks_mut::<5>();
        for five in fives.iter_mut().map(|five| &mut five[..]).chain([rest]) {
            let mut bits = random.below(1 << 60);
            for count in five {
                *count = self.poisson(bits % CELLS, random);
                bits >>= 12;
            }
        }
        let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        for _ in total..n as u64 {
            counts[random.below(n)] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(0) as usize;
        let mut left = total.saturating_sub(n as u64);
        while left > 0 {
            // Each draw is a place of its own among `most` for each row, and all places are as likely.
            let place = random.below(n * most);
            let count = &mut counts[place / most];
            if place % most < *count as usize {
                *count -= 1;
                left -= 1;
            }
        }
        counts
    }

    /// The Poisson number of a cell.
    fn poisson(&self, cell: usize, random: &mut Random) -> u32 {
        match self.of_cell[cell] {
            UNDECIDED => self.quantile((cell as f64 + random.uniform()) / CELLS as f64),
            count => u32::from(count),
        }
    }

    fn quantile(&self, share: f64) -> u32 {
        self.up_to.iter().take_while(|up_to| **up_to <= share).count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_draws_with_replacement() {
        let draws = Draws::new();
        let mut random = Random::new(3);
        for n in [1, 2, 3, 10, 1000] {
            let repetitions = 200_000 / n;
            let mut seen = [0_u64; 4];
            let mut products = 0_u64;
            for _ in 0..repetitions {
                let counts = draws.counts(&mut random, n);
                assert_eq!(counts.iter().sum::<u32>() as usize, n);
                counts.iter().for_each(|&count| seen[count.min(3) as usize] += 1);
                products += u64::from(counts[0]) * u64::from(counts[n - 1]);
            }
            let total = (repetitions * n) as f64;
            let (p, n) = (1.0 / n as f64, n as f64);
            let mut choose = 1.0;
            for (count, &seen) in seen[..3].iter().enumerate() {
                let k = count as f64;
                // The binomial distribution of one row's count, within five standard errors.
                let share = if k > n { 0.0 } else { choose * p.powf(k) * (1.0 - p).powf(n - k) };
                let error = 5.0 * (share * (1.0 - share) / total).sqrt() * (1.0 + 1.0 / n);
                assert!(
                    (seen as f64 / total - share).abs() <= error,
                    "{n} rows, {count} times: {seen} of {total}"
                );
                choose *= (n - k) / (k + 1.0);
            }
            if n > 1.0 {
                // Counts of two rows have the mean product 1 - 1 / n.
                let mean = products as f64 / repetitions as f64;
                let error = 5.0 * 2.0 / (repetitions as f64).sqrt();
                assert!((mean - (1.0 - p)).abs() <= error, "{n} rows: {mean}");
            }
        }
    }
}
