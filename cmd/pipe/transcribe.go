package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"pipe/registry"
	"pipe/stages/model"
	"pipe/stages/sound"
)

func (a *app) transcribeCommand() *cobra.Command {
	var asJSON bool
	var beams int
	var words string
	c := &cobra.Command{
		Use:   "transcribe MODEL FILE…",
		Short: "Tell what is said in recordings",
		Long: `Transcribe gives WAV files to a registered model and prints what it hears: the text of
one that transcribes, with the times of its words in JSON; the label of one that tells
words apart. With - as a file, the recording is read from standard input. A file that
cannot be read does not keep the others from being answered; the exit code tells it.`,
		Example: `  pipe transcribe digits@champion recording.wav
  pipe transcribe sequences@champion --beam 64 --words known recording.wav
  espeak-ng -w /dev/stdout seven | pipe transcribe digits@champion -`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			m, v, err := w.ServedModel(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			search, err := searchOf(cmd, m, v, beams, words)
			if err != nil {
				return err
			}
			return forEach(cmd, args[1:], "file", asJSON, func(file string) error {
				b, err := readAudio(cmd, file)
				if err != nil {
					return err
				}
				t, err := transcribe(cmd.Context(), m, v, search, b)
				if err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
				return showTranscript(cmd.OutOrStdout(), file, len(args) > 2, t, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a line of JSON for each file")
	c.Flags().IntVar(&beams, "beam", 0, "how many beginnings of the text are followed; 1 takes the likeliest answer at every step (default: as the model was made)")
	c.Flags().StringVar(&words, "words", "", "any, or known for words of the training only (default: as the model was made)")
	return c
}

// searchOf is how texts are looked for: as the model was made, but for what the flags
// say. It is nil for models that look for none.
func searchOf(cmd *cobra.Command, m model.Served, v registry.ModelVersion, beams int, words string) (*model.Search, error) {
	changed := cmd.Flags().Changed("beam") || cmd.Flags().Changed("words")
	r, ok := m.(*model.Recognizer)
	if !ok {
		if changed {
			return nil, usageError{fmt.Errorf("--beam and --words are for models of speech.train, and %s version %d is none", v.Model, v.Version)}
		}
		return nil, nil
	}
	search := r.Spelling().Search
	if cmd.Flags().Changed("beam") {
		search.Beams = beams
	}
	if cmd.Flags().Changed("words") {
		search.Words = words
	}
	if err := search.Check(); err != nil {
		return nil, usageError{err}
	}
	return &search, nil
}

func readAudio(cmd *cobra.Command, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(file)
}

// transcribe asks a model that transcribes, or one that labels recordings.
func transcribe(ctx context.Context, m model.Served, v registry.ModelVersion, search *model.Search, b []byte) (model.Transcript, error) {
	if r, ok := m.(*model.Recognizer); ok {
		clip, err := sound.DecodeWAV(b)
		if err != nil {
			return model.Transcript{}, err
		}
		if len(clip.Samples) == 0 {
			return model.Transcript{}, sound.ErrNoSamples
		}
		return r.TranscribeBy(ctx, clip.Samples, clip.Rate, *search)
	}
	p, ok := m.(model.Predictor)
	inputs := m.Signature().Inputs
	if !ok || len(inputs) != 1 || inputs[0].Type != "binary" {
		return model.Transcript{}, fmt.Errorf("%s version %d hears nothing: it reads no recordings", v.Model, v.Version)
	}
	answers, err := p.PredictRows(ctx, []map[string]any{{inputs[0].Name: b}})
	if err != nil {
		return model.Transcript{}, err
	}
	return model.Transcript{Text: fmt.Sprint(answers[0].Prediction), Confidence: float64(answers[0].Probability)}, nil
}

func showTranscript(w io.Writer, file string, several bool, t model.Transcript, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(struct {
			File string `json:"file"`
			model.Transcript
		}{file, t})
	}
	if several {
		fmt.Fprintf(w, "%s\t", file)
	}
	text, sure := t.Text, ""
	if text == "" {
		text = "(no words are heard)"
	}
	if t.Confidence > 0 {
		sure = fmt.Sprintf("  %.1f%%", 100*t.Confidence)
	}
	_, err := fmt.Fprintf(w, "%s%s\n", text, sure)
	return err
}
