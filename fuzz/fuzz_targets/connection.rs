//! A hostile peer's script against a router with well-behaved peers beside it.
#![no_main]

use crosstie_sim::conversation::play;
use crosstie_sim::script::Script;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|data: &[u8]| play(&Script::read(data)));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    // one time in four anything may change, lengths too
    if seed % 4 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut script = Script::read(&data[..size]);
    let (choice, rest) = ((seed / 4) % 8, (seed / 32) as usize);
    let count = script.items.len();
    if count == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let at = rest % count;
    match choice {
        0 => {
            script.items.remove(at);
        }
        1 => {
            let copy = script.items[at].clone();
            script.items.insert((rest / count) % (count + 1), copy);
        }
        2 => script.items.swap(at, (rest / count) % count),
        _ => {
            let content = &mut script.items[at].content;
            let length = content.len();
            let room = (length + 64).min(u16::MAX.into());
            content.resize(room, 0);
            let length = fuzzer_mutate(content, length, room);
            content.truncate(length);
        }
    }
    let bytes = script.write();
    let size = bytes.len().min(max_size);
    data[..size].copy_from_slice(&bytes[..size]);
    size
});
