// KDL nodes: the `config` block of a plugin.

import * as cbor from "./cbor";

/** Nodes in nodes that a request may have. */
const DEPTH_MAX: i32 = 16;

export enum ScalarKind { Null, Flag, Integer, Float, Text }

/** An argument, or the value of a property. */
export class Scalar {
  kind: ScalarKind = ScalarKind.Null;
  flag: bool = false;
  integer: i64 = 0;
  float: f64 = 0;
  text: string = "";

  static read(): Scalar {
    const value = new Scalar();
    if (cbor.skipNull()) return value;
    const kind = cbor.kindComes();
    if (kind == 3) {
      value.kind = ScalarKind.Text;
      value.text = cbor.readText();
    } else if (kind != 7) {
      value.kind = ScalarKind.Integer;
      value.integer = cbor.readS64();
    } else if (cbor.f64Comes()) {
      value.kind = ScalarKind.Float;
      value.float = cbor.readF64();
    } else {
      value.kind = ScalarKind.Flag;
      value.flag = cbor.readBool();
    }
    return value;
  }

  write(): void {
    switch (this.kind) {
      case ScalarKind.Null: cbor.writeNull(); break;
      case ScalarKind.Flag: cbor.writeBool(this.flag); break;
      case ScalarKind.Integer: cbor.writeS64(this.integer); break;
      case ScalarKind.Float: cbor.writeF64(this.float); break;
      case ScalarKind.Text: cbor.writeText(this.text); break;
    }
  }
}

export class Property {
  constructor(public key: string, public value: Scalar) {}
}

export class Node {
  name: string = "";
  args: Scalar[] = [];
  props: Property[] = [];
  children: Node[] = [];

  /** The node that it stands in, null at the top, and which of its children it is. */
  constructor(public parent: Node | null, public index: u32) {}

  /** The value of a property; of several the last. Null: there is none. */
  property(key: string): Scalar | null {
    for (let i = this.props.length - 1; i >= 0; i--) {
      if (this.props[i].key == key) return this.props[i].value;
    }
    return null;
  }

  /** Its first child of a name; null: there is none. */
  child(name: string): Node | null {
    for (let i = 0; i < this.children.length; i++) {
      if (this.children[i].name == name) return this.children[i];
    }
    return null;
  }

  private read(depth: i32): void {
    for (let left = cbor.readMap(); left > 0; left--) {
      const key = cbor.readText();
      if (key == "name") {
        this.name = cbor.readText();
      } else if (key == "args") {
        for (let count = cbor.readList(); count > 0; count--) this.args.push(Scalar.read());
      } else if (key == "props") {
        for (let count = cbor.readMap(); count > 0; count--) {
          const key = cbor.readText();
          this.props.push(new Property(key, Scalar.read()));
        }
      } else if (key == "children") {
        this.children = Node.readIn(this, depth + 1);
      } else {
        cbor.skip();
      }
    }
  }

  private static readIn(parent: Node | null, depth: i32): Node[] {
    if (depth > DEPTH_MAX) unreachable();
    const nodes: Node[] = [];
    const count = cbor.readList();
    for (let i: u32 = 0; i < count; i++) {
      const node = new Node(parent, i);
      node.read(depth);
      nodes.push(node);
    }
    return nodes;
  }

  static readAll(): Node[] {
    return Node.readIn(null, 0);
  }

  static writeAll(nodes: Node[]): void {
    cbor.writeList(nodes.length);
    for (let i = 0; i < nodes.length; i++) nodes[i].write();
  }

  private write(): void {
    cbor.writeEntries(4);
    cbor.writeText("name");
    cbor.writeText(this.name);
    cbor.writeText("args");
    cbor.writeList(this.args.length);
    for (let i = 0; i < this.args.length; i++) this.args[i].write();
    cbor.writeText("props");
    cbor.writeEntries(this.props.length);
    for (let i = 0; i < this.props.length; i++) {
      cbor.writeText(this.props[i].key);
      this.props[i].value.write();
    }
    cbor.writeText("children");
    Node.writeAll(this.children);
  }
}
