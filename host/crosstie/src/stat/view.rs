//! Views: which attributes are asked for, and the columns they make. Source: the reference's `qdstat`.

use comfy_table::{Table, presets};

use super::What;
use super::cell::{
    address, authentication, bytes, class, consumers, days, days_left, either, hours, phase, plain, priority, security,
    sum, tenant, total, words,
};
use super::row::Row;

/// A column: its heading, and what stands in it.
type Column = (&'static str, fn(&Row) -> String);

/// A table of one entity type.
pub(super) struct View {
    pub(super) entity_type: &'static str,
    /// Those that the columns need.
    pub(super) attributes: &'static [&'static str],
    columns: &'static [Column],
    order: Order,
}

/// How entities are laid out.
enum Order {
    /// The one entity, a line for each column.
    Upright,
    /// A line for each, as they come.
    AsTheyCome,
    /// A line for each, by this column.
    By(usize),
}

impl View {
    pub(super) const fn of(what: What) -> &'static Self {
        match what {
            What::General => &GENERAL,
            What::Connections => &CONNECTIONS,
            What::Links => &LINKS,
            What::Addresses => &ADDRESSES,
            What::AddressRules => &ADDRESS_RULES,
            What::AutoLinks => &AUTO_LINKS,
            What::LinkRoutes => &LINK_ROUTES,
            What::Listeners => &LISTENERS,
            What::Connectors => &CONNECTORS,
            What::Log => &LOG,
            What::Tls => &TLS,
            What::Plugins => &PLUGINS,
        }
    }

    /// Lays rows out.
    pub(super) fn table(&self, rows: &[Row]) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        match self.order {
            Order::Upright => {
                for row in rows {
                    table.add_rows(self.columns.iter().map(|(heading, cell)| [(*heading).to_owned(), cell(row)]));
                }
            }
            Order::AsTheyCome => {
                self.head(&mut table);
                table.add_rows(rows.iter().map(|row| self.cells(row)));
            }
            Order::By(column) => {
                self.head(&mut table);
                let mut cells: Vec<_> = rows.iter().map(|row| self.cells(row)).collect();
                cells.sort_by(|one, other| one.get(column).cmp(&other.get(column)));
                table.add_rows(cells);
            }
        }
        let lines = table.lines().map(|line| format!("{}\n", line.trim_end()));
        lines.collect()
    }

    fn head(&self, table: &mut Table) {
        table.set_header(self.columns.iter().map(|(heading, _)| *heading));
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        self.columns.iter().map(|(_, cell)| cell(row)).collect()
    }
}

/// Of a hash, enough to tell files apart.
const HASH_CHARS: usize = 12;

static GENERAL: View = View {
    entity_type: "org.apache.qpid.dispatch.router",
    attributes: &[],
    columns: &[
        ("Version", |row| plain(row, "version")),
        ("Mode", |row| plain(row, "mode")),
        ("Router Id", |row| plain(row, "id")),
        ("Worker Threads", |row| plain(row, "workerThreads")),
        ("Uptime", |row| days(row, "uptimeSeconds")),
        ("VmSize", |row| bytes(row, "memoryUsage")),
        ("Area", |row| plain(row, "area")),
        ("Link Routes", |row| plain(row, "linkRouteCount")),
        ("Auto Links", |row| plain(row, "autoLinkCount")),
        ("Links", |row| plain(row, "linkCount")),
        ("Nodes", |row| plain(row, "nodeCount")),
        ("Addresses", |row| plain(row, "addrCount")),
        ("Connections", |row| plain(row, "connectionCount")),
        ("Presettled Count", |row| plain(row, "presettledDeliveries")),
        ("Dropped Presettled Count", |row| plain(row, "droppedPresettledDeliveries")),
        ("Accepted Count", |row| plain(row, "acceptedDeliveries")),
        ("Rejected Count", |row| plain(row, "rejectedDeliveries")),
        ("Released Count", |row| plain(row, "releasedDeliveries")),
        ("Modified Count", |row| plain(row, "modifiedDeliveries")),
        ("Deliveries Delayed > 1sec", |row| plain(row, "deliveriesDelayed1Sec")),
        ("Deliveries Delayed > 10sec", |row| plain(row, "deliveriesDelayed10Sec")),
        ("Deliveries Stuck > 10sec", |row| plain(row, "deliveriesStuck")),
        ("Deliveries to Fallback", |row| plain(row, "deliveriesRedirectedToFallback")),
        ("Links Blocked", |row| plain(row, "linksBlocked")),
        ("Ingress Count", |row| plain(row, "deliveriesIngress")),
        ("Egress Count", |row| plain(row, "deliveriesEgress")),
        ("Transit Count", |row| plain(row, "deliveriesTransit")),
        ("Deliveries from Route Container", |row| plain(row, "deliveriesIngressRouteContainer")),
        ("Deliveries to Route Container", |row| plain(row, "deliveriesEgressRouteContainer")),
    ],
    order: Order::Upright,
};

static CONNECTIONS: View = View {
    entity_type: "org.apache.qpid.dispatch.connection",
    attributes: &[],
    columns: &[
        ("id", |row| plain(row, "identity")),
        ("host", |row| plain(row, "host")),
        ("container", |row| plain(row, "container")),
        ("role", |row| plain(row, "role")),
        ("proto", |row| plain(row, "protocol")),
        ("dir", |row| plain(row, "dir")),
        ("security", security),
        ("authentication", authentication),
        ("tenant", tenant),
        ("last dlv", |row| days(row, "lastDlvSeconds")),
        ("uptime", |row| days(row, "uptimeSeconds")),
    ],
    order: Order::AsTheyCome,
};

static LINKS: View = View {
    entity_type: "org.apache.qpid.dispatch.router.link",
    attributes: &[
        "linkType",
        "linkDir",
        "connectionId",
        "identity",
        "peer",
        "owningAddr",
        "capacity",
        "priority",
        "undeliveredCount",
        "unsettledCount",
        "deliveryCount",
        "presettledCount",
        "droppedPresettledCount",
        "acceptedCount",
        "rejectedCount",
        "releasedCount",
        "modifiedCount",
        "deliveriesDelayed1Sec",
        "deliveriesDelayed10Sec",
        "settleRate",
        "deliveriesStuck",
        "creditAvailable",
        "zeroCreditSeconds",
        "linkName",
    ],
    columns: &[
        ("type", |row| plain(row, "linkType")),
        ("dir", |row| plain(row, "linkDir")),
        ("conn id", |row| plain(row, "connectionId")),
        ("id", |row| plain(row, "identity")),
        ("peer", |row| plain(row, "peer")),
        ("class", |row| class(row, "owningAddr")),
        ("addr", |row| address(row, "owningAddr")),
        ("phs", |row| phase(row, "owningAddr")),
        ("cap", |row| plain(row, "capacity")),
        ("pri", |row| plain(row, "priority")),
        ("undel", |row| plain(row, "undeliveredCount")),
        ("unsett", |row| plain(row, "unsettledCount")),
        ("deliv", |row| plain(row, "deliveryCount")),
        ("presett", |row| plain(row, "presettledCount")),
        ("psdrop", |row| plain(row, "droppedPresettledCount")),
        ("acc", |row| plain(row, "acceptedCount")),
        ("rej", |row| plain(row, "rejectedCount")),
        ("rel", |row| plain(row, "releasedCount")),
        ("mod", |row| plain(row, "modifiedCount")),
        ("delay", |row| sum(row, "deliveriesDelayed1Sec", "deliveriesDelayed10Sec")),
        ("rate", |row| plain(row, "settleRate")),
        ("stuck", |row| plain(row, "deliveriesStuck")),
        ("cred", |row| plain(row, "creditAvailable")),
        ("blkd", |row| hours(row, "zeroCreditSeconds")),
        ("name", |row| plain(row, "linkName")),
    ],
    order: Order::AsTheyCome,
};

static ADDRESSES: View = View {
    entity_type: "org.apache.qpid.dispatch.router.address",
    attributes: &[
        "name",
        "distribution",
        "priority",
        "inProcess",
        "subscriberCount",
        "containerCount",
        "remoteCount",
        "deliveriesIngress",
        "deliveriesEgress",
        "deliveriesTransit",
        "deliveriesRedirectedToFallback",
    ],
    columns: &[
        ("class", |row| class(row, "name")),
        ("addr", |row| address(row, "name")),
        ("phs", |row| phase(row, "name")),
        ("distrib", |row| plain(row, "distribution")),
        ("pri", |row| priority(row, "priority")),
        ("local", consumers),
        ("remote", |row| plain(row, "remoteCount")),
        ("in", |row| plain(row, "deliveriesIngress")),
        ("out", |row| plain(row, "deliveriesEgress")),
        ("thru", |row| plain(row, "deliveriesTransit")),
        ("fallback", |row| plain(row, "deliveriesRedirectedToFallback")),
    ],
    order: Order::By(1),
};

static ADDRESS_RULES: View = View {
    entity_type: "org.apache.qpid.dispatch.router.config.address",
    attributes: &[],
    columns: &[
        ("id", |row| plain(row, "identity")),
        ("name", |row| plain(row, "name")),
        ("prefix", |row| plain(row, "prefix")),
        ("pattern", |row| plain(row, "pattern")),
        ("distrib", |row| plain(row, "distribution")),
        ("in phs", |row| plain(row, "ingressPhase")),
        ("out phs", |row| plain(row, "egressPhase")),
        ("pri", |row| priority(row, "priority")),
        ("fallback", |row| plain(row, "fallback")),
    ],
    order: Order::AsTheyCome,
};

static AUTO_LINKS: View = View {
    entity_type: "org.apache.qpid.dispatch.router.config.autoLink",
    attributes: &["address", "direction", "phase", "externalAddress", "linkRef", "operStatus", "lastError"],
    columns: &[
        ("addr", |row| plain(row, "address")),
        ("dir", |row| plain(row, "direction")),
        ("phs", |row| plain(row, "phase")),
        ("extAddr", |row| plain(row, "externalAddress")),
        ("link", |row| plain(row, "linkRef")),
        ("status", |row| plain(row, "operStatus")),
        ("lastErr", |row| plain(row, "lastError")),
    ],
    order: Order::By(0),
};

static LINK_ROUTES: View = View {
    entity_type: "org.apache.qpid.dispatch.router.config.linkRoute",
    attributes: &[
        "prefix",
        "pattern",
        "direction",
        "connection",
        "containerId",
        "addExternalPrefix",
        "delExternalPrefix",
        "operStatus",
    ],
    columns: &[
        ("address", |row| either(row, "prefix", "pattern")),
        ("dir", |row| plain(row, "direction")),
        ("container", |row| either(row, "connection", "containerId")),
        ("add", |row| plain(row, "addExternalPrefix")),
        ("del", |row| plain(row, "delExternalPrefix")),
        ("status", |row| plain(row, "operStatus")),
    ],
    order: Order::By(0),
};

static LOG: View = View {
    entity_type: "org.apache.qpid.dispatch.log",
    attributes: &["module", "enable", "includeTimestamp", "includeSource", "outputFile", "fault"],
    columns: &[
        ("module", |row| plain(row, "module")),
        ("enable", |row| plain(row, "enable")),
        ("timestamp", |row| plain(row, "includeTimestamp")),
        ("source", |row| plain(row, "includeSource")),
        ("output", |row| plain(row, "outputFile")),
        ("fault", |row| plain(row, "fault")),
    ],
    order: Order::AsTheyCome,
};

static LISTENERS: View = View {
    entity_type: "org.apache.qpid.dispatch.listener",
    attributes: &["name", "host", "port", "role", "saslMechanisms", "authenticatePeer", "failoverUrls"],
    columns: &[
        ("name", |row| plain(row, "name")),
        ("host", |row| plain(row, "host")),
        ("port", |row| plain(row, "port")),
        ("role", |row| plain(row, "role")),
        ("sasl", |row| plain(row, "saslMechanisms")),
        ("authenticate", |row| plain(row, "authenticatePeer")),
        ("failover", |row| plain(row, "failoverUrls")),
    ],
    order: Order::AsTheyCome,
};

static TLS: View = View {
    entity_type: "org.apache.qpid.dispatch.sslProfile",
    attributes: &["name", "protocols", "certFile", "caCertFile", "certSubject", "certExpirySeconds", "fileFault"],
    columns: &[
        ("name", |row| plain(row, "name")),
        ("protocols", |row| plain(row, "protocols")),
        ("certificate", |row| plain(row, "certFile")),
        ("ca", |row| plain(row, "caCertFile")),
        ("subject", |row| plain(row, "certSubject")),
        ("days left", |row| days_left(row, "certExpirySeconds")),
        ("fault", |row| plain(row, "fileFault")),
    ],
    order: Order::AsTheyCome,
};

static PLUGINS: View = View {
    entity_type: "org.apache.qpid.dispatch.plugin",
    attributes: &[
        "name",
        "state",
        "hash",
        "hooks",
        "shadowOf",
        "differences",
        "decisions",
        "noOpinion",
        "denials",
        "contradictions",
        "failures",
        "lastFailure",
        "latencyMicrosP50",
        "latencyMicrosP99",
    ],
    columns: &[
        ("name", |row| plain(row, "name")),
        ("state", |row| plain(row, "state")),
        ("hash", |row| plain(row, "hash").chars().take(HASH_CHARS).collect()),
        ("hooks", |row| words(row, "hooks")),
        ("shadow of", |row| plain(row, "shadowOf")),
        ("differs", |row| if row.text("shadowOf").is_some() { plain(row, "differences") } else { String::new() }),
        ("decisions", |row| plain(row, "decisions")),
        ("no opinion", |row| plain(row, "noOpinion")),
        ("denials", |row| plain(row, "denials")),
        ("ignored", |row| plain(row, "contradictions")),
        ("failures", |row| total(row, "failures")),
        ("p50 us", |row| plain(row, "latencyMicrosP50")),
        ("p99 us", |row| plain(row, "latencyMicrosP99")),
        ("last failure", |row| plain(row, "lastFailure")),
    ],
    order: Order::AsTheyCome,
};

static CONNECTORS: View = View {
    entity_type: "org.apache.qpid.dispatch.connector",
    attributes: &[
        "name",
        "host",
        "port",
        "role",
        "connectionStatus",
        "connectionMsg",
        "failoverUrls",
        "connectedTo",
        "attempts",
        "failovers",
    ],
    columns: &[
        ("name", |row| plain(row, "name")),
        ("host", |row| plain(row, "host")),
        ("port", |row| plain(row, "port")),
        ("role", |row| plain(row, "role")),
        ("status", |row| plain(row, "connectionStatus")),
        ("message", |row| plain(row, "connectionMsg")),
        ("connected to", |row| plain(row, "connectedTo")),
        ("attempts", |row| plain(row, "attempts")),
        ("failovers", |row| plain(row, "failovers")),
        ("failover", |row| plain(row, "failoverUrls")),
    ],
    order: Order::AsTheyCome,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stat::ask;
    use clap::ValueEnum as _;
    use crosstie_manage::{Access, Step};
    use crosstie_model::facts::Facts;
    use fe2o3_amqp_types::messaging::message::__private::Serializable;
    use serde_amqp::Value;

    fn row(pairs: &[(&str, Value)]) -> Row {
        Row::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())))
    }

    fn words(line: &str) -> Vec<&str> {
        line.split_whitespace().collect()
    }

    #[test]
    fn addresses_come_in_order_under_the_headings_of_the_reference() {
        let address = |key: &str, consumers: u32| {
            row(&[
                ("name", Value::from(key)),
                ("distribution", Value::from("balanced")),
                ("priority", Value::Int(-1)),
                ("subscriberCount", Value::Uint(consumers)),
                ("remoteCount", Value::Uint(0)),
                ("deliveriesIngress", Value::Ulong(20)),
                ("deliveriesEgress", Value::Ulong(19)),
                ("deliveriesTransit", Value::Ulong(0)),
                ("deliveriesRedirectedToFallback", Value::Ulong(0)),
            ])
        };
        let table = View::of(What::Addresses).table(&[address("M0b", 2), address("M1a", 1)]);
        let lines: Vec<_> = table.lines().map(words).collect();
        let head = ["class", "addr", "phs", "distrib", "pri", "local", "remote", "in", "out", "thru", "fallback"];
        assert_eq!(lines[0], head);
        assert_eq!(lines[1], ["mobile", "a", "1", "balanced", "-", "1", "0", "20", "19", "0", "0"]);
        assert_eq!(lines[2][1], "b");
    }

    #[test]
    fn the_router_stands_upright() {
        let table =
            View::of(What::General).table(&[row(&[("id", Value::from("hub")), ("uptimeSeconds", Value::Uint(61))])]);
        assert!(table.lines().any(|line| words(line) == ["Router", "Id", "hub"]), "{table}");
        assert!(table.lines().any(|line| words(line) == ["Uptime", "000:00:01:01"]), "{table}");
    }

    /// What the management node of this router makes of a question.
    fn status(view: &View) -> i32 {
        let agent = crosstie_manage::Agent::new(1 << 16);
        let request = ask::addressed(ask::request(view.entity_type, view.attributes, 0), "reply", 1);
        let request = serde_amqp::to_vec(&Serializable(request)).unwrap();
        let mut step = agent.begin(&request, Access::Read);
        loop {
            step = match step {
                Step::Gather(pending) => pending.facts(&Facts::default()),
                Step::Reply(reply) => return reply.status,
                Step::Silent | Step::Change(..) | Step::Reload(..) => panic!("no reply to {}", view.entity_type),
            }
        }
    }

    #[test]
    fn every_view_asks_for_what_the_management_node_has() {
        for what in What::value_variants() {
            assert_eq!(status(View::of(*what)), 200, "{what:?}");
        }
    }
}
