// Command llama2c tells a story with a model in llama2.c's first format
// (github.com/karpathy/llama2.c), such as stories260K.bin with tok512.bin, always
// choosing the most likely token:
//
//	go run ./examples/llama2c stories260K.bin tok512.bin
//
// It shows how weights of another program become a network of stages/nn.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"pipe/stages/nn"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: llama2c MODEL TOKENIZER")
		os.Exit(3)
	}
	text, err := tellFrom(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "llama2c:", err)
		os.Exit(1)
	}
	fmt.Println(text)
}

// tellFrom tells the story of the model and the tokenizer in two files.
func tellFrom(model, tokenizer string) (string, error) {
	data, err := os.ReadFile(model)
	if err != nil {
		return "", err
	}
	n, err := readModel(data)
	if err != nil {
		return "", fmt.Errorf("%s: %w", model, err)
	}
	if data, err = os.ReadFile(tokenizer); err != nil {
		return "", err
	}
	pieces, err := readPieces(data, n.Context.Vocab)
	if err != nil {
		return "", fmt.Errorf("%s: %w", tokenizer, err)
	}
	return tell(n, pieces, 200)
}

// begin is the token before a text, and behind it.
const begin = 1

// tell returns up to so many tokens of text.
func tell(n *nn.Network, pieces []string, tokens int) (string, error) {
	length := n.Input.Shape[0]
	d, err := n.NewDecoder(length)
	if err != nil {
		return "", err
	}
	var told strings.Builder
	token, choose := int32(begin), nn.Sampler{}.Chooser(0)
	for range min(tokens, length) {
		logits, err := d.Next(context.Background(), token)
		if err != nil {
			return "", err
		}
		next := choose.Choose(logits)
		if next == begin {
			break
		}
		piece := pieces[next]
		if token == begin {
			piece = strings.TrimPrefix(piece, " ")
		}
		var b byte
		if _, err := fmt.Sscanf(piece, "<0x%02X>", &b); err == nil {
			piece = string([]byte{b})
		}
		told.WriteString(piece)
		token = next
	}
	return strings.TrimSpace(told.String()), nil
}
