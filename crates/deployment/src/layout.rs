//! The bytes of an artifact.
//!
//! ```text
//! offset  bytes
//! 0       8   magic
//! 8       4   format version, little endian
//! 12      8   length of the header, little endian
//! 20      32  SHA-256 of bytes 0..20 and the header
//! 52      ..  header: JSON, with name, offset, length and SHA-256 of each section
//! ..      ..  sections, one after the other; the last ends where the file ends
//! ```
//!
//! Every byte of the file is under a hash. Lengths are compared with the size of the file before anything is
//! allocated, and JSON deeper than 128 levels is refused by the parser.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use perennial_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::header::Header;

pub(crate) const FORMAT: u32 = 1;
const MAGIC: [u8; 8] = *b"\x8bprnl\r\n\x1a";
const LENGTHS_END: usize = 20;
const PREFIX: usize = 52;

/// Headers are small: names, schema and texts.
const HEADER_LIMIT: u64 = 64 << 20;

/// Where a part of the body stands; the offset counts from the end of the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Section {
    pub(crate) name: String,
    offset: u64,
    length: u64,
    sha256: String,
}

/// Puts a file together; `header` gets the table of its sections.
pub(crate) fn compose(mut header: Header, sections: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut offset = 0;
    header.sections.clear();
    for (name, bytes) in sections {
        let length = bytes.len() as u64;
        let sha256 = hexadecimal(&Sha256::digest(bytes));
        header.sections.push(Section { name: name.clone(), offset, length, sha256 });
        offset += length;
    }
    header.check()?;
    let json = serde_json::to_vec(&header).map_err(Error::other)?;
    let mut file = Vec::with_capacity(PREFIX + json.len() + offset as usize);
    file.extend_from_slice(&MAGIC);
    file.extend_from_slice(&FORMAT.to_le_bytes());
    file.extend_from_slice(&(json.len() as u64).to_le_bytes());
    let digest = Sha256::new().chain_update(&file).chain_update(&json).finalize();
    file.extend_from_slice(&digest);
    file.extend_from_slice(&json);
    sections.iter().for_each(|(_, bytes)| file.extend_from_slice(bytes));
    Ok(file)
}

/// Checks a whole file: its header, and where each section stands in it.
pub(crate) fn parse(file: &[u8]) -> Result<(Header, Vec<Range<usize>>)> {
    if !file.starts_with(&MAGIC) {
        return Err(Error::corrupt("this is not a Perennial artifact: it does not begin as one"));
    }
    let (Some(version), Some(length)) = (number::<4>(file, 8), number::<8>(file, 12)) else {
        return Err(cut_short());
    };
    let (version, length) = (u32::from_le_bytes(version), u64::from_le_bytes(length));
    if version > FORMAT {
        return Err(Error::new(ErrorKind::UnsupportedVersion { found: version, supported: FORMAT }));
    }
    if version != FORMAT {
        return Err(Error::corrupt(format!("there is no format version {version}")));
    }
    let digest = file.get(LENGTHS_END..PREFIX).ok_or_else(cut_short)?;
    let rest = &file[PREFIX..];
    if length > HEADER_LIMIT || length > rest.len() as u64 {
        return Err(Error::corrupt(format!(
            "the header claims {length} bytes where {} are left",
            rest.len().min(HEADER_LIMIT as usize)
        )));
    }
    let (json, body) = rest.split_at(length as usize);
    let found = Sha256::new().chain_update(&file[..LENGTHS_END]).chain_update(json).finalize();
    if found.as_slice() != digest {
        return Err(Error::corrupt("the header does not match its checksum; copy the file again"));
    }
    let header: Header = serde_json::from_slice(json)
        .map_err(|error| Error::corrupt(format!("the header cannot be read: {error}")).with_source(error))?;
    header.check().map_err(|error| Error::corrupt(format!("the header is wrong: {error}")))?;
    let sections = check_sections(&header.sections, body)?;
    let start = PREFIX + json.len();
    Ok((header, sections.into_iter().map(|range| start + range.start..start + range.end).collect()))
}

fn check_sections(sections: &[Section], body: &[u8]) -> Result<Vec<Range<usize>>> {
    let mut end = 0_u64;
    let mut ranges = Vec::new();
    for (position, section) in sections.iter().enumerate() {
        let name = &section.name;
        if sections[..position].iter().any(|other| other.name == *name) {
            return Err(Error::corrupt(format!("section `{name}` is listed twice")));
        }
        if section.offset != end {
            return Err(Error::corrupt(format!(
                "section `{name}` begins at {} where the one before it ends at {end}",
                section.offset
            )));
        }
        end = end
            .checked_add(section.length)
            .filter(|&end| end <= body.len() as u64)
            .ok_or_else(|| Error::corrupt(format!("section `{name}` reaches beyond the end of the file")))?;
        let range = section.offset as usize..end as usize;
        if hexadecimal(&Sha256::digest(&body[range.clone()])) != section.sha256 {
            return Err(Error::corrupt(format!(
                "section `{name}` does not match its checksum; copy the file again"
            )));
        }
        ranges.push(range);
    }
    if end != body.len() as u64 {
        return Err(Error::corrupt(format!(
            "{} bytes after the last section belong to nothing",
            body.len() as u64 - end
        )));
    }
    Ok(ranges)
}

/// The checksum of the header, which covers those of the sections.
pub(crate) fn digest(file: &[u8]) -> String {
    hexadecimal(file.get(LENGTHS_END..PREFIX).unwrap_or_default())
}

/// The bytes of a regular file of at most `limit` bytes.
pub(crate) fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let failed = |error| Error::io(format!("cannot read `{}`", path.display()), error);
    let irregular = || Error::malformed(format!("`{}` is not a regular file", path.display()));
    // Before opening, because opening a pipe waits for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(irregular());
    }
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(irregular());
    }
    let too_large = |size: u64| {
        Error::too_large(format!(
            "`{}` has {size} bytes or more, the limit is {limit}; read such a file yourself and use `Artifact::from_bytes`",
            path.display()
        ))
    };
    if about.len() > limit {
        return Err(too_large(about.len()));
    }
    let mut bytes = Vec::with_capacity(about.len() as usize);
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

fn number<const N: usize>(file: &[u8], at: usize) -> Option<[u8; N]> {
    file.get(at..at + N)?.try_into().ok()
}

fn cut_short() -> Error {
    Error::corrupt("the file ends before its header; copy it again")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
