//! Crosstie policy plugins in Zig. Written by plugin-sdk/generate from policy.wit: change its src/zig.rs and src/zig/.

const Text = []const u8;

/// Whether two texts are the same.
pub fn equal(a: Text, b: Text) bool {
    if (a.len != b.len) return false;
    if (a.len >= 8) return same(u64, a, b);
    if (a.len >= 4) return same(u32, a, b);
    if (a.len >= 2) return same(u16, a, b);
    return a.len == 0 or a[0] == b[0];
}

/// The same of texts of equal length that have a part, part by part: the last overlaps.
inline fn same(comptime Part: type, a: Text, b: Text) bool {
    const last = a.len - @sizeOf(Part);
    var at: usize = 0;
    while (at < last) : (at += @sizeOf(Part)) {
        if (load(Part, a.ptr + at) != load(Part, b.ptr + at)) return false;
    }
    return load(Part, a.ptr + last) == load(Part, b.ptr + last);
}

/// Whether a text that is as long as this word is the word: a comparison or two, of which the last overlaps.
inline fn is(text: Text, comptime word: Text) bool {
    const Part = if (word.len >= 8) u64 else if (word.len >= 4) u32 else if (word.len >= 2) u16 else u8;
    comptime var at = 0;
    inline while (at + @sizeOf(Part) < word.len) : (at += @sizeOf(Part)) {
        if (load(Part, text.ptr + at) != comptime load(Part, word.ptr + at)) return false;
    }
    const last = word.len - @sizeOf(Part);
    return load(Part, text.ptr + last) == comptime load(Part, word.ptr + last);
}

inline fn load(comptime T: type, at: [*]const u8) T {
    return @as(*align(1) const T, @ptrCast(at)).*;
}

inline fn store(comptime T: type, at: [*]u8, value: T) void {
    @as(*align(1) T, @ptrCast(at)).* = value;
}

/// Bytes to where they do not overlap.
inline fn copyBytes(to: [*]u8, from: Text) void {
    if (from.len >= 8) return copyParts(u64, to, from);
    if (from.len >= 4) return copyParts(u32, to, from);
    if (from.len >= 2) return copyParts(u16, to, from);
    if (from.len == 1) to[0] = from[0];
}

/// The last part overlaps.
inline fn copyParts(comptime Part: type, to: [*]u8, from: Text) void {
    const last = from.len - @sizeOf(Part);
    var at: usize = 0;
    while (at < last) : (at += @sizeOf(Part)) store(Part, to + at, load(Part, from.ptr + at));
    store(Part, to + last, load(Part, from.ptr + last));
}

pub fn startsWith(text: Text, prefix: Text) bool {
    return text.len >= prefix.len and equal(text[0..prefix.len], prefix);
}

// Memory: what a call allocates is let go at the next call; what policy_configure allocates, its request included, is kept.

extern var __heap_base: u8;
var floor: usize = 0;
var top: usize = 0;
/// The end of the memory, whole pages. `policy_alloc`, which stands before all else, sets all three up.
var room_end: usize = 0;

fn begin() void {
    if (room_end == 0) {
        room_end = @as(usize, @min(@wasmMemorySize(0), 0xffff)) << 16;
        floor = (@intFromPtr(&__heap_base) + 7) & ~@as(usize, 7);
    }
    top = floor;
}

inline fn hasRoom(at: usize, len: u64) bool {
    return len <= room_end - at or grow(at, len);
}

fn grow(at: usize, len: u64) bool {
    @branchHint(.cold);
    const pages = (at + len - room_end + 0xffff) >> 16;
    if ((room_end >> 16) + pages > 0xffff or @wasmMemoryGrow(0, @intCast(pages)) < 0) return false;
    room_end += @as(usize, @intCast(pages)) << 16;
    return true;
}

fn reserve(len: u64) ?usize {
    if (!hasRoom(top, len)) return null;
    defer top = (top + @as(usize, @intCast(len)) + 7) & ~@as(usize, 7);
    return top;
}

/// Items in memory that is let go at the next call, without values yet. Traps where there is no room.
pub fn items(comptime T: type, len: usize) []T {
    const at = reserve(@as(u64, len) * @sizeOf(T)) orelse @trap();
    return @as([*]T, @ptrFromInt(at))[0..len];
}

/// A copy of these items: a list of an answer must not lie on the stack of its hook.
pub fn keep(comptime T: type, list: []const T) []const T {
    const copy = items(T, list.len);
    for (copy, list) |*to, from| to.* = from;
    return copy;
}

/// One text of several.
pub fn join(parts: []const Text) Text {
    var len: usize = 0;
    for (parts) |part| len += part.len;
    const joined = items(u8, len);
    var at: usize = 0;
    for (parts) |part| {
        copyBytes(joined.ptr + at, part);
        at += part.len;
    }
    return joined;
}

/// A number in decimal digits.
pub fn decimal(number: i64) Text {
    const digits = items(u8, 24);
    var at = digits.len;
    var rest: u64 = @abs(number);
    while (true) {
        at -= 1;
        digits[at] = '0' + @as(u8, @intCast(rest % 10));
        rest /= 10;
        if (rest == 0) break;
    }
    if (number < 0) {
        at -= 1;
        digits[at] = '-';
    }
    return digits[at..];
}

/// Where absent lists lie: one that is there and empty, as `&.{}` is, lies elsewhere.
const nowhere: u64 align(16) = 0;

fn absent(comptime T: type) []const T {
    return @as([*]const T, @ptrCast(&nowhere))[0..0];
}

fn isAbsent(comptime T: type, list: []const T) bool {
    return list.ptr == absent(T).ptr;
}

/// A request as it came: what cannot be read, or lies beyond the end, traps.
pub const Reader = struct {
    rest: Text,

    inline fn take(from: *Reader, len: u64) Text {
        if (len > from.rest.len) @trap();
        defer from.rest = from.rest[@intCast(len)..];
        return from.rest[0..@intCast(len)];
    }

    inline fn next(from: *const Reader) u8 {
        if (from.rest.len == 0) @trap();
        return from.rest[0];
    }

    inline fn kind(from: *const Reader) u3 {
        return @intCast(from.next() >> 5);
    }

    /// The number in the head of an item (RFC 8949, 3.1).
    inline fn head(from: *Reader) u64 {
        const info = from.take(1)[0] & 31;
        return if (info < 24) info else from.wide(info);
    }

    fn wide(from: *Reader, info: u8) u64 {
        if (info > 27) @trap();
        var value: u64 = 0;
        for (from.take(@as(u64, 1) << @intCast(info - 24))) |byte| value = value << 8 | byte;
        return value;
    }

    inline fn headOf(from: *Reader, wanted: u3) u64 {
        if (from.kind() != wanted) @trap();
        return from.head();
    }

    /// The entries of a map: each takes two bytes at least.
    fn map(from: *Reader) u64 {
        const len = from.headOf(5);
        if (len > from.rest.len / 2) @trap();
        return len;
    }

    /// The items of a list: each takes a byte at least, so that a wrong length reserves no more than there is.
    fn list(from: *Reader) usize {
        const len = from.headOf(4);
        if (len > from.rest.len) @trap();
        return @intCast(len);
    }

    inline fn text(from: *Reader) Text {
        return from.take(from.headOf(3));
    }

    fn bytes(from: *Reader) Text {
        return from.take(from.headOf(2));
    }

    fn number(from: *Reader, comptime T: type) T {
        const value = from.headOf(0);
        if (value > ~@as(T, 0)) @trap();
        return @intCast(value);
    }

    fn integer(from: *Reader) i64 {
        const major = from.kind();
        const value = from.head();
        if (major > 1 or value >> 63 != 0) @trap();
        const positive: i64 = @intCast(value);
        return if (major == 0) positive else -1 - positive;
    }

    fn flag(from: *Reader) bool {
        const first = from.take(1)[0];
        if (first != 0xf4 and first != 0xf5) @trap();
        return first == 0xf5;
    }

    fn float(from: *Reader) f64 {
        if (from.next() != 0xfb) @trap();
        return @bitCast(from.head());
    }

    fn skipNull(from: *Reader) bool {
        if (from.next() != 0xf6) return false;
        _ = from.take(1);
        return true;
    }

    /// Passes one item and all that is in it.
    fn skip(from: *Reader) void {
        var left: u64 = 1;
        while (left > 0) : (left -= 1) {
            const major = from.kind();
            const value = from.head();
            switch (major) {
                2, 3 => _ = from.take(value),
                4, 5 => {
                    if (value > from.rest.len) @trap();
                    left += if (major == 4) value else 2 * value;
                },
                6 => @trap(),
                else => {},
            }
        }
    }

    pub fn end(from: *const Reader) void {
        if (from.rest.len != 0) @trap();
    }
};

/// An answer in the making, at the top of the memory, so that nothing may be allocated meanwhile.
pub const Writer = struct {
    start: usize,
    at: usize,

    pub fn begin() Writer {
        return .{ .start = top, .at = top };
    }

    /// As an export answers.
    pub fn pack(out: *const Writer) u64 {
        return @as(u64, out.start) << 32 | (out.at - out.start);
    }

    /// Room for the next LEN bytes, which are written then.
    inline fn next(out: *Writer, len: u64) [*]u8 {
        if (!hasRoom(out.at, len)) @trap();
        defer out.at += @intCast(len);
        return @ptrFromInt(out.at);
    }

    /// Items as they stand in the answer.
    inline fn constant(out: *Writer, comptime written: Text) void {
        const to = out.next(written.len);
        const Part = if (written.len >= 8) u64 else if (written.len >= 4) u32 else if (written.len >= 2) u16 else u8;
        comptime var at = 0;
        inline while (at + @sizeOf(Part) < written.len) : (at += @sizeOf(Part)) {
            store(Part, to + at, comptime load(Part, written.ptr + at));
        }
        const last = written.len - @sizeOf(Part);
        store(Part, to + last, comptime load(Part, written.ptr + last));
    }

    /// A text that is known: a key, or a word.
    inline fn word(out: *Writer, comptime name: Text) void {
        out.constant(comptime encoded(name));
    }

    /// The head of a map of one entry, and its key: a case with a payload.
    inline fn case(out: *Writer, comptime name: Text) void {
        out.constant("\xa1" ++ comptime encoded(name));
    }

    inline fn head(out: *Writer, major: u8, value: u64) void {
        if (value < 24) {
            out.next(1)[0] = major << 5 | @as(u8, @intCast(value));
        } else {
            out.wide(major, value);
        }
    }

    /// A head whose number does not stand in its first byte.
    fn wide(out: *Writer, major: u8, value: u64) void {
        if (value <= 0xff) return out.parts(u8, major << 5 | 24, @intCast(value));
        if (value <= 0xffff) return out.parts(u16, major << 5 | 25, @intCast(value));
        if (value <= 0xffff_ffff) return out.parts(u32, major << 5 | 26, @intCast(value));
        out.parts(u64, major << 5 | 27, value);
    }

    inline fn parts(out: *Writer, comptime T: type, first: u8, value: T) void {
        const to = out.next(1 + @sizeOf(T));
        to[0] = first;
        store(T, to + 1, @byteSwap(value));
    }

    noinline fn raw(out: *Writer, major: u8, value: Text) void {
        out.head(major, value.len);
        copyBytes(out.next(value.len), value);
    }

    fn text(out: *Writer, value: Text) void {
        out.raw(3, value);
    }

    fn bytes(out: *Writer, value: Text) void {
        out.raw(2, value);
    }

    fn number(out: *Writer, value: u64) void {
        out.head(0, value);
    }

    fn integer(out: *Writer, value: i64) void {
        if (value < 0) out.head(1, @intCast(-1 - value)) else out.head(0, @intCast(value));
    }

    fn flag(out: *Writer, value: bool) void {
        out.next(1)[0] = if (value) 0xf5 else 0xf4;
    }

    fn float(out: *Writer, value: f64) void {
        out.parts(u64, 0xfb, @bitCast(value));
    }

    fn list(out: *Writer, len: usize) void {
        out.head(4, len);
    }

    /// Where the head of a map goes, which says how many entries it has, at most 23.
    inline fn map(out: *Writer) *u8 {
        return &out.next(1)[0];
    }
};

/// A text as it stands in an answer, its length before it.
fn encoded(comptime text: Text) Text {
    const len = [_]u8{text.len};
    return (if (text.len < 24) [_]u8{0x60 + text.len} else "\x78" ++ len) ++ text;
}

/// An argument of a KDL node, or the value of a property.
pub const Scalar = union(enum) {
    none,
    flag: bool,
    integer: i64,
    float: f64,
    text: Text,

    fn read(from: *Reader) Scalar {
        if (from.skipNull()) return .none;
        return switch (from.kind()) {
            3 => .{ .text = from.text() },
            7 => if (from.next() == 0xfb) .{ .float = from.float() } else .{ .flag = from.flag() },
            else => .{ .integer = from.integer() },
        };
    }

    fn write(scalar: Scalar, out: *Writer) void {
        switch (scalar) {
            .none => out.constant("\xf6"),
            .flag => |value| out.flag(value),
            .integer => |value| out.integer(value),
            .float => |value| out.float(value),
            .text => |value| out.text(value),
        }
    }
};

pub const Property = struct { key: Text, value: Scalar };

/// A KDL node of the `config` block.
pub const Node = struct {
    name: Text = "",
    args: []const Scalar = &.{},
    props: []const Property = &.{},
    children: []const Node = &.{},
    /// The node that it stands in, none at the top, and which of its children it is.
    parent: ?*const Node = null,
    index: u32 = 0,

    /// The value of a property; of equal ones the last.
    pub fn property(node: *const Node, key: Text) ?Scalar {
        var left = node.props.len;
        while (left > 0) : (left -= 1) {
            if (equal(node.props[left - 1].key, key)) return node.props[left - 1].value;
        }
        return null;
    }

    fn read(node: *Node, from: *Reader, depth: u32) void {
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (equal(key, "name")) {
                node.name = from.text();
            } else if (equal(key, "args")) {
                const args = items(Scalar, from.list());
                for (args) |*arg| arg.* = Scalar.read(from);
                node.args = args;
            } else if (equal(key, "props")) {
                const props = items(Property, @intCast(from.map()));
                for (props) |*prop| {
                    const name = from.text();
                    prop.* = .{ .key = name, .value = Scalar.read(from) };
                }
                node.props = props;
            } else if (equal(key, "children")) {
                node.children = readNodesIn(from, node, depth + 1);
            } else {
                from.skip();
            }
        }
    }
};

/// Nodes in nodes that a request may have.
const depth_max = 16;

fn readNodesIn(from: *Reader, parent: ?*const Node, depth: u32) []const Node {
    if (depth > depth_max) @trap();
    const nodes = items(Node, from.list());
    for (nodes, 0..) |*node, index| {
        node.* = .{ .parent = parent, .index = @intCast(index) };
        node.read(from, depth);
    }
    return nodes;
}

fn readNodes(from: *Reader) []const Node {
    return readNodesIn(from, null, 0);
}

fn writeNodes(out: *Writer, nodes: []const Node) void {
    out.list(nodes.len);
    for (nodes) |*node| {
        out.constant("\xa4" ++ comptime encoded("name"));
        out.text(node.name);
        out.word("args");
        out.list(node.args.len);
        for (node.args) |arg| arg.write(out);
        out.word("props");
        out.head(5, node.props.len);
        for (node.props) |prop| {
            out.text(prop.key);
            prop.value.write(out);
        }
        out.word("children");
        writeNodes(out, node.children);
    }
}

// The records of policy.wit.
// zig fmt: off

pub const Value = union(enum) {
    flag: bool,
    int: i64,
    uint: u64,
    float: f64,
    text: Text,
    bytes: []const u8,

    pub fn read(from: *Reader) ?Value {
        const bare = from.kind() == 3;
        if (!bare and from.map() != 1) @trap();
        const word = from.text();
        switch (word.len) {
            3 => {
                if (is(word, "int")) { if (!bare) return .{ .int = from.integer() }; }
            },
            4 => {
                if (is(word, "flag")) { if (!bare) return .{ .flag = from.flag() }; }
                if (is(word, "uint")) { if (!bare) return .{ .uint = from.number(u64) }; }
                if (is(word, "text")) { if (!bare) return .{ .text = from.text() }; }
            },
            5 => {
                if (is(word, "float")) { if (!bare) return .{ .float = from.float() }; }
                if (is(word, "bytes")) { if (!bare) return .{ .bytes = from.bytes() }; }
            },
            else => {},
        }
        if (!bare) from.skip();
        return null;
    }

    pub fn write(value: *const Value, out: *Writer) void {
        switch (value.*) {
            .flag => |payload| { out.case("flag"); out.flag(payload); },
            .int => |payload| { out.case("int"); out.integer(payload); },
            .uint => |payload| { out.case("uint"); out.number(payload); },
            .float => |payload| { out.case("float"); out.float(payload); },
            .text => |payload| { out.case("text"); out.text(payload); },
            .bytes => |payload| { out.case("bytes"); out.bytes(payload); },
        }
    }
};

pub const Entry = struct {
    key: Text = "",
    val: ?Value = null,

    pub fn read(from: *Reader) Entry {
        var value: Entry = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                3 => {
                    if (is(key, "key")) { value.key = from.text(); continue; }
                    if (is(key, "val")) { value.val = Value.read(from); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const Entry, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("key"); out.text(value.key);
        if (value.val) |there| { entries += 1; out.word("val"); there.write(out); }
        map.* = 0xa0 + entries;
    }
};

pub const Attr = struct {
    key: Text = "",
    val: Text = "",

    pub fn read(from: *Reader) Attr {
        var value: Attr = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                3 => {
                    if (is(key, "key")) { value.key = from.text(); continue; }
                    if (is(key, "val")) { value.val = from.text(); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const Attr, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("key"); out.text(value.key);
        entries += 1; out.word("val"); out.text(value.val);
        map.* = 0xa0 + entries;
    }
};

/// In every request, so that a decision is a pure function of its bytes and of what it read from KV. `seed` is below 2^53; `sequence` numbers the decisions
/// of this process and stands in the log and the record.
pub const Context = struct {
    now_ms: u64 = 0,
    seed: u64 = 0,
    sequence: u64 = 0,

    pub fn read(from: *Reader) Context {
        var value: Context = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                4 => {
                    if (is(key, "seed")) { value.seed = from.number(u64); continue; }
                },
                6 => {
                    if (is(key, "now-ms")) { value.now_ms = from.number(u64); continue; }
                },
                8 => {
                    if (is(key, "sequence")) { value.sequence = from.number(u64); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const Context, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("now-ms"); out.number(value.now_ms);
        entries += 1; out.word("seed"); out.number(value.seed);
        entries += 1; out.word("sequence"); out.number(value.sequence);
        map.* = 0xa0 + entries;
    }
};

/// `note` goes to the log, the record and, where the listener explains refusals, to the peer. `info` goes to the peer (a redirect needs it).
pub const Refusal = struct {
    condition: Text = "",
    description: Text = "",
    note: ?Text = null,
    info: []const Entry = absent(Entry),

    pub fn read(from: *Reader) Refusal {
        var value: Refusal = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                4 => {
                    if (is(key, "note")) { value.note = from.text(); continue; }
                    if (is(key, "info")) { value.info = list: { const list = items(Entry, from.list()); for (list) |*item| item.* = Entry.read(from); break :list list; }; continue; }
                },
                9 => {
                    if (is(key, "condition")) { value.condition = from.text(); continue; }
                },
                11 => {
                    if (is(key, "description")) { value.description = from.text(); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const Refusal, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("condition"); out.text(value.condition);
        entries += 1; out.word("description"); out.text(value.description);
        if (value.note) |there| { entries += 1; out.word("note"); out.text(there); }
        if (!isAbsent(Entry, value.info)) { entries += 1; out.word("info"); out.list(value.info.len); for (value.info) |item| { item.write(out); } }
        map.* = 0xa0 + entries;
    }
};

pub const Tls = struct {
    version: Text = "",
    cipher: Text = "",
    sni: ?Text = null,
    subject: ?Text = null,
    issuer: ?Text = null,
    sans: []const Text = absent(Text),
    fingerprint_sha256: ?Text = null,
    not_after_ms: ?u64 = null,

    pub fn read(from: *Reader) Tls {
        var value: Tls = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                3 => {
                    if (is(key, "sni")) { value.sni = from.text(); continue; }
                },
                4 => {
                    if (is(key, "sans")) { value.sans = list: { const list = items(Text, from.list()); for (list) |*item| item.* = from.text(); break :list list; }; continue; }
                },
                6 => {
                    if (is(key, "cipher")) { value.cipher = from.text(); continue; }
                    if (is(key, "issuer")) { value.issuer = from.text(); continue; }
                },
                7 => {
                    if (is(key, "version")) { value.version = from.text(); continue; }
                    if (is(key, "subject")) { value.subject = from.text(); continue; }
                },
                12 => {
                    if (is(key, "not-after-ms")) { value.not_after_ms = from.number(u64); continue; }
                },
                18 => {
                    if (is(key, "fingerprint-sha256")) { value.fingerprint_sha256 = from.text(); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const Tls, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("version"); out.text(value.version);
        entries += 1; out.word("cipher"); out.text(value.cipher);
        if (value.sni) |there| { entries += 1; out.word("sni"); out.text(there); }
        if (value.subject) |there| { entries += 1; out.word("subject"); out.text(there); }
        if (value.issuer) |there| { entries += 1; out.word("issuer"); out.text(there); }
        if (!isAbsent(Text, value.sans)) { entries += 1; out.word("sans"); out.list(value.sans.len); for (value.sans) |item| { out.text(item); } }
        if (value.fingerprint_sha256) |there| { entries += 1; out.word("fingerprint-sha256"); out.text(there); }
        if (value.not_after_ms) |there| { entries += 1; out.word("not-after-ms"); out.number(there); }
        map.* = 0xa0 + entries;
    }
};

/// Open now, this one included.
pub const Counts = struct {
    total: u32 = 0,
    listener: u32 = 0,
    user: u32 = 0,
    peer_host: u32 = 0,

    pub fn read(from: *Reader) Counts {
        var value: Counts = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                4 => {
                    if (is(key, "user")) { value.user = from.number(u32); continue; }
                },
                5 => {
                    if (is(key, "total")) { value.total = from.number(u32); continue; }
                },
                8 => {
                    if (is(key, "listener")) { value.listener = from.number(u32); continue; }
                },
                9 => {
                    if (is(key, "peer-host")) { value.peer_host = from.number(u32); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const Counts, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("total"); out.number(value.total);
        entries += 1; out.word("listener"); out.number(value.listener);
        entries += 1; out.word("user"); out.number(value.user);
        entries += 1; out.word("peer-host"); out.number(value.peer_host);
        map.* = 0xa0 + entries;
    }
};

/// The smallest of process, listener or connector, grant and link is in force; a plugin can only lower. What does not belong to the hook is ignored.
pub const Limits = struct {
    sessions: ?u32 = null,
    links: ?u32 = null,
    senders: ?u32 = null,
    receivers: ?u32 = null,
    unsettled: ?u32 = null,
    buffered_bytes: ?u64 = null,
    max_frame_size: ?u32 = null,
    max_message_size: ?u64 = null,
    idle_timeout_ms: ?u32 = null,
    link_credit: ?u32 = null,

    pub fn read(from: *Reader) Limits {
        var value: Limits = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                5 => {
                    if (is(key, "links")) { value.links = from.number(u32); continue; }
                },
                7 => {
                    if (is(key, "senders")) { value.senders = from.number(u32); continue; }
                },
                8 => {
                    if (is(key, "sessions")) { value.sessions = from.number(u32); continue; }
                },
                9 => {
                    if (is(key, "receivers")) { value.receivers = from.number(u32); continue; }
                    if (is(key, "unsettled")) { value.unsettled = from.number(u32); continue; }
                },
                11 => {
                    if (is(key, "link-credit")) { value.link_credit = from.number(u32); continue; }
                },
                14 => {
                    if (is(key, "buffered-bytes")) { value.buffered_bytes = from.number(u64); continue; }
                    if (is(key, "max-frame-size")) { value.max_frame_size = from.number(u32); continue; }
                },
                15 => {
                    if (is(key, "idle-timeout-ms")) { value.idle_timeout_ms = from.number(u32); continue; }
                },
                16 => {
                    if (is(key, "max-message-size")) { value.max_message_size = from.number(u64); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const Limits, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        if (value.sessions) |there| { entries += 1; out.word("sessions"); out.number(there); }
        if (value.links) |there| { entries += 1; out.word("links"); out.number(there); }
        if (value.senders) |there| { entries += 1; out.word("senders"); out.number(there); }
        if (value.receivers) |there| { entries += 1; out.word("receivers"); out.number(there); }
        if (value.unsettled) |there| { entries += 1; out.word("unsettled"); out.number(there); }
        if (value.buffered_bytes) |there| { entries += 1; out.word("buffered-bytes"); out.number(there); }
        if (value.max_frame_size) |there| { entries += 1; out.word("max-frame-size"); out.number(there); }
        if (value.max_message_size) |there| { entries += 1; out.word("max-message-size"); out.number(there); }
        if (value.idle_timeout_ms) |there| { entries += 1; out.word("idle-timeout-ms"); out.number(there); }
        if (value.link_credit) |there| { entries += 1; out.word("link-credit"); out.number(there); }
        map.* = 0xa0 + entries;
    }
};

/// The host counts what is open under `key` of this plugin, over all workers, and refuses what would be more than `max`. Released when it ends.
pub const Quota = struct {
    key: Text = "",
    max: u32 = 0,

    pub fn read(from: *Reader) Quota {
        var value: Quota = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                3 => {
                    if (is(key, "key")) { value.key = from.text(); continue; }
                    if (is(key, "max")) { value.max = from.number(u32); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const Quota, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("key"); out.text(value.key);
        entries += 1; out.word("max"); out.number(value.max);
        map.* = 0xa0 + entries;
    }
};

pub const Transport = enum {
    tcp,
    tls,
    ws,
    wss,

    pub fn read(from: *Reader) ?Transport {
        const word = from.text();
        switch (word.len) {
            2 => {
                if (is(word, "ws")) { return .ws; }
            },
            3 => {
                if (is(word, "tcp")) { return .tcp; }
                if (is(word, "tls")) { return .tls; }
                if (is(word, "wss")) { return .wss; }
            },
            else => {},
        }
        return null;
    }

    pub fn write(value: Transport, out: *Writer) void {
        switch (value) {
            .tcp => out.word("tcp"),
            .tls => out.word("tls"),
            .ws => out.word("ws"),
            .wss => out.word("wss"),
        }
    }
};

/// Who is talking. `attributes` is what admission granted, for the hooks after it.
pub const Peer = struct {
    connection_id: u64 = 0,
    listener: ?Text = null,
    connector: ?Text = null,
    transport: ?Transport = null,
    ip: Text = "",
    port: u16 = 0,
    local_ip: Text = "",
    local_port: u16 = 0,
    vhost: ?Text = null,
    user: ?Text = null,
    mechanism: ?Text = null,
    container_id: Text = "",
    tls: ?Tls = null,
    attributes: []const Attr = absent(Attr),

    pub fn read(from: *Reader) Peer {
        var value: Peer = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                2 => {
                    if (is(key, "ip")) { value.ip = from.text(); continue; }
                },
                3 => {
                    if (is(key, "tls")) { value.tls = Tls.read(from); continue; }
                },
                4 => {
                    if (is(key, "port")) { value.port = from.number(u16); continue; }
                    if (is(key, "user")) { value.user = from.text(); continue; }
                },
                5 => {
                    if (is(key, "vhost")) { value.vhost = from.text(); continue; }
                },
                8 => {
                    if (is(key, "listener")) { value.listener = from.text(); continue; }
                    if (is(key, "local-ip")) { value.local_ip = from.text(); continue; }
                },
                9 => {
                    if (is(key, "connector")) { value.connector = from.text(); continue; }
                    if (is(key, "transport")) { value.transport = Transport.read(from); continue; }
                    if (is(key, "mechanism")) { value.mechanism = from.text(); continue; }
                },
                10 => {
                    if (is(key, "local-port")) { value.local_port = from.number(u16); continue; }
                    if (is(key, "attributes")) { value.attributes = list: { const list = items(Attr, from.list()); for (list) |*item| item.* = Attr.read(from); break :list list; }; continue; }
                },
                12 => {
                    if (is(key, "container-id")) { value.container_id = from.text(); continue; }
                },
                13 => {
                    if (is(key, "connection-id")) { value.connection_id = from.number(u64); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const Peer, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("connection-id"); out.number(value.connection_id);
        if (value.listener) |there| { entries += 1; out.word("listener"); out.text(there); }
        if (value.connector) |there| { entries += 1; out.word("connector"); out.text(there); }
        if (value.transport) |there| { entries += 1; out.word("transport"); there.write(out); }
        entries += 1; out.word("ip"); out.text(value.ip);
        entries += 1; out.word("port"); out.number(value.port);
        entries += 1; out.word("local-ip"); out.text(value.local_ip);
        entries += 1; out.word("local-port"); out.number(value.local_port);
        if (value.vhost) |there| { entries += 1; out.word("vhost"); out.text(there); }
        if (value.user) |there| { entries += 1; out.word("user"); out.text(there); }
        if (value.mechanism) |there| { entries += 1; out.word("mechanism"); out.text(there); }
        entries += 1; out.word("container-id"); out.text(value.container_id);
        if (value.tls) |there| { entries += 1; out.word("tls"); there.write(out); }
        if (!isAbsent(Attr, value.attributes)) { entries += 1; out.word("attributes"); out.list(value.attributes.len); for (value.attributes) |item| { item.write(out); } }
        map.* = 0xa0 + entries;
    }
};

pub const SetupRequest = struct {
    plugin: Text = "",
    router_id: Text = "",
    minor: u32 = 0,
    now_ms: u64 = 0,
    seed: u64 = 0,
    granted: []const Text = absent(Text),
    config: []const Node = absent(Node),

    pub fn read(from: *Reader) SetupRequest {
        var value: SetupRequest = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                4 => {
                    if (is(key, "seed")) { value.seed = from.number(u64); continue; }
                },
                5 => {
                    if (is(key, "minor")) { value.minor = from.number(u32); continue; }
                },
                6 => {
                    if (is(key, "plugin")) { value.plugin = from.text(); continue; }
                    if (is(key, "now-ms")) { value.now_ms = from.number(u64); continue; }
                    if (is(key, "config")) { value.config = readNodes(from); continue; }
                },
                7 => {
                    if (is(key, "granted")) { value.granted = list: { const list = items(Text, from.list()); for (list) |*item| item.* = from.text(); break :list list; }; continue; }
                },
                9 => {
                    if (is(key, "router-id")) { value.router_id = from.text(); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const SetupRequest, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("plugin"); out.text(value.plugin);
        entries += 1; out.word("router-id"); out.text(value.router_id);
        entries += 1; out.word("minor"); out.number(value.minor);
        entries += 1; out.word("now-ms"); out.number(value.now_ms);
        entries += 1; out.word("seed"); out.number(value.seed);
        if (!isAbsent(Text, value.granted)) { entries += 1; out.word("granted"); out.list(value.granted.len); for (value.granted) |item| { out.text(item); } }
        if (!isAbsent(Node, value.config)) { entries += 1; out.word("config"); writeNodes(out, value.config); }
        map.* = 0xa0 + entries;
    }
};

/// `path`: indexes of children from the top, so that the message stands at its KDL node.
pub const SetupProblem = struct {
    message: Text = "",
    path: []const u32 = absent(u32),

    pub fn read(from: *Reader) SetupProblem {
        var value: SetupProblem = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                4 => {
                    if (is(key, "path")) { value.path = list: { const list = items(u32, from.list()); for (list) |*item| item.* = from.number(u32); break :list list; }; continue; }
                },
                7 => {
                    if (is(key, "message")) { value.message = from.text(); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const SetupProblem, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("message"); out.text(value.message);
        if (!isAbsent(u32, value.path)) { entries += 1; out.word("path"); out.list(value.path.len); for (value.path) |item| { out.number(item); } }
        map.* = 0xa0 + entries;
    }
};

/// `hooks`: which of the exported ones to ask (absent: all). `reads`: the only request fields to send, as paths (`peer.user`, `candidates`); absent: all.
pub const SetupAnswer = struct {
    problems: []const SetupProblem = absent(SetupProblem),
    hooks: []const Text = absent(Text),
    reads: []const Text = absent(Text),

    pub fn read(from: *Reader) SetupAnswer {
        var value: SetupAnswer = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                5 => {
                    if (is(key, "hooks")) { value.hooks = list: { const list = items(Text, from.list()); for (list) |*item| item.* = from.text(); break :list list; }; continue; }
                    if (is(key, "reads")) { value.reads = list: { const list = items(Text, from.list()); for (list) |*item| item.* = from.text(); break :list list; }; continue; }
                },
                8 => {
                    if (is(key, "problems")) { value.problems = list: { const list = items(SetupProblem, from.list()); for (list) |*item| item.* = SetupProblem.read(from); break :list list; }; continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const SetupAnswer, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        if (!isAbsent(SetupProblem, value.problems)) { entries += 1; out.word("problems"); out.list(value.problems.len); for (value.problems) |item| { item.write(out); } }
        if (!isAbsent(Text, value.hooks)) { entries += 1; out.word("hooks"); out.list(value.hooks.len); for (value.hooks) |item| { out.text(item); } }
        if (!isAbsent(Text, value.reads)) { entries += 1; out.word("reads"); out.list(value.reads.len); for (value.reads) |item| { out.text(item); } }
        map.* = 0xa0 + entries;
    }
};

pub const FailoverOrigin = enum {
    configured,
    advertised,
    redirected,

    pub fn read(from: *Reader) ?FailoverOrigin {
        const word = from.text();
        switch (word.len) {
            10 => {
                if (is(word, "configured")) { return .configured; }
                if (is(word, "advertised")) { return .advertised; }
                if (is(word, "redirected")) { return .redirected; }
            },
            else => {},
        }
        return null;
    }

    pub fn write(value: FailoverOrigin, out: *Writer) void {
        switch (value) {
            .configured => out.word("configured"),
            .advertised => out.word("advertised"),
            .redirected => out.word("redirected"),
        }
    }
};

pub const FailoverScheme = enum {
    amqp,
    amqps,
    ws,
    wss,

    pub fn read(from: *Reader) ?FailoverScheme {
        const word = from.text();
        switch (word.len) {
            2 => {
                if (is(word, "ws")) { return .ws; }
            },
            3 => {
                if (is(word, "wss")) { return .wss; }
            },
            4 => {
                if (is(word, "amqp")) { return .amqp; }
            },
            5 => {
                if (is(word, "amqps")) { return .amqps; }
            },
            else => {},
        }
        return null;
    }

    pub fn write(value: FailoverScheme, out: *Writer) void {
        switch (value) {
            .amqp => out.word("amqp"),
            .amqps => out.word("amqps"),
            .ws => out.word("ws"),
            .wss => out.word("wss"),
        }
    }
};

/// `host` is what is dialled, `hostname` what the peer's list wants in our Open. `last-rtt-us` (of the TCP connection) and `certificate-not-after-ms` are of
/// the last success.
pub const FailoverCandidate = struct {
    host: Text = "",
    port: u16 = 0,
    scheme: ?FailoverScheme = null,
    hostname: ?Text = null,
    origin: ?FailoverOrigin = null,
    priority: u8 = 0,
    labels: []const Attr = absent(Attr),
    attempts: u32 = 0,
    failures_in_row: u32 = 0,
    last_error: ?Text = null,
    last_condition: ?Text = null,
    last_attempt_at_ms: ?u64 = null,
    last_success_at_ms: ?u64 = null,
    last_rtt_us: ?u32 = null,
    certificate_not_after_ms: ?u64 = null,

    pub fn read(from: *Reader) FailoverCandidate {
        var value: FailoverCandidate = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                4 => {
                    if (is(key, "host")) { value.host = from.text(); continue; }
                    if (is(key, "port")) { value.port = from.number(u16); continue; }
                },
                6 => {
                    if (is(key, "scheme")) { value.scheme = FailoverScheme.read(from); continue; }
                    if (is(key, "origin")) { value.origin = FailoverOrigin.read(from); continue; }
                    if (is(key, "labels")) { value.labels = list: { const list = items(Attr, from.list()); for (list) |*item| item.* = Attr.read(from); break :list list; }; continue; }
                },
                8 => {
                    if (is(key, "hostname")) { value.hostname = from.text(); continue; }
                    if (is(key, "priority")) { value.priority = from.number(u8); continue; }
                    if (is(key, "attempts")) { value.attempts = from.number(u32); continue; }
                },
                10 => {
                    if (is(key, "last-error")) { value.last_error = from.text(); continue; }
                },
                11 => {
                    if (is(key, "last-rtt-us")) { value.last_rtt_us = from.number(u32); continue; }
                },
                14 => {
                    if (is(key, "last-condition")) { value.last_condition = from.text(); continue; }
                },
                15 => {
                    if (is(key, "failures-in-row")) { value.failures_in_row = from.number(u32); continue; }
                },
                18 => {
                    if (is(key, "last-attempt-at-ms")) { value.last_attempt_at_ms = from.number(u64); continue; }
                    if (is(key, "last-success-at-ms")) { value.last_success_at_ms = from.number(u64); continue; }
                },
                24 => {
                    if (is(key, "certificate-not-after-ms")) { value.certificate_not_after_ms = from.number(u64); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const FailoverCandidate, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("host"); out.text(value.host);
        entries += 1; out.word("port"); out.number(value.port);
        if (value.scheme) |there| { entries += 1; out.word("scheme"); there.write(out); }
        if (value.hostname) |there| { entries += 1; out.word("hostname"); out.text(there); }
        if (value.origin) |there| { entries += 1; out.word("origin"); there.write(out); }
        entries += 1; out.word("priority"); out.number(value.priority);
        if (!isAbsent(Attr, value.labels)) { entries += 1; out.word("labels"); out.list(value.labels.len); for (value.labels) |item| { item.write(out); } }
        entries += 1; out.word("attempts"); out.number(value.attempts);
        entries += 1; out.word("failures-in-row"); out.number(value.failures_in_row);
        if (value.last_error) |there| { entries += 1; out.word("last-error"); out.text(there); }
        if (value.last_condition) |there| { entries += 1; out.word("last-condition"); out.text(there); }
        if (value.last_attempt_at_ms) |there| { entries += 1; out.word("last-attempt-at-ms"); out.number(there); }
        if (value.last_success_at_ms) |there| { entries += 1; out.word("last-success-at-ms"); out.number(there); }
        if (value.last_rtt_us) |there| { entries += 1; out.word("last-rtt-us"); out.number(there); }
        if (value.certificate_not_after_ms) |there| { entries += 1; out.word("certificate-not-after-ms"); out.number(there); }
        map.* = 0xa0 + entries;
    }
};

pub const FailoverCause = enum {
    startup,
    lost,
    exhausted,
    redirected,
    reload,
    reconsider,

    pub fn read(from: *Reader) ?FailoverCause {
        const word = from.text();
        switch (word.len) {
            4 => {
                if (is(word, "lost")) { return .lost; }
            },
            6 => {
                if (is(word, "reload")) { return .reload; }
            },
            7 => {
                if (is(word, "startup")) { return .startup; }
            },
            9 => {
                if (is(word, "exhausted")) { return .exhausted; }
            },
            10 => {
                if (is(word, "redirected")) { return .redirected; }
                if (is(word, "reconsider")) { return .reconsider; }
            },
            else => {},
        }
        return null;
    }

    pub fn write(value: FailoverCause, out: *Writer) void {
        switch (value) {
            .startup => out.word("startup"),
            .lost => out.word("lost"),
            .exhausted => out.word("exhausted"),
            .redirected => out.word("redirected"),
            .reload => out.word("reload"),
            .reconsider => out.word("reconsider"),
        }
    }
};

/// Candidates stand in the order that the built-in would take. `current` is the endpoint in use (reconsider, reload), just lost, or the one that sent the router elsewhere (redirected).
pub const FailoverRequest = struct {
    ctx: Context = .{},
    connector: Text = "",
    role: Text = "",
    cause: ?FailoverCause = null,
    round: u32 = 0,
    current: ?u32 = null,
    down_since_ms: ?u64 = null,
    candidates: []const FailoverCandidate = absent(FailoverCandidate),

    pub fn read(from: *Reader) FailoverRequest {
        var value: FailoverRequest = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                3 => {
                    if (is(key, "ctx")) { value.ctx = Context.read(from); continue; }
                },
                4 => {
                    if (is(key, "role")) { value.role = from.text(); continue; }
                },
                5 => {
                    if (is(key, "cause")) { value.cause = FailoverCause.read(from); continue; }
                    if (is(key, "round")) { value.round = from.number(u32); continue; }
                },
                7 => {
                    if (is(key, "current")) { value.current = from.number(u32); continue; }
                },
                9 => {
                    if (is(key, "connector")) { value.connector = from.text(); continue; }
                },
                10 => {
                    if (is(key, "candidates")) { value.candidates = list: { const list = items(FailoverCandidate, from.list()); for (list) |*item| item.* = FailoverCandidate.read(from); break :list list; }; continue; }
                },
                13 => {
                    if (is(key, "down-since-ms")) { value.down_since_ms = from.number(u64); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const FailoverRequest, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("ctx"); value.ctx.write(out);
        entries += 1; out.word("connector"); out.text(value.connector);
        entries += 1; out.word("role"); out.text(value.role);
        if (value.cause) |there| { entries += 1; out.word("cause"); there.write(out); }
        entries += 1; out.word("round"); out.number(value.round);
        if (value.current) |there| { entries += 1; out.word("current"); out.number(there); }
        if (value.down_since_ms) |there| { entries += 1; out.word("down-since-ms"); out.number(there); }
        if (!isAbsent(FailoverCandidate, value.candidates)) { entries += 1; out.word("candidates"); out.list(value.candidates.len); for (value.candidates) |item| { item.write(out); } }
        map.* = 0xa0 + entries;
    }
};

/// `delay-ms`: waited after the pick before it failed; the first, after the answer.
pub const FailoverPick = struct {
    index: u32 = 0,
    delay_ms: ?u32 = null,

    pub fn read(from: *Reader) FailoverPick {
        var value: FailoverPick = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                5 => {
                    if (is(key, "index")) { value.index = from.number(u32); continue; }
                },
                8 => {
                    if (is(key, "delay-ms")) { value.delay_ms = from.number(u32); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const FailoverPick, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("index"); out.number(value.index);
        if (value.delay_ms) |there| { entries += 1; out.word("delay-ms"); out.number(there); }
        map.* = 0xa0 + entries;
    }
};

/// A candidate not listed is out of this round; an empty order drops all. `retry-after-ms`: when the round is exhausted (absent: the connector's backoff).
/// `reconsider-after-ms`: while connected, ask again after this; a first pick other than the current one is connected first, then takes over.
pub const FailoverAnswer = struct {
    order: []const FailoverPick = absent(FailoverPick),
    retry_after_ms: ?u32 = null,
    reconsider_after_ms: ?u32 = null,
    note: ?Text = null,

    pub fn read(from: *Reader) FailoverAnswer {
        var value: FailoverAnswer = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                4 => {
                    if (is(key, "note")) { value.note = from.text(); continue; }
                },
                5 => {
                    if (is(key, "order")) { value.order = list: { const list = items(FailoverPick, from.list()); for (list) |*item| item.* = FailoverPick.read(from); break :list list; }; continue; }
                },
                14 => {
                    if (is(key, "retry-after-ms")) { value.retry_after_ms = from.number(u32); continue; }
                },
                19 => {
                    if (is(key, "reconsider-after-ms")) { value.reconsider_after_ms = from.number(u32); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const FailoverAnswer, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        if (!isAbsent(FailoverPick, value.order)) { entries += 1; out.word("order"); out.list(value.order.len); for (value.order) |item| { item.write(out); } }
        if (value.retry_after_ms) |there| { entries += 1; out.word("retry-after-ms"); out.number(there); }
        if (value.reconsider_after_ms) |there| { entries += 1; out.word("reconsider-after-ms"); out.number(there); }
        if (value.note) |there| { entries += 1; out.word("note"); out.text(there); }
        map.* = 0xa0 + entries;
    }
};

/// `recheck`: this connection is open already, its grant ran out.
pub const AdmissionConnection = struct {
    ctx: Context = .{},
    peer: Peer = .{},
    recheck: bool = false,
    max_frame_size: u32 = 0,
    channel_max: u16 = 0,
    idle_timeout_ms: ?u32 = null,
    offered_capabilities: []const Text = absent(Text),
    desired_capabilities: []const Text = absent(Text),
    properties: []const Entry = absent(Entry),
    counts: Counts = .{},
    limits: Limits = .{},
    truncated: []const Text = absent(Text),

    pub fn read(from: *Reader) AdmissionConnection {
        var value: AdmissionConnection = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                3 => {
                    if (is(key, "ctx")) { value.ctx = Context.read(from); continue; }
                },
                4 => {
                    if (is(key, "peer")) { value.peer = Peer.read(from); continue; }
                },
                6 => {
                    if (is(key, "counts")) { value.counts = Counts.read(from); continue; }
                    if (is(key, "limits")) { value.limits = Limits.read(from); continue; }
                },
                7 => {
                    if (is(key, "recheck")) { value.recheck = from.flag(); continue; }
                },
                9 => {
                    if (is(key, "truncated")) { value.truncated = list: { const list = items(Text, from.list()); for (list) |*item| item.* = from.text(); break :list list; }; continue; }
                },
                10 => {
                    if (is(key, "properties")) { value.properties = list: { const list = items(Entry, from.list()); for (list) |*item| item.* = Entry.read(from); break :list list; }; continue; }
                },
                11 => {
                    if (is(key, "channel-max")) { value.channel_max = from.number(u16); continue; }
                },
                14 => {
                    if (is(key, "max-frame-size")) { value.max_frame_size = from.number(u32); continue; }
                },
                15 => {
                    if (is(key, "idle-timeout-ms")) { value.idle_timeout_ms = from.number(u32); continue; }
                },
                20 => {
                    if (is(key, "offered-capabilities")) { value.offered_capabilities = list: { const list = items(Text, from.list()); for (list) |*item| item.* = from.text(); break :list list; }; continue; }
                    if (is(key, "desired-capabilities")) { value.desired_capabilities = list: { const list = items(Text, from.list()); for (list) |*item| item.* = from.text(); break :list list; }; continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const AdmissionConnection, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("ctx"); value.ctx.write(out);
        entries += 1; out.word("peer"); value.peer.write(out);
        entries += 1; out.word("recheck"); out.flag(value.recheck);
        entries += 1; out.word("max-frame-size"); out.number(value.max_frame_size);
        entries += 1; out.word("channel-max"); out.number(value.channel_max);
        if (value.idle_timeout_ms) |there| { entries += 1; out.word("idle-timeout-ms"); out.number(there); }
        if (!isAbsent(Text, value.offered_capabilities)) { entries += 1; out.word("offered-capabilities"); out.list(value.offered_capabilities.len); for (value.offered_capabilities) |item| { out.text(item); } }
        if (!isAbsent(Text, value.desired_capabilities)) { entries += 1; out.word("desired-capabilities"); out.list(value.desired_capabilities.len); for (value.desired_capabilities) |item| { out.text(item); } }
        if (!isAbsent(Entry, value.properties)) { entries += 1; out.word("properties"); out.list(value.properties.len); for (value.properties) |item| { item.write(out); } }
        entries += 1; out.word("counts"); value.counts.write(out);
        entries += 1; out.word("limits"); value.limits.write(out);
        if (!isAbsent(Text, value.truncated)) { entries += 1; out.word("truncated"); out.list(value.truncated.len); for (value.truncated) |item| { out.text(item); } }
        map.* = 0xa0 + entries;
    }
};

pub const AdmissionSession = struct {
    ctx: Context = .{},
    peer: Peer = .{},
    sessions_open: u32 = 0,

    pub fn read(from: *Reader) AdmissionSession {
        var value: AdmissionSession = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                3 => {
                    if (is(key, "ctx")) { value.ctx = Context.read(from); continue; }
                },
                4 => {
                    if (is(key, "peer")) { value.peer = Peer.read(from); continue; }
                },
                13 => {
                    if (is(key, "sessions-open")) { value.sessions_open = from.number(u32); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const AdmissionSession, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("ctx"); value.ctx.write(out);
        entries += 1; out.word("peer"); value.peer.write(out);
        entries += 1; out.word("sessions-open"); out.number(value.sessions_open);
        map.* = 0xa0 + entries;
    }
};

/// The peer's own: it wants to send, or to receive.
pub const AdmissionRole = enum {
    sender,
    receiver,

    pub fn read(from: *Reader) ?AdmissionRole {
        const word = from.text();
        switch (word.len) {
            6 => {
                if (is(word, "sender")) { return .sender; }
            },
            8 => {
                if (is(word, "receiver")) { return .receiver; }
            },
            else => {},
        }
        return null;
    }

    pub fn write(value: AdmissionRole, out: *Writer) void {
        switch (value) {
            .sender => out.word("sender"),
            .receiver => out.word("receiver"),
        }
    }
};

pub const AdmissionExpiry = enum {
    link_detach,
    session_end,
    connection_close,
    never,

    pub fn read(from: *Reader) ?AdmissionExpiry {
        const word = from.text();
        switch (word.len) {
            5 => {
                if (is(word, "never")) { return .never; }
            },
            11 => {
                if (is(word, "link-detach")) { return .link_detach; }
                if (is(word, "session-end")) { return .session_end; }
            },
            16 => {
                if (is(word, "connection-close")) { return .connection_close; }
            },
            else => {},
        }
        return null;
    }

    pub fn write(value: AdmissionExpiry, out: *Writer) void {
        switch (value) {
            .link_detach => out.word("link-detach"),
            .session_end => out.word("session-end"),
            .connection_close => out.word("connection-close"),
            .never => out.word("never"),
        }
    }
};

pub const AdmissionFilter = struct {
    name: Text = "",
    val: ?Value = null,

    pub fn read(from: *Reader) AdmissionFilter {
        var value: AdmissionFilter = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                3 => {
                    if (is(key, "val")) { value.val = Value.read(from); continue; }
                },
                4 => {
                    if (is(key, "name")) { value.name = from.text(); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const AdmissionFilter, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("name"); out.text(value.name);
        if (value.val) |there| { entries += 1; out.word("val"); there.write(out); }
        map.* = 0xa0 + entries;
    }
};

pub const AdmissionTerminus = struct {
    address: ?Text = null,
    durable: u8 = 0,
    expiry: ?AdmissionExpiry = null,
    timeout_s: u32 = 0,
    dynamic: bool = false,
    coordinator: bool = false,
    distribution: ?Text = null,
    filters: []const AdmissionFilter = absent(AdmissionFilter),
    capabilities: []const Text = absent(Text),

    pub fn read(from: *Reader) AdmissionTerminus {
        var value: AdmissionTerminus = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                6 => {
                    if (is(key, "expiry")) { value.expiry = AdmissionExpiry.read(from); continue; }
                },
                7 => {
                    if (is(key, "address")) { value.address = from.text(); continue; }
                    if (is(key, "durable")) { value.durable = from.number(u8); continue; }
                    if (is(key, "dynamic")) { value.dynamic = from.flag(); continue; }
                    if (is(key, "filters")) { value.filters = list: { const list = items(AdmissionFilter, from.list()); for (list) |*item| item.* = AdmissionFilter.read(from); break :list list; }; continue; }
                },
                9 => {
                    if (is(key, "timeout-s")) { value.timeout_s = from.number(u32); continue; }
                },
                11 => {
                    if (is(key, "coordinator")) { value.coordinator = from.flag(); continue; }
                },
                12 => {
                    if (is(key, "distribution")) { value.distribution = from.text(); continue; }
                    if (is(key, "capabilities")) { value.capabilities = list: { const list = items(Text, from.list()); for (list) |*item| item.* = from.text(); break :list list; }; continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const AdmissionTerminus, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        if (value.address) |there| { entries += 1; out.word("address"); out.text(there); }
        entries += 1; out.word("durable"); out.number(value.durable);
        if (value.expiry) |there| { entries += 1; out.word("expiry"); there.write(out); }
        entries += 1; out.word("timeout-s"); out.number(value.timeout_s);
        entries += 1; out.word("dynamic"); out.flag(value.dynamic);
        entries += 1; out.word("coordinator"); out.flag(value.coordinator);
        if (value.distribution) |there| { entries += 1; out.word("distribution"); out.text(there); }
        if (!isAbsent(AdmissionFilter, value.filters)) { entries += 1; out.word("filters"); out.list(value.filters.len); for (value.filters) |item| { item.write(out); } }
        if (!isAbsent(Text, value.capabilities)) { entries += 1; out.word("capabilities"); out.list(value.capabilities.len); for (value.capabilities) |item| { out.text(item); } }
        map.* = 0xa0 + entries;
    }
};

pub const AdmissionSettleMode = enum {
    unsettled,
    settled,
    mixed,

    pub fn read(from: *Reader) ?AdmissionSettleMode {
        const word = from.text();
        switch (word.len) {
            5 => {
                if (is(word, "mixed")) { return .mixed; }
            },
            7 => {
                if (is(word, "settled")) { return .settled; }
            },
            9 => {
                if (is(word, "unsettled")) { return .unsettled; }
            },
            else => {},
        }
        return null;
    }

    pub fn write(value: AdmissionSettleMode, out: *Writer) void {
        switch (value) {
            .unsettled => out.word("unsettled"),
            .settled => out.word("settled"),
            .mixed => out.word("mixed"),
        }
    }
};

pub const AdmissionLink = struct {
    ctx: Context = .{},
    peer: Peer = .{},
    name: Text = "",
    role: ?AdmissionRole = null,
    source: ?AdmissionTerminus = null,
    target: ?AdmissionTerminus = null,
    settle: ?AdmissionSettleMode = null,
    max_message_size: ?u64 = null,
    desired_capabilities: []const Text = absent(Text),
    properties: []const Entry = absent(Entry),
    links_open: u32 = 0,
    truncated: []const Text = absent(Text),

    pub fn read(from: *Reader) AdmissionLink {
        var value: AdmissionLink = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                3 => {
                    if (is(key, "ctx")) { value.ctx = Context.read(from); continue; }
                },
                4 => {
                    if (is(key, "peer")) { value.peer = Peer.read(from); continue; }
                    if (is(key, "name")) { value.name = from.text(); continue; }
                    if (is(key, "role")) { value.role = AdmissionRole.read(from); continue; }
                },
                6 => {
                    if (is(key, "source")) { value.source = AdmissionTerminus.read(from); continue; }
                    if (is(key, "target")) { value.target = AdmissionTerminus.read(from); continue; }
                    if (is(key, "settle")) { value.settle = AdmissionSettleMode.read(from); continue; }
                },
                9 => {
                    if (is(key, "truncated")) { value.truncated = list: { const list = items(Text, from.list()); for (list) |*item| item.* = from.text(); break :list list; }; continue; }
                },
                10 => {
                    if (is(key, "properties")) { value.properties = list: { const list = items(Entry, from.list()); for (list) |*item| item.* = Entry.read(from); break :list list; }; continue; }
                    if (is(key, "links-open")) { value.links_open = from.number(u32); continue; }
                },
                16 => {
                    if (is(key, "max-message-size")) { value.max_message_size = from.number(u64); continue; }
                },
                20 => {
                    if (is(key, "desired-capabilities")) { value.desired_capabilities = list: { const list = items(Text, from.list()); for (list) |*item| item.* = from.text(); break :list list; }; continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const AdmissionLink, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("ctx"); value.ctx.write(out);
        entries += 1; out.word("peer"); value.peer.write(out);
        entries += 1; out.word("name"); out.text(value.name);
        if (value.role) |there| { entries += 1; out.word("role"); there.write(out); }
        if (value.source) |there| { entries += 1; out.word("source"); there.write(out); }
        if (value.target) |there| { entries += 1; out.word("target"); there.write(out); }
        if (value.settle) |there| { entries += 1; out.word("settle"); there.write(out); }
        if (value.max_message_size) |there| { entries += 1; out.word("max-message-size"); out.number(there); }
        if (!isAbsent(Text, value.desired_capabilities)) { entries += 1; out.word("desired-capabilities"); out.list(value.desired_capabilities.len); for (value.desired_capabilities) |item| { out.text(item); } }
        if (!isAbsent(Entry, value.properties)) { entries += 1; out.word("properties"); out.list(value.properties.len); for (value.properties) |item| { item.write(out); } }
        entries += 1; out.word("links-open"); out.number(value.links_open);
        if (!isAbsent(Text, value.truncated)) { entries += 1; out.word("truncated"); out.list(value.truncated.len); for (value.truncated) |item| { out.text(item); } }
        map.* = 0xa0 + entries;
    }
};

pub const AdmissionGrant = struct {
    limits: ?Limits = null,
    quotas: []const Quota = absent(Quota),
    attributes: []const Attr = absent(Attr),
    recheck_after_ms: ?u32 = null,
    note: ?Text = null,

    pub fn read(from: *Reader) AdmissionGrant {
        var value: AdmissionGrant = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                4 => {
                    if (is(key, "note")) { value.note = from.text(); continue; }
                },
                6 => {
                    if (is(key, "limits")) { value.limits = Limits.read(from); continue; }
                    if (is(key, "quotas")) { value.quotas = list: { const list = items(Quota, from.list()); for (list) |*item| item.* = Quota.read(from); break :list list; }; continue; }
                },
                10 => {
                    if (is(key, "attributes")) { value.attributes = list: { const list = items(Attr, from.list()); for (list) |*item| item.* = Attr.read(from); break :list list; }; continue; }
                },
                16 => {
                    if (is(key, "recheck-after-ms")) { value.recheck_after_ms = from.number(u32); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const AdmissionGrant, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        if (value.limits) |there| { entries += 1; out.word("limits"); there.write(out); }
        if (!isAbsent(Quota, value.quotas)) { entries += 1; out.word("quotas"); out.list(value.quotas.len); for (value.quotas) |item| { item.write(out); } }
        if (!isAbsent(Attr, value.attributes)) { entries += 1; out.word("attributes"); out.list(value.attributes.len); for (value.attributes) |item| { item.write(out); } }
        if (value.recheck_after_ms) |there| { entries += 1; out.word("recheck-after-ms"); out.number(there); }
        if (value.note) |there| { entries += 1; out.word("note"); out.text(there); }
        map.* = 0xa0 + entries;
    }
};

pub const AdmissionAnswer = union(enum) {
    allow: AdmissionGrant,
    deny: Refusal,

    pub fn read(from: *Reader) ?AdmissionAnswer {
        const bare = from.kind() == 3;
        if (!bare and from.map() != 1) @trap();
        const word = from.text();
        switch (word.len) {
            4 => {
                if (is(word, "deny")) { if (!bare) return .{ .deny = Refusal.read(from) }; }
            },
            5 => {
                if (is(word, "allow")) { if (!bare) return .{ .allow = AdmissionGrant.read(from) }; }
            },
            else => {},
        }
        if (!bare) from.skip();
        return null;
    }

    pub fn write(value: *const AdmissionAnswer, out: *Writer) void {
        switch (value.*) {
            .allow => |payload| { out.case("allow"); payload.write(out); },
            .deny => |payload| { out.case("deny"); payload.write(out); },
        }
    }
};

pub const AddressDirection = enum {
    inbound,
    outbound,

    pub fn read(from: *Reader) ?AddressDirection {
        const word = from.text();
        switch (word.len) {
            7 => {
                if (is(word, "inbound")) { return .inbound; }
            },
            8 => {
                if (is(word, "outbound")) { return .outbound; }
            },
            else => {},
        }
        return null;
    }

    pub fn write(value: AddressDirection, out: *Writer) void {
        switch (value) {
            .inbound => out.word("inbound"),
            .outbound => out.word("outbound"),
        }
    }
};

pub const AddressOccasion = enum {
    attach,
    anonymous,

    pub fn read(from: *Reader) ?AddressOccasion {
        const word = from.text();
        switch (word.len) {
            6 => {
                if (is(word, "attach")) { return .attach; }
            },
            9 => {
                if (is(word, "anonymous")) { return .anonymous; }
            },
            else => {},
        }
        return null;
    }

    pub fn write(value: AddressOccasion, out: *Writer) void {
        switch (value) {
            .attach => out.word("attach"),
            .anonymous => out.word("anonymous"),
        }
    }
};

/// `link-route`: to the connection of that name.
pub const AddressTreatment = union(enum) {
    balanced,
    closest,
    multicast,
    link_route: Text,
    unavailable,

    pub fn read(from: *Reader) ?AddressTreatment {
        const bare = from.kind() == 3;
        if (!bare and from.map() != 1) @trap();
        const word = from.text();
        switch (word.len) {
            7 => {
                if (is(word, "closest")) { if (bare) return .closest; }
            },
            8 => {
                if (is(word, "balanced")) { if (bare) return .balanced; }
            },
            9 => {
                if (is(word, "multicast")) { if (bare) return .multicast; }
            },
            10 => {
                if (is(word, "link-route")) { if (!bare) return .{ .link_route = from.text() }; }
            },
            11 => {
                if (is(word, "unavailable")) { if (bare) return .unavailable; }
            },
            else => {},
        }
        if (!bare) from.skip();
        return null;
    }

    pub fn write(value: *const AddressTreatment, out: *Writer) void {
        switch (value.*) {
            .balanced => out.word("balanced"),
            .closest => out.word("closest"),
            .multicast => out.word("multicast"),
            .link_route => |payload| { out.case("link-route"); out.text(payload); },
            .unavailable => out.word("unavailable"),
        }
    }
};

pub const AddressRequest = struct {
    ctx: Context = .{},
    address: Text = "",
    direction: ?AddressDirection = null,
    occasion: ?AddressOccasion = null,
    peer: ?Peer = null,
    capabilities: []const Text = absent(Text),
    configured: ?AddressTreatment = null,
    phase: u8 = 0,
    truncated: []const Text = absent(Text),

    pub fn read(from: *Reader) AddressRequest {
        var value: AddressRequest = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                3 => {
                    if (is(key, "ctx")) { value.ctx = Context.read(from); continue; }
                },
                4 => {
                    if (is(key, "peer")) { value.peer = Peer.read(from); continue; }
                },
                5 => {
                    if (is(key, "phase")) { value.phase = from.number(u8); continue; }
                },
                7 => {
                    if (is(key, "address")) { value.address = from.text(); continue; }
                },
                8 => {
                    if (is(key, "occasion")) { value.occasion = AddressOccasion.read(from); continue; }
                },
                9 => {
                    if (is(key, "direction")) { value.direction = AddressDirection.read(from); continue; }
                    if (is(key, "truncated")) { value.truncated = list: { const list = items(Text, from.list()); for (list) |*item| item.* = from.text(); break :list list; }; continue; }
                },
                10 => {
                    if (is(key, "configured")) { value.configured = AddressTreatment.read(from); continue; }
                },
                12 => {
                    if (is(key, "capabilities")) { value.capabilities = list: { const list = items(Text, from.list()); for (list) |*item| item.* = from.text(); break :list list; }; continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const AddressRequest, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("ctx"); value.ctx.write(out);
        entries += 1; out.word("address"); out.text(value.address);
        if (value.direction) |there| { entries += 1; out.word("direction"); there.write(out); }
        if (value.occasion) |there| { entries += 1; out.word("occasion"); there.write(out); }
        if (value.peer) |there| { entries += 1; out.word("peer"); there.write(out); }
        if (!isAbsent(Text, value.capabilities)) { entries += 1; out.word("capabilities"); out.list(value.capabilities.len); for (value.capabilities) |item| { out.text(item); } }
        if (value.configured) |there| { entries += 1; out.word("configured"); there.write(out); }
        entries += 1; out.word("phase"); out.number(value.phase);
        if (!isAbsent(Text, value.truncated)) { entries += 1; out.word("truncated"); out.list(value.truncated.len); for (value.truncated) |item| { out.text(item); } }
        map.* = 0xa0 + entries;
    }
};

pub const AddressScope = enum {
    connection,
    attributes,
    everyone,

    pub fn read(from: *Reader) ?AddressScope {
        const word = from.text();
        switch (word.len) {
            8 => {
                if (is(word, "everyone")) { return .everyone; }
            },
            10 => {
                if (is(word, "connection")) { return .connection; }
                if (is(word, "attributes")) { return .attributes; }
            },
            else => {},
        }
        return null;
    }

    pub fn write(value: AddressScope, out: *Writer) void {
        switch (value) {
            .connection => out.word("connection"),
            .attributes => out.word("attributes"),
            .everyone => out.word("everyone"),
        }
    }
};

/// Absent fields: as configured for the (rewritten) address. A treatment that contradicts a live address is ignored, the live one stays, and it is counted. `ttl-ms` 0 or absent: not cached.
/// `shared-by` absent: connection; `attributes`: every peer with equal attributes.
pub const AddressRuling = struct {
    address: ?Text = null,
    treatment: ?AddressTreatment = null,
    phase: ?u8 = null,
    priority: ?u8 = null,
    ttl_ms: ?u32 = null,
    shared_by: ?AddressScope = null,
    note: ?Text = null,

    pub fn read(from: *Reader) AddressRuling {
        var value: AddressRuling = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                4 => {
                    if (is(key, "note")) { value.note = from.text(); continue; }
                },
                5 => {
                    if (is(key, "phase")) { value.phase = from.number(u8); continue; }
                },
                6 => {
                    if (is(key, "ttl-ms")) { value.ttl_ms = from.number(u32); continue; }
                },
                7 => {
                    if (is(key, "address")) { value.address = from.text(); continue; }
                },
                8 => {
                    if (is(key, "priority")) { value.priority = from.number(u8); continue; }
                },
                9 => {
                    if (is(key, "treatment")) { value.treatment = AddressTreatment.read(from); continue; }
                    if (is(key, "shared-by")) { value.shared_by = AddressScope.read(from); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const AddressRuling, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        if (value.address) |there| { entries += 1; out.word("address"); out.text(there); }
        if (value.treatment) |there| { entries += 1; out.word("treatment"); there.write(out); }
        if (value.phase) |there| { entries += 1; out.word("phase"); out.number(there); }
        if (value.priority) |there| { entries += 1; out.word("priority"); out.number(there); }
        if (value.ttl_ms) |there| { entries += 1; out.word("ttl-ms"); out.number(there); }
        if (value.shared_by) |there| { entries += 1; out.word("shared-by"); there.write(out); }
        if (value.note) |there| { entries += 1; out.word("note"); out.text(there); }
        map.* = 0xa0 + entries;
    }
};

pub const AddressDenial = struct {
    refusal: Refusal = .{},
    ttl_ms: ?u32 = null,
    shared_by: ?AddressScope = null,

    pub fn read(from: *Reader) AddressDenial {
        var value: AddressDenial = .{};
        var left = from.map();
        while (left > 0) : (left -= 1) {
            const key = from.text();
            if (from.skipNull()) continue;
            switch (key.len) {
                6 => {
                    if (is(key, "ttl-ms")) { value.ttl_ms = from.number(u32); continue; }
                },
                7 => {
                    if (is(key, "refusal")) { value.refusal = Refusal.read(from); continue; }
                },
                9 => {
                    if (is(key, "shared-by")) { value.shared_by = AddressScope.read(from); continue; }
                },
                else => {},
            }
            from.skip();
        }
        return value;
    }

    pub fn write(value: *const AddressDenial, out: *Writer) void {
        const map = out.map();
        var entries: u8 = 0;
        entries += 1; out.word("refusal"); value.refusal.write(out);
        if (value.ttl_ms) |there| { entries += 1; out.word("ttl-ms"); out.number(there); }
        if (value.shared_by) |there| { entries += 1; out.word("shared-by"); there.write(out); }
        map.* = 0xa0 + entries;
    }
};

pub const AddressAnswer = union(enum) {
    apply: AddressRuling,
    deny: AddressDenial,

    pub fn read(from: *Reader) ?AddressAnswer {
        const bare = from.kind() == 3;
        if (!bare and from.map() != 1) @trap();
        const word = from.text();
        switch (word.len) {
            4 => {
                if (is(word, "deny")) { if (!bare) return .{ .deny = AddressDenial.read(from) }; }
            },
            5 => {
                if (is(word, "apply")) { if (!bare) return .{ .apply = AddressRuling.read(from) }; }
            },
            else => {},
        }
        if (!bare) from.skip();
        return null;
    }

    pub fn write(value: *const AddressAnswer, out: *Writer) void {
        switch (value.*) {
            .apply => |payload| { out.case("apply"); payload.write(out); },
            .deny => |payload| { out.case("deny"); payload.write(out); },
        }
    }
};

/// The name of a hook's function, its export, what it is asked and what it answers.
pub const hooks = .{
    .{ "onFailover", "on_failover", FailoverRequest, FailoverAnswer },
    .{ "onConnection", "on_connection", AdmissionConnection, AdmissionAnswer },
    .{ "onSession", "on_session", AdmissionSession, AdmissionAnswer },
    .{ "onLink", "on_link", AdmissionLink, AdmissionAnswer },
    .{ "onAddress", "on_address", AddressRequest, AddressAnswer },
};

// zig fmt: on

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
