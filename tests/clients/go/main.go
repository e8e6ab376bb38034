// A go-amqp client: `client send|receive` with the options of the Python scripts; one JSON line for each thing that happens.
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
)

type client struct {
	url, address, sizes, outcome, ca string
	count, window, credit        int
	settled, drain, keep         bool
	reconnect                    bool
	done                         int
}

type fields map[string]any

func emit(event string, more fields) {
	line := fields{"event": event}
	for key, value := range more {
		line[key] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

type pending struct {
	index   int
	receipt amqp.SendReceipt
}

func (c *client) send(ctx context.Context, session *amqp.Session) error {
	mode := amqp.SenderSettleModeUnsettled
	if c.settled {
		mode = amqp.SenderSettleModeSettled
	}
	sender, err := session.NewSender(ctx, c.address, &amqp.SenderOptions{SettlementMode: mode.Ptr()})
	if err != nil {
		return err
	}
	emit("attached", fields{"address": sender.Address()})
	sizes := strings.Split(c.sizes, ",")
	var waiting []pending
	for c.done < c.count {
		size, err := strconv.Atoi(sizes[c.done%len(sizes)])
		if err != nil {
			return err
		}
		body := make([]byte, size)
		if _, err := rand.Read(body); err != nil {
			return err
		}
		message := amqp.NewMessage(body)
		message.Properties = &amqp.MessageProperties{MessageID: uint64(c.done)}
		emit("sent", fields{"index": c.done, "size": size, "sha256": digest(body)})
		if c.settled {
			err = sender.Send(ctx, message, nil)
		} else {
			var receipt amqp.SendReceipt
			receipt, err = sender.SendWithReceipt(ctx, message, nil)
			waiting = append(waiting, pending{c.done, receipt})
		}
		c.done++
		if err != nil {
			return err
		}
		if len(waiting) > 0 && len(waiting) == c.window {
			if err := waiting[0].report(ctx); err != nil {
				return err
			}
			waiting = waiting[1:]
		}
	}
	for _, one := range waiting {
		if err := one.report(ctx); err != nil {
			return err
		}
	}
	return sender.Close(ctx)
}

func (p *pending) report(ctx context.Context) error {
	state, err := p.receipt.Wait(ctx)
	if err != nil {
		return err
	}
	line := fields{"index": p.index, "condition": nil, "description": nil, "failed": false, "undeliverable": false}
	switch state := state.(type) {
	case *amqp.StateAccepted:
		line["state"] = "accepted"
	case *amqp.StateReleased:
		line["state"] = "released"
	case *amqp.StateRejected:
		line["state"] = "rejected"
		if state.Error != nil {
			line["condition"] = state.Error.Condition
			line["description"] = state.Error.Description
		}
	case *amqp.StateModified:
		line["state"] = "modified"
		line["failed"] = state.DeliveryFailed
		line["undeliverable"] = state.UndeliverableHere
	default:
		line["state"] = fmt.Sprint(state)
	}
	emit("outcome", line)
	return nil
}

func (c *client) receive(ctx context.Context, session *amqp.Session) error {
	options := &amqp.ReceiverOptions{Credit: int32(c.credit)}
	if c.drain {
		options.Credit = -1
	}
	receiver, err := session.NewReceiver(ctx, c.address, options)
	if err != nil {
		return err
	}
	emit("attached", fields{"address": receiver.Address()})
	if c.drain {
		if err := receiver.IssueCredit(uint32(c.credit)); err != nil {
			return err
		}
	}
	outcomes := strings.Split(c.outcome, ",")
	for c.done < c.count {
		message, err := receiver.Receive(ctx, nil)
		if err != nil {
			return err
		}
		body := message.GetData()
		emit("message", fields{"index": c.done, "size": len(body), "sha256": digest(body), "settled": nil})
		if err := give(ctx, receiver, message, outcomes[c.done%len(outcomes)]); err != nil {
			return err
		}
		c.done++
	}
	if c.drain {
		if err := receiver.DrainCredit(ctx, nil); err != nil {
			return err
		}
		emit("drained", fields{"credit": 0})
	}
	return receiver.Close(ctx)
}

func give(ctx context.Context, receiver *amqp.Receiver, message *amqp.Message, outcome string) error {
	switch outcome {
	case "accepted":
		return receiver.AcceptMessage(ctx, message)
	case "rejected":
		return receiver.RejectMessage(ctx, message, &amqp.Error{Condition: "test:refused", Description: "not today"})
	case "released":
		return receiver.ReleaseMessage(ctx, message)
	case "modified":
		return receiver.ModifyMessage(ctx, message, &amqp.ModifyMessageOptions{DeliveryFailed: true, UndeliverableHere: true})
	}
	return errors.New("no such outcome: " + outcome)
}

func (c *client) connect(run func(context.Context, *amqp.Session) error) error {
	ctx := context.Background()
	options := &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous()}
	scheme := "amqp://"
	if c.ca != "" {
		authorities := x509.NewCertPool()
		pem, err := os.ReadFile(c.ca)
		if err != nil {
			return err
		}
		authorities.AppendCertsFromPEM(pem)
		options.TLSConfig = &tls.Config{RootCAs: authorities, ServerName: "localhost"}
		scheme = "amqps://"
	}
	connection, err := amqp.Dial(ctx, scheme+c.url, options)
	if err != nil {
		return err
	}
	defer connection.Close()
	session, err := connection.NewSession(ctx, nil)
	if err != nil {
		return err
	}
	if err := run(ctx, session); err != nil {
		return err
	}
	emit("done", nil)
	for c.keep {
		time.Sleep(time.Hour)
	}
	return nil
}

func main() {
	var c client
	flags := flag.NewFlagSet("client", flag.ExitOnError)
	flags.StringVar(&c.url, "url", "", "HOST:PORT")
	flags.StringVar(&c.address, "address", "", "")
	flags.StringVar(&c.sizes, "sizes", "10", "of the bodies, in turn: 0,1,1024")
	flags.StringVar(&c.outcome, "outcome", "accepted", "of the messages, in turn")
	flags.IntVar(&c.count, "count", 1, "")
	flags.IntVar(&c.window, "window", 0, "unsettled messages at once; 0: what credit allows")
	flags.IntVar(&c.credit, "credit", 50, "")
	flags.BoolVar(&c.settled, "settled", false, "")
	flags.BoolVar(&c.drain, "drain", false, "drain the credit that is left when all came")
	flags.BoolVar(&c.keep, "keep", false, "stay connected when done")
	flags.StringVar(&c.ca, "ca", "", "speak TLS, and believe this file")
	flags.BoolVar(&c.reconnect, "reconnect", false, "connect again for what is left")
	if err := flags.Parse(os.Args[2:]); err != nil {
		panic(err)
	}
	run := c.receive
	if os.Args[1] == "send" {
		run = c.send
	}
	for {
		err := c.connect(run)
		if err == nil {
			return
		}
		emit("disconnected", fields{"error": err.Error()})
		if !c.reconnect {
			os.Exit(1)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
