package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"net/http"
	"sync"
	"time"
)

func connectAll(o *options, texts []string) error {
	targets := []target{}
	configs := []*tls.Config{}
	for _, text := range texts {
		t, err := parseTarget(text)
		if err != nil {
			return err
		}
		config, err := config(o, t.spec, false)
		if err != nil {
			return err
		}
		targets = append(targets, t)
		configs = append(configs, config)
	}
	waitForGo(o)
	for i := range targets {
		began := time.Now()
		if err := connectEach(o, &targets[i], configs[i]); err != nil {
			return err
		}
		say("seconds %f", time.Since(began).Seconds())
	}
	return nil
}

// connectEach makes all connections to one target.
func connectEach(o *options, t *target, config *tls.Config) error {
	var wait sync.WaitGroup
	var first firstError
	jobs := make(chan int)
	for i := 0; i < o.parallel; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range jobs {
				deeply(o.depth(), func() {
					if err := connect(o, t, config); err != nil {
						first.set(err)
					}
				})
			}
		}()
	}
	for i := 0; i < t.count; i++ {
		jobs <- i
	}
	close(jobs)
	wait.Wait()
	if first.err != nil {
		return fmt.Errorf("%s: %v", t.spec, first.err)
	}
	return nil
}

func dial(o *options, t *target, config *tls.Config) (net.Conn, error) {
	tcp, err := net.Dial("tcp", t.address)
	if err != nil {
		return nil, err
	}
	_ = tcp.SetDeadline(deadline())
	secure := tls.Client(wrap(o, tcp), config)
	if err = secure.Handshake(); err != nil {
		_ = tcp.Close()
		return nil, err
	}
	if o.nosum {
		return secure, nil
	}
	return newMeter(secure, nil), nil
}

func connect(o *options, t *target, config *tls.Config) error {
	conn, err := dial(o, t, config)
	if err != nil {
		return err
	}
	defer conn.Close()
	if o.useHTTP {
		return requestHTTP(o, conn)
	}
	reader := bufio.NewReaderSize(conn, 5000)
	for i := 0; i < o.requests; i++ {
		text := i%2 == 0
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n",
			path(o.down, text), o.name, o.up)
		if _, err = io.WriteString(conn, head); err != nil {
			return err
		}
		if _, err = io.Copy(conn, newBody(o.up, text)); err != nil {
			return err
		}
		first, length, err := readHead(reader)
		if err != nil {
			return err
		}
		if first != "HTTP/1.1 200 OK" || length != int64(o.down) {
			return fmt.Errorf("answer: %q, %d bytes", first, length)
		}
		if _, err = io.CopyN(ioutil.Discard, reader, length); err != nil {
			return err
		}
	}
	return nil
}

// requestHTTP: the requests through net/http, over a connection that is up.
func requestHTTP(o *options, conn net.Conn) error {
	transport := &http.Transport{
		DialTLS:         func(string, string) (net.Conn, error) { return conn, nil },
		MaxConnsPerHost: 1,
	}
	client := &http.Client{Transport: transport}
	defer transport.CloseIdleConnections()
	for i := 0; i < o.requests; i++ {
		text := i%2 == 0
		request, err := http.NewRequest("POST", "https://"+o.name+path(o.down, text), newBody(o.up, text))
		if err != nil {
			return err
		}
		request.ContentLength = int64(o.up)
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		n, err := io.Copy(ioutil.Discard, response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != 200 || n != int64(o.down) {
			return fmt.Errorf("answer: %s, %d bytes, %v", response.Status, n, err)
		}
	}
	return nil
}
