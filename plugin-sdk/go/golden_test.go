package crosstie

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

type goldenLine struct {
	Name string
	Hex  string
}

// golden gives the lines of golden.jsonl by their numbers, as echo takes them.
func golden(t *testing.T, use func(name string, number uint32, item []byte)) {
	t.Helper()
	file, err := os.Open("../golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	places := []string{"configure", "failover", "connection", "session", "link", "address"}
	lines, scanner := 0, bufio.NewScanner(file)
	for ; scanner.Scan(); lines++ {
		var line goldenLine
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		item, err := hex.DecodeString(line.Hex)
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Split(strings.Replace(line.Name, "setup", "configure", 1), " ")
		place := slices.Index(places, words[1])
		if place < 0 {
			t.Fatalf("%s is of no hook", line.Name)
		}
		number := uint32(2 * place)
		if words[0] == "answer" {
			number++
		}
		use(line.Name, number, item)
	}
	if err := scanner.Err(); err != nil || lines < 16 {
		t.Fatalf("%d lines: %v", lines, err)
	}
}

// echoOrPanic gives what it panics with.
func echoOrPanic(number uint32, item []byte) (written []byte, told any) {
	defer func() { told = recover() }()
	return echo(number, item), nil
}

func TestItemsAreWrittenAsTheyWereRead(t *testing.T) {
	golden(t, func(name string, number uint32, item []byte) {
		if written := echo(number, item); !bytes.Equal(written, item) {
			t.Errorf("%s is written otherwise: %x", name, written)
		}
	})
}

func TestItemsThatAreCutAreNotRead(t *testing.T) {
	golden(t, func(name string, number uint32, item []byte) {
		for end := range item {
			if _, told := echoOrPanic(number, item[:end]); told == nil {
				t.Errorf("%s is read though cut to %d bytes", name, end)
			}
		}
		if _, told := echoOrPanic(number, append(slices.Clone(item), 0)); told == nil {
			t.Errorf("%s is read with a byte too many", name)
		}
	})
}

func TestARequestHasItsFields(t *testing.T) {
	golden(t, func(name string, _ uint32, item []byte) {
		if name != "request connection" {
			return
		}
		var request AdmissionConnection
		request.read(&reader{data: item})
		if request.Peer.User != Some("alice") || request.Peer.Transport != TransportTLS || request.Counts.Total != 4 {
			t.Errorf("%+v", request)
		}
		if request.Peer.Connector.Present || request.Peer.TLS.NotAfterMs != Some[uint64](1_800_000_000_000) {
			t.Errorf("%+v", request.Peer)
		}
		if request.Truncated == nil || len(request.Truncated) > 0 {
			t.Errorf("an empty list is read as %v", request.Truncated)
		}
		if request.Properties[0].Val != ValueFlag(true) || request.Properties[3].Val != ValueText("téxt") {
			t.Errorf("%v", request.Properties)
		}
	})
}

func TestWhatIsNotKnownIsAbsent(t *testing.T) {
	// direction "sideways", configured {"nearest": 1}, phase null, later [{}]
	item := "\xa4\x69direction\x68sideways\x6aconfigured\xa1\x67nearest\x01\x65phase\xf6\x65later\x81\xa0"
	var request AddressRequest
	r := reader{data: []byte(item)}
	request.read(&r)
	r.end()
	if request.Direction != 0 || request.Direction.String() != "" || request.Configured != nil || request.Phase != 0 {
		t.Errorf("%+v", request)
	}
}
