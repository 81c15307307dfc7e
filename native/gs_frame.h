/* The one immutable buffer that all viewers of a flush share. References change in the two functions below only. */
#ifndef GS_FRAME_H
#define GS_FRAME_H

#include <stddef.h>
#include <stdint.h>

typedef struct gs_frame {
    int32_t refs;
    uint32_t len;
    uint8_t data[];
} gs_frame;

static inline gs_frame *gs_frame_retain(gs_frame *frame) {
    __atomic_add_fetch(&frame->refs, 1, __ATOMIC_RELAXED);
    return frame;
}

/* Returns 1 when this was the last reference: the caller frees. */
static inline int gs_frame_drop(gs_frame *frame) {
    return __atomic_sub_fetch(&frame->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

#endif
