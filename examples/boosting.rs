//! Boosting with native categories, missing values, early stopping and explanations, as pictures.
//!
//! `cargo run --release --example boosting [FOLDER]` writes them to `target/boosting`, or to the folder.

use std::path::PathBuf;

use perennial::core::write_atomic;
use perennial::data::{Column, Table, samples};
use perennial::evaluation::Metric;
use perennial::evaluation::metric::MeanAbsoluteError;
use perennial::models::GradientBoostingRegressor;
use perennial::models::boosting::{Booster, RegressionLoss, Watch};
use perennial::models::shap::Contributions;
use perennial::prelude::*;
use perennial::preprocessing::{Columns, OrdinalEncoder, PassThrough, categorical, numeric};
use perennial::reporting::{Chart, Series};

fn main() -> Result<()> {
    let table = with_gaps(&samples::bikeshare()?)?;
    let (learned, watched) = by_days(&table)?;
    let [(x, y), (watched_x, watched_y)] = [split_off_target(&learned)?, split_off_target(&watched)?];

    // Categories keep their codes, gaps stay gaps: trees know what to do with both.
    let columns = Columns::new().on(numeric(), PassThrough::new()).on(categorical(), OrdinalEncoder::new());
    let settings = GradientBoostingRegressor::new()
        .loss(RegressionLoss::Poisson)
        .watch([Watch::MeanAbsoluteError])
        .n_trees(2000)
        .patience(100)
        .seed(7);
    let pipeline = columns.clone().then(settings.clone());
    let model = Train::new(&x, &y).validation(&watched_x, &watched_y).fit(&pipeline)?;

    let (prepared, booster) = (model.first(), model.next().booster());
    let history = &booster.history()[0].values;
    let error = MeanAbsoluteError.score(&watched_y, &model.predict(&watched_x)?)?;
    println!(
        "best after {} of {} rounds: off by {error:.1} bikers an hour",
        booster.n_rounds(),
        history.len()
    );

    // What had happened without stopping, to see it.
    let matrix = prepared.transform(&x)?;
    let on = settings.patience(None).n_trees(history.len()).fit(&matrix, &y)?;
    let staged = on.staged_predict(&matrix)?;
    let learned = staged.iter().map(|answers| MeanAbsoluteError.score(&y, answers));
    let learned = learned.collect::<Result<Vec<f64>>>()?;
    save("learning", &learning(&learned, history, booster.n_rounds()))?;

    let watched = prepared.transform(&watched_x)?;
    let explained = booster.contributions(&watched)?;
    save("importances", &importances(booster, &explained))?;
    save("summary", &summary(&watched, &explained)?)?;
    save("hour", &by_hour(&watched_x, &watched, &explained)?)
}

/// The table with humidity missing every ninth hour, as where a sensor fails.
fn with_gaps(table: &Table) -> Result<Table> {
    let humidity = table.column("humidity")?.as_real()?;
    let cells = humidity.iter().enumerate().map(|(row, &cell)| (row % 9 != 4).then_some(cell));
    table.with_column("humidity", Column::real(cells))
}

/// Four of five days to learn from, and the fifth to watch: neighbouring hours are too alike to be torn apart.
fn by_days(table: &Table) -> Result<(Table, Table)> {
    let days = table.column("day")?.as_real()?;
    let watched: Vec<bool> = days.iter().map(|&day| day as usize % 5 == 2).collect();
    let learned: Vec<bool> = watched.iter().map(|watched| !watched).collect();
    Ok((table.filter(&learned)?, table.filter(&watched)?))
}

/// What is known before the hour, under short names, and the bikers. Those of each kind would give the answer away.
fn split_off_target(table: &Table) -> Result<(Table, Values)> {
    let x = table.drop(&["bikers", "casual", "registered", "day", "season"])?;
    let x = x.rename("temperature", "temp")?.rename("felt_temperature", "felt")?;
    let x = x.rename("working_day", "workday")?.rename("wind_speed", "wind")?;
    Ok((x, table.values("bikers")?))
}

/// The errors after the first rounds, which would hide the rest.
fn learning(learned: &[f64], watched: &[f64], best: usize) -> Chart {
    const FROM: usize = 24;
    let rounds: Vec<f64> = (1..=watched.len()).map(|round| round as f64).collect();
    let later = |errors: &[f64]| (rounds[FROM..].to_vec(), errors[FROM..].to_vec());
    let [learned, watched] = [later(learned), later(watched)];
    let marked = [learned.1.iter().copied().fold(f64::INFINITY, f64::min), watched.1[0]];
    Chart::line("Mean absolute error by round")
        .x("rounds")
        .y("bikers per hour")
        .series(Series::xy("training rows", &learned.0, &learned.1))
        .series(Series::xy("validation set", &watched.0, &watched.1))
        .series(Series::xy(format!("best round: {best}"), &[best as f64; 2], &marked))
}

fn importances(booster: &Booster, explained: &Contributions) -> Chart {
    let shap = explained.importances(0);
    let total: f64 = shap.iter().sum();
    let gain = booster.feature_importances();
    let mut order: Vec<usize> = (0..gain.len()).collect();
    order.sort_by(|&a, &b| shap[b].total_cmp(&shap[a]));
    let shares = |of: &[f64], total: f64| order.iter().map(|&at| of[at] / total).collect::<Vec<f64>>();
    Chart::bar("What the model rests on", order.iter().map(|&at| booster.features().name(at)))
        .y("share")
        .series(Series::values("gain of splits", &shares(&gain, 1.0)))
        .series(Series::values("size of Shapley values", &shares(&shap, total)))
}

/// For each numeric feature, what its low and high values add.
fn summary(x: &Matrix, explained: &Contributions) -> Result<Chart> {
    const FIFTHS: [&str; 6] = ["lowest fifth", "second", "third", "fourth", "highest fifth", "missing"];
    let cells = x.dense()?;
    let shap = &explained.values()[0];
    let mut names = Vec::new();
    let mut values = Vec::new();
    for (column, name) in ["temp", "felt", "humidity", "wind"]
        .into_iter()
        .map(|name| Ok((x.features().position(name)?, name)))
        .collect::<Result<Vec<_>>>()?
    {
        let mut known: Vec<usize> = (0..x.n_rows()).filter(|&row| !cells[[row, column]].is_nan()).collect();
        known.sort_by(|&a, &b| cells[[a, column]].total_cmp(&cells[[b, column]]));
        let missing: Vec<usize> = (0..x.n_rows()).filter(|&row| cells[[row, column]].is_nan()).collect();
        let mean =
            |rows: &[usize]| rows.iter().map(|&row| shap[[row, column]]).sum::<f64>() / rows.len() as f64;
        let edge = |fifth: usize| known.len() * fifth / 5;
        let mut row: Vec<f64> = (0..5).map(|fifth| mean(&known[edge(fifth)..edge(fifth + 1)])).collect();
        row.push(mean(&missing));
        names.push(name);
        values.push(row);
    }
    Ok(Chart::heatmap("What low and high values add to the logarithm of the answer", names, FIFTHS, values)
        .diverging())
}

fn by_hour(table: &Table, x: &Matrix, explained: &Contributions) -> Result<Chart> {
    let (column, shap) = (x.features().position("hour")?, &explained.values()[0]);
    let hours = x.dense()?.column(column).to_owned();
    let working = table.column("workday")?.as_category()?;
    let days = |name: &str, wanted: &str| {
        let code = working.levels().position(|level| level == wanted).map(|code| code as u32);
        let rows: Vec<usize> = working
            .codes()
            .enumerate()
            .filter(|(_, of)| *of == code)
            .map(|(row, _)| row)
            .step_by(5)
            .collect();
        let hours: Vec<f64> = rows.iter().map(|&row| hours[row]).collect();
        let added: Vec<f64> = rows.iter().map(|&row| shap[[row, column]]).collect();
        Series::xy(name, &hours, &added)
    };
    Ok(Chart::scatter("What the hour adds to the logarithm of the answer")
        .x("hour")
        .y("Shapley value")
        .series(days("working days", "1"))
        .series(days("other days", "0")))
}

fn save(name: &str, chart: &Chart) -> Result<()> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("target/boosting"), PathBuf::from);
    let path = folder.join(format!("boosting-{name}.svg"));
    std::fs::create_dir_all(&folder)
        .map_err(|error| Error::io(format!("cannot make `{}`", folder.display()), error))?;
    write_atomic(&path, chart.to_svg().as_bytes())?;
    println!("{}", path.display());
    Ok(())
}
