// A plugin that says who may connect. Change the rule in decide, and the cases with it.
package main

import "crosstie"

func init() {
	crosstie.Reads("peer.user") // only this is sent: the fewer fields, the cheaper the call
	crosstie.OnConfigure(configure)
	crosstie.OnConnection(decide)
}

func main() {}

var denial *crosstie.Refusal

// configure reads the `config` block of the plugin's node: config { description "no guests" }
func configure(setup *crosstie.Setup) {
	description := "no guests"
	setup.Expect(setup.Config, "description")
	for i := range setup.Config {
		if node := &setup.Config[i]; node.Name == "description" {
			description = setup.Text(node)
		}
	}
	denial = crosstie.Deny("amqp:unauthorized-access", description).WithNote("guests")
}

// decide answers nil where it has no opinion: others decide.
func decide(request *crosstie.AdmissionConnection) crosstie.AdmissionAnswer {
	if request.Peer.User != crosstie.Some("guest") {
		return nil
	}
	return denial
}
