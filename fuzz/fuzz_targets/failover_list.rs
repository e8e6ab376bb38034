//! What a broker says in its Open about where else to go.
#![no_main]

use crosstie_sim::failover_list::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| drop(read(data)));
