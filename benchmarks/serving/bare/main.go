// Command bare is the least that a JSON service in Go can be: net/http and
// encoding/json. A trivial model of `pipe serve` is held against it.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("POST /predict/trivial", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Text string `json:"text"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		label, p := "short", 0.75
		if len(in.Text) > 40 {
			label = "long"
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"prediction": label, "probability": p, "probabilities": map[string]float64{label: p, "other": 1 - p}})
	})
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, http.Serve(l, nil))
}
