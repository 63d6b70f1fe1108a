// Calls a server of test.Things as Go programs do, and says what came of it: one line of JSON.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	things  = "/test.Things/"
	million = 1_000_000
)

// raw sends bytes as they are.
type raw struct{}

func (raw) Marshal(value any) ([]byte, error) { return *value.(*[]byte), nil }
func (raw) Unmarshal(data []byte, value any) error {
	*value.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "proto" }

var both = &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

func connect(address, authority string) *grpc.ClientConn {
	secrets := insecure.NewCredentials()
	if authority != "" {
		pem, err := os.ReadFile(authority)
		must(err)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		secrets = credentials.NewTLS(&tls.Config{RootCAs: pool})
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(secrets),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(64*million)))
	must(err)
	return connection
}

func call(connection *grpc.ClientConn, within time.Duration, name string, sent []byte, options ...grpc.CallOption) ([]byte, error) {
	context, done := context.WithTimeout(context.Background(), within)
	defer done()
	var got []byte
	err := connection.Invoke(metadata.AppendToOutgoingContext(context, "x-language", "go"), things+name, &sent, &got, options...)
	return got, err
}

func echoes(connection *grpc.ClientConn, size int, options ...grpc.CallOption) bool {
	sent := bytes.Repeat([]byte("go"), size/2)
	got, err := call(connection, 20*time.Second, "Echo", sent, options...)
	return err == nil && bytes.Equal(got, sent)
}

func atOnce(connection *grpc.ClientConn) bool {
	var group sync.WaitGroup
	results := make([]bool, 200)
	for i := range results {
		group.Add(1)
		go func() {
			defer group.Done()
			sent := []byte(fmt.Sprint(i))
			got, err := call(connection, 20*time.Second, "Echo", sent)
			results[i] = err == nil && bytes.Equal(got, sent)
		}()
	}
	group.Wait()
	for _, result := range results {
		if !result {
			return false
		}
	}
	return true
}

func counted(connection *grpc.ClientConn) int {
	stream, err := connection.NewStream(context.Background(), both, things+"Count")
	must(err)
	sent := []byte("500 20000")
	must(stream.SendMsg(&sent))
	must(stream.CloseSend())
	for n := 0; ; n++ {
		var got []byte
		if err := stream.RecvMsg(&got); err == io.EOF {
			return n
		} else if err != nil {
			return -1
		}
	}
}

func inTurns(connection *grpc.ClientConn) bool {
	stream, err := connection.NewStream(context.Background(), both, things+"EchoAll")
	must(err)
	for i := range 100 {
		sent, got := bytes.Repeat([]byte{byte(i)}, i*1000), []byte{}
		must(stream.SendMsg(&sent))
		if err := stream.RecvMsg(&got); err != nil || !bytes.Equal(got, sent) {
			return false
		}
	}
	must(stream.CloseSend())
	var got []byte
	return stream.RecvMsg(&got) == io.EOF
}

func cancelled(connection *grpc.ClientConn) string {
	context, cancel := context.WithCancel(context.Background())
	time.AfterFunc(200*time.Millisecond, cancel)
	sent, got := []byte("60"), []byte{}
	return status.Code(connection.Invoke(context, things+"Wait", &sent, &got)).String()
}

// overTime counts the calls that failed within a second of asking.
func overTime(connection *grpc.ClientConn) int {
	failed := 0
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		if !echoes(connection, 100) {
			failed++
		}
	}
	return failed
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func code(_ []byte, err error) string { return status.Code(err).String() }

func main() {
	authority := ""
	if len(os.Args) > 2 {
		authority = os.Args[2]
	}
	connection := connect(os.Args[1], authority)
	defer connection.Close()
	_, failure := call(connection, 20*time.Second, "Fail", []byte("süß 100 %"))
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"short":    echoes(connection, 10),
		"empty":    echoes(connection, 0),
		"long":     echoes(connection, 5*million),
		"gzip":     echoes(connection, million, grpc.UseCompressor(gzip.Name)),
		"at_once":  atOnce(connection),
		"error":    status.Convert(failure).Message(),
		"code":     code(nil, failure),
		"unknown":  code(call(connection, 20*time.Second, "Nothing", nil)),
		"late":     code(call(connection, 200*time.Millisecond, "Wait", []byte("60"))) == codes.DeadlineExceeded.String(),
		"cancel":   cancelled(connection),
		"counted":  counted(connection),
		"in_turns": inTurns(connection),
		"failed":   overTime(connection),
	}))
}
