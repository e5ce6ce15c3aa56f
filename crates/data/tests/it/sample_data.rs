//! Sample data against what their sources say of them.

use perennial_data::{ColumnType, Table, samples};

fn share(table: &Table, name: &str, label: &str) -> usize {
    let classes = table.classes(name).unwrap();
    classes.counts()[classes.code(label).unwrap() as usize]
}

fn numbers(table: &Table) -> usize {
    table.columns().filter(|(_, column)| column.column_type() == ColumnType::Real).count()
}

#[test]
fn shapes_types_and_known_sums() {
    let table = samples::iris().unwrap();
    assert_eq!((table.n_rows(), numbers(&table), share(&table, "species", "virginica")), (150, 4, 50));
    // Means of Fisher's data, known everywhere: 5.843, 3.057, 3.758, 1.199.
    for (name, mean) in
        [("sepal_length", 5.843), ("sepal_width", 3.057), ("petal_length", 3.758), ("petal_width", 1.199)]
    {
        let values = table.values(name).unwrap();
        let found: f64 = values.as_slice().iter().sum::<f64>() / 150.0;
        assert!((found - mean).abs() < 5e-4, "{name}: {found}");
    }
    let table = samples::wine().unwrap();
    assert_eq!((table.n_rows(), numbers(&table)), (178, 13));
    assert_eq!(table.classes("class").unwrap().counts(), [59, 71, 48]);
    let table = samples::breast_cancer().unwrap();
    assert_eq!((table.n_rows(), numbers(&table), share(&table, "diagnosis", "malignant")), (569, 30, 212));
    let table = samples::diabetes().unwrap();
    assert_eq!((table.n_rows(), table.n_cols()), (442, 11));
    assert_eq!(table.matrix(&["age", "sex", "bmi"]).unwrap().dense().unwrap()[[0, 2]], 32.1);
    let total: f64 = table.values("progression").unwrap().as_slice().iter().sum();
    assert!((total / 442.0 - 152.133).abs() < 1e-3);
    let table = samples::digits().unwrap();
    assert_eq!((table.n_rows(), numbers(&table)), (1797, 64));
    assert_eq!(table.classes("digit").unwrap().counts(), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    let table = samples::bikeshare().unwrap();
    assert_eq!((table.n_rows(), table.n_cols(), numbers(&table)), (8645, 15, 4));
    let sum = |name: &str| table.values(name).unwrap().into_vec();
    let parts = sum("casual").into_iter().zip(sum("registered")).map(|(a, b)| a + b);
    assert!(parts.eq(sum("bikers")));
    assert_eq!(table.columns().filter(|(_, column)| column.null_count() > 0).count(), 0);
}
