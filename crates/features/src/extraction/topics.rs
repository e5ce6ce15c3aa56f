//! Variational inference of topics: how much of each topic is in a document, and what the topics then are.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use perennial_core::{Context, Csr, Error, Matrix, Result};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_numeric::special::exp_in_place;
use perennial_statistics::special::{digamma, ln_gamma};

/// Documents of one task.
const BLOCK: usize = 64;
/// Added to shares that could be 0.
const TINY: f64 = 1e-100;

/// Documents: how often each word is in each.
pub(super) enum Counts<'a> {
    Dense(ArrayView2<'a, f64>),
    Sparse(&'a Csr),
}

impl<'a> Counts<'a> {
    /// Refuses counts below 0.
    pub(super) fn new(x: &'a Matrix) -> Result<Self> {
        let negative = |row: usize, value: f64| {
            Error::unsupported(format!(
                "row {row} has the count {value}; topics are learned from numbers >= 0"
            ))
        };
        let huge = |row: usize, value: f64| {
            Error::overflow(format!(
                "row {row} has the count {value:e}; sums of such counts leave the range of f64"
            ))
        };
        let check = |row: usize, value: f64| match value {
            value if value < 0.0 => Err(negative(row, value)),
            value if value > 1e150 => Err(huge(row, value)),
            _ => Ok(()),
        };
        match x.sparse() {
            Some(csr) => {
                (0..csr.n_rows())
                    .try_for_each(|row| csr.row(row).1.iter().try_for_each(|v| check(row, *v)))?;
                Ok(Counts::Sparse(csr))
            }
            None => {
                let x = x.dense()?;
                x.indexed_iter().try_for_each(|((row, _), value)| check(row, *value))?;
                Ok(Counts::Dense(x.view()))
            }
        }
    }

    /// The words of a document and their counts; those that are not there are left out.
    fn words(&self, row: usize) -> (Vec<u32>, Vec<f64>) {
        match self {
            Counts::Dense(x) => {
                let there = x.row(row).into_iter().copied().enumerate().filter(|(_, count)| *count > 0.0);
                there.map(|(word, count)| (word as u32, count)).unzip()
            }
            Counts::Sparse(csr) => {
                let (words, counts) = csr.row(row);
                let there = words.iter().zip(counts).filter(|(_, count)| **count > 0.0);
                there.map(|(word, count)| (*word, *count)).unzip()
            }
        }
    }

    pub(super) fn total(&self, rows: Range<usize>) -> f64 {
        rows.map(|row| self.words(row).1.iter().sum::<f64>()).sum()
    }
}

/// How the shares of the topics in a document are found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inference {
    /// How often a topic is in a document beforehand.
    pub(super) prior: f64,
    pub(super) max_iter: usize,
    /// The mean change of the shares that ends it.
    pub(super) tolerance: f64,
}

/// The exponential of the expected logarithm of each row's shares, under Dirichlet distributions.
pub(super) fn exp_expected_logs(rows: &Array2<f64>) -> Array2<f64> {
    let (n, width) = rows.dim();
    let mut out = rows.as_standard_layout().to_owned().into_raw_vec_and_offset().0;
    reduce::fill_rows(&mut out, width, 1, |_, row| {
        let whole = digamma(row.iter().sum());
        row.iter_mut().for_each(|value| *value = digamma(*value) - whole);
        exp_in_place(row);
    });
    Array2::from_shape_vec((n, width), out).unwrap_or_default()
}

fn exp_logs_into(shares: &[f64], out: &mut [f64]) {
    let whole = digamma(shares.iter().sum());
    out.iter_mut().zip(shares).for_each(|(out, share)| *out = digamma(*share) - whole);
    exp_in_place(out);
}

/// What some documents say of the topics.
pub(super) struct Said {
    /// Documents x topics: how often each topic is in each, the prior included.
    pub(super) shares: Array2<f64>,
    /// Words x topics: how often each word came from each topic, where that is asked for.
    pub(super) words: Option<Array2<f64>>,
}

impl Inference {
    /// The shares of documents. `turned` is the exponential of the expected logarithms of the topics, words x topics; `start`
    /// draws the first shares of a document, or they are all 1.
    pub(super) fn documents(
        &self,
        ctx: &Context,
        counts: &Counts<'_>,
        rows: Range<usize>,
        turned: &Array2<f64>,
        start: Option<&Random>,
        with_words: bool,
    ) -> Result<Said> {
        let (n_words, k) = turned.dim();
        let first = rows.start;
        let parts = reduce::try_map_chunks(rows.len(), BLOCK, |range| {
            ctx.check()?;
            let mut shares = Vec::with_capacity(range.len() * k);
            let mut said: Vec<(u32, Vec<f64>)> = Vec::new();
            for index in range {
                let row = first + index;
                let (words, numbers) = counts.words(row);
                let mut own = match start {
                    None => vec![1.0; k],
                    Some(random) => {
                        let mut random = random.fork(row as u64);
                        (0..k).map(|_| about_one(&mut random)).collect()
                    }
                };
                let weights = self.document(&words, &numbers, turned, &mut own);
                shares.extend(own);
                if with_words {
                    let (weights, ratios) = weights;
                    let parts = words.into_iter().zip(ratios);
                    said.extend(
                        parts.map(|(word, ratio)| (word, weights.iter().map(|w| w * ratio).collect())),
                    );
                }
            }
            Ok((shares, said))
        })?;
        let mut shares = Vec::with_capacity(rows.len() * k);
        let mut words = with_words.then(|| Array2::<f64>::zeros((n_words, k)));
        for (own, said) in parts {
            shares.extend(own);
            if let Some(words) = &mut words {
                for (word, parts) in said {
                    words.row_mut(word as usize).iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
                }
            }
        }
        if let Some(words) = &mut words {
            *words *= turned;
        }
        let shares = Array2::from_shape_vec((rows.len(), k), shares).map_err(Error::other)?;
        if shares.iter().all(|share| share.is_finite()) {
            return Ok(Said { shares, words });
        }
        Err(Error::overflow("the counts of a document leave the range of f64"))
    }

    /// Finds the shares of one document; gives the weights of the topics, and each word's count by its expected share.
    fn document(
        &self,
        words: &[u32],
        counts: &[f64],
        turned: &Array2<f64>,
        shares: &mut [f64],
    ) -> (Vec<f64>, Vec<f64>) {
        let k = shares.len();
        let table = turned.as_slice().unwrap_or_default();
        let topics = |word: u32| &table[word as usize * k..][..k];
        let (mut weights, mut sums) = (vec![0.0; k], vec![0.0; k]);
        exp_logs_into(shares, &mut weights);
        let ratios = |weights: &[f64], place: usize| {
            let share: f64 =
                topics(words[place]).iter().zip(weights).map(|(topic, weight)| topic * weight).sum();
            counts[place] / (share + TINY)
        };
        for _ in 0..self.max_iter {
            sums.fill(0.0);
            for place in 0..words.len() {
                let ratio = ratios(&weights, place);
                sums.iter_mut().zip(topics(words[place])).for_each(|(sum, topic)| *sum += ratio * topic);
            }
            let mut change = 0.0;
            for topic in 0..k {
                let share = self.prior + weights[topic] * sums[topic];
                change += (share - shares[topic]).abs() / k as f64;
                shares[topic] = share;
            }
            exp_logs_into(shares, &mut weights);
            if change < self.tolerance {
                break;
            }
        }
        let ratios = (0..words.len()).map(|place| ratios(&weights, place)).collect();
        (weights, ratios)
    }
}

/// A number near 1: the mean of a hundred exponential draws.
pub(super) fn about_one(random: &mut Random) -> f64 {
    (0..100).map(|_| -(1.0 - random.uniform()).ln()).sum::<f64>() / 100.0
}

/// The lower bound of the log-likelihood of documents (Blei, Ng and Jordan, 2003; Hoffman, Blei and Bach, 2010), given the
/// shares of their topics.
pub(super) fn bound(
    counts: &Counts<'_>,
    shares: &Array2<f64>,
    topics: &Array2<f64>,
    (document_prior, topic_prior): (f64, f64),
) -> f64 {
    let k = topics.nrows();
    let (documents, words) = (exp_expected_logs(shares), exp_expected_logs(topics));
    let turned = words.t().as_standard_layout().to_owned();
    let table = turned.as_slice().unwrap_or_default();
    let of_words = reduce::map_reduce(
        shares.nrows(),
        BLOCK,
        |rows| {
            rows.map(|row| {
                let (words, numbers) = counts.words(row);
                let part = |(word, count): (&u32, &f64)| {
                    let topics = &table[*word as usize * k..][..k];
                    let share: f64 = topics.iter().zip(documents.row(row)).map(|(a, b)| a * b).sum();
                    count * (share + TINY).ln()
                };
                words.iter().zip(&numbers).map(part).sum::<f64>()
            })
            .sum::<f64>()
        },
        |left, right| left + right,
    );
    of_words.unwrap_or(0.0) + of_shares(shares, document_prior) + of_shares(topics, topic_prior)
}

/// The expected logarithm of the prior of Dirichlet shares, less that of what is believed of them.
fn of_shares(rows: &Array2<f64>, prior: f64) -> f64 {
    let width = rows.ncols() as f64;
    let row = |row: ndarray::ArrayView1<'_, f64>| {
        let total: f64 = row.sum();
        let whole = digamma(total);
        let parts = row
            .iter()
            .map(|&share| (prior - share) * (digamma(share) - whole) + ln_gamma(share) - ln_gamma(prior));
        parts.sum::<f64>() + ln_gamma(prior * width) - ln_gamma(total)
    };
    rows.rows().into_iter().map(row).sum()
}
