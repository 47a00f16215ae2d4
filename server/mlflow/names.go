package mlflow

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"pipe/registry"
)

// MLflow's limits, in characters unless said otherwise.
const (
	maxKey            = 250
	maxParam          = 6000
	maxTag            = 8000
	maxExperimentName = 500
	maxExperimentTag  = 20_000
	maxModelName      = 256 // MLflow's column; it leaves the check to the database
	maxModelTag       = 100_000
	maxDescription    = 5000
	maxSource         = 500
	maxBatchBytes     = 1_000_000
	maxBatchMetrics   = 1000
	maxBatchPairs     = 100
	maxBatchAll       = 1000
)

// keyName is what metrics, parameters and tags may be called.
var keyName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[/\p{L}\p{N}_.\- :]*$`) })

// checkKey applies MLflow's rules for the name of a metric, parameter or tag.
func checkKey(name, where string) error {
	if len(name) > 8*maxKey {
		return tooManyCharacters(where, maxKey) // without quoting it
	}
	if !keyName().MatchString(name) {
		return wrongValue(name, where, "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).")
	}
	if clean := path.Clean(name); clean != name || clean == "." || strings.HasPrefix(clean, "..") || strings.HasPrefix(clean, "/") {
		return wrongValue(name, where, fmt.Sprintf("Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '%s'", clean))
	}
	if utf8.RuneCountInString(name) > maxKey {
		return tooManyCharacters(where, maxKey)
	}
	return nil
}

func wrongValue(value, where, why string) error {
	quoted, err := json.Marshal(clip(value))
	if err != nil {
		panic(err) // strings always marshal
	}
	return invalid("Invalid value %s for parameter '%s' supplied: %s", quoted, where, why)
}

func tooManyCharacters(what string, limit int) error {
	return invalid("'%s' exceeds the maximum length of %d characters", what, limit)
}

// checkLength refuses what is longer than limit characters.
func checkLength(what, s string, limit int) error {
	if len(s) > limit && utf8.RuneCountInString(s) > limit {
		return tooManyCharacters(what, limit)
	}
	return nil
}

// truncate cuts to limit characters, as MLflow does with values of parameters
// and tags of runs.
func truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n == limit {
			return s[:i]
		}
		n++
	}
	return s
}

// checkPairs checks keys and truncates values; where names the list ("tags")
// in errors.
func checkPairs(pairs []registry.Pair, where string, limit int) error {
	for i := range pairs {
		at := where
		if where != "" {
			at = fmt.Sprintf("%s[%d].key", where, i)
		} else {
			at = "key"
		}
		if pairs[i].Key == "" {
			return missing(at)
		}
		if err := checkKey(pairs[i].Key, at); err != nil {
			return err
		}
		pairs[i].Value = truncate(pairs[i].Value, limit)
	}
	return nil
}

// checkStrictPairs checks keys and refuses values that are too long.
func checkStrictPairs(pairs []registry.Pair, limit int) error {
	for _, p := range pairs {
		if err := checkKey(p.Key, "key"); err != nil {
			return err
		}
		if err := checkLength("value", p.Value, limit); err != nil {
			return err
		}
	}
	return nil
}

// checkModelName applies MLflow's rules for registered models.
func checkModelName(name, where string) error {
	if strings.TrimSpace(name) == "" {
		return missing(where)
	}
	if err := checkLength(where, name, maxModelName); err != nil {
		return err
	}
	if strings.ContainsAny(name, "/:") {
		return invalid("Invalid model name '%s'. Names cannot contain '/' or ':'.", clip(name))
	}
	if clean := path.Clean(name); clean != name || clean == "." || strings.HasPrefix(clean, "..") {
		return wrongValue(name, where, "Names may be treated as files in certain cases, and must not resolve to other names when treated as such.")
	}
	return nil
}

// experimentID reads the id of an experiment.
func experimentID(id string) (int64, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0, invalid("Invalid experiment ID '%s'. Experiment ID must be a valid integer.", clip(id))
	}
	return n, nil
}

// experimentIDs reads a list of ids.
func experimentIDs(ids []string) ([]int64, error) {
	list := make([]int64, 0, len(ids))
	for _, id := range ids {
		n, err := experimentID(id)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// versionNumber reads the number of a model version.
func versionNumber(v label) (int, error) {
	n, err := strconv.Atoi(string(v))
	if err != nil {
		return 0, invalid("Parameter 'version' must be an integer, got '%s'.", clip(string(v)))
	}
	return n, nil
}

// view reads MLflow's ViewType.
func view(v string) (registry.View, error) {
	switch strings.ToUpper(v) {
	case "", "ACTIVE_ONLY", "1":
		return registry.ActiveOnly, nil
	case "DELETED_ONLY", "2":
		return registry.DeletedOnly, nil
	case "ALL", "3":
		return registry.All, nil
	}
	return 0, invalid("Invalid view type '%s'", clip(v))
}

// pageSize checks max_results; nil is standard.
func pageSize(n *number, standard, most int) (int, error) {
	if n == nil {
		return standard, nil
	}
	if *n < 1 || int(*n) > most {
		return 0, invalid("Invalid value %d for parameter 'max_results' supplied. It must be at least 1 and at most %d", *n, most)
	}
	return int(*n), nil
}
