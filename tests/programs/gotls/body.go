package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
)

var seeds uint64

// block is what bodies are made of when no sums are taken: to make 100 MB of bytes that
// differ takes as long as to encrypt them.
var block []byte

func useBlock() {
	block = make([]byte, 1<<18)
	_, _ = newBody(len(block), false).Read(block)
}

// body is n bytes that no other body has: text, or binary.
type body struct {
	text  bool
	left  int
	state uint64
}

func newBody(n int, text bool) *body {
	seed := atomic.AddUint64(&seeds, 1) + uint64(os.Getpid())<<32
	return &body{text: text, left: n, state: seed * 0x9e3779b97f4a7c15}
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \n"

func (b *body) Read(data []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if len(data) > b.left {
		data = data[:b.left]
	}
	if block != nil {
		n := copy(data, block)
		b.left -= n
		return n, nil
	}
	for i := range data {
		b.state ^= b.state << 13
		b.state ^= b.state >> 7
		b.state ^= b.state << 17
		if b.text {
			data[i] = letters[b.state>>32&63]
		} else {
			data[i] = byte(b.state >> 32)
		}
	}
	b.left -= len(data)
	return len(data), nil
}

// path of an answer of n bytes, and back.
func path(n int, text bool) string {
	if text {
		return fmt.Sprintf("/t%d", n)
	}
	return fmt.Sprintf("/b%d", n)
}

func parsePath(path string) (n int, text bool, ok bool) {
	if len(path) < 3 || path[0] != '/' || path[1] != 't' && path[1] != 'b' {
		return 0, false, false
	}
	n, err := strconv.Atoi(path[2:])
	return n, path[1] == 't', err == nil && n >= 0 && n <= 1<<30
}

// deeply calls f at the given depth: the stack grows on the way, and has been moved
// when f runs.
func deeply(depth int, f func()) uint64 {
	var frame [24]uint64
	for i := range frame {
		frame[i] = uint64(depth + i)
	}
	if depth == 0 {
		f()
	} else {
		deeply(depth-1, f)
	}
	total := uint64(0)
	for i := range frame {
		total += frame[i] - uint64(depth+i)
	}
	if total != 0 {
		panic("a stack frame has changed")
	}
	return total
}

func (o *options) depth() int {
	if o.deep == 0 {
		return 0
	}
	return int(atomic.AddUint64(&seeds, 1) * 2654435761 % uint64(o.deep))
}
