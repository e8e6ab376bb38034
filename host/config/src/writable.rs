//! Writable: what hinders the process from making a file or a directory, found out without making it.

use std::path::Path;

use rustix::fs::{Access, access};

/// Why it could not be made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hindrance {
    /// Whoever runs the process.
    Always(String),
    /// The user that asks may not; another may.
    ForThisUser(String),
}

/// What hinders appending to a file.
pub(crate) fn file(path: &Path) -> Option<Hindrance> {
    if path.is_dir() {
        return Some(Hindrance::Always(format!("`{}` is a directory", path.display())));
    }
    if path.exists() {
        return may(path, Access::WRITE_OK);
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Some(Hindrance::Always(format!("there is no directory `{}`", parent.display())));
    }
    may(parent, Access::WRITE_OK | Access::EXEC_OK)
}

/// What hinders making a directory, and those around it, or writing in it where it is there.
pub(crate) fn directory(path: &Path) -> Option<Hindrance> {
    let there = path.ancestors().find(|ancestor| !ancestor.as_os_str().is_empty() && ancestor.exists());
    let there = there.unwrap_or(Path::new("."));
    if !there.is_dir() {
        return Some(Hindrance::Always(format!("`{}` is no directory", there.display())));
    }
    may(there, Access::WRITE_OK | Access::EXEC_OK)
}

fn may(path: &Path, what: Access) -> Option<Hindrance> {
    let error = std::io::Error::from(access(path, what).err()?);
    Some(Hindrance::ForThisUser(format!("cannot write `{}`: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_named_and_nothing_is_made() {
        let exe = std::env::current_exe().unwrap();
        let below = exe.join("a/b");
        assert_eq!(directory(&below), Some(Hindrance::Always(format!("`{}` is no directory", exe.display()))));
        assert!(matches!(file(&below), Some(Hindrance::Always(_))));
        let here = exe.parent().unwrap();
        let fresh = here.join("a-file-that-is-not-there");
        assert_eq!((file(&fresh), directory(&fresh), file(Path::new("a-name"))), (None, None, None));
        assert!(matches!(file(here), Some(Hindrance::Always(_))));
        assert!(!fresh.exists());
    }
}
