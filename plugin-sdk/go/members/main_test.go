package main

import (
	"testing"

	"crosstie"
	"crosstie/crosstietest"
)

func TestOthersAreCounted(t *testing.T) {
	crosstietest.Reset()
	member := crosstie.Node{Name: "member", Args: []any{"alice"}}
	if told := crosstie.Configure(&crosstie.SetupRequest{Config: []crosstie.Node{member}}); len(told.Problems) > 0 {
		t.Fatal(told.Problems)
	}
	ask := func(user string) crosstie.AdmissionAnswer {
		peer := crosstie.Peer{IP: "192.0.2.7", User: crosstie.Some(user)}
		return decide(&crosstie.AdmissionConnection{Peer: peer})
	}
	if grant, ok := ask("alice").(*crosstie.AdmissionGrant); !ok || grant.Note != crosstie.Some("member alice") {
		t.Errorf("alice: %v", grant)
	}
	for _, note := range []string{"no member, 1 in a minute", "no member, 2 in a minute"} {
		if refusal, ok := ask("eve").(*crosstie.Refusal); !ok || refusal.Note != crosstie.Some(note) {
			t.Errorf("eve: %v", refusal)
		}
	}
	crosstietest.Pass(60_000)
	if refusal, ok := ask("eve").(*crosstie.Refusal); !ok || refusal.Note != crosstie.Some("no member, 1 in a minute") {
		t.Errorf("eve, after a minute: %v", refusal)
	}
	if refused := crosstietest.Counter("refused"); refused != 3 {
		t.Errorf("%d refused", refused)
	}
}
