//! Whether a file has changed, without reading it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Changes whenever a file does, or another one takes its name: when it was written and changed (seconds and nanoseconds), and
/// device, inode, length.
pub type Stamp = ([(i64, i64); 2], [u64; 3]);

/// Of a file that is there and can be looked at.
#[must_use]
pub fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    let times = [(found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec())];
    Some((times, [found.dev(), found.ino(), found.size()]))
}
