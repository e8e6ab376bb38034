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
/* A few instructions where its arguments are known. */
#define CT_INLINE static inline __attribute__((always_inline))
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

#define CT_SAME(type, a, b, at) (ct_load_##type((a) + (at)) == ct_load_##type((b) + (at)))
#define CT_LOAD(type) \
    CT_INLINE type ct_load_##type(const void *at) { \
        type value; \
        __builtin_memcpy(&value, at, sizeof value); \
        return value; \
    } \
    CT_INLINE void ct_store_##type(void *at, type value) { \
        __builtin_memcpy(at, &value, sizeof value); \
    }
CT_LOAD(uint16_t)
CT_LOAD(uint32_t)
CT_LOAD(uint64_t)
#undef CT_LOAD

/* Whether LEN bytes are the same: where LEN is a constant a comparison or two. The last overlaps. */
CT_INLINE bool ct_same(const char *a, const char *b, size_t len) {
    if (len >= 8) {
        for (size_t at = 0; at + 8 < len; at += 8) {
            if (!CT_SAME(uint64_t, a, b, at)) return false;
        }
        return CT_SAME(uint64_t, a, b, len - 8);
    }
    if (len >= 4) return CT_SAME(uint32_t, a, b, 0) && CT_SAME(uint32_t, a, b, len - 4);
    if (len >= 2) return CT_SAME(uint16_t, a, b, 0) && CT_SAME(uint16_t, a, b, len - 2);
    return len == 0 || *a == *b;
}

CT_ONCE bool ct_same_any(const char *a, const char *b, size_t len) {
    return ct_same(a, b, len);
}

CT_INLINE bool ct_equal(ct_text a, ct_text b) {
    return a.len == b.len && ct_same_any(a.ptr, b.ptr, a.len);
}

CT_INLINE bool ct_is_word(ct_text text, const char *word, size_t len) {
    return text.len == len && ct_same(text.ptr, word, len);
}

/* Whether a text is this literal. */
#define ct_is(text, literal) ct_is_word((text), "" literal, sizeof(literal) - 1)

/* LEN bytes that do not overlap, to where they end there: as ct_same compares them. */
CT_INLINE void *ct_copy(void *to, const void *from, size_t len) {
#define CT_COPY(type, at) ct_store_##type((char *)to + (at), ct_load_##type((const char *)from + (at)))
    if (len >= 8) {
        for (size_t at = 0; at + 8 < len; at += 8) CT_COPY(uint64_t, at);
        CT_COPY(uint64_t, len - 8);
    } else if (len >= 4) {
        CT_COPY(uint32_t, 0);
        CT_COPY(uint32_t, len - 4);
    } else if (len >= 2) {
        CT_COPY(uint16_t, 0);
        CT_COPY(uint16_t, len - 2);
    } else if (len == 1) {
        *(char *)to = *(const char *)from;
    }
    return (char *)to + len;
#undef CT_COPY
}

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

/* What a call allocates is let go at the next call; what policy_configure allocates, its request included, is kept.
   Set up by policy_alloc, which stands before all else. `end` is that of the memory, whole pages. */
struct ct_memory {
    uintptr_t floor, top, end;
};
CT_SHARED struct ct_memory ct_memory;
extern unsigned char __heap_base;

/* More pages, so that LEN bytes from AT on are there. */
CT_ONCE bool ct_grow(uintptr_t at, uint64_t len) {
    uint64_t pages = (at + len - ct_memory.end + 0xffff) >> 16;
    if ((ct_memory.end >> 16) + pages > 0xffff) return false;
    if (__builtin_wasm_memory_grow(0, (size_t)pages) == (size_t)-1) return false;
    ct_memory.end += (uintptr_t)pages << 16;
    return true;
}

CT_INLINE bool ct_has_room(uintptr_t at, uint64_t len) {
    return len <= ct_memory.end - at || ct_grow(at, len);
}

/* Room for LEN bytes, with whatever stood there; NULL where there is none. What follows begins at a multiple of 8. */
CT_INLINE void *ct_reserve(uint64_t len) {
    uintptr_t at = ct_memory.top;
    if (!ct_has_room(at, len)) return NULL;
    ct_memory.top = (at + (uintptr_t)len + 7) & ~(uintptr_t)7;
    return (void *)at;
}

/* The same, where there must be room. */
CT_INLINE void *ct_take(uint64_t len) {
    void *at = ct_reserve(len);
    if (at == NULL) __builtin_trap();
    return at;
}

CT_ONCE void *ct_take_zeroed(uint64_t len) {
    uint64_t *at = ct_take(len), *end = (uint64_t *)ct_memory.top;
    uint64_t *to = at;
    for (; end - to >= 8; to += 8) {
        to[0] = to[1] = to[2] = to[3] = to[4] = to[5] = to[6] = to[7] = 0;
    }
    for (; to < end; to++) *to = 0;
    return at;
}

/* COUNT items of SIZE bytes each, all zero. Traps where there is no room. */
CT_INLINE void *ct_alloc(size_t count, size_t size) {
    return ct_take_zeroed((uint64_t)count * size);
}

/* A list with room for one more. */
CT_ONCE void *ct_extend(void *items, uint32_t len, size_t size) {
    if (items != NULL && (len < 4 || (len & (len - 1)) != 0)) return items;
    void *more = ct_alloc(len < 4 ? 4 : (size_t)len * 2, size);
    ct_copy(more, items, len * size);
    return more;
}

/* A pointer to one more item of a list that this plugin makes, all zero: CT_PUSH(&grant->quotas)->max = 3; */
#define CT_PUSH(list) \
    ((list)->items = ct_extend((list)->items, (list)->len, sizeof *(list)->items), &(list)->items[(list)->len++])

CT_ONCE ct_text ct_join_all(const ct_text *parts, size_t count) {
    uint64_t len = 0;
    for (size_t i = 0; i < count; i++) len += parts[i].len;
    char *out = ct_take(len);
    ct_text joined = {out, (uint32_t)len};
    for (size_t i = 0; i < count; i++) out = ct_copy(out, parts[i].ptr, parts[i].len);
    return joined;
}

/* One text of several: CT_JOIN(CT("user/"), request->peer.user). */
#define CT_JOIN(...) ct_join_all((const ct_text[]){__VA_ARGS__}, sizeof((const ct_text[]){__VA_ARGS__}) / sizeof(ct_text))

/* A number in decimal digits. */
CT_ONCE ct_text ct_decimal(int64_t number) {
    char *end = (char *)ct_take(24) + 24, *at = end;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do {
        *--at = (char)('0' + rest % 10);
    } while ((rest /= 10) != 0);
    if (number < 0) *--at = '-';
    return (ct_text){at, (uint32_t)(end - at)};
}

/* ---- Reading: what cannot be read, or lies beyond the end, traps ----
   A reader takes where its item begins and where the request ends, and gives where the item ends. */

/* The kinds of items (RFC 8949, 3.1), as they stand in the first byte. */
enum { CT_KIND_NUMBER = 0x00, CT_KIND_NEGATIVE = 0x20, CT_KIND_BYTES = 0x40, CT_KIND_TEXT = 0x60, CT_KIND_LIST = 0x80, CT_KIND_MAP = 0xa0 };

/* The rest is at least LEN bytes long. */
CT_INLINE void ct_need(const uint8_t *at, const uint8_t *end, uint64_t len) {
    if (len > (size_t)(end - at)) __builtin_trap();
}

/* The number that follows the first byte of an item, of 1 << SIZE bytes. */
CT_ONCE uint64_t ct_read_wide(const uint8_t *at, const uint8_t *end, uint32_t size) {
    if (size > 3) __builtin_trap();
    ct_need(at, end, 1 + (1u << size));
    switch (size) {
    case 0: return at[1];
    case 1: return __builtin_bswap16(ct_load_uint16_t(at + 1));
    case 2: return __builtin_bswap32(ct_load_uint32_t(at + 1));
    default: return __builtin_bswap64(ct_load_uint64_t(at + 1));
    }
}

/* The head of an item of a kind, and the number in it. */
CT_INLINE const uint8_t *ct_read_head(const uint8_t *at, const uint8_t *end, uint32_t kind, uint64_t *number) {
    ct_need(at, end, 1);
    uint32_t info = *at - kind;
    if (info < 24) {
        *number = info;
        return at + 1;
    }
    *number = ct_read_wide(at, end, info - 24);
    return at + 1 + (1u << (info - 24));
}

/* The head of what has a length, of which each takes SIZE bytes at least: a wrong one reserves no more than there is. */
CT_INLINE const uint8_t *ct_read_length(const uint8_t *at, const uint8_t *end, uint32_t kind, uint32_t size, uint32_t *len) {
    ct_need(at, end, 1);
    uint32_t info = *at - kind;
    if (info < 24) {
        at++;
    } else {
        uint64_t number = ct_read_wide(at, end, info - 24);
        at += 1 + (1u << (info - 24));
        if (number > (size_t)(end - at)) __builtin_trap();
        info = (uint32_t)number;
    }
    if (info > (size_t)(end - at) / size) __builtin_trap();
    *len = info;
    return at;
}

CT_INLINE const uint8_t *ct_read_map(const uint8_t *at, const uint8_t *end, uint32_t *len) {
    return ct_read_length(at, end, CT_KIND_MAP, 2, len);
}

CT_INLINE const uint8_t *ct_read_list(const uint8_t *at, const uint8_t *end, uint32_t *len) {
    return ct_read_length(at, end, CT_KIND_LIST, 1, len);
}

/* A map of one entry, in which a case with a payload stands. */
CT_INLINE const uint8_t *ct_read_one_entry(const uint8_t *at, const uint8_t *end) {
    uint32_t len;
    at = ct_read_map(at, end, &len);
    if (len != 1) __builtin_trap();
    return at;
}

/* A text of the request, which lies in it: in place, for keys and words. */
CT_INLINE const uint8_t *ct_read_key(const uint8_t *at, const uint8_t *end, ct_text *key) {
    uint32_t len;
    at = ct_read_length(at, end, CT_KIND_TEXT, 1, &len);
    *key = (ct_text){(const char *)at, len};
    return at + len;
}

CT_ONCE const uint8_t *ct_read_text(const uint8_t *at, const uint8_t *end, ct_text *text) {
    return ct_read_key(at, end, text);
}

CT_INLINE const uint8_t *ct_read_bytes(const uint8_t *at, const uint8_t *end, ct_bytes *bytes) {
    uint32_t len;
    at = ct_read_length(at, end, CT_KIND_BYTES, 1, &len);
    *bytes = (ct_bytes){at, len};
    return at + len;
}

#define CT_READ_NUMBER(bits) \
    CT_INLINE const uint8_t *ct_read_u##bits(const uint8_t *at, const uint8_t *end, uint##bits##_t *value) { \
        uint64_t number; \
        at = ct_read_head(at, end, CT_KIND_NUMBER, &number); \
        if (number > UINT##bits##_MAX) __builtin_trap(); \
        *value = (uint##bits##_t)number; \
        return at; \
    }
CT_READ_NUMBER(8)
CT_READ_NUMBER(16)
CT_READ_NUMBER(32)
CT_READ_NUMBER(64)
#undef CT_READ_NUMBER

CT_ONCE const uint8_t *ct_read_s64(const uint8_t *at, const uint8_t *end, int64_t *value) {
    ct_need(at, end, 1);
    uint64_t number;
    bool negative = *at >> 5 == 1;
    at = ct_read_head(at, end, negative ? CT_KIND_NEGATIVE : CT_KIND_NUMBER, &number);
    if (number > INT64_MAX) __builtin_trap();
    *value = negative ? -1 - (int64_t)number : (int64_t)number;
    return at;
}

CT_INLINE const uint8_t *ct_read_bool(const uint8_t *at, const uint8_t *end, bool *value) {
    ct_need(at, end, 1);
    if (*at != 0xf4 && *at != 0xf5) __builtin_trap();
    *value = *at == 0xf5;
    return at + 1;
}

CT_ONCE const uint8_t *ct_read_f64(const uint8_t *at, const uint8_t *end, double *value) {
    ct_need(at, end, 9);
    if (*at != 0xfb) __builtin_trap();
    uint64_t bits = ct_read_wide(at, end, 3);
    __builtin_memcpy(value, &bits, sizeof bits);
    return at + 9;
}

/* Passes one item and all that is in it. */
CT_ONCE const uint8_t *ct_skip(const uint8_t *at, const uint8_t *end) {
    for (uint64_t left = 1; left > 0; left--) {
        uint64_t number;
        ct_need(at, end, 1);
        uint32_t kind = *at & 0xe0;
        at = ct_read_head(at, end, kind, &number);
        switch (kind) {
        case CT_KIND_BYTES:
        case CT_KIND_TEXT:
            ct_need(at, end, number);
            at += number;
            break;
        case CT_KIND_MAP:
            ct_need(at, end, number);
            left += number;
            /* fall through */
        case CT_KIND_LIST:
            ct_need(at, end, number);
            left += number;
            break;
        case 0xc0: /* a tag */
            __builtin_trap();
        default:
            break;
        }
    }
    return at;
}

/* A null comes, which is as good as absent. */
CT_INLINE bool ct_null_comes(const uint8_t *at, const uint8_t *end) {
    ct_need(at, end, 1);
    return *at == 0xf6;
}

/* A text comes: a case without payload, where a variant is read. */
CT_INLINE bool ct_text_comes(const uint8_t *at, const uint8_t *end) {
    ct_need(at, end, 1);
    return (*at & 0xe0) == CT_KIND_TEXT;
}

/* The end of a request, where it must be. */
CT_INLINE void ct_end(const uint8_t *at, const uint8_t *end) {
    if (at != end) __builtin_trap();
}

/* ---- Writing: at the top of the memory, so that nothing may be allocated meanwhile ----
   A writer takes where its item begins, and gives where it ends. */

/* The longest head of an item. */
#define CT_HEAD_MAX 9

CT_INLINE void ct_need_room(uint8_t *at, uint64_t len) {
    if (!ct_has_room((uintptr_t)at, len)) __builtin_trap();
}

/* Items as they stand in the answer, of a constant length: a key is one. */
CT_INLINE uint8_t *ct_write_constant(uint8_t *at, const char *items, size_t len) {
    ct_need_room(at, len);
    __builtin_memcpy(at, items, len);
    return at + len;
}

#define CT_WRITE(at, items) ct_write_constant((at), "" items, sizeof(items) - 1)

/* A head whose number does not stand in its first byte. */
CT_ONCE uint8_t *ct_write_wide(uint8_t *at, uint8_t kind, uint64_t number) {
    if (number <= UINT8_MAX) {
        at[0] = kind + 24;
        at[1] = (uint8_t)number;
        return at + 2;
    }
    if (number <= UINT16_MAX) {
        at[0] = kind + 25;
        ct_store_uint16_t(at + 1, __builtin_bswap16((uint16_t)number));
        return at + 3;
    }
    if (number <= UINT32_MAX) {
        at[0] = kind + 26;
        ct_store_uint32_t(at + 1, __builtin_bswap32((uint32_t)number));
        return at + 5;
    }
    at[0] = kind + 27;
    ct_store_uint64_t(at + 1, __builtin_bswap64(number));
    return at + 9;
}

/* A head, where there is room for it. */
CT_INLINE uint8_t *ct_write_head(uint8_t *at, uint8_t kind, uint64_t number) {
    if (number >= 24) return ct_write_wide(at, kind, number);
    *at = (uint8_t)(kind + number);
    return at + 1;
}

/* A head, and LEN bytes. */
CT_ONCE uint8_t *ct_write_raw(uint8_t *at, uint8_t kind, const void *bytes, uint32_t len) {
    ct_need_room(at, (uint64_t)len + CT_HEAD_MAX);
    return ct_copy(ct_write_head(at, kind, len), bytes, len);
}

CT_INLINE uint8_t *ct_write_text(uint8_t *at, ct_text text) {
    return ct_write_raw(at, CT_KIND_TEXT, text.ptr, text.len);
}

CT_INLINE uint8_t *ct_write_bytes(uint8_t *at, ct_bytes bytes) {
    return ct_write_raw(at, CT_KIND_BYTES, bytes.ptr, bytes.len);
}

CT_INLINE uint8_t *ct_write_number(uint8_t *at, uint64_t number) {
    ct_need_room(at, CT_HEAD_MAX);
    return ct_write_head(at, CT_KIND_NUMBER, number);
}

CT_INLINE uint8_t *ct_write_s64(uint8_t *at, int64_t number) {
    ct_need_room(at, CT_HEAD_MAX);
    if (number < 0) return ct_write_head(at, CT_KIND_NEGATIVE, (uint64_t)(-1 - number));
    return ct_write_head(at, CT_KIND_NUMBER, (uint64_t)number);
}

CT_INLINE uint8_t *ct_write_bool(uint8_t *at, bool flag) {
    return flag ? CT_WRITE(at, "\xf5") : CT_WRITE(at, "\xf4");
}

CT_ONCE uint8_t *ct_write_f64(uint8_t *at, double number) {
    uint64_t bits;
    __builtin_memcpy(&bits, &number, sizeof bits);
    ct_need_room(at, CT_HEAD_MAX);
    at[0] = 0xfb;
    ct_store_uint64_t(at + 1, __builtin_bswap64(bits));
    return at + 9;
}

CT_INLINE uint8_t *ct_write_list(uint8_t *at, uint32_t len) {
    ct_need_room(at, CT_HEAD_MAX);
    return ct_write_head(at, CT_KIND_LIST, len);
}

CT_INLINE uint8_t *ct_write_map(uint8_t *at, uint32_t len) {
    ct_need_room(at, CT_HEAD_MAX);
    return ct_write_head(at, CT_KIND_MAP, len);
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

CT_ONCE const uint8_t *ct_read_scalar(const uint8_t *at, const uint8_t *end, ct_scalar *scalar) {
    ct_need(at, end, 1);
    switch (*at & 0xe0) {
    case CT_KIND_TEXT:
        scalar->kind = CT_TEXT;
        return ct_read_text(at, end, &scalar->text);
    case 0xe0:
        if (*at == 0xf6) return at + 1; /* a null */
        if (*at == 0xfb) {
            scalar->kind = CT_FLOAT;
            return ct_read_f64(at, end, &scalar->number);
        }
        scalar->kind = CT_FLAG;
        return ct_read_bool(at, end, &scalar->flag);
    default:
        scalar->kind = CT_INTEGER;
        return ct_read_s64(at, end, &scalar->integer);
    }
}

CT_ONCE uint8_t *ct_write_scalar(uint8_t *at, const ct_scalar *scalar) {
    switch (scalar->kind) {
    case CT_NULL: return CT_WRITE(at, "\xf6");
    case CT_FLAG: return ct_write_bool(at, scalar->flag);
    case CT_INTEGER: return ct_write_s64(at, scalar->integer);
    case CT_FLOAT: return ct_write_f64(at, scalar->number);
    case CT_TEXT: return ct_write_text(at, scalar->text);
    }
    __builtin_trap();
}

/* Nodes in nodes that a request may have. */
#define CT_DEPTH_MAX 16

CT_ONCE const uint8_t *ct_read_nodes_in(const uint8_t *at, const uint8_t *end, ct_node_list *nodes, const ct_node *parent, int depth);

CT_ONCE const uint8_t *ct_read_node(const uint8_t *at, const uint8_t *end, ct_node *node, int depth) {
    uint32_t left;
    at = ct_read_map(at, end, &left);
    for (; left > 0; left--) {
        ct_text key;
        at = ct_read_text(at, end, &key);
        if (ct_is(key, "name")) {
            at = ct_read_text(at, end, &node->name);
        } else if (ct_is(key, "args")) {
            at = ct_read_list(at, end, &node->args.len);
            node->args.items = ct_alloc(node->args.len, sizeof(ct_scalar));
            for (uint32_t i = 0; i < node->args.len; i++) at = ct_read_scalar(at, end, &node->args.items[i]);
        } else if (ct_is(key, "props")) {
            at = ct_read_map(at, end, &node->props.len);
            node->props.items = ct_alloc(node->props.len, sizeof(ct_prop));
            for (uint32_t i = 0; i < node->props.len; i++) {
                at = ct_read_text(at, end, &node->props.items[i].key);
                at = ct_read_scalar(at, end, &node->props.items[i].value);
            }
        } else if (ct_is(key, "children")) {
            at = ct_read_nodes_in(at, end, &node->children, node, depth + 1);
        } else {
            at = ct_skip(at, end);
        }
    }
    return at;
}

CT_ONCE const uint8_t *ct_read_nodes_in(const uint8_t *at, const uint8_t *end, ct_node_list *nodes, const ct_node *parent, int depth) {
    if (depth > CT_DEPTH_MAX) __builtin_trap();
    at = ct_read_list(at, end, &nodes->len);
    nodes->items = ct_alloc(nodes->len, sizeof(ct_node));
    for (uint32_t i = 0; i < nodes->len; i++) {
        nodes->items[i].parent = parent;
        nodes->items[i].index = i;
        at = ct_read_node(at, end, &nodes->items[i], depth);
    }
    return at;
}

CT_ONCE const uint8_t *ct_read_node_list(const uint8_t *at, const uint8_t *end, ct_node_list *nodes) {
    return ct_read_nodes_in(at, end, nodes, NULL, 0);
}

CT_ONCE uint8_t *ct_write_node_list(uint8_t *at, ct_node_list nodes) {
    at = ct_write_list(at, nodes.len);
    for (uint32_t i = 0; i < nodes.len; i++) {
        const ct_node *node = &nodes.items[i];
        at = CT_WRITE(at, "\xa4\x64" "name");
        at = ct_write_text(at, node->name);
        at = CT_WRITE(at, "\x64" "args");
        at = ct_write_list(at, node->args.len);
        for (uint32_t j = 0; j < node->args.len; j++) at = ct_write_scalar(at, &node->args.items[j]);
        at = CT_WRITE(at, "\x65" "props");
        at = ct_write_map(at, node->props.len);
        for (uint32_t j = 0; j < node->props.len; j++) {
            at = ct_write_text(at, node->props.items[j].key);
            at = ct_write_scalar(at, &node->props.items[j].value);
        }
        at = CT_WRITE(at, "\x68" "children");
        at = ct_write_node_list(at, node->children);
    }
    return at;
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
CT_ONCE const uint8_t *ct_read_value(const uint8_t *at, const uint8_t *end, ct_value *value) {
    bool bare = ct_text_comes(at, end);
    if (!bare) at = ct_read_one_entry(at, end);
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 3:
        if (ct_same(word.ptr, "int", 3)) { if (!bare) { value->kind = CT_VALUE_INT; at = ct_read_s64(at, end, &value->int_); return at; } }
        break;
    case 4:
        if (ct_same(word.ptr, "flag", 4)) { if (!bare) { value->kind = CT_VALUE_FLAG; at = ct_read_bool(at, end, &value->flag); return at; } }
        if (ct_same(word.ptr, "uint", 4)) { if (!bare) { value->kind = CT_VALUE_UINT; at = ct_read_u64(at, end, &value->uint); return at; } }
        if (ct_same(word.ptr, "text", 4)) { if (!bare) { value->kind = CT_VALUE_TEXT; at = ct_read_text(at, end, &value->text); return at; } }
        break;
    case 5:
        if (ct_same(word.ptr, "float", 5)) { if (!bare) { value->kind = CT_VALUE_FLOAT; at = ct_read_f64(at, end, &value->float_); return at; } }
        if (ct_same(word.ptr, "bytes", 5)) { if (!bare) { value->kind = CT_VALUE_BYTES; at = ct_read_bytes(at, end, &value->bytes); return at; } }
        break;
    default:
        break;
    }
    return bare ? at : ct_skip(at, end);
}

CT_ONCE uint8_t *ct_write_value(uint8_t *at, const ct_value *value) {
    switch (value->kind) {
    case CT_VALUE_FLAG: at = CT_WRITE(at, "\xa1" "\x64" "flag"); at = ct_write_bool(at, value->flag); return at;
    case CT_VALUE_INT: at = CT_WRITE(at, "\xa1" "\x63" "int"); at = ct_write_s64(at, value->int_); return at;
    case CT_VALUE_UINT: at = CT_WRITE(at, "\xa1" "\x64" "uint"); at = ct_write_number(at, value->uint); return at;
    case CT_VALUE_FLOAT: at = CT_WRITE(at, "\xa1" "\x65" "float"); at = ct_write_f64(at, value->float_); return at;
    case CT_VALUE_TEXT: at = CT_WRITE(at, "\xa1" "\x64" "text"); at = ct_write_text(at, value->text); return at;
    case CT_VALUE_BYTES: at = CT_WRITE(at, "\xa1" "\x65" "bytes"); at = ct_write_bytes(at, value->bytes); return at;
    case CT_VALUE_NONE: break;
    }
    __builtin_trap();
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_entry(const uint8_t *at, const uint8_t *end, ct_entry *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "key", 3)) { at = ct_read_text(at, end, &value->key); continue; }
            if (ct_same(key.ptr, "val", 3)) { at = ct_read_value(at, end, &value->val); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_entry(uint8_t *at, const ct_entry *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x63" "key"); at = ct_write_text(at, value->key);
    if (value->val.kind != 0) { entries++; at = CT_WRITE(at, "\x63" "val"); at = ct_write_value(at, &value->val); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_attr(const uint8_t *at, const uint8_t *end, ct_attr *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "key", 3)) { at = ct_read_text(at, end, &value->key); continue; }
            if (ct_same(key.ptr, "val", 3)) { at = ct_read_text(at, end, &value->val); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_attr(uint8_t *at, const ct_attr *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x63" "key"); at = ct_write_text(at, value->key);
    entries++; at = CT_WRITE(at, "\x63" "val"); at = ct_write_text(at, value->val);
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_context(const uint8_t *at, const uint8_t *end, ct_context *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "seed", 4)) { at = ct_read_u64(at, end, &value->seed); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "now-ms", 6)) { at = ct_read_u64(at, end, &value->now_ms); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "sequence", 8)) { at = ct_read_u64(at, end, &value->sequence); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_context(uint8_t *at, const ct_context *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x66" "now-ms"); at = ct_write_number(at, value->now_ms);
    entries++; at = CT_WRITE(at, "\x64" "seed"); at = ct_write_number(at, value->seed);
    entries++; at = CT_WRITE(at, "\x68" "sequence"); at = ct_write_number(at, value->sequence);
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_refusal(const uint8_t *at, const uint8_t *end, ct_refusal *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "note", 4)) { at = ct_read_text(at, end, &value->note); continue; }
            if (ct_same(key.ptr, "info", 4)) { at = ct_read_list(at, end, &value->info.len); value->info.items = ct_alloc(value->info.len, sizeof *value->info.items); for (uint32_t i = 0; i < value->info.len; i++) at = ct_read_entry(at, end, &value->info.items[i]); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "condition", 9)) { at = ct_read_text(at, end, &value->condition); continue; }
            break;
        case 11:
            if (ct_same(key.ptr, "description", 11)) { at = ct_read_text(at, end, &value->description); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_refusal(uint8_t *at, const ct_refusal *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x69" "condition"); at = ct_write_text(at, value->condition);
    entries++; at = CT_WRITE(at, "\x6b" "description"); at = ct_write_text(at, value->description);
    if (value->note.ptr != NULL) { entries++; at = CT_WRITE(at, "\x64" "note"); at = ct_write_text(at, value->note); }
    if (value->info.items != NULL) { entries++; at = CT_WRITE(at, "\x64" "info"); at = ct_write_list(at, value->info.len); for (uint32_t i = 0; i < value->info.len; i++) at = ct_write_entry(at, &value->info.items[i]); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_tls(const uint8_t *at, const uint8_t *end, ct_tls *value) {
    value->present = true;
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "sni", 3)) { at = ct_read_text(at, end, &value->sni); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "sans", 4)) { at = ct_read_list(at, end, &value->sans.len); value->sans.items = ct_alloc(value->sans.len, sizeof *value->sans.items); for (uint32_t i = 0; i < value->sans.len; i++) at = ct_read_text(at, end, &value->sans.items[i]); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "cipher", 6)) { at = ct_read_text(at, end, &value->cipher); continue; }
            if (ct_same(key.ptr, "issuer", 6)) { at = ct_read_text(at, end, &value->issuer); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "version", 7)) { at = ct_read_text(at, end, &value->version); continue; }
            if (ct_same(key.ptr, "subject", 7)) { at = ct_read_text(at, end, &value->subject); continue; }
            break;
        case 12:
            if (ct_same(key.ptr, "not-after-ms", 12)) { value->not_after_ms.present = true; at = ct_read_u64(at, end, &value->not_after_ms.value); continue; }
            break;
        case 18:
            if (ct_same(key.ptr, "fingerprint-sha256", 18)) { at = ct_read_text(at, end, &value->fingerprint_sha256); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_tls(uint8_t *at, const ct_tls *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x67" "version"); at = ct_write_text(at, value->version);
    entries++; at = CT_WRITE(at, "\x66" "cipher"); at = ct_write_text(at, value->cipher);
    if (value->sni.ptr != NULL) { entries++; at = CT_WRITE(at, "\x63" "sni"); at = ct_write_text(at, value->sni); }
    if (value->subject.ptr != NULL) { entries++; at = CT_WRITE(at, "\x67" "subject"); at = ct_write_text(at, value->subject); }
    if (value->issuer.ptr != NULL) { entries++; at = CT_WRITE(at, "\x66" "issuer"); at = ct_write_text(at, value->issuer); }
    if (value->sans.items != NULL) { entries++; at = CT_WRITE(at, "\x64" "sans"); at = ct_write_list(at, value->sans.len); for (uint32_t i = 0; i < value->sans.len; i++) at = ct_write_text(at, value->sans.items[i]); }
    if (value->fingerprint_sha256.ptr != NULL) { entries++; at = CT_WRITE(at, "\x72" "fingerprint-sha256"); at = ct_write_text(at, value->fingerprint_sha256); }
    if (value->not_after_ms.present) { entries++; at = CT_WRITE(at, "\x6c" "not-after-ms"); at = ct_write_number(at, value->not_after_ms.value); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_counts(const uint8_t *at, const uint8_t *end, ct_counts *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "user", 4)) { at = ct_read_u32(at, end, &value->user); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "total", 5)) { at = ct_read_u32(at, end, &value->total); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "listener", 8)) { at = ct_read_u32(at, end, &value->listener); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "peer-host", 9)) { at = ct_read_u32(at, end, &value->peer_host); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_counts(uint8_t *at, const ct_counts *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x65" "total"); at = ct_write_number(at, value->total);
    entries++; at = CT_WRITE(at, "\x68" "listener"); at = ct_write_number(at, value->listener);
    entries++; at = CT_WRITE(at, "\x64" "user"); at = ct_write_number(at, value->user);
    entries++; at = CT_WRITE(at, "\x69" "peer-host"); at = ct_write_number(at, value->peer_host);
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_limits(const uint8_t *at, const uint8_t *end, ct_limits *value) {
    value->present = true;
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 5:
            if (ct_same(key.ptr, "links", 5)) { value->links.present = true; at = ct_read_u32(at, end, &value->links.value); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "senders", 7)) { value->senders.present = true; at = ct_read_u32(at, end, &value->senders.value); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "sessions", 8)) { value->sessions.present = true; at = ct_read_u32(at, end, &value->sessions.value); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "receivers", 9)) { value->receivers.present = true; at = ct_read_u32(at, end, &value->receivers.value); continue; }
            if (ct_same(key.ptr, "unsettled", 9)) { value->unsettled.present = true; at = ct_read_u32(at, end, &value->unsettled.value); continue; }
            break;
        case 11:
            if (ct_same(key.ptr, "link-credit", 11)) { value->link_credit.present = true; at = ct_read_u32(at, end, &value->link_credit.value); continue; }
            break;
        case 14:
            if (ct_same(key.ptr, "buffered-bytes", 14)) { value->buffered_bytes.present = true; at = ct_read_u64(at, end, &value->buffered_bytes.value); continue; }
            if (ct_same(key.ptr, "max-frame-size", 14)) { value->max_frame_size.present = true; at = ct_read_u32(at, end, &value->max_frame_size.value); continue; }
            break;
        case 15:
            if (ct_same(key.ptr, "idle-timeout-ms", 15)) { value->idle_timeout_ms.present = true; at = ct_read_u32(at, end, &value->idle_timeout_ms.value); continue; }
            break;
        case 16:
            if (ct_same(key.ptr, "max-message-size", 16)) { value->max_message_size.present = true; at = ct_read_u64(at, end, &value->max_message_size.value); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_limits(uint8_t *at, const ct_limits *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    if (value->sessions.present) { entries++; at = CT_WRITE(at, "\x68" "sessions"); at = ct_write_number(at, value->sessions.value); }
    if (value->links.present) { entries++; at = CT_WRITE(at, "\x65" "links"); at = ct_write_number(at, value->links.value); }
    if (value->senders.present) { entries++; at = CT_WRITE(at, "\x67" "senders"); at = ct_write_number(at, value->senders.value); }
    if (value->receivers.present) { entries++; at = CT_WRITE(at, "\x69" "receivers"); at = ct_write_number(at, value->receivers.value); }
    if (value->unsettled.present) { entries++; at = CT_WRITE(at, "\x69" "unsettled"); at = ct_write_number(at, value->unsettled.value); }
    if (value->buffered_bytes.present) { entries++; at = CT_WRITE(at, "\x6e" "buffered-bytes"); at = ct_write_number(at, value->buffered_bytes.value); }
    if (value->max_frame_size.present) { entries++; at = CT_WRITE(at, "\x6e" "max-frame-size"); at = ct_write_number(at, value->max_frame_size.value); }
    if (value->max_message_size.present) { entries++; at = CT_WRITE(at, "\x70" "max-message-size"); at = ct_write_number(at, value->max_message_size.value); }
    if (value->idle_timeout_ms.present) { entries++; at = CT_WRITE(at, "\x6f" "idle-timeout-ms"); at = ct_write_number(at, value->idle_timeout_ms.value); }
    if (value->link_credit.present) { entries++; at = CT_WRITE(at, "\x6b" "link-credit"); at = ct_write_number(at, value->link_credit.value); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_quota(const uint8_t *at, const uint8_t *end, ct_quota *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "key", 3)) { at = ct_read_text(at, end, &value->key); continue; }
            if (ct_same(key.ptr, "max", 3)) { at = ct_read_u32(at, end, &value->max); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_quota(uint8_t *at, const ct_quota *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x63" "key"); at = ct_write_text(at, value->key);
    entries++; at = CT_WRITE(at, "\x63" "max"); at = ct_write_number(at, value->max);
    *map = CT_KIND_MAP + entries;
    return at;
}

CT_ONCE const uint8_t *ct_read_transport(const uint8_t *at, const uint8_t *end, ct_transport *value) {
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 2:
        if (ct_same(word.ptr, "ws", 2)) { *value = CT_TRANSPORT_WS; return at; }
        break;
    case 3:
        if (ct_same(word.ptr, "tcp", 3)) { *value = CT_TRANSPORT_TCP; return at; }
        if (ct_same(word.ptr, "tls", 3)) { *value = CT_TRANSPORT_TLS; return at; }
        if (ct_same(word.ptr, "wss", 3)) { *value = CT_TRANSPORT_WSS; return at; }
        break;
    default:
        break;
    }
    return at;
}

CT_ONCE uint8_t *ct_write_transport(uint8_t *at, ct_transport value) {
    switch (value) {
    case CT_TRANSPORT_TCP: return CT_WRITE(at, "\x63" "tcp");
    case CT_TRANSPORT_TLS: return CT_WRITE(at, "\x63" "tls");
    case CT_TRANSPORT_WS: return CT_WRITE(at, "\x62" "ws");
    case CT_TRANSPORT_WSS: return CT_WRITE(at, "\x63" "wss");
    case CT_TRANSPORT_NONE: break;
    }
    __builtin_trap();
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_peer(const uint8_t *at, const uint8_t *end, ct_peer *value) {
    value->present = true;
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 2:
            if (ct_same(key.ptr, "ip", 2)) { at = ct_read_text(at, end, &value->ip); continue; }
            break;
        case 3:
            if (ct_same(key.ptr, "tls", 3)) { at = ct_read_tls(at, end, &value->tls); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "port", 4)) { at = ct_read_u16(at, end, &value->port); continue; }
            if (ct_same(key.ptr, "user", 4)) { at = ct_read_text(at, end, &value->user); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "vhost", 5)) { at = ct_read_text(at, end, &value->vhost); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "listener", 8)) { at = ct_read_text(at, end, &value->listener); continue; }
            if (ct_same(key.ptr, "local-ip", 8)) { at = ct_read_text(at, end, &value->local_ip); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "connector", 9)) { at = ct_read_text(at, end, &value->connector); continue; }
            if (ct_same(key.ptr, "transport", 9)) { at = ct_read_transport(at, end, &value->transport); continue; }
            if (ct_same(key.ptr, "mechanism", 9)) { at = ct_read_text(at, end, &value->mechanism); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "local-port", 10)) { at = ct_read_u16(at, end, &value->local_port); continue; }
            if (ct_same(key.ptr, "attributes", 10)) { at = ct_read_list(at, end, &value->attributes.len); value->attributes.items = ct_alloc(value->attributes.len, sizeof *value->attributes.items); for (uint32_t i = 0; i < value->attributes.len; i++) at = ct_read_attr(at, end, &value->attributes.items[i]); continue; }
            break;
        case 12:
            if (ct_same(key.ptr, "container-id", 12)) { at = ct_read_text(at, end, &value->container_id); continue; }
            break;
        case 13:
            if (ct_same(key.ptr, "connection-id", 13)) { at = ct_read_u64(at, end, &value->connection_id); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_peer(uint8_t *at, const ct_peer *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x6d" "connection-id"); at = ct_write_number(at, value->connection_id);
    if (value->listener.ptr != NULL) { entries++; at = CT_WRITE(at, "\x68" "listener"); at = ct_write_text(at, value->listener); }
    if (value->connector.ptr != NULL) { entries++; at = CT_WRITE(at, "\x69" "connector"); at = ct_write_text(at, value->connector); }
    if (value->transport != 0) { entries++; at = CT_WRITE(at, "\x69" "transport"); at = ct_write_transport(at, value->transport); }
    entries++; at = CT_WRITE(at, "\x62" "ip"); at = ct_write_text(at, value->ip);
    entries++; at = CT_WRITE(at, "\x64" "port"); at = ct_write_number(at, value->port);
    entries++; at = CT_WRITE(at, "\x68" "local-ip"); at = ct_write_text(at, value->local_ip);
    entries++; at = CT_WRITE(at, "\x6a" "local-port"); at = ct_write_number(at, value->local_port);
    if (value->vhost.ptr != NULL) { entries++; at = CT_WRITE(at, "\x65" "vhost"); at = ct_write_text(at, value->vhost); }
    if (value->user.ptr != NULL) { entries++; at = CT_WRITE(at, "\x64" "user"); at = ct_write_text(at, value->user); }
    if (value->mechanism.ptr != NULL) { entries++; at = CT_WRITE(at, "\x69" "mechanism"); at = ct_write_text(at, value->mechanism); }
    entries++; at = CT_WRITE(at, "\x6c" "container-id"); at = ct_write_text(at, value->container_id);
    if (value->tls.present) { entries++; at = CT_WRITE(at, "\x63" "tls"); at = ct_write_tls(at, &value->tls); }
    if (value->attributes.items != NULL) { entries++; at = CT_WRITE(at, "\x6a" "attributes"); at = ct_write_list(at, value->attributes.len); for (uint32_t i = 0; i < value->attributes.len; i++) at = ct_write_attr(at, &value->attributes.items[i]); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_setup_request(const uint8_t *at, const uint8_t *end, ct_setup_request *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "seed", 4)) { at = ct_read_u64(at, end, &value->seed); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "minor", 5)) { at = ct_read_u32(at, end, &value->minor); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "plugin", 6)) { at = ct_read_text(at, end, &value->plugin); continue; }
            if (ct_same(key.ptr, "now-ms", 6)) { at = ct_read_u64(at, end, &value->now_ms); continue; }
            if (ct_same(key.ptr, "config", 6)) { at = ct_read_node_list(at, end, &value->config); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "granted", 7)) { at = ct_read_list(at, end, &value->granted.len); value->granted.items = ct_alloc(value->granted.len, sizeof *value->granted.items); for (uint32_t i = 0; i < value->granted.len; i++) at = ct_read_text(at, end, &value->granted.items[i]); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "router-id", 9)) { at = ct_read_text(at, end, &value->router_id); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_setup_request(uint8_t *at, const ct_setup_request *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x66" "plugin"); at = ct_write_text(at, value->plugin);
    entries++; at = CT_WRITE(at, "\x69" "router-id"); at = ct_write_text(at, value->router_id);
    entries++; at = CT_WRITE(at, "\x65" "minor"); at = ct_write_number(at, value->minor);
    entries++; at = CT_WRITE(at, "\x66" "now-ms"); at = ct_write_number(at, value->now_ms);
    entries++; at = CT_WRITE(at, "\x64" "seed"); at = ct_write_number(at, value->seed);
    if (value->granted.items != NULL) { entries++; at = CT_WRITE(at, "\x67" "granted"); at = ct_write_list(at, value->granted.len); for (uint32_t i = 0; i < value->granted.len; i++) at = ct_write_text(at, value->granted.items[i]); }
    if (value->config.items != NULL) { entries++; at = CT_WRITE(at, "\x66" "config"); at = ct_write_node_list(at, value->config); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_setup_problem(const uint8_t *at, const uint8_t *end, ct_setup_problem *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "path", 4)) { at = ct_read_list(at, end, &value->path.len); value->path.items = ct_alloc(value->path.len, sizeof *value->path.items); for (uint32_t i = 0; i < value->path.len; i++) at = ct_read_u32(at, end, &value->path.items[i]); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "message", 7)) { at = ct_read_text(at, end, &value->message); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_setup_problem(uint8_t *at, const ct_setup_problem *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x67" "message"); at = ct_write_text(at, value->message);
    if (value->path.items != NULL) { entries++; at = CT_WRITE(at, "\x64" "path"); at = ct_write_list(at, value->path.len); for (uint32_t i = 0; i < value->path.len; i++) at = ct_write_number(at, value->path.items[i]); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_setup_answer(const uint8_t *at, const uint8_t *end, ct_setup_answer *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 5:
            if (ct_same(key.ptr, "hooks", 5)) { at = ct_read_list(at, end, &value->hooks.len); value->hooks.items = ct_alloc(value->hooks.len, sizeof *value->hooks.items); for (uint32_t i = 0; i < value->hooks.len; i++) at = ct_read_text(at, end, &value->hooks.items[i]); continue; }
            if (ct_same(key.ptr, "reads", 5)) { at = ct_read_list(at, end, &value->reads.len); value->reads.items = ct_alloc(value->reads.len, sizeof *value->reads.items); for (uint32_t i = 0; i < value->reads.len; i++) at = ct_read_text(at, end, &value->reads.items[i]); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "problems", 8)) { at = ct_read_list(at, end, &value->problems.len); value->problems.items = ct_alloc(value->problems.len, sizeof *value->problems.items); for (uint32_t i = 0; i < value->problems.len; i++) at = ct_read_setup_problem(at, end, &value->problems.items[i]); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_setup_answer(uint8_t *at, const ct_setup_answer *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    if (value->problems.items != NULL) { entries++; at = CT_WRITE(at, "\x68" "problems"); at = ct_write_list(at, value->problems.len); for (uint32_t i = 0; i < value->problems.len; i++) at = ct_write_setup_problem(at, &value->problems.items[i]); }
    if (value->hooks.items != NULL) { entries++; at = CT_WRITE(at, "\x65" "hooks"); at = ct_write_list(at, value->hooks.len); for (uint32_t i = 0; i < value->hooks.len; i++) at = ct_write_text(at, value->hooks.items[i]); }
    if (value->reads.items != NULL) { entries++; at = CT_WRITE(at, "\x65" "reads"); at = ct_write_list(at, value->reads.len); for (uint32_t i = 0; i < value->reads.len; i++) at = ct_write_text(at, value->reads.items[i]); }
    *map = CT_KIND_MAP + entries;
    return at;
}

CT_ONCE const uint8_t *ct_read_failover_origin(const uint8_t *at, const uint8_t *end, ct_failover_origin *value) {
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 10:
        if (ct_same(word.ptr, "configured", 10)) { *value = CT_FAILOVER_ORIGIN_CONFIGURED; return at; }
        if (ct_same(word.ptr, "advertised", 10)) { *value = CT_FAILOVER_ORIGIN_ADVERTISED; return at; }
        if (ct_same(word.ptr, "redirected", 10)) { *value = CT_FAILOVER_ORIGIN_REDIRECTED; return at; }
        break;
    default:
        break;
    }
    return at;
}

CT_ONCE uint8_t *ct_write_failover_origin(uint8_t *at, ct_failover_origin value) {
    switch (value) {
    case CT_FAILOVER_ORIGIN_CONFIGURED: return CT_WRITE(at, "\x6a" "configured");
    case CT_FAILOVER_ORIGIN_ADVERTISED: return CT_WRITE(at, "\x6a" "advertised");
    case CT_FAILOVER_ORIGIN_REDIRECTED: return CT_WRITE(at, "\x6a" "redirected");
    case CT_FAILOVER_ORIGIN_NONE: break;
    }
    __builtin_trap();
}

CT_ONCE const uint8_t *ct_read_failover_scheme(const uint8_t *at, const uint8_t *end, ct_failover_scheme *value) {
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 2:
        if (ct_same(word.ptr, "ws", 2)) { *value = CT_FAILOVER_SCHEME_WS; return at; }
        break;
    case 3:
        if (ct_same(word.ptr, "wss", 3)) { *value = CT_FAILOVER_SCHEME_WSS; return at; }
        break;
    case 4:
        if (ct_same(word.ptr, "amqp", 4)) { *value = CT_FAILOVER_SCHEME_AMQP; return at; }
        break;
    case 5:
        if (ct_same(word.ptr, "amqps", 5)) { *value = CT_FAILOVER_SCHEME_AMQPS; return at; }
        break;
    default:
        break;
    }
    return at;
}

CT_ONCE uint8_t *ct_write_failover_scheme(uint8_t *at, ct_failover_scheme value) {
    switch (value) {
    case CT_FAILOVER_SCHEME_AMQP: return CT_WRITE(at, "\x64" "amqp");
    case CT_FAILOVER_SCHEME_AMQPS: return CT_WRITE(at, "\x65" "amqps");
    case CT_FAILOVER_SCHEME_WS: return CT_WRITE(at, "\x62" "ws");
    case CT_FAILOVER_SCHEME_WSS: return CT_WRITE(at, "\x63" "wss");
    case CT_FAILOVER_SCHEME_NONE: break;
    }
    __builtin_trap();
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_failover_candidate(const uint8_t *at, const uint8_t *end, ct_failover_candidate *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "host", 4)) { at = ct_read_text(at, end, &value->host); continue; }
            if (ct_same(key.ptr, "port", 4)) { at = ct_read_u16(at, end, &value->port); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "scheme", 6)) { at = ct_read_failover_scheme(at, end, &value->scheme); continue; }
            if (ct_same(key.ptr, "origin", 6)) { at = ct_read_failover_origin(at, end, &value->origin); continue; }
            if (ct_same(key.ptr, "labels", 6)) { at = ct_read_list(at, end, &value->labels.len); value->labels.items = ct_alloc(value->labels.len, sizeof *value->labels.items); for (uint32_t i = 0; i < value->labels.len; i++) at = ct_read_attr(at, end, &value->labels.items[i]); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "hostname", 8)) { at = ct_read_text(at, end, &value->hostname); continue; }
            if (ct_same(key.ptr, "priority", 8)) { at = ct_read_u8(at, end, &value->priority); continue; }
            if (ct_same(key.ptr, "attempts", 8)) { at = ct_read_u32(at, end, &value->attempts); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "last-error", 10)) { at = ct_read_text(at, end, &value->last_error); continue; }
            break;
        case 11:
            if (ct_same(key.ptr, "last-rtt-us", 11)) { value->last_rtt_us.present = true; at = ct_read_u32(at, end, &value->last_rtt_us.value); continue; }
            break;
        case 14:
            if (ct_same(key.ptr, "last-condition", 14)) { at = ct_read_text(at, end, &value->last_condition); continue; }
            break;
        case 15:
            if (ct_same(key.ptr, "failures-in-row", 15)) { at = ct_read_u32(at, end, &value->failures_in_row); continue; }
            break;
        case 18:
            if (ct_same(key.ptr, "last-attempt-at-ms", 18)) { value->last_attempt_at_ms.present = true; at = ct_read_u64(at, end, &value->last_attempt_at_ms.value); continue; }
            if (ct_same(key.ptr, "last-success-at-ms", 18)) { value->last_success_at_ms.present = true; at = ct_read_u64(at, end, &value->last_success_at_ms.value); continue; }
            break;
        case 24:
            if (ct_same(key.ptr, "certificate-not-after-ms", 24)) { value->certificate_not_after_ms.present = true; at = ct_read_u64(at, end, &value->certificate_not_after_ms.value); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_failover_candidate(uint8_t *at, const ct_failover_candidate *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x64" "host"); at = ct_write_text(at, value->host);
    entries++; at = CT_WRITE(at, "\x64" "port"); at = ct_write_number(at, value->port);
    if (value->scheme != 0) { entries++; at = CT_WRITE(at, "\x66" "scheme"); at = ct_write_failover_scheme(at, value->scheme); }
    if (value->hostname.ptr != NULL) { entries++; at = CT_WRITE(at, "\x68" "hostname"); at = ct_write_text(at, value->hostname); }
    if (value->origin != 0) { entries++; at = CT_WRITE(at, "\x66" "origin"); at = ct_write_failover_origin(at, value->origin); }
    entries++; at = CT_WRITE(at, "\x68" "priority"); at = ct_write_number(at, value->priority);
    if (value->labels.items != NULL) { entries++; at = CT_WRITE(at, "\x66" "labels"); at = ct_write_list(at, value->labels.len); for (uint32_t i = 0; i < value->labels.len; i++) at = ct_write_attr(at, &value->labels.items[i]); }
    entries++; at = CT_WRITE(at, "\x68" "attempts"); at = ct_write_number(at, value->attempts);
    entries++; at = CT_WRITE(at, "\x6f" "failures-in-row"); at = ct_write_number(at, value->failures_in_row);
    if (value->last_error.ptr != NULL) { entries++; at = CT_WRITE(at, "\x6a" "last-error"); at = ct_write_text(at, value->last_error); }
    if (value->last_condition.ptr != NULL) { entries++; at = CT_WRITE(at, "\x6e" "last-condition"); at = ct_write_text(at, value->last_condition); }
    if (value->last_attempt_at_ms.present) { entries++; at = CT_WRITE(at, "\x72" "last-attempt-at-ms"); at = ct_write_number(at, value->last_attempt_at_ms.value); }
    if (value->last_success_at_ms.present) { entries++; at = CT_WRITE(at, "\x72" "last-success-at-ms"); at = ct_write_number(at, value->last_success_at_ms.value); }
    if (value->last_rtt_us.present) { entries++; at = CT_WRITE(at, "\x6b" "last-rtt-us"); at = ct_write_number(at, value->last_rtt_us.value); }
    if (value->certificate_not_after_ms.present) { entries++; at = CT_WRITE(at, "\x78\x18" "certificate-not-after-ms"); at = ct_write_number(at, value->certificate_not_after_ms.value); }
    *map = CT_KIND_MAP + entries;
    return at;
}

CT_ONCE const uint8_t *ct_read_failover_cause(const uint8_t *at, const uint8_t *end, ct_failover_cause *value) {
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 4:
        if (ct_same(word.ptr, "lost", 4)) { *value = CT_FAILOVER_CAUSE_LOST; return at; }
        break;
    case 6:
        if (ct_same(word.ptr, "reload", 6)) { *value = CT_FAILOVER_CAUSE_RELOAD; return at; }
        break;
    case 7:
        if (ct_same(word.ptr, "startup", 7)) { *value = CT_FAILOVER_CAUSE_STARTUP; return at; }
        break;
    case 9:
        if (ct_same(word.ptr, "exhausted", 9)) { *value = CT_FAILOVER_CAUSE_EXHAUSTED; return at; }
        break;
    case 10:
        if (ct_same(word.ptr, "redirected", 10)) { *value = CT_FAILOVER_CAUSE_REDIRECTED; return at; }
        if (ct_same(word.ptr, "reconsider", 10)) { *value = CT_FAILOVER_CAUSE_RECONSIDER; return at; }
        break;
    default:
        break;
    }
    return at;
}

CT_ONCE uint8_t *ct_write_failover_cause(uint8_t *at, ct_failover_cause value) {
    switch (value) {
    case CT_FAILOVER_CAUSE_STARTUP: return CT_WRITE(at, "\x67" "startup");
    case CT_FAILOVER_CAUSE_LOST: return CT_WRITE(at, "\x64" "lost");
    case CT_FAILOVER_CAUSE_EXHAUSTED: return CT_WRITE(at, "\x69" "exhausted");
    case CT_FAILOVER_CAUSE_REDIRECTED: return CT_WRITE(at, "\x6a" "redirected");
    case CT_FAILOVER_CAUSE_RELOAD: return CT_WRITE(at, "\x66" "reload");
    case CT_FAILOVER_CAUSE_RECONSIDER: return CT_WRITE(at, "\x6a" "reconsider");
    case CT_FAILOVER_CAUSE_NONE: break;
    }
    __builtin_trap();
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_failover_request(const uint8_t *at, const uint8_t *end, ct_failover_request *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "ctx", 3)) { at = ct_read_context(at, end, &value->ctx); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "role", 4)) { at = ct_read_text(at, end, &value->role); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "cause", 5)) { at = ct_read_failover_cause(at, end, &value->cause); continue; }
            if (ct_same(key.ptr, "round", 5)) { at = ct_read_u32(at, end, &value->round); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "current", 7)) { value->current.present = true; at = ct_read_u32(at, end, &value->current.value); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "connector", 9)) { at = ct_read_text(at, end, &value->connector); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "candidates", 10)) { at = ct_read_list(at, end, &value->candidates.len); value->candidates.items = ct_alloc(value->candidates.len, sizeof *value->candidates.items); for (uint32_t i = 0; i < value->candidates.len; i++) at = ct_read_failover_candidate(at, end, &value->candidates.items[i]); continue; }
            break;
        case 13:
            if (ct_same(key.ptr, "down-since-ms", 13)) { value->down_since_ms.present = true; at = ct_read_u64(at, end, &value->down_since_ms.value); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_failover_request(uint8_t *at, const ct_failover_request *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x63" "ctx"); at = ct_write_context(at, &value->ctx);
    entries++; at = CT_WRITE(at, "\x69" "connector"); at = ct_write_text(at, value->connector);
    entries++; at = CT_WRITE(at, "\x64" "role"); at = ct_write_text(at, value->role);
    if (value->cause != 0) { entries++; at = CT_WRITE(at, "\x65" "cause"); at = ct_write_failover_cause(at, value->cause); }
    entries++; at = CT_WRITE(at, "\x65" "round"); at = ct_write_number(at, value->round);
    if (value->current.present) { entries++; at = CT_WRITE(at, "\x67" "current"); at = ct_write_number(at, value->current.value); }
    if (value->down_since_ms.present) { entries++; at = CT_WRITE(at, "\x6d" "down-since-ms"); at = ct_write_number(at, value->down_since_ms.value); }
    if (value->candidates.items != NULL) { entries++; at = CT_WRITE(at, "\x6a" "candidates"); at = ct_write_list(at, value->candidates.len); for (uint32_t i = 0; i < value->candidates.len; i++) at = ct_write_failover_candidate(at, &value->candidates.items[i]); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_failover_pick(const uint8_t *at, const uint8_t *end, ct_failover_pick *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 5:
            if (ct_same(key.ptr, "index", 5)) { at = ct_read_u32(at, end, &value->index); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "delay-ms", 8)) { value->delay_ms.present = true; at = ct_read_u32(at, end, &value->delay_ms.value); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_failover_pick(uint8_t *at, const ct_failover_pick *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x65" "index"); at = ct_write_number(at, value->index);
    if (value->delay_ms.present) { entries++; at = CT_WRITE(at, "\x68" "delay-ms"); at = ct_write_number(at, value->delay_ms.value); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_failover_answer(const uint8_t *at, const uint8_t *end, ct_failover_answer *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "note", 4)) { at = ct_read_text(at, end, &value->note); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "order", 5)) { at = ct_read_list(at, end, &value->order.len); value->order.items = ct_alloc(value->order.len, sizeof *value->order.items); for (uint32_t i = 0; i < value->order.len; i++) at = ct_read_failover_pick(at, end, &value->order.items[i]); continue; }
            break;
        case 14:
            if (ct_same(key.ptr, "retry-after-ms", 14)) { value->retry_after_ms.present = true; at = ct_read_u32(at, end, &value->retry_after_ms.value); continue; }
            break;
        case 19:
            if (ct_same(key.ptr, "reconsider-after-ms", 19)) { value->reconsider_after_ms.present = true; at = ct_read_u32(at, end, &value->reconsider_after_ms.value); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_failover_answer(uint8_t *at, const ct_failover_answer *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    if (value->order.items != NULL) { entries++; at = CT_WRITE(at, "\x65" "order"); at = ct_write_list(at, value->order.len); for (uint32_t i = 0; i < value->order.len; i++) at = ct_write_failover_pick(at, &value->order.items[i]); }
    if (value->retry_after_ms.present) { entries++; at = CT_WRITE(at, "\x6e" "retry-after-ms"); at = ct_write_number(at, value->retry_after_ms.value); }
    if (value->reconsider_after_ms.present) { entries++; at = CT_WRITE(at, "\x73" "reconsider-after-ms"); at = ct_write_number(at, value->reconsider_after_ms.value); }
    if (value->note.ptr != NULL) { entries++; at = CT_WRITE(at, "\x64" "note"); at = ct_write_text(at, value->note); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_admission_connection(const uint8_t *at, const uint8_t *end, ct_admission_connection *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "ctx", 3)) { at = ct_read_context(at, end, &value->ctx); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "peer", 4)) { at = ct_read_peer(at, end, &value->peer); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "counts", 6)) { at = ct_read_counts(at, end, &value->counts); continue; }
            if (ct_same(key.ptr, "limits", 6)) { at = ct_read_limits(at, end, &value->limits); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "recheck", 7)) { at = ct_read_bool(at, end, &value->recheck); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "truncated", 9)) { at = ct_read_list(at, end, &value->truncated.len); value->truncated.items = ct_alloc(value->truncated.len, sizeof *value->truncated.items); for (uint32_t i = 0; i < value->truncated.len; i++) at = ct_read_text(at, end, &value->truncated.items[i]); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "properties", 10)) { at = ct_read_list(at, end, &value->properties.len); value->properties.items = ct_alloc(value->properties.len, sizeof *value->properties.items); for (uint32_t i = 0; i < value->properties.len; i++) at = ct_read_entry(at, end, &value->properties.items[i]); continue; }
            break;
        case 11:
            if (ct_same(key.ptr, "channel-max", 11)) { at = ct_read_u16(at, end, &value->channel_max); continue; }
            break;
        case 14:
            if (ct_same(key.ptr, "max-frame-size", 14)) { at = ct_read_u32(at, end, &value->max_frame_size); continue; }
            break;
        case 15:
            if (ct_same(key.ptr, "idle-timeout-ms", 15)) { value->idle_timeout_ms.present = true; at = ct_read_u32(at, end, &value->idle_timeout_ms.value); continue; }
            break;
        case 20:
            if (ct_same(key.ptr, "offered-capabilities", 20)) { at = ct_read_list(at, end, &value->offered_capabilities.len); value->offered_capabilities.items = ct_alloc(value->offered_capabilities.len, sizeof *value->offered_capabilities.items); for (uint32_t i = 0; i < value->offered_capabilities.len; i++) at = ct_read_text(at, end, &value->offered_capabilities.items[i]); continue; }
            if (ct_same(key.ptr, "desired-capabilities", 20)) { at = ct_read_list(at, end, &value->desired_capabilities.len); value->desired_capabilities.items = ct_alloc(value->desired_capabilities.len, sizeof *value->desired_capabilities.items); for (uint32_t i = 0; i < value->desired_capabilities.len; i++) at = ct_read_text(at, end, &value->desired_capabilities.items[i]); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_admission_connection(uint8_t *at, const ct_admission_connection *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x63" "ctx"); at = ct_write_context(at, &value->ctx);
    entries++; at = CT_WRITE(at, "\x64" "peer"); at = ct_write_peer(at, &value->peer);
    entries++; at = CT_WRITE(at, "\x67" "recheck"); at = ct_write_bool(at, value->recheck);
    entries++; at = CT_WRITE(at, "\x6e" "max-frame-size"); at = ct_write_number(at, value->max_frame_size);
    entries++; at = CT_WRITE(at, "\x6b" "channel-max"); at = ct_write_number(at, value->channel_max);
    if (value->idle_timeout_ms.present) { entries++; at = CT_WRITE(at, "\x6f" "idle-timeout-ms"); at = ct_write_number(at, value->idle_timeout_ms.value); }
    if (value->offered_capabilities.items != NULL) { entries++; at = CT_WRITE(at, "\x74" "offered-capabilities"); at = ct_write_list(at, value->offered_capabilities.len); for (uint32_t i = 0; i < value->offered_capabilities.len; i++) at = ct_write_text(at, value->offered_capabilities.items[i]); }
    if (value->desired_capabilities.items != NULL) { entries++; at = CT_WRITE(at, "\x74" "desired-capabilities"); at = ct_write_list(at, value->desired_capabilities.len); for (uint32_t i = 0; i < value->desired_capabilities.len; i++) at = ct_write_text(at, value->desired_capabilities.items[i]); }
    if (value->properties.items != NULL) { entries++; at = CT_WRITE(at, "\x6a" "properties"); at = ct_write_list(at, value->properties.len); for (uint32_t i = 0; i < value->properties.len; i++) at = ct_write_entry(at, &value->properties.items[i]); }
    entries++; at = CT_WRITE(at, "\x66" "counts"); at = ct_write_counts(at, &value->counts);
    entries++; at = CT_WRITE(at, "\x66" "limits"); at = ct_write_limits(at, &value->limits);
    if (value->truncated.items != NULL) { entries++; at = CT_WRITE(at, "\x69" "truncated"); at = ct_write_list(at, value->truncated.len); for (uint32_t i = 0; i < value->truncated.len; i++) at = ct_write_text(at, value->truncated.items[i]); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_admission_session(const uint8_t *at, const uint8_t *end, ct_admission_session *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "ctx", 3)) { at = ct_read_context(at, end, &value->ctx); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "peer", 4)) { at = ct_read_peer(at, end, &value->peer); continue; }
            break;
        case 13:
            if (ct_same(key.ptr, "sessions-open", 13)) { at = ct_read_u32(at, end, &value->sessions_open); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_admission_session(uint8_t *at, const ct_admission_session *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x63" "ctx"); at = ct_write_context(at, &value->ctx);
    entries++; at = CT_WRITE(at, "\x64" "peer"); at = ct_write_peer(at, &value->peer);
    entries++; at = CT_WRITE(at, "\x6d" "sessions-open"); at = ct_write_number(at, value->sessions_open);
    *map = CT_KIND_MAP + entries;
    return at;
}

CT_ONCE const uint8_t *ct_read_admission_role(const uint8_t *at, const uint8_t *end, ct_admission_role *value) {
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 6:
        if (ct_same(word.ptr, "sender", 6)) { *value = CT_ADMISSION_ROLE_SENDER; return at; }
        break;
    case 8:
        if (ct_same(word.ptr, "receiver", 8)) { *value = CT_ADMISSION_ROLE_RECEIVER; return at; }
        break;
    default:
        break;
    }
    return at;
}

CT_ONCE uint8_t *ct_write_admission_role(uint8_t *at, ct_admission_role value) {
    switch (value) {
    case CT_ADMISSION_ROLE_SENDER: return CT_WRITE(at, "\x66" "sender");
    case CT_ADMISSION_ROLE_RECEIVER: return CT_WRITE(at, "\x68" "receiver");
    case CT_ADMISSION_ROLE_NONE: break;
    }
    __builtin_trap();
}

CT_ONCE const uint8_t *ct_read_admission_expiry(const uint8_t *at, const uint8_t *end, ct_admission_expiry *value) {
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 5:
        if (ct_same(word.ptr, "never", 5)) { *value = CT_ADMISSION_EXPIRY_NEVER; return at; }
        break;
    case 11:
        if (ct_same(word.ptr, "link-detach", 11)) { *value = CT_ADMISSION_EXPIRY_LINK_DETACH; return at; }
        if (ct_same(word.ptr, "session-end", 11)) { *value = CT_ADMISSION_EXPIRY_SESSION_END; return at; }
        break;
    case 16:
        if (ct_same(word.ptr, "connection-close", 16)) { *value = CT_ADMISSION_EXPIRY_CONNECTION_CLOSE; return at; }
        break;
    default:
        break;
    }
    return at;
}

CT_ONCE uint8_t *ct_write_admission_expiry(uint8_t *at, ct_admission_expiry value) {
    switch (value) {
    case CT_ADMISSION_EXPIRY_LINK_DETACH: return CT_WRITE(at, "\x6b" "link-detach");
    case CT_ADMISSION_EXPIRY_SESSION_END: return CT_WRITE(at, "\x6b" "session-end");
    case CT_ADMISSION_EXPIRY_CONNECTION_CLOSE: return CT_WRITE(at, "\x70" "connection-close");
    case CT_ADMISSION_EXPIRY_NEVER: return CT_WRITE(at, "\x65" "never");
    case CT_ADMISSION_EXPIRY_NONE: break;
    }
    __builtin_trap();
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_admission_filter(const uint8_t *at, const uint8_t *end, ct_admission_filter *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "val", 3)) { at = ct_read_value(at, end, &value->val); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "name", 4)) { at = ct_read_text(at, end, &value->name); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_admission_filter(uint8_t *at, const ct_admission_filter *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x64" "name"); at = ct_write_text(at, value->name);
    if (value->val.kind != 0) { entries++; at = CT_WRITE(at, "\x63" "val"); at = ct_write_value(at, &value->val); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_admission_terminus(const uint8_t *at, const uint8_t *end, ct_admission_terminus *value) {
    value->present = true;
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 6:
            if (ct_same(key.ptr, "expiry", 6)) { at = ct_read_admission_expiry(at, end, &value->expiry); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "address", 7)) { at = ct_read_text(at, end, &value->address); continue; }
            if (ct_same(key.ptr, "durable", 7)) { at = ct_read_u8(at, end, &value->durable); continue; }
            if (ct_same(key.ptr, "dynamic", 7)) { at = ct_read_bool(at, end, &value->dynamic); continue; }
            if (ct_same(key.ptr, "filters", 7)) { at = ct_read_list(at, end, &value->filters.len); value->filters.items = ct_alloc(value->filters.len, sizeof *value->filters.items); for (uint32_t i = 0; i < value->filters.len; i++) at = ct_read_admission_filter(at, end, &value->filters.items[i]); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "timeout-s", 9)) { at = ct_read_u32(at, end, &value->timeout_s); continue; }
            break;
        case 11:
            if (ct_same(key.ptr, "coordinator", 11)) { at = ct_read_bool(at, end, &value->coordinator); continue; }
            break;
        case 12:
            if (ct_same(key.ptr, "distribution", 12)) { at = ct_read_text(at, end, &value->distribution); continue; }
            if (ct_same(key.ptr, "capabilities", 12)) { at = ct_read_list(at, end, &value->capabilities.len); value->capabilities.items = ct_alloc(value->capabilities.len, sizeof *value->capabilities.items); for (uint32_t i = 0; i < value->capabilities.len; i++) at = ct_read_text(at, end, &value->capabilities.items[i]); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_admission_terminus(uint8_t *at, const ct_admission_terminus *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    if (value->address.ptr != NULL) { entries++; at = CT_WRITE(at, "\x67" "address"); at = ct_write_text(at, value->address); }
    entries++; at = CT_WRITE(at, "\x67" "durable"); at = ct_write_number(at, value->durable);
    if (value->expiry != 0) { entries++; at = CT_WRITE(at, "\x66" "expiry"); at = ct_write_admission_expiry(at, value->expiry); }
    entries++; at = CT_WRITE(at, "\x69" "timeout-s"); at = ct_write_number(at, value->timeout_s);
    entries++; at = CT_WRITE(at, "\x67" "dynamic"); at = ct_write_bool(at, value->dynamic);
    entries++; at = CT_WRITE(at, "\x6b" "coordinator"); at = ct_write_bool(at, value->coordinator);
    if (value->distribution.ptr != NULL) { entries++; at = CT_WRITE(at, "\x6c" "distribution"); at = ct_write_text(at, value->distribution); }
    if (value->filters.items != NULL) { entries++; at = CT_WRITE(at, "\x67" "filters"); at = ct_write_list(at, value->filters.len); for (uint32_t i = 0; i < value->filters.len; i++) at = ct_write_admission_filter(at, &value->filters.items[i]); }
    if (value->capabilities.items != NULL) { entries++; at = CT_WRITE(at, "\x6c" "capabilities"); at = ct_write_list(at, value->capabilities.len); for (uint32_t i = 0; i < value->capabilities.len; i++) at = ct_write_text(at, value->capabilities.items[i]); }
    *map = CT_KIND_MAP + entries;
    return at;
}

CT_ONCE const uint8_t *ct_read_admission_settle_mode(const uint8_t *at, const uint8_t *end, ct_admission_settle_mode *value) {
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 5:
        if (ct_same(word.ptr, "mixed", 5)) { *value = CT_ADMISSION_SETTLE_MODE_MIXED; return at; }
        break;
    case 7:
        if (ct_same(word.ptr, "settled", 7)) { *value = CT_ADMISSION_SETTLE_MODE_SETTLED; return at; }
        break;
    case 9:
        if (ct_same(word.ptr, "unsettled", 9)) { *value = CT_ADMISSION_SETTLE_MODE_UNSETTLED; return at; }
        break;
    default:
        break;
    }
    return at;
}

CT_ONCE uint8_t *ct_write_admission_settle_mode(uint8_t *at, ct_admission_settle_mode value) {
    switch (value) {
    case CT_ADMISSION_SETTLE_MODE_UNSETTLED: return CT_WRITE(at, "\x69" "unsettled");
    case CT_ADMISSION_SETTLE_MODE_SETTLED: return CT_WRITE(at, "\x67" "settled");
    case CT_ADMISSION_SETTLE_MODE_MIXED: return CT_WRITE(at, "\x65" "mixed");
    case CT_ADMISSION_SETTLE_MODE_NONE: break;
    }
    __builtin_trap();
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_admission_link(const uint8_t *at, const uint8_t *end, ct_admission_link *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "ctx", 3)) { at = ct_read_context(at, end, &value->ctx); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "peer", 4)) { at = ct_read_peer(at, end, &value->peer); continue; }
            if (ct_same(key.ptr, "name", 4)) { at = ct_read_text(at, end, &value->name); continue; }
            if (ct_same(key.ptr, "role", 4)) { at = ct_read_admission_role(at, end, &value->role); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "source", 6)) { at = ct_read_admission_terminus(at, end, &value->source); continue; }
            if (ct_same(key.ptr, "target", 6)) { at = ct_read_admission_terminus(at, end, &value->target); continue; }
            if (ct_same(key.ptr, "settle", 6)) { at = ct_read_admission_settle_mode(at, end, &value->settle); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "truncated", 9)) { at = ct_read_list(at, end, &value->truncated.len); value->truncated.items = ct_alloc(value->truncated.len, sizeof *value->truncated.items); for (uint32_t i = 0; i < value->truncated.len; i++) at = ct_read_text(at, end, &value->truncated.items[i]); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "properties", 10)) { at = ct_read_list(at, end, &value->properties.len); value->properties.items = ct_alloc(value->properties.len, sizeof *value->properties.items); for (uint32_t i = 0; i < value->properties.len; i++) at = ct_read_entry(at, end, &value->properties.items[i]); continue; }
            if (ct_same(key.ptr, "links-open", 10)) { at = ct_read_u32(at, end, &value->links_open); continue; }
            break;
        case 16:
            if (ct_same(key.ptr, "max-message-size", 16)) { value->max_message_size.present = true; at = ct_read_u64(at, end, &value->max_message_size.value); continue; }
            break;
        case 20:
            if (ct_same(key.ptr, "desired-capabilities", 20)) { at = ct_read_list(at, end, &value->desired_capabilities.len); value->desired_capabilities.items = ct_alloc(value->desired_capabilities.len, sizeof *value->desired_capabilities.items); for (uint32_t i = 0; i < value->desired_capabilities.len; i++) at = ct_read_text(at, end, &value->desired_capabilities.items[i]); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_admission_link(uint8_t *at, const ct_admission_link *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x63" "ctx"); at = ct_write_context(at, &value->ctx);
    entries++; at = CT_WRITE(at, "\x64" "peer"); at = ct_write_peer(at, &value->peer);
    entries++; at = CT_WRITE(at, "\x64" "name"); at = ct_write_text(at, value->name);
    if (value->role != 0) { entries++; at = CT_WRITE(at, "\x64" "role"); at = ct_write_admission_role(at, value->role); }
    if (value->source.present) { entries++; at = CT_WRITE(at, "\x66" "source"); at = ct_write_admission_terminus(at, &value->source); }
    if (value->target.present) { entries++; at = CT_WRITE(at, "\x66" "target"); at = ct_write_admission_terminus(at, &value->target); }
    if (value->settle != 0) { entries++; at = CT_WRITE(at, "\x66" "settle"); at = ct_write_admission_settle_mode(at, value->settle); }
    if (value->max_message_size.present) { entries++; at = CT_WRITE(at, "\x70" "max-message-size"); at = ct_write_number(at, value->max_message_size.value); }
    if (value->desired_capabilities.items != NULL) { entries++; at = CT_WRITE(at, "\x74" "desired-capabilities"); at = ct_write_list(at, value->desired_capabilities.len); for (uint32_t i = 0; i < value->desired_capabilities.len; i++) at = ct_write_text(at, value->desired_capabilities.items[i]); }
    if (value->properties.items != NULL) { entries++; at = CT_WRITE(at, "\x6a" "properties"); at = ct_write_list(at, value->properties.len); for (uint32_t i = 0; i < value->properties.len; i++) at = ct_write_entry(at, &value->properties.items[i]); }
    entries++; at = CT_WRITE(at, "\x6a" "links-open"); at = ct_write_number(at, value->links_open);
    if (value->truncated.items != NULL) { entries++; at = CT_WRITE(at, "\x69" "truncated"); at = ct_write_list(at, value->truncated.len); for (uint32_t i = 0; i < value->truncated.len; i++) at = ct_write_text(at, value->truncated.items[i]); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_admission_grant(const uint8_t *at, const uint8_t *end, ct_admission_grant *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "note", 4)) { at = ct_read_text(at, end, &value->note); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "limits", 6)) { at = ct_read_limits(at, end, &value->limits); continue; }
            if (ct_same(key.ptr, "quotas", 6)) { at = ct_read_list(at, end, &value->quotas.len); value->quotas.items = ct_alloc(value->quotas.len, sizeof *value->quotas.items); for (uint32_t i = 0; i < value->quotas.len; i++) at = ct_read_quota(at, end, &value->quotas.items[i]); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "attributes", 10)) { at = ct_read_list(at, end, &value->attributes.len); value->attributes.items = ct_alloc(value->attributes.len, sizeof *value->attributes.items); for (uint32_t i = 0; i < value->attributes.len; i++) at = ct_read_attr(at, end, &value->attributes.items[i]); continue; }
            break;
        case 16:
            if (ct_same(key.ptr, "recheck-after-ms", 16)) { value->recheck_after_ms.present = true; at = ct_read_u32(at, end, &value->recheck_after_ms.value); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_admission_grant(uint8_t *at, const ct_admission_grant *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    if (value->limits.present) { entries++; at = CT_WRITE(at, "\x66" "limits"); at = ct_write_limits(at, &value->limits); }
    if (value->quotas.items != NULL) { entries++; at = CT_WRITE(at, "\x66" "quotas"); at = ct_write_list(at, value->quotas.len); for (uint32_t i = 0; i < value->quotas.len; i++) at = ct_write_quota(at, &value->quotas.items[i]); }
    if (value->attributes.items != NULL) { entries++; at = CT_WRITE(at, "\x6a" "attributes"); at = ct_write_list(at, value->attributes.len); for (uint32_t i = 0; i < value->attributes.len; i++) at = ct_write_attr(at, &value->attributes.items[i]); }
    if (value->recheck_after_ms.present) { entries++; at = CT_WRITE(at, "\x70" "recheck-after-ms"); at = ct_write_number(at, value->recheck_after_ms.value); }
    if (value->note.ptr != NULL) { entries++; at = CT_WRITE(at, "\x64" "note"); at = ct_write_text(at, value->note); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_admission_answer(const uint8_t *at, const uint8_t *end, ct_admission_answer *value) {
    bool bare = ct_text_comes(at, end);
    if (!bare) at = ct_read_one_entry(at, end);
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 4:
        if (ct_same(word.ptr, "deny", 4)) { if (!bare) { value->kind = CT_ADMISSION_ANSWER_DENY; at = ct_read_refusal(at, end, &value->deny); return at; } }
        break;
    case 5:
        if (ct_same(word.ptr, "allow", 5)) { if (!bare) { value->kind = CT_ADMISSION_ANSWER_ALLOW; at = ct_read_admission_grant(at, end, &value->allow); return at; } }
        break;
    default:
        break;
    }
    return bare ? at : ct_skip(at, end);
}

CT_ONCE uint8_t *ct_write_admission_answer(uint8_t *at, const ct_admission_answer *value) {
    switch (value->kind) {
    case CT_ADMISSION_ANSWER_ALLOW: at = CT_WRITE(at, "\xa1" "\x65" "allow"); at = ct_write_admission_grant(at, &value->allow); return at;
    case CT_ADMISSION_ANSWER_DENY: at = CT_WRITE(at, "\xa1" "\x64" "deny"); at = ct_write_refusal(at, &value->deny); return at;
    case CT_ADMISSION_ANSWER_NONE: break;
    }
    __builtin_trap();
}

CT_ONCE const uint8_t *ct_read_address_direction(const uint8_t *at, const uint8_t *end, ct_address_direction *value) {
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 7:
        if (ct_same(word.ptr, "inbound", 7)) { *value = CT_ADDRESS_DIRECTION_INBOUND; return at; }
        break;
    case 8:
        if (ct_same(word.ptr, "outbound", 8)) { *value = CT_ADDRESS_DIRECTION_OUTBOUND; return at; }
        break;
    default:
        break;
    }
    return at;
}

CT_ONCE uint8_t *ct_write_address_direction(uint8_t *at, ct_address_direction value) {
    switch (value) {
    case CT_ADDRESS_DIRECTION_INBOUND: return CT_WRITE(at, "\x67" "inbound");
    case CT_ADDRESS_DIRECTION_OUTBOUND: return CT_WRITE(at, "\x68" "outbound");
    case CT_ADDRESS_DIRECTION_NONE: break;
    }
    __builtin_trap();
}

CT_ONCE const uint8_t *ct_read_address_occasion(const uint8_t *at, const uint8_t *end, ct_address_occasion *value) {
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 6:
        if (ct_same(word.ptr, "attach", 6)) { *value = CT_ADDRESS_OCCASION_ATTACH; return at; }
        break;
    case 9:
        if (ct_same(word.ptr, "anonymous", 9)) { *value = CT_ADDRESS_OCCASION_ANONYMOUS; return at; }
        break;
    default:
        break;
    }
    return at;
}

CT_ONCE uint8_t *ct_write_address_occasion(uint8_t *at, ct_address_occasion value) {
    switch (value) {
    case CT_ADDRESS_OCCASION_ATTACH: return CT_WRITE(at, "\x66" "attach");
    case CT_ADDRESS_OCCASION_ANONYMOUS: return CT_WRITE(at, "\x69" "anonymous");
    case CT_ADDRESS_OCCASION_NONE: break;
    }
    __builtin_trap();
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_address_treatment(const uint8_t *at, const uint8_t *end, ct_address_treatment *value) {
    bool bare = ct_text_comes(at, end);
    if (!bare) at = ct_read_one_entry(at, end);
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 7:
        if (ct_same(word.ptr, "closest", 7)) { if (bare) { value->kind = CT_ADDRESS_TREATMENT_CLOSEST; return at; } }
        break;
    case 8:
        if (ct_same(word.ptr, "balanced", 8)) { if (bare) { value->kind = CT_ADDRESS_TREATMENT_BALANCED; return at; } }
        break;
    case 9:
        if (ct_same(word.ptr, "multicast", 9)) { if (bare) { value->kind = CT_ADDRESS_TREATMENT_MULTICAST; return at; } }
        break;
    case 10:
        if (ct_same(word.ptr, "link-route", 10)) { if (!bare) { value->kind = CT_ADDRESS_TREATMENT_LINK_ROUTE; at = ct_read_text(at, end, &value->link_route); return at; } }
        break;
    case 11:
        if (ct_same(word.ptr, "unavailable", 11)) { if (bare) { value->kind = CT_ADDRESS_TREATMENT_UNAVAILABLE; return at; } }
        break;
    default:
        break;
    }
    return bare ? at : ct_skip(at, end);
}

CT_ONCE uint8_t *ct_write_address_treatment(uint8_t *at, const ct_address_treatment *value) {
    switch (value->kind) {
    case CT_ADDRESS_TREATMENT_BALANCED: return CT_WRITE(at, "\x68" "balanced");
    case CT_ADDRESS_TREATMENT_CLOSEST: return CT_WRITE(at, "\x67" "closest");
    case CT_ADDRESS_TREATMENT_MULTICAST: return CT_WRITE(at, "\x69" "multicast");
    case CT_ADDRESS_TREATMENT_LINK_ROUTE: at = CT_WRITE(at, "\xa1" "\x6a" "link-route"); at = ct_write_text(at, value->link_route); return at;
    case CT_ADDRESS_TREATMENT_UNAVAILABLE: return CT_WRITE(at, "\x6b" "unavailable");
    case CT_ADDRESS_TREATMENT_NONE: break;
    }
    __builtin_trap();
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_address_request(const uint8_t *at, const uint8_t *end, ct_address_request *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 3:
            if (ct_same(key.ptr, "ctx", 3)) { at = ct_read_context(at, end, &value->ctx); continue; }
            break;
        case 4:
            if (ct_same(key.ptr, "peer", 4)) { at = ct_read_peer(at, end, &value->peer); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "phase", 5)) { at = ct_read_u8(at, end, &value->phase); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "address", 7)) { at = ct_read_text(at, end, &value->address); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "occasion", 8)) { at = ct_read_address_occasion(at, end, &value->occasion); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "direction", 9)) { at = ct_read_address_direction(at, end, &value->direction); continue; }
            if (ct_same(key.ptr, "truncated", 9)) { at = ct_read_list(at, end, &value->truncated.len); value->truncated.items = ct_alloc(value->truncated.len, sizeof *value->truncated.items); for (uint32_t i = 0; i < value->truncated.len; i++) at = ct_read_text(at, end, &value->truncated.items[i]); continue; }
            break;
        case 10:
            if (ct_same(key.ptr, "configured", 10)) { at = ct_read_address_treatment(at, end, &value->configured); continue; }
            break;
        case 12:
            if (ct_same(key.ptr, "capabilities", 12)) { at = ct_read_list(at, end, &value->capabilities.len); value->capabilities.items = ct_alloc(value->capabilities.len, sizeof *value->capabilities.items); for (uint32_t i = 0; i < value->capabilities.len; i++) at = ct_read_text(at, end, &value->capabilities.items[i]); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_address_request(uint8_t *at, const ct_address_request *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x63" "ctx"); at = ct_write_context(at, &value->ctx);
    entries++; at = CT_WRITE(at, "\x67" "address"); at = ct_write_text(at, value->address);
    if (value->direction != 0) { entries++; at = CT_WRITE(at, "\x69" "direction"); at = ct_write_address_direction(at, value->direction); }
    if (value->occasion != 0) { entries++; at = CT_WRITE(at, "\x68" "occasion"); at = ct_write_address_occasion(at, value->occasion); }
    if (value->peer.present) { entries++; at = CT_WRITE(at, "\x64" "peer"); at = ct_write_peer(at, &value->peer); }
    if (value->capabilities.items != NULL) { entries++; at = CT_WRITE(at, "\x6c" "capabilities"); at = ct_write_list(at, value->capabilities.len); for (uint32_t i = 0; i < value->capabilities.len; i++) at = ct_write_text(at, value->capabilities.items[i]); }
    if (value->configured.kind != 0) { entries++; at = CT_WRITE(at, "\x6a" "configured"); at = ct_write_address_treatment(at, &value->configured); }
    entries++; at = CT_WRITE(at, "\x65" "phase"); at = ct_write_number(at, value->phase);
    if (value->truncated.items != NULL) { entries++; at = CT_WRITE(at, "\x69" "truncated"); at = ct_write_list(at, value->truncated.len); for (uint32_t i = 0; i < value->truncated.len; i++) at = ct_write_text(at, value->truncated.items[i]); }
    *map = CT_KIND_MAP + entries;
    return at;
}

CT_ONCE const uint8_t *ct_read_address_scope(const uint8_t *at, const uint8_t *end, ct_address_scope *value) {
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 8:
        if (ct_same(word.ptr, "everyone", 8)) { *value = CT_ADDRESS_SCOPE_EVERYONE; return at; }
        break;
    case 10:
        if (ct_same(word.ptr, "connection", 10)) { *value = CT_ADDRESS_SCOPE_CONNECTION; return at; }
        if (ct_same(word.ptr, "attributes", 10)) { *value = CT_ADDRESS_SCOPE_ATTRIBUTES; return at; }
        break;
    default:
        break;
    }
    return at;
}

CT_ONCE uint8_t *ct_write_address_scope(uint8_t *at, ct_address_scope value) {
    switch (value) {
    case CT_ADDRESS_SCOPE_CONNECTION: return CT_WRITE(at, "\x6a" "connection");
    case CT_ADDRESS_SCOPE_ATTRIBUTES: return CT_WRITE(at, "\x6a" "attributes");
    case CT_ADDRESS_SCOPE_EVERYONE: return CT_WRITE(at, "\x68" "everyone");
    case CT_ADDRESS_SCOPE_NONE: break;
    }
    __builtin_trap();
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_address_ruling(const uint8_t *at, const uint8_t *end, ct_address_ruling *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 4:
            if (ct_same(key.ptr, "note", 4)) { at = ct_read_text(at, end, &value->note); continue; }
            break;
        case 5:
            if (ct_same(key.ptr, "phase", 5)) { value->phase.present = true; at = ct_read_u8(at, end, &value->phase.value); continue; }
            break;
        case 6:
            if (ct_same(key.ptr, "ttl-ms", 6)) { value->ttl_ms.present = true; at = ct_read_u32(at, end, &value->ttl_ms.value); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "address", 7)) { at = ct_read_text(at, end, &value->address); continue; }
            break;
        case 8:
            if (ct_same(key.ptr, "priority", 8)) { value->priority.present = true; at = ct_read_u8(at, end, &value->priority.value); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "treatment", 9)) { at = ct_read_address_treatment(at, end, &value->treatment); continue; }
            if (ct_same(key.ptr, "shared-by", 9)) { at = ct_read_address_scope(at, end, &value->shared_by); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_address_ruling(uint8_t *at, const ct_address_ruling *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    if (value->address.ptr != NULL) { entries++; at = CT_WRITE(at, "\x67" "address"); at = ct_write_text(at, value->address); }
    if (value->treatment.kind != 0) { entries++; at = CT_WRITE(at, "\x69" "treatment"); at = ct_write_address_treatment(at, &value->treatment); }
    if (value->phase.present) { entries++; at = CT_WRITE(at, "\x65" "phase"); at = ct_write_number(at, value->phase.value); }
    if (value->priority.present) { entries++; at = CT_WRITE(at, "\x68" "priority"); at = ct_write_number(at, value->priority.value); }
    if (value->ttl_ms.present) { entries++; at = CT_WRITE(at, "\x66" "ttl-ms"); at = ct_write_number(at, value->ttl_ms.value); }
    if (value->shared_by != 0) { entries++; at = CT_WRITE(at, "\x69" "shared-by"); at = ct_write_address_scope(at, value->shared_by); }
    if (value->note.ptr != NULL) { entries++; at = CT_WRITE(at, "\x64" "note"); at = ct_write_text(at, value->note); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_address_denial(const uint8_t *at, const uint8_t *end, ct_address_denial *value) {
    uint32_t left;
    for (at = ct_read_map(at, end, &left); left > 0; left--) {
        ct_text key;
        at = ct_read_key(at, end, &key);
        if (ct_null_comes(at, end)) { at++; continue; }
        switch (key.len) {
        case 6:
            if (ct_same(key.ptr, "ttl-ms", 6)) { value->ttl_ms.present = true; at = ct_read_u32(at, end, &value->ttl_ms.value); continue; }
            break;
        case 7:
            if (ct_same(key.ptr, "refusal", 7)) { at = ct_read_refusal(at, end, &value->refusal); continue; }
            break;
        case 9:
            if (ct_same(key.ptr, "shared-by", 9)) { at = ct_read_address_scope(at, end, &value->shared_by); continue; }
            break;
        default:
            break;
        }
        at = ct_skip(at, end);
    }
    return at;
}

CT_ONCE uint8_t *ct_write_address_denial(uint8_t *at, const ct_address_denial *value) {
    uint8_t *map = at, entries = 0;
    at = ct_write_map(at, 0);
    entries++; at = CT_WRITE(at, "\x67" "refusal"); at = ct_write_refusal(at, &value->refusal);
    if (value->ttl_ms.present) { entries++; at = CT_WRITE(at, "\x66" "ttl-ms"); at = ct_write_number(at, value->ttl_ms.value); }
    if (value->shared_by != 0) { entries++; at = CT_WRITE(at, "\x69" "shared-by"); at = ct_write_address_scope(at, value->shared_by); }
    *map = CT_KIND_MAP + entries;
    return at;
}

/* Into zeroes. */
CT_ONCE const uint8_t *ct_read_address_answer(const uint8_t *at, const uint8_t *end, ct_address_answer *value) {
    bool bare = ct_text_comes(at, end);
    if (!bare) at = ct_read_one_entry(at, end);
    ct_text word;
    at = ct_read_key(at, end, &word);
    switch (word.len) {
    case 4:
        if (ct_same(word.ptr, "deny", 4)) { if (!bare) { value->kind = CT_ADDRESS_ANSWER_DENY; at = ct_read_address_denial(at, end, &value->deny); return at; } }
        break;
    case 5:
        if (ct_same(word.ptr, "apply", 5)) { if (!bare) { value->kind = CT_ADDRESS_ANSWER_APPLY; at = ct_read_address_ruling(at, end, &value->apply); return at; } }
        break;
    default:
        break;
    }
    return bare ? at : ct_skip(at, end);
}

CT_ONCE uint8_t *ct_write_address_answer(uint8_t *at, const ct_address_answer *value) {
    switch (value->kind) {
    case CT_ADDRESS_ANSWER_APPLY: at = CT_WRITE(at, "\xa1" "\x65" "apply"); at = ct_write_address_ruling(at, &value->apply); return at;
    case CT_ADDRESS_ANSWER_DENY: at = CT_WRITE(at, "\xa1" "\x64" "deny"); at = ct_write_address_denial(at, &value->deny); return at;
    case CT_ADDRESS_ANSWER_NONE: break;
    }
    __builtin_trap();
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
    if (ct_memory.end == 0) {
        size_t pages = __builtin_wasm_memory_size(0);
        ct_memory.end = (uintptr_t)(pages < 0xffff ? pages : 0xffff) << 16;
        ct_memory.floor = ((uintptr_t)&__heap_base + 7) & ~(uintptr_t)7;
    }
    ct_memory.top = ct_memory.floor;
    return ct_reserve(len);
}

/* What was written from the top of the memory to END. */
CT_INLINE uint64_t ct_pack(const uint8_t *end) {
    return (uint64_t)ct_memory.top << 32 | ((uintptr_t)end - ct_memory.top);
}

/* Names in C have no hyphens, those of the schema no underscores. */
CT_ONCE ct_text ct_hyphenated(ct_text text) {
    char *name = ct_take(text.len);
    for (uint32_t i = 0; i < text.len; i++) name[i] = text.ptr[i] == '_' ? '-' : text.ptr[i];
    return (ct_text){name, text.len};
}

CT_SHARED CT_EXPORT("policy_configure") uint64_t ct_policy_configure(const uint8_t *at, uint32_t len) {
    const uint8_t *end = at + len;
    ct_setup_request *request = ct_alloc(1, sizeof *request);
    ct_end(ct_read_setup_request(at, end, request), end);
    ct_setup_answer *answer = ct_alloc(1, sizeof *answer);
    if (ct_configure) ct_configure(request, answer);
    if (&ct_reads != NULL && answer->reads.items == NULL) {
        for (uint32_t i = 0; i < ct_reads.len; i++) *CT_PUSH(&answer->reads) = ct_hyphenated(ct_reads.items[i]);
    }
    ct_memory.floor = ct_memory.top;
    return ct_pack(ct_write_setup_answer((uint8_t *)ct_memory.top, answer));
}

/* A hook: CT_ON_CONNECTION(request) { … } gives what ct_allow or ct_deny made, or NULL: no opinion. */
#define CT_HOOK(name, read, write, request) \
    static ct_##name##_answer *ct_##name(const ct_##name##_request *request); \
    CT_EXPORT(#name) uint64_t ct_export_##name(const uint8_t *at, uint32_t len) { \
        ct_##name##_request *asked = ct_alloc(1, sizeof *asked); \
        ct_end(read(at, at + len, asked), at + len); \
        const ct_##name##_answer *answer = ct_##name(asked); \
        return answer == NULL ? 0 : ct_pack(write((uint8_t *)ct_memory.top, answer)); \
    } \
    static ct_##name##_answer *ct_##name(const ct_##name##_request *request)
#define CT_ON_FAILOVER(request) CT_HOOK(on_failover, ct_read_failover_request, ct_write_failover_answer, request)
#define CT_ON_CONNECTION(request) CT_HOOK(on_connection, ct_read_admission_connection, ct_write_admission_answer, request)
#define CT_ON_SESSION(request) CT_HOOK(on_session, ct_read_admission_session, ct_write_admission_answer, request)
#define CT_ON_LINK(request) CT_HOOK(on_link, ct_read_admission_link, ct_write_admission_answer, request)
#define CT_ON_ADDRESS(request) CT_HOOK(on_address, ct_read_address_request, ct_write_address_answer, request)

#endif
