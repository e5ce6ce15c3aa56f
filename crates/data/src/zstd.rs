//! Streams that are compressed by zstd (RFC 8878).

use std::io::{BufRead, Error, ErrorKind, Read, Result};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Keeps the error of what is read, which the decoder would make one of its own.
struct Watched<R> {
    inner: R,
    failed: Option<Error>,
}

/// The error in place of which another one of its kind goes through the decoder.
fn keep(failed: &mut Option<Error>, error: Error) -> Error {
    let kind = error.kind();
    // What was interrupted is tried again.
    if kind != ErrorKind::Interrupted {
        *failed = Some(error);
    }
    Error::from(kind)
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.inner.read(buffer).map_err(|error| keep(&mut self.failed, error))
    }
}

impl<R: BufRead> BufRead for Watched<R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        self.inner.fill_buf().map_err(|error| keep(&mut self.failed, error))
    }

    fn consume(&mut self, n_bytes: usize) {
        self.inner.consume(n_bytes);
    }
}

/// One frame after another, without those that are to be skipped; the checksum of each is looked at, where it has one.
pub(crate) struct Frames<R> {
    source: Watched<R>,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> Frames<R> {
    pub(crate) fn new(source: R) -> Self {
        let source = Watched { inner: source, failed: None };
        Frames { source, decoder: FrameDecoder::new(), inside: false }
    }

    /// Goes to the start of the next frame; false where there is none.
    fn next_frame(&mut self) -> Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            let mut magic = [0; 4];
            self.source.read_exact(&mut magic)?;
            if u32::from_le_bytes(magic) >> 4 != 0x0184_d2a5 {
                self.decoder.init(magic.chain(&mut self.source)).map_err(Error::other)?;
                return Ok(true);
            }
            let mut length = [0; 4];
            self.source.read_exact(&mut length)?;
            let length = u64::from(u32::from_le_bytes(length));
            let skipped = std::io::copy(&mut self.source.by_ref().take(length), &mut std::io::sink())?;
            if skipped < length {
                return Err(Error::from(ErrorKind::UnexpectedEof));
            }
        }
        Ok(false)
    }

    fn check_frame(&self) -> Result<()> {
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(written), Some(calculated)) if written != calculated => {
                Err(Error::new(ErrorKind::InvalidData, "the checksum does not fit the contents"))
            }
            _ => Ok(()),
        }
    }

    fn decoded(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            if !self.inside {
                if !self.next_frame()? {
                    return Ok(0);
                }
                self.inside = true;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let step = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, step).map_err(Error::other)?;
            }
            let n = self.decoder.read(buffer)?;
            if n > 0 {
                return Ok(n);
            }
            self.check_frame()?;
            self.inside = false;
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.decoded(buffer).map_err(|error| self.source.failed.take().unwrap_or(error))
    }
}
