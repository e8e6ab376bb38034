package crosstie

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// The kinds of CBOR items (RFC 8949, 3.1).
const (
	kindUint = iota
	kindNegative
	kindBytes
	kindText
	kindList
	kindMap
	kindTag
)

// shortMax is what a number is below that stands in the first byte of its item.
const shortMax = 24

// The first bytes of items of one length.
const (
	itemFalse = 0xf4
	itemTrue  = 0xf5
	itemNull  = 0xf6
	itemFloat = 0xfb
)

// reader reads CBOR as the router writes it. It panics where it cannot, which ends an instance.
type reader struct {
	data []byte
	at   int
}

// need panics where fewer than count bytes are left.
func (r *reader) need(count uint64) {
	if count > uint64(len(r.data)-r.at) {
		panic("crosstie: a request ends early")
	}
}

func (r *reader) peek() byte {
	r.need(1)
	return r.data[r.at]
}

// head is the kind of an item, and the number in it.
func (r *reader) head() (kind byte, number uint64) {
	first := r.peek()
	r.at++
	kind, number = first>>5, uint64(first&31)
	if number < shortMax {
		return kind, number
	}
	return kind, r.rest(number)
}

// rest is the number that follows the first byte of an item.
func (r *reader) rest(size uint64) (number uint64) {
	if size > shortMax+3 {
		panic("crosstie: a request has an item of no or of indefinite length")
	}
	count := 1 << (size - shortMax)
	r.need(uint64(count))
	for _, b := range r.data[r.at : r.at+count] {
		number = number<<8 | uint64(b)
	}
	r.at += count
	return number
}

// kind is the number in an item of this kind.
func (r *reader) kind(wanted byte) uint64 {
	kind, number := r.head()
	if kind != wanted {
		panic("crosstie: a request has an item of another kind")
	}
	return number
}

// entries is how many a map has. Each takes two bytes at least.
func (r *reader) entries() int {
	count := r.kind(kindMap)
	if count > math.MaxUint32 {
		panic("crosstie: a request ends early")
	}
	r.need(2 * count)
	return int(count)
}

// list is how many items a list has. Each takes a byte at least, so that a wrong length takes no more memory than there is.
func (r *reader) list() int {
	count := r.kind(kindList)
	r.need(count)
	return int(count)
}

// take is the next count bytes, where they lie.
func (r *reader) take(count uint64) []byte {
	r.need(count)
	start := r.at
	r.at += int(count)
	return r.data[start:r.at:r.at]
}

func (r *reader) text() string {
	// most are short: no call for each part of them
	if rest := r.data[r.at:]; len(rest) > 0 {
		if size := int(rest[0] ^ kindText<<5); size < shortMax && size < len(rest) {
			r.at += 1 + size
			return view(rest[1 : 1+size])
		}
	}
	return view(r.take(r.kind(kindText)))
}

// view is a text where it lies: nothing writes to a request once it is read.
func view(bytes []byte) string {
	return unsafe.String(unsafe.SliceData(bytes), len(bytes))
}

func (r *reader) bytes() []byte {
	return r.take(r.kind(kindBytes))
}

func (r *reader) uint(max uint64) uint64 {
	number := r.kind(kindUint)
	if number > max {
		panic("crosstie: a request has a number that is too large")
	}
	return number
}

func (r *reader) int() int64 {
	kind, number := r.head()
	if kind > kindNegative || number > math.MaxInt64 {
		panic("crosstie: a request has a number that is none or too large")
	}
	if kind == kindNegative {
		return -1 - int64(number)
	}
	return int64(number)
}

func (r *reader) bool() bool {
	first := r.peek()
	if first != itemFalse && first != itemTrue {
		panic("crosstie: a request has an item of another kind")
	}
	r.at++
	return first == itemTrue
}

func (r *reader) float() float64 {
	if r.peek() != itemFloat {
		panic("crosstie: a request has an item of another kind")
	}
	return math.Float64frombits(binary.BigEndian.Uint64(r.take(9)[1:]))
}

// null passes one, which is as good as absent.
func (r *reader) null() bool {
	if r.peek() != itemNull {
		return false
	}
	r.at++
	return true
}

// word is the case of a variant. It is bare where no payload follows.
func (r *reader) word() (word string, bare bool) {
	bare = r.peek()>>5 == kindText
	if !bare && r.entries() != 1 {
		panic("crosstie: a variant has not one case")
	}
	return r.text(), bare
}

// skip passes an item and all that is in it.
func (r *reader) skip() {
	for left := uint64(1); left > 0; left-- {
		kind, number := r.head()
		switch kind {
		case kindBytes, kindText:
			r.take(number)
		case kindList:
			r.need(number)
			left += number
		case kindMap:
			if number > math.MaxUint32 {
				panic("crosstie: a request ends early")
			}
			r.need(2 * number)
			left += 2 * number
		case kindTag:
			panic("crosstie: a request has a tag")
		}
	}
}

// end panics where something is left.
func (r *reader) end() {
	if r.at != len(r.data) {
		panic("crosstie: bytes follow a request")
	}
}
