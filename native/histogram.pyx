"""A latency histogram in native code: 64 buckets an octave, so that a value is known within 1.6 %.

Owns its counters; knows microseconds and nothing of where they come from. Dumps of several processes can be merged.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset


cdef extern from *:
    int __builtin_clzll(unsigned long long value) noexcept nogil


cdef void gs_record(gs_histogram *histogram, uint64_t value_us) noexcept nogil:
    """Counts one value; what is longer than 2^41 us (25 days) counts as that."""
    cdef uint64_t capped = value_us if value_us < (<uint64_t>2 << GS_TOP_BIT) else (<uint64_t>2 << GS_TOP_BIT) - 1
    cdef int top
    cdef uint64_t index
    if capped < GS_SUB_BUCKETS:
        index = capped
    else:
        top = 63 - __builtin_clzll(capped)
        # The leading bit and the six bits after it; the shift keeps the result in [64, 128).
        index = GS_SUB_BUCKETS * <uint64_t>(top - GS_SUB_BITS) + (capped >> (top - GS_SUB_BITS))
    histogram.buckets[index] += 1
    histogram.count += 1
    histogram.total_us += capped
    if capped > histogram.max_us:
        histogram.max_us = capped


cdef uint64_t upper_bound(uint64_t index) noexcept nogil:
    """The greatest value that falls into a bucket."""
    cdef uint64_t octave
    if index < GS_SUB_BUCKETS:
        return index
    octave = index // GS_SUB_BUCKETS - 1
    return ((index - GS_SUB_BUCKETS * octave + 1) << octave) - 1


cdef class Histogram:
    """Counts of durations in microseconds."""

    def __cinit__(self):
        memset(&self.data, 0, sizeof(gs_histogram))

    @property
    def count(self) -> int:
        """How many values were recorded."""
        return self.data.count

    @property
    def max_us(self) -> int:
        """The greatest value."""
        return self.data.max_us

    @property
    def mean_us(self) -> float:
        """The mean; 0 when nothing was recorded."""
        return self.data.total_us / <double>self.data.count if self.data.count else 0.0

    def record(self, value_us: int) -> None:
        """Counts one value; a negative one counts as 0."""
        gs_record(&self.data, value_us if value_us > 0 else 0)

    def percentile_us(self, percent: float) -> int:
        """The value that `percent` of the values do not exceed; 0 when nothing was recorded."""
        if not 0.0 <= percent <= 100.0:
            raise ValueError("a percentile lies between 0 and 100")
        cdef double wanted = self.data.count * <double>percent / 100.0
        cdef uint64_t seen = 0
        cdef uint64_t index
        if self.data.count == 0:
            return 0
        for index in range(<uint64_t>GS_BUCKETS):
            seen += self.data.buckets[index]
            if seen >= wanted and seen > 0:
                return min(upper_bound(index), self.data.max_us)
        return self.data.max_us

    def summary(self) -> dict[str, float]:
        """Count, mean, p50, p90, p99, p99.9 and maximum, in milliseconds."""
        return {
            "count": self.data.count,
            "mean_ms": round(self.mean_us / 1000, 3),
            "p50_ms": self.percentile_us(50) / 1000,
            "p90_ms": self.percentile_us(90) / 1000,
            "p99_ms": self.percentile_us(99) / 1000,
            "p999_ms": self.percentile_us(99.9) / 1000,
            "max_ms": self.data.max_us / 1000,
        }

    def dump(self) -> bytes:
        """All counters as bytes, for `merge` in another process of the same machine."""
        return (<char *>&self.data)[:sizeof(gs_histogram)]

    def merge(self, dumped: bytes) -> None:
        """Adds the counters of a dump.

        Raises:
            ValueError: the bytes are not a dump.
        """
        cdef gs_histogram other
        cdef int index
        if len(dumped) != sizeof(gs_histogram):
            raise ValueError("not a histogram's dump")
        memcpy(&other, <const char *>dumped, sizeof(gs_histogram))
        self.data.count += other.count
        self.data.total_us += other.total_us
        self.data.max_us = max(self.data.max_us, other.max_us)
        for index in range(GS_BUCKETS):
            self.data.buckets[index] += other.buckets[index]
