"""Film reviews from raw text
==========================

Sentiment classification of film reviews: a pipeline on raw text, a network of 2019 on raw ids, and a linear baseline.

The data are the 50,000 reviews of the Large Movie Review Dataset (Maas et al., "Learning Word Vectors for Sentiment
Analysis", ACL 2011), in its published training and test sets. The network of 2019 is a published example that passes
word ids to two GRU layers as if they were measurements; the output of the last layer, with one unit, is the prediction.

Run it with ``python examples/sentiment.py --data FOLDER``, where FOLDER contains ``imdb_train.tsv.gz`` and
``imdb_test.tsv.gz`` (columns split, label, rating, id and text). Without ``--data``, Keras downloads its copy of the
reviews. It takes about ten minutes on 2 cores.

Results: the test accuracy is 0.868 for the GRU and 0.907 for TF-IDF with logistic regression. That of the network of
2019 is 0.563, little better than chance, since ids are categorical.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # suppresses log messages of TensorFlow

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skrnn import GRUClassifier, SequenceTokenizer

MAX_TOKENS, MAX_LEN = 30000, 300


def load_reviews(folder):
    """Return texts and labels ("neg", "pos") of training and test set, from a folder or downloaded by Keras."""
    if folder is None:
        return download_reviews()
    sets = []
    for part in ("train", "test"):
        path = folder / f"imdb_{part}.tsv.gz"
        if not path.exists():
            raise SystemExit(f"{path} does not exist. --data is a folder with imdb_train.tsv.gz and imdb_test.tsv.gz.")
        table = pd.read_csv(path, sep="\t", quoting=3)  # csv.QUOTE_NONE: quotes are part of the texts
        sets.append((table["text"], table["label"].map({0: "neg", 1: "pos"})))
    return sets


def download_reviews():
    """Download the reviews with Keras and convert their ids to words."""
    import keras

    try:
        sets = keras.datasets.imdb.load_data()
        words = keras.datasets.imdb.get_word_index()
    except Exception as error:  # Keras raises Exception if a download fails
        raise SystemExit(
            f"Keras could not download the reviews ({error}). Without a network connection, pass --data FOLDER with "
            "imdb_train.tsv.gz and imdb_test.tsv.gz."
        ) from error
    word_of = {number + 3: word for word, number in words.items()}  # 0 to 2 are padding, start and unknown
    texts = [[" ".join(word_of[i] for i in ids if i in word_of) for ids in X] for X, _ in sets]
    return [
        (pd.Series(text), pd.Series(np.where(y == 1, "pos", "neg"))) for text, (_, y) in zip(texts, sets, strict=True)
    ]


def decaying_rate(epoch):
    """Return the learning rate of an epoch; at a constant rate, the network overfits in the third epoch."""
    return 0.001 * 0.3**epoch


def make_text_classifier(epochs):
    """Return a pipeline of a tokenizer and a classifier with an embedding and one GRU layer."""
    import keras

    return make_pipeline(
        SequenceTokenizer(max_tokens=MAX_TOKENS, max_len=MAX_LEN, truncating="pre"),
        GRUClassifier(
            units=32,
            embedding_dim=32,
            n_tokens=MAX_TOKENS,
            dropout=0.3,
            optimizer="adam",
            epochs=epochs,
            batch_size=100,
            early_stopping=True,  # validates on the last 10% of each class
            patience=1,
            callbacks=[keras.callbacks.LearningRateScheduler(decaying_rate)],
            random_state=0,
        ),
    )


def make_baseline():
    """Return a pipeline of TF-IDF features of words and pairs of words, and logistic regression."""
    return make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
    )


def score_network_of_2019(train, test, epochs):
    """Fit the network of 2019 in Keras and return its test accuracy."""
    import keras

    keras.utils.set_random_seed(0)
    tokenizer = SequenceTokenizer(max_tokens=MAX_TOKENS, max_len=MAX_LEN, padding="pre", truncating="pre")
    X, X_test = tokenizer.fit_transform(train[0])[..., None], tokenizer.transform(test[0])[..., None]
    y, y_test = (train[1] == "pos").to_numpy(float), (test[1] == "pos").to_numpy(float)
    model = keras.Sequential(
        [keras.Input((MAX_LEN, 1)), keras.layers.GRU(50, return_sequences=True), keras.layers.GRU(1)]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(X.astype("float32"), y, batch_size=100, epochs=epochs, verbose=0)
    return model.evaluate(X_test.astype("float32"), y_test, batch_size=100, verbose=0)[1]


def main():
    """Fit the three models and print their test accuracies."""
    parser = argparse.ArgumentParser(description="Film reviews from raw text")
    parser.add_argument("--data", type=Path, help="folder with imdb_train.tsv.gz and imdb_test.tsv.gz")
    parser.add_argument("--epochs", type=int, default=6, help="maximum number of epochs of the pipeline")
    parser.add_argument("--epochs-2019", type=int, default=10, help="epochs of the network of 2019; 0 to omit it")
    parser.add_argument("--reviews", type=int, help="number of reviews of each set, drawn at random; default: all")
    arguments = parser.parse_args()

    sets = load_reviews(arguments.data)
    if arguments.reviews is not None:
        sets = [
            (texts.sample(arguments.reviews, random_state=0), labels.sample(arguments.reviews, random_state=0))
            for texts, labels in sets
        ]
    train, test = sets
    print(
        f"{len(train[0]):,} training reviews, {len(test[0]):,} test reviews, truncated to {MAX_LEN} words\n", flush=True
    )

    results = {}
    for name, model in {
        "TF-IDF, logistic regression": make_baseline(),
        "tokens, embedding, GRU": make_text_classifier(arguments.epochs),
    }.items():
        start = time.perf_counter()
        model.fit(*train)
        seconds = time.perf_counter() - start
        results[name] = {"test accuracy": model.score(*test), "fit time (s)": seconds}
        print(f"{name}: {results[name]['test accuracy']:.4f}", flush=True)
    classifier = model[-1]
    print(f"  validation loss by epoch: {', '.join(f'{v:.3f}' for v in classifier.history_['val_loss'])}", flush=True)
    if arguments.epochs_2019:
        start = time.perf_counter()
        accuracy = score_network_of_2019(train, test, arguments.epochs_2019)
        results["network of 2019"] = {"test accuracy": accuracy, "fit time (s)": time.perf_counter() - start}

    print("\nTest set:")
    print(pd.DataFrame(results).T.sort_values("test accuracy", ascending=False).to_string(float_format="%.3f"))


if __name__ == "__main__":
    main()
