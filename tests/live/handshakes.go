// handshakes KEYLOG [COUNT VERSION]: TLS over loopback between two ends in this
// process, whose keys go to KEYLOG. COUNT handshakes of TLS VERSION (12 or 13) at
// once, and the end; without them it says "ready" and takes "VERSION COUNT" by
// line, answering "done". Each handshake but the first of a round is a resumed one.
package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		check(err)
		go func() {
			data := make([]byte, 100)
			n, _ := conn.Read(data)
			conn.Write(data[:n])
			conn.Close()
		}()
	}
}

func round(address string, config *tls.Config, count int, version uint16) {
	config = config.Clone()
	config.MinVersion, config.MaxVersion = version, version
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for i := 0; i < count; i++ {
		conn, err := tls.Dial("tcp", address, config)
		check(err)
		_, err = conn.Write([]byte("echo"))
		check(err)
		data := make([]byte, 100)
		n, _ := conn.Read(data)
		if string(data[:n]) != "echo" {
			fmt.Println("error: no echo")
			os.Exit(1)
		}
		conn.Close()
	}
}

func main() {
	file, err := os.OpenFile(os.Args[1], os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0600)
	check(err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{certificate()},
	})
	check(err)
	go serve(listener)
	address := listener.Addr().String()
	config := &tls.Config{InsecureSkipVerify: true, KeyLogWriter: file}
	versions := map[int]uint16{12: tls.VersionTLS12, 13: tls.VersionTLS13}
	var version, count int
	if len(os.Args) > 3 {
		fmt.Sscan(os.Args[2]+" "+os.Args[3], &count, &version)
		round(address, config, count, versions[version])
		return
	}
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Sscan(lines.Text(), &version, &count)
		round(address, config, count, versions[version])
		fmt.Println("done")
	}
}
