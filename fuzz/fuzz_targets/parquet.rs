#![no_main]

use libfuzzer_sys::fuzz_target;
use perennial_data::{MemoryStore, ObjectStore, ParquetReader};

// As for `arrow`: the decoder's panics that the reader turns into errors are none.
fuzz_target!(
    init: std::panic::set_hook(Box::new(|info| eprintln!("{info}"))),
    |bytes: &[u8]| {
        let store = MemoryStore::new();
        if store.put("fuzz.parquet", bytes).is_ok() {
            let _ = ParquetReader::new().max_bytes(1 << 24).read_object(&store, "fuzz.parquet");
        }
    }
);
