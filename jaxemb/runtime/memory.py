"""How the C library is asked to keep memory that a process takes again at once."""

# Each step on a CPU frees and takes the same large arrays again. Asked to keep them, glibc saves a
# fifth of a small model's step, which would go into faults on fresh pages; pages of 2 MB save
# another twentieth. Read when a process starts; ignored elsewhere.
KEEP_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**40),
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
    "MALLOC_TOP_PAD_": str(64 * 2**20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
