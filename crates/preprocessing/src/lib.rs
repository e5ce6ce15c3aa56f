#![doc = include_str!("../README.md")]

mod categories;
mod columns;
mod impute;
mod impute_categories;
mod one_hot;
mod ordinal;
mod pass_through;
mod scale;
mod selector;
mod stats;

pub use columns::{Branch, Branches, Columns, ColumnsModel, FromColumns};
pub use impute::{SimpleImputer, SimpleImputerModel, Strategy};
pub use impute_categories::{CategoryImputer, CategoryImputerModel};
pub use one_hot::{OneHotEncoder, OneHotModel};
pub use ordinal::{OrdinalEncoder, OrdinalModel};
pub use pass_through::{PassThrough, PassThroughModel};
pub use scale::{MinMaxScaler, ScalerModel, StandardScaler};
pub use selector::{Selector, boolean, categorical, names, numeric};

pub use categories::Unknown;
