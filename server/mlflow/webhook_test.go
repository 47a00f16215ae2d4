package mlflow

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pipe/registry"
)

// call is what a webhook was sent.
type call struct {
	header http.Header
	body   []byte
}

// receiver is a server that webhooks call; it refuses the first times.
func receiver(t *testing.T, refusals int32) (url string, calls chan call) {
	calls = make(chan call, 100)
	var n atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) <= refusals {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		calls <- call{r.Header, body}
		_, _ = io.WriteString(w, "thanks")
	}))
	t.Cleanup(web.Close)
	return web.URL + "/hook", calls
}

func TestWebhooksAreToldOfChanges(t *testing.T) {
	url, calls := receiver(t, 2)
	web, _ := startWith(t, Options{PrivateWebhooks: true, webhookWait: time.Millisecond})
	c := client{t, web.URL}
	type obj = map[string]any
	event := func(name string) obj {
		entity, action, _ := strings.Cut(name, ".")
		return obj{"entity": strings.ToUpper(entity), "action": strings.ToUpper(action)}
	}
	var all []obj
	for _, name := range sortedKeys(webhookExamples) {
		all = append(all, event(name))
	}
	made := c.must("POST", api+"webhooks", obj{"name": "all", "url": url, "events": all, "secret": "s3cret"})
	if strings.Contains(fmt.Sprint(made), "s3cret") {
		t.Error("the answer shows the secret")
	}
	c.must("POST", api+"webhooks", obj{"name": "off", "url": url, "events": all, "status": "DISABLED"})
	c.must("POST", api+"webhooks", obj{"name": "other", "url": url, "events": []obj{event("prompt_alias.deleted")}})

	tags := func(key, value string) []obj { return []obj{{"key": key, "value": value}} }
	for _, step := range []struct {
		method, path string
		body         obj
		event        string
		data         string
	}{
		{"POST", "registered-models/create", obj{"name": "m", "tags": tags("a", "b"), "description": "d"}, "registered_model.created",
			`{"name": "m", "tags": {"a": "b"}, "description": "d"}`},
		{"POST", "model-versions/create", obj{"name": "m", "source": "s3://b/x"}, "model_version.created",
			`{"name": "m", "version": "1", "source": "s3://b/x", "run_id": null, "tags": {}, "description": null}`},
		{"POST", "model-versions/set-tag", obj{"name": "m", "version": "1", "key": "k", "value": "v"}, "model_version_tag.set",
			`{"name": "m", "version": "1", "key": "k", "value": "v"}`},
		{"DELETE", "model-versions/delete-tag", obj{"name": "m", "version": "1", "key": "k"}, "model_version_tag.deleted", `{"name": "m", "version": "1", "key": "k"}`},
		{"POST", "registered-models/alias", obj{"name": "m", "alias": "champion", "version": "1"}, "model_version_alias.created",
			`{"name": "m", "alias": "champion", "version": "1"}`},
		{"DELETE", "registered-models/alias", obj{"name": "m", "alias": "champion"}, "model_version_alias.deleted", `{"name": "m", "alias": "champion"}`},
		{"POST", "registered-models/create", obj{"name": "p", "tags": tags(promptTag, "true")}, "prompt.created", `{"name": "p", "tags": {}, "description": ""}`},
		{"POST", "registered-models/set-tag", obj{"name": "p", "key": "k", "value": "v"}, "prompt_tag.set", `{"name": "p", "key": "k", "value": "v"}`},
		{"DELETE", "registered-models/delete-tag", obj{"name": "p", "key": "k"}, "prompt_tag.deleted", `{"name": "p", "key": "k"}`},
		{"POST", "model-versions/create", obj{"name": "p", "source": "prompt-template", "tags": []obj{{"key": promptTag, "value": "true"}, {"key": promptTextTag, "value": "Hi {{x}}"}}},
			"prompt_version.created", `{"name": "p", "version": "1", "template": "Hi {{x}}", "tags": {}, "description": null}`},
		{"POST", "registered-models/alias", obj{"name": "p", "alias": "best", "version": "1"}, "prompt_alias.created", `{"name": "p", "alias": "best", "version": "1"}`},
	} {
		c.must(step.method, api+step.path, step.body)
		var got call
		select {
		case got = <-calls:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: nobody called", step.event)
		}
		var sent struct {
			Entity, Action, Timestamp string
			Data                      any
		}
		if err := json.Unmarshal(got.body, &sent); err != nil {
			t.Fatal(err)
		}
		var want any
		if err := json.Unmarshal([]byte(step.data), &want); err != nil {
			t.Fatal(err)
		}
		if sent.Entity+"."+sent.Action != step.event || !reflect.DeepEqual(sent.Data, want) {
			t.Errorf("got %s, want %s of %s", got.body, step.data, step.event)
		}
		if _, err := time.Parse(time.RFC3339Nano, sent.Timestamp); err != nil {
			t.Error(err)
		}
		mac := hmac.New(sha256.New, []byte("s3cret"))
		fmt.Fprintf(mac, "%s.%s.%s", got.header.Get("X-MLflow-Delivery-Id"), got.header.Get("X-MLflow-Timestamp"), got.body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); got.header.Get("X-MLflow-Signature") != want {
			t.Errorf("%s is signed %q, want %q", step.event, got.header.Get("X-MLflow-Signature"), want)
		}
	}
	if len(calls) > 0 {
		t.Errorf("%d calls more: %s", len(calls), (<-calls).body)
	}
}

func TestWebhookIsKeptChangedTestedDeleted(t *testing.T) {
	url, calls := receiver(t, 0)
	web, _ := startWith(t, Options{PrivateWebhooks: true})
	c := client{t, web.URL}
	type obj = map[string]any
	created := []obj{{"entity": "REGISTERED_MODEL", "action": "CREATED"}}
	id := dig(c.must("POST", api+"webhooks", obj{"name": "w", "url": url, "events": created}), "webhook", "webhook_id").(string)
	c.must("POST", api+"webhooks", obj{"name": "w2", "url": url, "events": created})
	got := c.must("PATCH", api+"webhooks/"+id, obj{"description": "told", "events": []obj{{"entity": "MODEL_VERSION_TAG", "action": "SET"}}, "status": "DISABLED"})
	if dig(got, "webhook", "status") != "DISABLED" || dig(got, "webhook", "name") != "w" || dig(got, "webhook", "events", 0, "action") != "SET" {
		t.Errorf("changed to %v", got)
	}
	for _, try := range []struct {
		method, path string
	}{{"POST", "webhooks"}, {"PATCH", "webhooks/" + id}} {
		if status, answer := c.do(try.method, api+try.path, obj{"name": "w3", "url": url, "events": []obj{}}); status != http.StatusBadRequest {
			t.Errorf("%s without events: %d %v", try.method, status, answer)
		}
	}
	page := c.must("GET", api+"webhooks?max_results=1", nil)
	if dig(page, "webhooks", 0, "name") != "w2" {
		t.Errorf("the newest is not the first: %v", page)
	}
	rest := c.must("GET", fmt.Sprint(api, "webhooks?max_results=1&page_token=", page["next_page_token"]), nil)
	if dig(rest, "webhooks", 0, "webhook_id") != id || rest["next_page_token"] != nil {
		t.Errorf("the second page is %v", rest)
	}
	result := c.must("POST", api+"webhooks/"+id+"/test", obj{})["result"]
	if dig(result, "success") != true || dig(result, "response_body") != "thanks" || dig(result, "response_status") != 200.0 {
		t.Errorf("a test gave %v", result)
	}
	if sent := string((<-calls).body); !strings.Contains(sent, `"key":"example_key"`) || !strings.Contains(sent, `"action":"set"`) {
		t.Errorf("a test sent %s", sent)
	}
	c.must("DELETE", api+"webhooks/"+id, nil)
	for _, try := range []struct{ method, path string }{{"GET", id}, {"PATCH", id}, {"DELETE", id}, {"POST", id + "/test"}} {
		if status, answer := c.do(try.method, api+"webhooks/"+try.path, obj{}); status != http.StatusNotFound {
			t.Errorf("%s %s: %d %v", try.method, try.path, status, answer)
		}
	}
}

// A webhook makes the server call somebody: never its own network, unless that
// is allowed.
func TestWebhooksToPrivateAddressesAreRefused(t *testing.T) {
	url, calls := receiver(t, 0)
	web, reg := start(t)
	c := client{t, web.URL}
	type obj = map[string]any
	created := []obj{{"entity": "REGISTERED_MODEL", "action": "CREATED"}}
	for _, bad := range []string{url, "http://example.com/", "https://localhost/x", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/meta-data/",
		"https://10.0.0.1/", "https://192.168.1.1/", "https://100.64.0.1/", "https://[::ffff:169.254.169.254]/", "https://[64:ff9b::a9fe:a9fe]/", "https://[fd00:ec2::254]/",
		"https://metadata.google.internal/", "https://0/", "https://2130706433/", "https://0x7f.1/", "file:///etc/passwd", "gopher://example.com/", "https:///x", "   ", "https://a b/"} {
		status, answer := c.do("POST", api+"webhooks", obj{"name": "w", "url": bad, "events": created})
		if status == http.StatusOK { // only its name is seen: then it is refused when it is called
			id := dig(answer, "webhook", "webhook_id").(string)
			if r := c.must("POST", api+"webhooks/"+id+"/test", obj{})["result"]; dig(r, "success") != false || dig(r, "response_status") != nil {
				t.Errorf("%s was called: %v", bad, r)
			}
			c.must("DELETE", api+"webhooks/"+id, nil)
		} else if status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", bad, status, answer)
		}
	}
	// One from a time when it was allowed.
	if _, err := reg.PutWebhook(t.Context(), registry.Webhook{Name: "old", URL: url, Events: []string{"registered_model.created"}}, registry.Audit{}); err != nil {
		t.Fatal(err)
	}
	c.must("POST", api+"registered-models/create", obj{"name": "m"})
	select {
	case got := <-calls:
		t.Errorf("a private address was called: %s", got.body)
	case <-time.After(100 * time.Millisecond):
	}
}
