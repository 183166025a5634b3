"""Features as they were at a time, for training sets, and an example of training on them."""

from footfall.features.churn import Question, TrainingData, training_data
from footfall.features.point_in_time import point_in_time
from footfall.features.runs import TrainedReport, train_example

__all__ = [
    "Question",
    "TrainedReport",
    "TrainingData",
    "point_in_time",
    "train_example",
    "training_data",
]
