//! Gradient boosting of trees (Friedman, 2001) on binned data (Ke and others, 2017).

mod engine;
mod objective;
mod sampling;
mod settings;

pub use objective::{Labels, Objective, SquaredError};
pub use settings::{Growth, Mode, Monotone, RowSampling};

#[doc(hidden)]
pub fn try_boost(
    x: &perennial_core::Matrix,
    y: &[f64],
    logistic: bool,
    n_trees: usize,
) -> Vec<crate::tree::Tree> {
    use perennial_core::{Estimator as _, Transformer as _};
    let t = std::time::Instant::now();
    let settings = settings::Settings { n_trees, ..Default::default() };
    let binned = settings.binner().fit(x, &perennial_core::NoTarget).unwrap().transform(x).unwrap();
    eprintln!("binning {:?}", t.elapsed());
    let constraints = settings.constraints(x.features()).unwrap();
    let labels = Labels { y, weights: None, groups: None };
    let input =
        engine::rounds::Input { binned: &binned, labels, offset: None, start: None, validation: None };
    let ctx = perennial_core::Context::new();
    let watch = |_: &Labels<'_>, _: &[f64]| Ok(engine::rounds::Verdict::GoOn);
    let t = std::time::Instant::now();
    let b = if logistic {
        engine::rounds::boost(
            &Logit,
            &settings,
            &constraints,
            &input,
            Logit.base_scores(&labels).unwrap(),
            watch,
            &ctx,
        )
    } else {
        engine::rounds::boost(
            &SquaredError,
            &settings,
            &constraints,
            &input,
            SquaredError.base_scores(&labels).unwrap(),
            watch,
            &ctx,
        )
    };
    eprintln!("boosting {:?}", t.elapsed());
    let mut b = b.unwrap();
    let n = b.trees[0].n_nodes();
    for k in 0..n {
        let v = b.trees[0].value(k)[0] + b.base[0];
        b.trees[0].set_value(k, &[v]);
    }
    b.trees
}
#[derive(Clone, Debug)]
struct Logit;
impl Objective for Logit {
    fn base_scores(&self, labels: &Labels<'_>) -> perennial_core::Result<Vec<f64>> {
        let p = labels.mean_by(|row| labels.y[row]);
        Ok(vec![(p / (1.0 - p)).ln()])
    }
    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        labels.each_row(scores, gradients, hessians, |y, score| {
            let p = 1.0 / (1.0 + (-score).exp());
            (p - y, p * (1.0 - p))
        });
    }
    fn loss(&self, _: &Labels<'_>, _: &[f64]) -> f64 {
        0.0
    }
}
