package inference

import (
	"context"
	"fmt"

	"pipe/stages/model"
)

// embed turns texts into vectors on a place of the pool.
func (q *request) embed(texts []string) (list []model.Embedding, err error) {
	l, err := q.loaded()
	if err != nil {
		return nil, err
	}
	m, ok := l.model.(model.Embedder)
	if !ok {
		return nil, badRequest("model", "the model %s gives no embeddings", q.endpoint.name)
	}
	leave, err := q.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	defer catch(&err)
	q.arm.stats.batch(len(texts))
	list, err = m.EmbedTexts(q.ctx, texts)
	if err == nil && len(list) != len(texts) {
		err = fmt.Errorf("the model gave %d vectors to %d texts", len(list), len(texts))
	}
	return list, err
}

// enter waits for a place of the pool for work that makes no batches; no more
// than the policy's queue may wait.
func (q *request) enter() (leave func(), err error) {
	a := q.arm
	if n := a.waiting.Add(1); n > int64(a.queue.limit) {
		a.waiting.Add(-1)
		return nil, &fullError{int(n - 1)}
	}
	err = q.server.pool.acquire(q.ctx)
	a.waiting.Add(-1)
	if err != nil {
		return nil, err
	}
	return q.server.pool.release, nil
}

// catch makes an error of a panic in a model's code.
func catch(err *error) {
	if r := recover(); r != nil {
		*err = &panicked{r}
	}
}

// generate continues a text; between tokens others may compute.
func (q *request) generate(ctx context.Context, p model.Prompt, emit func(model.Piece) error) (g model.Generated, err error) {
	l, err := q.loaded()
	if err != nil {
		return g, err
	}
	m, ok := l.model.(model.Generator)
	if !ok {
		return g, badRequest("model", "the model %s writes no text", q.endpoint.name)
	}
	if _, err := q.enter(); err != nil {
		return g, err
	}
	held := true
	defer func() {
		if held {
			q.server.pool.release()
		}
	}()
	defer catch(&err)
	q.arm.stats.batch(1)
	return m.Generate(ctx, p, func(piece model.Piece) error {
		if err := emit(piece); err != nil {
			return err
		}
		if err := q.server.pool.yield(ctx); err != nil {
			held = false
			return err
		}
		return nil
	})
}

// transcribe writes down what is said.
func (q *request) transcribe(samples []float32, rate int) (t model.Transcript, err error) {
	l, err := q.loaded()
	if err != nil {
		return t, err
	}
	m, ok := l.model.(model.Transcriber)
	if !ok {
		return t, badRequest("model", "the model %s transcribes no speech", q.endpoint.name)
	}
	leave, err := q.enter()
	if err != nil {
		return t, err
	}
	defer leave()
	defer catch(&err)
	q.arm.stats.batch(1)
	return m.Transcribe(q.ctx, samples, rate)
}
