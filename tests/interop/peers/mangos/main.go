// The remote program of an interop test, with mangos. Command line and lines: see pynng_peer.py.
package main

import (
	"bufio"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"go.nanomsg.org/mangos/v3"
	"go.nanomsg.org/mangos/v3/protocol/bus"
	"go.nanomsg.org/mangos/v3/protocol/pair"
	"go.nanomsg.org/mangos/v3/protocol/pair1"
	"go.nanomsg.org/mangos/v3/protocol/pub"
	"go.nanomsg.org/mangos/v3/protocol/pull"
	"go.nanomsg.org/mangos/v3/protocol/push"
	"go.nanomsg.org/mangos/v3/protocol/rep"
	"go.nanomsg.org/mangos/v3/protocol/req"
	"go.nanomsg.org/mangos/v3/protocol/respondent"
	"go.nanomsg.org/mangos/v3/protocol/sub"
	"go.nanomsg.org/mangos/v3/protocol/surveyor"
	_ "go.nanomsg.org/mangos/v3/transport/all"
)

const surveyTime = 20 * time.Second

var kinds = map[string]func() (mangos.Socket, error){
	"pub": pub.NewSocket, "sub": sub.NewSocket, "push": push.NewSocket, "pull": pull.NewSocket,
	"req": req.NewSocket, "rep": rep.NewSocket, "surveyor": surveyor.NewSocket, "respondent": respondent.NewSocket,
	"bus": bus.NewSocket, "pair0": pair.NewSocket, "pair1": pair1.NewSocket,
}

type told struct {
	role, mode, url            string
	topics                     list
	name, cert, ca, serverName string
}

// An option that may stand several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, ", ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

var printing sync.Mutex

func say(format string, of ...interface{}) {
	printing.Lock()
	defer printing.Unlock()
	fmt.Printf(format+"\n", of...)
}

func digits(data []byte) string {
	if len(data) == 0 {
		return "-"
	}
	return hex.EncodeToString(data)
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "mangos peer: %s: %v\n", what, err)
	os.Exit(1)
}

func must(what string, err error) {
	if err != nil {
		fail(what, err)
	}
}

func arguments() *told {
	t := new(told)
	if len(os.Args) < 4 || kinds[os.Args[1]] == nil || (os.Args[2] != "listen" && os.Args[2] != "dial") {
		fail("arguments", fmt.Errorf("expected: ROLE listen|dial URL [options]"))
	}
	t.role, t.mode, t.url = os.Args[1], os.Args[2], address(os.Args[3])
	options := flag.NewFlagSet("peer", flag.ExitOnError)
	options.Var(&t.topics, "topic", "")
	options.StringVar(&t.name, "name", "", "")
	options.StringVar(&t.cert, "cert", "", "")
	options.StringVar(&t.ca, "ca", "", "")
	options.StringVar(&t.serverName, "server-name", "", "")
	must("arguments", options.Parse(os.Args[4:]))
	return t
}

// mangos knows no tcp4 or tcp6, and names an abstract socket with an @.
func address(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	if scheme == "abstract" {
		return "ipc://@" + rest
	}
	return strings.TrimRight(scheme, "46") + "://" + rest
}

func opened(t *told) mangos.Socket {
	socket, err := kinds[t.role]()
	must("open", err)
	must("size limit", socket.SetOption(mangos.OptionMaxRecvSize, 1<<20))
	must("reconnect", socket.SetOption(mangos.OptionReconnectTime, 20*time.Millisecond))
	if t.role == "sub" && len(t.topics) == 0 {
		t.topics = list{""}
	}
	for _, topic := range t.topics {
		must("subscribe", socket.SetOption(mangos.OptionSubscribe, []byte(topic)))
	}
	if t.role == "surveyor" {
		must("survey time", socket.SetOption(mangos.OptionSurveyTime, surveyTime))
	}
	socket.SetPipeEventHook(func(event mangos.PipeEvent, _ mangos.Pipe) {
		if event == mangos.PipeEventAttached {
			say("joined")
		}
	})
	return socket
}

func receive(socket mangos.Socket) {
	for {
		data, err := socket.Recv()
		if err != nil {
			return
		}
		say("got %s", digits(data))
	}
}

func answer(socket mangos.Socket, name string) {
	for {
		question, err := socket.Recv()
		if err != nil {
			return
		}
		say("got %s", digits(question))
		must("answer", socket.Send(append([]byte(name+"re:"), question...)))
	}
}

// A question in a context of its own, so that others may be open at the same time.
func ask(socket mangos.Socket, one bool, number int, question []byte) {
	context, err := socket.OpenContext()
	must("context", err)
	defer context.Close()
	must("ask", context.Send(question))
	for {
		data, err := context.Recv()
		if err != nil {
			return
		}
		say("got %s %d", digits(data), number)
		if one {
			return
		}
	}
}

func serve(socket mangos.Socket, t *told) {
	switch t.role {
	case "sub", "pull", "bus", "pair0", "pair1":
		go receive(socket)
	case "rep", "respondent":
		go answer(socket, t.name)
	}
	lines := bufio.NewReader(os.Stdin)
	for number := 0; ; number++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		word := strings.TrimSpace(strings.TrimPrefix(line, "send "))
		data := []byte{}
		if word != "-" {
			data, err = hex.DecodeString(word)
			must("line", err)
		}
		if t.role == "req" || t.role == "surveyor" {
			go ask(socket, t.role == "req", number, data)
		} else {
			must("send", socket.Send(data))
		}
	}
}

func main() {
	t := arguments()
	socket := opened(t)
	start(socket, t)
	say("ready")
	serve(socket, t)
	socket.Close()
}
