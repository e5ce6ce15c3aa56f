//! Decompositions and embeddings.

use ndarray::{Array2, ArrayRef2, s};
use perennial::core::{Estimator, Matrix, NoTarget, Result, Transformer};
use perennial::features::extraction::{
    FastIca, IncrementalPca, Nmf, NmfSolver, Pca, TruncatedSvd, Tsne, Umap,
};

use crate::measure::{Bench, Record};
use crate::npy::{array, numbers};

const LOW_RANK: &str = "lowrank_100k (100000x100)";

pub(crate) fn pca_20(bench: &Bench) -> Result<Record> {
    let x = Matrix::from(array(bench, "lowrank_100k_X")?);
    let settings = Pca::new().n_components(20);
    let params = "20 comp, own choice of solver; predict = transform";
    let mut fitted = bench.fit(params, LOW_RANK, || settings.fit(&x, &NoTarget))?;
    fitted.predict(|model| model.transform(&x))?;
    let explained = fitted.model.explained_variance_ratio().iter().sum();
    Ok(fitted.record.quality("EVR", explained))
}

pub(crate) fn pca_incremental(bench: &Bench) -> Result<Record> {
    let x = Matrix::from(array(bench, "lowrank_100k_X")?);
    let settings = IncrementalPca::new().n_components(20).batch_size(1000);
    let fitted = bench.fit("20 comp, batch 1000", LOW_RANK, || settings.fit(&x, &NoTarget))?;
    let explained = fitted.model.pca().explained_variance_ratio().iter().sum();
    Ok(fitted.record.quality("EVR", explained))
}

pub(crate) fn tsvd_20(bench: &Bench) -> Result<Record> {
    let x = Matrix::from(array(bench, "lowrank_100k_X")?);
    let settings = TruncatedSvd::new().n_components(20);
    let mut fitted = bench.fit("20 comp, own choice of solver", LOW_RANK, || settings.fit(&x, &NoTarget))?;
    fitted.predict(|model| model.transform(&x))?;
    let explained = fitted.model.explained_variance_ratio().iter().sum();
    Ok(fitted.record.quality("EVR", explained))
}

pub(crate) fn nmf_20(bench: &Bench) -> Result<Record> {
    let x = Matrix::from(array(bench, "nonneg_20k_X")?);
    let length = x.dense()?.iter().map(|value| value * value).sum::<f64>().sqrt();
    let settings =
        Nmf::new().n_components(20).solver(NmfSolver::CoordinateDescent).max_iter(100).tolerance(0.0);
    let (params, about) = ("20 comp, nndsvda, cd, 100 iters", "nonneg_20k (20000x100)");
    let fitted = bench.fit(params, about, || settings.fit(&x, &NoTarget))?;
    let error = fitted.model.reconstruction_error() / length;
    Ok(fitted.record.quality("rel_err", error))
}

pub(crate) fn fastica(bench: &Bench) -> Result<Record> {
    let x = Matrix::from(array(bench, "lowrank_100k_X")?);
    let settings = FastIca::new().n_components(10).max_iter(50).tolerance(1e-4);
    let fitted = bench.fit("10 comp", LOW_RANK, || settings.fit(&x, &NoTarget))?;
    let n_iterations = fitted.model.n_iterations() as f64;
    Ok(fitted.record.quality("iters", n_iterations))
}

pub(crate) fn tsne_10k(bench: &Bench) -> Result<Record> {
    let (x, y) = digits(bench)?;
    let (settings, rows) = (Tsne::new(), Matrix::from(x.clone()));
    let params = "Barnes-Hut theta .5, perplexity 30, 1000 iters, pca init";
    let fitted = bench.fit(params, "digits_20k first 10000x64", || settings.fit(&rows, &NoTarget))?;
    let divergence = fitted.model.kl_divergence();
    let (trust, accuracy) = embedding_quality(&x, &y, fitted.model.embedding());
    Ok(fitted.record.quality("trust12(1/4)", trust).quality("5nn_acc", accuracy).quality("KL", divergence))
}

pub(crate) fn umap_10k(bench: &Bench) -> Result<Record> {
    let (x, y) = digits(bench)?;
    let (settings, rows) = (Umap::new(), Matrix::from(x.clone()));
    let about = "digits_20k first 10000x64";
    let fitted = bench.fit("k=15, min_dist .1", about, || settings.fit(&rows, &NoTarget))?;
    let (trust, accuracy) = embedding_quality(&x, &y, fitted.model.embedding());
    Ok(fitted.record.quality("trust12(1/4)", trust).quality("5nn_acc", accuracy))
}

fn digits(bench: &Bench) -> Result<(Array2<f64>, Vec<f64>)> {
    let x = array(bench, "digits_20k_X")?.slice(s![..10_000, ..]).to_owned();
    let mut y = numbers(bench, "digits_20k_y")?.1;
    y.truncate(10_000);
    Ok((x, y))
}

/// Trustworthiness of every fourth row at 12 neighbours, and the accuracy of 5 neighbours on the map.
fn embedding_quality(x: &ArrayRef2<f64>, y: &[f64], map: &ArrayRef2<f64>) -> (f64, f64) {
    let (x, few) = (x.slice(s![..;4, ..]).to_owned(), map.slice(s![..;4, ..]).to_owned());
    let (n, k) = (x.nrows(), 12);
    let mut penalty = 0.0;
    for i in 0..n {
        let order = nearest(&x, &x.row(i).to_owned(), Some(i));
        let mut rank = vec![0; n];
        order.iter().enumerate().for_each(|(place, &j)| rank[j] = place + 1);
        let beside = nearest(&few, &few.row(i).to_owned(), Some(i));
        penalty += beside[..k].iter().map(|&j| rank[j].saturating_sub(k) as f64).sum::<f64>();
    }
    let scale = 2.0 / (n as f64 * k as f64 * (2.0 * n as f64 - 3.0 * k as f64 - 1.0));
    let (known, asked) = (map.slice(s![1..;2, ..]).to_owned(), map.slice(s![..;2, ..]).to_owned());
    let right = (0..asked.nrows())
        .filter(|&i| {
            let mut votes = [0; 10];
            for j in &nearest(&known, &asked.row(i).to_owned(), None)[..5] {
                votes[y[2 * j + 1] as usize] += 1;
            }
            let best = (1..10).fold(0, |best, class| if votes[class] > votes[best] { class } else { best });
            best == y[2 * i] as usize
        })
        .count();
    (1.0 - scale * penalty, right as f64 / asked.nrows() as f64)
}

/// All rows but `left_out`, the nearest first.
fn nearest(rows: &Array2<f64>, point: &ndarray::Array1<f64>, left_out: Option<usize>) -> Vec<usize> {
    let distance = |i: usize| -> f64 { rows.row(i).iter().zip(point).map(|(a, b)| (a - b) * (a - b)).sum() };
    let mut order: Vec<(f64, usize)> =
        (0..rows.nrows()).filter(|i| Some(*i) != left_out).map(|i| (distance(i), i)).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|pair| pair.1).collect()
}
