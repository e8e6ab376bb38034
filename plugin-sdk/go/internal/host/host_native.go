//go:build !wasip1

package host

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
)

// Line is what was logged.
type Line struct {
	Level Level
	Text  string
}

// Memory is what a plugin logged, counted and stored in a test.
type Memory struct {
	Lines    []Line
	Counters map[string]uint64
	values   map[string]stored
	nowMs    uint64
}

type stored struct {
	bytes     []byte
	counter   int64
	isCounter bool
	endsAtMs  uint64
}

var (
	mutex sync.Mutex
	here  Memory
)

// With gives the memory to a function while nothing else has it.
func With(do func(memory *Memory)) {
	mutex.Lock()
	defer mutex.Unlock()
	if here.Counters == nil {
		here.Reset()
	}
	do(&here)
}

// Reset forgets everything.
func (m *Memory) Reset() {
	*m = Memory{Counters: map[string]uint64{}, values: map[string]stored{}}
}

// Pass lets time pass for what is stored with an end.
func (m *Memory) Pass(ms uint64) {
	m.nowMs += ms
	for key, value := range m.values {
		if value.endsAtMs <= m.nowMs {
			delete(m.values, key)
		}
	}
}

func (m *Memory) store(key string, value stored, ttlMs uint32) {
	value.endsAtMs = math.MaxUint64
	if ttlMs > 0 {
		value.endsAtMs = m.nowMs + uint64(ttlMs)
	}
	m.values[key] = value
}

// Log remembers a line.
func Log(level Level, text string) {
	With(func(m *Memory) { m.Lines = append(m.Lines, Line{level, text}) })
}

// CounterAdd adds to a counter.
func CounterAdd(name string, by uint64) {
	With(func(m *Memory) { m.Counters[name] += by })
}

func isKey(key string) bool {
	return len(key) >= 1 && len(key) <= 256
}

// Get is the value under a key.
func Get(key string) (value []byte, found bool) {
	With(func(m *Memory) {
		var kept stored
		kept, found = m.values[key]
		value = slices.Clone(kept.bytes)
		if kept.isCounter {
			value = binary.LittleEndian.AppendUint64(nil, uint64(kept.counter))
		}
	})
	return value, found
}

// Put stores a value.
func Put(key string, value []byte, ttlMs uint32) bool {
	if !isKey(key) {
		return false
	}
	With(func(m *Memory) { m.store(key, stored{bytes: slices.Clone(value)}, ttlMs) })
	return true
}

// Add adds to a value, which saturates.
func Add(key string, by int64, ttlMs uint32) (sum int64, ok bool) {
	if !isKey(key) {
		return 0, false
	}
	With(func(m *Memory) {
		before, found := m.values[key]
		if found && !before.isCounter {
			return
		}
		sum, ok = before.counter+by, true
		if by > 0 && sum < before.counter {
			sum = math.MaxInt64
		} else if by < 0 && sum > before.counter {
			sum = math.MinInt64
		}
		m.store(key, stored{counter: sum, isCounter: true}, ttlMs)
	})
	return sum, ok
}

// Delete removes a value.
func Delete(key string) {
	With(func(m *Memory) { delete(m.values, key) })
}
