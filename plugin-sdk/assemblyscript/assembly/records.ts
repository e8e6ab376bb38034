// The records of policy.wit. Written by plugin-sdk/generate: change its src/assemblyscript.rs.

import * as cbor from "./cbor";
import { Node } from "./nodes";

export enum ValueKind { None, Flag, Int, Uint, Float, Text, Bytes }

export class Value {
  kind: ValueKind = ValueKind.None;
  flag: bool = false;
  int: i64 = 0;
  uint: u64 = 0;
  float: f64 = 0;
  text: string = "";
  private _bytes: ArrayBuffer | null = null;
  get bytes(): ArrayBuffer {
    const there = this._bytes;
    if (there !== null) return there;
    const made = new ArrayBuffer(0);
    this._bytes = made;
    return made;
  }
  set bytes(value: ArrayBuffer) { this._bytes = value; }

  static read(): Value {
    const value = new Value();
    const bare = cbor.textComes();
    if (!bare && cbor.readMap() != 1) unreachable();
    const len = cbor.readSpan();
    const key = cbor.span;
    switch (len) {
      case 3:
        if (load<u16>(key, 0) == 0x6e69 && load<u16>(key, 1) == 0x746e) { if (!bare) { value.kind = ValueKind.Int; value.int = cbor.readS64(); return value; } } // int
        break;
      case 4:
        if (load<u32>(key, 0) == 0x67616c66) { if (!bare) { value.kind = ValueKind.Flag; value.flag = cbor.readBool(); return value; } } // flag
        if (load<u32>(key, 0) == 0x746e6975) { if (!bare) { value.kind = ValueKind.Uint; value.uint = cbor.readNumber<u64>(); return value; } } // uint
        if (load<u32>(key, 0) == 0x74786574) { if (!bare) { value.kind = ValueKind.Text; value.text = cbor.readText(); return value; } } // text
        break;
      case 5:
        if (load<u32>(key, 0) == 0x616f6c66 && load<u32>(key, 1) == 0x74616f6c) { if (!bare) { value.kind = ValueKind.Float; value.float = cbor.readF64(); return value; } } // float
        if (load<u32>(key, 0) == 0x65747962 && load<u32>(key, 1) == 0x73657479) { if (!bare) { value.kind = ValueKind.Bytes; value.bytes = cbor.readBytes(); return value; } } // bytes
        break;
    }
    if (!bare) cbor.skip();
    return value;
  }

  write(): void {
    switch (this.kind) {
      case ValueKind.Flag: { const to = cbor.next(6); store<u32>(to, 0x6c6664a1, 0); store<u32>(to, 0x67616c66, 2); } cbor.writeBool(this.flag); break;
      case ValueKind.Int: { const to = cbor.next(5); store<u32>(to, 0x6e6963a1, 0); store<u32>(to, 0x746e6963, 1); } cbor.writeS64(this.int); break;
      case ValueKind.Uint: { const to = cbor.next(6); store<u32>(to, 0x697564a1, 0); store<u32>(to, 0x746e6975, 2); } cbor.writeNumber(this.uint); break;
      case ValueKind.Float: { const to = cbor.next(7); store<u32>(to, 0x6c6665a1, 0); store<u32>(to, 0x74616f6c, 3); } cbor.writeF64(this.float); break;
      case ValueKind.Text: { const to = cbor.next(6); store<u32>(to, 0x657464a1, 0); store<u32>(to, 0x74786574, 2); } cbor.writeText(this.text); break;
      case ValueKind.Bytes: { const to = cbor.next(7); store<u32>(to, 0x796265a1, 0); store<u32>(to, 0x73657479, 3); } cbor.writeBytes(this.bytes); break;
      default: unreachable();
    }
  }
}

export class Entry {
  key: string = "";
  private _val: Value | null = null;
  get val(): Value {
    const there = this._val;
    if (there !== null) return there;
    const made = new Value();
    this._val = made;
    return made;
  }
  set val(value: Value) { this._val = value; }

  static read(): Entry {
    const value = new Entry();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 3:
          if (load<u16>(key, 0) == 0x656b && load<u16>(key, 1) == 0x7965) { value.key = cbor.readText(); continue; } // key
          if (load<u16>(key, 0) == 0x6176 && load<u16>(key, 1) == 0x6c61) { value.val = Value.read(); continue; } // val
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(4); store<u32>(to, 0x79656b63, 0); }
    cbor.writeText(this.key);
    const val = this._val;
    if (val !== null && val.kind != ValueKind.None) { entries++; { const to = cbor.next(4); store<u32>(to, 0x6c617663, 0); } val.write(); }
    cbor.endMap(map, entries);
  }
}

export class Attr {
  key: string = "";
  val: string = "";

  static read(): Attr {
    const value = new Attr();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 3:
          if (load<u16>(key, 0) == 0x656b && load<u16>(key, 1) == 0x7965) { value.key = cbor.readText(); continue; } // key
          if (load<u16>(key, 0) == 0x6176 && load<u16>(key, 1) == 0x6c61) { value.val = cbor.readText(); continue; } // val
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(4); store<u32>(to, 0x79656b63, 0); }
    cbor.writeText(this.key);
    entries++; { const to = cbor.next(4); store<u32>(to, 0x6c617663, 0); }
    cbor.writeText(this.val);
    cbor.endMap(map, entries);
  }
}

/** In every request, so that a decision is a pure function of its bytes and of what it read from KV. `seed` is below 2^53; `sequence` numbers the decisions
 * of this process and stands in the log and the record. */
export class Context {
  nowMs: u64 = 0;
  seed: u64 = 0;
  sequence: u64 = 0;

  static read(): Context {
    const value = new Context();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 4:
          if (load<u32>(key, 0) == 0x64656573) { value.seed = cbor.readNumber<u64>(); continue; } // seed
          break;
        case 6:
          if (load<u32>(key, 0) == 0x2d776f6e && load<u32>(key, 2) == 0x736d2d77) { value.nowMs = cbor.readNumber<u64>(); continue; } // now-ms
          break;
        case 8:
          if (load<u64>(key, 0) == 0x65636e6575716573) { value.sequence = cbor.readNumber<u64>(); continue; } // sequence
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(7); store<u32>(to, 0x776f6e66, 0); store<u32>(to, 0x736d2d77, 3); }
    cbor.writeNumber(this.nowMs);
    entries++; { const to = cbor.next(5); store<u32>(to, 0x65657364, 0); store<u32>(to, 0x64656573, 1); }
    cbor.writeNumber(this.seed);
    entries++; { const to = cbor.next(9); store<u64>(to, 0x636e657571657368, 0); store<u64>(to, 0x65636e6575716573, 1); }
    cbor.writeNumber(this.sequence);
    cbor.endMap(map, entries);
  }
}

/** `note` goes to the log, the record and, where the listener explains refusals, to the peer. `info` goes to the peer (a redirect needs it). */
export class Refusal {
  condition: string = "";
  description: string = "";
  note: string | null = null;
  private _info: Entry[] | null = null;
  get info(): Entry[] {
    const there = this._info;
    if (there !== null) return there;
    const made = new Array<Entry>();
    this._info = made;
    return made;
  }
  set info(value: Entry[]) { this._info = value; }

  static read(): Refusal {
    const value = new Refusal();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 4:
          if (load<u32>(key, 0) == 0x65746f6e) { value.note = cbor.readText(); continue; } // note
          if (load<u32>(key, 0) == 0x6f666e69) { value.info = readEntryList(); continue; } // info
          break;
        case 9:
          if (load<u64>(key, 0) == 0x6f697469646e6f63 && load<u64>(key, 1) == 0x6e6f697469646e6f) { value.condition = cbor.readText(); continue; } // condition
          break;
        case 11:
          if (load<u64>(key, 0) == 0x7470697263736564 && load<u64>(key, 3) == 0x6e6f697470697263) { value.description = cbor.readText(); continue; } // description
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(10); store<u64>(to, 0x697469646e6f6369, 0); store<u64>(to, 0x6e6f697469646e6f, 2); }
    cbor.writeText(this.condition);
    entries++; { const to = cbor.next(12); store<u64>(to, 0x706972637365646b, 0); store<u64>(to, 0x6e6f697470697263, 4); }
    cbor.writeText(this.description);
    const note = this.note;
    if (note !== null) { entries++; { const to = cbor.next(5); store<u32>(to, 0x746f6e64, 0); store<u32>(to, 0x65746f6e, 1); } cbor.writeText(note); }
    const info = this._info;
    if (info !== null) { entries++; { const to = cbor.next(5); store<u32>(to, 0x666e6964, 0); store<u32>(to, 0x6f666e69, 1); } cbor.writeList(info.length); for (let i = 0; i < info.length; i++) info[i].write(); }
    cbor.endMap(map, entries);
  }
}

export class Tls {
  version: string = "";
  cipher: string = "";
  sni: string | null = null;
  subject: string | null = null;
  issuer: string | null = null;
  private _sans: string[] | null = null;
  get sans(): string[] {
    const there = this._sans;
    if (there !== null) return there;
    const made = new Array<string>();
    this._sans = made;
    return made;
  }
  set sans(value: string[]) { this._sans = value; }
  fingerprintSha256: string | null = null;
  hasNotAfterMs: bool = false;
  private _notAfterMs: u64 = 0;
  get notAfterMs(): u64 { return this._notAfterMs; }
  set notAfterMs(value: u64) {
    this._notAfterMs = value;
    this.hasNotAfterMs = true;
  }

  static read(): Tls {
    const value = new Tls();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 3:
          if (load<u16>(key, 0) == 0x6e73 && load<u16>(key, 1) == 0x696e) { value.sni = cbor.readText(); continue; } // sni
          break;
        case 4:
          if (load<u32>(key, 0) == 0x736e6173) { value.sans = readStringList(); continue; } // sans
          break;
        case 6:
          if (load<u32>(key, 0) == 0x68706963 && load<u32>(key, 2) == 0x72656870) { value.cipher = cbor.readText(); continue; } // cipher
          if (load<u32>(key, 0) == 0x75737369 && load<u32>(key, 2) == 0x72657573) { value.issuer = cbor.readText(); continue; } // issuer
          break;
        case 7:
          if (load<u32>(key, 0) == 0x73726576 && load<u32>(key, 3) == 0x6e6f6973) { value.version = cbor.readText(); continue; } // version
          if (load<u32>(key, 0) == 0x6a627573 && load<u32>(key, 3) == 0x7463656a) { value.subject = cbor.readText(); continue; } // subject
          break;
        case 12:
          if (load<u64>(key, 0) == 0x657466612d746f6e && load<u64>(key, 4) == 0x736d2d7265746661) { value.notAfterMs = cbor.readNumber<u64>(); continue; } // not-after-ms
          break;
        case 18:
          if (load<u64>(key, 0) == 0x72707265676e6966 && load<u64>(key, 8) == 0x326168732d746e69 && load<u64>(key, 10) == 0x3635326168732d74) { value.fingerprintSha256 = cbor.readText(); continue; } // fingerprint-sha256
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(8); store<u64>(to, 0x6e6f697372657667, 0); }
    cbor.writeText(this.version);
    entries++; { const to = cbor.next(7); store<u32>(to, 0x70696366, 0); store<u32>(to, 0x72656870, 3); }
    cbor.writeText(this.cipher);
    const sni = this.sni;
    if (sni !== null) { entries++; { const to = cbor.next(4); store<u32>(to, 0x696e7363, 0); } cbor.writeText(sni); }
    const subject = this.subject;
    if (subject !== null) { entries++; { const to = cbor.next(8); store<u64>(to, 0x7463656a62757367, 0); } cbor.writeText(subject); }
    const issuer = this.issuer;
    if (issuer !== null) { entries++; { const to = cbor.next(7); store<u32>(to, 0x73736966, 0); store<u32>(to, 0x72657573, 3); } cbor.writeText(issuer); }
    const sans = this._sans;
    if (sans !== null) { entries++; { const to = cbor.next(5); store<u32>(to, 0x6e617364, 0); store<u32>(to, 0x736e6173, 1); } cbor.writeList(sans.length); for (let i = 0; i < sans.length; i++) cbor.writeText(sans[i]); }
    const fingerprintSha256 = this.fingerprintSha256;
    if (fingerprintSha256 !== null) { entries++; { const to = cbor.next(19); store<u64>(to, 0x707265676e696672, 0); store<u64>(to, 0x6168732d746e6972, 8); store<u64>(to, 0x3635326168732d74, 11); } cbor.writeText(fingerprintSha256); }
    if (this.hasNotAfterMs) { entries++; { const to = cbor.next(13); store<u64>(to, 0x7466612d746f6e6c, 0); store<u64>(to, 0x736d2d7265746661, 5); } cbor.writeNumber(this._notAfterMs); }
    cbor.endMap(map, entries);
  }
}

/** Open now, this one included. */
export class Counts {
  total: u32 = 0;
  listener: u32 = 0;
  user: u32 = 0;
  peerHost: u32 = 0;

  static read(): Counts {
    const value = new Counts();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 4:
          if (load<u32>(key, 0) == 0x72657375) { value.user = cbor.readNumber<u32>(); continue; } // user
          break;
        case 5:
          if (load<u32>(key, 0) == 0x61746f74 && load<u32>(key, 1) == 0x6c61746f) { value.total = cbor.readNumber<u32>(); continue; } // total
          break;
        case 8:
          if (load<u64>(key, 0) == 0x72656e657473696c) { value.listener = cbor.readNumber<u32>(); continue; } // listener
          break;
        case 9:
          if (load<u64>(key, 0) == 0x736f682d72656570 && load<u64>(key, 1) == 0x74736f682d726565) { value.peerHost = cbor.readNumber<u32>(); continue; } // peer-host
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(6); store<u32>(to, 0x746f7465, 0); store<u32>(to, 0x6c61746f, 2); }
    cbor.writeNumber(this.total);
    entries++; { const to = cbor.next(9); store<u64>(to, 0x656e657473696c68, 0); store<u64>(to, 0x72656e657473696c, 1); }
    cbor.writeNumber(this.listener);
    entries++; { const to = cbor.next(5); store<u32>(to, 0x65737564, 0); store<u32>(to, 0x72657375, 1); }
    cbor.writeNumber(this.user);
    entries++; { const to = cbor.next(10); store<u64>(to, 0x6f682d7265657069, 0); store<u64>(to, 0x74736f682d726565, 2); }
    cbor.writeNumber(this.peerHost);
    cbor.endMap(map, entries);
  }
}

/** The smallest of process, listener or connector, grant and link is in force; a plugin can only lower. What does not belong to the hook is ignored. */
export class Limits {
  hasSessions: bool = false;
  private _sessions: u32 = 0;
  get sessions(): u32 { return this._sessions; }
  set sessions(value: u32) {
    this._sessions = value;
    this.hasSessions = true;
  }
  hasLinks: bool = false;
  private _links: u32 = 0;
  get links(): u32 { return this._links; }
  set links(value: u32) {
    this._links = value;
    this.hasLinks = true;
  }
  hasSenders: bool = false;
  private _senders: u32 = 0;
  get senders(): u32 { return this._senders; }
  set senders(value: u32) {
    this._senders = value;
    this.hasSenders = true;
  }
  hasReceivers: bool = false;
  private _receivers: u32 = 0;
  get receivers(): u32 { return this._receivers; }
  set receivers(value: u32) {
    this._receivers = value;
    this.hasReceivers = true;
  }
  hasUnsettled: bool = false;
  private _unsettled: u32 = 0;
  get unsettled(): u32 { return this._unsettled; }
  set unsettled(value: u32) {
    this._unsettled = value;
    this.hasUnsettled = true;
  }
  hasBufferedBytes: bool = false;
  private _bufferedBytes: u64 = 0;
  get bufferedBytes(): u64 { return this._bufferedBytes; }
  set bufferedBytes(value: u64) {
    this._bufferedBytes = value;
    this.hasBufferedBytes = true;
  }
  hasMaxFrameSize: bool = false;
  private _maxFrameSize: u32 = 0;
  get maxFrameSize(): u32 { return this._maxFrameSize; }
  set maxFrameSize(value: u32) {
    this._maxFrameSize = value;
    this.hasMaxFrameSize = true;
  }
  hasMaxMessageSize: bool = false;
  private _maxMessageSize: u64 = 0;
  get maxMessageSize(): u64 { return this._maxMessageSize; }
  set maxMessageSize(value: u64) {
    this._maxMessageSize = value;
    this.hasMaxMessageSize = true;
  }
  hasIdleTimeoutMs: bool = false;
  private _idleTimeoutMs: u32 = 0;
  get idleTimeoutMs(): u32 { return this._idleTimeoutMs; }
  set idleTimeoutMs(value: u32) {
    this._idleTimeoutMs = value;
    this.hasIdleTimeoutMs = true;
  }
  hasLinkCredit: bool = false;
  private _linkCredit: u32 = 0;
  get linkCredit(): u32 { return this._linkCredit; }
  set linkCredit(value: u32) {
    this._linkCredit = value;
    this.hasLinkCredit = true;
  }

  static read(): Limits {
    const value = new Limits();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 5:
          if (load<u32>(key, 0) == 0x6b6e696c && load<u32>(key, 1) == 0x736b6e69) { value.links = cbor.readNumber<u32>(); continue; } // links
          break;
        case 7:
          if (load<u32>(key, 0) == 0x646e6573 && load<u32>(key, 3) == 0x73726564) { value.senders = cbor.readNumber<u32>(); continue; } // senders
          break;
        case 8:
          if (load<u64>(key, 0) == 0x736e6f6973736573) { value.sessions = cbor.readNumber<u32>(); continue; } // sessions
          break;
        case 9:
          if (load<u64>(key, 0) == 0x7265766965636572 && load<u64>(key, 1) == 0x7372657669656365) { value.receivers = cbor.readNumber<u32>(); continue; } // receivers
          if (load<u64>(key, 0) == 0x656c747465736e75 && load<u64>(key, 1) == 0x64656c747465736e) { value.unsettled = cbor.readNumber<u32>(); continue; } // unsettled
          break;
        case 11:
          if (load<u64>(key, 0) == 0x6572632d6b6e696c && load<u64>(key, 3) == 0x7469646572632d6b) { value.linkCredit = cbor.readNumber<u32>(); continue; } // link-credit
          break;
        case 14:
          if (load<u64>(key, 0) == 0x6465726566667562 && load<u64>(key, 6) == 0x73657479622d6465) { value.bufferedBytes = cbor.readNumber<u64>(); continue; } // buffered-bytes
          if (load<u64>(key, 0) == 0x6d6172662d78616d && load<u64>(key, 6) == 0x657a69732d656d61) { value.maxFrameSize = cbor.readNumber<u32>(); continue; } // max-frame-size
          break;
        case 15:
          if (load<u64>(key, 0) == 0x6d69742d656c6469 && load<u64>(key, 7) == 0x736d2d74756f656d) { value.idleTimeoutMs = cbor.readNumber<u32>(); continue; } // idle-timeout-ms
          break;
        case 16:
          if (load<u64>(key, 0) == 0x7373656d2d78616d && load<u64>(key, 8) == 0x657a69732d656761) { value.maxMessageSize = cbor.readNumber<u64>(); continue; } // max-message-size
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    if (this.hasSessions) { entries++; { const to = cbor.next(9); store<u64>(to, 0x6e6f697373657368, 0); store<u64>(to, 0x736e6f6973736573, 1); } cbor.writeNumber(this._sessions); }
    if (this.hasLinks) { entries++; { const to = cbor.next(6); store<u32>(to, 0x6e696c65, 0); store<u32>(to, 0x736b6e69, 2); } cbor.writeNumber(this._links); }
    if (this.hasSenders) { entries++; { const to = cbor.next(8); store<u64>(to, 0x737265646e657367, 0); } cbor.writeNumber(this._senders); }
    if (this.hasReceivers) { entries++; { const to = cbor.next(10); store<u64>(to, 0x6576696563657269, 0); store<u64>(to, 0x7372657669656365, 2); } cbor.writeNumber(this._receivers); }
    if (this.hasUnsettled) { entries++; { const to = cbor.next(10); store<u64>(to, 0x6c747465736e7569, 0); store<u64>(to, 0x64656c747465736e, 2); } cbor.writeNumber(this._unsettled); }
    if (this.hasBufferedBytes) { entries++; { const to = cbor.next(15); store<u64>(to, 0x657265666675626e, 0); store<u64>(to, 0x73657479622d6465, 7); } cbor.writeNumber(this._bufferedBytes); }
    if (this.hasMaxFrameSize) { entries++; { const to = cbor.next(15); store<u64>(to, 0x6172662d78616d6e, 0); store<u64>(to, 0x657a69732d656d61, 7); } cbor.writeNumber(this._maxFrameSize); }
    if (this.hasMaxMessageSize) { entries++; { const to = cbor.next(17); store<u64>(to, 0x73656d2d78616d70, 0); store<u64>(to, 0x7a69732d65676173, 8); store<u64>(to, 0x657a69732d656761, 9); } cbor.writeNumber(this._maxMessageSize); }
    if (this.hasIdleTimeoutMs) { entries++; { const to = cbor.next(16); store<u64>(to, 0x69742d656c64696f, 0); store<u64>(to, 0x736d2d74756f656d, 8); } cbor.writeNumber(this._idleTimeoutMs); }
    if (this.hasLinkCredit) { entries++; { const to = cbor.next(12); store<u64>(to, 0x72632d6b6e696c6b, 0); store<u64>(to, 0x7469646572632d6b, 4); } cbor.writeNumber(this._linkCredit); }
    cbor.endMap(map, entries);
  }
}

/** The host counts what is open under `key` of this plugin, over all workers, and refuses what would be more than `max`. Released when it ends. */
export class Quota {
  key: string = "";
  max: u32 = 0;

  static read(): Quota {
    const value = new Quota();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 3:
          if (load<u16>(key, 0) == 0x656b && load<u16>(key, 1) == 0x7965) { value.key = cbor.readText(); continue; } // key
          if (load<u16>(key, 0) == 0x616d && load<u16>(key, 1) == 0x7861) { value.max = cbor.readNumber<u32>(); continue; } // max
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(4); store<u32>(to, 0x79656b63, 0); }
    cbor.writeText(this.key);
    entries++; { const to = cbor.next(4); store<u32>(to, 0x78616d63, 0); }
    cbor.writeNumber(this.max);
    cbor.endMap(map, entries);
  }
}

export enum Transport { None, Tcp, Tls, Ws, Wss }

function readTransport(): Transport {
  const len = cbor.readSpan();
  const key = cbor.span;
  switch (len) {
    case 2:
      if (load<u16>(key, 0) == 0x7377) { return Transport.Ws; } // ws
      break;
    case 3:
      if (load<u16>(key, 0) == 0x6374 && load<u16>(key, 1) == 0x7063) { return Transport.Tcp; } // tcp
      if (load<u16>(key, 0) == 0x6c74 && load<u16>(key, 1) == 0x736c) { return Transport.Tls; } // tls
      if (load<u16>(key, 0) == 0x7377 && load<u16>(key, 1) == 0x7373) { return Transport.Wss; } // wss
      break;
  }
  return Transport.None;
}

function writeTransport(word: Transport): void {
  switch (word) {
    case Transport.Tcp: { const to = cbor.next(4); store<u32>(to, 0x70637463, 0); } break;
    case Transport.Tls: { const to = cbor.next(4); store<u32>(to, 0x736c7463, 0); } break;
    case Transport.Ws: { const to = cbor.next(3); store<u16>(to, 0x7762, 0); store<u16>(to, 0x7377, 1); } break;
    case Transport.Wss: { const to = cbor.next(4); store<u32>(to, 0x73737763, 0); } break;
    default: unreachable();
  }
}

/** Who is talking. `attributes` is what admission granted, for the hooks after it. */
export class Peer {
  connectionId: u64 = 0;
  listener: string | null = null;
  connector: string | null = null;
  transport: Transport = Transport.None;
  ip: string = "";
  port: u16 = 0;
  localIp: string = "";
  localPort: u16 = 0;
  vhost: string | null = null;
  user: string | null = null;
  mechanism: string | null = null;
  containerId: string = "";
  tls: Tls | null = null;
  private _attributes: Attr[] | null = null;
  get attributes(): Attr[] {
    const there = this._attributes;
    if (there !== null) return there;
    const made = new Array<Attr>();
    this._attributes = made;
    return made;
  }
  set attributes(value: Attr[]) { this._attributes = value; }

  static read(): Peer {
    const value = new Peer();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 2:
          if (load<u16>(key, 0) == 0x7069) { value.ip = cbor.readText(); continue; } // ip
          break;
        case 3:
          if (load<u16>(key, 0) == 0x6c74 && load<u16>(key, 1) == 0x736c) { value.tls = Tls.read(); continue; } // tls
          break;
        case 4:
          if (load<u32>(key, 0) == 0x74726f70) { value.port = cbor.readNumber<u16>(); continue; } // port
          if (load<u32>(key, 0) == 0x72657375) { value.user = cbor.readText(); continue; } // user
          break;
        case 5:
          if (load<u32>(key, 0) == 0x736f6876 && load<u32>(key, 1) == 0x74736f68) { value.vhost = cbor.readText(); continue; } // vhost
          break;
        case 8:
          if (load<u64>(key, 0) == 0x72656e657473696c) { value.listener = cbor.readText(); continue; } // listener
          if (load<u64>(key, 0) == 0x70692d6c61636f6c) { value.localIp = cbor.readText(); continue; } // local-ip
          break;
        case 9:
          if (load<u64>(key, 0) == 0x6f7463656e6e6f63 && load<u64>(key, 1) == 0x726f7463656e6e6f) { value.connector = cbor.readText(); continue; } // connector
          if (load<u64>(key, 0) == 0x726f70736e617274 && load<u64>(key, 1) == 0x74726f70736e6172) { value.transport = readTransport(); continue; } // transport
          if (load<u64>(key, 0) == 0x73696e616863656d && load<u64>(key, 1) == 0x6d73696e61686365) { value.mechanism = cbor.readText(); continue; } // mechanism
          break;
        case 10:
          if (load<u64>(key, 0) == 0x6f702d6c61636f6c && load<u64>(key, 2) == 0x74726f702d6c6163) { value.localPort = cbor.readNumber<u16>(); continue; } // local-port
          if (load<u64>(key, 0) == 0x7475626972747461 && load<u64>(key, 2) == 0x7365747562697274) { value.attributes = readAttrList(); continue; } // attributes
          break;
        case 12:
          if (load<u64>(key, 0) == 0x656e6961746e6f63 && load<u64>(key, 4) == 0x64692d72656e6961) { value.containerId = cbor.readText(); continue; } // container-id
          break;
        case 13:
          if (load<u64>(key, 0) == 0x697463656e6e6f63 && load<u64>(key, 5) == 0x64692d6e6f697463) { value.connectionId = cbor.readNumber<u64>(); continue; } // connection-id
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(14); store<u64>(to, 0x7463656e6e6f636d, 0); store<u64>(to, 0x64692d6e6f697463, 6); }
    cbor.writeNumber(this.connectionId);
    const listener = this.listener;
    if (listener !== null) { entries++; { const to = cbor.next(9); store<u64>(to, 0x656e657473696c68, 0); store<u64>(to, 0x72656e657473696c, 1); } cbor.writeText(listener); }
    const connector = this.connector;
    if (connector !== null) { entries++; { const to = cbor.next(10); store<u64>(to, 0x7463656e6e6f6369, 0); store<u64>(to, 0x726f7463656e6e6f, 2); } cbor.writeText(connector); }
    if (this.transport != Transport.None) { entries++; { const to = cbor.next(10); store<u64>(to, 0x6f70736e61727469, 0); store<u64>(to, 0x74726f70736e6172, 2); } writeTransport(this.transport); }
    entries++; { const to = cbor.next(3); store<u16>(to, 0x6962, 0); store<u16>(to, 0x7069, 1); }
    cbor.writeText(this.ip);
    entries++; { const to = cbor.next(5); store<u32>(to, 0x726f7064, 0); store<u32>(to, 0x74726f70, 1); }
    cbor.writeNumber(this.port);
    entries++; { const to = cbor.next(9); store<u64>(to, 0x692d6c61636f6c68, 0); store<u64>(to, 0x70692d6c61636f6c, 1); }
    cbor.writeText(this.localIp);
    entries++; { const to = cbor.next(11); store<u64>(to, 0x702d6c61636f6c6a, 0); store<u64>(to, 0x74726f702d6c6163, 3); }
    cbor.writeNumber(this.localPort);
    const vhost = this.vhost;
    if (vhost !== null) { entries++; { const to = cbor.next(6); store<u32>(to, 0x6f687665, 0); store<u32>(to, 0x74736f68, 2); } cbor.writeText(vhost); }
    const user = this.user;
    if (user !== null) { entries++; { const to = cbor.next(5); store<u32>(to, 0x65737564, 0); store<u32>(to, 0x72657375, 1); } cbor.writeText(user); }
    const mechanism = this.mechanism;
    if (mechanism !== null) { entries++; { const to = cbor.next(10); store<u64>(to, 0x696e616863656d69, 0); store<u64>(to, 0x6d73696e61686365, 2); } cbor.writeText(mechanism); }
    entries++; { const to = cbor.next(13); store<u64>(to, 0x6e6961746e6f636c, 0); store<u64>(to, 0x64692d72656e6961, 5); }
    cbor.writeText(this.containerId);
    const tls = this.tls;
    if (tls !== null) { entries++; { const to = cbor.next(4); store<u32>(to, 0x736c7463, 0); } tls.write(); }
    const attributes = this._attributes;
    if (attributes !== null) { entries++; { const to = cbor.next(11); store<u64>(to, 0x756269727474616a, 0); store<u64>(to, 0x7365747562697274, 3); } cbor.writeList(attributes.length); for (let i = 0; i < attributes.length; i++) attributes[i].write(); }
    cbor.endMap(map, entries);
  }
}

export class SetupRequest {
  plugin: string = "";
  routerId: string = "";
  minor: u32 = 0;
  nowMs: u64 = 0;
  seed: u64 = 0;
  private _granted: string[] | null = null;
  get granted(): string[] {
    const there = this._granted;
    if (there !== null) return there;
    const made = new Array<string>();
    this._granted = made;
    return made;
  }
  set granted(value: string[]) { this._granted = value; }
  private _config: Node[] | null = null;
  get config(): Node[] {
    const there = this._config;
    if (there !== null) return there;
    const made = new Array<Node>();
    this._config = made;
    return made;
  }
  set config(value: Node[]) { this._config = value; }

  static read(): SetupRequest {
    const value = new SetupRequest();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 4:
          if (load<u32>(key, 0) == 0x64656573) { value.seed = cbor.readNumber<u64>(); continue; } // seed
          break;
        case 5:
          if (load<u32>(key, 0) == 0x6f6e696d && load<u32>(key, 1) == 0x726f6e69) { value.minor = cbor.readNumber<u32>(); continue; } // minor
          break;
        case 6:
          if (load<u32>(key, 0) == 0x67756c70 && load<u32>(key, 2) == 0x6e696775) { value.plugin = cbor.readText(); continue; } // plugin
          if (load<u32>(key, 0) == 0x2d776f6e && load<u32>(key, 2) == 0x736d2d77) { value.nowMs = cbor.readNumber<u64>(); continue; } // now-ms
          if (load<u32>(key, 0) == 0x666e6f63 && load<u32>(key, 2) == 0x6769666e) { value.config = Node.readAll(); continue; } // config
          break;
        case 7:
          if (load<u32>(key, 0) == 0x6e617267 && load<u32>(key, 3) == 0x6465746e) { value.granted = readStringList(); continue; } // granted
          break;
        case 9:
          if (load<u64>(key, 0) == 0x692d726574756f72 && load<u64>(key, 1) == 0x64692d726574756f) { value.routerId = cbor.readText(); continue; } // router-id
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(7); store<u32>(to, 0x756c7066, 0); store<u32>(to, 0x6e696775, 3); }
    cbor.writeText(this.plugin);
    entries++; { const to = cbor.next(10); store<u64>(to, 0x2d726574756f7269, 0); store<u64>(to, 0x64692d726574756f, 2); }
    cbor.writeText(this.routerId);
    entries++; { const to = cbor.next(6); store<u32>(to, 0x6e696d65, 0); store<u32>(to, 0x726f6e69, 2); }
    cbor.writeNumber(this.minor);
    entries++; { const to = cbor.next(7); store<u32>(to, 0x776f6e66, 0); store<u32>(to, 0x736d2d77, 3); }
    cbor.writeNumber(this.nowMs);
    entries++; { const to = cbor.next(5); store<u32>(to, 0x65657364, 0); store<u32>(to, 0x64656573, 1); }
    cbor.writeNumber(this.seed);
    const granted = this._granted;
    if (granted !== null) { entries++; { const to = cbor.next(8); store<u64>(to, 0x6465746e61726767, 0); } cbor.writeList(granted.length); for (let i = 0; i < granted.length; i++) cbor.writeText(granted[i]); }
    const config = this._config;
    if (config !== null) { entries++; { const to = cbor.next(7); store<u32>(to, 0x6e6f6366, 0); store<u32>(to, 0x6769666e, 3); } Node.writeAll(config); }
    cbor.endMap(map, entries);
  }
}

/** `path`: indexes of children from the top, so that the message stands at its KDL node. */
export class SetupProblem {
  message: string = "";
  private _path: u32[] | null = null;
  get path(): u32[] {
    const there = this._path;
    if (there !== null) return there;
    const made = new Array<u32>();
    this._path = made;
    return made;
  }
  set path(value: u32[]) { this._path = value; }

  static read(): SetupProblem {
    const value = new SetupProblem();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 4:
          if (load<u32>(key, 0) == 0x68746170) { value.path = readU32List(); continue; } // path
          break;
        case 7:
          if (load<u32>(key, 0) == 0x7373656d && load<u32>(key, 3) == 0x65676173) { value.message = cbor.readText(); continue; } // message
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(8); store<u64>(to, 0x6567617373656d67, 0); }
    cbor.writeText(this.message);
    const path = this._path;
    if (path !== null) { entries++; { const to = cbor.next(5); store<u32>(to, 0x74617064, 0); store<u32>(to, 0x68746170, 1); } cbor.writeList(path.length); for (let i = 0; i < path.length; i++) cbor.writeNumber(path[i]); }
    cbor.endMap(map, entries);
  }
}

/** `hooks`: which of the exported ones to ask (absent: all). `reads`: the only request fields to send, as paths (`peer.user`, `candidates`); absent: all. */
export class SetupAnswer {
  private _problems: SetupProblem[] | null = null;
  get problems(): SetupProblem[] {
    const there = this._problems;
    if (there !== null) return there;
    const made = new Array<SetupProblem>();
    this._problems = made;
    return made;
  }
  set problems(value: SetupProblem[]) { this._problems = value; }
  hooks: string[] | null = null;
  reads: string[] | null = null;

  static read(): SetupAnswer {
    const value = new SetupAnswer();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 5:
          if (load<u32>(key, 0) == 0x6b6f6f68 && load<u32>(key, 1) == 0x736b6f6f) { value.hooks = readStringList(); continue; } // hooks
          if (load<u32>(key, 0) == 0x64616572 && load<u32>(key, 1) == 0x73646165) { value.reads = readStringList(); continue; } // reads
          break;
        case 8:
          if (load<u64>(key, 0) == 0x736d656c626f7270) { value.problems = readSetupProblemList(); continue; } // problems
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    const problems = this._problems;
    if (problems !== null) { entries++; { const to = cbor.next(9); store<u64>(to, 0x6d656c626f727068, 0); store<u64>(to, 0x736d656c626f7270, 1); } cbor.writeList(problems.length); for (let i = 0; i < problems.length; i++) problems[i].write(); }
    const hooks = this.hooks;
    if (hooks !== null) { entries++; { const to = cbor.next(6); store<u32>(to, 0x6f6f6865, 0); store<u32>(to, 0x736b6f6f, 2); } cbor.writeList(hooks.length); for (let i = 0; i < hooks.length; i++) cbor.writeText(hooks[i]); }
    const reads = this.reads;
    if (reads !== null) { entries++; { const to = cbor.next(6); store<u32>(to, 0x61657265, 0); store<u32>(to, 0x73646165, 2); } cbor.writeList(reads.length); for (let i = 0; i < reads.length; i++) cbor.writeText(reads[i]); }
    cbor.endMap(map, entries);
  }

  /** What an export returns that answers this. */
  pack(): u64 {
    cbor.beginAnswer();
    this.write();
    return cbor.packed();
  }
}

export enum FailoverOrigin { None, Configured, Advertised, Redirected }

function readFailoverOrigin(): FailoverOrigin {
  const len = cbor.readSpan();
  const key = cbor.span;
  switch (len) {
    case 10:
      if (load<u64>(key, 0) == 0x72756769666e6f63 && load<u64>(key, 2) == 0x646572756769666e) { return FailoverOrigin.Configured; } // configured
      if (load<u64>(key, 0) == 0x7369747265766461 && load<u64>(key, 2) == 0x6465736974726576) { return FailoverOrigin.Advertised; } // advertised
      if (load<u64>(key, 0) == 0x7463657269646572 && load<u64>(key, 2) == 0x6465746365726964) { return FailoverOrigin.Redirected; } // redirected
      break;
  }
  return FailoverOrigin.None;
}

function writeFailoverOrigin(word: FailoverOrigin): void {
  switch (word) {
    case FailoverOrigin.Configured: { const to = cbor.next(11); store<u64>(to, 0x756769666e6f636a, 0); store<u64>(to, 0x646572756769666e, 3); } break;
    case FailoverOrigin.Advertised: { const to = cbor.next(11); store<u64>(to, 0x697472657664616a, 0); store<u64>(to, 0x6465736974726576, 3); } break;
    case FailoverOrigin.Redirected: { const to = cbor.next(11); store<u64>(to, 0x636572696465726a, 0); store<u64>(to, 0x6465746365726964, 3); } break;
    default: unreachable();
  }
}

export enum FailoverScheme { None, Amqp, Amqps, Ws, Wss }

function readFailoverScheme(): FailoverScheme {
  const len = cbor.readSpan();
  const key = cbor.span;
  switch (len) {
    case 2:
      if (load<u16>(key, 0) == 0x7377) { return FailoverScheme.Ws; } // ws
      break;
    case 3:
      if (load<u16>(key, 0) == 0x7377 && load<u16>(key, 1) == 0x7373) { return FailoverScheme.Wss; } // wss
      break;
    case 4:
      if (load<u32>(key, 0) == 0x70716d61) { return FailoverScheme.Amqp; } // amqp
      break;
    case 5:
      if (load<u32>(key, 0) == 0x70716d61 && load<u32>(key, 1) == 0x7370716d) { return FailoverScheme.Amqps; } // amqps
      break;
  }
  return FailoverScheme.None;
}

function writeFailoverScheme(word: FailoverScheme): void {
  switch (word) {
    case FailoverScheme.Amqp: { const to = cbor.next(5); store<u32>(to, 0x716d6164, 0); store<u32>(to, 0x70716d61, 1); } break;
    case FailoverScheme.Amqps: { const to = cbor.next(6); store<u32>(to, 0x716d6165, 0); store<u32>(to, 0x7370716d, 2); } break;
    case FailoverScheme.Ws: { const to = cbor.next(3); store<u16>(to, 0x7762, 0); store<u16>(to, 0x7377, 1); } break;
    case FailoverScheme.Wss: { const to = cbor.next(4); store<u32>(to, 0x73737763, 0); } break;
    default: unreachable();
  }
}

/** `host` is what is dialled, `hostname` what the peer's list wants in our Open. `last-rtt-us` (of the TCP connection) and `certificate-not-after-ms` are of
 * the last success. */
export class FailoverCandidate {
  host: string = "";
  port: u16 = 0;
  scheme: FailoverScheme = FailoverScheme.None;
  hostname: string | null = null;
  origin: FailoverOrigin = FailoverOrigin.None;
  priority: u8 = 0;
  private _labels: Attr[] | null = null;
  get labels(): Attr[] {
    const there = this._labels;
    if (there !== null) return there;
    const made = new Array<Attr>();
    this._labels = made;
    return made;
  }
  set labels(value: Attr[]) { this._labels = value; }
  attempts: u32 = 0;
  failuresInRow: u32 = 0;
  lastError: string | null = null;
  lastCondition: string | null = null;
  hasLastAttemptAtMs: bool = false;
  private _lastAttemptAtMs: u64 = 0;
  get lastAttemptAtMs(): u64 { return this._lastAttemptAtMs; }
  set lastAttemptAtMs(value: u64) {
    this._lastAttemptAtMs = value;
    this.hasLastAttemptAtMs = true;
  }
  hasLastSuccessAtMs: bool = false;
  private _lastSuccessAtMs: u64 = 0;
  get lastSuccessAtMs(): u64 { return this._lastSuccessAtMs; }
  set lastSuccessAtMs(value: u64) {
    this._lastSuccessAtMs = value;
    this.hasLastSuccessAtMs = true;
  }
  hasLastRttUs: bool = false;
  private _lastRttUs: u32 = 0;
  get lastRttUs(): u32 { return this._lastRttUs; }
  set lastRttUs(value: u32) {
    this._lastRttUs = value;
    this.hasLastRttUs = true;
  }
  hasCertificateNotAfterMs: bool = false;
  private _certificateNotAfterMs: u64 = 0;
  get certificateNotAfterMs(): u64 { return this._certificateNotAfterMs; }
  set certificateNotAfterMs(value: u64) {
    this._certificateNotAfterMs = value;
    this.hasCertificateNotAfterMs = true;
  }

  static read(): FailoverCandidate {
    const value = new FailoverCandidate();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 4:
          if (load<u32>(key, 0) == 0x74736f68) { value.host = cbor.readText(); continue; } // host
          if (load<u32>(key, 0) == 0x74726f70) { value.port = cbor.readNumber<u16>(); continue; } // port
          break;
        case 6:
          if (load<u32>(key, 0) == 0x65686373 && load<u32>(key, 2) == 0x656d6568) { value.scheme = readFailoverScheme(); continue; } // scheme
          if (load<u32>(key, 0) == 0x6769726f && load<u32>(key, 2) == 0x6e696769) { value.origin = readFailoverOrigin(); continue; } // origin
          if (load<u32>(key, 0) == 0x6562616c && load<u32>(key, 2) == 0x736c6562) { value.labels = readAttrList(); continue; } // labels
          break;
        case 8:
          if (load<u64>(key, 0) == 0x656d616e74736f68) { value.hostname = cbor.readText(); continue; } // hostname
          if (load<u64>(key, 0) == 0x797469726f697270) { value.priority = cbor.readNumber<u8>(); continue; } // priority
          if (load<u64>(key, 0) == 0x7374706d65747461) { value.attempts = cbor.readNumber<u32>(); continue; } // attempts
          break;
        case 10:
          if (load<u64>(key, 0) == 0x7272652d7473616c && load<u64>(key, 2) == 0x726f7272652d7473) { value.lastError = cbor.readText(); continue; } // last-error
          break;
        case 11:
          if (load<u64>(key, 0) == 0x7474722d7473616c && load<u64>(key, 3) == 0x73752d7474722d74) { value.lastRttUs = cbor.readNumber<u32>(); continue; } // last-rtt-us
          break;
        case 14:
          if (load<u64>(key, 0) == 0x6e6f632d7473616c && load<u64>(key, 6) == 0x6e6f697469646e6f) { value.lastCondition = cbor.readText(); continue; } // last-condition
          break;
        case 15:
          if (load<u64>(key, 0) == 0x736572756c696166 && load<u64>(key, 7) == 0x776f722d6e692d73) { value.failuresInRow = cbor.readNumber<u32>(); continue; } // failures-in-row
          break;
        case 18:
          if (load<u64>(key, 0) == 0x7474612d7473616c && load<u64>(key, 8) == 0x2d74612d74706d65 && load<u64>(key, 10) == 0x736d2d74612d7470) { value.lastAttemptAtMs = cbor.readNumber<u64>(); continue; } // last-attempt-at-ms
          if (load<u64>(key, 0) == 0x6375732d7473616c && load<u64>(key, 8) == 0x2d74612d73736563 && load<u64>(key, 10) == 0x736d2d74612d7373) { value.lastSuccessAtMs = cbor.readNumber<u64>(); continue; } // last-success-at-ms
          break;
        case 24:
          if (load<u64>(key, 0) == 0x6369666974726563 && load<u64>(key, 8) == 0x2d746f6e2d657461 && load<u64>(key, 16) == 0x736d2d7265746661) { value.certificateNotAfterMs = cbor.readNumber<u64>(); continue; } // certificate-not-after-ms
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(5); store<u32>(to, 0x736f6864, 0); store<u32>(to, 0x74736f68, 1); }
    cbor.writeText(this.host);
    entries++; { const to = cbor.next(5); store<u32>(to, 0x726f7064, 0); store<u32>(to, 0x74726f70, 1); }
    cbor.writeNumber(this.port);
    if (this.scheme != FailoverScheme.None) { entries++; { const to = cbor.next(7); store<u32>(to, 0x68637366, 0); store<u32>(to, 0x656d6568, 3); } writeFailoverScheme(this.scheme); }
    const hostname = this.hostname;
    if (hostname !== null) { entries++; { const to = cbor.next(9); store<u64>(to, 0x6d616e74736f6868, 0); store<u64>(to, 0x656d616e74736f68, 1); } cbor.writeText(hostname); }
    if (this.origin != FailoverOrigin.None) { entries++; { const to = cbor.next(7); store<u32>(to, 0x69726f66, 0); store<u32>(to, 0x6e696769, 3); } writeFailoverOrigin(this.origin); }
    entries++; { const to = cbor.next(9); store<u64>(to, 0x7469726f69727068, 0); store<u64>(to, 0x797469726f697270, 1); }
    cbor.writeNumber(this.priority);
    const labels = this._labels;
    if (labels !== null) { entries++; { const to = cbor.next(7); store<u32>(to, 0x62616c66, 0); store<u32>(to, 0x736c6562, 3); } cbor.writeList(labels.length); for (let i = 0; i < labels.length; i++) labels[i].write(); }
    entries++; { const to = cbor.next(9); store<u64>(to, 0x74706d6574746168, 0); store<u64>(to, 0x7374706d65747461, 1); }
    cbor.writeNumber(this.attempts);
    entries++; { const to = cbor.next(16); store<u64>(to, 0x6572756c6961666f, 0); store<u64>(to, 0x776f722d6e692d73, 8); }
    cbor.writeNumber(this.failuresInRow);
    const lastError = this.lastError;
    if (lastError !== null) { entries++; { const to = cbor.next(11); store<u64>(to, 0x72652d7473616c6a, 0); store<u64>(to, 0x726f7272652d7473, 3); } cbor.writeText(lastError); }
    const lastCondition = this.lastCondition;
    if (lastCondition !== null) { entries++; { const to = cbor.next(15); store<u64>(to, 0x6f632d7473616c6e, 0); store<u64>(to, 0x6e6f697469646e6f, 7); } cbor.writeText(lastCondition); }
    if (this.hasLastAttemptAtMs) { entries++; { const to = cbor.next(19); store<u64>(to, 0x74612d7473616c72, 0); store<u64>(to, 0x74612d74706d6574, 8); store<u64>(to, 0x736d2d74612d7470, 11); } cbor.writeNumber(this._lastAttemptAtMs); }
    if (this.hasLastSuccessAtMs) { entries++; { const to = cbor.next(19); store<u64>(to, 0x75732d7473616c72, 0); store<u64>(to, 0x74612d7373656363, 8); store<u64>(to, 0x736d2d74612d7373, 11); } cbor.writeNumber(this._lastSuccessAtMs); }
    if (this.hasLastRttUs) { entries++; { const to = cbor.next(12); store<u64>(to, 0x74722d7473616c6b, 0); store<u64>(to, 0x73752d7474722d74, 4); } cbor.writeNumber(this._lastRttUs); }
    if (this.hasCertificateNotAfterMs) { entries++; { const to = cbor.next(26); store<u64>(to, 0x6669747265631878, 0); store<u64>(to, 0x6f6e2d6574616369, 8); store<u64>(to, 0x2d72657466612d74, 16); store<u64>(to, 0x736d2d7265746661, 18); } cbor.writeNumber(this._certificateNotAfterMs); }
    cbor.endMap(map, entries);
  }
}

export enum FailoverCause { None, Startup, Lost, Exhausted, Redirected, Reload, Reconsider }

function readFailoverCause(): FailoverCause {
  const len = cbor.readSpan();
  const key = cbor.span;
  switch (len) {
    case 4:
      if (load<u32>(key, 0) == 0x74736f6c) { return FailoverCause.Lost; } // lost
      break;
    case 6:
      if (load<u32>(key, 0) == 0x6f6c6572 && load<u32>(key, 2) == 0x64616f6c) { return FailoverCause.Reload; } // reload
      break;
    case 7:
      if (load<u32>(key, 0) == 0x72617473 && load<u32>(key, 3) == 0x70757472) { return FailoverCause.Startup; } // startup
      break;
    case 9:
      if (load<u64>(key, 0) == 0x6574737561687865 && load<u64>(key, 1) == 0x6465747375616878) { return FailoverCause.Exhausted; } // exhausted
      break;
    case 10:
      if (load<u64>(key, 0) == 0x7463657269646572 && load<u64>(key, 2) == 0x6465746365726964) { return FailoverCause.Redirected; } // redirected
      if (load<u64>(key, 0) == 0x6469736e6f636572 && load<u64>(key, 2) == 0x72656469736e6f63) { return FailoverCause.Reconsider; } // reconsider
      break;
  }
  return FailoverCause.None;
}

function writeFailoverCause(word: FailoverCause): void {
  switch (word) {
    case FailoverCause.Startup: { const to = cbor.next(8); store<u64>(to, 0x7075747261747367, 0); } break;
    case FailoverCause.Lost: { const to = cbor.next(5); store<u32>(to, 0x736f6c64, 0); store<u32>(to, 0x74736f6c, 1); } break;
    case FailoverCause.Exhausted: { const to = cbor.next(10); store<u64>(to, 0x7473756168786569, 0); store<u64>(to, 0x6465747375616878, 2); } break;
    case FailoverCause.Redirected: { const to = cbor.next(11); store<u64>(to, 0x636572696465726a, 0); store<u64>(to, 0x6465746365726964, 3); } break;
    case FailoverCause.Reload: { const to = cbor.next(7); store<u32>(to, 0x6c657266, 0); store<u32>(to, 0x64616f6c, 3); } break;
    case FailoverCause.Reconsider: { const to = cbor.next(11); store<u64>(to, 0x69736e6f6365726a, 0); store<u64>(to, 0x72656469736e6f63, 3); } break;
    default: unreachable();
  }
}

/** Candidates stand in the order that the built-in would take. `current` is the endpoint in use (reconsider, reload), just lost, or the one that sent the router elsewhere (redirected). */
export class FailoverRequest {
  private _ctx: Context | null = null;
  get ctx(): Context {
    const there = this._ctx;
    if (there !== null) return there;
    const made = new Context();
    this._ctx = made;
    return made;
  }
  set ctx(value: Context) { this._ctx = value; }
  connector: string = "";
  role: string = "";
  cause: FailoverCause = FailoverCause.None;
  round: u32 = 0;
  hasCurrent: bool = false;
  private _current: u32 = 0;
  get current(): u32 { return this._current; }
  set current(value: u32) {
    this._current = value;
    this.hasCurrent = true;
  }
  hasDownSinceMs: bool = false;
  private _downSinceMs: u64 = 0;
  get downSinceMs(): u64 { return this._downSinceMs; }
  set downSinceMs(value: u64) {
    this._downSinceMs = value;
    this.hasDownSinceMs = true;
  }
  private _candidates: FailoverCandidate[] | null = null;
  get candidates(): FailoverCandidate[] {
    const there = this._candidates;
    if (there !== null) return there;
    const made = new Array<FailoverCandidate>();
    this._candidates = made;
    return made;
  }
  set candidates(value: FailoverCandidate[]) { this._candidates = value; }

  static read(): FailoverRequest {
    const value = new FailoverRequest();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 3:
          if (load<u16>(key, 0) == 0x7463 && load<u16>(key, 1) == 0x7874) { value.ctx = Context.read(); continue; } // ctx
          break;
        case 4:
          if (load<u32>(key, 0) == 0x656c6f72) { value.role = cbor.readText(); continue; } // role
          break;
        case 5:
          if (load<u32>(key, 0) == 0x73756163 && load<u32>(key, 1) == 0x65737561) { value.cause = readFailoverCause(); continue; } // cause
          if (load<u32>(key, 0) == 0x6e756f72 && load<u32>(key, 1) == 0x646e756f) { value.round = cbor.readNumber<u32>(); continue; } // round
          break;
        case 7:
          if (load<u32>(key, 0) == 0x72727563 && load<u32>(key, 3) == 0x746e6572) { value.current = cbor.readNumber<u32>(); continue; } // current
          break;
        case 9:
          if (load<u64>(key, 0) == 0x6f7463656e6e6f63 && load<u64>(key, 1) == 0x726f7463656e6e6f) { value.connector = cbor.readText(); continue; } // connector
          break;
        case 10:
          if (load<u64>(key, 0) == 0x74616469646e6163 && load<u64>(key, 2) == 0x736574616469646e) { value.candidates = readFailoverCandidateList(); continue; } // candidates
          break;
        case 13:
          if (load<u64>(key, 0) == 0x6e69732d6e776f64 && load<u64>(key, 5) == 0x736d2d65636e6973) { value.downSinceMs = cbor.readNumber<u64>(); continue; } // down-since-ms
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(4); store<u32>(to, 0x78746363, 0); }
    this.ctx.write();
    entries++; { const to = cbor.next(10); store<u64>(to, 0x7463656e6e6f6369, 0); store<u64>(to, 0x726f7463656e6e6f, 2); }
    cbor.writeText(this.connector);
    entries++; { const to = cbor.next(5); store<u32>(to, 0x6c6f7264, 0); store<u32>(to, 0x656c6f72, 1); }
    cbor.writeText(this.role);
    if (this.cause != FailoverCause.None) { entries++; { const to = cbor.next(6); store<u32>(to, 0x75616365, 0); store<u32>(to, 0x65737561, 2); } writeFailoverCause(this.cause); }
    entries++; { const to = cbor.next(6); store<u32>(to, 0x756f7265, 0); store<u32>(to, 0x646e756f, 2); }
    cbor.writeNumber(this.round);
    if (this.hasCurrent) { entries++; { const to = cbor.next(8); store<u64>(to, 0x746e657272756367, 0); } cbor.writeNumber(this._current); }
    if (this.hasDownSinceMs) { entries++; { const to = cbor.next(14); store<u64>(to, 0x69732d6e776f646d, 0); store<u64>(to, 0x736d2d65636e6973, 6); } cbor.writeNumber(this._downSinceMs); }
    const candidates = this._candidates;
    if (candidates !== null) { entries++; { const to = cbor.next(11); store<u64>(to, 0x616469646e61636a, 0); store<u64>(to, 0x736574616469646e, 3); } cbor.writeList(candidates.length); for (let i = 0; i < candidates.length; i++) candidates[i].write(); }
    cbor.endMap(map, entries);
  }
}

/** `delay-ms`: waited after the pick before it failed; the first, after the answer. */
export class FailoverPick {
  index: u32 = 0;
  hasDelayMs: bool = false;
  private _delayMs: u32 = 0;
  get delayMs(): u32 { return this._delayMs; }
  set delayMs(value: u32) {
    this._delayMs = value;
    this.hasDelayMs = true;
  }

  static read(): FailoverPick {
    const value = new FailoverPick();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 5:
          if (load<u32>(key, 0) == 0x65646e69 && load<u32>(key, 1) == 0x7865646e) { value.index = cbor.readNumber<u32>(); continue; } // index
          break;
        case 8:
          if (load<u64>(key, 0) == 0x736d2d79616c6564) { value.delayMs = cbor.readNumber<u32>(); continue; } // delay-ms
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(6); store<u32>(to, 0x646e6965, 0); store<u32>(to, 0x7865646e, 2); }
    cbor.writeNumber(this.index);
    if (this.hasDelayMs) { entries++; { const to = cbor.next(9); store<u64>(to, 0x6d2d79616c656468, 0); store<u64>(to, 0x736d2d79616c6564, 1); } cbor.writeNumber(this._delayMs); }
    cbor.endMap(map, entries);
  }
}

/** A candidate not listed is out of this round; an empty order drops all. `retry-after-ms`: when the round is exhausted (absent: the connector's backoff).
 * `reconsider-after-ms`: while connected, ask again after this; a first pick other than the current one is connected first, then takes over. */
export class FailoverAnswer {
  private _order: FailoverPick[] | null = null;
  get order(): FailoverPick[] {
    const there = this._order;
    if (there !== null) return there;
    const made = new Array<FailoverPick>();
    this._order = made;
    return made;
  }
  set order(value: FailoverPick[]) { this._order = value; }
  hasRetryAfterMs: bool = false;
  private _retryAfterMs: u32 = 0;
  get retryAfterMs(): u32 { return this._retryAfterMs; }
  set retryAfterMs(value: u32) {
    this._retryAfterMs = value;
    this.hasRetryAfterMs = true;
  }
  hasReconsiderAfterMs: bool = false;
  private _reconsiderAfterMs: u32 = 0;
  get reconsiderAfterMs(): u32 { return this._reconsiderAfterMs; }
  set reconsiderAfterMs(value: u32) {
    this._reconsiderAfterMs = value;
    this.hasReconsiderAfterMs = true;
  }
  note: string | null = null;

  static read(): FailoverAnswer {
    const value = new FailoverAnswer();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 4:
          if (load<u32>(key, 0) == 0x65746f6e) { value.note = cbor.readText(); continue; } // note
          break;
        case 5:
          if (load<u32>(key, 0) == 0x6564726f && load<u32>(key, 1) == 0x72656472) { value.order = readFailoverPickList(); continue; } // order
          break;
        case 14:
          if (load<u64>(key, 0) == 0x66612d7972746572 && load<u64>(key, 6) == 0x736d2d7265746661) { value.retryAfterMs = cbor.readNumber<u32>(); continue; } // retry-after-ms
          break;
        case 19:
          if (load<u64>(key, 0) == 0x6469736e6f636572 && load<u64>(key, 8) == 0x72657466612d7265 && load<u64>(key, 11) == 0x736d2d7265746661) { value.reconsiderAfterMs = cbor.readNumber<u32>(); continue; } // reconsider-after-ms
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    const order = this._order;
    if (order !== null) { entries++; { const to = cbor.next(6); store<u32>(to, 0x64726f65, 0); store<u32>(to, 0x72656472, 2); } cbor.writeList(order.length); for (let i = 0; i < order.length; i++) order[i].write(); }
    if (this.hasRetryAfterMs) { entries++; { const to = cbor.next(15); store<u64>(to, 0x612d79727465726e, 0); store<u64>(to, 0x736d2d7265746661, 7); } cbor.writeNumber(this._retryAfterMs); }
    if (this.hasReconsiderAfterMs) { entries++; { const to = cbor.next(20); store<u64>(to, 0x69736e6f63657273, 0); store<u64>(to, 0x657466612d726564, 8); store<u64>(to, 0x736d2d7265746661, 12); } cbor.writeNumber(this._reconsiderAfterMs); }
    const note = this.note;
    if (note !== null) { entries++; { const to = cbor.next(5); store<u32>(to, 0x746f6e64, 0); store<u32>(to, 0x65746f6e, 1); } cbor.writeText(note); }
    cbor.endMap(map, entries);
  }

  /** What an export returns that answers this. */
  pack(): u64 {
    cbor.beginAnswer();
    this.write();
    return cbor.packed();
  }
}

/** `recheck`: this connection is open already, its grant ran out. */
export class AdmissionConnection {
  private _ctx: Context | null = null;
  get ctx(): Context {
    const there = this._ctx;
    if (there !== null) return there;
    const made = new Context();
    this._ctx = made;
    return made;
  }
  set ctx(value: Context) { this._ctx = value; }
  private _peer: Peer | null = null;
  get peer(): Peer {
    const there = this._peer;
    if (there !== null) return there;
    const made = new Peer();
    this._peer = made;
    return made;
  }
  set peer(value: Peer) { this._peer = value; }
  recheck: bool = false;
  maxFrameSize: u32 = 0;
  channelMax: u16 = 0;
  hasIdleTimeoutMs: bool = false;
  private _idleTimeoutMs: u32 = 0;
  get idleTimeoutMs(): u32 { return this._idleTimeoutMs; }
  set idleTimeoutMs(value: u32) {
    this._idleTimeoutMs = value;
    this.hasIdleTimeoutMs = true;
  }
  private _offeredCapabilities: string[] | null = null;
  get offeredCapabilities(): string[] {
    const there = this._offeredCapabilities;
    if (there !== null) return there;
    const made = new Array<string>();
    this._offeredCapabilities = made;
    return made;
  }
  set offeredCapabilities(value: string[]) { this._offeredCapabilities = value; }
  private _desiredCapabilities: string[] | null = null;
  get desiredCapabilities(): string[] {
    const there = this._desiredCapabilities;
    if (there !== null) return there;
    const made = new Array<string>();
    this._desiredCapabilities = made;
    return made;
  }
  set desiredCapabilities(value: string[]) { this._desiredCapabilities = value; }
  private _properties: Entry[] | null = null;
  get properties(): Entry[] {
    const there = this._properties;
    if (there !== null) return there;
    const made = new Array<Entry>();
    this._properties = made;
    return made;
  }
  set properties(value: Entry[]) { this._properties = value; }
  private _counts: Counts | null = null;
  get counts(): Counts {
    const there = this._counts;
    if (there !== null) return there;
    const made = new Counts();
    this._counts = made;
    return made;
  }
  set counts(value: Counts) { this._counts = value; }
  private _limits: Limits | null = null;
  get limits(): Limits {
    const there = this._limits;
    if (there !== null) return there;
    const made = new Limits();
    this._limits = made;
    return made;
  }
  set limits(value: Limits) { this._limits = value; }
  private _truncated: string[] | null = null;
  get truncated(): string[] {
    const there = this._truncated;
    if (there !== null) return there;
    const made = new Array<string>();
    this._truncated = made;
    return made;
  }
  set truncated(value: string[]) { this._truncated = value; }

  static read(): AdmissionConnection {
    const value = new AdmissionConnection();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 3:
          if (load<u16>(key, 0) == 0x7463 && load<u16>(key, 1) == 0x7874) { value.ctx = Context.read(); continue; } // ctx
          break;
        case 4:
          if (load<u32>(key, 0) == 0x72656570) { value.peer = Peer.read(); continue; } // peer
          break;
        case 6:
          if (load<u32>(key, 0) == 0x6e756f63 && load<u32>(key, 2) == 0x73746e75) { value.counts = Counts.read(); continue; } // counts
          if (load<u32>(key, 0) == 0x696d696c && load<u32>(key, 2) == 0x7374696d) { value.limits = Limits.read(); continue; } // limits
          break;
        case 7:
          if (load<u32>(key, 0) == 0x68636572 && load<u32>(key, 3) == 0x6b636568) { value.recheck = cbor.readBool(); continue; } // recheck
          break;
        case 9:
          if (load<u64>(key, 0) == 0x657461636e757274 && load<u64>(key, 1) == 0x64657461636e7572) { value.truncated = readStringList(); continue; } // truncated
          break;
        case 10:
          if (load<u64>(key, 0) == 0x69747265706f7270 && load<u64>(key, 2) == 0x736569747265706f) { value.properties = readEntryList(); continue; } // properties
          break;
        case 11:
          if (load<u64>(key, 0) == 0x2d6c656e6e616863 && load<u64>(key, 3) == 0x78616d2d6c656e6e) { value.channelMax = cbor.readNumber<u16>(); continue; } // channel-max
          break;
        case 14:
          if (load<u64>(key, 0) == 0x6d6172662d78616d && load<u64>(key, 6) == 0x657a69732d656d61) { value.maxFrameSize = cbor.readNumber<u32>(); continue; } // max-frame-size
          break;
        case 15:
          if (load<u64>(key, 0) == 0x6d69742d656c6469 && load<u64>(key, 7) == 0x736d2d74756f656d) { value.idleTimeoutMs = cbor.readNumber<u32>(); continue; } // idle-timeout-ms
          break;
        case 20:
          if (load<u64>(key, 0) == 0x2d6465726566666f && load<u64>(key, 8) == 0x696c696261706163 && load<u64>(key, 12) == 0x73656974696c6962) { value.offeredCapabilities = readStringList(); continue; } // offered-capabilities
          if (load<u64>(key, 0) == 0x2d64657269736564 && load<u64>(key, 8) == 0x696c696261706163 && load<u64>(key, 12) == 0x73656974696c6962) { value.desiredCapabilities = readStringList(); continue; } // desired-capabilities
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(4); store<u32>(to, 0x78746363, 0); }
    this.ctx.write();
    entries++; { const to = cbor.next(5); store<u32>(to, 0x65657064, 0); store<u32>(to, 0x72656570, 1); }
    this.peer.write();
    entries++; { const to = cbor.next(8); store<u64>(to, 0x6b63656863657267, 0); }
    cbor.writeBool(this.recheck);
    entries++; { const to = cbor.next(15); store<u64>(to, 0x6172662d78616d6e, 0); store<u64>(to, 0x657a69732d656d61, 7); }
    cbor.writeNumber(this.maxFrameSize);
    entries++; { const to = cbor.next(12); store<u64>(to, 0x6c656e6e6168636b, 0); store<u64>(to, 0x78616d2d6c656e6e, 4); }
    cbor.writeNumber(this.channelMax);
    if (this.hasIdleTimeoutMs) { entries++; { const to = cbor.next(16); store<u64>(to, 0x69742d656c64696f, 0); store<u64>(to, 0x736d2d74756f656d, 8); } cbor.writeNumber(this._idleTimeoutMs); }
    const offeredCapabilities = this._offeredCapabilities;
    if (offeredCapabilities !== null) { entries++; { const to = cbor.next(21); store<u64>(to, 0x6465726566666f74, 0); store<u64>(to, 0x6c6962617061632d, 8); store<u64>(to, 0x73656974696c6962, 13); } cbor.writeList(offeredCapabilities.length); for (let i = 0; i < offeredCapabilities.length; i++) cbor.writeText(offeredCapabilities[i]); }
    const desiredCapabilities = this._desiredCapabilities;
    if (desiredCapabilities !== null) { entries++; { const to = cbor.next(21); store<u64>(to, 0x6465726973656474, 0); store<u64>(to, 0x6c6962617061632d, 8); store<u64>(to, 0x73656974696c6962, 13); } cbor.writeList(desiredCapabilities.length); for (let i = 0; i < desiredCapabilities.length; i++) cbor.writeText(desiredCapabilities[i]); }
    const properties = this._properties;
    if (properties !== null) { entries++; { const to = cbor.next(11); store<u64>(to, 0x747265706f72706a, 0); store<u64>(to, 0x736569747265706f, 3); } cbor.writeList(properties.length); for (let i = 0; i < properties.length; i++) properties[i].write(); }
    entries++; { const to = cbor.next(7); store<u32>(to, 0x756f6366, 0); store<u32>(to, 0x73746e75, 3); }
    this.counts.write();
    entries++; { const to = cbor.next(7); store<u32>(to, 0x6d696c66, 0); store<u32>(to, 0x7374696d, 3); }
    this.limits.write();
    const truncated = this._truncated;
    if (truncated !== null) { entries++; { const to = cbor.next(10); store<u64>(to, 0x7461636e75727469, 0); store<u64>(to, 0x64657461636e7572, 2); } cbor.writeList(truncated.length); for (let i = 0; i < truncated.length; i++) cbor.writeText(truncated[i]); }
    cbor.endMap(map, entries);
  }
}

export class AdmissionSession {
  private _ctx: Context | null = null;
  get ctx(): Context {
    const there = this._ctx;
    if (there !== null) return there;
    const made = new Context();
    this._ctx = made;
    return made;
  }
  set ctx(value: Context) { this._ctx = value; }
  private _peer: Peer | null = null;
  get peer(): Peer {
    const there = this._peer;
    if (there !== null) return there;
    const made = new Peer();
    this._peer = made;
    return made;
  }
  set peer(value: Peer) { this._peer = value; }
  sessionsOpen: u32 = 0;

  static read(): AdmissionSession {
    const value = new AdmissionSession();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 3:
          if (load<u16>(key, 0) == 0x7463 && load<u16>(key, 1) == 0x7874) { value.ctx = Context.read(); continue; } // ctx
          break;
        case 4:
          if (load<u32>(key, 0) == 0x72656570) { value.peer = Peer.read(); continue; } // peer
          break;
        case 13:
          if (load<u64>(key, 0) == 0x736e6f6973736573 && load<u64>(key, 5) == 0x6e65706f2d736e6f) { value.sessionsOpen = cbor.readNumber<u32>(); continue; } // sessions-open
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(4); store<u32>(to, 0x78746363, 0); }
    this.ctx.write();
    entries++; { const to = cbor.next(5); store<u32>(to, 0x65657064, 0); store<u32>(to, 0x72656570, 1); }
    this.peer.write();
    entries++; { const to = cbor.next(14); store<u64>(to, 0x6e6f69737365736d, 0); store<u64>(to, 0x6e65706f2d736e6f, 6); }
    cbor.writeNumber(this.sessionsOpen);
    cbor.endMap(map, entries);
  }
}

/** The peer's own: it wants to send, or to receive. */
export enum AdmissionRole { None, Sender, Receiver }

function readAdmissionRole(): AdmissionRole {
  const len = cbor.readSpan();
  const key = cbor.span;
  switch (len) {
    case 6:
      if (load<u32>(key, 0) == 0x646e6573 && load<u32>(key, 2) == 0x7265646e) { return AdmissionRole.Sender; } // sender
      break;
    case 8:
      if (load<u64>(key, 0) == 0x7265766965636572) { return AdmissionRole.Receiver; } // receiver
      break;
  }
  return AdmissionRole.None;
}

function writeAdmissionRole(word: AdmissionRole): void {
  switch (word) {
    case AdmissionRole.Sender: { const to = cbor.next(7); store<u32>(to, 0x6e657366, 0); store<u32>(to, 0x7265646e, 3); } break;
    case AdmissionRole.Receiver: { const to = cbor.next(9); store<u64>(to, 0x6576696563657268, 0); store<u64>(to, 0x7265766965636572, 1); } break;
    default: unreachable();
  }
}

export enum AdmissionExpiry { None, LinkDetach, SessionEnd, ConnectionClose, Never }

function readAdmissionExpiry(): AdmissionExpiry {
  const len = cbor.readSpan();
  const key = cbor.span;
  switch (len) {
    case 5:
      if (load<u32>(key, 0) == 0x6576656e && load<u32>(key, 1) == 0x72657665) { return AdmissionExpiry.Never; } // never
      break;
    case 11:
      if (load<u64>(key, 0) == 0x7465642d6b6e696c && load<u64>(key, 3) == 0x6863617465642d6b) { return AdmissionExpiry.LinkDetach; } // link-detach
      if (load<u64>(key, 0) == 0x2d6e6f6973736573 && load<u64>(key, 3) == 0x646e652d6e6f6973) { return AdmissionExpiry.SessionEnd; } // session-end
      break;
    case 16:
      if (load<u64>(key, 0) == 0x697463656e6e6f63 && load<u64>(key, 8) == 0x65736f6c632d6e6f) { return AdmissionExpiry.ConnectionClose; } // connection-close
      break;
  }
  return AdmissionExpiry.None;
}

function writeAdmissionExpiry(word: AdmissionExpiry): void {
  switch (word) {
    case AdmissionExpiry.LinkDetach: { const to = cbor.next(12); store<u64>(to, 0x65642d6b6e696c6b, 0); store<u64>(to, 0x6863617465642d6b, 4); } break;
    case AdmissionExpiry.SessionEnd: { const to = cbor.next(12); store<u64>(to, 0x6e6f69737365736b, 0); store<u64>(to, 0x646e652d6e6f6973, 4); } break;
    case AdmissionExpiry.ConnectionClose: { const to = cbor.next(17); store<u64>(to, 0x7463656e6e6f6370, 0); store<u64>(to, 0x736f6c632d6e6f69, 8); store<u64>(to, 0x65736f6c632d6e6f, 9); } break;
    case AdmissionExpiry.Never: { const to = cbor.next(6); store<u32>(to, 0x76656e65, 0); store<u32>(to, 0x72657665, 2); } break;
    default: unreachable();
  }
}

export class AdmissionFilter {
  name: string = "";
  val: Value | null = null;

  static read(): AdmissionFilter {
    const value = new AdmissionFilter();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 3:
          if (load<u16>(key, 0) == 0x6176 && load<u16>(key, 1) == 0x6c61) { value.val = Value.read(); continue; } // val
          break;
        case 4:
          if (load<u32>(key, 0) == 0x656d616e) { value.name = cbor.readText(); continue; } // name
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(5); store<u32>(to, 0x6d616e64, 0); store<u32>(to, 0x656d616e, 1); }
    cbor.writeText(this.name);
    const val = this.val;
    if (val !== null && val.kind != ValueKind.None) { entries++; { const to = cbor.next(4); store<u32>(to, 0x6c617663, 0); } val.write(); }
    cbor.endMap(map, entries);
  }
}

export class AdmissionTerminus {
  address: string | null = null;
  durable: u8 = 0;
  expiry: AdmissionExpiry = AdmissionExpiry.None;
  timeoutS: u32 = 0;
  dynamic: bool = false;
  coordinator: bool = false;
  distribution: string | null = null;
  private _filters: AdmissionFilter[] | null = null;
  get filters(): AdmissionFilter[] {
    const there = this._filters;
    if (there !== null) return there;
    const made = new Array<AdmissionFilter>();
    this._filters = made;
    return made;
  }
  set filters(value: AdmissionFilter[]) { this._filters = value; }
  private _capabilities: string[] | null = null;
  get capabilities(): string[] {
    const there = this._capabilities;
    if (there !== null) return there;
    const made = new Array<string>();
    this._capabilities = made;
    return made;
  }
  set capabilities(value: string[]) { this._capabilities = value; }

  static read(): AdmissionTerminus {
    const value = new AdmissionTerminus();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 6:
          if (load<u32>(key, 0) == 0x69707865 && load<u32>(key, 2) == 0x79726970) { value.expiry = readAdmissionExpiry(); continue; } // expiry
          break;
        case 7:
          if (load<u32>(key, 0) == 0x72646461 && load<u32>(key, 3) == 0x73736572) { value.address = cbor.readText(); continue; } // address
          if (load<u32>(key, 0) == 0x61727564 && load<u32>(key, 3) == 0x656c6261) { value.durable = cbor.readNumber<u8>(); continue; } // durable
          if (load<u32>(key, 0) == 0x616e7964 && load<u32>(key, 3) == 0x63696d61) { value.dynamic = cbor.readBool(); continue; } // dynamic
          if (load<u32>(key, 0) == 0x746c6966 && load<u32>(key, 3) == 0x73726574) { value.filters = readAdmissionFilterList(); continue; } // filters
          break;
        case 9:
          if (load<u64>(key, 0) == 0x2d74756f656d6974 && load<u64>(key, 1) == 0x732d74756f656d69) { value.timeoutS = cbor.readNumber<u32>(); continue; } // timeout-s
          break;
        case 11:
          if (load<u64>(key, 0) == 0x616e6964726f6f63 && load<u64>(key, 3) == 0x726f74616e696472) { value.coordinator = cbor.readBool(); continue; } // coordinator
          break;
        case 12:
          if (load<u64>(key, 0) == 0x7562697274736964 && load<u64>(key, 4) == 0x6e6f697475626972) { value.distribution = cbor.readText(); continue; } // distribution
          if (load<u64>(key, 0) == 0x696c696261706163 && load<u64>(key, 4) == 0x73656974696c6962) { value.capabilities = readStringList(); continue; } // capabilities
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    const address = this.address;
    if (address !== null) { entries++; { const to = cbor.next(8); store<u64>(to, 0x7373657264646167, 0); } cbor.writeText(address); }
    entries++; { const to = cbor.next(8); store<u64>(to, 0x656c626172756467, 0); }
    cbor.writeNumber(this.durable);
    if (this.expiry != AdmissionExpiry.None) { entries++; { const to = cbor.next(7); store<u32>(to, 0x70786566, 0); store<u32>(to, 0x79726970, 3); } writeAdmissionExpiry(this.expiry); }
    entries++; { const to = cbor.next(10); store<u64>(to, 0x74756f656d697469, 0); store<u64>(to, 0x732d74756f656d69, 2); }
    cbor.writeNumber(this.timeoutS);
    entries++; { const to = cbor.next(8); store<u64>(to, 0x63696d616e796467, 0); }
    cbor.writeBool(this.dynamic);
    entries++; { const to = cbor.next(12); store<u64>(to, 0x6e6964726f6f636b, 0); store<u64>(to, 0x726f74616e696472, 4); }
    cbor.writeBool(this.coordinator);
    const distribution = this.distribution;
    if (distribution !== null) { entries++; { const to = cbor.next(13); store<u64>(to, 0x626972747369646c, 0); store<u64>(to, 0x6e6f697475626972, 5); } cbor.writeText(distribution); }
    const filters = this._filters;
    if (filters !== null) { entries++; { const to = cbor.next(8); store<u64>(to, 0x737265746c696667, 0); } cbor.writeList(filters.length); for (let i = 0; i < filters.length; i++) filters[i].write(); }
    const capabilities = this._capabilities;
    if (capabilities !== null) { entries++; { const to = cbor.next(13); store<u64>(to, 0x6c6962617061636c, 0); store<u64>(to, 0x73656974696c6962, 5); } cbor.writeList(capabilities.length); for (let i = 0; i < capabilities.length; i++) cbor.writeText(capabilities[i]); }
    cbor.endMap(map, entries);
  }
}

export enum AdmissionSettleMode { None, Unsettled, Settled, Mixed }

function readAdmissionSettleMode(): AdmissionSettleMode {
  const len = cbor.readSpan();
  const key = cbor.span;
  switch (len) {
    case 5:
      if (load<u32>(key, 0) == 0x6578696d && load<u32>(key, 1) == 0x64657869) { return AdmissionSettleMode.Mixed; } // mixed
      break;
    case 7:
      if (load<u32>(key, 0) == 0x74746573 && load<u32>(key, 3) == 0x64656c74) { return AdmissionSettleMode.Settled; } // settled
      break;
    case 9:
      if (load<u64>(key, 0) == 0x656c747465736e75 && load<u64>(key, 1) == 0x64656c747465736e) { return AdmissionSettleMode.Unsettled; } // unsettled
      break;
  }
  return AdmissionSettleMode.None;
}

function writeAdmissionSettleMode(word: AdmissionSettleMode): void {
  switch (word) {
    case AdmissionSettleMode.Unsettled: { const to = cbor.next(10); store<u64>(to, 0x6c747465736e7569, 0); store<u64>(to, 0x64656c747465736e, 2); } break;
    case AdmissionSettleMode.Settled: { const to = cbor.next(8); store<u64>(to, 0x64656c7474657367, 0); } break;
    case AdmissionSettleMode.Mixed: { const to = cbor.next(6); store<u32>(to, 0x78696d65, 0); store<u32>(to, 0x64657869, 2); } break;
    default: unreachable();
  }
}

export class AdmissionLink {
  private _ctx: Context | null = null;
  get ctx(): Context {
    const there = this._ctx;
    if (there !== null) return there;
    const made = new Context();
    this._ctx = made;
    return made;
  }
  set ctx(value: Context) { this._ctx = value; }
  private _peer: Peer | null = null;
  get peer(): Peer {
    const there = this._peer;
    if (there !== null) return there;
    const made = new Peer();
    this._peer = made;
    return made;
  }
  set peer(value: Peer) { this._peer = value; }
  name: string = "";
  role: AdmissionRole = AdmissionRole.None;
  source: AdmissionTerminus | null = null;
  target: AdmissionTerminus | null = null;
  settle: AdmissionSettleMode = AdmissionSettleMode.None;
  hasMaxMessageSize: bool = false;
  private _maxMessageSize: u64 = 0;
  get maxMessageSize(): u64 { return this._maxMessageSize; }
  set maxMessageSize(value: u64) {
    this._maxMessageSize = value;
    this.hasMaxMessageSize = true;
  }
  private _desiredCapabilities: string[] | null = null;
  get desiredCapabilities(): string[] {
    const there = this._desiredCapabilities;
    if (there !== null) return there;
    const made = new Array<string>();
    this._desiredCapabilities = made;
    return made;
  }
  set desiredCapabilities(value: string[]) { this._desiredCapabilities = value; }
  private _properties: Entry[] | null = null;
  get properties(): Entry[] {
    const there = this._properties;
    if (there !== null) return there;
    const made = new Array<Entry>();
    this._properties = made;
    return made;
  }
  set properties(value: Entry[]) { this._properties = value; }
  linksOpen: u32 = 0;
  private _truncated: string[] | null = null;
  get truncated(): string[] {
    const there = this._truncated;
    if (there !== null) return there;
    const made = new Array<string>();
    this._truncated = made;
    return made;
  }
  set truncated(value: string[]) { this._truncated = value; }

  static read(): AdmissionLink {
    const value = new AdmissionLink();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 3:
          if (load<u16>(key, 0) == 0x7463 && load<u16>(key, 1) == 0x7874) { value.ctx = Context.read(); continue; } // ctx
          break;
        case 4:
          if (load<u32>(key, 0) == 0x72656570) { value.peer = Peer.read(); continue; } // peer
          if (load<u32>(key, 0) == 0x656d616e) { value.name = cbor.readText(); continue; } // name
          if (load<u32>(key, 0) == 0x656c6f72) { value.role = readAdmissionRole(); continue; } // role
          break;
        case 6:
          if (load<u32>(key, 0) == 0x72756f73 && load<u32>(key, 2) == 0x65637275) { value.source = AdmissionTerminus.read(); continue; } // source
          if (load<u32>(key, 0) == 0x67726174 && load<u32>(key, 2) == 0x74656772) { value.target = AdmissionTerminus.read(); continue; } // target
          if (load<u32>(key, 0) == 0x74746573 && load<u32>(key, 2) == 0x656c7474) { value.settle = readAdmissionSettleMode(); continue; } // settle
          break;
        case 9:
          if (load<u64>(key, 0) == 0x657461636e757274 && load<u64>(key, 1) == 0x64657461636e7572) { value.truncated = readStringList(); continue; } // truncated
          break;
        case 10:
          if (load<u64>(key, 0) == 0x69747265706f7270 && load<u64>(key, 2) == 0x736569747265706f) { value.properties = readEntryList(); continue; } // properties
          if (load<u64>(key, 0) == 0x706f2d736b6e696c && load<u64>(key, 2) == 0x6e65706f2d736b6e) { value.linksOpen = cbor.readNumber<u32>(); continue; } // links-open
          break;
        case 16:
          if (load<u64>(key, 0) == 0x7373656d2d78616d && load<u64>(key, 8) == 0x657a69732d656761) { value.maxMessageSize = cbor.readNumber<u64>(); continue; } // max-message-size
          break;
        case 20:
          if (load<u64>(key, 0) == 0x2d64657269736564 && load<u64>(key, 8) == 0x696c696261706163 && load<u64>(key, 12) == 0x73656974696c6962) { value.desiredCapabilities = readStringList(); continue; } // desired-capabilities
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(4); store<u32>(to, 0x78746363, 0); }
    this.ctx.write();
    entries++; { const to = cbor.next(5); store<u32>(to, 0x65657064, 0); store<u32>(to, 0x72656570, 1); }
    this.peer.write();
    entries++; { const to = cbor.next(5); store<u32>(to, 0x6d616e64, 0); store<u32>(to, 0x656d616e, 1); }
    cbor.writeText(this.name);
    if (this.role != AdmissionRole.None) { entries++; { const to = cbor.next(5); store<u32>(to, 0x6c6f7264, 0); store<u32>(to, 0x656c6f72, 1); } writeAdmissionRole(this.role); }
    const source = this.source;
    if (source !== null) { entries++; { const to = cbor.next(7); store<u32>(to, 0x756f7366, 0); store<u32>(to, 0x65637275, 3); } source.write(); }
    const target = this.target;
    if (target !== null) { entries++; { const to = cbor.next(7); store<u32>(to, 0x72617466, 0); store<u32>(to, 0x74656772, 3); } target.write(); }
    if (this.settle != AdmissionSettleMode.None) { entries++; { const to = cbor.next(7); store<u32>(to, 0x74657366, 0); store<u32>(to, 0x656c7474, 3); } writeAdmissionSettleMode(this.settle); }
    if (this.hasMaxMessageSize) { entries++; { const to = cbor.next(17); store<u64>(to, 0x73656d2d78616d70, 0); store<u64>(to, 0x7a69732d65676173, 8); store<u64>(to, 0x657a69732d656761, 9); } cbor.writeNumber(this._maxMessageSize); }
    const desiredCapabilities = this._desiredCapabilities;
    if (desiredCapabilities !== null) { entries++; { const to = cbor.next(21); store<u64>(to, 0x6465726973656474, 0); store<u64>(to, 0x6c6962617061632d, 8); store<u64>(to, 0x73656974696c6962, 13); } cbor.writeList(desiredCapabilities.length); for (let i = 0; i < desiredCapabilities.length; i++) cbor.writeText(desiredCapabilities[i]); }
    const properties = this._properties;
    if (properties !== null) { entries++; { const to = cbor.next(11); store<u64>(to, 0x747265706f72706a, 0); store<u64>(to, 0x736569747265706f, 3); } cbor.writeList(properties.length); for (let i = 0; i < properties.length; i++) properties[i].write(); }
    entries++; { const to = cbor.next(11); store<u64>(to, 0x6f2d736b6e696c6a, 0); store<u64>(to, 0x6e65706f2d736b6e, 3); }
    cbor.writeNumber(this.linksOpen);
    const truncated = this._truncated;
    if (truncated !== null) { entries++; { const to = cbor.next(10); store<u64>(to, 0x7461636e75727469, 0); store<u64>(to, 0x64657461636e7572, 2); } cbor.writeList(truncated.length); for (let i = 0; i < truncated.length; i++) cbor.writeText(truncated[i]); }
    cbor.endMap(map, entries);
  }
}

export class AdmissionGrant {
  limits: Limits | null = null;
  private _quotas: Quota[] | null = null;
  get quotas(): Quota[] {
    const there = this._quotas;
    if (there !== null) return there;
    const made = new Array<Quota>();
    this._quotas = made;
    return made;
  }
  set quotas(value: Quota[]) { this._quotas = value; }
  private _attributes: Attr[] | null = null;
  get attributes(): Attr[] {
    const there = this._attributes;
    if (there !== null) return there;
    const made = new Array<Attr>();
    this._attributes = made;
    return made;
  }
  set attributes(value: Attr[]) { this._attributes = value; }
  hasRecheckAfterMs: bool = false;
  private _recheckAfterMs: u32 = 0;
  get recheckAfterMs(): u32 { return this._recheckAfterMs; }
  set recheckAfterMs(value: u32) {
    this._recheckAfterMs = value;
    this.hasRecheckAfterMs = true;
  }
  note: string | null = null;

  static read(): AdmissionGrant {
    const value = new AdmissionGrant();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 4:
          if (load<u32>(key, 0) == 0x65746f6e) { value.note = cbor.readText(); continue; } // note
          break;
        case 6:
          if (load<u32>(key, 0) == 0x696d696c && load<u32>(key, 2) == 0x7374696d) { value.limits = Limits.read(); continue; } // limits
          if (load<u32>(key, 0) == 0x746f7571 && load<u32>(key, 2) == 0x7361746f) { value.quotas = readQuotaList(); continue; } // quotas
          break;
        case 10:
          if (load<u64>(key, 0) == 0x7475626972747461 && load<u64>(key, 2) == 0x7365747562697274) { value.attributes = readAttrList(); continue; } // attributes
          break;
        case 16:
          if (load<u64>(key, 0) == 0x2d6b636568636572 && load<u64>(key, 8) == 0x736d2d7265746661) { value.recheckAfterMs = cbor.readNumber<u32>(); continue; } // recheck-after-ms
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    const limits = this.limits;
    if (limits !== null) { entries++; { const to = cbor.next(7); store<u32>(to, 0x6d696c66, 0); store<u32>(to, 0x7374696d, 3); } limits.write(); }
    const quotas = this._quotas;
    if (quotas !== null) { entries++; { const to = cbor.next(7); store<u32>(to, 0x6f757166, 0); store<u32>(to, 0x7361746f, 3); } cbor.writeList(quotas.length); for (let i = 0; i < quotas.length; i++) quotas[i].write(); }
    const attributes = this._attributes;
    if (attributes !== null) { entries++; { const to = cbor.next(11); store<u64>(to, 0x756269727474616a, 0); store<u64>(to, 0x7365747562697274, 3); } cbor.writeList(attributes.length); for (let i = 0; i < attributes.length; i++) attributes[i].write(); }
    if (this.hasRecheckAfterMs) { entries++; { const to = cbor.next(17); store<u64>(to, 0x6b63656863657270, 0); store<u64>(to, 0x6d2d72657466612d, 8); store<u64>(to, 0x736d2d7265746661, 9); } cbor.writeNumber(this._recheckAfterMs); }
    const note = this.note;
    if (note !== null) { entries++; { const to = cbor.next(5); store<u32>(to, 0x746f6e64, 0); store<u32>(to, 0x65746f6e, 1); } cbor.writeText(note); }
    cbor.endMap(map, entries);
  }
}

export enum AdmissionAnswerKind { None, Allow, Deny }

export class AdmissionAnswer {
  kind: AdmissionAnswerKind = AdmissionAnswerKind.None;
  private _allow: AdmissionGrant | null = null;
  get allow(): AdmissionGrant {
    const there = this._allow;
    if (there !== null) return there;
    const made = new AdmissionGrant();
    this._allow = made;
    return made;
  }
  set allow(value: AdmissionGrant) { this._allow = value; }
  private _deny: Refusal | null = null;
  get deny(): Refusal {
    const there = this._deny;
    if (there !== null) return there;
    const made = new Refusal();
    this._deny = made;
    return made;
  }
  set deny(value: Refusal) { this._deny = value; }

  static read(): AdmissionAnswer {
    const value = new AdmissionAnswer();
    const bare = cbor.textComes();
    if (!bare && cbor.readMap() != 1) unreachable();
    const len = cbor.readSpan();
    const key = cbor.span;
    switch (len) {
      case 4:
        if (load<u32>(key, 0) == 0x796e6564) { if (!bare) { value.kind = AdmissionAnswerKind.Deny; value.deny = Refusal.read(); return value; } } // deny
        break;
      case 5:
        if (load<u32>(key, 0) == 0x6f6c6c61 && load<u32>(key, 1) == 0x776f6c6c) { if (!bare) { value.kind = AdmissionAnswerKind.Allow; value.allow = AdmissionGrant.read(); return value; } } // allow
        break;
    }
    if (!bare) cbor.skip();
    return value;
  }

  write(): void {
    switch (this.kind) {
      case AdmissionAnswerKind.Allow: { const to = cbor.next(7); store<u32>(to, 0x6c6165a1, 0); store<u32>(to, 0x776f6c6c, 3); } this.allow.write(); break;
      case AdmissionAnswerKind.Deny: { const to = cbor.next(6); store<u32>(to, 0x656464a1, 0); store<u32>(to, 0x796e6564, 2); } this.deny.write(); break;
      default: unreachable();
    }
  }

  /** What an export returns that answers this. */
  pack(): u64 {
    cbor.beginAnswer();
    this.write();
    return cbor.packed();
  }
}

export enum AddressDirection { None, Inbound, Outbound }

function readAddressDirection(): AddressDirection {
  const len = cbor.readSpan();
  const key = cbor.span;
  switch (len) {
    case 7:
      if (load<u32>(key, 0) == 0x6f626e69 && load<u32>(key, 3) == 0x646e756f) { return AddressDirection.Inbound; } // inbound
      break;
    case 8:
      if (load<u64>(key, 0) == 0x646e756f6274756f) { return AddressDirection.Outbound; } // outbound
      break;
  }
  return AddressDirection.None;
}

function writeAddressDirection(word: AddressDirection): void {
  switch (word) {
    case AddressDirection.Inbound: { const to = cbor.next(8); store<u64>(to, 0x646e756f626e6967, 0); } break;
    case AddressDirection.Outbound: { const to = cbor.next(9); store<u64>(to, 0x6e756f6274756f68, 0); store<u64>(to, 0x646e756f6274756f, 1); } break;
    default: unreachable();
  }
}

export enum AddressOccasion { None, Attach, Anonymous }

function readAddressOccasion(): AddressOccasion {
  const len = cbor.readSpan();
  const key = cbor.span;
  switch (len) {
    case 6:
      if (load<u32>(key, 0) == 0x61747461 && load<u32>(key, 2) == 0x68636174) { return AddressOccasion.Attach; } // attach
      break;
    case 9:
      if (load<u64>(key, 0) == 0x756f6d796e6f6e61 && load<u64>(key, 1) == 0x73756f6d796e6f6e) { return AddressOccasion.Anonymous; } // anonymous
      break;
  }
  return AddressOccasion.None;
}

function writeAddressOccasion(word: AddressOccasion): void {
  switch (word) {
    case AddressOccasion.Attach: { const to = cbor.next(7); store<u32>(to, 0x74746166, 0); store<u32>(to, 0x68636174, 3); } break;
    case AddressOccasion.Anonymous: { const to = cbor.next(10); store<u64>(to, 0x6f6d796e6f6e6169, 0); store<u64>(to, 0x73756f6d796e6f6e, 2); } break;
    default: unreachable();
  }
}

/** `link-route`: to the connection of that name. */
export enum AddressTreatmentKind { None, Balanced, Closest, Multicast, LinkRoute, Unavailable }

export class AddressTreatment {
  kind: AddressTreatmentKind = AddressTreatmentKind.None;
  linkRoute: string = "";

  static read(): AddressTreatment {
    const value = new AddressTreatment();
    const bare = cbor.textComes();
    if (!bare && cbor.readMap() != 1) unreachable();
    const len = cbor.readSpan();
    const key = cbor.span;
    switch (len) {
      case 7:
        if (load<u32>(key, 0) == 0x736f6c63 && load<u32>(key, 3) == 0x74736573) { if (bare) { value.kind = AddressTreatmentKind.Closest; return value; } } // closest
        break;
      case 8:
        if (load<u64>(key, 0) == 0x6465636e616c6162) { if (bare) { value.kind = AddressTreatmentKind.Balanced; return value; } } // balanced
        break;
      case 9:
        if (load<u64>(key, 0) == 0x73616369746c756d && load<u64>(key, 1) == 0x7473616369746c75) { if (bare) { value.kind = AddressTreatmentKind.Multicast; return value; } } // multicast
        break;
      case 10:
        if (load<u64>(key, 0) == 0x756f722d6b6e696c && load<u64>(key, 2) == 0x6574756f722d6b6e) { if (!bare) { value.kind = AddressTreatmentKind.LinkRoute; value.linkRoute = cbor.readText(); return value; } } // link-route
        break;
      case 11:
        if (load<u64>(key, 0) == 0x616c696176616e75 && load<u64>(key, 3) == 0x656c62616c696176) { if (bare) { value.kind = AddressTreatmentKind.Unavailable; return value; } } // unavailable
        break;
    }
    if (!bare) cbor.skip();
    return value;
  }

  write(): void {
    switch (this.kind) {
      case AddressTreatmentKind.Balanced: { const to = cbor.next(9); store<u64>(to, 0x65636e616c616268, 0); store<u64>(to, 0x6465636e616c6162, 1); } break;
      case AddressTreatmentKind.Closest: { const to = cbor.next(8); store<u64>(to, 0x747365736f6c6367, 0); } break;
      case AddressTreatmentKind.Multicast: { const to = cbor.next(10); store<u64>(to, 0x616369746c756d69, 0); store<u64>(to, 0x7473616369746c75, 2); } break;
      case AddressTreatmentKind.LinkRoute: { const to = cbor.next(12); store<u64>(to, 0x722d6b6e696c6aa1, 0); store<u64>(to, 0x6574756f722d6b6e, 4); } cbor.writeText(this.linkRoute); break;
      case AddressTreatmentKind.Unavailable: { const to = cbor.next(12); store<u64>(to, 0x6c696176616e756b, 0); store<u64>(to, 0x656c62616c696176, 4); } break;
      default: unreachable();
    }
  }
}

export class AddressRequest {
  private _ctx: Context | null = null;
  get ctx(): Context {
    const there = this._ctx;
    if (there !== null) return there;
    const made = new Context();
    this._ctx = made;
    return made;
  }
  set ctx(value: Context) { this._ctx = value; }
  address: string = "";
  direction: AddressDirection = AddressDirection.None;
  occasion: AddressOccasion = AddressOccasion.None;
  peer: Peer | null = null;
  private _capabilities: string[] | null = null;
  get capabilities(): string[] {
    const there = this._capabilities;
    if (there !== null) return there;
    const made = new Array<string>();
    this._capabilities = made;
    return made;
  }
  set capabilities(value: string[]) { this._capabilities = value; }
  private _configured: AddressTreatment | null = null;
  get configured(): AddressTreatment {
    const there = this._configured;
    if (there !== null) return there;
    const made = new AddressTreatment();
    this._configured = made;
    return made;
  }
  set configured(value: AddressTreatment) { this._configured = value; }
  phase: u8 = 0;
  private _truncated: string[] | null = null;
  get truncated(): string[] {
    const there = this._truncated;
    if (there !== null) return there;
    const made = new Array<string>();
    this._truncated = made;
    return made;
  }
  set truncated(value: string[]) { this._truncated = value; }

  static read(): AddressRequest {
    const value = new AddressRequest();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 3:
          if (load<u16>(key, 0) == 0x7463 && load<u16>(key, 1) == 0x7874) { value.ctx = Context.read(); continue; } // ctx
          break;
        case 4:
          if (load<u32>(key, 0) == 0x72656570) { value.peer = Peer.read(); continue; } // peer
          break;
        case 5:
          if (load<u32>(key, 0) == 0x73616870 && load<u32>(key, 1) == 0x65736168) { value.phase = cbor.readNumber<u8>(); continue; } // phase
          break;
        case 7:
          if (load<u32>(key, 0) == 0x72646461 && load<u32>(key, 3) == 0x73736572) { value.address = cbor.readText(); continue; } // address
          break;
        case 8:
          if (load<u64>(key, 0) == 0x6e6f69736163636f) { value.occasion = readAddressOccasion(); continue; } // occasion
          break;
        case 9:
          if (load<u64>(key, 0) == 0x6f69746365726964 && load<u64>(key, 1) == 0x6e6f697463657269) { value.direction = readAddressDirection(); continue; } // direction
          if (load<u64>(key, 0) == 0x657461636e757274 && load<u64>(key, 1) == 0x64657461636e7572) { value.truncated = readStringList(); continue; } // truncated
          break;
        case 10:
          if (load<u64>(key, 0) == 0x72756769666e6f63 && load<u64>(key, 2) == 0x646572756769666e) { value.configured = AddressTreatment.read(); continue; } // configured
          break;
        case 12:
          if (load<u64>(key, 0) == 0x696c696261706163 && load<u64>(key, 4) == 0x73656974696c6962) { value.capabilities = readStringList(); continue; } // capabilities
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(4); store<u32>(to, 0x78746363, 0); }
    this.ctx.write();
    entries++; { const to = cbor.next(8); store<u64>(to, 0x7373657264646167, 0); }
    cbor.writeText(this.address);
    if (this.direction != AddressDirection.None) { entries++; { const to = cbor.next(10); store<u64>(to, 0x6974636572696469, 0); store<u64>(to, 0x6e6f697463657269, 2); } writeAddressDirection(this.direction); }
    if (this.occasion != AddressOccasion.None) { entries++; { const to = cbor.next(9); store<u64>(to, 0x6f69736163636f68, 0); store<u64>(to, 0x6e6f69736163636f, 1); } writeAddressOccasion(this.occasion); }
    const peer = this.peer;
    if (peer !== null) { entries++; { const to = cbor.next(5); store<u32>(to, 0x65657064, 0); store<u32>(to, 0x72656570, 1); } peer.write(); }
    const capabilities = this._capabilities;
    if (capabilities !== null) { entries++; { const to = cbor.next(13); store<u64>(to, 0x6c6962617061636c, 0); store<u64>(to, 0x73656974696c6962, 5); } cbor.writeList(capabilities.length); for (let i = 0; i < capabilities.length; i++) cbor.writeText(capabilities[i]); }
    const configured = this._configured;
    if (configured !== null && configured.kind != AddressTreatmentKind.None) { entries++; { const to = cbor.next(11); store<u64>(to, 0x756769666e6f636a, 0); store<u64>(to, 0x646572756769666e, 3); } configured.write(); }
    entries++; { const to = cbor.next(6); store<u32>(to, 0x61687065, 0); store<u32>(to, 0x65736168, 2); }
    cbor.writeNumber(this.phase);
    const truncated = this._truncated;
    if (truncated !== null) { entries++; { const to = cbor.next(10); store<u64>(to, 0x7461636e75727469, 0); store<u64>(to, 0x64657461636e7572, 2); } cbor.writeList(truncated.length); for (let i = 0; i < truncated.length; i++) cbor.writeText(truncated[i]); }
    cbor.endMap(map, entries);
  }
}

export enum AddressScope { None, Connection, Attributes, Everyone }

function readAddressScope(): AddressScope {
  const len = cbor.readSpan();
  const key = cbor.span;
  switch (len) {
    case 8:
      if (load<u64>(key, 0) == 0x656e6f7972657665) { return AddressScope.Everyone; } // everyone
      break;
    case 10:
      if (load<u64>(key, 0) == 0x697463656e6e6f63 && load<u64>(key, 2) == 0x6e6f697463656e6e) { return AddressScope.Connection; } // connection
      if (load<u64>(key, 0) == 0x7475626972747461 && load<u64>(key, 2) == 0x7365747562697274) { return AddressScope.Attributes; } // attributes
      break;
  }
  return AddressScope.None;
}

function writeAddressScope(word: AddressScope): void {
  switch (word) {
    case AddressScope.Connection: { const to = cbor.next(11); store<u64>(to, 0x7463656e6e6f636a, 0); store<u64>(to, 0x6e6f697463656e6e, 3); } break;
    case AddressScope.Attributes: { const to = cbor.next(11); store<u64>(to, 0x756269727474616a, 0); store<u64>(to, 0x7365747562697274, 3); } break;
    case AddressScope.Everyone: { const to = cbor.next(9); store<u64>(to, 0x6e6f797265766568, 0); store<u64>(to, 0x656e6f7972657665, 1); } break;
    default: unreachable();
  }
}

/** Absent fields: as configured for the (rewritten) address. A treatment that contradicts a live address is ignored, the live one stays, and it is counted. `ttl-ms` 0 or absent: not cached.
 * `shared-by` absent: connection; `attributes`: every peer with equal attributes. */
export class AddressRuling {
  address: string | null = null;
  treatment: AddressTreatment | null = null;
  hasPhase: bool = false;
  private _phase: u8 = 0;
  get phase(): u8 { return this._phase; }
  set phase(value: u8) {
    this._phase = value;
    this.hasPhase = true;
  }
  hasPriority: bool = false;
  private _priority: u8 = 0;
  get priority(): u8 { return this._priority; }
  set priority(value: u8) {
    this._priority = value;
    this.hasPriority = true;
  }
  hasTtlMs: bool = false;
  private _ttlMs: u32 = 0;
  get ttlMs(): u32 { return this._ttlMs; }
  set ttlMs(value: u32) {
    this._ttlMs = value;
    this.hasTtlMs = true;
  }
  sharedBy: AddressScope = AddressScope.None;
  note: string | null = null;

  static read(): AddressRuling {
    const value = new AddressRuling();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 4:
          if (load<u32>(key, 0) == 0x65746f6e) { value.note = cbor.readText(); continue; } // note
          break;
        case 5:
          if (load<u32>(key, 0) == 0x73616870 && load<u32>(key, 1) == 0x65736168) { value.phase = cbor.readNumber<u8>(); continue; } // phase
          break;
        case 6:
          if (load<u32>(key, 0) == 0x2d6c7474 && load<u32>(key, 2) == 0x736d2d6c) { value.ttlMs = cbor.readNumber<u32>(); continue; } // ttl-ms
          break;
        case 7:
          if (load<u32>(key, 0) == 0x72646461 && load<u32>(key, 3) == 0x73736572) { value.address = cbor.readText(); continue; } // address
          break;
        case 8:
          if (load<u64>(key, 0) == 0x797469726f697270) { value.priority = cbor.readNumber<u8>(); continue; } // priority
          break;
        case 9:
          if (load<u64>(key, 0) == 0x6e656d7461657274 && load<u64>(key, 1) == 0x746e656d74616572) { value.treatment = AddressTreatment.read(); continue; } // treatment
          if (load<u64>(key, 0) == 0x622d646572616873 && load<u64>(key, 1) == 0x79622d6465726168) { value.sharedBy = readAddressScope(); continue; } // shared-by
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    const address = this.address;
    if (address !== null) { entries++; { const to = cbor.next(8); store<u64>(to, 0x7373657264646167, 0); } cbor.writeText(address); }
    const treatment = this.treatment;
    if (treatment !== null && treatment.kind != AddressTreatmentKind.None) { entries++; { const to = cbor.next(10); store<u64>(to, 0x656d746165727469, 0); store<u64>(to, 0x746e656d74616572, 2); } treatment.write(); }
    if (this.hasPhase) { entries++; { const to = cbor.next(6); store<u32>(to, 0x61687065, 0); store<u32>(to, 0x65736168, 2); } cbor.writeNumber(this._phase); }
    if (this.hasPriority) { entries++; { const to = cbor.next(9); store<u64>(to, 0x7469726f69727068, 0); store<u64>(to, 0x797469726f697270, 1); } cbor.writeNumber(this._priority); }
    if (this.hasTtlMs) { entries++; { const to = cbor.next(7); store<u32>(to, 0x6c747466, 0); store<u32>(to, 0x736d2d6c, 3); } cbor.writeNumber(this._ttlMs); }
    if (this.sharedBy != AddressScope.None) { entries++; { const to = cbor.next(10); store<u64>(to, 0x2d64657261687369, 0); store<u64>(to, 0x79622d6465726168, 2); } writeAddressScope(this.sharedBy); }
    const note = this.note;
    if (note !== null) { entries++; { const to = cbor.next(5); store<u32>(to, 0x746f6e64, 0); store<u32>(to, 0x65746f6e, 1); } cbor.writeText(note); }
    cbor.endMap(map, entries);
  }
}

export class AddressDenial {
  private _refusal: Refusal | null = null;
  get refusal(): Refusal {
    const there = this._refusal;
    if (there !== null) return there;
    const made = new Refusal();
    this._refusal = made;
    return made;
  }
  set refusal(value: Refusal) { this._refusal = value; }
  hasTtlMs: bool = false;
  private _ttlMs: u32 = 0;
  get ttlMs(): u32 { return this._ttlMs; }
  set ttlMs(value: u32) {
    this._ttlMs = value;
    this.hasTtlMs = true;
  }
  sharedBy: AddressScope = AddressScope.None;

  static read(): AddressDenial {
    const value = new AddressDenial();
    for (let left = cbor.readMap(); left > 0; left--) {
      const len = cbor.readSpan();
      const key = cbor.span;
      if (cbor.skipNull()) continue;
      switch (len) {
        case 6:
          if (load<u32>(key, 0) == 0x2d6c7474 && load<u32>(key, 2) == 0x736d2d6c) { value.ttlMs = cbor.readNumber<u32>(); continue; } // ttl-ms
          break;
        case 7:
          if (load<u32>(key, 0) == 0x75666572 && load<u32>(key, 3) == 0x6c617375) { value.refusal = Refusal.read(); continue; } // refusal
          break;
        case 9:
          if (load<u64>(key, 0) == 0x622d646572616873 && load<u64>(key, 1) == 0x79622d6465726168) { value.sharedBy = readAddressScope(); continue; } // shared-by
          break;
      }
      cbor.skip();
    }
    return value;
  }

  write(): void {
    const map = cbor.writeMap();
    let entries: u8 = 0;
    entries++; { const to = cbor.next(8); store<u64>(to, 0x6c61737566657267, 0); }
    this.refusal.write();
    if (this.hasTtlMs) { entries++; { const to = cbor.next(7); store<u32>(to, 0x6c747466, 0); store<u32>(to, 0x736d2d6c, 3); } cbor.writeNumber(this._ttlMs); }
    if (this.sharedBy != AddressScope.None) { entries++; { const to = cbor.next(10); store<u64>(to, 0x2d64657261687369, 0); store<u64>(to, 0x79622d6465726168, 2); } writeAddressScope(this.sharedBy); }
    cbor.endMap(map, entries);
  }
}

export enum AddressAnswerKind { None, Apply, Deny }

export class AddressAnswer {
  kind: AddressAnswerKind = AddressAnswerKind.None;
  private _apply: AddressRuling | null = null;
  get apply(): AddressRuling {
    const there = this._apply;
    if (there !== null) return there;
    const made = new AddressRuling();
    this._apply = made;
    return made;
  }
  set apply(value: AddressRuling) { this._apply = value; }
  private _deny: AddressDenial | null = null;
  get deny(): AddressDenial {
    const there = this._deny;
    if (there !== null) return there;
    const made = new AddressDenial();
    this._deny = made;
    return made;
  }
  set deny(value: AddressDenial) { this._deny = value; }

  static read(): AddressAnswer {
    const value = new AddressAnswer();
    const bare = cbor.textComes();
    if (!bare && cbor.readMap() != 1) unreachable();
    const len = cbor.readSpan();
    const key = cbor.span;
    switch (len) {
      case 4:
        if (load<u32>(key, 0) == 0x796e6564) { if (!bare) { value.kind = AddressAnswerKind.Deny; value.deny = AddressDenial.read(); return value; } } // deny
        break;
      case 5:
        if (load<u32>(key, 0) == 0x6c707061 && load<u32>(key, 1) == 0x796c7070) { if (!bare) { value.kind = AddressAnswerKind.Apply; value.apply = AddressRuling.read(); return value; } } // apply
        break;
    }
    if (!bare) cbor.skip();
    return value;
  }

  write(): void {
    switch (this.kind) {
      case AddressAnswerKind.Apply: { const to = cbor.next(7); store<u32>(to, 0x706165a1, 0); store<u32>(to, 0x796c7070, 3); } this.apply.write(); break;
      case AddressAnswerKind.Deny: { const to = cbor.next(6); store<u32>(to, 0x656464a1, 0); store<u32>(to, 0x796e6564, 2); } this.deny.write(); break;
      default: unreachable();
    }
  }

  /** What an export returns that answers this. */
  pack(): u64 {
    cbor.beginAnswer();
    this.write();
    return cbor.packed();
  }
}

function readU32List(): u32[] {
  const items: u32[] = [];
  for (let left = cbor.readList(); left > 0; left--) items.push(cbor.readNumber<u32>());
  return items;
}

function readStringList(): string[] {
  const items: string[] = [];
  for (let left = cbor.readList(); left > 0; left--) items.push(cbor.readText());
  return items;
}

function readAdmissionFilterList(): AdmissionFilter[] {
  const items: AdmissionFilter[] = [];
  for (let left = cbor.readList(); left > 0; left--) items.push(AdmissionFilter.read());
  return items;
}

function readAttrList(): Attr[] {
  const items: Attr[] = [];
  for (let left = cbor.readList(); left > 0; left--) items.push(Attr.read());
  return items;
}

function readEntryList(): Entry[] {
  const items: Entry[] = [];
  for (let left = cbor.readList(); left > 0; left--) items.push(Entry.read());
  return items;
}

function readFailoverCandidateList(): FailoverCandidate[] {
  const items: FailoverCandidate[] = [];
  for (let left = cbor.readList(); left > 0; left--) items.push(FailoverCandidate.read());
  return items;
}

function readFailoverPickList(): FailoverPick[] {
  const items: FailoverPick[] = [];
  for (let left = cbor.readList(); left > 0; left--) items.push(FailoverPick.read());
  return items;
}

function readQuotaList(): Quota[] {
  const items: Quota[] = [];
  for (let left = cbor.readList(); left > 0; left--) items.push(Quota.read());
  return items;
}

function readSetupProblemList(): SetupProblem[] {
  const items: SetupProblem[] = [];
  for (let left = cbor.readList(); left > 0; left--) items.push(SetupProblem.read());
  return items;
}

/** What `configure` is asked. */
export function configureRequest(at: usize, len: usize): SetupRequest {
  cbor.beginRequest(at, len);
  const request = SetupRequest.read();
  cbor.endRequest();
  return request;
}

/** What `on_failover` is asked. */
export function failoverRequest(at: usize, len: usize): FailoverRequest {
  cbor.beginRequest(at, len);
  const request = FailoverRequest.read();
  cbor.endRequest();
  return request;
}

/** What `on_connection` is asked. */
export function connectionRequest(at: usize, len: usize): AdmissionConnection {
  cbor.beginRequest(at, len);
  const request = AdmissionConnection.read();
  cbor.endRequest();
  return request;
}

/** What `on_session` is asked. */
export function sessionRequest(at: usize, len: usize): AdmissionSession {
  cbor.beginRequest(at, len);
  const request = AdmissionSession.read();
  cbor.endRequest();
  return request;
}

/** What `on_link` is asked. */
export function linkRequest(at: usize, len: usize): AdmissionLink {
  cbor.beginRequest(at, len);
  const request = AdmissionLink.read();
  cbor.endRequest();
  return request;
}

/** What `on_address` is asked. */
export function addressRequest(at: usize, len: usize): AddressRequest {
  cbor.beginRequest(at, len);
  const request = AddressRequest.read();
  cbor.endRequest();
  return request;
}

/** What `reads` may ask of `on_failover`. */
export namespace FailoverReads {
  @lazy export const ctx: string = "ctx";
  @lazy export const ctxNowMs: string = "ctx.now-ms";
  @lazy export const ctxSeed: string = "ctx.seed";
  @lazy export const ctxSequence: string = "ctx.sequence";
  @lazy export const connector: string = "connector";
  @lazy export const role: string = "role";
  @lazy export const cause: string = "cause";
  @lazy export const round: string = "round";
  @lazy export const current: string = "current";
  @lazy export const downSinceMs: string = "down-since-ms";
  @lazy export const candidates: string = "candidates";
}

/** What `reads` may ask of `on_connection`. */
export namespace ConnectionReads {
  @lazy export const ctx: string = "ctx";
  @lazy export const ctxNowMs: string = "ctx.now-ms";
  @lazy export const ctxSeed: string = "ctx.seed";
  @lazy export const ctxSequence: string = "ctx.sequence";
  @lazy export const peer: string = "peer";
  @lazy export const peerConnectionId: string = "peer.connection-id";
  @lazy export const peerListener: string = "peer.listener";
  @lazy export const peerConnector: string = "peer.connector";
  @lazy export const peerTransport: string = "peer.transport";
  @lazy export const peerIp: string = "peer.ip";
  @lazy export const peerPort: string = "peer.port";
  @lazy export const peerLocalIp: string = "peer.local-ip";
  @lazy export const peerLocalPort: string = "peer.local-port";
  @lazy export const peerVhost: string = "peer.vhost";
  @lazy export const peerUser: string = "peer.user";
  @lazy export const peerMechanism: string = "peer.mechanism";
  @lazy export const peerContainerId: string = "peer.container-id";
  @lazy export const peerTls: string = "peer.tls";
  @lazy export const peerTlsVersion: string = "peer.tls.version";
  @lazy export const peerTlsCipher: string = "peer.tls.cipher";
  @lazy export const peerTlsSni: string = "peer.tls.sni";
  @lazy export const peerTlsSubject: string = "peer.tls.subject";
  @lazy export const peerTlsIssuer: string = "peer.tls.issuer";
  @lazy export const peerTlsSans: string = "peer.tls.sans";
  @lazy export const peerTlsFingerprintSha256: string = "peer.tls.fingerprint-sha256";
  @lazy export const peerTlsNotAfterMs: string = "peer.tls.not-after-ms";
  @lazy export const peerAttributes: string = "peer.attributes";
  @lazy export const recheck: string = "recheck";
  @lazy export const maxFrameSize: string = "max-frame-size";
  @lazy export const channelMax: string = "channel-max";
  @lazy export const idleTimeoutMs: string = "idle-timeout-ms";
  @lazy export const offeredCapabilities: string = "offered-capabilities";
  @lazy export const desiredCapabilities: string = "desired-capabilities";
  @lazy export const properties: string = "properties";
  @lazy export const counts: string = "counts";
  @lazy export const countsTotal: string = "counts.total";
  @lazy export const countsListener: string = "counts.listener";
  @lazy export const countsUser: string = "counts.user";
  @lazy export const countsPeerHost: string = "counts.peer-host";
  @lazy export const limits: string = "limits";
  @lazy export const limitsSessions: string = "limits.sessions";
  @lazy export const limitsLinks: string = "limits.links";
  @lazy export const limitsSenders: string = "limits.senders";
  @lazy export const limitsReceivers: string = "limits.receivers";
  @lazy export const limitsUnsettled: string = "limits.unsettled";
  @lazy export const limitsBufferedBytes: string = "limits.buffered-bytes";
  @lazy export const limitsMaxFrameSize: string = "limits.max-frame-size";
  @lazy export const limitsMaxMessageSize: string = "limits.max-message-size";
  @lazy export const limitsIdleTimeoutMs: string = "limits.idle-timeout-ms";
  @lazy export const limitsLinkCredit: string = "limits.link-credit";
  @lazy export const truncated: string = "truncated";
}

/** What `reads` may ask of `on_session`. */
export namespace SessionReads {
  @lazy export const ctx: string = "ctx";
  @lazy export const ctxNowMs: string = "ctx.now-ms";
  @lazy export const ctxSeed: string = "ctx.seed";
  @lazy export const ctxSequence: string = "ctx.sequence";
  @lazy export const peer: string = "peer";
  @lazy export const peerConnectionId: string = "peer.connection-id";
  @lazy export const peerListener: string = "peer.listener";
  @lazy export const peerConnector: string = "peer.connector";
  @lazy export const peerTransport: string = "peer.transport";
  @lazy export const peerIp: string = "peer.ip";
  @lazy export const peerPort: string = "peer.port";
  @lazy export const peerLocalIp: string = "peer.local-ip";
  @lazy export const peerLocalPort: string = "peer.local-port";
  @lazy export const peerVhost: string = "peer.vhost";
  @lazy export const peerUser: string = "peer.user";
  @lazy export const peerMechanism: string = "peer.mechanism";
  @lazy export const peerContainerId: string = "peer.container-id";
  @lazy export const peerTls: string = "peer.tls";
  @lazy export const peerTlsVersion: string = "peer.tls.version";
  @lazy export const peerTlsCipher: string = "peer.tls.cipher";
  @lazy export const peerTlsSni: string = "peer.tls.sni";
  @lazy export const peerTlsSubject: string = "peer.tls.subject";
  @lazy export const peerTlsIssuer: string = "peer.tls.issuer";
  @lazy export const peerTlsSans: string = "peer.tls.sans";
  @lazy export const peerTlsFingerprintSha256: string = "peer.tls.fingerprint-sha256";
  @lazy export const peerTlsNotAfterMs: string = "peer.tls.not-after-ms";
  @lazy export const peerAttributes: string = "peer.attributes";
  @lazy export const sessionsOpen: string = "sessions-open";
}

/** What `reads` may ask of `on_link`. */
export namespace LinkReads {
  @lazy export const ctx: string = "ctx";
  @lazy export const ctxNowMs: string = "ctx.now-ms";
  @lazy export const ctxSeed: string = "ctx.seed";
  @lazy export const ctxSequence: string = "ctx.sequence";
  @lazy export const peer: string = "peer";
  @lazy export const peerConnectionId: string = "peer.connection-id";
  @lazy export const peerListener: string = "peer.listener";
  @lazy export const peerConnector: string = "peer.connector";
  @lazy export const peerTransport: string = "peer.transport";
  @lazy export const peerIp: string = "peer.ip";
  @lazy export const peerPort: string = "peer.port";
  @lazy export const peerLocalIp: string = "peer.local-ip";
  @lazy export const peerLocalPort: string = "peer.local-port";
  @lazy export const peerVhost: string = "peer.vhost";
  @lazy export const peerUser: string = "peer.user";
  @lazy export const peerMechanism: string = "peer.mechanism";
  @lazy export const peerContainerId: string = "peer.container-id";
  @lazy export const peerTls: string = "peer.tls";
  @lazy export const peerTlsVersion: string = "peer.tls.version";
  @lazy export const peerTlsCipher: string = "peer.tls.cipher";
  @lazy export const peerTlsSni: string = "peer.tls.sni";
  @lazy export const peerTlsSubject: string = "peer.tls.subject";
  @lazy export const peerTlsIssuer: string = "peer.tls.issuer";
  @lazy export const peerTlsSans: string = "peer.tls.sans";
  @lazy export const peerTlsFingerprintSha256: string = "peer.tls.fingerprint-sha256";
  @lazy export const peerTlsNotAfterMs: string = "peer.tls.not-after-ms";
  @lazy export const peerAttributes: string = "peer.attributes";
  @lazy export const name: string = "name";
  @lazy export const role: string = "role";
  @lazy export const source: string = "source";
  @lazy export const sourceAddress: string = "source.address";
  @lazy export const sourceDurable: string = "source.durable";
  @lazy export const sourceExpiry: string = "source.expiry";
  @lazy export const sourceTimeoutS: string = "source.timeout-s";
  @lazy export const sourceDynamic: string = "source.dynamic";
  @lazy export const sourceCoordinator: string = "source.coordinator";
  @lazy export const sourceDistribution: string = "source.distribution";
  @lazy export const sourceFilters: string = "source.filters";
  @lazy export const sourceCapabilities: string = "source.capabilities";
  @lazy export const target: string = "target";
  @lazy export const targetAddress: string = "target.address";
  @lazy export const targetDurable: string = "target.durable";
  @lazy export const targetExpiry: string = "target.expiry";
  @lazy export const targetTimeoutS: string = "target.timeout-s";
  @lazy export const targetDynamic: string = "target.dynamic";
  @lazy export const targetCoordinator: string = "target.coordinator";
  @lazy export const targetDistribution: string = "target.distribution";
  @lazy export const targetFilters: string = "target.filters";
  @lazy export const targetCapabilities: string = "target.capabilities";
  @lazy export const settle: string = "settle";
  @lazy export const maxMessageSize: string = "max-message-size";
  @lazy export const desiredCapabilities: string = "desired-capabilities";
  @lazy export const properties: string = "properties";
  @lazy export const linksOpen: string = "links-open";
  @lazy export const truncated: string = "truncated";
}

/** What `reads` may ask of `on_address`. */
export namespace AddressReads {
  @lazy export const ctx: string = "ctx";
  @lazy export const ctxNowMs: string = "ctx.now-ms";
  @lazy export const ctxSeed: string = "ctx.seed";
  @lazy export const ctxSequence: string = "ctx.sequence";
  @lazy export const address: string = "address";
  @lazy export const direction: string = "direction";
  @lazy export const occasion: string = "occasion";
  @lazy export const peer: string = "peer";
  @lazy export const peerConnectionId: string = "peer.connection-id";
  @lazy export const peerListener: string = "peer.listener";
  @lazy export const peerConnector: string = "peer.connector";
  @lazy export const peerTransport: string = "peer.transport";
  @lazy export const peerIp: string = "peer.ip";
  @lazy export const peerPort: string = "peer.port";
  @lazy export const peerLocalIp: string = "peer.local-ip";
  @lazy export const peerLocalPort: string = "peer.local-port";
  @lazy export const peerVhost: string = "peer.vhost";
  @lazy export const peerUser: string = "peer.user";
  @lazy export const peerMechanism: string = "peer.mechanism";
  @lazy export const peerContainerId: string = "peer.container-id";
  @lazy export const peerTls: string = "peer.tls";
  @lazy export const peerTlsVersion: string = "peer.tls.version";
  @lazy export const peerTlsCipher: string = "peer.tls.cipher";
  @lazy export const peerTlsSni: string = "peer.tls.sni";
  @lazy export const peerTlsSubject: string = "peer.tls.subject";
  @lazy export const peerTlsIssuer: string = "peer.tls.issuer";
  @lazy export const peerTlsSans: string = "peer.tls.sans";
  @lazy export const peerTlsFingerprintSha256: string = "peer.tls.fingerprint-sha256";
  @lazy export const peerTlsNotAfterMs: string = "peer.tls.not-after-ms";
  @lazy export const peerAttributes: string = "peer.attributes";
  @lazy export const capabilities: string = "capabilities";
  @lazy export const configured: string = "configured";
  @lazy export const phase: string = "phase";
  @lazy export const truncated: string = "truncated";
}
