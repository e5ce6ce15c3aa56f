//! The README of the project and the pages of the guide, so that the code in them is tested.

macro_rules! pages {
    ($($name:ident: $path:literal;)*) => {$(
        #[doc = include_str!($path)]
        mod $name {}
    )*};
}

pages! {
    readme: "../../../README.md";
    guide: "../../../docs/guide/README.md";
    problem: "../../../docs/guide/01-problem.md";
    data: "../../../docs/guide/02-data.md";
    preprocessing: "../../../docs/guide/03-preprocessing.md";
    pipelines: "../../../docs/guide/pipelines.md";
    explore: "../../../docs/guide/04-explore.md";
    features: "../../../docs/guide/05-features.md";
    models: "../../../docs/guide/06-models.md";
    boosting: "../../../docs/guide/boosting.md";
    families: "../../../docs/guide/families.md";
    training: "../../../docs/guide/07-training.md";
    evaluation: "../../../docs/guide/08-evaluation.md";
    metrics: "../../../docs/guide/metrics.md";
    splits: "../../../docs/guide/splits.md";
    calibration: "../../../docs/guide/calibration.md";
    decisions: "../../../docs/guide/decisions.md";
    errors: "../../../docs/guide/errors.md";
    tuning: "../../../docs/guide/09-tuning.md";
    deployment: "../../../docs/guide/10-deployment.md";
    monitoring: "../../../docs/guide/11-monitoring.md";
    documentation: "../../../docs/guide/12-documentation.md";
    your_own_steps: "../../../docs/guide/your-own-steps.md";
}
