//! Models made of a classifier that has a class beside those of the target.

use ndarray::array;
use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor};
use perennial_models::compose::{
    BaggingClassifier, OneVsOneClassifier, SelfTrainingClassifier, StackingClassifier, VotingClassifier,
};
use perennial_models::{GaussianNaiveBayes, KNeighborsClassifier, RadiusNeighborsClassifier};

fn outliers() -> RadiusNeighborsClassifier {
    RadiusNeighborsClassifier::new().radius(1.5).outlier_label("none")
}

/// By hand: of the rows without a class the one at 50 has no neighbour, and the one at 1.5 has two that are low.
#[test]
fn rows_without_neighbours_stay_without_a_class_of_the_target() {
    let x = Matrix::from(array![[0.0], [1.0], [8.0], [9.0], [50.0], [1.5]]);
    let labels = ["low", "low", "high", "high", "?", "?"];
    let settings = SelfTrainingClassifier::new(outliers(), "?");
    let all = Classes::from_labels(labels);
    for settings in [settings.clone(), settings.clone().k_best(1), settings.clone().k_best(5)] {
        let model = settings.fit(&x, &all).unwrap();
        assert_eq!((model.n_labelled(), model.n_unlabelled(), model.n_iterations()), (1, 1, 1));
        assert!(model.converged());
        let said = model.predict(&x).unwrap();
        assert_eq!(said.labels().collect::<Vec<_>>(), ["low", "low", "high", "high", "none", "low"]);
    }
    let x = Matrix::from(array![[0.0], [1.0], [8.0], [9.0], [50.0]]);
    let model = settings.fit(&x, &Classes::from_labels(&labels[..5])).unwrap();
    assert_eq!((model.n_labelled(), model.n_unlabelled(), model.converged()), (0, 1, true));
}

#[test]
fn members_with_a_class_of_their_own_are_refused_at_fit() {
    let x = Matrix::from(array![[0.0], [1.0], [8.0], [9.0]]);
    let y = Classes::from_labels(["low", "low", "high", "high"]);
    let near = KNeighborsClassifier::new().n_neighbors(1);
    let errors = [
        VotingClassifier::new((near.clone(), outliers())).fit(&x, &y).err(),
        VotingClassifier::new(vec![outliers()]).hard(true).fit(&x, &y).err(),
        BaggingClassifier::new(outliers()).n_estimators(2).fit(&x, &y).err(),
        OneVsOneClassifier::new(outliers()).fit(&x, &y).err(),
        StackingClassifier::new((outliers(),), GaussianNaiveBayes::new()).n_folds(2).fit(&x, &y).err(),
    ];
    for error in errors {
        let error = error.unwrap().to_string();
        assert!(error.contains(r#"the classes ["high", "low", "none"]"#), "{error}");
        assert!(error.contains(r#"the target has ["high", "low"]"#), "{error}");
    }
    // A target that knows the class, if no row of it, suits the members.
    let names = ["high", "low", "none"].map(str::to_owned).to_vec();
    let y = Classes::new(vec![1, 1, 0, 0], names).unwrap();
    let vote = VotingClassifier::new((near, outliers())).weights([1.0, 2.0]).fit(&x, &y).unwrap();
    let said = vote.predict_proba(&Matrix::from(array![[0.5], [50.0]])).unwrap();
    let truth = array![[0.0, 1.0, 0.0], [1.0 / 3.0, 0.0, 2.0 / 3.0]];
    assert!(said.values().iter().zip(&truth).all(|(said, truth)| (said - truth).abs() < 1e-12), "{said:?}");
    let pairs = OneVsOneClassifier::new(outliers()).fit(&x, &y).unwrap_err().to_string();
    assert!(pairs.contains("one-against-one model"), "{pairs}");
}
