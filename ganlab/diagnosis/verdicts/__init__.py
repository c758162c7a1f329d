"""Names what is wrong with a training, from the rows of its metrics and scores: verdicts with evidence and advice."""

from ganlab.diagnosis.verdicts.judge import Changes, Judge
from ganlab.diagnosis.verdicts.records import HEALTHY, NAMES, TITLES, Advice, Evidence, Verdict
from ganlab.diagnosis.verdicts.replay import judged, replay, thresholds_of
from ganlab.diagnosis.verdicts.scores import scores_in
from ganlab.diagnosis.verdicts.settings import VerdictSettings

__all__ = [
    "HEALTHY",
    "NAMES",
    "TITLES",
    "Advice",
    "Changes",
    "Evidence",
    "Judge",
    "Verdict",
    "VerdictSettings",
    "judged",
    "replay",
    "scores_in",
    "thresholds_of",
]
