// Types of what a policy in JavaScript gets, answers and calls. Made from policy.wit by `cargo test -p crosstie-policy --test types`,
// which says where they differ; `CROSSTIE_WRITE=1` before it writes them anew. Numbers are whole and at most 2^53 - 1 where the schema has integers.
// Fields that the script's `reads` leaves out are absent: lists are empty then, all else is undefined.

type Scalar = string | number | boolean | null;

/** A node of the plugin's `config`. */
interface ConfigNode {
    name: string;
    args: Scalar[];
    props: { [name: string]: Scalar };
    children: ConfigNode[];
}

type Value = { flag: boolean } | { int: number } | { uint: number } | { float: number } | { text: string } | { bytes: Uint8Array };

interface Entry {
    key: string;
    val: Value;
}

interface Attr {
    key: string;
    val: string;
}

/** In every request, so that a decision is a pure function of its bytes and of what it read from KV. `seed` is below 2^53; `sequence` numbers the decisions of this process and stands in the log and the record. */
interface Context {
    "now-ms": number;
    seed: number;
    sequence: number;
}

/** `note` goes to the log, the record and, where the listener explains refusals, to the peer. `info` goes to the peer (a redirect needs it). */
interface Refusal {
    condition: string;
    description: string;
    note?: string;
    info?: Entry[];
}

interface Tls {
    version: string;
    cipher: string;
    sni?: string;
    subject?: string;
    issuer?: string;
    sans: string[];
    "fingerprint-sha256"?: string;
    "not-after-ms"?: number;
}

/** Open now, this one included. */
interface Counts {
    total: number;
    listener: number;
    user: number;
    "peer-host": number;
}

/** The smallest of process, listener or connector, grant and link is in force; a plugin can only lower. What does not belong to the hook is ignored. */
interface Limits {
    sessions?: number;
    links?: number;
    senders?: number;
    receivers?: number;
    unsettled?: number;
    "buffered-bytes"?: number;
    "max-frame-size"?: number;
    "max-message-size"?: number;
    "idle-timeout-ms"?: number;
    "link-credit"?: number;
}

/** The host counts what is open under `key` of this plugin, over all workers, and refuses what would be more than `max`. Released when it ends. */
interface Quota {
    key: string;
    max: number;
}

type Transport = "tcp" | "tls" | "ws" | "wss";

/** Who is talking. `attributes` is what admission granted, for the hooks after it. */
interface Peer {
    "connection-id": number;
    listener?: string;
    connector?: string;
    transport: Transport;
    ip: string;
    port: number;
    "local-ip": string;
    "local-port": number;
    vhost?: string;
    user?: string;
    mechanism?: string;
    "container-id": string;
    tls?: Tls;
    attributes: Attr[];
}

interface SetupRequest {
    plugin: string;
    "router-id": string;
    minor: number;
    "now-ms": number;
    seed: number;
    granted: string[];
    config: ConfigNode[];
}

/** `path`: indexes of children from the top, so that the message stands at its KDL node. */
interface Problem {
    message: string;
    path?: number[];
}

/** `hooks`: which of the exported ones to ask (absent: all). `reads`: the only request fields to send, as paths (`peer.user`, `candidates`); absent: all. */
interface SetupAnswer {
    problems?: Problem[];
    hooks?: string[];
    reads?: string[];
}

type Origin = "configured" | "advertised" | "redirected";

type Scheme = "amqp" | "amqps" | "ws" | "wss";

/** `host` is what is dialled, `hostname` what the peer's list wants in our Open. `last-rtt-us` (of the TCP connection) and `certificate-not-after-ms` are of the last success. */
interface Candidate {
    host: string;
    port: number;
    scheme: Scheme;
    hostname?: string;
    origin: Origin;
    priority: number;
    labels: Attr[];
    attempts: number;
    "failures-in-row": number;
    "last-error"?: string;
    "last-condition"?: string;
    "last-attempt-at-ms"?: number;
    "last-success-at-ms"?: number;
    "last-rtt-us"?: number;
    "certificate-not-after-ms"?: number;
}

type Cause = "startup" | "lost" | "exhausted" | "redirected" | "reload" | "reconsider";

/** Candidates stand in the order that the built-in would take. `current` is the endpoint in use (reconsider, reload), just lost, or the one that sent the router elsewhere (redirected). */
interface FailoverRequest {
    ctx: Context;
    connector: string;
    role: string;
    cause: Cause;
    round: number;
    current?: number;
    "down-since-ms"?: number;
    candidates: Candidate[];
}

/** `delay-ms`: waited after the pick before it failed; the first, after the answer. */
interface FailoverPick {
    index: number;
    "delay-ms"?: number;
}

/** A candidate not listed is out of this round; an empty order drops all. `retry-after-ms`: when the round is exhausted (absent: the connector's backoff). `reconsider-after-ms`: while connected, ask again after this; a first pick other than the current one is connected first, then takes over. */
interface FailoverAnswer {
    order: FailoverPick[];
    "retry-after-ms"?: number;
    "reconsider-after-ms"?: number;
    note?: string;
}

/** `recheck`: this connection is open already, its grant ran out. */
interface Connection {
    ctx: Context;
    peer: Peer;
    recheck: boolean;
    "max-frame-size": number;
    "channel-max": number;
    "idle-timeout-ms"?: number;
    "offered-capabilities": string[];
    "desired-capabilities": string[];
    properties: Entry[];
    counts: Counts;
    limits: Limits;
    truncated: string[];
}

interface Session {
    ctx: Context;
    peer: Peer;
    "sessions-open": number;
}

/** The peer's own: it wants to send, or to receive. */
type Role = "sender" | "receiver";

type Expiry = "link-detach" | "session-end" | "connection-close" | "never";

interface Filter {
    name: string;
    val?: Value;
}

interface Terminus {
    address?: string;
    durable: number;
    expiry: Expiry;
    "timeout-s": number;
    dynamic: boolean;
    coordinator: boolean;
    distribution?: string;
    filters: Filter[];
    capabilities: string[];
}

type SettleMode = "unsettled" | "settled" | "mixed";

interface Link {
    ctx: Context;
    peer: Peer;
    name: string;
    role: Role;
    source?: Terminus;
    target?: Terminus;
    settle: SettleMode;
    "max-message-size"?: number;
    "desired-capabilities": string[];
    properties: Entry[];
    "links-open": number;
    truncated: string[];
}

interface Grant {
    limits?: Limits;
    quotas?: Quota[];
    attributes?: Attr[];
    "recheck-after-ms"?: number;
    note?: string;
}

type AdmissionAnswer = { allow: Grant } | { deny: Refusal };

type Direction = "inbound" | "outbound";

type Occasion = "attach" | "anonymous";

/** `link-route`: to the connection of that name. */
type Treatment = "balanced" | "closest" | "multicast" | { "link-route": string } | "unavailable";

interface AddressRequest {
    ctx: Context;
    address: string;
    direction: Direction;
    occasion: Occasion;
    peer?: Peer;
    capabilities: string[];
    configured: Treatment;
    phase: number;
    truncated: string[];
}

type Scope = "connection" | "attributes" | "everyone";

/** Absent fields: as configured for the (rewritten) address. A treatment that contradicts a live address is ignored, the live one stays, and it is counted. `ttl-ms` 0 or absent: not cached. `shared-by` absent: connection; `attributes`: every peer with equal attributes. */
interface Ruling {
    address?: string;
    treatment?: Treatment;
    phase?: number;
    priority?: number;
    "ttl-ms"?: number;
    "shared-by"?: Scope;
    note?: string;
}

interface Denial {
    refusal: Refusal;
    "ttl-ms"?: number;
    "shared-by"?: Scope;
}

type AddressAnswer = { apply: Ruling } | { deny: Denial };

type Level = "error" | "warn" | "info" | "debug" | "trace";

type Configure = (request: SetupRequest) => SetupAnswer | null | undefined | void;
type OnFailover = (request: FailoverRequest) => FailoverAnswer | null | undefined | void;
type OnConnection = (request: Connection) => AdmissionAnswer | null | undefined | void;
type OnSession = (request: Session) => AdmissionAnswer | null | undefined | void;
type OnLink = (request: Link) => AdmissionAnswer | null | undefined | void;
type OnAddress = (request: AddressRequest) => AddressAnswer | null | undefined | void;

/** What the host does for a plugin. What is not granted throws. A text stands for its bytes in UTF-8. */
declare const host: {
    log(level: Level, text: string): void;
    /** `by` is 1 where it is absent. */
    counterAdd(name: string, by?: number): void;
    kvGet(key: string | Uint8Array): Uint8Array | undefined;
    /** As `kvGet`, read as UTF-8. */
    kvGetText(key: string | Uint8Array): string | undefined;
    /** False where there is no room. `ttlMs` 0 or absent: never expires. */
    kvPut(key: string | Uint8Array, value: string | Uint8Array, ttlMs?: number): boolean;
    /** The new value; absent where there is no room, or the value is no counter. `by` is 1 where it is absent. */
    kvAdd(key: string | Uint8Array, by?: number, ttlMs?: number): number | undefined;
    kvDelete(key: string | Uint8Array): void;
};
