//! Steps of tables pass the conformance kit too: an adapter makes a table of each matrix.

use ndarray::ArrayView1;
use perennial_core::{
    Capabilities, Estimator, Features, FitTransform, Matrix, Persist, Result, Train, Transformer, from_bytes,
    to_bytes,
};
use perennial_data::{Column, Table};
use perennial_preprocessing::{
    CategoryImputer, Columns, Contrast, ContrastEncoder, CountEncoder, CountTargetEncoder, GapEncoder,
    HashingEncoder, MinHashEncoder, MinMaxScaler, MultiHotEncoder, OneHotEncoder, OrdinalEncoder,
    QuantileEncoder, RankHotEncoder, RareLabelEncoder, SimilarityEncoder, SimpleImputer, Smoothing,
    StandardScaler, TableVectorizer, TargetEncoder, Unknown, WoeEncoder, numeric,
};
use perennial_testing::{Tags, check};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A step of tables as a step of matrices.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Tabular<E> {
    step: E,
    /// Whether the numbers, rounded, become the names of categories.
    categories: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct TabularModel<M> {
    features: Features,
    model: M,
    categories: bool,
}

fn table(x: &Matrix, categories: bool) -> Result<Table> {
    x.check_finite(true)?;
    let column = |cells: ArrayView1<'_, f64>| {
        if !categories {
            return Column::real(cells.iter().copied());
        }
        let names: Vec<Option<String>> = cells
            .iter()
            .map(|cell| (!cell.is_nan()).then(|| format!("{}", cell.clamp(-3.0, 3.0).round() + 0.0)))
            .collect();
        Column::text(names.iter().map(|name| name.as_deref()))
    };
    let dense = x.dense()?;
    Table::new(x.features().names().enumerate().map(|(i, name)| (name, column(dense.column(i)))))
}

impl<E> Estimator for Tabular<E>
where
    E: Estimator<Input = Table, Target: Sized> + Persist,
{
    type Input = Matrix;
    type Target = E::Target;
    type Model = TabularModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, E::Target>) -> Result<Self::Model> {
        let table = table(train.x, self.categories)?;
        let model = train.with_input(&table, None).fit(&self.step)?;
        Ok(TabularModel { features: train.x.features().clone(), model, categories: self.categories })
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.step.capabilities();
        capabilities.sparse = false;
        capabilities
    }
}

impl<E> FitTransform for Tabular<E>
where
    E: FitTransform<Input = Table, Target: Sized> + Persist,
    E::Model: Transformer<Input = Table, Output = Matrix>,
{
    /// As the step treats its training rows.
    fn fit_transform_on(&self, train: &Train<'_, Matrix, E::Target>) -> Result<(Self::Model, Matrix)> {
        let table = table(train.x, self.categories)?;
        let inner = train.with_input(&table, None);
        inner.check(&self.step.capabilities())?;
        let (model, x) = self.step.fit_transform_on(&inner)?;
        Ok((TabularModel { features: train.x.features().clone(), model, categories: self.categories }, x))
    }
}

impl<M: Transformer<Input = Table, Output = Matrix>> Transformer for TabularModel<M> {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        self.model.transform(&table(&*self.features.align(x)?, self.categories)?)
    }
}

fn on_categories<E>(step: E) -> Tabular<E> {
    Tabular { step, categories: true }
}

fn on_numbers<E>(step: E) -> Tabular<E> {
    Tabular { step, categories: false }
}

/// Missing categories stay missing, so the output of these steps is compared cell by cell, not as numbers.
fn holes() -> Tags {
    Tags::new().exact_solver()
}

check!(vectorized_numbers, transformer, on_numbers(TableVectorizer::new()), Tags::new());
check!(
    vectorized_texts,
    transformer,
    on_categories(TableVectorizer::new().cardinality_threshold(5).n_components(4)),
    Tags::new()
);
check!(one_hot, transformer, on_categories(OneHotEncoder::new().unknown(Unknown::Ignore)), holes());
check!(
    one_hot_rare,
    transformer,
    on_categories(OneHotEncoder::new().unknown(Unknown::Ignore).min_frequency(4.0).drop_first(true)),
    holes()
);
check!(
    one_hot_sparse,
    transformer,
    on_categories(OneHotEncoder::new().unknown(Unknown::Ignore).sparse(true)),
    holes()
);
check!(
    filled_then_one_hot,
    transformer,
    on_categories(CategoryImputer::mode().then(OneHotEncoder::new().unknown(Unknown::Ignore))),
    holes()
);
check!(
    ordinal,
    transformer,
    on_categories(
        CategoryImputer::constant("none")
            .then(OrdinalEncoder::new().unknown(Unknown::Ignore))
            .then(SimpleImputer::constant(-1.0))
    ),
    holes()
);
check!(
    ranks,
    transformer,
    on_categories(
        CategoryImputer::constant("none")
            .then(RankHotEncoder::new().unknown(Unknown::Ignore))
            .then(SimpleImputer::constant(-1.0))
    ),
    holes()
);
check!(counts, transformer, on_categories(CountEncoder::new()), holes());
check!(shares, transformer, on_categories(CountEncoder::new().normalize(true)), holes());
check!(min_hashed, transformer, on_categories(MinHashEncoder::new().n_components(5)), holes());
check!(topics, transformer, on_categories(GapEncoder::new().n_components(3).ngrams(1, 2)), holes());
check!(
    several_items,
    transformer,
    on_categories(MultiHotEncoder::new().delimiter("-").unknown(Unknown::Ignore)),
    holes()
);
check!(similar, transformer, on_categories(SimilarityEncoder::new().max_categories(3).ngrams(1, 2)), holes());
check!(hashed, transformer, on_categories(HashingEncoder::new().n_components(7)), holes());
check!(digits, transformer, on_categories(ContrastEncoder::binary().unknown(Unknown::Ignore)), holes());
check!(
    helmert,
    transformer,
    on_categories(ContrastEncoder::new(Contrast::Helmert).unknown(Unknown::Ignore)),
    holes()
);
check!(
    trends,
    transformer,
    on_categories(ContrastEncoder::new(Contrast::Polynomial).unknown(Unknown::Ignore)),
    holes()
);
check!(
    rare_joined,
    transformer,
    on_categories(RareLabelEncoder::new().min_share(0.1).then(OneHotEncoder::new().unknown(Unknown::Ignore))),
    holes()
);
check!(
    routed,
    transformer,
    on_numbers(Columns::new().on(
        numeric(),
        SimpleImputer::median().then(StandardScaler::new()).then(MinMaxScaler::new().clip(true))
    )),
    holes()
);

/// Sums are kept relative to the mean of the whole target, so the last digits of every code move with every row of it; what a
/// code says must not, which the tests of `supervised` hold.
fn rounded() -> Tags {
    holes().expect_fail("T06", "the mean that sums are relative to has a part of each row's own target")
}

check!(target_means, transformer, on_categories(TargetEncoder::of_values().seed(3)), rounded());
check!(target_shares, transformer, on_categories(TargetEncoder::of_classes().leave_one_out()), rounded());
check!(
    target_in_order,
    transformer,
    on_categories(TargetEncoder::of_values().ordered().smoothing(Smoothing::Rows(2.0))),
    rounded()
);
check!(
    target_of_james_and_stein,
    transformer,
    on_categories(TargetEncoder::of_values().smoothing(Smoothing::JamesStein)),
    rounded()
);
check!(target_quantiles, transformer, on_categories(QuantileEncoder::summary()), holes());
check!(evidence, transformer, on_categories(WoeEncoder::new()), rounded());
check!(counted_evidence, transformer, on_categories(CountTargetEncoder::new().min_samples(3.0)), rounded());

/// The names of all steps of the crate are in the list of its exports, and each is checked here or with the steps of matrices. `MultipleImputer`
/// completes tables and is no step.
#[test]
fn no_step_of_the_crate_escapes_the_kit() {
    let exports = include_str!("../../src/lib.rs");
    let checked = [include_str!("tabular.rs"), include_str!("conformance.rs"), include_str!("tree_bins.rs")];
    let steps = ["Encoder", "Scaler", "Imputer", "Transformer", "Discretizer", "Winsorizer", "Normalizer"];
    let is_step = |word: &&str| {
        let named =
            steps.iter().any(|step| word.ends_with(step)) || ["Columns", "PassThrough"].contains(word);
        named && *word != "MultipleImputer"
    };
    let words = exports.split(|char: char| !char.is_alphanumeric()).filter(is_step);
    let missing: Vec<&str> = words
        .filter(|word| {
            !checked.iter().any(|text| {
                text.lines().any(|line| line.contains(&format!("{word}::")) && !line.contains("use "))
            })
        })
        .collect();
    assert!(missing.is_empty(), "no check of {missing:?}");
}

/// The adapter itself keeps what it wraps.
#[test]
fn the_adapter_saves_the_step_inside() {
    fn back<T: Serialize + DeserializeOwned>(value: &T) -> Vec<u8> {
        to_bytes(&from_bytes::<T>(&to_bytes(value).unwrap()).unwrap()).unwrap()
    }
    let step = on_categories(OneHotEncoder::new().max_categories(7));
    assert_eq!(back(&step), to_bytes(&step).unwrap());
}
