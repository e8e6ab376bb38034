//! The management node itself.

use crate::entity::{Base, Head, Table};
use crate::value::text;

/// `management`.
pub(crate) static MANAGEMENT: Table<()> = Table {
    head: Head {
        name: "management",
        base: Base::AmqpManagement,
        operations: &[
            "QUERY",
            "GET-TYPES",
            "GET-ANNOTATIONS",
            "GET-OPERATIONS",
            "GET-ATTRIBUTES",
            "GET-MGMT-NODES",
            "GET-SCHEMA",
            "GET-JSON-SCHEMA",
            "RELOAD",
            "READ",
        ],
        description: "The management node of this router",
        singleton: true,
        local_identity: false,
        part: None,
    },
    name: |()| text("self"),
    identity: |()| text("self"),
    attributes: &[],
    rows: |_| &[()],
};
