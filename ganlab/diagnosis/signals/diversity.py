"""Signals of generated images: whether they are as diverse as the data, and whether some are the same."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ganlab.diagnosis.signals.family import Family, Moment
from ganlab.diagnosis.signals.reference import mean_distance, nearest_distances, variance_of_mean


class Diversity(Family):
    """The fakes of the measuring pass beside the data.

    - ``distance``: the mean Euclidean distance of two fakes in pixels over that of two reals. 1 is as diverse as the
      data, 0 is a single image. (Pairwise distances of samples as a sign of collapse: Srivastava et al. 2017, VEEGAN;
      with MS-SSIM for distances: Odena et al. 2017, section 4.2.)
    - ``feature_distance``: the same in D's last features, of the fakes and of the reals of the pass.
    - ``contrast``: the standard deviation of all pixels of the fakes over that of the data.
    - ``pixel_gap``: the distance between the mean fake and the mean real, per pixel (root mean square), over the
      standard deviation of the data's pixels. The expected distance of two means of so few images is subtracted, so
      that it is 0 where the two distributions have the same mean.
    """

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        measured, data = moment.measured, moment.subject.reference
        fake = measured.fake
        gap = (fake.mean(dim=0) - data.mean).square().sum() - variance_of_mean(fake) - data.mean_variance
        found: dict[str, Tensor | float] = {
            "distance": mean_distance(fake) / data.distance,
            "contrast": fake.std(correction=0) / data.std,
            "pixel_gap": (gap.clamp_min(0) / data.mean.numel()).sqrt() / data.std,
        }
        if measured.fake_features is not None and measured.real_features is not None:
            distance = mean_distance(measured.fake_features) / mean_distance(measured.real_features)
            found["feature_distance"] = distance
        return found


class Duplicates(Family):
    """The birthday test, at sample points: ``duplicates`` is the share of generated images, in [0, 1], whose nearest
    other one is nearer than ``near`` times the median of these distances among as many reals. If s samples contain a
    duplicate, G makes about s² different images or fewer (Arora & Zhang 2018, section 2)."""

    at_samples = True

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        nearest = nearest_distances(moment.pictures)
        limit = moment.subject.settings.near * moment.subject.reference.nearest
        return {"duplicates": (nearest < limit).float().mean()}
