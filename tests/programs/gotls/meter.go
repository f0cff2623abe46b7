package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"hash"
	"net"
	"sync"
	"time"
)

// sum of one direction.
type sum struct {
	length int64
	hash   hash.Hash
}

func (s *sum) add(data []byte) {
	s.length += int64(len(data))
	_, _ = s.hash.Write(data)
}

// meter is a TLS connection that keeps sums of its plaintext and tells them when it
// is closed.
type meter struct {
	*tls.Conn
	lock    sync.Mutex
	in, out sum
	closed  bool
	onClose func()
}

func newMeter(conn *tls.Conn, onClose func()) *meter {
	return &meter{Conn: conn, in: sum{hash: sha256.New()}, out: sum{hash: sha256.New()},
		onClose: onClose}
}

func (m *meter) Read(data []byte) (int, error) {
	n, err := m.Conn.Read(data)
	m.lock.Lock()
	m.in.add(data[:n])
	m.lock.Unlock()
	return n, err
}

func (m *meter) Write(data []byte) (int, error) {
	n, err := m.Conn.Write(data)
	m.lock.Lock()
	m.out.add(data[:n])
	m.lock.Unlock()
	return n, err
}

func (m *meter) Close() error {
	err := m.Conn.Close()
	m.lock.Lock()
	first := !m.closed
	m.closed = true
	m.lock.Unlock()
	if first {
		m.report()
		if m.onClose != nil {
			m.onClose()
		}
	}
	return err
}

func (m *meter) report() {
	state := m.ConnectionState()
	resumed := 0
	if state.DidResume {
		resumed = 1
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	say("conn local=%s remote=%s version=%s suite=%s resumed=%d out=%d:%x in=%d:%x",
		m.LocalAddr(), m.RemoteAddr(), versionName(state.Version),
		tls.CipherSuiteName(state.CipherSuite), resumed,
		m.out.length, m.out.hash.Sum(nil), m.in.length, m.in.hash.Sum(nil))
}

func versionName(version uint16) string {
	return fmt.Sprintf("1.%d", version-tls.VersionTLS10)
}

// wrapped is what programs like to put under TLS: deadlines, counters and a buffer
// around somebody else's connection.
type wrapped struct {
	name string
	net.Conn
	reader        *bufio.Reader
	reads, writes int64
	timeout       time.Duration
}

func wrap(o *options, conn net.Conn) net.Conn {
	if !o.wrap {
		return conn
	}
	return &wrapped{name: "wrapped", Conn: conn, reader: bufio.NewReaderSize(conn, 3000),
		timeout: 30 * time.Second}
}

func (w *wrapped) Read(data []byte) (int, error) {
	if err := w.Conn.SetReadDeadline(time.Now().Add(w.timeout)); err != nil {
		return 0, err
	}
	n, err := w.reader.Read(data)
	w.reads += int64(n)
	return n, err
}

func (w *wrapped) Write(data []byte) (int, error) {
	if err := w.Conn.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
		return 0, err
	}
	n, err := w.Conn.Write(data)
	w.writes += int64(n)
	return n, err
}
