//! Watches a stream of weeks for drift and for errors.

use perennial::data::{Column, Table};
use perennial::monitoring::{ErrorBaseline, Monitor, Reference};
use perennial::numeric::random::Random;
use perennial::prelude::*;
use perennial::statistics::interval::mean_interval;

/// A week of hourly weather that is `warmth` degrees warm.
fn week(warmth: f64, random: &mut Random) -> Result<Table> {
    let temperature: Vec<f64> =
        (0..168).map(|hour| warmth + 6.0 * (f64::from(hour) / 3.8).sin() + random.normal()).collect();
    let weather: Vec<&str> =
        (0..168).map(|_| if random.uniform() < 0.7 { "clear" } else { "rain" }).collect();
    Table::new([("temperature", Column::real(temperature)), ("weather", Column::text(weather))])
}

fn losses(size: f64, random: &mut Random) -> Vec<f64> {
    (0..168).map(|_| size * random.uniform()).collect()
}

fn main() -> Result<()> {
    let mut random = Random::new(3);
    let reference = Reference::of(&Table::concat(&[week(18.0, &mut random)?, week(20.0, &mut random)?])?)?;
    let evaluated = mean_interval(&losses(100.0, &mut random), 0.95)?;
    let mut monitor = Monitor::new(reference).baseline(ErrorBaseline::new("mean absolute error", evaluated));

    for (number, warmth) in [19.0, 18.5, 17.0, 12.0, 6.0, 2.0, 18.0, 19.0].into_iter().enumerate() {
        let outcomes = losses(100.0 + 8.0 * (19.0_f64 - warmth).max(0.0), &mut random);
        let window =
            monitor.watch(&format!("week {number}"), &week(warmth, &mut random)?, Some(&outcomes))?;
        let error = window.error.as_ref().map_or_else(String::new, |error| error.reason.clone());
        println!("{}: {}; {error}", window.name, if window.drift.drifted() { "drift" } else { "as before" });
    }
    for alert in monitor.alerts() {
        let end = alert.closed.as_deref().unwrap_or("still open");
        println!(
            "{:?} about {} from {} ({end}): {}",
            alert.severity, alert.subject, alert.raised, alert.reason
        );
    }
    let path = "target/monitor.html";
    perennial::core::write_atomic(path, monitor.to_document("Eight weeks").to_html().as_bytes())?;
    println!("{path}");
    Ok(())
}
