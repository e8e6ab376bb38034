package host

import (
	"math"
	"unsafe"
)

//go:wasmimport policy_host_v1 log
func hostLog(level int32, text string)

//go:wasmimport policy_host_v1 counter_add
func hostCounterAdd(name string, by uint64)

//go:wasmimport policy_host_v1 kv_get
func hostKVGet(key string, out *byte, room uint32) int32

//go:wasmimport policy_host_v1 kv_put
func hostKVPut(key string, value *byte, size uint32, ttlMs uint32) int32

//go:wasmimport policy_host_v1 kv_add
func hostKVAdd(key string, by int64, ttlMs uint32) int64

//go:wasmimport policy_host_v1 kv_delete
func hostKVDelete(key string)

// Log writes a line.
func Log(level Level, text string) {
	hostLog(int32(level), text)
}

// CounterAdd adds to a counter.
func CounterAdd(name string, by uint64) {
	hostCounterAdd(name, by)
}

// Most values fit here.
const roomBytes = 256

// Get is the value under a key.
func Get(key string) ([]byte, bool) {
	value := make([]byte, roomBytes)
	size := hostKVGet(key, unsafe.SliceData(value), roomBytes)
	if size > roomBytes {
		value = make([]byte, size)
		size = hostKVGet(key, unsafe.SliceData(value), uint32(size))
	}
	if size < 0 {
		return nil, false
	}
	return value[:size], true
}

// Put stores a value.
func Put(key string, value []byte, ttlMs uint32) bool {
	return hostKVPut(key, unsafe.SliceData(value), uint32(len(value)), ttlMs) == 1
}

// Add adds to a value.
func Add(key string, by int64, ttlMs uint32) (int64, bool) {
	sum := hostKVAdd(key, by, ttlMs)
	if sum == math.MinInt64 {
		return 0, false
	}
	return sum, true
}

// Delete removes a value.
func Delete(key string) {
	hostKVDelete(key)
}
