package model

import "testing"

func TestLastQuestion(t *testing.T) {
	for prompt, want := range map[string]string{
		"":                          "",
		"How do I pay?":             "How do I pay?",
		"Refund: how do I get one?": "Refund: how do I get one?",
		"I forgot my password.\nThanks in advance!":                                             "I forgot my password. Thanks in advance!",
		"Note: I am abroad.\nHow do I pay?":                                                     "Note: I am abroad. How do I pay?",
		"A conversation with an assistant.\n\nHuman: Hello\nAI: Hi!\nHuman: How do I pay?\nAI:": "How do I pay?",
		"Human: Hello\nAI: Hi!\nHuman: My parcel\n\nhas not come.\nAI:\n":                       "My parcel has not come.",
		"Human: Hello\nAI: Hi!\nHuman: How do I pay?":                                           "How do I pay?",
		"Q: How do I pay: by card?\nA:":                                                         "How do I pay: by card?",
		"Be kind.\n\nHow do I\npay?\nAnswer:":                                                   "How do I pay?",
		"AI:":                                                                                   "AI:",
	} {
		if got := lastQuestion(prompt); got != want {
			t.Errorf("%q: %q, want %q", prompt, got, want)
		}
	}
}
