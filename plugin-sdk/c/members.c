/* Lets in members, by name, and whoever comes from some networks; counts and limits the others. */
#include "crosstie_plugin.h"

CT_READS(CT_READ(connection, peer.user), CT_READ(connection, peer.ip));

/* What policy_configure allocates, its request included, stays: so may pointers into it. */
static ct_node_list rules;

static void read_rule(ct_setup_answer *answer, const ct_node *node) {
    ct_text_argument(answer, node);
    CT_EXPECT(answer, node->children);
    if (ct_is(node->name, "member")) {
        CT_EXPECT_PROPERTIES(answer, node, CT("connections"), CT("tenant"));
        ct_integer_property(answer, node, CT("connections"), 1, UINT32_MAX, 0);
        ct_text_property(answer, node, CT("tenant"));
    } else if (node->props.len > 0) {
        ct_problem(answer, node, CT("`from` takes no property"));
    }
}

CT_CONFIGURE(request, answer) {
    CT_EXPECT(answer, request->config, CT("member"), CT("from"));
    rules = request->config;
    for (uint32_t i = 0; i < rules.len; i++) {
        const ct_node *node = &rules.items[i];
        if (ct_is(node->name, "member") || ct_is(node->name, "from")) read_rule(answer, node);
    }
}

static ct_admission_answer *admit_member(const ct_node *rule, ct_text user) {
    ct_admission_answer *answer = ct_allow();
    const ct_scalar *connections = ct_property(rule, CT("connections"));
    const ct_scalar *tenant = ct_property(rule, CT("tenant"));
    if (connections != NULL) {
        ct_add_quota(&answer->allow, CT_JOIN(CT("user/"), user), (uint32_t)connections->integer);
    }
    if (tenant != NULL) ct_add_attribute(&answer->allow, CT("tenant"), tenant->text);
    answer->allow.note = CT_JOIN(CT("member "), user);
    return answer;
}

static ct_admission_answer *admit_from(ct_text network) {
    ct_admission_answer *answer = ct_allow();
    answer->allow.limits.present = true;
    answer->allow.limits.links = (ct_u32_option){true, 10};
    answer->allow.note = CT_JOIN(CT("from "), network);
    return answer;
}

static ct_admission_answer *refuse(ct_text ip) {
    ct_admission_answer *answer = ct_deny(CT("amqp:unauthorized-access"), CT("members only"));
    int64_t times;
    ct_count(CT("refused"), 1);
    if (ct_kv_add(CT_JOIN(CT("refused/"), ip), 1, 60000, &times)) {
        answer->deny.note = CT_JOIN(CT("no member, "), ct_decimal(times), CT(" in a minute"));
    }
    ct_add_info(&answer->deny, CT("address"), ip);
    return answer;
}

CT_ON_CONNECTION(request) {
    for (uint32_t i = 0; i < rules.len; i++) {
        const ct_node *rule = &rules.items[i];
        ct_text what = rule->args.items[0].text;
        if (ct_is(rule->name, "from")) {
            if (ct_starts_with(request->peer.ip, what)) return admit_from(what);
        } else if (request->peer.user.ptr != NULL && ct_equal(request->peer.user, what)) {
            return admit_member(rule, request->peer.user);
        }
    }
    return refuse(request->peer.ip);
}
