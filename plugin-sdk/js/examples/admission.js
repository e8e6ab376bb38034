// Who may connect from where, with how much. The first rule that fits decides; whom none fits is denied. In the configuration:
//
//     plugin "admission" {
//         grant "kv"
//         config {
//             deny container="legacy-*" note="retired"
//             allow user="alice" from="10.0.0.0/8" tenant="acme" { links 100; connections 2; }
//             allow from="127.0.0.1"
//             rate 60          // connections a minute from one host
//         }
//     }
/// <reference path="../policy.d.ts" />

const reads = ["peer.user", "peer.ip", "peer.container-id"];

const LIMITS = ["sessions", "links", "senders", "receivers", "unsettled"];

/** @type {{ fits: (peer: Peer) => boolean, answer: AdmissionAnswer }[]} */
let rules = [];
let perMinute = 0;

/** @type {Configure} */
function configure(request) {
    /** @type {Problem[]} */
    const problems = [];
    request.config.forEach((node, index) => {
        try {
            if (node.name === "rate") perMinute = count(node);
            else if (node.name === "allow" || node.name === "deny") rules.push(rule(node));
            else throw new Error(`there is no \`${node.name}\`: \`allow\`, \`deny\` and \`rate\` are known`);
        } catch (error) {
            problems.push({ message: String(/** @type {Error} */ (error).message), path: [index] });
        }
    });
    return { problems };
}

/** @type {OnConnection} */
function onConnection({ peer }) {
    if (perMinute > 0) {
        const minute = Math.floor(Date.now() / 60000);
        const opened = host.kvAdd(`${peer.ip} ${minute}`, 1, 60000) ?? 0;
        if (opened > perMinute) return refused("amqp:resource-limit-exceeded", "too many connections a minute");
    }
    const rule = rules.find((rule) => rule.fits(peer));
    return rule ? rule.answer : refused("amqp:unauthorized-access", "no rule lets you in");
}

/** @param {ConfigNode} node */
function rule(node) {
    const { user, from, container, tenant, note } = node.props;
    const [isUser, isContainer, isInside] = [pattern(user), pattern(container), network(from)];
    /** @param {Peer} peer */
    const fits = (peer) => isUser(peer.user) && isContainer(peer["container-id"]) && isInside(peer.ip);
    if (node.name === "deny") return { fits, answer: refused("amqp:unauthorized-access", "not allowed here", note) };

    /** @type {Limits} */
    const limits = {};
    /** @type {Quota[]} */
    const quotas = [];
    for (const child of node.children) {
        if (child.name === "connections") quotas.push({ key: `user ${user ?? "*"}`, max: count(child) });
        else if (LIMITS.includes(child.name)) Object.assign(limits, { [child.name]: count(child) });
        else throw new Error(`there is no \`${child.name}\``);
    }
    const attributes = tenant === undefined ? [] : [{ key: "tenant", val: String(tenant) }];
    return { fits, answer: { allow: { limits, quotas, attributes } } };
}

/** @param {string} condition @param {string} description @param {Scalar} [note] @returns {AdmissionAnswer} */
function refused(condition, description, note) {
    return { deny: { condition, description, note: note === undefined ? undefined : String(note) } };
}

/** @param {ConfigNode} node */
function count(node) {
    const [number] = node.args;
    if (typeof number !== "number" || !Number.isInteger(number) || number < 0) throw new Error(`\`${node.name}\` takes a number`);
    return number;
}

/** A name, or the beginning of one before `*`. @param {Scalar} [text] @returns {(name?: string) => boolean} */
function pattern(text) {
    if (text === undefined) return () => true;
    const wanted = String(text);
    if (!wanted.endsWith("*")) return (name) => name === wanted;
    const start = wanted.slice(0, -1);
    return (name) => name !== undefined && name.startsWith(start);
}

/** An IPv4 network such as 10.0.0.0/8, or one address. @param {Scalar} [text] @returns {(ip: string) => boolean} */
function network(text) {
    if (text === undefined) return () => true;
    const [ip, bits = "32"] = String(text).split("/");
    const inside = number(ip);
    if (inside === undefined || !/^\d+$/.test(bits) || Number(bits) > 32) throw new Error(`\`${text}\` is no network such as 10.0.0.0/8`);
    const mask = Number(bits) === 0 ? 0 : -1 << (32 - Number(bits));
    return (ip) => {
        const address = number(ip);
        return address !== undefined && ((address ^ inside) & mask) === 0;
    };
}

/** An IPv4 address as 32 bits. @param {string} ip */
function number(ip) {
    const parts = ip.split(".").map(Number);
    if (parts.length !== 4 || !parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255)) return undefined;
    return parts.reduce((sum, part) => (sum << 8) | part, 0);
}
