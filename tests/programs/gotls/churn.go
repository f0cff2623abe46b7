package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// mixers are the functions of the checksum program: a generated file fills them in.
var mixers []func(uint64) uint64

// churn: clients and a server in one process, over loopback, until the time is over.
// Each client starts a new goroutine, with a small stack, for each connection.
func churn(o *options) error {
	if o.deep == 0 {
		o.deep = 4000
	}
	o.nosum = true
	rounds, err := exchanges(o)
	say("rounds %d", rounds)
	return err
}

func exchanges(o *options) (int64, error) {
	config12, err := config(o, "any", true)
	if err != nil {
		return 0, err
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer tcp.Close()
	go accept(o, &listener{tcp, o, config12, func() {}})
	say("ready")
	waitForGo(o)
	var wait sync.WaitGroup
	var rounds int64
	var first firstError
	end := time.Now().Add(time.Duration(o.seconds) * time.Second)
	for i := 0; i < o.routines; i++ {
		spec := []string{"1.2", "1.3"}[i%2]
		config, err := config(o, spec, false)
		if err != nil {
			return 0, err
		}
		t := &target{spec: spec, address: tcp.Addr().String(), count: 1}
		wait.Add(1)
		go func() {
			defer wait.Done()
			for time.Now().Before(end) {
				if err := connectEach(o, t, config); err != nil {
					first.set(err)
					return
				}
				atomic.AddInt64(&rounds, 1)
			}
		}()
	}
	wait.Wait()
	return rounds, first.err
}

// mixAll runs every mixer; the result is the same each time.
func mixAll() uint64 {
	total := uint64(1)
	for round := uint64(0); round < 20; round++ {
		for i, mix := range mixers {
			total = mix(total ^ round ^ uint64(i))
		}
	}
	return total
}

// checksum prints each sum that differs from those before it, and how many there
// were, while connections come and go in the same process.
func checksum(o *options) error {
	if len(mixers) == 0 {
		return errors.New("built without its functions")
	}
	o.nosum = true
	o.parallel = 1
	sums := map[uint64]int{}
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				sums[mixAll()]++
			}
		}
	}()
	rounds, err := exchanges(o)
	close(stop)
	<-stopped
	for value, count := range sums {
		say("sum %016x %d", value, count)
	}
	say("rounds %d", rounds)
	if err == nil && len(sums) != 1 {
		err = fmt.Errorf("%d different sums", len(sums))
	}
	return err
}
