package model

import (
	"context"
	"io"
	"strings"

	"pipe/stages/nn"
)

// An Answers also takes the forms in which chatbots ask, so that one that was written
// for a language model can be pointed at it.

// writeVectors writes the vectors of the questions.
func (a *Answers) writeVectors(w io.Writer) error {
	return nn.WriteSafetensors(w, []nn.Array{{Name: "questions", Shape: nn.Shape{len(a.table.Questions), a.encoder.Dim()}, Data: a.vectors}}, nil)
}

// Generate implements Generator: the answer to the question that the prompt ends with,
// word by word.
func (a *Answers) Generate(ctx context.Context, p Prompt, emit func(Piece) error) (Generated, error) {
	replies, err := a.Ask(ctx, []string{lastQuestion(p.Text)})
	if err != nil {
		return Generated{}, err
	}
	words := strings.SplitAfter(replies[0].Answer, " ")
	g := Generated{PromptTokens: len(strings.Fields(p.Text)), Ended: true}
	for _, word := range words {
		if g.NewTokens == p.MaxTokens {
			g.Ended = false
			break
		}
		if err := ctx.Err(); err != nil {
			return g, err
		}
		if err := emit(Piece{Text: word, Token: word}); err != nil {
			return g, err
		}
		g.NewTokens++
	}
	return g, nil
}

// ChatPrompt implements Chatter: what the user said last is the question.
func (a *Answers) ChatPrompt(messages []Message) (string, error) {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == "user" {
			return messages[i].Content, nil
		}
	}
	return "", nil
}

// lastQuestion finds the question in a prompt such as
//
//	The following is a conversation with an assistant.
//	Human: How do I get my money back?
//	AI:
//
// It may have several lines. Where nobody is named whose turn it is, all of the prompt
// is the question, or, in a conversation, what was said last.
func lastQuestion(prompt string) string {
	lines := strings.Split(strings.TrimSpace(prompt), "\n")
	last, turns := len(lines), 0
	if last > 1 && isSpeaker(strings.TrimSpace(lines[last-1])) {
		last--
		turns = 1 // of the one who answers
	}
	first := 0
	for i := last - 1; i >= 0; i-- {
		if who, _, ok := strings.Cut(strings.TrimSpace(lines[i]), ":"); ok && isSpeaker(who+":") {
			first = max(first, i)
			turns++
		}
	}
	if turns < 2 { // a colon is no conversation
		if turns == 0 || last == len(lines) {
			return joined(lines)
		}
		for first = last - 1; first > 0 && strings.TrimSpace(lines[first-1]) != ""; first-- {
		}
		return joined(lines[first:last])
	}
	_, said, _ := strings.Cut(lines[first], ":")
	return joined(append([]string{said}, lines[first+1:last]...))
}

func joined(lines []string) string {
	return strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
}

// isSpeaker tells whether a line is a name with a colon, such as "Human:".
func isSpeaker(line string) bool {
	name, ok := strings.CutSuffix(line, ":")
	return ok && name != "" && len(name) <= 20 && !strings.Contains(name, " ")
}
