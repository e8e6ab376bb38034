//! Writes the scripts that the fuzzer of connections starts from into a directory.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(std::io::Error::other("usage: seeds DIRECTORY"));
    };
    std::fs::create_dir_all(&directory)?;
    for (name, script) in crosstie_sim::seeds::scripts() {
        std::fs::write(directory.join(name), script.write())?;
    }
    Ok(())
}
