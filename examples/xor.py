"""XOR, which no single layer can learn: a network with eight hidden units learns it from its four cases.

Run it:      python examples/xor.py
Step it:     graph-engine steps examples/xor.py
"""

import graph_engine as ge

points = ge.input("points", ("batch", 2))
targets = ge.input("targets", ("batch", 1))

net = ge.nn.Sequential(ge.nn.Linear(2, 8), ge.nn.Tanh(), ge.nn.Linear(8, 1))
scores = net(points)
loss = ge.nn.binary_cross_entropy_with_logits(scores, targets)

engine = ge.Engine("numpy")
step = engine.compile([points, targets], loss, updates=ge.optim.SGD(1.0).minimize(loss))
feeds = {points: [[0, 0], [0, 1], [1, 0], [1, 1]], targets: [[0], [1], [1], [0]]}

if __name__ == "__main__":
    for number in range(1, 1001):
        value = step(*feeds.values())
        if number % 200 == 0:
            print(f"step {number:4}  loss {value:.4f}")

    answers = engine.run(ge.sigmoid(scores), {points: feeds[points]})
    for point, answer in zip(feeds[points], answers, strict=True):
        print(f"{point} -> {answer.item():.3f}")
    wrong = sum(round(answer.item()) != target for answer, (target,) in zip(answers, feeds[targets], strict=True))
    print(f"{wrong} of 4 wrong; criterion: none")
    assert wrong == 0
