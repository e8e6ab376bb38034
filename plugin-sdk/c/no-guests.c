/* Lets nobody in who calls himself guest. */
#include "crosstie_plugin.h"

/* only this is sent: the fewer fields, the cheaper the call */
CT_READS(CT_READ(connection, peer.user));

CT_ON_CONNECTION(request) {
    if (!ct_is(request->peer.user, "guest")) return NULL; /* no opinion */
    return ct_deny(CT("amqp:unauthorized-access"), CT("no guests"));
}
