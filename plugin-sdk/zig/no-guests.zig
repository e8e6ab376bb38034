//! Lets nobody in who calls himself guest.
const policy = @import("crosstie_plugin.zig");

/// Only this is sent: the fewer fields, the cheaper the call.
pub const reads = [_][]const u8{"peer.user"};

pub fn onConnection(request: *const policy.AdmissionConnection) ?policy.AdmissionAnswer {
    const user = request.peer.user orelse return null; // no opinion
    if (!policy.equal(user, "guest")) return null;
    return policy.deny("amqp:unauthorized-access", "no guests");
}

comptime {
    policy.register(@This());
}
