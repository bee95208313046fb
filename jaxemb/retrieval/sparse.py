"""Search over sparse vectors, such as weights of the words of a vocabulary."""

import numpy as np
from jaxtyping import Float32, Int32


def sparse_top_k(
    queries: Float32[np.ndarray, "queries dim"],
    documents: Float32[np.ndarray, "documents dim"],
    k: int,
) -> tuple[Int32[np.ndarray, "queries best"], Float32[np.ndarray, "queries best"]]:
    """The `best = min(k, documents)` documents of each query by the dot product of sparse rows.

    Only the numbers that are not 0 are multiplied; ties keep the lower number first.

    Example:
        >>> documents = np.array([[0, 1, 0], [2, 0, 0]], np.float32)
        >>> sparse_top_k(np.array([[1, 0, 0]], np.float32), documents, k=1)[0].tolist()
        [[1]]
    """
    from scipy.sparse import csr_array

    scores = (csr_array(queries) @ csr_array(documents).T).toarray().astype(np.float32)
    order = np.argsort(-scores, axis=1, kind="stable")[:, : min(k, len(documents))].astype(np.int32)
    return order, np.take_along_axis(scores, order, axis=1)
