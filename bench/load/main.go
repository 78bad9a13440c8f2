// Load answers every request with a short text, or sends requests for a while and counts the answers.
//
//	load serve ADDRESS...
//	load send URL CONNECTIONS SECONDS
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("cannot go on: say serve ADDRESS... or send URL CONNECTIONS SECONDS")
	}
	if os.Args[1] == "serve" {
		serve(os.Args[2:])
		return
	}
	send(os.Args[2], number(os.Args[3]), time.Duration(number(os.Args[4]))*time.Second)
}

func serve(addresses []string) {
	answer := []byte(`{"status":"success","data":{"resultType":"streams","result":[]}}`)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(answer)
	})
	for _, address := range addresses[1:] {
		go func() { log.Fatal(http.ListenAndServe(address, handler)) }()
	}
	log.Fatal(http.ListenAndServe(addresses[0], handler))
}

func send(url string, connections int, length time.Duration) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	var good, bad atomic.Int64
	var all sync.WaitGroup
	end := time.Now().Add(length)
	for range connections {
		all.Add(1)
		go func() {
			defer all.Done()
			for time.Now().Before(end) {
				answer, err := client.Get(url)
				if err != nil || answer.StatusCode != http.StatusOK {
					bad.Add(1)
				} else {
					good.Add(1)
				}
				if err == nil {
					_, _ = io.Copy(io.Discard, answer.Body)
					answer.Body.Close()
				}
			}
		}()
	}
	all.Wait()
	fmt.Println(good.Load(), bad.Load())
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		log.Fatalf("cannot read %q: it is not a number", text)
	}
	return value
}
