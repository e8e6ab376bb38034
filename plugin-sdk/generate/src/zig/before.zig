
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

