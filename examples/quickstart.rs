//! From data to a cross-validated pipeline.

use perennial::data::samples;
use perennial::evaluation::metric::{Accuracy, LogLoss};
use perennial::evaluation::split::StratifiedKFold;
use perennial::evaluation::{CrossValidation, cross_validate};
use perennial::models::LogisticRegression;
use perennial::prelude::*;
use perennial::preprocessing::{Columns, SimpleImputer, StandardScaler, numeric};

fn main() -> Result<()> {
    let table = samples::breast_cancer()?;
    let (x, y) = (table.drop(&["diagnosis"])?, table.classes("diagnosis")?);

    let columns = Columns::new().on(numeric(), SimpleImputer::median().then(StandardScaler::new()));
    let pipeline = columns.then(LogisticRegression::new());

    let folds = StratifiedKFold::new(5).shuffle(true).seed(7);
    let accuracy = cross_validate(&pipeline, &x, &y, &folds, &Accuracy, &CrossValidation::new())?;
    let log_loss = cross_validate(&pipeline, &x, &y, &folds, &LogLoss, &CrossValidation::new())?;
    println!("accuracy {}\nlog loss {}", accuracy.interval(0.95)?, log_loss.interval(0.95)?);

    let model = pipeline.fit(&x, &y)?;
    let shares = model.predict_proba(&x.head(1))?;
    let malignant = shares.of("malignant")?.as_slice()[0];
    println!(
        "first row: malignant with probability {malignant:.4}, in truth {}",
        y.labels().next().unwrap_or_default()
    );
    Ok(())
}
