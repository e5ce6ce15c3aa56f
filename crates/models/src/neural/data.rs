//! What the network learns, and how far it is from it.

/// The target of each row.
#[derive(Debug)]
pub(super) enum Truth {
    /// Classes, by the softmax and the cross-entropy.
    Classes(Vec<u32>),
    /// Numbers, by half the squared error.
    Values(Vec<f32>),
}

impl Truth {
    /// The weighted sum of the losses of rows; turns what the network gave into what the sum changes by.
    pub(super) fn loss(&self, rows: &[usize], weights: Option<&[f32]>, out: &mut [f32], width: usize) -> f64 {
        let mut sum = 0.0;
        for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            let loss = match self {
                Truth::Classes(codes) => {
                    let code = codes[row] as usize;
                    let top = out.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let own = out[code] - top;
                    out.iter_mut().for_each(|score| *score = (*score - top).exp());
                    let total: f32 = out.iter().sum();
                    out.iter_mut().for_each(|share| *share /= total);
                    out[code] -= 1.0;
                    total.ln() - own
                }
                Truth::Values(values) => {
                    out[0] -= values[row];
                    0.5 * out[0] * out[0]
                }
            };
            out.iter_mut().for_each(|change| *change *= weight);
            sum += f64::from(weight) * f64::from(loss);
        }
        sum
    }
}
