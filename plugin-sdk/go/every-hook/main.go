// The plugin every-hook has every hook, and every kind of answer.
package main

import (
	"slices"
	"strconv"
	"strings"

	"crosstie"
)

func init() {
	crosstie.Reads("peer.tls.subject", "sessions-open", "role", "links-open", "target.address", "address", "configured",
		"peer.attributes", "candidates")
	crosstie.OnConnection(onConnection)
	crosstie.OnSession(onSession)
	crosstie.OnLink(onLink)
	crosstie.OnAddress(onAddress)
	crosstie.OnFailover(onFailover)
}

func main() {}

func onConnection(request *crosstie.AdmissionConnection) crosstie.AdmissionAnswer {
	if tls := request.Peer.TLS; tls == nil || tls.Subject != crosstie.Some("CN=old") {
		return nil
	}
	return crosstie.Deny("amqp:not-allowed", "an old certificate")
}

func onSession(request *crosstie.AdmissionSession) crosstie.AdmissionAnswer {
	if request.SessionsOpen < 4 {
		return nil
	}
	note := strconv.FormatUint(uint64(request.SessionsOpen), 10) + " are open"
	return crosstie.Deny("amqp:resource-limit-exceeded", "too many sessions").WithNote(note)
}

func onLink(request *crosstie.AdmissionLink) crosstie.AdmissionAnswer {
	if request.Role != crosstie.AdmissionRoleSender || request.Target == nil {
		return nil
	}
	limits := &crosstie.Limits{
		MaxMessageSize: crosstie.Some[uint64](1 << 40),
		LinkCredit:     crosstie.Some(request.LinksOpen),
	}
	return &crosstie.AdmissionGrant{Limits: limits}
}

func onAddress(request *crosstie.AddressRequest) crosstie.AddressAnswer {
	if request.Address == "secret" {
		denial := crosstie.DenyAddress("amqp:not-found", "there is no such address")
		denial.TTLMs = crosstie.Some[uint32](60_000)
		return denial
	}
	rest, found := strings.CutPrefix(request.Address, "old/")
	if !found {
		return nil
	}
	treatment := request.Configured
	if _, isRouted := treatment.(crosstie.AddressTreatmentLinkRoute); isRouted {
		treatment = crosstie.AddressTreatmentMulticast{}
	}
	return &crosstie.AddressRuling{
		Address:   crosstie.Some(tenant(request.Peer) + "/" + rest),
		Treatment: treatment,
		Phase:     crosstie.Some[uint8](2),
		TTLMs:     crosstie.Some[uint32](500),
		SharedBy:  crosstie.AddressScopeAttributes,
	}
}

func tenant(peer *crosstie.Peer) string {
	if peer == nil {
		return ""
	}
	isTenant := func(attribute crosstie.Attr) bool { return attribute.Key == "tenant" }
	if at := slices.IndexFunc(peer.Attributes, isTenant); at >= 0 {
		return peer.Attributes[at].Val
	}
	return ""
}

func onFailover(request *crosstie.FailoverRequest) *crosstie.FailoverAnswer {
	answer := crosstie.Order()
	for index := len(request.Candidates) - 1; index >= 0; index-- {
		pick := crosstie.FailoverPick{Index: uint32(index)}
		if len(answer.Order) > 0 {
			pick.DelayMs = crosstie.Some[uint32](20)
		} else {
			answer.RetryAfterMs = crosstie.Some[uint32](1000)
			answer.Note = crosstie.Some(request.Candidates[index].Host + " first")
		}
		answer.Order = append(answer.Order, pick)
	}
	return answer
}
