//! What a plugin answers, or what it says when it is configured.
#![no_main]

use crosstie_sim::answer::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| drop(read(data)));
