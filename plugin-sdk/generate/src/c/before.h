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

