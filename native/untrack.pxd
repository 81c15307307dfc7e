# Dicts of a document that the collector need not see: those along the keys of a patch.

cdef int _untrack(dict document, dict patch, int depth) except -1
