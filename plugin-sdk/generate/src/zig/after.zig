// What the host does for a plugin: only what is called is imported.

const host = struct {
    extern "policy_host_v1" fn log(level: i32, at: [*]const u8, len: u32) void;
    extern "policy_host_v1" fn counter_add(name: [*]const u8, len: u32, by: u64) void;
    extern "policy_host_v1" fn kv_get(key: [*]const u8, len: u32, out: [*]u8, cap: u32) i32;
    extern "policy_host_v1" fn kv_put(key: [*]const u8, len: u32, val: [*]const u8, val_len: u32, ttl_ms: u32) i32;
    extern "policy_host_v1" fn kv_add(key: [*]const u8, len: u32, by: i64, ttl_ms: u32) i64;
    extern "policy_host_v1" fn kv_delete(key: [*]const u8, len: u32) void;
};

pub const Level = enum { err, warn, info, debug, trace };

/// Goes to the router's log: 8 KiB a call, 100 lines a second.
pub fn log(level: Level, text: Text) void {
    const number: i32 = switch (level) {
        .err => 0,
        .warn => 1,
        .info => 2,
        .debug => 3,
        .trace => 4,
    };
    host.log(number, text.ptr, @intCast(text.len));
}

/// Adds to a counter of this plugin; names are of [a-z0-9_].
pub fn count(name: Text, by: u64) void {
    host.counter_add(name.ptr, @intCast(name.len), by);
}

/// The value of a key of 1 to 256 bytes. Wants `grant "kv"`, as all that follow.
pub fn kvGet(key: Text) ?[]const u8 {
    var value = items(u8, 256);
    var len = host.kv_get(key.ptr, @intCast(key.len), value.ptr, @intCast(value.len));
    if (len > value.len) {
        value = items(u8, @intCast(len));
        len = host.kv_get(key.ptr, @intCast(key.len), value.ptr, @intCast(value.len));
    }
    return if (len < 0 or len > value.len) null else value[0..@intCast(len)];
}

/// False where there is no room. A time of 0 never ends.
pub fn kvPut(key: Text, value: []const u8, ttl_ms: u32) bool {
    return host.kv_put(key.ptr, @intCast(key.len), value.ptr, @intCast(value.len), ttl_ms) == 1;
}

/// The sum; none where there is no room, or where the key has no counter.
pub fn kvAdd(key: Text, by: i64, ttl_ms: u32) ?i64 {
    const sum = host.kv_add(key.ptr, @intCast(key.len), by, ttl_ms);
    return if (sum == @as(i64, -1) << 63) null else sum;
}

pub fn kvDelete(key: Text) void {
    host.kv_delete(key.ptr, @intCast(key.len));
}

/// What is wrong with the configuration: said at its node, and all of it at once.
pub const Problems = struct {
    list: []SetupProblem = &.{},
    len: usize = 0,

    /// Says what is wrong at a node; without one: with the whole block.
    pub fn add(problems: *Problems, node: ?*const Node, message: Text) void {
        if (problems.len == problems.list.len) {
            const more = items(SetupProblem, 2 * problems.len + 4);
            for (problems.list, more[0..problems.len]) |known, *to| to.* = known;
            problems.list = more;
        }
        var depth: usize = 0;
        var at = node;
        while (at) |inner| : (at = inner.parent) depth += 1;
        const path = items(u32, depth);
        at = node;
        while (at) |inner| : (at = inner.parent) {
            depth -= 1;
            path[depth] = inner.index;
        }
        problems.list[problems.len] = .{ .message = message, .path = path };
        problems.len += 1;
    }

    /// The only argument of a node, a text; none, and a problem, where it is not that.
    pub fn textArgument(problems: *Problems, node: *const Node) ?Text {
        if (node.args.len == 1) {
            switch (node.args[0]) {
                .text => |text| return text,
                else => {},
            }
        }
        problems.add(node, join(&.{ "`", node.name, "` takes a text" }));
        return null;
    }

    /// A property that is a text.
    pub fn textProperty(problems: *Problems, node: *const Node, key: Text) ?Text {
        switch (node.property(key) orelse return null) {
            .text => |text| return text,
            else => {},
        }
        problems.add(node, join(&.{ "`", key, "` takes a text" }));
        return null;
    }

    /// A property that is an integer from `min` to `max`.
    pub fn integerProperty(problems: *Problems, node: *const Node, key: Text, min: i64, max: i64) ?i64 {
        switch (node.property(key) orelse return null) {
            .integer => |number| if (min <= number and number <= max) return number,
            else => {},
        }
        problems.add(node, join(&.{ "`", key, "` takes an integer from ", decimal(min), " to ", decimal(max) }));
        return null;
    }

    /// A problem at every node whose name is none of these.
    pub fn expectNodes(problems: *Problems, nodes: []const Node, known: []const Text) void {
        for (nodes) |*node| {
            if (!isOneOf(node.name, known)) problems.add(node, join(&.{ "unknown node `", node.name, "`" }));
        }
    }

    /// A problem for every property of a node whose name is none of these.
    pub fn expectProperties(problems: *Problems, node: *const Node, known: []const Text) void {
        for (node.props) |prop| {
            if (!isOneOf(prop.key, known)) {
                problems.add(node, join(&.{ "unknown property `", prop.key, "` of `", node.name, "`" }));
            }
        }
    }
};

fn isOneOf(name: Text, known: []const Text) bool {
    for (known) |other| {
        if (equal(name, other)) return true;
    }
    return false;
}

/// Denied, with this as the reason.
pub fn deny(condition: Text, description: Text) AdmissionAnswer {
    return .{ .deny = .{ .condition = condition, .description = description } };
}

/// Exports a plugin: `comptime { policy.register(@This()); }`. It has `pub fn`s of the names that `hooks` tells, each
/// `fn (request: *const Request) ?Answer`, where null is no opinion; it may have `configure (request: *const
/// SetupRequest, problems: *Problems) void`, and `reads`, paths of the only fields to send.
pub fn register(comptime Plugin: type) void {
    comptime expectHook(Plugin);
    @export(&abi, .{ .name = "policy_abi_v1" });
    @export(&alloc, .{ .name = "policy_alloc" });
    @export(&Configure(Plugin).enter, .{ .name = "policy_configure" });
    inline for (hooks) |hook| {
        if (@hasDecl(Plugin, hook[0])) {
            @export(&Hook(hook[2], hook[3], @field(Plugin, hook[0])).enter, .{ .name = hook[1] });
        }
    }
}

fn abi() callconv(.c) i32 {
    return 0;
}

/// Where the next request goes; what the call before it allocated is let go.
pub fn alloc(len: u32) callconv(.c) usize {
    begin();
    return reserve(len) orelse 0;
}

fn Hook(comptime Request: type, comptime Answer: type, comptime decide: fn (*const Request) ?Answer) type {
    return struct {
        fn enter(at: [*]const u8, len: u32) callconv(.c) u64 {
            var from = Reader{ .rest = at[0..len] };
            const request = Request.read(&from);
            from.end();
            const answer = decide(&request) orelse return 0;
            var out = Writer.begin();
            answer.write(&out);
            return out.pack();
        }
    };
}

fn Configure(comptime Plugin: type) type {
    return struct {
        fn enter(at: [*]const u8, len: u32) callconv(.c) u64 {
            var from = Reader{ .rest = at[0..len] };
            const request = &items(SetupRequest, 1)[0];
            request.* = SetupRequest.read(&from);
            from.end();
            var problems = Problems{};
            if (@hasDecl(Plugin, "configure")) Plugin.configure(request, &problems);
            var answer = SetupAnswer{ .problems = problems.list[0..problems.len] };
            if (@hasDecl(Plugin, "reads")) {
                inline for (Plugin.reads) |path| comptime expectPath(Plugin, path);
                answer.reads = &Plugin.reads;
            }
            floor = top;
            var out = Writer.begin();
            answer.write(&out);
            return out.pack();
        }
    };
}

fn expectHook(comptime Plugin: type) void {
    for (hooks) |hook| {
        if (@hasDecl(Plugin, hook[0])) return;
    }
    @compileError("no `pub fn` of this plugin has the name of a hook: `onConnection` and the like");
}

fn expectPath(comptime Plugin: type, comptime path: Text) void {
    for (hooks) |hook| {
        if (@hasDecl(Plugin, hook[0]) and hasPath(hook[2], path)) return;
    }
    @compileError("no hook of this plugin has a field `" ++ path ++ "`");
}

fn hasPath(comptime T: type, comptime path: Text) bool {
    const Record = switch (@typeInfo(T)) {
        .optional => |optional| optional.child,
        else => T,
    };
    var end: usize = 0;
    while (end < path.len and path[end] != '.') end += 1;
    var name: [end]u8 = undefined;
    for (path[0..end], &name) |byte, *to| to.* = if (byte == '-') '_' else byte;
    if (@typeInfo(Record) != .@"struct" or !@hasField(Record, &name)) return false;
    return end == path.len or hasPath(@FieldType(Record, &name), path[end + 1 ..]);
}
