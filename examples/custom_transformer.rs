//! A step of your own: cuts each column at two of its quantiles, so that outliers lose their pull.

use ndarray::Axis;
use perennial::core::{Capabilities, Features, Param};
use perennial::models::LinearRegression;
use perennial::prelude::*;
use serde::{Deserialize, Serialize};

const SHARE: Param = Param::real("share", "share of the rows cut on each side").at_least(0.0).at_most(0.49);

/// The settings: what is cut, before any data is seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Clip {
    share: f64,
}

impl Default for Clip {
    fn default() -> Self {
        Clip { share: 0.05 }
    }
}

/// The model: what was learned from the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ClipModel {
    features: Features,
    limits: Vec<(f64, f64)>,
}

impl Estimator for Clip {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = ClipModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<ClipModel> {
        SHARE.check(self.share)?;
        let limits = |column: ndarray::ArrayView1<'_, f64>| {
            let mut values: Vec<f64> = column.iter().copied().filter(|value| !value.is_nan()).collect();
            values.sort_by(f64::total_cmp);
            let cut = (self.share * values.len() as f64) as usize;
            match values.len() {
                0 => (f64::MIN, f64::MAX),
                n => (values[cut], values[n - 1 - cut]),
            }
        };
        let limits = train.x.dense()?.axis_iter(Axis(1)).map(limits).collect();
        Ok(ClipModel { features: train.x.features().clone(), limits })
    }

    /// It takes missing values and hands them on. It would ignore weights, so it does not declare them.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().missing()
    }
}

/// Other steps may follow it.
impl FitTransform for Clip {}

impl Transformer for ClipModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let mut cut = x.dense()?.to_owned();
        for (mut column, &(low, high)) in cut.axis_iter_mut(Axis(1)).zip(&self.limits) {
            // A model read from damaged bytes may have its limits the wrong way round; `clamp` would panic.
            column.mapv_inplace(|value| {
                if value < low {
                    low
                } else if value > high {
                    high
                } else {
                    value
                }
            });
        }
        Matrix::from(cut).with_features(self.features.clone())
    }
}

fn main() -> Result<()> {
    // y = 2 x, and one row that is far off.
    let x = Matrix::from(ndarray::Array2::from_shape_fn(
        (100, 1),
        |(row, _)| if row == 7 { 1e4 } else { row as f64 },
    ));
    let y: Values = (0..100).map(|row| 2.0 * f64::from(row)).collect();
    let plain = LinearRegression::new().fit(&x, &y)?;
    let robust = Clip::default().then(LinearRegression::new()).fit(&x, &y)?;
    println!(
        "slope without clipping {:.3}, with {:.3}",
        plain.coefficients()[0],
        robust.next().coefficients()[0]
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    perennial::testing::check!(clip, transformer, Clip::default());
    perennial::testing::check!(clip_nothing, transformer, Clip { share: 0.0 });
}
