//! Lets in members, by name, and whoever comes from some networks; counts and limits the others.
const policy = @import("crosstie_plugin.zig");

pub const reads = [_][]const u8{ "peer.user", "peer.ip" };

const Rule = struct {
    /// A user, or how an address begins.
    of: []const u8,
    is_member: bool,
    connections: ?u32 = null,
    tenant: ?[]const u8 = null,
};

/// What `configure` allocates, the request included, stays.
var rules: []const Rule = &.{};

pub fn configure(request: *const policy.SetupRequest, problems: *policy.Problems) void {
    const found = policy.items(Rule, request.config.len);
    var len: usize = 0;
    problems.expectNodes(request.config, &.{ "member", "from" });
    for (request.config) |*node| {
        const is_member = policy.equal(node.name, "member");
        if (!is_member and !policy.equal(node.name, "from")) continue;
        found[len] = .{ .of = problems.textArgument(node) orelse "", .is_member = is_member };
        problems.expectNodes(node.children, &.{});
        if (is_member) {
            problems.expectProperties(node, &.{ "connections", "tenant" });
            const connections = problems.integerProperty(node, "connections", 1, 0xffff_ffff);
            found[len].connections = if (connections) |number| @intCast(number) else null;
            found[len].tenant = problems.textProperty(node, "tenant");
        } else {
            problems.expectProperties(node, &.{});
        }
        len += 1;
    }
    rules = found[0..len];
}

pub fn onConnection(request: *const policy.AdmissionConnection) ?policy.AdmissionAnswer {
    const peer = &request.peer;
    for (rules) |*rule| {
        if (!rule.is_member) {
            if (policy.startsWith(peer.ip, rule.of)) return admitFrom(rule.of);
        } else if (peer.user) |user| {
            if (policy.equal(user, rule.of)) return admitMember(rule);
        }
    }
    return refuse(peer.ip);
}

fn admitMember(rule: *const Rule) policy.AdmissionAnswer {
    var grant = policy.AdmissionGrant{ .note = policy.join(&.{ "member ", rule.of }) };
    if (rule.connections) |max| {
        grant.quotas = policy.keep(policy.Quota, &.{.{ .key = policy.join(&.{ "user/", rule.of }), .max = max }});
    }
    if (rule.tenant) |tenant| {
        grant.attributes = policy.keep(policy.Attr, &.{.{ .key = "tenant", .val = tenant }});
    }
    return .{ .allow = grant };
}

fn admitFrom(network: []const u8) policy.AdmissionAnswer {
    return .{ .allow = .{ .limits = .{ .links = 10 }, .note = policy.join(&.{ "from ", network }) } };
}

fn refuse(ip: []const u8) policy.AdmissionAnswer {
    var answer = policy.deny("amqp:unauthorized-access", "members only");
    policy.count("refused", 1);
    if (policy.kvAdd(policy.join(&.{ "refused/", ip }), 1, 60000)) |times| {
        answer.deny.note = policy.join(&.{ "no member, ", policy.decimal(times), " in a minute" });
    }
    answer.deny.info = policy.keep(policy.Entry, &.{.{ .key = "address", .val = .{ .text = ip } }});
    return answer;
}

comptime {
    policy.register(@This());
}
