/* Says who may connect. Change the rule in CT_ON_CONNECTION, and the cases with it. */
#include "crosstie_plugin.h"

/* only this is sent: the fewer fields, the cheaper the call */
CT_READS(CT_READ(connection, peer.user));

/* what the peer is told */
static ct_text description;

/* Reads the `config` block of the plugin's node: config { description "no guests" } */
CT_CONFIGURE(request, answer) {
    description = CT("no guests");
    CT_EXPECT(answer, request->config, CT("description"));
    for (uint32_t i = 0; i < request->config.len; i++) {
        const ct_node *node = &request->config.items[i];
        if (ct_is(node->name, "description")) description = ct_text_argument(answer, node);
    }
}

/* NULL: no opinion, others decide. */
CT_ON_CONNECTION(request) {
    if (!ct_is(request->peer.user, "guest")) return NULL;
    ct_admission_answer *answer = ct_deny(CT("amqp:unauthorized-access"), description);
    answer->deny.note = CT("guests");
    return answer;
}
