// The demo: a shop and its customer, over HTTPS.
//
//	demo server CA       listens on 127.0.0.1, writes the certificate to trust into the
//	                     file CA, prints the port; ends by itself after a minute
//	demo client PORT CA  looks at what there is, and orders two
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/ioutil"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("demo: ")
	err := errors.New("usage: demo server CA | demo client PORT CA")
	switch {
	case len(os.Args) == 3 && os.Args[1] == "server":
		err = serve(os.Args[2])
	case len(os.Args) == 4 && os.Args[1] == "client":
		err = order(os.Args[2], os.Args[3])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func serve(ca string) error {
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	if err := ioutil.WriteFile(ca, text, 0600); err != nil {
		return err
	}
	http.HandleFunc("/glasses", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "Wine, water, window: all of them can be seen through.")
	})
	http.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		received, _ := io.Copy(ioutil.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "{\"order\":1,\"received\":%d}\n", received)
	})
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	time.AfterFunc(time.Minute, func() { os.Exit(0) })
	return http.Serve(listener, nil)
}

// selfSigned is a key, and a certificate for localhost that it signed itself.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "the demo's shop"},
		NotBefore:             time.Now(),
		NotAfter:              time.Now().Add(time.Hour),
		DNSNames:              []string{"localhost"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func order(port, ca string) error {
	text, err := ioutil.ReadFile(ca)
	if err != nil {
		return err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(text)
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: "localhost"},
	}}
	shop := "https://127.0.0.1:" + port
	answer, err := client.Get(shop + "/glasses")
	if err := finish(answer, err); err != nil {
		return err
	}
	wish := strings.NewReader(`{"item":"glass","count":2,"to":"where nobody was to know"}`)
	return finish(client.Post(shop+"/orders", "application/json", wish))
}

// finish reads an answer to its end, and prints no more than its status: what was said
// is for glasstap to show.
func finish(answer *http.Response, err error) error {
	if err != nil {
		return err
	}
	fmt.Println("client:", answer.Status)
	_, err = io.Copy(ioutil.Discard, answer.Body)
	_ = answer.Body.Close()
	return err
}
