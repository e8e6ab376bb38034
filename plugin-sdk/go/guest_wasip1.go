package crosstie

import "unsafe"

// The request that comes.
var request []byte

//go:wasmexport policy_abi_v1
func policyABI() int32 {
	return 0
}

// A request has a buffer of its own, so that what a plugin keeps of it stays as it is.
//
//go:wasmexport policy_alloc
func policyAlloc(size uint32) *byte {
	request = make([]byte, size)
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
