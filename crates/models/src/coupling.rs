//! Probabilities of many classes from those of their pairs.

/// The probabilities of `k` classes that agree best with those of their pairs (the second method of Wu, Lin and Weng,
/// 2004); `of_second[pair]` is the probability of the second class of the pair,
/// of pairs (0, 1), (0, 2), ... (k - 2, k - 1).
pub(crate) fn couple(k: usize, of_second: &[f64]) -> Vec<f64> {
    if k == 2 {
        return vec![1.0 - of_second[0], of_second[0]];
    }
    let mut r = vec![0.0; k * k];
    let pairs = (0..k).flat_map(|a| (a + 1..k).map(move |b| (a, b)));
    for ((a, b), share) in pairs.zip(of_second) {
        let share = share.clamp(1e-7, 1.0 - 1e-7);
        (r[a * k + b], r[b * k + a]) = (1.0 - share, share);
    }
    let mut q = vec![0.0; k * k];
    for t in 0..k {
        for j in (0..k).filter(|&j| j != t) {
            q[t * k + t] += r[j * k + t] * r[j * k + t];
            q[t * k + j] = -r[j * k + t] * r[t * k + j];
        }
    }
    let mut p = vec![1.0 / k as f64; k];
    let mut qp = vec![0.0; k];
    for _ in 0..k.max(1000) {
        let mut pqp = 0.0;
        for t in 0..k {
            qp[t] = (0..k).map(|j| q[t * k + j] * p[j]).sum();
            pqp += p[t] * qp[t];
        }
        let worst = qp.iter().fold(0.0, |worst, value| f64::max(worst, (value - pqp).abs()));
        if worst < 1e-12 / k as f64 {
            break;
        }
        for t in 0..k {
            let step = (pqp - qp[t]) / q[t * k + t];
            p[t] += step;
            pqp = (pqp + step * (step * q[t * k + t] + 2.0 * qp[t])) / (1.0 + step) / (1.0 + step);
            for j in 0..k {
                qp[j] = (qp[j] + step * q[t * k + j]) / (1.0 + step);
                p[j] /= 1.0 + step;
            }
        }
    }
    let p: Vec<f64> = p.into_iter().map(|share| share.max(0.0)).collect();
    let total: f64 = p.iter().sum();
    p.into_iter().map(|share| share / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_agree_give_their_probabilities_back() {
        let truth = [0.5, 0.2, 0.3];
        let pair = |a: usize, b: usize| truth[b] / (truth[a] + truth[b]);
        let got = couple(3, &[pair(0, 1), pair(0, 2), pair(1, 2)]);
        assert!(got.iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-6), "{got:?}");
    }
}
