//! Clusters and mixtures.

use std::collections::BTreeMap;

use ndarray::s;
use perennial::core::{Clustered, Clusters, Estimator, Matrix, NoTarget, Predictor, Result};
use perennial::models::cluster::Init;
use perennial::models::mixture::{CovarianceType, MixtureInit};
use perennial::models::{AgglomerativeClustering, Dbscan, GaussianMixture, Hdbscan, KMeans, MiniBatchKMeans};

use crate::measure::{Bench, Record};
use crate::npy::{array, numbers};

pub(crate) fn kmeans_k20(bench: &Bench) -> Result<Record> {
    let x = array(bench, "blobs_500k_X")?;
    let start = Init::Given(x.slice(s![..20, ..]).to_owned());
    let settings = KMeans::new().n_clusters(20).init(start).max_iter(20).tolerance(0.0);
    let (x, params) = (Matrix::from(x), "k=20, init = first 20 rows, 20 iterations, tol 0; predict all rows");
    let mut fitted = bench.fit(params, "blobs_500k (500000x16)", || settings.fit(&x, &NoTarget))?;
    fitted.predict(|model| model.predict(&x))?;
    let (inertia, n_iterations) = (fitted.model.inertia(), fitted.model.n_iterations());
    Ok(fitted.record.quality("inertia", inertia).quality("iters", n_iterations as f64))
}

pub(crate) fn kmeans_embed(bench: &Bench) -> Result<Record> {
    let x = array(bench, "embed_100k_f32")?;
    let start = Init::Given(x.slice(s![..100, ..]).to_owned());
    let settings = KMeans::new().n_clusters(100).init(start).max_iter(20).tolerance(0.0);
    let (x, params) =
        (Matrix::from(x), "k=100, init = first 100 rows, 20 iterations, tol 0; predict all rows");
    let mut fitted = bench.fit(params, "embed_100k (100000x128)", || settings.fit(&x, &NoTarget))?;
    fitted.predict(|model| model.predict(&x))?;
    let (inertia, n_iterations) = (fitted.model.inertia(), fitted.model.n_iterations());
    Ok(fitted.record.quality("inertia", inertia).quality("iters", n_iterations as f64))
}

pub(crate) fn kmeans_default(bench: &Bench) -> Result<Record> {
    let (x, y) = (Matrix::from(array(bench, "blobs_500k_X")?), numbers(bench, "blobs_500k_y")?.1);
    let settings = KMeans::new().n_clusters(20).n_init(3).seed(0);
    let fitted = bench
        .fit("k-means++ n_init=3, tol 1e-4", "blobs_500k (500000x16)", || settings.fit(&x, &NoTarget))?;
    let index = adjusted_rand_index(&y, &fitted.model.predict(&x)?);
    Ok(fitted.record.quality("inertia", fitted.model.inertia()).quality("ARI", index))
}

pub(crate) fn kmeans_minibatch(bench: &Bench) -> Result<Record> {
    let (x, y) = (Matrix::from(array(bench, "blobs_500k_X")?), numbers(bench, "blobs_500k_y")?.1);
    let settings = MiniBatchKMeans::new().n_clusters(20).n_init(3).batch_size(4096).seed(0);
    let fitted =
        bench.fit("batch 4096, n_init 3", "blobs_500k (500000x16)", || settings.fit(&x, &NoTarget))?;
    let index = adjusted_rand_index(&y, &fitted.model.predict(&x)?);
    Ok(fitted.record.quality("inertia", fitted.model.inertia()).quality("ARI", index))
}

pub(crate) fn gmm_full(bench: &Bench) -> Result<Record> {
    mixture(bench, CovarianceType::Full)
}

pub(crate) fn gmm_diag(bench: &Bench) -> Result<Record> {
    mixture(bench, CovarianceType::Diagonal)
}

fn mixture(bench: &Bench, covariance: CovarianceType) -> Result<Record> {
    let x = Matrix::from(array(bench, "blobs_500k_X")?.slice(s![..200_000, ..]).to_owned());
    let y = numbers(bench, "blobs_500k_y")?.1;
    let start = MixtureInit::Given(array(bench, "blobs_500k_centres")? + 0.5);
    let settings = GaussianMixture::new().n_components(20).covariance(covariance).init(start);
    let settings = settings.tolerance(0.0).max_iter(10);
    let params = format!("20 comp {covariance:?}, means_init = true + .5, 10 EM iterations");
    let mut fitted = bench.fit(&params, "blobs first 200000x16", || settings.fit(&x, &NoTarget))?;
    let found = fitted.predict(|model| model.predict(&x))?;
    let index = adjusted_rand_index(&y[..200_000], &found);
    Ok(fitted.record.quality("ll", fitted.model.lower_bound()).quality("ARI", index))
}

pub(crate) fn dbscan(bench: &Bench) -> Result<Record> {
    let (x, y) = (Matrix::from(array(bench, "moons_50k_X")?), numbers(bench, "moons_50k_y")?.1);
    let settings = Dbscan::new().eps(0.06).min_samples(10.0);
    let fitted = bench.fit("eps .06, min 10", "moons_50k (50000x2)", || settings.fit(&x, &NoTarget))?;
    let found = fitted.model.clusters();
    let index = adjusted_rand_index(&y, found);
    let (n_clusters, n_noise) = (found.n_clusters() as f64, found.n_noise() as f64);
    Ok(fitted.record.quality("ARI", index).quality("clusters", n_clusters).quality("noise", n_noise))
}

pub(crate) fn hdbscan(bench: &Bench) -> Result<Record> {
    hierarchy(bench, 20_000, "moons first 20000x2")
}

pub(crate) fn hdbscan_50k(bench: &Bench) -> Result<Record> {
    hierarchy(bench, 50_000, "moons_50k (50000x2)")
}

fn hierarchy(bench: &Bench, n_rows: usize, data: &str) -> Result<Record> {
    let x = Matrix::from(array(bench, "moons_50k_X")?.slice(s![..n_rows, ..]).to_owned());
    let y = numbers(bench, "moons_50k_y")?.1;
    let settings = Hdbscan::new().min_cluster_size(100);
    let fitted = bench.fit("min_cluster_size 100", data, || settings.fit(&x, &NoTarget))?;
    let found = fitted.model.clusters();
    let (index, n_clusters) = (adjusted_rand_index(&y[..n_rows], found), found.n_clusters() as f64);
    Ok(fitted.record.quality("ARI", index).quality("clusters", n_clusters))
}

pub(crate) fn agglo_ward(bench: &Bench) -> Result<Record> {
    let x = Matrix::from(array(bench, "blobs_500k_X")?.slice(s![..8000, ..]).to_owned());
    let y = numbers(bench, "blobs_500k_y")?.1;
    let settings = AgglomerativeClustering::new().n_clusters(20);
    let fitted = bench.fit("ward, 20 clusters", "blobs first 8000x16", || settings.fit(&x, &NoTarget))?;
    let index = adjusted_rand_index(&y[..8000], fitted.model.clusters());
    Ok(fitted.record.quality("ARI", index))
}

/// Hubert and Arabie, 1985; noise counts as a cluster, as for the peers.
fn adjusted_rand_index(truth: &[f64], found: &Clusters) -> f64 {
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let count = |keys: &mut dyn Iterator<Item = (i64, i64)>| {
        let mut counts = BTreeMap::new();
        keys.for_each(|key| *counts.entry(key).or_insert(0.0) += 1.0);
        counts.into_values().map(pairs).sum::<f64>()
    };
    let truth = || truth.iter().map(|&label| label as i64);
    let found = || found.labels().iter().map(|&label| i64::from(label));
    let both = count(&mut truth().zip(found()));
    let (first, second) =
        (count(&mut truth().map(|label| (label, 0))), count(&mut found().map(|label| (label, 0))));
    let expected = first * second / pairs(truth().count() as f64);
    let most = 0.5 * (first + second);
    if most == expected { 1.0 } else { (both - expected) / (most - expected) }
}
