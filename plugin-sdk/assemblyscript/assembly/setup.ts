// Configuration: what is wrong is said at its node, and all of it at once.

import { Node, ScalarKind } from "./nodes";
import { SetupAnswer, SetupProblem, SetupRequest, configureRequest } from "./records";

/** What `policy_configure` is asked, and its answer as it comes to be. */
export class Setup {
  request: SetupRequest;
  answer: SetupAnswer = new SetupAnswer();

  constructor(at: usize, len: usize) {
    this.request = configureRequest(at, len);
  }

  get config(): Node[] {
    return this.request.config;
  }

  /** The only fields to send, as paths: `ConnectionReads.peerUser`. Not set: all. */
  set reads(paths: string[]) {
    this.answer.reads = paths;
  }

  /** What `policy_configure` returns. */
  pack(): u64 {
    return this.answer.pack();
  }

  /** Says what is wrong at a node; null: with the whole block. */
  problem(node: Node | null, message: string): void {
    const problem = new SetupProblem();
    problem.message = message;
    let at: Node | null = node;
    while (at !== null) {
      problem.path.unshift(at.index);
      at = at.parent;
    }
    this.answer.problems.push(problem);
  }

  /** A problem at every node whose name is none of these. */
  expect(nodes: Node[], names: string[]): void {
    for (let i = 0; i < nodes.length; i++) {
      if (!names.includes(nodes[i].name)) this.problem(nodes[i], `unknown node \`${nodes[i].name}\``);
    }
  }

  /** A problem for every property of a node whose name is none of these. */
  expectProperties(node: Node, names: string[]): void {
    for (let i = 0; i < node.props.length; i++) {
      const key = node.props[i].key;
      if (!names.includes(key)) this.problem(node, `unknown property \`${key}\` of \`${node.name}\``);
    }
  }

  /** The only argument of a node, a text. Null, and a problem, where it is none. */
  textArgument(node: Node): string | null {
    if (node.args.length == 1 && node.args[0].kind == ScalarKind.Text) return node.args[0].text;
    this.problem(node, `\`${node.name}\` takes a text`);
    return null;
  }

  /** A property that is a text, null where it is not there. */
  textProperty(node: Node, key: string): string | null {
    const value = node.property(key);
    if (value === null) return null;
    if (value.kind == ScalarKind.Text) return value.text;
    this.problem(node, `\`${key}\` takes a text`);
    return null;
  }

  /** A property that is an integer from `min` to `max`, `absent` where it is not there. */
  integerProperty(node: Node, key: string, min: i64, max: i64, absent: i64): i64 {
    const value = node.property(key);
    if (value === null) return absent;
    if (value.kind == ScalarKind.Integer && min <= value.integer && value.integer <= max) return value.integer;
    this.problem(node, `\`${key}\` takes an integer from ${min} to ${max}`);
    return absent;
  }

  /** Whether a node is set: it has no argument, or `#true` or `#false`. */
  flag(node: Node): bool {
    if (node.args.length == 0) return true;
    if (node.args.length == 1 && node.args[0].kind == ScalarKind.Flag) return node.args[0].flag;
    this.problem(node, `\`${node.name}\` takes #true or #false`);
    return false;
  }
}
