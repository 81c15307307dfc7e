# cython: language_level=3
"""Counts the native objects that are alive, so that a test can assert that none is left.

Owns the counters; never frees or allocates anything itself.
"""

cdef extern from *:
    """
    static long gs_live[8];
    #define gs_live_add(what, by) __atomic_add_fetch(&gs_live[what], by, __ATOMIC_RELAXED)
    #define gs_live_get(what) __atomic_load_n(&gs_live[what], __ATOMIC_RELAXED)
    """
    long gs_live_add(int what, long by) nogil
    long gs_live_get(int what) nogil


cdef void live(int what, long by) noexcept nogil:
    gs_live_add(what, by)


def counts() -> dict:
    """Native objects alive now, by kind."""
    return {
        "frames": gs_live_get(LIVE_FRAMES),
        "connections": gs_live_get(LIVE_CONNECTIONS),
        "subscriptions": gs_live_get(LIVE_SUBSCRIPTIONS),
        "groups": gs_live_get(LIVE_GROUPS),
        "buffers": gs_live_get(LIVE_BUFFERS),
    }
