"""Makes an MLflow model of the classifier: a pyfunc whose transform is Python and whose
network is the ONNX file that `pipe models export` wrote, run by onnxruntime.

    python peer_mlflow.py EXPORTED MODEL
"""
import json, pathlib, re, sys

import mlflow.pyfunc


class Classifier(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        import onnxruntime
        folder = pathlib.Path(context.artifacts["folder"])
        self.words = json.loads((folder / "transform" / "tokenizer.json").read_text())["model"]["vocab"]
        self.classes = json.loads((folder / "model.json").read_text())["classes"]
        self.length = json.loads((folder / "transform" / "transform.json").read_text())["config"]["maxlen"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.network = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        self.split = re.compile(r"[^\w']+")

    def predict(self, context, model_input, params=None):
        import numpy
        rows = []
        for text in model_input["text"]:
            ids = [self.words[w] for w in self.split.split(text.lower()) if w in self.words][-self.length:]
            rows.append([0] * (self.length - len(ids)) + ids)
        read = self.network.get_inputs()[0]
        kind = numpy.int64 if read.type == "tensor(int64)" else numpy.int32
        answers = []
        for p in self.network.run(None, {read.name: numpy.array(rows, kind)})[0]:
            answers.append({"prediction": self.classes[int(p.argmax())], "probability": float(p.max()), "probabilities": dict(zip(self.classes, p.tolist()))})
        return answers


if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[2], python_model=Classifier(), artifacts={"folder": sys.argv[1]}, pip_requirements=["mlflow", "onnxruntime"])
