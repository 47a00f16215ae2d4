package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pipe/dag/cron"
	"pipe/registry"
)

// Explain says why a schedule did or did not run at a moment; with the zero
// time, how it stands now.
func (s *Service) Explain(ctx context.Context, name string, at time.Time) (lines []string, err error) {
	k, err := s.Workspace.Registry.Schedule(ctx, name)
	if err != nil {
		return nil, err
	}
	e, err := newEntry(k)
	if err != nil {
		return nil, err
	}
	if !at.IsZero() {
		return s.explainMoment(ctx, e, at)
	}
	now := s.now()
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	say("%s: %s, from %s", name, e.words(), k.File)
	s.explainLeader(ctx, say)
	if k.Paused {
		say("it is paused since %s%s: nothing starts until `pipe schedule resume %s`", day(k.Updated), because(k.Reason), name)
	}
	if k.Problem != "" {
		say("its file is wrong now, so that the schedule stays as it was and runs fail: %s", k.Problem)
	}
	switch {
	case e.times != nil && !k.Paused:
		from := now
		if e.cursor.After(from) {
			from = e.cursor
		}
		if next, ok := e.times.Next(from); ok {
			say("next: %s (%s), in %v", day(next), e.why(next), next.Sub(now).Round(time.Second))
		} else {
			say("next: never, because no fire time is left (start %q, end %q, exclude %v)", e.spec.Start, e.spec.End, e.spec.Exclude)
		}
	case e.memory.Text != "":
		say("it was looked at %s: %s", day(e.memory.Looked), e.memory.Text)
		if e.spec.Quiet > 0 && e.memory.Now != e.memory.Seen && !e.memory.Since.IsZero() {
			say("something has changed %s, and debounce waits until nothing more happens for %v", day(e.memory.Since), e.spec.Quiet)
		}
	case e.polled():
		say("it has not been looked at yet")
	}
	return s.explainFires(ctx, e, lines)
}

func (s *Service) explainFires(ctx context.Context, e *entry, lines []string) ([]string, error) {
	open, err := s.Workspace.Registry.Fires(ctx, registry.FireQuery{Schedule: e.Name, States: []registry.FireState{registry.FireQueued, registry.FireRunning}, Oldest: true, Limit: 20})
	if err != nil {
		return nil, err
	}
	for _, f := range open {
		lines = append(lines, explainFire(f))
	}
	past, err := s.Workspace.Registry.Fires(ctx, registry.FireQuery{Schedule: e.Name, States: []registry.FireState{registry.FireDone, registry.FireFailed, registry.FireCancelled, registry.FireSkipped}, Limit: 5})
	if err != nil {
		return nil, err
	}
	for _, f := range past {
		lines = append(lines, explainFire(f))
	}
	if len(open)+len(past) == 0 {
		lines = append(lines, "it has not run yet")
	}
	return lines, nil
}

// explainLeader tells whether anybody is there to run schedules.
func (s *Service) explainLeader(ctx context.Context, say func(string, ...any)) {
	l, err := s.Workspace.Registry.Lease(ctx, leaseName)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		say("no `pipe up` has ever run on this store: nothing starts by itself until one does")
	case err != nil:
		say("who leads cannot be read: %v", err)
	case !s.Workspace.Registry.Held(l):
		say("no `pipe up` runs on this store now: nothing starts by itself until one does")
	default:
		say("process %d on %s leads", l.Holder.PID, l.Holder.Host)
	}
}

// explainMoment is about one moment.
func (s *Service) explainMoment(ctx context.Context, e *entry, at time.Time) (lines []string, err error) {
	list, err := s.Workspace.Registry.Fires(ctx, registry.FireQuery{Schedule: e.Name, From: at, To: at, Oldest: true})
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		lines = append(lines, explainFire(f))
	}
	if len(lines) > 0 || e.times == nil {
		if len(lines) == 0 {
			lines = append(lines, fmt.Sprintf("nothing happened at %s: %s does not fire at times (%s)", day(at), e.Name, e.words()))
		}
		return lines, nil
	}
	return []string{s.whyNot(ctx, e, at)}, nil
}

// whyNot says why a moment has no fire.
func (s *Service) whyNot(ctx context.Context, e *entry, at time.Time) string {
	plain := *e.times
	plain.Exclude, plain.Start, plain.End = noDays, time.Time{}, time.Time{}
	if e.times.Expr == nil { // an interval is counted from its start
		plain.Start = e.times.Start
	}
	next, ok := plain.Next(at.Add(-time.Second))
	switch {
	case !ok || !next.Equal(at):
		return fmt.Sprintf("%s is no fire time of %s; the next one after it is %s", day(at), e.words(), day(next))
	case !e.times.Start.IsZero() && at.Before(e.times.Start):
		return fmt.Sprintf("%s is before start, %s", day(at), day(e.times.Start))
	case !e.times.End.IsZero() && at.After(e.times.End):
		return fmt.Sprintf("%s is after end, %s", day(at), day(e.times.End))
	}
	if next, ok := e.times.Next(at.Add(-time.Second)); !ok || !next.Equal(at) {
		return fmt.Sprintf("%s is on a day that is excluded (%v)", day(at), e.spec.Exclude)
	}
	if at.Before(e.Created) {
		return fmt.Sprintf("%s is before the schedule was added, %s; `pipe backfill` runs what is past", day(at), day(e.Created))
	}
	if at.After(e.cursor) {
		if e.Paused {
			return fmt.Sprintf("%s has not been seen to, because the schedule is paused%s", day(at), because(e.Reason))
		}
		if at.After(s.now()) {
			return fmt.Sprintf("%s is to come", day(at))
		}
		return fmt.Sprintf("%s has not been seen to: no `pipe up` has run since", day(at))
	}
	skipped, err := s.Workspace.Registry.Fires(ctx, registry.FireQuery{Schedule: e.Name, From: at, States: []registry.FireState{registry.FireSkipped}, Oldest: true, Limit: 1})
	if err == nil && len(skipped) > 0 && skipped[0].Token == "missed" {
		return fmt.Sprintf("%s was missed: %s", day(at), skipped[0].Why)
	}
	return fmt.Sprintf("%s has been passed over: the schedule was changed or resumed after it", day(at))
}

func explainFire(f registry.Fire) string {
	text := fmt.Sprintf("%s (%s%s): ", day(f.At), f.Cause, because(f.Why))
	switch f.State {
	case registry.FireQueued:
		if f.Attempt > 0 {
			return text + fmt.Sprintf("attempt %d failed (%s), the next one comes %s", f.Attempt, f.Error, day(f.After))
		}
		if f.Due.After(time.Now()) {
			return text + "waits for " + day(f.Due)
		}
		return text + "waits for a place: earlier runs of this schedule, or of others with a higher priority, are under way"
	case registry.FireRunning:
		return text + fmt.Sprintf("runs since %s as %s (attempt %d)", day(f.Started), f.Run, f.Attempt)
	case registry.FireSkipped:
		if f.Error != "" {
			return text + "skipped: " + f.Error
		}
		return text + "skipped"
	case registry.FireDone:
		return text + fmt.Sprintf("done as run %s in %v", f.Run, f.Ended.Sub(f.Started).Round(time.Millisecond))
	}
	return text + fmt.Sprintf("%s: %s", f.State, f.Error)
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// noDays excludes nothing.
var noDays cron.Calendar
