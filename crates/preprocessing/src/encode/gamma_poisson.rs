//! Counts as mixtures of topics: a factorisation by Poisson likelihood with a gamma prior on how much of each topic a text has.

use std::borrow::Cow;

use perennial_core::{Context, Result};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;

/// The shape of the gamma prior.
const SHAPE: f64 = 1.1;
/// Its scale.
const SCALE: f64 = 1.0;
/// What every part has of every topic at first, on average: so that none is shut out.
const FLOOR: f64 = 0.1;
/// Most rounds for one text, and the change of a round, as a share of the squared length, at which to stop.
const ROUNDS: usize = 100;
const CLOSE: f64 = 1e-6;
/// Keeps quotients finite where a topic has nothing of a part.
const TINY: f64 = 1e-10;
/// How many texts are worked on at a time.
const CHUNK: usize = 64;

/// How often each part occurs in a text: places among all parts, rising, and counts.
pub(super) type Counts = Vec<(u32, f64)>;

/// Shares of each part in each topic: `n_topics` numbers for each part, which add up to one over the parts.
#[derive(Debug, Clone)]
pub(super) struct Topics<'a> {
    pub(super) n_topics: usize,
    pub(super) shares: Cow<'a, [f64]>,
}

impl Topics<'_> {
    /// Learns topics of texts that count so much each.
    pub(super) fn learn(
        texts: &[Counts],
        weights: &[f64],
        n_parts: usize,
        settings: (usize, usize, f64),
        random: &mut Random,
        ctx: &Context,
    ) -> Result<Topics<'static>> {
        let (n_topics, max_iter, tolerance) = settings;
        let mut topics = Topics::start(texts, weights, n_parts, n_topics, random);
        let mut activations: Vec<f64> = texts.iter().flat_map(|text| topics.even(text)).collect();
        for _ in 0..max_iter {
            ctx.check()?;
            reduce::fill_rows(&mut activations, n_topics, CHUNK, |first, rows| {
                for (at, own) in rows.chunks_exact_mut(n_topics).enumerate() {
                    topics.step(&texts[first + at], own);
                }
            });
            if topics.update(texts, weights, &activations) <= tolerance {
                break;
            }
        }
        Ok(topics)
    }

    /// Texts far from each other, as k-means++ draws them (Arthur and Vassilvitskii, 2007), are the first topics.
    fn start(
        texts: &[Counts],
        weights: &[f64],
        n_parts: usize,
        n_topics: usize,
        random: &mut Random,
    ) -> Topics<'static> {
        let mut shares = vec![0.0; n_parts * n_topics];
        let squared: Vec<f64> = texts.iter().map(|text| text.iter().map(|(_, n)| n * n).sum()).collect();
        let mut nearest = vec![f64::INFINITY; texts.len()];
        let mut centre = vec![0.0; n_parts];
        for topic in 0..n_topics {
            let far: Vec<f64> = match topic {
                0 => weights.to_vec(),
                _ => nearest.iter().zip(weights).map(|(distance, weight)| distance * weight).collect(),
            };
            // Fewer texts than topics: some are drawn again.
            let drawn = random.weighted_index(&far).unwrap_or_else(|| random.below(texts.len()));
            texts[drawn].iter().for_each(|(part, n)| centre[*part as usize] = *n);
            for (at, text) in texts.iter().enumerate() {
                let product: f64 = text.iter().map(|(part, n)| n * centre[*part as usize]).sum();
                nearest[at] = nearest[at].min((squared[at] + squared[drawn] - 2.0 * product).max(0.0));
            }
            for (part, share) in shares.iter_mut().skip(topic).step_by(n_topics).enumerate() {
                *share = centre[part] + FLOOR * (0.5 + random.uniform());
            }
            texts[drawn].iter().for_each(|(part, _)| centre[*part as usize] = 0.0);
        }
        let mut topics = Topics { n_topics, shares: Cow::Owned(shares) };
        topics.normalize();
        topics
    }

    fn normalize(&mut self) {
        let mut totals = vec![0.0; self.n_topics];
        for of_part in self.shares.chunks_exact(self.n_topics) {
            totals.iter_mut().zip(of_part).for_each(|(total, share)| *total += share);
        }
        for of_part in self.shares.to_mut().chunks_exact_mut(self.n_topics) {
            of_part.iter_mut().zip(&totals).for_each(|(share, total)| *share /= total.max(f64::MIN_POSITIVE));
        }
    }

    /// The same of every topic, as much in all as the text has parts.
    fn even(&self, text: &Counts) -> Vec<f64> {
        let total: f64 = text.iter().map(|(_, n)| n).sum();
        vec![total.max(TINY) / self.n_topics as f64; self.n_topics]
    }

    fn of_part(&self, part: u32) -> &[f64] {
        &self.shares[part as usize * self.n_topics..][..self.n_topics]
    }

    /// What is expected of a part.
    fn expected(&self, part: u32, own: &[f64]) -> f64 {
        own.iter().zip(self.of_part(part)).map(|(own, share)| own * share).sum::<f64>() + TINY
    }

    /// Makes what a text has of each topic more likely; gives the change as a share of the squared length.
    fn step(&self, text: &Counts, own: &mut [f64]) -> f64 {
        let mut factors = vec![0.0; self.n_topics];
        for (part, n) in text {
            let quotient = n / self.expected(*part, own);
            factors
                .iter_mut()
                .zip(self.of_part(*part))
                .for_each(|(factor, share)| *factor += share * quotient);
        }
        let (mut change, mut length) = (0.0, 0.0);
        for (own, factor) in own.iter_mut().zip(factors) {
            let next = (*own * factor + (SHAPE - 1.0)) / (1.0 + 1.0 / SCALE);
            change += (next - *own) * (next - *own);
            length += *own * *own;
            *own = next;
        }
        change / length.max(f64::MIN_POSITIVE)
    }

    /// What a text has of each topic.
    pub(super) fn activations(&self, text: &Counts) -> Vec<f64> {
        let mut own = self.even(text);
        for _ in 0..ROUNDS {
            if self.step(text, &mut own) <= CLOSE {
                break;
            }
        }
        own
    }

    /// Makes the topics more likely; gives by how much the shares of a topic changed on average.
    fn update(&mut self, texts: &[Counts], weights: &[f64], activations: &[f64]) -> f64 {
        let n_topics = self.n_topics;
        let own = |text: usize| &activations[text * n_topics..][..n_topics];
        let quotients: Vec<Vec<f64>> = reduce::map_each(texts.len(), |text| {
            let quotient = |(part, n): &(u32, f64)| weights[text] * n / self.expected(*part, own(text));
            texts[text].iter().map(quotient).collect()
        });
        // Topic by topic, so that the sums have one order at any number of threads.
        let factors: Vec<Vec<f64>> = reduce::map_each(n_topics, |topic| {
            let mut factors = vec![0.0; self.shares.len() / n_topics];
            for (text, quotients) in quotients.iter().enumerate() {
                let own = own(text)[topic];
                for ((part, _), quotient) in texts[text].iter().zip(quotients) {
                    factors[*part as usize] += own * quotient;
                }
            }
            factors
        });
        let before = self.shares.clone();
        for (part, shares) in self.shares.to_mut().chunks_exact_mut(n_topics).enumerate() {
            shares.iter_mut().zip(&factors).for_each(|(share, factors)| *share *= factors[part]);
        }
        self.normalize();
        let change: f64 =
            before.iter().zip(self.shares.iter()).map(|(before, after)| (before - after).abs()).sum();
        change / n_topics as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The logarithm of the likelihood with the prior, but for what does not depend on the topics and what texts have of them.
    fn likelihood(topics: &Topics<'_>, texts: &[Counts], weights: &[f64], activations: &[f64]) -> f64 {
        let of_text = |(at, text): (usize, &Counts)| {
            let own = &activations[at * topics.n_topics..][..topics.n_topics];
            let counts: f64 = text.iter().map(|(part, n)| n * topics.expected(*part, own).ln()).sum();
            let prior: f64 = own.iter().map(|own| (SHAPE - 1.0) * own.ln() - own / SCALE - own).sum();
            weights[at] * (counts + prior)
        };
        texts.iter().enumerate().map(of_text).sum()
    }

    fn texts(n_parts: u32) -> (Vec<Counts>, Vec<f64>) {
        let mut random = Random::new(5);
        let text = |random: &mut Random| -> Counts {
            (0..n_parts).map(|part| (part, random.below(9) as f64 - 4.0)).filter(|(_, n)| *n > 0.0).collect()
        };
        let texts: Vec<Counts> = (0..40).map(|_| text(&mut random)).collect();
        (texts, (0..40).map(|_| 1.0 + random.below(5) as f64).collect())
    }

    #[test]
    fn every_step_makes_the_data_more_likely() {
        let (texts, weights) = texts(30);
        let mut topics = Topics::start(&texts, &weights, 30, 4, &mut Random::new(1));
        let mut activations: Vec<f64> = texts.iter().flat_map(|text| topics.even(text)).collect();
        let mut before = likelihood(&topics, &texts, &weights, &activations);
        for _ in 0..60 {
            for (text, own) in texts.iter().zip(activations.chunks_exact_mut(4)) {
                topics.step(text, own);
            }
            let middle = likelihood(&topics, &texts, &weights, &activations);
            topics.update(&texts, &weights, &activations);
            let after = likelihood(&topics, &texts, &weights, &activations);
            assert!(middle >= before - 1e-9 * before.abs(), "{before} {middle}");
            // The shares are made to add up to one, which the likelihood with free shares need not gain by, up to a trace.
            assert!(after >= middle - 1e-6 * middle.abs(), "{middle} {after}");
            before = after;
        }
        let totals: Vec<f64> =
            (0..4).map(|topic| topics.shares.iter().skip(topic).step_by(4).sum()).collect();
        assert!(totals.iter().all(|total| (total - 1.0).abs() < 1e-12), "{totals:?}");
    }

    #[test]
    fn what_a_text_has_is_most_likely() {
        let (texts, weights) = texts(30);
        let ctx = Context::default();
        let topics = Topics::learn(&texts, &weights, 30, (4, 50, 0.0), &mut Random::new(2), &ctx).unwrap();
        for text in &texts {
            let mut own = topics.even(text);
            for _ in 0..5000 {
                topics.step(text, &mut own);
            }
            let best = likelihood(&topics, std::slice::from_ref(text), &[1.0], &own);
            for topic in 0..4 {
                for factor in [0.999, 1.001] {
                    let mut other = own.clone();
                    other[topic] *= factor;
                    assert!(likelihood(&topics, std::slice::from_ref(text), &[1.0], &other) <= best + 1e-9);
                }
            }
            let quick = likelihood(&topics, std::slice::from_ref(text), &[1.0], &topics.activations(text));
            assert!(quick >= best - 0.01 * best.abs(), "{quick} {best}");
        }
    }
}
