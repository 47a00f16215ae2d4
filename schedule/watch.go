package schedule

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"pipe/dag"
	"pipe/dag/text"
)

// Watcher keeps the schedules in step with the files that they come from: those
// of a folder, and those that were added one by one.
type Watcher struct {
	Service *Service
	Folder  string        // "" for none
	Pull    time.Duration // how often `git pull` is run in the folder; 0 for never
	Every   time.Duration // how often files are looked at; 0 means two seconds
	Log     *slog.Logger

	stamps map[string]string
}

// Run watches until ctx is done. Only the process that leads does so.
func (w *Watcher) Run(ctx context.Context) error {
	w.stamps = map[string]string{}
	every := w.Every
	if every == 0 {
		every = 2 * time.Second
	}
	pulled := time.Time{}
	for {
		if w.Service.Engine == nil || w.Service.Engine.Leads() {
			if w.Pull > 0 && time.Since(pulled) >= w.Pull {
				w.pull(ctx)
				pulled = time.Now()
			}
			if err := w.look(ctx); err != nil && ctx.Err() == nil {
				w.Log.Warn("schedules: look at the pipeline files", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

// pull brings a git checkout up to date.
func (w *Watcher) pull(ctx context.Context) {
	limited, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	c := exec.CommandContext(limited, "git", "-C", w.Folder, "pull", "--ff-only", "--quiet")
	c.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0")
	if out, err := c.CombinedOutput(); err != nil && ctx.Err() == nil {
		w.Log.Warn("schedules: git pull", "folder", w.Folder, "error", err, "said", strings.TrimSpace(string(out)))
	}
}

// look loads the files that are new or have changed.
func (w *Watcher) look(ctx context.Context) error {
	files, err := w.files(ctx)
	if err != nil {
		return err
	}
	for path, folder := range files {
		stamp := fileStamp(path)
		if w.stamps[path] == stamp {
			continue
		}
		first := w.stamps[path] == ""
		w.stamps[path] = stamp
		if first && folder == "" {
			continue // it is registered as it was when it was added, or has changed while nobody looked
		}
		w.load(ctx, path, folder)
	}
	for path := range w.stamps {
		if _, there := files[path]; !there {
			delete(w.stamps, path)
		}
	}
	return nil
}

// load registers what a file says now. A file that is wrong leaves its
// schedules as they were, with a note of what is wrong.
func (w *Watcher) load(ctx context.Context, path, folder string) {
	s := w.Service
	kept := keptPath(s.Workspace.Dir, path)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if folder == "" {
			_ = s.Workspace.Registry.SetScheduleProblem(ctx, kept, "the file is gone")
			return
		}
		if err := s.Workspace.Registry.PutSchedules(ctx, kept, nil); err != nil {
			w.Log.Warn("schedules: remove those of a file that is gone", "file", path, "error", err)
		}
		s.knock()
		return
	}
	names, err := s.Add(ctx, path, folder)
	if err == nil {
		w.Log.Info("schedules: a file was read", "file", path, "schedules", names)
		return
	}
	var wrong *text.Error
	if folder != "" && errors.As(err, &wrong) && !dag.IsPipeline(path) {
		return // YAML of another kind
	}
	w.Log.Warn("schedules: a file is wrong", "file", path, "error", firstLine(err))
	if err := s.Workspace.Registry.SetScheduleProblem(ctx, kept, firstLine(err)); err != nil {
		w.Log.Warn("schedules: keep what is wrong with a file", "file", path, "error", err)
	}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// files lists what is to be watched, with the folder that it is in, or "".
func (w *Watcher) files(ctx context.Context) (map[string]string, error) {
	files := map[string]string{}
	list, err := w.Service.Workspace.Registry.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		files[FilePath(w.Service.Workspace.Dir, s.File)] = s.Folder
	}
	if w.Folder == "" {
		return files, nil
	}
	err = filepath.WalkDir(w.Folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != w.Folder {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(path); !d.IsDir() && (ext == ".yaml" || ext == ".yml") {
			files[filepath.Clean(path)] = w.Folder
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", w.Folder, err)
	}
	return files, nil
}

// fileStamp changes when a file does.
func fileStamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "gone"
	}
	return fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size())
}
