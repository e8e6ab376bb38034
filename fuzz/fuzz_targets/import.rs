//! A configuration of the reference, in text or JSON, read and imported.
#![no_main]

use crosstie_sim::configuration::import;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| import(data));
