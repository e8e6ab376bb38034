/* Calls everything that the host offers, and denies with what did not come out as ABI.md says. */
#include "crosstie_plugin.h"

static bool is(ct_text key, ct_bytes wanted) {
    ct_bytes value;
    if (!ct_kv_get(key, &value) || value.len != wanted.len) return false;
    for (uint32_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != wanted.ptr[i]) return false;
    }
    return true;
}

static const char *fault(void) {
    static uint8_t bytes[1000];
    for (uint32_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)i;
    ct_text key = CT("key"), counter = CT("counter"), none = {0};
    ct_bytes value, some = {bytes, 3}, many = {bytes, sizeof bytes};
    int64_t sum;
    if (ct_kv_get(key, &value)) return "a key that was never put is there";
    if (!ct_kv_put(key, some, 0) || !is(key, some)) return "a value is not as it was put";
    if (!ct_kv_put(key, many, 60000) || !is(key, many)) return "a long value is not as it was put";
    if (ct_kv_put(none, some, 0)) return "a key without bytes has room";
    ct_kv_delete(key);
    if (ct_kv_get(key, &value)) return "a key that was deleted is there";
    if (!ct_kv_add(counter, 40, 0, &sum) || sum != 40) return "a counter does not begin at 0";
    if (!ct_kv_add(counter, -42, 0, &sum) || sum != -2) return "a counter does not add";
    if (!ct_kv_put(key, some, 0) || ct_kv_add(key, 1, 0, &sum)) return "three bytes are a counter";
    return NULL;
}

CT_ON_CONNECTION(request) {
    (void)request;
    ct_log(CT_INFO, CT("asked"));
    ct_count(CT("asked"), 1);
    const char *why = fault();
    if (why == NULL) return NULL;
    uint32_t len = 0;
    while (why[len] != 0) len++;
    return ct_deny(CT("amqp:internal-error"), (ct_text){why, len});
}
