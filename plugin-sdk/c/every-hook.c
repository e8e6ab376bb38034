/* Every hook, and every kind of answer. */
#include "crosstie_plugin.h"

CT_READS(CT_READ(connection, peer.tls.subject), CT_READ(session, sessions_open), CT_READ(link, role), CT_READ(link, links_open),
         CT_READ(link, target.address), CT_READ(address, address), CT_READ(address, configured), CT_READ(address, peer.attributes),
         CT_READ(failover, candidates));

CT_ON_CONNECTION(request) {
    if (!ct_is(request->peer.tls.subject, "CN=old")) return NULL;
    return ct_deny(CT("amqp:not-allowed"), CT("an old certificate"));
}

CT_ON_SESSION(request) {
    if (request->sessions_open < 4) return NULL;
    ct_admission_answer *answer = ct_deny(CT("amqp:resource-limit-exceeded"), CT("too many sessions"));
    answer->deny.note = CT_JOIN(ct_decimal(request->sessions_open), CT(" are open"));
    return answer;
}

CT_ON_LINK(request) {
    if (request->role != CT_ADMISSION_ROLE_SENDER || !request->target.present) return NULL;
    ct_admission_answer *answer = ct_allow();
    answer->allow.limits.present = true;
    answer->allow.limits.max_message_size = (ct_u64_option){true, (uint64_t)1 << 40};
    answer->allow.limits.link_credit = (ct_u32_option){true, request->links_open};
    return answer;
}

static ct_text attribute(const ct_peer *peer, ct_text key) {
    for (uint32_t i = 0; i < peer->attributes.len; i++) {
        if (ct_equal(peer->attributes.items[i].key, key)) return peer->attributes.items[i].val;
    }
    return (ct_text){0};
}

CT_ON_ADDRESS(request) {
    ct_address_answer *answer;
    ct_text address = request->address, old = CT("old/");
    if (ct_is(address, "secret")) {
        answer = ct_deny_address(CT("amqp:not-found"), CT("there is no such address"));
        answer->deny.ttl_ms = (ct_u32_option){true, 60000};
        return answer;
    }
    if (!ct_starts_with(address, old)) return NULL;
    answer = ct_apply();
    ct_address_ruling *ruling = &answer->apply;
    ct_text rest = {address.ptr + old.len, address.len - old.len};
    ruling->address = CT_JOIN(attribute(&request->peer, CT("tenant")), CT("/"), rest);
    ruling->treatment = request->configured;
    if (request->configured.kind == CT_ADDRESS_TREATMENT_LINK_ROUTE) {
        ruling->treatment.kind = CT_ADDRESS_TREATMENT_MULTICAST;
    }
    ruling->phase = (ct_u8_option){true, 2};
    ruling->ttl_ms = (ct_u32_option){true, 500};
    ruling->shared_by = CT_ADDRESS_SCOPE_ATTRIBUTES;
    return answer;
}

CT_ON_FAILOVER(request) {
    ct_failover_answer *answer = ct_order();
    uint32_t count = request->candidates.len;
    if (count == 0) return answer;
    for (uint32_t i = count; i > 0; i--) {
        ct_failover_pick *pick = ct_pick(answer, i - 1);
        if (i < count) pick->delay_ms = (ct_u32_option){true, 20};
    }
    answer->retry_after_ms = (ct_u32_option){true, 1000};
    answer->note = CT_JOIN(request->candidates.items[count - 1].host, CT(" first"));
    return answer;
}
