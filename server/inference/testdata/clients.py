"""What users' programs do, by the real clients: python clients.py URL"""
import json, sys, time, urllib.request

url = sys.argv[1]
failed = []


def check(name, good, seen=""):
    print("ok" if good else "FAILED", name, "" if good else repr(seen))
    if not good:
        failed.append(name)


def triton():
    import numpy as np
    import tritonclient.http as http

    c = http.InferenceServerClient(url.removeprefix("http://"))
    check("triton: live and ready", c.is_server_live() and c.is_server_ready() and c.is_model_ready("topics"))
    check("triton: not ready", not c.is_model_ready("nothing"))
    m = c.get_model_metadata("topics")
    check("triton: metadata", m["inputs"][0]["datatype"] == "BYTES", m)
    check("triton: index", any(x["name"] == "sums" for x in c.get_model_repository_index()))
    for binary in (True, False):
        text = http.InferInput("text", [2], "BYTES")
        text.set_data_from_numpy(np.array(["good", "poor"], dtype=object), binary_data=binary)
        r = c.infer("topics", [text], outputs=[http.InferRequestedOutput("prediction", binary_data=binary)])
        got = list(r.as_numpy("prediction"))
        check(f"triton: texts, binary={binary}", [x.decode() if isinstance(x, bytes) else x for x in got] == ["yes", "no"], got)
        age = http.InferInput("age", [2], "INT64")
        age.set_data_from_numpy(np.array([1, 2], dtype=np.int64), binary_data=binary)
        income = http.InferInput("income", [2], "FP64")
        income.set_data_from_numpy(np.array([0.5, 1.5]), binary_data=binary)
        member = http.InferInput("member", [2], "BOOL")
        member.set_data_from_numpy(np.array([True, False]), binary_data=binary)
        r = c.infer("sums", [age, income, member], model_version="1")
        check(f"triton: numbers, binary={binary}", list(r.as_numpy("prediction")) == [1001.5, 3.5], r.as_numpy("prediction"))
    text = http.InferInput("text", [1], "BYTES")
    text.set_data_from_numpy(np.array(["good"], dtype=object))
    r = c.infer("topics", [text], request_compression_algorithm="gzip")
    check("triton: gzip", r.as_numpy("prediction").shape == (1,))
    try:
        c.infer("topics", [text], model_version="9")
        check("triton: a wrong version", False)
    except Exception as e:
        check("triton: a wrong version", "version" in str(e), e)


def openai_now():
    import openai

    c = openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=2)
    check("openai: models", {m.id for m in c.models.list()} >= {"topics", "gpt", "minilm"})
    check("openai: model", c.models.retrieve("gpt").id == "gpt")
    e = c.embeddings.create(model="minilm", input=["a b", "c"])  # asks for base64
    f = c.embeddings.create(model="minilm", input="a b", encoding_format="float")
    check("openai: embeddings", len(e.data) == 2 and len(e.data[0].embedding) == 8 and e.usage.prompt_tokens == 3, e)
    check("openai: base64 is the same", max(abs(x - y) for x, y in zip(e.data[0].embedding, f.data[0].embedding)) < 1e-6)
    r = c.completions.create(model="gpt", prompt="count", max_tokens=4, temperature=0, logprobs=2)
    check("openai: completion", r.choices[0].text == " one two three four" and r.choices[0].finish_reason == "length", r)
    check("openai: logprobs", len(r.choices[0].logprobs.top_logprobs[0]) == 2 and r.usage.completion_tokens == 4, r)
    r = c.completions.create(model="gpt", prompt=["a", "b"], max_tokens=2, temperature=0, stop=["two"])
    check("openai: prompts may be lists", [x.text for x in r.choices] == [" one ", " one "], r)
    r = c.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "hi"}], max_tokens=2, temperature=0, logprobs=True, top_logprobs=2)
    check("openai: chat", r.choices[0].message.content == " one two" and len(r.choices[0].logprobs.content) == 2, r)
    text, chunks, last = "", 0, None
    for chunk in c.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "hi"}], max_tokens=5, temperature=0, stream=True,
                                           stream_options={"include_usage": True}):
        chunks += 1
        last = chunk
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
    check("openai: stream", text == " one two three four five" and chunks > 5, text)
    check("openai: usage at the end of a stream", last.choices == [] and last.usage.completion_tokens == 5, last)
    a = c.completions.create(model="gpt", prompt="x", seed=3, temperature=1).choices[0].text
    b = c.completions.create(model="gpt", prompt="x", seed=3, temperature=1).choices[0].text
    check("openai: seed", a == b)
    r = c.completions.create(model="topics", prompt="something good", logprobs=2)
    check("openai: a classifier completes with its label", r.choices[0].text == "yes", r)
    t = c.audio.transcriptions.create(model="speech", file=("a.wav", open(sys.argv[2], "rb")))
    check("openai: transcription", t.text == "800 samples at 16000", t)
    for name, call, error in (
        ("an unknown model", lambda: c.completions.create(model="nothing", prompt="x"), openai.NotFoundError),
        ("a wrong temperature", lambda: c.completions.create(model="gpt", prompt="x", temperature=7), openai.BadRequestError),
    ):
        try:
            call()
            check("openai: " + name, False)
        except error as e:
            check("openai: " + name, e.body["message"] != "", e)


def openai_old():
    import openai

    openai.api_base, openai.api_key = url + "/v1", "none"
    r = openai.Completion.create(engine="gpt", prompt="count", max_tokens=3, temperature=0)
    check("openai 0.28: engine", r["choices"][0]["text"] == " one two three", r)
    r = openai.Completion.create(engine="topics", prompt="good", max_tokens=1)
    check("openai 0.28: classifier", r["choices"][0]["text"] == "yes", r)
    text = "".join(x["choices"][0]["text"] for x in openai.Completion.create(engine="gpt", prompt="x", max_tokens=3, temperature=0, stream=True))
    check("openai 0.28: stream", text == " one two three", text)
    r = openai.ChatCompletion.create(model="gpt", messages=[{"role": "user", "content": "hi"}], max_tokens=1, temperature=0)
    check("openai 0.28: chat", r["choices"][0]["message"]["content"] == " one", r)
    r = openai.Embedding.create(model="minilm", input="a")
    check("openai 0.28: embedding", len(r["data"][0]["embedding"]) == 8, r)
    check("openai 0.28: models", "gpt" in {m["id"] for m in openai.Model.list()["data"]})


def scoring():
    import mlflow.deployments, pandas  # noqa: F401
    import requests

    r = requests.post(url + "/invocations/sums", json={"dataframe_split": json.loads(
        pandas.DataFrame({"age": [1, 2], "income": [0.5, 1.5], "member": [True, False]}).to_json(orient="split"))})
    check("mlflow: dataframe_split of pandas", r.status_code == 200 and r.json() == {"predictions": [1001.5, 3.5]}, r.text)
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    c = ScoringServerClient("127.0.0.1", int(sys.argv[3]))
    c.ping()
    check("mlflow: ping and version", c.get_version().startswith("3."))
    p = c.invoke(pandas.DataFrame({"text": ["good", "poor"]})).get_predictions()
    check("mlflow: its own client", list(p.iloc[:, 0]) == ["yes", "no"], p)


{"triton": triton, "openai": openai_now, "openai-old": openai_old, "mlflow": scoring}[sys.argv[4]]()
sys.exit(1 if failed else 0)
