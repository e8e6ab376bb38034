//go:build !wasip1

// Package crosstietest is for native tests of plugins: it shows what a plugin logged and counted, and lets time pass.
package crosstietest

import (
	"slices"

	"crosstie/internal/host"
)

// Line is a line of the log.
type Line = host.Line

// Reset forgets everything that was logged, counted and stored.
func Reset() {
	host.With((*host.Memory).Reset)
}

// Pass lets time pass for what is stored with an end.
func Pass(ms uint64) {
	host.With(func(m *host.Memory) { m.Pass(ms) })
}

// Lines are what was logged, in order.
func Lines() (lines []Line) {
	host.With(func(m *host.Memory) { lines = slices.Clone(m.Lines) })
	return lines
}

// Counter is the value of a counter, 0 where nothing was added.
func Counter(name string) (value uint64) {
	host.With(func(m *host.Memory) { value = m.Counters[name] })
	return value
}
