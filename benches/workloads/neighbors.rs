//! Nearest rows.

use ndarray::{ArrayRef2, s};
use perennial::core::{Classes, Estimator, Matrix, NoTarget, Predictor, Result, Rows};
use perennial::models::neighbors::Search;
use perennial::models::{KNeighborsClassifier, NearestNeighbors};

use crate::measure::{Bench, Record};
use crate::npy::{Split, array, numbers};

/// Neighbours of each query.
const K: usize = 10;

pub(crate) fn knn_blobs(bench: &Bench) -> Result<Record> {
    let all = array(bench, "blobs_500k_X")?;
    let queries = all.slice(s![-10_000.., ..]);
    distances(
        bench,
        "k=10 exact, 10000 queries",
        "blobs first 100000x16",
        &all.slice(s![..100_000, ..]),
        &queries,
    )
}

pub(crate) fn knn_3d(bench: &Bench) -> Result<Record> {
    let all = array(bench, "reg_1m_Xtr")?;
    let rows = all.slice(s![..200_000, ..3]);
    distances(bench, "k=10, all 200000 points queried", "reg_1m first 200000, cols 0-2", &rows, &rows)
}

fn distances(
    bench: &Bench,
    params: &str,
    data: &str,
    rows: &ArrayRef2<f64>,
    queries: &ArrayRef2<f64>,
) -> Result<Record> {
    let (rows, queries) = (Matrix::from(rows.to_owned()), Matrix::from(queries.to_owned()));
    let mut fitted = bench.fit(params, data, || NearestNeighbors::new().fit(&rows, &NoTarget))?;
    let found = fitted.predict(|model| model.nearest(&queries, K))?;
    Ok(fitted.record.quality("sum_d", found.distances().iter().sum()))
}

pub(crate) fn knn_clf(bench: &Bench) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_mc")?;
    let asked: Vec<usize> = (0..5000.min(data.test_x.n_rows())).collect();
    let (x, y) = (data.test_x.take(&asked)?, data.test_y.take(&asked)?);
    let settings = KNeighborsClassifier::new().n_neighbors(K);
    let mut fitted = bench.fit("k=10, 5000 queries", &data.about, || settings.fit(&data.x, &data.y))?;
    let predicted = fitted.predict(|model| model.predict(&x))?;
    let right = y.labels().zip(predicted.labels()).filter(|(truth, label)| truth == label).count();
    Ok(fitted.record.quality("acc", right as f64 / asked.len() as f64))
}

pub(crate) fn knn_embed(bench: &Bench) -> Result<Record> {
    embeddings(bench, "exact k=10, 1000 queries", Search::Auto)
}

pub(crate) fn knn_embed_hnsw(bench: &Bench) -> Result<Record> {
    embeddings(bench, "HNSW M=16 efC=100 efS=64, 1000 queries", Search::hnsw())
}

fn embeddings(bench: &Bench, params: &str, search: Search) -> Result<Record> {
    let (rows, queries) = (array(bench, "embed_100k_f32")?, array(bench, "embed_100k_q_f32")?);
    let (rows, queries) = (Matrix::from(rows), Matrix::from(queries));
    let truth = numbers(bench, "embed_100k_gt")?.1;
    let about = "embed_100k (100000x128)";
    let settings = NearestNeighbors::new().search(search);
    let mut fitted = bench.fit(params, about, || settings.fit(&rows, &NoTarget))?;
    let found = fitted.predict(|model| model.nearest(&queries, K))?;
    let pairs = found.rows().chunks_exact(K).zip(truth.chunks_exact(K));
    let hits: usize = pairs
        .map(|(found, truth)| found.iter().filter(|&&row| truth.contains(&f64::from(row))).count())
        .sum();
    Ok(fitted.record.quality("recall@10", hits as f64 / truth.len() as f64))
}
