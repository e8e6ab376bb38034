// Package crosstie is for policy plugins of the router Crosstie, in Go: records of policy.wit, and what is between them and the
// router.
//
// A plugin is a main package whose init says what it decides:
//
//	func init() {
//		crosstie.Reads("peer.user") // only this is sent: the fewer fields, the cheaper the call
//		crosstie.OnConnection(decide)
//	}
//
//	func main() {}
//
//	func decide(request *crosstie.AdmissionConnection) crosstie.AdmissionAnswer {
//		if request.Peer.User != crosstie.Some("guest") {
//			return nil // no opinion
//		}
//		return crosstie.Deny("amqp:unauthorized-access", "no guests")
//	}
//
// It is built by GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared. The router calls it from one goroutine, one call at a time;
// main is never called. A panic is logged with its stack and ends the instance: what the plugin's on-failure says applies.
//
// Texts and bytes of a request lie in a buffer of its own or with those of a few others, which lives as long as one of them does:
// what is kept of a request for long is better cloned (strings.Clone).
package crosstie

// Option is a value that may be absent. Options of comparable values can be compared: request.Peer.User == crosstie.Some("guest").
type Option[T any] struct {
	Value   T
	Present bool
}

// Some is a value that is there.
func Some[T any](value T) Option[T] {
	return Option[T]{Value: value, Present: true}
}

// Or is the value, or another one where it is absent.
func (o Option[T]) Or(other T) T {
	if o.Present {
		return o.Value
	}
	return other
}

// What the plugin says of itself.
var (
	hooks     = []string{}
	reads     []string
	configure func(setup *Setup)
)

// Reads says which fields of requests the router is to send, by their paths in policy.wit such as "peer.user" or "candidates". All
// others are absent. Without it the router sends all. A plugin with a path that no request has does not load.
func Reads(paths ...string) {
	reads = append(reads, paths...)
}

// OnConfigure says what reads the configuration. It is called once for each instance, before any decision.
func OnConfigure(read func(setup *Setup)) {
	configure = read
}

// Configure has the plugin read a configuration as the router would, and gives what it says. It is for tests.
func Configure(request *SetupRequest) *SetupAnswer {
	setup := &Setup{SetupRequest: request}
	setup.answer = SetupAnswer{Hooks: hooks, Reads: reads}
	if configure != nil {
		configure(setup)
	}
	return &setup.answer
}
