//go:build golden

package crosstie

import "unsafe"

// What echo wrote last.
var echoed []byte

// What the bytes of golden.jsonl are checked by.
//
//go:wasmexport echo
func exportEcho(number uint32, at *byte, size uint32) uint64 {
	echoed = echo(number, unsafe.Slice(at, size))
	return give(echoed)
}
