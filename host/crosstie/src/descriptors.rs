//! The limit of open files: raised so that the connections that may be there fit.

use rlimit::Resource;

/// What else is open: listeners, connectors, runtimes of workers, the log, files of plugins.
const OTHER: u64 = 512;

/// Raises the soft limit as far as `connections` need and the hard limit allows; warns where that is not enough.
pub(crate) fn raise(connections: u32) {
    let needed = u64::from(connections).saturating_add(OTHER);
    let (soft, hard) = match Resource::NOFILE.get() {
        Ok(limits) => limits,
        Err(error) => return tracing::warn!(target: "router", %error, "cannot read the limit of open files"),
    };
    let possible = needed.min(hard);
    if soft < possible
        && let Err(error) = Resource::NOFILE.set(possible, hard)
    {
        return tracing::warn!(target: "router", needed, limit = soft, %error, "cannot raise the limit of open files");
    }
    if possible < needed {
        tracing::warn!(target: "router", needed, limit = hard, "the hard limit of open files is lower than what connections may need");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_and_never_lowered() {
        let (soft, hard) = Resource::NOFILE.get().expect("limits");
        raise(0);
        assert_eq!(Resource::NOFILE.get().expect("limits"), (soft.max(OTHER.min(hard)), hard));
        raise(u32::MAX);
        assert_eq!(Resource::NOFILE.get().expect("limits"), (hard, hard));
    }
}
