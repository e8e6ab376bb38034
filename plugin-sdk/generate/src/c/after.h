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
