package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed static
var staticFiles embed.FS

// file is a static file as it is sent.
type file struct {
	plain, gzip []byte
	hash, kind  string
}

// statics reads and compresses the static files, once, when the first page is
// asked for.
var statics = sync.OnceValue(func() map[string]*file {
	all := map[string]*file{}
	entries, err := fs.ReadDir(staticFiles, "static")
	if err != nil {
		panic(err) // it is part of the program
	}
	for _, e := range entries {
		b, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(b)
		f := &file{plain: b, hash: hex.EncodeToString(sum[:6]), kind: mime.TypeByExtension(path.Ext(e.Name()))}
		if strings.HasSuffix(e.Name(), ".js") {
			f.kind = "text/javascript; charset=utf-8"
		}
		var z bytes.Buffer
		zw, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
		if err != nil {
			panic(err)
		}
		_, _ = zw.Write(b) // a buffer takes all
		_ = zw.Close()
		f.gzip = z.Bytes()
		all[e.Name()] = f
	}
	return all
})

// asset is the address of a static file. It holds the hash of the bytes, so that
// a browser may keep the file for ever and still gets the next release's.
func asset(name string) string {
	f := statics()[name]
	if f == nil {
		panic("no static file " + name)
	}
	return "/static/" + f.hash + "/" + name
}

func static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := statics()[path.Base(r.URL.Path)]
		if f == nil || r.URL.Path != "/static/"+f.hash+"/"+path.Base(r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Vary", "Accept-Encoding")
		body := f.plain
		if acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body = f.gzip
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}

func acceptsGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}
