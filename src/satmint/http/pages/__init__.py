"""HTML pages: the start page, a page for each error code, and the reference.

A page is a typed value with samples, and its template has access to nothing else. No page loads
anything from another host. Only `/try` needs JavaScript: on a development server, it demonstrates
the vendor's SDK. Scripts add search, copying and trying to the reference, which is complete without
them. Errors that a browser meets are pages too.
"""
