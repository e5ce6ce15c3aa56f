#![no_main]

use libfuzzer_sys::fuzz_target;
use perennial_data::Contract;

fuzz_target!(|text: &str| {
    let _ = Contract::from_odcs(text, "rows");
});
