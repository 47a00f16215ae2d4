package auth

import (
	"html/template"
	"net/http"
	"sync"
)

var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("signin").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign in to pipe</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:20rem;margin:15vh auto;padding:0 1rem}label{display:block;margin:1rem 0}input{font:inherit;width:100%;box-sizing:border-box;padding:.4rem}button{font:inherit;padding:.4rem 1.2rem}.e{color:#b00020}</style>
<h1>Sign in</h1>{{with .Error}}<p class="e" role="alert">{{.}}</p>{{end}}
<form method="post" action="/signin"><input type="hidden" name="next" value="{{.Next}}">
<label>Name <input name="name" value="{{.Name}}" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button></form></html>
`))
})

// plainPage is the page where no room brings a better one.
func plainPage(w http.ResponseWriter, _ *http.Request, f Form) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	_ = page().Execute(w, f) // the client went away
}
