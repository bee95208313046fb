"""The TFDS builder of pydocs: ArrayRecord files, no TensorFlow, nothing downloaded."""

import contextlib
import errno
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import tensorflow_datasets as tfds

from jaxemb.data.pydocs.store import FIELDS, VERSION

_LISTS = ("links", "neighbours")


class PyDocsBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Documentation of an installation; splits train, dev, test.

    `PyDocs.prepare` sets `records` before it prepares the files; to read them it is not needed.
    """

    records: Sequence[dict[str, Any]] = ()

    name = "pydocs"
    VERSION = tfds.core.Version(VERSION)

    def _info(self) -> tfds.core.DatasetInfo:
        texts = {field: tfds.features.Text() for field in FIELDS if field not in _LISTS}
        lists = {field: tfds.features.Sequence(tfds.features.Text()) for field in _LISTS}
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict({**texts, **lists}),
            disable_shuffling=True,  # the order of the files is kept
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterable]:
        splits = sorted({record["split"] for record in self.records})  # TFDS refuses empty ones
        return {split: self._generate_examples(split) for split in splits}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        chosen = (r for r in self.records if r["split"] == split)
        for i, record in enumerate(chosen):
            yield i, {field: record[field] for field in FIELDS}


def builder(folder: str, configuration: str) -> PyDocsBuilder:
    """The builder of one configuration, named by packages and versions, with files in `folder`."""
    config = tfds.core.BuilderConfig(name=configuration)
    # TFDS logs a warning for a configuration that the class does not list.
    members = {"name": PyDocsBuilder.name, "BUILDER_CONFIGS": [config]}
    listed = type("PyDocsBuilder", (PyDocsBuilder,), members, skip_registration=True)
    return listed(data_dir=folder, config=config, file_format="array_record")


def prepare(folder: str, configuration: str, records: Sequence[dict[str, Any]]) -> None:
    """Write the ArrayRecord files of records."""
    chosen = builder(folder, configuration)
    chosen.records = records
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it announces a download
            chosen.download_and_prepare()
    except RuntimeError as error:  # what ArrayRecord makes of a full disk
        if os.strerror(errno.ENOSPC) in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise
    shutil.rmtree(os.path.join(folder, "downloads"), ignore_errors=True)
