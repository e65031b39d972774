// The Go servers: `go-server echo|http [proxy]`. The first accepts, reads one byte, writes it back and closes, the
// second answers requests. With "proxy" they read a header first.
// It prints its port and runs until its standard input ends.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
)

func main() {
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	listener := tcp
	if len(os.Args) > 2 && os.Args[2] == "proxy" {
		require := func(net.Addr) (proxyproto.Policy, error) { return proxyproto.REQUIRE, nil }
		listener = &proxyproto.Listener{Listener: tcp, Policy: require, ReadHeaderTimeout: 5 * time.Second}
	}
	fmt.Println(tcp.Addr().(*net.TCPAddr).Port)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if os.Args[1] == "http" {
		answer := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) }
		panic(http.Serve(listener, http.HandlerFunc(answer)))
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			continue
		}
		go func() {
			defer conn.Close()
			// The proxy's word is asked for, as a server would.
			_ = conn.RemoteAddr()
			var b [1]byte
			if _, err := io.ReadFull(conn, b[:]); err == nil {
				_, _ = conn.Write(b[:])
			}
		}()
	}
}
