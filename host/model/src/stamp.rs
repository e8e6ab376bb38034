//! Whether a file has changed, without reading it.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Changes whenever a file does, or another one takes its name: when it was written and changed (seconds and nanoseconds), and
/// device, inode, length.
pub type Stamp = ([(i64, i64); 2], [u64; 3]);

/// Of a file, or of what a link leads to.
///
/// # Errors
///
/// When it is not there, or cannot be looked at.
pub fn stamp(path: &Path) -> io::Result<Stamp> {
    let found = std::fs::metadata(path)?;
    let times = [(found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec())];
    Ok((times, [found.dev(), found.ino(), found.size()]))
}
