package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

// listener accepts TLS connections, as meters where sums are wanted.
type listener struct {
	net.Listener
	o      *options
	config *tls.Config
	onEnd  func()
}

func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	secure := tls.Server(wrap(l.o, conn), l.config)
	if l.o.nosum {
		return secure, nil
	}
	return newMeter(secure, l.onEnd), nil
}

func serve(o *options, specs []string) error {
	var done sync.WaitGroup
	if o.conns > 0 {
		done.Add(o.conns)
	} else {
		done.Add(1)
	}
	onEnd := func() {
		if o.conns > 0 {
			done.Done()
		}
	}
	for _, spec := range specs {
		config, err := config(o, spec, true)
		if err != nil {
			return err
		}
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		say("port %s %d", spec, tcp.Addr().(*net.TCPAddr).Port)
		go accept(o, &listener{tcp, o, config, onEnd})
	}
	say("ready")
	done.Wait()
	return nil
}

func accept(o *options, l *listener) {
	if o.useHTTP {
		server := &http.Server{Handler: http.HandlerFunc(answer)}
		_ = server.Serve(l)
		return
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_ = conn.SetDeadline(deadline())
			deeply(o.depth(), func() { talk(conn) })
			_ = conn.Close()
		}()
	}
}

// answer of net/http.
func answer(w http.ResponseWriter, r *http.Request) {
	n, text, ok := parsePath(r.URL.Path)
	_, _ = io.Copy(ioutil.Discard, r.Body)
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(n))
	_, _ = io.Copy(w, newBody(n, text))
}

// talk is the same in a few lines of our own.
func talk(conn net.Conn) {
	reader := bufio.NewReader(conn)
	for {
		first, length, err := readHead(reader)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, "gotls: server:", err)
			}
			return
		}
		if _, err = io.CopyN(ioutil.Discard, reader, length); err != nil {
			fmt.Fprintln(os.Stderr, "gotls: server: body:", err)
			return
		}
		words := strings.Split(first, " ")
		status, n, text, ok := "404 Not Found", 0, false, false
		if len(words) == 3 {
			if n, text, ok = parsePath(words[1]); ok {
				status = "200 OK"
			}
		}
		head := fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n", status, n)
		if _, err = io.WriteString(conn, head); err != nil {
			return
		}
		if _, err = io.Copy(conn, newBody(n, text)); err != nil {
			return
		}
	}
}

// readHead reads the head of a message: its first line, and its body's length.
func readHead(reader *bufio.Reader) (string, int64, error) {
	first, length := "", int64(0)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			if line != "" || first != "" {
				err = io.ErrUnexpectedEOF
			}
			return "", 0, err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			return first, length, nil
		}
		if first == "" {
			first = line
		}
		if name := "content-length:"; strings.HasPrefix(strings.ToLower(line), name) {
			length, err = strconv.ParseInt(strings.TrimSpace(line[len(name):]), 10, 64)
			if err != nil {
				return "", 0, err
			}
		}
	}
}
