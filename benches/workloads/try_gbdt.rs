//! temporary
use crate::measure::Bench;
use perennial::core::Matrix;
use perennial::core::Result;
pub(crate) fn run(bench: &Bench, logistic: bool) -> Result<()> {
    let (d, yd) = if logistic { ("clf_200k", "clf_200k") } else { ("reg_1m", "reg_1m") };
    let x: Matrix = crate::npy::array(bench, &format!("{d}_Xtr"))?.into();
    let xt: Matrix = crate::npy::array(bench, &format!("{d}_Xte"))?.into();
    let _ = yd;
    let read = |s: &str| -> Vec<f64> {
        let b = std::fs::read(bench.path(&format!("{yd}_{s}.npy"))).unwrap();
        let b = &b[128..];
        b.chunks_exact(8)
            .map(|c| {
                if logistic {
                    i64::from_le_bytes(c.try_into().unwrap()) as f64
                } else {
                    f64::from_le_bytes(c.try_into().unwrap())
                }
            })
            .collect()
    };
    let (y, yt) = (read("ytr"), read("yte"));
    for _ in 0..bench.runs {
        let trees = perennial::models::boosting::try_boost(&x, &y, logistic, 200);
        let xd = xt.dense()?;
        let xs = xd.as_slice().unwrap();
        let w = xd.ncols();
        let mut loss = 0.0;
        for (row, &y) in xs.chunks_exact(w).zip(&yt) {
            let s: f64 = trees.iter().map(|t| t.value(t.leaf(row))[0]).sum();
            loss += if logistic {
                let p = 1.0 / (1.0 + (-s).exp());
                -(y * p.ln() + (1.0 - y) * (1.0 - p).ln())
            } else {
                (s - y) * (s - y)
            };
        }
        loss /= yt.len() as f64;
        println!("loss {}", if logistic { loss } else { loss.sqrt() });
    }
    Ok(())
}
