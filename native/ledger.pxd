# Live counters of every native object, shared by all extension modules. Raised and lowered only where the object is
# made and freed; never on the way of a frame.

cdef enum:
    LIVE_FRAMES
    LIVE_CONNECTIONS
    LIVE_SUBSCRIPTIONS
    LIVE_GROUPS
    LIVE_BUFFERS
    LIVE_KINDS

cdef void live(int what, long by) noexcept nogil
