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

