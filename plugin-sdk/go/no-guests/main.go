// The plugin no-guests lets nobody in who calls himself guest.
package main

import "crosstie"

func init() {
	crosstie.Reads("peer.user") // only this is sent: the fewer fields, the cheaper the call
	crosstie.OnConnection(decide)
}

func main() {}

func decide(request *crosstie.AdmissionConnection) crosstie.AdmissionAnswer {
	if request.Peer.User != crosstie.Some("guest") {
		return nil // no opinion
	}
	return crosstie.Deny("amqp:unauthorized-access", "no guests")
}
