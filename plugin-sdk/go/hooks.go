// Code generated from policy.wit by plugin-sdk/generate (src/go.rs). DO NOT EDIT.

package crosstie

var onFailover = hook[FailoverRequest, *FailoverAnswer]{read: (*FailoverRequest).read, write: (*FailoverAnswer).write}

// OnFailover says what decides the hook failover. It answers nil where it has no opinion.
func OnFailover(decide func(request *FailoverRequest) *FailoverAnswer) {
	onFailover.ask = decide
	hooks = append(hooks, "failover")
}

var onConnection = hook[AdmissionConnection, AdmissionAnswer]{read: (*AdmissionConnection).read, write: writeAdmissionAnswer}

// OnConnection says what decides the hook connection. It answers nil where it has no opinion.
func OnConnection(decide func(request *AdmissionConnection) AdmissionAnswer) {
	onConnection.ask = decide
	hooks = append(hooks, "connection")
}

var onSession = hook[AdmissionSession, AdmissionAnswer]{read: (*AdmissionSession).read, write: writeAdmissionAnswer}

// OnSession says what decides the hook session. It answers nil where it has no opinion.
func OnSession(decide func(request *AdmissionSession) AdmissionAnswer) {
	onSession.ask = decide
	hooks = append(hooks, "session")
}

var onLink = hook[AdmissionLink, AdmissionAnswer]{read: (*AdmissionLink).read, write: writeAdmissionAnswer}

// OnLink says what decides the hook link. It answers nil where it has no opinion.
func OnLink(decide func(request *AdmissionLink) AdmissionAnswer) {
	onLink.ask = decide
	hooks = append(hooks, "link")
}

var onAddress = hook[AddressRequest, AddressAnswer]{read: (*AddressRequest).read, write: writeAddressAnswer}

// OnAddress says what decides the hook address. It answers nil where it has no opinion.
func OnAddress(decide func(request *AddressRequest) AddressAnswer) {
	onAddress.ask = decide
	hooks = append(hooks, "address")
}
