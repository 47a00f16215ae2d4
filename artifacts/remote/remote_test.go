package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"pipe/artifacts"
)

// Every backend passes the same tests.
var backends = map[string]func(t *testing.T) string{
	"file":   func(t *testing.T) string { return "file://" + filepath.ToSlash(t.TempDir()) + "/shared" },
	"memory": func(t *testing.T) string { return "mem://" },
	"s3":     fakeS3,
	"google": fakeGoogle,
}

// fakeGoogle serves a bucket as Google does: by S3's protocol, and deaf to a
// signature that covers a header that its servers change.
func fakeGoogle(t *testing.T) string {
	t.Setenv("GS_ACCESS_KEY_ID", "id")
	t.Setenv("GS_SECRET_ACCESS_KEY", "secret")
	backend := s3mem.New()
	if err := backend.CreateBucket("shared"); err != nil {
		t.Fatal(err)
	}
	s3 := gofakes3.New(backend).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed := r.Header.Get("Authorization")
		if !strings.Contains(signed, "Credential=id/") || strings.Contains(strings.ToLower(signed), "accept-encoding") ||
			r.Header.Get("X-Amz-Trailer") != "" || r.Header.Get("X-Amz-Sdk-Checksum-Algorithm") != "" {
			http.Error(w, "SignatureDoesNotMatch", http.StatusForbidden)
			return
		}
		s3.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return "gs://shared?endpoint=" + url.QueryEscape(server.URL)
}

func TestGoogleNeedsAKey(t *testing.T) {
	t.Setenv("GS_ACCESS_KEY_ID", "")
	if _, err := Open(t.Context(), "gs://shared"); err == nil || !strings.Contains(err.Error(), "GS_ACCESS_KEY_ID and GS_SECRET_ACCESS_KEY") {
		t.Error(err)
	}
	t.Setenv("GS_ACCESS_KEY_ID", "id")
	t.Setenv("GS_SECRET_ACCESS_KEY", "secret")
	if _, err := Open(t.Context(), "gs://shared?region=x"); err == nil || !strings.Contains(err.Error(), `there is no setting "region"`) {
		t.Error(err)
	}
}

// fakeS3 serves a bucket by S3's protocol on this machine.
func fakeS3(t *testing.T) string {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	backend := s3mem.New()
	if err := backend.CreateBucket("shared"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	return "s3://shared?region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape(server.URL)
}

func forEachBackend(t *testing.T, test func(t *testing.T, r *Remote)) {
	for name, address := range backends {
		t.Run(name, func(t *testing.T) {
			r, err := Open(t.Context(), address(t))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			test(t, r)
		})
	}
}

func newStore(t *testing.T) *artifacts.Store {
	t.Helper()
	s, err := artifacts.Open(filepath.Join(t.TempDir(), ".pipe"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func keyOf(text string) artifacts.Key {
	sum := sha256.Sum256([]byte(text))
	return artifacts.Key(hex.EncodeToString(sum[:]))
}

// runStage makes a record with a file and a folder that share an object.
func runStage(t *testing.T, s *artifacts.Store, name string) *artifacts.Record {
	t.Helper()
	file, err := s.PutBytes(artifacts.File, "txt", bytes.Repeat([]byte(name), 1000))
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.CreateFolder(artifacts.Model)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Abort()
	if err := f.Add("shared", file); err != nil {
		t.Fatal(err)
	}
	w, err := f.Create("a/own")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, "of ", name)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	model, err := f.Commit()
	if err != nil {
		t.Fatal(err)
	}
	r := &artifacts.Record{Kind: "test", Outputs: map[string]artifacts.Ref{"file": file, "model": model}, Metrics: []byte(`{"n":1}`)}
	if err := s.Record(keyOf(name), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func keys(names ...string) (what artifacts.Roots) {
	for _, name := range names {
		what.Keys = append(what.Keys, keyOf(name))
	}
	return what
}

func TestAColleaguesResultIsAHit(t *testing.T) {
	forEachBackend(t, func(t *testing.T, r *Remote) {
		ctx := t.Context()
		mine, theirs := newStore(t), newStore(t)
		want := runStage(t, mine, "train")
		if _, ok, err := r.Lookup(ctx, theirs, keyOf("train")); ok || err != nil {
			t.Fatalf("before the push: %v, %v", ok, err)
		}
		report, err := r.Push(ctx, mine, keys("train"))
		if err != nil || report.Records != 1 || report.Objects != 3 || report.Bytes == 0 {
			t.Fatalf("%+v, %v", report, err)
		}
		if again, err := r.Push(ctx, mine, keys("train")); err != nil || again != (Report{}) {
			t.Errorf("second push: %+v, %v", again, err)
		}

		got, ok, err := r.Lookup(ctx, theirs, keyOf("train"))
		if !ok || err != nil {
			t.Fatalf("after the push: %v, %v", ok, err)
		}
		if got.Outputs["model"] != want.Outputs["model"] || string(got.Metrics) != `{"n":1}` {
			t.Errorf("%+v", got)
		}
		folder, err := theirs.OpenFolder(got.Outputs["model"])
		if err != nil {
			t.Fatal(err)
		}
		if b, err := folder.ReadFile("a/own"); err != nil || string(b) != "of train" {
			t.Errorf("%q, %v", b, err)
		}
		if again, err := r.Pull(ctx, theirs, keys("train")); err != nil || again != (Report{}) {
			t.Errorf("pull of what is there: %+v, %v", again, err)
		}
		if _, ok := theirs.Lookup(keyOf("train")); !ok {
			t.Error("the answer was not kept")
		}
		if findings, err := theirs.Verify(ctx, nil); err != nil || len(findings) > 0 {
			t.Errorf("%v, %v", findings, err)
		}
	})
}

func TestArtifactsAreMovedWithoutRecords(t *testing.T) {
	forEachBackend(t, func(t *testing.T, r *Remote) {
		mine, theirs := newStore(t), newStore(t)
		model := runStage(t, mine, "train").Outputs["model"]
		what := artifacts.Roots{Refs: []artifacts.Ref{model}}
		if _, err := r.Push(t.Context(), mine, what); err != nil {
			t.Fatal(err)
		}
		report, err := r.Pull(t.Context(), theirs, what)
		if err != nil || report.Objects != 3 || report.Records != 0 || !theirs.Has(model) {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestDamagedObjectsAreNotPulled(t *testing.T) {
	forEachBackend(t, func(t *testing.T, r *Remote) {
		ctx := t.Context()
		mine := newStore(t)
		file := runStage(t, mine, "train").Outputs["file"]
		if _, err := r.Push(ctx, mine, keys("train")); err != nil {
			t.Fatal(err)
		}
		sound, err := r.bucket.ReadAll(ctx, objectName(file.Digest))
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(sound)
		flipped[100] ^= 1
		for _, bad := range [][]byte{flipped, sound[:10], append(bytes.Clone(sound), 0)} {
			if err := r.bucket.WriteAll(ctx, objectName(file.Digest), bad, nil); err != nil {
				t.Fatal(err)
			}
			theirs := newStore(t)
			_, ok, err := r.Lookup(ctx, theirs, keyOf("train"))
			if ok || err == nil || !strings.Contains(err.Error(), string(file.Digest)) {
				t.Errorf("%d bytes: %v, %v", len(bad), ok, err)
			}
			if theirs.Has(file) {
				t.Errorf("%d bytes: they were stored", len(bad))
			}
			if _, ok := theirs.Lookup(keyOf("train")); ok {
				t.Errorf("%d bytes: the record was stored", len(bad))
			}
		}
		// The last one has the wrong size, which the next push sees and repairs.
		if _, err := r.Push(ctx, mine, keys("train")); err != nil {
			t.Fatal(err)
		}
		if got, err := r.bucket.ReadAll(ctx, objectName(file.Digest)); err != nil || !bytes.Equal(got, sound) {
			t.Errorf("after the repair: %d bytes, %v", len(got), err)
		}
	})
}

func TestDamagedRecordsAreNotPulled(t *testing.T) {
	forEachBackend(t, func(t *testing.T, r *Remote) {
		ctx := t.Context()
		mine := newStore(t)
		runStage(t, mine, "train")
		runStage(t, mine, "other")
		if _, err := r.Push(ctx, mine, keys("train", "other")); err != nil {
			t.Fatal(err)
		}
		sound, err := r.bucket.ReadAll(ctx, recordName(keyOf("train")))
		if err != nil {
			t.Fatal(err)
		}
		other, err := r.bucket.ReadAll(ctx, recordName(keyOf("other")))
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(sound)
		flipped[len(flipped)/2] ^= 1
		for name, bad := range map[string][]byte{"flipped": flipped, "cut": sound[:50], "another key's": other, "empty": nil} {
			if err := r.bucket.WriteAll(ctx, recordName(keyOf("train")), bad, nil); err != nil {
				t.Fatal(err)
			}
			if _, ok, err := r.Lookup(ctx, newStore(t), keyOf("train")); ok || err == nil {
				t.Errorf("%s: %v, %v", name, ok, err)
			}
		}
		if report, err := r.Push(ctx, mine, keys("train")); err != nil || report.Records != 1 {
			t.Errorf("a push over a damaged record: %+v, %v", report, err)
		}
		if _, ok, err := r.Lookup(ctx, newStore(t), keyOf("train")); !ok || err != nil {
			t.Errorf("after it: %v, %v", ok, err)
		}
	})
}

func TestARecordWhoseObjectsAreGoneIsAMiss(t *testing.T) {
	forEachBackend(t, func(t *testing.T, r *Remote) {
		mine := newStore(t)
		file := runStage(t, mine, "train").Outputs["file"]
		if _, err := r.Push(t.Context(), mine, keys("train")); err != nil {
			t.Fatal(err)
		}
		if err := r.bucket.Delete(t.Context(), objectName(file.Digest)); err != nil {
			t.Fatal(err)
		}
		theirs := newStore(t)
		if _, ok, err := r.Lookup(t.Context(), theirs, keyOf("train")); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
		if _, err := r.Pull(t.Context(), theirs, keys("train")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("pull: %v", err)
		}
	})
}

func TestPushOfWhatIsNotThere(t *testing.T) {
	forEachBackend(t, func(t *testing.T, r *Remote) {
		if _, err := r.Push(t.Context(), newStore(t), keys("never run")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
}

func TestCancelledTransferLeavesNothing(t *testing.T) {
	forEachBackend(t, func(t *testing.T, r *Remote) {
		mine := newStore(t)
		runStage(t, mine, "train")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Push(ctx, mine, keys("train")); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		list := r.bucket.List(nil)
		for {
			o, err := list.Next(t.Context())
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if o.Key != formatName {
				t.Errorf("left %s", o.Key)
			}
		}
	})
}

func TestFolderRemoteLooksLikeAStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shared")
	r, err := Open(t.Context(), "file://"+filepath.ToSlash(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	mine := newStore(t)
	runStage(t, mine, "train")
	if _, err := r.Push(t.Context(), mine, keys("train")); err != nil {
		t.Fatal(err)
	}
	var files int
	err = fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		got, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			return err
		}
		want, err := os.ReadFile(filepath.Join(mine.Dir(), path))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not as in the store: %v", path, err)
		}
		return nil
	})
	if err != nil || files != 5 {
		t.Errorf("%d files, %v", files, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	newer := filepath.Join(t.TempDir(), "newer")
	if err := os.Mkdir(newer, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(newer, "format"), []byte("pipe-store 2\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"/shared/cache":                   "is no URL",
		"nowhere://bucket":                "nowhere",
		"file://" + newer:                 `"pipe-store 2"`,
		"://":                             "missing protocol",
		"ftp://user:secret@example.com/x": "ftp",
	} {
		_, err := Open(t.Context(), address)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v", address, err)
		}
	}
}
