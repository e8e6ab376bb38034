//! Files of a directory that somebody is writing. Linux tells of each write, and when who wrote has closed the file; it does not where another
//! machine writes, nor what a link leads to.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// Events that are heard at once; those that are left are heard the next time.
const EVENTS_MAX: u32 = 20_000;

/// Bytes of events that are read at once: one of the longest name has 272.
const BUFFER_BYTES: usize = 4096;

/// What is being written in one directory.
#[derive(Debug)]
pub(crate) struct Writers {
    events: OwnedFd,
    names: BTreeSet<OsString>,
}

impl Writers {
    /// Of a directory, from now on.
    ///
    /// # Errors
    ///
    /// When Linux does not tell.
    pub(crate) fn of(directory: &Path) -> Result<Self, Errno> {
        let told = WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            // whoever still writes a file whose name another one took says nothing of that
            | WatchFlags::EXCL_UNLINK
            | WatchFlags::ONLYDIR;
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        inotify::add_watch(&events, directory, told)?;
        Ok(Self { events, names: BTreeSet::new() })
    }

    /// Takes in what has happened since the last time. False: the directory is gone, even if there is another one in its place.
    pub(crate) fn hear(&mut self) -> bool {
        let events = &self.events;
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut reader = Reader::new(events, &mut buffer);
        let mut heard = 0_u32;
        // what stands in the buffer is lost with it
        while heard < EVENTS_MAX || !reader.is_buffer_empty() {
            heard = heard.saturating_add(1);
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(_) => return true,
            };
            if event.events().contains(ReadFlags::IGNORED) {
                return false;
            }
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                // the end of a write may be among what was lost
                self.names.clear();
            }
            let Some(name) = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes())) else { continue };
            if event.events().contains(ReadFlags::MODIFY) {
                self.names.insert(name.to_owned());
            } else {
                self.names.remove(name);
            }
        }
        true
    }

    /// Whether a file was written, and is open.
    pub(crate) fn write(&self, file: &Path) -> bool {
        file.file_name().is_some_and(|name| self.names.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, OpenOptions};
    use std::io::Write;

    #[test]
    fn a_file_is_written_from_the_first_write_until_it_is_closed_or_another_takes_its_name() {
        let home = std::env::temp_dir().join(format!("crosstie-writers-{}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let (file, other) = (home.join("a.js"), home.join(".b.js"));
        let mut writers = Writers::of(&home).unwrap();
        let mut is_written = || {
            assert!(writers.hear());
            [writers.write(&file), writers.write(&other)]
        };
        let mut open = File::create(&file).unwrap();
        assert_eq!(is_written(), [false, false]);
        open.write_all(b"one").unwrap();
        assert_eq!(is_written(), [true, false]);
        // whoever reads it ends nothing
        std::fs::read(&file).unwrap();
        assert_eq!(is_written(), [true, false]);
        drop(open);
        assert_eq!(is_written(), [false, false]);
        let mut open = OpenOptions::new().append(true).open(&file).unwrap();
        let mut beside = File::create(&other).unwrap();
        open.write_all(b"two").unwrap();
        beside.write_all(b"three").unwrap();
        assert_eq!(is_written(), [true, true]);
        drop(beside);
        std::fs::rename(&other, &file).unwrap();
        assert_eq!(is_written(), [false, false]);
        drop(open);
        // more than the kernel keeps
        let mut open = [File::create(&file).unwrap(), File::create(&other).unwrap()];
        for _ in 0..EVENTS_MAX {
            open.iter_mut().for_each(|file| file.write_all(b"x").unwrap());
        }
        drop(open);
        assert_eq!(is_written(), [false, false]);
        // one that writes a file for ever whose name another one has
        let mut old = File::create(&file).unwrap();
        std::fs::write(&other, b"new").unwrap();
        std::fs::rename(&other, &file).unwrap();
        old.write_all(b"old").unwrap();
        assert_eq!(is_written(), [false, false]);
        drop(old);
        std::fs::remove_dir_all(&home).unwrap();
        std::fs::create_dir(&home).unwrap();
        assert!(!writers.hear());
        assert!(Writers::of(&file).is_err());
        std::fs::remove_dir_all(home).unwrap();
    }
}
