#![no_main]

use libfuzzer_sys::fuzz_target;
use perennial_data::CsvReader;

fuzz_target!(|bytes: &[u8]| {
    let _ = CsvReader::new().max_bytes(1 << 20).read_bytes_with_quarantine(bytes);
});
