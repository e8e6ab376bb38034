// Code generated from policy.wit by plugin-sdk/generate (src/go.rs). DO NOT EDIT.

package crosstie

import "unsafe"

//go:wasmexport on_failover
func exportOnFailover(at *byte, size uint32) uint64 {
	return give(onFailover.decide(unsafe.Slice(at, size)))
}

//go:wasmexport on_connection
func exportOnConnection(at *byte, size uint32) uint64 {
	return give(onConnection.decide(unsafe.Slice(at, size)))
}

//go:wasmexport on_session
func exportOnSession(at *byte, size uint32) uint64 {
	return give(onSession.decide(unsafe.Slice(at, size)))
}

//go:wasmexport on_link
func exportOnLink(at *byte, size uint32) uint64 {
	return give(onLink.decide(unsafe.Slice(at, size)))
}

//go:wasmexport on_address
func exportOnAddress(at *byte, size uint32) uint64 {
	return give(onAddress.decide(unsafe.Slice(at, size)))
}
