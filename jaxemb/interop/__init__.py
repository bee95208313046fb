"""Models of other libraries: weights, tokenizers and folders of Hugging Face, read without torch."""

from jaxemb.interop.export import export
from jaxemb.interop.folder import describe, is_folder, read, read_output
from jaxemb.interop.loading import load
from jaxemb.interop.locate import find
from jaxemb.interop.pretrained import Pretrained, weights_at_hand
from jaxemb.interop.program import Program, export_program, load_program
from jaxemb.interop.runs import FromRun
