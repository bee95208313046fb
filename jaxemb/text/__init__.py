"""How text becomes token ids: tokenizers, role templates and padded batches."""

from jaxemb.text.base import CLS, MASK, PAD, SEP, SPECIALS, UNK, Text, Tokenizer
from jaxemb.text.batch import TextBatch, bucket, pad
from jaxemb.text.bytes import Bytes
from jaxemb.text.given_pieces import GivenPieces
from jaxemb.text.grouping import Group, group_by_length, group_in_few_shapes
from jaxemb.text.prompts import TASK_PROMPTS, Asking, Demonstration, PromptEnsemble
from jaxemb.text.renumbering import fixed_ids, renumbered
from jaxemb.text.spans import Chunked, token_spans
from jaxemb.text.templates import Enclosed, Instruction, Prefix, TaskTemplate, Template
from jaxemb.text.wordpiece import WordPiece
from jaxemb.text.words import Words
