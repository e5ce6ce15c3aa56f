//! A Gaussian process, clusters of two shapes, and a map of rows, as pictures.
//!
//! `cargo run --release --example families [FOLDER]` writes them to `target/families`, or to the folder.

use std::path::PathBuf;

use ndarray::Array2;
use perennial::core::{Clustered, Clusters, write_atomic};
use perennial::data::samples;
use perennial::features::extraction::Tsne;
use perennial::models::gaussian_process::{Covariance, GaussianProcessRegressor};
use perennial::models::{Dbscan, KMeans};
use perennial::numeric::random::Random;
use perennial::prelude::*;
use perennial::preprocessing::StandardScaler;
use perennial::reporting::{Chart, Series};

fn main() -> Result<()> {
    save("process", &process()?)?;
    let moons = moons(300, 0.09);
    let cut = KMeans::new().n_clusters(2).seed(1).fit(&moons, &NoTarget)?.predict(&moons)?;
    save("kmeans", &clusters("Two moons, by k-means", &moons, &cut)?)?;
    let dense = Dbscan::new().eps(0.2).min_samples(5.0).fit(&moons, &NoTarget)?;
    println!(
        "by density: {} clusters and {} rows of noise",
        dense.clusters().n_clusters(),
        dense.clusters().n_noise()
    );
    save("density", &clusters("Two moons, by density", &moons, dense.clusters())?)?;
    save("map", &map()?)
}

/// What a Gaussian process makes of a noisy wave with a gap.
fn process() -> Result<Chart> {
    let mut random = Random::new(4);
    let places: Vec<f64> = (0..60).map(|i| f64::from(i) / 5.0).filter(|x| !(5.0..8.0).contains(x)).collect();
    let seen: Vec<f64> = places.iter().map(|x| x.sin() + 0.15 * random.normal()).collect();
    let x = Matrix::from(Array2::from_shape_fn((places.len(), 1), |(i, _)| places[i]));
    let covariance = Covariance::constant(1.0) * Covariance::rbf([1.0]) + Covariance::white(0.1);
    let model =
        GaussianProcessRegressor::new().covariance(covariance).fit(&x, &Values::from(seen.clone()))?;
    println!("the process found {:?}", model.covariance());
    let grid: Vec<f64> = (0..=280).map(|i| f64::from(i) / 20.0).collect();
    let asked = Matrix::from(Array2::from_shape_fn((grid.len(), 1), |(i, _)| grid[i]));
    let (mean, deviation) = model.predict_with_deviation(&asked)?;
    let bound = |sign: f64| -> Vec<f64> {
        mean.as_slice().iter().zip(deviation.as_slice()).map(|(m, d)| m + sign * 1.96 * d).collect()
    };
    Ok(Chart::line("A Gaussian process: answers with intervals")
        .x("x")
        .y("y")
        .note("The band holds 95 % of new values. It widens where nothing was seen.")
        .series(Series::xy("answer", &grid, mean.as_slice()).bounds(&bound(-1.0), &bound(1.0)))
        .series(Series::xy("sine", &grid, &grid.iter().map(|x| x.sin()).collect::<Vec<_>>())))
}

/// Two half circles that reach into each other.
fn moons(n_rows: usize, noise: f64) -> Matrix {
    let mut random = Random::new(7);
    let mut rows = Array2::zeros((n_rows, 2));
    for (i, mut row) in rows.rows_mut().into_iter().enumerate() {
        let angle = std::f64::consts::PI * random.uniform();
        let upper = i % 2 == 0;
        row[0] = if upper { angle.cos() } else { 1.0 - angle.cos() } + noise * random.normal();
        row[1] = if upper { angle.sin() } else { 0.5 - angle.sin() } + noise * random.normal();
    }
    rows.into()
}

fn clusters(title: &str, x: &Matrix, found: &Clusters) -> Result<Chart> {
    let cells = x.dense()?;
    let mut chart = Chart::scatter(title).x("x").y("y");
    for label in -1..found.n_clusters() as i32 {
        let of = |column: usize| -> Vec<f64> {
            let rows = (0..cells.nrows()).filter(|&row| found.labels()[row] == label);
            rows.map(|row| cells[[row, column]]).collect()
        };
        let name = if label < 0 { "noise".to_owned() } else { format!("cluster {label}") };
        if !of(0).is_empty() {
            chart = chart.series(Series::xy(name, &of(0), &of(1)));
        }
    }
    Ok(chart)
}

/// The wines on a map by t-SNE, which knows nothing of their classes.
fn map() -> Result<Chart> {
    let table = samples::wine()?;
    let names: Vec<&str> = table.names().filter(|name| *name != "class").collect();
    let (x, y) = (table.matrix(&names)?, table.classes("class")?);
    let scaled = StandardScaler::new().fit(&x, &NoTarget)?.transform(&x)?;
    let map = Tsne::new().fit(&scaled, &NoTarget)?;
    println!("the map: divergence {:.3} after {} steps", map.kl_divergence(), map.n_iterations());
    let places = map.embedding();
    let mut chart =
        Chart::scatter("178 wines on a map").note("Placed by 13 measurements; the classes were not known.");
    for (code, name) in (0..).zip(y.names()) {
        let of = |column: usize| -> Vec<f64> {
            (0..places.nrows())
                .filter(|&row| y.codes()[row] == code)
                .map(|row| places[[row, column]])
                .collect()
        };
        chart = chart.series(Series::xy(name.clone(), &of(0), &of(1)));
    }
    Ok(chart)
}

fn save(name: &str, chart: &Chart) -> Result<()> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("target/families"), PathBuf::from);
    std::fs::create_dir_all(&folder).map_err(|error| Error::io("cannot make the folder", error))?;
    write_atomic(folder.join(format!("families-{name}.svg")), chart.to_svg().as_bytes())
}
