package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"pipe/stages/model"
)

func (a *app) generateCommand() *cobra.Command {
	p := model.Prompt{}
	var asJSON, alone bool
	c := &cobra.Command{
		Use:   "generate MODEL [PROMPT]",
		Short: "Let a registered language model write on",
		Long: `Generate writes the prompt and what a language model makes follow, token by token as
they are chosen. The same prompt, settings and seed give the same text. Without a
prompt, or with -, it is read from standard input.`,
		Example: `  pipe generate textgen@champion "func main() {"
  echo "ROMEO:" | pipe generate shakespeare --temperature 1 --top-p 0.9 --seed 7 --tokens 200`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.Check(); err != nil {
				return usageError{err}
			}
			if len(args) == 2 && args[1] != "-" {
				p.Text = args[1]
			} else {
				b, err := io.ReadAll(cmd.InOrStdin())
				if err != nil {
					return fmt.Errorf("read the prompt from standard input: %w", err)
				}
				p.Text = strings.TrimSuffix(string(b), "\n")
			}
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			m, v, err := w.ServedModel(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			g, ok := m.(model.Generator)
			if !ok {
				return fmt.Errorf("%s version %d is a model for %s and writes no text; `pipe predict` asks it", v.Model, v.Version, m.Signature().Task)
			}
			if asJSON {
				return generateJSON(cmd.Context(), cmd.OutOrStdout(), g, p, v.Model, v.Version)
			}
			return generateText(cmd.Context(), cmd.OutOrStdout(), g, p, alone)
		},
	}
	c.Flags().IntVar(&p.MaxTokens, "tokens", 200, "write at most so many tokens")
	c.Flags().Float64Var(&p.Temperature, "temperature", 0.8, "what logits are divided by; 0 takes the likeliest token")
	c.Flags().IntVar(&p.TopK, "top-k", 0, "consider so many of the likeliest tokens only; 0 for all")
	c.Flags().Float64Var(&p.TopP, "top-p", 1, "consider the likeliest tokens of this share of the probability only")
	c.Flags().Float64Var(&p.RepetitionPenalty, "repetition-penalty", 1, "make tokens that were there before less likely")
	c.Flags().Uint64Var(&p.Seed, "seed", 1, "of the draws")
	c.Flags().BoolVar(&alone, "only-new", false, "print what follows without the prompt")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON when the text has ended")
	return c
}

func generateText(ctx context.Context, w io.Writer, g model.Generator, p model.Prompt, alone bool) error {
	if !alone {
		if _, err := io.WriteString(w, p.Text); err != nil {
			return err
		}
	}
	_, err := g.Generate(ctx, p, func(piece model.Piece) error {
		_, err := io.WriteString(w, piece.Text)
		return err
	})
	if _, werr := io.WriteString(w, "\n"); err == nil {
		err = werr
	}
	return err
}

func generateJSON(ctx context.Context, w io.Writer, g model.Generator, p model.Prompt, name string, version int) error {
	var text strings.Builder
	r, err := g.Generate(ctx, p, func(piece model.Piece) error {
		text.WriteString(piece.Text)
		return nil
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(struct {
		Prompt       string `json:"prompt"`
		Text         string `json:"text"`
		Model        string `json:"model"`
		Version      int    `json:"version"`
		PromptTokens int    `json:"prompt_tokens"`
		NewTokens    int    `json:"new_tokens"`
		Ended        bool   `json:"ended"`
	}{p.Text, text.String(), name, version, r.PromptTokens, r.NewTokens, r.Ended})
}
