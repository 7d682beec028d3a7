"""Scaling laws: what others found of the best learning rate and batch size, as priors; and laws of one's own trials."""

from .counting import ModelSize
from .domain import Domain
from .errors import LawError, LawWarning
from .evidence import Evidence
from .fitted import FittedLaw
from .fitting import fit_law
from .formula import LinearInLog, PowerLaw
from .law import ScalingLaw
from .loss import LossLaw
from .loss_fit import fit_loss_law
from .openelm import LayerShape, layerwise
from .prediction import Prediction
from .prior import ScalingPrior
from .published import PUBLISHED, DeepSeek, Kaplan, Microsoft, MiniCPM, Porian, StepLaw
from .transfer import Multipliers, MuTransfer, attention_scale
from .uncertainty import Basin, Covariance

__all__ = [
    "PUBLISHED",
    "Basin",
    "Covariance",
    "DeepSeek",
    "Domain",
    "Evidence",
    "FittedLaw",
    "Kaplan",
    "LawError",
    "LawWarning",
    "LayerShape",
    "LinearInLog",
    "LossLaw",
    "Microsoft",
    "MiniCPM",
    "ModelSize",
    "MuTransfer",
    "Multipliers",
    "Porian",
    "PowerLaw",
    "Prediction",
    "ScalingLaw",
    "ScalingPrior",
    "StepLaw",
    "attention_scale",
    "fit_law",
    "fit_loss_law",
    "layerwise",
]
