package crosstie

import "unsafe"

// The request that comes, and room for those after it: an allocation for each takes 0.1 µs more.
var request, room []byte

const roomBytes = 512

//go:wasmexport policy_abi_v1
func policyABI() int32 {
	return 0
}

// Each request lies elsewhere, so that what a plugin keeps of it stays as it is.
//
//go:wasmexport policy_alloc
func policyAlloc(size uint32) *byte {
	if size >= uint32(len(room)) {
		room = make([]byte, max(size, roomBytes))
	}
	request, room = room[:size:size], room[size:]
	return unsafe.SliceData(request)
}

var onConfigure = hook[SetupRequest, *SetupAnswer]{read: (*SetupRequest).read, ask: Configure, write: (*SetupAnswer).write}

//go:wasmexport policy_configure
func policyConfigure(at *byte, size uint32) uint64 {
	return give(onConfigure.decide(unsafe.Slice(at, size)))
}

// give says where bytes are, which something else keeps; 0 where there are none.
func give(bytes []byte) uint64 {
	if bytes == nil {
		return 0
	}
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(bytes))))<<32 | uint64(len(bytes))
}
