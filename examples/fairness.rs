//! On whom do decisions fall, and what does it cost to make them fall alike? Loans that are made up: group `b` has earned
//! less, so its income says less of whether it repays.

use ndarray::Array2;
use perennial::evaluation::Metric;
use perennial::evaluation::fairness::{
    ExponentiatedGradient, FairnessOptions, FairnessReport, GroupThresholds, MetricFrame, ParityConstraint,
    ParityObjective, SensitiveFeatures, reweighing,
};
use perennial::evaluation::metric::Accuracy;
use perennial::evaluation::split::train_test;
use perennial::models::LogisticRegression;
use perennial::numeric::random::Random;
use perennial::prelude::*;

struct Loans {
    x: Matrix,
    repaid: Classes,
    group: Vec<String>,
}

fn loans(n: usize) -> Result<Loans> {
    let mut random = Random::new(11);
    let (mut x, mut repaid, mut group) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..n {
        let second = random.uniform() < 0.35;
        let care = random.normal();
        let income = care + random.normal() * if second { 1.2 } else { 0.6 } - if second { 1.0 } else { 0.0 };
        x.extend([income, 0.7 * care + random.normal()]);
        repaid.push(u32::from(care + 0.7 * random.normal() > -0.4));
        group.push(if second { "b" } else { "a" }.to_owned());
    }
    let x = Matrix::from(Array2::from_shape_vec((n, 2), x).map_err(Error::other)?)
        .with_names(["income", "savings"])?;
    Ok(Loans { x, repaid: Classes::new(repaid, ["lost", "repaid"].map(String::from).to_vec())?, group })
}

fn main() -> Result<()> {
    let loans = loans(6000)?;
    let split = train_test(6000, 0.5, 1)?;
    let groups = |rows: &[usize]| rows.iter().map(|&row| loans.group[row].clone()).collect::<Vec<String>>();
    let (train_x, train_y, train_group) =
        (loans.x.take(&split.train)?, loans.repaid.take(&split.train)?, groups(&split.train));
    let (x, truth, group) =
        (loans.x.take(&split.test)?, loans.repaid.take(&split.test)?, groups(&split.test));
    let sensitive = SensitiveFeatures::new().by("group", &group);
    let options = FairnessOptions::new().replicates(400);

    let settings = LogisticRegression::new();
    let model = settings.fit(&train_x, &train_y)?;
    let plain = model.predict(&x)?;
    println!("{}\n", MetricFrame::measure(&Accuracy, &truth, &plain, &sensitive, &options)?);

    // Before the fit: rows count so that group and outcome are independent.
    let weights = reweighing(&train_y, &train_group, None)?;
    let reweighed = Train::new(&train_x, &train_y).weights(&weights).fit(&settings)?.predict(&x)?;

    // Within: a mixture of fits whose rates are alike.
    let within =
        ExponentiatedGradient::new(settings).constraint(ParityConstraint::EqualOpportunity).eps(0.02);
    let mixed = within.fit(&train_x, &train_y, &train_group)?.predict(&x)?;

    // After: thresholds by group, chosen on the rows that were learned from.
    let positive = |y: &Classes| y.codes().iter().map(|code| *code == 1).collect::<Vec<bool>>();
    let said = |x: &Matrix| Ok::<_, Error>(model.predict_proba(x)?.of("repaid")?.into_vec());
    let thresholds = GroupThresholds::fit(
        ParityConstraint::EqualOpportunity,
        ParityObjective::Accuracy,
        &said(&train_x)?,
        &positive(&train_y),
        &train_group,
        None,
    )?;
    let after = thresholds.decide(&said(&x)?, &group, 5)?;
    let after = Classes::new(after.into_iter().map(u32::from).collect(), truth.shared_names())?;

    for (name, given) in [
        ("as it is", &plain),
        ("reweighed", &reweighed),
        ("within the fit", &mixed),
        ("thresholds by group", &after),
    ] {
        let report = FairnessReport::measure(&truth, given, Some("repaid"), &sensitive, &options)?;
        println!(
            "{name}: accuracy {:.3}; of those who repay, the groups get loans {} apart",
            Accuracy.score(&truth, given)?,
            report.equal_opportunity.as_ref().map_or_else(String::new, |gap| gap.difference.to_string())
        );
    }
    Ok(())
}
