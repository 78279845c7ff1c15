"""What a denoiser is trained on: features, and what they mean through forward kinematics."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from nestmotion.core.kinematics import forward_kinematics
from nestmotion.core.noise import signal_and_noise
from nestmotion.core.rotations import (
    quat_apply,
    quat_from_matrix,
    quat_from_yaw,
    rotation_6d_to_matrix,
)
from nestmotion.core.skeleton import Skeleton
from nestmotion.features.layout import CONTACT_JOINTS, FeatureLayout

__all__ = ["LossWeights", "MotionLoss"]


@dataclass(frozen=True)
class LossWeights:
    """Weight of each term; a weight of 0 leaves the term out.

    features: squared error of normalised features; `root` is what the root's columns count for more.
    position: squared error of joint positions by kinematics, m^2.
    velocity: of joint velocities by kinematics, (m/s)^2.
    acceleration: of joint accelerations by kinematics, (m/s^2)^2.
    contact: squared speed by which feet that stand go faster than they do in truth, (m/s)^2.
    ground: squared depth of feet under the floor, m^2.

    Of nested alone (models/alignment.py):
    sentence, phrase: contrast of clips with sentences, and of stretches of them with phrases.
    turns: log-probability of the turns of composed clips, which are known.
    order: turns that do not follow one another.
    """

    features: float = 1.0
    root: float = 3.0
    position: float = 3.0
    velocity: float = 0.3
    acceleration: float = 0.001
    contact: float = 1.0
    ground: float = 10.0
    sentence: float = 0.02
    phrase: float = 0.02
    turns: float = 0.1
    order: float = 0.1


class MotionLoss(torch.nn.Module):
    """Terms of the loss for batches of normalised features on one skeleton."""

    mean: Tensor
    std: Tensor
    column_weight: Tensor
    offsets_m: Tensor

    def __init__(
        self, weights: LossWeights, skeleton: Skeleton, mean: Tensor, std: Tensor, fps: float
    ) -> None:
        super().__init__()
        self.weights, self.skeleton, self.fps = weights, skeleton, fps
        self.layout = FeatureLayout.of(skeleton)
        self.feet = [skeleton.index(name) for name in CONTACT_JOINTS]
        column = torch.ones(self.layout.size)
        column[: self.layout["rotations"].start] = weights.root
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        self.register_buffer("column_weight", column / column.mean(), persistent=False)
        offsets = torch.tensor(skeleton.offsets_m, dtype=torch.float32)
        self.register_buffer("offsets_m", offsets, persistent=False)

    def forward(
        self,
        predicted: Float[Tensor, "b t f"],
        target: Float[Tensor, "b t f"],
        valid: Bool[Tensor, "b t"],
        time: Float[Tensor, "b"],
    ) -> dict[str, Tensor]:
        """Each term unweighted, and "total", their weighted sum; means over valid frames.

        time: the noise times that were predicted from. What goes through kinematics counts by the
        signal's share of the power: where there is hardly anything but noise the best prediction is the
        mean of all features that are possible, and its joints are nobody's (docs/adr/0033).
        """
        w = self.weights
        square = ((predicted - target) ** 2 * self.column_weight).mean(dim=-1)
        terms = {"features": square[valid].mean()}
        if w.position or w.velocity or w.acceleration or w.contact or w.ground:
            terms |= self._kinematic_terms(predicted, target, valid, time)
        total = sum(getattr(w, name) * value for name, value in terms.items())
        return {**terms, "total": total}

    def imitation(
        self,
        predicted: Float[Tensor, "b t f"],
        wanted: Float[Tensor, "b t f"],
        valid: Bool[Tensor, "b t"],
    ) -> dict[str, Tensor]:
        """As `forward`, with another model's prediction for a target: joints of both by kinematics,
        because a prediction's columns need not agree with each other."""
        w, both_valid = self.weights, valid[:, 1:] & valid[:, :-1]
        square = ((predicted - wanted) ** 2 * self.column_weight).mean(dim=-1)
        found, found_velocity = self._joints(predicted * self.std + self.mean)
        aim, aim_velocity = self._joints(wanted * self.std + self.mean)
        error = (found - aim).square().sum(dim=-1).mean(dim=-1)
        off = found_velocity - aim_velocity
        jolt = (off.diff(dim=1) * self.fps).square().sum(dim=-1).mean(dim=-1)
        terms = {
            "features": square[valid].mean(),
            "position": error[valid].mean(),
            "velocity": off.square().sum(dim=-1).mean(dim=-1)[both_valid].mean(),
            "acceleration": jolt[both_valid[:, 1:] & both_valid[:, :-1]].mean(),
        }
        return {**terms, "total": sum(getattr(w, name) * value for name, value in terms.items())}

    def _kinematic_terms(
        self, predicted: Tensor, target: Tensor, valid: Tensor, time: Tensor
    ) -> dict[str, Tensor]:
        layout, both_valid = self.layout, valid[:, 1:] & valid[:, :-1]
        full = predicted * self.std + self.mean
        found, found_velocity = self._joints(full)
        true = target * self.std + self.mean
        wanted = true[..., layout["joint_positions"]].unflatten(-1, (-1, 3))
        wanted_velocity = true[:, :-1, layout["joint_velocities"]].unflatten(-1, (-1, 3))
        error = (found[..., 1:, :] - wanted).square().sum(dim=-1).mean(dim=-1)
        velocity_error = (found_velocity - wanted_velocity).square().sum(dim=-1).mean(dim=-1)
        jolt = ((found_velocity - wanted_velocity).diff(dim=1) * self.fps).square().sum(dim=-1)
        three_valid = both_valid[:, 1:] & both_valid[:, :-1]
        speed, true_speed = (
            v[..., self.feet, :].norm(dim=-1) for v in (found_velocity, wanted_velocity)
        )
        slides = (speed - true_speed).clamp(min=0.0).square()
        stands = true[:, :-1, layout["contacts"]] * both_valid[..., None]
        # A true foot under the floor (soft ground, noise) may be followed there.
        true_feet = wanted[..., [j - 1 for j in self.feet], 1] + true[..., layout["root_height"]]
        feet = found[..., self.feet, 1] + full[..., layout["root_height"]]
        under = (true_feet.clamp(max=0.0) - feet).clamp(min=0.0).square()
        power = signal_and_noise(time)[0][:, None] ** 2
        return {
            "position": (power * error)[valid].mean(),
            "velocity": (power * velocity_error)[both_valid].mean(),
            "acceleration": (power * jolt.mean(dim=-1))[three_valid].mean(),
            "contact": (power[..., None] * slides * stands).sum() / stands.sum().clamp(min=1.0),
            "ground": (power * under.mean(dim=-1))[valid].mean(),
        }

    def _joints(
        self, features: Float[Tensor, "b t f"]
    ) -> tuple[Float[Tensor, "b t j 3"], Float[Tensor, "b u j 3"]]:
        """Joint positions relative to the root in each frame's heading frame (m), and world velocities
        to the next frame in the same axes (m/s), as decoding builds them: from rotations, root height
        and root velocities alone."""
        layout = self.layout
        six = features[..., layout["rotations"]].unflatten(-1, (-1, 6))
        local = quat_from_matrix(rotation_6d_to_matrix(six))
        root = torch.zeros_like(six[..., 0, :3])
        joints, _ = forward_kinematics(self.skeleton.parents, self.offsets_m, local, root)
        turn = quat_from_yaw(features[:, :-1, layout["heading_velocity"]][..., 0] / self.fps)
        next_here = quat_apply(turn[..., None, :], joints[:, 1:])
        side, ahead = features[:, :-1, layout["root_velocity"]].unbind(dim=-1)
        height = features[..., layout["root_height"]][..., 0]
        rise = (height[:, 1:] - height[:, :-1]) * self.fps
        travel = torch.stack((side, rise, ahead), dim=-1)[..., None, :]
        return joints, (next_here - joints[:, :-1]) * self.fps + travel
