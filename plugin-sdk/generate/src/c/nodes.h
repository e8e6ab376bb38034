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

