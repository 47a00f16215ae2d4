package registry

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process identifies a process beyond its number, which is reused: by the boot
// that it belongs to and the moment of that boot at which it was born.
type Process struct {
	PID  int
	Born string // ticks since boot, from /proc/PID/stat; empty where there is none
	Boot string // the kernel's boot id
	Host string
}

// heartbeatLimit is how long the process of another host, which cannot be
// asked, may be silent before its runs count as interrupted.
const heartbeatLimit = 2 * time.Minute

// Self describes the calling process.
func Self() Process {
	host, _ := os.Hostname()
	return Process{PID: os.Getpid(), Born: birth(os.Getpid()), Boot: bootID(), Host: host}
}

func bootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text))
}

// birth is field 22 of proc_pid_stat(5). The second field is the program's
// name in parentheses and may contain anything, so counting begins after it.
func birth(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	rest := string(text)[strings.LastIndexByte(string(text), ')')+1:]
	if fields := strings.Fields(rest); len(fields) > 19 {
		return fields[19]
	}
	return ""
}

// processAlive reports whether p, a process of this host, still runs.
func processAlive(p Process) bool {
	if p.Boot != bootID() {
		return false
	}
	if err := syscall.Kill(p.PID, 0); err == syscall.ESRCH {
		return false
	}
	return p.Born == birth(p.PID)
}

// beat notes that the process of a run lives, if it has one.
func beat(t *tx, seq int64) error {
	return t.exec("UPDATE processes SET heartbeat = max(heartbeat, ?) WHERE run = ?", t.now.UnixMilli(), seq)
}

// Heartbeat says that the process of a run still works on it. A run without a
// process is left as it is.
func (r *Registry) Heartbeat(ctx context.Context, runID string) error {
	return r.update(ctx, func(t *tx) error {
		return t.exec(`UPDATE processes SET heartbeat = ? WHERE run = (SELECT seq FROM runs WHERE id = ?)`,
			t.now.UnixMilli(), runID)
	})
}

// NoLastWord is the error text of a run that was killed and could not say so:
// its end is the last sign of life that is on record.
const NoLastWord = "the process ended without a word"

// Reap marks runs as Killed whose process is gone without having finished
// them, with the error text NoLastWord, and returns their ids. Such a run
// ended at the last sign of life that is on record: nobody saw the end itself.
func (r *Registry) Reap(ctx context.Context) (dead []string, err error) {
	err = r.view(ctx, func(t *tx) error {
		dead, err = r.left(t)
		return err
	})
	if err == nil {
		err = r.bury(ctx, dead)
	}
	return dead, err
}

// left lists the runs whose process is gone.
func (r *Registry) left(t *tx) (dead []string, err error) {
	all, err := watched(t)
	host, _ := os.Hostname()
	for _, w := range all {
		silent := t.now.Sub(time.UnixMilli(w.heartbeat)) > heartbeatLimit
		if w.Host == host && !r.alive(w.Process) || w.Host != host && silent {
			dead = append(dead, w.run)
		}
	}
	return dead, err
}

func (r *Registry) bury(ctx context.Context, dead []string) error {
	if len(dead) == 0 {
		return nil
	}
	return r.update(ctx, func(t *tx) error {
		for _, id := range dead {
			end, err := lastSign(t, id)
			if errors.Is(err, sql.ErrNoRows) {
				continue // it finished after it was looked at
			}
			if err == nil {
				err = finish(t, id, Killed, end, NoLastWord)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// lastSign is when a run's process last said that it lives: by its heartbeat, or
// by the begin or end of a stage.
func lastSign(q querier, run string) (time.Time, error) {
	var ms int64
	err := q.row(`SELECT max(p.heartbeat, coalesce((SELECT max(max(coalesce(started, 0), coalesce(finished, 0))) FROM stages WHERE run = r.seq), 0))
		FROM runs r JOIN processes p ON p.run = r.seq WHERE r.id = ?`, run).Scan(&ms)
	return time.UnixMilli(ms), err
}

type watchedRun struct {
	Process
	run       string
	heartbeat int64
}

// watched lists the unfinished runs that have a process; finish removes the
// process's row, so this stays short however long the history is.
func watched(q querier) ([]watchedRun, error) {
	// CROSS JOIN: SQLite's planner would walk all runs and ask for each.
	rows, err := q.query(`SELECT r.id, p.pid, p.born, p.boot, p.host, p.heartbeat FROM processes p CROSS JOIN runs r ON r.seq = p.run`)
	return collect(rows, err, func(scan scanner) (w watchedRun, err error) {
		err = scan(&w.run, &w.PID, &w.Born, &w.Boot, &w.Host, &w.heartbeat)
		return w, err
	})
}
