//! Calls everything that the host offers, and denies with what did not come out as ABI.md says.
const policy = @import("crosstie_plugin.zig");

pub fn onConnection(_: *const policy.AdmissionConnection) ?policy.AdmissionAnswer {
    policy.log(.info, "asked");
    policy.count("asked", 1);
    return policy.deny("amqp:internal-error", fault() orelse return null);
}

fn fault() ?[]const u8 {
    var bytes: [1000]u8 = undefined;
    for (&bytes, 0..) |*byte, index| byte.* = @truncate(index);
    if (policy.kvGet("key") != null) return "a key that was never put is there";
    if (!policy.kvPut("key", bytes[0..3], 0) or !is("key", bytes[0..3])) return "a value is not as it was put";
    if (!policy.kvPut("key", &bytes, 60000) or !is("key", &bytes)) return "a long value is not as it was put";
    if (policy.kvPut("", bytes[0..3], 0)) return "a key without bytes has room";
    policy.kvDelete("key");
    if (policy.kvGet("key") != null) return "a key that was deleted is there";
    if (policy.kvAdd("counter", 40, 0) != 40) return "a counter does not begin at 0";
    if (policy.kvAdd("counter", -42, 0) != -2) return "a counter does not add";
    if (!policy.kvPut("key", bytes[0..3], 0)) return "a value is not put";
    if (policy.kvAdd("key", 1, 0) != null) return "three bytes are a counter";
    return null;
}

fn is(key: []const u8, wanted: []const u8) bool {
    return policy.equal(policy.kvGet(key) orelse return false, wanted);
}

comptime {
    policy.register(@This());
}
