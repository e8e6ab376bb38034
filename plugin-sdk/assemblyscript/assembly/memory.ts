// Garbage: with the runtime `minimal` it is collected between calls, when there is nothing left that only the stack of a call knows.

import { Runtime } from "shared/runtime";

/** What may be allocated before the first collection, and beyond half as much again as the one before left. */
const FREE_BYTES: usize = 0x10000;

let limit: usize = FREE_BYTES;

/** Collects where enough was allocated for it to pay; nothing with a runtime that does so itself. */
export function collect(): void {
  if (ASC_RUNTIME == Runtime.Minimal) {
    // `heapBytes` is what the runtime has of objects, by `asconfig.json`
    // @ts-ignore: alias
    if (heapBytes < limit) return;
    __collect();
    // @ts-ignore: alias
    limit = heapBytes + (heapBytes >> 1) + FREE_BYTES;
  }
}
