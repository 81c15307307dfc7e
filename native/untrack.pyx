"""Takes JSON out of the sight of the garbage collector.

A document is a tree: counting references frees it, and no cycle ever leads through it. The collector does not know that, and
would go through every new version of every document.
"""

from cpython.dict cimport PyDict_GetItemWithError, PyDict_Next
from cpython.object cimport PyObject

cdef extern from "Python.h":
    void PyObject_GC_UnTrack(PyObject *value)
    bint PyDict_CheckExact(PyObject *value)


cdef enum:
    DEPTH_MAX = 64      # deeper than any event may be


cdef int _untrack(dict document, dict patch, int depth) except -1:
    cdef PyObject *key
    cdef PyObject *change
    cdef PyObject *member
    cdef Py_ssize_t at = 0
    PyObject_GC_UnTrack(<PyObject *>document)
    if depth == DEPTH_MAX:
        return 0
    while PyDict_Next(patch, &at, &key, &change):
        if not PyDict_CheckExact(change):
            continue
        member = PyDict_GetItemWithError(document, <object>key)
        if member != NULL and PyDict_CheckExact(member):
            _untrack(<dict>member, <dict>change, depth + 1)
    return 0


def untrack(dict document not None, dict patch not None):
    """Hides the objects of a JSON `document` that `patch`, which led to it, has made anew."""
    _untrack(document, patch, 0)
