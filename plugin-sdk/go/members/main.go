// The plugin members lets in members, by name, and whoever comes from some networks; it counts and limits the others.
package main

import (
	"math"
	"strconv"
	"strings"

	"crosstie"
)

// rule is a node of the configuration, and what it decides.
type rule struct {
	// the user, or how the address begins
	what string
	// of addresses, not of users
	isNetwork bool
	grant     *crosstie.AdmissionGrant
}

var rules []rule

func init() {
	crosstie.Reads("peer.user", "peer.ip")
	crosstie.OnConfigure(configure)
	crosstie.OnConnection(decide)
}

func main() {}

func configure(setup *crosstie.Setup) {
	rules = nil
	setup.Expect(setup.Config, "member", "from")
	for i := range setup.Config {
		if node := &setup.Config[i]; node.Name == "member" || node.Name == "from" {
			rules = append(rules, readRule(setup, node))
		}
	}
}

func readRule(setup *crosstie.Setup, node *crosstie.Node) rule {
	setup.Expect(node.Children)
	what, grant := setup.Text(node), crosstie.Allow()
	if node.Name == "from" {
		setup.ExpectProps(node)
		grant.WithNote("from " + what).Limits = &crosstie.Limits{Links: crosstie.Some[uint32](10)}
		return rule{what: what, isNetwork: true, grant: grant}
	}
	setup.ExpectProps(node, "connections", "tenant")
	if connections := setup.IntProp(node, "connections", 1, math.MaxUint32); connections.Present {
		grant.WithQuota("user/"+what, uint32(connections.Value))
	}
	if tenant := setup.TextProp(node, "tenant"); tenant.Present {
		grant.WithAttribute("tenant", tenant.Value)
	}
	return rule{what: what, grant: grant.WithNote("member " + what)}
}

func decide(request *crosstie.AdmissionConnection) crosstie.AdmissionAnswer {
	for i := range rules {
		rule := &rules[i]
		if rule.isNetwork && strings.HasPrefix(request.Peer.IP, rule.what) {
			return rule.grant
		}
		if !rule.isNetwork && request.Peer.User == crosstie.Some(rule.what) {
			return rule.grant
		}
	}
	return refuse(request.Peer.IP)
}

func refuse(ip string) crosstie.AdmissionAnswer {
	crosstie.Count("refused", 1)
	refusal := crosstie.Deny("amqp:unauthorized-access", "members only").WithInfo("address", crosstie.ValueText(ip))
	if times, ok := crosstie.Add("refused/"+ip, 1, 60_000); ok {
		refusal.WithNote("no member, " + strconv.FormatInt(times, 10) + " in a minute")
	}
	return refusal
}
