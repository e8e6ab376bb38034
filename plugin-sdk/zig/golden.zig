//! Reads what it is given and writes it again: how the bytes of golden.jsonl are checked. No plugin.
const policy = @import("crosstie_plugin.zig");

fn again(comptime T: type, from: *policy.Reader) u64 {
    const read = T.read(from);
    const value = if (@TypeOf(read) == T) read else read orelse @trap();
    from.end();
    var out = policy.Writer.begin();
    value.write(&out);
    return out.pack();
}

/// `number`: twice the place of the hook in `plugin-hooks` of policy.wit, and one more for its answer.
fn echo(number: u32, at: [*]const u8, len: u32) callconv(.c) u64 {
    var from = policy.Reader{ .rest = at[0..len] };
    return switch (number) {
        0 => again(policy.SetupRequest, &from),
        1 => again(policy.SetupAnswer, &from),
        2 => again(policy.FailoverRequest, &from),
        3 => again(policy.FailoverAnswer, &from),
        4 => again(policy.AdmissionConnection, &from),
        6 => again(policy.AdmissionSession, &from),
        8 => again(policy.AdmissionLink, &from),
        5, 7, 9 => again(policy.AdmissionAnswer, &from),
        10 => again(policy.AddressRequest, &from),
        11 => again(policy.AddressAnswer, &from),
        else => @trap(),
    };
}

comptime {
    @export(&echo, .{ .name = "echo" });
    @export(&policy.alloc, .{ .name = "policy_alloc" });
}
