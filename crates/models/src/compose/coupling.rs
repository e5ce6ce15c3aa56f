//! Probabilities of many classes from those of their pairs.

/// The probabilities that agree best with `pairs[i * n + j]`, the probability of class `i` among `i` and `j`
/// (Wu, Lin and Weng, 2004, second method).
pub(super) fn couple(pairs: &[f64], n: usize) -> Vec<f64> {
    // The system is the one that libsvm solves: minimise sum (r_ji p_i - r_ij p_j)^2 with sum p = 1.
    let at = |i: usize, j: usize| pairs[i * n + j];
    let mut q = vec![0.0; n * n];
    for i in 0..n {
        for j in (0..n).filter(|&j| j != i) {
            q[i * n + i] += at(j, i) * at(j, i);
            q[i * n + j] = -at(j, i) * at(i, j);
        }
    }
    let mut p = vec![1.0 / n as f64; n];
    let enough = 0.005 / n as f64 * 1e-6;
    for _ in 0..1000.max(n) {
        let product: Vec<f64> = (0..n).map(|i| (0..n).map(|j| q[i * n + j] * p[j]).sum()).collect();
        let mut value: f64 = (0..n).map(|i| p[i] * product[i]).sum();
        let worst = product.iter().map(|entry| (entry - value).abs()).fold(0.0, f64::max);
        if worst < enough {
            break;
        }
        let mut product = product;
        for i in 0..n {
            if !(q[i * n + i] > 0.0) {
                continue;
            }
            let step = (value - product[i]) / q[i * n + i];
            p[i] += step;
            value = (value + step * (step * q[i * n + i] + 2.0 * product[i])) / (1.0 + step) / (1.0 + step);
            for j in 0..n {
                product[j] = (product[j] + step * q[i * n + j]) / (1.0 + step);
                p[j] /= 1.0 + step;
            }
        }
    }
    let total: f64 = p.iter().map(|share| share.max(0.0)).sum();
    p.iter().map(|share| share.max(0.0) / total).collect()
}

#[cfg(test)]
mod tests {
    use super::couple;

    #[test]
    fn pairs_of_true_probabilities_give_them_back() {
        let truth = [0.5, 0.2, 0.05, 0.25];
        let pairs: Vec<f64> = truth.iter().flat_map(|a| truth.iter().map(move |b| a / (a + b))).collect();
        for (found, truth) in couple(&pairs, 4).iter().zip(truth) {
            assert!((found - truth).abs() < 1e-6, "{found} instead of {truth}");
        }
        assert_eq!(couple(&[0.5, 0.9, 0.1, 0.5], 2).len(), 2);
        assert!((couple(&[0.5, 0.9, 0.1, 0.5], 2)[0] - 0.9).abs() < 1e-9);
    }
}
