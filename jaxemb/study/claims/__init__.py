"""What an experiment says of its arms, and how that is judged over seeds and examples.

The claims themselves are exported by `jaxemb.study`; here is what they are judged with.
"""

from jaxemb.study.claims.base import EVERY_TASK, Claim, Judgement, Table, judge_all
from jaxemb.study.verdicts import CONTRADICTED, NOT_TESTABLE, SUPPORTED, UNDECIDED
