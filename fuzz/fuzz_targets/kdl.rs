//! A configuration: KDL, or the reference's own form in text or JSON. The first byte says which.
#![no_main]

use crosstie_sim::configuration::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| read(data));
