package crosstie

import (
	"encoding/binary"
	"math"
	"slices"
)

// writer writes CBOR: definite lengths, the shortest numbers.
type writer struct {
	out []byte
}

func (w *writer) head(kind byte, number uint64) {
	kind <<= 5
	switch {
	case number < shortMax:
		w.out = append(w.out, kind|byte(number))
	case number <= math.MaxUint8:
		w.out = append(w.out, kind|24, byte(number))
	case number <= math.MaxUint16:
		w.out = binary.BigEndian.AppendUint16(append(w.out, kind|25), uint16(number))
	case number <= math.MaxUint32:
		w.out = binary.BigEndian.AppendUint32(append(w.out, kind|26), uint32(number))
	default:
		w.out = binary.BigEndian.AppendUint64(append(w.out, kind|27), number)
	}
}

func (w *writer) text(text string) {
	if len(text) >= shortMax {
		w.head(kindText, uint64(len(text)))
		w.out = append(w.out, text...)
		return
	}
	at := len(w.out)
	if at+shortMax > cap(w.out) {
		w.out = slices.Grow(w.out, shortMax)
	}
	w.out = w.out[:at+1+len(text)]
	w.out[at] = kindText<<5 | byte(len(text))
	copy(w.out[at+1:], text)
}

func (w *writer) bytes(bytes []byte) {
	w.head(kindBytes, uint64(len(bytes)))
	w.out = append(w.out, bytes...)
}

func (w *writer) uint(number uint64) {
	w.head(kindUint, number)
}

func (w *writer) int(number int64) {
	if number < 0 {
		w.head(kindNegative, uint64(-1-number))
	} else {
		w.head(kindUint, uint64(number))
	}
}

func (w *writer) bool(flag bool) {
	if flag {
		w.out = append(w.out, itemTrue)
	} else {
		w.out = append(w.out, itemFalse)
	}
}

func (w *writer) null() {
	w.out = append(w.out, itemNull)
}

func (w *writer) float(number float64) {
	w.out = binary.BigEndian.AppendUint64(append(w.out, itemFloat), math.Float64bits(number))
}

func (w *writer) list(count int) {
	w.head(kindList, uint64(count))
}

// open begins a map of at most 23 entries, whose number is added at this place.
func (w *writer) open() int {
	w.out = append(w.out, kindMap<<5)
	return len(w.out) - 1
}
