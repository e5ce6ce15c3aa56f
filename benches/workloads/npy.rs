//! Reads `.npy` files: little-endian numbers of 64 bits, or `f32`, row by row.

use std::fs;
use std::path::Path;

use ndarray::Array2;
use perennial::core::{Classes, Error, Matrix, Result, ResultExt, Values};

use crate::measure::Bench;

/// Training and test rows of one data set.
#[derive(Debug)]
pub(crate) struct Split<Y> {
    pub(crate) x: Matrix,
    pub(crate) y: Y,
    pub(crate) test_x: Matrix,
    pub(crate) test_y: Y,
    /// The name and the shape of the training rows.
    pub(crate) about: String,
}

impl<Y: From<Target>> Split<Y> {
    pub(crate) fn load(bench: &Bench, name: &str) -> Result<Self> {
        let matrix = |part: &str| array(bench, &format!("{name}_{part}"));
        let target =
            |part: &str| -> Result<Y> { Ok(Target(numbers(bench, &format!("{name}_{part}"))?.1).into()) };
        let (x, test_x) = (matrix("Xtr")?, matrix("Xte")?);
        let about = format!("{name} ({}x{})", x.nrows(), x.ncols());
        Ok(Split { x: x.into(), y: target("ytr")?, test_x: test_x.into(), test_y: target("yte")?, about })
    }
}

/// The numbers of a target, before it is known what they mean.
#[derive(Debug)]
pub(crate) struct Target(Vec<f64>);

impl From<Target> for Values {
    fn from(target: Target) -> Values {
        target.0.into()
    }
}

impl From<Target> for Classes {
    fn from(target: Target) -> Classes {
        Classes::from_labels(target.0.iter().map(|&label| label as i64))
    }
}

/// A file of two dimensions.
pub(crate) fn array(bench: &Bench, name: &str) -> Result<Array2<f64>> {
    let (shape, numbers) = numbers(bench, name)?;
    let [n_rows, n_cols] = shape[..] else {
        return Err(Error::malformed(format!("`{name}` has {} dimensions and 2 are needed", shape.len())));
    };
    Array2::from_shape_vec((n_rows, n_cols), numbers).map_err(Error::other)
}

/// The shape and the numbers of a file.
pub(crate) fn numbers(bench: &Bench, name: &str) -> Result<(Vec<usize>, Vec<f64>)> {
    read(&bench.path(&format!("{name}.npy"))).context(name)
}

fn read(path: &Path) -> Result<(Vec<usize>, Vec<f64>)> {
    let bytes = fs::read(path).map_err(|error| Error::io("cannot read it", error))?;
    let odd = || {
        Error::malformed("it is no `.npy` file of version 1 with numbers of 64 bits, or `f32`, row by row")
    };
    let (start, rest) = bytes.split_at_checked(10).ok_or_else(odd)?;
    let length = usize::from(u16::from_le_bytes([start[8], start[9]]));
    let (header, body) = rest.split_at_checked(length).ok_or_else(odd)?;
    let header = std::str::from_utf8(header).map_err(Error::other)?;
    if !start.starts_with(b"\x93NUMPY\x01") || !header.contains("'fortran_order': False") {
        return Err(odd());
    }
    let between = |open: &str, close: char| header.split_once(open)?.1.split_once(close).map(|parts| parts.0);
    let shape = between("'shape': (", ')').ok_or_else(odd)?;
    let shape = shape.split(',').filter_map(|side| side.trim().parse().ok()).collect();
    let words = body.as_chunks::<8>().0.iter();
    let numbers = match between("'descr': '", '\'') {
        Some("<f8") => words.map(|word| f64::from_le_bytes(*word)).collect(),
        Some("<f4") => {
            let words = body.as_chunks::<4>().0.iter();
            words.map(|word| f64::from(f32::from_le_bytes(*word))).collect()
        }
        Some("<i8") => words.map(|word| i64::from_le_bytes(*word) as f64).collect(),
        _ => return Err(odd()),
    };
    Ok((shape, numbers))
}
