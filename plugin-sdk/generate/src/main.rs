//! Writes what the SDKs of other languages, and the host, have of `policy.wit`: `cargo run -p crosstie-generate`. What it writes is checked in.

mod assemblyscript;
mod c;
mod go;
mod host;
mod lines;
mod names;
mod rust;
mod schema;
mod zig;

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::schema::Schema;

/// A back end: what it writes of the schema.
type BackEnd = fn(&Schema) -> String;

/// Each file, in `plugin-sdk`, and what writes it.
const FILES: [(&str, BackEnd); 15] = [
    ("assemblyscript/assembly/records.ts", assemblyscript::file),
    ("c/crosstie_plugin.h", c::file),
    ("go/records.go", go::records),
    ("go/hooks.go", go::hooks),
    ("go/hooks_wasip1.go", go::exports),
    ("rust/src/records/address.rs", |schema| rust::module(schema, "address")),
    ("rust/src/records/connection.rs", |schema| rust::module(schema, "connection")),
    ("rust/src/records/failover.rs", |schema| rust::module(schema, "failover")),
    ("rust/src/records/link.rs", |schema| rust::module(schema, "link")),
    ("rust/src/records/peer.rs", |schema| rust::module(schema, "peer")),
    ("rust/src/records/refusal.rs", |schema| rust::module(schema, "refusal")),
    ("rust/src/records/session.rs", |schema| rust::module(schema, "session")),
    ("rust/src/records/setup.rs", |schema| rust::module(schema, "setup")),
    ("zig/crosstie_plugin.zig", zig::file),
    ("../host/policy/src/forms.rs", host::forms),
];

fn main() -> Result<(), Box<dyn Error>> {
    let schema = Schema::read(&std::fs::read_to_string(sdk().join("spec/policy.wit"))?)?;
    for (path, file) in FILES {
        std::fs::write(sdk().join(path), file(&schema))?;
    }
    Ok(())
}

fn sdk() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_checked_in_is_what_is_generated() {
        let read = |path: &str| std::fs::read_to_string(sdk().join(path)).unwrap();
        let schema = Schema::read(&read("spec/policy.wit")).unwrap();
        for (path, file) in FILES {
            assert!(read(path) == file(&schema), "{path} is old: cargo run -p crosstie-generate");
        }
    }
}
