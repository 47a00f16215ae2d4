package godoc

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// readPackage reads the declarations of the package in a folder. Programs
// (package main) document themselves and no names, and are left out.
func (t Tree) readPackage(folder string) ([]Declaration, error) {
	fset := token.NewFileSet()
	files, err := t.parse(fset, folder)
	if err != nil || len(files) == 0 {
		return nil, err
	}
	name := files[0].Name.Name
	importPath, top := folder, strings.SplitN(folder, "/", 2)[0]
	if folder == "." {
		importPath, top = name, name
	}
	dropRepeated(files)
	mode := doc.Mode(0)
	if t.Unexported {
		mode = doc.AllDecls
	}
	p, err := doc.NewFromFiles(fset, files, importPath, mode)
	if err != nil {
		return nil, fmt.Errorf("documentation of %s: %w", importPath, err)
	}
	c := collector{pkg: p, top: top}
	c.add("package", name, p.Doc)
	c.values("const", p.Consts)
	c.values("var", p.Vars)
	c.funcs("func", p.Funcs)
	for _, typ := range p.Types {
		c.add("type", typ.Name, typ.Doc)
		c.values("const", typ.Consts)
		c.values("var", typ.Vars)
		c.funcs("func", typ.Funcs)
		c.funcs("method", typ.Methods)
	}
	return c.out, nil
}

// parse reads the files of the folder's package, in the order of their names.
// Of several packages, as a documentation-only file may make, the one with
// most files counts.
func (t Tree) parse(fset *token.FileSet, folder string) ([]*ast.File, error) {
	dir := filepath.Join(t.Root, filepath.FromSlash(folder))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the Go source tree: %w", err)
	}
	byName := map[string][]*ast.File{}
	for _, e := range entries {
		if !counts(e) {
			continue
		}
		name := filepath.Join(dir, e.Name())
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read the Go source tree: %w", err)
		}
		f, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read the Go source tree: %w", err)
		}
		if f.Name.Name != "main" && f.Name.Name != "documentation" && !ignored(f) {
			byName[f.Name.Name] = append(byName[f.Name.Name], f)
		}
	}
	var best []*ast.File
	for _, name := range sortedKeys(byName) {
		if len(byName[name]) > len(best) {
			best = byName[name]
		}
	}
	return best, nil
}

// dropRepeated removes functions and methods that an earlier file declares,
// too, as files for other platforms do; of several the first with a comment
// stays. go/doc would choose one of them in the order of a map.
func dropRepeated(files []*ast.File) {
	keep := map[string]*ast.FuncDecl{}
	for _, f := range files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				if have := keep[funcKey(fn)]; have == nil || have.Doc == nil && fn.Doc != nil {
					keep[funcKey(fn)] = fn
				}
			}
		}
	}
	for _, f := range files {
		f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
			fn, ok := d.(*ast.FuncDecl)
			return ok && keep[funcKey(fn)] != fn
		})
	}
}

// funcKey is the name of a function or "Type.Name" of a method.
func funcKey(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name + "." + fn.Name.Name
		default:
			return fmt.Sprintf("%T.%s", x, fn.Name.Name)
		}
	}
}

func sortedKeys(m map[string][]*ast.File) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// ignored tells whether no build uses a file: its constraint demands the tag
// "ignore", which by convention is never set, or is false with every tag.
func ignored(f *ast.File) bool {
	for _, group := range f.Comments {
		if group.Pos() > f.Package {
			break
		}
		for _, c := range group.List {
			if x, err := constraint.Parse(c.Text); err == nil && constraint.IsGoBuild(c.Text) {
				return !satisfiable(x)
			}
		}
	}
	return false
}

// satisfiable tells whether some choice of tags other than "ignore" fulfils a
// constraint. Each tag counts on its own where it occurs: a constraint that
// contradicts itself counts as satisfiable, and nobody writes one.
func satisfiable(x constraint.Expr) bool {
	switch x := x.(type) {
	case *constraint.TagExpr:
		return x.Tag != "ignore"
	case *constraint.AndExpr:
		return satisfiable(x.X) && satisfiable(x.Y)
	case *constraint.OrExpr:
		return satisfiable(x.X) || satisfiable(x.Y)
	}
	return true // a negation
}

// collector gathers the declarations of a package that have a comment.
type collector struct {
	pkg *doc.Package
	top string
	out []Declaration
}

func (c *collector) add(kind, symbol, comment string) {
	text := c.pkg.Synopsis(comment)
	if text == "" {
		return
	}
	c.out = append(c.out, Declaration{Top: c.top, Package: c.pkg.ImportPath, Kind: kind, Symbol: symbol, Text: text, Doc: strings.TrimSpace(string(c.pkg.Text(comment)))})
}

func (c *collector) values(kind string, groups []*doc.Value) {
	for _, v := range groups {
		c.add(kind, strings.Join(v.Names, ", "), v.Doc)
	}
}

func (c *collector) funcs(kind string, fs []*doc.Func) {
	for _, f := range fs {
		symbol := f.Name
		if kind == "method" {
			symbol = strings.TrimPrefix(f.Recv, "*") + "." + f.Name
		}
		c.add(kind, symbol, f.Doc)
	}
}
