//! Says who may connect. Change the rule in `onConnection`, and the cases with it.
const policy = @import("crosstie-plugin/crosstie_plugin.zig");

/// Only this is sent: the fewer fields, the cheaper the call.
pub const reads = [_][]const u8{"peer.user"};

/// What the peer is told.
var description: []const u8 = "no guests";

/// Reads the `config` block of the plugin's node: `config { description "no guests" }`.
pub fn configure(request: *const policy.SetupRequest, problems: *policy.Problems) void {
    problems.expectNodes(request.config, &.{"description"});
    for (request.config) |*node| {
        if (policy.equal(node.name, "description")) description = problems.textArgument(node) orelse "";
    }
}

/// `null`: no opinion, others decide.
pub fn onConnection(request: *const policy.AdmissionConnection) ?policy.AdmissionAnswer {
    const user = request.peer.user orelse return null;
    if (!policy.equal(user, "guest")) return null;
    var answer = policy.deny("amqp:unauthorized-access", description);
    answer.deny.note = "guests";
    return answer;
}

comptime {
    policy.register(@This());
}
