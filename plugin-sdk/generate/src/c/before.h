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

