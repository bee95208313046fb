"""The modules of a sentence-transformers folder: pooling, what follows it, length, prompts."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from jaxemb.config import UsageError
from jaxemb.config.reading import inside, read_json
from jaxemb.heads import Activated, Chain, Head, Identity, Linear, Normalize, Normed
from jaxemb.interop.architectures import activation
from jaxemb.interop.files import Tensors
from jaxemb.interop.settings import (
    HeadSettings,
    Module,
    PoolingSettings,
    Prompts,
    Sentences,
    VocabularySettings,
    read_settings,
)
from jaxemb.losses import Cosine, Dot, Euclidean, Manhattan, Similarity
from jaxemb.nn import LayerNorm
from jaxemb.pooling import (
    Concatenation,
    FirstToken,
    LastToken,
    Max,
    Mean,
    Pooling,
    PositionWeightedMean,
    RootLengthSum,
    VocabularyMax,
    VocabularySum,
    WithoutPrompt,
)
from jaxemb.text import Template

POOLINGS = {
    "cls": FirstToken, "max": Max, "mean": Mean, "mean_sqrt_len_tokens": RootLengthSum,
    "weightedmean": PositionWeightedMean, "lasttoken": LastToken,
}  # fmt: skip
# The flags of older folders, in the order in which several are joined.
_FLAGS = {
    "pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean", "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean", "pooling_mode_lasttoken": "lasttoken",
}  # fmt: skip
_VECTOR = "sentence_embedding"


@dataclasses.dataclass(frozen=True)
class HeadFile:
    """A head, and where its parameters stand: the folder, and their names by path in ours.

    Attributes:
        absent: names of biases that the settings leave out, which are zero.
    """

    head: Head
    place: Path
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    absent: tuple[str, ...] = ()

    def params(self) -> dict[str, Any]:
        """The head's parameters.

        Raises:
            UsageError: the weights lack one that the settings do not leave out.
        """
        if not self.names:
            return {}
        tensors = Tensors(self.place)
        wanted = [name for name in self.names.values() if name not in self.absent]
        lacking = [name for name in wanted if name not in tensors.names()]
        if lacking:
            raise UsageError(f"The weights in {self.place} lack {lacking[0]}.")
        arrays = tensors.read(wanted)
        found: dict[str, Any] = {}
        for path, name in self.names.items():
            *parents, leaf = path.split("/")
            target = found
            for parent in parents:
                target = target.setdefault(parent, {})
            array = arrays.get(name)
            first = next(iter(arrays.values()))
            array = jnp.zeros(first.shape[:1]) if array is None else jnp.asarray(array)
            target[leaf] = array.T if leaf == "kernel" else array
        return found


@dataclasses.dataclass(frozen=True)
class Modules:
    """What a folder's files say besides the network: where that is, and what becomes of its states.

    Attributes:
        network: its folder.
        pooling: None where no file says it.
        predicts: whether the pooling reads the network's output of tokens, which it is then given.
        similarity: how vectors are compared in a search.
    """

    network: Path
    pooling: Pooling | None
    predicts: bool
    similarity: Similarity
    heads: tuple[HeadFile, ...]
    template: Template
    max_tokens: int | None
    lowercase: bool

    @property
    def head(self) -> Head:
        """All heads as one."""
        if len(self.heads) < 2:
            return self.heads[0].head if self.heads else Identity()
        return Chain(heads=tuple(one.head for one in self.heads))

    def head_params(self) -> dict[str, Any]:
        """Parameters of `head`, read from its modules' folders."""
        if len(self.heads) < 2:
            return self.heads[0].params() if self.heads else {}
        found = {f"heads_{place}": one.params() for place, one in enumerate(self.heads)}
        return {name: params for name, params in found.items() if params}


def read_modules(folder: Path) -> Modules:
    """Reads `modules.json` and the files it names; a plain folder has none of them.

    Raises:
        UsageError: a module or a setting that no part here does.
    """
    listing = folder / "modules.json"
    listed = read_json(listing, list[Module], default=[])
    kinds = [str(entry.get("type", "")).rpartition(".")[2] for entry in listed]
    places = [inside(folder, entry.get("path", ""), listing) for entry in listed]
    if listing.is_file() and tuple(kinds[:2]) not in _BEGINNINGS:
        raise UsageError(
            f"{listing} begins with {', '.join(kinds[:2]) or 'nothing'}; jaxemb reads folders "
            "that begin with Transformer, Pooling or, of sparse vectors, Transformer, SpladePooling."
        )
    predicts = "SpladePooling" in kinds
    network = places[0] if listed else folder
    settings = read_settings(network / "sentence_bert_config.json", Sentences, {})
    about = folder / "config_sentence_transformers.json"
    prompts, usual = read_settings(about, Prompts, {}), Dot() if predicts else Cosine()
    after = zip(kinds[2:], places[2:], strict=True)
    return Modules(
        network=network,
        pooling=_BEGINNINGS[tuple(kinds[:2])](places[1]) if listed else None,
        predicts=predicts,
        similarity=_similarity(prompts.get("similarity_fn_name"), usual, about),
        heads=tuple(head for kind, place in after for head in _heads(kind, place)),
        template=_template(prompts, about),
        max_tokens=settings.get("max_seq_length"),
        lowercase=bool(settings.get("do_lower_case", False)),
    )


def _pooling(place: Path) -> Pooling:
    config = read_settings(place / "config.json", PoolingSettings)
    modes = config.get("pooling_mode") or [m for f, m in _FLAGS.items() if config.get(f)]
    modes = [modes] if isinstance(modes, str) else list(modes) or ["mean"]
    unknown = [mode for mode in modes if mode not in POOLINGS]
    if unknown:
        known = ", ".join(POOLINGS)
        raise UsageError(
            f"{place / 'config.json'} asks for the pooling {unknown[0]!r}; there are {known}."
        )
    poolings = tuple(POOLINGS[mode]() for mode in modes)
    pooling = poolings[0] if len(poolings) == 1 else Concatenation(poolings=poolings)
    if config.get("include_prompt") is not False:
        return pooling
    if "weightedmean" in modes:
        raise UsageError(
            f"{place / 'config.json'} leaves the prompt's tokens out of a mean whose weights count "
            "them, and no part here does."
        )
    return WithoutPrompt(inner=pooling)


def _vocabulary(place: Path) -> Pooling:
    """Weights of the vocabulary; the output that they are read from is the network's."""
    config = read_settings(place / "config.json", VocabularySettings, {})
    strategy, function = (
        config.get("pooling_strategy", "max"), config.get("activation_function", "relu")
    )  # fmt: skip
    if strategy not in _STRATEGIES or function != "relu":
        raise UsageError(
            f"{place / 'config.json'} asks for the weights {strategy!r} of {function!r}; there are "
            f"{' and '.join(_STRATEGIES)} of relu."
        )
    return _STRATEGIES[strategy]()


_STRATEGIES = {"max": VocabularyMax, "sum": VocabularySum}
_BEGINNINGS = {
    ("Transformer", "Pooling"): _pooling,
    ("MLMTransformer", "SpladePooling"): _vocabulary,
    ("Transformer", "SpladePooling"): _vocabulary,
}


SIMILARITIES: dict[str, type[Similarity]] = {
    "cosine": Cosine, "dot": Dot, "euclidean": Euclidean, "manhattan": Manhattan,
}  # fmt: skip
"""By their names there; distances are negative in both."""


def _similarity(name: str | None, usual: Similarity, place: Path) -> Similarity:
    if name is None:
        return usual
    if name not in SIMILARITIES:
        raise UsageError(
            f"{place} has the similarity_fn_name {name!r}; jaxemb reads {', '.join(SIMILARITIES)}."
        )
    return SIMILARITIES[name]()


def _heads(kind: str, place: Path) -> Sequence[HeadFile]:
    """The heads that a module after the pooling is; dropout is none, where nothing is trained."""
    config = read_settings(place / "config.json", HeadSettings, {})
    read, written = (config.get(f"module_{end}_name") for end in ("input", "output"))
    if {read, written} - {None, _VECTOR}:
        raise UsageError(f"{place} changes {read or written}; jaxemb reads modules of vectors.")
    if kind == "Normalize":
        return [HeadFile(Normalize(), place)]
    if kind == "Dropout":
        return []
    if kind == "LayerNorm":
        names = {"norm/scale": "norm.weight", "norm/bias": "norm.bias"}
        return [HeadFile(Normed(norm=LayerNorm(epsilon=1e-5)), place, names)]
    if kind == "Dense":
        return _dense(config, place)
    known = "Dense, Dropout, LayerNorm, Normalize"
    raise UsageError(
        f"{place} is a module of type {kind!r} after the pooling; jaxemb reads {known}."
    )


def _dense(config: Mapping[str, Any], place: Path) -> list[HeadFile]:
    if config.get("use_residual"):
        raise UsageError(f"{place} adds its input to its output, and no part here does.")
    if "out_features" not in config:
        raise UsageError(f"{place / 'config.json'} does not say out_features.")
    names = {"kernel": "linear.weight", "bias": "linear.bias"}
    absent = () if config.get("bias", True) else ("linear.bias",)
    linear = HeadFile(Linear(dim=config["out_features"]), place, names, absent)
    function = str(config.get("activation_function", "Tanh")).rpartition(".")[2]
    if function == "Identity":
        return [linear]
    try:
        return [linear, HeadFile(Activated(activation=activation(function.lower())), place)]
    except UsageError as error:
        raise UsageError(f"{place / 'config.json'}: {error}.") from None


def _template(settings: Mapping[str, Any], place: Path) -> Template:
    """The prompts for queries and documents, else the one that is the default."""
    named = settings.get("prompts") or {}
    prompts = {name: text for name, text in named.items() if text is not None}
    usual = settings.get("default_prompt_name")
    if usual is not None and usual not in named:
        raise UsageError(
            f"{place} has the default_prompt_name {usual!r}; there are {', '.join(named) or 'none'}."
        )
    default = prompts.get(usual or "", "")
    # An empty prompt is a prompt: only one that is absent falls back to the next.
    names = [name for name in ("document", "passage", "corpus") if name in prompts]
    document = prompts[names[0]] if names else default
    return Template(query=prompts.get("query", default), document=document)
