package main

import (
	"testing"

	"crosstie"
	"crosstie/crosstietest"
)

func TestANativeHostDoesAsTheRouter(t *testing.T) {
	crosstietest.Reset()
	if fault := fault(); fault != "" {
		t.Error(fault)
	}
	if answer := decide(nil); answer == nil {
		t.Error("what was stored is forgotten")
	}
	if lines := crosstietest.Lines(); len(lines) != 1 || lines[0] != (crosstietest.Line{Level: crosstie.Info, Text: "asked"}) {
		t.Errorf("%v", lines)
	}
}
