//! How sure an average precision is.

use perennial_statistics::interval::Interval;

use crate::interval::unseen_share;

/// An average precision, and what a row of weight 1 adds to it at each score: a negative one, and a positive one.
pub(super) struct PrecisionParts {
    pub(super) score: f64,
    pub(super) added: Vec<[f64; 2]>,
}

impl PrecisionParts {
    /// Of the weights of negative and positive rows at each score, the lowest first; some are positive.
    pub(super) fn new(sums: &[[f64; 2]]) -> Self {
        let (mut found, mut passed, mut score) = (0.0, 0.0, 0.0);
        // Of the rows at each score and above.
        let mut down = Vec::with_capacity(sums.len());
        for [negative, positive] in sums.iter().rev() {
            found += positive;
            passed += negative;
            down.push([passed, found]);
            if *positive > 0.0 {
                score += positive * (found / (found + passed));
            }
        }
        let positives = found;
        score /= positives;
        // From the lowest score up: what a row changes of the precision at all positive rows below it and at its own.
        let (mut of_positive, mut of_negative) = (0.0, 0.0);
        let mut added = Vec::with_capacity(sums.len());
        for ([_, positive], [passed, found]) in sums.iter().zip(down.iter().rev()) {
            let mut own = 0.0;
            if *positive > 0.0 {
                let all = found + passed;
                of_positive += positive / all * (passed / all);
                of_negative += positive / all * (found / all);
                own = found / all - score + of_positive;
            }
            added.push([-of_negative / positives, own / positives]);
        }
        PrecisionParts { score, added }
    }
}

/// The interval of the log-odds of a share (Boyd, Eng and Page, 2013) that is known so well. Of a share of 1 the spread says nothing; then
/// it is that of as many successes out of as many as there are rows of the rarer class.
pub(in crate::metric) fn of_log_odds(share: f64, reach: f64, rarer: f64, level: f64) -> Interval {
    let (low, high) = match share < 1.0 {
        true => {
            let (half, odds) = (reach / (share * (1.0 - share)), share / (1.0 - share));
            let of = |odds: f64| if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 };
            (of(odds * (-half).exp()), of(odds * half.exp()))
        }
        false => (1.0 - unseen_share(rarer, level), 1.0),
    };
    Interval { estimate: share, low, high, level }
}
