#![no_main]

use libfuzzer_sys::fuzz_target;
use perennial_data::JsonLinesReader;

fuzz_target!(|bytes: &[u8]| {
    let _ = JsonLinesReader::new().read_bytes_with_quarantine(bytes);
});
