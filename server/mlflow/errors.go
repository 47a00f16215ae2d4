package mlflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"pipe/registry"
)

// apiError is an error in MLflow's form.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func invalid(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "INVALID_PARAMETER_VALUE", fmt.Sprintf(format, args...)}
}

func missing(name string) error {
	return invalid("Missing value for required parameter '%s'. See the API docs for more information about request parameters.", name)
}

func notFound(format string, args ...any) error {
	return &apiError{http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", fmt.Sprintf(format, args...)}
}

func permissionDenied(format string, args ...any) error {
	return &apiError{http.StatusForbidden, "PERMISSION_DENIED", fmt.Sprintf(format, args...)}
}

// classes are MLflow's newer names for some codes, which it sends beside them.
var classes = map[string]string{"RESOURCE_DOES_NOT_EXIST": "RESOURCE_NOT_FOUND", "BAD_REQUEST": "INVALID_PARAMETER_VALUE"}

// fail answers with an error. What is not the client's fault is logged and
// told without details.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := translate(err)
	if e.status == http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		s.opt.Log.Error("mlflow api", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	class := e.code
	if c, ok := classes[e.code]; ok {
		class = c
	}
	body, err := json.Marshal(map[string]string{"error_code": e.code, "message": e.message, "sqlstate": "KAM00", "error_class": class})
	if err != nil {
		panic(err) // strings always marshal
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.status)
	_, _ = w.Write(body) // the client went away
}

// translate finds MLflow's words for an error.
func translate(err error) *apiError {
	var api *apiError
	if errors.As(err, &api) {
		return api
	}
	var reg *registry.Error
	if !errors.As(err, &reg) {
		return &apiError{http.StatusInternalServerError, "INTERNAL_ERROR", "The server failed to do this; its log says why."}
	}
	switch reg.Kind {
	case registry.ErrNotFound:
		return translateMissing(reg)
	case registry.ErrExists:
		return &apiError{http.StatusBadRequest, "RESOURCE_ALREADY_EXISTS", existsText(reg)}
	case registry.ErrConflict:
		if reg.What == "run" || reg.What == "experiment" {
			return &apiError{http.StatusBadRequest, "INVALID_PARAMETER_VALUE",
				fmt.Sprintf("The %s %s must be in the 'active' state. Current state is deleted.", reg.What, reg.Name)}
		}
	}
	return &apiError{http.StatusBadRequest, "INVALID_PARAMETER_VALUE", reg.Text}
}

func translateMissing(e *registry.Error) *apiError {
	format := map[string]string{
		"experiment":         "No Experiment with id=%s exists",
		"deleted experiment": "No deleted Experiment with id=%s exists",
		"run":                "Run with id=%s not found",
		"model":              "Registered Model with name=%s not found",
		"logged model":       "Logged model with ID '%s' not found.",
		"trace":              "Trace with ID '%s' not found.",
	}[e.What]
	switch {
	case e.What == "alias":
		return &apiError{http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "Registered model alias " + e.Name + " not found."}
	case format == "":
		return &apiError{http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", e.Text}
	}
	return &apiError{http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", fmt.Sprintf(format, e.Name)}
}

func existsText(e *registry.Error) string {
	switch e.What {
	case "experiment":
		return fmt.Sprintf("Experiment(name=%s) already exists.", e.Name)
	case "model":
		return fmt.Sprintf("Registered Model (name=%s) already exists.", e.Name)
	}
	return e.Text
}

// as replaces the text of a registry error of a kind.
func as(err, kind error, format string, args ...any) error {
	if !errors.Is(err, kind) {
		return err
	}
	if kind == registry.ErrNotFound {
		return notFound(format, args...)
	}
	return invalid(format, args...)
}

// clip bounds what an error quotes.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}
