# Frames: immutable, reference-counted bytes that any number of connections send from. Thread-safe counts.

cdef extern from *:
    """
    #ifndef GS_FRAME_H
    #define GS_FRAME_H
    #include <stddef.h>
    typedef struct gs_frame { int refs; size_t len; unsigned char data[]; } gs_frame;
    static inline int gs_add(int *value, int by) { return __atomic_add_fetch(value, by, __ATOMIC_ACQ_REL); }
    static inline int gs_get(int *value) { return __atomic_load_n(value, __ATOMIC_ACQUIRE); }
    #endif
    """
    ctypedef struct gs_frame:
        int refs
        size_t len
        unsigned char data[1]
    int gs_add(int *value, int by) noexcept nogil
    int gs_get(int *value) noexcept nogil

# One reference, owned by the caller; NULL when there is no memory. `data` may be NULL: the caller fills it in.
cdef gs_frame *gs_frame_new(const unsigned char *data, size_t size) noexcept nogil
cdef gs_frame *gs_frame_ref(gs_frame *frame) noexcept nogil
# Gives one reference back; NULL is allowed.
cdef void gs_frame_unref(gs_frame *frame) noexcept nogil
# A final unmasked frame (RFC 6455 section 5.2); NULL when there is no memory.
cdef gs_frame *gs_frame_ws(int opcode, const unsigned char *payload, size_t size) noexcept nogil
# A Close frame; a code of 0 makes one without a body. `size` <= 123.
cdef gs_frame *gs_frame_close(int code, const unsigned char *reason, size_t size) noexcept nogil
cdef int gs_frames_alive() noexcept nogil

cdef class Frame:
    cdef gs_frame *frame

cdef Frame frame_wrap(gs_frame *frame)
