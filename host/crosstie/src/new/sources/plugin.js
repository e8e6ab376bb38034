// Says who may connect. Change the rule in `onConnection`, and the cases with it.
/// <reference path="crosstie-plugin/policy.d.ts" />

// only this is sent: the fewer fields, the cheaper the call
const reads = ["peer.user"];

let description = "no guests"; // what the peer is told

/** Reads the `config` block of the plugin's node: `config { description "no guests" }`. @type {Configure} */
function configure({ config }) {
    /** @type {Problem[]} */
    const problems = [];
    config.forEach((node, index) => {
        const [text] = node.args;
        if (node.name !== "description") problems.push({ message: `unknown node \`${node.name}\``, path: [index] });
        else if (typeof text !== "string") problems.push({ message: "`description` takes a text", path: [index] });
        else description = text;
    });
    return { problems };
}

/** `undefined`: no opinion, others decide. @type {OnConnection} */
function onConnection(request) {
    if (request.peer.user !== "guest") return;
    return { deny: { condition: "amqp:unauthorized-access", description, note: "guests" } };
}
