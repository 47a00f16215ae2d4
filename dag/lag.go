package dag

// lag hands the events of hits to a sink from a goroutine of its own, so that a
// thousand look-ups and a thousand lines of a journal are made side by side.
// Every other event waits until the sink has taken all before it: whoever sees
// that a stage began, ended or failed has seen what came before, and a killed
// process has written down what it did.
type lag struct {
	to    Sink
	queue chan Event
	idle  chan struct{} // the goroutine is told to end, and answers
	busy  bool          // the goroutine runs
}

func newLag(to Sink) *lag { return &lag{to: to, idle: make(chan struct{})} }

// Event implements Sink.
func (l *lag) Event(e *Event) {
	if e.Type != StageCached {
		l.drain()
		l.to.Event(e)
		return
	}
	if !l.busy {
		const ahead = 256
		l.queue, l.busy = make(chan Event, ahead), true
		go func(queue <-chan Event) {
			for e := range queue {
				l.to.Event(&e)
			}
			l.idle <- struct{}{}
		}(l.queue)
	}
	l.queue <- *e
}

// drain waits until the sink has taken everything.
func (l *lag) drain() {
	if l.busy {
		close(l.queue)
		<-l.idle
		l.busy = false
	}
}
