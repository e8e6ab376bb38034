package crosstie

import "crosstie/internal/host"

// Level is how much a line of the log matters.
type Level = host.Level

// The levels of the log.
const (
	Error Level = iota
	Warn
	Info
	Debug
	Trace
)

// Log writes to the router's log: 8 KiB a call, 100 lines a second.
func Log(level Level, text string) {
	host.Log(level, text)
}

// Count adds to a counter of this plugin, seen in the router's metrics. Names have 1 to 64 characters of [a-z0-9_], and there are 64.
func Count(name string, by uint64) {
	host.CounterAdd(name, by)
}

// Get is the value under a key of 1 to 256 bytes, false where there is none. A counter reads as 8 bytes, little endian.
//
// This function and [Put], [Add] and [Delete] need grant "kv" in the plugin's node: a module that uses one without it does not load.
// Keys and values belong to the plugin's name, are shared by its instances, and end with the process.
func Get(key string) (value []byte, found bool) {
	return host.Get(key)
}

// Put stores a value for a time, 0 for ever. It is false where there is no room.
func Put(key string, value []byte, ttlMs uint32) bool {
	return host.Put(key, value, ttlMs)
}

// Add adds to a counter and gives its value. It is false where there is no room, or where the key has no counter.
func Add(key string, by int64, ttlMs uint32) (sum int64, ok bool) {
	return host.Add(key, by, ttlMs)
}

// Delete removes a value.
func Delete(key string) {
	host.Delete(key)
}
