//! Writing Parquet.

use std::path::Path;

use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::Table;

/// How the pages of a Parquet file are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ParquetCompression {
    /// Not at all.
    Uncompressed,
    /// By Snappy: quick, and every reader knows it.
    #[default]
    Snappy,
    /// By LZ4.
    Lz4,
    /// By gzip, at its level 6.
    Gzip,
    /// By zstd, at its level 3. Needs the feature `parquet-zstd`.
    Zstd,
    /// By brotli, at its level 5. Needs the feature `parquet-brotli`.
    Brotli,
}

impl ParquetCompression {
    fn codec(self) -> Result<Compression> {
        Ok(match self {
            ParquetCompression::Uncompressed => Compression::UNCOMPRESSED,
            ParquetCompression::Snappy => Compression::SNAPPY,
            ParquetCompression::Lz4 => Compression::LZ4_RAW,
            ParquetCompression::Gzip => Compression::GZIP(Default::default()),
            #[cfg(feature = "parquet-zstd")]
            ParquetCompression::Zstd => {
                Compression::ZSTD(parquet::basic::ZstdLevel::try_new(3).map_err(Error::other)?)
            }
            #[cfg(not(feature = "parquet-zstd"))]
            ParquetCompression::Zstd => return Err(lacking("zstd")),
            #[cfg(feature = "parquet-brotli")]
            ParquetCompression::Brotli => {
                Compression::BROTLI(parquet::basic::BrotliLevel::try_new(5).map_err(Error::other)?)
            }
            #[cfg(not(feature = "parquet-brotli"))]
            ParquetCompression::Brotli => return Err(lacking("brotli")),
        })
    }
}

/// A codec that was not compiled in.
#[cfg(not(all(feature = "parquet-zstd", feature = "parquet-brotli")))]
pub(super) fn lacking(codec: &str) -> Error {
    Error::unsupported(format!(
        "Parquet compressed by {codec} needs the feature `parquet-{codec}` of `perennial-data`"
    ))
}

/// Settings for writing Parquet.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `compression` | Snappy | how pages are compressed |
///
/// ```
/// use perennial_data::{Column, ParquetCompression, ParquetWriter, Table, read_parquet};
///
/// let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("days.parquet");
/// let table = Table::new([("day", Column::date(0..100))])?;
/// ParquetWriter::new().compression(ParquetCompression::Gzip).write(&table, &path)?;
/// assert_eq!(read_parquet(&path)?, table);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParquetWriter {
    compression: ParquetCompression,
}

impl ParquetWriter {
    /// The default settings.
    pub fn new() -> Self {
        ParquetWriter::default()
    }

    /// How pages are compressed.
    #[must_use]
    pub fn compression(mut self, compression: ParquetCompression) -> Self {
        self.compression = compression;
        self
    }

    /// Writes a table to a file, whole or not at all.
    ///
    /// Reading it gives the same table; levels of categories that no row uses may be lost, and their order changed.
    ///
    /// # Errors
    /// When the table has no columns, the compression needs a feature that is off, or the file cannot be written.
    pub fn write(&self, table: &Table, path: impl AsRef<Path>) -> Result<()> {
        let mut file = self.create(path)?;
        file.append(table)?;
        file.finish().map(|_| ())
    }

    pub(super) fn properties(&self) -> Result<WriterProperties> {
        Ok(WriterProperties::builder().set_compression(self.compression.codec()?).build())
    }

    fn bytes(&self, table: &Table) -> Result<Vec<u8>> {
        if table.n_cols() == 0 {
            return Err(Error::empty("the table has no columns"));
        }
        let (batch, properties) = (table.to_record_batch()?, self.properties()?);
        let mut bytes = Vec::new();
        let written =
            ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).and_then(|mut writer| {
                writer.write(&batch)?;
                writer.close()
            });
        written.map_err(refused)?;
        Ok(bytes)
    }
}

pub(super) fn refused(error: ParquetError) -> Error {
    let what = "the table cannot be written as Parquet";
    match error {
        ParquetError::External(source) if source.is::<std::io::Error>() => match source.downcast() {
            Ok(error) => Error::io(what, *error),
            Err(source) => Error::other(source),
        },
        error => Error::unsupported(format!("{what}: {error}")).with_source(error),
    }
}

/// Writes a table to a Parquet file with the usual settings, see [`ParquetWriter`].
///
/// # Errors
/// As for [`ParquetWriter::write`].
pub fn write_parquet(table: &Table, path: impl AsRef<Path>) -> Result<()> {
    ParquetWriter::new().write(table, path)
}

/// The bytes of a file with a table.
pub(crate) fn bytes_of(table: &Table) -> Result<Vec<u8>> {
    ParquetWriter::new().bytes(table)
}
