package crosstie

// Deny is a refusal with a condition, 1 to 128 characters of ASCII such as amqp:unauthorized-access, and a description for the peer.
func Deny(condition, description string) *Refusal {
	return &Refusal{Condition: condition, Description: description}
}

// WithNote adds what the log says of it.
func (v *Refusal) WithNote(note string) *Refusal {
	v.Note = Some(note)
	return v
}

// WithInfo adds what the peer is told beside the description.
func (v *Refusal) WithInfo(key string, val Value) *Refusal {
	v.Info = append(v.Info, Entry{Key: key, Val: val})
	return v
}

// Allow is a grant without any limits, quotas and attributes yet.
func Allow() *AdmissionGrant {
	return &AdmissionGrant{}
}

// WithNote adds what the log says of it.
func (v *AdmissionGrant) WithNote(note string) *AdmissionGrant {
	v.Note = Some(note)
	return v
}

// WithQuota has the router count what is open under a key, of 1 to 256 bytes, and refuse what would be more than max.
func (v *AdmissionGrant) WithQuota(key string, max uint32) *AdmissionGrant {
	v.Quotas = append(v.Quotas, Quota{Key: key, Max: max})
	return v
}

// WithAttribute adds what later hooks find in Peer.Attributes.
func (v *AdmissionGrant) WithAttribute(key, val string) *AdmissionGrant {
	v.Attributes = append(v.Attributes, Attr{Key: key, Val: val})
	return v
}

// DenyAddress is a refusal of an address.
func DenyAddress(condition, description string) *AddressDenial {
	return &AddressDenial{Refusal: *Deny(condition, description)}
}

// Order has candidates tried in this order, by their places in the request. Without any the connector tries none.
func Order(indexes ...uint32) *FailoverAnswer {
	order := make([]FailoverPick, len(indexes))
	for i, index := range indexes {
		order[i].Index = index
	}
	return &FailoverAnswer{Order: order}
}
