"""A character model: an LSTM reads 40 characters and predicts the next; a 3-gram model is the baseline.

python examples/char_rnn.py [--quick]

A small grammar generates the text. Its verbs agree with nouns that are many characters before them, which no 3-gram
can see. At the end the LSTM writes a text.
"""

import argparse
from collections import Counter
from itertools import pairwise

import numpy as np

import chainrule as cr

WINDOW = 40

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="less text, fewer epochs")
options = parser.parse_args()

rng = np.random.default_rng(0)
NOUNS, ADJECTIVES = ["cat", "dog", "king", "tailor", "mill"], ["small", "old", "green", "clever"]
VERBS, PLACES = ["sleep", "wait", "sing", "shine"], ["in the wood", "by the sea", "under the hill"]


def pick(words):
    return words[rng.integers(len(words))]


def noun(plural):
    return f"{'all' if plural else 'one'} {pick(ADJECTIVES)} {pick(NOUNS)}{'s' * plural}"


def sentence():
    plural = bool(rng.integers(2))
    place = f" {pick(PLACES)}" if rng.integers(2) else ""
    return f"{noun(plural)}{place} {pick(VERBS)}{'' if plural else 's'}. "


text = "".join(sentence() for _ in range(600 if options.quick else 3000))
letters = sorted(set(text))
tokens = np.array([letters.index(letter) for letter in text])
windows = np.lib.stride_tricks.sliding_window_view(tokens, WINDOW + 1)
split = len(windows) * 9 // 10
train, test = windows[:split], windows[split + WINDOW :]


def three_gram_loss():
    """Return the mean −log p of a letter given the two before it, from smoothed counts."""
    triples = Counter(zip(tokens[:split], tokens[1:split], tokens[2:split], strict=False))
    pairs = Counter(pairwise(tokens[:split]))
    chances = [(triples[tuple(w[-3:])] + 0.1) / (pairs[tuple(w[-3:-1])] + 0.1 * len(letters)) for w in test]
    return float(-np.log(chances).mean())


net = cr.Network(
    [
        cr.Input(WINDOW),
        cr.Embedding(len(letters), 16),
        cr.LSTM(64),
        cr.Dense(len(letters), "softmax"),
    ],
    seed=0,
)
steps = (3 if options.quick else 6) * -(-len(train) // 32)
net.fit(
    train[:, :-1],
    train[:, -1],
    epochs=3 if options.quick else 6,
    optimizer=cr.Adam(cr.CosineDecay(3e-3, steps)),
    verbose=0,
)
loss = net.evaluate(test[:, :-1], test[:, -1])["loss"]
print(f"loss per character: LSTM {loss:.3f}, 3-gram {three_gram_loss():.3f}")

written = list(test[0, :-1])
for _ in range(200):
    chances = net.predict([written[-WINDOW:]])[0].astype(float)
    written.append(rng.choice(len(letters), p=chances / chances.sum()))
print("".join(letters[token] for token in written[WINDOW:]))
