//! Settings of pipelines are plain data.

use perennial_core::Estimator;
use perennial_preprocessing::{Columns, OneHotEncoder, SimpleImputer, StandardScaler, categorical, numeric};

/// What stands in for parameters by path: a setting is changed at a JSON pointer.
#[test]
fn settings_of_branches_are_plain_data() {
    fn changed<E: serde::Serialize + serde::de::DeserializeOwned>(
        step: &E,
        at: &str,
        to: serde_json::Value,
    ) -> E {
        let mut settings = serde_json::to_value(step).unwrap();
        *settings.pointer_mut(at).unwrap() = to;
        serde_json::from_value(settings).unwrap()
    }
    let pipeline = |with_mean: bool, max_categories: usize| {
        let scale = StandardScaler::new().with_mean(with_mean).named("scale");
        Columns::new()
            .on(numeric(), SimpleImputer::median().then(scale))
            .on(categorical(), OneHotEncoder::new().max_categories(max_categories))
            .drop(["member"])
    };
    let before = pipeline(true, 10_000);
    let after = changed(&before, "/branches/0/1/step/next/inner/with_mean", false.into());
    assert_eq!(after, pipeline(false, 10_000));
    assert_eq!(changed(&after, "/branches/1/step/max_categories", 1.into()), pipeline(false, 1));
}
