"""Models of the size and shape that courses bring: what their pictures have to cope with."""

import numpy as np

import graph_engine as ge

nn = ge.nn


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape)


class Bottleneck(nn.Module):
    def __init__(self, width, inner, out, stride):
        self.conv1, self.bn1 = nn.Conv2d(width, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, out, 1, bias=False), nn.BatchNorm2d(out)
        same = stride == 1 and width == out
        self.shortcut = nn.Identity() if same else nn.Conv2d(width, out, 1, stride, bias=False)

    def forward(self, x):
        h = nn.relu(self.bn1(self.conv1(x)))
        h = nn.relu(self.bn2(self.conv2(h)))
        return nn.relu(self.bn3(self.conv3(h)) + self.shortcut(x))


class ResNet50(nn.Module):
    """With few channels."""

    def __init__(self, width=4):
        self.stem, self.bn = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        channels, stages = width, []
        for number, depth in enumerate((3, 4, 6, 3)):
            blocks = []
            for block in range(depth):
                inner = width * 2**number
                blocks.append(Bottleneck(channels, inner, 4 * inner, 2 if number and not block else 1))
                channels = 4 * inner
            stages.append(nn.Sequential(*blocks))
        self.stage1, self.stage2, self.stage3, self.stage4 = stages
        self.fc = nn.Linear(channels, 10)

    def forward(self, x):
        x = nn.max_pool2d(nn.relu(self.bn(self.stem(x))), 3, stride=2, padding=1)
        x = self.stage4(self.stage3(self.stage2(self.stage1(x))))
        return self.fc(ge.mean(x, axis=(2, 3)))


def resnet():
    return ge.Graph(ResNet50()(ge.input("images", ("batch", 3, 32, 32))))


def resnet_training():
    x, t = ge.input("images", ("batch", 3, 32, 32)), ge.input("labels", ("batch",), "int64")
    with nn.training():
        loss = nn.cross_entropy(ResNet50()(x), t)
    return ge.Engine("numpy").trace(loss, {x: normal(2, 3, 32, 32), t: [1, 2]})


def residual():
    x = ge.input("x", ("batch", 4, 8, 8))
    conv1, conv2 = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
    y = nn.relu(x + conv2(nn.relu(conv1(x))))
    return ge.Engine("numpy").trace(ge.mean(y), {x: normal(2, 4, 8, 8)})


class Twice(nn.Module):
    def __init__(self, before, after):
        self.conv1, self.conv2 = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)

    def forward(self, x):
        return nn.relu(self.conv2(nn.relu(self.conv1(x))))


class UNet(nn.Module):
    def __init__(self):
        self.down1, self.down2, self.bottom = Twice(1, 4), Twice(4, 8), Twice(8, 16)
        self.up2, self.up1 = nn.ConvTranspose2d(16, 8, 2, stride=2), nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.merge2, self.merge1, self.head = Twice(16, 8), Twice(8, 4), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        d1 = self.down1(x)
        d2 = self.down2(nn.max_pool2d(d1, 2))
        b = self.bottom(nn.max_pool2d(d2, 2))
        u2 = self.merge2(ge.concat([d2, self.up2(b)], axis=1))
        return self.head(self.merge1(ge.concat([d1, self.up1(u2)], axis=1)))


def unet():
    x = ge.input("x", ("batch", 1, 16, 16))
    return ge.Engine("numpy").trace(ge.mean(ge.square(UNet()(x))), {x: normal(1, 1, 16, 16)})


def convolutions():
    x, t = ge.input("x", ("batch", 1, 28, 28)), ge.input("labels", ("batch",), "int64")
    net = nn.Sequential(nn.Conv2d(1, 4, 5, 2, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(196, 10))
    return ge.Engine("numpy").trace(nn.cross_entropy(net(x), t), {x: normal(2, 1, 28, 28), t: [0, 1]})


def lstm(unroll=False, steps=20):
    xs = ge.input("xs", (steps, 2, 3))
    ys, _ = nn.LSTM(3, 4, unroll=unroll, name="lstm")(xs)
    return ge.Engine("numpy").trace(ge.mean(ge.square(ys)), {xs: normal(steps, 2, 3)})


def lstm_unrolled():
    return lstm(unroll=True)


def running_mean():
    xs, decay = ge.input("xs", "time"), ge.input("decay")

    def step(mean, x):
        mean = decay * mean + (1 - decay) * x
        return mean, mean

    last, _ = ge.scan(step, 0.0, xs)
    return ge.Engine("numpy").trace(last, {xs: [8, 0, 4], decay: 0.5})


def tied(steps=20):
    """A recurrent network of one unit, written out."""
    xs, w, u = ge.input("xs", steps), ge.parameter("w", np.float32(0.9)), ge.parameter("u", np.float32(0.5))
    h = 0.0
    for t, x in enumerate(ge.unstack(xs)):
        with ge.scope(f"t{t}"):
            h = ge.tanh(w * h + u * x)
    loss = ge.square(h)
    return ge.Engine("numpy").trace(loss, {xs: normal(steps)})


def dropout():
    x, t = ge.input("x", ("batch", 8)), ge.input("labels", ("batch",), "int64")
    first, norm, last = nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Linear(16, 3)
    with nn.training():
        h = nn.dropout(nn.relu(norm(first(x))), 0.5)
        loss = nn.cross_entropy(last(h), t)
    return ge.Engine("numpy").trace(loss, {x: normal(4, 8), t: [0, 1, 2, 0]})


MODELS = {
    model.__name__: model
    for model in (resnet_training, residual, unet, convolutions, lstm, lstm_unrolled, running_mean, tied, dropout)
}
