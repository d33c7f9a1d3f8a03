"""HTML pages: the start page, a page for each error code, and the reference.

A page is a typed value with samples; its template sees nothing else. No page needs JavaScript, and
none asks another host for anything.
"""
