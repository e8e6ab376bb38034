package crosstie

// hook is how requests of one kind are read, decided and answered.
type hook[Q any, A comparable] struct {
	read  func(*Q, *reader)
	ask   func(*Q) A
	write func(A, *writer)
	// the request of the call that runs: a new one for each takes 0.2 µs more
	request Q
}

// What is read and written by the call that runs; the answer stays until the next one.
var (
	in  reader
	out writer
)

// decide gives the answer to a request, nil where there is none.
func (h *hook[Q, A]) decide(request []byte) []byte {
	h.request = *new(Q)
	in = reader{data: request}
	h.read(&h.request, &in)
	in.end()
	var none A
	answer := h.ask(&h.request)
	if answer == none {
		return nil
	}
	out.out = out.out[:0]
	h.write(answer, &out)
	return out.out
}
