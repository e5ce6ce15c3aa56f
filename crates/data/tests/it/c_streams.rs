//! Tables handed over through the C stream interface of Arrow.

use std::ffi::{c_char, c_int};
use std::sync::Arc;

use arrow_array::ffi::FFI_ArrowArray;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::types::UInt32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, RecordBatch, RecordBatchIterator, Time64MicrosecondArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use perennial_core::ErrorKind;
use perennial_data::{Table, content_hash, scan_c_stream};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(100)))]

    #[test]
    fn tables_come_back(table in crate::round_trip::table()) {
        let again = Table::from_c_stream(table.to_c_stream().unwrap()).unwrap();
        prop_assert_eq!(content_hash(&again), content_hash(&table));
    }
}

fn stream(batches: Vec<Result<RecordBatch, ArrowError>>, fields: Vec<Field>) -> FFI_ArrowArrayStream {
    FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new(batches, Arc::new(Schema::new(fields)))))
}

fn cities(names: &[&str]) -> RecordBatch {
    let cells: DictionaryArray<UInt32Type> = names.iter().copied().collect();
    RecordBatch::try_from_iter([("city", Arc::new(cells) as ArrayRef)]).unwrap()
}

fn city_field() -> Field {
    Field::new_dictionary("city", DataType::UInt32, DataType::Utf8, false)
}

/// The interface lets a producer say nothing of why it failed.
#[test]
fn a_producer_may_fail_without_a_word() {
    extern "C" fn fails(_: *mut FFI_ArrowArrayStream, _: *mut FFI_ArrowArray) -> c_int {
        5
    }
    extern "C" fn is_silent(_: *mut FFI_ArrowArrayStream) -> *const c_char {
        std::ptr::null()
    }
    let mut stream = stream(Vec::new(), vec![city_field()]);
    stream.get_next = Some(fails);
    stream.get_last_error = Some(is_silent);
    let mut scan = scan_c_stream(stream).unwrap();
    let error = scan.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("does not say why") && scan.next().is_none(), "{error}");
}

#[test]
fn numbers_are_not_copied() {
    let table = Table::builder().integer("id", 0..500).real("x", (0..500).map(f64::from)).build().unwrap();
    let again = Table::from_c_stream(table.to_c_stream().unwrap()).unwrap();
    let at = |table: &Table, column: usize| {
        table.to_record_batch().unwrap().column(column).to_data().buffers()[0].as_ptr() as usize
    };
    for column in 0..2 {
        assert_eq!(at(&table, column), at(&again, column));
    }
}

#[test]
fn batches_come_one_by_one_and_their_levels_are_put_together() {
    let batches = || vec![Ok(cities(&["Bern", "Zug"])), Ok(cities(&["Zug", "Basel", "Zug"]))];
    let parts: Vec<Table> =
        scan_c_stream(stream(batches(), vec![city_field()])).unwrap().map(Result::unwrap).collect();
    assert_eq!(parts.iter().map(Table::n_rows).collect::<Vec<_>>(), [2, 3]);
    let whole = Table::from_c_stream(stream(batches(), vec![city_field()])).unwrap();
    let cells: Vec<_> =
        (0..5).map(|row| whole.column("city").unwrap().cell(row).unwrap().into_owned()).collect();
    assert_eq!(cells, ["Bern", "Zug", "Zug", "Basel", "Zug"]);
}

#[test]
fn a_stream_without_batches_has_columns() {
    let table = Table::from_c_stream(stream(Vec::new(), vec![city_field()])).unwrap();
    assert_eq!((table.n_rows(), table.n_cols()), (0, 1));
}

#[test]
fn what_goes_wrong_is_told_and_ends_the_stream() {
    let broken = Err(ArrowError::ComputeError("the disk is full".to_owned()));
    let batches = vec![Ok(cities(&["Bern"])), broken, Ok(cities(&["Zug"]))];
    let mut scan = scan_c_stream(stream(batches, vec![city_field()])).unwrap();
    assert_eq!(scan.next().unwrap().unwrap().n_rows(), 1);
    let error = scan.next().unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Malformed { .. }), "{error}");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert!(scan.next().is_none());

    let released = Table::from_c_stream(FFI_ArrowArrayStream::empty()).unwrap_err();
    assert!(released.to_string().contains("released"), "{released}");

    let times = Arc::new(Time64MicrosecondArray::from(vec![1, 2])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("at", times)]).unwrap();
    let fields = batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let error = Table::from_c_stream(stream(vec![Ok(batch)], fields)).unwrap_err();
    assert!(error.to_string().contains("column `at`"), "{error}");
}
