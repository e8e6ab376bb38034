//! The crosstie program.

fn main() {}
