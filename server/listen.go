package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"pipe/server/admit"
	"pipe/server/auth"
)

// host is where to listen.
func (o *Options) host() string {
	if o.Host == "" {
		return "127.0.0.1"
	}
	return o.Host
}

// loopback reports whether only this machine can reach the address.
func (o *Options) loopback() bool {
	ip := net.ParseIP(o.host())
	return o.host() == "localhost" || ip != nil && ip.IsLoopback()
}

// mayListen refuses an address that other machines reach while nobody has been
// set up: a registry decides which model answers.
func mayListen(ctx context.Context, o Options, gate *auth.Gate) error {
	if (o.CertFile == "") != (o.KeyFile == "") {
		return errors.New("TLS needs both --tls-cert and --tls-key")
	}
	if o.loopback() {
		return nil
	}
	needed, err := gate.Needed(ctx)
	if err != nil {
		return err
	}
	if !needed {
		return fmt.Errorf("--host %s is not a loopback address, and nobody has been set up: add an admin with `pipe users add NAME --level admin`, so that other machines have to sign in", o.Host)
	}
	if o.CertFile == "" && o.Log != nil {
		o.Log.Warn("passwords and tokens cross the network in the clear: give --tls-cert and --tls-key, or put a proxy that has TLS in front", "host", o.Host)
	}
	return nil
}

// hostRules are the names by which requests may call the server.
func hostRules(o Options) admit.Rules {
	rules := admit.Rules{Hosts: o.AllowedHosts}
	if o.loopback() {
		return rules
	}
	rules.Addresses = true
	if name, err := os.Hostname(); err == nil {
		rules.Hosts = append(rules.Hosts, name)
	}
	if net.ParseIP(o.host()) == nil {
		rules.Hosts = append(rules.Hosts, o.host())
	}
	return rules
}

func listen(o Options) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(o.host(), strconv.Itoa(o.Port)))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if o.CertFile == "" {
		return l, nil
	}
	c := &certificate{cert: o.CertFile, key: o.KeyFile}
	if _, err := c.get(nil); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}), nil
}

// certificate is read again when its files change, so that a renewed one
// needs no restart.
type certificate struct {
	cert, key string

	sync.Mutex
	loaded  *tls.Certificate
	changed time.Time // of the newer file
	looked  time.Time
}

// lookEvery is how often the files are looked at.
const lookEvery = 10 * time.Second

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.Lock()
	defer c.Unlock()
	if c.loaded != nil && time.Since(c.looked) < lookEvery {
		return c.loaded, nil
	}
	changed, err := c.newest()
	if err == nil && (c.loaded == nil || !changed.Equal(c.changed)) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.cert, c.key); err == nil {
			c.loaded, c.changed = &pair, changed
		}
	}
	c.looked = time.Now()
	if c.loaded != nil {
		return c.loaded, nil // files that are being replaced: the old pair still answers
	}
	return nil, fmt.Errorf("TLS: %w", err)
}

func (c *certificate) newest() (newest time.Time, err error) {
	for _, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return newest, err
		}
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest, nil
}
