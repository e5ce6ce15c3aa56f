//! Which steps can be taken back, for whoever takes any of them.

use perennial_core::{InverseTransformer, Matrix, Result};

use crate::scale::ScalerModel;
use crate::transform::{PointwiseModel, PowerModel, QuantileModel};

/// What the method of the same name does.
macro_rules! inverse {
    ($($model:ident),*) => {$(
        impl InverseTransformer for $model {
            fn inverse_transform(&self, x: &Matrix) -> Result<Matrix> {
                $model::inverse_transform(self, x)
            }
        }
    )*};
}

inverse!(ScalerModel, PointwiseModel, PowerModel, QuantileModel);
