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
	c := &cobra.Command{
		Use:   "transcribe MODEL FILE…",
		Short: "Tell what is said in recordings",
		Long: `Transcribe gives WAV files to a registered model and prints what it hears: the text of
one that transcribes, the label of one that tells words apart. With - as a file,
the recording is read from standard input.`,
		Example: `  pipe transcribe digits@champion recording.wav
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
			for _, file := range args[1:] {
				b, err := readAudio(cmd, file)
				if err != nil {
					return err
				}
				t, err := transcribe(cmd.Context(), m, v, b)
				if err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
				if err := showTranscript(cmd.OutOrStdout(), file, len(args) > 2, t, asJSON); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a line of JSON for each file")
	return c
}

func readAudio(cmd *cobra.Command, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(file)
}

// transcribe asks a model that transcribes, or one that labels recordings.
func transcribe(ctx context.Context, m model.Served, v registry.ModelVersion, b []byte) (model.Transcript, error) {
	if t, ok := m.(model.Transcriber); ok {
		clip, err := sound.DecodeWAV(b)
		if err != nil {
			return model.Transcript{}, err
		}
		return t.Transcribe(ctx, clip.Samples, clip.Rate)
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
	sure := ""
	if t.Confidence > 0 {
		sure = fmt.Sprintf("  %.1f%%", 100*t.Confidence)
	}
	_, err := fmt.Fprintf(w, "%s%s\n", t.Text, sure)
	return err
}
