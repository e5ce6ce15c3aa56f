//! Matrices: construction, selection, alignment, what is refused.

use ndarray::{Array2, array, s};
use perennial_core::{Capabilities, Csr, ErrorKind, Features, Matrix, Rows, from_bytes, to_bytes};

#[test]
fn making_a_matrix_does_not_copy() {
    let array = Array2::<f64>::ones((3, 2));
    let data = array.as_ptr();
    let matrix = Matrix::from(array);
    assert_eq!(matrix.dense().unwrap().as_ptr(), data);
    assert_eq!(matrix.clone().dense().unwrap().as_ptr(), data);
}

#[test]
fn sparse_and_dense_agree_on_rows_columns_and_stacking() {
    let csr = Csr::new(3, vec![0, 2, 2, 3], vec![0, 2, 1], vec![1.0, 2.0, 3.0]).unwrap();
    let sparse = Matrix::from(csr);
    let dense = sparse.to_dense().unwrap();
    assert_eq!(dense.dense().unwrap(), array![[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [0.0, 3.0, 0.0]]);
    let same = |a: &Matrix, b: &Matrix| assert_eq!(&a.to_dense().unwrap(), b);
    same(&sparse.take(&[2, 0, 0]).unwrap(), &dense.take(&[2, 0, 0]).unwrap());
    same(&sparse.select(&[2, 0]).unwrap(), &dense.select(&[2, 0]).unwrap());
    let renamed = |m: &Matrix| m.clone().with_names(["a", "b", "c"]).unwrap();
    let wide = Matrix::hstack(&[sparse.clone(), renamed(&sparse)]).unwrap();
    assert!(wide.sparse().is_some());
    let beside = Matrix::hstack(&[dense.clone(), renamed(&dense)]).unwrap();
    same(&wide, &beside);
    for part in [&sparse, &dense] {
        let mixed = Matrix::hstack_sparse(&[part.clone(), renamed(&dense)]).unwrap();
        assert_eq!(mixed, wide, "zeros of dense parts are not stored");
        assert_eq!((mixed.n_nonzero(), beside.n_nonzero()), (6, 6));
    }
    let hole = Matrix::from(array![[f64::NAN, 0.0]]);
    assert_eq!(Matrix::hstack_sparse(&[hole]).unwrap().n_nonzero(), 1, "what is missing is stored");
    assert!(Matrix::hstack_sparse(&[]).is_err());
}

#[test]
fn hostile_parts_of_sparse_matrices_are_refused() {
    let bad = [
        Csr::new(2, vec![], vec![], vec![]),
        Csr::new(2, vec![0, 2], vec![0], vec![1.0]),
        Csr::new(2, vec![0, 1], vec![2], vec![1.0]),
        Csr::new(2, vec![0, 2], vec![1, 0], vec![1.0, 1.0]),
        Csr::new(2, vec![0, 2], vec![1, 1], vec![1.0, 1.0]),
        Csr::new(2, vec![0, 2, 1, 2], vec![0, 1], vec![1.0, 1.0]),
        Csr::new(2, vec![0, 9, 1], vec![0], vec![1.0]),
        Csr::new(2, vec![0, 1], vec![0], vec![]),
    ];
    for result in bad {
        assert!(matches!(result.unwrap_err().kind(), ErrorKind::Malformed { .. }));
    }
}

#[test]
fn a_saved_matrix_comes_back_and_a_damaged_one_does_not() {
    let x = Matrix::from(array![[1.0, f64::NAN], [f64::INFINITY, -0.0]]).with_names(["a", "b"]).unwrap();
    let bytes = to_bytes(&x).unwrap();
    let back: Matrix = from_bytes(&bytes).unwrap();
    assert_eq!(to_bytes(&back).unwrap(), bytes);
    for end in 0..bytes.len() {
        assert!(from_bytes::<Matrix>(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn columns_in_another_order_are_put_in_place_and_others_are_named() {
    let model = Features::named(["a", "b"]).unwrap();
    let x = Matrix::from(array![[2.0, 1.0]]).with_names(["b", "a"]).unwrap();
    assert_eq!(model.align(&x).unwrap().dense().unwrap(), array![[1.0, 2.0]]);
    for (names, word) in
        [(vec!["a"], "`b` is missing"), (vec!["a", "B"], "`b` is missing"), (vec!["a", "b", "c"], "`c`")]
    {
        let x = Matrix::from(Array2::zeros((1, names.len()))).with_names(names).unwrap();
        let error = model.align(&x).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert!(matches!(error.kind(), ErrorKind::FeatureMismatch { expected: 2, .. }));
    }
    assert!(Features::named(["a", "a"]).is_err());
}

#[test]
fn the_first_bad_number_is_found_in_every_layout() {
    let accepts = Capabilities::new();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut array = Array2::<f64>::from_elem((9, 6), 1e300);
        array[[4, 2]] = bad;
        let layouts = [
            Matrix::from(array.clone()),
            Matrix::from(array.t().as_standard_layout().reversed_axes().to_owned()),
            Matrix::from(array.into_shared().slice_move(s![.., ..5;1])),
        ];
        for x in layouts {
            let error = x.admit(&accepts).unwrap_err();
            let ErrorKind::NonFinite { row: 4, column: Some(column), .. } = error.kind() else {
                panic!("{error}")
            };
            assert_eq!(column, "x2");
            assert_eq!(x.admit(&accepts.missing()).is_ok(), bad.is_nan());
        }
    }
    assert!(Matrix::from(Array2::from_elem((5000, 2), f64::MAX)).admit(&accepts).is_ok());
    assert!(Matrix::from(Array2::zeros((2, 0))).admit(&accepts).is_err());
}
