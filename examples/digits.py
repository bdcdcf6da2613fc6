"""Handwritten digits: a network 64-32-10 learns to read scikit-learn's 1,797 images.

Run it:      python examples/digits.py
On a GPU:    python examples/digits.py cupy
Step it:     graph-engine steps examples/digits.py
"""

import sys

from sklearn.datasets import load_digits

import graph_engine as ge

images = ge.input("images", ("batch", 64))
labels = ge.input("labels", "batch", "int64")

fc1 = ge.nn.Linear(64, 32)
fc2 = ge.nn.Linear(32, 10)
hidden = ge.nn.relu(fc1(images))
logits = fc2(hidden)
loss = ge.nn.cross_entropy(logits, labels)
accuracy = ge.mean(ge.astype(ge.equal(ge.argmax(logits, axis=-1), labels), "float32"))

digits = load_digits()
train, held_out = ge.data.split(digits.data / 16, digits.target, fractions=(0.8, 0.2))

engine = ge.Engine(*sys.argv[1:])
step = engine.compile([images, labels], loss, updates=ge.optim.SGD(0.2).minimize(loss))
feeds = {images: train[0][:32], labels: train[1][:32]}  # the training step that is drawn

if __name__ == "__main__":
    batches = ge.data.batches(*train, batch_size=32)
    for epoch in range(1, 21):
        for batch in batches:
            step(*batch)
        if epoch % 5 == 0:
            reached = float(engine.run(accuracy, {images: held_out[0], labels: held_out[1]}))
            print(f"epoch {epoch:2}  accuracy on images held out {reached:.1%}")
    print("criterion: above 95%")
    assert reached > 0.95
