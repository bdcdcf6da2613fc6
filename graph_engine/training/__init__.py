"""Training: the loop, and the pieces that it is made of; each can be used alone."""

from graph_engine.training.callbacks import Callback, EarlyStopping, Plateau, ReduceOnPlateau
from graph_engine.training.checkpoint import Checkpoint
from graph_engine.training.evaluation import Evaluation
from graph_engine.training.history import History
from graph_engine.training.live import LiveCurves
from graph_engine.training.loop import train
from graph_engine.training.metrics import RunningMeans
from graph_engine.training.progress import Progress
from graph_engine.training.run import Run
from graph_engine.training.sweep import Sweep, learning_rate_sweep

__all__ = [
    "Callback", "Checkpoint", "EarlyStopping", "Evaluation", "History", "LiveCurves", "Plateau", "Progress",
    "ReduceOnPlateau", "Run", "RunningMeans", "Sweep", "learning_rate_sweep", "train",
]  # fmt: skip
