"""Explanations of fitted estimators: the time steps and features that their predictions depend on."""

from skrnn._inspection.importance_display import ImportanceDisplay
from skrnn._inspection.integrated_gradients import integrated_gradients
from skrnn._inspection.sequence_importance import sequence_importance

__all__ = ["ImportanceDisplay", "integrated_gradients", "sequence_importance"]
