/* Reads what it is given and writes it again: how the bytes of golden.jsonl are checked. No plugin. */
#include "crosstie_plugin.h"

/* What the requests and answers of the hooks are read as and written by, in the order of `plugin-hooks` in policy.wit. */
#define ECHO(number, type) \
    case number: { \
        ct_##type *value = ct_alloc(1, sizeof *value); \
        ct_end(ct_read_##type(at, at + len, value), at + len); \
        return ct_pack(ct_write_##type((uint8_t *)ct_memory.top, value)); \
    }

CT_EXPORT("echo") uint64_t echo(uint32_t number, const uint8_t *at, uint32_t len) {
    switch (number) {
        ECHO(0, setup_request)
        ECHO(1, setup_answer)
        ECHO(2, failover_request)
        ECHO(3, failover_answer)
        ECHO(4, admission_connection)
        ECHO(5, admission_answer)
        ECHO(6, admission_session)
        ECHO(7, admission_answer)
        ECHO(8, admission_link)
        ECHO(9, admission_answer)
        ECHO(10, address_request)
        ECHO(11, address_answer)
    default:
        __builtin_trap();
    }
}
