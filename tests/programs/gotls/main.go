// gotls speaks TLS in every way that the tests need, compiles with Go 1.15 and
// newer, and says at the end what went through each connection, so that a test
// can hold it against what glasstap showed:
//
//	conn local=A:P remote=A:P version=1.3 suite=TLS_... resumed=0 out=LEN:SHA256 in=LEN:SHA256
//
// What is spoken is HTTP/1.1: the path says how long the answer is and whether it
// is text or binary: /t1000, /b70000. peer.c is the same on OpenSSL, with the same
// command line.
//
//	gotls certs DIR
//	gotls server [options] SPEC...          a listener each; prints "port SPEC PORT", "ready"
//	gotls client [options] SPEC@PORT[xN]... N connections each, one after the other; those
//	                                        after the first resume its session
//	gotls churn [options]                   server and clients in one, at odd depths of the
//	                                        stack, until the time is over
//	gotls checksum [options]                the same, while thousands of functions mix numbers
//
// A SPEC is any, 1.2, 1.3, or one with a suite: 1.2-aes256, 1.3-chacha20. Go does not
// let a program choose the suite of TLS 1.3: the other side must.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io/ioutil"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

type options struct {
	certs    string
	useHTTP  bool // net/http instead of the few lines of our own
	wrap     bool // TLS over a net.Conn of our own, with deadlines and a bufio
	mutual   bool // client certificates
	deep     int  // handshakes and transfers at up to this depth of calls
	wait     bool // for a line on stdin before the first connection
	nosum    bool // for the figures: no sums are taken
	conns    int  // server: ends after so many
	parallel int  // client: so many at a time
	requests int
	up, down int // bytes of a body
	seconds  int
	routines int
	name     string
	fresh    bool // no resumption
}

func arguments() (options, []string) {
	var o options
	set := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	set.StringVar(&o.certs, "certs", ".", "directory that 'gotls certs' wrote")
	set.BoolVar(&o.useHTTP, "http", false, "net/http")
	set.BoolVar(&o.wrap, "wrap", false, "over a net.Conn of our own")
	set.BoolVar(&o.mutual, "mutual", false, "client certificates")
	set.IntVar(&o.deep, "deep", 0, "at up to this depth of calls")
	set.BoolVar(&o.wait, "wait", false, "for a line on stdin")
	set.BoolVar(&o.nosum, "nosum", false, "no sums")
	set.IntVar(&o.conns, "conns", 0, "server: end after so many; 0: never")
	set.IntVar(&o.parallel, "parallel", 1, "client: connections at a time")
	set.IntVar(&o.requests, "requests", 2, "for each connection")
	set.IntVar(&o.up, "up", 300, "bytes of a request's body")
	set.IntVar(&o.down, "down", 1000, "bytes of an answer's body")
	set.IntVar(&o.seconds, "seconds", 10, "churn, checksum: how long")
	set.IntVar(&o.routines, "routines", 16, "churn, checksum: clients")
	set.StringVar(&o.name, "name", "localhost", "client: the server's name")
	set.BoolVar(&o.fresh, "fresh", false, "client: no resumption")
	_ = set.Parse(os.Args[2:])
	if o.nosum {
		useBlock()
	}
	return o, set.Args()
}

func main() {
	if len(os.Args) < 2 {
		fail(errors.New("usage: gotls certs|server|client|churn|checksum ..."))
	}
	o, rest := arguments()
	var err error
	switch os.Args[1] {
	case "certs":
		if len(rest) != 1 {
			fail(errors.New("usage: gotls certs DIR"))
		}
		err = makeCerts(rest[0])
	case "server":
		err = serve(&o, rest)
	case "client":
		err = connectAll(&o, rest)
	case "churn":
		err = churn(&o)
	case "checksum":
		err = checksum(&o)
	default:
		err = fmt.Errorf("no role %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "gotls:", err)
	os.Exit(1)
}

func waitForGo(o *options) {
	if o.wait {
		say("waiting")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	}
}

var saying sync.Mutex

func say(format string, values ...interface{}) {
	saying.Lock()
	fmt.Printf(format+"\n", values...)
	saying.Unlock()
}

var suites = map[string]uint16{
	"aes128":    tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"aes256":    tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"chacha20":  tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	"cbc128":    tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	"cbc256":    tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	"rsa128":    tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
	"rsacbc128": tls.TLS_RSA_WITH_AES_128_CBC_SHA,
}

func loadPair(o *options, name string) (tls.Certificate, error) {
	file := filepath.Join(o.certs, name)
	return tls.LoadX509KeyPair(file, file)
}

// config of one side for a SPEC.
func config(o *options, spec string, server bool) (*tls.Config, error) {
	c := &tls.Config{ServerName: o.name, MinVersion: tls.VersionTLS12}
	parts := strings.SplitN(spec, "-", 2)
	switch parts[0] {
	case "1.2":
		c.MaxVersion = tls.VersionTLS12
	case "1.3":
		c.MinVersion = tls.VersionTLS13
	case "any":
	default:
		return nil, fmt.Errorf("no SPEC: %q", spec)
	}
	if len(parts) == 2 && parts[0] != "1.3" {
		suite, known := suites[parts[1]]
		if !known {
			return nil, fmt.Errorf("no suite: %q", parts[1])
		}
		c.CipherSuites = []uint16{suite}
	}
	pem, err := ioutil.ReadFile(filepath.Join(o.certs, "ca.pem"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	names := []string{}
	if server {
		names = []string{"ecdsa.pem", "rsa.pem"}
		if o.mutual {
			c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool
		}
	} else {
		c.RootCAs = pool
		if o.mutual {
			names = []string{"client.pem"}
		}
		if !o.fresh {
			c.ClientSessionCache = tls.NewLRUClientSessionCache(64)
		}
	}
	for _, name := range names {
		pair, err := loadPair(o, name)
		if err != nil {
			return nil, err
		}
		c.Certificates = append(c.Certificates, pair)
	}
	return c, nil
}

// A client's target: SPEC@PORT or SPEC@PORTxN.
type target struct {
	spec, address string
	count         int
}

func parseTarget(text string) (target, error) {
	t := target{count: 1}
	at := strings.LastIndex(text, "@")
	if at < 0 {
		return t, fmt.Errorf("no target: %q", text)
	}
	t.spec = text[:at]
	port := text[at+1:]
	if x := strings.Index(port, "x"); x >= 0 {
		count, err := strconv.Atoi(port[x+1:])
		if err != nil {
			return t, err
		}
		t.count, port = count, port[:x]
	}
	t.address = "127.0.0.1:" + port
	return t, nil
}

// firstError keeps the first of several that may come at once.
type firstError struct {
	lock sync.Mutex
	err  error
}

func (f *firstError) set(err error) {
	f.lock.Lock()
	if f.err == nil {
		f.err = err
	}
	f.lock.Unlock()
}

func deadline() time.Time {
	return time.Now().Add(60 * time.Second)
}
