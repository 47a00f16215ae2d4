package model

import (
	"errors"
	"fmt"

	"pipe/stages/transform"
)

// Detokenizer is a model that knows texts by the numbers of their tokens.
type Detokenizer interface {
	// Detokenize gives the text of tokens; a number that is not in the vocabulary
	// is an error that tells its place, from 0.
	Detokenize(ids []int32) (string, error)
}

// Detokenize implements Detokenizer.
func (m *LanguageModel) Detokenize(ids []int32) (string, error) { return detokenize(m.language, ids) }

// Detokenize implements Detokenizer, where the transform cuts texts into tokens.
func (m *Model) Detokenize(ids []int32) (string, error) {
	l, ok := m.transform.(transform.Language)
	if !ok {
		return "", errors.New("the model does not read tokens")
	}
	return detokenize(l, ids)
}

func detokenize(l transform.Language, ids []int32) (string, error) {
	size := l.Signature().Tokens
	for i, id := range ids {
		if id < 0 || int(id) >= size {
			return "", fmt.Errorf("token %d is %d; the vocabulary of the model has the numbers 0 to %d", i, id, size-1)
		}
	}
	return l.DecodeIDs(ids), nil
}
