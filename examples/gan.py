"""GAN: a generator learns to make points that a discriminator cannot tell from real ones; two losses, in turn.

The generator makes points of random noise, and never sees a real one. The discriminator gets real and generated points
and says which is which; its gradient is all that the generator learns from. Each of the two has its own loss, its own
weights and its own optimiser; on each batch one takes a step, then the other. Look at the clouds, and at the losses:
neither goes to 0. Where nothing can be told any more, both are log 2.

Run it:      graph-engine demo gan
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine import nn
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

CLOUDS, SPREAD, NOISE, HIDDEN = 5, 0.12, 4, 64
angles = 2 * np.pi * np.arange(CLOUDS) / CLOUDS
MIDDLES = np.column_stack([np.cos(angles), np.sin(angles)])

real = ge.input("real", ("batch", 2))
noise = ge.input("noise", ("batch", NOISE))
generator = nn.Sequential(
    fc1=nn.Linear(NOISE, HIDDEN), act1=nn.relu, fc2=nn.Linear(HIDDEN, HIDDEN), act2=nn.relu, out=nn.Linear(HIDDEN, 2)
)
discriminator = nn.Sequential(
    fc1=nn.Linear(2, HIDDEN), act1=nn.leaky_relu, fc2=nn.Linear(HIDDEN, HIDDEN), act2=nn.leaky_relu,
    out=nn.Linear(HIDDEN, 1),
)  # fmt: skip


def declare_steps(engine: ge.Engine) -> dict[str, ge.CompiledStep]:
    """Compile the two steps, each with its loss and the weights that it changes."""
    with nn.training() as mode:  # gives random keys: new noise in each step
        made, made_again = (generator(ge.random.normal(mode.key(), ("batch", NOISE))) for _ in range(2))
    takes_for_generated = ge.mean(ge.softplus(-discriminator(real)))  # softplus(-s) is -log(sigmoid(s))
    takes_for_real = ge.mean(ge.softplus(discriminator(made)))
    tell_apart = (takes_for_generated + takes_for_real) / 2
    pass_for_real = ge.mean(ge.softplus(-discriminator(made_again)))
    steps = {}
    for name, loss, net in (("discriminator", tell_apart, discriminator), ("generator", pass_for_real, generator)):
        updates = ge.optim.Adam(2e-3, betas=(0.5, 0.999)).minimize(loss, net.parameters())
        steps[name] = engine.compile([real], loss, updates | mode.updates)
    return steps


def show_steps(show: Show, data: np.ndarray) -> None:
    """Take one step of each, and see whose weights it changes."""
    engine, weights = show.engine(), [*discriminator.parameters(), *generator.parameters()]
    for name, step in declare_steps(engine).items():
        before = [engine.value(weight) for weight in weights]
        trace = step.trace(data[:8])
        changed = {w.scope[0] for w, old in zip(weights, before) if np.any(engine.value(w) != old)}
        show.criterion(f"step of the {name}: it alone is changed", changed == {name}, above=0)
        folded = ["discriminator", "generator"]
        show.save(f"{name}.svg", viz.draw(trace, collapse=folded), f"A step of the {name}, with its own loss.")
        show.save(f"{name}.html", viz.steps(trace, collapse=folded), f"The same: only weights of the {name} change.")


class Watch(ge.training.Callback):
    """Keep what the generator makes of the same noise after some of the epochs."""

    def __init__(self, engine: ge.Engine, epochs: list[int]) -> None:
        self.output, self.epochs, self.made = generator(noise), epochs, {}
        self.noise = engine.run(ge.random.normal(ge.random.key(1), (1000, NOISE)))

    def on_start(self, run) -> None:
        self.on_epoch(run)

    def on_epoch(self, run) -> None:
        if run.epoch in self.epochs:
            self.made[f"after {run.epoch} epochs"] = run.engine.run(self.output, {noise: self.noise})


def main(show: Show) -> None:
    data, _ = ge.data.toy.blobs(1000, SPREAD, CLOUDS)
    show_steps(show, data)
    engine = show.engine()
    epochs = show.pick([0, 5, 10, 20, 40, 80, 160, 320], quick=[0, 5, 20, 70])
    watch = Watch(engine, epochs)
    batches = ge.data.batches(data, batch_size=100)
    history = ge.train(declare_steps(engine), batches, epochs[-1], callbacks=[watch])
    figure = plots.clouds(data, watch.made)
    show.save("clouds.png", figure, "All clouds are found in the end; they come out tighter than the real ones.")
    losses = {name: history.train[f"{name}.loss"] for name in ("generator", "discriminator")}
    figure = plots.lines(losses, ylabel="loss", bound=np.log(2), title="Two losses; dotted: nothing can be told, log 2")
    show.save("losses.png", figure, "Where one gets better, the other's loss rises; none says how good the points are.")

    made = list(watch.made.values())[-1]
    distances = np.linalg.norm(made[:, None] - MIDDLES, axis=-1)
    near = distances.min(axis=1) < 3 * SPREAD
    counts = np.bincount(distances.argmin(axis=1)[near], minlength=CLOUDS)
    show.criterion("points within 3 deviations of a cloud", near.mean(), above=show.pick(0.85, quick=0.65))
    show.criterion("points of the rarest cloud, as a part of its share", counts.min() * CLOUDS / len(made), above=0.25)
    spread = np.std((made - MIDDLES[distances.argmin(axis=1)])[near])
    show.criterion("deviation from the middles, over that of the real points", spread / SPREAD, above=0.3, below=1.5)
    apart = np.abs(np.cov(made.T) - np.cov(data.T)).max()
    show.criterion("largest difference of the covariances (the real one is near 0.5)", apart, below=0.15)
    show.criterion("distance of the means", np.linalg.norm(made.mean(axis=0) - data.mean(axis=0)), below=0.2)
    show.criterion("loss of the discriminator, over log 2", losses["discriminator"][-1] / np.log(2), above=0.8)


if __name__ == "__main__":
    run(main)
