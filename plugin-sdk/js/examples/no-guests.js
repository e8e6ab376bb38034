// Refuses peers that are logged in as `guest`.
/// <reference path="../policy.d.ts" />

// only this is sent: the fewer fields, the cheaper the call
const reads = ["peer.user"];

/** @type {OnConnection} */
function onConnection(request) {
    if (request.peer.user === "guest") {
        return { deny: { condition: "amqp:unauthorized-access", description: "no guests" } };
    }
    // no opinion
}
