#![doc = include_str!("../README.md")]

mod batch_parts;
mod batch_pipelines;
mod batches;
mod cached;
mod categories;
mod category_parts;
mod cells;
mod columns;
mod columns_batches;
mod columns_model;
mod date_parts;
mod decided;
mod diagram;
mod discretize;
mod discretize_tree;
mod encode;
mod impute;
mod inverse;
mod labels;
mod moments;
mod outlier_rows;
mod outliers;
mod outliers_batches;
mod outputs;
mod pass_through;
mod resample;
mod scale;
mod schema;
mod selector;
mod stats;
mod table_vectorizer;
mod text;
mod transform;

pub use batches::{Batch, BoxLearning, FitBatches, Learning};
pub use cached::{Cached, Fingerprint, FitHash};
pub use categories::Unknown;
pub use columns::{Branch, Branches, Columns, FromColumns};
pub use columns_batches::{BatchBranches, BoxBranches, LearningBranches};
pub use columns_model::ColumnsModel;
pub use diagram::Diagram;
pub use discretize::{Bins, KBinsDiscretizer, KBinsModel};
pub use discretize_tree::{Impurity, TreeDiscretizer};
pub use encode::{
    Contrast, ContrastEncoder, ContrastModel, CountEncoder, CountModel, CountTargetEncoder, EncodingTarget,
    GapEncoder, GapModel, HashingEncoder, HashingModel, MinHashEncoder, MinHashModel, MultiHotEncoder,
    MultiHotModel, OneHotEncoder, OneHotModel, OrdinalEncoder, OrdinalModel, QuantileEncoder, RankHotEncoder,
    RankHotModel, RareLabelEncoder, RareLabelModel, Scheme, SimilarityEncoder, SimilarityModel, Smoothing,
    TargetEncoder, TargetModel, WoeEncoder,
};
pub use impute::{
    CategoryImputer, CategoryImputerModel, Draw, FlaggedColumns, IterativeImputer, IterativeImputerModel,
    KnnImputer, KnnImputerModel, MissingIndicator, MissingIndicatorModel, MultipleImputer, NoClassifier,
    NoClassifierModel, RandomSampleImputer, RandomSampleModel, SimpleImputer, SimpleImputerModel, Strategy,
};
pub use labels::{from_indicators, to_indicators};
pub use outlier_rows::{DropOutliers, FlagOutliers, FlagOutliersModel};
pub use outliers::{Bounds, OutlierTrimmer, Winsorizer, WinsorizerModel};
pub use outputs::{OutputColumn, PiiReach};
pub use pass_through::{PassThrough, PassThroughModel};
pub use resample::{
    Both, CorrectedModel, EditedNearestNeighbours, NearMiss, PriorCorrected, RandomOverSampler,
    RandomUnderSampler, Resampled, Resampler, Resampling, Smote, TomekLinks,
};
pub use scale::{
    MaxAbsScaler, MinMaxScaler, Norm, Normalizer, NormalizerModel, RobustScaler, ScalerModel, StandardScaler,
};
pub use schema::{BranchSchema, SchemaColumn};
pub use selector::{Selector, boolean, categorical, matching, names, numeric, of_role, of_type};
pub use table_vectorizer::{HighCardinality, TableVectorizer, TableVectorizerModel};
pub use text::{CleanText, CleanTextModel, UnicodeForm};
pub use transform::{
    Extrapolation, Function, Knots, OutputDistribution, Pointwise, PointwiseModel, PowerMethod, PowerModel,
    PowerTransformer, QuantileModel, QuantileTransformer, SplineModel, SplineTransformer,
};
