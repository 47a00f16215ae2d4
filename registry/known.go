package registry

// knownSeries keeps what the writer has last seen of the series of some runs,
// so that a client that logs the same thousand metrics again and again does not
// have each of them looked up each time. What another connection commits makes
// all of it void, and so does every write that is undone.
type knownSeries struct {
	version int64 // SQLite's data_version
	runs    map[int64]map[string]*stored
	n       int
}

// stored is what is stored of a series.
type stored struct {
	id    int64
	last  point // the latest point
	loose int
}

// knownMost bounds what is kept: about 150 bytes each.
const knownMost = 20_000

// of returns what is known of a run's series, nil for nothing. It is asked in a
// write transaction, in which nobody else can commit.
func (k *knownSeries) of(t *tx, run int64) (map[string]*stored, error) {
	var version int64
	if err := t.row("SELECT data_version FROM pragma_data_version").Scan(&version); err != nil {
		return nil, err
	}
	if version != k.version {
		k.forget()
		k.version = version
	}
	return k.runs[run], nil
}

// add notes a series of a run.
func (k *knownSeries) add(run int64, key string, s *stored) {
	if k.n >= knownMost {
		k.forget()
	}
	if k.runs == nil {
		k.runs = make(map[int64]map[string]*stored)
	}
	if k.runs[run] == nil {
		k.runs[run] = make(map[string]*stored)
	}
	if k.runs[run][key] != s {
		k.runs[run][key] = s
		k.n++
	}
}

// drop forgets a run whose series are about to be changed by other means.
func (k *knownSeries) drop(run int64) {
	if len(k.runs) > 0 {
		k.n -= len(k.runs[run])
		delete(k.runs, run)
	}
}

func (k *knownSeries) forget() { k.runs, k.n = nil, 0 }
