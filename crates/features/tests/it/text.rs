//! Texts as counts of terms, against scikit-learn 1.9.1.

use ndarray::{Array2, array};
use perennial_core::{
    Csr, Estimator, FitTransform, Matrix, NoTarget, Rows, Train, Transformer, from_bytes, to_bytes,
};
use perennial_data::{Column, Table};
use perennial_features::VarianceThreshold;
use perennial_features::text::{
    Analyzer, CountModel, CountVectorizer, HashingVectorizer, Norm, TfidfTransformer, TfidfVectorizer,
    TfidfVectorizerModel,
};
use perennial_testing::{Tags, Text, check};

/// A table of these texts in its only column.
fn notes(texts: &[Text]) -> Table {
    Table::new([("note", Column::text(texts.iter().map(Option::as_deref)))]).unwrap()
}

check!(tfidf, transformer, TfidfTransformer::new());
check!(tfidf_plain, transformer, TfidfTransformer::new().norm(Norm::None).smooth_idf(false));
check!(counts, texts, CountVectorizer::new(), notes, Tags::new().exact_solver());
check!(
    counts_within_limits,
    texts,
    CountVectorizer::new()
        .min_word_length(1)
        .ngram_range(1, 2)
        .stop_words(["the"])
        .min_df(2)
        .max_df(0.9)
        .max_features(40),
    notes,
    Tags::new().exact_solver()
);
check!(
    counts_of_characters,
    texts,
    CountVectorizer::new().analyzer(Analyzer::CharWb).ngram_range(2, 3).binary(true).lowercase(false),
    notes,
    Tags::new().most_rows(4000)
);
check!(
    counts_of_given_terms,
    texts,
    CountVectorizer::new().analyzer(Analyzer::Char).ngram_range(3, 3).vocabulary(["red", "car", "öl "]),
    notes
);
check!(weighed_counts, texts, TfidfVectorizer::new().min_df(0.01), notes, Tags::new().exact_solver());
check!(
    weighed_counts_as_logarithms,
    texts,
    TfidfVectorizer::new().sublinear_tf(true).norm(Norm::L1).smooth_idf(false).max_features(30),
    notes
);
check!(hashed_terms, texts, HashingVectorizer::new().n_features(64), notes, Tags::new().exact_solver());
check!(
    hashed_pairs,
    texts,
    HashingVectorizer::new().n_features(50).ngram_range(1, 2).alternate_sign(false).norm(Norm::None),
    notes
);

const TEXTS: [Option<&str>; 5] = [
    Some("The red car, the RED bus!"),
    Some("A bus is not a car; a bus is big."),
    None,
    Some("red-hot chili: hot hot"),
    Some("über Äpfel und Öl 2x"),
];

fn table() -> Table {
    Table::new([("note", Column::text(TEXTS))]).unwrap()
}

fn dense(x: &Matrix) -> Array2<f64> {
    x.to_dense().unwrap().into_dense().unwrap()
}

#[test]
fn counts_are_those_of_scikit_learn() {
    let (model, x) = CountVectorizer::new().fit_transform_on(&Train::new(&table(), &NoTarget)).unwrap();
    let terms: Vec<&str> = model.vocabulary("note").unwrap().collect();
    let words =
        ["2x", "big", "bus", "car", "chili", "hot", "is", "not", "red", "the", "und", "äpfel", "öl", "über"];
    assert_eq!(terms, words);
    assert_eq!(x.features().name(2), "note=bus");
    let truth = array![
        [0., 0., 1., 1., 0., 0., 0., 0., 2., 2., 0., 0., 0., 0.],
        [0., 1., 2., 1., 0., 0., 2., 1., 0., 0., 0., 0., 0., 0.],
        [0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.],
        [0., 0., 0., 0., 1., 3., 0., 0., 1., 0., 0., 0., 0., 0.],
        [1., 0., 0., 0., 0., 0., 0., 0., 0., 0., 1., 1., 1., 1.],
    ];
    assert_eq!(dense(&x), truth);
    assert_eq!(x, model.transform(&table()).unwrap());
    // A row alone, and a term that was not there.
    let one = Table::new([("note", Column::text([Some("bus lorry bus")]))]).unwrap();
    assert_eq!(dense(&model.transform(&one).unwrap()).sum(), 2.0);
    let back: CountModel = from_bytes(&to_bytes(&model).unwrap()).unwrap();
    assert_eq!(back, model);

    let pairs = CountVectorizer::new().ngram_range(1, 2).stop_words(["the", "is"]).max_features(8);
    let model = pairs.fit(&table(), &NoTarget).unwrap();
    let terms: Vec<&str> = model.vocabulary("note").unwrap().collect();
    assert_eq!(terms, ["2x", "big", "bus", "bus big", "bus not", "car", "hot", "red"]);

    let few = CountVectorizer::new().min_df(2).max_df(0.5).binary(true).fit(&table(), &NoTarget).unwrap();
    let truth = array![[1., 1., 1.], [1., 1., 0.], [0., 0., 0.], [0., 0., 1.], [0., 0., 0.]];
    assert_eq!(dense(&few.transform(&table()).unwrap()), truth);
}

#[test]
fn weighed_counts_are_those_of_scikit_learn() {
    let close = |x: &Matrix, truth: &Array2<f64>| {
        assert!(dense(x).iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-15), "{:?}", dense(x));
    };
    let settings = TfidfVectorizer::new().min_df(2);
    let (model, x) = settings.fit_transform_on(&Train::new(&table(), &NoTarget)).unwrap();
    let (a, b) = (0.408_248_290_463_863_1, 0.816_496_580_927_726_1);
    let truth = array![
        [a, a, b],
        [0.894_427_190_999_915_9, 0.447_213_595_499_957_9, 0.],
        [0., 0., 0.],
        [0., 0., 1.],
        [0., 0., 0.],
    ];
    close(&x, &truth);
    assert_eq!(x, model.transform(&table()).unwrap());
    let back: TfidfVectorizerModel = from_bytes(&to_bytes(&model).unwrap()).unwrap();
    assert_eq!(back, model);
    let rough = settings.sublinear_tf(true).smooth_idf(false).norm(Norm::L1);
    let truth = array![
        [0.270_771_770_284_113_76, 0.270_771_770_284_113_76, 0.458_456_459_431_772_43],
        [0.628_687_207_584_367_9, 0.371_312_792_415_632_14, 0.],
        [0., 0., 0.],
        [0., 0., 1.],
        [0., 0., 0.],
    ];
    close(&rough.fit(&table(), &NoTarget).unwrap().transform(&table()).unwrap(), &truth);
}

/// scikit-learn 1.9.1 with `vocabulary=["bus", "hot", "red", "tram"]`.
#[test]
fn terms_that_are_given_are_counted_whatever_the_texts_have() {
    let settings = CountVectorizer::new().vocabulary(["tram", "red", "hot", "bus", "red"]).min_df(5);
    let (model, x) = settings.fit_transform_on(&Train::new(&table(), &NoTarget)).unwrap();
    assert_eq!(model.vocabulary("note").unwrap().collect::<Vec<_>>(), ["bus", "hot", "red", "tram"]);
    let truth =
        array![[1., 0., 2., 0.], [2., 0., 0., 0.], [0., 0., 0., 0.], [0., 3., 1., 0.], [0., 0., 0., 0.]];
    assert_eq!(dense(&x), truth);
    assert_eq!(x, model.transform(&table()).unwrap());
    let back: CountVectorizer = from_bytes(&to_bytes(&settings).unwrap()).unwrap();
    assert_eq!(back, settings);
    let weighed = TfidfVectorizer::new().vocabulary(["bus", "hot", "red", "tram"]).fit(&table(), &NoTarget);
    let truth = [1.6931471805599454, 2.09861228866811, 1.6931471805599454, 2.791759469228055];
    let idf = weighed.unwrap().weights().idf().to_vec();
    assert!(idf.iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-15 * b), "{idf:?}");
    let none: [&str; 0] = [];
    let error = CountVectorizer::new().vocabulary(none).fit(&table(), &NoTarget).unwrap_err().to_string();
    assert!(error.contains("`vocabulary`"), "{error}");
}

#[test]
fn a_weight_is_a_number_of_texts() {
    let weights = [2.0, 1.0, 0.0, 0.0, 3.0];
    let rows: Vec<usize> = vec![0, 0, 1, 4, 4, 4];
    let settings = TfidfVectorizer::new().min_df(2).analyzer(Analyzer::CharWb).ngram_range(2, 3);
    let weighted = settings.fit_on(&Train::new(&table(), &NoTarget).weights(&weights)).unwrap();
    let repeated = settings.fit(&table().take(&rows).unwrap(), &NoTarget).unwrap();
    assert_eq!(weighted, repeated);
}

#[test]
fn any_number_of_threads_finds_the_same_terms() {
    let texts: Vec<String> =
        (0..3000).map(|i| format!("w{} v{} common {}", i % 97, (i * i) % 53, i % 7)).collect();
    let table = Table::new([("t", Column::text(texts.iter().map(|text| Some(text.as_str()))))]).unwrap();
    let of = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| TfidfVectorizer::new().fit_transform_on(&Train::new(&table, &NoTarget)).unwrap())
    };
    let one = of(1);
    assert_eq!(one.0.counts().vocabulary("t").unwrap().len(), 97 + 27 + 1);
    assert!((2..=4).all(|n_threads| of(n_threads) == one));
}

#[test]
fn little_weight_and_settings_of_a_file_count() {
    // Weights that add up to 1.
    let weights = [0.2; 5];
    let light = CountVectorizer::new().fit_on(&Train::new(&table(), &NoTarget).weights(&weights)).unwrap();
    assert_eq!(light, CountVectorizer::new().fit(&table(), &NoTarget).unwrap());
    // In how many texts a term is decides, where only that counts.
    let texts = Table::new([("t", Column::text([Some("aa aa aa"), Some("bb"), Some("bb")]))]).unwrap();
    let most = CountVectorizer::new().max_features(1);
    let of = |settings: &CountVectorizer| {
        let model = settings.fit(&texts, &NoTarget).unwrap();
        model.vocabulary("t").unwrap().next().unwrap().to_owned()
    };
    assert_eq!((of(&most), of(&most.clone().binary(true))), ("aa".to_owned(), "bb".to_owned()));
    // Words out of order in a file.
    let mut json = serde_json::to_value(CountVectorizer::new()).unwrap();
    json["analysis"]["stop_words"] = serde_json::json!(["the", "a", "red", "is"]);
    let settings: CountVectorizer = serde_json::from_value(json).unwrap();
    let model = settings.fit(&table(), &NoTarget).unwrap();
    assert!(model.vocabulary("note").unwrap().all(|term| term != "the" && term != "red"));
    // Rows as long as numbers go keep their direction.
    let x = Matrix::from(array![[1.7e308, 1.7e308], [1e-308, 0.0]]);
    let x = TfidfTransformer::new().use_idf(false).fit(&x, &NoTarget).unwrap().transform(&x).unwrap();
    assert!((dense(&x)[[0, 1]] - 0.5f64.sqrt()).abs() < 1e-15 && dense(&x)[[1, 0]] == 1.0);
}

#[test]
fn what_cannot_be_says_why() {
    let error = |settings: CountVectorizer| settings.fit(&table(), &NoTarget).unwrap_err().to_string();
    assert!(error(CountVectorizer::new().ngram_range(2, 1)).contains("ngram_range"));
    assert!(error(CountVectorizer::new().min_df(1.5)).contains("parameter `min_df` is 1.5"));
    assert!(error(CountVectorizer::new().max_df(-0.5)).contains("parameter `max_df` is -0.5"));
    let rare = error(CountVectorizer::new().min_df(6));
    assert!(rare.contains("`min_df`") && rare.contains("which are 5"), "{rare}");
    assert!(error(CountVectorizer::new().min_df(4)).contains("no terms that are kept"));
    assert!(error(CountVectorizer::new().min_df(3).max_df(1)).contains("max_df"));
    assert!(error(CountVectorizer::new().analyzer(Analyzer::Char).stop_words(["a"])).contains("stop_words"));
    let numbers = Table::new([("age", Column::real([1.0, 2.0]))]).unwrap();
    let error = CountVectorizer::new().fit(&numbers, &NoTarget).unwrap_err().to_string();
    assert!(error.contains("age") && error.contains("text"), "{error}");
}

/// Written out, and against `numpy.var`; weights count as repeated rows, dense and sparse.
#[test]
fn columns_are_kept_by_their_variance() {
    let dense = array![[0.1, 0.0, 1e200], [0.1, 3.0, -1e200], [0.1, 0.0, 0.0], [0.1, 1.0, 0.0]];
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense.rows() {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            indices.push(column as u32);
            values.push(value);
        }
        indptr.push(indices.len());
    }
    let sparse = Matrix::from(Csr::new(3, indptr, indices, values).unwrap());
    let dense = Matrix::from(dense);
    let weights = [1.0, 2.0, 0.0, 3.0];
    let repeated = dense.take(&[0, 1, 1, 3, 3, 3]).unwrap();
    let settings = VarianceThreshold::new();
    let truth = settings.fit(&dense, &NoTarget).unwrap();
    assert_eq!(truth.scores()[0], 0.0);
    assert!((truth.scores()[1] - 1.5).abs() < 1e-15, "{:?}", truth.scores());
    assert_eq!(truth.scores()[2], f64::MAX);
    let of = |x: &Matrix| settings.fit_on(&Train::new(x, &NoTarget).weights(&weights)).unwrap();
    for (a, b) in [
        (settings.fit(&sparse, &NoTarget).unwrap(), truth),
        (of(&sparse), of(&dense)),
        (of(&dense), settings.fit(&repeated, &NoTarget).unwrap()),
    ] {
        assert!(a.scores().iter().zip(b.scores()).all(|(a, b)| (a - b).abs() <= 1e-15 * b.abs()));
        assert_eq!(a.kept().collect::<Vec<_>>(), b.kept().collect::<Vec<_>>());
    }
    // Far from 0, and so near to it that squares vanish.
    let far = Matrix::from(array![[1e9, 1e-200, -0.0], [1e9 + 1.0, 3e-200, 0.0]]);
    assert_eq!(settings.fit(&far, &NoTarget).unwrap().scores(), [0.25, f64::MIN_POSITIVE, 0.0]);
    let error =
        settings.threshold(2.0).fit(&dense.select(&[0, 1]).unwrap(), &NoTarget).unwrap_err().to_string();
    assert!(error.contains("threshold"), "{error}");
}
