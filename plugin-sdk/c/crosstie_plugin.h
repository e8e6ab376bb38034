/* Crosstie policy plugins in C. Written by plugin-sdk/generate from policy.wit: change its src/c.rs and src/c/. */

#ifndef CROSSTIE_PLUGIN_H
#define CROSSTIE_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CT_EXPORT(name) __attribute__((export_name(name)))
#define CT_IMPORT(name) __attribute__((import_module("policy_host_v1"), import_name(name)))
/* Called from many places: one copy is enough. */
#define CT_ONCE static __attribute__((noinline, unused))
/* The same in every file of a plugin that includes this one. */
#define CT_SHARED __attribute__((weak))

/* ---- Texts ---- */

/* UTF-8, not ended by a zero. `ptr` is NULL where a field is absent. */
typedef struct ct_text {
    const char *ptr;
    uint32_t len;
} ct_text;

typedef struct ct_bytes {
    const uint8_t *ptr;
    uint32_t len;
} ct_bytes;

/* A literal as a text: CT("guest"). */
#define CT(literal) ((ct_text){"" literal, sizeof(literal) - 1})

/* Whether LEN bytes are the same. LEN is a constant, so that this is a comparison or two: the last overlaps. */
static inline __attribute__((always_inline)) bool ct_same(const char *a, const char *b, size_t len) {
#define CT_SAME(type, at) \
    ({ \
        type x, y; \
        __builtin_memcpy(&x, a + (at), sizeof x); \
        __builtin_memcpy(&y, b + (at), sizeof y); \
        x == y; \
    })
    if (len >= 8) {
        for (size_t at = 0; at + 8 < len; at += 8) {
            if (!CT_SAME(uint64_t, at)) return false;
        }
        return CT_SAME(uint64_t, len - 8);
    }
    if (len >= 4) return CT_SAME(uint32_t, 0) && CT_SAME(uint32_t, len - 4);
    if (len >= 2) return CT_SAME(uint16_t, 0) && CT_SAME(uint16_t, len - 2);
    return len == 0 || *a == *b;
#undef CT_SAME
}

CT_ONCE bool ct_equal(ct_text a, ct_text b) {
    if (a.len != b.len) return false;
    for (uint32_t i = 0; i < a.len; i++) {
        if (a.ptr[i] != b.ptr[i]) return false;
    }
    return true;
}

/* Whether a text is this literal. */
#define ct_is(text, literal) ct_equal((text), CT(literal))

static inline bool ct_starts_with(ct_text text, ct_text prefix) {
    return text.len >= prefix.len && ct_equal((ct_text){text.ptr, prefix.len}, prefix);
}

/* ---- Memory ---- */

/* Compilers call these for copies and zeroes of structures. */
CT_SHARED __attribute__((no_builtin)) void *memcpy(void *to, const void *from, size_t len) {
    uint8_t *out = to;
    const uint8_t *in = from;
    while (len-- > 0) *out++ = *in++;
    return to;
}

CT_SHARED __attribute__((no_builtin)) void *memset(void *to, int byte, size_t len) {
    uint8_t *out = to;
    while (len-- > 0) *out++ = (uint8_t)byte;
    return to;
}

/* What a call allocates is let go at the next call; what policy_configure allocates, its request included, is kept. */
struct ct_memory {
    uintptr_t floor, top;
    uint64_t end;
};
CT_SHARED struct ct_memory ct_memory;
extern unsigned char __heap_base;

CT_ONCE bool ct_get_pages(uint64_t end) {
    uint64_t pages = (end - ct_memory.end + 0xffff) >> 16;
    if (end > 0xffff0000 || __builtin_wasm_memory_grow(0, (size_t)pages) == (size_t)-1) return false;
    ct_memory.end += pages << 16;
    return true;
}

static inline bool ct_grow_memory(uint64_t end) {
    return end <= ct_memory.end || ct_get_pages(end);
}

/* Room for LEN bytes, a multiple of 8, with whatever stood there; NULL where there is none. */
CT_ONCE void *ct_reserve(size_t len) {
    if (ct_memory.top == 0) {
        ct_memory.floor = ct_memory.top = ((uintptr_t)&__heap_base + 7) & ~(uintptr_t)7;
        ct_memory.end = (uint64_t)__builtin_wasm_memory_size(0) << 16;
    }
    uint64_t top = (uint64_t)ct_memory.top + ((uint64_t)len + 7) / 8 * 8;
    if (!ct_grow_memory(top)) return NULL;
    void *at = (void *)ct_memory.top;
    ct_memory.top = (uintptr_t)top;
    return at;
}

/* COUNT items of SIZE bytes each, all zero. Traps where there is no room. */
CT_ONCE void *ct_alloc(size_t count, size_t size) {
    uint64_t len = ((uint64_t)count * size + 7) / 8 * 8;
    uint64_t *at = len > UINT32_MAX - 7 ? NULL : ct_reserve((size_t)len);
    if (at == NULL) __builtin_trap();
    for (size_t i = 0; i < len / 8; i++) at[i] = 0;
    return at;
}

/* A list with room for one more. */
CT_ONCE void *ct_extend(void *items, uint32_t len, size_t size) {
    if (items != NULL && (len < 4 || (len & (len - 1)) != 0)) return items;
    uint8_t *more = ct_alloc(len < 4 ? 4 : (size_t)len * 2, size);
    for (size_t i = 0; i < len * size; i++) more[i] = ((uint8_t *)items)[i];
    return more;
}

/* A pointer to one more item of a list that this plugin makes, all zero: CT_PUSH(&grant->quotas)->max = 3; */
#define CT_PUSH(list) \
    ((list)->items = ct_extend((list)->items, (list)->len, sizeof *(list)->items), &(list)->items[(list)->len++])

CT_ONCE ct_text ct_join_all(const ct_text *parts, size_t count) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++) len += parts[i].len;
    char *out = ct_alloc(len, 1);
    ct_text joined = {out, (uint32_t)len};
    for (size_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < parts[i].len; j++) *out++ = parts[i].ptr[j];
    }
    return joined;
}

/* One text of several: CT_JOIN(CT("user/"), request->peer.user). */
#define CT_JOIN(...) ct_join_all((const ct_text[]){__VA_ARGS__}, sizeof((const ct_text[]){__VA_ARGS__}) / sizeof(ct_text))

/* A number in decimal digits. */
CT_ONCE ct_text ct_decimal(int64_t number) {
    char *end = (char *)ct_alloc(24, 1) + 24, *at = end;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do {
        *--at = (char)('0' + rest % 10);
    } while ((rest /= 10) != 0);
    if (number < 0) *--at = '-';
    return (ct_text){at, (uint32_t)(end - at)};
}

/* ---- Reading: what cannot be read, or lies beyond the end, traps ---- */

typedef struct ct_reader {
    const uint8_t *at, *end;
} ct_reader;

/* The rest is at least LEN bytes long. */
static inline void ct_need(const ct_reader *from, uint64_t len) {
    if (len > (size_t)(from->end - from->at)) __builtin_trap();
}

/* The number that follows the first byte of an item. */
CT_ONCE uint64_t ct_read_rest(ct_reader *from, uint8_t info) {
    if (info > 27) __builtin_trap();
    uint32_t len = 1u << (info - 24);
    ct_need(from, len);
    uint64_t number = 0;
    for (; len > 0; len--) number = number << 8 | *from->at++;
    return number;
}

/* The head of an item: its kind (RFC 8949, 3.1), and the number in it. */
static inline uint64_t ct_read_head(ct_reader *from, uint8_t *major) {
    ct_need(from, 1);
    uint8_t first = *from->at++;
    uint8_t info = first & 31;
    *major = first >> 5;
    return info < 24 ? info : ct_read_rest(from, info);
}

static inline uint64_t ct_read_kind(ct_reader *from, uint8_t wanted) {
    uint8_t major;
    uint64_t number = ct_read_head(from, &major);
    if (major != wanted) __builtin_trap();
    return number;
}

/* The entries of a map: each takes two bytes at least. */
CT_ONCE uint32_t ct_read_map(ct_reader *from) {
    uint64_t count = ct_read_kind(from, 5);
    if (count > UINT32_MAX) __builtin_trap();
    ct_need(from, count * 2);
    return (uint32_t)count;
}

/* The items of a list: each takes one byte at least, so that a wrong length reserves no more than there is. */
CT_ONCE uint32_t ct_read_list(ct_reader *from) {
    uint64_t count = ct_read_kind(from, 4);
    ct_need(from, count);
    return (uint32_t)count;
}

/* A text of the request, which lies in it. */
static inline ct_text ct_read_text(ct_reader *from) {
    uint64_t len = ct_read_kind(from, 3);
    ct_need(from, len);
    ct_text text = {(const char *)from->at, (uint32_t)len};
    from->at += len;
    return text;
}

static inline ct_bytes ct_read_bytes(ct_reader *from) {
    uint64_t len = ct_read_kind(from, 2);
    ct_need(from, len);
    ct_bytes bytes = {from->at, (uint32_t)len};
    from->at += len;
    return bytes;
}

CT_ONCE uint64_t ct_read_number(ct_reader *from, uint64_t max) {
    uint64_t number = ct_read_kind(from, 0);
    if (number > max) __builtin_trap();
    return number;
}

CT_ONCE int64_t ct_read_s64(ct_reader *from) {
    uint8_t major;
    uint64_t number = ct_read_head(from, &major);
    if (major > 1 || number > INT64_MAX) __builtin_trap();
    return major == 0 ? (int64_t)number : -1 - (int64_t)number;
}

static inline bool ct_read_bool(ct_reader *from) {
    ct_need(from, 1);
    uint8_t first = *from->at++;
    if (first != 0xf4 && first != 0xf5) __builtin_trap();
    return first == 0xf5;
}

CT_ONCE double ct_read_f64(ct_reader *from) {
    ct_need(from, 1);
    uint8_t major, first = *from->at;
    uint64_t bits = ct_read_head(from, &major);
    double number;
    if (first != 0xfb) __builtin_trap();
    __builtin_memcpy(&number, &bits, sizeof number);
    return number;
}

/* Passes one item and all that is in it. */
CT_ONCE void ct_skip(ct_reader *from) {
    for (uint64_t left = 1; left > 0; left--) {
        uint8_t major;
        uint64_t number = ct_read_head(from, &major);
        switch (major) {
        case 2:
        case 3:
            ct_need(from, number);
            from->at += number;
            break;
        case 4:
            ct_need(from, number);
            left += number;
            break;
        case 5:
            if (number > UINT32_MAX) __builtin_trap();
            ct_need(from, number * 2);
            left += number * 2;
            break;
        case 6: /* a tag */
            __builtin_trap();
        default:
            break;
        }
    }
}

/* Passes a null, which is as good as absent. */
static inline bool ct_skip_null(ct_reader *from) {
    ct_need(from, 1);
    if (*from->at != 0xf6) return false;
    from->at++;
    return true;
}

/* A text comes: a case without payload, where a variant is read. */
static inline bool ct_text_comes(const ct_reader *from) {
    ct_need(from, 1);
    return *from->at >> 5 == 3;
}

/* ---- Writing: at the top of the memory, so that nothing may be allocated meanwhile ---- */

typedef struct ct_writer {
    uint8_t *at;
} ct_writer;

CT_ONCE void ct_write_raw(ct_writer *out, const void *bytes, uint32_t len) {
    const uint8_t *from = bytes;
    uint8_t *to = out->at;
    if (!ct_grow_memory((uint64_t)(uintptr_t)to + len)) __builtin_trap();
    out->at = to + len;
    for (; len >= 8; len -= 8, from += 8, to += 8) __builtin_memcpy(to, from, 8);
    for (; len > 0; len--) *to++ = *from++;
}

CT_ONCE void ct_write_head(ct_writer *out, uint8_t major, uint64_t number) {
    if (number < 24) {
        uint8_t only = (uint8_t)(major << 5 | number);
        ct_write_raw(out, &only, 1);
        return;
    }
    uint8_t head[9];
    uint32_t len = number <= 0xff ? 1 : number <= 0xffff ? 2 : number <= UINT32_MAX ? 4 : 8;
    head[0] = (uint8_t)(major << 5 | (len == 1 ? 24 : len == 2 ? 25 : len == 4 ? 26 : 27));
    for (uint32_t i = 0; i < len; i++) head[1 + i] = (uint8_t)(number >> 8 * (len - 1 - i));
    ct_write_raw(out, head, 1 + len);
}

CT_ONCE void ct_write_text(ct_writer *out, ct_text text) {
    ct_write_head(out, 3, text.len);
    ct_write_raw(out, text.ptr, text.len);
}

CT_ONCE void ct_write_bytes(ct_writer *out, ct_bytes bytes) {
    ct_write_head(out, 2, bytes.len);
    ct_write_raw(out, bytes.ptr, bytes.len);
}

static inline void ct_write_number(ct_writer *out, uint64_t number) {
    ct_write_head(out, 0, number);
}

static inline void ct_write_s64(ct_writer *out, int64_t number) {
    if (number < 0) {
        ct_write_head(out, 1, (uint64_t)(-1 - number));
    } else {
        ct_write_head(out, 0, (uint64_t)number);
    }
}

static inline void ct_write_bool(ct_writer *out, bool flag) {
    ct_write_raw(out, flag ? "\xf5" : "\xf4", 1);
}

static inline void ct_write_f64(ct_writer *out, double number) {
    uint64_t bits;
    uint8_t item[9] = {0xfb};
    __builtin_memcpy(&bits, &number, sizeof bits);
    for (uint32_t i = 0; i < 8; i++) item[1 + i] = (uint8_t)(bits >> 8 * (7 - i));
    ct_write_raw(out, item, 9);
}

static inline void ct_write_list(ct_writer *out, uint32_t len) {
    ct_write_head(out, 4, len);
}

/* A map without entries, which ct_write_key adds: at most 23. */
static inline uint8_t *ct_write_map(ct_writer *out) {
    uint8_t *map = out->at;
    ct_write_raw(out, "\xa0", 1);
    return map;
}

CT_ONCE void ct_write_key(ct_writer *out, uint8_t *map, ct_text key) {
    ++*map;
    ct_write_text(out, key);
}

/* ---- Lists and options of what has no name ---- */

typedef struct ct_text_list {
    ct_text *items;
    uint32_t len;
} ct_text_list;

typedef struct ct_u32_list {
    uint32_t *items;
    uint32_t len;
} ct_u32_list;

typedef struct ct_u8_option {
    bool present;
    uint8_t value;
} ct_u8_option;

typedef struct ct_u16_option {
    bool present;
    uint16_t value;
} ct_u16_option;

typedef struct ct_u32_option {
    bool present;
    uint32_t value;
} ct_u32_option;

typedef struct ct_u64_option {
    bool present;
    uint64_t value;
} ct_u64_option;

/* ---- KDL nodes: the `config` block of a plugin ---- */

typedef enum ct_scalar_kind { CT_NULL, CT_FLAG, CT_INTEGER, CT_FLOAT, CT_TEXT } ct_scalar_kind;

/* An argument, or the value of a property. */
typedef struct ct_scalar {
    ct_scalar_kind kind;
    union {
        bool flag;
        int64_t integer;
        double number;
        ct_text text;
    };
} ct_scalar;

typedef struct ct_scalar_list {
    ct_scalar *items;
    uint32_t len;
} ct_scalar_list;

typedef struct ct_prop {
    ct_text key;
    ct_scalar value;
} ct_prop;

typedef struct ct_prop_list {
    ct_prop *items;
    uint32_t len;
} ct_prop_list;

typedef struct ct_node ct_node;

typedef struct ct_node_list {
    ct_node *items;
    uint32_t len;
} ct_node_list;

struct ct_node {
    ct_text name;
    ct_scalar_list args;
    ct_prop_list props;
    ct_node_list children;
    /* The node that it stands in, NULL at the top, and which of its children it is. */
    const ct_node *parent;
    uint32_t index;
};

CT_ONCE ct_scalar ct_read_scalar(ct_reader *from) {
    ct_need(from, 1);
    if (ct_skip_null(from)) return (ct_scalar){.kind = CT_NULL};
    switch (*from->at >> 5) {
    case 3:
        return (ct_scalar){.kind = CT_TEXT, .text = ct_read_text(from)};
    case 7:
        if (*from->at == 0xfb) return (ct_scalar){.kind = CT_FLOAT, .number = ct_read_f64(from)};
        return (ct_scalar){.kind = CT_FLAG, .flag = ct_read_bool(from)};
    default:
        return (ct_scalar){.kind = CT_INTEGER, .integer = ct_read_s64(from)};
    }
}

CT_ONCE void ct_write_scalar(ct_writer *out, ct_scalar scalar) {
    switch (scalar.kind) {
    case CT_NULL: ct_write_raw(out, "\xf6", 1); break;
    case CT_FLAG: ct_write_bool(out, scalar.flag); break;
    case CT_INTEGER: ct_write_s64(out, scalar.integer); break;
    case CT_FLOAT: ct_write_f64(out, scalar.number); break;
    case CT_TEXT: ct_write_text(out, scalar.text); break;
    }
}

/* Nodes in nodes that a request may have. */
#define CT_DEPTH_MAX 16

CT_ONCE ct_node_list ct_read_nodes_in(ct_reader *from, const ct_node *parent, int depth);

CT_ONCE void ct_read_node(ct_reader *from, ct_node *node, int depth) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_is(key, "name")) {
            node->name = ct_read_text(from);
        } else if (ct_is(key, "args")) {
            node->args.len = ct_read_list(from);
            node->args.items = ct_alloc(node->args.len, sizeof(ct_scalar));
            for (uint32_t i = 0; i < node->args.len; i++) node->args.items[i] = ct_read_scalar(from);
        } else if (ct_is(key, "props")) {
            node->props.len = ct_read_map(from);
            node->props.items = ct_alloc(node->props.len, sizeof(ct_prop));
            for (uint32_t i = 0; i < node->props.len; i++) {
                node->props.items[i].key = ct_read_text(from);
                node->props.items[i].value = ct_read_scalar(from);
            }
        } else if (ct_is(key, "children")) {
            node->children = ct_read_nodes_in(from, node, depth + 1);
        } else {
            ct_skip(from);
        }
    }
}

CT_ONCE ct_node_list ct_read_nodes_in(ct_reader *from, const ct_node *parent, int depth) {
    if (depth > CT_DEPTH_MAX) __builtin_trap();
    ct_node_list list = {.len = ct_read_list(from)};
    list.items = ct_alloc(list.len, sizeof(ct_node));
    for (uint32_t i = 0; i < list.len; i++) {
        list.items[i].parent = parent;
        list.items[i].index = i;
        ct_read_node(from, &list.items[i], depth);
    }
    return list;
}

CT_ONCE ct_node_list ct_read_nodes(ct_reader *from) {
    return ct_read_nodes_in(from, NULL, 0);
}

CT_ONCE void ct_write_nodes(ct_writer *out, ct_node_list nodes) {
    ct_write_list(out, nodes.len);
    for (uint32_t i = 0; i < nodes.len; i++) {
        const ct_node *node = &nodes.items[i];
        uint8_t *map = ct_write_map(out);
        ct_write_key(out, map, CT("name"));
        ct_write_text(out, node->name);
        ct_write_key(out, map, CT("args"));
        ct_write_list(out, node->args.len);
        for (uint32_t j = 0; j < node->args.len; j++) ct_write_scalar(out, node->args.items[j]);
        ct_write_key(out, map, CT("props"));
        ct_write_head(out, 5, node->props.len);
        for (uint32_t j = 0; j < node->props.len; j++) {
            ct_write_text(out, node->props.items[j].key);
            ct_write_scalar(out, node->props.items[j].value);
        }
        ct_write_key(out, map, CT("children"));
        ct_write_nodes(out, node->children);
    }
}

/* ---- The records of policy.wit: what is absent is zero ---- */

typedef enum ct_value_kind {
    CT_VALUE_NONE,
    CT_VALUE_FLAG,
    CT_VALUE_INT,
    CT_VALUE_UINT,
    CT_VALUE_FLOAT,
    CT_VALUE_TEXT,
    CT_VALUE_BYTES,
} ct_value_kind;

typedef struct ct_value {
    ct_value_kind kind;
    union {
        bool flag;
        int64_t int_;
        uint64_t uint;
        double float_;
        ct_text text;
        ct_bytes bytes;
    };
} ct_value;

typedef struct ct_entry {
    ct_text key;
    ct_value val;
} ct_entry;

typedef struct ct_entry_list {
    ct_entry *items;
    uint32_t len;
} ct_entry_list;

typedef struct ct_attr {
    ct_text key;
    ct_text val;
} ct_attr;

typedef struct ct_attr_list {
    ct_attr *items;
    uint32_t len;
} ct_attr_list;

/* In every request, so that a decision is a pure function of its bytes and of what it read from KV. `seed` is below 2^53; `sequence` numbers the decisions
   of this process and stands in the log and the record. */
typedef struct ct_context {
    uint64_t now_ms;
    uint64_t seed;
    uint64_t sequence;
} ct_context;

/* `note` goes to the log, the record and, where the listener explains refusals, to the peer. `info` goes to the peer (a redirect needs it). */
typedef struct ct_refusal {
    ct_text condition;
    ct_text description;
    ct_text note;
    ct_entry_list info;
} ct_refusal;

typedef struct ct_tls {
    bool present;
    ct_text version;
    ct_text cipher;
    ct_text sni;
    ct_text subject;
    ct_text issuer;
    ct_text_list sans;
    ct_text fingerprint_sha256;
    ct_u64_option not_after_ms;
} ct_tls;

/* Open now, this one included. */
typedef struct ct_counts {
    uint32_t total;
    uint32_t listener;
    uint32_t user;
    uint32_t peer_host;
} ct_counts;

/* The smallest of process, listener or connector, grant and link is in force; a plugin can only lower. What does not belong to the hook is ignored. */
typedef struct ct_limits {
    bool present;
    ct_u32_option sessions;
    ct_u32_option links;
    ct_u32_option senders;
    ct_u32_option receivers;
    ct_u32_option unsettled;
    ct_u64_option buffered_bytes;
    ct_u32_option max_frame_size;
    ct_u64_option max_message_size;
    ct_u32_option idle_timeout_ms;
    ct_u32_option link_credit;
} ct_limits;

/* The host counts what is open under `key` of this plugin, over all workers, and refuses what would be more than `max`. Released when it ends. */
typedef struct ct_quota {
    ct_text key;
    uint32_t max;
} ct_quota;

typedef struct ct_quota_list {
    ct_quota *items;
    uint32_t len;
} ct_quota_list;

typedef enum ct_transport {
    CT_TRANSPORT_NONE,
    CT_TRANSPORT_TCP,
    CT_TRANSPORT_TLS,
    CT_TRANSPORT_WS,
    CT_TRANSPORT_WSS,
} ct_transport;

/* Who is talking. `attributes` is what admission granted, for the hooks after it. */
typedef struct ct_peer {
    bool present;
    uint64_t connection_id;
    ct_text listener;
    ct_text connector;
    ct_transport transport;
    ct_text ip;
    uint16_t port;
    ct_text local_ip;
    uint16_t local_port;
    ct_text vhost;
    ct_text user;
    ct_text mechanism;
    ct_text container_id;
    ct_tls tls;
    ct_attr_list attributes;
} ct_peer;

typedef struct ct_setup_request {
    ct_text plugin;
    ct_text router_id;
    uint32_t minor;
    uint64_t now_ms;
    uint64_t seed;
    ct_text_list granted;
    ct_node_list config;
} ct_setup_request;

/* `path`: indexes of children from the top, so that the message stands at its KDL node. */
typedef struct ct_setup_problem {
    ct_text message;
    ct_u32_list path;
} ct_setup_problem;

typedef struct ct_setup_problem_list {
    ct_setup_problem *items;
    uint32_t len;
} ct_setup_problem_list;

/* `hooks`: which of the exported ones to ask (absent: all). `reads`: the only request fields to send, as paths (`peer.user`, `candidates`); absent: all. */
typedef struct ct_setup_answer {
    ct_setup_problem_list problems;
    ct_text_list hooks;
    ct_text_list reads;
} ct_setup_answer;

typedef enum ct_failover_origin {
    CT_FAILOVER_ORIGIN_NONE,
    CT_FAILOVER_ORIGIN_CONFIGURED,
    CT_FAILOVER_ORIGIN_ADVERTISED,
    CT_FAILOVER_ORIGIN_REDIRECTED,
} ct_failover_origin;

typedef enum ct_failover_scheme {
    CT_FAILOVER_SCHEME_NONE,
    CT_FAILOVER_SCHEME_AMQP,
    CT_FAILOVER_SCHEME_AMQPS,
    CT_FAILOVER_SCHEME_WS,
    CT_FAILOVER_SCHEME_WSS,
} ct_failover_scheme;

/* `host` is what is dialled, `hostname` what the peer's list wants in our Open. `last-rtt-us` (of the TCP connection) and `certificate-not-after-ms` are of
   the last success. */
typedef struct ct_failover_candidate {
    ct_text host;
    uint16_t port;
    ct_failover_scheme scheme;
    ct_text hostname;
    ct_failover_origin origin;
    uint8_t priority;
    ct_attr_list labels;
    uint32_t attempts;
    uint32_t failures_in_row;
    ct_text last_error;
    ct_text last_condition;
    ct_u64_option last_attempt_at_ms;
    ct_u64_option last_success_at_ms;
    ct_u32_option last_rtt_us;
    ct_u64_option certificate_not_after_ms;
} ct_failover_candidate;

typedef struct ct_failover_candidate_list {
    ct_failover_candidate *items;
    uint32_t len;
} ct_failover_candidate_list;

typedef enum ct_failover_cause {
    CT_FAILOVER_CAUSE_NONE,
    CT_FAILOVER_CAUSE_STARTUP,
    CT_FAILOVER_CAUSE_LOST,
    CT_FAILOVER_CAUSE_EXHAUSTED,
    CT_FAILOVER_CAUSE_REDIRECTED,
    CT_FAILOVER_CAUSE_RELOAD,
    CT_FAILOVER_CAUSE_RECONSIDER,
} ct_failover_cause;

/* Candidates stand in the order that the built-in would take. `current` is the endpoint in use (reconsider, reload), just lost, or the one that sent the router elsewhere (redirected). */
typedef struct ct_failover_request {
    ct_context ctx;
    ct_text connector;
    ct_text role;
    ct_failover_cause cause;
    uint32_t round;
    ct_u32_option current;
    ct_u64_option down_since_ms;
    ct_failover_candidate_list candidates;
} ct_failover_request;

/* `delay-ms`: waited after the pick before it failed; the first, after the answer. */
typedef struct ct_failover_pick {
    uint32_t index;
    ct_u32_option delay_ms;
} ct_failover_pick;

typedef struct ct_failover_pick_list {
    ct_failover_pick *items;
    uint32_t len;
} ct_failover_pick_list;

/* A candidate not listed is out of this round; an empty order drops all. `retry-after-ms`: when the round is exhausted (absent: the connector's backoff).
   `reconsider-after-ms`: while connected, ask again after this; a first pick other than the current one is connected first, then takes over. */
typedef struct ct_failover_answer {
    ct_failover_pick_list order;
    ct_u32_option retry_after_ms;
    ct_u32_option reconsider_after_ms;
    ct_text note;
} ct_failover_answer;

/* `recheck`: this connection is open already, its grant ran out. */
typedef struct ct_admission_connection {
    ct_context ctx;
    ct_peer peer;
    bool recheck;
    uint32_t max_frame_size;
    uint16_t channel_max;
    ct_u32_option idle_timeout_ms;
    ct_text_list offered_capabilities;
    ct_text_list desired_capabilities;
    ct_entry_list properties;
    ct_counts counts;
    ct_limits limits;
    ct_text_list truncated;
} ct_admission_connection;

typedef struct ct_admission_session {
    ct_context ctx;
    ct_peer peer;
    uint32_t sessions_open;
} ct_admission_session;

/* The peer's own: it wants to send, or to receive. */
typedef enum ct_admission_role {
    CT_ADMISSION_ROLE_NONE,
    CT_ADMISSION_ROLE_SENDER,
    CT_ADMISSION_ROLE_RECEIVER,
} ct_admission_role;

typedef enum ct_admission_expiry {
    CT_ADMISSION_EXPIRY_NONE,
    CT_ADMISSION_EXPIRY_LINK_DETACH,
    CT_ADMISSION_EXPIRY_SESSION_END,
    CT_ADMISSION_EXPIRY_CONNECTION_CLOSE,
    CT_ADMISSION_EXPIRY_NEVER,
} ct_admission_expiry;

typedef struct ct_admission_filter {
    ct_text name;
    ct_value val;
} ct_admission_filter;

typedef struct ct_admission_filter_list {
    ct_admission_filter *items;
    uint32_t len;
} ct_admission_filter_list;

typedef struct ct_admission_terminus {
    bool present;
    ct_text address;
    uint8_t durable;
    ct_admission_expiry expiry;
    uint32_t timeout_s;
    bool dynamic;
    bool coordinator;
    ct_text distribution;
    ct_admission_filter_list filters;
    ct_text_list capabilities;
} ct_admission_terminus;

typedef enum ct_admission_settle_mode {
    CT_ADMISSION_SETTLE_MODE_NONE,
    CT_ADMISSION_SETTLE_MODE_UNSETTLED,
    CT_ADMISSION_SETTLE_MODE_SETTLED,
    CT_ADMISSION_SETTLE_MODE_MIXED,
} ct_admission_settle_mode;

typedef struct ct_admission_link {
    ct_context ctx;
    ct_peer peer;
    ct_text name;
    ct_admission_role role;
    ct_admission_terminus source;
    ct_admission_terminus target;
    ct_admission_settle_mode settle;
    ct_u64_option max_message_size;
    ct_text_list desired_capabilities;
    ct_entry_list properties;
    uint32_t links_open;
    ct_text_list truncated;
} ct_admission_link;

typedef struct ct_admission_grant {
    ct_limits limits;
    ct_quota_list quotas;
    ct_attr_list attributes;
    ct_u32_option recheck_after_ms;
    ct_text note;
} ct_admission_grant;

typedef enum ct_admission_answer_kind {
    CT_ADMISSION_ANSWER_NONE,
    CT_ADMISSION_ANSWER_ALLOW,
    CT_ADMISSION_ANSWER_DENY,
} ct_admission_answer_kind;

typedef struct ct_admission_answer {
    ct_admission_answer_kind kind;
    union {
        ct_admission_grant allow;
        ct_refusal deny;
    };
} ct_admission_answer;

typedef enum ct_address_direction {
    CT_ADDRESS_DIRECTION_NONE,
    CT_ADDRESS_DIRECTION_INBOUND,
    CT_ADDRESS_DIRECTION_OUTBOUND,
} ct_address_direction;

typedef enum ct_address_occasion {
    CT_ADDRESS_OCCASION_NONE,
    CT_ADDRESS_OCCASION_ATTACH,
    CT_ADDRESS_OCCASION_ANONYMOUS,
} ct_address_occasion;

/* `link-route`: to the connection of that name. */
typedef enum ct_address_treatment_kind {
    CT_ADDRESS_TREATMENT_NONE,
    CT_ADDRESS_TREATMENT_BALANCED,
    CT_ADDRESS_TREATMENT_CLOSEST,
    CT_ADDRESS_TREATMENT_MULTICAST,
    CT_ADDRESS_TREATMENT_LINK_ROUTE,
    CT_ADDRESS_TREATMENT_UNAVAILABLE,
} ct_address_treatment_kind;

typedef struct ct_address_treatment {
    ct_address_treatment_kind kind;
    union {
        ct_text link_route;
    };
} ct_address_treatment;

typedef struct ct_address_request {
    ct_context ctx;
    ct_text address;
    ct_address_direction direction;
    ct_address_occasion occasion;
    ct_peer peer;
    ct_text_list capabilities;
    ct_address_treatment configured;
    uint8_t phase;
    ct_text_list truncated;
} ct_address_request;

typedef enum ct_address_scope {
    CT_ADDRESS_SCOPE_NONE,
    CT_ADDRESS_SCOPE_CONNECTION,
    CT_ADDRESS_SCOPE_ATTRIBUTES,
    CT_ADDRESS_SCOPE_EVERYONE,
} ct_address_scope;

/* Absent fields: as configured for the (rewritten) address. A treatment that contradicts a live address is ignored, the live one stays, and it is counted. `ttl-ms` 0 or absent: not cached.
   `shared-by` absent: connection; `attributes`: every peer with equal attributes. */
typedef struct ct_address_ruling {
    ct_text address;
    ct_address_treatment treatment;
    ct_u8_option phase;
    ct_u8_option priority;
    ct_u32_option ttl_ms;
    ct_address_scope shared_by;
    ct_text note;
} ct_address_ruling;

typedef struct ct_address_denial {
    ct_refusal refusal;
    ct_u32_option ttl_ms;
    ct_address_scope shared_by;
} ct_address_denial;

typedef enum ct_address_answer_kind {
    CT_ADDRESS_ANSWER_NONE,
    CT_ADDRESS_ANSWER_APPLY,
    CT_ADDRESS_ANSWER_DENY,
} ct_address_answer_kind;

typedef struct ct_address_answer {
    ct_address_answer_kind kind;
    union {
        ct_address_ruling apply;
        ct_address_denial deny;
    };
} ct_address_answer;

/* Into zeroes. */
CT_ONCE void ct_read_value(ct_reader *from, ct_value *value) {
    bool bare = ct_text_comes(from);
    if (!bare && ct_read_map(from) != 1) __builtin_trap();
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 3:
        if (ct_same(word.ptr, "int", 3)) { if (!bare) { value->kind = CT_VALUE_INT; value->int_ = ct_read_s64(from); return; } }
        break;
    case 4:
        if (ct_same(word.ptr, "flag", 4)) { if (!bare) { value->kind = CT_VALUE_FLAG; value->flag = ct_read_bool(from); return; } }
        if (ct_same(word.ptr, "uint", 4)) { if (!bare) { value->kind = CT_VALUE_UINT; value->uint = ct_read_number(from, UINT64_MAX); return; } }
        if (ct_same(word.ptr, "text", 4)) { if (!bare) { value->kind = CT_VALUE_TEXT; value->text = ct_read_text(from); return; } }
        break;
    case 5:
        if (ct_same(word.ptr, "float", 5)) { if (!bare) { value->kind = CT_VALUE_FLOAT; value->float_ = ct_read_f64(from); return; } }
        if (ct_same(word.ptr, "bytes", 5)) { if (!bare) { value->kind = CT_VALUE_BYTES; value->bytes = ct_read_bytes(from); return; } }
        break;
    default:
        break;
    }
    if (!bare) ct_skip(from);
}

CT_ONCE void ct_write_value(ct_writer *out, const ct_value *value) {
    switch (value->kind) {
    case CT_VALUE_FLAG: ct_write_key(out, ct_write_map(out), CT("flag")); ct_write_bool(out, value->flag); break;
    case CT_VALUE_INT: ct_write_key(out, ct_write_map(out), CT("int")); ct_write_s64(out, value->int_); break;
    case CT_VALUE_UINT: ct_write_key(out, ct_write_map(out), CT("uint")); ct_write_number(out, value->uint); break;
    case CT_VALUE_FLOAT: ct_write_key(out, ct_write_map(out), CT("float")); ct_write_f64(out, value->float_); break;
    case CT_VALUE_TEXT: ct_write_key(out, ct_write_map(out), CT("text")); ct_write_text(out, value->text); break;
    case CT_VALUE_BYTES: ct_write_key(out, ct_write_map(out), CT("bytes")); ct_write_bytes(out, value->bytes); break;
    case CT_VALUE_NONE: __builtin_trap();
    }
}

/* Into zeroes. */
CT_ONCE void ct_read_entry(ct_reader *from, ct_entry *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "key", 3)) { value->key = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "val", 3)) { ct_read_value(from, &value->val); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_entry(ct_writer *out, const ct_entry *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("key")); ct_write_text(out, value->key);
    if (value->val.kind != 0) { ct_write_key(out, map, CT("val")); ct_write_value(out, &value->val); }
}

/* Into zeroes. */
CT_ONCE void ct_read_attr(ct_reader *from, ct_attr *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "key", 3)) { value->key = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "val", 3)) { value->val = ct_read_text(from); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_attr(ct_writer *out, const ct_attr *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("key")); ct_write_text(out, value->key);
    ct_write_key(out, map, CT("val")); ct_write_text(out, value->val);
}

/* Into zeroes. */
CT_ONCE void ct_read_context(ct_reader *from, ct_context *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "seed", 4)) { value->seed = ct_read_number(from, UINT64_MAX); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "now-ms", 6)) { value->now_ms = ct_read_number(from, UINT64_MAX); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "sequence", 8)) { value->sequence = ct_read_number(from, UINT64_MAX); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_context(ct_writer *out, const ct_context *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("now-ms")); ct_write_number(out, value->now_ms);
    ct_write_key(out, map, CT("seed")); ct_write_number(out, value->seed);
    ct_write_key(out, map, CT("sequence")); ct_write_number(out, value->sequence);
}

/* Into zeroes. */
CT_ONCE void ct_read_refusal(ct_reader *from, ct_refusal *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "note", 4)) { value->note = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "info", 4)) { value->info.len = ct_read_list(from); value->info.items = ct_alloc(value->info.len, sizeof *value->info.items); for (uint32_t i = 0; i < value->info.len; i++) ct_read_entry(from, &value->info.items[i]); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "condition", 9)) { value->condition = ct_read_text(from); continue; }
            break;
        case 11:
            if (ct_same(key.ptr, "description", 11)) { value->description = ct_read_text(from); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_refusal(ct_writer *out, const ct_refusal *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("condition")); ct_write_text(out, value->condition);
    ct_write_key(out, map, CT("description")); ct_write_text(out, value->description);
    if (value->note.ptr != NULL) { ct_write_key(out, map, CT("note")); ct_write_text(out, value->note); }
    if (value->info.items != NULL) { ct_write_key(out, map, CT("info")); ct_write_list(out, value->info.len); for (uint32_t i = 0; i < value->info.len; i++) ct_write_entry(out, &value->info.items[i]); }
}

/* Into zeroes. */
CT_ONCE void ct_read_tls(ct_reader *from, ct_tls *value) {
    value->present = true;
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "sni", 3)) { value->sni = ct_read_text(from); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "sans", 4)) { value->sans.len = ct_read_list(from); value->sans.items = ct_alloc(value->sans.len, sizeof *value->sans.items); for (uint32_t i = 0; i < value->sans.len; i++) value->sans.items[i] = ct_read_text(from); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "cipher", 6)) { value->cipher = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "issuer", 6)) { value->issuer = ct_read_text(from); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "version", 7)) { value->version = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "subject", 7)) { value->subject = ct_read_text(from); continue; }
            break;
        case 12:
            if (ct_same(key.ptr, "not-after-ms", 12)) { value->not_after_ms.present = true; value->not_after_ms.value = ct_read_number(from, UINT64_MAX); continue; }
            break;
        case 18:
            if (ct_same(key.ptr, "fingerprint-sha256", 18)) { value->fingerprint_sha256 = ct_read_text(from); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_tls(ct_writer *out, const ct_tls *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("version")); ct_write_text(out, value->version);
    ct_write_key(out, map, CT("cipher")); ct_write_text(out, value->cipher);
    if (value->sni.ptr != NULL) { ct_write_key(out, map, CT("sni")); ct_write_text(out, value->sni); }
    if (value->subject.ptr != NULL) { ct_write_key(out, map, CT("subject")); ct_write_text(out, value->subject); }
    if (value->issuer.ptr != NULL) { ct_write_key(out, map, CT("issuer")); ct_write_text(out, value->issuer); }
    if (value->sans.items != NULL) { ct_write_key(out, map, CT("sans")); ct_write_list(out, value->sans.len); for (uint32_t i = 0; i < value->sans.len; i++) ct_write_text(out, value->sans.items[i]); }
    if (value->fingerprint_sha256.ptr != NULL) { ct_write_key(out, map, CT("fingerprint-sha256")); ct_write_text(out, value->fingerprint_sha256); }
    if (value->not_after_ms.present) { ct_write_key(out, map, CT("not-after-ms")); ct_write_number(out, value->not_after_ms.value); }
}

/* Into zeroes. */
CT_ONCE void ct_read_counts(ct_reader *from, ct_counts *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "user", 4)) { value->user = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "total", 5)) { value->total = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "listener", 8)) { value->listener = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "peer-host", 9)) { value->peer_host = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_counts(ct_writer *out, const ct_counts *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("total")); ct_write_number(out, value->total);
    ct_write_key(out, map, CT("listener")); ct_write_number(out, value->listener);
    ct_write_key(out, map, CT("user")); ct_write_number(out, value->user);
    ct_write_key(out, map, CT("peer-host")); ct_write_number(out, value->peer_host);
}

/* Into zeroes. */
CT_ONCE void ct_read_limits(ct_reader *from, ct_limits *value) {
    value->present = true;
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 5:
            if (ct_same(key.ptr, "links", 5)) { value->links.present = true; value->links.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "senders", 7)) { value->senders.present = true; value->senders.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "sessions", 8)) { value->sessions.present = true; value->sessions.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "receivers", 9)) { value->receivers.present = true; value->receivers.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            if (ct_same(key.ptr, "unsettled", 9)) { value->unsettled.present = true; value->unsettled.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 11:
            if (ct_same(key.ptr, "link-credit", 11)) { value->link_credit.present = true; value->link_credit.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 14:
            if (ct_same(key.ptr, "buffered-bytes", 14)) { value->buffered_bytes.present = true; value->buffered_bytes.value = ct_read_number(from, UINT64_MAX); continue; }
            if (ct_same(key.ptr, "max-frame-size", 14)) { value->max_frame_size.present = true; value->max_frame_size.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 15:
            if (ct_same(key.ptr, "idle-timeout-ms", 15)) { value->idle_timeout_ms.present = true; value->idle_timeout_ms.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 16:
            if (ct_same(key.ptr, "max-message-size", 16)) { value->max_message_size.present = true; value->max_message_size.value = ct_read_number(from, UINT64_MAX); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_limits(ct_writer *out, const ct_limits *value) {
    uint8_t *map = ct_write_map(out);
    if (value->sessions.present) { ct_write_key(out, map, CT("sessions")); ct_write_number(out, value->sessions.value); }
    if (value->links.present) { ct_write_key(out, map, CT("links")); ct_write_number(out, value->links.value); }
    if (value->senders.present) { ct_write_key(out, map, CT("senders")); ct_write_number(out, value->senders.value); }
    if (value->receivers.present) { ct_write_key(out, map, CT("receivers")); ct_write_number(out, value->receivers.value); }
    if (value->unsettled.present) { ct_write_key(out, map, CT("unsettled")); ct_write_number(out, value->unsettled.value); }
    if (value->buffered_bytes.present) { ct_write_key(out, map, CT("buffered-bytes")); ct_write_number(out, value->buffered_bytes.value); }
    if (value->max_frame_size.present) { ct_write_key(out, map, CT("max-frame-size")); ct_write_number(out, value->max_frame_size.value); }
    if (value->max_message_size.present) { ct_write_key(out, map, CT("max-message-size")); ct_write_number(out, value->max_message_size.value); }
    if (value->idle_timeout_ms.present) { ct_write_key(out, map, CT("idle-timeout-ms")); ct_write_number(out, value->idle_timeout_ms.value); }
    if (value->link_credit.present) { ct_write_key(out, map, CT("link-credit")); ct_write_number(out, value->link_credit.value); }
}

/* Into zeroes. */
CT_ONCE void ct_read_quota(ct_reader *from, ct_quota *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "key", 3)) { value->key = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "max", 3)) { value->max = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_quota(ct_writer *out, const ct_quota *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("key")); ct_write_text(out, value->key);
    ct_write_key(out, map, CT("max")); ct_write_number(out, value->max);
}

CT_ONCE ct_transport ct_read_transport(ct_reader *from) {
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 2:
        if (ct_same(word.ptr, "ws", 2)) { return CT_TRANSPORT_WS; }
        break;
    case 3:
        if (ct_same(word.ptr, "tcp", 3)) { return CT_TRANSPORT_TCP; }
        if (ct_same(word.ptr, "tls", 3)) { return CT_TRANSPORT_TLS; }
        if (ct_same(word.ptr, "wss", 3)) { return CT_TRANSPORT_WSS; }
        break;
    default:
        break;
    }
    return CT_TRANSPORT_NONE;
}

CT_ONCE void ct_write_transport(ct_writer *out, ct_transport value) {
    switch (value) {
    case CT_TRANSPORT_TCP: ct_write_text(out, CT("tcp")); break;
    case CT_TRANSPORT_TLS: ct_write_text(out, CT("tls")); break;
    case CT_TRANSPORT_WS: ct_write_text(out, CT("ws")); break;
    case CT_TRANSPORT_WSS: ct_write_text(out, CT("wss")); break;
    case CT_TRANSPORT_NONE: __builtin_trap();
    }
}

/* Into zeroes. */
CT_ONCE void ct_read_peer(ct_reader *from, ct_peer *value) {
    value->present = true;
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 2:
            if (ct_same(key.ptr, "ip", 2)) { value->ip = ct_read_text(from); continue; }
            break;
        case 3:
            if (ct_same(key.ptr, "tls", 3)) { ct_read_tls(from, &value->tls); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "port", 4)) { value->port = (uint16_t)ct_read_number(from, UINT16_MAX); continue; }
            if (ct_same(key.ptr, "user", 4)) { value->user = ct_read_text(from); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "vhost", 5)) { value->vhost = ct_read_text(from); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "listener", 8)) { value->listener = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "local-ip", 8)) { value->local_ip = ct_read_text(from); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "connector", 9)) { value->connector = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "transport", 9)) { value->transport = ct_read_transport(from); continue; }
            if (ct_same(key.ptr, "mechanism", 9)) { value->mechanism = ct_read_text(from); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "local-port", 10)) { value->local_port = (uint16_t)ct_read_number(from, UINT16_MAX); continue; }
            if (ct_same(key.ptr, "attributes", 10)) { value->attributes.len = ct_read_list(from); value->attributes.items = ct_alloc(value->attributes.len, sizeof *value->attributes.items); for (uint32_t i = 0; i < value->attributes.len; i++) ct_read_attr(from, &value->attributes.items[i]); continue; }
            break;
        case 12:
            if (ct_same(key.ptr, "container-id", 12)) { value->container_id = ct_read_text(from); continue; }
            break;
        case 13:
            if (ct_same(key.ptr, "connection-id", 13)) { value->connection_id = ct_read_number(from, UINT64_MAX); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_peer(ct_writer *out, const ct_peer *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("connection-id")); ct_write_number(out, value->connection_id);
    if (value->listener.ptr != NULL) { ct_write_key(out, map, CT("listener")); ct_write_text(out, value->listener); }
    if (value->connector.ptr != NULL) { ct_write_key(out, map, CT("connector")); ct_write_text(out, value->connector); }
    if (value->transport != 0) { ct_write_key(out, map, CT("transport")); ct_write_transport(out, value->transport); }
    ct_write_key(out, map, CT("ip")); ct_write_text(out, value->ip);
    ct_write_key(out, map, CT("port")); ct_write_number(out, value->port);
    ct_write_key(out, map, CT("local-ip")); ct_write_text(out, value->local_ip);
    ct_write_key(out, map, CT("local-port")); ct_write_number(out, value->local_port);
    if (value->vhost.ptr != NULL) { ct_write_key(out, map, CT("vhost")); ct_write_text(out, value->vhost); }
    if (value->user.ptr != NULL) { ct_write_key(out, map, CT("user")); ct_write_text(out, value->user); }
    if (value->mechanism.ptr != NULL) { ct_write_key(out, map, CT("mechanism")); ct_write_text(out, value->mechanism); }
    ct_write_key(out, map, CT("container-id")); ct_write_text(out, value->container_id);
    if (value->tls.present) { ct_write_key(out, map, CT("tls")); ct_write_tls(out, &value->tls); }
    if (value->attributes.items != NULL) { ct_write_key(out, map, CT("attributes")); ct_write_list(out, value->attributes.len); for (uint32_t i = 0; i < value->attributes.len; i++) ct_write_attr(out, &value->attributes.items[i]); }
}

/* Into zeroes. */
CT_ONCE void ct_read_setup_request(ct_reader *from, ct_setup_request *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "seed", 4)) { value->seed = ct_read_number(from, UINT64_MAX); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "minor", 5)) { value->minor = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "plugin", 6)) { value->plugin = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "now-ms", 6)) { value->now_ms = ct_read_number(from, UINT64_MAX); continue; }
            if (ct_same(key.ptr, "config", 6)) { value->config = ct_read_nodes(from); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "granted", 7)) { value->granted.len = ct_read_list(from); value->granted.items = ct_alloc(value->granted.len, sizeof *value->granted.items); for (uint32_t i = 0; i < value->granted.len; i++) value->granted.items[i] = ct_read_text(from); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "router-id", 9)) { value->router_id = ct_read_text(from); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_setup_request(ct_writer *out, const ct_setup_request *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("plugin")); ct_write_text(out, value->plugin);
    ct_write_key(out, map, CT("router-id")); ct_write_text(out, value->router_id);
    ct_write_key(out, map, CT("minor")); ct_write_number(out, value->minor);
    ct_write_key(out, map, CT("now-ms")); ct_write_number(out, value->now_ms);
    ct_write_key(out, map, CT("seed")); ct_write_number(out, value->seed);
    if (value->granted.items != NULL) { ct_write_key(out, map, CT("granted")); ct_write_list(out, value->granted.len); for (uint32_t i = 0; i < value->granted.len; i++) ct_write_text(out, value->granted.items[i]); }
    if (value->config.items != NULL) { ct_write_key(out, map, CT("config")); ct_write_nodes(out, value->config); }
}

/* Into zeroes. */
CT_ONCE void ct_read_setup_problem(ct_reader *from, ct_setup_problem *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "path", 4)) { value->path.len = ct_read_list(from); value->path.items = ct_alloc(value->path.len, sizeof *value->path.items); for (uint32_t i = 0; i < value->path.len; i++) value->path.items[i] = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "message", 7)) { value->message = ct_read_text(from); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_setup_problem(ct_writer *out, const ct_setup_problem *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("message")); ct_write_text(out, value->message);
    if (value->path.items != NULL) { ct_write_key(out, map, CT("path")); ct_write_list(out, value->path.len); for (uint32_t i = 0; i < value->path.len; i++) ct_write_number(out, value->path.items[i]); }
}

/* Into zeroes. */
CT_ONCE void ct_read_setup_answer(ct_reader *from, ct_setup_answer *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 5:
            if (ct_same(key.ptr, "hooks", 5)) { value->hooks.len = ct_read_list(from); value->hooks.items = ct_alloc(value->hooks.len, sizeof *value->hooks.items); for (uint32_t i = 0; i < value->hooks.len; i++) value->hooks.items[i] = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "reads", 5)) { value->reads.len = ct_read_list(from); value->reads.items = ct_alloc(value->reads.len, sizeof *value->reads.items); for (uint32_t i = 0; i < value->reads.len; i++) value->reads.items[i] = ct_read_text(from); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "problems", 8)) { value->problems.len = ct_read_list(from); value->problems.items = ct_alloc(value->problems.len, sizeof *value->problems.items); for (uint32_t i = 0; i < value->problems.len; i++) ct_read_setup_problem(from, &value->problems.items[i]); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_setup_answer(ct_writer *out, const ct_setup_answer *value) {
    uint8_t *map = ct_write_map(out);
    if (value->problems.items != NULL) { ct_write_key(out, map, CT("problems")); ct_write_list(out, value->problems.len); for (uint32_t i = 0; i < value->problems.len; i++) ct_write_setup_problem(out, &value->problems.items[i]); }
    if (value->hooks.items != NULL) { ct_write_key(out, map, CT("hooks")); ct_write_list(out, value->hooks.len); for (uint32_t i = 0; i < value->hooks.len; i++) ct_write_text(out, value->hooks.items[i]); }
    if (value->reads.items != NULL) { ct_write_key(out, map, CT("reads")); ct_write_list(out, value->reads.len); for (uint32_t i = 0; i < value->reads.len; i++) ct_write_text(out, value->reads.items[i]); }
}

CT_ONCE ct_failover_origin ct_read_failover_origin(ct_reader *from) {
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 10:
        if (ct_same(word.ptr, "configured", 10)) { return CT_FAILOVER_ORIGIN_CONFIGURED; }
        if (ct_same(word.ptr, "advertised", 10)) { return CT_FAILOVER_ORIGIN_ADVERTISED; }
        if (ct_same(word.ptr, "redirected", 10)) { return CT_FAILOVER_ORIGIN_REDIRECTED; }
        break;
    default:
        break;
    }
    return CT_FAILOVER_ORIGIN_NONE;
}

CT_ONCE void ct_write_failover_origin(ct_writer *out, ct_failover_origin value) {
    switch (value) {
    case CT_FAILOVER_ORIGIN_CONFIGURED: ct_write_text(out, CT("configured")); break;
    case CT_FAILOVER_ORIGIN_ADVERTISED: ct_write_text(out, CT("advertised")); break;
    case CT_FAILOVER_ORIGIN_REDIRECTED: ct_write_text(out, CT("redirected")); break;
    case CT_FAILOVER_ORIGIN_NONE: __builtin_trap();
    }
}

CT_ONCE ct_failover_scheme ct_read_failover_scheme(ct_reader *from) {
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 2:
        if (ct_same(word.ptr, "ws", 2)) { return CT_FAILOVER_SCHEME_WS; }
        break;
    case 3:
        if (ct_same(word.ptr, "wss", 3)) { return CT_FAILOVER_SCHEME_WSS; }
        break;
    case 4:
        if (ct_same(word.ptr, "amqp", 4)) { return CT_FAILOVER_SCHEME_AMQP; }
        break;
    case 5:
        if (ct_same(word.ptr, "amqps", 5)) { return CT_FAILOVER_SCHEME_AMQPS; }
        break;
    default:
        break;
    }
    return CT_FAILOVER_SCHEME_NONE;
}

CT_ONCE void ct_write_failover_scheme(ct_writer *out, ct_failover_scheme value) {
    switch (value) {
    case CT_FAILOVER_SCHEME_AMQP: ct_write_text(out, CT("amqp")); break;
    case CT_FAILOVER_SCHEME_AMQPS: ct_write_text(out, CT("amqps")); break;
    case CT_FAILOVER_SCHEME_WS: ct_write_text(out, CT("ws")); break;
    case CT_FAILOVER_SCHEME_WSS: ct_write_text(out, CT("wss")); break;
    case CT_FAILOVER_SCHEME_NONE: __builtin_trap();
    }
}

/* Into zeroes. */
CT_ONCE void ct_read_failover_candidate(ct_reader *from, ct_failover_candidate *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "host", 4)) { value->host = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "port", 4)) { value->port = (uint16_t)ct_read_number(from, UINT16_MAX); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "scheme", 6)) { value->scheme = ct_read_failover_scheme(from); continue; }
            if (ct_same(key.ptr, "origin", 6)) { value->origin = ct_read_failover_origin(from); continue; }
            if (ct_same(key.ptr, "labels", 6)) { value->labels.len = ct_read_list(from); value->labels.items = ct_alloc(value->labels.len, sizeof *value->labels.items); for (uint32_t i = 0; i < value->labels.len; i++) ct_read_attr(from, &value->labels.items[i]); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "hostname", 8)) { value->hostname = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "priority", 8)) { value->priority = (uint8_t)ct_read_number(from, UINT8_MAX); continue; }
            if (ct_same(key.ptr, "attempts", 8)) { value->attempts = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "last-error", 10)) { value->last_error = ct_read_text(from); continue; }
            break;
        case 11:
            if (ct_same(key.ptr, "last-rtt-us", 11)) { value->last_rtt_us.present = true; value->last_rtt_us.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 14:
            if (ct_same(key.ptr, "last-condition", 14)) { value->last_condition = ct_read_text(from); continue; }
            break;
        case 15:
            if (ct_same(key.ptr, "failures-in-row", 15)) { value->failures_in_row = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 18:
            if (ct_same(key.ptr, "last-attempt-at-ms", 18)) { value->last_attempt_at_ms.present = true; value->last_attempt_at_ms.value = ct_read_number(from, UINT64_MAX); continue; }
            if (ct_same(key.ptr, "last-success-at-ms", 18)) { value->last_success_at_ms.present = true; value->last_success_at_ms.value = ct_read_number(from, UINT64_MAX); continue; }
            break;
        case 24:
            if (ct_same(key.ptr, "certificate-not-after-ms", 24)) { value->certificate_not_after_ms.present = true; value->certificate_not_after_ms.value = ct_read_number(from, UINT64_MAX); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_failover_candidate(ct_writer *out, const ct_failover_candidate *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("host")); ct_write_text(out, value->host);
    ct_write_key(out, map, CT("port")); ct_write_number(out, value->port);
    if (value->scheme != 0) { ct_write_key(out, map, CT("scheme")); ct_write_failover_scheme(out, value->scheme); }
    if (value->hostname.ptr != NULL) { ct_write_key(out, map, CT("hostname")); ct_write_text(out, value->hostname); }
    if (value->origin != 0) { ct_write_key(out, map, CT("origin")); ct_write_failover_origin(out, value->origin); }
    ct_write_key(out, map, CT("priority")); ct_write_number(out, value->priority);
    if (value->labels.items != NULL) { ct_write_key(out, map, CT("labels")); ct_write_list(out, value->labels.len); for (uint32_t i = 0; i < value->labels.len; i++) ct_write_attr(out, &value->labels.items[i]); }
    ct_write_key(out, map, CT("attempts")); ct_write_number(out, value->attempts);
    ct_write_key(out, map, CT("failures-in-row")); ct_write_number(out, value->failures_in_row);
    if (value->last_error.ptr != NULL) { ct_write_key(out, map, CT("last-error")); ct_write_text(out, value->last_error); }
    if (value->last_condition.ptr != NULL) { ct_write_key(out, map, CT("last-condition")); ct_write_text(out, value->last_condition); }
    if (value->last_attempt_at_ms.present) { ct_write_key(out, map, CT("last-attempt-at-ms")); ct_write_number(out, value->last_attempt_at_ms.value); }
    if (value->last_success_at_ms.present) { ct_write_key(out, map, CT("last-success-at-ms")); ct_write_number(out, value->last_success_at_ms.value); }
    if (value->last_rtt_us.present) { ct_write_key(out, map, CT("last-rtt-us")); ct_write_number(out, value->last_rtt_us.value); }
    if (value->certificate_not_after_ms.present) { ct_write_key(out, map, CT("certificate-not-after-ms")); ct_write_number(out, value->certificate_not_after_ms.value); }
}

CT_ONCE ct_failover_cause ct_read_failover_cause(ct_reader *from) {
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 4:
        if (ct_same(word.ptr, "lost", 4)) { return CT_FAILOVER_CAUSE_LOST; }
        break;
    case 6:
        if (ct_same(word.ptr, "reload", 6)) { return CT_FAILOVER_CAUSE_RELOAD; }
        break;
    case 7:
        if (ct_same(word.ptr, "startup", 7)) { return CT_FAILOVER_CAUSE_STARTUP; }
        break;
    case 9:
        if (ct_same(word.ptr, "exhausted", 9)) { return CT_FAILOVER_CAUSE_EXHAUSTED; }
        break;
    case 10:
        if (ct_same(word.ptr, "redirected", 10)) { return CT_FAILOVER_CAUSE_REDIRECTED; }
        if (ct_same(word.ptr, "reconsider", 10)) { return CT_FAILOVER_CAUSE_RECONSIDER; }
        break;
    default:
        break;
    }
    return CT_FAILOVER_CAUSE_NONE;
}

CT_ONCE void ct_write_failover_cause(ct_writer *out, ct_failover_cause value) {
    switch (value) {
    case CT_FAILOVER_CAUSE_STARTUP: ct_write_text(out, CT("startup")); break;
    case CT_FAILOVER_CAUSE_LOST: ct_write_text(out, CT("lost")); break;
    case CT_FAILOVER_CAUSE_EXHAUSTED: ct_write_text(out, CT("exhausted")); break;
    case CT_FAILOVER_CAUSE_REDIRECTED: ct_write_text(out, CT("redirected")); break;
    case CT_FAILOVER_CAUSE_RELOAD: ct_write_text(out, CT("reload")); break;
    case CT_FAILOVER_CAUSE_RECONSIDER: ct_write_text(out, CT("reconsider")); break;
    case CT_FAILOVER_CAUSE_NONE: __builtin_trap();
    }
}

/* Into zeroes. */
CT_ONCE void ct_read_failover_request(ct_reader *from, ct_failover_request *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "ctx", 3)) { ct_read_context(from, &value->ctx); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "role", 4)) { value->role = ct_read_text(from); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "cause", 5)) { value->cause = ct_read_failover_cause(from); continue; }
            if (ct_same(key.ptr, "round", 5)) { value->round = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "current", 7)) { value->current.present = true; value->current.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "connector", 9)) { value->connector = ct_read_text(from); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "candidates", 10)) { value->candidates.len = ct_read_list(from); value->candidates.items = ct_alloc(value->candidates.len, sizeof *value->candidates.items); for (uint32_t i = 0; i < value->candidates.len; i++) ct_read_failover_candidate(from, &value->candidates.items[i]); continue; }
            break;
        case 13:
            if (ct_same(key.ptr, "down-since-ms", 13)) { value->down_since_ms.present = true; value->down_since_ms.value = ct_read_number(from, UINT64_MAX); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_failover_request(ct_writer *out, const ct_failover_request *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("ctx")); ct_write_context(out, &value->ctx);
    ct_write_key(out, map, CT("connector")); ct_write_text(out, value->connector);
    ct_write_key(out, map, CT("role")); ct_write_text(out, value->role);
    if (value->cause != 0) { ct_write_key(out, map, CT("cause")); ct_write_failover_cause(out, value->cause); }
    ct_write_key(out, map, CT("round")); ct_write_number(out, value->round);
    if (value->current.present) { ct_write_key(out, map, CT("current")); ct_write_number(out, value->current.value); }
    if (value->down_since_ms.present) { ct_write_key(out, map, CT("down-since-ms")); ct_write_number(out, value->down_since_ms.value); }
    if (value->candidates.items != NULL) { ct_write_key(out, map, CT("candidates")); ct_write_list(out, value->candidates.len); for (uint32_t i = 0; i < value->candidates.len; i++) ct_write_failover_candidate(out, &value->candidates.items[i]); }
}

/* Into zeroes. */
CT_ONCE void ct_read_failover_pick(ct_reader *from, ct_failover_pick *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 5:
            if (ct_same(key.ptr, "index", 5)) { value->index = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "delay-ms", 8)) { value->delay_ms.present = true; value->delay_ms.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_failover_pick(ct_writer *out, const ct_failover_pick *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("index")); ct_write_number(out, value->index);
    if (value->delay_ms.present) { ct_write_key(out, map, CT("delay-ms")); ct_write_number(out, value->delay_ms.value); }
}

/* Into zeroes. */
CT_ONCE void ct_read_failover_answer(ct_reader *from, ct_failover_answer *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "note", 4)) { value->note = ct_read_text(from); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "order", 5)) { value->order.len = ct_read_list(from); value->order.items = ct_alloc(value->order.len, sizeof *value->order.items); for (uint32_t i = 0; i < value->order.len; i++) ct_read_failover_pick(from, &value->order.items[i]); continue; }
            break;
        case 14:
            if (ct_same(key.ptr, "retry-after-ms", 14)) { value->retry_after_ms.present = true; value->retry_after_ms.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 19:
            if (ct_same(key.ptr, "reconsider-after-ms", 19)) { value->reconsider_after_ms.present = true; value->reconsider_after_ms.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_failover_answer(ct_writer *out, const ct_failover_answer *value) {
    uint8_t *map = ct_write_map(out);
    if (value->order.items != NULL) { ct_write_key(out, map, CT("order")); ct_write_list(out, value->order.len); for (uint32_t i = 0; i < value->order.len; i++) ct_write_failover_pick(out, &value->order.items[i]); }
    if (value->retry_after_ms.present) { ct_write_key(out, map, CT("retry-after-ms")); ct_write_number(out, value->retry_after_ms.value); }
    if (value->reconsider_after_ms.present) { ct_write_key(out, map, CT("reconsider-after-ms")); ct_write_number(out, value->reconsider_after_ms.value); }
    if (value->note.ptr != NULL) { ct_write_key(out, map, CT("note")); ct_write_text(out, value->note); }
}

/* Into zeroes. */
CT_ONCE void ct_read_admission_connection(ct_reader *from, ct_admission_connection *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "ctx", 3)) { ct_read_context(from, &value->ctx); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "peer", 4)) { ct_read_peer(from, &value->peer); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "counts", 6)) { ct_read_counts(from, &value->counts); continue; }
            if (ct_same(key.ptr, "limits", 6)) { ct_read_limits(from, &value->limits); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "recheck", 7)) { value->recheck = ct_read_bool(from); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "truncated", 9)) { value->truncated.len = ct_read_list(from); value->truncated.items = ct_alloc(value->truncated.len, sizeof *value->truncated.items); for (uint32_t i = 0; i < value->truncated.len; i++) value->truncated.items[i] = ct_read_text(from); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "properties", 10)) { value->properties.len = ct_read_list(from); value->properties.items = ct_alloc(value->properties.len, sizeof *value->properties.items); for (uint32_t i = 0; i < value->properties.len; i++) ct_read_entry(from, &value->properties.items[i]); continue; }
            break;
        case 11:
            if (ct_same(key.ptr, "channel-max", 11)) { value->channel_max = (uint16_t)ct_read_number(from, UINT16_MAX); continue; }
            break;
        case 14:
            if (ct_same(key.ptr, "max-frame-size", 14)) { value->max_frame_size = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 15:
            if (ct_same(key.ptr, "idle-timeout-ms", 15)) { value->idle_timeout_ms.present = true; value->idle_timeout_ms.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 20:
            if (ct_same(key.ptr, "offered-capabilities", 20)) { value->offered_capabilities.len = ct_read_list(from); value->offered_capabilities.items = ct_alloc(value->offered_capabilities.len, sizeof *value->offered_capabilities.items); for (uint32_t i = 0; i < value->offered_capabilities.len; i++) value->offered_capabilities.items[i] = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "desired-capabilities", 20)) { value->desired_capabilities.len = ct_read_list(from); value->desired_capabilities.items = ct_alloc(value->desired_capabilities.len, sizeof *value->desired_capabilities.items); for (uint32_t i = 0; i < value->desired_capabilities.len; i++) value->desired_capabilities.items[i] = ct_read_text(from); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_admission_connection(ct_writer *out, const ct_admission_connection *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("ctx")); ct_write_context(out, &value->ctx);
    ct_write_key(out, map, CT("peer")); ct_write_peer(out, &value->peer);
    ct_write_key(out, map, CT("recheck")); ct_write_bool(out, value->recheck);
    ct_write_key(out, map, CT("max-frame-size")); ct_write_number(out, value->max_frame_size);
    ct_write_key(out, map, CT("channel-max")); ct_write_number(out, value->channel_max);
    if (value->idle_timeout_ms.present) { ct_write_key(out, map, CT("idle-timeout-ms")); ct_write_number(out, value->idle_timeout_ms.value); }
    if (value->offered_capabilities.items != NULL) { ct_write_key(out, map, CT("offered-capabilities")); ct_write_list(out, value->offered_capabilities.len); for (uint32_t i = 0; i < value->offered_capabilities.len; i++) ct_write_text(out, value->offered_capabilities.items[i]); }
    if (value->desired_capabilities.items != NULL) { ct_write_key(out, map, CT("desired-capabilities")); ct_write_list(out, value->desired_capabilities.len); for (uint32_t i = 0; i < value->desired_capabilities.len; i++) ct_write_text(out, value->desired_capabilities.items[i]); }
    if (value->properties.items != NULL) { ct_write_key(out, map, CT("properties")); ct_write_list(out, value->properties.len); for (uint32_t i = 0; i < value->properties.len; i++) ct_write_entry(out, &value->properties.items[i]); }
    ct_write_key(out, map, CT("counts")); ct_write_counts(out, &value->counts);
    ct_write_key(out, map, CT("limits")); ct_write_limits(out, &value->limits);
    if (value->truncated.items != NULL) { ct_write_key(out, map, CT("truncated")); ct_write_list(out, value->truncated.len); for (uint32_t i = 0; i < value->truncated.len; i++) ct_write_text(out, value->truncated.items[i]); }
}

/* Into zeroes. */
CT_ONCE void ct_read_admission_session(ct_reader *from, ct_admission_session *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "ctx", 3)) { ct_read_context(from, &value->ctx); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "peer", 4)) { ct_read_peer(from, &value->peer); continue; }
            break;
        case 13:
            if (ct_same(key.ptr, "sessions-open", 13)) { value->sessions_open = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_admission_session(ct_writer *out, const ct_admission_session *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("ctx")); ct_write_context(out, &value->ctx);
    ct_write_key(out, map, CT("peer")); ct_write_peer(out, &value->peer);
    ct_write_key(out, map, CT("sessions-open")); ct_write_number(out, value->sessions_open);
}

CT_ONCE ct_admission_role ct_read_admission_role(ct_reader *from) {
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 6:
        if (ct_same(word.ptr, "sender", 6)) { return CT_ADMISSION_ROLE_SENDER; }
        break;
    case 8:
        if (ct_same(word.ptr, "receiver", 8)) { return CT_ADMISSION_ROLE_RECEIVER; }
        break;
    default:
        break;
    }
    return CT_ADMISSION_ROLE_NONE;
}

CT_ONCE void ct_write_admission_role(ct_writer *out, ct_admission_role value) {
    switch (value) {
    case CT_ADMISSION_ROLE_SENDER: ct_write_text(out, CT("sender")); break;
    case CT_ADMISSION_ROLE_RECEIVER: ct_write_text(out, CT("receiver")); break;
    case CT_ADMISSION_ROLE_NONE: __builtin_trap();
    }
}

CT_ONCE ct_admission_expiry ct_read_admission_expiry(ct_reader *from) {
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 5:
        if (ct_same(word.ptr, "never", 5)) { return CT_ADMISSION_EXPIRY_NEVER; }
        break;
    case 11:
        if (ct_same(word.ptr, "link-detach", 11)) { return CT_ADMISSION_EXPIRY_LINK_DETACH; }
        if (ct_same(word.ptr, "session-end", 11)) { return CT_ADMISSION_EXPIRY_SESSION_END; }
        break;
    case 16:
        if (ct_same(word.ptr, "connection-close", 16)) { return CT_ADMISSION_EXPIRY_CONNECTION_CLOSE; }
        break;
    default:
        break;
    }
    return CT_ADMISSION_EXPIRY_NONE;
}

CT_ONCE void ct_write_admission_expiry(ct_writer *out, ct_admission_expiry value) {
    switch (value) {
    case CT_ADMISSION_EXPIRY_LINK_DETACH: ct_write_text(out, CT("link-detach")); break;
    case CT_ADMISSION_EXPIRY_SESSION_END: ct_write_text(out, CT("session-end")); break;
    case CT_ADMISSION_EXPIRY_CONNECTION_CLOSE: ct_write_text(out, CT("connection-close")); break;
    case CT_ADMISSION_EXPIRY_NEVER: ct_write_text(out, CT("never")); break;
    case CT_ADMISSION_EXPIRY_NONE: __builtin_trap();
    }
}

/* Into zeroes. */
CT_ONCE void ct_read_admission_filter(ct_reader *from, ct_admission_filter *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "val", 3)) { ct_read_value(from, &value->val); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "name", 4)) { value->name = ct_read_text(from); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_admission_filter(ct_writer *out, const ct_admission_filter *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("name")); ct_write_text(out, value->name);
    if (value->val.kind != 0) { ct_write_key(out, map, CT("val")); ct_write_value(out, &value->val); }
}

/* Into zeroes. */
CT_ONCE void ct_read_admission_terminus(ct_reader *from, ct_admission_terminus *value) {
    value->present = true;
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 6:
            if (ct_same(key.ptr, "expiry", 6)) { value->expiry = ct_read_admission_expiry(from); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "address", 7)) { value->address = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "durable", 7)) { value->durable = (uint8_t)ct_read_number(from, UINT8_MAX); continue; }
            if (ct_same(key.ptr, "dynamic", 7)) { value->dynamic = ct_read_bool(from); continue; }
            if (ct_same(key.ptr, "filters", 7)) { value->filters.len = ct_read_list(from); value->filters.items = ct_alloc(value->filters.len, sizeof *value->filters.items); for (uint32_t i = 0; i < value->filters.len; i++) ct_read_admission_filter(from, &value->filters.items[i]); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "timeout-s", 9)) { value->timeout_s = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 11:
            if (ct_same(key.ptr, "coordinator", 11)) { value->coordinator = ct_read_bool(from); continue; }
            break;
        case 12:
            if (ct_same(key.ptr, "distribution", 12)) { value->distribution = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "capabilities", 12)) { value->capabilities.len = ct_read_list(from); value->capabilities.items = ct_alloc(value->capabilities.len, sizeof *value->capabilities.items); for (uint32_t i = 0; i < value->capabilities.len; i++) value->capabilities.items[i] = ct_read_text(from); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_admission_terminus(ct_writer *out, const ct_admission_terminus *value) {
    uint8_t *map = ct_write_map(out);
    if (value->address.ptr != NULL) { ct_write_key(out, map, CT("address")); ct_write_text(out, value->address); }
    ct_write_key(out, map, CT("durable")); ct_write_number(out, value->durable);
    if (value->expiry != 0) { ct_write_key(out, map, CT("expiry")); ct_write_admission_expiry(out, value->expiry); }
    ct_write_key(out, map, CT("timeout-s")); ct_write_number(out, value->timeout_s);
    ct_write_key(out, map, CT("dynamic")); ct_write_bool(out, value->dynamic);
    ct_write_key(out, map, CT("coordinator")); ct_write_bool(out, value->coordinator);
    if (value->distribution.ptr != NULL) { ct_write_key(out, map, CT("distribution")); ct_write_text(out, value->distribution); }
    if (value->filters.items != NULL) { ct_write_key(out, map, CT("filters")); ct_write_list(out, value->filters.len); for (uint32_t i = 0; i < value->filters.len; i++) ct_write_admission_filter(out, &value->filters.items[i]); }
    if (value->capabilities.items != NULL) { ct_write_key(out, map, CT("capabilities")); ct_write_list(out, value->capabilities.len); for (uint32_t i = 0; i < value->capabilities.len; i++) ct_write_text(out, value->capabilities.items[i]); }
}

CT_ONCE ct_admission_settle_mode ct_read_admission_settle_mode(ct_reader *from) {
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 5:
        if (ct_same(word.ptr, "mixed", 5)) { return CT_ADMISSION_SETTLE_MODE_MIXED; }
        break;
    case 7:
        if (ct_same(word.ptr, "settled", 7)) { return CT_ADMISSION_SETTLE_MODE_SETTLED; }
        break;
    case 9:
        if (ct_same(word.ptr, "unsettled", 9)) { return CT_ADMISSION_SETTLE_MODE_UNSETTLED; }
        break;
    default:
        break;
    }
    return CT_ADMISSION_SETTLE_MODE_NONE;
}

CT_ONCE void ct_write_admission_settle_mode(ct_writer *out, ct_admission_settle_mode value) {
    switch (value) {
    case CT_ADMISSION_SETTLE_MODE_UNSETTLED: ct_write_text(out, CT("unsettled")); break;
    case CT_ADMISSION_SETTLE_MODE_SETTLED: ct_write_text(out, CT("settled")); break;
    case CT_ADMISSION_SETTLE_MODE_MIXED: ct_write_text(out, CT("mixed")); break;
    case CT_ADMISSION_SETTLE_MODE_NONE: __builtin_trap();
    }
}

/* Into zeroes. */
CT_ONCE void ct_read_admission_link(ct_reader *from, ct_admission_link *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "ctx", 3)) { ct_read_context(from, &value->ctx); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "peer", 4)) { ct_read_peer(from, &value->peer); continue; }
            if (ct_same(key.ptr, "name", 4)) { value->name = ct_read_text(from); continue; }
            if (ct_same(key.ptr, "role", 4)) { value->role = ct_read_admission_role(from); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "source", 6)) { ct_read_admission_terminus(from, &value->source); continue; }
            if (ct_same(key.ptr, "target", 6)) { ct_read_admission_terminus(from, &value->target); continue; }
            if (ct_same(key.ptr, "settle", 6)) { value->settle = ct_read_admission_settle_mode(from); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "truncated", 9)) { value->truncated.len = ct_read_list(from); value->truncated.items = ct_alloc(value->truncated.len, sizeof *value->truncated.items); for (uint32_t i = 0; i < value->truncated.len; i++) value->truncated.items[i] = ct_read_text(from); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "properties", 10)) { value->properties.len = ct_read_list(from); value->properties.items = ct_alloc(value->properties.len, sizeof *value->properties.items); for (uint32_t i = 0; i < value->properties.len; i++) ct_read_entry(from, &value->properties.items[i]); continue; }
            if (ct_same(key.ptr, "links-open", 10)) { value->links_open = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 16:
            if (ct_same(key.ptr, "max-message-size", 16)) { value->max_message_size.present = true; value->max_message_size.value = ct_read_number(from, UINT64_MAX); continue; }
            break;
        case 20:
            if (ct_same(key.ptr, "desired-capabilities", 20)) { value->desired_capabilities.len = ct_read_list(from); value->desired_capabilities.items = ct_alloc(value->desired_capabilities.len, sizeof *value->desired_capabilities.items); for (uint32_t i = 0; i < value->desired_capabilities.len; i++) value->desired_capabilities.items[i] = ct_read_text(from); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_admission_link(ct_writer *out, const ct_admission_link *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("ctx")); ct_write_context(out, &value->ctx);
    ct_write_key(out, map, CT("peer")); ct_write_peer(out, &value->peer);
    ct_write_key(out, map, CT("name")); ct_write_text(out, value->name);
    if (value->role != 0) { ct_write_key(out, map, CT("role")); ct_write_admission_role(out, value->role); }
    if (value->source.present) { ct_write_key(out, map, CT("source")); ct_write_admission_terminus(out, &value->source); }
    if (value->target.present) { ct_write_key(out, map, CT("target")); ct_write_admission_terminus(out, &value->target); }
    if (value->settle != 0) { ct_write_key(out, map, CT("settle")); ct_write_admission_settle_mode(out, value->settle); }
    if (value->max_message_size.present) { ct_write_key(out, map, CT("max-message-size")); ct_write_number(out, value->max_message_size.value); }
    if (value->desired_capabilities.items != NULL) { ct_write_key(out, map, CT("desired-capabilities")); ct_write_list(out, value->desired_capabilities.len); for (uint32_t i = 0; i < value->desired_capabilities.len; i++) ct_write_text(out, value->desired_capabilities.items[i]); }
    if (value->properties.items != NULL) { ct_write_key(out, map, CT("properties")); ct_write_list(out, value->properties.len); for (uint32_t i = 0; i < value->properties.len; i++) ct_write_entry(out, &value->properties.items[i]); }
    ct_write_key(out, map, CT("links-open")); ct_write_number(out, value->links_open);
    if (value->truncated.items != NULL) { ct_write_key(out, map, CT("truncated")); ct_write_list(out, value->truncated.len); for (uint32_t i = 0; i < value->truncated.len; i++) ct_write_text(out, value->truncated.items[i]); }
}

/* Into zeroes. */
CT_ONCE void ct_read_admission_grant(ct_reader *from, ct_admission_grant *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "note", 4)) { value->note = ct_read_text(from); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "limits", 6)) { ct_read_limits(from, &value->limits); continue; }
            if (ct_same(key.ptr, "quotas", 6)) { value->quotas.len = ct_read_list(from); value->quotas.items = ct_alloc(value->quotas.len, sizeof *value->quotas.items); for (uint32_t i = 0; i < value->quotas.len; i++) ct_read_quota(from, &value->quotas.items[i]); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "attributes", 10)) { value->attributes.len = ct_read_list(from); value->attributes.items = ct_alloc(value->attributes.len, sizeof *value->attributes.items); for (uint32_t i = 0; i < value->attributes.len; i++) ct_read_attr(from, &value->attributes.items[i]); continue; }
            break;
        case 16:
            if (ct_same(key.ptr, "recheck-after-ms", 16)) { value->recheck_after_ms.present = true; value->recheck_after_ms.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_admission_grant(ct_writer *out, const ct_admission_grant *value) {
    uint8_t *map = ct_write_map(out);
    if (value->limits.present) { ct_write_key(out, map, CT("limits")); ct_write_limits(out, &value->limits); }
    if (value->quotas.items != NULL) { ct_write_key(out, map, CT("quotas")); ct_write_list(out, value->quotas.len); for (uint32_t i = 0; i < value->quotas.len; i++) ct_write_quota(out, &value->quotas.items[i]); }
    if (value->attributes.items != NULL) { ct_write_key(out, map, CT("attributes")); ct_write_list(out, value->attributes.len); for (uint32_t i = 0; i < value->attributes.len; i++) ct_write_attr(out, &value->attributes.items[i]); }
    if (value->recheck_after_ms.present) { ct_write_key(out, map, CT("recheck-after-ms")); ct_write_number(out, value->recheck_after_ms.value); }
    if (value->note.ptr != NULL) { ct_write_key(out, map, CT("note")); ct_write_text(out, value->note); }
}

/* Into zeroes. */
CT_ONCE void ct_read_admission_answer(ct_reader *from, ct_admission_answer *value) {
    bool bare = ct_text_comes(from);
    if (!bare && ct_read_map(from) != 1) __builtin_trap();
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 4:
        if (ct_same(word.ptr, "deny", 4)) { if (!bare) { value->kind = CT_ADMISSION_ANSWER_DENY; ct_read_refusal(from, &value->deny); return; } }
        break;
    case 5:
        if (ct_same(word.ptr, "allow", 5)) { if (!bare) { value->kind = CT_ADMISSION_ANSWER_ALLOW; ct_read_admission_grant(from, &value->allow); return; } }
        break;
    default:
        break;
    }
    if (!bare) ct_skip(from);
}

CT_ONCE void ct_write_admission_answer(ct_writer *out, const ct_admission_answer *value) {
    switch (value->kind) {
    case CT_ADMISSION_ANSWER_ALLOW: ct_write_key(out, ct_write_map(out), CT("allow")); ct_write_admission_grant(out, &value->allow); break;
    case CT_ADMISSION_ANSWER_DENY: ct_write_key(out, ct_write_map(out), CT("deny")); ct_write_refusal(out, &value->deny); break;
    case CT_ADMISSION_ANSWER_NONE: __builtin_trap();
    }
}

CT_ONCE ct_address_direction ct_read_address_direction(ct_reader *from) {
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 7:
        if (ct_same(word.ptr, "inbound", 7)) { return CT_ADDRESS_DIRECTION_INBOUND; }
        break;
    case 8:
        if (ct_same(word.ptr, "outbound", 8)) { return CT_ADDRESS_DIRECTION_OUTBOUND; }
        break;
    default:
        break;
    }
    return CT_ADDRESS_DIRECTION_NONE;
}

CT_ONCE void ct_write_address_direction(ct_writer *out, ct_address_direction value) {
    switch (value) {
    case CT_ADDRESS_DIRECTION_INBOUND: ct_write_text(out, CT("inbound")); break;
    case CT_ADDRESS_DIRECTION_OUTBOUND: ct_write_text(out, CT("outbound")); break;
    case CT_ADDRESS_DIRECTION_NONE: __builtin_trap();
    }
}

CT_ONCE ct_address_occasion ct_read_address_occasion(ct_reader *from) {
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 6:
        if (ct_same(word.ptr, "attach", 6)) { return CT_ADDRESS_OCCASION_ATTACH; }
        break;
    case 9:
        if (ct_same(word.ptr, "anonymous", 9)) { return CT_ADDRESS_OCCASION_ANONYMOUS; }
        break;
    default:
        break;
    }
    return CT_ADDRESS_OCCASION_NONE;
}

CT_ONCE void ct_write_address_occasion(ct_writer *out, ct_address_occasion value) {
    switch (value) {
    case CT_ADDRESS_OCCASION_ATTACH: ct_write_text(out, CT("attach")); break;
    case CT_ADDRESS_OCCASION_ANONYMOUS: ct_write_text(out, CT("anonymous")); break;
    case CT_ADDRESS_OCCASION_NONE: __builtin_trap();
    }
}

/* Into zeroes. */
CT_ONCE void ct_read_address_treatment(ct_reader *from, ct_address_treatment *value) {
    bool bare = ct_text_comes(from);
    if (!bare && ct_read_map(from) != 1) __builtin_trap();
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 7:
        if (ct_same(word.ptr, "closest", 7)) { if (bare) { value->kind = CT_ADDRESS_TREATMENT_CLOSEST; return; } }
        break;
    case 8:
        if (ct_same(word.ptr, "balanced", 8)) { if (bare) { value->kind = CT_ADDRESS_TREATMENT_BALANCED; return; } }
        break;
    case 9:
        if (ct_same(word.ptr, "multicast", 9)) { if (bare) { value->kind = CT_ADDRESS_TREATMENT_MULTICAST; return; } }
        break;
    case 10:
        if (ct_same(word.ptr, "link-route", 10)) { if (!bare) { value->kind = CT_ADDRESS_TREATMENT_LINK_ROUTE; value->link_route = ct_read_text(from); return; } }
        break;
    case 11:
        if (ct_same(word.ptr, "unavailable", 11)) { if (bare) { value->kind = CT_ADDRESS_TREATMENT_UNAVAILABLE; return; } }
        break;
    default:
        break;
    }
    if (!bare) ct_skip(from);
}

CT_ONCE void ct_write_address_treatment(ct_writer *out, const ct_address_treatment *value) {
    switch (value->kind) {
    case CT_ADDRESS_TREATMENT_BALANCED: ct_write_text(out, CT("balanced")); break;
    case CT_ADDRESS_TREATMENT_CLOSEST: ct_write_text(out, CT("closest")); break;
    case CT_ADDRESS_TREATMENT_MULTICAST: ct_write_text(out, CT("multicast")); break;
    case CT_ADDRESS_TREATMENT_LINK_ROUTE: ct_write_key(out, ct_write_map(out), CT("link-route")); ct_write_text(out, value->link_route); break;
    case CT_ADDRESS_TREATMENT_UNAVAILABLE: ct_write_text(out, CT("unavailable")); break;
    case CT_ADDRESS_TREATMENT_NONE: __builtin_trap();
    }
}

/* Into zeroes. */
CT_ONCE void ct_read_address_request(ct_reader *from, ct_address_request *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "ctx", 3)) { ct_read_context(from, &value->ctx); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "peer", 4)) { ct_read_peer(from, &value->peer); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "phase", 5)) { value->phase = (uint8_t)ct_read_number(from, UINT8_MAX); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "address", 7)) { value->address = ct_read_text(from); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "occasion", 8)) { value->occasion = ct_read_address_occasion(from); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "direction", 9)) { value->direction = ct_read_address_direction(from); continue; }
            if (ct_same(key.ptr, "truncated", 9)) { value->truncated.len = ct_read_list(from); value->truncated.items = ct_alloc(value->truncated.len, sizeof *value->truncated.items); for (uint32_t i = 0; i < value->truncated.len; i++) value->truncated.items[i] = ct_read_text(from); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "configured", 10)) { ct_read_address_treatment(from, &value->configured); continue; }
            break;
        case 12:
            if (ct_same(key.ptr, "capabilities", 12)) { value->capabilities.len = ct_read_list(from); value->capabilities.items = ct_alloc(value->capabilities.len, sizeof *value->capabilities.items); for (uint32_t i = 0; i < value->capabilities.len; i++) value->capabilities.items[i] = ct_read_text(from); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_address_request(ct_writer *out, const ct_address_request *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("ctx")); ct_write_context(out, &value->ctx);
    ct_write_key(out, map, CT("address")); ct_write_text(out, value->address);
    if (value->direction != 0) { ct_write_key(out, map, CT("direction")); ct_write_address_direction(out, value->direction); }
    if (value->occasion != 0) { ct_write_key(out, map, CT("occasion")); ct_write_address_occasion(out, value->occasion); }
    if (value->peer.present) { ct_write_key(out, map, CT("peer")); ct_write_peer(out, &value->peer); }
    if (value->capabilities.items != NULL) { ct_write_key(out, map, CT("capabilities")); ct_write_list(out, value->capabilities.len); for (uint32_t i = 0; i < value->capabilities.len; i++) ct_write_text(out, value->capabilities.items[i]); }
    if (value->configured.kind != 0) { ct_write_key(out, map, CT("configured")); ct_write_address_treatment(out, &value->configured); }
    ct_write_key(out, map, CT("phase")); ct_write_number(out, value->phase);
    if (value->truncated.items != NULL) { ct_write_key(out, map, CT("truncated")); ct_write_list(out, value->truncated.len); for (uint32_t i = 0; i < value->truncated.len; i++) ct_write_text(out, value->truncated.items[i]); }
}

CT_ONCE ct_address_scope ct_read_address_scope(ct_reader *from) {
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 8:
        if (ct_same(word.ptr, "everyone", 8)) { return CT_ADDRESS_SCOPE_EVERYONE; }
        break;
    case 10:
        if (ct_same(word.ptr, "connection", 10)) { return CT_ADDRESS_SCOPE_CONNECTION; }
        if (ct_same(word.ptr, "attributes", 10)) { return CT_ADDRESS_SCOPE_ATTRIBUTES; }
        break;
    default:
        break;
    }
    return CT_ADDRESS_SCOPE_NONE;
}

CT_ONCE void ct_write_address_scope(ct_writer *out, ct_address_scope value) {
    switch (value) {
    case CT_ADDRESS_SCOPE_CONNECTION: ct_write_text(out, CT("connection")); break;
    case CT_ADDRESS_SCOPE_ATTRIBUTES: ct_write_text(out, CT("attributes")); break;
    case CT_ADDRESS_SCOPE_EVERYONE: ct_write_text(out, CT("everyone")); break;
    case CT_ADDRESS_SCOPE_NONE: __builtin_trap();
    }
}

/* Into zeroes. */
CT_ONCE void ct_read_address_ruling(ct_reader *from, ct_address_ruling *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "note", 4)) { value->note = ct_read_text(from); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "phase", 5)) { value->phase.present = true; value->phase.value = (uint8_t)ct_read_number(from, UINT8_MAX); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "ttl-ms", 6)) { value->ttl_ms.present = true; value->ttl_ms.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "address", 7)) { value->address = ct_read_text(from); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "priority", 8)) { value->priority.present = true; value->priority.value = (uint8_t)ct_read_number(from, UINT8_MAX); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "treatment", 9)) { ct_read_address_treatment(from, &value->treatment); continue; }
            if (ct_same(key.ptr, "shared-by", 9)) { value->shared_by = ct_read_address_scope(from); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_address_ruling(ct_writer *out, const ct_address_ruling *value) {
    uint8_t *map = ct_write_map(out);
    if (value->address.ptr != NULL) { ct_write_key(out, map, CT("address")); ct_write_text(out, value->address); }
    if (value->treatment.kind != 0) { ct_write_key(out, map, CT("treatment")); ct_write_address_treatment(out, &value->treatment); }
    if (value->phase.present) { ct_write_key(out, map, CT("phase")); ct_write_number(out, value->phase.value); }
    if (value->priority.present) { ct_write_key(out, map, CT("priority")); ct_write_number(out, value->priority.value); }
    if (value->ttl_ms.present) { ct_write_key(out, map, CT("ttl-ms")); ct_write_number(out, value->ttl_ms.value); }
    if (value->shared_by != 0) { ct_write_key(out, map, CT("shared-by")); ct_write_address_scope(out, value->shared_by); }
    if (value->note.ptr != NULL) { ct_write_key(out, map, CT("note")); ct_write_text(out, value->note); }
}

/* Into zeroes. */
CT_ONCE void ct_read_address_denial(ct_reader *from, ct_address_denial *value) {
    for (uint32_t left = ct_read_map(from); left > 0; left--) {
        ct_text key = ct_read_text(from);
        if (ct_skip_null(from)) continue;
        switch (key.len) {
        case 6:
            if (ct_same(key.ptr, "ttl-ms", 6)) { value->ttl_ms.present = true; value->ttl_ms.value = (uint32_t)ct_read_number(from, UINT32_MAX); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "refusal", 7)) { ct_read_refusal(from, &value->refusal); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "shared-by", 9)) { value->shared_by = ct_read_address_scope(from); continue; }
            break;
        default:
            break;
        }
        ct_skip(from);
    }
}

CT_ONCE void ct_write_address_denial(ct_writer *out, const ct_address_denial *value) {
    uint8_t *map = ct_write_map(out);
    ct_write_key(out, map, CT("refusal")); ct_write_refusal(out, &value->refusal);
    if (value->ttl_ms.present) { ct_write_key(out, map, CT("ttl-ms")); ct_write_number(out, value->ttl_ms.value); }
    if (value->shared_by != 0) { ct_write_key(out, map, CT("shared-by")); ct_write_address_scope(out, value->shared_by); }
}

/* Into zeroes. */
CT_ONCE void ct_read_address_answer(ct_reader *from, ct_address_answer *value) {
    bool bare = ct_text_comes(from);
    if (!bare && ct_read_map(from) != 1) __builtin_trap();
    ct_text word = ct_read_text(from);
    switch (word.len) {
    case 4:
        if (ct_same(word.ptr, "deny", 4)) { if (!bare) { value->kind = CT_ADDRESS_ANSWER_DENY; ct_read_address_denial(from, &value->deny); return; } }
        break;
    case 5:
        if (ct_same(word.ptr, "apply", 5)) { if (!bare) { value->kind = CT_ADDRESS_ANSWER_APPLY; ct_read_address_ruling(from, &value->apply); return; } }
        break;
    default:
        break;
    }
    if (!bare) ct_skip(from);
}

CT_ONCE void ct_write_address_answer(ct_writer *out, const ct_address_answer *value) {
    switch (value->kind) {
    case CT_ADDRESS_ANSWER_APPLY: ct_write_key(out, ct_write_map(out), CT("apply")); ct_write_address_ruling(out, &value->apply); break;
    case CT_ADDRESS_ANSWER_DENY: ct_write_key(out, ct_write_map(out), CT("deny")); ct_write_address_denial(out, &value->deny); break;
    case CT_ADDRESS_ANSWER_NONE: __builtin_trap();
    }
}

typedef ct_failover_request ct_on_failover_request;
typedef ct_failover_answer ct_on_failover_answer;
typedef ct_admission_connection ct_on_connection_request;
typedef ct_admission_answer ct_on_connection_answer;
typedef ct_admission_session ct_on_session_request;
typedef ct_admission_answer ct_on_session_answer;
typedef ct_admission_link ct_on_link_request;
typedef ct_admission_answer ct_on_link_answer;
typedef ct_address_request ct_on_address_request;
typedef ct_address_answer ct_on_address_answer;

/* ---- What the host does for a plugin: only what is called is imported ---- */

typedef enum ct_level { CT_ERROR, CT_WARN, CT_INFO, CT_DEBUG, CT_TRACE } ct_level;

CT_IMPORT("log") void ct_host_log(int32_t level, const char *at, uint32_t len);
CT_IMPORT("counter_add") void ct_host_counter_add(const char *name, uint32_t len, uint64_t by);
CT_IMPORT("kv_get") int32_t ct_host_kv_get(const char *key, uint32_t len, uint8_t *out, uint32_t cap);
CT_IMPORT("kv_put")
int32_t ct_host_kv_put(const char *key, uint32_t len, const uint8_t *val, uint32_t val_len, uint32_t ttl_ms);
CT_IMPORT("kv_add") int64_t ct_host_kv_add(const char *key, uint32_t len, int64_t by, uint32_t ttl_ms);
CT_IMPORT("kv_delete") void ct_host_kv_delete(const char *key, uint32_t len);

/* Goes to the router's log: 8 KiB a call, 100 lines a second. */
CT_ONCE void ct_log(ct_level level, ct_text text) {
    ct_host_log((int32_t)level, text.ptr, text.len);
}

/* Adds to a counter of this plugin; names are of [a-z0-9_]. */
CT_ONCE void ct_count(ct_text name, uint64_t by) {
    ct_host_counter_add(name.ptr, name.len, by);
}

/* The value of a key, of 1 to 256 bytes; false where there is none. Wants `grant "kv"`, as all that follow. */
CT_ONCE bool ct_kv_get(ct_text key, ct_bytes *value) {
    uint32_t room = 256;
    uint8_t *out = ct_alloc(room, 1);
    int32_t len = ct_host_kv_get(key.ptr, key.len, out, room);
    if (len > (int32_t)room) {
        room = (uint32_t)len;
        out = ct_alloc(room, 1);
        len = ct_host_kv_get(key.ptr, key.len, out, room);
    }
    if (len < 0 || len > (int32_t)room) return false;
    *value = (ct_bytes){out, (uint32_t)len};
    return true;
}

/* False where there is no room. A time of 0 never ends. */
CT_ONCE bool ct_kv_put(ct_text key, ct_bytes value, uint32_t ttl_ms) {
    return ct_host_kv_put(key.ptr, key.len, value.ptr, value.len, ttl_ms) == 1;
}

/* The sum goes to *SUM; false where there is no room, or where the key has no counter. */
CT_ONCE bool ct_kv_add(ct_text key, int64_t by, uint32_t ttl_ms, int64_t *sum) {
    *sum = ct_host_kv_add(key.ptr, key.len, by, ttl_ms);
    return *sum != INT64_MIN;
}

CT_ONCE void ct_kv_delete(ct_text key) {
    ct_host_kv_delete(key.ptr, key.len);
}

/* ---- Configuration: what is wrong is said at its node, and all of it at once ---- */

/* Says what is wrong at a node; NULL: with the whole block. */
CT_ONCE void ct_problem(ct_setup_answer *answer, const ct_node *node, ct_text message) {
    ct_setup_problem *problem = CT_PUSH(&answer->problems);
    uint32_t depth = 0;
    for (const ct_node *at = node; at != NULL; at = at->parent) depth++;
    problem->message = message;
    problem->path.len = depth;
    problem->path.items = depth == 0 ? NULL : ct_alloc(depth, sizeof(uint32_t));
    for (const ct_node *at = node; at != NULL; at = at->parent) problem->path.items[--depth] = at->index;
}

/* The value of a property, NULL where it has none. */
CT_ONCE const ct_scalar *ct_property(const ct_node *node, ct_text key) {
    for (uint32_t i = node->props.len; i > 0; i--) {
        if (ct_equal(node->props.items[i - 1].key, key)) return &node->props.items[i - 1].value;
    }
    return NULL;
}

/* The first node of a name, NULL where there is none. */
CT_ONCE const ct_node *ct_child(ct_node_list nodes, ct_text name) {
    for (uint32_t i = 0; i < nodes.len; i++) {
        if (ct_equal(nodes.items[i].name, name)) return &nodes.items[i];
    }
    return NULL;
}

/* The only argument of a node, a text. Where it is none: a problem, and an absent text. */
CT_ONCE ct_text ct_text_argument(ct_setup_answer *answer, const ct_node *node) {
    if (node->args.len == 1 && node->args.items[0].kind == CT_TEXT) return node->args.items[0].text;
    ct_problem(answer, node, CT_JOIN(CT("`"), node->name, CT("` takes a text")));
    return (ct_text){0};
}

/* A property that is a text, absent where it is not there. */
CT_ONCE ct_text ct_text_property(ct_setup_answer *answer, const ct_node *node, ct_text key) {
    const ct_scalar *value = ct_property(node, key);
    if (value == NULL) return (ct_text){0};
    if (value->kind == CT_TEXT) return value->text;
    ct_problem(answer, node, CT_JOIN(CT("`"), key, CT("` takes a text")));
    return (ct_text){0};
}

/* A property that is an integer from MIN to MAX, ABSENT where it is not there. */
CT_ONCE int64_t ct_integer_property(ct_setup_answer *answer, const ct_node *node, ct_text key, int64_t min, int64_t max,
                                    int64_t absent) {
    const ct_scalar *value = ct_property(node, key);
    if (value == NULL) return absent;
    if (value->kind == CT_INTEGER && min <= value->integer && value->integer <= max) return value->integer;
    ct_problem(answer, node, CT_JOIN(CT("`"), key, CT("` takes an integer from "), ct_decimal(min), CT(" to "), ct_decimal(max)));
    return absent;
}

/* Whether a node is set: it has no argument, or #true or #false. */
CT_ONCE bool ct_flag(ct_setup_answer *answer, const ct_node *node) {
    if (node->args.len == 0) return true;
    if (node->args.len == 1 && node->args.items[0].kind == CT_FLAG) return node->args.items[0].flag;
    ct_problem(answer, node, CT_JOIN(CT("`"), node->name, CT("` takes #true or #false")));
    return false;
}

CT_ONCE bool ct_knows(const ct_text *known, size_t count, ct_text name) {
    for (size_t i = 0; i < count; i++) {
        if (ct_equal(known[i], name)) return true;
    }
    return false;
}

CT_ONCE void ct_expect_all(ct_setup_answer *answer, ct_node_list nodes, const ct_text *known, size_t count) {
    for (uint32_t i = 0; i < nodes.len; i++) {
        const ct_node *node = &nodes.items[i];
        if (!ct_knows(known, count, node->name)) {
            ct_problem(answer, node, CT_JOIN(CT("unknown node `"), node->name, CT("`")));
        }
    }
}

CT_ONCE void ct_expect_properties_all(ct_setup_answer *answer, const ct_node *node, const ct_text *known,
                                            size_t count) {
    for (uint32_t i = 0; i < node->props.len; i++) {
        ct_text key = node->props.items[i].key;
        if (!ct_knows(known, count, key)) {
            ct_problem(answer, node, CT_JOIN(CT("unknown property `"), key, CT("` of `"), node->name, CT("`")));
        }
    }
}

#define CT_TEXTS(...) (const ct_text[]){__VA_ARGS__}, sizeof((const ct_text[]){__VA_ARGS__}) / sizeof(ct_text)

/* A problem at every node whose name is none of these: CT_EXPECT(answer, request->config, CT("allow"), CT("deny")).
   Without names: at every node. */
#define CT_EXPECT(answer, nodes, ...) ct_expect_all((answer), (nodes), CT_TEXTS(__VA_ARGS__))

/* A problem for every property of a node whose name is none of these. */
#define CT_EXPECT_PROPERTIES(answer, node, ...) ct_expect_properties_all((answer), (node), CT_TEXTS(__VA_ARGS__))

/* ---- Answers ---- */

/* Allowed: what is in ->allow is granted with it. */
CT_ONCE ct_admission_answer *ct_allow(void) {
    ct_admission_answer *answer = ct_alloc(1, sizeof *answer);
    answer->kind = CT_ADMISSION_ANSWER_ALLOW;
    return answer;
}

/* Denied, with ->deny as the reason. */
CT_ONCE ct_admission_answer *ct_deny(ct_text condition, ct_text description) {
    ct_admission_answer *answer = ct_alloc(1, sizeof *answer);
    answer->kind = CT_ADMISSION_ANSWER_DENY;
    answer->deny.condition = condition;
    answer->deny.description = description;
    return answer;
}

/* The address is used, as ->apply says. */
CT_ONCE ct_address_answer *ct_apply(void) {
    ct_address_answer *answer = ct_alloc(1, sizeof *answer);
    answer->kind = CT_ADDRESS_ANSWER_APPLY;
    return answer;
}

/* The address is refused, with ->deny.refusal as the reason. */
CT_ONCE ct_address_answer *ct_deny_address(ct_text condition, ct_text description) {
    ct_address_answer *answer = ct_alloc(1, sizeof *answer);
    answer->kind = CT_ADDRESS_ANSWER_DENY;
    answer->deny.refusal.condition = condition;
    answer->deny.refusal.description = description;
    return answer;
}

/* Candidates to try, none until ct_pick names them. */
CT_ONCE ct_failover_answer *ct_order(void) {
    ct_failover_answer *answer = ct_alloc(1, sizeof *answer);
    answer->order.items = ct_extend(NULL, 0, sizeof *answer->order.items);
    return answer;
}

/* One more candidate, by its place in the request, each at most once. */
CT_ONCE ct_failover_pick *ct_pick(ct_failover_answer *answer, uint32_t index) {
    ct_failover_pick *pick = CT_PUSH(&answer->order);
    pick->index = index;
    return pick;
}

/* What the host counts of this plugin under a key of 1 to 256 bytes: at most MAX may be open. */
CT_ONCE void ct_add_quota(ct_admission_grant *grant, ct_text key, uint32_t max) {
    ct_quota *quota = CT_PUSH(&grant->quotas);
    quota->key = key;
    quota->max = max;
}

/* What later hooks find in peer.attributes. */
CT_ONCE void ct_add_attribute(ct_admission_grant *grant, ct_text key, ct_text val) {
    ct_attr *attr = CT_PUSH(&grant->attributes);
    attr->key = key;
    attr->val = val;
}

/* What the peer is told beside the description. */
CT_ONCE void ct_add_info(ct_refusal *refusal, ct_text key, ct_text text) {
    ct_entry *entry = CT_PUSH(&refusal->info);
    entry->key = key;
    entry->val.kind = CT_VALUE_TEXT;
    entry->val.text = text;
}

/* ---- The exports ---- */

/* The only fields to send, of hooks that this plugin has: CT_READS(CT_READ(connection, peer.user), CT_READ(link, name));
   absent: all. A path that is none does not compile. */
#define CT_READS(...) \
    ct_text ct_read_paths[] = {__VA_ARGS__}; \
    ct_text_list ct_reads = {ct_read_paths, sizeof ct_read_paths / sizeof *ct_read_paths}
#define CT_READ(hook, path) {"" #path, sizeof(#path) - 1 + 0 * sizeof(((ct_on_##hook##_request *)0)->path)}
extern ct_text_list ct_reads __attribute__((weak));

/* Reads the configuration, and says what is wrong with it: CT_CONFIGURE(request, answer) { … } */
#define CT_CONFIGURE(request, answer) void ct_configure(const ct_setup_request *request, ct_setup_answer *answer)
__attribute__((weak)) CT_CONFIGURE(request, answer);

CT_SHARED CT_EXPORT("policy_abi_v1") int32_t ct_policy_abi_v1(void) {
    return 0;
}

CT_SHARED CT_EXPORT("policy_alloc") void *ct_policy_alloc(uint32_t len) {
    ct_memory.top = ct_memory.floor;
    return ct_reserve(len);
}

static inline void ct_end(const ct_reader *from) {
    if (from->at != from->end) __builtin_trap();
}

static inline uint64_t ct_pack(const ct_writer *out) {
    uintptr_t at = ct_memory.top;
    return (uint64_t)at << 32 | (uint64_t)((uintptr_t)out->at - at);
}

/* Names in C have no hyphens, those of the schema no underscores. */
CT_ONCE ct_text ct_hyphenated(ct_text text) {
    char *name = ct_alloc(text.len, 1);
    for (uint32_t i = 0; i < text.len; i++) name[i] = text.ptr[i] == '_' ? '-' : text.ptr[i];
    return (ct_text){name, text.len};
}

CT_SHARED CT_EXPORT("policy_configure") uint64_t ct_policy_configure(const uint8_t *at, uint32_t len) {
    ct_reader from = {at, at + len};
    ct_setup_request *request = ct_alloc(1, sizeof *request);
    ct_read_setup_request(&from, request);
    ct_end(&from);
    ct_setup_answer *answer = ct_alloc(1, sizeof *answer);
    if (ct_configure) ct_configure(request, answer);
    if (&ct_reads != NULL && answer->reads.items == NULL) {
        for (uint32_t i = 0; i < ct_reads.len; i++) *CT_PUSH(&answer->reads) = ct_hyphenated(ct_reads.items[i]);
    }
    ct_memory.floor = ct_memory.top;
    ct_writer out = {(uint8_t *)ct_memory.top};
    ct_write_setup_answer(&out, answer);
    return ct_pack(&out);
}

/* A hook: CT_ON_CONNECTION(request) { … } gives what ct_allow or ct_deny made, or NULL: no opinion. */
#define CT_HOOK(name, read, write, request) \
    static ct_##name##_answer *ct_##name(const ct_##name##_request *request); \
    CT_EXPORT(#name) uint64_t ct_export_##name(const uint8_t *at, uint32_t len) { \
        ct_reader from = {at, at + len}; \
        ct_##name##_request *asked = ct_alloc(1, sizeof *asked); \
        read(&from, asked); \
        ct_end(&from); \
        const ct_##name##_answer *answer = ct_##name(asked); \
        if (answer == NULL) return 0; \
        ct_writer out = {(uint8_t *)ct_memory.top}; \
        write(&out, answer); \
        return ct_pack(&out); \
    } \
    static ct_##name##_answer *ct_##name(const ct_##name##_request *request)
#define CT_ON_FAILOVER(request) CT_HOOK(on_failover, ct_read_failover_request, ct_write_failover_answer, request)
#define CT_ON_CONNECTION(request) CT_HOOK(on_connection, ct_read_admission_connection, ct_write_admission_answer, request)
#define CT_ON_SESSION(request) CT_HOOK(on_session, ct_read_admission_session, ct_write_admission_answer, request)
#define CT_ON_LINK(request) CT_HOOK(on_link, ct_read_admission_link, ct_write_admission_answer, request)
#define CT_ON_ADDRESS(request) CT_HOOK(on_address, ct_read_address_request, ct_write_address_answer, request)

#endif
