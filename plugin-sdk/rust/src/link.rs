//! The hook `link`: may this peer attach this link? Asked before `address`.

pub use crate::connection::{Answer, Grant, Limits, Quota};
pub use crate::records::link::*;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::peer::Value;
    use crate::reader::whole;

    #[test]
    fn what_later_versions_have_reads_as_absent() {
        let bytes = b"\xa4\x64role\x68tomorrow\x66settle\x65mixed\x66source\xa3\x66expiry\x65later\x67dynamic\xf5\x67filters\x83\
            \xa2\x64name\x61a\x63val\xa1\x65later\x82\x01\xa0\xa2\x63val\x64bare\x64name\x61b\xa2\x64name\x61c\x63val\xa1\x63int\x20\
            \x65later\xa1\x61x\x01";
        let mut request = Request::default();
        assert_eq!(whole(bytes, &mut request), Ok(()));
        assert_eq!((request.role, request.settle), (None, Some(Settle::Mixed)));
        let source = request.source.unwrap();
        assert_eq!((source.expiry, source.dynamic), (None, true));
        let filters: Vec<_> = source.filters.iter().map(|filter| (filter.name, filter.val)).collect();
        assert_eq!(filters, [("a", None), ("b", None), ("c", Some(Value::Int(-1)))]);
    }
}
