// The plugin calls calls everything that the host offers, and denies with what did not come out as ABI.md says.
package main

import (
	"bytes"

	"crosstie"
)

func init() {
	crosstie.OnConnection(decide)
}

func main() {}

func decide(*crosstie.AdmissionConnection) crosstie.AdmissionAnswer {
	crosstie.Log(crosstie.Info, "asked")
	crosstie.Count("asked", 1)
	if fault := fault(); fault != "" {
		return crosstie.Deny("amqp:internal-error", fault)
	}
	return nil
}

func has(key string, wanted []byte) bool {
	value, found := crosstie.Get(key)
	return found && bytes.Equal(value, wanted)
}

func fault() string {
	many := make([]byte, 1000)
	for i := range many {
		many[i] = byte(i)
	}
	some := many[:3]
	if _, found := crosstie.Get("key"); found {
		return "a key that was never put is there"
	}
	if !crosstie.Put("key", some, 0) || !has("key", some) {
		return "a value is not as it was put"
	}
	if !crosstie.Put("key", many, 60_000) || !has("key", many) {
		return "a long value is not as it was put"
	}
	if crosstie.Put("", some, 0) {
		return "a key without bytes has room"
	}
	crosstie.Delete("key")
	if _, found := crosstie.Get("key"); found {
		return "a key that was deleted is there"
	}
	if sum, ok := crosstie.Add("counter", 40, 0); !ok || sum != 40 {
		return "a counter does not begin at 0"
	}
	if sum, ok := crosstie.Add("counter", -42, 0); !ok || sum != -2 {
		return "a counter does not add"
	}
	if !crosstie.Put("key", some, 0) {
		return "a value has no room"
	}
	if _, ok := crosstie.Add("key", 1, 0); ok {
		return "three bytes are a counter"
	}
	return ""
}
