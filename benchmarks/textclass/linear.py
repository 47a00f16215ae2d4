"""TF-IDF with a linear classifier, as scikit-learn has them."""

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from pipe_runs import Part


def words() -> TfidfVectorizer:
    """Runs of one and two words, everything else as scikit-learn has it."""
    return TfidfVectorizer(ngram_range=(1, 2))


def characters() -> TfidfVectorizer:
    """Runs of two to five characters inside words."""
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)


CONTESTANTS = {
    "TF-IDF (words 1-2), logistic regression (C=1)":
        lambda: make_pipeline(words(), LogisticRegression(max_iter=1000)),
    "TF-IDF (words 1-2), logistic regression (C=100)":
        lambda: make_pipeline(words(), LogisticRegression(C=100, max_iter=1000)),
    "TF-IDF (words 1-2), linear SVM":
        lambda: make_pipeline(words(), LinearSVC()),
    "TF-IDF (words 1-2 and characters 2-5), linear SVM":
        lambda: make_pipeline(make_union(words(), characters()), LinearSVC()),
}


def accuracy(contestant: str, train: Part, test: Part) -> float:
    """Fits on train and gives the share of test that is right."""
    model = CONTESTANTS[contestant]().fit(train.texts, train.labels)
    return float(model.score(test.texts, test.labels))
