#![no_main]

use libfuzzer_sys::fuzz_target;
use perennial_data::parse_arrow;

fuzz_target!(|bytes: &[u8]| {
    let _ = parse_arrow(bytes);
});
