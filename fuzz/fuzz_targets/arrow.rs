#![no_main]

use libfuzzer_sys::fuzz_target;
use perennial_data::parse_arrow;

// The fuzzer ends the program at any panic, also one of the decoder that the reader turns into an error. Without its hook only what
// leaves the reader counts.
fuzz_target!(
    init: std::panic::set_hook(Box::new(|info| eprintln!("{info}"))),
    |bytes: &[u8]| {
        let _ = parse_arrow(bytes);
    }
);
