// Code generated from policy.wit by plugin-sdk/generate (src/go.rs). DO NOT EDIT.

package crosstie

import "math"

// Value is value of policy.wit.
//
// It is one of ValueFlag, ValueInt, ValueUint, ValueFloat, ValueText, ValueBytes.
type Value interface{ isValue() }

// ValueFlag is the case flag of [Value].
type ValueFlag bool

// ValueInt is the case int of [Value].
type ValueInt int64

// ValueUint is the case uint of [Value].
type ValueUint uint64

// ValueFloat is the case float of [Value].
type ValueFloat float64

// ValueText is the case text of [Value].
type ValueText string

// ValueBytes is the case bytes of [Value].
type ValueBytes []byte

func (ValueFlag) isValue()  {}
func (ValueInt) isValue()   {}
func (ValueUint) isValue()  {}
func (ValueFloat) isValue() {}
func (ValueText) isValue()  {}
func (ValueBytes) isValue() {}

func readValue(r *reader) Value {
	word, bare := r.word()
	if bare {
		return nil
	}
	switch word {
	case "flag":
		return ValueFlag(r.bool())
	case "int":
		return ValueInt(r.int())
	case "uint":
		return ValueUint(r.uint(math.MaxUint64))
	case "float":
		return ValueFloat(r.float())
	case "text":
		return ValueText(r.text())
	case "bytes":
		return ValueBytes(r.bytes())
	}
	r.skip()
	return nil
}

func writeValue(v Value, w *writer) {
	switch v := v.(type) {
	case ValueFlag:
		w.out = append(w.out, 0xa1, 0x64, 'f', 'l', 'a', 'g')
		w.bool(bool(v))
	case ValueInt:
		w.out = append(w.out, 0xa1, 0x63, 'i', 'n', 't')
		w.int(int64(v))
	case ValueUint:
		w.out = append(w.out, 0xa1, 0x64, 'u', 'i', 'n', 't')
		w.uint(uint64(v))
	case ValueFloat:
		w.out = append(w.out, 0xa1, 0x65, 'f', 'l', 'o', 'a', 't')
		w.float(float64(v))
	case ValueText:
		w.out = append(w.out, 0xa1, 0x64, 't', 'e', 'x', 't')
		w.text(string(v))
	case ValueBytes:
		w.out = append(w.out, 0xa1, 0x65, 'b', 'y', 't', 'e', 's')
		w.bytes([]byte(v))
	default:
		panic("crosstie: a Value of no case")
	}
}

// Entry is entry of policy.wit.
type Entry struct {
	Key string
	Val Value
}

func (v *Entry) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "key":
			v.Key = r.text()
		case "val":
			v.Val = readValue(r)
		default:
			r.skip()
		}
	}
}

func (v *Entry) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x63, 'k', 'e', 'y')
	w.text(v.Key)
	if v.Val != nil {
		entries++
		w.out = append(w.out, 0x63, 'v', 'a', 'l')
		writeValue(v.Val, w)
	}
	w.out[at] += entries
}

// Attr is attr of policy.wit.
type Attr struct {
	Key string
	Val string
}

func (v *Attr) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "key":
			v.Key = r.text()
		case "val":
			v.Val = r.text()
		default:
			r.skip()
		}
	}
}

func (v *Attr) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x63, 'k', 'e', 'y')
	w.text(v.Key)
	entries++
	w.out = append(w.out, 0x63, 'v', 'a', 'l')
	w.text(v.Val)
	w.out[at] += entries
}

// Context is context of policy.wit.
// In every request, so that a decision is a pure function of its bytes and of what it read from KV. `seed` is below 2^53; `sequence` numbers the decisions
// of this process and stands in the log and the record.
type Context struct {
	NowMs    uint64
	Seed     uint64
	Sequence uint64
}

func (v *Context) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "now-ms":
			v.NowMs = r.uint(math.MaxUint64)
		case "seed":
			v.Seed = r.uint(math.MaxUint64)
		case "sequence":
			v.Sequence = r.uint(math.MaxUint64)
		default:
			r.skip()
		}
	}
}

func (v *Context) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x66, 'n', 'o', 'w', '-', 'm', 's')
	w.uint(v.NowMs)
	entries++
	w.out = append(w.out, 0x64, 's', 'e', 'e', 'd')
	w.uint(v.Seed)
	entries++
	w.out = append(w.out, 0x68, 's', 'e', 'q', 'u', 'e', 'n', 'c', 'e')
	w.uint(v.Sequence)
	w.out[at] += entries
}

// Refusal is refusal of policy.wit.
// `note` goes to the log, the record and, where the listener explains refusals, to the peer. `info` goes to the peer (a redirect needs it).
type Refusal struct {
	Condition   string
	Description string
	Note        Option[string]
	Info        []Entry
}

func (v *Refusal) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "condition":
			v.Condition = r.text()
		case "description":
			v.Description = r.text()
		case "note":
			v.Note = Some(r.text())
		case "info":
			v.Info = make([]Entry, r.list())
			for i := range v.Info {
				v.Info[i].read(r)
			}
		default:
			r.skip()
		}
	}
}

func (v *Refusal) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x69, 'c', 'o', 'n', 'd', 'i', 't', 'i', 'o', 'n')
	w.text(v.Condition)
	entries++
	w.out = append(w.out, 0x6b, 'd', 'e', 's', 'c', 'r', 'i', 'p', 't', 'i', 'o', 'n')
	w.text(v.Description)
	if v.Note.Present {
		entries++
		w.out = append(w.out, 0x64, 'n', 'o', 't', 'e')
		w.text(v.Note.Value)
	}
	if v.Info != nil {
		entries++
		w.out = append(w.out, 0x64, 'i', 'n', 'f', 'o')
		w.list(len(v.Info))
		for i := range v.Info {
			v.Info[i].write(w)
		}
	}
	w.out[at] += entries
}

// TLS is tls of policy.wit.
type TLS struct {
	Version           string
	Cipher            string
	SNI               Option[string]
	Subject           Option[string]
	Issuer            Option[string]
	Sans              []string
	FingerprintSha256 Option[string]
	NotAfterMs        Option[uint64]
}

func (v *TLS) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "version":
			v.Version = r.text()
		case "cipher":
			v.Cipher = r.text()
		case "sni":
			v.SNI = Some(r.text())
		case "subject":
			v.Subject = Some(r.text())
		case "issuer":
			v.Issuer = Some(r.text())
		case "sans":
			v.Sans = make([]string, r.list())
			for i := range v.Sans {
				v.Sans[i] = r.text()
			}
		case "fingerprint-sha256":
			v.FingerprintSha256 = Some(r.text())
		case "not-after-ms":
			v.NotAfterMs = Some(r.uint(math.MaxUint64))
		default:
			r.skip()
		}
	}
}

func (v *TLS) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n')
	w.text(v.Version)
	entries++
	w.out = append(w.out, 0x66, 'c', 'i', 'p', 'h', 'e', 'r')
	w.text(v.Cipher)
	if v.SNI.Present {
		entries++
		w.out = append(w.out, 0x63, 's', 'n', 'i')
		w.text(v.SNI.Value)
	}
	if v.Subject.Present {
		entries++
		w.out = append(w.out, 0x67, 's', 'u', 'b', 'j', 'e', 'c', 't')
		w.text(v.Subject.Value)
	}
	if v.Issuer.Present {
		entries++
		w.out = append(w.out, 0x66, 'i', 's', 's', 'u', 'e', 'r')
		w.text(v.Issuer.Value)
	}
	if v.Sans != nil {
		entries++
		w.out = append(w.out, 0x64, 's', 'a', 'n', 's')
		w.list(len(v.Sans))
		for i := range v.Sans {
			w.text(v.Sans[i])
		}
	}
	if v.FingerprintSha256.Present {
		entries++
		w.out = append(w.out, 0x72, 'f', 'i', 'n', 'g', 'e', 'r', 'p', 'r', 'i', 'n', 't', '-', 's', 'h', 'a', '2', '5', '6')
		w.text(v.FingerprintSha256.Value)
	}
	if v.NotAfterMs.Present {
		entries++
		w.out = append(w.out, 0x6c, 'n', 'o', 't', '-', 'a', 'f', 't', 'e', 'r', '-', 'm', 's')
		w.uint(v.NotAfterMs.Value)
	}
	w.out[at] += entries
}

// Counts is counts of policy.wit.
// Open now, this one included.
type Counts struct {
	Total    uint32
	Listener uint32
	User     uint32
	PeerHost uint32
}

func (v *Counts) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "total":
			v.Total = uint32(r.uint(math.MaxUint32))
		case "listener":
			v.Listener = uint32(r.uint(math.MaxUint32))
		case "user":
			v.User = uint32(r.uint(math.MaxUint32))
		case "peer-host":
			v.PeerHost = uint32(r.uint(math.MaxUint32))
		default:
			r.skip()
		}
	}
}

func (v *Counts) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x65, 't', 'o', 't', 'a', 'l')
	w.uint(uint64(v.Total))
	entries++
	w.out = append(w.out, 0x68, 'l', 'i', 's', 't', 'e', 'n', 'e', 'r')
	w.uint(uint64(v.Listener))
	entries++
	w.out = append(w.out, 0x64, 'u', 's', 'e', 'r')
	w.uint(uint64(v.User))
	entries++
	w.out = append(w.out, 0x69, 'p', 'e', 'e', 'r', '-', 'h', 'o', 's', 't')
	w.uint(uint64(v.PeerHost))
	w.out[at] += entries
}

// Limits is limits of policy.wit.
// The smallest of process, listener or connector, grant and link is in force; a plugin can only lower. What does not belong to the hook is ignored.
type Limits struct {
	Sessions       Option[uint32]
	Links          Option[uint32]
	Senders        Option[uint32]
	Receivers      Option[uint32]
	Unsettled      Option[uint32]
	BufferedBytes  Option[uint64]
	MaxFrameSize   Option[uint32]
	MaxMessageSize Option[uint64]
	IdleTimeoutMs  Option[uint32]
	LinkCredit     Option[uint32]
}

func (v *Limits) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "sessions":
			v.Sessions = Some(uint32(r.uint(math.MaxUint32)))
		case "links":
			v.Links = Some(uint32(r.uint(math.MaxUint32)))
		case "senders":
			v.Senders = Some(uint32(r.uint(math.MaxUint32)))
		case "receivers":
			v.Receivers = Some(uint32(r.uint(math.MaxUint32)))
		case "unsettled":
			v.Unsettled = Some(uint32(r.uint(math.MaxUint32)))
		case "buffered-bytes":
			v.BufferedBytes = Some(r.uint(math.MaxUint64))
		case "max-frame-size":
			v.MaxFrameSize = Some(uint32(r.uint(math.MaxUint32)))
		case "max-message-size":
			v.MaxMessageSize = Some(r.uint(math.MaxUint64))
		case "idle-timeout-ms":
			v.IdleTimeoutMs = Some(uint32(r.uint(math.MaxUint32)))
		case "link-credit":
			v.LinkCredit = Some(uint32(r.uint(math.MaxUint32)))
		default:
			r.skip()
		}
	}
}

func (v *Limits) write(w *writer) {
	at, entries := w.open(), byte(0)
	if v.Sessions.Present {
		entries++
		w.out = append(w.out, 0x68, 's', 'e', 's', 's', 'i', 'o', 'n', 's')
		w.uint(uint64(v.Sessions.Value))
	}
	if v.Links.Present {
		entries++
		w.out = append(w.out, 0x65, 'l', 'i', 'n', 'k', 's')
		w.uint(uint64(v.Links.Value))
	}
	if v.Senders.Present {
		entries++
		w.out = append(w.out, 0x67, 's', 'e', 'n', 'd', 'e', 'r', 's')
		w.uint(uint64(v.Senders.Value))
	}
	if v.Receivers.Present {
		entries++
		w.out = append(w.out, 0x69, 'r', 'e', 'c', 'e', 'i', 'v', 'e', 'r', 's')
		w.uint(uint64(v.Receivers.Value))
	}
	if v.Unsettled.Present {
		entries++
		w.out = append(w.out, 0x69, 'u', 'n', 's', 'e', 't', 't', 'l', 'e', 'd')
		w.uint(uint64(v.Unsettled.Value))
	}
	if v.BufferedBytes.Present {
		entries++
		w.out = append(w.out, 0x6e, 'b', 'u', 'f', 'f', 'e', 'r', 'e', 'd', '-', 'b', 'y', 't', 'e', 's')
		w.uint(v.BufferedBytes.Value)
	}
	if v.MaxFrameSize.Present {
		entries++
		w.out = append(w.out, 0x6e, 'm', 'a', 'x', '-', 'f', 'r', 'a', 'm', 'e', '-', 's', 'i', 'z', 'e')
		w.uint(uint64(v.MaxFrameSize.Value))
	}
	if v.MaxMessageSize.Present {
		entries++
		w.out = append(w.out, 0x70, 'm', 'a', 'x', '-', 'm', 'e', 's', 's', 'a', 'g', 'e', '-', 's', 'i', 'z', 'e')
		w.uint(v.MaxMessageSize.Value)
	}
	if v.IdleTimeoutMs.Present {
		entries++
		w.out = append(w.out, 0x6f, 'i', 'd', 'l', 'e', '-', 't', 'i', 'm', 'e', 'o', 'u', 't', '-', 'm', 's')
		w.uint(uint64(v.IdleTimeoutMs.Value))
	}
	if v.LinkCredit.Present {
		entries++
		w.out = append(w.out, 0x6b, 'l', 'i', 'n', 'k', '-', 'c', 'r', 'e', 'd', 'i', 't')
		w.uint(uint64(v.LinkCredit.Value))
	}
	w.out[at] += entries
}

// Quota is quota of policy.wit.
// The host counts what is open under `key` of this plugin, over all workers, and refuses what would be more than `max`. Released when it ends.
type Quota struct {
	Key string
	Max uint32
}

func (v *Quota) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "key":
			v.Key = r.text()
		case "max":
			v.Max = uint32(r.uint(math.MaxUint32))
		default:
			r.skip()
		}
	}
}

func (v *Quota) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x63, 'k', 'e', 'y')
	w.text(v.Key)
	entries++
	w.out = append(w.out, 0x63, 'm', 'a', 'x')
	w.uint(uint64(v.Max))
	w.out[at] += entries
}

// Transport is transport of policy.wit.
type Transport uint8

// The words of Transport; 0 is none of them, or absent.
const (
	TransportTCP Transport = iota + 1
	TransportTLS
	TransportWS
	TransportWSS
)

var transportWords = [...]string{"", "tcp", "tls", "ws", "wss"}

// String is the word in policy.wit, empty where there is none.
func (v Transport) String() string {
	if int(v) >= len(transportWords) {
		return ""
	}
	return transportWords[v]
}

func readTransport(r *reader) Transport {
	switch r.text() {
	case "tcp":
		return TransportTCP
	case "tls":
		return TransportTLS
	case "ws":
		return TransportWS
	case "wss":
		return TransportWSS
	}
	return 0
}

func (v Transport) write(w *writer) {
	w.text(transportWords[v])
}

// Peer is peer of policy.wit.
// Who is talking. `attributes` is what admission granted, for the hooks after it.
type Peer struct {
	ConnectionID uint64
	Listener     Option[string]
	Connector    Option[string]
	Transport    Transport
	IP           string
	Port         uint16
	LocalIP      string
	LocalPort    uint16
	Vhost        Option[string]
	User         Option[string]
	Mechanism    Option[string]
	ContainerID  string
	TLS          *TLS
	Attributes   []Attr
}

func (v *Peer) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "connection-id":
			v.ConnectionID = r.uint(math.MaxUint64)
		case "listener":
			v.Listener = Some(r.text())
		case "connector":
			v.Connector = Some(r.text())
		case "transport":
			v.Transport = readTransport(r)
		case "ip":
			v.IP = r.text()
		case "port":
			v.Port = uint16(r.uint(math.MaxUint16))
		case "local-ip":
			v.LocalIP = r.text()
		case "local-port":
			v.LocalPort = uint16(r.uint(math.MaxUint16))
		case "vhost":
			v.Vhost = Some(r.text())
		case "user":
			v.User = Some(r.text())
		case "mechanism":
			v.Mechanism = Some(r.text())
		case "container-id":
			v.ContainerID = r.text()
		case "tls":
			v.TLS = new(TLS)
			v.TLS.read(r)
		case "attributes":
			v.Attributes = make([]Attr, r.list())
			for i := range v.Attributes {
				v.Attributes[i].read(r)
			}
		default:
			r.skip()
		}
	}
}

func (v *Peer) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x6d, 'c', 'o', 'n', 'n', 'e', 'c', 't', 'i', 'o', 'n', '-', 'i', 'd')
	w.uint(v.ConnectionID)
	if v.Listener.Present {
		entries++
		w.out = append(w.out, 0x68, 'l', 'i', 's', 't', 'e', 'n', 'e', 'r')
		w.text(v.Listener.Value)
	}
	if v.Connector.Present {
		entries++
		w.out = append(w.out, 0x69, 'c', 'o', 'n', 'n', 'e', 'c', 't', 'o', 'r')
		w.text(v.Connector.Value)
	}
	if v.Transport != 0 {
		entries++
		w.out = append(w.out, 0x69, 't', 'r', 'a', 'n', 's', 'p', 'o', 'r', 't')
		v.Transport.write(w)
	}
	entries++
	w.out = append(w.out, 0x62, 'i', 'p')
	w.text(v.IP)
	entries++
	w.out = append(w.out, 0x64, 'p', 'o', 'r', 't')
	w.uint(uint64(v.Port))
	entries++
	w.out = append(w.out, 0x68, 'l', 'o', 'c', 'a', 'l', '-', 'i', 'p')
	w.text(v.LocalIP)
	entries++
	w.out = append(w.out, 0x6a, 'l', 'o', 'c', 'a', 'l', '-', 'p', 'o', 'r', 't')
	w.uint(uint64(v.LocalPort))
	if v.Vhost.Present {
		entries++
		w.out = append(w.out, 0x65, 'v', 'h', 'o', 's', 't')
		w.text(v.Vhost.Value)
	}
	if v.User.Present {
		entries++
		w.out = append(w.out, 0x64, 'u', 's', 'e', 'r')
		w.text(v.User.Value)
	}
	if v.Mechanism.Present {
		entries++
		w.out = append(w.out, 0x69, 'm', 'e', 'c', 'h', 'a', 'n', 'i', 's', 'm')
		w.text(v.Mechanism.Value)
	}
	entries++
	w.out = append(w.out, 0x6c, 'c', 'o', 'n', 't', 'a', 'i', 'n', 'e', 'r', '-', 'i', 'd')
	w.text(v.ContainerID)
	if v.TLS != nil {
		entries++
		w.out = append(w.out, 0x63, 't', 'l', 's')
		v.TLS.write(w)
	}
	if v.Attributes != nil {
		entries++
		w.out = append(w.out, 0x6a, 'a', 't', 't', 'r', 'i', 'b', 'u', 't', 'e', 's')
		w.list(len(v.Attributes))
		for i := range v.Attributes {
			v.Attributes[i].write(w)
		}
	}
	w.out[at] += entries
}

// SetupRequest is setup-request of policy.wit.
type SetupRequest struct {
	Plugin   string
	RouterID string
	Minor    uint32
	NowMs    uint64
	Seed     uint64
	Granted  []string
	Config   []Node
}

func (v *SetupRequest) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "plugin":
			v.Plugin = r.text()
		case "router-id":
			v.RouterID = r.text()
		case "minor":
			v.Minor = uint32(r.uint(math.MaxUint32))
		case "now-ms":
			v.NowMs = r.uint(math.MaxUint64)
		case "seed":
			v.Seed = r.uint(math.MaxUint64)
		case "granted":
			v.Granted = make([]string, r.list())
			for i := range v.Granted {
				v.Granted[i] = r.text()
			}
		case "config":
			v.Config = readNodes(r)
		default:
			r.skip()
		}
	}
}

func (v *SetupRequest) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x66, 'p', 'l', 'u', 'g', 'i', 'n')
	w.text(v.Plugin)
	entries++
	w.out = append(w.out, 0x69, 'r', 'o', 'u', 't', 'e', 'r', '-', 'i', 'd')
	w.text(v.RouterID)
	entries++
	w.out = append(w.out, 0x65, 'm', 'i', 'n', 'o', 'r')
	w.uint(uint64(v.Minor))
	entries++
	w.out = append(w.out, 0x66, 'n', 'o', 'w', '-', 'm', 's')
	w.uint(v.NowMs)
	entries++
	w.out = append(w.out, 0x64, 's', 'e', 'e', 'd')
	w.uint(v.Seed)
	if v.Granted != nil {
		entries++
		w.out = append(w.out, 0x67, 'g', 'r', 'a', 'n', 't', 'e', 'd')
		w.list(len(v.Granted))
		for i := range v.Granted {
			w.text(v.Granted[i])
		}
	}
	if v.Config != nil {
		entries++
		w.out = append(w.out, 0x66, 'c', 'o', 'n', 'f', 'i', 'g')
		writeNodes(v.Config, w)
	}
	w.out[at] += entries
}

// SetupProblem is setup-problem of policy.wit.
// `path`: indexes of children from the top, so that the message stands at its KDL node.
type SetupProblem struct {
	Message string
	Path    []uint32
}

func (v *SetupProblem) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "message":
			v.Message = r.text()
		case "path":
			v.Path = make([]uint32, r.list())
			for i := range v.Path {
				v.Path[i] = uint32(r.uint(math.MaxUint32))
			}
		default:
			r.skip()
		}
	}
}

func (v *SetupProblem) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x67, 'm', 'e', 's', 's', 'a', 'g', 'e')
	w.text(v.Message)
	if v.Path != nil {
		entries++
		w.out = append(w.out, 0x64, 'p', 'a', 't', 'h')
		w.list(len(v.Path))
		for i := range v.Path {
			w.uint(uint64(v.Path[i]))
		}
	}
	w.out[at] += entries
}

// SetupAnswer is setup-answer of policy.wit.
// `hooks`: which of the exported ones to ask (absent: all). `reads`: the only request fields to send, as paths (`peer.user`, `candidates`); absent: all.
type SetupAnswer struct {
	Problems []SetupProblem
	Hooks    []string
	Reads    []string
}

func (v *SetupAnswer) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "problems":
			v.Problems = make([]SetupProblem, r.list())
			for i := range v.Problems {
				v.Problems[i].read(r)
			}
		case "hooks":
			v.Hooks = make([]string, r.list())
			for i := range v.Hooks {
				v.Hooks[i] = r.text()
			}
		case "reads":
			v.Reads = make([]string, r.list())
			for i := range v.Reads {
				v.Reads[i] = r.text()
			}
		default:
			r.skip()
		}
	}
}

func (v *SetupAnswer) write(w *writer) {
	at, entries := w.open(), byte(0)
	if v.Problems != nil {
		entries++
		w.out = append(w.out, 0x68, 'p', 'r', 'o', 'b', 'l', 'e', 'm', 's')
		w.list(len(v.Problems))
		for i := range v.Problems {
			v.Problems[i].write(w)
		}
	}
	if v.Hooks != nil {
		entries++
		w.out = append(w.out, 0x65, 'h', 'o', 'o', 'k', 's')
		w.list(len(v.Hooks))
		for i := range v.Hooks {
			w.text(v.Hooks[i])
		}
	}
	if v.Reads != nil {
		entries++
		w.out = append(w.out, 0x65, 'r', 'e', 'a', 'd', 's')
		w.list(len(v.Reads))
		for i := range v.Reads {
			w.text(v.Reads[i])
		}
	}
	w.out[at] += entries
}

// FailoverOrigin is failover-origin of policy.wit.
type FailoverOrigin uint8

// The words of FailoverOrigin; 0 is none of them, or absent.
const (
	FailoverOriginConfigured FailoverOrigin = iota + 1
	FailoverOriginAdvertised
	FailoverOriginRedirected
)

var failoverOriginWords = [...]string{"", "configured", "advertised", "redirected"}

// String is the word in policy.wit, empty where there is none.
func (v FailoverOrigin) String() string {
	if int(v) >= len(failoverOriginWords) {
		return ""
	}
	return failoverOriginWords[v]
}

func readFailoverOrigin(r *reader) FailoverOrigin {
	switch r.text() {
	case "configured":
		return FailoverOriginConfigured
	case "advertised":
		return FailoverOriginAdvertised
	case "redirected":
		return FailoverOriginRedirected
	}
	return 0
}

func (v FailoverOrigin) write(w *writer) {
	w.text(failoverOriginWords[v])
}

// FailoverScheme is failover-scheme of policy.wit.
type FailoverScheme uint8

// The words of FailoverScheme; 0 is none of them, or absent.
const (
	FailoverSchemeAMQP FailoverScheme = iota + 1
	FailoverSchemeAMQPS
	FailoverSchemeWS
	FailoverSchemeWSS
)

var failoverSchemeWords = [...]string{"", "amqp", "amqps", "ws", "wss"}

// String is the word in policy.wit, empty where there is none.
func (v FailoverScheme) String() string {
	if int(v) >= len(failoverSchemeWords) {
		return ""
	}
	return failoverSchemeWords[v]
}

func readFailoverScheme(r *reader) FailoverScheme {
	switch r.text() {
	case "amqp":
		return FailoverSchemeAMQP
	case "amqps":
		return FailoverSchemeAMQPS
	case "ws":
		return FailoverSchemeWS
	case "wss":
		return FailoverSchemeWSS
	}
	return 0
}

func (v FailoverScheme) write(w *writer) {
	w.text(failoverSchemeWords[v])
}

// FailoverCandidate is failover-candidate of policy.wit.
// `host` is what is dialled, `hostname` what the peer's list wants in our Open. `last-rtt-us` (of the TCP connection) and `certificate-not-after-ms` are of
// the last success.
type FailoverCandidate struct {
	Host                  string
	Port                  uint16
	Scheme                FailoverScheme
	Hostname              Option[string]
	Origin                FailoverOrigin
	Priority              uint8
	Labels                []Attr
	Attempts              uint32
	FailuresInRow         uint32
	LastError             Option[string]
	LastCondition         Option[string]
	LastAttemptAtMs       Option[uint64]
	LastSuccessAtMs       Option[uint64]
	LastRTTUs             Option[uint32]
	CertificateNotAfterMs Option[uint64]
}

func (v *FailoverCandidate) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "host":
			v.Host = r.text()
		case "port":
			v.Port = uint16(r.uint(math.MaxUint16))
		case "scheme":
			v.Scheme = readFailoverScheme(r)
		case "hostname":
			v.Hostname = Some(r.text())
		case "origin":
			v.Origin = readFailoverOrigin(r)
		case "priority":
			v.Priority = uint8(r.uint(math.MaxUint8))
		case "labels":
			v.Labels = make([]Attr, r.list())
			for i := range v.Labels {
				v.Labels[i].read(r)
			}
		case "attempts":
			v.Attempts = uint32(r.uint(math.MaxUint32))
		case "failures-in-row":
			v.FailuresInRow = uint32(r.uint(math.MaxUint32))
		case "last-error":
			v.LastError = Some(r.text())
		case "last-condition":
			v.LastCondition = Some(r.text())
		case "last-attempt-at-ms":
			v.LastAttemptAtMs = Some(r.uint(math.MaxUint64))
		case "last-success-at-ms":
			v.LastSuccessAtMs = Some(r.uint(math.MaxUint64))
		case "last-rtt-us":
			v.LastRTTUs = Some(uint32(r.uint(math.MaxUint32)))
		case "certificate-not-after-ms":
			v.CertificateNotAfterMs = Some(r.uint(math.MaxUint64))
		default:
			r.skip()
		}
	}
}

func (v *FailoverCandidate) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x64, 'h', 'o', 's', 't')
	w.text(v.Host)
	entries++
	w.out = append(w.out, 0x64, 'p', 'o', 'r', 't')
	w.uint(uint64(v.Port))
	if v.Scheme != 0 {
		entries++
		w.out = append(w.out, 0x66, 's', 'c', 'h', 'e', 'm', 'e')
		v.Scheme.write(w)
	}
	if v.Hostname.Present {
		entries++
		w.out = append(w.out, 0x68, 'h', 'o', 's', 't', 'n', 'a', 'm', 'e')
		w.text(v.Hostname.Value)
	}
	if v.Origin != 0 {
		entries++
		w.out = append(w.out, 0x66, 'o', 'r', 'i', 'g', 'i', 'n')
		v.Origin.write(w)
	}
	entries++
	w.out = append(w.out, 0x68, 'p', 'r', 'i', 'o', 'r', 'i', 't', 'y')
	w.uint(uint64(v.Priority))
	if v.Labels != nil {
		entries++
		w.out = append(w.out, 0x66, 'l', 'a', 'b', 'e', 'l', 's')
		w.list(len(v.Labels))
		for i := range v.Labels {
			v.Labels[i].write(w)
		}
	}
	entries++
	w.out = append(w.out, 0x68, 'a', 't', 't', 'e', 'm', 'p', 't', 's')
	w.uint(uint64(v.Attempts))
	entries++
	w.out = append(w.out, 0x6f, 'f', 'a', 'i', 'l', 'u', 'r', 'e', 's', '-', 'i', 'n', '-', 'r', 'o', 'w')
	w.uint(uint64(v.FailuresInRow))
	if v.LastError.Present {
		entries++
		w.out = append(w.out, 0x6a, 'l', 'a', 's', 't', '-', 'e', 'r', 'r', 'o', 'r')
		w.text(v.LastError.Value)
	}
	if v.LastCondition.Present {
		entries++
		w.out = append(w.out, 0x6e, 'l', 'a', 's', 't', '-', 'c', 'o', 'n', 'd', 'i', 't', 'i', 'o', 'n')
		w.text(v.LastCondition.Value)
	}
	if v.LastAttemptAtMs.Present {
		entries++
		w.out = append(w.out, 0x72, 'l', 'a', 's', 't', '-', 'a', 't', 't', 'e', 'm', 'p', 't', '-', 'a', 't', '-', 'm', 's')
		w.uint(v.LastAttemptAtMs.Value)
	}
	if v.LastSuccessAtMs.Present {
		entries++
		w.out = append(w.out, 0x72, 'l', 'a', 's', 't', '-', 's', 'u', 'c', 'c', 'e', 's', 's', '-', 'a', 't', '-', 'm', 's')
		w.uint(v.LastSuccessAtMs.Value)
	}
	if v.LastRTTUs.Present {
		entries++
		w.out = append(w.out, 0x6b, 'l', 'a', 's', 't', '-', 'r', 't', 't', '-', 'u', 's')
		w.uint(uint64(v.LastRTTUs.Value))
	}
	if v.CertificateNotAfterMs.Present {
		entries++
		w.out = append(w.out, 0x78, 24, 'c', 'e', 'r', 't', 'i', 'f', 'i', 'c', 'a', 't', 'e', '-', 'n', 'o', 't', '-', 'a', 'f', 't', 'e', 'r', '-', 'm', 's')
		w.uint(v.CertificateNotAfterMs.Value)
	}
	w.out[at] += entries
}

// FailoverCause is failover-cause of policy.wit.
type FailoverCause uint8

// The words of FailoverCause; 0 is none of them, or absent.
const (
	FailoverCauseStartup FailoverCause = iota + 1
	FailoverCauseLost
	FailoverCauseExhausted
	FailoverCauseRedirected
	FailoverCauseReload
	FailoverCauseReconsider
)

var failoverCauseWords = [...]string{"", "startup", "lost", "exhausted", "redirected", "reload", "reconsider"}

// String is the word in policy.wit, empty where there is none.
func (v FailoverCause) String() string {
	if int(v) >= len(failoverCauseWords) {
		return ""
	}
	return failoverCauseWords[v]
}

func readFailoverCause(r *reader) FailoverCause {
	switch r.text() {
	case "startup":
		return FailoverCauseStartup
	case "lost":
		return FailoverCauseLost
	case "exhausted":
		return FailoverCauseExhausted
	case "redirected":
		return FailoverCauseRedirected
	case "reload":
		return FailoverCauseReload
	case "reconsider":
		return FailoverCauseReconsider
	}
	return 0
}

func (v FailoverCause) write(w *writer) {
	w.text(failoverCauseWords[v])
}

// FailoverRequest is failover-request of policy.wit.
// Candidates stand in the order that the built-in would take. `current` is the endpoint in use (reconsider, reload), just lost, or the one that sent the router elsewhere (redirected).
type FailoverRequest struct {
	Ctx         Context
	Connector   string
	Role        string
	Cause       FailoverCause
	Round       uint32
	Current     Option[uint32]
	DownSinceMs Option[uint64]
	Candidates  []FailoverCandidate
}

func (v *FailoverRequest) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "ctx":
			v.Ctx.read(r)
		case "connector":
			v.Connector = r.text()
		case "role":
			v.Role = r.text()
		case "cause":
			v.Cause = readFailoverCause(r)
		case "round":
			v.Round = uint32(r.uint(math.MaxUint32))
		case "current":
			v.Current = Some(uint32(r.uint(math.MaxUint32)))
		case "down-since-ms":
			v.DownSinceMs = Some(r.uint(math.MaxUint64))
		case "candidates":
			v.Candidates = make([]FailoverCandidate, r.list())
			for i := range v.Candidates {
				v.Candidates[i].read(r)
			}
		default:
			r.skip()
		}
	}
}

func (v *FailoverRequest) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x63, 'c', 't', 'x')
	v.Ctx.write(w)
	entries++
	w.out = append(w.out, 0x69, 'c', 'o', 'n', 'n', 'e', 'c', 't', 'o', 'r')
	w.text(v.Connector)
	entries++
	w.out = append(w.out, 0x64, 'r', 'o', 'l', 'e')
	w.text(v.Role)
	if v.Cause != 0 {
		entries++
		w.out = append(w.out, 0x65, 'c', 'a', 'u', 's', 'e')
		v.Cause.write(w)
	}
	entries++
	w.out = append(w.out, 0x65, 'r', 'o', 'u', 'n', 'd')
	w.uint(uint64(v.Round))
	if v.Current.Present {
		entries++
		w.out = append(w.out, 0x67, 'c', 'u', 'r', 'r', 'e', 'n', 't')
		w.uint(uint64(v.Current.Value))
	}
	if v.DownSinceMs.Present {
		entries++
		w.out = append(w.out, 0x6d, 'd', 'o', 'w', 'n', '-', 's', 'i', 'n', 'c', 'e', '-', 'm', 's')
		w.uint(v.DownSinceMs.Value)
	}
	if v.Candidates != nil {
		entries++
		w.out = append(w.out, 0x6a, 'c', 'a', 'n', 'd', 'i', 'd', 'a', 't', 'e', 's')
		w.list(len(v.Candidates))
		for i := range v.Candidates {
			v.Candidates[i].write(w)
		}
	}
	w.out[at] += entries
}

// FailoverPick is failover-pick of policy.wit.
// `delay-ms`: waited after the pick before it failed; the first, after the answer.
type FailoverPick struct {
	Index   uint32
	DelayMs Option[uint32]
}

func (v *FailoverPick) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "index":
			v.Index = uint32(r.uint(math.MaxUint32))
		case "delay-ms":
			v.DelayMs = Some(uint32(r.uint(math.MaxUint32)))
		default:
			r.skip()
		}
	}
}

func (v *FailoverPick) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x65, 'i', 'n', 'd', 'e', 'x')
	w.uint(uint64(v.Index))
	if v.DelayMs.Present {
		entries++
		w.out = append(w.out, 0x68, 'd', 'e', 'l', 'a', 'y', '-', 'm', 's')
		w.uint(uint64(v.DelayMs.Value))
	}
	w.out[at] += entries
}

// FailoverAnswer is failover-answer of policy.wit.
// A candidate not listed is out of this round; an empty order drops all. `retry-after-ms`: when the round is exhausted (absent: the connector's backoff).
// `reconsider-after-ms`: while connected, ask again after this; a first pick other than the current one is connected first, then takes over.
type FailoverAnswer struct {
	Order             []FailoverPick
	RetryAfterMs      Option[uint32]
	ReconsiderAfterMs Option[uint32]
	Note              Option[string]
}

func (v *FailoverAnswer) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "order":
			v.Order = make([]FailoverPick, r.list())
			for i := range v.Order {
				v.Order[i].read(r)
			}
		case "retry-after-ms":
			v.RetryAfterMs = Some(uint32(r.uint(math.MaxUint32)))
		case "reconsider-after-ms":
			v.ReconsiderAfterMs = Some(uint32(r.uint(math.MaxUint32)))
		case "note":
			v.Note = Some(r.text())
		default:
			r.skip()
		}
	}
}

func (v *FailoverAnswer) write(w *writer) {
	at, entries := w.open(), byte(0)
	if v.Order != nil {
		entries++
		w.out = append(w.out, 0x65, 'o', 'r', 'd', 'e', 'r')
		w.list(len(v.Order))
		for i := range v.Order {
			v.Order[i].write(w)
		}
	}
	if v.RetryAfterMs.Present {
		entries++
		w.out = append(w.out, 0x6e, 'r', 'e', 't', 'r', 'y', '-', 'a', 'f', 't', 'e', 'r', '-', 'm', 's')
		w.uint(uint64(v.RetryAfterMs.Value))
	}
	if v.ReconsiderAfterMs.Present {
		entries++
		w.out = append(w.out, 0x73, 'r', 'e', 'c', 'o', 'n', 's', 'i', 'd', 'e', 'r', '-', 'a', 'f', 't', 'e', 'r', '-', 'm', 's')
		w.uint(uint64(v.ReconsiderAfterMs.Value))
	}
	if v.Note.Present {
		entries++
		w.out = append(w.out, 0x64, 'n', 'o', 't', 'e')
		w.text(v.Note.Value)
	}
	w.out[at] += entries
}

// AdmissionConnection is admission-connection of policy.wit.
// `recheck`: this connection is open already, its grant ran out.
type AdmissionConnection struct {
	Ctx                 Context
	Peer                Peer
	Recheck             bool
	MaxFrameSize        uint32
	ChannelMax          uint16
	IdleTimeoutMs       Option[uint32]
	OfferedCapabilities []string
	DesiredCapabilities []string
	Properties          []Entry
	Counts              Counts
	Limits              Limits
	Truncated           []string
}

func (v *AdmissionConnection) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "ctx":
			v.Ctx.read(r)
		case "peer":
			v.Peer.read(r)
		case "recheck":
			v.Recheck = r.bool()
		case "max-frame-size":
			v.MaxFrameSize = uint32(r.uint(math.MaxUint32))
		case "channel-max":
			v.ChannelMax = uint16(r.uint(math.MaxUint16))
		case "idle-timeout-ms":
			v.IdleTimeoutMs = Some(uint32(r.uint(math.MaxUint32)))
		case "offered-capabilities":
			v.OfferedCapabilities = make([]string, r.list())
			for i := range v.OfferedCapabilities {
				v.OfferedCapabilities[i] = r.text()
			}
		case "desired-capabilities":
			v.DesiredCapabilities = make([]string, r.list())
			for i := range v.DesiredCapabilities {
				v.DesiredCapabilities[i] = r.text()
			}
		case "properties":
			v.Properties = make([]Entry, r.list())
			for i := range v.Properties {
				v.Properties[i].read(r)
			}
		case "counts":
			v.Counts.read(r)
		case "limits":
			v.Limits.read(r)
		case "truncated":
			v.Truncated = make([]string, r.list())
			for i := range v.Truncated {
				v.Truncated[i] = r.text()
			}
		default:
			r.skip()
		}
	}
}

func (v *AdmissionConnection) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x63, 'c', 't', 'x')
	v.Ctx.write(w)
	entries++
	w.out = append(w.out, 0x64, 'p', 'e', 'e', 'r')
	v.Peer.write(w)
	entries++
	w.out = append(w.out, 0x67, 'r', 'e', 'c', 'h', 'e', 'c', 'k')
	w.bool(v.Recheck)
	entries++
	w.out = append(w.out, 0x6e, 'm', 'a', 'x', '-', 'f', 'r', 'a', 'm', 'e', '-', 's', 'i', 'z', 'e')
	w.uint(uint64(v.MaxFrameSize))
	entries++
	w.out = append(w.out, 0x6b, 'c', 'h', 'a', 'n', 'n', 'e', 'l', '-', 'm', 'a', 'x')
	w.uint(uint64(v.ChannelMax))
	if v.IdleTimeoutMs.Present {
		entries++
		w.out = append(w.out, 0x6f, 'i', 'd', 'l', 'e', '-', 't', 'i', 'm', 'e', 'o', 'u', 't', '-', 'm', 's')
		w.uint(uint64(v.IdleTimeoutMs.Value))
	}
	if v.OfferedCapabilities != nil {
		entries++
		w.out = append(w.out, 0x74, 'o', 'f', 'f', 'e', 'r', 'e', 'd', '-', 'c', 'a', 'p', 'a', 'b', 'i', 'l', 'i', 't', 'i', 'e', 's')
		w.list(len(v.OfferedCapabilities))
		for i := range v.OfferedCapabilities {
			w.text(v.OfferedCapabilities[i])
		}
	}
	if v.DesiredCapabilities != nil {
		entries++
		w.out = append(w.out, 0x74, 'd', 'e', 's', 'i', 'r', 'e', 'd', '-', 'c', 'a', 'p', 'a', 'b', 'i', 'l', 'i', 't', 'i', 'e', 's')
		w.list(len(v.DesiredCapabilities))
		for i := range v.DesiredCapabilities {
			w.text(v.DesiredCapabilities[i])
		}
	}
	if v.Properties != nil {
		entries++
		w.out = append(w.out, 0x6a, 'p', 'r', 'o', 'p', 'e', 'r', 't', 'i', 'e', 's')
		w.list(len(v.Properties))
		for i := range v.Properties {
			v.Properties[i].write(w)
		}
	}
	entries++
	w.out = append(w.out, 0x66, 'c', 'o', 'u', 'n', 't', 's')
	v.Counts.write(w)
	entries++
	w.out = append(w.out, 0x66, 'l', 'i', 'm', 'i', 't', 's')
	v.Limits.write(w)
	if v.Truncated != nil {
		entries++
		w.out = append(w.out, 0x69, 't', 'r', 'u', 'n', 'c', 'a', 't', 'e', 'd')
		w.list(len(v.Truncated))
		for i := range v.Truncated {
			w.text(v.Truncated[i])
		}
	}
	w.out[at] += entries
}

// AdmissionSession is admission-session of policy.wit.
type AdmissionSession struct {
	Ctx          Context
	Peer         Peer
	SessionsOpen uint32
}

func (v *AdmissionSession) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "ctx":
			v.Ctx.read(r)
		case "peer":
			v.Peer.read(r)
		case "sessions-open":
			v.SessionsOpen = uint32(r.uint(math.MaxUint32))
		default:
			r.skip()
		}
	}
}

func (v *AdmissionSession) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x63, 'c', 't', 'x')
	v.Ctx.write(w)
	entries++
	w.out = append(w.out, 0x64, 'p', 'e', 'e', 'r')
	v.Peer.write(w)
	entries++
	w.out = append(w.out, 0x6d, 's', 'e', 's', 's', 'i', 'o', 'n', 's', '-', 'o', 'p', 'e', 'n')
	w.uint(uint64(v.SessionsOpen))
	w.out[at] += entries
}

// AdmissionRole is admission-role of policy.wit.
// The peer's own: it wants to send, or to receive.
type AdmissionRole uint8

// The words of AdmissionRole; 0 is none of them, or absent.
const (
	AdmissionRoleSender AdmissionRole = iota + 1
	AdmissionRoleReceiver
)

var admissionRoleWords = [...]string{"", "sender", "receiver"}

// String is the word in policy.wit, empty where there is none.
func (v AdmissionRole) String() string {
	if int(v) >= len(admissionRoleWords) {
		return ""
	}
	return admissionRoleWords[v]
}

func readAdmissionRole(r *reader) AdmissionRole {
	switch r.text() {
	case "sender":
		return AdmissionRoleSender
	case "receiver":
		return AdmissionRoleReceiver
	}
	return 0
}

func (v AdmissionRole) write(w *writer) {
	w.text(admissionRoleWords[v])
}

// AdmissionExpiry is admission-expiry of policy.wit.
type AdmissionExpiry uint8

// The words of AdmissionExpiry; 0 is none of them, or absent.
const (
	AdmissionExpiryLinkDetach AdmissionExpiry = iota + 1
	AdmissionExpirySessionEnd
	AdmissionExpiryConnectionClose
	AdmissionExpiryNever
)

var admissionExpiryWords = [...]string{"", "link-detach", "session-end", "connection-close", "never"}

// String is the word in policy.wit, empty where there is none.
func (v AdmissionExpiry) String() string {
	if int(v) >= len(admissionExpiryWords) {
		return ""
	}
	return admissionExpiryWords[v]
}

func readAdmissionExpiry(r *reader) AdmissionExpiry {
	switch r.text() {
	case "link-detach":
		return AdmissionExpiryLinkDetach
	case "session-end":
		return AdmissionExpirySessionEnd
	case "connection-close":
		return AdmissionExpiryConnectionClose
	case "never":
		return AdmissionExpiryNever
	}
	return 0
}

func (v AdmissionExpiry) write(w *writer) {
	w.text(admissionExpiryWords[v])
}

// AdmissionFilter is admission-filter of policy.wit.
type AdmissionFilter struct {
	Name string
	Val  Value
}

func (v *AdmissionFilter) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "name":
			v.Name = r.text()
		case "val":
			v.Val = readValue(r)
		default:
			r.skip()
		}
	}
}

func (v *AdmissionFilter) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x64, 'n', 'a', 'm', 'e')
	w.text(v.Name)
	if v.Val != nil {
		entries++
		w.out = append(w.out, 0x63, 'v', 'a', 'l')
		writeValue(v.Val, w)
	}
	w.out[at] += entries
}

// AdmissionTerminus is admission-terminus of policy.wit.
type AdmissionTerminus struct {
	Address      Option[string]
	Durable      uint8
	Expiry       AdmissionExpiry
	TimeoutS     uint32
	Dynamic      bool
	Coordinator  bool
	Distribution Option[string]
	Filters      []AdmissionFilter
	Capabilities []string
}

func (v *AdmissionTerminus) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "address":
			v.Address = Some(r.text())
		case "durable":
			v.Durable = uint8(r.uint(math.MaxUint8))
		case "expiry":
			v.Expiry = readAdmissionExpiry(r)
		case "timeout-s":
			v.TimeoutS = uint32(r.uint(math.MaxUint32))
		case "dynamic":
			v.Dynamic = r.bool()
		case "coordinator":
			v.Coordinator = r.bool()
		case "distribution":
			v.Distribution = Some(r.text())
		case "filters":
			v.Filters = make([]AdmissionFilter, r.list())
			for i := range v.Filters {
				v.Filters[i].read(r)
			}
		case "capabilities":
			v.Capabilities = make([]string, r.list())
			for i := range v.Capabilities {
				v.Capabilities[i] = r.text()
			}
		default:
			r.skip()
		}
	}
}

func (v *AdmissionTerminus) write(w *writer) {
	at, entries := w.open(), byte(0)
	if v.Address.Present {
		entries++
		w.out = append(w.out, 0x67, 'a', 'd', 'd', 'r', 'e', 's', 's')
		w.text(v.Address.Value)
	}
	entries++
	w.out = append(w.out, 0x67, 'd', 'u', 'r', 'a', 'b', 'l', 'e')
	w.uint(uint64(v.Durable))
	if v.Expiry != 0 {
		entries++
		w.out = append(w.out, 0x66, 'e', 'x', 'p', 'i', 'r', 'y')
		v.Expiry.write(w)
	}
	entries++
	w.out = append(w.out, 0x69, 't', 'i', 'm', 'e', 'o', 'u', 't', '-', 's')
	w.uint(uint64(v.TimeoutS))
	entries++
	w.out = append(w.out, 0x67, 'd', 'y', 'n', 'a', 'm', 'i', 'c')
	w.bool(v.Dynamic)
	entries++
	w.out = append(w.out, 0x6b, 'c', 'o', 'o', 'r', 'd', 'i', 'n', 'a', 't', 'o', 'r')
	w.bool(v.Coordinator)
	if v.Distribution.Present {
		entries++
		w.out = append(w.out, 0x6c, 'd', 'i', 's', 't', 'r', 'i', 'b', 'u', 't', 'i', 'o', 'n')
		w.text(v.Distribution.Value)
	}
	if v.Filters != nil {
		entries++
		w.out = append(w.out, 0x67, 'f', 'i', 'l', 't', 'e', 'r', 's')
		w.list(len(v.Filters))
		for i := range v.Filters {
			v.Filters[i].write(w)
		}
	}
	if v.Capabilities != nil {
		entries++
		w.out = append(w.out, 0x6c, 'c', 'a', 'p', 'a', 'b', 'i', 'l', 'i', 't', 'i', 'e', 's')
		w.list(len(v.Capabilities))
		for i := range v.Capabilities {
			w.text(v.Capabilities[i])
		}
	}
	w.out[at] += entries
}

// AdmissionSettleMode is admission-settle-mode of policy.wit.
type AdmissionSettleMode uint8

// The words of AdmissionSettleMode; 0 is none of them, or absent.
const (
	AdmissionSettleModeUnsettled AdmissionSettleMode = iota + 1
	AdmissionSettleModeSettled
	AdmissionSettleModeMixed
)

var admissionSettleModeWords = [...]string{"", "unsettled", "settled", "mixed"}

// String is the word in policy.wit, empty where there is none.
func (v AdmissionSettleMode) String() string {
	if int(v) >= len(admissionSettleModeWords) {
		return ""
	}
	return admissionSettleModeWords[v]
}

func readAdmissionSettleMode(r *reader) AdmissionSettleMode {
	switch r.text() {
	case "unsettled":
		return AdmissionSettleModeUnsettled
	case "settled":
		return AdmissionSettleModeSettled
	case "mixed":
		return AdmissionSettleModeMixed
	}
	return 0
}

func (v AdmissionSettleMode) write(w *writer) {
	w.text(admissionSettleModeWords[v])
}

// AdmissionLink is admission-link of policy.wit.
type AdmissionLink struct {
	Ctx                 Context
	Peer                Peer
	Name                string
	Role                AdmissionRole
	Source              *AdmissionTerminus
	Target              *AdmissionTerminus
	Settle              AdmissionSettleMode
	MaxMessageSize      Option[uint64]
	DesiredCapabilities []string
	Properties          []Entry
	LinksOpen           uint32
	Truncated           []string
}

func (v *AdmissionLink) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "ctx":
			v.Ctx.read(r)
		case "peer":
			v.Peer.read(r)
		case "name":
			v.Name = r.text()
		case "role":
			v.Role = readAdmissionRole(r)
		case "source":
			v.Source = new(AdmissionTerminus)
			v.Source.read(r)
		case "target":
			v.Target = new(AdmissionTerminus)
			v.Target.read(r)
		case "settle":
			v.Settle = readAdmissionSettleMode(r)
		case "max-message-size":
			v.MaxMessageSize = Some(r.uint(math.MaxUint64))
		case "desired-capabilities":
			v.DesiredCapabilities = make([]string, r.list())
			for i := range v.DesiredCapabilities {
				v.DesiredCapabilities[i] = r.text()
			}
		case "properties":
			v.Properties = make([]Entry, r.list())
			for i := range v.Properties {
				v.Properties[i].read(r)
			}
		case "links-open":
			v.LinksOpen = uint32(r.uint(math.MaxUint32))
		case "truncated":
			v.Truncated = make([]string, r.list())
			for i := range v.Truncated {
				v.Truncated[i] = r.text()
			}
		default:
			r.skip()
		}
	}
}

func (v *AdmissionLink) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x63, 'c', 't', 'x')
	v.Ctx.write(w)
	entries++
	w.out = append(w.out, 0x64, 'p', 'e', 'e', 'r')
	v.Peer.write(w)
	entries++
	w.out = append(w.out, 0x64, 'n', 'a', 'm', 'e')
	w.text(v.Name)
	if v.Role != 0 {
		entries++
		w.out = append(w.out, 0x64, 'r', 'o', 'l', 'e')
		v.Role.write(w)
	}
	if v.Source != nil {
		entries++
		w.out = append(w.out, 0x66, 's', 'o', 'u', 'r', 'c', 'e')
		v.Source.write(w)
	}
	if v.Target != nil {
		entries++
		w.out = append(w.out, 0x66, 't', 'a', 'r', 'g', 'e', 't')
		v.Target.write(w)
	}
	if v.Settle != 0 {
		entries++
		w.out = append(w.out, 0x66, 's', 'e', 't', 't', 'l', 'e')
		v.Settle.write(w)
	}
	if v.MaxMessageSize.Present {
		entries++
		w.out = append(w.out, 0x70, 'm', 'a', 'x', '-', 'm', 'e', 's', 's', 'a', 'g', 'e', '-', 's', 'i', 'z', 'e')
		w.uint(v.MaxMessageSize.Value)
	}
	if v.DesiredCapabilities != nil {
		entries++
		w.out = append(w.out, 0x74, 'd', 'e', 's', 'i', 'r', 'e', 'd', '-', 'c', 'a', 'p', 'a', 'b', 'i', 'l', 'i', 't', 'i', 'e', 's')
		w.list(len(v.DesiredCapabilities))
		for i := range v.DesiredCapabilities {
			w.text(v.DesiredCapabilities[i])
		}
	}
	if v.Properties != nil {
		entries++
		w.out = append(w.out, 0x6a, 'p', 'r', 'o', 'p', 'e', 'r', 't', 'i', 'e', 's')
		w.list(len(v.Properties))
		for i := range v.Properties {
			v.Properties[i].write(w)
		}
	}
	entries++
	w.out = append(w.out, 0x6a, 'l', 'i', 'n', 'k', 's', '-', 'o', 'p', 'e', 'n')
	w.uint(uint64(v.LinksOpen))
	if v.Truncated != nil {
		entries++
		w.out = append(w.out, 0x69, 't', 'r', 'u', 'n', 'c', 'a', 't', 'e', 'd')
		w.list(len(v.Truncated))
		for i := range v.Truncated {
			w.text(v.Truncated[i])
		}
	}
	w.out[at] += entries
}

// AdmissionGrant is admission-grant of policy.wit.
type AdmissionGrant struct {
	Limits         *Limits
	Quotas         []Quota
	Attributes     []Attr
	RecheckAfterMs Option[uint32]
	Note           Option[string]
}

func (v *AdmissionGrant) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "limits":
			v.Limits = new(Limits)
			v.Limits.read(r)
		case "quotas":
			v.Quotas = make([]Quota, r.list())
			for i := range v.Quotas {
				v.Quotas[i].read(r)
			}
		case "attributes":
			v.Attributes = make([]Attr, r.list())
			for i := range v.Attributes {
				v.Attributes[i].read(r)
			}
		case "recheck-after-ms":
			v.RecheckAfterMs = Some(uint32(r.uint(math.MaxUint32)))
		case "note":
			v.Note = Some(r.text())
		default:
			r.skip()
		}
	}
}

func (v *AdmissionGrant) write(w *writer) {
	at, entries := w.open(), byte(0)
	if v.Limits != nil {
		entries++
		w.out = append(w.out, 0x66, 'l', 'i', 'm', 'i', 't', 's')
		v.Limits.write(w)
	}
	if v.Quotas != nil {
		entries++
		w.out = append(w.out, 0x66, 'q', 'u', 'o', 't', 'a', 's')
		w.list(len(v.Quotas))
		for i := range v.Quotas {
			v.Quotas[i].write(w)
		}
	}
	if v.Attributes != nil {
		entries++
		w.out = append(w.out, 0x6a, 'a', 't', 't', 'r', 'i', 'b', 'u', 't', 'e', 's')
		w.list(len(v.Attributes))
		for i := range v.Attributes {
			v.Attributes[i].write(w)
		}
	}
	if v.RecheckAfterMs.Present {
		entries++
		w.out = append(w.out, 0x70, 'r', 'e', 'c', 'h', 'e', 'c', 'k', '-', 'a', 'f', 't', 'e', 'r', '-', 'm', 's')
		w.uint(uint64(v.RecheckAfterMs.Value))
	}
	if v.Note.Present {
		entries++
		w.out = append(w.out, 0x64, 'n', 'o', 't', 'e')
		w.text(v.Note.Value)
	}
	w.out[at] += entries
}

// AdmissionAnswer is admission-answer of policy.wit.
//
// It is one of *AdmissionGrant, *Refusal.
type AdmissionAnswer interface{ isAdmissionAnswer() }

func (*AdmissionGrant) isAdmissionAnswer() {}
func (*Refusal) isAdmissionAnswer()        {}

func readAdmissionAnswer(r *reader) AdmissionAnswer {
	word, bare := r.word()
	if bare {
		return nil
	}
	switch word {
	case "allow":
		v := new(AdmissionGrant)
		v.read(r)
		return v
	case "deny":
		v := new(Refusal)
		v.read(r)
		return v
	}
	r.skip()
	return nil
}

func writeAdmissionAnswer(v AdmissionAnswer, w *writer) {
	switch v := v.(type) {
	case *AdmissionGrant:
		w.out = append(w.out, 0xa1, 0x65, 'a', 'l', 'l', 'o', 'w')
		v.write(w)
	case *Refusal:
		w.out = append(w.out, 0xa1, 0x64, 'd', 'e', 'n', 'y')
		v.write(w)
	default:
		panic("crosstie: a AdmissionAnswer of no case")
	}
}

// AddressDirection is address-direction of policy.wit.
type AddressDirection uint8

// The words of AddressDirection; 0 is none of them, or absent.
const (
	AddressDirectionInbound AddressDirection = iota + 1
	AddressDirectionOutbound
)

var addressDirectionWords = [...]string{"", "inbound", "outbound"}

// String is the word in policy.wit, empty where there is none.
func (v AddressDirection) String() string {
	if int(v) >= len(addressDirectionWords) {
		return ""
	}
	return addressDirectionWords[v]
}

func readAddressDirection(r *reader) AddressDirection {
	switch r.text() {
	case "inbound":
		return AddressDirectionInbound
	case "outbound":
		return AddressDirectionOutbound
	}
	return 0
}

func (v AddressDirection) write(w *writer) {
	w.text(addressDirectionWords[v])
}

// AddressOccasion is address-occasion of policy.wit.
type AddressOccasion uint8

// The words of AddressOccasion; 0 is none of them, or absent.
const (
	AddressOccasionAttach AddressOccasion = iota + 1
	AddressOccasionAnonymous
)

var addressOccasionWords = [...]string{"", "attach", "anonymous"}

// String is the word in policy.wit, empty where there is none.
func (v AddressOccasion) String() string {
	if int(v) >= len(addressOccasionWords) {
		return ""
	}
	return addressOccasionWords[v]
}

func readAddressOccasion(r *reader) AddressOccasion {
	switch r.text() {
	case "attach":
		return AddressOccasionAttach
	case "anonymous":
		return AddressOccasionAnonymous
	}
	return 0
}

func (v AddressOccasion) write(w *writer) {
	w.text(addressOccasionWords[v])
}

// AddressTreatment is address-treatment of policy.wit.
// `link-route`: to the connection of that name.
//
// It is one of AddressTreatmentBalanced, AddressTreatmentClosest, AddressTreatmentMulticast, AddressTreatmentLinkRoute, AddressTreatmentUnavailable.
type AddressTreatment interface{ isAddressTreatment() }

// AddressTreatmentBalanced is the case balanced of [AddressTreatment].
type AddressTreatmentBalanced struct{}

// AddressTreatmentClosest is the case closest of [AddressTreatment].
type AddressTreatmentClosest struct{}

// AddressTreatmentMulticast is the case multicast of [AddressTreatment].
type AddressTreatmentMulticast struct{}

// AddressTreatmentLinkRoute is the case link-route of [AddressTreatment].
type AddressTreatmentLinkRoute string

// AddressTreatmentUnavailable is the case unavailable of [AddressTreatment].
type AddressTreatmentUnavailable struct{}

func (AddressTreatmentBalanced) isAddressTreatment()    {}
func (AddressTreatmentClosest) isAddressTreatment()     {}
func (AddressTreatmentMulticast) isAddressTreatment()   {}
func (AddressTreatmentLinkRoute) isAddressTreatment()   {}
func (AddressTreatmentUnavailable) isAddressTreatment() {}

func readAddressTreatment(r *reader) AddressTreatment {
	word, bare := r.word()
	if bare {
		switch word {
		case "balanced":
			return AddressTreatmentBalanced{}
		case "closest":
			return AddressTreatmentClosest{}
		case "multicast":
			return AddressTreatmentMulticast{}
		case "unavailable":
			return AddressTreatmentUnavailable{}
		}
		return nil
	}
	switch word {
	case "link-route":
		return AddressTreatmentLinkRoute(r.text())
	}
	r.skip()
	return nil
}

func writeAddressTreatment(v AddressTreatment, w *writer) {
	switch v := v.(type) {
	case AddressTreatmentBalanced:
		w.out = append(w.out, 0x68, 'b', 'a', 'l', 'a', 'n', 'c', 'e', 'd')
	case AddressTreatmentClosest:
		w.out = append(w.out, 0x67, 'c', 'l', 'o', 's', 'e', 's', 't')
	case AddressTreatmentMulticast:
		w.out = append(w.out, 0x69, 'm', 'u', 'l', 't', 'i', 'c', 'a', 's', 't')
	case AddressTreatmentLinkRoute:
		w.out = append(w.out, 0xa1, 0x6a, 'l', 'i', 'n', 'k', '-', 'r', 'o', 'u', 't', 'e')
		w.text(string(v))
	case AddressTreatmentUnavailable:
		w.out = append(w.out, 0x6b, 'u', 'n', 'a', 'v', 'a', 'i', 'l', 'a', 'b', 'l', 'e')
	default:
		panic("crosstie: a AddressTreatment of no case")
	}
}

// AddressRequest is address-request of policy.wit.
type AddressRequest struct {
	Ctx          Context
	Address      string
	Direction    AddressDirection
	Occasion     AddressOccasion
	Peer         *Peer
	Capabilities []string
	Configured   AddressTreatment
	Phase        uint8
	Truncated    []string
}

func (v *AddressRequest) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "ctx":
			v.Ctx.read(r)
		case "address":
			v.Address = r.text()
		case "direction":
			v.Direction = readAddressDirection(r)
		case "occasion":
			v.Occasion = readAddressOccasion(r)
		case "peer":
			v.Peer = new(Peer)
			v.Peer.read(r)
		case "capabilities":
			v.Capabilities = make([]string, r.list())
			for i := range v.Capabilities {
				v.Capabilities[i] = r.text()
			}
		case "configured":
			v.Configured = readAddressTreatment(r)
		case "phase":
			v.Phase = uint8(r.uint(math.MaxUint8))
		case "truncated":
			v.Truncated = make([]string, r.list())
			for i := range v.Truncated {
				v.Truncated[i] = r.text()
			}
		default:
			r.skip()
		}
	}
}

func (v *AddressRequest) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x63, 'c', 't', 'x')
	v.Ctx.write(w)
	entries++
	w.out = append(w.out, 0x67, 'a', 'd', 'd', 'r', 'e', 's', 's')
	w.text(v.Address)
	if v.Direction != 0 {
		entries++
		w.out = append(w.out, 0x69, 'd', 'i', 'r', 'e', 'c', 't', 'i', 'o', 'n')
		v.Direction.write(w)
	}
	if v.Occasion != 0 {
		entries++
		w.out = append(w.out, 0x68, 'o', 'c', 'c', 'a', 's', 'i', 'o', 'n')
		v.Occasion.write(w)
	}
	if v.Peer != nil {
		entries++
		w.out = append(w.out, 0x64, 'p', 'e', 'e', 'r')
		v.Peer.write(w)
	}
	if v.Capabilities != nil {
		entries++
		w.out = append(w.out, 0x6c, 'c', 'a', 'p', 'a', 'b', 'i', 'l', 'i', 't', 'i', 'e', 's')
		w.list(len(v.Capabilities))
		for i := range v.Capabilities {
			w.text(v.Capabilities[i])
		}
	}
	if v.Configured != nil {
		entries++
		w.out = append(w.out, 0x6a, 'c', 'o', 'n', 'f', 'i', 'g', 'u', 'r', 'e', 'd')
		writeAddressTreatment(v.Configured, w)
	}
	entries++
	w.out = append(w.out, 0x65, 'p', 'h', 'a', 's', 'e')
	w.uint(uint64(v.Phase))
	if v.Truncated != nil {
		entries++
		w.out = append(w.out, 0x69, 't', 'r', 'u', 'n', 'c', 'a', 't', 'e', 'd')
		w.list(len(v.Truncated))
		for i := range v.Truncated {
			w.text(v.Truncated[i])
		}
	}
	w.out[at] += entries
}

// AddressScope is address-scope of policy.wit.
type AddressScope uint8

// The words of AddressScope; 0 is none of them, or absent.
const (
	AddressScopeConnection AddressScope = iota + 1
	AddressScopeAttributes
	AddressScopeEveryone
)

var addressScopeWords = [...]string{"", "connection", "attributes", "everyone"}

// String is the word in policy.wit, empty where there is none.
func (v AddressScope) String() string {
	if int(v) >= len(addressScopeWords) {
		return ""
	}
	return addressScopeWords[v]
}

func readAddressScope(r *reader) AddressScope {
	switch r.text() {
	case "connection":
		return AddressScopeConnection
	case "attributes":
		return AddressScopeAttributes
	case "everyone":
		return AddressScopeEveryone
	}
	return 0
}

func (v AddressScope) write(w *writer) {
	w.text(addressScopeWords[v])
}

// AddressRuling is address-ruling of policy.wit.
// Absent fields: as configured for the (rewritten) address. A treatment that contradicts a live address is ignored, the live one stays, and it is counted. `ttl-ms` 0 or absent: not cached.
// `shared-by` absent: connection; `attributes`: every peer with equal attributes.
type AddressRuling struct {
	Address   Option[string]
	Treatment AddressTreatment
	Phase     Option[uint8]
	Priority  Option[uint8]
	TTLMs     Option[uint32]
	SharedBy  AddressScope
	Note      Option[string]
}

func (v *AddressRuling) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "address":
			v.Address = Some(r.text())
		case "treatment":
			v.Treatment = readAddressTreatment(r)
		case "phase":
			v.Phase = Some(uint8(r.uint(math.MaxUint8)))
		case "priority":
			v.Priority = Some(uint8(r.uint(math.MaxUint8)))
		case "ttl-ms":
			v.TTLMs = Some(uint32(r.uint(math.MaxUint32)))
		case "shared-by":
			v.SharedBy = readAddressScope(r)
		case "note":
			v.Note = Some(r.text())
		default:
			r.skip()
		}
	}
}

func (v *AddressRuling) write(w *writer) {
	at, entries := w.open(), byte(0)
	if v.Address.Present {
		entries++
		w.out = append(w.out, 0x67, 'a', 'd', 'd', 'r', 'e', 's', 's')
		w.text(v.Address.Value)
	}
	if v.Treatment != nil {
		entries++
		w.out = append(w.out, 0x69, 't', 'r', 'e', 'a', 't', 'm', 'e', 'n', 't')
		writeAddressTreatment(v.Treatment, w)
	}
	if v.Phase.Present {
		entries++
		w.out = append(w.out, 0x65, 'p', 'h', 'a', 's', 'e')
		w.uint(uint64(v.Phase.Value))
	}
	if v.Priority.Present {
		entries++
		w.out = append(w.out, 0x68, 'p', 'r', 'i', 'o', 'r', 'i', 't', 'y')
		w.uint(uint64(v.Priority.Value))
	}
	if v.TTLMs.Present {
		entries++
		w.out = append(w.out, 0x66, 't', 't', 'l', '-', 'm', 's')
		w.uint(uint64(v.TTLMs.Value))
	}
	if v.SharedBy != 0 {
		entries++
		w.out = append(w.out, 0x69, 's', 'h', 'a', 'r', 'e', 'd', '-', 'b', 'y')
		v.SharedBy.write(w)
	}
	if v.Note.Present {
		entries++
		w.out = append(w.out, 0x64, 'n', 'o', 't', 'e')
		w.text(v.Note.Value)
	}
	w.out[at] += entries
}

// AddressDenial is address-denial of policy.wit.
type AddressDenial struct {
	Refusal  Refusal
	TTLMs    Option[uint32]
	SharedBy AddressScope
}

func (v *AddressDenial) read(r *reader) {
	for left := r.entries(); left > 0; left-- {
		key := r.text()
		if r.null() {
			continue
		}
		switch key {
		case "refusal":
			v.Refusal.read(r)
		case "ttl-ms":
			v.TTLMs = Some(uint32(r.uint(math.MaxUint32)))
		case "shared-by":
			v.SharedBy = readAddressScope(r)
		default:
			r.skip()
		}
	}
}

func (v *AddressDenial) write(w *writer) {
	at, entries := w.open(), byte(0)
	entries++
	w.out = append(w.out, 0x67, 'r', 'e', 'f', 'u', 's', 'a', 'l')
	v.Refusal.write(w)
	if v.TTLMs.Present {
		entries++
		w.out = append(w.out, 0x66, 't', 't', 'l', '-', 'm', 's')
		w.uint(uint64(v.TTLMs.Value))
	}
	if v.SharedBy != 0 {
		entries++
		w.out = append(w.out, 0x69, 's', 'h', 'a', 'r', 'e', 'd', '-', 'b', 'y')
		v.SharedBy.write(w)
	}
	w.out[at] += entries
}

// AddressAnswer is address-answer of policy.wit.
//
// It is one of *AddressRuling, *AddressDenial.
type AddressAnswer interface{ isAddressAnswer() }

func (*AddressRuling) isAddressAnswer() {}
func (*AddressDenial) isAddressAnswer() {}

func readAddressAnswer(r *reader) AddressAnswer {
	word, bare := r.word()
	if bare {
		return nil
	}
	switch word {
	case "apply":
		v := new(AddressRuling)
		v.read(r)
		return v
	case "deny":
		v := new(AddressDenial)
		v.read(r)
		return v
	}
	r.skip()
	return nil
}

func writeAddressAnswer(v AddressAnswer, w *writer) {
	switch v := v.(type) {
	case *AddressRuling:
		w.out = append(w.out, 0xa1, 0x65, 'a', 'p', 'p', 'l', 'y')
		v.write(w)
	case *AddressDenial:
		w.out = append(w.out, 0xa1, 0x64, 'd', 'e', 'n', 'y')
		v.write(w)
	default:
		panic("crosstie: a AddressAnswer of no case")
	}
}

// echo reads a request or an answer, and writes it again: 2 for each hook, and one more for its answer.
func echo(number uint32, bytes []byte) []byte {
	r, w := &reader{data: bytes}, &writer{}
	switch number {
	case 0:
		v := new(SetupRequest)
		v.read(r)
		r.end()
		v.write(w)
	case 1:
		v := new(SetupAnswer)
		v.read(r)
		r.end()
		v.write(w)
	case 2:
		v := new(FailoverRequest)
		v.read(r)
		r.end()
		v.write(w)
	case 3:
		v := new(FailoverAnswer)
		v.read(r)
		r.end()
		v.write(w)
	case 4:
		v := new(AdmissionConnection)
		v.read(r)
		r.end()
		v.write(w)
	case 5:
		v := readAdmissionAnswer(r)
		r.end()
		writeAdmissionAnswer(v, w)
	case 6:
		v := new(AdmissionSession)
		v.read(r)
		r.end()
		v.write(w)
	case 7:
		v := readAdmissionAnswer(r)
		r.end()
		writeAdmissionAnswer(v, w)
	case 8:
		v := new(AdmissionLink)
		v.read(r)
		r.end()
		v.write(w)
	case 9:
		v := readAdmissionAnswer(r)
		r.end()
		writeAdmissionAnswer(v, w)
	case 10:
		v := new(AddressRequest)
		v.read(r)
		r.end()
		v.write(w)
	case 11:
		v := readAddressAnswer(r)
		r.end()
		writeAddressAnswer(v, w)
	default:
		panic("crosstie: no such hook")
	}
	return w.out
}
