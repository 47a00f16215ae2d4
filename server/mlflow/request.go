package mlflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// maxBody bounds a JSON request. MLflow's own bound, 1 MB, is only for
// log-batch; models' JSON and datasets' profiles may be longer.
const maxBody = 32 << 20

// number is an int64 that may be written as a number or, as Protocol Buffers'
// JSON does, as a string.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "null" {
		return nil
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(s, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<62 {
			return fmt.Errorf("%s is not an integer", clip(string(b)))
		}
		v = int64(f)
	}
	*n = number(v)
	return nil
}

// float is a float64 that may be written as a number, or as a string: "NaN",
// "Infinity", "-Infinity".
type float float64

func (f *float) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil && !math.IsInf(v, 0) {
		return fmt.Errorf("%s is not a number", clip(string(b)))
	}
	*f = float(v)
	return nil
}

// label is a string that may also be written as a number, such as a version.
type label string

func (l *label) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '"' {
		if string(b) != "null" {
			*l = label(b)
		}
		return nil
	}
	return json.Unmarshal(b, (*string)(l))
}

// decode reads a request into a struct: from the JSON body where there is one,
// otherwise from the query, then from the path. Fields are found by their json
// tag; a tag `need:"1"` says that the value must be there and not be empty.
func decode(w http.ResponseWriter, r *http.Request, dst any) error {
	if r.Method == http.MethodGet || r.ContentLength == 0 {
		if err := fromQuery(r.URL.Query(), dst); err != nil {
			return err
		}
	} else {
		body, err := readBody(w, r)
		if err != nil {
			return err
		}
		if err := fromJSON(body, dst); err != nil {
			return err
		}
	}
	v := reflect.ValueOf(dst).Elem()
	for i := range v.NumField() {
		name := jsonName(v.Type().Field(i))
		if name == "" {
			continue // embedded
		}
		if value := r.PathValue(name); value != "" {
			v.Field(i).SetString(value)
		}
		if v.Type().Field(i).Tag.Get("need") != "" && v.Field(i).IsZero() {
			return missing(name)
		}
	}
	return nil
}

// readBody reads a JSON body. Its type must be said: a form or text/plain may
// be sent by a page of any origin without asking first.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, invalid("Bad Request. Content-Type must be one of ['application/json'].")
	}
	if r.ContentLength > maxBody {
		return nil, tooLong()
	}
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err = body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			return nil, tooLong()
		}
		return nil, invalid("The request body could not be read: %v", err)
	}
	return body.Bytes(), nil
}

func tooLong() error { return invalid("The request is longer than %d bytes.", maxBody) }

// fromJSON decodes a body into a struct or map. When it does not fit, each
// field is tried alone, to name the first that is wrong as MLflow does.
func fromJSON(body []byte, dst any) error {
	err := json.Unmarshal(body, dst)
	if err == nil {
		return nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return &apiError{http.StatusBadRequest, "BAD_REQUEST", fmt.Sprintf("The request is not a JSON object: %v", err)}
	}
	if t := reflect.TypeOf(dst).Elem(); t.Kind() == reflect.Struct {
		if name := misfit(fields, t); name != "" {
			return invalid("Invalid value %s for parameter '%s' supplied:  Hint: Value was of type '%s'. See the API docs for more information about request parameters.",
				clip(compact(fields[name])), name, pythonType(fields[name]))
		}
	}
	return invalid("Invalid value in the request: %v", err)
}

// misfit finds the first field, in the order of the struct, whose value cannot
// be decoded.
func misfit(fields map[string]json.RawMessage, t reflect.Type) string {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			if name := misfit(fields, f.Type); name != "" {
				return name
			}
			continue
		}
		value, ok := fields[jsonName(f)]
		if ok && json.Unmarshal(value, reflect.New(f.Type).Interface()) != nil {
			return jsonName(f)
		}
	}
	return ""
}

func compact(value json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		return string(value)
	}
	return b.String()
}

// pythonType is what MLflow's hints call the type of a JSON value.
func pythonType(value json.RawMessage) string {
	switch c := value[0]; {
	case c == '"':
		return "str"
	case c == '[':
		return "list"
	case c == '{':
		return "dict"
	case c == 't' || c == 'f':
		return "bool"
	case bytes.ContainsAny(value, ".eE"):
		return "float"
	}
	return "int"
}

// fromQuery sets fields from query parameters.
func fromQuery(q url.Values, dst any) error {
	v := reflect.ValueOf(dst).Elem()
	for i := range v.NumField() {
		name := jsonName(v.Type().Field(i))
		values, ok := q[name]
		if !ok || len(values) == 0 {
			continue
		}
		if err := setField(v.Field(i), values); err != nil {
			return invalid("Invalid value %q for parameter '%s' supplied: %v", clip(values[0]), name, err)
		}
	}
	return nil
}

func setField(f reflect.Value, values []string) error {
	switch f.Kind() {
	case reflect.String:
		f.SetString(values[0])
	case reflect.Int64:
		n, err := strconv.ParseInt(values[0], 10, 64)
		if err != nil {
			return errors.New("it is not an integer")
		}
		f.SetInt(n)
	case reflect.Bool:
		b, err := strconv.ParseBool(values[0])
		if err != nil {
			return errors.New("it is not a boolean")
		}
		f.SetBool(b)
	case reflect.Slice:
		if f.Type().Elem().Kind() != reflect.String {
			return errors.New("it cannot be in a query")
		}
		f.Set(reflect.ValueOf(values).Convert(f.Type()))
	case reflect.Pointer:
		p := reflect.New(f.Type().Elem())
		if err := setField(p.Elem(), values); err != nil {
			return err
		}
		f.Set(p)
	default:
		return errors.New("it cannot be in a query")
	}
	return nil
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
