//! `crosstie plugin new`: a plugin to begin with, in a directory of its own.

mod template;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use self::template::TEMPLATES;
use crate::configuration::say;

/// Bytes of a plugin's name.
const NAME_MAX_BYTES: usize = 64;

/// Packages that a plugin is built from.
const OF_SDK: [&str; 2] = ["crosstie", "crosstie-plugin"];

#[derive(Args)]
pub(crate) struct NewArgs {
    /// The language that it is written in: rust, c, zig, go, assemblyscript, js or wat.
    language: String,
    /// Its name, and that of the directory: lower-case letters, digits and hyphens.
    name: String,
    /// Where the directory is made, in place of the current one.
    #[arg(long, value_name = "DIR", default_value = ".")]
    within: PathBuf,
}

/// Writes a plugin that builds, and decides its cases as they say. Exit status 1: that cannot be; 2: wrong language or name.
pub(crate) fn begin(args: &NewArgs) -> ExitCode {
    let refuse = |error: String, status: u8| {
        say(&format!("error: {error}\n"));
        ExitCode::from(status)
    };
    let Some(template) = TEMPLATES.iter().find(|template| template.language == args.language) else {
        let known = TEMPLATES.iter().map(|template| template.language).collect::<Vec<_>>().join(", ");
        return refuse(
            format!("there is no template for `{}`; there is one for: {known}", args.language.escape_debug()),
            2,
        );
    };
    if !is_name(&args.name) {
        let rule = "it has lower-case letters, digits and hyphens, begins with a letter, is at most 64 long, and not that of the SDK";
        return refuse(format!("`{}` is no name for a plugin: {rule}", args.name.escape_debug()), 2);
    }
    let directory = args.within.join(&args.name);
    match write(&directory, &template.files(&args.name)) {
        Ok(()) => {
            crate::print(&format!("{} is made. {}", directory.display(), template.next(&args.name)));
            ExitCode::SUCCESS
        }
        Err(error) => refuse(error, 1),
    }
}

fn is_name(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !OF_SDK.contains(&name)
        && name.len() <= NAME_MAX_BYTES
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(sound)
}

/// Nothing that is there is written over.
fn write(directory: &Path, files: &[(PathBuf, String)]) -> Result<(), String> {
    let cannot = |path: &Path, error: std::io::Error| format!("cannot write `{}`: {error}", path.display());
    if std::fs::read_dir(directory).is_ok_and(|mut inside| inside.next().is_some()) {
        return Err(format!("`{}` is there already, and not empty", directory.display()));
    }
    for (path, text) in files {
        let path = directory.join(path);
        let inside = path.parent().unwrap_or(directory);
        std::fs::create_dir_all(inside).map_err(|error| cannot(inside, error))?;
        std::fs::write(&path, text).map_err(|error| cannot(&path, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_a_file_and_of_a_package() {
        assert!(is_name("no-guests") && is_name("a2"));
        for bad in ["", "-a", "2a", "A", "a/b", "a.b", "a_b", "crosstie", &"a".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
