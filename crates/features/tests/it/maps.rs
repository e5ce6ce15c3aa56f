//! Maps of the training rows alone through the conformance kit, which knows no such models: as a clustering by the side of
//! the first axis that a row lies on. What the model keeps is compared whole.

use ndarray::ArrayRef2;
use perennial_core::{Capabilities, Clustered, Clusters, Estimator, Matrix, NoTarget, Result, Rows, Train};
use perennial_features::extraction::{
    Affinity, Dissimilarity, Mds, MdsModel, SpectralEmbedding, SpectralEmbeddingModel, Tsne, TsneModel,
};
use perennial_numeric::neighbors::Metric;
use perennial_testing::{Tags, check};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Sides<E>(E);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SidesModel<M> {
    map: M,
    sides: Clusters,
}

trait Map: Send + Sync {
    fn places(&self) -> &ArrayRef2<f64>;
}

impl Map for MdsModel {
    fn places(&self) -> &ArrayRef2<f64> {
        self.embedding()
    }
}

impl Map for SpectralEmbeddingModel {
    fn places(&self) -> &ArrayRef2<f64> {
        self.embedding()
    }
}

impl Map for TsneModel {
    fn places(&self) -> &ArrayRef2<f64> {
        self.embedding()
    }
}

impl<E: Estimator<Input = Matrix, Target = NoTarget, Model: Map>> Estimator for Sides<E> {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = SidesModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<SidesModel<E::Model>> {
        let map = self.0.fit_on(train)?;
        let side = |row: usize| map.places()[[row, 0]] > 0.0;
        let labels: Vec<i32> = (0..train.x.n_rows()).map(|row| i32::from(side(row) != side(0))).collect();
        let sides = Clusters::of(labels, 2)?;
        Ok(SidesModel { map, sides })
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

impl<M: Map> Clustered for SidesModel<M> {
    fn clusters(&self) -> &Clusters {
        &self.sides
    }
}

check!(mds, group, Sides(Mds::new().max_iter(10)), Tags::new().poor_score().most_rows(120));
check!(
    mds_manhattan,
    group,
    Sides(Mds::new().dissimilarity(Dissimilarity::Rows(Metric::Manhattan)).n_components(3).max_iter(10)),
    Tags::new().poor_score().most_rows(120)
);
check!(spectral_embedding, group, Sides(SpectralEmbedding::new()), Tags::new().poor_score().most_rows(300));
check!(
    spectral_embedding_rbf,
    group,
    Sides(SpectralEmbedding::new().n_components(1).affinity(Affinity::Rbf { gamma: 0.1 })),
    Tags::new().poor_score().most_rows(300)
);
check!(
    tsne,
    group,
    Sides(Tsne::new().perplexity(5.0).max_iter(250)),
    Tags::new().poor_score().most_rows(120)
);
