from __future__ import annotations

from ganlab.config.auto import resolve
from ganlab.config.parse import parse
from ganlab.config.settings import Settings
from ganlab.networks.norms import BatchNorm, LayerNorm, NoNorm
from ganlab.training.optimizers import Adam
from tests.conftest import tiny


def test_bce_and_wasserstein_resolve_to_their_papers() -> None:
    bce = tiny(loss="bce").settings
    assert bce.norm.discriminator.layer == BatchNorm()
    assert bce.schedule.n_critic == 1
    assert bce.optimizer.generator == bce.optimizer.discriminator == Adam(2e-4, (0.5, 0.999))
    critic = tiny(loss="wasserstein", regularizer={"gradient_penalty": {}}).settings
    assert critic.norm.discriminator.layer == LayerNorm()
    assert critic.norm.generator.layer == BatchNorm()
    assert critic.schedule.n_critic == 5
    assert critic.optimizer.generator == critic.optimizer.discriminator == Adam(1e-4, (0.0, 0.9))


def test_betas_are_floats() -> None:
    """Adam(betas=(0, 0.9)) raises in torch 2.15."""
    betas = tiny(loss="wasserstein").settings.optimizer.generator.betas
    assert [type(beta) for beta in betas] == [float, float]


def test_the_architecture_may_have_its_say() -> None:
    assert tiny(discriminator={"name": "mlp", "hidden": [8]}).settings.norm.discriminator.layer == NoNorm()


def test_typed_values_stay_and_only_the_rest_is_told() -> None:
    typed = {
        "loss": "wasserstein",
        "schedule": {"name": "alternating", "n_critic": 2},
        "optimizer": {"generator": {"name": "adam", "lr": 3e-4}},
    }
    settings, chosen = resolve(parse(Settings, typed))
    assert settings.schedule.n_critic == 2
    assert settings.optimizer.generator == Adam(3e-4, (0.0, 0.9))
    assert "schedule.n_critic" not in chosen
    assert "optimizer.generator.lr" not in chosen
    assert chosen["optimizer.discriminator.lr"] == 1e-4


def test_nothing_is_left_to_choose() -> None:
    settings, _ = resolve(Settings())
    assert resolve(settings) == (settings, {})
