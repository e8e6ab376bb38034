//! Every hook, and every kind of answer.
const policy = @import("crosstie_plugin.zig");

pub const reads = [_][]const u8{
    "peer.tls.subject", "sessions-open", "role",            "links-open", "target.address",
    "address",          "configured",    "peer.attributes", "candidates",
};

pub fn onConnection(request: *const policy.AdmissionConnection) ?policy.AdmissionAnswer {
    const tls = request.peer.tls orelse return null;
    if (!policy.equal(tls.subject orelse return null, "CN=old")) return null;
    return policy.deny("amqp:not-allowed", "an old certificate");
}

pub fn onSession(request: *const policy.AdmissionSession) ?policy.AdmissionAnswer {
    if (request.sessions_open < 4) return null;
    var answer = policy.deny("amqp:resource-limit-exceeded", "too many sessions");
    answer.deny.note = policy.join(&.{ policy.decimal(request.sessions_open), " are open" });
    return answer;
}

pub fn onLink(request: *const policy.AdmissionLink) ?policy.AdmissionAnswer {
    if (request.role != .sender or request.target == null) return null;
    return .{ .allow = .{ .limits = .{ .max_message_size = 1 << 40, .link_credit = request.links_open } } };
}

pub fn onAddress(request: *const policy.AddressRequest) ?policy.AddressAnswer {
    const old = "old/";
    if (policy.equal(request.address, "secret")) {
        const refusal = policy.Refusal{ .condition = "amqp:not-found", .description = "there is no such address" };
        return .{ .deny = .{ .refusal = refusal, .ttl_ms = 60000 } };
    }
    if (!policy.startsWith(request.address, old)) return null;
    const configured = request.configured orelse .balanced;
    return .{ .apply = .{
        .address = policy.join(&.{ attribute(request, "tenant"), "/", request.address[old.len..] }),
        .treatment = if (configured == .link_route) .multicast else configured,
        .phase = 2,
        .ttl_ms = 500,
        .shared_by = .attributes,
    } };
}

fn attribute(request: *const policy.AddressRequest, key: []const u8) []const u8 {
    const peer = request.peer orelse return "";
    for (peer.attributes) |entry| {
        if (policy.equal(entry.key, key)) return entry.val;
    }
    return "";
}

pub fn onFailover(request: *const policy.FailoverRequest) ?policy.FailoverAnswer {
    const candidates = request.candidates;
    if (candidates.len == 0) return .{ .order = &.{} };
    const order = policy.items(policy.FailoverPick, candidates.len);
    for (order, 0..) |*pick, place| {
        const index = candidates.len - 1 - place;
        pick.* = .{ .index = @intCast(index), .delay_ms = if (place == 0) null else 20 };
    }
    const note = policy.join(&.{ candidates[candidates.len - 1].host, " first" });
    return .{ .order = order, .retry_after_ms = 1000, .note = note };
}

comptime {
    policy.register(@This());
}
