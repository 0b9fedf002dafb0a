package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"go.nanomsg.org/mangos/v3"
)

func authority(file string) *x509.CertPool {
	pem, err := os.ReadFile(file)
	must("authority", err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		fail("authority", fmt.Errorf("no certificate in %s", file))
	}
	return pool
}

func security(t *told) map[string]interface{} {
	if t.cert == "" && t.ca == "" {
		return nil
	}
	config := &tls.Config{ServerName: t.serverName}
	if t.cert != "" {
		pair, err := tls.LoadX509KeyPair(t.cert, t.cert)
		must("certificate", err)
		config.Certificates = []tls.Certificate{pair}
	}
	if t.ca != "" {
		config.RootCAs = authority(t.ca)
		config.ClientCAs = config.RootCAs
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return map[string]interface{}{mangos.OptionTLSConfig: config}
}

func start(socket mangos.Socket, t *told) {
	if t.mode == "listen" {
		must("listen", socket.ListenOptions(t.url, security(t)))
		return
	}
	options := security(t)
	if options == nil {
		options = map[string]interface{}{}
	}
	options[mangos.OptionDialAsynch] = true
	must("dial", socket.DialOptions(t.url, options))
}
