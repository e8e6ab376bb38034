//! A configuration in KDL.
#![no_main]

use crosstie_sim::configuration::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| read(data));
